/* model/generate/generator.h - many sequences over one decoder: add a sequence, step all, remove a sequence.
 *
 * A step gives every sequence that is generating its next token (or several, where guesses were right), and fills
 * what room is left with the prompts that wait, in pieces, so that a long prompt does not hold up the others. 
 * Whoever drives it (a command, later a scheduler) calls step again and again and collects what came.  One thread.
 *
 * Sequences that begin alike share keys and values: a prompt waits for one that is being computed and begins with the
 * same tokens, and those of sequences that are gone are kept while there is room.  So adding one prompt n times, each
 * with its own seed, computes it once. */
#ifndef MODEL_GENERATE_GENERATOR_H
#define MODEL_GENERATE_GENERATOR_H

#include "model/constrain/matcher.h"
#include "model/decoder/decoder.h"
#include "model/generate/sampler.h"
#include "model/generate/stop.h"
#include "model/token/token.h"

struct generator;
/* kv_bytes: what keys and values of all sequences may take, with those that are kept. */
struct generator *generator_new(const struct decoder *d, struct team *team, size_t kv_bytes);
void generator_free(struct generator *g); /* every sequence must be gone; NULL is fine */
/* A smaller model that guesses; ERR_INVALID when its vocabulary is another.  Before the first sequence. */
bool generator_set_draft(struct generator *g, const struct decoder *draft, size_t kv_bytes, struct err *e);

struct generator_figures {
    uint64_t steps, rows;
    uint64_t prompt_tokens, reused_tokens; /* the second are part of the first */
    uint64_t guessed, accepted;
};
struct generator_figures generator_figures(const struct generator *g);

enum finish {
    FINISH_NOT,
    FINISH_EOS,
    FINISH_LENGTH,
    FINISH_STOP,  /* a stop string came, or the grammar's text is complete and nothing may follow */
    FINISH_STUCK, /* no token of the vocabulary continues the grammar's text */
};

enum { BEAMS_MAX = 64 };
enum beam_stopping {
    BEAM_STOPS_BY_HEURISTIC, /* when the best that goes on could not win at its present length */
    BEAM_STOPS_EARLY,        /* when there are as many finished ones as beams */
    BEAM_STOPS_NEVER,        /* when none that goes on could ever win */
};
struct beam_options { /* see beam.h */
    uint32_t beams; /* 0 and 1: none */
    float length_penalty; /* 1 */
    enum beam_stopping stopping;
};

struct sequence;
struct sequence_options {
    struct sampling sampling;
    size_t new_tokens_max;
    uint32_t length_max;  /* with the prompt; 0: no such limit (set that, too, where a caller says new_tokens_max) */
    const uint32_t *stop; /* any of these ends it; copied */
    size_t stop_count;
    size_t top_logprobs; /* how many alternatives to tell with each token */
    bool wants_logprobs;
    const struct tokenizer
        *tokenizer; /* for text (sequence_take_text) and stop strings; may be NULL without the latter */
    const str *stop_text;              /* copied; none ends before sampling.new_tokens_min tokens */
    size_t stop_text_count;
    bool stop_text_kept;              /* see stop.h */
    const uint32_t *shown; /* special tokens that are told as text; others are not; copied */
    size_t shown_count;
    struct grammar_matcher
        *matcher; /* what is generated obeys it, or NULL; must outlive the sequence.  What it forces is guessed */
    size_t lookup_tokens, lookup_ngram; /* so many guesses from what stands in prompt and output; 0: none */
    uint64_t owner;                     /* whose it is: only sequences of one owner share what they have in common */
    const struct adapter *adapter;      /* decoder/adapter.h: must outlive the sequence; NULL: the model as it is */
    size_t draft_tokens;                /* so many guesses of the smaller model; 0: none */
    struct beam_options beams;          /* for beam_search_new; generator_add refuses more than one */
};
enum { SEQUENCE_TOP_MAX = 20, SEQUENCE_STOP_MAX = 32, SEQUENCE_SHOWN_MAX = 8 };

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
/* The text that has come since the last call, without what may yet turn out to be a stop string or is half a character;
 * borrowed until the next step. */
str sequence_take_text(struct sequence *s);
enum finish sequence_finish(const struct sequence *s);
size_t sequence_reused_count(const struct sequence *s); /* of the prompt, what another had computed */
size_t sequence_new_count(const struct sequence *s);

#endif
