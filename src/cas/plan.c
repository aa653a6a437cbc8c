/* cas/plan.c - which bytes of which xorbs a client must fetch for a range of a file: the rules of xet/reconstruct.h.
 *
 * Terms know where they lie in their xorbs, so only the xorbs where the range cuts a term have their index read: the
 * answer for a range of a terabyte costs two look-ups and a walk over the terms. */
#include <stdlib.h>

#include "cas/xorb_priv.h"

/* Drops the chunks of a term that end at or before `begin`, or begin at or behind `end`; both count from its first byte. */
static bool trim(struct cas *c, struct cas_term *t, uint64_t begin, uint64_t end, uint64_t *dropped, struct err *e)
{
    const struct xet_xorb_index *x;
    *dropped = 0;
    if (begin == 0 && end >= t->raw_bytes) return true;
    if (!xorb_borrow(c, &t->xorb, &x, e)) return false;
    bool fits = t->first < t->end && t->end <= x->count;
    if (fits) {
        uint32_t first = t->first, last = t->end, base = xet_raw_at(x, first);
        while (first + 1 < last && x->raw_end[first] - base <= begin) first++;
        while (last - 1 > first && xet_raw_at(x, last - 1) - base >= end) last--;
        *dropped = xet_raw_at(x, first) - base;
        *t = cas_term_of(x, first, last);
    } else {
        err_set(e, ERR_INTERNAL, "a term of a file names chunks %u to %u of a xorb of %u", t->first, t->end, x->count);
    }
    xorb_give(c, x);
    return fits;
}

static int by_xorb_and_chunk(const void *a, const void *b)
{
    const struct cas_term *x = *(const struct cas_term *const *)a, *y = *(const struct cas_term *const *)b;
    int order = xet_hash_cmp(&x->xorb, &y->xorb);
    if (order != 0) return order;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : (x->end > y->end) - (x->end < y->end);
}

/* Ranges of a xorb that overlap or touch become one. */
static void plan_fetches(const struct cas_term *term, size_t n, struct arena *a, struct xet_plan *out)
{
    const struct cas_term **sorted = arena_alloc(a, (n + 1) * sizeof *sorted);
    struct xet_fetch *fetch = arena_alloc(a, (n + 1) * sizeof *fetch);
    struct xet_fetch_range *range = arena_alloc(a, (n + 1) * sizeof *range);
    for (size_t i = 0; i < n; i++) sorted[i] = &term[i];
    if (n > 0) qsort(sorted, n, sizeof *sorted, by_xorb_and_chunk);
    for (size_t i = 0; i < n;) {
        struct xet_fetch *f = &fetch[out->fetches_count++];
        *f = (struct xet_fetch){ sorted[i]->xorb, range, 0 };
        for (; i < n && xet_hash_eq(&sorted[i]->xorb, &f->xorb); f->ranges_count++) {
            *range = (struct xet_fetch_range){ sorted[i]->first, sorted[i]->end, sorted[i]->stored_at, sorted[i]->stored_end - 1 };
            for (i++; i < n && xet_hash_eq(&sorted[i]->xorb, &f->xorb) && sorted[i]->first <= range->end; i++) {
                if (sorted[i]->end <= range->end) continue;
                range->end = sorted[i]->end;
                range->byte_last = sorted[i]->stored_end - 1;
            }
            range++;
        }
    }
    out->fetch = fetch;
}

bool cas_plan(struct cas *c, const struct cas_file *f, uint64_t begin, uint64_t end, struct arena *a, struct xet_plan *out,
              struct err *e)
{
    size_t from = 0, to;
    uint64_t at = 0, size, dropped;
    *out = (struct xet_plan){ 0 };
    for (; from < f->terms_count && at + f->term[from].raw_bytes <= begin; from++) at += f->term[from].raw_bytes;
    if (from == f->terms_count && !(f->terms_count == 0 && begin == 0))
        return err_set(e, ERR_BAD_RANGE, "the file has %llu bytes", (unsigned long long)at);
    if (from < f->terms_count && begin >= end) return err_set(e, ERR_INVALID, "a range that ends before it begins");
    for (to = from, size = at; to < f->terms_count && size < end; to++) size += f->term[to].raw_bytes;

    size_t n = to - from;
    struct cas_term *kept = arena_try_array(a, n + 1, sizeof *kept);
    struct xet_term *term = arena_try_array(a, n + 1, sizeof *term);
    if (!kept || !term) return err_set(e, ERR_TOO_LARGE, "the answer would have %zu terms; ask for a part of the file", n);
    for (size_t i = 0; i < n; at += f->term[from + i++].raw_bytes) {
        kept[i] = f->term[from + i];
        if (!trim(c, &kept[i], begin > at ? begin - at : 0, end - at, &dropped, e)) return false;
        if (i == 0) out->offset_into_first_range = begin - (at + dropped);
        term[i] = (struct xet_term){ kept[i].xorb, kept[i].first, kept[i].end, kept[i].raw_bytes };
    }
    out->term = term;
    out->terms_count = n;
    plan_fetches(kept, n, a, out);
    return true;
}
