/* api/infer/tgi.c - text generation as TGI has it: {"inputs", "parameters", "stream"} to generate, generate_stream, or the address of the
 * model itself, which answers with a list of one.
 *
 * A stream ends by closing, without [DONE]: the oldest client reads every line as JSON. */
#include "api/infer/infer_api.h"

enum { TEMPLATE_BYTES = 4096 };

struct generate {
    struct model_call m;
    bool wants_details, wants_full_text, is_list;
    str inputs;
    int64_t seed;
    bool has_seed;
    struct buf text, tokens; /* tokens: JSON, without brackets */
    const struct json *end;
    struct buf pending; /* the event of the token that waits, without its end: the last one carries the whole text */
    int64_t index;
};

static bool is_given(const struct json *v) { return v && v->type != JSON_NULL; }

/* ------------------------------------------------------------------ from the request to the call */

/* {"type": "json" | "json_schema" | "regex", "value"} */
static bool write_grammar(struct json_writer *w, const struct json *p, struct err *e)
{
    const struct json *grammar = json_get(p, STR("grammar")), *value = json_get(grammar, STR("value"));
    str type = json_str_or(grammar, STR("type"), STR(""));
    if (!is_given(grammar)) return true;
    bool is_regex = str_eq(type, STR("regex"));
    if (!is_given(value) || !(is_regex || str_eq(type, STR("json")) || str_eq(type, STR("json_schema"))))
        return err_set(e, ERR_UNPROCESSABLE, "Input validation error: `grammar` must have a type (json, json_schema, regex) and a value");
    if (json_is(json_get(value, STR("schema")), JSON_OBJECT) && str_eq(type, STR("json_schema"))) value = json_get(value, STR("schema"));
    jw_kobject(w, "grammar");
    jw_kstr(w, "kind", is_regex ? STR("regex") : STR("json_schema"));
    jw_kvalue(w, "value", value);
    jw_object_end(w);
    return true;
}

static bool refuse_not_built(const struct json *p, bool is_stream, struct err *e)
{
    if (!is_stream && is_given(json_get(p, STR("top_n_tokens"))) && json_int_or(p, STR("top_n_tokens"), 1) != 0)
        return err_set(e, ERR_NOT_BUILT, "\"top_n_tokens\" is built for streams only");
    static const char *const names[] = { "best_of", "truncate", "watermark", "decoder_input_details", "adapter_id" };
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct json *v = json_get(p, str_c(names[i]));
        bool harmless = !is_given(v) || (json_is(v, JSON_BOOL) && !v->b) || (json_is(v, JSON_INT) && v->i == 1);
        if (!harmless) return err_set(e, ERR_NOT_BUILT, "\"%s\" is not built in this version of Hearth", names[i]);
    }
    return true;
}

static bool write_call(struct generate *g, const struct json *body, struct buf *out, int64_t *tokens_max, struct err *e)
{
    static const char *const same[] = { "top_k", "top_p", "typical_p", "repetition_penalty", "frequency_penalty", "seed", "stop" };
    const struct json *p = json_get(body, STR("parameters")), *inputs = json_get(body, STR("inputs")), *most = json_get(p, STR("max_new_tokens"));
    struct json_writer w = json_writer(out);
    if (!json_str(inputs, &g->inputs) || g->inputs.n == 0) return err_set(e, ERR_UNPROCESSABLE, "Input validation error: `inputs` must be a text that is not empty");
    if (!refuse_not_built(p, g->m.is_stream, e)) return false;
    *tokens_max = NEW_TOKENS_BY_DEFAULT;
    if (is_given(most) && (!json_int(most, tokens_max) || *tokens_max < 1))
        return err_set(e, ERR_UNPROCESSABLE, "Input validation error: `max_new_tokens` must be strictly positive");
    /* Without parameters TGI samples; with them it does when told, or when a temperature is there. */
    const struct json *temperature = json_get(p, STR("temperature"));
    bool samples = is_given(p) ? json_bool_or(p, STR("do_sample"), is_given(temperature)) : true;
    g->has_seed = is_given(json_get(p, STR("seed")));
    g->seed = json_int_or(p, STR("seed"), 0);
    jw_object(&w);
    jw_kvalue(&w, "prompt", inputs);
    jw_kobject(&w, "options");
    jw_kint(&w, "max_new_tokens", *tokens_max);
    if (!samples) jw_kint(&w, "temperature", 0);
    else if (is_given(temperature)) jw_kvalue(&w, "temperature", temperature);
    for (size_t i = 0; i < COUNT(same); i++)
        if (is_given(json_get(p, str_c(same[i])))) jw_kvalue(&w, same[i], json_get(p, str_c(same[i])));
    if (is_given(json_get(p, STR("top_n_tokens")))) jw_kvalue(&w, "top_logprobs", json_get(p, STR("top_n_tokens")));
    jw_kbool(&w, "logprobs", g->wants_details || g->m.is_stream);
    bool ok = write_grammar(&w, p, e);
    jw_object_end(&w);
    jw_object_end(&w);
    return ok;
}

/* ------------------------------------------------------------------ shapes */

static void write_token(struct json_writer *w, const struct json *token, str text)
{
    jw_object(w);
    jw_kint(w, "id", json_int_or(token, STR("id"), 0));
    jw_kstr(w, "text", text);
    if (json_get(token, STR("logprob"))) jw_kvalue(w, "logprob", json_get(token, STR("logprob")));
    else jw_knull(w, "logprob");
    if (json_get(token, STR("special"))) jw_kbool(w, "special", json_bool_or(token, STR("special"), false));
    jw_object_end(w);
}

static void write_top(struct json_writer *w, const struct json *token)
{
    const struct json *top = json_get(token, STR("top"));
    if (!top || !top->count) return;
    jw_karray(w, "top_tokens");
    json_each (item, top) write_token(w, item, json_str_or(item, STR("text"), STR("")));
    jw_array_end(w);
}

static void write_finish(struct generate *g, struct json_writer *w)
{
    jw_kstr(w, "finish_reason", json_str_or(json_at(json_get(g->end, STR("choices")), 0), STR("reason"), STR("length")));
    jw_kint(w, "generated_tokens", json_int_or(g->end, STR("completion_tokens"), 0));
    if (g->has_seed) jw_kint(w, "seed", g->seed);
    else jw_knull(w, "seed");
}

static bool reply_whole(struct generate *g)
{
    struct buf b = BUF_INIT(0), tokens = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (g->is_list) jw_array(&w);
    jw_object(&w);
    jw_kstr(&w, "generated_text", g->wants_full_text ? arena_fmt(g->m.c->a, "%.*s%.*s", STR_ARG(g->inputs), STR_ARG(buf_str(&g->text))) : buf_str(&g->text));
    if (g->wants_details) {
        buf_byte(&tokens, '[');
        buf_add(&tokens, buf_str(&g->tokens));
        buf_byte(&tokens, ']');
        jw_kobject(&w, "details");
        write_finish(g, &w);
        jw_karray(&w, "prefill");
        jw_array_end(&w);
        jw_kraw(&w, "tokens", buf_str(&tokens));
        jw_object_end(&w);
    }
    jw_object_end(&w);
    if (g->is_list) jw_array_end(&w);
    buf_deinit(&tokens);
    return call_reply_json(g->m.c, 200, &b);
}

static void note_part(struct generate *g, const struct json *part)
{
    buf_add(&g->text, json_str_or(part, STR("text"), STR("")));
    json_each (token, json_get(part, STR("tokens"))) {
        struct json_writer w = json_writer(&g->tokens);
        if (g->tokens.n) buf_byte(&g->tokens, ',');
        write_token(&w, token, json_str_or(token, STR("text"), STR("")));
    }
}

/* ------------------------------------------------------------------ as a stream */

/* {"index", "token", "top_tokens", and what only the last one knows } */
static void put_pending(struct generate *g, const struct json *token, str text)
{
    struct json_writer w = json_writer(&g->pending);
    buf_reset(&g->pending);
    jw_object(&w);
    jw_kint(&w, "index", ++g->index);
    jw_key(&w, STR("token"));
    write_token(&w, token, text);
    write_top(&w, token);
}

static bool send_pending(struct generate *g, bool is_last, struct err *e)
{
    if (!g->pending.n) return true;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    if (is_last) jw_kstr(&w, "generated_text", g->wants_full_text ? arena_fmt(g->m.c->a, "%.*s%.*s", STR_ARG(g->inputs), STR_ARG(buf_str(&g->text))) : buf_str(&g->text));
    else jw_knull(&w, "generated_text");
    if (is_last && g->wants_details) {
        jw_kobject(&w, "details");
        write_finish(g, &w);
        jw_kint(&w, "input_length", json_int_or(g->end, STR("prompt_tokens"), 0));
        jw_object_end(&w);
    } else {
        jw_knull(&w, "details");
    }
    jw_object_end(&w);
    buf_byte(&g->pending, ',');
    buf_add(&g->pending, str_from(buf_str(&b), 1)); /* it goes on where the other stopped */
    bool ok = sse_data(g->m.c, buf_str(&g->pending), e);
    buf_reset(&g->pending);
    buf_deinit(&b);
    return ok;
}

/* The text of a part belongs to its last token: whole characters only. */
static bool send_part(struct generate *g, const struct json *part, struct err *e)
{
    str text = json_str_or(part, STR("text"), STR(""));
    buf_add(&g->text, text);
    json_each (token, json_get(part, STR("tokens"))) {
        if (!send_pending(g, false, e)) return false;
        put_pending(g, token, token->next ? STR("") : text);
    }
    return true;
}

static bool send_failure(struct model_call *m, const struct err *why, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "error", str_c(why->msg));
    jw_kstr(&w, "error_type", STR("generation"));
    jw_object_end(&w);
    bool ok = sse_data(m->c, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

/* ------------------------------------------------------------------ both */

static bool on_part(struct model_call *m, const struct json *part, struct err *e)
{
    struct generate *g = m->ctx;
    if (m->is_stream) return send_part(g, part, e);
    note_part(g, part);
    return true;
}

static bool on_end(struct model_call *m, const struct json *end, struct err *e)
{
    struct generate *g = m->ctx;
    g->end = end;
    return m->is_stream ? send_pending(g, true, e) : reply_whole(g);
}

static void release(void *ctx)
{
    struct generate *g = ctx;
    buf_deinit(&g->text);
    buf_deinit(&g->tokens);
    buf_deinit(&g->pending);
}

bool tgi_generate(struct call *c, const struct model_call *m, const struct json *body, enum tgi_form form, struct err *e)
{
    static const struct model_sink sink = { on_part, on_end, send_failure };
    const struct json *p = json_get(body, STR("parameters"));
    struct generate *g = arena_one(c->a, struct generate);
    struct buf call = BUF_INIT(0);
    int64_t tokens_max;
    *g = (struct generate){ .m = *m, .is_list = form == TGI_LIST, .wants_details = json_bool_or(p, STR("details"), false),
                            .wants_full_text = json_bool_or(p, STR("return_full_text"), form == TGI_LIST) };
    arena_on_free(c->a, release, g);
    g->m.ctx = g;
    g->m.is_stream = form == TGI_STREAM || (form == TGI_LIST && json_bool_or(body, STR("stream"), false));
    bool ok = write_call(g, body, &call, &tokens_max, e) && model_run(&g->m, buf_str(&call), (uint64_t)tokens_max + g->inputs.n + TEMPLATE_BYTES, "generate", &sink, e);
    buf_deinit(&call);
    return ok;
}

static bool post(struct call *c, enum tgi_form form, struct err *e)
{
    struct model_call m;
    struct json *body;
    return model_of_route(c, &m, e) && call_json(c, &body, e) && tgi_generate(c, &m, body, form, e);
}
static bool post_generate(struct call *c, struct err *e) { return post(c, TGI_OBJECT, e); }
static bool post_stream(struct call *c, struct err *e) { return post(c, TGI_STREAM, e); }

static const struct api_route rows[] = {
    { HTTP_POST, "/models/:ns/:repo/generate", PERM_REPO_CALL, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, post_generate, "tgi.generate", SHAPE_HUB },
    { HTTP_POST, "/models/:ns/:repo/generate_stream", PERM_REPO_CALL, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, post_stream, "tgi.generate-stream", SHAPE_HUB },
};
const struct api_table infer_tgi_table = API_TABLE(rows);
