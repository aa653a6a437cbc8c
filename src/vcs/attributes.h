/* vcs/attributes.h - .gitattributes and .gitignore as texts, matched as git does.
 * Source: gitattributes(5), gitignore(5).  Parsers of hostile text: total, bounded, no I/O. */
#ifndef VCS_ATTRIBUTES_H
#define VCS_ATTRIBUTES_H

#include "base/arena.h"
#include "base/str.h"

struct vcs_attributes;
/* The root .gitattributes; malformed lines are skipped as git does.  Views of text. */
struct vcs_attributes *vcs_attributes_parse(str text, struct arena *a);
bool vcs_attributes_is_lfs(const struct vcs_attributes *t, str path); /* filter=lfs, the last match wins */

struct vcs_ignore;
struct vcs_ignore *vcs_ignore_parse(str text, struct arena *a);
bool vcs_ignore_matches(const struct vcs_ignore *t, str path); /* a file; its directories count as well */

/* wildmatch with FNM_PATHNAME and "**"; bounded work for any pattern. */
bool vcs_glob_match(str pattern, str path);

#endif
