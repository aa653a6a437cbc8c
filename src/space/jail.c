/* space/jail.c - see space/jail.h.
 *
 * Order of a start: this program again as `hearth space-jail`, which takes limits upon itself and becomes bubblewrap (jail_main); its
 * word which process is the jail's first, which then waits; the helper in its network (jail_line.c); and only then may the program
 * begin, behind prlimit. */
#include "space/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/spawn.h"
#include "space/filter.h"
#include "space/jail_priv.h"

enum { ARGS_MAX = 160, BEGIN_MS = 20000, LINE_MS = 3000 };

uid_t jail_uid(void) { return geteuid() == 0 ? JAIL_ROOTS_UID : geteuid(); }

/* ------------------------------------------------------------------ the command line */

struct args {
    struct arena *a;
    const char *at[ARGS_MAX + 1];
    size_t n;
};

static void add(struct args *g, const char *s)
{
    must(g->n < ARGS_MAX);
    g->at[g->n++] = s;
}
static void add3(struct args *g, const char *option, const char *from, const char *to)
{
    add(g, option);
    add(g, from);
    add(g, to);
}

/* /bin, /lib and their like lead to /usr where the system has merged them, and are folders where it has not. */
static void add_system(struct args *g)
{
    static const char *const folder[] = { "/bin", "/sbin", "/lib", "/lib64", "/lib32" };
    static const char *const file[] = { "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
                                        "/usr/share/ca-certificates", "/etc/alternatives", "/etc/localtime", "/etc/mime.types", "/etc/fonts" };
    struct stat st;
    add3(g, "--ro-bind", "/usr", "/usr");
    for (size_t i = 0; i < COUNT(folder); i++) {
        char to[64];
        ssize_t n = readlink(folder[i], to, sizeof to - 1);
        if (n > 0) add3(g, "--symlink", arena_cstr(g->a, str_n(to, (size_t)n)), folder[i]);
        else if (stat(folder[i], &st) == 0) add3(g, "--ro-bind", folder[i], folder[i]);
    }
    for (size_t i = 0; i < COUNT(file); i++) add3(g, "--ro-bind-try", file[i], file[i]);
}

static const char *as_seen_by_bwrap(struct args *g, const struct jail_plan *p, const char *from)
{
    const char *home = geteuid() == 0 ? JAIL_ROOTS_VIEW : p->home;
    return from[0] == '/' ? from : arena_fmt(g->a, "%s/%s", home, from).p;
}

static void make_args(struct args *g, const struct jail_plan *p)
{
    static const char *const etc[] = { "passwd", "group", "hosts", "nsswitch.conf" };
    add3(g, "hearth", "space-jail", arena_fmt(g->a, "%d", (int)getpid()).p);
    add3(g, p->home, arena_fmt(g->a, "%llu", (unsigned long long)p->memory_bytes).p, arena_fmt(g->a, "%llu", (unsigned long long)p->file_bytes).p);
    add3(g, "/usr/bin/bwrap", "--unshare-all", "--die-with-parent");
    add3(g, "--new-session", "--uid", "1000");
    add3(g, "--gid", "1000", "--hostname");
    add(g, "space");
    add_system(g);
    for (size_t i = 0; i < COUNT(etc); i++)
        add3(g, "--ro-bind", as_seen_by_bwrap(g, p, arena_fmt(g->a, "etc/%s", etc[i]).p), arena_fmt(g->a, "/etc/%s", etc[i]).p);
    add3(g, "--dev", "/dev", "--proc");
    add(g, "/proc");
    add3(g, "--size", arena_fmt(g->a, "%llu", (unsigned long long)p->shm_bytes).p, "--tmpfs");
    add(g, "/dev/shm");
    for (size_t i = 0; i < p->binds; i++)
        add3(g, p->bind[i].is_writable ? "--bind" : "--ro-bind", as_seen_by_bwrap(g, p, p->bind[i].from), p->bind[i].to);
    /* What bubblewrap makes in memory has no bound, so nothing more may be made there. */
    add3(g, "--remount-ro", "/dev", "--remount-ro");
    add3(g, "/", "--chdir", p->folder);
    add3(g, "--json-status-fd", "3", "--block-fd");
    add3(g, "4", "--seccomp", "5");
    /* Processes are counted per user of a user namespace, so this limit must be set where the namespace is the jail's. */
    add3(g, "--", "/usr/bin/prlimit", arena_fmt(g->a, "--nproc=%zu", p->processes_max).p);
    add(g, "--");
    for (size_t i = 0; p->argv[i]; i++) add(g, p->argv[i]);
    g->at[g->n] = NULL;
}

/* ------------------------------------------------------------------ starting */

/* This program again, with descriptors `fd`, which are closed here. */
static bool spawn_self(const char *const *argv, const char *const *env, const int *fd, size_t n, pid_t *pid, struct err *e)
{
    int bad = spawn_process(&(struct spawn){ SPAWN_SELF, argv, env, fd, n }, pid);
    for (size_t i = 0; i < n; i++)
        if (fd[i] >= 0) close(fd[i]);
    return bad == 0 || err_os(e, bad, "cannot start the process of an app");
}

static bool wait_for(int fd, int64_t until_ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    for (;;) {
        int64_t left = until_ms - clock_mono_ms();
        int n = poll(&p, 1, left < 0 ? 0 : (int)left);
        if (n >= 0 || errno != EINTR) return n > 0;
    }
}

/* bubblewrap's first word: {"child-pid": 7, ..., "pid-namespace": 4026532}. */
static bool read_status(struct jail *j)
{
    char text[1024];
    size_t n = 0;
    int64_t until_ms = clock_mono_ms() + BEGIN_MS, child = 0, ns = 0;
    while (n < sizeof text - 1 && !memchr(text, '\n', n)) {
        ssize_t got = wait_for(j->status_fd, until_ms) ? read(j->status_fd, text + n, sizeof text - 1 - n) : 0;
        if (got <= 0) break;
        n += (size_t)got;
    }
    struct arena *a = arena_new(64 << 10);
    struct json *o;
    struct err ignored;
    str line = str_n(text, n);
    bool ok = n && json_parse(str_to(line, str_chr(line, '\n')), a, &o, &ignored) && json_int(json_get(o, STR("child-pid")), &child) && child > 1;
    if (ok && json_int(json_get(o, STR("pid-namespace")), &ns)) j->pid_ns = (uint64_t)ns;
    j->child = (pid_t)child;
    arena_free(a);
    return ok;
}

/* What bubblewrap says went wrong. */
static bool say_why(struct jail *j, struct err *e)
{
    char text[600];
    size_t n = 0;
    while (n < sizeof text && wait_for(j->out, clock_mono_ms() + 500)) {
        ssize_t got = read(j->out, text + n, sizeof text - n);
        if (got <= 0) break;
        n += (size_t)got;
    }
    return err_set(e, ERR_IO, "bubblewrap does not start: %.*s", STR_ARG(str_trim(str_n(text, n))));
}

static bool receive(int fd, int *why, int *got)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = { why, sizeof *why };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room };
    *got = -1;
    if (!wait_for(fd, clock_mono_ms() + LINE_MS) || recvmsg(fd, &m, MSG_CMSG_CLOEXEC) != sizeof *why) return false;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int))) memcpy(got, CMSG_DATA(c), sizeof *got);
    return true;
}

static bool start_line(struct jail *j, struct err *e)
{
    static const char *const argv[] = { "hearth", "space-line", NULL }, *const env[] = { "ASAN_OPTIONS=detect_leaks=0", NULL };
    char path[64];
    int pair[2], why = 0;
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)j->child);
    int network = open(path, O_RDONLY | O_CLOEXEC);
    if (network < 0) return err_os(e, errno, "cannot reach the network of an app");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        close(network);
        return err_os(e, errno, "cannot reach the network of an app");
    }
    j->line_fd = pair[0];
    int fd[] = { -1, -1, fcntl(2, F_DUPFD_CLOEXEC, 16), pair[1], network };
    if (!spawn_self(argv, env, fd, COUNT(fd), &j->line_pid, e)) return false;
    if (!receive(j->line_fd, &why, &j->proxy_fd)) return err_set(e, ERR_IO, "the helper in the network of an app does not answer");
    return (why == 0 && j->proxy_fd >= 0) || err_os(e, why, "cannot enter the network of an app");
}

bool jail_start(const struct jail_plan *p, struct jail *j, struct err *e)
{
    struct args g = { .a = arena_new(0) };
    int out[2] = { -1, -1 }, status[2] = { -1, -1 }, block[2] = { -1, -1 }, filter = -1, ended;
    *j = (struct jail){ .pid = -1, .child = -1, .out = -1, .status_fd = -1, .pid_fd = -1, .proxy_fd = -1, .line_pid = -1, .line_fd = -1 };
    pthread_mutex_init(&j->line_lock, NULL);
    make_args(&g, p);
    bool ok = filter_new(&filter, e);
    if (ok && (pipe2(out, O_CLOEXEC) || pipe2(status, O_CLOEXEC) || pipe2(block, O_CLOEXEC))) ok = err_os(e, errno, "cannot start the process of an app");
    j->out = out[0];
    j->status_fd = status[0];
    if (ok) {
        int fd[] = { -1, out[1], fcntl(out[1], F_DUPFD_CLOEXEC, 16), status[1], block[0], filter };
        ok = fcntl(j->out, F_SETFL, O_NONBLOCK) == 0 && spawn_self(g.at, p->env, fd, COUNT(fd), &j->pid, e);
        out[1] = status[1] = block[0] = filter = -1;
    }
    if (ok && (j->pid_fd = pidfd_open(j->pid, 0)) < 0) ok = err_os(e, errno, "cannot watch the process of an app");
    ok = ok && (read_status(j) || say_why(j, e)) && start_line(j, e);
    if (ok && write(block[1], "1", 1) != 1) ok = say_why(j, e);
    int *const rest[] = { &out[1], &status[1], &block[0], &block[1], &filter };
    for (size_t i = 0; i < COUNT(rest); i++)
        if (*rest[i] >= 0) close(*rest[i]);
    arena_free(g.a);
    if (!ok) jail_end(j, 0, &ended);
    return ok;
}

/* ------------------------------------------------------------------ ending */

static bool ends_within(int pid_fd, int ms) { return pid_fd >= 0 && wait_for(pid_fd, clock_mono_ms() + ms); }

bool jail_has_ended(const struct jail *j) { return ends_within(j->pid_fd, 0); }

/* The first process only waits for others, and as the first of its namespace hears no SIGTERM; the program is its child. */
static void ask_to_end(const struct jail *j)
{
    char path[64], text[32] = "";
    uint64_t pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)j->child, (int)j->child);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) close(fd);
    str word = str_n(text, n > 0 ? (size_t)n : 0);
    size_t end = str_chr(word, ' ');
    if (str_u64(end == STR_NONE ? word : str_to(word, end), &pid) && pid > 1 && pid <= INT32_MAX) kill((pid_t)pid, SIGTERM);
}

static void reap(pid_t *pid, int *status)
{
    while (*pid > 0 && waitpid(*pid, status, 0) < 0 && errno == EINTR) continue;
    *pid = -1;
}

void jail_end(struct jail *j, int grace_ms, int *status)
{
    int ignored, *const fd[] = { &j->out, &j->status_fd, &j->pid_fd, &j->proxy_fd, &j->line_fd };
    *status = 0;
    if (j->pid > 0 && !ends_within(j->pid_fd, 0)) {
        if (grace_ms > 0 && j->child > 0) ask_to_end(j);
        if (!ends_within(j->pid_fd, grace_ms)) {
            if (j->child > 0) kill(j->child, SIGKILL); /* and with it its namespace; not reaped before bubblewrap is, so the number is its own */
            kill(j->pid, SIGKILL);
        }
    }
    reap(&j->pid, status);
    if (j->line_pid > 0) kill(j->line_pid, SIGKILL);
    reap(&j->line_pid, &ignored);
    for (size_t i = 0; i < COUNT(fd); i++) {
        if (*fd[i] >= 0) close(*fd[i]);
        *fd[i] = -1;
    }
    pthread_mutex_destroy(&j->line_lock);
}

bool jail_dial(struct jail *j, int port, int *fd, struct err *e)
{
    int why = EIO;
    *fd = -1;
    pthread_mutex_lock(&j->line_lock);
    bool ok = j->line_fd >= 0 && send(j->line_fd, &port, sizeof port, MSG_NOSIGNAL) == sizeof port && receive(j->line_fd, &why, fd);
    if (!ok && j->line_fd >= 0) shutdown(j->line_fd, SHUT_RDWR); /* a late answer must not be taken for that of another question */
    pthread_mutex_unlock(&j->line_lock);
    if (!ok) return err_set(e, ERR_IO, "the app's network does not answer");
    return *fd >= 0 || err_os(e, why, "the app does not answer on port %d", port);
}

bool jail_try(const char *home, struct err *e)
{
    static const char *const argv[] = { "/bin/true", NULL }, *const env[] = { "PATH=/usr/bin:/bin", NULL };
    struct jail_plan p = { .home = home, .argv = argv, .env = env, .folder = "/", .memory_bytes = 1 << 30, .file_bytes = 1 << 20, .shm_bytes = 1 << 20, .processes_max = 8 };
    struct jail j;
    int status;
    if (!jail_start(&p, &j, e)) return false;
    bool has_ended = ends_within(j.pid_fd, BEGIN_MS);
    char text[512];
    ssize_t n = has_ended ? read(j.out, text, sizeof text) : 0;
    jail_end(&j, 0, &status);
    if (has_ended && WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    return err_set(e, ERR_IO, "a trial of bubblewrap failed: %.*s", n > 0 ? (int)n : 0, text);
}
