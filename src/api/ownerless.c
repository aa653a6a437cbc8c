/* api/ownerless.c - old repositories of the public hub have no owner: "gpt2".  Programs still ask for them.
 *
 * Nothing is called so here, and most ask on when they are told.  With an upstream such a name is looked up there, and who
 * asks is sent to the name that the repository goes by today.  No row has such paths: the router is shown the one below instead. */
#include "api/api_priv.h"
#include "gateway/gateway.h"

#define OWNERLESS "/-/ownerless"

static const struct {
    str below;
    enum repo_kind kind;
} places[] = {
    { STR_INIT("/api/models/"), REPO_MODEL }, { STR_INIT("/api/datasets/"), REPO_DATASET }, { STR_INIT("/api/spaces/"), REPO_SPACE },
    { STR_INIT("/datasets/"), REPO_DATASET }, { STR_INIT("/spaces/"), REPO_SPACE },         { STR_INIT("/"), REPO_MODEL },
};

/* Which place is it, and what stands behind it?  A web address counts when it leads to a file. */
static bool split(str path, size_t *place, str *rest)
{
    str word, file;
    size_t i = 0;
    while (i < COUNT(places) && !str_starts(path, places[i].below)) i++;
    if (i == COUNT(places)) return false; /* "OPTIONS *" */
    *place = i;
    file = *rest = str_from(path, places[i].below.n);
    return str_starts(places[i].below, STR("/api/")) || (str_cut(&file, '/', &word) && str_starts(file, STR("resolve/")));
}

static str first_of(str rest) { return str_to(rest, str_chr(rest, '/') == STR_NONE ? rest.n : str_chr(rest, '/')); }

bool api_is_ownerless(struct http_req *r, enum http_method m, str path, str *name)
{
    size_t place;
    str rest;
    if (!split(path, &place, &rest)) return false;
    str owned = arena_fmt(http_arena(r), "%.*s-/%.*s", STR_ARG(places[place].below), STR_ARG(rest));
    *name = first_of(rest);
    return http_route_match(http_server_of(r), m, owned) != NULL;
}

str api_ownerless_path(struct http_req *r, str path)
{
    str name;
    enum http_method m = http_method_of(r);
    bool is_one = !http_route_match(http_server_of(r), m, path) && api_is_ownerless(r, m, path, &name);
    return is_one ? STR(OWNERLESS) : path;
}

static bool look_up(struct call *c, enum repo_kind kind, str name, bool *found, struct err *e)
{
    struct gateway *g = call_gateway(c);
    bool moved, due = false;
    if (!repo_find(call_db(c), kind, STR(""), name, &c->repo, found, &moved, c->a, e)) return false;
    if (*found || !g || !gateway_is_due(g, call_db(c), &c->who, kind, STR(""), name, NULL, &due, c->a, e)) return *found || !g;
    if (!due) return true;
    call_give_back(c);
    return gateway_ask(g, kind, STR(""), name, &(struct mirror_waiter){ call_has_left, c }, e) && repo_find(call_db(c), kind, STR(""), name, &c->repo, found, &moved, c->a, e);
}

static bool redirect(struct call *c, struct err *e)
{
    size_t place;
    str rest, query = http_query_raw(c->http), name;
    bool found = false;
    if (!split(http_path(c->http), &place, &rest) || !http_decode(first_of(rest), false, c->a, &name))
        return err_set(e, ERR_NOT_FOUND, "There is nothing at %.*s", STR_ARG(str_to(http_path(c->http), 200)));
    if (!look_up(c, places[place].kind, name, &found, e) || !call_allow(c, found ? &c->repo : NULL, REPO_SEE, e)) return false;
    str tail = str_from(rest, first_of(rest).n);
    str to = arena_fmt(c->a, "%.*s%.*s%.*s%s%.*s", STR_ARG(places[place].below), STR_ARG(c->repo.full_name), STR_ARG(tail), query.n ? "?" : "", STR_ARG(query));
    http_add_header(c->http, "Location", to);
    return http_reply(c->http, 307, "text/plain; charset=utf-8", arena_fmt(c->a, "Temporary Redirect. Redirecting to %.*s", STR_ARG(to)));
}

enum { BODY_BYTES_MAX = 64 << 20 }; /* read and thrown away: it is sent again to where the answer says */

static const struct api_route rows[] = {
    { HTTP_GET, OWNERLESS, PERM_ANYONE, HTTP_BODY_NONE, 0, 0, redirect, "ownerless.get", SHAPE_HUB },
    { HTTP_POST, OWNERLESS, PERM_ANYONE, HTTP_BODY_WHOLE, BODY_BYTES_MAX, 0, redirect, "ownerless.post", SHAPE_HUB },
};
const struct api_table ownerless_table = API_TABLE(rows);
