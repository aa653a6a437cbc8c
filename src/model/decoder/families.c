/* model/decoder/families.c - the table of families: how each differs from Llama.
 *
 * To add one, write a row, and a function if a config.json says more than Llama's.  Where the arithmetic is new, it gets a
 * field in struct decoder_config, and forward.c the few lines that obey it. */
#include <math.h>

#include "model/decoder/family.h"

/* Layers with a window, which is null where there is none: by "layer_types", or else all but every so many. */
static bool read_windows(const struct json *c, struct decoder_config *d, uint32_t every, uint32_t otherwise, struct err *e)
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

static bool read_mistral(const struct json *c, struct decoder_config *d, struct err *e) { return read_windows(c, d, 0, 4096, e); }

/* The norms of queries and keys, as most call them. */
static void norm_heads(struct decoder_config *d)
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
    if (!config_count(c, "max_window_layers", 28, 0, 1u << 20, &full, e) || !read_windows(c, d, 0, 4096, e)) return false;
    for (uint32_t i = 0; i < full && i < d->layers && !json_is(json_get(c, STR("layer_types")), JSON_ARRAY); i++) d->layer[i].window = 0;
    return true;
}

static bool read_qwen2(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->qkv_bias = true;
    d->o_bias = false;
    return read_qwen_windows(c, d, e);
}

static bool read_qwen3(const struct json *c, struct decoder_config *d, struct err *e)
{
    norm_heads(d);
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
    if (!read_windows(c, d, 0, 0, e)) return false;
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
    return read_windows(c, d, 2, 4096, e);
}

static bool read_gemma3(const struct json *c, struct decoder_config *d, struct err *e)
{
    float scalar, local;
    uint32_t every;
    norm_heads(d);
    norm_after(d);
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

/* ------------------------------------------------------------------ LayerNorm and mlps without a gate */

static void use_layer_norm(struct decoder_config *d, bool has_bias)
{
    d->norm_is_layer = true;
    d->norm_has_bias = has_bias;
}

static void use_plain_mlp(struct decoder_config *d, const char *prefix, const char *up, const char *down)
{
    d->is_gated = false;
    d->names.mlp = prefix;
    d->names.up = up;
    d->names.down = down;
}

static bool read_gpt2(const struct json *c, struct decoder_config *d, struct err *e)
{
    static const char *const refused[] = { "scale_attn_by_inverse_layer_idx", "add_cross_attention" };
    for (size_t i = 0; i < COUNT(refused); i++)
        if (json_bool_or(c, str_c(refused[i]), false)) return err_set(e, ERR_NOT_BUILT, "GPT-2 with \"%s\" is not built", refused[i]);
    if (!json_bool_or(c, STR("scale_attn_weights"), true)) d->attention_scale = 1;
    use_layer_norm(d, true);
    use_plain_mlp(d, "mlp.", "c_fc", "c_proj");
    d->qkv_bias = d->o_bias = d->mlp_bias = d->is_transposed = true;
    d->names.prefix = "transformer.";
    d->names.embedding = "wte";
    d->names.positions = "wpe";
    d->names.norm = "ln_f";
    d->names.layers = "h";
    d->names.norm_before = "ln_1";
    d->names.norm_middle = "ln_2";
    d->names.qkv = "attn.c_attn";
    d->names.o = "attn.c_proj";
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_rope = false;
    d->activation = ACTIVATION_GELU_TANH;
    return config_activation(c, "hidden_act", &d->activation, e);
}

/* GPT-2 with linear layers as everybody stores them, and keys and values that all heads share. */
static bool read_gpt_bigcode(const struct json *c, struct decoder_config *d, struct err *e)
{
    bool is_multi = json_bool_or(c, STR("multi_query"), true);
    if (!read_gpt2(c, d, e)) return false;
    d->is_transposed = false;
    d->qkv_in_groups = true;
    d->kv_heads = is_multi ? 1 : d->heads;
    return true;
}

/* "attention_layers", or "attention_types": [[["global", "local"], 12]]. */
static bool read_gpt_neo_windows(const struct json *c, struct decoder_config *d, struct err *e)
{
    const struct json *list = json_get(c, STR("attention_layers"));
    uint32_t window, i = 0;
    if (!config_count(c, "window_size", 256, 1, 1u << 30, &window, e)) return false;
    json_each (name, list)
        if (i < d->layers) d->layer[i++].window = name->type == JSON_STRING && str_eq(name->s, STR("local")) ? window : 0;
    json_each (pair, list ? NULL : json_get(c, STR("attention_types")))
        for (int64_t n = 0, times = 0; json_int(json_at(pair, 1), &times) && n < times && i < d->layers; n++)
            json_each (name, json_at(pair, 0))
                if (i < d->layers) d->layer[i++].window = name->type == JSON_STRING && str_eq(name->s, STR("local")) ? window : 0;
    return i == d->layers || err_set(e, ERR_INVALID, "config.json: \"attention_types\" must be of %u layers", d->layers);
}

static bool read_gpt_neo(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (!read_gpt2(c, d, e)) return false;
    d->is_transposed = d->qkv_bias = false;
    d->attention_scale = 1;
    d->names.qkv = NULL;
    d->names.q = "attn.attention.q_proj";
    d->names.k = "attn.attention.k_proj";
    d->names.v = "attn.attention.v_proj";
    d->names.o = "attn.attention.out_proj";
    return read_gpt_neo_windows(c, d, e);
}

static bool read_gptj(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t turned;
    if (!read_gpt2(c, d, e) || !config_count(c, "rotary_dim", 64, 2, d->head_dim, &turned, e)) return false;
    if (turned % 2) return err_set(e, ERR_INVALID, "config.json: \"rotary_dim\" must be even");
    d->is_transposed = d->qkv_bias = d->o_bias = false;
    d->is_parallel = d->head_bias = d->rope_in_pairs = true;
    d->rope[0].dim = d->rope[1].dim = turned;
    d->names.positions = d->names.norm_middle = d->names.qkv = NULL;
    d->names.q = "attn.q_proj";
    d->names.k = "attn.k_proj";
    d->names.v = "attn.v_proj";
    d->names.o = "attn.out_proj";
    use_plain_mlp(d, "mlp.", "fc_in", "fc_out");
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_rope = true;
    return true;
}

static bool read_gpt_neox(const struct json *c, struct decoder_config *d, struct err *e)
{
    use_layer_norm(d, true);
    use_plain_mlp(d, "mlp.", "dense_h_to_4h", "dense_4h_to_h");
    d->is_parallel = json_bool_or(c, STR("use_parallel_residual"), true);
    d->qkv_bias = d->o_bias = json_bool_or(c, STR("attention_bias"), true);
    d->mlp_bias = d->qkv_in_groups = true;
    d->names.prefix = "gpt_neox.";
    d->names.embedding = "embed_in";
    d->names.norm = "final_layer_norm";
    d->names.head = "embed_out";
    d->names.qkv = "attention.query_key_value";
    d->names.o = "attention.dense";
    d->activation = ACTIVATION_GELU;
    return config_activation(c, "hidden_act", &d->activation, e);
}

/* Phi 1, 1.5 and 2. */
static bool read_phi(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (json_bool_or(c, STR("qk_layernorm"), false)) return err_set(e, ERR_NOT_BUILT, "Phi with \"qk_layernorm\" is not built");
    use_layer_norm(d, true);
    use_plain_mlp(d, "mlp.", "fc1", "fc2");
    d->is_parallel = d->qkv_bias = d->o_bias = d->mlp_bias = d->head_bias = true;
    d->names.norm = "final_layernorm";
    d->names.norm_middle = NULL;
    d->names.o = "self_attn.dense";
    d->activation = ACTIVATION_GELU_TANH;
    return config_activation(c, "hidden_act", &d->activation, e);
}

static bool read_starcoder2(const struct json *c, struct decoder_config *d, struct err *e)
{
    use_layer_norm(d, true);
    use_plain_mlp(d, "mlp.", "c_fc", "c_proj");
    d->qkv_bias = d->o_bias = d->mlp_bias = json_bool_or(c, STR("use_bias"), true);
    d->activation = ACTIVATION_GELU_TANH;
    return config_activation(c, "hidden_act", &d->activation, e) && read_windows(c, d, 0, 0, e);
}

static bool read_stablelm(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (json_bool_or(c, STR("qk_layernorm"), false)) return err_set(e, ERR_NOT_BUILT, "StableLM with \"qk_layernorm\" is not built");
    use_layer_norm(d, true);
    d->qkv_bias = json_bool_or(c, STR("use_qkv_bias"), false);
    d->o_bias = d->mlp_bias = false;
    d->is_parallel = json_bool_or(c, STR("use_parallel_residual"), false);
    if (d->is_parallel) d->names.norm_middle = NULL;
    return true;
}

static bool read_falcon(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t norms;
    bool is_new = json_bool_or(c, STR("new_decoder_architecture"), false), is_multi = json_bool_or(c, STR("multi_query"), true);
    if (json_bool_or(c, STR("alibi"), false)) return err_set(e, ERR_NOT_BUILT, "Falcon with \"alibi\" is not built");
    if (!config_count(c, "num_ln_in_parallel_attn", is_new ? 2 : 1, 1, 2, &norms, e)) return false;
    use_layer_norm(d, true);
    use_plain_mlp(d, "mlp.", "dense_h_to_4h", "dense_4h_to_h");
    if (!is_new) d->kv_heads = is_multi ? 1 : d->heads;
    d->is_parallel = is_new || json_bool_or(c, STR("parallel_attn"), true);
    d->qkv_bias = d->o_bias = d->mlp_bias = json_bool_or(c, STR("bias"), false);
    d->qkv_in_groups = true;
    d->names.prefix = "transformer.";
    d->names.embedding = "word_embeddings";
    d->names.norm = "ln_f";
    d->names.layers = "h";
    d->names.qkv = "self_attention.query_key_value";
    d->names.o = "self_attention.dense";
    if (is_new && norms == 2) {
        d->names.norm_before = "ln_attn";
        d->names.norm_middle = "ln_mlp";
    } else if (d->is_parallel) {
        d->names.norm_middle = NULL;
    }
    d->activation = ACTIVATION_GELU;
    return config_activation(c, "hidden_act", &d->activation, e);
}

/* Scores fall with distance instead of positions. */
static bool use_alibi(struct decoder_config *d, struct err *e)
{
    enum { ALIBI_POSITIONS_MAX = 1 << 17 }; /* there is a table of distances for every head */
    d->alibi = 8;
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_rope = false;
    return d->positions <= ALIBI_POSITIONS_MAX ||
           err_set(e, ERR_INVALID, "config.json: %u positions; with alibi there may be %d", d->positions, ALIBI_POSITIONS_MAX);
}

static bool read_bloom(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (json_bool_or(c, STR("apply_residual_connection_post_layernorm"), false))
        return err_set(e, ERR_NOT_BUILT, "Bloom with \"apply_residual_connection_post_layernorm\" is not built");
    use_layer_norm(d, true);
    use_plain_mlp(d, "mlp.", "dense_h_to_4h", "dense_4h_to_h");
    d->qkv_bias = d->o_bias = d->mlp_bias = d->qkv_in_groups = true;
    d->activation = ACTIVATION_GELU_TANH;
    d->names.prefix = "transformer.";
    d->names.embedding = "word_embeddings";
    d->names.norm_embedding = "word_embeddings_layernorm";
    d->names.norm = "ln_f";
    d->names.layers = "h";
    d->names.qkv = "self_attention.query_key_value";
    d->names.o = "self_attention.dense";
    return use_alibi(d, e);
}

/* Transformers has one form of it, whatever its config.json says; others are refused. */
static bool read_mpt(const struct json *c, struct decoder_config *d, struct err *e)
{
    const struct json *a = json_get(c, STR("attn_config")), *scale = json_get(c, STR("logit_scale"));
    if (!json_bool_or(a, STR("alibi"), true) || json_int_or(a, STR("alibi_bias_max"), 8) != 8 || json_bool_or(a, STR("qk_ln"), false) ||
        json_bool_or(a, STR("prefix_lm"), false) || !str_eq(json_str_or(a, STR("attn_type"), STR("multihead_attention")), STR("multihead_attention")) ||
        !json_bool_or(c, STR("no_bias"), true) || (scale && scale->type != JSON_NULL))
        return err_set(e, ERR_NOT_BUILT, "MPT is built with alibi (of 8), many heads, no biases, no \"qk_ln\", no \"prefix_lm\" and no \"logit_scale\"");
    if (!config_real(a, "softmax_scale", d->attention_scale, &d->attention_scale, e) || !config_real(a, "clip_qkv", 0, &d->qkv_clip, e)) return false;
    if (!(d->attention_scale > 0) || !(d->qkv_clip >= 0)) return err_set(e, ERR_INVALID, "config.json: scales and limits must be above 0");
    use_layer_norm(d, false);
    use_plain_mlp(d, "ffn.", "up_proj", "down_proj");
    d->activation = ACTIVATION_GELU;
    d->names.prefix = "transformer.";
    d->names.embedding = "wte";
    d->names.norm = "norm_f";
    d->names.layers = "blocks";
    d->names.norm_before = "norm_1";
    d->names.norm_middle = "norm_2";
    d->names.qkv = "attn.Wqkv";
    d->names.o = "attn.out_proj";
    return use_alibi(d, e);
}

static bool read_opt(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t embedded;
    if (!config_count(c, "word_embed_proj_dim", d->hidden, 1, 1u << 18, &embedded, e)) return false;
    if (embedded != d->hidden || !json_bool_or(c, STR("do_layer_norm_before"), true) || json_bool_or(c, STR("_remove_final_layer_norm"), false) ||
        !json_bool_or(c, STR("layer_norm_elementwise_affine"), true))
        return err_set(e, ERR_NOT_BUILT, "OPT with \"word_embed_proj_dim\", or with norms elsewhere than before each part, is not built");
    use_layer_norm(d, true);
    use_plain_mlp(d, "", "fc1", "fc2");
    d->norm_eps = 1e-5f; /* nothing in config.json says so */
    d->qkv_bias = d->o_bias = d->mlp_bias = json_bool_or(c, STR("enable_bias"), true);
    d->position_offset = 2;
    d->names.prefix = "model.decoder.";
    d->names.positions = "embed_positions";
    d->names.norm = "final_layer_norm";
    d->names.norm_before = "self_attn_layer_norm";
    d->names.norm_middle = "final_layer_norm";
    d->names.o = "self_attn.out_proj";
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_rope = false;
    d->activation = ACTIVATION_RELU;
    return config_activation(c, "hidden_act", &d->activation, e);
}

static bool read_cohere(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (json_bool_or(c, STR("use_qk_norm"), false)) return err_set(e, ERR_NOT_BUILT, "Cohere with \"use_qk_norm\" is not built");
    use_layer_norm(d, false);
    d->is_parallel = d->rope_in_pairs = true;
    d->names.norm_middle = NULL;
    return config_real(c, "logit_scale", 0.0625f, &d->logit_scale, e);
}

/* Layers that see all have no positions. */
static bool read_cohere2(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t every;
    if (!read_cohere(c, d, e) || !config_count(c, "sliding_window_pattern", 4, 1, DECODER_LAYERS_MAX, &every, e) || !read_windows(c, d, every, 4096, e))
        return false;
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_rope = d->layer[i].window > 0;
    return true;
}

static bool read_nemotron(const struct json *c, struct decoder_config *d, struct err *e)
{
    use_layer_norm(d, true);
    use_plain_mlp(d, "mlp.", "up_proj", "down_proj");
    d->norm_adds_one = true;
    d->activation = ACTIVATION_RELU_SQUARED;
    return config_activation(c, "hidden_act", &d->activation, e);
}

/* ------------------------------------------------------------------ further cousins of Llama */

static bool read_clip(const struct json *c, struct decoder_config *d, struct err *e)
{
    return config_real(c, "clip_qkv", 0, &d->qkv_clip, e) &&
           (d->qkv_clip >= 0 || err_set(e, ERR_INVALID, "config.json: \"clip_qkv\" must be above 0"));
}

static bool read_olmo(const struct json *c, struct decoder_config *d, struct err *e)
{
    use_layer_norm(d, false);
    d->norm_is_bare = true;
    d->norm_eps = 1e-5f; /* nothing in config.json says so */
    return read_clip(c, d, e);
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
    norm_heads(d);
    norm_after(d);
    d->qk_norm = QK_NORM_WHOLE;
    d->names.norm_before = d->names.norm_middle = NULL;
    return true;
}

/* Llama with an mlp that has no gate. */
static bool read_arcee(const struct json *c, struct decoder_config *d, struct err *e)
{
    use_plain_mlp(d, "mlp.", "up_proj", "down_proj");
    d->activation = ACTIVATION_RELU_SQUARED;
    return config_activation(c, "hidden_act", &d->activation, e);
}

static bool read_granite(const struct json *c, struct decoder_config *d, struct err *e)
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

/* ------------------------------------------------------------------ experts */

static bool read_experts(const struct json *c, const char *count, uint32_t otherwise, uint32_t chosen, struct decoder_config *d, struct err *e)
{
    struct decoder_experts *x = &d->experts;
    if (!config_count(c, count, otherwise, 1, DECODER_EXPERTS_MAX, &x->count, e) || !config_count(c, "num_experts_per_tok", chosen, 1, x->count, &x->chosen, e))
        return false;
    x->intermediate = d->intermediate;
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_experts = true;
    return true;
}

static bool read_mixtral(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->experts.sum_to_one = true;
    d->names.router = "block_sparse_moe.gate";
    d->names.experts = "block_sparse_moe.experts";
    d->names.gate = "w1";
    d->names.up = "w3";
    d->names.down = "w2";
    return read_experts(c, "num_local_experts", 8, 2, d, e) && read_windows(c, d, 0, 0, e);
}

/* Which layers have experts: every so many, less those that are listed. */
static bool read_qwen_experts(const struct json *c, uint32_t count, uint32_t chosen, uint32_t intermediate, struct decoder_config *d, struct err *e)
{
    uint32_t every;
    int64_t i;
    if (!read_experts(c, "num_experts", count, chosen, d, e) || !config_count(c, "decoder_sparse_step", 1, 1, DECODER_LAYERS_MAX, &every, e) ||
        !config_count(c, "moe_intermediate_size", intermediate, 1, 1u << 20, &d->experts.intermediate, e))
        return false;
    d->names.router = "mlp.gate";
    d->names.experts = "mlp.experts";
    d->experts.sum_to_one = json_bool_or(c, STR("norm_topk_prob"), false);
    for (uint32_t layer = 0; layer < d->layers; layer++) d->layer[layer].has_experts = (layer + 1) % every == 0;
    json_each (item, json_get(c, STR("mlp_only_layers")))
        if (json_int(item, &i) && i >= 0 && i < d->layers) d->layer[i].has_experts = false;
    return true;
}

static bool read_olmoe(const struct json *c, struct decoder_config *d, struct err *e)
{
    norm_heads(d);
    d->qk_norm = QK_NORM_WHOLE;
    d->names.router = "mlp.gate";
    d->names.experts = "mlp.experts";
    d->experts.sum_to_one = json_bool_or(c, STR("norm_topk_prob"), false);
    return read_clip(c, d, e) && read_experts(c, "num_experts", 64, 8, d, e);
}

static bool read_qwen2_moe(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (!read_qwen2(c, d, e) || !read_qwen_experts(c, 60, 4, 1408, d, e)) return false;
    d->qkv_bias = json_bool_or(c, STR("qkv_bias"), true);
    d->names.shared = "mlp.shared_expert.";
    d->names.shared_gate = "mlp.shared_expert_gate";
    return config_count(c, "shared_expert_intermediate_size", 5632, 1, 1u << 20, &d->experts.shared_intermediate, e);
}

static bool read_qwen3_moe(const struct json *c, struct decoder_config *d, struct err *e)
{
    return read_qwen3(c, d, e) && read_qwen_experts(c, 128, 8, 768, d, e);
}

/* ------------------------------------------------------------------ the table */

static const struct family families[] = {
    { .model_type = "llama" },
    { .model_type = "mistral", .read = read_mistral, .kv_heads = 8 },
    { .model_type = "qwen2", .read = read_qwen2 },
    { .model_type = "qwen3", .read = read_qwen3, .head_dim = 128 },
    { .model_type = "smollm3", .read = read_smollm3, .rope_theta = 2e6 },
    { .model_type = "phi3", .read = read_phi3, .norm_eps = 1e-5f },
    { .model_type = "gemma", .read = read_gemma, .head_dim = 256 },
    { .model_type = "gemma2", .read = read_gemma2, .head_dim = 256 },
    { .model_type = "gemma3_text", .read = read_gemma3, .vocab = 262208, .heads = 8, .kv_heads = 4, .head_dim = 256, .positions = 131072 },
    { .model_type = "gemma3", .is_around = true },
    { .model_type = "mistral3", .is_around = true },
    { .model_type = "mixtral", .read = read_mixtral, .kv_heads = 8, .norm_eps = 1e-5f, .rope_theta = 1e6 },
    { .model_type = "qwen2_moe", .read = read_qwen2_moe },
    { .model_type = "qwen3_moe", .read = read_qwen3_moe },
    { .model_type = "gpt2", .read = read_gpt2, .norm_eps = 1e-5f },
    { .model_type = "gpt_bigcode", .read = read_gpt_bigcode, .norm_eps = 1e-5f },
    { .model_type = "gpt_neo", .read = read_gpt_neo, .norm_eps = 1e-5f },
    { .model_type = "gptj", .read = read_gptj, .norm_eps = 1e-5f },
    { .model_type = "gpt_neox", .read = read_gpt_neox, .norm_eps = 1e-5f, .rope_part = 0.25 },
    { .model_type = "phi", .read = read_phi, .norm_eps = 1e-5f, .rope_part = 0.5 },
    { .model_type = "starcoder2", .read = read_starcoder2, .kv_heads = 2, .norm_eps = 1e-5f },
    { .model_type = "stablelm", .read = read_stablelm, .norm_eps = 1e-5f, .rope_part = 0.25 },
    { .model_type = "falcon", .read = read_falcon, .norm_eps = 1e-5f },
    { .model_type = "bloom", .read = read_bloom, .norm_eps = 1e-5f },
    { .model_type = "mpt", .read = read_mpt, .norm_eps = 1e-5f },
    { .model_type = "opt", .read = read_opt },
    { .model_type = "cohere", .read = read_cohere, .norm_eps = 1e-5f },
    { .model_type = "cohere2", .read = read_cohere2, .norm_eps = 1e-5f },
    { .model_type = "nemotron", .read = read_nemotron, .norm_eps = 1e-5f, .rope_part = 0.5 },
    { .model_type = "arcee", .read = read_arcee, .norm_eps = 1e-5f },
    { .model_type = "helium", .read = read_helium, .head_dim = 128, .norm_eps = 1e-8f, .rope_theta = 1e5 },
    { .model_type = "olmo", .read = read_olmo },
    { .model_type = "olmoe", .read = read_olmoe, .norm_eps = 1e-5f },
    { .model_type = "olmo2", .read = read_olmo2, .norm_eps = 1e-5f },
    { .model_type = "granite", .read = read_granite },
    { .model_type = "glm", .read = read_glm, .head_dim = 128, .kv_heads = 2, .norm_eps = 1.5625e-7f, .rope_part = 0.5 },
    { .model_type = "glm4", .read = read_glm4, .head_dim = 128, .kv_heads = 2, .norm_eps = 1.5625e-7f, .rope_part = 0.5 },
};

const struct family *family_find(str model_type)
{
    for (size_t i = 0; i < COUNT(families); i++)
        if (str_eq(model_type, str_c(families[i].model_type))) return &families[i];
    return NULL;
}

const char *decoder_family(size_t i) { return i < COUNT(families) ? families[i].model_type : NULL; }
