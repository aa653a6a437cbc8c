/* account/totp.h - one-time codes of a secret and the time: RFC 6238 over RFC 4226, with SHA-1, 30 seconds and six digits, which is what
 * every authenticator app takes.  No I/O, and no clock of its own. */
#ifndef ACCOUNT_TOTP_H
#define ACCOUNT_TOTP_H

#include "base/buf.h"
#include "base/str.h"

enum { TOTP_SECRET_BYTES = 20, TOTP_DIGITS = 6, TOTP_STEP_S = 30 };

/* The code of one step (of a counter, RFC 4226 says): 0 to 999999. */
uint32_t totp_code(bytes secret, uint64_t step);

/* Which step has this code: the one of now, the one before, or the one after, since clocks differ and people type; never one up to
 * `used`, so that no code works twice.  0: none of them.  code: six digits. */
int64_t totp_find(bytes secret, str code, int64_t now_ms, int64_t used);

/* RFC 4648, without padding.  Reading takes either case, and exactly n bytes. */
void buf_base32(struct buf *out, bytes b);
bool base32_decode(str s, uint8_t *out, size_t n);

#endif
