/* hub/lock.c - a repository's writers take turns, in this process and across processes.
 *
 * Inside the process writers wait on a condition; across processes (the command line beside a server)
 * on a lock of the file locks/ID.  That file doubles as the mark of a crash: it is made before anything
 * changes and removed when refs and index agree.
 *
 * Invariants:
 * 1. A repo_lock is in the list of its hub as long as it is held or waited for.
 * 2. Who holds it holds the file's lock, too, and the file is the one that the name leads to.
 * 3. A file that nobody holds is the mark of a writer that did not finish.  It is on disk before what it tells of. */
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "hub/hub_priv.h"
#include "hub/index/index.h"

enum { LOCK_WAIT_MS = 30 * 1000 };

struct repo_lock {
    int64_t repo_id;
    bool is_held, is_dirty, has_written;
    size_t waiting;
    pthread_cond_t turn;
    int fd;
    struct repo_lock *next;
};

/* ------------------------------------------------------------------ inside the process */

static struct repo_lock *find(struct hub *h, int64_t repo_id)
{
    for (struct repo_lock *l = h->locks; l; l = l->next)
        if (l->repo_id == repo_id) return l;
    return NULL;
}

static struct repo_lock *add(struct hub *h, int64_t repo_id)
{
    struct repo_lock *l = mem_one(struct repo_lock);
    must(pthread_cond_init(&l->turn, NULL) == 0);
    l->repo_id = repo_id;
    l->fd = -1;
    l->next = h->locks;
    h->locks = l;
    return l;
}

static void drop_if_unused(struct hub *h, struct repo_lock *l)
{
    if (l->is_held || l->waiting) return;
    struct repo_lock **at = &h->locks;
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    pthread_cond_destroy(&l->turn);
    mem_free(l);
}

static bool take_turn(struct hub *h, int64_t repo_id, int64_t until_us, struct repo_lock **out)
{
    pthread_mutex_lock(&h->lock);
    struct repo_lock *l = find(h, repo_id);
    if (!l) l = add(h, repo_id);
    l->waiting++;
    bool in_time = true;
    while (l->is_held && in_time) in_time = clock_wait(&l->turn, &h->lock, until_us);
    l->waiting--;
    bool ok = !l->is_held;
    if (ok) l->is_held = true;
    drop_if_unused(h, l);
    pthread_mutex_unlock(&h->lock);
    *out = l;
    return ok;
}

static void note_written(struct written *w, int64_t repo_id)
{
    if (w->n && w->id[w->n - 1] == repo_id) return; /* one after another: the usual case */
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 64;
        w->id = mem_grow(w->id, w->cap * sizeof *w->id);
    }
    w->id[w->n++] = repo_id;
}

static void give_turn(struct hub *h, struct repo_lock *l)
{
    pthread_mutex_lock(&h->lock);
    if (l->has_written) note_written(&h->written, l->repo_id);
    l->is_held = l->is_dirty = l->has_written = false;
    if (l->waiting) pthread_cond_signal(&l->turn);
    drop_if_unused(h, l);
    pthread_mutex_unlock(&h->lock);
}

/* ------------------------------------------------------------------ across processes */

static void mark_path(const struct hub *h, int64_t repo_id, char out[HUB_PATH_BYTES])
{
    snprintf(out, HUB_PATH_BYTES, "%s/locks/%lld", h->home, (long long)repo_id);
}

/* Opens the file, or makes it.  Between a look and a creation others may make and remove it: a few tries. */
static bool open_mark(const char *path, int *fd, bool *was_there, struct err *e)
{
    for (int tries = 0; tries < 16; tries++) {
        if (!os_open_write(path, fd, was_there, e)) return false;
        if (*was_there || os_create(path, fd, e)) return true;
        if (e->code == ERR_NO_SPACE) return false;
    }
    return false;
}

/* *taken false: somebody else has it at the moment. */
static bool try_file(const char *path, int *fd, bool *was_there, bool *taken, struct err *e)
{
    bool locked = false;
    *taken = false;
    if (!open_mark(path, fd, was_there, e)) return false;
    bool ok = os_try_lock(*fd, true, &locked, e);
    /* Whoever had it may have removed it between our open and our lock. */
    *taken = ok && locked && os_same_file(*fd, path);
    if (!*taken) close(*fd);
    return ok;
}

static bool take_file(struct hub *h, struct repo_lock *l, int64_t until_us, struct err *e)
{
    char path[HUB_PATH_BYTES];
    mark_path(h, l->repo_id, path);
    for (long pause_us = 200;;) {
        bool taken;
        if (!try_file(path, &l->fd, &l->is_dirty, &taken, e)) return false;
        if (taken) return true;
        if (clock_mono_us() >= until_us) return err_set(e, ERR_BUSY, "another process is writing to this repository; try again");
        nanosleep(&(struct timespec){ .tv_nsec = pause_us * 1000 }, NULL);
        if (pause_us < 20000) pause_us *= 2;
    }
}

/* ------------------------------------------------------------------ locks */

bool repo_lock_bare(struct hub *h, int64_t repo_id, int64_t wait_ms, struct repo_lock **out, struct err *e)
{
    int64_t until_us = clock_mono_us() + wait_ms * 1000;
    struct repo_lock *l;
    if (!take_turn(h, repo_id, until_us, &l))
        return err_set(e, ERR_BUSY, "other writers have held this repository for %lld seconds; try again",
                       (long long)(wait_ms / 1000));
    if (!take_file(h, l, until_us, e)) {
        give_turn(h, l);
        return false;
    }
    *out = l;
    return true;
}

bool repo_lock(struct hub *h, int64_t repo_id, struct repo_lock **out, struct err *e)
{
    struct err why;
    if (!repo_lock_bare(h, repo_id, LOCK_WAIT_MS, out, e)) return false;
    /* The writer before us did not finish.  If the index still cannot be written, this is no reason to
     * refuse: the mark stays, and the writer's own hub_index will say what is wrong. */
    if ((*out)->is_dirty && !hub_index(h, repo_id, NULL, &why))
        log_warn("hub.index", "repo=%lld reason=\"%s\"", (long long)repo_id, why.msg);
    return true;
}

void repo_unlock(struct hub *h, struct repo_lock *l)
{
    char path[HUB_PATH_BYTES];
    if (!l) return;
    mark_path(h, l->repo_id, path);
    if (!l->is_dirty) unlink(path); /* while the lock is held: see try_file */
    close(l->fd);
    l->fd = -1;
    give_turn(h, l);
}

/* Only its holder asks, so the answer cannot go stale. */
static struct repo_lock *held(struct hub *h, int64_t repo_id)
{
    pthread_mutex_lock(&h->lock);
    struct repo_lock *l = find(h, repo_id);
    must(l && l->is_held);
    pthread_mutex_unlock(&h->lock);
    return l;
}

bool hub_mark_dirty(struct hub *h, int64_t repo_id, struct err *e)
{
    struct repo_lock *l = held(h, repo_id);
    char dir[HUB_PATH_BYTES];
    hub_path(h, "locks", dir);
    if (!l->has_written && !os_sync_dir(dir, e)) return false; /* what the mark tells of is synced, too */
    return l->is_dirty = l->has_written = true;
}

void hub_mark_clean(struct hub *h, int64_t repo_id) { held(h, repo_id)->is_dirty = false; }

bool hub_is_dirty(struct hub *h, int64_t repo_id) { return held(h, repo_id)->is_dirty; }

bool hub_set_ref(struct hub *h, int64_t repo_id, struct vcs_repo *v, str name, const struct vcs_oid *old,
                 const struct vcs_oid *new_id, str log_message, struct err *e)
{
    return hub_mark_dirty(h, repo_id, e) && vcs_ref_set(v, name, old, new_id, log_message, e);
}

bool hub_index(struct hub *h, int64_t repo_id, const struct identity *who, struct err *e)
{
    if (!index_update(h, repo_id, who, e)) return false;
    hub_mark_clean(h, repo_id);
    return true;
}

/* ------------------------------------------------------------------ removal */

bool hub_removal_lock(struct hub *h, bool alone, int *fd, struct err *e)
{
    char path[HUB_PATH_BYTES];
    bool got = false;
    hub_path(h, "repos", path);
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0) return err_os(e, errno, "cannot open %s", path);
    bool ok = os_try_lock(*fd, alone, &got, e);
    if (got) return true;
    close(*fd);
    *fd = -1;
    return ok;
}

bool hub_removal_wait(struct hub *h, bool alone, bool (*stops)(void *ctx), void *ctx, int *fd, struct err *e)
{
    for (;;) {
        if (!hub_removal_lock(h, alone, fd, e)) return false;
        if (*fd >= 0) return true;
        if (stops && stops(ctx)) return err_set(e, ERR_CLOSED, "stopped while waiting for a backup to end");
        nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000 * 1000 }, NULL);
    }
}
