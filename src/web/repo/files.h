/* web/repo/files.h - what the pages of a repository's files share: where in it one is, and changes by forms. */
#ifndef WEB_REPO_FILES_H
#define WEB_REPO_FILES_H

#include "hub/commit/commit.h"
#include "web/frame/page.h"

enum { FILE_TEXT_BYTES_MAX = 1 << 20 }; /* what is shown, and edited, as text */

/* The revision and the path that "*rest" names.  Lives as long as the call. */
struct file_place {
    struct vcs_repo *git;
    struct vcs_revision rev;
    str rev_text, path; /* as they stood in the address, decoded */
    str branch;         /* where a commit may go: "main", "refs/pr/3"; .p NULL: the revision is a tag or a commit */
};
bool file_place_get(struct call *c, struct file_place *out, struct err *e);
/* As above, and what is at the path: ERR_NOT_FOUND where there is nothing. */
bool file_place_entry(struct call *c, struct file_place *at, struct vcs_entry *entry, struct err *e);

/* "/datasets/ns/name/tree/refs%2Fpr%2F1/a/b"; the path may be empty. */
str file_href(struct call *c, const char *action, str rev, str path);

/* A page with the members of the place: rev, rev_url, branch, file_path, steps (name, path: to each folder above),
 * may_propose (a pull request), may_write. */
struct page *file_page_new(struct call *c, const struct file_place *at, str title);
/* Member refs: names of branches, then of tags. */
bool file_write_refs(struct page *p, struct vcs_repo *git, struct err *e);
/* Members id, short, title, body, author, at_ms. */
void file_write_commit(struct json_writer *w, const struct vcs_commit *k);
void file_write_kcommit(struct json_writer *w, const char *key, const struct vcs_commit *k);

/* ------------------------------------------------------------------ a change that a form asks for (change.c) */

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
/* Members that commit_fields of repo/parts.html shows: change (summary, description, target, parent). */
void change_write(struct page *p, const struct file_place *at, const struct change *change);

#endif
