/* account/account.h - users, organisations, memberships, tokens, and who may do what in a namespace.
 *
 * Names compare without case.  Functions that only read take a reader or a transaction; functions that
 * write take a transaction, so that the caller decides what belongs together.  "IDs" are row numbers;
 * hex_id is what clients see.  Only this folder reads or writes password and token hashes. */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "db/db.h"

/* A service account is a user in the database: it writes, and is named as who wrote.  It has no password, no page and no
 * namespace of its own, and whoever asks for a user does not get one (account/service.h). */
enum account_kind { ACCOUNT_USER, ACCOUNT_ORG, ACCOUNT_SERVICE };

struct account {
    int64_t id;
    enum account_kind kind;
    str hex_id, name, fullname, email, details; /* email.p NULL when unknown */
    bool is_admin;      /* of the whole installation */
    bool is_disabled;
    bool repos_private; /* new repositories are private unless asked otherwise */
    int64_t created_ms;
    int64_t service_of; /* a service account: its organisation */
    bool needs_factor;  /* an organisation: it lets nobody in whose password alone signs him in (account/second_factor.h) */
    str upstream;       /* the hub whose namespace this is, and whose repositories are mirrored in it; empty: ours */
};

/* Roles in an organisation, each containing the ones before it. */
enum account_role { ROLE_NONE, ROLE_NO_ACCESS, ROLE_READ, ROLE_CONTRIBUTOR, ROLE_WRITE, ROLE_ADMIN };
str account_role_name(enum account_role r);
bool account_role_parse(str s, enum account_role *out);

/* 2 to 42 letters, digits, single inner hyphens; not only digits, not 24 hexadecimal digits, not a reserved
 * first path segment ("api", "datasets", ...).  An administrator may also use underscores and dots. */
bool account_name_check(str name, bool by_admin, struct err *e);
bool account_name_is_reserved(str name);

bool account_create(struct db_conn *tx, enum account_kind kind, str name, bool by_admin, struct account *out,
                    struct arena *a, struct err *e); /* taken: ERR_CONFLICT */
/* An organisation without members, for repositories of the same namespace at another hub. */
bool account_create_mirror(struct db_conn *tx, str name, str upstream, struct account *out, struct arena *a, struct err *e);
bool account_find(struct db_conn *c, str name, struct account *out, bool *found, struct arena *a, struct err *e);
bool account_get(struct db_conn *c, int64_t id, struct account *out, struct arena *a, struct err *e);
bool account_find_hex(struct db_conn *c, str hex_id, struct account *out, bool *found, struct arena *a, struct err *e);
str account_noreply(str name, struct arena *a); /* the address that commits name an account by; nothing is ever sent there */
bool account_update(struct db_conn *tx, const struct account *changed, struct err *e); /* fullname, email, details, repos_private */
/* Each by itself: what was read of an account before the transaction must not bring back a right that was taken since. */
bool account_set_admin(struct db_conn *tx, int64_t id, bool is_admin, struct err *e);
bool account_set_disabled(struct db_conn *tx, int64_t id, bool is_disabled, struct err *e); /* disabled: its sessions end */
bool account_delete(struct db_conn *tx, int64_t id, struct err *e); /* owns repositories: ERR_CONFLICT */
/* Users and/or organisations whose name contains `search`, by name, behind `after`. */
bool account_list(struct db_conn *c, enum account_kind kind, str search, str after, size_t limit, struct arena *a,
                  struct account **out, size_t *n, struct err *e);
bool account_count(struct db_conn *c, enum account_kind kind, int64_t *n, struct err *e);

/* Argon2id; at most two at a time in the process, since each takes 64 MiB.  Blocks; when too many wait: ERR_BUSY. */
enum { PASSWORD_HASH_BYTES = 128 };
/* Call it before the transaction begins, and account_store_password inside: hashing takes a tenth of a second. */
bool password_hash(str password, char out[PASSWORD_HASH_BYTES], struct err *e); /* under 8 bytes: ERR_INVALID */
uint64_t password_computations(void); /* how often Argon2id was computed in this process; from any thread */
bool account_store_password(struct db_conn *tx, int64_t id, const char *hash, struct err *e);
bool account_has_password(struct db_conn *c, int64_t id, bool *has, struct err *e);
bool account_check_password(struct db_conn *c, str name, str password, struct account *out, bool *right,
                            struct arena *a, struct err *e); /* takes as long for an unknown name */

/* What stands behind /password/choose?link=: good for a day, for one use, and only until the password is changed otherwise. */
bool password_link_make(struct db *d, struct db_conn *c, int64_t account_id, int64_t made_by, str *out, struct arena *a, struct err *e);
bool password_link_read(struct db *d, struct db_conn *c, str link, struct account *out, struct arena *a, struct err *e); /* ERR_NOT_FOUND */

struct account_member {
    struct account user;
    enum account_role role;
    bool lacks_factor; /* kept out, as account.needs_factor says */
};
bool account_set_member(struct db_conn *tx, int64_t org_id, int64_t user_id, enum account_role role, struct err *e); /* ROLE_NONE removes; the last admin stays: ERR_CONFLICT */
bool account_set_needs_factor(struct db_conn *tx, int64_t org_id, bool needs, struct err *e);
bool account_members(struct db_conn *c, int64_t org_id, str search, str after, size_t limit, struct arena *a,
                     struct account_member **out, size_t *n, struct err *e);
bool account_member_role(struct db_conn *c, int64_t org_id, int64_t user_id, enum account_role *out, struct err *e); /* ROLE_NONE: no member */
bool account_members_count(struct db_conn *c, int64_t org_id, int64_t *n, struct err *e);
struct account_org {
    struct account org;
    enum account_role role;
    bool lacks_factor; /* kept out of it: account_role_in is ROLE_NONE */
};
bool account_orgs(struct db_conn *c, int64_t user_id, struct arena *a, struct account_org **out, size_t *n, struct err *e);

/* ------------------------------------------------------------------ tokens */

enum token_role { TOKEN_READ, TOKEN_WRITE, TOKEN_ADMIN, TOKEN_FINE_GRAINED };
str token_role_name(enum token_role r);
bool token_role_parse(str s, enum token_role *out);

enum { ACCESS_TOKEN_BYTES = 37 }; /* "hf_" and 34 letters or digits */
struct token {
    int64_t id, account_id;
    str hex_id, label, last4, scopes; /* scopes: JSON text */
    enum token_role role;
    int64_t created_ms, expires_ms, used_ms; /* 0: never */
};
/* secret .p NULL makes a fresh one, otherwise it registers a token that was issued elsewhere
 * ("hf_" and 17 to 253 letters, digits or _: other hubs have other lengths).  text receives the token; it is not kept anywhere. */
bool token_create(struct db_conn *tx, int64_t account_id, enum token_role role, str label, str scopes, int64_t expires_ms,
                  str secret, struct token *out, str *text, struct arena *a, struct err *e);
bool token_list(struct db_conn *c, int64_t account_id, struct arena *a, struct token **out, size_t *n, struct err *e);
/* Access tokens of all accounts that are enabled, service accounts too, which end between the two; the first to end comes first. */
struct token_end {
    struct token token;
    str account;
};
bool token_ending(struct db_conn *c, int64_t from_ms, int64_t until_ms, struct arena *a, struct token_end **out, size_t *n, struct err *e);
bool token_revoke(struct db_conn *tx, int64_t account_id, str hex_id, bool *found, struct err *e);
/* Of a fine-grained one: another label, other scopes.  *found: it was there. */
bool token_change(struct db_conn *tx, int64_t account_id, str hex_id, str label, str scopes, bool *found, struct arena *a, struct err *e);
/* The same token with another secret: label, role, scopes and expiry stay.  *found: it was there. */
bool token_rotate(struct db_conn *tx, int64_t account_id, str hex_id, str *text, bool *found, struct arena *a, struct err *e);
bool token_revoke_all(struct db_conn *tx, int64_t account_id, struct err *e); /* and what applications were allowed */
bool token_revoke_secret(struct db_conn *tx, str secret, bool *found, struct err *e);

/* ------------------------------------------------------------------ who is asking */

/* The outcome of looking at a request's credentials.  user_id 0: anonymous. */
struct identity {
    int64_t user_id;
    int64_t service_of;     /* a service account: its organisation, else 0 */
    str name;
    bool is_admin;          /* user is administrator AND the token says so */
    bool via_token;
    bool is_kept_out;       /* some organisation has revoked the token (account/org_token.h) */
    struct token token;     /* when via_token */
    const struct json *scopes; /* parsed, for fine-grained tokens */
};
/* A token or, for `basic`, a token or a password as the password part.  Unknown, expired or of a disabled
 * account: ERR_UNAUTHENTICATED with the message clients know ("Invalid credentials in Authorization header"). */
bool identity_from_token(struct db_conn *c, str token, struct identity *out, struct arena *a, struct err *e);
bool identity_from_password(struct db_conn *c, str name, str password, struct identity *out, struct arena *a, struct err *e);
#define SECOND_FACTOR_MISSING "SecondFactorMissing" /* the kind of the error: the password was right, and is not enough (account/second_factor.h) */
/* Who stands behind credentials that were checked before (of which the numbers were kept), as of now: user 0 is nobody,
 * token 0 a password.  The token or the account is gone, expired or disabled: ERR_UNAUTHENTICATED. */
bool identity_again(struct db_conn *c, int64_t user_id, int64_t token_id, struct identity *out, struct arena *a, struct err *e);
/* Notes the use of a token, at most once a minute per token; kept in memory and written by account_flush. */
void identity_note_use(const struct identity *id);
bool account_flush(struct db *d, struct err *e); /* writes what identity_note_use remembered */

/* What the user may do with what `owner` owns (ROLE_ADMIN for the own namespace and for administrators),
 * without looking at the token. */
bool account_role_in(struct db_conn *c, const struct identity *who, int64_t owner_id, enum account_role *out, struct err *e);

/* What the token allows, for an entity: right = user's right AND token's right. */
enum token_right {
    RIGHT_READ, RIGHT_WRITE, RIGHT_GATED, RIGHT_DISCUSS, RIGHT_ACCOUNT, RIGHT_CALL,
    RIGHT_SERVICE_READ, RIGHT_SERVICE_WRITE, /* of an organisation: its service accounts */
    RIGHT_GROUPS, /* of an organisation: to change its resource groups */
    RIGHT_MANAGE, /* settings, name, end of a repository: only for applications is it more than RIGHT_WRITE */
};
struct token_target {
    str entity_type;   /* "model", "dataset", "space", "user", "org", ... */
    str entity_name;   /* "owner/name", or the account's name */
    str entity_hex_id;
    str owner_name;    /* whose namespace: a scope on the owner covers what is in it */
};
bool identity_token_allows(const struct identity *who, enum token_right right, const struct token_target *t);
/* May the token put this permission on the target into another token?  Only what it has itself: a token never makes a wider one. */
bool identity_token_may_give(const struct identity *who, const char *permission, const struct token_target *t);

/* ------------------------------------------------------------------ sessions of browsers (account/session.c) */

enum { SESSION_SECRET = 43, SESSION_FORM_TOKEN = 32 };
/* secret receives what goes into the cookie; it is not kept anywhere.  `browser` is shown in a list. */
bool session_begin(struct db_conn *tx, int64_t account_id, str browser, char secret[SESSION_SECRET + 1], struct err *e);
/* Not found: unknown, expired, or of a disabled account, and *out is nobody.  *is_old: session_renew is due. */
bool identity_from_session(struct db_conn *c, str secret, struct identity *out, bool *found, bool *is_old, struct arena *a,
                           struct err *e);
bool session_renew(struct db *d, str secret, struct err *e); /* in a transaction of its own */
bool session_end(struct db_conn *tx, str secret, struct err *e); /* unknown: fine */
bool session_end_others(struct db_conn *tx, int64_t account_id, str secret, struct err *e); /* secret "": all of them */
struct session {
    int64_t id, created_ms, seen_ms; /* seen: to the week or so */
    str browser;
    bool is_this; /* the one that `secret` is of */
};
bool session_list(struct db_conn *c, int64_t account_id, str secret, struct arena *a, struct session **out, size_t *n, struct err *e);
bool session_end_one(struct db_conn *tx, int64_t account_id, int64_t id, struct err *e); /* somebody else's, or gone: nothing */
/* What a form, or the header X-CSRF-Token, must carry when a cookie says who asks. */
void session_form_token(str secret, char out[SESSION_FORM_TOKEN + 1]);
bool session_form_token_is(str secret, str given);

/* ------------------------------------------------------------------ signing and audit */

/* A 32-byte key per purpose, made at first use. */
bool signing_key(struct db *d, const char *purpose, uint8_t out[32], struct err *e);
struct audit_query {
    int64_t before_id; /* 0: from the newest */
    str type;          /* "repo", "repo.create"; empty: any */
    str name;          /* who did it, or whom it concerns; empty: anybody */
    str words;         /* part of the message */
    size_t limit;
};
struct audit_row {
    int64_t id, at_ms;
    str actor, actor_hex, type, account, message, ip; /* actor .p NULL: the command line, or somebody who is gone */
};
bool audit_list(struct db_conn *c, const struct audit_query *q, struct arena *a, struct audit_row **out, size_t *n, struct err *e); /* newest first */
/* What concerns an account, newest first, older than before_id (INT64_MAX: from the newest on); rows are views, for as long as fn runs. */
bool audit_of_each(struct db_conn *c, int64_t account_id, int64_t before_id, size_t limit, void (*fn)(void *ctx, const struct audit_row *row),
                   void *ctx, struct err *e);
bool audit_add(struct db_conn *tx, const struct identity *actor, const char *type, int64_t account_id, str message, str ip,
               struct err *e); /* actor NULL: the command line */

#endif
