/* model/task/embed.c - texts as vectors: feature-extraction, sentence-similarity.
 *
 * A repository of sentence-transformers (modules.json) gives one vector a text, as its encode() does; any other gives
 * what Transformers' pipeline does, a vector a token.  "pooling": "none" asks for the latter in any case. Sources:
 * transformers, pipelines/feature_extraction.py; sentence_transformers, sentence_transformer/model.py. */
#include <math.h>
#include <stdio.h>

#include "model/task/task_priv.h"

/* ------------------------------------------------------------------ vectors of texts */

struct embedding {
    str prompt;
    size_t prompt_tokens;
    struct token_truncation cut;
    bool cuts; /* false: a longer text is refused */
};

/* "prompt" itself, or the name of one of the repository's, or its default. */
static bool read_prompt(struct task *t, struct embedding *x, struct err *e)
{
    const struct sentence_config *c = sentence_config(t->sentence);
    str name;
    if (!param_str(t, "prompt", STR(""), &x->prompt, e) || !param_str(t, "prompt_name", c->default_prompt, &name, e))
        return false;
    if (param(t, "prompt") || name.n == 0) return true;
    const struct json *prompt = json_get(c->prompts, name);
    if (!prompt) {
        err_set(e, ERR_INVALID, "there is no prompt \"%.*s\"; there are:", STR_ARG(str_to(name, 60)));
        json_each (p, c->prompts) {
            size_t n = strlen(e->msg);
            snprintf(e->msg + n, sizeof e->msg - n, " %.*s", STR_ARG(str_to(p->key, 60)));
        }
        return false;
    }
    return prompt->type == JSON_NULL ||
           task_text(prompt, "a prompt of config_sentence_transformers.json", &x->prompt, e);
}

/* So many tokens the prompt has with what stands before it, but not what the tokenizer puts after it. */
static bool count_prompt(struct task *t, struct embedding *x, struct err *e)
{
    struct token_options o = { .truncation = &x->cut, .no_padding = true };
    struct encoding prompt = { 0 };
    bool ok = token_encode(t->encoder, x->prompt, &o, &prompt, e);
    if (ok && prompt.n) x->prompt_tokens = prompt.n - (prompt.special[prompt.n - 1] ? 1 : 0);
    encoding_deinit(&prompt);
    return ok;
}

/* Some repositories ask for lower case beside what their tokenizer does; mostly it does that already. */
static bool check_case(struct task *t, struct err *e)
{
    uint32_t upper[16], lower[16];
    size_t n = 0, m = 0;
    if (!sentence_config(t->sentence)->lower_case) return true;
    if (!token_encode_ids(t->encoder, STR("ABC"), NULL, upper, COUNT(upper), &n, e) ||
        !token_encode_ids(t->encoder, STR("abc"), NULL, lower, COUNT(lower), &m, e))
        return false;
    if (n == m && memcmp(upper, lower, n * sizeof *upper) == 0) return true;
    return err_set(
        e, ERR_NOT_BUILT,
        "sentence_bert_config.json asks for lower case, which the tokenizer does not make: that is not built");
}

static bool embedding_read(struct task *t, struct embedding *x, struct err *e)
{
    size_t most = sentence_config(t->sentence)->tokens_max;
    *x = (struct embedding){ .cut = { .length_max =
                                          most && most < body_config(t->body)->positions ? most : t->tokens_max,
                                      .cut = TOKEN_LONGEST_FIRST } };
    return read_prompt(t, x, e) && check_case(t, e) && param_flag(t, "truncate", true, &x->cuts, e) && task_cut_side(t, &x->cut.side, e) &&
           (sentence_config(t->sentence)->pools_prompt || x->prompt.n == 0 || count_prompt(t, x, e));
}

struct features {
    struct embedding x;
    float *vector;  /* [texts][width]; NULL: hidden states are told as they come */
    size_t n;
    bool list, normalises;
};

/* Texts, with the prompt before each, into the batch. */
static bool embed(struct task *t, const struct task_input *input, size_t n, struct features *f, struct err *e)
{
    const struct embedding *x = &f->x;
    f->n = n;
    f->vector = arena_try_array(t->a, n + 1, sentence_width(t->sentence) * sizeof *f->vector);
    if (!f->vector) return err_set(e, ERR_TOO_LARGE, "%zu vectors are too many at once", n);
    t->state = f;
    for (size_t i = 0; i < n; i++) {
        str whole =
            x->prompt.n ? arena_fmt(t->a, "%.*s%.*s", STR_ARG(x->prompt), STR_ARG(input[i].text)) : input[i].text;
        if (!task_add(t, (uint32_t)i, whole, NULL, x->cuts ? &x->cut : NULL, false, e)) return false;
        if (t->batch.encoding[i].n > x->cut.length_max)
            return err_set(e, ERR_INVALID, "a text has %zu tokens, the model takes %zu", t->batch.encoding[i].n, x->cut.length_max);
    }
    return true;
}

static void write_states(struct task *t, const struct task_seen *seen)
{
    const struct encoder_rows *hidden = seen->hidden;
    const float *row = hidden->p + seen->row * hidden->stride;
    for (size_t i = seen->first; i < seen->end; i++) {
        jw_array(&t->w);
        jw_array(&t->w);
        for (size_t j = 0; j < t->batch.encoding[i].n; j++, row += hidden->stride) write_vector(t, row, hidden->width);
        jw_array_end(&t->w);
        jw_array_end(&t->w);
    }
}

bool task_take_features(struct task *t, const struct task_seen *seen, struct err *e)
{
    const struct features *f = t->state;
    size_t n = seen->end - seen->first;
    if (!f->vector) {
        write_states(t, seen);
        return true;
    }
    struct encoder_rows hidden = *seen->hidden;
    hidden.p += seen->row * hidden.stride;
    hidden.rows -= seen->row;
    struct encoder_text *text = mem_alloc(n * sizeof *text);
    for (size_t i = 0; i < n; i++) text[i] = (struct encoder_text){ .n = t->batch.encoding[seen->first + i].n };
    bool ok = sentence_pool(t->sentence, text, n, &hidden, f->x.prompt_tokens, f->vector + seen->first * sentence_width(t->sentence), e);
    mem_free(text);
    return ok;
}

static void normalise(float *x, size_t n)
{
    float length = fmaxf(sqrtf(kernels()->dot(x, x, n)), 1e-12f);
    for (size_t i = 0; i < n; i++) x[i] /= length;
}

/* ------------------------------------------------------------------ feature-extraction */

static bool read_vectors(struct task *t, const struct task_input *input, size_t n, struct features *f, struct err *e)
{
    return param_flag(t, "normalize", false, &f->normalises, e) && embedding_read(t, &f->x, e) &&
           param_count(t, "max_length", f->x.cut.length_max, 1, t->tokens_max, &f->x.cut.length_max, e) &&
           embed(t, input, n, f, e);
}

/* [1][tokens][hidden] for each text. */
static bool read_hidden(struct task *t, const struct task_input *input, size_t n, struct features *f, struct err *e)
{
    struct token_truncation space;
    const struct token_truncation *cut;
    bool by_default;
    if (!param_flag(t, "truncate", false, &by_default, e) ||
        !task_truncation(t, TOKEN_LONGEST_FIRST, by_default, &space, &cut, e))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!task_add(t, (uint32_t)i, input[i].text, NULL, cut, false, e)) return false;
    t->state = f;
    if (f->list) jw_array(&t->w);
    return true;
}

bool task_read_features(struct task *t, const struct json *inputs, struct err *e)
{
    struct features *f = arena_one(t->a, struct features);
    struct task_input *input;
    str pooling;
    size_t n;
    if (!param_str(t, "pooling", STR(""), &pooling, e) || !task_inputs(t, inputs, false, &input, &n, &f->list, e))
        return false;
    if (pooling.n && !str_eq(pooling, STR("none")))
        return err_set(e, ERR_INVALID, "\"pooling\" may be \"none\"; otherwise the repository decides");
    if (t->sentence && pooling.n == 0) return read_vectors(t, input, n, f, e);
    if (param(t, "prompt") || param(t, "prompt_name") || param(t, "normalize"))
        return err_set(e, ERR_INVALID,
                       "prompts and \"normalize\" are for repositories of sentence-transformers (with a modules.json)");
    return read_hidden(t, input, n, f, e);
}

bool task_tell_features(struct task *t, struct err *e)
{
    const struct features *f = t->state;
    size_t width = f->vector ? sentence_width(t->sentence) : 0;
    (void)e;
    if (f->list && f->vector) jw_array(&t->w);
    for (size_t i = 0; f->vector && i < f->n; i++) {
        if (f->normalises) normalise(f->vector + i * width, width);
        write_vector(t, f->vector + i * width, width);
    }
    if (f->list) jw_array_end(&t->w);
    return true;
}

/* ------------------------------------------------------------------ sentence-similarity */

bool task_read_similarity(struct task *t, const struct json *inputs, struct err *e)
{
    struct features *f = arena_one(t->a, struct features);
    const struct json *list = json_get(inputs, STR("sentences"));
    struct task_input *sentence, *all;
    size_t n;
    if (!t->sentence)
        return err_set(e, ERR_INVALID,
                       "sentence-similarity needs a repository of sentence-transformers (with a modules.json)");
    if (!json_is(list, JSON_ARRAY))
        return err_set(e, ERR_INVALID,
                       "sentence-similarity takes {\"source_sentence\": a text, \"sentences\": a list of texts}");
    if (!task_inputs(t, list, false, &sentence, &n, &f->list, e)) return false;
    all = arena_alloc(t->a, (n + 1) * sizeof *all);
    memcpy(all + 1, sentence, n * sizeof *all);
    all[0] = (struct task_input){ .text = STR("") };
    return task_text(json_get(inputs, STR("source_sentence")), "\"source_sentence\"", &all[0].text, e) &&
           embedding_read(t, &f->x, e) && embed(t, all, n + 1, f, e);
}

bool task_tell_similarity(struct task *t, struct err *e)
{
    const struct features *f = t->state;
    size_t width = sentence_width(t->sentence);
    const float *v = f->vector;
    (void)e;
    jw_array(&t->w);
    for (size_t i = 1; i < f->n; i++)
        jw_float(&t->w, similarity_of(sentence_config(t->sentence)->similarity, v, v + i * width, width));
    jw_array_end(&t->w);
    return true;
}
