/* infer/model.c - a model's worker, from the call that wakes it until it is idle, unwanted, or dead.
 *
 * A thread per worker starts the process, answers what it asks while it loads, and passes on what it says about calls.
 * The thread alone touches the process; others only write frames to its channel, under the lock. */
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "infer/adapter.h"

enum { TICK_MS = 500, GRACE_MS = 2000, BACKOFF_MS = 2000, BACKOFF_DOUBLINGS = 5,
       STUCK_MS = 300000 /* a worker that has calls and says nothing for so long is killed */ };

/* ------------------------------------------------------------------ calls to and from the worker (under the lock) */

static size_t account_running(const struct model *m, int64_t account_id)
{
    size_t n = 0;
    for (const struct infer_call *c = m->first; c; c = c->next) n += c->is_sent && c->record.account_id == account_id;
    return n;
}

/* Of those that wait: who pays for the fewest that run; of these, who came first. */
static struct infer_call *next_waiting(struct model *m)
{
    struct infer_call *best = NULL;
    size_t fewest = SIZE_MAX;
    for (struct infer_call *c = m->first; c; c = c->next) {
        if (c->is_sent || !adapter_is_there(m, c)) continue;
        size_t n = account_running(m, c->record.account_id);
        if (n < fewest) best = c, fewest = n;
    }
    return best;
}

/* The call as its maker wrote it, with the slot of its adapter. */
static bool post_call(struct model *m, struct infer_call *c, struct err *e)
{
    struct buf b = BUF_INIT(0);
    if (!c->adapter_id) return channel_post(m->channel, FRAME_CALL, c->number, str_n(c->json, c->json_n), e);
    buf_addf(&b, "{\"adapter\":%zu,", c->slot);
    buf_add(&b, str_from(str_n(c->json, c->json_n), 1));
    bool ok = channel_post(m->channel, FRAME_CALL, c->number, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

void model_dispatch(struct model *m)
{
    struct infer_call *c;
    struct err e;
    while (m->channel && !m->must_stop && m->running < m->f->config.running_max && (c = next_waiting(m))) {
        if (!post_call(m, c, &e)) {
            call_fail(c, &e); /* which dispatches the rest */
            return;
        }
        c->is_sent = true;
        adapter_begin(m, c);
        c->queued_us = clock_mono_us() - c->came_us;
        m->waiting--;
        m->running++;
        mem_free(c->json);
        c->json = NULL;
    }
    if (m->channel && adapter_is_wanted(m)) channel_wake(m->channel); /* its thread loads it */
}

void model_cancel(struct model *m, struct infer_call *c)
{
    struct err e;
    if (m->channel && c->is_sent && !channel_post(m->channel, FRAME_CANCEL, c->number, STR(""), &e)) {} /* it is dying */
}

static void fail_all(struct model *m, bool only_sent, const struct err *why)
{
    for (struct infer_call *c = m->first, *next; c; c = next) {
        next = c->next;
        if (c->is_sent || !only_sent) call_fail(c, why);
    }
}

/* ------------------------------------------------------------------ room */

static uint64_t taken(const struct infer *f)
{
    uint64_t sum = 0;
    for (const struct model *m = f->first; m; m = m->next) sum += m->claimed;
    return sum;
}

/* The one that nobody calls, unused for longest. */
static struct model *least_wanted(struct infer *f, const struct model *except)
{
    struct model *best = NULL;
    for (struct model *m = f->first; m; m = m->next)
        if (m != except && m->state == INFER_READY && !m->first && !m->must_stop && !m->is_pinned && (!best || m->used_ms < best->used_ms)) best = m;
    return best;
}

void model_stop(struct model *m)
{
    m->must_stop = true;
    if (m->channel) channel_wake(m->channel);
}

/* Waits until so much is free of what models may take.  Under the lock, which waiting releases. */
static bool make_room(struct model *m, uint64_t wanted, struct err *e)
{
    struct infer *f = m->f;
    if (wanted > f->config.memory_bytes)
        return err_set(e, ERR_NO_SPACE, "the model needs %.1f GB, and %.1f GB are there for models", (double)wanted / 1e9, (double)f->config.memory_bytes / 1e9);
    while (taken(f) + wanted > f->config.memory_bytes && !f->is_stopping && !m->must_stop) {
        struct model *victim = least_wanted(f, m);
        if (victim) model_stop(victim);
        pthread_cond_wait(&f->room, &f->lock);
    }
    m->claimed = wanted;
    return !f->is_stopping || err_set(e, ERR_BUSY, "the server is being stopped");
}

bool model_claim(struct model *m, uint64_t needs)
{
    struct infer *f = m->f;
    struct model *victim;
    if (taken(f) + needs <= f->config.memory_bytes) {
        m->claimed += needs;
        return true;
    }
    if ((victim = least_wanted(f, m))) model_stop(victim); /* for the next one who asks */
    return false;
}

/* With the packed form of an earlier start (model/source.h names it) there is that; without, packed weights are about as large as
 * the files, and while they are packed both are there.  Who asks for the files although there is a packed form needs both as well. */
static uint64_t estimate(const struct infer *f, const struct staging *s, bool needs_files)
{
    const char *path = arena_fmt(s->a, "%s/%s-%s.packed", cache_path(f, s->key, s->a), s->key, f->config.dtype).p;
    uint64_t packed_bytes;
    bool found;
    struct err e;
    if (!os_stat(path, &packed_bytes, NULL, &found, &e) || !found) {
        packed_bytes = s->large_bytes;
        needs_files = true;
    }
    return packed_bytes + (needs_files ? s->large_bytes : 0) + f->config.kv_bytes + (64u << 20);
}

/* The worker reads weights. */
static bool give_files(struct model *m, struct staging *s, struct channel *c, struct err *e)
{
    struct infer *f = m->f;
    uint64_t wanted = estimate(f, s, true);
    pthread_mutex_lock(&f->lock);
    bool ok = true;
    if (m->claimed < wanted) {
        m->claimed = 0;
        ok = make_room(m, wanted, e);
    }
    pthread_mutex_unlock(&f->lock);
    return ok && staging_fill(f->hub, s, e) && channel_post(c, FRAME_BYTES, 0, STR(""), e);
}

/* ------------------------------------------------------------------ the thread */

static bool tell_config(struct model *m, const struct staging *s, struct channel *c, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "dtype", str_c(m->f->config.dtype));
    jw_kstr(&w, "content", str_c(s->key));
    if (s->gguf.p) jw_kstr(&w, "file", s->gguf);
    jw_kint(&w, "threads", (int64_t)m->f->config.threads);
    jw_kint(&w, "kv_bytes", (int64_t)m->f->config.kv_bytes);
    jw_object_end(&w);
    bool ok = channel_post(c, FRAME_LOAD, 0, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

/* What a worker says that could not load its model. */
bool model_read_failure(str json, struct err *e)
{
    struct arena *a = arena_new(1 << 20);
    struct json *j;
    if (json_parse(json, a, &j, e)) {
        int64_t code = json_int_or(j, STR("code"), ERR_INTERNAL);
        str message = json_str_or(j, STR("message"), STR("the worker did not say why"));
        err_set(e, code > ERR_NONE && code <= ERR_INTERNAL ? (enum err_code)code : ERR_INTERNAL, "%.*s", STR_ARG(str_to(message, ERR_MSG_MAX - 1)));
    }
    arena_free(a);
    return false;
}

static bool is_unwanted(struct model *m)
{
    pthread_mutex_lock(&m->f->lock);
    int64_t now = clock_mono_ms();
    bool idle = !m->first && (m->f->is_stopping || (!m->is_pinned && now - m->used_ms > m->f->config.idle_ms));
    bool gives_way = m->must_stop && m->running == 0; /* who came since then waits for the next worker */
    bool stop = idle || gives_way || (m->f->is_stopping && now >= m->f->stop_ms);
    if (stop) {
        m->state = INFER_STOPPING;
        m->channel = NULL; /* from now on calls wait for the next worker */
    }
    pthread_mutex_unlock(&m->f->lock);
    return stop;
}

static bool has_running(struct model *m)
{
    pthread_mutex_lock(&m->f->lock);
    bool has = m->running > 0 || adapter_is_loading(m);
    pthread_mutex_unlock(&m->f->lock);
    return has;
}

static void become_ready(struct model *m, struct channel *c, struct staging *s, str described)
{
    struct arena *a = arena_new(1 << 20);
    struct json *j;
    struct err ignored;
    bool is_read = json_parse(described, a, &j, &ignored);
    if (is_read && !json_bool_or(j, STR("needs_files"), true)) staging_empty(s);
    pthread_mutex_lock(&m->f->lock);
    if (is_read) {
        int64_t needs = json_int_or(j, STR("bytes"), 0);
        if (needs > 0 && (uint64_t)needs < m->claimed) m->claimed = (uint64_t)needs;
    }
    mem_free(m->described);
    m->described = mem_dup(described);
    m->state = INFER_READY;
    m->has_served = true;
    m->channel = c;
    m->used_ms = clock_mono_ms();
    model_dispatch(m);
    pthread_cond_broadcast(&m->f->room);
    pthread_mutex_unlock(&m->f->lock);
    arena_free(a);
}

/* False: the worker is to end; e->code ERR_NONE when that is as it should be. */
static bool take_frame(struct model *m, const struct frame *f, struct staging *s, struct channel *c, struct err *e)
{
    struct err why;
    switch ((int)f->kind) {
    case FRAME_READ: return give_files(m, s, c, e);
    case FRAME_READY:
        staging_let_go(s);
        become_ready(m, c, s, f->text);
        return true;
    case FRAME_ALIVE: return true;
    case FRAME_ADAPTED:
        adapter_loaded(m, s, f->call, f->text);
        return true;
    case FRAME_DONE:
        call_end(m, f->call, f->text);
        return true;
    case FRAME_COUNTED:
    case FRAME_PART:
    case FRAME_FAIL:
        if (f->kind == FRAME_FAIL && f->call == 0) return model_read_failure(f->text, e);
        pthread_mutex_lock(&m->f->lock);
        if (f->kind == FRAME_COUNTED) call_counted(m, f->call, f->text);
        else if (f->kind == FRAME_PART) call_part(m, f->call, f->text);
        else {
            struct infer_call *call = call_find(m, f->call);
            model_read_failure(f->text, &why);
            if (why.code == ERR_DENIED) why.kind = METER_EXHAUSTED; /* a worker denies nothing else */
            if (call) call_fail(call, &why);
        }
        pthread_mutex_unlock(&m->f->lock);
        return true;
    }
    return err_set(e, ERR_INVALID, "the worker sent a frame of kind %d", f->kind);
}

/* Until the worker ends.  True: it was asked to. */
static bool converse(struct model *m, struct process *p, struct staging *s, struct err *e)
{
    struct frame f;
    int64_t looked_ms = clock_mono_ms(), heard_ms = looked_ms;
    bool got;
    if (!tell_config(m, s, p->channel, e)) return false;
    for (;;) {
        if (!channel_receive(p->channel, TICK_MS, &f, &got, e)) return false;
        if (got && !take_frame(m, &f, s, p->channel, e)) return false;
        if (!adapter_tend(m, s, p->channel, e)) return false;
        int64_t now = clock_mono_ms();
        if (got || !has_running(m)) heard_ms = now;
        if (now - heard_ms > STUCK_MS) return err_set(e, ERR_TIMEOUT, "the model has not answered for %d s, and was ended", STUCK_MS / 1000);
        if (got && now - looked_ms < TICK_MS) continue;
        looked_ms = now;
        if (is_unwanted(m)) return true;
    }
}

static void say_how_it_died(int status, struct err *e)
{
    if (e->code != ERR_CLOSED) return; /* something better is known */
    if (WIFSIGNALED(status)) err_set(e, ERR_INTERNAL, "the worker of the model was killed by signal %d; try again", WTERMSIG(status));
    else err_set(e, ERR_INTERNAL, "the worker of the model ended with status %d; try again", WEXITSTATUS(status));
}

static bool run(struct model *m, struct err *e)
{
    struct infer *f = m->f;
    struct staging s;
    struct process p;
    int status = 0;
    if (!staging_open(f->hub, &m->repo, &m->commit, f->tmp_dir, &s, e)) return false;
    pthread_mutex_lock(&f->lock);
    bool ok = make_room(m, estimate(f, &s, false), e);
    pthread_mutex_unlock(&f->lock);
    ok = ok && process_start(&s, cache_open(f, s.key, s.a), &p, e);
    if (!ok) {
        staging_close(&s);
        return false;
    }
    pthread_mutex_lock(&f->lock);
    m->pid = p.pid;
    stats_of(&f->stats, m->repo.id)->starts++;
    pthread_mutex_unlock(&f->lock);
    ok = converse(m, &p, &s, e);
    pthread_mutex_lock(&f->lock);
    m->pid = 0;
    m->channel = NULL;
    adapter_forget_all(m);
    pthread_mutex_unlock(&f->lock);
    process_end(&p, ok ? GRACE_MS : 0, &status);
    if (!ok) say_how_it_died(status, e);
    staging_close(&s);
    return ok;
}

/* A worker that served and died takes only the calls with it that it had, and may come back at once; the second time, and one
 * that never served, waits. */
static void after_failure(struct model *m, bool has_served, const struct err *why)
{
    unsigned doublings = m->failures < BACKOFF_DOUBLINGS ? m->failures : BACKOFF_DOUBLINGS;
    bool may_return = has_served && m->failures == 0;
    m->state = may_return ? INFER_COLD : INFER_FAILED;
    stats_of(&m->f->stats, m->repo.id)->deaths++;
    m->failures++;
    m->retry_ms = clock_mono_ms() + (BACKOFF_MS << doublings);
    mem_free(m->reason);
    m->reason = mem_dup(str_c(why->msg));
    log_warn("infer", "%.*s: %s", STR_ARG(m->repo.full_name), why->msg);
    fail_all(m, may_return, why);
}

static void *live(void *arg)
{
    struct model *m = arg;
    struct infer *f = m->f;
    struct err e;
    bool again;
    pthread_mutex_lock(&f->lock);
    do {
        m->state = INFER_STARTING;
        m->has_served = false;
        pthread_mutex_unlock(&f->lock);
        bool ok = run(m, &e);
        pthread_mutex_lock(&f->lock);
        m->claimed = 0;
        m->must_stop = false;
        m->state = INFER_COLD;
        if (!ok) after_failure(m, m->has_served, &e);
        pthread_cond_broadcast(&f->room);
        again = m->state == INFER_COLD && m->first && !f->is_stopping; /* they came while it was leaving */
    } while (again);
    if (f->is_stopping) {
        err_set(&e, ERR_BUSY, "the server is being stopped");
        fail_all(m, false, &e);
    }
    m->has_thread = false;
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

void model_free(struct model *m)
{
    must(!m->first && !m->has_thread);
    if (m->must_join) pthread_join(m->thread, NULL);
    mem_free(m->described);
    mem_free(m->reason);
    arena_free(m->parts);
    arena_free(m->a);
    mem_free(m);
}

bool model_wake(struct model *m, struct err *e)
{
    if (m->has_thread) return true;
    if (m->state == INFER_FAILED && clock_mono_ms() < m->retry_ms) {
        int64_t seconds = (m->retry_ms - clock_mono_ms() + 999) / 1000;
        return err_set(e, ERR_BUSY, "the model failed: %s (it is tried again in %lld s)", m->reason, (long long)seconds);
    }
    if (m->must_join) pthread_join(m->thread, NULL); /* it has let go of the lock for good */
    m->must_join = m->has_thread = pthread_create(&m->thread, NULL, live, m) == 0;
    return m->has_thread || err_set(e, ERR_BUSY, "no thread for another worker");
}
