/* base/sign.h - public-key signatures as JSON Web Tokens have them.  OpenSSL's libcrypto does the arithmetic.
 *
 * RS256 is RSASSA-PKCS1-v1_5 with SHA-256, ES256 is ECDSA on P-256 with SHA-256 and a signature of r and s, 32 bytes each.
 * Numbers are big-endian.  A key may be used by several threads at once. */
#ifndef BASE_SIGN_H
#define BASE_SIGN_H

#include "base/buf.h"

struct sign_key; /* RSA, private */
enum { SIGN_KEY_BITS = 2048 };
struct sign_key *sign_key_make(void); /* takes a tenth of a second, or several */
struct sign_key *sign_key_from_der(bytes der); /* NULL: this is none */
void sign_key_der(const struct sign_key *k, struct buf *out);
void sign_key_public(const struct sign_key *k, struct buf *n, struct buf *e);
void sign_rs256(const struct sign_key *k, bytes message, struct buf *signature);
void sign_key_free(struct sign_key *k); /* NULL is fine */

/* With what others published: whatever is malformed, weak (RSA below 2048 or above 8192 bits) or not on the curve is false. */
bool sign_check_rs256(bytes n, bytes e, bytes message, bytes signature);
bool sign_check_es256(bytes x, bytes y, bytes message, bytes signature);

#endif
