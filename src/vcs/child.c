/* vcs/child.c - git as a child process.
 *
 * Its environment is made from nothing: no configuration of whoever runs the server, no prompt, no
 * locale, and nothing of ours, since hooks see all of it.  It leads a process group, so that the
 * processes that it starts (index-pack, pack-objects) go when it goes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/spawn.h"
#include "vcs/pack_priv.h"

enum { KILL_WAIT_US = 2000000, CHILD_ENV_MAX = 12 + CHILD_MORE_ENV_MAX };

/* What each process may use that reads a push, or a fetch: twenty kilobytes of deltas can claim to be terabytes of files, where the
 * largest that is accepted has 10 MiB. */
enum { BOUNDED_MEMORY_BYTES = 1 << 30, BOUNDED_CPU_S = 600 };

void child_close(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* ours is not blocking.  A socket instead of a pipe for input: writing to one whose reader has gone can
 * be done without a signal. */
static bool channel(bool is_socket, bool we_write, int *ours, int *theirs)
{
    int fd[2];
    if (is_socket ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) : pipe2(fd, O_CLOEXEC)) return false;
    *ours = fd[we_write ? 1 : 0];
    *theirs = fd[we_write ? 0 : 1];
    if (!is_socket) (void)fcntl(*ours, F_SETPIPE_SZ, 1 << 20); /* a wish: fewer turns for a large pack */
    return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

static int spawn(const struct child_request *q, const int theirs[4], pid_t *pid)
{
    const char *const *args = q->args;
    const char *argv[CHILD_ARGS_MAX + 2] = { "git" };
    char protocol[64];
    size_t n = 1;
    for (; args[n - 1]; n++) {
        must(n < CHILD_ARGS_MAX);
        argv[n] = args[n - 1];
    }
    snprintf(protocol, sizeof protocol, "GIT_PROTOCOL=%s", q->git_protocol ? q->git_protocol : "");
    const char *env[CHILD_ENV_MAX] = {
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "HOME=/",
        "LC_ALL=C",
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_ATTR_NOSYSTEM=1",
        "GIT_TERMINAL_PROMPT=0",
        "GIT_COMMITTER_NAME=Hearth", /* of reflogs */
        "GIT_COMMITTER_EMAIL=hearth@localhost",
        protocol,
    };
    size_t vars = 0;
    while (env[vars]) vars++;
    if (q->with_hook) env[vars++] = "HEARTH_HOOK=1";
    for (size_t i = 0; q->env && q->env[i]; i++) {
        must(vars < CHILD_ENV_MAX - 1);
        env[vars++] = q->env[i];
    }
    return spawn_process(&(struct spawn){ "git", argv, env, theirs, 4 }, pid);
}

/* In time for whatever it starts: that it does only when it is sent something. */
static bool limit(pid_t pid, __rlimit_resource_t what, rlim_t most)
{
    struct rlimit l;
    if (prlimit(pid, what, NULL, &l) != 0) return false;
    if (l.rlim_cur > most) l.rlim_cur = most;
    return prlimit(pid, what, &l, NULL) == 0;
}

bool child_start(const struct child_request *q, struct child *out, struct err *e)
{
    int theirs[4] = { -1, -1, -1, -1 }, bad = 0;
    *out = (struct child){ -1, -1, -1, -1, -1 };
    bool ok = channel(true, true, &out->in, &theirs[0]) && channel(false, false, &out->out, &theirs[1]) &&
              channel(false, false, &out->err, &theirs[2]);
    if (ok && q->with_hook) ok = channel(true, true, &out->hook, &theirs[CHILD_HOOK_FD]);
    if (!ok) bad = errno;
    if (ok && (bad = spawn(q, theirs, &out->pid)) != 0) ok = false;
    for (int i = 0; i < 4; i++) child_close(&theirs[i]);
    bool is_limited = ok && (!q->is_bounded || (limit(out->pid, RLIMIT_DATA, BOUNDED_MEMORY_BYTES) && limit(out->pid, RLIMIT_CPU, BOUNDED_CPU_S))) &&
                      (!q->file_bytes_max || (limit(out->pid, RLIMIT_FSIZE, q->file_bytes_max) && limit(out->pid, RLIMIT_CORE, 0)));
    if (ok && !is_limited) {
        bad = errno;
        child_kill(out);
        return err_os(e, bad, "cannot limit what git may use");
    }
    if (ok) return true;
    out->pid = -1;
    child_close(&out->in);
    child_close(&out->out);
    child_close(&out->err);
    child_close(&out->hook);
    return err_os(e, bad, "cannot start git (is it installed?)");
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = { 0 };
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

static bool ends_within(pid_t pid, int64_t us)
{
    int64_t until = clock_mono_us() + us;
    for (long pause_ns = 100000; !has_ended(pid); pause_ns = pause_ns < 10000000 ? pause_ns * 2 : pause_ns) {
        if (clock_mono_us() > until) return false;
        nanosleep(&(struct timespec){ 0, pause_ns }, NULL);
    }
    return true;
}

/* The leader is reaped last: until then its group id cannot become somebody else's. */
static void reap(struct child *c, int *status)
{
    kill(-c->pid, SIGKILL); /* whatever it left behind */
    while (waitpid(c->pid, status, 0) < 0 && errno == EINTR) continue;
    c->pid = -1;
    child_close(&c->in);
    child_close(&c->out);
    child_close(&c->err);
    child_close(&c->hook);
}

void child_wait(struct child *c, int *status)
{
    enum { AFTER_OUTPUT_US = 30000000 };
    child_close(&c->in);
    if (!ends_within(c->pid, AFTER_OUTPUT_US)) kill(-c->pid, SIGTERM);
    (void)ends_within(c->pid, KILL_WAIT_US);
    reap(c, status);
}

void child_kill(struct child *c)
{
    int ignored;
    if (c->pid <= 0) return;
    kill(-c->pid, SIGTERM);
    child_close(&c->in);
    child_close(&c->hook);
    (void)ends_within(c->pid, KILL_WAIT_US);
    reap(c, &ignored);
}

/* ------------------------------------------------------------------ short commands */

static bool read_some(struct child *c, struct pollfd p[2], char *chunk, size_t cap, size_t *n)
{
    int *fd[2] = { &c->out, &c->err };
    *n = 0;
    for (int i = 0; i < 2; i++) {
        if (*fd[i] < 0 || !p[i].revents) continue;
        ssize_t got = read(*fd[i], chunk, cap);
        if (got > 0) {
            *n = (size_t)got;
            return true;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) child_close(fd[i]);
    }
    return c->out >= 0 || c->err >= 0;
}

struct splitter {
    struct buf partial;
    void (*line)(void *ctx, str line);
    void *ctx;
};

static void split(struct splitter *s, str text)
{
    size_t end;
    while ((end = str_chr(text, '\n')) != STR_NONE) {
        buf_add(&s->partial, str_to(text, end));
        s->line(s->ctx, buf_str(&s->partial));
        buf_reset(&s->partial);
        text = str_from(text, end + 1);
    }
    buf_add(&s->partial, text);
}

/* Until git has said all, or is killed because its time is up. */
static bool read_lines(struct child *c, int64_t until_us, struct splitter *s)
{
    char chunk[8192];
    size_t n;
    for (;;) {
        struct pollfd p[2] = { { c->out, POLLIN, 0 }, { c->err, POLLIN, 0 } };
        int64_t left_us = until_us - clock_mono_us();
        if (left_us <= 0) return false;
        if (poll(p, 2, left_us < 1000000 ? (int)(left_us / 1000) + 1 : 1000) < 0 && errno != EINTR) return true;
        if (!read_some(c, p, chunk, sizeof chunk, &n)) return true;
        split(s, str_n(chunk, n));
    }
}

static bool run(const char *const *args, str input, int64_t timeout_ms, void (*line)(void *ctx, str line), void *ctx, int *exit_code, struct err *e)
{
    struct child c;
    struct splitter s = { .partial = BUF_INIT(1 << 16), .line = line, .ctx = ctx };
    int64_t until_us = timeout_ms ? clock_mono_us() + timeout_ms * 1000 : INT64_MAX;
    int status;
    if (!child_start(&(struct child_request){ .args = args }, &c, e)) return false;
    if (input.n && send(c.in, input.p, input.n, MSG_NOSIGNAL) != (ssize_t)input.n) {
        child_kill(&c);
        buf_deinit(&s.partial);
        return err_set(e, ERR_IO, "cannot tell git %s what to work on", args[0]);
    }
    child_close(&c.in);
    bool is_in_time = read_lines(&c, until_us, &s);
    if (is_in_time && s.partial.n > 0) line(ctx, buf_str(&s.partial));
    buf_deinit(&s.partial);
    *exit_code = CHILD_TIMED_OUT;
    if (!is_in_time) {
        child_kill(&c);
        return true;
    }
    child_wait(&c, &status);
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return true;
}

bool child_run_lines(const char *const *args, int64_t timeout_ms, void (*line)(void *ctx, str line), void *ctx, int *exit_code,
                     struct err *e)
{
    return run(args, STR(""), timeout_ms, line, ctx, exit_code, e);
}

static void gather(void *ctx, str line)
{
    buf_add(ctx, line);
    buf_byte(ctx, '\n');
}

bool child_run(const char *const *args, str input, struct buf *out, int *exit_code, struct err *e)
{
    return run(args, input, 0, gather, out, exit_code, e);
}
