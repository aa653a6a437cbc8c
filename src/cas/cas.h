/* cas/cas.h - large files by content.
 *
 * A stream goes in, a SHA-256 comes back; an object is opened by SHA-256 and byte range.  How the bytes
 * lie on disk is nobody else's business: chunks in xorbs (cas/xorb.h), each chunk once.  Which repository
 * may name which object is the hub's business (table repo_large_file), not this folder's.
 *
 * An object is either absent, or complete, durable, and entered in the table cas_object.  Order of an
 * upload: blobs synced and renamed, rows committed, answer.  A crash in between leaves blobs without a
 * row, or rows that nothing names; collection removes both after the grace time.  All calls are safe from
 * any thread. */
#ifndef CAS_CAS_H
#define CAS_CAS_H

#include "base/err.h"
#include "base/hash.h"
#include "db/db.h"
#include "store/store.h"

struct cas;
struct xet_hash;

bool cas_open(struct store *store, struct db *db, struct cas **out, struct err *e);
void cas_close(struct cas *c);

struct cas_object {
    struct sha256 sha256;
    uint64_t size_bytes;
    int64_t created_ms;
};

/* ------------------------------------------------------------------ putting */

/* Is there room for so much more now?  ERR_NO_SPACE says how much there is.  A friendly word beforehand: the
 * uploads themselves find out for certain. */
bool cas_room(struct cas *c, uint64_t size_bytes, struct err *e);

struct cas_put;
bool cas_put_begin(struct cas *c, struct cas_put **out, struct err *e);
bool cas_put_write(struct cas_put *p, bytes b, struct err *e);
/* The same without a copy: room (at least a byte) to be filled in place, then how much of it was filled. */
bool cas_put_space(struct cas_put *p, uint8_t **out, size_t *n, struct err *e);
bool cas_put_filled(struct cas_put *p, size_t n, struct err *e);
/* Ends the upload: checks against what was promised (each NULL if nothing was), publishes, enters the
 * row.  A mismatch is ERR_INVALID and names both values.  If the object was there already, the new
 * bytes are dropped and the row's touched_ms is renewed.  p is gone afterwards in every case. */
bool cas_put_commit(struct cas_put *p, const struct sha256 *promised, const uint64_t *promised_size,
                    struct cas_object *out, struct err *e);
void cas_put_abort(struct cas_put *p); /* NULL is fine */
/* All of it at once, from memory; nothing is promised. */
bool cas_put_bytes(struct cas *c, bytes b, struct cas_object *out, struct err *e);

/* Uploads in parts, in any order and at once; they survive a restart.  The id is random hexadecimal and
 * is what authorises (inside a signed link).  Expired ones are removed by collection. */
struct cas_upload {
    char id[33];
    struct sha256 sha256;
    uint64_t size_bytes, part_bytes, parts_count;
    int64_t repo_id, user_id, expires_ms;
};
enum { CAS_PARTS_MAX = 8192 };
/* Takes no space yet: that comes with each part.  An upload of the same object by the same user to the same repository that is still
 * under way is taken up again: the parts that it has need not be sent again. */
bool cas_upload_create(struct cas *c, int64_t repo_id, int64_t user_id, const struct sha256 *sha256, uint64_t size_bytes,
                       struct cas_upload *out, struct err *e);
bool cas_upload_find(struct cas *c, str id, struct cas_upload *out, bool *found, struct err *e);
/* A part, numbered from 1; a repeated part replaces the earlier one. */
struct cas_part;
bool cas_part_begin(struct cas *c, const struct cas_upload *u, uint64_t number, struct cas_part **out, struct err *e);
uint64_t cas_part_size(const struct cas_part *p); /* what it must have */
/* Room for what comes next, *n bytes, and how many of them were filled; more than the part's size: ERR_INVALID. */
bool cas_part_space(struct cas_part *p, uint8_t **out, size_t *n, struct err *e);
bool cas_part_filled(struct cas_part *p, size_t n, struct err *e);
/* etag: 32 hexadecimal digits and a NUL, which name this version of the part (random: a digest would cost
 * another pass, and the whole is hashed anyway).  Durable when it returns. */
bool cas_part_commit(struct cas_part *p, char etag[33], struct err *e);
void cas_part_abort(struct cas_part *p);
/* Which parts are there: for each of parts_count its etag, or "" (etags[i] is of part i + 1). */
bool cas_upload_parts(struct cas *c, const struct cas_upload *u, char (*etags)[33], struct err *e);
/* Puts the parts together and ends the upload.  That the object is there already does not replace sending it: who
 * only knows a hash gets nothing.  A part missing: ERR_INVALID, and the upload goes on.  Content of another hash
 * than promised: ERR_INVALID, and the upload is over.  Parts being written: ERR_BUSY.  Over: ERR_NOT_FOUND. */
bool cas_upload_complete(struct cas *c, const struct cas_upload *u, struct cas_object *out, struct err *e);

/* ------------------------------------------------------------------ getting */

bool cas_find(struct cas *c, const struct sha256 *sha256, struct cas_object *out, bool *found, struct err *e);
/* Has a part of it been found damaged or missing since the start?  Then sending the object again mends it. */
bool cas_is_doubtful(struct cas *c, const struct sha256 *sha256, bool *yes, struct err *e);
/* Renews touched_ms (to the minute), so that collection leaves the object alone for another grace time. */
bool cas_touch(struct cas *c, const struct sha256 *sha256, struct err *e);

/* If bytes [at, at+n) lie in one piece of one file: *fd (owned by the caller) and *fd_offset.
 * Otherwise *fd = -1, and a reader is needed. */
bool cas_open_range(struct cas *c, const struct sha256 *sha256, uint64_t at, uint64_t n, int *fd, uint64_t *fd_offset,
                    struct err *e);
struct cas_reader;
bool cas_reader_open(struct cas *c, const struct sha256 *sha256, uint64_t at, uint64_t n, struct cas_reader **out,
                     struct err *e);
bool cas_reader_read(struct cas_reader *r, uint8_t *out, size_t n, size_t *got, struct err *e); /* *got 0 at the end */
/* The same without a copy: up to max bytes, which stay until the next call; n 0 at the end.  Not mixed with cas_reader_read.
 * With file_will_do, the same in every call, they may also be told as a place in a file: then they were found right
 * earlier, and the file has not changed since. */
struct cas_piece {
    bytes memory; /* .p NULL: in the file */
    int fd;       /* stays the reader's */
    uint64_t at;
    size_t n; /* in both cases */
};
bool cas_reader_lend(struct cas_reader *r, size_t max, bool file_will_do, struct cas_piece *out, struct err *e);
void cas_reader_close(struct cas_reader *r);

/* ------------------------------------------------------------------ conversion */

/* Objects of earlier versions are whole blobs, and readable as they are.  This makes files in xorbs of them, one at a
 * time.  It may be stopped at any moment and goes on from there. */
struct cas_convert_result {
    uint64_t objects_total, bytes_total; /* that waited at the beginning */
    uint64_t objects_done, bytes_done, objects_damaged; /* damaged ones stay as they are; the log names them */
};
struct cas_convert_options {
    bool (*progress)(void *ctx, const struct cas_convert_result *r); /* now and then; false stops: ERR_CLOSED.  May be NULL */
    void *ctx;
};
bool cas_convert(struct cas *c, const struct cas_convert_options *o, struct cas_convert_result *out, struct err *e);
bool cas_convert_is_due(struct cas *c, bool *due, struct err *e);

/* ------------------------------------------------------------------ care */

/* Asked by the sweep, in a transaction's view of the world: does anything still name this object? */
typedef bool cas_is_alive(void *ctx, struct db_conn *c, const struct sha256 *sha256, bool *alive, struct err *e);
struct cas_sweep_options {
    int64_t grace_ms;      /* nothing touched more recently is removed */
    int64_t xorb_grace_ms; /* the same for xorbs that no file needs: clients remember for 21 days what they sent */
    bool dry_run;
    cas_is_alive *is_alive;
    void *ctx;
    /* Called for each object that goes (or would go), with the reason in words. */
    void (*report)(void *ctx, const struct cas_object *o, const char *reason);
    void (*report_xorb)(void *ctx, const struct xet_hash *xorb, uint64_t stored_bytes, const char *reason);
};
struct cas_sweep_result {
    uint64_t objects_seen, objects_removed, bytes_removed; /* bytes: of the objects, whatever they shared */
    uint64_t xorbs_removed, xorb_bytes_removed, uploads_removed, strays_removed;
};
bool cas_sweep(struct cas *c, const struct cas_sweep_options *o, struct cas_sweep_result *out, struct err *e);

/* Every xorb's row has its blob, every file's terms lie in stored xorbs and make its hash, every object has its file.
 * With `deep` every chunk of every xorb is decoded and hashed again, on all processors; of sample_percent of the xorbs if
 * that is not 0.  With `repair` rows that can be derived are made again: of xorbs, from their blobs; of which xorbs a file
 * needs; of the index of chunks.  problem() is called for each finding, from this thread.  Blobs without a row are counted
 * as strays, not as problems: a crash may leave them. */
struct cas_problem {
    str what;
    bool is_repaired;
    const struct sha256 *object; /* those that are hit, at most CAS_PROBLEM_OBJECTS_MAX of objects_count */
    size_t objects_count;
};
enum { CAS_PROBLEM_OBJECTS_MAX = 16 };
struct cas_check_options {
    bool deep, repair;
    unsigned sample_percent;
    void (*problem)(void *ctx, const struct cas_problem *p);
    void (*progress)(void *ctx, uint64_t xorbs_done, uint64_t xorbs_total); /* may be NULL */
    void *ctx;
};
struct cas_check_result {
    uint64_t objects, bytes, xorbs, problems, repaired, strays; /* problems: without those that were repaired */
};
bool cas_check(struct cas *c, const struct cas_check_options *o, struct cas_check_result *out, struct err *e);

#endif
