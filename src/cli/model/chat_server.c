/* cli/model/chat_server.c - a conversation with a model on a server, by its /v1/chat/completions as a stream.
 *
 * Any server that speaks OpenAI's protocol will do.  A server may be anybody's, and what it sends is bounded. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/os.h"
#include "cli/model/chat.h"
#include "cli/model/sse.h"
#include "http/client.h"

enum { REFUSAL_BYTES_MAX = 64 << 10, EVENT_BYTES_MAX = 1 << 20, ANSWER_BYTES_MAX = 64 << 20, SCHEMA_BYTES_MAX = 1 << 20,
       QUIET_S = 120 /* a sign of life comes every few seconds; a server that is not ours may be slower */ };

struct remote {
    struct cli *c;
    const char *url;
    str model, token, schema; /* .p NULL: none */
    int64_t asked_us, first_us, ended_us;
    int64_t prompt_tokens, cached_tokens, new_tokens;
};

struct stream {
    struct remote *r;
    struct converse_answer *out;
    struct sse events;
    struct buf refusal;
    struct err *e; /* filled when has_failed */
    bool has_failed, is_done;
};

/* ------------------------------------------------------------------ the request */

static void write_settings(struct json_writer *w, const struct converse_settings *s)
{
    static const char *const theirs[CONVERSE_SETTINGS] = { "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_tokens", "seed" };
    for (int i = 0; i < CONVERSE_SETTINGS; i++) {
        if (!s->given[i]) continue;
        double v = s->value[i];
        jw_key(w, str_c(theirs[i]));
        if (v >= floor(v) && v <= floor(v)) jw_int(w, (int64_t)v);
        else jw_real(w, v);
    }
}

static void write_request(const struct remote *r, const struct json *messages, const struct converse_settings *s, struct buf *out)
{
    struct json_writer w = json_writer(out);
    jw_object(&w);
    jw_kstr(&w, "model", r->model);
    jw_kvalue(&w, "messages", messages);
    jw_kbool(&w, "stream", true);
    jw_kbool(&w, "separate_reasoning", false); /* what a model thinks is read as it is written, here as of a model on this machine */
    jw_kobject(&w, "stream_options");
    jw_kbool(&w, "include_usage", true);
    jw_object_end(&w);
    write_settings(&w, s);
    if (cli_given(r->c, "stop")) jw_kstr(&w, "stop", cli_str(r->c, "stop"));
    if (r->schema.p) {
        jw_kobject(&w, "response_format");
        jw_kstr(&w, "type", STR("json_schema"));
        jw_kobject(&w, "json_schema");
        jw_kstr(&w, "name", STR("answer"));
        jw_kraw(&w, "schema", r->schema);
        jw_object_end(&w);
        jw_object_end(&w);
    }
    jw_object_end(&w);
}

/* ------------------------------------------------------------------ the answer */

/* What to do about it. */
static str advice(const struct remote *r, int status)
{
    if (status == 401 && r->token.n) return STR("; HF_TOKEN is no token of this server: make one in its settings, under \"Tokens\"");
    if (status == 401) return STR("; set HF_TOKEN to a token of this server, from its settings, under \"Tokens\"");
    if (status == 403) return STR("; HF_TOKEN may not do that");
    return STR("");
}

/* {"error": {"message"}} as OpenAI has it, or {"error": "..."} as the hub. */
static bool fail(struct stream *s, int status, const struct json *body)
{
    const struct json *error = json_get(body, STR("error"));
    str message = json_is(error, JSON_STRING) ? error->s : json_str_or(error, STR("message"), STR("")), hint = advice(s->r, status);
    s->has_failed = true;
    while (str_ends(message, STR("."))) message.n--;
    if (message.n) return err_set(s->e, ERR_INVALID, "%.*s: %.*s%.*s", STR_ARG(s->r->model), STR_ARG(str_to(message, ERR_MSG_MAX / 2)), STR_ARG(hint));
    return err_set(s->e, ERR_INVALID, "the server answered with status %d%.*s", status, STR_ARG(hint));
}

static bool take_choice(struct stream *s, const struct json *choice, struct err *e)
{
    struct remote *r = s->r;
    str text = json_str_or(json_get(choice, STR("delta")), STR("content"), STR(""));
    if (text.n && !r->first_us) r->first_us = clock_mono_us();
    if (text.n) converse_show(r->c, text);
    buf_add(&s->out->text, text);
    if (str_eq(json_str_or(choice, STR("finish_reason"), STR("")), STR("length"))) s->out->was_cut = true;
    return s->out->text.n <= ANSWER_BYTES_MAX || err_set(e, ERR_TOO_LARGE, "the answer has more than %d bytes", ANSWER_BYTES_MAX);
}

static bool take_event(void *ctx, str data, struct err *e)
{
    struct stream *s = ctx;
    struct remote *r = s->r;
    struct json *event;
    data = str_trim(data);
    if (str_eq(data, STR("[DONE]"))) return s->is_done = true;
    struct arena *a = arena_new(8 * EVENT_BYTES_MAX);
    bool ok = json_parse(data, a, &event, e) || err_context(e, "what the server sent");
    if (ok && json_get(event, STR("error"))) ok = fail(s, 200, event);
    if (ok) {
        const struct json *usage = json_get(event, STR("usage"));
        ok = take_choice(s, json_at(json_get(event, STR("choices")), 0), e);
        if (json_is(usage, JSON_OBJECT)) {
            r->prompt_tokens = json_int_or(usage, STR("prompt_tokens"), 0);
            r->new_tokens = json_int_or(usage, STR("completion_tokens"), 0);
            r->cached_tokens = json_int_or(json_get(usage, STR("prompt_tokens_details")), STR("cached_tokens"), 0);
        }
    }
    arena_free(a);
    return ok;
}

static bool take(void *ctx, int status, str piece)
{
    struct stream *s = ctx;
    if (status != 200) {
        buf_add(&s->refusal, piece);
        return !s->refusal.failed;
    }
    if (!sse_take(&s->events, piece, s->e)) s->has_failed = true;
    return !s->has_failed;
}

static bool refuse(struct stream *s, int status)
{
    struct arena *a = arena_new(1 << 20);
    struct json *body = NULL;
    struct err ignored;
    if (!json_parse(buf_str(&s->refusal), a, &body, &ignored)) body = NULL;
    fail(s, status, body);
    arena_free(a);
    return false;
}

static bool answer_there(void *ctx, const struct json *messages, const struct converse_settings *settings, const volatile sig_atomic_t *stop,
                         struct converse_answer *out, struct err *e)
{
    struct remote *r = ctx;
    struct buf body = BUF_INIT(0);
    struct stream s = { .r = r, .out = out, .refusal = BUF_INIT(REFUSAL_BYTES_MAX), .e = e };
    struct err why;
    int status = 0;
    write_request(r, messages, settings, &body);
    sse_init(&s.events, EVENT_BYTES_MAX, take_event, &s);
    r->asked_us = clock_mono_us();
    r->first_us = r->prompt_tokens = r->cached_tokens = r->new_tokens = 0;
    const struct http_client_request q = { .url = r->url, .token = r->token, .json = buf_str(&body), .quiet_s = QUIET_S, .stop = stop, .take = take, .ctx = &s };
    bool ok = http_client_run(&q, &status, &why), was_stopped = stop && *stop;
    r->ended_us = clock_mono_us();
    if (ok && !s.has_failed && status == 200 && !sse_end(&s.events, e)) s.has_failed = true;
    if (s.has_failed) ok = false;
    else if (was_stopped) ok = true; /* what came stays */
    else if (status && status != 200) ok = refuse(&s, status);
    else if (!ok && !status) ok = err_set(e, why.code, "%s; is the server running? --server says where it is", why.msg);
    else if (!ok) *e = why;
    else ok = s.is_done || err_set(e, ERR_IO, "the server broke off");
    sse_deinit(&s.events);
    buf_deinit(&s.refusal);
    buf_deinit(&body);
    return ok;
}

static void report_there(void *ctx, FILE *out)
{
    const struct remote *r = ctx;
    double first = (double)((r->first_us ? r->first_us : r->ended_us) - r->asked_us) * 1e-6, all = (double)(r->ended_us - r->asked_us) * 1e-6;
    if (!r->new_tokens) fprintf(out, "first text after %.2f s, all after %.2f s\n", first, all);
    else {
        fprintf(out, "%lld %s of prompt", (long long)r->prompt_tokens, plural((uint64_t)r->prompt_tokens, "token", "tokens"));
        if (r->cached_tokens) fprintf(out, ", %lld of them known from before,", (long long)r->cached_tokens);
        fprintf(out, " and %lld new %s; first text after %.2f s, all after %.2f s\n", (long long)r->new_tokens,
                plural((uint64_t)r->new_tokens, "one", "ones"), first, all);
    }
}

/* ------------------------------------------------------------------ the command */

/* What only a model in this process can be told. */
static bool refuse_options(struct cli *c, struct err *e)
{
    static const char *const passed_on[] = { "server", "max-tokens", "temperature", "top-k", "top-p", "min-p", "repetition-penalty", "seed", "stop", "system", "messages",
                                             "json-schema" };
    for (size_t i = 0; c->command->options[i].name; i++) {
        const char *name = c->command->options[i].name;
        bool fits = !cli_given(c, name);
        for (size_t j = 0; j < COUNT(passed_on); j++) fits |= str_eq(str_c(name), str_c(passed_on[j]));
        if (!fits) return cli_usage(e, "--%s is for a model in this process, not for one on a server", name);
    }
    return true;
}

static bool read_schema(struct cli *c, str *out, struct err *e)
{
    struct json *ignored;
    char *text;
    size_t n;
    if (!cli_given(c, "json-schema")) return true;
    *out = str_trim(cli_str(c, "json-schema"));
    if (!str_starts(*out, STR("{"))) {
        if (!os_read_file(arena_cstr(c->arena, *out), SCHEMA_BYTES_MAX, &text, &n, e)) return err_context(e, "--json-schema");
        *out = arena_dup(c->arena, str_n(text, n));
        mem_free(text);
    }
    return json_parse(*out, c->arena, &ignored, e) || err_context(e, "--json-schema");
}

bool cli_chat_there(struct cli *c, str server, str model, struct err *e)
{
    const char *token = getenv("HF_TOKEN");
    struct remote r = { .c = c, .model = model, .url = arena_fmt(c->arena, "%.*s/v1/chat/completions", STR_ARG(server)).p };
    struct json *messages;
    if (token && *token) r.token = str_trim(str_c(token));
    if (!refuse_options(c, e) || !converse_opening(c, &messages, e) || !read_schema(c, &r.schema, e)) return false;
    const struct converser it = { &r, answer_there, report_there, arena_fmt(c->arena, "%.*s on %.*s", STR_ARG(model), STR_ARG(server)) };
    return cli_converse(c, &it, messages, e);
}
