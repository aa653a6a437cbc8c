/* model/decoder/adapter.c - see model/decoder/adapter.h.
 *
 * Layers that are packed as one (queries, keys and values; gate and up) have one pair here, too: their A stand one below
 * the other, and B is zero where a part's outputs meet another part's ranks.  B has the factor in it. */
#include "model/decoder/adapter.h"

#include <string.h>

#include "model/decoder/decoder_priv.h"

struct pair {
    struct linear a, b; /* [ranks, k], [n, ranks]; n 0: nothing is added */
};

struct adapter {
    const struct decoder *d;
    struct pair (*layer)[ADAPTED_COUNT];
    size_t rank_most;
};

/* ------------------------------------------------------------------ opening */

bool adapter_find(const struct decoder *d, struct lora *lora, const struct linear_part *part, size_t outputs, size_t inputs, struct low_rank *out,
                  struct err *e)
{
    char text[512];
    str name = part->weight->name;
    if (str_ends(name, STR(".weight"))) name = str_to(name, name.n - strlen(".weight"));
    bool is_inside = d->prefix.n == 0 && !str_eq(name, str_c(d->config.names.head));
    int n = snprintf(text, sizeof text, "%s%.*s", is_inside ? d->config.names.prefix : "", STR_ARG(name));
    if (n < 0 || (size_t)n >= sizeof text) return err_set(e, ERR_INVALID, "a tensor's name is too long");
    return lora_find(lora, str_n(text, (size_t)n), outputs, inputs, out, e);
}

static size_t part_outputs(const struct projection *p, size_t i)
{
    const struct linear_part *part = &p->part[i];
    return part->row ? part->rows : (size_t)(part->weight->elements / p->linear.k);
}

/* What is added to the parts of a layer, and where its ranks stand among those of all. */
struct found {
    struct low_rank add[3];
    size_t rank[3], first[3], ranks;
    bool is_again[3]; /* the tensor of the part before, of which this is other rows */
};

static bool find(const struct decoder *d, struct lora *lora, const struct projection *p, struct found *f, struct err *e)
{
    size_t k = p->linear.k;
    *f = (struct found){ 0 };
    for (size_t i = 0; i < p->parts; i++) {
        const struct tensor *weight = p->part[i].weight;
        f->is_again[i] = i > 0 && weight == p->part[i - 1].weight;
        if (f->is_again[i]) {
            f->add[i] = f->add[i - 1], f->rank[i] = f->rank[i - 1], f->first[i] = f->first[i - 1];
            continue;
        }
        if (!adapter_find(d, lora, &p->part[i], (size_t)(weight->elements / k), k, &f->add[i], e)) return false;
        f->rank[i] = f->add[i].a ? (size_t)(f->add[i].a->elements / k) : 0;
        f->first[i] = f->ranks;
        f->ranks += f->rank[i];
    }
    return true;
}

/* A of all parts [ranks, k], and B [n, ranks] in the order of the outputs. */
static bool fill(const struct projection *p, const struct found *f, float *a, float *b, struct err *e)
{
    size_t k = p->linear.k;
    for (size_t i = 0; i < p->parts; i++) {
        size_t rank = f->rank[i], outputs = part_outputs(p, i);
        const uint32_t *stored = p->part[i].row;
        if (rank && !f->is_again[i] && !tensor_floats(f->add[i].a, 0, rank * k, a + f->first[i] * k, e)) return false;
        for (size_t j = 0; rank && j < outputs; j++) {
            float *row = b + j * f->ranks + f->first[i];
            if (!tensor_floats(f->add[i].b, (stored ? stored[j] : j) * rank, rank, row, e)) return false;
            for (size_t x = 0; x < rank; x++) row[x] *= f->add[i].by;
        }
        b += outputs * f->ranks;
    }
    return true;
}

static bool pack_floats(struct adapter *t, struct team *team, const float *x, size_t rows, size_t k, str name, struct linear *out, struct err *e)
{
    const struct tensor whole = { .name = name, .dtype = ST_F32, .rank = 2, .shape = { rows, k }, .elements = rows * k,
                                  .data = { (const uint8_t *)x, rows * k * sizeof *x } };
    const struct linear_part part = { .weight = &whole };
    return linear_pack(team, t->d->type == KERNEL_F32 ? KERNEL_F32 : KERNEL_BF16, k, &part, 1, out, e);
}

static bool open_pair(struct adapter *t, struct lora *lora, struct team *team, const struct projection *p, struct pair *out, struct err *e)
{
    struct found f;
    size_t k = p->linear.k, n = p->linear.n;
    if (p->parts == 0) return true;
    if (!find(t->d, lora, p, &f, e)) return false;
    if (f.ranks == 0) return true;
    float *a = mem_alloc(f.ranks * k * sizeof *a), *b = mem_alloc(n * f.ranks * sizeof *b);
    bool ok = fill(p, &f, a, b, e) && pack_floats(t, team, a, f.ranks, k, STR("lora_A"), &out->a, e) &&
              pack_floats(t, team, b, n, f.ranks, STR("lora_B"), &out->b, e);
    mem_free(a);
    mem_free(b);
    if (f.ranks > t->rank_most) t->rank_most = f.ranks;
    return ok;
}

static bool open_all(struct adapter *t, struct lora *lora, struct team *team, struct err *e)
{
    for (uint32_t i = 0; i < t->d->config.layers; i++) {
        const struct decoder_layer_weights *w = &t->d->layer[i];
        const struct projection *p[ADAPTED_COUNT] = { &w->qkv, &w->o, &w->mlp.up, &w->mlp.down };
        for (size_t j = 0; j < ADAPTED_COUNT; j++)
            if (!open_pair(t, lora, team, p[j], &t->layer[i][j], e)) return false;
    }
    if (lora_all_found(lora, e)) return true;
    return err_context(e, "an adapter beside the model reaches attention and mlps; merged into it (--adapter) it reaches more");
}

bool adapter_open(const char *dir, const struct decoder *d, struct team *team, struct adapter **out, struct err *e)
{
    struct lora *lora;
    if (!lora_open(dir, &lora, e)) return false;
    struct adapter *t = mem_one(struct adapter);
    t->d = d;
    t->layer = mem_alloc(d->config.layers * sizeof *t->layer);
    bool ok = open_all(t, lora, team, e);
    lora_close(lora);
    if (ok) *out = t;
    else adapter_close(t);
    return ok;
}

void adapter_close(struct adapter *t)
{
    if (!t) return;
    for (uint32_t i = 0; i < t->d->config.layers; i++)
        for (size_t j = 0; j < ADAPTED_COUNT; j++) {
            linear_free(&t->layer[i][j].a);
            linear_free(&t->layer[i][j].b);
        }
    mem_free(t->layer);
    mem_free(t);
}

/* ------------------------------------------------------------------ a step */

struct group {
    const struct adapter *adapter;
    size_t first, count; /* in adapting.row */
};

struct adapting {
    uint32_t row[DECODER_ROWS_MAX];
    struct group group[DECODER_ROWS_MAX];
    size_t groups;
    struct scratch in, low, out;
};

bool adapting_sort(struct decoder_run *r, struct err *e)
{
    bool is_placed[DECODER_ROWS_MAX] = { false };
    struct adapting *t = r->adapting;
    size_t n = 0;
    if (t) t->groups = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct adapter *adapter = r->row[i].kv->adapter;
        if (!adapter || is_placed[i]) continue;
        if (adapter->d != r->d) return err_set(e, ERR_INVALID, "an adapter of another model");
        if (!t) t = r->adapting = mem_one(struct adapting);
        struct group *g = &t->group[t->groups++];
        *g = (struct group){ adapter, n, 0 };
        for (size_t j = i; j < r->n; j++) {
            if (r->row[j].kv->adapter != adapter) continue;
            is_placed[j] = true;
            t->row[n++] = (uint32_t)j;
            g->count++;
        }
    }
    return true;
}

static bool run_group(struct decoder_run *r, const struct group *g, const struct pair *p, const float *x, size_t x_stride, float *y, size_t y_stride,
                      struct err *e)
{
    struct adapting *t = r->adapting;
    size_t low_stride = linear_stride(p->a.n), out_stride = linear_stride(p->b.n), k = p->a.k;
    const uint32_t *row = t->row + g->first;
    if (!scratch_reserve(&t->in, g->count * k * sizeof(float), e) || !scratch_reserve(&t->low, g->count * low_stride * sizeof(float), e) ||
        !scratch_reserve(&t->out, g->count * out_stride * sizeof(float), e))
        return false;
    float *in = (float *)(void *)t->in.p, *low = (float *)(void *)t->low.p, *out = (float *)(void *)t->out.p;
    for (size_t i = 0; i < g->count; i++) memcpy(in + i * k, x + row[i] * x_stride, k * sizeof *in);
    if (!linear_run(r->team, &r->prepared, &p->a, in, k, g->count, low, low_stride, e) ||
        !linear_run(r->team, &r->prepared, &p->b, low, low_stride, g->count, out, out_stride, e))
        return false;
    for (size_t i = 0; i < g->count; i++) kernels()->axpy(1, out + i * out_stride, y + row[i] * y_stride, p->b.n);
    return true;
}

bool adapting_run(struct decoder_run *r, enum adapted which, const float *x, size_t x_stride, float *y, size_t y_stride, struct err *e)
{
    for (size_t i = 0; r->adapting && i < r->adapting->groups; i++) {
        const struct group *g = &r->adapting->group[i];
        const struct pair *p = &g->adapter->layer[r->layer][which];
        if (p->b.n && !run_group(r, g, p, x, x_stride, y, y_stride, e)) return false;
    }
    return true;
}

void adapting_free(struct adapting *t)
{
    if (!t) return;
    scratch_free(&t->in);
    scratch_free(&t->low);
    scratch_free(&t->out);
    mem_free(t);
}
