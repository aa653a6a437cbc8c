/* scan/process.c - see scan/process.h; this is the parent's side.
 *
 * Invariants: a child is either idle in the pool's list or belongs to one caller; whoever finds a child in the middle of a sentence ends
 * it.  All waiting for a child is bounded: its own time by SCAN_CHILD_SECONDS and the size of the file, what it may read by the same. */
#include "scan/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/spawn.h"
#include "scan/process_priv.h"

enum { STOP_EVERY_MS = 200 };

struct child {
    pid_t pid;
    int fd;
    uint32_t judged;
    struct child *next;
};

struct scan_pool {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct child *idle;
    size_t children, children_max;
    const char *program;
    uint32_t seconds;
};

struct scan_pool *scan_pool_new(const struct scan_pool_options *o)
{
    struct scan_pool *p = mem_one(struct scan_pool);
    *p = (struct scan_pool){ .children_max = o && o->children_max ? o->children_max : 1, .seconds = o && o->seconds ? o->seconds : SCAN_CHILD_SECONDS };
    p->program = o && o->program ? o->program : SPAWN_SELF;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->freed, NULL);
    return p;
}

/* ------------------------------------------------------------------ a child */

static struct child *child_new(const struct scan_pool *p, struct err *e)
{
    static const char *const argv[] = { "hearth", "scan-worker", NULL };
    int pair[2], bad;
    pid_t pid;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        err_os(e, errno, "cannot start a scanning process");
        return NULL;
    }
    struct arena *a = arena_new_small(0);
    int fd[SCAN_CHANNEL_FD + 1] = { -1, -1, STDERR_FILENO, [SCAN_CHANNEL_FD] = pair[1] };
    bad = spawn_process(&(struct spawn){ p->program, argv, spawn_environment(a, NULL, 0), fd, COUNT(fd) }, &pid);
    arena_free(a);
    close(pair[1]);
    if (bad) {
        close(pair[0]);
        err_os(e, bad, "cannot start a scanning process");
        return NULL;
    }
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    struct child *c = mem_one(struct child);
    *c = (struct child){ .pid = pid, .fd = pair[0] };
    return c;
}

/* Ended for certain.  It has no work that would be lost, so nobody asks it first. */
static int child_end(struct child *c)
{
    int status = 0;
    close(c->fd);
    kill(-c->pid, SIGKILL); /* its group: it leads one */
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) continue;
    mem_free(c);
    return status;
}

void scan_pool_rest(struct scan_pool *p)
{
    pthread_mutex_lock(&p->lock);
    struct child *idle = p->idle;
    p->idle = NULL;
    for (const struct child *c = idle; c; c = c->next) p->children--;
    pthread_cond_broadcast(&p->freed);
    pthread_mutex_unlock(&p->lock);
    while (idle) {
        struct child *c = idle;
        idle = c->next;
        child_end(c);
    }
}

void scan_pool_free(struct scan_pool *p)
{
    if (!p) return;
    while (p->idle) {
        struct child *c = p->idle;
        p->idle = c->next;
        child_end(c);
    }
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

/* ------------------------------------------------------------------ one file */

/* Why a call to the child ended. */
enum outcome { FINE, STOPPED, UNREADABLE, GONE, LATE, NONSENSE };

struct call {
    struct child *c;
    const struct scan_source *s;
    const struct scan_options *o;
    int64_t spare_us;     /* of the child's own time */
    uint64_t bytes_spare; /* that it may still read */
    uint8_t *chunk;       /* SCAN_READ_MAX */
    struct err *e;
};

static bool stops(const struct call *k) { return k->o && k->o->stops && k->o->stops(k->o->stops_ctx); }

static enum outcome wait_for(struct call *k, short what)
{
    struct pollfd p = { .fd = k->c->fd, .events = what };
    while (k->spare_us > 0) {
        int64_t began = clock_mono_us();
        int n = poll(&p, 1, STOP_EVERY_MS);
        k->spare_us -= clock_mono_us() - began;
        if (n > 0) return FINE;
        if (n < 0 && errno != EINTR) return GONE;
        if (stops(k)) return STOPPED;
    }
    return LATE;
}

static enum outcome get(struct call *k, void *out, size_t n)
{
    char *at = out;
    while (n) {
        enum outcome o = wait_for(k, POLLIN);
        if (o != FINE) return o;
        ssize_t got = recv(k->c->fd, at, n, 0);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) return GONE;
        at += got;
        n -= (size_t)got;
    }
    return FINE;
}

static enum outcome put(struct call *k, struct scan_frame head, const void *content)
{
    str part[2] = { str_n((const char *)&head, sizeof head), str_n(content, content ? head.bytes : 0) };
    for (size_t i = 0; i < 2; i++)
        while (part[i].n) {
            ssize_t sent = send(k->c->fd, part[i].p, part[i].n, MSG_NOSIGNAL);
            if (sent > 0) {
                part[i] = str_from(part[i], (size_t)sent);
                continue;
            }
            if (errno == EINTR) continue;
            if (errno != EAGAIN) return GONE;
            enum outcome o = wait_for(k, POLLOUT);
            if (o != FINE) return o;
        }
    return FINE;
}

static enum outcome serve(struct call *k, const struct scan_frame *wish)
{
    if (wish->bytes == 0 || wish->bytes > SCAN_READ_MAX || wish->at > k->s->size_bytes || wish->bytes > k->s->size_bytes - wish->at) return NONSENSE;
    if (wish->bytes > k->bytes_spare) return LATE;
    k->bytes_spare -= wish->bytes;
    if (!k->s->read(k->s->ctx, wish->at, k->chunk, wish->bytes, k->e)) return UNREADABLE;
    if (stops(k)) return STOPPED;
    return put(k, (struct scan_frame){ .word = SCAN_BYTES, .bytes = wish->bytes }, k->chunk);
}

static enum outcome converse(struct call *k, str path, struct arena *a, struct scan_report *out)
{
    struct scan_frame head = { .word = SCAN_JUDGE, .bytes = (uint32_t)path.n, .at = k->s->size_bytes };
    enum outcome o = put(k, head, path.p);
    struct err why;
    while (o == FINE) {
        if ((o = get(k, &head, sizeof head)) != FINE) return o;
        if (head.word == SCAN_READ) {
            o = serve(k, &head);
            continue;
        }
        if ((head.word != SCAN_REPORT && head.word != SCAN_FAILED) || head.bytes > SCAN_REPORT_MAX) return NONSENSE;
        char *text = arena_alloc(a, head.bytes + 1u);
        if ((o = get(k, text, head.bytes)) != FINE) return o;
        if (head.word == SCAN_FAILED) return NONSENSE;
        return scan_report_parse(str_n(text, head.bytes), a, out, &why) ? FINE : NONSENSE;
    }
    return o;
}

/* ------------------------------------------------------------------ the pool */

static struct child *take(struct scan_pool *p, struct err *e)
{
    struct child *c;
    pthread_mutex_lock(&p->lock);
    while (!p->idle && p->children == p->children_max) pthread_cond_wait(&p->freed, &p->lock);
    c = p->idle;
    if (c) p->idle = c->next;
    else p->children++;
    pthread_mutex_unlock(&p->lock);
    if (c || (c = child_new(p, e))) return c;
    pthread_mutex_lock(&p->lock);
    p->children--;
    pthread_cond_signal(&p->freed);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* c NULL: it is no more. */
static void give(struct scan_pool *p, struct child *c)
{
    pthread_mutex_lock(&p->lock);
    if (c) {
        c->next = p->idle;
        p->idle = c;
    } else p->children--;
    pthread_cond_signal(&p->freed);
    pthread_mutex_unlock(&p->lock);
}

static void no_verdict(struct arena *a, enum outcome o, int status, struct scan_report *out)
{
    struct scan_finding *f = arena_one(a, struct scan_finding);
    str why = o == LATE       ? STR("The file could not be judged: it takes too long.")
              : o == NONSENSE ? STR("The file could not be judged: the scanner's answer makes no sense.")
              : WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL ? STR("The file could not be judged: the scanner crashed.")
                                                                   : STR("The file could not be judged: the scanner ended, perhaps for want of memory.");
    *f = (struct scan_finding){ .level = SCAN_ERROR, .probe = STR("scan"), .message = why };
    *out = (struct scan_report){ .level = SCAN_ERROR, .format_level = SCAN_ERROR, .findings = f, .findings_count = 1 };
}

bool scan_pool_judge(struct scan_pool *p, const struct scan_source *s, str path, const struct scan_options *o, struct arena *a, struct scan_report *out,
                     struct err *e)
{
    uint64_t megabytes = s->size_bytes >> 20;
    struct call k = { .s = s, .o = o, .e = e };
    enum outcome how;
    int status = 0;
    bool was_fresh;
    if (path.n > SCAN_PATH_MAX) path = str_from(path, path.n - SCAN_PATH_MAX); /* its end tells what it is */
    k.chunk = mem_alloc(SCAN_READ_MAX);
    do {
        k.spare_us = ((int64_t)p->seconds + (int64_t)(megabytes / 64)) * 1000000;
        k.bytes_spare = s->size_bytes > UINT64_MAX / 8 ? UINT64_MAX : s->size_bytes * 8 + (UINT64_C(256) << 20);
        if (!(k.c = take(p, e))) {
            mem_free(k.chunk);
            return false;
        }
        was_fresh = k.c->judged++ == 0;
        how = converse(&k, path, a, out);
        if (how != FINE || k.c->judged == SCAN_CHILD_FILES) {
            status = child_end(k.c);
            k.c = NULL;
        }
        give(p, k.c);
    } while (how == GONE && !was_fresh); /* it may have died of an earlier file, or while it was idle */
    mem_free(k.chunk);
    if (how == STOPPED) return err_set(e, ERR_CLOSED, "scanning was stopped");
    if (how == UNREADABLE) return false;
    if (how != FINE) no_verdict(a, how, status, out);
    return true;
}
