/* xet_write.h - xorbs and shards as clients write them: for tests and measurements.  The server only reads them. */
#ifndef XET_WRITE_H
#define XET_WRITE_H

#include "xet/little.h"
#include "xet/shard_priv.h"

/* Appends the chunk's frame to `out`, which may be emptied between calls. */
static inline void xorb_add(struct xet_xorb_writer *w, bytes raw, const struct xet_hash *hash, enum xet_scheme scheme, struct buf *out)
{
    char *room = buf_reserve(out, XET_FRAME_BYTES_MAX);
    must(room);
    out->n += xet_xorb_writer_put(w, raw, hash, scheme, (uint8_t *)room);
}

static inline void shard_put_record(struct buf *out, const struct xet_hash *h, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    buf_add(out, str_n((const char *)h->b, XET_HASH_BYTES));
    buf_little32(out, a);
    buf_little32(out, b);
    buf_little32(out, c);
    buf_little32(out, d);
}

/* A shard is a header, files, a bookend, xorbs, a bookend; clients send it without a footer. */
static inline void shard_put_header(struct buf *out)
{
    buf_add(out, str_n((const char *)xet_shard_tag, sizeof xet_shard_tag));
    for (unsigned i = 0; i < 4; i++) buf_little32(out, i ? 0 : 2); /* version 2, no footer: 64 bits each */
}

static inline void shard_put_bookend(struct buf *out)
{
    struct xet_hash ones;
    memset(ones.b, 0xff, sizeof ones.b);
    shard_put_record(out, &ones, 0, 0, 0, 0);
}

/* range[i] belongs to term[i]; sha256 NULL: none is claimed. */
static inline void shard_put_file(struct buf *out, const struct xet_hash *hash, const struct xet_term *term, const struct xet_hash *range,
                                  uint32_t count, const struct sha256 *sha256)
{
    shard_put_record(out, hash, XET_FILE_HAS_RANGES | (sha256 ? XET_FILE_HAS_SHA256 : 0), count, 0, 0);
    for (uint32_t i = 0; i < count; i++) shard_put_record(out, &term[i].xorb, 0, term[i].raw_bytes, term[i].first, term[i].end);
    for (uint32_t i = 0; i < count; i++) shard_put_record(out, &range[i], 0, 0, 0, 0);
    if (sha256) {
        struct xet_hash turned;
        xet_hash_of_sha256(sha256, &turned);
        shard_put_record(out, &turned, 0, 0, 0, 0);
    }
}

static inline void shard_put_xorb(struct buf *out, const struct xet_xorb_index *x)
{
    shard_put_record(out, &x->hash, 0, x->count, xet_raw_at(x, x->count), 0); /* bytes on disk are 0, as hf_xet has them */
    for (uint32_t i = 0; i < x->count; i++) shard_put_record(out, &x->chunk[i], xet_raw_at(x, i), x->raw_end[i] - xet_raw_at(x, i), 0, 0);
}

#endif
