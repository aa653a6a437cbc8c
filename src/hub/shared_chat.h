/* hub/shared_chat.h - conversations with a model that their owners shared: snapshots, which never change.
 *
 * Who may read the model may read them; their owner, and an administrator, may remove them. */
#ifndef HUB_SHARED_CHAT_H
#define HUB_SHARED_CHAT_H

#include "hub/hub.h"

enum { SHARED_CHAT_BYTES_MAX = 2 << 20, SHARED_CHAT_MESSAGES_MAX = 2000, SHARED_CHAT_TITLE_MAX = 200, SHARED_CHATS_MAX = 1000 };

struct shared_chat {
    int64_t id, owner_id, repo_id, created_ms;
    str hex_id, owner, title, messages; /* messages: JSON; of lists .p NULL */
    str model;                          /* "owner/name" */
};
/* messages: [{"role": "system"|"user"|"assistant", "content": text, "model": name?}, ..]; anything else is ERR_INVALID.
 * The caller has checked that the model may be read. */
bool shared_chat_create(struct db_conn *tx, const struct identity *who, const struct repo *model, str title, const struct json *messages,
                        struct shared_chat *out, struct arena *a, struct err *e);
bool shared_chat_find(struct db_conn *c, str hex_id, struct shared_chat *out, bool *found, struct arena *a, struct err *e);
/* Newest first. */
bool shared_chat_list(struct db_conn *c, int64_t owner_id, struct arena *a, struct shared_chat **out, size_t *n, struct err *e);
bool shared_chat_remove(struct db_conn *tx, const struct identity *who, str hex_id, bool *found, struct err *e);

#endif
