/* blake3.c - the tree of BLAKE3 (Aumasson, Neves, O'Connor, Wilcox-O'Hearn: "BLAKE3", 2020), keyed mode.
 *
 * A message is cut into leaves of 1024 bytes; neighbours are joined two by two, an odd one at the end moves up as it
 * is; the last join, or the only leaf, carries the ROOT flag.  The left subtree of every join is then the largest power
 * of two of leaves that leaves something for the right, as the paper asks.  This file builds lists of jobs (leaves,
 * then one level of joins after the other, over many messages at once) and gives them to the kernel. */
#include "xet/blake3.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "xet/blake3_priv.h"
#include "xet/little.h"

enum {
    LEAVES_AT_ONCE = 512, /* 16 KiB of chaining values and as much of jobs: four middling chunks fill the lanes */
    SUBTREE_MAX = 128,    /* a stream is cut into subtrees of at most so many leaves, that is 128 KiB */
};

static const struct blake3_kernel *kernel(void)
{
    static _Atomic(const struct blake3_kernel *) picked; /* picking twice gives the same, so no lock */
    const struct blake3_kernel *k = atomic_load_explicit(&picked, memory_order_acquire);
    if (!k) {
        k = blake3_kernel_pick(str_c(getenv("HEARTH_KERNELS")));
        atomic_store_explicit(&picked, k, memory_order_release);
    }
    return k;
}

static void load_key(uint32_t out[8], const uint8_t key[32])
{
    for (unsigned i = 0; i < 8; i++) out[i] = little32(key + 4 * i);
}

static const uint8_t no_bytes[1]; /* where an empty message lies */

static size_t leaves_of(size_t n) { return n == 0 ? 1 : (n - 1) / BLAKE3_LEAF + 1; }

static struct blake3_job leaf_job(const uint8_t *in, size_t n, uint64_t counter, uint8_t root)
{
    return (struct blake3_job){ in, counter, (uint32_t)n, KEYED, LEAF_START, LEAF_END | root };
}
static struct blake3_job parent_job(const uint8_t *both, uint8_t root)
{
    return (struct blake3_job){ both, 0, 64, PARENT | KEYED | root, 0, 0 };
}

/* What is left of a message while its tree is joined: `count` chaining values, its first at `at`. */
struct span {
    uint32_t at, count;
};

/* Joins every span down to one value, level by level over all spans.  cv[0] holds the values, cv[1] is room; returns
 * which of the two holds the results, still at the spans' `at`. */
static unsigned join(const uint32_t key[8], struct span *span, size_t spans, uint8_t (*cv[2])[32],
                     struct blake3_job *job, uint8_t root)
{
    unsigned now = 0;
    for (;;) {
        size_t jobs = 0;
        uint32_t to = 0;
        uint8_t(*from)[32] = cv[now], (*into)[32] = cv[now ^ 1];
        uint8_t joined[LEAVES_AT_ONCE / 2][32];
        for (size_t s = 0; s < spans; s++)
            for (uint32_t i = 0; i + 1 < span[s].count; i += 2)
                job[jobs++] = parent_job(from[span[s].at + i], span[s].count == 2 ? root : 0);
        if (jobs == 0) return now;
        kernel()->run(key, job, jobs, joined);
        size_t done = 0;
        for (size_t s = 0; s < spans; s++) {
            uint32_t pairs = span[s].count / 2, odd = span[s].count % 2;
            memcpy(into[to], joined[done], 32 * (size_t)pairs);
            if (odd) memcpy(into[to + pairs], from[span[s].at + span[s].count - 1], 32);
            span[s] = (struct span){ to, pairs + odd };
            to += pairs + odd;
            done += pairs;
        }
        now ^= 1;
    }
}

/* Hashes messages that have at most LEAVES_AT_ONCE leaves between them. */
static void hash_group(const uint32_t key[8], const bytes *in, size_t count, uint8_t (*out)[32])
{
    struct blake3_job job[LEAVES_AT_ONCE];
    struct span span[LEAVES_AT_ONCE];
    uint8_t values[2][LEAVES_AT_ONCE][32];
    uint8_t(*cv[2])[32] = { values[0], values[1] };
    uint32_t jobs = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t n = (uint32_t)leaves_of(in[i].n);
        span[i] = (struct span){ jobs, n };
        for (uint32_t l = 0; l + 1 < n; l++) job[jobs++] = leaf_job(in[i].p + l * BLAKE3_LEAF, BLAKE3_LEAF, l, 0);
        size_t before = (size_t)(n - 1) * BLAKE3_LEAF;
        job[jobs++] = leaf_job(in[i].n ? in[i].p + before : no_bytes, in[i].n - before, n - 1, n == 1 ? ROOT : 0);
    }
    kernel()->run(key, job, jobs, cv[0]);
    unsigned now = join(key, span, count, cv, job, ROOT);
    for (size_t i = 0; i < count; i++) memcpy(out[i], cv[now][span[i].at], 32);
}

void blake3_keyed_many(const uint8_t key[32], const bytes *in, size_t count, uint8_t (*out)[32])
{
    uint32_t k[8];
    load_key(k, key);
    for (size_t from = 0, to; from < count; from = to) {
        size_t leaves = 0;
        for (to = from; to < count && leaves + leaves_of(in[to].n) <= LEAVES_AT_ONCE; to++) leaves += leaves_of(in[to].n);
        if (to == from) {
            struct blake3 big;
            blake3_init(&big, key);
            blake3_add(&big, in[to]);
            blake3_end(&big, out[to++]);
        } else
            hash_group(k, in + from, to - from, out + from);
    }
}

void blake3_run(const uint32_t key[8], const struct blake3_job *job, size_t count, uint8_t (*out)[32])
{
    kernel()->run(key, job, count, out);
}

void blake3_join(const uint32_t key[8], uint8_t (*value)[32], const uint32_t *leaves, size_t count, uint8_t (*out)[32])
{
    struct blake3_job job[LEAVES_AT_ONCE];
    struct span span[LEAVES_AT_ONCE];
    uint8_t other[LEAVES_AT_ONCE][32];
    for (size_t from = 0, to; from < count; from = to) {
        uint8_t(*cv[2])[32] = { value, other };
        uint32_t n = 0;
        for (to = from; to < count && n + leaves[to] <= LEAVES_AT_ONCE; n += leaves[to++]) span[to - from] = (struct span){ n, leaves[to] };
        must(to > from);
        unsigned now = join(key, span, to - from, cv, job, ROOT);
        for (size_t i = from; i < to; i++) memcpy(out[i], cv[now][span[i - from].at], 32);
        value += n;
    }
}

void blake3_keyed(const uint8_t key[32], bytes in, uint8_t out[32])
{
    blake3_keyed_many(key, &in, 1, (uint8_t(*)[32])out);
}

/* ------------------------------------------------------------------ streams */

void blake3_init(struct blake3 *b, const uint8_t key[32])
{
    load_key(b->key, key);
    b->leaves = 0;
    b->depth = b->n = 0;
}

/* The value of a subtree of `n` full leaves, n a power of two up to SUBTREE_MAX. */
static void subtree(const struct blake3 *b, const uint8_t *in, uint32_t n, uint8_t out[32])
{
    struct blake3_job job[SUBTREE_MAX];
    uint8_t values[2][SUBTREE_MAX][32];
    uint8_t(*cv[2])[32] = { values[0], values[1] };
    struct span whole = { 0, n };
    for (uint32_t i = 0; i < n; i++) job[i] = leaf_job(in + (size_t)i * BLAKE3_LEAF, BLAKE3_LEAF, b->leaves + i, 0);
    kernel()->run(b->key, job, n, cv[0]);
    memcpy(out, cv[join(b->key, &whole, 1, cv, job, 0)][0], 32);
}

static void join_two(const uint32_t key[8], uint8_t left_and_right[64], uint8_t root, uint8_t out[32])
{
    struct blake3_job job = parent_job(left_and_right, root);
    uint8_t value[1][32];
    blake3_run_scalar(key, &job, 1, value);
    memcpy(out, value[0], 32);
}

/* Takes n full leaves, n a power of two that divides b->leaves.  More input follows, so no join here is the root. */
static void push(struct blake3 *b, const uint8_t *in, uint32_t n)
{
    must(b->depth < BLAKE3_DEPTH);
    subtree(b, in, n, b->stack[b->depth++]);
    b->leaves += n;
    while (b->depth > (unsigned)__builtin_popcountll(b->leaves)) {
        b->depth--;
        join_two(b->key, b->stack[b->depth - 1], 0, b->stack[b->depth - 1]);
    }
}

void blake3_add(struct blake3 *b, bytes in)
{
    while (in.n > 0) {
        size_t take;
        if (b->n == BLAKE3_LEAF) {
            push(b, b->leaf, 1);
            b->n = 0;
        }
        if (b->n > 0 || in.n <= BLAKE3_LEAF) {
            take = in.n < BLAKE3_LEAF - b->n ? in.n : BLAKE3_LEAF - b->n;
            memcpy(b->leaf + b->n, in.p, take);
            b->n += (uint32_t)take;
        } else { /* leave one byte at least */
            uint32_t n = SUBTREE_MAX;
            while (n > (in.n - 1) / BLAKE3_LEAF || b->leaves % n != 0) n /= 2;
            push(b, in.p, n);
            take = (size_t)n * BLAKE3_LEAF;
        }
        in.p += take, in.n -= take;
    }
}

void blake3_end(struct blake3 *b, uint8_t out[32])
{
    struct blake3_job last = leaf_job(b->leaf, b->n, b->leaves, b->depth == 0 ? ROOT : 0);
    uint8_t pair[64];
    blake3_run_scalar(b->key, &last, 1, (uint8_t(*)[32])out);
    while (b->depth > 0) {
        b->depth--;
        memcpy(pair, b->stack[b->depth], 32);
        memcpy(pair + 32, out, 32);
        join_two(b->key, pair, b->depth == 0 ? ROOT : 0, out);
    }
}
