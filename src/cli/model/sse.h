/* cli/model/sse.h - server-sent events, read as they come, in pieces that end anywhere. */
#ifndef CLI_SSE_H
#define CLI_SSE_H

#include "base/buf.h"
#include "base/err.h"

struct sse {
    struct buf line, data; /* of the line and of the event that are not whole yet */
    bool has_data, was_cr, has_begun;
    /* The data of an event, its lines with line ends between them, borrowed for the call.  False ends the reading. */
    bool (*event)(void *ctx, str data, struct err *e);
    void *ctx;
};
/* No line, and no event, may be longer than bytes_max. */
void sse_init(struct sse *s, size_t bytes_max, bool (*event)(void *ctx, str data, struct err *e), void *ctx);
void sse_deinit(struct sse *s);
/* False: an event said so, or ERR_TOO_LARGE; nothing more may be given to it then. */
bool sse_take(struct sse *s, str piece, struct err *e);
/* Nothing more comes: an event that no empty line ended is one all the same, for not every server sends it. */
bool sse_end(struct sse *s, struct err *e);

#endif
