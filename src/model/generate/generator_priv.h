/* model/generate/generator_priv.h - the generator, as beam search uses it. */
#ifndef MODEL_GENERATE_GENERATOR_PRIV_H
#define MODEL_GENERATE_GENERATOR_PRIV_H

#include "model/generate/generator.h"

struct generator {
    const struct decoder *d;
    struct team *team;
    struct decoder_run *run;
    struct kv_pool *pool;
    struct drafter *drafter; /* or NULL */
    struct prefix_store *kept;
    struct sequence *first;
    size_t pages_promised, pages;
    size_t pages_wanted; /* of the step that is planned */
    uint64_t *mask;      /* [vocab] bits */
    size_t mask_work;    /* for each sequence with a grammar, of the step that is planned */
    bool has_masks_to_make; /* some take no part for that */
    struct generator_figures figures;
    /* How long steps take, for how many rows of prompts go beside who generates: both 0 until the first. */
    double step_us, row_us; /* of a step without prompts; that each row of a prompt adds */
    size_t planned_prompt_rows;
    bool planned_tokens;    /* somebody generates in the step that is planned */
    struct decoder_row row[DECODER_ROWS_MAX];
    const float *logits[DECODER_ROWS_MAX];
};

size_t generator_pages_of(size_t tokens);
/* Of what is kept, the oldest go until so many pages are free; false: there are not so many. */
bool generator_make_room(struct generator *g, size_t pages);
/* Whether prompts and outputs of so many sequences fit; *more: new tokens of each. */
bool generator_check(struct generator *g, size_t prompt, size_t sequences, const struct sequence_options *o,
                     size_t *more, struct err *e);

#endif
