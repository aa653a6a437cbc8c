/* model/task/classify.c - labels of texts and of pairs of texts: text-classification, zero-shot-classification,
 * text-ranking.  Sources: transformers, pipelines/text_classification.py and zero_shot_classification.py;
 * sentence_transformers, cross_encoder/model.py. */
#include <math.h>

#include "model/task/task_priv.h"

/* Runs the batch; row i of *out, of config.labels floats, is what the head says of encoding i. */
static bool classify(struct batch *b, float **out, struct err *e)
{
    struct task *t = b->t;
    struct encoder_rows hidden, logits;
    size_t labels = body_config(t->body)->labels;
    *out = arena_try_array(t->a, b->n + 1, labels * sizeof **out);
    if (!*out) return err_set(e, ERR_TOO_LARGE, "%zu inputs of %zu labels each are too many at once", b->n, labels);
    for (size_t first = 0, end; first < b->n; first = end) {
        if (!batch_forward(b, first, &end, &hidden, e) || !body_head_texts(t->body, &logits, e)) return false;
        for (size_t i = first; i < end; i++)
            memcpy(*out + i * labels, logits.p + (i - first) * logits.stride, labels * sizeof **out);
    }
    return true;
}

enum function { FUNCTION_NONE, FUNCTION_SIGMOID, FUNCTION_SOFTMAX };

static void apply(enum function f, const float *logits, size_t n, float *out)
{
    switch (f) {
    case FUNCTION_NONE: memcpy(out, logits, n * sizeof *out); break;
    case FUNCTION_SIGMOID:
        for (size_t i = 0; i < n; i++) out[i] = sigmoid_of(logits[i]);
        break;
    case FUNCTION_SOFTMAX: softmax_of(logits, n, out); break;
    }
}

static bool read_function(const struct task *t, enum function *out, struct err *e)
{
    static const struct { const char *name; enum function f; } known[] = {
        { "none", FUNCTION_NONE }, { "sigmoid", FUNCTION_SIGMOID }, { "softmax", FUNCTION_SOFTMAX },
    };
    const struct encoder_config *c = body_config(t->body);
    str name;
    if (c->problem == PROBLEM_REGRESSION) *out = FUNCTION_NONE;
    else if (c->problem == PROBLEM_MULTI_LABEL || c->labels == 1) *out = FUNCTION_SIGMOID;
    else *out = FUNCTION_SOFTMAX;
    if (!param_str(t, "function_to_apply", STR(""), &name, e)) return false;
    if (name.n == 0) return true;
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq_nocase(name, str_c(known[i].name))) {
            *out = known[i].f;
            return true;
        }
    return err_set(e, ERR_INVALID, "\"function_to_apply\" must be none, sigmoid or softmax");
}

static void write_label(struct task *t, size_t label, float score)
{
    jw_object(&t->w);
    jw_kstr(&t->w, "label", body_config(t->body)->label[label]);
    jw_key(&t->w, STR("score"));
    write_float(&t->w, score);
    jw_object_end(&t->w);
}

/* ------------------------------------------------------------------ text-classification */

/* Which labels are told: the best one by itself; the best so many, in order; or all, as they stand. */
struct telling {
    enum { TELL_BEST, TELL_TOP, TELL_ALL } how;
    size_t most;
};

static bool read_telling(const struct task *t, struct telling *out, struct err *e)
{
    bool all;
    const struct json *top = json_get(t->parameters, STR("top_k"));
    size_t labels = body_config(t->body)->labels;
    *out = (struct telling){ TELL_BEST, 1 };
    if (top) { /* null says: all of them */
        out->how = TELL_TOP;
        if (!param_count(t, "top_k", labels, 1, ENCODER_LABELS_MAX, &out->most, e)) return false;
        if (out->most > labels) out->most = labels;
        return true;
    }
    if (!param_flag(t, "return_all_scores", json_bool_or(source_config(t->source), STR("return_all_scores"), false),
                    &all, e))
        return false;
    if (all) *out = (struct telling){ TELL_ALL, labels };
    return true;
}

static void write_labels(struct task *t, const struct telling *tell, const float *score)
{
    size_t labels = body_config(t->body)->labels, *order = arena_alloc(t->a, (labels + 1) * sizeof *order);
    if (tell->how == TELL_ALL)
        for (size_t i = 0; i < labels; i++) order[i] = i;
    else largest(score, labels, tell->most, order);
    if (tell->how != TELL_BEST) jw_array(&t->w);
    for (size_t i = 0; i < tell->most; i++) write_label(t, order[i], score[order[i]]);
    if (tell->how != TELL_BEST) jw_array_end(&t->w);
}

bool task_text_classification(struct task *t, const struct json *inputs, struct err *e)
{
    struct task_input *input;
    struct token_truncation space;
    const struct token_truncation *cut;
    struct telling tell;
    enum function f;
    struct batch b;
    size_t n, labels = body_config(t->body)->labels;
    bool list;
    float *logits, *score = arena_alloc(t->a, labels * sizeof *score);
    if (!read_function(t, &f, e) || !read_telling(t, &tell, e) ||
        !task_truncation(t, TOKEN_LONGEST_FIRST, false, &space, &cut, e) ||
        !task_inputs(t, inputs, true, &input, &n, &list, e))
        return false;
    batch_init(&b, t);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = batch_add(&b, (uint32_t)i, input[i].text, input[i].pair.p ? &input[i].pair : NULL, cut, false, e);
    ok = ok && classify(&b, &logits, e);
    /* A text alone gives a list of one, unless top_k asks for a list anyway. */
    bool wraps = list || (inputs->type == JSON_STRING && tell.how != TELL_TOP);
    if (ok && wraps) jw_array(&t->w);
    for (size_t i = 0; ok && i < n; i++) {
        apply(f, logits + i * labels, labels, score);
        write_labels(t, &tell, score);
    }
    if (ok && wraps) jw_array_end(&t->w);
    batch_deinit(&b);
    return ok;
}

/* ------------------------------------------------------------------ zero-shot-classification */

/* A list, or one text with commas. */
static bool read_candidates(struct task *t, str **out, size_t *n, struct err *e)
{
    const struct json *v = param(t, "candidate_labels");
    str rest, piece;
    *n = 0;
    if (json_is(v, JSON_STRING)) {
        size_t most = 1;
        for (size_t i = 0; i < v->s.n; i++) most += v->s.p[i] == ',';
        if (most > TASK_INPUTS_MAX) return err_set(e, ERR_TOO_LARGE, "at most %d candidate labels", TASK_INPUTS_MAX);
        *out = arena_alloc(t->a, most * sizeof **out);
        rest = v->s;
        while (str_cut(&rest, ',', &piece))
            if (str_trim(piece).n) (*out)[(*n)++] = str_trim(piece);
    } else if (json_is(v, JSON_ARRAY)) {
        if (v->count > TASK_INPUTS_MAX)
            return err_set(e, ERR_TOO_LARGE, "at most %d candidate labels", TASK_INPUTS_MAX);
        *out = arena_alloc(t->a, (v->count + 1) * sizeof **out);
        json_each (item, v)
            if (!task_text(item, "a candidate label", &(*out)[(*n)++], e)) return false;
    }
    return *n > 0 ||
           err_set(e, ERR_INVALID,
                   "zero-shot-classification needs the parameter \"candidate_labels\": a list, or a text with commas");
}

/* The label that says yes: its name begins with "entail"; without one, the last. */
static size_t entailment(const struct encoder_config *c)
{
    for (size_t i = 0; i < c->labels; i++)
        if (str_starts_nocase(c->label[i], STR("entail"))) return i;
    return c->labels - 1;
}

static void write_candidates(struct task *t, str text, const str *label, size_t n, const float *score)
{
    size_t *order = arena_alloc(t->a, n * sizeof *order);
    largest(score, n, n, order);
    jw_object(&t->w);
    jw_kstr(&t->w, "sequence", text);
    jw_karray(&t->w, "labels");
    for (size_t i = 0; i < n; i++) jw_str(&t->w, label[order[i]]);
    jw_array_end(&t->w);
    jw_karray(&t->w, "scores");
    for (size_t i = 0; i < n; i++) write_float(&t->w, score[order[i]]);
    jw_array_end(&t->w);
    jw_object_end(&t->w);
}

/* logits: of n pairs.  Either how likely each is entailed rather than contradicted, or which of them most. */
static void score_candidates(const struct encoder_config *c, const float *logits, size_t n, bool each, float *score)
{
    size_t yes = entailment(c), no = yes == 0 ? c->labels - 1 : 0;
    for (size_t i = 0; i < n; i++) {
        const float *l = logits + i * c->labels;
        score[i] = each ? sigmoid_of(l[yes] - l[no]) : l[yes];
    }
    if (!each) kernels()->softmax(score, n);
}

bool task_zero_shot(struct task *t, const struct json *inputs, struct err *e)
{
    struct token_truncation cut = { .length_max = t->tokens_max, .cut = TOKEN_ONLY_FIRST };
    struct task_input *input;
    str *label = NULL, template;
    size_t n, labels, gap;
    bool list, each, ok = true;
    struct batch b;
    float *logits;
    if (!read_candidates(t, &label, &labels, e) ||
        !param_str(t, "hypothesis_template", STR("This example is {}."), &template, e) ||
        !param_flag(t, "multi_label", false, &each, e) || !task_inputs(t, inputs, false, &input, &n, &list, e))
        return false;
    if ((gap = str_find(template, STR("{}"))) == STR_NONE)
        return err_set(e, ERR_INVALID, "\"hypothesis_template\" must have {} where the label goes");
    if (n * labels > TASK_WINDOWS_MAX)
        return err_set(e, ERR_TOO_LARGE, "%zu texts and %zu labels make too many pairs", n, labels);
    float *score = arena_alloc(t->a, labels * sizeof *score);
    batch_init(&b, t);
    for (size_t i = 0; ok && i < n * labels; i++) {
        str hypothesis = arena_fmt(t->a, "%.*s%.*s%.*s", STR_ARG(str_to(template, gap)), STR_ARG(label[i % labels]),
                                   STR_ARG(str_from(template, gap + 2)));
        ok = batch_add(&b, (uint32_t)i, input[i / labels].text, &hypothesis, &cut, false, e);
    }
    ok = ok && classify(&b, &logits, e);
    if (ok && list) jw_array(&t->w);
    for (size_t i = 0; ok && i < n; i++) {
        score_candidates(body_config(t->body), logits + i * labels * body_config(t->body)->labels, labels,
                         each || labels == 1, score);
        write_candidates(t, input[i].text, label, labels, score);
    }
    if (ok && list) jw_array_end(&t->w);
    batch_deinit(&b);
    return ok;
}

/* ------------------------------------------------------------------ text-ranking */

/* "torch.nn.modules.activation.Sigmoid" of config.json; by default the sigmoid, since there is one label. */
static bool ranks_by_logit(const struct task *t, bool *out, struct err *e)
{
    const struct json *c = source_config(t->source);
    str name = json_str_or(json_get(c, STR("sentence_transformers")), STR("activation_fn"),
                           json_str_or(c, STR("sbert_ce_default_activation_function"), STR("Sigmoid")));
    size_t dot = str_rchr(name, '.');
    str last = dot == STR_NONE ? name : str_from(name, dot + 1);
    *out = str_eq(last, STR("Identity"));
    return *out || str_eq(last, STR("Sigmoid")) ||
           err_set(e, ERR_NOT_BUILT, "the activation \"%.*s\" of a ranking model is not built",
                   STR_ARG(str_to(name, 100)));
}

bool task_text_ranking(struct task *t, const struct json *inputs, struct err *e)
{
    struct token_truncation cut = { .cut = TOKEN_LONGEST_FIRST };
    const struct token_truncation *wanted;
    const struct json *documents = json_get(inputs, STR("documents"));
    struct task_input *document;
    struct batch b;
    size_t n, most;
    str query;
    bool list, plain, returns, applies;
    float *score;
    if (body_config(t->body)->labels != 1)
        return err_set(e, ERR_INVALID, "text-ranking needs a model with one label, and this one has %u",
                       body_config(t->body)->labels);
    if (!documents) documents = json_get(inputs, STR("texts"));
    if (!json_is(documents, JSON_ARRAY))
        return err_set(e, ERR_INVALID, "text-ranking takes {\"query\": a text, \"documents\": a list of texts}");
    if (!task_text(json_get(inputs, STR("query")), "\"query\"", &query, e) ||
        !task_inputs(t, documents, false, &document, &n, &list, e) || !ranks_by_logit(t, &plain, e) ||
        !param_count(t, "top_k", n, 1, SIZE_MAX / 2, &most, e) ||
        !param_flag(t, "return_documents", false, &returns, e) ||
        !param_flag(t, "apply_activation", !plain, &applies, e) ||
        !task_truncation(t, TOKEN_LONGEST_FIRST, true, &cut, &wanted, e))
        return false;
    if (most > n) most = n;
    size_t *order = arena_alloc(t->a, (n + 1) * sizeof *order);
    batch_init(&b, t);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) ok = batch_add(&b, (uint32_t)i, query, &document[i].text, wanted, false, e);
    ok = ok && classify(&b, &score, e);
    batch_deinit(&b);
    if (!ok) return false;
    largest(score, n, most, order); /* the sigmoid keeps the order */
    jw_array(&t->w);
    for (size_t i = 0; i < most; i++) {
        jw_object(&t->w);
        jw_kint(&t->w, "corpus_id", (int64_t)order[i]);
        jw_key(&t->w, STR("score"));
        write_float(&t->w, applies ? sigmoid_of(score[order[i]]) : score[order[i]]);
        if (returns) jw_kstr(&t->w, "text", document[order[i]].text);
        jw_object_end(&t->w);
    }
    jw_array_end(&t->w);
    return true;
}
