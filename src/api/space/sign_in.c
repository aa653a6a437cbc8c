/* api/space/sign_in.c - people sign in to a Space with their account here (hf_oauth in its card).
 *
 * The application that it is has no secret, since its code is a page: it proves itself by PKCE, and may send people back to any page of its
 * own host, where nobody else's code runs. */
#include "account/oauth.h"
#include "api/space/space_api.h"
#include "hub/index/list.h"

enum { MINUTES = 480, MINUTES_MAX = 43200 };

static str scopes_of(struct call *c, const struct json *card)
{
    struct buf b = BUF_INIT(4096);
    str word;
    buf_lit(&b, "openid profile");
    json_each (item, json_get(card, STR("hf_oauth_scopes")))
        if (json_str(item, &word)) buf_addf(&b, " %.*s", STR_ARG(word));
    str out = arena_dup(c->a, b.failed ? STR("openid profile") : buf_str(&b));
    buf_deinit(&b);
    return out;
}

bool space_write_sign_in(struct call *c, struct json_writer *w, const struct json *card, struct err *e)
{
    str url = call_space_url(c, &c->repo), hub = call_hub_url(c);
    int64_t minutes = json_int_or(card, STR("hf_oauth_expiration_minutes"), MINUTES);
    struct oauth_app wanted = { .space_id = c->repo.id, .name = c->repo.full_name, .scopes = scopes_of(c, card) }, app;
    if (!json_bool_or(card, STR("hf_oauth"), false) || !url.n) return true;
    wanted.token_seconds = 60 * (minutes < 1 ? 1 : minutes > MINUTES_MAX ? MINUTES_MAX : minutes);
    wanted.home_url = arena_fmt(c->a, "%.*s/spaces/%.*s", STR_ARG(hub), STR_ARG(c->repo.full_name));
    wanted.redirect_uris = arena_fmt(c->a, "[\"%.*s/\"]", STR_ARG(url)); /* no character of it needs an escape */
    if (!oauth_app_of_space(hub_db(c->hub), &wanted, &app, c->a, e)) return false;
    jw_kstr(w, "OAUTH_CLIENT_ID", app.client_id);
    jw_kstr(w, "OAUTH_SCOPES", app.scopes);
    jw_kstr(w, "OPENID_PROVIDER_URL", hub);
    return true;
}

static bool is_member(struct call *c, str org, bool *yes, struct err *e)
{
    struct account_org *mine;
    size_t n;
    if (!account_orgs(call_db(c), c->who.user_id, c->a, &mine, &n, e)) return false;
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(mine[i].org.name, org) && !mine[i].lacks_factor) *yes = true;
    return true;
}

bool space_admits(struct call *c, int64_t space_id, bool *yes, struct err *e)
{
    const struct json *card;
    str org;
    if (!repo_card(call_db(c), space_id, &card, c->a, e)) return false;
    const struct json *only = json_get(card, STR("hf_oauth_authorized_org"));
    *yes = !only || only->type == JSON_NULL;
    if (json_str(only, &org)) return is_member(c, org, yes, e);
    json_each (item, json_is(only, JSON_ARRAY) ? only : NULL)
        if (json_str(item, &org) && !is_member(c, org, yes, e)) return false;
    return true;
}
