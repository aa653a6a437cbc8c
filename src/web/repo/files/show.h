/* web/repo/files/show.h - the members of a page that shows a file: what kind of thing it is, and what there is to see. */
#ifndef WEB_REPO_SHOW_H
#define WEB_REPO_SHOW_H

#include "web/repo/files/files.h"

/* By name and size: "picture", "vector", "sound", "film", "document", "weights", "table", "notebook", "markdown", "text", "download". */
const char *show_kind(str path, const struct vcs_entry *entry);
/* Is the text of such a file worth a second tab? */
bool show_has_source(const char *kind);
/* Writes the members for a kind.  *as becomes "text" or "download" where the file is not what its name says, with member view_error
 * where that can be told. */
bool show_write(struct page *p, const struct file_place *at, const struct vcs_entry *entry, const char **as, struct err *e);

bool show_is_text(str text); /* in UTF-8, and short enough */
size_t show_lines(str text);
str show_language(str path, str text); /* what the name ends in; empty where the text is too long to be coloured */

#endif
