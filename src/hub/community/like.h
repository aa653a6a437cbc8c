/* hub/community/like.h - who likes what.  Liking itself is repo_set_like (hub/repo.h). */
#ifndef HUB_LIKE_H
#define HUB_LIKE_H

#include "hub/community/feed_place.h"

struct like_state {
    int64_t likes;
    bool is_mine;
};
bool like_get(struct db_conn *c, int64_t repo_id, int64_t user_id, struct like_state *out, struct err *e);

/* Lists, the last first.  cursor: where the page begins, empty for the first; *next: the cursor of the page behind, empty when there
 * is none. */
struct like {
    int64_t at_ms;
    struct repo repo;
};
/* Only repositories that `who` may see: what he may not see takes no place, and no page ends at it.  NULL: nobody in particular. */
bool like_repos(struct db_conn *c, const struct identity *who, int64_t user_id, str cursor, size_t limit, struct arena *a, struct like **out,
                size_t *n, str *next, struct err *e);
bool like_users(struct db_conn *c, int64_t repo_id, str cursor, size_t limit, struct arena *a, struct account **out, size_t *n, str *next,
                struct err *e);
/* How many public repositories an account likes. */
bool like_count_public(struct db_conn *c, int64_t user_id, int64_t *n, struct err *e);

#endif
