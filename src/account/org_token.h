/* account/org_token.h - which tokens of its members an organisation lets in.
 *
 * A token reaches the organisations of its owner.  An administrator of one may revoke that: there the token is then a stranger's,
 * elsewhere it goes on working.  What administers the whole installation is not bound by it. */
#ifndef ACCOUNT_ORG_TOKEN_H
#define ACCOUNT_ORG_TOKEN_H

#include "account/account.h"

struct org_token {
    struct token token;
    str owner;          /* whose it is */
    int64_t revoked_ms; /* 0: it is let in */
};
/* Tokens of members and service accounts that reach it, or would, newest first, of those made before `before_id` (0: all); fine-grained
 * ones that name neither it nor anything in it are left out.  *next: where the next page begins, 0 at the end. */
bool org_token_list(struct db_conn *c, const struct account *org, int64_t before_id, size_t limit, struct arena *a, struct org_token **out,
                    size_t *n, int64_t *next, struct err *e);
bool org_token_revoke(struct db_conn *tx, int64_t org_id, str hex_id, bool *found, struct err *e); /* again is fine */
bool org_token_let_in(struct db_conn *tx, int64_t org_id, str hex_id, bool *found, struct err *e);
bool org_token_is_revoked(struct db_conn *c, const struct identity *who, int64_t org_id, bool *yes, struct err *e);

#endif
