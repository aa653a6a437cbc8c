/* fuzz_notebook.c - notebooks.  What is written is JSON that can be read again; pictures are base64 and nothing else. */
#include "hub/view/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_output(const struct json *o)
{
    str coded;
    if (!str_eq(json_str_or(o, STR("kind"), STR("")), STR("picture"))) return;
    must(json_str(json_get(o, STR("data")), &coded) && str_chr(coded, '"') == STR_NONE && str_chr(coded, '<') == STR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct clean_base base = { STR("/a/b/blob/main/"), STR("/a/b/resolve/main/"), STR("") };
    struct arena *a = arena_new(0);
    struct json *doc;
    struct err e;
    jw_object(&w);
    if (view_notebook_write(str_n((const char *)data, size), &base, &w, &e)) {
        jw_object_end(&w);
        must(json_parse(buf_str(&b), a, &doc, &e));
        json_each (cell, json_get(doc, STR("cells")))
            json_each (o, json_get(cell, STR("outputs"))) check_output(o);
    }
    arena_free(a);
    buf_deinit(&b);
    return 0;
}
