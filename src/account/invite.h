/* account/invite.h - links by which people make an account, and users who are asked into organisations. */
#ifndef ACCOUNT_INVITE_H
#define ACCOUNT_INVITE_H

#include "account/account.h"

enum { INVITE_SECRET = 32, INVITES_MAX = 200 };
struct invite {
    int64_t id, org_id; /* org 0: none */
    enum account_role org_role;
    str label, made_by, used_by, org; /* .p NULL: none */
    int64_t created_ms, expires_ms, used_ms;
};
/* *secret is what stands in the link; it is not kept anywhere. */
bool invite_create(struct db_conn *tx, int64_t made_by, str label, int64_t org_id, enum account_role role, int64_t expires_ms, str *secret,
                   struct arena *a, struct err *e);
bool invite_list(struct db_conn *c, struct arena *a, struct invite **out, size_t *n, struct err *e);
bool invite_revoke(struct db_conn *tx, int64_t id, struct err *e);
/* Good: known, not used, not too old. */
bool invite_find(struct db_conn *c, str secret, struct invite *out, bool *good, struct arena *a, struct err *e);
bool invite_use(struct db_conn *tx, const struct invite *i, int64_t account_id, struct err *e); /* and joins its organisation; used meanwhile: ERR_CONFLICT */

struct org_invite {
    struct account other; /* of a user's invitations the organisation, of an organisation's the user */
    str invited_by; /* .p NULL: nobody is known */
    enum account_role role;
    int64_t created_ms;
};
bool org_invite_put(struct db_conn *tx, int64_t org_id, int64_t user_id, enum account_role role, int64_t by, struct err *e); /* a member: ERR_CONFLICT */
bool org_invite_of_user(struct db_conn *c, int64_t user_id, struct arena *a, struct org_invite **out, size_t *n, struct err *e);
bool org_invite_of_org(struct db_conn *c, int64_t org_id, struct arena *a, struct org_invite **out, size_t *n, struct err *e);
/* accept: the user becomes a member.  None: ERR_NOT_FOUND. */
bool org_invite_answer(struct db_conn *tx, int64_t org_id, int64_t user_id, bool accept, struct err *e);

#endif
