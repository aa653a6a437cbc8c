/* xet/reconstruct.h - which chunks of which xorbs make bytes [begin, end) of a file: index arithmetic alone.
 *
 * What a client relies on: every term lies inside exactly one range of its xorb; the ranges of a xorb are disjoint and
 * ascend; lengths are exact; the same question has the same answer. */
#ifndef XET_RECONSTRUCT_H
#define XET_RECONSTRUCT_H

#include "xet/shard.h"

/* Chunks [first, end) of a xorb, raw_bytes in all, in bytes [stored_at, stored_end) of its frames.  That the places are
 * kept with the term is what makes an answer cheap: an index is needed only for a term that the question cuts. */
struct xet_stored_term {
    struct xet_hash xorb;
    uint32_t first, end, raw_bytes, stored_at, stored_end;
};
/* first < end <= x->count */
struct xet_stored_term xet_stored_term(const struct xet_xorb_index *x, uint32_t first, uint32_t end);

/* Chunks [first, end), stored in bytes [byte_first, byte_last], BOTH INCLUDED as in a Range header, of their xorb. */
struct xet_fetch_range {
    uint32_t first, end;
    uint64_t byte_first, byte_last;
};
struct xet_fetch {
    struct xet_hash xorb;
    const struct xet_fetch_range *range;
    size_t ranges_count;
};
struct xet_plan {
    uint64_t offset_into_first_range;
    const struct xet_stored_term *term;
    size_t terms_count;
    const struct xet_fetch *fetch; /* by xorb, in the order of their hashes */
    size_t fetches_count;
};

/* end is exclusive and may lie past the file.  A question that begins at or behind the end is ERR_BAD_RANGE (every
 * download of a small file asks one), but [0, ...) of an empty file has an answer without terms.  find is asked at most
 * twice, for the xorbs where the cuts fall; one that it does not know is ERR_INTERNAL: the file refers to what the
 * store has lost.  The plan's terms are those given, as far as none is cut, or copies in `a`. */
bool xet_reconstruct(const struct xet_stored_term *term, size_t count, uint64_t begin, uint64_t end, xet_find_fn find,
                     void *ctx, struct arena *a, struct xet_plan *out, struct err *e);

#endif
