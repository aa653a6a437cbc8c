/* api/infer/openai.c - the OpenAI surface: chat completions and completions, at once or as a stream.
 *
 * A request is turned into a call of infer/engine.h; what comes back is written in this protocol's shapes.  Unknown members
 * are ignored and null is the same as absent, for clients send both as a matter of course. */
#include "api/infer/infer_api.h"

#include "base/clock.h"

enum { CHOICES_MAX = 16, TEMPLATE_BYTES = 4096 };

struct answer {
    struct model_call m;
    bool is_chat, wants_usage, wants_logprobs;
    size_t choices;
    str model, id;
    int64_t created_s;
    struct buf text[CHOICES_MAX], logprobs[CHOICES_MAX];
    bool has_role[CHOICES_MAX];
    str finish[CHOICES_MAX];
    const struct json *end;
};

/* ------------------------------------------------------------------ from the request to the call */

static bool is_given(const struct json *v) { return v && v->type != JSON_NULL; }

static void copy_as(struct json_writer *w, const struct json *body, const char *theirs, const char *ours)
{
    const struct json *v = json_get(body, str_c(theirs));
    if (is_given(v)) jw_kvalue(w, ours, v);
}

static bool write_stop(struct json_writer *w, const struct json *body, struct err *e)
{
    const struct json *stop = json_get(body, STR("stop"));
    if (!is_given(stop)) return true;
    if (json_is(stop, JSON_ARRAY)) {
        jw_kvalue(w, "stop", stop);
        return true;
    }
    if (!json_is(stop, JSON_STRING)) return err_set(e, ERR_INVALID, "\"stop\" must be a text or a list of texts");
    jw_karray(w, "stop");
    jw_str(w, stop->s);
    jw_array_end(w);
    return true;
}

/* {"50256": -100} */
static bool write_bias(struct json_writer *w, const struct json *body, struct err *e)
{
    const struct json *bias = json_get(body, STR("logit_bias"));
    if (!is_given(bias)) return true;
    jw_karray(w, "bias");
    json_each (item, bias) {
        uint64_t token;
        if (!str_u64(item->key, &token) || token > UINT32_MAX) return err_set(e, ERR_INVALID, "\"logit_bias\" must map numbers of tokens to numbers");
        jw_array(w);
        jw_int(w, (int64_t)token);
        jw_value(w, item);
        jw_array_end(w);
    }
    jw_array_end(w);
    return true;
}

static void write_grammar_as(struct json_writer *w, const char *kind, const struct json *value)
{
    jw_kobject(w, "grammar");
    jw_kstr(w, "kind", str_c(kind));
    if (value) jw_kvalue(w, "value", value);
    jw_object_end(w);
}

/* "response_format" as clients spell it: OpenAI's {"type": "json_schema", "json_schema": {"schema"}} and {"type": "json_object"}, TGI's
 * {"type": "json" | "regex", "value"}, the schema directly under "json_schema"; and vLLM's "guided_...". */
static bool write_grammar(struct json_writer *w, const struct json *body, struct err *e)
{
    static const struct { const char *theirs, *ours; } guided[] = {
        { "guided_json", "json_schema" }, { "guided_regex", "regex" }, { "guided_grammar", "gbnf" }, { "guided_choice", "choice" },
    };
    const struct json *format = json_get(body, STR("response_format"));
    for (size_t i = 0; i < COUNT(guided); i++) {
        const struct json *v = json_get(body, str_c(guided[i].theirs));
        if (!is_given(v)) continue;
        write_grammar_as(w, guided[i].ours, v);
        return true;
    }
    str type = json_str_or(format, STR("type"), STR("text"));
    const struct json *value = json_get(format, STR("value")), *named = json_get(format, STR("json_schema"));
    if (!is_given(format) || str_eq(type, STR("text"))) return true;
    if (str_eq(type, STR("json_object")) && !is_given(value)) write_grammar_as(w, "json_object", NULL);
    else if (str_eq(type, STR("regex")) && is_given(value)) write_grammar_as(w, "regex", value);
    else if (is_given(value)) write_grammar_as(w, "json_schema", value);
    else if (is_given(named)) write_grammar_as(w, "json_schema", is_given(json_get(named, STR("schema"))) ? json_get(named, STR("schema")) : named);
    else return err_set(e, ERR_INVALID, "\"response_format\" must be text, json_object, or json_schema with a schema");
    return true;
}

static bool write_options(struct answer *a, struct json_writer *w, const struct json *body, int64_t *tokens_max, struct err *e)
{
    static const char *const same[] = { "temperature", "top_p", "top_k", "min_p", "typical_p", "repetition_penalty", "presence_penalty",
                                        "frequency_penalty", "seed", "n" };
    const struct json *most = json_get(body, STR("max_completion_tokens"));
    if (!is_given(most)) most = json_get(body, STR("max_tokens"));
    *tokens_max = NEW_TOKENS_BY_DEFAULT;
    if (is_given(most) && (!json_int(most, tokens_max) || *tokens_max < 1)) return err_set(e, ERR_INVALID, "\"max_tokens\" must be a whole number from 1 on");
    jw_kobject(w, "options");
    jw_kint(w, "max_new_tokens", *tokens_max);
    for (size_t i = 0; i < COUNT(same); i++) copy_as(w, body, same[i], same[i]);
    if (a->is_chat) {
        a->wants_logprobs = json_bool_or(body, STR("logprobs"), false);
        if (a->wants_logprobs) copy_as(w, body, "top_logprobs", "top_logprobs");
    } else {
        /* Completions have a shape of their own for them. */
        if (is_given(json_get(body, STR("logprobs")))) return err_set(e, ERR_NOT_BUILT, "\"logprobs\" of completions is not built in this version of Hearth; chat completions have them");
    }
    if (a->wants_logprobs) jw_kbool(w, "logprobs", true);
    bool ok = write_grammar(w, body, e) && write_stop(w, body, e) && write_bias(w, body, e);
    jw_object_end(w);
    return ok;
}

/* What a client asks for and this version does not do is refused by name: an answer that ignored it would be another one. */
static bool refuse_not_built(const struct json *body, bool is_chat, struct err *e)
{
    static const char *const chat[] = { "functions", "function_call", "audio", "modalities" };
    static const char *const plain[] = { "suffix", "best_of", "echo" };
    const char *const *names = is_chat ? chat : plain;
    size_t n = is_chat ? COUNT(chat) : COUNT(plain);
    for (size_t i = 0; i < n; i++) {
        const struct json *v = json_get(body, str_c(names[i]));
        bool harmless = !is_given(v) || (json_is(v, JSON_BOOL) && !v->b) || (json_is(v, JSON_INT) && v->i == 1) ||
                        str_eq(json_str_or(v, STR("type"), STR("")), STR("text"));
        if (!harmless) return err_set(e, ERR_NOT_BUILT, "\"%s\" is not built in this version of Hearth", names[i]);
    }
    return true;
}

static bool write_call(struct answer *a, const struct json *body, struct buf *out, int64_t *tokens_max, struct err *e)
{
    struct json_writer w = json_writer(out);
    const struct json *prompt = json_get(body, STR("prompt")), *tools = json_get(body, STR("tools"));
    jw_object(&w);
    if (a->is_chat) {
        if (!json_is(json_get(body, STR("messages")), JSON_ARRAY)) return err_set(e, ERR_INVALID, "\"messages\" is required and must be a list");
        copy_as(&w, body, "messages", "messages");
        if (json_is(tools, JSON_ARRAY) && tools->count && !str_eq(json_str_or(body, STR("tool_choice"), STR("")), STR("none")))
            return err_set(e, ERR_NOT_BUILT, "\"tools\" is not built in this version of Hearth");
        copy_as(&w, body, "chat_template_kwargs", "template");
    } else {
        if (json_is(prompt, JSON_ARRAY) && prompt->count == 1 && !json_is(json_at(prompt, 0), JSON_INT)) prompt = json_at(prompt, 0);
        bool is_tokens = json_is(prompt, JSON_ARRAY) && prompt->count && json_is(json_at(prompt, 0), JSON_INT);
        if (!json_is(prompt, JSON_STRING) && !is_tokens) return err_set(e, ERR_INVALID, "\"prompt\" is required: a text, or a list of tokens");
        jw_kvalue(&w, "prompt", prompt);
    }
    if (!write_options(a, &w, body, tokens_max, e)) return false;
    jw_object_end(&w);
    return true;
}

/* ------------------------------------------------------------------ what both answers share */

static void write_head(struct answer *a, struct json_writer *w, const char *object)
{
    jw_object(w);
    jw_kstr(w, "id", a->id);
    jw_kstr(w, "object", str_c(object));
    jw_kint(w, "created", a->created_s);
    jw_kstr(w, "model", a->model);
    jw_knull(w, "system_fingerprint");
}

static void write_usage(struct answer *a, struct json_writer *w)
{
    int64_t prompt = json_int_or(a->end, STR("prompt_tokens"), 0), completion = json_int_or(a->end, STR("completion_tokens"), 0);
    jw_kobject(w, "usage");
    jw_kint(w, "prompt_tokens", prompt);
    jw_kint(w, "completion_tokens", completion);
    jw_kint(w, "total_tokens", prompt + completion);
    jw_kobject(w, "prompt_tokens_details");
    jw_kint(w, "cached_tokens", json_int_or(a->end, STR("cached_tokens"), 0));
    jw_object_end(w);
    jw_object_end(w);
}

static void write_bytes_of(struct json_writer *w, str text)
{
    jw_karray(w, "bytes");
    for (size_t i = 0; i < text.n; i++) jw_int(w, (uint8_t)text.p[i]);
    jw_array_end(w);
}

static void write_logprob(struct json_writer *w, const struct json *token)
{
    str text = json_str_or(token, STR("text"), STR(""));
    jw_kstr(w, "token", text);
    const struct json *p = json_get(token, STR("logprob"));
    if (p) jw_kvalue(w, "logprob", p);
    write_bytes_of(w, text);
}

/* The tokens of a part, in the form of chats, without brackets around them. */
static void add_logprobs(struct buf *out, const struct json *part)
{
    json_each (token, json_get(part, STR("tokens"))) {
        struct json_writer w = json_writer(out);
        if (out->n) buf_byte(out, ',');
        jw_object(&w);
        write_logprob(&w, token);
        jw_karray(&w, "top_logprobs");
        json_each (top, json_get(token, STR("top"))) {
            jw_object(&w);
            write_logprob(&w, top);
            jw_object_end(&w);
        }
        jw_array_end(&w);
        jw_object_end(&w);
    }
}

static void write_logprobs(struct answer *a, struct json_writer *w, str list)
{
    if (!a->wants_logprobs) {
        jw_knull(w, "logprobs");
        return;
    }
    jw_kobject(w, "logprobs");
    jw_key(w, STR("content"));
    struct buf all = BUF_INIT(0);
    buf_byte(&all, '[');
    buf_add(&all, list);
    buf_byte(&all, ']');
    jw_raw(w, buf_str(&all));
    buf_deinit(&all);
    jw_knull(w, "refusal");
    jw_object_end(w);
}

static void note_end(struct answer *a, const struct json *end)
{
    size_t i = 0;
    a->end = end;
    json_each (choice, json_get(end, STR("choices")))
        if (i < a->choices) a->finish[i++] = json_str_or(choice, STR("finish"), STR("stop"));
}

/* ------------------------------------------------------------------ at once */

static bool reply_whole(struct answer *a)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    write_head(a, &w, a->is_chat ? "chat.completion" : "text_completion");
    jw_karray(&w, "choices");
    for (size_t i = 0; i < a->choices; i++) {
        jw_object(&w);
        jw_kint(&w, "index", (int64_t)i);
        if (a->is_chat) {
            jw_kobject(&w, "message");
            jw_kstr(&w, "role", STR("assistant"));
            jw_kstr(&w, "content", buf_str(&a->text[i]));
            jw_knull(&w, "refusal");
            jw_object_end(&w);
        } else {
            jw_kstr(&w, "text", buf_str(&a->text[i]));
        }
        write_logprobs(a, &w, buf_str(&a->logprobs[i]));
        jw_kstr(&w, "finish_reason", a->finish[i]);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    write_usage(a, &w);
    jw_object_end(&w);
    return call_reply_json(a->m.c, 200, &b);
}

static void note_part(struct answer *a, size_t i, const struct json *part)
{
    buf_add(&a->text[i], json_str_or(part, STR("text"), STR("")));
    if (a->wants_logprobs) add_logprobs(&a->logprobs[i], part);
}

/* ------------------------------------------------------------------ as a stream */

enum chunk { CHUNK_ROLE, CHUNK_TEXT, CHUNK_FINISH };

static bool send_chunk(struct answer *a, enum chunk kind, size_t i, const struct json *part, struct err *e)
{
    struct buf b = BUF_INIT(0), logprobs = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    str text = kind == CHUNK_TEXT ? json_str_or(part, STR("text"), STR("")) : STR("");
    write_head(a, &w, a->is_chat ? "chat.completion.chunk" : "text_completion");
    jw_karray(&w, "choices");
    jw_object(&w);
    jw_kint(&w, "index", (int64_t)i);
    if (a->is_chat) {
        jw_kobject(&w, "delta");
        if (kind == CHUNK_ROLE) jw_kstr(&w, "role", STR("assistant"));
        if (kind != CHUNK_FINISH) jw_kstr(&w, "content", text);
        jw_object_end(&w);
    } else {
        jw_kstr(&w, "text", text);
    }
    if (kind == CHUNK_TEXT && a->wants_logprobs) {
        add_logprobs(&logprobs, part);
        write_logprobs(a, &w, buf_str(&logprobs));
    } else {
        jw_knull(&w, "logprobs");
    }
    if (kind == CHUNK_FINISH) jw_kstr(&w, "finish_reason", a->finish[i]);
    else jw_knull(&w, "finish_reason");
    jw_object_end(&w);
    jw_array_end(&w);
    if (a->wants_usage) jw_knull(&w, "usage");
    jw_object_end(&w);
    bool ok = sse_data(a->m.c, buf_str(&b), e);
    buf_deinit(&logprobs);
    buf_deinit(&b);
    return ok;
}

static bool send_part(struct answer *a, size_t i, const struct json *part, struct err *e)
{
    if (a->is_chat && !a->has_role[i]) {
        a->has_role[i] = true;
        if (!send_chunk(a, CHUNK_ROLE, i, NULL, e)) return false;
    }
    return send_chunk(a, CHUNK_TEXT, i, part, e);
}

static bool send_usage(struct answer *a, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    write_head(a, &w, a->is_chat ? "chat.completion.chunk" : "text_completion");
    jw_karray(&w, "choices");
    jw_array_end(&w);
    write_usage(a, &w);
    jw_object_end(&w);
    bool ok = sse_data(a->m.c, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

static bool send_end(struct answer *a, struct err *e)
{
    for (size_t i = 0; i < a->choices; i++) {
        if (a->is_chat && !a->has_role[i] && !send_chunk(a, CHUNK_ROLE, i, NULL, e)) return false;
        if (!send_chunk(a, CHUNK_FINISH, i, NULL, e)) return false;
    }
    if (a->wants_usage && !send_usage(a, e)) return false;
    return sse_data(a->m.c, STR("[DONE]"), e);
}

/* The status is on its way already, so the refusal is an event. */
static bool send_failure(struct model_call *m, const struct err *why, struct err *e)
{
    struct buf b = BUF_INIT(0);
    api_openai_error(m->c, why, &b);
    bool ok = sse_data(m->c, buf_str(&b), e) && sse_data(m->c, STR("[DONE]"), e);
    buf_deinit(&b);
    return ok;
}

/* ------------------------------------------------------------------ both */

static bool on_part(struct model_call *m, const struct json *part, struct err *e)
{
    struct answer *a = m->ctx;
    size_t i = (size_t)json_int_or(part, STR("choice"), 0);
    if (i >= a->choices) return true;
    if (m->is_stream) return send_part(a, i, part, e);
    note_part(a, i, part);
    return true;
}

static bool on_end(struct model_call *m, const struct json *end, struct err *e)
{
    struct answer *a = m->ctx;
    note_end(a, end);
    return m->is_stream ? send_end(a, e) : reply_whole(a);
}

static void release(void *ctx)
{
    struct answer *a = ctx;
    for (size_t i = 0; i < CHOICES_MAX; i++) {
        buf_deinit(&a->text[i]);
        buf_deinit(&a->logprobs[i]);
    }
}

static bool answer(struct call *c, bool is_chat, struct err *e)
{
    static const struct model_sink sink = { on_part, on_end, send_failure };
    struct answer *a = arena_one(c->a, struct answer);
    struct buf call = BUF_INIT(0);
    struct json *body;
    str model;
    int64_t tokens_max, choices;
    char id[25];
    *a = (struct answer){ .is_chat = is_chat };
    arena_on_free(c->a, release, a);
    if (!call_json(c, &body, e) || !json_need_str(body, "model", &model, e) || !model_find(c, model, &a->m, e) ||
        !refuse_not_built(body, is_chat, e))
        return false;
    random_alnum(id, sizeof id - 1);
    choices = json_int_or(body, STR("n"), 1);
    if (choices < 1 || choices > CHOICES_MAX) return err_set(e, ERR_INVALID, "\"n\" must be a whole number from 1 to %d", CHOICES_MAX);
    a->choices = (size_t)choices;
    a->m.ctx = a;
    a->model = model;
    a->id = arena_fmt(c->a, "%s-%s", is_chat ? "chatcmpl" : "cmpl", id);
    a->created_s = clock_now_ms() / 1000;
    a->m.is_stream = json_bool_or(body, STR("stream"), false);
    a->wants_usage = json_bool_or(json_get(body, STR("stream_options")), STR("include_usage"), false);
    bool ok = write_call(a, body, &call, &tokens_max, e);
    uint64_t most = (uint64_t)tokens_max * a->choices + http_body(c->http).n + TEMPLATE_BYTES; /* a token has a byte at least */
    ok = ok && model_run(&a->m, buf_str(&call), most, is_chat ? "chat" : "completion", &sink, e);
    buf_deinit(&call);
    return ok;
}

static bool post_chat(struct call *c, struct err *e) { return answer(c, true, e); }
static bool post_completion(struct call *c, struct err *e) { return answer(c, false, e); }

static const struct api_route rows[] = {
    { HTTP_POST, "/v1/chat/completions", PERM_USER, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, post_chat, "openai.chat", SHAPE_OPENAI },
    { HTTP_POST, "/v1/completions", PERM_USER, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, post_completion, "openai.completion", SHAPE_OPENAI },
};
const struct api_table infer_openai_table = API_TABLE(rows);
