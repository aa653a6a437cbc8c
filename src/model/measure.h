/* model/measure.h - how fast a decoder runs here: for `hearth bench model` and the programs in bench/.
 *
 * Every figure is the best of the runs that fit into the time given (three at least; one where it is negative), in seconds
 * of the clock and of all processors. */
#ifndef MODEL_MEASURE_H
#define MODEL_MEASURE_H

#include "model/decoder/decoder.h"

struct timing {
    double seconds, cpu_seconds; /* of the best run */
};

/* One prompt of so many tokens, the logits of its last. */
bool measure_prefill(const struct decoder *d, struct team *team, uint32_t tokens, double budget_s, struct timing *out, struct err *e);

/* One step of so many sequences side by side, each `context` tokens long; the mean of a run of 8 steps. */
bool measure_decode(const struct decoder *d, struct team *team, uint32_t sequences, uint32_t context, double budget_s, struct timing *out, struct err *e);

/* Bytes that such a step reads at least: the packed weights once (all experts of them), and keys and values. */
uint64_t measure_step_bytes(const struct decoder *d, uint32_t sequences, uint32_t context);

/* How near decoding comes to a plain read loop of the whole team over the same bytes, the packed weights, which a cache may
 * hold in part for both.  What memory gives changes from second to second on a machine that others use, so the two take
 * turns, so many steps and so many passes each, and the share is the middle one of all turns. */
struct sharing {
    double seconds;   /* of a step, the best turn */
    double bandwidth; /* bytes a second of the loop, the best turn */
    double share;     /* bytes a second of decoding by those of the loop */
};
bool measure_sharing(const struct decoder *d, struct team *team, uint32_t sequences, uint32_t context, double budget_s, struct sharing *out, struct err *e);

#endif
