/* infer/meter/meter.h - who may call, and what was called.
 *
 * Before a call runs, its highest possible price is held; when it has ended, what it really cost is recorded and the hold
 * is given back.  So calls that run side by side cannot overrun a budget together: what is spent and what is held never
 * exceed what the account may spend.  A day's first costs are borne by the free allowance, the rest counts against the
 * month's budget.  Days and months are UTC's.
 *
 * Records are written by one thread, all that wait in one transaction; meter_settle returns when its own is on disk, so
 * whoever sends the last byte after that has billed what he delivered.  A cancelled call is billed what it produced; one that
 * failed before it produced anything is released.  Safe from any thread; one process at a time may hold a meter. */
#ifndef INFER_METER_H
#define INFER_METER_H

#include "infer/meter/price.h"

struct meter;
struct meter_config {
    int64_t free_per_day, budget_per_month; /* nano-USD; -1: no bound */
    int64_t (*now_ms)(void);                /* NULL: the clock */
};
#define METER_UNBOUNDED INT64_C(-1)

void meter_new(struct db *d, const struct meter_config *config, struct meter **out);
void meter_free(struct meter *m); /* writes what waits; NULL is fine */

struct meter_hold;
#define METER_EXHAUSTED "InsufficientQuota" /* kind of the refusal */
/* most: what the call may cost at most, or what is left where that is at least `least`.  *held: how much that is; METER_UNBOUNDED where
 * the account has no bounds.  Whoever runs the call must then see to it that it costs no more.  ERR_DENIED of kind METER_EXHAUSTED says
 * what is left, and until when. */
bool meter_hold(struct meter *m, int64_t account_id, int64_t least, int64_t most, struct meter_hold **out, int64_t *held, struct err *e);
void meter_shrink(struct meter *m, struct meter_hold *h, int64_t most); /* more is known: it costs no more than this */
void meter_release(struct meter *m, struct meter_hold *h); /* it produced nothing */

struct meter_call {
    str request_id, route, model, revision, finish;
    str token; /* its label; .p NULL: none */
    int64_t at_ms, account_id, user_id, token_id; /* token 0: none */
    int status;
    bool is_stream, is_cold;
    struct price_units units;
    uint64_t queue_us, first_us;
    struct price_card card;
};
/* Ends the hold, whatever it returns.  *cost may be NULL.  A request_id that has been recorded already is not billed again. */
bool meter_settle(struct meter *m, struct meter_hold *h, const struct meter_call *call, int64_t *cost, struct err *e);

/* What an account has spent and may spend. */
struct meter_state {
    int64_t day;                          /* since 1970-01-01 */
    int64_t free_per_day, free_used;      /* -1: no bound */
    int64_t budget_per_month, budget_used;
    int64_t held;
};
bool meter_state(struct meter *m, int64_t account_id, struct meter_state *out, struct err *e);
/* NULL: the server's own.  Takes effect with the next call, in any process. */
bool meter_set_budget(struct db_conn *tx, int64_t account_id, const int64_t *free_per_day, const int64_t *budget_per_month, struct err *e);

#endif
