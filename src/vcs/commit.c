/* vcs/commit.c - a commit made from a base tree and a list of edits.
 *
 * The edits are played, in order, into a tree of nodes in memory that holds only what they touch; then
 * the nodes are merged with the base, folder by folder, reading only folders that have nodes.  So the
 * last edit of a path wins, a file may become a folder and the other way round, and the cost is that of
 * the touched folders plus O(n log n) for n edits, in one flat folder as in deep ones.
 *
 * What a node says about its path, on top of the base:
 *     KEEP    a folder (or not there): look at its children; hides_base says that nothing below it comes
 *             from the base any more
 *     PUT     a file
 *     GONE    nothing
 * A removal of what only the base can have is checked when the base is read (`must_be`). */
#include <git2/sys/commit.h>

#include "base/hash.h"
#include "vcs/path.h"
#include "vcs/vcs_priv.h"

enum node_state { KEEP, PUT, GONE };
enum must_be { ANYTHING, SOME_ENTRY, SOME_FILE, SOME_DIR };

struct node {
    str name;
    struct node *parent, *first_child, *next_sibling;
    struct node *next_in_bucket;
    uint64_t hash;
    uint32_t epoch, parent_epoch;
    enum node_state state;
    enum must_be must_be;
    bool hides_base;
    bool is_merged;      /* met in the base while merging */
    uint32_t mode;       /* PUT */
    struct vcs_oid oid;
    str path;            /* of the edit, for messages */
};

struct editor {
    struct vcs_repo *repo;
    struct arena *arena;
    struct node root;
    struct node **bucket;
    size_t buckets_count;
    uint64_t seed;       /* nobody can prepare names that collide */
    size_t folder_entries_max;
};

/* ------------------------------------------------------------------ nodes */

static uint64_t hash_of(const struct editor *d, const struct node *parent, str name)
{
    uint64_t h = d->seed ^ ((uint64_t)(uintptr_t)parent * 0x9e3779b97f4a7c15u);
    for (size_t i = 0; i < name.n; i++) h = (h ^ (uint8_t)name.p[i]) * 0x100000001b3u + (h >> 47);
    h ^= h >> 32;
    return h * 0x9e3779b97f4a7c15u;
}

static struct node *child_find(const struct editor *d, const struct node *parent, str name)
{
    uint64_t h = hash_of(d, parent, name);
    for (struct node *c = d->bucket[h & (d->buckets_count - 1)]; c; c = c->next_in_bucket)
        if (c->hash == h && c->parent == parent && c->parent_epoch == parent->epoch && str_eq(c->name, name)) return c;
    return NULL;
}

static struct node *child_add(struct editor *d, struct node *parent, str name)
{
    struct node *c = arena_one(d->arena, struct node);
    c->name = name;
    c->parent = parent;
    c->parent_epoch = parent->epoch;
    c->hash = hash_of(d, parent, name);
    c->next_sibling = parent->first_child;
    parent->first_child = c;
    struct node **b = &d->bucket[c->hash & (d->buckets_count - 1)];
    c->next_in_bucket = *b;
    *b = c;
    return c;
}

static void editor_init(struct editor *d, struct vcs_repo *r, size_t edits_count)
{
    *d = (struct editor){ .repo = r, .arena = arena_new(0), .seed = random_u64(), .buckets_count = 64 };
    while (d->buckets_count < edits_count * 2) d->buckets_count *= 2;
    d->bucket = mem_alloc(d->buckets_count * sizeof(struct node *));
}

static void editor_deinit(struct editor *d)
{
    mem_free(d->bucket);
    arena_free(d->arena);
}

/* ------------------------------------------------------------------ playing the edits */

static bool missing(str path, struct err *e)
{
    return err_kind(e, ERR_NOT_FOUND, "EntryNotFound", "\"%.*s\" cannot be removed: it is not in the repository",
                    STR_ARG(str_to(path, 300)));
}

/* Forgets what was said below a node, in one step: its children are those of the present epoch. */
static void children_forget(struct node *n)
{
    n->first_child = NULL;
    n->epoch++;
}

static bool has_file_below(const struct node *n)
{
    if (n->state == PUT) return true;
    if (n->state == GONE) return false;
    for (const struct node *c = n->first_child; c; c = c->next_sibling)
        if (has_file_below(c)) return true;
    return false;
}

static void node_put(struct node *n, const struct vcs_edit *edit)
{
    children_forget(n);
    n->state = PUT;
    n->mode = edit->mode;
    n->oid = edit->oid;
    n->path = edit->path;
}

/* covered: a node above says that nothing below it comes from the base. */
static bool node_remove(struct node *n, const struct vcs_edit *edit, bool covered, struct err *e)
{
    bool wants_dir = edit->kind == VCS_REMOVE_DIR, wants_file = edit->kind == VCS_REMOVE_FILE;
    bool base_hidden = covered || n->hides_base || n->state != KEEP;
    bool is_file_now = n->state == PUT;
    bool is_dir_now = n->state == KEEP && has_file_below(n);

    if (is_file_now && wants_dir) return missing(edit->path, e);
    if (is_dir_now && wants_file) return missing(edit->path, e);
    if (!is_file_now && !is_dir_now) {
        if (base_hidden) return missing(edit->path, e);
        n->must_be = wants_dir ? SOME_DIR : wants_file ? SOME_FILE : SOME_ENTRY;
        n->path = edit->path;
    }
    children_forget(n);
    n->state = GONE;
    return true;
}

static bool edit_play(struct editor *d, const struct vcs_edit *edit, struct err *e)
{
    struct node *n = &d->root;
    str rest = edit->path, name;
    bool covered = false, is_put = edit->kind == VCS_PUT;
    if (!vcs_path_check(edit->path, e)) return false;
    while (str_cut(&rest, '/', &name)) {
        if (n != &d->root && n->state != KEEP) {
            /* Above the path stands a file, or nothing. */
            if (!is_put) return missing(edit->path, e);
            n->state = KEEP;
            n->hides_base = true;
        }
        covered = covered || n->hides_base;
        struct node *c = child_find(d, n, name);
        n = c ? c : child_add(d, n, name);
    }
    if (!is_put) return node_remove(n, edit, covered, e);
    if (edit->mode && edit->mode != 0100644 && edit->mode != 0100755 && edit->mode != 0120000)
        return err_set(e, ERR_UNPROCESSABLE, "\"%.*s\": %o is no mode of a file", STR_ARG(str_to(edit->path, 300)),
                       edit->mode);
    node_put(n, edit);
    return true;
}

/* ------------------------------------------------------------------ merging with the base */

struct line { /* of a new tree */
    uint32_t mode;
    str name;
    struct vcs_oid oid;
};

struct lines {
    struct line *at;
    size_t n, cap;
    bool is_unsorted;
};

static void line_add(struct lines *l, uint32_t mode, str name, const struct vcs_oid *oid)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 32;
        l->at = mem_grow(l->at, l->cap * sizeof *l->at);
    }
    l->at[l->n++] = (struct line){ mode, name, *oid };
}

static int line_order(const void *va, const void *vb)
{
    const struct line *a = va, *b = vb;
    return tree_order(a->name, mode_is_dir(a->mode), b->name, mode_is_dir(b->mode));
}

static bool must_be_check(const struct node *n, const struct tree_item *base, struct err *e)
{
    bool is_dir = base && mode_is_dir(base->mode);
    switch (n->must_be) {
    case ANYTHING: return true;
    case SOME_ENTRY: return base ? true : missing(n->path, e);
    case SOME_FILE: return base && !is_dir ? true : missing(n->path, e);
    case SOME_DIR: return is_dir ? true : missing(n->path, e);
    }
    return true;
}

static bool merge_folder(struct editor *d, struct node *n, const struct vcs_oid *base, struct vcs_oid *out,
                         bool *is_empty, struct err *e);

static bool put_blob(struct editor *d, const struct node *n, const struct tree_item *base, struct lines *l,
                     struct err *e)
{
    size_t size;
    git_object_t type;
    int rc = git_odb_read_header(&size, &type, d->repo->odb, oid_git(&n->oid));
    if (rc != 0 || type != GIT_OBJECT_BLOB) {
        git_error_clear();
        return err_set(e, ERR_UNPROCESSABLE, "\"%.*s\": its content is not stored", STR_ARG(str_to(n->path, 300)));
    }
    bool keeps = base && (base->mode == 0100644 || base->mode == 0100755);
    line_add(l, n->mode ? n->mode : keeps ? base->mode : 0100644, n->name, &n->oid);
    return true;
}

/* base: what stood there before, or NULL. */
static bool merge_child(struct editor *d, struct node *c, const struct tree_item *base, struct lines *l, struct err *e)
{
    struct vcs_oid tree;
    bool is_empty;
    if (!must_be_check(c, base, e)) return false;
    if (c->state == GONE) return true;
    if (c->state == PUT) return put_blob(d, c, base, l, e);
    bool base_is_dir = base && mode_is_dir(base->mode) && !c->hides_base;
    if (!merge_folder(d, c, base_is_dir ? &base->oid : NULL, &tree, &is_empty, e)) return false;
    if (!is_empty) line_add(l, 0040000, c->name, &tree);
    return true;
}

static bool lines_write(struct vcs_repo *r, struct lines *l, struct vcs_oid *out, struct err *e)
{
    struct buf text = BUF_INIT(0);
    if (l->is_unsorted) qsort(l->at, l->n, sizeof *l->at, line_order);
    for (size_t i = 0; i < l->n; i++) tree_text_add(&text, l->at[i].mode, l->at[i].name, &l->at[i].oid);
    bool ok = stage_write(r, GIT_OBJECT_TREE, bytes_of(buf_str(&text)), out, e);
    buf_deinit(&text);
    return ok;
}

static bool width_check(const struct editor *d, const struct node *n, size_t now, size_t before, struct err *e)
{
    if (d->folder_entries_max == 0 || now <= d->folder_entries_max || now <= before) return true;
    str name = n == &d->root ? STR("(the root)") : str_to(n->name, 300);
    return err_set(e, ERR_UNPROCESSABLE, "the folder \"%.*s\" would have %zu entries, and %zu are allowed: spread the files over several folders",
                   STR_ARG(name), now, d->folder_entries_max);
}

static bool merge_folder(struct editor *d, struct node *n, const struct vcs_oid *base, struct vcs_oid *out,
                         bool *is_empty, struct err *e)
{
    struct lines l = { 0 };
    struct tree t;
    struct tree_item item;
    size_t base_count = 0;
    bool more, ok = false;
    if (!tree_open(d->repo, base, &t, e)) return false;
    for (;;) {
        if (!tree_next(&t, &item, &more, e)) goto done;
        if (!more) break;
        base_count++;
        struct node *c = child_find(d, n, item.name);
        if (!c) {
            line_add(&l, item.mode, item.name, &item.oid);
            continue;
        }
        c->is_merged = true;
        size_t before = l.n;
        if (!merge_child(d, c, &item, &l, e)) goto done;
        if (l.n > before && mode_is_dir(l.at[before].mode) != mode_is_dir(item.mode)) l.is_unsorted = true;
    }
    for (struct node *c = n->first_child; c; c = c->next_sibling) {
        if (c->is_merged) continue;
        if (!merge_child(d, c, NULL, &l, e)) goto done;
        l.is_unsorted = true;
    }
    if (!width_check(d, n, l.n, base_count, e)) goto done;
    *is_empty = l.n == 0;
    ok = (*is_empty && n != &d->root) || lines_write(d->repo, &l, out, e);
done:
    mem_free(l.at);
    tree_close(&t);
    return ok;
}

/* ------------------------------------------------------------------ the commit itself */

/* Names that git could not store lose what it forbids; an empty one gets a word, so that a reader sees one. */
static void clean(str s, const char *otherwise, char *out, size_t cap)
{
    size_t n = 0;
    s = str_trim(s);
    for (size_t i = 0; i < s.n && n + 1 < cap; i++) {
        char c = s.p[i];
        if (c == '<' || c == '>' || c == '\n' || c == '\r' || c == 0) continue;
        out[n++] = c;
    }
    out[n] = 0;
    if (str_trim(str_n(out, n)).n == 0) snprintf(out, cap, "%s", otherwise);
}

bool person_signature(const struct vcs_person *p, git_signature **out, struct err *e)
{
    char name[256], email[256];
    clean(p->name, "unknown", name, sizeof name);
    clean(p->email, "unknown@localhost", email, sizeof email);
    int64_t seconds = p->when_ms / 1000 - (p->when_ms % 1000 < 0);
    int rc = git_signature_new(out, name, email, seconds < 0 ? 0 : seconds, 0);
    return rc == 0 || vcs_fail(e, rc, "cannot sign a commit");
}

bool commit_write(struct vcs_repo *r, const struct vcs_oid *tree, const struct vcs_oid *parents, size_t parents_count,
                  const struct vcs_person *author, const struct vcs_person *committer, str message,
                  struct vcs_oid *out, struct err *e)
{
    struct buf text = BUF_INIT(0);
    git_signature *by = NULL, *through = NULL;
    const git_oid **list = mem_alloc((parents_count + 1) * sizeof *list);
    bool ok = false;
    git_oid id;
    if (message.n && memchr(message.p, 0, message.n)) {
        err_set(e, ERR_UNPROCESSABLE, "the commit message contains a NUL byte");
        goto done;
    }
    if (message.n > VCS_MESSAGE_BYTES_MAX) {
        err_set(e, ERR_TOO_LARGE, "the commit message has %zu bytes; at most %d are accepted", message.n, VCS_MESSAGE_BYTES_MAX);
        goto done;
    }
    buf_add(&text, message);
    if (!str_ends(message, STR("\n"))) buf_byte(&text, '\n');
    for (size_t i = 0; i < parents_count; i++) list[i] = oid_git(&parents[i]);
    if (!stage_attach(r, e) || !person_signature(author, &by, e) || !person_signature(committer, &through, e))
        goto done;
    int rc = git_commit_create_from_ids(&id, r->git, NULL, by, through, NULL, buf_cstr(&text), oid_git(tree),
                                        parents_count, list);
    ok = rc == 0 || vcs_fail(e, rc, "cannot write a commit");
    if (ok) *out = oid_from(&id);
done:
    git_signature_free(by);
    git_signature_free(through);
    mem_free(list);
    buf_deinit(&text);
    return ok;
}

bool vcs_commit_create(struct vcs_repo *r, const struct vcs_commit_request *q, struct vcs_oid *out, struct err *e)
{
    struct editor d;
    struct vcs_oid base, tree;
    bool found = false, is_empty, ok = false;
    editor_init(&d, r, q->edits_count);
    d.folder_entries_max = q->folder_entries_max;
    if (q->base) {
        if (!commit_tree(r, q->base, &base, &found, e)) goto done;
        if (!found) {
            err_set(e, ERR_NOT_FOUND, "the commit to build on is not in the repository");
            goto done;
        }
    }
    for (size_t i = 0; i < q->edits_count; i++)
        if (!edit_play(&d, &q->edits[i], e)) goto done;
    if (!merge_folder(&d, &d.root, q->base ? &base : NULL, &tree, &is_empty, e)) goto done;
    ok = commit_write(r, &tree, q->parents, q->parents_count, &q->author, &q->committer, q->message, out, e) &&
         stage_flush(r, e);
done:
    editor_deinit(&d);
    return ok;
}
