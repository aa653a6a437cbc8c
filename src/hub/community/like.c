/* hub/community/like.c - see like.h. */
#include "hub/community/like.h"

bool like_get(struct db_conn *c, int64_t repo_id, int64_t user_id, struct like_state *out, struct err *e)
{
    int64_t mine = 0;
    if (!db_get_int(c, &out->likes, 0, e, "SELECT likes FROM repo_index WHERE repo_id = ?", db_int(repo_id))) return false;
    if (user_id && !db_get_int(c, &mine, 0, e, "SELECT 1 FROM repo_like WHERE repo_id = ? AND user_id = ?", db_int(repo_id), db_int(user_id))) return false;
    out->is_mine = mine != 0;
    return true;
}

static bool fetch(struct db_conn *c, const char *sql, int64_t id, size_t limit, struct arena *a, int64_t **out, size_t *n, struct err *e)
{
    struct db_query q;
    *out = arena_alloc(a, (limit + 1) * sizeof **out);
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(id), db_int((int64_t)limit))) return false;
    while (*n < limit && db_next(&q, e)) (*out)[(*n)++] = db_col_int(&q, 0);
    return db_end(&q);
}

bool like_repos(struct db_conn *c, int64_t user_id, size_t limit, struct arena *a, int64_t **repo_id, size_t *n, struct err *e)
{
    return fetch(c, "SELECT repo_id FROM repo_like WHERE user_id = ? ORDER BY created_ms DESC, repo_id LIMIT ?", user_id, limit, a, repo_id, n, e);
}

bool like_users(struct db_conn *c, int64_t repo_id, size_t limit, struct arena *a, int64_t **user_id, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT a.id FROM repo_like l JOIN account a ON a.id = l.user_id WHERE l.repo_id = ? AND a.is_disabled = 0"
                              " ORDER BY l.created_ms DESC, a.id LIMIT ?";
    return fetch(c, sql, repo_id, limit, a, user_id, n, e);
}
