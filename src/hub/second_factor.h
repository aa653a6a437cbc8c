/* hub/second_factor.h - the second factor of signing in (account/second_factor.h), with its secret sealed under HOME/secret.key.
 *
 * Each step takes a transaction, writes its row of the audit log there, and is undone with it.  Ten wrong codes of an account within a
 * quarter of an hour, from wherever they come, and it is asked no more for the rest of it: ERR_BUSY. */
#ifndef HUB_SECOND_FACTOR_H
#define HUB_SECOND_FACTOR_H

#include "account/second_factor.h"
#include "hub/hub.h"

/* A fresh secret as people type it, in base32; nothing is kept before it is turned on. */
str second_factor_secret(struct arena *a);
/* `code` must be one of that secret: *right.  It is on then, and here are its recovery codes, which are shown once. */
bool second_factor_turn_on(struct hub *h, struct db_conn *tx, const struct identity *who, str secret, str code, str ip, bool *right,
                           str recovery[RECOVERY_CODES], struct arena *a, struct err *e);
/* Is this a code that the account has on, or a recovery code?  It works no more then.  Commit in either case: a wrong one is on record. */
bool second_factor_check(struct hub *h, struct db_conn *tx, const struct identity *who, str code, str ip, bool *right, struct arena *a, struct err *e);
bool second_factor_renew_codes(struct db_conn *tx, const struct identity *who, str ip, str recovery[RECOVERY_CODES], struct arena *a, struct err *e);
/* actor NULL: the command line.  *was_on: there was something to turn off. */
bool second_factor_turn_off(struct db_conn *tx, const struct identity *actor, int64_t account_id, str ip, bool *was_on, struct err *e);

#endif
