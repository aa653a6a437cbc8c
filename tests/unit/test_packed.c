/* test_packed.c - packed weights in a file: found again, never believed when anything does not fit. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "model/decoder/decoder.h"
#include "model/nn/packed.h"

static struct sha256 key(const char *text) { return sha256_of((bytes){ (const uint8_t *)text, strlen(text) }); }

static void put(struct packed *p, const struct sha256 *k, const uint8_t *data, size_t n)
{
    uint8_t *room = NULL;
    struct err e;
    struct packed_slot *s = packed_room(p, k, n, &room, &e);
    assert_non_null(s);
    assert_ptr_equal(packed_data(s), room);
    memcpy(room, data, n);
}

static void test_keeps(void **state)
{
    char dir[64];
    struct err e;
    static uint8_t one[5000], two[4096];
    struct sha256 source = key("source"), other = key("other source"), a = key("a"), b = key("b");
    (void)state;
    unit_dir(dir);
    memset(one, 1, sizeof one);
    memset(two, 2, sizeof two);
    struct packed *p = packed_open(dir, STR("m"), &source);
    assert_null(packed_find(p, &a, sizeof one));
    put(p, &a, one, sizeof one);
    put(p, &b, two, sizeof two);
    must_ok(packed_save(p, &e));
    packed_close(p);

    p = packed_open(dir, STR("m"), &source);
    for (int moved = 0; moved < 2; moved++) {
        struct packed_slot *x = packed_find(p, &a, sizeof one), *y = packed_find(p, &b, sizeof two);
        assert_true(x && y);
        for (int i = 0; i < 2; i++) {
            assert_memory_equal(packed_data(x), one, sizeof one);
            assert_memory_equal(packed_data(y), two, sizeof two);
            assert_int_equal((uintptr_t)packed_data(x) % 4096, 0);
            const uint8_t *before = packed_data(x);
            packed_settle(p);
            packed_wait(p);
            assert_true(packed_data(x) != before);
        }
    }
    assert_null(packed_find(p, &a, sizeof one - 1)); /* another size is another thing */
    packed_close(p);
    p = packed_open(dir, STR("m"), &other);
    assert_null(packed_find(p, &a, sizeof one));
    packed_close(p);
    unit_dir_end(dir);
}

/* Every byte of header and table is wrong once, and the file is cut everywhere: nothing is found, or what was there. */
static void test_damage(void **state)
{
    char dir[64], path[512];
    struct err e;
    static uint8_t one[5000];
    struct sha256 source = key("source"), a = key("a");
    char *text;
    size_t n;
    (void)state;
    unit_dir(dir);
    struct packed *p = packed_open(dir, STR("m"), &source);
    put(p, &a, one, sizeof one);
    must_ok(packed_save(p, &e));
    packed_close(p);
    snprintf(path, sizeof path, "%s/m.packed", dir);
    must_ok(os_read_file(path, 1 << 20, &text, &n, &e));
    assert_int_equal(n, 4096 + 5000);
    for (size_t i = 0; i < 128 + 48; i++) {
        if (i >= 96 && i < 128) continue; /* the zeros mean nothing */
        text[i] ^= 0x40;
        must_ok(os_write_file(dir, path, (bytes){ (uint8_t *)text, n }, &e));
        text[i] ^= 0x40;
        p = packed_open(dir, STR("m"), &source);
        if (packed_find(p, &a, sizeof one)) fail_msg("byte %zu was changed, and the file is believed", i);
        packed_close(p);
    }
    static const size_t lengths[] = { 0, 1, 100, 127, 128, 130, 176, 4096, 9095 };
    for (size_t i = 0; i < COUNT(lengths); i++) {
        must_ok(os_write_file(dir, path, (bytes){ (uint8_t *)text, lengths[i] }, &e));
        p = packed_open(dir, STR("m"), &source);
        assert_null(packed_find(p, &a, sizeof one));
        packed_close(p);
    }
    mem_free(text);
    unit_dir_end(dir);
}

/* A table that is summed rightly and lies. */
static void test_lies(void **state)
{
    struct entry { struct sha256 key; uint64_t offset, size; } entry[2];
    static const struct { uint64_t offset[2], size[2], entries; } lies[] = {
        { { 4096, 8192 }, { 4096, 8192 }, 2 },                        /* past the end */
        { { 4096, 4096 }, { 4096, 4096 }, 2 },                        /* over each other */
        { { 4096, 8192 }, { UINT64_MAX - 4095, 4096 }, 2 },           /* around the end of the numbers */
        { { 0, 8192 }, { 4096, 4096 }, 2 },                           /* over the header */
        { { 4097, 8192 }, { 4095, 4096 }, 2 },                        /* not on a page */
        { { 4096, 8192 }, { 4096, 4096 }, UINT64_MAX / 48 + 2 },      /* more than there are */
    };
    char dir[64], path[512];
    struct err e;
    static uint8_t file[12288];
    struct sha256 source = key("source"), a = key("a"), b = key("b");
    (void)state;
    unit_dir(dir);
    struct packed *p = packed_open(dir, STR("m"), &source);
    put(p, &a, file, 4096);
    put(p, &b, file, 4096);
    must_ok(packed_save(p, &e));
    packed_close(p);
    snprintf(path, sizeof path, "%s/m.packed", dir);
    char *text;
    size_t n;
    must_ok(os_read_file(path, 1 << 20, &text, &n, &e));
    assert_int_equal(n, sizeof file);
    for (size_t i = 0; i < COUNT(lies); i++) {
        memcpy(file, text, sizeof file);
        for (size_t j = 0; j < 2; j++) entry[j] = (struct entry){ j ? b : a, lies[i].offset[j], lies[i].size[j] };
        memcpy(file + 128, entry, sizeof entry);
        struct sha256 sum = sha256_of((bytes){ file + 128, sizeof entry });
        memcpy(file + 48, sum.b, 32);
        memcpy(file + 80, &lies[i].entries, 8);
        must_ok(os_write_file(dir, path, (bytes){ file, sizeof file }, &e));
        p = packed_open(dir, STR("m"), &source);
        if (packed_find(p, &a, 4096) || packed_find(p, &b, 4096)) fail_msg("lie %zu is believed", i);
        packed_close(p);
    }
    mem_free(text);
    unit_dir_end(dir);
}

/* The logits of one token, from a copy of the demo model. */
static float logit(const char *model, const char *cache)
{
    struct err e;
    struct source *s;
    struct decoder *d;
    const float *logits;
    must_ok(source_open(model, &s, &e));
    source_keep_in(s, cache);
    struct team *team = team_new(1);
    must_ok(decoder_open_source(s, KERNEL_Q8, team, &d, &e));
    struct decoder_run *run = decoder_run_new(d, team);
    struct kv_pool *pool = kv_pool_new(decoder_config(d), 1);
    struct kv *kv = kv_new(pool);
    must_ok(decoder_forward(run, &(struct decoder_row){ 1, kv, true }, 1, &logits, &e));
    float out = logits[403];
    kv_free(kv);
    kv_pool_free(pool);
    decoder_run_free(run);
    decoder_close(d);
    team_free(team);
    source_close(s);
    return out;
}

static bool first_of(void *ctx, const char *name, bool is_dir)
{
    (void)is_dir;
    snprintf(ctx, 256, "%s", name);
    return false;
}

static ino_t kept_file(const char *dir)
{
    char name[256], path[600];
    struct stat st;
    struct err e;
    must_ok(os_each_entry(dir, first_of, name, &e));
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

static void copy(const char *from_dir, const char *to_dir, const char *name)
{
    char from[600], to[600], *text;
    struct err e;
    size_t n;
    snprintf(from, sizeof from, "%s/%s", from_dir, name);
    snprintf(to, sizeof to, "%s/%s", to_dir, name);
    must_ok(os_read_file(from, 64 << 20, &text, &n, &e));
    must_ok(os_write_file(to_dir, to, (bytes){ (uint8_t *)text, n }, &e));
    mem_free(text);
}

static void test_model(void **state)
{
    char model[64], cache[64], demo[600];
    (void)state;
    snprintf(demo, sizeof demo, "%s/../../demo", getenv("HEARTH_TEST_DATA"));
    unit_dir(model);
    unit_dir(cache);
    copy(demo, model, "config.json");
    copy(demo, model, "model.safetensors");
    float want = logit(model, NULL);
    assert_true(logit(model, cache) == want); /* writes */
    ino_t file = kept_file(cache);
    assert_true(logit(model, cache) == want); /* reads, and leaves the file alone */
    assert_int_equal(kept_file(cache), file);
    copy(demo, model, "model.safetensors"); /* replaced: as good as changed */
    assert_true(logit(model, cache) == want);
    assert_int_not_equal(kept_file(cache), file);
    assert_true(logit(model, "/dev/null/nowhere") == want); /* what cannot be kept is packed each time */
    unit_dir_end(model);
    unit_dir_end(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_keeps), cmocka_unit_test(test_damage), cmocka_unit_test(test_lies), cmocka_unit_test(test_model) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
