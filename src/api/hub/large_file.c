/* api/hub/large_file.c - the large files of a repository: list them, and remove them for good. */
#include "hub/large_file.h"

#include "api/hub/hub_api.h"
#include "base/hash.h"

enum { DELETIONS_MAX = 1000 };

static bool get_list(struct call *c, struct err *e)
{
    struct large_file *f;
    struct sha256 after;
    size_t n;
    uint64_t limit = call_query_limit(c, 1000, 1000);
    str cursor = call_query(c, "cursor");
    if (cursor.p && !sha256_parse(cursor, &after)) return err_set(e, ERR_INVALID, "\"cursor\" is malformed");
    if (!large_file_list(call_db(c), c->repo.id, cursor.p ? &after : NULL, (size_t)limit, c->a, &f, &n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    char hex[SHA256_HEX + 1] = "";
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        hex_encode((bytes){ f[i].sha256.b, SHA256_BYTES }, hex);
        jw_object(&w);
        jw_kstr(&w, "fileOid", str_c(hex));
        jw_kstr(&w, "oid", str_c(hex));
        jw_kint(&w, "size", (int64_t)f[i].size_bytes);
        jw_kdate(&w, "pushedAt", f[i].pushed_ms);
        write_xet_hash(c, &w, f[i].sha256.b);
        if (f[i].path.p) jw_kstr(&w, "filename", f[i].path);
        if (f[i].ref.p) jw_kstr(&w, "ref", f[i].ref);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    if (n == limit) call_link_next(c, STR("cursor"), str_c(hex));
    return call_reply_json(c, 200, &b);
}

static bool remove_files(struct call *c, const struct sha256 *list, size_t n, struct err *e)
{
    return large_file_delete(c->hub, &c->repo, list, n, &c->who, e) && call_reply_ok(c);
}

static bool delete_one(struct call *c, struct err *e)
{
    struct sha256 sha256;
    if (!sha256_parse(call_param(c, "sha"), &sha256)) return err_set(e, ERR_INVALID, "The file must be named by its sha256, in 64 lower-case digits");
    if (!http_query_bool(c->http, "rewriteHistory", true))
        return err_set(e, ERR_NOT_BUILT, "Removing a large file without rewriting history is not built: pass rewriteHistory=true");
    return remove_files(c, &sha256, 1, e);
}

static bool post_batch(struct call *c, struct err *e)
{
    struct json *body;
    if (!call_json(c, &body, e)) return false;
    const struct json *deletions = json_get(body, STR("deletions")), *list = json_get(deletions, STR("sha"));
    if (!json_is(list, JSON_ARRAY) || list->count == 0 || list->count > DELETIONS_MAX)
        return err_set(e, ERR_INVALID, "\"deletions.sha\" is required: 1 to %d file ids", DELETIONS_MAX);
    if (!json_bool_or(deletions, STR("rewriteHistory"), true))
        return err_set(e, ERR_NOT_BUILT, "Removing large files without rewriting history is not built: pass \"rewriteHistory\": true");
    struct sha256 *id = arena_alloc(c->a, list->count * sizeof *id);
    size_t n = 0;
    json_each (item, list)
        if (item->type != JSON_STRING || !sha256_parse(item->s, &id[n++]))
            return err_set(e, ERR_INVALID, "Item %zu of \"deletions.sha\" is no sha256 in 64 lower-case digits", n);
    return remove_files(c, id, n, e);
}

static const struct api_route rows[] = {
    { HTTP_GET, ANY_REPO "/lfs-files", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_list, "large-file.list", SHAPE_HUB },
    { HTTP_POST, ANY_REPO "/lfs-files/batch", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_batch, "large-file.delete-many", SHAPE_HUB },
    { HTTP_DELETE, ANY_REPO "/lfs-files/:sha", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_one, "large-file.delete", SHAPE_HUB },
};
const struct api_table hub_large_file_table = API_TABLE(rows);
