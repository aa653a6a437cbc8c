/* vcs/glob.c - git's wildmatch with FNM_PATHNAME, in bounded time.
 *
 * Pattern and path are cut into components.  A component "**" stands for any number of components (at
 * least one at the end of the pattern), and everything else matches within one.  Both levels are matched
 * greedily with a single place to come back to, the last star: an earlier one can never do better.  So
 * the work is at most the product of the lengths, for any pattern. */
#include "vcs/attributes.h"

/* ------------------------------------------------------------------ sets in brackets */

enum { CLASS_BYTES_MAX = 32 }; /* "alpha:]": what has no end so near is no class, and is not looked for at every bracket to the pattern's end */
static const struct {
    str name;
    const char *ranges; /* pairs of first and last */
} classes[] = {
    { STR_INIT("alpha"), "azAZ" },   { STR_INIT("digit"), "09" },          { STR_INIT("alnum"), "azAZ09" },
    { STR_INIT("upper"), "AZ" },     { STR_INIT("lower"), "az" },          { STR_INIT("xdigit"), "09afAF" },
    { STR_INIT("space"), "\t\r  " }, { STR_INIT("blank"), "\t\t  " },      { STR_INIT("punct"), "!/:@[`{~" },
    { STR_INIT("print"), " ~" },     { STR_INIT("graph"), "!~" },          { STR_INIT("cntrl"), "\001\037\177\177" },
};

static bool in_class(str name, uint8_t c, bool *known)
{
    for (size_t i = 0; i < COUNT(classes); i++) {
        if (!str_eq(classes[i].name, name)) continue;
        *known = true;
        for (const char *r = classes[i].ranges; *r; r += 2)
            if (c >= (uint8_t)r[0] && c <= (uint8_t)r[1]) return true;
        return false;
    }
    *known = false;
    return false;
}

/* p starts behind '['.  *n becomes the length of the set with its ']'; 0 when it never ends. */
static bool set_matches(str p, uint8_t c, size_t *n)
{
    size_t at = 0;
    bool negated = p.n > 0 && (p.p[0] == '!' || p.p[0] == '^'), matched = false, known;
    int previous = -1;
    at += negated;
    *n = 0;
    for (bool first = true; at < p.n && (first || p.p[at] != ']'); first = false) {
        uint8_t b = (uint8_t)p.p[at];
        if (b == '[' && at + 1 < p.n && p.p[at + 1] == ':') {
            str rest = str_to(str_from(p, at + 2), CLASS_BYTES_MAX);
            size_t end = str_chr(rest, ']');
            if (end != STR_NONE && end > 0 && rest.p[end - 1] == ':') {
                matched = in_class(str_to(rest, end - 1), c, &known) || matched;
                if (!known) return false;
                at += 2 + end + 1;
                previous = -1;
                continue;
            }
        }
        if (b == '-' && previous >= 0 && at + 1 < p.n && p.p[at + 1] != ']') {
            at++;
            if (p.p[at] == '\\' && ++at == p.n) return false;
            uint8_t last = (uint8_t)p.p[at++];
            matched = matched || (c >= previous && c <= last);
            previous = -1;
            continue;
        }
        if (b == '\\') {
            if (++at == p.n) return false;
            b = (uint8_t)p.p[at];
        }
        matched = matched || b == c;
        previous = b;
        at++;
    }
    if (at >= p.n) return false;
    *n = at + 1;
    return matched != negated;
}

/* ------------------------------------------------------------------ one component */

/* Does the pattern's next element match c?  *n is its length. */
static bool element_matches(str p, uint8_t c, size_t *n)
{
    *n = 1;
    switch (p.p[0]) {
    case '?': return true;
    case '[': {
        size_t set;
        bool yes = set_matches(str_from(p, 1), c, &set);
        *n = 1 + set;
        return yes && set > 0;
    }
    case '\\':
        if (p.n == 1) return false;
        *n = 2;
        return (uint8_t)p.p[1] == c;
    default: return (uint8_t)p.p[0] == c;
    }
}

static bool component_matches(str p, str s)
{
    size_t pi = 0, si = 0, star = STR_NONE, star_si = 0, n;
    while (si < s.n) {
        if (pi < p.n && p.p[pi] == '*') {
            star = ++pi;
            star_si = si;
        } else if (pi < p.n && element_matches(str_from(p, pi), (uint8_t)s.p[si], &n)) {
            pi += n;
            si++;
        } else if (star != STR_NONE) {
            pi = star;
            si = ++star_si;
        } else {
            return false;
        }
    }
    while (pi < p.n && p.p[pi] == '*') pi++;
    return pi == p.n;
}

/* ------------------------------------------------------------------ components */

/* The pattern's component at `at`; a '/' in brackets or behind a backslash does not end it.  With a set that never ends it matches
 * nothing, so what looks like a set behind that one does not matter. */
static str pattern_component(str p, size_t at, size_t *next)
{
    size_t i = at, set = 1;
    while (i < p.n && p.p[i] != '/') {
        if (p.p[i] == '\\' && i + 1 < p.n) i++;
        else if (p.p[i] == '[' && set > 0) {
            set_matches(str_from(p, i + 1), 0, &set);
            i += set;
        }
        i++;
    }
    *next = i < p.n ? i + 1 : STR_NONE;
    return str_n(p.p + at, i - at);
}

static str path_component(str s, size_t at, size_t *next)
{
    size_t slash = str_chr(str_from(s, at), '/');
    *next = slash == STR_NONE ? STR_NONE : at + slash + 1;
    return slash == STR_NONE ? str_from(s, at) : str_n(s.p + at, slash);
}

bool vcs_glob_match(str pattern, str path)
{
    size_t pi = 0, si = 0, star = STR_NONE, star_si = 0, p_next, s_next;
    if (pattern.n == 0) return path.n == 0;
    if (path.n == 0) return component_matches(pattern, path);
    while (si != STR_NONE) {
        str part = pi == STR_NONE ? STR("") : pattern_component(pattern, pi, &p_next);
        str name = path_component(path, si, &s_next);
        if (pi != STR_NONE && str_eq(part, STR("**"))) {
            if (p_next == STR_NONE) return true; /* at the end: all that is left, and something is */
            star = pi = p_next;
            star_si = si;
        } else if (pi != STR_NONE && component_matches(part, name)) {
            pi = p_next;
            si = s_next;
        } else if (star != STR_NONE) {
            (void)path_component(path, star_si, &star_si);
            if (star_si == STR_NONE) return false;
            pi = star;
            si = star_si;
        } else {
            return false;
        }
    }
    return pi == STR_NONE;
}
