/* model/encoder/load.c - tensors of a repository into packed weights.  Every shape is checked against config.json
 * first.
 *
 * A name is looked for with the family's prefix and without, since a model saved without its head has none; what norms
 * call "weight" and "bias" is "gamma" and "beta" in old files. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "model/encoder/encoder_priv.h"

struct loading {
    struct encoder *m;
    const struct weights *weights;
    struct packed *kept;
    struct team *team;
    enum kernel_type type;
};

/* "bert." + "encoder.layer.3." + "output.dense" + ".weight", or without the first; NULL: there is none. */
static const struct tensor *find(const struct loading *l, str where, const char *what, const char *ending)
{
    char name[256];
    const char *prefix = l->m->config.names->prefix;
    int n = snprintf(name, sizeof name, "%s%.*s%s%s", prefix, STR_ARG(where), what, ending);
    if (n < 0 || (size_t)n >= sizeof name) return NULL;
    const struct tensor *t = weights_find(l->weights, str_n(name, (size_t)n));
    return t ? t : weights_find(l->weights, str_from(str_n(name, (size_t)n), strlen(prefix)));
}

static bool need(const struct loading *l, str where, const char *what, const char *ending, uint64_t rows,
                 uint64_t columns, const struct tensor **out, struct err *e)
{
    const struct tensor *t = find(l, where, what, ending);
    if (!t && strcmp(ending, ".weight") == 0) t = find(l, where, what, ".gamma");
    if (!t && strcmp(ending, ".bias") == 0) t = find(l, where, what, ".beta");
    if (!t)
        return err_set(e, ERR_NOT_FOUND, "the weights have neither a tensor \"%.*s%s%s\" nor \"%s%.*s%s%s\"",
                       STR_ARG(where), what, ending, l->m->config.names->prefix, STR_ARG(where), what, ending);
    return weights_need(l->weights, t->name, rows, columns, out, e);
}

static bool read_norm(const struct loading *l, str where, const char *what, size_t n, struct encoder_norm *out,
                      struct err *e)
{
    const struct tensor *w, *b;
    if (!need(l, where, what, ".weight", 1, n, &w, e)) return false;
    out->w = arena_alloc(l->m->a, n * sizeof *out->w);
    out->b = arena_alloc(l->m->a, n * sizeof *out->b);
    if (!tensor_floats(w, 0, n, out->w, e) || !tensor_check_finite(w, 0, 1, out->w, n, e)) return false;
    return !l->m->config.norm_bias || (need(l, where, what, ".bias", 1, n, &b, e) && tensor_floats(b, 0, n, out->b, e) &&
                                       tensor_check_finite(b, 0, 1, out->b, n, e));
}

static bool find_part(const struct loading *l, str where, const char *what, size_t rows, size_t columns, bool has_bias,
                      struct linear_part *out, struct err *e)
{
    *out = (struct linear_part){ 0 };
    return need(l, where, what, ".weight", rows, columns, &out->weight, e) &&
           (!has_bias || need(l, where, what, ".bias", 1, rows, &out->bias, e));
}

static bool pack_one(const struct loading *l, str where, const char *what, size_t rows, size_t columns, bool has_bias,
                     struct linear *out, struct err *e)
{
    struct linear_part part;
    return find_part(l, where, what, rows, columns, has_bias, &part, e) &&
           linear_pack_kept(l->kept, l->team, l->type, columns, &part, 1, out, e);
}

/* ------------------------------------------------------------------ positions that attention sees (DeBERTa) */

/* One head's rows of [positions][heads head_dim] as weights of a layer from head_dim numbers. */
static void pack_positions(const struct encoder *m, const float *y, size_t stride, uint8_t *out)
{
    size_t d = m->config.head_dim, panel_bytes = kernel_panel_bytes(KERNEL_F32, d);
    const float *row[KERNEL_PANEL];
    for (size_t h = 0; h < m->config.heads; h++)
        for (size_t p = 0; p < kernel_panels(m->position_rows); p++) {
            for (size_t j = 0; j < KERNEL_PANEL; j++) {
                size_t at = p * KERNEL_PANEL + j;
                row[j] = at < m->position_rows ? y + at * stride + h * d : NULL;
            }
            kernel_pack(KERNEL_F32, row, d, out + h * m->position_bytes + p * panel_bytes);
        }
}

static bool project_positions(const struct loading *l, str where, const char *what, const float *positions,
                              size_t stride, uint8_t **out, struct err *e)
{
    const struct encoder_config *c = &l->m->config;
    struct linear linear = { 0 };
    struct scratch scratch = { 0 };
    void *packed = NULL;
    float *y = mem_try(l->m->position_rows * stride * sizeof *y);
    bool ok = (y || err_set(e, ERR_NO_SPACE, "too little memory")) &&
              pack_one(l, where, what, c->hidden, c->hidden, true, &linear, e) &&
              linear_run(l->team, &scratch, &linear, positions, stride, l->m->position_rows, y, stride, e) &&
              pages_alloc(c->heads * l->m->position_bytes, &packed, e);
    if (ok) pack_positions(l->m, y, stride, packed);
    *out = packed;
    mem_free(y);
    scratch_free(&scratch);
    linear_free(&linear);
    return ok;
}

/* The embeddings of distances, normed where the model says so, through each layer's projections: they depend on no
 * text, so it is done once. */
static bool load_positions(const struct loading *l, struct err *e)
{
    struct encoder *m = l->m;
    const struct encoder_config *c = &m->config;
    const struct tensor *t;
    struct encoder_norm norm = { 0 };
    size_t stride = linear_stride(c->hidden), rows = 2 * (size_t)(c->buckets ? c->buckets : c->distance_max);
    float *positions = NULL;
    bool ok = need(l, STR(""), "encoder.rel_embeddings", ".weight", rows, c->hidden, &t, e);
    m->position_rows = rows;
    m->position_bytes = kernel_panels(rows) * kernel_panel_bytes(KERNEL_F32, c->head_dim);
    if (ok && c->norms_positions) ok = read_norm(l, STR(""), "encoder.LayerNorm", c->hidden, &norm, e);
    if (ok && !(positions = mem_try(rows * stride * sizeof *positions)))
        ok = err_set(e, ERR_NO_SPACE, "too little memory");
    for (size_t i = 0; ok && i < rows; i++) {
        ok = tensor_floats(t, i * c->hidden, c->hidden, positions + i * stride, e) &&
             tensor_check_finite(t, i * c->hidden, 1, positions + i * stride, c->hidden, e);
        if (norm.w) encoder_layer_norm(&norm, c->norm_eps, positions + i * stride, c->hidden, positions + i * stride);
    }
    for (uint32_t i = 0; ok && i < c->groups; i++) {
        str where = arena_fmt(m->a, "encoder.layer.%u.", i);
        const char *key = c->shares_position_keys ? c->names->k : "attention.self.pos_key_proj";
        const char *query = c->shares_position_keys ? c->names->q : "attention.self.pos_query_proj";
        ok = (!c->content_to_position ||
              project_positions(l, where, key, positions, stride, &m->layer[i].position_key, e)) &&
             (!c->position_to_content ||
              project_positions(l, where, query, positions, stride, &m->layer[i].position_query, e));
    }
    mem_free(positions);
    return ok;
}

static bool load_bucket_bias(const struct loading *l, struct err *e)
{
    struct encoder *m = l->m;
    const struct tensor *t;
    size_t n = (size_t)m->config.buckets * m->config.heads;
    m->bucket_bias = arena_alloc(m->a, n * sizeof *m->bucket_bias);
    return need(l, STR(""), "encoder.relative_attention_bias", ".weight", m->config.buckets, m->config.heads, &t, e) &&
           tensor_floats(t, 0, n, m->bucket_bias, e) && tensor_check_finite(t, 0, 1, m->bucket_bias, n, e);
}

static void make_rope(struct encoder *m)
{
    size_t half = m->config.head_dim / 2;
    for (size_t i = 0; i < 2; i++) {
        m->rope_inverse[i] = arena_alloc(m->a, half * sizeof(float));
        for (size_t j = 0; j < half; j++)
            m->rope_inverse[i][j] = (float)(1 / pow(m->config.rope_base[i], (double)j / (double)half) / m->config.rope_stretch);
    }
}

/* ------------------------------------------------------------------ embeddings, layers, head */

static bool load_embeddings(const struct loading *l, struct err *e)
{
    struct encoder *m = l->m;
    const struct encoder_config *c = &m->config;
    const struct encoder_names *n = c->names;
    /* ALBERT and ELECTRA norm before they widen, DeBERTa after. */
    size_t normed = c->bias == BIAS_DISENTANGLED || !n->project ? c->hidden : c->embedding;
    if (!need(l, STR(""), n->word, ".weight", c->vocab, c->embedding, &m->word, e) ||
        (c->position_rows &&
         !need(l, STR(""), n->position, ".weight", c->position_rows, c->embedding, &m->position, e)) ||
        (c->types && !need(l, STR(""), n->type, ".weight", c->types, c->embedding, &m->type, e)) ||
        !read_norm(l, STR(""), n->embedding_norm, normed, &m->embedding_norm, e))
        return false;
    if (c->embedding == c->hidden && !(n->project && find(l, STR(""), n->project, ".weight"))) return true;
    if (!n->project)
        return err_set(e, ERR_INVALID, "config.json: an embedding of %u numbers, and nothing that makes %u of them",
                       c->embedding, c->hidden);
    return pack_one(l, STR(""), n->project, c->hidden, c->embedding, c->bias != BIAS_DISENTANGLED, &m->project, e);
}

/* What is activated, then what it is multiplied with, however they are stored. */
static bool load_gated(const struct loading *l, str where, struct linear *out, struct err *e)
{
    const struct encoder_config *c = &l->m->config;
    const struct encoder_names *n = c->names;
    size_t parts = 1, rows = c->intermediate;
    bool has_bias = c->mlp_bias && !c->up_has_no_bias;
    struct linear_part part[2];
    if (n->gate) {
        if (!find_part(l, where, n->gate, rows, c->hidden, has_bias, &part[0], e) ||
            !find_part(l, where, n->up, rows, c->hidden, has_bias, &part[1], e))
            return false;
        parts = 2;
    } else if (!find_part(l, where, n->up, 2 * rows, c->hidden, has_bias, &part[0], e)) {
        return false;
    } else if (c->gate_is_last) {
        uint32_t *row = arena_alloc(l->m->a, 2 * rows * sizeof *row);
        for (uint32_t i = 0; i < rows; i++) row[i] = c->intermediate + i, row[rows + i] = i;
        part[0].row = row;
        part[0].rows = 2 * rows;
    }
    return linear_pack_kept(l->kept, l->team, l->type, c->hidden, part, parts, out, e);
}

static bool load_layer(const struct loading *l, uint32_t i, struct encoder_layer *w, struct err *e)
{
    struct encoder *m = l->m;
    const struct encoder_config *c = &m->config;
    const struct encoder_names *n = c->names;
    struct linear_part part[3];
    char name[128];
    size_t parts = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* a format of the table of families */
    snprintf(name, sizeof name, n->layer, i);
#pragma GCC diagnostic pop
    str where = arena_dup(m->a, str_c(name));
    if (n->qkv) {
        if (!find_part(l, where, n->qkv, 3 * (size_t)c->hidden, c->hidden, c->qkv_bias, &part[parts++], e))
            return false;
    } else if (!find_part(l, where, n->q, c->hidden, c->hidden, c->qkv_bias, &part[parts++], e) ||
               !find_part(l, where, n->k, c->hidden, c->hidden, c->qkv_bias, &part[parts++], e) ||
               !find_part(l, where, n->v, c->hidden, c->hidden, c->qkv_bias, &part[parts++], e)) {
        return false;
    }
    return linear_pack_kept(l->kept, l->team, l->type, c->hidden, part, parts, &w->qkv, e) &&
           pack_one(l, where, n->o, c->hidden, c->hidden, c->o_bias, &w->o, e) &&
           (c->is_gated ? load_gated(l, where, &w->up, e) : pack_one(l, where, n->up, c->intermediate, c->hidden, c->mlp_bias, &w->up, e)) &&
           pack_one(l, where, n->down, c->hidden, c->intermediate, c->mlp_bias, &w->down, e) &&
           ((c->first_has_no_norm && i == 0) ||
            read_norm(l, where, n->attention_norm, c->hidden, &w->attention_norm, e)) &&
           read_norm(l, where, n->output_norm, c->hidden, &w->output_norm, e);
}

/* The bias of the vocabulary stands beside the head in some families, and is left out by few. */
static bool find_out_bias(const struct loading *l, const struct encoder_head_names *n, size_t rows,
                          struct linear_part *out, struct err *e)
{
    if (l->m->head == HEAD_MASKED && !l->m->config.decoder_bias) return true;
    if (n->out_bias && find(l, STR(""), n->out_bias, ""))
        return need(l, STR(""), n->out_bias, "", 1, rows, &out->bias, e);
    return need(l, STR(""), n->out, ".bias", 1, rows, &out->bias, e);
}

static bool load_head(const struct loading *l, struct err *e)
{
    struct encoder *m = l->m;
    const struct encoder_config *c = &m->config;
    const struct encoder_head_names *n = &c->names->head[m->head];
    size_t width = n->dense && n->to_embedding ? c->embedding : c->hidden;
    size_t rows = m->head == HEAD_MASKED ? c->vocab : m->head == HEAD_QUESTION ? 2 : c->labels;
    struct linear_part part = { 0 };
    if (m->head == HEAD_NONE) return true;
    if (!n->out && !n->dense) return err_set(e, ERR_INVALID, "\"%.*s\" has no such head", STR_ARG(c->model_type));
    m->head_act = n->act_of_config ? c->act : n->act;
    if (n->dense && !pack_one(l, STR(""), n->dense, width, c->hidden, c->classifier_bias, &m->head_dense, e))
        return false;
    if (n->norm && !read_norm(l, STR(""), n->norm, width, &m->head_norm, e)) return false;
    if (!n->out) return true;
    if (n->is_tied && !find(l, STR(""), n->out, ".weight")) part.weight = m->word;
    else if (!need(l, STR(""), n->out, ".weight", rows, width, &part.weight, e)) return false;
    if (part.weight->elements != rows * width)
        return err_set(e, ERR_INVALID, "config.json: the embedding is not as wide as the head");
    return find_out_bias(l, n, rows, &part, e) &&
           linear_pack_kept(l->kept, l->team, l->type, width, &part, 1, &m->head_out, e);
}

uint64_t encoder_memory(const struct encoder_config *c, enum kernel_type type)
{
    uint64_t ups = (uint64_t)c->intermediate * (c->is_gated ? 2 : 1);
    if (type == LINEAR_NEAREST) type = KERNEL_BF16;
    return c->groups *
           (linear_memory(type, 3 * (uint64_t)c->hidden, c->hidden) + linear_memory(type, c->hidden, c->hidden) +
            linear_memory(type, ups, c->hidden) + linear_memory(type, c->hidden, c->intermediate));
}

static bool load(const struct loading *l, const struct json *config, struct err *e)
{
    struct encoder *m = l->m;
    struct encoder_config *c = &m->config;
    if (!encoder_config_read(config, m->a, c, e) || !load_embeddings(l, e)) return false;
    m->layer = arena_alloc(m->a, c->groups * sizeof *m->layer);
    for (uint32_t i = 0; i < c->groups; i++)
        if (!load_layer(l, i, &m->layer[i], e)) return false;
    if (c->names->final_norm && !read_norm(l, STR(""), c->names->final_norm, c->hidden, &m->final_norm, e))
        return false;
    if (c->bias == BIAS_DISENTANGLED && !load_positions(l, e)) return false;
    if (c->bias == BIAS_BUCKETS && !load_bucket_bias(l, e)) return false;
    if (c->has_rope) make_rope(m);
    return load_head(l, e);
}

bool encoder_open(const struct json *config, const struct weights *weights, enum encoder_head_kind head,
                  enum kernel_type type, struct packed *kept, struct team *team, struct encoder **out, struct err *e)
{
    struct encoder *m = mem_one(struct encoder);
    struct loading l = {
        .m = m, .weights = weights, .kept = kept, .team = team, .type = type == LINEAR_NEAREST ? KERNEL_BF16 : type
    };
    m->a = arena_new(0);
    m->head = head;
    if (load(&l, config, e)) {
        *out = m;
        return true;
    }
    encoder_close(m);
    return false;
}

static void layer_free(struct encoder *m, struct encoder_layer *w)
{
    linear_free(&w->qkv);
    linear_free(&w->o);
    linear_free(&w->up);
    linear_free(&w->down);
    pages_free(w->position_key, m->config.heads * m->position_bytes);
    pages_free(w->position_query, m->config.heads * m->position_bytes);
}

void encoder_close(struct encoder *m)
{
    if (!m) return;
    for (uint32_t i = 0; m->layer && i < m->config.groups; i++) layer_free(m, &m->layer[i]);
    linear_free(&m->project);
    linear_free(&m->head_dense);
    linear_free(&m->head_out);
    arena_free(m->a);
    mem_free(m);
}

const struct encoder_config *encoder_config(const struct encoder *m) { return &m->config; }
