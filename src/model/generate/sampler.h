/* model/generate/sampler.h - from logits to the next token.
 *
 * Scores pass the processors that are switched on, in Transformers' order:
 *   sequence bias, repetition penalty, no-repeat n-gram, bad words, least length, least new tokens, forced first and
 *   last token, removal of what is no number, exponential decay, suppressed tokens, those suppressed at the
 *   beginning, then the caller's own (presence and frequency, which are OpenAI's, bias, and what a grammar allows),
 *   then, if sampling: temperature, top-k, top-p, min-p, typical, epsilon, eta; then the draw.
 * Sources: transformers, generation/logits_process.py; the formulas stand beside the code.  A sampler belongs to one
 * sequence.  The same seed, options and logits give the same tokens on every machine. */
#ifndef MODEL_GENERATE_SAMPLER_H
#define MODEL_GENERATE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct token_bias {
    uint32_t token;
    float bias; /* -INFINITY bans it */
};

struct token_words { /* a sequence of tokens, whose last one is spoken of where the others stand before it */
    const uint32_t *token;
    size_t count;
    float bias;
};

struct sampling {
    bool do_sample;           /* false: the likeliest token, the lowest of equals */
    float temperature;        /* 1 */
    uint32_t top_k;           /* 0: all */
    float top_p, min_p;       /* 1 and 0: all */
    float typical_p;          /* 1: all */
    float epsilon, eta;       /* 0: all */
    float repetition_penalty; /* 1: none; over prompt and output */
    float presence, frequency; /* 0: none; over the output */
    uint32_t no_repeat_ngram; /* 0: none */
    uint32_t new_tokens_min;  /* before so many no token of eos[] comes */
    const uint32_t *eos;
    size_t eos_count;
    uint32_t length_min; /* the same, with the prompt */
    uint32_t length_max; /* with the prompt: the last token before it is forced_eos; 0: not known */
    const struct token_words *sequence_bias;
    size_t sequence_bias_count;
    const struct token_words *bad_words; /* never; their bias is not looked at */
    size_t bad_words_count;
    const uint32_t *suppress, *begin_suppress; /* never; not as the first new token */
    size_t suppress_count, begin_suppress_count;
    const uint32_t *forced_eos; /* one of these is the last token */
    size_t forced_eos_count;
    bool has_forced_bos;
    uint32_t forced_bos; /* after a prompt of one token */
    bool remove_invalid; /* NaN counts as 0, infinities as the largest numbers */
    uint32_t decay_start; /* after so many new tokens eos grows likelier by a factor ... */
    float decay_factor;   /* ... to the power of how many more; 0: none */
    const struct token_bias *bias;
    size_t bias_count;
    bool renormalizes; /* sampler_scores tells log-probabilities of what is left; choices are the same either way */
    uint32_t keep_min; /* 0 and 1: what cuts off leaves one token at least */
    uint64_t seed;
};
#define SAMPLING_DEFAULT { .temperature = 1, .top_k = 50, .top_p = 1, .typical_p = 1, .repetition_penalty = 1 }

struct sampler;
/* Options are copied, what they point to is not and must stay. */
struct sampler *sampler_new(const struct sampling *s, size_t vocab);
void sampler_free(struct sampler *s); /* NULL is fine */

/* tokens[count]: prompt and output so far, the output being the last new_count of them.  logits[vocab] are not changed.
 * allowed: one bit a token (bit i of word i / 64), or NULL: what a grammar permits; at least one bit must be set. */
uint32_t sampler_next(struct sampler *s, const float *logits, const uint32_t *tokens, size_t count, size_t new_count,
                      const uint64_t *allowed);

/* What sampler_next would choose from, [vocab], -INFINITY where a token is left out; valid until the next call. */
const float *sampler_scores(struct sampler *s, const float *logits, const uint32_t *tokens, size_t count,
                            size_t new_count, const uint64_t *allowed);
/* From now on the same numbers come from both. */
void sampler_set_chance(struct sampler *to, const struct sampler *from);

/* log(sum(exp(logits))): a logit less this is its token's log-probability, before any processor. */
double logits_log_sum(const float *logits, size_t vocab);
/* The n likeliest, best first; equal ones by number. */
void logits_top(const float *logits, size_t vocab, size_t n, uint32_t *out);

#endif
