/* vcs/path.h - which paths may stand in a repository.
 * Refused, with a sentence that says why: empty, over 1000 bytes (a component over 255), not UTF-8, a NUL,
 * absolute, a trailing '/', empty components, "." and "..", and whatever git itself refuses because of
 * some file system (".git" in any case, "GIT~1", ".git " and the HFS+ and NTFS disguises); a path that
 * starts with "..\" too.  Other backslashes are ordinary characters. */
#ifndef VCS_PATH_H
#define VCS_PATH_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { VCS_PATH_BYTES_MAX = 1000 };
bool vcs_path_check(str path, struct err *e); /* ERR_UNPROCESSABLE */

/* The path as a file system sees it that ignores case and how accents are composed, except that ASCII letters
 * stay: two such paths are compared with str_eq_nocase.  May be `path` itself. */
str vcs_path_fold(str path, struct arena *a);

/* What stands in the C quotes in which git writes odd names: *rest begins with a quote, and goes on behind the last.  False: the quotes
 * are wrong. */
bool vcs_unquote(str *rest, struct arena *a, str *out);

#endif
