/* api/hub/bucket_file.c - the files of a bucket: listed, told about, changed by lines of JSON, sent. */
#include "api/cas/cas_api.h"
#include "api/hub/hub_api.h"
#include "base/hash.h"
#include "hub/bucket/bucket.h"

#define ONE "/api/buckets/:ns/:repo"

enum {
    PAGE = 1000,
    PATHS_MAX = 2000,
    PATHS_BODY_MAX = 16 << 20,          /* as many paths, of 1000 bytes, escaped */
    LINE_BYTES_MAX = 16 << 10,          /* a path of 1000 bytes in \u escapes, and the rest */
    OPERATIONS_MAX = 100000,
    BATCH_BODY_MAX = 256 << 20,
    FAILED_BYTES_MAX = 16 << 20,        /* of the answer: failures past it are counted and not named */
    SOURCE_BYTES_MAX = 256,
};
static const int64_t mtime_max = INT64_C(253402300799999); /* the year 9999 */

/* ------------------------------------------------------------------ listings */

static void write_entry(struct json_writer *w, const struct bucket_entry *f)
{
    jw_object(w);
    jw_kstr(w, "type", f->is_folder ? STR("directory") : STR("file"));
    jw_kstr(w, "path", f->path);
    if (!f->is_folder) {
        jw_kint(w, "size", (int64_t)f->size_bytes);
        jw_kxet_hash(w, "xetHash", &f->xet);
        if (f->mtime_ms) jw_kdate(w, "mtime", f->mtime_ms);
        if (f->content_type.n) jw_kstr(w, "contentType", f->content_type);
    }
    jw_kdate(w, "uploadedAt", f->uploaded_ms);
    jw_object_end(w);
}

static bool reply_entries(struct call *c, const struct bucket_entry *f, size_t n)
{
    struct buf out = BUF_INIT(0);
    struct json_writer w = json_writer(&out);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) write_entry(&w, &f[i]);
    jw_array_end(&w);
    return call_reply_json(c, 200, &out);
}

static bool get_tree(struct call *c, struct err *e)
{
    struct bucket_entry *f;
    size_t n;
    str next, sort = call_query(c, "sort"), direction = call_query(c, "direction");
    if ((sort.n && !str_eq(sort, STR("path"))) || (direction.n && !str_eq(direction, STR("asc"))))
        return err_set(e, ERR_NOT_BUILT, "Files are listed by path, ascending: other orders are not built in this version of Hearth");
    struct bucket_tree_query q = { .prefix = call_param(c, "prefix"), .by_folder = !http_query_bool(c->http, "recursive", true),
                                   .cursor = call_query(c, "cursor"), .limit = call_query_limit(c, PAGE, BUCKET_PAGE_MAX) };
    if (!bucket_tree(call_db(c), c->bucket->id, &q, c->a, &f, &n, &next, e)) return false;
    if (next.n) call_link_next(c, STR("cursor"), next);
    return reply_entries(c, f, n);
}

static bool post_paths_info(struct call *c, struct err *e)
{
    struct json *body;
    struct bucket_entry *f;
    str one;
    size_t n = 0, found;
    if (!call_json(c, &body, e)) return false;
    const struct json *list = json_get(body, STR("paths"));
    bool is_one = json_str(list, &one);
    if (!is_one && (!json_is(list, JSON_ARRAY) || list->count > PATHS_MAX))
        return err_set(e, ERR_INVALID, "\"paths\" is required: at most %d paths", PATHS_MAX);
    str *path = arena_alloc(c->a, (PATHS_MAX + 1) * sizeof *path);
    if (is_one) path[n++] = one;
    for (const struct json *item = is_one ? NULL : json_first(list); item; item = item->next)
        if (!json_str(item, &path[n++])) return err_set(e, ERR_INVALID, "Item %zu of \"paths\" must be a string", n);
    return bucket_paths_info(call_db(c), c->bucket->id, path, n, c->a, &f, &found, e) && reply_entries(c, f, found);
}

/* ------------------------------------------------------------------ changes */

struct batch {
    struct call *c;
    struct arena *a; /* of the edits that wait */
    struct bucket_edit *edit;
    size_t n;
    uint64_t done, failed;
    struct buf failures;
    struct json_writer w;
};

/* A batch may take hours to come: may he still, as he and the bucket are now? */
static bool is_still_allowed(struct batch *b, struct identity *who, struct bucket *bucket, struct err *e)
{
    struct db_conn *db = db_reader(hub_db(b->c->hub));
    bool ok = identity_again(db, b->c->who.user_id, b->c->who.token.id, who, b->a, e) && bucket_get(db, b->c->bucket->id, bucket, b->a, e) &&
              bucket_allow(db, who, bucket, REPO_WRITE, e);
    db_give(hub_db(b->c->hub), db);
    return ok;
}

static bool flush(struct batch *b, struct err *e)
{
    struct identity who;
    struct bucket bucket;
    if (b->n == 0) return true;
    if (!is_still_allowed(b, &who, &bucket, e) || !bucket_batch(b->c->hub, &bucket, &who, b->edit, b->n, b->a, e)) return false;
    for (size_t i = 0; i < b->n; i++) {
        if (!b->edit[i].problem.n) continue;
        b->failed++;
        if (b->failures.n > FAILED_BYTES_MAX) continue;
        jw_object(&b->w);
        jw_kstr(&b->w, "path", b->edit[i].path);
        jw_kstr(&b->w, "error", b->edit[i].problem);
        jw_object_end(&b->w);
    }
    b->done += b->n;
    b->n = 0;
    arena_reset(b->a);
    return true;
}

/* What is wrong with one file is told of that file, and the others go on. */
static str read_fields(struct batch *b, const struct json *v, struct bucket_edit *edit)
{
    const struct json *mtime = json_get(v, STR("mtime"));
    str hash = json_str_or(v, STR("xetHash"), STR(""));
    if (!xet_hash_parse(hash, &edit->xet)) return STR("\"xetHash\" must be 64 lower-case hexadecimal digits");
    if (mtime && mtime->type != JSON_NULL && (!json_int(mtime, &edit->mtime_ms) || edit->mtime_ms < 0 || edit->mtime_ms > mtime_max))
        return STR("\"mtime\" must be milliseconds since 1970");
    edit->content_type = arena_dup(b->a, str_to(json_str_or(v, STR("contentType"), STR("")), SOURCE_BYTES_MAX));
    edit->source_kind = arena_dup(b->a, str_to(json_str_or(v, STR("sourceRepoType"), STR("")), SOURCE_BYTES_MAX));
    edit->source_name = arena_dup(b->a, str_to(json_str_or(v, STR("sourceRepoId"), STR("")), SOURCE_BYTES_MAX));
    return STR("");
}

static bool take_line(void *ctx, const struct json *v, struct arena *scratch, struct err *e)
{
    static const str names[] = { [BUCKET_ADD] = STR_INIT("addFile"), [BUCKET_COPY] = STR_INIT("copyFile"), [BUCKET_DELETE] = STR_INIT("deleteFile") };
    struct batch *b = ctx;
    str type, path;
    size_t op = 0;
    (void)scratch;
    if (!json_need_str(v, "type", &type, e) || !json_need_str(v, "path", &path, e)) return false;
    while (op < COUNT(names) && !str_eq(type, names[op])) op++;
    if (op == COUNT(names)) return err_set(e, ERR_INVALID, "\"type\" must be one of [addFile, copyFile, deleteFile]");
    if (b->done + b->n == OPERATIONS_MAX) return err_set(e, ERR_TOO_LARGE, "A batch has at most %d operations", OPERATIONS_MAX);
    struct bucket_edit *edit = &b->edit[b->n++];
    *edit = (struct bucket_edit){ .op = (enum bucket_op)op, .path = arena_dup(b->a, path) };
    if (edit->op != BUCKET_DELETE) edit->problem = read_fields(b, v, edit);
    return b->n < BUCKET_EDITS_AT_ONCE || flush(b, e);
}

/* 422 when some failed: the newest clients read the list whatever the status is, older ones look at the status alone. */
static bool reply_batch(struct batch *b)
{
    struct buf out = BUF_INIT(0);
    struct json_writer w = json_writer(&out);
    jw_array_end(&b->w);
    jw_object(&w);
    jw_kbool(&w, "success", b->failed == 0);
    jw_kint(&w, "processed", (int64_t)b->done);
    jw_kint(&w, "succeeded", (int64_t)(b->done - b->failed));
    jw_kraw(&w, "failed", buf_str(&b->failures));
    jw_object_end(&w);
    return call_reply_json(b->c, b->failed ? 422 : 200, &out);
}

static bool post_batch(struct call *c, struct err *e)
{
    struct batch b = { .c = c, .a = arena_new(0), .edit = arena_alloc(c->a, BUCKET_EDITS_AT_ONCE * sizeof *b.edit), .failures = BUF_INIT(0) };
    struct ndjson form = { .what = "batch", .advice = "", .line_bytes_max = LINE_BYTES_MAX, .line = take_line, .ctx = &b };
    b.w = json_writer(&b.failures);
    jw_array(&b.w);
    bool ok = ndjson_read(c, &form, e) && flush(&b, e);
    if (!ok && b.done) err_context(e, "After %llu operations, which were carried out", (unsigned long long)b.done);
    ok = ok && reply_batch(&b);
    buf_deinit(&b.failures);
    arena_free(b.a);
    return ok;
}

/* ------------------------------------------------------------------ contents */

/* The way by Xet: which file, where the token is, where the chunks are told.  Clients in Python have no other. */
static bool reply_file(struct call *c, const struct bucket_entry *f, struct err *e)
{
    char hex[SHA256_HEX + 1], xet[XET_HASH_HEX + 1];
    str cas = cas_url(c), token = xet_bucket_token_url(c, c->bucket, XET_READ);
    hex_encode((bytes){ f->sha256.b, SHA256_BYTES }, hex);
    xet_hash_hex(&f->xet, xet);
    str plan = arena_fmt(c->a, "%.*s/v1/reconstructions/%s", STR_ARG(cas), xet), etag = arena_fmt(c->a, "\"%s\"", hex);
    http_add_header(c->http, "X-Xet-Hash", str_c(xet));
    http_add_header(c->http, "X-Xet-Refresh-Route", token);
    http_add_headerf(c->http, "Link", "<%.*s>; rel=\"xet-auth\", <%.*s>; rel=\"xet-reconstruction-info\"", STR_ARG(token), STR_ARG(plan));
    http_add_headerf(c->http, "X-Linked-Size", "%llu", (unsigned long long)f->size_bytes);
    http_add_header(c->http, "X-Linked-ETag", etag);
    http_add_header(c->http, "Vary", STR("Accept"));
    if (!file_wants_xet_info(c) && f->size_bytes) return call_reply_object(c, file_content_type(f->path, true), &f->sha256, f->size_bytes, e);
    if (!file_wants_xet_info(c)) {
        struct http_content nothing = { .content_type = file_content_type(f->path, true), .etag = etag.p, .data = STR("") };
        return http_reply_content(c->http, &nothing, e);
    }
    struct buf out = BUF_INIT(0);
    struct json_writer w = json_writer(&out);
    jw_object(&w);
    jw_kstr(&w, "hash", str_c(xet));
    jw_kstr(&w, "refreshUrl", token);
    jw_kstr(&w, "reconstructionUrl", plan);
    jw_kstr(&w, "etag", etag);
    jw_kint(&w, "size", (int64_t)f->size_bytes);
    if (f->content_type.n) jw_kstr(&w, "contentType", f->content_type);
    jw_object_end(&w);
    http_add_header(c->http, "ETag", etag);
    return http_reply_buf(c->http, 200, XET_FILE_INFO, &out);
}

static bool get_resolve(struct call *c, struct err *e)
{
    struct bucket_entry f;
    bool found;
    str path = call_param(c, "path");
    if (!path.n) return err_set(e, ERR_INVALID, "The path of a file is required");
    if (!bucket_file_find(call_db(c), c->bucket->id, path, &f, &found, c->a, e)) return false;
    if (!found) return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "Entry not found");
    file_add_safety(c, f.path);
    if (!http_query(c->http, "noContentDisposition").p) file_add_disposition(c, f.path);
    return reply_file(c, &f, e);
}

static const struct api_route rows[] = {
    { HTTP_GET, ONE "/tree", PERM_BUCKET_READ, HTTP_BODY_NONE, 0, 0, get_tree, "bucket.tree", SHAPE_HUB },
    { HTTP_GET, ONE "/tree/*prefix", PERM_BUCKET_READ, HTTP_BODY_NONE, 0, 0, get_tree, "bucket.tree", SHAPE_HUB },
    { HTTP_POST, ONE "/paths-info", PERM_BUCKET_READ, HTTP_BODY_WHOLE, PATHS_BODY_MAX, 0, post_paths_info, "bucket.paths-info", SHAPE_HUB },
    { HTTP_POST, ONE "/batch", PERM_BUCKET_WRITE, HTTP_BODY_STREAM, BATCH_BODY_MAX, 0, post_batch, "bucket.batch", SHAPE_HUB },
    { HTTP_GET, "/buckets/:ns/:repo/resolve/*path", PERM_BUCKET_READ, HTTP_BODY_NONE, 0, 0, get_resolve, "bucket.resolve", SHAPE_HUB },
};
const struct api_table hub_bucket_file_table = API_TABLE(rows);
