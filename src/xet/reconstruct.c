/* reconstruct.c - from the terms of a file to what a client must fetch.
 *
 * Terms are walked once; whole terms outside of the question are skipped by their length alone, so only the xorbs that
 * the answer names are looked up.  The kept terms are then sorted by (xorb, first chunk), and ranges that overlap or
 * touch become one. */
#include "xet/reconstruct.h"

#include <stdlib.h>

static bool find_xorb(const struct xet_term *t, xet_find_fn find, void *ctx, const struct xet_xorb_index **out, struct err *e)
{
    *out = find(ctx, &t->xorb);
    if (*out && t->first < t->end && t->end <= (*out)->count) return true;
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(&t->xorb, hex);
    return err_set(e, ERR_INTERNAL, "the file needs chunks %u to %u of xorb %s, which is not here", t->first, t->end, hex);
}

/* Drops the chunks of a term, which begins at `at` in the file, that lie outside of [begin, end). */
static bool trim(struct xet_term *t, uint64_t at, uint64_t begin, uint64_t end, uint64_t *kept_at, xet_find_fn find,
                 void *ctx, struct err *e)
{
    const struct xet_xorb_index *x;
    *kept_at = at;
    if (begin <= at && at + t->raw_bytes <= end) return true;
    if (!find_xorb(t, find, ctx, &x, e)) return false;
    uint64_t base = at - xet_raw_at(x, t->first); /* may wrap: only differences count */
    while (t->first + 1 < t->end && base + x->raw_end[t->first] <= begin) t->first++;
    while (t->end - 1 > t->first && base + xet_raw_at(x, t->end - 1) >= end) t->end--;
    *kept_at = base + xet_raw_at(x, t->first);
    t->raw_bytes = xet_raw_at(x, t->end) - xet_raw_at(x, t->first);
    return true;
}

static int by_xorb_and_chunk(const void *a, const void *b)
{
    const struct xet_term *x = *(const struct xet_term *const *)a, *y = *(const struct xet_term *const *)b;
    int c = xet_hash_cmp(&x->xorb, &y->xorb);
    if (c != 0) return c;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : (x->end > y->end) - (x->end < y->end);
}

/* Fills the fetches of the kept terms. */
static bool plan_fetches(struct xet_plan *out, xet_find_fn find, void *ctx, struct arena *a, struct err *e)
{
    size_t n = out->terms_count, ranges = 0;
    const struct xet_term **sorted = arena_alloc(a, (n + 1) * sizeof *sorted);
    struct xet_fetch *fetch = arena_alloc(a, (n + 1) * sizeof *fetch);
    struct xet_fetch_range *range = arena_alloc(a, (n + 1) * sizeof *range);
    for (size_t i = 0; i < n; i++) sorted[i] = &out->term[i];
    if (n > 0) qsort(sorted, n, sizeof *sorted, by_xorb_and_chunk);
    for (size_t i = 0; i < n;) {
        const struct xet_term *t = sorted[i];
        struct xet_fetch *f = &fetch[out->fetches_count++];
        const struct xet_xorb_index *x;
        *f = (struct xet_fetch){ t->xorb, range + ranges, 0 };
        for (; i < n && xet_hash_eq(&sorted[i]->xorb, &f->xorb); f->ranges_count++) {
            uint32_t first = sorted[i]->first, end = sorted[i]->end;
            for (; i < n && xet_hash_eq(&sorted[i]->xorb, &f->xorb) && sorted[i]->first <= end; i++)
                if (sorted[i]->end > end) end = sorted[i]->end;
            struct xet_term all = { f->xorb, first, end, 0 };
            if (!find_xorb(&all, find, ctx, &x, e)) return false;
            range[ranges++] = (struct xet_fetch_range){ first, end, xet_stored_at(x, first), xet_stored_at(x, end) - 1 };
        }
    }
    out->fetch = fetch;
    return true;
}

bool xet_reconstruct(const struct xet_term *term, size_t count, uint64_t begin, uint64_t end, xet_find_fn find, void *ctx,
                     struct arena *a, struct xet_plan *out, struct err *e)
{
    size_t from = 0, to;
    uint64_t at = 0, size;
    *out = (struct xet_plan){ 0 };
    for (; from < count && at + term[from].raw_bytes <= begin; from++) at += term[from].raw_bytes;
    for (to = from, size = at; to < count && size < end; to++) size += term[to].raw_bytes;
    if (from == count && !(count == 0 && begin == 0))
        return err_set(e, ERR_BAD_RANGE, "the file has %llu bytes", (unsigned long long)at);
    if (from < count && begin >= end) return err_set(e, ERR_INVALID, "a range that ends before it begins");

    struct xet_term *kept = arena_try_array(a, to - from + 1, sizeof *kept);
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
    return plan_fetches(out, find, ctx, a, e);
}
