/* model/encoder/forward.c - texts through all layers, and rows through the head.
 *
 * Everything is computed in float; only the products of linear layers are rounded, to what their weights are packed as.
 * Texts go through in steps of about STEP_ROWS tokens, so that what lies between two layers stays in the caches; a step
 * has whole texts, one at least.  Linear layers, norms and activations see rows alone, attention sees where texts end.
 */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "model/encoder/encoder_priv.h"
#include "model/nn/attention.h"

enum { STEP_ROWS = 128 };

struct encoder_run {
    const struct encoder *m;
    struct team *team;
    struct scratch prepared;
    struct attention_room *room; /* [threads] */
    /* Of the whole call. */
    struct encoder_span *span; /* of each text, in rows of the call */
    size_t texts, spans_room;
    float *hidden; /* [rows of the call][hidden_stride] */
    size_t rows, hidden_room, hidden_stride;
    /* Of a step: [rows_room][stride] each. */
    float *embedded, *x, *branch, *qkv, *attended, *up, *cosine, *sine;
    size_t embedded_stride, qkv_stride, up_stride, rows_room, n;
    struct encoder_span *step; /* of each text of the step, in rows of the step */
    struct attention_sequence *sequence; /* likewise */
    uint32_t *position;        /* row of the table of positions */
    float *bias;               /* by distance, see nn/attention.h */
    uint32_t *bucket;          /* likewise, see struct encoder_attention */
    size_t reach;
    /* Of the head. */
    float *picked, *dense, *out;
    size_t head_room, dense_stride, out_stride;
    /* Of the part of a layer that runs. */
    const struct encoder_text *text;
    struct encoder_attention attention;
    uint32_t layer;
    pthread_mutex_t lock;
    bool failed;
    struct err err;
};

struct encoder_run *encoder_run_new(const struct encoder *m, struct team *team)
{
    const struct encoder_config *c = &m->config;
    struct encoder_run *r = mem_one(struct encoder_run);
    r->m = m;
    r->team = team;
    r->room = mem_alloc(team_size(team) * sizeof *r->room);
    r->hidden_stride = linear_stride(c->hidden);
    r->embedded_stride = linear_stride(c->embedding);
    r->qkv_stride = linear_stride(m->layer[0].qkv.n);
    r->up_stride = linear_stride(m->layer[0].up.n);
    r->dense_stride = linear_stride(m->head_dense.packed ? m->head_dense.n : c->hidden);
    r->out_stride = linear_stride(m->head_out.packed ? m->head_out.n : c->hidden);
    must(pthread_mutex_init(&r->lock, NULL) == 0);
    return r;
}

static float **buffers(struct encoder_run *r, size_t i, size_t *stride)
{
    const struct encoder_config *c = &r->m->config;
    switch (i) {
    case 0: *stride = r->embedded_stride; return &r->embedded;
    case 1: *stride = r->hidden_stride; return &r->x;
    case 2: *stride = r->hidden_stride; return &r->branch;
    case 3: *stride = r->qkv_stride; return &r->qkv;
    case 4: *stride = r->hidden_stride; return &r->attended;
    case 5: *stride = r->up_stride; return &r->up;
    case 6: *stride = c->has_rope ? c->head_dim : 1; return &r->cosine;
    case 7: *stride = c->has_rope ? c->head_dim : 1; return &r->sine;
    }
    return NULL;
}

void encoder_run_free(struct encoder_run *r)
{
    size_t stride;
    float **p;
    if (!r) return;
    for (size_t i = 0; (p = buffers(r, i, &stride)); i++) mem_free(*p);
    for (size_t i = 0; i < team_size(r->team); i++) attention_room_free(&r->room[i]);
    mem_free(r->room);
    mem_free(r->span);
    mem_free(r->step);
    mem_free(r->sequence);
    mem_free(r->hidden);
    mem_free(r->position);
    mem_free(r->bias);
    mem_free(r->bucket);
    mem_free(r->picked);
    mem_free(r->dense);
    mem_free(r->out);
    scratch_free(&r->prepared);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

static void step_room(struct encoder_run *r, size_t rows)
{
    size_t stride;
    float **p;
    if (rows <= r->rows_room) return;
    for (size_t i = 0; (p = buffers(r, i, &stride)); i++) *p = mem_grow(*p, rows * stride * sizeof **p);
    r->position = mem_grow(r->position, rows * sizeof *r->position);
    r->rows_room = rows;
}

static void fail(struct encoder_run *r, const struct err *e)
{
    pthread_mutex_lock(&r->lock);
    r->failed = true;
    r->err = *e;
    pthread_mutex_unlock(&r->lock);
}

static void share_out(struct encoder_run *r, void (*fn)(void *ctx, size_t part, size_t parts), void *ctx)
{
    if (r->n < 4) fn(ctx, 0, 1); /* less work than a round of the team */
    else team_run(r->team, fn, ctx);
}

/* ------------------------------------------------------------------ embeddings */

/* Which row of the table of positions each token of a text has. */
static void place(struct encoder_run *r, const struct encoder_text *t, size_t first)
{
    const struct encoder_config *c = &r->m->config;
    uint32_t at = c->position_base;
    for (size_t i = 0; i < t->n; i++)
        r->position[first + i] = c->positions_skip_pad && t->id[i] == c->pad ? (uint32_t)c->pad : at++;
}

static bool add_row(const struct tensor *t, uint64_t row, size_t width, float *x, float *space, struct err *e)
{
    if (!tensor_floats(t, row * width, width, space, e)) return false;
    kernels()->axpy(1, space, x, width);
    return true;
}

/* Words, types and positions; normed here, but for DeBERTa's, which are widened first. */
static bool embed_row(struct encoder_run *r, const struct encoder_text *t, size_t i, size_t row, float *space,
                      struct err *e)
{
    const struct encoder *m = r->m;
    const struct encoder_config *c = &m->config;
    float *x = r->embedded + row * r->embedded_stride;
    if (!tensor_floats(m->word, (uint64_t)t->id[i] * c->embedding, c->embedding, x, e)) return false;
    if (!isfinite(kernels()->dot(x, x, c->embedding)))
        return err_set(e, ERR_INVALID, "the embedding of token %u is not finite", t->id[i]);
    if (m->type && !add_row(m->type, t->type ? t->type[i] : 0, c->embedding, x, space, e)) return false;
    if (m->position && !add_row(m->position, r->position[row], c->embedding, x, space, e)) return false;
    if (c->bias != BIAS_DISENTANGLED) encoder_layer_norm(&m->embedding_norm, c->norm_eps, x, c->embedding, x);
    return true;
}

static void embed_share(void *ctx, size_t part, size_t parts)
{
    struct encoder_run *r = ctx;
    struct err e;
    float *space = mem_alloc(r->embedded_stride * sizeof *space);
    size_t first, end, text = 0;
    team_share(r->n, part, parts, &first, &end);
    for (size_t row = first; row < end; row++) {
        while (row >= r->step[text].first + r->step[text].n) text++;
        if (embed_row(r, &r->text[text], row - r->step[text].first, row, space, &e)) continue;
        fail(r, &e);
        break;
    }
    mem_free(space);
}

static bool embed(struct encoder_run *r, struct err *e)
{
    const struct encoder *m = r->m;
    const struct encoder_config *c = &m->config;
    r->failed = false;
    share_out(r, embed_share, r);
    if (r->failed) {
        *e = r->err;
        return false;
    }
    if (m->project.packed) {
        if (!linear_run(r->team, &r->prepared, &m->project, r->embedded, r->embedded_stride, r->n, r->x,
                        r->hidden_stride, e))
            return false;
    } else {
        for (size_t i = 0; i < r->n; i++)
            memcpy(r->x + i * r->hidden_stride, r->embedded + i * r->embedded_stride, c->hidden * sizeof(float));
    }
    for (size_t i = 0; c->bias == BIAS_DISENTANGLED && i < r->n; i++)
        encoder_layer_norm(&m->embedding_norm, c->norm_eps, r->x + i * r->hidden_stride, c->hidden,
                           r->x + i * r->hidden_stride);
    return true;
}

/* ------------------------------------------------------------------ the parts of a layer */

struct norm_job {
    struct encoder_run *r;
    const struct encoder_norm *norm;
    const float *in, *plus; /* plus: added to `in` first; NULL: nothing */
    float *out;
};

static void norm_share(void *ctx, size_t part, size_t parts)
{
    const struct norm_job *j = ctx;
    const struct encoder_config *c = &j->r->m->config;
    size_t first, end, stride = j->r->hidden_stride;
    team_share(j->r->n, part, parts, &first, &end);
    for (size_t i = first; i < end; i++) {
        float *out = j->out + i * stride;
        const float *in = j->in + i * stride;
        if (j->plus) {
            kernels()->axpy(1, j->plus + i * stride, j->r->x + i * stride, c->hidden);
            in = j->r->x + i * stride;
        }
        if (j->norm->w) encoder_layer_norm(j->norm, c->norm_eps, in, c->hidden, out);
        else if (out != in) memcpy(out, in, c->hidden * sizeof *out);
    }
}

/* out = norm(x); without weights a copy. */
static void norm(struct encoder_run *r, const struct encoder_norm *norm, float *out)
{
    struct norm_job j = { r, norm, r->x, NULL, out };
    share_out(r, norm_share, &j);
}
/* x = norm(x + branch); norm NULL: x + branch. */
static void add_and_norm(struct encoder_run *r, const float *branch, const struct encoder_norm *norm)
{
    static const struct encoder_norm none = { NULL, NULL };
    struct norm_job j = { r, norm ? norm : &none, r->x, branch, r->x };
    share_out(r, norm_share, &j);
}

static void activate_share(void *ctx, size_t part, size_t parts)
{
    struct encoder_run *r = ctx;
    const struct encoder_config *c = &r->m->config;
    size_t first, end;
    team_share(r->n, part, parts, &first, &end);
    for (size_t i = first; i < end; i++) {
        float *up = r->up + i * r->up_stride;
        kernels()->activate[c->act](up, c->is_gated ? up + c->intermediate : NULL, c->intermediate, up);
    }
}

/* i of a head goes with i + head_dim / 2. */
static void rope_share(void *ctx, size_t part, size_t parts)
{
    struct encoder_run *r = ctx;
    const struct encoder_config *c = &r->m->config;
    size_t first, end, half = c->head_dim / 2, which = r->attention.window ? 1 : 0;
    team_share(r->n, part, parts, &first, &end);
    for (size_t i = first; i < end; i++) {
        const float *cosine = r->cosine + i * c->head_dim + which * half,
                    *sine = r->sine + i * c->head_dim + which * half;
        for (size_t h = 0; h < 2 * (size_t)c->heads; h++) { /* keys follow queries */
            float *x = r->qkv + i * r->qkv_stride + h * c->head_dim;
            for (size_t j = 0; j < half; j++) {
                float a = x[j], b = x[j + half];
                x[j] = a * cosine[j] - b * sine[j];
                x[j + half] = b * cosine[j] + a * sine[j];
            }
        }
    }
}

static void attend_share(void *ctx, size_t part, size_t parts)
{
    struct encoder_run *r = ctx;
    struct err e;
    (void)parts;
    if (!encoder_attend(&r->attention, &r->room[part], &e)) fail(r, &e);
}

static bool attend_specially(struct encoder_run *r, struct err *e)
{
    atomic_store(&r->attention.next, 0);
    r->failed = false;
    share_out(r, attend_share, r);
    if (r->failed) *e = r->err;
    return !r->failed;
}

static bool attend(struct encoder_run *r, const struct encoder_layer *w, struct err *e)
{
    const struct encoder_config *c = &r->m->config;
    r->attention.w = w;
    r->attention.window = c->window_every && r->layer % c->window_every ? c->window : 0;
    if (c->has_rope) share_out(r, rope_share, r);
    if (r->attention.window || c->bias == BIAS_DISENTANGLED) return attend_specially(r, e);
    struct attention a = { .type = w->qkv.type == KERNEL_F32 ? KERNEL_F32 : KERNEL_BF16,
                           .heads = c->heads,
                           .kv_heads = c->heads,
                           .head_dim = c->head_dim,
                           .scale = 1 / sqrtf((float)c->head_dim),
                           .bias = r->bias,
                           .bias_stride = 2 * r->reach - 1,
                           .bias_reach = r->reach - 1 };
    struct attention_input in = { .q = r->qkv, .k = r->qkv + c->hidden, .v = r->qkv + 2 * (size_t)c->hidden,
                                  .q_stride = r->qkv_stride, .kv_stride = r->qkv_stride };
    return attention_plain(r->team, &r->prepared, &a, &in, r->sequence, r->attention.texts, r->attended,
                           r->hidden_stride, e);
}

/* 0, 1 ... layers - 1 in `groups` equal parts, of which each has one set of weights (ALBERT). */
static const struct encoder_layer *weights_of(const struct encoder_run *r)
{
    return &r->m->layer[(uint64_t)r->layer * r->m->config.groups / r->m->config.layers];
}

static bool run_layer(struct encoder_run *r, struct err *e)
{
    const struct encoder_config *c = &r->m->config;
    const struct encoder_layer *w = weights_of(r);
    const float *in = r->x;
    if (c->norms_before) {
        norm(r, &w->attention_norm, r->branch);
        in = r->branch;
    }
    if (!linear_run(r->team, &r->prepared, &w->qkv, in, r->hidden_stride, r->n, r->qkv, r->qkv_stride, e) ||
        !attend(r, w, e) ||
        !linear_run(r->team, &r->prepared, &w->o, r->attended, r->hidden_stride, r->n, r->branch, r->hidden_stride, e))
        return false;
    add_and_norm(r, r->branch, c->norms_before ? NULL : &w->attention_norm);
    in = r->x;
    if (c->norms_before) {
        norm(r, &w->output_norm, r->branch);
        in = r->branch;
    }
    if (!linear_run(r->team, &r->prepared, &w->up, in, r->hidden_stride, r->n, r->up, r->up_stride, e)) return false;
    share_out(r, activate_share, r);
    if (!linear_run(r->team, &r->prepared, &w->down, r->up, r->up_stride, r->n, r->branch, r->hidden_stride, e))
        return false;
    add_and_norm(r, r->branch, c->norms_before ? NULL : &w->output_norm);
    return true;
}

/* ------------------------------------------------------------------ a step */

static void make_angles(struct encoder_run *r)
{
    const struct encoder_config *c = &r->m->config;
    size_t half = c->head_dim / 2;
    for (size_t i = 0; i < r->n; i++)
        for (size_t which = 0; which < 2; which++)
            for (size_t j = 0; j < half; j++) {
                float angle = (float)r->position[i] * r->m->rope_inverse[which][j];
                r->cosine[i * c->head_dim + which * half + j] = cosf(angle);
                r->sine[i * c->head_dim + which * half + j] = sinf(angle);
            }
}

/* Tables over all distances that texts of so many tokens have. */
static void make_tables(struct encoder_run *r, size_t longest)
{
    const struct encoder_config *c = &r->m->config;
    if (c->bias == BIAS_NONE || longest <= r->reach) return;
    r->reach = longest;
    size_t n = 2 * longest - 1;
    if (c->bias == BIAS_BUCKETS) {
        r->bias = mem_grow(r->bias, c->heads * n * sizeof *r->bias);
        for (size_t i = 0; i < n; i++) {
            uint32_t bucket = encoder_bucket((int64_t)i - (int64_t)longest + 1, c->buckets, c->distance_max);
            for (size_t h = 0; h < c->heads; h++) r->bias[h * n + i] = r->m->bucket_bias[(size_t)bucket * c->heads + h];
        }
        return;
    }
    int64_t middle = (int64_t)(r->m->position_rows / 2);
    r->bucket = mem_grow(r->bucket, n * sizeof *r->bucket);
    for (size_t i = 0; i < n; i++) {
        int64_t at = encoder_log_bucket((int64_t)i - (int64_t)longest + 1, c->buckets, c->distance_max) + middle;
        r->bucket[i] = at < 0 ? 0 : at < 2 * middle ? (uint32_t)at : (uint32_t)(2 * middle - 1);
    }
}

/* Texts [0, n) of `text`, whose hidden states go to out. */
static bool run_step(struct encoder_run *r, const struct encoder_text *text, size_t texts, float *out, struct err *e)
{
    const struct encoder_config *c = &r->m->config;
    size_t longest = 0;
    r->n = 0;
    for (size_t i = 0; i < texts; i++) {
        r->step[i] = (struct encoder_span){ r->n, text[i].n };
        r->sequence[i] = (struct attention_sequence){ .row = r->n, .rows = (uint32_t)text[i].n };
        r->n += text[i].n;
        if (text[i].n > longest) longest = text[i].n;
    }
    step_room(r, r->n);
    for (size_t i = 0; i < texts; i++) place(r, &text[i], r->step[i].first);
    make_tables(r, longest);
    if (c->has_rope) make_angles(r);
    r->text = text;
    r->attention = (struct encoder_attention){ .m = r->m,
                                               .text = r->step,
                                               .texts = texts,
                                               .qkv = r->qkv,
                                               .qkv_stride = r->qkv_stride,
                                               .out = r->attended,
                                               .out_stride = r->hidden_stride,
                                               .bucket = r->bucket,
                                               .reach = r->reach };
    if (!embed(r, e)) return false;
    for (r->layer = 0; r->layer < c->layers; r->layer++)
        if (!run_layer(r, e)) return false;
    if (r->m->final_norm.w) norm(r, &r->m->final_norm, r->x);
    for (size_t i = 0; i < r->n; i++)
        memcpy(out + i * r->hidden_stride, r->x + i * r->hidden_stride, c->hidden * sizeof(float));
    return true;
}

bool encoder_takes(const struct encoder_config *c, const struct encoder_text *t, struct err *e)
{
    if (t->n == 0) return err_set(e, ERR_INVALID, "a text without any tokens");
    if (t->n > c->positions)
        return err_set(e, ERR_TOO_LARGE,
                       "a text has %zu tokens, and the model was made for %u at most; ask for truncation, or split it",
                       t->n, c->positions);
    for (size_t i = 0; i < t->n; i++) {
        if (t->id[i] >= c->vocab)
            return err_set(e, ERR_INVALID, "token %u is not among the model's %u", t->id[i], c->vocab);
        if (t->type && c->types && t->type[i] >= c->types)
            return err_set(e, ERR_INVALID, "token type %u is not among the model's %u: it takes no pairs of texts",
                           t->type[i], c->types);
    }
    return true;
}

bool encoder_forward(struct encoder_run *r, const struct encoder_text *text, size_t n, struct encoder_rows *hidden,
                     struct err *e)
{
    const struct encoder_config *c = &r->m->config;
    size_t rows = 0;
    r->texts = r->rows = 0;
    *hidden = (struct encoder_rows){ .stride = r->hidden_stride, .width = c->hidden };
    for (size_t i = 0; i < n; i++) {
        if (!encoder_takes(c, &text[i], e)) return false;
        rows += text[i].n;
    }
    if (n > r->spans_room) {
        r->span = mem_grow(r->span, n * sizeof *r->span);
        r->step = mem_grow(r->step, n * sizeof *r->step);
        r->sequence = mem_grow(r->sequence, n * sizeof *r->sequence);
        r->spans_room = n;
    }
    if (rows > r->hidden_room) {
        mem_free(r->hidden);
        r->hidden = mem_try(rows * r->hidden_stride * sizeof *r->hidden);
        r->hidden_room = r->hidden ? rows : 0;
        if (!r->hidden) return err_set(e, ERR_NO_SPACE, "too little memory for %zu tokens at once", rows);
    }
    for (size_t first = 0, at = 0; first < n;) {
        size_t end = first, in_step = 0;
        do {
            r->span[end] = (struct encoder_span){ at + in_step, text[end].n };
            in_step += text[end++].n;
        } while (end < n && in_step + text[end].n <= STEP_ROWS);
        if (!run_step(r, text + first, end - first, r->hidden + at * r->hidden_stride, e)) return false;
        at += in_step;
        first = end;
    }
    r->texts = n;
    hidden->p = r->hidden;
    hidden->rows = r->rows = rows;
    return true;
}

/* ------------------------------------------------------------------ heads */

static void head_room(struct encoder_run *r, size_t rows)
{
    if (rows <= r->head_room) return;
    r->picked = mem_grow(r->picked, rows * r->hidden_stride * sizeof *r->picked);
    r->dense = mem_grow(r->dense, rows * r->dense_stride * sizeof *r->dense);
    r->out = mem_grow(r->out, rows * r->out_stride * sizeof *r->out);
    r->head_room = rows;
}

/* The first n rows of `picked`. */
static bool run_head(struct encoder_run *r, size_t n, struct encoder_rows *out, struct err *e)
{
    const struct encoder *m = r->m;
    const float *x = r->picked;
    size_t width = m->config.hidden, stride = r->hidden_stride;
    must(m->head != HEAD_NONE);
    if (m->head_dense.packed) {
        width = m->head_dense.n;
        if (!linear_run(r->team, &r->prepared, &m->head_dense, x, r->hidden_stride, n, r->dense, r->dense_stride, e))
            return false;
        for (size_t i = 0; i < n; i++) {
            float *row = r->dense + i * r->dense_stride;
            kernels()->activate[m->head_act](row, NULL, width, row);
            if (m->head_norm.w) encoder_layer_norm(&m->head_norm, m->config.norm_eps, row, width, row);
        }
        x = r->dense;
        stride = r->dense_stride;
    }
    *out = (struct encoder_rows){ .p = x, .stride = stride, .width = width, .rows = n };
    if (!m->head_out.packed) return true;
    *out = (struct encoder_rows){ .p = r->out, .stride = r->out_stride, .width = m->head_out.n, .rows = n };
    return linear_run(r->team, &r->prepared, &m->head_out, x, stride, n, r->out, r->out_stride, e);
}

bool encoder_head_rows(struct encoder_run *r, const size_t *row, size_t n, struct encoder_rows *out, struct err *e)
{
    head_room(r, n);
    for (size_t i = 0; i < n; i++) {
        must(row[i] < r->rows);
        memcpy(r->picked + i * r->hidden_stride, r->hidden + row[i] * r->hidden_stride,
               r->m->config.hidden * sizeof(float));
    }
    *out = (struct encoder_rows){ 0 };
    return n == 0 || run_head(r, n, out, e);
}

bool encoder_head_texts(struct encoder_run *r, struct encoder_rows *out, struct err *e)
{
    size_t width = r->m->config.hidden;
    head_room(r, r->texts);
    for (size_t i = 0; i < r->texts; i++) {
        float *x = r->picked + i * r->hidden_stride;
        const float *first = r->hidden + r->span[i].first * r->hidden_stride;
        memcpy(x, first, width * sizeof *x);
        if (!r->m->config.pools_mean) continue;
        for (size_t j = 1; j < r->span[i].n; j++) kernels()->axpy(1, first + j * r->hidden_stride, x, width);
        for (size_t j = 0; j < width; j++) x[j] /= (float)r->span[i].n;
    }
    *out = (struct encoder_rows){ 0 };
    return r->texts == 0 || run_head(r, r->texts, out, e);
}
