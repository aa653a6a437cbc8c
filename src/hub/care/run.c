/* hub/care/run.c - see hub/care/run.h.  A row per run: the job names it, writes how far it is, and at last what came of it.
 *
 * A process that dies leaves the row as running and the job with a lease; the next one that takes the job begins again.  A
 * failure is told in the row and not repeated: whoever started it decides. */
#include "hub/care/run.h"

#include <pthread.h>

#include "base/clock.h"
#include "hub/care/care.h"

enum { LINES_BYTES_MAX = 64 << 10, SAY_EVERY_MS = 1000 };

bool care_run_start(struct db_conn *tx, const struct identity *who, str kind, bool dry_run, bool repair, int64_t *id, struct err *e)
{
    int64_t busy;
    char payload[64];
    if (!str_eq(kind, STR("gc")) && !str_eq(kind, STR("fsck")) && !str_eq(kind, STR("reindex")))
        return err_set(e, ERR_INVALID, "What can be started is gc, fsck or reindex");
    if (!db_get_int(tx, &busy, 0, e, "SELECT count(*) FROM care_run r WHERE r.kind = ? AND r.state IN ('waiting', 'running') AND EXISTS (SELECT 1 FROM job j WHERE j.kind = 'care-run'"
                        " AND j.state <> 'failed' AND j.payload = '{\"run\":' || r.id || '}')", db_text(kind))) return false;
    if (busy) return err_set(e, ERR_CONFLICT, "A run of %.*s is under way: wait for its end", STR_ARG(kind));
    const char *options = dry_run ? "{\"dry_run\":true}" : repair ? "{\"repair\":true}" : "{}";
    if (!db_run(tx, e, "INSERT INTO care_run (kind, options, state, actor_id, created_ms) VALUES (?, ?, 'waiting', ?, ?)", db_text(kind), db_text(str_c(options)),
                who->user_id ? db_int(who->user_id) : db_null(), db_int(clock_now_ms())))
        return false;
    *id = db_last_id(tx);
    snprintf(payload, sizeof payload, "{\"run\":%lld}", (long long)*id);
    return job_add(tx, CARE_JOB, str_c(payload), (str){ 0 }, 0, e);
}

static bool read_run(struct db_query *q, struct care_run *out, struct arena *a)
{
    struct json *options;
    struct err ignored;
    *out = (struct care_run){ .id = db_col_int(q, 0), .kind = db_col_dup(q, 1, a), .state = db_col_dup(q, 3, a), .said = db_col_dup(q, 4, a), .lines = db_col_dup(q, 5, a),
                              .created_ms = db_col_int(q, 6), .began_ms = db_col_int(q, 7), .ended_ms = db_col_int(q, 8), .actor = db_col_dup(q, 9, a) };
    if (!json_parse(db_col_dup(q, 2, a), a, &options, &ignored)) return true;
    out->dry_run = json_bool_or(options, STR("dry_run"), false);
    out->repair = json_bool_or(options, STR("repair"), false);
    return true;
}

#define COLUMNS "r.id, r.kind, r.options, r.state, r.said, r.lines, r.created_ms, r.began_ms, r.ended_ms, u.name FROM care_run r LEFT JOIN account u ON u.id = r.actor_id"

bool care_run_list(struct db_conn *c, size_t most, struct arena *a, struct care_run **out, size_t *n, struct err *e)
{
    struct db_query q;
    *n = 0;
    *out = arena_alloc(a, (most + 1) * sizeof **out);
    if (!db_query(c, &q, e, "SELECT " COLUMNS " ORDER BY r.id DESC LIMIT ?", db_int((int64_t)most))) return false;
    while (*n < most && db_next(&q, e)) read_run(&q, &(*out)[(*n)++], a);
    return db_end(&q);
}

/* ------------------------------------------------------------------ the work */

struct work {
    struct job_queue *queue;
    struct care_worker *worker;
    struct care_run run;
    struct buf lines, said;
    uint64_t left_out;
    int64_t told_ms;
};

static bool stops(void *ctx) { return job_is_stopping(((struct work *)ctx)->queue); }

static bool store(struct work *w, const char *state, bool is_end, struct err *e)
{
    static const char sql[] = "UPDATE care_run SET state = ?2, said = ?3, lines = ?4, began_ms = coalesce(began_ms, ?5), ended_ms = ?6 WHERE id = ?1";
    struct db *d = hub_db(w->worker->hub);
    struct db_conn *tx;
    int64_t now = clock_now_ms();
    if (!db_begin(d, &tx, e)) return false;
    bool ok = db_run(tx, e, sql, db_int(w->run.id), db_text(str_c(state)), db_text(buf_str(&w->said).p ? buf_str(&w->said) : STR("")),
                     db_text(buf_str(&w->lines).p ? buf_str(&w->lines) : STR("")), db_int(now), is_end ? db_int(now) : db_null());
    return db_finish(d, tx, ok, e);
}

static void add_line(void *ctx, str text)
{
    struct work *w = ctx;
    if (w->lines.n + text.n + 1 > LINES_BYTES_MAX) {
        w->left_out++;
        return;
    }
    buf_add(&w->lines, text);
    buf_byte(&w->lines, '\n');
}

static void progress(void *ctx, str what, uint64_t done, uint64_t total)
{
    struct work *w = ctx;
    struct err ignored;
    int64_t now = clock_now_ms();
    if (now - w->told_ms < SAY_EVERY_MS) return;
    w->told_ms = now;
    buf_reset(&w->said);
    buf_addf(&w->said, "%.*s", STR_ARG(what));
    if (total) buf_addf(&w->said, ", %llu of %llu", (unsigned long long)done, (unsigned long long)total);
    store(w, "running", false, &ignored);
}

static bool work_gc(struct work *w, const struct care_report *report, struct err *e)
{
    struct gc_options o = { .grace_ms = w->worker->grace_ms, .xorb_grace_ms = w->worker->xorb_grace_ms, .dry_run = w->run.dry_run, .stops = stops, .stops_ctx = w };
    struct gc_result r;
    uint64_t more;
    if (!hub_gc(w->worker->hub, &o, report, &r, e)) return false;
    if (w->worker->collect && !w->worker->collect(w->worker->hub, w->run.dry_run, stops, w, &more, e)) return false;
    buf_reset(&w->said);
    buf_addf(&w->said, "%s %llu large %s, %llu %s (%llu %s), %llu %s of repositories, %llu %s", w->run.dry_run ? "Would remove" : "Removed",
             (unsigned long long)r.objects_removed, plural(r.objects_removed, "file", "files"), (unsigned long long)r.xorbs_removed,
             plural(r.xorbs_removed, "xorb", "xorbs"), (unsigned long long)r.xorb_bytes_removed, plural(r.xorb_bytes_removed, "byte", "bytes"),
             (unsigned long long)r.repos_removed, plural(r.repos_removed, "folder", "folders"), (unsigned long long)r.uploads_removed,
             plural(r.uploads_removed, "upload", "uploads"));
    return true;
}

static bool work_fsck(struct work *w, const struct care_report *report, struct err *e)
{
    struct fsck_options o = { .repair = w->run.repair, .stops = stops, .stops_ctx = w };
    struct fsck_result r;
    if (!hub_fsck(w->worker->hub, &o, report, &r, e)) return false;
    buf_reset(&w->said);
    buf_addf(&w->said, "%llu %s in %llu %s, %llu %s, %llu large %s and %llu %s; %llu repaired", (unsigned long long)r.problems,
             plural(r.problems, "problem", "problems"), (unsigned long long)r.repos, plural(r.repos, "repository", "repositories"),
             (unsigned long long)r.buckets, plural(r.buckets, "bucket", "buckets"), (unsigned long long)r.objects, plural(r.objects, "file", "files"),
             (unsigned long long)r.xorbs, plural(r.xorbs, "xorb", "xorbs"), (unsigned long long)r.repaired);
    return true;
}

static bool work_reindex(struct work *w, const struct care_report *report, struct err *e)
{
    uint64_t repos;
    if (!hub_reindex(w->worker->hub, (str){ 0 }, report, &repos, e)) return false;
    buf_reset(&w->said);
    buf_addf(&w->said, "%llu %s indexed", (unsigned long long)repos, plural(repos, "repository", "repositories"));
    return true;
}

static bool find_run(struct work *w, const struct job *j, bool *found, struct arena *a, struct err *e)
{
    struct json *payload;
    struct db_query q;
    struct db *d = hub_db(w->worker->hub);
    *found = false;
    if (!json_parse(j->payload, a, &payload, e)) return false;
    struct db_conn *c = db_reader(d);
    bool ok = db_query(c, &q, e, "SELECT " COLUMNS " WHERE r.id = ?", db_int(json_int_or(payload, STR("run"), 0)));
    if (ok) {
        if ((*found = db_next(&q, e))) read_run(&q, &w->run, a);
        ok = db_end(&q);
    }
    db_give(d, c);
    return ok;
}

bool care_run_work(struct job_queue *queue, void *ctx, const struct job *j, struct err *e)
{
    struct arena *a = arena_new(0);
    struct work w = { .queue = queue, .worker = ctx, .lines = BUF_INIT(LINES_BYTES_MAX + 4096), .said = BUF_INIT(4096) };
    struct care_report report = { .line = add_line, .progress = progress, .ctx = &w };
    struct err why;
    bool found, ok = find_run(&w, j, &found, a, e);
    if (!ok || !found) goto done;
    buf_lit(&w.said, "begins");
    if (!(ok = store(&w, "running", false, e))) goto done;
    bool went_well = str_eq(w.run.kind, STR("gc")) ? work_gc(&w, &report, &why) : str_eq(w.run.kind, STR("fsck")) ? work_fsck(&w, &report, &why) : work_reindex(&w, &report, &why);
    if (!went_well && job_is_stopping(queue)) { /* after the next start it begins again */
        ok = err_set(e, ERR_CLOSED, "stopped with the server");
        goto done;
    }
    if (!went_well) {
        buf_reset(&w.said);
        buf_addf(&w.said, "%s", why.msg);
    }
    if (w.left_out) buf_addf(&w.lines, "... and %llu more\n", (unsigned long long)w.left_out);
    ok = store(&w, went_well ? "done" : "failed", true, e);
done:
    buf_deinit(&w.lines);
    buf_deinit(&w.said);
    arena_free(a);
    return ok;
}
