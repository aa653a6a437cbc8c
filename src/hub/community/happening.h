/* hub/community/happening.h - what happened: one row per change, written in the change's own transaction.
 *
 * Webhooks, notifications and activity all follow from these rows, after the fact (hub/community/tell.h), so that
 * nobody who changes something waits for those who want to know.  A row says what its repository was called at
 * that time: it outlives it. */
#ifndef HUB_HAPPENING_H
#define HUB_HAPPENING_H

#include "hub/community/feed_place.h"

enum happening_kind {
    HAPPENED_REPO_CREATE, HAPPENED_REPO_DELETE, HAPPENED_REPO_MOVE, HAPPENED_REPO_CONFIG, HAPPENED_REPO_CONTENT,
    HAPPENED_DISCUSSION_CREATE, HAPPENED_DISCUSSION_UPDATE, HAPPENED_DISCUSSION_DELETE,
    HAPPENED_COMMENT_CREATE, HAPPENED_COMMENT_UPDATE,
    HAPPENING_KINDS
};
str happening_name(enum happening_kind k);   /* "repo.create", as it is stored */
str happening_action(enum happening_kind k); /* "create" */
str happening_scope(enum happening_kind k);  /* "repo.content" */
static inline bool happening_is_about_discussion(enum happening_kind k) { return k >= HAPPENED_DISCUSSION_CREATE; }

struct happening {
    int64_t id, at_ms, actor_id, repo_id, owner_id, discussion_id; /* 0: none, or gone since */
    int64_t group_id; /* the resource group that the repository was in; 0: none */
    enum happening_kind kind;
    enum repo_kind repo_kind;
    str repo_hex, repo_name, actor; /* actor .p NULL: the server, or somebody who left */
    str event_hex;                  /* of a comment; empty: none */
    str data;                       /* JSON object: updatedRefs, updatedConfig, movedTo, discussion */
    bool is_private;
};

/* data: members of the payload as a JSON object; empty: none. */
bool happening_add(struct db_conn *tx, const struct repo *r, enum happening_kind kind, const struct identity *who, str data,
                   struct err *e);
/* The discussion is described as it is at this moment; before a deletion, after everything else. */
bool happening_add_discussion(struct db_conn *tx, const struct repo *r, enum happening_kind kind, const struct identity *who,
                              int64_t num, str event_hex, struct err *e);

/* The oldest that is not told yet. */
bool happening_next(struct db_conn *c, struct happening *out, bool *found, struct arena *a, struct err *e);
/* *won: this caller is the one to tell it; everybody else finds it told. */
bool happening_claim(struct db_conn *tx, int64_t id, bool *won, struct err *e);

/* What an account did, or (of_owner) what was done in its repositories, newest first.  Only what `who` may see now; likes are among what
 * an account did, as kind HAPPENING_KINDS, with an id below zero.  cursor: where the page begins, empty for the first; *next: the cursor of
 * the page behind, empty when there is none. */
bool happening_feed(struct db_conn *c, const struct identity *who, int64_t account_id, bool of_owner, str cursor, size_t limit,
                    struct arena *a, struct happening **out, size_t *n, str *next, struct err *e);

#endif
