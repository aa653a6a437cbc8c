/* hub/file_lock.c - see hub/file_lock.h. */
#include "hub/file_lock.h"

#include "base/clock.h"

enum { FILE_LOCKS_MAX = 10000, REF_BYTES_MAX = 400 };

#define LOCK_SELECT                                                                      \
    "SELECT l.id, l.owner_id, l.locked_ms, l.path, l.ref, o.name"                        \
    " FROM repo_lock l JOIN account o ON o.id = l.owner_id WHERE l.repo_id = ?"

static void read_row(struct db_query *q, struct file_lock *out, struct arena *a)
{
    *out = (struct file_lock){ .id = db_col_int(q, 0),
                               .owner_id = db_col_int(q, 1),
                               .locked_ms = db_col_int(q, 2),
                               .path = db_col_dup(q, 3, a),
                               .ref = db_col_dup(q, 4, a),
                               .owner = db_col_dup(q, 5, a) };
}

static bool find_path(struct db_conn *c, int64_t repo_id, str path, struct file_lock *out, bool *found, struct arena *a,
                      struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, LOCK_SELECT " AND l.path = ?", db_int(repo_id), db_text(path))) return false;
    *found = db_next(&q, e);
    if (*found) read_row(&q, out, a);
    return db_end(&q);
}

static bool find_id(struct db_conn *c, int64_t repo_id, int64_t id, struct file_lock *out, bool *found, struct arena *a,
                    struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, LOCK_SELECT " AND l.id = ?", db_int(repo_id), db_int(id))) return false;
    *found = db_next(&q, e);
    if (*found) read_row(&q, out, a);
    return db_end(&q);
}

bool file_lock_create(struct hub *h, int64_t repo_id, int64_t user_id, str path, str ref, struct file_lock *out,
                      bool *taken, struct arena *a, struct err *e)
{
    struct db_conn *tx;
    int64_t count;
    bool found;
    if (ref.n > REF_BYTES_MAX) return err_set(e, ERR_UNPROCESSABLE, "a ref has at most %d bytes", REF_BYTES_MAX);
    if (!db_begin(hub_db(h), &tx, e)) return false;
    if (!find_path(tx, repo_id, path, out, taken, a, e)) goto failed;
    if (*taken) {
        db_rollback(hub_db(h), tx);
        return true;
    }
    if (!db_get_int(tx, &count, 0, e, "SELECT count(*) FROM repo_lock WHERE repo_id = ?", db_int(repo_id))) goto failed;
    if (count >= FILE_LOCKS_MAX) {
        err_set(e, ERR_UNPROCESSABLE, "this repository has %d locks already; unlock some", FILE_LOCKS_MAX);
        goto failed;
    }
    if (!db_run(tx, e, "INSERT INTO repo_lock (repo_id, path, ref, owner_id, locked_ms) VALUES (?, ?, ?, ?, ?)",
                db_int(repo_id), db_text(path), db_text(ref.p ? ref : STR("")), db_int(user_id), db_int(clock_now_ms())))
        goto failed;
    if (!find_path(tx, repo_id, path, out, &found, a, e)) goto failed;
    return db_commit(hub_db(h), tx, e);
failed:
    db_rollback(hub_db(h), tx);
    return false;
}

bool file_lock_list(struct db_conn *c, int64_t repo_id, const struct file_lock_query *want, struct arena *a,
                    struct file_lock **out, size_t *n, struct err *e)
{
    struct db_query q;
    size_t limit = want->limit < FILE_LOCKS_MAX ? want->limit : FILE_LOCKS_MAX;
    *out = arena_alloc(a, (limit + 1) * sizeof **out);
    *n = 0;
    if (!db_query(c, &q, e,
                  LOCK_SELECT " AND l.id > ? AND (? = 0 OR l.id = ?) AND (? IS NULL OR l.path = ?) ORDER BY l.id LIMIT ?",
                  db_int(repo_id), db_int(want->after), db_int(want->id), db_int(want->id), db_text_or_null(want->path),
                  db_text_or_null(want->path), db_int((int64_t)limit)))
        return false;
    while (*n < limit && db_next(&q, e)) read_row(&q, &(*out)[(*n)++], a);
    return db_end(&q);
}

bool file_lock_remove(struct hub *h, int64_t repo_id, int64_t user_id, int64_t id, bool force, struct file_lock *out,
                      struct arena *a, struct err *e)
{
    struct db_conn *tx;
    bool found;
    if (!db_begin(hub_db(h), &tx, e)) return false;
    if (!find_id(tx, repo_id, id, out, &found, a, e)) goto failed;
    if (!found) {
        err_set(e, ERR_NOT_FOUND, "there is no lock with the id %lld", (long long)id);
        goto failed;
    }
    if (out->owner_id != user_id && !force) {
        err_set(e, ERR_DENIED, "%.*s is locked by %.*s; use --force to unlock it all the same", STR_ARG(out->path),
                STR_ARG(out->owner));
        goto failed;
    }
    if (!db_run(tx, e, "DELETE FROM repo_lock WHERE id = ?", db_int(id))) goto failed;
    return db_commit(hub_db(h), tx, e);
failed:
    db_rollback(hub_db(h), tx);
    return false;
}
