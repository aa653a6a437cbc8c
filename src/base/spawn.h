/* base/spawn.h - a child process that has what it is given, and nothing else of ours: no descriptor, no variable, no blocked or ignored
 * signal.  It leads a process group: Ctrl-C on the terminal is for us, and what it starts goes with it.
 *
 * Safe from any thread; descriptors that other threads have open or open meanwhile do not reach it. */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <sys/types.h>

#include "base/arena.h"

struct spawn {
    const char *program;      /* without a slash, looked for in PATH */
    const char *const *argv;  /* ended by NULL, as is env */
    const char *const *env;   /* all of its variables, NAME=value */
    const int *fd;            /* its descriptor i is a copy of fd[i], whatever number that has here; -1: /dev/null below 3, else none */
    size_t fds_count;
};

/* This program itself, even if its file was replaced meanwhile. */
#define SPAWN_SELF "/proc/self/exe"

/* 0 and the process, which is then to be waited for, or what errno says.  fd stays the caller's. */
int spawn_process(const struct spawn *s, pid_t *pid);

/* The variables that sanitizers need, and those of names[0..n), as far as they are set: for `env`. */
const char **spawn_environment(struct arena *a, const char *const *names, size_t n);

#endif
