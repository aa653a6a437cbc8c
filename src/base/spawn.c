/* base/spawn.c - see base/spawn.h. */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

enum { STANDARD_FDS = 3 };

static void set_signals(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setsigdefault(attr, &all);
    posix_spawnattr_setpgroup(attr, 0);
    posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

/* The child puts one descriptor after the other in its place by dup2, so none may lie where another will be put: copy[i] of ours lies above
 * all places.  -1: it is not wanted. */
static int copy_up(const struct spawn *s, int *copy)
{
    int least = s->fds_count > STANDARD_FDS ? (int)s->fds_count : STANDARD_FDS;
    for (size_t i = 0; i < s->fds_count; i++) copy[i] = -1;
    for (size_t i = 0; i < s->fds_count; i++)
        if (s->fd[i] >= 0 && (copy[i] = fcntl(s->fd[i], F_DUPFD_CLOEXEC, least)) < 0) return errno;
    return 0;
}

static void plan(const struct spawn *s, const int *copy, posix_spawn_file_actions_t *actions)
{
    size_t places = s->fds_count > STANDARD_FDS ? s->fds_count : STANDARD_FDS;
    for (size_t i = 0; i < places; i++) {
        bool is_given = i < s->fds_count && copy[i] >= 0;
        if (is_given) posix_spawn_file_actions_adddup2(actions, copy[i], (int)i);
        else if (i < STANDARD_FDS) posix_spawn_file_actions_addopen(actions, (int)i, "/dev/null", i == 0 ? O_RDONLY : O_WRONLY, 0);
        else posix_spawn_file_actions_addclose(actions, (int)i); /* which does no harm where there is none */
    }
    posix_spawn_file_actions_addclosefrom_np(actions, (int)places);
}

int spawn_process(const struct spawn *s, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int *copy = mem_alloc((s->fds_count + 1) * sizeof *copy), bad = copy_up(s, copy);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    set_signals(&attr);
    plan(s, copy, &actions);
    if (!bad) bad = posix_spawnp(pid, s->program, &actions, &attr, (char *const *)(uintptr_t)s->argv, (char *const *)(uintptr_t)s->env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; i < s->fds_count; i++)
        if (copy[i] >= 0) close(copy[i]);
    mem_free(copy);
    return bad;
}

const char **spawn_environment(struct arena *a, const char *const *names, size_t n)
{
    static const char *const sanitizers[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS" };
    const char **env = arena_alloc(a, (n + COUNT(sanitizers) + 1) * sizeof *env);
    size_t found = 0;
    for (size_t i = 0; i < n + COUNT(sanitizers); i++) {
        const char *name = i < n ? names[i] : sanitizers[i - n], *value = getenv(name);
        if (value) env[found++] = arena_fmt(a, "%s=%s", name, value).p;
    }
    env[found] = NULL;
    return env;
}
