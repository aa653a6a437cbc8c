/* model/nn/scratch.c - see model/nn/scratch.h. */
#include "model/nn/scratch.h"

#include "base/map.h"

void scratch_free(struct scratch *s)
{
    pages_free(s->p, s->size);
    *s = (struct scratch){ 0 };
}

bool scratch_reserve(struct scratch *s, size_t n, struct err *e)
{
    void *p;
    if (n <= s->size) return true;
    scratch_free(s);
    if (!pages_alloc(n, &p, e)) return false;
    *s = (struct scratch){ p, n };
    return true;
}
