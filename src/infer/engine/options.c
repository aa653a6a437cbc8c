/* infer/engine/options.c - see infer/engine/options.h.  A row per number; null is the same as absent. */
#include "infer/engine/options.h"

#include <stddef.h>

#include "base/hash.h"

static bool number_of(const struct json *v, double *out)
{
    if (json_is(v, JSON_INT)) return *out = (double)v->i, true;
    if (json_is(v, JSON_REAL)) return *out = v->r, true;
    return false;
}

static bool read_real(const struct json *o, const char *name, double least, double most, float *out, struct err *e)
{
    const struct json *v = json_get(o, str_c(name));
    double d;
    if (!v || v->type == JSON_NULL) return true;
    if (!number_of(v, &d) || !(d >= least && d <= most)) return err_set(e, ERR_INVALID, "\"%s\" must be a number from %g to %g", name, least, most);
    *out = (float)d;
    return true;
}

static bool read_int(const struct json *o, const char *name, int64_t least, int64_t most, int64_t *out, bool *given, struct err *e)
{
    const struct json *v = json_get(o, str_c(name));
    int64_t i;
    *given = v && v->type != JSON_NULL;
    if (!*given) return true;
    if (!json_int(v, &i) || i < least || i > most)
        return err_set(e, ERR_INVALID, "\"%s\" must be a whole number from %lld to %lld", name, (long long)least, (long long)most);
    *out = i;
    return true;
}

static bool read_reals(const struct json *o, struct sampling *s, struct err *e)
{
    static const struct { const char *name; double least, most; size_t at; } rows[] = {
        { "top_p", 0, 1, offsetof(struct sampling, top_p) },
        { "min_p", 0, 1, offsetof(struct sampling, min_p) },
        { "typical_p", 0, 1, offsetof(struct sampling, typical_p) },
        { "repetition_penalty", 0.01, 100, offsetof(struct sampling, repetition_penalty) },
        { "presence_penalty", -100, 100, offsetof(struct sampling, presence) },
        { "frequency_penalty", -100, 100, offsetof(struct sampling, frequency) },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (!read_real(o, rows[i].name, rows[i].least, rows[i].most, (float *)((char *)s + rows[i].at), e)) return false;
    const struct json *t = json_get(o, STR("temperature"));
    float temperature = 1;
    if (!t || t->type == JSON_NULL) return true;
    if (!read_real(o, "temperature", 0, 100, &temperature, e)) return false;
    s->do_sample = temperature > 0;
    if (temperature > 0) s->temperature = temperature;
    return true;
}

static bool read_ints(const struct json *o, struct call_options *out, struct err *e)
{
    struct sequence_options *q = &out->sequence;
    int64_t v = 0;
    bool given = false;
    if (!read_int(o, "max_new_tokens", 0, 1 << 30, &v, &given, e)) return false;
    if (given) q->new_tokens_max = (size_t)v, q->length_max = 0; /* the repository's max_length, which it beats */
    if (!read_int(o, "min_new_tokens", 0, 1 << 30, &v, &given, e)) return false;
    if (given) q->sampling.new_tokens_min = (uint32_t)v;
    if (!read_int(o, "top_k", 0, 1 << 30, &v, &given, e)) return false;
    if (given) q->sampling.top_k = (uint32_t)v;
    if (!read_int(o, "seed", INT64_MIN, INT64_MAX, &v, &given, e)) return false;
    q->sampling.seed = given ? (uint64_t)v : random_u64();
    if (!read_int(o, "top_logprobs", 0, SEQUENCE_TOP_MAX, &v, &given, e)) return false;
    if (given) q->top_logprobs = (size_t)v;
    if (!read_int(o, "n", 1, CALL_CHOICES_MAX, &v, &given, e)) return false;
    out->choices = given ? (size_t)v : 1;
    q->wants_logprobs = json_bool_or(o, STR("logprobs"), false) || q->top_logprobs > 0;
    if (!read_int(o, "truncate", 1, 1 << 30, &v, &given, e)) return false;
    if (given) out->truncate = (size_t)v;
    if (!read_int(o, "room", 0, 1 << 30, &v, &given, e)) return false;
    if (given) out->room = (size_t)v;
    out->wants_prefill = json_bool_or(o, STR("prefill"), false);
    out->add_special = json_bool_or(o, STR("add_special"), true);
    return true;
}

static bool read_stops(const struct json *o, struct arena *a, struct call_options *out, struct err *e)
{
    const struct json *list = json_get(o, STR("stop"));
    if (!list || list->type == JSON_NULL) return true;
    if (!json_is(list, JSON_ARRAY) || list->count > CALL_STOPS_MAX) return err_set(e, ERR_INVALID, "\"stop\" may have at most %d texts", CALL_STOPS_MAX);
    json_each (item, list) {
        str text;
        if (!json_str(item, &text) || text.n == 0) return err_set(e, ERR_INVALID, "\"stop\" must be a list of texts that are not empty");
        if (text.n > STOP_TEXT_BYTES_MAX) return err_set(e, ERR_INVALID, "\"stop\" may have texts of at most %d bytes", STOP_TEXT_BYTES_MAX);
        out->stop[out->stops++] = arena_dup(a, text);
    }
    out->sequence.stop_text = out->stop;
    out->sequence.stop_text_count = out->stops;
    out->sequence.stop_text_kept = false; /* whatever the repository wants of its own */
    return true;
}

static bool read_bias(const struct json *o, size_t vocabulary, struct arena *a, struct sampling *s, struct err *e)
{
    const struct json *list = json_get(o, STR("bias"));
    if (!list || list->type == JSON_NULL) return true;
    if (!json_is(list, JSON_ARRAY) || list->count > CALL_BIAS_MAX) return err_set(e, ERR_INVALID, "\"logit_bias\" may have at most %d entries", CALL_BIAS_MAX);
    struct token_bias *bias = arena_alloc(a, (list->count + 1) * sizeof *bias);
    size_t n = 0;
    json_each (item, list) {
        int64_t token;
        double value;
        if (!json_int(json_at(item, 0), &token) || token < 0 || (uint64_t)token >= vocabulary || !number_of(json_at(item, 1), &value))
            return err_set(e, ERR_INVALID, "\"logit_bias\" must be for tokens below %zu", vocabulary);
        bias[n++] = (struct token_bias){ (uint32_t)token, (float)value };
    }
    s->bias = bias;
    s->bias_count = n;
    return true;
}

bool call_options_read(const struct json *options, const struct sequence_options *defaults, size_t vocabulary, struct arena *a,
                       struct call_options *out, struct err *e)
{
    const struct json *grammar = json_get(options, STR("grammar"));
    *out = (struct call_options){ .sequence = *defaults, .grammar = json_is(grammar, JSON_NULL) ? NULL : grammar };
    return read_reals(options, &out->sequence.sampling, e) && read_ints(options, out, e) && read_stops(options, a, out, e) &&
           read_bias(options, vocabulary, a, &out->sequence.sampling, e);
}
