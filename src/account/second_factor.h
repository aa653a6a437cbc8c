/* account/second_factor.h - what is kept of the second factor of signing in: a sealed secret of one-time codes (account/totp.h), the last
 * step of time whose code was used, and recovery codes, for who has lost the device.
 *
 * It belongs to the password: where a password is asked for, so is a code.  hub/second_factor.h opens the secret, and is what others call. */
#ifndef ACCOUNT_SECOND_FACTOR_H
#define ACCOUNT_SECOND_FACTOR_H

#include "account/account.h"

enum { RECOVERY_CODES = 10 };

struct second_factor {
    bytes sealed;
    int64_t used_step, created_ms;
    int64_t codes_left; /* recovery codes that were not used */
};
bool second_factor_find(struct db_conn *c, int64_t account_id, struct second_factor *out, bool *found, struct arena *a, struct err *e);
bool second_factor_put(struct db_conn *tx, int64_t account_id, bytes sealed, int64_t used_step, struct err *e); /* there is one: ERR_CONFLICT */
bool second_factor_remove(struct db_conn *tx, int64_t account_id, bool *found, struct err *e); /* recovery codes go with it */
bool second_factor_count(struct db_conn *c, int64_t *n, struct err *e);
/* *fresh: neither this step nor a later one was used before. */
bool second_factor_use(struct db_conn *tx, int64_t account_id, int64_t step, bool *fresh, struct err *e);

/* In the place of those that there were.  80 random bits each, so that a fast digest is enough; kept nowhere but in `out`. */
bool recovery_codes_make(struct db_conn *tx, int64_t account_id, str out[RECOVERY_CODES], struct arena *a, struct err *e);
bool recovery_code_use(struct db_conn *tx, int64_t account_id, str code, bool *right, struct err *e); /* without hyphens; once */

/* What a browser holds between the password and the code.  It says that the password was right, and is a right to nothing: good for five
 * minutes, for this account, and until its password or its second factor is another. */
enum { HALF_SESSION_S = 300 };
bool half_session_make(struct db *d, struct db_conn *c, int64_t account_id, str *out, struct arena *a, struct err *e);
bool half_session_read(struct db *d, struct db_conn *c, str text, struct account *out, bool *found, struct arena *a, struct err *e);

#endif
