/* http/ring.h - bytes between two threads, at most `cap` of them.  Not locked: the request's lock guards it. */
#ifndef HTTP_RING_H
#define HTTP_RING_H

#include "base/arena.h"

struct ring {
    uint8_t *p; /* NULL until ring_init */
    size_t cap, first, n;
};

static inline void ring_init(struct ring *r, size_t cap)
{
    *r = (struct ring){ mem_grow(NULL, cap), cap, 0, 0 }; /* not zeroed: nothing is read before it was put */
}

static inline void ring_deinit(struct ring *r)
{
    mem_free(r->p);
    *r = (struct ring){ 0 };
}

/* Puts what fits, and says how much that was. */
static inline size_t ring_put(struct ring *r, bytes b)
{
    size_t n = b.n < r->cap - r->n ? b.n : r->cap - r->n;
    size_t at = (r->first + r->n) % r->cap;
    size_t front = n < r->cap - at ? n : r->cap - at;
    if (front) memcpy(r->p + at, b.p, front);
    if (n > front) memcpy(r->p, b.p + front, n - front);
    r->n += n;
    return n;
}

static inline size_t ring_take(struct ring *r, uint8_t *out, size_t max)
{
    size_t n = max < r->n ? max : r->n;
    size_t front = n < r->cap - r->first ? n : r->cap - r->first;
    if (front) memcpy(out, r->p + r->first, front);
    if (n > front) memcpy(out + front, r->p, n - front);
    r->n -= n;
    r->first = r->n ? (r->first + n) % r->cap : 0; /* an empty ring starts over, so that copies are whole */
    return n;
}

#endif
