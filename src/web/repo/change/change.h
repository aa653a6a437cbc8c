/* web/repo/change/change.h - a change that a form asks for: a commit on a branch, or a pull request. */
#ifndef WEB_REPO_CHANGE_H
#define WEB_REPO_CHANGE_H

#include "hub/commit/commit.h"
#include "web/repo/files/files.h"

struct change {
    str summary, description;
    str parent;       /* the commit that the person was looking at, in hexadecimal; may be empty */
    bool creates_pr;
    bool is_conflict; /* answer of change_end: what the form was made for has changed since */
};
/* The form's fields summary, description, parent and target ("branch" or "pr"). */
void change_read(struct call *c, str summary_otherwise, struct change *out);
/* As file_place_entry.  *is_gone: it is at the head no more, but was in the parent, and that is the revision of the place now. */
bool change_entry(struct call *c, const struct change *change, struct file_place *at, struct vcs_entry *entry, bool *is_gone, struct err *e);
/* Does the form name another commit than the head? */
bool change_is_stale(const struct file_place *at, const struct change *change);
/* paths: what the change is about.  If they are the same at the head as at the parent, the commit goes on top of the head;
 * otherwise on the parent, and change_end finds the conflict: ERR_CONFLICT. */
bool change_begin(struct call *c, const struct file_place *at, struct change *change, const str *paths, size_t n,
                  struct commit **out, struct err *e);
/* Finishes the commit, and sends the browser to the pull request that came of it, or to `then`.  On failure nothing has been
 * answered.  k is gone afterwards. */
bool change_end(struct call *c, struct change *change, struct commit *k, str then, struct err *e);
/* Members that commit_fields of repo/files/files.html shows: change (summary, description, target, parent). */
void change_write(struct page *p, const struct file_place *at, const struct change *change);

#endif
