/* model/generate/speculate.h - guesses at what comes next, so that several tokens are checked in one step.
 *
 * A guess never changes what is generated: the model's own choice is made from its own logits with the sequence's own
 * numbers of chance at every position, as without guesses; a guess only saves a step where it is what was chosen. */
#ifndef MODEL_GENERATE_SPECULATE_H
#define MODEL_GENERATE_SPECULATE_H

#include "model/constrain/matcher.h"
#include "model/decoder/decoder.h"
#include "model/generate/sampler.h"

enum { GUESSES_MAX = 16 };

/* What followed when the last ngram tokens (or fewer, down to one) stood before; the latest place counts. */
size_t guess_by_lookup(const uint32_t *token, size_t count, size_t ngram, uint32_t *guess, size_t most);

/* A smaller model with the same vocabulary. */
struct drafter;
struct drafter *drafter_new(const struct decoder *d, struct team *team, size_t kv_bytes);
void drafter_free(struct drafter *d); /* NULL is fine */

struct draft { /* of one sequence; {0} before the first use */
    struct kv *kv;
    struct sampler *sampler;
};
void draft_deinit(struct draft *x);
/* Guesses that continue token[count]; `chance` and `state` (or NULL) are the sequence's and stay as they are.  When
 * its keys and values find no room there are no guesses, which is no failure. */
bool drafter_guess(struct drafter *d, struct draft *x, const struct sampling *o, const struct sampler *chance,
                   const struct grammar_state *state, uint32_t *token, size_t count, size_t new_count, uint32_t *guess,
                   size_t most, size_t *guesses, struct err *e);

#endif
