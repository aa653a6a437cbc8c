/* api/hub/account.c - whoami, users, organisations, members, tokens that must go. */
#include "account/oauth.h"
#include "account/org_token.h"
#include "api/hub/hub_api.h"
#include "hub/community/discussion.h"
#include "hub/community/like.h"
#include "hub/community/watch.h"
#include "hub/index/owned.h"

/* ------------------------------------------------------------------ shapes */

static str shown_name(const struct account *who) { return who->fullname.n ? who->fullname : who->name; }

void write_user_object(struct call *c, struct json_writer *w, const struct account *who)
{
    jw_object(w);
    jw_kstr(w, "_id", who->hex_id);
    jw_kstr(w, who->kind == ACCOUNT_ORG ? "name" : "user", who->name);
    jw_kstr(w, "fullname", shown_name(who));
    jw_kstr(w, "avatarUrl", call_avatar_url(c, who->name));
    jw_kstr(w, "type", who->kind == ACCOUNT_ORG ? STR("org") : STR("user"));
    if (who->kind != ACCOUNT_ORG) jw_kbool(w, "isPro", false);
    jw_object_end(w);
}

/* ------------------------------------------------------------------ whoami */

static bool write_org_membership(struct call *c, struct json_writer *w, const struct account_org *m, struct err *e)
{
    bool is_revoked;
    if (!org_token_is_revoked(call_db(c), &c->who, m->org.id, &is_revoked, e)) return false;
    jw_object(w);
    jw_kstr(w, "type", STR("org"));
    jw_kstr(w, "id", m->org.hex_id);
    jw_kstr(w, "name", m->org.name);
    jw_kstr(w, "fullname", shown_name(&m->org));
    jw_knull(w, "email");
    jw_kbool(w, "canPay", false);
    jw_kstr(w, "avatarUrl", call_avatar_url(c, m->org.name));
    jw_kstr(w, "roleInOrg", account_role_name(m->role));
    jw_kbool(w, "isEnterprise", false);
    if (is_revoked || m->lacks_factor) {
        jw_karray(w, "securityRestrictions");
        if (m->lacks_factor) jw_str(w, STR("mfa"));
        if (is_revoked) jw_str(w, STR("token-revoked"));
        jw_array_end(w);
    }
    jw_object_end(w);
    return true;
}

static void write_auth(struct json_writer *w, const struct identity *who)
{
    jw_kobject(w, "auth");
    if (who->via_token) {
        bool is_oauth = json_get(who->scopes, STR("oauth")) != NULL;
        jw_kstr(w, "type", is_oauth ? STR("oauth") : STR("access_token"));
        if (who->token.expires_ms) jw_kdate(w, "expiresAt", who->token.expires_ms);
        if (is_oauth) { /* an application's: clients name it after the person */
            jw_object_end(w);
            return;
        }
        jw_kobject(w, "accessToken");
        jw_kstr(w, "displayName", who->token.label);
        /* Clients know read, write and fineGrained; an administrator's token may write. */
        jw_kstr(w, "role", who->token.role == TOKEN_ADMIN ? STR("write") : token_role_name(who->token.role));
        jw_kdate(w, "createdAt", who->token.created_ms);
        if (who->token.role == TOKEN_FINE_GRAINED) jw_kraw(w, "fineGrained", who->token.scopes);
        jw_object_end(w);
    } else {
        jw_kstr(w, "type", STR("password"));
    }
    jw_object_end(w);
}

static bool get_whoami(struct call *c, struct err *e)
{
    struct account me;
    struct account_org *org;
    size_t n;
    if (!account_get(call_db(c), c->who.user_id, &me, c->a, e) || !account_orgs(call_db(c), me.id, c->a, &org, &n, e))
        return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "type", STR("user"));
    jw_kstr(&w, "id", me.hex_id);
    jw_kstr(&w, "name", me.name);
    jw_kstr(&w, "fullname", shown_name(&me));
    bool is_app = json_get(c->who.scopes, STR("oauth")) != NULL;
    if (me.email.p && (!is_app || identity_has_scope(&c->who, STR("email"))))
        jw_kstr(&w, "email", me.email);
    else
        jw_knull(&w, "email");
    jw_kbool(&w, "emailVerified", false);
    jw_kbool(&w, "canPay", false);
    jw_knull(&w, "periodEnd");
    jw_kbool(&w, "isPro", false);
    jw_kstr(&w, "avatarUrl", call_avatar_url(c, me.name));
    jw_karray(&w, "orgs");
    for (size_t i = 0; i < n; i++)
        if (org[i].role >= ROLE_READ && !write_org_membership(c, &w, &org[i], e)) {
            buf_deinit(&b);
            return false;
        }
    jw_array_end(&w);
    write_auth(&w, &c->who);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ overviews */

bool call_find_account(struct call *c, enum account_kind kind, struct account *out, struct err *e)
{
    bool found;
    str name = call_param(c, "account");
    if (!account_find(call_db(c), name, out, &found, c->a, e)) return false;
    if (found && out->kind == kind && !out->is_disabled) return true;
    return err_set(e, ERR_NOT_FOUND, "There is no %s \"%.*s\"", kind == ACCOUNT_USER ? "user" : "organization", STR_ARG(str_to(name, 100)));
}

/* Repositories of a namespace that the caller may see, by kind. */
static bool write_repo_counts(struct call *c, struct json_writer *w, const struct account *owner, struct err *e)
{
    static const struct {
        const char *key;
        enum repo_kind kind;
    } counts[] = { { "numModels", REPO_MODEL }, { "numDatasets", REPO_DATASET }, { "numSpaces", REPO_SPACE } };
    enum resource_view view;
    if (!resource_view_of(call_db(c), &c->who, owner->id, &view, e)) return false;
    if (c->who.scopes) view = SEES_NOTHING;
    for (size_t i = 0; i < COUNT(counts); i++) {
        int64_t n;
        if (!owned_count(call_db(c), owner->id, counts[i].kind, view, c->who.user_id, &n, e)) return false;
        jw_kint(w, counts[i].key, n);
    }
    return true;
}

static bool get_user_overview(struct call *c, struct err *e)
{
    struct account who;
    struct account_org *org;
    size_t n;
    struct follow_counts follows;
    int is_following;
    int64_t likes, discussions;
    if (!call_find_account(c, ACCOUNT_USER, &who, e) || !account_orgs(call_db(c), who.id, c->a, &org, &n, e) ||
        !follow_count(call_db(c), who.id, &follows, e) || !watch_get(call_db(c), c->who.user_id, WATCH_ACCOUNT, who.id, &is_following, e))
        return false;
    if (!like_count_public(call_db(c), who.id, &likes, e) || !discussion_count_public(call_db(c), who.id, &discussions, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "_id", who.hex_id);
    jw_kstr(&w, "user", who.name);
    jw_kstr(&w, "fullname", shown_name(&who));
    jw_kstr(&w, "avatarUrl", call_avatar_url(c, who.name));
    jw_kbool(&w, "isPro", false);
    jw_kstr(&w, "type", STR("user"));
    jw_kdate(&w, "createdAt", who.created_ms);
    if (who.details.n) jw_kstr(&w, "details", who.details);
    jw_karray(&w, "orgs");
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kstr(&w, "id", org[i].org.hex_id);
        jw_kstr(&w, "name", org[i].org.name);
        jw_kstr(&w, "fullname", shown_name(&org[i].org));
        jw_kstr(&w, "avatarUrl", call_avatar_url(c, org[i].org.name));
        jw_object_end(&w);
    }
    jw_array_end(&w);
    if (!write_repo_counts(c, &w, &who, e)) {
        buf_deinit(&b);
        return false;
    }
    jw_kint(&w, "numDiscussions", discussions);
    jw_kint(&w, "numLikes", likes);
    jw_kint(&w, "numFollowers", follows.followers);
    jw_kint(&w, "numFollowing", follows.users);
    jw_kint(&w, "numFollowingOrgs", follows.orgs);
    if (c->who.user_id) jw_kbool(&w, "isFollowing", is_following == 1);
    static const char *const none[] = { "numPapers", "numUpvotes" };
    for (size_t i = 0; i < COUNT(none); i++) jw_kint(&w, none[i], 0);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_org_overview(struct call *c, struct err *e)
{
    struct account org;
    struct follow_counts follows;
    int is_following;
    int64_t members;
    if (!call_find_account(c, ACCOUNT_ORG, &org, e) || !follow_count(call_db(c), org.id, &follows, e) ||
        !watch_get(call_db(c), c->who.user_id, WATCH_ACCOUNT, org.id, &is_following, e))
        return false;
    if (!account_members_count(call_db(c), org.id, &members, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "_id", org.hex_id);
    jw_kstr(&w, "name", org.name);
    jw_kstr(&w, "fullname", shown_name(&org));
    jw_kstr(&w, "avatarUrl", call_avatar_url(c, org.name));
    if (org.details.n) jw_kstr(&w, "details", org.details);
    jw_kbool(&w, "isVerified", false);
    jw_kstr(&w, "type", STR("org"));
    jw_kint(&w, "numUsers", members);
    if (!write_repo_counts(c, &w, &org, e)) {
        buf_deinit(&b);
        return false;
    }
    jw_kint(&w, "numFollowers", follows.followers);
    if (c->who.user_id) jw_kbool(&w, "isFollowing", is_following == 1);
    jw_kint(&w, "numPapers", 0);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_org_members(struct call *c, struct err *e)
{
    struct account org;
    struct account_member *m;
    size_t n;
    uint64_t limit = call_query_limit(c, 100, 1000);
    if (!call_find_account(c, ACCOUNT_ORG, &org, e)) return false;
    if (!account_members(call_db(c), org.id, call_query(c, "search"), call_query(c, "cursor"), (size_t)limit + 1, c->a, &m, &n, e))
        return false;
    bool more = n > limit;
    if (more) n = (size_t)limit;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kstr(&w, "_id", m[i].user.hex_id);
        jw_kstr(&w, "user", m[i].user.name);
        jw_kstr(&w, "fullname", shown_name(&m[i].user));
        jw_kstr(&w, "avatarUrl", call_avatar_url(c, m[i].user.name));
        jw_kbool(&w, "isPro", false);
        jw_kstr(&w, "type", STR("user"));
        jw_kstr(&w, "role", account_role_name(m[i].role));
        jw_object_end(&w);
    }
    jw_array_end(&w);
    if (more) call_link_next(c, STR("cursor"), m[n - 1].user.name);
    return call_reply_json(c, 200, &b);
}

bool call_need_org_admin(struct call *c, enum token_right right, struct account *org, struct err *e)
{
    enum account_role role;
    struct token_target t;
    if (!call_find_account(c, ACCOUNT_ORG, org, e) || !account_role_in(call_db(c), &c->who, org->id, &role, e)) return false;
    t = (struct token_target){ STR("org"), org->name, org->hex_id, org->name };
    if (role < ROLE_ADMIN || !identity_token_allows(&c->who, right, &t))
        return err_set(e, ERR_DENIED, "Only administrators of %.*s may do this", STR_ARG(org->name));
    return true;
}

/* "resourceGroups": [{"id","role"}]: in these and no others.  Absent: in none, as the public hub has it. */
static bool put_into_groups(struct call *c, struct db_conn *tx, const struct account *org, const struct account *user, const struct json *list, struct err *e)
{
    if (list && (!json_is(list, JSON_ARRAY) || list->count > RESOURCE_GROUPS_MAX))
        return err_set(e, ERR_INVALID, "\"resourceGroups\" must be a list of objects with \"id\" and \"role\"");
    if (!resource_group_leave_all(tx, org->id, user->id, e)) return false;
    json_each (item, list) {
        struct resource_group g;
        enum account_role role;
        bool found;
        if (!account_role_parse(json_str_or(item, STR("role"), STR("")), &role))
            return err_set(e, ERR_INVALID, "\"resourceGroups\": \"role\" must be one of [no_access, read, contributor, write, admin]");
        if (!resource_group_find(tx, org->id, json_str_or(item, STR("id"), STR("")), &g, &found, c->a, e)) return false;
        if (!found) return err_set(e, ERR_NOT_FOUND, "%.*s has no such resource group", STR_ARG(org->name));
        if (!resource_group_set_member(tx, &g, user->id, role, e)) return false;
    }
    return true;
}

static bool put_member_role(struct call *c, struct err *e)
{
    struct account org, user;
    struct json *body;
    struct db_conn *tx;
    enum account_role role, before = ROLE_NONE;
    str text;
    bool found;
    if (!call_need_org_admin(c, RIGHT_ACCOUNT, &org, e) || !call_json(c, &body, e) || !json_need_str(body, "role", &text, e)) return false;
    if (!account_role_parse(text, &role) || role == ROLE_NONE)
        return err_set(e, ERR_INVALID, "\"role\" must be one of [no_access, read, contributor, write, admin]");
    if (!account_find(call_db(c), call_param(c, "user"), &user, &found, c->a, e)) return false;
    if (found && !account_member_role(call_db(c), org.id, user.id, &before, e)) return false;
    if (before == ROLE_NONE)
        return err_set(e, ERR_NOT_FOUND, "\"%.*s\" is no member of %.*s", STR_ARG(call_param(c, "user")), STR_ARG(org.name));
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    const struct json *groups = json_get(body, STR("resourceGroups"));
    str what = arena_fmt(c->a, "%.*s now has the role %.*s, and is in %zu resource groups", STR_ARG(user.name), STR_ARG(text), groups ? groups->count : 0);
    if (!account_set_member(tx, org.id, user.id, role, e) || !put_into_groups(c, tx, &org, &user, groups, e) ||
        !audit_add(tx, &c->who, "org.change_role", org.id, what, call_peer(c), e)) {
        db_rollback(hub_db(c->hub), tx);
        return false;
    }
    if (!db_commit(hub_db(c->hub), tx, e)) return false;
    return http_reply(c->http, 200, "application/json; charset=utf-8", STR("{\"success\":true}"));
}

/* ------------------------------------------------------------------ the log of an organisation, all of it */

struct audit_export {
    int64_t org_id, before_id; /* what stands before it is still to be written */
    bool has_begun, is_done;
};

struct audit_page {
    struct json_writer w;
    struct buf out, avatar;
    str base;
    size_t rows;
    int64_t last_id;
};

static void write_audit_row(void *ctx, const struct audit_row *row)
{
    struct audit_page *p = ctx;
    struct json_writer *w = &p->w;
    bool has_actor = row->actor.p != NULL; /* or it was the command line, or the server itself */
    str actor = has_actor ? row->actor : STR("system");
    char id[25];
    snprintf(id, sizeof id, "%024llx", (unsigned long long)row->id);
    buf_reset(&p->avatar);
    buf_addf(&p->avatar, "%.*s/avatars/%.*s.svg", STR_ARG(p->base), STR_ARG(actor));
    jw_object(w);
    jw_kstr(w, "_id", str_c(id));
    jw_kdate(w, "createdAt", row->at_ms);
    jw_kstr(w, "type", row->type);
    jw_kstr(w, "message", row->message);
    if (row->ip.p) jw_kstr(w, "ip", row->ip);
    jw_kobject(w, "author");
    jw_kstr(w, "_id", has_actor ? row->actor_hex : STR("000000000000000000000000"));
    jw_kstr(w, "user", actor);
    jw_kstr(w, "avatarUrl", buf_str(&p->avatar));
    jw_kstr(w, "type", has_actor ? STR("user") : STR("system"));
    jw_object_end(w);
    jw_object_end(w);
    p->last_id = row->id;
    p->rows++;
}

static bool write_audit_page(struct call *c, struct audit_export *x, struct err *e)
{
    enum { ROWS_AT_ONCE = 200 };
    struct audit_page p = { .out = BUF_INIT(0), .avatar = BUF_INIT(0), .base = call_base_url(c) };
    p.w = json_writer(&p.out);
    if (x->before_id == INT64_MAX) buf_byte(&p.out, '[');
    else p.w.comma = true;
    bool ok = audit_of_each(call_db(c), x->org_id, x->before_id, ROWS_AT_ONCE, write_audit_row, &p, e);
    x->before_id = p.last_id;
    x->is_done = p.rows < ROWS_AT_ONCE;
    if (x->is_done) buf_byte(&p.out, ']');
    ok = ok && http_write(c->http, bytes_of(buf_str(&p.out)), e);
    buf_deinit(&p.out);
    buf_deinit(&p.avatar);
    return ok;
}

/* As much as the client takes, and on when it has caught up: the log of years is never in memory. */
static bool audit_step(struct call *c, struct err *e)
{
    struct audit_export *x = c->step_ctx;
    if (http_has_left(c->http)) return err_set(e, ERR_CLOSED, "the client has left");
    if (!x->has_begun && !http_begin(c->http, 200, "application/json; charset=utf-8", HTTP_LENGTH_UNKNOWN, e)) return false;
    x->has_begun = true;
    while (!x->is_done && !http_is_behind(c->http))
        if (!write_audit_page(c, x, e)) return false;
    return x->is_done || call_pause(c, audit_step, x, -1);
}

static bool get_audit_log(struct call *c, struct err *e)
{
    struct account org;
    struct audit_export *x = arena_one(c->a, struct audit_export);
    if (!call_need_org_admin(c, RIGHT_ACCOUNT, &org, e)) return false;
    *x = (struct audit_export){ .org_id = org.id, .before_id = INT64_MAX };
    return call_pause(c, audit_step, x, 0);
}

/* Public ones alone, whoever asks. */
static bool get_user_likes(struct call *c, struct err *e)
{
    struct account who;
    struct like *like;
    size_t n;
    str next;
    if (!call_find_account(c, ACCOUNT_USER, &who, e) ||
        !like_repos(call_db(c), NULL, who.id, call_query(c, "cursor"), (size_t)call_query_limit(c, 100, 1000), c->a, &like, &n, &next, e))
        return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kdate(&w, "createdAt", like[i].at_ms);
        jw_kobject(&w, "repo");
        jw_kstr(&w, "name", like[i].repo.full_name);
        jw_kstr(&w, "type", repo_kind_name(like[i].repo.kind));
        jw_object_end(&w);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    if (next.n) call_link_next(c, STR("cursor"), next);
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ repositories and buckets of an account */

struct owned_to {
    struct call *c;
    struct json_writer *w;
    const struct account *owner;
    uint64_t rows, limit;
    struct feed_place last; /* of those that were written */
    bool has_more;
};

/* The caller owns them or is a member; his token may know less. */
static bool write_owned(void *ctx, const struct owned *o)
{
    struct owned_to *to = ctx;
    struct token_target target = { o->kind, o->full_name, o->hex_id, to->owner->name };
    if (o->is_private && !identity_token_allows(&to->c->who, RIGHT_READ, &target)) return true;
    to->has_more = to->rows == to->limit;
    if (to->has_more) return false;
    to->rows++;
    to->last = o->place;
    jw_object(to->w);
    jw_kstr(to->w, "id", o->full_name);
    jw_kstr(to->w, "type", o->kind);
    jw_kdate(to->w, "updatedAt", o->updated_ms);
    jw_kstr(to->w, "visibility", o->is_private ? STR("private") : STR("public"));
    jw_kint(to->w, "storage", o->used_bytes);
    jw_key(to->w, STR("storagePercent"));
    jw_real(to->w, o->all_bytes ? 100 * (double)o->used_bytes / (double)o->all_bytes : 0);
    jw_object_end(to->w);
    return true;
}

static bool reply_repositories(struct call *c, const struct account *owner, enum resource_view view, struct err *e)
{
    struct owned_query q = { .owner_id = owner->id, .reader_id = view == SEES_SOME ? c->who.user_id : 0, .kind = call_query(c, "type"), .search = call_query(c, "search"), .cursor = call_query(c, "cursor"),
                             .by_storage = str_eq(call_query(c, "sort"), STR("storage")), .ascending = str_eq(call_query(c, "direction"), STR("asc")) };
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct owned_to to = { .c = c, .w = &w, .owner = owner, .limit = call_query_limit(c, 100, 1000) };
    jw_array(&w);
    if (!owned_each(call_db(c), &q, write_owned, &to, e)) {
        buf_deinit(&b);
        return false;
    }
    jw_array_end(&w);
    if (to.has_more && to.rows) call_link_next(c, STR("cursor"), feed_place_format(to.last, c->a));
    return call_reply_json(c, 200, &b);
}

static bool get_my_repositories(struct call *c, struct err *e)
{
    struct account me;
    return account_get(call_db(c), c->who.user_id, &me, c->a, e) && reply_repositories(c, &me, SEES_ALL, e);
}

static bool get_org_repositories(struct call *c, struct err *e)
{
    struct account org;
    enum resource_view view;
    if (!call_find_account(c, ACCOUNT_ORG, &org, e) || !resource_view_of(call_db(c), &c->who, org.id, &view, e)) return false;
    if (view == SEES_NOTHING) return err_set(e, ERR_DENIED, "Only members of %.*s may see this list", STR_ARG(org.name));
    return reply_repositories(c, &org, view, e);
}

/* ------------------------------------------------------------------ tokens */

/* Whoever finds a leaked token may end it: no account is needed, and the answer never tells whether a
 * token existed. */
static bool post_revoke(struct call *c, struct err *e)
{
    enum { CREDENTIALS_MAX = 1000 };
    struct json *body;
    struct db_conn *tx;
    if (!call_json(c, &body, e)) return false;
    const struct json *list = json_get(body, STR("credentials"));
    if (!json_is(list, JSON_ARRAY) || list->count > CREDENTIALS_MAX)
        return err_set(e, ERR_INVALID, "\"credentials\" is required: a list of at most %d tokens", CREDENTIALS_MAX);
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    json_each (item, list) {
        bool found;
        if (item->type == JSON_STRING && !token_revoke_secret(tx, item->s, &found, e)) {
            db_rollback(hub_db(c->hub), tx);
            return false;
        }
    }
    return db_commit(hub_db(c->hub), tx, e) && http_reply_empty(c->http, 202);
}

/* Of a member, in this organisation alone: elsewhere it goes on working. */
static bool post_org_revoke(struct call *c, struct err *e)
{
    struct account org;
    struct db_conn *tx;
    bool found;
    str id = call_param(c, "token");
    if (!call_need_org_admin(c, RIGHT_ACCOUNT, &org, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = org_token_revoke(tx, org.id, id, &found, e) &&
              (found || err_set(e, ERR_NOT_FOUND, "No member of %.*s has such a token", STR_ARG(org.name))) &&
              audit_add(tx, &c->who, "org.token_approval.authorization_request.revoked", org.id, id, call_peer(c), e);
    return db_finish(hub_db(c->hub), tx, ok, e) && http_reply(c->http, 200, "application/json; charset=utf-8", STR("{\"success\":true}"));
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/whoami-v2", PERM_USER, HTTP_BODY_NONE, 0, 0, get_whoami, "account.whoami", SHAPE_HUB },
    { HTTP_GET, "/api/users/:account/overview", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_user_overview, "user.overview", SHAPE_HUB },
    { HTTP_GET, "/api/users/:account/likes", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_user_likes, "user.likes", SHAPE_HUB },
    { HTTP_GET, "/api/organizations/:account/overview", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_org_overview, "org.overview", SHAPE_HUB },
    { HTTP_GET, "/api/organizations/:account/members", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_org_members, "org.members", SHAPE_HUB },
    { HTTP_PUT, "/api/organizations/:account/members/:user/role", PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, put_member_role,
      "org.member-role", SHAPE_HUB },
    { HTTP_POST, "/api/organizations/:account/settings/tokens/:token/revoke", PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_org_revoke,
      "org.token.revoke", SHAPE_HUB },
    { HTTP_GET, "/api/organizations/:account/audit-log/export", PERM_USER, HTTP_BODY_NONE, 0, 0, get_audit_log, "org.audit-log", SHAPE_HUB },
    { HTTP_GET, "/api/organizations/:account/settings/repositories", PERM_USER, HTTP_BODY_NONE, 0, 0, get_org_repositories,
      "org.repositories", SHAPE_HUB },
    { HTTP_GET, "/api/settings/repositories", PERM_USER, HTTP_BODY_NONE, 0, 0, get_my_repositories, "account.repositories", SHAPE_HUB },
    { HTTP_POST, "/api/credentials/revoke", PERM_ANYONE, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_revoke, "token.revoke", SHAPE_HUB },
};
const struct api_table hub_account_table = API_TABLE(rows);
