/* What models write as calls of functions: the first byte chooses the dialect, the second the size of the pieces.  Whatever comes,
 * a name is told before its arguments, calls are counted up, and pieces of another size tell the same. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "model/tools/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char tools_json[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"}}}}}]";

static void run(const struct tool_dialect *d, const struct json *tools, bool only_one, str text, size_t piece, struct buf *told)
{
    struct tool_parser *p = tool_parser_new(d, tools, only_one);
    struct buf said = BUF_INIT(0);
    size_t calls = 0;
    for (bool is_end = false; !is_end;) {
        is_end = text.n == 0;
        if (is_end) tool_parser_end(p);
        else tool_parser_add(p, str_to(text, piece));
        text = str_from(text, piece);
        for (struct tool_event v; tool_parser_take(p, &v);) {
            must(v.text.n > 0);
            if (v.kind == TOOL_TEXT) {
                buf_add(&said, v.text);
                continue;
            }
            if (v.kind == TOOL_NAME) {
                must(v.index == calls && calls < TOOL_CALLS_MAX);
                calls++;
                buf_byte(told, '\0');
            }
            must(v.index + 1 == calls);
            buf_add(told, v.text);
        }
    }
    must(tool_parser_calls(p) == calls && (!only_one || calls <= 1));
    buf_byte(told, '\1');
    buf_add(told, buf_str(&said));
    buf_deinit(&said);
    tool_parser_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t dialects = 0;
    struct arena *a = arena_new(1 << 20);
    struct json *tools;
    struct err e;
    if (size < 2 || !json_parse(str_c(tools_json), a, &tools, &e)) {
        arena_free(a);
        return 0;
    }
    while (tool_dialects[dialects].name) dialects++;
    const struct tool_dialect *d = &tool_dialects[data[0] % dialects];
    bool only_one = data[0] >> 7;
    str text = str_of((bytes){ data + 2, size - 2 });
    struct buf whole = BUF_INIT(0), pieces = BUF_INIT(0);
    run(d, tools, only_one, text, text.n ? text.n : 1, &whole);
    run(d, tools, only_one, text, 1 + data[1] % 16, &pieces);
    must(str_eq(buf_str(&whole), buf_str(&pieces)));
    buf_deinit(&whole);
    buf_deinit(&pieces);
    arena_free(a);
    return 0;
}
