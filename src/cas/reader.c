/* cas/reader.c - bytes of stored objects; of files in xorbs, decoded and checked.
 *
 * A file is read in windows: a few frames that follow one another in one xorb.  The pool reads, decodes and hashes the
 * windows that come next while the caller uses the one at hand; a window that no thread has got round to is filled by
 * the caller himself, so a busy pool makes a reader slow and never stuck.
 *
 * Invariants:
 *  1. No byte leaves before its whole chunk had the hash that the xorb's index says.  What does not is ERR_IO that names
 *     the xorb, and nothing leaves afterwards.  (But for a caller who compares the SHA-256 of all that he gets.)
 *     A chunk that is not compressed is hashed once while its file stays as it is (xorb_prove); after that it may be
 *     lent as a place in the file, which the kernel sends from there: such a window holds no bytes.
 *  2. A window is touched by one thread at a time: the caller's while IDLE or READY, whoever made it RUNNING until READY.
 *  3. The pool may come late to a window that was filled without it, even after the reader was closed; so each entry in
 *     its queue holds the reader (`holders`), though not its buffers. */
#include <unistd.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/os.h"
#include "cas/xorb_priv.h"

/* Four chunks of the usual size keep the lanes of the hash full; four windows keep four cores busy.  With compressed
 * chunks that is 2 MiB for a reader, without 1 MiB; four times that for who reads a large file once, past the page cache: there
 * a read costs by the piece more than by the byte, and large pages are held for the disk at once (docs/perf/xet.md). */
enum {
    WINDOWS = 4,
    WINDOW_BYTES = 256 << 10,
    WINDOW_CHUNKS_MAX = 64,
    ONCE_FILE_BYTES = 4 << 20,
    ONCE_STORED_BYTES = 1 << 20, /* memory of a window: what it holds, the headers of its frames, and aligned at both ends */
    ONCE_WINDOW_BYTES = ONCE_STORED_BYTES - WINDOW_CHUNKS_MAX * XET_FRAME_HEADER - 2 * OS_DIRECT_ALIGN,
};

enum window_state { IDLE, WAITING, RUNNING, READY };

struct window {
    struct file_reader *r;
    enum window_state state; /* under the reader's lock */
    const struct xet_xorb_index *x;
    uint32_t first, end;    /* chunks */
    size_t skip, n, given;  /* bytes [skip, skip + n) of the chunks are wanted, and `given` of them have been given */
    int fd;                 /* of xorb fd_xorb; -1: none */
    struct xet_hash fd_xorb;
    uint64_t fd_bytes;
    bool fd_is_direct;
    uint8_t *memory, *stored, *raw; /* stored: in memory, or in the reader's pages, aligned; raw: only where something is compressed */
    size_t stored_max;
    bytes piece[WINDOW_CHUNKS_MAX]; /* where each chunk lies; */
    bool is_file;                   /* .p NULL: in the file */
    bool failed;
    struct err err;
};

struct file_reader {
    struct cas *c;
    const struct cas_file *f;
    size_t term;        /* what no window has yet: chunks from `chunk` of this term on, */
    uint32_t chunk;     /* UINT32_MAX: its first */
    uint64_t skip, left; /* without the first `skip` bytes, in all `left` */
    size_t current, windows_used;
    bool unchecked, once, file_will_do; /* set before the first window is, as is: */
    size_t window_bytes;
    uint8_t *pages; /* what is stored, for all windows, when it is read once */
    bool failed, lent; /* lent: something of the current window */
    struct err err;
    struct window window[WINDOWS];

    pthread_mutex_t lock;
    pthread_cond_t ready;
    size_t holders; /* under the lock */
};

/* ------------------------------------------------------------------ filling a window */

static bool damaged(const struct window *w, uint32_t chunk, struct err *e)
{
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(&w->x->hash, hex);
    xorb_doubt(w->r->c, &w->x->hash);
    return err_set(e, ERR_IO, "chunk %lu of xorb %s is damaged on disk; `hearth fsck` tells whose it is",
                   (unsigned long)chunk, hex);
}

static bool open_xorb(struct window *w, struct err *e)
{
    char name[CAS_NAME_MAX], hex[XET_HASH_HEX + 1];
    if (w->fd >= 0 && xet_hash_eq(&w->fd_xorb, &w->x->hash)) return true;
    if (w->fd >= 0) close(w->fd);
    w->fd = -1;
    w->fd_xorb = w->x->hash;
    w->fd_is_direct = false;
    if (store_open_blob(w->r->c->store, xorb_name(&w->x->hash, name), &w->fd, &w->fd_bytes, e)) return true;
    w->fd = -1;
    xet_hash_hex(&w->x->hash, hex);
    return e->code == ERR_NOT_FOUND ? err_set(e, ERR_IO, "xorb %s is missing; `hearth fsck` tells whose it is", hex) : false;
}

/* Bytes [at, at + n) of the xorb; *out is where they lie, until the next call. */
static bool read_stored(struct window *w, size_t n, uint64_t at, const uint8_t **out, size_t *got, struct err *e)
{
    const uint64_t mask = OS_DIRECT_ALIGN - 1;
    uint64_t from = at & ~mask, end = (at + n + mask) & ~mask;
    bool direct = w->r->once && end <= w->fd_bytes; /* what reaches beyond the end is left to the page cache */
    if (direct != w->fd_is_direct) w->fd_is_direct = os_set_direct(w->fd, direct) && direct;
    if (!direct) from = at, end = at + n;
    if (w->stored_max < end - from) {
        mem_free(w->memory);
        w->stored_max = (size_t)(end - from);
        w->memory = mem_alloc(w->stored_max + OS_DIRECT_ALIGN);
        w->stored = (uint8_t *)(((uintptr_t)w->memory + mask) & ~(uintptr_t)mask);
    }
    *out = w->stored + (at - from);
    if (!os_pread(w->fd, w->stored, (size_t)(end - from), from, got, e)) return false;
    *got = *got < at - from ? 0 : *got - (size_t)(at - from);
    return true;
}

static bool fill(struct window *w, struct err *e)
{
    const struct xet_xorb_index *x = w->x;
    uint32_t at = xet_stored_at(x, w->first), raw_at = xet_raw_at(x, w->first), count = w->end - w->first;
    size_t n = x->stored_end[w->end - 1] - at, raw_n = x->raw_end[w->end - 1] - raw_at, got;
    struct xet_hash hash[WINDOW_CHUNKS_MAX];
    const uint8_t *stored;
    if (!open_xorb(w, e)) return false;
    if (n > WINDOW_CHUNKS_MAX * (size_t)XET_FRAME_HEADER + w->r->window_bytes) return damaged(w, w->first, e);
    bool is_same = xorb_is_in(x, w->fd), is_raw = true;
    if (!read_stored(w, n, at, &stored, &got, e)) return false;
    if (got < n) return damaged(w, w->end - 1, e);
    for (uint32_t i = w->first; i < w->end; i++) {
        const uint8_t *frame = stored + (xet_stored_at(x, i) - at);
        size_t frame_n = x->stored_end[i] - xet_stored_at(x, i);
        struct xet_frame f;
        if (frame_n < XET_FRAME_HEADER || !xet_frame_parse(frame, &f, e) || f.payload_bytes != frame_n - XET_FRAME_HEADER ||
            f.raw_bytes != x->raw_end[i] - xet_raw_at(x, i))
            return damaged(w, i, e);
        if (f.scheme != XET_SCHEME_RAW && !w->raw) w->raw = mem_alloc(w->r->window_bytes + XET_CHUNK_MAX);
        must(f.scheme == XET_SCHEME_RAW || raw_n <= w->r->window_bytes);
        is_raw = is_raw && f.scheme == XET_SCHEME_RAW;
        uint8_t *out = w->raw ? w->raw + (xet_raw_at(x, i) - raw_at) : NULL;
        if (!xet_frame_decode(&f, (bytes){ frame + XET_FRAME_HEADER, f.payload_bytes }, out,
                              w->raw ? w->raw + w->r->window_bytes : NULL, &w->piece[i - w->first], e))
            return damaged(w, i, e);
    }
    if (w->r->unchecked) return true;
    xet_chunk_hash_many(w->piece, count, hash);
    for (uint32_t i = 0; i < count; i++)
        if (!xet_hash_eq(&hash[i], &x->chunk[w->first + i])) return damaged(w, w->first + i, e);
    if (is_same && is_raw) xorb_prove(x, w->first, w->end);
    return true;
}

static void reader_let_go(struct file_reader *r)
{
    pthread_mutex_lock(&r->lock);
    bool last = --r->holders == 0;
    pthread_mutex_unlock(&r->lock);
    if (!last) return;
    pthread_cond_destroy(&r->ready);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

/* Fills the window if nobody does. */
static void take(struct window *w)
{
    struct file_reader *r = w->r;
    pthread_mutex_lock(&r->lock);
    bool mine = w->state == WAITING;
    if (mine) w->state = RUNNING;
    pthread_mutex_unlock(&r->lock);
    if (!mine) return;
    w->failed = !fill(w, &w->err);
    pthread_mutex_lock(&r->lock);
    w->state = READY;
    pthread_cond_broadcast(&r->ready);
    pthread_mutex_unlock(&r->lock);
}

static void take_in_pool(void *ctx)
{
    struct window *w = ctx;
    struct file_reader *r = w->r;
    take(w);
    reader_let_go(r);
}

/* ------------------------------------------------------------------ which chunks a window has */

/* The index of the next term's xorb, and that it fits the term. */
static bool plan_term(struct file_reader *r, const struct xet_xorb_index **x, struct err *e)
{
    const struct xet_stored_term *t = &r->f->term[r->term];
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(&t->xorb, hex);
    if (!xorb_borrow(r->c, &t->xorb, x, e)) {
        if (e->code == ERR_NOT_FOUND || e->code == ERR_IO) xorb_doubt(r->c, &t->xorb);
        return e->code == ERR_NOT_FOUND ? err_set(e, ERR_IO, "xorb %s is missing; `hearth fsck` tells whose it is", hex) : false;
    }
    if (xorb_has_term(*x, t)) return true;
    xorb_give(r->c, *x);
    *x = NULL;
    return err_set(e, ERR_IO, "xorb %s has not the chunks that a file has in it; `hearth fsck` tells whose it is", hex);
}

/* May the window begin with this chunk as a place in its file? */
static bool lies_in_file(struct window *w, uint32_t chunk)
{
    struct err ignored; /* whoever fills the window sees it again */
    return w->r->file_will_do && xorb_is_proven(w->x, chunk) && open_xorb(w, &ignored) && xorb_is_in(w->x, w->fd);
}

/* Has the window, which goes up to chunk i, room for that one, too? */
static bool has_room(const struct window *w, uint32_t i, size_t limit)
{
    const struct xet_xorb_index *x = w->x;
    if (i - w->first == WINDOW_CHUNKS_MAX || x->raw_end[i - 1] - xet_raw_at(x, w->first) - w->skip >= w->r->left) return false;
    if (w->is_file) return xorb_is_proven(x, i);
    return x->raw_end[i] - xet_raw_at(x, w->first) <= limit &&
           x->stored_end[i] - xet_stored_at(x, w->first) <= limit + WINDOW_CHUNKS_MAX * XET_FRAME_HEADER;
}

/* As many chunks of the term at hand as fit; bytes that are not wanted are skipped at both ends. */
static bool plan(struct file_reader *r, struct window *w, struct err *e)
{
    const struct xet_stored_term *t = &r->f->term[r->term];
    if (!plan_term(r, &w->x, e)) return false;
    const struct xet_xorb_index *x = w->x;
    uint32_t i = r->chunk == UINT32_MAX ? t->first : r->chunk;
    while (r->skip && r->skip >= x->raw_end[i] - xet_raw_at(x, i)) { /* ends inside of the term: file_reader_open saw to it */
        r->skip -= x->raw_end[i] - xet_raw_at(x, i);
        i++;
        must(i < t->end);
    }
    size_t limit = r->windows_used ? r->window_bytes : XET_CHUNK_MAX; /* the first bytes soon */
    w->first = i;
    w->skip = (size_t)r->skip;
    w->is_file = lies_in_file(w, i);
    do {
        w->piece[i - w->first] = (bytes){ NULL, x->raw_end[i] - xet_raw_at(x, i) };
        i++;
    } while (i < t->end && has_room(w, i, limit));
    w->end = i;
    size_t raw_n = x->raw_end[i - 1] - xet_raw_at(x, w->first);
    w->n = raw_n - w->skip < r->left ? raw_n - w->skip : (size_t)r->left;
    w->given = 0;
    r->left -= w->n;
    r->skip = 0;
    r->chunk = i;
    if (i == t->end) {
        r->term++;
        r->chunk = UINT32_MAX;
    }
    return true;
}

/* Sets an idle window to work, if anything is left. */
static bool set_out(struct file_reader *r, struct window *w, struct err *e)
{
    xorb_give(r->c, w->x);
    w->x = NULL;
    if (r->left == 0) return true;
    if (!plan(r, w, e)) return false;
    r->windows_used++;
    pthread_mutex_lock(&r->lock);
    w->state = w->is_file ? READY : WAITING;
    w->failed = false;
    if (!w->is_file) r->holders++;
    pthread_mutex_unlock(&r->lock);
    if (!w->is_file && !pool_submit(r->c->work, take_in_pool, w)) reader_let_go(r);
    return true;
}

/* ------------------------------------------------------------------ a reader */

bool file_reader_open(struct cas *c, const struct cas_file *f, uint64_t at, uint64_t n, struct file_reader **out,
                      struct err *e)
{
    if (at > f->size_bytes || n > f->size_bytes - at)
        return err_set(e, ERR_BAD_RANGE, "bytes %llu to %llu of a file of %llu", (unsigned long long)at,
                       (unsigned long long)(at + n), (unsigned long long)f->size_bytes);
    uint64_t skip = at;
    size_t term = 0;
    while (n && term < f->terms_count && skip >= f->term[term].raw_bytes) skip -= f->term[term++].raw_bytes;
    if (n && term == f->terms_count) return err_set(e, ERR_INTERNAL, "the terms of a file end before its bytes do");
    struct file_reader *r = mem_one(struct file_reader);
    *r = (struct file_reader){ .c = c, .f = f, .term = term, .chunk = UINT32_MAX, .skip = skip, .left = n, .holders = 1,
                               .window_bytes = WINDOW_BYTES };
    must(pthread_mutex_init(&r->lock, NULL) == 0 && pthread_cond_init(&r->ready, NULL) == 0);
    for (size_t i = 0; i < WINDOWS; i++) r->window[i] = (struct window){ .r = r, .fd = -1 };
    *out = r;
    return true;
}

void file_reader_trust(struct file_reader *r)
{
    must(r->windows_used == 0);
    r->unchecked = true;
}

void file_reader_once(struct file_reader *r)
{
    must(r->windows_used == 0);
    r->once = r->f->size_bytes > ONCE_FILE_BYTES; /* small ones have just come in through the page cache */
    if (!r->once) return;
    r->window_bytes = ONCE_WINDOW_BYTES;
    r->pages = pages_new(WINDOWS * (size_t)ONCE_STORED_BYTES);
    for (size_t i = 0; i < WINDOWS; i++) {
        r->window[i].stored = r->pages + i * ONCE_STORED_BYTES;
        r->window[i].stored_max = ONCE_STORED_BYTES;
    }
}

/* The window at hand, filled; NULL: the end. */
static bool current(struct file_reader *r, struct window **out, struct err *e)
{
    struct window *w = &r->window[r->current];
    *out = NULL;
    for (size_t i = 0; i < WINDOWS; i++) { /* those behind the one at hand, in their order */
        struct window *next = &r->window[(r->current + i) % WINDOWS];
        pthread_mutex_lock(&r->lock);
        bool is_idle = next->state == IDLE;
        pthread_mutex_unlock(&r->lock);
        if (is_idle && r->left && r->term == r->f->terms_count)
            return err_set(e, ERR_INTERNAL, "the terms of a file end before its bytes do");
        if (is_idle && !set_out(r, next, e)) return false;
        if (r->windows_used == 1 && w->given == 0) break; /* whoever reads only the beginning does not pay for more */
    }
    take(w);
    pthread_mutex_lock(&r->lock);
    while (w->state == RUNNING) pthread_cond_wait(&r->ready, &r->lock);
    bool is_ready = w->state == READY;
    pthread_mutex_unlock(&r->lock);
    if (is_ready && w->failed) {
        *e = w->err;
        return false;
    }
    if (is_ready) *out = w;
    return true;
}

static void copy_out(struct window *w, uint8_t *out, size_t n)
{
    size_t at = w->skip + w->given, i = 0;
    for (; at >= w->piece[i].n; i++) at -= w->piece[i].n;
    w->given += n;
    for (; n; i++, at = 0) {
        size_t part = w->piece[i].n - at < n ? w->piece[i].n - at : n;
        memcpy(out, w->piece[i].p + at, part);
        out += part;
        n -= part;
    }
}

/* The current window is used up. */
static void pass_on(struct file_reader *r)
{
    pthread_mutex_lock(&r->lock);
    r->window[r->current].state = IDLE;
    pthread_mutex_unlock(&r->lock);
    r->current = (r->current + 1) % WINDOWS;
}

bool file_reader_read(struct file_reader *r, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    *got = 0;
    must(!r->lent && !r->file_will_do);
    while (*got < n && !r->failed) {
        struct window *w;
        if (!current(r, &w, &r->err)) r->failed = true;
        if (r->failed || !w) break;
        size_t part = w->n - w->given < n - *got ? w->n - w->given : n - *got;
        copy_out(w, out + *got, part);
        *got += part;
        if (w->given < w->n) break;
        pass_on(r);
    }
    if (r->failed) *e = r->err;
    return !r->failed;
}

/* What is at hand of the current chunk, where it lies. */
bool file_reader_lend(struct file_reader *r, size_t max, bool file_will_do, struct cas_piece *out, struct err *e)
{
    struct window *w = NULL;
    *out = (struct cas_piece){ .fd = -1 };
    must(r->windows_used == 0 || r->file_will_do == file_will_do);
    r->file_will_do = file_will_do;
    if (r->lent) { /* what was given last is used by now */
        r->lent = false;
        if (r->window[r->current].given == r->window[r->current].n) pass_on(r);
    }
    if (!r->failed && !current(r, &w, &r->err)) r->failed = true;
    if (r->failed) {
        *e = r->err;
        return false;
    }
    if (!w) return true;
    size_t at = w->skip + w->given, left = w->n - w->given, i = 0;
    for (; at >= w->piece[i].n; i++) at -= w->piece[i].n;
    size_t n = w->piece[i].n - at;
    if (n > left) n = left;
    if (n > max) n = max;
    out->n = n;
    if (w->is_file) {
        out->fd = w->fd;
        out->at = xet_stored_at(w->x, w->first + (uint32_t)i) + (uint64_t)XET_FRAME_HEADER + at;
    } else {
        out->memory = (bytes){ w->piece[i].p + at, n };
    }
    w->given += n;
    r->lent = true;
    return true;
}

void file_reader_close(struct file_reader *r)
{
    if (!r) return;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < WINDOWS; i++) {
        while (r->window[i].state == RUNNING) pthread_cond_wait(&r->ready, &r->lock);
        r->window[i].state = IDLE; /* whoever comes for it now finds nothing to do */
    }
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < WINDOWS; i++) {
        struct window *w = &r->window[i];
        xorb_give(r->c, w->x);
        if (w->fd >= 0) close(w->fd);
        mem_free(w->memory);
        mem_free(w->raw);
    }
    pages_free(r->pages, WINDOWS * (size_t)ONCE_STORED_BYTES);
    reader_let_go(r);
}

/* ------------------------------------------------------------------ objects */

enum { VIEW_BYTES = 128 << 10 };
struct cas_reader {
    struct file_reader *file; /* in xorbs, */
    struct arena *a;
    struct cas_file f;
    int fd; /* or a whole blob */
    uint8_t *piece;
    uint64_t at, left;
};

/* Both forms of an object hold the same bytes, and a conversion enters the new one before it removes the old. */
static bool open_whole(struct cas *c, const struct sha256 *sha256, int *fd, uint64_t *size, bool *found, struct err *e)
{
    char name[CAS_NAME_MAX];
    *found = store_open_blob(c->store, cas_name(sha256, name), fd, size, e);
    if (*found) return true;
    *fd = -1;
    return e->code == ERR_NOT_FOUND;
}

static bool check_range(uint64_t at, uint64_t n, uint64_t size, struct err *e)
{
    if (at <= size && n <= size - at) return true;
    return err_set(e, ERR_BAD_RANGE, "bytes %llu to %llu of an object of %llu", (unsigned long long)at,
                   (unsigned long long)(at + n), (unsigned long long)size);
}

bool cas_open_range(struct cas *c, const struct sha256 *sha256, uint64_t at, uint64_t n, int *fd, uint64_t *fd_offset,
                    struct err *e)
{
    uint64_t size;
    bool found;
    struct cas_object o;
    if (!open_whole(c, sha256, fd, &size, &found, e)) return false;
    if (found) {
        if (check_range(at, n, size, e)) {
            *fd_offset = at;
            return true;
        }
        close(*fd);
        *fd = -1;
        return false;
    }
    if (!cas_find(c, sha256, &o, &found, e)) return false;
    return found ? check_range(at, n, o.size_bytes, e) : err_set(e, ERR_NOT_FOUND, "there is no such object");
}

bool cas_reader_open(struct cas *c, const struct sha256 *sha256, uint64_t at, uint64_t n, struct cas_reader **out,
                     struct err *e)
{
    struct cas_reader *r = mem_one(struct cas_reader);
    uint64_t size;
    bool found = false;
    *r = (struct cas_reader){ .fd = -1, .a = arena_new(0), .at = at, .left = n };
    if (!cas_file_of(c, sha256, r->a, &r->f, &found, e)) goto failed;
    if (!found && !open_whole(c, sha256, &r->fd, &size, &found, e)) goto failed;
    if (r->fd < 0 && !found && !cas_file_of(c, sha256, r->a, &r->f, &found, e)) goto failed; /* converted just now */
    if (!found) {
        err_set(e, ERR_NOT_FOUND, "there is no such object");
        goto failed;
    }
    if (r->fd >= 0 ? !check_range(at, n, size, e) : !file_reader_open(c, &r->f, at, n, &r->file, e)) goto failed;
    *out = r;
    return true;
failed:
    cas_reader_close(r);
    return false;
}

bool cas_reader_read(struct cas_reader *r, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    if (r->file) return file_reader_read(r->file, out, n, got, e);
    if (n > r->left) n = (size_t)r->left;
    if (!os_pread(r->fd, out, n, r->at, got, e)) return false;
    if (*got < n) return err_set(e, ERR_IO, "a stored object ends %llu bytes early", (unsigned long long)(r->left - *got));
    r->at += *got;
    r->left -= *got;
    return true;
}

bool cas_reader_lend(struct cas_reader *r, size_t max, bool file_will_do, struct cas_piece *out, struct err *e)
{
    size_t got;
    if (r->file) return file_reader_lend(r->file, max, file_will_do, out, e);
    if (!r->piece) r->piece = mem_alloc(VIEW_BYTES);
    if (!cas_reader_read(r, r->piece, max < VIEW_BYTES ? max : VIEW_BYTES, &got, e)) return false;
    *out = (struct cas_piece){ .memory = { r->piece, got }, .fd = -1, .n = got };
    return true;
}

void cas_reader_close(struct cas_reader *r)
{
    if (!r) return;
    file_reader_close(r->file);
    if (r->fd >= 0) close(r->fd);
    arena_free(r->a);
    mem_free(r->piece);
    mem_free(r);
}
