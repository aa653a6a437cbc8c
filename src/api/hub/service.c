/* api/hub/service.c - an organisation's service accounts and their tokens.
 *
 * They are its administrators' to see and to change.  A fine-grained token needs org.serviceAccounts.read or .write for it, and
 * gives a new token only what it has itself. */
#include "account/service.h"
#include "api/hub/hub_api.h"
#include "hub/bucket/bucket.h"
#include "hub/quota.h"

/* ------------------------------------------------------------------ whose, and which */

struct place {
    struct account org, who; /* who: the service account */
    enum account_role role;  /* of who, in org */
    struct token token;
};

static bool find_service(struct call *c, enum token_right right, struct place *p, struct err *e)
{
    bool found;
    if (!call_need_org_admin(c, right, &p->org, e) || !service_find(call_db(c), p->org.id, call_param(c, "service"), &p->who, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "%.*s has no such service account", STR_ARG(p->org.name));
    return account_member_role(call_db(c), p->org.id, p->who.id, &p->role, e);
}

static bool find_token(struct call *c, struct place *p, struct err *e)
{
    struct token *t;
    size_t n;
    if (!find_service(c, RIGHT_SERVICE_WRITE, p, e) || !token_list(call_db(c), p->who.id, c->a, &t, &n, e)) return false;
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(t[i].hex_id, call_param(c, "token"))) continue;
        p->token = t[i];
        return true;
    }
    return err_set(e, ERR_NOT_FOUND, "%.*s has no such token", STR_ARG(p->who.name));
}

/* Ends a transaction in which all went well, or not. */
static bool finish(struct call *c, struct db_conn *tx, bool ok, const char *type, const struct place *p, str what, struct err *e)
{
    return db_finish(hub_db(c->hub), tx, ok && audit_add(tx, &c->who, type, p->org.id, what, call_peer(c), e), e);
}

static str token_words(struct call *c, const struct place *p, str label) { return arena_fmt(c->a, "%.*s: %.*s", STR_ARG(p->who.name), STR_ARG(label)); }

/* ------------------------------------------------------------------ the accounts */

static void write_service(struct call *c, struct json_writer *w, const struct account *who)
{
    jw_kstr(w, "_id", who->hex_id);
    jw_kstr(w, "user", who->name);
    jw_kstr(w, "name", who->fullname);
    jw_kstr(w, "email", account_noreply(who->name, c->a));
    if (who->details.n) jw_kstr(w, "description", who->details);
    jw_kdate(w, "createdAt", who->created_ms);
}

static bool get_services(struct call *c, struct err *e)
{
    struct account org;
    struct account_member *list;
    size_t n;
    if (!call_need_org_admin(c, RIGHT_SERVICE_READ, &org, e) || !service_list(call_db(c), org.id, c->a, &list, &n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        write_service(c, &w, &list[i].user);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool post_service(struct call *c, struct err *e)
{
    struct place p;
    struct json *body;
    struct db_conn *tx;
    str name;
    if (!call_need_org_admin(c, RIGHT_SERVICE_WRITE, &p.org, e) || !call_json(c, &body, e) || !json_need_str(body, "name", &name, e)) return false;
    str role = json_str_or(body, STR("role"), STR("write")); /* ours: the public hub's accounts have none */
    if (!account_role_parse(role, &p.role) || p.role < ROLE_READ)
        return err_set(e, ERR_INVALID, "\"role\" must be one of [read, contributor, write, admin]");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = service_create(tx, &p.org, name, json_str_or(body, STR("description"), STR("")), p.role, &p.who, c->a, e);
    str what = ok ? arena_fmt(c->a, "%.*s as %.*s", STR_ARG(p.who.name), STR_ARG(role)) : STR("");
    if (!finish(c, tx, ok, "org.service_account.create", &p, what, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "_id", p.who.hex_id);
    jw_kstr(&w, "user", p.who.name);
    jw_kstr(&w, "fullname", p.who.fullname);
    if (p.who.details.n) jw_kstr(&w, "description", p.who.details);
    jw_kdate(&w, "createdAt", p.who.created_ms);
    jw_object_end(&w);
    return call_reply_json(c, 201, &b);
}

static bool delete_service(struct call *c, struct err *e)
{
    struct place p;
    struct db_conn *tx;
    if (!find_service(c, RIGHT_SERVICE_WRITE, &p, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    return finish(c, tx, account_delete(tx, p.who.id, e), "org.service_account.delete", &p, p.who.name, e) && http_reply_empty(c->http, 204);
}

/* ------------------------------------------------------------------ what a token may */

static void write_names(struct json_writer *w, const char *key, const char *const *name, size_t n)
{
    jw_karray(w, key);
    for (size_t i = 0; i < n; i++) jw_str(w, str_c(name[i]));
    jw_array_end(w);
}

static void write_grant(struct json_writer *w, const struct service_grant *g)
{
    write_names(w, "permissions", g->permission, g->permissions);
    jw_karray(w, "repoIds");
    for (size_t i = 0; i < g->repos; i++) jw_str(w, g->repo[i].hex_id);
    jw_array_end(w);
    write_names(w, "repoPermissions", g->of_repo, g->of_repos);
    jw_karray(w, "endpointPatterns");
    jw_array_end(w);
}

/* The organisation's own, and public ones. */
static bool find_repo(struct call *c, const struct account *org, str hex_id, struct service_repo *out, struct err *e)
{
    struct repo r;
    struct bucket b;
    struct err ignored;
    bool found;
    if (!repo_find_hex(call_db(c), hex_id, &r, &found, c->a, e)) return false;
    if (found && (r.owner_id == org->id || !r.is_private) && repo_allow(call_db(c), &c->who, &r, REPO_SEE, &ignored)) {
        *out = (struct service_repo){ repo_kind_name(r.kind), r.hex_id, r.full_name, r.owner };
        return true;
    }
    if (!bucket_find_hex(call_db(c), hex_id, &b, &found, c->a, e)) return false;
    if (found && (b.owner_id == org->id || !b.is_private) && bucket_allow(call_db(c), &c->who, &b, REPO_SEE, &ignored)) {
        *out = (struct service_repo){ STR("bucket"), b.hex_id, b.full_name, b.owner };
        return true;
    }
    return err_set(e, ERR_INVALID, "\"repoIds\": \"%.*s\" is neither a repository of %.*s nor a public one", STR_ARG(str_to(hex_id, 60)), STR_ARG(org->name));
}

/* The body's list of this name; absent: NULL. */
static bool read_list(const struct json *body, const char *name, const struct json **out, struct err *e)
{
    *out = json_get(body, str_c(name));
    bool ok = !*out || json_is(*out, JSON_ARRAY);
    json_each (item, *out) ok = ok && item->type == JSON_STRING;
    return ok || err_set(e, ERR_INVALID, "\"%s\" must be a list of strings", name);
}

/* What the body says of it replaces what stands there. */
static bool read_grant(struct call *c, const struct json *body, const struct place *p, struct service_grant *g, struct err *e)
{
    const struct json *permissions, *ids, *of_repo, *patterns;
    if (!read_list(body, "permissions", &permissions, e) || !read_list(body, "repoIds", &ids, e) || !read_list(body, "repoPermissions", &of_repo, e) ||
        !read_list(body, "endpointPatterns", &patterns, e)) return false;
    if (json_first(patterns)) return err_set(e, ERR_NOT_BUILT, "\"endpointPatterns\": this version of Hearth has no inference endpoints");
    if (json_bool_or(body, STR("skipNetworkSecurity"), false))
        return err_set(e, ERR_NOT_BUILT, "\"skipNetworkSecurity\": this version of Hearth has no network security of organisations");
    if (ids && ids->count > SERVICE_REPOS_MAX) return err_set(e, ERR_INVALID, "\"repoIds\" names at most %d repositories", SERVICE_REPOS_MAX);
    if (permissions) g->permissions = 0;
    if (ids) g->repos = 0;
    if (of_repo) g->of_repos = 0;
    json_each (item, permissions)
        if (!service_permit(g, false, item->s, c->a, e)) return false;
    json_each (item, of_repo)
        if (!service_permit(g, true, item->s, c->a, e)) return false;
    json_each (item, ids) {
        g->repo = arena_grow(c->a, g->repo, g->repos, sizeof *g->repo);
        if (!find_repo(c, &p->org, item->s, &g->repo[g->repos++], e)) return false;
    }
    if (!g->repos && !of_repo) g->of_repos = 0; /* the last ones were taken out */
    return service_grant_check(g, &c->who, &p->org, p->role, e);
}

/* ------------------------------------------------------------------ tokens */

static void write_token(struct json_writer *w, const struct token *t)
{
    jw_kstr(w, "_id", t->hex_id);
    jw_kstr(w, "displayName", t->label);
    jw_kdate(w, "createdAt", t->created_ms);
}

static bool get_service(struct call *c, struct err *e)
{
    struct place p;
    struct token *t;
    size_t n;
    if (!find_service(c, RIGHT_SERVICE_READ, &p, e) || !token_list(call_db(c), p.who.id, c->a, &t, &n, e)) return false;
    struct service_grant *g = arena_alloc(c->a, (n + 1) * sizeof *g);
    for (size_t i = 0; i < n; i++)
        if (!service_grant_of(&t[i], &g[i], c->a, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    write_service(c, &w, &p.who);
    jw_karray(&w, "accessTokens");
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        write_token(&w, &t[i]);
        if (t[i].used_ms) jw_kdate(&w, "lastUsedAt", t[i].used_ms);
        if (t[i].expires_ms) jw_kdate(&w, "expiration", t[i].expires_ms);
        jw_kstr(&w, "role", token_role_name(t[i].role));
        write_grant(&w, &g[i]);
        jw_kstr(&w, "last4", t[i].last4);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool post_token(struct call *c, struct err *e)
{
    struct place p;
    struct json *body;
    struct db_conn *tx;
    struct service_grant g = { 0 };
    str text;
    if (!find_service(c, RIGHT_SERVICE_WRITE, &p, e) || !call_json(c, &body, e) || !read_grant(c, body, &p, &g, e)) return false;
    str label = json_str_or(body, STR("displayName"), STR("API Token"));
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = quota_allow(c->hub, tx, QUOTA_TOKENS, p.who.id, e) &&
              token_create(tx, p.who.id, TOKEN_FINE_GRAINED, label, service_grant_scopes(&g, &p.org, c->a), 0, (str){ 0 }, &p.token, &text, c->a, e);
    if (!finish(c, tx, ok, "org.service_account.token.create", &p, token_words(c, &p, label), e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "token", text);
    jw_kobject(&w, "tokenInfo");
    write_token(&w, &p.token);
    write_grant(&w, &g);
    jw_kbool(&w, "skipNetworkSecurity", false);
    jw_object_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, 201, &b);
}

static bool patch_token(struct call *c, struct err *e)
{
    struct place p;
    struct json *body;
    struct db_conn *tx;
    struct service_grant g;
    bool found;
    if (!find_token(c, &p, e) || !call_json(c, &body, e) || !service_grant_of(&p.token, &g, c->a, e) || !read_grant(c, body, &p, &g, e)) return false;
    str label = json_str_or(body, STR("displayName"), p.token.label);
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = token_change(tx, p.who.id, p.token.hex_id, label, service_grant_scopes(&g, &p.org, c->a), &found, c->a, e) &&
              (found || err_set(e, ERR_NOT_FOUND, "The token is gone"));
    if (!finish(c, tx, ok, "org.service_account.token.update", &p, token_words(c, &p, label), e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "_id", p.token.hex_id);
    jw_kstr(&w, "displayName", label);
    write_grant(&w, &g);
    jw_kbool(&w, "skipNetworkSecurity", false);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool delete_token(struct call *c, struct err *e)
{
    struct place p;
    struct db_conn *tx;
    bool found;
    if (!find_token(c, &p, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    return finish(c, tx, token_revoke(tx, p.who.id, p.token.hex_id, &found, e), "org.service_account.token.delete", &p, token_words(c, &p, p.token.label), e) &&
           http_reply_empty(c->http, 204);
}

static bool rotate_token(struct call *c, struct err *e)
{
    struct place p;
    struct db_conn *tx;
    struct service_grant g;
    struct token *now;
    size_t n;
    bool found;
    str text;
    /* Whoever rotates holds the token: it must not be more than he may give. */
    if (!find_token(c, &p, e) || !service_grant_of(&p.token, &g, c->a, e) || !service_grant_check(&g, &c->who, &p.org, p.role, e)) return false;
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = token_rotate(tx, p.who.id, p.token.hex_id, &text, &found, c->a, e) && (found || err_set(e, ERR_NOT_FOUND, "The token is gone")) &&
              token_list(tx, p.who.id, c->a, &now, &n, e);
    for (size_t i = 0; ok && i < n; i++)
        if (str_eq(now[i].hex_id, p.token.hex_id)) p.token = now[i];
    if (!finish(c, tx, ok, "org.service_account.token.rotate", &p, token_words(c, &p, p.token.label), e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "token", text);
    jw_kobject(&w, "tokenInfo");
    write_token(&w, &p.token);
    jw_kstr(&w, "last4", p.token.last4);
    jw_object_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

#define ALL "/api/organizations/:account/service-accounts"
#define ROW(method, tail, body, fn, name) { method, ALL tail, PERM_USER, body, body == HTTP_BODY_NONE ? 0 : SMALL_BODY_MAX, 0, fn, name, SHAPE_HUB }
static const struct api_route rows[] = {
    ROW(HTTP_GET, "", HTTP_BODY_NONE, get_services, "org.services"),
    ROW(HTTP_POST, "", HTTP_BODY_WHOLE, post_service, "org.service.create"),
    ROW(HTTP_GET, "/:service", HTTP_BODY_NONE, get_service, "org.service"),
    ROW(HTTP_DELETE, "/:service", HTTP_BODY_WHOLE, delete_service, "org.service.delete"),
    ROW(HTTP_POST, "/:service/tokens", HTTP_BODY_WHOLE, post_token, "org.service.token.create"),
    ROW(HTTP_PATCH, "/:service/tokens/:token", HTTP_BODY_WHOLE, patch_token, "org.service.token.change"),
    ROW(HTTP_DELETE, "/:service/tokens/:token", HTTP_BODY_WHOLE, delete_token, "org.service.token.delete"),
    ROW(HTTP_POST, "/:service/tokens/:token/rotate", HTTP_BODY_WHOLE, rotate_token, "org.service.token.rotate"),
};
const struct api_table hub_service_table = API_TABLE(rows);
