/* fuzz_http_multipart.c - bodies of multipart/form-data.  What comes out lies inside of what went in, in order; a filename is no
 * longer than it was written. */
#include "base/err.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(1 << 22);
    str body = str_n((const char *)data, size);
    struct http_multipart m;
    struct http_part part;
    const char *at = body.p;
    if (http_multipart_begin(body, body, &m)) must(m.boundary.p >= body.p && m.boundary.p + m.boundary.n <= body.p + body.n);
    if (http_multipart_begin(STR("multipart/form-data; boundary=x"), body, &m)) {
        while (http_multipart_next(&m, a, &part)) {
            must(part.content.p >= at && part.content.p + part.content.n <= body.p + body.n);
            must(part.filename.n <= size && part.name.n <= size);
            at = part.content.p + part.content.n;
        }
    }
    arena_free(a);
    return 0;
}
