/* cas/build.c - see cas/build_priv.h.
 *
 * Invariants:
 *  1. `x` is valid, and says what the xorb is, from build_end to build_settle; before, the writer knows.
 *  2. The job of the pool has file, sink, x, first, stored and err for itself while is_publishing; hashes and the table of chunks are only read
 *     then, by both.  It waits for writes of its own sink, which were given to the pool before it, and for the disk; so it may run on the
 *     pool that writes. */
#include "cas/build_priv.h"

#include "base/arena.h"
#include "cas/sink_priv.h"

enum {
    BUCKETS = 4 * XET_XORB_CHUNKS_MAX,
    SCHEME_CHUNKS = 32, /* for how many chunks a choice holds, */
    SAMPLE = 16 << 10,  /* made from so much of the first of them */
};

struct build {
    struct cas *c;
    struct xet_xorb_writer *writer;
    struct store_writer file; /* tmp.fd -1: none */
    struct sink *sink;
    uint16_t *bucket; /* its chunks by hash: index + 1 */
    uint8_t *frame, *scratch;
    enum xet_scheme scheme;
    unsigned scheme_left;

    struct arena *a; /* of x; NULL: not ended */
    struct xet_xorb_index x;
    uint32_t first;
    const struct xet_xorb_index *stored;
    bool ok;
    struct err err;

    pthread_mutex_t lock;
    pthread_cond_t published;
    bool is_publishing; /* under the lock */
};

struct build *build_new(struct cas *c)
{
    struct build *b = mem_one(struct build);
    b->c = c;
    b->file.tmp.fd = -1;
    b->sink = sink_new(c->pool);
    b->writer = xet_xorb_writer_new();
    b->bucket = mem_alloc(BUCKETS * sizeof *b->bucket);
    b->frame = mem_alloc(XET_FRAME_BYTES_MAX);
    b->scratch = mem_alloc(SAMPLE);
    must(pthread_mutex_init(&b->lock, NULL) == 0 && pthread_cond_init(&b->published, NULL) == 0);
    return b;
}

bool build_begin(struct build *b, uint64_t cached_bytes, struct err *e)
{
    must(!b->a && b->file.tmp.fd < 0);
    if (!store_write_begin(b->c->store, &b->file, e)) {
        b->file.tmp.fd = -1;
        return false;
    }
    sink_begin(b->sink, b->file.tmp.fd, 0, cached_bytes, XET_XORB_BYTES_MAX);
    memset(b->bucket, 0, BUCKETS * sizeof *b->bucket);
    b->scheme_left = 0;
    return true;
}

/* ------------------------------------------------------------------ chunks */

uint32_t build_count(const struct build *b) { return b->a ? b->x.count : xet_xorb_writer_count(b->writer); }

const struct xet_hash *build_hashes(const struct build *b) { return b->a ? b->x.chunk : xet_xorb_writer_hashes(b->writer); }

/* Where a chunk of this hash stands, or may be entered. */
static uint16_t *bucket_of(const struct build *b, const struct xet_hash *h)
{
    const struct xet_hash *hash = build_hashes(b);
    size_t at = xet_hash_u64(h, 1) % BUCKETS;
    while (b->bucket[at] && !xet_hash_eq(&hash[b->bucket[at] - 1], h)) at = (at + 1) % BUCKETS;
    return &b->bucket[at];
}

uint32_t build_find(const struct build *b, const struct xet_hash *hash)
{
    uint16_t at = *bucket_of(b, hash);
    return at ? at - 1U : UINT32_MAX;
}

bool build_fits(const struct build *b, size_t raw_bytes) { return xet_xorb_writer_fits(b->writer, raw_bytes); }

/* Is it worth while to compress these chunks?  Those that do not become a fifth smaller are stored as they are: reading
 * them then costs a hash and no more (docs/perf/packing.md). */
static enum xet_scheme choose_scheme(struct build *b, bytes raw)
{
    if (b->scheme_left == 0) {
        bytes sample = { raw.p, raw.n < SAMPLE ? raw.n : SAMPLE };
        enum xet_scheme guess = xet_scheme_guess(sample);
        size_t n = xet_frame_encode(sample, guess, b->frame, b->scratch);
        b->scheme = n + sample.n / 5 <= sample.n ? guess : XET_SCHEME_RAW;
        b->scheme_left = SCHEME_CHUNKS;
    }
    b->scheme_left--;
    return b->scheme;
}

static bool write_frame(struct build *b, bytes raw, const struct xet_hash *hash, struct err *e)
{
    uint8_t *to;
    size_t room, n, at = 0;
    enum xet_scheme scheme = choose_scheme(b, raw);
    if (!sink_space(b->sink, &to, &room, e)) return false;
    if (room >= XET_FRAME_BYTES_MAX) {
        n = xet_xorb_writer_put(b->writer, raw, hash, scheme, to);
        return sink_filled(b->sink, n, e);
    }
    n = xet_xorb_writer_put(b->writer, raw, hash, scheme, b->frame);
    while (at < n) {
        if (!sink_space(b->sink, &to, &room, e)) return false;
        size_t part = n - at < room ? n - at : room;
        memcpy(to, b->frame + at, part);
        if (!sink_filled(b->sink, part, e)) return false;
        at += part;
    }
    return true;
}

bool build_put(struct build *b, bytes raw, const struct xet_hash *hash, struct err *e)
{
    uint32_t chunk = build_count(b);
    uint16_t *bucket = bucket_of(b, hash);
    if (!write_frame(b, raw, hash, e)) return false;
    if (!*bucket) *bucket = (uint16_t)(chunk + 1);
    return true;
}

/* ------------------------------------------------------------------ the end */

const struct xet_hash *build_end(struct build *b)
{
    must(!b->a);
    b->a = arena_new(0);
    xet_xorb_writer_end(b->writer, b->a, &b->x);
    return &b->x.hash;
}

const struct xet_hash *build_name(const struct build *b) { return &b->x.hash; }

bool build_enter(struct cas *c, struct db_conn *tx, const struct xet_xorb_index *x, uint32_t first, struct err *e)
{
    int64_t id;
    return xorb_enter(c, tx, x, 0, &id, NULL, e) && dedup_add(tx, id, x, first, e);
}

void build_publish(struct build *b)
{
    b->stored = NULL;
    b->ok = sink_end(b->sink, &b->err);
    if (!b->ok) store_write_discard(&b->file);
    b->ok = b->ok && xorb_publish(b->c, &b->file, &b->x, &b->stored, &b->err);
    b->file.tmp.fd = -1;
}

static bool enter(struct build *b)
{
    struct db_conn *tx;
    if (!db_begin(b->c->db, &tx, &b->err)) return false;
    if (build_enter(b->c, tx, b->stored, b->first, &b->err)) return db_commit(b->c->db, tx, &b->err);
    db_rollback(b->c->db, tx);
    return false;
}

static void seal(void *ctx)
{
    struct build *b = ctx;
    build_publish(b);
    b->ok = b->ok && enter(b);
    pthread_mutex_lock(&b->lock);
    b->is_publishing = false;
    pthread_cond_signal(&b->published);
    pthread_mutex_unlock(&b->lock);
}

void build_seal(struct build *b, uint32_t first)
{
    must(b->a);
    b->first = first;
    b->is_publishing = true; /* nobody else looks at it before pool_submit */
    if (!pool_submit(b->c->pool, seal, b)) seal(b); /* the queue is full: the caller pays */
}

static void wait_for_seal(struct build *b)
{
    pthread_mutex_lock(&b->lock);
    while (b->is_publishing) pthread_cond_wait(&b->published, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

bool build_settle(struct build *b, const struct xet_xorb_index **stored, struct err *e)
{
    wait_for_seal(b);
    if (!b->ok) {
        *e = b->err;
        return false; /* and nothing begins after that */
    }
    *stored = b->stored;
    b->stored = NULL;
    arena_free(b->a);
    b->a = NULL;
    return true;
}

void build_free(struct build *b)
{
    if (!b) return;
    wait_for_seal(b);
    sink_free(b->sink); /* before the descriptor goes: a block may be on its way */
    if (b->file.tmp.fd >= 0) store_write_discard(&b->file);
    xorb_give(b->c, b->stored);
    arena_free(b->a);
    xet_xorb_writer_free(b->writer);
    mem_free(b->bucket);
    mem_free(b->frame);
    mem_free(b->scratch);
    pthread_cond_destroy(&b->published);
    pthread_mutex_destroy(&b->lock);
    mem_free(b);
}
