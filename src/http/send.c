/* http/send.c - long content, sent in steps that hold a thread only while the client takes what comes.
 *
 * What is to be sent is a list of segments: text (the heads between several ranges) and parts of the content.  A step takes piece
 * after piece from the source and puts it where the answer leaves: into the socket itself (http/direct.c), or into the ring that an
 * event thread empties.  When there is no room the step lingers for a moment, because a client that is fast makes room while one
 * looks, and then gives its thread back (http/pause.c), until there is room.  So thousands of clients that read nothing cost no
 * thread.
 *
 * Nor much memory: what a source has read ahead (two megabytes, of a file in xorbs) it may keep for a second, and only KEPT_MAX
 * downloads at once may; then it is told to let go, and is opened again where the client goes on.  A download that waits longer
 * costs its request, a few kilobytes, and UNSENT_BYTES that the kernel keeps for its socket.
 *
 * A client that takes nothing for the idle timeout, or less than client_rate_min on the average of twice that time, is cut.
 *
 * Invariants: `done` bytes of the segment at hand are with the socket or the ring; the piece at hand begins there. */
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "http/http_priv.h"

enum {
    PIECE_BYTES = 128 << 10,
    LENT_BYTES = 4 << 20,
    SLICE_BYTES = 8 << 20, /* in a row, if others wait for the thread */
    LINGER_MS = 5,
    KEEP_MS = 1000,
    KEPT_MAX = 64,
    FILE_PIECE_BYTES = 64 << 10,
    UNSENT_BYTES = 512 << 10, /* in the kernel, beside what is on its way */
};

struct sending {
    struct http_content source;
    struct send_segment *segment; /* the one at hand, */
    size_t segments;              /* and how many there are from it on */
    uint64_t done;
    bool is_open;                 /* the source, at `done` */
    int fd;                       /* which is this file, */
    uint64_t fd_at;               /* from here on; or -1: ask it */
    struct http_piece piece;      /* .n 0: none is at hand */
    uint8_t *room;                /* for `pull` */
    bool keeps;                   /* counted in server->kept */
    int64_t full_since_us;        /* 0: it took something */
    int64_t rate_since_us;
    uint64_t rate_from;
};

/* ------------------------------------------------------------------ the source */

static void close_source(struct sending *s)
{
    if (s->fd >= 0) close(s->fd);
    mem_free(s->room);
    s->fd = -1;
    s->room = NULL;
    s->is_open = false;
}

static void sending_end(void *ctx) { close_source(ctx); }

static bool next_piece(struct sending *s, struct err *e)
{
    const struct send_segment *g = s->segment;
    const struct http_content *c = &s->source;
    uint64_t left = g->n - s->done;
    size_t want = left < LENT_BYTES ? (size_t)left : LENT_BYTES, got = 0;
    bool ok = true;
    s->piece = (struct http_piece){ .fd = -1 };
    if (g->text.p) {
        s->piece.memory = bytes_of(str_from(g->text, (size_t)s->done));
        s->piece.n = (size_t)left;
        return true;
    }
    if (!s->is_open && !c->open(c->ctx, g->at + s->done, left, &s->fd, &s->fd_at, e)) return false;
    s->is_open = true;
    if (s->fd >= 0) {
        s->piece = (struct http_piece){ .fd = s->fd, .at = s->fd_at, .n = want };
    } else if (c->lend) {
        ok = c->lend(c->ctx, want, &s->piece, e);
    } else {
        if (!s->room) s->room = mem_alloc(PIECE_BYTES);
        ok = c->pull(c->ctx, s->room, want < PIECE_BYTES ? want : PIECE_BYTES, &got, e);
        s->piece = (struct http_piece){ .memory = { s->room, got }, .fd = -1, .n = got };
    }
    if (ok && s->piece.n == 0) return err_set(e, ERR_IO, "the content ended %" PRIu64 " bytes early", left);
    must(!ok || s->piece.n <= left);
    return ok;
}

/* n bytes of the piece have left. */
static void took(struct sending *s, size_t n)
{
    s->piece.n -= n;
    s->piece.at += n;
    if (s->piece.memory.p) s->piece.memory = (bytes){ s->piece.memory.p + n, s->piece.memory.n - n };
    s->fd_at += n;
    s->done += n;
    s->full_since_us = 0;
    if (s->done < s->segment->n) return;
    close_source(s);
    s->segment++;
    s->segments--;
    s->done = 0;
}

/* ------------------------------------------------------------------ where it leaves */

/* Under lock: bytes of the ring belong to us while they are free. */
static enum sent into_ring(struct http_req *r, const struct http_piece *p, size_t *moved, struct err *e)
{
    uint8_t *to;
    size_t row = ring_room(&r->outgoing, p->n, &to);
    bool ok = true;
    *moved = 0;
    if (row == 0) {
        r->is_behind = true;
        return SENT_FULL;
    }
    pthread_mutex_unlock(&r->lock);
    if (p->memory.p) {
        memcpy(to, p->memory.p, row);
    } else {
        if (row > FILE_PIECE_BYTES) row = FILE_PIECE_BYTES;
        ok = os_pread(p->fd, to, row, p->at, &row, e) && (row > 0 || err_set(e, ERR_IO, "the file ended early"));
    }
    pthread_mutex_lock(&r->lock);
    if (!ok) return SENT_FAILED;
    ring_added(&r->outgoing, row);
    req_wake(r);
    *moved = row;
    return SENT_SOME;
}

static enum sent put(struct http_req *r, const struct http_piece *p, size_t *moved, struct err *e)
{
    enum sent how;
    if (r->direct.is_on) return direct_send(r, p, moved, e);
    pthread_mutex_lock(&r->lock);
    how = r->is_gone ? SENT_FAILED : into_ring(r, p, moved, e);
    bool gone = r->is_gone;
    pthread_mutex_unlock(&r->lock);
    if (gone) err_set(e, ERR_CLOSED, "the client went away");
    return how;
}

/* There is no room: is there some in a moment?  Only some of the threads may look. */
static bool linger(struct http_req *r)
{
    struct http_server *s = r->server;
    struct pollfd wait = { .fd = r->conn->fd, .events = POLLOUT };
    bool room = false;
    if (!r->direct.is_on) return false; /* whoever empties the ring tells us */
    if (atomic_fetch_add(&s->lingering, 1) < SEND_THREADS / 2) room = poll(&wait, 1, LINGER_MS) > 0;
    atomic_fetch_sub(&s->lingering, 1);
    return room;
}

/* ------------------------------------------------------------------ steps */

static http_handler send_step;

static bool pause_sending(struct http_req *r, int64_t until_us, int64_t now_us)
{
    r->step = send_step;
    r->step_timeout_ms = until_us == INT64_MAX ? -1 : (int)((until_us - now_us + 999) / 1000);
    return true;
}

static bool give_up(struct http_req *r, struct err *e)
{
    pthread_mutex_lock(&r->lock);
    r->timed_out = r->is_gone = true;
    pthread_mutex_unlock(&r->lock);
    return err_set(e, ERR_CLOSED, "the client takes too little");
}

/* Less than the least, since we last looked? */
static bool is_too_slow(struct http_req *r, struct sending *s, int64_t now)
{
    const struct http_limits *l = &r->server->limits;
    int64_t window_us = 2 * (int64_t)l->idle_timeout_s * 1000000, passed = now - s->rate_since_us;
    if (window_us == 0 || l->client_rate_min == 0 || passed < window_us) return false;
    bool slow = (r->written - s->rate_from) / l->client_rate_min < (uint64_t)passed / 1000000;
    s->rate_since_us = now;
    s->rate_from = r->written;
    return slow;
}

/* Has the source read ahead, and may it keep that for a while? */
static bool may_keep(struct http_req *r, struct sending *s, int64_t now)
{
    if (now - s->full_since_us >= KEEP_MS * 1000) return false;
    if (atomic_fetch_add(&r->server->kept, 1) < KEPT_MAX) return s->keeps = true;
    atomic_fetch_sub(&r->server->kept, 1);
    return false;
}

static bool wait_for_room(struct http_req *r, struct sending *s, struct err *e)
{
    int64_t now = clock_mono_us(), patience_us = (int64_t)r->server->limits.idle_timeout_s * 1000000;
    if (!s->full_since_us) s->full_since_us = now;
    int64_t until = patience_us ? s->full_since_us + patience_us : INT64_MAX;
    if (now >= until || is_too_slow(r, s, now)) return give_up(r, e);
    bool can_rest = s->is_open && s->fd < 0 && (s->source.rest || s->room);
    if (can_rest && may_keep(r, s, now)) {
        if (s->full_since_us + KEEP_MS * 1000 < until) until = s->full_since_us + KEEP_MS * 1000;
    } else if (can_rest) {
        s->piece = (struct http_piece){ .fd = -1 };
        if (s->source.rest) s->source.rest(s->source.ctx);
        close_source(s);
    }
    r->awaits_room = r->direct.is_on;
    return pause_sending(r, until, now);
}

static bool send_step(struct http_req *r, struct err *e)
{
    struct sending *s = r->sending;
    uint64_t from = r->written;
    size_t moved;
    bool open;
    if (s->keeps) atomic_fetch_sub(&r->server->kept, 1);
    s->keeps = r->awaits_room = false;
    if (!direct_open(r, &open, e)) return false;
    if (!open) return pause_sending(r, INT64_MAX, 0);
    while (s->segments) {
        if (s->piece.n == 0 && !next_piece(s, e)) return false;
        enum sent how = put(r, &s->piece, &moved, e);
        if (how == SENT_FAILED) return false;
        if (how == SENT_FULL && !linger(r)) return wait_for_room(r, s, e);
        if (how == SENT_FULL) continue;
        r->written += moved;
        took(s, moved);
        if (r->written - from < SLICE_BYTES || !s->segments || !pause_others_wait(r)) continue;
        http_resume(r); /* the next in line first */
        return pause_sending(r, INT64_MAX, 0);
    }
    return true;
}

/* The kernel would keep four megabytes for a client that does not read. */
static void keep_little_unsent(struct http_req *r)
{
    int n = UNSENT_BYTES, ignored = setsockopt(r->conn->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &n, sizeof n);
    (void)ignored;
}

bool send_content(struct http_req *r, const struct http_content *c, bool is_open, int status, const char *content_type,
                  uint64_t length, struct send_segment *segment, size_t segments, struct err *e)
{
    struct sending *s = arena_one(r->arena, struct sending);
    *s = (struct sending){ .source = *c, .segment = segment, .segments = segments, .fd = -1, .is_open = is_open,
                           .rate_since_us = clock_mono_us() };
    arena_on_free(r->arena, sending_end, s);
    if (!stream_begin(r, status, content_type, length, e)) return false;
    r->sending = s;
    keep_little_unsent(r);
    if (!r->direct.is_on) http_resume(r); /* otherwise when the socket is ours */
    return pause_sending(r, INT64_MAX, 0);
}
