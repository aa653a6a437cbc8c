/* space/jail.h - a program of strangers as a process tree: namespaces and folders by bubblewrap, calls by seccomp, limits by rlimits.
 *
 * Inside it is user 1000 without rights, sees the system's programs read-only, the folders that it was given and nothing else of the
 * files, and has a network with nothing but a loopback.  Two ways lead through: jail_dial connects to a port of that loopback from
 * outside, and what connects to JAIL_PROXY_PORT inside arrives at `proxy_fd`.  Both are made by a helper process that steps into the
 * jail's network namespace and hands out sockets (jail_line.c); the server itself never does.
 *
 * When the thread that started it ends, and so when the server dies, all processes in it are killed by the kernel.
 * A server that runs as root gives its jails another user: root's files would be theirs if anything broke. */
#ifndef SPACE_JAIL_H
#define SPACE_JAIL_H

#include <pthread.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

enum { JAIL_PROXY_PORT = 3128, JAIL_BINDS_MAX = 16, JAIL_ROOTS_UID = 65533 };

struct jail_bind {
    const char *from; /* below `home`; or absolute, of the system */
    const char *to;
    bool is_writable;
};
struct jail_plan {
    const char *home;                /* the folder that the jail's own folders are in */
    struct jail_bind bind[JAIL_BINDS_MAX];
    size_t binds;
    const char *const *argv, *const *env; /* both end with NULL */
    const char *folder;              /* where it begins, inside */
    uint64_t memory_bytes, file_bytes, shm_bytes;
    size_t processes_max;
};
struct jail {
    pid_t pid, child;      /* bubblewrap, and its child: the jail's first process, as we see it */
    uint64_t pid_ns;       /* which processes are its own */
    int out;               /* what it says, non-blocking; -1 after its end was read */
    int status_fd, pid_fd; /* the latter becomes readable when all is over */
    int proxy_fd;          /* listens inside, non-blocking */
    pid_t line_pid;
    int line_fd;
    pthread_mutex_t line_lock; /* one dial at a time; held across the exchange with the helper */
};
/* Both are NULL-safe about nothing: the thread that starts it must live as long as it. */
bool jail_start(const struct jail_plan *p, struct jail *out, struct err *e);
/* SIGTERM to the first process of the program, grace_ms, then the end of all of them.  *status as of waitpid. */
void jail_end(struct jail *j, int grace_ms, int *status);
bool jail_has_ended(const struct jail *j);
bool jail_dial(struct jail *j, int port, int *fd, struct err *e); /* ERR_IO: nobody listens there */

/* Can this machine do it?  Runs /bin/true in a jail. */
bool jail_try(const char *home, struct err *e);
uid_t jail_uid(void); /* that files for it must belong to; our own but where that is root */

/* What all processes of a jail use now. */
struct jail_use {
    size_t processes;
    uint64_t memory_bytes; /* private and in memory */
    uint64_t cpu_us;       /* of those that live; falls when one ends */
};
void jail_measure(uint64_t pid_ns, struct jail_use *out);

/* `hearth space-jail ..` and `hearth space-line ..`: not for people. */
int jail_main(int argc, char **argv);
int jail_line_main(int argc, char **argv);

#endif
