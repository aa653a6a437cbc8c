/* api/space/visit.c - who visits a Space's host, and may he?
 *
 * The hub's session is of another host, so a browser shows what the hub signed for it: in the address first (?__sign=), then in a cookie of
 * this host alone.  It names a person, a token and a Space, and nothing more: what they may do is asked anew for each request, so it ends
 * with the right.  Programs send an access token, which is kept from the app: it would be good for all else that the visitor may do. */
#include "account/jwt.h"
#include "api/api_priv.h"
#include "api/space/space_api.h"
#include "base/clock.h"
#include "hub/index/list.h"
#include "hub/space_label.h"

#define SIGN_KEY "__sign"
#define COOKIE "hearth_space"
#define COOKIE_SECURE "__Host-hearth_space"

/* ------------------------------------------------------------------ passes */

static void sign(struct call *c, str text, struct buf *out)
{
    struct sha256 mac;
    str bound = arena_fmt(c->a, "space-pass %.*s", STR_ARG(text)); /* the same key signs links */
    hmac_sha256((bytes){ c->api->link_key, sizeof c->api->link_key }, bytes_of(bound), &mac);
    buf_base64url(out, (bytes){ mac.b, SHA256_BYTES });
}

str space_pass(struct call *c, const struct repo *r, int64_t ends_s)
{
    struct buf claims = BUF_INIT(0), token = BUF_INIT(0);
    struct json_writer w = json_writer(&claims);
    jw_object(&w);
    jw_kstr(&w, "sub", c->who.name);
    jw_kstr(&w, "aud", r->hex_id);
    jw_kint(&w, "exp", ends_s);
    jw_kint(&w, "user", c->who.user_id);
    jw_kint(&w, "token", c->who.via_token ? c->who.token.id : 0);
    jw_object_end(&w);
    buf_base64url(&token, bytes_of(STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}")));
    buf_byte(&token, '.');
    buf_base64url(&token, bytes_of(buf_str(&claims)));
    struct buf mac = BUF_INIT(0);
    sign(c, buf_str(&token), &mac);
    str text = buf_str(&token), proof = buf_str(&mac), out = arena_fmt(c->a, "%.*s.%.*s", STR_ARG(text), STR_ARG(proof));
    buf_deinit(&claims);
    buf_deinit(&token);
    buf_deinit(&mac);
    return out;
}

/* False: it is none of ours for this Space, or has ended. */
static bool open_pass(struct call *c, struct db_conn *db, const struct repo *r, str pass, int64_t *ends_s)
{
    enum { PASS_BYTES_MAX = 1024 };
    struct buf mac = BUF_INIT(0);
    struct json *claims;
    struct err ignored;
    bytes text;
    size_t end = str_rchr(pass, '.'), begin = str_chr(pass, '.');
    if (!pass.n || pass.n > PASS_BYTES_MAX || end == STR_NONE || begin == end) return false;
    sign(c, str_to(pass, end), &mac);
    bool ours = bytes_eq_secret(bytes_of(str_from(pass, end + 1)), bytes_of(buf_str(&mac)));
    buf_deinit(&mac);
    if (!ours || !base64url_decode(str_to(str_from(pass, begin + 1), end - begin - 1), c->a, &text) || !json_parse(str_of(text), c->a, &claims, &ignored)) return false;
    *ends_s = json_int_or(claims, STR("exp"), 0);
    return str_eq(json_str_or(claims, STR("aud"), STR("")), r->hex_id) && *ends_s > clock_now_ms() / 1000 &&
           identity_again(db, json_int_or(claims, STR("user"), 0), json_int_or(claims, STR("token"), 0), &c->who, c->a, &ignored);
}

static const char *cookie_name(struct call *c) { return str_starts(call_base_url(c), STR("https://")) ? COOKIE_SECURE : COOKIE; }

/* In a frame of the hub's page this host is a third party, whose cookies must say so, and be Secure; which browsers take for granted of
 * localhost.  Elsewhere without https a frame has the address alone. */
static void give_cookie(struct call *c)
{
    str base = call_base_url(c), pass = space_pass(c, &c->repo, clock_now_ms() / 1000 + SPACE_PASS_S);
    bool is_secure = str_starts(base, STR("https://")) || str_ends(c->api->config.spaces_domain, STR(".localhost"));
    http_add_headerf(c->http, "Set-Cookie", "%s=%.*s; Path=/; HttpOnly; Max-Age=%d; %s", cookie_name(c), STR_ARG(pass), SPACE_PASS_S,
                     is_secure ? "SameSite=None; Secure; Partitioned" : "SameSite=Lax");
}

/* ------------------------------------------------------------------ what the app gets to see */

str space_cookies_for_app(struct call *c)
{
    struct buf b = BUF_INIT(0);
    str rest = http_header(c->http, "Cookie"), piece;
    while (rest.n && str_cut(&rest, ';', &piece)) {
        str name = str_trim(str_to(piece, str_chr(piece, '=') == STR_NONE ? piece.n : str_chr(piece, '=')));
        if (str_eq(name, STR(COOKIE)) || str_eq(name, STR(COOKIE_SECURE)) || !str_trim(piece).n) continue;
        if (b.n) buf_lit(&b, "; ");
        buf_add(&b, str_trim(piece));
    }
    str out = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

str space_query_for_app(struct call *c)
{
    struct buf b = BUF_INIT(0);
    str rest = http_query_raw(c->http), piece;
    while (rest.n && str_cut(&rest, '&', &piece)) {
        if (str_starts(piece, STR(SIGN_KEY "="))) continue;
        if (b.n) buf_byte(&b, '&');
        buf_add(&b, piece);
    }
    str out = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* "Bearer hf_..", or Basic with such a password: `text` is that token. */
static bool hub_token(str header, struct arena *a, str *text)
{
    str given = STR("");
    if (str_starts_nocase(header, STR("Bearer "))) {
        given = str_trim(str_from(header, 7));
    } else if (str_starts_nocase(header, STR("Basic "))) {
        str coded = str_trim(str_from(header, 6));
        uint8_t *plain = arena_try(a, base64_decoded_max(coded.n));
        size_t n;
        if (plain && base64_decode(coded, plain, &n)) given = str_from(str_n((const char *)plain, n), str_chr(str_n((const char *)plain, n), ':') + 1);
    }
    *text = given;
    return str_starts(given, STR("hf_"));
}

bool space_is_hub_credential(str authorization, struct arena *a)
{
    str ignored;
    return hub_token(authorization, a, &ignored);
}

/* ------------------------------------------------------------------ permission */

static bool refuse(struct err *e)
{
    return err_kind(e, ERR_NOT_FOUND, HUB_NO_REPO, "There is no Space at this address, or it is private: then its page at the hub opens it for who may see it");
}

/* Fills c->who; *by_pass: and shown by a pass that ends then. */
static void identify(struct call *c, struct db_conn *db, const struct repo *r, bool *by_address, int64_t *ends_s)
{
    struct err ignored;
    str token;
    *ends_s = 0;
    *by_address = open_pass(c, db, r, http_query(c->http, SIGN_KEY), ends_s);
    if (*by_address || open_pass(c, db, r, http_cookie(c->http, cookie_name(c)), ends_s)) return;
    *ends_s = 0;
    c->who = (struct identity){ 0 };
    if (!hub_token(http_header(c->http, "X-HF-Authorization"), c->a, &token) && !hub_token(http_header(c->http, "Authorization"), c->a, &token)) return;
    if (identity_from_token(db, token, &c->who, c->a, &ignored)) identity_note_use(&c->who);
    else c->who = (struct identity){ 0 };
}

bool space_authorize(struct call *c, struct db_conn *db, struct err *e)
{
    bool found, by_address;
    int64_t ends_s;
    struct err why;
    struct repo r;
    if (!c->space_label.p) { /* asked for by its folder, at the hub */
        api_unrouted_hook(c->http, 0, e);
        return false;
    }
    if (!space_find_label(db, c->space_label, &r, &found, c->a, e)) return false;
    if (!found) return refuse(e);
    identify(c, db, &r, &by_address, &ends_s);
    if (!repo_allow(db, &c->who, &r, REPO_READ, &why)) {
        if (why.code == ERR_IO || why.code == ERR_INTERNAL || why.code == ERR_BUSY) return (*e = why, false);
        return refuse(e);
    }
    c->repo = r;
    c->has_repo = true;
    bool is_old = ends_s && ends_s - clock_now_ms() / 1000 < SPACE_PASS_S / 2;
    if (r.is_private && (by_address || is_old)) give_cookie(c);
    return true;
}

/* ------------------------------------------------------------------ rows */

static bool visit(struct call *c, struct err *e)
{
    const struct json *card;
    if (!repo_card(call_db(c), c->repo.id, &card, c->a, e)) return false;
    if (str_eq(c->repo.sdk, STR("static"))) return space_serve_static(c, card, e);
    if (!c->api->config.spaces) return err_set(e, ERR_NOT_BUILT, "This Hearth runs no apps");
    return space_serve_app(c, card, e);
}

#define ANYWHERE API_SPACE_FOLDER "/*path"
enum { BODY_MAX = INT32_MAX };
static const struct api_route rows[] = {
    { HTTP_GET, ANYWHERE, PERM_SPACE, HTTP_BODY_NONE, 0, 0, visit, "space.get", SHAPE_SPACE },
    { HTTP_OPTIONS, ANYWHERE, PERM_SPACE, HTTP_BODY_NONE, 0, 0, visit, "space.options", SHAPE_SPACE },
    { HTTP_POST, ANYWHERE, PERM_SPACE, HTTP_BODY_STREAM, BODY_MAX, 0, visit, "space.post", SHAPE_SPACE },
    { HTTP_PUT, ANYWHERE, PERM_SPACE, HTTP_BODY_STREAM, BODY_MAX, 0, visit, "space.put", SHAPE_SPACE },
    { HTTP_PATCH, ANYWHERE, PERM_SPACE, HTTP_BODY_STREAM, BODY_MAX, 0, visit, "space.patch", SHAPE_SPACE },
    { HTTP_DELETE, ANYWHERE, PERM_SPACE, HTTP_BODY_STREAM, BODY_MAX, 0, visit, "space.delete", SHAPE_SPACE },
};
const struct api_table space_visit_table = API_TABLE(rows);
