/* model/encoder/attention.c - every token of a text over all tokens of that text, where nn/attention.h does not do:
 * tokens that see a window on either side, and disentangled attention.
 *
 * A task is one head of one text.  Keys and values become weights of two small linear layers: scores are
 * [queries, head_dim] x keys, and the result is [queries, keys] x values, so the kernels of linear layers do both.
 * Queries go through in blocks, which bounds the memory; with a window a block sees only the keys that it may reach.
 *
 * Threads take tasks from a counter, since texts differ in length. */
#include <math.h>
#include <string.h>

#include "base/map.h"
#include "model/encoder/encoder_priv.h"

enum { BLOCK = 96 }; /* queries at once */

void attention_room_free(struct attention_room *room)
{
    pages_free(room->p, room->size);
    *room = (struct attention_room){ 0 };
}

/* What a task works with: pieces of a thread's room. */
struct task {
    const struct encoder_attention *a;
    size_t n, head; /* tokens; which head */
    const float *q; /* of the first token; stride a->qkv_stride */
    float *out;
    size_t d, d_stride, keys_stride, position_stride, key_panel_bytes, value_panel_bytes;
    uint8_t *keys, *values; /* packed */
    float *query;           /* [BLOCK][row] scaled */
    float *scores;          /* [BLOCK][keys_stride] */
    float *result;          /* [BLOCK][d_stride] */
    float *to_position;     /* [BLOCK][position_stride]: queries by keys of positions */
    float *from_position;   /* [n][position_stride]: keys by queries of positions */
};

static size_t round64(size_t n) { return (n + 63) & ~(size_t)63; }

/* Cuts the room into its pieces, and makes it larger where it must. */
static bool make_room(struct task *t, struct attention_room *room, struct err *e)
{
    const struct encoder_config *c = &t->a->m->config;
    size_t row_bytes = kernel_row_bytes(KERNEL_F32, t->d),
           positions = c->bias == BIAS_DISENTANGLED ? t->a->m->position_rows : 0;
    t->d_stride = kernel_panels(t->d) * KERNEL_PANEL;
    t->keys_stride = kernel_panels(t->n) * KERNEL_PANEL;
    t->position_stride = kernel_panels(positions) * KERNEL_PANEL;
    t->key_panel_bytes = kernel_panel_bytes(KERNEL_F32, t->d);
    t->value_panel_bytes = kernel_panel_bytes(KERNEL_F32, t->keys_stride);
    size_t queries = c->position_to_content && t->n > BLOCK ? t->n : BLOCK;
    size_t piece[] = {
        kernel_panels(t->n) * t->key_panel_bytes,
        kernel_panels(t->d) * t->value_panel_bytes,
        queries * row_bytes,
        BLOCK * t->keys_stride * sizeof(float),
        BLOCK * t->d_stride * sizeof(float),
        BLOCK * t->position_stride * sizeof(float),
        (c->position_to_content ? t->n : 0) * t->position_stride * sizeof(float),
    };
    uint8_t *at[COUNT(piece)];
    size_t whole = 0;
    for (size_t i = 0; i < COUNT(piece); i++) whole += round64(piece[i]);
    if (whole > room->size) {
        attention_room_free(room);
        if (!pages_alloc(whole, &room->p, e)) return false;
        room->size = whole;
    }
    at[0] = room->p;
    for (size_t i = 1; i < COUNT(piece); i++) at[i] = at[i - 1] + round64(piece[i - 1]);
    t->keys = at[0];
    t->values = at[1];
    t->query = (float *)(void *)at[2];
    t->scores = (float *)(void *)at[3];
    t->result = (float *)(void *)at[4];
    t->to_position = (float *)(void *)at[5];
    t->from_position = (float *)(void *)at[6];
    return true;
}

/* keys: [panel][d][32]; values: [panel][keys][32]; both filled up with zeros. */
static void pack(struct task *t)
{
    size_t stride = t->a->qkv_stride, width = (size_t)t->a->m->config.heads * t->d;
    const float *k = t->q + width, *v = k + width;
    memset(t->keys, 0, kernel_panels(t->n) * t->key_panel_bytes);
    memset(t->values, 0, kernel_panels(t->d) * t->value_panel_bytes);
    for (size_t j = 0; j < t->n; j++, k += stride, v += stride) {
        float *key = (float *)(void *)(t->keys + j / KERNEL_PANEL * t->key_panel_bytes) + j % KERNEL_PANEL;
        for (size_t i = 0; i < t->d; i++) key[i * KERNEL_PANEL] = k[i];
        for (size_t i = 0; i < t->d; i += KERNEL_PANEL) {
            float *value = (float *)(void *)(t->values + i / KERNEL_PANEL * t->value_panel_bytes) + j * KERNEL_PANEL;
            memcpy(value, v + i, (t->d - i < KERNEL_PANEL ? t->d - i : KERNEL_PANEL) * sizeof *value);
        }
    }
}

/* Rows [from, from + n) of q or of what stands `column` behind it, times scale, where the kernels want them. */
static void take_rows(struct task *t, size_t column, size_t from, size_t n, float scale)
{
    size_t row_bytes = kernel_row_bytes(KERNEL_F32, t->d);
    for (size_t i = 0; i < n; i++) {
        const float *x = t->q + (from + i) * t->a->qkv_stride + column;
        float *row = (float *)(void *)((uint8_t *)t->query + i * row_bytes);
        for (size_t j = 0; j < t->d; j++) row[j] = x[j] * scale;
    }
}

/* What the rows that were taken make of a packed layer. */
static void multiply(const struct task *t, const uint8_t *w, size_t rows, size_t first, size_t end, float *y,
                     size_t stride)
{
    struct kernel_linear l = { .w = w,
                               .panel_bytes = t->key_panel_bytes,
                               .k = t->d,
                               .x = (const uint8_t *)t->query,
                               .row_bytes = kernel_row_bytes(KERNEL_F32, t->d),
                               .rows = rows,
                               .y = y,
                               .stride = stride,
                               .first = first,
                               .end = end };
    kernels()->linear[KERNEL_F32](&l);
}

/* Adds to the scores of query i over keys [first, end) what the distance says. */
static void add_bias(const struct task *t, size_t i, size_t row, size_t first, size_t end)
{
    const struct encoder_attention *a = t->a;
    float *s = t->scores + row * t->keys_stride;
    if (!a->bucket) return;
    const float *to = t->to_position + row * t->position_stride;
    for (size_t j = first; j < end; j++) {
        uint32_t at = a->bucket[i + a->reach - 1 - j];
        if (a->m->config.content_to_position) s[j] += to[at];
        if (a->m->config.position_to_content) s[j] += t->from_position[j * t->position_stride + at];
    }
}

/* Queries [from, from + n). */
static void attend_block(struct task *t, size_t from, size_t n, float scale)
{
    const struct encoder_attention *a = t->a;
    size_t window = a->window ? a->window : t->n, first = from > window ? from - window : 0, end = from + n + window;
    if (end > t->n) end = t->n;
    first -= first % KERNEL_PANEL; /* rows of activations are aligned */
    take_rows(t, 0, from, n, scale);
    multiply(t, t->keys, n, first / KERNEL_PANEL, kernel_panels(end), t->scores, t->keys_stride);
    if (a->bucket && a->m->config.content_to_position)
        multiply(t, a->w->position_key + t->head * a->m->position_bytes, n, 0, t->position_stride / KERNEL_PANEL,
                 t->to_position, t->position_stride);
    for (size_t r = 0; r < n; r++) {
        float *s = t->scores + r * t->keys_stride;
        size_t i = from + r, low = i > window ? i - window : 0, high = i + window + 1 < t->n ? i + window + 1 : t->n;
        add_bias(t, i, r, low, high);
        for (size_t j = first; j < low; j++) s[j] = 0;
        for (size_t j = high; j < end; j++) s[j] = 0;
        kernels()->softmax(s + low, high - low);
    }
    struct kernel_linear l = { .w = t->values + first * KERNEL_PANEL * sizeof(float),
                               .panel_bytes = t->value_panel_bytes,
                               .k = end - first,
                               .x = (const uint8_t *)(t->scores + first),
                               .row_bytes = t->keys_stride * sizeof(float),
                               .rows = n,
                               .y = t->result,
                               .stride = t->d_stride,
                               .first = 0,
                               .end = kernel_panels(t->d) };
    kernels()->linear[KERNEL_F32](&l);
    for (size_t r = 0; r < n; r++)
        memcpy(t->out + (from + r) * a->out_stride, t->result + r * t->d_stride, t->d * sizeof(float));
}

static bool run_task(struct encoder_attention *a, struct attention_room *room, size_t text, size_t head, struct err *e)
{
    const struct encoder_config *c = &a->m->config;
    struct task t = { .a = a, .n = a->text[text].n, .head = head, .d = c->head_dim };
    float parts = 1;
    t.q = a->qkv + a->text[text].first * a->qkv_stride + head * t.d;
    t.out = a->out + a->text[text].first * a->out_stride + head * t.d;
    if (!make_room(&t, room, e)) return false;
    pack(&t);
    if (c->bias == BIAS_DISENTANGLED) parts += (float)c->content_to_position + (float)c->position_to_content;
    float scale = 1 / sqrtf((float)t.d * parts);
    if (a->bucket && c->position_to_content) {
        take_rows(&t, (size_t)c->heads * t.d, 0, t.n, scale);
        multiply(&t, a->w->position_query + head * a->m->position_bytes, t.n, 0, t.position_stride / KERNEL_PANEL,
                 t.from_position, t.position_stride);
    }
    for (size_t from = 0; from < t.n; from += BLOCK)
        attend_block(&t, from, t.n - from < BLOCK ? t.n - from : BLOCK, scale);
    return true;
}

bool encoder_attend(struct encoder_attention *a, struct attention_room *room, struct err *e)
{
    size_t heads = a->m->config.heads, task;
    while ((task = atomic_fetch_add_explicit(&a->next, 1, memory_order_relaxed)) < a->texts * heads)
        if (!run_task(a, room, task / heads, task % heads, e)) return false;
    return true;
}
