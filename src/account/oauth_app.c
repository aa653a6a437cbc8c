/* account/oauth_app.c - applications: their rows, their secrets, and where they may send people back to. */
#include "account/account_priv.h"
#include "account/oauth_priv.h"
#include "base/clock.h"
#include "db/credentials.h"

enum { NAME_MAX_BYTES = 100, URL_MAX = 2000, SECRET_CHARS = 48, SELF_REGISTERED_MAX = 1000 };

void oauth_app_read(struct db_query *q, int from, struct oauth_app *out, struct arena *a)
{
    *out = (struct oauth_app){
        .id = db_col_int(q, from), .owner_id = db_col_int(q, from + 1), .hex_id = db_col_dup(q, from + 2, a),
        .client_id = db_col_dup(q, from + 3, a), .name = db_col_dup(q, from + 4, a), .home_url = db_col_dup(q, from + 5, a),
        .redirect_uris = db_col_dup(q, from + 6, a), .scopes = db_col_dup(q, from + 7, a), .has_secret = db_col_int(q, from + 8) != 0,
        .allows_device = db_col_int(q, from + 9) != 0, .token_seconds = db_col_int(q, from + 10), .created_ms = db_col_int(q, from + 11),
        .space_id = db_col_int(q, from + 12),
    };
}

bool oauth_app_find(struct db_conn *c, str client_id, struct oauth_app *out, bool *found, struct arena *a, struct err *e)
{
    struct db_query q;
    *found = false;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, "SELECT " OAUTH_APP_COLUMNS " FROM oauth_app p WHERE p.client_id = ?", db_text(client_id.p ? client_id : STR("")));
    if (ok) {
        *found = db_next(&q, e);
        if (*found) oauth_app_read(&q, 0, out, a);
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

bool oauth_app_list(struct db_conn *c, int64_t owner_id, struct arena *a, struct oauth_app **out, size_t *n, struct err *e)
{
    struct db_query q;
    *out = NULL;
    *n = 0;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, "SELECT " OAUTH_APP_COLUMNS " FROM oauth_app p WHERE p.owner_id = ? ORDER BY p.id", db_int(owner_id));
    if (ok) {
        while (db_next(&q, e)) {
            *out = arena_grow(a, *out, *n, sizeof **out);
            oauth_app_read(&q, 0, &(*out)[(*n)++], a);
        }
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

/* ------------------------------------------------------------------ addresses */

static str scheme_of(str uri)
{
    size_t colon = str_chr(uri, ':');
    return str_to(uri, colon == STR_NONE ? 0 : colon);
}

/* Behind "://", up to the path; empty where there is none. */
static str authority_of(str uri)
{
    size_t at = str_find(uri, STR("://"));
    if (at == STR_NONE) return STR("");
    str rest = str_from(uri, at + 3);
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] == '/' || rest.p[i] == '?' || rest.p[i] == '#' || rest.p[i] == '\\') return str_to(rest, i);
    return rest;
}

str oauth_host_of(str uri) { return authority_of(uri); }

static str host_alone(str authority)
{
    if (authority.n && authority.p[0] == '[') {
        size_t end = str_chr(authority, ']');
        return str_to(authority, end == STR_NONE ? 0 : end + 1);
    }
    size_t colon = str_chr(authority, ':');
    return colon == STR_NONE ? authority : str_to(authority, colon);
}

static bool is_loopback(str host)
{
    return str_eq(host, STR("localhost")) || str_eq(host, STR("127.0.0.1")) || str_eq(host, STR("[::1]"));
}

static bool is_plain(str uri) /* printable ASCII without what parsers read differently */
{
    for (size_t i = 0; i < uri.n; i++)
        if (uri.p[i] <= ' ' || uri.p[i] > '~' || uri.p[i] == '\\' || uri.p[i] == '"' || uri.p[i] == '<' || uri.p[i] == '>') return false;
    return uri.n > 0;
}

/* Nothing that means something else in a header or a policy. */
static bool has_only(str s, const char *besides)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_alnum && !memchr(besides, c, strlen(besides))) return false;
    }
    return s.n > 0;
}

static bool check_redirect(str uri, bool http_is_fine, struct err *e)
{
    str scheme = scheme_of(uri), authority = authority_of(uri);
    bool is_http = str_eq(scheme, STR("http")), is_web = is_http || str_eq(scheme, STR("https"));
    if (uri.n > URL_MAX || !is_plain(uri) || str_chr(uri, '#') != STR_NONE || !has_only(scheme, "+-."))
        return err_kind(e, ERR_INVALID, OAUTH_INVALID_REDIRECT, "\"%.*s\" is no address to go back to: absolute, at most %d bytes, without '#' and blanks", STR_ARG(str_to(uri, 100)), URL_MAX);
    if (!is_web) { /* of a program on the person's machine, RFC 8252 7.1: a domain name backwards */
        if (str_chr(scheme, '.') != STR_NONE) return true;
        return err_kind(e, ERR_INVALID, OAUTH_INVALID_REDIRECT, "\"%.*s\" begins with neither https:// nor the reversed domain name of a program", STR_ARG(str_to(uri, 100)));
    }
    if (!host_alone(authority).n || !has_only(authority, ".-:[]_"))
        return err_kind(e, ERR_INVALID, OAUTH_INVALID_REDIRECT, "\"%.*s\" names no host, or a user", STR_ARG(str_to(uri, 100)));
    if (!is_http || http_is_fine || is_loopback(host_alone(authority))) return true;
    return err_kind(e, ERR_INVALID, OAUTH_INVALID_REDIRECT, "\"%.*s\" must begin with https://, or go to this machine (localhost)", STR_ARG(str_to(uri, 100)));
}

/* The same but for the port, and on this machine: programs take the port that is free. */
static bool is_same_loopback(str known, str uri)
{
    str ka = authority_of(known), ua = authority_of(uri);
    if (!str_eq(scheme_of(known), STR("http")) || !str_eq(scheme_of(uri), STR("http"))) return false;
    if (!is_loopback(host_alone(ka)) || !str_eq(host_alone(ka), host_alone(ua))) return false;
    str port = str_from(ua, host_alone(ua).n);
    uint64_t number;
    if (port.n && (port.p[0] != ':' || !str_u64(str_from(port, 1), &number) || number > 65535)) return false;
    return str_eq(str_from(known, 7 + ka.n), str_from(uri, 7 + ua.n));
}

static bool is_same_host(str known, str uri)
{
    return authority_of(known).n && str_eq(scheme_of(known), scheme_of(uri)) && str_eq(authority_of(known), authority_of(uri));
}

bool oauth_redirect_is(const struct oauth_app *app, str uri, struct arena *a)
{
    struct json *list;
    struct err ignored;
    str known;
    if (!uri.n || !is_plain(uri) || str_chr(uri, '#') != STR_NONE || !json_parse(app->redirect_uris, a, &list, &ignored)) return false;
    json_each (item, list)
        if (json_str(item, &known) && (str_eq(known, uri) || is_same_loopback(known, uri) || (app->space_id && is_same_host(known, uri)))) return true;
    return false;
}

static bool check(const struct oauth_app *app, bool http_is_fine, struct arena *a, struct err *e)
{
    struct json *list;
    str uri;
    if (!app->name.n || app->name.n > NAME_MAX_BYTES || !str_is_utf8(app->name))
        return err_kind(e, ERR_INVALID, OAUTH_INVALID_REQUEST, "an application's name has 1 to %d bytes of UTF-8", NAME_MAX_BYTES);
    bool is_web = str_starts(app->home_url, STR("https://")) || str_starts(app->home_url, STR("http://"));
    if (app->home_url.n && (!is_web || app->home_url.n > URL_MAX || !is_plain(app->home_url)))
        return err_kind(e, ERR_INVALID, OAUTH_INVALID_REQUEST, "an application's home page begins with https:// or http://");
    if (!json_parse(app->redirect_uris, a, &list, e) || !json_is(list, JSON_ARRAY) || list->count > OAUTH_URIS_MAX)
        return err_kind(e, ERR_INVALID, OAUTH_INVALID_REDIRECT, "addresses to go back to are a list of at most %d", OAUTH_URIS_MAX);
    if (!list->count && !app->allows_device) return err_kind(e, ERR_INVALID, OAUTH_INVALID_REDIRECT, "an application needs an address to go back to");
    json_each (item, list)
        if (!json_str(item, &uri) || !check_redirect(uri, http_is_fine, e))
            return item->type == JSON_STRING ? false : err_kind(e, ERR_INVALID, OAUTH_INVALID_REDIRECT, "addresses to go back to are texts");
    if (!app->scopes.n) return err_kind(e, ERR_INVALID, OAUTH_INVALID_SCOPE, "an application needs at least one scope");
    return app->token_seconds >= 60 && app->token_seconds <= 30 * 86400 ? true :
           err_kind(e, ERR_INVALID, OAUTH_INVALID_REQUEST, "an application's tokens live from a minute to 30 days");
}

/* ------------------------------------------------------------------ rows */

static void make_secret(str *secret, struct sha256 *hash, struct arena *a)
{
    char *text = arena_alloc(a, SECRET_CHARS + 1);
    random_alnum(text, SECRET_CHARS);
    *secret = str_n(text, SECRET_CHARS);
    *hash = sha256_of(bytes_of(*secret));
}

static bool may_have_more(struct db_conn *tx, int64_t owner_id, struct err *e)
{
    static const char of_owner[] = "SELECT count(*) FROM oauth_app WHERE owner_id = ?";
    /* Registrations that nobody ever used make room. */
    static const char purge[] = "DELETE FROM oauth_app WHERE id IN (SELECT id FROM oauth_app WHERE owner_id IS NULL AND space_id IS NULL AND used_ms IS NULL"
                                " AND created_ms > 0 ORDER BY id DESC LIMIT -1 OFFSET ?)";
    int64_t n;
    if (!owner_id) return db_run(tx, e, purge, db_int(SELF_REGISTERED_MAX));
    return db_get_int(tx, &n, 0, e, of_owner, db_int(owner_id)) &&
           (n < OAUTH_APPS_MAX || err_set(e, ERR_CONFLICT, "an account has at most %d applications; delete one first", OAUTH_APPS_MAX));
}

bool oauth_app_create(struct db_conn *tx, const struct oauth_app *wanted, bool has_secret, bool http_is_fine, struct oauth_app *out,
                      str *secret, struct arena *a, struct err *e)
{
    static const char sql[] = "INSERT INTO oauth_app (hex_id, client_id, owner_id, secret_hash, name, home_url, redirect_uris, scopes,"
                              " token_seconds, allows_device, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    char hex_id[25], id[33];
    struct sha256 hash;
    *out = *wanted;
    *secret = (str){ 0 };
    out->scopes = oauth_scopes_within(wanted->scopes, (str){ 0 }, a);
    if (!check(out, http_is_fine, a, e)) return false;
    random_hex(hex_id, 24);
    random_hex(id, 32);
    if (has_secret) make_secret(secret, &hash, a);
    out->hex_id = arena_dup(a, str_c(hex_id));
    out->client_id = arena_fmt(a, "%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16, id + 20);
    out->has_secret = has_secret;
    out->created_ms = clock_now_ms();
    db_credentials_begin(tx);
    bool ok = may_have_more(tx, wanted->owner_id, e) &&
              db_run(tx, e, sql, db_text(out->hex_id), db_text(out->client_id), out->owner_id ? db_int(out->owner_id) : db_null(),
                     has_secret ? db_sha256(&hash) : db_null(), db_text(out->name),
                     db_text(out->home_url.p ? out->home_url : STR("")), db_text(out->redirect_uris), db_text(out->scopes),
                     db_int(out->token_seconds), db_int(out->allows_device), db_int(out->created_ms));
    db_credentials_end(tx);
    out->id = ok ? db_last_id(tx) : 0;
    return ok;
}

bool oauth_app_update(struct db_conn *tx, const struct oauth_app *changed, bool http_is_fine, struct arena *a, struct err *e)
{
    static const char sql[] = "UPDATE oauth_app SET name = ?, home_url = ?, redirect_uris = ?, scopes = ?, allows_device = ? WHERE id = ?";
    struct oauth_app app = *changed;
    app.scopes = oauth_scopes_within(changed->scopes, (str){ 0 }, a);
    if (!check(&app, http_is_fine, a, e)) return false;
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, sql, db_text(app.name), db_text(app.home_url), db_text(app.redirect_uris), db_text(app.scopes),
                     db_int(app.allows_device), db_int(app.id));
    db_credentials_end(tx);
    return ok;
}

bool oauth_app_new_secret(struct db_conn *tx, int64_t app_id, str *secret, struct arena *a, struct err *e)
{
    struct sha256 hash;
    make_secret(secret, &hash, a);
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "UPDATE oauth_app SET secret_hash = ? WHERE id = ? AND secret_hash IS NOT NULL", db_sha256(&hash), db_int(app_id));
    db_credentials_end(tx);
    return ok && (db_changes(tx) == 1 || err_set(e, ERR_INVALID, "a public application has no secret"));
}

bool oauth_app_delete(struct db_conn *tx, int64_t app_id, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM oauth_app WHERE id = ?", db_int(app_id));
    db_credentials_end(tx);
    return ok;
}

bool oauth_app_secret_is(struct db_conn *c, int64_t app_id, str secret, bool *right, struct err *e)
{
    struct db_query q;
    struct sha256 given = sha256_of(bytes_of(secret));
    *right = false;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, "SELECT secret_hash FROM oauth_app WHERE id = ? AND secret_hash IS NOT NULL", db_int(app_id));
    if (ok) {
        if (db_next(&q, e)) *right = bytes_eq_secret(db_col_blob(&q, 0), (bytes){ given.b, SHA256_BYTES });
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}
