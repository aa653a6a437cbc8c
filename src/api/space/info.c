/* api/space/info.c - where a Space is, and a pass for its host. */
#include "api/hub/hub_api.h"
#include "api/hub/repo_json.h"
#include "api/space/space_api.h"
#include "base/clock.h"
#include "hub/space_label.h"

static bool get_host(struct call *c, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    str url = call_space_url(c, &c->repo);
    if (!url.n) return err_set(e, ERR_NOT_FOUND, "Spaces have no hosts that can be reached from there: the setting spaces-domain gives them some");
    jw_object(&w);
    jw_kstr(&w, "subdomain", c->repo.label);
    jw_kstr(&w, "host", url);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* As the address of the Space has it; clients that know a host ask for the repository. */
static bool get_by_subdomain(struct call *c, struct err *e)
{
    bool found;
    struct repo r;
    if (!space_find_label(call_db(c), call_param(c, "name"), &r, &found, c->a, e) || !call_allow(c, found ? &r : NULL, REPO_SEE, e)) return false;
    c->repo = r;
    return reply_repo_info(c, e);
}

static bool get_jwt(struct call *c, struct err *e)
{
    int64_t now_s = clock_now_ms() / 1000, lives_s = SPACE_PASS_S;
    str asked = call_query(c, "expires_in");
    if (!c->who.user_id) return err_set(e, ERR_UNAUTHENTICATED, "Invalid username or password.");
    if (http_query_bool(c->http, "write", false) || http_query_bool(c->http, "encrypted", false))
        return err_set(e, ERR_NOT_BUILT, "Passes for writing, and encrypted ones, are not built in this version of Hearth");
    if (asked.p && (!str_i64(asked, &lives_s) || lives_s < 1)) return err_set(e, ERR_INVALID, "\"expires_in\" must be a number of seconds");
    if (lives_s > SPACE_PASS_MAX_S) lives_s = SPACE_PASS_MAX_S;
    str pass = space_pass(c, &c->repo, now_s + lives_s);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "token", pass);
    jw_kstr(&w, "accessToken", arena_fmt(c->a, "Bearer %.*s", STR_ARG(pass)));
    jw_kint(&w, "exp", now_s + lives_s);
    jw_object_end(&w);
    http_add_header(c->http, "Cache-Control", STR("no-store"));
    return call_reply_json(c, 200, &b);
}

#define SPACE "/api/:kind(spaces)/:ns/:repo"
static const struct api_route rows[] = {
    { HTTP_GET, SPACE "/host", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_host, "space.host", SHAPE_HUB },
    { HTTP_GET, SPACE "/jwt", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_jwt, "space.jwt", SHAPE_HUB },
    { HTTP_GET, "/api/spaces/by-subdomain/:name", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_by_subdomain, "space.by-subdomain", SHAPE_HUB },
};
const struct api_table space_info_table = API_TABLE(rows);
