/* web/bucket/upload.c - files that a form brings: a few, and small, since it lies in memory.  What is larger goes by programs. */
#include "web/bucket/bucket.h"

enum { FORM_BYTES_MAX = 32 << 20, FORM_FILES_MAX = 100 };

static bool upload_page(struct call *c, int status, str folder, str problem, struct err *e)
{
    struct page *p = bucket_page_new(c, "files", STR("Upload files"));
    jw_kint(&p->w, "form_bytes", FORM_BYTES_MAX);
    jw_kint(&p->w, "form_files", FORM_FILES_MAX);
    jw_kstr(&p->w, "problem_text", problem);
    bucket_write_place(p, folder);
    return page_reply(p, status, "bucket/upload.html", e);
}

static str folder_of(struct call *c)
{
    str folder = call_param(c, "path");
    while (folder.n && folder.p[folder.n - 1] == '/') folder.n--;
    return folder.n ? folder : STR("");
}

static bool get_upload(struct call *c, struct err *e)
{
    return upload_page(c, 200, folder_of(c), STR(""), e);
}

/* ------------------------------------------------------------------ the form */

struct upload {
    struct bucket_edit edit[FORM_FILES_MAX];
    str content[FORM_FILES_MAX];
    struct cas_object stored[FORM_FILES_MAX];
    size_t n, stored_count; /* empty files have no object */
};

static bool read_files(struct call *c, str folder, struct upload *u, struct err *e)
{
    struct http_multipart m;
    struct http_part part;
    if (!http_multipart_begin(http_header(c->http, "Content-Type"), http_body(c->http), &m)) return err_set(e, ERR_INVALID, "The form holds no files");
    while (http_multipart_next(&m, c->a, &part)) {
        if (!part.filename.n) continue;
        if (u->n == FORM_FILES_MAX) return err_set(e, ERR_TOO_LARGE, "At most %d files can be sent in one form", FORM_FILES_MAX);
        u->content[u->n] = part.content;
        u->edit[u->n++] = (struct bucket_edit){ .op = BUCKET_ADD, .content_type = STR(""),
            .path = folder.n ? arena_fmt(c->a, "%.*s/%.*s", STR_ARG(folder), STR_ARG(part.filename)) : part.filename };
    }
    if (!m.ended) return err_set(e, ERR_INVALID, "The form did not arrive whole; send it again");
    return u->n > 0 || err_set(e, ERR_INVALID, "Choose at least one file");
}

static bool store_all(struct call *c, struct upload *u, struct err *e)
{
    for (size_t i = 0; i < u->n; i++) {
        struct cas_object *o = &u->stored[u->stored_count];
        bool found;
        if (!u->content[i].n) continue; /* the hash of an empty file is 0, which it has */
        if (!cas_put_bytes(hub_cas(c->hub), bytes_of(u->content[i]), o, e) || !cas_file_hash_of(call_db(c), &o->sha256, &u->edit[i].xet, &found, e)) return false;
        if (!found) return err_set(e, ERR_BUSY, "%.*s is stored in an old form that is being converted; send it again later", STR_ARG(u->edit[i].path));
        u->stored_count++;
    }
    return bucket_register_many(c->hub, c->bucket->id, c->who.user_id, u->stored, u->stored_count, e);
}

static bool save(struct call *c, str folder, struct err *e)
{
    struct upload *u = arena_one(c->a, struct upload);
    if (!read_files(c, folder, u, e) || !store_all(c, u, e) || !bucket_batch(c->hub, c->bucket, &c->who, u->edit, u->n, c->a, e)) return false;
    for (size_t i = 0; i < u->n; i++)
        if (u->edit[i].problem.n)
            return err_set(e, ERR_INVALID, "%.*s was not taken: %.*s", STR_ARG(str_to(u->edit[i].path, 200)), STR_ARG(u->edit[i].problem));
    return true;
}

static bool post_upload(struct call *c, struct err *e)
{
    struct err why;
    str folder = folder_of(c);
    if (save(c, folder, &why)) return page_redirect(c, bucket_href(c, c->bucket->full_name, folder.n ? "tree" : "", folder));
    int status = api_status_of(&why);
    if (status < 500 && status != 401) return upload_page(c, status, folder, str_c(why.msg), e);
    *e = why;
    return false;
}

#define ONE "/buckets/:ns/:repo"
static const struct api_route rows[] = {
    { HTTP_GET, ONE "/upload", PERM_BUCKET_WRITE, HTTP_BODY_NONE, 0, 0, get_upload, "page.bucket.upload", SHAPE_PAGE },
    { HTTP_GET, ONE "/upload/*path", PERM_BUCKET_WRITE, HTTP_BODY_NONE, 0, 0, get_upload, "page.bucket.upload", SHAPE_PAGE },
    { HTTP_POST, ONE "/upload", PERM_BUCKET_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_upload, "page.bucket.put", SHAPE_PAGE },
    { HTTP_POST, ONE "/upload/*path", PERM_BUCKET_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_upload, "page.bucket.put", SHAPE_PAGE },
};
const struct api_table web_bucket_upload = API_TABLE(rows);
