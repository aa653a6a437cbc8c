/* account/oauth_priv.h - what the files about applications share. */
#ifndef ACCOUNT_OAUTH_PRIV_H
#define ACCOUNT_OAUTH_PRIV_H

#include "account/oauth.h"
#include "base/hash.h"

#define OAUTH_APP_COLUMNS                                                                                                  \
    "p.id, p.owner_id, p.hex_id, p.client_id, p.name, p.home_url, p.redirect_uris, p.scopes, p.secret_hash IS NOT NULL,"   \
    " p.allows_device, p.token_seconds, p.created_ms, p.space_id"
enum { OAUTH_APP_COLUMNS_COUNT = 13, OAUTH_SECRET = 43 }; /* letters and digits: 256 bits */
void oauth_app_read(struct db_query *q, int from, struct oauth_app *out, struct arena *a);

str oauth_secret(struct sha256 *hash, struct arena *a);
/* Codes and tokens that nobody can use any more go; inside credentials. */
bool oauth_sweep(struct db_conn *tx, struct err *e);
/* An access token and a refresh token of a redeemed authorization; inside credentials. */
bool oauth_issue(struct db_conn *tx, const struct oauth_app *app, int64_t authorization_id, struct oauth_tokens *out, struct arena *a, struct err *e);
bool oauth_remember_consent(struct db_conn *tx, const struct oauth_app *app, int64_t user_id, str scopes, struct arena *a, struct err *e);
/* Ends a transaction; a refusal may leave something behind that must stay: then `keeps`. */
bool oauth_finish(struct db *d, struct db_conn *tx, bool ok, bool keeps, struct err *e);
/* All that came of an authorization ends; inside credentials. */
bool oauth_end(struct db_conn *tx, int64_t authorization_id, struct err *e);

#endif
