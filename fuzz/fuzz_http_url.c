/* fuzz_http_url.c - percent-encoding and forms.  What was decoded encodes to something that decodes to the
 * same; a look-up in a form never leaves it. */
#include "base/err.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(1 << 22);
    str in = str_n((const char *)data, size), out, again;
    for (int plus = 0; plus < 2; plus++) {
        if (!http_decode(in, plus, a, &out)) continue;
        struct buf b = BUF_INIT(0);
        must(out.n <= in.n && str_chr(out, '\0') == STR_NONE);
        http_encode(&b, out, plus ? "/" : "");
        must(http_decode(buf_str(&b), false, a, &again) && str_eq(out, again));
        buf_deinit(&b);
    }
    static const char *const key[] = { "a", "expand", "" };
    for (size_t k = 0; k < COUNT(key); k++) {
        size_t i = 0;
        while (i < 64 && http_form_nth(in, a, key[k], i, &out)) i++;
        must(i <= size + 1);
    }
    arena_free(a);
    return 0;
}
