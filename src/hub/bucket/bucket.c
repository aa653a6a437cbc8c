/* hub/bucket/bucket.c - the life of a bucket: found, listed, made, renamed, deleted.
 *
 * A bucket is one row.  Whatever is done to it is one transaction, in which the row must still be there; so nothing needs a lock of
 * its own.  When the row is gone so is the bucket: rows of its files, which may be a million, are removed behind it, and by
 * collection if a crash came first (bucket_care.c). */
#include "hub/bucket/bucket_priv.h"

#include "base/clock.h"
#include "base/log.h"

static bool no_bucket(struct err *e) { return err_kind(e, ERR_NOT_FOUND, HUB_NO_REPO, "Repository not found"); }

/* ------------------------------------------------------------------ finding */

void bucket_read(struct db_query *q, struct bucket *out, struct arena *a)
{
    *out = (struct bucket){
        .id = db_col_int(q, 0),
        .owner_id = db_col_int(q, 1),
        .creator_id = db_col_int(q, 2),
        .hex_id = db_col_dup(q, 3, a),
        .owner = db_col_dup(q, 4, a),
        .name = db_col_dup(q, 5, a),
        .is_private = db_col_int(q, 6) != 0,
        .owner_is_org = str_eq(db_col_text(q, 7), STR("org")),
        .files_count = db_col_int(q, 8),
        .size_bytes = (uint64_t)db_col_int(q, 9),
        .created_ms = db_col_int(q, 10),
        .updated_ms = db_col_int(q, 11),
        .group_id = db_col_int(q, 12),
    };
    out->full_name = arena_fmt(a, "%.*s/%.*s", STR_ARG(out->owner), STR_ARG(out->name));
}

static bool read_one(struct db_query *q, struct bucket *out, bool *found, struct arena *a, struct err *e)
{
    *found = db_next(q, e);
    if (*found) bucket_read(q, out, a);
    return db_end(q);
}

bool bucket_find(struct db_conn *c, str owner, str name, struct bucket *out, bool *found, bool *moved, struct arena *a,
                 struct err *e)
{
    static const char by_name[] = "SELECT " BUCKET_COLUMNS " FROM account o JOIN bucket b ON b.owner_id = o.id"
                                  " WHERE o.name_key = ? AND b.name_key = ?";
    static const char by_former_name[] = "SELECT " BUCKET_COLUMNS " FROM bucket_former_name f JOIN bucket b ON b.id = f.bucket_id"
                                         " JOIN account o ON o.id = b.owner_id WHERE f.owner_key = ? AND f.name_key = ?";
    const char *const sql[] = { by_name, by_former_name };
    str owner_key = name_key(owner, a), key = name_key(name, a);
    *found = *moved = false;
    for (size_t i = 0; i < COUNT(sql) && !*found; i++) {
        struct db_query q;
        if (!db_query(c, &q, e, sql[i], db_text(owner_key), db_text(key)) || !read_one(&q, out, found, a, e)) return false;
    }
    if (*found) *moved = !str_eq(out->owner, owner) || !str_eq(out->name, name);
    return true;
}

bool bucket_find_hex(struct db_conn *c, str hex_id, struct bucket *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " BUCKET_COLUMNS " FROM bucket b JOIN account o ON o.id = b.owner_id WHERE b.hex_id = ?";
    struct db_query q;
    return db_query(c, &q, e, sql, db_text(hex_id)) && read_one(&q, out, found, a, e);
}

bool bucket_get(struct db_conn *c, int64_t id, struct bucket *out, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " BUCKET_COLUMNS " FROM bucket b JOIN account o ON o.id = b.owner_id WHERE b.id = ?";
    struct db_query q;
    bool found;
    if (!db_query(c, &q, e, sql, db_int(id)) || !read_one(&q, out, &found, a, e)) return false;
    return found || no_bucket(e);
}

bool bucket_find_allowed(struct db_conn *c, const struct identity *who, str owner, str name, enum repo_right right,
                         struct bucket *out, bool *moved, struct arena *a, struct err *e)
{
    bool found;
    return bucket_find(c, owner, name, out, &found, moved, a, e) && bucket_allow(c, who, found ? out : NULL, right, e);
}

/* ------------------------------------------------------------------ listing
 *
 * What somebody may not see is left out by the query as far as roles say it, and row by row for what is private: tokens may be for
 * some buckets alone. */

enum { LIST_MAX = 1000 };

#define VISIBLE                                                                                                            \
    "(NOT b.is_private OR ?1 OR " PRIVATE_SEEN_BY("b.owner_id", "b.group_id", "?2") ")"
#define MATCHES "(?4 = '' OR instr(o.name_key || '/' || b.name_key, ?4) > 0)"
static const char list_by_created[] =
    "SELECT " BUCKET_COLUMNS " FROM bucket b JOIN account o ON o.id = b.owner_id WHERE " VISIBLE " AND ?3 = 0 AND " MATCHES
    " AND b.id < ?6 AND ?5 = ?5 ORDER BY b.id DESC";
static const char list_owner_by_created[] =
    "SELECT " BUCKET_COLUMNS " FROM bucket b JOIN account o ON o.id = b.owner_id WHERE " VISIBLE " AND b.owner_id = ?3 AND " MATCHES
    " AND b.id < ?6 AND ?5 = ?5 ORDER BY b.id DESC";
static const char list_by_updated[] =
    "SELECT " BUCKET_COLUMNS " FROM bucket b JOIN account o ON o.id = b.owner_id WHERE " VISIBLE " AND ?3 = 0 AND " MATCHES
    " AND (b.updated_ms, b.id) < (?5, ?6) ORDER BY b.updated_ms DESC, b.id DESC";
static const char list_owner_by_updated[] =
    "SELECT " BUCKET_COLUMNS " FROM bucket b JOIN account o ON o.id = b.owner_id WHERE " VISIBLE " AND b.owner_id = ?3 AND " MATCHES
    " AND (b.updated_ms, b.id) < (?5, ?6) ORDER BY b.updated_ms DESC, b.id DESC";

static bool read_cursor(str cursor, int64_t *updated_ms, int64_t *id, struct err *e)
{
    str first, rest = cursor;
    *updated_ms = *id = INT64_MAX;
    if (!cursor.n) return true;
    if (str_cut(&rest, '.', &first) && str_i64(first, updated_ms) && str_i64(rest, id)) return true;
    return err_set(e, ERR_INVALID, "\"cursor\" is malformed");
}

static bool may_see(struct db_conn *c, const struct identity *who, const struct bucket *b, bool *may, struct err *e)
{
    struct err why;
    *may = !b->is_private || bucket_allow(c, who, b, REPO_SEE, &why);
    if (*may || why.code == ERR_UNAUTHENTICATED || why.code == ERR_DENIED || why.code == ERR_NOT_FOUND) return true;
    return (*e = why, false);
}

bool bucket_list(struct db_conn *c, const struct identity *who, const struct bucket_list_query *l, struct arena *a,
                 struct bucket **out, size_t *n, str *next, struct err *e)
{
    struct db_query q;
    int64_t updated_ms, id;
    size_t limit = l->limit < LIST_MAX ? l->limit : LIST_MAX;
    const char *by_updated = l->owner_id ? list_owner_by_updated : list_by_updated;
    const char *by_created = l->owner_id ? list_owner_by_created : list_by_created;
    *n = 0;
    *next = STR("");
    *out = arena_alloc(a, (limit + 1) * sizeof **out);
    if (!read_cursor(l->cursor, &updated_ms, &id, e)) return false;
    if (!db_query(c, &q, e, l->sort == BUCKETS_BY_UPDATED ? by_updated : by_created, db_int(who->is_admin), db_int(who->user_id),
                  db_int(l->owner_id), db_text(name_key(l->search.p ? l->search : STR(""), a)), db_int(updated_ms), db_int(id)))
        return false;
    bool ok = true, more = false;
    while (ok && !more && db_next(&q, e)) {
        bool may = false;
        struct bucket *b = &(*out)[*n];
        bucket_read(&q, b, a);
        ok = may_see(c, who, b, &may, e);
        if (!ok || !may) continue;
        more = *n == limit;
        *n += !more;
    }
    if (more && *n) *next = arena_fmt(a, "%lld.%lld", (long long)(*out)[*n - 1].updated_ms, (long long)(*out)[*n - 1].id);
    return db_end(&q) && ok;
}

/* ------------------------------------------------------------------ creation */

static bool refuse_taken(struct err *e) { return err_set(e, ERR_CONFLICT, "You already created this bucket"); }

static bool name_check(str name, struct err *e)
{
    if (str_chr(name, '/') != STR_NONE) return err_set(e, ERR_INVALID, "The name of a bucket must not have a '/' in it");
    return repo_name_check(name, e);
}

static bool audit(struct db_conn *tx, const struct identity *who, const char *type, const struct bucket *b, str message, struct err *e)
{
    return audit_add(tx, who, type, b->owner_id, message, (str){ 0 }, e);
}

static bool insert_row(struct db_conn *tx, const struct bucket_create *q, int64_t *id, struct arena *a, struct err *e)
{
    static const char insert[] = "INSERT INTO bucket (hex_id, owner_id, name, name_key, creator_id, group_id, is_private, created_ms, updated_ms)"
                                 " VALUES (?1, ?2, ?3, ?4, nullif(?5, 0), nullif(?6, 0), ?7, ?8, ?8)";
    static const char takes_name[] = "DELETE FROM bucket_former_name WHERE owner_key = ? AND name_key = ?";
    char hex_id[25];
    random_hex(hex_id, 24);
    str key = name_key(q->name, a), owner_key = name_key(q->owner->name, a);
    bool is_private = q->has_private ? q->is_private : q->owner->repos_private;
    if (!db_run(tx, e, insert, db_text(str_c(hex_id)), db_int(q->owner->id), db_text(q->name), db_text(key), db_int(q->creator_id),
                db_int(q->group_id), db_int(is_private), db_int(clock_now_ms())))
        return e->code == ERR_CONFLICT ? refuse_taken(e) : false;
    *id = db_last_id(tx);
    return db_run(tx, e, takes_name, db_text(owner_key), db_text(key));
}

bool bucket_create(struct hub *h, const struct bucket_create *q, struct bucket *out, struct arena *a, struct err *e)
{
    struct db_conn *tx;
    struct identity creator = { .user_id = q->creator_id };
    int64_t id = 0, taken = 0;
    if (!name_check(q->name, e) || !db_begin(h->db, &tx, e)) return false;
    /* The name first: who makes it once more is told so, also when he may have no more. */
    bool ok = db_get_int(tx, &taken, 0, e, "SELECT 1 FROM bucket WHERE owner_id = ? AND name_key = ?", db_int(q->owner->id),
                         db_text(name_key(q->name, a)));
    if (ok && taken) ok = refuse_taken(e);
    ok = ok && quota_allow(h, tx, QUOTA_REPOSITORIES, q->owner->id, e) && insert_row(tx, q, &id, a, e) && bucket_get(tx, id, out, a, e) &&
         audit(tx, q->creator_id ? &creator : NULL, "bucket.create", out, arena_fmt(a, "created bucket %.*s", STR_ARG(out->full_name)), e);
    return db_finish(h->db, tx, ok, e);
}

/* ------------------------------------------------------------------ changes */

/* After a statement on the bucket's row: it must have been there. */
static bool was_there(struct db_conn *tx, struct err *e) { return db_changes(tx) == 1 || no_bucket(e); }

bool bucket_set_private(struct hub *h, const struct bucket *b, bool is_private, const struct identity *who, struct err *e)
{
    struct arena *a = arena_new(0);
    struct db_conn *tx;
    bool ok = db_begin(h->db, &tx, e);
    if (ok) {
        ok = db_run(tx, e, "UPDATE bucket SET is_private = ?, updated_ms = ? WHERE id = ?", db_int(is_private), db_int(clock_now_ms()), db_int(b->id)) &&
             was_there(tx, e) &&
             audit(tx, who, "bucket.settings", b, arena_fmt(a, "made bucket %.*s %s", STR_ARG(b->full_name), is_private ? "private" : "public"), e);
        ok = db_finish(h->db, tx, ok, e);
    }
    arena_free(a);
    return ok;
}

static bool move_row(struct db_conn *tx, const struct bucket *b, const struct account *to_owner, str to_name, struct arena *a, struct err *e)
{
    static const char update[] = "UPDATE bucket SET group_id = iif(owner_id = ?1, group_id, NULL), owner_id = ?1, name = ?2, name_key = ?3, updated_ms = ?4"
                                 " WHERE id = ?5";
    static const char remember[] = "INSERT INTO bucket_former_name (owner_key, name_key, bucket_id) VALUES (?, ?, ?)"
                                   " ON CONFLICT (owner_key, name_key) DO UPDATE SET bucket_id = excluded.bucket_id";
    static const char forget[] = "DELETE FROM bucket_former_name WHERE owner_key = ? AND name_key = ?";
    str to_key = name_key(to_name, a);
    if (!db_run(tx, e, update, db_int(to_owner->id), db_text(to_name), db_text(to_key), db_int(clock_now_ms()), db_int(b->id))) {
        if (e->code == ERR_CONFLICT)
            err_set(e, ERR_CONFLICT, "A bucket called %.*s/%.*s already exists", STR_ARG(to_owner->name), STR_ARG(to_name));
        return false;
    }
    if (!was_there(tx, e)) return false;
    return db_run(tx, e, remember, db_text(name_key(b->owner, a)), db_text(name_key(b->name, a)), db_int(b->id)) &&
           db_run(tx, e, forget, db_text(name_key(to_owner->name, a)), db_text(to_key));
}

bool bucket_move(struct hub *h, const struct bucket *b, const struct account *to_owner, str to_name, const struct identity *who,
                 struct err *e)
{
    struct db_conn *tx;
    struct bucket now;
    if (!name_check(to_name, e)) return false;
    struct arena *a = arena_new(0);
    bool ok = db_begin(h->db, &tx, e);
    if (ok) { /* the name that it goes by now, which another may have changed since the caller looked */
        ok = bucket_get(tx, b->id, &now, a, e) &&
             (now.owner_id == to_owner->id || quota_allow(h, tx, QUOTA_REPOSITORIES, to_owner->id, e)) &&
             move_row(tx, &now, to_owner, to_name, a, e);
        if (ok) {
            str what = arena_fmt(a, "moved bucket %.*s to %.*s/%.*s", STR_ARG(now.full_name), STR_ARG(to_owner->name), STR_ARG(to_name));
            ok = audit(tx, who, "bucket.move", &now, what, e);
        }
        ok = db_finish(h->db, tx, ok, e);
    }
    arena_free(a);
    return ok;
}

bool bucket_delete(struct hub *h, const struct bucket *b, const struct identity *who, struct err *e)
{
    struct arena *a = arena_new(0);
    struct db_conn *tx;
    struct err why;
    bool ok = db_begin(h->db, &tx, e);
    if (ok) {
        ok = db_run(tx, e, "DELETE FROM bucket WHERE id = ?", db_int(b->id)) && was_there(tx, e) &&
             audit(tx, who, "bucket.delete", b, arena_fmt(a, "deleted bucket %.*s", STR_ARG(b->full_name)), e);
        ok = db_finish(h->db, tx, ok, e);
    }
    /* It is deleted; rows that resist are collection's business. */
    if (ok && !bucket_remove_files(h, b->id, &why)) log_warn("bucket.delete", "bucket=%lld reason=\"%s\"", (long long)b->id, why.msg);
    arena_free(a);
    return ok;
}
