/* cas/shard.c - an upload's shard: files are checked against what is stored, and entered.
 *
 *  1. The shard is well-formed, and each file that it has is taken once.
 *  2. Every listing is that of a stored xorb that is the sender's.
 *  3. Every file: its terms name chunks that the sender may use, the range hashes show that he knows these chunks, and
 *     together they make the file's name (xet/shard.h).
 *  4. Every file is read once for its SHA-256, which a claim must equal; two files at a time.  What the sender may read
 *     already under this name has been read before; what others have is read again, so that neither the answer nor the
 *     time that it takes says that they have it.
 *  5. Transactions enter objects, files, and where their chunks lie: some thousand files at a time, so that other writers
 *     get their turn, and each file whole.
 *
 * A known file with a chunk that could not be read lately counts as unknown: it gets the terms that were just read.
 *
 * Nothing is written before all is checked.  A xorb that is collected between check and entry makes it fail (ERR_BUSY); the client sends
 * the shard once more.  Files that were entered until then are what an upload leaves whose client went away: nothing names
 * them, and they are found again or collected. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cas/shard_priv.h"

enum {
    MEMORY_MAX = 128 << 20,        /* of a shard of 64 MiB that is as bad as it can be */
    CHUNKS_CHECKED_MAX = 64 << 20, /* 4 TiB; terms may overlap, so a small shard can name more than there is */
    READ_BYTES = 256 << 10,        /* then the client is told */
    ENTERED_AT_ONCE = 4096,        /* files */
};

struct wanted {        /* a file of the shard; there can be 400 000 */
    const uint8_t *at; /* where it stands in the shard */
    const struct xet_stored_term *term;
    uint64_t size_bytes;
    uint32_t terms_count;
    bool is_known; /* in the tables, and the sender may read it: sha256 is that of the row */
    struct xet_hash first_chunk;
    struct sha256 sha256;
};

struct registration {
    struct named_xorbs xorbs;
    const struct cas_shard_options *o;
    struct arena *a;
    bytes shard;
    struct wanted *file;
    size_t count, known_count;
    uint64_t budget;      /* chunks that may still be checked */
    uint64_t done, total; /* bytes to be read */
};

static bool tell(const struct registration *r, struct err *e)
{
    return !r->o->progress || r->o->progress(r->o->ctx, r->done, r->total, e);
}

/* A hash is bytes of no alignment, so it may be read where it stands. */
static const struct xet_hash *name_of(const struct wanted *w)
{
    return (const void *)w->at;
}

static bool in_file(const struct wanted *w, struct err *e) /* puts the file's name before an error */
{
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(name_of(w), hex);
    return err_context(e, "file %s", hex);
}

/* Reads the file's records once more; they were found well-formed. */
static struct xet_shard_file claim_of(const struct registration *r, const struct wanted *w)
{
    struct xet_shard_reader s = { .rest = { w->at, r->shard.n - (size_t)(w->at - r->shard.p) } };
    struct xet_shard_file f = { .terms_count = 0 };
    struct err ignored;
    bool found;
    must(xet_shard_next_file(&s, &f, &found, &ignored) && found);
    return f;
}

/* ------------------------------------------------------------------ 1: the shard */

static int by_name_then_place(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    int c = xet_hash_cmp(name_of(x), name_of(y));
    return c ? c : (x->at > y->at) - (x->at < y->at);
}

/* Files come in the order of the shard and leave in that of their names, each once: the first of equal names. */
static bool read_files(struct registration *r, struct err *e)
{
    struct xet_shard_reader s;
    struct xet_shard_file f;
    size_t n = 0;
    bool found = true;
    if (!xet_shard_open(r->shard, &s, e)) return false;
    for (; found; n += found)
        if (!xet_shard_next_file(&s, &f, &found, e)) return false;
    struct wanted *w = r->file = arena_try_array(r->a, n + 1, sizeof *w);
    if (!w) return err_set(e, ERR_TOO_LARGE, "the shard has %zu files; send it in parts", n);
    (void)xet_shard_open(r->shard, &s, e);
    for (size_t i = 0; i < n; i++) {
        w[i].at = s.rest.p;
        (void)xet_shard_next_file(&s, &f, &found, e);
        w[i].terms_count = f.terms_count;
    }
    if (n > 0) qsort(w, n, sizeof *w, by_name_then_place);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !xet_hash_eq(name_of(&w[i]), name_of(&w[r->count - 1]))) w[r->count++] = w[i];
    return true;
}

/* ------------------------------------------------------------------ 2: listings */

static bool check_listings(struct registration *r, struct err *e)
{
    struct xet_shard_reader s;
    struct xet_shard_file f;
    struct xet_shard_xorb x;
    bool found = true;
    if (!xet_shard_open(r->shard, &s, e)) return false;
    while (found)
        if (!xet_shard_next_file(&s, &f, &found, e)) return false;
    for (;;) {
        if (!xet_shard_next_xorb(&s, &x, &found, e)) return false;
        if (!found) return true;
        if (!named_may_use_all(&r->xorbs, &x.hash, e)) return false;
        const struct xet_xorb_index *stored = named_index(&r->xorbs, &x.hash);
        if (!stored) {
            *e = r->xorbs.err;
            return false;
        }
        if (xet_shard_xorb_check(&x, stored, e)) continue;
        char hex[XET_HASH_HEX + 1];
        xet_hash_hex(&x.hash, hex);
        return err_context(e, "xorb %s", hex);
    }
}

/* ------------------------------------------------------------------ 3: terms */

static const struct xet_xorb_index *find(void *ctx, const struct xet_hash *xorb)
{
    return named_index(ctx, xorb);
}

/* The terms with the offsets of their frames; they were found to lie inside their xorbs. */
static bool make_terms(struct registration *r, struct wanted *w, const struct xet_shard_file *f, struct err *e)
{
    struct xet_stored_term *t = arena_try_array(r->a, f->terms_count + (size_t)1, sizeof *t);
    if (!t) return err_set(e, ERR_TOO_LARGE, "no memory for its %lu terms", (unsigned long)f->terms_count);
    for (uint32_t i = 0; i < f->terms_count; i++) {
        struct xet_term from = xet_shard_term(f, i);
        const struct xet_xorb_index *x = named_index(&r->xorbs, &from.xorb);
        if (!x) {
            *e = r->xorbs.err;
            return false;
        }
        t[i] = xet_stored_term(x, from.first, from.end); /* one name, one list of chunks: it fits as it did before */
        if (i == 0) w->first_chunk = x->chunk[from.first];
    }
    w->term = t;
    return true;
}

static bool check_file(struct registration *r, struct wanted *w, struct err *e)
{
    struct xet_shard_file f = claim_of(r, w);
    for (uint32_t i = 0; i < f.terms_count; i++) {
        struct xet_term t = xet_shard_term(&f, i);
        if (!named_may_use(&r->xorbs, &t.xorb, t.first, t.end, e)) return err_context(e, "term %lu", (unsigned long)i);
    }
    r->xorbs.err.code = ERR_NONE;
    if (!xet_shard_file_check(&f, find, &r->xorbs, &r->budget, &w->size_bytes, e)) {
        if (r->xorbs.err.code != ERR_NONE)
            *e = r->xorbs.err; /* a xorb could not be looked at: no fault of the shard's */
        return false;
    }
    return make_terms(r, w, &f, e);
}

/* Has the viewer got this very file already? */
static bool look_for_file(struct registration *r, struct wanted *w, struct err *e)
{
    struct db_query q;
    bool found;
    const struct cas_viewer *v = &r->o->viewer;
    if (!db_query(r->xorbs.reader, &q, e, "SELECT sha256 FROM cas_file WHERE hash = ?",
                  db_blob((bytes){ w->at, XET_HASH_BYTES })))
        return false;
    found = db_next(&q, e) && db_col_sha256(&q, 0, &w->sha256);
    if (!db_end(&q)) return false;
    bool doubtful = false; /* then it is read again, from where the sender has it now */
    if (found && !file_is_doubtful(r->xorbs.c, r->xorbs.reader, name_of(w), &doubtful, e)) return false;
    return !found || doubtful || v->may_read(v->ctx, r->xorbs.reader, &w->sha256, &w->is_known, e);
}

static bool check_files(struct registration *r, struct err *e)
{
    for (size_t i = 0; i < r->count; i++) {
        struct wanted *w = &r->file[i];
        if (!check_file(r, w, e) || !look_for_file(r, w, e)) return in_file(w, e);
        if (w->is_known)
            r->known_count++;
        else
            r->total += w->size_bytes; /* at most CHUNKS_CHECKED_MAX chunks */
        if (r->o->read_bytes_max && r->total > r->o->read_bytes_max)
            return err_set(e, ERR_TOO_LARGE, "The shard's files have more than %" PRIu64 " GB that must be read back; register fewer at once",
                           r->o->read_bytes_max / 1000000000);
        if (!tell(r, e)) return false;
    }
    return true;
}

/* ------------------------------------------------------------------ 4: what the files are */

static struct cas_file file_of(const struct wanted *w)
{
    return (struct cas_file){ *name_of(w), w->sha256, w->size_bytes, w->term, w->terms_count };
}

/* A file that is being read. */
struct lane {
    struct wanted *w; /* NULL: none */
    struct cas_file f;
    struct file_reader *in;
    struct hasher *sha256;
    bytes piece; /* what is read and not hashed */
};

static bool lane_begin(struct registration *r, struct lane *l, struct wanted *w, bool trusts, struct err *e)
{
    *l = (struct lane){ .w = w, .f = file_of(w) };
    if (!file_reader_open(r->xorbs.c, &l->f, 0, l->f.size_bytes, &l->in, e)) return in_file(w, e);
    if (trusts) file_reader_trust(l->in);
    file_reader_once(l->in);
    l->sha256 = hasher_new_sha256();
    return true;
}

static void lane_end(struct lane *l)
{
    file_reader_close(l->in);
    hasher_free(l->sha256);
    *l = (struct lane){ .w = NULL };
}

/* The next piece of its file; at the end of that the file's SHA-256 is known, and the lane is free. */
static bool lane_read(struct lane *l, struct err *e)
{
    struct cas_piece got = { 0 };
    if (!l->w || l->piece.n) return true;
    if (!file_reader_lend(l->in, READ_BYTES, false, &got, e)) return in_file(l->w, e);
    l->piece = got.memory;
    if (got.n) return true;
    hasher_end(l->sha256, l->w->sha256.b);
    l->sha256 = NULL;
    lane_end(l);
    return true;
}

/* With a claim the chunks need no hashing of their own: if the SHA-256 is right, so are they. */
static bool lane_fill(struct registration *r, struct lane *l, size_t *next, struct err *e)
{
    for (;;) {
        if (!lane_read(l, e)) return false;
        if (l->w) return true;
        while (*next < r->count && r->file[*next].is_known) ++*next;
        if (*next == r->count) return true;
        struct wanted *w = &r->file[(*next)++];
        if (!lane_begin(r, l, w, claim_of(r, w).has_sha256, e)) return false;
    }
}

static void lane_took(struct registration *r, struct lane *l, size_t n)
{
    l->piece = (bytes){ l->piece.p + n, l->piece.n - n };
    r->done += n;
}

/* SHA-256 is one chain that leaves most of a processor idle, so two files at a time take little longer than one of them. */
static bool hash_lanes(struct registration *r, struct lane *a, struct lane *b)
{
    size_t n = !a->w ? b->piece.n : !b->w ? a->piece.n : a->piece.n < b->piece.n ? a->piece.n : b->piece.n;
    if (a->w && b->w) hasher_add_two(a->sha256, (bytes){ a->piece.p, n }, b->sha256, (bytes){ b->piece.p, n });
    else if (a->w) hasher_add(a->sha256, a->piece);
    else if (b->w) hasher_add(b->sha256, b->piece);
    if (a->w) lane_took(r, a, n);
    if (b->w) lane_took(r, b, n);
    return a->w || b->w;
}

static bool read_unknown(struct registration *r, struct err *e)
{
    struct lane a = { .w = NULL }, b = { .w = NULL };
    size_t next = 0;
    bool ok = true;
    do ok = lane_fill(r, &a, &next, e) && lane_fill(r, &b, &next, e);
    while (ok && hash_lanes(r, &a, &b) && (ok = tell(r, e)));
    lane_end(&a);
    lane_end(&b);
    return ok;
}

/* Once more, and every chunk is hashed: is it the claim that is wrong, or the disk? */
static bool read_again(struct registration *r, struct wanted *w, struct err *e)
{
    struct lane l, none = { .w = NULL };
    r->total += w->size_bytes;
    if (!lane_begin(r, &l, w, false, e)) return false;
    bool ok = true;
    do ok = lane_read(&l, e);
    while (ok && hash_lanes(r, &l, &none) && (ok = tell(r, e)));
    lane_end(&l);
    return ok;
}

static bool check_claim(struct registration *r, struct wanted *w, struct err *e)
{
    char is[SHA256_HEX + 1], says[SHA256_HEX + 1];
    struct xet_shard_file f = claim_of(r, w);
    if (!f.has_sha256 || sha256_eq(&f.sha256, &w->sha256)) return true;
    if (!w->is_known && !read_again(r, w, e)) return false;
    if (sha256_eq(&f.sha256, &w->sha256)) return true;
    hex_encode((bytes){ w->sha256.b, SHA256_BYTES }, is);
    hex_encode((bytes){ f.sha256.b, SHA256_BYTES }, says);
    err_set(e, ERR_INVALID, "its chunks have the SHA-256 %s, and the shard says %s", is, says);
    return in_file(w, e);
}

static bool know_files(struct registration *r, struct err *e)
{
    bool ok = read_unknown(r, e);
    for (size_t i = 0; ok && i < r->count; i++) ok = check_claim(r, &r->file[i], e);
    return ok;
}

/* ------------------------------------------------------------------ 5: rows */

/* Before the files have rows: the chunks of xorbs that no file has had so far can be found from now on.  One whose frames have other
 * lengths than they had was damaged and is mended: the terms say where its chunks were. */
static bool enter_xorb(struct registration *r, struct db_conn *tx, struct named_xorb *x, int64_t now, struct err *e)
{
    int64_t had_file;
    if (x->id == 0) return true; /* of a file that stands in the shard twice, the second time */
    if (!db_run(tx, e, "UPDATE cas_xorb SET touched_ms = ? WHERE id = ? AND stored_bytes = ?", db_int(now), db_int(x->id), db_int(x->frames_bytes)))
        return false;
    if (db_changes(tx) == 0) return err_set(e, ERR_BUSY, "a xorb of the shard was collected or replaced meanwhile; send it again");
    if (!db_get_int(tx, &had_file, 0, e, "SELECT 1 FROM cas_file_xorb WHERE xorb_id = ? LIMIT 1", db_int(x->id)))
        return false;
    if (had_file || !x->is_in_new_file) return true;
    const struct xet_xorb_index *index = named_index(&r->xorbs, &x->hash);
    if (index) return dedup_add(tx, x->id, index, UINT32_MAX, e);
    *e = r->xorbs.err;
    return false;
}

static bool enter_file(struct registration *r, struct db_conn *tx, const struct wanted *w, struct cas_object *out,
                       struct err *e)
{
    struct cas_file f = file_of(w);
    bool is_doubtful = false; /* what is there under its name, or as the object's file, which may have another name */
    if (!w->is_known && !file_is_doubtful(r->xorbs.c, tx, &f.hash, &is_doubtful, e)) return false;
    if (!is_doubtful && !object_is_doubtful(r->xorbs.c, tx, &f.sha256, &is_doubtful, e)) return false;
    if (is_doubtful && !files_drop_unreadable(r->xorbs.c, tx, &f.sha256, e)) return false;
    if (!file_enter_object(tx, &f, out, e)) return false;
    return w->is_known || f.terms_count == 0 ||
           dedup_add_chunk(tx, named_xorb(&r->xorbs, &f.term[0].xorb)->id, &w->first_chunk, f.term[0].first, e);
}

/* Once in each transaction: between two of them a xorb may be collected or replaced. */
static bool enter_xorbs_of(struct registration *r, struct db_conn *tx, const struct wanted *w, size_t end, int64_t now, struct err *e)
{
    for (size_t k = 0; k < w->terms_count; k++) {
        struct named_xorb *x = named_xorb(&r->xorbs, &w->term[k].xorb);
        if (x->entered == end) continue;
        x->entered = end;
        if (!enter_xorb(r, tx, x, now, e)) return false;
    }
    return true;
}

/* Files [from, end); with the last of them the xorbs that are listed and that no file names. */
static bool enter_some(struct registration *r, size_t from, size_t end, int64_t now, struct cas_object *out, struct err *e)
{
    struct db_conn *tx;
    struct db *db = r->xorbs.c->db;
    bool ok = true;
    if (!db_begin(db, &tx, e)) return false;
    for (size_t i = from; ok && i < end; i++) {
        if (!enter_xorbs_of(r, tx, &r->file[i], end, now, e)) ok = false;
        else if (!enter_file(r, tx, &r->file[i], &out[i], e)) ok = in_file(&r->file[i], e);
    }
    for (size_t i = 0; ok && end == r->count && i < r->xorbs.count; i++)
        if (!r->xorbs.xorb[i].entered) ok = enter_xorb(r, tx, &r->xorbs.xorb[i], now, e);
    return db_finish(db, tx, ok, e);
}

static bool enter_all(struct registration *r, struct cas_object *out, struct err *e)
{
    int64_t now = clock_now_ms();
    size_t from = 0, end;
    for (size_t i = 0; i < r->count; i++)
        for (size_t k = 0; !r->file[i].is_known && k < r->file[i].terms_count; k++)
            named_xorb(&r->xorbs, &r->file[i].term[k].xorb)->is_in_new_file = true;
    do {
        end = r->count - from > ENTERED_AT_ONCE ? from + ENTERED_AT_ONCE : r->count;
        if ((from > 0 && !tell(r, e)) || !enter_some(r, from, end, now, out, e)) return false;
        from = end;
    } while (from < r->count);
    return true;
}

bool cas_shard_register(struct cas *c, bytes shard, const struct cas_shard_options *o, struct arena *a,
                        struct cas_object **out, size_t *n, bool *was_new, struct err *e)
{
    struct registration r = { .o = o, .a = arena_new(MEMORY_MAX), .shard = shard, .budget = CHUNKS_CHECKED_MAX };
    bool ok = false;
    r.xorbs = (struct named_xorbs){ .c = c, .viewer = &o->viewer, .a = r.a, .reader = db_reader(c->db) };
    ok = named_begin(&r.xorbs, shard, e) && read_files(&r, e) && check_listings(&r, e) && check_files(&r, e);
    db_give(c->db, r.xorbs.reader); /* reading the files may take minutes */
    if (!ok || !(ok = know_files(&r, e))) goto done;
    ok = (*out = arena_try_array(a, r.count + 1, sizeof **out)) != NULL ||
         err_set(e, ERR_TOO_LARGE, "no memory for the answer");
    ok = ok && enter_all(&r, *out, e);
    *n = r.count;
    *was_new = r.known_count < r.count;
done:
    named_end(&r.xorbs);
    arena_free(r.a);
    return ok;
}
