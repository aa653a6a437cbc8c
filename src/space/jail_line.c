/* space/jail_line.c - `hearth space-line`: the helper that stands in a jail's network and hands out sockets.
 *
 * A process of its own, because only one with a single thread may step into a user namespace.  The namespaces to enter are found by
 * the descriptor of the network's: its *owner* is the user namespace to enter first.  (That of the jail's processes is another one,
 * nested deeper, which has no rights over the network.)
 *
 * Descriptor 3: the server.  4: the network namespace.  First the listening socket of the proxy goes out; then for each port that
 * comes in, four bytes, an answer of four bytes goes back: 0 with a connected socket, or errno. */
#include "space/jail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVER_FD = 3, NETWORK_FD = 4, CONNECT_MS = 1000, WAITING = 64 };

static bool enter(void)
{
    int owner = ioctl(NETWORK_FD, NS_GET_USERNS);
    return owner >= 0 && setns(owner, CLONE_NEWUSER) == 0 && setns(NETWORK_FD, CLONE_NEWNET) == 0;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int listen_for_proxy(void)
{
    struct sockaddr_in at = loopback(JAIL_PROXY_PORT);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, WAITING) == 0 ? fd : -1;
}

/* *fd -1: the answer is errno. */
static int dial(int port, int *fd)
{
    struct sockaddr_in at = loopback(port);
    struct pollfd p = { .events = POLLOUT };
    int why = 0;
    socklen_t n = sizeof why;
    p.fd = *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0) return errno;
    if (connect(*fd, (struct sockaddr *)&at, sizeof at) != 0) {
        why = errno;
        if (why == EINPROGRESS) why = poll(&p, 1, CONNECT_MS) == 1 && getsockopt(*fd, SOL_SOCKET, SO_ERROR, &why, &n) == 0 ? why : ETIMEDOUT;
    }
    if (why == 0 && fcntl(*fd, F_SETFL, 0) != 0) why = errno;
    if (why != 0) {
        close(*fd);
        *fd = -1;
    }
    return why;
}

static bool answer(int why, int fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec iov = { &why, sizeof why };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (fd >= 0) {
        m.msg_control = &control;
        m.msg_controllen = sizeof control.room;
        control.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
        memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    }
    return sendmsg(SERVER_FD, &m, MSG_NOSIGNAL) == sizeof why;
}

int jail_line_main(int argc, char **argv)
{
    int port, fd;
    (void)argc;
    (void)argv;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!enter() || (fd = listen_for_proxy()) < 0) {
        (void)answer(errno ? errno : EIO, -1);
        return 1;
    }
    bool ok = answer(0, fd);
    close(fd);
    while (ok && recv(SERVER_FD, &port, sizeof port, MSG_WAITALL) == sizeof port) {
        int why = dial(port, &fd);
        ok = answer(why, fd);
        if (fd >= 0) close(fd);
    }
    return 0;
}
