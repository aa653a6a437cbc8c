/* api/hub/tree.c - folders: tree listings with paging, chosen paths, sizes. */
#include "api/hub/hub_api.h"
#include "api/cas/cas_api.h"
#include "base/hash.h"
#include "hub/history.h"
#include "hub/mirror.h"

/* llama.cpp asks for a recursive tree and follows no link: a page is large enough for any usual one. */
enum { PAGE = 10000, PAGE_EXPANDED = 100, PAGE_MAX = 10000, PATHS_MAX = 2000 };

void write_oid(struct json_writer *w, const char *key, const struct vcs_oid *id)
{
    char hex[VCS_OID_HEX + 1];
    jw_kstr(w, key, vcs_oid_hex(id, hex));
}

void write_xet_hash(struct call *c, struct json_writer *w, const uint8_t sha256[SHA256_BYTES], uint64_t size_bytes)
{
    struct sha256 key;
    struct xet_hash hash;
    struct err ignored; /* without it clients take the plain way */
    bool found;
    memcpy(key.b, sha256, SHA256_BYTES);
    if (!mirror_has_file(c->hub, call_db(c), &c->repo, &key, size_bytes, &found, &ignored) || !found) return;
    if (cas_file_hash_of(call_db(c), &key, &hash, &found, &ignored) && found) jw_kxet_hash(w, "xetHash", &hash);
}

/* last and what a scanner says: for expanded lists alone. */
static bool write_tree_entry(struct call *c, struct json_writer *w, const struct vcs_entry *entry, const struct vcs_commit *last, bool is_due, struct err *e)
{
    static const char *const type[] = { "file", "directory", "submodule" };
    jw_object(w);
    jw_kstr(w, "type", str_c(type[entry->kind]));
    write_oid(w, "oid", &entry->oid);
    jw_kint(w, "size", (int64_t)vcs_entry_size(entry));
    jw_kstr(w, "path", entry->path);
    if (entry->lfs.is_lfs) {
        char hex[SHA256_HEX + 1];
        hex_encode((bytes){ entry->lfs.sha256, SHA256_BYTES }, hex);
        jw_kobject(w, "lfs");
        jw_kstr(w, "oid", str_c(hex));
        jw_kint(w, "size", (int64_t)entry->lfs.size_bytes);
        jw_kint(w, "pointerSize", (int64_t)entry->blob_bytes);
        jw_object_end(w);
        write_xet_hash(c, w, entry->lfs.sha256, entry->lfs.size_bytes);
    }
    if (last) {
        jw_kobject(w, "lastCommit");
        write_oid(w, "id", &last->id);
        jw_kstr(w, "title", last->title);
        jw_kdate(w, "date", last->committer_ms);
        jw_object_end(w);
        if (entry->kind == VCS_FILE && !write_file_security(c, w, entry, is_due, e)) return false;
    }
    jw_object_end(w);
    return true;
}

struct page {
    struct arena *a;
    struct vcs_entry *entry;
    size_t n, limit;
    bool has_more;
};

static bool collect(void *ctx, const struct vcs_entry *entry)
{
    struct page *p = ctx;
    if (p->n == p->limit) {
        p->has_more = true;
        return false;
    }
    p->entry = arena_grow(p->a, p->entry, p->n, sizeof *p->entry);
    p->entry[p->n] = *entry;
    p->entry[p->n++].path = arena_dup(p->a, entry->path);
    return true;
}

/* Writes the entries; with `expands`, with the last commit of each. */
static bool reply_entries(struct call *c, const struct vcs_oid *commit, const struct vcs_entry *entry, size_t n,
                          bool expands, struct err *e)
{
    struct vcs_commit *last = NULL;
    bool is_due = false, ok = true;
    if (expands && n) {
        struct vcs_repo *git;
        str *path = arena_alloc(c->a, n * sizeof *path);
        last = arena_alloc(c->a, n * sizeof *last);
        for (size_t i = 0; i < n; i++) path[i] = entry[i].path;
        if (!call_git(c, &git, e) || !hub_last_commits(c->hub, c->repo.id, git, commit, path, n, c->a, last, e)) return false;
        if (!scan_will_come(c, &is_due, e)) return false;
    }
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; ok && i < n; i++) ok = write_tree_entry(c, &w, &entry[i], last ? &last[i] : NULL, is_due, e);
    jw_array_end(&w);
    if (!ok) {
        buf_deinit(&b);
        return false;
    }
    return call_reply_json(c, 200, &b);
}

static bool no_entry(struct call *c, const struct vcs_oid *commit, str path, struct err *e)
{
    char hex[VCS_OID_HEX + 1];
    http_add_header(c->http, "X-Repo-Commit", vcs_oid_hex(commit, hex));
    return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "%.*s does not exist on this revision", STR_ARG(str_to(path, 300)));
}

static bool get_tree(struct call *c, struct err *e)
{
    struct vcs_revision rev;
    struct vcs_repo *git;
    str rev_text, path, cursor = call_query(c, "cursor");
    bool expands = http_query_bool(c->http, "expand", false), found;
    if (!call_rev_path(c, "rest", &rev, &rev_text, &path, e) || !call_git(c, &git, e)) return false;

    struct page page = { .a = c->a, .limit = (size_t)call_query_limit(c, expands ? PAGE_EXPANDED : PAGE, PAGE_MAX) };
    struct vcs_walk walk = { .path = path,
                             .after = cursor.p ? cursor : STR(""),
                             .recursive = http_query_bool(c->http, "recursive", false),
                             .fn = collect,
                             .ctx = &page };
    if (!vcs_tree_walk(git, &rev.commit, &walk, &found, e)) return false;
    if (!found) return no_entry(c, &rev.commit, path, e);
    if (page.has_more) call_link_next(c, STR("cursor"), page.entry[page.n - 1].path);
    return reply_entries(c, &rev.commit, page.entry, page.n, expands, e);
}

/* The body is a form (Python) or JSON (the others); `paths` may be one text. */
static bool read_paths(struct call *c, str **paths, size_t *n, bool *expands, struct err *e)
{
    str type = http_header(c->http, "Content-Type"), value;
    str *list = arena_alloc(c->a, PATHS_MAX * sizeof *list);
    *n = 0;
    *expands = false;
    if (str_starts_nocase(type, STR("application/x-www-form-urlencoded"))) {
        str body = http_body(c->http);
        for (str rest = body; http_form_next(&rest, c->a, "paths", &value);) {
            if (*n == PATHS_MAX) return err_set(e, ERR_TOO_LARGE, "At most %d paths can be asked for at once", PATHS_MAX);
            list[(*n)++] = value;
        }
        if (http_form_nth(body, c->a, "expand", 0, &value))
            *expands = str_eq_nocase(value, STR("true")) || str_eq(value, STR("1"));
        *paths = list;
        return true;
    }
    struct json *body;
    if (!call_json(c, &body, e)) return false;
    const struct json *given = json_get(body, STR("paths"));
    *expands = json_bool_or(body, STR("expand"), false);
    if (json_is(given, JSON_STRING)) {
        list[(*n)++] = given->s;
    } else if (!json_is(given, JSON_ARRAY)) {
        return err_set(e, ERR_INVALID, "\"paths\" is required: a list of paths");
    }
    json_each (item, json_is(given, JSON_ARRAY) ? given : NULL) {
        if (item->type != JSON_STRING) return err_set(e, ERR_INVALID, "\"paths\" must hold strings only");
        if (*n == PATHS_MAX) return err_set(e, ERR_TOO_LARGE, "At most %d paths can be asked for at once", PATHS_MAX);
        list[(*n)++] = item->s;
    }
    *paths = list;
    return true;
}

static bool post_paths_info(struct call *c, struct err *e)
{
    struct vcs_revision rev;
    struct vcs_repo *git;
    str *paths = NULL;
    size_t n, known = 0;
    bool expands;
    if (!read_paths(c, &paths, &n, &expands, e)) return false;
    if (!call_revision(c, call_param(c, "rev"), &rev, e) || !call_git(c, &git, e)) return false;
    struct vcs_entry *entry = arena_alloc(c->a, (n + 1) * sizeof *entry);
    for (size_t i = 0; i < n; i++) {
        bool found;
        str path = paths[i];
        while (path.n && path.p[path.n - 1] == '/') path.n--;
        if (path.n == 0) continue;
        if (!vcs_entry_find(git, &rev.commit, path, &entry[known], &found, c->a, e)) return false;
        known += found;
    }
    return reply_entries(c, &rev.commit, entry, known, expands, e);
}

static bool get_treesize(struct call *c, struct err *e)
{
    struct vcs_revision rev;
    struct vcs_repo *git;
    uint64_t total;
    str rev_text, path;
    bool found;
    if (!call_rev_path(c, "rest", &rev, &rev_text, &path, e) || !call_git(c, &git, e)) return false;
    if (!hub_tree_size(c->hub, c->repo.id, git, &rev.commit, path, &total, &found, e)) return false;
    if (!found) return no_entry(c, &rev.commit, path, e);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "path", arena_fmt(c->a, "/%.*s", STR_ARG(path)));
    jw_kint(&w, "size", (int64_t)total);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, ANY_REPO "/tree/*rest", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_tree, "repo.tree", SHAPE_HUB },
    { HTTP_POST, ANY_REPO "/paths-info/*rev", PERM_REPO_SEE, HTTP_BODY_WHOLE, 4 << 20, 0, post_paths_info,
      "repo.paths-info", SHAPE_HUB },
    { HTTP_GET, ANY_REPO "/treesize/*rest", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_treesize, "repo.treesize", SHAPE_HUB },
};
const struct api_table hub_tree_table = API_TABLE(rows);
