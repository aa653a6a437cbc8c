/* hub/index/index_counts.c - the figures that listings sort by and that no file holds: likes, downloads, trending.
 *
 * downloads     counted requests of the last 30 days
 * trending      what happened lately, recent days counting more:
 *                   sum over the last 14 days of  (downloads of that day + 20 * likes of that day) * weight,
 *                   weight = 14 for today, 13 for yesterday, ... 1, divided by 14
 *               A like weighs as twenty downloads: it is a person's deliberate act.
 *
 * Both fade as days pass, so a job recomputes them; this is the one place where they are defined. */
#include "base/clock.h"
#include "hub/index/index.h"
#include "hub/index/list.h"

#define DOWNLOADS_OF(days) \
    "(SELECT coalesce(sum(d.count), 0) FROM repo_download d WHERE d.repo_id = i.repo_id" days ")"
#define TRENDING                                                                                                      \
    "((SELECT coalesce(sum(d.count * (14 - ?1 + d.day)), 0) FROM repo_download d"                                      \
    "  WHERE d.repo_id = i.repo_id AND d.day > ?1 - 14 AND d.day <= ?1)"                                               \
    " + 20 * (SELECT coalesce(sum(14 - ?1 + l.created_ms / 86400000), 0) FROM repo_like l"                             \
    "  WHERE l.repo_id = i.repo_id AND l.created_ms / 86400000 > ?1 - 14 AND l.created_ms / 86400000 <= ?1)) / 14.0"

/* What differs from the rows is told; most repositories do not change from one run to the next. */
#define COUNTED                                                                                                       \
    "SELECT i.repo_id, " DOWNLOADS_OF(" AND d.day > ?1 - 30") " AS month, " DOWNLOADS_OF("") " AS ever,"                \
    " (SELECT count(*) FROM repo_like l WHERE l.repo_id = i.repo_id) AS liked, " TRENDING " AS hot"                     \
    " FROM repo_index i"

static const char update_sql[] = "UPDATE repo_index SET downloads = ?2, downloads_all = ?3, likes = ?4, trending = ?5"
                                 " WHERE repo_id = ?1";

bool index_recount(struct db_conn *tx, int64_t repo_id, struct err *e)
{
    static const char sql[] = COUNTED " WHERE i.repo_id = ?2";
    struct db_query q;
    int64_t month = 0, ever = 0, liked = 0;
    double hot = 0;
    bool found;

    if (!db_query(tx, &q, e, sql, db_int(clock_day(clock_now_ms())), db_int(repo_id))) return false;
    if ((found = db_next(&q, e))) {
        month = db_col_int(&q, 1);
        ever = db_col_int(&q, 2);
        liked = db_col_int(&q, 3);
        hot = db_col_real(&q, 4);
    }
    if (!db_end(&q)) return false;
    return !found || db_run(tx, e, update_sql, db_int(repo_id), db_int(month), db_int(ever), db_int(liked), db_real(hot));
}

bool repo_downloads_daily(struct db_conn *c, int64_t repo_id, size_t days, int64_t *out, struct err *e)
{
    static const char sql[] = "SELECT day, count FROM repo_download WHERE repo_id = ?1 AND day > ?2 AND day <= ?3";
    int64_t today = clock_day(clock_now_ms()), before = today - (int64_t)days;
    struct db_query q;
    memset(out, 0, days * sizeof *out);
    if (!db_query(c, &q, e, sql, db_int(repo_id), db_int(before), db_int(today))) return false;
    while (db_next(&q, e)) out[db_col_int(&q, 0) - before - 1] = db_col_int(&q, 1);
    return db_end(&q);
}

/* ------------------------------------------------------------------ all of them, by a job */

enum { SLICE = 5000 }; /* rows looked at between two looks for other writers */

struct counted {
    int64_t repo_id, month, ever, liked;
    double hot;
};

/* Up to SLICE repositories behind `after` whose figures moved. */
static bool look(struct db_conn *c, int64_t after, int64_t upto, struct counted *out, size_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT k.repo_id, k.month, k.ever, k.liked, k.hot FROM (" COUNTED " WHERE i.repo_id > ?2 AND i.repo_id <= ?3) k"
        " JOIN repo_index i ON i.repo_id = k.repo_id"
        " WHERE i.downloads <> k.month OR i.downloads_all <> k.ever OR i.likes <> k.liked OR i.trending <> k.hot";
    struct db_query q;

    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(clock_day(clock_now_ms())), db_int(after), db_int(upto))) return false;
    while (*n < SLICE && db_next(&q, e))
        out[(*n)++] = (struct counted){ db_col_int(&q, 0), db_col_int(&q, 1), db_col_int(&q, 2), db_col_int(&q, 3),
                                        db_col_real(&q, 4) };
    return db_end(&q);
}

static bool write(struct db *d, const struct counted *list, size_t n, struct err *e)
{
    struct db_conn *tx;
    if (n == 0) return true;
    if (!db_begin(d, &tx, e)) return false;
    for (size_t i = 0; i < n; i++) {
        if (db_run(tx, e, update_sql, db_int(list[i].repo_id), db_int(list[i].month), db_int(list[i].ever),
                   db_int(list[i].liked), db_real(list[i].hot)))
            continue;
        db_rollback(d, tx);
        return false;
    }
    return db_commit(d, tx, e);
}

bool index_refresh_counts(struct db *d, bool (*stops)(void *ctx), void *ctx, struct err *e)
{
    static const char last_sql[] = "SELECT max(repo_id) FROM repo_index";
    struct db_conn *c = db_reader(d);
    struct counted *list = mem_alloc(SLICE * sizeof *list);
    int64_t last = 0;
    bool ok = db_get_int(c, &last, 0, e, last_sql);

    for (int64_t after = 0; ok && after < last; after += SLICE) {
        size_t n;
        ok = look(c, after, after + SLICE, list, &n, e) && write(d, list, n, e);
        if (ok && stops && stops(ctx)) ok = err_set(e, ERR_CLOSED, "stopped at repository %lld", (long long)after);
    }
    mem_free(list);
    db_give(d, c);
    return ok;
}
