/* hub/community/like.h - who likes what.  Liking itself is repo_set_like (hub/repo.h). */
#ifndef HUB_LIKE_H
#define HUB_LIKE_H

#include "hub/hub.h"

struct like_state {
    int64_t likes;
    bool is_mine;
};
bool like_get(struct db_conn *c, int64_t repo_id, int64_t user_id, struct like_state *out, struct err *e);
/* The last first, `limit` at most; rights are asked by whoever shows them. */
bool like_repos(struct db_conn *c, int64_t user_id, size_t limit, struct arena *a, int64_t **repo_id, size_t *n, struct err *e);
bool like_users(struct db_conn *c, int64_t repo_id, size_t limit, struct arena *a, int64_t **user_id, size_t *n, struct err *e);

#endif
