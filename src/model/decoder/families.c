/* model/decoder/families.c - the table of families: how each differs from Llama.
 *
 * To add one, write a row, and a function if a config.json says more than Llama's.  Where the arithmetic is new, it gets a
 * field in struct decoder_config, and forward.c the few lines that obey it. */
#include <math.h>

#include "model/decoder/family.h"

bool config_windows(const struct json *c, struct decoder_config *d, uint32_t every, uint32_t otherwise, struct err *e)
{
    uint32_t window;
    const struct json *types = json_get(c, STR("layer_types"));
    if (json_is(types, JSON_NULL)) types = NULL;
    if (json_is(json_get(c, STR("sliding_window")), JSON_NULL)) otherwise = 0;
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

static bool read_mistral(const struct json *c, struct decoder_config *d, struct err *e) { return config_windows(c, d, 0, 4096, e); }

/* The norms of queries and keys, as most call them. */
void family_norm_heads(struct decoder_config *d)
{
    d->qk_norm = QK_NORM_HEADS;
    d->names.norm_q = "self_attn.q_norm";
    d->names.norm_k = "self_attn.k_norm";
}

/* Windows from the layer "max_window_layers" on, if at all. */
static bool read_qwen_windows(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t full;
    if (!json_bool_or(c, STR("use_sliding_window"), false)) return true;
    if (!config_count(c, "max_window_layers", 28, 0, 1u << 20, &full, e) || !config_windows(c, d, 0, 4096, e)) return false;
    for (uint32_t i = 0; i < full && i < d->layers && !json_is(json_get(c, STR("layer_types")), JSON_ARRAY); i++) d->layer[i].window = 0;
    return true;
}

bool family_qwen2(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->qkv_bias = true;
    d->o_bias = false;
    return read_qwen_windows(c, d, e);
}

bool family_qwen3(const struct json *c, struct decoder_config *d, struct err *e)
{
    family_norm_heads(d);
    return read_qwen_windows(c, d, e);
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
    d->names.qkv = "self_attn.qkv_proj";
    d->names.gate_up = "gate_up_proj";
    d->qkv_bias = d->o_bias = false;
    if (!config_windows(c, d, 0, 0, e)) return false;
    if (d->rope_switch && !json_get(c, STR("original_max_position_embeddings")))
        return err_set(e, ERR_INVALID, "config.json: longrope without \"original_max_position_embeddings\"");
    return true;
}

static bool read_gemma(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->norm_adds_one = true;
    d->activation = ACTIVATION_GELU_TANH;
    d->embedding_scale = sqrtf((float)d->hidden);
    /* "hidden_act": "gelu" in the first files meant the approximation. */
    return config_activation(c, "hidden_activation", &d->activation, e);
}

/* Two more norms a layer, on what attention and mlp give. */
static void norm_after(struct decoder_config *d)
{
    d->names.norm_attention_after = "post_attention_layernorm";
    d->names.norm_middle = "pre_feedforward_layernorm";
    d->names.norm_mlp_after = "post_feedforward_layernorm";
}

static bool read_gemma2(const struct json *c, struct decoder_config *d, struct err *e)
{
    float scalar;
    norm_after(d);
    if (!read_gemma(c, d, e) || !config_real(c, "query_pre_attn_scalar", 256, &scalar, e) ||
        !config_cap(c, "attn_logit_softcapping", 50, &d->attention_cap, e) ||
        !config_cap(c, "final_logit_softcapping", 30, &d->logit_cap, e))
        return false;
    if (!(scalar > 0)) return err_set(e, ERR_INVALID, "config.json: \"query_pre_attn_scalar\" must be above 0");
    d->attention_scale = 1 / sqrtf(scalar);
    return config_windows(c, d, 2, 4096, e);
}

static bool read_gemma3(const struct json *c, struct decoder_config *d, struct err *e)
{
    float scalar, local;
    uint32_t every;
    family_norm_heads(d);
    norm_after(d);
    if (!read_gemma(c, d, e) || !config_real(c, "query_pre_attn_scalar", 256, &scalar, e) ||
        !config_real(c, "rope_local_base_freq", 10000, &local, e) ||
        !config_count(c, "sliding_window_pattern", 6, 1, DECODER_LAYERS_MAX, &every, e))
        return false;
    if (!json_get(c, STR("rope_theta")) && !json_get(c, STR("rope_parameters"))) d->rope[0].base = 1e6;
    if (!(scalar > 0) || !(local >= 1)) return err_set(e, ERR_INVALID, "config.json: scales and bases must be above 0");
    d->attention_scale = 1 / sqrtf(scalar);
    d->rope[1] = (struct rope){ .dim = d->rope[0].dim, .base = local, .factor = 1, .attention_factor = 1 };
    return config_windows(c, d, every, 4096, e);
}

/* ------------------------------------------------------------------ further cousins of Llama */

bool family_clip(const struct json *c, struct decoder_config *d, struct err *e)
{
    return config_real(c, "clip_qkv", 0, &d->qkv_clip, e) &&
           (d->qkv_clip >= 0 || err_set(e, ERR_INVALID, "config.json: \"clip_qkv\" must be above 0"));
}

static bool read_olmo(const struct json *c, struct decoder_config *d, struct err *e)
{
    family_layer_norm(d, false);
    d->norm_is_bare = true;
    d->norm_eps = 1e-5f; /* nothing in config.json says so */
    return family_clip(c, d, e);
}

static bool read_helium(const struct json *c, struct decoder_config *d, struct err *e)
{
    (void)c, (void)e;
    d->rope_in_pairs = true;
    d->o_bias = false;
    return true;
}

/* Norms on what each part gives, none on what it takes; queries and keys are normed as whole vectors. */
static bool read_olmo2(const struct json *c, struct decoder_config *d, struct err *e)
{
    (void)c, (void)e;
    family_norm_heads(d);
    norm_after(d);
    d->qk_norm = QK_NORM_WHOLE;
    d->names.norm_before = d->names.norm_middle = NULL;
    return true;
}

/* Llama with an mlp that has no gate. */
static bool read_arcee(const struct json *c, struct decoder_config *d, struct err *e)
{
    family_plain_mlp(d, "mlp.", "up_proj", "down_proj");
    d->activation = ACTIVATION_RELU_SQUARED;
    return config_activation(c, "hidden_act", &d->activation, e);
}

bool family_granite(const struct json *c, struct decoder_config *d, struct err *e)
{
    float by;
    if (!config_real(c, "embedding_multiplier", 1, &d->embedding_scale, e) || !config_real(c, "attention_multiplier", 1, &d->attention_scale, e) ||
        !config_real(c, "residual_multiplier", 1, &d->residual_scale, e) || !config_real(c, "logits_scaling", 1, &by, e))
        return false;
    if (!(fabsf(by) > 1e-18f) || !(d->attention_scale > 0))
        return err_set(e, ERR_INVALID, "config.json: \"logits_scaling\" must not be 0, and \"attention_multiplier\" above it");
    d->logit_scale = 1 / by;
    return true;
}

static bool read_glm(const struct json *c, struct decoder_config *d, struct err *e)
{
    (void)e;
    d->rope_in_pairs = true;
    d->qkv_bias = json_bool_or(c, STR("attention_bias"), true);
    d->o_bias = d->mlp_bias = false;
    d->names.gate_up = "gate_up_proj";
    return true;
}

static bool read_glm4(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->names.norm_attention_after = "post_self_attn_layernorm";
    d->names.norm_mlp_after = "post_mlp_layernorm";
    return read_glm(c, d, e);
}

/* ------------------------------------------------------------------ families of 2025 */

bool family_ernie4_5(const struct json *c, struct decoder_config *d, struct err *e)
{
    (void)e;
    d->rope_in_pairs = true;
    d->qkv_bias = d->o_bias = d->mlp_bias = json_bool_or(c, STR("use_bias"), false);
    return true;
}

static bool read_seed_oss(const struct json *c, struct decoder_config *d, struct err *e)
{
    (void)e;
    d->qkv_bias = json_bool_or(c, STR("attention_bias"), true);
    d->o_bias = json_bool_or(c, STR("attention_out_bias"), false);
    return true;
}

/* Where some layers have windows, the others have no positions.  "sliding_window_pattern" may be a text, beside "layer_types". */
static bool read_exaone4(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t every = 4;
    bool has_windows = !json_is(json_get(c, STR("sliding_window")), JSON_NULL);
    family_norm_heads(d);
    norm_after(d);
    d->names.norm_before = d->names.norm_middle = NULL;
    if (has_windows && !json_is(json_get(c, STR("layer_types")), JSON_ARRAY) &&
        !config_count(c, "sliding_window_pattern", 4, 1, DECODER_LAYERS_MAX, &every, e))
        return false;
    if (!config_windows(c, d, every, 4096, e)) return false;
    for (uint32_t i = 0; has_windows && i < d->layers; i++) d->layer[i].has_rope = d->layer[i].window > 0;
    return true;
}

/* OLMo 2 with windows, whose layers do without the rope's scaling. */
static bool read_olmo3(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->rope[1] = (struct rope){ .dim = d->rope[0].dim, .base = d->rope[0].base, .factor = 1, .attention_factor = 1 };
    return read_olmo2(c, d, e) && config_windows(c, d, 4, 4096, e);
}

/* Norms of queries and keys come after the rope; biases nowhere, whatever "attention_bias" says of them. */
static bool read_hunyuan(const struct json *c, struct decoder_config *d, struct err *e)
{
    (void)c, (void)e;
    d->qk_norm = QK_NORM_TURNED;
    d->names.norm_q = "self_attn.query_layernorm";
    d->names.norm_k = "self_attn.key_layernorm";
    d->mlp_bias = false;
    return true;
}

/* Gemma 2 without the norms on what the parts give. */
static bool read_vaultgemma(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (!read_gemma2(c, d, e)) return false;
    d->names.norm_attention_after = d->names.norm_mlp_after = NULL;
    return true;
}

/* ------------------------------------------------------------------ the table */

static const struct family families[] = {
    { .model_type = "llama" },
    { .model_type = "mistral", .read = read_mistral, .kv_heads = 8 },
    { .model_type = "qwen2", .read = family_qwen2 },
    { .model_type = "qwen3", .read = family_qwen3, .head_dim = 128 },
    { .model_type = "smollm3", .read = read_smollm3, .rope_theta = 2e6 },
    { .model_type = "phi3", .read = read_phi3, .norm_eps = 1e-5f },
    { .model_type = "gemma", .read = read_gemma, .head_dim = 256 },
    { .model_type = "gemma2", .read = read_gemma2, .head_dim = 256 },
    { .model_type = "gemma3_text", .read = read_gemma3, .vocab = 262208, .heads = 8, .kv_heads = 4, .head_dim = 256, .positions = 131072 },
    { .model_type = "gemma3", .is_around = true },
    { .model_type = "mistral3", .is_around = true },
    { .model_type = "mixtral", .read = family_mixtral, .kv_heads = 8, .norm_eps = 1e-5f, .rope_theta = 1e6 },
    { .model_type = "qwen2_moe", .read = family_qwen2_moe },
    { .model_type = "qwen3_moe", .read = family_qwen3_moe },
    { .model_type = "gpt2", .read = family_gpt2, .norm_eps = 1e-5f },
    { .model_type = "gpt_bigcode", .read = family_gpt_bigcode, .norm_eps = 1e-5f },
    { .model_type = "gpt_neo", .read = family_gpt_neo, .norm_eps = 1e-5f },
    { .model_type = "gptj", .read = family_gptj, .norm_eps = 1e-5f },
    { .model_type = "gpt_neox", .read = family_gpt_neox, .norm_eps = 1e-5f, .rope_part = 0.25 },
    { .model_type = "phi", .read = family_phi, .norm_eps = 1e-5f, .rope_part = 0.5 },
    { .model_type = "starcoder2", .read = family_starcoder2, .kv_heads = 2, .norm_eps = 1e-5f },
    { .model_type = "stablelm", .read = family_stablelm, .norm_eps = 1e-5f, .rope_part = 0.25 },
    { .model_type = "falcon", .read = family_falcon, .norm_eps = 1e-5f },
    { .model_type = "bloom", .read = family_bloom, .norm_eps = 1e-5f },
    { .model_type = "mpt", .read = family_mpt, .norm_eps = 1e-5f },
    { .model_type = "opt", .read = family_opt },
    { .model_type = "cohere", .read = family_cohere, .norm_eps = 1e-5f },
    { .model_type = "cohere2", .read = family_cohere2, .norm_eps = 1e-5f },
    { .model_type = "nemotron", .read = family_nemotron, .norm_eps = 1e-5f, .rope_part = 0.5 },
    { .model_type = "arcee", .read = read_arcee, .norm_eps = 1e-5f },
    { .model_type = "helium", .read = read_helium, .head_dim = 128, .norm_eps = 1e-8f, .rope_theta = 1e5 },
    { .model_type = "olmo", .read = read_olmo },
    { .model_type = "olmoe", .read = family_olmoe, .norm_eps = 1e-5f },
    { .model_type = "olmo2", .read = read_olmo2, .norm_eps = 1e-5f },
    { .model_type = "granite", .read = family_granite },
    { .model_type = "glm", .read = read_glm, .head_dim = 128, .kv_heads = 2, .norm_eps = 1.5625e-7f, .rope_part = 0.5 },
    { .model_type = "glm4", .read = read_glm4, .head_dim = 128, .kv_heads = 2, .norm_eps = 1.5625e-7f, .rope_part = 0.5 },
    { .model_type = "ministral", .read = read_mistral, .kv_heads = 8 },
    { .model_type = "ernie4_5", .read = family_ernie4_5, .head_dim = 128, .norm_eps = 1e-5f, .rope_theta = 5e5 },
    { .model_type = "ernie4_5_moe", .read = family_ernie4_5_moe, .norm_eps = 1e-5f, .rope_theta = 5e5 },
    { .model_type = "seed_oss", .read = read_seed_oss, .head_dim = 128 },
    { .model_type = "exaone4", .read = read_exaone4, .norm_eps = 1e-5f },
    { .model_type = "olmo3", .read = read_olmo3, .norm_eps = 1e-5f },
    { .model_type = "hunyuan_v1_dense", .read = read_hunyuan, .norm_eps = 1e-5f },
    { .model_type = "vaultgemma", .read = read_vaultgemma, .head_dim = 256 },
    { .model_type = "glm4_moe", .read = family_glm4_moe, .norm_eps = 1e-5f, .rope_part = 0.5 },
    { .model_type = "dots1", .read = family_dots1 },
    { .model_type = "granitemoe", .read = family_granitemoe },
    { .model_type = "granitemoeshared", .read = family_granitemoe },
};

const struct family *family_find(str model_type)
{
    for (size_t i = 0; i < COUNT(families); i++)
        if (str_eq(model_type, str_c(families[i].model_type))) return &families[i];
    return NULL;
}

bool decoder_knows(str model_type) { return family_find(model_type) != NULL; }
const char *decoder_family(size_t i) { return i < COUNT(families) ? families[i].model_type : NULL; }
