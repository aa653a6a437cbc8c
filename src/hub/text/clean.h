/* hub/text/clean.h - HTML that strangers wrote, made safe.
 *
 * The text is parsed as browsers parse (gumbo), and written anew from the tree: elements and attributes of a list of
 * ours, addresses of a few schemes, everything else escaped or gone.  What is not on the list cannot come out, whatever
 * the input looks like.  Scripts, styles, frames and foreign content go with what is in them; other unknown elements
 * leave their content behind.
 *
 * Relative addresses are those of a file in a repository: links lead to its page, pictures to its content.  Pictures
 * of other hosts become links: reading a page tells nobody else who reads it. */
#ifndef WEB_CLEAN_H
#define WEB_CLEAN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "hub/text/math_find.h"

struct clean_base {
    str link;    /* before a relative href: "/owner/name/blob/main/" */
    str picture; /* before a relative src: "/owner/name/resolve/main/"; .p NULL for both: relative ones are dropped */
    str folder;  /* of the file, "" or "docs/" */
};
enum { CLEAN_BYTES_MAX = 2 << 20 };
/* ERR_TOO_LARGE for more than CLEAN_BYTES_MAX, or a text that takes more than 64 MiB or half a second of processor to parse. */
/* Code of a language that highlight.h knows gets its spans. */
bool clean_html(str html, const struct clean_base *base, struct buf *out, struct err *e);
/* The same, with the formulas that were taken out of the text before (math: NULL is none). */
bool clean_html_with(str html, const struct clean_base *base, const struct math_found *math, struct buf *out, struct err *e);

#endif
