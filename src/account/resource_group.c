/* account/resource_group.c - see account/resource_group.h.
 *
 * That a member of a group is one of its organisation stands in the schema: his row here goes with his row there. */
#include "account/resource_group.h"

#include "account/account_priv.h"
#include "base/clock.h"

/* ------------------------------------------------------------------ who may do what */

static bool role_in_group(struct db_conn *c, int64_t group_id, int64_t user_id, enum account_role *out, struct err *e)
{
    struct db_query q;
    *out = ROLE_NONE;
    if (!db_query(c, &q, e, "SELECT role FROM resource_group_member WHERE group_id = ? AND user_id = ?", db_int(group_id), db_int(user_id))) return false;
    if (db_next(&q, e)) must(account_role_parse(db_col_text(&q, 0), out)); /* the schema lets nothing else in */
    return db_end(&q);
}

bool resource_role_in(struct db_conn *c, const struct identity *who, int64_t owner_id, int64_t group_id, enum account_role *out, struct err *e)
{
    if (!account_role_in(c, who, owner_id, out, e)) return false;
    if (!group_id || *out == ROLE_NONE || *out == ROLE_ADMIN) return true;
    return role_in_group(c, group_id, who->user_id, out, e);
}

bool resource_view_of(struct db_conn *c, const struct identity *who, int64_t owner_id, enum resource_view *out, struct err *e)
{
    enum account_role role;
    int64_t has_groups = 0;
    if (!account_role_in(c, who, owner_id, &role, e)) return false;
    if (role != ROLE_NONE && role != ROLE_ADMIN &&
        !db_get_int(c, &has_groups, 0, e, "SELECT 1 FROM resource_group WHERE org_id = ? LIMIT 1", db_int(owner_id))) return false;
    *out = has_groups ? SEES_SOME : role >= ROLE_READ ? SEES_ALL : SEES_NOTHING;
    return true;
}

/* ------------------------------------------------------------------ groups */

#define GROUP_COLUMNS                                                                                                      \
    "g.id, g.org_id, g.created_ms, (SELECT count(*) FROM resource_group_member m WHERE m.group_id = g.id), g.hex_id, g.name," \
    " g.description, g.auto_role, g.auto_scope = 'read_plus'"

static void group_read(struct db_query *q, struct resource_group *out, struct arena *a)
{
    *out = (struct resource_group){
        .id = db_col_int(q, 0),
        .org_id = db_col_int(q, 1),
        .created_ms = db_col_int(q, 2),
        .members_count = db_col_int(q, 3),
        .hex_id = db_col_dup(q, 4, a),
        .name = db_col_dup(q, 5, a),
        .description = db_col_dup(q, 6, a),
        .auto_from_read = db_col_int(q, 8) != 0,
    };
    if (!db_col_is_null(q, 7)) must(account_role_parse(db_col_text(q, 7), &out->auto_role)); /* the schema lets nothing else in */
}

static bool read_one(struct db_query *q, struct resource_group *out, bool *found, struct arena *a, struct err *e)
{
    *found = db_next(q, e);
    if (*found) group_read(q, out, a);
    return db_end(q);
}

bool resource_group_get(struct db_conn *c, int64_t id, struct resource_group *out, struct arena *a, struct err *e)
{
    struct db_query q;
    bool found;
    if (!db_query(c, &q, e, "SELECT " GROUP_COLUMNS " FROM resource_group g WHERE g.id = ?", db_int(id)) || !read_one(&q, out, &found, a, e)) return false;
    return found || err_set(e, ERR_NOT_FOUND, "The resource group is gone");
}

bool resource_group_find(struct db_conn *c, int64_t org_id, str hex_id, struct resource_group *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " GROUP_COLUMNS " FROM resource_group g WHERE g.hex_id = ? AND g.org_id = ?";
    struct db_query q;
    return db_query(c, &q, e, sql, db_text(hex_id), db_int(org_id)) && read_one(&q, out, found, a, e);
}

bool resource_group_find_name(struct db_conn *c, int64_t org_id, str name, struct resource_group *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " GROUP_COLUMNS " FROM resource_group g WHERE g.org_id = ? AND g.name = ?";
    struct db_query q;
    return db_query(c, &q, e, sql, db_int(org_id), db_text(name)) && read_one(&q, out, found, a, e);
}

bool resource_group_list(struct db_conn *c, int64_t org_id, int64_t user_id, struct arena *a, struct resource_group **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT " GROUP_COLUMNS " FROM resource_group g WHERE g.org_id = ?1 AND (?2 = 0 OR EXISTS"
                              " (SELECT 1 FROM resource_group_member x WHERE x.group_id = g.id AND x.user_id = ?2 AND x.role <> 'no_access'))"
                              " ORDER BY g.name";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(org_id), db_int(user_id))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        group_read(&q, &(*out)[(*n)++], a);
    }
    return db_end(&q);
}

static bool text_check(str s, const char *what, size_t min, size_t max, struct err *e)
{
    if (s.n >= min && s.n <= max) return true;
    return err_set(e, ERR_INVALID, "\"%s\" must have %zu to %zu bytes", what, min, max);
}

static bool check(str name, str description, struct err *e)
{
    return text_check(name, "name", 1, RESOURCE_GROUP_NAME_MAX, e) && text_check(description, "description", 0, RESOURCE_GROUP_DESCRIPTION_MAX, e);
}

static bool refuse_taken(str name, struct err *e)
{
    return e->code == ERR_CONFLICT ? err_set(e, ERR_CONFLICT, "There is a resource group \"%.*s\" already", STR_ARG(name)) : false;
}

bool resource_group_create(struct db_conn *tx, int64_t org_id, str name, str description, struct resource_group *out, struct arena *a, struct err *e)
{
    static const char sql[] = "INSERT INTO resource_group (hex_id, org_id, name, description, created_ms) VALUES (?, ?, ?, ?, ?)";
    char hex_id[25];
    int64_t n;
    name = str_trim(name);
    description = description.p ? str_trim(description) : STR("");
    if (!check(name, description, e) || !db_get_int(tx, &n, 0, e, "SELECT count(*) FROM resource_group WHERE org_id = ?", db_int(org_id))) return false;
    if (n >= RESOURCE_GROUPS_MAX) return err_set(e, ERR_DENIED, "An organisation has at most %d resource groups", RESOURCE_GROUPS_MAX);
    random_hex(hex_id, 24);
    if (!db_run(tx, e, sql, db_text(str_c(hex_id)), db_int(org_id), db_text(name), db_text(description), db_int(clock_now_ms()))) return refuse_taken(name, e);
    return resource_group_get(tx, db_last_id(tx), out, a, e);
}

bool resource_group_update(struct db_conn *tx, const struct resource_group *g, struct err *e)
{
    static const char sql[] = "UPDATE resource_group SET name = ?2, description = ?3, auto_role = ?4, auto_scope = iif(?5, 'read_plus', 'all') WHERE id = ?1";
    static const char join[] = "INSERT INTO resource_group_member (group_id, org_id, user_id, role)"
                               " SELECT g.id, g.org_id, m.user_id, g.auto_role FROM resource_group g JOIN account_member m ON m.org_id = g.org_id"
                               " JOIN account a ON a.id = m.user_id AND a.service_of IS NULL"
                               " WHERE g.id = ?1 AND g.auto_role IS NOT NULL AND (g.auto_scope = 'all' OR m.role <> 'no_access')"
                               " ON CONFLICT (group_id, user_id) DO NOTHING";
    str name = str_trim(g->name), description = str_trim(g->description);
    int64_t by_scim = 0;
    if (!check(name, description, e)) return false;
    if (g->auto_role != ROLE_NONE && !db_get_int(tx, &by_scim, 0, e, "SELECT 1 FROM scim_group WHERE group_id = ?", db_int(g->id))) return false;
    if (by_scim) return err_set(e, ERR_INVALID, "The identity provider says who is in \"%.*s\", so nobody joins it by himself", STR_ARG(g->name));
    if (!db_run(tx, e, sql, db_int(g->id), db_text(name), db_text(description),
                g->auto_role == ROLE_NONE ? db_null() : db_text(account_role_name(g->auto_role)), db_int(g->auto_from_read)))
        return refuse_taken(name, e);
    return db_run(tx, e, join, db_int(g->id));
}

bool resource_group_delete(struct db_conn *tx, const struct resource_group *g, struct err *e)
{
    static const char things[] = "SELECT (SELECT count(*) FROM repo WHERE group_id = ?1) + (SELECT count(*) FROM bucket WHERE group_id = ?1)"
                                 " + (SELECT count(*) FROM collection WHERE group_id = ?1)";
    int64_t n;
    if (!db_get_int(tx, &n, 0, e, things, db_int(g->id))) return false;
    if (n)
        return err_set(e, ERR_CONFLICT, "There %s %lld thing%s in the resource group \"%.*s\", which more people could see without it. Take %s out first",
                       n == 1 ? "is" : "are", (long long)n, n == 1 ? "" : "s", STR_ARG(g->name), n == 1 ? "it" : "them");
    if (!db_run(tx, e, "DELETE FROM resource_group WHERE id = ?", db_int(g->id))) return false;
    return db_changes(tx) > 0 || err_set(e, ERR_NOT_FOUND, "The resource group is gone");
}

/* ------------------------------------------------------------------ members */

bool resource_group_set_member(struct db_conn *tx, const struct resource_group *g, int64_t user_id, enum account_role role, struct err *e)
{
    static const char put[] = "INSERT INTO resource_group_member (group_id, org_id, user_id, role)"
                              " SELECT g.id, m.org_id, m.user_id, ?3 FROM resource_group g JOIN account_member m ON m.org_id = g.org_id"
                              " WHERE g.id = ?1 AND m.user_id = ?2 ON CONFLICT (group_id, user_id) DO UPDATE SET role = excluded.role";
    static const char delete[] = "DELETE FROM resource_group_member WHERE group_id = ? AND user_id = ?";
    if (role == ROLE_NONE) {
        int64_t by_scim;
        if (!db_get_int(tx, &by_scim, 0, e, "SELECT 1 FROM scim_group_member WHERE group_id = ? AND user_id = ?", db_int(g->id), db_int(user_id))) return false;
        if (by_scim) return err_set(e, ERR_CONFLICT, "The identity provider put this user into \"%.*s\", and takes him out", STR_ARG(g->name));
        if (!db_run(tx, e, delete, db_int(g->id), db_int(user_id))) return false;
        return db_changes(tx) > 0 || err_set(e, ERR_NOT_FOUND, "The user is not in the resource group \"%.*s\"", STR_ARG(g->name));
    }
    if (!db_run(tx, e, put, db_int(g->id), db_int(user_id), db_text(account_role_name(role)))) return false;
    return db_changes(tx) > 0 || err_set(e, ERR_INVALID, "Only members of the organisation can be in its resource groups");
}

bool resource_group_leave_all(struct db_conn *tx, int64_t org_id, int64_t user_id, struct err *e)
{
    static const char sql[] = "DELETE FROM resource_group_member WHERE org_id = ?1 AND user_id = ?2"
                              " AND group_id NOT IN (SELECT s.group_id FROM scim_group_member s WHERE s.org_id = ?1 AND s.user_id = ?2)";
    return db_run(tx, e, sql, db_int(org_id), db_int(user_id));
}

bool resource_group_members(struct db_conn *c, int64_t group_id, struct arena *a, struct account_member **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT " ACCOUNT_COLUMNS ", m.role FROM resource_group_member m JOIN account a ON a.id = m.user_id"
                              " WHERE m.group_id = ? ORDER BY a.name_key";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(group_id))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        struct account_member *m = &(*out)[(*n)++];
        account_read(&q, &m->user, a);
        must(account_role_parse(db_col_text(&q, ACCOUNT_COLUMNS_COUNT), &m->role));
    }
    return db_end(&q);
}
