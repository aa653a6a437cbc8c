/* vcs/tree_size.c - what all files below a folder take together.  A folder's sum never changes, so the caller may keep those that
 * took long; one that stands in a tree many times over is then summed once. */
#include "vcs/vcs_priv.h"

enum { KEPT_FROM_FILES = 500 };

struct sum {
    uint64_t bytes, files; /* files: that were looked at, not those of sums that were known */
};

static bool size_of(struct vcs_repo *r, const struct vcs_oid *folder, const struct vcs_known_sizes *known, int depth, struct sum *out, struct err *e)
{
    struct tree t;
    struct tree_item item;
    struct vcs_entry file;
    struct sum below;
    bool more = true, ok = true;
    *out = (struct sum){ 0 };
    if (depth > VCS_DEPTH_MAX) return err_set(e, ERR_UNPROCESSABLE, "folders are nested deeper than %d", VCS_DEPTH_MAX);
    if (known->find(known->ctx, folder, &out->bytes)) return true;
    if (!tree_open(r, folder, &t, e)) return false;
    while (ok && (ok = tree_next(&t, &item, &more, e)) && more) {
        if (mode_is_dir(item.mode)) {
            ok = size_of(r, &item.oid, known, depth + 1, &below, e);
        } else {
            ok = entry_fill(r, &item, item.name, &file, e);
            below = (struct sum){ ok && file.kind == VCS_FILE ? vcs_entry_size(&file) : 0, 1 };
        }
        if (!ok) break;
        out->bytes += below.bytes;
        out->files += below.files;
    }
    tree_close(&t);
    if (ok && out->files >= KEPT_FROM_FILES) known->keep(known->ctx, folder, out->bytes);
    return ok;
}

bool vcs_tree_size(struct vcs_repo *r, const struct vcs_oid *commit, str path, const struct vcs_known_sizes *known, uint64_t *bytes_count, bool *found,
                   struct err *e)
{
    struct tree_item folder = { .mode = 0040000 };
    struct vcs_oid root;
    struct sum sum = { 0 };
    if (!commit_tree(r, commit, &root, found, e)) return false;
    folder.oid = root;
    if (*found && path.n && !tree_find(r, &root, path, &folder, found, e)) return false;
    *found = *found && mode_is_dir(folder.mode);
    bool ok = !*found || size_of(r, &folder.oid, known, 0, &sum, e);
    *bytes_count = sum.bytes;
    return ok;
}
