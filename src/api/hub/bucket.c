/* api/hub/bucket.c - the life of a bucket: create, list, show, settings, delete; api/hub/bucket_file.c has its files. */
#include "api/hub/hub_api.h"
#include "hub/bucket/bucket.h"

#define ONE "/api/buckets/:ns/:repo"

enum { LIST_PAGE = 1000 };

/* "me" is whoever asks. */
static bool find_owner(struct call *c, struct account *out, struct err *e)
{
    bool found;
    str name = call_param(c, "ns");
    if (str_eq(name, STR("me"))) {
        if (!c->who.user_id) return err_set(e, ERR_UNAUTHENTICATED, "Invalid username or password.");
        name = c->who.name;
    }
    if (!account_find(call_db(c), name, out, &found, c->a, e)) return false;
    return found || err_set(e, ERR_NOT_FOUND, "There is no user or organisation \"%.*s\"", STR_ARG(str_to(name, 100)));
}

static void write_bucket(struct json_writer *w, const struct bucket *b)
{
    jw_object(w);
    jw_kstr(w, "_id", b->hex_id);
    jw_kstr(w, "id", b->full_name);
    jw_kstr(w, "author", b->owner);
    jw_kstr(w, "repoType", STR("bucket"));
    jw_kbool(w, "private", b->is_private);
    jw_kdate(w, "createdAt", b->created_ms);
    jw_kdate(w, "updatedAt", b->updated_ms);
    jw_kint(w, "size", (int64_t)b->size_bytes);
    jw_kint(w, "totalFiles", b->files_count);
    jw_karray(w, "cdnRegions"); /* there is one place here */
    jw_array_end(w);
    jw_object_end(w);
}

/* What this server has not: refused instead of dropped in silence. */
static bool refuse_unbuilt(const struct json *body, struct err *e)
{
    const struct json *cdn = json_get(body, STR("cdn")), *regions = json_get(body, STR("cdnRegions"));
    if ((cdn && cdn->count) || (regions && regions->count)) return err_set(e, ERR_NOT_BUILT, "This server has no other regions: \"cdn\" must be empty");
    return true;
}

static bool post_create(struct call *c, struct err *e)
{
    struct json *body;
    struct account owner;
    struct bucket b;
    struct bucket_create q = { .creator_id = c->who.user_id, .name = call_param(c, "repo") };
    if (!call_json(c, &body, e) || !read_visibility(body, &q.has_private, &q.is_private, e) || !refuse_unbuilt(body, e)) return false;
    if (!find_owner(c, &owner, e) || !read_resource_group(c, body, &owner, &q.group_id, e) ||
        !bucket_allow_create(call_db(c), &c->who, &owner, q.group_id, e)) return false;
    str base = call_base_url(c);
    q.owner = &owner;
    c->conflict_url = arena_fmt(c->a, "%.*s/buckets/%.*s/%.*s", STR_ARG(base), STR_ARG(owner.name), STR_ARG(q.name));
    if (!bucket_create(c->hub, &q, &b, c->a, e)) return false;
    struct buf out = BUF_INIT(0);
    struct json_writer w = json_writer(&out);
    jw_object(&w);
    jw_kstr(&w, "url", call_bucket_url(c, &b));
    jw_kstr(&w, "name", b.full_name);
    jw_kstr(&w, "id", b.hex_id);
    jw_object_end(&w);
    return call_reply_json(c, 200, &out);
}

static bool get_list(struct call *c, struct err *e)
{
    struct account owner;
    struct bucket *list;
    size_t n;
    str next;
    if (!find_owner(c, &owner, e)) return false;
    struct bucket_list_query q = { .owner_id = owner.id, .search = call_query(c, "search"), .cursor = call_query(c, "cursor"),
                                   .limit = call_query_limit(c, LIST_PAGE, LIST_PAGE) };
    if (!bucket_list(call_db(c), &c->who, &q, c->a, &list, &n, &next, e)) return false;
    struct buf out = BUF_INIT(0);
    struct json_writer w = json_writer(&out);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) write_bucket(&w, &list[i]);
    jw_array_end(&w);
    if (next.n) call_link_next(c, STR("cursor"), next);
    return call_reply_json(c, 200, &out);
}

static bool get_info(struct call *c, struct err *e)
{
    struct buf out = BUF_INIT(0);
    struct json_writer w = json_writer(&out);
    (void)e;
    write_bucket(&w, c->bucket);
    return call_reply_json(c, 200, &out);
}

static bool put_settings(struct call *c, struct err *e)
{
    struct json *body;
    bool has_private, is_private = c->bucket->is_private;
    if (!call_json(c, &body, e) || !read_visibility(body, &has_private, &is_private, e) || !refuse_unbuilt(body, e)) return false;
    if (has_private && !bucket_set_private(c->hub, c->bucket, is_private, &c->who, e)) return false;
    struct buf out = BUF_INIT(0);
    struct json_writer w = json_writer(&out);
    jw_object(&w);
    jw_kbool(&w, "private", is_private);
    jw_karray(&w, "cdnRegions");
    jw_array_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, 200, &out);
}

static bool delete_bucket(struct call *c, struct err *e)
{
    return bucket_delete(c->hub, c->bucket, &c->who, e) && call_reply_ok(c);
}

/* An id without a namespace is no bucket's; clients count on 404, which other rows of these addresses would not give. */
static bool refuse_short_id(struct call *c, struct err *e)
{
    (void)c;
    return err_kind(e, ERR_NOT_FOUND, HUB_NO_REPO, "Repository not found");
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/buckets/:ns", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_list, "bucket.list", SHAPE_HUB },
    { HTTP_POST, ONE, PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_create, "bucket.create", SHAPE_HUB },
    { HTTP_GET, ONE, PERM_BUCKET_READ, HTTP_BODY_NONE, 0, 0, get_info, "bucket.info", SHAPE_HUB },
    { HTTP_DELETE, ONE, PERM_BUCKET_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_bucket, "bucket.delete", SHAPE_HUB },
    { HTTP_PUT, ONE "/settings", PERM_BUCKET_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, put_settings, "bucket.settings", SHAPE_HUB },
    { HTTP_DELETE, "/api/buckets/:name", PERM_ANYONE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, refuse_short_id, "bucket.short-id", SHAPE_HUB },
    { HTTP_PUT, "/api/buckets/:name/settings", PERM_ANYONE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, refuse_short_id, "bucket.short-id", SHAPE_HUB },
};
const struct api_table hub_bucket_table = API_TABLE(rows);
