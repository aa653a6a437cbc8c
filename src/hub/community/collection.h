/* hub/community/collection.h - collections: lists of repositories, buckets and other collections that somebody gathered.
 *
 * Truth is in the tables collection and collection_item.  A collection is named "owner/title-words-ID" in
 * addresses; only the ID counts, the words follow the title.  Positions count from 0 without gaps, but
 * for those that a deleted repository leaves until the next change.  An item says nothing about who may see
 * what it names: the reader of a collection is asked for each item by whoever shows it.
 *
 * Functions that change something run in a transaction of their own.  What was deleted in between is
 * ERR_NOT_FOUND. */
#ifndef HUB_COLLECTION_H
#define HUB_COLLECTION_H

#include "account/account.h"
#include "db/db.h"
#include "hub/hub.h"

enum {
    COLLECTION_TITLE_MAX = 60,        /* characters */
    COLLECTION_DESCRIPTION_MAX = 150,
    COLLECTION_NOTE_MAX = 500,
    COLLECTION_ITEMS_MAX = 1000,
    COLLECTIONS_PER_OWNER_MAX = 1000, /* quota-collections may say less */
};

struct collection {
    int64_t id, owner_id, group_id, position, created_ms, updated_ms; /* group: as in struct repo */
    str hex_id, owner, title, description, theme;
    str slug; /* "owner/title-words-ID" */
    bool is_private;
};
str collection_slug(str owner, str title, str hex_id, struct arena *a);
bool collection_get(struct db_conn *c, int64_t id, struct collection *out, struct arena *a, struct err *e);

/* ------------------------------------------------------------------ access */

enum collection_right { COLLECTION_SEE, COLLECTION_WRITE };
/* Private ones are for the owner and the members of an owning organisation; changing takes the role write. */
bool collection_allow(struct db_conn *c, const struct identity *who, const struct collection *col, enum collection_right right,
                      struct err *e);
/* The one that an address names, with the right that is asked for; what may not be seen is refused as what is not there is.
 * `slug` without the owner: anything that ends in the ID, or the title's words alone when only one of those of the owner that
 * may be seen has them (several: ERR_CONFLICT).  No owner: the ID it must be. */
bool collection_find(struct db_conn *c, const struct identity *who, str owner, str slug, enum collection_right right,
                     struct collection *out, struct arena *a, struct err *e);
bool collection_allow_create(struct db_conn *c, const struct identity *who, const struct account *owner, int64_t group_id, struct err *e);

/* ------------------------------------------------------------------ one collection */

struct collection_target { /* what an item names: one of these is not 0 */
    int64_t repo_id, member_id, bucket_id;
};
struct collection_new {
    int64_t owner_id, group_id; /* group: 0: in none */
    str title, description;
    str theme; /* empty: the default */
    bool is_private;
    struct collection_target first; /* item; all 0: none */
};
/* A title that the owner has already: ERR_CONFLICT, and *out is the collection that has it. */
bool collection_create(struct hub *h, const struct collection_new *q, const struct identity *who, struct collection *out,
                       struct arena *a, struct err *e);

struct collection_change { /* what is set changes */
    bool has_title, has_description, has_theme, has_private, has_position;
    str title, description, theme;
    bool is_private;
    int64_t position; /* past the end: the last */
};
bool collection_update(struct db *d, int64_t id, const struct collection_change *change, struct err *e);
bool collection_delete(struct db *d, const struct collection *col, const struct identity *who, struct err *e);

/* ------------------------------------------------------------------ items */

struct collection_item {
    int64_t id, position;
    struct collection_target names;
    str hex_id, note;
};
/* The first `limit` by position. */
bool collection_items(struct db_conn *c, int64_t collection_id, size_t limit, struct arena *a, struct collection_item **out,
                      size_t *n, struct err *e);
/* How many `who` may see; with a token of scopes, how many anybody may. */
bool collection_count_seen(struct db_conn *c, const struct identity *who, int64_t collection_id, int64_t *n, struct err *e);
/* At the end.  It is there already: ERR_CONFLICT.  Itself: ERR_INVALID. */
bool collection_add(struct db *d, int64_t collection_id, const struct collection_target *what, str note, struct err *e);
struct collection_item_change {
    str hex_id;
    bool has_note, has_position;
    str note;
    int64_t position;
};
/* In that order, all or none. */
bool collection_update_items(struct db *d, int64_t collection_id, const struct collection_item_change *change, size_t n,
                             struct err *e);
bool collection_remove(struct db *d, int64_t collection_id, str item_hex_id, struct err *e);

/* ------------------------------------------------------------------ listing */

struct collection_query {
    const struct identity *who; /* only what he may see */
    const str *owners;          /* any of these; none: everybody */
    size_t owners_count;
    bool has_items;             /* only those with any of these repositories and buckets */
    const int64_t *repos, *buckets;
    size_t repos_count, buckets_count;
    str text;                   /* part of title or description, ignoring ASCII case; empty: any */
    size_t limit;
    str cursor;                 /* from the page before; malformed: ERR_INVALID */
};
struct collection_page {
    struct collection *row;
    size_t n;
    str next; /* .p NULL on the last */
};
/* Last updated first. */
bool collection_list(struct db_conn *c, const struct collection_query *q, struct arena *a, struct collection_page *out,
                     struct err *e);

#endif
