/* vcs/tree.c - folders of a commit: read, looked up, walked.
 *
 * Trees are read by a cursor over git's own bytes ("mode SP name NUL id", sorted) instead of libgit2's
 * parsed form: no allocation per entry, and a malformed one is an error of ours.
 *
 * Two orders meet here.  Git sorts a folder as if its name ended in '/', so files come out in byte order
 * of their full paths when folders are entered where they stand.  A listing also names the folders, and
 * "a" sorts before "a.txt" while "a/x" sorts behind it: within one folder the walk therefore sorts
 * events, of which a subfolder has two, its name and its content. */
#include "vcs/lfs_pointer.h"
#include "vcs/vcs_priv.h"

/* ------------------------------------------------------------------ the cursor */

void tree_rewind(struct tree *t)
{
    t->rest = t->object ? (bytes){ git_odb_object_data(t->object), git_odb_object_size(t->object) } : (bytes){ 0 };
}

bool tree_open(struct vcs_repo *r, const struct vcs_oid *oid, struct tree *out, struct err *e)
{
    *out = (struct tree){ 0 };
    if (!oid) return true;
    int rc = git_odb_read(&out->object, r->odb, oid_git(oid));
    if (rc != 0) return vcs_fail(e, rc, "cannot read a tree");
    if (git_odb_object_type(out->object) != GIT_OBJECT_TREE) {
        tree_close(out);
        return err_set(e, ERR_INVALID, "an object that should be a tree is none");
    }
    tree_rewind(out);
    return true;
}

void tree_close(struct tree *t)
{
    git_odb_object_free(t->object);
    t->object = NULL;
}

/* Old writers left other permission bits; git reads them as one of five modes, and what is neither file, link nor folder as a
 * submodule, whose object it neither sends nor keeps. */
static uint32_t mode_normal(uint32_t mode)
{
    switch (mode & 0170000) {
    case 0040000: return 0040000;
    case 0120000: return 0120000;
    case 0100000: return mode & 0100 ? 0100755 : 0100644;
    default: return 0160000;
    }
}

bool tree_next(struct tree *t, struct tree_item *out, bool *more, struct err *e)
{
    *more = t->rest.n > 0;
    if (!*more) return true;
    const uint8_t *p = t->rest.p, *end = p + t->rest.n;
    uint32_t mode = 0;
    for (; p < end && *p >= '0' && *p <= '7' && mode <= 0177777; p++) mode = mode << 3 | (uint32_t)(*p - '0');
    if (p == end || *p != ' ') return err_set(e, ERR_INVALID, "a tree has a malformed mode");
    const uint8_t *name = ++p;
    const uint8_t *nul = memchr(p, 0, (size_t)(end - p));
    if (!nul || nul == name || (size_t)(end - nul - 1) < sizeof out->oid)
        return err_set(e, ERR_INVALID, "a tree has a malformed entry");
    out->mode = mode_normal(mode);
    out->name = str_n((const char *)name, (size_t)(nul - name));
    memcpy(out->oid.b, nul + 1, sizeof out->oid);
    p = nul + 1 + sizeof out->oid;
    t->rest = (bytes){ p, (size_t)(end - p) };
    return true;
}

int tree_order(str a, bool a_is_dir, str b, bool b_is_dir)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c != 0) return c;
    uint8_t ca = a.n > n ? (uint8_t)a.p[n] : a_is_dir ? '/' : 0;
    uint8_t cb = b.n > n ? (uint8_t)b.p[n] : b_is_dir ? '/' : 0;
    return (ca > cb) - (ca < cb);
}

void tree_text_add(struct buf *out, uint32_t mode, str name, const struct vcs_oid *oid)
{
    buf_addf(out, "%o ", mode);
    buf_add(out, name);
    buf_byte(out, 0);
    buf_add(out, str_n((const char *)oid->b, sizeof oid->b));
}

/* ------------------------------------------------------------------ looking up */

bool commit_tree(struct vcs_repo *r, const struct vcs_oid *commit, struct vcs_oid *tree, bool *found, struct err *e)
{
    git_commit *c = NULL;
    int rc = git_commit_lookup(&c, r->git, oid_git(commit));
    *found = rc == 0;
    if (rc == GIT_ENOTFOUND) {
        git_error_clear();
        return true;
    }
    if (rc != 0) return vcs_fail(e, rc, "cannot read a commit");
    *tree = oid_from(git_commit_tree_id(c));
    git_commit_free(c);
    return true;
}

static bool find_in(struct vcs_repo *r, const struct vcs_oid *tree, str name, struct tree_item *out, bool *found,
                    struct err *e)
{
    struct tree t;
    bool more, ok;
    *found = false;
    if (!tree_open(r, tree, &t, e)) return false;
    while ((ok = tree_next(&t, out, &more, e)) && more) {
        if (!str_eq(out->name, name)) continue;
        *found = true;
        break;
    }
    out->name = name; /* the view into the tree ends with it */
    tree_close(&t);
    return ok;
}

bool tree_find(struct vcs_repo *r, const struct vcs_oid *root, str path, struct tree_item *out, bool *found,
               struct err *e)
{
    str name;
    out->oid = *root;
    out->mode = 0040000;
    *found = path.n > 0;
    while (*found && str_cut(&path, '/', &name)) {
        struct vcs_oid dir = out->oid;
        if (!mode_is_dir(out->mode) || name.n == 0) {
            *found = false;
            return true;
        }
        if (!find_in(r, &dir, name, out, found, e)) return false;
    }
    return true;
}

bool entry_fill(struct vcs_repo *r, const struct tree_item *item, str path, struct vcs_entry *out, struct err *e)
{
    *out = (struct vcs_entry){ .mode = item->mode, .path = path, .oid = item->oid, .kind = VCS_FILE };
    if (item->mode == 0040000) out->kind = VCS_DIR;
    if (item->mode == 0160000) out->kind = VCS_SUBMODULE;
    if (out->kind != VCS_FILE) return true;

    size_t size;
    git_object_t type;
    int rc = git_odb_read_header(&size, &type, r->odb, oid_git(&item->oid));
    if (rc != 0) return vcs_fail(e, rc, "cannot read the file %.*s", STR_ARG(str_to(path, 200)));
    if (type != GIT_OBJECT_BLOB)
        return err_set(e, ERR_INVALID, "the file %.*s is no file inside", STR_ARG(str_to(path, 200)));
    out->blob_bytes = size;
    enum { POINTER_BYTES_MIN = 43 + 76 + 6 }; /* the three lines, and a size of one digit */
    if (size < POINTER_BYTES_MIN || size > LFS_POINTER_BYTES_MAX || item->mode == 0120000) return true;

    git_odb_object *o;
    rc = git_odb_read(&o, r->odb, oid_git(&item->oid));
    if (rc != 0) return vcs_fail(e, rc, "cannot read the file %.*s", STR_ARG(str_to(path, 200)));
    (void)lfs_pointer_parse((bytes){ git_odb_object_data(o), git_odb_object_size(o) }, &out->lfs);
    git_odb_object_free(o);
    return true;
}

bool vcs_entry_find(struct vcs_repo *r, const struct vcs_oid *commit, str path, struct vcs_entry *out, bool *found,
                    struct arena *a, struct err *e)
{
    struct tree_item item = { .mode = 0040000 };
    if (!commit_tree(r, commit, &item.oid, found, e)) return false;
    if (!*found) return true;
    if (path.n > 0) {
        struct vcs_oid root = item.oid;
        if (!tree_find(r, &root, path, &item, found, e)) return false;
        if (!*found) return true;
    }
    return entry_fill(r, &item, arena_dup(a, path), out, e);
}

bool vcs_blob_read(struct vcs_repo *r, const struct vcs_oid *oid, size_t n_max, struct arena *a, bytes *out,
                   struct err *e)
{
    size_t size;
    git_object_t type;
    git_odb_object *o;
    int rc = git_odb_read_header(&size, &type, r->odb, oid_git(oid)); /* the size, before memory follows */
    if (rc != 0) return vcs_fail(e, rc, "cannot read a file");
    if (type != GIT_OBJECT_BLOB) return err_set(e, ERR_NOT_FOUND, "that object is not a file");
    if (size > n_max)
        return err_set(e, ERR_TOO_LARGE, "the file has %zu bytes; at most %zu are read here", size, n_max);
    uint8_t *copy = arena_try(a, size + 1);
    if (!copy) return err_set(e, ERR_TOO_LARGE, "the file has %zu bytes: no memory for it", size);
    rc = git_odb_read(&o, r->odb, oid_git(oid));
    if (rc != 0) return vcs_fail(e, rc, "cannot read a file");
    memcpy(copy, git_odb_object_data(o), size);
    git_odb_object_free(o);
    *out = (bytes){ copy, size };
    return true;
}

/* ------------------------------------------------------------------ the walk */

struct walk {
    struct vcs_repo *repo;
    const struct vcs_walk *w;
    struct buf path;
    bool stopped;
};

struct event {
    struct tree_item item;
    bool is_content; /* of a folder, as against its name */
};

static int event_order(const void *va, const void *vb)
{
    const struct event *a = va, *b = vb;
    return tree_order(a->item.name, a->is_content, b->item.name, b->is_content);
}

/* All events of one folder, sorted.  Memory: one folder per level of depth, never the whole tree. */
static bool events_of(struct tree *t, bool recursive, struct event **out, size_t *n, struct err *e)
{
    struct event *list = NULL;
    size_t count = 0, cap = 0;
    bool more, ok, sorted = true;
    struct tree_item item;
    while ((ok = tree_next(t, &item, &more, e)) && more) {
        if (count + 2 > cap) {
            cap = cap ? cap * 2 : 64;
            list = mem_grow(list, cap * sizeof *list);
        }
        list[count++] = (struct event){ item, false };
        if (mode_is_dir(item.mode)) {
            sorted = false;
            if (recursive) list[count++] = (struct event){ item, true };
        }
    }
    if (!ok) {
        mem_free(list);
        return false;
    }
    if (!sorted) qsort(list, count, sizeof *list, event_order);
    *out = list;
    *n = count;
    return true;
}

static bool walk_tree(struct walk *k, const struct vcs_oid *tree, str after, int depth, struct err *e);

/* `after` is relative to the folder of the event. */
static bool walk_event(struct walk *k, const struct event *ev, str after, int depth, struct err *e)
{
    str name = ev->item.name;
    size_t mark = k->path.n;
    bool ok = true;
    if (!ev->is_content) {
        struct vcs_entry entry;
        if (str_cmp(name, after) <= 0) return true;
        buf_add(&k->path, name);
        ok = entry_fill(k->repo, &ev->item, buf_str(&k->path), &entry, e);
        if (ok && !k->w->fn(k->w->ctx, &entry)) k->stopped = true;
    } else {
        /* Behind `after` wholly, before it wholly, or `after` lies inside. */
        bool inside = after.n > name.n && str_starts(after, name) && after.p[name.n] == '/';
        str below = inside ? str_from(after, name.n + 1) : STR("");
        if (!inside && tree_order(name, true, after, false) <= 0) return true;
        buf_add(&k->path, name);
        buf_byte(&k->path, '/');
        ok = walk_tree(k, &ev->item.oid, below, depth + 1, e);
    }
    k->path.n = mark;
    return ok;
}

static bool walk_tree(struct walk *k, const struct vcs_oid *tree, str after, int depth, struct err *e)
{
    if (depth > VCS_DEPTH_MAX) return err_set(e, ERR_UNPROCESSABLE, "folders are nested deeper than %d", VCS_DEPTH_MAX);
    struct tree t;
    struct event *list = NULL;
    size_t n = 0;
    if (!tree_open(k->repo, tree, &t, e)) return false;
    bool ok = events_of(&t, k->w->recursive, &list, &n, e);
    for (size_t i = 0; ok && !k->stopped && i < n; i++) ok = walk_event(k, &list[i], after, depth, e);
    mem_free(list);
    tree_close(&t);
    return ok;
}

bool vcs_tree_walk(struct vcs_repo *r, const struct vcs_oid *commit, const struct vcs_walk *w, bool *found,
                   struct err *e)
{
    struct tree_item dir = { .mode = 0040000 };
    if (!commit_tree(r, commit, &dir.oid, found, e)) return false;
    if (*found && w->path.n > 0) {
        struct vcs_oid root = dir.oid;
        if (!tree_find(r, &root, w->path, &dir, found, e)) return false;
        *found = *found && mode_is_dir(dir.mode);
    }
    if (!*found) return true;

    struct walk k = { .repo = r, .w = w };
    str after = w->after;
    if (w->path.n > 0) {
        buf_add(&k.path, w->path);
        buf_byte(&k.path, '/');
        /* `after` is a path from the root; it may lie before, inside or behind this folder. */
        if (str_starts(after, buf_str(&k.path))) after = str_from(after, k.path.n);
        else if (str_cmp(after, buf_str(&k.path)) > 0) k.stopped = true;
        else after = STR("");
    }
    bool ok = walk_tree(&k, &dir.oid, after, 0, e);
    buf_deinit(&k.path);
    return ok;
}

/* ------------------------------------------------------------------ paths alone */

struct paths {
    struct vcs_repo *repo;
    bool (*enters)(void *ctx, str folder);
    void (*fn)(void *ctx, str path);
    void *ctx;
    struct buf path;
};

static bool paths_of(struct paths *p, const struct vcs_oid *tree, int depth, struct err *e)
{
    struct tree t;
    struct tree_item item;
    bool more = true, ok = true;
    if (depth > VCS_DEPTH_MAX) return err_set(e, ERR_UNPROCESSABLE, "folders are nested deeper than %d", VCS_DEPTH_MAX);
    if (!tree_open(p->repo, tree, &t, e)) return false;
    while (ok && (ok = tree_next(&t, &item, &more, e)) && more) {
        size_t mark = p->path.n;
        if (mark) buf_byte(&p->path, '/');
        buf_add(&p->path, item.name);
        if (!mode_is_dir(item.mode)) p->fn(p->ctx, buf_str(&p->path));
        else if (p->enters(p->ctx, buf_str(&p->path))) ok = paths_of(p, &item.oid, depth + 1, e);
        p->path.n = mark;
    }
    tree_close(&t);
    return ok;
}

bool vcs_tree_paths(struct vcs_repo *r, const struct vcs_oid *commit, bool (*enters)(void *ctx, str folder), void (*fn)(void *ctx, str path),
                    void *ctx, bool *found, struct err *e)
{
    struct vcs_oid root;
    struct paths p = { .repo = r, .enters = enters, .fn = fn, .ctx = ctx };
    bool ok = commit_tree(r, commit, &root, found, e) && (!*found || paths_of(&p, &root, 0, e));
    buf_deinit(&p.path);
    return ok;
}
