/* account/scim.h - users and groups that an organisation's identity provider keeps here (SCIM 2.0; docs/SCIM.md says why it is so).
 *
 * A managed user is an account that the organisation made, and that is its to change and to close.  An invited user is somebody's own
 * account: the organisation asks him in and puts him out, and can do nothing else to it.  No account that was there becomes managed. */
#ifndef ACCOUNT_SCIM_H
#define ACCOUNT_SCIM_H

#include "account/account.h"

#define SCIM_UNIQUENESS "uniqueness" /* kinds of errors, as the protocol calls them */
#define SCIM_MUTABILITY "mutability"

enum { SCIM_USERS_MAX = 100000 };

/* What the operator lets an organisation do, and the role that who comes by SCIM has in it. */
struct scim_org {
    bool makes_accounts;
    enum account_role role;
};
bool scim_org_get(struct db_conn *c, int64_t org_id, struct scim_org *out, struct err *e);
bool scim_org_set(struct db_conn *tx, int64_t org_id, const struct scim_org *to, struct err *e);

/* The operator's word, into the organisation's log; who NULL: by the command line. */
bool scim_org_allow(struct db_conn *tx, int64_t org_id, bool makes_accounts, const struct identity *who, str ip, struct err *e);

enum scim_kind { SCIM_INVITED, SCIM_MANAGED };
struct scim_user {
    int64_t id; /* the account */
    str hex_id, name;
    str external_id; /* .p NULL: none */
    str given_name, family_name, email;
    bool is_active; /* managed: may sign in, and is a member; invited: is a member, or asked */
    bool is_member;
};
/* Who does it, for whom; all calls write their line in the organisation's log. */
struct scim_by {
    const struct account *org;
    const struct identity *who;
    str ip;
};
/* Of `in` all but the ids.  Managed: a new account; the name is anybody's: SCIM_UNIQUENESS, unless it is one that the organisation
 * manages, that is not active, and that has the same external id, which comes back.  Invited: ERR_NOT_FOUND when there is no such account. */
bool scim_user_create(struct db_conn *tx, const struct scim_by *by, enum scim_kind kind, const struct scim_user *in, struct scim_user *out,
                      struct arena *a, struct err *e);
/* To what `to` says; its name is as it was (SCIM_MUTABILITY).  Of an invited user only external_id and is_active change. */
bool scim_user_update(struct db_conn *tx, const struct scim_by *by, enum scim_kind kind, const struct scim_user *was, const struct scim_user *to,
                      struct arena *a, struct err *e);
bool scim_user_remove(struct db_conn *tx, const struct scim_by *by, enum scim_kind kind, const struct scim_user *u, struct arena *a, struct err *e);
bool scim_user_find(struct db_conn *c, int64_t org_id, enum scim_kind kind, str hex_id, struct scim_user *out, bool *found, struct arena *a, struct err *e);

/* Which of them: all, or those with this id, name (without case), external id. */
enum scim_key { SCIM_ALL, SCIM_BY_ID, SCIM_BY_NAME, SCIM_BY_EXTERNAL_ID };
struct scim_range {
    enum scim_key key;
    str value;
    int64_t from, count; /* from 0; count < 0: to the end */
};
/* In the order in which the accounts were made; views, for as long as fn runs.  False of fn ends it: with an error. */
typedef bool scim_user_fn(void *ctx, const struct scim_user *u, struct err *e);
bool scim_user_each(struct db_conn *c, int64_t org_id, enum scim_kind kind, const struct scim_range *r, scim_user_fn *fn, void *ctx, struct err *e);
bool scim_user_count(struct db_conn *c, int64_t org_id, enum scim_kind kind, int64_t *n, struct err *e);

/* Whom the outside provider's person is who signs in: the managed user with this external id, of an organisation that makes accounts.
 * Several have it: nobody. */
bool scim_user_by_external(struct db_conn *c, str external_id, int64_t *account_id, struct err *e);
/* Which organisation manages the account; .p NULL: none. */
bool scim_manager_of(struct db_conn *c, int64_t account_id, str *org, struct arena *a, struct err *e);

/* ------------------------------------------------------------------ groups */

/* A resource group whose people SCIM keeps.  They have the role that the organisation's administrators chose for it. */
struct scim_group {
    int64_t id; /* the resource group */
    str hex_id, name, external_id;
    enum account_role role;
};
bool scim_group_create(struct db_conn *tx, const struct scim_by *by, str name, str external_id, struct scim_group *out, struct arena *a, struct err *e);
bool scim_group_update(struct db_conn *tx, const struct scim_by *by, const struct scim_group *was, const struct scim_group *to, struct arena *a, struct err *e);
bool scim_group_remove(struct db_conn *tx, const struct scim_by *by, const struct scim_group *g, struct arena *a, struct err *e); /* something is in it: ERR_CONFLICT */
bool scim_group_set_role(struct db_conn *tx, const struct scim_by *by, const struct scim_group *g, enum account_role role, struct arena *a, struct err *e);
bool scim_group_find(struct db_conn *c, int64_t org_id, str hex_id, struct scim_group *out, bool *found, struct arena *a, struct err *e);
bool scim_group_list(struct db_conn *c, int64_t org_id, struct arena *a, struct scim_group **out, size_t *n, struct err *e); /* in the order in which they were made */

/* These users of this kind, by their ids, and no others of it; one that is none: ERR_INVALID. */
bool scim_group_set_members(struct db_conn *tx, const struct scim_by *by, enum scim_kind kind, const struct scim_group *g, const str *hex_id, size_t n,
                            struct arena *a, struct err *e);
typedef bool scim_member_fn(void *ctx, str hex_id);
bool scim_group_members(struct db_conn *c, const struct scim_group *g, enum scim_kind kind, scim_member_fn *fn, void *ctx, struct err *e);

#endif
