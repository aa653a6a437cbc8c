/* shard_read.c - shards of uploads, record by record.
 *
 *   header   32-byte tag, u64 version 2, u64 footer size (200, or 0 for none)
 *   file     hash, u32 flags, u32 n, u64 -        then n terms, n ranges if bit 31, 1 metadata if bit 30
 *   term     xorb hash, u32 flags, u32 raw bytes, u32 first chunk, u32 end chunk
 *   range    hash, 16 zero bytes
 *   metadata sha256, every group of eight bytes reversed (TRAP), 16 zero bytes
 *   bookend  32 bytes of ones, 16 zero bytes
 *   xorb     hash, u32 flags, u32 n, u32 raw bytes, u32 stored bytes       then n chunks
 *   chunk    hash, u32 raw offset, u32 raw bytes, u32 flags (bit 31: start of a file), u32 -  */
#include "xet/shard.h"

#include "xet/little.h"
#include "xet/shard_priv.h"

static uint64_t load64(const uint8_t *p) { return little32(p) | (uint64_t)little32(p + 4) << 32; }
static struct xet_hash load_hash(const uint8_t *p)
{
    struct xet_hash h;
    memcpy(h.b, p, 32);
    return h;
}

bool xet_shard_open(bytes all, struct xet_shard_reader *r, struct err *e)
{
    if (all.n > XET_SHARD_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "a shard of %zu bytes; at most %d are taken", all.n, XET_SHARD_BYTES_MAX);
    if (all.n < XET_RECORD || memcmp(all.p, xet_shard_tag, sizeof xet_shard_tag) != 0)
        return err_set(e, ERR_INVALID, "this is not a shard");
    if (load64(all.p + 32) != 2)
        return err_set(e, ERR_INVALID, "a shard of version %llu; 2 is known", (unsigned long long)load64(all.p + 32));
    if (load64(all.p + 40) != 0 && load64(all.p + 40) != XET_SHARD_FOOTER)
        return err_set(e, ERR_INVALID, "a shard with a footer of an unknown size");
    *r = (struct xet_shard_reader){ .rest = { all.p + XET_RECORD, all.n - XET_RECORD } };
    return true;
}

/* The next n records, n up to 2^33. */
static bool take(struct xet_shard_reader *r, uint64_t n, const uint8_t **out, struct err *e)
{
    if (n > r->rest.n / XET_RECORD) return err_set(e, ERR_INVALID, "the shard ends too early");
    *out = r->rest.p;
    r->rest.p += n * XET_RECORD;
    r->rest.n -= n * XET_RECORD;
    return true;
}

bool xet_shard_next_file(struct xet_shard_reader *r, struct xet_shard_file *out, bool *found, struct err *e)
{
    const uint8_t *head = NULL, *sha = NULL;
    *found = false;
    if (r->part != 0) return true;
    if (!take(r, 1, &head, e)) return false;
    *out = (struct xet_shard_file){ .hash = load_hash(head), .terms_count = little32(head + 36) };
    if (xet_hash_is_bookend(&out->hash)) {
        r->part = 1;
        return true;
    }
    uint32_t flags = little32(head + 32);
    out->has_ranges = flags & XET_FILE_HAS_RANGES;
    if (r->files_count++ > 0 && out->has_ranges != r->has_ranges)
        return err_set(e, ERR_INVALID, "some files of the shard have range hashes and some do not");
    r->has_ranges = out->has_ranges;
    if (!take(r, out->terms_count, &out->terms, e)) return false;
    if (out->has_ranges && !take(r, out->terms_count, &out->ranges, e)) return false;
    if (flags & XET_FILE_HAS_SHA256) {
        if (!take(r, 1, &sha, e)) return false;
        struct xet_hash stored = load_hash(sha);
        out->has_sha256 = !xet_hash_is_zero(&stored);
        xet_hash_to_sha256(&stored, &out->sha256);
    }
    *found = true;
    return true;
}

bool xet_shard_next_xorb(struct xet_shard_reader *r, struct xet_shard_xorb *out, bool *found, struct err *e)
{
    const uint8_t *head = NULL;
    must(r->part != 0); /* files come first */
    *found = false;
    if (r->part != 1) return true;
    if (!take(r, 1, &head, e)) return false;
    *out = (struct xet_shard_xorb){ load_hash(head), little32(head + 36), little32(head + 40), little32(head + 44), NULL };
    if (xet_hash_is_bookend(&out->hash)) {
        r->part = 2;
        return true;
    }
    *found = true;
    return take(r, out->chunks_count, &out->chunks, e);
}

struct xet_term xet_shard_term(const struct xet_shard_file *f, uint32_t i)
{
    must(i < f->terms_count);
    const uint8_t *p = f->terms + (size_t)i * XET_RECORD;
    return (struct xet_term){ load_hash(p), little32(p + 40), little32(p + 44), little32(p + 36) };
}

struct xet_hash xet_shard_range(const struct xet_shard_file *f, uint32_t i)
{
    must(f->has_ranges && i < f->terms_count);
    return load_hash(f->ranges + (size_t)i * XET_RECORD);
}

struct xet_shard_chunk xet_shard_chunk(const struct xet_shard_xorb *x, uint32_t i)
{
    must(i < x->chunks_count);
    const uint8_t *p = x->chunks + (size_t)i * XET_RECORD;
    return (struct xet_shard_chunk){ load_hash(p), little32(p + 32), little32(p + 36), little32(p + 40) >> 31 };
}

/* ------------------------------------------------------------------ checks against what is stored */

bool xet_shard_file_check(const struct xet_shard_file *f, xet_find_fn find, void *ctx, uint64_t *budget,
                          uint64_t *size_bytes, struct err *e)
{
    struct xet_merkle tree;
    struct xet_hash hash;
    if (!f->has_ranges) return err_set(e, ERR_INVALID, "a file without range hashes");
    xet_merkle_init(&tree);
    for (uint32_t i = 0; i < f->terms_count; i++) {
        struct xet_term t = xet_shard_term(f, i);
        struct xet_hash range = xet_shard_range(f, i);
        const struct xet_xorb_index *x = find(ctx, &t.xorb);
        if (!x) return err_set(e, ERR_INVALID, "term %u names a xorb that is not here", i);
        if (t.first >= t.end || t.end > x->count)
            return err_set(e, ERR_INVALID, "term %u is chunks %u to %u of a xorb of %u", i, t.first, t.end, x->count);
        if (xet_raw_at(x, t.end) - xet_raw_at(x, t.first) != t.raw_bytes)
            return err_set(e, ERR_INVALID, "term %u does not have the length that it states", i);
        if (t.end - t.first > *budget) return err_set(e, ERR_TOO_LARGE, "the terms of the shard name too many chunks");
        *budget -= t.end - t.first;
        xet_range_hash(x->chunk + t.first, t.end - t.first, &hash);
        if (!xet_hash_eq(&hash, &range)) return err_set(e, ERR_INVALID, "the range hash of term %u is wrong", i);
        for (uint32_t c = t.first; c < t.end; c++)
            xet_merkle_add(&tree, &x->chunk[c], xet_raw_at(x, c + 1) - xet_raw_at(x, c));
    }
    *size_bytes = tree.size_bytes;
    xet_merkle_file(&tree, &hash);
    if (!xet_hash_eq(&hash, &f->hash)) return err_set(e, ERR_INVALID, "the terms of a file do not make the name it has");
    return true;
}

bool xet_shard_xorb_check(const struct xet_shard_xorb *x, const struct xet_xorb_index *stored, struct err *e)
{
    if (!stored || !xet_hash_eq(&x->hash, &stored->hash)) return err_set(e, ERR_INVALID, "a listed xorb is not here");
    bool same = x->chunks_count == stored->count && x->raw_bytes == xet_raw_at(stored, stored->count);
    for (uint32_t i = 0; same && i < stored->count; i++) {
        struct xet_shard_chunk c = xet_shard_chunk(x, i);
        same = xet_hash_eq(&c.hash, &stored->chunk[i]) && c.raw_at == xet_raw_at(stored, i) &&
               c.raw_bytes == stored->raw_end[i] - c.raw_at;
    }
    return same || err_set(e, ERR_INVALID, "the listing of a xorb differs from what is stored");
}
