/* web/frame/group.c - the choice of a resource group, in the settings of a repository or a bucket. */
#include "hub/grouping.h"
#include "web/frame/page.h"

bool page_write_groups(struct page *p, const struct grouped *g, struct err *e)
{
    struct resource_group *group;
    size_t n;
    if (!grouping_choices(call_db(p->c), &p->c->who, g, p->c->a, &group, &n, e)) return false;
    str now = STR("");
    jw_karray(&p->w, "groups");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "id", group[i].hex_id);
        jw_kstr(&p->w, "name", group[i].name);
        jw_object_end(&p->w);
        if (group[i].id == g->group_id) now = group[i].hex_id;
    }
    jw_array_end(&p->w);
    jw_kstr(&p->w, "group", now);
    return true;
}

bool page_move_to_group(struct call *c, const struct grouped *g, int64_t *group_id, struct err *e)
{
    struct resource_group *group;
    size_t n, i = 0;
    str wanted = page_text(c, "group");
    if (!grouping_choices(call_db(c), &c->who, g, c->a, &group, &n, e)) return false;
    while (wanted.n && i < n && !str_eq(group[i].hex_id, wanted)) i++;
    if (wanted.n && i == n) return err_set(e, ERR_NOT_FOUND, "There is no such resource group, or you do not administer it");
    *group_id = wanted.n ? group[i].id : 0;
    return *group_id == g->group_id || grouping_move(c->hub, &c->who, g, wanted.n ? &group[i] : NULL, e);
}
