/* test_format.c - the headers of weight files, honest and lying. */
#include "unit.h"

#include "base/buf.h"
#include "model/format/gguf_header.h"
#include "model/format/safetensors_header.h"

/* ------------------------------------------------------------------ safetensors */

static const char TWO[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                          "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]},"
                          "\"__metadata__\":{\"format\":\"pt\"}}";

static void put_le(struct buf *b, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) buf_byte(b, (char)(v >> (8 * i)));
}

static void st_file(struct buf *b, str header, size_t data_bytes)
{
    put_le(b, header.n, 8);
    buf_add(b, header);
    for (size_t i = 0; i < data_bytes; i++) buf_byte(b, 0);
}

static void a_safetensors_header_is_read(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct buf b = BUF_INIT(0);
    struct st_header h;
    struct err e;
    uint64_t n;
    (void)state;
    st_file(&b, str_c(TWO), 26);
    must_ok(st_header_length(bytes_of(buf_str(&b)), &st_limits_default, &n, &e));
    assert_int_equal(n, sizeof TWO - 1);
    /* only the header is at hand, the size of the file is known */
    must_ok(st_header_parse((bytes){ (uint8_t *)b.p, 8 + n }, b.n, &st_limits_default, a, &h, &e));
    assert_int_equal(h.tensors_count, 2);
    assert_str(h.tensor[0].name, STR("a"));
    assert_int_equal(h.tensor[0].elements, 6);
    assert_int_equal(h.tensor[0].rank, 2);
    assert_int_equal(h.tensor[0].shape[1], 3);
    assert_str(st_dtype_name(h.tensor[1].dtype), STR("BF16"));
    assert_int_equal(h.tensor[1].elements, 1);
    assert_int_equal(h.tensor[1].begin, 24);
    assert_int_equal(h.data_offset, 8 + n);
    assert_int_equal(h.metadata_count, 1);
    assert_str(h.metadata[0].value, STR("pt"));
    buf_deinit(&b);
    arena_free(a);
}

#define T(dtype, shape, offsets) "{\"t\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
static const struct {
    const char *header;
    size_t data_bytes;
    const char *why; /* part of the message; NULL: accepted */
} st_case[] = {
    { "{}", 0, NULL },
    { "{}   ", 0, NULL },
    { T("F32", "[0]", "[0,0]"), 0, NULL },
    { T("F4", "[4]", "[0,2]"), 2, NULL },
    { T("F4", "[3]", "[0,2]"), 2, "whole number of bytes" },
    { T("F32", "[2]", "[0,8]"), 9, "the tensors take 8 bytes, the file has 9" },
    { T("F32", "[2]", "[0,8]"), 7, "the tensors take 8" },
    { T("F32", "[2]", "[4,12]"), 12, "a hole" },
    { T("F32", "[2]", "[8,0]"), 8, "ends before it begins" },
    { T("F32", "[2]", "[0,4]"), 4, "disagree" },
    { T("F32", "[-1]", "[0,8]"), 8, "no whole number" },
    { T("F32", "[1.5]", "[0,8]"), 8, "no whole number" },
    { T("F32", "[9223372036854775808]", "[0,8]"), 8, "no whole number" }, /* 2^63 */
    { T("F32", "[4294967296,4294967296]", "[0,0]"), 0, "overflows" },
    { T("F64", "[4611686018427387904]", "[0,0]"), 0, "overflows" },       /* 2^62 * 64 bits */
    { T("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "more than 8 dimensions" },
    { T("F33", "[1]", "[0,4]"), 4, "unknown dtype" },
    { T("F32", "[1]", "[0,4,8]"), 4, "two whole numbers" },
    { T("F32", "[1]", "[18446744073709551608,18446744073709551612]"), 4, "two whole numbers" },
    { T("F32", "{}", "[0,4]"), 4, "no list" },
    { "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1, "unknown key" },
    { "{\"t\":{\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "twice" },
    { "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"t\":{\"dtype\":\"U8\",\"shape\":[1],"
      "\"data_offsets\":[1,2]}}", 2, "stands twice" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],"
      "\"data_offsets\":[1,3]}}", 3, "overlaps" },
    { "{\"__metadata__\":{\"a\":1}}", 0, "only hold text" },
    { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice" },
    { "{\"t\":5}", 0, "no object" },
    { "[]", 0, "no JSON object" },
    { " {}", 0, "no JSON object" },
    { "{", 0, "claims 1 bytes" },
    { "{\"t\":", 0, "JSON" },
};

static void lying_safetensors_headers_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(st_case); i++) {
        struct arena *a = arena_new(1 << 20);
        struct buf b = BUF_INIT(0);
        struct st_header h;
        struct err e;
        bool ok;
        st_file(&b, str_c(st_case[i].header), st_case[i].data_bytes);
        ok = st_header_parse(bytes_of(buf_str(&b)), b.n, &st_limits_default, a, &h, &e);
        if (ok != (st_case[i].why == NULL)) {
            fail_msg("case %zu: %s", i, ok ? "accepted" : e.msg);
        } else if (!ok && str_find(str_c(e.msg), str_c(st_case[i].why)) == STR_NONE) {
            fail_msg("case %zu: \"%s\" without \"%s\"", i, e.msg, st_case[i].why);
        }
        buf_deinit(&b);
        arena_free(a);
    }
}

static void lengths_of_safetensors_headers_are_checked(void **state)
{
    static const uint64_t length[] = { 0, 1, 100000001, UINT64_C(1) << 63, UINT64_MAX, 27, 35 };
    (void)state;
    for (size_t i = 0; i < COUNT(length); i++) {
        struct arena *a = arena_new(1 << 20);
        struct buf b = BUF_INIT(0);
        struct st_header h;
        struct err e;
        put_le(&b, length[i], 8);
        for (int k = 0; k < 26; k++) buf_byte(&b, k == 0 ? '{' : k == 25 ? '}' : ' ');
        assert_false(st_header_parse(bytes_of(buf_str(&b)), b.n, &st_limits_default, a, &h, &e));
        for (size_t n = 0; n < 8; n++)
            assert_false(st_header_parse((bytes){ (uint8_t *)b.p, n }, b.n, &st_limits_default, a, &h, &e));
        buf_deinit(&b);
        arena_free(a);
    }
}

static void every_cut_of_a_safetensors_file_is_refused(void **state)
{
    struct buf b = BUF_INIT(0);
    (void)state;
    st_file(&b, str_c(TWO), 26);
    for (size_t n = 0; n < b.n; n++) {
        struct arena *a = arena_new(1 << 20);
        uint8_t *copy = mem_alloc(n + 1);
        struct st_header h;
        struct err e;
        memcpy(copy, b.p, n);
        if (st_header_parse((bytes){ copy, n }, n, &st_limits_default, a, &h, &e)) fail_msg("cut at %zu", n);
        mem_free(copy);
        arena_free(a);
    }
    buf_deinit(&b);
}

/* ------------------------------------------------------------------ GGUF */

static void put_text(struct buf *b, const char *s)
{
    put_le(b, strlen(s), 8);
    buf_add(b, str_c(s));
}

static void put_str(struct buf *b, const char *key, const char *value)
{
    put_text(b, key);
    put_le(b, GGUF_STRING, 4);
    put_text(b, value);
}

static void put_u32(struct buf *b, const char *key, uint32_t value)
{
    put_text(b, key);
    put_le(b, GGUF_U32, 4);
    put_le(b, value, 4);
}

static void put_tensor(struct buf *b, const char *name, uint32_t rank, const uint64_t *shape, uint32_t type, uint64_t offset)
{
    put_text(b, name);
    put_le(b, rank, 4);
    for (uint32_t i = 0; i < rank; i++) put_le(b, shape[i], 8);
    put_le(b, type, 4);
    put_le(b, offset, 8);
}

static void put_data(struct buf *b, size_t n)
{
    while (b->n % 32) buf_byte(b, 0);
    for (size_t i = 0; i < n; i++) buf_byte(b, 0);
}

static void start(struct buf *b, uint32_t version, uint64_t tensors, uint64_t pairs)
{
    buf_lit(b, "GGUF");
    put_le(b, version, 4);
    put_le(b, tensors, 8);
    put_le(b, pairs, 8);
}

static void small_gguf(struct buf *b)
{
    start(b, 3, 2, 4);
    put_str(b, "general.architecture", "llama");
    put_u32(b, "llama.context_length", 512);
    put_text(b, "tokenizer.ggml.tokens");
    put_le(b, GGUF_ARRAY, 4);
    put_le(b, GGUF_STRING, 4);
    put_le(b, 3, 8);
    put_text(b, "<unk>");
    put_text(b, "<s>");
    put_text(b, "</s>");
    put_u32(b, "tokenizer.ggml.bos_token_id", 1);
    put_tensor(b, "a", 2, (uint64_t[]){ 32, 2 }, 2, 0); /* Q4_0: 2 blocks of 18 bytes */
    put_tensor(b, "b", 1, (uint64_t[]){ 3 }, 0, 64);
    put_data(b, 64 + 12);
}

static bool parse(const struct buf *b, struct arena *a, struct gguf_header *h, bool *more, struct err *e)
{
    return gguf_header_parse((bytes){ (const uint8_t *)b->p, b->n }, b->n, &gguf_limits_default, a, h, more, e);
}

static void a_gguf_header_is_read(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct buf b = BUF_INIT(0);
    struct gguf_header h;
    struct err e;
    uint64_t n;
    bool more;
    str s;
    (void)state;
    small_gguf(&b);
    must_ok(parse(&b, a, &h, &more, &e));
    assert_int_equal(h.elements, 67);
    assert_int_equal(h.tensor[0].size_bytes, 36);
    assert_int_equal(h.tensor[1].offset, 64);
    assert_true(gguf_get_str(&h, STR("general.architecture"), &s));
    assert_str(s, STR("llama"));
    assert_true(gguf_get_u64(&h, STR("llama.context_length"), &n));
    assert_int_equal(n, 512);
    assert_true(gguf_array_str(gguf_get(&h, STR("tokenizer.ggml.tokens")), 2, &s));
    assert_str(s, STR("</s>"));
    assert_false(gguf_array_str(gguf_get(&h, STR("tokenizer.ggml.tokens")), 3, &s));
    assert_false(gguf_get_u64(&h, STR("general.architecture"), &n));
    buf_deinit(&b);
    arena_free(a);
}

static void a_part_of_a_gguf_file_asks_for_more_and_a_cut_one_is_refused(void **state)
{
    struct buf b = BUF_INIT(0);
    size_t header;
    (void)state;
    small_gguf(&b);
    header = b.n - 76; /* rounded up to the alignment */
    for (size_t n = 0; n < b.n; n++) {
        struct arena *a = arena_new(1 << 20);
        uint8_t *copy = mem_alloc(n + 1);
        struct gguf_header h;
        struct err e;
        bool more, ok;
        memcpy(copy, b.p, n);
        ok = gguf_header_parse((bytes){ copy, n }, b.n, &gguf_limits_default, a, &h, &more, &e);
        if (!ok && !more) fail_msg("part of %zu bytes: %s", n, e.msg);
        if (ok && n + 32 < header) fail_msg("part of %zu bytes was enough", n);
        if (gguf_header_parse((bytes){ copy, n }, n, &gguf_limits_default, a, &h, &more, &e)) fail_msg("cut at %zu", n);
        assert_false(more);
        mem_free(copy);
        arena_free(a);
    }
    buf_deinit(&b);
}

enum lie {
    BAD_MAGIC, VERSION_1, BIG_ENDIAN_3, MANY_PAIRS, MANY_TENSORS, HUGE_KEY, HUGE_STRING, HUGE_ARRAY, NESTED_ARRAY, BAD_TYPE,
    BAD_BOOL, KEY_TWICE, RANK_5, SHAPE_OVERFLOW, SIZE_OVERFLOW, BAD_TENSOR_TYPE, GONE_TENSOR_TYPE, HALF_BLOCK, UNALIGNED,
    OVERLAP, OUTSIDE, OFFSET_63, NAME_TWICE, BAD_ALIGNMENT, LIES
};

static void lie(struct buf *b, enum lie l)
{
    uint64_t one[] = { 8 }, huge[] = { UINT64_C(1) << 40, UINT64_C(1) << 40 }, large[] = { UINT64_C(1) << 62 }, odd[] = { 33 };
    switch (l) {
    case BAD_MAGIC: buf_lit(b, "GGML"); put_le(b, 3, 4); put_le(b, 0, 8); put_le(b, 0, 8); return;
    case VERSION_1: start(b, 1, 0, 0); return;
    case BIG_ENDIAN_3: start(b, 0x03000000, 0, 0); return;
    case MANY_PAIRS: start(b, 3, 0, UINT64_MAX); return;
    case MANY_TENSORS: start(b, 3, UINT64_C(1) << 63, 0); return;
    case HUGE_KEY: start(b, 3, 0, 1); put_le(b, UINT64_MAX, 8); put_data(b, 64); return;
    case HUGE_STRING: start(b, 3, 0, 1); put_text(b, "k"); put_le(b, GGUF_STRING, 4); put_le(b, UINT64_C(1) << 63, 8); put_data(b, 64); return;
    case HUGE_ARRAY:
        start(b, 3, 0, 1); put_text(b, "k"); put_le(b, GGUF_ARRAY, 4); put_le(b, GGUF_U64, 4); put_le(b, UINT64_C(1) << 61, 8);
        put_data(b, 64);
        return;
    case NESTED_ARRAY:
        start(b, 3, 0, 1); put_text(b, "k"); put_le(b, GGUF_ARRAY, 4); put_le(b, GGUF_ARRAY, 4); put_le(b, 1, 8); put_data(b, 64);
        return;
    case BAD_TYPE: start(b, 3, 0, 1); put_text(b, "k"); put_le(b, 13, 4); put_data(b, 64); return;
    case BAD_BOOL: start(b, 3, 0, 1); put_text(b, "k"); put_le(b, GGUF_BOOL, 4); put_le(b, 2, 1); put_data(b, 64); return;
    case KEY_TWICE: start(b, 3, 0, 2); put_u32(b, "k", 1); put_u32(b, "k", 2); put_data(b, 64); return;
    case RANK_5: start(b, 3, 1, 0); put_text(b, "t"); put_le(b, 5, 4); put_data(b, 256); return;
    case SHAPE_OVERFLOW: start(b, 3, 1, 0); put_tensor(b, "t", 2, huge, 0, 0); put_data(b, 64); return;
    case SIZE_OVERFLOW: start(b, 3, 1, 0); put_tensor(b, "t", 1, large, 0, 0); put_data(b, 64); return;
    case BAD_TENSOR_TYPE: start(b, 3, 1, 0); put_tensor(b, "t", 1, one, 1000, 0); put_data(b, 64); return;
    case GONE_TENSOR_TYPE: start(b, 3, 1, 0); put_tensor(b, "t", 1, one, 4, 0); put_data(b, 64); return;
    case HALF_BLOCK: start(b, 3, 1, 0); put_tensor(b, "t", 1, odd, 2, 0); put_data(b, 64); return;
    case UNALIGNED: start(b, 3, 1, 0); put_tensor(b, "t", 1, one, 0, 8); put_data(b, 64); return;
    case OVERLAP: start(b, 3, 2, 0); put_tensor(b, "t", 1, one, 0, 0); put_tensor(b, "u", 1, one, 0, 0); put_data(b, 64); return;
    case OUTSIDE: start(b, 3, 1, 0); put_tensor(b, "t", 1, one, 0, 64); put_data(b, 64); return;
    case OFFSET_63: start(b, 3, 1, 0); put_tensor(b, "t", 1, one, 0, UINT64_C(1) << 63); put_data(b, 64); return;
    case NAME_TWICE: start(b, 3, 2, 0); put_tensor(b, "t", 1, one, 0, 0); put_tensor(b, "t", 1, one, 0, 32); put_data(b, 64); return;
    case BAD_ALIGNMENT: start(b, 3, 0, 1); put_u32(b, "general.alignment", 24); put_data(b, 64); return;
    case LIES: return;
    }
}

static void lying_gguf_headers_are_refused(void **state)
{
    (void)state;
    for (enum lie l = 0; l < LIES; l++) {
        struct arena *a = arena_new(1 << 20);
        struct buf b = BUF_INIT(0);
        struct gguf_header h;
        struct err e;
        bool more;
        lie(&b, l);
        if (parse(&b, a, &h, &more, &e)) fail_msg("lie %d was believed", (int)l);
        assert_false(more);
        buf_deinit(&b);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_safetensors_header_is_read),
        cmocka_unit_test(lying_safetensors_headers_are_refused),
        cmocka_unit_test(lengths_of_safetensors_headers_are_checked),
        cmocka_unit_test(every_cut_of_a_safetensors_file_is_refused),
        cmocka_unit_test(a_gguf_header_is_read),
        cmocka_unit_test(a_part_of_a_gguf_file_asks_for_more_and_a_cut_one_is_refused),
        cmocka_unit_test(lying_gguf_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
