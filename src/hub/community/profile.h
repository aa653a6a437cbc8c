/* hub/community/profile.h - what accounts say of themselves besides their name: what they are called elsewhere. */
#ifndef HUB_PROFILE_H
#define HUB_PROFILE_H

#include "hub/hub.h"

enum { SOCIAL_NETWORKS = 4, SOCIAL_HANDLE_BYTES_MAX = 100 };
extern const str social_network[SOCIAL_NETWORKS]; /* twitter github linkedin bluesky */

/* handle[i] is the name at social_network[i]; .p NULL: none. */
bool social_get(struct db_conn *c, int64_t account_id, str handle[SOCIAL_NETWORKS], struct arena *a, struct err *e);
/* Empty: none.  Letters, digits, '.', '-' and '_' alone: it becomes part of an address. */
bool social_set(struct db_conn *tx, int64_t account_id, const str handle[SOCIAL_NETWORKS], struct err *e);
/* "https://github.com/name" */
str social_url(size_t network, str handle, struct arena *a);

#endif
