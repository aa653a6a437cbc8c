/* space/app_build.c - the packages that an app needs: a virtual environment per what was asked for, made in a jail.
 *
 * Its name is a digest of everything that decides on its content: interpreter, sdk and version, index, and the texts of the
 * requirements.  Spaces that ask for the same share it, read-only.  A requirement that names something beside the index (an option, a
 * path, an address) decides on more than its text, so then the commit is part of the name and nobody else gets that folder.
 * It is made under another name and renamed when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/os.h"
#include "space/space_priv.h"
#include "space/tree.h"

enum { REQUIREMENTS_MAX = 256 << 10, WEIGH_MS = 5000 };

void app_bind(struct jail_plan *p, const char *from, const char *to, bool is_writable)
{
    must(p->binds < JAIL_BINDS_MAX);
    p->bind[p->binds++] = (struct jail_bind){ from, to, is_writable };
}

/* ------------------------------------------------------------------ files of the checkout */

/* A file of the app's folder as it was checked out: no link is followed.  Absent: empty. */
static bool read_own(struct app *a, const char *name, str *out, struct err *e)
{
    char path[400];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s/home/app", a->s->root, a->dir);
    *out = STR("");
    int fd = tree_open_file(path, name);
    if (fd < 0) return errno == ENOENT || errno == ELOOP || errno == ENOTDIR || err_os(e, errno, "cannot read %s", name);
    bool ok = fstat(fd, &st) == 0 && st.st_size <= REQUIREMENTS_MAX;
    char *text = ok ? arena_alloc(a->a, (size_t)st.st_size + 1) : NULL;
    size_t got = 0;
    if (ok) ok = os_pread(fd, (uint8_t *)text, (size_t)st.st_size, 0, &got, e);
    else (void)err_set(e, ERR_UNPROCESSABLE, "%s must be a file of at most %d KiB", name, REQUIREMENTS_MAX >> 10);
    close(fd);
    *out = str_n(text, got);
    return ok;
}

/* ------------------------------------------------------------------ what the machine has */

static bool is_installed(str package)
{
    char pattern[300];
    glob_t found = { 0 };
    snprintf(pattern, sizeof pattern, "/var/lib/dpkg/info/%.*s.list", STR_ARG(package));
    if (access(pattern, F_OK) == 0) return true;
    snprintf(pattern, sizeof pattern, "/var/lib/dpkg/info/%.*s:*.list", STR_ARG(package));
    bool yes = glob(pattern, 0, NULL, &found) == 0;
    globfree(&found);
    return yes;
}

/* Nobody may install Debian packages for strangers, so they must be there. */
static bool check_packages(struct app *a, struct err *e)
{
    struct buf missing = BUF_INIT(512);
    str text, *name;
    size_t n;
    if (!read_own(a, "packages.txt", &text, e) || !space_packages_read(text, a->a, &name, &n, e)) return false;
    for (size_t i = 0; i < n; i++)
        if (!is_installed(name[i])) buf_addf(&missing, " %.*s", STR_ARG(name[i]));
    bool ok = !missing.n || err_set(e, ERR_UNPROCESSABLE, "packages.txt asks for Debian packages that this machine does not have:%s. Whoever runs this hub can install them: apt-get install%s",
                                    buf_cstr(&missing), buf_cstr(&missing));
    buf_deinit(&missing);
    return ok;
}

/* The system's Python, or one of those that the operator has laid into space-python-dir. */
bool app_interpreter(struct app *a, struct jail_plan *p, const char **python, struct err *e)
{
    str want = a->plan.python, part = want, major, minor, dir = a->s->config.python_dir;
    *python = "/usr/bin/python3";
    if (!want.n) return access(*python, X_OK) == 0 || err_set(e, ERR_UNPROCESSABLE, "this machine has no /usr/bin/python3. Whoever runs this hub can install it: apt-get install python3 python3-venv");
    (void)(str_cut(&part, '.', &major) && str_cut(&part, '.', &minor));
    *python = arena_fmt(a->a, "/usr/bin/python%.*s.%.*s", STR_ARG(major), STR_ARG(minor)).p;
    if (access(*python, X_OK) == 0) return true;
    if (dir.n) {
        const char *home = arena_fmt(a->a, "%.*s/%.*s.%.*s", STR_ARG(dir), STR_ARG(major), STR_ARG(minor)).p;
        *python = arena_fmt(a->a, "%s/bin/python%.*s.%.*s", home, STR_ARG(major), STR_ARG(minor)).p;
        app_bind(p, home, home, false);
        if (access(*python, X_OK) == 0) return true;
    }
    return err_set(e, ERR_UNPROCESSABLE, "README.md asks for Python %.*s, which this machine does not have. Leave python_version out to take the one that it has, or ask whoever "
                   "runs this hub for another one (space-python-dir)", STR_ARG(want));
}

/* ------------------------------------------------------------------ what is to be installed */

struct wishes {
    str early, requirements;
    str sdk;        /* "gradio==5.49.1"; empty: none */
    bool is_own;    /* more than the texts decides */
};

static bool names_more(str text)
{
    str line;
    while (text.n && str_cut(&text, '\n', &line)) {
        line = str_trim(line);
        if (line.n && line.p[0] != '#' && (line.p[0] == '-' || str_chr(line, '/') != STR_NONE)) return true;
    }
    return false;
}

static bool read_wishes(struct app *a, struct wishes *w, struct err *e)
{
    str source, name = a->plan.sdk_name, version = a->plan.sdk_version;
    *w = (struct wishes){ .sdk = STR("") };
    if (!read_own(a, "pre-requirements.txt", &w->early, e) || !read_own(a, "requirements.txt", &w->requirements, e) ||
        !read_own(a, arena_cstr(a->a, a->plan.app_file), &source, e))
        return false;
    /* A server of the standard library needs no packages, whatever sdk it calls itself: who wants gradio says so. */
    bool wants_sdk = version.n || a->plan.sdk == SPACE_STREAMLIT || str_find(source, name) != STR_NONE || str_find(w->requirements, name) != STR_NONE;
    if (wants_sdk) w->sdk = version.n ? arena_fmt(a->a, "%.*s==%.*s", STR_ARG(name), STR_ARG(version)) : name;
    w->is_own = names_more(w->early) || names_more(w->requirements);
    return true;
}

static void name_of(struct app *a, const struct wishes *w, const char *python, char out[SHA256_HEX + 1])
{
    struct hasher *h = hasher_new_sha256();
    struct sha256 sum;
    str part[] = { STR("2"), str_c(python), w->sdk, w->early, w->requirements, a->s->config.python_index, w->is_own ? str_c(a->sha) : STR(""), w->is_own ? a->repo.hex_id : STR("") };
    for (size_t i = 0; i < COUNT(part); i++) {
        uint64_t n = part[i].n;
        hasher_add(h, (bytes){ (const uint8_t *)&n, sizeof n });
        hasher_add(h, bytes_of(part[i]));
    }
    hasher_end(h, sum.b);
    hex_encode((bytes){ sum.b, SHA256_BYTES }, out);
}

/* ------------------------------------------------------------------ the build */

/* Nothing of the app's folder may bear on an environment that others share but the texts that are in its name: python is isolated (-I),
 * the folder is not where it begins, and read-only. */
static const char script[] =
    "say() { printf '%s\\n' \"--> $*\"; }\n"
    "say making a virtual environment\n"
    "\"$1\" -I -m venv /venv || { echo 'This machine lacks venv for its Python: apt-get install python3-venv'; exit 3; }\n"
    "pip() { /venv/bin/python -I -m pip --no-input install \"$@\"; }\n"
    "app=/home/user/app\n"
    "if [ -s $app/pre-requirements.txt ]; then say pip install -r pre-requirements.txt; pip -r $app/pre-requirements.txt; fi\n"
    "if [ -s $app/requirements.txt ]; then set -- \"$@\" -r $app/requirements.txt; fi\n"
    "shift; [ -n \"$1\" ] || shift\n"
    "if [ $# -gt 0 ]; then say pip install \"$@\"; pip \"$@\"; fi\n";

static bool listen_to_build(struct app *a, struct jail_plan *p, const char *part, struct err *e)
{
    struct spaces *s = a->s;
    struct egress *g = egress_new(&a->egress_config, &a->traffic);
    int64_t until_ms = clock_mono_ms() + s->config.build_ms, weigh_ms = 0;
    int status = 0;
    bool ok = jail_start(p, &a->jail, e), was_too_large = false, was_too_long = false;
    enum heard heard = HEARD_NOTHING;
    while (ok && heard == HEARD_NOTHING) {
        heard = app_listen(a, g, clock_mono_ms() + 500);
        if (clock_mono_ms() >= weigh_ms) {
            was_too_large = tree_bytes(part, s->config.disk_bytes + 1) > s->config.disk_bytes;
            weigh_ms = clock_mono_ms() + WEIGH_MS;
        }
        was_too_long = clock_mono_ms() > until_ms;
        if (was_too_large || was_too_long) break;
    }
    if (ok) jail_end(&a->jail, 0, &status);
    egress_free(g);
    if (!ok) return false;
    if (heard == HEARD_ASKED) return err_set(e, ERR_CLOSED, "this build was given up");
    if (was_too_large) return err_set(e, ERR_NO_SPACE, "the packages take more than the %llu MB that an app may have (space-disk)", (unsigned long long)(s->config.disk_bytes / 1000000));
    if (was_too_long) return err_set(e, ERR_TIMEOUT, "the build took longer than %lld s (space-build-time)", (long long)(s->config.build_ms / 1000));
    if (status == 0) return true;
    return err_set(e, ERR_UNPROCESSABLE, "the packages could not be installed (exit code %d); the build log says why", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static bool make(struct app *a, const struct wishes *w, const char *python, const char *venv, struct jail_plan *p, struct err *e)
{
    struct spaces *s = a->s;
    char part[400], whole[400];
    const char *relative = arena_fmt(a->a, "%s.%llu", venv, (unsigned long long)a->id).p;
    const char *argv[] = { "/bin/sh", "-euc", script, "build", python, arena_cstr(a->a, w->sdk), NULL };
    struct environment env = { .a = a->a };
    str index = s->config.python_index;
    snprintf(part, sizeof part, "%s/%s", s->root, relative);
    snprintf(whole, sizeof whole, "%s/%s", s->root, venv);
    environment_of_build(a, &env);
    p->argv = argv;
    p->env = env.at;
    app_bind(p, relative, "/venv", true);
    app_bind(p, arena_fmt(a->a, "%s/home/app", a->dir).p, "/home/user/app", w->is_own);
    app_bind(p, arena_fmt(a->a, "%s/tmp", a->dir).p, "/tmp", true);
    if (index.n && index.p[0] == '/') app_bind(p, arena_cstr(a->a, index), arena_cstr(a->a, index), false);
    bool ok = tree_folder(part, jail_uid(), e) && listen_to_build(a, p, part, e);
    /* Apps that run with what was there keep it: their mount follows the folder, whatever it is called. */
    if (ok && a->is_factory) (void)!rename(whole, arena_fmt(a->a, "%s.%llu-old", whole, (unsigned long long)a->id).p);
    if (ok && rename(part, whole) != 0) ok = err_os(e, errno, "cannot name the packages");
    struct err ignored;
    if (!ok) (void)!tree_remove(part, &ignored);
    return ok;
}

bool app_build(struct app *a, const char **python, const char **venv, struct err *e)
{
    struct spaces *s = a->s;
    struct jail_plan plan = { .home = s->root, .folder = "/", .memory_bytes = s->config.memory_bytes, .file_bytes = s->config.disk_bytes,
                              .shm_bytes = 64 << 20, .processes_max = s->config.processes_max };
    struct wishes w;
    char name[SHA256_HEX + 1], path[400];
    uint64_t size;
    int64_t modified_ms;
    bool found;
    *venv = NULL;
    if (!check_packages(a, e) || !app_interpreter(a, &plan, python, e) || !read_wishes(a, &w, e)) return false;
    if (!w.early.n && !str_trim(w.requirements).n && !w.sdk.n) {
        space_log_say(a->log, "no packages to install");
        return true;
    }
    name_of(a, &w, *python, name);
    *venv = arena_fmt(a->a, "venv/%s", name).p;
    snprintf(path, sizeof path, "%s/%s", s->root, *venv);
    pthread_mutex_lock(&s->build_lock);
    bool ok = os_stat(path, &size, &modified_ms, &found, e);
    if (ok && found && !a->is_factory) space_log_say(a->log, "packages are there: somebody asked for the same before");
    else if (ok && app_end_of(a) != END_NOT) ok = err_set(e, ERR_CLOSED, "this build was given up");
    else if (ok) ok = make(a, &w, *python, *venv, &plan, e);
    pthread_mutex_unlock(&s->build_lock);
    if (ok) (void)utimensat(AT_FDCWD, path, NULL, 0); /* used now */
    return ok;
}
