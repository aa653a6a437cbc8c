/* db/credentials.h - the key to the tables that hold credentials.
 *
 * Statements that touch account_password, account_token, account_session, account_invite, account_external,
 * account_second_factor, account_recovery_code, signing_key, oauth_app, oauth_authorization or oauth_refresh are
 * refused (ERR_INTERNAL) unless the connection was unlocked around them.  Only src/account includes this header; a test
 * sees to it.
 * Pairs nest. */
#ifndef DB_CREDENTIALS_H
#define DB_CREDENTIALS_H

#include "db/db.h"

void db_credentials_begin(struct db_conn *c);
void db_credentials_end(struct db_conn *c);

#endif
