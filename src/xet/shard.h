/* xet/shard.h - shards: what an upload consists of, and what a dedup query answers.
 *
 * A shard is a row of 48-byte records: header, files, bookend, xorbs, bookend; then perhaps lookup tables and a footer,
 * which a reader of uploads ignores.  The reader hands out views into the bytes it was given and allocates nothing, so
 * counts of 2^32 cost nothing: they do not fit what is left. */
#ifndef XET_SHARD_H
#define XET_SHARD_H

#include "base/buf.h"
#include "base/err.h"
#include "xet/xorb.h"

enum { XET_SHARD_BYTES_MAX = 64 << 20, XET_RECORD = 48, XET_SHARD_FOOTER = 200 };

/* Chunks [first, end) of a xorb, raw_bytes in all. */
struct xet_term {
    struct xet_hash xorb;
    uint32_t first, end, raw_bytes;
};

struct xet_shard_file {
    struct xet_hash hash;
    uint32_t terms_count;
    bool has_ranges; /* every term comes with its range hash; uploads must have them */
    bool has_sha256; /* a record is there, and it is not all zeros */
    struct sha256 sha256; /* a claim; in the usual byte order */
    const uint8_t *terms, *ranges;
};
struct xet_term xet_shard_term(const struct xet_shard_file *f, uint32_t i);
struct xet_hash xet_shard_range(const struct xet_shard_file *f, uint32_t i);

struct xet_shard_xorb {
    struct xet_hash hash;
    uint32_t chunks_count, raw_bytes, stored_bytes; /* stored_bytes is 0 from hf_xet */
    const uint8_t *chunks;
};
struct xet_shard_chunk {
    struct xet_hash hash;
    uint32_t raw_at, raw_bytes; /* offset in the uncompressed xorb */
    bool is_dedup_start;        /* a server's own mark for the first chunk of a file; clients send it unset */
};
struct xet_shard_chunk xet_shard_chunk(const struct xet_shard_xorb *x, uint32_t i);

/* Reads files until *found is false, then xorbs until *found is false.  Views live as long as `all`. */
struct xet_shard_reader {
    bytes rest;
    int part; /* 0 files, 1 xorbs, 2 over */
    uint64_t files_count;
    bool has_ranges;
};
bool xet_shard_open(bytes all, struct xet_shard_reader *r, struct err *e);
bool xet_shard_next_file(struct xet_shard_reader *r, struct xet_shard_file *out, bool *found, struct err *e);
bool xet_shard_next_xorb(struct xet_shard_reader *r, struct xet_shard_xorb *out, bool *found, struct err *e);

/* Checks a file of an upload against the stored xorbs: every term lies in a known xorb, covers what it says, and its
 * range hash is that of the stored chunk hashes; the chunks together make the file's name.  find answers NULL for a xorb
 * that is not there.  *budget is how many chunk hashes may still be read (terms may overlap, so a small shard can ask
 * for much); it is lowered.  *size_bytes is the file's. */
typedef const struct xet_xorb_index *(*xet_find_fn)(void *ctx, const struct xet_hash *xorb);
bool xet_shard_file_check(const struct xet_shard_file *f, xet_find_fn find, void *ctx, uint64_t *budget,
                          uint64_t *size_bytes, struct err *e);
/* Checks a listing against the stored index, field by field. */
bool xet_shard_xorb_check(const struct xet_shard_xorb *x, const struct xet_xorb_index *stored, struct err *e);

/* ------------------------------------------------------------------ answers to dedup queries */

/* A xorb of an answer.  Chunk i may be told of when bit i % 8 of usable[i / 8] is set; NULL: all may.  The
 * others keep their places, for places are what terms count, but get a hash made up from the secret and no length;
 * those behind the last usable one are left out, and so is a xorb without any. */
struct xet_dedup_xorb {
    const struct xet_xorb_index *index;
    const uint8_t *usable;
};
/* The key must not be zero and the expiry must lie in the future, or clients drop the answer in silence.  The answer
 * contains the key, and not the secret. */
struct xet_dedup_key {
    struct xet_hash key, secret;
    uint64_t created_s, expires_s; /* unix time */
};
/* The whole answer. */
void xet_dedup_answer(struct buf *out, const struct xet_dedup_xorb *xorb, size_t count, const struct xet_dedup_key *key);

#endif
