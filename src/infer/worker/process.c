/* infer/worker/process.c - see infer/worker/process.h. */
#include "infer/worker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENVIRONMENT_MAX = 8 };

/* What decides on numbers, and what sanitizers need; nothing that could hold a secret. */
static void make_environment(struct arena *a, const char *out[ENVIRONMENT_MAX + 1])
{
    static const char *const kept[] = { "HEARTH_KERNELS", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS" };
    size_t n = 0;
    for (size_t i = 0; i < COUNT(kept); i++) {
        const char *value = getenv(kept[i]);
        if (value) out[n++] = arena_fmt(a, "%s=%s", kept[i], value).p;
    }
    out[n] = NULL;
}

/* In the child a descriptor is put in its place by dup2, one after the other; so none may lie where another will be put. */
static bool move_up(int fd, int least, int *out, struct err *e)
{
    *out = fcntl(fd, F_DUPFD_CLOEXEC, least);
    return *out >= 0 || err_os(e, errno, "cannot start a worker");
}

struct plan {
    struct arena *a;
    int *moved; /* copies: the channel, then the files */
    size_t moved_count;
    posix_spawn_file_actions_t actions;
};

static bool plan_one(struct plan *p, int fd, int least, int target, struct err *e)
{
    if (!move_up(fd, least, &p->moved[p->moved_count], e)) return false;
    posix_spawn_file_actions_adddup2(&p->actions, p->moved[p->moved_count++], target);
    return true;
}

static bool plan_descriptors(struct plan *p, const struct staging *s, int channel, struct err *e)
{
    int least = (int)(STAGING_FIRST_FD + s->files);
    p->moved = arena_alloc(p->a, (s->files + 1) * sizeof *p->moved);
    posix_spawn_file_actions_addopen(&p->actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&p->actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (!plan_one(p, channel, least, PROCESS_CHANNEL_FD, e)) return false;
    for (size_t i = 0; i < s->files; i++)
        if (!plan_one(p, s->file[i].fd, least, (int)(STAGING_FIRST_FD + i), e)) return false;
    for (int fd = PROCESS_CHANNEL_FD + 1; fd < STAGING_FIRST_FD; fd++) posix_spawn_file_actions_addclose(&p->actions, fd);
    posix_spawn_file_actions_addclosefrom_np(&p->actions, least);
    return true;
}

static int spawn(const struct plan *p, const struct staging *s, const char *cache_dir, pid_t *pid)
{
    const char *argv[] = { "hearth", "worker", s->folder, cache_dir, NULL }, *env[ENVIRONMENT_MAX + 1];
    posix_spawnattr_t attr;
    sigset_t none, standard;
    make_environment(p->a, env);
    sigemptyset(&none);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    sigaddset(&standard, SIGTERM);
    sigaddset(&standard, SIGINT);
    sigaddset(&standard, SIGHUP);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &standard);
    posix_spawnattr_setpgroup(&attr, 0); /* Ctrl-C on the terminal is for the server, which then ends us */
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int bad = posix_spawn(pid, "/proc/self/exe", &p->actions, &attr, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
    posix_spawnattr_destroy(&attr);
    return bad;
}

bool process_start(const struct staging *s, const char *cache_dir, struct process *out, struct err *e)
{
    struct plan p = { .a = arena_new(0) };
    int pair[2] = { -1, -1 }, bad;
    bool ok = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 || err_os(e, errno, "cannot start a worker");
    posix_spawn_file_actions_init(&p.actions);
    ok = ok && plan_descriptors(&p, s, pair[1], e);
    if (ok && (bad = spawn(&p, s, cache_dir, &out->pid)) != 0) ok = err_os(e, bad, "cannot start a worker");
    for (size_t i = 0; i < p.moved_count; i++) close(p.moved[i]);
    posix_spawn_file_actions_destroy(&p.actions);
    if (pair[1] >= 0) close(pair[1]);
    if (ok) out->channel = channel_new(pair[0]);
    else if (pair[0] >= 0) close(pair[0]);
    arena_free(p.a);
    return ok;
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
