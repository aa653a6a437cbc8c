/* base/buf.h - a growing piece of text or bytes that knows its maximum.
 *
 * Invariants: n <= cap; text[n] is NUL once anything was added (who writes behind buf_reserve sees to it); after a failed
 * addition `failed` is set and further additions do nothing, so a writer adds freely and asks once at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/str.h"

struct buf {
    char *p;
    size_t n, cap;
    size_t bytes_max; /* 0: bounded by memory alone */
    bool failed;
};

#define BUF_INIT(max) { .bytes_max = (max) }

void buf_init(struct buf *b, size_t bytes_max);
void buf_deinit(struct buf *b); /* frees; the buf may be used again */
void buf_reset(struct buf *b);  /* empties, keeps the memory and the maximum */
static inline str buf_str(const struct buf *b) { return (str){ b->p, b->n }; }
const char *buf_cstr(struct buf *b); /* never NULL */

void buf_add(struct buf *b, str s);
void buf_byte(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t v);
__attribute__((format(printf, 2, 3))) void buf_addf(struct buf *b, const char *fmt, ...);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap);
void buf_html(struct buf *b, str text); /* escaped, for HTML and for quoted attributes in it */
char *buf_reserve(struct buf *b, size_t n); /* room for n more, or NULL (and failed); then add to b->n */
#define buf_lit(b, literal) buf_add((b), STR(literal))

/* Gives the text to the caller, who frees it with mem_free; the buf is empty afterwards. */
char *buf_take(struct buf *b, size_t *n);

#endif
