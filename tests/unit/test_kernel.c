/* test_kernel.c - every table of kernels that runs here against the scalar one, and that one against plain arithmetic. */
#include "unit.h"

#include <math.h>

#include "kernel/kernel.h"

static uint64_t seed = 88172645463325252ull;
static uint32_t random_u32(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32);
}
static float random_float(void) { return (float)(int32_t)random_u32() / 2147483648.f; }

/* Aligned to 64 and filled with a pattern, so that what is not written is seen. */
static void *aligned(size_t n, void **to_free)
{
    *to_free = mem_alloc(n + 64);
    uint8_t *p = (uint8_t *)(((uintptr_t)*to_free + 63) & ~(uintptr_t)63);
    memset(p, 0x7b, n);
    return p;
}

struct layer {
    enum kernel_type type;
    size_t n, k, rows;
    float *weight, *x; /* [n][k], [rows][k] */
    uint8_t *packed, *prepared;
    struct kernel_linear job;
    void *memory[3];
};

static void layer_prepare(struct layer *l, const struct kernels *with, size_t row_bytes)
{
    for (size_t r = 0; r < l->rows; r++) with->prepare[l->type](l->x + r * l->k, l->k, l->prepared + r * row_bytes);
}

static void layer_make(struct layer *l, enum kernel_type t, size_t n, size_t k, size_t rows, const struct kernels *with)
{
    const float *row[KERNEL_PANEL];
    size_t panels = kernel_panels(n), panel_bytes = kernel_panel_bytes(t, k), row_bytes = kernel_row_bytes(t, k);
    *l = (struct layer){ t, n, k, rows, mem_alloc(n * k * sizeof(float)), mem_alloc(rows * k * sizeof(float)), 0, 0, { 0 }, { 0 } };
    l->packed = aligned(panels * panel_bytes, &l->memory[0]);
    l->prepared = aligned(rows * row_bytes, &l->memory[1]);
    for (size_t i = 0; i < n * k; i++) l->weight[i] = random_float();
    for (size_t i = 0; i < rows * k; i++) l->x[i] = 3 * random_float() * (i / KERNEL_GROUP % 3 ? 1 : 0.01f); /* groups of several scales */
    for (size_t p = 0; p < panels; p++) {
        for (size_t j = 0; j < KERNEL_PANEL; j++) row[j] = p * KERNEL_PANEL + j < n ? l->weight + (p * KERNEL_PANEL + j) * k : NULL;
        kernel_pack(t, row, k, l->packed + p * panel_bytes);
    }
    layer_prepare(l, with, row_bytes);
    l->job = (struct kernel_linear){ l->packed, panel_bytes, k, l->prepared, row_bytes, rows, NULL, panels * KERNEL_PANEL, 0, panels };
}
static void layer_free(struct layer *l)
{
    mem_free(l->weight);
    mem_free(l->x);
    mem_free(l->memory[0]);
    mem_free(l->memory[1]);
}

static const size_t ns[] = { 1, 32, 33, 70 }, ks[] = { 1, 2, 31, 32, 33, 64, 100, 259 }, row_counts[] = { 1, 2, 3, 5, 6, 7, 12, 13, 29 };

/* How far a number may be off after rounding to its type, as a part of the largest of its group.  Of Q4's sixteen steps
 * one more lies on the negative side, so that the largest positive number may lose a whole step. */
static const double tolerance[KERNEL_TYPES] = { 1e-6, 0.0040, 0.0045, 0.07, 0.13 };

static void test_scalar_is_a_product(void **state)
{
    (void)state;
    for (enum kernel_type t = 0; t < KERNEL_TYPES; t++)
        for (size_t a = 0; a < COUNT(ns); a++)
            for (size_t b = 0; b < COUNT(ks); b++) {
                struct layer l;
                layer_make(&l, t, ns[a], ks[b], 3, &kernels_scalar);
                float *y = l.job.y = mem_alloc(3 * l.job.stride * sizeof(float));
                kernels_scalar.linear[t](&l.job);
                for (size_t r = 0; r < 3; r++)
                    for (size_t j = 0; j < l.job.stride; j++) {
                        double sum = 0, size = 0; /* no weight is above 1, no activation above 3 */
                        for (size_t i = 0; i < l.k && j < l.n; i++) {
                            double w = l.weight[j * l.k + i], x = l.x[r * l.k + i];
                            sum += w * x;
                            size += fabs(x) + 3 * fabs(w);
                        }
                        if (fabs(y[r * l.job.stride + j] - sum) > tolerance[t] * size + 1e-6)
                            fail_msg("type %d, %zu x %zu, row %zu, output %zu: %g instead of %g", t, l.n, l.k, r, j, y[r * l.job.stride + j], sum);
                    }
                mem_free(y);
                layer_free(&l);
            }
}

static void compare_linear(const struct kernels *with, enum kernel_type t, size_t n, size_t k, size_t rows)
{
    struct layer l;
    layer_make(&l, t, n, k, rows, &kernels_scalar);
    size_t count = rows * l.job.stride;
    float *want = l.job.y = mem_alloc(count * sizeof(float)), *got = mem_alloc(count * sizeof(float));
    kernels_scalar.linear[t](&l.job);
    l.job.y = got;
    layer_prepare(&l, with, l.job.row_bytes);
    with->linear[t](&l.job);
    for (size_t i = 0; i < count; i++)
        if (fabsf(got[i] - want[i]) > 2e-5f * (float)k)
            fail_msg("%s, type %d, %zu x %zu, %zu rows, place %zu: %g instead of %g", with->name, t, n, k, rows, i, got[i], want[i]);
    /* A second time, added. */
    l.job.adds = true;
    with->linear[t](&l.job);
    for (size_t i = 0; i < count; i++) assert_true(fabsf(got[i] - 2 * want[i]) <= 4e-5f * (float)k);
    l.job.adds = false;
    /* Every row and panel alone gives the same bits as in company. */
    with->linear[t](&l.job);
    float *alone = mem_alloc(l.job.stride * sizeof *alone);
    struct kernel_linear one = l.job;
    one.y = alone;
    one.rows = 1;
    for (size_t r = 0; r < rows; r += r < 2 ? 1 : 5) {
        one.x = l.job.x + r * l.job.row_bytes;
        for (size_t p = 0; p < l.job.end; p++) {
            one.first = p;
            one.end = p + 1;
            with->linear[t](&one);
        }
        if (memcmp(alone, got + r * l.job.stride, l.job.stride * sizeof *alone) != 0)
            fail_msg("%s, type %d, %zu x %zu: row %zu of %zu is another alone", with->name, t, n, k, r, rows);
    }
    mem_free(alone);
    /* One panel alone writes nothing else. */
    memset(got, 0x55, count * sizeof(float));
    l.job.first = l.job.end - 1;
    with->linear[t](&l.job);
    for (size_t i = 0; i < count; i++)
        if (i % l.job.stride < l.job.first * KERNEL_PANEL) assert_memory_equal(&got[i], "\x55\x55\x55\x55", 4);
    mem_free(want);
    mem_free(got);
    layer_free(&l);
}

static void test_linear(void **state)
{
    (void)state;
    for (size_t i = 0; kernels_nth(i); i++)
        for (enum kernel_type t = 0; t < KERNEL_TYPES; t++)
            for (size_t a = 0; a < COUNT(ns); a++)
                for (size_t b = 0; b < COUNT(ks); b++)
                    for (size_t c = 0; c < COUNT(row_counts); c++) compare_linear(kernels_nth(i), t, ns[a], ks[b], row_counts[c]);
}

/* So many that every table has to cut them, rows and inputs both. */
static void test_linear_of_many_rows_and_inputs(void **state)
{
    (void)state;
    for (size_t i = 0; kernels_nth(i); i++)
        for (enum kernel_type t = 0; t < KERNEL_TYPES; t++) {
            compare_linear(kernels_nth(i), t, 33, 1101, 24);
            compare_linear(kernels_nth(i), t, 33, 4201, 109);
        }
}

/* Number i of a row that was prepared for F32 or BF16. */
static float activation(const struct kernels *by, enum kernel_type t, const uint8_t *row, size_t i)
{
    bool is_float = t == KERNEL_F32 || by->has_wide_bf16;
    return is_float ? ((const float *)(const void *)row)[i] : kernel_of_bf16(((const uint16_t *)(const void *)row)[i]);
}

static void test_prepare(void **state)
{
    (void)state;
    for (size_t i = 0; kernels_nth(i); i++)
        for (enum kernel_type t = 0; t < KERNEL_TYPES; t++)
            for (size_t b = 0; b < COUNT(ks); b++) {
                float x[300];
                void *memory[2];
                size_t n = kernel_row_bytes(t, ks[b]);
                uint8_t *want = aligned(n, &memory[0]), *got = aligned(n, &memory[1]);
                for (size_t j = 0; j < ks[b]; j++) x[j] = ldexpf(random_float(), -5 * (int)(j / KERNEL_GROUP));
                kernels_scalar.prepare[t](x, ks[b], want);
                kernels_nth(i)->prepare[t](x, ks[b], got);
                if (t == KERNEL_BF16 && kernels_nth(i)->has_wide_bf16)
                    for (size_t j = 0; j < ks[b] + ks[b] % 2; j++) assert_true(activation(kernels_nth(i), t, got, j) == activation(&kernels_scalar, t, want, j));
                else assert_memory_equal(got, want, n);
                if (t == KERNEL_BF16) {
                    kernels_nth(i)->narrow(x, ks[b], got);
                    assert_memory_equal(got, want, 2 * (ks[b] + ks[b] % 2));
                }
                mem_free(memory[0]);
                mem_free(memory[1]);
            }
}

/* For four bits a group's steps are at most twice as large as they could be, or 2^-15 of the row's. */
static void test_prepare_for_four_bits(void **state)
{
    enum { GROUPS = 20 };
    (void)state;
    for (size_t t = 0; kernels_nth(t); t++)
        for (enum kernel_type type = KERNEL_Q4M; type <= KERNEL_Q4; type++) {
            float x[GROUPS * KERNEL_GROUP], unit;
            void *memory;
            const struct kernel_group *g = aligned(kernel_row_bytes(type, COUNT(x)), &memory);
            for (size_t i = 0; i < COUNT(x); i++) x[i] = ldexpf(random_float(), 10 - (int)(i / KERNEL_GROUP));
            x[77] = 3e5f; /* beside which the others are small */
            memset(x + 3 * KERNEL_GROUP, 0, KERNEL_GROUP * sizeof *x);
            kernels_nth(t)->prepare[type](x, COUNT(x), (uint8_t *)(uintptr_t)g);
            memcpy(&unit, g + GROUPS, sizeof unit);
            for (size_t j = 0; j < GROUPS; j++) {
                const float *in = x + j * KERNEL_GROUP;
                float most = 0, step = unit * g[j].scale;
                int32_t sum = 0, exponent;
                assert_true(frexpf(g[j].scale, &exponent) == 0.5f && exponent >= 1 && exponent <= 16);
                for (size_t i = 0; i < KERNEL_GROUP; i++) {
                    most = fmaxf(most, fabsf(in[i]));
                    sum += g[j].q[i];
                    if (fabsf(in[i] - step * g[j].q[i]) > 0.501f * step) fail_msg("%s, group %zu: %g became %g", kernels_nth(t)->name, j, in[i], step * g[j].q[i]);
                }
                assert_true(exponent == 1 || 127 * step <= 2.001f * most);
                if (type == KERNEL_Q4M) assert_true(g[j].sum == g[j].scale * (float)sum);
                else assert_int_equal(g[j].zero, -8 * sum);
            }
            mem_free(memory);
        }
}

/* An infinite activation is no number that rounding could keep: no output of the row may look like one. */
static void test_infinity_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; kernels_nth(i); i++)
        for (enum kernel_type t = KERNEL_Q8; t < KERNEL_TYPES; t++) {
            struct layer l;
            layer_make(&l, t, 33, 100, 1, kernels_nth(i));
            l.x[40] = INFINITY;
            kernels_nth(i)->prepare[t](l.x, l.k, l.prepared);
            float *y = l.job.y = mem_alloc(l.job.stride * sizeof *y);
            kernels_nth(i)->linear[t](&l.job);
            for (size_t j = 0; j < l.n; j++) assert_true(isnan(y[j]));
            mem_free(y);
            layer_free(&l);
        }
}

static void assert_near(const float *got, const float *want, size_t n, float by, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(got[i] - want[i]) <= by * fmaxf(1, fabsf(want[i])))) fail_msg("%s, place %zu of %zu: %g instead of %g", what, i, n, got[i], want[i]);
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t t = 0; kernels_nth(t); t++) {
        const struct kernels *with = kernels_nth(t), *plain = &kernels_scalar;
        for (size_t n = 1; n < 130; n += n < 40 ? 1 : 13) {
            float a[130], b[130], got[130], want[130];
            for (size_t i = 0; i < n; i++) a[i] = 20 * random_float(), b[i] = random_float(), got[i] = want[i] = random_float();
            with->axpy(0.5f, a, got, n);
            plain->axpy(0.5f, a, want, n);
            assert_near(got, want, n, 1e-6f, "axpy");
            with->scale(0.3f, a, got, n);
            plain->scale(0.3f, a, want, n);
            assert_memory_equal(got, want, n * sizeof *got);
            got[0] = with->dot(a, b, n), want[0] = plain->dot(a, b, n);
            assert_near(got, want, 1, 1e-5f, "dot");
            with->rms_norm(a, b, 1e-5f, n, got);
            plain->rms_norm(a, b, 1e-5f, n, want);
            assert_near(got, want, n, 1e-5f, "rms_norm");
            with->layer_norm(a, b, n % 2 ? NULL : b, 1e-5f, n, got);
            plain->layer_norm(a, b, n % 2 ? NULL : b, 1e-5f, n, want);
            assert_near(got, want, n, 1e-5f, "layer_norm");
            if (n > 3) a[n / 2] = -INFINITY;
            memcpy(got, a, sizeof got);
            memcpy(want, a, sizeof want);
            with->softmax(got, n);
            plain->softmax(want, n);
            assert_near(got, want, n, 2e-6f, "softmax");
            if (n > 3) assert_true(got[n / 2] == 0);
            for (size_t i = 0; i < n; i++) got[i] = -INFINITY;
            with->softmax(got, n);
            for (size_t i = 0; i < n; i++) assert_true(got[i] == 0);
        }
    }
}

static void test_activations(void **state)
{
    enum { COUNT_MOST = 2001 };
    static const char *const names[KERNEL_ACTIVATIONS] = { "silu", "gelu", "gelu_tanh", "gelu_quick", "relu", "tanh" };
    float *x = mem_alloc(5 * COUNT_MOST * sizeof *x), *by = x + COUNT_MOST, *got = by + COUNT_MOST, *want = got + COUNT_MOST;
    (void)state;
    for (size_t i = 0; i < COUNT_MOST; i++) x[i] = (float)i / 100 - 10, by[i] = random_float();
    x[0] = -200, x[1] = 200, x[2] = -88, x[3] = 88, x[4] = -0.f, x[5] = 1e-4f, x[6] = -1e-4f;
    for (size_t t = 0; kernels_nth(t); t++)
        for (size_t a = 0; a < KERNEL_ACTIVATIONS; a++) {
            static const size_t counts[] = { COUNT_MOST, 1, 17, 64 };
            for (size_t c = 0; c < COUNT(counts); c++) {
                kernels_nth(t)->activate[a](x, c % 2 ? by : NULL, counts[c], got);
                kernels_scalar.activate[a](x, c % 2 ? by : NULL, counts[c], want);
                assert_near(got, want, counts[c], 2e-6f, names[a]);
                memcpy(got, x, counts[c] * sizeof *x); /* in place */
                kernels_nth(t)->activate[a](got, c % 2 ? by : NULL, counts[c], got);
                assert_near(got, want, counts[c], 2e-6f, names[a]);
            }
            float nan = NAN;
            kernels_nth(t)->activate[a](&nan, NULL, 1, got);
            assert_true(got[0] != got[0]);
        }
    mem_free(x);
}

static void test_weigh(void **state)
{
    static const struct { size_t from, end, n; } cases[] = { { 0, 32, 32 }, { 0, 1, 32 }, { 31, 32, 32 }, { 5, 5, 32 }, { 0, 256, 256 }, { 17, 200, 256 }, { 16, 48, 64 }, { 40, 50, 64 } };
    (void)state;
    for (size_t t = 0; kernels_nth(t); t++)
        for (size_t c = 0; c < COUNT(cases); c++)
            for (enum kernel_type type = KERNEL_F32; type <= KERNEL_BF16; type++) {
                float s[256], other[256], sums[2], most[2];
                uint8_t got[1024], want[1024];
                size_t n = cases[c].n;
                for (size_t i = 0; i < n; i++) s[i] = other[i] = i >= cases[c].from && i < cases[c].end ? 30 * random_float() : NAN;
                most[0] = kernels_nth(t)->weigh[type](s, cases[c].from, cases[c].end, n, got, &sums[0]);
                most[1] = kernels_scalar.weigh[type](other, cases[c].from, cases[c].end, n, want, &sums[1]);
                assert_true(most[0] == most[1]);
                assert_true(fabsf(sums[0] - sums[1]) <= 1e-5f * sums[1]);
                for (size_t i = 0; i < n; i++) {
                    float a = activation(kernels_nth(t), type, got, i), b = activation(&kernels_scalar, type, want, i);
                    if (!(fabsf(a - b) <= (type ? 0.004f : 1e-6f) * b)) fail_msg("case %zu, place %zu: %g instead of %g", c, i, a, b);
                }
            }
}

static void test_half(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) { /* every half is itself again */
        float f = kernel_of_f16((uint16_t)h), b = kernel_of_bf16((uint16_t)h);
        if (f == f) assert_int_equal(kernel_to_f16(f), h);
        else assert_true(kernel_of_f16(kernel_to_f16(f)) != kernel_of_f16(kernel_to_f16(f)));
        if (b == b) assert_int_equal(kernel_to_bf16(b), h);
        else assert_true(kernel_of_bf16(kernel_to_bf16(b)) != kernel_of_bf16(kernel_to_bf16(b)));
    }
    static const struct { float f; uint16_t h; } f16[] = {
        { 65504, 0x7bff }, { 65519, 0x7bff }, { 65520, 0x7c00 }, { 1e30f, 0x7c00 }, { -1e30f, 0xfc00 }, { 1, 0x3c00 },
        { 1.00048828125f, 0x3c00 }, { 1.00146484375f, 0x3c02 }, { 0x1p-24f, 1 }, { 0x1p-25f, 0 }, { 0x1.8p-24f, 2 }, { 0x1p-14f, 0x0400 },
    };
    for (size_t i = 0; i < COUNT(f16); i++) assert_int_equal(kernel_to_f16(f16[i].f), f16[i].h);
    assert_int_equal(kernel_to_bf16(1.00390625f), 0x3f80); /* a tie goes to even */
    assert_int_equal(kernel_to_bf16(1.01171875f), 0x3f82);
    assert_int_equal(kernel_to_bf16(3.4e38f), 0x7f80);
}

static void test_nan_is_harmless(void **state)
{
    (void)state;
    float x[64];
    void *memory;
    uint8_t *out = aligned(64 * 128, &memory);
    const float *row[KERNEL_PANEL];
    for (size_t i = 0; i < 64; i++) x[i] = i % 3 ? NAN : INFINITY;
    for (size_t j = 0; j < KERNEL_PANEL; j++) row[j] = x;
    for (enum kernel_type t = 0; t < KERNEL_TYPES; t++) {
        kernel_pack(t, row, 64, out);
        for (size_t i = 0; kernels_nth(i); i++) kernels_nth(i)->prepare[t](x, 64, out);
    }
    for (size_t i = 0; i < 64; i++) x[i] = i == 5 ? NAN : 1;
    for (enum kernel_type t = KERNEL_Q8; t < KERNEL_TYPES; t++)
        for (size_t i = 0; kernels_nth(i); i++) {
            const struct kernel_group *got = (const void *)out;
            struct kernel_group want[3]; /* two, and a unit */
            kernels_scalar.prepare[t](x, 64, (uint8_t *)want);
            kernels_nth(i)->prepare[t](x, 64, out);
            for (size_t g = 0; g < 2; g++) assert_int_equal(got[g].zero, want[g].zero);
        }
    mem_free(memory);
}

static void test_widen(void **state)
{
    uint16_t group[32 + 512], got[1024], want[1024];
    (void)state;
    for (size_t i = 0; i < 32; i++) group[i] = kernel_to_f16(i == 5 ? 0 : fabsf(random_float()) * (i % 2 ? 100.f : 0.001f));
    for (size_t i = 0; i < 512; i++) group[32 + i] = (uint16_t)((i * 2 & 0xff) | ((i * 2 + 1) & 0xff) << 8);
    for (size_t t = 0; kernels_nth(t); t++)
        for (size_t pairs = 1; pairs <= 16; pairs += 5)
            for (size_t by_row = 0; by_row < 2; by_row++) {
                memset(got, 0xff, sizeof got);
                kernels_nth(t)->widen((const uint8_t *)group, pairs, by_row, got);
                kernels_scalar.widen((const uint8_t *)group, pairs, by_row, want);
                for (size_t i = 0; i < 64 * pairs; i++) assert_int_equal(got[i], want[i]);
                assert_true(pairs == 16 || got[64 * pairs] == 0xffff);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half),    cmocka_unit_test(test_scalar_is_a_product), cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_prepare_for_four_bits), cmocka_unit_test(test_infinity_is_seen),
        cmocka_unit_test(test_linear), cmocka_unit_test(test_linear_of_many_rows_and_inputs), cmocka_unit_test(test_vectors),             cmocka_unit_test(test_nan_is_harmless),
        cmocka_unit_test(test_activations), cmocka_unit_test(test_weigh), cmocka_unit_test(test_widen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
