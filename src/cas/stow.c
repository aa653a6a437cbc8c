/* cas/stow.c - see cas/stow_priv.h.
 *
 * Invariant: a term of the open xorb has stored_end 0 until the xorb is sealed; then it says where the frames lie in the blob
 * that has the name, which may be an older one.
 *
 * Against files of very many short terms: when the last runs were shorter than four chunks on average, only long ones are
 * taken, until the average is above eight (the clients' rule). */
#include "cas/stow_priv.h"

#include "base/arena.h"
#include "cas/match_priv.h"
#include "cas/sink_priv.h"

enum {
    CACHED_BYTES = 4 << 20, /* of a file's first xorb, through the page cache: the header of a model is read next */
    OPEN_BUCKETS = 4 * XET_XORB_CHUNKS_MAX,
    SCHEME_CHUNKS = 32, /* for how many chunks a choice holds, */
    SAMPLE = 16 << 10,  /* made from so much of the first of them */
    RUNS = 128,
    RUN_SHORT = 4,
    RUN_LONG = 8,
};

struct stow {
    struct cas *c;
    struct xet_merkle tree;
    struct match *match;
    struct xet_stored_term *term;
    size_t terms_count, terms_max, open_terms; /* open_terms: the first that may be of the open xorb */
    uint8_t run[RUNS];                         /* lengths of the last runs, at most 255 each */
    size_t runs_count, runs_sum;
    bool takes_long_runs_only;

    bool is_open; /* a xorb is; file and sink are its */
    struct xet_xorb_writer *writer; /* NULL: there has been none yet */
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

struct stow *stow_new(struct cas *c)
{
    struct stow *s = mem_one(struct stow);
    s->c = c;
    s->file.tmp.fd = -1;
    s->first_chunk = UINT32_MAX;
    s->match = match_new(c);
    xet_merkle_init(&s->tree);
    return s;
}

struct pack_figures stow_figures(const struct stow *s) { return s->figures; }

/* ------------------------------------------------------------------ the open xorb */

static bool xorb_open(struct stow *s, struct err *e)
{
    if (s->is_open) return true;
    if (!store_write_begin(s->c->store, &s->file, e)) {
        s->file.tmp.fd = -1;
        return false;
    }
    if (!s->writer) {
        s->sink = sink_new(s->c->pool);
        s->writer = xet_xorb_writer_new();
        s->open = mem_alloc(OPEN_BUCKETS * sizeof *s->open);
        s->frame = mem_alloc(XET_FRAME_BYTES_MAX);
        s->scratch = mem_alloc(SAMPLE);
    }
    s->is_open = true;
    sink_begin(s->sink, s->file.tmp.fd, 0, s->figures.xorbs == 0 ? CACHED_BYTES : 0);
    s->open_terms = s->terms_count;
    s->scheme_left = 0;
    return true;
}

/* Where a chunk of this hash stands in the open xorb, or may be entered. */
static uint16_t *open_bucket(const struct stow *s, const struct xet_hash *h)
{
    const struct xet_hash *hash = xet_xorb_writer_hashes(s->writer);
    size_t at = xet_hash_u64(h, 1) % OPEN_BUCKETS;
    while (s->open[at] && !xet_hash_eq(&hash[s->open[at] - 1], h)) at = (at + 1) % OPEN_BUCKETS;
    return &s->open[at];
}

static bool enter_xorb(struct stow *s, struct db_conn *tx, const struct xet_xorb_index *x, uint32_t first, struct err *e)
{
    int64_t id;
    return xorb_enter(s->c, tx, x, 0, &id, NULL, e) && dedup_add(tx, id, x, first, e);
}

/* Publishes the open xorb; *stored is where its chunks lie. */
static bool publish(struct stow *s, const struct xet_xorb_index **stored, uint32_t *first, struct err *e)
{
    struct arena *a = arena_new(0);
    struct xet_xorb_index x;
    bool ok = sink_end(s->sink, e);
    s->is_open = false;
    xet_xorb_writer_end(s->writer, a, &x);
    if (!ok) store_write_discard(&s->file);
    ok = ok && xorb_publish(s->c, &s->file, &x, stored, e);
    s->file.tmp.fd = -1;
    arena_free(a);
    if (!ok) return false;
    memset(s->open, 0, OPEN_BUCKETS * sizeof *s->open);
    s->ends_in_found = false;
    *first = s->open_terms == 0 && s->terms_count && s->term[0].stored_end == 0 ? s->term[0].first : UINT32_MAX;
    for (size_t i = s->open_terms; i < s->terms_count; i++)
        if (s->term[i].stored_end == 0) s->term[i] = xet_stored_term(*stored, s->term[i].first, s->term[i].end);
    s->figures.xorbs++;
    s->figures.stored_bytes += xorb_file_bytes(*stored);
    return true;
}

static bool seal(struct stow *s, struct err *e)
{
    const struct xet_xorb_index *x;
    struct db_conn *tx;
    uint32_t first;
    if (!publish(s, &x, &first, e)) return false;
    bool ok = db_begin(s->c->db, &tx, e);
    if (ok && enter_xorb(s, tx, x, first, e)) {
        ok = db_commit(s->c->db, tx, e);
    } else if (ok) {
        db_rollback(s->c->db, tx);
        ok = false;
    }
    xorb_give(s->c, x);
    return ok;
}

/* Is it worth while to compress these chunks?  Those that do not become a fifth smaller are stored as they are: reading
 * them then costs a hash and no more (docs/perf/packing.md). */
static enum xet_scheme choose_scheme(struct stow *s, bytes raw)
{
    if (s->scheme_left == 0) {
        bytes sample = { raw.p, raw.n < SAMPLE ? raw.n : SAMPLE };
        enum xet_scheme guess = xet_scheme_guess(sample);
        size_t n = xet_frame_encode(sample, guess, s->frame, s->scratch);
        s->scheme = n + sample.n / 5 <= sample.n ? guess : XET_SCHEME_RAW;
        s->scheme_left = SCHEME_CHUNKS;
    }
    s->scheme_left--;
    return s->scheme;
}

static bool write_frame(struct stow *s, bytes raw, const struct xet_hash *hash, struct err *e)
{
    uint8_t *to;
    size_t room, n, at = 0;
    enum xet_scheme scheme = choose_scheme(s, raw);
    if (!sink_space(s->sink, &to, &room, e)) return false;
    if (room >= XET_FRAME_BYTES_MAX) {
        n = xet_xorb_writer_put(s->writer, raw, hash, scheme, to);
        return sink_filled(s->sink, n, e);
    }
    n = xet_xorb_writer_put(s->writer, raw, hash, scheme, s->frame);
    while (at < n) {
        if (!sink_space(s->sink, &to, &room, e)) return false;
        size_t part = n - at < room ? n - at : room;
        memcpy(to, s->frame + at, part);
        if (!sink_filled(s->sink, part, e)) return false;
        at += part;
    }
    return true;
}

/* ------------------------------------------------------------------ terms */

static void end_run(struct stow *s, uint32_t chunks)
{
    uint8_t *place = &s->run[s->runs_count % RUNS], n = chunks < 255 ? (uint8_t)chunks : 255;
    if (s->runs_count >= RUNS) s->runs_sum -= *place;
    s->runs_sum += *place = n;
    s->runs_count++;
    size_t count = s->runs_count < RUNS ? s->runs_count : RUNS;
    if (count < RUNS / 8) return; /* too early to judge */
    if (s->runs_sum < RUN_SHORT * count) s->takes_long_runs_only = true;
    else if (s->runs_sum > RUN_LONG * count) s->takes_long_runs_only = false;
}

/* x NULL: of the open xorb. */
static bool add_term(struct stow *s, const struct xet_xorb_index *x, uint32_t chunk, struct err *e)
{
    struct xet_stored_term *t = s->terms_count ? &s->term[s->terms_count - 1] : NULL;
    if (t && t->end == chunk && (x ? t->stored_end && xet_hash_eq(&t->xorb, &x->hash) : t->stored_end == 0)) {
        if (x) *t = xet_stored_term(x, t->first, chunk + 1);
        else t->end++;
        return true;
    }
    if (t) end_run(s, t->end - t->first);
    if (s->terms_count == CAS_TERMS_MAX) return err_set(e, ERR_TOO_LARGE, "a file of more than %d pieces", CAS_TERMS_MAX);
    if (s->terms_count == s->terms_max) {
        s->terms_max = s->terms_max ? 2 * s->terms_max : 16;
        s->term = mem_grow(s->term, s->terms_max * sizeof *s->term);
    }
    t = &s->term[s->terms_count++];
    if (x) *t = xet_stored_term(x, chunk, chunk + 1);
    else *t = (struct xet_stored_term){ .first = chunk, .end = chunk + 1 };
    return true;
}

/* ------------------------------------------------------------------ one chunk */

static bool is_worth_while(const struct stow *s, size_t run, size_t known)
{
    return !s->takes_long_runs_only || run >= RUN_LONG || (run == known && run >= RUN_SHORT);
}

/* In the open xorb: its chunk, or UINT32_MAX. */
static uint32_t find_open(const struct stow *s, const struct xet_hash *hash, size_t n)
{
    if (!s->is_open) return UINT32_MAX;
    const struct xet_hash *own = xet_xorb_writer_hashes(s->writer);
    uint32_t count = xet_xorb_writer_count(s->writer);
    if (s->ends_in_found && s->open_next < count && xet_hash_eq(&own[s->open_next], hash)) return s->open_next;
    uint32_t at = *open_bucket(s, hash);
    if (!at--) return UINT32_MAX;
    size_t run = 1;
    while (run < n && at + run < count && xet_hash_eq(&own[at + run], &hash[run])) run++;
    return is_worth_while(s, run, n) ? at : UINT32_MAX;
}

static bool find(struct stow *s, const struct xet_hash *hash, size_t n, bool is_first, struct match_place *at, uint32_t *own,
                 bool *found, struct err *e)
{
    *own = UINT32_MAX;
    if (!match_next(s->match, hash, at, found, e)) return false;
    if (*found) return true;
    *own = find_open(s, hash, n);
    if (*own != UINT32_MAX) return true;
    if (!match_find(s->match, hash, n, is_first, at, found, e)) return false;
    *found = *found && is_worth_while(s, at->run, n);
    return true;
}

static bool store_chunk(struct stow *s, bytes raw, const struct xet_hash *hash, struct err *e)
{
    if (s->is_open && !xet_xorb_writer_fits(s->writer, raw.n) && !seal(s, e)) return false;
    if (!xorb_open(s, e)) return false;
    uint32_t chunk = xet_xorb_writer_count(s->writer);
    uint16_t *bucket = open_bucket(s, hash);
    if (!write_frame(s, raw, hash, e)) return false;
    if (!*bucket) *bucket = (uint16_t)(chunk + 1);
    return add_term(s, NULL, chunk, e);
}

/* hash[0..n): this chunk and those of the block that follow. */
static bool place_chunk(struct stow *s, bytes raw, const struct xet_hash *hash, size_t n, struct err *e)
{
    struct match_place at;
    uint32_t own;
    bool found, is_first = s->figures.chunks == 0;
    xet_merkle_add(&s->tree, hash, raw.n);
    s->figures.chunks++;
    s->figures.raw_bytes += raw.n;
    if (!find(s, hash, n, is_first, &at, &own, &found, e)) return false;
    s->figures.chunks_found += found || own != UINT32_MAX;
    s->ends_in_found = own != UINT32_MAX;
    s->open_next = own + 1;
    if (found) {
        match_take(s->match, &at);
        if (is_first && !dedup_is_sampled(hash)) {
            s->first_xorb = at.x->hash;
            s->first_chunk = at.chunk;
        }
        return add_term(s, at.x, at.chunk, e);
    }
    match_break(s->match);
    return own != UINT32_MAX ? add_term(s, NULL, own, e) : store_chunk(s, raw, hash, e);
}

bool stow_chunks(struct stow *s, const bytes *chunk, const struct xet_hash *hash, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!place_chunk(s, chunk[i], &hash[i], n - i, e)) return false;
    return true;
}

/* ------------------------------------------------------------------ the end */

/* The index leads to this file by its first chunk, wherever that is stored. */
static bool index_first(struct stow *s, struct db_conn *tx, struct err *e)
{
    const struct xet_xorb_index *x;
    int64_t id;
    if (s->first_chunk == UINT32_MAX) return true;
    if (!db_get_int(tx, &id, 0, e, "SELECT id FROM cas_xorb WHERE hash = ?",
                    db_blob((bytes){ s->first_xorb.b, XET_HASH_BYTES })))
        return false;
    if (id == 0) return err_set(e, ERR_BUSY, "a xorb of the file was collected meanwhile; send it again");
    if (!xorb_borrow(s->c, &s->first_xorb, &x, e))
        return e->code == ERR_NOT_FOUND ? err_set(e, ERR_BUSY, "a xorb of the file was collected meanwhile; send it again") : false;
    bool ok = dedup_add(tx, id, x, s->first_chunk, e);
    xorb_give(s->c, x);
    return ok;
}

static bool enter_file(struct stow *s, struct db_conn *tx, const struct sha256 *sha256, struct cas_object *out, struct err *e)
{
    struct cas_file f = { .sha256 = *sha256, .size_bytes = s->figures.raw_bytes, .term = s->term,
                          .terms_count = s->terms_count };
    xet_merkle_file(&s->tree, &f.hash);
    /* Whoever asked cas_renew first comes here with a known file only if its xorbs cannot be read: ours can. */
    return (!s->last_xorb || enter_xorb(s, tx, s->last_xorb, s->last_first, e)) && index_first(s, tx, e) &&
           db_run(tx, e, "DELETE FROM cas_file WHERE hash = ?", db_blob((bytes){ f.hash.b, XET_HASH_BYTES })) &&
           file_enter_object(tx, &f, out, e);
}

bool stow_commit(struct stow *s, const struct sha256 *sha256, str upload_id, struct cas_object *out, struct err *e)
{
    struct db_conn *tx;
    if (s->is_open && !publish(s, &s->last_xorb, &s->last_first, e)) return false;
    if (!db_begin(s->c->db, &tx, e)) return false;
    if (enter_file(s, tx, sha256, out, e) && cas_end_upload(tx, upload_id, e)) return db_commit(s->c->db, tx, e);
    db_rollback(s->c->db, tx);
    return false;
}

void stow_free(struct stow *s)
{
    if (!s) return;
    xorb_give(s->c, s->last_xorb);
    sink_free(s->sink); /* before the descriptor goes: a block may be on its way */
    if (s->is_open) store_write_discard(&s->file);
    match_free(s->match);
    xet_xorb_writer_free(s->writer);
    mem_free(s->term);
    mem_free(s->open);
    mem_free(s->frame);
    mem_free(s->scratch);
    mem_free(s);
}
