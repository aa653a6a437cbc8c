/* hash.c - names and the merkle tree over them.
 *
 * The tree has no fixed arity: a group ends behind a hash that is 0 mod 4, but has three members at least (the first two
 * are never tested) and nine at most; what is left at the end of a level is one group, even of one, which is hashed
 * again and not passed up.  Because a group is decided by its own members alone, the tree is built while the list
 * arrives; only at the end does it show which level holds the root. */
#include "xet/hash.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "xet/blake3.h"

static const uint8_t data_key[32] = { 0x66, 0x97, 0xf5, 0x77, 0x5b, 0x95, 0x50, 0xde, 0x31, 0x35, 0xcb,
                                      0xac, 0xa5, 0x97, 0x18, 0x1c, 0x9d, 0xe4, 0x21, 0x10, 0x9b, 0xeb,
                                      0x2b, 0x58, 0xb4, 0xd0, 0xb0, 0x4b, 0x93, 0xad, 0xf2, 0x29 };
static const uint8_t node_key[32] = { 0x01, 0x7e, 0xc5, 0xc7, 0xa5, 0x47, 0x29, 0x96, 0xfd, 0x94, 0x66,
                                      0x66, 0xb4, 0x8a, 0x02, 0xe6, 0x5d, 0xdd, 0x53, 0x6f, 0x37, 0xc7,
                                      0x6d, 0xd2, 0xf8, 0x63, 0x52, 0xe6, 0x4a, 0x53, 0x71, 0x3f };
static const uint8_t range_key[32] = { 0x7f, 0x18, 0x57, 0xd6, 0xce, 0x56, 0xed, 0x66, 0x12, 0x7f, 0xf9,
                                       0x13, 0xe7, 0xa5, 0xc3, 0xf3, 0xa4, 0xcd, 0x26, 0xd5, 0xb5, 0xdb,
                                       0x49, 0xe6, 0x41, 0x24, 0x98, 0x7f, 0x28, 0xfb, 0x94, 0xc3 };
static const uint8_t no_salt[32];

static bool is_all(const struct xet_hash *h, uint8_t b)
{
    for (unsigned i = 0; i < XET_HASH_BYTES; i++)
        if (h->b[i] != b) return false;
    return true;
}
bool xet_hash_is_zero(const struct xet_hash *h) { return is_all(h, 0); }
bool xet_hash_is_bookend(const struct xet_hash *h) { return is_all(h, 0xff); }

uint64_t xet_hash_u64(const struct xet_hash *h, unsigned group)
{
    uint64_t v = 0;
    for (unsigned i = 8; i > 0; i--) v = v << 8 | h->b[8 * group + i - 1];
    return v;
}

static void reverse_groups(const uint8_t in[32], uint8_t out[32])
{
    for (unsigned i = 0; i < 32; i++) out[i] = in[(i & ~7u) + 7 - (i & 7)];
}

void xet_hash_hex(const struct xet_hash *h, char out[XET_HASH_HEX + 1])
{
    uint8_t turned[32];
    reverse_groups(h->b, turned);
    hex_encode((bytes){ turned, 32 }, out);
}

void buf_xet_hash(struct buf *out, const struct xet_hash *h)
{
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(h, hex);
    buf_add(out, str_n(hex, XET_HASH_HEX));
}

bool xet_hash_parse(str s, struct xet_hash *out)
{
    uint8_t turned[32];
    if (!hex_decode(s, turned, 32)) return false;
    reverse_groups(turned, out->b);
    return true;
}

void xet_hash_of_sha256(const struct sha256 *in, struct xet_hash *out) { reverse_groups(in->b, out->b); }
void xet_hash_to_sha256(const struct xet_hash *in, struct sha256 *out) { reverse_groups(in->b, out->b); }

void xet_chunk_hash(bytes raw, struct xet_hash *out) { blake3_keyed(data_key, raw, out->b); }
void xet_chunk_hash_many(const bytes *raw, size_t count, struct xet_hash *out)
{
    blake3_keyed_many(data_key, raw, count, (uint8_t(*)[32])out);
}
void xet_chunk_hash_init(struct blake3 *b) { blake3_init(b, data_key); }

void xet_range_hash(const struct xet_hash *chunk, size_t count, struct xet_hash *out)
{
    blake3_keyed(range_key, (bytes){ (const uint8_t *)chunk, count * sizeof *chunk }, out->b);
}

void xet_hmac_many(const struct xet_hash *key, const struct xet_hash *chunk, size_t count, struct xet_hash *out)
{
    enum { BATCH = 64 }; /* of one block each: plenty for any number of lanes */
    bytes in[BATCH];
    for (size_t from = 0; from < count; from += BATCH) {
        size_t n = count - from < BATCH ? count - from : BATCH;
        for (size_t i = 0; i < n; i++) in[i] = (bytes){ chunk[from + i].b, 32 };
        blake3_keyed_many(key->b, in, n, (uint8_t(*)[32])(out + from));
    }
}

/* ------------------------------------------------------------------ the tree */

void xet_merkle_init(struct xet_merkle *m)
{
    m->levels = 0;
    m->count = m->size_bytes = 0;
}

static void put(struct xet_merkle *m, uint32_t level, const struct xet_hash *h, uint64_t size_bytes);

/* Makes a node of the open group of a level and puts it into the level above. */
static void close_group(struct xet_merkle *m, uint32_t level)
{
    struct xet_merkle_level *l = &m->level[level];
    char text[XET_MERKLE_GROUP_MAX * (XET_HASH_HEX + 3 + 20 + 1) + 1];
    size_t n = 0;
    uint64_t sum = 0;
    struct xet_hash node;
    for (uint32_t i = 0; i < l->n; i++) {
        xet_hash_hex(&l->hash[i], text + n);
        n += XET_HASH_HEX;
        n += (size_t)snprintf(text + n, sizeof text - n, " : %" PRIu64 "\n", l->size_bytes[i]);
        sum += l->size_bytes[i];
    }
    blake3_keyed(node_key, (bytes){ (const uint8_t *)text, n }, node.b);
    l->has_closed = true;
    l->n = 0;
    put(m, level + 1, &node, sum);
}

static void put(struct xet_merkle *m, uint32_t level, const struct xet_hash *h, uint64_t size_bytes)
{
    must(level < XET_MERKLE_LEVELS); /* groups of three: 3^41 is beyond any count of 64 bits */
    struct xet_merkle_level *l = &m->level[level];
    if (level == m->levels) {
        l->n = 0;
        l->has_closed = false;
        m->levels++;
    }
    l->hash[l->n] = *h;
    l->size_bytes[l->n++] = size_bytes;
    if (l->n == XET_MERKLE_GROUP_MAX || (l->n >= 3 && xet_hash_mod(h, 4) == 0)) close_group(m, level);
}

void xet_merkle_add(struct xet_merkle *m, const struct xet_hash *h, uint64_t size_bytes)
{
    m->count++;
    m->size_bytes += size_bytes;
    put(m, 0, h, size_bytes);
}

void xet_merkle_root(struct xet_merkle *m, struct xet_hash *out)
{
    memset(out, 0, sizeof *out);
    for (uint32_t i = 0; i < m->levels; i++) { /* levels may grow while we climb */
        struct xet_merkle_level *l = &m->level[i];
        if (l->n == 1 && !l->has_closed) {
            *out = l->hash[0];
            return;
        }
        if (l->n > 0) close_group(m, i);
    }
}

void xet_file_hash(const struct xet_hash *root, const uint8_t salt[32], struct xet_hash *out)
{
    struct xet_hash of = *root;
    blake3_keyed(salt, (bytes){ of.b, 32 }, out->b);
}

void xet_merkle_file(struct xet_merkle *m, struct xet_hash *out)
{
    xet_merkle_root(m, out);
    if (m->count > 0) xet_file_hash(out, no_salt, out);
}
