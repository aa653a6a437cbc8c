/* space/app.c - the life of one app, on a thread of its own: checkout, build, start, serve, end.
 *
 * The thread leads the state of its Space from one stage to the next.  What it found wrong becomes the Space's failure, unless an older
 * app goes on serving.  A crash of an app that had served is met by a new start after a while, three times in ten minutes. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/os.h"
#include "hub/index/list.h"
#include "space/space_priv.h"
#include "space/tree.h"

enum { PIECE = 16 << 10, PROBE_EVERY_MS = 250, PROBE_MS = 2000, GRACE_MS = 10000, DRAIN_MS = 30000, CRASHES_MAX = 3, CRASHES_WITHIN_MS = 600000 };

enum app_end app_end_of(struct app *a)
{
    pthread_mutex_lock(&a->s->lock);
    enum app_end end = a->end;
    pthread_mutex_unlock(&a->s->lock);
    return end;
}

void app_ask(struct app *a, enum app_end end)
{
    uint64_t one = 1;
    if (a->end != END_NOT) return;
    a->end = end;
    if (write(a->wake_fd, &one, sizeof one) < 0) {} /* its thread is awake already */
}

void app_set_phase(struct app *a, enum app_phase phase)
{
    pthread_mutex_lock(&a->s->lock);
    a->phase = phase;
    a->since_ms = clock_mono_ms();
    a->space->since_ms = clock_now_ms();
    pthread_mutex_unlock(&a->s->lock);
}

/* ------------------------------------------------------------------ listening */

/* What it has said since; its end closes the descriptor. */
static void hear(struct app *a, bool is_last)
{
    char piece[PIECE];
    for (int i = 0; a->jail.out >= 0 && i < (is_last ? 64 : 4); i++) {
        ssize_t n = read(a->jail.out, piece, sizeof piece);
        if (n > 0) space_log_add(a->log, str_n(piece, (size_t)n));
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n > 0) continue;
        close(a->jail.out);
        a->jail.out = -1;
    }
}

/* Programs tell no more of it than "403 Forbidden". */
static void tell_refusals(struct app *a, struct egress *g)
{
    struct err e;
    while (egress_next_refusal(g, &e)) space_log_say(a->log, "%s", e.msg);
}

enum heard app_listen(struct app *a, struct egress *g, int64_t until_ms)
{
    for (;;) {
        tell_refusals(a, g);
        int64_t left = until_ms - clock_mono_ms();
        bool is_asked = app_end_of(a) != END_NOT;
        struct pollfd p[4] = { { .fd = a->jail.out, .events = POLLIN }, { .fd = a->jail.pid_fd, .events = POLLIN },
                               { .fd = a->jail.proxy_fd, .events = POLLIN }, { .fd = is_asked ? -1 : a->wake_fd, .events = POLLIN } };
        int n = poll(p, COUNT(p), left < 0 ? 0 : (int)(left > 1000 ? 1000 : left));
        if (n < 0 && errno != EINTR) return HEARD_ENDED;
        if (n > 0 && p[0].revents) hear(a, false);
        if (n > 0 && p[2].revents) egress_accept(g, a->jail.proxy_fd);
        if (n > 0 && p[1].revents) {
            hear(a, true);
            tell_refusals(a, g);
            return HEARD_ENDED;
        }
        if (is_asked || (n > 0 && p[3].revents)) return HEARD_ASKED;
        if (left <= 0) return HEARD_NOTHING;
    }
}

/* ------------------------------------------------------------------ checkout */

static bool begin_log(struct app *a, enum space_log_kind kind, const struct environment *v, struct err *e)
{
    bool ok = space_log_begin(a->log_dir, kind == SPACE_LOG_BUILD ? "build" : "run", a->id, v ? v->secret : NULL, v ? v->secrets : 0, &a->log, e);
    pthread_mutex_lock(&a->s->lock);
    a->has_log[kind] = ok;
    pthread_mutex_unlock(&a->s->lock);
    return ok;
}

static void end_log(struct app *a, enum space_log_kind kind)
{
    space_log_end(a->log);
    a->log = NULL;
    pthread_mutex_lock(&a->s->lock);
    a->has_log[kind] = false;
    pthread_mutex_unlock(&a->s->lock);
}

/* The commit, the plan, the folders.  *failed: which stage it is if this fails. */
static bool prepare(struct app *a, enum space_stage *failed, struct err *e)
{
    struct spaces *s = a->s;
    struct repo_summary summary;
    struct repo_file_row file;
    struct json *card = NULL;
    struct vcs_oid commit;
    struct err ignored;
    bool found = false;
    *failed = SPACE_BUILD_ERROR;
    struct db_conn *c = db_reader(hub_db(s->hub));
    bool ok = repo_summary_get(c, a->space->repo_id, &summary, a->a, e);
    if (ok) a->repo = summary.repo;
    pthread_mutex_lock(&s->lock);
    if (ok) snprintf(a->sha, sizeof a->sha, "%.*s", STR_ARG(str_to(summary.head_sha, 40)));
    pthread_mutex_unlock(&s->lock);
    if (ok && summary.card.p && !json_parse(summary.card, a->a, &card, &ignored)) card = NULL;
    if (ok && !space_plan_read(card, summary.repo.sdk, summary.repo.name, &a->plan, a->a, e)) ok = false, *failed = SPACE_CONFIG_ERROR;
    if (ok && a->plan.sdk == SPACE_DOCKER) {
        *failed = SPACE_CONFIG_ERROR;
        ok = err_set(e, ERR_UNPROCESSABLE, "sdk: docker is not built in this version of Hearth. A Space of Python runs with sdk: gradio and an app.py that serves HTTP on port %d", SPACE_PORT);
    }
    if (ok) ok = repo_file_find(c, a->space->repo_id, a->plan.app_file, &file, &found, a->a, e);
    if (ok && !found) {
        *failed = SPACE_NO_APP_FILE;
        ok = err_set(e, ERR_UNPROCESSABLE, "there is no %.*s in this repository; app_file in README.md may name another file", STR_ARG(a->plan.app_file));
    }
    db_give(hub_db(s->hub), c);
    if (!ok) return false;
    const char *base = arena_fmt(a->a, "%s/%s", s->root, a->dir).p, *home = arena_fmt(a->a, "%s/home", base).p, *tmp = arena_fmt(a->a, "%s/tmp", base).p;
    space_log_say(a->log, "%.*s at commit %.8s", STR_ARG(a->repo.full_name), a->sha);
    return vcs_oid_parse(str_c(a->sha), &commit) && tree_folder(base, geteuid(), e) && tree_folder(home, jail_uid(), e) && tree_folder(tmp, jail_uid(), e) &&
           tree_checkout(s->hub, &a->repo, &commit, arena_fmt(a->a, "%s/app", home).p, jail_uid(), s->config.disk_bytes, e);
}

/* ------------------------------------------------------------------ starting */

/* Any answer below 500 to GET / is a sign of life. */
static bool is_healthy(struct app *a)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: hearth-probe\r\nConnection: close\r\n\r\n";
    char answer[16] = "";
    struct err ignored;
    int fd;
    if (!jail_dial(&a->jail, a->plan.port, &fd, &ignored)) return false;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    bool ok = send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1 && poll(&p, 1, PROBE_MS) == 1 &&
              recv(fd, answer, sizeof answer - 1, MSG_WAITALL | MSG_DONTWAIT) >= 12;
    for (char rest[4096]; ok && poll(&p, 1, 100) == 1 && recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0;) {} /* an app that is cut short complains in its log */
    close(fd);
    return ok && str_starts(str_c(answer), STR("HTTP/1.")) && answer[9] >= '1' && answer[9] < '5';
}

static bool start_jail(struct app *a, const char *python, const char *venv, struct environment *v, struct err *e)
{
    struct spaces *s = a->s;
    struct jail_plan p = { .home = s->root, .folder = "/home/user/app", .memory_bytes = s->config.memory_bytes, .file_bytes = s->config.disk_bytes, .shm_bytes = 64 << 20,
                           .processes_max = s->config.processes_max, .env = v->at };
    const char *file = arena_cstr(a->a, a->plan.app_file), *seen;
    const char *plain[] = { venv ? "/venv/bin/python" : python, file, NULL };
    const char *streamlit[] = { plain[0], "-m", "streamlit", "run", file, "--server.port", "8501", "--server.address", "0.0.0.0", "--server.headless", "true",
                                "--browser.gatherUsageStats", "false", NULL };
    p.argv = a->plan.sdk == SPACE_STREAMLIT ? streamlit : plain;
    app_bind(&p, arena_fmt(a->a, "%s/home", a->dir).p, "/home/user", true);
    app_bind(&p, arena_fmt(a->a, "%s/tmp", a->dir).p, "/tmp", true);
    app_bind(&p, arena_fmt(a->a, "%lld/cache", (long long)a->space->repo_id).p, "/home/user/.cache", true);
    if (venv) app_bind(&p, venv, "/venv", false);
    const char *cache = arena_fmt(a->a, "%s/%lld/cache", s->root, (long long)a->space->repo_id).p;
    return app_interpreter(a, &p, &seen, e) && tree_folder(cache, jail_uid(), e) && jail_start(&p, &a->jail, e);
}

/* How it ended, in words; the last that it said follows. */
static bool say_end(struct app *a, int status, struct err *e)
{
    struct buf tail = BUF_INIT(64 << 10);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    char how[64];
    if (code > 128) snprintf(how, sizeof how, "was ended by signal %d", code - 128);
    else snprintf(how, sizeof how, "exited with code %d", code);
    space_log_say(a->log, "the app %s", how);
    space_log_tail(a->log, &tail);
    str last = str_trim(buf_str(&tail));
    if (last.n > 600) last = str_from(last, last.n - 600);
    err_set(e, ERR_UNPROCESSABLE, "The app %s. Its last words:\n%.*s", how, STR_ARG(last));
    buf_deinit(&tail);
    return false;
}

enum outcome { WENT_WELL, WAS_ASKED, FAILED };

static enum outcome wait_until_healthy(struct app *a, struct egress *g, struct err *e)
{
    int64_t until_ms = clock_mono_ms() + a->plan.startup_s * 1000;
    while (clock_mono_ms() < until_ms) {
        enum heard heard = app_listen(a, g, clock_mono_ms() + PROBE_EVERY_MS);
        int status;
        if (heard == HEARD_ASKED) return WAS_ASKED;
        if (heard == HEARD_ENDED) {
            jail_end(&a->jail, 0, &status);
            (void)say_end(a, status, e);
            return FAILED;
        }
        if (is_healthy(a)) return WENT_WELL;
    }
    space_log_say(a->log, "nothing answers on port %d after %lld s", a->plan.port, (long long)a->plan.startup_s);
    err_set(e, ERR_TIMEOUT, "The app does not answer on port %d within %lld s (startup_duration_timeout)", a->plan.port, (long long)a->plan.startup_s);
    return FAILED;
}

/* ------------------------------------------------------------------ serving */

static void take_over(struct app *a)
{
    struct space *sp = a->space;
    pthread_mutex_lock(&a->s->lock);
    struct app *old = sp->serving;
    if (sp->coming == a) sp->coming = NULL;
    sp->serving = a;
    sp->failed = SPACE_STAGES;
    mem_free(sp->error);
    sp->error = NULL;
    memcpy(sp->sha, a->sha, sizeof sp->sha);
    sp->since_ms = clock_now_ms();
    a->phase = APP_SERVING;
    a->used_ms = a->since_ms = clock_mono_ms();
    if (old && old != a) app_ask(old, END_REPLACED);
    pthread_mutex_unlock(&a->s->lock);
}

/* No new lines; those under way may end, for a while, where somebody else serves already. */
static void stop_serving(struct app *a, struct egress *g)
{
    struct space *sp = a->space;
    int64_t until_ms = clock_mono_ms() + DRAIN_MS;
    pthread_mutex_lock(&a->s->lock);
    if (sp->serving == a) sp->serving = NULL;
    a->phase = APP_ENDING;
    while (a->dialing) pthread_cond_wait(&a->s->left, &a->s->lock);
    bool drains = a->end == END_REPLACED && a->lines;
    pthread_mutex_unlock(&a->s->lock);
    while (drains && clock_mono_ms() < until_ms && app_listen(a, g, clock_mono_ms() + 200) != HEARD_ENDED) {
        pthread_mutex_lock(&a->s->lock);
        drains = a->lines > 0;
        pthread_mutex_unlock(&a->s->lock);
    }
}

static void show_jail(struct app *a, uint64_t pid_ns)
{
    pthread_mutex_lock(&a->s->lock);
    a->pid_ns = pid_ns;
    a->use = (struct jail_use){ 0 };
    pthread_mutex_unlock(&a->s->lock);
}

static void end_jail(struct app *a)
{
    int status;
    show_jail(a, 0);
    if (a->jail.pid > 0) jail_end(&a->jail, GRACE_MS, &status);
}

/* One process from its start to its end.  *served: it did. */
static enum outcome run_once(struct app *a, const char *python, const char *venv, struct environment *v, bool *served, struct err *e)
{
    struct egress *g = egress_new(&a->egress_config, &a->traffic);
    enum outcome outcome = FAILED;
    int status;
    *served = false;
    if (start_jail(a, python, venv, v, e)) {
        show_jail(a, a->jail.pid_ns);
        outcome = wait_until_healthy(a, g, e);
        if (outcome == WENT_WELL) {
            enum heard heard = HEARD_NOTHING;
            *served = true;
            take_over(a);
            log_info("space.running", "space=%.*s sha=%s woken=%d", STR_ARG(a->repo.full_name), a->sha, a->is_woken);
            while (heard == HEARD_NOTHING) heard = app_listen(a, g, clock_mono_ms() + 1000);
            stop_serving(a, g);
            outcome = heard == HEARD_ASKED ? WAS_ASKED : FAILED;
            if (heard == HEARD_ENDED) {
                jail_end(&a->jail, 0, &status);
                (void)say_end(a, status, e);
            }
        }
        end_jail(a);
    }
    egress_free(g);
    return outcome;
}

/* An app that had served and ended by itself is the Space's coming one again, unless there is another. */
static bool come_again(struct app *a)
{
    pthread_mutex_lock(&a->s->lock);
    a->s->count.crashes++;
    bool may = !a->space->coming && a->end == END_NOT;
    if (may) a->space->coming = a;
    if (may) a->phase = APP_STARTING;
    pthread_mutex_unlock(&a->s->lock);
    return may;
}

static enum outcome run(struct app *a, const char *python, const char *venv, struct environment *v, struct err *e)
{
    static const int pause_s[CRASHES_MAX] = { 1, 5, 30 };
    int64_t first_ms = 0;
    for (int crashes = 0;;) {
        bool served;
        enum outcome outcome = run_once(a, python, venv, v, &served, e);
        if (outcome != FAILED || !served) return outcome;
        if (!crashes || clock_mono_ms() - first_ms > CRASHES_WITHIN_MS) crashes = 0, first_ms = clock_mono_ms();
        log_warn("space.crashed", "space=%.*s crashes=%d", STR_ARG(a->repo.full_name), crashes + 1);
        if (++crashes >= CRASHES_MAX || !come_again(a)) return app_end_of(a) == END_NOT ? FAILED : WAS_ASKED;
        space_log_say(a->log, "it is started again in %d s", pause_s[crashes - 1]);
        struct pollfd p = { .fd = a->wake_fd, .events = POLLIN };
        if (poll(&p, 1, pause_s[crashes - 1] * 1000) > 0) return WAS_ASKED;
    }
}

/* ------------------------------------------------------------------ from one end to the other */

static enum outcome live(struct app *a, enum space_stage *failed, struct err *e)
{
    const char *python, *venv;
    struct environment v = { .a = a->a };
    const char *own = arena_fmt(a->a, "%s/%lld", a->s->root, (long long)a->space->repo_id).p; /* bubblewrap must find its way through it */
    if (!tree_folder(own, geteuid(), e) || !begin_log(a, SPACE_LOG_BUILD, NULL, e)) return FAILED;
    bool ok = prepare(a, failed, e) && app_build(a, &python, &venv, e);
    if (!ok && e->code != ERR_CLOSED) space_log_say(a->log, "%s", e->msg);
    else if (ok) space_log_say(a->log, "built");
    end_log(a, SPACE_LOG_BUILD);
    pthread_mutex_lock(&a->s->lock);
    a->s->count.builds++;
    a->s->count.builds_failed += !ok;
    pthread_mutex_unlock(&a->s->lock);
    if (!ok) return e->code == ERR_CLOSED ? WAS_ASKED : FAILED;
    *failed = SPACE_RUNTIME_ERROR;
    app_set_phase(a, APP_STARTING);
    ok = environment_of_app(a, venv, &v, e) && begin_log(a, SPACE_LOG_RUN, &v, e);
    if (!ok) return FAILED;
    space_log_say(a->log, "application startup at %.8s", a->sha);
    enum outcome outcome = run(a, python, venv, &v, e);
    enum app_end end = app_end_of(a);
    if (end == END_MEMORY) outcome = FAILED, err_set(e, ERR_NO_SPACE, "The app took more than the %llu MB of memory that it may have, and was ended", (unsigned long long)(a->s->config.memory_bytes / 1000000));
    if (end == END_DISK) outcome = FAILED, err_set(e, ERR_NO_SPACE, "The app wrote more than the %llu MB that it may keep on the disk, and was ended", (unsigned long long)(a->s->config.disk_bytes / 1000000));
    if (outcome == FAILED) space_log_say(a->log, "%.200s", e->msg);
    end_log(a, SPACE_LOG_RUN);
    return outcome;
}

/* The Space goes on without it: failed, asleep, or with what serves. */
static void leave(struct app *a, enum outcome outcome, enum space_stage failed, const struct err *why)
{
    struct spaces *s = a->s;
    struct space *sp = a->space;
    struct err e;
    pthread_mutex_lock(&s->lock);
    if (sp->serving == a) sp->serving = NULL;
    if (sp->coming == a) sp->coming = NULL;
    bool fails = outcome == FAILED && !sp->serving && !sp->coming;
    if (fails) space_fail(sp, failed, a->sha, str_c(why->msg));
    sp->since_ms = clock_now_ms();
    bool is_gone = a->end == END_GONE, again = sp->is_again && !s->is_stopping && !is_gone;
    bool factory = sp->is_again_factory;
    if (!sp->coming) sp->is_again = sp->is_again_factory = false;
    if (again && !sp->coming && !app_begin(s, sp, false, factory, &e)) log_warn("space", "problem=\"%s\"", e.msg);
    pthread_mutex_unlock(&s->lock);
    if (outcome == FAILED && failed != SPACE_NO_APP_FILE) log_warn("space.failed", "space=%.*s stage=%.*s reason=\"%.300s\"", STR_ARG(a->repo.full_name), STR_ARG(space_stage_name(failed)), why->msg);
    if (!is_gone && !space_keep(s, sp, &e)) log_warn("space", "problem=\"%s\"", e.msg);
}

static void *app_run(void *arg)
{
    struct app *a = arg;
    struct spaces *s = a->s;
    enum space_stage failed = SPACE_BUILD_ERROR;
    struct err e = { 0 }, ignored;
    char path[600];
    enum outcome outcome = live(a, &failed, &e);
    end_log(a, SPACE_LOG_RUN);
    leave(a, outcome, failed, &e);
    snprintf(path, sizeof path, "%s/%s", s->root, a->dir);
    if (!tree_remove(path, &ignored)) log_warn("space", "problem=\"%s\"", ignored.msg);
    snprintf(path, sizeof path, "%s/%lld", s->root, (long long)a->space->repo_id);
    if (app_end_of(a) == END_GONE && !tree_remove(path, &ignored)) log_warn("space", "problem=\"%s\"", ignored.msg);
    pthread_mutex_lock(&s->lock);
    for (struct app **at = &s->app; *at; at = &(*at)->next)
        if (*at == a) {
            *at = a->next;
            break;
        }
    s->apps--;
    s->count.egress_bytes += a->traffic.rx + a->traffic.tx;
    s->count.egress_refused += a->traffic.refused;
    close(a->wake_fd);
    arena_free(a->a);
    mem_free(a);
    pthread_cond_broadcast(&s->left);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

bool app_begin(struct spaces *s, struct space *sp, bool is_woken, bool is_factory, struct err *e)
{
    struct app *a = mem_one(struct app);
    pthread_t thread;
    pthread_attr_t attr;
    a->s = s;
    a->space = sp;
    a->is_woken = is_woken;
    a->is_factory = is_factory;
    a->a = arena_new(0);
    a->phase = APP_BUILDING;
    a->since_ms = clock_mono_ms();
    a->id = (uint64_t)clock_now_ms();
    if (a->id <= s->last_id) a->id = s->last_id + 1;
    s->last_id = a->id;
    a->jail = (struct jail){ .pid = -1, .out = -1, .pid_fd = -1, .proxy_fd = -1, .line_fd = -1 };
    a->egress_config = (struct egress_config){ s->config.may_reach, s->config.network_allow, s->house.port };
    snprintf(a->dir, sizeof a->dir, "%lld/%llu", (long long)sp->repo_id, (unsigned long long)a->id);
    snprintf(a->log_dir, sizeof a->log_dir, "%s/%lld/log", s->root, (long long)sp->repo_id);
    a->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int bad = a->wake_fd < 0 ? errno : pthread_create(&thread, &attr, app_run, a); /* it needs the lock to do anything */
    pthread_attr_destroy(&attr);
    if (bad) {
        if (a->wake_fd >= 0) close(a->wake_fd);
        arena_free(a->a);
        mem_free(a);
        return err_os(e, bad, "cannot start an app");
    }
    a->next = s->app;
    s->app = a;
    s->apps++;
    s->count.starts++;
    sp->coming = a;
    sp->since_ms = clock_now_ms();
    return true;
}
