/* model/decoder/families.c - the table of families: how each differs from Llama.
 *
 * To add one, write a row, and a function if a config.json says more than Llama's.  Where the arithmetic is new, it gets a
 * field in struct decoder_config, and forward.c the few lines that obey it. */
#include <math.h>

#include "model/decoder/family.h"

/* Layers with a window: the `every`-th sees all. */
static bool read_windows(const struct json *c, struct decoder_config *d, uint32_t every, uint32_t otherwise, struct err *e)
{
    uint32_t window;
    const struct json *types = json_get(c, STR("layer_types"));
    if (!config_count(c, "sliding_window", otherwise, 0, 1u << 30, &window, e)) return false;
    if (types && (!json_is(types, JSON_ARRAY) || types->count != d->layers))
        return err_set(e, ERR_INVALID, "config.json: \"layer_types\" must be a list of %u", d->layers);
    const struct json *type = json_first(types);
    for (uint32_t i = 0; i < d->layers; i++) {
        bool has_window = type ? str_eq(type->type == JSON_STRING ? type->s : STR(""), STR("sliding_attention")) : every == 0 || (i + 1) % every != 0;
        d->layer[i].window = has_window ? window : 0;
        d->layer[i].rope = has_window;
        if (type) type = type->next;
    }
    return true;
}

static bool read_mistral(const struct json *c, struct decoder_config *d, struct err *e) { return read_windows(c, d, 0, 0, e); }

static bool read_qwen2(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->qkv_bias = true;
    d->o_bias = false;
    if (!json_bool_or(c, STR("use_sliding_window"), false)) return true;
    return err_set(e, ERR_NOT_BUILT, "Qwen with \"use_sliding_window\" is not built");
}

static bool read_qwen3(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->qk_norm = true;
    if (!json_bool_or(c, STR("use_sliding_window"), false)) return true;
    return err_set(e, ERR_NOT_BUILT, "Qwen with \"use_sliding_window\" is not built");
}

/* In "no_rope_layers" 1 means that the layer HAS a rope. */
static bool read_smollm3(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t every;
    const struct json *list = json_get(c, STR("no_rope_layers"));
    if (!config_count(c, "no_rope_layer_interval", 4, 1, DECODER_LAYERS_MAX, &every, e)) return false;
    if (json_is(list, JSON_ARRAY) && list->count != d->layers)
        return err_set(e, ERR_INVALID, "config.json: \"no_rope_layers\" must be a list of %u", d->layers);
    const struct json *item = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (uint32_t i = 0; i < d->layers; i++) {
        int64_t has;
        d->layer[i].has_rope = item ? json_int(item, &has) && has == 1 : (i + 1) % every != 0;
        if (item) item = item->next;
    }
    return true;
}

static bool read_phi3(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->qkv_fused = d->gate_up_fused = true;
    d->qkv_bias = d->o_bias = false;
    return read_windows(c, d, 0, 0, e);
}

static bool read_gemma(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->norm_adds_one = true;
    d->activation = ACTIVATION_GELU_TANH;
    d->embedding_scale = sqrtf((float)d->hidden);
    /* "hidden_act": "gelu" in the first files meant the approximation. */
    return config_activation(c, "hidden_activation", &d->activation, e);
}

static bool read_gemma2(const struct json *c, struct decoder_config *d, struct err *e)
{
    float scalar;
    d->norms_after = true;
    if (!read_gemma(c, d, e) || !config_real(c, "query_pre_attn_scalar", 256, &scalar, e) ||
        !config_cap(c, "attn_logit_softcapping", 50, &d->attention_cap, e) ||
        !config_cap(c, "final_logit_softcapping", 30, &d->logit_cap, e))
        return false;
    if (!(scalar > 0)) return err_set(e, ERR_INVALID, "config.json: \"query_pre_attn_scalar\" must be above 0");
    d->attention_scale = 1 / sqrtf(scalar);
    return read_windows(c, d, 2, 4096, e);
}

static bool read_gemma3(const struct json *c, struct decoder_config *d, struct err *e)
{
    float scalar, local;
    uint32_t every;
    d->norms_after = d->qk_norm = true;
    if (!read_gemma(c, d, e) || !config_real(c, "query_pre_attn_scalar", 256, &scalar, e) ||
        !config_real(c, "rope_local_base_freq", 10000, &local, e) ||
        !config_count(c, "sliding_window_pattern", 6, 1, DECODER_LAYERS_MAX, &every, e))
        return false;
    if (!json_get(c, STR("rope_theta")) && !json_get(c, STR("rope_parameters"))) d->rope[0].base = 1e6;
    if (!(scalar > 0) || !(local >= 1)) return err_set(e, ERR_INVALID, "config.json: scales and bases must be above 0");
    d->attention_scale = 1 / sqrtf(scalar);
    d->rope[1] = (struct rope){ .dim = d->rope[0].dim, .base = local, .factor = 1, .attention_factor = 1 };
    return read_windows(c, d, every, 4096, e);
}

static const struct family families[] = {
    { "llama", 0, NULL },
    { "mistral", 0, read_mistral },
    { "qwen2", 0, read_qwen2 },
    { "qwen3", 128, read_qwen3 },
    { "smollm3", 0, read_smollm3 },
    { "phi3", 0, read_phi3 },
    { "gemma", 256, read_gemma },
    { "gemma2", 256, read_gemma2 },
    { "gemma3_text", 256, read_gemma3 },
};

const struct family *family_find(str model_type)
{
    for (size_t i = 0; i < COUNT(families); i++)
        if (str_eq(model_type, str_c(families[i].model_type))) return &families[i];
    return NULL;
}

const char *decoder_family(size_t i) { return i < COUNT(families) ? families[i].model_type : NULL; }
