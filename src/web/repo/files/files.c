/* web/repo/files/files.c - what the pages of a repository's files share: the place in it, its commits and refs as JSON. */
#include "hub/mirror_list.h"
#include "hub/view/view.h"
#include "web/repo/files/files.h"

bool file_place_get(struct call *c, struct file_place *out, struct err *e)
{
    *out = (struct file_place){ .rev_text = STR("main"), .path = STR("") };
    if (!call_git(c, &out->git, e)) return false;
    bool ok = call_param(c, "rest").n ? call_rev_path(c, "rest", &out->rev, &out->rev_text, &out->path, e)
                                      : call_revision(c, out->rev_text, &out->rev, e);
    if (!ok) return false;
    str ref = out->rev.ref;
    if (str_starts(ref, STR("refs/heads/"))) out->branch = str_from(ref, strlen("refs/heads/"));
    else if (str_starts(ref, STR("refs/pr/"))) out->branch = ref;
    return true;
}

bool file_place_entry(struct call *c, struct file_place *at, struct vcs_entry *entry, struct err *e)
{
    bool found;
    if (!file_place_get(c, at, e) || !vcs_entry_find(at->git, &at->rev.commit, at->path, entry, &found, c->a, e)) return false;
    return (found && at->path.n) ||
           err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "There is no file \"%.*s\" in this revision", STR_ARG(str_to(at->path, 200)));
}

bool file_is_here(struct call *c, const struct vcs_entry *entry, bool *here, struct err *e)
{
    struct sha256 sha256;
    *here = true;
    if (!entry->lfs.is_lfs) return true;
    memcpy(sha256.b, entry->lfs.sha256, SHA256_BYTES);
    return mirror_shows_file(c->hub, call_db(c), &c->repo, &sha256, entry->lfs.size_bytes, here, e);
}

str file_href(struct call *c, const char *action, str rev, str path)
{
    struct buf b = BUF_INIT(0);
    buf_addf(&b, "/%.*s%.*s/%s/", STR_ARG(repo_web_prefix(c->repo.kind)), STR_ARG(c->repo.full_name), action);
    http_encode(&b, rev, "");
    if (path.n) buf_byte(&b, '/');
    http_encode(&b, path, "/");
    str href = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return href;
}

void file_write_commit(struct json_writer *w, const struct vcs_commit *k)
{
    char hex[VCS_OID_HEX + 1];
    vcs_oid_hex(&k->id, hex);
    jw_kstr(w, "id", str_c(hex));
    jw_kstr(w, "short", str_n(hex, 7));
    jw_kstr(w, "title", view_cell(k->title));
    jw_kstr(w, "body", k->body);
    jw_kstr(w, "author", k->author_name);
    jw_kint(w, "at_ms", k->author_ms);
}

void file_write_kcommit(struct json_writer *w, const char *key, const struct vcs_commit *k)
{
    jw_kobject(w, key);
    file_write_commit(w, k);
    jw_object_end(w);
}

static void write_steps(struct json_writer *w, str path)
{
    jw_karray(w, "steps");
    for (size_t i = 0; i <= path.n && path.n; i++) {
        if (i < path.n && path.p[i] != '/') continue;
        str upto = str_to(path, i);
        size_t slash = str_rchr(upto, '/');
        jw_object(w);
        jw_kstr(w, "name", slash == STR_NONE ? upto : str_from(upto, slash + 1));
        jw_kstr(w, "path", upto);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* The members of a place alone. */
static void file_write_place(struct page *p, const struct file_place *at)
{
    struct call *c = p->c;
    struct buf url = BUF_INIT(0);
    struct err ignored;
    bool is_member = c->who.user_id && call_allow(c, &c->repo, REPO_DISCUSS, &ignored);
    page_write_repo_frame(p, "files");
    http_encode(&url, at->rev_text, "");
    jw_kstr(&p->w, "rev", at->rev_text);
    jw_kstr(&p->w, "rev_url", buf_str(&url));
    jw_kstr(&p->w, "branch", at->branch.p ? at->branch : STR(""));
    jw_kstr(&p->w, "file_path", at->path);
    bool is_head = str_starts(at->rev.ref, STR("refs/heads/")); /* a pull request begins at a branch */
    jw_kbool(&p->w, "may_propose", is_member && is_head && !c->repo.discussions_disabled);
    jw_kbool(&p->w, "may_write", is_member && at->branch.p && commit_allow(call_db(c), &c->who, &c->repo, at->branch, false, &ignored));
    write_steps(&p->w, at->path);
    buf_deinit(&url);
}

struct page *file_page_new(struct call *c, const struct file_place *at, str title)
{
    struct page *p = page_new(c, title);
    file_write_place(p, at);
    return p;
}

bool file_write_refs(struct page *p, struct err *e)
{
    struct vcs_ref *ref;
    size_t n;
    if (!hub_refs(call_db(p->c), p->c->repo.id, p->c->a, &ref, &n, e)) return false;
    jw_karray(&p->w, "refs");
    for (size_t i = 0; i < n; i++) {
        str name = ref[i].name;
        if (str_starts(name, STR("refs/heads/"))) jw_str(&p->w, str_from(name, 11));
        else if (str_starts(name, STR("refs/tags/"))) jw_str(&p->w, str_from(name, 10));
    }
    jw_array_end(&p->w);
    return true;
}
