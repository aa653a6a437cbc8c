/* web/account/profile.c - what a person, or an organisation, says of itself: name, a line, links, a picture. */
#include "account/profile.h"
#include "account/scim.h"
#include "hub/community/profile.h"

#include "web/account/account.h"

enum { PICTURE_FORM_MAX = AVATAR_BYTES_MAX + (64 << 10) };

/* ------------------------------------------------------------------ shared with organisations */

bool account_write_profile(struct page *p, const struct account *who, struct err *e)
{
    str website, handle[SOCIAL_NETWORKS];
    if (!website_get(call_db(p->c), who->id, &website, p->c->a, e) || !social_get(call_db(p->c), who->id, handle, p->c->a, e)) return false;
    if (page_field(p->c, "website").p) { /* the form, refused: `who` has the rest of it already */
        website = page_field(p->c, "website");
        for (size_t i = 0; i < SOCIAL_NETWORKS; i++) handle[i] = page_text(p->c, social_network[i].p);
    }
    jw_kobject(&p->w, "profile");
    jw_kstr(&p->w, "name", who->name);
    jw_kstr(&p->w, "fullname", who->fullname.p ? who->fullname : STR(""));
    jw_kstr(&p->w, "email", who->email.p ? who->email : STR(""));
    jw_kstr(&p->w, "details", who->details.p ? who->details : STR(""));
    jw_kbool(&p->w, "repos_private", who->repos_private);
    jw_kstr(&p->w, "avatar", call_avatar_url(p->c, who->name));
    jw_kstr(&p->w, "website", website);
    for (size_t i = 0; i < SOCIAL_NETWORKS; i++) jw_kstr(&p->w, social_network[i].p, handle[i].p ? handle[i] : STR(""));
    jw_object_end(&p->w);
    return true;
}

bool account_save_profile(struct call *c, struct account *who, struct err *e)
{
    struct db_conn *tx;
    str email = page_field(c, "email"), handle[SOCIAL_NETWORKS];
    who->fullname = page_text(c, "fullname");
    who->details = page_text(c, "details");
    who->email = email.n ? email : (str){ 0 };
    who->repos_private = page_field(c, "repos_private").n != 0;
    for (size_t i = 0; i < SOCIAL_NETWORKS; i++) handle[i] = page_text(c, social_network[i].p);
    if (!profile_check(who, e) || !db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = account_update(tx, who, e) && social_set(tx, who->id, handle, e) && website_set(tx, who->id, page_text(c, "website"), e) &&
              audit_add(tx, &c->who, who->kind == ACCOUNT_ORG ? "org.settings.profile" : "user.profile", who->id, STR("profile changed"), call_peer(c), e);
    return page_commit(c, ok, tx, e);
}

/* The file of a multipart form; an empty one, or "remove", takes the picture away. */
bool account_save_picture(struct call *c, const struct account *who, struct err *e)
{
    struct http_multipart m;
    struct http_part part;
    struct db_conn *tx;
    str picture = { 0 };
    bool removes = false;
    if (!http_multipart_begin(http_header(c->http, "Content-Type"), http_body(c->http), &m)) return err_set(e, ERR_INVALID, "The form holds no picture");
    while (http_multipart_next(&m, c->a, &part)) {
        if (str_eq(part.name, STR("picture"))) picture = part.content;
        if (str_eq(part.name, STR("remove"))) removes = true;
    }
    if (!m.ended) return err_set(e, ERR_INVALID, "The form did not arrive whole; send it again");
    if (!removes && !picture.n) return err_set(e, ERR_INVALID, "Choose a picture");
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = (removes ? avatar_remove(tx, who->id, e) : avatar_set(tx, who->id, bytes_of(picture), e)) &&
              audit_add(tx, &c->who, who->kind == ACCOUNT_ORG ? "org.settings.profile" : "user.profile", who->id, STR("picture changed"), call_peer(c), e);
    return page_commit(c, ok, tx, e);
}

/* ------------------------------------------------------------------ one's own */

static bool profile_page(struct call *c, int status, const struct account *me, str problem, struct err *e)
{
    str manager;
    if (!scim_manager_of(call_db(c), me->id, &manager, c->a, e)) return false;
    struct page *p = page_new(c, STR("Profile"));
    jw_kstr(&p->w, "problem_text", problem);
    jw_kstr(&p->w, "manager", manager.p ? manager : STR(""));
    return account_write_profile(p, me, e) && page_reply(p, status, "account/profile.html", e);
}

static bool me(struct call *c, struct account *out, struct err *e)
{
    return account_need_session(c, e) && account_get(call_db(c), c->who.user_id, out, c->a, e);
}

static bool get_settings(struct call *c, struct err *e) { return account_need_session(c, e) && page_redirect(c, STR("/settings/profile")); }

static bool get_profile(struct call *c, struct err *e)
{
    struct account who;
    return me(c, &who, e) && profile_page(c, 200, &who, STR(""), e);
}

static bool shown(struct call *c, bool ok, const struct account *who, const struct err *why, struct err *e)
{
    if (ok) return page_redirect(c, page_saved(c, STR("/settings/profile")));
    if (api_status_of(why) < 500) return profile_page(c, api_status_of(why), who, str_c(why->msg), e);
    *e = *why;
    return false;
}

static bool post_profile(struct call *c, struct err *e)
{
    struct account who;
    struct err why = { 0 };
    if (!me(c, &who, e)) return false;
    bool ok = account_save_profile(c, &who, &why);
    return shown(c, ok, &who, &why, e);
}

static bool post_picture(struct call *c, struct err *e)
{
    struct account who;
    struct err why = { 0 };
    if (!me(c, &who, e)) return false;
    bool ok = account_save_picture(c, &who, &why);
    return shown(c, ok, &who, &why, e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/settings", PERM_USER, HTTP_BODY_NONE, 0, 0, get_settings, "page.settings.mine", SHAPE_PAGE },
    { HTTP_GET, "/settings/profile", PERM_USER, HTTP_BODY_NONE, 0, 0, get_profile, "page.profile", SHAPE_PAGE },
    { HTTP_POST, "/settings/profile", PERM_USER, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_profile, "page.profile.change", SHAPE_PAGE },
    { HTTP_POST, "/settings/profile/picture", PERM_USER, HTTP_BODY_WHOLE, PICTURE_FORM_MAX, 0, post_picture, "page.profile.picture", SHAPE_PAGE },
};
const struct api_table web_profile = API_TABLE(rows);
