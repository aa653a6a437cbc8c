/* store/store.c - see store/store.h.
 *
 * A name is a path below the store's folder.  Invariants:
 *  1. A file below the folder is a complete blob whose bytes were synced before it got its name.
 *  2. The chain of folders above a blob is on disk before the blob is: a file that survives a crash in a
 *     folder that does not is lost all the same.  A folder once known to be on disk in this process is
 *     remembered, so that this costs nothing from the second blob on. */
#include "store/store.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"

enum { STORE_DIR_MAX = 320, STORE_NAME_MAX = 160, STORE_PATH_MAX = 512, STORE_DEPTH_MAX = 8, FOLDERS_KNOWN = 1024 };

struct store {
    char dir[STORE_DIR_MAX + 1], tmp_dir[STORE_DIR_MAX + 1];
    /* Hashes of folders that are on disk; a collision overwrites, and costs a needless sync later. */
    _Atomic uint64_t folder_known[FOLDERS_KNOWN];
};

static bool name_is_ours(str name)
{
    if (name.n == 0 || name.n > STORE_NAME_MAX) return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool starts = i == 0 || name.p[i - 1] == '/';
        if (starts && (c == '.' || c == '/')) return false; /* no hidden files, "..", "//" or absolute names */
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' || c == '/'))
            return false;
    }
    return name.p[name.n - 1] != '/';
}

static void path_of(const struct store *s, str name, char out[STORE_PATH_MAX])
{
    must(name_is_ours(name));
    snprintf(out, STORE_PATH_MAX, "%s/%.*s", s->dir, STR_ARG(name));
}

/* The entry of a folder in the one that it lies in. */
static bool sync_entry(const char *folder, struct err *e)
{
    char parent[STORE_PATH_MAX];
    size_t slash = str_rchr(str_c(folder), '/');
    snprintf(parent, sizeof parent, "%.*s", slash == STR_NONE ? 1 : slash ? (int)slash : 1, slash == STR_NONE ? "." : folder);
    return os_sync_dir(parent, e);
}

bool store_open(const char *dir, const char *tmp_dir, struct store **out, struct err *e)
{
    bool same;
    if (strlen(dir) > STORE_DIR_MAX || strlen(tmp_dir) > STORE_DIR_MAX)
        return err_set(e, ERR_INVALID, "the folder of the store has a name of over %d bytes", STORE_DIR_MAX);
    if (!os_mkdirs(dir, e) || !os_mkdirs(tmp_dir, e) || !sync_entry(dir, e) || !os_same_device(dir, tmp_dir, &same, e)) return false;
    if (!same)
        return err_set(e, ERR_INVALID, "%s and %s must be on one file system: a blob is published by renaming it", dir,
                       tmp_dir);
    struct store *s = mem_one(struct store);
    snprintf(s->dir, sizeof s->dir, "%s", dir);
    snprintf(s->tmp_dir, sizeof s->tmp_dir, "%s", tmp_dir);
    *out = s;
    return true;
}

void store_close(struct store *s) { mem_free(s); }

const char *store_tmp_dir(const struct store *s) { return s->tmp_dir; }

/* ------------------------------------------------------------------ writing */

bool store_write_begin(struct store *s, struct store_writer *w, struct err *e)
{
    return os_tmp_open(s->tmp_dir, "blob", &w->tmp, e);
}

static uint64_t folder_hash(const char *path) /* FNV-1a; never 0, which means "nothing known" */
{
    uint64_t h = 14695981039346656037u;
    for (; *path; path++) h = (h ^ (uint8_t)*path) * 1099511628211u;
    return h | 1;
}

/* Makes the folder of `path` and everything between it and the store's own, and syncs each one's parent. */
static bool make_folder(struct store *s, const char *path, struct err *e)
{
    char folder[STORE_PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)str_rchr(str_c(path), '/'), path);
    uint64_t hash = folder_hash(folder);
    _Atomic uint64_t *known = &s->folder_known[hash % FOLDERS_KNOWN];
    if (atomic_load(known) == hash) return true;
    if (!os_mkdirs(folder, e)) return false;
    while (strlen(folder) > strlen(s->dir)) {
        folder[str_rchr(str_c(folder), '/')] = 0;
        if (!os_sync_dir(folder, e)) return false;
    }
    atomic_store(known, hash);
    return true;
}

bool store_write_publish(struct store *s, struct store_writer *w, str name, struct err *e)
{
    char path[STORE_PATH_MAX];
    path_of(s, name, path);
    /* The time of the last write may lie days back (an upload in parts): collection must see a young blob. */
    if (!make_folder(s, path, e) || !os_touch(w->tmp.fd, e)) {
        store_write_discard(w);
        return false;
    }
    return os_tmp_publish(&w->tmp, path, e);
}

bool store_write_publish_new(struct store *s, struct store_writer *w, str name, bool *was_there, struct err *e)
{
    char path[STORE_PATH_MAX];
    path_of(s, name, path);
    *was_there = false;
    if (make_folder(s, path, e) && os_touch(w->tmp.fd, e)) return os_tmp_publish_new(&w->tmp, path, was_there, e);
    store_write_discard(w);
    return false;
}

bool store_settle(struct store *s, str name, struct err *e)
{
    char path[STORE_PATH_MAX];
    path_of(s, name, path);
    if (!make_folder(s, path, e)) return false;
    path[str_rchr(str_c(path), '/')] = 0;
    return os_sync_dir(path, e);
}

void store_write_discard(struct store_writer *w) { os_tmp_discard(&w->tmp); }

/* ------------------------------------------------------------------ reading */

bool store_find(struct store *s, str name, uint64_t *size_bytes, int64_t *modified_ms, bool *found, struct err *e)
{
    char path[STORE_PATH_MAX];
    path_of(s, name, path);
    return os_stat(path, size_bytes, modified_ms, found, e);
}

bool store_identity(struct store *s, str name, struct os_identity *out, bool *found, struct err *e)
{
    char path[STORE_PATH_MAX];
    path_of(s, name, path);
    return os_identity_at(path, out, found, e);
}

bool store_open_blob(struct store *s, str name, int *fd, uint64_t *size_bytes, struct err *e)
{
    char path[STORE_PATH_MAX];
    bool found;
    path_of(s, name, path);
    if (!os_open_read(path, fd, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "the store has no blob %.*s", STR_ARG(name));
    if (!size_bytes || os_file_size(*fd, size_bytes, e)) return true;
    close(*fd);
    *fd = -1;
    return false;
}

/* ------------------------------------------------------------------ care */

bool store_remove(struct store *s, str name, struct err *e)
{
    char path[STORE_PATH_MAX];
    path_of(s, name, path);
    return os_remove(path, e);
}

struct walk {
    struct store *s;
    bool (*fn)(void *ctx, str name, uint64_t size_bytes, int64_t modified_ms);
    void *ctx;
    struct err *e;
    char path[STORE_PATH_MAX];
    size_t depth;
    bool stopped, failed;
};

static bool walk_entry(void *ctx, const char *name, bool is_dir)
{
    struct walk *w = ctx;
    size_t was = strlen(w->path);
    if (was + 1 + strlen(name) >= sizeof w->path || w->depth > STORE_DEPTH_MAX) return true; /* never ours */
    w->path[was] = '/';
    memcpy(w->path + was + 1, name, strlen(name) + 1);
    str blob = str_from(str_c(w->path), strlen(w->s->dir) + 1);
    if (is_dir) {
        w->depth++;
        if (!os_each_entry(w->path, walk_entry, w, w->e)) w->failed = true;
        w->depth--;
    } else if (name_is_ours(blob)) {
        uint64_t size = 0;
        int64_t modified = 0;
        bool found;
        if (!os_stat(w->path, &size, &modified, &found, w->e))
            w->failed = true;
        else if (found && !w->fn(w->ctx, blob, size, modified))
            w->stopped = true;
    }
    w->path[was] = 0;
    return !w->stopped && !w->failed;
}

bool store_each(struct store *s, bool (*fn)(void *ctx, str name, uint64_t size_bytes, int64_t modified_ms), void *ctx,
                struct err *e)
{
    struct walk w = { .s = s, .fn = fn, .ctx = ctx, .e = e };
    snprintf(w.path, sizeof w.path, "%s", s->dir);
    return os_each_entry(s->dir, walk_entry, &w, e) && !w.failed;
}

struct sweep {
    struct store *s;
    int64_t before_ms;
    uint64_t removed;
    struct err *e;
    bool failed;
};

static bool sweep_entry(void *ctx, const char *name, bool is_dir)
{
    struct sweep *w = ctx;
    char path[STORE_PATH_MAX];
    int64_t modified = 0;
    bool found;
    int n = snprintf(path, sizeof path, "%s/%s", w->s->tmp_dir, name);
    if (is_dir || n < 0 || (size_t)n >= sizeof path) return true;
    if (!os_stat(path, NULL, &modified, &found, w->e)) return !(w->failed = true);
    if (!found || modified > w->before_ms) return true;
    if (!os_remove(path, w->e)) return !(w->failed = true);
    w->removed++;
    return true;
}

bool store_sweep_tmp(struct store *s, int64_t age_ms, uint64_t *removed, struct err *e)
{
    struct sweep w = { .s = s, .before_ms = clock_now_ms() - age_ms, .e = e };
    bool ok = os_each_entry(s->tmp_dir, sweep_entry, &w, e) && !w.failed;
    *removed = w.removed;
    return ok;
}
