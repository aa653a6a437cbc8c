/* hub/community/watch.c - see watch.h. */
#include "hub/community/watch.h"

#include "base/clock.h"
#include "hub/hub_priv.h"

bool watch_set(struct db_conn *tx, int64_t user_id, enum watch_what what, int64_t id, bool is_on, struct err *e)
{
    static const char *const sql[] = {
        [WATCH_ACCOUNT] = "INSERT INTO watch (user_id, account_id, is_on, created_ms) VALUES (?, ?, ?, ?)"
                          " ON CONFLICT (user_id, account_id) DO UPDATE SET is_on = excluded.is_on",
        [WATCH_REPO] = "INSERT INTO watch (user_id, repo_id, is_on, created_ms) VALUES (?, ?, ?, ?)"
                       " ON CONFLICT (user_id, repo_id) DO UPDATE SET is_on = excluded.is_on",
        [WATCH_DISCUSSION] = "INSERT INTO watch (user_id, discussion_id, is_on, created_ms) VALUES (?, ?, ?, ?)"
                             " ON CONFLICT (user_id, discussion_id) DO UPDATE SET is_on = excluded.is_on",
    };
    return db_run(tx, e, sql[what], db_int(user_id), db_int(id), db_int(is_on), db_int(clock_now_ms()));
}

bool watch_get(struct db_conn *c, int64_t user_id, enum watch_what what, int64_t id, int *out, struct err *e)
{
    static const char *const sql[] = {
        [WATCH_ACCOUNT] = "SELECT is_on FROM watch WHERE user_id = ? AND account_id = ?",
        [WATCH_REPO] = "SELECT is_on FROM watch WHERE user_id = ? AND repo_id = ?",
        [WATCH_DISCUSSION] = "SELECT is_on FROM watch WHERE user_id = ? AND discussion_id = ?",
    };
    int64_t is_on = -1;
    if (user_id && !db_get_int(c, &is_on, -1, e, sql[what], db_int(user_id), db_int(id))) return false;
    *out = (int)is_on;
    return true;
}

bool watch_change(struct hub *h, int64_t user_id, enum watch_what what, int64_t id, bool is_on, struct err *e)
{
    struct db_conn *tx;
    return db_begin(h->db, &tx, e) && db_finish(h->db, tx, watch_set(tx, user_id, what, id, is_on, e), e);
}

/* ------------------------------------------------------------------ followers */

bool follow_count(struct db_conn *c, int64_t account_id, struct follow_counts *out, struct err *e)
{
    static const char followers[] = "SELECT count(*) FROM watch w JOIN account a ON a.id = w.user_id"
                                    " WHERE w.account_id = ? AND w.is_on = 1 AND a.is_disabled = 0";
    static const char following[] = "SELECT count(*) FROM watch w JOIN account a ON a.id = w.account_id"
                                    " WHERE w.user_id = ? AND w.is_on = 1 AND a.is_disabled = 0 AND a.kind = ?";
    return db_get_int(c, &out->followers, 0, e, followers, db_int(account_id)) &&
           db_get_int(c, &out->users, 0, e, following, db_int(account_id), db_text(STR("user"))) &&
           db_get_int(c, &out->orgs, 0, e, following, db_int(account_id), db_text(STR("org")));
}

static bool fetch(struct db_conn *c, const char *sql, int64_t id, str kind, str after, size_t limit, struct arena *a, struct account **out,
                  size_t *n, struct err *e)
{
    struct db_query q;
    int64_t *ids = arena_alloc(a, (limit + 1) * sizeof *ids);
    *out = arena_alloc(a, (limit + 1) * sizeof **out);
    *n = 0;
    size_t got = 0;
    if (!db_query(c, &q, e, sql, db_int(id), db_text(name_key(after.p ? after : STR(""), a)), db_int((int64_t)limit), db_text(kind))) return false;
    while (got < limit && db_next(&q, e)) ids[got++] = db_col_int(&q, 0);
    if (!db_end(&q)) return false;
    for (; *n < got; (*n)++)
        if (!account_get(c, ids[*n], &(*out)[*n], a, e)) return false;
    return true;
}

bool follow_followers(struct db_conn *c, int64_t account_id, str after, size_t limit, struct arena *a, struct account **out, size_t *n,
                      struct err *e)
{
    static const char sql[] = "SELECT a.id FROM watch w JOIN account a ON a.id = w.user_id WHERE w.account_id = ?1 AND w.is_on = 1"
                              " AND a.is_disabled = 0 AND a.name_key > ?2 AND a.kind = ?4 ORDER BY a.name_key LIMIT ?3";
    return fetch(c, sql, account_id, STR("user"), after, limit, a, out, n, e);
}

bool follow_following(struct db_conn *c, int64_t user_id, enum account_kind kind, str after, size_t limit, struct arena *a,
                      struct account **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT a.id FROM watch w JOIN account a ON a.id = w.account_id WHERE w.user_id = ?1 AND w.is_on = 1"
                              " AND a.is_disabled = 0 AND a.name_key > ?2 AND a.kind = ?4 ORDER BY a.name_key LIMIT ?3";
    return fetch(c, sql, user_id, kind == ACCOUNT_USER ? STR("user") : STR("org"), after, limit, a, out, n, e);
}
