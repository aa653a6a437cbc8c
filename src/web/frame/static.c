/* web/frame/static.c - see web/frame/static.h.
 *
 * Hashes and small forms are made once, at the first use of any asset, and live as long as the process. */
#include "web/frame/static.h"

#include <pthread.h>

#include "base/embedded.h"
#include "base/hash.h"
#include "web/frame/compress.h"

extern const struct embedded web_static[];

static const struct { const char *ending, *type; } types[] = {
    { ".css", "text/css; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" },
    { ".svg", "image/svg+xml" },           { ".png", "image/png" },
    { ".woff2", "font/woff2" },
};

enum { ASSETS_MAX = 256, LEVEL = 9 };

struct asset {
    const struct embedded *file;
    char version[2 * 8 + 1];
    str small; /* .p NULL: it would not be smaller, as pictures and fonts are not */
};
static pthread_once_t made_once = PTHREAD_ONCE_INIT;
static struct arena *made_arena;
static struct asset asset[ASSETS_MAX];
static size_t assets;

static void make_all(void)
{
    struct err ignored;
    made_arena = arena_new(0);
    for (const struct embedded *f = web_static; f->name; f++) {
        struct buf b = BUF_INIT(0), gzip = BUF_INIT(0);
        str text = str_n((const char *)f->data, f->size);
        struct sha256 sha = sha256_of((bytes){ f->data, f->size });
        must(assets < ASSETS_MAX);
        struct asset *a = &asset[assets++];
        a->file = f;
        hex_encode((bytes){ sha.b, 8 }, a->version);
        if (f->size >= COMPRESS_BYTES_MIN && compress_deflate(text, LEVEL, &b, &ignored) && b.n < f->size - f->size / 10) {
            compress_wrap(buf_str(&b), compress_crc(text), (uint32_t)text.n, false, &gzip);
            a->small = arena_dup(made_arena, buf_str(&gzip));
        }
        buf_deinit(&gzip);
        buf_deinit(&b);
    }
}

void static_make(void) { pthread_once(&made_once, make_all); }

static const struct asset *find(str name)
{
    static_make();
    for (size_t i = 0; i < assets; i++)
        if (str_eq(name, str_c(asset[i].file->name))) return &asset[i];
    return NULL;
}

str static_url(str file, struct arena *a)
{
    const struct asset *f = find(file);
    must(f);
    return arena_fmt(a, "/static/%s?v=%s", f->file->name, f->version);
}

static bool get_static(struct call *c, struct err *e)
{
    const struct asset *f = find(call_param(c, "file"));
    if (!f) return err_set(e, ERR_NOT_FOUND, "There is no such file");
    const char *type = "application/octet-stream";
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_ends(str_c(f->file->name), str_c(types[i].ending))) type = types[i].type;
    bool is_this = str_eq(call_query(c, "v"), str_c(f->version)), is_small = f->small.n && compress_is_accepted(http_header(c->http, "Accept-Encoding"));
    http_add_header(c->http, "Cache-Control", is_this ? STR("public, max-age=31536000, immutable") : STR("no-cache"));
    if (f->small.n) http_add_header(c->http, "Vary", STR("Accept-Encoding"));
    if (is_small) http_add_header(c->http, "Content-Encoding", STR("gzip"));
    str data = is_small ? f->small : str_n((const char *)f->file->data, f->file->size);
    struct http_content content = { .content_type = type, .etag = arena_fmt(c->a, "\"%s%s\"", f->version, is_small ? "-gz" : ""), .size = data.n, .data = data };
    return http_reply_content(c->http, &content, e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/static/:file", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_static, "page.static", SHAPE_PAGE },
};
const struct api_table static_table = API_TABLE(rows);
