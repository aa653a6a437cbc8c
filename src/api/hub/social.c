/* api/hub/social.c - people among themselves: what they are called elsewhere, whom they follow. */
#include "api/hub/hub_api.h"
#include "hub/community/profile.h"

/* ------------------------------------------------------------------ names elsewhere */

static bool reply_socials(struct call *c, const struct account *who, const char *key, struct err *e)
{
    str handle[SOCIAL_NETWORKS];
    if (!social_get(call_db(c), who->id, handle, c->a, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "_id", who->hex_id);
    jw_kstr(&w, key, who->name);
    jw_kobject(&w, "socialHandles");
    for (size_t i = 0; i < SOCIAL_NETWORKS; i++)
        if (handle[i].n) jw_kstr(&w, social_network[i].p, handle[i]);
    jw_object_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_user_socials(struct call *c, struct err *e)
{
    struct account who;
    return call_find_account(c, ACCOUNT_USER, &who, e) && reply_socials(c, &who, "user", e);
}

static bool get_org_socials(struct call *c, struct err *e)
{
    struct account org;
    return call_find_account(c, ACCOUNT_ORG, &org, e) && reply_socials(c, &org, "org", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/users/:account/socials", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_user_socials, "user.socials", SHAPE_HUB },
    { HTTP_GET, "/api/organizations/:account/socials", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_org_socials, "org.socials", SHAPE_HUB },
};
const struct api_table hub_social_table = API_TABLE(rows);
