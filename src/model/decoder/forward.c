/* model/decoder/forward.c - one step: rows of tokens through all layers.
 *
 * Everything is computed in float; only the products of linear layers are rounded, to what their weights are packed as.
 * A row is a token of some sequence at some position; linear layers see rows alone, attention sees to which sequence each
 * belongs.  Per layer: keys and values of all rows are written first, then all rows attend, each to its own past.  From
 * there on, the last layer is computed only for the rows that want logits.  Where every thread has rows enough, each takes its
 * own through all layers (apart.c), and only the head is everybody's again. */
#include <math.h>
#include <string.h>

#include "model/decoder/decoder_priv.h"

struct decoder_run *decoder_run_new(const struct decoder *d, struct team *team)
{
    const struct decoder_config *c = &d->config;
    struct decoder_run *r = mem_one(struct decoder_run);
    r->d = d;
    r->team = team;
    r->hidden_stride = run_stride(c->hidden);
    r->qkv_stride = run_stride(d->layer[0].qkv.linear.n);
    r->attended_stride = run_stride((size_t)c->heads * c->head_dim);
    r->gate_up_stride = mlp_stride(c);
    r->routes = routes_new(c);
    r->vocab_stride = linear_stride(c->vocab);
    r->wanting = mem_alloc(DECODER_ROWS_MAX * sizeof *r->wanting);
    r->position = mem_alloc(DECODER_ROWS_MAX * sizeof *r->position);
    r->sequence = mem_alloc(DECODER_ROWS_MAX * sizeof *r->sequence);
    return r;
}

static float **buffers(struct decoder_run *r, size_t i, size_t *stride)
{
    const struct decoder_config *c = &r->d->config;
    switch (i) {
    case 0: *stride = r->hidden_stride; return &r->x;
    case 1: *stride = r->hidden_stride; return &r->normed;
    case 2: *stride = r->hidden_stride; return &r->branch;
    case 3: *stride = r->qkv_stride; return &r->qkv;
    case 4: *stride = r->attended_stride; return &r->attended;
    case 5: *stride = r->gate_up_stride; return &r->gate_up;
    case 6:
    case 7: *stride = c->rope[i - 6].dim / 2; return &r->cosine[i - 6];
    case 8:
    case 9: *stride = c->rope[i - 8].dim / 2; return &r->sine[i - 8];
    }
    return NULL;
}

static size_t lines(size_t floats) { return (floats + 15) / 16 * 16; }

bool run_room(struct decoder_run *r, size_t rows, size_t wanted, struct err *e)
{
    size_t stride, all = 0;
    float **p;
    if (rows > r->rows_room) {
        r->rows_room = 0;
        for (size_t i = 0; buffers(r, i, &stride); i++) all += lines(rows * stride);
        if (!scratch_reserve(&r->room, all * sizeof **p, e)) return false;
        float *at = (float *)(void *)r->room.p;
        for (size_t i = 0; (p = buffers(r, i, &stride)); i++) {
            *p = at;
            at += lines(rows * stride);
        }
        routes_room(r->routes, rows);
        r->rows_room = rows;
    }
    if (!scratch_reserve(&r->logits_room, wanted * r->vocab_stride * sizeof *r->logits, e)) return false;
    r->logits = (float *)(void *)r->logits_room.p;
    return true;
}

void decoder_run_free(struct decoder_run *r)
{
    if (!r) return;
    apart_free(r->apart);
    routes_free(r->routes);
    adapting_free(r->adapting);
    mem_free(r->wanting);
    mem_free(r->position);
    mem_free(r->sequence);
    scratch_free(&r->prepared);
    scratch_free(&r->attending);
    scratch_free(&r->room);
    scratch_free(&r->logits_room);
    mem_free(r);
}

/* ------------------------------------------------------------------ the parts of a layer */

static void norm_row(const struct decoder_config *c, const float *x, const struct norm *norm, size_t n, float *out)
{
    if (c->norm_is_layer) kernels()->layer_norm(x, norm->w, norm->b, c->norm_eps, n, out);
    else kernels()->rms_norm(x, norm->w, c->norm_eps, n, out);
}

/* Where one branch ends and the next begins.  All of it goes row by row, in one round of the team. */
struct seam {
    struct decoder_run *r;
    const struct norm *after;   /* of the branch that ends; NULL: none ends, x is as it was */
    const struct norm *before;  /* of the branch that begins, from x to `normed`; NULL: that stays as it is */
    bool is_parallel;           /* which begins with the x before this addition */
    const struct linear *into;  /* for which `normed` is prepared; NULL: it is not */
};

static void begin_branch(const struct seam *j, size_t i)
{
    struct decoder_run *r = j->r;
    const float *x = r->x + i * r->hidden_stride;
    float *normed = r->normed + i * r->hidden_stride;
    if (j->before && j->before->w) norm_row(&r->d->config, x, j->before, r->d->config.hidden, normed);
    else if (j->before) memcpy(normed, x, r->d->config.hidden * sizeof *normed);
    if (j->into) linear_prepare(&r->prepared, j->into, normed, i);
}

static void seam_share(void *ctx, size_t part, size_t parts)
{
    const struct seam *j = ctx;
    const struct decoder_config *c = &j->r->d->config;
    size_t first, end, stride = j->r->hidden_stride;
    team_share(j->r->n, part, parts, &first, &end);
    for (size_t i = first; i < end; i++) {
        float *branch = j->r->branch + i * stride;
        if (j->is_parallel) begin_branch(j, i);
        if (j->after && j->after->w) norm_row(c, branch, j->after, c->hidden, branch);
        if (j->after) kernels()->axpy(c->residual_scale, branch, j->r->x + i * stride, c->hidden);
        if (!j->is_parallel) begin_branch(j, i);
    }
}

static bool seam(struct decoder_run *r, struct seam j, struct err *e)
{
    j.r = r;
    if (j.into && !linear_room(&r->prepared, j.into, r->n, e)) return false;
    run_share(r, seam_share, &j, r->n < 4);
    r->ready = j.into;
    return true;
}

static void norm_heads(const struct decoder_config *c, const struct decoder_layer_weights *w, float *q, float *k)
{
    uint32_t d = c->head_dim, q_part = c->qk_norm == QK_NORM_WHOLE ? c->heads * d : d, k_part = c->qk_norm == QK_NORM_WHOLE ? c->kv_heads * d : d;
    for (uint32_t at = 0; at < c->heads * d; at += q_part) norm_row(c, q + at, &w->norm_q, q_part, q + at);
    for (uint32_t at = 0; at < c->kv_heads * d; at += k_part) norm_row(c, k + at, &w->norm_k, k_part, k + at);
}

/* Norms and turns the queries and keys of a row, and puts keys and values where they are kept. */
static void place_row(struct decoder_run *r, size_t i)
{
    const struct decoder_config *c = &r->d->config;
    const struct decoder_layer_weights *w = &r->d->layer[r->layer];
    const struct decoder_layer *layer = &c->layer[r->layer];
    const uint8_t which = c->rope_switch ? r->row[i].kv->is_long : layer->rope;
    const struct rope *rope = &c->rope[which];
    uint32_t d = c->head_dim, at = r->position[i];
    float *q = r->qkv + i * r->qkv_stride, *k = q + (size_t)c->heads * d, *v = k + (size_t)c->kv_heads * d;
    const float *cosine = r->cosine[which] + i * (rope->dim / 2), *sine = r->sine[which] + i * (rope->dim / 2);
    if (c->qk_norm && c->qk_norm != QK_NORM_TURNED) norm_heads(c, w, q, k);
    for (size_t j = 0; c->qkv_clip > 0 && j < r->d->layer[r->layer].qkv.linear.n; j++) q[j] = fmaxf(fminf(q[j], c->qkv_clip), -c->qkv_clip);
    for (uint32_t h = 0; layer->has_rope && h < c->heads + c->kv_heads; h++) /* keys follow queries */
        rope_turn(q + (size_t)h * d, rope->dim, cosine, sine);
    if (c->qk_norm == QK_NORM_TURNED) norm_heads(c, w, q, k);
    for (uint32_t h = 0; h < c->kv_heads; h++) kv_store(r->row[i].kv, r->layer, h, at, k + (size_t)h * d, v + (size_t)h * d);
}

static void place_share(void *ctx, size_t part, size_t parts)
{
    struct decoder_run *r = ctx;
    size_t first, end;
    team_share(r->n, part, parts, &first, &end);
    for (size_t i = first; i < end; i++) place_row(r, i);
}

static bool attend(struct decoder_run *r, struct err *e)
{
    const struct decoder_config *c = &r->d->config;
    const struct attention a = { .type = c->kv_type, .heads = c->heads, .kv_heads = c->kv_heads, .head_dim = c->head_dim, .scale = c->attention_scale,
                                 .cap = c->attention_cap, .is_causal = true, .window = c->layer[r->layer].window,
                                 .bias = r->d->alibi, .bias_stride = r->d->alibi_stride, .bias_reach = c->positions };
    struct attention_pages at = kv_layer(r->row[0].kv->pool, r->layer);
    return attention_paged(r->team, &r->attending, &a, &at, r->sequence, r->sequences, r->qkv, r->qkv_stride, r->attended, r->attended_stride, e);
}

bool project(struct decoder_run *r, enum adapted which, const struct projection *p, const float *x, size_t x_stride, float *y, size_t y_stride,
             struct err *e)
{
    bool is_ready = r->ready == &p->linear;
    r->ready = NULL;
    if (is_ready) linear_run_prepared(r->team, &r->prepared, &p->linear, r->n, y, y_stride);
    else if (!linear_run(r->team, &r->prepared, &p->linear, x, x_stride, r->n, y, y_stride, e)) return false;
    return adapting_run(r, which, x, x_stride, y, y_stride, e);
}

/* Rows side by side in a sequence attend as a sequence. */
static void group_rows(struct decoder_run *r)
{
    r->sequences = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct kv *kv = r->row[i].kv;
        if (i && kv == r->row[i - 1].kv && r->position[i] == r->position[i - 1] + 1) r->sequence[r->sequences - 1].rows++;
        else r->sequence[r->sequences++] = (struct attention_sequence){ i, 1, r->position[i], kv->data };
    }
}

/* Only rows that want logits go on: they move to the front. */
static bool keep_wanting(struct decoder_run *r, struct err *e)
{
    const struct decoder_config *c = &r->d->config;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (!r->row[i].wants_logits) continue;
        r->position[n] = r->position[i];
        memmove(r->x + n * r->hidden_stride, r->x + i * r->hidden_stride, c->hidden * sizeof *r->x);
        memmove(r->normed + n * r->hidden_stride, r->normed + i * r->hidden_stride, c->hidden * sizeof *r->normed);
        memmove(r->qkv + n * r->qkv_stride, r->qkv + i * r->qkv_stride, (size_t)c->heads * c->head_dim * sizeof *r->qkv);
        r->wanting[n++] = r->row[i];
    }
    r->row = r->wanting;
    r->n = n;
    group_rows(r);
    return adapting_sort(r, e);
}

static bool run_attention(struct decoder_run *r, struct err *e)
{
    const struct decoder_layer_weights *w = &r->d->layer[r->layer];
    if (!project(r, ADAPTED_QKV, &w->qkv, r->normed, r->hidden_stride, r->qkv, r->qkv_stride, e)) return false;
    run_share(r, place_share, r, r->n < 4);
    if (r->meeting && !meeting_wait(r->meeting, r->layer + 1)) return false;
    if (r->layer + 1 == r->d->config.layers && !keep_wanting(r, e)) return false;
    if (r->n == 0) return true;
    return attend(r, e) && project(r, ADAPTED_O, &w->o, r->attended, r->attended_stride, r->branch, r->hidden_stride, e);
}

static bool run_layer(struct decoder_run *r, struct err *e)
{
    const struct decoder_config *c = &r->d->config;
    const struct decoder_layer_weights *w = &r->d->layer[r->layer];
    struct seam middle = { .after = &w->norm_attention_after, .before = &w->norm_middle, .is_parallel = c->is_parallel,
                           .into = w->expert ? NULL : &w->mlp.up.linear };
    struct seam end = { .after = &w->norm_mlp_after };
    /* A parallel mlp sees what attention saw: by a norm of its own, or by the same, which is still there. */
    if (c->is_parallel && !w->norm_middle.w) middle.before = NULL;
    if (r->layer + 1 < c->layers) end.before = &w[1].norm_before, end.into = &w[1].qkv.linear;
    return run_attention(r, e) && (r->n == 0 || (seam(r, middle, e) && mlp_run(r, e) && seam(r, end, e)));
}

/* ------------------------------------------------------------------ the step */

static bool embed(struct decoder_run *r, size_t i, struct err *e)
{
    const struct decoder_config *c = &r->d->config;
    float *x = r->x + i * r->hidden_stride;
    if (!tensor_floats(r->d->embedding, (uint64_t)r->row[i].token * c->hidden, c->hidden, x, e)) return false;
    if (!isfinite(kernels()->dot(x, x, c->hidden))) /* untied embeddings are not packed, so nobody has looked */
        return err_set(e, ERR_INVALID, "the embedding of token %u is not finite", r->row[i].token);
    for (uint32_t j = 0; c->embedding_scale != 1 && j < c->hidden; j++) x[j] *= c->embedding_scale;
    if (r->d->norm_embedding.w) norm_row(c, x, &r->d->norm_embedding, c->hidden, x);
    if (r->d->positions) {
        float *place = r->branch; /* free until the first layer */
        uint64_t at = (uint64_t)c->position_offset + r->position[i];
        if (!tensor_floats(r->d->positions, at * c->hidden, c->hidden, place, e)) return false;
        kernels()->axpy(1, place, x, c->hidden);
    }
    for (size_t t = 0; t < 2; t++) {
        size_t half = c->rope[t].dim / 2;
        rope_angles(&c->rope[t], r->d->rope_inverse[t], r->position[i], r->cosine[t] + i * half, r->sine[t] + i * half);
    }
    return true;
}

/* Where each row stands, and room for it; checks what the caller promised. */
static bool place_rows(struct decoder_run *r, struct err *e)
{
    const struct decoder_config *c = &r->d->config;
    for (size_t i = 0, in_sequence = 0; i < r->n; i++) {
        const struct kv *kv = r->row[i].kv;
        in_sequence = i > 0 && kv == r->row[i - 1].kv ? in_sequence + 1 : 0;
        if (r->row[i].token >= c->vocab) return err_set(e, ERR_INVALID, "token %u is not among the model's %u", r->row[i].token, c->vocab);
        if (kv->length + in_sequence >= c->positions)
            return err_set(e, ERR_TOO_LARGE, "the text is longer than the %u tokens that the model was made for", c->positions);
        r->position[i] = kv->length + (uint32_t)in_sequence;
        if (i + 1 < r->n && r->row[i + 1].kv == kv) continue;
        if (!kv_reserve(r->row[i].kv, (uint32_t)in_sequence + 1, e)) return false;
    }
    return true;
}

bool run_layers(struct decoder_run *r, struct err *e)
{
    group_rows(r);
    if (!adapting_sort(r, e)) return false;
    for (size_t i = 0; i < r->n; i++)
        if (!embed(r, i, e)) return false;
    if (!seam(r, (struct seam){ .before = &r->d->layer[0].norm_before, .into = &r->d->layer[0].qkv.linear }, e)) return false;
    for (r->layer = 0; r->layer < r->d->config.layers; r->layer++)
        if (!run_layer(r, e)) return false;
    return true;
}

/* Of the rows that are left, which all want logits. */
static bool run_head(struct decoder_run *r, struct err *e)
{
    const struct decoder_config *c = &r->d->config;
    for (size_t i = 0; i < r->n; i++) norm_row(c, r->x + i * r->hidden_stride, &r->d->norm, c->hidden, r->normed + i * r->hidden_stride);
    if (r->n == 0 || r->d->is_bare) return true;
    if (!linear_run(r->team, &r->prepared, &r->d->head.linear, r->normed, r->hidden_stride, r->n, r->logits, r->vocab_stride, e)) return false;
    for (size_t i = 0; (c->logit_scale != 1 || c->logit_cap > 0) && i < r->n; i++) {
        float *row = r->logits + i * r->vocab_stride;
        for (uint32_t j = 0; j < c->vocab; j++) row[j] *= c->logit_scale;
        for (uint32_t j = 0; c->logit_cap > 0 && j < c->vocab; j++) row[j] = c->logit_cap * tanhf(row[j] / c->logit_cap);
    }
    return true;
}

static bool step(struct decoder_run *r, const struct decoder_row *row, size_t n, const float **logits, struct err *e)
{
    size_t wanted = 0;
    for (size_t i = 0; i < n; i++) wanted += row[i].wants_logits;
    r->row = row;
    r->n = n;
    bool apart = is_apart(r);
    if (!run_room(r, apart ? wanted : n, r->d->is_bare ? 0 : wanted, e) || !place_rows(r, e)) return false;
    if (!(apart ? run_layers_apart(r, e) : run_layers(r, e)) || !run_head(r, e)) return false;
    for (size_t i = 0, at = 0; i < n; i++) {
        logits[i] = !row[i].wants_logits ? NULL : r->d->is_bare ? r->normed + at * r->hidden_stride : r->logits + at * r->vocab_stride;
        at += row[i].wants_logits;
        row[i].kv->token[row[i].kv->length++] = row[i].token;
    }
    return true;
}

/* What a sequence has computed, computed again with the other rope. */
static bool begin_anew(struct decoder_run *r, struct kv *kv, struct err *e)
{
    struct decoder_row row[DECODER_ROWS_MAX];
    const float *logits[DECODER_ROWS_MAX];
    uint32_t length = kv->length, *token = mem_alloc(length * sizeof *token);
    bool ok = true;
    memcpy(token, kv->token, length * sizeof *token);
    kv_truncate(kv, 0);
    for (uint32_t at = 0, n; ok && at < length; at += n) {
        n = length - at < DECODER_ROWS_MAX ? length - at : DECODER_ROWS_MAX;
        for (uint32_t i = 0; i < n; i++) row[i] = (struct decoder_row){ token[at + i], kv, false };
        ok = step(r, row, n, logits, e);
    }
    if (!ok) kv_truncate(kv, 0);
    mem_free(token);
    return ok;
}

/* Longrope: whichever rope the length of a sequence asks for, it is that of all its positions. */
static bool choose_ropes(struct decoder_run *r, const struct decoder_row *row, size_t n, struct err *e)
{
    for (size_t i = 0, count = 1; i < n; i++, count++) {
        struct kv *kv = row[i].kv;
        if (i + 1 < n && row[i + 1].kv == kv) continue;
        size_t length = kv->length + count;
        bool is_long = (length > kv->expected ? length : kv->expected) > r->d->config.rope_switch, was_long = kv->is_long;
        count = 0;
        kv->is_long = is_long;
        if (is_long != was_long && kv->length && !begin_anew(r, kv, e)) return false;
    }
    return true;
}

bool decoder_forward(struct decoder_run *r, const struct decoder_row *row, size_t n, const float **logits, struct err *e)
{
    must(n > 0 && n <= DECODER_ROWS_MAX);
    return (r->d->config.rope_switch == 0 || choose_ropes(r, row, n, e)) && step(r, row, n, logits, e);
}
