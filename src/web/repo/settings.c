/* web/repo/settings.c - a repository's settings, for its administrators: who may see it, the gate, its resource group, its name, its end. */
#include "hub/grouping.h"
#include "hub/repo.h"

#include "web/frame/page.h"

enum { FORM_BYTES_MAX = 64 << 10 };

static str settings_path(struct call *c, str full_name)
{
    return arena_fmt(c->a, "/%.*s%.*s/settings", STR_ARG(repo_web_prefix(c->repo.kind)), STR_ARG(full_name));
}

static bool settings_page(struct call *c, int status, str problem, struct err *e)
{
    struct page *p = page_new(c, STR("Settings"));
    page_write_repo_frame(p, "settings");
    jw_kbool(&p->w, "discussions_disabled", c->repo.discussions_disabled);
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "owner", "name");
    struct grouped g = grouped_repo(&c->repo);
    return page_write_groups(p, &g, e) && page_reply(p, status, "repo/settings.html", e);
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
    str visibility = page_field(c, "visibility"), gate = page_field(c, "gated");
    struct repo_settings s = { .has_private = true, .is_private = str_eq(visibility, STR("private")),
                               .has_gated = true, .gated = str_eq(gate, STR("no")) ? STR("") : gate,
                               .has_discussions_disabled = true, .discussions_disabled = !page_field(c, "discussions").n };
    if (!str_eq(visibility, STR("private")) && !str_eq(visibility, STR("public"))) return err_set(e, ERR_INVALID, "A repository is public or private");
    if (!str_eq(gate, STR("no")) && !str_eq(gate, STR("auto")) && !str_eq(gate, STR("manual"))) return err_set(e, ERR_INVALID, "A gate is automatic or manual");
    bool ok = repo_set(c->hub, &c->repo, &s, &c->who, &why);
    return finish(c, ok, page_saved(c, settings_path(c, c->repo.full_name)), &why, e);
}

/* Who took it out of his group may have less to do with it than before: he goes on where he still may. */
static bool post_group(struct call *c, struct err *e)
{
    struct err why = { 0 };
    struct grouped g = grouped_repo(&c->repo);
    struct repo now = c->repo;
    bool ok = page_move_to_group(c, &g, &now.group_id, &why);
    str to = STR("/");
    if (ok && repo_allow(call_db(c), &c->who, &now, REPO_ADMIN, e)) to = page_saved(c, settings_path(c, now.full_name));
    else if (ok && repo_allow(call_db(c), &c->who, &now, REPO_SEE, e)) to = arena_fmt(c->a, "/%.*s%.*s", STR_ARG(repo_web_prefix(now.kind)), STR_ARG(now.full_name));
    return finish(c, ok, to, &why, e);
}

static bool move(struct call *c, str owner_name, str name, struct err *e)
{
    struct account owner;
    bool found;
    if (!account_find(call_db(c), owner_name, &owner, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_INVALID, "There is no owner \"%.*s\"", STR_ARG(str_to(owner_name, 100)));
    if (!repo_name_check(name, e)) return false;
    if (owner.id != c->repo.owner_id && !namespace_allow_create(call_db(c), &c->who, &owner, 0, c->repo.kind, e)) return false;
    return repo_move(c->hub, &c->repo, &owner, name, &c->who, e);
}

static bool post_move(struct call *c, struct err *e)
{
    struct err why = { 0 };
    str owner = page_field(c, "owner"), name = page_field(c, "name");
    bool ok = move(c, owner.p ? owner : STR(""), name.p ? name : STR(""), &why);
    str full_name = ok ? arena_fmt(c->a, "%.*s/%.*s", STR_ARG(owner), STR_ARG(name)) : STR("");
    return finish(c, ok, settings_path(c, full_name), &why, e);
}

static bool post_delete(struct call *c, struct err *e)
{
    struct err why = { 0 };
    bool ok = page_confirm(c, c->repo.full_name, &why) && repo_delete(c->hub, &c->repo, &c->who, &why);
    return finish(c, ok, arena_fmt(c->a, "/%.*s", STR_ARG(c->repo.owner)), &why, e);
}

#define ROWS_OF(prefix)                                                                                                                      \
    { HTTP_GET, prefix "/settings", PERM_REPO_ADMIN, HTTP_BODY_NONE, 0, 0, get_settings, "page.settings", SHAPE_PAGE },                     \
    { HTTP_POST, prefix "/settings", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_settings, "page.settings.change", SHAPE_PAGE }, \
    { HTTP_POST, prefix "/settings/group", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_group, "page.settings.group", SHAPE_PAGE }, \
    { HTTP_POST, prefix "/settings/move", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_move, "page.settings.move", SHAPE_PAGE },  \
    { HTTP_POST, prefix "/settings/delete", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_delete, "page.settings.delete", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_repo_settings = API_TABLE(rows);
