/* hub/sealed.h - values that lie sealed in the database, with the key in HOME/secret.key (account/secret_box.h).
 *
 * The key is made with the first value, inside the write transaction that stores it: writers of all processes take turns
 * there, so that no two of them make a key.  It is never made anew while something is sealed with the one that is missing. */
#ifndef HUB_SEALED_H
#define HUB_SEALED_H

#include "hub/hub.h"

/* context: where the value stands; sealed for one place, it opens at no other. */
bool hub_seal(struct hub *h, struct db_conn *tx, str context, str value, struct buf *out, struct err *e);
bool hub_unseal(struct hub *h, str context, bytes sealed, str *out, struct arena *a, struct err *e);

#endif
