/* fuzz_highlight.c - source code of strangers with spans: the first line names the language.  Spans do not nest and are of known classes; without them
 * stands the escaped code. */
#include "base/err.h"
#include "hub/text/highlight.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const str open = STR_INIT("<span class=\"hl-"), close = STR_INIT("</span>");
    str code = str_n((const char *)data, size), language;
    if (!str_cut(&code, '\n', &language)) return 0;
    struct buf out = BUF_INIT(0), plain = BUF_INIT(0), escaped = BUF_INIT(0);
    highlight_add(&out, language, code);
    buf_html(&escaped, code);
    bool is_inside = false;
    for (str rest = buf_str(&out); rest.n;) {
        bool is_open = str_starts(rest, open), is_close = str_starts(rest, close);
        if (!is_open && !is_close) {
            must(rest.p[0] != '<');
            buf_byte(&plain, rest.p[0]);
            rest = str_from(rest, 1);
            continue;
        }
        must(is_open != is_inside && (is_close || str_chr(STR("kscnftad"), rest.p[open.n]) != STR_NONE));
        rest = str_from(rest, is_open ? open.n + strlen("k\">") : close.n);
        is_inside = is_open;
    }
    must(!is_inside && str_eq(buf_str(&plain), buf_str(&escaped)));
    buf_deinit(&out);
    buf_deinit(&plain);
    buf_deinit(&escaped);
    return 0;
}
