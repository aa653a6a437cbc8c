/* hub/commit/commit_priv.h - a commit under construction, shared by commit.c and commit_check.c. */
#ifndef HUB_COMMIT_PRIV_H
#define HUB_COMMIT_PRIV_H

#include "base/hash.h"
#include "hub/commit/commit.h"
#include "hub/hub_priv.h"
#include "hub/large_file.h"
#include "vcs/lfs_pointer.h"

#define README_PATH STR("README.md")

struct commit_large {
    struct sha256 sha256;
    size_t edit; /* which operation put it */
};

struct commit {
    struct hub *h;
    const struct repo *repo;
    const struct identity *who; /* NULL: the command line */
    struct vcs_person author;
    bool creates_pr;
    struct arena *a;
    struct vcs_repo *v;

    str ref;             /* full name of what moves */
    struct vcs_oid head; /* where it stands; read again under the lock */
    struct vcs_oid base; /* what the commit is made on */

    bool has_header;
    str summary, description, parent;

    struct vcs_edit *edits;
    size_t edits_count, edits_cap;
    struct commit_large *large;
    size_t large_count, large_cap;

    size_t *by_path;     /* numbers of edits, by path and then by age; made by commit_sort_paths */
    size_t by_path_count;

    char *readme_error;  /* of the README.md that came last; NULL: it is fine, or there is none */
    struct buf readme_warnings;
};

void commit_sort_paths(struct commit *c);

/* The front matter of a new README.md.  A bad one is remembered: it may yet be overwritten. */
bool commit_check_readme(struct commit *c, str text, struct err *e);
void commit_forget_readme(struct commit *c);

/* ERR_INVALID, naming object and path, if this repository has no right to it. */
bool commit_find_large(struct commit *c, const struct sha256 *sha256, str path, struct large_file *out, struct err *e);
/* Again, under the lock, for all of them: collection may have come in between. */
bool commit_check_large(struct commit *c, struct err *e);
/* Adds an edit of .gitattributes if a large file's path matches no rule. */
bool commit_cover_large(struct commit *c, struct err *e);

/* No file may stand where another one needs a folder: ERR_UNPROCESSABLE. */
bool commit_check_nesting(struct commit *c, struct err *e);
/* No new pair of names that differ in case only: ERR_UNPROCESSABLE.  Under the lock. */
bool commit_check_case(struct commit *c, struct err *e);

/* What people should know about a commit that was accepted. */
str commit_warnings(struct commit *c, struct arena *a);

#endif
