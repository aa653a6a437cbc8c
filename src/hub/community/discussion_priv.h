/* hub/community/discussion_priv.h - what commits and pushes need of pull requests, and the files of discussions share. */
#ifndef HUB_DISCUSSION_PRIV_H
#define HUB_DISCUSSION_PRIV_H

#include "hub/community/discussion.h"
#include "hub/hub_priv.h"

enum { TITLE_BYTES_MIN = 3, TITLE_BYTES_MAX = 200, COMMENT_BYTES_MAX = 64 << 10, COMMENT_EDITS_MAX = 100, DISCUSSION_BYTES_MAX = 4 << 20 };

/* The first line of a commit's message, cut to what a title may have. */
str discussion_title_of(str summary, struct arena *a);

/* Adds "commit" events for pull requests whose refs are not where repo_ref last saw them.  Call it with the
 * repository's lock held, after refs moved and before the index follows. */
bool discussion_note_pushes(struct hub *h, const struct repo *r, struct vcs_repo *v, const struct identity *who, struct err *e);

/* Appends an event; data is JSON. */
bool discussion_event_add(struct db_conn *tx, int64_t discussion_id, const char *type, const struct identity *who, str data,
                          struct discussion_event *out, struct arena *a, struct err *e);
bool discussion_comment_add(struct db_conn *tx, int64_t discussion_id, str text, const struct identity *who,
                            struct discussion_event *out, struct arena *a, struct err *e);
bool discussion_status_add(struct db_conn *tx, const struct repo *r, const struct discussion *d, const char *status, str comment,
                           const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e);
bool discussion_event_find(struct db_conn *c, int64_t discussion_id, str hex_id, struct discussion_event *out, bool *found,
                           struct arena *a, struct err *e);

/* Who may discuss; in a locked discussion, writers. */
bool discussion_allow_speak(struct db_conn *c, const struct identity *who, const struct repo *r, const struct discussion *d,
                            struct err *e);
/* Writers, and the one who opened it. */
bool discussion_allow_manage(struct db_conn *c, const struct identity *who, const struct repo *r, const struct discussion *d,
                             struct err *e);

#endif
