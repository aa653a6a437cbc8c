/* api/infer/chat.c - OpenAI's chat completions, at once or as a stream. */
#include "api/infer/openai.h"

struct choice {
    struct buf text, thought, logprobs;
    struct calls calls;
    bool has_role;
};

struct chat {
    struct model_call m;
    struct openai_head head;
    struct wishes wishes;
    bool hides_thoughts; /* they are counted, and not told */
    struct choice *choice; /* [wishes.choices] */
    const struct json *end;
};

/* ------------------------------------------------------------------ from the request to the call */

static const struct field chat_fields[] = {
    { "messages", FIELD_LIST, 0, 0 }, { "tools", FIELD_LIST, 0, OPENAI_TOOLS_MAX }, { "tool_choice", FIELD_TEXT | FIELD_OBJECT, 0, 0 }, { "parallel_tool_calls", FIELD_BOOL, 0, 0 },
    { "logprobs", FIELD_BOOL, 0, 0 }, { "top_logprobs", FIELD_INT, 0, 20 }, { "chat_template_kwargs", FIELD_OBJECT, 0, 0 }, { "reasoning_effort", FIELD_TEXT, 0, 0 },
    { "store", FIELD_BOOL, 0, 0 }, { "metadata", FIELD_OBJECT, 0, 0 }, { "service_tier", FIELD_TEXT, 0, 0 }, { "prompt_cache_key", FIELD_TEXT, 0, 0 },
    { "separate_reasoning", FIELD_BOOL, 0, 0 }, { "include_reasoning", FIELD_BOOL, 0, 0 }, { "safety_identifier", FIELD_TEXT, 0, 0 }, { "verbosity", FIELD_TEXT, 0, 0 }, { "prediction", FIELD_OBJECT, 0, 0 },
};

/* What a client asks for and this version does not do is refused by name: an answer that ignored it would be another one. */
static bool refuse_not_built(const struct json *body, struct err *e)
{
    static const char *const names[] = { "functions", "function_call", "audio", "web_search_options" };
    for (size_t i = 0; i < COUNT(names); i++)
        if (field_of(body, names[i])) return err_set(e, ERR_NOT_BUILT, "\"%s\" is not built in this version of Hearth", names[i]);
    if (json_bool_or(body, STR("echo"), false)) return err_set(e, ERR_NOT_BUILT, "\"echo\" is not built for chats in this version of Hearth");
    if (json_int_or(body, STR("best_of"), 1) > 1) return err_set(e, ERR_NOT_BUILT, "\"best_of\" is not built for chats in this version of Hearth; \"n\" is");
    json_each (item, field_of(body, "modalities"))
        if (!json_is(item, JSON_STRING) || !str_eq(item->s, STR("text"))) return err_set(e, ERR_NOT_BUILT, "\"modalities\" other than text are not built in this version of Hearth");
    return true;
}

/* Variables of the template. */
static void write_template(struct json_writer *w, const struct json *body)
{
    jw_kobject(w, "template");
    json_each (item, field_of(body, "chat_template_kwargs")) {
        jw_key(w, item->key);
        jw_value(w, item);
    }
    field_copy(w, body, "reasoning_effort", "reasoning_effort");
    jw_object_end(w);
}

static bool write_choices(struct json_writer *w, const struct json *body, struct wishes *out, struct err *e)
{
    const struct json *top = field_of(body, "top_logprobs");
    out->choices = (size_t)json_int_or(body, STR("n"), 1);
    out->wants_logprobs = json_bool_or(body, STR("logprobs"), false);
    if (top && !out->wants_logprobs && json_int_or(body, STR("top_logprobs"), 0) > 0) return err_set(e, ERR_INVALID, "\"top_logprobs\" needs \"logprobs\": true");
    jw_kint(w, "n", (int64_t)out->choices);
    if (!out->wants_logprobs) return true;
    jw_kbool(w, "logprobs", true);
    field_copy(w, body, "top_logprobs", "top_logprobs");
    return true;
}

bool openai_write_chat(const struct json *body, struct buf *out, struct wishes *wishes, struct err *e)
{
    struct json_writer w = json_writer(out);
    bool continues, has_tools;
    if (!fields_check(body, chat_fields, COUNT(chat_fields), e) || !refuse_not_built(body, e)) return false;
    jw_object(&w);
    if (!openai_write_messages(&w, json_get(body, STR("messages")), &continues, e) || !openai_write_tools(&w, body, &has_tools, e)) return false;
    if (continues) jw_kbool(&w, "continues", true);
    write_template(&w, body);
    if (wishes->tells_thoughts) jw_kbool(&w, "tells_thoughts", true);
    jw_kobject(&w, "options");
    if (!openai_write_options(&w, body, wishes, e) || !write_choices(&w, body, wishes, e)) return false;
    jw_object_end(&w);
    jw_object_end(&w);
    if (wishes->tokens_max < 1) return err_set(e, ERR_INVALID, "\"max_tokens\" must be a whole number from 1 on");
    return true;
}

/* ------------------------------------------------------------------ at once */

static void write_logprobs(const struct chat *q, struct json_writer *w, const struct buf *list)
{
    if (!q->wishes.wants_logprobs) {
        jw_knull(w, "logprobs");
        return;
    }
    jw_kobject(w, "logprobs");
    struct buf all = BUF_INIT(0);
    buf_byte(&all, '[');
    buf_add(&all, buf_str(list));
    buf_byte(&all, ']');
    jw_kraw(w, "content", buf_str(&all));
    buf_deinit(&all);
    jw_knull(w, "refusal");
    jw_object_end(w);
}

static void write_function(struct json_writer *w, str name, str arguments)
{
    jw_kobject(w, "function");
    if (name.n) jw_kstr(w, "name", name);
    jw_kstr(w, "arguments", arguments);
    jw_object_end(w);
}

static void write_message(struct json_writer *w, const struct choice *c)
{
    jw_kobject(w, "message");
    jw_kstr(w, "role", STR("assistant"));
    if (c->calls.n && !c->text.n) jw_knull(w, "content");
    else jw_kstr(w, "content", buf_str(&c->text));
    if (c->thought.n) jw_kstr(w, "reasoning_content", buf_str(&c->thought));
    jw_knull(w, "refusal");
    if (c->calls.n) jw_karray(w, "tool_calls");
    for (size_t i = 0; i < c->calls.n; i++) {
        const struct called *call = c->calls.call[i];
        jw_object(w);
        jw_kstr(w, "id", call->id);
        jw_kstr(w, "type", STR("function"));
        write_function(w, call->name, buf_str(&call->arguments));
        jw_object_end(w);
    }
    if (c->calls.n) jw_array_end(w);
    jw_object_end(w);
}

static bool reply_whole(struct chat *q)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    openai_write_head(&w, &q->head, "chat.completion");
    jw_karray(&w, "choices");
    for (size_t i = 0; i < q->wishes.choices; i++) {
        jw_object(&w);
        jw_kint(&w, "index", (int64_t)i);
        write_message(&w, &q->choice[i]);
        write_logprobs(q, &w, &q->choice[i].logprobs);
        jw_kstr(&w, "finish_reason", openai_finish(q->end, i));
        jw_object_end(&w);
    }
    jw_array_end(&w);
    openai_write_usage(&w, q->end);
    jw_object_end(&w);
    return call_reply_json(q->m.c, 200, &b);
}

static void note_part(struct chat *q, struct choice *c, const struct json *part)
{
    bool ignored;
    buf_add(&c->text, json_str_or(part, STR("text"), STR("")));
    if (!q->hides_thoughts) buf_add(&c->thought, json_str_or(part, STR("thought"), STR("")));
    if (q->wishes.wants_logprobs) openai_add_logprobs(&c->logprobs, part);
    json_each (piece, json_get(part, STR("calls"))) calls_add(&c->calls, piece, q->m.c->a, &ignored);
}

/* ------------------------------------------------------------------ as a stream */

struct chunk { /* one of a stream: what its delta says, .p NULL and NULL where it says nothing */
    str role, text, thought;
    const struct json *call; /* a piece of a call */
    const struct called *of;
    bool is_new;
    const struct json *logprobs; /* a part with tokens */
    str finish;
};

static void write_delta(struct json_writer *w, const struct chunk *k)
{
    jw_kobject(w, "delta");
    if (k->role.p) jw_kstr(w, "role", k->role);
    if (k->text.p) jw_kstr(w, "content", k->text);
    if (k->thought.p) jw_kstr(w, "reasoning_content", k->thought);
    if (k->call) {
        jw_karray(w, "tool_calls");
        jw_object(w);
        jw_kint(w, "index", json_int_or(k->call, STR("index"), 0));
        if (k->is_new) { /* once: clients put pieces of one name together */
            jw_kstr(w, "id", k->of->id);
            jw_kstr(w, "type", STR("function"));
        }
        write_function(w, k->is_new ? k->of->name : STR(""), json_str_or(k->call, STR("arguments"), STR("")));
        jw_object_end(w);
        jw_array_end(w);
    }
    jw_object_end(w);
}

static bool send(struct chat *q, size_t i, const struct chunk *k, struct err *e)
{
    struct buf b = BUF_INIT(0), list = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    openai_write_head(&w, &q->head, "chat.completion.chunk");
    jw_karray(&w, "choices");
    jw_object(&w);
    jw_kint(&w, "index", (int64_t)i);
    write_delta(&w, k);
    if (k->logprobs && q->wishes.wants_logprobs) {
        openai_add_logprobs(&list, k->logprobs);
        write_logprobs(q, &w, &list);
    } else {
        jw_knull(&w, "logprobs");
    }
    if (k->finish.p) jw_kstr(&w, "finish_reason", k->finish);
    else jw_knull(&w, "finish_reason");
    jw_object_end(&w);
    jw_array_end(&w);
    if (q->wishes.wants_usage) jw_knull(&w, "usage");
    jw_object_end(&w);
    bool ok = sse_data(q->m.c, buf_str(&b), e);
    buf_deinit(&list);
    buf_deinit(&b);
    return ok;
}

static bool send_role(struct chat *q, size_t i, struct err *e)
{
    const struct chunk role = { .role = STR("assistant"), .text = STR("") };
    if (q->choice[i].has_role) return true;
    q->choice[i].has_role = true;
    return send(q, i, &role, e);
}

static bool send_part(struct chat *q, size_t i, const struct json *part, struct err *e)
{
    const struct json *calls = json_get(part, STR("calls"));
    str text = json_str_or(part, STR("text"), STR("")), thought = q->hides_thoughts ? STR("") : json_str_or(part, STR("thought"), STR(""));
    const struct chunk thinks = { .thought = thought }, said = { .text = text, .logprobs = part };
    if (!send_role(q, i, e)) return false;
    if (thought.n && !send(q, i, &thinks, e)) return false;
    if ((text.n || q->wishes.wants_logprobs) && !send(q, i, &said, e)) return false;
    json_each (piece, calls) {
        struct chunk k = { .call = piece };
        k.of = calls_add(&q->choice[i].calls, piece, q->m.c->a, &k.is_new);
        if (k.of && !send(q, i, &k, e)) return false;
    }
    return true;
}

static bool send_usage(struct chat *q, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    openai_write_head(&w, &q->head, "chat.completion.chunk");
    jw_karray(&w, "choices");
    jw_array_end(&w);
    openai_write_usage(&w, q->end);
    jw_object_end(&w);
    bool ok = sse_data(q->m.c, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

static bool send_end(struct chat *q, struct err *e)
{
    for (size_t i = 0; i < q->wishes.choices; i++) {
        const struct chunk finish = { .finish = openai_finish(q->end, i) };
        if (!send_role(q, i, e) || !send(q, i, &finish, e)) return false;
    }
    return (!q->wishes.wants_usage || send_usage(q, e)) && sse_data(q->m.c, STR("[DONE]"), e);
}

/* ------------------------------------------------------------------ both */

static bool on_part(struct model_call *m, const struct json *part, struct err *e)
{
    struct chat *q = m->ctx;
    size_t i = (size_t)json_int_or(part, STR("choice"), 0);
    if (i >= q->wishes.choices) return true;
    if (m->is_stream) return send_part(q, i, part, e);
    note_part(q, &q->choice[i], part);
    return true;
}

static bool on_end(struct model_call *m, const struct json *end, struct err *e)
{
    struct chat *q = m->ctx;
    q->end = end;
    return m->is_stream ? send_end(q, e) : reply_whole(q);
}

static void release(void *ctx)
{
    struct chat *q = ctx;
    for (size_t i = 0; q->choice && i < q->wishes.choices; i++) {
        buf_deinit(&q->choice[i].text);
        buf_deinit(&q->choice[i].thought);
        buf_deinit(&q->choice[i].logprobs);
        calls_deinit(&q->choice[i].calls);
    }
}

bool openai_chat(struct call *c, struct err *e)
{
    static const struct model_sink sink = { on_part, on_end, openai_send_failure };
    struct chat *q = arena_one(c->a, struct chat);
    struct buf call = BUF_INIT(0);
    struct json *body;
    str model;
    *q = (struct chat){ .end = NULL };
    arena_on_free(c->a, release, q);
    if (!call_json(c, &body, e) || !model_of_request(c, body, &model, &q->m, e)) return false;
    openai_begin_head(c, &q->head, "chatcmpl-", model);
    q->wishes.tells_thoughts = json_bool_or(body, STR("separate_reasoning"), true);
    q->hides_thoughts = !json_bool_or(body, STR("include_reasoning"), true);
    bool ok = openai_write_chat(body, &call, &q->wishes, e);
    if (ok) q->choice = arena_alloc(c->a, q->wishes.choices * sizeof *q->choice);
    q->m.ctx = q;
    q->m.is_stream = q->wishes.is_stream;
    ok = ok && model_run(&q->m, buf_str(&call), openai_tokens_held(c, &q->wishes, q->wishes.choices), "chat", &sink, e);
    buf_deinit(&call);
    return ok;
}

static const struct api_route rows[] = {
    OPENAI_ROWS("chat/completions", openai_chat, "openai.chat"),
};
const struct api_table infer_chat_table = API_TABLE(rows);
