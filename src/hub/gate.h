/* hub/gate.h - access requests of gated repositories.
 * none -> pending (manual) or accepted (auto) by asking; pending, accepted -> none by cancelling; from any but none to another by those
 * who decide; a grant leads from any to accepted. */
#ifndef HUB_GATE_H
#define HUB_GATE_H

#include "hub/hub.h"

enum { GATE_REASON_BYTES_MAX = 200 };
enum gate_status { GATE_NONE, GATE_PENDING, GATE_ACCEPTED, GATE_REJECTED };
bool gate_status_parse(str s, enum gate_status *out); /* "pending" "accepted" "rejected" */
str gate_status_name(enum gate_status s);

struct gate_request {
    struct account user;
    enum gate_status status;
    str fields, reason;      /* fields: JSON object text */
    bool was_granted;        /* nobody asked: no e-mail address is shown */
    str granted_by;          /* name, or .p NULL */
    int64_t created_ms, reviewed_ms;
};
bool gate_ask(struct hub *h, const struct repo *r, const struct identity *who, str fields, enum gate_status *out, struct err *e);
bool gate_cancel(struct hub *h, const struct repo *r, const struct identity *who, struct err *e);
/* Not gated: ERR_INVALID.  No request: ERR_NOT_FOUND.  Already in that state: ERR_NOT_FOUND. */
bool gate_handle(struct hub *h, const struct repo *r, int64_t user_id, enum gate_status to, str reason,
                 const struct identity *who, struct err *e);
bool gate_grant(struct hub *h, const struct repo *r, int64_t user_id, const struct identity *who, struct err *e); /* has access: ERR_INVALID */
struct gate_place { /* in a list; many may have asked in the same millisecond */
    int64_t created_ms, user_id;
};
/* Oldest first, those after that place; zero: from the first. */
bool gate_list(struct db_conn *c, const struct repo *r, enum gate_status status, struct gate_place after, size_t limit,
               struct arena *a, struct gate_request **out, size_t *n, struct err *e);
struct gate_mine { /* one's own request */
    struct repo repo;
    enum gate_status status;
    str reason;
    int64_t created_ms;
};
/* Of repositories that `who` may still see, newest first.  cursor: where the page begins, empty for the first; *next: the cursor of the
 * page behind, empty when there is none. */
bool gate_list_mine(struct db_conn *c, const struct identity *who, str cursor, size_t limit, struct arena *a, struct gate_mine **out, size_t *n,
                    str *next, struct err *e);
bool gate_count(struct db_conn *c, const struct repo *r, enum gate_status status, int64_t *n, struct err *e);
struct gate_waiting { /* people who wait for an answer */
    struct repo repo;
    int64_t people;
};
/* Of repositories of which `who` decides. */
bool gate_list_waiting(struct db_conn *c, const struct identity *who, size_t limit, struct arena *a, struct gate_waiting **out, size_t *n, struct err *e);
bool gate_status_of(struct db_conn *c, int64_t repo_id, int64_t user_id, enum gate_status *out, struct err *e);
bool gate_reason_of(struct db_conn *c, int64_t repo_id, int64_t user_id, str *reason, struct arena *a, struct err *e); /* of a rejection; empty: none was given */

#endif
