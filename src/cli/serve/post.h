/* cli/serve/post.h - how `hearth serve` sends webhooks: http/client.h for hub/community/webhook.h. */
#ifndef CLI_SERVE_POST_H
#define CLI_SERVE_POST_H

#include "hub/community/webhook.h"

/* ctx: the setting webhook-allow, a str that lives as long as the server: "host", "host:port", ..., or "*". */
bool serve_post(void *ctx, const struct webhook_post *q, int *status, struct buf *answer, struct err *e);

#endif
