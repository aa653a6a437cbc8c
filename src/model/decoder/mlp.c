/* model/decoder/mlp.c - the second half of a layer: one mlp for all rows, or experts among which a router chooses.
 *
 * With experts, rows are sorted by expert, so that an expert's weights are read once for all the rows that chose it; each
 * row's results are then added up in the order of the experts, as Transformers does. */
#include <math.h>
#include <string.h>

#include "model/decoder/decoder_priv.h"

/* ------------------------------------------------------------------ one block */

struct block {
    const struct decoder_config *c;
    float *up;
    size_t rows, stride, n;
    const struct scratch *prepared;
    const struct linear *down; /* rows are prepared for it at once */
};

static void activate_share(void *ctx, size_t part, size_t parts)
{
    static const enum kernel_activation kernel[] = {
        [ACTIVATION_SILU] = KERNEL_SILU, [ACTIVATION_GELU] = KERNEL_GELU, [ACTIVATION_GELU_TANH] = KERNEL_GELU_TANH,
        [ACTIVATION_RELU] = KERNEL_RELU, [ACTIVATION_RELU_SQUARED] = KERNEL_RELU,
    };
    const struct block *b = ctx;
    bool is_squared = b->c->activation == ACTIVATION_RELU_SQUARED;
    size_t first, end;
    team_share(b->rows, part, parts, &first, &end);
    for (size_t i = first; i < end; i++) {
        float *x = b->up + i * b->stride, *by = b->c->is_gated ? x + b->n : NULL;
        kernels()->activate[kernel[b->c->activation]](x, is_squared ? NULL : by, b->n, x);
        for (size_t j = 0; is_squared && j < b->n; j++) x[j] *= x[j] * (by ? by[j] : 1);
        linear_prepare(b->prepared, b->down, x, i);
    }
}

/* The one mlp of a layer, or the shared one: all rows, adapters and all.  Rows of [hidden_stride] in and out. */
static bool run_all(struct decoder_run *r, const struct mlp *m, const float *in, float *out, struct err *e)
{
    struct block b = { &r->d->config, r->gate_up, r->n, r->gate_up_stride, m->down.linear.k, &r->prepared, &m->down.linear };
    if (!project(r, ADAPTED_UP, &m->up, in, r->hidden_stride, b.up, b.stride, e) || !linear_room(&r->prepared, b.down, r->n, e)) return false;
    run_share(r, activate_share, &b, r->n < 4);
    r->ready = b.down;
    return project(r, ADAPTED_DOWN, &m->down, b.up, b.stride, out, r->hidden_stride, e);
}

/* An expert: some rows. */
static bool run_some(struct decoder_run *r, const struct mlp *m, const float *in, size_t rows, float *out, struct err *e)
{
    struct block b = { &r->d->config, r->gate_up, rows, r->gate_up_stride, m->down.linear.k, &r->prepared, &m->down.linear };
    if (!linear_run(r->team, &r->prepared, &m->up.linear, in, r->hidden_stride, rows, b.up, b.stride, e) || !linear_room(&r->prepared, b.down, rows, e))
        return false;
    run_share(r, activate_share, &b, rows < 4);
    linear_run_prepared(r->team, &r->prepared, b.down, rows, out, r->hidden_stride);
    return true;
}

size_t mlp_stride(const struct decoder_config *c)
{
    const struct decoder_experts *x = &c->experts;
    size_t most = c->intermediate;
    if (x->count && x->intermediate > most) most = x->intermediate;
    if (x->count && x->shared_intermediate > most) most = x->shared_intermediate;
    return run_stride(2 * most);
}

/* ------------------------------------------------------------------ experts */

struct route {
    uint32_t row;
    float weight;
};

struct routes {
    const struct decoder_experts *x;
    size_t rows_room, hidden_stride, logits_stride;
    float *logits, *shared_gate;   /* [rows][stride] of the router */
    uint32_t *expert;              /* [rows][chosen] */
    float *weight;                 /* [rows][chosen] */
    struct route *sorted;          /* [rows * chosen], by expert and then by row */
    size_t first[DECODER_EXPERTS_MAX + 1]; /* of each expert in `sorted` */
    float *in, *out;               /* [rows][hidden_stride]: what goes into one expert, and what comes out */
};

struct routes *routes_new(const struct decoder_config *c)
{
    if (c->experts.count == 0) return NULL;
    struct routes *t = mem_one(struct routes);
    t->x = &c->experts;
    t->hidden_stride = run_stride(c->hidden);
    t->logits_stride = linear_stride(c->experts.count);
    return t;
}

void routes_room(struct routes *t, size_t rows)
{
    if (!t || rows <= t->rows_room) return;
    size_t chosen = rows * t->x->chosen;
    t->logits = mem_grow(t->logits, rows * t->logits_stride * sizeof *t->logits);
    t->shared_gate = mem_grow(t->shared_gate, rows * KERNEL_PANEL * sizeof *t->shared_gate);
    t->expert = mem_grow(t->expert, chosen * sizeof *t->expert);
    t->weight = mem_grow(t->weight, chosen * sizeof *t->weight);
    t->sorted = mem_grow(t->sorted, chosen * sizeof *t->sorted);
    t->in = mem_grow(t->in, rows * t->hidden_stride * sizeof *t->in);
    t->out = mem_grow(t->out, rows * t->hidden_stride * sizeof *t->out);
    t->rows_room = rows;
}

void routes_free(struct routes *t)
{
    if (!t) return;
    mem_free(t->logits);
    mem_free(t->shared_gate);
    mem_free(t->expert);
    mem_free(t->weight);
    mem_free(t->sorted);
    mem_free(t->in);
    mem_free(t->out);
    mem_free(t);
}

/* Scores of experts outside the best groups become 0. */
static void keep_groups(const struct decoder_experts *x, float *by)
{
    uint32_t size = x->count / x->groups;
    float sum[DECODER_EXPERTS_MAX];
    for (uint32_t g = 0; g < x->groups; g++) {
        float first = -INFINITY, second = -INFINITY;
        for (uint32_t j = g * size; j < (g + 1) * size; j++)
            if (by[j] > first) second = first, first = by[j];
            else if (by[j] > second) second = by[j];
        sum[g] = first + second;
    }
    for (uint32_t n = 0; n < x->groups - x->groups_chosen; n++) { /* the worst goes first */
        uint32_t worst = 0;
        for (uint32_t g = 1; g < x->groups; g++)
            if (sum[g] <= sum[worst]) worst = g;
        sum[worst] = INFINITY;
        memset(by + (size_t)worst * size, 0, size * sizeof *by);
    }
}

/* The likeliest experts of a row, best first, of equals the first.  What is chosen goes by the scores with what the
 * router's correction (NULL: none) adds to them, but weights are the scores as they are. */
static void choose(const struct decoder_experts *x, const float *correction, float *score, uint32_t *expert, float *weight)
{
    float sum = 0, by[DECODER_EXPERTS_MAX];
    if (!x->is_sigmoid) kernels()->softmax(score, x->count);
    for (uint32_t i = 0; i < x->count; i++) {
        if (x->is_sigmoid) score[i] = 1 / (1 + expf(-score[i]));
        by[i] = score[i] + (correction ? correction[i] : 0);
    }
    if (x->groups > 1) keep_groups(x, by);
    for (uint32_t i = 0; i < x->chosen; i++) {
        uint32_t best = 0;
        for (uint32_t j = 1; j < x->count; j++)
            if (by[j] > by[best]) best = j;
        expert[i] = best;
        sum += weight[i] = score[best];
        by[best] = -INFINITY;
    }
    for (uint32_t i = 0; i < x->chosen; i++) weight[i] *= x->scale / (x->sum_to_one ? fmaxf(sum, 1e-20f) : 1);
}

/* Counts, then places: rows stay in their order within an expert. */
static void sort_routes(struct routes *t, size_t rows)
{
    const struct decoder_experts *x = t->x;
    size_t n = rows * x->chosen, at = 0;
    memset(t->first, 0, sizeof t->first);
    for (size_t i = 0; i < n; i++) t->first[t->expert[i]]++;
    for (size_t i = 0; i <= x->count; i++) {
        size_t count = t->first[i];
        t->first[i] = at;
        at += count;
    }
    for (size_t i = 0; i < n; i++) t->sorted[t->first[t->expert[i]]++] = (struct route){ (uint32_t)(i / x->chosen), t->weight[i] };
    /* Each start has moved to its end, which is the next one's start. */
    memmove(t->first + 1, t->first, x->count * sizeof *t->first);
    t->first[0] = 0;
}

static bool run_expert(struct decoder_run *r, const struct mlp *m, const struct route *route, size_t n, struct err *e)
{
    struct routes *t = r->routes;
    size_t stride = r->hidden_stride, hidden = r->d->config.hidden;
    for (size_t i = 0; i < n; i++) memcpy(t->in + i * stride, r->normed + route[i].row * stride, hidden * sizeof *t->in);
    if (!run_some(r, m, t->in, n, t->out, e)) return false;
    for (size_t i = 0; i < n; i++) kernels()->axpy(route[i].weight, t->out + i * stride, r->branch + route[i].row * stride, hidden);
    return true;
}

static bool run_shared(struct decoder_run *r, const struct decoder_layer_weights *w, struct err *e)
{
    struct routes *t = r->routes;
    size_t stride = r->hidden_stride;
    bool has_gate = w->shared_gate.n > 0;
    if ((has_gate && !linear_run(r->team, &r->prepared, &w->shared_gate, r->normed, stride, r->n, t->shared_gate, KERNEL_PANEL, e)) ||
        !run_all(r, &w->mlp, r->normed, t->out, e))
        return false;
    for (size_t i = 0; i < r->n; i++) {
        float by = has_gate ? 1 / (1 + expf(-t->shared_gate[i * KERNEL_PANEL])) : 1;
        kernels()->axpy(by, t->out + i * stride, r->branch + i * stride, r->d->config.hidden);
    }
    return true;
}

static bool run_experts(struct decoder_run *r, const struct decoder_layer_weights *w, struct err *e)
{
    struct routes *t = r->routes;
    const struct decoder_experts *x = t->x;
    if (!linear_run(r->team, &r->prepared, &w->router, r->normed, r->hidden_stride, r->n, t->logits, t->logits_stride, e)) return false;
    for (size_t i = 0; i < r->n; i++) choose(x, w->router_correction, t->logits + i * t->logits_stride, t->expert + i * x->chosen, t->weight + i * x->chosen);
    sort_routes(t, r->n);
    memset(r->branch, 0, r->n * r->hidden_stride * sizeof *r->branch);
    for (uint32_t i = 0; i < x->count; i++)
        if (t->first[i] < t->first[i + 1] && !run_expert(r, &w->expert[i], t->sorted + t->first[i], t->first[i + 1] - t->first[i], e)) return false;
    return x->shared_intermediate == 0 || run_shared(r, w, e);
}

bool mlp_run(struct decoder_run *r, struct err *e)
{
    const struct decoder_layer_weights *w = &r->d->layer[r->layer];
    return w->expert ? run_experts(r, w, e) : run_all(r, &w->mlp, r->normed, r->branch, e);
}
