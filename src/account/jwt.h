/* account/jwt.h - JSON Web Tokens (RFC 7519) as OpenID Connect uses them: RS256 out, RS256 and ES256 in.
 *
 * Checking asks for the algorithm first, from a list of our own: "none", HMAC and whatever else a header may claim are refused.
 * Keys come from the document that the caller trusts; what a header says about keys ("jku", "jwk", "x5u") is not looked at,
 * but for "kid", which picks among them. */
#ifndef ACCOUNT_JWT_H
#define ACCOUNT_JWT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/sign.h"

void buf_base64url(struct buf *out, bytes b); /* without padding */
bool base64url_decode(str s, struct arena *a, bytes *out);

void jwt_write_key(struct json_writer *w, const struct sign_key *k); /* a JWK, public part */
void jwt_sign(const struct sign_key *k, str claims, struct buf *out); /* claims: JSON text */

/* A signature by one of the keys of `jwks` ({"keys":[..]}).  *claims: an object, of which nothing was checked yet. */
enum { JWT_BYTES_MAX = 64 << 10 };
bool jwt_open(str token, const struct json *jwks, struct arena *a, const struct json **claims, struct err *e);

struct jwt_expected {
    str issuer, audience, nonce; /* nonce .p NULL: not looked at */
    int64_t now_s, skew_s;
};
/* OpenID Connect Core 3.1.3.7: iss, aud (azp where there are several), exp, iat, nbf, nonce, sub. */
bool jwt_check(const struct json *claims, const struct jwt_expected *want, struct err *e);

#endif
