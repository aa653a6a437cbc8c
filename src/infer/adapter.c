/* infer/adapter.c - see infer/adapter.h. */
#include "infer/adapter.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum { FAILED_MS = 30000 /* so long a failure is not tried again */ };

/* ------------------------------------------------------------------ slots (under the lock) */

static struct adapter_slot *slot_of(struct model *m, const struct infer_call *c)
{
    for (size_t i = 0; i < ENGINE_ADAPTERS_MAX; i++) {
        struct adapter_slot *s = &m->slot[i];
        if (s->state != SLOT_EMPTY && s->repo_id == c->adapter_id && vcs_oid_eq(&s->commit, &c->adapter_commit)) return s;
    }
    return NULL;
}

bool adapter_is_there(struct model *m, struct infer_call *c)
{
    if (!c->adapter_id) return true;
    const struct adapter_slot *s = slot_of(m, c);
    if (!s || s->state != SLOT_READY) return false;
    c->slot = (size_t)(s - m->slot);
    return true;
}

void adapter_begin(struct model *m, struct infer_call *c)
{
    if (c->adapter_id) m->slot[c->slot].users++;
}

void adapter_end(struct model *m, struct infer_call *c)
{
    if (!c->adapter_id || m->slot[c->slot].users == 0) return; /* none: its worker is gone */
    m->slot[c->slot].users--;
    m->slot[c->slot].used_ms = clock_mono_ms();
}

bool adapter_is_loading(const struct model *m)
{
    for (size_t i = 0; i < ENGINE_ADAPTERS_MAX; i++)
        if (m->slot[i].state == SLOT_LOADING) return true;
    return false;
}

/* The first call that waits for an adapter which is neither there nor on its way. */
static struct infer_call *who_wants(struct model *m)
{
    for (struct infer_call *c = m->first; c; c = c->next) {
        if (c->is_sent || !c->adapter_id) continue;
        const struct adapter_slot *s = slot_of(m, c);
        if (!s || s->state == SLOT_FAILED) return c;
    }
    return NULL;
}

bool adapter_is_wanted(struct model *m) { return m->waiting > 0 && !adapter_is_loading(m) && who_wants(m); }

void adapter_forget_all(struct model *m)
{
    for (size_t i = 0; i < ENGINE_ADAPTERS_MAX; i++) m->slot[i] = (struct adapter_slot){ 0 };
}

/* One that is empty, else the one that nobody uses, unused for longest; NULL: all are in use. */
static struct adapter_slot *free_slot(struct model *m)
{
    struct adapter_slot *best = NULL;
    for (size_t i = 0; i < ENGINE_ADAPTERS_MAX; i++) {
        struct adapter_slot *s = &m->slot[i];
        if (s->users || s->state == SLOT_LOADING) continue;
        if (s->state == SLOT_EMPTY) return s;
        if (!best || s->used_ms < best->used_ms) best = s;
    }
    return best;
}

static void fail_who_want(struct model *m, int64_t repo_id, const struct vcs_oid *commit, const struct err *why)
{
    for (struct infer_call *c = m->first, *next; c; c = next) {
        next = c->next;
        if (!c->is_sent && c->adapter_id == repo_id && vcs_oid_eq(&c->adapter_commit, commit)) call_fail(c, why);
    }
}

static void fail_slot(struct model *m, struct adapter_slot *s, const struct err *why)
{
    struct adapter_slot was = *s;
    m->claimed -= s->bytes;
    s->bytes = 0;
    s->state = SLOT_FAILED;
    s->why = *why;
    s->used_ms = clock_mono_ms();
    fail_who_want(m, was.repo_id, &was.commit, why);
}

/* ------------------------------------------------------------------ loading, on the model's thread */

/* Chooses what to load and where; NULL: nothing, now. */
static struct adapter_slot *choose(struct model *m)
{
    struct infer_call *c;
    struct adapter_slot *s;
    while (!m->must_stop && (c = who_wants(m))) {
        s = slot_of(m, c);
        if (s && clock_mono_ms() - s->used_ms < FAILED_MS) {
            struct err why = s->why;
            fail_who_want(m, c->adapter_id, &c->adapter_commit, &why);
            continue;
        }
        if (!s && !(s = free_slot(m))) return NULL; /* until a call that uses one is over */
        m->claimed -= s->bytes;
        *s = (struct adapter_slot){ .state = SLOT_LOADING, .repo_id = c->adapter_id, .commit = c->adapter_commit, .used_ms = clock_mono_ms() };
        return s;
    }
    return NULL;
}

/* Twice the file: floats of bfloat16.  A model that nobody calls is asked to make room, for the next adapter if not for this one. */
static bool claim(struct model *m, struct adapter_slot *s, uint64_t size_bytes, struct err *e)
{
    struct infer *f = m->f;
    uint64_t needs = 2 * size_bytes;
    pthread_mutex_lock(&f->lock);
    bool fits = model_claim(m, needs);
    if (fits) s->bytes = needs;
    pthread_mutex_unlock(&f->lock);
    return fits || err_set(e, ERR_BUSY, "the adapter needs %.1f MB, and no memory is free for it now", (double)needs * 1e-6);
}

bool adapter_tend(struct model *m, struct staging *s, struct channel *c, struct err *e)
{
    struct infer *f = m->f;
    struct adapter_slot *slot = NULL;
    struct err why;
    uint64_t size_bytes;
    pthread_mutex_lock(&f->lock);
    if (m->channel && adapter_is_wanted(m)) slot = choose(m);
    pthread_mutex_unlock(&f->lock);
    if (!slot) return true;
    /* A slot that loads is this thread's alone. */
    if (staging_fill_adapter(f->hub, s, slot->repo_id, &slot->commit, &size_bytes, &why) && claim(m, slot, size_bytes, &why))
        return channel_post(c, FRAME_ADAPTER, (uint64_t)(slot - m->slot), STR("{}"), e);
    staging_empty_adapter(s);
    pthread_mutex_lock(&f->lock);
    fail_slot(m, slot, &why);
    pthread_mutex_unlock(&f->lock);
    return true;
}

void adapter_loaded(struct model *m, struct staging *s, uint64_t number, str answer)
{
    struct err why;
    staging_empty_adapter(s);
    if (number >= ENGINE_ADAPTERS_MAX) return;
    struct adapter_slot *slot = &m->slot[number];
    bool ok = answer.n == 0 || model_read_failure(answer, &why);
    pthread_mutex_lock(&m->f->lock);
    if (slot->state == SLOT_LOADING) {
        if (ok) slot->state = SLOT_READY;
        else fail_slot(m, slot, &why);
        slot->used_ms = clock_mono_ms();
        model_dispatch(m);
    }
    pthread_mutex_unlock(&m->f->lock);
    if (!ok) log_warn("infer", "an adapter of %.*s: %s", STR_ARG(m->repo.full_name), why.msg);
}
