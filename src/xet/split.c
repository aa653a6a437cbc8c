/* split.c - chunker and hash together.  The bytes are cut first and then hashed in batches that still lie in the
 * second-level cache. */
#include "xet/split.h"

enum { BATCH = 8 }; /* about 512 KiB of middling chunks */

void xet_split_init(struct xet_split *s, enum xet_dialect d) { xet_chunker_init(&s->chunker, d); }

static void hash_batch(const bytes *raw, size_t n, struct xet_chunk *out)
{
    struct xet_hash hash[BATCH];
    xet_chunk_hash_many(raw, n, hash);
    for (size_t i = 0; i < n; i++) out[i] = (struct xet_chunk){ hash[i], (uint32_t)raw[i].n };
}

size_t xet_split_add(struct xet_split *s, bytes in, struct xet_chunk *out)
{
    bytes batch[BATCH];
    size_t batched = 0, done = 0;
    while (in.n > 0) {
        uint32_t before = s->chunker.size_bytes;
        bool cut;
        size_t n = xet_chunker_next(&s->chunker, in, &cut);
        bytes piece = { in.p, n };
        in.p += n, in.n -= n;
        if (before == 0 && cut) {
            batch[batched++] = piece;
            if (batched == BATCH) {
                hash_batch(batch, batched, out + done);
                done += batched;
                batched = 0;
            }
            continue;
        }
        if (before == 0) xet_chunk_hash_init(&s->open);
        blake3_add(&s->open, piece);
        if (cut) { /* it began in an earlier call, so it is the first of this one and nothing waits in the batch */
            blake3_end(&s->open, out[done].hash.b);
            out[done++].size_bytes = before + (uint32_t)n;
        }
    }
    if (batched > 0) hash_batch(batch, batched, out + done);
    return done + batched;
}

bool xet_split_end(struct xet_split *s, struct xet_chunk *out)
{
    out->size_bytes = s->chunker.size_bytes;
    if (out->size_bytes == 0) return false;
    blake3_end(&s->open, out->hash.b);
    xet_split_init(s, s->chunker.dialect);
    return true;
}
