/* api/git_http.c - git's smart protocol over HTTP: discovery, fetch, push.
 *
 * Rights are asked at discovery and again at each call: every request stands alone.  Who may not push hears so
 * as an HTTP status at discovery, because afterwards only git's own side band reaches the person.  What a push
 * brings is judged by hub/commit/push.h, under the repository's lock, after all objects have arrived and before any ref
 * moves; the lock is not held while a client is waited for.
 *
 * A process of git lives as long as its client sends and takes, so there are only so many (git-processes-max); a few requests wait for one
 * to end, which makes those with slow clients end (http_hurry), and more are told to come again. */
#include "api/git_api.h"
#include "base/turn.h"
#include "hub/commit/push.h"
#include "hub/repo.h"
#include "vcs/pack.h"

#define FETCH_BYTES_MAX (UINT64_C(32) << 20)
#define PUSH_BYTES_MAX (UINT64_C(8) << 30)
enum { REFS_BYTES_MAX = 256 << 20 };

struct service {
    enum vcs_service service;
    const char *name, *advertisement, *request, *result;
};
static const struct service services[] = {
    { VCS_UPLOAD_PACK, "git-upload-pack", "application/x-git-upload-pack-advertisement",
      "application/x-git-upload-pack-request", "application/x-git-upload-pack-result" },
    { VCS_RECEIVE_PACK, "git-receive-pack", "application/x-git-receive-pack-advertisement",
      "application/x-git-receive-pack-request", "application/x-git-receive-pack-result" },
};

static bool allow(struct call *c, const struct service *s, struct err *e)
{
    return s->service == VCS_RECEIVE_PACK ? call_allow_push(c, e) : call_allow(c, &c->repo, REPO_READ, e);
}

static struct vcs_pack_request request_of(struct call *c, const struct service *s)
{
    char *path = arena_alloc(c->a, 512);
    hub_repo_path(c->hub, c->repo.id, path);
    return (struct vcs_pack_request){ .repo_path = path,
                                      .service = s->service,
                                      .protocol = http_header(c->http, "Git-Protocol"),
                                      .input_bytes_max = s->service == VCS_RECEIVE_PACK ? PUSH_BYTES_MAX : 0 };
}

static void add_cache_headers(struct call *c)
{
    http_add_header(c->http, "Expires", STR("Fri, 01 Jan 1980 00:00:00 GMT"));
    http_add_header(c->http, "Pragma", STR("no-cache"));
    http_add_header(c->http, "Cache-Control", STR("no-cache, max-age=0, must-revalidate"));
}

static bool get_refs(struct call *c, struct err *e)
{
    str name = call_query(c, "service");
    for (size_t i = 0; i < COUNT(services); i++) {
        const struct service *s = &services[i];
        if (!str_eq(name, str_c(s->name))) continue;
        struct buf text = BUF_INIT(REFS_BYTES_MAX);
        struct vcs_pack_request q = request_of(c, s);
        if (!allow(c, s, e)) return false;
        if (!vcs_pack_advertise(&q, &text, e)) {
            buf_deinit(&text);
            return false;
        }
        add_cache_headers(c);
        return http_reply_buf(c->http, 200, s->advertisement, &text);
    }
    return err_set(e, ERR_DENIED, "Only git's smart protocol is served: git 1.6.6 or newer");
}

/* ------------------------------------------------------------------ so many processes */

enum { WAITING_EACH = 4, WAIT_S = 30 };

static struct turns turns = TURNS_INIT;

static bool enter(struct call *c, struct err *e)
{
    size_t most = call_config(c)->git_processes_max ? call_config(c)->git_processes_max : 8;
    struct http_server *server = http_server_of(c->http);
    if (turn_take(&turns, most, 0, 0)) return true;
    http_hurry(server, 1);
    bool ok = turn_take(&turns, most, WAITING_EACH * most, WAIT_S);
    http_hurry(server, -1);
    if (ok) return true;
    http_add_header(c->http, "Retry-After", STR("5"));
    return err_set(e, ERR_BUSY, "Too many git operations run at once; try again in a few seconds");
}

/* ------------------------------------------------------------------ a call */

struct exchange {
    struct call *c;
    const struct service *s;
    struct repo_lock *lock;
};

static bool exchange_read(void *ctx, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    struct exchange *x = ctx;
    return http_read(x->c->http, out, n, got, e);
}

static void unlock(struct exchange *x)
{
    if (x->lock) repo_unlock(x->c->hub, x->lock);
    x->lock = NULL;
}

static bool exchange_write(void *ctx, bytes b, struct err *e)
{
    struct exchange *x = ctx;
    unlock(x); /* a push is answered when all is done */
    if (!http_has_begun(x->c->http)) {
        add_cache_headers(x->c);
        if (!http_begin(x->c->http, 200, x->s->result, HTTP_LENGTH_UNKNOWN, e)) return false;
    }
    return http_write(x->c->http, b, e);
}

static bool push_is_fine(void *ctx, str commands, const char *quarantine_dir, struct buf *message)
{
    struct exchange *x = ctx;
    struct err e;
    if (!repo_lock(x->c->hub, x->c->repo.id, &x->lock, &e)) {
        buf_addf(message, "%s\n", e.msg);
        return false;
    }
    return push_check(x->c->hub, &x->c->repo, &x->c->who, commands, quarantine_dir, message);
}

static bool push_was_accepted(void *ctx, struct err *e)
{
    struct exchange *x = ctx;
    return push_accepted(x->c->hub, &x->c->repo, &x->c->who, e);
}

static bool serve(struct call *c, const struct service *s, struct err *e)
{
    struct exchange x = { c, s, NULL };
    struct vcs_pack_io io = { exchange_read, exchange_write, &x };
    struct vcs_push_hooks hooks = { push_is_fine, push_was_accepted, &x };
    struct vcs_pack_request q = request_of(c, s);
    if (!allow(c, s, e)) return false;
    if (!str_eq(http_header(c->http, "Content-Type"), str_c(s->request)))
        return err_set(e, ERR_UNSUPPORTED_TYPE, "The content type must be %s", s->request);
    if (!enter(c, e)) return false;
    bool ok = vcs_pack_serve(&q, &io, s->service == VCS_RECEIVE_PACK ? &hooks : NULL, e);
    turn_end(&turns);
    unlock(&x);
    if (!ok || http_has_begun(c->http)) return ok;
    add_cache_headers(c); /* git asked only whether it may send; nothing is the answer */
    return http_reply(c->http, 200, s->result, STR(""));
}

static bool post_upload_pack(struct call *c, struct err *e) { return serve(c, &services[0], e); }
static bool post_receive_pack(struct call *c, struct err *e) { return serve(c, &services[1], e); }

static const struct api_route rows[] = {
    GIT_ROWS(HTTP_GET, "/info/refs", HTTP_BODY_NONE, 0, get_refs, "git.refs", SHAPE_GIT),
    GIT_ROWS(HTTP_POST, "/git-upload-pack", HTTP_BODY_STREAM, FETCH_BYTES_MAX, post_upload_pack, "git.fetch", SHAPE_GIT),
    GIT_ROWS(HTTP_POST, "/git-receive-pack", HTTP_BODY_STREAM, PUSH_BYTES_MAX, post_receive_pack, "git.push", SHAPE_GIT),
};
const struct api_table git_table = API_TABLE(rows);
