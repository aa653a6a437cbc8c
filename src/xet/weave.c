/* weave.c - see xet/weave.h.
 *
 * A block is gone over in pieces of 16 KiB.  One run of a kernel takes SHA-256 over a piece and says where in it there may be
 * cuts, whatever the rules for the size of a chunk; meanwhile it hashes sixteen leaves of the chunk under way, which lie in the piece
 * before: where leaves lie depends on where a chunk begins, and not on where it will end.  Then the cuts in the piece are chosen, and its
 * own leaves wait for the next run.
 *
 * Invariants, between pieces:
 *  1. The chunk under way begins at `begin`, has no cut so far, and its first `leaves` leaves are hashed or wait; their values
 *     are or will be value[first], value[first + 1], ...; below `first` are those of the chunks that ended in this block.
 *  2. At most WAITING_MAX leaves wait: a piece brings sixteen, and a run takes sixteen.
 * Between blocks nothing waits, and `first` is 0: what waits when a block ends is hashed without weaving, and so are the ends of
 * chunks that are no whole leaf. */
#include "xet/weave.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "xet/weave_priv.h"

enum {
    WAITING_MAX = 3 * XET_WEAVE_LEAVES,
    CHUNKS_MAX = XET_WEAVE_BLOCK_MAX / (XET_CHUNK_MIN - 64) + 1, /* xet_split_max */
    LEAVES_MAX = (XET_WEAVE_BLOCK_MAX + XET_CHUNK_MAX) / BLAKE3_LEAF + CHUNKS_MAX,
    JOBS_MAX = WAITING_MAX + CHUNKS_MAX,
};

struct waiting {
    const uint8_t *at;
    uint32_t n, counter, slot; /* slot: where its value goes */
};

struct xet_weave {
    const struct xet_weave_kernel *kernel; /* NULL: none, all in turn */
    struct hasher *sha256;                 /* NULL: not wanted */
    struct xet_split split;                /* where there is no kernel, and else for its tail alone */
    const uint8_t *begin;
    uint32_t leaves, first;
    struct waiting whole[WAITING_MAX], part[CHUNKS_MAX];
    uint32_t whole_count, part_count;
    uint32_t leaves_of[CHUNKS_MAX]; /* of the chunks that ended in this block */
    struct xet_weave_run run;
    uint8_t value[LEAVES_MAX][BLAKE3_BYTES];
};

struct xet_weave *xet_weave_new_on(const struct xet_weave_kernel *k, bool with_sha256)
{
    struct xet_weave *w = mem_one(struct xet_weave);
    struct blake3 b;
    w->kernel = k;
    if (with_sha256) w->sha256 = hasher_new_sha256();
    xet_split_init(&w->split, XET_DIALECT_CURRENT);
    xet_chunk_hash_init(&b);
    memcpy(w->run.key, b.key, sizeof b.key);
    return w;
}

struct xet_weave *xet_weave_new(bool with_sha256)
{
    return xet_weave_new_on(xet_weave_pick(with_sha256, str_c(getenv("HEARTH_KERNELS"))), with_sha256);
}

void xet_weave_free(struct xet_weave *w)
{
    if (!w) return;
    hasher_free(w->sha256);
    xet_split_deinit(&w->split);
    mem_free(w);
}

bool xet_weave_has_hashes(const struct xet_weave *w) { return w->kernel && w->kernel->takes_leaves; }

/* ------------------------------------------------------------------ leaves */

/* All whole leaves of the chunk under way up to `end` wait now. */
static void add_leaves(struct xet_weave *w, const uint8_t *end)
{
    if (!w->kernel->takes_leaves) return;
    for (const uint8_t *at = w->begin + (size_t)w->leaves * BLAKE3_LEAF; (size_t)(end - at) >= BLAKE3_LEAF; at += BLAKE3_LEAF) {
        must(w->whole_count < WAITING_MAX);
        w->whole[w->whole_count++] = (struct waiting){ at, BLAKE3_LEAF, w->leaves, w->first + w->leaves };
        w->leaves++;
    }
}

/* The leaves that wait, as far as there is room, for the next run; lanes without one do the first again. */
static uint32_t lend_leaves(struct xet_weave *w)
{
    struct xet_weave_run *r = &w->run;
    uint32_t n = w->whole_count < XET_WEAVE_LEAVES ? w->whole_count : XET_WEAVE_LEAVES;
    for (uint32_t i = 0; i < XET_WEAVE_LEAVES; i++) {
        r->leaf[i] = n == 0 ? r->piece : w->whole[i < n ? i : 0].at;
        r->counter[i] = i < n ? w->whole[i].counter : 0;
    }
    return n;
}

static void take_values(struct xet_weave *w, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) memcpy(w->value[w->whole[i].slot], w->run.value[i], BLAKE3_BYTES);
    w->whole_count -= n;
    memmove(w->whole, w->whole + n, w->whole_count * sizeof *w->whole);
}

/* At the end of a block: everything that waits. */
static void hash_waiting(struct xet_weave *w)
{
    struct blake3_job job[JOBS_MAX];
    uint8_t value[JOBS_MAX][BLAKE3_BYTES];
    uint32_t n = 0, slot[JOBS_MAX];
    for (uint32_t i = 0; i < w->whole_count + w->part_count; i++, n++) {
        const struct waiting *l = i < w->whole_count ? &w->whole[i] : &w->part[i - w->whole_count];
        job[n] = (struct blake3_job){ l->at, l->counter, l->n, KEYED, LEAF_START, LEAF_END };
        slot[n] = l->slot;
    }
    if (n) blake3_run(w->run.key, job, n, value);
    for (uint32_t i = 0; i < n; i++) memcpy(w->value[slot[i]], value[i], BLAKE3_BYTES);
    w->whole_count = w->part_count = 0;
}

/* ------------------------------------------------------------------ cuts */

/* The first cut behind a byte of p[0..n) that leaves the chunk at least its least size: the chunk's end; NULL: none. */
static const uint8_t *cut_within(const uint8_t *p, size_t n, const uint8_t *end_min, const uint8_t *end_max)
{
    uint64_t h = xet_gear_before(p);
    for (size_t i = 0; i < n; i++) {
        h = xet_gear_step(h, p[i]);
        if (h < XET_GEAR_CUT_BELOW && p + i + 1 >= end_min) return p + i + 1 <= end_max ? p + i + 1 : NULL;
    }
    return NULL;
}

/* The same in a piece, with the help of what the kernel has seen.  Before end_min a chunk has more bytes than the hash depends on. */
static const uint8_t *cut_in_piece(const struct xet_weave *w, const uint8_t *end_min, const uint8_t *end_max)
{
    const size_t strip = XET_WEAVE_PIECE / w->kernel->strips, words = (strip / XET_WEAVE_STEP + 63) / 64;
    for (unsigned s = 0; s < w->kernel->strips; s++)
        for (size_t i = 0; i < words; i++)
            for (uint64_t bits = w->run.seen[i]; bits; bits &= bits - 1) {
                const uint8_t *at = w->run.piece + s * strip + XET_WEAVE_STEP * (64 * i + (size_t)__builtin_ctzll(bits)), *cut;
                if (at + XET_WEAVE_STEP < end_min) continue;
                if (at >= end_max) return NULL;
                if ((cut = cut_within(at, XET_WEAVE_STEP, end_min, end_max))) return cut;
            }
    return NULL;
}

/* The same in what is shorter than a piece. */
static const uint8_t *cut_in_rest(const uint8_t *p, const uint8_t *end_min, const uint8_t *end_max)
{
    const uint8_t *from = end_min - 1 > p ? end_min - 1 : p;
    uint64_t h = xet_gear_before(from);
    bool cut;
    size_t taken = xet_scan(from, (size_t)(end_max - from), &h, &cut);
    return cut ? from + taken : NULL;
}

/* The chunk under way ends. */
static void end_chunk(struct xet_weave *w, const uint8_t *end, bytes *chunk, uint32_t n)
{
    *chunk = (bytes){ w->begin, (size_t)(end - w->begin) };
    if (w->kernel->takes_leaves) {
        add_leaves(w, end);
        uint32_t rest = (uint32_t)chunk->n % BLAKE3_LEAF;
        if (rest) w->part[w->part_count++] = (struct waiting){ end - rest, rest, w->leaves, w->first + w->leaves };
        w->leaves_of[n] = w->leaves + (rest > 0);
        w->first += w->leaves_of[n];
    }
    w->leaves = 0;
    w->begin = end;
}

/* The chunks that end in p[0..n), which are a piece or less. */
static uint32_t choose_cuts(struct xet_weave *w, const uint8_t *p, size_t n, bytes *chunk, uint32_t count)
{
    const uint8_t *end = p + n;
    for (;;) {
        size_t size = (size_t)(end - w->begin);
        const uint8_t *cut = NULL;
        if (size >= XET_CHUNK_MIN) {
            const uint8_t *min = w->begin + XET_CHUNK_MIN, *max = size < XET_CHUNK_MAX ? end : w->begin + XET_CHUNK_MAX;
            cut = n == XET_WEAVE_PIECE ? cut_in_piece(w, min, max) : cut_in_rest(p, min, max);
            if (!cut && size >= XET_CHUNK_MAX) cut = max;
        }
        if (!cut) break;
        end_chunk(w, cut, &chunk[count], count);
        count++;
    }
    add_leaves(w, end);
    return count;
}

/* ------------------------------------------------------------------ a block */

/* SHA-256 and the search for cuts over one piece, and leaves of the one before. */
static void run(struct xet_weave *w, const uint8_t *p)
{
    struct xet_weave_run *r = &w->run;
    uint32_t n = 0;
    r->piece = p;
    r->sha256 = w->sha256 ? hasher_state(w->sha256) : NULL;
    memset(r->seen, 0, sizeof r->seen);
    if (w->kernel->takes_leaves) n = lend_leaves(w);
    w->kernel->run(r);
    take_values(w, n);
    if (w->sha256) hasher_skip(w->sha256, XET_WEAVE_PIECE);
}

static size_t add_woven(struct xet_weave *w, uint8_t *at, size_t n, bytes *chunk, struct xet_hash *hash)
{
    struct xet_split *s = &w->split;
    const uint8_t *p = at, *end = at + n;
    uint32_t count = 0;
    w->begin = xet_split_join(s, at);
    for (; (size_t)(end - p) >= XET_WEAVE_PIECE && (!w->sha256 || hasher_state(w->sha256)); p += XET_WEAVE_PIECE) {
        run(w, p);
        count = choose_cuts(w, p, XET_WEAVE_PIECE, chunk, count);
    }
    while (p < end) { /* the end of a stream, or blocks of odd sizes */
        size_t rest = (size_t)(end - p) < XET_WEAVE_PIECE ? (size_t)(end - p) : XET_WEAVE_PIECE - 1;
        if (w->sha256) hasher_add(w->sha256, (bytes){ p, rest });
        count = choose_cuts(w, p, rest, chunk, count);
        hash_waiting(w);
        p += rest;
    }
    hash_waiting(w);
    if (count && w->kernel->takes_leaves) blake3_join(w->run.key, w->value, w->leaves_of, count, (uint8_t(*)[BLAKE3_BYTES])hash);
    if (w->first) memmove(w->value, w->value[w->first], (size_t)w->leaves * BLAKE3_BYTES);
    w->first = 0;
    xet_split_keep(s, (bytes){ w->begin, (size_t)(end - w->begin) });
    return count;
}

static size_t add_in_turn(struct xet_weave *w, uint8_t *at, size_t n, bytes *chunk)
{
    if (w->sha256) hasher_add(w->sha256, (bytes){ at, n });
    return xet_split_add(&w->split, at, n, chunk);
}

size_t xet_weave_add(struct xet_weave *w, uint8_t *at, size_t n, bytes *chunk, struct xet_hash *hash)
{
    must(n <= XET_WEAVE_BLOCK_MAX && (hash || !xet_weave_has_hashes(w)));
    size_t count = w->kernel ? add_woven(w, at, n, chunk, hash) : add_in_turn(w, at, n, chunk);
    if (hash && !xet_weave_has_hashes(w)) xet_chunk_hash_many(chunk, count, hash);
    return count;
}

bool xet_weave_end(struct xet_weave *w, bytes *chunk, struct xet_hash *hash, struct sha256 *out)
{
    must(!out == !w->sha256);
    if (out) hasher_end(w->sha256, out->b);
    w->sha256 = NULL;
    if (!xet_split_end(&w->split, chunk)) return false;
    xet_chunk_hash(*chunk, hash); /* it may be one leaf, and its tree no tree */
    return true;
}
