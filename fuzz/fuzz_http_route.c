/* fuzz_http_route.c - a path against a table like the real one.  What a parameter holds is a piece of the path. */
#include "base/err.h"
#include "http/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool nothing(struct http_req *r, struct err *e)
{
    (void)r;
    return err_set(e, ERR_INTERNAL, "not meant to run");
}

#define ROUTE(method, pattern) { method, pattern, 0, HTTP_BODY_NONE, 0, HTTP_INLINE, nothing, pattern }
static const struct http_route table[] = {
    ROUTE(HTTP_GET, "/"),
    ROUTE(HTTP_GET, "/:owner/:name"),
    ROUTE(HTTP_GET, "/:owner/:name/resolve/:rev/*path"),
    ROUTE(HTTP_GET, "/:type(datasets|spaces)/:owner/:name/resolve/:rev/*path"),
    ROUTE(HTTP_GET, "/:owner/:repo.git/info/refs"),
    ROUTE(HTTP_POST, "/:owner/:repo.git/git-upload-pack"),
    ROUTE(HTTP_GET, "/api/:types(models|datasets|spaces)"),
    ROUTE(HTTP_GET, "/api/:types(models|datasets|spaces)/:owner/:name"),
    ROUTE(HTTP_GET, "/api/:types(models|datasets|spaces)/:owner/:name/tree/:rev/*path"),
    ROUTE(HTTP_DELETE, "/api/repos/delete"),
    ROUTE(HTTP_GET, "/a/:b/c/:d/e/:f/g/:h/*rest"),
    ROUTE(HTTP_GET, "/:a/b/:c/d/:e/f/:g/h/*rest"),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct router *router;
    if (!router) router = router_new(table, COUNT(table));
    struct route_match m;
    str path = str_n((const char *)data, size);
    for (enum http_method method = 0; method < HTTP_METHODS; method++) {
        if (!router_match(router, method, path, &m)) {
            must(m.row == NULL);
            continue;
        }
        for (size_t i = 0; i < m.row->params; i++) {
            str v = m.value[i];
            bool inside = v.n == 0 || (v.p >= path.p && v.p + v.n <= path.p + path.n);
            must(inside);
        }
    }
    return 0;
}
