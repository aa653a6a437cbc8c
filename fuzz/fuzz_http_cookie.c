/* fuzz_http_cookie.c - the Cookie and Accept-Encoding headers.  A cookie's value is a view of the header, behind its name and an equals sign. */
#include "http/http_priv.h"
#include "web/frame/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = str_n((const char *)data, size);
    struct header header[] = { { .name = STR("Accept"), .value = STR("*/*") }, { .name = STR("cookie"), .value = text } };
    struct http_req *r = mem_one(struct http_req);
    r->header = header;
    r->headers = COUNT(header);
    str value = http_cookie(r, "hearth");
    if (value.p) {
        must(value.p >= text.p + strlen("hearth=") && value.p + value.n <= text.p + text.n);
        must(memcmp(value.p - strlen("hearth="), "hearth=", strlen("hearth=")) == 0 && str_chr(value, ';') == STR_NONE);
    }
    must(!http_cookie(r, "hearth=").p || str_find(text, STR("hearth==")) != STR_NONE);
    must(!compress_is_accepted(text) || str_find_nocase(text, STR("gzip")) != STR_NONE);
    mem_free(r);
    return 0;
}
