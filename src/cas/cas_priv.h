/* cas/cas_priv.h - what the files of this folder share. */
#ifndef CAS_CAS_PRIV_H
#define CAS_CAS_PRIV_H

#include <pthread.h>

#include "base/pool.h"
#include "cas/cas.h"

struct cas {
    struct store *store;
    struct db *db;
    struct pool *pool; /* writes blocks behind the uploads; its jobs wait for nobody */
    struct pool *work; /* cuts, hashes, packs and decodes; its jobs may wait for those of `pool` */
    char uploads_dir[400];

    struct xorb_table *xorbs; /* indexes of stored xorbs (xorb_index.c) */
    pthread_mutex_t replace_lock; /* a damaged xorb is replaced by one upload at a time (xorb.c) */
    struct xorb_seen *seen;   /* which of them were read whole and found sound (xorb_send.c) */
};

enum { CAS_NAME_MAX = 80 };
/* "sha256/ab/abcd...": 256 folders, which hold four thousand files each when there are a million. */
str cas_name(const struct sha256 *sha256, char out[CAS_NAME_MAX]);
bool cas_name_parse(str name, struct sha256 *out);

/* In a transaction: an upload in parts is over; ERR_NOT_FOUND if it was already.  An empty id: nothing happens. */
bool cas_end_upload(struct db_conn *tx, str upload_id, struct err *e);
/* Is the object there, in xorbs?  Then its row is renewed (and the upload ended) and *there is true. */
bool cas_renew(struct cas *c, const struct sha256 *sha256, uint64_t size_bytes, str upload_id, struct cas_object *out,
               bool *there, struct err *e);

/* Hands bytes [at, at + n) of a file to fn, piece by piece in order; at is a multiple of OS_DIRECT_ALIGN.  The pool reads
 * ahead, past the page cache: fd belongs to this call alone. */
typedef bool cas_use_fn(void *ctx, bytes b, struct err *e);
bool cas_read_range(struct pool *pool, int fd, uint64_t at, uint64_t n, cas_use_fn *fn, void *ctx, struct err *e);

#endif
