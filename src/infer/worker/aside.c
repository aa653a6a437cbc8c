/* infer/worker/aside.c - see infer/worker/aside.h.
 *
 * A call is in one of two lists, and moves from `waiting` to `read`; the first of `waiting` is the thread's while it reads.  All that
 * both threads see is guarded by the lock, which neither holds while it reads. */
#include "infer/worker/aside.h"

#include <pthread.h>

#include "base/arena.h"

enum { REQUEST_BYTES_MAX = 256 << 20 };

struct long_call {
    struct long_call *next;
    uint64_t call;
    char *text;
    size_t n;
    bool is_cancelled, is_other; /* it asks for something else than text to be generated: only parsed */
    struct arena *a; /* of the request */
    struct json *request;
    struct engine_read *read; /* NULL: it failed */
    struct err e;
};

struct aside {
    const struct engine *engine;
    struct engine_reader *reader;
    struct channel *channel;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_ending;
    size_t calls;
    struct long_call *waiting, **last_waiting, *read, **last_read;
};

static void long_call_free(struct long_call *c)
{
    engine_read_free(c->read);
    arena_free(c->a);
    mem_free(c->text);
    mem_free(c);
}

static void read_one(struct aside *a, struct long_call *c)
{
    c->a = arena_new(REQUEST_BYTES_MAX);
    if (!json_parse(str_n(c->text, c->n), c->a, &c->request, &c->e)) return;
    c->is_other = !engine_generates(a->engine, c->request);
    if (!c->is_other) c->read = engine_read(a->reader, c->request, &c->e);
}

static void *work(void *arg)
{
    struct aside *a = arg;
    pthread_mutex_lock(&a->lock);
    for (;;) {
        while (!a->waiting && !a->is_ending) pthread_cond_wait(&a->changed, &a->lock);
        if (a->is_ending) break;
        struct long_call *c = a->waiting;
        pthread_mutex_unlock(&a->lock);
        read_one(a, c);
        pthread_mutex_lock(&a->lock);
        if (!(a->waiting = c->next)) a->last_waiting = &a->waiting;
        c->next = NULL;
        *a->last_read = c;
        a->last_read = &c->next;
        channel_wake(a->channel);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

struct aside *aside_new(const struct engine *g, struct channel *c)
{
    struct aside *a = mem_one(struct aside);
    a->engine = g;
    a->channel = c;
    a->last_waiting = &a->waiting;
    a->last_read = &a->read;
    must(pthread_mutex_init(&a->lock, NULL) == 0 && pthread_cond_init(&a->changed, NULL) == 0);
    return a;
}

void aside_free(struct aside *a)
{
    if (!a) return;
    pthread_mutex_lock(&a->lock);
    a->is_ending = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    if (a->has_thread) pthread_join(a->thread, NULL);
    struct long_call *lists[] = { a->waiting, a->read };
    for (size_t i = 0; i < COUNT(lists); i++)
        for (struct long_call *c = lists[i], *next; c; c = next) {
            next = c->next;
            long_call_free(c);
        }
    engine_reader_free(a->reader);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    mem_free(a);
}

/* The thread is begun by the first call that needs it. */
static bool begin_thread(struct aside *a)
{
    if (!a->reader) a->reader = engine_reader_new(a->engine);
    if (a->reader && !a->has_thread) a->has_thread = pthread_create(&a->thread, NULL, work, a) == 0;
    return a->has_thread;
}

/* A key of the request cannot stand in one of its texts, where quotes are escaped; as somebody's key it costs a detour. */
static bool takes_long(str text)
{
    return text.n >= ASIDE_BYTES || str_find(text, STR("\"grammar\":")) != STR_NONE || str_find(text, STR("\"tools\":")) != STR_NONE;
}

bool aside_take(struct aside *a, uint64_t call, str text)
{
    if (!takes_long(text) || a->calls == ASIDE_CALLS_MAX || !begin_thread(a)) return false;
    struct long_call *c = mem_one(struct long_call);
    c->call = call;
    c->text = mem_dup(text);
    c->n = text.n;
    a->calls++;
    pthread_mutex_lock(&a->lock);
    *a->last_waiting = c;
    a->last_waiting = &c->next;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    return true;
}

bool aside_cancel(struct aside *a, uint64_t call)
{
    bool found = false;
    pthread_mutex_lock(&a->lock);
    struct long_call *lists[] = { a->waiting, a->read };
    for (size_t i = 0; i < COUNT(lists); i++)
        for (struct long_call *c = lists[i]; c; c = c->next)
            if (c->call == call) c->is_cancelled = found = true;
    pthread_mutex_unlock(&a->lock);
    return found;
}

void aside_tend(struct aside *a, struct engine *g)
{
    if (!a->calls) return;
    pthread_mutex_lock(&a->lock);
    struct long_call *first = a->read;
    a->read = NULL;
    a->last_read = &a->read;
    pthread_mutex_unlock(&a->lock);
    for (struct long_call *c = first, *next; c; c = next) {
        next = c->next;
        a->calls--;
        if (c->is_other) engine_call(g, c->call, c->request);
        else engine_call_read(g, c->call, c->request, c->read, &c->e);
        c->read = NULL;
        if (c->is_cancelled) engine_cancel(g, c->call);
        long_call_free(c);
    }
}
