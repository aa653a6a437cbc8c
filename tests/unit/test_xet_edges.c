/* test_xet_edges.c - what is hashed, searched and copied lies between two pages that nobody may touch: right behind the one, or right
 * before the other, as bytes that were mapped do.  Masked loads and stores of vectors are seen by no sanitizer. */
#include <sys/mman.h>

#include "base/sha256_priv.h"
#include "xet/chunker_priv.h"
#include "xet/blake3_priv.h"
#include "xet/copy.h"
#include "xet/frame.h"
#include "xet/weave_priv.h"
#include "xet_help.h"

enum { PAGE = 4096 };

struct guarded {
    uint8_t *begin, *end; /* of what may be touched */
};

static struct guarded guarded_new(size_t room)
{
    room = (room + PAGE - 1) / PAGE * PAGE;
    uint8_t *p = mmap(NULL, room + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED && (room == 0 || mprotect(p + PAGE, room, PROT_READ | PROT_WRITE) == 0));
    return (struct guarded){ p + PAGE, p + PAGE + room };
}

static void guarded_free(struct guarded *g) { munmap(g->begin - PAGE, (size_t)(g->end - g->begin) + 2 * PAGE); }

/* n bytes at one end or the other. */
static uint8_t *place(const struct guarded *g, size_t n, bool at_end) { return at_end ? g->end - n : g->begin; }

static uint64_t seed;
static size_t below(size_t n) /* n > 0 */
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

static size_t any_size(size_t most) /* short ones, those around a block, a leaf, a page, and others */
{
    static const size_t around[] = { 16, 64, 128, 1024, 2048, 4096, 8192, 16384, 65536, 131072 };
    size_t n = below(2) ? around[below(COUNT(around))] - 2 + below(5) : below(3) ? below(200) : below(most + 1);
    return n > most ? most : n;
}

static void kernels_of_blake3_read_their_jobs_alone(void **state)
{
    static const char *const name[] = { "scalar", "avx2", "avx512" };
    enum { JOBS = 40 };
    const uint32_t key[8] = { 1, 2, 3, 4, 5, 6, 7, 0xffffffff };
    struct guarded g[JOBS];
    bytes noise = xet_random(1, 2048 * JOBS);
    (void)state;
    for (size_t i = 0; i < JOBS; i++) g[i] = guarded_new(BLAKE3_LEAF);
    for (uint32_t round = 0; round < 1500; round++) {
        const struct blake3_kernel *k = blake3_kernel_pick(str_c(name[round % COUNT(name)]));
        struct blake3_job job[JOBS], plain[JOBS];
        uint8_t got[JOBS][32], want[JOBS][32];
        size_t count = below(JOBS + 1);
        for (size_t i = 0; i < count; i++) {
            uint32_t n = (uint32_t)any_size(BLAKE3_LEAF);
            uint8_t *at = place(&g[i], n, below(2));
            plain[i] = (struct blake3_job){ noise.p + 2048 * i + below(64), below(1000), n, KEYED, LEAF_START, LEAF_END };
            memcpy(at, plain[i].in, n);
            job[i] = plain[i];
            job[i].in = at;
        }
        k->run(key, job, count, got);
        blake3_run_scalar(key, plain, count, want);
        if (count && memcmp(got, want, 32 * count) != 0) fail_msg("%s, round %u", k->name, round);
    }
    for (size_t i = 0; i < JOBS; i++) guarded_free(&g[i]);
    mem_free((void *)(uintptr_t)noise.p);
}

static void one_message_or_many_are_read_to_their_ends(void **state)
{
    struct guarded g = guarded_new(600 << 10);
    bytes noise = xet_random(2, 600 << 10);
    (void)state;
    memcpy(g.begin, noise.p, noise.n);
    for (uint32_t round = 0; round < 300; round++) {
        size_t n = any_size(round % 10 ? 20000 : noise.n);
        bool at_end = below(2);
        bytes in = { place(&g, n, at_end), n }, copy = { noise.p + (at_end ? noise.n - n : 0), n };
        struct xet_hash whole, want;
        struct blake3 b;
        xet_chunk_hash(in, &whole);
        xet_chunk_hash_init(&b);
        for (size_t at = 0, piece; at < n; at += piece) {
            piece = 1 + any_size(n - at - 1);
            blake3_add(&b, (bytes){ copy.p + at, piece });
        }
        blake3_end(&b, want.b);
        if (!xet_hash_eq(&whole, &want)) fail_msg("%zu bytes in pieces have another hash", n);
    }
    guarded_free(&g);
    mem_free((void *)(uintptr_t)noise.p);
}

static void a_search_for_cuts_reads_its_input_alone(void **state)
{
    enum { MOST = 400000 };
    struct guarded g = guarded_new(MOST);
    uint8_t *noise = (uint8_t *)(uintptr_t)xet_random(3, MOST).p;
    (void)state;
    for (uint32_t round = 0; round < 200; round++) {
        size_t n = any_size(MOST), slow = 0;
        uint8_t *at = place(&g, n, round % 2);
        struct xet_chunker c, one;
        bool cut, is_cut = false;
        enum xet_dialect d = below(2) ? XET_DIALECT_OLD : XET_DIALECT_CURRENT;
        if (n) memcpy(at, noise + below(MOST - n + 1), n);
        xet_chunker_init(&c, d);
        xet_chunker_init(&one, d);
        size_t first = xet_chunker_next(&c, (bytes){ at, n }, &cut);
        while (slow < n && !is_cut) slow += xet_chunker_next(&one, (bytes){ at + slow, 1 }, &is_cut);
        if (first != slow || cut != is_cut || c.gear != one.gear || c.size_bytes != one.size_bytes)
            fail_msg("of %zu bytes %zu are taken, and %zu one by one", n, first, slow);
    }
    guarded_free(&g);
    mem_free(noise);
}

/* Blocks with nothing before their margin and nothing behind. */
static void the_weaver_keeps_to_its_block(void **state)
{
    static const char *const forced[] = { "", "avx512", "avx2", "scalar" };
    enum { TOTAL = 3 << 20 };
    bytes noise = xet_random(4, TOTAL);
    struct sha256 want = sha256_of(noise);
    struct guarded g = guarded_new(XET_SPLIT_MARGIN + XET_WEAVE_BLOCK_MAX);
    struct xet_hash plain[TOTAL / XET_CHUNK_MIN + 1], hash[COUNT(plain)];
    size_t plains = 0;
    struct xet_chunker c;
    (void)state;
    xet_chunker_init(&c, XET_DIALECT_CURRENT);
    for (size_t at = 0, n; at < noise.n; at += n) {
        bool cut;
        n = xet_chunker_next(&c, (bytes){ noise.p + at, noise.n - at }, &cut);
        xet_chunk_hash((bytes){ noise.p + at, n }, &plain[plains++]);
    }
    for (uint32_t round = 0; round < 16; round++) {
        bool with_sha256 = round % 2;
        struct xet_weave *w = xet_weave_new_on(xet_weave_pick(with_sha256, str_c(forced[round / 4])), with_sha256);
        struct sha256 sum;
        size_t count = 0;
        bytes last;
        for (size_t at = 0, n; at < noise.n; at += n) {
            n = below(3) ? any_size(300000) : below(XET_WEAVE_BLOCK_MAX + 1);
            if (n > noise.n - at) n = noise.n - at;
            size_t whole = XET_SPLIT_MARGIN + n, most = xet_split_max(n);
            bytes *chunk = mem_alloc(most * sizeof *chunk);
            struct xet_hash *made = mem_alloc(most * sizeof *made);
            uint8_t *block = place(&g, whole, below(2)) + XET_SPLIT_MARGIN;
            memset(g.begin, 0x55, (size_t)(g.end - g.begin));
            memcpy(block, noise.p + at, n);
            size_t made_count = xet_weave_add(w, block, n, chunk, made);
            assert_true(count + made_count < COUNT(hash));
            if (made_count) memcpy(hash + count, made, made_count * sizeof *made);
            count += made_count;
            mem_free(chunk);
            mem_free(made);
        }
        if (xet_weave_end(w, &last, &hash[count], with_sha256 ? &sum : NULL)) count++;
        xet_weave_free(w);
        assert_true(!with_sha256 || sha256_eq(&sum, &want));
        if (count != plains || memcmp(hash, plain, plains * sizeof *plain) != 0) fail_msg("round %u: other chunks", round);
    }
    guarded_free(&g);
    mem_free((void *)(uintptr_t)noise.p);
}

static void copies_and_frames_fill_their_room_and_no_more(void **state)
{
    struct guarded from = guarded_new(XET_CHUNK_MAX), to = guarded_new(XET_FRAME_BYTES_MAX), back = guarded_new(XET_CHUNK_MAX);
    uint8_t *scratch = mem_alloc(XET_CHUNK_MAX);
    bytes noise = xet_random(5, XET_CHUNK_MAX);
    (void)state;
    for (uint32_t round = 0; round < 600; round++) {
        size_t n = 1 + any_size(XET_CHUNK_MAX - 1);
        uint8_t *in = place(&from, n, below(2)), *out = place(&to, n, below(2)), *raw_room = place(&back, n, below(2));
        memcpy(in, noise.p, n);
        if (below(2)) /* what compresses */
            for (size_t i = 0; i < n; i++) in[i] = (uint8_t)(in[i] & (i % 4 == 3 ? 1 : 0x0f));
        xet_copy_past_cache(out, in, n);
        assert_memory_equal(out, in, n);

        struct xet_frame f;
        struct err e;
        bytes raw;
        enum xet_scheme scheme = (enum xet_scheme)((int)below(4) - 1);
        out = place(&to, XET_FRAME_HEADER + n, true);
        size_t size = xet_frame_encode((bytes){ in, n }, scheme, out, scratch);
        assert_in_range(size, XET_FRAME_HEADER + 1, XET_FRAME_HEADER + n);
        memmove(to.end - size, out, size);
        out = to.end - size;
        must_ok(xet_frame_parse(out, &f, &e));
        must_ok(xet_frame_decode(&f, (bytes){ out + XET_FRAME_HEADER, f.payload_bytes }, raw_room, scratch, &raw, &e));
        assert_int_equal(raw.n, n);
        assert_memory_equal(raw.p, in, n);
    }
    guarded_free(&from);
    guarded_free(&to);
    guarded_free(&back);
    mem_free(scratch);
    mem_free((void *)(uintptr_t)noise.p);
}

static void sha256_reads_whole_blocks_and_what_is_left(void **state)
{
    struct guarded g = guarded_new(40000), other = guarded_new(40000);
    bytes noise = xet_random(6, 40000);
    (void)state;
    for (uint32_t round = 0; round < 600; round++) {
        size_t n = any_size(noise.n), m = any_size(noise.n), a = below(n + 1), b = below(m + 1);
        uint8_t *p = place(&g, n, below(2)), *q = place(&other, m, below(2));
        struct hasher *x = hasher_new_sha256(), *y = hasher_new_sha256();
        struct sha256 one, two, want;
        if (n) memcpy(p, noise.p, n);
        if (m) memcpy(q, noise.p, m);
        hasher_add(x, (bytes){ p, a });
        hasher_add(y, (bytes){ q, b });
        hasher_add_two(x, (bytes){ p + a, n - a }, y, (bytes){ q + b, m - b });
        hasher_end(x, one.b);
        hasher_end(y, two.b);
        want = sha256_of((bytes){ noise.p, n });
        assert_true(sha256_eq(&one, &want));
        want = sha256_of((bytes){ noise.p, m });
        assert_true(sha256_eq(&two, &want));
    }
    guarded_free(&g);
    guarded_free(&other);
    mem_free((void *)(uintptr_t)noise.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_of_blake3_read_their_jobs_alone),
        cmocka_unit_test(one_message_or_many_are_read_to_their_ends),
        cmocka_unit_test(a_search_for_cuts_reads_its_input_alone),
        cmocka_unit_test(the_weaver_keeps_to_its_block),
        cmocka_unit_test(copies_and_frames_fill_their_room_and_no_more),
        cmocka_unit_test(sha256_reads_whole_blocks_and_what_is_left),
    };
    return cmocka_run_group_tests_name("xet_edges", tests, NULL, NULL);
}
