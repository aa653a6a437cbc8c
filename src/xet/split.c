/* split.c - see xet/split.h. */
#include "xet/split.h"

#include "base/arena.h"

void xet_split_init(struct xet_split *s, enum xet_dialect d)
{
    *s = (struct xet_split){ .tail = NULL };
    xet_chunker_init(&s->chunker, d);
}

void xet_split_deinit(struct xet_split *s)
{
    mem_free(s->tail);
    s->tail = NULL;
}

const uint8_t *xet_split_join(const struct xet_split *s, uint8_t *at)
{
    if (s->tail_n) memcpy(at - s->tail_n, s->tail, s->tail_n);
    return at - s->tail_n;
}

void xet_split_keep(struct xet_split *s, bytes b)
{
    s->tail_n = b.n;
    if (b.n && !s->tail) s->tail = mem_alloc(XET_SPLIT_MARGIN);
    if (b.n) memcpy(s->tail, b.p, b.n);
}

size_t xet_split_add(struct xet_split *s, uint8_t *at, size_t n, bytes *out)
{
    const uint8_t *end = at + n, *from = at, *begin = xet_split_join(s, at);
    size_t count = 0;
    while (from < end) {
        bool cut;
        from += xet_chunker_next(&s->chunker, (bytes){ from, (size_t)(end - from) }, &cut);
        if (!cut) break;
        out[count++] = (bytes){ begin, (size_t)(from - begin) };
        begin = from;
    }
    xet_split_keep(s, (bytes){ begin, (size_t)(end - begin) });
    return count;
}

bool xet_split_end(struct xet_split *s, bytes *out)
{
    *out = (bytes){ s->tail, s->tail_n };
    s->tail_n = 0;
    xet_chunker_init(&s->chunker, s->chunker.dialect);
    return out->n > 0;
}
