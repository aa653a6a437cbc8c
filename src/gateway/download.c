/* gateway/download.c - a large file on its way from the upstream.
 *
 * A thread per download asks for the link, reads the bytes, and puts each piece both into a file under tmp/coming, where who waits
 * reads it at his own pace, and into the store (cas/), which hashes, cuts and packs it on the way.  A connection that breaks is taken up
 * where it broke, and so is a download that ended with the server: what is in the file goes into the store first.  Readers see all but the
 * last byte until the store has found hash and size to be right and the mirror's register has the file: what is wrong never looks complete.
 *
 * Where the upstream has it in chunks, those that are here already are not asked for (xet.c); else, and what is left, comes by git-lfs.
 *
 * DOWNLOADS_MAX come at once; others wait for their turn, in which a thread that is done takes the next.
 *
 * Invariants, under the gateway's lock: `have` bytes of the file are there; a download is in the list until its thread is done, and
 * is freed by the last who leaves it, the thread being one of them. */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/os.h"
#include "gateway/gateway_priv.h"
#include "hub/large_file.h"
#include "http/client.h"

enum { TRIES_FIRST = 2 /* before anything came: who asks may try again himself */, TRIES = 6, QUIET_S = 60, WAIT_MS = 200, PATH_BYTES = sizeof ((struct download *)NULL)->path, BLOCK_BYTES = 1 << 20 };
enum { KEPT_MS = 24 * 3600 * 1000 }; /* what came of a file that nobody asked for since */

/* ------------------------------------------------------------------ the bytes */

static void have_now(struct download *d, uint64_t have)
{
    pthread_mutex_lock(&d->g->lock);
    d->have = have;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->g->lock);
}

bool download_keep(struct download *d, bytes piece)
{
    uint64_t at = d->have; /* moved by this thread alone */
    if (piece.n > d->size_bytes - at)
        return err_kind(&d->fault, ERR_IO, GATEWAY_FAILED, "The upstream sends more than the %llu bytes that the pointer of this large file says", (unsigned long long)d->size_bytes);
    if (!os_pwrite(d->fd, piece, at, &d->fault) || !cas_put_write(d->put, piece, &d->fault)) return false;
    have_now(d, at + piece.n);
    return true;
}

/* Whoever does not know ranges sends all of it again. */
static bool take(void *ctx, int status, str piece)
{
    struct download *d = ctx;
    if (status != 200 && status != 206) return true; /* why it was refused */
    atomic_fetch_add(&d->g->bytes, piece.n);
    if (status == 206) d->skip = 0;
    if (piece.n <= d->skip) {
        d->skip -= piece.n;
        return true;
    }
    piece = str_from(piece, (size_t)d->skip);
    d->skip = 0;
    return download_keep(d, bytes_of(piece));
}

static bool try_once(struct download *d, struct err *e)
{
    struct arena *a = arena_new(ANSWER_MEMORY_MAX);
    struct upstream_object o;
    struct err why;
    int status = 0;
    size_t n = 0;
    bool ok = upstream_object(d->g, &d->mirror, &d->sha256, d->size_bytes, &o, a, e);
    if (ok) {
        while (o.header[n]) n++;
        const char **header = arena_alloc(a, (n + 2) * sizeof *header);
        memcpy(header, o.header, (n + 1) * sizeof *header);
        if (d->have) {
            header[n++] = arena_fmt(a, "Range: bytes=%llu-", (unsigned long long)d->have).p;
            header[n] = NULL;
        }
        d->skip = d->have;
        struct http_client_request q = { .url = o.url, .header = header, .quiet_s = QUIET_S, .is_kept_out = upstream_is_kept_out(d->g), .follows = true, .stop = &d->g->stopping, .take = take, .ctx = d };
        uint64_t had = d->have;
        ok = http_client_run(&q, &status, &why) || (d->have == d->size_bytes && !d->fault.code); /* all came, and then it broke: the hash decides */
        if (!ok) err_kind(e, why.code, GATEWAY_DOWN, "%s", why.msg);
        if (ok && status != 200 && status != 206) ok = err_kind(e, ERR_IO, GATEWAY_DOWN, "the upstream answers %d where a large file should be", status);
        if (ok && d->have < d->size_bytes) /* nothing more by a second try: it has no more */
            ok = err_kind(e, ERR_IO, d->have == had ? GATEWAY_FAILED : GATEWAY_DOWN, "the upstream sent %llu of %llu bytes", (unsigned long long)d->have, (unsigned long long)d->size_bytes);
    }
    arena_free(a);
    return ok;
}

static bool is_wrong(const struct err *e) { return e->kind && strcmp(e->kind, GATEWAY_FAILED) == 0; }
static bool is_stopping(const struct download *d) { return gateway_is_stopping(d->g); }

/* As long as something comes there is no end to the tries. */
static bool receive(struct download *d, struct err *e)
{
    for (int tries = 1;; tries++) {
        uint64_t had = d->have;
        if (had == d->size_bytes || try_once(d, e)) return true;
        if (d->fault.code) *e = d->fault;
        if (d->have > had) tries = 1;
        bool is_final = d->fault.code || e->code == ERR_NOT_FOUND || is_wrong(e);
        if (is_final || is_stopping(d) || tries == (d->have ? TRIES : TRIES_FIRST)) return false;
        log_info("gateway.again", "repo=%lld bytes=%llu of=%llu reason=\"%s\"", (long long)d->mirror.id, (unsigned long long)d->have,
                 (unsigned long long)d->size_bytes, e->msg);
        for (int ms = 250 << tries; ms > 0 && !is_stopping(d); ms -= WAIT_MS) nanosleep(&(struct timespec){ .tv_nsec = WAIT_MS * 1000000L }, NULL);
    }
}

/* ------------------------------------------------------------------ the file that it comes to */

static void folder_of(struct gateway *g, char out[512 + 16])
{
    char tmp[512];
    hub_tmp_path(g->hub, tmp);
    snprintf(out, 512 + 16, "%s/coming", tmp);
}

struct sweep {
    const char *dir;
    int64_t before_ms;
};

static bool sweep_one(void *ctx, const char *name, bool is_dir)
{
    const struct sweep *s = ctx;
    char path[PATH_BYTES];
    int64_t modified_ms;
    uint64_t size;
    bool found, locked = false;
    struct err ignored;
    int fd, n = snprintf(path, sizeof path, "%s/%s", s->dir, name);
    if (is_dir || n < 0 || (size_t)n >= sizeof path) return true;
    if (!os_stat(path, &size, &modified_ms, &found, &ignored) || !found || modified_ms > s->before_ms || !os_open_write(path, &fd, &found, &ignored) || !found) return true;
    if (os_try_lock(fd, true, &locked, &ignored) && locked) (void)os_remove(path, &ignored);
    close(fd);
    return true;
}

/* That of an earlier try, or a new one.  Only who has locked it uses it; *fd -1: another process does. */
static bool open_named(struct download *d, const char *dir, int *fd, struct err *e)
{
    struct sweep old = { dir, clock_now_ms() - KEPT_MS };
    char hex[SHA256_HEX + 1];
    bool found, locked = false;
    hex_encode((bytes){ d->sha256.b, SHA256_BYTES }, hex);
    if (!os_mkdirs(dir, e) || !os_each_entry(dir, sweep_one, &old, e)) return false;
    int n = snprintf(d->path, sizeof d->path, "%s/%lld-%s-%llu", dir, (long long)d->mirror.id, hex, (unsigned long long)d->size_bytes);
    must(n > 0 && (size_t)n < sizeof d->path);
    if (!os_open_write(d->path, fd, &found, e)) return false;
    if (!found && !os_create(d->path, fd, e)) return false;
    bool ok = os_try_lock(*fd, true, &locked, e);
    if (ok && locked && os_same_file(*fd, d->path)) return true;
    close(*fd);
    *fd = -1;
    d->path[0] = 0;
    return ok;
}

static bool open_nameless(const char *dir, int *fd, struct err *e)
{
    struct os_tmp tmp;
    if (!os_tmp_open(dir, "nameless", &tmp, e)) return false;
    *fd = dup(tmp.fd);
    int bad = errno;
    os_tmp_discard(&tmp);
    return *fd >= 0 || err_os(e, bad, "cannot keep a file in %s", dir);
}

/* Until a file is whole, it is there twice; a pointer says no more than INT64_MAX.  What broke off gives way to what comes. */
static bool has_room(struct download *d, uint64_t size_bytes, struct err *e)
{
    char dir[512 + 16];
    struct sweep all = { dir, INT64_MAX };
    if (cas_room(hub_cas(d->g->hub), size_bytes, e)) return true;
    folder_of(d->g, dir);
    return os_each_entry(dir, sweep_one, &all, e) && cas_room(hub_cas(d->g->hub), size_bytes, e);
}

static bool open_file(struct download *d, uint64_t *there, struct err *e)
{
    char dir[512 + 16];
    int fd = -1;
    folder_of(d->g, dir);
    if (!open_named(d, dir, &fd, e) || (fd < 0 && !open_nameless(dir, &fd, e))) return false;
    bool ok = os_file_size(fd, there, e);
    if (ok && *there > d->size_bytes) ok = os_set_size(fd, *there = 0, e);
    pthread_mutex_lock(&d->g->lock);
    d->fd = fd;
    pthread_mutex_unlock(&d->g->lock);
    return ok;
}

/* What came before the server stopped; whether it is right, the whole will say. */
static bool take_up(struct download *d, uint64_t there, struct err *e)
{
    uint8_t *block = there ? mem_alloc(BLOCK_BYTES) : NULL;
    size_t got = 1;
    bool ok = true;
    while (ok && got && d->have < there && !gateway_is_stopping(d->g)) {
        uint64_t left = there - d->have;
        ok = os_pread(d->fd, block, left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES, d->have, &got, e) && cas_put_write(d->put, (bytes){ block, got }, e);
        if (ok) have_now(d, d->have + got);
    }
    mem_free(block);
    if (ok && there) log_info("gateway.taken_up", "repo=%lld bytes=%llu of=%llu", (long long)d->mirror.id, (unsigned long long)d->have, (unsigned long long)d->size_bytes);
    return ok;
}

static void forget_file(struct download *d)
{
    struct err ignored;
    if (d->path[0]) (void)os_remove(d->path, &ignored);
}

/* The sum of right chunks may be wrong, and who made it so by Xet may have it right as a whole. */
static void note_wrong(struct download *d)
{
    struct gateway *g = d->g;
    if (!d->learnt->chunks) return;
    atomic_fetch_add(&g->xet_faults, 1);
    pthread_mutex_lock(&g->lock);
    g->wrong[g->wrong_count++ % WRONG_MAX] = d->sha256;
    pthread_mutex_unlock(&g->lock);
}

static bool is_wrong_by_xet(struct download *d)
{
    struct gateway *g = d->g;
    bool found = false;
    pthread_mutex_lock(&g->lock);
    for (size_t i = 0; i < g->wrong_count && i < WRONG_MAX; i++) found = found || memcmp(&g->wrong[i], &d->sha256, sizeof d->sha256) == 0;
    pthread_mutex_unlock(&g->lock);
    return found;
}

/* What is wrong is not taken up again; what broke off is. */
static bool store_it(struct download *d, struct err *e)
{
    struct cas_object object;
    struct err why;
    uint64_t there;
    if (!open_file(d, &there, e)) return false;
    if (!has_room(d, 2 * d->size_bytes - there, e) || !cas_put_begin(hub_cas(d->g->hub), &d->put, e)) {
        if (!there) forget_file(d);
        return false;
    }
    bool ok = take_up(d, there, e);
    if (ok && !is_wrong_by_xet(d)) xet_bring(d);
    if (!ok || !receive(d, e)) {
        cas_put_abort(d->put);
        if (d->fault.code || is_wrong(e)) forget_file(d);
        return false;
    }
    ok = cas_put_commit(d->put, &d->sha256, &d->size_bytes, &object, e);
    if (!ok && e->code == ERR_INVALID) note_wrong(d);
    if (!ok && e->code == ERR_INVALID) err_kind(e, ERR_IO, GATEWAY_FAILED, "What the upstream sends is not what the pointer of this large file says");
    ok = ok && mirror_file_came(d->g->hub, d->mirror.id, &object, e);
    if (ok || is_wrong(e)) forget_file(d);
    if (ok && !places_write(d->g, d->learnt, &d->sha256, &why)) log_warn("gateway.xet", "repo=%lld reason=\"%s\"", (long long)d->mirror.id, why.msg);
    return ok;
}

/* Of an empty file nothing need come. */
static bool enter_empty(struct gateway *g, const struct repo *mirror, const struct sha256 *sha256, struct err *e)
{
    struct cas_object object;
    if (!cas_put_bytes(hub_cas(g->hub), (bytes){ 0 }, &object, e)) return false;
    if (memcmp(object.sha256.b, sha256->b, SHA256_BYTES) != 0) return err_kind(e, ERR_IO, GATEWAY_FAILED, "The pointer of this large file says that it is empty, and not so its hash");
    return mirror_file_came(g->hub, mirror->id, &object, e);
}

/* What everybody may read here anyway need not come again. */
static bool enter_known(struct gateway *g, const struct repo *mirror, const struct sha256 *sha256, uint64_t size_bytes, bool *known, struct err *e)
{
    struct identity nobody = { 0 };
    struct cas_object object;
    bool found = false;
    *known = false;
    if (!cas_find(hub_cas(g->hub), sha256, &object, &found, e)) return false;
    if (!found || object.size_bytes != size_bytes) return true;
    struct db_conn *c = db_reader(hub_db(g->hub));
    bool ok = large_file_may_read(&nobody, c, sha256, known, e);
    db_give(hub_db(g->hub), c);
    return ok && (!*known || mirror_file_came(g->hub, mirror->id, &object, e));
}

/* ------------------------------------------------------------------ its thread, and who waits */

/* Under the lock. */
static void leave(struct download *d)
{
    if (--d->users) return;
    if (d->fd >= 0) close(d->fd);
    places_free(d->learnt);
    pthread_cond_destroy(&d->changed);
    arena_free(d->a);
    mem_free(d);
}

/* Under the lock: who asks next begins anew, or finds the file. */
static void end(struct download *d, bool ok, const struct err *e)
{
    d->is_done = ok;
    d->has_failed = !ok;
    if (!ok) d->err = *e;
    pthread_cond_broadcast(&d->changed);
    struct download **at = &d->g->downloads;
    while (*at != d) at = &(*at)->next;
    *at = d->next;
}

static void bring(struct download *d)
{
    struct gateway *g = d->g;
    struct err e, why;
    int64_t began = clock_mono_ms();
    bool ok = store_it(d, &e);
    if (ok) log_info("gateway.file", "repo=%lld bytes=%llu ms=%lld", (long long)d->mirror.id, (unsigned long long)d->size_bytes, (long long)(clock_mono_ms() - began));
    if (!ok) log_warn("gateway.file_failed", "repo=%lld bytes=%llu of=%llu reason=\"%s\"", (long long)d->mirror.id, (unsigned long long)d->have, (unsigned long long)d->size_bytes, e.msg);
    atomic_fetch_add(ok ? &g->files : &g->files_failed, 1);
    pthread_mutex_lock(&g->lock);
    end(d, ok, &e);
    pthread_mutex_unlock(&g->lock);
    /* After that, because it may wait for a refresh of the mirror. */
    if (ok && !mirror_derive(g->hub, d->mirror.id, &why)) log_warn("gateway.index", "repo=%lld reason=\"%s\"", (long long)d->mirror.id, why.msg);
    download_leave(d);
}

/* Under the lock: who has waited longest, and is still waited for; NULL: nobody. */
static struct download *next_in_turn(struct gateway *g)
{
    struct download *oldest = NULL;
    struct err e;
    for (struct download *d = g->downloads, *next; d; d = next) {
        next = d->next;
        if (!d->is_queued) continue;
        if (gateway_is_stopping(g) || d->users == 1) {
            err_set(&e, ERR_CLOSED, "The server is being stopped");
            g->downloads_queued--;
            end(d, false, &e);
            leave(d);
        } else {
            oldest = d;
        }
    }
    if (oldest) g->downloads_queued--, oldest->is_queued = false;
    return oldest;
}

static void *run(void *ctx)
{
    struct download *d = ctx;
    struct gateway *g = d->g;
    while (d) {
        bring(d);
        pthread_mutex_lock(&g->lock);
        if (!(d = next_in_turn(g))) {
            g->downloads_count--;
            pthread_cond_broadcast(&g->quieter); /* the gateway may be gone when we let go of the lock */
        }
        pthread_mutex_unlock(&g->lock);
    }
    return NULL;
}

/* With the size: pointers may differ in it, and only one of them can be right. */
static struct download *find(struct gateway *g, int64_t repo_id, const struct sha256 *sha256, uint64_t size_bytes)
{
    for (struct download *d = g->downloads; d; d = d->next)
        if (d->mirror.id == repo_id && d->size_bytes == size_bytes && memcmp(d->sha256.b, sha256->b, SHA256_BYTES) == 0) return d;
    return NULL;
}

static struct download *new_download(struct gateway *g, const struct repo *mirror, const struct sha256 *sha256, uint64_t size_bytes)
{
    struct download *d = mem_one(struct download);
    d->g = g;
    d->a = arena_new(0);
    d->mirror = (struct repo){ .id = mirror->id, .kind = mirror->kind, .owner = arena_dup(d->a, mirror->owner), .name = arena_dup(d->a, mirror->name) };
    d->sha256 = *sha256;
    d->size_bytes = size_bytes;
    d->fd = -1;
    d->learnt = mem_one(struct places);
    d->users = 1;
    must(pthread_cond_init(&d->changed, NULL) == 0);
    return d;
}

/* Under the lock. */
static bool start_thread(struct download *d, struct err *e)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int bad = pthread_create(&thread, &attr, run, d);
    pthread_attr_destroy(&attr);
    if (!bad) d->g->downloads_count++;
    return !bad || err_os(e, bad, "cannot start a thread");
}

/* Under the lock. */
static bool start(struct download *d, struct err *e)
{
    struct gateway *g = d->g;
    if (gateway_is_stopping(g)) return err_set(e, ERR_CLOSED, "The server is being stopped");
    d->is_queued = g->downloads_count >= DOWNLOADS_MAX;
    if (d->is_queued && g->downloads_queued >= DOWNLOADS_QUEUED_MAX)
        return err_set(e, ERR_BUSY, "%d files wait for their turn to come from the upstream; try again in a moment", DOWNLOADS_QUEUED_MAX);
    if (!d->is_queued && !start_thread(d, e)) return false;
    d->users++; /* the thread's; it waits for the lock that we hold */
    if (d->is_queued) g->downloads_queued++;
    d->next = g->downloads;
    g->downloads = d;
    return true;
}

bool download_join(struct gateway *g, const struct repo *mirror, const struct sha256 *sha256, uint64_t size_bytes, struct download **out,
                   struct err *e)
{
    bool ok = true, known;
    *out = NULL;
    if (!size_bytes) return enter_empty(g, mirror, sha256, e);
    if (!enter_known(g, mirror, sha256, size_bytes, &known, e)) return false;
    if (known) return true;
    pthread_mutex_lock(&g->lock);
    struct download *d = find(g, mirror->id, sha256, size_bytes);
    if (d) {
        d->users++;
    } else {
        d = new_download(g, mirror, sha256, size_bytes);
        ok = start(d, e);
        if (!ok) leave(d);
    }
    pthread_mutex_unlock(&g->lock);
    *out = ok ? d : NULL;
    return ok;
}

bool download_read(struct download *d, uint64_t at, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    pthread_mutex_lock(&d->g->lock);
    uint64_t have = d->have;
    bool failed = d->has_failed;
    int fd = d->fd;
    if (!d->is_done && have == d->size_bytes && have) have--;
    if (failed) *e = d->err;
    pthread_mutex_unlock(&d->g->lock);
    *got = 0;
    if (failed) return false;
    if (at >= have) return true;
    return os_pread(fd, out, have - at < n ? (size_t)(have - at) : n, at, got, e);
}

bool download_wait(struct download *d, bool (*stops)(void *ctx), void *ctx, struct err *e)
{
    pthread_mutex_lock(&d->g->lock);
    for (bool stopped = false; !d->is_done && !d->has_failed && !stopped;) {
        pthread_mutex_unlock(&d->g->lock); /* it may ask for more of us */
        stopped = stops && stops(ctx);
        pthread_mutex_lock(&d->g->lock);
        if (!d->is_done && !d->has_failed && !stopped) clock_wait(&d->changed, &d->g->lock, clock_mono_us() + WAIT_MS * 1000);
    }
    bool ok = d->is_done, failed = d->has_failed;
    if (failed) *e = d->err;
    pthread_mutex_unlock(&d->g->lock);
    return ok || (!failed && err_set(e, ERR_CLOSED, "Nobody waits for this file any more"));
}

size_t downloads_now(const struct gateway *g)
{
    size_t n = 0;
    for (const struct download *d = g->downloads; d; d = d->next) n++;
    return n;
}

bool download_bring(void *gateway, const struct repo *mirror, const struct sha256 *sha256, uint64_t size_bytes, const struct mirror_waiter *who, struct err *e)
{
    struct gateway *g = gateway;
    struct download *d = NULL;
    if (!gateway_wait_begin(g, e)) return false;
    bool ok = download_join(g, mirror, sha256, size_bytes, &d, e) && (!d || download_wait(d, who->has_left, who->ctx, e));
    download_leave(d);
    gateway_wait_end(g);
    return ok;
}

void download_progress(struct gateway *g, int64_t repo_id, uint64_t *have, uint64_t *of)
{
    *have = *of = 0;
    pthread_mutex_lock(&g->lock);
    for (const struct download *d = g->downloads; d; d = d->next) {
        if (d->mirror.id != repo_id) continue;
        *have += d->have;
        *of += d->size_bytes;
    }
    pthread_mutex_unlock(&g->lock);
}

void download_leave(struct download *d)
{
    if (!d) return;
    struct gateway *g = d->g;
    pthread_mutex_lock(&g->lock);
    leave(d);
    pthread_mutex_unlock(&g->lock);
}
