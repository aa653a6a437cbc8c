/* cli/model/chat.h - hearth chat: where the model is. */
#ifndef CLI_CHAT_H
#define CLI_CHAT_H

#include "cli/model/converse.h"

/* On a server (chat_server.c); without a slash at the end. */
bool cli_chat_there(struct cli *c, str server, str model, struct err *e);

#endif
