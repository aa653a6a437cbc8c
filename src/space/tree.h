/* space/tree.h - folders of apps: filled from a commit, measured, removed.  What is in them was put there by strangers: no link is
 * ever followed, and nothing is reached by a path. */
#ifndef SPACE_TREE_H
#define SPACE_TREE_H

#include <sys/types.h>

#include "hub/hub.h"

/* All files of a commit, large ones too, below dir, which is made; they belong to `owner`.  More than bytes_max: ERR_TOO_LARGE.
 * Submodules are left out. */
bool tree_checkout(struct hub *h, const struct repo *r, const struct vcs_oid *commit, const char *dir, uid_t owner, uint64_t bytes_max, struct err *e);
/* A regular file below dir, to be read; -1 and errno: none, or a link on the way. */
int tree_open_file(const char *dir, const char *path);
/* A folder that belongs to `owner`; fine if there. */
bool tree_folder(const char *dir, uid_t owner, struct err *e);
/* Bytes on the disk of all files below, and some for each; stops counting at `most`. */
uint64_t tree_bytes(const char *dir, uint64_t most);
bool tree_remove(const char *dir, struct err *e); /* fine if absent */

#endif
