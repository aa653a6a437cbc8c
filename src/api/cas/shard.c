/* api/cas/shard.c - registering files, in both versions.
 *
 * A shard's files are read back once before they are entered, which takes as long as they are large.  Version 2 lets
 * the client see that: an answer that takes longer than QUIET_MS becomes a stream of lines, with a terminal one at the
 * end; one that is quicker has its proper status.  Version 1 answers at the end, however long it takes.
 *
 * Registering twice is fine: clients repeat what they do not know the answer of.  So when a client has left, the work ends.
 *
 * A shard is read whole, up to 64 MiB (some 80 GB of files); most have a few KiB.  What is made of it while it is checked may
 * take twice as much again.  So large ones share MEMORY_MAX, and wait in their clients until there is room.
 *
 * Small ones can make much work, too, for their terms may overlap, and name what was sent before.  So there is a limit to what is
 * read for one shard, and those that are read for long are EACH_MAX of a user: the other threads are for other people. */
#include <pthread.h>

#include "api/cas/cas_api.h"
#include "base/clock.h"
#include "base/log.h"
#include "hub/bucket/bucket.h"
#include "hub/large_file.h"

enum { BODY_MAX = XET_SHARD_BYTES_MAX + (1 << 20) /* tables and footer, which nobody reads */, QUIET_MS = 3000, BEAT_MS = 5000,
       SMALL_BYTES = 2 << 20, MEMORY_TIMES = 3, MEMORY_MAX = MEMORY_TIMES * (64 << 20), WAIT_S = 60, WAITING_MAX = 16,
       PIECE = 256 << 10, LONG_BYTES = 1 << 30, EACH_MAX = 16 };
#define READ_BYTES_MAX (UINT64_C(1000) * 1000 * 1000 * 1000) /* two files of the largest kind (api/lfs.c) */
#define LINES "application/x-ndjson"

/* ------------------------------------------------------------------ the body */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t left;
    uint64_t bytes;
    unsigned waiting;
} large = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 };

/* One that is larger than all the room goes alone. */
static bool enter_large(uint64_t memory, struct err *e)
{
    int64_t until_us = clock_mono_us() + (int64_t)WAIT_S * 1000000;
    pthread_mutex_lock(&large.lock);
    bool ok = large.waiting++ < WAITING_MAX; /* each holds a thread */
    while (large.bytes > 0 && large.bytes + memory > MEMORY_MAX && ok)
        ok = clock_wait(&large.left, &large.lock, until_us);
    large.waiting--;
    if (ok) large.bytes += memory;
    pthread_mutex_unlock(&large.lock);
    return ok || err_set(e, ERR_BUSY, "Too many large shards are being registered; try again later");
}

static void leave_large(uint64_t memory)
{
    pthread_mutex_lock(&large.lock);
    large.bytes -= memory;
    pthread_cond_broadcast(&large.left); /* a small one may fit where the next in turn does not */
    pthread_mutex_unlock(&large.lock);
}

/* *memory, unless 0, is to be given to leave_large, also when it fails. */
static bool read_shard(struct call *c, struct buf *out, uint64_t *memory, struct err *e)
{
    uint64_t length, wanted;
    if (!http_body_length(c->http, &length) || length > BODY_MAX) length = BODY_MAX;
    wanted = MEMORY_TIMES * length;
    for (;;) {
        size_t got;
        uint8_t *room = (uint8_t *)buf_reserve(out, PIECE);
        if (!room) return err_set(e, ERR_TOO_LARGE, "A shard has at most 64 MiB");
        if (!http_read(c->http, room, PIECE, &got, e)) return false;
        out->n += got;
        if (got == 0) return true;
        if (out->n < SMALL_BYTES || *memory) continue;
        if (!enter_large(wanted, e)) return false;
        *memory = wanted;
    }
}

/* ------------------------------------------------------------------ registering */

struct progress {
    struct call *c;
    int64_t said_us;
    bool is_v2, has_begun, is_long;
    struct progress *next; /* among those that are long */
};

static struct {
    pthread_mutex_t lock;
    struct progress *first;
} longs = { PTHREAD_MUTEX_INITIALIZER, NULL };

static bool enter_long(struct progress *p, struct err *e)
{
    unsigned same = 0;
    pthread_mutex_lock(&longs.lock);
    for (struct progress *q = longs.first; q; q = q->next) same += q->c->who.user_id == p->c->who.user_id;
    p->is_long = same < EACH_MAX;
    if (p->is_long) {
        p->next = longs.first;
        longs.first = p;
    }
    pthread_mutex_unlock(&longs.lock);
    return p->is_long || err_set(e, ERR_BUSY, "%d large uploads of yours are being read back already; try again later", EACH_MAX);
}

static void leave_long(struct progress *p)
{
    if (!p->is_long) return;
    pthread_mutex_lock(&longs.lock);
    struct progress **at = &longs.first;
    while (*at != p) at = &(*at)->next;
    *at = p->next;
    pthread_mutex_unlock(&longs.lock);
}

static bool say(struct progress *p, str line, struct err *e)
{
    p->said_us = clock_mono_us();
    if (!p->has_begun && !http_begin(p->c->http, 200, LINES, HTTP_LENGTH_UNKNOWN, e)) return false;
    p->has_begun = true;
    return http_write(p->c->http, bytes_of(line), e);
}

/* Clients give up after five minutes without a byte. */
static bool on_progress(void *ctx, uint64_t done, uint64_t total, struct err *e)
{
    struct progress *p = ctx;
    char line[120];
    int64_t wait_ms = p->has_begun ? BEAT_MS : QUIET_MS;
    if (total > LONG_BYTES && !p->is_long && !enter_long(p, e)) return false;
    if (http_has_left(p->c->http)) return err_set(e, ERR_CLOSED, "the client went away while its shard was checked");
    if (!p->is_v2 || clock_mono_us() - p->said_us < wait_ms * 1000) return true;
    int n = snprintf(line, sizeof line, "{\"type\":\"validating\",\"verified\":%llu,\"total\":%llu}\n", (unsigned long long)done,
                     (unsigned long long)total);
    return say(p, str_n(line, (size_t)n), e);
}

static bool enter(struct call *c, const struct cas_object *list, size_t n, struct err *e)
{
    return c->bucket ? bucket_register_many(c->hub, c->bucket->id, c->who.user_id, list, n, e)
                     : large_file_register_many(c->hub, c->repo.id, c->who.user_id, list, n, e);
}

/* All that both versions do. */
static bool register_all(struct call *c, struct progress *p, bool *was_new, struct err *e)
{
    struct cas_shard_options o = { cas_viewer_of(c), READ_BYTES_MAX, on_progress, p };
    struct buf body = BUF_INIT(BODY_MAX + PIECE);
    struct cas_object *list;
    size_t n;
    uint64_t memory = 0;
    bool ok = read_shard(c, &body, &memory, e);
    p->said_us = clock_mono_us();
    ok = ok && cas_shard_register(hub_cas(c->hub), bytes_of(buf_str(&body)), &o, c->a, &list, &n, was_new, e) &&
         enter(c, list, n, e);
    buf_deinit(&body);
    leave_long(p);
    if (memory) leave_large(memory);
    if (!ok && e->code != ERR_CLOSED) { /* clients show the status alone */
        str id = http_request_id(c->http), repo = c->bucket ? c->bucket->full_name : c->repo.full_name;
        log_warn("xet.shard_refused", "repo=%.*s error=\"%s\" id=%.*s", STR_ARG(repo), e->msg, STR_ARG(id));
    }
    return ok;
}

static bool post_v1(struct call *c, struct err *e)
{
    struct progress p = { .c = c };
    bool was_new;
    return register_all(c, &p, &was_new, e) &&
           http_reply(c->http, 200, "application/json; charset=utf-8", was_new ? STR("{\"result\":1}") : STR("{\"result\":0}"));
}

static bool end_with_error(struct progress *p, const struct err *why, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "type", STR("error"));
    jw_kstr(&w, "message", api_status_of(why) >= 500 && why->code != ERR_BUSY ? STR("Something went wrong inside this Hearth")
                                                                              : str_c(why->msg));
    jw_kbool(&w, "retryable", why->code == ERR_BUSY);
    jw_object_end(&w);
    buf_byte(&b, '\n');
    bool ok = say(p, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

static bool post_v2(struct call *c, struct err *e)
{
    struct progress p = { .c = c, .is_v2 = true };
    bool was_new;
    static const str result = STR_INIT("{\"type\":\"result\"}\n");
    if (register_all(c, &p, &was_new, e))
        return p.has_begun ? say(&p, result, e) : http_reply(c->http, 200, LINES, result);
    if (!p.has_begun || e->code == ERR_CLOSED) return false;
    struct err why = *e;
    return end_with_error(&p, &why, e);
}

#define SHARD_ROW(method, path, fn, name) CAS_ROW(method, path, PERM_XET_WRITE, HTTP_BODY_STREAM, BODY_MAX, 0, fn, name)
static const struct api_route rows[] = {
    SHARD_ROW(HTTP_POST, "/v1/shards", post_v1, "xet.register"),
    SHARD_ROW(HTTP_POST, "/shards", post_v1, "xet.register"),
    SHARD_ROW(HTTP_POST, "/shard/:prefix/:hash", post_v1, "xet.register"),
    SHARD_ROW(HTTP_PUT, "/shard/:prefix/:hash", post_v1, "xet.register"),
    SHARD_ROW(HTTP_POST, "/v2/shards", post_v2, "xet.register-lines"),
};
const struct api_table cas_shard_table = API_TABLE(rows);
