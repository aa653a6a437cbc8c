/* model/task/classify.c - labels of texts and of pairs of texts: text-classification, zero-shot-classification,
 * text-ranking.  Sources: transformers, pipelines/text_classification.py and zero_shot_classification.py;
 * sentence_transformers, cross_encoder/model.py. */
#include <math.h>

#include "model/task/task_priv.h"

struct labels {
    float *logits; /* [encodings][config.labels], what the head says of each */
    const void *how; /* the pipeline's */
};

/* Room for what the head will say of what is in the batch. */
static bool expect_labels(struct task *t, const void *how, struct err *e)
{
    struct labels *l = arena_one(t->a, struct labels);
    size_t labels = body_config(t->body)->labels;
    l->how = how;
    l->logits = arena_try_array(t->a, t->batch.n + 1, labels * sizeof *l->logits);
    t->state = l;
    return l->logits || err_set(e, ERR_TOO_LARGE, "%zu inputs of %zu labels each are too many at once", t->batch.n, labels);
}

bool task_take_labels(struct task *t, const struct task_seen *seen, struct err *e)
{
    struct labels *l = t->state;
    size_t labels = body_config(t->body)->labels;
    (void)e;
    for (size_t i = seen->first; i < seen->end; i++)
        memcpy(l->logits + i * labels, seen->texts->p + (seen->text + i - seen->first) * seen->texts->stride, labels * sizeof *l->logits);
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
    jw_float(&t->w, score);
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

struct classifying {
    enum function f;
    struct telling tell;
    size_t n;
    bool wraps;
};

bool task_read_classification(struct task *t, const struct json *inputs, struct err *e)
{
    struct classifying *c = arena_one(t->a, struct classifying);
    struct task_input *input;
    struct token_truncation space;
    const struct token_truncation *cut;
    bool list;
    if (!read_function(t, &c->f, e) || !read_telling(t, &c->tell, e) ||
        !task_truncation(t, TOKEN_LONGEST_FIRST, false, &space, &cut, e) ||
        !task_inputs(t, inputs, true, &input, &c->n, &list, e))
        return false;
    for (size_t i = 0; i < c->n; i++)
        if (!task_add(t, (uint32_t)i, input[i].text, input[i].pair.p ? &input[i].pair : NULL, cut, false, e)) return false;
    /* A text alone gives a list of one, unless top_k asks for a list anyway. */
    c->wraps = list || (inputs->type == JSON_STRING && c->tell.how != TELL_TOP);
    return expect_labels(t, c, e);
}

bool task_tell_classification(struct task *t, struct err *e)
{
    const struct labels *l = t->state;
    const struct classifying *c = l->how;
    size_t labels = body_config(t->body)->labels;
    float *score = arena_alloc(t->a, labels * sizeof *score);
    (void)e;
    if (c->wraps) jw_array(&t->w);
    for (size_t i = 0; i < c->n; i++) {
        apply(c->f, l->logits + i * labels, labels, score);
        write_labels(t, &c->tell, score);
    }
    if (c->wraps) jw_array_end(&t->w);
    return true;
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
    for (size_t i = 0; i < n; i++) jw_float(&t->w, score[order[i]]);
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

struct choosing {
    struct task_input *input;
    str *label;
    size_t n, labels;
    bool list, each;
};

bool task_read_zero_shot(struct task *t, const struct json *inputs, struct err *e)
{
    struct choosing *c = arena_one(t->a, struct choosing);
    struct token_truncation cut = { .length_max = t->tokens_max, .cut = TOKEN_ONLY_FIRST };
    str template;
    size_t gap;
    if (!read_candidates(t, &c->label, &c->labels, e) ||
        !param_str(t, "hypothesis_template", STR("This example is {}."), &template, e) ||
        !param_flag(t, "multi_label", false, &c->each, e) || !task_inputs(t, inputs, false, &c->input, &c->n, &c->list, e))
        return false;
    if ((gap = str_find(template, STR("{}"))) == STR_NONE)
        return err_set(e, ERR_INVALID, "\"hypothesis_template\" must have {} where the label goes");
    if (c->n * c->labels > TASK_WINDOWS_MAX)
        return err_set(e, ERR_TOO_LARGE, "%zu texts and %zu labels make too many pairs", c->n, c->labels);
    for (size_t i = 0; i < c->n * c->labels; i++) {
        str hypothesis = arena_fmt(t->a, "%.*s%.*s%.*s", STR_ARG(str_to(template, gap)), STR_ARG(c->label[i % c->labels]),
                                   STR_ARG(str_from(template, gap + 2)));
        if (!task_add(t, (uint32_t)i, c->input[i / c->labels].text, &hypothesis, &cut, false, e)) return false;
    }
    return expect_labels(t, c, e);
}

bool task_tell_zero_shot(struct task *t, struct err *e)
{
    const struct labels *l = t->state;
    const struct choosing *c = l->how;
    float *score = arena_alloc(t->a, c->labels * sizeof *score);
    (void)e;
    if (c->list) jw_array(&t->w);
    for (size_t i = 0; i < c->n; i++) {
        score_candidates(body_config(t->body), l->logits + i * c->labels * body_config(t->body)->labels, c->labels,
                         c->each || c->labels == 1, score);
        write_candidates(t, c->input[i].text, c->label, c->labels, score);
    }
    if (c->list) jw_array_end(&t->w);
    return true;
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

struct ranking {
    struct task_input *document;
    size_t n, most;
    bool returns, applies;
};

bool task_read_ranking(struct task *t, const struct json *inputs, struct err *e)
{
    struct ranking *r = arena_one(t->a, struct ranking);
    struct token_truncation cut = { .cut = TOKEN_LONGEST_FIRST };
    const struct token_truncation *wanted;
    const struct json *documents = json_get(inputs, STR("documents"));
    str query;
    bool list, plain;
    if (body_config(t->body)->labels != 1)
        return err_set(e, ERR_INVALID, "text-ranking needs a model with one label, and this one has %u",
                       body_config(t->body)->labels);
    if (!documents) documents = json_get(inputs, STR("texts"));
    if (!json_is(documents, JSON_ARRAY))
        return err_set(e, ERR_INVALID, "text-ranking takes {\"query\": a text, \"documents\": a list of texts}");
    if (!task_text(json_get(inputs, STR("query")), "\"query\"", &query, e) ||
        !task_inputs(t, documents, false, &r->document, &r->n, &list, e) || !ranks_by_logit(t, &plain, e) ||
        !param_count(t, "top_k", r->n, 1, SIZE_MAX / 2, &r->most, e) ||
        !param_flag(t, "return_documents", false, &r->returns, e) ||
        !param_flag(t, "apply_activation", !plain, &r->applies, e) ||
        !task_truncation(t, TOKEN_LONGEST_FIRST, true, &cut, &wanted, e))
        return false;
    if (r->most > r->n) r->most = r->n;
    for (size_t i = 0; i < r->n; i++)
        if (!task_add(t, (uint32_t)i, query, &r->document[i].text, wanted, false, e)) return false;
    return expect_labels(t, r, e);
}

bool task_tell_ranking(struct task *t, struct err *e)
{
    const struct labels *l = t->state;
    const struct ranking *r = l->how;
    const float *score = l->logits; /* of one label */
    size_t *order = arena_alloc(t->a, (r->n + 1) * sizeof *order);
    (void)e;
    largest(score, r->n, r->most, order); /* the sigmoid keeps the order */
    jw_array(&t->w);
    for (size_t i = 0; i < r->most; i++) {
        jw_object(&t->w);
        jw_kint(&t->w, "corpus_id", (int64_t)order[i]);
        jw_key(&t->w, STR("score"));
        jw_float(&t->w, r->applies ? sigmoid_of(score[order[i]]) : score[order[i]]);
        if (r->returns) jw_kstr(&t->w, "text", r->document[order[i]].text);
        jw_object_end(&t->w);
    }
    jw_array_end(&t->w);
    return true;
}
