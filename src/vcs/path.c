/* vcs/path.c - see vcs/path.h.
 * The disguises of ".git" are those that git itself refuses with core.protectHFS and core.protectNTFS, so
 * that a repository made here can be checked out anywhere and passes `git fsck`. */
#include "vcs/path.h"

#include <utf8proc.h>

enum { COMPONENT_BYTES_MAX = 255 };

/* Code points that HFS+ ignores when it compares names. */
static bool hfs_ignores(uint32_t cp)
{
    return (cp >= 0x200c && cp <= 0x200f) || (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x206a && cp <= 0x206f) ||
           cp == 0xfeff;
}

static bool is_hfs_dotgit(str name)
{
    static const char want[] = ".git";
    size_t at = 0;
    while (name.n > 0) {
        uint32_t cp;
        size_t n = str_utf8_decode(name, &cp);
        if (n == 0) return false;
        name = str_from(name, n);
        if (hfs_ignores(cp)) continue;
        if (cp >= 'A' && cp <= 'Z') cp |= 0x20;
        if (at == 4 || cp != (uint8_t)want[at]) return false;
        at++;
    }
    return at == 4;
}

/* NTFS: ".git" and its short name "git~1", with blanks and dots behind it, which Windows drops, or with a
 * stream name after ':'.  A backslash separates components there. */
static bool is_ntfs_dotgit(str name)
{
    size_t n = str_starts_nocase(name, STR(".git")) ? 4 : str_starts_nocase(name, STR("git~1")) ? 5 : 0;
    if (n == 0) return false;
    for (; n < name.n; n++) {
        if (name.p[n] == '\\' || name.p[n] == ':') return true;
        if (name.p[n] != ' ' && name.p[n] != '.') return false;
    }
    return true;
}

static bool is_dotgit(str name)
{
    if (is_hfs_dotgit(name) || is_ntfs_dotgit(name)) return true;
    for (size_t at; (at = str_chr(name, '\\')) != STR_NONE;) {
        name = str_from(name, at + 1);
        if (is_ntfs_dotgit(name)) return true;
    }
    return false;
}

static bool component_check(str path, str name, struct err *e)
{
    const char *why = NULL;
    if (name.n == 0) why = "has an empty component";
    else if (name.n > COMPONENT_BYTES_MAX) why = "has a component of more than 255 bytes";
    else if (str_eq(name, STR(".")) || str_eq(name, STR(".."))) why = "has a component \".\" or \"..\"";
    else if (is_dotgit(name)) why = "has a component that git keeps for itself (.git, in some spelling)";
    if (!why) return true;
    return err_set(e, ERR_UNPROCESSABLE, "the path \"%.*s\" %s", STR_ARG(str_to(path, 300)), why);
}

bool vcs_path_check(str path, struct err *e)
{
    if (path.n == 0) return err_set(e, ERR_UNPROCESSABLE, "the path is empty");
    if (path.n > VCS_PATH_BYTES_MAX)
        return err_set(e, ERR_UNPROCESSABLE, "the path \"%.*s...\" has %zu bytes; at most %d are allowed",
                       STR_ARG(str_to(path, 60)), path.n, VCS_PATH_BYTES_MAX);
    if (memchr(path.p, 0, path.n)) return err_set(e, ERR_UNPROCESSABLE, "the path contains a NUL byte");
    if (!str_is_utf8(path)) return err_set(e, ERR_UNPROCESSABLE, "the path is not valid UTF-8");
    if (path.p[0] == '/')
        return err_set(e, ERR_UNPROCESSABLE, "the path \"%.*s\" is absolute", STR_ARG(str_to(path, 300)));
    if (path.p[path.n - 1] == '/')
        return err_set(e, ERR_UNPROCESSABLE, "the path \"%.*s\" ends in '/'", STR_ARG(str_to(path, 300)));
    if (str_starts(path, STR("..\\")))
        return err_set(e, ERR_UNPROCESSABLE, "the path \"%.*s\" starts with \"..\\\"", STR_ARG(str_to(path, 300)));
    str rest = path, name;
    while (str_cut(&rest, '/', &name))
        if (!component_check(path, name, e)) return false;
    return true;
}

/* ------------------------------------------------------------------ names that would be one */

static utf8proc_int32_t small(utf8proc_int32_t c, void *ctx)
{
    (void)ctx;
    return utf8proc_tolower(c);
}

str vcs_path_fold(str path, struct arena *a)
{
    const utf8proc_option_t form = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    bool is_ascii = true;
    for (size_t i = 0; i < path.n && is_ascii; i++) is_ascii = (unsigned char)path.p[i] < 0x80;
    if (is_ascii || path.n > VCS_PATH_BYTES_MAX) return path;
    utf8proc_ssize_t cap = 4 * (utf8proc_ssize_t)path.n + 1, n; /* no character decomposes into more than four */
    utf8proc_int32_t *text = arena_alloc(a, (size_t)(cap + 1) * sizeof *text);
    n = utf8proc_decompose_custom((const utf8proc_uint8_t *)path.p, (utf8proc_ssize_t)path.n, text, cap, form, small, NULL);
    if (n < 0 || n > cap) return path; /* git lets paths in that are no UTF-8 */
    n = utf8proc_reencode(text, n, form);
    return n < 0 ? path : str_n((const char *)text, (size_t)n);
}

bool vcs_unquote(str *rest, struct arena *a, str *out)
{
    char *to = arena_try(a, rest->n + 1);
    size_t n = 0, at = 1;
    if (!to) return false;
    for (; at < rest->n && rest->p[at] != '"'; at++) {
        char c = rest->p[at];
        if (c == '\\') {
            static const char from[] = "abfnrtv\\\"", means[] = "\a\b\f\n\r\t\v\\\"";
            if (++at == rest->n) return false;
            c = rest->p[at];
            const char *found = c ? strchr(from, c) : NULL;
            if (found) {
                c = means[found - from];
            } else {
                if (rest->n - at < 3 || c < '0' || c > '3') return false;
                unsigned v = 0;
                for (int i = 0; i < 3; i++, at++) {
                    if (rest->p[at] < '0' || rest->p[at] > '7') return false;
                    v = v << 3 | (unsigned)(rest->p[at] - '0');
                }
                at--;
                c = (char)v;
            }
        }
        to[n++] = c;
    }
    if (at >= rest->n) return false;
    *rest = str_from(*rest, at + 1);
    *out = str_n(to, n);
    return true;
}
