/* kernel_bench.c - linear layers of one size: bytes of weights a second for one row, operations a second for many.
 *
 *   kernel_bench [K [N]]     one thread, N outputs (8192) of K inputs (2048), every table that runs here */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/str.h"
#include "kernel/kernel.h"

static void *aligned(size_t n)
{
    uint8_t *p = mem_alloc(n + 64); /* kept until the end */
    return (uint8_t *)(((uintptr_t)p + 63) & ~(uintptr_t)63);
}

/* Of processor time, so that others on the machine disturb less. */
static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Seconds of the best of so many runs. */
static double best(const struct kernels *with, enum kernel_type t, const struct kernel_linear *l)
{
    int64_t least = INT64_MAX, all = 0;
    for (int i = 0; i < 50 && (i < 3 || all < 1000000); i++) {
        int64_t begin = now_us();
        with->linear[t](l);
        int64_t took = now_us() - begin;
        all += took;
        least = took < least ? took : least;
    }
    return (double)least * 1e-6;
}

int main(int argc, char **argv)
{
    static const char *const names[KERNEL_TYPES] = { "f32", "bf16", "q8", "q4m", "q4" };
    size_t k = argc > 1 ? strtoul(argv[1], NULL, 10) : 2048, n = argc > 2 ? strtoul(argv[2], NULL, 10) : 8192;
    float *w = mem_alloc(k * sizeof *w);
    const float *row[KERNEL_PANEL];
    for (size_t i = 0; i < k; i++) w[i] = (float)((i * 2654435761u) % 2001) / 1000 - 1;
    for (size_t j = 0; j < KERNEL_PANEL; j++) row[j] = w;
    printf("%-8s %-5s %12s %14s %14s\n", "table", "type", "1 row GB/s", "16 rows Gop/s", "512 rows Gop/s");
    for (size_t i = 0; kernels_nth(i); i++)
        for (enum kernel_type t = 0; t < KERNEL_TYPES; t++) {
            const struct kernels *with = kernels_nth(i);
            size_t panels = kernel_panels(n), rows_most = kernels_nth(i + 1) ? 512 : 16; /* scalar is the last, and slow */
            struct kernel_linear l = { .panel_bytes = kernel_panel_bytes(t, k), .k = k, .row_bytes = kernel_row_bytes(t, k),
                                       .stride = panels * KERNEL_PANEL, .end = panels };
            uint8_t *packed = aligned(panels * l.panel_bytes), *x = aligned(rows_most * l.row_bytes);
            for (size_t p = 0; p < panels; p++) kernel_pack(t, row, k, packed + p * l.panel_bytes);
            for (size_t r = 0; r < rows_most; r++) with->prepare[t](w, k, x + r * l.row_bytes);
            l.w = packed, l.x = x, l.y = aligned(rows_most * l.stride * sizeof(float));
            l.rows = 1;
            double one = (double)(panels * l.panel_bytes) / best(with, t, &l) / 1e9;
            l.rows = 16;
            double some = 2.0 * 16 * (double)n * (double)k / best(with, t, &l) / 1e9, many = 0;
            if (rows_most == 512) {
                l.rows = 512;
                many = 2.0 * 512 * (double)n * (double)k / best(with, t, &l) / 1e9;
            }
            printf("%-8s %-5s %12.1f %14.0f %14.0f\n", with->name, names[t], one, some, many);
        }
    return 0;
}
