/* hub/quota.h - how much of each kind an account may have.  The server sets it once, at its start; the command line is not bound. */
#ifndef HUB_QUOTA_H
#define HUB_QUOTA_H

#include "hub/hub.h"

enum quota {
    QUOTA_ORGANISATIONS, /* that a person administers */
    QUOTA_TOKENS,        /* beside those of applications */
    QUOTA_WEBHOOKS,
    QUOTA_COLLECTIONS,
    QUOTA_REPOSITORIES,
    QUOTA_DISCUSSIONS,   /* that a person opens within a day, pull requests too */
    QUOTAS
};
const char *quota_setting(enum quota q); /* "quota-webhooks" */
void quota_set(struct hub *h, const int64_t most[QUOTAS]); /* 0: no bound */
/* Before one more is made.  ERR_DENIED names the bound and its setting. */
bool quota_allow(struct hub *h, struct db_conn *c, enum quota q, int64_t account_id, struct err *e);

#endif
