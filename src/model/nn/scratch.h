/* model/nn/scratch.h - room for what a call computes on its way, kept from call to call. */
#ifndef MODEL_NN_SCRATCH_H
#define MODEL_NN_SCRATCH_H

#include "base/err.h"

/* Start with zeros; end with scratch_free.  Belongs to one thread at a time. */
struct scratch {
    uint8_t *p; /* aligned to a page */
    size_t size;
};
/* At least n bytes, whose contents are lost when it has to grow. */
bool scratch_reserve(struct scratch *s, size_t n, struct err *e);
void scratch_free(struct scratch *s);

#endif
