/* infer/infer.c - see infer/infer.h: the service as a whole. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/os.h"
#include "infer/infer_priv.h"

static void fill_defaults(struct infer_config *c)
{
    if (!c->dtype) c->dtype = "auto";
    if (!c->threads) c->threads = machine_now().processors;
    if (!c->memory_bytes) c->memory_bytes = machine_now().memory / 4 * 3;
    if (!c->kv_bytes) c->kv_bytes = 512u << 20;
    if (!c->idle_ms) c->idle_ms = 5 * 60 * 1000;
    if (!c->running_max) c->running_max = 32;
    if (!c->waiting_max) c->waiting_max = 256;
    if (!c->wait_ms) c->wait_ms = 2 * 60 * 1000;
    if (!c->deadline_ms) c->deadline_ms = 10 * 60 * 1000;
}

/* What a server that was killed has left: links to descriptors of processes that are gone. */
static bool sweep_one(void *ctx, const char *name, bool is_dir)
{
    char path[600];
    struct err e;
    if (!is_dir || !str_starts(str_c(name), STR(STAGING_PREFIX))) return true;
    snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    if (!os_remove_tree(path, &e)) log_warn("infer", "%s", e.msg);
    return true;
}

bool infer_new(struct hub *h, const struct infer_config *config, struct infer **out, struct err *e)
{
    struct infer *f = mem_one(struct infer);
    f->hub = h;
    f->config = *config;
    fill_defaults(&f->config);
    snprintf(f->tmp_dir, sizeof f->tmp_dir, "%s/tmp", config->home);
    snprintf(f->cache_dir, sizeof f->cache_dir, "%s/models", config->home);
    if (!os_mkdirs(f->cache_dir, e) || !os_each_entry(f->tmp_dir, sweep_one, f->tmp_dir, e)) {
        mem_free(f);
        return false;
    }
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->room, NULL);
    meter_new(hub_db(h), &config->meter, &f->meter);
    f->keeper = keeper_new(f);
    *out = f;
    return true;
}

struct meter *infer_meter(struct infer *f) { return f->meter; }
const struct infer_config *infer_settings(const struct infer *f) { return &f->config; }

void infer_stop(struct infer *f, int64_t grace_ms)
{
    pthread_mutex_lock(&f->lock);
    f->is_stopping = true;
    f->stop_ms = clock_mono_ms() + grace_ms;
    pthread_cond_broadcast(&f->room);
    pthread_mutex_unlock(&f->lock);
}

void infer_free(struct infer *f)
{
    if (!f) return;
    infer_stop(f, 0);
    keeper_free(f->keeper);
    for (struct model *m = f->first; m; m = m->next) {
        if (m->must_join) pthread_join(m->thread, NULL);
        m->must_join = false;
    }
    for (struct model *m = f->first, *next; m; m = next) {
        next = m->next;
        model_free(m);
    }
    meter_free(f->meter);
    stats_deinit(&f->stats);
    pthread_cond_destroy(&f->room);
    pthread_mutex_destroy(&f->lock);
    mem_free(f);
}

/* What time of day that was, or will be: 0 stays 0. */
static int64_t date_of(int64_t mono_ms) { return mono_ms ? clock_now_ms() + (mono_ms - clock_mono_ms()) : 0; }

void infer_models(struct infer *f, struct arena *a, struct infer_model **out, size_t *n)
{
    size_t count = 0;
    pthread_mutex_lock(&f->lock);
    for (struct model *m = f->first; m; m = m->next) count++;
    *out = arena_alloc(a, (count + 1) * sizeof **out);
    *n = 0;
    for (struct model *m = f->first; m; m = m->next) {
        struct infer_model *o = &(*out)[(*n)++];
        *o = (struct infer_model){ .repo_id = m->repo.id, .state = m->state, .running = m->running, .waiting = m->waiting, .bytes = m->claimed,
                                   .described = m->described ? arena_dup(a, str_c(m->described)) : (str){ 0 },
                                   .is_pinned = m->is_pinned, .used_ms = date_of(m->used_ms), .retry_ms = date_of(m->retry_ms),
                                   .reason = m->reason ? arena_dup(a, str_c(m->reason)) : (str){ 0 } };
        vcs_oid_hex(&m->commit, o->commit);
    }
    pthread_mutex_unlock(&f->lock);
}

void infer_rest(struct infer *f, int64_t repo_id)
{
    pthread_mutex_lock(&f->lock);
    for (struct model *m = f->first; m; m = m->next)
        if (m->repo.id == repo_id && m->state == INFER_READY) model_stop(m);
    pthread_mutex_unlock(&f->lock);
}

uint64_t infer_memory(struct infer *f) { return f->config.memory_bytes; }

static struct infer_stat *stat_of(struct infer_stat *row, size_t n, int64_t repo_id)
{
    for (size_t i = 0; i < n; i++)
        if (row[i].counted.repo_id == repo_id || row[i].counted.repo_id == STATS_OTHERS) return &row[i];
    return NULL;
}

void infer_stats(struct infer *f, struct arena *a, struct infer_stat **out, size_t *n)
{
    struct living { pid_t pid; struct infer_stat *of; } *living;
    size_t models = 0, alive = 0;
    pthread_mutex_lock(&f->lock);
    *n = f->stats.n;
    *out = arena_alloc(a, (*n + 1) * sizeof **out);
    for (size_t i = 0; i < *n; i++) (*out)[i] = (struct infer_stat){ .counted = *f->stats.row[i] };
    for (struct model *m = f->first; m; m = m->next) models++;
    living = arena_alloc(a, (models + 1) * sizeof *living);
    for (struct model *m = f->first; m; m = m->next) {
        struct infer_stat *s = stat_of(*out, *n, m->repo.id);
        if (!s) continue; /* no call has come so far */
        s->running += m->running;
        s->waiting += m->waiting;
        s->workers[m->state]++;
        s->claimed_bytes += m->claimed;
        if (m->pid) living[alive++] = (struct living){ m->pid, s };
    }
    pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < alive; i++) living[i].of->resident_bytes += os_resident_bytes(living[i].pid); /* reads files: not under the lock */
}
