/* hub/index/tag_offer.c - see hub/index/tag_offer.h. */
#include "hub/index/tag_offer.h"

#include "hub/index/list.h"

bool tag_offers(struct db_conn *c, const struct tag_offers_query *q, struct arena *a, struct tag_offer **out, size_t *n, struct err *e)
{
    struct tag_row *tag;
    size_t tags, of_group[TAG_GROUPS] = { 0 };
    *n = 0;
    if (!list_tags(c, q->kind, q->tags_max, a, &tag, &tags, e)) return false;
    *out = arena_alloc(a, (tags + 1) * sizeof **out);
    for (size_t i = 0; i < tags; i++) {
        struct tag_offer o = { .name = tag[i].name, .repos = tag[i].repos };
        o.group = tag_group_of(q->kind, o.name, &o.label);
        if ((q->group >= 0 && (int)o.group != q->group) || of_group[o.group] >= q->offers_max) continue;
        of_group[o.group]++;
        (*out)[(*n)++] = o;
    }
    return true;
}
