/* hub/index/index_compare.c - which rows of repo_file no longer say what main says.
 *
 * A small change is found by git's own comparison of two trees and costs what changed.  Otherwise (first
 * indexing, a large change, an old commit that is gone) the whole tree is walked beside the rows, both in the
 * order of their paths; memory is bounded by INDEX_CHANGES_MAX changes. */
#include "hub/index/index_priv.h"

enum { SMALL_CHANGE = 2000 };

static void file_changes_add(struct file_changes *list, const struct file_change *c)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 64;
        struct file_change *bigger = arena_alloc(list->a, cap * sizeof *bigger);
        if (list->n) memcpy(bigger, list->item, list->n * sizeof *bigger);
        list->item = bigger;
        list->cap = cap;
    }
    list->item[list->n] = *c;
    list->item[list->n++].path = arena_dup(list->a, c->path);
}

static struct file_change change_of(const struct vcs_entry *entry)
{
    struct file_change c = { .path = entry->path, .oid = entry->oid, .size_bytes = vcs_entry_size(entry),
                             .is_lfs = entry->lfs.is_lfs, .pointer_bytes = entry->blob_bytes };
    memcpy(c.sha256.b, entry->lfs.sha256, SHA256_BYTES);
    return c;
}

static struct facts_file facts_file_of(const struct file_change *c)
{
    return (struct facts_file){ c->path, c->oid, c->size_bytes, c->is_lfs, c->sha256 };
}

static void read_row(struct db_query *q, struct file_change *row)
{
    *row = (struct file_change){ .path = db_col_text(q, 0), .size_bytes = (uint64_t)db_col_int(q, 2),
                                 .pointer_bytes = (uint64_t)db_col_int(q, 4) };
    vcs_oid_parse(db_col_text(q, 1), &row->oid);
    row->is_lfs = db_col_sha256(q, 3, &row->sha256);
}

static const char rows_sql[] =
    "SELECT path, oid, size_bytes, sha256, pointer_bytes FROM repo_file WHERE repo_id = ? ORDER BY path";

/* ------------------------------------------------------------------ a small change */

static bool add_new(const struct index_compare *q, struct index_work *w, str path, struct arena *scratch, struct err *e)
{
    struct vcs_entry entry;
    struct file_change c;
    bool found;
    if (!vcs_entry_find(q->vcs, &q->head, path, &entry, &found, scratch, e)) return false;
    if (!found || entry.kind != VCS_FILE) return true; /* a submodule has no row */
    c = change_of(&entry);
    file_changes_add(&w->files, &c);
    return true;
}

static bool old_size(const struct index_compare *q, str path, int64_t *size, struct err *e)
{
    static const char sql[] = "SELECT size_bytes FROM repo_file WHERE repo_id = ? AND path = ?";
    return db_get_int(q->reader, size, -1, e, sql, db_int(q->repo_id), db_text(path));
}

/* Counts and sizes from the old ones; *matters if a fact may have changed. */
static bool account_for(const struct index_compare *q, struct index_work *w, bool *matters, struct err *e)
{
    int64_t files = (int64_t)q->old_files_count, used = (int64_t)q->old_used_bytes;
    *matters = false;
    for (size_t i = 0; i < w->files.n; i++) {
        const struct file_change *c = &w->files.item[i];
        int64_t before;
        if (!old_size(q, c->path, &before, e)) return false;
        if (before >= 0) {
            files--;
            used -= before;
        }
        if (!c->is_gone) {
            files++;
            used += (int64_t)c->size_bytes;
        }
        *matters |= facts_path_matters(c->path);
    }
    w->files_count = files > 0 ? (uint64_t)files : 0;
    w->used_bytes = used > 0 ? (uint64_t)used : 0;
    return true;
}

static int by_path(const void *a, const void *b)
{
    return str_cmp(((const struct file_change *)a)->path, ((const struct file_change *)b)->path);
}

/* The rows with the changes laid over them. */
static bool scan_rows(const struct index_compare *q, const struct file_changes *changes, struct facts_scan *scan, struct err *e)
{
    struct db_query rows;
    struct facts_file f;

    if (!db_query(q->reader, &rows, e, rows_sql, db_int(q->repo_id))) return false;
    while (db_next(&rows, e)) {
        struct file_change row;
        read_row(&rows, &row);
        if (changes->n && bsearch(&row, changes->item, changes->n, sizeof row, by_path)) continue;
        f = facts_file_of(&row);
        facts_scan_add(scan, &f);
    }
    if (!db_end(&rows)) return false;
    for (size_t i = 0; i < changes->n; i++) {
        if (changes->item[i].is_gone) continue;
        f = facts_file_of(&changes->item[i]);
        facts_scan_add(scan, &f);
    }
    return true;
}

/* By path, and each path once: a changed type is told as gone and as new, and new wins. */
static void one_per_path(struct file_changes *list)
{
    size_t kept = 0;
    if (list->n) qsort(list->item, list->n, sizeof *list->item, by_path);
    for (size_t i = 0; i < list->n; i++) {
        struct file_change *last = kept ? &list->item[kept - 1] : NULL;
        if (!last || !str_eq(last->path, list->item[i].path))
            list->item[kept++] = list->item[i];
        else if (last->is_gone)
            *last = list->item[i];
    }
    list->n = kept;
}

/* *small false: too much changed, or the old commit is gone; nothing was done then. */
static bool small_change(const struct index_compare *q, struct index_work *w, struct facts_scan *scan, bool *scanned,
                         bool *small, struct err *e)
{
    struct arena *scratch = arena_new(0);
    struct vcs_change *change;
    struct vcs_oid old;
    struct err why;
    size_t n;
    bool ok = false, matters = false;

    *small = vcs_oid_parse(q->old_sha, &old) &&
             vcs_diff(q->vcs, &old, &q->head, SMALL_CHANGE + 1, scratch, &change, &n, &why) && n <= SMALL_CHANGE;
    if (!*small) {
        arena_free(scratch);
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        const struct vcs_change *c = &change[i];
        bool old_is_gone = c->status == 'D' || c->status == 'R' || c->status == 'T';
        if (old_is_gone) file_changes_add(&w->files, &(struct file_change){ .path = c->old_path, .is_gone = true });
        if (c->status != 'D' && !add_new(q, w, c->new_path, scratch, e)) goto done;
    }
    one_per_path(&w->files);
    if (!account_for(q, w, &matters, e)) goto done;
    *scanned = matters;
    ok = !matters || scan_rows(q, &w->files, scan, e);
done:
    arena_free(scratch);
    return ok;
}

/* ------------------------------------------------------------------ the whole tree beside the rows */

struct merge {
    const struct index_compare *q;
    struct index_work *w;
    struct facts_scan *scan;
    struct db_query rows;
    struct file_change row; /* borrowed from the query */
    bool has_row, failed;
    struct err *e;
};

static void next_row(struct merge *m)
{
    m->has_row = db_next(&m->rows, m->e);
    if (m->has_row) read_row(&m->rows, &m->row);
}

static bool add_change(struct merge *m, const struct file_change *c)
{
    file_changes_add(&m->w->files, c);
    if (m->w->files.n < INDEX_CHANGES_MAX) return true;
    if (m->q->flush(m->q->ctx, &m->w->files, m->e)) return true;
    m->failed = true;
    return false;
}

static bool drop_rows_before(struct merge *m, str path)
{
    while (m->has_row && (path.p == NULL || str_cmp(m->row.path, path) < 0)) {
        if (!add_change(m, &(struct file_change){ .path = m->row.path, .is_gone = true })) return false;
        next_row(m);
    }
    return true;
}

static bool merge_entry(void *ctx, const struct vcs_entry *entry)
{
    struct merge *m = ctx;
    struct file_change c;
    struct facts_file f;
    bool is_same;

    if (entry->kind != VCS_FILE) return true;
    c = change_of(entry);
    f = facts_file_of(&c);
    facts_scan_add(m->scan, &f);
    if (!drop_rows_before(m, c.path)) return false;
    is_same = m->has_row && str_eq(m->row.path, c.path) && vcs_oid_eq(&m->row.oid, &c.oid);
    if (m->has_row && str_eq(m->row.path, c.path)) next_row(m);
    return is_same || add_change(m, &c);
}

static bool whole_tree(const struct index_compare *q, struct index_work *w, struct facts_scan *scan, struct err *e)
{
    struct merge m = { .q = q, .w = w, .scan = scan, .e = e };
    struct vcs_walk walk = { .path = STR(""), .after = STR(""), .recursive = true, .fn = merge_entry, .ctx = &m };
    bool ok, found;

    if (!db_query(q->reader, &m.rows, e, rows_sql, db_int(q->repo_id))) return false;
    next_row(&m);
    ok = vcs_oid_is_zero(&q->head) || vcs_tree_walk(q->vcs, &q->head, &walk, &found, e);
    ok = ok && !m.failed && drop_rows_before(&m, (str){ NULL, 0 });
    ok = db_end(&m.rows) && ok;
    w->files_count = scan->files_count;
    w->used_bytes = scan->used_bytes;
    return ok;
}

bool index_compare(const struct index_compare *q, struct index_work *w, struct facts_scan *scan, bool *scanned, struct err *e)
{
    bool small = false;
    *scanned = true;
    if (q->old_sha.n && !vcs_oid_is_zero(&q->head) && !w->from_nothing) {
        if (!small_change(q, w, scan, scanned, &small, e)) return false;
        if (small) return true;
    }
    return whole_tree(q, w, scan, e);
}
