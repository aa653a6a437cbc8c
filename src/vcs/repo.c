/* vcs/repo.c - repositories as folders: made, opened, closed; object ids as text.
 *
 * A repository is written here file by file instead of by libgit2's init: no template, no example hooks,
 * a configuration in one write, and a rename at the end, so that a crash leaves none half made.
 * Nothing outside of the repository configures us: system, user and XDG files are switched off, since a
 * server must behave the same for whoever starts it. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <git2/sys/repository.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/os.h"
#include "vcs/pack_priv.h"
#include "vcs/vcs_priv.h"

/* ------------------------------------------------------------------ errors */

static enum err_code code_of(int rc, const char *text)
{
    if (strstr(text, "No space left on device") || strstr(text, "quota exceeded")) return ERR_NO_SPACE;
    switch (rc) {
    case GIT_ENOTFOUND: return ERR_NOT_FOUND;
    case GIT_EEXISTS: return ERR_CONFLICT;
    case GIT_EMODIFIED: return ERR_PRECONDITION;
    case GIT_ELOCKED: return ERR_BUSY;
    case GIT_EINVALIDSPEC: return ERR_INVALID;
    default: return ERR_IO;
    }
}

bool vcs_fail(struct err *e, int rc, const char *fmt, ...)
{
    char what[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    const git_error *last = git_error_last();
    const char *text = last && last->message ? last->message : "git gave no reason";
    err_set(e, code_of(rc, text), "%s: %s", what, text);
    git_error_clear(); /* the slot is per thread and would outlive its meaning */
    return false;
}

/* ------------------------------------------------------------------ the library */

bool vcs_global_init(struct err *e)
{
    int rc = git_libgit2_init();
    if (rc < 0) return vcs_fail(e, rc, "cannot start libgit2");
    if (rc > 1) return true;
    static const int levels[] = { GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                                  GIT_CONFIG_LEVEL_GLOBAL };
    for (size_t i = 0; i < COUNT(levels); i++) git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    /* All repositories lie in our own home; a data folder mounted under another user id is no reason to stop. */
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    /* Deflated data carries its own checksum, `vcs_check` looks at all ids, and git does not hash what it reads
     * either: on a folder of 100,000 files it is half the time of a look-up. */
    git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
    git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)(16 << 20));
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)1 << 30);
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_FILE_LIMIT, (size_t)256); /* descriptors of packs, over all repositories */
    return true;
}

void vcs_global_end(void)
{
    git_libgit2_shutdown();
}

/* ------------------------------------------------------------------ object ids */

bool vcs_oid_parse(str hex, struct vcs_oid *out)
{
    return hex.n == VCS_OID_HEX && str_is_hex(hex) && hex_decode(hex, out->b, sizeof out->b);
}

str vcs_oid_hex(const struct vcs_oid *id, char out[VCS_OID_HEX + 1])
{
    hex_encode((bytes){ id->b, sizeof id->b }, out);
    return str_n(out, VCS_OID_HEX);
}

bool vcs_oid_eq(const struct vcs_oid *a, const struct vcs_oid *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool vcs_oid_is_zero(const struct vcs_oid *id)
{
    static const struct vcs_oid zero;
    return vcs_oid_eq(id, &zero);
}

/* ------------------------------------------------------------------ creation */

static const char repo_config[] =
    "[core]\n"
    "\trepositoryformatversion = 0\n"
    "\tfilemode = true\n"
    "\tbare = true\n"
    "\tlogAllRefUpdates = true\n"       /* a force push can be undone */
    "\tfsync = committed,reference\n"   /* an acknowledged push is on disk */
    "\tbigFileThreshold = 32m\n"        /* no search for deltas in what is large */
    "\thooksPath = hooks\n"
    "[receive]\n"
    "\tfsckObjects = true\n"
    "\tunpackLimit = 1\n"               /* one pack with one fsync, not a file per object */
    "\tautogc = false\n"
    "\tdenyNonFastForwards = false\n"
    "\tdenyDeleteCurrent = refuse\n"    /* HEAD must stay valid */
    "\tadvertisePushOptions = false\n"
    "[transfer]\n"
    "\tunpackLimit = 1\n"
    "[uploadpack]\n"
    "\tallowFilter = true\n"
    "\tallowAnySHA1InWant = false\n"
    "[uploadpackfilter]\n"
    "\tallow = false\n"
    "[uploadpackfilter \"blob:none\"]\n"
    "\tallow = true\n"
    "[uploadpackfilter \"blob:limit\"]\n"
    "\tallow = true\n"
    "[uploadpackfilter \"tree\"]\n"     /* --filter=tree:0, what continuous integration uses */
    "\tallow = true\n"
    "\tmaxTreeDepth = 0\n"
    "[gc]\n"
    "\tauto = 0\n"
    "[repack]\n"
    "\twriteBitmaps = true\n"
    "[pack]\n"
    "\tthreads = 2\n"                   /* one clone must not take the whole machine */
    "\twindowMemory = 128m\n"
    "\tpackSizeLimit = 0\n";

static bool put_file(const char *dir, const char *name, str text, struct err *e)
{
    char path[600];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof path) return err_set(e, ERR_INVALID, "the path %s is too long", dir);
    return os_write_file(dir, path, bytes_of(text), e);
}

static bool fill_repository(const char *path, struct err *e)
{
    static const char *const folders[] = { "objects/info", "objects/pack", "refs/heads", "refs/tags", "info" };
    char dir[600];
    for (size_t i = 0; i < COUNT(folders); i++) {
        snprintf(dir, sizeof dir, "%s/%s", path, folders[i]);
        if (!os_mkdirs(dir, e)) return false;
    }
    static const char *const parents[] = { "objects", "refs" }; /* of the folders above: no file is put into them that would sync them */
    for (size_t i = 0; i < COUNT(parents); i++) {
        snprintf(dir, sizeof dir, "%s/%s", path, parents[i]);
        if (!os_sync_dir(dir, e)) return false;
    }
    return put_file(path, "config", str_n(repo_config, sizeof repo_config - 1), e) &&
           vcs_hook_install(path, e) && put_file(path, "HEAD", STR("ref: refs/heads/main\n"), e);
}

bool vcs_create(const char *path, struct err *e)
{
    struct stat st;
    char tmp[512], random[17];
    if (lstat(path, &st) == 0) return err_set(e, ERR_CONFLICT, "%s exists already", path);
    random_hex(random, 16);
    int n = snprintf(tmp, sizeof tmp, "%s.new-%s", path, random);
    if (n < 0 || (size_t)n > 400) return err_set(e, ERR_INVALID, "the path %s is too long", path);
    struct err ignored;
    if (fill_repository(tmp, e) && os_rename(tmp, path, e)) return true;
    (void)os_remove_tree(tmp, &ignored);
    return false;
}

/* ------------------------------------------------------------------ open and close */

static bool open_at(const char *path, struct vcs_repo **out, struct err *e)
{
    struct vcs_repo *r = mem_one(struct vcs_repo);
    r->path = mem_dup(str_c(path));
    int rc = git_repository_open_bare(&r->git, path);
    if (rc == 0) rc = git_repository_odb(&r->odb, r->git);
    if (rc == 0) rc = git_repository_set_ident(r->git, "Hearth", "hearth@localhost"); /* for reflogs */
    if (rc != 0) {
        vcs_close(r);
        return vcs_fail(e, rc, "cannot open the repository %s", path);
    }
    *out = r;
    return true;
}

bool vcs_open(const char *path, struct vcs_repo **out, struct err *e)
{
    return open_at(path, out, e);
}

bool vcs_open_quarantined(const char *path, const char *quarantine_dir, struct vcs_repo **out, struct err *e)
{
    struct vcs_repo *r = NULL;
    if (!open_at(path, &r, e)) return false;
    int rc = *quarantine_dir ? git_odb_add_disk_alternate(r->odb, quarantine_dir) : 0;
    if (rc != 0) {
        vcs_close(r);
        return vcs_fail(e, rc, "cannot open the quarantine %s", quarantine_dir);
    }
    r->read_only = true;
    *out = r;
    return true;
}

void vcs_close(struct vcs_repo *r)
{
    if (!r) return;
    git_odb_free(r->odb);
    git_repository_free(r->git); /* frees the stage with the object store that it is part of */
    mem_free(r->path);
    mem_free(r);
}

/* ------------------------------------------------------------------ after a crash */

struct stale {
    char dir[512];
    int64_t older_than_ms;
    int depth;
    struct err *e;
    bool ok;
};

static bool is_old(const char *path, int64_t older_than_ms)
{
    struct stat st;
    return lstat(path, &st) == 0 && (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 < older_than_ms;
}

static bool remove_stale_entry(void *ctx, const char *name, bool is_dir)
{
    struct stale *s = ctx;
    char path[512];
    int n = snprintf(path, sizeof path, "%s/%s", s->dir, name);
    if (n < 0 || (size_t)n >= sizeof path) return true;
    if (is_dir && str_starts(str_c(name), STR("tmp_objdir-"))) {
        if (is_old(path, s->older_than_ms)) s->ok = os_remove_tree(path, s->e);
        return s->ok;
    }
    if (is_dir) {
        bool is_fanout = strlen(name) == 2 && s->depth == 1 && str_ends(str_c(s->dir), STR("/objects"));
        if (s->depth >= 32 || is_fanout) return true;
        struct stale below = { .older_than_ms = s->older_than_ms, .depth = s->depth + 1, .e = s->e, .ok = true };
        memcpy(below.dir, path, sizeof path);
        s->ok = os_each_entry(path, remove_stale_entry, &below, s->e) && below.ok;
        return s->ok;
    }
    bool is_lock = str_ends(str_c(name), STR(".lock"));
    bool is_tmp = str_starts(str_c(name), STR("tmp_pack_")) || str_starts(str_c(name), STR("tmp_idx_")) ||
                  str_starts(str_c(name), STR("stage."));
    if ((is_lock || is_tmp) && is_old(path, s->older_than_ms)) s->ok = os_remove(path, s->e);
    return s->ok;
}

bool vcs_remove_stale_locks(const char *path, int64_t older_than_ms, struct err *e)
{
    struct stale s = { .older_than_ms = older_than_ms, .e = e, .ok = true };
    int n = snprintf(s.dir, sizeof s.dir, "%s", path);
    if (n < 0 || (size_t)n >= sizeof s.dir) return err_set(e, ERR_INVALID, "the path %s is too long", path);
    return os_each_entry(path, remove_stale_entry, &s, e) && s.ok;
}
