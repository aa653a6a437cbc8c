/* space/jail_main.c - `hearth space-jail`: from a child of the server to bubblewrap, and what processes of a jail use.
 *
 * What must happen between fork and exec, in a program of its own, because little is safe there in a process with threads.
 * Arguments: the server's process, the folder of Spaces, bytes of memory, bytes of a file, and then bubblewrap's command. */
#include "space/jail.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "space/jail_priv.h"

enum { ARG_PARENT = 2, ARG_HOME, ARG_MEMORY, ARG_FILE, ARG_BWRAP, FILES_MAX = 4096 };

static bool limit(__rlimit_resource_t what, uint64_t most)
{
    struct rlimit l = { most, most };
    return setrlimit(what, &l) == 0;
}

/* When memory is short, apps go before everything else. */
static void go_first(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (write(fd, "1000", 4) != 4) {} /* a wish */
    close(fd);
}

static bool become_another(const char *home)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount(home, JAIL_ROOTS_VIEW, NULL, MS_BIND, NULL) == 0 &&
           setgroups(0, NULL) == 0 && setresgid(JAIL_ROOTS_UID, JAIL_ROOTS_UID, JAIL_ROOTS_UID) == 0 &&
           setresuid(JAIL_ROOTS_UID, JAIL_ROOTS_UID, JAIL_ROOTS_UID) == 0;
}

int jail_main(int argc, char **argv)
{
    uint64_t parent, memory, file;
    if (argc <= ARG_BWRAP || !str_u64(str_c(argv[ARG_PARENT]), &parent) || !str_u64(str_c(argv[ARG_MEMORY]), &memory) || !str_u64(str_c(argv[ARG_FILE]), &file)) {
        fprintf(stderr, "hearth space-jail: the server starts this\n");
        return 2;
    }
    go_first();
    if (geteuid() == 0 && !become_another(argv[ARG_HOME])) {
        fprintf(stderr, "hearth: cannot give an app a user of its own: %s\n", strerror(errno));
        return 1;
    }
    /* After the change of user, which forgets it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != (pid_t)parent) return 1;
    umask(022);
    if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_NOFILE, FILES_MAX) || !limit(RLIMIT_FSIZE, file) || !limit(RLIMIT_DATA, memory)) {
        fprintf(stderr, "hearth: cannot limit an app: %s\n", strerror(errno));
        return 1;
    }
    execv(argv[ARG_BWRAP], argv + ARG_BWRAP);
    fprintf(stderr, "%s cannot be run: %s. Install bubblewrap\n", argv[ARG_BWRAP], strerror(errno));
    return 127;
}

/* ------------------------------------------------------------------ what they use */

static bool read_small(int folder, const char *name, char *out, size_t n)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, out, n - 1) : -1;
    if (fd >= 0) close(fd);
    if (got < 0) return false;
    out[got] = '\0';
    return true;
}

static void add_process(int folder, struct jail_use *u)
{
    char text[1024];
    unsigned long long pages, resident, shared, user, system;
    long tick = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
    u->processes++;
    if (read_small(folder, "statm", text, sizeof text) && sscanf(text, "%llu %llu %llu", &pages, &resident, &shared) == 3 && resident > shared)
        u->memory_bytes += (resident - shared) * (uint64_t)page;
    if (!read_small(folder, "stat", text, sizeof text)) return;
    const char *after = strrchr(text, ')'); /* a name may hold anything */
    if (after && sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) == 2)
        u->cpu_us += (user + system) * (1000000 / (uint64_t)tick);
}

void jail_measure(uint64_t pid_ns, struct jail_use *out)
{
    char want[64], got[64];
    DIR *all = opendir("/proc");
    *out = (struct jail_use){ 0 };
    snprintf(want, sizeof want, "pid:[%llu]", (unsigned long long)pid_ns);
    for (struct dirent *d; all && (d = readdir(all)) != NULL;) {
        if (!isdigit((unsigned char)d->d_name[0])) continue;
        int folder = openat(dirfd(all), d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0) continue;
        ssize_t n = readlinkat(folder, "ns/pid", got, sizeof got - 1);
        if (n > 0 && str_eq(str_n(got, (size_t)n), str_c(want))) add_process(folder, out);
        close(folder);
    }
    if (all) closedir(all);
}
