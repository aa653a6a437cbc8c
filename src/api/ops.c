/* api/ops.c - for the operator: health, metrics, version. */
#include "api/api_priv.h"
#include "api/infer/infer_api.h"
#include "base/clock.h"
#include "base/os.h"
#include "cas/xorb.h"
#include "gateway/gateway.h"
#include "hub/care/backup.h"
#include "hub/mirror_list.h"
#include "job/job.h"
#include "scan/watch.h"

static bool get_health(struct call *c, struct err *e)
{
    /* Ready means that the database answers. */
    if (!db_answers(call_db(c), e)) return false;
    return http_reply(c->http, 200, "application/json; charset=utf-8", STR("{\"status\":\"ok\"}"));
}

static bool get_version(struct call *c, struct err *e)
{
    (void)e;
    return http_reply(c->http, 200, "application/json; charset=utf-8", STR("{\"name\":\"hearth\",\"version\":\"" HEARTH_VERSION "\"}"));
}

/* Name, kind, help; the values come from metric_value.  One table yields /metrics and its document. */
enum metric {
    METRIC_UPTIME, METRIC_CONNECTIONS, METRIC_REQUESTS, METRIC_BYTES_IN, METRIC_BYTES_OUT, METRIC_REFUSED, METRIC_REFUSED_CONNECTIONS, METRIC_REFUSED_MEMORY, METRIC_ANSWERS, METRIC_WORKERS,
    METRIC_QUEUED, METRIC_WRITERS, METRIC_PASSWORDS, METRIC_REPOS, METRIC_USERS, METRIC_OBJECTS, METRIC_LOGICAL, METRIC_STORED, METRIC_RAW,
    METRIC_XORBS, METRIC_TO_CONVERT, METRIC_JOBS_WAITING, METRIC_JOBS_RUNNING, METRIC_JOBS_FAILED, METRIC_RESIDENT, METRIC_BACKUP, METRIC_CERTIFICATE,
    METRIC_MIRRORS, METRIC_MIRROR_FILES, METRIC_MIRROR_BYTES, METRIC_UP_DOWN, METRIC_UP_QUESTIONS, METRIC_UP_FAILURES, METRIC_UP_FETCHES, METRIC_UP_FILES, METRIC_UP_FILES_FAILED, METRIC_UP_BYTES,
    METRIC_UP_XET_FILES, METRIC_UP_XET_FAULTS, METRIC_UP_KNOWN, METRIC_UP_DOWNLOADS, METRICS
};
static const struct {
    const char *name, *kind, *help;
} metrics[METRICS] = {
    [METRIC_UPTIME] = { "hearth_uptime_seconds", "gauge", "Seconds since the server started" },
    [METRIC_CONNECTIONS] = { "hearth_http_connections", "gauge", "Open HTTP connections" },
    [METRIC_REQUESTS] = { "hearth_http_requests_total", "counter", "HTTP requests answered" },
    [METRIC_BYTES_IN] = { "hearth_http_received_bytes_total", "counter", "Bytes of request bodies received" },
    [METRIC_BYTES_OUT] = { "hearth_http_sent_bytes_total", "counter", "Bytes of answer bodies sent" },
    [METRIC_REFUSED] = { "hearth_http_refused_busy_total", "counter", "Requests refused because every worker and the queue were full" },
    [METRIC_REFUSED_CONNECTIONS] = { "hearth_http_refused_connections_total", "counter", "Connections refused because their address had its share" },
    [METRIC_REFUSED_MEMORY] = { "hearth_http_refused_memory_total", "counter", "Answers that were refused or given up because slow clients held answer-memory-max" },
    [METRIC_ANSWERS] = { "hearth_http_answer_memory_bytes", "gauge", "Memory of answers that their clients have not taken yet, but for 64 KiB of each" },
    [METRIC_WORKERS] = { "hearth_http_workers_running", "gauge", "Requests that a worker thread is busy with" },
    [METRIC_QUEUED] = { "hearth_http_workers_queued", "gauge", "Requests that wait for a worker thread" },
    [METRIC_WRITERS] = { "hearth_database_writers_waiting", "gauge", "Threads that wait for their turn to write to the database" },
    [METRIC_PASSWORDS] = { "hearth_password_computations_total", "counter", "Passwords hashed, a tenth of a second each: those that were set, and those that were checked" },
    [METRIC_REPOS] = { "hearth_repositories", "gauge", "Repositories hosted" },
    [METRIC_USERS] = { "hearth_users", "gauge", "User accounts" },
    [METRIC_OBJECTS] = { "hearth_large_files", "gauge", "Large files stored" },
    [METRIC_LOGICAL] = { "hearth_large_files_bytes", "gauge", "Bytes of large files, each as a whole" },
    [METRIC_STORED] = { "hearth_large_files_stored_bytes", "gauge", "Bytes that large files take on disk" },
    [METRIC_RAW] = { "hearth_large_files_unique_bytes", "gauge", "Bytes of different chunks of large files, before compression" },
    [METRIC_XORBS] = { "hearth_xorbs", "gauge", "Xorbs, which hold the chunks of large files" },
    [METRIC_TO_CONVERT] = { "hearth_large_files_to_convert", "gauge", "Large files that an earlier version stored whole" },
    [METRIC_JOBS_WAITING] = { "hearth_jobs_waiting", "gauge", "Background jobs that wait for their turn or their time" },
    [METRIC_JOBS_RUNNING] = { "hearth_jobs_running", "gauge", "Background jobs under way" },
    [METRIC_JOBS_FAILED] = { "hearth_jobs_failed", "gauge", "Background jobs given up, until the operator retries or removes them" },
    [METRIC_BACKUP] = { "hearth_last_backup_timestamp_seconds", "gauge", "When hearth backup last ended well, as Unix time; 0: never" },
    [METRIC_CERTIFICATE] = { "hearth_tls_certificate_ends_timestamp_seconds", "gauge", "When the certificate of tls-cert ends, as Unix time; 0: there is none" },
    [METRIC_MIRRORS] = { "hearth_mirrors", "gauge", "Repositories of another hub that are kept here" },
    [METRIC_MIRROR_FILES] = { "hearth_mirror_large_files", "gauge", "Large files that came from the upstream and are kept" },
    [METRIC_MIRROR_BYTES] = { "hearth_mirror_large_files_bytes", "gauge", "Bytes of them, each as a whole" },
    [METRIC_UP_DOWN] = { "hearth_upstream_down", "gauge", "1: the upstream hub did not answer when it was last asked; 0: it did, was not asked, or there is none" },
    [METRIC_UP_QUESTIONS] = { "hearth_upstream_questions_total", "counter", "Questions to the upstream about repositories" },
    [METRIC_UP_FAILURES] = { "hearth_upstream_failures_total", "counter", "Of these, those that it did not answer" },
    [METRIC_UP_FETCHES] = { "hearth_upstream_fetches_total", "counter", "Fetches of git from the upstream" },
    [METRIC_UP_FILES] = { "hearth_upstream_files_total", "counter", "Large files that came from the upstream" },
    [METRIC_UP_FILES_FAILED] = { "hearth_upstream_files_failed_total", "counter", "Large files that did not come although somebody asked for them" },
    [METRIC_UP_BYTES] = { "hearth_upstream_bytes_total", "counter", "Bytes of large files received from the upstream" },
    [METRIC_UP_XET_FILES] = { "hearth_upstream_xet_files_total", "counter", "Large files of which the upstream told the chunks" },
    [METRIC_UP_XET_FAULTS] = { "hearth_upstream_xet_faults_total", "counter", "Large files whose chunks were not as the upstream told, and which were left to git-lfs" },
    [METRIC_UP_KNOWN] = { "hearth_upstream_known_bytes_total", "counter", "Bytes of large files that did not come again, because their chunks were here" },
    [METRIC_UP_DOWNLOADS] = { "hearth_upstream_downloads", "gauge", "Large files on their way from the upstream now" },
    [METRIC_RESIDENT] = { "hearth_resident_bytes", "gauge", "Resident memory of the server; of the database, what several connections map is in it several times" },
};

static bool gateway_values(struct call *c, uint64_t value[METRICS], struct err *e)
{
    struct gateway_stats s = { 0 };
    struct mirror_totals kept;
    if (!mirror_totals(call_db(c), &kept, e)) return false;
    if (call_gateway(c)) gateway_stats(call_gateway(c), &s);
    value[METRIC_MIRRORS] = kept.mirrors;
    value[METRIC_MIRROR_FILES] = kept.files;
    value[METRIC_MIRROR_BYTES] = kept.bytes;
    value[METRIC_UP_DOWN] = s.failed_ms > s.answered_ms;
    value[METRIC_UP_QUESTIONS] = s.questions;
    value[METRIC_UP_FAILURES] = s.failures;
    value[METRIC_UP_FETCHES] = s.fetches;
    value[METRIC_UP_FILES] = s.files;
    value[METRIC_UP_FILES_FAILED] = s.files_failed;
    value[METRIC_UP_BYTES] = s.bytes;
    value[METRIC_UP_XET_FILES] = s.xet_files;
    value[METRIC_UP_XET_FAULTS] = s.xet_faults;
    value[METRIC_UP_KNOWN] = s.known_bytes;
    value[METRIC_UP_DOWNLOADS] = s.downloads;
    return true;
}

static bool metric_values(struct call *c, uint64_t value[METRICS], struct err *e)
{
    struct http_stats s;
    int64_t repos, users, waiting, running, failed;
    struct cas_stats large;
    http_server_stats(c->api->server, &s);
    value[METRIC_UPTIME] = (uint64_t)(clock_mono_us() - c->api->started_us) / 1000000;
    value[METRIC_CONNECTIONS] = s.connections;
    value[METRIC_REQUESTS] = s.requests;
    value[METRIC_BYTES_IN] = s.bytes_in;
    value[METRIC_BYTES_OUT] = s.bytes_out;
    value[METRIC_REFUSED] = s.refused_busy;
    value[METRIC_REFUSED_CONNECTIONS] = s.refused_connections;
    value[METRIC_REFUSED_MEMORY] = s.refused_memory;
    value[METRIC_ANSWERS] = s.answers_bytes;
    value[METRIC_CERTIFICATE] = (uint64_t)s.certificate_ends_s;
    value[METRIC_WORKERS] = s.workers_running;
    value[METRIC_QUEUED] = s.workers_queued;
    value[METRIC_WRITERS] = db_waiting(hub_db(c->hub));
    value[METRIC_PASSWORDS] = password_computations();
    if (!repo_count(call_db(c), &repos, e) || !account_count(call_db(c), ACCOUNT_USER, &users, e) ||
        !cas_stats(call_db(c), &large, e) || !job_counts(call_db(c), &waiting, &running, &failed, e))
        return false;
    value[METRIC_JOBS_WAITING] = (uint64_t)waiting;
    value[METRIC_JOBS_RUNNING] = (uint64_t)running;
    value[METRIC_JOBS_FAILED] = (uint64_t)failed;
    value[METRIC_OBJECTS] = large.objects;
    value[METRIC_LOGICAL] = large.logical_bytes;
    value[METRIC_STORED] = large.stored_bytes;
    value[METRIC_RAW] = large.raw_bytes;
    value[METRIC_XORBS] = large.xorbs;
    value[METRIC_TO_CONVERT] = large.objects_to_convert;
    value[METRIC_REPOS] = (uint64_t)repos;
    value[METRIC_USERS] = (uint64_t)users;
    value[METRIC_RESIDENT] = os_resident_bytes(0);
    int64_t backup_ms = 0;
    if (!hub_backup_time(c->hub, &backup_ms, e)) return false;
    value[METRIC_BACKUP] = (uint64_t)backup_ms / 1000;
    return true;
}

static bool scan_metrics(struct call *c, struct buf *b, struct err *e)
{
    struct scan_watch *s = c->api->config.scan;
    int64_t due;
    if (!scan_watch_count_due(call_db(c), &due, e)) return false;
    buf_lit(b, "# HELP hearth_scans_total Files judged by the scanner, by what it said of them\n# TYPE hearth_scans_total counter\n");
    for (int level = SCAN_SAFE; level <= SCAN_UNSAFE; level++) {
        if (level == SCAN_QUEUED || level == SCAN_UNSCANNED) continue;
        buf_addf(b, "hearth_scans_total{level=\"%.*s\"} %llu\n", STR_ARG(scan_level_name((enum scan_level)level)),
                 (unsigned long long)atomic_load_explicit(&s->judged[level], memory_order_relaxed));
    }
    buf_addf(b, "# HELP hearth_scan_repositories_waiting Repositories with something that the scanner has not looked at\n"
                "# TYPE hearth_scan_repositories_waiting gauge\nhearth_scan_repositories_waiting %lld\n", (long long)due);
    return true;
}

static bool get_metrics(struct call *c, struct err *e)
{
    uint64_t value[METRICS] = { 0 };
    if (!metric_values(c, value, e) || !gateway_values(c, value, e)) return false;
    struct buf b = BUF_INIT(0);
    for (int m = 0; m < METRICS; m++)
        buf_addf(&b, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", metrics[m].name, metrics[m].help, metrics[m].name, metrics[m].kind,
                 metrics[m].name, (unsigned long long)value[m]);
    buf_lit(&b, "# HELP hearth_route_requests_total Requests by route and class of status\n# TYPE hearth_route_requests_total counter\n");
    struct api *a = c->api;
    for (size_t i = 0; i < a->routes_count; i++) {
        str method = http_method_name(a->rows[i]->method);
        for (int class = 1; class < STATUS_CLASSES; class++) {
            uint64_t n = atomic_load_explicit(&a->stats[i].requests[class], memory_order_relaxed);
            if (n == 0) continue;
            buf_addf(&b, "hearth_route_requests_total{route=\"%s\",method=\"%.*s\",pattern=\"%s\",class=\"%dxx\"} %llu\n",
                     a->rows[i]->name, STR_ARG(method), a->rows[i]->pattern, class, (unsigned long long)n);
        }
    }
    if (c->api->config.scan && !scan_metrics(c, &b, e)) {
        buf_deinit(&b);
        return false;
    }
    if (c->api->config.infer && !infer_metrics(c, &b, e)) {
        buf_deinit(&b);
        return false;
    }
    return http_reply_buf(c->http, 200, "text/plain; version=0.0.4; charset=utf-8", &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/health", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_health, "ops.health", SHAPE_HUB },
    { HTTP_GET, "/metrics", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_metrics, "ops.metrics", SHAPE_HUB },
    { HTTP_GET, "/version", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_version, "ops.version", SHAPE_HUB },
};
const struct api_table ops_table = API_TABLE(rows);
