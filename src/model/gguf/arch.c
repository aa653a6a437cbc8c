/* model/gguf/arch.c - the table of architectures, and tensors under the names that they had in their repository.
 *
 * To add one: a row in `archs`, with what differs from Llama's names.  tests/oracle/gguf/make_gguf.py converts the tiny
 * models of tests/data/decoders, and test_gguf compares their logits. */
#include "model/gguf/gguf_priv.h"

#include "model/gguf/block.h"

enum { EXPERTS_MAX = 1024, TENSORS_MAX = 1 << 20 };

static const struct gguf_name whole_llama[] = {
    { "token_embd", "model.embed_tokens" }, { "output_norm", "model.norm" }, { "output", "lm_head" }, { NULL, NULL },
};
static const struct gguf_name whole_gpt2[] = {
    { "token_embd", "transformer.wte" }, { "position_embd", "transformer.wpe" }, { "output_norm", "transformer.ln_f" }, { "output", "lm_head" },
    { NULL, NULL },
};
static const struct gguf_name whole_gptneox[] = {
    { "token_embd", "gpt_neox.embed_in" }, { "output_norm", "gpt_neox.final_layer_norm" }, { "output", "embed_out" }, { NULL, NULL },
};

static const struct gguf_name layer_llama[] = {
    { "attn_norm", "input_layernorm" },       { "attn_q", "self_attn.q_proj" },       { "attn_k", "self_attn.k_proj" },
    { "attn_v", "self_attn.v_proj" },         { "attn_qkv", "self_attn.qkv_proj" },   { "attn_output", "self_attn.o_proj" },
    { "attn_q_norm", "self_attn.q_norm" },    { "attn_k_norm", "self_attn.k_norm" },  { "ffn_norm", "post_attention_layernorm" },
    { "ffn_gate", "mlp.gate_proj" },          { "ffn_up", "mlp.up_proj" },            { "ffn_down", "mlp.down_proj" },
    { "ffn_gate_inp", "mlp.gate" },           { "ffn_gate_exps", "mlp.experts.%u.gate_proj" },
    { "ffn_up_exps", "mlp.experts.%u.up_proj" },         { "ffn_down_exps", "mlp.experts.%u.down_proj" },
    { "ffn_gate_inp_shexp", "mlp.shared_expert_gate" },  { "ffn_gate_shexp", "mlp.shared_expert.gate_proj" },
    { "ffn_up_shexp", "mlp.shared_expert.up_proj" },     { "ffn_down_shexp", "mlp.shared_expert.down_proj" }, { NULL, NULL },
};
static const struct gguf_name layer_mixtral[] = {
    { "ffn_gate_inp", "block_sparse_moe.gate" },              { "ffn_gate_exps", "block_sparse_moe.experts.%u.w1" },
    { "ffn_up_exps", "block_sparse_moe.experts.%u.w3" },      { "ffn_down_exps", "block_sparse_moe.experts.%u.w2" }, { NULL, NULL },
};
static const struct gguf_name layer_phi3[] = { { "ffn_up", "mlp.gate_up_proj" }, { NULL, NULL } };
static const struct gguf_name layer_gemma2[] = {
    { "ffn_norm", "pre_feedforward_layernorm" }, { "post_attention_norm", "post_attention_layernorm" },
    { "post_ffw_norm", "post_feedforward_layernorm" }, { NULL, NULL },
};
static const struct gguf_name layer_gpt2[] = {
    { "attn_norm", "ln_1" }, { "attn_qkv", "attn.c_attn" }, { "attn_output", "attn.c_proj" }, { "ffn_norm", "ln_2" },
    { "ffn_up", "mlp.c_fc" }, { "ffn_down", "mlp.c_proj" }, { NULL, NULL },
};
static const struct gguf_name layer_gptneox[] = {
    { "attn_qkv", "attention.query_key_value" }, { "attn_output", "attention.dense" }, { "ffn_up", "mlp.dense_h_to_4h" },
    { "ffn_down", "mlp.dense_4h_to_h" }, { NULL, NULL },
};
static const struct gguf_name whole_phi2[] = {
    { "token_embd", "model.embed_tokens" }, { "output_norm", "model.final_layernorm" }, { "output", "lm_head" }, { NULL, NULL },
};
static const struct gguf_name layer_phi2[] = { { "attn_output", "self_attn.dense" }, { "ffn_up", "mlp.fc1" }, { "ffn_down", "mlp.fc2" }, { NULL, NULL } };
static const struct gguf_name layer_olmo2[] = {
    { "post_attention_norm", "post_attention_layernorm" }, { "post_ffw_norm", "post_feedforward_layernorm" }, { NULL, NULL },
};
static const struct gguf_name layer_starcoder2[] = { { "ffn_up", "mlp.c_fc" }, { "ffn_down", "mlp.c_proj" }, { NULL, NULL } };
static const struct gguf_name layer_glm4[] = {
    { "ffn_up", "mlp.gate_up_proj" }, { "post_attention_norm", "post_self_attn_layernorm" }, { "post_ffw_norm", "post_mlp_layernorm" }, { NULL, NULL },
};
static const struct gguf_name whole_bert[] = {
    { "token_embd", "embeddings.word_embeddings" }, { "position_embd", "embeddings.position_embeddings" },
    { "token_types", "embeddings.token_type_embeddings" }, { "token_embd_norm", "embeddings.LayerNorm" }, { NULL, NULL },
};
static const struct gguf_name layer_bert[] = {
    { "attn_q", "attention.self.query" }, { "attn_k", "attention.self.key" }, { "attn_v", "attention.self.value" },
    { "attn_output", "attention.output.dense" }, { "attn_output_norm", "attention.output.LayerNorm" }, { "ffn_up", "intermediate.dense" },
    { "ffn_down", "output.dense" }, { "layer_output_norm", "output.LayerNorm" }, { NULL, NULL },
};
static const struct gguf_name whole_nomic[] = {
    { "token_embd", "embeddings.word_embeddings" }, { "token_types", "embeddings.token_type_embeddings" }, { "token_embd_norm", "emb_ln" }, { NULL, NULL },
};
static const struct gguf_name layer_nomic[] = {
    { "attn_qkv", "attn.Wqkv" }, { "attn_output", "attn.out_proj" }, { "attn_output_norm", "norm1" }, { "ffn_up", "mlp.fc11" },
    { "ffn_gate", "mlp.fc12" }, { "ffn_down", "mlp.fc2" }, { "layer_output_norm", "norm2" }, { NULL, NULL },
};
static const struct gguf_name keys_bert[] = {
    { "context_length", "max_position_embeddings" }, { "embedding_length", "hidden_size" }, { "block_count", "num_hidden_layers" },
    { "attention.head_count", "num_attention_heads" }, { "feed_forward_length", "intermediate_size" },
    { "attention.layer_norm_epsilon", "layer_norm_eps" }, { NULL, NULL },
};
static const struct gguf_name more_nomic[] = { { "rope.freq_base", "rope_theta" }, { NULL, NULL } };
static const struct gguf_name more_granite[] = {
    { "logit_scale", "logits_scaling" }, { "attention.scale", "attention_multiplier" }, { "residual_scale", "residual_multiplier" },
    { "embedding_scale", "embedding_multiplier" }, { NULL, NULL },
};
static const struct gguf_name more_cohere[] = { { "logit_scale", "logit_scale" }, { NULL, NULL } };
static const struct gguf_name more_starcoder2[] = { { "attention.layer_norm_epsilon", "norm_epsilon" }, { NULL, NULL } };
static const struct gguf_name more_nemotron[] = { { "attention.layer_norm_epsilon", "norm_eps" }, { NULL, NULL } };
static const struct gguf_name keys_gpt2[] = {
    { "context_length", "n_positions" }, { "embedding_length", "n_embd" }, { "block_count", "n_layer" }, { "attention.head_count", "n_head" },
    { "feed_forward_length", "n_inner" }, { "attention.layer_norm_epsilon", "layer_norm_epsilon" }, { NULL, NULL },
};

static const struct gguf_arch archs[] = {
    { .name = "llama", .model_type = "llama", .pairs_rows = true },
    { .name = "llama", .model_type = "mistral", .pairs_rows = true },
    { .name = "llama", .model_type = "mixtral", .layer = layer_mixtral, .pairs_rows = true },
    { .name = "qwen2", .model_type = "qwen2" },
    { .name = "qwen3", .model_type = "qwen3" },
    { .name = "qwen2moe", .model_type = "qwen2_moe" },
    { .name = "qwen3moe", .model_type = "qwen3_moe" },
    { .name = "smollm3", .model_type = "smollm3", .pairs_rows = true },
    { .name = "phi3", .model_type = "phi3", .layer = layer_phi3 },
    { .name = "gemma", .model_type = "gemma", .adds_one = true },
    { .name = "gemma2", .model_type = "gemma2", .layer = layer_gemma2, .adds_one = true },
    { .name = "gemma3", .model_type = "gemma3_text", .layer = layer_gemma2, .adds_one = true },
    { .name = "phi2", .model_type = "phi", .whole = whole_phi2, .layer = layer_phi2 },
    { .name = "olmo2", .model_type = "olmo2", .layer = layer_olmo2 },
    { .name = "granite", .model_type = "granite", .more = more_granite, .pairs_rows = true },
    { .name = "command-r", .model_type = "cohere", .more = more_cohere },
    { .name = "glm4", .model_type = "glm4", .layer = layer_glm4 },
    { .name = "starcoder2", .model_type = "starcoder2", .layer = layer_starcoder2, .more = more_starcoder2 },
    { .name = "stablelm", .model_type = "stablelm" },
    { .name = "nemotron", .model_type = "nemotron", .more = more_nemotron, .adds_one = true },
    { .name = "arcee", .model_type = "arcee", .pairs_rows = true },
    { .name = "gpt2", .model_type = "gpt2", .prefix = "transformer.h.", .whole = whole_gpt2, .layer = layer_gpt2, .keys = keys_gpt2, .transposes = true },
    { .name = "bert", .model_type = "bert", .prefix = "encoder.layer.", .whole = whole_bert, .layer = layer_bert, .keys = keys_bert, .is_encoder = true },
    { .name = "nomic-bert", .model_type = "nomic_bert", .prefix = "encoder.layers.", .whole = whole_nomic, .layer = layer_nomic, .keys = keys_bert, .more = more_nomic, .is_encoder = true },
    { .name = "gptneox", .model_type = "gpt_neox", .prefix = "gpt_neox.layers.", .whole = whole_gptneox, .layer = layer_gptneox, .by_head = true },
};

bool gguf_arch_find(const struct gguf_header *h, const struct gguf_arch **out, struct err *e)
{
    uint64_t n;
    str name, key;
    if (!gguf_get_str(h, STR("general.architecture"), &name)) return err_set(e, ERR_INVALID, "GGUF: general.architecture is missing");
    /* Files of Mistral and Mixtral call themselves Llama. */
    key = STR("llama");
    if (str_eq(name, key) && gguf_get_u64(h, STR("llama.expert_count"), &n) && n > 0) key = STR("mixtral");
    else if (str_eq(name, key) && gguf_get_u64(h, STR("llama.attention.sliding_window"), &n) && n > 0) key = STR("mistral");
    for (size_t i = 0; i < COUNT(archs); i++)
        if (str_eq(str_c(archs[i].name), name) && (!str_eq(name, STR("llama")) || str_eq(key, str_c(archs[i].model_type)))) {
            *out = &archs[i];
            return true;
        }
    err_set(e, ERR_NOT_BUILT, "the architecture \"%.*s\" is not supported in GGUF; supported are", STR_ARG(str_to(name, 60)));
    for (size_t i = 0, at = strlen(e->msg); i < COUNT(archs); i++, at = strlen(e->msg))
        if (i == 0 || strcmp(archs[i].name, archs[i - 1].name) != 0) snprintf(e->msg + at, sizeof e->msg - at, "%s %s", i ? "," : "", archs[i].name);
    return false;
}

/* ------------------------------------------------------------------ names */

static const char *look_up(const struct gguf_name *list, str name)
{
    for (; list && list->gguf; list++)
        if (str_eq(str_c(list->gguf), name)) return list->hub;
    return NULL;
}

struct place { /* where a tensor belongs */
    str name;        /* in the repository; of experts with %u */
    str part, suffix; /* "attn_q", ".weight" */
};

/* What the conversion makes of the config; config.c reads it from there. */
static bool is_no_weight(str name)
{
    return str_eq(name, STR("rope_freqs.weight")) || str_eq(name, STR("rope_factors_long.weight")) || str_eq(name, STR("rope_factors_short.weight"));
}

static bool place_of(const struct gguf *g, str name, struct place *out)
{
    const struct gguf_arch *arch = g->arch;
    size_t dot = str_rchr(name, '.');
    const char *hub;
    uint64_t layer;
    if (dot == STR_NONE) return false;
    out->suffix = str_from(name, dot);
    out->part = str_to(name, dot);
    if (!str_starts(name, STR("blk."))) {
        hub = look_up(arch->whole ? arch->whole : whole_llama, out->part);
        if (hub) out->name = arena_fmt(g->a, "%s%.*s", hub, STR_ARG(out->suffix));
        return hub;
    }
    str rest = str_from(out->part, 4);
    size_t end = str_chr(rest, '.');
    if (end == STR_NONE || !str_u64(str_to(rest, end), &layer)) return false;
    out->part = str_from(rest, end + 1);
    if (!(hub = look_up(arch->layer, out->part)) && !(hub = look_up(layer_llama, out->part))) return false;
    out->name = arena_fmt(g->a, "%s%llu.%s%.*s", arch->prefix ? arch->prefix : "model.layers.", (unsigned long long)layer, hub, STR_ARG(out->suffix));
    return true;
}

/* ------------------------------------------------------------------ tensors */

static bool number_type(uint32_t type, enum st_dtype *out)
{
    switch (type) {
    case 0: *out = ST_F32; return true;
    case 1: *out = ST_F16; return true;
    case 24: *out = ST_I8; return true;
    case 25: *out = ST_I16; return true;
    case 26: *out = ST_I32; return true;
    case 27: *out = ST_I64; return true;
    case 28: *out = ST_F64; return true;
    case 30: *out = ST_BF16; return true;
    }
    return false;
}

struct tensor_list {
    struct tensor *item;
    size_t n, room;
};

static struct tensor *add_tensor(struct tensor_list *l)
{
    if (l->n == TENSORS_MAX) return NULL;
    if (l->n == l->room) {
        l->room = l->room ? 2 * l->room : 256;
        l->item = mem_grow(l->item, l->room * sizeof *l->item);
    }
    return &l->item[l->n++];
}

static void set_order(const struct gguf *g, const struct place *p, struct tensor *t)
{
    const struct gguf_arch *arch = g->arch;
    bool is_q = str_eq(p->part, STR("attn_q")), is_k = str_eq(p->part, STR("attn_k"));
    bool is_norm = str_ends(p->part, STR("norm"));
    if (arch->pairs_rows && (is_q || is_k)) {
        t->order = TENSOR_PAIRS;
        t->heads = is_q ? g->heads : g->kv_heads;
    }
    if (arch->by_head && str_eq(p->part, STR("attn_qkv"))) {
        t->order = TENSOR_BY_HEAD;
        t->heads = g->heads;
    }
    if (arch->adds_one && is_norm && str_eq(p->suffix, STR(".weight"))) t->shift = -1;
    if (arch->transposes && t->rank == 2 && str_starts(p->name, STR("transformer.h."))) {
        t->is_transposed = true;
        t->shape[0] ^= t->shape[1], t->shape[1] ^= t->shape[0], t->shape[0] ^= t->shape[1];
    }
}

static bool make_tensor(const struct gguf *g, const struct gguf_tensor *from, const struct place *p, bytes data, struct tensor_list *l, struct err *e)
{
    struct tensor *t = add_tensor(l);
    if (!t) return err_set(e, ERR_TOO_LARGE, "more than %d tensors", TENSORS_MAX);
    *t = (struct tensor){ .name = p->name, .rank = from->rank, .elements = from->elements, .data = data };
    for (unsigned i = 0; i < t->rank; i++) t->shape[i] = from->shape[t->rank - 1 - i];
    if (!number_type(from->type, &t->dtype) && !(t->block = gguf_block(from->type))) {
        unsigned elements, size;
        str name = STR("?");
        gguf_tensor_type(from->type, &name, &elements, &size);
        return err_set(e, ERR_NOT_BUILT, "the tensor \"%.*s\" is packed as %.*s, which is not read; take a file in Q8_0, Q6_K, Q5_K, Q4_K or Q4_0",
                       STR_ARG(from->name), STR_ARG(name));
    }
    set_order(g, p, t);
    uint64_t rows = t->rank == 2 ? t->shape[0] : t->elements, unit = t->order == TENSOR_PAIRS ? 2 : t->order == TENSOR_BY_HEAD ? 3 : 1;
    if (t->order != TENSOR_PLAIN && (t->heads == 0 || rows % (unit * t->heads) != 0))
        return err_set(e, ERR_INVALID, "the tensor \"%.*s\" has %llu rows, which %u heads cannot share", STR_ARG(from->name), (unsigned long long)rows, t->heads);
    return true;
}

/* [experts, out, in]: as many matrices. */
static bool add_experts(const struct gguf *g, const struct gguf_tensor *from, const struct place *p, bytes data, struct tensor_list *l, struct err *e)
{
    uint64_t experts = from->rank == 3 ? from->shape[2] : 0;
    size_t hole = str_find(p->name, STR("%u"));
    if (experts == 0 || experts > EXPERTS_MAX)
        return err_set(e, ERR_INVALID, "the tensor \"%.*s\" is not one of 1 to %d experts", STR_ARG(from->name), EXPERTS_MAX);
    struct gguf_tensor one = *from;
    one.rank = 2;
    one.elements /= experts;
    size_t size = (size_t)(from->size_bytes / experts);
    for (uint64_t i = 0; i < experts; i++) {
        struct place its = *p;
        its.name = arena_fmt(g->a, "%.*s%u%.*s", STR_ARG(str_to(p->name, hole)), (unsigned)i, STR_ARG(str_from(p->name, hole + 2)));
        if (!make_tensor(g, &one, &its, (bytes){ data.p + i * size, size }, l, e)) return false;
    }
    return true;
}

static bool add_part(const struct gguf *g, size_t part, struct tensor_list *l, struct err *e)
{
    const struct gguf_header *h = &g->part[part];
    for (size_t i = 0; i < h->tensors_count; i++) {
        const struct gguf_tensor *t = &h->tensor[i];
        bytes data = { g->map[part].p + h->data_offset + t->offset, (size_t)t->size_bytes };
        struct place p;
        if (is_no_weight(t->name)) continue;
        if (!place_of(g, t->name, &p))
            return err_set(e, ERR_NOT_BUILT, "the tensor \"%.*s\" is unknown in the architecture %s", STR_ARG(str_to(t->name, 100)), g->arch->name);
        bool is_expert = str_find(p.name, STR("%u")) != STR_NONE;
        if (is_expert ? !add_experts(g, t, &p, data, l, e) : !make_tensor(g, t, &p, data, l, e)) return false;
    }
    return true;
}

bool gguf_weights(const struct gguf *g, struct weights **out, struct err *e)
{
    struct tensor_list l = { 0 };
    bool ok = true;
    for (size_t i = 0; ok && i < g->parts; i++) ok = add_part(g, i, &l, e);
    ok = ok && weights_from(l.item, l.n, out, e);
    if (!ok) err_context(e, "%s", g->path);
    mem_free(l.item);
    return ok;
}
