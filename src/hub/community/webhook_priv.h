/* hub/community/webhook_priv.h - what webhook.c (keeping), webhook_tell.c (choosing and writing) and webhook_send.c share. */
#ifndef HUB_WEBHOOK_PRIV_H
#define HUB_WEBHOOK_PRIV_H

#include "hub/community/webhook.h"

str webhook_secret_context(str hex_id, struct arena *a);

#endif
