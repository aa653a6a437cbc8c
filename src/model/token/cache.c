/* cache.c - words seen lately and the tokens that they became.
 *
 * Natural text repeats its words, and a hit costs one cache line instead of a search for merges.  Two direct-mapped
 * tables: half a line for short words with few tokens (nearly all), two lines for longer ones; what is longer still is
 * not kept.  A collision replaces.  A word's bytes are the key themselves, so that a hit is certain.
 *
 * Tokens are kept as ids and ends; that suits every model whose tokens follow each other without gaps.  Those that do
 * not (see cache_keep) are not kept. */
#include "model/token/token_priv.h"

enum { SHORT_SLOTS = 1 << 15, SHORT_BYTES = 14, SHORT_IDS = 3, LONG_SLOTS = 1 << 14, LONG_BYTES = 46, LONG_IDS = 16, IN_MANY = 255 };

struct short_slot {
    uint8_t key[SHORT_BYTES]; /* zero behind the word */
    uint8_t len, count;       /* len 0: free; count IN_MANY: its tokens stand in the other table */
    uint32_t id[SHORT_IDS];
    uint8_t end[4];
};
struct long_slot {
    uint8_t key[LONG_BYTES];
    uint8_t len, count;
    uint32_t id[LONG_IDS];
    uint8_t end[LONG_IDS];
};
_Static_assert(sizeof(struct short_slot) == 32 && sizeof(struct long_slot) == 128, "slots fill cache lines");

struct word_cache {
    struct short_slot few[SHORT_SLOTS];
    struct long_slot many[LONG_SLOTS];
};

struct word_cache *cache_new(void) { return mem_one(struct word_cache); }
void cache_free(struct word_cache *c) { mem_free(c); }

struct key16 {
    uint64_t a, b;
};

/* Up to 14 bytes and the length, as two numbers; never reads outside of the word. */
static inline struct key16 short_key(const uint8_t *p, size_t n)
{
    struct key16 k = { 0, (uint64_t)n << 48 };
    uint64_t tail = 0;
    if (n >= 8) {
        memcpy(&k.a, p, 8);
        if (n > 8) {
            memcpy(&tail, p + n - 8, 8); /* overlaps the first eight; shift what is not theirs down */
            k.b |= tail >> (8 * (16 - n));
        }
    } else if (n >= 4) {
        uint32_t lo, hi;
        memcpy(&lo, p, 4);
        memcpy(&hi, p + n - 4, 4);
        k.a = lo | (uint64_t)hi << (8 * (n - 4));
    } else {
        k.a = p[0] | (uint64_t)p[n >> 1] << (8 * (n >> 1)) | (uint64_t)p[n - 1] << (8 * (n - 1));
    }
    return k;
}
static inline struct short_slot *short_at(struct word_cache *c, struct key16 k)
{
    uint64_t h = (k.a ^ k.b * 0x9FB21C651E98DF25u) * 0x9E3779B97F4A7C15u;
    return &c->few[(h ^ h >> 27) >> 32 & (SHORT_SLOTS - 1)];
}

static void tokens_out(struct toks *out, const uint32_t *id, const uint8_t *end, unsigned count)
{
    need_room(out, count);
    uint32_t from = 0;
    for (unsigned i = 0; i < count; i++) {
        out->item[out->n++] = (struct tok){ id[i], from, end[i], TOKEN_NO_WORD };
        from = end[i];
    }
}

bool cache_find(struct word_cache *c, const uint8_t *p, size_t n, struct toks *out)
{
    if (n == 0 || n > LONG_BYTES) return false;
    if (n <= SHORT_BYTES) {
        struct key16 k = short_key(p, n), have;
        const struct short_slot *s = short_at(c, k);
        memcpy(&have, s, sizeof have);
        if (have.a != k.a || (have.b & 0x00FFFFFFFFFFFFFFu) != k.b) return false;
        if (s->count != IN_MANY) {
            tokens_out(out, s->id, s->end, s->count);
            return true;
        }
    }
    const struct long_slot *s = &c->many[hash_bytes(p, n) & (LONG_SLOTS - 1)];
    if (s->len != n || memcmp(s->key, p, n) != 0) return false;
    tokens_out(out, s->id, s->end, s->count);
    return true;
}

static bool fits(const struct tok *tok, size_t count, size_t n)
{
    uint32_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (tok[i].from != at || tok[i].to > n) return false;
        at = tok[i].to;
    }
    return true;
}

void cache_keep(struct word_cache *c, const uint8_t *p, size_t n, const struct tok *tok, size_t count)
{
    if (n == 0 || n > LONG_BYTES || count > LONG_IDS || !fits(tok, count, n)) return;
    if (n <= SHORT_BYTES) {
        struct key16 k = short_key(p, n);
        struct short_slot *s = short_at(c, k);
        memcpy(s, &k, sizeof k);
        s->count = count <= SHORT_IDS ? (uint8_t)count : IN_MANY;
        for (size_t i = 0; i < count && count <= SHORT_IDS; i++) {
            s->id[i] = tok[i].id;
            s->end[i] = (uint8_t)tok[i].to;
        }
        if (count <= SHORT_IDS) return;
    }
    struct long_slot *s = &c->many[hash_bytes(p, n) & (LONG_SLOTS - 1)];
    memcpy(s->key, p, n);
    s->len = (uint8_t)n;
    s->count = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        s->id[i] = tok[i].id;
        s->end[i] = (uint8_t)tok[i].to;
    }
}
