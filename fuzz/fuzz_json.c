/* fuzz_json.c - the JSON parser: what it accepts is written and read back as the same text. */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool write(const struct json *v, struct buf *b)
{
    struct json_writer w = json_writer(b);
    jw_value(&w, v);
    return !b->failed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(64 << 20);
    struct buf once = BUF_INIT(64 << 20), twice = BUF_INIT(64 << 20);
    struct json *v, *again;
    struct err e;

    if (json_parse(str_n((const char *)data, size), a, &v, &e) && write(v, &once)) {
        must(json_parse(buf_str(&once), a, &again, &e));
        must(write(again, &twice));
        must(str_eq(buf_str(&once), buf_str(&twice)));
    }
    buf_deinit(&once);
    buf_deinit(&twice);
    arena_free(a);
    return 0;
}
