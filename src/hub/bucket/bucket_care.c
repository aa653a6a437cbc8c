/* hub/bucket/bucket_care.c - what collection and the check of everything do about buckets. */
#include "hub/bucket/bucket_care.h"

#include "hub/bucket/bucket_priv.h"

enum { AT_ONCE = 1000 };

/* ------------------------------------------------------------------ what a deleted bucket left */

static bool remove_some(struct hub *h, int64_t bucket_id, int64_t *n, struct err *e)
{
    static const char files[] = "DELETE FROM bucket_file WHERE bucket_id = ?1 AND path IN (SELECT path FROM bucket_file WHERE bucket_id = ?1 ORDER BY path LIMIT ?2)";
    static const char contents[] = "DELETE FROM bucket_content WHERE bucket_id = ?1 AND sha256 IN"
                                   " (SELECT sha256 FROM bucket_content WHERE bucket_id = ?1 ORDER BY sha256 LIMIT ?2)";
    struct db_conn *tx;
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = db_run(tx, e, files, db_int(bucket_id), db_int(AT_ONCE));
    *n = db_changes(tx);
    ok = ok && db_run(tx, e, contents, db_int(bucket_id), db_int(AT_ONCE));
    *n += db_changes(tx);
    return db_finish(h->db, tx, ok, e);
}

bool bucket_remove_files(struct hub *h, int64_t bucket_id, struct err *e)
{
    int64_t n;
    do {
        if (!remove_some(h, bucket_id, &n, e)) return false;
    } while (n);
    return true;
}

/* The next number, behind `after`, that rows of files or contents have; 0: none. */
static bool next_number(struct hub *h, int64_t after, int64_t *id, bool *has_row, struct err *e)
{
    static const char sql[] = "SELECT min(id) FROM (SELECT min(bucket_id) AS id FROM bucket_file WHERE bucket_id > ?1"
                              " UNION ALL SELECT min(bucket_id) FROM bucket_content WHERE bucket_id > ?1)";
    int64_t one = 0;
    struct db_conn *c = db_reader(h->db);
    bool ok = db_get_int(c, id, 0, e, sql, db_int(after)) && db_get_int(c, &one, 0, e, "SELECT 1 FROM bucket WHERE id = ?", db_int(*id));
    db_give(h->db, c);
    *has_row = one != 0;
    return ok;
}

bool bucket_each_orphan(struct hub *h, bool (*fn)(void *ctx, int64_t bucket_id, struct err *e), void *ctx, struct err *e)
{
    int64_t id = 0;
    bool has_row;
    for (;;) {
        if (!next_number(h, id, &id, &has_row, e)) return false;
        if (id == 0) return true;
        if (!has_row && !fn(ctx, id, e)) return false;
    }
}

/* ------------------------------------------------------------------ contents that no file names */

#define UNNAMED "c.pushed_ms < ?1 AND NOT EXISTS (SELECT 1 FROM bucket_file f WHERE f.bucket_id = c.bucket_id AND f.sha256 = c.sha256)"

struct found {
    int64_t bucket_id;
    struct sha256 sha256;
};

static bool find_unnamed(struct hub *h, int64_t before_ms, const struct found *last, struct found *out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT c.bucket_id, c.sha256 FROM bucket_content c JOIN bucket b ON b.id = c.bucket_id WHERE " UNNAMED " AND (c.bucket_id, c.sha256) > (?2, ?3)"
                              " ORDER BY c.bucket_id, c.sha256 LIMIT 1000";
    struct db_query q;
    struct db_conn *c = db_reader(h->db);
    bool ok = db_query(c, &q, e, sql, db_int(before_ms), db_int(last->bucket_id), db_sha256(&last->sha256));
    *n = 0;
    if (ok) {
        while (*n < AT_ONCE && db_next(&q, e)) {
            out[*n].bucket_id = db_col_int(&q, 0);
            *n += db_col_sha256(&q, 1, &out[*n].sha256);
        }
        ok = db_end(&q);
    }
    db_give(h->db, c);
    return ok;
}

/* A file may have come to name one of them meanwhile, or an upload renewed it. */
static bool drop(struct hub *h, int64_t before_ms, const struct found *list, size_t n, bool *gone, struct err *e)
{
    static const char sql[] = "DELETE FROM bucket_content AS c WHERE " UNNAMED " AND c.bucket_id = ?2 AND c.sha256 = ?3";
    struct db_conn *tx;
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        ok = db_run(tx, e, sql, db_int(before_ms), db_int(list[i].bucket_id), db_sha256(&list[i].sha256));
        gone[i] = ok && db_changes(tx) == 1;
    }
    return db_finish(h->db, tx, ok, e);
}

bool bucket_collect(struct hub *h, int64_t before_ms, bool dry_run, void (*dropped)(void *ctx, int64_t bucket_id, const struct sha256 *sha256),
                    void *ctx, struct err *e)
{
    struct found *list = mem_alloc(AT_ONCE * sizeof *list), last = { 0 };
    bool gone[AT_ONCE], ok = true;
    size_t n = 0;
    do {
        ok = find_unnamed(h, before_ms, &last, list, &n, e) && (dry_run || n == 0 || drop(h, before_ms, list, n, gone, e));
        for (size_t i = 0; ok && i < n; i++)
            if (dry_run || gone[i]) dropped(ctx, list[i].bucket_id, &list[i].sha256);
        if (n) last = list[n - 1];
    } while (ok && n);
    mem_free(list);
    return ok;
}

/* ------------------------------------------------------------------ the check */

struct check {
    struct hub *h;
    void (*problem)(void *ctx, const struct bucket *b, str what, str hint);
    void *ctx;
    struct arena *a;
};

/* Files whose rows do not agree with the store. */
static bool check_files(const struct check *k, struct db_conn *c, const struct bucket *b, struct err *e)
{
    static const char sql[] =
        "SELECT f.path, f.size_bytes, o.size_bytes, x.sha256 IS NULL, f.xet_hash = ?2 FROM bucket_file f"
        " LEFT JOIN cas_object o ON o.sha256 = f.sha256 LEFT JOIN bucket_content l ON l.bucket_id = f.bucket_id AND l.sha256 = f.sha256"
        " LEFT JOIN cas_file x ON x.hash = f.xet_hash AND x.sha256 = f.sha256 WHERE f.bucket_id = ?1 AND CASE WHEN f.xet_hash = ?2"
        " THEN f.size_bytes <> 0 OR f.sha256 <> ?3 ELSE o.size_bytes IS NULL OR o.size_bytes <> f.size_bytes OR l.sha256 IS NULL OR x.sha256 IS NULL END";
    static const struct xet_hash empty;
    struct sha256 nothing = sha256_of((bytes){ NULL, 0 });
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(b->id), db_blob((bytes){ empty.b, XET_HASH_BYTES }), db_sha256(&nothing))) return false;
    while (db_next(&q, e)) {
        str path = db_col_text(&q, 0), hint = STR("upload it again");
        const char *what = "names a content that the bucket does not have";
        if (db_col_int(&q, 4)) what = "has the xetHash of the empty file, and its row says otherwise";
        else if (db_col_is_null(&q, 2)) what = "names a content that is not stored";
        else if (db_col_int(&q, 1) != db_col_int(&q, 2)) what = "has another size than its content";
        else if (db_col_int(&q, 3)) what = "has a xetHash that names another content, or none";
        k->problem(k->ctx, b, arena_fmt(k->a, "%.*s %s", STR_ARG(path), what), hint);
    }
    return db_end(&q);
}

/* One view of the database, or a batch between the two sums would look like a fault. */
static bool check_one(const struct check *k, int64_t id, struct err *e)
{
    struct bucket b;
    struct err why;
    int64_t files = 0, bytes_n = 0;
    struct db_conn *c = db_reader(k->h->db);
    bool ok = db_snapshot_begin(c, e);
    if (ok) {
        bool found = bucket_get(c, id, &b, k->a, &why);
        if (!found && why.code != ERR_NOT_FOUND) ok = (*e = why, false);
        if (ok && found) {
            ok = db_get_int(c, &files, 0, e, "SELECT count(*) FROM bucket_file WHERE bucket_id = ?", db_int(id)) &&
                 db_get_int(c, &bytes_n, 0, e, "SELECT coalesce(sum(size_bytes), 0) FROM bucket_file WHERE bucket_id = ?", db_int(id)) && check_files(k, c, &b, e);
            if (ok && (files != b.files_count || (uint64_t)bytes_n != b.size_bytes))
                k->problem(k->ctx, &b, arena_fmt(k->a, "its row says %lld files and %llu bytes, and it has %lld and %lld", (long long)b.files_count,
                                                 (unsigned long long)b.size_bytes, (long long)files, (long long)bytes_n), STR("restore it from a backup"));
        }
        db_snapshot_end(c);
    }
    db_give(k->h->db, c);
    return ok;
}

bool bucket_check_all(struct hub *h, void (*problem)(void *ctx, const struct bucket *b, str what, str hint), void *ctx, uint64_t *checked, struct err *e)
{
    struct check k = { h, problem, ctx, arena_new(0) };
    int64_t id = 0;
    bool ok = true;
    *checked = 0;
    for (;;) {
        struct db_conn *c = db_reader(h->db);
        ok = db_get_int(c, &id, 0, e, "SELECT id FROM bucket WHERE id > ? ORDER BY id LIMIT 1", db_int(id));
        db_give(h->db, c);
        if (!ok || id == 0) break;
        arena_reset(k.a);
        if (!(ok = check_one(&k, id, e))) break;
        ++*checked;
    }
    arena_free(k.a);
    return ok;
}
