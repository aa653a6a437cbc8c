/* api/hub/large_file.c - the large files of a repository: list them, and remove them for good. */
#include "hub/large_file.h"

#include "api/hub/hub_api.h"
#include "base/hash.h"
#include "hub/bucket/bucket.h"

enum { DELETIONS_MAX = 1000, COPIES_MAX = 1000 };

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
        write_xet_hash(c, &w, f[i].sha256.b, f[i].size_bytes);
        jw_kstr(&w, "filename", f[i].path.p ? f[i].path : str_c(hex)); /* clients fail without one */
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

/* ------------------------------------------------------------------ copying to another repository, without the bytes */

struct copy {
    struct xet_hash xet;
    struct sha256 sha256;
    str xet_text, sha_text, problem;
};

static str lower_case(str s, struct arena *a)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++) p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'F' ? s.p[i] | 0x20 : s.p[i]);
    return str_n(p, s.n);
}

static bool read_copies(struct call *c, const struct json *body, struct copy **out, size_t *n, struct err *e)
{
    const struct json *files = json_get(body, STR("files"));
    *n = 0;
    if (!json_is(files, JSON_ARRAY) || files->count == 0 || files->count > COPIES_MAX)
        return err_set(e, ERR_INVALID, "\"files\" is required: 1 to %d files", COPIES_MAX);
    *out = arena_alloc(c->a, files->count * sizeof **out);
    json_each (f, files) {
        struct copy k = { 0 };
        bool known = false;
        if (!json_need_str(f, "xetHash", &k.xet_text, e) || !json_need_str(f, "sha256", &k.sha_text, e)) return false;
        if (!xet_hash_parse(lower_case(k.xet_text, c->a), &k.xet) || !sha256_parse(lower_case(k.sha_text, c->a), &k.sha256))
            return err_set(e, ERR_INVALID, "\"xetHash\" and \"sha256\" of file %zu must be 64 hexadecimal digits each", *n + 1);
        for (size_t i = 0; i < *n && !known; i++) known = sha256_eq(&(*out)[i].sha256, &k.sha256) && memcmp(&(*out)[i].xet, &k.xet, sizeof k.xet) == 0;
        if (!known) (*out)[(*n)++] = k;
    }
    return true;
}

static bool copy_from_bucket(struct call *c, struct copy *k, struct cas_object *list, size_t *listed, struct err *e)
{
    bool has = false, found = false;
    if (!bucket_has(call_db(c), c->bucket->id, &k->sha256, &has, e) || (has && !cas_file_named(call_db(c), &k->xet, &list[*listed], &found, e))) return false;
    if (!has) k->problem = STR("This bucket has no such file");
    else if (!found || !sha256_eq(&list[*listed].sha256, &k->sha256)) k->problem = STR("The xetHash is not this file's");
    *listed += k->problem.n == 0;
    return true;
}

/* Has the source this file, and as the caller says?  Then it goes to the end of the list. */
static bool copy_one(struct call *c, struct copy *k, struct cas_object *list, size_t *listed, struct err *e)
{
    struct large_file file;
    struct xet_hash is;
    bool found, has_xet = false;
    if (c->bucket) return copy_from_bucket(c, k, list, listed, e);
    if (!large_file_find(c->hub, call_db(c), c->repo.id, &k->sha256, &file, &found, e)) return false;
    if (found && !cas_file_hash_of(call_db(c), &k->sha256, &is, &has_xet, e)) return false;
    if (!found) k->problem = STR("This repository has no such file");
    else if (!has_xet || memcmp(&is, &k->xet, sizeof is) != 0) k->problem = STR("The xetHash is not this file's");
    if (k->problem.n) return true;
    list[(*listed)++] = (struct cas_object){ .sha256 = k->sha256, .size_bytes = file.size_bytes };
    return true;
}

static bool post_duplicate(struct call *c, struct err *e)
{
    struct json *body;
    struct copy *copy = NULL;
    struct repo target;
    enum repo_kind kind;
    str type, name;
    size_t n, listed = 0;
    if (!call_json(c, &body, e)) return false;
    const struct json *to = json_get(body, STR("target"));
    if (!json_need_str(to, "type", &type, e) || !json_need_str(to, "name", &name, e) || !read_copies(c, body, &copy, &n, e)) return false;
    if (!repo_kind_parse(type, &kind)) return err_set(e, ERR_INVALID, "\"target.type\" must be one of [model, dataset, space, kernel]");
    /* As with uploads: whoever may open a pull request there may bring large files for it. */
    if (!call_find_repo(c, kind, name, REPO_DISCUSS, &target, e)) return false;
    struct cas_object *list = arena_alloc(c->a, (n + 1) * sizeof *list);
    for (size_t i = 0; i < n; i++)
        if (!copy_one(c, &copy[i], list, &listed, e)) return false;
    if (listed && !large_file_register_many(c->hub, target.id, c->who.user_id, list, listed, e)) return false;
    size_t failed = n - listed;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kbool(&w, "success", failed == 0);
    jw_kint(&w, "processed", (int64_t)n);
    jw_kint(&w, "succeeded", (int64_t)(n - failed));
    jw_karray(&w, "failed");
    for (size_t i = 0; i < n; i++) {
        if (!copy[i].problem.n) continue;
        jw_object(&w);
        jw_kstr(&w, "xetHash", copy[i].xet_text);
        jw_kstr(&w, "sha256", copy[i].sha_text);
        jw_kstr(&w, "error", copy[i].problem);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, failed ? 207 : 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_POST, ANY_REPO "/lfs-files/duplicate", PERM_REPO_READ, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_duplicate, "large-file.duplicate", SHAPE_HUB },
    { HTTP_POST, "/api/buckets/:ns/:repo/lfs-files/duplicate", PERM_BUCKET_READ, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_duplicate, "bucket.duplicate-files", SHAPE_HUB },
    { HTTP_GET, ANY_REPO "/lfs-files", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_list, "large-file.list", SHAPE_HUB },
    { HTTP_POST, ANY_REPO "/lfs-files/batch", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_batch, "large-file.delete-many", SHAPE_HUB },
    { HTTP_DELETE, ANY_REPO "/lfs-files/:sha", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_one, "large-file.delete", SHAPE_HUB },
};
const struct api_table hub_large_file_table = API_TABLE(rows);
