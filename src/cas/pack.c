/* cas/pack.c - see cas/pack_priv.h.
 *
 * Invariants:
 *  1. Blocks are packed in order, by one thread at a time: the pool's job while `is_running`, or the caller.  Everything
 *     in struct pack below the line belongs to that thread.
 *  2. A chunk lies in one piece of memory when it is hashed: what a block ends with is put before the bytes of the next
 *     one, where XET_SPLIT_MARGIN bytes are free for it.
 *  3. A term of the open xorb has stored_end 0 until the xorb is sealed; then it says where the frames lie in the blob
 *     that has the name, which may be an older one.
 *
 * Against files of very many short terms: when the last runs were shorter than four chunks on average, only long ones are
 * taken, until the average is above eight (the clients' rule). */
#include "cas/pack_priv.h"

#include "base/arena.h"
#include "base/log.h"
#include "cas/match_priv.h"
#include "cas/sink_priv.h"
#include "xet/weave.h"

enum {
    PACK_BLOCKS = 3,
    BLOCK = 512 << 10,
    FIRST_BLOCK = 128 << 10, /* most files are small */
    PIECES_MAX = BLOCK / (XET_CHUNK_MIN - 64) + 1, /* xet_split_max */
    CACHED_BYTES = 4 << 20, /* of a file's first xorb, through the page cache: the header of a model is read next */
    OPEN_BUCKETS = 4 * XET_XORB_CHUNKS_MAX,
    SCHEME_CHUNKS = 32, /* for how many chunks a choice holds, */
    SAMPLE = 16 << 10,  /* made from so much of the first of them */
    RUNS = 128,
    RUN_SHORT = 4,
    RUN_LONG = 8,
};

struct block {
    uint8_t *memory; /* XET_SPLIT_MARGIN, then `size` bytes, of which n are filled */
    size_t size, n;
};

struct pack {
    struct cas *c;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    struct block block[PACK_BLOCKS];
    size_t current;           /* the caller's */
    size_t waiting, next;     /* under the lock: full blocks, the first of them */
    bool is_running, failed;  /* under the lock */
    struct err err;           /* the first failure */

    /* ---- the packing thread's */
    struct xet_weave *weave;
    struct xet_merkle tree;
    struct xet_hash hash;  /* the file's, and */
    struct sha256 sha256;  /* its content's, when it is_whole */
    bool is_whole;
    struct match *match;
    struct xet_stored_term *term;
    size_t terms_count, terms_max, open_terms; /* open_terms: the first that may be of the open xorb */
    uint8_t run[RUNS];                         /* lengths of the last runs, at most 255 each */
    size_t runs_count, runs_sum;
    bool takes_long_runs_only;

    struct xet_xorb_writer *writer; /* the open xorb; NULL: none yet */
    struct store_writer file;
    struct sink *sink;
    uint16_t *open; /* its chunks by hash: index + 1 */
    uint8_t *frame, *scratch;
    enum xet_scheme scheme;
    unsigned scheme_left;

    bool ends_in_found;   /* the last chunk was found in the open xorb, */
    uint32_t open_next;   /* before this one */
    struct xet_hash first_xorb; /* where the file's first chunk lies, if that is not in the open xorb */
    uint32_t first_chunk;       /* UINT32_MAX: the index has it, or the first xorb will see to it */
    const struct xet_xorb_index *last_xorb; /* published, not entered */
    uint32_t last_first;
    struct pack_figures figures;
};

struct pack *pack_new(struct cas *c)
{
    struct pack *p = mem_one(struct pack);
    p->c = c;
    p->file.tmp.fd = -1;
    p->first_chunk = UINT32_MAX;
    p->match = match_new(c);
    p->weave = xet_weave_new(true);
    xet_merkle_init(&p->tree);
    must(pthread_mutex_init(&p->lock, NULL) == 0 && pthread_cond_init(&p->idle, NULL) == 0);
    return p;
}

struct pack_figures pack_figures(const struct pack *p) { return p->figures; }

/* ------------------------------------------------------------------ the open xorb */

static bool xorb_open(struct pack *p, struct err *e)
{
    if (p->sink) return true;
    if (!store_write_begin(p->c->store, &p->file, e)) {
        p->file.tmp.fd = -1;
        return false;
    }
    p->sink = sink_new(p->c->pool, p->file.tmp.fd, 0, p->figures.xorbs == 0 ? CACHED_BYTES : 0);
    if (!p->writer) {
        p->writer = xet_xorb_writer_new();
        p->open = mem_alloc(OPEN_BUCKETS * sizeof *p->open);
        p->frame = mem_alloc(XET_FRAME_BYTES_MAX);
        p->scratch = mem_alloc(SAMPLE);
    }
    p->open_terms = p->terms_count;
    p->scheme_left = 0;
    return true;
}

/* Where a chunk of this hash stands in the open xorb, or may be entered. */
static uint16_t *open_bucket(const struct pack *p, const struct xet_hash *h)
{
    const struct xet_hash *hash = xet_xorb_writer_hashes(p->writer);
    size_t at = xet_hash_u64(h, 1) % OPEN_BUCKETS;
    while (p->open[at] && !xet_hash_eq(&hash[p->open[at] - 1], h)) at = (at + 1) % OPEN_BUCKETS;
    return &p->open[at];
}

static bool enter_xorb(struct pack *p, struct db_conn *tx, const struct xet_xorb_index *x, uint32_t first, struct err *e)
{
    int64_t id;
    return xorb_enter(p->c, tx, x, 0, &id, NULL, e) && dedup_add(tx, id, x, first, e);
}

/* Publishes the open xorb; *stored is where its chunks lie. */
static bool publish(struct pack *p, const struct xet_xorb_index **stored, uint32_t *first, struct err *e)
{
    struct arena *a = arena_new(0);
    struct xet_xorb_index x;
    bool ok = sink_end(p->sink, e);
    sink_free(p->sink);
    p->sink = NULL;
    xet_xorb_writer_end(p->writer, a, &x);
    if (!ok) store_write_discard(&p->file);
    ok = ok && xorb_publish(p->c, &p->file, &x, stored, e);
    p->file.tmp.fd = -1;
    arena_free(a);
    if (!ok) return false;
    memset(p->open, 0, OPEN_BUCKETS * sizeof *p->open);
    p->ends_in_found = false;
    *first = p->open_terms == 0 && p->terms_count && p->term[0].stored_end == 0 ? p->term[0].first : UINT32_MAX;
    for (size_t i = p->open_terms; i < p->terms_count; i++)
        if (p->term[i].stored_end == 0) p->term[i] = xet_stored_term(*stored, p->term[i].first, p->term[i].end);
    p->figures.xorbs++;
    p->figures.stored_bytes += xorb_file_bytes(*stored);
    return true;
}

static bool seal(struct pack *p, struct err *e)
{
    const struct xet_xorb_index *x;
    struct db_conn *tx;
    uint32_t first;
    if (!publish(p, &x, &first, e)) return false;
    bool ok = db_begin(p->c->db, &tx, e);
    if (ok && enter_xorb(p, tx, x, first, e)) {
        ok = db_commit(p->c->db, tx, e);
    } else if (ok) {
        db_rollback(p->c->db, tx);
        ok = false;
    }
    xorb_give(p->c, x);
    return ok;
}

/* Is it worth while to compress these chunks?  Those that do not become a fifth smaller are stored as they are: reading
 * them then costs a hash and no more (docs/perf/packing.md). */
static enum xet_scheme choose_scheme(struct pack *p, bytes raw)
{
    if (p->scheme_left == 0) {
        bytes sample = { raw.p, raw.n < SAMPLE ? raw.n : SAMPLE };
        enum xet_scheme guess = xet_scheme_guess(sample);
        size_t n = xet_frame_encode(sample, guess, p->frame, p->scratch);
        p->scheme = n + sample.n / 5 <= sample.n ? guess : XET_SCHEME_RAW;
        p->scheme_left = SCHEME_CHUNKS;
    }
    p->scheme_left--;
    return p->scheme;
}

static bool write_frame(struct pack *p, bytes raw, const struct xet_hash *hash, struct err *e)
{
    uint8_t *to;
    size_t room, n, at = 0;
    enum xet_scheme scheme = choose_scheme(p, raw);
    if (!sink_space(p->sink, &to, &room, e)) return false;
    if (room >= XET_FRAME_BYTES_MAX) {
        n = xet_xorb_writer_put(p->writer, raw, hash, scheme, to);
        return sink_filled(p->sink, n, e);
    }
    n = xet_xorb_writer_put(p->writer, raw, hash, scheme, p->frame);
    while (at < n) {
        if (!sink_space(p->sink, &to, &room, e)) return false;
        size_t part = n - at < room ? n - at : room;
        memcpy(to, p->frame + at, part);
        if (!sink_filled(p->sink, part, e)) return false;
        at += part;
    }
    return true;
}

/* ------------------------------------------------------------------ terms */

static void end_run(struct pack *p, uint32_t chunks)
{
    uint8_t *place = &p->run[p->runs_count % RUNS], n = chunks < 255 ? (uint8_t)chunks : 255;
    if (p->runs_count >= RUNS) p->runs_sum -= *place;
    p->runs_sum += *place = n;
    p->runs_count++;
    size_t count = p->runs_count < RUNS ? p->runs_count : RUNS;
    if (count < RUNS / 8) return; /* too early to judge */
    if (p->runs_sum < RUN_SHORT * count) p->takes_long_runs_only = true;
    else if (p->runs_sum > RUN_LONG * count) p->takes_long_runs_only = false;
}

/* x NULL: of the open xorb. */
static bool add_term(struct pack *p, const struct xet_xorb_index *x, uint32_t chunk, struct err *e)
{
    struct xet_stored_term *t = p->terms_count ? &p->term[p->terms_count - 1] : NULL;
    if (t && t->end == chunk && (x ? t->stored_end && xet_hash_eq(&t->xorb, &x->hash) : t->stored_end == 0)) {
        if (x) *t = xet_stored_term(x, t->first, chunk + 1);
        else t->end++;
        return true;
    }
    if (t) end_run(p, t->end - t->first);
    if (p->terms_count == CAS_TERMS_MAX) return err_set(e, ERR_TOO_LARGE, "a file of more than %d pieces", CAS_TERMS_MAX);
    if (p->terms_count == p->terms_max) {
        p->terms_max = p->terms_max ? 2 * p->terms_max : 16;
        p->term = mem_grow(p->term, p->terms_max * sizeof *p->term);
    }
    t = &p->term[p->terms_count++];
    if (x) *t = xet_stored_term(x, chunk, chunk + 1);
    else *t = (struct xet_stored_term){ .first = chunk, .end = chunk + 1 };
    return true;
}

/* ------------------------------------------------------------------ one chunk */

static bool is_worth_while(const struct pack *p, size_t run, size_t known)
{
    return !p->takes_long_runs_only || run >= RUN_LONG || (run == known && run >= RUN_SHORT);
}

/* In the open xorb: its chunk, or UINT32_MAX. */
static uint32_t find_open(const struct pack *p, const struct xet_hash *hash, size_t n)
{
    if (!p->sink) return UINT32_MAX;
    const struct xet_hash *own = xet_xorb_writer_hashes(p->writer);
    uint32_t count = xet_xorb_writer_count(p->writer);
    if (p->ends_in_found && p->open_next < count && xet_hash_eq(&own[p->open_next], hash)) return p->open_next;
    uint32_t at = *open_bucket(p, hash);
    if (!at--) return UINT32_MAX;
    size_t run = 1;
    while (run < n && at + run < count && xet_hash_eq(&own[at + run], &hash[run])) run++;
    return is_worth_while(p, run, n) ? at : UINT32_MAX;
}

static bool find(struct pack *p, const struct xet_hash *hash, size_t n, bool is_first, struct match_place *at, uint32_t *own,
                 bool *found, struct err *e)
{
    *own = UINT32_MAX;
    if (!match_next(p->match, hash, at, found, e)) return false;
    if (*found) return true;
    *own = find_open(p, hash, n);
    if (*own != UINT32_MAX) return true;
    if (!match_find(p->match, hash, n, is_first, at, found, e)) return false;
    *found = *found && is_worth_while(p, at->run, n);
    return true;
}

static bool store_chunk(struct pack *p, bytes raw, const struct xet_hash *hash, struct err *e)
{
    if (p->sink && !xet_xorb_writer_fits(p->writer, raw.n) && !seal(p, e)) return false;
    if (!xorb_open(p, e)) return false;
    uint32_t chunk = xet_xorb_writer_count(p->writer);
    uint16_t *bucket = open_bucket(p, hash);
    if (!write_frame(p, raw, hash, e)) return false;
    if (!*bucket) *bucket = (uint16_t)(chunk + 1);
    return add_term(p, NULL, chunk, e);
}

/* hash[0..n): this chunk and those of the block that follow. */
static bool place_chunk(struct pack *p, bytes raw, const struct xet_hash *hash, size_t n, struct err *e)
{
    struct match_place at;
    uint32_t own;
    bool found, is_first = p->figures.chunks == 0;
    xet_merkle_add(&p->tree, hash, raw.n);
    p->figures.chunks++;
    p->figures.raw_bytes += raw.n;
    if (!find(p, hash, n, is_first, &at, &own, &found, e)) return false;
    p->figures.chunks_found += found || own != UINT32_MAX;
    p->ends_in_found = own != UINT32_MAX;
    p->open_next = own + 1;
    if (found) {
        match_take(p->match, &at);
        if (is_first && !dedup_is_sampled(hash)) {
            p->first_xorb = at.x->hash;
            p->first_chunk = at.chunk;
        }
        return add_term(p, at.x, at.chunk, e);
    }
    match_break(p->match);
    return own != UINT32_MAX ? add_term(p, NULL, own, e) : store_chunk(p, raw, hash, e);
}

/* ------------------------------------------------------------------ one block */

static bool place_pieces(struct pack *p, const bytes *piece, const struct xet_hash *hash, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!place_chunk(p, piece[i], &hash[i], n - i, e)) return false;
    return true;
}

static bool pack_block(struct pack *p, struct block *b, struct err *e)
{
    bytes piece[PIECES_MAX];
    struct xet_hash hash[PIECES_MAX];
    size_t pieces = xet_weave_add(p->weave, b->memory + XET_SPLIT_MARGIN, b->n, piece, hash);
    return place_pieces(p, piece, hash, pieces, e);
}

/* ------------------------------------------------------------------ the caller and the pool */

static void fail(struct pack *p, const struct err *e) /* under the lock */
{
    if (!p->failed) p->err = *e;
    p->failed = true;
}

/* Packs what waits; a few blocks, then others may have their turn. */
static void work(void *ctx)
{
    struct pack *p = ctx;
    struct err e;
    pthread_mutex_lock(&p->lock);
    for (unsigned turns = 1; p->waiting; turns++) {
        struct block *b = &p->block[p->next];
        bool skip = p->failed;
        pthread_mutex_unlock(&p->lock);
        bool ok = skip || pack_block(p, b, &e);
        pthread_mutex_lock(&p->lock);
        if (!ok) fail(p, &e);
        b->n = 0;
        p->next = (p->next + 1) % PACK_BLOCKS;
        p->waiting--;
        pthread_cond_broadcast(&p->idle);
        if (p->waiting && turns % 4 == 0 && pool_submit(p->c->work, work, p)) {
            pthread_mutex_unlock(&p->lock);
            return; /* is_running goes on with that one */
        }
    }
    p->is_running = false;
    pthread_cond_broadcast(&p->idle);
    pthread_mutex_unlock(&p->lock);
}

static void make_block(struct block *b, size_t size)
{
    mem_free(b->memory);
    b->memory = mem_alloc(XET_SPLIT_MARGIN + size);
    b->size = size;
}

/* The current block is full. */
static bool pass_on(struct pack *p, struct err *e)
{
    pthread_mutex_lock(&p->lock);
    p->waiting++;
    bool start = !p->is_running;
    p->is_running = true;
    pthread_mutex_unlock(&p->lock);
    if (start && !pool_submit(p->c->work, work, p)) work(p);
    p->current = (p->current + 1) % PACK_BLOCKS;
    pthread_mutex_lock(&p->lock);
    while (p->waiting == PACK_BLOCKS) pthread_cond_wait(&p->idle, &p->lock);
    bool failed = p->failed;
    pthread_mutex_unlock(&p->lock);
    if (p->block[p->current].size < BLOCK) make_block(&p->block[p->current], BLOCK);
    if (failed) *e = p->err;
    return !failed;
}

void pack_space(struct pack *p, uint8_t **out, size_t *n)
{
    struct block *b = &p->block[p->current];
    if (!b->memory) make_block(b, FIRST_BLOCK); /* the very first: the others were made before their turn */
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
    while (p->is_running) pthread_cond_wait(&p->idle, &p->lock);
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
    if (b->n && !pack_block(p, b, e)) return false;
    b->n = 0;
    if (xet_weave_end(p->weave, &last, &hash, &p->sha256) && !place_pieces(p, &last, &hash, 1, e)) return false;
    xet_merkle_file(&p->tree, &p->hash);
    p->is_whole = true;
    *out = p->sha256;
    return true;
}

/* The index leads to this file by its first chunk, wherever that is stored. */
static bool index_first(struct pack *p, struct db_conn *tx, struct err *e)
{
    const struct xet_xorb_index *x;
    int64_t id;
    if (p->first_chunk == UINT32_MAX) return true;
    if (!db_get_int(tx, &id, 0, e, "SELECT id FROM cas_xorb WHERE hash = ?",
                    db_blob((bytes){ p->first_xorb.b, XET_HASH_BYTES })))
        return false;
    if (id == 0) return err_set(e, ERR_BUSY, "a xorb of the file was collected meanwhile; send it again");
    if (!xorb_borrow(p->c, &p->first_xorb, &x, e))
        return e->code == ERR_NOT_FOUND ? err_set(e, ERR_BUSY, "a xorb of the file was collected meanwhile; send it again") : false;
    bool ok = dedup_add(tx, id, x, p->first_chunk, e);
    xorb_give(p->c, x);
    return ok;
}

static bool pack_enter(struct pack *p, struct db_conn *tx, struct cas_object *out, struct err *e)
{
    struct cas_file f = { .hash = p->hash, .sha256 = p->sha256, .size_bytes = p->figures.raw_bytes, .term = p->term,
                          .terms_count = p->terms_count };
    /* Whoever asked cas_renew first comes here with a known file only if its xorbs cannot be read: ours can. */
    return (!p->last_xorb || enter_xorb(p, tx, p->last_xorb, p->last_first, e)) && index_first(p, tx, e) &&
           db_run(tx, e, "DELETE FROM cas_file WHERE hash = ?", db_blob((bytes){ p->hash.b, XET_HASH_BYTES })) &&
           file_enter_object(tx, &f, out, e);
}

bool pack_commit(struct pack *p, str upload_id, struct cas_object *out, struct err *e)
{
    struct db_conn *tx;
    char name[CAS_NAME_MAX];
    struct err ignored;
    must(p->is_whole);
    if (p->sink && !publish(p, &p->last_xorb, &p->last_first, e)) return false;
    if (!db_begin(p->c->db, &tx, e)) return false;
    if (!pack_enter(p, tx, out, e) || !cas_end_upload(tx, upload_id, e)) {
        db_rollback(p->c->db, tx);
        return false;
    }
    if (!db_commit(p->c->db, tx, e)) return false;
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
    xorb_give(p->c, p->last_xorb);
    if (p->sink) {
        sink_free(p->sink); /* before the descriptor goes: a block may be on its way */
        store_write_discard(&p->file);
    }
    match_free(p->match);
    xet_xorb_writer_free(p->writer);
    for (size_t i = 0; i < PACK_BLOCKS; i++) mem_free(p->block[i].memory);
    xet_weave_free(p->weave);
    mem_free(p->term);
    mem_free(p->open);
    mem_free(p->frame);
    mem_free(p->scratch);
    pthread_cond_destroy(&p->idle);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}
