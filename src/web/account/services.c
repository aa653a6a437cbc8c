/* web/account/services.c - an organisation's service accounts: made, given a role, ended; their tokens, shown once. */
#include "account/service.h"
#include "hub/quota.h"
#include "web/account/account.h"

struct place {
    struct account org, who; /* who: the service account, of pages about one */
    enum account_role role;  /* of who */
};

static const struct { const char *name, *what; } words[] = {
    { "repo.content.read", "read private repositories" },
    { "repo.write", "write to repositories, and create them" },
    { "collection.read", "see private collections" },
    { "collection.write", "change collections" },
    { "inference.serverless.write", "call models at the organisation's cost" },
    { "org.read", "see members and settings" },
    { "org.write", "change members and settings" },
    { "resourceGroup.write", "change resource groups" },
    { "org.serviceAccounts.read", "see service accounts" },
    { "org.serviceAccounts.write", "change service accounts" },
};

static bool find_place(struct call *c, struct place *p, struct err *e)
{
    enum account_role mine;
    bool found;
    if (!account_find_org(c, ROLE_ADMIN, &p->org, &mine, e)) return false;
    if (!call_param(c, "service").n) return true;
    if (!service_find(call_db(c), p->org.id, call_param(c, "service"), &p->who, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "%.*s has no such service account", STR_ARG(p->org.name));
    return account_member_role(call_db(c), p->org.id, p->who.id, &p->role, e);
}

static str path_of(struct call *c, const struct place *p, const struct account *who)
{
    str base = arena_fmt(c->a, "/organizations/%.*s/settings/service-accounts", STR_ARG(p->org.name));
    return who ? arena_fmt(c->a, "%.*s/%.*s", STR_ARG(base), STR_ARG(who->name)) : base;
}

static bool noted(struct call *c, struct db_conn *tx, const char *type, const struct place *p, str what, struct err *e)
{
    return audit_add(tx, &c->who, type, p->org.id, what, call_peer(c), e);
}

static void write_service(struct json_writer *w, const struct account *who, enum account_role role)
{
    jw_kstr(w, "name", who->name);
    jw_kstr(w, "fullname", who->fullname);
    jw_kstr(w, "details", who->details);
    jw_kstr(w, "role", account_role_name(role));
    jw_kint(w, "created_ms", who->created_ms);
}

/* ------------------------------------------------------------------ all of them */

static bool list_page(struct call *c, int status, const struct place *p, str problem, struct err *e)
{
    struct account_member *list;
    size_t n;
    if (!service_list(call_db(c), p->org.id, c->a, &list, &n, e)) return false;
    struct page *page = page_new(c, arena_fmt(c->a, "Service accounts of %.*s", STR_ARG(p->org.name)));
    account_write_org(page, &p->org, ROLE_ADMIN);
    jw_kstr(&page->w, "problem_text", problem);
    page_write_typed(page, problem.n > 0, "name", "details", "role");
    int64_t newest_ms = 0;
    jw_karray(&page->w, "services");
    for (size_t i = 0; i < n; i++) {
        if (list[i].user.created_ms > newest_ms) newest_ms = list[i].user.created_ms;
        jw_object(&page->w);
        write_service(&page->w, &list[i].user, list[i].role);
        jw_object_end(&page->w);
    }
    jw_array_end(&page->w);
    jw_kint(&page->w, "newest_ms", newest_ms);
    return page_reply(page, status, "account/org_services.html", e);
}

static bool get_list(struct call *c, struct err *e)
{
    struct place p;
    return find_place(c, &p, e) && list_page(c, 200, &p, STR(""), e);
}

/* Was this form sent before?  Then the one of that name is newer than the newest that the form knew. */
static bool find_sent(struct call *c, struct db_conn *tx, struct place *p, bool *sent, struct err *e)
{
    struct account_member *list;
    size_t n;
    int64_t since_ms = page_form_since_ms(c);
    *sent = false;
    if (!since_ms) return true;
    if (!service_list(tx, p->org.id, c->a, &list, &n, e)) return false;
    for (size_t i = 0; i < n && !*sent; i++) {
        *sent = list[i].user.created_ms >= since_ms && str_eq(list[i].user.fullname, page_text(c, "name"));
        p->who = list[i].user;
    }
    return true;
}

static bool make(struct call *c, struct db_conn *tx, struct place *p, struct err *e)
{
    if (!service_create(tx, &p->org, page_text(c, "name"), page_text(c, "details"), p->role, &p->who, c->a, e)) return false;
    str role = account_role_name(p->role);
    return noted(c, tx, "org.service_account.create", p, arena_fmt(c->a, "%.*s as %.*s", STR_ARG(p->who.name), STR_ARG(role)), e);
}

static bool create(struct call *c, struct place *p, struct err *e)
{
    struct db_conn *tx;
    bool sent;
    if (!account_read_role(c, &p->role, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    return page_commit(c, find_sent(c, tx, p, &sent, e) && (sent || make(c, tx, p, e)), tx, e);
}

static bool post_list(struct call *c, struct err *e)
{
    struct place p;
    struct err why = { 0 };
    if (!find_place(c, &p, e)) return false;
    if (create(c, &p, &why)) return page_redirect(c, path_of(c, &p, &p.who));
    if (api_status_of(&why) < 500) return list_page(c, api_status_of(&why), &p, str_c(why.msg), e);
    *e = why;
    return false;
}

/* ------------------------------------------------------------------ one, with its tokens */

static bool write_tokens(struct page *page, const struct place *p, struct err *e)
{
    struct call *c = page->c;
    struct json_writer *w = &page->w;
    struct token *t;
    size_t n;
    int64_t newest_ms = 0;
    if (!token_list(call_db(c), p->who.id, c->a, &t, &n, e)) return false;
    jw_karray(w, "tokens");
    for (size_t i = 0; i < n; i++) {
        struct service_grant g;
        if (!service_grant_of(&t[i], &g, c->a, e)) return false;
        if (t[i].created_ms > newest_ms) newest_ms = t[i].created_ms;
        jw_object(w);
        account_write_token(w, &t[i]);
        jw_karray(w, "may");
        for (size_t k = 0; k < g.permissions; k++) jw_str(w, str_c(g.permission[k]));
        jw_array_end(w);
        jw_karray(w, "repos");
        for (size_t k = 0; k < g.repos; k++) jw_str(w, g.repo[k].full_name);
        jw_array_end(w);
        jw_karray(w, "of_repo");
        for (size_t k = 0; k < g.of_repos; k++) jw_str(w, str_c(g.of_repo[k]));
        jw_array_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_kint(w, "newest_ms", newest_ms);
    return true;
}

static bool one_page(struct call *c, int status, const struct place *p, str fresh, str problem, struct err *e)
{
    struct page *page = page_new(c, p->who.fullname);
    struct json_writer *w = &page->w;
    str chosen, rest = problem.n ? http_body(c->http) : STR("");
    account_write_org(page, &p->org, ROLE_ADMIN);
    jw_kobject(w, "service");
    write_service(w, &p->who, p->role);
    jw_object_end(w);
    jw_kstr(w, "fresh", fresh);
    jw_kstr(w, "problem_text", problem);
    page_write_typed(page, problem.n > 0, "label", "repos", "days");
    jw_karray(w, "ticked");
    while (http_form_next(&rest, c->a, "may", &chosen)) jw_str(w, chosen);
    jw_array_end(w);
    jw_karray(w, "permissions");
    for (size_t i = 0; i < COUNT(words); i++) {
        jw_object(w);
        jw_kstr(w, "name", str_c(words[i].name));
        jw_kstr(w, "what", str_c(words[i].what));
        jw_kbool(w, "of_repo", i < SERVICE_OF_REPO);
        jw_object_end(w);
    }
    jw_array_end(w);
    return write_tokens(page, p, e) && page_reply(page, status, "account/org_service.html", e);
}

static bool get_one(struct call *c, struct err *e)
{
    struct place p;
    return find_place(c, &p, e) && one_page(c, 200, &p, STR(""), STR(""), e);
}

/* "all repo.write" and "repos repo.write" of the boxes; repositories by name, one to a line. */
static bool read_grant(struct call *c, const struct place *p, struct service_grant *g, struct err *e)
{
    str chosen, line, lines = page_field(c, "repos");
    for (str rest = http_body(c->http); http_form_next(&rest, c->a, "may", &chosen);) {
        bool of_repo = str_starts(chosen, STR("repos "));
        if (!of_repo && !str_starts(chosen, STR("all "))) return err_set(e, ERR_INVALID, "There is no permission \"%.*s\"", STR_ARG(str_to(chosen, 100)));
        if (!service_permit(g, of_repo, str_from(chosen, of_repo ? strlen("repos ") : strlen("all ")), c->a, e)) return false;
    }
    while (lines.p && str_cut(&lines, '\n', &line)) {
        struct account_named r;
        line = str_trim(line);
        if (!line.n) continue;
        if (g->repos == SERVICE_REPOS_MAX) return err_set(e, ERR_INVALID, "At most %d repositories can be named", SERVICE_REPOS_MAX);
        if (!account_find_named(c, line, &r, e)) return false;
        if (r.is_private && !str_eq_nocase(r.owner, p->org.name))
            return err_set(e, ERR_INVALID, "%.*s is neither a repository of %.*s nor a public one", STR_ARG(r.full_name), STR_ARG(p->org.name));
        g->repo = arena_grow(c->a, g->repo, g->repos, sizeof *g->repo);
        g->repo[g->repos++] = (struct service_repo){ r.type, r.hex_id, r.full_name, r.owner };
    }
    if (!g->permissions && !g->of_repos) return err_set(e, ERR_INVALID, "A token that may nothing is of no use: choose something");
    if (g->of_repos && !g->repos) return err_set(e, ERR_INVALID, "Name the repositories that this is for");
    return service_grant_check(g, NULL, &p->org, p->role, e);
}

static str label_words(struct call *c, const struct place *p, str label) { return arena_fmt(c->a, "%.*s: %.*s", STR_ARG(p->who.name), STR_ARG(label)); }

static bool make_token(struct call *c, struct place *p, str *fresh, struct err *e)
{
    struct service_grant g = { 0 };
    struct token made;
    struct db_conn *tx;
    int64_t expires_ms;
    str label = page_text(c, "label");
    if (!read_grant(c, p, &g, e) || !account_read_days(c, &expires_ms, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = account_refuse_sent_token(c, tx, p->who.id, label, e) && quota_allow(c->hub, tx, QUOTA_TOKENS, p->who.id, e) &&
              token_create(tx, p->who.id, TOKEN_FINE_GRAINED, label, service_grant_scopes(&g, &p->org, c->a), expires_ms, (str){ 0 }, &made, fresh, c->a, e) &&
              noted(c, tx, "org.service_account.token.create", p, label_words(c, p, label), e);
    return page_commit(c, ok, tx, e);
}

static bool rotate_token(struct call *c, struct place *p, str *fresh, struct err *e)
{
    struct db_conn *tx;
    bool found;
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = token_rotate(tx, p->who.id, page_text(c, "id"), fresh, &found, c->a, e) && (found || err_set(e, ERR_INVALID, "This token is gone")) &&
              noted(c, tx, "org.service_account.token.rotate", p, label_words(c, p, page_text(c, "id")), e);
    return page_commit(c, ok, tx, e);
}

static bool revoke_token(struct call *c, struct place *p, str *fresh, struct err *e)
{
    struct db_conn *tx;
    bool found;
    (void)fresh;
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = token_revoke(tx, p->who.id, page_text(c, "id"), &found, e) &&
              (!found || noted(c, tx, "org.service_account.token.delete", p, label_words(c, p, page_text(c, "id")), e));
    return page_commit(c, ok, tx, e);
}

static bool change_role(struct call *c, struct place *p, str *fresh, struct err *e)
{
    struct db_conn *tx;
    enum account_role role;
    (void)fresh;
    if (!account_read_role(c, &role, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    str name = account_role_name(role), what = arena_fmt(c->a, "%.*s now has the role %.*s", STR_ARG(p->who.name), STR_ARG(name));
    p->role = role;
    return page_commit(c, account_set_member(tx, p->org.id, p->who.id, role, e) && noted(c, tx, "org.change_role", p, what, e), tx, e);
}

static bool post_one(struct call *c, struct err *e)
{
    static const struct { const char *what; bool (*act)(struct call *c, struct place *p, str *fresh, struct err *e); } acts[] = {
        { "token", make_token }, { "rotate", rotate_token }, { "revoke", revoke_token }, { "role", change_role },
    };
    struct place p;
    struct err why = { 0 };
    str fresh = STR(""), what = page_field(c, "act");
    size_t i = 0;
    if (!find_place(c, &p, e)) return false;
    while (i < COUNT(acts) && !str_eq(what, str_c(acts[i].what))) i++;
    if (i == COUNT(acts)) return err_set(e, ERR_INVALID, "Nothing was chosen");
    if (acts[i].act(c, &p, &fresh, &why)) return fresh.n ? one_page(c, 200, &p, fresh, STR(""), e) : page_redirect(c, path_of(c, &p, &p.who));
    if (api_status_of(&why) < 500) return one_page(c, api_status_of(&why), &p, STR(""), str_c(why.msg), e);
    *e = why;
    return false;
}

static bool post_delete(struct call *c, struct err *e)
{
    struct place p;
    struct db_conn *tx;
    struct err why = { 0 };
    if (!find_place(c, &p, e)) return false;
    bool ok = page_confirm(c, p.who.name, &why) && db_begin(hub_db(c->hub), &tx, &why) &&
              page_commit(c, account_delete(tx, p.who.id, &why) && noted(c, tx, "org.service_account.delete", &p, p.who.name, &why), tx, &why);
    if (ok) return page_redirect(c, path_of(c, &p, NULL));
    if (api_status_of(&why) < 500) return one_page(c, api_status_of(&why), &p, STR(""), str_c(why.msg), e);
    *e = why;
    return false;
}

#define ALL "/organizations/:org/settings/service-accounts"
#define GET(pattern, fn, name) { HTTP_GET, pattern, PERM_USER, HTTP_BODY_NONE, 0, 0, fn, name, SHAPE_PAGE }
#define POST(pattern, fn, name) { HTTP_POST, pattern, PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, fn, name, SHAPE_PAGE }
static const struct api_route rows[] = {
    GET(ALL, get_list, "page.org.services"),
    POST(ALL, post_list, "page.org.service.create"),
    GET(ALL "/:service", get_one, "page.org.service"),
    POST(ALL "/:service", post_one, "page.org.service.change"),
    POST(ALL "/:service/delete", post_delete, "page.org.service.delete"),
};
const struct api_table web_services = API_TABLE(rows);
