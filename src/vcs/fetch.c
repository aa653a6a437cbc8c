/* vcs/fetch.c - see vcs/fetch.h: `git fetch`, since libgit2 speaks version 0 of the protocol only. */
#include "vcs/fetch.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/os.h"
#include "vcs/pack_priv.h"

enum { LOOK_MS = 200, ERROR_TEXT_BYTES_MAX = 4096, DEPTH_MAX = 32, PATH_BYTES = 1024, BLOCK_BYTES = 4096 };

/* The token stays out of the list of arguments, which everybody on the machine can read.  How the machine reaches the world is
 * its operator's business: a proxy that is set for us is git's, too. */
static void environment(const struct vcs_fetch *q, struct arena *a, const char *out[])
{
    static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY" };
    size_t n = 0;
    for (size_t i = 0; i < COUNT(proxies); i++)
        if (getenv(proxies[i])) out[n++] = arena_fmt(a, "%s=%s", proxies[i], getenv(proxies[i])).p;
    if (q->token.n) {
        struct buf coded = BUF_INIT(0);
        buf_base64(&coded, bytes_of(arena_fmt(a, "hearth:%.*s", STR_ARG(q->token))));
        out[n++] = "GIT_CONFIG_COUNT=1";
        out[n++] = "GIT_CONFIG_KEY_0=http.extraHeader";
        out[n++] = arena_fmt(a, "GIT_CONFIG_VALUE_0=Authorization: Basic %.*s", STR_ARG(buf_str(&coded))).p;
        buf_deinit(&coded);
    }
    out[n] = NULL;
    must(n < CHILD_MORE_ENV_MAX);
}

/* What a folder takes on the disk, not counted further than `most`: refs and small files take a block each. */
struct taken {
    const char *dir;
    uint64_t bytes, most;
    int depth;
};

static bool add_taken(void *ctx, const char *name, bool is_dir)
{
    struct taken *t = ctx;
    char path[PATH_BYTES];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", t->dir, name);
    if (n < 0 || (size_t)n >= sizeof path || lstat(path, &st) != 0) return true; /* it has gone meanwhile */
    t->bytes += ((uint64_t)st.st_size + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
    if (is_dir && t->depth < DEPTH_MAX) {
        struct taken below = { path, t->bytes, t->most, t->depth + 1 };
        struct err ignored;
        (void)os_each_entry(path, add_taken, &below, &ignored);
        t->bytes = below.bytes;
    }
    return t->bytes <= t->most;
}

static bool has_room(const struct vcs_fetch *q, uint64_t *left, struct err *e)
{
    struct taken t = { .dir = q->path, .most = q->bytes_max };
    struct err ignored;
    if (q->bytes_max) (void)os_each_entry(q->path, add_taken, &t, &ignored);
    *left = t.most - t.bytes;
    return t.bytes <= t.most || err_set(e, ERR_TOO_LARGE, "%s: git's part of it takes more than the %llu bytes that a mirror may take here (upstream-git-max)", q->url, (unsigned long long)q->bytes_max);
}

/* Until the child closes its output.  What it says goes to *said. */
static bool watch(const struct vcs_fetch *q, struct child *c, struct buf *said, struct err *e)
{
    int64_t until = clock_mono_us() + q->timeout_ms * 1000;
    char chunk[4096];
    uint64_t left;
    while (c->out >= 0 || c->err >= 0) {
        struct pollfd p[2] = { { c->out, POLLIN, 0 }, { c->err, POLLIN, 0 } };
        (void)poll(p, 2, LOOK_MS);
        if (!has_room(q, &left, e)) return false;
        if (q->stops && q->stops(q->ctx)) return err_set(e, ERR_CLOSED, "stopped while fetching from %s", q->url);
        if (clock_mono_us() > until)
            return err_set(e, ERR_TIMEOUT, "%s: git had not sent everything after %lld s", q->url, (long long)(q->timeout_ms / 1000));
        for (int i = 0; i < 2; i++) {
            int *fd = i ? &c->err : &c->out;
            if (*fd < 0 || !p[i].revents) continue;
            ssize_t got = read(*fd, chunk, sizeof chunk);
            if (got > 0) buf_add(said, str_n(chunk, (size_t)got));
            else if (got == 0) child_close(fd);
        }
    }
    return true;
}

static bool remove_half_made_one(void *ctx, const char *name, bool is_dir)
{
    char path[PATH_BYTES];
    struct err ignored;
    int n = snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    if (!is_dir && str_starts(str_c(name), STR("tmp_")) && n > 0 && (size_t)n < sizeof path) (void)os_remove(path, &ignored);
    return true;
}

/* git leaves a pack of which not all came.  Somebody may repack at the same time: he then does it again. */
static void remove_half_made(const char *repo_path)
{
    char dir[PATH_BYTES];
    struct err ignored;
    int n = snprintf(dir, sizeof dir, "%s/objects/pack", repo_path);
    if (n > 0 && (size_t)n < sizeof dir) (void)os_each_entry(dir, remove_half_made_one, dir, &ignored);
}

bool vcs_fetch(const struct vcs_fetch *q, struct err *e)
{
    /* Not --atomic, which cannot put a branch x/y where x was: what they do not have goes first, and then the others move.
     * --depth: all there is.  But the old way of git over HTTP, files without a service, on which nothing is checked, refuses any. */
    const char *const args[] = { "-C", q->path, "-c", "fetch.fsckObjects=true", "-c", "fetch.unpackLimit=1", "-c", "http.followRedirects=false",
                                 "-c", "protocol.allow=never", "-c", "protocol.http.allow=always", "-c", "protocol.https.allow=always",
                                 "fetch", "--quiet", "--depth=2147483647", "--force", "--prune", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head",
                                 "--no-recurse-submodules", "--", q->url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*",
                                 "+refs/convert/*:refs/convert/*", "+refs/pr/*:refs/pr/*", NULL };
    const char *env[CHILD_MORE_ENV_MAX];
    struct buf said = BUF_INIT(ERROR_TEXT_BYTES_MAX);
    struct arena *a = arena_new(0);
    struct child c;
    int status = 0;
    uint64_t left;
    environment(q, a, env);
    /* One pack cannot be too large, however fast it comes; what it is more than there is room for says why it was not taken. */
    bool ok = has_room(q, &left, e);
    struct child_request start = { .args = args, .env = env, .is_bounded = true, .file_bytes_max = q->bytes_max ? left + BLOCK_BYTES : 0 };
    ok = ok && child_start(&start, &c, e);
    if (ok) {
        child_close(&c.in);
        ok = watch(q, &c, &said, e);
        if (ok) child_wait(&c, &status);
        else child_kill(&c);
    }
    if (ok && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        ok = has_room(q, &left, e) && err_set(e, ERR_IO, "%s: git says: %.*s", q->url, STR_ARG(str_trim(buf_str(&said))));
    if (!ok) remove_half_made(q->path);
    buf_deinit(&said);
    arena_free(a);
    return ok;
}
