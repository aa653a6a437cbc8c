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
    struct batch b;
    batch_init(&b, t);
    bool ok = batch_add(&b, 0, x->prompt, NULL, &x->cut, false, e);
    if (ok) {
        const struct encoding *enc = &b.encoding[0];
        x->prompt_tokens = enc->n - (enc->special[enc->n - 1] ? 1 : 0);
    }
    batch_deinit(&b);
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

/* out[i * width] for text i. */
static bool embed(struct task *t, const struct task_input *input, size_t n, const struct embedding *x, float **out,
                  struct err *e)
{
    size_t width = sentence_width(t->sentence);
    struct encoder_rows hidden;
    struct batch b;
    *out = arena_try_array(t->a, n + 1, width * sizeof **out);
    if (!*out) return err_set(e, ERR_TOO_LARGE, "%zu vectors are too many at once", n);
    struct encoder_text *text = arena_alloc(t->a, (n + 1) * sizeof *text);
    batch_init(&b, t);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        str whole =
            x->prompt.n ? arena_fmt(t->a, "%.*s%.*s", STR_ARG(x->prompt), STR_ARG(input[i].text)) : input[i].text;
        ok = batch_add(&b, (uint32_t)i, whole, NULL, x->cuts ? &x->cut : NULL, false, e);
        if (ok && b.encoding[i].n > x->cut.length_max)
            ok = err_set(e, ERR_INVALID, "a text has %zu tokens, the model takes %zu", b.encoding[i].n, x->cut.length_max);
    }
    for (size_t first = 0, end = 0; ok && first < n; first = end) {
        ok = batch_forward(&b, first, &end, &hidden, e);
        for (size_t i = first; ok && i < end; i++) text[i - first] = (struct encoder_text){ .n = b.encoding[i].n };
        ok = ok && sentence_pool(t->sentence, text, end - first, &hidden, x->prompt_tokens, *out + first * width, e);
    }
    batch_deinit(&b);
    return ok;
}

static void normalise(float *x, size_t n)
{
    float length = fmaxf(sqrtf(kernels()->dot(x, x, n)), 1e-12f);
    for (size_t i = 0; i < n; i++) x[i] /= length;
}

/* ------------------------------------------------------------------ feature-extraction */

static bool write_vectors(struct task *t, const struct task_input *input, size_t n, bool list, struct err *e)
{
    size_t width = sentence_width(t->sentence);
    struct embedding x;
    bool normalises;
    float *v;
    if (!param_flag(t, "normalize", false, &normalises, e) || !embedding_read(t, &x, e) ||
        !param_count(t, "max_length", x.cut.length_max, 1, t->tokens_max, &x.cut.length_max, e) ||
        !embed(t, input, n, &x, &v, e))
        return false;
    if (list) jw_array(&t->w);
    for (size_t i = 0; i < n; i++) {
        if (normalises) normalise(v + i * width, width);
        write_floats(&t->w, v + i * width, width);
    }
    if (list) jw_array_end(&t->w);
    return true;
}

/* [1][tokens][hidden] for each text. */
static bool write_hidden(struct task *t, const struct task_input *input, size_t n, bool list, struct err *e)
{
    struct token_truncation space;
    const struct token_truncation *cut;
    struct encoder_rows hidden;
    struct batch b;
    bool by_default;
    if (!param_flag(t, "truncate", false, &by_default, e) ||
        !task_truncation(t, TOKEN_LONGEST_FIRST, by_default, &space, &cut, e))
        return false;
    batch_init(&b, t);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) ok = batch_add(&b, (uint32_t)i, input[i].text, NULL, cut, false, e);
    if (list) jw_array(&t->w);
    for (size_t first = 0, end = 0; ok && first < b.n; first = end) {
        ok = batch_forward(&b, first, &end, &hidden, e);
        const float *row = hidden.p;
        for (size_t i = first; ok && i < end; i++) {
            jw_array(&t->w);
            jw_array(&t->w);
            for (size_t j = 0; j < b.encoding[i].n; j++, row += hidden.stride) write_floats(&t->w, row, hidden.width);
            jw_array_end(&t->w);
            jw_array_end(&t->w);
        }
    }
    if (list) jw_array_end(&t->w);
    batch_deinit(&b);
    return ok;
}

bool task_feature_extraction(struct task *t, const struct json *inputs, struct err *e)
{
    struct task_input *input;
    str pooling;
    size_t n;
    bool list;
    if (!param_str(t, "pooling", STR(""), &pooling, e) || !task_inputs(t, inputs, false, &input, &n, &list, e))
        return false;
    if (pooling.n && !str_eq(pooling, STR("none")))
        return err_set(e, ERR_INVALID, "\"pooling\" may be \"none\"; otherwise the repository decides");
    if (t->sentence && pooling.n == 0) return write_vectors(t, input, n, list, e);
    if (param(t, "prompt") || param(t, "prompt_name") || param(t, "normalize"))
        return err_set(e, ERR_INVALID,
                       "prompts and \"normalize\" are for repositories of sentence-transformers (with a modules.json)");
    return write_hidden(t, input, n, list, e);
}

/* ------------------------------------------------------------------ sentence-similarity */

bool task_sentence_similarity(struct task *t, const struct json *inputs, struct err *e)
{
    const struct json *list = json_get(inputs, STR("sentences"));
    struct task_input *sentence, *all;
    struct embedding x;
    size_t n;
    bool is_list;
    float *v;
    if (!t->sentence)
        return err_set(e, ERR_INVALID,
                       "sentence-similarity needs a repository of sentence-transformers (with a modules.json)");
    if (!json_is(list, JSON_ARRAY))
        return err_set(e, ERR_INVALID,
                       "sentence-similarity takes {\"source_sentence\": a text, \"sentences\": a list of texts}");
    if (!task_inputs(t, list, false, &sentence, &n, &is_list, e)) return false;
    all = arena_alloc(t->a, (n + 1) * sizeof *all);
    memcpy(all + 1, sentence, n * sizeof *all);
    all[0] = (struct task_input){ .text = STR("") };
    if (!task_text(json_get(inputs, STR("source_sentence")), "\"source_sentence\"", &all[0].text, e) ||
        !embedding_read(t, &x, e) || !embed(t, all, n + 1, &x, &v, e))
        return false;
    size_t width = sentence_width(t->sentence);
    jw_array(&t->w);
    for (size_t i = 1; i <= n; i++)
        write_float(&t->w, similarity_of(sentence_config(t->sentence)->similarity, v, v + i * width, width));
    jw_array_end(&t->w);
    return true;
}
