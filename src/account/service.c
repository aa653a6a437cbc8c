/* account/service.c - see account/service.h. */
#include "account/service.h"

#include "account/account_priv.h"
#include "account/profile.h"

/* ------------------------------------------------------------------ the accounts */

static size_t characters(str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

bool service_create(struct db_conn *tx, const struct account *org, str fullname, str details, enum account_role role, struct account *out,
                    struct arena *a, struct err *e)
{
    enum { FULLNAME_CHARS = 50 };
    int64_t n;
    fullname = str_trim(fullname);
    if (!fullname.n || characters(fullname) > FULLNAME_CHARS)
        return err_set(e, ERR_INVALID, "\"name\" is required: what the service account is called, in 1 to %d characters", FULLNAME_CHARS);
    if (!db_get_int(tx, &n, 0, e, "SELECT count(*) FROM account WHERE service_of = ?", db_int(org->id))) return false;
    if (n >= SERVICE_ACCOUNTS_MAX) return err_set(e, ERR_DENIED, "An organisation has at most %d service accounts", SERVICE_ACCOUNTS_MAX);
    str name = account_plain_name(arena_fmt(a, "%.*s-%.*s", STR_ARG(org->name), STR_ARG(fullname)), a);
    if (!account_create_like(tx, name, out, a, e)) return false;
    out->fullname = fullname;
    out->details = details.p ? str_trim(details) : STR("");
    out->kind = ACCOUNT_SERVICE;
    out->service_of = org->id;
    return profile_check(out, e) && account_update(tx, out, e) &&
           db_run(tx, e, "UPDATE account SET service_of = ? WHERE id = ?", db_int(org->id), db_int(out->id)) &&
           account_set_member(tx, org->id, out->id, role, e);
}

bool service_list(struct db_conn *c, int64_t org_id, struct arena *a, struct account_member **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT " ACCOUNT_COLUMNS ", m.role FROM account a JOIN account_member m ON m.org_id = a.service_of AND m.user_id = a.id"
                              " WHERE a.service_of = ? ORDER BY a.name_key";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(org_id))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        struct account_member *m = &(*out)[(*n)++];
        account_read(&q, &m->user, a);
        must(account_role_parse(db_col_text(&q, ACCOUNT_COLUMNS_COUNT), &m->role)); /* the schema lets nothing else in */
    }
    return db_end(&q);
}

bool service_find(struct db_conn *c, int64_t org_id, str name_or_hex_id, struct account *out, bool *found, struct arena *a, struct err *e)
{
    if (!account_find_hex(c, name_or_hex_id, out, found, a, e)) return false;
    if (!*found && !account_find(c, name_or_hex_id, out, found, a, e)) return false;
    *found = *found && out->kind == ACCOUNT_SERVICE && out->service_of == org_id;
    return true;
}

/* ------------------------------------------------------------------ what their tokens may */

const char *const service_permission[] = { "repo.content.read", "repo.write", "collection.read", "collection.write", "inference.serverless.write",
                                           "org.read", "org.write", "resourceGroup.write", "org.serviceAccounts.read", "org.serviceAccounts.write", NULL };
static const char *const not_built[] = { "inference.endpoints.infer.write", "inference.endpoints.write", "job.write" };

static enum account_role needed(const char *permission)
{
    str p = str_c(permission);
    if (str_eq(p, STR("org.write")) || str_starts(p, STR("org.serviceAccounts."))) return ROLE_ADMIN;
    return str_eq(p, STR("repo.write")) || str_eq(p, STR("collection.write")) ? ROLE_CONTRIBUTOR : ROLE_READ;
}

bool service_permit(struct service_grant *g, bool of_repo, str permission, struct arena *a, struct err *e)
{
    const char ***list = of_repo ? &g->of_repo : &g->permission;
    size_t *n = of_repo ? &g->of_repos : &g->permissions;
    for (size_t i = 0; !of_repo && i < COUNT(not_built); i++)
        if (str_eq(permission, str_c(not_built[i])))
            return err_set(e, ERR_NOT_BUILT, "\"%s\" permits nothing here: this version of Hearth has no jobs or endpoints", not_built[i]);
    for (size_t i = 0; service_permission[i] && !(of_repo && i == SERVICE_OF_REPO); i++) {
        if (!str_eq(permission, str_c(service_permission[i]))) continue;
        for (size_t k = 0; k < *n; k++)
            if ((*list)[k] == service_permission[i]) return true;
        *list = arena_grow(a, *list, *n, sizeof **list);
        (*list)[(*n)++] = service_permission[i];
        return true;
    }
    return err_set(e, ERR_INVALID, "There is no permission \"%.*s\"%s", STR_ARG(str_to(permission, 100)), of_repo ? " of repositories" : "");
}

static bool may_give(const char *permission, const struct identity *by, const struct token_target *t, enum account_role role, struct err *e)
{
    str has = account_role_name(role), needs = account_role_name(needed(permission));
    if (role < needed(permission))
        return err_set(e, ERR_INVALID, "\"%s\" needs the role %.*s, and the service account has %.*s. Change its role, or leave this out", permission, STR_ARG(needs), STR_ARG(has));
    return !by || identity_token_may_give(by, permission, t) ||
           err_set(e, ERR_DENIED, "Your token has no \"%s\" of %.*s itself, so it cannot give it to another", permission, STR_ARG(t->entity_name));
}

bool service_grant_check(const struct service_grant *g, const struct identity *by, const struct account *org, enum account_role role, struct err *e)
{
    const struct token_target whole = { STR("org"), org->name, org->hex_id, org->name };
    if (g->of_repos && !g->repos) return err_set(e, ERR_INVALID, "\"repoPermissions\" belong to the repositories that \"repoIds\" names");
    for (size_t i = 0; i < g->permissions; i++)
        if (!may_give(g->permission[i], by, &whole, role, e)) return false;
    for (size_t r = 0; r < g->repos; r++) {
        const struct token_target t = { g->repo[r].type, g->repo[r].full_name, g->repo[r].hex_id, g->repo[r].owner };
        for (size_t i = 0; i < g->of_repos; i++)
            if (!may_give(g->of_repo[i], by, &t, role, e)) return false;
    }
    return true;
}

static void write_scope(struct json_writer *w, str type, str hex_id, str name, const char *const *permission, size_t n)
{
    jw_object(w);
    jw_kobject(w, "entity");
    jw_kstr(w, "_id", hex_id);
    jw_kstr(w, "type", type);
    jw_kstr(w, "name", name);
    jw_object_end(w);
    jw_karray(w, "permissions");
    for (size_t i = 0; i < n; i++) jw_str(w, str_c(permission[i]));
    jw_array_end(w);
    jw_object_end(w);
}

str service_grant_scopes(const struct service_grant *g, const struct account *org, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_karray(&w, "scoped");
    write_scope(&w, STR("org"), org->hex_id, org->name, g->permission, g->permissions);
    for (size_t i = 0; i < g->repos; i++) write_scope(&w, g->repo[i].type, g->repo[i].hex_id, g->repo[i].full_name, g->of_repo, g->of_repos);
    jw_array_end(&w);
    jw_karray(&w, "global");
    jw_array_end(&w);
    jw_kbool(&w, "canReadGatedRepos", false);
    jw_object_end(&w);
    str text = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return text;
}

bool service_grant_of(const struct token *t, struct service_grant *out, struct arena *a, struct err *e)
{
    struct json *scopes;
    str permission;
    *out = (struct service_grant){ 0 };
    if (!json_parse(t->scopes, a, &scopes, e)) return false;
    json_each (s, json_get(scopes, STR("scoped"))) {
        const struct json *entity = json_get(s, STR("entity"));
        str type = json_str_or(entity, STR("type"), STR("")), name = json_str_or(entity, STR("name"), STR(""));
        bool of_repo = !str_eq(type, STR("org"));
        size_t slash = str_chr(name, '/');
        if (of_repo) {
            out->repo = arena_grow(a, out->repo, out->repos, sizeof *out->repo);
            out->repo[out->repos++] = (struct service_repo){ type, json_str_or(entity, STR("_id"), STR("")), name, str_to(name, slash == STR_NONE ? 0 : slash) };
        }
        json_each (p, json_get(s, STR("permissions")))
            if (json_str(p, &permission) && !service_permit(out, of_repo, permission, a, e)) return false;
    }
    return true;
}
