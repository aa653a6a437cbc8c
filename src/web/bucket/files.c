/* web/bucket/files.c - the folders of a bucket, and one file of it.  A page of a folder begins at a cursor of the listing, so no
 * page costs more than the first, however many files there are. */
#include "hub/view/view.h"
#include "web/bucket/bucket.h"
#include "web/repo/files/show.h"

enum { ENTRIES_SHOWN = 500, FORM_BYTES_MAX = 16 << 10 };

static str last_of(str path)
{
    size_t slash = str_rchr(path, '/');
    return slash == STR_NONE ? path : str_from(path, slash + 1);
}

static str folder_of(str path)
{
    while (path.n && path.p[path.n - 1] == '/') path.n--;
    return path.n ? path : STR("");
}

static bool refuse_missing(const char *what, str path, struct err *e)
{
    return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "There is no %s \"%.*s\" in this bucket", what, STR_ARG(str_to(path, 200)));
}

/* ------------------------------------------------------------------ a folder */

static void write_entry(struct json_writer *w, const struct bucket_entry *f)
{
    jw_object(w);
    jw_kstr(w, "name", last_of(f->path));
    if (f->is_folder) jw_kbool(w, "is_folder", true);
    else jw_kint(w, "bytes", (int64_t)f->size_bytes);
    jw_kint(w, "uploaded_ms", f->uploaded_ms);
    jw_object_end(w);
}

/* A file to name in the examples: the first that the page shows. */
static void write_examples(struct page *p, str folder, const struct bucket_entry *entry, size_t n)
{
    const struct bucket *b = p->c->bucket;
    struct arena *a = p->c->a;
    size_t i = 0;
    while (i < n && entry[i].is_folder) i++;
    str slash = folder.n ? STR("/") : STR("");
    str path = i < n ? entry[i].path : arena_fmt(a, "%.*s%.*sreport.csv", STR_ARG(folder), STR_ARG(slash));
    bucket_write_shell(p, "example_shell", arena_fmt(a, "hf://buckets/%.*s/%.*s", STR_ARG(b->full_name), STR_ARG(path)));
    bucket_write_shell(p, "list_shell", arena_fmt(a, "%.*s%.*s%.*s", STR_ARG(b->full_name), STR_ARG(slash), STR_ARG(folder)));
}

static bool get_tree(struct call *c, struct err *e)
{
    const struct bucket *b = c->bucket;
    struct bucket_entry *entry;
    size_t n;
    str next, cursor = call_query(c, "cursor"), folder = folder_of(call_param(c, "path"));
    struct bucket_tree_query q = { .prefix = folder.n ? arena_fmt(c->a, "%.*s/", STR_ARG(folder)) : STR(""), .by_folder = true,
                                   .cursor = cursor.n ? cursor : STR(""), .limit = ENTRIES_SHOWN };
    if (!bucket_tree(call_db(c), b->id, &q, c->a, &entry, &n, &next, e)) return false;
    if (folder.n && !n && !cursor.n) {
        struct bucket_entry file;
        bool found;
        if (!bucket_file_find(call_db(c), b->id, folder, &file, &found, c->a, e)) return false;
        return found ? page_redirect(c, bucket_href(c, b->full_name, "blob", folder)) : refuse_missing("folder", folder, e);
    }
    struct page *p = bucket_page_new(c, "files", b->full_name);
    jw_kstr(&p->w, "folder", folder);
    jw_kbool(&p->w, "is_later", cursor.n > 0);
    jw_kstr(&p->w, "next", next.n ? next : STR(""));
    if (n) jw_kstr(&p->w, "last_name", last_of(entry[n - 1].path));
    bucket_write_place(p, folder);
    write_examples(p, folder, entry, n);
    jw_karray(&p->w, "entries");
    for (int folders = 1; folders >= 0; folders--) /* folders first */
        for (size_t i = 0; i < n; i++)
            if (entry[i].is_folder == folders) write_entry(&p->w, &entry[i]);
    jw_array_end(&p->w);
    return page_reply(p, 200, "bucket/files.html", e);
}

/* ------------------------------------------------------------------ a file */

static void write_stored(struct page *p, const struct bucket_entry *f)
{
    char hex[SHA256_HEX + 1];
    struct view_large large;
    struct err ignored; /* what it takes on disk is a figure beside the file, no reason to refuse it */
    if (!f->size_bytes) return;
    hex_encode((bytes){ f->sha256.b, SHA256_BYTES }, hex);
    jw_kstr(&p->w, "sha256", str_c(hex));
    if (!view_large_read(p->c->hub, &f->sha256, p->c->a, &large, &ignored) || !large.has_xet) return;
    jw_kint(&p->w, "pieces", (int64_t)large.pieces);
    jw_kint(&p->w, "xorbs", (int64_t)large.xorbs);
    jw_kint(&p->w, "stored", (int64_t)large.stored_bytes);
}

static void write_file(struct page *p, const struct bucket_entry *f)
{
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(&f->xet, hex);
    jw_kobject(&p->w, "file");
    jw_kint(&p->w, "uploaded_ms", f->uploaded_ms);
    jw_kint(&p->w, "mtime_ms", f->mtime_ms);
    jw_kstr(&p->w, "xet_hash", str_c(hex));
    write_stored(p, f);
    jw_object_end(&p->w);
}

/* The viewers know files of repositories; to them this is a large file.  Links of Markdown and notebooks lead into a revision, of
 * which there is none here, so these are shown as the text that they are. */
static bool write_view(struct page *p, const struct bucket_entry *f, struct err *e)
{
    struct vcs_entry entry = { .kind = VCS_FILE, .path = f->path, .blob_bytes = f->size_bytes };
    struct file_place at = { .rev_text = STR(""), .path = f->path };
    const char *as = f->size_bytes ? show_kind(f->path, &entry) : "text";
    if (strcmp(as, "markdown") == 0 || strcmp(as, "notebook") == 0) as = f->size_bytes > FILE_TEXT_BYTES_MAX ? "beginning" : "text";
    jw_kbool(&p->w, "has_source", show_has_source(as));
    if (f->size_bytes) {
        entry.lfs = (struct vcs_lfs){ .is_lfs = true, .size_bytes = f->size_bytes };
        memcpy(entry.lfs.sha256, f->sha256.b, SHA256_BYTES);
        if (!show_write(p, &at, &entry, &as, e)) return false;
    } else {
        jw_kstr(&p->w, "text", STR(""));
        jw_kint(&p->w, "lines_count", 0);
    }
    jw_kstr(&p->w, "as", str_c(as));
    return true;
}

static bool get_blob(struct call *c, struct err *e)
{
    struct bucket_entry f;
    bool found;
    str path = call_param(c, "path");
    if (!bucket_file_find(call_db(c), c->bucket->id, path, &f, &found, c->a, e)) return false;
    if (!found) return refuse_missing("file", path, e);
    struct page *p = bucket_page_new(c, "files", f.path);
    jw_kstr(&p->w, "file_path", f.path);
    jw_kstr(&p->w, "content", bucket_href(c, c->bucket->full_name, "resolve", f.path));
    jw_kint(&p->w, "bytes", (int64_t)f.size_bytes);
    bucket_write_place(p, f.path);
    write_file(p, &f);
    return write_view(p, &f, e) && page_reply(p, 200, "bucket/file.html", e);
}

/* ------------------------------------------------------------------ its end */

/* The nearest folder above the path that still is: folders come and go with their files. */
static bool folder_above(struct call *c, str path, str *out, struct err *e)
{
    *out = path;
    for (;;) {
        struct bucket_entry *entry;
        size_t n, slash = str_rchr(*out, '/');
        str next;
        *out = slash == STR_NONE ? STR("") : str_to(*out, slash);
        if (!out->n) return true;
        struct bucket_tree_query q = { .prefix = arena_fmt(c->a, "%.*s/", STR_ARG(*out)), .by_folder = true, .cursor = STR(""), .limit = 1 };
        if (!bucket_tree(call_db(c), c->bucket->id, &q, c->a, &entry, &n, &next, e)) return false;
        if (n) return true;
    }
}

static bool post_delete(struct call *c, struct err *e)
{
    str folder;
    struct bucket_edit edit = { .op = BUCKET_DELETE, .path = call_param(c, "path") };
    if (!bucket_batch(c->hub, c->bucket, &c->who, &edit, 1, c->a, e)) return false;
    if (edit.problem.n) return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "%.*s", STR_ARG(edit.problem));
    return folder_above(c, edit.path, &folder, e) && page_redirect(c, bucket_href(c, c->bucket->full_name, folder.n ? "tree" : "", folder));
}

#define ONE "/buckets/:ns/:repo"
static const struct api_route rows[] = {
    { HTTP_GET, ONE, PERM_BUCKET_READ, HTTP_BODY_NONE, 0, 0, get_tree, "page.bucket", SHAPE_PAGE },
    { HTTP_GET, ONE "/tree/*path", PERM_BUCKET_READ, HTTP_BODY_NONE, 0, 0, get_tree, "page.bucket.tree", SHAPE_PAGE },
    { HTTP_GET, ONE "/blob/*path", PERM_BUCKET_READ, HTTP_BODY_NONE, 0, 0, get_blob, "page.bucket.file", SHAPE_PAGE },
    { HTTP_POST, ONE "/delete/*path", PERM_BUCKET_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_delete, "page.bucket.file.delete", SHAPE_PAGE },
};
const struct api_table web_bucket = API_TABLE(rows);
