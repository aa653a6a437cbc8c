/* space/space.c - see space/space.h: opening and closing the room, visitors, the owner's wishes, what is told. */
#include "space/space.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/os.h"
#include "hub/index/list.h"
#include "space/space_priv.h"
#include "space/tree.h"

/* ------------------------------------------------------------------ opening */

static bool write_etc(struct spaces *s, const char *name, const char *text, struct err *e)
{
    char dir[300], path[400];
    snprintf(dir, sizeof dir, "%s/etc", s->root);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (!os_mkdirs(dir, e) || !os_write_file(dir, path, bytes_of(str_c(text)), e)) return false;
    return (chmod(dir, 0755) == 0 && chmod(path, 0644) == 0) || err_set(e, ERR_IO, "cannot prepare %s", path);
}

struct sweep {
    char dir[400];
    bool is_venv;
};

/* What lives with an app, and ends with it: folders that a crash left. */
static bool sweep_one(void *ctx, const char *name, bool is_dir)
{
    enum { UNUSED_MS = 30 * 86400 };
    struct sweep *x = ctx;
    struct stat st;
    struct err e;
    char path[700];
    uint64_t ignored;
    snprintf(path, sizeof path, "%s/%s", x->dir, name);
    bool is_done = x->is_venv ? strchr(name, '.') != NULL : str_u64(str_c(name), &ignored);
    if (x->is_venv && stat(path, &st) == 0) is_done = is_done || st.st_mtime * 1000 < clock_now_ms() - (int64_t)UNUSED_MS * 1000;
    if (is_dir && is_done && !tree_remove(path, &e)) log_warn("space", "problem=\"%s\"", e.msg);
    return true;
}

static bool sweep_folder(void *ctx, const char *name, bool is_dir)
{
    struct spaces *s = ctx;
    struct sweep x = { .is_venv = strcmp(name, "venv") == 0 };
    struct err e;
    uint64_t ignored;
    snprintf(x.dir, sizeof x.dir, "%s/%s", s->root, name);
    if (is_dir && (x.is_venv || str_u64(str_c(name), &ignored)) && !os_each_entry(x.dir, sweep_one, &x, &e)) log_warn("space", "problem=\"%s\"", e.msg);
    return true;
}

static bool prepare(struct spaces *s, struct err *e)
{
    char venv[300];
    snprintf(venv, sizeof venv, "%s/venv", s->root);
    return tree_folder(s->root, geteuid(), e) && tree_folder(venv, geteuid(), e) && os_each_entry(s->root, sweep_folder, s, e) &&
           write_etc(s, "passwd", "user:x:1000:1000:user:/home/user:/bin/sh\n", e) && write_etc(s, "group", "user:x:1000:\n", e) &&
           write_etc(s, "hosts", "127.0.0.1 localhost space\n", e) && write_etc(s, "nsswitch.conf", "hosts: files\n", e);
}

/* Where the machine cannot keep strangers' programs apart none is run; the pages say why. */
static void find_out(struct spaces *s)
{
    struct err why;
    s->why_not = (struct err){ 0 };
    if (jail_try(s->root, &why)) return;
    err_kind(&s->why_not, ERR_NOT_BUILT, SPACE_OFF,
             "This machine cannot keep apps apart, so none is run: %s. Install bubblewrap, allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, and on Ubuntu "
             "kernel.apparmor_restrict_unprivileged_userns=0; in a container, run it with them), and start Hearth again", why.msg);
    log_warn("space.off", "reason=\"%s\"", s->why_not.msg);
}

bool spaces_new(struct hub *h, const struct space_config *config, struct spaces **out, struct err *e)
{
    struct spaces *s = mem_one(struct spaces);
    char home[256];
    *out = NULL;
    s->hub = h;
    s->config = *config;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->left, NULL);
    pthread_mutex_init(&s->build_lock, NULL);
    /* bubblewrap is told whole paths. */
    bool ok = realpath(config->home, home) != NULL || err_set(e, ERR_IO, "cannot find %s", config->home);
    snprintf(s->root, sizeof s->root, "%.240s/spaces", home);
    struct db_conn *c = db_reader(hub_db(h));
    ok = ok && prepare(s, e) && db_get_int(c, &s->happening_id, 0, e, "SELECT coalesce(max(id), 0) FROM happening");
    db_give(hub_db(h), c);
    if (ok) find_out(s);
    if (ok) *out = s;
    else spaces_free(s);
    return ok;
}

void spaces_set_house(struct spaces *s, const struct space_house *house)
{
    if (s) s->house = *house;
}

void spaces_stop(struct spaces *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    for (struct app *a = s->app; a; a = a->next) app_ask(a, END_SHUTDOWN);
    while (s->apps) pthread_cond_wait(&s->left, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void spaces_free(struct spaces *s)
{
    if (!s) return;
    while (s->space) {
        struct space *sp = s->space;
        s->space = sp->next;
        mem_free(sp->error);
        mem_free(sp);
    }
    pthread_mutex_destroy(&s->build_lock);
    pthread_cond_destroy(&s->left);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

bool space_why_not(const struct spaces *s, struct err *why)
{
    if (!s) return err_kind(why, ERR_NOT_BUILT, SPACE_OFF, "This server does not run apps. Whoever runs it can turn them on with --space-apps"), true;
    if (s->why_not.code == ERR_NONE) return false;
    *why = s->why_not;
    return true;
}

/* ------------------------------------------------------------------ beginning */

/* Lock.  Room for one more: whoever has been without a visitor for longest sleeps; *ok false: all have visitors, or are starting. */
static bool make_room(struct spaces *s, const struct space *for_whom)
{
    struct app *idle = NULL;
    size_t n = 0;
    for (struct app *a = s->app; a; a = a->next) {
        if (a->end != END_NOT || a->space == for_whom) continue;
        n++;
        if (a->phase == APP_SERVING && !a->lines && !a->dialing && (!idle || a->used_ms < idle->used_ms)) idle = a;
    }
    if (n < s->config.running_max) return true;
    if (idle) app_ask(idle, END_SLEEP);
    return idle != NULL;
}

/* Lock. */
static bool begin(struct spaces *s, struct space *sp, bool is_woken, bool is_factory, struct err *e)
{
    if (s->is_stopping) return err_set(e, ERR_BUSY, "this server is being stopped");
    if (sp->coming) {
        if (is_woken) return true;
        sp->is_again = true;
        sp->is_again_factory |= is_factory;
        app_ask(sp->coming, END_REPLACED);
        return true;
    }
    if (!make_room(s, sp)) return err_kind(e, ERR_BUSY, SPACE_WAKING, "As many apps run here as may (space-running-max), and all have visitors; come again later");
    return app_begin(s, sp, is_woken, is_factory, e);
}

/* ------------------------------------------------------------------ visitors */

static bool refuse(struct spaces *s, struct space *sp, struct err *e)
{
    switch (stage_of(sp)) {
    case SPACE_PAUSED: return err_kind(e, ERR_BUSY, SPACE_AWAY, "This Space is paused; its owner can start it again");
    case SPACE_NO_APP_FILE: return err_kind(e, ERR_NOT_FOUND, SPACE_NO_APP, "%s", sp->error ? sp->error : "There is nothing to run in this Space");
    case SPACE_CONFIG_ERROR: case SPACE_BUILD_ERROR: case SPACE_RUNTIME_ERROR: return err_kind(e, ERR_BUSY, SPACE_BROKEN, "%s", sp->error ? sp->error : "This Space failed");
    case SPACE_SLEEPING: case SPACE_STOPPED:
        if (!begin(s, sp, true, false, e)) return false;
        return err_kind(e, ERR_BUSY, SPACE_WAKING, "This Space is waking up");
    default: return err_kind(e, ERR_BUSY, SPACE_WAKING, sp->coming && sp->coming->phase == APP_BUILDING ? "This Space is being built" : "This Space is starting");
    }
}

bool space_dial(struct spaces *s, const struct repo *r, struct space_line *out, struct err *e)
{
    struct space *sp;
    *out = (struct space_line){ .fd = -1, .repo_id = r->id };
    if (space_why_not(s, e)) return false;
    if (str_eq(r->sdk, STR("static"))) return err_kind(e, ERR_NOT_FOUND, SPACE_NO_APP, "A static Space has no app; its files are served as they are");
    struct db_conn *c = db_reader(hub_db(s->hub));
    bool ok = space_of(s, c, r->id, &sp, e);
    db_give(hub_db(s->hub), c);
    if (!ok) return false;
    pthread_mutex_lock(&s->lock);
    struct app *a = sp->serving;
    if (!a) {
        ok = refuse(s, sp, e);
        pthread_mutex_unlock(&s->lock);
        return ok;
    }
    a->dialing++;
    a->lines++;
    a->used_ms = clock_mono_ms();
    out->app = a->id;
    int port = a->plan.port;
    s->count.dials++;
    pthread_mutex_unlock(&s->lock);
    ok = jail_dial(&a->jail, port, &out->fd, e);
    pthread_mutex_lock(&s->lock);
    a->dialing--;
    if (!ok) a->lines--;
    pthread_cond_broadcast(&s->left);
    pthread_mutex_unlock(&s->lock);
    if (ok) return true;
    struct err why = *e;
    return err_kind(e, ERR_BUSY, SPACE_WAKING, "The app did not take the connection: %s", why.msg);
}

void space_hang_up(struct spaces *s, struct space_line *l)
{
    if (!s || l->fd < 0) return;
    close(l->fd);
    l->fd = -1;
    pthread_mutex_lock(&s->lock);
    for (struct app *a = s->app; a; a = a->next)
        if (a->id == l->app) {
            a->lines--;
            a->used_ms = clock_mono_ms();
        }
    pthread_mutex_unlock(&s->lock);
}

/* ------------------------------------------------------------------ the owner's wishes */

static bool with_space(struct spaces *s, const struct repo *r, struct space **sp, struct err *e)
{
    if (space_why_not(s, e)) return false;
    if (str_eq(r->sdk, STR("static"))) return err_kind(e, ERR_UNPROCESSABLE, SPACE_NO_APP, "A static Space has no app to start, stop or put to sleep");
    struct db_conn *c = db_reader(hub_db(s->hub));
    bool ok = space_of(s, c, r->id, sp, e);
    db_give(hub_db(s->hub), c);
    return ok;
}

bool space_restart(struct spaces *s, const struct repo *r, bool factory, struct err *e)
{
    struct space *sp;
    if (!with_space(s, r, &sp, e)) return false;
    pthread_mutex_lock(&s->lock);
    sp->is_paused = false;
    bool ok = begin(s, sp, false, factory, e);
    if (ok) sp->failed = SPACE_STAGES;
    pthread_mutex_unlock(&s->lock);
    return space_keep(s, sp, ok ? e : &(struct err){ 0 }) && ok;
}

bool space_pause(struct spaces *s, const struct repo *r, struct err *e)
{
    struct space *sp;
    if (!with_space(s, r, &sp, e)) return false;
    pthread_mutex_lock(&s->lock);
    sp->is_paused = true;
    sp->is_again = false;
    if (sp->coming) app_ask(sp->coming, END_PAUSED);
    if (sp->serving) app_ask(sp->serving, END_PAUSED);
    sp->coming = sp->serving = NULL; /* their threads see to their end */
    sp->since_ms = clock_now_ms();
    pthread_mutex_unlock(&s->lock);
    return space_keep(s, sp, e);
}

bool space_set_sleep(struct spaces *s, const struct repo *r, int64_t seconds, struct err *e)
{
    struct space *sp;
    if (seconds < -1 || seconds > INT32_MAX) return err_set(e, ERR_INVALID, "\"seconds\" must be -1 (never) or a time from 0 on");
    if (!with_space(s, r, &sp, e)) return false;
    pthread_mutex_lock(&s->lock);
    sp->sleep_s = seconds;
    pthread_mutex_unlock(&s->lock);
    return space_keep(s, sp, e);
}

bool space_settings_changed(struct spaces *s, const struct repo *r, struct err *e)
{
    struct space *sp;
    struct err ignored;
    if (space_why_not(s, &ignored) || str_eq(r->sdk, STR("static"))) return true;
    if (!with_space(s, r, &sp, e)) return false;
    pthread_mutex_lock(&s->lock);
    bool failed = !sp->is_paused && sp->failed == SPACE_RUNTIME_ERROR; /* perhaps for want of it */
    bool ok = !(sp->serving || sp->coming || failed) || begin(s, sp, false, false, e);
    pthread_mutex_unlock(&s->lock);
    return ok;
}

/* ------------------------------------------------------------------ what is told */

static int64_t sleep_of(const struct spaces *s, const struct space *sp) { return sp->sleep_s != -2 ? sp->sleep_s : s->config.sleep_ms / 1000; }

static void tell(struct spaces *s, struct space *sp, struct space_runtime *out, struct arena *a)
{
    pthread_mutex_lock(&s->lock);
    struct app *app = sp->serving ? sp->serving : sp->coming;
    out->stage = stage_of(sp);
    out->is_woken = sp->coming && sp->coming->is_woken;
    out->sleep_s = sleep_of(s, sp);
    out->since_ms = sp->since_ms;
    out->sha = arena_dup(a, str_c(app ? app->sha : sp->sha));
    if (out->stage == sp->failed && sp->error) out->error = arena_dup(a, str_c(sp->error));
    if (app) {
        out->visits = (int64_t)app->lines;
        out->memory_bytes = app->use.memory_bytes;
        out->processes = app->use.processes;
        out->disk_bytes = app->disk_bytes;
        out->cpu_percent = app->cpu_percent;
        out->rx_bytes = app->traffic.rx;
        out->tx_bytes = app->traffic.tx;
    }
    pthread_mutex_unlock(&s->lock);
    out->memory_max = s->config.memory_bytes;
    out->disk_max = s->config.disk_bytes;
    out->processes_max = s->config.processes_max;
    out->enforced = STR("namespaces, seccomp, rlimits; memory and disk of all processes together are looked at every few seconds");
}

bool space_runtime(struct spaces *s, struct db_conn *c, const struct repo *r, struct space_runtime *out, struct arena *a, struct err *e)
{
    const struct json *card;
    struct space_plan plan;
    struct repo_file_row file;
    struct space *sp;
    struct err why;
    bool found;
    *out = (struct space_runtime){ .stage = SPACE_STOPPED, .sleep_s = -1, .sdk = r->sdk, .error = STR(""), .sha = STR(""), .enforced = STR("") };
    if (!repo_card(c, r->id, &card, a, e)) return false;
    bool is_planned = space_plan_read(card, r->sdk, r->name, &plan, a, &why);
    if (!is_planned) {
        out->stage = SPACE_CONFIG_ERROR;
        out->error = arena_dup(a, str_c(why.msg));
    } else {
        out->sdk = plan.sdk_name;
        out->sdk_version = plan.sdk_version;
        out->app_file = plan.app_file;
        out->base_path = plan.base_path;
        if (!repo_file_find(c, r->id, plan.app_file, &file, &found, a, e)) return false;
        if (!found) out->stage = SPACE_NO_APP_FILE;
        else if (plan.sdk == SPACE_STATIC) out->stage = SPACE_RUNNING;
    }
    if (is_planned && plan.sdk == SPACE_STATIC) return true;
    if (space_why_not(s, &why)) {
        if (out->stage == SPACE_STOPPED) out->error = arena_dup(a, str_c(why.msg));
        return true;
    }
    if (!space_of(s, c, r->id, &sp, e)) return false;
    struct space_runtime told = *out;
    tell(s, sp, &told, a);
    /* Clients look right after they pushed: what was wrong with an older commit is no answer, and the new one is about to begin. */
    struct repo_summary summary;
    bool has_failed = told.error.n || told.stage == SPACE_NO_APP_FILE;
    if (has_failed && told.sha.n && repo_summary_get(c, r->id, &summary, a, &why) && !str_eq(summary.head_sha, told.sha)) told.stage = SPACE_BUILDING, told.error = STR("");
    if (out->stage != SPACE_STOPPED && (told.stage == SPACE_SLEEPING || told.stage == SPACE_STOPPED)) told.stage = out->stage, told.error = out->error; /* what is wrong now */
    *out = told;
    return true;
}

static const char *const log_names[SPACE_LOGS] = { "build", "run" };

bool space_log_read(struct spaces *s, const struct repo *r, enum space_log_kind kind, uint64_t *generation, uint64_t *at, size_t bytes_max,
                    struct buf *out, bool *ended, struct err *e)
{
    char dir[300];
    *ended = true;
    if (space_why_not(s, e)) return false;
    snprintf(dir, sizeof dir, "%s/%lld/log", s->root, (long long)r->id);
    uint64_t newest = space_log_newest(dir, log_names[kind]);
    if (!*generation) *generation = newest;
    if (!*generation) return true;
    pthread_mutex_lock(&s->lock); /* before it is read, so that nothing is added behind what is read as the end */
    for (struct app *a = s->app; a; a = a->next)
        if (a->id == *generation && a->has_log[kind]) *ended = false;
    pthread_mutex_unlock(&s->lock);
    return space_log_lines(dir, log_names[kind], *generation, at, bytes_max, out, e);
}

void spaces_stats(struct spaces *s, struct spaces_stats *out)
{
    *out = (struct spaces_stats){ 0 };
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    *out = s->count;
    for (struct space *sp = s->space; sp; sp = sp->next) {
        enum space_stage stage = stage_of(sp);
        out->running += sp->serving != NULL;
        out->building += sp->coming && sp->coming->phase == APP_BUILDING;
        out->starting += sp->coming && sp->coming->phase != APP_BUILDING;
        out->sleeping += stage == SPACE_SLEEPING;
        out->failed += stage == SPACE_BUILD_ERROR || stage == SPACE_RUNTIME_ERROR || stage == SPACE_CONFIG_ERROR;
    }
    for (struct app *a = s->app; a; a = a->next) {
        out->egress_bytes += a->traffic.rx + a->traffic.tx;
        out->egress_refused += a->traffic.refused;
    }
    pthread_mutex_unlock(&s->lock);
}

/* ------------------------------------------------------------------ the tick */

static bool start_pushed(struct spaces *s, int64_t repo_id, struct err *e)
{
    struct space *sp;
    struct err why;
    struct db_conn *c = db_reader(hub_db(s->hub));
    bool ok = space_of(s, c, repo_id, &sp, e);
    db_give(hub_db(s->hub), c);
    if (!ok) return false;
    pthread_mutex_lock(&s->lock);
    sp->failed = SPACE_STAGES; /* that was another commit */
    if (!sp->is_paused && !begin(s, sp, false, false, &why)) log_info("space.waits", "repo_id=%lld reason=\"%s\"", (long long)repo_id, why.msg);
    pthread_mutex_unlock(&s->lock);
    return true;
}

/* What was pushed since the last look, by whatever process. */
static bool look_for_pushes(struct spaces *s, struct err *e)
{
    enum { AT_ONCE = 100 };
    static const char sql[] = "SELECT h.id, h.repo_id FROM happening h JOIN repo r ON r.id = h.repo_id JOIN repo_index i ON i.repo_id = r.id"
                              " WHERE h.id > ? AND h.kind IN ('repo.create', 'repo.content') AND r.kind = 'space' AND i.files_count > 0 ORDER BY h.id LIMIT 100";
    struct db_query q;
    struct db_mark mark;
    int64_t repo_id[AT_ONCE], last, newest;
    size_t n = 0;
    if (db_mark_take(hub_db(s->hub), &mark) && db_mark_eq(&mark, &s->mark)) return true;
    struct db_conn *c = db_reader(hub_db(s->hub));
    last = s->happening_id;
    bool ok = db_get_int(c, &newest, last, e, "SELECT coalesce(max(id), 0) FROM happening") && db_query(c, &q, e, sql, db_int(last));
    while (ok && n < AT_ONCE && db_next(&q, e)) {
        last = db_col_int(&q, 0);
        repo_id[n++] = db_col_int(&q, 1);
    }
    ok = ok && db_end(&q);
    db_give(hub_db(s->hub), c);
    if (!ok) return false;
    s->happening_id = n == AT_ONCE ? last : newest > last ? newest : last;
    if (n < AT_ONCE) s->mark = mark;
    for (size_t i = 0; i < n; i++) {
        bool repeats = false;
        for (size_t k = 0; k < i; k++) repeats = repeats || repo_id[k] == repo_id[i];
        if (!repeats && !start_pushed(s, repo_id[i], e)) return false;
    }
    return true;
}

struct look {
    uint64_t app_id, pid_ns;
    int64_t repo_id;
    struct jail_use use;
    uint64_t disk_bytes;
    bool is_gone;
};

static size_t list_apps(struct spaces *s, struct look *out, size_t most)
{
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    for (struct app *a = s->app; a && n < most; a = a->next)
        if (a->end == END_NOT) out[n++] = (struct look){ .app_id = a->id, .pid_ns = a->pid_ns, .repo_id = a->space->repo_id, .disk_bytes = a->disk_bytes };
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* Lock.  What a look found, and who has been alone for too long. */
static void judge(struct spaces *s, struct app *a, const struct look *l)
{
    int64_t now = clock_mono_ms(), sleep_s = sleep_of(s, a->space);
    if (l->pid_ns && now > a->measured_ms) {
        double us = l->use.cpu_us > a->use.cpu_us ? (double)(l->use.cpu_us - a->use.cpu_us) : 0;
        a->cpu_percent = a->measured_ms ? us / 10.0 / (double)(now - a->measured_ms) : 0;
        a->use = l->use;
        a->measured_ms = now;
    }
    a->disk_bytes = l->disk_bytes;
    if (l->is_gone) app_ask(a, END_GONE);
    else if (a->use.memory_bytes > s->config.memory_bytes) app_ask(a, END_MEMORY);
    else if (a->disk_bytes > s->config.disk_bytes) app_ask(a, END_DISK);
    else if (a->phase == APP_SERVING && !a->lines && !a->dialing && sleep_s >= 0 && now - a->used_ms >= sleep_s * 1000) app_ask(a, END_SLEEP);
}

static void look_at_apps(struct spaces *s)
{
    enum { LOOKS_MAX = 256, MEASURE_MS = 2000, WEIGH_MS = 10000 };
    struct look look[LOOKS_MAX];
    int64_t now = clock_mono_ms();
    bool measures = now - s->measured_ms >= MEASURE_MS, weighs = now - s->weighed_ms >= WEIGH_MS;
    size_t n = list_apps(s, look, LOOKS_MAX);
    if (measures) s->measured_ms = now;
    if (weighs) s->weighed_ms = now;
    struct db_conn *c = n && measures ? db_reader(hub_db(s->hub)) : NULL;
    for (size_t i = 0; i < n; i++) {
        struct look *l = &look[i];
        struct err ignored;
        int64_t there = 1;
        char path[400];
        if (!measures) l->pid_ns = 0;
        if (l->pid_ns) jail_measure(l->pid_ns, &l->use);
        snprintf(path, sizeof path, "%s/%lld", s->root, (long long)l->repo_id);
        if (weighs) l->disk_bytes = tree_bytes(path, 2 * s->config.disk_bytes);
        if (c && db_get_int(c, &there, 0, &ignored, "SELECT 1 FROM repo WHERE id = ?", db_int(l->repo_id))) l->is_gone = there == 0;
    }
    if (c) db_give(hub_db(s->hub), c);
    pthread_mutex_lock(&s->lock);
    for (struct app *a = s->app; a; a = a->next)
        for (size_t i = 0; i < n; i++)
            if (look[i].app_id == a->id && a->end == END_NOT) judge(s, a, &look[i]);
    pthread_mutex_unlock(&s->lock);
}

bool spaces_tick(void *ctx, struct err *e)
{
    struct spaces *s = ctx;
    struct err ignored;
    if (space_why_not(s, &ignored)) return true;
    look_at_apps(s);
    return look_for_pushes(s, e);
}
