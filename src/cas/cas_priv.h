/* cas/cas_priv.h - what the files of this folder share. */
#ifndef CAS_CAS_PRIV_H
#define CAS_CAS_PRIV_H

#include <pthread.h>

#include "base/pool.h"
#include "cas/cas.h"

/* The digest of an upload's first parts, kept while they arrive in order, so that completion need not read
 * them again.  Only memory: losing one costs time, never correctness. */
struct prefix {
    char upload_id[33]; /* "" when unused */
    struct hasher *hasher;
    uint64_t parts;       /* how many parts it has seen */
    struct sha256 etags;  /* of their etags: a part that was replaced later, by whomever, does not match */
    int64_t used_us;
};
enum { PREFIXES_MAX = 64 };

struct cas {
    struct store *store;
    struct db *db;
    struct pool *pool; /* writes blocks behind the uploads; its jobs wait for nobody */
    struct pool *work; /* cuts, hashes, packs and decodes; its jobs may wait for those of `pool` */
    char uploads_dir[400];

    pthread_mutex_t prefix_lock; /* a leaf: nothing else is locked under it */
    struct prefix prefix[PREFIXES_MAX];

    struct xorb_table *xorbs; /* indexes of stored xorbs (xorb_index.c) */
    struct xorb_seen *seen;   /* which of them were read whole and found sound (xorb_send.c) */
};

enum { CAS_NAME_MAX = 80 };
/* "sha256/ab/abcd...": 256 folders, which hold four thousand files each when there are a million. */
str cas_name(const struct sha256 *sha256, char out[CAS_NAME_MAX]);
bool cas_name_parse(str name, struct sha256 *out);

/* Enters a published blob into cas_object, or renews the row that is there; ends the upload of that id, unless
 * it is empty, in the same transaction (ERR_NOT_FOUND if it is over).  The blob is looked at once more inside of it: collection removes a
 * blob without a row only while it holds the writer's place, so either it sees our row or we see its deed. */
bool cas_enter(struct cas *c, const struct sha256 *sha256, uint64_t size_bytes, str upload_id, struct cas_object *out,
               struct err *e);
/* Is the object there, row and blob?  Then its row is renewed (and the upload ended) and *there is true. */
bool cas_renew(struct cas *c, const struct sha256 *sha256, uint64_t size_bytes, str upload_id, struct cas_object *out,
               bool *there, struct err *e);

/* Adds bytes [at, at + n) of a file to a digest; at is a multiple of OS_DIRECT_ALIGN.  The pool reads ahead, past
 * the page cache: fd belongs to this call alone. */
bool cas_hash_range(struct pool *pool, int fd, uint64_t at, uint64_t n, struct hasher *h, struct err *e);

/* Paths of an upload's two files. */
void upload_paths(const struct cas *c, str id, char data[512], char parts[512]);
void prefix_drop_all(struct cas *c);

#endif
