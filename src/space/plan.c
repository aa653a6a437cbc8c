/* space/plan.c - see space/plan.h. */
#include "space/plan.h"

#include "base/buf.h"

enum { VERSION_MAX = 32, PATH_MAX_BYTES = 512, STARTUP_S_MAX = 24 * 3600 };

static bool bad(struct err *e, const char *key, const char *rule)
{
    return err_set(e, ERR_UNPROCESSABLE, "README.md: \"%s\" %s", key, rule);
}

/* A string, or a number as YAML reads `python_version: 3.11`; absent: empty. */
static bool text_of(const struct json *card, const char *key, str *out, struct arena *a, struct err *e)
{
    const struct json *v = card ? json_get(card, str_c(key)) : NULL;
    *out = STR("");
    if (!v || v->type == JSON_NULL || json_str(v, out)) return true;
    if (v->type != JSON_INT && v->type != JSON_REAL) return bad(e, key, "must be text");
    *out = json_text(a, v);
    return true;
}

static bool is_version(str s)
{
    if (!s.n || s.n > VERSION_MAX || s.p[0] < '0' || s.p[0] > '9') return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '+' || c == '-')) return false;
    }
    return true;
}

/* "3.11" or "3.11.4": it names a folder and a program, so nothing else will do. */
static bool is_python(str s)
{
    str part;
    size_t parts = 0;
    uint64_t n;
    while (str_cut(&s, '.', &part)) {
        if (!part.n || part.n > 3 || !str_u64(part, &n) || (parts == 0 && n != 3)) return false;
        parts++;
    }
    return parts == 2 || parts == 3;
}

static bool is_inside(str path)
{
    str part;
    if (!path.n || path.n > PATH_MAX_BYTES || path.p[0] == '/' || path.p[0] == '-' || str_chr(path, 0) != STR_NONE) return false;
    while (str_cut(&path, '/', &part))
        if (!part.n || str_eq(part, STR("..")) || str_eq(part, STR("."))) return false;
    return true;
}

/* "30m", "1h", "90s", "1800". */
static bool duration_of(str s, int64_t *seconds)
{
    uint64_t n, unit = 1;
    if (s.n && s.p[s.n - 1] == 'h') unit = 3600;
    else if (s.n && s.p[s.n - 1] == 'm') unit = 60;
    else if (s.n && s.p[s.n - 1] != 's') unit = 0;
    if (unit) s.n--;
    if (!str_u64(s, &n) || n == 0 || n > STARTUP_S_MAX) return false;
    *seconds = (int64_t)(n * (unit ? unit : 1));
    return *seconds <= STARTUP_S_MAX;
}

static const struct { str name; enum space_sdk sdk; str file; int port; } sdks[] = {
    { STR_INIT("gradio"), SPACE_GRADIO, STR_INIT("app.py"), SPACE_PORT },
    { STR_INIT("streamlit"), SPACE_STREAMLIT, STR_INIT("app.py"), SPACE_STREAMLIT_PORT },
    { STR_INIT("static"), SPACE_STATIC, STR_INIT("index.html"), 0 },
    { STR_INIT("docker"), SPACE_DOCKER, STR_INIT("Dockerfile"), SPACE_PORT },
};

bool space_plan_read(const struct json *card, str sdk, str repo_name, struct space_plan *out, struct arena *a, struct err *e)
{
    str named, startup;
    *out = (struct space_plan){ .startup_s = SPACE_STARTUP_S };
    if (!text_of(card, "sdk", &named, a, e) || !text_of(card, "sdk_version", &out->sdk_version, a, e) ||
        !text_of(card, "python_version", &out->python, a, e) || !text_of(card, "app_file", &out->app_file, a, e) ||
        !text_of(card, "base_path", &out->base_path, a, e) || !text_of(card, "title", &out->title, a, e) ||
        !text_of(card, "startup_duration_timeout", &startup, a, e))
        return false;
    out->sdk_name = named.n ? named : sdk;
    size_t i = 0;
    while (i < COUNT(sdks) && !str_eq(sdks[i].name, out->sdk_name)) i++;
    if (i == COUNT(sdks)) return bad(e, "sdk", "must be one of gradio, streamlit, static, docker");
    out->sdk = sdks[i].sdk;
    out->port = sdks[i].port;
    if (!out->app_file.n || out->sdk == SPACE_DOCKER) out->app_file = sdks[i].file;
    if (!out->title.n) out->title = repo_name;
    if (out->sdk_version.n && !is_version(out->sdk_version)) return bad(e, "sdk_version", "must be a version such as 5.49.1");
    if (str_eq(out->python, STR("3.1"))) out->python = STR("3.10"); /* what YAML makes of 3.10 without quotes */
    if (out->python.n && !is_python(out->python)) return bad(e, "python_version", "must be a version such as \"3.11\"");
    if (!is_inside(out->app_file)) return bad(e, "app_file", "must be the path of a file in this repository");
    if (out->base_path.n && (out->base_path.p[0] != '/' || str_find(out->base_path, STR("..")) != STR_NONE))
        return bad(e, "base_path", "must begin with \"/\" and have no \"..\"");
    if (startup.n && !duration_of(startup, &out->startup_s)) return bad(e, "startup_duration_timeout", "must be a time such as 30m or 1h, at most 24h");
    return true;
}

bool space_packages_read(str text, struct arena *a, str **out, size_t *n, struct err *e)
{
    str line;
    *out = NULL;
    *n = 0;
    while (text.n && str_cut(&text, '\n', &line)) {
        size_t comment = str_chr(line, '#');
        line = str_trim(comment == STR_NONE ? line : str_to(line, comment));
        if (!line.n) continue;
        for (size_t i = 0; i < line.n; i++) {
            char c = line.p[i];
            bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (i && (c == '+' || c == '-' || c == '.'));
            if (!fits) return err_set(e, ERR_UNPROCESSABLE, "packages.txt: \"%.*s\" is no name of a Debian package", STR_ARG(str_to(line, 80)));
        }
        if (line.n > 100 || *n == SPACE_PACKAGES_MAX) return err_set(e, ERR_UNPROCESSABLE, "packages.txt: at most %d names of at most 100 letters", SPACE_PACKAGES_MAX);
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = line;
    }
    return true;
}
