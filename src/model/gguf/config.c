/* model/gguf/config.c - config.json, generation_config.json and tokenizer_config.json out of GGUF's metadata.
 *
 * What the conversion left out is what llama.cpp has in its code for the architecture; it stands here, too. */
#include <math.h>

#include "model/gguf/gguf_priv.h"

enum { LAYERS_MAX = 1024, ENDS_MAX = 32 };

static const struct gguf_name keys_llama[] = {
    { "context_length", "max_position_embeddings" },
    { "embedding_length", "hidden_size" },
    { "block_count", "num_hidden_layers" },
    { "feed_forward_length", "intermediate_size" },
    { "attention.head_count", "num_attention_heads" },
    { "attention.head_count_kv", "num_key_value_heads" },
    { "attention.layer_norm_rms_epsilon", "rms_norm_eps" },
    { "attention.layer_norm_epsilon", "layer_norm_eps" },
    { "rope.freq_base", "rope_theta" },
    { "rope.freq_base_swa", "rope_local_base_freq" },
    { "attention.sliding_window", "sliding_window" },
    { "attention.sliding_window_pattern", "sliding_window_pattern" },
    { "attn_logit_softcapping", "attn_logit_softcapping" },
    { "final_logit_softcapping", "final_logit_softcapping" },
    { "expert_count", "num_experts" },
    { "expert_used_count", "num_experts_per_tok" },
    { "expert_feed_forward_length", "moe_intermediate_size" },
    { "expert_shared_feed_forward_length", "shared_expert_intermediate_size" },
    { "use_parallel_residual", "use_parallel_residual" },
    { NULL, NULL },
};

/* "llama.context_length" for "context_length"; NULL: there is none. */
static const struct gguf_value *of_arch(const struct gguf *g, const char *key)
{
    return gguf_get(&g->part[0], arena_fmt(g->a, "%s.%s", g->arch->name, key));
}

static bool whole_number(const struct gguf_value *v, uint64_t *out)
{
    switch (v ? v->type : GGUF_STRING) {
    case GGUF_U8: case GGUF_U16: case GGUF_U32: case GGUF_U64: *out = v->u; return true;
    case GGUF_I8: case GGUF_I16: case GGUF_I32: case GGUF_I64: *out = (uint64_t)v->i; return v->i >= 0;
    default: return false;
    }
}

static bool real_number(const struct gguf *g, const char *key, double *out)
{
    const struct gguf_value *v = of_arch(g, key);
    uint64_t n;
    if (whole_number(v, &n)) *out = (double)n;
    else if (v && (v->type == GGUF_F32 || v->type == GGUF_F64)) *out = v->r;
    else return false;
    return true;
}

static void put_real(struct gguf *g, struct json *o, const char *key, double r)
{
    struct json *v = json_new(g->a, JSON_REAL);
    v->r = r;
    json_put(o, str_c(key), v);
}

static void put_int(struct gguf *g, struct json *o, const char *key, uint64_t n)
{
    json_put(o, str_c(key), json_new_int(g->a, n <= INT64_MAX ? (int64_t)n : -1));
}

static void put_str(struct gguf *g, struct json *o, const char *key, const char *text)
{
    json_put(o, str_c(key), json_new_str(g->a, str_c(text)));
}

static void put_bool(struct gguf *g, struct json *o, const char *key, bool b) { json_put(o, str_c(key), json_new_bool(g->a, b)); }

/* A number for each layer: only if all are one can config.json say it. */
static bool same_in_all(const struct gguf_value *v, uint64_t *out)
{
    const size_t size = v->array.item == GGUF_U32 || v->array.item == GGUF_I32 ? 4 : 0;
    if (size == 0 || v->array.count == 0) return false;
    for (uint64_t i = 1; i < v->array.count; i++)
        if (memcmp(v->array.data.p, v->array.data.p + i * size, size) != 0) return false;
    uint32_t n;
    memcpy(&n, v->array.data.p, sizeof n);
    *out = n;
    return true;
}

static bool put_keys(struct gguf *g, struct json *config, const struct gguf_name *k, struct err *e)
{
    for (; k && k->gguf; k++) {
        const struct gguf_value *v = of_arch(g, k->gguf);
        uint64_t n;
        if (!v) continue;
        if (whole_number(v, &n)) put_int(g, config, k->hub, n);
        else if (v->type == GGUF_F32 || v->type == GGUF_F64) put_real(g, config, k->hub, v->r);
        else if (v->type == GGUF_BOOL) put_bool(g, config, k->hub, v->u);
        else if (v->type == GGUF_ARRAY && same_in_all(v, &n)) put_int(g, config, k->hub, n);
        else return err_set(e, ERR_NOT_BUILT, "%s.%s differs from layer to layer, or is no number; this is not built", g->arch->name, k->gguf);
    }
    return true;
}

static bool is_mapped(const struct gguf_arch *arch, const char *key)
{
    const struct gguf_name *const lists[] = { arch->keys, arch->more };
    for (size_t i = 0; i < COUNT(lists); i++)
        for (const struct gguf_name *k = lists[i]; k && k->gguf; k++)
            if (strcmp(k->gguf, key) == 0) return true;
    return false;
}

/* Keys that change the arithmetic of some architectures: where nobody reads them, they must say nothing. */
static bool refuse_unread(struct gguf *g, struct err *e)
{
    static const struct { const char *key; double nothing; const char *but; } changes[] = {
        { "attention.scale", 0, " gemma2 gemma3 " }, { "attn_logit_softcapping", 0, " gemma2 " }, { "final_logit_softcapping", 0, " gemma2 " },
        { "logit_scale", 1, "" }, { "residual_scale", 1, "" }, { "embedding_scale", 1, "" }, { "attention.clamp_kqv", 0, "" },
        { "attention.max_alibi_bias", 0, "" }, { "attention.output_scale", 1, "" }, { "attention.temperature_scale", 0, "" },
        { "attention.temperature_length", 0, "" }, { "attention.kv_lora_rank", 0, "" }, { "expert_weights_scale", 1, "" },
        { "expert_gating_func", 1, "" }, { "expert_group_count", 1, "" }, { "leading_dense_block_count", 0, "" },
        { "interleave_moe_layer_step", 1, "" }, { "rope.scaling.alpha", 0, "" }, { "nextn_predict_layers", 0, "" },
    };
    const char *name = arena_fmt(g->a, " %s ", g->arch->name).p;
    double v;
    for (size_t i = 0; i < COUNT(changes); i++)
        if (real_number(g, changes[i].key, &v) && v != changes[i].nothing && v != 0 && !is_mapped(g->arch, changes[i].key) && !strstr(changes[i].but, name))
            return err_set(e, ERR_NOT_BUILT, "%s.%s is %g; this is not built", g->arch->name, changes[i].key, v);
    const struct gguf_value *causal = of_arch(g, "attention.causal");
    if (causal && causal->type == GGUF_BOOL && !causal->u && !g->arch->is_encoder)
        return err_set(e, ERR_NOT_BUILT, "%s.attention.causal is false; decoders whose tokens see those after them are not built", g->arch->name);
    return true;
}

/* Sizes that orders of rows and names depend on; gives them in the config, too, where defaults would differ. */
static bool read_sizes(struct gguf *g, struct json *config, struct err *e)
{
    const struct gguf_tensor *embedding = gguf_find(g, STR("token_embd.weight"), NULL);
    uint64_t heads = 0, kv_heads, hidden = 0, d = 0, value_length;
    const struct gguf_value *kv = of_arch(g, "attention.head_count_kv");
    if (!embedding || embedding->rank != 2) return err_set(e, ERR_INVALID, "the tensor \"token_embd.weight\" is missing, or no matrix");
    if (!whole_number(of_arch(g, "attention.head_count"), &heads) || heads == 0 || heads > 4096 ||
        !whole_number(of_arch(g, "embedding_length"), &hidden) || hidden > 1 << 24)
        return err_set(e, ERR_INVALID, "%s.attention.head_count or %s.embedding_length is missing, or out of range", g->arch->name, g->arch->name);
    kv_heads = heads;
    if (kv && !whole_number(kv, &kv_heads) && !(kv->type == GGUF_ARRAY && same_in_all(kv, &kv_heads))) kv_heads = 0;
    if (kv_heads == 0 || kv_heads > heads) return err_set(e, ERR_INVALID, "%s.attention.head_count_kv is out of range", g->arch->name);
    d = hidden / heads;
    if (whole_number(of_arch(g, "attention.key_length"), &value_length)) d = value_length;
    if (whole_number(of_arch(g, "attention.value_length"), &value_length) && value_length != d)
        return err_set(e, ERR_NOT_BUILT, "keys and values of different lengths are not built");
    if (d == 0 || d > 4096) return err_set(e, ERR_INVALID, "%s.attention.key_length is out of range", g->arch->name);
    g->heads = (uint32_t)heads;
    g->kv_heads = (uint32_t)kv_heads;
    g->head_dim = (uint32_t)d;
    put_int(g, config, "vocab_size", embedding->shape[1]);
    if (!g->arch->keys) put_int(g, config, "head_dim", d);
    return true;
}

/* ------------------------------------------------------------------ rotary positions */

static struct json *floats_of(struct gguf *g, const char *name)
{
    bytes data;
    const struct gguf_tensor *t = gguf_find(g, str_c(name), &data);
    if (!t || t->type != 0 || t->rank != 1 || t->elements > 4096) return NULL;
    struct json *list = json_new(g->a, JSON_ARRAY);
    for (uint64_t i = 0; i < t->elements; i++) {
        float f;
        struct json *v = json_new(g->a, JSON_REAL);
        memcpy(&f, data.p + 4 * i, sizeof f);
        v->r = (double)f;
        json_add(list, v);
    }
    return list;
}

/* The divisor of frequency i under Llama 3's rule with the bounds that everyone uses, 1 and 4. */
static double llama3_divisor(double base, uint64_t dim, uint64_t i, double factor, uint64_t positions)
{
    double wave = 2 * M_PI * pow(base, 2.0 * (double)i / (double)dim), turns = (double)positions / wave;
    if (turns < 1) return factor;
    if (turns > 4) return 1;
    double smooth = (turns - 1) / 3;
    return 1 / ((1 - smooth) / factor + smooth);
}

static bool is_llama3(const struct json *list, double base, uint64_t dim, double factor, uint64_t positions)
{
    uint64_t i = 0;
    json_each (v, list)
        if (!(fabs(v->r - llama3_divisor(base, dim, i++, factor, positions)) <= 1e-3 * v->r)) return false;
    return true;
}

/* Llama 3's scaling comes as a list of divisors, not as the rule; the rule is found again, or the list refused. */
static bool put_llama3(struct gguf *g, struct json *scaling, double base, struct err *e)
{
    struct json *list = floats_of(g, "rope_freqs.weight");
    double factor = 1;
    uint64_t positions = 16;
    if (!list || list->count != g->head_dim / 2) return err_set(e, ERR_INVALID, "the tensor \"rope_freqs.weight\" is no list of %u floats", g->head_dim / 2);
    json_each (v, list) factor = fmax(factor, v->r);
    while (positions < 1 << 24 && !is_llama3(list, base, g->head_dim, factor, positions)) positions *= 2;
    if (positions == 1 << 24) return err_set(e, ERR_NOT_BUILT, "the divisors in \"rope_freqs.weight\" are not those of Llama 3; this is not built");
    put_str(g, scaling, "rope_type", "llama3");
    put_real(g, scaling, "factor", factor);
    put_real(g, scaling, "low_freq_factor", 1);
    put_real(g, scaling, "high_freq_factor", 4);
    put_int(g, scaling, "original_max_position_embeddings", positions);
    return true;
}

static bool put_rope(struct gguf *g, struct json *config, struct err *e)
{
    struct json *scaling = json_new(g->a, JSON_OBJECT), *list;
    const struct gguf_value *type = of_arch(g, "rope.scaling.type");
    double factor = 1, base = 10000, v;
    uint64_t n;
    str kind = type && type->type == GGUF_STRING ? type->s : STR("none");
    real_number(g, "rope.freq_base", &base);
    if (whole_number(of_arch(g, "rope.dimension_count"), &n) && n != g->head_dim && n > 0) {
        /* A little more, so that cutting it off gives the number back. */
        const char *key = strcmp(g->arch->model_type, "gpt_neox") == 0 ? "rotary_pct" : "partial_rotary_factor";
        put_real(g, config, key, ((double)n + 0.01) / g->head_dim);
    }
    if (real_number(g, "rope.scaling.factor", &factor)) put_real(g, scaling, "factor", factor);
    if (whole_number(of_arch(g, "rope.scaling.original_context_length"), &n)) {
        put_int(g, scaling, "original_max_position_embeddings", n);
        put_int(g, config, "original_max_position_embeddings", n);
    }
    if ((list = floats_of(g, "rope_factors_long.weight"))) {
        put_str(g, scaling, "rope_type", "longrope");
        json_put(scaling, STR("long_factor"), list);
        if ((list = floats_of(g, "rope_factors_short.weight"))) json_put(scaling, STR("short_factor"), list);
        if (real_number(g, "rope.scaling.attn_factor", &v)) put_real(g, scaling, "attention_factor", v);
    } else if (gguf_find(g, STR("rope_freqs.weight"), NULL)) {
        if (!put_llama3(g, scaling = json_new(g->a, JSON_OBJECT), base, e)) return false;
    } else if (str_eq(kind, STR("linear"))) {
        put_str(g, scaling, "rope_type", "linear");
    } else if (str_eq(kind, STR("yarn"))) {
        put_str(g, scaling, "rope_type", "yarn");
        if (real_number(g, "rope.scaling.yarn_beta_fast", &v)) put_real(g, scaling, "beta_fast", v);
        if (real_number(g, "rope.scaling.yarn_beta_slow", &v)) put_real(g, scaling, "beta_slow", v);
        if (real_number(g, "rope.scaling.attn_factor", &v) && v != 1 && factor > 1) put_real(g, scaling, "attention_factor", v * (1 + 0.1 * log(factor)));
    } else if (str_eq(kind, STR("none"))) {
        return true;
    } else {
        return err_set(e, ERR_NOT_BUILT, "the rope scaling \"%.*s\" is not built; none, linear and yarn are", STR_ARG(str_to(kind, 60)));
    }
    json_put(config, STR("rope_scaling"), scaling);
    return true;
}

/* ------------------------------------------------------------------ what llama.cpp knows by heart */

/* Layers without a router are plain ones. */
static void put_plain_layers(struct gguf *g, struct json *config, uint64_t layers)
{
    struct json *list = json_new(g->a, JSON_ARRAY);
    for (uint64_t i = 0; i < layers && i < LAYERS_MAX; i++)
        if (!gguf_find(g, arena_fmt(g->a, "blk.%u.ffn_gate_inp.weight", (unsigned)i), NULL)) json_add(list, json_new_int(g->a, (int64_t)i));
    json_put(config, STR("mlp_only_layers"), list);
    put_int(g, config, "decoder_sparse_step", 1);
}

static void put_by_heart(struct gguf *g, struct json *config)
{
    const char *type = g->arch->model_type;
    uint64_t layers = 0, hidden = 0;
    double scale, scalar = g->head_dim;
    whole_number(of_arch(g, "block_count"), &layers);
    whole_number(of_arch(g, "embedding_length"), &hidden);
    if (strcmp(type, "gemma2") == 0 || strcmp(type, "gemma3_text") == 0) {
        bool is_27b = layers == (type[5] == '2' ? 46u : 62u); /* the one size whose queries are scaled otherwise */
        if (is_27b) scalar = (double)(hidden / g->heads);
        if (real_number(g, "attention.scale", &scale) && scale > 0) scalar = 1 / (scale * scale);
        put_real(g, config, "query_pre_attn_scalar", scalar);
    } else if (strcmp(type, "mixtral") == 0) {
        json_put(config, STR("num_local_experts"), json_new_int(g->a, json_int_or(config, STR("num_experts"), 0)));
    } else if (strcmp(type, "qwen3_moe") == 0 || strcmp(type, "qwen2_moe") == 0) {
        put_bool(g, config, "norm_topk_prob", type[4] == '3');
        put_plain_layers(g, config, layers);
    }
    if (g->arch->keys) return;
    put_bool(g, config, "attention_bias", gguf_find(g, STR("blk.0.attn_q.bias"), NULL) || gguf_find(g, STR("blk.0.attn_qkv.bias"), NULL));
    if (strcmp(type, "stablelm") == 0) put_bool(g, config, "use_qkv_bias", gguf_find(g, STR("blk.0.attn_q.bias"), NULL));
    put_bool(g, config, "mlp_bias", gguf_find(g, STR("blk.0.ffn_up.bias"), NULL));
}

/* ------------------------------------------------------------------ encoders */

static void add_module(struct gguf *g, const char *path, const char *kind)
{
    struct json *m = json_new(g->a, JSON_OBJECT);
    put_int(g, m, "idx", g->modules->count);
    json_put(m, STR("name"), json_new_str(g->a, arena_fmt(g->a, "%zu", g->modules->count)));
    put_str(g, m, "path", path);
    json_put(m, STR("type"), json_new_str(g->a, arena_fmt(g->a, "sentence_transformers.models.%s", kind)));
    json_add(g->modules, m);
}

/* One vector of a text, as sentence-transformers would make it.  The file does not say whether its length becomes 1;
 * whoever compares such vectors does that. */
static bool put_pooling(struct gguf *g, struct err *e)
{
    uint64_t pooling = 0, hidden = 0;
    if (!whole_number(of_arch(g, "pooling_type"), &pooling) || pooling == 0) return true;
    if (pooling > 3)
        return err_set(e, ERR_NOT_BUILT, "%s.pooling_type is %llu; 1 (mean), 2 (first token) and 3 (last token) are built", g->arch->name,
                       (unsigned long long)pooling);
    whole_number(of_arch(g, "embedding_length"), &hidden);
    g->modules = json_new(g->a, JSON_ARRAY);
    add_module(g, "", "Transformer");
    add_module(g, "1_Pooling", "Pooling");
    add_module(g, "2_Normalize", "Normalize");
    g->pooling = json_new(g->a, JSON_OBJECT);
    put_int(g, g->pooling, "word_embedding_dimension", hidden);
    put_bool(g, g->pooling, "pooling_mode_mean_tokens", pooling == 1);
    put_bool(g, g->pooling, "pooling_mode_cls_token", pooling == 2);
    put_bool(g, g->pooling, "pooling_mode_lasttoken", pooling == 3);
    return true;
}

static void put_encoder(struct gguf *g)
{
    const struct gguf_tensor *types = gguf_find(g, STR("token_types.weight"), NULL);
    struct json *architectures = json_new(g->a, JSON_ARRAY);
    json_add(architectures, json_new_str(g->a, STR("BertModel")));
    json_put(g->config, STR("architectures"), architectures);
    put_int(g, g->config, "type_vocab_size", types && types->rank == 2 ? types->shape[1] : 1);
}

/* ------------------------------------------------------------------ tokens */

static bool token_text(const struct gguf *g, uint64_t id, str *out)
{
    return gguf_array_str(gguf_get(&g->part[0], STR("tokenizer.ggml.tokens")), id, out);
}

static void put_token(struct gguf *g, const char *key, const char *id_name, const char *text_name)
{
    uint64_t id;
    str text;
    if (!gguf_get_u64(&g->part[0], str_c(key), &id)) return;
    if (strcmp(id_name, "bos_token_id") == 0 || strcmp(id_name, "eos_token_id") == 0) put_int(g, g->config, id_name, id);
    if (token_text(g, id, &text)) json_put(g->tokenizer, str_c(text_name), json_new_str(g->a, text));
}

/* A chat ends its turns by other tokens than the end of a text; files do not always name them. */
static void put_ends(struct gguf *g)
{
    static const char *const named[] = { "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id" };
    static const char *const known[] = { "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>", "<|end_of_text|>" };
    const struct gguf_value *tokens = gguf_get(&g->part[0], STR("tokenizer.ggml.tokens")), *types = gguf_get(&g->part[0], STR("tokenizer.ggml.token_type"));
    struct json *list = json_new(g->a, JSON_ARRAY);
    uint64_t id;
    for (size_t i = 0; i < COUNT(named); i++)
        if (gguf_get_u64(&g->part[0], str_c(named[i]), &id)) json_add(list, json_new_int(g->a, (int64_t)(id & INT64_MAX)));
    str text, rest = { 0 };
    bool has_types = types && types->type == GGUF_ARRAY && types->array.item == GGUF_I32;
    for (uint64_t i = 0; has_types && list->count < ENDS_MAX && i < types->array.count && gguf_array_next(tokens, &rest, &text); i++) {
        int32_t type;
        memcpy(&type, types->array.data.p + 4 * i, sizeof type);
        for (size_t k = 0; type == 3 && k < COUNT(known); k++)
            if (str_eq(text, str_c(known[k]))) json_add(list, json_new_int(g->a, (int64_t)i));
    }
    if (list->count) json_put(g->generation, STR("eos_token_id"), list);
}

static void put_tokens(struct gguf *g)
{
    str template;
    put_token(g, "tokenizer.ggml.bos_token_id", "bos_token_id", "bos_token");
    put_token(g, "tokenizer.ggml.eos_token_id", "eos_token_id", "eos_token");
    put_token(g, "tokenizer.ggml.unknown_token_id", "unk_token_id", "unk_token");
    put_token(g, "tokenizer.ggml.padding_token_id", "pad_token_id", "pad_token");
    if (gguf_get_str(&g->part[0], STR("tokenizer.chat_template"), &template))
        json_put(g->tokenizer, STR("chat_template"), json_new_str(g->a, template));
    put_ends(g);
}

bool gguf_describe(struct gguf *g, struct err *e)
{
    g->config = json_new(g->a, JSON_OBJECT);
    g->generation = json_new(g->a, JSON_OBJECT);
    g->tokenizer = json_new(g->a, JSON_OBJECT);
    put_str(g, g->config, "model_type", g->arch->model_type);
    put_bool(g, g->config, "tie_word_embeddings", !gguf_find(g, STR("output.weight"), NULL));
    if (!refuse_unread(g, e) || !put_keys(g, g->config, g->arch->keys ? g->arch->keys : keys_llama, e) || !put_keys(g, g->config, g->arch->more, e) || !read_sizes(g, g->config, e) || !put_rope(g, g->config, e)) return false;
    if (g->arch->is_encoder) put_encoder(g);
    if (!put_pooling(g, e)) return false;
    put_by_heart(g, g->config);
    put_tokens(g);
    return true;
}
