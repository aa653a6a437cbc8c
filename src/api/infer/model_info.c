/* api/infer/model_info.c - what a model's address says of the model itself: tokens, templates, limits, health.
 *
 * TGI and TEI have the same addresses for these and other answers: a model that generates answers as TGI does, an encoder as
 * TEI, in errors too.  Tokens and templates are asked of the worker, for they were written by strangers; they cost nothing. */
#include "api/api_priv.h"
#include "api/infer/tei.h"
#include "api/infer/tgi.h"

#include "hub/index/list.h"

/* The model of the route, and from here on errors in the shape of its server. */
static bool find(struct call *c, struct model_call *m, struct err *e)
{
    if (!model_of_route(c, m, e)) return false;
    c->shape = m->is_encoder ? SHAPE_TEI : SHAPE_TGI;
    return true;
}

/* ------------------------------------------------------------------ asking the worker */

/* [{"id", "text", "start", "stop"}]: what was added has no text. */
static void write_tgi_tokens(struct json_writer *w, const struct json *list)
{
    jw_array(w);
    json_each (token, list) {
        bool special = json_bool_or(token, STR("special"), false);
        jw_object(w);
        jw_kint(w, "id", json_int_or(token, STR("id"), 0));
        jw_kstr(w, "text", special ? STR("") : json_str_or(token, STR("text"), STR("")));
        jw_kint(w, "start", json_int_or(token, STR("start"), 0));
        jw_kint(w, "stop", json_int_or(token, STR("stop"), 0));
        jw_object_end(w);
    }
    jw_array_end(w);
}

static bool reply_tokens(struct model_call *m, const struct json *end, struct err *e)
{
    const struct json *result = json_get(end, STR("result"));
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    (void)e;
    if (m->is_encoder) jw_value(&w, result);
    else write_tgi_tokens(&w, json_at(result, 0));
    return call_reply_json(m->c, 200, &b);
}

static bool check_tokenize(const struct model_call *m, const struct json *inputs, struct err *e)
{
    if (!m->is_encoder)
        return (json_is(inputs, JSON_STRING) && inputs->s.n) || err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`inputs` must be a text that is not empty");
    return tei_check_texts(inputs, "inputs", e);
}

static bool post_tokenize(struct call *c, struct err *e)
{
    static const struct model_sink sink = { .end = reply_tokens, .rename = model_failed };
    struct model_call *m = arena_one(c->a, struct model_call);
    struct json *body;
    struct buf call = BUF_INIT(0);
    struct json_writer w = json_writer(&call);
    if (!find(c, m, e) || !call_json(c, &body, e)) return false;
    const struct json *inputs = json_get(body, STR("inputs")), *special = json_get(body, STR("add_special_tokens")), *prompt = json_get(body, STR("prompt_name"));
    if (!check_tokenize(m, inputs, e)) return false;
    if (is_given(special) && special->type != JSON_BOOL) return err_set(e, ERR_UNPROCESSABLE, "`add_special_tokens` must be true or false");
    jw_object(&w);
    jw_kstr(&w, "task", STR("tokenize"));
    jw_kvalue(&w, "inputs", inputs);
    jw_kobject(&w, "parameters");
    if (is_given(special)) jw_kvalue(&w, "add_special_tokens", special);
    if (is_given(prompt)) jw_kvalue(&w, "prompt_name", prompt);
    jw_object_end(&w);
    jw_object_end(&w);
    bool ok = model_run(m, buf_str(&call), 0, "tokenize", &sink, e);
    buf_deinit(&call);
    return ok;
}

/* A conversation whose last word is the assistant's is one that he goes on with. */
static bool ends_with_assistant(const struct json *messages)
{
    const struct json *last = NULL;
    json_each (item, messages) last = item;
    return str_eq(json_str_or(last, STR("role"), STR("")), STR("assistant"));
}

static bool reply_chat(struct model_call *m, const struct json *end, struct err *e)
{
    const struct json *result = json_get(end, STR("result"));
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    (void)e;
    jw_object(&w);
    jw_key(&w, STR("tokenize_response"));
    write_tgi_tokens(&w, json_get(result, STR("tokens")));
    jw_kstr(&w, "templated_text", json_str_or(result, STR("text"), STR("")));
    jw_object_end(&w);
    return call_reply_json(m->c, 200, &b);
}

static void template_failed(struct model_call *m, struct err *why)
{
    if (!why->kind && why->code == ERR_UNPROCESSABLE) why->kind = INFER_TEMPLATE;
    model_failed(m, why);
}

static bool post_chat_tokenize(struct call *c, struct err *e)
{
    static const struct model_sink sink = { .end = reply_chat, .rename = template_failed };
    struct model_call *m = arena_one(c->a, struct model_call);
    struct json *body;
    struct buf call = BUF_INIT(0);
    struct json_writer w = json_writer(&call);
    if (!find(c, m, e) || !call_json(c, &body, e)) return false;
    const struct json *messages = json_get(body, STR("messages")), *tools = json_get(body, STR("tools")), *template = json_get(body, STR("chat_template_kwargs"));
    if (!json_is(messages, JSON_ARRAY) || !messages->count) return err_set(e, ERR_UNPROCESSABLE, "`messages` must be a list that is not empty");
    if (is_given(tools) && tools->type != JSON_ARRAY) return err_set(e, ERR_UNPROCESSABLE, "`tools` must be a list");
    jw_object(&w);
    jw_kstr(&w, "task", STR("chat-tokenize"));
    jw_kobject(&w, "inputs");
    jw_kvalue(&w, "messages", messages);
    if (is_given(tools) && tools->count) jw_kvalue(&w, "tools", tools);
    if (json_is(template, JSON_OBJECT)) jw_kvalue(&w, "template", template);
    jw_kbool(&w, "continues", ends_with_assistant(messages));
    jw_object_end(&w);
    jw_object_end(&w);
    bool ok = model_run(m, buf_str(&call), 0, "chat-tokenize", &sink, e);
    buf_deinit(&call);
    return ok;
}

static bool reply_texts(struct model_call *m, const struct json *end, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    (void)e;
    jw_value(&w, json_get(end, STR("result")));
    return call_reply_json(m->c, 200, &b);
}

static bool post_decode(struct call *c, struct err *e)
{
    static const struct model_sink sink = { .end = reply_texts, .rename = model_failed };
    struct model_call *m = arena_one(c->a, struct model_call);
    struct json *body;
    struct buf call = BUF_INIT(0);
    struct json_writer w = json_writer(&call);
    if (!find(c, m, e) || !call_json(c, &body, e)) return false;
    const struct json *ids = json_get(body, STR("ids")), *skip = json_get(body, STR("skip_special_tokens"));
    if (!json_is(ids, JSON_ARRAY)) return err_set(e, ERR_UNPROCESSABLE, "`ids` must be a list of token ids, or a list of such lists");
    if (!ids->count) return err_kind(e, ERR_INVALID, INFER_EMPTY, "`ids` cannot be empty");
    if (is_given(skip) && skip->type != JSON_BOOL) return err_set(e, ERR_UNPROCESSABLE, "`skip_special_tokens` must be true or false");
    jw_object(&w);
    jw_kstr(&w, "task", STR("decode"));
    jw_kvalue(&w, "inputs", ids);
    jw_kobject(&w, "parameters");
    if (is_given(skip)) jw_kvalue(&w, "skip_special_tokens", skip);
    jw_object_end(&w);
    jw_object_end(&w);
    bool ok = model_run(m, buf_str(&call), 0, "decode", &sink, e);
    buf_deinit(&call);
    return ok;
}

/* ------------------------------------------------------------------ limits */

/* The longest input, from the configuration; 0: it does not say. */
static bool find_positions(struct model_call *m, const struct json *config, int64_t *out, struct err *e)
{
    static const char *const names[] = { "max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "max_seq_len" };
    const struct json *sentence, *text = json_get(config, STR("text_config"));
    struct infer_model now;
    struct json *told;
    struct err ignored;
    *out = 0;
    for (size_t i = 0; i < COUNT(names) && *out <= 0; i++) {
        *out = json_int_or(config, str_c(names[i]), 0);
        if (*out <= 0) *out = json_int_or(text, str_c(names[i]), 0);
    }
    if (*out <= 0 && model_state(m, &now) && now.described.n && json_parse(now.described, m->c->a, &told, &ignored)) *out = json_int_or(told, STR("positions"), 0);
    if (!model_json(m, "sentence_bert_config.json", &sentence, e)) return false;
    int64_t cut = json_int_or(sentence, STR("max_seq_length"), 0);
    if (cut > 0 && (*out <= 0 || cut < *out)) *out = cut;
    return true;
}

static void write_head(struct model_call *m, struct json_writer *w)
{
    char hex[VCS_OID_HEX + 1];
    const struct infer_config *f = infer_settings(m->c->api->config.infer);
    jw_kstr(w, "model_id", m->repo.full_name);
    jw_kstr(w, "model_sha", vcs_oid_hex(&m->commit, hex));
    jw_kint(w, "max_concurrent_requests", (int64_t)(f->running_max + f->waiting_max));
    jw_kstr(w, "version", STR(HEARTH_VERSION));
    jw_knull(w, "sha");
    jw_knull(w, "docker_label");
}

static void write_tgi_info(struct model_call *m, struct json_writer *w, str pipeline, int64_t positions)
{
    jw_object(w);
    write_head(m, w);
    if (pipeline.n) jw_kstr(w, "model_pipeline_tag", pipeline);
    else jw_knull(w, "model_pipeline_tag");
    jw_kint(w, "max_best_of", TGI_BEST_OF_MAX);
    jw_kint(w, "max_stop_sequences", TGI_STOPS_MAX);
    if (positions > 1) {
        jw_kint(w, "max_input_tokens", positions - 1);
        jw_kint(w, "max_total_tokens", positions);
    }
    jw_kint(w, "validation_workers", 1);
    jw_kint(w, "max_client_batch_size", TGI_BATCH_MAX);
    jw_kstr(w, "router", STR("text-generation-router"));
    jw_object_end(w);
}

/* {"classifier": {"id2label", "label2id"}} or {"embedding": {"pooling"}} */
static bool write_model_type(struct model_call *m, struct json_writer *w, const struct json *config, str pipeline, struct err *e)
{
    static const struct { const char *key; str name; } modes[] = {
        { "pooling_mode_cls_token", STR_INIT("cls") }, { "pooling_mode_mean_tokens", STR_INIT("mean") }, { "pooling_mode_lasttoken", STR_INIT("last_token") },
    };
    const struct json *pooling, *splade;
    bool ranks = str_eq(pipeline, STR("text-ranking"));
    jw_kobject(w, "model_type");
    if (ranks || str_eq(pipeline, STR("text-classification"))) {
        const struct json *labels = json_get(config, STR("id2label")), *ids = json_get(config, STR("label2id"));
        jw_kobject(w, ranks ? "reranker" : "classifier");
        if (labels) jw_kvalue(w, "id2label", labels);
        else jw_kraw(w, "id2label", STR("{}"));
        if (ids) jw_kvalue(w, "label2id", ids);
        else jw_kraw(w, "label2id", STR("{}"));
    } else {
        if (!model_json(m, "1_Pooling/config.json", &pooling, e) || !model_json(m, "1_SpladePooling/config.json", &splade, e)) return false;
        jw_kobject(w, "embedding");
        for (size_t i = 0; i < COUNT(modes); i++)
            if (json_bool_or(pooling, str_c(modes[i].key), false)) jw_kstr(w, "pooling", modes[i].name);
        if (splade) jw_kstr(w, "pooling", STR("splade"));
    }
    jw_object_end(w);
    jw_object_end(w);
    return true;
}

static bool write_tei_info(struct model_call *m, struct json_writer *w, const struct json *config, str pipeline, int64_t positions, struct err *e)
{
    jw_object(w);
    write_head(m, w);
    jw_kstr(w, "model_dtype", str_c(infer_settings(m->c->api->config.infer)->dtype));
    jw_kstr(w, "served_model_name", m->repo.full_name);
    bool ok = write_model_type(m, w, config, pipeline, e);
    if (positions > 0) jw_kint(w, "max_input_length", positions);
    jw_kint(w, "max_batch_tokens", TEI_BATCH_TOKENS);
    jw_knull(w, "max_batch_requests");
    jw_kint(w, "max_client_batch_size", TEI_BATCH_MAX);
    jw_kbool(w, "auto_truncate", true);
    jw_kint(w, "tokenization_workers", 1);
    jw_object_end(w);
    return ok;
}

static bool get_info(struct call *c, struct err *e)
{
    struct model_call m;
    struct repo_summary s;
    const struct json *config;
    int64_t positions;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (!find(c, &m, e) || !repo_summary_get(call_db(c), m.repo.id, &s, c->a, e)) return false;
    if (!model_json(&m, "config.json", &config, e) || !find_positions(&m, config, &positions, e)) return false;
    if (!m.is_encoder) write_tgi_info(&m, &w, s.pipeline_tag, positions);
    else if (!write_tei_info(&m, &w, config, s.pipeline_tag, positions, e)) {
        buf_deinit(&b);
        return false;
    }
    return call_reply_json(c, 200, &b);
}

/* A model that sleeps is well: the first call wakes it.  One that failed is not. */
static bool get_health(struct call *c, struct err *e)
{
    struct model_call m;
    struct infer_model now;
    if (!find(c, &m, e)) return false;
    if (!model_state(&m, &now) || now.state != INFER_FAILED) return http_reply_empty(c->http, 200);
    return http_reply(c->http, 503, "application/json", STR("{\"error\":\"unhealthy\",\"error_type\":\"healthcheck\"}"));
}

#define POST(prefix, what, fn) { HTTP_POST, prefix "/models/:ns/:repo/" what, PERM_REPO_CALL, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, fn, "model." what, SHAPE_TGI }
#define GET(prefix, what, fn) { HTTP_GET, prefix "/models/:ns/:repo/" what, PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, fn, "model." what, SHAPE_TGI }
#define ROWS(prefix)                                                                                                                     \
    POST(prefix, "tokenize", post_tokenize), POST(prefix, "chat_tokenize", post_chat_tokenize), POST(prefix, "decode", post_decode), \
    GET(prefix, "info", get_info), GET(prefix, "health", get_health)
static const struct api_route rows[] = { ROWS(""), ROWS("/hf-inference") };
const struct api_table infer_info_table = API_TABLE(rows);
