/* shard_write.c - the shards that we make: answers to dedup queries.
 *
 * The footer of an answer (offsets from its start):
 *     0 u64 version 1   8 u64 files at 48   16 u64 xorbs at
 *    24 three times (u64 table at, u64 entries): file, xorb and chunk lookup, which we leave out
 *    72 key, 32 bytes   104 u64 created   112 u64 expires   120 48 zero bytes
 *   168 u64 bytes on disk   176 u64 bytes of files   184 u64 raw bytes of the xorbs   192 u64 footer at
 *
 * TRAP: readers take "file lookup at" for the end of the xorb section, so with zeros there deduplication is lost in
 * silence; all three tables, empty, stand where the footer does. */
#include "xet/blake3.h"
#include "xet/little.h"
#include "xet/shard_priv.h"

static void put64(struct buf *out, uint64_t v)
{
    buf_little32(out, (uint32_t)v);
    buf_little32(out, (uint32_t)(v >> 32));
}
static void put_record(struct buf *out, const struct xet_hash *h, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    buf_add(out, str_n((const char *)h->b, 32));
    buf_little32(out, a);
    buf_little32(out, b);
    buf_little32(out, c);
    buf_little32(out, d);
}

static void put_header(struct buf *out)
{
    buf_add(out, str_n((const char *)xet_shard_tag, sizeof xet_shard_tag));
    put64(out, 2);
    put64(out, XET_SHARD_FOOTER);
}

static void put_bookend(struct buf *out)
{
    struct xet_hash ones;
    memset(ones.b, 0xff, sizeof ones.b);
    put_record(out, &ones, 0, 0, 0, 0);
}

static bool is_usable(const struct xet_dedup_xorb *x, uint32_t i)
{
    return !x->usable || (x->usable[i / 8] >> (i % 8) & 1);
}

/* What stands for a chunk that must not be told of: to who has no secret, as good as any hash of a chunk that he does
 * not have.  It depends on the place alone, so it says nothing about the chunk, and many answers say no more than one. */
static void made_up(const struct xet_hash *secret, const struct xet_hash *xorb, uint32_t i, struct xet_hash *out)
{
    uint8_t place[XET_HASH_BYTES + 4];
    memcpy(place, xorb->b, XET_HASH_BYTES);
    for (unsigned k = 0; k < 4; k++) place[XET_HASH_BYTES + k] = (uint8_t)(i >> (8 * k));
    blake3_keyed(secret->b, (bytes){ place, sizeof place }, out->b);
}

/* Returns the raw bytes that it told of. */
static uint64_t put_listing(struct buf *out, const struct xet_dedup_xorb *x, const struct xet_dedup_key *key)
{
    enum { BATCH = 512 };
    const struct xet_xorb_index *index = x->index;
    uint32_t raw = 0, at = 0, listed = index->count;
    while (listed > 0 && !is_usable(x, listed - 1)) listed--;
    if (listed == 0) return 0;
    for (uint32_t i = 0; i < listed; i++)
        if (is_usable(x, i)) raw += index->raw_end[i] - xet_raw_at(index, i);
    put_record(out, &index->hash, 0, listed, raw, 0);
    for (uint32_t from = 0; from < listed; from += BATCH) {
        struct xet_hash keyed[BATCH];
        uint32_t n = listed - from < BATCH ? listed - from : BATCH;
        xet_hmac_many(&key->key, index->chunk + from, n, keyed);
        for (uint32_t i = from; i < from + n; i++) {
            uint32_t size = is_usable(x, i) ? index->raw_end[i] - xet_raw_at(index, i) : 0;
            if (size == 0) made_up(&key->secret, &index->hash, i, &keyed[i - from]);
            put_record(out, &keyed[i - from], at, size, 0, 0);
            at += size;
        }
    }
    return raw;
}

void xet_dedup_answer(struct buf *out, const struct xet_dedup_xorb *xorb, size_t count, const struct xet_dedup_key *key)
{
    uint64_t raw = 0;
    must(!xet_hash_is_zero(&key->key) && key->created_s < key->expires_s);
    size_t start = out->n;
    put_header(out);
    put_bookend(out);
    size_t xorbs_at = out->n - start;
    for (size_t i = 0; i < count; i++) raw += put_listing(out, &xorb[i], key);
    put_bookend(out);
    size_t footer_at = out->n - start;
    put64(out, 1);
    put64(out, XET_RECORD);
    put64(out, xorbs_at);
    for (unsigned table = 0; table < 3; table++) {
        put64(out, footer_at);
        put64(out, 0);
    }
    buf_add(out, str_n((const char *)key->key.b, 32));
    put64(out, key->created_s);
    put64(out, key->expires_s);
    for (unsigned i = 0; i < 8; i++) put64(out, 0); /* 48 zero bytes, bytes on disk, bytes of files */
    put64(out, raw);
    put64(out, footer_at);
}
