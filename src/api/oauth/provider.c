/* api/oauth/provider.c - what applications may ask about this provider and about a person: discovery, keys, userinfo, registration. */
#include "account/jwt.h"
#include "account/tries.h"
#include "api/oauth/oauth_api.h"

enum { REGISTER_BYTES_MAX = 64 << 10, REGISTRATIONS_MAX = 50 };

static void write_url(struct call *c, struct json_writer *w, const char *name, const char *path)
{
    str base = call_base_url(c);
    jw_kstr(w, name, arena_fmt(c->a, "%.*s%s", STR_ARG(base), path));
}

static void write_texts(struct json_writer *w, const char *name, const char *const *text, size_t n)
{
    jw_karray(w, name);
    for (size_t i = 0; i < n; i++) jw_str(w, str_c(text[i]));
    jw_array_end(w);
}
#define TEXTS(w, name, ...) write_texts(w, name, (const char *const[]){ __VA_ARGS__ }, COUNT(((const char *const[]){ __VA_ARGS__ })))

static bool get_discovery(struct call *c, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    size_t n;
    const struct oauth_scope *scope = oauth_scopes(&n);
    (void)e;
    jw_object(&w);
    write_url(c, &w, "issuer", "");
    write_url(c, &w, "authorization_endpoint", "/oauth/authorize");
    write_url(c, &w, "token_endpoint", "/oauth/token");
    write_url(c, &w, "device_authorization_endpoint", "/oauth/device");
    write_url(c, &w, "userinfo_endpoint", "/oauth/userinfo");
    write_url(c, &w, "registration_endpoint", "/oauth/register");
    write_url(c, &w, "jwks_uri", "/oauth/jwks");
    jw_karray(&w, "scopes_supported");
    for (size_t i = 0; i < n; i++) jw_str(&w, scope[i].name);
    jw_array_end(&w);
    TEXTS(&w, "response_types_supported", "code");
    TEXTS(&w, "response_modes_supported", "query");
    TEXTS(&w, "grant_types_supported", "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code");
    TEXTS(&w, "subject_types_supported", "public");
    TEXTS(&w, "id_token_signing_alg_values_supported", "RS256");
    TEXTS(&w, "token_endpoint_auth_methods_supported", "client_secret_basic", "client_secret_post", "none");
    TEXTS(&w, "code_challenge_methods_supported", "S256");
    TEXTS(&w, "claims_supported", "sub", "name", "preferred_username", "profile", "picture", "email", "email_verified", "isPro", "orgs");
    jw_kbool(&w, "authorization_response_iss_parameter_supported", true);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_keys(struct call *c, struct err *e)
{
    const struct sign_key *key;
    if (!oauth_key(hub_db(c->hub), &key, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_karray(&w, "keys");
    jwt_write_key(&w, key);
    jw_array_end(&w);
    jw_object_end(&w);
    http_add_header(c->http, "Cache-Control", STR("public, max-age=3600"));
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ who it is */

static void write_orgs(struct call *c, struct json_writer *w, const struct account_org *org, size_t n, bool tells_role)
{
    jw_karray(w, "orgs");
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kstr(w, "sub", org[i].org.hex_id);
        jw_kstr(w, "name", org[i].org.fullname.n ? org[i].org.fullname : org[i].org.name);
        jw_kstr(w, "preferred_username", org[i].org.name);
        jw_kstr(w, "picture", call_avatar_url(c, org[i].org.name));
        if (tells_role) jw_kstr(w, "roleInOrg", account_role_name(org[i].role));
        jw_object_end(w);
    }
    jw_array_end(w);
}

bool oauth_write_person(struct call *c, struct json_writer *w, int64_t user_id, str scopes, struct err *e)
{
    struct account who;
    struct account_org *org;
    size_t n;
    if (!account_get(call_db(c), user_id, &who, c->a, e) || !account_orgs(call_db(c), user_id, c->a, &org, &n, e)) return false;
    jw_kstr(w, "sub", who.hex_id);
    if (oauth_scope_has(scopes, STR("profile"))) {
        str base = call_base_url(c);
        jw_kstr(w, "name", who.fullname.n ? who.fullname : who.name);
        jw_kstr(w, "preferred_username", who.name);
        jw_kstr(w, "profile", arena_fmt(c->a, "%.*s/%.*s", STR_ARG(base), STR_ARG(who.name)));
        jw_kstr(w, "picture", call_avatar_url(c, who.name));
    }
    if (oauth_scope_has(scopes, STR("email")) && who.email.n) {
        jw_kstr(w, "email", who.email);
        jw_kbool(w, "email_verified", false); /* nobody has sent it a letter */
    }
    jw_kbool(w, "isPro", false);
    bool tells_role = oauth_scope_has(scopes, STR("read-memberships"));
    write_orgs(c, w, org, tells_role || oauth_scope_has(scopes, STR("profile")) ? n : 0, tells_role);
    return true;
}

static bool get_userinfo(struct call *c, struct err *e)
{
    struct buf scopes = BUF_INIT(0), b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    str name;
    if (!identity_has_scope(&c->who, STR("openid")))
        return err_kind(e, ERR_DENIED, "insufficient_scope", "This needs a token of an application, with the scope openid; others use /api/whoami-v2");
    json_each (item, json_get(c->who.scopes, STR("oauth")))
        if (json_str(item, &name)) buf_addf(&scopes, "%.*s ", STR_ARG(name));
    jw_object(&w);
    bool ok = oauth_write_person(c, &w, c->who.user_id, buf_str(&scopes), e);
    jw_object_end(&w);
    buf_deinit(&scopes);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

/* ------------------------------------------------------------------ registration (RFC 7591) */

static void write_registered(struct call *c, struct json_writer *w, const struct oauth_app *app, str secret, str method, const struct json *asked)
{
    static const char *const kept[] = { "client_uri", "software_id", "software_version" };
    str text;
    (void)c;
    jw_object(w);
    jw_kstr(w, "client_id", app->client_id);
    if (secret.p) jw_kstr(w, "client_secret", secret);
    jw_kint(w, "client_id_issued_at", app->created_ms / 1000);
    jw_kint(w, "client_secret_expires_at", 0);
    jw_kstr(w, "client_name", app->name);
    for (size_t i = 0; i < COUNT(kept); i++)
        if (json_str(json_get(asked, str_c(kept[i])), &text)) jw_kstr(w, kept[i], text);
    jw_kraw(w, "redirect_uris", app->redirect_uris);
    jw_kstr(w, "scope", app->scopes);
    jw_kraw(w, "grant_types", STR("[\"authorization_code\",\"refresh_token\"]"));
    jw_kstr(w, "token_endpoint_auth_method", method);
    jw_object_end(w);
}

static bool read_registration(struct call *c, const struct json *body, struct oauth_app *app, str *method, struct err *e)
{
    const struct json *uris = json_get(body, STR("redirect_uris"));
    *method = json_str_or(body, STR("token_endpoint_auth_method"), STR("client_secret_basic"));
    if (!str_eq(*method, STR("none")) && !str_eq(*method, STR("client_secret_basic")) && !str_eq(*method, STR("client_secret_post")))
        return err_kind(e, ERR_INVALID, "invalid_client_metadata", "\"token_endpoint_auth_method\" must be one of [client_secret_basic, client_secret_post, none]");
    if (!json_is(uris, JSON_ARRAY)) return err_kind(e, ERR_INVALID, OAUTH_INVALID_REDIRECT, "\"redirect_uris\" is required: a list of addresses");
    str list = json_text(c->a, uris);
    *app = (struct oauth_app){
        .name = json_str_or(body, STR("client_name"), STR("An application without a name")),
        .home_url = json_str_or(body, STR("client_uri"), STR("")), .redirect_uris = list,
        .scopes = json_str_or(body, STR("scope"), STR("openid profile")), .token_seconds = OAUTH_TOKEN_SECONDS,
    };
    return true;
}

static bool post_register(struct call *c, struct err *e)
{
    struct json *body;
    struct oauth_app wanted, made;
    struct db_conn *tx;
    struct err why = { 0 };
    str secret, method, peer = call_peer(c), key = arena_fmt(c->a, "oauth register %.*s", STR_ARG(peer));
    if (!tries_may(key, REGISTRATIONS_MAX)) return err_set(e, ERR_BUSY, "Too many applications were registered from this address; wait a quarter of an hour");
    if (!call_json(c, &body, e)) return false;
    if (!read_registration(c, body, &wanted, &method, &why)) return oauth_refuse(c, &why, e);
    tries_note(key);
    bool http_is_fine = str_starts(call_base_url(c), STR("http://"));
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = oauth_app_create(tx, &wanted, !str_eq(method, STR("none")), http_is_fine, &made, &secret, c->a, &why);
    if (!db_finish(hub_db(c->hub), tx, ok, &why)) return oauth_refuse(c, &why, e);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    write_registered(c, &w, &made, secret, method, body);
    http_add_header(c->http, "Cache-Control", STR("no-store"));
    return call_reply_json(c, 201, &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/.well-known/openid-configuration", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_discovery, "oauth.discovery", SHAPE_HUB },
    { HTTP_GET, "/.well-known/oauth-authorization-server", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_discovery, "oauth.discovery", SHAPE_HUB },
    { HTTP_GET, "/oauth/jwks", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_keys, "oauth.keys", SHAPE_HUB },
    { HTTP_GET, "/oauth/userinfo", PERM_USER, HTTP_BODY_NONE, 0, 0, get_userinfo, "oauth.userinfo", SHAPE_HUB },
    { HTTP_POST, "/oauth/userinfo", PERM_USER, HTTP_BODY_WHOLE, REGISTER_BYTES_MAX, 0, get_userinfo, "oauth.userinfo", SHAPE_HUB },
    { HTTP_POST, "/oauth/register", PERM_CLIENT, HTTP_BODY_WHOLE, REGISTER_BYTES_MAX, 0, post_register, "oauth.register", SHAPE_HUB },
};
const struct api_table oauth_provider_table = API_TABLE(rows);
