/* hub/card/leaderboard.c - the rows of benchmark results, and a leaderboard of them (hub/card/eval.h). */
#include "hub/card/eval.h"

#include "hub/hub_priv.h"

bool eval_is_benchmark(struct db_conn *c, int64_t repo_id, bool *yes, struct err *e)
{
    static const char sql[] = "SELECT EXISTS (SELECT 1 FROM repo_file WHERE repo_id = ? AND path = 'eval.yaml')";
    int64_t n;
    if (!db_get_int(c, &n, 0, e, sql, db_int(repo_id))) return false;
    *yes = n != 0;
    return true;
}

bool eval_results_write(struct db_conn *tx, int64_t repo_id, const struct eval_entry *entry, size_t n, struct err *e)
{
    static const char drop[] = "DELETE FROM eval_result WHERE repo_id = ?";
    static const char put[] = "INSERT INTO eval_result (repo_id, num, filename, dataset, task, value, entry) VALUES (?, ?, ?, ?, ?, ?, ?)";
    struct arena *a = arena_new(0);
    bool ok = db_run(tx, e, drop, db_int(repo_id));
    for (size_t i = 0; ok && i < n; i++) {
        bool is_result = entry[i].dataset.n > 0;
        ok = db_run(tx, e, put, db_int(repo_id), db_int((int64_t)i), db_text(entry[i].filename),
                    is_result ? db_text(name_key(entry[i].dataset, a)) : db_null(), is_result ? db_text(entry[i].task) : db_null(),
                    is_result ? db_real(entry[i].value) : db_null(), db_text(json_text(a, entry[i].shown)));
        arena_reset(a);
    }
    arena_free(a);
    return ok;
}

bool eval_results_each(struct db_conn *c, int64_t repo_id, void (*fn)(void *ctx, str shown), void *ctx, struct err *e)
{
    static const char sql[] = "SELECT entry FROM eval_result WHERE repo_id = ? ORDER BY num";
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(repo_id))) return false;
    while (db_next(&q, e)) fn(ctx, db_col_text(&q, 0));
    return db_end(&q);
}

/* ------------------------------------------------------------------ leaderboards */

#define ROWS(order)                                                                                                              \
    "SELECT " REPO_COLUMNS ", er.filename, er.value, er.entry, i.parameters, o.fullname FROM eval_result er"                      \
    " JOIN repo r ON r.id = er.repo_id JOIN repo_index i ON i.repo_id = r.id JOIN account o ON o.id = r.owner_id"                 \
    " WHERE er.dataset = ?1 AND er.task = ?2 AND " REPO_SEEN_BY("?3", "?4")                                                       \
    " AND (?5 = 0 OR json_extract(i.card, '$.base_model') IS NULL) AND (?6 = 0 OR i.parameters BETWEEN 1 AND ?6)"                 \
    " ORDER BY er.value " order ", er.repo_id " order ", er.num " order

static bool read_row(struct db_query *q, struct leaderboard_row *out, struct arena *a)
{
    enum { at = REPO_COLUMNS_COUNT };
    struct json *entry;
    struct err ignored;
    str text = db_col_dup(q, at + 2, a);
    if (!json_parse(text, a, &entry, &ignored)) return false;
    *out = (struct leaderboard_row){ .filename = db_col_dup(q, at, a), .value = db_col_real(q, at + 1), .entry = entry,
                                     .parameters = db_col_int(q, at + 3), .owner_fullname = db_col_dup(q, at + 4, a) };
    repo_read(q, &out->repo, a);
    return true;
}

bool eval_leaderboard(struct db_conn *c, const struct leaderboard_query *q, struct arena *a, struct leaderboard_row **out, size_t *n, struct err *e)
{
    static const char highest[] = ROWS("DESC"), lowest[] = ROWS("ASC");
    struct leaderboard_row *row = arena_alloc(a, LEADERBOARD_ROWS_MAX * sizeof *row);
    struct err refusal;
    struct db_query rows;
    *out = row;
    *n = 0;
    if (!db_query(c, &rows, e, q->lower_is_better ? lowest : highest, db_text(name_key(q->dataset, a)), db_text(q->task),
                  db_int(q->who->is_admin), repo_reader(q->who), db_int(q->roots_alone),
                  db_int(q->parameters_max > INT64_MAX ? INT64_MAX : (int64_t)q->parameters_max)))
        return false;
    while (*n < LEADERBOARD_ROWS_MAX && db_next(&rows, e))
        if (read_row(&rows, &row[*n], a) && repo_allow(c, q->who, &row[*n].repo, REPO_READ, &refusal)) ++*n; /* a gate hides what files say */
    return db_end(&rows);
}
