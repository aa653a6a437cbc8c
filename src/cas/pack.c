/* cas/pack.c - see cas/pack_priv.h.
 *
 * A block goes through two stages of the pool: weaving makes SHA-256 and cuts of it in one pass, and hashes where the processor can weave
 * those in as well; stowing makes them where it cannot, finds out which chunks are new and writes those.  Weaving is a chain that nothing can
 * share, so it has a thread to itself, and what else is to be done for a byte is done beside it.
 *
 * Invariants:
 *  1. A stage takes blocks in order, by one thread at a time: its job while `is_running`, or the caller when both are idle.
 *     The weaver belongs to the first stage, the rest to the second.
 *  2. A chunk lies in one piece of memory when it is hashed: what a block ends with is put before the bytes of the next
 *     one, where XET_SPLIT_MARGIN bytes are free for it. */
#include "cas/pack_priv.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "cas/stow_priv.h"
#include "xet/weave.h"

enum {
    PACK_BLOCKS = 10, /* one is filled, one woven, one stowed; the others bridge the moments in which a stage waits for the disk or a processor */
    BLOCK = 1 << 20,
    FIRST_BLOCK = 128 << 10, /* most files are small */
    PIECES_MAX = BLOCK / (XET_CHUNK_MIN - 64) + 1, /* xet_split_max */
    PAGES_BYTES = 12 << 20,
};
_Static_assert(PACK_BLOCKS * (XET_SPLIT_MARGIN + BLOCK) <= PAGES_BYTES, "blocks fit into large pages");

struct block {
    uint8_t *memory; /* XET_SPLIT_MARGIN, then `size` bytes, of which n are filled */
    size_t size, n;
    size_t pieces_count; /* once it is woven */
    bytes piece[PIECES_MAX];
    struct xet_hash hash[PIECES_MAX];
};

struct stage {
    struct pack *p;
    bool (*step)(struct pack *p, struct block *b, struct err *e);
    struct stage *then;   /* NULL: the block is free */
    size_t waiting, next; /* under the lock, as is the rest: blocks, the first of them */
    bool is_running;
};

struct pack {
    struct cas *c;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    struct stage weaving, stowing;
    bool failed;    /* under the lock */
    struct err err; /* the first failure */
    struct block block[PACK_BLOCKS];
    uint8_t *first, *pages; /* of the first block, and of all others */
    size_t current;         /* the caller's */

    struct xet_weave *weave;
    struct stow *stow;
    struct sha256 sha256;
    bool is_whole;
};

static bool stow_block(struct pack *p, struct block *b, struct err *e)
{
    if (!xet_weave_has_hashes(p->weave)) xet_chunk_hash_many(b->piece, b->pieces_count, b->hash);
    return stow_chunks(p->stow, b->piece, b->hash, b->pieces_count, e);
}

static bool weave_block(struct pack *p, struct block *b, struct err *e)
{
    (void)e;
    b->pieces_count = xet_weave_add(p->weave, b->memory + XET_SPLIT_MARGIN, b->n, b->piece,
                                    xet_weave_has_hashes(p->weave) ? b->hash : NULL);
    return true;
}

struct pack *pack_new(struct cas *c)
{
    struct pack *p = mem_one(struct pack);
    p->c = c;
    p->weaving = (struct stage){ .p = p, .step = weave_block, .then = &p->stowing };
    p->stowing = (struct stage){ .p = p, .step = stow_block };
    p->weave = xet_weave_new(true);
    p->stow = stow_new(c);
    must(pthread_mutex_init(&p->lock, NULL) == 0 && pthread_cond_init(&p->idle, NULL) == 0);
    return p;
}

/* ------------------------------------------------------------------ stages */

static void fail(struct pack *p, const struct err *e) /* under the lock */
{
    if (!p->failed) p->err = *e;
    p->failed = true;
}

/* Under the lock: one more block waits.  True: the caller is to see to it that the stage runs. */
static bool stage_take(struct stage *s)
{
    bool starts = !s->is_running;
    s->waiting++;
    s->is_running = true;
    return starts;
}

static void stage_run(void *ctx);
static void stage_start(struct stage *s)
{
    if (!pool_submit(s->p->c->work, stage_run, s)) stage_run(s); /* the queue is full: the caller pays */
}

/* What waits; where others wait for the pool, a few blocks, and then they have their turn. */
static void stage_run(void *ctx)
{
    struct stage *s = ctx;
    struct pack *p = s->p;
    struct err e;
    pthread_mutex_lock(&p->lock);
    for (unsigned turns = 1; s->waiting; turns++) {
        struct block *b = &p->block[s->next];
        bool skip = p->failed;
        pthread_mutex_unlock(&p->lock);
        bool ok = skip || s->step(p, b, &e);
        pthread_mutex_lock(&p->lock);
        if (!ok) fail(p, &e);
        s->next = (s->next + 1) % PACK_BLOCKS;
        s->waiting--;
        if (!s->then) {
            b->n = 0;
            pthread_cond_signal(&p->idle);
        } else if (stage_take(s->then)) {
            pthread_mutex_unlock(&p->lock);
            stage_start(s->then);
            pthread_mutex_lock(&p->lock);
        }
        if (s->waiting && turns % 4 == 0 && pool_is_short(p->c->work) && pool_submit(p->c->work, stage_run, s)) {
            pthread_mutex_unlock(&p->lock);
            return; /* is_running goes on with that one */
        }
    }
    s->is_running = false;
    pthread_cond_signal(&p->idle);
    pthread_mutex_unlock(&p->lock);
}

/* ------------------------------------------------------------------ the caller */

static void make_block(struct pack *p, struct block *b)
{
    if (!p->first) { /* the very first */
        b->memory = p->first = mem_alloc(XET_SPLIT_MARGIN + FIRST_BLOCK);
        b->size = FIRST_BLOCK;
        return;
    }
    if (!p->pages) p->pages = pages_new(PAGES_BYTES);
    b->memory = p->pages + (size_t)(b - p->block) * (XET_SPLIT_MARGIN + BLOCK);
    b->size = BLOCK;
}

/* The current block is full. */
static bool pass_on(struct pack *p, struct err *e)
{
    struct block *next = &p->block[(p->current + 1) % PACK_BLOCKS];
    pthread_mutex_lock(&p->lock);
    bool start = stage_take(&p->weaving);
    pthread_mutex_unlock(&p->lock);
    if (start) stage_start(&p->weaving);
    pthread_mutex_lock(&p->lock);
    while (next->n > 0) pthread_cond_wait(&p->idle, &p->lock);
    bool failed = p->failed;
    pthread_mutex_unlock(&p->lock);
    p->current = (p->current + 1) % PACK_BLOCKS;
    if (next->size < BLOCK) make_block(p, next);
    if (failed) *e = p->err;
    return !failed;
}

void pack_space(struct pack *p, uint8_t **out, size_t *n)
{
    struct block *b = &p->block[p->current];
    if (!b->memory) make_block(p, b);
    *out = b->memory + XET_SPLIT_MARGIN + b->n;
    *n = b->size - b->n;
}

bool pack_filled(struct pack *p, size_t n, struct err *e)
{
    struct block *b = &p->block[p->current];
    must(n <= b->size - b->n);
    b->n += n;
    return b->n < b->size || pass_on(p, e);
}

static bool wait_until_idle(struct pack *p, struct err *e)
{
    pthread_mutex_lock(&p->lock);
    while (p->weaving.is_running || p->stowing.is_running) pthread_cond_wait(&p->idle, &p->lock);
    bool failed = p->failed;
    pthread_mutex_unlock(&p->lock);
    if (failed) *e = p->err;
    return !failed;
}

bool pack_end(struct pack *p, struct sha256 *out, struct err *e)
{
    struct block *b = &p->block[p->current];
    struct xet_hash hash;
    bytes last;
    if (!wait_until_idle(p, e)) return false;
    if (b->n && (!weave_block(p, b, e) || !stow_block(p, b, e))) return false;
    b->n = 0;
    if (xet_weave_end(p->weave, &last, &hash, &p->sha256) && !stow_chunks(p->stow, &last, &hash, 1, e)) return false;
    p->is_whole = true;
    *out = p->sha256;
    return true;
}

bool pack_commit(struct pack *p, str upload_id, struct cas_object *out, struct err *e)
{
    char name[CAS_NAME_MAX];
    struct err ignored;
    must(p->is_whole);
    if (!stow_commit(p->stow, &p->sha256, upload_id, out, e)) return false;
    if (!store_remove(p->c->store, cas_name(&p->sha256, name), &ignored)) /* else it is a stray, which collection takes */
        log_warn("cas.whole.stays", "reason=\"%s\"", ignored.msg);
    return true;
}

void pack_free(struct pack *p)
{
    if (!p) return;
    struct err ignored;
    pthread_mutex_lock(&p->lock);
    if (!p->failed) err_set(&p->err, ERR_CLOSED, "the upload was given up");
    p->failed = true; /* what waits is not packed any more */
    pthread_mutex_unlock(&p->lock);
    (void)wait_until_idle(p, &ignored);
    stow_free(p->stow);
    xet_weave_free(p->weave);
    mem_free(p->first);
    pages_free(p->pages, PAGES_BYTES);
    pthread_cond_destroy(&p->idle);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}
