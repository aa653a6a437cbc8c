/* infer/worker/frame.h - what parent and worker say to each other, over one stream socket.
 *
 * A frame is a header of 16 bytes, little-endian, and a text:
 *     u32 bytes of the text, u16 kind, u16 zero, u64 call (0: none)
 * Neither side believes the other: a longer frame, or one of an unknown kind, is ERR_INVALID, after which the channel is of no
 * further use.  Many threads may send, one receives. */
#ifndef INFER_FRAME_H
#define INFER_FRAME_H

#include "base/err.h"

enum frame_kind { /* see docs/INFERENCE.md */
    FRAME_LOAD = 1, FRAME_BYTES, FRAME_CALL, FRAME_CANCEL, FRAME_ADAPTER,            /* from the parent */
    FRAME_READ, FRAME_READY, FRAME_PART, FRAME_DONE, FRAME_FAIL, FRAME_ALIVE, FRAME_ADAPTED, FRAME_COUNTED, /* from the worker */
    FRAME_KINDS,
};
enum { FRAME_TEXT_MAX = 16 << 20 };

struct frame {
    enum frame_kind kind;
    uint64_t call;
    str text; /* until the next channel_receive */
};

struct channel;
struct channel *channel_new(int fd); /* the descriptor is its own from now on */
void channel_free(struct channel *c); /* NULL is fine */
/* Waits while the other side does not read.  ERR_CLOSED when it is gone. */
bool channel_send(struct channel *c, enum frame_kind kind, uint64_t call, str text, struct err *e);
/* As channel_send, but may keep it until channel_flush: what belongs together leaves together.  One thread then does all the sending. */
bool channel_keep(struct channel *c, enum frame_kind kind, uint64_t call, str text, struct err *e);
bool channel_flush(struct channel *c, struct err *e);
/* Never waits: whoever receives on this side writes it when there is room, and is woken for that.  A channel either sends or
 * posts, for the two are not in order. */
bool channel_post(struct channel *c, enum frame_kind kind, uint64_t call, str text, struct err *e);
/* Whoever waits in receive on this side returns without a frame, now or at the next call. */
void channel_wake(struct channel *c);
/* *got false: nothing came within timeout_ms (-1: waits for ever; 0: looks), or channel_wake was called. */
bool channel_receive(struct channel *c, int timeout_ms, struct frame *out, bool *got, struct err *e);

#endif
