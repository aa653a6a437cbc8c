/* hub/index/owned.h - what an account owns: repositories and buckets, how many, how large. */
#ifndef HUB_OWNED_H
#define HUB_OWNED_H

#include "account/resource_group.h"
#include "hub/community/feed_place.h"
#include "hub/hub.h"

struct owned { /* views, for as long as the callback runs */
    str kind; /* "model" .. "bucket" */
    str full_name, hex_id;
    int64_t updated_ms, used_bytes;
    int64_t all_bytes; /* of all that the account owns, and the reader sees */
    bool is_private;
    struct feed_place place; /* in this order */
};
struct owned_query {
    int64_t owner_id;
    int64_t reader_id; /* 0: somebody who sees all */
    str kind, search; /* .p NULL: any; search: part of the name */
    bool by_storage;  /* else by when it was changed */
    bool ascending;
    str cursor;       /* what stands behind this place (feed_place_format); empty: all */
};
/* fn returns false to stop. */
bool owned_each(struct db_conn *c, const struct owned_query *q, bool (*fn)(void *ctx, const struct owned *o), void *ctx, struct err *e);
/* Of those that are public, and the private ones that `view` says; reader_id: whose groups count. */
bool owned_count(struct db_conn *c, int64_t owner_id, enum repo_kind kind, enum resource_view view, int64_t reader_id, int64_t *n, struct err *e);
bool owned_bytes(struct db_conn *c, int64_t owner_id, bool is_private, int64_t *n, struct err *e); /* of its repositories */

#endif
