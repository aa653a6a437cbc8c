/* hub/community/like.c - see like.h. */
#include "hub/community/like.h"

#include "hub/hub_priv.h"

bool like_get(struct db_conn *c, int64_t repo_id, int64_t user_id, struct like_state *out, struct err *e)
{
    int64_t mine = 0;
    if (!db_get_int(c, &out->likes, 0, e, "SELECT likes FROM repo_index WHERE repo_id = ?", db_int(repo_id))) return false;
    if (user_id && !db_get_int(c, &mine, 0, e, "SELECT 1 FROM repo_like WHERE repo_id = ? AND user_id = ?", db_int(repo_id), db_int(user_id))) return false;
    out->is_mine = mine != 0;
    return true;
}

/* Places of the rows of a page and one behind it, which tells whether a page follows. */
static bool fetch(struct db_query *q, size_t limit, struct arena *a, struct feed_place **out, size_t *n, str *next, struct err *e)
{
    size_t got = 0;
    struct feed_place *list = arena_alloc(a, (limit + 1) * sizeof *list);
    while (got <= limit && db_next(q, e)) list[got++] = (struct feed_place){ db_col_int(q, 0), db_col_int(q, 1) };
    *out = list;
    *n = got > limit ? limit : got;
    *next = got > limit && limit ? feed_place_format(list[limit - 1], a) : STR("");
    return db_end(q);
}

bool like_repos(struct db_conn *c, const struct identity *who, int64_t user_id, str cursor, size_t limit, struct arena *a, struct like **out,
                size_t *n, str *next, struct err *e)
{
    static const char sql[] =
        "SELECT l.created_ms, l.repo_id FROM repo_like l JOIN repo r ON r.id = l.repo_id WHERE l.user_id = ?1"
        " AND (l.created_ms, l.repo_id) < (?2, ?3) AND " REPO_SEEN_BY("?5", "?6")
        " ORDER BY l.created_ms DESC, l.repo_id DESC LIMIT ?4";
    struct feed_place from, *at;
    struct db_query q;
    if (!feed_place_parse(cursor, &from, e)) return false;
    if (!db_query(c, &q, e, sql, db_int(user_id), db_int(from.at_ms), db_int(from.id), db_int((int64_t)limit + 1), db_int(who && who->is_admin),
                  repo_reader(who)) ||
        !fetch(&q, limit, a, &at, n, next, e))
        return false;
    *out = arena_alloc(a, (*n + 1) * sizeof **out);
    for (size_t i = 0; i < *n; i++) {
        (*out)[i].at_ms = at[i].at_ms;
        if (!repo_get(c, at[i].id, &(*out)[i].repo, a, e)) return false;
    }
    return true;
}

bool like_users(struct db_conn *c, int64_t repo_id, str cursor, size_t limit, struct arena *a, struct account **out, size_t *n, str *next,
                struct err *e)
{
    static const char sql[] = "SELECT l.created_ms, l.user_id FROM repo_like l JOIN account a ON a.id = l.user_id WHERE l.repo_id = ?1"
                              " AND (l.created_ms, l.user_id) < (?2, ?3) AND a.is_disabled = 0"
                              " ORDER BY l.created_ms DESC, l.user_id DESC LIMIT ?4";
    struct feed_place from, *at;
    struct db_query q;
    if (!feed_place_parse(cursor, &from, e)) return false;
    if (!db_query(c, &q, e, sql, db_int(repo_id), db_int(from.at_ms), db_int(from.id), db_int((int64_t)limit + 1)) ||
        !fetch(&q, limit, a, &at, n, next, e))
        return false;
    *out = arena_alloc(a, (*n + 1) * sizeof **out);
    for (size_t i = 0; i < *n; i++)
        if (!account_get(c, at[i].id, &(*out)[i], a, e)) return false;
    return true;
}

bool like_count_public(struct db_conn *c, int64_t user_id, int64_t *n, struct err *e)
{
    return db_get_int(c, n, 0, e, "SELECT public_count FROM like_total WHERE user_id = ?", db_int(user_id));
}
