/* api/hub/ref.c - refs, branches, tags, history, comparison, squashing. */
#include "api/hub/hub_api.h"
#include "hub/commit/commit.h"
#include "hub/history.h"

enum { COMMITS_PAGE = 50, COMMITS_PAGE_MAX = 1000, DIFF_BYTES_MAX = 32 << 20, CHANGES_MAX = 100000 };

/* ------------------------------------------------------------------ refs */

static void write_refs(struct json_writer *w, const char *key, str prefix, const struct vcs_ref *ref, size_t n)
{
    jw_karray(w, key);
    for (size_t i = 0; i < n; i++) {
        if (!str_starts(ref[i].name, prefix)) continue;
        jw_object(w);
        jw_kstr(w, "name", str_from(ref[i].name, prefix.n));
        jw_kstr(w, "ref", ref[i].name);
        write_oid(w, "targetCommit", vcs_oid_is_zero(&ref[i].commit) ? &ref[i].target : &ref[i].commit);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static bool get_refs(struct call *c, struct err *e)
{
    struct vcs_ref *ref;
    size_t n;
    if (!hub_refs(call_db(c), c->repo.id, c->a, &ref, &n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    write_refs(&w, "branches", STR("refs/heads/"), ref, n);
    write_refs(&w, "converts", STR("refs/convert/"), ref, n);
    write_refs(&w, "tags", STR("refs/tags/"), ref, n);
    if (http_query_bool(c->http, "include_prs", false) || http_query_bool(c->http, "include_pull_requests", false))
        write_refs(&w, "pullRequests", STR("refs/pr/"), ref, n);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool post_branch(struct call *c, struct err *e)
{
    struct json *body;
    if (!call_json(c, &body, e)) return false;
    str name = call_param(c, "name"), start = json_str_or(body, STR("startingPoint"), STR("main"));
    if (!branch_create(c->hub, &c->repo, name, start, json_bool_or(body, STR("emptyBranch"), false),
                       json_bool_or(body, STR("overwrite"), false), &c->who, e))
        return false;
    return call_reply_ok(c);
}

static bool delete_branch(struct call *c, struct err *e)
{
    return branch_delete(c->hub, &c->repo, call_param(c, "name"), &c->who, e) && call_reply_ok(c);
}

static bool post_tag(struct call *c, struct err *e)
{
    struct json *body;
    str tag;
    if (!call_json(c, &body, e) || !json_need_str(body, "tag", &tag, e)) return false;
    str message = json_str_or(body, STR("message"), STR(""));
    return tag_create(c->hub, &c->repo, tag, call_param(c, "name"), message, &c->who, e) && call_reply_ok(c);
}

static bool delete_tag(struct call *c, struct err *e)
{
    return tag_delete(c->hub, &c->repo, call_param(c, "name"), &c->who, e) && call_reply_ok(c);
}

static bool post_squash(struct call *c, struct err *e)
{
    struct json *body;
    struct vcs_oid commit;
    if (!call_json(c, &body, e)) return false;
    str rev = call_param(c, "rev"), message = json_str_or(body, STR("message"), STR(""));
    if (message.n > 500) return err_set(e, ERR_INVALID, "\"message\" may have at most 500 bytes");
    if (message.n == 0) message = arena_fmt(c->a, "Super-squash branch '%.*s'", STR_ARG(rev));
    if (!super_squash(c->hub, &c->repo, rev, message, &c->who, &commit, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    write_oid(&w, "commitId", &commit);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ history */

static bool wants_formatted(struct call *c)
{
    str *item;
    size_t n;
    query_list(c, "expand", true, &item, &n);
    for (size_t i = 0; i < n; i++)
        if (str_eq(item[i], STR("formatted"))) return true;
    return false;
}

static void write_html_text(struct json_writer *w, const char *key, str text)
{
    struct buf html = BUF_INIT(0);
    buf_html(&html, text);
    jw_kstr(w, key, buf_str(&html));
    buf_deinit(&html);
}

static bool get_commits(struct call *c, struct err *e)
{
    struct vcs_revision rev;
    struct vcs_repo *git;
    struct vcs_commit *commit;
    str rev_text, rest, page_text = call_query(c, "p");
    uint64_t page = 0, limit = call_query_limit(c, COMMITS_PAGE, COMMITS_PAGE_MAX);
    size_t n, total;
    if (page_text.p && (!str_u64(page_text, &page) || page > 1000000)) return err_set(e, ERR_INVALID, "\"p\" must be a page number");
    if (!call_rev_path(c, "rest", &rev, &rev_text, &rest, e) || !call_git(c, &git, e)) return false;
    if (!hub_history(c->hub, c->repo.id, git, &rev.commit, (size_t)(page * limit), (size_t)limit, c->a, &commit, &n, &total, e)) return false;

    bool formatted = wants_formatted(c);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        write_oid(&w, "id", &commit[i].id);
        jw_kstr(&w, "title", commit[i].title);
        jw_kstr(&w, "message", commit[i].body);
        jw_kdate(&w, "date", commit[i].committer_ms);
        jw_karray(&w, "authors");
        jw_object(&w);
        jw_kstr(&w, "user", commit[i].author_name);
        jw_kstr(&w, "avatar", call_avatar_url(c, STR("default")));
        jw_object_end(&w);
        jw_array_end(&w);
        if (formatted) {
            jw_kobject(&w, "formatted");
            write_html_text(&w, "title", commit[i].title);
            write_html_text(&w, "message", commit[i].body);
            jw_object_end(&w);
        }
        jw_object_end(&w);
    }
    jw_array_end(&w);
    http_add_headerf(c->http, "X-Total-Count", "%zu", total);
    if (page * limit + n < total) call_link_next(c, STR("p"), arena_fmt(c->a, "%llu", (unsigned long long)page + 1));
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ comparison */

static bool revision_or_parent(struct call *c, str text, struct vcs_oid *out, bool *exists, struct err *e)
{
    bool parent = text.n && text.p[text.n - 1] == '^';
    struct vcs_revision rev;
    if (!call_revision(c, parent ? str_to(text, text.n - 1) : text, &rev, e)) return false;
    *out = rev.commit;
    *exists = true;
    if (!parent) return true;
    struct vcs_repo *git;
    struct vcs_commit commit;
    bool found;
    if (!call_git(c, &git, e) || !vcs_commit_read(git, &rev.commit, &commit, &found, c->a, e)) return false;
    *exists = commit.parents_count > 0;
    *out = commit.parent;
    return true;
}

bool call_compare(struct call *c, str spec, struct vcs_oid *base, bool *has_base, struct vcs_oid *head, struct err *e)
{
    size_t dots = str_find(spec, STR(".."));
    bool has_head;
    if (dots == STR_NONE) {
        if (!revision_or_parent(c, spec, head, &has_head, e)) return false;
        return revision_or_parent(c, arena_fmt(c->a, "%.*s^", STR_ARG(spec)), base, has_base, e);
    }
    size_t behind = dots + (str_starts(str_from(spec, dots), STR("...")) ? 3 : 2);
    if (!revision_or_parent(c, str_to(spec, dots), base, has_base, e)) return false;
    if (!revision_or_parent(c, str_from(spec, behind), head, &has_head, e)) return false;
    if (!has_head) return err_set(e, ERR_INVALID, "The right side of the comparison has no parent");
    if (behind - dots == 2 || !*has_base) return true;
    struct vcs_repo *git;
    return call_git(c, &git, e) && hub_merge_base(c->hub, c->repo.id, git, base, head, base, has_base, e);
}

static bool get_compare(struct call *c, struct err *e)
{
    struct vcs_oid base, head;
    struct vcs_repo *git;
    bool has_base;
    if (!call_compare(c, call_param(c, "spec"), &base, &has_base, &head, e) || !call_git(c, &git, e)) return false;
    struct buf b = BUF_INIT(DIFF_BYTES_MAX);
    if (!http_query_bool(c->http, "raw", false)) {
        if (!vcs_diff_text(git, has_base ? &base : NULL, &head, &b, e)) {
            buf_deinit(&b);
            return false;
        }
        return http_reply_buf(c->http, 200, "text/plain; charset=utf-8", &b);
    }
    struct vcs_change *change;
    size_t n;
    if (!vcs_diff(git, has_base ? &base : NULL, &head, CHANGES_MAX, c->a, &change, &n, e)) return false;
    for (size_t i = 0; i < n; i++) { /* read by fixed offsets; see the sheet, 3.7 */
        char old_hex[VCS_OID_HEX + 1], new_hex[VCS_OID_HEX + 1];
        vcs_oid_hex(&change[i].old_oid, old_hex);
        vcs_oid_hex(&change[i].new_oid, new_hex);
        buf_addf(&b, "%c %llu\t:%06o %06o %s... %s... %c", change[i].is_binary ? 'B' : 'T',
                 (unsigned long long)change[i].new_bytes, change[i].old_mode, change[i].new_mode, old_hex, new_hex,
                 change[i].status);
        bool two = change[i].status == 'R' || change[i].status == 'C';
        if (two) buf_addf(&b, "%03d", change[i].score);
        buf_byte(&b, '\t');
        buf_add(&b, two || change[i].status == 'D' ? change[i].old_path : change[i].new_path);
        if (two) {
            buf_byte(&b, '\t');
            buf_add(&b, change[i].new_path);
        }
        buf_byte(&b, '\n');
    }
    if (b.failed) {
        buf_deinit(&b);
        return err_set(e, ERR_TOO_LARGE, "The comparison is larger than 32 MiB");
    }
    return http_reply_buf(c->http, 200, "text/plain; charset=utf-8", &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, ANY_REPO "/refs", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_refs, "repo.refs", SHAPE_HUB },
    { HTTP_POST, ANY_REPO "/branch/*name", PERM_REPO_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_branch,
      "branch.create", SHAPE_HUB },
    { HTTP_DELETE, ANY_REPO "/branch/*name", PERM_REPO_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_branch,
      "branch.delete", SHAPE_HUB },
    { HTTP_POST, ANY_REPO "/tag/*name", PERM_REPO_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_tag, "tag.create", SHAPE_HUB },
    { HTTP_DELETE, ANY_REPO "/tag/*name", PERM_REPO_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_tag, "tag.delete",
      SHAPE_HUB },
    { HTTP_POST, ANY_REPO "/super-squash/*rev", PERM_REPO_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_squash,
      "repo.super-squash", SHAPE_HUB },
    { HTTP_GET, ANY_REPO "/commits/*rest", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_commits, "repo.commits", SHAPE_HUB },
    { HTTP_GET, ANY_REPO "/compare/*spec", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_compare, "repo.compare", SHAPE_HUB },
};
const struct api_table hub_ref_table = API_TABLE(rows);
