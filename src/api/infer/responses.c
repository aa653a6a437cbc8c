/* api/infer/responses.c - OpenAI's responses, at once or as a stream of events.
 *
 * An answer is a list of items, each a message or the call of a function, which are opened, grow and are closed as text and
 * calls come.  A stream tells all of that by events; a whole answer tells the items when all are closed. */
#include "api/infer/responses.h"

enum { ITEMS_MAX = 2 * OPENAI_TOOLS_MAX + 1 };

struct item {
    bool is_call;
    str id, call_id, name;
    struct buf text, logprobs; /* of a call: its arguments */
};

struct response {
    struct model_call m;
    struct openai_head head;
    struct wishes wishes;
    const struct json *body;
    struct item *item[ITEMS_MAX];
    size_t items;
    bool is_open; /* the last item may grow */
    struct buf held; /* log-probabilities of tokens whose text is still to come */
    bool has_begun;
    int64_t events;
    const struct json *end;
};

static bool is_cut(const struct response *q) { return q->end && str_eq(openai_finish(q->end, 0), STR("length")); }

/* ------------------------------------------------------------------ the answer as an object */

static void write_part(struct json_writer *w, const struct item *x)
{
    jw_object(w);
    jw_kstr(w, "type", STR("output_text"));
    jw_kstr(w, "text", x ? buf_str(&x->text) : STR(""));
    jw_karray(w, "annotations");
    jw_array_end(w);
    struct buf list = BUF_INIT(0);
    buf_byte(&list, '[');
    if (x) buf_add(&list, buf_str(&x->logprobs));
    buf_byte(&list, ']');
    jw_kraw(w, "logprobs", buf_str(&list));
    buf_deinit(&list);
    jw_object_end(w);
}

/* is_new: as it is when it is added, without anything in it. */
static void write_item(struct json_writer *w, const struct item *x, const char *status, bool is_new)
{
    jw_object(w);
    jw_kstr(w, "id", x->id);
    jw_kstr(w, "type", x->is_call ? STR("function_call") : STR("message"));
    jw_kstr(w, "status", str_c(status));
    if (x->is_call) {
        jw_kstr(w, "call_id", x->call_id);
        jw_kstr(w, "name", x->name);
        jw_kstr(w, "arguments", is_new ? STR("") : buf_str(&x->text));
    } else {
        jw_kstr(w, "role", STR("assistant"));
        jw_karray(w, "content");
        if (!is_new) write_part(w, x);
        jw_array_end(w);
    }
    jw_object_end(w);
}

static void write_usage(struct json_writer *w, const struct json *end)
{
    int64_t in = json_int_or(end, STR("prompt_tokens"), 0), out = json_int_or(end, STR("completion_tokens"), 0);
    jw_kobject(w, "usage");
    jw_kint(w, "input_tokens", in);
    jw_kobject(w, "input_tokens_details");
    jw_kint(w, "cached_tokens", json_int_or(end, STR("cached_tokens"), 0));
    jw_object_end(w);
    jw_kint(w, "output_tokens", out);
    jw_kobject(w, "output_tokens_details");
    jw_kint(w, "reasoning_tokens", 0);
    jw_object_end(w);
    jw_kint(w, "total_tokens", in + out);
    jw_object_end(w);
}

static void write_or(struct json_writer *w, const struct json *body, const char *name, const char *otherwise)
{
    const struct json *v = field_of(body, name);
    if (v) jw_kvalue(w, name, v);
    else jw_kraw(w, name, str_c(otherwise));
}

/* What was asked, as it was understood: store is false, for nothing is. */
static void write_request(struct json_writer *w, const struct json *body)
{
    static const struct { const char *name, *otherwise; } echoed[] = {
        { "instructions", "null" }, { "max_output_tokens", "null" }, { "metadata", "{}" }, { "parallel_tool_calls", "true" }, { "temperature", "1" }, { "top_p", "1" },
        { "text", "{\"format\":{\"type\":\"text\"}}" }, { "tool_choice", "\"auto\"" }, { "tools", "[]" }, { "reasoning", "{\"effort\":null,\"summary\":null}" }, { "user", "null" },
    };
    for (size_t i = 0; i < COUNT(echoed); i++) write_or(w, body, echoed[i].name, echoed[i].otherwise);
    jw_knull(w, "previous_response_id");
    jw_kbool(w, "store", false);
    jw_kbool(w, "background", false);
    jw_kstr(w, "truncation", STR("disabled"));
}

static void write_response(struct json_writer *w, struct response *q, const char *status, const struct err *why)
{
    jw_object(w);
    jw_kstr(w, "id", q->head.id);
    jw_kstr(w, "object", STR("response"));
    jw_kint(w, "created_at", q->head.created_s);
    jw_kstr(w, "status", str_c(status));
    jw_kstr(w, "model", q->head.model);
    if (why) {
        jw_kobject(w, "error");
        jw_kstr(w, "code", STR("server_error"));
        jw_kstr(w, "message", str_c(why->msg));
        jw_object_end(w);
    } else {
        jw_knull(w, "error");
    }
    if (q->end && is_cut(q)) {
        jw_kobject(w, "incomplete_details");
        jw_kstr(w, "reason", STR("max_output_tokens"));
        jw_object_end(w);
    } else {
        jw_knull(w, "incomplete_details");
    }
    jw_karray(w, "output");
    for (size_t i = 0; i < q->items; i++) write_item(w, q->item[i], is_cut(q) && i + 1 == q->items ? "incomplete" : "completed", false);
    jw_array_end(w);
    write_request(w, q->body);
    if (q->end) write_usage(w, q->end);
    else jw_knull(w, "usage");
    jw_object_end(w);
}

/* ------------------------------------------------------------------ events */

/* One is begun by event_begin, which leaves its object open, and sent by event_end. */
struct event {
    struct buf b;
    struct json_writer w;
};

static void event_begin(struct response *q, struct event *v, const char *type)
{
    v->b = (struct buf)BUF_INIT(0);
    buf_addf(&v->b, "event: %s\ndata: ", type);
    v->w = json_writer(&v->b);
    jw_object(&v->w);
    jw_kstr(&v->w, "type", str_c(type));
    jw_kint(&v->w, "sequence_number", q->events++);
}

static bool event_end(struct response *q, struct event *v, struct err *e)
{
    jw_object_end(&v->w);
    buf_lit(&v->b, "\n\n");
    bool ok = http_write(q->m.c->http, bytes_of(buf_str(&v->b)), e);
    buf_deinit(&v->b);
    return ok;
}

static bool send_response(struct response *q, const char *type, const char *status, const struct err *why, struct err *e)
{
    struct event v;
    event_begin(q, &v, type);
    jw_key(&v.w, STR("response"));
    write_response(&v.w, q, status, why);
    return event_end(q, &v, e);
}

static bool send_begin(struct response *q, struct err *e)
{
    if (q->has_begun || !q->m.is_stream) return true;
    q->has_begun = true;
    return send_response(q, "response.created", "in_progress", NULL, e) && send_response(q, "response.in_progress", "in_progress", NULL, e);
}

/* Where in the answer: every event of an item says it. */
static void write_place(struct response *q, struct json_writer *w, const struct item *x)
{
    jw_kstr(w, "item_id", x->id);
    jw_kint(w, "output_index", (int64_t)q->items - 1);
    if (!x->is_call) jw_kint(w, "content_index", 0);
}

static bool send_item(struct response *q, const char *type, const char *status, bool is_new, struct err *e)
{
    struct event v;
    event_begin(q, &v, type);
    jw_kint(&v.w, "output_index", (int64_t)q->items - 1);
    jw_key(&v.w, STR("item"));
    write_item(&v.w, q->item[q->items - 1], status, is_new);
    return event_end(q, &v, e);
}

static bool send_part(struct response *q, const char *type, const struct item *content, struct err *e)
{
    struct event v;
    event_begin(q, &v, type);
    write_place(q, &v.w, q->item[q->items - 1]);
    jw_key(&v.w, STR("part"));
    write_part(&v.w, content);
    return event_end(q, &v, e);
}

static bool send_delta(struct response *q, str text, str logprobs, struct err *e)
{
    struct event v;
    const struct item *x = q->item[q->items - 1];
    event_begin(q, &v, x->is_call ? "response.function_call_arguments.delta" : "response.output_text.delta");
    write_place(q, &v.w, x);
    jw_kstr(&v.w, "delta", text);
    if (!x->is_call) {
        struct buf list = BUF_INIT(0);
        buf_byte(&list, '[');
        buf_add(&list, logprobs);
        buf_byte(&list, ']');
        jw_kraw(&v.w, "logprobs", buf_str(&list));
        buf_deinit(&list);
    }
    return event_end(q, &v, e);
}

static bool send_done(struct response *q, struct err *e)
{
    struct event v;
    const struct item *x = q->item[q->items - 1];
    event_begin(q, &v, x->is_call ? "response.function_call_arguments.done" : "response.output_text.done");
    write_place(q, &v.w, x);
    if (x->is_call) jw_kstr(&v.w, "name", x->name);
    jw_kstr(&v.w, x->is_call ? "arguments" : "text", buf_str(&x->text));
    if (!x->is_call) {
        struct buf list = BUF_INIT(0);
        buf_byte(&list, '[');
        buf_add(&list, buf_str(&x->logprobs));
        buf_byte(&list, ']');
        jw_kraw(&v.w, "logprobs", buf_str(&list));
        buf_deinit(&list);
    }
    return event_end(q, &v, e);
}

/* ------------------------------------------------------------------ items, as they come */

static bool close_item(struct response *q, struct err *e)
{
    if (!q->is_open) return true;
    q->is_open = false;
    if (!q->m.is_stream) return true;
    const struct item *x = q->item[q->items - 1];
    return send_done(q, e) && (x->is_call || send_part(q, "response.content_part.done", x, e)) &&
           send_item(q, "response.output_item.done", is_cut(q) ? "incomplete" : "completed", false, e);
}

/* NULL with ERR_TOO_LARGE: there are too many. */
static struct item *open_item(struct response *q, bool is_call, str call_id, str name, struct err *e)
{
    struct arena *a = q->m.c->a;
    if (!close_item(q, e)) return NULL;
    if (q->items == ITEMS_MAX) return err_set(e, ERR_TOO_LARGE, "an answer may have %d items", ITEMS_MAX), NULL;
    struct item *x = q->item[q->items] = arena_one(a, struct item);
    str own = str_from(q->head.id, 5); /* behind resp_ */
    *x = (struct item){ .is_call = is_call, .id = arena_fmt(a, "%s%.*s%zu", is_call ? "fc_" : "msg_", STR_ARG(own), q->items),
                        .call_id = arena_dup(a, call_id), .name = arena_dup(a, name) };
    q->items++;
    q->is_open = true;
    if (!q->m.is_stream) return x;
    bool ok = send_item(q, "response.output_item.added", "in_progress", true, e) && (is_call || send_part(q, "response.content_part.added", NULL, e));
    return ok ? x : NULL;
}

static bool add_text(struct response *q, str text, struct err *e)
{
    struct item *x = q->is_open ? q->item[q->items - 1] : NULL;
    if ((!x || x->is_call) && !(x = open_item(q, false, STR(""), STR(""), e))) return false;
    buf_add(&x->text, text);
    if (q->held.n && x->logprobs.n) buf_byte(&x->logprobs, ',');
    buf_add(&x->logprobs, buf_str(&q->held));
    bool ok = !q->m.is_stream || send_delta(q, text, buf_str(&q->held), e);
    buf_reset(&q->held);
    return ok;
}

static bool add_call(struct response *q, const struct json *piece, struct err *e)
{
    buf_reset(&q->held); /* its tokens are not told */
    str name = json_str_or(piece, STR("name"), STR("")), arguments = json_str_or(piece, STR("arguments"), STR(""));
    if (name.n) return open_item(q, true, json_str_or(piece, STR("id"), STR("")), name, e) != NULL;
    struct item *x = q->is_open ? q->item[q->items - 1] : NULL;
    if (!x || !x->is_call || arguments.n == 0) return true;
    buf_add(&x->text, arguments);
    return !q->m.is_stream || send_delta(q, arguments, STR(""), e);
}

static bool on_part(struct model_call *m, const struct json *part, struct err *e)
{
    struct response *q = m->ctx;
    str text = json_str_or(part, STR("text"), STR(""));
    if (q->wishes.wants_logprobs) openai_add_logprobs(&q->held, part);
    if (!send_begin(q, e) || (text.n && !add_text(q, text, e))) return false;
    json_each (piece, json_get(part, STR("calls")))
        if (!add_call(q, piece, e)) return false;
    return true;
}

static bool on_end(struct model_call *m, const struct json *end, struct err *e)
{
    struct response *q = m->ctx;
    if (!send_begin(q, e) || (q->items == 0 && !open_item(q, false, STR(""), STR(""), e))) return false;
    q->end = end;
    if (!close_item(q, e)) return false;
    const char *status = is_cut(q) ? "incomplete" : "completed";
    if (m->is_stream) return send_response(q, is_cut(q) ? "response.incomplete" : "response.completed", status, NULL, e);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    write_response(&w, q, status, NULL);
    return call_reply_json(m->c, 200, &b);
}

static bool on_failure(struct model_call *m, const struct err *why, struct err *e)
{
    struct response *q = m->ctx;
    return send_begin(q, e) && send_response(q, "response.failed", "failed", why, e);
}

static void release(void *ctx)
{
    struct response *q = ctx;
    buf_deinit(&q->held);
    for (size_t i = 0; i < q->items; i++) {
        buf_deinit(&q->item[i]->text);
        buf_deinit(&q->item[i]->logprobs);
    }
}

static bool post_response(struct call *c, struct err *e)
{
    static const struct model_sink sink = { on_part, on_end, on_failure };
    struct response *q = arena_one(c->a, struct response);
    struct buf call = BUF_INIT(0);
    struct json *body, *chat;
    str model;
    *q = (struct response){ .items = 0 };
    arena_on_free(c->a, release, q);
    if (!call_json(c, &body, e) || !model_of_request(c, body, &model, &q->m, e) || !responses_as_chat(body, c->a, &chat, e)) return false;
    openai_begin_head(c, &q->head, "resp_", model);
    bool ok = openai_write_chat(chat, &call, &q->wishes, e);
    q->body = body;
    q->m.ctx = q;
    q->m.is_stream = q->wishes.is_stream;
    ok = ok && model_run(&q->m, buf_str(&call), openai_tokens_held(c, &q->wishes, 1), "responses", &sink, e);
    buf_deinit(&call);
    return ok;
}

/* Nothing is stored, so nothing is found. */
static bool no_response(struct call *c, struct err *e)
{
    str id = call_param(c, "id");
    return err_set(e, ERR_NOT_FOUND, "there is no response %.*s: this version of Hearth stores none", STR_ARG(str_to(id, 80)));
}

static const struct api_route rows[] = {
    OPENAI_ROWS("responses", post_response, "openai.response"),
    { HTTP_GET, "/v1/responses/:id", PERM_USER, HTTP_BODY_NONE, 0, 0, no_response, "openai.response.get", SHAPE_OPENAI },
    { HTTP_DELETE, "/v1/responses/:id", PERM_USER, HTTP_BODY_NONE, 0, 0, no_response, "openai.response.delete", SHAPE_OPENAI },
};
const struct api_table infer_responses_table = API_TABLE(rows);
