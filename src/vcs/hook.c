/* vcs/hook.c - the hook through which git asks whether a push may be accepted.
 *
 *     server thread  --starts-->  git receive-pack  --starts-->  hooks/pre-receive  --is-->  hearth git-hook
 *           ^                                                                                     |
 *           +----------------- a socket that all of them inherit as descriptor 3 -----------------+
 *
 * The hook tells where the quarantine is and which refs are to move, closes its sending side, and waits:
 * one byte says yes or no, the rest is text for the person who pushes.  No answer is a no.
 * The script stands in every repository, so that a push that does not come through this server (there
 * is nobody to ask) is refused, not waved through. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/os.h"
#include "vcs/pack_priv.h"

static const char script[] =
    "#!/bin/sh\n"
    "# Written by hearth: every push is checked by the server that received it.\n"
    "if [ -z \"$HEARTH_HOOK_EXE\" ]; then\n"
    "    echo 'This repository accepts pushes through its hearth server only.' >&2\n"
    "    exit 1\n"
    "fi\n"
    "ulimit -S -d \"$(ulimit -H -d)\" # the lower bound is for git, which reads what was pushed\n"
    "exec \"$HEARTH_HOOK_EXE\" git-hook pre-receive\n";

static bool is_installed(const char *path)
{
    struct err ignored;
    char *text;
    size_t n;
    if (access(path, X_OK) != 0 || !os_read_file(path, 4096, &text, &n, &ignored)) return false;
    bool same = str_eq(str_n(text, n), str_n(script, sizeof script - 1));
    mem_free(text);
    return same;
}

bool vcs_hook_install(const char *repo_path, struct err *e)
{
    char dir[512], path[560];
    int n = snprintf(dir, sizeof dir, "%s/hooks", repo_path);
    if (n < 0 || (size_t)n >= sizeof dir) return err_set(e, ERR_INVALID, "the path %s is too long", repo_path);
    snprintf(path, sizeof path, "%s/pre-receive", dir);
    if (is_installed(path)) return true;

    struct os_tmp t;
    if (!os_mkdirs(dir, e) || !os_tmp_open(dir, "hook", &t, e)) return false;
    if (!os_write(t.fd, (bytes){ (const uint8_t *)script, sizeof script - 1 }, e)) {
        os_tmp_discard(&t);
        return false;
    }
    if (fchmod(t.fd, 0755) != 0) {
        os_tmp_discard(&t);
        return err_set(e, ERR_IO, "cannot make %s executable", path);
    }
    return os_tmp_publish(&t, path, e);
}

/* ------------------------------------------------------------------ in the hook */

enum { TOLD_BYTES_MAX = 64 << 20, MESSAGE_BYTES_MAX = 64 << 10 };

static int refuse(const char *why)
{
    fprintf(stderr, "%s\n", why);
    return 1;
}

static bool send_all(int fd, str s)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = { fd, POLLOUT, 0 };
            if (poll(&p, 1, 30000) <= 0) return false;
            continue;
        }
        if (n <= 0) return false;
        s = str_from(s, (size_t)n);
    }
    return true;
}

/* Up to the end of the input; false when it is too long. */
static bool read_all(int fd, struct buf *out)
{
    for (;;) {
        char *to = buf_reserve(out, 65536);
        if (!to) return false;
        ssize_t n = read(fd, to, 65536);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0;
        out->n += (size_t)n;
    }
}

int vcs_pack_hook_main(int argc, char **argv)
{
    if (argc < 3 || !str_eq(str_c(argv[2]), STR("pre-receive"))) return refuse("git-hook: unknown hook");
    struct buf told = BUF_INIT(TOLD_BYTES_MAX), answer = BUF_INIT(MESSAGE_BYTES_MAX + 1 + 65536);
    char place[PATH_MAX];
    const char *quarantine = getenv("GIT_QUARANTINE_PATH"); /* absent when refs are only deleted */
    if (quarantine && !realpath(quarantine, place)) return refuse("The server cannot find what you pushed.");
    buf_add(&told, str_c(quarantine ? place : ""));
    buf_byte(&told, '\n');
    if (!read_all(STDIN_FILENO, &told)) return refuse("Too many refs in one push.");

    bool asked = send_all(CHILD_HOOK_FD, buf_str(&told)) && shutdown(CHILD_HOOK_FD, SHUT_WR) == 0 && read_all(CHILD_HOOK_FD, &answer);
    int status = 1;
    if (!asked || answer.n == 0) {
        refuse("The server went away before it could check the push.");
    } else {
        status = answer.p[0] == '1' ? 0 : 1;
        fwrite(answer.p + 1, 1, answer.n - 1, stderr);
    }
    buf_deinit(&told);
    buf_deinit(&answer);
    return status;
}

/* ------------------------------------------------------------------ in the server */

static void hook_answer(struct hook_call *h, int fd, const struct vcs_push_hooks *hooks)
{
    struct buf answer = BUF_INIT(MESSAGE_BYTES_MAX), message = BUF_INIT(MESSAGE_BYTES_MAX - 2);
    str commands = buf_str(&h->told), quarantine = STR("");
    h->is_answered = true;
    if (str_cut(&commands, '\n', &quarantine)) {
        char *dir = mem_dup(quarantine);
        h->is_accepted = hooks->check(hooks->ctx, commands, dir, &message);
        mem_free(dir);
    }
    buf_byte(&answer, h->is_accepted ? '1' : '0');
    buf_add(&answer, buf_str(&message));
    if (message.n > 0 && !str_ends(buf_str(&message), STR("\n"))) buf_byte(&answer, '\n');
    if (!send_all(fd, buf_str(&answer))) h->is_accepted = false; /* the hook has gone, and so has the push */
    (void)shutdown(fd, SHUT_RDWR);
    buf_deinit(&answer);
    buf_deinit(&message);
}

bool hook_read(struct hook_call *h, int fd, const struct vcs_push_hooks *hooks)
{
    char *to = buf_reserve(&h->told, 65536);
    if (!to) return false; /* too much: closing the socket is a no */
    ssize_t n = read(fd, to, 65536);
    if (n > 0) h->told.n += (size_t)n;
    if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN))) return true;
    if (n == 0 && h->told.n > 0 && !h->is_answered) hook_answer(h, fd, hooks);
    return false;
}
