/* hub/community/collection_priv.h - what collection.c (reading) and collection_edit.c (changing) share. */
#ifndef HUB_COLLECTION_PRIV_H
#define HUB_COLLECTION_PRIV_H

#include "hub/community/collection.h"

/* collection as "c", joined with its owner as "o": read by collection_read. */
#define COLLECTION_COLUMNS                                                                                   \
    "c.id, c.owner_id, c.position, c.created_ms, c.updated_ms, c.hex_id, o.name, c.title, c.description,"     \
    " c.theme, c.is_private"
void collection_read(struct db_query *q, struct collection *out, struct arena *a);

#endif
