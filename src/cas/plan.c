/* cas/plan.c - what a client must fetch for a range of a file: see xet/reconstruct.h.
 *
 * The terms say where their frames lie, so the answer for 50 GB is arithmetic over one row of the database; indexes are
 * read for the two cuts alone. */
#include "cas/xorb_priv.h"

struct asked {
    struct cas *c;
    const struct xet_xorb_index *x; /* borrowed */
    bool failed;
    struct err err;
};

static const struct xet_xorb_index *find(void *ctx, const struct xet_hash *xorb)
{
    struct asked *q = ctx;
    if (q->x && xet_hash_eq(&q->x->hash, xorb)) return q->x;
    xorb_give(q->c, q->x);
    q->failed = !xorb_borrow(q->c, xorb, &q->x, &q->err);
    return q->x;
}

bool cas_plan(struct cas *c, const struct cas_file *f, uint64_t begin, uint64_t end, struct arena *a,
              struct xet_plan *out, struct err *e)
{
    struct asked q = { .c = c };
    bool ok = xet_reconstruct(f->term, f->terms_count, begin, end, find, &q, a, out, e);
    xorb_give(c, q.x);
    if (ok || !q.failed || q.err.code == ERR_NOT_FOUND) return ok; /* a xorb that is missing was told of already */
    *e = q.err;
    return false;
}
