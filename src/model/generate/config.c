/* model/generate/config.c - see model/generate/config.h.
 *
 * Of the keys that Transformers knows some are obeyed, some change nothing here (how a cache is laid out, what is
 * returned), and the others are refused when they ask for something: text that is generated otherwise than the file
 * says would be a lie. */
#include "model/generate/config.h"

#include <math.h>

#include "base/json.h"

enum { NEW_TOKENS_DEFAULT = 256, WORDS_MAX = 4096, TOKENS_MAX = 1 << 16 };

static bool real_of(const struct json *v, double *out)
{
    if (!v || (v->type != JSON_REAL && v->type != JSON_INT)) return false;
    *out = v->type == JSON_REAL ? v->r : (double)v->i;
    return true;
}

static float real_or(const struct json *o, const char *name, float otherwise)
{
    double v;
    return real_of(json_get(o, str_c(name)), &v) ? (float)v : otherwise;
}

static uint32_t count_or(const struct json *o, const char *name, uint32_t otherwise)
{
    int64_t n;
    return json_int(json_get(o, str_c(name)), &n) && n >= 0 && n <= UINT32_MAX ? (uint32_t)n : otherwise;
}

/* ------------------------------------------------------------------ what is not built */

static bool is_null_or(const struct json *v, double nothing)
{
    double n;
    if (!v || v->type == JSON_NULL || (v->type == JSON_BOOL && !v->b)) return true;
    return real_of(v, &n) && n == nothing;
}

static bool refuse_not_built(const struct json *j, struct err *e)
{
    static const struct { const char *name; double nothing; } keys[] = {
        { "guidance_scale", 1 },     { "diversity_penalty", 0 },           { "num_beam_groups", 1 },      { "penalty_alpha", 0 },
        { "dola_layers", NAN },      { "force_words_ids", NAN },           { "constraints", NAN },        { "encoder_repetition_penalty", 1 },
        { "watermarking_config", NAN }, { "encoder_no_repeat_ngram_size", 0 }, { "max_time", NAN },       { "token_healing", NAN },
        { "num_return_sequences", 1 },
    };
    for (size_t i = 0; i < COUNT(keys); i++)
        if (!is_null_or(json_get(j, str_c(keys[i].name)), keys[i].nothing))
            return err_set(e, ERR_NOT_BUILT, "generation_config.json asks for %s, which is not supported",
                           keys[i].name);
    if (str_eq(json_str_or(j, STR("cache_implementation"), STR("")), STR("quantized")))
        return err_set(e, ERR_NOT_BUILT, "generation_config.json asks for a quantized cache, which is not supported");
    return true;
}

/* ------------------------------------------------------------------ tokens */

/* One id, or a list of ids; what is no token of the model is refused. */
static bool read_tokens(const struct json *j, const char *name, const struct decoder_config *c, struct arena *a,
                        const uint32_t **out, size_t *n, struct err *e)
{
    const struct json *v = json_get(j, str_c(name));
    int64_t id;
    *n = 0;
    if (!v || v->type == JSON_NULL) return true;
    size_t count = v->type == JSON_ARRAY ? v->count : 1;
    uint32_t *list = arena_alloc(a, ((count < TOKENS_MAX ? count : TOKENS_MAX) + 1) * sizeof *list);
    for (const struct json *item = v->type == JSON_ARRAY ? v->first : v; item;
         item = v->type == JSON_ARRAY ? item->next : NULL) {
        if (!json_int(item, &id) || id < 0 || id >= c->vocab || *n == TOKENS_MAX)
            return err_set(e, ERR_INVALID, "generation_config.json: \"%s\" is no list of tokens of this model", name);
        list[(*n)++] = (uint32_t)id;
    }
    *out = list;
    return true;
}

static bool read_words(const struct json *list, bool biased, const char *name, const struct decoder_config *c,
                       struct arena *a, const struct token_words **out, size_t *n, struct err *e)
{
    *n = 0;
    if (!list || list->type == JSON_NULL) return true;
    if (list->type != JSON_ARRAY || list->count > WORDS_MAX)
        return err_set(e, ERR_INVALID, "generation_config.json: \"%s\" is no list of lists of tokens", name);
    struct token_words *words = arena_alloc(a, (list->count + 1) * sizeof *words);
    json_each (item, list) {
        const struct json *ids = biased ? json_at(item, 0) : item;
        double bias = 0;
        bool ok = json_is(ids, JSON_ARRAY) && ids->count > 0 && ids->count <= TOKENS_MAX &&
                  (!biased || real_of(json_at(item, 1), &bias));
        uint32_t *token = arena_alloc(a, (ok ? ids->count : 1) * sizeof *token);
        size_t count = 0;
        json_each (id, ok ? ids : NULL) {
            int64_t t = -1;
            ok &= json_int(id, &t) && t >= 0 && t < c->vocab;
            token[count++] = (uint32_t)t;
        }
        if (!ok)
            return err_set(e, ERR_INVALID, "generation_config.json: \"%s\" is no list of lists of tokens of this model",
                           name);
        words[(*n)++] = (struct token_words){ token, count, (float)bias };
    }
    *out = words;
    return true;
}

static bool read_stop(const struct json *j, const struct decoder_config *c, struct arena *a,
                      struct sequence_options *out)
{
    const struct json *eos = json_get(j, STR("eos_token_id"));
    uint32_t *list = arena_alloc(a, SEQUENCE_STOP_MAX * sizeof *list);
    int64_t id;
    size_t n = 0;
    if (json_int(eos, &id) && id >= 0 && id < c->vocab) list[n++] = (uint32_t)id;
    json_each (item, json_is(eos, JSON_ARRAY) ? eos : NULL)
        if (json_int(item, &id) && id >= 0 && id < c->vocab && n < SEQUENCE_STOP_MAX) list[n++] = (uint32_t)id;
    for (size_t i = 0; !eos && i < c->eos_count && n < SEQUENCE_STOP_MAX; i++)
        if (c->eos[i] >= 0 && c->eos[i] < c->vocab) list[n++] = (uint32_t)c->eos[i];
    out->stop = out->sampling.eos = list;
    out->stop_count = out->sampling.eos_count = n;
    return true;
}

/* A bad word that is an end of sequence by itself does not count, as in the reference. */
static void without_ends(struct sampling *s, struct arena *a)
{
    struct token_words *kept = arena_alloc(a, (s->bad_words_count + 1) * sizeof *kept);
    size_t n = 0;
    for (size_t i = 0; i < s->bad_words_count; i++) {
        bool ends = false;
        for (size_t k = 0; k < s->eos_count; k++)
            ends |= s->bad_words[i].count == 1 && s->bad_words[i].token[0] == s->eos[k];
        if (!ends) kept[n++] = s->bad_words[i];
    }
    s->bad_words = kept;
    s->bad_words_count = n;
}

static bool read_lists(const struct json *j, const struct decoder_config *c, struct arena *a, struct sampling *s,
                       struct err *e)
{
    const uint32_t *bos = NULL;
    size_t bos_count;
    if (!read_words(json_get(j, STR("sequence_bias")), true, "sequence_bias", c, a, &s->sequence_bias,
                    &s->sequence_bias_count, e) ||
        !read_words(json_get(j, STR("bad_words_ids")), false, "bad_words_ids", c, a, &s->bad_words, &s->bad_words_count,
                    e) ||
        !read_tokens(j, "suppress_tokens", c, a, &s->suppress, &s->suppress_count, e) ||
        !read_tokens(j, "begin_suppress_tokens", c, a, &s->begin_suppress, &s->begin_suppress_count, e) ||
        !read_tokens(j, "forced_eos_token_id", c, a, &s->forced_eos, &s->forced_eos_count, e) ||
        !read_tokens(j, "forced_bos_token_id", c, a, &bos, &bos_count, e))
        return false;
    without_ends(s, a);
    s->has_forced_bos = bos_count > 0;
    if (s->has_forced_bos) s->forced_bos = bos[0];
    const struct json *decay = json_get(j, STR("exponential_decay_length_penalty"));
    int64_t start;
    double factor;
    if (decay && decay->type != JSON_NULL) {
        if (!json_int(json_at(decay, 0), &start) || start < 0 || start > UINT32_MAX ||
            !real_of(json_at(decay, 1), &factor) || !(factor > 0))
            return err_set(e, ERR_INVALID,
                           "generation_config.json: \"exponential_decay_length_penalty\" is no start and factor");
        s->decay_start = (uint32_t)start;
        s->decay_factor = (float)factor;
    }
    return true;
}

static bool read_beams(const struct json *j, struct beam_options *out, struct err *e)
{
    const struct json *early = json_get(j, STR("early_stopping"));
    *out = (struct beam_options){ .beams = count_or(j, "num_beams", 1), .length_penalty = real_or(j, "length_penalty", 1) };
    if (out->beams < 1 || out->beams > BEAMS_MAX)
        return err_set(e, ERR_INVALID, "generation_config.json: \"num_beams\" must be from 1 to %d", BEAMS_MAX);
    if (json_is(early, JSON_BOOL) && early->b) out->stopping = BEAM_STOPS_EARLY;
    if (json_is(early, JSON_STRING) && str_eq(early->s, STR("never"))) out->stopping = BEAM_STOPS_NEVER;
    return true;
}

bool generation_config_parse(const struct json *j, const struct decoder_config *c, struct arena *a,
                             struct sequence_options *out, struct err *e)
{
    static const struct sampling plain = SAMPLING_DEFAULT;
    *out = (struct sequence_options){ .sampling = plain, .new_tokens_max = NEW_TOKENS_DEFAULT };
    struct sampling *s = &out->sampling;
    s->do_sample = json_bool_or(j, STR("do_sample"), false);
    s->temperature = real_or(j, "temperature", 1);
    s->top_k = count_or(j, "top_k", json_get(j, STR("top_k")) ? 0 : 50); /* null: all */
    s->top_p = real_or(j, "top_p", 1);
    s->min_p = real_or(j, "min_p", 0);
    s->typical_p = real_or(j, "typical_p", 1);
    s->epsilon = real_or(j, "epsilon_cutoff", 0);
    s->eta = real_or(j, "eta_cutoff", 0);
    s->repetition_penalty = real_or(j, "repetition_penalty", 1);
    s->no_repeat_ngram = count_or(j, "no_repeat_ngram_size", 0);
    s->new_tokens_min = count_or(j, "min_new_tokens", 0);
    s->length_min = count_or(j, "min_length", 0);
    s->remove_invalid = json_bool_or(j, STR("remove_invalid_values"), false);
    s->renormalizes = json_bool_or(j, STR("renormalize_logits"), false);
    out->lookup_tokens = count_or(j, "prompt_lookup_num_tokens", 0);
    out->lookup_ngram = count_or(j, "max_matching_ngram_size", 0);
    out->new_tokens_max = count_or(j, "max_new_tokens", NEW_TOKENS_DEFAULT);
    if (!json_is(json_get(j, STR("max_new_tokens")), JSON_INT) && json_is(json_get(j, STR("max_length")), JSON_INT)) {
        out->length_max = count_or(j, "max_length", 0);
        out->new_tokens_max = UINT32_MAX; /* the prompt and the model's positions bound it */
    }
    if (json_int_or(j, STR("top_k"), 0) < 0) return err_set(e, ERR_INVALID, "generation_config.json: \"top_k\" must not be below 0");
    if (!(s->repetition_penalty > 0) || s->temperature < 0)
        return err_set(e, ERR_INVALID, "generation_config.json: a penalty or temperature is out of range");
    return read_stop(j, c, a, out) && read_lists(j, c, a, s, e) && read_beams(j, &out->beams, e) &&
           refuse_not_built(j, e);
}

/* "stop_strings" is a string or a list of strings; the matched text stays, as in Transformers. */
static bool read_stop_strings(const struct json *v, struct arena *a, struct sequence_options *out, struct err *e)
{
    if (!v || v->type == JSON_NULL) return true;
    size_t n = v->type == JSON_ARRAY ? v->count : 1;
    if (n > STOP_TEXTS_MAX)
        return err_set(e, ERR_TOO_LARGE, "generation_config.json: there may be %d stop strings", STOP_TEXTS_MAX);
    str *list = arena_alloc(a, (n + 1) * sizeof *list);
    for (const struct json *item = v->type == JSON_ARRAY ? v->first : v; item;
         item = v->type == JSON_ARRAY ? item->next : NULL) {
        if (item->type != JSON_STRING)
            return err_set(e, ERR_INVALID, "generation_config.json: \"stop_strings\" is no list of strings");
        list[out->stop_text_count++] = arena_dup(a, item->s);
    }
    out->stop_text = list;
    out->stop_text_kept = true;
    return true;
}

bool generation_config_read(struct source *source, const struct decoder_config *c, struct arena *a,
                            struct sequence_options *out, struct err *e)
{
    const struct json *j;
    if (!source_json(source, STR("generation_config.json"), &j, e)) return false;
    return (generation_config_parse(j, c, a, out, e) &&
            read_stop_strings(json_get(j, STR("stop_strings")), a, out, e)) ||
           err_context(e, "%s", source_path(source));
}
