/* hub/space_label.h - the name of a Space's host: "acme/My.App" is at acme-my-app.spaces-domain.
 *
 * Different Spaces may have the same plain name (a-b/c and a/b-c), or one that is too long for DNS.  So a label is given when the Space
 * gets its name, is unique, and is looked up from then on, never worked out again. */
#ifndef HUB_SPACE_LABEL_H
#define HUB_SPACE_LABEL_H

#include "hub/hub.h"

enum { SPACE_LABEL_MAX = 63 }; /* of DNS */
/* The plain one for try 0, which may be too long: false.  Others are cut, and end in eight digits of a hash. */
bool space_label_of(str full_name, unsigned try, char out[SPACE_LABEL_MAX + 1]);
/* In the transaction that gives the Space its name. */
bool space_label_give(struct db_conn *tx, int64_t repo_id, str full_name, struct err *e);
/* To Spaces of an older Hearth. */
bool space_label_fill(struct hub *h, struct err *e);

bool space_find_label(struct db_conn *c, str label, struct repo *out, bool *found, struct arena *a, struct err *e);

#endif
