/* model/encoder/families.c - the table of families: what each calls its tensors, and how it differs from BERT.
 *
 * To add one, write its names and a row, and a function if its config.json says more than BERT's.  Where the arithmetic is
 * new, it gets a field in struct encoder_config, and forward.c the lines that obey it. */
#include <math.h>

#include "model/decoder/family.h"
#include "model/encoder/family.h"

/* ------------------------------------------------------------------ names */

#define BERT_EMBEDDINGS                                                                                   \
    .word = "embeddings.word_embeddings", .position = "embeddings.position_embeddings",                   \
    .type = "embeddings.token_type_embeddings", .embedding_norm = "embeddings.LayerNorm"
#define BERT_LAYER                                                                                        \
    .layer = "encoder.layer.%u.", .q = "attention.self.query", .k = "attention.self.key",                 \
    .v = "attention.self.value", .o = "attention.output.dense", .attention_norm = "attention.output.LayerNorm", \
    .up = "intermediate.dense", .down = "output.dense", .output_norm = "output.LayerNorm"
#define PLAIN_HEADS [HEAD_TOKEN] = { .out = "classifier" }, [HEAD_QUESTION] = { .out = "qa_outputs" }
#define BERT_POOLER [HEAD_POOLER] = { .dense = "pooler.dense", .act = KERNEL_TANH }
#define BERT_MASKED                                                                                       \
    [HEAD_MASKED] = { .dense = "cls.predictions.transform.dense", .norm = "cls.predictions.transform.LayerNorm", \
                      .out = "cls.predictions.decoder", .out_bias = "cls.predictions.bias", .act_of_config = true, .is_tied = true }

#define BERT(name)                                                                                        \
    { .prefix = name, BERT_EMBEDDINGS, BERT_LAYER,                                                        \
      .head = { PLAIN_HEADS, BERT_POOLER, BERT_MASKED,                                                    \
                [HEAD_SEQUENCE] = { .dense = "pooler.dense", .act = KERNEL_TANH, .out = "classifier" } } }
static const struct encoder_names bert = BERT("bert.");
static const struct encoder_names ernie = BERT("ernie.");

#define ROBERTA(name)                                                                                     \
    { .prefix = name, BERT_EMBEDDINGS, BERT_LAYER,                                                        \
      .head = { PLAIN_HEADS, BERT_POOLER,                                                                 \
                [HEAD_SEQUENCE] = { .dense = "classifier.dense", .act = KERNEL_TANH, .out = "classifier.out_proj" }, \
                [HEAD_MASKED] = { .dense = "lm_head.dense", .act = KERNEL_GELU, .norm = "lm_head.layer_norm", \
                                  .out = "lm_head.decoder", .out_bias = "lm_head.bias", .is_tied = true } } }
static const struct encoder_names roberta = ROBERTA("roberta.");
static const struct encoder_names data2vec = ROBERTA("data2vec_text.");

static const struct encoder_names distilbert = {
    .prefix = "distilbert.", BERT_EMBEDDINGS,
    .layer = "transformer.layer.%u.", .q = "attention.q_lin", .k = "attention.k_lin", .v = "attention.v_lin",
    .o = "attention.out_lin", .attention_norm = "sa_layer_norm", .up = "ffn.lin1", .down = "ffn.lin2",
    .output_norm = "output_layer_norm",
    .head = { PLAIN_HEADS, [HEAD_SEQUENCE] = { .dense = "pre_classifier", .act = KERNEL_RELU, .out = "classifier" },
              [HEAD_MASKED] = { .dense = "vocab_transform", .norm = "vocab_layer_norm", .out = "vocab_projector",
                                .act_of_config = true, .is_tied = true } },
};

static const struct encoder_names mpnet = {
    .prefix = "mpnet.", BERT_EMBEDDINGS,
    .layer = "encoder.layer.%u.", .q = "attention.attn.q", .k = "attention.attn.k", .v = "attention.attn.v",
    .o = "attention.attn.o", .attention_norm = "attention.LayerNorm", .up = "intermediate.dense", .down = "output.dense",
    .output_norm = "output.LayerNorm",
    .head = { PLAIN_HEADS, BERT_POOLER,
              [HEAD_SEQUENCE] = { .dense = "classifier.dense", .act = KERNEL_TANH, .out = "classifier.out_proj" },
              [HEAD_MASKED] = { .dense = "lm_head.dense", .act = KERNEL_GELU, .norm = "lm_head.layer_norm",
                                .out = "lm_head.decoder", .out_bias = "lm_head.bias", .is_tied = true } },
};

static const struct encoder_names electra = {
    .prefix = "electra.", BERT_EMBEDDINGS, .project = "embeddings_project", BERT_LAYER,
    .head = { PLAIN_HEADS,
              [HEAD_SEQUENCE] = { .dense = "classifier.dense", .act = KERNEL_GELU, .out = "classifier.out_proj" },
              [HEAD_MASKED] = { .dense = "generator_predictions.dense", .act = KERNEL_GELU,
                                .norm = "generator_predictions.LayerNorm", .out = "generator_lm_head", .is_tied = true,
                                .to_embedding = true } },
};

static const struct encoder_names albert = {
    .prefix = "albert.", BERT_EMBEDDINGS, .project = "encoder.embedding_hidden_mapping_in",
    .layer = "encoder.albert_layer_groups.%u.albert_layers.0.", .q = "attention.query", .k = "attention.key",
    .v = "attention.value", .o = "attention.dense", .attention_norm = "attention.LayerNorm", .up = "ffn",
    .down = "ffn_output", .output_norm = "full_layer_layer_norm",
    .head = { PLAIN_HEADS, [HEAD_POOLER] = { .dense = "pooler", .act = KERNEL_TANH },
              [HEAD_SEQUENCE] = { .dense = "pooler", .act = KERNEL_TANH, .out = "classifier" },
              [HEAD_MASKED] = { .dense = "predictions.dense", .norm = "predictions.LayerNorm", .out = "predictions.decoder",
                                .out_bias = "predictions.bias", .act_of_config = true, .is_tied = true, .to_embedding = true } },
};

static const struct encoder_names modernbert = {
    .prefix = "model.", .word = "embeddings.tok_embeddings", .embedding_norm = "embeddings.norm",
    .layer = "layers.%u.", .qkv = "attn.Wqkv", .o = "attn.Wo", .attention_norm = "attn_norm", .up = "mlp.Wi",
    .down = "mlp.Wo", .output_norm = "mlp_norm", .final_norm = "final_norm",
    .head = { [HEAD_SEQUENCE] = { .dense = "head.dense", .act = KERNEL_GELU, .norm = "head.norm", .out = "classifier" },
              [HEAD_TOKEN] = { .dense = "head.dense", .act = KERNEL_GELU, .norm = "head.norm", .out = "classifier" },
              [HEAD_QUESTION] = { .dense = "head.dense", .act = KERNEL_GELU, .norm = "head.norm", .out = "classifier" },
              [HEAD_MASKED] = { .dense = "head.dense", .act = KERNEL_GELU, .norm = "head.norm", .out = "decoder", .is_tied = true } },
};

static const struct encoder_names deberta = {
    .prefix = "deberta.", BERT_EMBEDDINGS, .project = "embeddings.embed_proj",
    .layer = "encoder.layer.%u.", .q = "attention.self.query_proj", .k = "attention.self.key_proj",
    .v = "attention.self.value_proj", .o = "attention.output.dense", .attention_norm = "attention.output.LayerNorm",
    .up = "intermediate.dense", .down = "output.dense", .output_norm = "output.LayerNorm",
    .head = { PLAIN_HEADS, BERT_MASKED, [HEAD_POOLER] = { .dense = "pooler.dense", .act = KERNEL_GELU },
              [HEAD_SEQUENCE] = { .dense = "pooler.dense", .act = KERNEL_GELU, .out = "classifier" } },
};

static const struct encoder_names nomic = {
    .prefix = "bert.", .word = "embeddings.word_embeddings", .type = "embeddings.token_type_embeddings", .embedding_norm = "emb_ln",
    .layer = "encoder.layers.%u.", .qkv = "attn.Wqkv", .o = "attn.out_proj", .attention_norm = "norm1", .gate = "mlp.fc12",
    .up = "mlp.fc11", .down = "mlp.fc2", .output_norm = "norm2",
};

static const struct encoder_names gte = {
    .prefix = "new.", BERT_EMBEDDINGS,
    .layer = "encoder.layer.%u.", .qkv = "attention.qkv_proj", .o = "attention.o_proj", .attention_norm = "attn_ln",
    .up = "mlp.up_gate_proj", .down = "mlp.down_proj", .output_norm = "mlp_ln",
    .head = { PLAIN_HEADS, BERT_POOLER, [HEAD_SEQUENCE] = { .dense = "pooler.dense", .act = KERNEL_TANH, .out = "classifier" } },
};

/* ------------------------------------------------------------------ what a config.json says more */

static bool read_ernie(const struct json *c, struct encoder_config *d, struct err *e)
{
    (void)d;
    return !json_bool_or(c, STR("use_task_id"), false) ||
           err_set(e, ERR_NOT_BUILT, "ERNIE with \"use_task_id\" is not built");
}

/* The first token has the row after the pad's. */
static bool read_offset_positions(struct encoder_config *d, int64_t pad, struct err *e)
{
    d->positions_skip_pad = true;
    d->pad = pad;
    if (pad < 0 || pad + 1 >= (int64_t)d->position_rows)
        return err_set(e, ERR_INVALID,
                       "config.json: positions begin after \"pad_token_id\", and with %lld none of %u is left",
                       (long long)pad, d->position_rows);
    d->position_base = (uint32_t)pad + 1;
    d->positions = d->position_rows - d->position_base;
    return true;
}

static bool read_roberta(const struct json *c, struct encoder_config *d, struct err *e)
{
    return read_offset_positions(d, json_int_or(c, STR("pad_token_id"), 1), e);
}

static bool read_mpnet(const struct json *c, struct encoder_config *d, struct err *e)
{
    d->types = 0;
    d->bias = BIAS_BUCKETS;
    d->distance_max = 128;
    if (!config_count(c, "relative_attention_num_buckets", 32, 2, 4096, &d->buckets, e)) return false;
    if (d->buckets != 32)
        return err_set(e, ERR_NOT_BUILT,
                       "MPNet with other than 32 \"relative_attention_num_buckets\" is not built; Transformers knows "
                       "no others either");
    return read_offset_positions(d, 1, e); /* whatever pad_token_id says */
}

static bool read_distilbert(const struct json *c, struct encoder_config *d, struct err *e)
{
    (void)c, (void)e;
    d->types = 0;
    d->norm_eps = 1e-12f; /* whatever layer_norm_eps says */
    return true;
}

/* Generators and small models have an embedding of another width. */
static bool read_electra(const struct json *c, struct encoder_config *d, struct err *e)
{
    return config_count(c, "embedding_size", 128, 1, 1u << 16, &d->embedding, e);
}

static bool read_albert(const struct json *c, struct encoder_config *d, struct err *e)
{
    uint32_t inner;
    if (!config_count(c, "embedding_size", 128, 1, 1u << 16, &d->embedding, e) ||
        !config_count(c, "num_hidden_groups", 1, 1, d->layers, &d->groups, e) ||
        !config_count(c, "inner_group_num", 1, 1, 1024, &inner, e))
        return false;
    if (!json_get(c, STR("hidden_act"))) d->act = KERNEL_GELU_TANH;
    return inner == 1 || err_set(e, ERR_NOT_BUILT, "ALBERT with \"inner_group_num\" above 1 is not built");
}

static bool read_modernbert(const struct json *c, struct encoder_config *d, struct err *e)
{
    uint32_t local;
    float global_base, local_base;
    str pooling = json_str_or(c, STR("classifier_pooling"), STR("cls"));
    if (json_is(json_get(c, STR("rope_scaling")), JSON_OBJECT))
        return err_set(e, ERR_NOT_BUILT, "ModernBERT with \"rope_scaling\" is not built");
    if (!str_eq(json_str_or(c, STR("classifier_activation"), STR("gelu")), STR("gelu")))
        return err_set(e, ERR_NOT_BUILT, "ModernBERT with another \"classifier_activation\" than gelu is not built");
    d->types = d->position_rows = 0;
    d->norms_before = d->first_has_no_norm = d->is_gated = d->has_rope = true;
    d->norm_bias = json_bool_or(c, STR("norm_bias"), false);
    d->qkv_bias = d->o_bias = json_bool_or(c, STR("attention_bias"), false);
    d->mlp_bias = json_bool_or(c, STR("mlp_bias"), false);
    d->decoder_bias = json_bool_or(c, STR("decoder_bias"), true);
    d->classifier_bias = json_bool_or(c, STR("classifier_bias"), false);
    d->pools_mean = str_eq(pooling, STR("mean"));
    if (!config_count(c, "max_position_embeddings", 8192, 1, 1u << 24, &d->positions, e) ||
        !config_real(c, "norm_eps", 1e-5f, &d->norm_eps, e) ||
        !config_real(c, "global_rope_theta", 160000, &global_base, e) ||
        !config_real(c, "local_rope_theta", 10000, &local_base, e) ||
        !config_count(c, "local_attention", 128, 2, 1u << 24, &local, e) ||
        !config_count(c, "global_attn_every_n_layers", 3, 1, ENCODER_LAYERS_MAX, &d->window_every, e) ||
        !encoder_act_read(c, "hidden_activation", &d->act, e))
        return false;
    if (json_is(json_get(c, STR("local_rope_theta")), JSON_NULL)) local_base = global_base;
    if (!(global_base >= 1) || !(local_base >= 1) || d->head_dim % 2)
        return err_set(e, ERR_INVALID,
                       "config.json: a rope over %u numbers a head with the bases %g and %g is not possible",
                       d->head_dim, global_base, local_base);
    d->rope_base[0] = global_base;
    d->rope_base[1] = local_base;
    d->window = local / 2;
    return true;
}

/* A rope over whole heads in all layers, in place of a table of positions. */
static bool use_rope(const struct json *c, struct encoder_config *d, float otherwise, struct err *e)
{
    const struct json *parameters = json_get(c, STR("rope_parameters"));
    float base;
    str type = json_str_or(parameters, STR("rope_type"), STR("default"));
    if (!str_eq(type, STR("default"))) return err_set(e, ERR_NOT_BUILT, "the rope type \"%.*s\" is not built here", STR_ARG(str_to(type, 60)));
    if (!config_real(json_is(parameters, JSON_OBJECT) ? parameters : c, "rope_theta", otherwise, &base, e)) return false;
    if (!(base >= 1) || d->head_dim % 2)
        return err_set(e, ERR_INVALID, "config.json: a rope over %u numbers a head with the base %g is not possible", d->head_dim, (double)base);
    d->position_rows = 0;
    d->has_rope = d->is_gated = true;
    d->rope_base[0] = d->rope_base[1] = base;
    return true;
}

/* As nomic-ai has published it, with the names of GPT-2 in config.json, or as Transformers writes it. */
static bool read_nomic(const struct json *c, struct encoder_config *d, struct err *e)
{
    static const char *const refused[] = { "prenorm", "parallel_block", "use_rms_norm", "causal", "rotary_emb_interleaved" };
    float fraction;
    uint32_t trained, every;
    str act = json_str_or(c, STR("activation_function"), STR("swiglu"));
    for (size_t i = 0; i < COUNT(refused); i++)
        if (json_bool_or(c, str_c(refused[i]), false)) return err_set(e, ERR_NOT_BUILT, "nomic_bert with \"%s\" is not built", refused[i]);
    if (!config_real(c, "rotary_emb_fraction", 1, &fraction, e) || !config_count(c, "moe_every_n_layers", 0, 0, 1u << 20, &every, e) ||
        !config_count(c, "max_trained_positions", d->positions, 1, 1u << 24, &trained, e))
        return false;
    if (fraction != 1 || every || !str_eq(act, STR("swiglu")))
        return err_set(e, ERR_NOT_BUILT, "nomic_bert is built with swiglu, a rope over whole heads, and without experts (as nomic-embed-text-v1 and v1.5 are)");
    d->qkv_bias = d->o_bias = json_bool_or(c, STR("qkv_proj_bias"), false);
    d->mlp_bias = json_bool_or(c, STR("mlp_fc1_bias"), false);
    if (d->mlp_bias != json_bool_or(c, STR("mlp_fc2_bias"), false)) return err_set(e, ERR_NOT_BUILT, "nomic_bert with a bias in half of an mlp is not built");
    /* The rope of longer texts depends on their length there. */
    if (!json_is(json_get(c, STR("rotary_scaling_factor")), JSON_NULL) && json_get(c, STR("rotary_scaling_factor")) && trained < d->positions) d->positions = trained;
    if (!json_get(c, STR("hidden_act"))) d->act = KERNEL_SILU;
    return config_real(c, json_get(c, STR("layer_norm_epsilon")) ? "layer_norm_epsilon" : "layer_norm_eps", 1e-12f, &d->norm_eps, e) &&
           use_rope(c, d, 1000, e);
}

/* Alibaba's "new"; Transformers calls it "gte".  Of the ropes of its scaling "ntk", which is for all lengths, the base grows
 * by the factor, and angles are divided by its (2 / head_dim)th power. */
static bool read_gte(const struct json *c, struct encoder_config *d, struct err *e)
{
    const struct json *scaling = json_get(c, STR("rope_scaling"));
    float factor = 1;
    if (json_bool_or(c, STR("logn_attention_scale"), false) || !str_eq(json_str_or(c, STR("layer_norm_type"), STR("layer_norm")), STR("layer_norm")))
        return err_set(e, ERR_NOT_BUILT, "this model with \"logn_attention_scale\" or another \"layer_norm_type\" than layer_norm is not built");
    if (!use_rope(c, d, json_get(c, STR("rope_parameters")) ? 160000 : 10000, e) || !config_count(c, "type_vocab_size", 1, 0, 256, &d->types, e)) return false;
    d->gate_is_last = d->up_has_no_bias = true;
    if (!json_is(scaling, JSON_OBJECT)) return true;
    if (!str_eq(json_str_or(scaling, STR("type"), STR("")), STR("ntk")) || json_get(scaling, STR("mixed_b")))
        return err_set(e, ERR_NOT_BUILT, "of \"rope_scaling\" the type ntk is built, without \"mixed_b\"");
    if (!config_real(scaling, "factor", 1, &factor, e)) return false;
    if (!(factor >= 1)) return err_set(e, ERR_INVALID, "config.json: the rope's \"factor\" must be 1 at least");
    d->rope_base[0] *= factor;
    d->rope_base[1] *= factor;
    d->rope_stretch = pow(factor, 2.0 / d->head_dim);
    return true;
}

static bool has_word(str words, str wanted)
{
    str word;
    while (str_cut(&words, '|', &word))
        if (str_eq(str_trim(word), wanted)) return true;
    return false;
}

/* "pos_att_type": "c2p|p2c", or a list. */
static bool has_attention(const struct json *c, str wanted)
{
    const struct json *types = json_get(c, STR("pos_att_type"));
    if (json_is(types, JSON_STRING)) return has_word(types->s, wanted);
    json_each (type, types)
        if (type->type == JSON_STRING && str_eq(str_trim(type->s), wanted)) return true;
    return false;
}

static bool read_deberta(const struct json *c, struct encoder_config *d, struct err *e)
{
    uint32_t kernel;
    int64_t most = json_int_or(c, STR("max_relative_positions"), -1),
            buckets = json_int_or(c, STR("position_buckets"), -1);
    if (!config_count(c, "conv_kernel_size", 0, 0, 1024, &kernel, e) ||
        !config_count(c, "type_vocab_size", 0, 0, 256, &d->types, e))
        return false;
    if (kernel) return err_set(e, ERR_NOT_BUILT, "DeBERTa with a convolution (\"conv_kernel_size\") is not built");
    if (!json_get(c, STR("layer_norm_eps"))) d->norm_eps = 1e-7f;
    if (!config_count(c, "embedding_size", d->hidden, 1, 1u << 16, &d->embedding, e)) return false;
    if (!json_bool_or(c, STR("position_biased_input"), true)) d->position_rows = 0;
    if (!json_bool_or(c, STR("legacy"), true))
        return err_set(e, ERR_NOT_BUILT, "DeBERTa with \"legacy\": false is not built");
    if (!str_eq(json_str_or(c, STR("pooler_hidden_act"), STR("gelu")), STR("gelu")))
        return err_set(e, ERR_NOT_BUILT, "DeBERTa with another \"pooler_hidden_act\" than gelu is not built");
    if (!json_bool_or(c, STR("relative_attention"), false)) return true;
    if (most < 1) most = d->positions;
    /* Half of the buckets are of one distance each; the others share those from there to the last. */
    if (most > 1 << 20 || buckets > most || (buckets > 0 && (buckets < 2 || most - 1 <= buckets / 2)))
        return err_set(e, ERR_INVALID, "config.json: %lld relative positions in %lld buckets are not possible",
                       (long long)most, (long long)buckets);
    if (!d->position_rows) d->positions = ENCODER_POSITIONS_MAX; /* distances past the last count as the last */
    d->bias = BIAS_DISENTANGLED;
    d->distance_max = (uint32_t)most;
    d->buckets = buckets > 0 ? (uint32_t)buckets : 0;
    d->content_to_position = has_attention(c, STR("c2p"));
    d->position_to_content = has_attention(c, STR("p2c"));
    d->shares_position_keys = json_bool_or(c, STR("share_att_key"), false);
    d->norms_positions = has_word(json_str_or(c, STR("norm_rel_ebd"), STR("none")), STR("layer_norm"));
    return true;
}

/* ------------------------------------------------------------------ the table */

static const struct encoder_family families[] = {
    { "bert", &bert, NULL },
    { "ernie", &ernie, read_ernie },
    { "roberta", &roberta, read_roberta },
    { "xlm-roberta", &roberta, read_roberta },
    { "camembert", &roberta, read_roberta },
    { "data2vec-text", &data2vec, read_roberta },
    { "distilbert", &distilbert, read_distilbert },
    { "mpnet", &mpnet, read_mpnet },
    { "electra", &electra, read_electra },
    { "albert", &albert, read_albert },
    { "modernbert", &modernbert, read_modernbert },
    { "nomic_bert", &nomic, read_nomic },
    { "gte", &gte, read_gte },
    { "new", &gte, read_gte },
    { "deberta-v2", &deberta, read_deberta },
};

const struct encoder_family *encoder_family_find(str model_type)
{
    for (size_t i = 0; i < COUNT(families); i++)
        if (str_eq(model_type, str_c(families[i].model_type))) return &families[i];
    return NULL;
}

const char *encoder_family(size_t i) { return i < COUNT(families) ? families[i].model_type : NULL; }
