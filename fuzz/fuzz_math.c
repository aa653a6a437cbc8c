/* fuzz_math.c - TeX of strangers as MathML: the first byte says whether it stands alone.  A formula is refused and leaves nothing, or what comes out are
 * elements that are all closed, in their order, with nothing of HTML among them. */
#include "base/err.h"
#include "hub/text/math.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NESTED_MAX = 1000 };

/* "<mi mathvariant="normal">" and "</mi>" of any element of MathML. */
static void check_elements(str html)
{
    str open[NESTED_MAX];
    size_t depth = 0;
    for (size_t at; (at = str_chr(html, '<')) != STR_NONE;) {
        html = str_from(html, at + 1);
        size_t end = str_chr(html, '>');
        must(end != STR_NONE);
        bool closes = html.p[0] == '/', is_empty = html.p[end - 1] == '/';
        str name = str_from(str_to(html, end), closes), rest = name;
        must(str_cut(&rest, ' ', &name) && str_starts(name, STR("m")));
        if (closes) must(depth > 0 && str_eq(open[--depth], name));
        else if (!is_empty) {
            must(depth < NESTED_MAX);
            open[depth++] = name;
        }
        html = str_from(html, end + 1);
    }
    must(depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out = BUF_INIT(0);
    if (size < 1) return 0;
    if (math_add(&out, str_of((bytes){ data + 1, size - 1 }), data[0] & 1)) check_elements(buf_str(&out));
    else must(out.n == 0);
    buf_deinit(&out);
    return 0;
}
