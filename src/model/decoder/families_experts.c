/* model/decoder/families_experts.c - families whose layers have many mlps, of which each row goes through a few.  The table
 * that names them stands in families.c. */
#include "model/decoder/family.h"

static bool read_experts(const struct json *c, const char *count, uint32_t otherwise, uint32_t chosen, struct decoder_config *d, struct err *e)
{
    struct decoder_experts *x = &d->experts;
    if (!config_count(c, count, otherwise, 1, DECODER_EXPERTS_MAX, &x->count, e) || !config_count(c, "num_experts_per_tok", chosen, 1, x->count, &x->chosen, e))
        return false;
    x->intermediate = d->intermediate;
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_experts = true;
    return true;
}

bool family_mixtral(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->experts.sum_to_one = true;
    d->names.router = "block_sparse_moe.gate";
    d->names.experts = "block_sparse_moe.experts";
    d->names.gate = "w1";
    d->names.up = "w3";
    d->names.down = "w2";
    return read_experts(c, "num_local_experts", 8, 2, d, e) && config_windows(c, d, 0, 0, e);
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

bool family_olmoe(const struct json *c, struct decoder_config *d, struct err *e)
{
    family_norm_heads(d);
    d->qk_norm = QK_NORM_WHOLE;
    d->names.router = "mlp.gate";
    d->names.experts = "mlp.experts";
    d->experts.sum_to_one = json_bool_or(c, STR("norm_topk_prob"), false);
    return family_clip(c, d, e) && read_experts(c, "num_experts", 64, 8, d, e);
}

/* Not those of Qwen without experts: every other layer before "max_window_layers" has a window. */
static bool read_qwen2_moe_windows(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t end;
    if (!json_bool_or(c, STR("use_sliding_window"), false)) return true;
    if (!config_count(c, "max_window_layers", 28, 0, 1u << 20, &end, e) || !config_windows(c, d, 2, 4096, e)) return false;
    for (uint32_t i = end; i < d->layers && !json_is(json_get(c, STR("layer_types")), JSON_ARRAY); i++) d->layer[i].window = 0;
    return true;
}

bool family_qwen2_moe(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->o_bias = false;
    if (!read_qwen2_moe_windows(c, d, e) || !read_qwen_experts(c, 60, 4, 1408, d, e)) return false;
    d->qkv_bias = json_bool_or(c, STR("qkv_bias"), true);
    d->names.shared = "mlp.shared_expert.";
    d->names.shared_gate = "mlp.shared_expert_gate";
    return config_count(c, "shared_expert_intermediate_size", 5632, 1, 1u << 20, &d->experts.shared_intermediate, e);
}

bool family_qwen3_moe(const struct json *c, struct decoder_config *d, struct err *e)
{
    family_norm_heads(d);
    if (json_bool_or(c, STR("use_sliding_window"), false) && !config_windows(c, d, 0, 4096, e)) return false; /* all layers */
    return read_qwen_experts(c, 128, 8, 768, d, e);
}

/* ------------------------------------------------------------------ scores that stand each for itself (DeepSeek-V3's routers) */

/* Experts behind the first layers, chosen within the best groups by sigmoids to which a stored number is added, which
 * spreads the work; and one that all rows share. */
static bool read_grouped_experts(const struct json *c, uint32_t count, uint32_t chosen, uint32_t plain, struct decoder_config *d, struct err *e)
{
    struct decoder_experts *x = &d->experts;
    uint32_t shared, first;
    if (!read_experts(c, "n_routed_experts", count, chosen, d, e) || !config_count(c, "moe_intermediate_size", 1408, 1, 1u << 20, &x->intermediate, e) ||
        !config_count(c, "n_shared_experts", 0, 0, 64, &shared, e) || !config_count(c, "first_k_dense_replace", plain, 0, 1u << 20, &first, e) ||
        !config_count(c, "n_group", 1, 1, x->count, &x->groups, e) || !config_count(c, "topk_group", 1, 1, x->groups, &x->groups_chosen, e) ||
        !config_real(c, "routed_scaling_factor", 1, &x->scale, e))
        return false;
    if (x->count % x->groups || (x->groups > 1 && x->count / x->groups < 2) || x->count / x->groups * x->groups_chosen < x->chosen)
        return err_set(e, ERR_INVALID, "config.json: %u of %u experts cannot be chosen from %u of %u groups", x->chosen, x->count, x->groups_chosen, x->groups);
    x->is_sigmoid = true;
    x->shared_intermediate = shared * x->intermediate;
    d->names.router = "mlp.gate";
    d->names.router_correction = "mlp.gate.e_score_correction_bias";
    d->names.experts = "mlp.experts";
    if (shared) d->names.shared = "mlp.shared_experts.";
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_experts = i >= first;
    return true;
}

bool family_glm4_moe(const struct json *c, struct decoder_config *d, struct err *e)
{
    d->o_bias = false;
    if (json_bool_or(c, STR("use_qk_norm"), false)) family_norm_heads(d);
    d->experts.sum_to_one = json_bool_or(c, STR("norm_topk_prob"), true);
    return read_grouped_experts(c, 128, 8, 1, d, e);
}

bool family_dots1(const struct json *c, struct decoder_config *d, struct err *e)
{
    uint32_t full;
    family_norm_heads(d);
    d->experts.sum_to_one = json_bool_or(c, STR("norm_topk_prob"), false);
    if (!config_count(c, "max_window_layers", 62, 0, 1u << 20, &full, e) || !config_windows(c, d, 0, 4096, e)) return false;
    for (uint32_t i = 0; i < full && i < d->layers && !json_is(json_get(c, STR("layer_types")), JSON_ARRAY); i++) d->layer[i].window = 0;
    return read_grouped_experts(c, 128, 6, 0, d, e);
}

/* ------------------------------------------------------------------ others */

bool family_ernie4_5_moe(const struct json *c, struct decoder_config *d, struct err *e)
{
    struct decoder_experts *x = &d->experts;
    uint32_t shared, first, every;
    int64_t last = json_int_or(c, STR("moe_layer_end_index"), -1);
    if (!family_ernie4_5(c, d, e) || !read_experts(c, "moe_num_experts", 64, 1, d, e) || !config_count(c, "moe_k", 6, 1, x->count, &x->chosen, e) ||
        !config_count(c, "moe_intermediate_size", 1536, 1, 1u << 20, &x->intermediate, e) || !config_count(c, "moe_num_shared_experts", 2, 0, 64, &shared, e) ||
        !config_count(c, "moe_layer_start_index", 1, 0, 1u << 20, &first, e) || !config_count(c, "moe_layer_interval", 1, 1, 1u << 20, &every, e))
        return false;
    x->sum_to_one = true;
    x->shared_intermediate = shared * x->intermediate;
    d->names.router = "mlp.gate";
    d->names.router_correction = "mlp.moe_statics.e_score_correction_bias";
    d->names.experts = "mlp.experts";
    if (shared) d->names.shared = "mlp.shared_experts.";
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_experts = (i + 1) % every == 0 && i >= first && (last < 0 || i <= last);
    return true;
}

/* The experts of a layer are two tensors; what all rows share, too, is stored with gate and up in one. */
bool family_granitemoe(const struct json *c, struct decoder_config *d, struct err *e)
{
    struct decoder_experts *x = &d->experts;
    if (!family_granite(c, d, e) || !read_experts(c, "num_local_experts", 8, 2, d, e) ||
        !config_count(c, "shared_intermediate_size", 0, 0, 1u << 20, &x->shared_intermediate, e))
        return false;
    x->sum_to_one = x->are_stacked = true;
    d->names.router = "block_sparse_moe.router.layer";
    d->names.experts = "block_sparse_moe";
    d->names.gate_up = "input_linear";
    d->names.down = "output_linear";
    if (x->shared_intermediate) d->names.shared = "shared_mlp.";
    return true;
}
