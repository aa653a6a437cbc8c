/* model/task/task_priv.h - what the pipelines share: the model, texts as tokens, parameters, numbers as JSON. */
#ifndef MODEL_TASK_TASK_PRIV_H
#define MODEL_TASK_TASK_PRIV_H

#include "model/encoder/sentence.h"
#include "model/task/body.h"
#include "model/task/task.h"

enum {
    TASK_INPUTS_MAX = 4096,     /* of one request */
    TASK_TEXT_BYTES_MAX = 64 << 20,
    TASK_WINDOWS_MAX = 65536,   /* pieces of long texts, of one request */
    TASK_TOKENS_MAX = 1 << 21,  /* of all of them: with a stride that is nearly a window, a short text has very many */
    TASK_BATCH_TOKENS = 16384,  /* go through the model at once */
};

/* Encodings of a request's texts; windows that truncation cuts off stand behind the first of their text. */
struct batch {
    struct encoding *encoding; /* [n] */
    uint32_t *input;           /* [n]: index of the input that it is of */
    size_t n, room, tokens;
};

struct task {
    const struct task_row *row;
    struct source *source;
    struct team *team;
    struct tokenizer *tokenizer;
    struct token_encoder *encoder;
    struct body *body;
    struct sentence *sentence;       /* NULL: none */
    const struct json *token_config; /* tokenizer_config.json or NULL */
    int64_t mask_id, pad_id, cls_id, unk_id; /* -1: the tokenizer has none */
    size_t tokens_max;               /* of one text with its special tokens */
    bool sums_words;                 /* of a sparse vector; otherwise the largest counts */
    bool limit_is_files;             /* tokenizer_config.json says it, not only the table of positions */
    /* Of one request, which has a copy of its task. */
    struct arena *a;
    const struct json *parameters;
    struct json_writer w;
    bool packs; /* vectors */
    struct batch batch;
    void *state; /* the pipeline's, in the arena */
};

/* Encodings [first, end) of a request have gone through the model, in company: their hidden states begin at `row`, and what a head for texts
 * says of the first is row `text` of `texts`. */
struct task_seen {
    size_t first, end, row, text;
    const struct encoder_rows *hidden, *texts; /* texts NULL: the head is none for texts */
};

/* What a pipeline is: it reads a request into batch and state, takes what the model makes of the encodings, in their order, and tells
 * the answer to t->w. */
struct task_row {
    struct task_kind kind;
    enum encoder_head_kind head;
    bool (*read)(struct task *t, const struct json *inputs, struct err *e); /* NULL: generate/'s */
    bool (*take)(struct task *t, const struct task_seen *seen, struct err *e);
    bool (*tell)(struct task *t, struct err *e);
};

bool task_read_fill_mask(struct task *t, const struct json *inputs, struct err *e);
bool task_take_fill_mask(struct task *t, const struct task_seen *seen, struct err *e);
bool task_tell_fill_mask(struct task *t, struct err *e);
bool task_read_classification(struct task *t, const struct json *inputs, struct err *e);
bool task_tell_classification(struct task *t, struct err *e);
bool task_read_zero_shot(struct task *t, const struct json *inputs, struct err *e);
bool task_tell_zero_shot(struct task *t, struct err *e);
bool task_read_ranking(struct task *t, const struct json *inputs, struct err *e);
bool task_tell_ranking(struct task *t, struct err *e);
bool task_take_labels(struct task *t, const struct task_seen *seen, struct err *e); /* of these three */
bool task_read_labelling(struct task *t, const struct json *inputs, struct err *e);
bool task_take_labelling(struct task *t, const struct task_seen *seen, struct err *e);
bool task_tell_labelling(struct task *t, struct err *e);
bool task_read_questions(struct task *t, const struct json *inputs, struct err *e);
bool task_take_questions(struct task *t, const struct task_seen *seen, struct err *e);
bool task_tell_questions(struct task *t, struct err *e);
bool task_read_features(struct task *t, const struct json *inputs, struct err *e);
bool task_take_features(struct task *t, const struct task_seen *seen, struct err *e);
bool task_tell_features(struct task *t, struct err *e);
bool task_read_similarity(struct task *t, const struct json *inputs, struct err *e);
bool task_tell_similarity(struct task *t, struct err *e);
bool task_open_sparse(struct task *t, struct err *e);
bool task_read_sparse(struct task *t, const struct json *inputs, struct err *e);
bool task_take_sparse(struct task *t, const struct task_seen *seen, struct err *e);
bool task_tell_sparse(struct task *t, struct err *e);
const struct json *task_splade_module(const struct json *modules); /* of modules.json, which may be NULL; NULL: there is none */

/* ---- parameters: absent and null are the default; of another type is ERR_INVALID -------------------------------- */
const struct json *param(const struct task *t, const char *name); /* NULL: absent or null */
bool param_count(const struct task *t, const char *name, size_t otherwise, size_t least, size_t most, size_t *out,
                 struct err *e);
bool param_flag(const struct task *t, const char *name, bool otherwise, bool *out, struct err *e);
bool param_str(const struct task *t, const char *name, str otherwise, str *out, struct err *e);

/* A text, or a list of texts: *list says which. */
struct task_input {
    str text, pair; /* pair.p NULL: there is none */
};
/* {"text", "text_pair"} is an input too where may_pair. */
bool task_inputs(struct task *t, const struct json *inputs, bool may_pair, struct task_input **out, size_t *n,
                 bool *list, struct err *e);
bool task_text(const struct json *v, const char *what, str *out, struct err *e); /* UTF-8 of bounded size */

/* ---- texts as tokens ------------------------------------------------------------------------------------------- */

void batch_deinit(struct batch *b);
/* To t->batch.  cut NULL: a longer text than the model takes is an error.  wants_windows: keep what was cut off. */
bool task_add(struct task *t, uint32_t input, str text, const str *pair, const struct token_truncation *cut,
              bool wants_windows, struct err *e);
/* What "truncation" and "max_length" ask for; *cut stays NULL when nothing does. */
bool task_truncation(const struct task *t, enum token_cut otherwise, bool by_default, struct token_truncation *space,
                     const struct token_truncation **cut, struct err *e);
/* "truncation_side": which end of a long text is cut off; *out stays where it is absent. */
bool task_cut_side(const struct task *t, enum token_side *out, struct err *e);

/* ---- text ------------------------------------------------------------------------------------------------------ */

/* Where each character of a text begins: at[i], and at[n] its end. */
struct char_index {
    str text;
    uint32_t *at;
    size_t n;
};
struct char_index chars_of(struct arena *a, str text);
str chars_slice(const struct char_index *x, size_t from, size_t to);

/* tokenizer_config.json's "mask_token" and others. */
bool task_special_ids(struct task *t, struct err *e);
/* As Transformers decodes, with its clean-up where tokenizer_config.json asks for it. */
bool task_decode(struct task *t, const uint32_t *id, size_t n, bool skip_special, bool clean, str *out, struct err *e);

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

void softmax_of(const float *x, size_t n, float *out);
float sigmoid_of(float x);
/* The shortest text that is read back as this float. */
void write_vector(struct task *t, const float *x, size_t n); /* as a list, or packed */
/* Indices of the `most` largest, the largest first; of equals the first first. */
void largest(const float *x, size_t n, size_t most, size_t *out);

#endif
