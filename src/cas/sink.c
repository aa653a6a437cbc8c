/* cas/sink.c - see cas/sink_priv.h.
 *
 * Large files go past the page cache: written through it, 5 GB of dirty pages make the last fsync take as
 * long as the upload and push everything else out of memory; with direct writes the fsync is short and a
 * third of the processor time is saved (docs/perf).  The blocks lie in large pages: for each small one the
 * kernel would look up, hold and let go the memory of every write.  A write that makes its file longer waits for all others to the
 * file, and they for it, so the file is made long enough first (docs/perf/upload.md).
 *
 * Invariants: every block but the last is full and starts at a multiple of OS_DIRECT_ALIGN, so direct
 * writing may be switched on between any two of them; a block in writing is not touched by the caller. */
#include "cas/sink_priv.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/os.h"

enum { SINK_BLOCKS = 4, SMALL_BLOCKS = 2, SINK_FIRST = 128 << 10, SINK_BLOCK = 1 << 20 };

struct block {
    struct sink *sink;
    uint8_t *p; /* aligned */
    size_t size, n;
    uint64_t at;
    bool is_writing; /* under the lock */
};

struct sink {
    struct pool *pool;
    int fd;
    uint64_t start, at; /* at: where the current block goes */
    uint64_t cached_bytes, grown_to;
    bool is_direct;
    size_t blocks, current; /* how many, and the one that is being filled */
    uint8_t *first, *pages; /* of the first block, and of all others */
    struct block block[SINK_BLOCKS];

    pthread_mutex_t lock;
    pthread_cond_t idle; /* a block was written */
    bool failed;
    struct err err; /* the first failure */
};

static struct sink *sink_of(struct pool *pool, size_t blocks)
{
    struct sink *s = mem_one(struct sink);
    s->pool = pool;
    s->fd = -1;
    s->blocks = blocks;
    for (size_t i = 0; i < blocks; i++) s->block[i].sink = s;
    must(pthread_mutex_init(&s->lock, NULL) == 0 && pthread_cond_init(&s->idle, NULL) == 0);
    return s;
}

struct sink *sink_new(struct pool *pool) { return sink_of(pool, SINK_BLOCKS); }

struct sink *sink_new_small(struct pool *pool) { return sink_of(pool, SMALL_BLOCKS); }

void sink_begin(struct sink *s, int fd, uint64_t at, uint64_t cached_bytes, uint64_t grown_to)
{
    must(at % OS_DIRECT_ALIGN == 0 && !s->failed);
    s->fd = fd;
    s->start = s->at = at;
    s->cached_bytes = cached_bytes;
    s->grown_to = grown_to;
    s->is_direct = false;
    s->block[s->current].n = 0;
}

static bool wait_until_idle(struct sink *s, struct block *b, struct err *e)
{
    pthread_mutex_lock(&s->lock);
    while (b->is_writing) pthread_cond_wait(&s->idle, &s->lock);
    bool failed = s->failed;
    if (failed) *e = s->err;
    pthread_mutex_unlock(&s->lock);
    return !failed;
}

static void write_block(void *ctx)
{
    struct block *b = ctx;
    struct sink *s = b->sink;
    struct err e;
    bool ok = os_pwrite(s->fd, (bytes){ b->p, b->n }, b->at, &e);
    pthread_mutex_lock(&s->lock);
    if (!ok && !s->failed) s->err = e;
    if (!ok) s->failed = true;
    b->is_writing = false;
    pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

/* Most files are small, so the first block is. */
static void make_block(struct sink *s, struct block *b)
{
    if (!s->pages && s->at == s->start) {
        if (!s->first) s->first = mem_alloc(SINK_FIRST + OS_DIRECT_ALIGN);
        b->p = (uint8_t *)(((uintptr_t)s->first + OS_DIRECT_ALIGN - 1) & ~(uintptr_t)(OS_DIRECT_ALIGN - 1));
        b->size = SINK_FIRST;
        return;
    }
    if (!s->pages) s->pages = pages_new(s->blocks * SINK_BLOCK);
    b->p = s->pages + (size_t)(b - s->block) * SINK_BLOCK;
    b->size = SINK_BLOCK;
}

bool sink_space(struct sink *s, uint8_t **out, size_t *n, struct err *e)
{
    struct block *b = &s->block[s->current];
    if (!wait_until_idle(s, b, e)) return false;
    if (b->n == 0 && b->size < SINK_BLOCK) make_block(s, b);
    *out = b->p + b->n;
    *n = b->size - b->n;
    return true;
}

static void go_direct(struct sink *s)
{
    s->is_direct = os_set_direct(s->fd, true);
    if (s->is_direct && s->grown_to) os_grow(s->fd, s->grown_to);
}

bool sink_filled(struct sink *s, size_t n, struct err *e)
{
    struct block *b = &s->block[s->current];
    must(n <= b->size - b->n);
    b->n += n;
    if (b->n < b->size) return true;
    if (!s->is_direct && s->at - s->start >= s->cached_bytes) go_direct(s);
    struct block *next = &s->block[(s->current + 1) % s->blocks];
    b->at = s->at;
    b->is_writing = true; /* nobody else looks at it before pool_submit */
    if (!pool_submit(s->pool, write_block, b)) write_block(b); /* the queue is full: the caller pays */
    if (!wait_until_idle(s, next, e)) return false;
    s->at += b->n;
    next->n = 0;
    s->current = (s->current + 1) % s->blocks;
    return true;
}

bool sink_end(struct sink *s, struct err *e)
{
    struct block *last = &s->block[s->current];
    bool ok = true;
    for (size_t i = 0; i < s->blocks; i++) ok = wait_until_idle(s, &s->block[i], e) && ok; /* all: fd is the caller's again */
    if (!ok) return false;
    if (!s->is_direct) return last->n == 0 || os_pwrite(s->fd, (bytes){ last->p, last->n }, s->at, e);
    size_t whole = last->n & ~(size_t)(OS_DIRECT_ALIGN - 1); /* the end of a file is seldom a multiple of anything */
    if (whole && !os_pwrite(s->fd, (bytes){ last->p, whole }, s->at, e)) return false;
    os_set_direct(s->fd, false);
    return last->n == whole || os_pwrite(s->fd, (bytes){ last->p + whole, last->n - whole }, s->at + whole, e);
}

void sink_free(struct sink *s)
{
    if (!s) return;
    struct err ignored;
    for (size_t i = 0; i < s->blocks; i++) (void)wait_until_idle(s, &s->block[i], &ignored);
    mem_free(s->first);
    pages_free(s->pages, s->blocks * SINK_BLOCK);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}
