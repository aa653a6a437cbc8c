/* web/repo/files/tree.c - a folder of a revision, with the commit that last touched each entry.  A page of it begins behind the name
 * in ?after=, in byte order: its address leads to the same place after others have committed, and no page costs more than
 * the first. */
#include "hub/history.h"
#include "hub/view/view.h"
#include "web/repo/files/files.h"
#include "web/repo/files/safety.h"

enum { ENTRIES_MAX = 1000 };

struct folder {
    struct arena *a;
    struct vcs_entry entry[ENTRIES_MAX];
    str path[ENTRIES_MAX];
    size_t n;
    bool more;
};

static bool take_entry(void *ctx, const struct vcs_entry *entry)
{
    struct folder *f = ctx;
    f->more = f->n == ENTRIES_MAX;
    if (f->more) return false;
    f->entry[f->n] = *entry;
    f->entry[f->n].path = f->path[f->n] = arena_dup(f->a, entry->path);
    f->n++;
    return true;
}

/* There are a thousand of these: no more than the page shows. */
static bool write_entry(struct page *p, const struct vcs_entry *entry, const struct vcs_commit *last, struct err *e)
{
    struct json_writer *w = &p->w;
    bool here;
    if (!file_is_here(p->c, entry, &here, e)) return false;
    size_t slash = str_rchr(entry->path, '/');
    char hex[VCS_OID_HEX + 1];
    jw_object(w);
    jw_kstr(w, "name", slash == STR_NONE ? entry->path : str_from(entry->path, slash + 1));
    if (entry->kind == VCS_DIR) jw_kbool(w, "is_folder", true);
    else jw_kint(w, "bytes", (int64_t)vcs_entry_size(entry));
    if (entry->lfs.is_lfs) jw_kbool(w, "is_large", true);
    if (!here) jw_kbool(w, "is_away", true);
    if (!safety_write_entry(p, entry, e)) return false;
    jw_kstr(w, "commit", vcs_oid_hex(&last->id, hex));
    jw_kstr(w, "title", view_cell(last->title));
    jw_kint(w, "at_ms", last->author_ms);
    jw_object_end(w);
    return true;
}

static bool get_tree(struct call *c, struct err *e)
{
    struct file_place at;
    bool found = true;
    if (!file_place_get(c, &at, e)) {
        /* A repository that nobody has pushed to. */
        if (e->code != ERR_NOT_FOUND || !str_eq(at.rev_text, STR("main"))) return false;
        struct page *p = file_page_new(c, &at, c->repo.full_name);
        jw_kbool(&p->w, "is_empty", true);
        return page_reply(p, 200, "repo/files/tree.html", e);
    }
    struct folder *f = arena_one(c->a, struct folder);
    f->a = c->a;
    str after = call_query(c, "after");
    if (after.n && at.path.n) after = arena_fmt(c->a, "%.*s/%.*s", STR_ARG(at.path), STR_ARG(after));
    struct vcs_walk walk = { .path = at.path, .after = after.p ? after : STR(""), .fn = take_entry, .ctx = f };
    if (!vcs_tree_walk(at.git, &at.rev.commit, &walk, &found, e)) return false;
    if (!found) return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "There is no folder \"%.*s\" in this revision", STR_ARG(str_to(at.path, 200)));
    struct vcs_commit *last = arena_alloc(c->a, (f->n + 1) * sizeof *last), head;
    if (!hub_last_commits(c->hub, c->repo.id, at.git, &at.rev.commit, f->path, f->n, c->a, last, e)) return false;
    if (!vcs_commit_read(at.git, &at.rev.commit, &head, &found, c->a, e)) return false;
    struct page *p = file_page_new(c, &at, at.path.n ? at.path : STR("Files"));
    file_write_kcommit(&p->w, "head", &head);
    jw_kbool(&p->w, "is_later", after.n > 0);
    if (f->more) jw_kstr(&p->w, "after", str_from(f->path[f->n - 1], at.path.n ? at.path.n + 1 : 0));
    jw_karray(&p->w, "entries");
    for (int folders = 1; folders >= 0; folders--) /* folders first */
        for (size_t i = 0; i < f->n; i++)
            if ((f->entry[i].kind == VCS_DIR) == folders && !write_entry(p, &f->entry[i], &last[i], e)) return false;
    jw_array_end(&p->w);
    return file_write_refs(p, e) && page_reply(p, 200, "repo/files/tree.html", e);
}

#define ROWS_OF(prefix) \
    { HTTP_GET, prefix "/tree/*rest", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_tree, "page.tree", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_tree = API_TABLE(rows);
