/* account/external.h - which account a person of an outside OpenID provider is (api/oauth/external.h finds out who it is).
 *
 * By issuer and subject alone: nobody gets an account by bearing its name, or its mail address.  Who has signed in before, or connected the
 * account, comes first; then what the operator chose of the provider's claims, the subject unless he says otherwise, may be the external id of a
 * user whose account an organisation made by SCIM (account/scim.h). */
#ifndef ACCOUNT_EXTERNAL_H
#define ACCOUNT_EXTERNAL_H

#include "account/account.h"

struct external_person {
    str issuer, subject, name, fullname, email; /* name: wished, as the provider has it; email empty unless it is verified */
    str scim_id; /* the externalId of whom SCIM calls so; empty: of nobody */
};
bool external_account_find(struct db_conn *tx, const struct external_person *p, struct account *out, bool *found, struct arena *a, struct err *e);
bool external_account_make(struct db_conn *tx, const struct external_person *p, struct account *out, struct arena *a, struct err *e);
/* The account signs in that way, too, from now on.  Somebody else does: ERR_CONFLICT. */
bool external_account_link(struct db_conn *tx, const struct external_person *p, int64_t account_id, struct err *e);
bool external_account_is_linked(struct db_conn *c, str issuer, int64_t account_id, bool *is_linked, struct err *e);
/* An attempt to sign in, by its secret: is its answer brought for the first time?  Remembered until `until_ms`, when the attempt ends. */
bool external_use_once(struct db_conn *tx, str secret, int64_t until_ms, bool *is_first, struct err *e);

#endif
