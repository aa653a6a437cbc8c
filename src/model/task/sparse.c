/* model/task/sparse.c - texts as sparse vectors, with a number for each word of the vocabulary that matters: sparse-embedding.
 *
 * What a masked model would write in place of each token says which words the text is about (SPLADE): log(1 + max(0, logit)), of all tokens
 * the largest, or their sum.  Source: sentence_transformers, sparse_encoder/modules/splade_pooling.py. */
#include <math.h>

#include "model/task/task_priv.h"

enum { ROWS_AT_ONCE = 32 /* of logits, each as wide as the vocabulary */ };

struct sparse {
    size_t n;
    bool list;
};

const struct json *task_splade_module(const struct json *modules)
{
    json_each (m, modules)
        if (str_ends(json_str_or(m, STR("type"), STR("")), STR(".SpladePooling"))) return m;
    return NULL;
}

bool task_open_sparse(struct task *t, struct err *e)
{
    const struct json *modules, *config;
    if (!source_json(t->source, STR("modules.json"), &modules, e)) return false;
    const struct json *module = task_splade_module(modules);
    if (!module) return true; /* a masked model without modules: as its makers had it, the largest */
    str path = json_str_or(module, STR("path"), STR(""));
    struct buf name = BUF_INIT(4096);
    buf_addf(&name, "%.*s/config.json", STR_ARG(path));
    bool ok = !name.failed ? source_json(t->source, buf_str(&name), &config, e) : err_set(e, ERR_INVALID, "modules.json: a path is too long");
    buf_deinit(&name);
    if (!ok) return false;
    str strategy = json_str_or(config, STR("pooling_strategy"), STR("max")), activation = json_str_or(config, STR("activation_function"), STR("relu"));
    t->sums_words = str_eq(strategy, STR("sum"));
    if (!t->sums_words && !str_eq(strategy, STR("max"))) return err_set(e, ERR_NOT_BUILT, "the pooling \"%.*s\" of a sparse model is not built", STR_ARG(str_to(strategy, 60)));
    return str_eq(activation, STR("relu")) || err_set(e, ERR_NOT_BUILT, "the activation \"%.*s\" of a sparse model is not built", STR_ARG(str_to(activation, 60)));
}

bool task_read_sparse(struct task *t, const struct json *inputs, struct err *e)
{
    struct sparse *s = arena_one(t->a, struct sparse);
    struct token_truncation space;
    const struct token_truncation *cut;
    struct task_input *input;
    bool by_default;
    if (!param_flag(t, "truncate", true, &by_default, e) || !task_truncation(t, TOKEN_LONGEST_FIRST, by_default, &space, &cut, e) ||
        !task_inputs(t, inputs, false, &input, &s->n, &s->list, e))
        return false;
    for (size_t i = 0; i < s->n; i++)
        if (!task_add(t, (uint32_t)i, input[i].text, NULL, cut, false, e)) return false;
    t->state = s;
    if (s->list) jw_array(&t->w);
    return true;
}

/* word[vocab]: of the tokens whose states are rows [first, first + n). */
static bool weigh_words(struct task *t, size_t first, size_t n, float *word, struct err *e)
{
    size_t row[ROWS_AT_ONCE], vocab = body_config(t->body)->vocab;
    struct encoder_rows logits;
    for (size_t done = 0, many; done < n; done += many) {
        many = n - done < ROWS_AT_ONCE ? n - done : ROWS_AT_ONCE;
        for (size_t i = 0; i < many; i++) row[i] = first + done + i;
        if (!body_head_rows(t->body, row, many, &logits, e)) return false;
        for (size_t i = 0; i < many; i++) {
            const float *l = logits.p + i * logits.stride;
            for (size_t j = 0; j < vocab; j++) {
                if (!(l[j] > 0)) continue;
                if (t->sums_words) word[j] += log1pf(l[j]);
                else if (l[j] > word[j]) word[j] = l[j];
            }
        }
    }
    for (size_t j = 0; j < vocab && !t->sums_words; j++) word[j] = log1pf(word[j]);
    return true;
}

static void write_words(struct task *t, const float *word)
{
    jw_array(&t->w);
    for (size_t j = 0; j < body_config(t->body)->vocab; j++) {
        if (!(word[j] > 0)) continue;
        jw_object(&t->w);
        jw_kint(&t->w, "index", (int64_t)j);
        jw_key(&t->w, STR("value"));
        jw_float(&t->w, word[j]);
        jw_object_end(&t->w);
    }
    jw_array_end(&t->w);
}

bool task_take_sparse(struct task *t, const struct task_seen *seen, struct err *e)
{
    size_t vocab = body_config(t->body)->vocab;
    float *word = mem_alloc(vocab * sizeof *word);
    bool ok = true;
    for (size_t i = seen->first, row = seen->row; ok && i < seen->end; row += t->batch.encoding[i++].n) {
        memset(word, 0, vocab * sizeof *word);
        ok = weigh_words(t, row, t->batch.encoding[i].n, word, e);
        if (ok) write_words(t, word);
    }
    mem_free(word);
    return ok;
}

bool task_tell_sparse(struct task *t, struct err *e)
{
    const struct sparse *s = t->state;
    (void)e;
    if (s->list) jw_array_end(&t->w);
    return true;
}
