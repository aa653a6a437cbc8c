/* web/repo/change/upload.c - the page to upload files, and the form of a browser without scripts.
 *
 * With scripts (upload.js) files go the way that programs send them: preupload, LFS in parts, commit.  Without, a form brings
 * them whole: a few, and small, since it lies in memory. */
#include "hub/large_file.h"
#include "web/repo/change/change.h"

enum { FORM_BYTES_MAX = 32 << 20, FORM_FILES_MAX = 100, SAMPLE_BYTES = 512 };

static bool upload_page(struct call *c, const struct file_place *at, const struct change *change, int status, str problem, struct err *e)
{
    struct page *p = file_page_new(c, at, STR("Upload files"));
    jw_kint(&p->w, "form_bytes", FORM_BYTES_MAX);
    jw_kint(&p->w, "form_files", FORM_FILES_MAX);
    jw_kstr(&p->w, "problem_text", problem);
    change_write(p, at, change);
    return page_reply(p, status, "repo/change/upload.html", e);
}

static bool place(struct call *c, struct file_place *at, struct err *e)
{
    if (!call_allow(c, &c->repo, REPO_READ, e) || !file_place_get(c, at, e)) return false;
    return at->branch.p || err_set(e, ERR_INVALID, "Files are uploaded to a branch, and %.*s is a tag or a commit", STR_ARG(str_to(at->rev_text, 200)));
}

static bool get_upload(struct call *c, struct err *e)
{
    struct file_place at;
    struct change change = { 0 };
    return place(c, &at, e) && upload_page(c, &at, &change, 200, STR(""), e);
}

/* ------------------------------------------------------------------ the form without scripts */

struct upload {
    struct preupload_file file[FORM_FILES_MAX];
    str content[FORM_FILES_MAX];
    str path[FORM_FILES_MAX];
    size_t n;
};

static bool read_files(struct call *c, const struct file_place *at, struct upload *u, struct err *e)
{
    struct http_multipart m;
    struct http_part part;
    if (!http_multipart_begin(http_header(c->http, "Content-Type"), http_body(c->http), &m))
        return err_set(e, ERR_INVALID, "The form holds no files");
    while (http_multipart_next(&m, c->a, &part)) {
        if (!part.filename.n) continue;
        if (u->n == FORM_FILES_MAX) return err_set(e, ERR_TOO_LARGE, "At most %d files can be sent in one form", FORM_FILES_MAX);
        str path = at->path.n ? arena_fmt(c->a, "%.*s/%.*s", STR_ARG(at->path), STR_ARG(part.filename)) : part.filename;
        u->path[u->n] = path;
        u->content[u->n] = part.content;
        u->file[u->n++] = (struct preupload_file){ .path = path, .size_bytes = part.content.n, .sample = bytes_of(str_to(part.content, SAMPLE_BYTES)) };
    }
    if (!m.ended) return err_set(e, ERR_INVALID, "The form did not arrive whole; send it again");
    return u->n > 0 || err_set(e, ERR_INVALID, "Choose at least one file");
}

static bool store_large(struct call *c, str content, struct cas_object *out, struct err *e)
{
    return cas_put_bytes(hub_cas(c->hub), bytes_of(content), out, e) && large_file_register(c->hub, c->repo.id, c->who.user_id, out, e);
}

static bool put_all(struct call *c, const struct upload *u, struct commit *k, struct err *e)
{
    for (size_t i = 0; i < u->n; i++) {
        struct cas_object o;
        if (!u->file[i].is_lfs) {
            if (!commit_put_file(k, u->path[i], bytes_of(u->content[i]), e)) return false;
        } else if (!store_large(c, u->content[i], &o, e) || !commit_put_large(k, u->path[i], &o.sha256, &o.size_bytes, e)) {
            return false;
        }
    }
    return true;
}

static bool save(struct call *c, const struct file_place *at, struct change *change, struct err *e)
{
    struct upload *u = arena_one(c->a, struct upload);
    struct commit *k;
    if (!read_files(c, at, u, e)) return false;
    struct preupload p = { .rev = at->branch, .creates_pr = change->creates_pr, .files = u->file, .files_count = u->n };
    if (!commit_allow(call_db(c), &c->who, &c->repo, at->branch, change->creates_pr, e) || !commit_preupload(c->hub, &c->repo, &p, c->a, e)) return false;
    if (!change->summary.n)
        change->summary = u->n == 1 ? arena_fmt(c->a, "Upload %.*s", STR_ARG(u->path[0])) : arena_fmt(c->a, "Upload %zu files", u->n);
    if (!change_begin(c, at, change, u->path, u->n, &k, e)) return false;
    if (!put_all(c, u, k, e)) {
        commit_abort(k);
        return false;
    }
    return change_end(c, change, k, file_href(c, "tree", at->rev_text, at->path), e);
}

static bool post_upload(struct call *c, struct err *e)
{
    struct file_place at;
    struct change change;
    struct err why;
    if (!place(c, &at, e)) return false;
    change_read(c, STR(""), &change);
    if (save(c, &at, &change, &why)) return true;
    int status = api_status_of(&why);
    if (status < 500 && status != 401) return upload_page(c, &at, &change, status, str_c(why.msg), e);
    *e = why;
    return false;
}

#define ROWS_OF(prefix)                                                                                                            \
    { HTTP_GET, prefix "/upload/*rest", PERM_REPO_DISCUSS, HTTP_BODY_NONE, 0, 0, get_upload, "page.files.upload", SHAPE_PAGE },   \
    { HTTP_POST, prefix "/upload/*rest", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_upload, "page.files.put", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_upload = API_TABLE(rows);
