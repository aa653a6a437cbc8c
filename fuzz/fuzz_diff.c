/* fuzz_diff.c - a difference as git writes it, of files that strangers named and filled.  Whatever it is, a page gets JSON. */
#include "web/frame/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct page p = { .b = BUF_INIT(0) };
    struct arena *a = arena_new(0);
    struct json *read;
    struct err e;
    p.w = json_writer(&p.b);
    jw_object(&p.w);
    page_write_diff_text(&p, str_n((const char *)data, size), false);
    jw_object_end(&p.w);
    must(json_parse(buf_str(&p.b), a, &read, &e));
    must(json_is(json_get(read, STR("lines")), JSON_ARRAY));
    buf_deinit(&p.b);
    arena_free(a);
    return 0;
}
