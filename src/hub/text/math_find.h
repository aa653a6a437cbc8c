/* hub/text/math_find.h - where the formulas of a Markdown text are.
 *
 * They are taken out before Markdown is read, which would make emphasis of their underscores and eat their backslashes; a
 * mark stands in the place of each, and clean.c puts the formula back where the mark comes out as text.  Formulas are
 * $$...$$ and \\[...\\] (on lines of their own), $...$ and \\(...\\), and code fenced as "math"; not what stands in code, and not
 * amounts of money: what is between single signs begins and ends without a blank, and stands apart from words around it. */
#ifndef HUB_MATH_FIND_H
#define HUB_MATH_FIND_H

#include "base/buf.h"

enum { MATH_PIECES_MAX = 500 };
#define MATH_OPEN "\xee\x80\x80" /* U+E000, then digits, then U+E001: both for private use; a text that has them has no formulas */
#define MATH_CLOSE "\xee\x80\x81"

struct math_piece {
    str source, tex; /* with and without what stands around it */
    bool is_display;
};
struct math_found {
    struct math_piece piece[MATH_PIECES_MAX];
    size_t n;
};
/* Adds the text with marks to `out`.  False: there are no formulas, and nothing was added. */
bool math_find(str text, struct math_found *found, struct buf *out);
/* The mark at the beginning of s: how long it is, and which piece it stands for; 0: there is none. */
size_t math_mark(str s, const struct math_found *found, const struct math_piece **piece);

#endif
