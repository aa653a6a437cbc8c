/* cas/care.c - collection and checking.
 *
 * Collection goes in this order, so that whatever stops it, nothing that is named is lost:
 *  1. Rows that were not touched for the grace time and that nobody names are deleted, a page at a time, each
 *     page in one transaction that asks again inside.
 *  2. Blobs without a row, not modified for the grace time, are removed while the writer's place is held.
 *     Whoever uploads the same content meanwhile gives the blob a young date by renaming over it, or finds
 *     under the same lock that it is gone and says so (cas_enter).
 *  3. Uploads in parts that have expired, and their files that no row names. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/os.h"
#include "cas/cas_priv.h"

#include <unistd.h>

enum { PAGE = 128 };

struct page {
    struct cas_object object[PAGE];
    int64_t touched_ms[PAGE];
    size_t n;
    struct sha256 last;
    bool begun;
};

/* The next rows by hash; none left: n is 0. */
static bool page_next(struct db_conn *c, struct page *p, struct err *e)
{
    struct db_query q;
    bytes after = { p->last.b, p->begun ? SHA256_BYTES : 0 };
    p->n = 0;
    if (!db_query(c, &q, e,
                  "SELECT sha256, size_bytes, created_ms, touched_ms FROM cas_object WHERE sha256 > ?"
                  " ORDER BY sha256 LIMIT 128",
                  db_blob(after)))
        return false;
    while (p->n < PAGE && db_next(&q, e)) {
        bytes sha256 = db_col_blob(&q, 0);
        struct cas_object *o = &p->object[p->n];
        *o = (struct cas_object){ .size_bytes = (uint64_t)db_col_int(&q, 1), .created_ms = db_col_int(&q, 2) };
        p->touched_ms[p->n] = db_col_int(&q, 3);
        if (sha256.n != SHA256_BYTES) {
            (void)db_end(&q);
            return err_set(e, ERR_INTERNAL, "a row of cas_object has a key of %zu bytes", sha256.n);
        }
        memcpy(o->sha256.b, sha256.p, SHA256_BYTES);
        p->last = o->sha256;
        p->begun = true;
        p->n++;
    }
    return db_end(&q);
}

static bool row_exists(struct db_conn *c, const struct sha256 *sha256, bool *exists, struct err *e)
{
    int64_t one;
    if (!db_get_int(c, &one, 0, e, "SELECT 1 FROM cas_object WHERE sha256 = ?",
                    db_blob((bytes){ sha256->b, SHA256_BYTES })))
        return false;
    *exists = one == 1;
    return true;
}

/* ------------------------------------------------------------------ objects that nobody names */

struct sweep {
    struct cas *c;
    const struct cas_sweep_options *o;
    struct cas_sweep_result *out;
    int64_t before_ms;
    struct err *e;
    bool failed;
    struct sha256 stray[PAGE];
    size_t strays;
    uint64_t blobs_removed;
};

static bool is_dead(const struct sweep *s, struct db_conn *c, const struct cas_object *o, int64_t touched_ms, bool *dead,
                    struct err *e)
{
    bool alive = true;
    *dead = false;
    if (touched_ms > s->before_ms) return true;
    if (!s->o->is_alive(s->o->ctx, c, &o->sha256, &alive, e)) return false;
    *dead = !alive;
    return true;
}

/* Deletes the dead rows of a page; out: how many and how much. */
static bool delete_rows(struct sweep *s, const struct page *p, const bool *dead, uint64_t *n, uint64_t *bytes_n,
                        struct err *e)
{
    struct db_conn *tx;
    bool gone[PAGE] = { 0 };
    if (!db_begin(s->c->db, &tx, e)) return false;
    for (size_t i = 0; i < p->n; i++) {
        bool still;
        int64_t touched;
        bytes key = { p->object[i].sha256.b, SHA256_BYTES };
        if (!dead[i]) continue;
        if (!db_get_int(tx, &touched, INT64_MAX, e, "SELECT touched_ms FROM cas_object WHERE sha256 = ?", db_blob(key)) ||
            !is_dead(s, tx, &p->object[i], touched, &still, e))
            goto failed;
        if (!still) continue;
        if (!db_run(tx, e, "DELETE FROM cas_object WHERE sha256 = ?", db_blob(key))) goto failed;
        gone[i] = true;
    }
    if (!db_commit(s->c->db, tx, e)) return false;
    for (size_t i = 0; i < p->n; i++) {
        if (!gone[i]) continue;
        ++*n;
        *bytes_n += p->object[i].size_bytes;
        if (s->o->report) s->o->report(s->o->ctx, &p->object[i], "no repository names it");
    }
    return true;
failed:
    db_rollback(s->c->db, tx);
    return false;
}

static bool sweep_rows(struct sweep *s, struct err *e)
{
    struct page *p = mem_one(struct page);
    bool ok = false;
    for (;;) {
        bool dead[PAGE] = { 0 }, any = false;
        struct db_conn *reader = db_reader(s->c->db);
        bool read = page_next(reader, p, e);
        for (size_t i = 0; read && i < p->n; i++) {
            read = is_dead(s, reader, &p->object[i], p->touched_ms[i], &dead[i], e);
            any = any || dead[i];
        }
        db_give(s->c->db, reader);
        if (!read) goto done;
        if (p->n == 0) break;
        s->out->objects_seen += p->n;
        if (any && !s->o->dry_run &&
            !delete_rows(s, p, dead, &s->out->objects_removed, &s->out->bytes_removed, e))
            goto done;
        for (size_t i = 0; s->o->dry_run && i < p->n; i++) {
            if (!dead[i]) continue;
            s->out->objects_removed++;
            s->out->bytes_removed += p->object[i].size_bytes;
            if (s->o->report) s->o->report(s->o->ctx, &p->object[i], "no repository names it");
        }
    }
    ok = true;
done:
    mem_free(p);
    return ok;
}

/* ------------------------------------------------------------------ blobs without a row */

/* Removes the collected ones for which this is still true. */
static bool remove_strays(struct sweep *s, struct err *e)
{
    struct db_conn *tx;
    bool ok = true;
    if (s->strays == 0) return true;
    if (!db_begin(s->c->db, &tx, e)) return false;
    for (size_t i = 0; ok && i < s->strays; i++) {
        char text[CAS_NAME_MAX];
        str name = cas_name(&s->stray[i], text);
        bool has_row, found = false;
        int64_t modified = 0;
        ok = row_exists(tx, &s->stray[i], &has_row, e) && store_find(s->c->store, name, NULL, &modified, &found, e);
        if (!ok || has_row || !found || modified > s->before_ms) continue;
        ok = store_remove(s->c->store, name, e);
        s->blobs_removed += ok;
    }
    db_rollback(s->c->db, tx); /* nothing was written: it was held so that no row could come meanwhile */
    s->strays = 0;
    return ok;
}

static bool collect_stray(void *ctx, str name, uint64_t size_bytes, int64_t modified_ms)
{
    struct sweep *s = ctx;
    struct sha256 sha256;
    bool has_row = true;
    (void)size_bytes;
    if (modified_ms > s->before_ms || !cas_name_parse(name, &sha256)) return true;
    struct db_conn *reader = db_reader(s->c->db);
    bool ok = row_exists(reader, &sha256, &has_row, s->e);
    db_give(s->c->db, reader);
    if (ok && !has_row && s->o->dry_run) s->blobs_removed++;
    if (ok && !has_row && !s->o->dry_run) s->stray[s->strays++] = sha256;
    if (ok && s->strays == PAGE) ok = remove_strays(s, s->e);
    s->failed = !ok;
    return ok;
}

/* ------------------------------------------------------------------ uploads that were given up */

static bool sweep_upload_rows(struct sweep *s, struct err *e)
{
    struct db_conn *tx;
    int64_t now = clock_now_ms(), expired = 0;
    struct db_conn *reader = db_reader(s->c->db);
    bool ok = db_get_int(reader, &expired, 0, e, "SELECT count(*) FROM cas_upload WHERE expires_ms <= ?", db_int(now));
    db_give(s->c->db, reader);
    if (!ok) return false;
    s->out->uploads_removed = (uint64_t)expired;
    if (expired == 0 || s->o->dry_run) return true;
    if (!db_begin(s->c->db, &tx, e)) return false;
    if (!db_run(tx, e, "DELETE FROM cas_upload WHERE expires_ms <= ?", db_int(now))) {
        db_rollback(s->c->db, tx);
        return false;
    }
    s->out->uploads_removed = (uint64_t)db_changes(tx);
    return db_commit(s->c->db, tx, e);
}

/* A file of an upload that has no row: expired, its repository gone, or left by a crash. */
static bool sweep_upload_file(void *ctx, const char *name, bool is_dir)
{
    struct sweep *s = ctx;
    char path[512];
    int64_t rows = 1, modified = 0;
    bool found, got = false;
    int fd = -1;
    str id = str_to(str_c(name), 32);
    int n = snprintf(path, sizeof path, "%s/%s", s->c->uploads_dir, name);
    if (is_dir || n < 0 || (size_t)n >= sizeof path) return true;
    struct db_conn *reader = db_reader(s->c->db);
    bool ok = db_get_int(reader, &rows, 0, s->e, "SELECT count(*) FROM cas_upload WHERE id = ?", db_text(id));
    db_give(s->c->db, reader);
    if (ok && rows == 0) ok = os_stat(path, NULL, &modified, &found, s->e);
    /* The row comes after the files and the id is never used again, so a file that is old has no future. */
    if (!ok || rows || !found || modified > s->before_ms) return !(s->failed = !ok);
    ok = os_open_write(path, &fd, &found, s->e);
    if (ok && found) ok = os_try_lock(fd, true, &got, s->e); /* somebody may be completing it right now */
    if (ok && got && os_same_file(fd, path)) ok = os_remove(path, s->e);
    if (fd >= 0) close(fd);
    return !(s->failed = !ok);
}

bool cas_sweep(struct cas *c, const struct cas_sweep_options *o, struct cas_sweep_result *out, struct err *e)
{
    *out = (struct cas_sweep_result){ 0 };
    struct sweep *s = mem_one(struct sweep);
    *s = (struct sweep){ .c = c, .o = o, .out = out, .before_ms = clock_now_ms() - o->grace_ms, .e = e };
    bool ok = sweep_rows(s, e) && store_each(c->store, collect_stray, s, e) && !s->failed && remove_strays(s, e) &&
              sweep_upload_rows(s, e) &&
              (o->dry_run || (os_each_entry(c->uploads_dir, sweep_upload_file, s, e) && !s->failed));
    /* Blobs of rows that went in step 1 have gone in step 2; the others were strays from before. */
    uint64_t with_row = o->dry_run ? 0 : out->objects_removed;
    out->strays_removed = s->blobs_removed > with_row ? s->blobs_removed - with_row : 0;
    mem_free(s);
    return ok;
}

/* ------------------------------------------------------------------ checking */

struct check {
    struct cas *c;
    bool deep;
    void (*problem)(void *ctx, str what);
    void *ctx;
    struct cas_check_result *out;
    struct err *e;
    bool failed;
};

__attribute__((format(printf, 3, 4))) static void tell(struct check *k, const struct sha256 *sha256, const char *fmt, ...)
{
    struct buf text = BUF_INIT(2048);
    va_list ap;
    buf_lit(&text, "object ");
    buf_hex(&text, (bytes){ sha256->b, SHA256_BYTES });
    buf_lit(&text, ": ");
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    k->out->problems++;
    if (k->problem) k->problem(k->ctx, buf_str(&text));
    buf_deinit(&text);
}

static void check_content(struct check *k, const struct cas_object *o, int fd)
{
    struct err e;
    struct sha256 sha256;
    struct hasher *h = hasher_new_sha256();
    if (!cas_hash_range(k->c->pool, fd, 0, o->size_bytes, h, &e)) {
        hasher_free(h);
        tell(k, &o->sha256, "%s", e.msg);
        return;
    }
    hasher_end(h, sha256.b);
    if (sha256_eq(&sha256, &o->sha256)) return;
    char hex[SHA256_HEX + 1];
    hex_encode((bytes){ sha256.b, SHA256_BYTES }, hex);
    tell(k, &o->sha256, "its content has the SHA-256 %s", hex);
}

static bool check_object(struct check *k, const struct cas_object *o, struct err *e)
{
    char name[CAS_NAME_MAX];
    uint64_t size = 0;
    int fd = -1;
    k->out->objects++;
    k->out->bytes += o->size_bytes;
    if (store_open_blob(k->c->store, cas_name(&o->sha256, name), &fd, &size, e)) {
        if (size != o->size_bytes)
            tell(k, &o->sha256, "its blob has %llu bytes, and the row says %llu", (unsigned long long)size,
                 (unsigned long long)o->size_bytes);
        else if (k->deep)
            check_content(k, o, fd);
        close(fd);
        return true;
    }
    if (e->code != ERR_NOT_FOUND) {
        tell(k, &o->sha256, "%s", e->msg);
        return true;
    }
    struct cas_object again; /* collection may have taken it since the page was read */
    bool found;
    if (!cas_find(k->c, &o->sha256, &again, &found, e)) return false;
    if (found) tell(k, &o->sha256, "its blob is missing");
    return true;
}

static bool count_stray(void *ctx, str name, uint64_t size_bytes, int64_t modified_ms)
{
    struct check *k = ctx;
    struct sha256 sha256;
    bool has_row = false;
    (void)size_bytes;
    (void)modified_ms;
    if (cas_name_parse(name, &sha256)) {
        struct db_conn *reader = db_reader(k->c->db);
        k->failed = !row_exists(reader, &sha256, &has_row, k->e);
        db_give(k->c->db, reader);
    }
    k->out->strays += !has_row;
    return !k->failed;
}

bool cas_check(struct cas *c, bool deep, void (*problem)(void *ctx, str what), void *ctx, struct cas_check_result *out,
               struct err *e)
{
    *out = (struct cas_check_result){ 0 };
    struct check k = { c, deep, problem, ctx, out, e, false };
    struct page *p = mem_one(struct page);
    bool ok = true;
    do {
        struct db_conn *reader = db_reader(c->db);
        ok = page_next(reader, p, e);
        db_give(c->db, reader); /* not kept while hashing: it would hold back the write-ahead log */
        for (size_t i = 0; ok && i < p->n; i++) ok = check_object(&k, &p->object[i], e);
    } while (ok && p->n);
    ok = ok && store_each(c->store, count_stray, &k, e) && !k.failed;
    mem_free(p);
    return ok;
}
