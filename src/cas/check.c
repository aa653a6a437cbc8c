/* cas/check.c - does everything that is stored agree, and is it what its name says?
 *
 * Xorbs first, each against its row and its own footer, and with `deep` chunk by chunk; then files, whose terms must lie in
 * stored xorbs and make the file's name; then objects.  So each byte is read once, however many files share it.  Beside a
 * running server: what looks wrong is looked at again, because collection may have taken it meanwhile. */
#include <stdatomic.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/machine.h"
#include "cas/xorb_priv.h"

enum { PAGE = 64 };

struct xorb_row {
    int64_t id;
    struct xet_hash hash;
    uint32_t chunks_count;
    uint64_t raw_bytes, stored_bytes;
    char flaw[ERR_MSG_MAX]; /* "": none */
};

struct check {
    struct cas *c;
    const struct cas_check_options *o;
    struct cas_check_result *out;
    struct err *e;
    bool failed;
    /* a page of xorbs, looked at by several threads: each takes the next */
    struct xorb_row row[PAGE];
    size_t rows;
    atomic_size_t next;
    pthread_mutex_t lock;
    pthread_cond_t over;
    size_t helpers; /* under the lock */
};

/* ------------------------------------------------------------------ telling */

static void tell(struct check *k, bool is_repaired, const struct sha256 *object, size_t objects, str what)
{
    struct cas_problem p = { .what = what, .is_repaired = is_repaired, .object = object, .objects_count = objects };
    ++*(is_repaired ? &k->out->repaired : &k->out->problems);
    if (k->o->problem) k->o->problem(k->o->ctx, &p);
}

__attribute__((format(printf, 4, 5))) static void tell_object(struct check *k, const struct sha256 *sha256, bool is_repaired,
                                                              const char *fmt, ...)
{
    struct buf text = BUF_INIT(2048);
    va_list ap;
    buf_lit(&text, "object ");
    buf_hex(&text, (bytes){ sha256->b, SHA256_BYTES });
    buf_lit(&text, ": ");
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    tell(k, is_repaired, sha256, 1, buf_str(&text));
    buf_deinit(&text);
}

/* With the objects that have something in it. */
static bool tell_xorb(struct check *k, const struct xet_hash *xorb, bool is_repaired, const char *flaw, struct err *e)
{
    static const char sql[] = "SELECT DISTINCT f.sha256 FROM cas_xorb x JOIN cas_file_xorb l ON l.xorb_id = x.id"
                              " JOIN cas_file f ON f.id = l.file_id WHERE x.hash = ?";
    struct sha256 hit[CAS_PROBLEM_OBJECTS_MAX];
    size_t n = 0;
    struct db_query q;
    struct buf text = BUF_INIT(2048);
    struct db_conn *reader = db_reader(k->c->db);
    bool ok = db_query(reader, &q, e, sql, hash_value(xorb));
    if (ok) {
        while (db_next(&q, e)) {
            if (n < CAS_PROBLEM_OBJECTS_MAX) (void)db_col_sha256(&q, 0, &hit[n]);
            n++;
        }
        ok = db_end(&q);
    }
    db_give(k->c->db, reader);
    buf_lit(&text, "xorb ");
    buf_xet_hash(&text, xorb);
    buf_addf(&text, ": %s", flaw);
    tell(k, is_repaired, hit, n, buf_str(&text));
    buf_deinit(&text);
    return ok;
}

/* ------------------------------------------------------------------ xorbs */

static bool next_xorbs(struct check *k, int64_t after_id, struct err *e)
{
    struct db_query q;
    struct db_conn *reader = db_reader(k->c->db); /* not kept while hashing: it would hold back the write-ahead log */
    bool ok = db_query(reader, &q, e,
                       "SELECT id, hash, chunks_count, raw_bytes, stored_bytes FROM cas_xorb WHERE id > ? ORDER BY id LIMIT 64",
                       db_int(after_id));
    k->rows = 0;
    if (ok) {
        while (k->rows < PAGE && db_next(&q, e)) {
            struct xorb_row *r = &k->row[k->rows++];
            *r = (struct xorb_row){ .id = db_col_int(&q, 0), .chunks_count = (uint32_t)db_col_int(&q, 2),
                                    .raw_bytes = (uint64_t)db_col_int(&q, 3), .stored_bytes = (uint64_t)db_col_int(&q, 4) };
            (void)col_hash(&q, 1, &r->hash);
        }
        ok = db_end(&q);
    }
    db_give(k->c->db, reader);
    return ok;
}

static void look_at_xorb(struct check *k, struct xorb_row *r)
{
    struct err e;
    const struct xet_xorb_index *x = NULL;
    char name[CAS_NAME_MAX];
    struct os_identity is;
    uint32_t frames_bytes;
    int fd = -1;
    bool deep = k->o->deep && (k->o->sample_percent == 0 || random_u64() % 100 < k->o->sample_percent);
    if (!xorb_borrow(k->c, &r->hash, &x, &e)) {
        snprintf(r->flaw, sizeof r->flaw, "%s", e.code == ERR_NOT_FOUND ? "its blob is missing" : e.msg);
    } else if (x->count != r->chunks_count || xorb_frames_bytes(x) != r->stored_bytes || xet_raw_at(x, x->count) != r->raw_bytes) {
        snprintf(r->flaw, sizeof r->flaw, "its row says %lu chunks in %llu bytes, and its blob %lu in %lu",
                 (unsigned long)r->chunks_count, (unsigned long long)r->stored_bytes, (unsigned long)x->count,
                 (unsigned long)xorb_frames_bytes(x));
    } else if (deep) {
        bool ok = store_open_blob(k->c->store, xorb_name(&r->hash, name), &fd, NULL, &e) && os_identity_of(fd, &is, &e) &&
                  xorb_read_whole(fd, &is, &r->hash, &frames_bytes, &e);
        if (!ok) snprintf(r->flaw, sizeof r->flaw, "%s", e.msg);
        if (fd >= 0) close(fd);
    }
    xorb_give(k->c, x);
}

static void look_at_page(struct check *k)
{
    for (size_t i; (i = atomic_fetch_add(&k->next, 1)) < k->rows;) look_at_xorb(k, &k->row[i]);
}

static void help(void *ctx)
{
    struct check *k = ctx;
    look_at_page(k);
    pthread_mutex_lock(&k->lock);
    k->helpers--;
    pthread_cond_broadcast(&k->over);
    pthread_mutex_unlock(&k->lock);
}

static void look_together(struct check *k)
{
    size_t processors = machine_now().processors;
    atomic_store(&k->next, 0);
    for (size_t i = 1; k->o->deep && i < processors && i < k->rows; i++) {
        pthread_mutex_lock(&k->lock);
        k->helpers++;
        pthread_mutex_unlock(&k->lock);
        if (pool_submit(k->c->work, help, k)) continue;
        pthread_mutex_lock(&k->lock);
        k->helpers--;
        pthread_mutex_unlock(&k->lock);
        break;
    }
    look_at_page(k);
    pthread_mutex_lock(&k->lock);
    while (k->helpers) pthread_cond_wait(&k->over, &k->lock);
    pthread_mutex_unlock(&k->lock);
}

static bool is_still_there(struct check *k, const struct xorb_row *r, bool *yes, struct err *e)
{
    int64_t one;
    struct db_conn *reader = db_reader(k->c->db);
    bool ok = db_get_int(reader, &one, 0, e, "SELECT 1 FROM cas_xorb WHERE id = ?", db_int(r->id));
    db_give(k->c->db, reader);
    *yes = ok && one == 1;
    return ok;
}

/* The row and the index of chunks, again from the blob. */
static bool enter_again(struct cas *c, const struct xet_hash *hash, int64_t *id, struct err *e)
{
    const struct xet_xorb_index *x;
    struct db_conn *tx;
    if (!xorb_borrow(c, hash, &x, e)) return false;
    bool ok = db_begin(c->db, &tx, e);
    if (ok && db_run(tx, e, "UPDATE cas_xorb SET chunks_count = ?, raw_bytes = ? WHERE hash = ?", db_int(x->count),
                     db_int(xet_raw_at(x, x->count)), hash_value(hash)) &&
        xorb_enter(c, tx, x, 0, id, NULL, e) && dedup_add(tx, *id, x, UINT32_MAX, e)) {
        ok = db_commit(c->db, tx, e);
    } else if (ok) {
        db_rollback(c->db, tx);
        ok = false;
    }
    xorb_give(c, x);
    return ok;
}

/* Does the index of chunks know each of those that it samples?  It need not know a xorb that no file has: its shard may be on its way. */
static bool is_indexed(struct check *k, const struct xorb_row *r, bool *yes, struct err *e)
{
    const struct xet_xorb_index *x;
    struct err ignored;
    int64_t has_file;
    *yes = true;
    if (!xorb_borrow(k->c, &r->hash, &x, &ignored)) return true;
    struct db_conn *reader = db_reader(k->c->db);
    bool ok = db_get_int(reader, &has_file, 0, e, "SELECT 1 FROM cas_file_xorb WHERE xorb_id = ? LIMIT 1", db_int(r->id));
    for (uint32_t i = 0; ok && has_file && *yes && i < x->count; i++) {
        int64_t one;
        if (!dedup_is_sampled(&x->chunk[i])) continue;
        ok = db_get_int(reader, &one, 0, e, "SELECT 1 FROM cas_dedup WHERE key = ? AND xorb_id = ?",
                        db_int((int64_t)xet_hash_u64(&x->chunk[i], 0)), db_int(r->id));
        *yes = ok && one == 1;
    }
    db_give(k->c->db, reader);
    xorb_give(k->c, x);
    return ok;
}

static bool judge_xorb(struct check *k, const struct xorb_row *r, struct err *e)
{
    bool there, indexed = true;
    int64_t id;
    struct err why;
    if (!r->flaw[0] && !is_indexed(k, r, &indexed, e)) return false;
    if (!r->flaw[0] && indexed) return true;
    if (!is_still_there(k, r, &there, e)) return false;
    if (!there) return true;
    bool mended = k->o->repair && (!r->flaw[0] || str_starts(str_c(r->flaw), STR("its row says"))) && enter_again(k->c, &r->hash, &id, &why);
    if (r->flaw[0]) return tell_xorb(k, &r->hash, mended, r->flaw, e);
    return tell_xorb(k, &r->hash, mended, "the index of chunks does not know it", e);
}

static bool check_xorbs(struct check *k, struct err *e)
{
    int64_t after = 0, total;
    struct db_conn *reader = db_reader(k->c->db);
    bool ok = db_get_int(reader, &total, 0, e, "SELECT count(*) FROM cas_xorb");
    db_give(k->c->db, reader);
    while (ok && (ok = next_xorbs(k, after, e)) && k->rows) {
        look_together(k);
        for (size_t i = 0; ok && i < k->rows; i++) ok = judge_xorb(k, &k->row[i], e);
        after = k->row[k->rows - 1].id;
        k->out->xorbs += k->rows;
        if (k->o->progress) k->o->progress(k->o->ctx, k->out->xorbs, (uint64_t)total);
    }
    return ok;
}

/* ------------------------------------------------------------------ files */

/* Is there a row for the xorb, and one that the file needs it?  Asked in one statement: the file may be collected meanwhile. */
static bool check_needs(struct check *k, int64_t file_id, const struct cas_file *f, const struct xet_hash *xorb, struct err *e)
{
    static const char sql[] = "SELECT CASE WHEN l.xorb_id IS NULL THEN coalesce(x.id, 0) ELSE -1 END FROM cas_file f"
                              " LEFT JOIN cas_xorb x ON x.hash = ?2"
                              " LEFT JOIN cas_file_xorb l ON l.file_id = f.id AND l.xorb_id = x.id WHERE f.id = ?1";
    int64_t id; /* of the xorb's row, 0: there is none; -1: nothing is wrong */
    char hex[XET_HASH_HEX + 1];
    struct err why;
    struct db_conn *tx, *reader = db_reader(k->c->db);
    bool ok = db_get_int(reader, &id, -1, e, sql, db_int(file_id), hash_value(xorb));
    db_give(k->c->db, reader);
    if (!ok || id < 0) return ok;
    bool mended = k->o->repair && (id || enter_again(k->c, xorb, &id, &why));
    if (mended) {
        mended = db_begin(k->c->db, &tx, &why);
        if (mended && !db_run(tx, &why, "INSERT INTO cas_file_xorb (file_id, xorb_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                              db_int(file_id), db_int(id))) {
            db_rollback(k->c->db, tx);
            mended = false;
        } else if (mended) {
            mended = db_commit(k->c->db, tx, &why);
        }
    }
    xet_hash_hex(xorb, hex);
    tell_object(k, &f->sha256, mended, "no row says that it needs xorb %s, so that it could be collected", hex);
    return true;
}

/* NULL: its terms lie in stored xorbs and make its name; or a xorb cannot be read, which was told with those that it hits. */
static const char *flaw_of(struct check *k, const struct cas_file *f, char hex[XET_HASH_HEX + 1])
{
    struct xet_merkle *tree = mem_one(struct xet_merkle);
    struct xet_hash name;
    struct err ignored;
    const char *flaw = NULL;
    bool readable = true;
    xet_merkle_init(tree);
    for (size_t i = 0; readable && !flaw && i < f->terms_count; i++) {
        const struct xet_stored_term *t = &f->term[i];
        const struct xet_xorb_index *x;
        xet_hash_hex(&t->xorb, hex);
        if (!xorb_borrow(k->c, &t->xorb, &x, &ignored)) {
            readable = false;
        } else if (t->end > x->count) {
            flaw = "is too short";
        } else {
            if (!xorb_has_term(x, t)) flaw = "has its chunks elsewhere than the file says";
            for (uint32_t c = t->first; c < t->end; c++) xet_merkle_add(tree, &x->chunk[c], xet_raw_at(x, c + 1) - xet_raw_at(x, c));
        }
        xorb_give(k->c, x);
    }
    xet_merkle_file(tree, &name);
    mem_free(tree);
    if (readable && !flaw && !xet_hash_eq(&name, &f->hash)) {
        hex[0] = 0;
        flaw = "do not make the file that the row names";
    }
    return flaw;
}

static bool check_file(struct check *k, int64_t id, const struct xet_hash *hash, struct err *e)
{
    struct arena *a = arena_new(0);
    struct cas_file f;
    struct err why;
    char hex[XET_HASH_HEX + 1];
    bool found, ok = true;
    if (!cas_file_find(k->c, hash, a, &f, &found, &why)) {
        tell(k, false, NULL, 0, str_c(why.msg));
    } else if (found) { /* else it was collected meanwhile */
        for (size_t i = 0; ok && i < f.terms_count; i++)
            if (i == 0 || !xet_hash_eq(&f.term[i].xorb, &f.term[i - 1].xorb)) ok = check_needs(k, id, &f, &f.term[i].xorb, e);
        const char *flaw = ok ? flaw_of(k, &f, hex) : NULL;
        if (flaw) ok = cas_file_find(k->c, hash, a, &f, &found, e); /* an upload may have changed it meanwhile */
        if (flaw && ok && found && (flaw = flaw_of(k, &f, hex))) tell_object(k, &f.sha256, false, hex[0] ? "its xorb %s %s" : "%sits chunks %s", hex, flaw);
    }
    arena_free(a);
    return ok;
}

static bool check_files(struct check *k, struct err *e)
{
    int64_t id = 0;
    for (;;) {
        struct xet_hash hash;
        struct db_query q;
        bool found = false;
        struct db_conn *reader = db_reader(k->c->db);
        bool ok = db_query(reader, &q, e, "SELECT id, hash FROM cas_file WHERE id > ? ORDER BY id LIMIT 1", db_int(id));
        if (ok) {
            found = db_next(&q, e);
            if (found) id = db_col_int(&q, 0);
            bool is_bad = found && !col_hash(&q, 1, &hash);
            ok = db_end(&q) && (!is_bad || err_set(e, ERR_INTERNAL, "a row of cas_file has a bad hash"));
        }
        db_give(k->c->db, reader);
        if (!ok) return false;
        if (!found) return true;
        if (!check_file(k, id, &hash, e)) return false;
    }
}

/* ------------------------------------------------------------------ objects */

struct object_row {
    struct cas_object o;
    bool is_whole, has_file;
};

static bool hash_piece(void *ctx, bytes b, struct err *e)
{
    (void)e;
    hasher_add(ctx, b);
    return true;
}

static void check_content(struct check *k, const struct cas_object *o, int fd)
{
    struct err e;
    struct sha256 sha256;
    struct hasher *h = hasher_new_sha256();
    if (!cas_read_range(k->c->pool, fd, 0, o->size_bytes, hash_piece, h, &e)) {
        hasher_free(h);
        tell_object(k, &o->sha256, false, "%s", e.msg);
        return;
    }
    hasher_end(h, sha256.b);
    if (sha256_eq(&sha256, &o->sha256)) return;
    char hex[SHA256_HEX + 1];
    hex_encode((bytes){ sha256.b, SHA256_BYTES }, hex);
    tell_object(k, &o->sha256, false, "its content has the SHA-256 %s", hex);
}

static bool is_still_whole(struct check *k, const struct cas_object *o, bool *yes, struct err *e)
{
    int64_t one;
    struct db_conn *reader = db_reader(k->c->db);
    bool ok = db_get_int(reader, &one, 0, e, "SELECT 1 FROM cas_object WHERE sha256 = ? AND xet_hash IS NULL",
                         db_sha256(&o->sha256));
    db_give(k->c->db, reader);
    *yes = ok && one == 1;
    return ok;
}

static bool check_whole(struct check *k, const struct cas_object *o, struct err *e)
{
    char name[CAS_NAME_MAX];
    uint64_t size = 0;
    int fd = -1;
    if (store_open_blob(k->c->store, cas_name(&o->sha256, name), &fd, &size, e)) {
        if (size != o->size_bytes)
            tell_object(k, &o->sha256, false, "its blob has %llu bytes, and the row says %llu", (unsigned long long)size,
                        (unsigned long long)o->size_bytes);
        else if (k->o->deep && (k->o->sample_percent == 0 || random_u64() % 100 < k->o->sample_percent))
            check_content(k, o, fd);
        close(fd);
        return true;
    }
    if (e->code != ERR_NOT_FOUND) {
        tell_object(k, &o->sha256, false, "%s", e->msg);
        return true;
    }
    bool still; /* collected or converted since the page was read? */
    if (!is_still_whole(k, o, &still, e)) return false;
    if (still) tell_object(k, &o->sha256, false, "its blob is missing");
    return true;
}

static bool check_objects(struct check *k, struct err *e)
{
    static const char sql[] = "SELECT o.sha256, o.size_bytes, o.xet_hash IS NULL,"
                              " EXISTS (SELECT 1 FROM cas_file f WHERE f.hash = o.xet_hash AND f.sha256 = o.sha256"
                              " AND f.size_bytes = o.size_bytes) FROM cas_object o WHERE o.sha256 > ? ORDER BY o.sha256 LIMIT 64";
    struct object_row *row = mem_alloc(PAGE * sizeof *row);
    struct sha256 last;
    size_t n = 0, last_n = 0;
    bool ok = true;
    do {
        struct db_query q;
        struct db_conn *reader = db_reader(k->c->db);
        n = 0;
        ok = db_query(reader, &q, e, sql, db_blob((bytes){ last.b, last_n }));
        if (ok) {
            while (n < PAGE && db_next(&q, e)) {
                row[n] = (struct object_row){ .o = { .size_bytes = (uint64_t)db_col_int(&q, 1) }, .is_whole = db_col_int(&q, 2),
                                              .has_file = db_col_int(&q, 3) };
                (void)db_col_sha256(&q, 0, &row[n++].o.sha256);
            }
            ok = db_end(&q);
        }
        db_give(k->c->db, reader);
        for (size_t i = 0; ok && i < n; i++) {
            k->out->objects++;
            k->out->bytes += row[i].o.size_bytes;
            if (row[i].is_whole) ok = check_whole(k, &row[i].o, e);
            else if (!row[i].has_file) tell_object(k, &row[i].o.sha256, false, "the row of its file is missing, or says something else");
        }
        if (n) last = row[n - 1].o.sha256, last_n = SHA256_BYTES;
    } while (ok && n);
    mem_free(row);
    return ok;
}

/* ------------------------------------------------------------------ strays */

static bool count_stray(void *ctx, str name, uint64_t size_bytes, int64_t modified_ms)
{
    struct check *k = ctx;
    struct sha256 sha256;
    struct xet_hash xorb;
    int64_t one = 0;
    (void)size_bytes;
    (void)modified_ms;
    struct db_conn *reader = db_reader(k->c->db);
    if (cas_name_parse(name, &sha256))
        k->failed = !db_get_int(reader, &one, 0, k->e, "SELECT 1 FROM cas_object WHERE sha256 = ? AND xet_hash IS NULL",
                                db_sha256(&sha256));
    else if (xorb_name_parse(name, &xorb))
        k->failed = !db_get_int(reader, &one, 0, k->e, "SELECT 1 FROM cas_xorb WHERE hash = ?", hash_value(&xorb));
    db_give(k->c->db, reader);
    k->out->strays += one != 1;
    return !k->failed;
}

bool cas_check(struct cas *c, const struct cas_check_options *o, struct cas_check_result *out, struct err *e)
{
    *out = (struct cas_check_result){ 0 };
    struct check *k = mem_one(struct check);
    k->c = c;
    k->o = o;
    k->out = out;
    k->e = e;
    must(pthread_mutex_init(&k->lock, NULL) == 0 && pthread_cond_init(&k->over, NULL) == 0);
    bool ok = check_xorbs(k, e) && check_files(k, e) && check_objects(k, e) && store_each(c->store, count_stray, k, e) && !k->failed;
    pthread_cond_destroy(&k->over);
    pthread_mutex_destroy(&k->lock);
    mem_free(k);
    return ok;
}
