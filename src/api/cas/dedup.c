/* api/cas/dedup.c - is this chunk here already?  And what clients report besides.
 *
 * An answer is a convenience: a client takes every refusal as "no", but repeats what failed with 5xx five times, which a
 * busy server needs least.  So whatever goes wrong here is 404 (API_MISSING_IF_FAILED). */
#include "api/cas/cas_api.h"

enum { TELEMETRY_MAX = 1 << 20 };

static bool get_chunk(struct call *c, struct err *e)
{
    struct xet_hash hash;
    struct cas_viewer viewer = cas_viewer_of(c);
    struct buf b = BUF_INIT(XET_SHARD_BYTES_MAX);
    bool found;
    if (!cas_check_prefix(c, e) || !cas_param_hash(c, &hash, e)) return false;
    if (!cas_dedup_query(hub_cas(c->hub), &hash, &viewer, &b, &found, e)) {
        buf_deinit(&b);
        return false;
    }
    if (found && !b.failed) return http_reply_buf(c->http, 200, "application/octet-stream", &b);
    buf_deinit(&b);
    return err_set(e, ERR_NOT_FOUND, "No file that you may read has this chunk");
}

/* Taken and thrown away. */
static bool post_telemetry(struct call *c, struct err *e)
{
    (void)e;
    return call_reply_ok(c);
}

#define CHUNK_ROW(path) \
    CAS_ROW(HTTP_GET, path "/:prefix/:hash", PERM_XET_READ, HTTP_BODY_NONE, 0, API_MISSING_IF_FAILED, get_chunk, "xet.find-chunk")
static const struct api_route rows[] = {
    CHUNK_ROW("/v1/chunks"),
    CHUNK_ROW("/chunks"),
    CHUNK_ROW("/chunk"),
    CAS_ROW(HTTP_POST, "/v1/telemetry", PERM_XET_READ, HTTP_BODY_WHOLE, TELEMETRY_MAX, 0, post_telemetry, "xet.telemetry"),
    { HTTP_POST, "/v1/telemetry", PERM_XET_READ, HTTP_BODY_WHOLE, TELEMETRY_MAX, 0, post_telemetry, "xet.telemetry", SHAPE_HUB },
};
const struct api_table cas_dedup_table = API_TABLE(rows);
