/* model/constrain/matcher.h - which tokens may come next, given what came so far.
 *
 * grammar_tokens is the vocabulary as a trie over bytes: immutable, made once for a tokenizer, shared by all.  A
 * matcher joins a grammar and a vocabulary and remembers what it found out (states, steps between them, masks),
 * within a limit of memory: it belongs to one thread.  A grammar_state is where one sequence stands; forking one is
 * cheap.
 *
 * What is promised: a token is allowed exactly if its bytes continue a text that the grammar can complete (without
 * nesting deeper than GRAMMAR_DEPTH_MAX); a token that ends the sequence is allowed exactly if the text may end
 * here. */
#ifndef MODEL_CONSTRAIN_MATCHER_H
#define MODEL_CONSTRAIN_MATCHER_H

#include "model/constrain/grammar.h"
#include "model/token/token.h"

struct grammar_tokens;
/* vocab: what the model scores, which may be more than the tokenizer has; ids of eos[] end a sequence.  Special
 * tokens are never allowed but for these, and for also[], which are allowed as the text that they are written with.
 * ERR_INVALID: the tokenizer takes too long to say what its tokens are. */
bool grammar_tokens_new(const struct tokenizer *t, size_t vocab, const uint32_t *eos, size_t eos_count, const uint32_t *also,
                        size_t also_count, struct grammar_tokens **out, struct err *e);
/* The same from what each token stands for; an empty one is never allowed. */
struct grammar_tokens *grammar_tokens_from(const str *piece, size_t vocab, const uint32_t *eos, size_t eos_count);
void grammar_tokens_free(struct grammar_tokens *t); /* NULL is fine */

struct grammar_matcher;
/* Both are borrowed.  tokens may be NULL: then only bytes are matched.  bytes_max: what may be remembered, at least;
 * when it is used up all is forgotten but where the sequences stand. */
struct grammar_matcher *grammar_matcher_new(const struct grammar *g, const struct grammar_tokens *tokens,
                                            size_t bytes_max);
void grammar_matcher_free(struct grammar_matcher *m); /* every state must be gone; NULL is fine */
struct grammar_figures {
    size_t states, masks, bytes, forgotten;
};
/* For tests and measurements: what is remembered now, masks made and times it was forgotten since the beginning. */
void grammar_matcher_figures(const struct grammar_matcher *m, struct grammar_figures *out);

struct grammar_state;
struct grammar_state *grammar_state_new(struct grammar_matcher *m);
struct grammar_state *grammar_state_fork(const struct grammar_state *s);
void grammar_state_free(struct grammar_state *s); /* NULL is fine */

/* Works on the mask of this state, about so much (GRAMMAR_WORK of it is some milliseconds); false: it is not done yet.
 * Masks of one matcher are made one after the other.  Nothing is forgotten from then until a token is accepted here. */
enum { GRAMMAR_WORK = 1 << 21 };
bool grammar_prepare(struct grammar_state *s, size_t work);
/* allowed: one bit a token (bit i of word i / 64), all words of the vocabulary.  False when nothing is allowed: the
 * text cannot be completed with these tokens, or it is complete and there is no token to end it.  Takes as long as it
 * takes, unless it was prepared. */
bool grammar_mask(struct grammar_state *s, uint64_t *allowed);
/* False, and the state as it was, when it is not allowed. */
bool grammar_accept(struct grammar_state *s, uint32_t token);
bool grammar_accept_bytes(struct grammar_state *s, str text);
/* Where the grammar leaves no choice of bytes, tokens that spell what must come, the longest first: a guess, as
 * shorter ones might be chosen.  Answers how many, as far as that is told with little work. */
size_t grammar_forced(struct grammar_state *s, uint32_t *token, size_t most);
bool grammar_may_end(const struct grammar_state *s);
bool grammar_must_end(struct grammar_state *s); /* no byte can follow */

#endif
