/* api/download.c - a large file as an answer while it is on its way from the upstream (gateway/download.c).
 *
 * What is there is written, then the thread is given back until there is more: a slow upstream holds no thread, however many wait. */
#include "api/api.h"
#include "base/clock.h"
#include "base/hash.h"
#include "gateway/gateway.h"

enum { LOOK_MS = 20, PIECE_BYTES = 64 << 10, QUIET_MS = 600000 };

struct coming {
    struct download *d;
    const char *content_type;
    uint64_t at, end;
    int status;
    bool has_begun;
    int64_t moved_ms;
    uint8_t piece[PIECE_BYTES];
};

static void coming_end(void *ctx) { download_leave(((struct coming *)ctx)->d); }

/* Headers go out with the first bytes: until then a refusal of the upstream is an answer of its own. */
static bool write_some(struct call *c, struct coming *g, size_t n, struct err *e)
{
    if (!g->has_begun && !http_begin(c->http, g->status, g->content_type, g->end - g->at, e)) return false;
    g->has_begun = true;
    g->moved_ms = clock_mono_ms();
    if (!http_write(c->http, (bytes){ g->piece, n }, e)) return false;
    g->at += n;
    return true;
}

static bool step(struct call *c, struct err *e)
{
    struct coming *g = c->step_ctx;
    size_t got = 1;
    if (http_has_left(c->http)) return err_set(e, ERR_CLOSED, "the client has left");
    while (got && g->at < g->end && !http_is_behind(c->http)) {
        uint64_t left = g->end - g->at;
        if (!download_read(g->d, g->at, g->piece, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES, &got, e)) return false;
        if (got && !write_some(c, g, got, e)) return false;
    }
    if (g->at == g->end) return true;
    if (clock_mono_ms() - g->moved_ms > QUIET_MS) return err_set(e, ERR_TIMEOUT, "nothing of this file has come from the upstream for a long time");
    return call_pause(c, step, g, LOOK_MS);
}

/* One range; of several the whole is sent, as RFC 9110 allows. */
static bool choose_range(struct call *c, str etag, uint64_t size_bytes, struct coming *g, struct err *e)
{
    struct http_range range[HTTP_RANGES_MAX];
    size_t n = 0;
    str only_if = http_header(c->http, "If-Range");
    enum http_range_kind kind = HTTP_RANGE_NONE;
    g->status = 200;
    g->end = size_bytes;
    if (http_header(c->http, "Range").n && (!only_if.p || str_eq(only_if, etag))) kind = http_range_parse(http_header(c->http, "Range"), size_bytes, range, &n);
    if (kind == HTTP_RANGE_UNSATISFIABLE) {
        http_add_headerf(c->http, "Content-Range", "bytes */%llu", (unsigned long long)size_bytes);
        return err_set(e, ERR_BAD_RANGE, "The file has %llu bytes", (unsigned long long)size_bytes);
    }
    if (kind == HTTP_RANGE_SOME && n == 1) {
        g->status = 206;
        g->at = range[0].first;
        g->end = range[0].last + 1;
        http_add_headerf(c->http, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)range[0].first, (unsigned long long)range[0].last,
                         (unsigned long long)size_bytes);
    }
    return true;
}

bool call_reply_download(struct call *c, const char *content_type, const struct sha256 *sha256, uint64_t size_bytes, struct download *d,
                         struct err *e)
{
    char hex[SHA256_HEX + 1];
    struct coming *g = arena_one(c->a, struct coming);
    *g = (struct coming){ .d = d, .content_type = content_type, .moved_ms = clock_mono_ms() };
    hex_encode((bytes){ sha256->b, SHA256_BYTES }, hex);
    str etag = arena_fmt(c->a, "\"%s\"", hex);
    if (!d) { /* a HEAD: what git's pointer says is enough */
        struct http_content content = { .content_type = content_type, .etag = etag, .size = size_bytes };
        return http_reply_content(c->http, &content, e);
    }
    arena_on_free(c->a, coming_end, g);
    http_add_header(c->http, "ETag", etag);
    http_add_header(c->http, "Accept-Ranges", STR("bytes"));
    return choose_range(c, etag, size_bytes, g, e) && call_pause(c, step, g, 0);
}
