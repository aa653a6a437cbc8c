/* test_unpack.c - any byte of a file of gzip or zstd, from points that are taken on the way and kept; and files that are not what they should be. */
#include "unit.h"

#include <zlib.h>
#include <zstd.h>

#include "dataset/text/text.h"

enum { PLAIN_BYTES = 12 << 20 };
static uint8_t *plain; /* what is packed: digits, which do not become nothing */

static bool read_range(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    const struct buf *b = ctx;
    (void)e;
    assert_true(at <= b->n && n <= b->n - at);
    memcpy(out, b->p + at, n);
    return true;
}

static int make_plain(void **state)
{
    uint64_t v = 1;
    (void)state;
    plain = mem_alloc(PLAIN_BYTES);
    for (size_t i = 0; i < PLAIN_BYTES; i++) {
        v = v * 6364136223846793005u + 1442695040888963407u;
        plain[i] = (uint8_t)('0' + (v >> 40) % 10);
    }
    return 0;
}

static int free_plain(void **state)
{
    (void)state;
    mem_free(plain);
    return 0;
}

static void pack_gzip(const uint8_t *p, size_t n, struct buf *out)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)n };
    size_t bound = n + n / 100 + 1000;
    uint8_t *to = mem_alloc(bound);
    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = to;
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_add(out, str_n((char *)to, z.total_out));
    deflateEnd(&z);
    mem_free(to);
}

static void pack_zstd(const uint8_t *p, size_t n, struct buf *out)
{
    size_t bound = ZSTD_compressBound(n);
    uint8_t *to = mem_alloc(bound);
    size_t got = ZSTD_compress(to, bound, p, n, 1);
    assert_false(ZSTD_isError(got));
    buf_add(out, str_n((char *)to, got));
    mem_free(to);
}

struct file {
    struct buf packed;
    struct parquet_source source;
    struct unpack_points points;
    struct unpack *u;
    struct arena *a;
};

static void file_open(struct file *f, enum packing how, struct unpack_points points)
{
    f->a = arena_new(0);
    f->source = (struct parquet_source){ &f->packed, read_range, f->packed.n };
    f->points = points;
    f->u = unpack_new(f->a);
    unpack_aim(f->u, &f->source, how, &f->points, f->a);
}

static void check(struct file *f, uint64_t at, size_t n, size_t want)
{
    struct err e;
    size_t got;
    uint8_t *out = mem_alloc(n);
    must_ok(unpack_read(f->u, at, out, n, &got, &e));
    assert_int_equal(got, want);
    if (got) assert_memory_equal(out, plain + at, got);
    mem_free(out);
}

static void check_anywhere(struct file *f)
{
    static const uint64_t at[] = { 0, 1, 100000, 8 << 20, 3, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 10 << 20, 5 };
    for (size_t i = 0; i < COUNT(at); i++) check(f, at[i], 70000, 70000);
    check(f, PLAIN_BYTES - 10, 100, 10);
    check(f, PLAIN_BYTES, 1, 0);
    check(f, PLAIN_BYTES + 1000, 1, 0);
}

/* members: how many the file is packed in, each of the same size. */
static void any_byte(enum packing how, size_t members, size_t points_min)
{
    struct file f = { 0 }, again = { 0 };
    struct buf kept = BUF_INIT(0);
    for (size_t i = 0; i < members; i++)
        (how == PACKED_GZIP ? pack_gzip : pack_zstd)(plain + i * (PLAIN_BYTES / members), PLAIN_BYTES / members, &f.packed);
    file_open(&f, how, (struct unpack_points){ .step = UNPACK_STEP_BYTES });
    check(&f, PLAIN_BYTES, 1, 0);
    assert_true(f.points.n >= points_min && f.points.reached == PLAIN_BYTES);
    check_anywhere(&f);
    unpack_points_format(&f.points, &kept);
    again.packed = f.packed;
    again.a = arena_new(0);
    struct unpack_points points;
    assert_true(unpack_points_parse(bytes_of(buf_str(&kept)), f.packed.n, f.a, &points));
    assert_int_equal(points.n, f.points.n);
    for (size_t n = 0; n < kept.n; n += 1 + n / 7) assert_false(unpack_points_parse(bytes_of(str_to(buf_str(&kept), n)), f.packed.n, f.a, &points));
    assert_true(unpack_points_parse(bytes_of(buf_str(&kept)), f.packed.n, f.a, &points));
    arena_free(again.a);
    file_open(&again, how, points);
    check(&again, 9 << 20, 70000, 70000);
    check_anywhere(&again);
    arena_free(again.a);
    arena_free(f.a);
    buf_deinit(&kept);
    buf_deinit(&f.packed);
}

static void any_byte_of_gzip(void **state)
{
    (void)state;
    any_byte(PACKED_GZIP, 1, 2);
    any_byte(PACKED_GZIP, 3, 2);
    any_byte(PACKED_GZIP, 96, 2);
}

static void any_byte_of_zstd(void **state)
{
    (void)state;
    any_byte(PACKED_ZSTD, 1, 0);
    any_byte(PACKED_ZSTD, 12, 2);
}

static void many_points_become_fewer(void **state)
{
    struct file f = { 0 };
    (void)state;
    pack_gzip(plain, PLAIN_BYTES, &f.packed);
    file_open(&f, PACKED_GZIP, (struct unpack_points){ .step = 1000 });
    check(&f, PLAIN_BYTES, 1, 0);
    assert_true(f.points.n <= UNPACK_POINTS_MAX && f.points.n > UNPACK_POINTS_MAX / 8 && f.points.step > 1000);
    check_anywhere(&f);
    arena_free(f.a);
    buf_deinit(&f.packed);
}

static void refuses(enum packing how, struct buf packed, const char *want)
{
    struct file f = { .packed = packed };
    uint8_t out[1000];
    size_t got;
    struct err e;
    bool ok = true;
    file_open(&f, how, (struct unpack_points){ .step = UNPACK_STEP_BYTES });
    for (uint64_t at = 0; ok && at < 20000; at += sizeof out) ok = unpack_read(f.u, at, out, sizeof out, &got, &e);
    assert_false(ok);
    assert_non_null(strstr(e.msg, want));
    arena_free(f.a);
}

static void what_is_damaged_says_so(void **state)
{
    struct buf gz = BUF_INIT(0), zst = BUF_INIT(0);
    (void)state;
    pack_gzip(plain, 10000, &gz);
    pack_zstd(plain, 10000, &zst);
    refuses(PACKED_GZIP, zst, "it is no gzip");
    refuses(PACKED_ZSTD, gz, "it is no zstd");
    gz.n -= 9;
    zst.n -= 1;
    refuses(PACKED_GZIP, gz, "the packed file ends early");
    refuses(PACKED_ZSTD, zst, "the packed file ends early");
    gz.n += 9;
    buf_lit(&gz, "something else");
    struct file f = { .packed = gz };
    uint8_t out[20000];
    size_t got;
    struct err e;
    file_open(&f, PACKED_GZIP, (struct unpack_points){ .step = UNPACK_STEP_BYTES });
    assert_false(unpack_read(f.u, 0, out, sizeof out, &got, &e));
    arena_free(f.a);
    buf_deinit(&gz);
    buf_deinit(&zst);
}

/* Gigabytes of zeros, and of blank lines, in what is small: nobody takes memory for them, or looks at more than is asked for. */
static void a_bomb_is_looked_at_no_further_than_is_asked_for(void **state)
{
    static const struct text_way way = { .kind = TEXT_CSV, .separator = ',', .packing = PACKED_GZIP }, zstd = { .kind = TEXT_CSV, .separator = ',', .packing = PACKED_ZSTD };
    enum { MEMBER = 48 << 20, MEMBERS = 40 };
    uint8_t *zeros = mem_alloc(MEMBER), *blanks = mem_alloc(MEMBER);
    struct buf member = BUF_INIT(0), gz = BUF_INIT(0), frame = BUF_INIT(0), idle = BUF_INIT(0);
    struct err e;
    (void)state;
    pack_zstd(zeros, MEMBER, &frame);
    memset(blanks, '\n', MEMBER);
    memcpy(blanks, "a\n1\n", 4);
    pack_gzip(blanks, MEMBER, &member);
    for (size_t i = 0; i < MEMBERS; i++) buf_add(&gz, buf_str(&member));
    struct parquet_source blank = { &gz, read_range, gz.n }, zero = { &frame, read_range, frame.n };
    struct arena *a = arena_new(16 << 20);
    struct text *t = text_new(&blank, &way, NULL, a);
    must_ok(text_open(t, &e));
    assert_true(!t->index.is_whole && t->index.at < MEMBER);
    must_ok(text_extend(t, UINT64_MAX, 10 << 20, &e));
    assert_true(!t->index.is_whole && t->index.at < 2 * (uint64_t)MEMBER);
    assert_false(text_open(text_new(&zero, &zstd, NULL, a), &e));
    assert_non_null(strstr(e.msg, "does not end within 16 MiB"));
    arena_free(a);
    for (size_t i = 0; i < 4 << 20; i++) buf_add(&idle, str_n("\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", 20)); /* members without content */
    refuses(PACKED_GZIP, idle, "next to nothing");
    buf_deinit(&member);
    buf_deinit(&gz);
    buf_deinit(&frame);
    buf_deinit(&idle);
    mem_free(zeros);
    mem_free(blanks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_byte_of_gzip),
        cmocka_unit_test(any_byte_of_zstd),
        cmocka_unit_test(many_points_become_fewer),
        cmocka_unit_test(what_is_damaged_says_so),
        cmocka_unit_test(a_bomb_is_looked_at_no_further_than_is_asked_for),
    };
    return cmocka_run_group_tests(tests, make_plain, free_plain);
}
