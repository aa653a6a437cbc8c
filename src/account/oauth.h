/* account/oauth.h - applications that act for people: OAuth 2.0 and what OpenID Connect adds.
 *
 * RFC 6749 with the rules of RFC 9700: codes and refresh tokens work once; who presents one a second time ends all that came of it;
 * redirect addresses are compared whole (of loopback addresses the port is free, RFC 8252); a public client brings a PKCE
 * challenge (S256); what was begun with a challenge is not redeemed without.  Devices: RFC 8628.
 *
 * Codes, device codes, refresh tokens and clients' secrets are kept as SHA-256.  Access tokens are account/token.c's, with the
 * scopes {"oauth":["read-repos",..],"app":"client id"}, which identity_token_allows knows.
 *
 * A refusal that the protocol has a word for carries it as err.kind ("invalid_grant", ..). */
#ifndef ACCOUNT_OAUTH_H
#define ACCOUNT_OAUTH_H

#include "account/account.h"
#include "base/sign.h"

enum { OAUTH_TOKEN_SECONDS = 8 * 3600 }; /* how long tokens of an application are good */

#define OAUTH_INVALID_REQUEST "invalid_request"
#define OAUTH_INVALID_CLIENT "invalid_client"
#define OAUTH_INVALID_GRANT "invalid_grant"
#define OAUTH_INVALID_SCOPE "invalid_scope"
#define OAUTH_UNAUTHORIZED_CLIENT "unauthorized_client"
#define OAUTH_PENDING "authorization_pending"
#define OAUTH_SLOW_DOWN "slow_down"
#define OAUTH_EXPIRED "expired_token"
#define OAUTH_ACCESS_DENIED "access_denied"
#define OAUTH_INVALID_REDIRECT "invalid_redirect_uri"

/* ------------------------------------------------------------------ scopes (account/oauth_scope.c) */

struct oauth_scope {
    str name, what; /* what: for the person who is asked, "read your private repositories" */
};
const struct oauth_scope *oauth_scopes(size_t *n);
bool oauth_scope_has(str list, str name); /* a list separated by blanks */
/* Of `wanted` what exists and `most` has, each once, in our order; nothing wanted: all of `most`; most .p NULL: all there are. */
str oauth_scopes_within(str wanted, str most, struct arena *a);
bool oauth_scopes_cover(str granted, str wanted);
/* Does a token with these scopes ({"oauth":[..]}) have the right?  *is_oauth: it is one of an application at all. */
bool oauth_scope_allows(const struct json *scopes, enum token_right right, const struct token_target *t, bool *is_oauth);
bool identity_has_scope(const struct identity *who, str name);

/* ------------------------------------------------------------------ applications (account/oauth_app.c) */

enum { OAUTH_URIS_MAX = 20, OAUTH_APPS_MAX = 50 };
struct oauth_app {
    int64_t id, owner_id; /* owner 0: nobody's */
    int64_t space_id;     /* the Space that it is; 0: none */
    str hex_id, client_id, name, home_url;
    str redirect_uris; /* JSON list of texts */
    str scopes;
    bool has_secret, allows_device;
    int64_t token_seconds, created_ms;
};
bool oauth_app_find(struct db_conn *c, str client_id, struct oauth_app *out, bool *found, struct arena *a, struct err *e);
bool oauth_app_list(struct db_conn *c, int64_t owner_id, struct arena *a, struct oauth_app **out, size_t *n, struct err *e);
/* name, home_url, redirect_uris, scopes, token_seconds, allows_device, owner_id are read.  *secret: shown once; .p NULL for a
 * public client.  Allows plain http for redirects to other machines where `http_is_fine`. */
bool oauth_app_create(struct db_conn *tx, const struct oauth_app *wanted, bool has_secret, bool http_is_fine, struct oauth_app *out,
                      str *secret, struct arena *a, struct err *e);
bool oauth_app_update(struct db_conn *tx, const struct oauth_app *changed, bool http_is_fine, struct arena *a, struct err *e);
bool oauth_app_new_secret(struct db_conn *tx, int64_t app_id, str *secret, struct arena *a, struct err *e);
bool oauth_app_delete(struct db_conn *tx, int64_t app_id, struct err *e); /* and every token that came through it */
bool oauth_app_secret_is(struct db_conn *c, int64_t app_id, str secret, bool *right, struct err *e);
/* The one that a Space is; name, home_url, redirect_uris, scopes, token_seconds and space_id are read.  It may send people back anywhere on the
 * hosts of redirect_uris.  In a transaction of its own, if anything is new. */
bool oauth_app_of_space(struct db *d, const struct oauth_app *wanted, struct oauth_app *out, struct arena *a, struct err *e);
bool oauth_app_forget_space(struct db_conn *tx, int64_t space_id, struct err *e); /* and every token that came through it */
bool oauth_redirect_is(const struct oauth_app *app, str uri, struct arena *a);
str oauth_host_of(str uri); /* "example.org:8000" */

/* ------------------------------------------------------------------ what people allow (account/oauth.c) */

struct oauth_request {
    const struct oauth_app *app;
    int64_t user_id;
    str redirect_uri, scopes, challenge, nonce;
};
/* Remembers the consent and makes a code, good for a minute. */
bool oauth_allow(struct db_conn *tx, const struct oauth_request *q, str *code, struct arena *a, struct err *e);
/* Has the user allowed the application all of these scopes before? */
bool oauth_consented(struct db_conn *c, int64_t app_id, int64_t user_id, str scopes, bool *yes, struct err *e);

struct oauth_consent {
    struct oauth_app app;
    str scopes;
    int64_t created_ms, tokens; /* tokens: that are alive */
};
bool oauth_consents(struct db_conn *c, int64_t user_id, struct arena *a, struct oauth_consent **out, size_t *n, struct err *e);
/* A user's access tokens, and what he has allowed applications, all of them; *n: his own tokens. */
bool oauth_revoke_all(struct db_conn *tx, int64_t user_id, int64_t *n, struct err *e);
bool oauth_withdraw(struct db_conn *tx, int64_t app_id, int64_t user_id, struct err *e); /* and every token that came of it */

struct oauth_tokens {
    int64_t user_id, expires_in_s;
    str access, refresh, scopes, nonce;
};
/* Each a transaction of its own, because a refusal may change something, too. */
bool oauth_redeem(struct db *d, const struct oauth_app *app, str code, str redirect_uri, str verifier, struct oauth_tokens *out,
                  struct arena *a, struct err *e);
bool oauth_refresh(struct db *d, const struct oauth_app *app, str token, str scopes, struct oauth_tokens *out, struct arena *a, struct err *e);

/* ------------------------------------------------------------------ devices (account/oauth_device.c) */

enum { OAUTH_DEVICE_SECONDS = 900, OAUTH_DEVICE_INTERVAL = 2 };
bool oauth_device_begin(struct db *d, const struct oauth_app *app, str scopes, str *device_code, str *user_code, struct arena *a, struct err *e);
struct oauth_device {
    int64_t id;
    struct oauth_app app;
    str scopes;
};
/* What the person typed: letters in any case, with or without the hyphen.  Not found: unknown, too old, or decided already. */
bool oauth_device_find(struct db_conn *c, str user_code, struct oauth_device *out, bool *found, struct arena *a, struct err *e);
bool oauth_device_decide(struct db_conn *tx, const struct oauth_device *device, int64_t user_id, bool allow, struct err *e);
bool oauth_device_poll(struct db *d, const struct oauth_app *app, str device_code, struct oauth_tokens *out, struct arena *a, struct err *e);

/* ------------------------------------------------------------------ signing */

/* The key of ID tokens, made at first use and kept in the database; it lives as long as the process. */
bool oauth_key(struct db *d, const struct sign_key **out, struct err *e);

#endif
