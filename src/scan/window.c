/* scan/window.c - see scan/window.h. */
#include "scan/window.h"

void window_init(struct window *w, struct scan *s, const struct probe_input *in, size_t capacity)
{
    *w = (struct window){ .scan = s, .in = in, .p = in->head.p, .n = in->head.n, .capacity = capacity }; /* the head will often do */
}

void window_of(struct window *w, struct scan *s, bytes all) { *w = (struct window){ .scan = s, .p = all.p, .n = all.n, .capacity = all.n }; }

void window_deinit(struct window *w) { mem_free(w->buffer); }

const uint8_t *window_get(struct window *w, uint64_t at, size_t n, struct err *e)
{
    if (at >= w->at && at - w->at <= w->n && n <= w->n - (size_t)(at - w->at)) return w->p + (at - w->at);
    must(w->in && n <= w->capacity && at <= w->in->source->size_bytes && n <= w->in->source->size_bytes - at);
    if (!w->buffer) w->buffer = mem_alloc(w->capacity);
    uint64_t left = w->in->source->size_bytes - at;
    size_t take = left < w->capacity ? (size_t)left : w->capacity;
    w->n = 0;
    if (!scan_read(w->scan, w->in, at, w->buffer, take, e)) return NULL;
    w->p = w->buffer;
    w->at = at;
    w->n = take;
    return w->p;
}
