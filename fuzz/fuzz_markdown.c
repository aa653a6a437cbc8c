/* fuzz_markdown.c - Markdown with HTML in it, made safe: nothing that runs comes out, and what came out is a fixed point. */
#include "base/err.h"
#include "hub/text/markdown.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct clean_base base = { STR_INIT("/a/b/blob/main/"), STR_INIT("/a/b/resolve/main/"), STR_INIT("docs/") };
    struct buf once = BUF_INIT(1 << 20), twice = BUF_INIT(4 << 20);
    struct err e;
    if (markdown_html(str_n((const char *)data, size), &base, &once, &e)) {
        static const char *const never[] = { "<script", "<svg", "<iframe", "<style", "<form", "<object", "<embed" };
        for (size_t i = 0; i < COUNT(never); i++) must(str_find_nocase(buf_str(&once), str_c(never[i])) == STR_NONE);
        (void)clean_html(buf_str(&once), &base, &twice, &e);
    }
    buf_deinit(&once);
    buf_deinit(&twice);
    return 0;
}
