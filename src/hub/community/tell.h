/* hub/community/tell.h - makes what follows from what happened: notifications for people, deliveries for webhooks. */
#ifndef HUB_TELL_H
#define HUB_TELL_H

#include "hub/community/webhook.h"

/* Everything that is not told yet, oldest first, each in a transaction of its own; several processes may try at once.
 * *told: how many. */
bool tell_all(struct hub *h, const struct webhook_sender *s, size_t *told, struct err *e);

#endif
