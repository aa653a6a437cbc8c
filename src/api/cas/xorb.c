/* api/cas/xorb.c - uploading xorbs. */
#include <stdatomic.h>

#include "api/cas/cas_api.h"
#include "base/log.h"

/* A client sends as many at once as its line bears, up to 64, and each holds a worker for as long as it takes.  Some
 * workers are left for everybody else; whoever is told to come again does, and sends fewer at once. */
enum { UPLOADS_MAX = 96 };
static _Atomic int uploads;

static bool receive(struct call *c, struct cas_xorb_put *p, struct err *e)
{
    for (;;) {
        uint8_t *room;
        size_t n, got;
        if (!cas_xorb_space(p, &room, &n, e) || !http_read(c->http, room, n, &got, e)) return false;
        if (got == 0) return true;
        if (!cas_xorb_filled(p, got, e)) return false;
    }
}

/* Clients show the status alone; here is the reason. */
static bool refused(struct call *c, const struct err *e)
{
    str id = http_request_id(c->http), hash = call_param(c, "hash");
    if (e->code != ERR_CLOSED)
        log_warn("xet.xorb_refused", "xorb=%.*s error=\"%s\" id=%.*s", STR_ARG(str_to(hash, 64)), e->msg, STR_ARG(id));
    return false;
}

static bool take_xorb(struct call *c, struct err *e)
{
    struct xet_hash hash;
    struct cas_xorb_put *p;
    uint64_t length;
    bool was_new;
    if (!http_body_length(c->http, &length)) length = 0;
    if (!cas_check_prefix(c, e) || !cas_param_hash(c, &hash, e)) return false;
    if (!cas_xorb_begin(hub_cas(c->hub), &hash, c->who.user_id, length, &p, e)) return false;
    if (!receive(c, p, e)) {
        cas_xorb_abort(p);
        return refused(c, e);
    }
    if (!cas_xorb_commit(p, &was_new, e)) return refused(c, e);
    return http_reply(c->http, 200, "application/json; charset=utf-8",
                      was_new ? STR("{\"was_inserted\":true}") : STR("{\"was_inserted\":false}"));
}

static bool post_xorb(struct call *c, struct err *e)
{
    bool ok = atomic_fetch_add(&uploads, 1) < UPLOADS_MAX
                  ? take_xorb(c, e)
                  : err_set(e, ERR_BUSY, "Too many xorbs are being uploaded; try again later");
    atomic_fetch_sub(&uploads, 1);
    return ok;
}

static bool head_xorb(struct call *c, struct err *e)
{
    struct xet_hash hash;
    struct cas_viewer viewer = cas_viewer_of(c);
    bool found;
    if (!cas_check_prefix(c, e) || !cas_param_hash(c, &hash, e)) return false;
    if (!cas_xorb_find(hub_cas(c->hub), &hash, &viewer, &found, e)) return false;
    return found ? http_reply_empty(c->http, 200) : err_set(e, ERR_NOT_FOUND, "There is no such xorb");
}

#define XORB_ROWS(path)                                                                                          \
    CAS_ROW(HTTP_POST, path "/:prefix/:hash", PERM_XET_WRITE, HTTP_BODY_STREAM, XET_XORB_BYTES_MAX, HTTP_BULK, post_xorb, "xet.upload-xorb"), \
    CAS_ROW(HTTP_HEAD, path "/:prefix/:hash", PERM_XET_READ, HTTP_BODY_NONE, 0, 0, head_xorb, "xet.find-xorb")
static const struct api_route rows[] = { XORB_ROWS("/v1/xorbs"), XORB_ROWS("/xorbs"), XORB_ROWS("/xorb") };
const struct api_table cas_xorb_table = API_TABLE(rows);
