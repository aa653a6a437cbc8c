/* hub/grouping.c - see hub/grouping.h. */
#include "hub/grouping.h"

#include "hub/bucket/bucket.h"
#include "hub/community/collection.h"
#include "hub/hub_priv.h"

struct grouped grouped_repo(const struct repo *r)
{
    return (struct grouped){ .kind = GROUPED_REPO, .id = r->id, .owner_id = r->owner_id, .group_id = r->group_id, .type = repo_kind_name(r->kind),
                             .hex_id = r->hex_id, .name = r->full_name, .is_private = r->is_private };
}

struct grouped grouped_bucket(const struct bucket *b)
{
    return (struct grouped){ .kind = GROUPED_BUCKET, .id = b->id, .owner_id = b->owner_id, .group_id = b->group_id, .type = STR("bucket"),
                             .hex_id = b->hex_id, .name = b->full_name, .is_private = b->is_private };
}

struct grouped grouped_collection(const struct collection *c)
{
    return (struct grouped){ .kind = GROUPED_COLLECTION, .id = c->id, .owner_id = c->owner_id, .group_id = c->group_id, .type = STR("collection"),
                             .hex_id = c->hex_id, .name = c->slug, .title = c->title, .is_private = c->is_private };
}

bool grouping_find(struct db_conn *c, const struct identity *who, str type, str hex_id, struct grouped *out, struct arena *a, struct err *e)
{
    struct repo r;
    struct bucket b;
    struct collection col;
    bool found;
    if (str_eq(type, STR("collection"))) {
        if (!collection_find(c, who, STR(""), hex_id, COLLECTION_WRITE, &col, a, e)) return false;
        *out = grouped_collection(&col);
    } else if (str_eq(type, STR("bucket"))) {
        if (!bucket_find_hex(c, hex_id, &b, &found, a, e) || !bucket_allow(c, who, found ? &b : NULL, REPO_ADMIN, e)) return false;
        *out = grouped_bucket(&b);
    } else {
        if (!repo_find_hex(c, hex_id, &r, &found, a, e) || !repo_allow(c, who, found ? &r : NULL, REPO_ADMIN, e)) return false;
        *out = grouped_repo(&r);
    }
    return true;
}

static bool administers(struct db_conn *c, const struct identity *who, int64_t owner_id, int64_t group_id, struct err *e)
{
    enum account_role role;
    if (!resource_role_in(c, who, owner_id, group_id, &role, e)) return false;
    return role == ROLE_ADMIN || err_set(e, ERR_DENIED, "Only administrators of a resource group put something into it or take something out");
}

bool grouping_allow(struct db_conn *c, const struct identity *who, const struct grouped *g, const struct resource_group *to, struct err *e)
{
    return (!g->group_id || administers(c, who, g->owner_id, g->group_id, e)) && (!to || administers(c, who, g->owner_id, to->id, e));
}

bool grouping_set(struct db_conn *tx, const struct grouped *g, const struct resource_group *to, const struct identity *who, struct err *e)
{
    static const struct {
        const char *sql, *audit;
    } kinds[] = {
#define MOVE(table) "UPDATE " table " SET group_id = nullif(?1, 0) WHERE id = ?2 AND coalesce(group_id, 0) = ?3 AND (?1 = 0 OR owner_id ="  \
                    " (SELECT org_id FROM resource_group WHERE id = ?1))"
        [GROUPED_REPO] = { MOVE("repo"), "repo.update_resource_group" },
        [GROUPED_BUCKET] = { MOVE("bucket"), "bucket.update_resource_group" },
        [GROUPED_COLLECTION] = { MOVE("collection"), "collection.update_resource_group" },
    };
    struct arena *a = arena_new(0);
    /* The group that the right was asked for: another may have moved it since. */
    bool ok = db_run(tx, e, kinds[g->kind].sql, db_int(to ? to->id : 0), db_int(g->id), db_int(g->group_id)) &&
              (db_changes(tx) == 1 || err_set(e, ERR_CONFLICT, "Somebody else has just moved %.*s, or the resource group is gone. Look again", STR_ARG(g->name)));
    str where = to ? to->name : STR("");
    ok = ok && audit_add(tx, who, kinds[g->kind].audit, g->owner_id,
                         to ? arena_fmt(a, "put %.*s %.*s into the resource group %.*s", STR_ARG(g->type), STR_ARG(g->name), STR_ARG(where))
                            : arena_fmt(a, "took %.*s %.*s out of its resource group", STR_ARG(g->type), STR_ARG(g->name)),
                         (str){ 0 }, e);
    arena_free(a);
    return ok;
}

bool grouping_move(struct hub *h, const struct identity *who, const struct grouped *g, const struct resource_group *to, struct err *e)
{
    struct db_conn *tx;
    return db_begin(h->db, &tx, e) && db_finish(h->db, tx, grouping_allow(tx, who, g, to, e) && grouping_set(tx, g, to, who, e), e);
}

bool grouping_choices(struct db_conn *c, const struct identity *who, const struct grouped *g, struct arena *a, struct resource_group **out, size_t *n, struct err *e)
{
    enum account_role role;
    size_t all;
    *n = 0;
    if (!resource_role_in(c, who, g->owner_id, g->group_id, &role, e)) return false;
    if (g->group_id && role != ROLE_ADMIN) return true;
    if (!resource_group_list(c, g->owner_id, 0, a, out, &all, e)) return false;
    for (size_t i = 0; i < all; i++) {
        if (!resource_role_in(c, who, g->owner_id, (*out)[i].id, &role, e)) return false;
        if (role == ROLE_ADMIN) (*out)[(*n)++] = (*out)[i];
    }
    return true;
}

bool grouping_each(struct db_conn *c, int64_t group_id, bool (*fn)(void *ctx, const struct grouped *g), void *ctx, struct err *e)
{
    static const char sql[] =
        "SELECT * FROM (SELECT 0 AS place, r.id, r.owner_id, r.kind AS type, r.hex_id, o.name || '/' || r.name AS name, '' AS title, r.is_private FROM repo r JOIN account o ON o.id = r.owner_id WHERE r.group_id = ?1"
        " UNION ALL SELECT 1, b.id, b.owner_id, 'bucket', b.hex_id, o.name || '/' || b.name, '', b.is_private FROM bucket b JOIN account o ON o.id = b.owner_id"
        " WHERE b.group_id = ?1 UNION ALL SELECT 2, c.id, c.owner_id, 'collection', c.hex_id, o.name, c.title, c.is_private FROM collection c"
        " JOIN account o ON o.id = c.owner_id WHERE c.group_id = ?1) ORDER BY place = 2, name, type, title";
    struct db_query q;
    bool goes_on = true;
    if (!db_query(c, &q, e, sql, db_int(group_id))) return false;
    while (goes_on && db_next(&q, e)) {
        struct grouped g = { .kind = (enum grouped_kind)db_col_int(&q, 0), .id = db_col_int(&q, 1), .owner_id = db_col_int(&q, 2), .group_id = group_id,
                             .type = db_col_text(&q, 3), .hex_id = db_col_text(&q, 4), .name = db_col_text(&q, 5), .title = db_col_text(&q, 6),
                             .is_private = db_col_int(&q, 7) != 0 };
        goes_on = fn(ctx, &g);
    }
    return db_end(&q);
}

bool grouping_bytes_list(struct db_conn *c, int64_t owner_id, struct arena *a, struct grouping_bytes **out, size_t *n, struct err *e)
{
    static const char sql[] =
        "WITH stored AS (SELECT coalesce(r.group_id, 0) AS place, r.is_private, i.used_bytes AS bytes FROM repo r JOIN repo_index i ON i.repo_id = r.id"
        " WHERE r.owner_id = ?1 UNION ALL SELECT coalesce(b.group_id, 0), b.is_private, b.size_bytes FROM bucket b WHERE b.owner_id = ?1),"
        " summed AS (SELECT place, sum(bytes * (is_private = 0)) AS open_bytes, sum(bytes * is_private) AS private_bytes FROM stored GROUP BY place)"
        " SELECT 0, '', '', coalesce(s.open_bytes, 0), coalesce(s.private_bytes, 0) FROM (SELECT 0 AS id) LEFT JOIN summed s ON s.place = 0"
        " UNION ALL SELECT * FROM (SELECT g.id, g.hex_id, g.name, coalesce(s.open_bytes, 0), coalesce(s.private_bytes, 0) FROM resource_group g"
        " LEFT JOIN summed s ON s.place = g.id WHERE g.org_id = ?1 ORDER BY g.name)";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(owner_id))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = (struct grouping_bytes){ .group_id = db_col_int(&q, 0), .hex_id = db_col_dup(&q, 1, a), .name = db_col_dup(&q, 2, a),
                                                  .open_bytes = db_col_int(&q, 3), .private_bytes = db_col_int(&q, 4) };
    }
    return db_end(&q);
}
