/* model/generate/beam.h - beam search: several continuations side by side, of which those that are likeliest as a
 * whole win.
 *
 * The same search as Transformers' (4.53): the best max(2, 1 + ends of sequence) * beams continuations of all beams
 * are looked at; those among the best `beams` that end are finished, with the score (sum of log-probabilities) / (new
 * tokens)^length_penalty; the best that do not end go on.  Beams share the pages of keys and values that they have in
 * common. */
#ifndef MODEL_GENERATE_BEAM_H
#define MODEL_GENERATE_BEAM_H

#include "model/generate/generator.h"

struct beam_search;
/* Of the sequence's options: beams, sampling (its processors; drawing by chance is not built), new_tokens_max,
 * length_max, stop, matcher. */
bool beam_search_new(struct generator *g, const uint32_t *prompt, size_t n, const struct sequence_options *o,
                     struct beam_search **out, struct err *e);
void beam_search_free(struct beam_search *s); /* NULL is fine */
bool beam_search_step(struct beam_search *s, bool *done, struct err *e);

struct beam_result {
    const uint32_t *token; /* what is new, with the end of sequence if there is one */
    size_t count;
    float score;
};
/* Those that are finished, best first; borrowed.  At most as many as beams. */
size_t beam_search_results(const struct beam_search *s, struct beam_result out[BEAMS_MAX]);

#endif
