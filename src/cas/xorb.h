/* cas/xorb.h - xorbs on disk, and what clients of the Xet protocol do with them.
 *
 * A xorb is a blob "xorb/ab/abcd..." (the hash as text), frames and version 1 footer, and a row of cas_xorb, in this
 * order; so a row always has its blob, and a crash leaves at most a blob without a row.  Blobs are never changed.
 * Every upload is decoded and hashed chunk by chunk before it is published.
 *
 * Who may use what: a user may refer to chunks that he has sent himself (cas_xorb_owner), or that belong to a file of a
 * repository that he may read.  About anybody else's chunks nothing is said, not even that they are there. */
#ifndef CAS_XORB_H
#define CAS_XORB_H

#include "base/buf.h"
#include "cas/cas.h"
#include "xet/reconstruct.h"
#include "xet/shard.h"
#include "xet/xorb.h"

/* May the caller read this object in some repository?  Asked by what follows; the answer is the hub's. */
struct cas_viewer {
    int64_t user_id; /* 0: nobody */
    bool (*may_read)(void *ctx, struct db_conn *c, const struct sha256 *sha256, bool *may, struct err *e);
    void *ctx;
};

/* ------------------------------------------------------------------ uploading a xorb */

struct cas_xorb_put;
/* length: how many bytes will come, so that the file is made as long at once; 0: not known. */
bool cas_xorb_begin(struct cas *c, const struct xet_hash *hash, int64_t user_id, uint64_t length, struct cas_xorb_put **out,
                    struct err *e);
bool cas_xorb_space(struct cas_xorb_put *p, uint8_t **out, size_t *n, struct err *e); /* as cas_put_space */
bool cas_xorb_filled(struct cas_xorb_put *p, size_t n, struct err *e); /* ERR_INVALID at the first bad frame */
/* Durable when it returns.  *was_new is false only if this user had sent it before: that others did is not told.
 * A stored xorb of that name keeps its bytes (another compression may have come now) and gets a young date. */
bool cas_xorb_commit(struct cas_xorb_put *p, bool *was_new, struct err *e);
void cas_xorb_abort(struct cas_xorb_put *p); /* NULL is fine */

/* Has this user sent the xorb, or may he read all of it? */
bool cas_xorb_find(struct cas *c, const struct xet_hash *hash, const struct cas_viewer *v, bool *found, struct err *e);

/* A stored xorb for sending ranges of it: a descriptor, owned by the caller, and the length of the frames.  What is
 * handed out has been decoded and hashed since the file last changed, by this process: bytes damaged on disk are
 * ERR_IO, never sent. */
bool cas_xorb_open(struct cas *c, const struct xet_hash *hash, int *fd, uint64_t *frames_bytes, struct err *e);

/* ------------------------------------------------------------------ registering files */

/* Checks every file and every listing of an upload's shard against the stored xorbs, reads each file once to know its
 * SHA-256 (a claim in the shard must agree), and enters them all, each whole.  A shard that names what the
 * viewer may not use is ERR_INVALID in the same words as one that names what is not there.
 * progress(ctx, done, total), in bytes, is called from this thread now and then; false gives up, with *e.
 * *was_new: false when every file was known.  out[n], in `a`: the objects, for the hub to register. */
struct cas_shard_options {
    struct cas_viewer viewer;
    uint64_t read_bytes_max; /* of files that must be read: more is ERR_TOO_LARGE; 0: no bound */
    bool (*progress)(void *ctx, uint64_t done, uint64_t total, struct err *e); /* may be NULL */
    void *ctx;
};
bool cas_shard_register(struct cas *c, bytes shard, const struct cas_shard_options *o, struct arena *a,
                        struct cas_object **out, size_t *n, bool *was_new, struct err *e);

/* ------------------------------------------------------------------ files */

struct cas_file {
    struct xet_hash hash;
    struct sha256 sha256;
    uint64_t size_bytes;
    const struct xet_stored_term *term;
    size_t terms_count;
};
/* By file hash, or the one that the object of a SHA-256 is stored as. Terms lie in `a`. */
bool cas_file_find(struct cas *c, const struct xet_hash *hash, struct arena *a, struct cas_file *out, bool *found,
                   struct err *e);
bool cas_file_of(struct cas *c, const struct sha256 *sha256, struct arena *a, struct cas_file *out, bool *found,
                 struct err *e);
/* The file hash alone, on a reader that the caller has; *found is false for what is not converted yet, and for the
 * empty file, which Xet clients never fetch. */
bool cas_file_hash_of(struct db_conn *c, const struct sha256 *sha256, struct xet_hash *out, bool *found, struct err *e);

/* What a file hash names, on a reader or a transaction that the caller has: without its terms. */
bool cas_file_named(struct db_conn *c, const struct xet_hash *hash, struct cas_object *out, bool *found, struct err *e);

/* What a client must fetch for bytes [begin, end) of a file; rules and errors as xet_reconstruct.  Reads the indexes of
 * at most the two xorbs where the cuts fall. */
bool cas_plan(struct cas *c, const struct cas_file *f, uint64_t begin, uint64_t end, struct arena *a, struct xet_plan *out,
              struct err *e);

/* ------------------------------------------------------------------ global deduplication */

/* Chunks with hash mod 16 == 0 are indexed, and the first of every file.  Clients ask for those mod 1024, a multiple. */
enum { CAS_DEDUP_SAMPLE = 16 };

/* The answer (a shard) to a query for one chunk: the xorbs of a file that has it, as far as the viewer may use them;
 * chunks that he may not use are hidden among the others.  *found false: nothing that he may know of.  Renews the
 * grace time of what is advertised: it must outlive the client's memory of the answer. */
bool cas_dedup_query(struct cas *c, const struct xet_hash *chunk, const struct cas_viewer *v, struct buf *out, bool *found,
                     struct err *e);

/* ------------------------------------------------------------------ figures */

/* logical: what the objects would take as whole files; raw: unique chunks; stored: on disk, footers included. */
struct cas_stats {
    uint64_t objects, objects_to_convert, files, xorbs, chunks;
    uint64_t logical_bytes, raw_bytes, stored_bytes;
};
bool cas_stats(struct db_conn *c, struct cas_stats *out, struct err *e);
/* The same for a set of objects, as a repository's: sql is a constant SELECT of sha256 with one parameter. */
bool cas_stats_of(struct db_conn *c, const char *sql, int64_t parameter, struct cas_stats *out, struct err *e);

#endif
