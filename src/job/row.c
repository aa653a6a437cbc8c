/* job/row.c - jobs as rows: adding them, and what the operator sees and does. */
#include "job/job_priv.h"

#include "base/clock.h"

bool job_add(struct db_conn *tx, const char *kind, str payload, str unique_key, int64_t run_after_ms, struct err *e)
{
    static const char sql[] = "INSERT INTO job (kind, payload, unique_key, state, run_after_ms, created_ms)"
                              " VALUES (?, ?, ?, 'waiting', ?, ?) ON CONFLICT DO NOTHING";
    int64_t now = clock_now_ms();
    return db_run(tx, e, sql, db_text(str_c(kind)), db_text(payload.n ? payload : STR("{}")), db_text_or_null(unique_key),
                  db_int(run_after_ms ? run_after_ms : now), db_int(now));
}

bool job_list(struct db_conn *c, int64_t after_id, size_t limit, struct arena *a, struct job_row **out, size_t *n,
              struct err *e)
{
    static const char sql[] = "SELECT id, kind, payload, state, run_after_ms, attempts, last_error, created_ms FROM job"
                              " WHERE id > ? ORDER BY id LIMIT ?";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(after_id), db_int((int64_t)limit))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = (struct job_row){
            .id = db_col_int(&q, 0), .kind = db_col_dup(&q, 1, a), .payload = db_col_dup(&q, 2, a),
            .state = db_col_dup(&q, 3, a), .run_after_ms = db_col_int(&q, 4), .attempts = db_col_int(&q, 5),
            .last_error = db_col_dup(&q, 6, a), .created_ms = db_col_int(&q, 7),
        };
    }
    return db_end(&q);
}

bool job_retry(struct db_conn *tx, int64_t id, bool *found, struct err *e)
{
    static const char sql[] = "UPDATE job SET state = 'waiting', run_after_ms = ?, attempts = 0 WHERE id = ? AND state = 'failed'";
    bool ok = db_run(tx, e, sql, db_int(clock_now_ms()), db_int(id));
    *found = ok && db_changes(tx) == 1;
    return ok || (e->code == ERR_CONFLICT && err_set(e, ERR_CONFLICT, "the same job is waiting already"));
}

bool job_remove(struct db_conn *tx, int64_t id, bool *found, struct err *e)
{
    bool ok = db_run(tx, e, "DELETE FROM job WHERE id = ? AND state <> 'running'", db_int(id));
    *found = ok && db_changes(tx) == 1;
    return ok;
}

bool job_counts(struct db_conn *c, int64_t *waiting, int64_t *running, int64_t *failed, struct err *e)
{
    static const char sql[] = "SELECT state, count(*) FROM job GROUP BY state";
    struct db_query q;
    *waiting = *running = *failed = 0;
    if (!db_query(c, &q, e, sql)) return false;
    while (db_next(&q, e)) {
        str state = db_col_text(&q, 0);
        int64_t n = db_col_int(&q, 1);
        if (str_eq(state, STR("waiting"))) *waiting = n;
        else if (str_eq(state, STR("running"))) *running = n;
        else *failed = n;
    }
    return db_end(&q);
}

bool job_count_waiting(struct db_conn *c, int64_t most, int64_t *n, struct err *e)
{
    return db_get_int(c, n, 0, e, "SELECT count(*) FROM (SELECT 1 FROM job WHERE state = 'waiting' LIMIT ?)", db_int(most));
}

/* ------------------------------------------------------------------ taking and giving back */

bool job_next_due(struct db_conn *c, int64_t *due_ms, struct err *e)
{
    static const char waiting[] = "SELECT min(run_after_ms) FROM job WHERE state = 'waiting'";
    static const char running[] = "SELECT min(lease_ms) FROM job WHERE state = 'running'";
    int64_t a, b;
    if (!db_get_int(c, &a, 0, e, waiting) || !db_get_int(c, &b, 0, e, running)) return false;
    *due_ms = !a ? b : !b || a < b ? a : b; /* min() of no rows is NULL, which reads as 0 */
    return true;
}

bool job_claim(struct db_conn *tx, int64_t now, int64_t lease_ms, int64_t attempts_max, struct job *out, bool *found, struct err *e)
{
    static const char due[] = "SELECT id, kind, payload, attempts FROM job WHERE state = 'waiting' AND run_after_ms <= ?"
                              " ORDER BY run_after_ms, id LIMIT 1";
    static const char lost[] = "SELECT id, kind, payload, attempts FROM job WHERE state = 'running' AND lease_ms < ?"
                               " ORDER BY lease_ms LIMIT 1";
    static const char take[] = "UPDATE job SET state = 'running', lease_ms = ?, attempts = attempts + 1 WHERE id = ?";
    static const char give_up[] = "UPDATE job SET state = 'failed', last_error = 'the process ended while it ran' WHERE id = ?";
    const char *const from[] = { due, lost };
    for (size_t i = 0; i < COUNT(from); i++) {
        struct db_query q;
        bool has;
        do {
            if (!db_query(tx, &q, e, from[i], db_int(now))) return false;
            has = db_next(&q, e);
            if (has)
                *out = (struct job){ db_col_int(&q, 0), str_c(mem_dup(db_col_text(&q, 1))), str_c(mem_dup(db_col_text(&q, 2))),
                                     db_col_int(&q, 3) + 1 };
            if (!db_end(&q)) return false;
            if (has && out->attempts <= attempts_max) {
                *found = true;
                return db_run(tx, e, take, db_int(now + lease_ms), db_int(out->id)) || (job_forget(out), false);
            }
            if (has) { /* it takes the process with it each time */
                job_forget(out);
                if (!db_run(tx, e, give_up, db_int(out->id))) return false;
            }
        } while (has);
    }
    *found = false;
    return true;
}

void job_forget(struct job *j)
{
    mem_free((char *)(uintptr_t)j->kind.p);
    mem_free((char *)(uintptr_t)j->payload.p);
    j->kind = j->payload = (str){ 0 };
}

bool job_renew(struct db_conn *tx, int64_t id, int64_t lease_until_ms, struct err *e)
{
    return db_run(tx, e, "UPDATE job SET lease_ms = ? WHERE id = ? AND state = 'running'", db_int(lease_until_ms), db_int(id));
}

bool job_say(struct db_conn *tx, int64_t id, str text, struct err *e)
{
    return db_run(tx, e, "UPDATE job SET last_error = ? WHERE id = ? AND state = 'running'", db_text(text), db_int(id));
}

bool job_finish(struct db_conn *tx, int64_t id, struct err *e)
{
    return db_run(tx, e, "DELETE FROM job WHERE id = ?", db_int(id));
}

bool job_fail(struct db_conn *tx, const struct job *j, bool for_good, bool counts, int64_t run_after_ms, str why, struct err *e)
{
    static const char sql[] = "UPDATE job SET state = ?, run_after_ms = ?, attempts = ?, last_error = ? WHERE id = ?";
    if (db_run(tx, e, sql, db_text(for_good ? STR("failed") : STR("waiting")), db_int(run_after_ms),
               db_int(j->attempts - !counts), db_text(why), db_int(j->id))) return true;
    /* While it ran, the same was asked for again: that one does the work. */
    return e->code == ERR_CONFLICT && job_finish(tx, j->id, e);
}

bool job_add_periodic(struct db_conn *tx, const char *kind, int64_t every_ms, int64_t now, struct err *e)
{
    static const char first[] = "INSERT INTO job_periodic (kind, last_ms) VALUES (?, ?) ON CONFLICT DO NOTHING";
    static const char again[] = "UPDATE job_periodic SET last_ms = ?2 WHERE kind = ?1 AND (last_ms <= ?2 - ?3 OR last_ms > ?2)";
    if (!db_run(tx, e, first, db_text(str_c(kind)), db_int(now))) return false;
    if (db_changes(tx) == 1) return true; /* seen for the first time: its period begins */
    if (!db_run(tx, e, again, db_text(str_c(kind)), db_int(now), db_int(every_ms))) return false;
    return db_changes(tx) == 0 || job_add(tx, kind, STR("{}"), STR("periodic"), now, e);
}

bool job_each_periodic(struct db_conn *c, void (*fn)(void *ctx, str kind, int64_t last_ms), void *ctx, struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, "SELECT kind, last_ms FROM job_periodic")) return false;
    while (db_next(&q, e)) fn(ctx, db_col_text(&q, 0), db_col_int(&q, 1));
    return db_end(&q);
}
