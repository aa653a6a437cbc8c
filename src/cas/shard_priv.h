/* cas/shard_priv.h - the xorbs that an upload's shard names, and what its sender may use of them. */
#ifndef CAS_SHARD_PRIV_H
#define CAS_SHARD_PRIV_H

#include "cas/xorb_priv.h"

/* A xorb that the shard names.  What the sender may use of it is looked up when it is first needed. */
struct named_xorb {
    struct xet_hash hash;
    enum { XORB_NOT_ASKED, XORB_REFUSED, XORB_IN_PART, XORB_WHOLE } use;
    uint32_t count;     /* chunks */
    uint32_t frames_bytes; /* when its index was first read */
    int64_t id;         /* its row; 0: there is none */
    const uint8_t *bit; /* which chunks, as in a chunk_set, when XORB_IN_PART */
    bool is_in_new_file;
    size_t entered; /* for files before this one; 0: not yet */
};

struct named_xorbs {
    struct cas *c;
    const struct cas_viewer *viewer;
    struct db_conn *reader;
    struct arena *a;
    struct named_xorb *xorb; /* ascending by hash, each once */
    size_t count;
    const struct xet_xorb_index *borrowed; /* the one that was asked for last */
    struct err err;                        /* why named_find answered NULL */
};

/* Collects the names from a shard that was found well-formed. */
bool named_begin(struct named_xorbs *n, bytes shard, struct err *e);
void named_end(struct named_xorbs *n);
struct named_xorb *named_xorb(struct named_xorbs *n, const struct xet_hash *hash); /* it stands in the shard */
/* May the sender use chunks [first, end)?  If not, ERR_INVALID in words that do not tell why. */
bool named_may_use(struct named_xorbs *n, const struct xet_hash *hash, uint32_t first, uint32_t end, struct err *e);
/* The same for all of a xorb that the shard lists. */
bool named_may_use_all(struct named_xorbs *n, const struct xet_hash *hash, struct err *e);
/* An index, until the next call; NULL: *err says why. */
const struct xet_xorb_index *named_index(struct named_xorbs *n, const struct xet_hash *hash);

#endif
