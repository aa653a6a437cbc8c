/* api/infer/tgi.c - text generation as TGI has it: {"inputs", "parameters", "stream"} to generate, generate_stream, or the address of the
 * model itself, which answers with a list of one.
 *
 * A stream ends by closing, without [DONE]: the oldest client reads every line as JSON. */
#include "api/infer/tgi.h"

enum { TEMPLATE_BYTES = 4096 };

struct sequence { /* one of best_of */
    struct buf text, tokens, top; /* tokens, top: JSON, without brackets */
    int64_t new_count;
    double log_probability;
};

struct generate {
    struct model_call m;
    struct tgi_request q;
    bool is_list;
    struct sequence *sequence; /* [prompts * best_of] */
    size_t sequences;
    const struct json *end;
    struct pending { /* the token that waits: the last one carries the whole text */
        bool is_there, special;
        int64_t id;
        double log_probability;
        struct buf text, top;
    } pending;
    int64_t index;
};

/* ------------------------------------------------------------------ shapes */

static void write_token(struct json_writer *w, const struct json *token, str text)
{
    jw_object(w);
    jw_kint(w, "id", json_int_or(token, STR("id"), 0));
    jw_kstr(w, "text", text);
    if (json_get(token, STR("logprob"))) jw_kvalue(w, "logprob", json_get(token, STR("logprob")));
    else jw_knull(w, "logprob");
    jw_kbool(w, "special", json_bool_or(token, STR("special"), false));
    jw_object_end(w);
}

static void write_top(struct json_writer *w, const struct json *token)
{
    jw_array(w);
    json_each (item, json_get(token, STR("top"))) write_token(w, item, json_str_or(item, STR("text"), STR("")));
    jw_array_end(w);
}

static void write_finish(struct generate *g, struct json_writer *w, size_t choice)
{
    jw_kstr(w, "finish_reason", json_str_or(json_at(json_get(g->end, STR("choices")), choice), STR("reason"), STR("length")));
    jw_kint(w, "generated_tokens", g->sequence[choice].new_count);
    if (g->q.samples) jw_kint(w, "seed", g->q.seed + (int64_t)choice);
    else jw_knull(w, "seed");
}

static str full_text(struct generate *g, size_t choice)
{
    str text = buf_str(&g->sequence[choice].text);
    const struct json *prompt = json_at(g->q.batch, choice / (size_t)g->q.best_of);
    str inputs = prompt ? prompt->s : g->q.inputs;
    if (!g->q.wants_full_text) return text;
    return arena_fmt(g->m.c->a, "%.*s%.*s", STR_ARG(inputs), STR_ARG(text));
}

static void write_list(struct json_writer *w, const char *name, const struct buf *items)
{
    struct buf list = BUF_INIT(0);
    buf_byte(&list, '[');
    buf_add(&list, buf_str(items));
    buf_byte(&list, ']');
    jw_kraw(w, name, buf_str(&list));
    buf_deinit(&list);
}

/* What Details and an entry of best_of_sequences have in common. */
static void write_sequence(struct generate *g, struct json_writer *w, size_t choice)
{
    const struct json *prefill = json_at(json_get(g->end, STR("prefills")), choice / (size_t)g->q.best_of);
    write_finish(g, w, choice);
    if (prefill) jw_kvalue(w, "prefill", prefill);
    else jw_kraw(w, "prefill", STR("[]"));
    write_list(w, "tokens", &g->sequence[choice].tokens);
    if (g->q.wants_top) write_list(w, "top_tokens", &g->sequence[choice].top);
}

static void write_others(struct generate *g, struct json_writer *w, size_t first, size_t best)
{
    if (g->q.best_of < 2) return;
    jw_karray(w, "best_of_sequences");
    for (size_t i = first; i < first + (size_t)g->q.best_of; i++) {
        if (i == best) continue;
        jw_object(w);
        jw_kstr(w, "generated_text", full_text(g, i));
        write_sequence(g, w, i);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* The likeliest, by the mean of its tokens. */
static size_t best_of(const struct generate *g, size_t first)
{
    size_t best = first;
    double most = 0;
    for (size_t i = first; i < first + (size_t)g->q.best_of; i++) {
        const struct sequence *s = &g->sequence[i];
        double mean = s->new_count ? s->log_probability / (double)s->new_count : 0;
        if (i == first || mean > most) best = i, most = mean;
    }
    return best;
}

static void write_whole(struct generate *g, struct json_writer *w, size_t prompt)
{
    size_t first = prompt * (size_t)g->q.best_of, best = best_of(g, first);
    jw_object(w);
    jw_kstr(w, "generated_text", full_text(g, best));
    if (g->q.wants_details) {
        jw_kobject(w, "details");
        write_sequence(g, w, best);
        write_others(g, w, first, best);
        jw_object_end(w);
    }
    jw_object_end(w);
}

static double log_probability_of(const struct json *token)
{
    const struct json *p = json_get(token, STR("logprob"));
    return json_is(p, JSON_REAL) ? p->r : json_is(p, JSON_INT) ? (double)p->i : 0;
}

static void note_part(struct generate *g, const struct json *part)
{
    size_t choice = (size_t)json_int_or(part, STR("choice"), 0);
    if (choice >= g->sequences) return;
    struct sequence *s = &g->sequence[choice];
    buf_add(&s->text, json_str_or(part, STR("text"), STR("")));
    s->new_count += json_int_or(part, STR("new"), 0);
    json_each (token, json_get(part, STR("tokens"))) {
        struct json_writer w = { &s->tokens, s->tokens.n > 0 }, top = { &s->top, s->top.n > 0 };
        write_token(&w, token, json_str_or(token, STR("text"), STR("")));
        if (g->q.wants_top) write_top(&top, token);
        s->log_probability += log_probability_of(token);
    }
}

static bool reply_whole(struct generate *g)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (g->q.batch) jw_array(&w);
    for (size_t i = 0; i < g->q.prompts; i++) {
        if (g->is_list) jw_array(&w);
        write_whole(g, &w, i);
        if (g->is_list) jw_array_end(&w);
    }
    if (g->q.batch) jw_array_end(&w);
    model_headers(&g->m, g->end, g->q.batch ? http_body(g->m.c->http).n : g->q.inputs.n, false);
    return call_reply_json(g->m.c, 200, &b);
}

/* ------------------------------------------------------------------ as a stream */

static bool send_pending(struct generate *g, bool is_last, struct err *e)
{
    struct pending *p = &g->pending;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (!p->is_there) return true;
    jw_object(&w);
    jw_kint(&w, "index", ++g->index);
    jw_kobject(&w, "token");
    jw_kint(&w, "id", p->id);
    jw_kstr(&w, "text", buf_str(&p->text));
    jw_key(&w, STR("logprob"));
    jw_real(&w, p->log_probability);
    jw_kbool(&w, "special", p->special);
    jw_object_end(&w);
    if (g->q.wants_top) jw_kraw(&w, "top_tokens", buf_str(&p->top));
    if (is_last) jw_kstr(&w, "generated_text", full_text(g, 0));
    else jw_knull(&w, "generated_text");
    if (is_last && g->q.wants_details) {
        jw_kobject(&w, "details");
        write_finish(g, &w, 0);
        jw_kint(&w, "input_length", json_int_or(g->end, STR("prompt_tokens"), 0));
        jw_object_end(&w);
    } else {
        jw_knull(&w, "details");
    }
    jw_object_end(&w);
    p->is_there = false;
    bool ok = sse_data(g->m.c, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

static void put_pending(struct generate *g, const struct json *token)
{
    struct pending *p = &g->pending;
    struct json_writer top = json_writer(&p->top);
    buf_reset(&p->top);
    buf_reset(&p->text);
    p->is_there = true;
    p->id = json_int_or(token, STR("id"), 0);
    p->log_probability = log_probability_of(token);
    p->special = json_bool_or(token, STR("special"), false);
    write_top(&top, token);
}

/* The text of a part belongs to its last token: whole characters only.  What comes without a token was held back. */
static bool send_part(struct generate *g, const struct json *part, struct err *e)
{
    str text = json_str_or(part, STR("text"), STR(""));
    buf_add(&g->sequence[0].text, text);
    g->sequence[0].new_count += json_int_or(part, STR("new"), 0);
    json_each (token, json_get(part, STR("tokens"))) {
        if (!send_pending(g, false, e)) return false;
        put_pending(g, token);
    }
    buf_add(&g->pending.text, text);
    return true;
}

static bool send_failure(struct model_call *m, const struct err *why, struct err *e)
{
    struct buf b = BUF_INIT(0);
    infer_flat_error(SHAPE_TGI, why, &b);
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
    for (size_t i = 0; i < g->sequences; i++) {
        buf_deinit(&g->sequence[i].text);
        buf_deinit(&g->sequence[i].tokens);
        buf_deinit(&g->sequence[i].top);
    }
    buf_deinit(&g->pending.text);
    buf_deinit(&g->pending.top);
}

static bool adapt(struct generate *g, const struct json *adapter, struct err *e)
{
    str name;
    if (!json_str(adapter, &name) || !name.n) return true; /* of another type: the table refuses it */
    if (model_adapt(&g->m, name, e)) return true;
    if (e->code == ERR_NOT_FOUND) e->kind = INFER_NO_ADAPTER;
    return false;
}

bool tgi_generate(struct call *c, const struct model_call *m, const struct json *body, enum tgi_form form, struct err *e)
{
    static const struct model_sink sink = { on_part, on_end, send_failure, model_failed };
    struct generate *g = arena_one(c->a, struct generate);
    struct buf call = BUF_INIT(0);
    *g = (struct generate){ .m = *m, .is_list = form == TGI_LIST };
    arena_on_free(c->a, release, g);
    if (!adapt(g, json_get(json_get(body, STR("parameters")), STR("adapter_id")), e)) return false;
    g->m.ctx = g;
    g->m.is_stream = form == TGI_STREAM || (form == TGI_LIST && json_bool_or(body, STR("stream"), false));
    model_read_options(&g->m, body);
    bool ok = tgi_request_read(body, g->m.is_stream, form == TGI_LIST && !g->m.is_stream, form == TGI_LIST, &g->q, &call, e);
    size_t sequences = ok ? g->q.prompts * (size_t)g->q.best_of : 0;
    g->sequence = arena_alloc(c->a, (sequences + 1) * sizeof *g->sequence);
    g->sequences = sequences;
    uint64_t most = (uint64_t)g->q.new_tokens_max * sequences + http_body(c->http).n + TEMPLATE_BYTES;
    if (ok && g->m.is_stream) {
        http_add_header(c->http, "x-compute-type", STR("cpu"));
        http_add_headerf(c->http, "x-compute-characters", "%zu", g->q.inputs.n);
    }
    ok = ok && model_run(&g->m, buf_str(&call), most, "generate", &sink, e);
    buf_deinit(&call);
    return ok;
}

static bool post(struct call *c, enum tgi_form form, struct err *e)
{
    struct model_call m;
    struct json *body;
    if (!model_of_route(c, &m, e) || !call_json(c, &body, e)) return false;
    if (m.is_encoder) return err_kind(e, ERR_UNPROCESSABLE, INFER_WRONG_MODEL, "the model is an encoder: it generates no text");
    return tgi_generate(c, &m, body, form, e);
}
static bool post_generate(struct call *c, struct err *e) { return post(c, TGI_OBJECT, e); }
static bool post_stream(struct call *c, struct err *e) { return post(c, TGI_STREAM, e); }

#define ROWS(prefix)                                                                                                                                    \
    { HTTP_POST, prefix "/models/:ns/:repo/generate", PERM_REPO_CALL, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, post_generate, "tgi.generate", SHAPE_TGI }, \
    { HTTP_POST, prefix "/models/:ns/:repo/generate_stream", PERM_REPO_CALL, HTTP_BODY_WHOLE, CALL_BODY_MAX, 0, post_stream, "tgi.generate-stream", SHAPE_TGI }
static const struct api_route rows[] = { ROWS(""), ROWS("/hf-inference") };
const struct api_table infer_tgi_table = API_TABLE(rows);
