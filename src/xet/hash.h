/* xet/hash.h - the names of things in Xet: chunks, xorbs, files, ranges of chunks.  All are keyed BLAKE3.
 *
 * TRAP: written as text, every group of eight bytes is reversed (each is read as a little-endian number).  A xorb of one
 * chunk has the value of its chunk, so the two never share a table.  All zeros is the empty file; all ones (the bookend
 * of shards) is never a legal name. */
#ifndef XET_HASH_H
#define XET_HASH_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"

enum { XET_HASH_BYTES = 32, XET_HASH_HEX = 64 };

struct xet_hash {
    uint8_t b[XET_HASH_BYTES];
};

static inline bool xet_hash_eq(const struct xet_hash *a, const struct xet_hash *b) { return memcmp(a, b, 32) == 0; }
static inline int xet_hash_cmp(const struct xet_hash *a, const struct xet_hash *b) { return memcmp(a, b, 32); }
bool xet_hash_is_zero(const struct xet_hash *h);
bool xet_hash_is_bookend(const struct xet_hash *h); /* all ones */
uint64_t xet_hash_u64(const struct xet_hash *h, unsigned group); /* group 0..3 as a little-endian number */
static inline uint64_t xet_hash_mod(const struct xet_hash *h, uint64_t m) { return xet_hash_u64(h, 3) % m; }

void xet_hash_hex(const struct xet_hash *h, char out[XET_HASH_HEX + 1]); /* 64 lower-case digits and a NUL */
void buf_xet_hash(struct buf *out, const struct xet_hash *h);
bool xet_hash_parse(str s, struct xet_hash *out); /* exactly 64 digits of either case */

/* How a SHA-256 stands in a shard: as if its usual hex were the text of a hash.  Its own inverse. */
void xet_hash_of_sha256(const struct sha256 *in, struct xet_hash *out);
void xet_hash_to_sha256(const struct xet_hash *in, struct sha256 *out);

void xet_chunk_hash(bytes raw, struct xet_hash *out);
void xet_chunk_hash_many(const bytes *raw, size_t count, struct xet_hash *out); /* faster than one by one */
void xet_range_hash(const struct xet_hash *chunk, size_t count, struct xet_hash *out); /* of a term's chunks */
/* Chunks as dedup answers name them: out[count]. */
void xet_hmac_many(const struct xet_hash *key, const struct xet_hash *chunk, size_t count, struct xet_hash *out);

struct xet_chunk {
    struct xet_hash hash;
    uint32_t size_bytes;
};

struct blake3;
void xet_chunk_hash_init(struct blake3 *b); /* for a chunk that arrives in pieces: xet/blake3.h */

/* The root over a list of (hash, size) that is given one by one, in order.  Memory does not grow with the list: every
 * level keeps the open group alone, at most nine members. */
enum { XET_MERKLE_LEVELS = 42, XET_MERKLE_GROUP_MAX = 9 };
struct xet_merkle {
    struct xet_merkle_level {
        bool has_closed; /* a group of this level has gone up, so this level is not the root's */
        uint32_t n;
        struct xet_hash hash[XET_MERKLE_GROUP_MAX];
        uint64_t size_bytes[XET_MERKLE_GROUP_MAX];
    } level[XET_MERKLE_LEVELS];
    uint32_t levels;
    uint64_t count, size_bytes;
};
void xet_merkle_init(struct xet_merkle *m);
void xet_merkle_add(struct xet_merkle *m, const struct xet_hash *h, uint64_t size_bytes);
/* Both end the list; one of them, once. */
void xet_merkle_root(struct xet_merkle *m, struct xet_hash *out); /* a xorb's name; zeros for an empty list */
void xet_merkle_file(struct xet_merkle *m, struct xet_hash *out); /* a file's name; zeros for an empty list */

/* The last step of a file's name with any salt; files use 32 zero bytes. */
void xet_file_hash(const struct xet_hash *root, const uint8_t salt[32], struct xet_hash *out);

#endif
