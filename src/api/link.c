/* api/link.c - links that carry their own authorisation; see api/git_api.h. */
#include "api/api_priv.h"
#include "api/git_api.h"
#include "base/clock.h"

enum { SIGNATURE_BYTES = 16, SIGNATURE_HEX = 2 * SIGNATURE_BYTES };

static void sign(struct call *c, str method, str path_and_query, char out[SIGNATURE_HEX + 1])
{
    struct sha256 mac;
    str text = arena_fmt(c->a, "%.*s %.*s", STR_ARG(method), STR_ARG(path_and_query));
    hmac_sha256((bytes){ c->api->link_key, sizeof c->api->link_key }, bytes_of(text), &mac);
    hex_encode((bytes){ mac.b, SIGNATURE_BYTES }, out);
}

str link_make(struct call *c, enum http_method m, str path, const struct link *l, int64_t lives_s)
{
    char sig[SIGNATURE_HEX + 1];
    int64_t expires = clock_now_ms() / 1000 + lives_s;
    str base = call_base_url(c);
    str text = arena_fmt(c->a, "%.*s?repo=%lld&user=%lld&token=%lld&size=%llu&expires=%lld", STR_ARG(path), (long long)l->repo_id,
                         (long long)l->user_id, (long long)l->token_id, (unsigned long long)l->size_bytes, (long long)expires);
    sign(c, http_method_name(m), text, sig);
    return arena_fmt(c->a, "%.*s%.*s&sig=%s", STR_ARG(base), STR_ARG(text), sig);
}

static bool refuse(struct err *e, const char *why) { return err_set(e, ERR_DENIED, "This link %s; ask for a new one", why); }

/* As when the link was made (lfs.c): who reads the contents may download, who may open a pull request may upload. */
static bool still_allowed(struct call *c, const struct link *l, enum repo_right right, struct err *e)
{
    struct db_conn *db = call_db(c);
    struct err why;
    if (!repo_get(db, l->repo_id, &c->repo, c->a, e)) return false;
    if (identity_again(db, l->user_id, l->token_id, &c->who, c->a, &why) && repo_allow(db, &c->who, &c->repo, right, &why)) return true;
    if (why.code == ERR_IO || why.code == ERR_INTERNAL || why.code == ERR_BUSY) return (*e = why, false);
    return refuse(e, "belongs to somebody who may no longer do this there");
}

bool link_check(struct call *c, struct link *out, struct err *e)
{
    static const str mark = STR_INIT("&sig=");
    char sig[SIGNATURE_HEX + 1];
    str query = http_query_raw(c->http), path = http_path(c->http);
    enum http_method m = http_method_of(c->http);
    if (query.n < mark.n + SIGNATURE_HEX) return refuse(e, "is not signed");
    size_t at = query.n - SIGNATURE_HEX - mark.n;
    str signed_part = str_to(query, at), given = str_from(query, at + mark.n);
    if (!str_eq(str_to(str_from(query, at), mark.n), mark)) return refuse(e, "is not signed");
    sign(c, http_method_name(m == HTTP_HEAD ? HTTP_GET : m),
         arena_fmt(c->a, "%.*s?%.*s", STR_ARG(path), STR_ARG(signed_part)), sig);
    if (!bytes_eq_secret(bytes_of(given), (bytes){ (const uint8_t *)sig, SIGNATURE_HEX }))
        return refuse(e, "has been changed");

    int64_t expires = 0; /* from here on it is our own text */
    must(str_i64(http_query(c->http, "repo"), &out->repo_id) && str_i64(http_query(c->http, "user"), &out->user_id));
    must(str_u64(http_query(c->http, "size"), &out->size_bytes) && str_i64(http_query(c->http, "expires"), &expires));
    if (!str_i64(http_query(c->http, "token"), &out->token_id)) return refuse(e, "is of an earlier version of Hearth");
    if (expires < clock_now_ms() / 1000) return refuse(e, "has expired");
    return still_allowed(c, out, m == HTTP_GET || m == HTTP_HEAD ? REPO_READ : REPO_DISCUSS, e);
}

bool link_oid(struct call *c, struct sha256 *out, struct err *e)
{
    return sha256_parse(call_param(c, "oid"), out) ||
           err_set(e, ERR_INVALID, "An object is named by its SHA-256 in 64 lower-case digits");
}
