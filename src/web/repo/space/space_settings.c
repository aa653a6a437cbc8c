/* web/repo/space/space_settings.c - what a Space's program finds in its environment, and how long it stays awake. */
#include "hub/space_setting.h"
#include "space/space.h"
#include "web/frame/page.h"

enum { FORM_BYTES_MAX = 256 << 10 };

static void write_list(struct json_writer *w, const char *name, const struct space_setting *s, size_t n)
{
    jw_karray(w, name);
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kstr(w, "name", s[i].name);
        if (s[i].value.p) jw_kstr(w, "value", s[i].value);
        jw_kstr(w, "description", s[i].description);
        jw_kint(w, "updated_ms", s[i].updated_ms);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static bool page_of(struct call *c, int status, str problem, struct err *e)
{
    struct space_setting *variable, *secret;
    size_t variables, secrets;
    struct space_runtime rt;
    if (!space_setting_list(call_db(c), c->repo.id, false, c->a, &variable, &variables, e) ||
        !space_setting_list(call_db(c), c->repo.id, true, c->a, &secret, &secrets, e) ||
        !space_runtime(call_config(c)->spaces, call_db(c), &c->repo, &rt, c->a, e))
        return false;
    struct page *p = page_new(c, STR("Variables and secrets"));
    page_write_repo_frame(p, "settings");
    write_list(&p->w, "variables", variable, variables);
    write_list(&p->w, "secrets", secret, secrets);
    jw_kbool(&p->w, "is_static", str_eq(c->repo.sdk, STR("static")));
    jw_kbool(&p->w, "runs_apps", call_config(c)->spaces != NULL);
    jw_kint(&p->w, "sleep_s", rt.sleep_s);
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "name", "description", "sort");
    return page_reply(p, status, "repo/space/space_settings.html", e);
}

static bool get_settings(struct call *c, struct err *e) { return page_of(c, 200, STR(""), e); }

static bool change(struct call *c, struct err *e)
{
    str what = page_text(c, "do"), value;
    bool is_secret = str_eq(page_text(c, "sort"), STR("secret"));
    struct space_setting s = { .is_secret = is_secret, .name = page_text(c, "name"), .description = page_text(c, "description") };
    struct spaces *spaces = call_config(c)->spaces;
    int64_t seconds;
    if (str_eq(what, STR("sleep")))
        return str_i64(page_text(c, "seconds"), &seconds) ? space_set_sleep(spaces, &c->repo, seconds, e) : err_set(e, ERR_INVALID, "The time is a number of seconds");
    s.value = http_form_field(c->http, "value", &value) ? value : STR("");
    bool ok = str_eq(what, STR("delete")) ? space_setting_delete(c->hub, &c->repo, is_secret, s.name, &c->who, e)
                                          : space_setting_check(&s, e) && space_setting_put(c->hub, &c->repo, &s, &c->who, e);
    return ok && (!spaces || space_settings_changed(spaces, &c->repo, e));
}

static bool post_settings(struct call *c, struct err *e)
{
    struct err why = { 0 };
    if (change(c, &why)) return page_redirect(c, page_saved(c, arena_fmt(c->a, "/spaces/%.*s/settings/app", STR_ARG(c->repo.full_name))));
    if (api_status_of(&why) < 500) return page_of(c, api_status_of(&why), str_c(why.msg), e);
    *e = why;
    return false;
}

#define SETTINGS "/:kind(spaces)/:ns/:repo/settings/app"
static const struct api_route rows[] = {
    { HTTP_GET, SETTINGS, PERM_REPO_ADMIN, HTTP_BODY_NONE, 0, 0, get_settings, "page.space.settings", SHAPE_PAGE },
    { HTTP_POST, SETTINGS, PERM_REPO_ADMIN, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_settings, "page.space.settings.change", SHAPE_PAGE },
};
const struct api_table web_space_settings = API_TABLE(rows);
