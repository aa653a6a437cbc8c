/* infer/pin.c - see infer/pin.h. */
#include "infer/pin.h"

#include "base/clock.h"
#include "base/log.h"
#include "infer/infer_priv.h"

enum { LOOK_S = 2 };

/* ------------------------------------------------------------------ rows */

bool pin_set(struct db_conn *tx, int64_t repo_id, bool is_pinned, bool *changed, struct err *e)
{
    bool ok = is_pinned ? db_run(tx, e, "INSERT INTO inference_pin (repo_id, created_ms) VALUES (?, ?) ON CONFLICT DO NOTHING", db_int(repo_id), db_int(clock_now_ms()))
                        : db_run(tx, e, "DELETE FROM inference_pin WHERE repo_id = ?", db_int(repo_id));
    *changed = ok && db_changes(tx) > 0;
    return ok;
}

bool pin_list(struct db_conn *c, struct arena *a, struct pin **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT p.repo_id, p.created_ms, f.commit_sha, i.full_name FROM inference_pin p JOIN repo_ref f ON f.repo_id = p.repo_id AND"
                              " f.name = 'refs/heads/main' JOIN repo_index i ON i.repo_id = p.repo_id ORDER BY i.full_name";
    struct db_query q;
    size_t room = 0;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql)) return false;
    while (db_next(&q, e)) {
        if (*n == room) {
            struct pin *grown = arena_alloc(a, (room = room ? 2 * room : 8) * sizeof *grown);
            for (size_t i = 0; i < *n; i++) grown[i] = (*out)[i];
            *out = grown;
        }
        struct pin *p = &(*out)[*n];
        *p = (struct pin){ .repo_id = db_col_int(&q, 0), .created_ms = db_col_int(&q, 1), .full_name = arena_dup(a, db_col_text(&q, 3)) };
        if (vcs_oid_parse(db_col_text(&q, 2), &p->commit)) ++*n;
    }
    return db_end(&q);
}

/* ------------------------------------------------------------------ the thread */

struct keeper {
    struct infer *f;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t end;
    bool is_ending;
};

/* Under the lock. */
static void keep(struct infer *f, const struct repo *repo, const struct vcs_oid *commit)
{
    struct err why;
    struct model *m = model_at(f, repo, commit);
    m->is_pinned = true;
    if (!m->has_thread && !model_wake(m, &why)) log_debug("infer", "%.*s is pinned, and not started: %s", STR_ARG(m->repo.full_name), why.msg);
}

static bool look(struct infer *f, struct arena *a, struct err *e)
{
    struct db_conn *c = db_reader(hub_db(f->hub));
    struct pin *pin;
    struct repo *repo = NULL;
    size_t n;
    bool ok = pin_list(c, a, &pin, &n, e);
    if (ok) repo = arena_alloc(a, (n + 1) * sizeof *repo);
    for (size_t i = 0; ok && i < n; i++) ok = repo_get(c, pin[i].repo_id, &repo[i], a, e);
    db_give(hub_db(f->hub), c);
    if (!ok) return false;
    pthread_mutex_lock(&f->lock);
    for (struct model *m = f->first; m; m = m->next) m->is_pinned = false;
    for (size_t i = 0; i < n && !f->is_stopping; i++) keep(f, &repo[i], &pin[i].commit);
    pthread_mutex_unlock(&f->lock);
    return true;
}

static void *run(void *arg)
{
    struct keeper *k = arg;
    pthread_mutex_lock(&k->lock);
    while (!k->is_ending) {
        struct err e;
        pthread_mutex_unlock(&k->lock);
        struct arena *a = arena_new(0);
        if (!look(k->f, a, &e)) log_warn("infer", "cannot read which models are pinned: %s", e.msg);
        arena_free(a);
        int64_t until_us = clock_mono_us() + (int64_t)LOOK_S * 1000000;
        pthread_mutex_lock(&k->lock);
        while (!k->is_ending && clock_wait(&k->end, &k->lock, until_us)) continue;
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

struct keeper *keeper_new(struct infer *f)
{
    struct keeper *k = mem_one(struct keeper);
    k->f = f;
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->end, NULL);
    must(pthread_create(&k->thread, NULL, run, k) == 0);
    return k;
}

void keeper_free(struct keeper *k)
{
    if (!k) return;
    pthread_mutex_lock(&k->lock);
    k->is_ending = true;
    pthread_cond_signal(&k->end);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    pthread_cond_destroy(&k->end);
    pthread_mutex_destroy(&k->lock);
    mem_free(k);
}
