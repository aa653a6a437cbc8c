/* account/scim_group.c - groups of an organisation's identity provider: resource groups whose people it keeps; see account/scim.h.
 *
 * Only groups that SCIM made are SCIM's.  In them, people whom somebody put there by hand stay as they are. */
#include "account/account_priv.h"
#include "account/resource_group.h"
#include "account/scim.h"

#define GROUPS "SELECT g.id, g.hex_id, g.name, s.external_id, s.role FROM scim_group s JOIN resource_group g ON g.id = s.group_id WHERE s.org_id = ?1"

static void read_group(struct db_query *q, struct scim_group *out, struct arena *a)
{
    *out = (struct scim_group){ .id = db_col_int(q, 0), .hex_id = db_col_dup(q, 1, a), .name = db_col_dup(q, 2, a), .external_id = db_col_dup(q, 3, a) };
    must(account_role_parse(db_col_text(q, 4), &out->role)); /* the schema lets nothing else in */
}

bool scim_group_find(struct db_conn *c, int64_t org_id, str hex_id, struct scim_group *out, bool *found, struct arena *a, struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, GROUPS " AND g.hex_id = ?2", db_int(org_id), db_text(hex_id))) return false;
    *found = db_next(&q, e);
    if (*found) read_group(&q, out, a);
    return db_end(&q);
}

bool scim_group_list(struct db_conn *c, int64_t org_id, struct arena *a, struct scim_group **out, size_t *n, struct err *e)
{
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, GROUPS " ORDER BY s.group_id", db_int(org_id))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        read_group(&q, &(*out)[(*n)++], a);
    }
    return db_end(&q);
}

static bool noted(struct db_conn *tx, const struct scim_by *by, const char *type, str what, struct err *e)
{
    return audit_add(tx, by->who, type, by->org->id, what, by->ip, e);
}

static bool refuse_taken(struct err *e)
{
    if (e->code == ERR_CONFLICT) e->kind = SCIM_UNIQUENESS;
    return false;
}

static bool refuse_taken_id(str external_id, struct err *e)
{
    if (e->code == ERR_CONFLICT) err_kind(e, ERR_CONFLICT, SCIM_UNIQUENESS, "The externalId \"%.*s\" is another group's", STR_ARG(external_id));
    return false;
}

static bool check_external_id(str external_id, struct err *e)
{
    enum { EXTERNAL_ID_MAX = 255 };
    return (external_id.n <= EXTERNAL_ID_MAX && str_is_utf8(external_id)) || err_set(e, ERR_INVALID, "\"externalId\" has at most %d bytes", EXTERNAL_ID_MAX);
}

bool scim_group_create(struct db_conn *tx, const struct scim_by *by, str name, str external_id, struct scim_group *out, struct arena *a, struct err *e)
{
    struct resource_group g;
    bool found;
    if (!check_external_id(external_id, e)) return false;
    if (!resource_group_create(tx, by->org->id, name, STR(""), &g, a, e)) return refuse_taken(e);
    if (!db_run(tx, e, "INSERT INTO scim_group (group_id, org_id, external_id) VALUES (?, ?, ?)", db_int(g.id), db_int(by->org->id), db_text_or_null(external_id)))
        return refuse_taken_id(external_id, e);
    return scim_group_find(tx, by->org->id, g.hex_id, out, &found, a, e) && noted(tx, by, "resource_group.create", arena_fmt(a, "%.*s, by SCIM", STR_ARG(g.name)), e);
}

bool scim_group_update(struct db_conn *tx, const struct scim_by *by, const struct scim_group *was, const struct scim_group *to, struct arena *a, struct err *e)
{
    struct resource_group g;
    bool is_same_id = (was->external_id.p != NULL) == (to->external_id.p != NULL) && str_eq(was->external_id, to->external_id);
    if (str_eq(was->name, to->name) && is_same_id) return true;
    if (!check_external_id(to->external_id, e) || !resource_group_get(tx, was->id, &g, a, e)) return false;
    g.name = to->name;
    if (!resource_group_update(tx, &g, e)) return refuse_taken(e);
    if (!db_run(tx, e, "UPDATE scim_group SET external_id = ? WHERE group_id = ?", db_text_or_null(to->external_id), db_int(was->id))) return refuse_taken_id(to->external_id, e);
    return noted(tx, by, "resource_group.settings", arena_fmt(a, "%.*s is %.*s, by SCIM", STR_ARG(was->name), STR_ARG(to->name)), e);
}

bool scim_group_remove(struct db_conn *tx, const struct scim_by *by, const struct scim_group *g, struct arena *a, struct err *e)
{
    struct resource_group whole;
    return resource_group_get(tx, g->id, &whole, a, e) && resource_group_delete(tx, &whole, e) &&
           noted(tx, by, "resource_group.delete", arena_fmt(a, "%.*s, by SCIM", STR_ARG(g->name)), e);
}

bool scim_group_set_role(struct db_conn *tx, const struct scim_by *by, const struct scim_group *g, enum account_role role, struct arena *a, struct err *e)
{
    static const char members[] = "UPDATE resource_group_member SET role = ?1 WHERE group_id = ?2 AND user_id IN (SELECT user_id FROM scim_group_member WHERE group_id = ?2)";
    str name = account_role_name(role);
    return db_run(tx, e, "UPDATE scim_group SET role = ? WHERE group_id = ?", db_text(name), db_int(g->id)) && db_run(tx, e, members, db_text(name), db_int(g->id)) &&
           noted(tx, by, "resource_group.change_role", arena_fmt(a, "%.*s: who comes by SCIM has the role %.*s", STR_ARG(g->name), STR_ARG(name)), e);
}

/* ------------------------------------------------------------------ members */

bool scim_group_members(struct db_conn *c, const struct scim_group *g, enum scim_kind kind, scim_member_fn *fn, void *ctx, struct err *e)
{
    static const char sql[] = "SELECT a.hex_id FROM scim_group_member m JOIN scim_user s ON s.org_id = m.org_id AND s.user_id = m.user_id AND s.is_managed = ?2"
                              " JOIN account a ON a.id = m.user_id WHERE m.group_id = ?1 ORDER BY m.user_id";
    struct db_query q;
    bool go_on = true;
    if (!db_query(c, &q, e, sql, db_int(g->id), db_int(kind))) return false;
    while (go_on && db_next(&q, e)) go_on = fn(ctx, db_col_text(&q, 0));
    return db_end(&q);
}

static int by_number(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

/* The accounts of these ids, in order, each once. */
static bool find_members(struct db_conn *tx, const struct scim_by *by, enum scim_kind kind, const str *hex_id, size_t n, int64_t **out, size_t *count, struct arena *a,
                         struct err *e)
{
    static const char sql[] = "SELECT s.user_id FROM scim_user s WHERE s.org_id = ? AND s.is_managed = ? AND s.removed_ms IS NULL AND s.user_id = (SELECT id FROM account WHERE hex_id = ?)";
    int64_t *id = arena_alloc(a, (n + 1) * sizeof *id);
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!db_get_int(tx, &id[i], 0, e, sql, db_int(by->org->id), db_int(kind), db_text(hex_id[i]))) return false;
        if (!id[i]) return err_set(e, ERR_INVALID, "\"members\": there is no user \"%.*s\" by SCIM in %.*s", STR_ARG(str_to(hex_id[i], 60)), STR_ARG(by->org->name));
    }
    qsort(id, n, sizeof *id, by_number);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || id[i] != id[*count - 1]) id[(*count)++] = id[i];
    *out = id;
    return true;
}

static bool find_present(struct db_conn *tx, enum scim_kind kind, const struct scim_group *g, int64_t **out, size_t *n, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT m.user_id FROM scim_group_member m JOIN scim_user s ON s.org_id = m.org_id AND s.user_id = m.user_id"
                              " WHERE m.group_id = ? AND s.is_managed = ? ORDER BY m.user_id";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(tx, &q, e, sql, db_int(g->id), db_int(kind))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = db_col_int(&q, 0);
    }
    return db_end(&q);
}

static bool put_in(struct db_conn *tx, const struct scim_by *by, const struct scim_group *g, int64_t user_id, struct err *e)
{
    static const char join[] = "INSERT INTO resource_group_member (group_id, org_id, user_id, role) SELECT ?1, m.org_id, m.user_id, ?4 FROM account_member m"
                               " WHERE m.org_id = ?2 AND m.user_id = ?3 ON CONFLICT (group_id, user_id) DO NOTHING";
    return db_run(tx, e, "INSERT INTO scim_group_member (group_id, org_id, user_id) VALUES (?, ?, ?)", db_int(g->id), db_int(by->org->id), db_int(user_id)) &&
           db_run(tx, e, join, db_int(g->id), db_int(by->org->id), db_int(user_id), db_text(account_role_name(g->role)));
}

static bool take_out(struct db_conn *tx, const struct scim_group *g, int64_t user_id, struct err *e)
{
    return db_run(tx, e, "DELETE FROM scim_group_member WHERE group_id = ? AND user_id = ?", db_int(g->id), db_int(user_id)) &&
           db_run(tx, e, "DELETE FROM resource_group_member WHERE group_id = ? AND user_id = ?", db_int(g->id), db_int(user_id));
}

bool scim_group_set_members(struct db_conn *tx, const struct scim_by *by, enum scim_kind kind, const struct scim_group *g, const str *hex_id, size_t n,
                            struct arena *a, struct err *e)
{
    int64_t *want = NULL, *have = NULL;
    size_t wants = 0, haves = 0, added = 0, removed = 0, w = 0, h = 0;
    if (!find_members(tx, by, kind, hex_id, n, &want, &wants, a, e) || !find_present(tx, kind, g, &have, &haves, a, e)) return false;
    while (w < wants || h < haves) { /* both in order */
        bool is_new = h == haves || (w < wants && want[w] < have[h]), is_old = !is_new && (w == wants || have[h] < want[w]);
        if (is_new ? !put_in(tx, by, g, want[w], e) : is_old && !take_out(tx, g, have[h], e)) return false;
        added += is_new;
        removed += is_old;
        w += !is_old;
        h += !is_new;
    }
    if (added && !noted(tx, by, "resource_group.add_users", arena_fmt(a, "%.*s: %zu by SCIM", STR_ARG(g->name), added), e)) return false;
    return !removed || noted(tx, by, "resource_group.remove_users", arena_fmt(a, "%.*s: %zu by SCIM", STR_ARG(g->name), removed), e);
}
