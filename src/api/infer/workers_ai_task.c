/* api/infer/workers_ai_task.c - models of Workers AI that read and do not write: embeddings, ranks, labels.
 *
 * What is wanted shows in the input: "query" and "contexts" are to be ranked, a "text" is for what the repository is for. */
#include "api/infer/workers_ai.h"

enum { TEXTS_MAX = 100, CONTEXTS_MAX = 1024 };

/* ------------------------------------------------------------------ from the request to the call */

static bool write_rerank(struct run *r, struct json_writer *w, struct err *e)
{
    const struct json *query = json_get(r->input, STR("query")), *contexts = json_get(r->input, STR("contexts")), *most = json_get(r->input, STR("top_k"));
    int64_t n;
    if (!json_is(query, JSON_STRING) || !query->s.n) return err_set(e, ERR_INVALID, "\"query\" must be a text that is not empty");
    if (!json_is(contexts, JSON_ARRAY) || !contexts->count || contexts->count > CONTEXTS_MAX) return err_set(e, ERR_INVALID, "\"contexts\" must be a list of 1 to %d {\"text\"}", CONTEXTS_MAX);
    if (is_given(most) && (!json_int(most, &n) || n < 1)) return err_set(e, ERR_INVALID, "\"top_k\" must be a whole number from 1 on");
    json_each (item, contexts)
        if (!json_is(json_get(item, STR("text")), JSON_STRING)) return err_set(e, ERR_INVALID, "\"contexts\" must be a list of {\"text\"}");
    jw_kstr(w, "task", STR("text-ranking"));
    jw_kobject(w, "inputs");
    jw_kvalue(w, "query", query);
    jw_karray(w, "documents");
    json_each (item, contexts) jw_value(w, json_get(item, STR("text")));
    jw_array_end(w);
    jw_object_end(w);
    jw_kobject(w, "parameters");
    jw_kbool(w, "apply_activation", true);
    if (is_given(most)) jw_kvalue(w, "top_k", most);
    jw_object_end(w);
    return true;
}

static bool write_texts(struct json_writer *w, const struct json *text, struct err *e)
{
    bool is_list = json_is(text, JSON_ARRAY);
    if (!is_given(text)) return err_kind(e, ERR_INVALID, INFER_EMPTY, "\"text\" (or \"query\" with \"contexts\") is required");
    if (!is_list && text->type != JSON_STRING) return err_set(e, ERR_INVALID, "\"text\" must be a text or a list of texts");
    if (is_list && (!text->count || text->count > TEXTS_MAX)) return err_set(e, ERR_INVALID, "\"text\" has from 1 to %d texts", TEXTS_MAX);
    json_each (item, is_list ? text : NULL)
        if (!json_is(item, JSON_STRING)) return err_set(e, ERR_INVALID, "\"text\" must be texts");
    jw_karray(w, "inputs");
    if (is_list) json_each (item, text) jw_value(w, item);
    else jw_value(w, text);
    jw_array_end(w);
    jw_kraw(w, "defaults", STR("{\"text-classification\":{\"top_k\":null,\"truncation\":true},\"feature-extraction\":{\"truncate\":true}}"));
    return true;
}

/* ------------------------------------------------------------------ from the answer to the result */

static void write_ranks(struct json_writer *w, const struct json *result)
{
    jw_object(w);
    jw_karray(w, "response");
    json_each (item, result) {
        jw_object(w);
        jw_kint(w, "id", json_int_or(item, STR("corpus_id"), 0));
        if (json_get(item, STR("score"))) jw_kvalue(w, "score", json_get(item, STR("score")));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
}

static bool write_vectors(struct run *r, struct json_writer *w, const struct json *result, struct err *e)
{
    const struct json *first = json_at(result, 0);
    float *v;
    size_t width;
    if (json_is(first, JSON_ARRAY)) return err_kind(e, ERR_UNPROCESSABLE, INFER_WRONG_MODEL, "the model is not one for embeddings: it has no modules.json");
    if (!vector_read(first, r->m.c->a, &v, &width, e)) return false;
    jw_object(w);
    jw_karray(w, "shape");
    jw_int(w, (int64_t)result->count);
    jw_int(w, (int64_t)width);
    jw_array_end(w);
    jw_key(w, STR("data"));
    bool ok = vectors_write(w, result, e);
    jw_object_end(w);
    return ok;
}

static bool write_result(struct run *r, struct json_writer *w, const struct json *end, struct err *e)
{
    const struct json *result = json_get(end, STR("result"));
    str task = json_str_or(end, STR("task"), STR(""));
    if (str_eq(task, STR("text-ranking"))) return write_ranks(w, result), true;
    if (str_eq(task, STR("feature-extraction"))) return write_vectors(r, w, result, e);
    if (str_eq(task, STR("text-classification"))) return jw_value(w, json_is(json_get(r->input, STR("text")), JSON_ARRAY) ? result : json_at(result, 0)), true;
    return err_kind(e, ERR_UNPROCESSABLE, INFER_WRONG_MODEL, "Workers AI has no task \"%.*s\"; /models/{owner}/{name} does it", STR_ARG(task));
}

static bool reply(struct model_call *m, const struct json *end, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    workers_ai_begin(&w);
    if (write_result(m->ctx, &w, end, e)) {
        workers_ai_end(&w);
        model_headers(m, end, http_body(m->c->http).n, false);
        return call_reply_json(m->c, 200, &b);
    }
    buf_deinit(&b);
    return false;
}

bool workers_ai_run_task(struct run *r, struct err *e)
{
    static const struct model_sink sink = { .end = reply, .rename = workers_ai_rename };
    struct buf call = BUF_INIT(0);
    struct json_writer w = json_writer(&call);
    jw_object(&w);
    bool ok = is_given(json_get(r->input, STR("query"))) ? write_rerank(r, &w, e) : write_texts(&w, json_get(r->input, STR("text")), e);
    jw_object_end(&w);
    ok = ok && model_run(&r->m, buf_str(&call), http_body(r->m.c->http).n, "workers-ai", &sink, e);
    buf_deinit(&call);
    return ok;
}
