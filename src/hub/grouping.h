/* hub/grouping.h - what is in which resource group (account/resource_group.h). */
#ifndef HUB_GROUPING_H
#define HUB_GROUPING_H

#include "account/resource_group.h"
#include "hub/hub.h"

/* A repository, bucket or collection, as groups see it. */
struct grouped {
    enum grouped_kind { GROUPED_REPO, GROUPED_BUCKET, GROUPED_COLLECTION } kind;
    int64_t id, owner_id, group_id;
    str type;            /* "model" .. "bucket" "collection" */
    str hex_id, name;    /* "owner/name", or the slug of a collection */
    str title;           /* of a collection */
    bool is_private;
};
struct bucket;
struct collection;
struct grouped grouped_repo(const struct repo *r);
struct grouped grouped_bucket(const struct bucket *b);
struct grouped grouped_collection(const struct collection *c);
/* By type and id: something whose settings `who` may change.  What he may not see does not exist. */
bool grouping_find(struct db_conn *c, const struct identity *who, str type, str hex_id, struct grouped *out, struct arena *a, struct err *e);

/* to: NULL to take it out.  The administrators of a group put in and take out; from no group, it takes the right to change the settings
 * of the thing itself, which the caller has asked for already. */
bool grouping_allow(struct db_conn *c, const struct identity *who, const struct grouped *g, const struct resource_group *to, struct err *e);
bool grouping_set(struct db_conn *tx, const struct grouped *g, const struct resource_group *to, const struct identity *who, struct err *e);
bool grouping_move(struct hub *h, const struct identity *who, const struct grouped *g, const struct resource_group *to, struct err *e); /* both */
/* The groups that grouping_allow lets it be put into, by name, with the one that it is in; *n 0: there is nothing to choose. */
bool grouping_choices(struct db_conn *c, const struct identity *who, const struct grouped *g, struct arena *a, struct resource_group **out, size_t *n, struct err *e);
/* Repositories and buckets by name, then collections; views, for as long as fn runs, which returns false to stop.  A collection's `name`
 * is its owner's. */
bool grouping_each(struct db_conn *c, int64_t group_id, bool (*fn)(void *ctx, const struct grouped *g), void *ctx, struct err *e);
struct grouping_bytes { /* what repositories and buckets of an owner store */
    int64_t group_id; /* 0: what is in none */
    str hex_id, name;
    int64_t open_bytes, private_bytes;
};
/* All groups of the owner, by name, behind what is in none. */
bool grouping_bytes_list(struct db_conn *c, int64_t owner_id, struct arena *a, struct grouping_bytes **out, size_t *n, struct err *e);

#endif
