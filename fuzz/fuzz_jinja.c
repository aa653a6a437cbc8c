/* fuzz_jinja.c - a template and, behind a zero byte, the JSON of its context: compiled and rendered within small
 * limits, as a chat template and as a page.  What it writes keeps to the limit and is the same twice. */
#include "jinja/jinja.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct jinja *load_itself(void *ctx, str name)
{
    return str_eq(name, STR("t")) ? *(const struct jinja **)ctx : NULL;
}

static void render(str source, const struct json *context, struct jinja_options o)
{
    struct arena *a = arena_new(16 << 20);
    struct buf once = BUF_INIT(0), twice = BUF_INIT(0);
    const struct jinja *t = NULL;
    struct err e;
    o.limits = (struct jinja_limits){
        .source_bytes_max = 65536, .steps_max = 20000, .output_bytes_max = 65536, .memory_bytes_max = 4 << 20
    };
    if (jinja_compile(STR("fuzz"), source, &o, a, &t, &e)) {
        struct jinja_input in = { .context = context, .load = load_itself, .load_ctx = &t, .now_unix_s = 1 };
        bool ok = jinja_render(t, &in, &once, &e);
        must(ok || once.n == 0);
        must(once.n <= 65536);
        must(jinja_render(t, &in, &twice, &e) == ok);
        must(str_eq(buf_str(&once), buf_str(&twice)));
    }
    buf_deinit(&once);
    buf_deinit(&twice);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str all = str_n((const char *)data, size);
    size_t cut = str_chr(all, 0);
    str source = str_to(all, cut == STR_NONE ? size : cut);
    struct arena *a = arena_new(16 << 20);
    struct json *context = NULL;
    struct err e;
    if (cut == STR_NONE || !json_parse(str_from(all, cut + 1), a, &context, &e) || context->type != JSON_OBJECT)
        context = NULL;
    render(source, context, jinja_chat);
    render(source, context, jinja_page);
    arena_free(a);
    return 0;
}
