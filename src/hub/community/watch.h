/* hub/community/watch.h - who follows whom, and who wants to hear of what.
 *
 * Following an account is watching what is discussed in its repositories.  Owners, and members of an owning organisation,
 * watch without a row; a row that says no overrides that.  No to a repository leaves mentions, no to a discussion nothing. */
#ifndef HUB_WATCH_H
#define HUB_WATCH_H

#include "hub/hub.h"

enum watch_what { WATCH_ACCOUNT, WATCH_REPO, WATCH_DISCUSSION };
bool watch_set(struct db_conn *tx, int64_t user_id, enum watch_what what, int64_t id, bool is_on, struct err *e);
/* 1 yes, 0 no, -1 never said. */
bool watch_get(struct db_conn *c, int64_t user_id, enum watch_what what, int64_t id, int *out, struct err *e);
/* The same, in a transaction of its own. */
bool watch_change(struct hub *h, int64_t user_id, enum watch_what what, int64_t id, bool is_on, struct err *e);

struct follow_counts {
    int64_t followers, users, orgs; /* who follows the account; whom it follows */
};
bool follow_count(struct db_conn *c, int64_t account_id, struct follow_counts *out, struct err *e);
/* By name, behind `after`; those that are disabled are left out. */
bool follow_followers(struct db_conn *c, int64_t account_id, str after, size_t limit, struct arena *a, struct account **out, size_t *n,
                      struct err *e);
bool follow_following(struct db_conn *c, int64_t user_id, enum account_kind kind, str after, size_t limit, struct arena *a,
                      struct account **out, size_t *n, struct err *e);

#endif
