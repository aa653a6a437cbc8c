/* disk.c - what a power cut would take.  Loaded before the C library (LD_PRELOAD) by test_power_cut.py.
 *
 * Below $DISK_HOME every write, every new, removed or renamed name, and every sync is noted in $DISK_NOTES/log, a line each, after it has
 * happened.  Of what loses its name a second one is kept, $DISK_NOTES/NUMBER.  So who reads the notes can undo all that was not synced:
 *
 *     write   INODE AT BYTES       undone unless a sync of the inode follows
 *     make    PATH                 this and the next two: unless one of the folder follows
 *     remove  PATH NUMBER
 *     rename  FROM TO NUMBER       NUMBER: what TO was before; 0: nothing
 *     sync    INODE
 *     folder  PATH                 a sync, too
 *
 * When the folder is synced that the link $DISK_NOTES/cut leads to, the process ends, as by a power cut. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

static const char *home, *notes;
static int log_fd = -1;
static atomic_uint kept;

__attribute__((constructor)) static void begin(void)
{
    char path[PATH_MAX];
    home = getenv("DISK_HOME");
    notes = getenv("DISK_NOTES");
    if (!home || !notes) return;
    snprintf(path, sizeof path, "%s/log", notes);
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static bool is_ours(const char *path)
{
    size_t n = home ? strlen(home) : 0;
    return log_fd >= 0 && strncmp(path, home, n) == 0 && (path[n] == '/' || path[n] == 0);
}

static bool fd_is_ours(int fd, char path[PATH_MAX], struct stat *st)
{
    char link[40];
    int was = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = 0;
    bool ok = n > 0 && is_ours(path) && fstat(fd, st) == 0;
    errno = was;
    return ok;
}

static void note(const char *fmt, ...)
{
    char line[3 * PATH_MAX];
    int was = errno;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    syscall(SYS_write, log_fd, line, (size_t)n);
    errno = was;
}

static unsigned keep(const char *path)
{
    char second[PATH_MAX];
    int was = errno;
    unsigned number = (unsigned)getpid() * 10000 + atomic_fetch_add(&kept, 1) + 1;
    snprintf(second, sizeof second, "%s/%u", notes, number);
    bool ok = syscall(SYS_link, path, second) == 0;
    errno = was;
    return ok ? number : 0;
}

static void note_write(int fd, long long at, ssize_t n)
{
    char path[PATH_MAX];
    struct stat st;
    if (n > 0 && fd_is_ours(fd, path, &st)) note("write\t%lu\t%lld\t%zd\n", (unsigned long)st.st_ino, at, n);
}

static void note_sync(int fd, int rc)
{
    char path[PATH_MAX];
    struct stat st;
    if (rc != 0 || !fd_is_ours(fd, path, &st)) return;
    if (!S_ISDIR(st.st_mode)) {
        note("sync\t%lu\n", (unsigned long)st.st_ino);
        return;
    }
    note("folder\t%s\n", path);
    char cut[PATH_MAX], where[PATH_MAX];
    int was = errno;
    snprintf(cut, sizeof cut, "%s/cut", notes);
    ssize_t n = readlink(cut, where, sizeof where);
    if (n == (ssize_t)strlen(path) && memcmp(where, path, (size_t)n) == 0) raise(SIGKILL);
    errno = was;
}

#define PWRITE(name)                                          \
    ssize_t name(int fd, const void *b, size_t n, off_t at)   \
    {                                                         \
        REAL(ssize_t, name, int, const void *, size_t, off_t); \
        ssize_t done = real(fd, b, n, at);                    \
        note_write(fd, at, done);                             \
        return done;                                          \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int fd, const void *b, size_t n)
{
    REAL(ssize_t, write, int, const void *, size_t);
    ssize_t done = real(fd, b, n);
    if (log_fd >= 0 && done > 0) {
        int was = errno;
        off_t end = lseek(fd, 0, SEEK_CUR); /* also of a file that is appended to */
        errno = was;
        if (end >= done) note_write(fd, end - done, done);
    }
    return done;
}

#define SYNC(name)           \
    int name(int fd)         \
    {                        \
        REAL(int, name, int); \
        int rc = real(fd);   \
        note_sync(fd, rc);   \
        return rc;           \
    }
SYNC(fsync)
SYNC(fdatasync)

#define OPEN(name)                                                       \
    int name(const char *path, int flags, ...)                           \
    {                                                                    \
        REAL(int, name, const char *, int, ...);                         \
        va_list ap;                                                      \
        va_start(ap, flags);                                             \
        mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;          \
        va_end(ap);                                                      \
        bool is_new = flags & O_CREAT && is_ours(path) && access(path, F_OK) != 0; \
        int fd = real(path, flags, mode);                                \
        if (is_new && fd >= 0) note("make\t%s\n", path);                 \
        return fd;                                                       \
    }
OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode)
{
    REAL(int, mkdir, const char *, mode_t);
    int rc = real(path, mode);
    if (rc == 0 && is_ours(path)) note("make\t%s\n", path);
    return rc;
}

int link(const char *from, const char *to)
{
    REAL(int, link, const char *, const char *);
    int rc = real(from, to);
    if (rc == 0 && is_ours(to)) note("make\t%s\n", to);
    return rc;
}

int unlink(const char *path)
{
    REAL(int, unlink, const char *);
    unsigned number = is_ours(path) ? keep(path) : 0;
    int rc = real(path);
    if (rc == 0 && number) note("remove\t%s\t%u\n", path, number);
    return rc;
}

int rename(const char *from, const char *to)
{
    REAL(int, rename, const char *, const char *);
    unsigned number = is_ours(to) ? keep(to) : 0;
    int rc = real(from, to);
    if (rc == 0 && is_ours(to)) note("rename\t%s\t%s\t%u\n", from, to, number);
    return rc;
}
