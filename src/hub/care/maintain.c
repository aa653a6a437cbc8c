/* hub/care/maintain.c - repositories that were written to are repacked, one by one, as they come to need it. */
#include <unistd.h>

#include "base/os.h"
#include "hub/care/care.h"
#include "hub/hub_priv.h"

static bool repack(const char *path, struct err *e)
{
    enum { PRUNE_AFTER_S = 14 * 24 * 3600 }; /* never shorter, whatever our own grace is */
    return vcs_maintain(path, PRUNE_AFTER_S, e);
}

/* Without the repository's lock: repacking takes long, and git and libgit2 both find objects again that move
 * from one pack to another.  Two at once in one repository would be one too many. */
static bool maintain(struct hub *h, int64_t repo_id, bool (*how)(const char *path, struct err *e), struct err *e)
{
    char path[HUB_PATH_BYTES], config[HUB_PATH_BYTES + 8];
    bool found, mine = false;
    int fd;
    hub_repo_path(h, repo_id, path);
    snprintf(config, sizeof config, "%s/config", path);
    if (!os_open_write(config, &fd, &found, e)) return false;
    if (!found) return true; /* deleted meanwhile */
    bool ok = os_try_lock(fd, true, &mine, e) && (!mine || how(path, e));
    if (!ok && !os_same_file(fd, config)) ok = true; /* deleted while git was at it */
    close(fd);
    return ok;
}

/* Under the repository's lock, unlike the rest, for it takes a moment. */
static bool pack_refs(struct hub *h, int64_t repo_id, const char *path, struct err *e)
{
    struct repo_lock *lock;
    bool yes;
    if (!vcs_wants_packed_refs(path, &yes, e)) return false;
    if (!yes) return true;
    if (!repo_lock_bare(h, repo_id, 1000, &lock, e)) return e->code == ERR_BUSY; /* a push, say: after the next write, then */
    bool exists, ok = hub_repo_exists(h, repo_id, &exists, e) && (!exists || vcs_pack_refs(path, e));
    repo_unlock(h, lock);
    return ok;
}

bool hub_maintain_repo(struct hub *h, int64_t repo_id, struct err *e)
{
    char path[HUB_PATH_BYTES];
    hub_repo_path(h, repo_id, path);
    return pack_refs(h, repo_id, path, e) && maintain(h, repo_id, repack, e);
}

static bool maintain_if_wanted(struct hub *h, int64_t repo_id, struct err *e)
{
    char path[HUB_PATH_BYTES];
    bool all = false, graph = false;
    hub_repo_path(h, repo_id, path);
    if (!pack_refs(h, repo_id, path, e)) return false;
    if (!vcs_wants_maintenance(path, &all, e) || (!all && !vcs_wants_graph(path, &graph, e))) return false;
    return (!all && !graph) || maintain(h, repo_id, all ? repack : vcs_write_graph, e);
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static bool gather(struct hub *h, int64_t repo_id, struct err *e) { return maintain(h, repo_id, vcs_gather_packs, e); }

static bool each_written(struct hub *h, bool forgets, bool (*fn)(struct hub *h, int64_t repo_id, struct err *e), struct err *e)
{
    struct written w = { 0 };
    int fd;
    if (!hub_removal_lock(h, false, &fd, e)) return false;
    if (fd < 0) return true; /* a backup is being made: later */
    pthread_mutex_lock(&h->lock);
    if (forgets) {
        w = h->written;
        h->written = (struct written){ 0 };
    } else if (h->written.n) {
        w = (struct written){ .id = mem_alloc(h->written.n * sizeof *w.id), .n = h->written.n };
        memcpy(w.id, h->written.id, w.n * sizeof *w.id);
    }
    pthread_mutex_unlock(&h->lock);
    if (w.n) qsort(w.id, w.n, sizeof *w.id, compare_ids);
    bool ok = true;
    for (size_t i = 0; i < w.n; i++) {
        struct err why;
        if ((i && w.id[i] == w.id[i - 1]) || fn(h, w.id[i], &why)) continue;
        ok = false; /* the others are looked after all the same */
        *e = why;
    }
    mem_free(w.id);
    close(fd);
    return ok;
}

bool hub_maintain(struct hub *h, struct err *e) { return each_written(h, true, maintain_if_wanted, e); }
bool hub_gather_packs(struct hub *h, struct err *e) { return each_written(h, false, gather, e); }
