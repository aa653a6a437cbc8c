/* cas/match.c - see cas/match_priv.h.
 *
 * A xorb that cannot be read is passed over: what is not found is stored again, which is never wrong. */
#include "cas/match_priv.h"

#include "base/arena.h"

/* 32768 chunks are 2 GiB of file; beyond, all is forgotten and begun again, which costs a sixteenth of a mebibyte. */
enum { XORBS_MAX = 48, CHUNKS_MAX = 32768, BUCKETS = 65536, PLACES_MAX = 4, FILES_MAX = 8 };

struct known {
    uint32_t xorb_plus_1, chunk; /* 0: free */
};

struct match {
    struct cas *c;
    const struct xet_xorb_index *xorb[XORBS_MAX]; /* borrowed */
    size_t xorbs_count, chunks_count;
    struct known *known; /* by hash, open addressing; of equal chunks the first */

    const struct xet_xorb_index *last; /* one of xorb[], or NULL: what match_next goes on from, */
    uint32_t next;                     /* at this chunk */

    struct arena *a; /* the file that is followed across xorbs */
    struct cas_file file;
    size_t at; /* its term that holds the last chunk found */
};

struct match *match_new(struct cas *c)
{
    struct match *m = mem_one(struct match);
    m->c = c;
    return m;
}

static void forget(struct match *m)
{
    for (size_t i = 0; i < m->xorbs_count; i++) xorb_give(m->c, m->xorb[i]);
    m->xorbs_count = m->chunks_count = 0;
    m->last = NULL;
    if (m->known) memset(m->known, 0, BUCKETS * sizeof *m->known);
}

void match_free(struct match *m)
{
    if (!m) return;
    forget(m);
    mem_free(m->known);
    arena_free(m->a);
    mem_free(m);
}

/* ------------------------------------------------------------------ the xorbs that are known */

static struct known *bucket_of(const struct match *m, const struct xet_hash *h)
{
    size_t at = xet_hash_u64(h, 1) % BUCKETS; /* group 3 decides what is sampled, group 0 is the index's key */
    while (m->known[at].xorb_plus_1 &&
           !xet_hash_eq(&m->xorb[m->known[at].xorb_plus_1 - 1]->chunk[m->known[at].chunk], h))
        at = (at + 1) % BUCKETS;
    return &m->known[at];
}

/* *out NULL: it cannot be had. */
static void get_to_know(struct match *m, const struct xet_hash *hash, const struct xet_xorb_index **out)
{
    const struct xet_xorb_index *x;
    struct err ignored;
    for (size_t i = 0; i < m->xorbs_count; i++) {
        if (!xet_hash_eq(&m->xorb[i]->hash, hash)) continue;
        *out = m->xorb[i];
        return;
    }
    *out = NULL;
    if (xorb_is_doubtful(m->c, hash) || !xorb_borrow(m->c, hash, &x, &ignored)) return;
    if (m->xorbs_count == XORBS_MAX || m->chunks_count + x->count > CHUNKS_MAX) forget(m);
    if (!m->known) m->known = mem_alloc(BUCKETS * sizeof *m->known);
    m->xorb[m->xorbs_count++] = x;
    m->chunks_count += x->count;
    for (uint32_t i = 0; i < x->count; i++) {
        struct known *k = bucket_of(m, &x->chunk[i]);
        if (!k->xorb_plus_1) *k = (struct known){ (uint32_t)m->xorbs_count, i };
    }
    *out = x;
}

static size_t run_from(const struct xet_xorb_index *x, uint32_t chunk, const struct xet_hash *hash, size_t n)
{
    size_t run = 0;
    while (run < n && chunk + run < x->count && xet_hash_eq(&x->chunk[chunk + run], &hash[run])) run++;
    return run;
}

/* ------------------------------------------------------------------ what follows in a file */

/* The term of the followed file that ends with this chunk of this xorb; false: none. */
static bool find_term(struct match *m, const struct xet_hash *xorb, uint32_t end)
{
    for (size_t n = 0; n < m->file.terms_count; n++) { /* mostly the one at hand, or the next */
        size_t i = (m->at + n) % m->file.terms_count;
        if (m->file.term[i].end != end || !xet_hash_eq(&m->file.term[i].xorb, xorb)) continue;
        m->at = i;
        return true;
    }
    return false;
}

static bool goes_on(struct match *m, const struct xet_hash *xorb, uint32_t end, const struct xet_hash *hash,
                    struct match_place *out)
{
    const struct xet_xorb_index *x;
    if (!find_term(m, xorb, end) || m->at + 1 == m->file.terms_count) return false;
    const struct xet_stored_term *t = &m->file.term[m->at + 1];
    get_to_know(m, &t->xorb, &x);
    if (!x || t->first >= x->count || !xet_hash_eq(&x->chunk[t->first], hash)) return false;
    m->at++;
    *out = (struct match_place){ x, t->first, 1 };
    return true;
}

/* The files that have the xorb, newest first.  Files of very many terms are not followed. */
static bool files_with(struct match *m, const struct xet_hash *xorb, struct xet_hash out[FILES_MAX], size_t *n, struct err *e)
{
    static const char sql[] = "SELECT f.hash FROM cas_xorb x JOIN cas_file_xorb l ON l.xorb_id = x.id"
                              " JOIN cas_file f ON f.id = l.file_id WHERE x.hash = ? AND length(f.terms) <= 262144"
                              " ORDER BY l.file_id DESC LIMIT 8";
    struct db_query q;
    struct db_conn *c = db_reader(m->c->db);
    bool ok = db_query(c, &q, e, sql, hash_value(xorb));
    *n = 0;
    if (ok) {
        while (*n < FILES_MAX && db_next(&q, e)) *n += col_hash(&q, 0, &out[*n]);
        ok = db_end(&q);
    }
    db_give(m->c->db, c);
    return ok;
}

/* What a broken-off upload made next is the next row, mostly.  Xorbs that clients sent have owners, and are left alone: the index does not
 * know them before a file has them (cas/shard.c). */
static bool next_made(struct match *m, const struct xet_hash *xorb, const struct xet_hash *hash, struct match_place *out,
                      bool *found, struct err *e)
{
    struct db_query q;
    struct xet_hash next;
    const struct xet_xorb_index *x;
    struct db_conn *c = db_reader(m->c->db);
    bool ok = db_query(c, &q, e,
                       "SELECT hash FROM cas_xorb x WHERE id > (SELECT id FROM cas_xorb WHERE hash = ?)"
                       " AND NOT EXISTS (SELECT 1 FROM cas_xorb_owner WHERE xorb_id = x.id) ORDER BY id LIMIT 1",
                       hash_value(xorb));
    if (ok) {
        *found = db_next(&q, e) && col_hash(&q, 0, &next);
        ok = db_end(&q);
    }
    db_give(m->c->db, c);
    if (!ok || !*found) return ok;
    get_to_know(m, &next, &x);
    *found = x && xet_hash_eq(&x->chunk[0], hash);
    if (*found) *out = (struct match_place){ x, 0, 1 };
    return true;
}

static bool follow(struct match *m, const struct xet_hash *hash, struct match_place *out, bool *found, struct err *e)
{
    struct xet_hash xorb = m->last->hash, file[FILES_MAX]; /* copies: what is known may be forgotten on the way */
    uint32_t end = m->next;
    size_t n;
    struct err ignored;
    bool at_end = end == m->last->count;
    *found = goes_on(m, &xorb, end, hash, out);
    if (*found) return true;
    if (!files_with(m, &xorb, file, &n, e)) return false;
    for (size_t i = 0; i < n && !*found; i++) {
        bool there = false;
        if (!m->a) m->a = arena_new(0);
        arena_reset(m->a);
        m->at = 0;
        m->file.terms_count = 0;
        if (!cas_file_find(m->c, &file[i], m->a, &m->file, &there, &ignored) || !there) m->file.terms_count = 0;
        else *found = goes_on(m, &xorb, end, hash, out);
    }
    if (at_end && !*found) return next_made(m, &xorb, hash, out, found, e);
    return true;
}

/* ------------------------------------------------------------------ questions */

bool match_next(struct match *m, const struct xet_hash *hash, struct match_place *out, bool *found, struct err *e)
{
    *found = false;
    if (!m->last) return true;
    if (m->next < m->last->count && xet_hash_eq(&m->last->chunk[m->next], hash)) {
        *out = (struct match_place){ m->last, m->next, 1 };
        *found = true;
        return true;
    }
    return follow(m, hash, out, found, e);
}

bool match_find(struct match *m, const struct xet_hash *hash, size_t n, bool is_first, struct match_place *out, bool *found,
                struct err *e)
{
    struct dedup_place place[PLACES_MAX];
    size_t places = 0;
    *found = false;
    if (m->xorbs_count) {
        const struct known *k = bucket_of(m, hash);
        if (k->xorb_plus_1) {
            const struct xet_xorb_index *x = m->xorb[k->xorb_plus_1 - 1];
            *out = (struct match_place){ x, k->chunk, run_from(x, k->chunk, hash, n) };
            *found = true;
        }
    }
    if (*found || !(is_first || dedup_is_sampled(hash))) return true;
    struct db_conn *reader = db_reader(m->c->db);
    bool ok = dedup_find(m->c, reader, hash, place, PLACES_MAX, &places, e);
    db_give(m->c->db, reader);
    for (size_t i = 0; ok && i < places; i++) {
        const struct xet_xorb_index *x;
        size_t before = m->xorbs_count;
        get_to_know(m, &place[i].xorb, &x);
        if (m->xorbs_count < before) *found = false; /* forgotten */
        size_t run = x ? run_from(x, place[i].chunk, hash, n) : 0;
        if (run == 0 || (*found && run <= out->run)) continue;
        *out = (struct match_place){ x, place[i].chunk, run };
        *found = true;
    }
    return ok;
}

void match_take(struct match *m, const struct match_place *p)
{
    m->last = p->x;
    m->next = p->chunk + 1;
}

void match_break(struct match *m) { m->last = NULL; }
