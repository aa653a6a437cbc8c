/* api/cas/token.c - the hub's token routes, and the tokens that the Xet operations ask for.
 *
 *     xet_REPO.USER.TOKEN.RIGHT.EXPIRES.SIGNATURE
 *
 * in decimal, REPO of a bucket with a b before it, RIGHT one of r, w, p; opaque to clients.  Nothing is stored.  A token is good a little beyond its expiry:
 * clients refresh by their own clock, and take a refusal as the end of the transfer. */
#include "api/cas/cas_api.h"
#include "base/clock.h"
#include "hub/bucket/bucket.h"
#include "hub/large_file.h"

enum { TOKEN_GRACE_S = 600 };
static const char right_letter[XET_RIGHTS + 1] = "rwp";

/* ------------------------------------------------------------------ signatures */

void xet_sign(const struct call *c, str text, char out[XET_SIGNATURE_HEX + 1])
{
    struct sha256 mac;
    hmac_sha256((bytes){ c->api->xet_key, sizeof c->api->xet_key }, bytes_of(text), &mac);
    hex_encode((bytes){ mac.b, XET_SIGNATURE_HEX / 2 }, out);
}

bool xet_signed(const struct call *c, str text, str signature)
{
    char right[XET_SIGNATURE_HEX + 1];
    xet_sign(c, text, right);
    return bytes_eq_secret(bytes_of(signature), (bytes){ (const uint8_t *)right, XET_SIGNATURE_HEX });
}

/* ------------------------------------------------------------------ making */

str cas_url(struct call *c)
{
    str base = call_base_url(c);
    return arena_fmt(c->a, "%.*s/cas", STR_ARG(base));
}

str xet_token_url(struct call *c, const struct repo *r, enum xet_right right, str rev)
{
    struct buf b = BUF_INIT(0);
    buf_add(&b, call_base_url(c));
    buf_lit(&b, "/api/");
    buf_add(&b, repo_kind_plural(r->kind));
    buf_byte(&b, '/');
    buf_add(&b, r->full_name);
    buf_add(&b, right == XET_READ ? STR("/xet-read-token/") : STR("/xet-write-token/"));
    http_encode(&b, rev, "");
    if (right == XET_PROPOSE) buf_lit(&b, "?create_pr=1");
    str url = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return url;
}

str xet_bucket_token_url(struct call *c, const struct bucket *b, enum xet_right right)
{
    str base = call_base_url(c);
    return arena_fmt(c->a, "%.*s/api/buckets/%.*s/%s", STR_ARG(base), STR_ARG(b->full_name), right == XET_READ ? "xet-read-token" : "xet-write-token");
}

void xet_token_make(struct call *c, enum xet_right right, str rev, struct xet_token *out)
{
    char sig[XET_SIGNATURE_HEX + 1];
    out->expires_s = clock_now_ms() / 1000 + XET_TOKEN_LIVES_S;
    int64_t id = c->bucket ? c->bucket->id : c->repo.id;
    str claim = arena_fmt(c->a, "xet_%s%lld.%lld.%lld.%c.%lld", c->bucket ? "b" : "", (long long)id, (long long)c->who.user_id,
                          (long long)(c->who.via_token ? c->who.token.id : 0), right_letter[right], (long long)out->expires_s);
    xet_sign(c, claim, sig);
    out->text = arena_fmt(c->a, "%.*s.%s", STR_ARG(claim), sig);
    out->refresh_url = c->bucket ? xet_bucket_token_url(c, c->bucket, right) : xet_token_url(c, &c->repo, right, rev);
}

/* ------------------------------------------------------------------ checking */

struct claim {
    int64_t repo_id, user_id, token_id, expires_s;
    bool is_bucket; /* the first number is one's */
    enum xet_right right;
};

static bool read_claim(struct call *c, str text, struct claim *out, struct err *e)
{
    str rest, number;
    int64_t *field[] = { &out->repo_id, &out->user_id, &out->token_id, NULL, &out->expires_s };
    size_t dot = str_rchr(text, '.');
    if (!str_starts(text, STR("xet_")) || dot == STR_NONE || !xet_signed(c, str_to(text, dot), str_from(text, dot + 1)))
        return err_set(e, ERR_UNAUTHENTICATED, "This operation needs a token of xet-read-token or xet-write-token");
    rest = str_from(str_to(text, dot), 4); /* from here on it is our own text */
    out->is_bucket = str_starts(rest, STR("b"));
    rest = str_from(rest, out->is_bucket);
    for (size_t i = 0; i < COUNT(field); i++) {
        must(str_cut(&rest, '.', &number));
        if (field[i]) must(str_i64(number, field[i]));
        for (int r = 0; !field[i] && r < XET_RIGHTS; r++)
            if (number.p[0] == right_letter[r]) out->right = (enum xet_right)r;
    }
    return true;
}

static bool allow_claim(struct call *c, struct db_conn *db, const struct claim *k, enum repo_right right, struct err *e)
{
    if (!k->is_bucket) return repo_get(db, k->repo_id, &c->repo, c->a, e) && repo_allow(db, &c->who, &c->repo, right, e) && (c->has_repo = true);
    struct bucket *b = arena_one(c->a, struct bucket);
    if (!bucket_get(db, k->repo_id, b, c->a, e) || !bucket_allow(db, &c->who, b, right, e)) return false;
    c->bucket = b;
    return true;
}

/* In place of the hub's own way (auth.c) for rows of PERM_XET_*: who he is and which repository the token says; what he
 * may do there is asked now. */
bool xet_authorize(struct call *c, struct db_conn *db, struct err *e)
{
    static const enum repo_right wanted[XET_RIGHTS] = { REPO_READ, REPO_WRITE, REPO_DISCUSS };
    struct claim claim = { 0 };
    bool writes = c->route->permission == PERM_XET_WRITE;
    str header = http_header(c->http, "Authorization");
    str text = header.p && str_starts_nocase(header, STR("Bearer ")) ? str_trim(str_from(header, 7)) : STR("");
    if (!read_claim(c, text, &claim, e)) return false;
    if (claim.expires_s + TOKEN_GRACE_S < clock_now_ms() / 1000)
        return err_set(e, ERR_UNAUTHENTICATED, "This token has expired; ask for a new one");
    if (writes && claim.right == XET_READ)
        return err_set(e, ERR_DENIED, "This token may only read; ask for one of xet-write-token");
    if (!identity_again(db, claim.user_id, claim.token_id, &c->who, c->a, e)) return false;
    struct err why;
    if (allow_claim(c, db, &claim, writes ? wanted[claim.right] : REPO_READ, &why)) return true;
    if (why.code == ERR_IO || why.code == ERR_INTERNAL || why.code == ERR_BUSY) return (*e = why, false);
    return err_set(e, ERR_DENIED, "This token's repository is gone, or its user may no longer do this there");
}

/* ------------------------------------------------------------------ what handlers share */

bool cas_param_hash(struct call *c, struct xet_hash *out, struct err *e)
{
    return xet_hash_parse(call_param(c, "hash"), out) ||
           err_set(e, ERR_INVALID, "Chunks, xorbs and files are named by 64 hexadecimal digits");
}

bool cas_check_prefix(struct call *c, struct err *e)
{
    str prefix = call_param(c, "prefix"); /* what clients send, and what their documents say */
    if (str_eq(prefix, STR("default")) || str_eq(prefix, STR("default-merkledb"))) return true;
    return err_set(e, ERR_INVALID, "The prefix must be \"default\"");
}

struct cas_viewer cas_viewer_of(struct call *c)
{
    return (struct cas_viewer){ c->who.user_id, large_file_may_read, &c->who };
}

void jw_kxet_hash(struct json_writer *w, const char *key, const struct xet_hash *h)
{
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(h, hex);
    jw_kstr(w, key, str_n(hex, XET_HASH_HEX));
}

/* ------------------------------------------------------------------ the routes */

static bool reply_token(struct call *c, enum xet_right right, str rev)
{
    struct xet_token t;
    xet_token_make(c, right, rev, &t);
    http_add_header(c->http, "X-Xet-Cas-Url", cas_url(c)); /* huggingface_hub reads the headers alone, */
    http_add_header(c->http, "X-Xet-Access-Token", t.text);
    http_add_headerf(c->http, "X-Xet-Token-Expiration", "%lld", (long long)t.expires_s);
    http_add_header(c->http, "Cache-Control", STR("no-store"));
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w); /* hf_xet and huggingface.js the body alone */
    jw_kstr(&w, "accessToken", t.text);
    jw_kint(&w, "exp", t.expires_s);
    jw_kstr(&w, "casUrl", cas_url(c));
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* The head of main needs no look, and clients write "None" for it. */
static bool check_revision(struct call *c, str rev, struct err *e)
{
    struct vcs_revision ignored;
    if (rev.n == 0 || str_eq(rev, STR("main")) || str_eq(rev, STR("None"))) return true;
    return call_revision(c, rev, &ignored, e);
}

static bool get_read_token(struct call *c, struct err *e)
{
    str rev = call_param(c, "rev");
    return check_revision(c, rev, e) && reply_token(c, XET_READ, rev);
}

/* A branch needs the right to write; a pull request only that to open one. */
static bool get_write_token(struct call *c, struct err *e)
{
    str rev = call_param(c, "rev");
    bool proposes = http_query_bool(c->http, "create_pr", false) || str_starts(rev, STR("refs/pr/"));
    if (!check_revision(c, rev, e)) return false;
    struct err why;
    if (call_allow(c, &c->repo, REPO_WRITE, &why)) return reply_token(c, XET_WRITE, rev);
    if (!proposes && !str_eq(rev, STR("None"))) return (*e = why, false);
    return reply_token(c, XET_PROPOSE, rev); /* the row has asked for REPO_DISCUSS */
}

static bool get_bucket_read_token(struct call *c, struct err *e)
{
    (void)e;
    return reply_token(c, XET_READ, STR(""));
}

static bool get_bucket_write_token(struct call *c, struct err *e)
{
    (void)e;
    return reply_token(c, XET_WRITE, STR(""));
}

#define REPO "/api/:kind(models|datasets|spaces|kernels)/:ns/:repo"
static const struct api_route rows[] = {
    { HTTP_GET, REPO "/xet-read-token/*rev", PERM_REPO_READ, HTTP_BODY_NONE, 0, API_TAKES_PASSWORD, get_read_token,
      "xet.read-token", SHAPE_HUB },
    { HTTP_GET, REPO "/xet-write-token/*rev", PERM_REPO_DISCUSS, HTTP_BODY_NONE, 0, API_TAKES_PASSWORD, get_write_token,
      "xet.write-token", SHAPE_HUB },
    { HTTP_GET, "/api/buckets/:ns/:repo/xet-read-token", PERM_BUCKET_READ, HTTP_BODY_NONE, 0, 0, get_bucket_read_token, "bucket.xet-read-token",
      SHAPE_HUB },
    { HTTP_GET, "/api/buckets/:ns/:repo/xet-write-token", PERM_BUCKET_WRITE, HTTP_BODY_NONE, 0, 0, get_bucket_write_token, "bucket.xet-write-token",
      SHAPE_HUB },
};
const struct api_table cas_token_table = API_TABLE(rows);
