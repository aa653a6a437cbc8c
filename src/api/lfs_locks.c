/* api/lfs_locks.c - git-lfs file locks.
 *
 * git-lfs asks `verify` before every push.  A lock is on a path of the repository, whatever the branch, so "ref" and
 * "refspec" do not narrow a list. */
#include "api/git_api.h"
#include "base/clock.h"
#include "hub/file_lock.h"
#include "vcs/path.h"

enum { LOCKS_BYTES_MAX = 64 << 10, LOCKS_PAGE = 100, LOCKS_PAGE_MAX = 1000 };

static void write_lock(struct json_writer *w, const struct file_lock *l)
{
    char date[ISO_DATE_BYTES], id[24];
    snprintf(id, sizeof id, "%lld", (long long)l->id);
    str at = clock_iso(l->locked_ms, date);
    jw_object(w);
    jw_kstr(w, "id", str_c(id));
    jw_kstr(w, "path", l->path);
    jw_key(w, STR("locked_at"));
    date[19] = 'Z'; /* without a fraction, as git-lfs' own server writes it */
    jw_str(w, str_to(at, 20));
    jw_kobject(w, "owner");
    jw_kstr(w, "name", l->owner);
    jw_object_end(w);
    jw_object_end(w);
}

static bool reply_lock(struct call *c, int status, const struct file_lock *l, const char *message)
{
    struct buf text = BUF_INIT(0);
    struct json_writer w = json_writer(&text);
    jw_object(&w);
    jw_key(&w, STR("lock"));
    write_lock(&w, l);
    if (message) jw_kstr(&w, "message", str_c(message));
    jw_object_end(&w);
    return lfs_reply(c, status, &text);
}

static bool post_lock(struct call *c, struct err *e)
{
    struct json *body;
    struct file_lock lock;
    bool taken;
    str path;
    if (!call_allow(c, &c->repo, REPO_WRITE, e) || !call_json(c, &body, e) || !json_need_str(body, "path", &path, e) ||
        !vcs_path_check(path, e))
        return false;
    str ref = json_str_or(json_get(body, STR("ref")), STR("name"), STR(""));
    if (!file_lock_create(c->hub, c->repo.id, c->who.user_id, path, ref, &lock, &taken, c->a, e)) return false;
    return taken ? reply_lock(c, 409, &lock, "This file is locked already") : reply_lock(c, 201, &lock, NULL);
}

/* A cursor is the id of the last lock before it. */
static bool read_cursor(str cursor, int64_t *after, struct err *e)
{
    *after = 0;
    return cursor.n == 0 || str_i64(cursor, after) || err_set(e, ERR_INVALID, "\"cursor\" is malformed");
}

static void write_next(struct json_writer *w, const struct file_lock *list, size_t n, size_t limit)
{
    char id[24];
    if (n < limit || n == 0) return;
    snprintf(id, sizeof id, "%lld", (long long)list[n - 1].id);
    jw_kstr(w, "next_cursor", str_c(id));
}

static bool get_locks(struct call *c, struct err *e)
{
    struct file_lock *list;
    size_t n;
    str id = call_query(c, "id"), path = call_query(c, "path");
    struct file_lock_query q = { .path = path.n ? path : (str){ NULL, 0 },
                                 .limit = (size_t)call_query_limit(c, LOCKS_PAGE, LOCKS_PAGE_MAX) };
    if (!call_allow(c, &c->repo, REPO_READ, e) || !read_cursor(call_query(c, "cursor"), &q.after, e)) return false;
    if (id.n && (!str_i64(id, &q.id) || q.id <= 0)) q.id = -1; /* no lock has such an id */
    if (!file_lock_list(call_db(c), c->repo.id, &q, c->a, &list, &n, e)) return false;
    struct buf text = BUF_INIT(0);
    struct json_writer w = json_writer(&text);
    jw_object(&w);
    jw_karray(&w, "locks");
    for (size_t i = 0; i < n; i++) write_lock(&w, &list[i]);
    jw_array_end(&w);
    write_next(&w, list, n, q.limit);
    jw_object_end(&w);
    return lfs_reply(c, 200, &text);
}

static void write_side(struct json_writer *w, const char *key, const struct file_lock *list, size_t n, int64_t user_id,
                       bool own)
{
    jw_karray(w, key);
    for (size_t i = 0; i < n; i++)
        if ((list[i].owner_id == user_id) == own) write_lock(w, &list[i]);
    jw_array_end(w);
}

static bool post_verify(struct call *c, struct err *e)
{
    struct json *body;
    struct file_lock *list;
    size_t n;
    struct file_lock_query q = { .limit = LOCKS_PAGE };
    if (!call_allow_push(c, e) || !call_json(c, &body, e) ||
        !read_cursor(json_str_or(body, STR("cursor"), STR("")), &q.after, e))
        return false;
    int64_t limit = json_int_or(body, STR("limit"), 0);
    if (limit > 0) q.limit = limit < LOCKS_PAGE_MAX ? (size_t)limit : LOCKS_PAGE_MAX;
    if (!file_lock_list(call_db(c), c->repo.id, &q, c->a, &list, &n, e)) return false;
    struct buf text = BUF_INIT(0);
    struct json_writer w = json_writer(&text);
    jw_object(&w);
    write_side(&w, "ours", list, n, c->who.user_id, true);
    write_side(&w, "theirs", list, n, c->who.user_id, false);
    write_next(&w, list, n, q.limit);
    jw_object_end(&w);
    return lfs_reply(c, 200, &text);
}

static bool post_unlock(struct call *c, struct err *e)
{
    struct json *body;
    struct file_lock lock;
    int64_t id;
    if (!call_allow(c, &c->repo, REPO_WRITE, e) || !call_json(c, &body, e)) return false;
    if (!str_i64(call_param(c, "id"), &id)) return err_set(e, ERR_NOT_FOUND, "There is no such lock");
    bool force = json_bool_or(body, STR("force"), false);
    return file_lock_remove(c->hub, c->repo.id, c->who.user_id, id, force, &lock, c->a, e) && reply_lock(c, 200, &lock, NULL);
}

static const struct api_route rows[] = {
    GIT_ROWS(HTTP_GET, "/info/lfs/locks", HTTP_BODY_NONE, 0, get_locks, "lfs.locks", SHAPE_LFS),
    GIT_ROWS(HTTP_POST, "/info/lfs/locks", HTTP_BODY_WHOLE, LOCKS_BYTES_MAX, post_lock, "lfs.lock", SHAPE_LFS),
    GIT_ROWS(HTTP_POST, "/info/lfs/locks/verify", HTTP_BODY_WHOLE, LOCKS_BYTES_MAX, post_verify, "lfs.locks-verify", SHAPE_LFS),
    GIT_ROWS(HTTP_POST, "/info/lfs/locks/:id/unlock", HTTP_BODY_WHOLE, LOCKS_BYTES_MAX, post_unlock, "lfs.unlock", SHAPE_LFS),
};
const struct api_table lfs_lock_table = API_TABLE(rows);
