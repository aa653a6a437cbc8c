/* account/account_priv.h - what the files of this folder share. */
#ifndef ACCOUNT_ACCOUNT_PRIV_H
#define ACCOUNT_ACCOUNT_PRIV_H

#include "account/account.h"
#include "base/hash.h"

/* The columns of an account, in the order that account_read expects, for `SELECT ... FROM account a`. */
#define ACCOUNT_COLUMNS \
    "a.id, a.kind, a.hex_id, a.name, a.fullname, a.email, a.details, a.is_admin, a.is_disabled, a.repos_private, a.created_ms, a.service_of, a.upstream, a.needs_factor"
enum { ACCOUNT_COLUMNS_COUNT = 14 };
void account_read(struct db_query *q, struct account *out, struct arena *a);

/* "Ada Lovelace" becomes "Ada-Lovelace": what the sign-up form would take, short enough for a number behind it; perhaps empty. */
str account_plain_name(str wished, struct arena *a);
/* A user of this name, or of the first of NAME-2, NAME-3, .. that is free. */
bool account_create_like(struct db_conn *tx, str name, struct account *out, struct arena *a, struct err *e);

/* The lower-case form under which a name is found. */
str account_key(str name, struct arena *a);
/* `%search%` with the wildcards of LIKE escaped by '\'. */
str account_like(str search, struct arena *a);

/* member.c: after a user's password or second factor came or went. */
bool member_weigh_factor(struct db_conn *tx, int64_t user_id, struct err *e);
/* Would the organisation still have an administrator without him?  ERR_CONFLICT. */
bool member_keeps_admin(struct db_conn *tx, int64_t org_id, int64_t user_id, struct err *e);

/* password_known.c: was this password found right for this stored hash, some minutes ago at most? */
bool password_is_known(str stored, str password);
void password_know(str stored, str password);

bool token_hash(str text, struct sha256 *out); /* false: cannot be a token */
void token_read(struct db_query *q, int from, struct token *out, struct arena *a);
#define TOKEN_COLUMNS \
    "t.id, t.account_id, t.hex_id, t.label, t.last4, t.scopes, t.role, t.created_ms, t.expires_ms, t.used_ms"
enum { TOKEN_COLUMNS_COUNT = 10 };

#endif
