/* hub/index/owned.c - see owned.h. */
#include "hub/index/owned.h"

#include "hub/hub_priv.h"

bool owned_each(struct db_conn *c, const struct owned_query *q, bool (*fn)(void *ctx, const struct owned *o), void *ctx, struct err *e)
{
    static const char sql[] =
        "WITH owned AS (SELECT i.full_name, i.kind, i.modified_ms, r.is_private, i.used_bytes, r.hex_id, r.name_key, 2 * r.id AS place"
        " FROM repo r JOIN repo_index i ON i.repo_id = r.id WHERE r.owner_id = ?1"
        " AND (?8 = 0 OR r.is_private = 0 OR " PRIVATE_SEEN_BY("r.owner_id", "r.group_id", "?8") ")"
        " UNION ALL SELECT o.name || '/' || b.name, 'bucket', b.updated_ms, b.is_private, b.size_bytes, b.hex_id, b.name_key, 2 * b.id + 1"
        " FROM bucket b JOIN account o ON o.id = b.owner_id WHERE b.owner_id = ?1"
        " AND (?8 = 0 OR b.is_private = 0 OR " PRIVATE_SEEN_BY("b.owner_id", "b.group_id", "?8") ")),"
        " ranked AS (SELECT *, CASE WHEN ?4 THEN used_bytes ELSE modified_ms END * CASE WHEN ?5 THEN -1 ELSE 1 END AS rank FROM owned)"
        " SELECT full_name, kind, modified_ms, is_private, used_bytes, hex_id,"
        " CASE WHEN ?8 THEN (SELECT sum(used_bytes) FROM owned)"
        " ELSE (SELECT coalesce(sum(used_bytes), 0) FROM repo_index INDEXED BY repo_index_by_owner WHERE owner_id = ?1)"
        " + (SELECT coalesce(sum(size_bytes), 0) FROM bucket WHERE owner_id = ?1) END, rank, place FROM ranked"
        " WHERE (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR instr(name_key, lower(?3)) > 0) AND (rank, place) < (?6, ?7)"
        " ORDER BY rank DESC, place DESC";
    struct db_query rows;
    struct feed_place from;
    bool goes_on = true;
    if (!feed_place_parse(q->cursor, &from, e)) return false;
    if (!db_query(c, &rows, e, sql, db_int(q->owner_id), db_text_or_null(q->kind), db_text_or_null(q->search), db_int(q->by_storage),
                  db_int(q->ascending), db_int(from.at_ms), db_int(from.id), db_int(q->reader_id)))
        return false;
    while (goes_on && db_next(&rows, e)) {
        struct owned o = { .full_name = db_col_text(&rows, 0), .kind = db_col_text(&rows, 1), .updated_ms = db_col_int(&rows, 2),
                           .is_private = db_col_int(&rows, 3) != 0, .used_bytes = db_col_int(&rows, 4), .hex_id = db_col_text(&rows, 5),
                           .all_bytes = db_col_int(&rows, 6), .place = { db_col_int(&rows, 7), db_col_int(&rows, 8) } };
        goes_on = fn(ctx, &o);
    }
    return db_end(&rows);
}

bool owned_count(struct db_conn *c, int64_t owner_id, enum repo_kind kind, enum resource_view view, int64_t reader_id, int64_t *n, struct err *e)
{
    static const char sql[] = "SELECT count(*) FROM repo_index WHERE owner_id = ? AND kind = ? AND is_private <= ?";
    static const char some[] = "SELECT count(*) FROM repo r WHERE r.owner_id = ?1 AND r.kind = ?2 AND (r.is_private = 0 OR " PRIVATE_SEEN_BY("r.owner_id", "r.group_id", "?3") ")";
    if (view == SEES_SOME) return db_get_int(c, n, 0, e, some, db_int(owner_id), db_text(repo_kind_name(kind)), db_int(reader_id));
    return db_get_int(c, n, 0, e, sql, db_int(owner_id), db_text(repo_kind_name(kind)), db_int(view == SEES_ALL));
}

bool owned_bytes(struct db_conn *c, int64_t owner_id, bool is_private, int64_t *n, struct err *e)
{
    static const char sql[] = "SELECT coalesce(sum(used_bytes), 0) FROM repo_index INDEXED BY repo_index_by_owner WHERE owner_id = ? AND is_private = ?";
    return db_get_int(c, n, 0, e, sql, db_int(owner_id), db_int(is_private));
}
