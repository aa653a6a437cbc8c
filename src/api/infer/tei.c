/* api/infer/tei.c - what Text Embeddings Inference has, under a model's address: embed, similarity, rerank, predict.
 *
 * Each is a task with other names around it. */
#include "api/infer/infer_api.h"

enum { BATCH_MAX = 1024 };

static bool is_given(const struct json *v) { return v && v->type != JSON_NULL; }

/* Checks the body and writes the task's "inputs" and "parameters". */
typedef bool write_task(struct json_writer *w, const struct json *body, struct err *e);
typedef void write_result(struct json_writer *w, const struct json *body, const struct json *result);

struct question {
    struct model_call m;
    const struct json *body;
    write_result *write;
};

static bool reply(struct model_call *m, const struct json *end, struct err *e)
{
    const struct question *q = m->ctx;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    (void)e;
    q->write(&w, q->body, json_get(end, STR("result")));
    return call_reply_json(m->c, 200, &b);
}

static bool answer(struct call *c, const char *route, const char *task, write_task *write, write_result *write_back, struct err *e)
{
    static const struct model_sink sink = { .end = reply };
    struct question *q = arena_one(c->a, struct question);
    struct json *body;
    struct buf call = BUF_INIT(0);
    struct json_writer w = json_writer(&call);
    if (!call_json(c, &body, e)) return false;
    str direction = json_str_or(body, STR("truncation_direction"), STR("right"));
    if (!str_eq_nocase(direction, STR("right"))) return err_set(e, ERR_NOT_BUILT, "\"truncation_direction\" other than right is not built in this version of Hearth");
    jw_object(&w);
    jw_kstr(&w, "task", str_c(task));
    bool ok = write(&w, body, e) && model_of_route(c, &q->m, e);
    jw_object_end(&w);
    q->m.ctx = q;
    q->body = body;
    q->write = write_back;
    ok = ok && model_run(&q->m, buf_str(&call), http_body(c->http).n, route, &sink, e);
    buf_deinit(&call);
    return ok;
}

static void write_as_it_is(struct json_writer *w, const struct json *body, const struct json *result)
{
    (void)body;
    jw_value(w, result);
}

static bool check_batch(const struct json *list, struct err *e)
{
    if (list->count == 0 || list->count > BATCH_MAX) return err_set(e, ERR_UNPROCESSABLE, "a batch has from 1 to %d texts", BATCH_MAX);
    json_each (item, list)
        if (!json_is(item, JSON_STRING)) return err_set(e, ERR_UNPROCESSABLE, "a batch must be texts");
    return true;
}

static bool write_embed(struct json_writer *w, const struct json *body, struct err *e)
{
    const struct json *inputs = json_get(body, STR("inputs")), *prompt = json_get(body, STR("prompt_name"));
    if (is_given(json_get(body, STR("dimensions")))) return err_set(e, ERR_NOT_BUILT, "\"dimensions\" is not built here; /v1/embeddings has it");
    if (!json_is(inputs, JSON_STRING) && !json_is(inputs, JSON_ARRAY)) return err_set(e, ERR_UNPROCESSABLE, "\"inputs\" must be a text or a list of texts");
    if (inputs->type == JSON_ARRAY && !check_batch(inputs, e)) return false;
    jw_karray(w, "inputs");
    if (inputs->type == JSON_STRING) jw_value(w, inputs);
    else json_each (item, inputs) jw_value(w, item);
    jw_array_end(w);
    jw_kobject(w, "parameters");
    jw_kbool(w, "normalize", json_bool_or(body, STR("normalize"), true));
    jw_kbool(w, "truncate", json_bool_or(body, STR("truncate"), true)); /* texts over the model's length are cut unless the caller says no */
    if (is_given(prompt)) jw_kvalue(w, "prompt_name", prompt);
    jw_object_end(w);
    return true;
}

static bool write_similarity(struct json_writer *w, const struct json *body, struct err *e)
{
    const struct json *inputs = json_get(body, STR("inputs"));
    if (!is_given(inputs)) return err_set(e, ERR_UNPROCESSABLE, "\"inputs\" must be {\"source_sentence\", \"sentences\"}");
    jw_kvalue(w, "inputs", inputs);
    return true;
}

static bool write_rerank(struct json_writer *w, const struct json *body, struct err *e)
{
    const struct json *query = json_get(body, STR("query")), *texts = json_get(body, STR("texts"));
    if (!json_is(query, JSON_STRING) || !json_is(texts, JSON_ARRAY)) return err_set(e, ERR_UNPROCESSABLE, "\"query\" must be a text, \"texts\" a list of texts");
    if (!json_bool_or(body, STR("truncate"), true)) return err_set(e, ERR_NOT_BUILT, "\"truncate\": false is not built here: long texts are cut");
    if (!check_batch(texts, e)) return false;
    jw_kobject(w, "inputs");
    jw_kvalue(w, "query", query);
    jw_kvalue(w, "documents", texts);
    jw_object_end(w);
    jw_kobject(w, "parameters");
    jw_kbool(w, "return_documents", json_bool_or(body, STR("return_text"), false));
    jw_kbool(w, "apply_activation", !json_bool_or(body, STR("raw_scores"), false));
    jw_object_end(w);
    return true;
}

/* {"corpus_id", "score", "text"} become {"index", "text", "score"}; best first already. */
static void write_ranks(struct json_writer *w, const struct json *body, const struct json *result)
{
    (void)body;
    jw_array(w);
    json_each (item, result) {
        jw_object(w);
        jw_kint(w, "index", json_int_or(item, STR("corpus_id"), 0));
        if (json_get(item, STR("text"))) jw_kvalue(w, "text", json_get(item, STR("text")));
        if (json_get(item, STR("score"))) jw_kvalue(w, "score", json_get(item, STR("score")));
        jw_object_end(w);
    }
    jw_array_end(w);
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
        return err_set(e, ERR_UNPROCESSABLE, "\"inputs\" must be a text, a pair of texts, or a list of lists of one or two");
    jw_object(w);
    jw_kvalue(w, "text", first);
    if (second) jw_kvalue(w, "text_pair", second);
    jw_object_end(w);
    return true;
}

static bool is_batch(const struct json *body) { return json_is(json_at(json_get(body, STR("inputs")), 0), JSON_ARRAY); }

static bool write_predict(struct json_writer *w, const struct json *body, struct err *e)
{
    const struct json *inputs = json_get(body, STR("inputs"));
    bool ok = true;
    if (!is_given(inputs)) return err_set(e, ERR_UNPROCESSABLE, "\"inputs\" is required");
    if (is_batch(body) && inputs->count > BATCH_MAX) return err_set(e, ERR_UNPROCESSABLE, "a batch has from 1 to %d texts", BATCH_MAX);
    jw_karray(w, "inputs");
    if (!is_batch(body)) ok = write_predict_input(w, inputs, e);
    else json_each (item, inputs) ok = ok && write_predict_input(w, item, e);
    jw_array_end(w);
    jw_kobject(w, "parameters");
    jw_knull(w, "top_k");
    jw_kbool(w, "truncation", json_bool_or(body, STR("truncate"), true));
    if (json_bool_or(body, STR("raw_scores"), false)) jw_kstr(w, "function_to_apply", STR("none"));
    jw_object_end(w);
    return ok;
}

static void write_labels(struct json_writer *w, const struct json *body, const struct json *result)
{
    jw_value(w, is_batch(body) ? result : json_at(result, 0));
}

static bool post_embed(struct call *c, struct err *e) { return answer(c, "embed", "feature-extraction", write_embed, write_as_it_is, e); }
static bool post_similarity(struct call *c, struct err *e) { return answer(c, "similarity", "sentence-similarity", write_similarity, write_as_it_is, e); }
static bool post_rerank(struct call *c, struct err *e) { return answer(c, "rerank", "text-ranking", write_rerank, write_ranks, e); }
static bool post_predict(struct call *c, struct err *e) { return answer(c, "predict", "text-classification", write_predict, write_labels, e); }

#define ROW(what, fn) { HTTP_POST, "/models/:ns/:repo/" what, PERM_REPO_CALL, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, fn, "tei." what, SHAPE_HUB }
static const struct api_route rows[] = {
    ROW("embed", post_embed), ROW("similarity", post_similarity), ROW("rerank", post_rerank), ROW("predict", post_predict),
};
const struct api_table infer_tei_table = API_TABLE(rows);
