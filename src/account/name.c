/* account/name.c - which names accounts may have.
 *
 * A name is the first segment of a path, so words that begin our own routes are taken.  A name of digits
 * or of 24 hexadecimal digits could be mistaken for an id.  Administrators may seed names that the
 * sign-up form refuses (test suites of clients need "__DUMMY_HUB_USER__"), but never one that would hide a
 * route or that is no plain path segment. */
#include "account/account_priv.h"

enum { NAME_MIN = 2, NAME_MAX = 42 };

/* Sorted. */
static const char *const reserved[] = {
    ".space", ".well-known", "api", "avatars", "blog", "buckets", "cas", "chat", "client", "collections", "datasets", "datasets-server",
    "docs", "favicon.ico", "front", "git", "health", "healthz", "hf-inference", "jobs", "join", "kernels", "login", "logout",
    "mcp", "metrics", "models", "new", "notifications", "oauth", "operator", "organizations", "papers", "password", "pipeline", "posts",
    "pricing", "raw", "repos", "resolve", "robots.txt", "search", "settings", "signup", "spaces", "static", "tasks",
    "tgi", "users", "v1", "v2", "webhooks", "whoami",
};

bool account_name_is_reserved(str name)
{
    for (size_t i = 0; i < COUNT(reserved); i++)
        if (str_eq_nocase(name, str_c(reserved[i]))) return true;
    return false;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

static bool all(str s, bool (*is)(char c))
{
    for (size_t i = 0; i < s.n; i++)
        if (!is(s.p[i])) return false;
    return true;
}

bool account_name_check(str name, bool by_admin, struct err *e)
{
    if (name.n < NAME_MIN || name.n > NAME_MAX)
        return err_set(e, ERR_INVALID, "a name has %d to %d characters", NAME_MIN, NAME_MAX);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (is_alnum(c) || c == '-' || (by_admin && (c == '_' || c == '.'))) continue;
        return err_set(e, ERR_INVALID, "a name is made of letters, digits and single hyphens%s",
                       by_admin ? ", here also underscores and dots" : "");
    }
    char first = name.p[0], last = name.p[name.n - 1];
    if (first == '-' || last == '-') return err_set(e, ERR_INVALID, "a name neither begins nor ends with a hyphen");
    if (first == '.' || last == '.') return err_set(e, ERR_INVALID, "a name neither begins nor ends with a dot");
    if (str_find(name, STR("--")) != STR_NONE || str_find(name, STR("..")) != STR_NONE)
        return err_set(e, ERR_INVALID, "a name has no two hyphens or dots in a row");
    if (str_ends_nocase(name, STR(".git"))) return err_set(e, ERR_INVALID, "a name does not end in .git");
    if (all(name, is_digit)) return err_set(e, ERR_INVALID, "a name is not made of digits alone");
    if (name.n == 24 && all(name, is_hex)) return err_set(e, ERR_INVALID, "a name does not look like an id (24 hexadecimal digits)");
    if (account_name_is_reserved(name)) return err_set(e, ERR_INVALID, "the name \"%.*s\" is reserved", STR_ARG(name));
    return true;
}
