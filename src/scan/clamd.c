/* scan/clamd.c - see scan/clamd.h.
 *
 *     "zVERSION\0"                                        -> "ClamAV 1.4.6/27000/date\0"
 *     "zINSTREAM\0", then u32 big-endian n and n bytes, .., n = 0 -> "stream: OK\0", "stream: NAME FOUND\0", "stream: .. ERROR\0"
 *
 * One connection per command.  A stream that gets too long is cut off by the daemon while we still write; its answer can be read
 * nevertheless, so an error in writing is looked at only after the answer. */
#include "scan/clamd.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

enum { CHUNK = 64 << 10, REPLY_MAX = 1024, CONNECT_MS = 5000, WAIT_MS = 180000, LEAST_BYTES = 64 << 10 };

/* ------------------------------------------------------------------ where it is */

static bool split(str address, str *path, str *host, str *port, struct err *e)
{
    *path = *host = *port = (str){ 0 };
    if (str_starts(address, STR("unix:"))) address = str_from(address, 5);
    if (str_starts(address, STR("/"))) {
        *path = address;
        if (address.n < sizeof ((struct sockaddr_un *)0)->sun_path && !memchr(address.p, 0, address.n)) return true;
        return err_set(e, ERR_INVALID, "the path of clamd's socket is longer than %zu bytes", sizeof ((struct sockaddr_un *)0)->sun_path - 1);
    }
    if (str_starts(address, STR("tcp:"))) {
        uint64_t number;
        str rest = str_from(address, 4);
        size_t colon = str_rchr(rest, ':');
        if (colon != STR_NONE) {
            *host = str_to(rest, colon);
            *port = str_from(rest, colon + 1);
            if (host->n > 2 && host->p[0] == '[' && host->p[host->n - 1] == ']') *host = str_n(host->p + 1, host->n - 2);
            if (host->n && host->n < 256 && str_u64(*port, &number) && number > 0 && number < 65536) return true;
        }
    }
    return err_set(e, ERR_INVALID, "\"%.*s\" is no address of clamd: say a path such as /run/clamav/clamd.ctl, or tcp:127.0.0.1:3310", STR_ARG(str_to(address, 200)));
}

bool clamd_address_is(str address, struct err *e)
{
    str path, host, port;
    return split(address, &path, &host, &port, e);
}

static bool wait_for(int fd, short what, int64_t until_ms)
{
    struct pollfd p = { .fd = fd, .events = what };
    int n;
    do {
        int64_t left = until_ms - clock_mono_ms();
        n = poll(&p, 1, left > 0 ? (int)left : 0);
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

static bool connect_one(int family, const struct sockaddr *to, socklen_t n, int *out)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), bad = 0;
    socklen_t size = sizeof bad;
    if (fd < 0) return false;
    if (connect(fd, to, n) == 0) {
        *out = fd;
        return true;
    }
    if (errno == EINPROGRESS && wait_for(fd, POLLOUT, clock_mono_ms() + CONNECT_MS)) {
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &bad, &size) == 0 && bad == 0) {
            *out = fd;
            return true;
        }
        errno = bad;
    }
    bad = errno;
    close(fd);
    errno = bad;
    return false;
}

static bool reach(str address, int *fd, struct err *e)
{
    str path, host, port;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC }, *list = NULL;
    char name[256], number[8];
    bool ok = false;
    if (!split(address, &path, &host, &port, e)) return false;
    if (path.n) {
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        memcpy(to.sun_path, path.p, path.n);
        if (connect_one(AF_UNIX, (const struct sockaddr *)&to, sizeof to, fd)) return true;
        return err_os(e, errno, "clamd does not answer at %.*s; does it run?", STR_ARG(path));
    }
    snprintf(name, sizeof name, "%.*s", STR_ARG(host));
    snprintf(number, sizeof number, "%.*s", STR_ARG(port));
    int bad = getaddrinfo(name, number, &hints, &list);
    if (bad) return err_set(e, ERR_IO, "clamd's host %s is not known: %s", name, gai_strerror(bad));
    for (const struct addrinfo *i = list; i && !ok; i = i->ai_next) ok = connect_one(i->ai_family, i->ai_addr, i->ai_addrlen, fd);
    if (!ok) err_os(e, errno, "clamd does not answer at %s:%s; does it run?", name, number);
    freeaddrinfo(list);
    return ok;
}

/* ------------------------------------------------------------------ talking */

static bool send_all(int fd, const void *p, size_t n, int64_t until_ms)
{
    const char *at = p;
    while (n) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!wait_for(fd, POLLOUT, until_ms)) return false;
            continue;
        }
        if (sent <= 0) return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Up to the NUL; what is no printable ASCII becomes '?'. */
static bool get_reply(int fd, char out[REPLY_MAX], int64_t until_ms, struct err *e)
{
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(fd, out + n, REPLY_MAX - 1 - n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!wait_for(fd, POLLIN, until_ms)) return err_set(e, ERR_TIMEOUT, "clamd has not answered in time");
            continue;
        }
        if (got < 0) return err_os(e, errno, "clamd's answer");
        n += (size_t)got;
        out[n] = '\0';
        if (got == 0 || memchr(out, '\0', n)) break;
        if (n == REPLY_MAX - 1) return err_set(e, ERR_INVALID, "clamd's answer is longer than %d bytes", REPLY_MAX);
    }
    if (!*out) return err_set(e, ERR_CLOSED, "clamd hung up without an answer");
    for (char *p = out; *p; p++)
        if (*p < ' ' || *p > '~') *p = *p == '\n' ? '\0' : '?';
    return true;
}

static bool ask_version(str address, char *out, size_t cap, struct err *e)
{
    char reply[REPLY_MAX];
    int fd;
    int64_t until = clock_mono_ms() + CONNECT_MS;
    if (!reach(address, &fd, e)) return false;
    bool ok = send_all(fd, "zVERSION", sizeof "zVERSION", until) || err_os(e, errno, "clamd hung up");
    ok = ok && get_reply(fd, reply, until, e);
    close(fd);
    if (!ok) return false;
    if (!str_starts(str_c(reply), STR("ClamAV "))) return err_set(e, ERR_INVALID, "what answers at clamd's address is no clamd");
    str version = str_from(str_c(reply), 7);
    size_t slash = str_chr(version, '/');
    size_t second = slash == STR_NONE ? STR_NONE : str_chr(str_from(version, slash + 1), '/');
    if (second != STR_NONE) version = str_to(version, slash + 1 + second); /* the day says less than the number */
    snprintf(out, cap, "%.*s", STR_ARG(str_to(version, cap - 1)));
    return true;
}

/* *cut: the daemon did not take all of it. */
static bool stream(int fd, const struct scan_source *s, uint64_t at, uint64_t n, bool *cut, struct err *e)
{
    uint8_t *chunk = mem_alloc(4 + CHUNK);
    int64_t until = clock_mono_ms() + WAIT_MS;
    bool ok = true;
    *cut = !send_all(fd, "zINSTREAM", sizeof "zINSTREAM", until);
    while (ok && !*cut) {
        size_t part = n < CHUNK ? (size_t)n : CHUNK;
        for (int i = 0; i < 4; i++) chunk[i] = (uint8_t)(part >> (24 - 8 * i));
        ok = part == 0 || s->read(s->ctx, at, chunk + 4, part, e);
        if (ok) *cut = !send_all(fd, chunk, 4 + part, clock_mono_ms() + WAIT_MS);
        if (part == 0) break;
        at += part;
        n -= part;
    }
    mem_free(chunk);
    return ok;
}

static bool is_too_long(const struct clamd_verdict *v) { return v->level == SCAN_UNSCANNED && str_find(str_c(v->message), STR("StreamMaxLength")) != STR_NONE; }

static void weigh(str reply, bool cut, struct clamd_verdict *out)
{
    str name = str_starts(reply, STR("stream: ")) ? str_from(reply, 8) : reply;
    if (str_find(reply, STR("size limit exceeded")) != STR_NONE) {
        out->level = SCAN_UNSCANNED;
        snprintf(out->message, sizeof out->message, "The virus scanner takes no file of this size (StreamMaxLength in clamd.conf).");
    } else if (str_ends(name, STR(" FOUND"))) {
        name = str_to(name, name.n - 6);
        bool is_limit = str_starts(name, STR("Heuristics.Limits.Exceeded")) || str_starts(name, STR("Heuristics.Encrypted"));
        out->level = is_limit ? SCAN_CAUTION : str_starts(name, STR("PUA.")) ? SCAN_SUSPICIOUS : SCAN_UNSAFE;
        snprintf(out->message, sizeof out->message, is_limit ? "The virus scanner could not look at all of it: %.*s." : "The virus scanner found %.*s.", STR_ARG(str_to(name, 200)));
    } else if (str_eq(name, STR("OK")) && !cut) {
        out->level = SCAN_SAFE;
        out->message[0] = '\0';
    } else {
        out->level = SCAN_ERROR;
        snprintf(out->message, sizeof out->message, "The virus scanner failed: %.*s.", STR_ARG(str_to(name, 200)));
    }
}

static bool judge_part(str address, const struct scan_source *s, uint64_t at, uint64_t n, struct clamd_verdict *out, struct err *e)
{
    char reply[REPLY_MAX];
    int fd;
    bool cut = false;
    if (!reach(address, &fd, e)) return false;
    bool ok = stream(fd, s, at, n, &cut, e) && get_reply(fd, reply, clock_mono_ms() + WAIT_MS, e);
    close(fd);
    if (ok) weigh(str_c(reply), cut, out);
    return ok;
}

/* Of what is longer than `most`: its beginning and its end. */
static bool judge_within(str address, const struct scan_source *s, uint64_t most, struct clamd_verdict *out, struct err *e)
{
    if (s->size_bytes <= most) return judge_part(address, s, 0, s->size_bytes, out, e);
    struct clamd_verdict end = *out;
    if (!judge_part(address, s, 0, most, out, e)) return false;
    if (out->level == SCAN_UNSAFE || is_too_long(out)) return true;
    if (!judge_part(address, s, s->size_bytes - most, most, &end, e)) return false;
    if (end.level > out->level) *out = end;
    if (out->level != SCAN_SAFE) return true;
    out->level = SCAN_UNSCANNED;
    snprintf(out->message, sizeof out->message, "The virus scanner saw the first and the last %llu bytes alone, and found nothing there.", (unsigned long long)most);
    return true;
}

bool clamd_judge(str address, const struct scan_source *s, uint64_t stream_bytes_max, struct clamd_verdict *out, struct err *e)
{
    *out = (struct clamd_verdict){ .level = SCAN_ERROR };
    if (!ask_version(address, out->version, sizeof out->version, e)) return false;
    for (uint64_t most = stream_bytes_max ? stream_bytes_max : CLAMD_STREAM_BYTES;; most /= 4) { /* its StreamMaxLength is nothing that it tells */
        if (!judge_within(address, s, most, out, e)) return false;
        if (!is_too_long(out) || most < 4 * LEAST_BYTES) return true;
    }
}
