/* web/admin/work.c - jobs, and the runs of collection, check and reindexing that are started here; models and their workers. */
#include "hub/care/run.h"
#include "infer/infer.h"
#include "infer/pin.h"
#include "web/admin/operator.h"

enum { JOBS_SHOWN = 200, RUNS_SHOWN = 20 };

/* ------------------------------------------------------------------ jobs and runs */

static bool write_jobs(struct page *p, struct err *e)
{
    struct job_row *row;
    size_t n;
    if (!job_list(call_db(p->c), 0, JOBS_SHOWN, p->c->a, &row, &n, e)) return false;
    jw_karray(&p->w, "jobs");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        jw_kint(&p->w, "id", row[i].id);
        jw_kstr(&p->w, "kind", row[i].kind);
        jw_kstr(&p->w, "state", row[i].state);
        jw_kstr(&p->w, "payload", str_to(row[i].payload, 200));
        jw_kint(&p->w, "attempts", row[i].attempts);
        jw_kstr(&p->w, "last_error", row[i].last_error);
        jw_kint(&p->w, "created_ms", row[i].created_ms);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return true;
}

static bool write_runs(struct page *p, struct err *e)
{
    struct care_run *run;
    size_t n;
    bool any_active = false;
    if (!care_run_list(call_db(p->c), RUNS_SHOWN, p->c->a, &run, &n, e)) return false;
    jw_karray(&p->w, "runs");
    for (size_t i = 0; i < n; i++) {
        bool is_active = str_eq(run[i].state, STR("waiting")) || str_eq(run[i].state, STR("running"));
        any_active = any_active || is_active;
        jw_object(&p->w);
        jw_kint(&p->w, "id", run[i].id);
        jw_kstr(&p->w, "kind", run[i].kind);
        jw_kstr(&p->w, "state", run[i].state);
        jw_kbool(&p->w, "is_active", is_active);
        jw_kbool(&p->w, "dry_run", run[i].dry_run);
        jw_kbool(&p->w, "repair", run[i].repair);
        jw_kstr(&p->w, "said", run[i].said);
        jw_kstr(&p->w, "lines", run[i].lines);
        if (run[i].actor.p) jw_kstr(&p->w, "actor", run[i].actor);
        jw_kint(&p->w, "created_ms", run[i].created_ms);
        if (run[i].ended_ms) jw_kint(&p->w, "took_ms", run[i].ended_ms - run[i].began_ms);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    jw_kbool(&p->w, "any_active", any_active);
    return true;
}

static bool jobs_page(struct call *c, int status, str problem, struct err *e)
{
    struct page *p = operator_page(c, "jobs", STR("Jobs"));
    jw_kstr(&p->w, "problem_text", problem);
    return write_runs(p, e) && write_jobs(p, e) && page_reply(p, status, "admin/jobs.html", e);
}

static bool get_jobs(struct call *c, struct err *e) { return jobs_page(c, 200, STR(""), e); }

static bool post_run(struct call *c, struct err *e)
{
    struct db_conn *tx;
    struct err why;
    int64_t id;
    str kind = page_field(c, "kind"), how = page_field(c, "how");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = care_run_start(tx, &c->who, kind.p ? kind : STR(""), str_eq(how, STR("dry")), str_eq(how, STR("repair")), &id, &why) &&
              audit_add(tx, &c->who, "operator.run", 0, arena_fmt(c->a, "started %.*s%s", STR_ARG(kind), str_eq(how, STR("dry")) ? ", which only tells" : str_eq(how, STR("repair")) ? ", which repairs" : ""), call_peer(c), &why);
    if (page_commit(c, ok, tx, &why)) return page_redirect(c, STR("/operator/jobs"));
    if (api_status_of(&why) < 500) return jobs_page(c, api_status_of(&why), str_c(why.msg), e);
    *e = why;
    return false;
}

static bool post_job(struct call *c, struct err *e)
{
    struct db_conn *tx;
    struct err why;
    int64_t id = 0;
    bool found = false, removes = str_eq(page_field(c, "do"), STR("remove"));
    if (!str_i64(page_field(c, "id"), &id)) return err_set(e, ERR_INVALID, "Which job?");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = removes ? job_remove(tx, id, &found, &why) : job_retry(tx, id, &found, &why);
    ok = ok && (found || err_set(&why, ERR_CONFLICT, "This job is gone, or runs now")) &&
         audit_add(tx, &c->who, removes ? "operator.job_remove" : "operator.job_retry", 0, arena_fmt(c->a, "job %lld", (long long)id), call_peer(c), &why);
    if (page_commit(c, ok, tx, &why)) return page_redirect(c, STR("/operator/jobs"));
    if (api_status_of(&why) < 500) return jobs_page(c, api_status_of(&why), str_c(why.msg), e);
    *e = why;
    return false;
}

/* ------------------------------------------------------------------ models */

static const char *const state_names[] = { [INFER_COLD] = "cold", [INFER_STARTING] = "starting", [INFER_READY] = "ready", [INFER_STOPPING] = "stopping", [INFER_FAILED] = "failed" };

static bool write_workers(struct page *p, const struct pin *pin, size_t pins)
{
    struct call *c = p->c;
    struct infer_model *model;
    size_t n;
    uint64_t taken = 0;
    infer_models(call_infer(c), c->a, &model, &n);
    jw_karray(&p->w, "workers");
    for (size_t i = 0; i < n; i++) {
        struct repo repo;
        struct err ignored;
        bool is_pinned = false;
        if (!repo_get(call_db(c), model[i].repo_id, &repo, c->a, &ignored)) continue;
        for (size_t k = 0; k < pins; k++) is_pinned = is_pinned || pin[k].repo_id == model[i].repo_id;
        taken += model[i].bytes;
        jw_object(&p->w);
        jw_kstr(&p->w, "name", repo.full_name);
        jw_kstr(&p->w, "commit", str_to(str_c(model[i].commit), 8));
        jw_kstr(&p->w, "state", str_c(state_names[model[i].state]));
        jw_kbool(&p->w, "is_pinned", is_pinned);
        jw_kint(&p->w, "bytes", (int64_t)model[i].bytes);
        jw_kint(&p->w, "running", (int64_t)model[i].running);
        jw_kint(&p->w, "waiting", (int64_t)model[i].waiting);
        if (model[i].used_ms) jw_kint(&p->w, "used_ms", model[i].used_ms);
        jw_kstr(&p->w, "reason", model[i].reason.p ? model[i].reason : STR(""));
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    jw_kint(&p->w, "claimed", (int64_t)taken);
    jw_kint(&p->w, "memory", (int64_t)infer_memory(call_infer(c)));
    return true;
}

static bool models_page(struct call *c, int status, str problem, struct err *e)
{
    struct pin *pin;
    size_t pins;
    struct page *p = operator_page(c, "models", STR("Running models"));
    jw_kstr(&p->w, "problem_text", problem);
    jw_kbool(&p->w, "runs_models", call_infer(c) != NULL);
    if (!pin_list(call_db(c), c->a, &pin, &pins, e) || (call_infer(c) && !write_workers(p, pin, pins))) return false;
    jw_karray(&p->w, "pins");
    for (size_t i = 0; i < pins; i++) jw_str(&p->w, pin[i].full_name);
    jw_array_end(&p->w);
    return page_reply(p, status, "admin/models.html", e);
}

static bool get_models(struct call *c, struct err *e) { return models_page(c, 200, STR(""), e); }

/* pin: started at once and kept; unpin: stopped when nobody calls it; stop: as soon as nothing runs on it. */
static bool change_model(struct call *c, str name, str what, struct err *e)
{
    struct repo repo;
    struct db_conn *tx;
    bool changed = false, pins = str_eq(what, STR("pin")), unpins = str_eq(what, STR("unpin")), stops = str_eq(what, STR("stop"));
    if (!pins && !unpins && !stops) return err_set(e, ERR_INVALID, "A model is pinned, unpinned or stopped");
    if (!name.n || !call_find_repo(c, REPO_MODEL, name, REPO_READ, &repo, e)) return err_set(e, ERR_INVALID, "There is no model \"%.*s\"", STR_ARG(str_to(name, 200)));
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = (stops || pin_set(tx, repo.id, pins, &changed, e)) &&
              audit_add(tx, &c->who, pins ? "model.pin" : unpins ? "model.unpin" : "model.stop", 0, repo.full_name, call_peer(c), e);
    if (!page_commit(c, ok, tx, e)) return false;
    if (stops && call_infer(c)) infer_rest(call_infer(c), repo.id);
    return true;
}

static bool post_model(struct call *c, struct err *e)
{
    struct err why;
    str name = page_field(c, "name");
    if (change_model(c, name.p ? name : STR(""), page_field(c, "do"), &why)) return page_redirect(c, STR("/operator/models"));
    if (api_status_of(&why) < 500) return models_page(c, api_status_of(&why), str_c(why.msg), e);
    *e = why;
    return false;
}

static const struct api_route rows[] = {
    { HTTP_GET, "/operator/jobs", PERM_SITE_ADMIN, HTTP_BODY_NONE, 0, 0, get_jobs, "page.operator.jobs", SHAPE_PAGE },
    { HTTP_POST, "/operator/runs", PERM_SITE_ADMIN, HTTP_BODY_WHOLE, OPERATOR_FORM_MAX, 0, post_run, "page.operator.run", SHAPE_PAGE },
    { HTTP_POST, "/operator/jobs", PERM_SITE_ADMIN, HTTP_BODY_WHOLE, OPERATOR_FORM_MAX, 0, post_job, "page.operator.job", SHAPE_PAGE },
    { HTTP_GET, "/operator/models", PERM_SITE_ADMIN, HTTP_BODY_NONE, 0, 0, get_models, "page.operator.models", SHAPE_PAGE },
    { HTTP_POST, "/operator/models", PERM_SITE_ADMIN, HTTP_BODY_WHOLE, OPERATOR_FORM_MAX, 0, post_model, "page.operator.model", SHAPE_PAGE },
};
const struct api_table web_operator_work = API_TABLE(rows);
