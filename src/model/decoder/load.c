/* model/decoder/load.c - a repository into packed weights.  Every shape is checked against config.json first. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/machine.h"
#include "model/decoder/decoder_priv.h"
#include "model/memory.h"
#include "model/nn/kept.h"

struct loading {
    struct decoder *d;
    struct team *team;
    struct lora *adapter; /* added to the weights, or NULL */
    uint32_t layer;
    const uint32_t *row[3]; /* which stored row is which of queries, keys and values; NULL: in their order */
};

/* ------------------------------------------------------------------ names and vectors */

/* "model.layers.3.mlp.up_proj" */
static str name_of(const struct loading *l, const char *what)
{
    return arena_fmt(l->d->a, "%.*s%s.%u.%s", STR_ARG(l->d->prefix), l->d->config.names.layers, l->layer, what);
}

static bool need_kept(const struct loading *l, str name, uint64_t rows, uint64_t columns, const struct tensor **out, struct err *e)
{
    return weights_need(l->d->weights, name, rows, columns, out, e) && (l->adapter || tensor_keep(l->d->kept, l->d->a, out, e));
}

static bool read_vector(const struct loading *l, str name, const char *what, uint32_t n, float **out, struct err *e)
{
    const struct tensor *t;
    if (!need_kept(l, arena_fmt(l->d->a, "%.*s.%s", STR_ARG(name), what), 1, n, &t, e)) return false;
    *out = arena_alloc(l->d->a, n * sizeof **out);
    return tensor_floats(t, 0, n, *out, e) && tensor_check_finite(t, 0, 1, *out, n, e);
}

static bool read_norm(const struct loading *l, str name, uint32_t n, struct norm *out, struct err *e)
{
    const struct decoder_config *c = &l->d->config;
    if (c->norm_is_bare) {
        out->w = arena_alloc(l->d->a, n * sizeof *out->w);
        for (uint32_t i = 0; i < n; i++) out->w[i] = 1;
        return true;
    }
    if (!read_vector(l, name, "weight", n, &out->w, e)) return false;
    for (uint32_t i = 0; c->norm_adds_one && i < n; i++) out->w[i] += 1;
    return !c->norm_has_bias || read_vector(l, name, "bias", n, &out->b, e);
}

/* A norm that the family may not have. */
static bool read_layer_norm(const struct loading *l, const char *what, uint32_t n, struct norm *out, struct err *e)
{
    return !what || read_norm(l, name_of(l, what), n, out, e);
}

/* ------------------------------------------------------------------ linear layers */

/* One tensor of [rows, columns] and, if the family has it, its bias. */
static bool find_part(const struct loading *l, str name, size_t rows, size_t columns, bool has_bias, struct linear_part *out, struct err *e)
{
    bool turned = l->d->config.is_transposed;
    *out = (struct linear_part){ .is_transposed = turned };
    return weights_need(l->d->weights, arena_fmt(l->d->a, "%.*s.weight", STR_ARG(name)), turned ? columns : rows, turned ? rows : columns, &out->weight, e) &&
           (!has_bias || need_kept(l, arena_fmt(l->d->a, "%.*s.bias", STR_ARG(name)), 1, rows, &out->bias, e)) &&
           (!l->adapter || adapter_find(l->d, l->adapter, out, rows, columns, &out->add, e));
}

static bool pack(const struct loading *l, size_t k, const struct linear_part *part, size_t n, struct projection *out, struct err *e)
{
    memcpy(out->part, part, n * sizeof *part);
    out->parts = n;
    enum kernel_type type = l->d->type == LINEAR_NEAREST ? linear_nearest(part, n) : l->d->type;
    return linear_pack_kept(l->d->kept, l->team, type, k, part, n, &out->linear, e);
}

static bool load_linear(const struct loading *l, str name, size_t rows, size_t columns, bool has_bias, struct projection *out, struct err *e)
{
    struct linear_part part;
    return find_part(l, name, rows, columns, has_bias, &part, e) && pack(l, columns, &part, 1, out, e);
}

/* Where output i of the queries (which 0), keys (1) or values (2) is stored.  Ropes turn halves here, so heads that turn
 * pairs get their rows in another order: queries and keys alike, and so their products stay what they are. */
static uint32_t stored_row(const struct decoder_config *c, unsigned which, uint32_t i)
{
    uint32_t d = c->head_dim, head = i / d, at = i % d, sharing = c->heads / c->kv_heads, half = c->rope[0].dim / 2;
    if (c->rope_in_pairs && which < 2 && at < 2 * half) at = at < half ? 2 * at : 2 * (at - half) + 1;
    if (!c->qkv_in_groups) return head * d + at;
    if (which == 0) return (head / sharing * (sharing + 2) + head % sharing) * d + at;
    return (head * (sharing + 2) + sharing + which - 1) * d + at;
}

static void order_rows(struct loading *l)
{
    const struct decoder_config *c = &l->d->config;
    for (unsigned which = 0; which < 3 && (c->qkv_in_groups || c->rope_in_pairs); which++) {
        uint32_t n = (which == 0 ? c->heads : c->kv_heads) * c->head_dim;
        uint32_t *row = arena_alloc(l->d->a, n * sizeof *row);
        for (uint32_t i = 0; i < n; i++) row[i] = stored_row(c, which, i);
        l->row[which] = row;
    }
}

static bool load_qkv(const struct loading *l, struct projection *out, struct err *e)
{
    const struct decoder_config *c = &l->d->config;
    const struct decoder_names *m = &c->names;
    struct linear_part part[3];
    size_t q = (size_t)c->heads * c->head_dim, kv = (size_t)c->kv_heads * c->head_dim;
    if (m->qkv) {
        if (!find_part(l, name_of(l, m->qkv), q + 2 * kv, c->hidden, c->qkv_bias, &part[0], e)) return false;
        if (!c->qkv_in_groups) return pack(l, c->hidden, part, 1, out, e);
        part[1] = part[2] = part[0];
    } else if (!find_part(l, name_of(l, m->q), q, c->hidden, c->qkv_bias, &part[0], e) ||
               !find_part(l, name_of(l, m->k), kv, c->hidden, c->qkv_bias, &part[1], e) ||
               !find_part(l, name_of(l, m->v), kv, c->hidden, c->qkv_bias, &part[2], e)) {
        return false;
    }
    for (size_t i = 0; i < 3; i++) part[i].row = l->row[i], part[i].rows = i == 0 ? q : kv;
    return pack(l, c->hidden, part, 3, out, e);
}

static bool load_attention(const struct loading *l, struct decoder_layer_weights *w, struct err *e)
{
    const struct decoder_config *c = &l->d->config;
    bool whole = c->qk_norm == QK_NORM_WHOLE;
    return load_qkv(l, &w->qkv, e) &&
           load_linear(l, name_of(l, c->names.o), c->hidden, (size_t)c->heads * c->head_dim, c->o_bias, &w->o, e) &&
           read_layer_norm(l, c->names.norm_q, (whole ? c->heads : 1) * c->head_dim, &w->norm_q, e) &&
           read_layer_norm(l, c->names.norm_k, (whole ? c->kv_heads : 1) * c->head_dim, &w->norm_k, e);
}

static str join(const struct loading *l, str a, const char *b) { return arena_fmt(l->d->a, "%.*s%s", STR_ARG(a), b); }

/* An mlp whose parts' names begin with `name`. */
static bool load_block(const struct loading *l, str name, uint32_t intermediate, struct mlp *out, struct err *e)
{
    const struct decoder_config *c = &l->d->config;
    const struct decoder_names *m = &c->names;
    struct linear_part part[2];
    size_t n = 0;
    if (m->gate_up) {
        if (!find_part(l, join(l, name, m->gate_up), 2 * (size_t)intermediate, c->hidden, c->mlp_bias, &part[n++], e)) return false;
    } else if ((c->is_gated && !find_part(l, join(l, name, m->gate), intermediate, c->hidden, c->mlp_bias, &part[n++], e)) ||
               !find_part(l, join(l, name, m->up), intermediate, c->hidden, c->mlp_bias, &part[n++], e)) {
        return false;
    }
    return pack(l, c->hidden, part, n, &out->up, e) &&
           load_linear(l, join(l, name, m->down), c->hidden, intermediate, c->mlp_bias, &out->down, e);
}

/* The router decides which numbers are computed at all, so it is small and exact. */
static bool load_router(const struct loading *l, const char *what, uint32_t rows, struct linear *out, struct err *e)
{
    struct linear_part part;
    uint32_t columns = l->d->config.hidden;
    return find_part(l, name_of(l, what), rows, columns, false, &part, e) && linear_pack_kept(l->d->kept, l->team, KERNEL_F32, columns, &part, 1, out, e);
}

/* One expert of a tensor [experts, rows, columns]. */
static bool nth_expert(const struct loading *l, const char *what, uint32_t i, uint64_t rows, uint64_t columns, struct linear_part *out, struct err *e)
{
    uint64_t count = l->d->config.experts.count;
    str name = name_of(l, what);
    const struct tensor *all = weights_find(l->d->weights, arena_fmt(l->d->a, "%.*s.weight", STR_ARG(name)));
    if (!all) return err_set(e, ERR_NOT_FOUND, "the weights have no tensor \"%.*s.weight\"", STR_ARG(name));
    if (all->rank != 3 || all->block || all->shape[0] != count || all->shape[1] != rows || all->shape[2] != columns)
        return err_set(e, ERR_INVALID, "the tensor \"%.*s\" is not %llu x %llu x %llu, as config.json makes it", STR_ARG(all->name),
                       (unsigned long long)count, (unsigned long long)rows, (unsigned long long)columns);
    struct tensor *one = arena_alloc(l->d->a, sizeof *one);
    *one = *all;
    one->name = arena_fmt(l->d->a, "%.*s[%u]", STR_ARG(all->name), i);
    one->rank = 2;
    one->shape[0] = rows;
    one->shape[1] = columns;
    one->elements /= count;
    one->data.n /= count;
    one->data.p += i * one->data.n;
    *out = (struct linear_part){ .weight = one };
    return true;
}

static bool load_stacked(const struct loading *l, uint32_t i, struct mlp *out, struct err *e)
{
    const struct decoder_config *c = &l->d->config;
    const char *experts = c->names.experts;
    uint32_t n = c->experts.intermediate;
    struct linear_part up, down;
    return nth_expert(l, arena_cstr(l->d->a, arena_fmt(l->d->a, "%s.%s", experts, c->names.gate_up)), i, 2 * (uint64_t)n, c->hidden, &up, e) &&
           nth_expert(l, arena_cstr(l->d->a, arena_fmt(l->d->a, "%s.%s", experts, c->names.down)), i, c->hidden, n, &down, e) &&
           pack(l, c->hidden, &up, 1, &out->up, e) && pack(l, n, &down, 1, &out->down, e);
}

static bool load_correction(const struct loading *l, struct decoder_layer_weights *w, struct err *e)
{
    const char *what = l->d->config.names.router_correction;
    const struct tensor *t;
    uint32_t n = l->d->config.experts.count;
    if (!what) return true;
    w->router_correction = arena_alloc(l->d->a, n * sizeof(float));
    return need_kept(l, name_of(l, what), 1, n, &t, e) && tensor_floats(t, 0, n, w->router_correction, e) &&
           tensor_check_finite(t, 0, 1, w->router_correction, n, e);
}

static bool load_experts(const struct loading *l, struct decoder_layer_weights *w, struct err *e)
{
    const struct decoder_names *m = &l->d->config.names;
    const struct decoder_experts *x = &l->d->config.experts;
    w->expert = arena_alloc(l->d->a, x->count * sizeof *w->expert);
    for (uint32_t i = 0; i < x->count; i++) {
        str name = arena_fmt(l->d->a, "%.*s.%u.", STR_ARG(name_of(l, m->experts)), i);
        if (!(x->are_stacked ? load_stacked(l, i, &w->expert[i], e) : load_block(l, name, x->intermediate, &w->expert[i], e))) return false;
    }
    return load_router(l, m->router, x->count, &w->router, e) && load_correction(l, w, e) &&
           (!m->shared_gate || load_router(l, m->shared_gate, 1, &w->shared_gate, e)) &&
           (!m->shared || load_block(l, name_of(l, m->shared), x->shared_intermediate, &w->mlp, e));
}

static bool load_layer(const struct loading *l, struct decoder_layer_weights *w, struct err *e)
{
    const struct decoder_config *c = &l->d->config;
    const struct decoder_names *m = &c->names;
    return read_layer_norm(l, m->norm_before, c->hidden, &w->norm_before, e) &&
           read_layer_norm(l, m->norm_attention_after, c->hidden, &w->norm_attention_after, e) &&
           read_layer_norm(l, m->norm_middle, c->hidden, &w->norm_middle, e) &&
           read_layer_norm(l, m->norm_mlp_after, c->hidden, &w->norm_mlp_after, e) &&
           load_attention(l, w, e) &&
           (c->layer[l->layer].has_experts ? load_experts(l, w, e) : load_block(l, name_of(l, m->mlp), c->intermediate, &w->mlp, e));
}

/* A head that is stored is used; without one the embedding serves. */
static bool load_head(const struct loading *l, struct err *e)
{
    struct decoder *d = l->d;
    const struct decoder_config *c = &d->config;
    str name = arena_fmt(d->a, "%s.weight", c->names.head);
    struct linear_part part = { .weight = d->embedding };
    bool is_stored = weights_find(d->weights, name) != NULL;
    if (d->is_bare) return true;
    if (!is_stored && !c->may_tie) return err_set(e, ERR_INVALID, "there is no %.*s, and config.json does not tie it to the embedding", STR_ARG(name));
    if (is_stored && !weights_need(d->weights, name, c->vocab, c->hidden, &part.weight, e)) return false;
    if (c->head_bias && !need_kept(l, arena_fmt(d->a, "%s.bias", c->names.head), 1, c->vocab, &part.bias, e)) return false;
    if (is_stored && l->adapter && !adapter_find(d, l->adapter, &part, c->vocab, c->hidden, &part.add, e)) return false;
    return pack(l, c->hidden, &part, 1, &d->head, e);
}

/* ------------------------------------------------------------------ the whole */

static str outer_name(const struct loading *l, const char *what) { return arena_fmt(l->d->a, "%.*s%s", STR_ARG(l->d->prefix), what); }

/* What names begin with: the family's prefix, alone or inside a model of images and text, or nothing. */
static void find_prefix(struct decoder *d)
{
    static const struct { const char *around; bool has_own, has_head; } ways[] = {
        { "", true, false },
        { "language_model.", true, true },         /* the text has its head with it */
        { "model.language_model.", false, false },
        { "", false, false },                      /* saved without a head */
    };
    struct decoder_names *m = &d->config.names;
    for (size_t i = 0; i < COUNT(ways); i++) {
        d->prefix = arena_fmt(d->a, "%s%s", ways[i].around, ways[i].has_own ? m->prefix : "");
        if (!weights_find(d->weights, arena_fmt(d->a, "%.*s%s.weight", STR_ARG(d->prefix), m->embedding))) continue;
        if (ways[i].has_head) m->head = arena_cstr(d->a, arena_fmt(d->a, "%s%s", ways[i].around, m->head));
        return;
    }
    d->prefix = str_c(m->prefix); /* whose absence is then told */
}

static bool load_outer(struct loading *l, struct err *e)
{
    struct decoder *d = l->d;
    const struct decoder_config *c = &d->config;
    find_prefix(d);
    return need_kept(l, join(l, outer_name(l, c->names.embedding), ".weight"), c->vocab, c->hidden, &d->embedding, e) &&
           (!c->names.positions || need_kept(l, join(l, outer_name(l, c->names.positions), ".weight"),
                                                (uint64_t)c->position_offset + c->positions, c->hidden, &d->positions, e)) &&
           (!c->names.norm_embedding || read_norm(l, outer_name(l, c->names.norm_embedding), c->hidden, &d->norm_embedding, e)) &&
           read_norm(l, outer_name(l, c->names.norm), c->hidden, &d->norm, e) && load_head(l, e);
}

/* Slopes are those of the next power of two, every second first, when the heads are none. */
static void make_alibi(struct decoder *d)
{
    const struct decoder_config *c = &d->config;
    size_t reach = c->positions;
    uint32_t all = 1;
    if (!(c->alibi > 0)) return;
    while (all < c->heads) all *= 2;
    d->alibi_stride = 2 * reach + 1;
    d->alibi = arena_alloc(d->a, c->heads * d->alibi_stride * sizeof *d->alibi);
    for (uint32_t h = 0; h < c->heads; h++) {
        uint32_t i = all == c->heads ? h : h < all / 2 ? 2 * h + 1 : 2 * (h - all / 2);
        float slope = (float)exp2(-(double)c->alibi * (i + 1) / all), *row = d->alibi + h * d->alibi_stride;
        for (size_t distance = 0; distance <= reach; distance++) row[reach - distance] = -slope * (float)distance;
    }
}

static uint64_t block_memory(const struct decoder_config *c, enum kernel_type type, uint64_t intermediate)
{
    return linear_memory(type, (c->is_gated ? 2 : 1) * intermediate, c->hidden) + linear_memory(type, c->hidden, intermediate);
}

uint64_t decoder_memory(const struct decoder_config *c, enum kernel_type type)
{
    const struct decoder_experts *x = &c->experts;
    uint64_t heads = (uint64_t)c->heads * c->head_dim, n = linear_memory(type, c->vocab, c->hidden);
    for (uint32_t i = 0; i < c->layers; i++) {
        n += linear_memory(type, heads + 2 * (uint64_t)c->kv_heads * c->head_dim, c->hidden) + linear_memory(type, c->hidden, heads);
        if (!c->layer[i].has_experts) n += block_memory(c, type, c->intermediate);
        else n += x->count * block_memory(c, type, x->intermediate) + linear_memory(KERNEL_F32, x->count, c->hidden);
        if (c->layer[i].has_experts && x->shared_intermediate)
            n += block_memory(c, type, x->shared_intermediate) + (c->names.shared_gate ? linear_memory(KERNEL_F32, 1, c->hidden) : 0);
    }
    return n;
}

/* Where every layer is packed as its tensors are. */
static uint64_t nearest_memory(const struct decoder *d)
{
    const struct decoder_names *names = &d->config.names;
    str embedding = arena_fmt(d->a, "%s%s.weight", names->prefix, names->embedding);
    bool has_head = weights_find(d->weights, arena_fmt(d->a, "%s.weight", names->head));
    uint64_t n = 0;
    for (size_t i = 0; i < weights_count(d->weights); i++) {
        struct linear_part part = { .weight = weights_nth(d->weights, i) };
        const struct tensor *t = part.weight;
        if (t->rank == 2 && !((has_head || d->is_bare) && str_eq(t->name, embedding))) n += linear_memory(linear_nearest(&part, 1), t->shape[0], (size_t)t->shape[1]);
    }
    return n;
}

/* Before anything is packed. */
static bool fits(const struct decoder *d, const struct source *source, struct err *e)
{
    uint64_t needs = d->type == LINEAR_NEAREST ? nearest_memory(d) : decoder_memory(&d->config, d->type);
    if (d->is_bare && d->type != LINEAR_NEAREST) needs -= linear_memory(d->type, d->config.vocab, d->config.hidden);
    uint64_t free = machine_now().memory_free, small = decoder_memory(&d->config, KERNEL_Q4);
    struct err why;
    if (memory_check(source_path(source), needs, packed_bytes(d->kept), free, &why)) return true;
    if (small < free && small < needs)
        return err_set(e, ERR_NO_SPACE, "%s; at four bits a weight (--dtype q4) it would need %.1f GB", why.msg, (double)small / 1e9);
    *e = why;
    return false;
}

static bool load(struct decoder *d, struct source *source, struct lora *adapter, struct team *team, struct err *e)
{
    struct loading l = { .d = d, .team = team, .adapter = adapter };
    const struct decoder_config *c = &d->config;
    if (!decoder_config_read(source_config(source), &d->config, e)) return err_context(e, "%s", source_path(source));
    static const char *const types[KERNEL_TYPES + 1] = { "f32", "bf16", "q8", "q4m", "q4", "auto" };
    d->kept = source_packed(source, types[d->type]);
    if (!source_weights(source, &d->weights, e) || !fits(d, source, e) || !load_outer(&l, e)) return false;
    order_rows(&l);
    make_alibi(d);
    d->config.kv_type = d->type == KERNEL_F32 ? KERNEL_F32 : KERNEL_BF16;
    d->layer = arena_alloc(d->a, c->layers * sizeof *d->layer);
    for (; l.layer < c->layers; l.layer++) {
        if (!load_layer(&l, &d->layer[l.layer], e)) return false;
        source_progress(source, l.layer + 1, c->layers);
    }
    if (adapter && !lora_all_found(adapter, e)) return false;
    for (size_t i = 0; i < 2; i++) {
        d->rope_inverse[i] = arena_alloc(d->a, c->rope[i].dim / 2 * sizeof(float));
        rope_inverse_frequencies(&c->rope[i], d->rope_inverse[i]);
    }
    struct err why;
    if (!packed_save(d->kept, &why)) log_warn("packed.not_kept", "%s", why.msg); /* the model runs all the same */
    packed_settle(d->kept);
    for (size_t i = 0; i < weights_count(d->weights); i++) d->parameters += weights_nth(d->weights, i)->elements;
    return true;
}

static bool open(struct source *source, struct lora *adapter, bool is_bare, enum kernel_type type, struct team *team, struct decoder **out, struct err *e)
{
    struct decoder *d = mem_one(struct decoder);
    d->a = arena_new(0);
    d->type = type;
    d->is_bare = is_bare;
    if (load(d, source, adapter, team, e)) {
        *out = d;
        return true;
    }
    decoder_close(d);
    return false;
}

bool decoder_open_adapted(struct source *source, struct lora *adapter, enum kernel_type type, struct team *team, struct decoder **out, struct err *e)
{
    return open(source, adapter, false, type, team, out, e);
}

bool decoder_open_bare(struct source *source, enum kernel_type type, struct team *team, struct decoder **out, struct err *e)
{
    return open(source, NULL, true, type, team, out, e);
}

bool decoder_open_source(struct source *source, enum kernel_type type, struct team *team, struct decoder **out, struct err *e)
{
    return open(source, NULL, false, type, team, out, e);
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

static void free_mlp(struct mlp *m)
{
    linear_free(&m->up.linear);
    linear_free(&m->down.linear);
}

void decoder_close(struct decoder *d)
{
    if (!d) return;
    for (uint32_t i = 0; d->layer && i < d->config.layers; i++) {
        struct decoder_layer_weights *w = &d->layer[i];
        linear_free(&w->qkv.linear);
        linear_free(&w->o.linear);
        free_mlp(&w->mlp);
        for (uint32_t j = 0; w->expert && j < d->config.experts.count; j++) free_mlp(&w->expert[j]);
        linear_free(&w->router);
        linear_free(&w->shared_gate);
    }
    linear_free(&d->head.linear);
    packed_close(d->kept);
    source_close(d->source);
    arena_free(d->a);
    mem_free(d);
}

void decoder_keep_small(struct decoder *d) { d->config.kv_type = KERNEL_Q8; }

const struct decoder_config *decoder_config(const struct decoder *d) { return &d->config; }
uint64_t decoder_parameters(const struct decoder *d) { return d->parameters; }

static size_t mlp_bytes(const struct mlp *m) { return m->up.linear.packed_bytes + m->down.linear.packed_bytes; }

size_t decoder_step_bytes(const struct decoder *d, size_t rows)
{
    const struct decoder_experts *x = &d->config.experts;
    size_t n = d->head.linear.packed_bytes, read = rows < x->count && rows * x->chosen < x->count ? rows * x->chosen : x->count;
    for (uint32_t i = 0; i < d->config.layers; i++) {
        const struct decoder_layer_weights *w = &d->layer[i];
        n += w->qkv.linear.packed_bytes + w->o.linear.packed_bytes + mlp_bytes(&w->mlp) + w->router.packed_bytes + w->shared_gate.packed_bytes;
        for (uint32_t j = 0; w->expert && j < read; j++) n += mlp_bytes(&w->expert[j]);
    }
    return n;
}

size_t decoder_packed_bytes(const struct decoder *d) { return decoder_step_bytes(d, DECODER_EXPERTS_MAX); }
bool decoder_is_kept(const struct decoder *d) { return d->embedding->is_kept && (!d->positions || d->positions->is_kept); }

struct pieces {
    bytes *out;
    size_t n, most;
};
static void add_piece(struct pieces *p, const struct linear *l)
{
    if (!l->packed_bytes) return;
    if (p->n < p->most) p->out[p->n] = (bytes){ linear_data(l), l->packed_bytes };
    p->n++;
}

size_t decoder_packed_pieces(const struct decoder *d, bytes *out, size_t most)
{
    struct pieces p = { out, 0, most };
    for (uint32_t i = 0; i < d->config.layers; i++) {
        const struct decoder_layer_weights *w = &d->layer[i];
        const struct linear *one[] = { &w->qkv.linear, &w->o.linear, &w->router, &w->shared_gate, &w->mlp.up.linear, &w->mlp.down.linear };
        for (size_t j = 0; j < COUNT(one); j++) add_piece(&p, one[j]);
        for (uint32_t j = 0; w->expert && j < d->config.experts.count; j++) add_piece(&p, &w->expert[j].up.linear), add_piece(&p, &w->expert[j].down.linear);
    }
    add_piece(&p, &d->head.linear);
    return p.n;
}
