/* api/infer/completions.c - OpenAI's completions: one prompt or several, as texts or as tokens, at once or as a stream.
 *
 * Choices are counted through all prompts: those of the first come first.  With best_of the worker makes more than are told,
 * and those with the highest log-probability per token are. */
#include "api/infer/openai.h"

enum { PROMPTS_MAX = 128, CHOICES_MAX = 128, LOGPROBS_MAX = 20 };

struct choice {
    struct buf text;
    struct buf tokens, logprobs, tops, offsets; /* members of "logprobs": lists without brackets */
    size_t characters;                          /* of text so far */
    double sum;                                 /* of log-probabilities */
    size_t count;
    bool is_told;
};

struct completion {
    struct model_call m;
    struct openai_head head;
    struct wishes wishes;
    bool is_echo;
    bool tells_logprobs;
    size_t prompts, best_of; /* choices of a prompt; wishes.choices of them are told */
    struct choice *choice;   /* [prompts * best_of] */
    const struct json *end;
};

/* ------------------------------------------------------------------ from the request to the call */

static const struct field fields[] = {
    { "prompt", FIELD_TEXT | FIELD_LIST, 0, 0 }, { "suffix", FIELD_TEXT, 0, 0 }, { "echo", FIELD_BOOL, 0, 0 },
    { "logprobs", FIELD_INT, 0, LOGPROBS_MAX }, { "best_of", FIELD_INT, 1, OPENAI_CHOICES_MAX },
};

static bool is_tokens(const struct json *v)
{
    if (!json_is(v, JSON_ARRAY)) return false;
    json_each (item, v)
        if (item->type != JSON_INT) return false;
    return v->count > 0;
}

/* A text, a list of texts, a list of tokens, a list of such lists. */
static bool write_prompts(struct completion *q, struct json_writer *w, const struct json *body, struct err *e)
{
    const struct json *prompt = field_of(body, "prompt");
    bool is_one = json_is(prompt, JSON_STRING) || is_tokens(prompt);
    if (!prompt || (!is_one && prompt->count == 0)) return err_set(e, ERR_INVALID, "\"prompt\" is required: a text, a list of texts, or tokens");
    if (!is_one && prompt->count > PROMPTS_MAX) return err_set(e, ERR_INVALID, "\"prompt\" may have at most %d entries", PROMPTS_MAX);
    jw_karray(w, "prompts");
    if (is_one) jw_value(w, prompt);
    json_each (item, is_one ? NULL : prompt) {
        if (item->type != JSON_STRING && !is_tokens(item)) return err_set(e, ERR_INVALID, "\"prompt\" must be a text, a list of texts, a list of tokens, or a list of such lists");
        jw_value(w, item);
    }
    jw_array_end(w);
    q->prompts = is_one ? 1 : prompt->count;
    return true;
}

static bool read_choices(struct completion *q, const struct json *body, struct err *e)
{
    q->wishes.choices = (size_t)json_int_or(body, STR("n"), 1);
    q->best_of = (size_t)json_int_or(body, STR("best_of"), (int64_t)q->wishes.choices);
    q->tells_logprobs = field_of(body, "logprobs") != NULL;
    q->wishes.wants_logprobs = q->tells_logprobs || q->best_of > q->wishes.choices;
    if (q->best_of < q->wishes.choices) return err_set(e, ERR_INVALID, "\"best_of\" must not be less than \"n\"");
    if (q->best_of > q->wishes.choices && q->wishes.is_stream) return err_set(e, ERR_INVALID, "\"best_of\" cannot be more than \"n\" in a stream: the best is known at the end");
    if (q->prompts * q->best_of > CHOICES_MAX) return err_set(e, ERR_INVALID, "\"prompt\" and \"n\" ask for %zu answers at once; there may be %d", q->prompts * q->best_of, CHOICES_MAX);
    if (q->wishes.tokens_max == 0 && !q->is_echo) return err_set(e, ERR_INVALID, "\"max_tokens\" must be a whole number from 1 on (or 0 with \"echo\": true)");
    return true;
}

static bool write_call(struct completion *q, const struct json *body, struct buf *out, struct err *e)
{
    struct json_writer w = json_writer(out);
    if (!fields_check(body, fields, COUNT(fields), e)) return false;
    q->is_echo = json_bool_or(body, STR("echo"), false);
    jw_object(&w);
    if (!write_prompts(q, &w, body, e)) return false;
    field_copy(&w, body, "suffix", "suffix");
    if (q->is_echo) jw_kbool(&w, "echo", true);
    jw_kobject(&w, "options");
    if (!openai_write_options(&w, body, &q->wishes, e) || !read_choices(q, body, e)) return false;
    jw_kint(&w, "n", (int64_t)q->best_of);
    if (q->wishes.wants_logprobs) jw_kbool(&w, "logprobs", true);
    field_copy(&w, body, "logprobs", "top_logprobs");
    if (q->is_echo && q->tells_logprobs) jw_kbool(&w, "prefill", true);
    jw_object_end(&w);
    jw_object_end(&w);
    return true;
}

/* ------------------------------------------------------------------ log-probabilities */

/* A token that is no text by itself has a name as OpenAI gives it, "bytes:\xe2\x82", which is put into `space`. */
static str name_of(const struct json *token, struct buf *space)
{
    const struct json *bytes_list = json_get(token, STR("bytes"));
    if (!bytes_list) return json_str_or(token, STR("text"), STR(""));
    buf_reset(space);
    buf_lit(space, "bytes:");
    json_each (byte, bytes_list) buf_addf(space, "\\x%02x", (unsigned)byte->i);
    return buf_str(space);
}

static bool begins_character(unsigned byte) { return (byte & 0xc0) != 0x80; }

static size_t characters_of(const struct json *token)
{
    const struct json *bytes_list = json_get(token, STR("bytes"));
    str text = bytes_list ? STR("") : json_str_or(token, STR("text"), STR(""));
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) n += begins_character((uint8_t)text.p[i]);
    json_each (byte, bytes_list) n += begins_character((unsigned)byte->i);
    return n;
}

static void comma(struct buf *b)
{
    if (b->n) buf_byte(b, ',');
}

static void add_number(struct buf *b, const struct json *v)
{
    struct json_writer w = json_writer(b);
    if (v) jw_value(&w, v);
    else jw_null(&w);
}

/* The likeliest, and the one that was taken. */
static void add_top(struct buf *b, const struct json *token, str name)
{
    struct json_writer w = json_writer(b);
    struct buf space = BUF_INIT(0);
    bool has_own = false;
    const struct json *log_probability = field_of(token, "logprob");
    if (!log_probability) { /* nothing precedes the first */
        jw_null(&w);
        return;
    }
    jw_object(&w);
    json_each (top, json_get(token, STR("top"))) {
        str key = name_of(top, &space);
        has_own |= str_eq(key, name);
        jw_key(&w, key);
        jw_value(&w, json_get(top, STR("logprob")));
    }
    if (!has_own) {
        jw_key(&w, name);
        jw_value(&w, log_probability);
    }
    jw_object_end(&w);
    buf_deinit(&space);
}

static void note_tokens(struct choice *c, const struct json *list)
{
    struct buf space = BUF_INIT(0);
    json_each (token, list) {
        str name = name_of(token, &space);
        const struct json *p = field_of(token, "logprob");
        comma(&c->tokens), comma(&c->logprobs), comma(&c->tops), comma(&c->offsets);
        buf_json_str(&c->tokens, name);
        add_number(&c->logprobs, p);
        add_top(&c->tops, token, name);
        buf_u64(&c->offsets, c->characters);
        c->characters += characters_of(token);
        c->sum += json_is(p, JSON_REAL) ? p->r : json_is(p, JSON_INT) ? (double)p->i : 0;
        c->count++;
    }
    buf_deinit(&space);
}

/* The tokens of a prompt, for all that continue it; which of these is the best they do not say. */
static void note_prefill(struct completion *q, size_t first, const struct json *list)
{
    for (size_t i = 0; list && i < q->best_of && first + i < q->prompts * q->best_of; i++) {
        struct choice *c = &q->choice[first + i];
        note_tokens(c, list);
        c->sum = 0;
        c->count = 0;
    }
}

static void write_list(struct json_writer *w, const char *name, const struct buf *list)
{
    struct buf all = BUF_INIT(0);
    buf_byte(&all, '[');
    buf_add(&all, buf_str(list));
    buf_byte(&all, ']');
    jw_kraw(w, name, buf_str(&all));
    buf_deinit(&all);
}

static void write_logprobs(const struct completion *q, struct json_writer *w, const struct choice *c)
{
    if (!q->tells_logprobs) {
        jw_knull(w, "logprobs");
        return;
    }
    jw_kobject(w, "logprobs");
    write_list(w, "tokens", &c->tokens);
    write_list(w, "token_logprobs", &c->logprobs);
    write_list(w, "top_logprobs", &c->tops);
    write_list(w, "text_offset", &c->offsets);
    jw_object_end(w);
}

static void forget_tokens(struct choice *c)
{
    buf_reset(&c->tokens);
    buf_reset(&c->logprobs);
    buf_reset(&c->tops);
    buf_reset(&c->offsets);
}

/* ------------------------------------------------------------------ at once */

static double mean(const struct choice *c) { return c->count ? c->sum / (double)c->count : 0; }

/* Of each prompt the best, in the order in which they were made. */
static void choose(struct completion *q)
{
    for (size_t p = 0; p < q->prompts; p++) {
        struct choice *of = q->choice + p * q->best_of;
        for (size_t n = 0; n < q->wishes.choices; n++) {
            struct choice *best = NULL;
            for (size_t i = 0; i < q->best_of; i++)
                if (!of[i].is_told && (!best || mean(&of[i]) > mean(best))) best = &of[i];
            best->is_told = true;
        }
    }
}

static bool reply_whole(struct completion *q)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    int64_t index = 0;
    choose(q);
    openai_write_head(&w, &q->head, "text_completion");
    jw_karray(&w, "choices");
    for (size_t i = 0; i < q->prompts * q->best_of; i++) {
        if (!q->choice[i].is_told) continue;
        jw_object(&w);
        jw_kint(&w, "index", index++);
        jw_kstr(&w, "text", buf_str(&q->choice[i].text));
        write_logprobs(q, &w, &q->choice[i]);
        jw_kstr(&w, "finish_reason", openai_finish(q->end, i));
        jw_object_end(&w);
    }
    jw_array_end(&w);
    openai_write_usage(&w, q->end);
    jw_object_end(&w);
    return call_reply_json(q->m.c, 200, &b);
}

/* ------------------------------------------------------------------ as a stream */

/* finish .p NULL: not yet.  i past the last: usage alone. */
static bool send(struct completion *q, size_t i, str text, str finish, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    bool is_usage = i >= q->prompts * q->best_of;
    openai_write_head(&w, &q->head, "text_completion");
    jw_karray(&w, "choices");
    if (!is_usage) {
        jw_object(&w);
        jw_kint(&w, "index", (int64_t)i);
        jw_kstr(&w, "text", text);
        if (finish.p) jw_knull(&w, "logprobs");
        else write_logprobs(q, &w, &q->choice[i]);
        if (finish.p) jw_kstr(&w, "finish_reason", finish);
        else jw_knull(&w, "finish_reason");
        jw_object_end(&w);
    }
    jw_array_end(&w);
    if (is_usage) openai_write_usage(&w, q->end);
    else if (q->wishes.wants_usage) jw_knull(&w, "usage");
    jw_object_end(&w);
    bool ok = sse_data(q->m.c, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

static bool send_end(struct completion *q, struct err *e)
{
    size_t n = q->prompts * q->best_of;
    for (size_t i = 0; i < n; i++)
        if (!send(q, i, STR(""), openai_finish(q->end, i), e)) return false;
    return (!q->wishes.wants_usage || send(q, n, STR(""), STR(""), e)) && sse_data(q->m.c, STR("[DONE]"), e);
}

/* ------------------------------------------------------------------ both */

static bool on_part(struct model_call *m, const struct json *part, struct err *e)
{
    struct completion *q = m->ctx;
    size_t i = (size_t)json_int_or(part, STR("choice"), 0);
    str text = json_str_or(part, STR("text"), STR(""));
    if (i >= q->prompts * q->best_of) return true;
    struct choice *c = &q->choice[i];
    note_prefill(q, i, json_get(part, STR("prefill")));
    if (q->wishes.wants_logprobs) note_tokens(c, json_get(part, STR("tokens")));
    if (!m->is_stream) {
        buf_add(&c->text, text);
        return true;
    }
    bool ok = send(q, i, text, (str){ NULL, 0 }, e);
    forget_tokens(c);
    return ok;
}

static bool on_end(struct model_call *m, const struct json *end, struct err *e)
{
    struct completion *q = m->ctx;
    q->end = end;
    return m->is_stream ? send_end(q, e) : reply_whole(q);
}

static void release(void *ctx)
{
    struct completion *q = ctx;
    for (size_t i = 0; q->choice && i < q->prompts * q->best_of; i++) {
        struct choice *c = &q->choice[i];
        struct buf *const all[] = { &c->text, &c->tokens, &c->logprobs, &c->tops, &c->offsets };
        for (size_t k = 0; k < COUNT(all); k++) buf_deinit(all[k]);
    }
}

static bool post_completion(struct call *c, struct err *e)
{
    static const struct model_sink sink = { on_part, on_end, openai_send_failure };
    struct completion *q = arena_one(c->a, struct completion);
    struct buf call = BUF_INIT(0);
    struct json *body;
    str model;
    *q = (struct completion){ .end = NULL };
    arena_on_free(c->a, release, q);
    if (!call_json(c, &body, e) || !model_of_request(c, body, &model, &q->m, e)) return false;
    openai_begin_head(c, &q->head, "cmpl-", model);
    bool ok = write_call(q, body, &call, e);
    if (ok) {
        q->choice = arena_alloc(c->a, q->prompts * q->best_of * sizeof *q->choice);
        q->m.ctx = q;
        q->m.is_stream = q->wishes.is_stream;
        ok = model_run(&q->m, buf_str(&call), openai_tokens_held(c, &q->wishes, q->prompts * q->best_of), "completion", &sink, e);
    }
    buf_deinit(&call);
    return ok;
}

static const struct api_route rows[] = {
    OPENAI_ROWS("completions", post_completion, "openai.completion"),
};
const struct api_table infer_completions_table = API_TABLE(rows);
