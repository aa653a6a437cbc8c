/* space/filter.c - see space/filter.h. */
#include "space/filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static const int refused[] = {
    /* namespaces, mounts, roots */
    SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(mount_setattr),
    SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(quotactl), SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at),
    /* other processes */
    SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(kcmp), SCMP_SYS(pidfd_getfd), SCMP_SYS(process_madvise),
    /* keys, tracing, the kernel itself */
    SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(fanotify_init),
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
    SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(syslog), SCMP_SYS(acct), SCMP_SYS(reboot), SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(iopl),
    SCMP_SYS(ioperm), SCMP_SYS(vhangup), SCMP_SYS(lookup_dcookie), SCMP_SYS(vmsplice), SCMP_SYS(modify_ldt),
};

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static bool add_rules(scmp_filter_ctx f)
{
    for (size_t i = 0; i < COUNT(refused); i++) /* what an architecture does not have needs no rule */
        if (seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), refused[i], 0) != 0 && refused[i] >= 0) return false;
    for (unsigned bit = 0; bit < 32; bit++)
        if ((1u << bit) & NAMESPACES &&
            seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, 1u << bit, 1u << bit)) != 0)
            return false;
    /* Its flags lie in memory, where no filter can look; libc then uses clone. */
    if (seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) != 0) return false;
    /* Sockets: of this machine and of the internet, nothing that speaks with the kernel. */
    for (scmp_datum_t family = 0; family <= AF_INET6; family++)
        if (family != AF_UNIX && family != AF_INET && family != AF_INET6 &&
            seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, family)) != 0)
            return false;
    return seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_INET6)) == 0 &&
           seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCSTI)) == 0;
}

bool filter_new(int *fd, struct err *e)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    *fd = memfd_create("filter", MFD_CLOEXEC);
    bool ok = *fd >= 0 && f && add_rules(f) && seccomp_export_bpf(f, *fd) == 0 && lseek(*fd, 0, SEEK_SET) == 0;
    if (f) seccomp_release(f);
    if (!ok && *fd >= 0) close(*fd);
    if (!ok) *fd = -1;
    return ok || err_set(e, ERR_INTERNAL, "cannot make the filter of system calls for an app");
}
