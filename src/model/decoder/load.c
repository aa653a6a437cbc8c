/* model/decoder/load.c - a repository into packed weights.  Every shape is checked against config.json first. */
#include <string.h>

#include "model/decoder/decoder_priv.h"

struct loading {
    struct decoder *d;
    struct team *team;
    enum kernel_type type;
    str prefix; /* "model.", or "" for a decoder that was saved without its head */
    uint32_t layer;
};

/* "model.layers.3.mlp.up_proj.weight" */
static str name_of(const struct loading *l, const char *what)
{
    return arena_fmt(l->d->a, "%.*slayers.%u.%s", STR_ARG(l->prefix), l->layer, what);
}

static bool read_vector(const struct loading *l, str name, uint32_t n, bool adds_one, float **out, struct err *e)
{
    const struct tensor *t;
    if (!weights_need(l->d->weights, name, 1, n, &t, e)) return false;
    *out = arena_alloc(l->d->a, n * sizeof **out);
    if (!tensor_floats(t, 0, n, *out, e)) return false;
    for (uint32_t i = 0; adds_one && i < n; i++) (*out)[i] += 1;
    return true;
}

static bool read_norm(const struct loading *l, const char *what, uint32_t n, float **out, struct err *e)
{
    return read_vector(l, name_of(l, what), n, l->d->config.norm_adds_one, out, e);
}

/* One tensor of a layer and, if the family has it, its bias. */
static bool find_part(const struct loading *l, const char *what, size_t rows, size_t columns, bool has_bias, struct linear_part *out, struct err *e)
{
    *out = (struct linear_part){ 0 };
    return weights_need(l->d->weights, name_of(l, (const char *)arena_fmt(l->d->a, "%s.weight", what).p), rows, columns, &out->weight, e) &&
           (!has_bias || weights_need(l->d->weights, name_of(l, (const char *)arena_fmt(l->d->a, "%s.bias", what).p), 1, rows, &out->bias, e));
}

static bool pack(const struct loading *l, size_t k, const struct linear_part *part, size_t n, struct linear *out, struct err *e)
{
    return linear_pack(l->team, l->type, k, part, n, out, e);
}

static bool load_attention(const struct loading *l, struct decoder_layer_weights *w, struct err *e)
{
    const struct decoder_config *c = &l->d->config;
    struct linear_part part[3];
    size_t q = (size_t)c->heads * c->head_dim, kv = (size_t)c->kv_heads * c->head_dim, n = 3;
    if (c->qkv_fused) {
        n = 1;
        if (!find_part(l, "self_attn.qkv_proj", q + 2 * kv, c->hidden, c->qkv_bias, &part[0], e)) return false;
    } else if (!find_part(l, "self_attn.q_proj", q, c->hidden, c->qkv_bias, &part[0], e) ||
               !find_part(l, "self_attn.k_proj", kv, c->hidden, c->qkv_bias, &part[1], e) ||
               !find_part(l, "self_attn.v_proj", kv, c->hidden, c->qkv_bias, &part[2], e)) {
        return false;
    }
    if (!pack(l, c->hidden, part, n, &w->qkv, e)) return false;
    if (!find_part(l, "self_attn.o_proj", c->hidden, q, c->o_bias, &part[0], e) || !pack(l, q, part, 1, &w->o, e)) return false;
    return !c->qk_norm || (read_norm(l, "self_attn.q_norm.weight", c->head_dim, &w->norm_q, e) &&
                           read_norm(l, "self_attn.k_norm.weight", c->head_dim, &w->norm_k, e));
}

static bool load_mlp(const struct loading *l, struct decoder_layer_weights *w, struct err *e)
{
    const struct decoder_config *c = &l->d->config;
    struct linear_part part[2];
    size_t n = 2;
    if (c->gate_up_fused) {
        n = 1;
        if (!find_part(l, "mlp.gate_up_proj", 2 * (size_t)c->intermediate, c->hidden, c->mlp_bias, &part[0], e)) return false;
    } else if (!find_part(l, "mlp.gate_proj", c->intermediate, c->hidden, c->mlp_bias, &part[0], e) ||
               !find_part(l, "mlp.up_proj", c->intermediate, c->hidden, c->mlp_bias, &part[1], e)) {
        return false;
    }
    return pack(l, c->hidden, part, n, &w->gate_up, e) &&
           find_part(l, "mlp.down_proj", c->hidden, c->intermediate, c->mlp_bias, &part[0], e) &&
           pack(l, c->intermediate, part, 1, &w->down, e);
}

static bool load_layer(const struct loading *l, struct decoder_layer_weights *w, struct err *e)
{
    const struct decoder_config *c = &l->d->config;
    const char *middle = c->norms_after ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight";
    return read_norm(l, "input_layernorm.weight", c->hidden, &w->norm_before, e) &&
           read_norm(l, middle, c->hidden, &w->norm_middle, e) &&
           (!c->norms_after || (read_norm(l, "post_attention_layernorm.weight", c->hidden, &w->norm_attention_after, e) &&
                                read_norm(l, "post_feedforward_layernorm.weight", c->hidden, &w->norm_mlp_after, e))) &&
           load_attention(l, w, e) && load_mlp(l, w, e);
}

/* A head that is stored is used; without one the embedding serves. */
static bool load_head(const struct loading *l, struct err *e)
{
    struct decoder *d = l->d;
    const struct decoder_config *c = &d->config;
    struct linear_part part = { .weight = weights_find(d->weights, STR("lm_head.weight")) };
    if (!part.weight && !c->may_tie) return err_set(e, ERR_INVALID, "there is no lm_head.weight, and config.json does not tie it to the embedding");
    if (!part.weight) part.weight = d->embedding;
    else if (!weights_need(d->weights, STR("lm_head.weight"), c->vocab, c->hidden, &part.weight, e)) return false;
    return pack(l, c->hidden, &part, 1, &d->head, e);
}

static bool load(struct decoder *d, struct source *source, enum kernel_type type, struct team *team, struct err *e)
{
    struct loading l = { .d = d, .team = team, .type = type, .prefix = STR("model.") };
    const struct decoder_config *c = &d->config;
    if (!decoder_config_read(source_config(source), &d->config, e)) return err_context(e, "%s", source_path(source));
    if (!source_weights(source, &d->weights, e)) return false;
    d->config.kv_type = type == KERNEL_F32 ? KERNEL_F32 : KERNEL_BF16;
    if (!weights_find(d->weights, STR("model.embed_tokens.weight"))) l.prefix = STR("");
    if (!weights_need(d->weights, arena_fmt(d->a, "%.*sembed_tokens.weight", STR_ARG(l.prefix)), c->vocab, c->hidden, &d->embedding, e) ||
        !read_vector(&l, arena_fmt(d->a, "%.*snorm.weight", STR_ARG(l.prefix)), c->hidden, c->norm_adds_one, &d->norm, e) ||
        !load_head(&l, e))
        return false;
    d->layer = arena_alloc(d->a, c->layers * sizeof *d->layer);
    for (; l.layer < c->layers; l.layer++)
        if (!load_layer(&l, &d->layer[l.layer], e)) return false;
    for (size_t i = 0; i < 2; i++) {
        d->rope_inverse[i] = arena_alloc(d->a, c->rope[i].dim / 2 * sizeof(float));
        rope_inverse_frequencies(&c->rope[i], d->rope_inverse[i]);
    }
    for (size_t i = 0; i < weights_count(d->weights); i++) d->parameters += weights_nth(d->weights, i)->elements;
    return true;
}

bool decoder_open_source(struct source *source, enum kernel_type type, struct team *team, struct decoder **out, struct err *e)
{
    struct decoder *d = mem_one(struct decoder);
    d->a = arena_new(0);
    if (load(d, source, type, team, e)) {
        *out = d;
        return true;
    }
    decoder_close(d);
    return false;
}

bool decoder_open(const char *path, enum kernel_type type, struct team *team, struct decoder **out, struct err *e)
{
    struct source *s;
    if (!source_open(path, &s, e)) return false;
    if (decoder_open_source(s, type, team, out, e)) {
        (*out)->source = s;
        return true;
    }
    source_close(s);
    return false;
}

void decoder_close(struct decoder *d)
{
    if (!d) return;
    for (uint32_t i = 0; d->layer && i < d->config.layers; i++) {
        linear_free(&d->layer[i].qkv);
        linear_free(&d->layer[i].o);
        linear_free(&d->layer[i].gate_up);
        linear_free(&d->layer[i].down);
    }
    linear_free(&d->head);
    source_close(d->source);
    arena_free(d->a);
    mem_free(d);
}

const struct decoder_config *decoder_config(const struct decoder *d) { return &d->config; }
uint64_t decoder_parameters(const struct decoder *d) { return d->parameters; }

size_t decoder_packed_bytes(const struct decoder *d)
{
    size_t n = d->head.packed_bytes;
    for (uint32_t i = 0; i < d->config.layers; i++)
        n += d->layer[i].qkv.packed_bytes + d->layer[i].o.packed_bytes + d->layer[i].gate_up.packed_bytes + d->layer[i].down.packed_bytes;
    return n;
}
