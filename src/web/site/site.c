/* web/site/site.c - repositories as they stand in lists.  They read the index only. */
#include "web/site/site.h"

#include "api/infer/infer_api.h"
#include "web/repo/space/space.h"

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
    if (s->repo.kind == REPO_SPACE) page_write_space(p, s);
    jw_object_end(w);
}

bool page_write_list(struct page *p, const char *name, const struct list_query *q, struct list_page *list, struct err *e)
{
    struct call *c = p->c;
    if (!list_repos(call_db(c), q, c->a, list, e)) return false;
    jw_karray(&p->w, name);
    for (size_t i = 0; i < list->n; i++) page_write_summary(p, &list->row[i]);
    jw_array_end(&p->w);
    return true;
}
