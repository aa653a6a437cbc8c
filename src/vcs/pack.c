/* vcs/pack.c - see vcs/pack.h.  One call, one git process, one loop that feeds and drains it.
 *
 * The request of a fetch is short and is read whole, so that want.c can look at it before git does; a push
 * streams.  Three rules keep the loop from waiting for ever: it asks the client for more only when git
 * has taken all that was there; it never writes to git without being ready to read from it; and a time
 * without any progress ends in the death of the process group. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "vcs/pack_priv.h"
#include "vcs/pktline.h"

enum {
    CHUNK_BYTES = 64 << 10,
    FETCH_REQUEST_BYTES_MAX = 16 << 20, /* git's own server stops at 10 MB */
    PUSH_ANSWER_BYTES_MAX = 16 << 20,
    ERROR_TEXT_BYTES_MAX = 4 << 10,
    COMMANDS_BYTES_MAX = 64 << 20,      /* of a push, besides the pack */
    DRAIN_BYTES_MAX = 64 << 20,         /* read and dropped for a git that will not listen any more */
    IDLE_DEFAULT_MS = 300000,
};

/* ------------------------------------------------------------------ how git is called */

struct call {
    const char *arg[CHILD_ARGS_MAX];
    size_t n;
    const char *protocol; /* for GIT_PROTOCOL */
};

static void arg(struct call *c, const char *text)
{
    must(c->n + 1 < CHILD_ARGS_MAX);
    c->arg[c->n++] = text;
}

static void setting(struct call *c, const char *text)
{
    arg(c, "-c");
    arg(c, text);
}

/* "version=2:foo" and the like; the highest version that we know, as git reads it.  A push has no version 2. */
static int protocol_version(enum vcs_service s, str protocol)
{
    int best = 0;
    str item;
    if (s == VCS_RECEIVE_PACK || protocol.n > 200) return 0;
    while (protocol.p && str_cut(&protocol, ':', &item)) {
        if (str_eq(item, STR("version=1")) && best < 1) best = 1;
        if (str_eq(item, STR("version=2"))) best = 2;
    }
    return best;
}

static bool call_build(struct call *c, const struct vcs_pack_request *q, bool is_advertisement, struct arena *a,
                       struct err *e)
{
    static const char *const protocol[] = { NULL, "version=1", "version=2" };
    *c = (struct call){ .protocol = protocol[protocol_version(q->service, q->protocol)] };
    if (q->hidden_refs_count > 16) return err_set(e, ERR_INTERNAL, "more than 16 hidden ref prefixes");
    setting(c, "safe.directory=*"); /* a data folder may belong to another user id, in a container */
    setting(c, "core.hooksPath=hooks");
    setting(c, "receive.denyDeleteCurrent=refuse");
    setting(c, "gc.auto=0");
    setting(c, "gpg.program=/bin/false"); /* whoever sends a certificate along makes git start these, asked for or not */
    setting(c, "gpg.ssh.program=/bin/false");
    setting(c, "gpg.x509.program=/bin/false");
    for (size_t i = 0; i < q->hidden_refs_count; i++) {
        str prefix = q->hidden_refs[i];
        if (str_ends(prefix, STR("/"))) prefix.n--;
        setting(c, arena_cstr(a, arena_fmt(a, "transfer.hideRefs=%.*s", STR_ARG(prefix))));
    }
    if (q->input_bytes_max)
        setting(c, arena_cstr(a, arena_fmt(a, "receive.maxInputSize=%llu", (unsigned long long)q->input_bytes_max)));
    arg(c, q->service == VCS_UPLOAD_PACK ? "upload-pack" : "receive-pack");
    arg(c, "--stateless-rpc");
    if (is_advertisement) arg(c, "--http-backend-info-refs");
    if (q->service == VCS_UPLOAD_PACK) arg(c, "--strict"); /* this folder, no guessing */
    arg(c, q->repo_path);
    return true;
}

/* ------------------------------------------------------------------ the loop */

struct pump {
    struct child child;
    const struct vcs_pack_io *io;
    const struct vcs_push_hooks *hooks; /* NULL for a fetch */
    struct hook_call hook;
    str ready;                          /* input that git has not taken yet */
    bool input_ended, is_draining;
    uint64_t taken_bytes, drained_bytes, input_bytes_max;
    struct buf *held;                   /* the answer, where it must wait; NULL: passed on at once */
    struct buf error_text;
    int idle_timeout_ms;
    uint8_t chunk[CHUNK_BYTES];         /* what `ready` looks into */
};

static bool input_fetch(struct pump *p, struct err *e)
{
    size_t got = 0;
    if (!p->io || !p->io->read) {
        p->input_ended = true;
        return true;
    }
    if (!p->io->read(p->io->ctx, p->chunk, sizeof p->chunk, &got, e)) return false;
    if (got == 0) {
        p->input_ended = true;
        return true;
    }
    p->taken_bytes += got;
    if (p->input_bytes_max && p->taken_bytes > p->input_bytes_max + COMMANDS_BYTES_MAX && !p->is_draining)
        return err_set(e, ERR_TOO_LARGE, "the push is larger than %llu bytes", (unsigned long long)p->input_bytes_max);
    if (p->is_draining) {
        p->drained_bytes += got;
        p->input_ended = p->drained_bytes > DRAIN_BYTES_MAX;
        return true;
    }
    p->ready = str_n((const char *)p->chunk, got);
    return true;
}

/* Git may stop listening before the end, having found an error; its answer is what the client needs then. */
static void input_push(struct pump *p)
{
    ssize_t n = send(p->child.in, p->ready.p, p->ready.n, MSG_NOSIGNAL);
    if (n >= 0) {
        p->ready = str_from(p->ready, (size_t)n);
        return;
    }
    if (errno == EAGAIN || errno == EINTR) return;
    child_close(&p->child.in);
    p->ready = STR("");
    p->is_draining = true;
}

static bool output_pull(struct pump *p, uint8_t *chunk, struct err *e)
{
    ssize_t n = read(p->child.out, chunk, CHUNK_BYTES);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) {
        child_close(&p->child.out);
        return true;
    }
    if (!p->held) return p->io->write(p->io->ctx, (bytes){ chunk, (size_t)n }, e);
    buf_add(p->held, str_n((const char *)chunk, (size_t)n));
    return !p->held->failed || err_set(e, ERR_TOO_LARGE, "git's answer is too long");
}

static void errors_pull(struct pump *p)
{
    char text[1024];
    ssize_t n = read(p->child.err, text, sizeof text);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) child_close(&p->child.err);
    else buf_add(&p->error_text, str_to(str_n(text, (size_t)n), ERROR_TEXT_BYTES_MAX - p->error_text.n));
}

static bool pump_turn(struct pump *p, uint8_t *chunk, struct err *e)
{
    struct child *c = &p->child;
    struct pollfd fd[4] = { { c->out, POLLIN, 0 },
                            { c->err, POLLIN, 0 },
                            { c->hook, POLLIN, 0 },
                            { p->ready.n > 0 ? c->in : -1, POLLOUT, 0 } };
    int n = poll(fd, 4, p->idle_timeout_ms);
    if (n < 0) return errno == EINTR || err_os(e, errno, "cannot wait for git");
    if (n == 0) return err_set(e, ERR_TIMEOUT, "git made no progress for %d seconds", p->idle_timeout_ms / 1000);
    if (fd[0].revents && !output_pull(p, chunk, e)) return false;
    if (fd[1].revents) errors_pull(p);
    if (fd[2].revents) { /* git has all that it needs: whoever goes on sending is not waited for, least of all under a lock */
        p->input_ended = true;
        p->ready = STR("");
        if (!hook_read(&p->hook, c->hook, p->hooks)) child_close(&c->hook);
    }
    if (fd[3].revents && p->ready.n > 0) input_push(p);
    return true;
}

/* Until git has closed its output.  Its standard error may be held open by a process that it left behind;
 * the group is killed afterwards. */
static bool pump_run(struct pump *p, struct err *e)
{
    uint8_t chunk[CHUNK_BYTES];
    while (p->child.out >= 0) {
        if (p->ready.n == 0 && !p->input_ended && !input_fetch(p, e)) return false;
        if (p->ready.n == 0 && p->input_ended) child_close(&p->child.in);
        if (p->ready.n == 0 && !p->input_ended) continue; /* draining */
        if (!pump_turn(p, chunk, e)) return false;
    }
    if (p->child.err >= 0) errors_pull(p); /* its last words */
    return true;
}

static bool git_run(struct pump *p, const struct call *c, struct err *e)
{
    int status = 0;
    struct child_request start = { .args = c->arg, .git_protocol = c->protocol, .with_hook = p->hooks != NULL, .is_bounded = p->hooks != NULL };
    if (!child_start(&start, &p->child, e)) return false;
    if (!pump_run(p, e)) {
        child_kill(&p->child);
        return false;
    }
    child_wait(&p->child, &status);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    /* What the client did wrong stands in git's answer already; this is for the operator. */
    log_info("git.failed", "status=%d text=\"%.*s\"", status, STR_ARG(str_trim(buf_str(&p->error_text))));
    return true;
}

static void pump_init(struct pump *p, const struct vcs_pack_request *q, const struct vcs_pack_io *io)
{
    int64_t idle = q->idle_timeout_ms > 0 ? q->idle_timeout_ms : IDLE_DEFAULT_MS;
    p->io = io;
    p->idle_timeout_ms = idle > INT32_MAX ? INT32_MAX : (int)idle;
    buf_init(&p->error_text, ERROR_TEXT_BYTES_MAX);
    buf_init(&p->hook.told, HOOK_TOLD_BYTES_MAX);
}

static void pump_deinit(struct pump *p)
{
    buf_deinit(&p->error_text);
    buf_deinit(&p->hook.told);
    mem_free(p);
}

/* ------------------------------------------------------------------ advertisement */

/* Leaves out object-info, which want.c refuses. */
static void capabilities_filter(str in, struct buf *out)
{
    str payload, before = in;
    enum pkt_kind kind;
    while ((kind = pkt_next(&in, &payload)) != PKT_END && kind != PKT_BAD) {
        if (kind != PKT_DATA || !str_starts(payload, STR("object-info")))
            buf_add(out, str_n(before.p, (size_t)(in.p - before.p)));
        before = in;
    }
}

bool vcs_pack_advertise(const struct vcs_pack_request *q, struct buf *out, struct err *e)
{
    struct arena *a = arena_new(0);
    struct call c;
    struct buf answer = BUF_INIT(256 << 20); /* version 0 tells of every ref */
    struct pump *p = mem_one(struct pump);
    bool is_v2 = protocol_version(q->service, q->protocol) == 2;
    pump_init(p, q, NULL);
    p->held = &answer;
    bool ok = call_build(&c, q, true, a, e) && git_run(p, &c, e);
    if (ok && answer.n == 0)
        ok = err_set(e, ERR_IO, "git cannot read the repository: %.*s", STR_ARG(str_trim(buf_str(&p->error_text))));
    if (ok && is_v2) {
        capabilities_filter(buf_str(&answer), out);
    } else if (ok) {
        pkt_add(out, q->service == VCS_UPLOAD_PACK ? STR("# service=git-upload-pack\n") :
                                                     STR("# service=git-receive-pack\n"));
        pkt_flush(out);
        buf_add(out, buf_str(&answer));
    }
    if (ok && out->failed) ok = err_set(e, ERR_TOO_LARGE, "the repository has too many refs to tell of all");
    pump_deinit(p);
    buf_deinit(&answer);
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ fetch and push */

static bool request_read(const struct vcs_pack_io *io, struct buf *out, struct err *e)
{
    uint8_t chunk[CHUNK_BYTES];
    size_t got;
    do {
        if (!io->read(io->ctx, chunk, sizeof chunk, &got, e)) return false;
        buf_add(out, str_n((const char *)chunk, got));
    } while (got > 0 && !out->failed);
    return !out->failed ||
           err_set(e, ERR_TOO_LARGE, "a fetch may ask with at most %d MiB", FETCH_REQUEST_BYTES_MAX >> 20);
}

static bool serve_fetch(struct pump *p, const struct vcs_pack_request *q, const struct call *c, struct err *e)
{
    struct buf request = BUF_INIT(FETCH_REQUEST_BYTES_MAX), refusal = BUF_INIT(0);
    bool allowed = true, is_v2 = protocol_version(q->service, q->protocol) == 2;
    bool ok = request_read(p->io, &request, e) && want_check(q, is_v2, buf_str(&request), &refusal, &allowed, e);
    if (ok && !allowed) {
        ok = p->io->write(p->io->ctx, bytes_of(buf_str(&refusal)), e);
    } else if (ok) {
        p->ready = buf_str(&request);
        p->input_ended = true;
        ok = git_run(p, c, e);
    }
    buf_deinit(&request);
    buf_deinit(&refusal);
    return ok;
}

static bool serve_push(struct pump *p, const struct vcs_pack_request *q, const struct vcs_push_hooks *hooks,
                       const struct call *c, struct err *e)
{
    struct buf answer = BUF_INIT(PUSH_ANSWER_BYTES_MAX);
    if (!vcs_hook_install(q->repo_path, e)) return false; /* git skips a hook that is not there */
    p->held = &answer;
    p->hooks = hooks;
    p->input_bytes_max = q->input_bytes_max;
    bool ok = git_run(p, c, e);
    /* Refs may have moved even when git or the client came to grief afterwards: the index must know. */
    if (p->hook.is_accepted) ok = push_sync(q->repo_path, p->hook.commands, e) && ok;
    if (p->hook.is_accepted && hooks->accepted) ok = hooks->accepted(hooks->ctx, e) && ok;
    if (ok && answer.n > 0) ok = p->io->write(p->io->ctx, bytes_of(buf_str(&answer)), e);
    buf_deinit(&answer);
    return ok;
}

bool vcs_pack_serve(const struct vcs_pack_request *q, const struct vcs_pack_io *io, const struct vcs_push_hooks *hooks,
                    struct err *e)
{
    bool is_push = q->service == VCS_RECEIVE_PACK;
    if (is_push && (!hooks || !hooks->check)) return err_set(e, ERR_INTERNAL, "a push needs somebody who checks it");
    struct arena *a = arena_new(0);
    struct call c;
    struct pump *p = mem_one(struct pump);
    pump_init(p, q, io);
    bool ok = call_build(&c, q, false, a, e) && (is_push ? serve_push(p, q, hooks, &c, e) : serve_fetch(p, q, &c, e));
    pump_deinit(p);
    arena_free(a);
    return ok;
}
