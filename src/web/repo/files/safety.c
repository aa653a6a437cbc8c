/* web/repo/files/safety.c - see safety.h.  A file that was found safe, or that nobody has looked at, gets no badge: what is said shall be seen. */
#include "web/repo/files/safety.h"

#include "scan/watch.h"
#include "web/repo/files/files.h"

enum { UNSAFE_SHOWN = 5 };

static str home_of(struct call *c) { return arena_fmt(c->a, "/%.*s%.*s", STR_ARG(repo_web_prefix(c->repo.kind)), STR_ARG(c->repo.full_name)); }

static struct scan_file file_of(const struct vcs_entry *entry)
{
    struct scan_file f = { .path = entry->path, .oid = entry->oid, .is_large = entry->lfs.is_lfs, .size_bytes = vcs_entry_size(entry) };
    memcpy(f.sha256.b, entry->lfs.sha256, SHA256_BYTES);
    return f;
}

/* ------------------------------------------------------------------ a repository */

static void write_secrets(struct page *p)
{
    struct call *c = p->c;
    struct scan_secret *secret;
    struct err ignored; /* a page without this is still a page */
    size_t n;
    if (!scan_secrets_of(call_db(c), c->repo.id, c->who.user_id, c->a, &secret, &n, &ignored) || !n) return;
    jw_karray(&p->w, "secrets");
    for (size_t i = 0; i < n; i++) {
        str branch = str_starts(secret[i].ref, STR("refs/heads/")) ? str_from(secret[i].ref, 11) : secret[i].ref;
        jw_object(&p->w);
        jw_kstr(&p->w, "path", secret[i].path);
        jw_kstr(&p->w, "href", file_href(c, "blob", branch, secret[i].path));
        jw_kstr(&p->w, "message", secret[i].message);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
}

void safety_write_repo(struct page *p)
{
    struct call *c = p->c;
    struct err ignored;
    struct scan_issue *issue;
    size_t n;
    uint64_t all;
    if (scan_unsafe_files(call_db(c), c->repo.id, UNSAFE_SHOWN, c->a, &issue, &n, &all, &ignored) && all) {
        jw_kint(&p->w, "unsafe_count", (int64_t)all);
        jw_karray(&p->w, "unsafe");
        for (size_t i = 0; i < n; i++) {
            jw_object(&p->w);
            jw_kstr(&p->w, "path", issue[i].path);
            jw_kstr(&p->w, "href", file_href(c, "blob", STR("main"), issue[i].path));
            jw_object_end(&p->w);
        }
        jw_array_end(&p->w);
    }
    write_secrets(p);
}

/* ------------------------------------------------------------------ a file */

bool safety_write_entry(struct page *p, const struct vcs_entry *entry, struct err *e)
{
    struct scan_file f = file_of(entry);
    enum scan_level level;
    bool found, is_pickle;
    if (entry->kind != VCS_FILE) return true;
    if (!scan_level_find(call_db(p->c), p->c->repo.id, &f, &level, &is_pickle, &found, e)) return false;
    if (found && level != SCAN_SAFE) jw_kstr(&p->w, "level", scan_level_name(level));
    if (found && is_pickle) jw_kbool(&p->w, "is_pickle", true);
    return true;
}

/* What the best known of dangerous modules do; lists and their reasons are scan/'s. */
static const char *what_it_does(str module)
{
    static const struct {
        const char *module, *does;
    } known[] = {
        { "posix", "runs commands" }, { "nt", "runs commands" }, { "os", "runs commands" }, { "subprocess", "runs commands" }, { "pty", "runs commands" },
        { "commands", "runs commands" }, { "popen2", "runs commands" }, { "builtins", "runs code of its maker's choice" },
        { "__builtin__", "runs code of its maker's choice" }, { "runpy", "runs code of its maker's choice" }, { "code", "runs code of its maker's choice" },
        { "importlib", "loads programs" }, { "imp", "loads programs" }, { "ctypes", "calls into libraries of the system" }, { "socket", "reaches other machines" },
        { "urllib", "reaches other machines" }, { "requests", "reaches other machines" }, { "httplib", "reaches other machines" }, { "http", "reaches other machines" },
        { "shutil", "changes or removes files" }, { "webbrowser", "opens pages of its maker's choice" },
    };
    size_t dot = str_chr(module, '.');
    str top = dot == STR_NONE ? module : str_to(module, dot);
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(top, str_c(known[i].module))) return known[i].does;
    return "may do harm";
}

static str dotted(struct call *c, const struct json *import)
{
    return arena_fmt(c->a, "%.*s.%.*s", STR_ARG(json_str_or(import, STR("module"), STR("?"))), STR_ARG(json_str_or(import, STR("name"), STR("?"))));
}

static bool is_dangerous(const struct json *import) { return str_eq(json_str_or(import, STR("safety"), STR("")), STR("dangerous")); }

static void write_imports(struct page *p, str pickle)
{
    static const char *const order[] = { "dangerous", "suspicious", "innocuous" };
    struct json *said;
    struct err ignored;
    int64_t dangerous = 0;
    if (!pickle.p || !json_parse(pickle, p->c->a, &said, &ignored)) return;
    const struct json *list = json_get(said, STR("pickleImports"));
    if (!json_is(list, JSON_ARRAY)) return;
    json_each (m, list) {
        if (is_dangerous(m) && dangerous++ == 0) {
            jw_kstr(&p->w, "import", dotted(p->c, m));
            jw_kstr(&p->w, "does", str_c(what_it_does(json_str_or(m, STR("module"), STR("")))));
        }
    }
    jw_kint(&p->w, "dangerous", dangerous);
    jw_karray(&p->w, "imports");
    for (size_t i = 0; i < COUNT(order); i++) {
        json_each (m, list) {
            if (!str_eq(json_str_or(m, STR("safety"), STR("")), str_c(order[i]))) continue;
            jw_object(&p->w);
            jw_kstr(&p->w, "name", dotted(p->c, m));
            jw_kstr(&p->w, "safety", str_c(order[i]));
            jw_object_end(&p->w);
        }
    }
    jw_array_end(&p->w);
}

/* The worst of them says what counts where it is no import. */
static void write_findings(struct page *p, const struct scan_verdict *v)
{
    struct json *list;
    struct err ignored;
    str worst = { 0 }, member = { 0 };
    if (v->findings.p && json_parse(v->findings, p->c->a, &list, &ignored) && json_is(list, JSON_ARRAY)) {
        json_each (f, list)
            if (!worst.p && str_eq(json_str_or(f, STR("level"), STR("")), scan_level_name(v->level))) {
                worst = json_str_or(f, STR("message"), STR(""));
                member = json_str_or(f, STR("member"), STR(""));
            }
        if (worst.n) jw_kstr(&p->w, "says", worst);
        if (member.n) jw_kstr(&p->w, "says_member", member);
        jw_kvalue(&p->w, "findings", list);
    }
    if (v->av.p) jw_kraw(&p->w, "av", v->av);
}

bool safety_write_file(struct page *p, const struct vcs_entry *entry, struct err *e)
{
    struct call *c = p->c;
    struct scan_file f = file_of(entry);
    struct scan_verdict v;
    bool found;
    if (!scan_verdict_find(call_db(c), c->repo.id, &f, &v, &found, c->a, e)) return false;
    if (!found) return true;
    jw_kobject(&p->w, "safety");
    jw_kstr(&p->w, "level", scan_level_name(v.level));
    jw_kint(&p->w, "scanned_ms", v.scanned_ms);
    write_imports(p, v.pickle);
    write_findings(p, &v);
    jw_object_end(&p->w);
    return true;
}

/* ------------------------------------------------------------------ what somebody knows now */

static bool post_seen(struct call *c, struct err *e)
{
    return scan_secrets_forget(c->hub, c->repo.id, c->who.user_id, page_field(c, "path"), e) && page_redirect(c, page_next(page_field(c, "next"), home_of(c)));
}

#define ROWS_OF(prefix) \
    { HTTP_POST, prefix "/secrets-seen", PERM_REPO_JOIN, HTTP_BODY_WHOLE, 64 << 10, 0, post_seen, "page.secrets-seen", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_safety = API_TABLE(rows);
