/* hub/view/large.c - how a large file lies in the store: its Xet hash, and what it takes on disk.
 *
 * A stretch of a xorb that the file uses several times, or in parts that overlap, is counted once; whether other files use it,
 * too, is not asked. */
#include <stdlib.h>

#include "cas/xorb.h"
#include "hub/view/view.h"

static int by_place(const void *a, const void *b)
{
    const struct xet_stored_term *x = a, *y = b;
    int order = memcmp(&x->xorb, &y->xorb, sizeof x->xorb);
    if (order) return order;
    return x->stored_at < y->stored_at ? -1 : x->stored_at > y->stored_at;
}

bool view_large_read(struct hub *h, const struct sha256 *sha256, struct arena *a, struct view_large *out, struct err *e)
{
    struct cas_file f;
    *out = (struct view_large){ 0 };
    if (!cas_file_of(hub_cas(h), sha256, a, &f, &out->has_xet, e)) return false;
    if (!out->has_xet) return true;
    xet_hash_hex(&f.hash, out->xet_hash);
    out->pieces = f.terms_count;
    struct xet_stored_term *term = arena_try_array(a, f.terms_count + 1, sizeof *term);
    if (!term) return err_set(e, ERR_TOO_LARGE, "The file lies in too many pieces");
    if (f.terms_count) memcpy(term, f.term, f.terms_count * sizeof *term);
    qsort(term, f.terms_count, sizeof *term, by_place);
    uint32_t upto = 0;
    for (size_t i = 0; i < f.terms_count; i++) {
        bool is_next = i == 0 || memcmp(&term[i].xorb, &term[i - 1].xorb, sizeof term->xorb) != 0;
        if (is_next) upto = 0;
        out->xorbs += is_next;
        uint32_t from = term[i].stored_at > upto ? term[i].stored_at : upto;
        if (term[i].stored_end <= from) continue;
        out->stored_bytes += term[i].stored_end - from;
        upto = term[i].stored_end;
    }
    return true;
}
