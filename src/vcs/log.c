/* vcs/log.c - history: one commit, a list of commits, who changed what last, what leads where. */
#include "vcs/vcs_priv.h"

/* ------------------------------------------------------------------ one commit */

bool meta_check(struct vcs_repo *r, const struct vcs_oid *id, struct err *e)
{
    char hex[VCS_OID_HEX + 1];
    size_t size;
    git_object_t type;
    int rc = git_odb_read_header(&size, &type, r->odb, oid_git(id));
    if (rc != 0) return vcs_fail(e, rc, "cannot read a commit");
    return size <= VCS_META_BYTES_MAX ||
           err_set(e, ERR_TOO_LARGE, "%s %s has %zu bytes; at most %d are accepted: shorten its message", git_object_type2string(type),
                   vcs_oid_hex(id, hex).p, size, VCS_META_BYTES_MAX);
}

static str trim_end(str s)
{
    while (s.n > 0 && strchr("\n\r\t ", s.p[s.n - 1])) s.n--;
    return s;
}

/* Git takes times that no calendar has: until the end of the year 9999, and from 1970 on. */
static int64_t when_ms(git_time_t s)
{
    const int64_t last_s = INT64_C(253402300799);
    return (s < 0 ? 0 : s > last_s ? last_s : s) * 1000;
}

bool commit_fill(git_commit *c, struct vcs_commit *out, struct arena *a)
{
    const git_signature *by = git_commit_author(c), *through = git_commit_committer(c);
    if (!by || !through) return false;
    *out = (struct vcs_commit){
        .id = oid_from(git_commit_id(c)),
        .tree = oid_from(git_commit_tree_id(c)),
        .message = arena_dup(a, trim_end(str_c(git_commit_message(c)))),
        .author_name = arena_dup(a, str_c(by->name)),
        .author_email = arena_dup(a, str_c(by->email)),
        .author_ms = when_ms(by->when.time),
        .committer_ms = when_ms(through->when.time),
        .parents_count = git_commit_parentcount(c),
    };
    size_t line_end = str_chr(out->message, '\n');
    out->title = trim_end(str_to(out->message, line_end));
    if (line_end != STR_NONE) {
        str body = str_from(out->message, line_end + 1);
        while (body.n > 0 && (body.p[0] == '\n' || body.p[0] == '\r')) body = str_from(body, 1);
        out->body = body;
    }
    if (out->parents_count > 0) out->parent = oid_from(git_commit_parent_id(c, 0));
    return true;
}

bool vcs_commit_read(struct vcs_repo *r, const struct vcs_oid *id, struct vcs_commit *out, bool *found, struct arena *a,
                     struct err *e)
{
    git_commit *c;
    int rc = git_commit_lookup(&c, r->git, oid_git(id));
    *found = rc == 0;
    if (rc == GIT_ENOTFOUND) {
        git_error_clear();
        return true;
    }
    if (rc != 0) return vcs_fail(e, rc, "cannot read a commit");
    bool ok = commit_fill(c, out, a);
    git_commit_free(c);
    return ok || err_set(e, ERR_INVALID, "a commit names neither author nor committer");
}

/* ------------------------------------------------------------------ lists */

static bool walk_begin(struct vcs_repo *r, const struct vcs_oid *from, const struct vcs_oid *without, git_revwalk **out, struct err *e)
{
    int rc = git_revwalk_new(out, r->git);
    if (rc == 0) rc = git_revwalk_sorting(*out, GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME);
    if (rc == 0) rc = git_revwalk_push(*out, oid_git(from));
    if (rc == 0 && without) rc = git_revwalk_hide(*out, oid_git(without));
    return rc == 0 || vcs_fail(e, rc, "cannot read the history");
}

bool vcs_log_ids(struct vcs_repo *r, const struct vcs_oid *from, struct arena *a, struct vcs_oid **out, size_t *n, struct err *e)
{
    git_revwalk *walk = NULL;
    git_oid id;
    int rc = 0;
    *n = 0;
    *out = NULL;
    bool ok = walk_begin(r, from, NULL, &walk, e);
    while (ok && (rc = git_revwalk_next(&id, walk)) == 0) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = oid_from(&id);
    }
    if (ok && rc != GIT_ITEROVER) ok = vcs_fail(e, rc, "cannot read the history");
    git_revwalk_free(walk);
    return ok;
}

/* without NULL: all that lead to `from`. */
static bool log_walk(struct vcs_repo *r, const struct vcs_oid *from, const struct vcs_oid *without, size_t skip, size_t limit,
                     struct arena *a, struct vcs_commit **out, size_t *n, size_t *total, struct err *e)
{
    git_revwalk *walk = NULL;
    git_oid id;
    size_t seen = 0;
    bool ok = walk_begin(r, from, without, &walk, e), found;
    int rc = 0;
    *out = NULL;
    *n = 0;
    for (; ok && (total || *n < limit) && (rc = git_revwalk_next(&id, walk)) == 0; seen++) {
        if (seen < skip || *n == limit) continue;
        *out = arena_grow(a, *out, *n, sizeof **out);
        struct vcs_oid own = oid_from(&id);
        ok = vcs_commit_read(r, &own, &(*out)[(*n)++], &found, a, e);
    }
    if (ok && rc != 0 && rc != GIT_ITEROVER) ok = vcs_fail(e, rc, "cannot read the history");
    if (total) *total = seen;
    git_revwalk_free(walk);
    return ok;
}

bool vcs_log(struct vcs_repo *r, const struct vcs_oid *from, size_t skip, size_t limit, struct arena *a,
             struct vcs_commit **out, size_t *n, size_t *total, struct err *e)
{
    return log_walk(r, from, NULL, skip, limit, a, out, n, total, e);
}

bool vcs_log_between(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, size_t limit, struct arena *a,
                     struct vcs_commit **out, size_t *n, size_t *total, struct err *e)
{
    return log_walk(r, head, base, 0, limit, a, out, n, total, e);
}

bool vcs_merge_base(struct vcs_repo *r, const struct vcs_oid *a, const struct vcs_oid *b, struct vcs_oid *out,
                    bool *found, struct err *e)
{
    git_oid id;
    int rc = git_merge_base(&id, r->git, oid_git(a), oid_git(b));
    *found = rc == 0;
    if (rc == GIT_ENOTFOUND) {
        git_error_clear();
        return true;
    }
    if (rc != 0) return vcs_fail(e, rc, "cannot find a common ancestor");
    *out = oid_from(&id);
    return true;
}

bool vcs_is_reachable(struct vcs_repo *r, const struct vcs_oid *commit, const struct vcs_oid *tip, size_t n, bool *yes, struct err *e)
{
    *yes = false;
    for (size_t i = 0; i < n && !*yes; i++) *yes = vcs_oid_eq(&tip[i], commit);
    if (*yes || n == 0 || !git_odb_exists(r->odb, oid_git(commit))) return true;
    int rc = git_graph_reachable_from_any(r->git, oid_git(commit), oid_git(tip), n);
    if (rc < 0) return vcs_fail(e, rc, "cannot walk the history");
    *yes = rc == 1;
    return true;
}

/* ------------------------------------------------------------------ who changed what last */

/* Each path is a token that stands at a commit.  The newest commit with tokens is taken; a token moves on
 * to the first parent that has the same entry at its path, and when there is none this commit is the one
 * that changed it.  Tokens of one folder go together: mostly the folder is unchanged, and then all move on
 * without a look at the entries; otherwise both versions of the folder are read side by side, and only what
 * differs is looked up among the tokens. */
struct visit {
    struct vcs_oid commit;
    int64_t time;
    size_t *token; /* sorted by folder, since paths are */
    size_t n, cap;
};

struct blame {
    struct vcs_repo *repo;
    const struct vcs_known_last *known;
    const str *path;
    size_t *folder_bytes; /* of each path, without the slash behind it: sorting asks often */
    struct vcs_oid *answer;
    struct visit *visit; /* few: one per line of development */
    size_t visits_count, visits_cap;
    struct tree kept;    /* a parent's folder, which is the next commit's own */
    struct vcs_oid kept_id;
};

static str folder_of(const struct blame *b, size_t token) { return str_to(b->path[token], b->folder_bytes[token]); }

static str name_of(const struct blame *b, size_t token)
{
    size_t n = b->folder_bytes[token];
    return str_from(b->path[token], n ? n + 1 : 0);
}

static bool token_move(struct blame *b, size_t token, const struct vcs_oid *to, struct err *e)
{
    struct visit *v = NULL;
    for (size_t i = 0; i < b->visits_count && !v; i++)
        if (vcs_oid_eq(&b->visit[i].commit, to)) v = &b->visit[i];
    if (!v) {
        git_commit *c;
        int rc = git_commit_lookup(&c, b->repo->git, oid_git(to));
        if (rc != 0) return vcs_fail(e, rc, "cannot read the history");
        if (b->visits_count == b->visits_cap) {
            b->visits_cap = b->visits_cap ? b->visits_cap * 2 : 8;
            b->visit = mem_grow(b->visit, b->visits_cap * sizeof *b->visit);
        }
        v = &b->visit[b->visits_count++];
        *v = (struct visit){ .commit = *to, .time = git_commit_time(c) };
        git_commit_free(c);
    }
    if (v->n == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 16;
        v->token = mem_grow(v->token, v->cap * sizeof *v->token);
    }
    v->token[v->n++] = token;
    return true;
}

/* The entries of one folder, each at the index of its token; absent ones have mode 0. */
struct slot {
    uint32_t mode;
    struct vcs_oid oid;
};

/* Tokens of a folder are sorted by name: the first of those with this one, or n. */
static size_t first_named(const struct blame *b, const size_t *token, size_t n, str name)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (str_cmp(name_of(b, token[mid]), name) < 0) low = mid + 1;
        else high = mid;
    }
    return low < n && str_eq(name_of(b, token[low]), name) ? low : n;
}

static bool slots_read(struct blame *b, const struct vcs_oid *tree, const size_t *token, size_t n, struct slot *out,
                       struct err *e)
{
    struct tree t;
    struct tree_item item;
    bool more, ok;
    memset(out, 0, n * sizeof *out);
    if (!tree_open(b->repo, tree, &t, e)) return false;
    while ((ok = tree_next(&t, &item, &more, e)) && more)
        for (size_t i = first_named(b, token, n, item.name); i < n && str_eq(name_of(b, token[i]), item.name); i++)
            out[i] = (struct slot){ item.mode, item.oid };
    tree_close(&t);
    return ok;
}

static bool folder_tree(struct vcs_repo *r, const struct vcs_oid *root, str folder, struct vcs_oid *out, bool *found,
                        struct err *e)
{
    struct tree_item item;
    *out = *root;
    *found = true;
    if (folder.n == 0) return true;
    if (!tree_find(r, root, folder, &item, found, e)) return false;
    *found = *found && mode_is_dir(item.mode);
    *out = item.oid;
    return true;
}

/* Opens a folder, or takes the one that was kept. */
static bool folder_open(struct blame *b, const struct vcs_oid *id, struct tree *out, struct err *e)
{
    if (!b->kept.object || !vcs_oid_eq(&b->kept_id, id)) return tree_open(b->repo, id, out, e);
    *out = b->kept;
    b->kept.object = NULL;
    tree_rewind(out);
    return true;
}

static void mark(struct blame *b, const size_t *token, size_t n, str name, bool *differs)
{
    for (size_t i = first_named(b, token, n, name); i < n && str_eq(name_of(b, token[i]), name); i++) differs[i] = true;
}

/* differs[i]: the two folders have not the same entry for token i. */
static bool folders_compare(struct blame *b, struct tree *mine, struct tree *theirs, const size_t *token, size_t n,
                            bool *differs, struct err *e)
{
    struct tree_item x, y;
    bool more_x, more_y;
    if (!tree_next(mine, &x, &more_x, e) || !tree_next(theirs, &y, &more_y, e)) return false;
    while (more_x || more_y) {
        int c = !more_x ? 1 : !more_y ? -1 : tree_order(x.name, mode_is_dir(x.mode), y.name, mode_is_dir(y.mode));
        if (c != 0 || x.mode != y.mode || !vcs_oid_eq(&x.oid, &y.oid))
            mark(b, token, n, c <= 0 ? x.name : y.name, differs);
        if (c <= 0 && !tree_next(mine, &x, &more_x, e)) return false;
        if (c >= 0 && !tree_next(theirs, &y, &more_y, e)) return false;
    }
    return true;
}

/* *there is false when the parent has no such folder: then everything in it differs. */
static bool parent_compare(struct blame *b, const struct vcs_oid *parent, str folder, const struct vcs_oid *tree,
                           const size_t *token, size_t n, bool *differs, bool *there, struct err *e)
{
    struct vcs_oid root, id;
    struct tree mine, theirs;
    memset(differs, 0, n);
    if (!commit_tree(b->repo, parent, &root, there, e)) return false;
    if (*there && !folder_tree(b->repo, &root, folder, &id, there, e)) return false;
    if (!*there || vcs_oid_eq(&id, tree)) return true;
    if (!folder_open(b, tree, &mine, e)) return false;
    if (!tree_open(b->repo, &id, &theirs, e)) {
        tree_close(&mine);
        return false;
    }
    bool ok = folders_compare(b, &mine, &theirs, token, n, differs, e);
    tree_close(&mine);
    tree_close(&b->kept);
    b->kept = theirs;
    b->kept_id = id;
    return ok;
}

/* Moves the tokens of one folder on, or settles them. */
static bool folder_step(struct blame *b, git_commit *c, const size_t *token, size_t n, struct err *e)
{
    str folder = folder_of(b, token[0]);
    bool *differs = mem_alloc(n), *moved = mem_alloc(n), ok = false, there;
    size_t left = n;
    struct vcs_oid root = oid_from(git_commit_tree_id(c)), tree;
    if (!folder_tree(b->repo, &root, folder, &tree, &there, e)) goto done;
    must(there); /* a token never moves to where its path is not */

    for (unsigned p = 0; p < git_commit_parentcount(c) && left > 0; p++) {
        struct vcs_oid parent = oid_from(git_commit_parent_id(c, p));
        if (!parent_compare(b, &parent, folder, &tree, token, n, differs, &there, e)) goto done;
        for (size_t i = 0; there && i < n; i++) {
            if (moved[i] || differs[i]) continue;
            if (!token_move(b, token[i], &parent, e)) goto done;
            moved[i] = true;
            left--;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (!moved[i]) b->answer[token[i]] = oid_from(git_commit_id(c));
    ok = true;
done:
    mem_free(differs);
    mem_free(moved);
    return ok;
}

static int token_order(const void *va, const void *vb, void *ctx)
{
    const struct blame *b = ctx;
    size_t p = *(const size_t *)va, q = *(const size_t *)vb;
    int c = str_cmp(folder_of(b, p), folder_of(b, q));
    return c ? c : str_cmp(name_of(b, p), name_of(b, q));
}

/* Tokens that have come to a commit of which their answer is known go no further. */
static void settle_known(struct blame *b, struct visit *v)
{
    size_t left = 0;
    if (!b->known || !b->known->open(b->known->ctx, &v->commit)) return;
    for (size_t i = 0; i < v->n; i++)
        if (!b->known->find(b->known->ctx, v->token[i], &b->answer[v->token[i]])) v->token[left++] = v->token[i];
    v->n = left;
}

static bool visit_newest(struct blame *b, struct err *e)
{
    size_t at = 0;
    for (size_t i = 1; i < b->visits_count; i++)
        if (b->visit[i].time > b->visit[at].time) at = i;
    struct visit v = b->visit[at];
    b->visit[at] = b->visit[--b->visits_count];
    settle_known(b, &v);

    git_commit *c = NULL;
    int rc = git_commit_lookup(&c, b->repo->git, oid_git(&v.commit));
    bool ok = rc == 0 || vcs_fail(e, rc, "cannot read the history");
    if (ok) qsort_r(v.token, v.n, sizeof *v.token, token_order, b);
    for (size_t i = 0, end; ok && i < v.n; i = end) {
        str folder = folder_of(b, v.token[i]);
        for (end = i + 1; end < v.n && str_eq(folder_of(b, v.token[end]), folder);) end++;
        ok = folder_step(b, c, v.token + i, end - i, e);
    }
    git_commit_free(c);
    mem_free(v.token);
    return ok;
}

/* Puts the tokens whose paths exist at the commit, one folder read once however many paths lie in it. */
static bool tokens_place(struct blame *b, const struct vcs_oid *commit, size_t n, struct err *e)
{
    size_t *token = mem_alloc((n + 1) * sizeof *token);
    struct slot *slot = mem_alloc((n + 1) * sizeof *slot);
    struct vcs_oid root, tree;
    bool ok, found;
    for (size_t i = 0; i < n; i++) token[i] = i;
    qsort_r(token, n, sizeof *token, token_order, b);
    ok = commit_tree(b->repo, commit, &root, &found, e);
    for (size_t i = 0, end; ok && found && i < n; i = end) {
        str folder = folder_of(b, token[i]);
        bool there;
        for (end = i + 1; end < n && str_eq(folder_of(b, token[end]), folder);) end++;
        ok = folder_tree(b->repo, &root, folder, &tree, &there, e);
        if (!ok || !there) continue;
        ok = slots_read(b, &tree, token + i, end - i, slot, e);
        for (size_t k = i; ok && k < end; k++)
            if (slot[k - i].mode) ok = token_move(b, token[k], commit, e);
    }
    mem_free(token);
    mem_free(slot);
    return ok;
}

bool vcs_last_commits(struct vcs_repo *r, const struct vcs_oid *commit, const str *paths, size_t n, const struct vcs_known_last *known,
                      struct vcs_commit *out, struct arena *a, struct err *e)
{
    struct blame b = { .repo = r, .known = known, .path = paths, .answer = mem_alloc((n + 1) * sizeof(struct vcs_oid)), .folder_bytes = mem_alloc((n + 1) * sizeof(size_t)) };
    struct oidset read = { 0 };
    bool found;
    if (n) memset(out, 0, n * sizeof *out);
    for (size_t i = 0, slash; i < n; i++) b.folder_bytes[i] = (slash = str_rchr(paths[i], '/')) == STR_NONE ? 0 : slash;
    bool ok = tokens_place(&b, commit, n, e);
    while (ok && b.visits_count > 0) ok = visit_newest(&b, e);
    for (size_t i = 0; ok && i < n; i++) {
        if (vcs_oid_is_zero(&b.answer[i])) continue;
        const struct oidset_slot *seen = oidset_find(&read, &b.answer[i]);
        if (seen) {
            out[i] = out[seen->index];
            continue;
        }
        ok = vcs_commit_read(r, &b.answer[i], &out[i], &found, a, e);
        oidset_put_index(&read, &b.answer[i], i);
    }
    for (size_t i = 0; i < b.visits_count; i++) mem_free(b.visit[i].token);
    mem_free(b.visit);
    mem_free(b.answer);
    mem_free(b.folder_bytes);
    tree_close(&b.kept);
    oidset_deinit(&read);
    return ok;
}
