/* cli/serve/jobs.c - what `hearth serve` does in the background.
 *
 * Timers write what this process keeps in memory; jobs work on what all processes share, so one of them
 * does each in its turn. */
#include "cli/serve/jobs.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/care/care.h"
#include "hub/care/forget.h"
#include "hub/care/run.h"
#include "hub/community/tell.h"
#include "hub/index/index.h"
#include "hub/mirror.h"
#include "hub/repo.h"
#include "scan/watch.h"
#include "space/space.h"

enum { DOWNLOADS_EVERY_MS = 5000, TOKENS_EVERY_MS = 60000, MIRRORS_EVERY_MS = 30000, COUNTS_EVERY_MS = 600000, PACKS_EVERY_MS = 60000, SMALL_PACKS_EVERY_MS = 2000,
       TELL_EVERY_MS = 250, SPACES_EVERY_MS = 500, FORGET_EVERY_MS = 6 * 3600000, SCAN_EVERY_MS = 500, THREADS = 6 };


static bool flush_downloads(void *ctx, struct err *e) { return hub_flush(ctx, e); }
static bool repack(void *ctx, struct err *e) { return hub_maintain(ctx, e); }
static bool gather_packs(void *ctx, struct err *e) { return hub_gather_packs(ctx, e); }
static bool flush_tokens(void *ctx, struct err *e) { return account_flush(hub_db(ctx), e); }

static bool stops(void *queue) { return job_is_stopping(queue); }

static bool refresh_counts(struct job_queue *q, void *ctx, const struct job *j, struct err *e)
{
    (void)j;
    return index_refresh_counts(hub_db(ctx), stops, q, e);
}

struct serve_jobs {
    struct hub *hub;
    uint64_t mirrors_max; /* bytes of their large files; 0: no bound */
    struct job_queue *queue;
    int64_t grace_ms, xorb_grace_ms;
    struct forget_options forget;
    struct webhook_runner webhooks;
    struct care_worker care; /* what an operator starts from a page */
    struct scan_watch *scan; /* NULL: nothing is judged */
};

static bool tell(void *ctx, struct err *e)
{
    struct serve_jobs *s = ctx;
    size_t told = 0;
    if (!tell_all(s->hub, s->webhooks.sender, &told, e)) return false;
    if (told) job_wake(s->queue);
    return true;
}

static bool forget(struct job_queue *q, void *ctx, const struct job *j, struct err *e)
{
    (void)j;
    struct serve_jobs *s = ctx;
    struct forget_options o = s->forget;
    uint64_t n[FORGET_KINDS];
    o.stops = stops;
    o.stops_ctx = q;
    if (!hub_forget(s->hub, &o, n, e)) return false;
    log_info("forget", "activity=%llu deliveries=%llu notifications=%llu audit=%llu usage=%llu", (unsigned long long)n[FORGET_ACTIVITY],
             (unsigned long long)n[FORGET_DELIVERIES], (unsigned long long)n[FORGET_NOTIFICATIONS], (unsigned long long)n[FORGET_AUDIT],
             (unsigned long long)n[FORGET_USAGE]);
    return true;
}

/* What moved a ref left a row; one job looks at all of them, in one process. */
static bool notice_pushes(void *ctx, struct err *e)
{
    struct serve_jobs *s = ctx;
    struct db_conn *tx;
    bool due;
    if (atomic_load(&s->scan->is_busy)) return true;
    if (!scan_watch_is_due(s->hub, &due, e)) return false;
    if (!due) return true;
    if (!db_begin(hub_db(s->hub), &tx, e)) return false;
    if (!db_finish(hub_db(s->hub), tx, job_add(tx, SCAN_JOB, STR("{}"), STR("all"), 0, e), e)) return false;
    job_wake(s->queue);
    return true;
}

static bool judge_pushes(struct job_queue *q, void *ctx, const struct job *j, struct err *e)
{
    (void)j;
    struct serve_jobs *s = ctx;
    return scan_watch_run(s->scan, stops, q, e);
}

static bool collect(struct job_queue *q, void *ctx, const struct job *j, struct err *e)
{
    (void)j;
    struct serve_jobs *s = ctx;
    struct gc_options o = { .grace_ms = s->grace_ms, .xorb_grace_ms = s->xorb_grace_ms, .stops = stops, .stops_ctx = q };
    struct care_report report = { 0 };
    struct gc_result r;
    uint64_t verdicts;
    if (!hub_gc(s->hub, &o, &report, &r, e) || !scan_collect(s->hub, false, stops, q, &verdicts, e)) return false;
    log_info("gc", "objects=%llu bytes=%llu xorbs=%llu xorb_bytes=%llu repos=%llu uploads=%llu verdicts=%llu", (unsigned long long)r.objects_removed,
             (unsigned long long)r.bytes_removed, (unsigned long long)r.xorbs_removed, (unsigned long long)r.xorb_bytes_removed,
             (unsigned long long)r.repos_removed, (unsigned long long)r.uploads_removed, (unsigned long long)verdicts);
    return true;
}

/* Objects of earlier versions, which are whole blobs.  It says how far it is, and goes on after a restart. */
struct conversion {
    struct job_queue *queue;
    const struct job *job;
    struct hub *hub;
    int64_t said_ms;
};

static bool note_conversion(void *ctx, const struct cas_convert_result *r)
{
    enum { SAY_EVERY_MS = 2000 };
    struct conversion *v = ctx;
    char text[160];
    if (job_is_stopping(v->queue)) return false;
    if (clock_now_ms() - v->said_ms < SAY_EVERY_MS) return true;
    v->said_ms = clock_now_ms();
    snprintf(text, sizeof text, "%llu of %llu objects, %llu of %llu MB", (unsigned long long)r->objects_done,
             (unsigned long long)r->objects_total, (unsigned long long)(r->bytes_done / 1000000),
             (unsigned long long)(r->bytes_total / 1000000));
    job_note(v->queue, v->job, str_c(text));
    return true;
}

static bool convert(struct job_queue *q, void *ctx, const struct job *j, struct err *e)
{
    struct serve_jobs *s = ctx;
    struct conversion v = { .queue = q, .job = j, .hub = s->hub };
    struct cas_convert_options o = { .progress = note_conversion, .ctx = &v };
    struct cas_convert_result r;
    bool ok = cas_convert(hub_cas(s->hub), &o, &r, e);
    log_info("cas.convert", "objects=%llu of=%llu damaged=%llu bytes=%llu", (unsigned long long)r.objects_done,
             (unsigned long long)r.objects_total, (unsigned long long)r.objects_damaged, (unsigned long long)r.bytes_done);
    return ok;
}

static void convert_if_due(struct serve_jobs *s)
{
    struct err e;
    struct db_conn *tx;
    bool due = false, ok = cas_convert_is_due(hub_cas(s->hub), &due, &e);
    if (ok && due) {
        ok = db_begin(hub_db(s->hub), &tx, &e);
        if (ok && !job_add(tx, "cas-convert", STR("{}"), STR("all"), 0, &e)) {
            db_rollback(hub_db(s->hub), tx);
            ok = false;
        } else if (ok) {
            ok = db_commit(hub_db(s->hub), tx, &e);
        }
    }
    if (!ok) log_warn("cas.convert", "problem=\"%s\"", e.msg);
}

static bool keep_mirrors(void *ctx, struct err *e)
{
    struct serve_jobs *s = ctx;
    struct mirror_trimmed r = { 0 };
    if (!mirror_flush(s->hub, e) || !mirror_derive(s->hub, 0, e)) return false;
    if (s->mirrors_max && !mirror_trim(s->hub, s->mirrors_max, &r, e)) return false;
    if (r.files) log_info("gateway.trimmed", "files=%llu bytes=%llu left=%llu", (unsigned long long)r.files, (unsigned long long)r.bytes, (unsigned long long)r.bytes_left);
    return true;
}

struct serve_jobs *serve_jobs_start(struct cli *c, struct hub *h, const struct webhook_sender *sender, struct spaces *spaces, struct scan_watch *scan)
{
    struct job_options o = { .threads = THREADS };
    struct serve_jobs *s = mem_one(struct serve_jobs);
    s->hub = h;
    s->grace_ms = cli_int(c, "gc-grace");
    s->xorb_grace_ms = cli_int(c, "gc-xorb-grace");
    s->mirrors_max = (uint64_t)cli_int(c, "upstream-cache");
    s->queue = job_queue_new(hub_db(h), &o);
    job_timer(s->queue, "downloads", DOWNLOADS_EVERY_MS, flush_downloads, h);
    job_timer(s->queue, "mirrors", MIRRORS_EVERY_MS, keep_mirrors, s);
    job_timer(s->queue, "tokens", TOKENS_EVERY_MS, flush_tokens, h);
    job_timer(s->queue, "repack", PACKS_EVERY_MS, repack, h);
    job_timer(s->queue, "small-packs", SMALL_PACKS_EVERY_MS, gather_packs, h);
    s->webhooks = (struct webhook_runner){ .hub = h, .sender = sender };
    job_register(s->queue, WEBHOOK_JOB, webhook_run, &s->webhooks);
    job_timer(s->queue, "tell", TELL_EVERY_MS, tell, s);
    if (spaces) job_timer(s->queue, "spaces", SPACES_EVERY_MS, spaces_tick, spaces);
    static const char *const keep[FORGET_KINDS] = { [FORGET_ACTIVITY] = "keep-activity", [FORGET_DELIVERIES] = "keep-deliveries",
                                                    [FORGET_NOTIFICATIONS] = "keep-notifications", [FORGET_AUDIT] = "keep-audit",
                                                    [FORGET_USAGE] = "keep-usage" };
    for (size_t i = 0; i < FORGET_KINDS; i++) s->forget.keep_ms[i] = cli_int(c, keep[i]);
    job_register(s->queue, "forget", forget, s);
    job_periodic(s->queue, "forget", FORGET_EVERY_MS);
    job_register(s->queue, "counts", refresh_counts, h);
    job_periodic(s->queue, "counts", COUNTS_EVERY_MS);
    job_register(s->queue, "gc", collect, s);
    s->care = (struct care_worker){ .hub = h, .grace_ms = s->grace_ms, .xorb_grace_ms = s->xorb_grace_ms, .collect = scan_collect };
    job_register(s->queue, CARE_JOB, care_run_work, &s->care);
    if (cli_int(c, "gc-every")) job_periodic(s->queue, "gc", cli_int(c, "gc-every"));
    job_register(s->queue, "cas-convert", convert, s);
    convert_if_due(s);
    s->scan = scan;
    if (scan) {
        struct err e;
        if (!scan_watch_renew(scan, &e)) log_warn("scan.renew", "reason=\"%s\"", e.msg);
        job_register(s->queue, SCAN_JOB, judge_pushes, s);
        job_timer(s->queue, "scan", SCAN_EVERY_MS, notice_pushes, s);
    }
    job_queue_start(s->queue);
    return s;
}

bool serve_jobs_stop(struct serve_jobs *s, struct err *e)
{
    if (!s) return true;
    job_queue_stop(s->queue);
    struct err why = { 0 };
    bool downloads = hub_flush(s->hub, &why);
    bool tokens = account_flush(hub_db(s->hub), &why);
    mem_free(s);
    return (downloads && tokens) || err_set(e, why.code, "the last minute's downloads and uses of tokens are not all counted: %s", why.msg);
}
