/* infer/cache.c - what workers keep for their next start: packed weights, compiled tokenizers.
 *
 * Each content of a model has a folder of its own: a model that takes its worker over finds there only what was made of itself.
 * A folder is as old as its last use, and what nobody has used for KEPT_DAYS goes when a worker starts, for that is when the cache
 * grows; so does what is no folder, which earlier versions have left. */
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/os.h"
#include "infer/infer_priv.h"

enum { KEPT_DAYS = 30 };

const char *cache_path(const struct infer *f, const char *key, struct arena *a) { return arena_fmt(a, "%s/%s", f->cache_dir, key).p; }

static bool sweep(void *ctx, const char *name, bool is_dir)
{
    const struct infer *f = ctx;
    struct arena *a = arena_new(0);
    const char *path = cache_path(f, name, a);
    int64_t used_ms;
    bool found;
    struct err e;
    bool ok = os_stat(path, NULL, &used_ms, &found, &e);
    if (ok && found && !is_dir) ok = os_remove(path, &e);
    else if (ok && found && used_ms < clock_now_ms() - KEPT_DAYS * INT64_C(86400000)) ok = os_remove_tree(path, &e);
    if (!ok) log_warn("infer", "%s", e.msg);
    arena_free(a);
    return true;
}

const char *cache_open(struct infer *f, const char *key, struct arena *a)
{
    const char *path = cache_path(f, key, a);
    struct err e;
    bool found;
    int fd = -1;
    bool ok = os_mkdirs(path, &e) && os_open_read(path, &fd, &found, &e) && (!found || os_touch(fd, &e)) && os_each_entry(f->cache_dir, sweep, f, &e);
    if (fd >= 0) close(fd);
    if (!ok) log_warn("infer", "%s", e.msg); /* a cache never fails a start */
    return path;
}
