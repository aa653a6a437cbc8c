/* scan/window.h - a content seen through a window that moves forward with what is asked for.  Inside this folder alone. */
#ifndef SCAN_WINDOW_H
#define SCAN_WINDOW_H

#include "scan/probe.h"

struct window {
    struct scan *scan;
    const struct probe_input *in; /* NULL: all is in p already */
    uint8_t *buffer;
    const uint8_t *p; /* bytes [at, at + n) of the content */
    uint64_t at;
    size_t n, capacity;
};

void window_init(struct window *w, struct scan *s, const struct probe_input *in, size_t capacity);
void window_of(struct window *w, struct scan *s, bytes all); /* a content in memory */
void window_deinit(struct window *w);
/* n bytes at `at`, which are inside of the content and no more than the capacity; NULL: a read failed.  Valid until the next call. */
const uint8_t *window_get(struct window *w, uint64_t at, size_t n, struct err *e);
/* How many bytes stand behind `at` in the window now. */
static inline size_t window_left(const struct window *w, uint64_t at) { return at >= w->at && at - w->at <= w->n ? w->n - (size_t)(at - w->at) : 0; }

#endif
