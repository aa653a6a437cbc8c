/* test_xet_weave.c - the pass that makes SHA-256, cuts and hashes at once, beside OpenSSL, the chunker and BLAKE3 one by one, on every
 * kernel that runs here. */
#include "xet/weave_priv.h"
#include "xet_help.h"

enum { CHUNKS = 2048 };

struct outcome {
    size_t count;
    uint32_t size[CHUNKS];
    struct xet_hash hash[CHUNKS];
    struct sha256 sha256;
};

static void plainly(bytes all, struct outcome *out)
{
    struct xet_chunker c;
    const uint8_t *begin = all.p;
    xet_chunker_init(&c, XET_DIALECT_CURRENT);
    out->count = 0;
    for (size_t at = 0; at < all.n;) {
        bool cut;
        at += xet_chunker_next(&c, (bytes){ all.p + at, all.n - at }, &cut);
        if (!cut && at < all.n) continue;
        bytes chunk = { begin, (size_t)(all.p + at - begin) };
        xet_chunk_hash(chunk, &out->hash[out->count]);
        out->size[out->count++] = (uint32_t)chunk.n;
        begin = all.p + at;
    }
    out->sha256 = sha256_of(all);
}

static void keep(struct outcome *out, const bytes *chunk, const struct xet_hash *hash, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out->size[out->count] = (uint32_t)chunk[i].n;
        out->hash[out->count++] = hash[i];
    }
}

/* Blocks of sizes from `seed`, in two memories by turns: what lay in the one before is overwritten. */
static void woven(const struct xet_weave_kernel *k, bool with_sha256, bytes all, size_t block, uint64_t seed, struct outcome *out)
{
    struct xet_weave *w = xet_weave_new_on(k, with_sha256);
    uint8_t *memory[2] = { mem_alloc(XET_SPLIT_MARGIN + XET_WEAVE_BLOCK_MAX), mem_alloc(XET_SPLIT_MARGIN + XET_WEAVE_BLOCK_MAX) };
    bytes *chunk = mem_alloc(xet_split_max(XET_WEAVE_BLOCK_MAX) * sizeof *chunk);
    struct xet_hash *hash = mem_alloc(xet_split_max(XET_WEAVE_BLOCK_MAX) * sizeof *hash);
    out->count = 0;
    for (size_t at = 0, turn = 0; at < all.n; turn ^= 1) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t n = block ? block : 1 + (size_t)(seed >> 33) % XET_WEAVE_BLOCK_MAX;
        if (n > all.n - at) n = all.n - at;
        memset(memory[turn], 0xaa, XET_SPLIT_MARGIN + XET_WEAVE_BLOCK_MAX);
        memcpy(memory[turn] + XET_SPLIT_MARGIN, all.p + at, n);
        bool later = turn && !xet_weave_has_hashes(w); /* as another processor may */
        size_t count = xet_weave_add(w, memory[turn] + XET_SPLIT_MARGIN, n, chunk, later ? NULL : hash);
        if (later) xet_chunk_hash_many(chunk, count, hash);
        keep(out, chunk, hash, count);
        at += n;
    }
    if (xet_weave_end(w, chunk, hash, with_sha256 ? &out->sha256 : NULL)) keep(out, chunk, hash, 1);
    xet_weave_free(w);
    mem_free(memory[0]);
    mem_free(memory[1]);
    mem_free(chunk);
    mem_free(hash);
}

static void compare(const char *what, size_t block, bool with_sha256, const char *kernel, bytes all, const struct outcome *want)
{
    static struct outcome got;
    const struct xet_weave_kernel *k = xet_weave_pick(with_sha256, str_c(kernel));
    if (str_eq(str_c(kernel), STR("none"))) k = NULL;
    woven(k, with_sha256, all, block, all.n + block, &got);
    if (got.count != want->count) fail_msg("%s, blocks of %zu, %s: %zu chunks, not %zu", what, block, kernel, got.count, want->count);
    for (size_t i = 0; i < want->count; i++)
        if (got.size[i] != want->size[i] || !xet_hash_eq(&got.hash[i], &want->hash[i]))
            fail_msg("%s, blocks of %zu, %s: chunk %zu of %zu has %u bytes or another hash, not %u", what, block, kernel, i,
                     want->count, got.size[i], want->size[i]);
    if (with_sha256 && !sha256_eq(&got.sha256, &want->sha256)) fail_msg("%s, blocks of %zu, %s: another SHA-256", what, block, kernel);
}

static void compare_all(const char *what, bytes all)
{
    static const size_t block[] = { 512 << 10, 128 << 10, 16 << 10, 64, 65537, 100001, 0 };
    static struct outcome want;
    plainly(all, &want);
    for (size_t b = 0; b < COUNT(block); b++) {
        if (block[b] == 64 && all.n > 300000) continue; /* slow */
        compare(what, block[b], true, "", all, &want);
        compare(what, block[b], true, "avx2", all, &want);
        compare(what, block[b], true, "none", all, &want);
        compare(what, block[b], false, "", all, &want);
    }
}

static void noise_of_any_length_is_cut_and_hashed_as_one_by_one(void **state)
{
    (void)state;
    static const size_t size[] = { 0,     1,     63,     64,     1023,   1024,   1025,   8191,          8192,         8193,
                                   16383, 16384, 16385,  65536,  131071, 131072, 131073, 300000,        (512 << 10) - 1,
                                   512 << 10, (512 << 10) + 1, (640 << 10) + 8, 3000001, 6 << 20 };
    for (size_t i = 0; i < COUNT(size); i++) {
        bytes all = xet_random(i, (size[i] + 7) / 8 * 8);
        compare_all("noise", (bytes){ all.p, size[i] });
        mem_free((void *)(uintptr_t)all.p);
    }
}

static void content_without_cuts_is_cut_at_the_greatest_size(void **state)
{
    (void)state;
    bytes zeros = xet_linear(0, 0, 1500000), linear = xet_linear(7, 13, 1500000);
    compare_all("zeros", zeros);
    compare_all("a pattern", linear);
    mem_free((void *)(uintptr_t)zeros.p);
    mem_free((void *)(uintptr_t)linear.p);
}

/* A window of 64 bytes that makes a cut, from noise. */
static const uint8_t *find_cut(bytes noise)
{
    uint64_t h = 0;
    for (size_t i = 0; i < noise.n; i++) {
        h = xet_gear_step(h, noise.p[i]);
        if (i >= 64 && h < XET_GEAR_CUT_BELOW) return noise.p + i - 63;
    }
    fail_msg("a megabyte of noise without a cut");
    return NULL;
}

/* Places for cuts everywhere: most may not be taken, and every bit of the kernel's answer is set. */
static void of_many_cuts_only_those_that_leave_a_chunk_its_size_are_taken(void **state)
{
    (void)state;
    static const size_t every[] = { 64, 100, 1000, 4096, 8128, 8191, 8192, 8193, 16384, 20000 };
    bytes noise = xet_d1();
    const uint8_t *window = find_cut(noise);
    for (size_t k = 0; k < COUNT(every); k++) {
        bytes content = xet_random(k, 1200000);
        uint8_t *p = (uint8_t *)(uintptr_t)content.p;
        for (size_t at = 0; at + 64 <= content.n; at += every[k]) memcpy(p + at, window, 64);
        compare_all("many cuts", content);
        mem_free(p);
    }
    mem_free((void *)(uintptr_t)noise.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_of_any_length_is_cut_and_hashed_as_one_by_one),
        cmocka_unit_test(content_without_cuts_is_cut_at_the_greatest_size),
        cmocka_unit_test(of_many_cuts_only_those_that_leave_a_chunk_its_size_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
