/* web/bucket/settings.c - for a bucket's administrators: who may see it, its resource group, its name, its end. */
#include "hub/grouping.h"
#include "web/bucket/bucket.h"

enum { FORM_BYTES_MAX = 16 << 10 };

static bool settings_page(struct call *c, int status, str problem, struct err *e)
{
    struct page *p = bucket_page_new(c, "settings", STR("Settings"));
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "owner", "name");
    struct grouped g = grouped_bucket(c->bucket);
    return page_write_groups(p, &g, e) && page_reply(p, status, "bucket/settings.html", e);
}

static bool get_settings(struct call *c, struct err *e) { return settings_page(c, 200, STR(""), e); }

/* What the person got wrong stands above the form; the rest is an error like any other. */
static bool finish(struct call *c, bool ok, str to, const struct err *why, struct err *e)
{
    if (ok) return page_redirect(c, to);
    if (api_status_of(why) < 500) return settings_page(c, api_status_of(why), str_c(why->msg), e);
    *e = *why;
    return false;
}

static bool post_settings(struct call *c, struct err *e)
{
    struct err why = { 0 };
    str visibility = page_text(c, "visibility");
    if (!str_eq(visibility, STR("private")) && !str_eq(visibility, STR("public"))) return err_set(e, ERR_INVALID, "A bucket is public or private");
    bool ok = bucket_set_private(c->hub, c->bucket, str_eq(visibility, STR("private")), &c->who, &why);
    return finish(c, ok, page_saved(c, bucket_href(c, c->bucket->full_name, "settings", STR(""))), &why, e);
}

static bool post_group(struct call *c, struct err *e)
{
    struct err why = { 0 };
    struct grouped g = grouped_bucket(c->bucket);
    struct bucket now = *c->bucket;
    bool ok = page_move_to_group(c, &g, &now.group_id, &why);
    str to = STR("/");
    if (ok && bucket_allow(call_db(c), &c->who, &now, REPO_ADMIN, e)) to = page_saved(c, bucket_href(c, now.full_name, "settings", STR("")));
    else if (ok && bucket_allow(call_db(c), &c->who, &now, REPO_READ, e)) to = bucket_href(c, now.full_name, "", STR(""));
    return finish(c, ok, to, &why, e);
}

static bool move(struct call *c, str owner_name, str name, struct account *owner, struct err *e)
{
    bool found;
    if (!account_find(call_db(c), owner_name, owner, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_INVALID, "There is no owner \"%.*s\"", STR_ARG(str_to(owner_name, 100)));
    if (!repo_name_check(name, e)) return false;
    if (owner->id != c->bucket->owner_id && !bucket_allow_create(call_db(c), &c->who, owner, 0, e)) return false;
    return bucket_move(c->hub, c->bucket, owner, name, &c->who, e);
}

static bool post_move(struct call *c, struct err *e)
{
    struct account owner;
    struct err why = { 0 };
    str name = page_text(c, "name"), to = STR("");
    bool ok = move(c, page_text(c, "owner"), name, &owner, &why);
    if (ok) to = bucket_href(c, arena_fmt(c->a, "%.*s/%.*s", STR_ARG(owner.name), STR_ARG(name)), "settings", STR(""));
    return finish(c, ok, to, &why, e);
}

static bool post_delete(struct call *c, struct err *e)
{
    struct err why = { 0 };
    bool ok = page_confirm(c, c->bucket->full_name, &why);
    ok = ok && bucket_delete(c->hub, c->bucket, &c->who, &why);
    return finish(c, ok, arena_fmt(c->a, "/%.*s?tab=buckets", STR_ARG(c->bucket->owner)), &why, e);
}

#define ONE "/buckets/:ns/:repo"
static const struct api_route rows[] = {
    { HTTP_GET, ONE "/settings", PERM_BUCKET_ADMIN, HTTP_BODY_NONE, 0, 0, get_settings, "page.bucket.settings", SHAPE_PAGE },
    { HTTP_POST, ONE "/settings", PERM_BUCKET_ADMIN, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_settings, "page.bucket.settings.change", SHAPE_PAGE },
    { HTTP_POST, ONE "/settings/group", PERM_BUCKET_ADMIN, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_group, "page.bucket.settings.group", SHAPE_PAGE },
    { HTTP_POST, ONE "/settings/move", PERM_BUCKET_ADMIN, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_move, "page.bucket.settings.move", SHAPE_PAGE },
    { HTTP_POST, ONE "/settings/delete", PERM_BUCKET_ADMIN, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_delete, "page.bucket.settings.delete", SHAPE_PAGE },
};
const struct api_table web_bucket_settings = API_TABLE(rows);
