/* hub/index/tag_offer.h - the filters that a list offers: of the most used tags those that something public has, with how many. */
#ifndef HUB_TAG_OFFER_H
#define HUB_TAG_OFFER_H

#include "hub/index/tag_group.h"

struct tag_offer {
    str name, label; /* label: as people read it */
    enum tag_group group;
    int64_t repos; /* public ones, counted up to a bound; -1: not counted */
};
struct tag_offers_query {
    enum repo_kind kind;
    int group;         /* of enum tag_group; -1: every one */
    size_t tags_max;   /* how many of the most used tags are looked at */
    size_t offers_max; /* of each group, at most */
    size_t counted;    /* how many of each group are counted, */
    int64_t bound;     /* and up to what number */
};
/* Most used first.  The same for everybody, and dear: remembered until somebody commits to the database.  `since` was taken
 * before c read anything that it still goes by. */
bool tag_offers(struct hub *h, struct db_conn *c, const struct db_mark *since, const struct tag_offers_query *q, struct arena *a,
                struct tag_offer **out, size_t *n, struct err *e);

#endif
