/* scan/worker.c - the child of scan/process.h: one thread, one file at a time.  It blocks where it reads; the parent has the clock. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/sandbox.h"
#include "scan/process_priv.h"

enum { ARENA_BYTES = 256 << 20 };

/* *ended: the other side hung up before the first byte. */
static bool get(int fd, void *out, size_t n, bool *ended, struct err *e)
{
    char *at = out;
    for (size_t left = n; left;) {
        ssize_t got = recv(fd, at, left, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0 && left == n && ended) return *ended = true;
        if (got <= 0) return got == 0 ? err_set(e, ERR_CLOSED, "the other side hung up") : err_os(e, errno, "the channel");
        at += got;
        left -= (size_t)got;
    }
    return true;
}

static bool put(int fd, enum scan_word word, uint64_t at, size_t n, const void *p, struct err *e)
{
    struct scan_frame head = { .word = (uint32_t)word, .bytes = (uint32_t)n, .at = at };
    str part[2] = { str_n((const char *)&head, sizeof head), str_n(p, p ? n : 0) };
    for (size_t i = 0; i < 2; i++)
        while (part[i].n) {
            ssize_t sent = send(fd, part[i].p, part[i].n, MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent <= 0) return err_os(e, errno, "the channel");
            part[i] = str_from(part[i], (size_t)sent);
        }
    return true;
}

static bool read_from_parent(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    int fd = *(const int *)ctx;
    char *to = out;
    while (n) {
        struct scan_frame head;
        size_t part = n < SCAN_READ_MAX ? n : SCAN_READ_MAX;
        if (!put(fd, SCAN_READ, at, part, NULL, e) || !get(fd, &head, sizeof head, NULL, e)) return false;
        if (head.word == SCAN_REFUSED) return err_set(e, ERR_IO, "the file could not be read");
        if (head.word != SCAN_BYTES || head.bytes != part) return err_set(e, ERR_INVALID, "the channel gave something else than bytes");
        if (!get(fd, to, part, NULL, e)) return false;
        to += part;
        at += part;
        n -= part;
    }
    return true;
}

static bool judge(int fd, const struct scan_frame *head, struct err *e)
{
    char path[SCAN_PATH_MAX];
    struct scan_source source = { .size_bytes = head->at, .read = read_from_parent, .ctx = &fd };
    const struct scan_options options = { 0 };
    struct scan_report report;
    struct buf json = BUF_INIT(SCAN_REPORT_MAX);
    struct err own;
    if (head->word != SCAN_JUDGE || head->bytes > sizeof path) return err_set(e, ERR_INVALID, "the channel gave something else than a file to judge");
    if (!get(fd, path, head->bytes, NULL, e)) return false;
    struct arena *a = arena_new(ARENA_BYTES);
    bool ok = scan_source(&source, str_n(path, head->bytes), &options, a, &report, &own);
    if (ok) scan_report_json(&report, &json);
    if (ok && !json.failed) ok = put(fd, SCAN_REPORT, 0, json.n, json.p, e);
    else {
        str why = ok ? STR("the report is too long") : str_c(own.msg);
        ok = put(fd, SCAN_FAILED, 0, why.n, why.p, e);
    }
    buf_deinit(&json);
    arena_free(a);
    return ok;
}

static bool bound(int resource, rlim_t most, struct err *e)
{
    struct rlimit limit = { most, most };
    return setrlimit(resource, &limit) == 0 || err_os(e, errno, "cannot bound a scanning process");
}

bool scan_worker_run(int fd, struct err *e)
{
    bool ended = false;
    if (!bound(RLIMIT_CORE, 0, e) || !bound(RLIMIT_FSIZE, 0, e)) return false;
    if (sandbox_is_built() && !bound(RLIMIT_DATA, (rlim_t)SCAN_CHILD_MEMORY_MIB << 20, e)) return false; /* a sanitizer's own memory is far more */
    if (!sandbox_seal(e)) return false;
    for (;;) {
        struct scan_frame head;
        if (!get(fd, &head, sizeof head, &ended, e)) return false;
        if (ended) return true;
        if (!judge(fd, &head, e)) return false;
    }
}
