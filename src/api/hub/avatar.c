/* api/hub/avatar.c - pictures of users and organisations: those that they gave, else drawn from their names. */
#include "account/profile.h"
#include "api/hub/hub_api.h"
#include "base/hash.h"

/* A picture made from the name: the first letter on a colour that the name decides. */
static bool get_avatar_svg(struct call *c, struct err *e)
{
    str name = call_param(c, "file"), type;
    bytes picture;
    bool found;
    if (!avatar_get(call_db(c), name, &picture, &type, &found, c->a, e)) return false;
    if (found) {
        http_add_header(c->http, "Cache-Control", STR("public, max-age=300"));
        http_add_header(c->http, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
        return http_reply(c->http, 200, type.p, str_of(picture));
    }
    struct sha256 digest = sha256_of(bytes_of(name));
    char letter = name.n ? name.p[0] : '?';
    if (letter >= 'a' && letter <= 'z') letter = (char)(letter - 32);
    bool plain = (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9');
    int hue = digest.b[0] * 360 / 256;
    str svg = arena_fmt(c->a,
                        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\" width=\"64\" height=\"64\">"
                        "<rect width=\"64\" height=\"64\" rx=\"32\" fill=\"hsl(%d 42%% 38%%)\"/>"
                        "<text x=\"32\" y=\"43\" font-family=\"sans-serif\" font-size=\"32\" fill=\"#fff\" text-anchor=\"middle\">%c</text></svg>",
                        hue, plain ? letter : '?');
    http_add_header(c->http, "Cache-Control", STR("public, max-age=300"));
    return http_reply(c->http, 200, "image/svg+xml", svg);
}

static bool reply_avatar(struct call *c, str name)
{
    str url = call_avatar_url(c, name);
    bool is_image = str_eq(http_header(c->http, "Sec-Fetch-Dest"), STR("image"));
    if (is_image || http_query_bool(c->http, "redirect", false)) {
        http_add_header(c->http, "Location", url);
        return http_reply_empty(c->http, 307);
    }
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "avatarUrl", url);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_user_avatar(struct call *c, struct err *e)
{
    struct account who;
    return call_find_account(c, ACCOUNT_USER, &who, e) && reply_avatar(c, who.name);
}

static bool get_org_avatar(struct call *c, struct err *e)
{
    struct account who;
    return call_find_account(c, ACCOUNT_ORG, &who, e) && reply_avatar(c, who.name);
}

static bool get_any_avatar(struct call *c, struct err *e)
{
    struct account who;
    bool found;
    if (!account_find(call_db(c), call_param(c, "account"), &who, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "There is no such user or organization");
    http_add_header(c->http, "Location", call_avatar_url(c, who.name));
    return http_reply_empty(c->http, 307);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/users/:account/avatar", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_user_avatar, "user.avatar", SHAPE_HUB },
    { HTTP_GET, "/api/organizations/:account/avatar", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_org_avatar, "org.avatar", SHAPE_HUB },
    { HTTP_GET, "/api/avatars/:account", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_any_avatar, "avatar.redirect", SHAPE_HUB },
    { HTTP_GET, "/avatars/:file", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_avatar_svg, "avatar.image", SHAPE_HUB },
};
const struct api_table hub_avatar_table = API_TABLE(rows);
