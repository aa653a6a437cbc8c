/* api/infer/workers_ai.c - Cloudflare's Workers AI: ai/run, and text generation by it.
 *
 * An answer is in an envelope, {"result", "success", "errors", "messages"}; a stream is events of {"response"}, the last with the usage and
 * no text, then [DONE]. */
#include "api/infer/workers_ai.h"

#include "api/api_priv.h"

enum { TOKENS_BY_DEFAULT = 256, MESSAGES_MAX = 4096, TEMPLATE_BYTES = 4096 };

void workers_ai_begin(struct json_writer *w)
{
    jw_object(w);
    jw_key(w, STR("result"));
}

void workers_ai_end(struct json_writer *w)
{
    jw_kbool(w, "success", true);
    jw_kraw(w, "errors", STR("[]"));
    jw_kraw(w, "messages", STR("[]"));
    jw_object_end(w);
}

void workers_ai_rename(struct model_call *m, struct err *why)
{
    if (!why->kind && why->code == ERR_NOT_FOUND) why->kind = INFER_WRONG_MODEL;
    model_failed(m, why);
}

/* ------------------------------------------------------------------ from the request to the call */

static const struct { const char *name; bool whole; double least, most; const char *option; } numbers[] = {
    { "max_tokens", true, 1, 1 << 20, NULL },
    { "temperature", false, 0, 5, NULL },
    { "top_p", false, 0, 2, NULL },
    { "top_k", true, 1, 50, "top_k" },
    { "seed", true, 0, 9.2e18, "seed" },
    { "repetition_penalty", false, 0, 2, NULL },
    { "frequency_penalty", false, -2, 2, "frequency_penalty" },
    { "presence_penalty", false, -2, 2, "presence_penalty" },
};

static bool number_of(const struct json *v, double *out)
{
    *out = json_is(v, JSON_INT) ? (double)v->i : json_is(v, JSON_REAL) ? v->r : 0;
    return json_is(v, JSON_INT) || json_is(v, JSON_REAL);
}

static bool check_numbers(const struct json *in, struct err *e)
{
    for (size_t i = 0; i < COUNT(numbers); i++) {
        const struct json *v = json_get(in, str_c(numbers[i].name));
        double d;
        int64_t whole;
        if (!is_given(v)) continue;
        if (!number_of(v, &d) || (numbers[i].whole && !json_int(v, &whole)) || !(d >= numbers[i].least && d <= numbers[i].most))
            return err_set(e, ERR_INVALID, "\"%s\" must be a %snumber from %g to %g", numbers[i].name, numbers[i].whole ? "whole " : "", numbers[i].least, numbers[i].most);
    }
    return true;
}

static bool refuse_not_built(const struct json *in, struct err *e)
{
    static const char *const names[] = { "functions", "image", "audio" };
    for (size_t i = 0; i < COUNT(names); i++)
        if (is_given(json_get(in, str_c(names[i])))) return err_set(e, ERR_NOT_BUILT, "\"%s\" is not built in this version of Hearth", names[i]);
    const struct json *tools = json_get(in, STR("tools"));
    bool has_tools = is_given(tools) && !(json_is(tools, JSON_ARRAY) && !tools->count);
    return !has_tools || is_given(json_get(in, STR("messages"))) || err_set(e, ERR_INVALID, "\"tools\" goes with \"messages\"");
}

/* The schema itself, or OpenAI's {"name", "schema"}. */
static bool write_grammar(struct run *r, struct json_writer *w, struct err *e)
{
    const struct json *format = json_get(r->input, STR("response_format")), *schema = json_get(format, STR("json_schema"));
    str type = json_str_or(format, STR("type"), STR(""));
    if (!is_given(format) || str_eq(type, STR("text"))) return true;
    bool is_schema = str_eq(type, STR("json_schema"));
    if (!is_schema && !str_eq(type, STR("json_object"))) return err_set(e, ERR_INVALID, "\"response_format\" is {\"type\": \"json_object\"} or {\"type\": \"json_schema\", \"json_schema\": ..}");
    if (is_schema && !json_is(schema, JSON_OBJECT)) return err_set(e, ERR_INVALID, "\"response_format\": \"json_schema\" must be a schema");
    if (json_is(json_get(schema, STR("schema")), JSON_OBJECT) && json_is(json_get(schema, STR("name")), JSON_STRING)) schema = json_get(schema, STR("schema"));
    r->wants_json = true;
    jw_kobject(w, "grammar");
    jw_kstr(w, "kind", is_schema ? STR("json_schema") : STR("json_object"));
    if (is_schema) jw_kvalue(w, "value", schema);
    jw_object_end(w);
    return true;
}

static bool write_options(struct run *r, struct json_writer *w, struct err *e)
{
    const struct json *in = r->input, *temperature = json_get(in, STR("temperature"));
    double top_p = 1, repetition = 1;
    number_of(json_get(in, STR("top_p")), &top_p);
    number_of(json_get(in, STR("repetition_penalty")), &repetition);
    jw_kobject(w, "options");
    jw_kint(w, "max_new_tokens", json_int_or(in, STR("max_tokens"), TOKENS_BY_DEFAULT));
    if (is_given(temperature)) jw_kvalue(w, "temperature", temperature);
    else jw_kraw(w, "temperature", STR("0.6"));
    if (is_given(json_get(in, STR("top_p"))) && top_p < 1) jw_kvalue(w, "top_p", json_get(in, STR("top_p"))); /* all above is all */
    if (is_given(json_get(in, STR("repetition_penalty"))) && repetition > 0.01) jw_kvalue(w, "repetition_penalty", json_get(in, STR("repetition_penalty")));
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (numbers[i].option && is_given(json_get(in, str_c(numbers[i].name)))) jw_kvalue(w, numbers[i].option, json_get(in, str_c(numbers[i].name)));
    bool ok = write_grammar(r, w, e);
    jw_object_end(w);
    return ok;
}

/* "messages", or "prompt": a message of the user, unless it is "raw" or the model has no template. */
static bool write_prompt(struct run *r, struct json_writer *w, struct err *e)
{
    const struct json *messages = json_get(r->input, STR("messages")), *prompt = json_get(r->input, STR("prompt"));
    bool is_raw = json_bool_or(r->input, STR("raw"), false);
    if (is_given(messages)) {
        if (messages->type != JSON_ARRAY) return err_set(e, ERR_INVALID, "\"messages\" must be a list of {\"role\", \"content\"}");
        if (!messages->count || messages->count > MESSAGES_MAX) return err_set(e, ERR_INVALID, "\"messages\" has from 1 to %d messages", MESSAGES_MAX);
        bool ok = true;
        jw_karray(w, "messages");
        json_each (item, messages) ok = ok && workers_ai_write_message(w, item, e);
        jw_array_end(w);
        return ok && workers_ai_write_tools(r, w, e);
    }
    if (!json_is(prompt, JSON_STRING) || !prompt->s.n) return err_kind(e, ERR_INVALID, INFER_EMPTY, "\"prompt\" (a text that is not empty) or \"messages\" is required");
    if (!is_raw) {
        jw_karray(w, "messages");
        jw_object(w);
        jw_kstr(w, "role", STR("user"));
        jw_kvalue(w, "content", prompt);
        jw_object_end(w);
        jw_array_end(w);
    }
    jw_kvalue(w, "prompt", prompt);
    return true;
}

static bool write_call(struct run *r, struct buf *out, struct err *e)
{
    struct json_writer w = json_writer(out);
    const struct json *stream = json_get(r->input, STR("stream")), *raw = json_get(r->input, STR("raw"));
    if (!check_numbers(r->input, e) || !refuse_not_built(r->input, e)) return false;
    if ((is_given(stream) && stream->type != JSON_BOOL) || (is_given(raw) && raw->type != JSON_BOOL)) return err_set(e, ERR_INVALID, "\"stream\" and \"raw\" must be true or false");
    jw_object(&w);
    bool ok = write_prompt(r, &w, e) && write_options(r, &w, e);
    jw_object_end(&w);
    return ok;
}

/* ------------------------------------------------------------------ from the call to the answer */

static void write_usage(struct json_writer *w, const struct json *end)
{
    int64_t in = json_int_or(end, STR("prompt_tokens"), 0), out = json_int_or(end, STR("completion_tokens"), 0);
    jw_kobject(w, "usage");
    jw_kint(w, "prompt_tokens", in);
    jw_kint(w, "completion_tokens", out);
    jw_kint(w, "total_tokens", in + out);
    jw_kobject(w, "prompt_tokens_details");
    jw_kint(w, "cached_tokens", json_int_or(end, STR("cached_tokens"), 0));
    jw_object_end(w);
    jw_object_end(w);
}

static bool send_event(struct run *r, str text, const struct json *end, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "response", text);
    if (end) workers_ai_write_calls(r, &w);
    if (end) write_usage(&w, end);
    jw_object_end(&w);
    bool ok = sse_data(r->m.c, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

static bool on_part(struct model_call *m, const struct json *part, struct err *e)
{
    struct run *r = m->ctx;
    str text = json_str_or(part, STR("text"), STR(""));
    bool ignored;
    json_each (piece, json_get(part, STR("calls"))) calls_add(&r->calls, piece, m->c->a, &ignored);
    if (m->is_stream) return text.n == 0 || send_event(r, text, NULL, e);
    buf_add(&r->text, text);
    return true;
}

static bool reply_whole(struct run *r, const struct json *end, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct json *value;
    struct err ignored;
    if (r->wants_json && !r->calls.n && !json_parse(buf_str(&r->text), r->m.c->a, &value, &ignored))
        return err_set(e, ERR_INVALID, "JSON Mode couldn't be met: the text ended before the JSON did; raise \"max_tokens\"");
    workers_ai_begin(&w);
    jw_object(&w);
    if (r->calls.n && !r->text.n) jw_knull(&w, "response");
    else if (r->wants_json) jw_kraw(&w, "response", buf_str(&r->text));
    else jw_kstr(&w, "response", buf_str(&r->text));
    workers_ai_write_calls(r, &w);
    write_usage(&w, end);
    jw_object_end(&w);
    workers_ai_end(&w);
    model_headers(&r->m, end, http_body(r->m.c->http).n, false);
    return call_reply_json(r->m.c, 200, &b);
}

static bool on_end(struct model_call *m, const struct json *end, struct err *e)
{
    struct run *r = m->ctx;
    if (!m->is_stream) return reply_whole(r, end, e);
    return send_event(r, STR(""), end, e) && sse_data(m->c, STR("[DONE]"), e);
}

static bool on_failure(struct model_call *m, const struct err *why, struct err *e)
{
    struct buf b = BUF_INIT(0);
    infer_cloudflare_error(why, &b);
    bool ok = sse_data(m->c, buf_str(&b), e) && sse_data(m->c, STR("[DONE]"), e);
    buf_deinit(&b);
    return ok;
}

static void release(void *ctx)
{
    struct run *r = ctx;
    buf_deinit(&r->text);
    calls_deinit(&r->calls);
}

static bool run_text(struct run *r, struct err *e)
{
    static const struct model_sink sink = { on_part, on_end, on_failure, workers_ai_rename };
    struct buf call = BUF_INIT(0);
    bool ok = write_call(r, &call, e);
    r->m.is_stream = json_bool_or(r->input, STR("stream"), false);
    uint64_t most = (uint64_t)json_int_or(r->input, STR("max_tokens"), TOKENS_BY_DEFAULT) + http_body(r->m.c->http).n + TEMPLATE_BYTES;
    ok = ok && model_run(&r->m, buf_str(&call), most, "workers-ai", &sink, e);
    buf_deinit(&call);
    return ok;
}

/* ------------------------------------------------------------------ ai/run */

/* "rejectIfBusy": no waiting. */
static bool is_free(struct run *r, struct err *e)
{
    struct infer_model now;
    bool rejects = json_bool_or(json_get(r->input, STR("options")), STR("rejectIfBusy"), json_bool_or(r->input, STR("rejectIfBusy"), false));
    if (!rejects || !model_state(&r->m, &now) || (now.waiting == 0 && now.running < infer_settings(r->m.c->api->config.infer)->running_max)) return true;
    return err_set(e, ERR_BUSY, "Capacity temporarily exceeded, please try again.");
}

static bool find(struct run *r, struct call *c, str model, struct err *e)
{
    if (str_chr(model, '/') == STR_NONE) return err_kind(e, ERR_NOT_FOUND, INFER_BAD_MODEL, "\"%.*s\" is no name of a model: it is @hf/owner/name", STR_ARG(str_to(model, 80)));
    if (model_find(c, model, &r->m, e)) return true;
    if (e->code == ERR_NOT_FOUND) return err_kind(e, ERR_NOT_FOUND, INFER_NO_MODEL, "No such model %.*s or task", STR_ARG(str_to(model, 120)));
    return false;
}

/* "lora": a finetune is a repository of the hub. */
static bool adapt(struct run *r, struct err *e)
{
    const struct json *lora = json_get(r->input, STR("lora"));
    str name;
    if (!is_given(lora)) return true;
    if (!json_str(lora, &name) || !name.n) return err_set(e, ERR_INVALID, "\"lora\" must be the name of a repository with an adapter");
    if (model_adapt(&r->m, name, e)) return true;
    if (e->code == ERR_NOT_FOUND) e->kind = INFER_NO_ADAPTER;
    return false;
}

static bool run(struct call *c, str model, const struct json *input, struct err *e)
{
    struct run *r = arena_one(c->a, struct run);
    arena_on_free(c->a, release, r);
    if (!find(r, c, model, e)) return false;
    r->input = input;
    if (!adapt(r, e)) return false;
    r->m.ctx = r;
    if (http_query_bool(c->http, "queueRequest", false)) return err_set(e, ERR_NOT_BUILT, "Batches (\"queueRequest\") are not built in this version of Hearth");
    return is_free(r, e) && (r->m.is_encoder ? workers_ai_run_task(r, e) : run_text(r, e));
}

static bool post_run(struct call *c, struct err *e)
{
    struct json *body;
    return call_json(c, &body, e) && run(c, call_param(c, "model"), body, e);
}

static bool post_gateway_run(struct call *c, struct err *e)
{
    struct json *body;
    str model;
    if (!call_json(c, &body, e) || !json_need_str(body, "model", &model, e)) return false;
    const struct json *input = json_get(body, STR("input"));
    return json_is(input, JSON_OBJECT) ? run(c, model, input, e) : err_kind(e, ERR_INVALID, INFER_EMPTY, "\"input\" is required and must be an object");
}

#define BASE "/client/v4/accounts/:account/ai"
static const struct api_route rows[] = {
    { HTTP_POST, BASE "/run", PERM_USER, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, post_gateway_run, "workers-ai.run-named", SHAPE_CLOUDFLARE },
    { HTTP_POST, BASE "/run/*model", PERM_USER, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, post_run, "workers-ai.run", SHAPE_CLOUDFLARE },
};
const struct api_table infer_workers_ai_table = API_TABLE(rows);
