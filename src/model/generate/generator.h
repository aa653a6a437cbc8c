/* model/generate/generator.h - many sequences over one decoder: add a sequence, step all, remove a sequence.
 *
 * A step gives every sequence that is generating its next token, and fills what room is left with the prompts that wait,
 * in pieces, so that a long prompt does not hold up the others.  Whoever drives it (a command, later a scheduler) calls
 * step again and again and collects what came.  One thread. */
#ifndef MODEL_GENERATE_GENERATOR_H
#define MODEL_GENERATE_GENERATOR_H

#include "model/decoder/decoder.h"
#include "model/generate/sampler.h"

struct generator;
/* kv_bytes: what keys and values of all sequences may take. */
struct generator *generator_new(const struct decoder *d, struct team *team, size_t kv_bytes);
void generator_free(struct generator *g); /* every sequence must be gone; NULL is fine */

enum finish { FINISH_NOT, FINISH_EOS, FINISH_LENGTH };

struct sequence;
struct sequence_options {
    struct sampling sampling;
    size_t new_tokens_max;
    const uint32_t *stop; /* any of these ends it; copied */
    size_t stop_count;
    size_t top_logprobs; /* how many alternatives to tell with each token */
    bool wants_logprobs;
};
enum { SEQUENCE_TOP_MAX = 20, SEQUENCE_STOP_MAX = 32 };

/* ERR_TOO_LARGE: prompt and new tokens do not fit the model's positions, or the room for keys and values. */
bool generator_add(struct generator *g, const uint32_t *prompt, size_t n, const struct sequence_options *o,
                   struct sequence **out, struct err *e);
void generator_remove(struct generator *g, struct sequence *s);
/* One step; *idle when there was nothing to do. */
bool generator_step(struct generator *g, bool *idle, struct err *e);

struct new_token {
    uint32_t id;
    float log_probability;
    size_t top_count;
    uint32_t top[SEQUENCE_TOP_MAX];
    float top_log_probability[SEQUENCE_TOP_MAX];
};
/* The next token that has not been collected; false: none yet, or none any more (see sequence_finish). */
bool sequence_take(struct sequence *s, struct new_token *out);
enum finish sequence_finish(const struct sequence *s);
size_t sequence_prompt_count(const struct sequence *s);
size_t sequence_new_count(const struct sequence *s);

#endif
