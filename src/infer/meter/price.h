/* infer/meter/price.h - what a call costs.
 *
 * Prices are data: cards in the database, each for one model or for all models up to a size.  Money is an integer of
 * nano-USD; a price is nano-USD per million tokens, so $0.50 per million is 500 000 000.  A call is rounded up once. */
#ifndef INFER_PRICE_H
#define INFER_PRICE_H

#include "db/db.h"

#define NANO_USD INT64_C(1000000000)

struct price_card {
    int64_t id, version;
    str name;
    str model;              /* .p NULL: by size */
    int64_t parameters_max; /* 0: any size */
    int64_t input, cached_input, output; /* per million tokens */
    int64_t second;         /* per second of computing */
};

struct price_units {
    uint64_t prompt, cached, completion; /* tokens; `cached` of them are in `prompt` too */
    uint64_t compute_us;
};
/* ERR_TOO_LARGE when it fits no int64. */
bool price_of(const struct price_card *card, const struct price_units *u, int64_t *nano, struct err *e);

/* The newest version of the model's own card, else of the smallest class that it fits. */
bool price_find(struct db_conn *c, str model, uint64_t parameters, struct price_card *out, struct arena *a, struct err *e);
/* Newest versions, by name. */
bool price_list(struct db_conn *c, struct arena *a, struct price_card **out, size_t *n, struct err *e);
/* A card, or a new version of the one with this name.  Fills id and version. */
bool price_put(struct db_conn *tx, struct price_card *card, struct err *e);

/* "1.25" to nano-USD, exactly; at most nine digits behind the point, at most a million dollars. */
bool price_parse(str text, int64_t *nano, struct err *e);
/* "$1.25", "$0.0012"; at least two digits behind the point, and no more than are there. */
str price_text(int64_t nano, struct arena *a);

#endif
