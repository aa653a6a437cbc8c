/* vcs/vcs_priv.h - what the files of this folder share.  The only header that shows libgit2. */
#ifndef VCS_VCS_PRIV_H
#define VCS_VCS_PRIV_H

#include <git2.h>

#include "vcs/vcs.h"

struct stage;

struct vcs_repo {
    git_repository *git;
    git_odb *odb;
    struct stage *stage; /* new objects on their way to disk (stage.c); NULL until the first one */
    char *path;
    bool read_only;      /* sees a quarantine: writing would put objects that must not stay into the real store */
};

/* Deeper folders than this are refused everywhere: a push may bring trees that no path could name. */
enum { VCS_DEPTH_MAX = 512 };

/* Commits and tags longer than this are not accepted: who lists a history reads them whole. */
enum { VCS_META_BYTES_MAX = 1 << 20, VCS_MESSAGE_BYTES_MAX = VCS_META_BYTES_MAX / 2 };

/* Fills *e from libgit2's last error and its return code; returns false. */
__attribute__((format(printf, 3, 4))) bool vcs_fail(struct err *e, int rc, const char *fmt, ...);

static inline const git_oid *oid_git(const struct vcs_oid *id) { return (const git_oid *)id; }
static inline struct vcs_oid oid_from(const git_oid *id)
{
    struct vcs_oid out;
    memcpy(out.b, id->id, sizeof out.b);
    return out;
}
_Static_assert(sizeof(git_oid) == sizeof(struct vcs_oid), "object ids are SHA-1");

/* ------------------------------------------------------------------ stage.c: writing objects */

bool stage_write(struct vcs_repo *r, git_object_t type, bytes content, struct vcs_oid *out, struct err *e);
/* Everything staged so far is on disk afterwards, in one pack. */
bool stage_flush(struct vcs_repo *r, struct err *e);
/* Makes libgit2's own writes (merges, tags, commits) go through the stage, too. */
bool stage_attach(struct vcs_repo *r, struct err *e);

/* ------------------------------------------------------------------ ref_move.c */

/* Gives a ref that has the value `old` another, durably.  0, GIT_ELOCKED, GIT_EMODIFIED, GIT_ERROR; or GIT_PASSTHROUGH: nothing was
 * changed, and it is none of the plain cases that this is for, so libgit2 is to do it. */
int ref_move(struct vcs_repo *r, const char *name, const struct vcs_oid *old, const struct vcs_oid *new_id, const char *why);

/* ------------------------------------------------------------------ tree.c: reading trees */

struct tree_item {
    uint32_t mode; /* one of the five that vcs.h names */
    str name;
    struct vcs_oid oid;
};
struct tree {
    git_odb_object *object; /* NULL for the empty tree */
    bytes rest;             /* what tree_next has not seen yet */
};
bool tree_open(struct vcs_repo *r, const struct vcs_oid *oid, struct tree *out, struct err *e); /* oid NULL: empty */
void tree_close(struct tree *t);
void tree_rewind(struct tree *t);
/* *more is false behind the last entry.  A malformed tree fails. */
bool tree_next(struct tree *t, struct tree_item *out, bool *more, struct err *e);
bool tree_find(struct vcs_repo *r, const struct vcs_oid *root, str path, struct tree_item *out, bool *found,
               struct err *e); /* below a tree, path not empty */
int tree_order(str a, bool a_is_dir, str b, bool b_is_dir); /* git's: folders compare as if they ended in '/' */
bool commit_tree(struct vcs_repo *r, const struct vcs_oid *commit, struct vcs_oid *tree, bool *found, struct err *e);
static inline bool mode_is_dir(uint32_t mode) { return mode == 0040000; }

/* Appends one entry in git's own format; entries must come in tree_order. */
void tree_text_add(struct buf *out, uint32_t mode, str name, const struct vcs_oid *oid);

/* Size and, for a blob that may be a pointer, what it points to. */
bool entry_fill(struct vcs_repo *r, const struct tree_item *item, str path, struct vcs_entry *out, struct err *e);

/* ------------------------------------------------------------------ oidset.c: a set and map of object ids */

struct oidset {
    struct oidset_slot *slot; /* cap is a power of two, or 0 */
    size_t count, cap;
};
struct oidset_slot {
    struct vcs_oid id;
    bool is_used;
    union { /* for those who want a map */
        struct vcs_oid value;
        size_t index;
    };
};
bool oidset_add(struct oidset *s, const struct vcs_oid *id); /* false: it was there */
struct oidset_slot *oidset_find(const struct oidset *s, const struct vcs_oid *id); /* NULL: not there */
void oidset_put(struct oidset *s, const struct vcs_oid *id, const struct vcs_oid *value);
void oidset_put_index(struct oidset *s, const struct vcs_oid *id, size_t index);
void oidset_deinit(struct oidset *s);

/* ------------------------------------------------------------------ log.c, commit.c */

bool commit_fill(git_commit *c, struct vcs_commit *out, struct arena *a);
/* Is this object, not read yet, short enough to be a commit or a tag?  Otherwise ERR_TOO_LARGE. */
bool meta_check(struct vcs_repo *r, const struct vcs_oid *id, struct err *e);
/* A commit object from a tree, staged but not flushed. */
bool commit_write(struct vcs_repo *r, const struct vcs_oid *tree, const struct vcs_oid *parents, size_t parents_count,
                  const struct vcs_person *author, const struct vcs_person *committer, str message,
                  struct vcs_oid *out, struct err *e);
bool person_signature(const struct vcs_person *p, git_signature **out, struct err *e);

#endif
