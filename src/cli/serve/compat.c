/* cli/serve/compat.c - `hearth compat` and `hearth routes`: what this Hearth answers, told by its own tables. */
#include "api/api.h"
#include "cli/cli.h"
#include "web/pages.h"

/* A server that never listens: only its table is of interest. */
struct tables {
    struct api *api;
    struct http_server *http;
};

static bool tables_open(struct tables *t, struct err *e)
{
    struct api_config config = { 0 };
    config.pages = web_tables(&config.pages_count);
    struct http_limits limits;
    size_t n;
    *t = (struct tables){ 0 };
    http_limits_default(&limits);
    if (!api_new(NULL, &config, &t->api, e)) return false;
    const struct http_route *routes = api_routes(t->api, &n);
    if (!http_server_new(routes, n, api_hooks(), &limits, t->api, &t->http, e)) return false;
    api_set_server(t->api, t->http);
    return true;
}

static void tables_close(struct tables *t)
{
    http_server_free(t->http);
    api_free(t->api);
}

static void print_operations(FILE *out, const struct api_operation *op, size_t n, bool built, bool as_markdown)
{
    for (size_t i = 0; i < n; i++) {
        if (op[i].is_built != built) continue;
        str method = http_method_name(op[i].method);
        if (as_markdown)
            fprintf(out, "| %.*s | `%.*s` | %.*s |\n", STR_ARG(method), STR_ARG(op[i].path), STR_ARG(op[i].summary));
        else
            fprintf(out, "%-6.*s %.*s\n", STR_ARG(method), STR_ARG(op[i].path));
    }
}

bool cli_compat(struct cli *c, struct err *e)
{
    struct tables t;
    struct api_operation *op;
    size_t n, built = 0;
    bool ok = tables_open(&t, e) && api_operations(t.api, c->arena, &op, &n);
    if (ok) {
        bool markdown = cli_flag(c, "markdown");
        for (size_t i = 0; i < n; i++) built += op[i].is_built;
        if (markdown) {
            fprintf(c->out,
                    "# Compatibility\n\nOperations of the public hub's OpenAPI document, held against the table of routes by\n"
                    "`hearth compat --markdown`. What is not built answers 501 and names the operation.\n\n"
                    "**%zu implemented of %zu.** Routes that the document does not list (lists, git, LFS, raw files, health) are\n"
                    "in [API.md](API.md).\n\n## Implemented\n\n| method | path | what |\n| --- | --- | --- |\n",
                    built, n);
            print_operations(c->out, op, n, true, true);
            fprintf(c->out, "\n## Not built\n\n| method | path | what |\n| --- | --- | --- |\n");
        } else {
            fprintf(c->out, "%zu implemented of %zu; not built:\n", built, n);
        }
        print_operations(c->out, op, n, false, markdown);
    }
    tables_close(&t);
    return ok;
}

bool cli_routes(struct cli *c, struct err *e)
{
    struct tables t;
    bool ok = tables_open(&t, e);
    if (ok) {
        size_t n;
        bool as_json = cli_flag(c, "json");
        const struct http_route *row = api_routes(t.api, &n);
        struct buf b = BUF_INIT(0);
        struct json_writer w = json_writer(&b);
        jw_array(&w);
        for (size_t i = 0; i < n; i++) {
            str method = http_method_name(row[i].method), permission = api_permission_name(row[i].permission);
            if (!as_json) fprintf(c->out, "%-7.*s %-72s %.*s\n", STR_ARG(method), row[i].pattern, STR_ARG(permission));
            jw_object(&w);
            jw_kstr(&w, "name", str_c(row[i].name));
            jw_kstr(&w, "method", method);
            jw_kstr(&w, "pattern", str_c(row[i].pattern));
            jw_kstr(&w, "permission", permission);
            jw_kint(&w, "body_bytes_max", (int64_t)row[i].body_bytes_max);
            jw_object_end(&w);
        }
        jw_array_end(&w);
        if (as_json) fprintf(c->out, "%.*s\n", STR_ARG(buf_str(&b)));
        buf_deinit(&b);
    }
    tables_close(&t);
    return ok;
}
