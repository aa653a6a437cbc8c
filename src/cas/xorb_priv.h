/* cas/xorb_priv.h - what the files of this folder share about xorbs, files and the index of chunks. */
#ifndef CAS_XORB_PRIV_H
#define CAS_XORB_PRIV_H

#include "cas/cas_priv.h"
#include "cas/xorb.h"

/* A name as a column. */
static inline struct db_value hash_value(const struct xet_hash *h) { return db_blob((bytes){ h->b, XET_HASH_BYTES }); }
static inline bool col_hash(struct db_query *q, int i, struct xet_hash *out) /* false, and *out as it was: it holds none */
{
    bytes b = db_col_blob(q, i);
    if (b.n == XET_HASH_BYTES) memcpy(out->b, b.p, XET_HASH_BYTES);
    return b.n == XET_HASH_BYTES;
}

/* ------------------------------------------------------------------ xorb.c: blobs and rows */

/* "xorb/ab/abcd...", as text of the hash. */
str xorb_name(const struct xet_hash *hash, char out[CAS_NAME_MAX]);
bool xorb_name_parse(str name, struct xet_hash *out);

/* Ends the file of a new xorb: w holds the frames of x (whatever lies behind them goes), the footer is added, and the
 * blob gets its name.  A sound blob that has this name already stays as it is, and a damaged one is replaced.  What stays
 * may hold the same chunks in frames of other lengths: *stored, to be given back, tells where they lie, and everything
 * from here on goes by it and not by x.  The writer is gone afterwards. */
bool xorb_publish(struct cas *c, struct store_writer *w, const struct xet_xorb_index *x,
                  const struct xet_xorb_index **stored, struct err *e);

/* In a transaction: enters a published xorb, or gives the row that is there a young date; user_id 0: nobody owns it.
 * The blob is looked at once more inside: ERR_BUSY when it was collected meanwhile.
 * *id is the row; *was_new, which may be NULL, says whether this user had not sent it before. */
bool xorb_enter(struct cas *c, struct db_conn *tx, const struct xet_xorb_index *stored, int64_t user_id, int64_t *id,
                bool *was_new, struct err *e);

/* ------------------------------------------------------------------ xorb_index.c: indexes of stored xorbs */

/* The index of a stored xorb, read from its footer and kept in a table of bounded size.  ERR_NOT_FOUND: no such blob.
 * ERR_IO: it is damaged.  Chunks and lengths are those that the name stands for; where the frames lie is the footer's
 * word, which holds once the chunks were read.  Valid until given back.  Any thread. */
bool xorb_borrow(struct cas *c, const struct xet_hash *hash, const struct xet_xorb_index **out, struct err *e);
void xorb_give(struct cas *c, const struct xet_xorb_index *x); /* NULL is fine */
void xorb_forget(struct cas *c, const struct xet_hash *hash);  /* after its collection */

/* Is the open file still the one that the borrowed index was read from? */
bool xorb_is_in(const struct xet_xorb_index *x, int fd);
/* Of a borrowed index: chunks [first, end) were hashed, while xorb_is_in, and found right, and lie in the file as they are,
 * not compressed.  Remembered as long as the index is. */
void xorb_prove(const struct xet_xorb_index *x, uint32_t first, uint32_t end);
bool xorb_is_proven(const struct xet_xorb_index *x, uint32_t chunk);

struct xorb_table;
struct xorb_table *xorb_table_new(void);
void xorb_table_free(struct xorb_table *t); /* everything was given back */

/* Reads and checks the footer of an open xorb. */
bool xorb_read_index(int fd, uint64_t file_bytes, const struct xet_hash *hash, struct arena *a, struct xet_xorb_index *out,
                     struct err *e);
/* ERR_IO, "the stored xorb ... is damaged: why", in the log too. */
bool xorb_damaged(const struct xet_hash *hash, const char *why, struct err *e);

/* ------------------------------------------------------------------ xorb_send.c: what was decoded and hashed */

struct xorb_seen;
struct xorb_seen *xorb_seen_new(void);
void xorb_seen_free(struct xorb_seen *t);
/* The file of this identity holds what was decoded and hashed on its way to the disk. */
void xorb_is_sound(struct cas *c, const struct xet_hash *hash, const struct os_identity *is, uint32_t frames_bytes);

/* One of its chunks could not be read: nothing is sent from it, and nothing new refers to it, until it was read whole or
 * sent again.  Remembered while the process lives, for as many xorbs as have room. */
void xorb_doubt(struct cas *c, const struct xet_hash *hash);
void xorb_doubt_no_more(struct cas *c, const struct xet_hash *hash); /* its file is a new one */
void xorb_look_again(struct cas *c, const struct xet_hash *hash);    /* its next reader does not believe what was found before */
bool xorb_is_doubtful(struct cas *c, const struct xet_hash *hash);
bool xorb_any_doubtful(struct cas *c);

/* Is every chunk of the open file what the name says, and every frame where the footer says?  ERR_IO if not. */
bool xorb_read_whole(int fd, const struct os_identity *is, const struct xet_hash *hash, uint32_t *frames_bytes, struct err *e);

/* Has the xorb the term's chunks, and where the term says? */
static inline bool xorb_has_term(const struct xet_xorb_index *x, const struct xet_stored_term *t)
{
    return t->first < t->end && t->end <= x->count && xet_stored_at(x, t->first) == t->stored_at &&
           x->stored_end[t->end - 1] == t->stored_end && x->raw_end[t->end - 1] - xet_raw_at(x, t->first) == t->raw_bytes;
}
static inline uint32_t xorb_frames_bytes(const struct xet_xorb_index *x) { return xet_stored_at(x, x->count); }
static inline uint64_t xorb_file_bytes(const struct xet_xorb_index *x)
{
    return xorb_frames_bytes(x) + XET_FOOTER_BYTES(x->count);
}

/* ------------------------------------------------------------------ file.c: terms and rows */

enum { CAS_TERM_BYTES = 52, CAS_TERMS_MAX = 1 << 20 };
struct xet_stored_term cas_term_load(const uint8_t packed[CAS_TERM_BYTES]);
/* In a transaction: the object's row, made or renewed; an object that is a whole blob, or has no file, becomes this
 * file (the whole blob is then a stray, which the caller may remove after the commit). */
bool file_enter_object(struct db_conn *tx, const struct cas_file *f, struct cas_object *out, struct err *e);
/* Are all its xorbs there, none of them doubtful, and its chunks where its terms say? */
bool file_is_readable(struct cas *c, const struct cas_file *f);
/* In a transaction, before file_enter_object: those of the object's files that are not, and so would stand in the way of one that is, go.
 * The object may have others, of other names, that were cut otherwise: whoever knows those reads on. */
bool files_drop_unreadable(struct cas *c, struct db_conn *tx, const struct sha256 *sha256, struct err *e);
/* Is there such a file, with a term in a doubtful xorb? */
bool file_is_doubtful(struct cas *c, struct db_conn *reader, const struct xet_hash *hash, bool *yes, struct err *e);
bool object_is_doubtful(struct cas *c, struct db_conn *reader, const struct sha256 *sha256, bool *yes, struct err *e); /* its file */
/* In a transaction, when a xorb that has a row was sent again: if its blob had been lost or damaged, its frames may lie
 * elsewhere now, and the terms of its files follow.  has_moved: they do, so that every file is looked at, however many there are:
 * the terms of some may be right all the same. */
bool files_follow(struct db_conn *tx, int64_t xorb_id, const struct xet_xorb_index *stored, bool has_moved, struct err *e);

/* ------------------------------------------------------------------ reader.c: bytes of a file */

/* Works from terms alone, entered or not; `f` and its terms are borrowed until it is closed.  Every chunk has been hashed
 * before a byte of it is given; what is damaged or missing is ERR_IO and names the xorb.  Takes at most 2 MiB (8 for file_reader_once). */
struct file_reader;
bool file_reader_open(struct cas *c, const struct cas_file *f, uint64_t at, uint64_t n, struct file_reader **out,
                      struct err *e);
/* Chunks are not hashed: for whoever compares the SHA-256 of the whole with what it must be.  Before the first read. */
void file_reader_trust(struct file_reader *r);
/* All of it is read once: past the page cache if it is large, in larger windows.  Before the first read. */
void file_reader_once(struct file_reader *r);
bool file_reader_read(struct file_reader *r, uint8_t *out, size_t n, size_t *got, struct err *e); /* *got 0 at the end */
/* As cas_reader_lend. */
bool file_reader_lend(struct file_reader *r, size_t max, bool file_will_do, struct cas_piece *out, struct err *e);
void file_reader_close(struct file_reader *r); /* NULL is fine */

/* ------------------------------------------------------------------ dedup.c: where chunks lie */

static inline bool dedup_is_sampled(const struct xet_hash *h) { return xet_hash_mod(h, CAS_DEDUP_SAMPLE) == 0; }
/* Rows for the sampled chunks of a xorb; also for chunk `first`, which begins a file (UINT32_MAX: none). */
bool dedup_add(struct db_conn *tx, int64_t xorb_id, const struct xet_xorb_index *x, uint32_t first, struct err *e);
bool dedup_add_chunk(struct db_conn *tx, int64_t xorb_id, const struct xet_hash *hash, uint32_t chunk, struct err *e);
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
