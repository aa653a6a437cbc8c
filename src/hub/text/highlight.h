/* hub/text/highlight.h - source code with spans around keywords, strings, numbers, comments.
 *
 * One small lexer for all languages, told by a table what their words, quotes and comments look like.  It knows no grammar and
 * never fails: what it does not recognise is text.  What comes out is the text, escaped, and spans of the classes below. */
#ifndef HUB_HIGHLIGHT_H
#define HUB_HIGHLIGHT_H

#include "base/buf.h"

/* hl-k keyword, hl-s string, hl-c comment, hl-n number, hl-f what is called, hl-t name of a key, tag or variable,
 * hl-a added line, hl-d deleted line. */

/* "python", "py", ..., as they stand behind ``` or at the end of a file's name; .p NULL: no such language. */
bool highlight_knows(str language);
/* Escaped text with spans; without any if the language is not known. */
void highlight_add(struct buf *out, str language, str code);

/* Takes the next line from what highlight_add made: whole by itself, for a span that goes on over its end is closed, and opened again in the next.
 * *open is the span that goes on: .p NULL at first. */
bool highlight_cut_line(str *html, str *open, struct buf *line);

#endif
