/* model/decoder/families_gpt.c - families that do not come from Llama: LayerNorm, mlps without a gate, attention and mlp
 * side by side, learned positions or none.  The table that names them stands in families.c. */
#include "model/decoder/family.h"

void family_layer_norm(struct decoder_config *d, bool has_bias)
{
    d->norm_is_layer = true;
    d->norm_has_bias = has_bias;
}

void family_plain_mlp(struct decoder_config *d, const char *prefix, const char *up, const char *down)
{
    d->is_gated = false;
    d->names.mlp = prefix;
    d->names.up = up;
    d->names.down = down;
}

bool family_gpt2(const struct json *c, struct decoder_config *d, struct err *e)
{
    static const char *const refused[] = { "scale_attn_by_inverse_layer_idx", "add_cross_attention" };
    for (size_t i = 0; i < COUNT(refused); i++)
        if (json_bool_or(c, str_c(refused[i]), false)) return err_set(e, ERR_NOT_BUILT, "GPT-2 with \"%s\" is not built", refused[i]);
    if (!json_bool_or(c, STR("scale_attn_weights"), true)) d->attention_scale = 1;
    family_layer_norm(d, true);
    family_plain_mlp(d, "mlp.", "c_fc", "c_proj");
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
bool family_gpt_bigcode(const struct json *c, struct decoder_config *d, struct err *e)
{
    bool is_multi = json_bool_or(c, STR("multi_query"), true);
    if (!family_gpt2(c, d, e)) return false;
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
        for (int64_t n = 0, times = 0; json_first(json_at(pair, 0)) && json_int(json_at(pair, 1), &times) && n < times && i < d->layers; n++)
            json_each (name, json_at(pair, 0))
                if (i < d->layers) d->layer[i++].window = name->type == JSON_STRING && str_eq(name->s, STR("local")) ? window : 0;
    return i == d->layers || err_set(e, ERR_INVALID, "config.json: \"attention_types\" must be of %u layers", d->layers);
}

bool family_gpt_neo(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (!family_gpt2(c, d, e)) return false;
    d->is_transposed = d->qkv_bias = false;
    d->attention_scale = 1;
    d->names.qkv = NULL;
    d->names.q = "attn.attention.q_proj";
    d->names.k = "attn.attention.k_proj";
    d->names.v = "attn.attention.v_proj";
    d->names.o = "attn.attention.out_proj";
    return read_gpt_neo_windows(c, d, e);
}

bool family_gptj(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t turned;
    if (!family_gpt2(c, d, e) || !config_count(c, "rotary_dim", 64, 2, d->head_dim, &turned, e)) return false;
    if (turned % 2) return err_set(e, ERR_INVALID, "config.json: \"rotary_dim\" must be even");
    d->is_transposed = d->qkv_bias = d->o_bias = false;
    d->is_parallel = d->head_bias = d->rope_in_pairs = true;
    d->rope[0].dim = d->rope[1].dim = turned;
    d->names.positions = d->names.norm_middle = d->names.qkv = NULL;
    d->names.q = "attn.q_proj";
    d->names.k = "attn.k_proj";
    d->names.v = "attn.v_proj";
    d->names.o = "attn.out_proj";
    family_plain_mlp(d, "mlp.", "fc_in", "fc_out");
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_rope = true;
    return true;
}

bool family_gpt_neox(const struct json *c, struct decoder_config *d, struct err *e)
{
    family_layer_norm(d, true);
    family_plain_mlp(d, "mlp.", "dense_h_to_4h", "dense_4h_to_h");
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
bool family_phi(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (json_bool_or(c, STR("qk_layernorm"), false)) return err_set(e, ERR_NOT_BUILT, "Phi with \"qk_layernorm\" is not built");
    family_layer_norm(d, true);
    family_plain_mlp(d, "mlp.", "fc1", "fc2");
    d->is_parallel = d->qkv_bias = d->o_bias = d->mlp_bias = d->head_bias = true;
    d->names.norm = "final_layernorm";
    d->names.norm_middle = NULL;
    d->names.o = "self_attn.dense";
    d->activation = ACTIVATION_GELU_TANH;
    return config_activation(c, "hidden_act", &d->activation, e);
}

bool family_starcoder2(const struct json *c, struct decoder_config *d, struct err *e)
{
    family_layer_norm(d, true);
    family_plain_mlp(d, "mlp.", "c_fc", "c_proj");
    d->qkv_bias = d->o_bias = d->mlp_bias = json_bool_or(c, STR("use_bias"), true);
    d->activation = ACTIVATION_GELU_TANH;
    return config_activation(c, "hidden_act", &d->activation, e) && config_windows(c, d, 0, 0, e);
}

bool family_stablelm(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (json_bool_or(c, STR("qk_layernorm"), false)) return err_set(e, ERR_NOT_BUILT, "StableLM with \"qk_layernorm\" is not built");
    family_layer_norm(d, true);
    d->qkv_bias = json_bool_or(c, STR("use_qkv_bias"), false);
    d->o_bias = d->mlp_bias = false;
    d->is_parallel = json_bool_or(c, STR("use_parallel_residual"), false);
    if (d->is_parallel) d->names.norm_middle = NULL;
    return true;
}

bool family_falcon(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t norms;
    bool is_new = json_bool_or(c, STR("new_decoder_architecture"), false), is_multi = json_bool_or(c, STR("multi_query"), true);
    if (json_bool_or(c, STR("alibi"), false)) return err_set(e, ERR_NOT_BUILT, "Falcon with \"alibi\" is not built");
    if (!config_count(c, "num_ln_in_parallel_attn", is_new ? 2 : 1, 1, 2, &norms, e)) return false;
    family_layer_norm(d, true);
    family_plain_mlp(d, "mlp.", "dense_h_to_4h", "dense_4h_to_h");
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

bool family_bloom(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (json_bool_or(c, STR("apply_residual_connection_post_layernorm"), false))
        return err_set(e, ERR_NOT_BUILT, "Bloom with \"apply_residual_connection_post_layernorm\" is not built");
    family_layer_norm(d, true);
    family_plain_mlp(d, "mlp.", "dense_h_to_4h", "dense_4h_to_h");
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
bool family_mpt(const struct json *c, struct decoder_config *d, struct err *e)
{
    const struct json *a = json_get(c, STR("attn_config")), *scale = json_get(c, STR("logit_scale"));
    if (!json_bool_or(a, STR("alibi"), true) || json_int_or(a, STR("alibi_bias_max"), 8) != 8 || json_bool_or(a, STR("qk_ln"), false) ||
        json_bool_or(a, STR("prefix_lm"), false) || !str_eq(json_str_or(a, STR("attn_type"), STR("multihead_attention")), STR("multihead_attention")) ||
        !json_bool_or(c, STR("no_bias"), true) || (scale && scale->type != JSON_NULL))
        return err_set(e, ERR_NOT_BUILT, "MPT is built with alibi (of 8), many heads, no biases, no \"qk_ln\", no \"prefix_lm\" and no \"logit_scale\"");
    if (!config_real(a, "softmax_scale", d->attention_scale, &d->attention_scale, e) || !config_real(a, "clip_qkv", 0, &d->qkv_clip, e)) return false;
    if (!(d->attention_scale > 0) || !(d->qkv_clip >= 0)) return err_set(e, ERR_INVALID, "config.json: scales and limits must be above 0");
    family_layer_norm(d, false);
    family_plain_mlp(d, "ffn.", "up_proj", "down_proj");
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

bool family_opt(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t embedded;
    if (!config_count(c, "word_embed_proj_dim", d->hidden, 1, 1u << 18, &embedded, e)) return false;
    if (embedded != d->hidden || !json_bool_or(c, STR("do_layer_norm_before"), true) || json_bool_or(c, STR("_remove_final_layer_norm"), false) ||
        !json_bool_or(c, STR("layer_norm_elementwise_affine"), true))
        return err_set(e, ERR_NOT_BUILT, "OPT with \"word_embed_proj_dim\", or with norms elsewhere than before each part, is not built");
    family_layer_norm(d, true);
    family_plain_mlp(d, "", "fc1", "fc2");
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

bool family_cohere(const struct json *c, struct decoder_config *d, struct err *e)
{
    if (json_bool_or(c, STR("use_qk_norm"), false)) return err_set(e, ERR_NOT_BUILT, "Cohere with \"use_qk_norm\" is not built");
    family_layer_norm(d, false);
    d->is_parallel = d->rope_in_pairs = true;
    d->names.norm_middle = NULL;
    return config_real(c, "logit_scale", 0.0625f, &d->logit_scale, e);
}

/* Layers that see all have no positions. */
bool family_cohere2(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t every;
    if (!family_cohere(c, d, e) || !config_count(c, "sliding_window_pattern", 4, 1, DECODER_LAYERS_MAX, &every, e) || !config_windows(c, d, every, 4096, e))
        return false;
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_rope = d->layer[i].window > 0;
    return true;
}

bool family_nemotron(const struct json *c, struct decoder_config *d, struct err *e)
{
    family_layer_norm(d, true);
    family_plain_mlp(d, "mlp.", "up_proj", "down_proj");
    d->norm_adds_one = true;
    d->activation = ACTIVATION_RELU_SQUARED;
    return config_activation(c, "hidden_act", &d->activation, e);
}
