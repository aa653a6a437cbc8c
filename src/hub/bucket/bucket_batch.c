/* hub/bucket/bucket_batch.c - changing the files of a bucket, many at a time.
 *
 * First every edit is looked at, on a reader: is the path one, is the content there, may the caller have it?  Then one transaction
 * does those that passed, and writes the totals that follow from them.  What has changed between the two, collection above all, is
 * found in the transaction, and fails the one edit. */
#include "hub/bucket/bucket_priv.h"

#include "base/ckd.h"
#include "base/clock.h"
#include "hub/large_file.h"
#include "vcs/path.h"

enum { CONTENT_TYPE_BYTES_MAX = 255 };

struct plan { /* of an edit that is to be done */
    bool is_empty;
    struct cas_object object;
};

struct batch {
    struct hub *h;
    const struct bucket *bucket;
    struct identity who;
    struct db_conn *c;
    struct arena *a;
    /* where the last copy came from: most come from one place */
    str source_kind, source_name, source_problem;
    bool source_is_bucket, source_is_known;
    int64_t source_id;
};

static bool is_refusal(const struct err *e)
{
    return e->code == ERR_UNAUTHENTICATED || e->code == ERR_DENIED || e->code == ERR_NOT_FOUND || e->code == ERR_INVALID;
}

/* Why an edit is not done: its own fault goes into it, anything else ends the batch. */
static bool put_down(struct batch *k, struct bucket_edit *edit, const struct err *why, struct err *e)
{
    if (!is_refusal(why) && why->code != ERR_UNPROCESSABLE) return (*e = *why, false);
    edit->problem = arena_dup(k->a, str_c(why->msg));
    return true;
}

/* ------------------------------------------------------------------ where a copy comes from */

static bool find_source(struct batch *k, const struct bucket_edit *edit, struct err *e)
{
    struct repo repo;
    struct bucket bucket;
    enum repo_kind kind;
    bool found = false, moved;
    size_t slash = str_chr(edit->source_name, '/');
    str owner = slash == STR_NONE ? STR("") : str_to(edit->source_name, slash), name = str_from(edit->source_name, owner.n ? slash + 1 : 0);
    k->source_is_bucket = str_eq(edit->source_kind, STR("bucket"));
    if (k->source_is_bucket) {
        if (!bucket_find_allowed(k->c, &k->who, owner, name, REPO_READ, &bucket, &moved, k->a, e)) return false;
        k->source_id = bucket.id;
        return true;
    }
    if (!repo_kind_parse(edit->source_kind, &kind))
        return err_set(e, ERR_INVALID, "\"sourceRepoType\" must be one of [model, dataset, space, kernel, bucket]");
    if (!repo_find(k->c, kind, owner, name, &repo, &found, &moved, k->a, e) || !repo_allow(k->c, &k->who, found ? &repo : NULL, REPO_READ, e)) return false;
    k->source_id = repo.id;
    return true;
}

/* Remembers the answer for the edits that follow. */
static bool know_source(struct batch *k, struct bucket_edit *edit, struct err *e)
{
    struct err why;
    if (!k->source_is_known || !str_eq(k->source_kind, edit->source_kind) || !str_eq(k->source_name, edit->source_name)) {
        k->source_kind = edit->source_kind;
        k->source_name = edit->source_name;
        k->source_problem = STR("");
        k->source_is_known = true;
        if (!find_source(k, edit, &why)) {
            if (!is_refusal(&why)) return (*e = why, false);
            k->source_problem = arena_dup(k->a, str_c(why.msg));
        }
    }
    edit->problem = k->source_problem; /* lives as long as the edits */
    return true;
}

static bool source_has(struct batch *k, const struct sha256 *sha256, bool *has, struct err *e)
{
    struct large_file file;
    if (k->source_is_bucket) return bucket_has(k->c, k->source_id, sha256, has, e);
    return large_file_find(k->h, k->c, k->source_id, sha256, &file, has, e);
}

/* ------------------------------------------------------------------ looking at an edit */

static bool may_use(struct batch *k, const struct bucket_edit *edit, const struct sha256 *sha256, bool *may, struct err *e)
{
    if (edit->op == BUCKET_COPY) return source_has(k, sha256, may, e);
    if (!bucket_has(k->c, k->bucket->id, sha256, may, e)) return false;
    return *may || large_file_may_read(&k->who, k->c, sha256, may, e);
}

static bool look_at_content(struct batch *k, struct bucket_edit *edit, struct plan *p, struct err *e)
{
    bool may = false, found = false;
    p->is_empty = xet_hash_is_zero(&edit->xet);
    if (p->is_empty) { /* everybody has it */
        p->object.sha256 = sha256_of((bytes){ NULL, 0 });
        return true;
    }
    if (!cas_file_named(k->c, &edit->xet, &p->object, &found, e)) return false;
    if (found && !may_use(k, edit, &p->object.sha256, &may, e)) return false;
    if (!may) edit->problem = edit->op == BUCKET_COPY ? STR("The source has no file of this xetHash") : STR("No file of this xetHash was uploaded to this bucket: upload its content first");
    return true;
}

static bool look_at(struct batch *k, struct bucket_edit *edit, struct plan *p, struct err *e)
{
    struct err why;
    if (edit->problem.n) return true;
    if (!vcs_path_check(edit->path, &why)) return put_down(k, edit, &why, e);
    if (edit->op == BUCKET_DELETE) return true;
    if (edit->content_type.n > CONTENT_TYPE_BYTES_MAX || !str_is_utf8(edit->content_type)) {
        edit->problem = STR("\"contentType\" is longer than 255 bytes, or no UTF-8");
        return true;
    }
    if (edit->op == BUCKET_COPY && !know_source(k, edit, e)) return false;
    return edit->problem.n || look_at_content(k, edit, p, e);
}

/* ------------------------------------------------------------------ doing it */

struct totals {
    int64_t files_count, size_bytes;
};

static bool read_totals(struct db_conn *tx, int64_t bucket_id, struct totals *t, struct err *e)
{
    struct db_query q;
    if (!db_query(tx, &q, e, "SELECT files_count, size_bytes FROM bucket WHERE id = ?", db_int(bucket_id))) return false;
    bool found = db_next(&q, e);
    if (found) *t = (struct totals){ db_col_int(&q, 0), db_col_int(&q, 1) };
    if (!db_end(&q)) return false;
    return found || err_kind(e, ERR_NOT_FOUND, HUB_NO_REPO, "Repository not found");
}

static bool size_of_present(struct db_conn *tx, int64_t bucket_id, str path, int64_t *size, struct err *e)
{
    return db_get_int(tx, size, -1, e, "SELECT size_bytes FROM bucket_file WHERE bucket_id = ? AND path = ?", db_int(bucket_id), db_text(path));
}

static bool put(struct batch *k, struct db_conn *tx, struct bucket_edit *edit, const struct plan *p, struct totals *t, int64_t now, struct err *e)
{
    static const char insert[] =
        "INSERT INTO bucket_file (bucket_id, path, xet_hash, sha256, size_bytes, mtime_ms, uploaded_ms, content_type) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (bucket_id, path) DO UPDATE SET xet_hash = excluded.xet_hash, sha256 = excluded.sha256, size_bytes = excluded.size_bytes,"
        " mtime_ms = excluded.mtime_ms, uploaded_ms = excluded.uploaded_ms, content_type = excluded.content_type";
    int64_t before, id = k->bucket->id, size = (int64_t)p->object.size_bytes, sum;
    bool is_stored = true;
    if (!size_of_present(tx, id, edit->path, &before, e)) return false;
    if (ckd_add(&sum, t->size_bytes - (before > 0 ? before : 0), size)) {
        edit->problem = STR("The bucket would be larger than can be counted");
        return true;
    }
    if (!p->is_empty && !bucket_content_add(tx, id, k->who.user_id, &p->object.sha256, now, &is_stored, e)) return false;
    if (!is_stored) {
        edit->problem = STR("The content is not in the store any more: upload it again");
        return true;
    }
    if (!db_run(tx, e, insert, db_int(id), db_text(edit->path), db_blob((bytes){ edit->xet.b, XET_HASH_BYTES }), db_sha256(&p->object.sha256), db_int(size),
                db_int(edit->mtime_ms), db_int(now), db_text(edit->content_type.p ? edit->content_type : STR(""))))
        return false;
    *t = (struct totals){ t->files_count + (before < 0), sum };
    return true;
}

static bool take_away(struct batch *k, struct db_conn *tx, struct bucket_edit *edit, struct totals *t, struct err *e)
{
    int64_t before, id = k->bucket->id;
    if (!size_of_present(tx, id, edit->path, &before, e)) return false;
    if (before < 0) {
        edit->problem = STR("A file with this name doesn't exist");
        return true;
    }
    if (!db_run(tx, e, "DELETE FROM bucket_file WHERE bucket_id = ? AND path = ?", db_int(id), db_text(edit->path))) return false;
    *t = (struct totals){ t->files_count - 1, t->size_bytes - before };
    return true;
}

static bool do_all(struct batch *k, struct bucket_edit *edit, const struct plan *p, size_t n, struct err *e)
{
    struct db_conn *tx;
    struct totals t = { 0 };
    int64_t now = clock_now_ms();
    if (!db_begin(k->h->db, &tx, e)) return false;
    bool ok = read_totals(tx, k->bucket->id, &t, e);
    for (size_t i = 0; ok && i < n; i++) {
        if (edit[i].problem.n) continue;
        ok = edit[i].op == BUCKET_DELETE ? take_away(k, tx, &edit[i], &t, e) : put(k, tx, &edit[i], &p[i], &t, now, e);
    }
    ok = ok && db_run(tx, e, "UPDATE bucket SET files_count = ?, size_bytes = ?, updated_ms = ? WHERE id = ?", db_int(t.files_count), db_int(t.size_bytes),
                      db_int(now), db_int(k->bucket->id));
    return db_finish(k->h->db, tx, ok, e);
}

bool bucket_batch(struct hub *h, const struct bucket *b, const struct identity *who, struct bucket_edit *edit, size_t n,
                  struct arena *a, struct err *e)
{
    struct batch k = { .h = h, .bucket = b, .who = *who, .a = a };
    struct plan *p = arena_alloc(a, (n + 1) * sizeof *p);
    size_t todo = 0;
    bool ok = true;
    must(n <= BUCKET_EDITS_AT_ONCE);
    k.c = db_reader(h->db);
    for (size_t i = 0; ok && i < n; i++) {
        ok = look_at(&k, &edit[i], &p[i], e);
        todo += ok && !edit[i].problem.n;
    }
    db_give(h->db, k.c);
    return ok && (todo == 0 || do_all(&k, edit, p, n, e));
}
