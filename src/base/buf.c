/* base/buf.c - see base/buf.h. */
#include "base/buf.h"

#include "base/arena.h"
#include "base/ckd.h"

void buf_init(struct buf *b, size_t bytes_max) { *b = (struct buf)BUF_INIT(bytes_max); }

void buf_deinit(struct buf *b)
{
    mem_free(b->p);
    buf_init(b, b->bytes_max);
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->p) b->p[0] = 0;
}

const char *buf_cstr(struct buf *b) { return b->p ? b->p : ""; }

char *buf_reserve(struct buf *b, size_t n)
{
    size_t need;
    if (b->failed || ckd_add(&need, b->n, n) || need == SIZE_MAX || (b->bytes_max && need > b->bytes_max)) {
        b->failed = true;
        return NULL;
    }
    if (need + 1 > b->cap) {
        size_t cap = b->cap < 64 ? 64 : b->cap;
        while (cap < need + 1)
            if (ckd_mul(&cap, cap, (size_t)2)) cap = need + 1;
        b->p = mem_grow(b->p, cap);
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_add(struct buf *b, str s)
{
    char *to = buf_reserve(b, s.n);
    if (!to) return;
    if (s.n) memcpy(to, s.p, s.n);
    b->n += s.n;
    b->p[b->n] = 0;
}

void buf_byte(struct buf *b, char c) { buf_add(b, str_n(&c, 1)); }

void buf_u64(struct buf *b, uint64_t v)
{
    char text[20];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_add(b, str_n(text + at, sizeof text - at));
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0) b->failed = true;
    char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n);
    if (to) {
        vsnprintf(to, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(b, fmt, ap);
    va_end(ap);
}

void buf_html(struct buf *b, str text)
{
    size_t plain = 0; /* where what stands for itself begins */
    for (size_t i = 0; i < text.n; i++) {
        str as = text.p[i] == '&'    ? STR("&amp;")
                 : text.p[i] == '<'  ? STR("&lt;")
                 : text.p[i] == '>'  ? STR("&gt;")
                 : text.p[i] == '"'  ? STR("&quot;")
                 : text.p[i] == '\'' ? STR("&#39;")
                                     : (str){ 0 };
        if (!as.n) continue;
        buf_add(b, str_n(text.p + plain, i - plain));
        buf_add(b, as);
        plain = i + 1;
    }
    buf_add(b, str_from(text, plain));
}

char *buf_take(struct buf *b, size_t *n)
{
    buf_add(b, STR("")); /* so that there is a NUL to give away */
    char *p = b->p;
    if (n) *n = b->n;
    b->p = NULL;
    b->n = b->cap = 0;
    return p;
}
