/* model/generate/config.c - see model/generate/config.h. */
#include "model/generate/config.h"

#include "base/json.h"

enum { NEW_TOKENS_DEFAULT = 256 };

static float real_or(const struct json *o, const char *name, float otherwise)
{
    const struct json *v = json_get(o, str_c(name));
    return !v ? otherwise : v->type == JSON_REAL ? (float)v->r : v->type == JSON_INT ? (float)v->i : otherwise;
}

static uint32_t count_or(const struct json *o, const char *name, uint32_t otherwise)
{
    int64_t n;
    return json_int(json_get(o, str_c(name)), &n) && n >= 0 && n <= UINT32_MAX ? (uint32_t)n : otherwise;
}

static void read_stop(const struct json *eos, const struct decoder_config *c, uint32_t *list, struct sequence_options *out)
{
    int64_t id;
    size_t n = 0;
    if (json_int(eos, &id) && id >= 0 && id < c->vocab) list[n++] = (uint32_t)id;
    json_each (item, json_is(eos, JSON_ARRAY) ? eos : NULL)
        if (json_int(item, &id) && id >= 0 && id < c->vocab && n < SEQUENCE_STOP_MAX) list[n++] = (uint32_t)id;
    for (size_t i = 0; !eos && i < c->eos_count && n < SEQUENCE_STOP_MAX; i++)
        if (c->eos[i] >= 0 && c->eos[i] < c->vocab) list[n++] = (uint32_t)c->eos[i];
    out->stop = out->sampling.eos = list;
    out->stop_count = out->sampling.eos_count = n;
}

bool generation_config_read(struct source *source, const struct decoder_config *c, struct arena *a, struct sequence_options *out,
                            struct err *e)
{
    static const struct sampling plain = SAMPLING_DEFAULT;
    const struct json *j;
    *out = (struct sequence_options){ .sampling = plain, .new_tokens_max = NEW_TOKENS_DEFAULT };
    if (!source_json(source, STR("generation_config.json"), &j, e)) return false;
    struct sampling *s = &out->sampling;
    s->do_sample = json_bool_or(j, STR("do_sample"), false);
    s->temperature = real_or(j, "temperature", 1);
    s->top_k = count_or(j, "top_k", 50);
    s->top_p = real_or(j, "top_p", 1);
    s->min_p = real_or(j, "min_p", 0);
    s->typical_p = real_or(j, "typical_p", 1);
    s->epsilon = real_or(j, "epsilon_cutoff", 0);
    s->eta = real_or(j, "eta_cutoff", 0);
    s->repetition_penalty = real_or(j, "repetition_penalty", 1);
    s->no_repeat_ngram = count_or(j, "no_repeat_ngram_size", 0);
    s->new_tokens_min = count_or(j, "min_new_tokens", 0);
    out->new_tokens_max = count_or(j, "max_new_tokens", NEW_TOKENS_DEFAULT);
    if (!(s->repetition_penalty > 0) || s->temperature < 0) return err_set(e, ERR_INVALID, "%s: generation_config.json: a penalty or temperature is out of range", source_path(source));
    read_stop(json_get(j, STR("eos_token_id")), c, arena_alloc(a, SEQUENCE_STOP_MAX * sizeof(uint32_t)), out);
    return true;
}
