/* infer/worker/process.c - see infer/worker/process.h. */
#include "infer/worker/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"

/* Channel and files, at the places that the worker knows them by. */
static int spawn(const struct staging *s, const char *cache_dir, int channel, pid_t *pid)
{
    static const char *const decides_on_numbers[] = { "HEARTH_KERNELS" };
    const char *argv[] = { "hearth", "worker", s->folder, cache_dir, NULL };
    struct arena *a = arena_new(0);
    size_t count = STAGING_FIRST_FD + s->files;
    int *fd = arena_alloc(a, count * sizeof *fd);
    for (size_t i = 0; i < count; i++) fd[i] = i < STAGING_FIRST_FD ? -1 : s->file[i - STAGING_FIRST_FD].fd;
    fd[STDERR_FILENO] = STDERR_FILENO;
    fd[PROCESS_CHANNEL_FD] = channel;
    int bad = spawn_process(&(struct spawn){ SPAWN_SELF, argv, spawn_environment(a, decides_on_numbers, COUNT(decides_on_numbers)), fd, count }, pid);
    arena_free(a);
    return bad;
}

bool process_start(const struct staging *s, const char *cache_dir, struct process *out, struct err *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return err_os(e, errno, "cannot start a worker");
    int bad = spawn(s, cache_dir, pair[1], &out->pid);
    close(pair[1]);
    if (bad) {
        close(pair[0]);
        return err_os(e, bad, "cannot start a worker");
    }
    out->channel = channel_new(pair[0]);
    return true;
}

static bool has_ended_within(pid_t pid, int ms)
{
    int fd = pidfd_open(pid, 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int n;
    if (fd < 0) return false;
    do n = poll(&p, 1, ms);
    while (n < 0 && errno == EINTR);
    close(fd);
    return n > 0;
}

void process_end(struct process *p, int grace_ms, int *status)
{
    if (!has_ended_within(p->pid, 0)) {
        kill(p->pid, SIGTERM);
        if (!has_ended_within(p->pid, grace_ms)) kill(p->pid, SIGKILL);
    }
    while (waitpid(p->pid, status, 0) < 0 && errno == EINTR) continue;
    channel_free(p->channel);
    *p = (struct process){ -1, NULL };
}
