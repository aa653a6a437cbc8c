/* hub/community/notification.h - discussions that somebody should look at: one row per person and discussion.
 *
 * The reason is the strongest so far: a mention, before taking part, before watching.  Whether the person may see the
 * repository is asked again whenever notifications are read: it may have become private. */
#ifndef HUB_NOTIFICATION_H
#define HUB_NOTIFICATION_H

#include "hub/community/happening.h"

enum notification_reason { REASON_WATCHING, REASON_PARTICIPATING, REASON_MENTION };
str notification_reason_name(enum notification_reason r); /* "watching" ... */

/* For those whom a happening concerns, in the transaction. */
bool notification_tell(struct db_conn *tx, const struct happening *x, struct arena *a, struct err *e);

struct notification {
    int64_t discussion_id, num, updated_ms;
    str discussion_hex, title, status, event_hex;
    enum notification_reason reason;
    bool is_read, is_pull_request;
    struct repo repo;
};
struct notification_query { /* NULL and zero: everything */
    bool unread_only;
    enum notification_reason reason_min;
    int repo_kind;      /* -1: any */
    str repo_name;      /* "owner/name"; empty: any */
    int64_t before_ms;  /* updated not later; 0: any */
    size_t skip, limit;
};
struct notification_page {
    struct notification *row;
    size_t n;
    int64_t view, unread, all; /* how many: of this query, and of the person's */
};
bool notification_list(struct db_conn *c, const struct identity *who, const struct notification_query *q, struct arena *a,
                       struct notification_page *out, struct err *e);
/* For the header of every page: of those he may see; 100 is the most. */
bool notification_unread(struct db_conn *c, int64_t user_id, int64_t *n, struct err *e);

enum notification_act { NOTIFICATION_READ, NOTIFICATION_UNREAD, NOTIFICATION_REMOVE };
/* Those of the discussions named, or, with a query, all that it finds. */
bool notification_do(struct hub *h, const struct identity *who, enum notification_act act, const str *discussion_hex, size_t n,
                     const struct notification_query *all, struct err *e);

/* ------------------------------------------------------------------ settings */

#define NOTIFY_PARTICIPATING STR("web_discussions_participating")
#define NOTIFY_WATCHED STR("web_discussions_watched")
bool notification_setting_get(struct db_conn *c, int64_t user_id, str name, bool *is_on, struct err *e); /* never said: yes */
bool notification_setting_set(struct db_conn *tx, int64_t user_id, str name, bool is_on, struct err *e);

#endif
