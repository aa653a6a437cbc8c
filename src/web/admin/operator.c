/* web/admin/operator.c - the operator's pages: how it is, what it stores, its settings, and the log of administrative acts.
 *
 * For administrators alone; everybody else learns that there is no such page. */
#include "web/admin/operator.h"

#include "cas/xorb.h"
#include "gateway/gateway.h"
#include "hub/care/overview.h"
#include "hub/mirror_list.h"
#include "infer/infer.h"
#include "job/job.h"

enum { LARGEST_SHOWN = 25, ACTS_SHOWN = 50, ACTS_ON_FRONT = 8 };

struct page *operator_page(struct call *c, const char *tab, str title)
{
    struct page *p = page_new(c, title);
    jw_kstr(&p->w, "tab", str_c(tab));
    return p;
}

/* ------------------------------------------------------------------ how it is */

static bool write_jobs(struct page *p, struct err *e)
{
    int64_t waiting, running, failed;
    if (!job_counts(call_db(p->c), &waiting, &running, &failed, e)) return false;
    jw_kobject(&p->w, "jobs");
    jw_kint(&p->w, "waiting", waiting);
    jw_kint(&p->w, "running", running);
    jw_kint(&p->w, "failed", failed);
    jw_object_end(&p->w);
    return true;
}

static void write_models(struct page *p)
{
    struct call *c = p->c;
    struct infer_model *model;
    size_t n, ready = 0, failed = 0, calls = 0, waiting = 0;
    uint64_t taken = 0;
    jw_kbool(&p->w, "runs_models", call_infer(c) != NULL);
    if (!call_infer(c)) return;
    infer_models(call_infer(c), c->a, &model, &n);
    for (size_t i = 0; i < n; i++) {
        ready += model[i].state == INFER_READY || model[i].state == INFER_STARTING;
        failed += model[i].state == INFER_FAILED;
        calls += model[i].running;
        waiting += model[i].waiting;
        taken += model[i].bytes;
    }
    jw_kobject(&p->w, "models");
    jw_kint(&p->w, "ready", (int64_t)ready);
    jw_kint(&p->w, "failed", (int64_t)failed);
    jw_kint(&p->w, "calls", (int64_t)calls);
    jw_kint(&p->w, "waiting", (int64_t)waiting);
    jw_kint(&p->w, "bytes", (int64_t)taken);
    jw_kint(&p->w, "memory", (int64_t)infer_memory(call_infer(c)));
    jw_object_end(&p->w);
}

static bool write_gateway(struct page *p, struct err *e)
{
    struct gateway *g = call_gateway(p->c);
    struct gateway_stats s;
    struct mirror_totals kept;
    if (!mirror_totals(call_db(p->c), &kept, e)) return false;
    if (!g) return true;
    gateway_stats(g, &s);
    jw_kobject(&p->w, "gateway");
    jw_kstr(&p->w, "upstream", gateway_config_of(g)->upstream);
    jw_kint(&p->w, "answered_ms", s.answered_ms);
    jw_kint(&p->w, "failed_ms", s.failed_ms);
    jw_kint(&p->w, "files", (int64_t)s.files);
    jw_kint(&p->w, "files_failed", (int64_t)s.files_failed);
    jw_kint(&p->w, "bytes", (int64_t)s.bytes);
    jw_kint(&p->w, "downloads", (int64_t)s.downloads);
    jw_kint(&p->w, "mirrors", (int64_t)kept.mirrors);
    jw_kint(&p->w, "kept_bytes", (int64_t)kept.bytes);
    jw_object_end(&p->w);
    return true;
}

static bool write_acts(struct page *p, const struct audit_query *q, int64_t *next, struct err *e)
{
    struct audit_query more = *q;
    struct audit_row *row;
    size_t n;
    more.limit++; /* tells whether a page follows */
    if (!audit_list(call_db(p->c), &more, p->c->a, &row, &n, e)) return false;
    jw_karray(&p->w, "acts");
    for (size_t i = 0; i < n && i < q->limit; i++) {
        jw_object(&p->w);
        jw_kint(&p->w, "at_ms", row[i].at_ms);
        jw_kstr(&p->w, "type", row[i].type);
        jw_kstr(&p->w, "message", row[i].message);
        if (row[i].actor.p) jw_kstr(&p->w, "actor", row[i].actor);
        if (row[i].account.p) jw_kstr(&p->w, "account", row[i].account);
        if (row[i].ip.p) jw_kstr(&p->w, "ip", row[i].ip);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    *next = n > q->limit ? row[q->limit - 1].id : 0;
    return true;
}

static bool get_health(struct call *c, struct err *e)
{
    struct care_totals totals;
    struct cas_stats stored;
    int64_t ignored;
    struct page *p = operator_page(c, "health", STR("Administration"));
    if (!care_totals(c->hub, call_db(c), &totals, e) || !cas_stats(call_db(c), &stored, e) || !write_jobs(p, e)) return false;
    if (!write_gateway(p, e)) return false;
    write_models(p);
    jw_kint(&p->w, "started_ms", call_started_ms(c));
    jw_kint(&p->w, "users", totals.users);
    jw_kint(&p->w, "orgs", totals.orgs);
    jw_kobject(&p->w, "repos");
    for (int k = 0; k < REPO_KINDS; k++) jw_kint(&p->w, repo_kind_plural((enum repo_kind)k).p, totals.repos[k]);
    jw_object_end(&p->w);
    jw_kint(&p->w, "disk_free", (int64_t)totals.disk_free_bytes);
    jw_kint(&p->w, "stored", (int64_t)stored.stored_bytes);
    return write_acts(p, &(struct audit_query){ .limit = ACTS_ON_FRONT }, &ignored, e) && page_reply(p, 200, "admin/health.html", e);
}

/* ------------------------------------------------------------------ what it stores */

static void write_sizes(struct page *p, const char *name, const struct care_size *list, size_t n, bool of_owners)
{
    jw_karray(&p->w, name);
    for (size_t i = 0; i < n; i++) {
        str prefix = of_owners ? STR("") : repo_web_prefix(list[i].kind);
        jw_object(&p->w);
        jw_kstr(&p->w, "label", list[i].name);
        jw_kstr(&p->w, "href", arena_fmt(p->c->a, "/%.*s%.*s", STR_ARG(prefix), STR_ARG(list[i].name)));
        jw_kint(&p->w, "value", list[i].bytes);
        jw_kint(&p->w, "repos", list[i].repos);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
}

static bool get_storage(struct call *c, struct err *e)
{
    struct cas_stats s;
    struct care_totals totals;
    struct care_size *repo, *owner;
    size_t repos, owners;
    struct page *p = operator_page(c, "storage", STR("Storage"));
    if (!cas_stats(call_db(c), &s, e) || !care_totals(c->hub, call_db(c), &totals, e) || !care_largest_repos(call_db(c), LARGEST_SHOWN, c->a, &repo, &repos, e) ||
        !care_largest_owners(call_db(c), LARGEST_SHOWN, c->a, &owner, &owners, e))
        return false;
    jw_kint(&p->w, "disk_free", (int64_t)totals.disk_free_bytes);
    jw_kobject(&p->w, "cas");
    jw_kint(&p->w, "objects", (int64_t)s.objects);
    jw_kint(&p->w, "to_convert", (int64_t)s.objects_to_convert);
    jw_kint(&p->w, "xorbs", (int64_t)s.xorbs);
    jw_kint(&p->w, "chunks", (int64_t)s.chunks);
    jw_kint(&p->w, "logical", (int64_t)s.logical_bytes);
    jw_kint(&p->w, "raw", (int64_t)s.raw_bytes);
    jw_kint(&p->w, "stored", (int64_t)s.stored_bytes);
    jw_object_end(&p->w);
    write_sizes(p, "repos", repo, repos, false);
    write_sizes(p, "owners", owner, owners, true);
    return page_reply(p, 200, "admin/storage.html", e);
}

/* ------------------------------------------------------------------ settings, and what was done */

static bool get_settings(struct call *c, struct err *e)
{
    const struct api_config *config = call_config(c);
    struct page *p = operator_page(c, "settings", STR("Settings of the server"));
    jw_karray(&p->w, "settings");
    for (size_t i = 0; i < config->settings_count; i++) {
        const struct api_setting *s = &config->settings[i];
        jw_object(&p->w);
        jw_kstr(&p->w, "name", str_c(s->name));
        jw_kstr(&p->w, "value", s->value.p ? s->value : STR(""));
        jw_kstr(&p->w, "help", str_c(s->help));
        jw_kstr(&p->w, "source", str_c(s->source));
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    (void)e;
    return page_reply(p, 200, "admin/settings.html", e);
}

static bool get_log(struct call *c, struct err *e)
{
    struct audit_query q = { .type = str_trim(call_query(c, "type")), .name = str_trim(call_query(c, "name")), .words = str_trim(call_query(c, "words")), .limit = ACTS_SHOWN };
    str before = call_query(c, "before");
    int64_t next;
    if (before.n && !str_i64(before, &q.before_id)) return err_set(e, ERR_INVALID, "\"before\" is a number");
    struct page *p = operator_page(c, "log", STR("Log"));
    jw_kstr(&p->w, "type", q.type);
    jw_kstr(&p->w, "name", q.name);
    jw_kstr(&p->w, "words", q.words);
    jw_kbool(&p->w, "is_later", q.before_id > 0);
    if (!write_acts(p, &q, &next, e)) return false;
    if (next) jw_kint(&p->w, "next", next);
    return page_reply(p, 200, "admin/log.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/operator", PERM_SITE_ADMIN, HTTP_BODY_NONE, 0, 0, get_health, "page.operator", SHAPE_PAGE },
    { HTTP_GET, "/operator/storage", PERM_SITE_ADMIN, HTTP_BODY_NONE, 0, 0, get_storage, "page.operator.storage", SHAPE_PAGE },
    { HTTP_GET, "/operator/settings", PERM_SITE_ADMIN, HTTP_BODY_NONE, 0, 0, get_settings, "page.operator.settings", SHAPE_PAGE },
    { HTTP_GET, "/operator/log", PERM_SITE_ADMIN, HTTP_BODY_NONE, 0, 0, get_log, "page.operator.log", SHAPE_PAGE },
};
const struct api_table web_operator = API_TABLE(rows);
