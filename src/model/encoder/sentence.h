/* model/encoder/sentence.h - from hidden states to one vector a text, as sentence-transformers does it.
 *
 * modules.json of a repository lists what follows the encoder: a pooling, dense layers, a normalisation.
 * Sources: sentence_transformers, sentence_transformer/modules/pooling.py, base/modules/dense.py. */
#ifndef MODEL_ENCODER_SENTENCE_H
#define MODEL_ENCODER_SENTENCE_H

#include "model/encoder/encoder.h"
#include "model/source.h"

enum similarity { SIMILARITY_COSINE, SIMILARITY_DOT, SIMILARITY_EUCLIDEAN, SIMILARITY_MANHATTAN };

struct sentence_config {
    uint32_t tokens_max;          /* longer texts are cut; 0: it does not say */
    bool lower_case;              /* texts are made lower case first */
    const struct json *prompts;   /* name: what stands before a text; NULL: none */
    str default_prompt;           /* .n 0: none */
    bool pools_prompt;            /* false: its tokens are left out of the pooling */
    enum similarity similarity;
};

struct sentence;
/* *out NULL: the repository has no modules.json.  hidden: numbers of a state.  s must outlive it. */
bool sentence_open(struct source *s, size_t hidden, enum kernel_type type, struct team *team,
                   struct sentence **out, struct err *e);
void sentence_close(struct sentence *t); /* NULL is fine */
const struct sentence_config *sentence_config(const struct sentence *t);
size_t sentence_width(const struct sentence *t); /* numbers of a vector */

/* hidden: the states of these texts.  skip: so many tokens of each text are its prompt, left out where
 * pools_prompt is false.  out: [n][width]. */
bool sentence_pool(struct sentence *t, const struct encoder_text *text, size_t n, const struct encoder_rows *hidden,
                   size_t skip, float *out, struct err *e);

/* What sentence-transformers' similarity_fn_name means; distances are negative. */
float similarity_of(enum similarity kind, const float *a, const float *b, size_t n);

#endif
