/* scan/protobuf.h - a message of Protocol Buffers, read where it lies: only what somebody asks for is brought into memory.
 *
 *     message: fields one after the other; field: varint (number << 3 | wire type), then
 *     0 varint     1 eight bytes     2 varint n and n bytes: text, bytes or a message     5 four bytes
 *
 * A table says which fields of which messages are messages to go into and which are texts to be told; all else is stepped over. */
#ifndef SCAN_PROTOBUF_H
#define SCAN_PROTOBUF_H

#include "scan/probe.h"

enum { PB_TEXT = 255, PB_DEPTH_MAX = 48, PB_TEXT_MAX = 512, PB_BLOCK = 16 << 10 };

struct pb_rule {
    uint8_t message; /* a number of the table's own, from 0 */
    uint32_t field;
    uint8_t is; /* the message that the field holds, or PB_TEXT */
};
struct pb {
    struct scan *s;
    const struct probe_input *in;
    const struct pb_rule *rule;
    size_t rules;
    void (*begin)(void *ctx, uint8_t message); /* may be NULL, as the next */
    void (*end)(void *ctx, uint8_t message);
    void (*text)(void *ctx, uint8_t message, uint32_t field, str text); /* cut to PB_TEXT_MAX */
    void *ctx;
    uint64_t fields_left; /* a bound for the work */
    /* its own */
    uint64_t block_at;
    size_t block_n;
    uint8_t block[PB_BLOCK];
};
/* *good: all of it could be read as such a message. */
bool pb_walk(struct pb *p, uint8_t message, bool *good, struct err *e);
/* Are the fields of the outermost message all of this set, whole, and at most so many? */
bool pb_fits(struct pb *p, uint64_t fields, uint64_t must_have, uint64_t fields_max, bool *fits, struct err *e);

#endif
