/* api/cas/fetch.c - bytes of a xorb, for whoever has the link.
 *
 *     /cas/fetch/XORB?repo=7&user=3&token=5&range=0-200015&expires=1700000000&sig=...
 *
 * (or bucket=7) is signed for these bytes of this xorb, both ends included, and for parts of them; a request for anything else is
 * refused like a stale one, with 403, which makes clients ask for the reconstruction again.  So is one whose reader, which the link
 * names by numbers, may no longer read there. */
#include <fcntl.h>
#include <unistd.h>

#include "api/cas/cas_api.h"
#include "api/recall.h"
#include "base/clock.h"
#include "hub/bucket/bucket.h"

enum { LINK_LIVES_S = 3600 };

void cas_fetch_link(struct call *c, const struct xet_hash *xorb, uint64_t first, uint64_t last, struct buf *out)
{
    char sig[XET_SIGNATURE_HEX + 1];
    str base = call_base_url(c);
    buf_reset(out);
    buf_add(out, base);
    buf_lit(out, "/cas/fetch/");
    buf_xet_hash(out, xorb);
    buf_add(out, c->bucket ? STR("?bucket=") : STR("?repo="));
    buf_u64(out, (uint64_t)(c->bucket ? c->bucket->id : c->repo.id));
    buf_lit(out, "&user=");
    buf_u64(out, (uint64_t)c->who.user_id);
    buf_lit(out, "&token=");
    buf_u64(out, (uint64_t)(c->who.via_token ? c->who.token.id : 0));
    buf_lit(out, "&range=");
    buf_u64(out, first);
    buf_byte(out, '-');
    buf_u64(out, last);
    buf_lit(out, "&expires=");
    buf_u64(out, (uint64_t)(clock_now_ms() / 1000 + LINK_LIVES_S));
    xet_sign(c, str_from(buf_str(out), base.n), sig);
    buf_lit(out, "&sig=");
    buf_add(out, str_n(sig, XET_SIGNATURE_HEX));
}

struct window {
    uint64_t first, last;
    int fd;
};

static bool check_link(struct call *c, struct window *w, struct err *e)
{
    static const str mark = STR_INIT("&sig=");
    str query = http_query_raw(c->http), path = http_path(c->http);
    struct reader reader = { 0 };
    int64_t expires_s;
    size_t at = query.n - XET_SIGNATURE_HEX - mark.n;
    if (query.n < XET_SIGNATURE_HEX + mark.n || !str_eq(str_to(str_from(query, at), mark.n), mark))
        return err_set(e, ERR_DENIED, "This link is not signed; ask for the reconstruction again");
    str text = arena_fmt(c->a, "%.*s?%.*s", STR_ARG(path), STR_ARG(str_to(query, at)));
    if (!xet_signed(c, text, str_from(query, at + mark.n)))
        return err_set(e, ERR_DENIED, "This link has been changed; ask for the reconstruction again");
    str range = http_query(c->http, "range"); /* from here on it is our own text */
    size_t dash = str_chr(range, '-');
    must(dash != STR_NONE && str_u64(str_to(range, dash), &w->first) && str_u64(str_from(range, dash + 1), &w->last));
    str bucket = http_query(c->http, "bucket");
    reader.is_bucket = bucket.p != NULL;
    must(str_i64(bucket.p ? bucket : http_query(c->http, "repo"), &reader.place_id) && str_i64(http_query(c->http, "expires"), &expires_s));
    if (expires_s < clock_now_ms() / 1000) return err_set(e, ERR_DENIED, "This link has expired; ask for the reconstruction again");
    if (!str_i64(http_query(c->http, "user"), &reader.user_id) || !str_i64(http_query(c->http, "token"), &reader.token_id))
        return err_set(e, ERR_DENIED, "This link is of an earlier version of Hearth; ask for the reconstruction again");
    struct err why;
    if (recall_reader(c, &reader, &why)) return true;
    if (why.code == ERR_IO || why.code == ERR_INTERNAL || why.code == ERR_BUSY) return (*e = why, false);
    return err_set(e, ERR_DENIED, "The %s of this link is gone, or its user may no longer read there", reader.is_bucket ? "bucket" : "repository");
}

static bool lies_inside(const struct window *w, uint64_t first, uint64_t last, struct err *e)
{
    if (w->first <= first && last <= w->last) return true;
    return err_set(e, ERR_DENIED, "This link is for bytes %llu to %llu alone; ask for them with a Range header",
                   (unsigned long long)w->first, (unsigned long long)w->last);
}

/* The last word: whatever was made of the headers, nothing outside is opened. */
static bool window_open(void *ctx, uint64_t at, uint64_t n, int *fd, uint64_t *fd_offset, struct err *e)
{
    struct window *w = ctx;
    if (!lies_inside(w, at, at + n - 1, e)) return false;
    *fd = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
    *fd_offset = at;
    return *fd >= 0 || err_set(e, ERR_BUSY, "no descriptor is free");
}

/* Damage does not heal while a client repeats its question for ten minutes, as it would after a 500.  What is wrong stands
 * in the log. */
static bool no_bytes(struct err *e)
{
    if (e->code != ERR_IO) return false;
    return err_set(e, ERR_NOT_FOUND, "The stored bytes of this xorb are damaged, and damaged bytes are not sent");
}

static void window_close(void *ctx) { close(((struct window *)ctx)->fd); }

static bool get_fetch(struct call *c, struct err *e)
{
    struct xet_hash hash;
    struct http_range r[HTTP_RANGES_MAX] = { { 0 } };
    struct window *w = arena_one(c->a, struct window);
    size_t n = 0;
    uint64_t frames_bytes;
    if (!check_link(c, w, e) || !cas_param_hash(c, &hash, e)) return false;
    if (!cas_xorb_open(hub_cas(c->hub), &hash, &w->fd, &frames_bytes, e)) return no_bytes(e);
    arena_on_free(c->a, window_close, w);

    str range = http_header(c->http, "Range");
    enum http_range_kind kind = range.p ? http_range_parse(range, frames_bytes, r, &n) : HTTP_RANGE_NONE;
    if (kind == HTTP_RANGE_NONE) {
        n = 1;
        r[0] = (struct http_range){ 0, frames_bytes - 1 };
    }
    for (size_t i = 0; i < n; i++)
        if (!lies_inside(w, r[i].first, r[i].last, e)) return false;
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(&hash, hex);
    http_add_header(c->http, "Cache-Control", STR("private, max-age=3600"));
    struct http_content content = { .content_type = "application/octet-stream",
                                    .etag = arena_fmt(c->a, "\"%s\"", hex),
                                    .size = frames_bytes,
                                    .open = window_open,
                                    .ctx = w };
    return http_reply_content(c->http, &content, e);
}

static const struct api_route rows[] = {
    CAS_ROW(HTTP_GET, "/fetch/:hash", PERM_SIGNED, HTTP_BODY_NONE, 0, 0, get_fetch, "xet.fetch"),
};
const struct api_table cas_fetch_table = API_TABLE(rows);
