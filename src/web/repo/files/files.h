/* web/repo/files/files.h - what the pages of a repository's files share: where in it one is, its refs and its commits. */
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

/* Of a mirror a large file may be away: it comes from the upstream when it is first read. */
bool file_is_here(struct call *c, const struct vcs_entry *entry, bool *here, struct err *e);

/* A page with the members of the place: rev, rev_url, branch, file_path, steps (name, path: to each folder above),
 * may_propose (a pull request), may_write. */
struct page *file_page_new(struct call *c, const struct file_place *at, str title);
/* Member refs: names of branches, then of tags. */
bool file_write_refs(struct page *p, struct err *e);
/* Members id, short, title, body, author, at_ms. */
void file_write_commit(struct json_writer *w, const struct vcs_commit *k);
void file_write_kcommit(struct json_writer *w, const char *key, const struct vcs_commit *k);

#endif
