/* hub/care/forget.h - what grows for ever, and is looked at for a while: rows that are older go. */
#ifndef HUB_FORGET_H
#define HUB_FORGET_H

#include "hub/hub.h"

enum forget_kind {
    FORGET_ACTIVITY,      /* what happened, that pages of activity show; not before it was told */
    FORGET_DELIVERIES,    /* the log of webhooks */
    FORGET_NOTIFICATIONS,
    FORGET_AUDIT,
    FORGET_USAGE,         /* calls of models, one by one */
    FORGET_KINDS
};
struct forget_options {
    int64_t keep_ms[FORGET_KINDS]; /* 0: for ever */
    bool (*stops)(void *ctx);      /* asked between transactions: true ends it with ERR_CLOSED; may be NULL */
    void *stops_ctx;
};
/* Also the oldest runs of care itself.  removed: how many rows of each kind. */
bool hub_forget(struct hub *h, const struct forget_options *o, uint64_t removed[FORGET_KINDS], struct err *e);

#endif
