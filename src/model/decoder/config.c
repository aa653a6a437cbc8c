/* model/decoder/config.c - config.json into a description; see config.h.
 *
 * What every family has is read here, with Llama's defaults; a family's row then says how it differs.  Sizes are checked
 * against each other before anything is allocated from them. */
#include "model/decoder/config.h"

#include <math.h>
#include <string.h>

#include "model/decoder/family.h"

/* The first families call some things otherwise. */
static const struct json *find(const struct json *o, const char *name)
{
    static const struct { const char *name, *other; } alias[] = {
        { "hidden_size", "n_embd" },           { "num_hidden_layers", "n_layer" },           { "num_attention_heads", "n_head" },
        { "intermediate_size", "n_inner" },    { "max_position_embeddings", "n_positions" }, { "hidden_act", "activation_function" },
        { "hidden_size", "n_embed" },          { "hidden_size", "d_model" },          { "num_hidden_layers", "n_layers" },          { "num_attention_heads", "n_heads" },
        { "max_position_embeddings", "max_seq_len" }, { "max_position_embeddings", "seq_length" },
        { "num_hidden_layers", "num_layers" }, { "num_attention_heads", "num_heads" },
        { "intermediate_size", "ffn_dim" },    { "intermediate_size", "ffn_hidden_size" },   { "hidden_act", "activation" },
        { "num_key_value_heads", "num_kv_heads" }, { "rms_norm_eps", "layer_norm_eps" }, { "rms_norm_eps", "layer_norm_epsilon" },
        { "rms_norm_eps", "norm_epsilon" },    { "rms_norm_eps", "norm_eps" },               { "rope_theta", "rotary_emb_base" },
        { "partial_rotary_factor", "rotary_pct" },
    };
    const struct json *v = json_get(o, str_c(name));
    for (size_t i = 0; !v && i < COUNT(alias); i++)
        if (strcmp(name, alias[i].name) == 0) v = json_get(o, str_c(alias[i].other));
    return v;
}

static bool real(const struct json *o, const char *name, double otherwise, double *out, struct err *e)
{
    const struct json *v = find(o, name);
    *out = otherwise;
    if (!v || v->type == JSON_NULL) return true;
    if (v->type == JSON_INT) *out = (double)v->i;
    else if (v->type == JSON_REAL) *out = v->r;
    else return err_set(e, ERR_INVALID, "config.json: \"%s\" must be a number", name);
    /* What a float holds with room to spare, so that nothing overflows in the arithmetic on it. */
    return fabs(*out) <= 1e18 || err_set(e, ERR_INVALID, "config.json: \"%s\" is out of range", name);
}

bool config_real(const struct json *o, const char *name, float otherwise, float *out, struct err *e)
{
    double v;
    if (!real(o, name, otherwise, &v, e)) return false;
    *out = (float)v;
    return true;
}

bool config_cap(const struct json *o, const char *name, float otherwise, float *out, struct err *e)
{
    if (json_is(json_get(o, str_c(name)), JSON_NULL)) otherwise = 0;
    return config_real(o, name, otherwise, out, e);
}

bool config_count(const struct json *o, const char *name, uint32_t otherwise, uint32_t least, uint32_t most, uint32_t *out, struct err *e)
{
    const struct json *v = find(o, name);
    int64_t n = otherwise;
    if (v && v->type != JSON_NULL && !json_int(v, &n)) return err_set(e, ERR_INVALID, "config.json: \"%s\" must be a whole number", name);
    if (n < least || n > most)
        return err_set(e, ERR_INVALID, "config.json: \"%s\" is %lld; it must be %u to %u", name, (long long)n, least, most);
    *out = (uint32_t)n;
    return true;
}

/* ------------------------------------------------------------------ rotary positions */

/* "rope_scaling" beside "rope_theta" (transformers 4), or both in "rope_parameters" (5). */
static bool read_scaling(const struct json *s, uint32_t positions, struct rope *r, struct err *e)
{
    str type = json_str_or(s, STR("rope_type"), json_str_or(s, STR("type"), STR("default")));
    double factor, attention, mscale, mscale_all;
    if (!real(s, "factor", 1, &factor, e) || !real(s, "attention_factor", 0, &attention, e) || !real(s, "mscale", 0, &mscale, e) ||
        !real(s, "mscale_all_dim", 0, &mscale_all, e) || !real(s, "low_freq_factor", 1, &r->low_freq_factor, e) ||
        !real(s, "high_freq_factor", 4, &r->high_freq_factor, e) || !real(s, "beta_fast", 32, &r->beta_fast, e) ||
        !real(s, "beta_slow", 1, &r->beta_slow, e) ||
        !config_count(s, "original_max_position_embeddings", positions, 1, 1u << 30, &r->original_positions, e))
        return false;
    r->factor = factor;
    r->attention_factor = 1;
    r->truncate = json_bool_or(s, STR("truncate"), true);
    if (!(factor >= 1e-3)) return err_set(e, ERR_INVALID, "config.json: the rope's \"factor\" must be above 0");
    if (str_eq(type, STR("default"))) return true;
    if (str_eq(type, STR("dynamic"))) { /* stretches what is longer than the model's positions, which nothing is; Hunyuan's is of all lengths */
        double alpha;
        if (!real(s, "alpha", 0, &alpha, e)) return false;
        if (alpha > 0 && r->dim > 2) r->base *= pow(alpha, r->dim / (r->dim - 2.0));
        return r->base >= 1 || err_set(e, ERR_INVALID, "config.json: the rope's \"alpha\" is out of range");
    }
    if (str_eq(type, STR("linear"))) r->scaling = ROPE_LINEAR;
    else if (str_eq(type, STR("llama3"))) r->scaling = ROPE_LLAMA3;
    else if (str_eq(type, STR("yarn"))) r->scaling = ROPE_YARN;
    else if (str_eq(type, STR("longrope")) || str_eq(type, STR("su"))) r->scaling = ROPE_LONG;
    else
        return err_set(e, ERR_NOT_BUILT, "the rope type \"%.*s\" is not built; default, linear, dynamic, llama3, yarn and longrope are", STR_ARG(str_to(type, 60)));
    if (r->scaling != ROPE_YARN) return true;
    double of_factor = factor <= 1 ? 1 : 0.1 * log(factor) + 1;
    if (attention > 0) of_factor = attention;
    else if (mscale > 0 && mscale_all > 0 && factor > 1) of_factor = (0.1 * mscale * log(factor) + 1) / (0.1 * mscale_all * log(factor) + 1);
    r->attention_factor = of_factor;
    return true;
}

static bool read_divisors(const struct json *s, const char *name, struct rope *r, struct err *e)
{
    const struct json *list = r->divisors = json_get(s, str_c(name));
    if (!json_is(list, JSON_ARRAY) || list->count != r->dim / 2)
        return err_set(e, ERR_INVALID, "config.json: \"%s\" must be a list of %u numbers", name, r->dim / 2);
    json_each (item, list) {
        double v = item->type == JSON_INT ? (double)item->i : item->type == JSON_REAL ? item->r : 0;
        if (!(v >= 1e-3 && v <= 1e9)) return err_set(e, ERR_INVALID, "config.json: \"%s\" must have numbers above 0", name);
    }
    return true;
}

/* One rope for short sequences and another for long ones; the factor comes from how far the positions were stretched. */
static bool read_longrope(const struct json *c, const struct json *s, struct decoder_config *d, struct err *e)
{
    struct rope *r = d->rope;
    double attention, factor = r->factor;
    bool is_stretched = json_get(c, STR("original_max_position_embeddings")) != NULL;
    if (!config_count(c, "original_max_position_embeddings", d->positions, 2, 1u << 30, &r->original_positions, e) ||
        !real(s, "attention_factor", 0, &attention, e) || !read_divisors(s, "short_factor", r, e))
        return false;
    if (is_stretched) factor = (double)d->positions / r->original_positions;
    r->attention_factor = attention > 0 ? attention : factor <= 1 ? 1 : sqrt(1 + log(factor) / log(r->original_positions));
    d->rope_switch = r->original_positions;
    d->rope[1] = *r;
    return read_divisors(s, "long_factor", &d->rope[1], e);
}

static bool read_rope(const struct json *c, const struct family *f, struct decoder_config *d, struct err *e)
{
    const struct json *parameters = json_get(c, STR("rope_parameters")), *scaling = json_get(c, STR("rope_scaling"));
    struct rope *r = &d->rope[0];
    const struct json *full = json_get(parameters, STR("full_attention"));
    if (full) parameters = full;
    if (!real(json_is(parameters, JSON_OBJECT) && json_get(parameters, STR("rope_theta")) ? parameters : c, "rope_theta", f->rope_theta > 0 ? f->rope_theta : 10000, &r->base, e)) return false;
    double partial;
    if (!real(c, "partial_rotary_factor", f->rope_part > 0 ? f->rope_part : 1, &partial, e)) return false;
    if (!(partial > 0 && partial <= 1)) return err_set(e, ERR_INVALID, "config.json: \"partial_rotary_factor\" must be above 0, and 1 at most");
    r->dim = (uint32_t)(d->head_dim * partial);
    if (!(r->base >= 1) || r->dim == 0 || r->dim > d->head_dim || r->dim % 2)
        return err_set(e, ERR_INVALID, "config.json: a rope over %u of %u numbers a head with the base %g is not possible", r->dim, d->head_dim, r->base);
    if (json_is(parameters, JSON_OBJECT)) scaling = parameters;
    if (!read_scaling(scaling, d->positions, r, e)) return false;
    d->rope[1] = *r;
    return r->scaling != ROPE_LONG || read_longrope(c, scaling, d, e);
}

/* ------------------------------------------------------------------ the whole */

static bool read_eos(const struct json *c, struct decoder_config *d)
{
    const struct json *eos = json_get(c, STR("eos_token_id"));
    int64_t id;
    d->bos = json_int_or(c, STR("bos_token_id"), d->bos);
    if (eos && eos->type != JSON_NULL) d->eos_count = 0;
    if (json_int(eos, &id)) d->eos[d->eos_count++] = id;
    json_each (item, json_is(eos, JSON_ARRAY) ? eos : NULL)
        if (json_int(item, &id) && d->eos_count < DECODER_EOS_MAX) d->eos[d->eos_count++] = id;
    return true;
}

bool config_activation(const struct json *c, const char *name, enum activation *out, struct err *e)
{
    static const struct { const char *name; enum activation a; } known[] = {
        { "silu", ACTIVATION_SILU }, { "swish", ACTIVATION_SILU }, { "gelu", ACTIVATION_GELU },
        { "gelu_pytorch_tanh", ACTIVATION_GELU_TANH }, { "gelu_new", ACTIVATION_GELU_TANH }, { "gelu_fast", ACTIVATION_GELU_TANH },
        { "relu", ACTIVATION_RELU }, { "relu2", ACTIVATION_RELU_SQUARED },
    };
    str text;
    if (!json_str(find(c, name), &text)) return true;
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(text, str_c(known[i].name))) {
            *out = known[i].a;
            return true;
        }
    return err_set(e, ERR_NOT_BUILT, "the activation \"%.*s\" is not built", STR_ARG(str_to(text, 60)));
}

static bool read_sizes(const struct json *c, const struct family *f, struct decoder_config *d, struct err *e)
{
    if (!config_count(c, "vocab_size", f->vocab ? f->vocab : 32000, 1, 1u << 24, &d->vocab, e) ||
        !config_count(c, "hidden_size", 4096, 1, 1u << 18, &d->hidden, e) ||
        !config_count(c, "intermediate_size", 4 * d->hidden, 1, 1u << 20, &d->intermediate, e) ||
        !config_count(c, "num_hidden_layers", 32, 1, DECODER_LAYERS_MAX, &d->layers, e) ||
        !config_count(c, "num_attention_heads", f->heads ? f->heads : 32, 1, 4096, &d->heads, e) ||
        !config_count(c, "num_key_value_heads", f->kv_heads ? f->kv_heads : d->heads, 1, d->heads, &d->kv_heads, e) ||
        !config_count(c, "max_position_embeddings", f->positions ? f->positions : 2048, 1, 1u << 30, &d->positions, e))
        return false;
    if (!config_count(c, "head_dim", f->head_dim ? f->head_dim : d->hidden / d->heads, 2, 4096, &d->head_dim, e)) return false;
    if (d->heads % d->kv_heads)
        return err_set(e, ERR_INVALID, "config.json: %u attention heads cannot share %u key-value heads", d->heads, d->kv_heads);
    return true;
}

static const struct decoder_names names_of_llama = {
    .prefix = "model.", .embedding = "embed_tokens", .norm = "norm", .layers = "layers", .head = "lm_head",
    .norm_before = "input_layernorm", .norm_middle = "post_attention_layernorm",
    .q = "self_attn.q_proj", .k = "self_attn.k_proj", .v = "self_attn.v_proj", .o = "self_attn.o_proj",
    .mlp = "mlp.", .gate = "gate_proj", .up = "up_proj", .down = "down_proj",
};

static bool find_family(const struct json *config, const struct family **out, struct err *e)
{
    str model_type = json_str_or(config, STR("model_type"), STR(""));
    *out = family_find(model_type);
    if (*out) return true;
    if (model_type.n == 0) return err_set(e, ERR_INVALID, "config.json names no \"model_type\"");
    err_set(e, ERR_NOT_BUILT, "the model_type \"%.*s\" is not supported; supported are", STR_ARG(str_to(model_type, 60)));
    for (size_t i = 0, n = strlen(e->msg); decoder_family(i); i++, n = strlen(e->msg))
        snprintf(e->msg + n, sizeof e->msg - n, "%s %s", i ? "," : "", decoder_family(i));
    return false;
}

bool decoder_config_read(const struct json *config, struct decoder_config *d, struct err *e)
{
    const struct family *f;
    *d = (struct decoder_config){ .is_gated = true, .embedding_scale = 1, .residual_scale = 1, .logit_scale = 1, .names = names_of_llama, .bos = -1, .experts.scale = 1 };
    if (!find_family(config, &f, e)) return false;
    if (f->is_around) {
        if (!read_eos(config, d)) return false;
        config = json_get(config, STR("text_config"));
        if (!find_family(config, &f, e)) return err_context(e, "config.json: \"text_config\"");
        if (f->is_around) return err_set(e, ERR_INVALID, "config.json: \"text_config\" is not of text");
    }
    d->model_type = str_c(f->model_type);
    if (json_is(json_get(config, STR("quantization_config")), JSON_OBJECT))
        return err_set(e, ERR_NOT_BUILT, "weights quantised by other programs (\"quantization_config\") are not read yet; use the original ones with --dtype");
    if (!json_bool_or(config, STR("is_causal"), true) || json_bool_or(config, STR("use_bidirectional_attention"), false))
        return err_set(e, ERR_NOT_BUILT, "decoders whose tokens see those after them (\"is_causal\": false, \"use_bidirectional_attention\") are not built");
    if (!read_sizes(config, f, d, e) || !config_real(config, "rms_norm_eps", f->norm_eps > 0 ? f->norm_eps : 1e-6f, &d->norm_eps, e) ||
        !read_rope(config, f, d, e) ||
        !config_activation(config, "hidden_act", &d->activation, e) || !read_eos(config, d))
        return false;
    d->qkv_bias = d->o_bias = json_bool_or(config, STR("attention_bias"), false);
    d->mlp_bias = json_bool_or(config, STR("mlp_bias"), false);
    d->may_tie = json_bool_or(config, STR("tie_word_embeddings"), true); /* files leave out what is a default */
    d->attention_scale = 1 / sqrtf((float)d->head_dim);
    for (uint32_t i = 0; i < d->layers; i++) d->layer[i].has_rope = true;
    return !f->read || f->read(config, d, e);
}
