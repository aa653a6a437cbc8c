/* hub/index/tag_offer.h - the filters that a list offers: of the most used tags those that something public has, with how many. */
#ifndef HUB_TAG_OFFER_H
#define HUB_TAG_OFFER_H

#include "hub/index/tag_group.h"

struct tag_offer {
    str name, label; /* label: as people read it */
    enum tag_group group;
    int64_t repos; /* public ones */
};
struct tag_offers_query {
    enum repo_kind kind;
    int group;         /* of enum tag_group; -1: every one */
    size_t tags_max;   /* how many of the most used tags are looked at */
    size_t offers_max; /* of each group, at most */
};
/* Most used first; the same for everybody. */
bool tag_offers(struct db_conn *c, const struct tag_offers_query *q, struct arena *a, struct tag_offer **out, size_t *n, struct err *e);

#endif
