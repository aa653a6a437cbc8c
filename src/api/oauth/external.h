/* api/oauth/external.h - signing in through an outside OpenID Connect provider (the operator's choice, one for a Hearth).
 *
 * Authorization code with PKCE (S256), state and nonce.  All three come of one secret that lies in a cookie of the browser, so that
 * nothing is kept between the two visits, and an answer can be brought by the browser alone that asked.  The ID token is checked
 * (account/jwt.h) against keys from the provider's own document; addresses in that document must be of the issuer's scheme, and
 * its "issuer" must be the one that was configured.  Safe from any thread. */
#ifndef API_OAUTH_EXTERNAL_H
#define API_OAUTH_EXTERNAL_H

#include "account/external.h"

struct external_config {
    str issuer;        /* "https://login.example.org/realms/x", as the provider writes it */
    str client_id, client_secret; /* secret empty: a public client */
    str domains;       /* "example.org,example.com": whose verified mail address is of one of them; empty: everybody */
    str name_claim;    /* what an account is named after: "preferred_username" */
    str scim_claim;    /* what the externalId of a user by SCIM is: "sub" */
    str label;         /* of the button: "Example SSO" */
};
struct external;
/* Nothing is asked of the provider before somebody signs in.  ERR_INVALID: the issuer is no address. */
bool external_new(const struct external_config *config, struct external **out, struct err *e);
void external_free(struct external *x); /* NULL is fine */
str external_label(const struct external *x);
str external_issuer(const struct external *x);

enum { EXTERNAL_SECRET = 43 };
void external_secret(char out[EXTERNAL_SECRET + 1]);
/* Where to send the browser.  ERR_IO: the provider does not answer as it should. */
bool external_begin(struct external *x, str secret, str redirect_uri, str *url, struct arena *a, struct err *e);

struct external_answer { /* as it came back */
    str code, state, issuer; /* issuer: RFC 9207; .p NULL: not told */
};
/* Is it this attempt's?  To be asked before external_finish, which is for each secret once (account/external.h: external_use_once),
 * whatever comes of it: a cookie that was copied brings nothing a second time. */
bool external_answers(str secret, const struct external_answer *answer, struct arena *a, struct err *e);
bool external_finish(struct external *x, str secret, str redirect_uri, const struct external_answer *answer, struct external_person *out,
                     struct arena *a, struct err *e);

#endif
