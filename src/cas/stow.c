/* cas/stow.c - see cas/stow_priv.h.
 *
 * Two xorbs at most are known here and not yet to the index: the open one, which chunks go to, and the sealed one before it, which is
 * being published meanwhile.  Chunks are found in both.  The sealed one is settled when the open one is full, so that it does not depend
 * on the speed of a disk what is found.
 *
 * Invariant: a term of the open xorb has zeros for its name, and no term says where its frames lie, until all of them are placed in the
 * transaction that enters the file: the blob that has a name may be an older one than ours, and be replaced if it is damaged.
 *
 * Against files of very many short terms: when the last runs were shorter than four chunks on average, only long ones are
 * taken, until the average is above eight (the clients' rule). */
#include "cas/stow_priv.h"

#include "base/arena.h"
#include "cas/build_priv.h"
#include "cas/match_priv.h"

enum {
    CACHED_BYTES = 4 << 20, /* of a file's first xorb, through the page cache: the header of a model is read next */
    RUNS = 128,
    RUN_SHORT = 4,
    RUN_LONG = 8,
};
static const struct xet_hash no_name;

struct stow {
    struct cas *c;
    struct xet_merkle tree;
    struct match *match;
    struct xet_stored_term *term;
    size_t terms_count, terms_max;
    uint8_t run[RUNS]; /* lengths of the last runs, at most 255 each */
    size_t runs_count, runs_sum;
    bool takes_long_runs_only;

    struct build *build[2]; /* each NULL until it is needed */
    struct build *open, *sealed; /* one of them, or NULL */
    size_t open_terms; /* the first that may be of the open one */

    const struct build *last_in; /* where the last chunk was found, of the two; or NULL */
    uint32_t last_next;          /* the chunk after it there */
    struct xet_hash first_xorb, first_hash; /* where the file's first chunk lies, if that is in neither, and which it is */
    uint32_t first_chunk;        /* UINT32_MAX: the index has it, or the first xorb will see to it */
    const struct xet_xorb_index *last_xorb; /* published, not entered */
    uint32_t last_first;
    uint64_t chunks, raw_bytes, xorbs; /* so far */
};

struct stow *stow_new(struct cas *c)
{
    struct stow *s = mem_one(struct stow);
    s->c = c;
    s->first_chunk = UINT32_MAX;
    s->match = match_new(c);
    xet_merkle_init(&s->tree);
    return s;
}

/* ------------------------------------------------------------------ the two xorbs */

static bool open_xorb(struct stow *s, struct err *e)
{
    if (s->open) return true;
    struct build **free = s->sealed && s->sealed == s->build[0] ? &s->build[1] : &s->build[0];
    if (!*free) *free = build_new(s->c);
    if (!build_begin(*free, s->sealed || s->xorbs ? 0 : CACHED_BYTES, e)) return false;
    s->open = *free;
    s->open_terms = s->terms_count;
    return true;
}

/* The open xorb gets its name; *first is its chunk that begins the file, or UINT32_MAX. */
static void end_open(struct stow *s, uint32_t *first)
{
    const struct xet_hash *name = build_end(s->open);
    *first = UINT32_MAX;
    for (size_t i = s->open_terms; i < s->terms_count; i++) {
        struct xet_stored_term *t = &s->term[i];
        if (!xet_hash_is_zero(&t->xorb)) continue;
        t->xorb = *name;
        if (i == 0) *first = t->first;
    }
}

/* An ended xorb is stored. */
static bool settle(struct stow *s, struct build *b, const struct xet_xorb_index **stored, struct err *e)
{
    if (!build_settle(b, stored, e)) return false;
    if (s->last_in == b) s->last_in = NULL;
    s->xorbs++;
    return true;
}

static bool settle_sealed(struct stow *s, struct err *e)
{
    const struct xet_xorb_index *x;
    if (!s->sealed) return true;
    if (!settle(s, s->sealed, &x, e)) return false;
    xorb_give(s->c, x);
    s->sealed = NULL;
    return true;
}

/* The open xorb is full. */
static bool seal(struct stow *s, struct err *e)
{
    uint32_t first;
    if (!settle_sealed(s, e)) return false;
    end_open(s, &first);
    build_seal(s->open, first);
    s->sealed = s->open;
    s->open = NULL;
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

static bool add_term(struct stow *s, const struct xet_hash *xorb, uint32_t chunk, struct err *e)
{
    struct xet_stored_term *t = s->terms_count ? &s->term[s->terms_count - 1] : NULL;
    if (t && t->end == chunk && xet_hash_eq(&t->xorb, xorb)) {
        t->end++;
        return true;
    }
    if (t) end_run(s, t->end - t->first);
    if (s->terms_count == CAS_TERMS_MAX) return err_set(e, ERR_TOO_LARGE, "a file of more than %d pieces", CAS_TERMS_MAX);
    if (s->terms_count == s->terms_max) {
        s->terms_max = s->terms_max ? 2 * s->terms_max : 16;
        s->term = mem_grow(s->term, s->terms_max * sizeof *s->term);
    }
    s->term[s->terms_count++] = (struct xet_stored_term){ .xorb = *xorb, .first = chunk, .end = chunk + 1 };
    return true;
}

/* ------------------------------------------------------------------ one chunk */

static bool is_worth_while(const struct stow *s, size_t run, size_t known)
{
    return !s->takes_long_runs_only || run >= RUN_LONG || (run == known && run >= RUN_SHORT);
}

/* In this one of the two xorbs: its chunk, or UINT32_MAX. */
static uint32_t find_in(const struct stow *s, const struct build *b, const struct xet_hash *hash, size_t n)
{
    const struct xet_hash *own = build_hashes(b);
    uint32_t count = build_count(b), at;
    if (s->last_in == b && s->last_next < count && xet_hash_eq(&own[s->last_next], hash)) return s->last_next;
    if ((at = build_find(b, hash)) == UINT32_MAX) return UINT32_MAX;
    size_t run = 1;
    while (run < n && at + run < count && xet_hash_eq(&own[at + run], &hash[run])) run++;
    return is_worth_while(s, run, n) ? at : UINT32_MAX;
}

/* *in: of the two xorbs, the one that has it; NULL and not *found: neither, and no other. */
static bool find(struct stow *s, const struct xet_hash *hash, size_t n, bool is_first, struct match_place *at, struct build **in,
                 uint32_t *own, bool *found, struct err *e)
{
    struct build *two[] = { s->open, s->sealed };
    *in = NULL;
    if (!match_next(s->match, hash, at, found, e)) return false;
    if (*found) return true;
    for (size_t i = 0; i < 2; i++)
        if (two[i] && (*own = find_in(s, two[i], hash, n)) != UINT32_MAX) {
            *in = two[i];
            return true;
        }
    if (!match_find(s->match, hash, n, is_first, at, found, e)) return false;
    *found = *found && is_worth_while(s, at->run, n);
    return true;
}

static bool store_chunk(struct stow *s, bytes raw, const struct xet_hash *hash, struct err *e)
{
    if (s->open && !build_fits(s->open, raw.n) && !seal(s, e)) return false;
    if (!open_xorb(s, e)) return false;
    uint32_t chunk = build_count(s->open);
    return build_put(s->open, raw, hash, e) && add_term(s, &no_name, chunk, e);
}

/* hash[0..n): this chunk and those of the block that follow. */
static bool place_chunk(struct stow *s, bytes raw, const struct xet_hash *hash, size_t n, struct err *e)
{
    struct match_place at;
    struct build *in;
    uint32_t own = 0;
    bool found, is_first = s->chunks == 0;
    xet_merkle_add(&s->tree, hash, raw.n);
    s->chunks++;
    s->raw_bytes += raw.n;
    if (!find(s, hash, n, is_first, &at, &in, &own, &found, e)) return false;
    s->last_in = in;
    s->last_next = own + 1;
    if (found) {
        match_take(s->match, &at);
        if (is_first && !dedup_is_sampled(hash)) {
            s->first_xorb = at.x->hash;
            s->first_chunk = at.chunk;
            s->first_hash = *hash;
        }
        return add_term(s, &at.x->hash, at.chunk, e);
    }
    match_break(s->match);
    if (!in) return store_chunk(s, raw, hash, e);
    return add_term(s, in == s->sealed ? build_name(in) : &no_name, own, e);
}

bool stow_chunks(struct stow *s, const bytes *chunk, const struct xet_hash *hash, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!place_chunk(s, chunk[i], &hash[i], n - i, e)) return false;
    return true;
}

/* ------------------------------------------------------------------ the end */

/* Where the frames lie now: from here on the file follows its xorbs with all others (files_follow). */
static bool place_terms(struct stow *s, struct err *e)
{
    const struct xet_xorb_index *x = NULL;
    bool ok = true;
    for (size_t i = 0; ok && i < s->terms_count; i++) {
        struct xet_stored_term *t = &s->term[i];
        if (!x || !xet_hash_eq(&x->hash, &t->xorb)) {
            xorb_give(s->c, x);
            ok = xorb_borrow(s->c, &t->xorb, &x, e);
        }
        if (ok) *t = xet_stored_term(x, t->first, t->end);
    }
    xorb_give(s->c, x);
    return ok || (e->code == ERR_NOT_FOUND ? err_set(e, ERR_BUSY, "a xorb of the file was collected meanwhile; send it again") : false);
}

/* The index leads to this file by its first chunk, wherever that is stored. */
static bool index_first(struct stow *s, struct db_conn *tx, struct err *e)
{
    int64_t id;
    if (s->first_chunk == UINT32_MAX) return true;
    return db_get_int(tx, &id, 0, e, "SELECT id FROM cas_xorb WHERE hash = ?", hash_value(&s->first_xorb)) &&
           dedup_add_chunk(tx, id, &s->first_hash, s->first_chunk, e);
}

/* Whoever asked cas_renew first comes here with a known object only if that cannot be read, or came at this moment. */
static bool enter_file(struct stow *s, struct db_conn *tx, const struct sha256 *sha256, struct cas_object *out, struct err *e)
{
    struct cas_file f = { .sha256 = *sha256, .size_bytes = s->raw_bytes, .term = s->term, .terms_count = s->terms_count };
    xet_merkle_file(&s->tree, &f.hash);
    return (!s->last_xorb || build_enter(s->c, tx, s->last_xorb, s->last_first, e)) && place_terms(s, e) &&
           files_drop_unreadable(s->c, tx, sha256, e) && file_enter_object(tx, &f, out, e) && index_first(s, tx, e);
}

bool stow_commit(struct stow *s, const struct sha256 *sha256, str upload_id, struct cas_object *out, struct err *e)
{
    struct db_conn *tx;
    if (s->open) {
        end_open(s, &s->last_first);
        build_publish(s->open);
    }
    if (!settle_sealed(s, e) || (s->open && !settle(s, s->open, &s->last_xorb, e))) return false;
    if (!db_begin(s->c->db, &tx, e)) return false;
    if (enter_file(s, tx, sha256, out, e) && cas_end_upload(tx, upload_id, e)) return db_commit(s->c->db, tx, e);
    db_rollback(s->c->db, tx);
    return false;
}

void stow_free(struct stow *s)
{
    if (!s) return;
    xorb_give(s->c, s->last_xorb);
    for (size_t i = 0; i < 2; i++) build_free(s->build[i]);
    match_free(s->match);
    mem_free(s->term);
    mem_free(s);
}
