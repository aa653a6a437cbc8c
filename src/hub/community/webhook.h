/* hub/community/webhook.h - addresses that are told what happens to what they watch.
 *
 * A webhook belongs to an account and is told only what that account may see.  What is sent is stored first (a delivery),
 * then sent by a job until the other side says 2xx: at least once, with growing pauses.  A webhook that has failed for
 * WEBHOOK_FAILING_MS is suspended.  This folder speaks no HTTP: a sender is handed down. */
#ifndef HUB_WEBHOOK_H
#define HUB_WEBHOOK_H

#include <stdatomic.h>

#include "hub/community/happening.h"
#include "job/job.h"

enum {
    WEBHOOK_RUNNING_MAX = 4, /* deliveries at once; */
    WEBHOOK_RUNNING_EACH = 2, /* of an account, to a host, and to receivers that were slow the last time */
    WEBHOOKS_PER_ACCOUNT_MAX = 1000, /* that are listed; quota-webhooks is no more */
    WEBHOOK_WATCHED_MAX = 100,
    WEBHOOK_URL_BYTES_MAX = 2000,
    WEBHOOK_SECRET_BYTES_MAX = 512,
    WEBHOOK_TRIGGERS_PER_DAY = 1000,
    WEBHOOK_ATTEMPTS_MAX = 8,
    WEBHOOK_ANSWER_BYTES_MAX = 1000, /* of an answer are kept */
    WEBHOOK_FAILING_MS = 3 * 86400 * 1000,
};

struct webhook_watched {
    str kind, name; /* "model", "owner/name"; "user", "name" */
};
struct webhook {
    int64_t id, owner_id, triggered_ms, failing_ms, created_ms;
    str hex_id, url, state; /* enabled disabled suspended */
    bool on_repo, on_discussion, has_secret;
    struct webhook_watched *watched;
    size_t watched_count;
};
bool webhook_list(struct db_conn *c, int64_t owner_id, struct arena *a, struct webhook **out, size_t *n, struct err *e);
bool webhook_find(struct db_conn *c, int64_t owner_id, str hex_id, struct webhook *out, bool *found, struct arena *a, struct err *e);

struct webhook_change {
    str url, secret; /* secret .p NULL: as it is; empty: none */
    bool on_repo, on_discussion;
    const struct webhook_watched *watched; /* need not exist */
    size_t watched_count;
    int64_t sent_since_ms; /* of a form that may have been sent before: when it was shown.  0: unknown */
};
/* *out may be one that was made since sent_since_ms and is as q says: it was made by the same form. */
bool webhook_create(struct hub *h, int64_t owner_id, const struct webhook_change *q, struct webhook *out, struct arena *a, struct err *e);
bool webhook_update(struct hub *h, const struct webhook *w, const struct webhook_change *q, struct err *e);
bool webhook_enable(struct hub *h, const struct webhook *w, bool enabled, struct err *e);
bool webhook_delete(struct hub *h, const struct webhook *w, struct err *e);

/* ------------------------------------------------------------------ deliveries */

struct webhook_delivery {
    int64_t id, created_ms, tried_ms, took_ms, attempts, status; /* status 0: no answer */
    str hex_id, what, about, state, payload, answer;
};
/* Newest first. */
bool webhook_deliveries(struct db_conn *c, int64_t webhook_id, size_t limit, struct arena *a, struct webhook_delivery **out, size_t *n,
                        struct err *e);

struct webhook_post {
    str url, body, secret, signature, delivery; /* secret, signature: .p NULL when there is none */
};
struct webhook_sender {
    /* False: no answer, and e says why.  answer takes the beginning of the body. */
    bool (*post)(void *ctx, const struct webhook_post *q, int *status, struct buf *answer, struct err *e);
    void *ctx;
    str base_url;     /* of this house, in payloads; no slash at its end */
    int64_t retry_ms; /* the first pause; three times as long after each failure, an hour at most */
};
/* Sends a delivery of the log once more, now, and waits: the status of the answer. */
bool webhook_replay(struct hub *h, const struct webhook_sender *s, const struct webhook *w, str delivery_hex, int *status, bool *found,
                    struct err *e);
/* Whoever watches and may see it is told: deliveries and their jobs, in the transaction. */
bool webhook_tell(struct db_conn *tx, const struct webhook_sender *s, const struct happening *x, struct arena *a, struct err *e);

/* The job that sends; ctx is a struct webhook_runner. */
#define WEBHOOK_JOB "webhook"
struct webhook_runner {
    struct hub *hub;
    const struct webhook_sender *sender;
    _Atomic int running; /* a slow receiver must not hold up other work: some threads stay free */
    struct webhook_slot { /* what is being sent; key 0: nothing */
        _Atomic uint64_t owner, host;
        _Atomic bool is_slow;
    } slot[WEBHOOK_RUNNING_MAX];
};
bool webhook_run(struct job_queue *q, void *ctx, const struct job *j, struct err *e);

#endif
