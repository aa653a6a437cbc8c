/* reconstruct.c - from the terms of a file to what a client must fetch.
 *
 * Terms are walked once; whole terms outside of the question are skipped by their length alone, and only the first and
 * the last that are kept can be cut.  The kept terms are then put in the order of (xorb, first chunk), and ranges that
 * overlap or touch become one. */
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

/* ------------------------------------------------------------------ terms in the order of (xorb, chunk)
 *
 * A file that was put together from pieces of others has very many terms in rather few xorbs, so the xorbs are numbered
 * and sorted, and the terms dealt out to them.  A xorb's terms mostly come in the order of their chunks already. */

struct numbered {
    const struct xet_hash *xorb;
    uint32_t number; /* in the order of first sight */
};

static int by_xorb(const void *a, const void *b)
{
    return xet_hash_cmp(((const struct numbered *)a)->xorb, ((const struct numbered *)b)->xorb);
}

static int by_chunk(const void *a, const void *b)
{
    const struct xet_stored_term *x = *(const struct xet_stored_term *const *)a, *y = *(const struct xet_stored_term *const *)b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

struct numbers { /* a table by hash that doubles when it is half full */
    uint32_t *slot; /* number + 1; 0: free */
    size_t slots;
    struct numbered *xorb;
    uint32_t count;
};

static uint32_t *slot_of(const struct numbers *t, const struct xet_hash *xorb)
{
    size_t at = xet_hash_u64(xorb, 0) & (t->slots - 1);
    while (t->slot[at] && !xet_hash_eq(t->xorb[t->slot[at] - 1].xorb, xorb)) at = (at + 1) & (t->slots - 1);
    return &t->slot[at];
}

static uint32_t number_of(struct numbers *t, const struct xet_hash *xorb)
{
    uint32_t *slot = slot_of(t, xorb);
    if (*slot) return *slot - 1;
    t->xorb[t->count] = (struct numbered){ xorb, t->count };
    *slot = ++t->count;
    if (t->count < t->slots / 2) return t->count - 1;
    t->slots *= 2;
    mem_free(t->slot);
    t->slot = mem_alloc(t->slots * sizeof *t->slot);
    for (uint32_t i = 0; i < t->count; i++) *slot_of(t, t->xorb[i].xorb) = i + 1;
    return t->count - 1;
}

static void sort_run(const struct xet_stored_term **t, size_t n)
{
    size_t i = 1;
    while (i < n && by_chunk(&t[i - 1], &t[i]) <= 0) i++;
    if (i < n) qsort(t, n, sizeof(*t), by_chunk);
}

static const struct xet_stored_term **in_order(const struct xet_stored_term *term, size_t n, struct arena *a, size_t *xorbs_count)
{
    enum { SLOTS = 1024 };
    struct numbered *xorb = arena_alloc(a, (n + 1) * sizeof *xorb);
    struct numbers table = { mem_alloc(SLOTS * sizeof *table.slot), SLOTS, xorb, 0 };
    uint32_t *number = arena_alloc(a, (n + 1) * sizeof *number);
    for (size_t i = 0; i < n; i++) number[i] = number_of(&table, &term[i].xorb);
    mem_free(table.slot);
    uint32_t xorbs = table.count;
    const struct xet_stored_term **sorted = arena_alloc(a, (n + 1) * sizeof(*sorted));
    size_t *end = arena_alloc(a, (xorbs + (size_t)1) * sizeof *end), at = 0;
    *xorbs_count = xorbs;
    if (xorbs > 1) qsort(xorb, xorbs, sizeof *xorb, by_xorb);
    for (size_t i = 0; i < n; i++) end[number[i]]++;
    for (uint32_t i = 0; i < xorbs; i++) { /* how many there are becomes where they begin, */
        size_t count = end[xorb[i].number];
        end[xorb[i].number] = at;
        at += count;
    }
    for (size_t i = 0; i < n; i++) sorted[end[number[i]]++] = &term[i]; /* and that where they end */
    at = 0;
    for (uint32_t i = 0; i < xorbs; i++) {
        sort_run(sorted + at, end[xorb[i].number] - at);
        at = end[xorb[i].number];
    }
    return sorted;
}

/* Fills the fetches of the kept terms. */
static void plan_fetches(struct xet_plan *out, struct arena *a)
{
    size_t n = out->terms_count, ranges = 0, xorbs;
    const struct xet_stored_term *const *sorted = in_order(out->term, n, a, &xorbs);
    struct xet_fetch *fetch = arena_alloc(a, (xorbs + 1) * sizeof *fetch);
    struct xet_fetch_range *range = arena_alloc(a, (n + 1) * sizeof *range);
    for (size_t i = 0; i < n;) {
        struct xet_fetch *f = &fetch[out->fetches_count++];
        *f = (struct xet_fetch){ sorted[i]->xorb, range + ranges, 0 };
        for (; i < n && xet_hash_eq(&sorted[i]->xorb, &f->xorb); f->ranges_count++) {
            const struct xet_stored_term *first = sorted[i],
                                         *last = first; /* last: the one that reaches farthest */
            for (; i < n; i++) {
                const struct xet_stored_term *t = sorted[i];
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

    out->terms_count = to - from;
    if (begin <= at && end >= size) { /* nothing is cut */
        out->term = term + from;
        out->offset_into_first_range = 0;
        plan_fetches(out, a);
        return true;
    }
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
    plan_fetches(out, a);
    return true;
}
