/* vcs/diff.c - what differs between two commits: a list of files, or a patch to read. */
#include "vcs/vcs_priv.h"

enum {
    RENAME_CANDIDATES_MAX = 400,  /* similarity is quadratic */
    PATCH_FILE_BYTES_MAX = 10 << 20,
    BINARY_LOOK_BYTES = 8000,     /* git's own rule: a NUL near the start */
};

static bool tree_of(struct vcs_repo *r, const struct vcs_oid *commit, git_tree **out, struct err *e)
{
    git_commit *c;
    *out = NULL;
    if (!commit) return true;
    int rc = git_commit_lookup(&c, r->git, oid_git(commit));
    if (rc != 0) return vcs_fail(e, rc, "cannot read a commit to compare");
    rc = git_commit_tree(out, c);
    git_commit_free(c);
    return rc == 0 || vcs_fail(e, rc, "cannot read a tree to compare");
}

/* In a patch a file that becomes a link is a removal and an addition; in a list it is a change of type. */
static bool diff_make(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, uint32_t flags,
                      const char *only, git_diff **out, struct err *e)
{
    git_tree *old_tree = NULL, *new_tree = NULL;
    git_diff_options options = GIT_DIFF_OPTIONS_INIT;
    git_diff_find_options similar = GIT_DIFF_FIND_OPTIONS_INIT;
    bool ok = false;
    *out = NULL;
    options.flags = flags | GIT_DIFF_DISABLE_PATHSPEC_MATCH;
    if (only) options.pathspec = (git_strarray){ (char **)&only, 1 };
    options.max_size = PATCH_FILE_BYTES_MAX;
    similar.flags = GIT_DIFF_FIND_RENAMES;
    similar.rename_limit = RENAME_CANDIDATES_MAX;
    if (!tree_of(r, base, &old_tree, e) || !tree_of(r, head, &new_tree, e)) goto done;
    int rc = git_diff_tree_to_tree(out, r->git, old_tree, new_tree, &options);
    if (rc == 0 && git_diff_num_deltas(*out) <= (size_t)4 * RENAME_CANDIDATES_MAX)
        rc = git_diff_find_similar(*out, &similar);
    ok = rc == 0 || vcs_fail(e, rc, "cannot compare");
done:
    git_tree_free(old_tree);
    git_tree_free(new_tree);
    if (!ok) {
        git_diff_free(*out);
        *out = NULL;
    }
    return ok;
}

/* Real size and nature of the file behind one side: of the large file, where it is a pointer. */
static bool look_inside(struct vcs_repo *r, const git_diff_file *f, uint64_t *bytes_count, bool *is_binary,
                        struct err *e)
{
    struct tree_item item = { .mode = f->mode, .oid = oid_from(&f->id) };
    struct vcs_entry entry;
    if (f->mode == 0 || f->mode == 0160000) return true;
    if (!entry_fill(r, &item, str_c(f->path), &entry, e)) return false;
    *bytes_count = vcs_entry_size(&entry);
    *is_binary = entry.lfs.is_lfs || entry.blob_bytes > PATCH_FILE_BYTES_MAX;
    if (*is_binary || entry.blob_bytes == 0) return true;
    git_odb_object *o;
    int rc = git_odb_read(&o, r->odb, &f->id);
    if (rc != 0) return vcs_fail(e, rc, "cannot read %s", f->path);
    size_t n = git_odb_object_size(o);
    *is_binary = memchr(git_odb_object_data(o), 0, n < BINARY_LOOK_BYTES ? n : BINARY_LOOK_BYTES) != NULL;
    git_odb_object_free(o);
    return true;
}

static bool change_fill(struct vcs_repo *r, const git_diff_delta *d, struct vcs_change *out, struct arena *a,
                        struct err *e)
{
    uint64_t old_bytes = 0;
    *out = (struct vcs_change){ .status = git_diff_status_char(d->status),
                                .score = d->similarity,
                                .old_mode = d->old_file.mode,
                                .new_mode = d->new_file.mode,
                                .old_oid = oid_from(&d->old_file.id),
                                .new_oid = oid_from(&d->new_file.id),
                                .old_path = arena_dup(a, str_c(d->old_file.path)),
                                .new_path = arena_dup(a, str_c(d->new_file.path)) };
    if (d->status == GIT_DELTA_DELETED) return look_inside(r, &d->old_file, &old_bytes, &out->is_binary, e);
    return look_inside(r, &d->new_file, &out->new_bytes, &out->is_binary, e);
}

bool vcs_diff(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, size_t limit, struct arena *a,
              struct vcs_change **out, size_t *n, struct err *e)
{
    git_diff *diff;
    bool ok = diff_make(r, base, head, GIT_DIFF_INCLUDE_TYPECHANGE | GIT_DIFF_SKIP_BINARY_CHECK, NULL, &diff, e);
    *n = ok ? git_diff_num_deltas(diff) : 0;
    if (*n > limit) *n = limit;
    *out = arena_alloc(a, (*n + 1) * sizeof **out);
    for (size_t i = 0; ok && i < *n; i++) ok = change_fill(r, git_diff_get_delta(diff, i), &(*out)[i], a, e);
    git_diff_free(diff);
    return ok;
}

bool vcs_renamed_from(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, str path, struct arena *a, str *old_path, struct err *e)
{
    git_diff *diff;
    *old_path = STR("");
    if (!diff_make(r, base, head, GIT_DIFF_SKIP_BINARY_CHECK, NULL, &diff, e)) return false;
    for (size_t i = 0, n = git_diff_num_deltas(diff); i < n && !old_path->n; i++) {
        const git_diff_delta *d = git_diff_get_delta(diff, i);
        if (d->status == GIT_DELTA_RENAMED && str_eq(str_c(d->new_file.path), path)) *old_path = arena_dup(a, str_c(d->old_file.path));
    }
    git_diff_free(diff);
    return true;
}

static int line_add(const git_diff_delta *delta, const git_diff_hunk *hunk, const git_diff_line *line, void *ctx)
{
    struct buf *out = ctx;
    (void)delta;
    (void)hunk;
    if (line->origin == ' ' || line->origin == '+' || line->origin == '-') buf_byte(out, line->origin);
    buf_add(out, str_n(line->content, line->content_len));
    return out->failed ? GIT_EUSER : 0;
}

static int delta_print(git_diff *diff, size_t i, struct buf *out)
{
    git_patch *patch = NULL;
    int rc = git_patch_from_diff(&patch, diff, i);
    if (rc == 0 && patch) rc = git_patch_print(patch, line_add, out);
    git_patch_free(patch);
    return rc;
}

/* libgit2 sorts the addition before the removal of the same path, and no tool can apply that. */
static bool is_swapped(git_diff *diff, size_t i)
{
    if (i + 1 >= git_diff_num_deltas(diff)) return false;
    const git_diff_delta *one = git_diff_get_delta(diff, i), *two = git_diff_get_delta(diff, i + 1);
    return one->status == GIT_DELTA_ADDED && two->status == GIT_DELTA_DELETED &&
           str_eq(str_c(one->new_file.path), str_c(two->old_file.path));
}

static bool diff_text(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, const char *only, struct buf *out,
                      struct err *e)
{
    git_diff *diff;
    int rc = 0;
    if (!diff_make(r, base, head, GIT_DIFF_NORMAL, only, &diff, e)) return false;
    for (size_t i = 0, n = git_diff_num_deltas(diff); rc == 0 && i < n; i++) {
        bool swapped = is_swapped(diff, i);
        if (swapped) rc = delta_print(diff, i + 1, out);
        if (rc == 0) rc = delta_print(diff, i, out);
        i += swapped;
    }
    git_diff_free(diff);
    if (rc == GIT_EUSER) return err_set(e, ERR_TOO_LARGE, "the difference is longer than %zu bytes", out->bytes_max);
    return rc == 0 || vcs_fail(e, rc, "cannot compare");
}

bool vcs_diff_text(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, struct buf *out,
                   struct err *e)
{
    return diff_text(r, base, head, NULL, out, e);
}

bool vcs_diff_text_of(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, str path, struct buf *out,
                      struct err *e)
{
    char *only = mem_dup(path);
    bool ok = diff_text(r, base, head, only, out, e);
    mem_free(only);
    return ok;
}
