/* http/ring.h - bytes between two threads, at most `cap` of them.
 *
 * One thread puts, one takes.  The counters are guarded by the request's lock; the bytes are not: what is
 * free belongs to the one who puts, what is full to the one who takes, so copying needs no lock. */
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

/* The next free piece of at most n bytes in a row; 0 when the ring is full. */
static inline size_t ring_room(const struct ring *r, size_t n, uint8_t **at)
{
    size_t end = r->first + r->n, row = end < r->cap ? r->cap - end : r->cap - r->n;
    *at = r->p + (end < r->cap ? end : end - r->cap);
    return n < row ? n : row;
}

static inline void ring_added(struct ring *r, size_t n) { r->n += n; }

/* The next full piece of at most n bytes in a row; 0 when the ring is empty. */
static inline size_t ring_data(const struct ring *r, size_t n, const uint8_t **at)
{
    size_t row = r->n < r->cap - r->first ? r->n : r->cap - r->first;
    *at = r->p + r->first;
    return n < row ? n : row;
}

static inline void ring_taken(struct ring *r, size_t n)
{
    r->n -= n;
    r->first = r->first + n == r->cap ? 0 : r->first + n;
}

#endif
