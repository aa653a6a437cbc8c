/* base/sandbox.c - see base/sandbox.h. */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

bool sandbox_is_built(void) { return !HAS_SANITIZER; }

/* ------------------------------------------------------------------ files */

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                                                                       \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |   \
     LANDLOCK_ACCESS_FS_MAKE_DIR)
#define OTHERS                                                                                                                       \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |        \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* A folder that is not there needs no rule. */
static bool allow_below(int rules, const char *path, uint64_t access, struct err *e)
{
    struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = open(path, O_PATH | O_CLOEXEC) };
    if (rule.parent_fd < 0) return errno == ENOENT || err_os(e, errno, "%s", path);
    bool ok = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 || err_os(e, errno, "cannot confine a worker to %s", path);
    close(rule.parent_fd);
    return ok;
}

/* read_dir NULL: nothing at all. */
static bool confine_files(const char *read_dir, const char *cache_dir, bool *has_files, struct err *e)
{
    const struct landlock_ruleset_attr all = { .handled_access_fs = READS | WRITES | OTHERS };
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    *has_files = rules >= 0;
    /* EPERM is no word of Landlock's: a container's engine that does not know the call refuses it. */
    if (rules < 0) return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM || err_os(e, errno, "cannot confine a worker");
    bool ok = !read_dir || (allow_below(rules, read_dir, READS, e) && (!cache_dir || allow_below(rules, cache_dir, READS | WRITES, e)) &&
              allow_below(rules, "/proc/self/statm", LANDLOCK_ACCESS_FS_READ_FILE, e) && allow_below(rules, "/proc/meminfo", LANDLOCK_ACCESS_FS_READ_FILE, e) &&
              allow_below(rules, "/proc/self/cgroup", LANDLOCK_ACCESS_FS_READ_FILE, e) &&
              allow_below(rules, "/sys/fs/cgroup", READS, e) && allow_below(rules, "/sys/devices/system/cpu", READS, e));
    if (ok && syscall(SYS_landlock_restrict_self, rules, 0) != 0) ok = err_os(e, errno, "cannot confine a worker");
    close(rules);
    return ok;
}

/* ------------------------------------------------------------------ calls */

static const int allowed[] = {
    /* memory */
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise),
    /* descriptors, and files as far as Landlock lets them be opened */
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(lseek), SCMP_SYS(close),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(shutdown), SCMP_SYS(eventfd2),
    SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd),
    SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(statfs), SCMP_SYS(fstatfs),
    SCMP_SYS(fadvise64),
    /* threads and time */
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getcpu), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getrandom), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getrusage),
    SCMP_SYS(geteuid), SCMP_SYS(getuid), SCMP_SYS(getegid), SCMP_SYS(getgid),
    /* signals and the end */
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
    SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* For who has all that it needs: memory, the descriptors that are open, clocks, and the end. */
static const int sealed[] = {
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(sendto), SCMP_SYS(recvfrom),
    SCMP_SYS(futex), SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getrandom), SCMP_SYS(getrusage), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* Calls that could reach further, so only with one argument, or two, of which these bits are so. */
struct narrow {
    int call;
    struct scmp_arg_cmp is[2];
    unsigned count;
};

#define IS(argument, value) { (argument), SCMP_CMP_EQ, (value), 0 }
#define BITS(argument, mask, value) { (argument), SCMP_CMP_MASKED_EQ, (mask), (value) }
/* Landlock lets a file that may only be read be emptied by O_TRUNC. */
#define OPENS(call, flags)                                                                       \
    { call, { BITS(flags, O_TRUNC, 0) }, 1 }, { call, { BITS(flags, O_ACCMODE, O_WRONLY) }, 1 }, \
    { call, { BITS(flags, O_ACCMODE, O_RDWR) }, 1 }

static bool add_rules(scmp_filter_ctx f)
{
    const struct narrow narrow[] = {
        OPENS(SCMP_SYS(open), 1), OPENS(SCMP_SYS(openat), 2),
        /* A thread, and nothing but a thread.  clone3's flags lie in memory, where a filter cannot look: libc then uses clone. */
        { SCMP_SYS(clone), { BITS(0, 0x00010000 /* CLONE_THREAD */, 0x00010000) }, 1 },
        { SCMP_SYS(tgkill), { IS(0, (scmp_datum_t)getpid()) }, 1 },
        { SCMP_SYS(prlimit64), { IS(0, 0), IS(2, 0) }, 2 }, /* asks for its own, and sets none */
        /* F_SETOWN and F_SETSIG would have the kernel send signals to others. */
        { SCMP_SYS(fcntl), { IS(1, F_GETFL) }, 1 }, { SCMP_SYS(fcntl), { IS(1, F_SETFL) }, 1 },
        { SCMP_SYS(fcntl), { IS(1, F_GETFD) }, 1 }, { SCMP_SYS(fcntl), { IS(1, F_SETFD) }, 1 },
        { SCMP_SYS(prctl), { IS(0, PR_SET_NAME) }, 1 },
    };
    for (size_t i = 0; i < COUNT(allowed); i++)
        if (seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0) != 0) return false;
    for (size_t i = 0; i < COUNT(narrow); i++)
        if (seccomp_rule_add_array(f, SCMP_ACT_ALLOW, narrow[i].call, narrow[i].count, narrow[i].is) != 0) return false;
    return seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

static bool add_sealed(scmp_filter_ctx f)
{
    for (size_t i = 0; i < COUNT(sealed); i++)
        if (seccomp_rule_add(f, SCMP_ACT_ALLOW, sealed[i], 0) != 0) return false;
    const struct narrow narrow[] = {
        { SCMP_SYS(mmap), { BITS(2, PROT_EXEC, 0) }, 1 }, { SCMP_SYS(mprotect), { BITS(2, PROT_EXEC, 0) }, 1 },
        { SCMP_SYS(tgkill), { IS(0, (scmp_datum_t)getpid()) }, 1 }, /* abort() */
    };
    for (size_t i = 0; i < COUNT(narrow); i++)
        if (seccomp_rule_add_array(f, SCMP_ACT_ALLOW, narrow[i].call, narrow[i].count, narrow[i].is) != 0) return false;
    return true;
}

static bool confine_calls(bool (*add)(scmp_filter_ctx f), struct err *e)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int bad = f ? 0 : ENOMEM;
    if (f && !add(f)) bad = EINVAL;
    if (!bad) bad = -seccomp_load(f);
    if (f) seccomp_release(f);
    return bad == 0 || err_os(e, bad, "cannot take a worker's rights away");
}

bool sandbox_enter(const char *read_dir, const char *cache_dir, bool *has_files, struct err *e)
{
    *has_files = false;
    if (HAS_SANITIZER) return true;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return err_os(e, errno, "cannot give up rights");
    return confine_files(read_dir, cache_dir, has_files, e) && confine_calls(add_rules, e);
}

bool sandbox_seal(struct err *e)
{
    bool has_files;
    if (HAS_SANITIZER) return true;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return err_os(e, errno, "cannot give up rights");
    return confine_files(NULL, NULL, &has_files, e) && confine_calls(add_sealed, e);
}
