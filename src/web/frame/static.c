/* web/frame/static.c - see web/frame/static.h. */
#include "web/frame/static.h"

#include "base/embedded.h"
#include "base/hash.h"

extern const struct embedded web_static[];

static const struct { const char *ending, *type; } types[] = {
    { ".css", "text/css; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" },
    { ".svg", "image/svg+xml" },           { ".png", "image/png" },
    { ".woff2", "font/woff2" },
};

static const struct embedded *find(str name)
{
    for (const struct embedded *f = web_static; f->name; f++)
        if (str_eq(name, str_c(f->name))) return f;
    return NULL;
}

static str version_of(const struct embedded *f, struct arena *a)
{
    struct sha256 sha = sha256_of((bytes){ f->data, f->size });
    char hex[17];
    hex_encode((bytes){ sha.b, 8 }, hex);
    return arena_dup(a, str_c(hex));
}

str static_url(str file, struct arena *a)
{
    const struct embedded *f = find(file);
    must(f);
    return arena_fmt(a, "/static/%s?v=%s", f->name, version_of(f, a).p);
}

static bool get_static(struct call *c, struct err *e)
{
    const struct embedded *f = find(call_param(c, "file"));
    if (!f) return err_set(e, ERR_NOT_FOUND, "There is no such file");
    const char *type = "application/octet-stream";
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_ends(str_c(f->name), str_c(types[i].ending))) type = types[i].type;
    str version = version_of(f, c->a);
    bool is_this = str_eq(call_query(c, "v"), version);
    http_add_header(c->http, "Cache-Control", is_this ? STR("public, max-age=31536000, immutable") : STR("no-cache"));
    http_add_header(c->http, "X-Content-Type-Options", STR("nosniff"));
    struct http_content content = { .content_type = type, .etag = arena_fmt(c->a, "\"%s\"", version.p), .size = f->size,
                                    .data = str_n((const char *)f->data, f->size) };
    return http_reply_content(c->http, &content, e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/static/:file", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_static, "page.static", SHAPE_PAGE },
};
const struct api_table static_table = API_TABLE(rows);
