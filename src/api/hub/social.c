/* api/hub/social.c - people among themselves: what they are called elsewhere, whom they follow. */
#include "api/hub/hub_api.h"
#include "hub/community/profile.h"
#include "hub/community/watch.h"

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

/* ------------------------------------------------------------------ followers */

typedef bool follow_list(struct db_conn *c, int64_t id, str after, size_t limit, struct arena *a, struct account **out, size_t *n, struct err *e);

static bool users_followed(struct db_conn *c, int64_t id, str after, size_t limit, struct arena *a, struct account **out, size_t *n, struct err *e)
{
    return follow_following(c, id, ACCOUNT_USER, after, limit, a, out, n, e);
}

static bool reply_people(struct call *c, enum account_kind kind, follow_list *list, struct err *e)
{
    struct account who, *row;
    size_t n, limit = (size_t)call_query_limit(c, 100, 1000);
    if (!call_find_account(c, kind, &who, e) || !list(call_db(c), who.id, call_query(c, "cursor"), limit + 1, c->a, &row, &n, e)) return false;
    bool more = n > limit;
    if (more) n = limit;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) write_user_object(c, &w, &row[i]);
    jw_array_end(&w);
    if (more) call_link_next(c, STR("cursor"), row[n - 1].name);
    return call_reply_json(c, 200, &b);
}

static bool get_user_followers(struct call *c, struct err *e) { return reply_people(c, ACCOUNT_USER, follow_followers, e); }
static bool get_user_following(struct call *c, struct err *e) { return reply_people(c, ACCOUNT_USER, users_followed, e); }
static bool get_org_followers(struct call *c, struct err *e) { return reply_people(c, ACCOUNT_ORG, follow_followers, e); }

static bool set_follow(struct call *c, enum account_kind kind, bool is_on, struct err *e)
{
    struct account who;
    if (!call_find_account(c, kind, &who, e)) return false;
    if (who.id == c->who.user_id) return err_set(e, ERR_INVALID, "Nobody follows himself");
    return watch_change(c->hub, c->who.user_id, WATCH_ACCOUNT, who.id, is_on, e) && call_reply_ok(c);
}

static bool post_user_follow(struct call *c, struct err *e) { return set_follow(c, ACCOUNT_USER, true, e); }
static bool delete_user_follow(struct call *c, struct err *e) { return set_follow(c, ACCOUNT_USER, false, e); }
static bool post_org_follow(struct call *c, struct err *e) { return set_follow(c, ACCOUNT_ORG, true, e); }
static bool delete_org_follow(struct call *c, struct err *e) { return set_follow(c, ACCOUNT_ORG, false, e); }

#define USER "/api/users/:account"
#define ORG "/api/organizations/:account"
static const struct api_route rows[] = {
    { HTTP_GET, USER "/followers", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_user_followers, "user.followers", SHAPE_HUB },
    { HTTP_GET, USER "/following", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_user_following, "user.following", SHAPE_HUB },
    { HTTP_POST, USER "/follow", PERM_USER_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_user_follow, "user.follow", SHAPE_HUB },
    { HTTP_DELETE, USER "/follow", PERM_USER_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_user_follow, "user.unfollow", SHAPE_HUB },
    { HTTP_GET, ORG "/followers", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_org_followers, "org.followers", SHAPE_HUB },
    { HTTP_POST, ORG "/follow", PERM_USER_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_org_follow, "org.follow", SHAPE_HUB },
    { HTTP_DELETE, ORG "/follow", PERM_USER_WRITE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_org_follow, "org.unfollow", SHAPE_HUB },
    { HTTP_GET, "/api/users/:account/socials", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_user_socials, "user.socials", SHAPE_HUB },
    { HTTP_GET, "/api/organizations/:account/socials", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_org_socials, "org.socials", SHAPE_HUB },
};
const struct api_table hub_social_table = API_TABLE(rows);
