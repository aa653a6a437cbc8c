/* cas/xorb_priv.h - what the files of this folder share about xorbs, files and the index of chunks. */
#ifndef CAS_XORB_PRIV_H
#define CAS_XORB_PRIV_H

#include "cas/cas_priv.h"
#include "cas/xorb.h"

/* ------------------------------------------------------------------ xorb.c: blobs, rows, indexes */

/* "xorb/ab/abcd...", as text of the hash. */
str xorb_name(const struct xet_hash *hash, char out[CAS_NAME_MAX]);
bool xorb_name_parse(str name, struct xet_hash *out);

/* In a transaction: enters a published xorb, or gives the row that is there a young date; user_id 0: nobody owns it.
 * The blob is looked at once more inside, as in cas_enter: ERR_BUSY when it was collected meanwhile. */
bool xorb_enter(struct cas *c, struct db_conn *tx, const struct xet_xorb_index *x, uint32_t frames_bytes, int64_t user_id,
                int64_t *id, struct err *e);

/* The index of a stored xorb, read from its footer and kept in a table of bounded size.  ERR_NOT_FOUND: no such blob.
 * Valid until given back.  Any thread. */
bool xorb_borrow(struct cas *c, const struct xet_hash *hash, const struct xet_xorb_index **out, struct err *e);
void xorb_give(struct cas *c, const struct xet_xorb_index *x); /* NULL is fine */
void xorb_forget(struct cas *c, const struct xet_hash *hash);  /* after its collection */

/* ------------------------------------------------------------------ file.c: terms and rows */

enum { CAS_TERM_BYTES = 52, CAS_TERMS_MAX = 1 << 20 };
struct cas_term cas_term_load(const uint8_t packed[CAS_TERM_BYTES]);
/* Rows cas_file and cas_file_xorb.  Known already: nothing happens.  The object's row must be there.  A xorb that was
 * collected meanwhile is ERR_BUSY.  *id is the file's row. */
bool file_enter(struct db_conn *tx, const struct cas_file *f, int64_t *id, struct err *e);
/* In a transaction: the object's row, made or renewed; an object that is a whole blob, or has no file yet, becomes this
 * file (the whole blob is then a stray, which the caller may remove after the commit). */
bool file_enter_object(struct db_conn *tx, const struct cas_file *f, struct cas_object *out, struct err *e);

/* ------------------------------------------------------------------ reader.c: bytes of a file */

/* Works from terms alone, entered or not; `f` and its terms are borrowed until it is closed.  Every chunk has been hashed
 * before a byte of it is given; what is damaged or missing is ERR_IO and names the xorb.  Takes at most 2 MiB. */
struct file_reader;
bool file_reader_open(struct cas *c, const struct cas_file *f, uint64_t at, uint64_t n, struct file_reader **out,
                      struct err *e);
bool file_reader_read(struct file_reader *r, uint8_t *out, size_t n, size_t *got, struct err *e); /* *got 0 at the end */
void file_reader_close(struct file_reader *r); /* NULL is fine */

/* ------------------------------------------------------------------ dedup.c: where chunks lie */

static inline bool dedup_is_sampled(const struct xet_hash *h) { return xet_hash_mod(h, CAS_DEDUP_SAMPLE) == 0; }
/* Rows for the sampled chunks of a xorb; also for chunk `first`, which begins a file (UINT32_MAX: none). */
bool dedup_add(struct db_conn *tx, int64_t xorb_id, const struct xet_xorb_index *x, uint32_t first, struct err *e);
bool dedup_remove(struct db_conn *tx, int64_t xorb_id, const struct xet_xorb_index *x, struct err *e);
/* Up to `max` places of a chunk, compared in full against the xorbs' indexes; newest xorbs first.  No permissions: for our
 * own packing, where whoever puts has the bytes. */
struct dedup_place {
    struct xet_hash xorb;
    int64_t xorb_id;
    uint32_t chunk;
};
bool dedup_find(struct cas *c, struct db_conn *reader, const struct xet_hash *chunk, struct dedup_place *out, size_t max,
                size_t *n, struct err *e);

/* ------------------------------------------------------------------ access.c: who may use which chunks */

/* The chunks of a xorb that a viewer may use: one bit each, bit i of byte i / 8. */
struct chunk_set {
    uint32_t count;
    uint8_t bit[(XET_XORB_CHUNKS_MAX + 7) / 8];
};
static inline bool chunk_set_has(const struct chunk_set *s, uint32_t i) { return s->bit[i / 8] >> (i % 8) & 1; }
void chunk_set_add(struct chunk_set *s, uint32_t first, uint32_t end); /* what lies behind the last chunk is left out */
/* Looks at who has sent it, then at the files that have it, until all is allowed; at most a bounded number of files. */
bool access_of(struct cas *c, struct db_conn *reader, const struct xet_hash *xorb, int64_t xorb_id, uint32_t chunks_count,
               const struct cas_viewer *v, struct chunk_set *out, struct err *e);
/* Its first step alone: everything if the user has sent the xorb, else nothing. */
bool access_begin(struct db_conn *reader, int64_t xorb_id, uint32_t chunks_count, int64_t user_id, struct chunk_set *out,
                  struct err *e);
/* The row of the oldest file that has the chunk and that the viewer may read, among as many as access_of looks at; 0: none. */
bool access_file(struct db_conn *reader, const struct xet_hash *xorb, int64_t xorb_id, uint32_t chunk,
                 const struct cas_viewer *v, int64_t *file_id, struct err *e);

#endif
