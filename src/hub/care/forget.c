/* hub/care/forget.c - see hub/care/forget.h.
 *
 * Rows go a thousand at a time, each thousand in a transaction of its own, so that writers never wait long.  Where rows are numbered in the
 * order of their time, only the oldest are looked at. */
#include "hub/care/forget.h"

#include "base/clock.h"

enum { AT_ONCE = 1000, RUNS_KEPT = 200 };

/* ?1: older than this; ?2: so many.  `oldest` looks at the first rows alone. */
#define OLDEST(table, time, also)                                                                                              \
    "DELETE FROM " table " WHERE id IN (SELECT id FROM (SELECT * FROM " table " ORDER BY id LIMIT ?2) WHERE " time " < ?1" also ")"

static const char *const statement[FORGET_KINDS] = {
    [FORGET_ACTIVITY] = OLDEST("happening", "at_ms", " AND is_told = 1"),
    [FORGET_DELIVERIES] = "DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE created_ms < ?1 LIMIT ?2)",
    [FORGET_NOTIFICATIONS] = "DELETE FROM notification WHERE (user_id, discussion_id) IN"
                             " (SELECT user_id, discussion_id FROM notification WHERE updated_ms < ?1 LIMIT ?2)",
    [FORGET_AUDIT] = OLDEST("audit", "at_ms", ""),
    [FORGET_USAGE] = OLDEST("inference_call", "at_ms", ""),
};

static bool forget_some(struct hub *h, const char *sql, int64_t before, uint64_t *n, struct err *e)
{
    struct db_conn *tx;
    if (!db_begin(hub_db(h), &tx, e)) return false;
    bool ok = db_run(tx, e, sql, db_int(before), db_int(AT_ONCE));
    *n = ok ? (uint64_t)db_changes(tx) : 0;
    return db_finish(hub_db(h), tx, ok, e);
}

bool hub_forget(struct hub *h, const struct forget_options *o, uint64_t removed[FORGET_KINDS], struct err *e)
{
    static const char runs[] = "DELETE FROM care_run WHERE state IN ('done', 'failed') AND id <= (SELECT max(id) FROM care_run) - ?1 AND ?2 = ?2";
    uint64_t n;
    for (size_t i = 0; i < FORGET_KINDS; i++) {
        removed[i] = 0;
        if (o->keep_ms[i] <= 0) continue;
        do {
            if (o->stops && o->stops(o->stops_ctx)) return err_set(e, ERR_CLOSED, "stopped with the server");
            if (!forget_some(h, statement[i], clock_now_ms() - o->keep_ms[i], &n, e)) return false;
            removed[i] += n;
        } while (n > 0);
    }
    return forget_some(h, runs, RUNS_KEPT, &n, e);
}
