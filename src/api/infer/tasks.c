/* api/infer/tasks.c - the tasks of Hugging Face's inference API: {"inputs", "parameters"} to a model's address.
 *
 * The task is the one that the repository is for, or the one that the address names.  Answers have the one shape that both of
 * huggingface_hub and @huggingface/inference understand, which differs from Transformers' own here and there. */
#include "api/infer/infer_api.h"

#include "model/task/task.h"

/* ------------------------------------------------------------------ from the request to the call */

/* "parameters" as they are, and with them what clients put beside "inputs". */
static void write_parameters(struct json_writer *w, const struct json *body, const struct task_kind *kind)
{
    jw_kobject(w, "parameters");
    json_each (item, json_get(body, STR("parameters")))
        if (is_given(item)) jw_key(w, item->key), jw_value(w, item);
    json_each (item, body) {
        bool is_frame = str_eq(item->key, STR("inputs")) || str_eq(item->key, STR("parameters")) || str_eq(item->key, STR("options")) || str_eq(item->key, STR("model"));
        str name = item->key, rest = str_c(kind ? kind->parameters : ""), word;
        bool is_known = false;
        while (str_cut(&rest, ' ', &word)) is_known = is_known || str_eq(word, name);
        /* Of embeddings clients send all parameters there: one that is not known is refused by the task, and by name. */
        is_known = is_known || (kind && str_eq(str_c(kind->name), STR("feature-extraction")));
        if (!is_frame && is_known && is_given(item)) jw_key(w, name), jw_value(w, item);
    }
    jw_object_end(w);
}

/* Clients of some years put these beside "inputs", or without it. */
static void gather_inputs(struct json *body, struct arena *a)
{
    static const char *const pairs[][2] = { { "question", "context" }, { "source_sentence", "sentences" }, { "query", "documents" } };
    if (is_given(json_get(body, STR("inputs")))) return;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct json *inputs = json_new(a, JSON_OBJECT);
        for (size_t k = 0; k < 2; k++) {
            const struct json *v = json_get(body, str_c(pairs[i][k]));
            if (is_given(v)) json_put(inputs, str_c(pairs[i][k]), json_share(a, v));
        }
        if (inputs->count < 2) continue;
        json_put(body, STR("inputs"), inputs);
        return;
    }
}

/* {"inputs", ..}; or the inputs themselves: a JSON text or list, or plain text of another type than JSON. */
static bool read_body(struct call *c, struct json **out, struct err *e)
{
    str type = http_header(c->http, "Content-Type"), body = str_trim(http_body(c->http));
    bool is_plain = str_starts_nocase(type, STR("text/plain")) || str_starts_nocase(type, STR("application/octet-stream"));
    struct json *doc;
    struct err why;
    if (body.n && !json_parse(body, c->a, &doc, &why)) {
        if (!is_plain) return *e = why, false;
        doc = json_new_str(c->a, body);
    } else if (!body.n || json_is(doc, JSON_NULL)) {
        doc = json_new(c->a, JSON_OBJECT);
    }
    if (!json_is(doc, JSON_OBJECT)) {
        struct json *inputs = doc;
        if (doc->type != JSON_STRING && doc->type != JSON_ARRAY) return err_set(e, ERR_INVALID, "The body must be {\"inputs\": ..}, or the inputs themselves: a text, or a list");
        json_put(doc = json_new(c->a, JSON_OBJECT), STR("inputs"), inputs);
    }
    gather_inputs(doc, c->a);
    *out = doc;
    return true;
}

/* What the request itself says, where the address does not name a task. */
static const struct task_kind *guess(const struct json *body)
{
    const struct json *inputs = json_get(body, STR("inputs"));
    if (is_given(json_get(json_get(body, STR("parameters")), STR("candidate_labels")))) return task_kind_find(STR("zero-shot-classification"));
    if (json_get(inputs, STR("source_sentence"))) return task_kind_find(STR("sentence-similarity"));
    if (json_get(inputs, STR("question")) && json_get(inputs, STR("context"))) return task_kind_find(STR("question-answering"));
    if (json_get(inputs, STR("query")) && json_get(inputs, STR("documents"))) return task_kind_find(STR("text-ranking"));
    return NULL;
}

static bool write_call(const struct json *body, const struct task_kind *kind, struct buf *out, struct err *e)
{
    struct json_writer w = json_writer(out);
    const struct json *inputs = json_get(body, STR("inputs"));
    if (!is_given(inputs)) return err_set(e, ERR_INVALID, "\"inputs\" is required%s%s", kind ? ": " : "", kind ? kind->inputs : "");
    if (is_given(json_get(body, STR("parameters"))) && !json_is(json_get(body, STR("parameters")), JSON_OBJECT))
        return err_set(e, ERR_INVALID, "\"parameters\" must be an object");
    jw_object(&w);
    if (kind) jw_kstr(&w, "task", str_c(kind->name));
    jw_kvalue(&w, "inputs", inputs);
    write_parameters(&w, body, kind);
    /* Without a bound clients expect all labels, and a group per entity; Transformers gives one, and a token each. */
    jw_kraw(&w, "defaults", STR("{\"text-classification\":{\"top_k\":null},\"token-classification\":{\"aggregation_strategy\":\"simple\"}}"));
    jw_object_end(&w);
    return true;
}

/* ------------------------------------------------------------------ from the answer to the shape of clients */

/* Both clients want a list per text here, also for one text, and whatever top_k is. */
static void write_nested(struct json_writer *w, const struct json *result, bool is_list)
{
    bool is_nested = json_is(json_at(result, 0), JSON_ARRAY);
    jw_array(w);
    if (!is_list) jw_value(w, is_nested ? json_at(result, 0) : result);
    json_each (item, is_list ? result : NULL) {
        if (!is_nested) jw_array(w);
        jw_value(w, item);
        if (!is_nested) jw_array_end(w);
    }
    jw_array_end(w);
}

/* The lines 0.x of huggingface_hub read Transformers' own object, all others a list. */
static bool wants_plain_labels(struct call *c)
{
    str agent = http_header(c->http, "User-Agent");
    return str_find(agent, STR("hf_hub/0.")) != STR_NONE;
}

/* {"labels", "scores"} becomes a list of {"label", "score"}. */
static void write_labels(struct json_writer *w, const struct json *result)
{
    if (json_is(result, JSON_ARRAY)) {
        jw_array(w);
        json_each (item, result) write_labels(w, item);
        jw_array_end(w);
        return;
    }
    const struct json *score = json_first(json_get(result, STR("scores")));
    jw_array(w);
    json_each (label, json_get(result, STR("labels"))) {
        jw_object(w);
        jw_kvalue(w, "label", label);
        if (score) jw_kvalue(w, "score", score);
        jw_object_end(w);
        score = score ? score->next : NULL;
    }
    jw_array_end(w);
}

/* With no grouping both names of an entity are there. */
static void write_entities(struct json_writer *w, const struct json *result)
{
    if (json_is(result, JSON_ARRAY)) {
        jw_array(w);
        json_each (item, result) write_entities(w, item);
        jw_array_end(w);
        return;
    }
    const struct json *entity = json_get(result, STR("entity"));
    jw_object(w);
    json_each (member, result) jw_key(w, member->key), jw_value(w, member);
    if (entity && !json_get(result, STR("entity_group"))) jw_kvalue(w, "entity_group", entity);
    jw_object_end(w);
}

/* @huggingface/inference asks with a list of one, and reads the answer for a text. */
static bool wants_the_only_one(struct call *c, const struct json *result)
{
    return json_is(result, JSON_ARRAY) && result->count == 1 && str_starts(http_header(c->http, "User-Agent"), STR("@huggingface/inference"));
}

static bool write_answer(struct call *c, struct json_writer *w, str task, const struct json *result, bool is_list, struct err *e)
{
    if (str_eq(task, STR("feature-extraction"))) return vectors_write(w, result, e);
    if (str_eq(task, STR("text-classification"))) write_nested(w, result, is_list);
    else if (str_eq(task, STR("zero-shot-classification")) && !wants_plain_labels(c)) write_labels(w, wants_the_only_one(c, result) ? json_at(result, 0) : result);
    else if (str_eq(task, STR("token-classification"))) write_entities(w, result);
    else jw_value(w, result);
    return true;
}

static bool reply(struct model_call *m, const struct json *end, struct err *e)
{
    const struct json *body = m->ctx;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (write_answer(m->c, &w, json_str_or(end, STR("task"), STR("")), json_get(end, STR("result")), json_is(json_get(body, STR("inputs")), JSON_ARRAY), e)) {
        model_headers(m, end, http_body(m->c->http).n, false);
        return call_reply_json(m->c, 200, &b);
    }
    buf_deinit(&b);
    return false;
}

static bool answer(struct call *c, str task, struct err *e)
{
    static const struct model_sink sink = { .end = reply, .rename = model_failed };
    struct model_call *m = arena_one(c->a, struct model_call);
    struct buf call = BUF_INIT(0);
    struct json *body;
    if (!model_of_route(c, m, e) || !read_body(c, &body, e)) return false;
    if (!m->is_encoder && is_given(json_get(body, STR("messages"))) && !is_given(json_get(body, STR("inputs")))) {
        c->shape = SHAPE_OPENAI; /* clients of some years send conversations to the address itself */
        return openai_chat(c, e);
    }
    m->ctx = body;
    model_read_options(m, body);
    const struct task_kind *kind = task.n ? task_kind_find(task) : guess(body);
    if (task.n && !kind) return err_set(e, ERR_NOT_BUILT, "the task \"%.*s\" is not built in this version of Hearth", STR_ARG(str_to(task, 60)));
    if (!m->is_encoder && (!kind || str_eq(str_c(kind->name), STR("text-generation")))) return tgi_generate(c, m, body, TGI_LIST, e);
    bool ok = write_call(body, kind, &call, e) && model_run(m, buf_str(&call), http_body(c->http).n, "task", &sink, e);
    buf_deinit(&call);
    return ok;
}

static bool post_model(struct call *c, struct err *e) { return answer(c, STR(""), e); }
static bool post_pipeline(struct call *c, struct err *e) { return answer(c, call_param(c, "task"), e); }

#define ROWS(prefix)                                                                                                                    \
    { HTTP_POST, prefix "/models/:ns/:repo", PERM_REPO_CALL, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, post_model, "task.model", SHAPE_TASK }, \
    { HTTP_POST, prefix "/models/:ns/:repo/pipeline/:task", PERM_REPO_CALL, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, post_pipeline, "task.pipeline", SHAPE_TASK }, \
    { HTTP_POST, prefix "/pipeline/:task/:ns/:repo", PERM_REPO_CALL, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, post_pipeline, "task.pipeline", SHAPE_TASK }
static const struct api_route rows[] = { ROWS(""), ROWS("/hf-inference") };
const struct api_table infer_tasks_table = API_TABLE(rows);
