/* web/account/tokens.c - access tokens: made, shown once, given another secret, revoked; the fine-grained ones with what they may.
 *
 * Tokens are given out to a browser that signed in, never to a token: a token must not make a wider one. */
#include "base/clock.h"
#include "hub/bucket/bucket.h"
#include "hub/quota.h"
#include "web/account/account.h"

bool account_need_session(struct call *c, struct err *e)
{
    return c->session.n || err_set(e, ERR_DENIED, "Sign in with a browser for this; an access token cannot do it");
}

/* ------------------------------------------------------------------ what a fine-grained one may */

/* For a namespace, and for a single repository. */
static const struct { const char *name, *what; bool for_repo, for_org_only; } permissions[] = {
    { "repo.content.read", "read private repositories", true, false },
    { "repo.write", "write to repositories, and create them", true, false },
    { "discussion.write", "open discussions and pull requests", true, false },
    { "collection.read", "see private collections", false, false },
    { "collection.write", "change collections", false, false },
    { "inference.serverless.write", "call models at its cost", false, false },
    { "org.read", "see members and settings", false, true },
    { "org.write", "change members and settings", false, true },
};

struct scopes {
    struct buf b;
    struct json_writer w;
    size_t n;
};

/* An entity with the permissions chosen for it, if there are any.  `which`: the form's name of it, "user:ada". */
static void add_entity(struct call *c, struct scopes *s, str which, str type, str hex_id, str name, bool is_repo)
{
    str chosen;
    bool any = false;
    for (str rest = http_body(c->http); http_form_next(&rest, c->a, "may", &chosen);) {
        size_t at = str_rchr(chosen, ' ');
        if (at == STR_NONE || !str_eq(str_to(chosen, at), which)) continue;
        for (size_t k = 0; k < COUNT(permissions); k++) {
            if (!str_eq(str_from(chosen, at + 1), str_c(permissions[k].name)) || (is_repo && !permissions[k].for_repo)) continue;
            if (!any) {
                jw_object(&s->w);
                jw_kobject(&s->w, "entity");
                jw_kstr(&s->w, "_id", hex_id);
                jw_kstr(&s->w, "type", type);
                jw_kstr(&s->w, "name", name);
                jw_object_end(&s->w);
                jw_karray(&s->w, "permissions");
                any = true;
                s->n++;
            }
            jw_str(&s->w, str_c(permissions[k].name));
        }
    }
    if (!any) return;
    jw_array_end(&s->w);
    jw_object_end(&s->w);
}

static bool find_bucket(struct call *c, str line, struct account_named *out, struct err *e)
{
    struct bucket b;
    struct err ignored;
    bool moved;
    size_t slash = str_chr(line, '/');
    str owner = slash == STR_NONE ? c->who.name : str_to(line, slash), name = slash == STR_NONE ? line : str_from(line, slash + 1);
    if (!bucket_find_allowed(call_db(c), &c->who, owner, name, REPO_SEE, &b, &moved, c->a, &ignored))
        return err_set(e, ERR_INVALID, "there is no bucket \"%.*s\" that you may see", STR_ARG(str_to(line, 100)));
    *out = (struct account_named){ STR("bucket"), b.hex_id, b.full_name, b.owner, b.is_private };
    return true;
}

bool account_find_named(struct call *c, str line, struct account_named *out, struct err *e)
{
    struct repo r;
    enum repo_kind kind = REPO_MODEL;
    bool found, moved;
    if (str_starts(line, STR("buckets/"))) return find_bucket(c, str_from(line, strlen("buckets/")), out, e);
    size_t slash = str_chr(line, '/');
    if (slash != STR_NONE && repo_kind_parse(str_to(line, slash), &kind) && str_chr(str_from(line, slash + 1), '/') != STR_NONE) line = str_from(line, slash + 1);
    slash = str_chr(line, '/');
    if (slash == STR_NONE) return err_set(e, ERR_INVALID, "write repositories as owner/name, datasets/owner/name, spaces/owner/name or buckets/owner/name; not \"%.*s\"", STR_ARG(str_to(line, 100)));
    if (!repo_find(call_db(c), kind, str_to(line, slash), str_from(line, slash + 1), &r, &found, &moved, c->a, e)) return false;
    struct err ignored;
    if (found && repo_allow(call_db(c), &c->who, &r, REPO_SEE, &ignored)) {
        *out = (struct account_named){ repo_kind_name(r.kind), r.hex_id, r.full_name, r.owner, r.is_private };
        return true;
    }
    return err_set(e, ERR_INVALID, "there is no repository \"%.*s\" that you may see", STR_ARG(str_to(line, 100)));
}

static bool read_scopes(struct call *c, struct scopes *s, struct err *e)
{
    enum { REPOS_MAX = 100 };
    struct account me;
    struct account_org *org;
    size_t n, repos = 0;
    str rest = page_field(c, "repos"), line;
    if (!account_get(call_db(c), c->who.user_id, &me, c->a, e) || !account_orgs(call_db(c), me.id, c->a, &org, &n, e)) return false;
    jw_object(&s->w);
    jw_kbool(&s->w, "canReadGatedRepos", page_field(c, "gated").n != 0);
    jw_karray(&s->w, "global");
    if (page_field(c, "discuss").n) jw_str(&s->w, STR("discussion.write"));
    jw_array_end(&s->w);
    jw_karray(&s->w, "scoped");
    add_entity(c, s, arena_fmt(c->a, "user:%.*s", STR_ARG(me.name)), STR("user"), me.hex_id, me.name, false);
    for (size_t i = 0; i < n; i++) add_entity(c, s, arena_fmt(c->a, "org:%.*s", STR_ARG(org[i].org.name)), STR("org"), org[i].org.hex_id, org[i].org.name, false);
    while (rest.p && str_cut(&rest, '\n', &line)) {
        struct account_named r;
        line = str_trim(line);
        if (!line.n) continue;
        if (++repos > REPOS_MAX) return err_set(e, ERR_INVALID, "at most %d repositories can be named", REPOS_MAX);
        if (!account_find_named(c, line, &r, e)) return false;
        add_entity(c, s, STR("repos"), r.type, r.hex_id, r.full_name, true);
    }
    jw_array_end(&s->w);
    jw_object_end(&s->w);
    bool any = s->n || page_field(c, "gated").n || page_field(c, "discuss").n;
    return any || err_set(e, ERR_INVALID, "a fine-grained token that may nothing is of no use: choose something");
}

/* ------------------------------------------------------------------ the page */

static void write_permissions(struct page *p)
{
    jw_karray(&p->w, "permissions");
    for (size_t i = 0; i < COUNT(permissions); i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "name", str_c(permissions[i].name));
        jw_kstr(&p->w, "what", str_c(permissions[i].what));
        jw_kbool(&p->w, "for_repo", permissions[i].for_repo);
        jw_kbool(&p->w, "for_org_only", permissions[i].for_org_only);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
}

/* "user ada: repo.write, ..": a line for each entity. */
static void write_scopes(struct page *p, const struct token *t)
{
    struct json *scopes;
    struct err ignored;
    jw_karray(&p->w, "scopes");
    if (t->role == TOKEN_FINE_GRAINED && json_parse(t->scopes, p->c->a, &scopes, &ignored)) {
        json_each (s, json_get(scopes, STR("scoped"))) {
            const struct json *entity = json_get(s, STR("entity"));
            str type = json_str_or(entity, STR("type"), STR("")), name = json_str_or(entity, STR("name"), STR("")), text;
            struct buf b = BUF_INIT(0);
            buf_addf(&b, "%.*s %.*s: ", STR_ARG(type), STR_ARG(name));
            bool any = false;
            json_each (item, json_get(s, STR("permissions"))) {
                if (!json_str(item, &text)) continue;
                buf_addf(&b, "%s%.*s", any ? ", " : "", STR_ARG(text));
                any = true;
            }
            jw_str(&p->w, buf_str(&b));
            buf_deinit(&b);
        }
        if (json_bool_or(scopes, STR("canReadGatedRepos"), false)) jw_str(&p->w, STR("gated repositories that you were let into"));
        if (json_first(json_get(scopes, STR("global")))) jw_str(&p->w, STR("discussions everywhere"));
    }
    jw_array_end(&p->w);
}

/* Of a form that was refused, with all that was ticked: member ticked. */
static void write_typed(struct page *p, str problem)
{
    str chosen, rest = problem.n ? http_body(p->c->http) : STR("");
    page_write_typed(p, problem.n > 0, "label", "role", "repos", "gated", "discuss", "days");
    jw_karray(&p->w, "ticked");
    while (http_form_next(&rest, p->c->a, "may", &chosen)) jw_str(&p->w, chosen);
    jw_array_end(&p->w);
}

void account_write_token(struct json_writer *w, const struct token *t)
{
    jw_kstr(w, "id", t->hex_id);
    jw_kstr(w, "label", t->label);
    jw_kstr(w, "role", token_role_name(t->role));
    jw_kstr(w, "last4", t->last4);
    jw_kint(w, "created_ms", t->created_ms);
    jw_kint(w, "used_ms", t->used_ms);
    jw_kint(w, "expires_ms", t->expires_ms);
    jw_kbool(w, "is_over", t->expires_ms && t->expires_ms <= clock_now_ms());
}

bool account_read_days(struct call *c, int64_t *expires_ms, struct err *e)
{
    enum { DAYS_MAX = 3650 };
    uint64_t days = 0;
    str life = page_text(c, "days");
    if (life.n && (!str_u64(life, &days) || days > DAYS_MAX))
        return err_set(e, ERR_INVALID, "A token lives %d days at most, or, with 0, until it is revoked", DAYS_MAX);
    *expires_ms = days ? clock_now_ms() + (int64_t)days * 86400000 : 0;
    return true;
}

static bool tokens_page(struct call *c, int status, str fresh, str problem, struct err *e)
{
    struct token *token;
    struct account_org *org;
    size_t n, orgs;
    if (!account_need_session(c, e) || !token_list(call_db(c), c->who.user_id, c->a, &token, &n, e) || !account_orgs(call_db(c), c->who.user_id, c->a, &org, &orgs, e)) return false;
    struct page *p = page_new(c, STR("Access tokens"));
    jw_kstr(&p->w, "fresh", fresh);
    jw_kstr(&p->w, "problem_text", problem);
    write_typed(p, problem);
    jw_karray(&p->w, "orgs");
    for (size_t i = 0; i < orgs; i++) jw_str(&p->w, org[i].org.name);
    jw_array_end(&p->w);
    write_permissions(p);
    int64_t newest_ms = 0;
    jw_karray(&p->w, "tokens");
    for (size_t i = 0; i < n; i++) {
        if (token[i].created_ms > newest_ms) newest_ms = token[i].created_ms;
        jw_object(&p->w);
        account_write_token(&p->w, &token[i]);
        write_scopes(p, &token[i]);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    jw_kint(&p->w, "newest_ms", newest_ms);
    return page_reply(p, status, "account/tokens.html", e);
}

static bool get_tokens(struct call *c, struct err *e) { return tokens_page(c, 200, STR(""), STR(""), e); }

bool account_refuse_sent_token(struct call *c, struct db_conn *tx, int64_t account_id, str label, struct err *e)
{
    struct token *token;
    size_t n;
    int64_t since_ms = page_form_since_ms(c);
    if (!since_ms) return true;
    if (!token_list(tx, account_id, c->a, &token, &n, e)) return false;
    for (size_t i = 0; i < n; i++)
        if (token[i].created_ms >= since_ms && str_eq(token[i].label, label))
            return err_set(e, ERR_CONFLICT, "\"%.*s\" was made when this was sent the first time, and its secret shown then; if you did not see it, rotate it below", STR_ARG(label));
    return true;
}

static bool create(struct call *c, struct db_conn *tx, enum token_role role, str scopes, int64_t expires_ms, str *text, struct err *e)
{
    struct token made;
    str label = page_text(c, "label");
    return account_refuse_sent_token(c, tx, c->who.user_id, label, e) && quota_allow(c->hub, tx, QUOTA_TOKENS, c->who.user_id, e) && token_create(tx, c->who.user_id, role, label, scopes, expires_ms, (str){ 0 }, &made, text, c->a, e) &&
           audit_add(tx, &c->who, "token.create", c->who.user_id, label, call_peer(c), e);
}

static bool post_token(struct call *c, struct err *e)
{
    struct db_conn *tx;
    struct err why = { 0 };
    struct scopes s = { .b = BUF_INIT(60 << 10) };
    enum token_role role;
    int64_t expires_ms;
    str text, wanted = page_field(c, "role"), scopes = STR("");
    if (!account_need_session(c, e)) return false;
    if (!token_role_parse(wanted, &role) || (role == TOKEN_ADMIN && !c->who.is_admin))
        return err_set(e, ERR_INVALID, "A token's role is read, write or fineGrained here");
    bool ok = account_read_days(c, &expires_ms, &why);
    if (ok && role == TOKEN_FINE_GRAINED) {
        s.w = json_writer(&s.b);
        ok = read_scopes(c, &s, &why);
        scopes = arena_dup(c->a, buf_str(&s.b));
        buf_deinit(&s.b);
    }
    if (ok) {
        if (!db_begin(hub_db(c->hub), &tx, e)) return false;
        ok = page_commit(c, create(c, tx, role, scopes, expires_ms, &text, &why), tx, &why);
    }
    if (ok) return tokens_page(c, 200, text, STR(""), e);
    if (api_status_of(&why) < 500) return tokens_page(c, api_status_of(&why), STR(""), str_c(why.msg), e);
    *e = why;
    return false;
}

static bool post_rotate(struct call *c, struct err *e)
{
    struct db_conn *tx;
    bool found;
    str text;
    if (!account_need_session(c, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = token_rotate(tx, c->who.user_id, page_field(c, "id"), &text, &found, c->a, e) &&
              (found || err_set(e, ERR_NOT_FOUND, "You have no such token")) &&
              audit_add(tx, &c->who, "token.rotate", c->who.user_id, page_field(c, "id"), call_peer(c), e);
    return page_commit(c, ok, tx, e) && tokens_page(c, 200, text, STR(""), e);
}

static bool post_revoke(struct call *c, struct err *e)
{
    struct db_conn *tx;
    bool found;
    if (!account_need_session(c, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = token_revoke(tx, c->who.user_id, page_field(c, "id"), &found, e) &&
              (!found || audit_add(tx, &c->who, "token.revoke", c->who.user_id, page_field(c, "id"), call_peer(c), e));
    return page_commit(c, ok, tx, e) && page_redirect(c, STR("/settings/tokens"));
}

#define POST(pattern, fn, name) { HTTP_POST, pattern, PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, fn, name, SHAPE_PAGE }
static const struct api_route rows[] = {
    { HTTP_GET, "/settings/tokens", PERM_USER, HTTP_BODY_NONE, 0, 0, get_tokens, "page.tokens", SHAPE_PAGE },
    POST("/settings/tokens", post_token, "page.token.create"),
    POST("/settings/tokens/rotate", post_rotate, "page.token.rotate"),
    POST("/settings/tokens/revoke", post_revoke, "page.token.revoke"),
};
const struct api_table web_tokens = API_TABLE(rows);
