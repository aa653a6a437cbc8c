/* cas/sweep.c - collection.
 *
 * It goes in this order, so that whatever stops it, nothing that is named is lost, and the next run goes on:
 *  1. Rows of objects that were not touched for the grace time and that nobody names are deleted, a page at a time, each
 *     page in one transaction that asks again inside.  Their files' rows go with them.
 *  2. Xorbs that no file needs, and that nobody sent or was told of for their own, longer grace time: the index of
 *     chunks first, the row next (in one transaction that asks again), the blob last.
 *  3. Blobs without a row, not modified for the grace time.  Blobs go while the writer's place is held: whoever uploads
 *     the same content meanwhile has entered his row, which we see, or will look inside of his transaction whether the
 *     blob is still there, and say that it must be sent again.
 *  4. Uploads in parts that have expired, and their files that no row names. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/os.h"
#include "cas/xorb_priv.h"

#include <stdlib.h>
#include <unistd.h>

enum { PAGE = 128, XORBS_PAGE = 16 };

struct page {
    struct cas_object object[PAGE];
    int64_t touched_ms[PAGE];
    bool is_whole[PAGE];
    size_t n;
    struct sha256 last;
    bool begun;
};

struct sweep {
    struct cas *c;
    const struct cas_sweep_options *o;
    struct cas_sweep_result *out;
    int64_t before_ms, xorbs_before_ms;
    struct err *e;
    bool failed;
    struct stray {
        struct sha256 sha256;
        struct xet_hash xorb;
        bool is_xorb;
    } stray[PAGE];
    size_t strays;
    uint64_t blobs_removed, whole_removed;
    int64_t *dead_file; /* a dry run: the rows of files that a real one would have deleted */
    size_t dead_files, dead_files_max;
};

/* The next rows by hash; none left: n is 0. */
static bool page_next(struct db_conn *c, struct page *p, struct err *e)
{
    struct db_query q;
    bytes after = { p->last.b, p->begun ? SHA256_BYTES : 0 };
    p->n = 0;
    if (!db_query(c, &q, e,
                  "SELECT sha256, size_bytes, created_ms, touched_ms, xet_hash IS NULL FROM cas_object WHERE sha256 > ?"
                  " ORDER BY sha256 LIMIT 128",
                  db_blob(after)))
        return false;
    while (p->n < PAGE && db_next(&q, e)) {
        struct cas_object *o = &p->object[p->n];
        *o = (struct cas_object){ .size_bytes = (uint64_t)db_col_int(&q, 1), .created_ms = db_col_int(&q, 2) };
        p->touched_ms[p->n] = db_col_int(&q, 3);
        p->is_whole[p->n] = db_col_int(&q, 4);
        if (!db_col_sha256(&q, 0, &o->sha256)) {
            (void)db_end(&q);
            return err_set(e, ERR_INTERNAL, "a row of cas_object has a key that is no SHA-256");
        }
        p->last = o->sha256;
        p->begun = true;
        p->n++;
    }
    return db_end(&q);
}

/* ------------------------------------------------------------------ objects that nobody names */

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
        s->whole_removed += p->is_whole[i];
        if (s->o->report) s->o->report(s->o->ctx, &p->object[i], "no repository names it");
    }
    return true;
failed:
    db_rollback(s->c->db, tx);
    return false;
}

/* A dry run: these files would be gone. */
static bool note_files(struct sweep *s, struct db_conn *c, const struct cas_object *o, struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, "SELECT id FROM cas_file WHERE sha256 = ?", db_sha256(&o->sha256))) return false;
    while (db_next(&q, e)) {
        if (s->dead_files == s->dead_files_max) {
            s->dead_files_max = s->dead_files_max ? 2 * s->dead_files_max : 64;
            s->dead_file = mem_grow(s->dead_file, s->dead_files_max * sizeof *s->dead_file);
        }
        s->dead_file[s->dead_files++] = db_col_int(&q, 0);
    }
    return db_end(&q);
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
            if (read && dead[i] && s->o->dry_run) read = note_files(s, reader, &p->object[i], e);
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

static bool row_exists(struct db_conn *c, const struct stray *s, bool *exists, struct err *e)
{
    int64_t one;
    bool ok = s->is_xorb ? db_get_int(c, &one, 0, e, "SELECT 1 FROM cas_xorb WHERE hash = ?", hash_value(&s->xorb))
                         : db_get_int(c, &one, 0, e, "SELECT 1 FROM cas_object WHERE sha256 = ? AND xet_hash IS NULL",
                                      db_sha256(&s->sha256));
    *exists = ok && one == 1;
    return ok;
}

/* Removes the collected ones for which this is still true.  Those whose row went just now need not be old. */
static bool remove_strays(struct sweep *s, int64_t before_ms, uint64_t *removed, struct err *e)
{
    struct db_conn *tx;
    bool ok = true;
    if (s->strays == 0) return true;
    if (!db_begin(s->c->db, &tx, e)) return false;
    for (size_t i = 0; ok && i < s->strays; i++) {
        char text[CAS_NAME_MAX];
        const struct stray *stray = &s->stray[i];
        str name = stray->is_xorb ? xorb_name(&stray->xorb, text) : cas_name(&stray->sha256, text);
        bool has_row, found = false;
        int64_t modified = 0;
        ok = row_exists(tx, stray, &has_row, e) && store_find(s->c->store, name, NULL, &modified, &found, e);
        if (!ok || has_row || !found || modified > before_ms) continue;
        ok = store_remove(s->c->store, name, e);
        if (stray->is_xorb) xorb_forget(s->c, &stray->xorb);
        *removed += ok;
    }
    db_rollback(s->c->db, tx); /* nothing was written: it was held so that no row could come meanwhile */
    s->strays = 0;
    return ok;
}

static bool collect_stray(void *ctx, str name, uint64_t size_bytes, int64_t modified_ms)
{
    struct sweep *s = ctx;
    struct stray stray = { .is_xorb = false };
    bool has_row = true;
    (void)size_bytes;
    if (modified_ms > s->before_ms) return true;
    if (!cas_name_parse(name, &stray.sha256)) {
        if (!xorb_name_parse(name, &stray.xorb)) return true;
        stray.is_xorb = true;
    }
    struct db_conn *reader = db_reader(s->c->db);
    bool ok = row_exists(reader, &stray, &has_row, s->e);
    db_give(s->c->db, reader);
    if (ok && !has_row && s->o->dry_run) s->blobs_removed++;
    if (ok && !has_row && !s->o->dry_run) s->stray[s->strays++] = stray;
    if (ok && s->strays == PAGE) ok = remove_strays(s, s->before_ms, &s->blobs_removed, s->e);
    s->failed = !ok;
    return ok;
}

/* ------------------------------------------------------------------ xorbs that no file needs */

struct old_xorb {
    int64_t id;
    struct xet_hash hash;
    uint64_t stored_bytes;
    bool is_free; /* no file needs it */
};

static bool old_xorbs(struct sweep *s, int64_t after_id, struct old_xorb *out, size_t *n, struct err *e)
{
    /* A dry run looks at the needed ones too: their files may be among those that would be gone. */
    static const char sql[] = "SELECT id, hash, stored_bytes, NOT EXISTS (SELECT 1 FROM cas_file_xorb WHERE xorb_id = x.id)"
                              " FROM cas_xorb x WHERE id > ?1 AND touched_ms <= ?2"
                              " AND (?3 OR NOT EXISTS (SELECT 1 FROM cas_file_xorb WHERE xorb_id = x.id)) ORDER BY id LIMIT 16";
    struct db_query q;
    struct db_conn *reader = db_reader(s->c->db);
    bool ok = db_query(reader, &q, e, sql, db_int(after_id), db_int(s->xorbs_before_ms), db_int(s->o->dry_run));
    *n = 0;
    if (ok) {
        while (*n < XORBS_PAGE && db_next(&q, e)) {
            struct old_xorb *x = &out[(*n)++];
            *x = (struct old_xorb){ .id = db_col_int(&q, 0), .stored_bytes = (uint64_t)db_col_int(&q, 2), .is_free = db_col_int(&q, 3) };
            (void)col_hash(&q, 1, &x->hash);
        }
        ok = db_end(&q);
    }
    db_give(s->c->db, reader);
    return ok;
}

static void report_xorb(struct sweep *s, const struct old_xorb *x)
{
    s->out->xorbs_removed++;
    s->out->xorb_bytes_removed += x->stored_bytes;
    if (s->o->report_xorb) s->o->report_xorb(s->o->ctx, &x->hash, x->stored_bytes, "no file needs it");
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Would it be free after a real run? */
static bool would_be_free(struct sweep *s, const struct old_xorb *x, bool *yes, struct err *e)
{
    struct db_query q;
    struct db_conn *reader = db_reader(s->c->db);
    bool ok = db_query(reader, &q, e, "SELECT file_id FROM cas_file_xorb WHERE xorb_id = ?", db_int(x->id));
    *yes = ok;
    while (ok && *yes && db_next(&q, e)) {
        int64_t id = db_col_int(&q, 0);
        *yes = s->dead_files && bsearch(&id, s->dead_file, s->dead_files, sizeof id, compare_ids);
    }
    ok = ok && db_end(&q);
    db_give(s->c->db, reader);
    return ok;
}

/* Deletes the rows of those for which it is still true, and says which. */
static bool delete_xorbs(struct sweep *s, const struct old_xorb *x, size_t n, bool *gone, struct err *e)
{
    static const char sql[] = "DELETE FROM cas_xorb WHERE id = ?1 AND touched_ms <= ?2"
                              " AND NOT EXISTS (SELECT 1 FROM cas_file_xorb WHERE xorb_id = ?1)";
    struct db_conn *tx;
    const struct xet_xorb_index *index;
    struct err ignored;
    if (!db_begin(s->c->db, &tx, e)) return false;
    for (size_t i = 0; i < n; i++) {
        if (!db_run(tx, e, sql, db_int(x[i].id), db_int(s->xorbs_before_ms))) goto failed;
        gone[i] = db_changes(tx) == 1;
        if (!gone[i] || !xorb_borrow(s->c, &x[i].hash, &index, &ignored)) continue; /* unreadable: its rows are passed over */
        bool ok = dedup_remove(tx, x[i].id, index, e);
        xorb_give(s->c, index);
        if (!ok) goto failed;
    }
    return db_commit(s->c->db, tx, e);
failed:
    db_rollback(s->c->db, tx);
    return false;
}

static bool sweep_xorbs(struct sweep *s, struct err *e)
{
    struct old_xorb x[XORBS_PAGE];
    size_t n;
    int64_t after = 0;
    uint64_t blobs = 0;
    if (s->dead_files) qsort(s->dead_file, s->dead_files, sizeof *s->dead_file, compare_ids);
    do {
        bool gone[XORBS_PAGE] = { 0 };
        if (!old_xorbs(s, after, x, &n, e)) return false;
        if (n && !s->o->dry_run && !delete_xorbs(s, x, n, gone, e)) return false;
        for (size_t i = 0; i < n; i++) {
            after = x[i].id;
            if (s->o->dry_run && !would_be_free(s, &x[i], &gone[i], e)) return false;
            if (!gone[i]) continue;
            report_xorb(s, &x[i]);
            if (!s->o->dry_run) s->stray[s->strays++] = (struct stray){ .xorb = x[i].hash, .is_xorb = true };
        }
        if (!remove_strays(s, INT64_MAX, &blobs, e)) return false;
    } while (n);
    return true;
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
    int64_t now = clock_now_ms();
    *s = (struct sweep){ .c = c, .o = o, .out = out, .before_ms = now - o->grace_ms, .xorbs_before_ms = now - o->xorb_grace_ms, .e = e };
    bool ok = sweep_rows(s, e) && sweep_xorbs(s, e) && store_each(c->store, collect_stray, s, e) && !s->failed &&
              remove_strays(s, s->before_ms, &s->blobs_removed, e) && sweep_upload_rows(s, e) &&
              (o->dry_run || (os_each_entry(c->uploads_dir, sweep_upload_file, s, e) && !s->failed));
    /* Whole blobs of rows that went in step 1 have gone in step 3; the others were strays from before. */
    out->strays_removed = s->blobs_removed > s->whole_removed ? s->blobs_removed - s->whole_removed : 0;
    mem_free(s->dead_file);
    mem_free(s);
    return ok;
}
