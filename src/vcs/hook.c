/* vcs/hook.c - the hook through which git asks whether a push may be accepted.
 *
 *     server thread  --starts-->  git receive-pack  --starts-->  hooks/pre-receive
 *           ^                                                           |
 *           +---- a socket that all of them inherit as descriptor 3 ----+
 *
 * The hook tells where the quarantine is, and in a line each which refs are to move; an empty line is the end. The first line of the
 * answer says yes or no, the rest is text for the person who pushes.  No answer is a no.
 * The script stands in every repository, so that a push that does not come through this server (there
 * is nobody to ask) is refused, not waved through.  It is no program of ours, because to start one of fifty libraries takes longer than git does for
 * a small push. */
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
    "if [ -z \"$HEARTH_HOOK\" ]; then\n"
    "    echo 'This repository accepts pushes through its hearth server only.' >&2\n"
    "    exit 1\n"
    "fi\n"
    "{ printf '%s\\n' \"$GIT_QUARANTINE_PATH\"; cat; echo; } >&3\n"
    "if ! IFS= read -r verdict <&3; then\n"
    "    echo 'The server went away before it could check the push.' >&2\n"
    "    exit 1\n"
    "fi\n"
    "cat <&3 >&2\n"
    "[ \"$verdict\" = yes ]\n";

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

/* ------------------------------------------------------------------ in the server */

enum { MESSAGE_BYTES_MAX = 64 << 10 };

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

static void answer(struct hook_call *h, int fd, str message)
{
    struct buf text = BUF_INIT(MESSAGE_BYTES_MAX + 16);
    buf_addf(&text, "%s\n%.*s", h->is_accepted ? "yes" : "no", STR_ARG(message));
    if (message.n > 0 && !str_ends(message, STR("\n"))) buf_byte(&text, '\n');
    if (!send_all(fd, buf_str(&text))) h->is_accepted = false; /* the hook has gone, and so has the push */
    buf_deinit(&text);
}

static void ask(struct hook_call *h, int fd, const struct vcs_push_hooks *hooks)
{
    struct buf message = BUF_INIT(MESSAGE_BYTES_MAX);
    char *quarantine = mem_dup(h->quarantine);
    h->is_accepted = hooks->check(hooks->ctx, h->commands, quarantine, &message);
    mem_free(quarantine);
    answer(h, fd, buf_str(&message));
    buf_deinit(&message);
}

bool hook_read(struct hook_call *h, int fd, const struct vcs_push_hooks *hooks)
{
    char *to = buf_reserve(&h->told, 65536);
    ssize_t n = to ? read(fd, to, 65536) : 0;
    if (!to) answer(h, fd, STR("Too many refs in one push."));
    if (n > 0) h->told.n += (size_t)n;
    h->commands = str_to(buf_str(&h->told), h->told.n ? h->told.n - 1 : 0);
    if (n > 0 && str_ends(buf_str(&h->told), STR("\n\n")) && str_cut(&h->commands, '\n', &h->quarantine)) ask(h, fd, hooks);
    else if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN))) return true;
    return false;
}
