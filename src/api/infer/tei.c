/* api/infer/tei.c - what Text Embeddings Inference has, under a model's address: embed, embed_all, similarity, rerank, predict.
 *
 * Each is a task with other names around it. */
#include "api/infer/tei.h"

struct question {
    struct model_call m;
    const struct json *body;
    int64_t dimensions; /* 0: all */
    bool normalizes;
    bool (*write)(struct question *q, struct json_writer *w, const struct json *result, struct err *e);
};
/* Checks the body and writes the task's "inputs" and "parameters". */
typedef bool write_task(struct question *q, struct json_writer *w, struct err *e);
typedef bool write_result(struct question *q, struct json_writer *w, const struct json *result, struct err *e);

/* ------------------------------------------------------------------ what all have */

enum type { FLAG, TEXT, WHOLE };
static const struct { const char *name; enum type type; } members[] = {
    { "truncate", FLAG }, { "normalize", FLAG }, { "raw_scores", FLAG }, { "return_text", FLAG },
    { "prompt_name", TEXT }, { "truncation_direction", TEXT }, { "dimensions", WHOLE },
};

static bool check_types(const struct json *o, struct err *e)
{
    int64_t n;
    for (size_t i = 0; i < COUNT(members); i++) {
        const struct json *v = json_get(o, str_c(members[i].name));
        if (!is_given(v)) continue;
        if (members[i].type == FLAG && v->type != JSON_BOOL) return err_set(e, ERR_UNPROCESSABLE, "`%s` must be true or false", members[i].name);
        if (members[i].type == TEXT && v->type != JSON_STRING) return err_set(e, ERR_UNPROCESSABLE, "`%s` must be a text", members[i].name);
        if (members[i].type == WHOLE && (!json_int(v, &n) || n < 1)) return err_set(e, ERR_UNPROCESSABLE, "`%s` must be a whole number greater than 0", members[i].name);
    }
    str side = json_str_or(o, STR("truncation_direction"), STR("right"));
    return str_eq_nocase(side, STR("right")) || str_eq_nocase(side, STR("left")) || err_set(e, ERR_UNPROCESSABLE, "`truncation_direction` is left or right");
}

static bool is_batch_size(size_t n, const char *name, struct err *e)
{
    if (n == 0) return err_kind(e, ERR_INVALID, INFER_EMPTY, "`%s` cannot be empty", name);
    return n <= TEI_BATCH_MAX || err_set(e, ERR_UNPROCESSABLE, "batch size %zu > maximum allowed batch size %d", n, TEI_BATCH_MAX);
}

bool tei_check_texts(const struct json *v, const char *name, struct err *e)
{
    if (json_is(v, JSON_STRING)) return true;
    if (!json_is(v, JSON_ARRAY)) return err_set(e, ERR_UNPROCESSABLE, "`%s` must be a text or a list of texts", name);
    if (!is_batch_size(v->count, name, e)) return false;
    json_each (item, v)
        if (!json_is(item, JSON_STRING)) return err_set(e, ERR_UNPROCESSABLE, "`%s` must be texts", name);
    return true;
}

/* Texts over the model's length are cut unless the caller says no. */
static void write_cut(struct json_writer *w, const struct json *o, const char *name)
{
    str side = json_str_or(o, STR("truncation_direction"), STR("right"));
    jw_kbool(w, name, json_bool_or(o, STR("truncate"), true));
    jw_kstr(w, "truncation_side", str_eq_nocase(side, STR("left")) ? STR("left") : STR("right"));
}

static void write_prompt_name(struct json_writer *w, const struct json *o)
{
    const struct json *name = json_get(o, STR("prompt_name"));
    if (is_given(name)) jw_kvalue(w, "prompt_name", name);
}

static bool reply(struct model_call *m, const struct json *end, struct err *e)
{
    struct question *q = m->ctx;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (q->write(q, &w, json_get(end, STR("result")), e)) {
        model_headers(m, end, http_body(m->c->http).n, true);
        return call_reply_json(m->c, 200, &b);
    }
    buf_deinit(&b);
    return false;
}

/* A repository that lacks what the task needs is the wrong model. */
static void rename_failure(struct model_call *m, struct err *why)
{
    if (!why->kind && why->code == ERR_NOT_FOUND) why->kind = INFER_WRONG_MODEL;
    model_failed(m, why);
}

static bool answer(struct call *c, const char *route, const char *task, write_task *write, write_result *write_back, struct err *e)
{
    static const struct model_sink sink = { .end = reply, .rename = rename_failure };
    struct question *q = arena_one(c->a, struct question);
    struct json *body;
    struct buf call = BUF_INIT(0);
    struct json_writer w = json_writer(&call);
    if (!call_json(c, &body, e) || !check_types(body, e) || !model_of_route(c, &q->m, e)) return false;
    if (!q->m.is_encoder) return err_kind(e, ERR_UNPROCESSABLE, INFER_WRONG_MODEL, "the model generates text: it has no `%s`", route);
    q->m.ctx = q;
    q->body = body;
    q->write = write_back;
    jw_object(&w);
    jw_kstr(&w, "task", str_c(task));
    bool ok = write(q, &w, e);
    jw_object_end(&w);
    ok = ok && model_run(&q->m, buf_str(&call), http_body(c->http).n, route, &sink, e);
    buf_deinit(&call);
    return ok;
}

static bool write_as_it_is(struct question *q, struct json_writer *w, const struct json *result, struct err *e)
{
    (void)q;
    (void)e;
    jw_value(w, result);
    return true;
}

/* ------------------------------------------------------------------ vectors */

static bool is_tokens(const struct json *v)
{
    if (!json_is(v, JSON_ARRAY) || !v->count) return false;
    json_each (item, v)
        if (!json_is(item, JSON_INT)) return false;
    return true;
}

static bool write_input(struct json_writer *w, const struct json *v, str prompt, struct err *e)
{
    if (json_is(v, JSON_STRING)) {
        struct buf text = BUF_INIT(0);
        buf_add(&text, prompt);
        buf_add(&text, v->s);
        jw_str(w, buf_str(&text));
        buf_deinit(&text);
        return true;
    }
    if (!is_tokens(v)) return err_set(e, ERR_UNPROCESSABLE, "`inputs` must be a text, a list of token ids, or a list of these");
    if (prompt.n) return err_set(e, ERR_NOT_BUILT, "`prompt_name` with token ids is not built here");
    jw_object(w);
    jw_kvalue(w, "ids", v);
    jw_object_end(w);
    return true;
}

/* One input, or a batch: a list all the same. */
static bool write_inputs(struct json_writer *w, const struct json *inputs, str prompt, struct err *e)
{
    bool is_one = json_is(inputs, JSON_STRING) || is_tokens(inputs), ok = true;
    if (!is_one && !json_is(inputs, JSON_ARRAY)) return err_set(e, ERR_UNPROCESSABLE, "`inputs` must be a text, a list of token ids, or a list of these");
    if (!is_one && !is_batch_size(inputs->count, "inputs", e)) return false;
    jw_karray(w, "inputs");
    if (is_one) ok = write_input(w, inputs, prompt, e);
    else json_each (item, inputs) ok = ok && write_input(w, item, prompt, e);
    jw_array_end(w);
    return ok;
}

static bool is_for_embeddings(struct question *q, struct err *e)
{
    const struct json *modules;
    if (!model_json(&q->m, "modules.json", &modules, e)) return false;
    return modules || err_kind(e, ERR_UNPROCESSABLE, INFER_WRONG_MODEL, "the model is not one for embeddings: it has no modules.json");
}

static bool write_embed(struct question *q, struct json_writer *w, struct err *e)
{
    q->dimensions = json_int_or(q->body, STR("dimensions"), 0);
    q->normalizes = json_bool_or(q->body, STR("normalize"), true);
    if (!write_inputs(w, json_get(q->body, STR("inputs")), STR(""), e) || !is_for_embeddings(q, e)) return false;
    jw_kobject(w, "parameters");
    jw_kbool(w, "normalize", q->normalizes && !q->dimensions); /* of a part: after it was cut */
    write_cut(w, q->body, "truncate");
    write_prompt_name(w, q->body);
    jw_object_end(w);
    return true;
}

/* The first dimensions of each vector, of length 1 again. */
static bool write_vectors(struct question *q, struct json_writer *w, const struct json *result, struct err *e)
{
    if (!q->dimensions) return vectors_write(w, result, e);
    jw_array(w);
    json_each (vector, result) {
        const size_t wanted = (size_t)q->dimensions;
        double sum = 0;
        float *x;
        size_t n;
        if (!vector_read(vector, q->m.c->a, &x, &n, e)) return false;
        if (n < wanted) return err_set(e, ERR_UNPROCESSABLE, "`dimensions` is %lld, and the model has %zu", (long long)q->dimensions, n);
        for (size_t i = 0; i < wanted; i++) sum += (double)x[i] * (double)x[i];
        double scale = !q->normalizes ? 1 : sum > 0 ? 1 / __builtin_sqrt(sum) : 0;
        for (size_t i = 0; i < wanted; i++) x[i] = (float)(x[i] * scale);
        vector_write(w, x, wanted);
    }
    jw_array_end(w);
    return true;
}

static bool find_prompt(struct question *q, str *out, struct err *e)
{
    const struct json *name = json_get(q->body, STR("prompt_name")), *config;
    *out = STR("");
    if (!is_given(name)) return true;
    if (!model_json(&q->m, "config_sentence_transformers.json", &config, e)) return false;
    return json_str(json_get(json_get(config, STR("prompts")), name->s), out) ||
           err_set(e, ERR_UNPROCESSABLE, "`prompt_name`: the model has no prompt \"%.*s\"", STR_ARG(str_to(name->s, 60)));
}

static bool write_embed_all(struct question *q, struct json_writer *w, struct err *e)
{
    str prompt;
    if (!find_prompt(q, &prompt, e) || !write_inputs(w, json_get(q->body, STR("inputs")), prompt, e)) return false;
    jw_kobject(w, "parameters");
    jw_kstr(w, "pooling", STR("none"));
    write_cut(w, q->body, "truncation");
    jw_object_end(w);
    return true;
}

/* A number for each word that matters, of models that were made for it (SPLADE) and of others that fill masks. */
static bool write_embed_sparse(struct question *q, struct json_writer *w, struct err *e)
{
    str prompt;
    if (!find_prompt(q, &prompt, e) || !write_inputs(w, json_get(q->body, STR("inputs")), prompt, e)) return false;
    jw_kobject(w, "parameters");
    write_cut(w, q->body, "truncation");
    jw_object_end(w);
    return true;
}

/* Each text's tokens stand in a list of one. */
static bool write_tokens(struct question *q, struct json_writer *w, const struct json *result, struct err *e)
{
    bool ok = true;
    (void)q;
    jw_array(w);
    json_each (item, result) ok = ok && vectors_write(w, json_at(item, 0), e);
    jw_array_end(w);
    return ok;
}

static bool write_similarity(struct question *q, struct json_writer *w, struct err *e)
{
    const struct json *inputs = json_get(q->body, STR("inputs")), *p = json_get(q->body, STR("parameters"));
    const struct json *sentences = json_get(inputs, STR("sentences"));
    if (!json_is(json_get(inputs, STR("source_sentence")), JSON_STRING) || !json_is(sentences, JSON_ARRAY))
        return err_set(e, ERR_UNPROCESSABLE, "`inputs` must be {\"source_sentence\": a text, \"sentences\": a list of texts}");
    if (!tei_check_texts(sentences, "sentences", e) || !is_batch_size(sentences->count + 1, "sentences", e)) return false;
    if (is_given(p) && (p->type != JSON_OBJECT || !check_types(p, e))) return p->type == JSON_OBJECT ? false : err_set(e, ERR_UNPROCESSABLE, "`parameters` must be an object");
    if (!is_for_embeddings(q, e)) return false;
    jw_kvalue(w, "inputs", inputs);
    jw_kobject(w, "parameters");
    write_cut(w, p, "truncate");
    write_prompt_name(w, p);
    jw_object_end(w);
    return true;
}

/* ------------------------------------------------------------------ scores */

static bool write_rerank(struct question *q, struct json_writer *w, struct err *e)
{
    const struct json *query = json_get(q->body, STR("query")), *texts = json_get(q->body, STR("texts"));
    if (!json_is(query, JSON_STRING) || !json_is(texts, JSON_ARRAY)) return err_set(e, ERR_UNPROCESSABLE, "`query` must be a text, `texts` a list of texts");
    if (!tei_check_texts(texts, "texts", e)) return false;
    jw_kobject(w, "inputs");
    jw_kvalue(w, "query", query);
    jw_kvalue(w, "documents", texts);
    jw_object_end(w);
    jw_kobject(w, "parameters");
    jw_kbool(w, "return_documents", json_bool_or(q->body, STR("return_text"), false));
    jw_kbool(w, "apply_activation", !json_bool_or(q->body, STR("raw_scores"), false));
    write_cut(w, q->body, "truncation");
    jw_object_end(w);
    return true;
}

/* {"corpus_id", "score", "text"} become {"index", "text", "score"}; best first already. */
static bool write_ranks(struct question *q, struct json_writer *w, const struct json *result, struct err *e)
{
    (void)q;
    (void)e;
    jw_array(w);
    json_each (item, result) {
        jw_object(w);
        jw_kint(w, "index", json_int_or(item, STR("corpus_id"), 0));
        if (json_get(item, STR("text"))) jw_kvalue(w, "text", json_get(item, STR("text")));
        if (json_get(item, STR("score"))) jw_kvalue(w, "score", json_get(item, STR("score")));
        jw_object_end(w);
    }
    jw_array_end(w);
    return true;
}

/* One text, or a list of lists of one or two; a list of two texts is a pair. */
static bool write_predict_input(struct json_writer *w, const struct json *v, struct err *e)
{
    if (json_is(v, JSON_STRING)) {
        jw_value(w, v);
        return true;
    }
    const struct json *first = json_at(v, 0), *second = json_at(v, 1);
    if (!json_is(first, JSON_STRING) || v->count > 2 || (second && !json_is(second, JSON_STRING)))
        return err_set(e, ERR_UNPROCESSABLE, "`inputs` must be a text, a pair of texts, or a list of lists of one or two");
    jw_object(w);
    jw_kvalue(w, "text", first);
    if (second) jw_kvalue(w, "text_pair", second);
    jw_object_end(w);
    return true;
}

static bool is_batch(const struct json *body) { return json_is(json_at(json_get(body, STR("inputs")), 0), JSON_ARRAY); }

static bool write_predict(struct question *q, struct json_writer *w, struct err *e)
{
    const struct json *inputs = json_get(q->body, STR("inputs"));
    bool ok = true;
    if (!is_given(inputs)) return err_set(e, ERR_UNPROCESSABLE, "`inputs` is required");
    if (json_is(inputs, JSON_ARRAY) && !is_batch_size(inputs->count, "inputs", e)) return false;
    jw_karray(w, "inputs");
    if (!is_batch(q->body)) ok = write_predict_input(w, inputs, e);
    else json_each (item, inputs) ok = ok && write_predict_input(w, item, e);
    jw_array_end(w);
    jw_kobject(w, "parameters");
    jw_knull(w, "top_k");
    write_cut(w, q->body, "truncation");
    if (json_bool_or(q->body, STR("raw_scores"), false)) jw_kstr(w, "function_to_apply", STR("none"));
    jw_object_end(w);
    return ok;
}

static bool write_labels(struct question *q, struct json_writer *w, const struct json *result, struct err *e)
{
    return write_as_it_is(q, w, is_batch(q->body) ? result : json_at(result, 0), e);
}

/* ------------------------------------------------------------------ routes */

static bool post_embed(struct call *c, struct err *e) { return answer(c, "embed", "feature-extraction", write_embed, write_vectors, e); }
static bool post_embed_all(struct call *c, struct err *e) { return answer(c, "embed_all", "feature-extraction", write_embed_all, write_tokens, e); }
static bool post_similarity(struct call *c, struct err *e) { return answer(c, "similarity", "sentence-similarity", write_similarity, write_as_it_is, e); }
static bool post_rerank(struct call *c, struct err *e) { return answer(c, "rerank", "text-ranking", write_rerank, write_ranks, e); }
static bool post_predict(struct call *c, struct err *e) { return answer(c, "predict", "text-classification", write_predict, write_labels, e); }
static bool post_embed_sparse(struct call *c, struct err *e) { return answer(c, "embed_sparse", "sparse-embedding", write_embed_sparse, write_as_it_is, e); }

#define ROW(prefix, what, fn) { HTTP_POST, prefix "/models/:ns/:repo/" what, PERM_REPO_CALL, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, fn, "tei." what, SHAPE_TEI }
#define ROWS(prefix)                                                                                                                         \
    ROW(prefix, "embed", post_embed), ROW(prefix, "embed_all", post_embed_all), ROW(prefix, "embed_sparse", post_embed_sparse),          \
    ROW(prefix, "similarity", post_similarity), ROW(prefix, "rerank", post_rerank), ROW(prefix, "predict", post_predict)
static const struct api_route rows[] = { ROWS(""), ROWS("/hf-inference") };
const struct api_table infer_tei_table = API_TABLE(rows);
