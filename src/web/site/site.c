/* web/site/site.c - repositories as they stand in lists, and the pages of users and organisations.  They read the index only. */
#include "web/site/site.h"

#include "api/infer/infer_api.h"

enum { LIST_REPOS = 30 };

/* ------------------------------------------------------------------ what stands in a list */

void page_write_summary(struct page *p, const struct repo_summary *s)
{
    struct json_writer *w = &p->w;
    jw_object(w);
    page_write_repo(w, &s->repo);
    jw_kstr(w, "task", s->pipeline_tag.n ? s->pipeline_tag : STR(""));
    jw_kstr(w, "served", s->repo.kind == REPO_MODEL ? model_task_served(p->c, s) : STR(""));
    jw_kstr(w, "library", s->library_name.n ? s->library_name : STR(""));
    jw_kint(w, "modified_ms", s->modified_ms);
    jw_kint(w, "downloads", s->downloads);
    jw_kint(w, "likes", s->likes);
    jw_kint(w, "parameters", s->parameters);
    jw_kint(w, "bytes", s->used_bytes);
    jw_object_end(w);
}

bool page_write_list(struct page *p, const char *name, const struct list_query *q, struct list_page *list, struct err *e)
{
    struct call *c = p->c;
    if (!list_repos(c->hub, call_db(c), q, c->a, list, e)) return false;
    jw_karray(&p->w, name);
    for (size_t i = 0; i < list->n; i++) page_write_summary(p, &list->row[i]);
    jw_array_end(&p->w);
    return true;
}

/* ------------------------------------------------------------------ people */

static bool get_account(struct call *c, struct err *e)
{
    static const enum repo_kind kinds[] = { REPO_MODEL, REPO_DATASET, REPO_SPACE };
    struct account who;
    bool found;
    if (!account_find(call_db(c), call_param(c, "name"), &who, &found, c->a, e)) return false;
    if (!found || who.is_disabled) return err_set(e, ERR_NOT_FOUND, "There is nobody of this name");
    struct page *p = page_new(c, who.name);
    jw_kobject(&p->w, "account");
    jw_kstr(&p->w, "name", who.name);
    jw_kstr(&p->w, "fullname", who.fullname.p ? who.fullname : STR(""));
    jw_kstr(&p->w, "details", who.details.p ? who.details : STR(""));
    jw_kbool(&p->w, "is_org", who.kind == ACCOUNT_ORG);
    jw_kint(&p->w, "created_ms", who.created_ms);
    jw_kstr(&p->w, "avatar", call_avatar_url(c, who.name));
    jw_object_end(&p->w);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct list_query q = { .kind = kinds[i], .who = &c->who, .gated = -1, .author = who.name, .sort = SORT_MODIFIED, .limit = LIST_REPOS };
        struct list_page list;
        if (!page_write_list(p, repo_kind_plural(kinds[i]).p, &q, &list, e)) return false;
    }
    return page_reply(p, 200, "community/profile.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/:name", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_account, "page.account", SHAPE_PAGE },
};
const struct api_table web_site = API_TABLE(rows);
