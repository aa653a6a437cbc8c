/* api/infer/openai.c - what OpenAI's protocols share: options of a request, heads and usage of an answer. */
#include "api/infer/openai.h"

#include "base/clock.h"
#include "base/hash.h"

enum { STOPS_MAX = 4 };

/* ------------------------------------------------------------------ from the request to the call */

static bool write_stop(struct json_writer *w, const struct json *body, struct err *e)
{
    const struct json *stop = field_of(body, "stop");
    if (!stop) return true;
    if (json_is(stop, JSON_ARRAY) && stop->count > STOPS_MAX) return err_set(e, ERR_INVALID, "\"stop\" may have at most %d texts", STOPS_MAX);
    jw_karray(w, "stop");
    if (json_is(stop, JSON_STRING)) jw_str(w, stop->s);
    json_each (item, json_is(stop, JSON_ARRAY) ? stop : NULL) {
        if (item->type != JSON_STRING || item->s.n == 0) return err_set(e, ERR_INVALID, "\"stop\" must be texts that are not empty");
        jw_str(w, item->s);
    }
    jw_array_end(w);
    return true;
}

/* {"50256": -100} */
static bool write_bias(struct json_writer *w, const struct json *body, struct err *e)
{
    const struct json *bias = field_of(body, "logit_bias");
    static const struct field value = { "logit_bias", FIELD_REAL, -100, 100 };
    if (!bias) return true;
    jw_karray(w, "bias");
    json_each (item, bias) {
        uint64_t token;
        struct json one = *item, holder = { .type = JSON_OBJECT, .first = &one, .count = 1 };
        one.next = NULL;
        one.key = STR("logit_bias");
        if (!str_u64(item->key, &token) || token > UINT32_MAX || item->type == JSON_NULL) return err_set(e, ERR_INVALID, "\"logit_bias\" must map numbers of tokens to numbers from -100 to 100");
        if (!fields_check(&holder, &value, 1, e)) return false;
        jw_array(w);
        jw_int(w, (int64_t)token);
        jw_value(w, item);
        jw_array_end(w);
    }
    jw_array_end(w);
    return true;
}

/* What other servers know beside OpenAI's parameters and this version does not do is refused by name where it is more than what clients
 * send as a matter of course: an answer that ignored it would be another one. */
static bool refuse_not_built(const struct json *body, struct err *e)
{
    static const struct { const char *name; int harmless; } names[] = {
        { "ignore_eos", 0 }, { "stop_token_ids", 0 }, { "include_stop_str_in_output", 0 }, { "skip_special_tokens", 1 }, { "prompt_logprobs", 0 },
        { "use_beam_search", 0 }, { "num_beams", 1 }, { "length_penalty", 1 }, { "no_repeat_ngram_size", 0 }, { "bad_words", 0 }, { "allowed_token_ids", 0 },
        { "logits_processors", 0 }, { "truncate_prompt_tokens", 0 }, { "documents", 0 }, { "guided_whitespace_pattern", 0 },
        { "structural_tag", 0 }, { "stop_regex", 0 }, { "mirostat", 0 },
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct json *v = field_of(body, names[i].name);
        bool is_empty = v && ((v->type == JSON_STRING && !v->s.n) || ((v->type == JSON_ARRAY || v->type == JSON_OBJECT) && !v->count));
        bool is_harmless = !v || is_empty || (v->type == JSON_BOOL && v->b == names[i].harmless) || (v->type == JSON_INT && v->i == names[i].harmless) ||
                           (v->type == JSON_REAL && v->r == names[i].harmless);
        if (!is_harmless) return err_set(e, ERR_NOT_BUILT, "\"%s\" is not built in this version of Hearth", names[i].name);
    }
    return true;
}

static void write_grammar_as(struct json_writer *w, const char *kind, const struct json *value)
{
    jw_kobject(w, "grammar");
    jw_kstr(w, "kind", str_c(kind));
    if (value) jw_kvalue(w, "value", value);
    jw_object_end(w);
}

/* What the answer must look like, beside "response_format": vLLM's before its version 0.12, SGLang's and llama.cpp's. */
static const struct { const char *theirs, *ours; } guided[] = {
    { "guided_json", "json_schema" }, { "guided_regex", "regex" }, { "guided_grammar", "gbnf" }, { "guided_choice", "choice" },
    { "json_schema", "json_schema" }, { "regex", "regex" }, { "ebnf", "gbnf" }, { "grammar", "gbnf" },
};

/* vLLM's since then: one member of an object.  One that is not known would be a wish that nobody grants. */
static bool write_structured(struct json_writer *w, const struct json *wanted, struct err *e)
{
    static const struct { struct field field; const char *ours; } kinds[] = {
        { { "json", FIELD_TEXT | FIELD_OBJECT, 0, 0 }, "json_schema" }, { { "regex", FIELD_TEXT, 0, 0 }, "regex" }, { { "grammar", FIELD_TEXT, 0, 0 }, "gbnf" },
        { { "choice", FIELD_LIST, 0, 0 }, "choice" }, { { "json_object", FIELD_BOOL, 0, 0 }, "json_object" },
    };
    size_t said = 0;
    json_each (member, wanted) {
        size_t i = 0;
        if (member->type == JSON_NULL || (member->type == JSON_BOOL && !member->b)) continue; /* not wanted */
        while (i < COUNT(kinds) && !str_eq(member->key, str_c(kinds[i].field.name))) i++;
        if (i == COUNT(kinds)) return err_set(e, ERR_NOT_BUILT, "\"structured_outputs.%.*s\" is not built in this version of Hearth", STR_ARG(str_to(member->key, 60)));
        if (!fields_check(wanted, &kinds[i].field, 1, e)) return false;
        write_grammar_as(w, kinds[i].ours, member);
        said++;
    }
    return said == 1 || err_set(e, ERR_INVALID, "\"structured_outputs\" must say one of json, regex, grammar, choice and json_object");
}

/* "response_format" as clients spell it: OpenAI's {"type": "json_schema", "json_schema": {"schema"}} and {"type": "json_object"}, TGI's
 * {"type": "json" | "regex", "value"}, the schema directly under "json_schema"; and what the servers above take. */
static bool write_grammar(struct json_writer *w, const struct json *body, struct err *e)
{
    const struct json *format = field_of(body, "response_format"), *structured = field_of(body, "structured_outputs");
    const char *given = structured ? "structured_outputs" : NULL;
    str type = json_str_or(format, STR("type"), STR(""));
    for (size_t i = 0; i < COUNT(guided); i++) {
        const struct json *v = field_of(body, guided[i].theirs);
        if (!v) continue;
        if (given) return err_set(e, ERR_INVALID, "\"%s\" and \"%s\": an answer obeys one grammar", guided[i].theirs, given);
        given = guided[i].theirs;
        write_grammar_as(w, guided[i].ours, v);
    }
    if (given && format && !str_eq(type, STR("text"))) return err_set(e, ERR_INVALID, "\"response_format\" and \"%s\": an answer obeys one grammar", given);
    if (given) return !structured || write_structured(w, structured, e);
    const struct json *value = field_of(format, "value"), *named = field_of(format, "json_schema"), *schema = field_of(named, "schema");
    if (!format || str_eq(type, STR("text"))) return true;
    if (str_eq(type, STR("json_object")) && !value) write_grammar_as(w, "json_object", NULL);
    else if (str_eq(type, STR("regex")) && value) write_grammar_as(w, "regex", value);
    else if (value && (str_starts(type, STR("json")))) write_grammar_as(w, "json_schema", value);
    else if (named && str_eq(type, STR("json_schema"))) write_grammar_as(w, "json_schema", schema ? schema : named);
    else return err_set(e, ERR_INVALID, "\"response_format\" must be text, json_object, or json_schema with a schema");
    return true;
}

static const struct field shared_fields[] = {
    { "max_tokens", FIELD_INT, 0, 1 << 30 }, { "max_completion_tokens", FIELD_INT, 1, 1 << 30 },
    { "temperature", FIELD_REAL, 0, 2 }, { "top_p", FIELD_REAL, 0, 1 }, { "presence_penalty", FIELD_REAL, -2, 2 }, { "frequency_penalty", FIELD_REAL, -2, 2 },
    { "top_k", FIELD_INT, -1, 1 << 30 }, { "min_p", FIELD_REAL, 0, 1 }, { "typical_p", FIELD_REAL, 0, 1 }, { "repetition_penalty", FIELD_REAL, 0.01, 100 },
    { "seed", FIELD_INT, 0, 0 }, { "min_tokens", FIELD_INT, 0, 1 << 30 }, { "n", FIELD_INT, 1, OPENAI_CHOICES_MAX }, { "stop", FIELD_TEXT | FIELD_LIST, 0, 0 }, { "logit_bias", FIELD_OBJECT, 0, 0 },
    { "stream", FIELD_BOOL, 0, 0 }, { "stream_options", FIELD_OBJECT, 0, 0 }, { "user", FIELD_TEXT, 0, 0 }, { "response_format", FIELD_OBJECT, 0, 0 },
    { "guided_json", FIELD_TEXT | FIELD_OBJECT, 0, 0 }, { "guided_regex", FIELD_TEXT, 0, 0 }, { "guided_grammar", FIELD_TEXT, 0, 0 }, { "guided_choice", FIELD_LIST, 0, 0 },
    { "json_schema", FIELD_TEXT | FIELD_OBJECT, 0, 0 }, { "regex", FIELD_TEXT, 0, 0 }, { "ebnf", FIELD_TEXT, 0, 0 }, { "grammar", FIELD_TEXT, 0, 0 },
    { "structured_outputs", FIELD_OBJECT, 0, 0 },
};

bool openai_write_options(struct json_writer *w, const struct json *body, struct wishes *out, struct err *e)
{
    static const char *const same[] = { "temperature", "top_p", "min_p", "typical_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "seed" };
    const struct json *most = field_of(body, "max_completion_tokens"), *stream_options = field_of(body, "stream_options");
    const struct json *include_usage = field_of(stream_options, "include_usage");
    if (!fields_check(body, shared_fields, COUNT(shared_fields), e) || !refuse_not_built(body, e)) return false;
    if (include_usage && include_usage->type != JSON_BOOL) return err_set(e, ERR_INVALID, "\"stream_options.include_usage\" must be true or false");
    if (!most) most = field_of(body, "max_tokens");
    out->tokens_max = NEW_TOKENS_BY_DEFAULT;
    if (most && !json_int(most, &out->tokens_max)) return err_set(e, ERR_INVALID, "\"max_tokens\" must be a whole number");
    out->is_stream = json_bool_or(body, STR("stream"), false);
    out->wants_usage = json_bool_or(stream_options, STR("include_usage"), false);
    jw_kint(w, "max_new_tokens", out->tokens_max);
    for (size_t i = 0; i < COUNT(same); i++) field_copy(w, body, same[i], same[i]);
    if (field_of(body, "top_k")) jw_kint(w, "top_k", json_int_or(body, STR("top_k"), 0) > 0 ? json_int_or(body, STR("top_k"), 0) : 0); /* -1: all, as vLLM has it */
    field_copy(w, body, "min_tokens", "min_new_tokens");
    return write_grammar(w, body, e) && write_stop(w, body, e) && write_bias(w, body, e);
}

uint64_t openai_tokens_held(struct call *c, const struct wishes *w, size_t choices)
{
    return (uint64_t)w->tokens_max * choices + http_body(c->http).n + OPENAI_TEMPLATE_BYTES; /* a token has a byte at least */
}

/* ------------------------------------------------------------------ from the call to the answer */

void openai_begin_head(struct call *c, struct openai_head *h, const char *prefix, str model)
{
    char id[25];
    random_alnum(id, sizeof id - 1);
    *h = (struct openai_head){ .id = arena_fmt(c->a, "%s%s", prefix, id), .model = model, .created_s = clock_now_ms() / 1000 };
}

void openai_write_head(struct json_writer *w, const struct openai_head *h, const char *object)
{
    jw_object(w);
    jw_kstr(w, "id", h->id);
    jw_kstr(w, "object", str_c(object));
    jw_kint(w, "created", h->created_s);
    jw_kstr(w, "model", h->model);
    jw_kstr(w, "system_fingerprint", STR("hearth-" HEARTH_VERSION)); /* some clients want a text */
}

void openai_write_usage(struct json_writer *w, const struct json *end)
{
    int64_t prompt = json_int_or(end, STR("prompt_tokens"), 0), completion = json_int_or(end, STR("completion_tokens"), 0);
    jw_kobject(w, "usage");
    jw_kint(w, "prompt_tokens", prompt);
    jw_kint(w, "completion_tokens", completion);
    jw_kint(w, "total_tokens", prompt + completion);
    jw_kobject(w, "prompt_tokens_details");
    jw_kint(w, "cached_tokens", json_int_or(end, STR("cached_tokens"), 0));
    jw_object_end(w);
    if (json_get(end, STR("thought_tokens"))) {
        jw_kobject(w, "completion_tokens_details");
        jw_kint(w, "reasoning_tokens", json_int_or(end, STR("thought_tokens"), 0));
        jw_object_end(w);
    }
    jw_object_end(w);
}

str openai_finish(const struct json *end, size_t choice)
{
    return json_str_or(json_at(json_get(end, STR("choices")), choice), STR("finish"), STR("stop"));
}

static void write_logprob(struct json_writer *w, const struct json *token)
{
    str text = json_str_or(token, STR("text"), STR(""));
    jw_kstr(w, "token", text);
    field_copy(w, token, "logprob", "logprob");
    if (json_get(token, STR("bytes"))) { /* part of a character, say */
        field_copy(w, token, "bytes", "bytes");
        return;
    }
    jw_karray(w, "bytes");
    for (size_t i = 0; i < text.n; i++) jw_int(w, (uint8_t)text.p[i]);
    jw_array_end(w);
}

void openai_add_logprobs(struct buf *out, const struct json *part)
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

/* The status is on its way already, so the refusal is an event. */
bool openai_send_failure(struct model_call *m, const struct err *why, struct err *e)
{
    struct buf b = BUF_INIT(0);
    api_openai_error(m->c, why, &b);
    bool ok = sse_data(m->c, buf_str(&b), e) && sse_data(m->c, STR("[DONE]"), e);
    buf_deinit(&b);
    return ok;
}

struct called *calls_add(struct calls *all, const struct json *piece, struct arena *a, bool *is_new)
{
    int64_t i = json_int_or(piece, STR("index"), -1);
    *is_new = i >= 0 && (size_t)i == all->n && all->n < OPENAI_TOOLS_MAX;
    if (*is_new) {
        struct called *c = all->call[all->n++] = arena_one(a, struct called);
        *c = (struct called){ .id = arena_dup(a, json_str_or(piece, STR("id"), STR(""))), .name = arena_dup(a, json_str_or(piece, STR("name"), STR(""))) };
        return c;
    }
    if (i < 0 || (size_t)i >= all->n) return NULL;
    buf_add(&all->call[i]->arguments, json_str_or(piece, STR("arguments"), STR("")));
    return all->call[i];
}

void calls_deinit(struct calls *all)
{
    for (size_t i = 0; i < all->n; i++) buf_deinit(&all->call[i]->arguments);
}
