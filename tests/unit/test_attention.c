/* test_attention.c - attention in tiles against its definition, and against itself: with other threads, in other company. */
#include "unit.h"

#include <math.h>

#include "model/nn/attention.h"

static uint64_t seed = 88172645463325252ull;
static float random_float(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (float)(int32_t)(uint32_t)(seed >> 32) / 2147483648.f;
}

enum { ROWS_MOST = 700 };

struct shape {
    uint32_t heads, kv_heads, head_dim;
    float cap;
    bool is_causal;
    uint32_t window;
    bool has_bias;
};
static const struct shape shapes[] = {
    { 1, 1, 8, 0, true, 0, false },   { 4, 2, 33, 0, true, 0, false },   { 8, 2, 64, 30, true, 0, false }, { 3, 3, 40, 0, true, 50, false },
    { 2, 1, 128, 0, true, 300, false }, { 60, 1, 16, 0, true, 0, false }, { 4, 4, 32, 0, false, 0, false }, { 2, 2, 31, 0, false, 0, true },
};

/* Rows of q, k and v that any position of any sequence finds again. */
struct data {
    float *q, *k, *v, *bias;
    struct attention a;
    size_t q_stride, kv_stride;
};

static void data_make(struct data *d, const struct shape *s, enum kernel_type t)
{
    d->q_stride = (size_t)s->heads * s->head_dim + 3;
    d->kv_stride = (size_t)s->kv_heads * s->head_dim + 5;
    d->q = mem_alloc(ROWS_MOST * d->q_stride * sizeof(float));
    d->k = mem_alloc(ROWS_MOST * d->kv_stride * sizeof(float));
    d->v = mem_alloc(ROWS_MOST * d->kv_stride * sizeof(float));
    d->bias = mem_alloc(s->heads * 2 * ROWS_MOST * sizeof(float));
    for (size_t i = 0; i < ROWS_MOST * d->q_stride; i++) d->q[i] = 4 * random_float();
    for (size_t i = 0; i < ROWS_MOST * d->kv_stride; i++) d->k[i] = random_float(), d->v[i] = random_float();
    for (size_t i = 0; i < s->heads * 2 * ROWS_MOST; i++) d->bias[i] = random_float();
    d->a = (struct attention){ t, s->heads, s->kv_heads, s->head_dim, 0.5f, s->cap, s->is_causal, s->window,
                               s->has_bias ? d->bias : NULL, 2 * ROWS_MOST, ROWS_MOST - 1 };
}
static void data_free(struct data *d)
{
    mem_free(d->q);
    mem_free(d->k);
    mem_free(d->v);
    mem_free(d->bias);
}

/* The definition, for a sequence whose position 0 is row `base`. */
static void define(const struct data *d, size_t base, size_t length, size_t position, uint32_t head, double *out)
{
    const struct attention *a = &d->a;
    uint32_t dim = a->head_dim, kv = head / (a->heads / a->kv_heads);
    double most = -INFINITY, sum = 0, score[ROWS_MOST];
    size_t end = a->is_causal ? position + 1 : length, from = a->is_causal && a->window && end > a->window ? end - a->window : 0;
    for (size_t p = from; p < end; p++) {
        double s = 0;
        for (uint32_t i = 0; i < dim; i++) s += (double)d->q[(base + position) * d->q_stride + head * dim + i] * d->k[(base + p) * d->kv_stride + kv * dim + i];
        s *= a->scale;
        if (a->cap > 0) s = a->cap * tanh(s / a->cap);
        if (a->bias) s += a->bias[head * a->bias_stride + a->bias_reach + p - position];
        score[p] = s;
        most = fmax(most, s);
    }
    for (size_t p = from; p < end; p++) sum += score[p] = exp(score[p] - most);
    for (uint32_t i = 0; i < dim; i++) {
        out[i] = 0;
        for (size_t p = from; p < end; p++) out[i] += score[p] / sum * d->v[(base + p) * d->kv_stride + kv * dim + i];
    }
}

static void check(const struct data *d, size_t base, size_t length, size_t first, size_t rows, const float *out, size_t stride)
{
    double want[128];
    for (size_t r = 0; r < rows; r += r % 7 + 1)
        for (uint32_t h = 0; h < d->a.heads; h += h < 8 ? 1 : 17) {
            define(d, base, length, first + r, h, want);
            for (uint32_t i = 0; i < d->a.head_dim; i++) {
                double got = out[r * stride + h * d->a.head_dim + i];
                if (!(fabs(got - want[i]) <= (d->a.type == KERNEL_F32 ? 2e-5 : d->a.type == KERNEL_BF16 ? 0.06 : 0.08)))
                    fail_msg("type %d, %u heads of %u, position %zu, head %u, place %u: %g instead of %g", d->a.type, d->a.heads, d->a.head_dim, first + r, h, i, got, want[i]);
            }
        }
}

static void test_plain(void **state)
{
    static const struct attention_sequence sequence[] = { { .row = 0, .rows = 1 }, { .row = 1, .rows = 0 }, { .row = 1, .rows = 31 }, { .row = 32, .rows = 64 }, { .row = 96, .rows = 300 } };
    struct err e;
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (enum kernel_type t = KERNEL_F32; t <= KERNEL_BF16; t++) {
            struct data d;
            data_make(&d, &shapes[i], t);
            struct attention_input in = { d.q, d.k, d.v, d.q_stride, d.kv_stride };
            size_t stride = (size_t)d.a.heads * d.a.head_dim + 1;
            float *out[2] = { mem_alloc(396 * stride * sizeof(float)), mem_alloc(396 * stride * sizeof(float)) };
            for (size_t threads = 1; threads <= 3; threads += 2) {
                struct team *team = team_new(threads);
                struct scratch s = { 0 };
                must_ok(attention_plain(team, &s, &d.a, &in, sequence, COUNT(sequence), out[threads / 2], stride, &e));
                scratch_free(&s);
                team_free(team);
            }
            for (size_t j = 0; j < COUNT(sequence); j++) check(&d, sequence[j].row, sequence[j].rows, 0, sequence[j].rows, out[0] + sequence[j].row * stride, stride);
            assert_memory_equal(out[0], out[1], 396 * stride * sizeof(float));
            mem_free(out[0]);
            mem_free(out[1]);
            data_free(&d);
        }
}

/* Pages for positions of a sequence whose position 0 is row `base` of the data. */
struct pages {
    struct attention_pages at;
    size_t bytes;
    uint8_t *p[ROWS_MOST / ATTENTION_BLOCK + 1];
    void *memory;
};
static void pages_make(struct pages *p, const struct data *d, size_t base)
{
    size_t keys = attention_key_block_bytes(d->a.type, d->a.head_dim), values = attention_value_block_bytes(d->a.type, d->a.head_dim);
    p->at = (struct attention_pages){ 0, d->a.kv_heads * keys };
    p->bytes = d->a.kv_heads * (keys + values);
    p->memory = mem_alloc(COUNT(p->p) * p->bytes + 64);
    for (size_t i = 0; i < COUNT(p->p); i++) p->p[i] = (uint8_t *)(((uintptr_t)p->memory + 63) & ~(uintptr_t)63) + (COUNT(p->p) - 1 - i) * p->bytes;
    for (uint32_t i = 0; i < ROWS_MOST - base; i++)
        for (uint32_t h = 0; h < d->a.kv_heads; h++) {
            uint8_t *page = p->p[i / ATTENTION_BLOCK];
            size_t row = (base + i) * d->kv_stride + h * d->a.head_dim;
            attention_store(d->a.type, d->a.head_dim, i % ATTENTION_BLOCK, d->k + row, d->v + row, page + h * keys, page + p->at.values + h * values);
        }
}

static void test_paged(void **state)
{
    struct err e;
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (enum kernel_type t = KERNEL_F32; t <= KERNEL_Q8 && shapes[i].is_causal; t++) {
            struct data d;
            struct pages pages[2];
            data_make(&d, &shapes[i], t);
            pages_make(&pages[0], &d, 0);
            pages_make(&pages[1], &d, 9);
            const uint8_t *const *first = (const uint8_t *const *)pages[0].p, *const *second = (const uint8_t *const *)pages[1].p;
            /* In company: 60 positions in the middle of one sequence, and the last of another. */
            const struct attention_sequence both[] = { { 0, 60, 250, first }, { 60, 1, 680, second } };
            size_t stride = (size_t)d.a.heads * d.a.head_dim;
            float *q = mem_alloc(61 * d.q_stride * sizeof(float)), *out = mem_alloc(61 * stride * sizeof(float)), *alone = mem_alloc(stride * sizeof(float));
            memcpy(q, d.q + 250 * d.q_stride, 60 * d.q_stride * sizeof(float));
            memcpy(q + 60 * d.q_stride, d.q + 689 * d.q_stride, d.q_stride * sizeof(float));
            struct scratch s = { 0 };
            struct team *one = team_new(1), *three = team_new(3);
            must_ok(attention_paged(one, &s, &d.a, &pages[0].at, both, 2, q, d.q_stride, out, stride, &e));
            check(&d, 0, 0, 250, 60, out, stride);
            check(&d, 9, 0, 680, 1, out + 60 * stride, stride);
            /* Alone, chunks split over three threads or not: the same bits. */
            for (uint32_t r = 0; r <= 60; r += 12) {
                struct attention_sequence row = r < 60 ? (struct attention_sequence){ r, 1, 250 + r, first } : both[1];
                row.row = 0;
                for (size_t k = 0; k < 2; k++) {
                    memset(alone, 0, stride * sizeof(float));
                    must_ok(attention_paged(k ? three : one, &s, &d.a, &pages[0].at, &row, 1, q + r * d.q_stride, d.q_stride, alone, stride, &e));
                    assert_memory_equal(alone, out + r * stride, stride * sizeof(float));
                }
            }
            /* Many sequences of one row, which take all heads of a page together: the same bits. */
            struct attention_sequence many[12];
            float *apart = mem_alloc(61 * stride * sizeof(float));
            for (uint32_t r = 0; r < 12; r++) many[r] = (struct attention_sequence){ 5 * r, 1, 250 + 5 * r, first };
            many[11] = both[1];
            for (size_t k = 0; k < 2; k++) {
                memset(apart, 0, 61 * stride * sizeof(float));
                must_ok(attention_paged(k ? three : one, &s, &d.a, &pages[0].at, many, 12, q, d.q_stride, apart, stride, &e));
                for (size_t r = 0; r < 12; r++) assert_memory_equal(apart + many[r].row * stride, out + many[r].row * stride, stride * sizeof(float));
            }
            mem_free(apart);
            team_free(one);
            team_free(three);
            scratch_free(&s);
            mem_free(q);
            mem_free(out);
            mem_free(alone);
            mem_free(pages[0].memory);
            mem_free(pages[1].memory);
            data_free(&d);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_plain), cmocka_unit_test(test_paged) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
