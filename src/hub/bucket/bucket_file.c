/* hub/bucket/bucket_file.c - looking at the files of a bucket.
 *
 * Paths are compared as bytes, so the rows of a folder lie together and a prefix is a range.  A listing by folder jumps from folder
 * to folder: it reads no row that it does not tell, but for the time of a folder's newest file.  That is exact while the folders of a
 * page have FOLDER_ROWS files between them; past that the first FOLDER_ROWS_LEAST of each are looked at, or a bucket of ten million
 * files would make everybody who opens it wait. */
#include "hub/bucket/bucket_priv.h"

enum { FOLDER_ROWS = 20000, FOLDER_ROWS_LEAST = 100 };

#define FILE_COLUMNS "path, xet_hash, sha256, size_bytes, mtime_ms, uploaded_ms, content_type"

static void file_read(struct db_query *q, struct bucket_entry *out, struct arena *a)
{
    bytes xet = db_col_blob(q, 1);
    *out = (struct bucket_entry){
        .path = db_col_dup(q, 0, a),
        .size_bytes = (uint64_t)db_col_int(q, 3),
        .mtime_ms = db_col_int(q, 4),
        .uploaded_ms = db_col_int(q, 5),
        .content_type = db_col_dup(q, 6, a),
    };
    if (xet.n == XET_HASH_BYTES) memcpy(out->xet.b, xet.p, XET_HASH_BYTES);
    (void)db_col_sha256(q, 2, &out->sha256);
}

bool bucket_file_find(struct db_conn *c, int64_t bucket_id, str path, struct bucket_entry *out, bool *found, struct arena *a,
                      struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, "SELECT " FILE_COLUMNS " FROM bucket_file WHERE bucket_id = ? AND path = ?", db_int(bucket_id), db_text(path)))
        return false;
    *found = db_next(&q, e);
    if (*found) file_read(&q, out, a);
    return db_end(&q);
}

bool bucket_paths_info(struct db_conn *c, int64_t bucket_id, const str *path, size_t n, struct arena *a,
                       struct bucket_entry **out, size_t *found_count, struct err *e)
{
    *found_count = 0;
    *out = arena_try_array(a, n + 1, sizeof **out);
    if (!*out) return err_set(e, ERR_TOO_LARGE, "%zu paths are too many to ask for at once", n);
    for (size_t i = 0; i < n; i++) {
        bool found;
        if (!bucket_file_find(c, bucket_id, path[i], &(*out)[*found_count], &found, a, e)) return false;
        *found_count += found;
    }
    return true;
}

/* ------------------------------------------------------------------ the tree */

struct walk {
    struct db_conn *c;
    int64_t bucket_id;
    const struct bucket_tree_query *q;
    struct arena *a;
    struct bucket_entry *out;
    size_t n, limit;
    str from; /* where the next look begins: paths that are not before it */
    bool is_after; /* and not this one itself */
    bool more, ends;
    int64_t rows_left; /* of FOLDER_ROWS */
};

/* The folder, below the prefix, that a path is told as; .n 0: the path is told itself. */
static str folder_of(const struct bucket_tree_query *q, str path)
{
    size_t at = q->prefix.n;
    if (at && at < path.n && path.p[at] == '/' && q->prefix.p[at - 1] != '/') at++; /* the prefix is a folder itself */
    size_t slash = str_chr(str_from(path, at), '/');
    return slash == STR_NONE ? STR("") : str_to(path, at + slash);
}

/* Behind everything in the folder: '0' follows '/'. */
static str behind(str folder, struct arena *a) { return arena_fmt(a, "%.*s0", STR_ARG(folder)); }

static bool tell_folder(struct walk *w, str folder, struct err *e)
{
    static const char sql[] = "SELECT max(uploaded_ms), count(*) FROM"
                              " (SELECT uploaded_ms FROM bucket_file WHERE bucket_id = ? AND path > ? AND path < ? ORDER BY path LIMIT ?)";
    struct db_query q;
    struct bucket_entry *f = &w->out[w->n++];
    str end = behind(folder, w->a);
    int64_t most = w->rows_left > FOLDER_ROWS_LEAST ? w->rows_left : FOLDER_ROWS_LEAST;
    *f = (struct bucket_entry){ .is_folder = true, .path = folder };
    w->from = end;
    w->is_after = false;
    if (!db_query(w->c, &q, e, sql, db_int(w->bucket_id), db_text(arena_fmt(w->a, "%.*s/", STR_ARG(folder))), db_text(end), db_int(most))) return false;
    if (db_next(&q, e)) {
        f->uploaded_ms = db_col_int(&q, 0);
        w->rows_left -= db_col_int(&q, 1);
    }
    return db_end(&q);
}

/* Rows until a folder begins, the page is full, or the prefix ends. */
static bool walk_some(struct walk *w, struct err *e)
{
    static const char from_on[] = "SELECT " FILE_COLUMNS " FROM bucket_file WHERE bucket_id = ? AND path >= ? ORDER BY path";
    static const char after[] = "SELECT " FILE_COLUMNS " FROM bucket_file WHERE bucket_id = ? AND path > ? ORDER BY path";
    struct db_query q;
    str folder = STR("");
    if (!db_query(w->c, &q, e, w->is_after ? after : from_on, db_int(w->bucket_id), db_text(w->from))) return false;
    w->ends = true;
    while (db_next(&q, e)) {
        str path = db_col_text(&q, 0);
        if (!str_starts(path, w->q->prefix)) break;
        if (w->n == w->limit) {
            w->more = true;
            break;
        }
        if (w->q->by_folder) folder = arena_dup(w->a, folder_of(w->q, path));
        if (folder.n) {
            w->ends = false;
            break;
        }
        file_read(&q, &w->out[w->n], w->a);
        w->from = w->out[w->n++].path;
        w->is_after = true;
    }
    return db_end(&q) && (!folder.n || tell_folder(w, folder, e));
}

/* A cursor is where the next look begins, with a letter for whether that path was told already. */
static bool begin(struct walk *w, struct err *e)
{
    str cursor = w->q->cursor;
    w->from = w->q->prefix.p ? w->q->prefix : STR("");
    if (!cursor.n) return true;
    if ((cursor.p[0] != 'a' && cursor.p[0] != 'f') || str_cmp(str_from(cursor, 1), w->from) < 0)
        return err_set(e, ERR_INVALID, "\"cursor\" is malformed");
    w->from = str_from(cursor, 1);
    w->is_after = cursor.p[0] == 'a';
    return true;
}

bool bucket_tree(struct db_conn *c, int64_t bucket_id, const struct bucket_tree_query *q, struct arena *a,
                 struct bucket_entry **out, size_t *n, str *next, struct err *e)
{
    struct walk w = { .c = c, .bucket_id = bucket_id, .q = q, .a = a, .limit = q->limit < BUCKET_PAGE_MAX ? q->limit : BUCKET_PAGE_MAX,
                      .rows_left = FOLDER_ROWS };
    *next = STR("");
    w.out = *out = arena_alloc(a, (w.limit + 1) * sizeof **out);
    bool ok = begin(&w, e);
    while (ok && !w.ends) ok = walk_some(&w, e);
    *n = w.n;
    if (ok && w.more) *next = arena_fmt(a, "%c%.*s", w.is_after ? 'a' : 'f', STR_ARG(w.from));
    return ok;
}
