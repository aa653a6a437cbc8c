/* api/infer/tgi_request.c - see api/infer/tgi.h.
 *
 * A row per parameter.  Where OpenAI's clients send as a matter of course what TGI refuses (top_p 1, temperature 0), it is
 * taken for what it means.  A parameter that no row knows is passed over, as TGI does. */
#include "api/infer/tgi.h"

#include "base/hash.h"

enum { RESERVED_MAX = 1024 }; /* new tokens that must fit; more are made as far as they do */
enum type { WHOLE, NUMBER, FLAG, TEXT };
static const struct row {
    const char *name;
    enum type type;
    double least, most;
    bool above, below; /* the bounds themselves are outside */
    const char *option; /* of the engine, or NULL */
    const char *otherwise; /* its value when absent, which is TGI's default and not the repository's; NULL: none */
} rows[] = {
    { "max_new_tokens", WHOLE, 1, 1 << 30, false, false, NULL, NULL },
    { "do_sample", FLAG, 0, 0, false, false, NULL, NULL },
    { "temperature", NUMBER, 0, 100, false, false, NULL, NULL },
    { "top_k", WHOLE, 1, 1 << 30, false, false, "top_k", "0" },
    { "top_p", NUMBER, 0, 1, true, false, "top_p", "1" },
    { "typical_p", NUMBER, 0, 1, true, true, "typical_p", "1" },
    { "repetition_penalty", NUMBER, 0, 100, true, false, "repetition_penalty", "1" },
    { "frequency_penalty", NUMBER, -2, 2, false, false, "frequency_penalty", "0" },
    { "best_of", WHOLE, 1, TGI_BEST_OF_MAX, false, false, "n", NULL },
    { "seed", WHOLE, 0, 9.2e18, false, false, NULL, NULL },
    { "truncate", WHOLE, 1, 1 << 30, false, false, "truncate", NULL },
    { "return_full_text", FLAG, 0, 0, false, false, NULL, NULL },
    { "details", FLAG, 0, 0, false, false, NULL, NULL },
    { "decoder_input_details", FLAG, 0, 0, false, false, "prefill", NULL },
    { "top_n_tokens", WHOLE, 0, TGI_TOP_TOKENS_MAX, false, false, "top_logprobs", NULL },
    { "watermark", FLAG, 0, 0, false, false, NULL, NULL },
    { "adapter_id", TEXT, 0, 0, false, false, NULL, NULL },
};

static bool refuse_range(const struct row *r, struct err *e)
{
    if (r->most >= 1 << 30) return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`%s` must be %s", r->name, r->least > 0 ? "strictly positive" : "positive");
    return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`%s` must be %s %g and %s %g", r->name, r->above ? ">" : ">=", r->least, r->below ? "<" : "<=", r->most);
}

static bool check(const struct row *r, const struct json *v, struct err *e)
{
    int64_t i;
    double d;
    if (r->type == FLAG) return v->type == JSON_BOOL || err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`%s` must be true or false", r->name);
    if (r->type == TEXT) return v->type == JSON_STRING || err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`%s` must be a text", r->name);
    if (v->type != JSON_INT && v->type != JSON_REAL) return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`%s` must be a number", r->name);
    if (r->type == WHOLE && !json_int(v, &i)) return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`%s` must be a whole number", r->name);
    d = v->type == JSON_INT ? (double)v->i : v->r;
    bool is_inside = (r->above ? d > r->least : d >= r->least) && (r->below ? d < r->most : d <= r->most);
    return is_inside || refuse_range(r, e);
}

static bool check_all(const struct json *p, struct err *e)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct json *v = json_get(p, str_c(rows[i].name));
        if (is_given(v) && !check(&rows[i], v, e)) return false;
    }
    const struct json *stop = json_get(p, STR("stop"));
    if (is_given(stop) && stop->type != JSON_ARRAY && stop->type != JSON_STRING) return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`stop` must be a list of texts");
    if (json_is(stop, JSON_ARRAY) && stop->count > TGI_STOPS_MAX)
        return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`stop` supports up to %d stop sequences. Given: %zu", TGI_STOPS_MAX, stop->count);
    if (json_bool_or(p, STR("watermark"), false)) return err_set(e, ERR_NOT_BUILT, "`watermark` is not built in this version of Hearth");
    return true;
}

/* "Sampling" as TGI means it: asked for, or anything given that means nothing without it. */
static bool samples(const struct json *p)
{
    static const char *const names[] = { "temperature", "top_k", "top_p", "typical_p" };
    if (!is_given(p)) return true;
    const struct json *t = json_get(p, STR("temperature"));
    if (is_given(t) && (t->type == JSON_INT ? t->i == 0 : json_is(t, JSON_REAL) && t->r <= 0)) return false;
    bool any = json_bool_or(p, STR("do_sample"), false);
    for (size_t i = 0; i < COUNT(names); i++) any = any || is_given(json_get(p, str_c(names[i])));
    return any;
}

static bool check_together(const struct tgi_request *q, const struct json *p, bool is_stream, struct err *e)
{
    if (q->best_of > 1 && !q->samples) return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "you must use sampling when `best_of` is > 1");
    if (q->best_of > 1 && is_given(json_get(p, STR("seed")))) return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`seed` must not be set when `best_of` > 1");
    if (q->best_of > 1 && is_stream) return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`best_of` != 1 is not supported when streaming tokens");
    return !(q->wants_prefill && is_stream) || err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`decoder_input_details` == true is not supported when streaming tokens");
}

/* {"type": "json" | "json_object" | "json_schema" | "regex", "value"} */
static bool write_grammar(struct json_writer *w, const struct json *p, struct err *e)
{
    const struct json *grammar = json_get(p, STR("grammar")), *value = json_get(grammar, STR("value"));
    str type = json_str_or(grammar, STR("type"), STR(""));
    if (!is_given(grammar)) return true;
    bool is_regex = str_eq(type, STR("regex")), is_named = str_eq(type, STR("json_schema"));
    if (!is_given(value) || !(is_regex || is_named || str_eq(type, STR("json")) || str_eq(type, STR("json_object"))) || (is_regex && value->type != JSON_STRING))
        return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`grammar` must have a type (json, json_object, json_schema, regex) and a value");
    if (is_named && json_is(json_get(value, STR("schema")), JSON_OBJECT)) value = json_get(value, STR("schema"));
    jw_kobject(w, "grammar");
    jw_kstr(w, "kind", is_regex ? STR("regex") : STR("json_schema"));
    jw_kvalue(w, "value", value);
    jw_object_end(w);
    return true;
}

static void write_stop(struct json_writer *w, const struct json *stop)
{
    if (!is_given(stop)) return;
    jw_karray(w, "stop");
    if (stop->type == JSON_STRING) jw_value(w, stop);
    else json_each (item, stop) jw_value(w, item);
    jw_array_end(w);
}

static bool write_options(struct json_writer *w, const struct tgi_request *q, const struct json *p, bool is_stream, struct err *e)
{
    const struct json *temperature = json_get(p, STR("temperature"));
    jw_kobject(w, "options");
    jw_kint(w, "max_new_tokens", q->new_tokens_max);
    if (is_given(json_get(p, STR("max_new_tokens")))) jw_kint(w, "room", q->new_tokens_max < RESERVED_MAX ? q->new_tokens_max : RESERVED_MAX);
    jw_kint(w, "seed", q->seed);
    if (!q->samples) jw_kint(w, "temperature", 0);
    else if (is_given(temperature)) jw_kvalue(w, "temperature", temperature);
    else jw_kint(w, "temperature", 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct json *v = json_get(p, str_c(rows[i].name));
        if (!rows[i].option) continue;
        if (is_given(v)) jw_kvalue(w, rows[i].option, v);
        else if (rows[i].otherwise) jw_kraw(w, rows[i].option, str_c(rows[i].otherwise));
    }
    write_stop(w, json_get(p, STR("stop")));
    jw_kbool(w, "logprobs", q->wants_details || is_stream || q->best_of > 1);
    bool ok = write_grammar(w, p, e);
    jw_object_end(w);
    return ok;
}

static bool read_inputs(const struct json *inputs, bool takes_batch, struct tgi_request *out, struct err *e)
{
    out->prompts = 1;
    if (!takes_batch || !json_is(inputs, JSON_ARRAY))
        return (json_str(inputs, &out->inputs) && out->inputs.n) || err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`inputs` must be a text that is not empty");
    if (!inputs->count || inputs->count > TGI_BATCH_MAX) return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`inputs` may have from 1 to %d texts", TGI_BATCH_MAX);
    json_each (item, inputs)
        if (!json_is(item, JSON_STRING) || !item->s.n) return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`inputs` must be texts that are not empty");
    out->batch = inputs;
    out->prompts = inputs->count;
    return true;
}

bool tgi_request_read(const struct json *body, bool is_stream, bool takes_batch, bool full_text, struct tgi_request *out, struct buf *json, struct err *e)
{
    const struct json *p = json_get(body, STR("parameters")), *inputs = json_get(body, STR("inputs"));
    struct json_writer w = json_writer(json);
    *out = (struct tgi_request){ 0 };
    if (!read_inputs(inputs, takes_batch, out, e)) return false;
    if (is_given(p) && p->type != JSON_OBJECT) return err_set(e, ERR_UNPROCESSABLE, TGI_INVALID "`parameters` must be an object");
    if (!check_all(p, e)) return false;
    out->new_tokens_max = json_int_or(p, STR("max_new_tokens"), NEW_TOKENS_BY_DEFAULT);
    out->samples = samples(p);
    out->seed = json_int_or(p, STR("seed"), (int64_t)(random_u64() >> 1));
    out->best_of = json_int_or(p, STR("best_of"), 1);
    out->wants_prefill = json_bool_or(p, STR("decoder_input_details"), false);
    out->wants_details = json_bool_or(p, STR("details"), false) || out->wants_prefill;
    out->wants_full_text = json_bool_or(p, STR("return_full_text"), full_text);
    out->wants_top = json_int_or(p, STR("top_n_tokens"), 0) > 0;
    if (!check_together(out, p, is_stream, e)) return false;
    jw_object(&w);
    jw_kvalue(&w, out->batch ? "prompts" : "prompt", inputs);
    bool ok = write_options(&w, out, p, is_stream, e);
    jw_object_end(&w);
    return ok;
}
