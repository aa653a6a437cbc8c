/* web/repo/files/safety.h - what the scanner says, in words for people. */
#ifndef WEB_REPO_FILES_SAFETY_H
#define WEB_REPO_FILES_SAFETY_H

#include "vcs/vcs.h"
#include "web/frame/page.h"

/* Inside of the member repo: unsafe (the first paths), unsafe_count; secrets (path, href, message), of what the viewer himself pushed. */
void safety_write_repo(struct page *p);
/* Members of an entry of a list: level, where it is more than nothing to say; is_pickle. */
bool safety_write_entry(struct page *p, const struct vcs_entry *entry, struct err *e);
/* Member safety of a file's page: level, is_checked; import, does (what the worst import is, and may do); says, where another finding is
 * what counts; imports (name, safety), findings (level, member, message). */
bool safety_write_file(struct page *p, const struct vcs_entry *entry, struct err *e);

#endif
