/* reconstruct.c - from the terms of a file to what a client must fetch.
 *
 * Terms are walked once; whole terms outside of the question are skipped by their length alone, and only the first and
 * the last that are kept can be cut.  The kept terms are then sorted by (xorb, first chunk), and ranges that overlap or
 * touch become one. */
#include "xet/reconstruct.h"

#include <stdlib.h>

struct xet_stored_term xet_stored_term(const struct xet_xorb_index *x, uint32_t first, uint32_t end)
{
    must(first < end && end <= x->count);
    return (struct xet_stored_term){
        x->hash, first, end, xet_raw_at(x, end) - xet_raw_at(x, first), xet_stored_at(x, first), xet_stored_at(x, end)
    };
}

/* Drops the chunks of a term, which begins at `at` in the file, that lie outside of [begin, end). */
static bool trim(struct xet_stored_term *t, uint64_t at, uint64_t begin, uint64_t end, uint64_t *kept_at,
                 xet_find_fn find, void *ctx, struct err *e)
{
    uint32_t first = t->first, last = t->end - 1;
    *kept_at = at;
    if (begin <= at && at + t->raw_bytes <= end) return true;
    const struct xet_xorb_index *x = find(ctx, &t->xorb);
    if (!x || first > last || last >= x->count) {
        char hex[XET_HASH_HEX + 1];
        xet_hash_hex(&t->xorb, hex);
        return err_set(e, ERR_INTERNAL, "the file needs chunks %u to %u of xorb %s, which is not here", first, t->end,
                       hex);
    }
    uint64_t base = at - xet_raw_at(x, first); /* may wrap: only differences count */
    while (first < last && base + x->raw_end[first] <= begin) first++;
    while (first < last && base + xet_raw_at(x, last) >= end) last--;
    *kept_at = base + xet_raw_at(x, first);
    *t = xet_stored_term(x, first, last + 1);
    return true;
}

/* A term as it is sorted: what mostly decides stands here, side by side. */
struct place {
    uint64_t xorb; /* the first bytes of its hash, in the order of memcmp */
    uint32_t first;
    const struct xet_stored_term *term;
};

static uint64_t head_of(const struct xet_hash *h)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++) v = v << 8 | h->b[i];
    return v;
}

static int by_xorb_and_chunk(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->xorb != y->xorb) return x->xorb < y->xorb ? -1 : 1;
    int c = xet_hash_cmp(&x->term->xorb, &y->term->xorb);
    if (c != 0) return c;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return (x->term->end > y->term->end) - (x->term->end < y->term->end);
}

/* Fills the fetches of the kept terms. */
static void plan_fetches(struct xet_plan *out, struct arena *a)
{
    size_t n = out->terms_count, ranges = 0;
    struct place *sorted = arena_alloc(a, (n + 1) * sizeof *sorted);
    struct xet_fetch *fetch = arena_alloc(a, (n + 1) * sizeof *fetch);
    struct xet_fetch_range *range = arena_alloc(a, (n + 1) * sizeof *range);
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct place){ head_of(&out->term[i].xorb), out->term[i].first, &out->term[i] };
    if (n > 0) qsort(sorted, n, sizeof *sorted, by_xorb_and_chunk);
    for (size_t i = 0; i < n;) {
        struct xet_fetch *f = &fetch[out->fetches_count++];
        *f = (struct xet_fetch){ sorted[i].term->xorb, range + ranges, 0 };
        for (; i < n && xet_hash_eq(&sorted[i].term->xorb, &f->xorb); f->ranges_count++) {
            const struct xet_stored_term *first = sorted[i].term,
                                         *last = first; /* last: the one that reaches farthest */
            for (; i < n; i++) {
                const struct xet_stored_term *t = sorted[i].term;
                if (t->first > last->end || !xet_hash_eq(&t->xorb, &f->xorb)) break;
                if (t->end > last->end) last = t;
            }
            range[ranges++] =
                (struct xet_fetch_range){ first->first, last->end, first->stored_at, last->stored_end - (uint64_t)1 };
        }
    }
    out->fetch = fetch;
}

bool xet_reconstruct(const struct xet_stored_term *term, size_t count, uint64_t begin, uint64_t end, xet_find_fn find,
                     void *ctx, struct arena *a, struct xet_plan *out, struct err *e)
{
    size_t from = 0, to;
    uint64_t at = 0, size;
    *out = (struct xet_plan){ 0 };
    for (; from < count && at + term[from].raw_bytes <= begin; from++) at += term[from].raw_bytes;
    for (to = from, size = at; to < count && size < end; to++) size += term[to].raw_bytes;
    if (from == count && !(count == 0 && begin == 0))
        return err_set(e, ERR_BAD_RANGE, "the file has %llu bytes", (unsigned long long)at);
    if (from < count && begin >= end) return err_set(e, ERR_INVALID, "a range that ends before it begins");

    struct xet_stored_term *kept = arena_try_array(a, to - from + 1, sizeof *kept);
    if (!kept) return err_set(e, ERR_TOO_LARGE, "the answer would have %zu terms", to - from);
    for (size_t i = from; i < to; i++) {
        uint64_t kept_at, term_at = at;
        kept[i - from] = term[i];
        at += term[i].raw_bytes;
        if (!trim(&kept[i - from], term_at, begin, end, &kept_at, find, ctx, e)) return false;
        if (i == from) out->offset_into_first_range = begin - kept_at;
    }
    out->term = kept;
    out->terms_count = to - from;
    plan_fetches(out, a);
    return true;
}
