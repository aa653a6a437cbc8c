/* hub/community/reaction.h - a sign under a comment, one of a few, each person each sign once. */
#ifndef HUB_REACTION_H
#define HUB_REACTION_H

#include "hub/community/discussion.h"

enum { REACTIONS = 12, REACTION_USERS_SHOWN = 20 };
struct reaction_kind {
    str name, sign; /* "thumbsup"; UTF-8 */
};
extern const struct reaction_kind reaction_kind[REACTIONS];

struct reaction { /* of one comment */
    str event_hex;
    const struct reaction_kind *kind;
    int64_t count;
    bool is_mine;
    str user[REACTION_USERS_SHOWN]; /* the first who did */
    size_t users;
};
/* All of a discussion, by comment and then by what came first; who may be NULL. */
bool reaction_list(struct db_conn *c, int64_t discussion_id, const struct identity *who, struct arena *a, struct reaction **out, size_t *n,
                   struct err *e);
/* Puts it there or takes it away; either may be the case already. */
bool reaction_set(struct hub *h, const struct repo *r, const struct discussion *d, str event_hex, str name, bool is_on,
                  const struct identity *who, struct err *e);

#endif
