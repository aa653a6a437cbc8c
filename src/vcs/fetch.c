/* vcs/fetch.c - see vcs/fetch.h: `git fetch`, since libgit2 speaks version 0 only, which lists every pull request's ref. */
#include "vcs/fetch.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "vcs/pack_priv.h"

enum { LOOK_MS = 200, ERROR_TEXT_BYTES_MAX = 4096 };

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

/* Until the child closes its output.  What it says goes to *said. */
static bool watch(const struct vcs_fetch *q, struct child *c, struct buf *said, struct err *e)
{
    int64_t until = clock_mono_us() + q->timeout_ms * 1000;
    char chunk[4096];
    while (c->out >= 0 || c->err >= 0) {
        struct pollfd p[2] = { { c->out, POLLIN, 0 }, { c->err, POLLIN, 0 } };
        (void)poll(p, 2, LOOK_MS);
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

bool vcs_fetch(const struct vcs_fetch *q, struct err *e)
{
    /* Not --atomic, which cannot put a branch x/y where x was: what they do not have goes first, and then the others move.
     * --depth: all there is.  But the old way of git over HTTP, files without a service, on which nothing is checked, refuses any. */
    const char *const args[] = { "-C", q->path, "-c", "fetch.fsckObjects=true", "-c", "fetch.unpackLimit=1", "-c", "http.followRedirects=false",
                                 "-c", "protocol.allow=never", "-c", "protocol.http.allow=always", "-c", "protocol.https.allow=always",
                                 "fetch", "--quiet", "--depth=2147483647", "--force", "--prune", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head",
                                 "--no-recurse-submodules", "--", q->url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*",
                                 "+refs/convert/*:refs/convert/*", NULL };
    const char *env[CHILD_MORE_ENV_MAX];
    struct buf said = BUF_INIT(ERROR_TEXT_BYTES_MAX);
    struct arena *a = arena_new(0);
    struct child c;
    int status = 0;
    environment(q, a, env);
    struct child_request start = { .args = args, .env = env, .is_bounded = true };
    bool ok = child_start(&start, &c, e);
    if (ok) {
        child_close(&c.in);
        ok = watch(q, &c, &said, e);
        if (ok) child_wait(&c, &status);
        else child_kill(&c);
    }
    if (ok && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        ok = err_set(e, ERR_IO, "%s: git says: %.*s", q->url, STR_ARG(str_trim(buf_str(&said))));
    buf_deinit(&said);
    arena_free(a);
    return ok;
}
