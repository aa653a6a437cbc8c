/* kernel/kernel.h - numeric kernels: a scalar reference, and one table of functions per instruction set.
 *
 * No policy, no allocation, no threads: model/nn/ splits the work and owns the memory.  The scalar table is the
 * definition; every other one is tested against it.  Functions are safe from any thread.
 *
 * What a row gives depends on that row alone: within one table, the same row against the same panel gives the same bits,
 * whatever rows and panels stand beside it.  So results depend neither on the number of threads nor on the company in
 * which a sequence is computed.
 *
 * Linear layers.  W [n outputs, k inputs] is packed once, in panels of 32 outputs (the last is filled up with zeros), so
 * that one form serves a single row of activations (bound by memory) and many rows (bound by arithmetic):
 *
 *   type  one panel                                                                   bytes
 *   F32   [k][32] float                                                               128 k
 *   BF16  [k/2][32][2] bfloat16: inputs in pairs, as VDPBF16PS takes them             64 k    (k made even with a zero)
 *   Q8    [k/32] groups of { float16 scale[32]; uint8 q[8][32][4] }                   1088 a group, 8.5 bits a weight
 *         weight = scale * (q - 128): unsigned, as VPDPBUSD takes them
 *   Q4M   [k/32] groups of { float16 scale[32]; float16 least[32]; uint8 q[4][32][4] }   640 a group, 5 bits a weight
 *         weight = scale * nibble + least; nibbles as in Q4
 *   Q4    [k/32] groups of { float16 scale[32]; uint8 q[4][32][4] }                   576 a group, 4.5 bits a weight
 *         weight = scale * (nibble - 8); the low nibble of q[i] belongs to inputs 8i..8i+3, the high to 8i+4..8i+7
 *
 * A row of activations is prepared for the type of the weights that it meets:
 *
 *   F32   float[k]
 *   BF16  bfloat16[k], k made even; in tables that have_wide_bf16 the same numbers as float[k]
 *   Q8         [k/32] groups of struct kernel_group, k made a multiple of 32: x = scale * q
 *   Q4M, Q4    the same, and a float, the row's unit: x = unit * scale * q.  Here scale is a power of two, 1 to 2^15, so that
 *              weights' scales are multiplied by it in their exponents; it costs a bit at most, and four bits do not miss it */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kernel_type { KERNEL_F32, KERNEL_BF16, KERNEL_Q8, KERNEL_Q4M, KERNEL_Q4, KERNEL_TYPES }; /* from the largest to the smallest */
enum { KERNEL_PANEL = 32, KERNEL_GROUP = 32 };
enum { KERNEL_LAYOUT = 2 }; /* to be raised with every change of the forms above: packed weights are kept in files */

struct kernel_group { /* of activations */
    int8_t q[KERNEL_GROUP];
    float scale;
    union {
        int32_t zero; /* -128 (Q8) or -8 (Q4) times the sum of q: what the unsigned weights count too much */
        float sum;    /* Q4M: scale times the sum of q, which goes with `least` */
    };
};

static inline size_t kernel_panels(size_t n) { return (n + KERNEL_PANEL - 1) / KERNEL_PANEL; }
size_t kernel_panel_bytes(enum kernel_type t, size_t k);
size_t kernel_row_bytes(enum kernel_type t, size_t k); /* of prepared activations; an odd multiple of 64 */
/* row[32]: the weights of the panel's outputs; NULL for those past the last.  out: kernel_panel_bytes, aligned to 64. */
void kernel_pack(enum kernel_type t, const float *const row[KERNEL_PANEL], size_t k, uint8_t *out);
/* Thirty-two neighbours of an output that are whole numbers already: weight = scale * q + least, both float16. */
struct kernel_levels {
    uint16_t scale, least;
    int8_t q[KERNEL_GROUP];
};
/* Puts them in place j of a group of Q8, Q4M or Q4; nothing is rounded.  NULL: zeros.  False, with what the group holds
 * undefined: the type cannot say them, or a number is not finite. */
bool kernel_pack_levels(enum kernel_type t, const struct kernel_levels *x, size_t j, uint8_t *group);

struct kernel_linear {
    const uint8_t *w; /* panel 0, aligned to 64 */
    size_t panel_bytes, k;
    const uint8_t *x; /* rows prepared for the type of w, row_bytes apart, aligned to 64 */
    size_t row_bytes, rows;
    float *y; /* y[r * stride + 32 * panel + j]; whole panels are written */
    size_t stride;
    size_t first, end; /* panels */
    bool adds; /* to what stands in y */
    const uint8_t *next; /* as many bytes that are read after these, and may be asked for meanwhile; NULL: none are known */
};

/* y = f(x), or f(x) * by[i] where the activation gates another branch. */
enum kernel_activation {
    KERNEL_SILU,       /* x / (1 + e^-x) */
    KERNEL_GELU,       /* x Phi(x), by the error function */
    KERNEL_GELU_TANH,  /* its approximation by a hyperbolic tangent */
    KERNEL_GELU_QUICK, /* x / (1 + e^(-1.702 x)) */
    KERNEL_RELU,
    KERNEL_TANH,
    KERNEL_ACTIVATIONS
};

struct kernels {
    const char *name;
    bool has_wide_bf16;
    void (*prepare[KERNEL_TYPES])(const float *x, size_t k, uint8_t *out);
    void (*linear[KERNEL_TYPES])(const struct kernel_linear *j);
    void (*narrow)(const float *x, size_t n, uint8_t *out); /* to bfloat16[n], n made even with a zero */
    float (*dot)(const float *a, const float *b, size_t n);
    void (*axpy)(float a, const float *x, float *y, size_t n); /* y += a x */
    void (*scale)(float a, const float *x, float *y, size_t n); /* y = a x; y may be x */
    void (*rms_norm)(const float *x, const float *w, float eps, size_t n, float *out); /* x w / sqrt(mean(x^2) + eps) */
    void (*layer_norm)(const float *x, const float *w, const float *b, float eps, size_t n, float *out); /* b: or NULL */
    void (*softmax)(float *x, size_t n); /* in place; a row of -inf becomes zeros */
    /* by: NULL for 1.  out may be x. */
    void (*activate[KERNEL_ACTIVATIONS])(const float *x, const float *by, size_t n, float *out);
    /* The weights of a softmax before the division by their sum: e^(s[i] - most) for from <= i < end, 0 for the others of
     * n, which is a multiple of 32; out gets them as prepare would give them, for F32 and BF16.  Answers `most`, the
     * largest of those seen (-inf: none, all weights are 0), and *sum, of the weights.  s is spoilt. */
    float (*weigh[KERNEL_BF16 + 1])(float *s, size_t from, size_t end, size_t n, uint8_t *out, float *sum);
    /* A group of 8-bit numbers { float16 scale[32]; int8 q[16][32][2] }, or its first `pairs`, as bfloat16 [pairs][32][2].
     * scale[j] belongs to q[.][j][.], or with is_by_row scale[2 i + p] to q[i][.][p]. */
    void (*widen)(const uint8_t *group, size_t pairs, bool is_by_row, uint16_t *out);
};

extern const struct kernels kernels_scalar;
/* The best table that this processor runs, chosen once; HEARTH_KERNELS=NAME forces one that runs here. */
const struct kernels *kernels(void);
bool kernels_have_wide_bf16(void); /* any that runs here */
/* Table i of those that run here, best first; NULL past the last.  For tests and benchmarks. */
const struct kernels *kernels_nth(size_t i);

/* Conversions, rounding to nearest even. */
static inline float kernel_of_bf16(uint16_t h)
{
    union { uint32_t u; float f; } v = { .u = (uint32_t)h << 16 };
    return v.f;
}
uint16_t kernel_to_bf16(float f); /* NaN stays NaN */
float kernel_of_f16(uint16_t h);
uint16_t kernel_to_f16(float f); /* past the largest: infinity */

/* What prepare shares for four bits: how many times finer than the row's the steps of a group are, where `top` and `most` are
 * the largest sizes in the row and in the group: a power of two, and the largest one for a group of zeros. */
#define KERNEL_FINEST 0x1p15f
static inline float kernel_finer(float top, float most)
{
    union { float f; uint32_t u; } v = { .f = top / most };
    v.u &= 0x7f800000; /* the power of two below; infinity, if that was no number */
    return v.f < KERNEL_FINEST ? v.f : KERNEL_FINEST;
}

#endif
