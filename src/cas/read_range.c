/* cas/read_range.c - a file's bytes at the speed of the disk or of who uses them, whichever is slower.
 *
 * Reading and using in turn would cost the sum of both; the kernel's own read-ahead fetched half of what the
 * disk can give.  So the pool reads blocks, past the page cache, while the caller uses the one before. */
#include "base/arena.h"
#include "base/os.h"
#include "cas/cas_priv.h"

enum { BLOCKS = 4, BLOCK = 1 << 20 };

struct ahead;
struct block {
    struct ahead *ahead;
    uint8_t *p;
    size_t n, got;
    uint64_t at;
    bool is_reading, failed; /* under the lock */
    struct err err;
};

struct ahead {
    int fd;
    pthread_mutex_t lock;
    pthread_cond_t done;
    struct block block[BLOCKS];
};

static void read_block(void *ctx)
{
    struct block *b = ctx;
    struct err e;
    bool ok = os_pread(b->ahead->fd, b->p, b->n, b->at, &b->got, &e);
    pthread_mutex_lock(&b->ahead->lock);
    if (!ok) b->err = e;
    b->failed = !ok;
    b->is_reading = false;
    pthread_cond_broadcast(&b->ahead->done);
    pthread_mutex_unlock(&b->ahead->lock);
}

static void ask(struct pool *pool, struct block *b, uint64_t at, size_t n)
{
    b->at = at;
    b->n = n;
    b->is_reading = true;
    if (!pool_submit(pool, read_block, b)) read_block(b);
}

static bool wait_for(struct block *b, struct err *e)
{
    pthread_mutex_lock(&b->ahead->lock);
    while (b->is_reading) pthread_cond_wait(&b->ahead->done, &b->ahead->lock);
    bool failed = b->failed;
    pthread_mutex_unlock(&b->ahead->lock);
    if (failed) {
        *e = b->err;
        return false;
    }
    return b->got == b->n || err_set(e, ERR_IO, "the file ends at byte %llu", (unsigned long long)(b->at + b->got));
}

/* [at, end), both multiples of OS_DIRECT_ALIGN. */
static bool use_blocks(struct pool *pool, struct ahead *w, uint64_t at, uint64_t end, cas_use_fn *fn, void *ctx,
                       struct err *e)
{
    size_t asked = 0, used = 0;
    struct err ignored;
    bool ok = true;
    uint64_t next = at;
    while (ok && at < end) {
        for (; next < end && asked - used < BLOCKS; asked++) {
            size_t n = end - next < BLOCK ? (size_t)(end - next) : BLOCK;
            ask(pool, &w->block[asked % BLOCKS], next, n);
            next += n;
        }
        struct block *b = &w->block[used++ % BLOCKS];
        ok = wait_for(b, e) && fn(ctx, (bytes){ b->p, b->n }, e);
        at += b->n;
    }
    for (; used < asked; used++) (void)wait_for(&w->block[used % BLOCKS], &ignored);
    return ok;
}

bool cas_read_range(struct pool *pool, int fd, uint64_t at, uint64_t n, cas_use_fn *fn, void *ctx, struct err *e)
{
    if (n == 0) return true;
    must(at % OS_DIRECT_ALIGN == 0);
    uint64_t end = at + n, tail = end & ~(uint64_t)(OS_DIRECT_ALIGN - 1);
    struct ahead *w = mem_one(struct ahead);
    uint8_t *memory = mem_alloc(BLOCKS * BLOCK + OS_DIRECT_ALIGN);
    uint8_t *p = (uint8_t *)(((uintptr_t)memory + OS_DIRECT_ALIGN - 1) & ~(uintptr_t)(OS_DIRECT_ALIGN - 1));
    size_t got = 0;
    bool ok = true;
    w->fd = fd;
    must(pthread_mutex_init(&w->lock, NULL) == 0 && pthread_cond_init(&w->done, NULL) == 0);
    for (size_t i = 0; i < BLOCKS; i++) w->block[i] = (struct block){ .ahead = w, .p = p + i * BLOCK };
    if (tail > at) {
        bool is_direct = tail - at > BLOCKS * BLOCK && os_set_direct(fd, true); /* what is small may be in the cache */
        ok = use_blocks(pool, w, at, tail, fn, ctx, e);
        if (is_direct) os_set_direct(fd, false);
    }
    if (ok && end > tail) {
        ok = os_pread(fd, p, (size_t)(end - tail), tail, &got, e) &&
             (got == end - tail || err_set(e, ERR_IO, "the file ends at byte %llu", (unsigned long long)(tail + got))) &&
             fn(ctx, (bytes){ p, got }, e);
    }
    pthread_cond_destroy(&w->done);
    pthread_mutex_destroy(&w->lock);
    mem_free(memory);
    mem_free(w);
    return ok;
}
