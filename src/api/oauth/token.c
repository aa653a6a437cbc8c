/* api/oauth/token.c - POST /oauth/token and /oauth/device: codes, refresh tokens and device codes against tokens.
 *
 * Who asks is an application: by Basic, by client_secret in the body, or, public, by its id alone.  Wrong secrets are counted. */
#include "account/jwt.h"
#include "account/tries.h"
#include "api/oauth/oauth_api.h"
#include "base/clock.h"
#include "base/hash.h"

enum { FORM_BYTES_MAX = 64 << 10, WRONG_SECRETS_MAX = 30, DEVICES_MAX = 200, ID_TOKEN_SECONDS = 3600 };

/* ------------------------------------------------------------------ the request */

/* A form as the protocol has it; some send JSON. */
struct fields {
    struct call *c;
    struct json *doc; /* NULL: a form */
};

static bool read_fields(struct call *c, struct fields *f, struct err *e)
{
    *f = (struct fields){ .c = c };
    return !str_starts_nocase(http_header(c->http, "Content-Type"), STR("application/json")) || call_json(c, &f->doc, e);
}

/* Empty when absent; sent twice: absent, so that nobody reads another one than we do. */
static str field(const struct fields *f, const char *name)
{
    str value = { 0 }, again;
    if (f->doc) return json_str_or(f->doc, str_c(name), STR(""));
    if (!http_form_nth(http_body(f->c->http), f->c->a, name, 0, &value)) return STR("");
    return http_form_nth(http_body(f->c->http), f->c->a, name, 1, &again) ? STR("") : value;
}

bool oauth_refuse(struct call *c, const struct err *why, struct err *e)
{
    int status = why->kind && str_eq(str_c(why->kind), STR(OAUTH_INVALID_CLIENT)) ? 401 : api_status_of(why);
    if (status >= 500) { /* nothing of the protocol */
        *e = *why;
        return false;
    }
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "error", str_c(why->kind ? why->kind : OAUTH_INVALID_REQUEST));
    jw_kstr(&w, "error_description", str_c(why->msg));
    jw_object_end(&w);
    if (status == 401) http_add_header(c->http, "WWW-Authenticate", STR("Basic realm=\"Hearth\""));
    http_add_header(c->http, "Cache-Control", STR("no-store"));
    return call_reply_json(c, status, &b);
}

static bool read_basic(struct call *c, str header, str *id, str *secret)
{
    str coded = str_trim(str_from(header, 6));
    uint8_t *plain = arena_try(c->a, base64_decoded_max(coded.n));
    size_t n, colon;
    if (!plain || !base64_decode(coded, plain, &n)) return false;
    str pair = str_n((const char *)plain, n);
    colon = str_chr(pair, ':');
    return colon != STR_NONE && http_decode(str_to(pair, colon), true, c->a, id) && http_decode(str_from(pair, colon + 1), true, c->a, secret);
}

#define BAD_CLIENT "The application is unknown, or its secret is another one"
static bool read_client(struct call *c, const struct fields *f, struct oauth_app *app, struct err *e)
{
    str header = http_header(c->http, "Authorization"), id = field(f, "client_id"), secret = field(f, "client_secret"), basic_id, basic_secret;
    bool found, right;
    if (str_starts_nocase(header, STR("Basic "))) {
        if (!read_basic(c, header, &basic_id, &basic_secret)) return err_kind(e, ERR_UNAUTHENTICATED, OAUTH_INVALID_CLIENT, BAD_CLIENT);
        if (secret.n || (id.n && !str_eq(id, basic_id)))
            return err_kind(e, ERR_INVALID, OAUTH_INVALID_REQUEST, "Say who you are in one way: by Basic, or in the body");
        id = basic_id;
        secret = basic_secret;
    }
    if (!id.n) return err_kind(e, ERR_UNAUTHENTICATED, OAUTH_INVALID_CLIENT, "\"client_id\" is required");
    if (!oauth_app_find(call_db(c), id, app, &found, c->a, e)) return false;
    /* Of ids that do not exist all count as one: invented ones must not fill the table of tries, which is everybody's. */
    str peer = call_peer(c), key = arena_fmt(c->a, "oauth secret %.*s %.*s", STR_ARG(found ? id : STR("")), STR_ARG(peer));
    if (!tries_may(key, WRONG_SECRETS_MAX)) return err_kind(e, ERR_UNAUTHENTICATED, OAUTH_INVALID_CLIENT, "Too many wrong secrets; wait a quarter of an hour");
    if (found && !app->has_secret && !secret.n) return true;
    if (!oauth_app_secret_is(call_db(c), found ? app->id : 0, secret, &right, e)) return false;
    if (right) return true;
    tries_note(key);
    return err_kind(e, ERR_UNAUTHENTICATED, OAUTH_INVALID_CLIENT, BAD_CLIENT);
}

/* ------------------------------------------------------------------ the answer */

/* OpenID Connect Core 3.1.3.6: the left half of the access token's digest. */
static void write_at_hash(struct json_writer *w, str access)
{
    struct buf b = BUF_INIT(0);
    struct sha256 digest = sha256_of(bytes_of(access));
    buf_base64url(&b, (bytes){ digest.b, SHA256_BYTES / 2 });
    jw_kstr(w, "at_hash", buf_str(&b));
    buf_deinit(&b);
}

static bool write_id_token(struct call *c, struct json_writer *out, const struct oauth_app *app, const struct oauth_tokens *t, struct err *e)
{
    const struct sign_key *key;
    struct buf claims = BUF_INIT(0), token = BUF_INIT(0);
    struct json_writer w = json_writer(&claims);
    int64_t now = clock_now_ms() / 1000;
    if (!oauth_key(hub_db(c->hub), &key, e)) return false;
    jw_object(&w);
    jw_kstr(&w, "iss", call_base_url(c));
    jw_kstr(&w, "aud", app->client_id);
    jw_kint(&w, "iat", now);
    jw_kint(&w, "exp", now + ID_TOKEN_SECONDS);
    if (t->nonce.n) jw_kstr(&w, "nonce", t->nonce);
    write_at_hash(&w, t->access);
    bool ok = oauth_write_person(c, &w, t->user_id, t->scopes, e);
    jw_object_end(&w);
    if (ok) {
        jwt_sign(key, buf_str(&claims), &token);
        jw_kstr(out, "id_token", buf_str(&token));
    }
    buf_deinit(&claims);
    buf_deinit(&token);
    return ok;
}

static bool reply_tokens(struct call *c, const struct oauth_app *app, const struct oauth_tokens *t, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "access_token", t->access);
    jw_kstr(&w, "token_type", STR("bearer"));
    jw_kint(&w, "expires_in", t->expires_in_s);
    jw_kstr(&w, "refresh_token", t->refresh);
    jw_kstr(&w, "scope", t->scopes);
    bool ok = !oauth_scope_has(t->scopes, STR("openid")) || write_id_token(c, &w, app, t, e);
    jw_object_end(&w);
    if (!ok) {
        buf_deinit(&b);
        return false;
    }
    http_add_header(c->http, "Cache-Control", STR("no-store"));
    http_add_header(c->http, "Pragma", STR("no-cache"));
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ POST /oauth/token */

static bool exchange(struct call *c, const struct fields *f, struct oauth_app *app, struct oauth_tokens *out, struct err *e)
{
    struct db *d = hub_db(c->hub);
    str grant = field(f, "grant_type");
    bool is_code = str_eq(grant, STR("authorization_code")), is_refresh = str_eq(grant, STR("refresh_token"));
    bool is_device = str_eq(grant, STR("urn:ietf:params:oauth:grant-type:device_code"));
    if (!grant.n) return err_kind(e, ERR_INVALID, OAUTH_INVALID_REQUEST, "\"grant_type\" is required, once");
    if (!is_code && !is_refresh && !is_device)
        return err_kind(e, ERR_INVALID, "unsupported_grant_type", "\"grant_type\" must be one of [authorization_code, refresh_token, urn:ietf:params:oauth:grant-type:device_code]");
    if (!read_client(c, f, app, e)) return false;
    if (is_refresh) return oauth_refresh(d, app, field(f, "refresh_token"), field(f, "scope"), out, c->a, e);
    if (is_device) return oauth_device_poll(d, app, field(f, "device_code"), out, c->a, e);
    return oauth_redeem(d, app, field(f, "code"), field(f, "redirect_uri"), field(f, "code_verifier"), out, c->a, e);
}

static bool post_token(struct call *c, struct err *e)
{
    struct fields f;
    struct oauth_app app;
    struct oauth_tokens tokens;
    struct err why = { 0 };
    if (!read_fields(c, &f, e)) return false;
    if (!exchange(c, &f, &app, &tokens, &why)) return oauth_refuse(c, &why, e);
    return reply_tokens(c, &app, &tokens, e);
}

/* ------------------------------------------------------------------ POST /oauth/device */

static bool begin_device(struct call *c, const struct fields *f, str *device_code, str *user_code, struct err *e)
{
    struct oauth_app app;
    str peer = call_peer(c), key = arena_fmt(c->a, "oauth device %.*s", STR_ARG(peer));
    if (!read_client(c, f, &app, e)) return false;
    if (!tries_may(key, DEVICES_MAX)) return err_set(e, ERR_BUSY, "Too many devices have asked from this address; wait a quarter of an hour");
    tries_note(key);
    str scopes = oauth_scopes_within(field(f, "scope"), app.scopes, c->a);
    if (!scopes.n) return err_kind(e, ERR_INVALID, OAUTH_INVALID_SCOPE, "The application may ask for none of these scopes");
    return oauth_device_begin(hub_db(c->hub), &app, scopes, device_code, user_code, c->a, e);
}

static bool post_device(struct call *c, struct err *e)
{
    struct fields f;
    struct err why = { 0 };
    str device_code, user_code, base = call_base_url(c);
    if (!read_fields(c, &f, e)) return false;
    if (!begin_device(c, &f, &device_code, &user_code, &why)) return oauth_refuse(c, &why, e);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "device_code", device_code);
    jw_kstr(&w, "user_code", user_code);
    jw_kstr(&w, "verification_uri", arena_fmt(c->a, "%.*s/oauth/device", STR_ARG(base)));
    jw_kstr(&w, "verification_uri_complete", arena_fmt(c->a, "%.*s/oauth/device?user_code=%.*s", STR_ARG(base), STR_ARG(user_code)));
    jw_kint(&w, "expires_in", OAUTH_DEVICE_SECONDS);
    jw_kint(&w, "interval", OAUTH_DEVICE_INTERVAL);
    jw_object_end(&w);
    http_add_header(c->http, "Cache-Control", STR("no-store"));
    return call_reply_json(c, 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_POST, "/oauth/token", PERM_CLIENT, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_token, "oauth.token", SHAPE_HUB },
    { HTTP_POST, "/oauth/device", PERM_CLIENT, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_device, "oauth.device", SHAPE_HUB },
};
const struct api_table oauth_token_table = API_TABLE(rows);
