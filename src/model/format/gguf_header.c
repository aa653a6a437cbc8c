/* model/format/gguf_header.c - see the header file for the format.
 *
 * A cursor reads forward and remembers the first time that it would pass the end; counts are checked against
 * what is left (every pair and tensor takes some bytes) before memory follows. */
#include "model/format/gguf_header.h"

#include <stdlib.h>

#include "base/ckd.h"

const struct gguf_limits gguf_limits_default = {
    .pairs_max = 65536, .tensors_max = 1 << 20, .key_bytes_max = 65535, .name_bytes_max = 1024
};

enum {
    PAIR_BYTES_MIN = 8 + 4 + 1,       /* empty key, type, one byte */
    TENSOR_BYTES_MIN = 8 + 4 + 4 + 8, /* empty name, rank 0, type, offset */
    ALIGNMENT_DEFAULT = 32,
    ALIGNMENT_MAX = 1 << 16,
};

static const struct {
    const char *name;
    unsigned elements, bytes;
} tensor_type[GGUF_TENSOR_TYPES] = {
    [0] = { "F32", 1, 4 },          [1] = { "F16", 1, 2 },         [2] = { "Q4_0", 32, 18 },
    [3] = { "Q4_1", 32, 20 },       [6] = { "Q5_0", 32, 22 },      [7] = { "Q5_1", 32, 24 },
    [8] = { "Q8_0", 32, 34 },       [9] = { "Q8_1", 32, 36 },      [10] = { "Q2_K", 256, 84 },
    [11] = { "Q3_K", 256, 110 },    [12] = { "Q4_K", 256, 144 },   [13] = { "Q5_K", 256, 176 },
    [14] = { "Q6_K", 256, 210 },    [15] = { "Q8_K", 256, 292 },   [16] = { "IQ2_XXS", 256, 66 },
    [17] = { "IQ2_XS", 256, 74 },   [18] = { "IQ3_XXS", 256, 98 }, [19] = { "IQ1_S", 256, 50 },
    [20] = { "IQ4_NL", 32, 18 },    [21] = { "IQ3_S", 256, 110 },  [22] = { "IQ2_S", 256, 82 },
    [23] = { "IQ4_XS", 256, 136 },  [24] = { "I8", 1, 1 },         [25] = { "I16", 1, 2 },
    [26] = { "I32", 1, 4 },         [27] = { "I64", 1, 8 },        [28] = { "F64", 1, 8 },
    [29] = { "IQ1_M", 256, 56 },    [30] = { "BF16", 1, 2 },       [34] = { "TQ1_0", 256, 54 },
    [35] = { "TQ2_0", 256, 66 },    [39] = { "MXFP4", 32, 17 },    [40] = { "NVFP4", 64, 36 },
};

bool gguf_tensor_type(uint32_t type, str *name, unsigned *block_elements, unsigned *block_bytes)
{
    if (type >= GGUF_TENSOR_TYPES || !tensor_type[type].name) return false;
    *name = str_c(tensor_type[type].name);
    *block_elements = tensor_type[type].elements;
    *block_bytes = tensor_type[type].bytes;
    return true;
}

/* ------------------------------------------------------------------ cursor */

struct cursor {
    bytes file;
    uint64_t file_bytes;
    size_t at;
    bool is_short; /* a read passed the end of what is here */
    bool *needs_more;
    struct err *e;
};

static bool fail(struct cursor *c, const char *what)
{
    return err_set(c->e, ERR_INVALID, "GGUF: %s at byte %zu", what, c->at);
}

static bool cut_short(struct cursor *c)
{
    if (c->file.n < c->file_bytes) {
        *c->needs_more = true;
        return err_set(c->e, ERR_INVALID, "GGUF: the header is longer than the %zu bytes read", c->file.n);
    }
    return fail(c, "the file is cut short");
}

static const uint8_t *take(struct cursor *c, size_t n)
{
    const uint8_t *p;
    if (c->is_short || n > c->file.n - c->at) {
        c->is_short = true;
        return NULL;
    }
    p = c->file.p + c->at;
    c->at += n;
    return p;
}

static uint64_t le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = n; i-- > 0;) v = v << 8 | p[i];
    return v;
}

static uint64_t take_u(struct cursor *c, unsigned n)
{
    const uint8_t *p = take(c, n);
    return p ? le(p, n) : 0;
}

/* Could n items of at least item_min bytes still follow in this file? */
static bool could_follow(const struct cursor *c, uint64_t n, uint64_t item_min)
{
    return n <= (c->file_bytes - c->at) / item_min;
}

static bool take_str(struct cursor *c, uint64_t n_max, str *out)
{
    uint64_t n = take_u(c, 8);
    const uint8_t *p;
    if (c->is_short) return cut_short(c);
    if (n > n_max || !could_follow(c, n, 1)) return fail(c, "a text is longer than it may be");
    if (n > SIZE_MAX || !(p = take(c, (size_t)n))) return cut_short(c);
    *out = str_n((const char *)p, (size_t)n);
    return true;
}

/* ------------------------------------------------------------------ values */

static unsigned size_of(enum gguf_type t) /* 0: of no fixed size */
{
    static const unsigned size[GGUF_TYPES] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    return size[t];
}

static double float_of(uint64_t bits, unsigned n)
{
    if (n == 4) {
        uint32_t b = (uint32_t)bits;
        float f;
        memcpy(&f, &b, sizeof f);
        return (double)f;
    }
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static bool array_parse(struct cursor *c, struct gguf_value *v)
{
    uint64_t item = take_u(c, 4), count = take_u(c, 8), total;
    size_t from;

    if (c->is_short) return cut_short(c);
    if (item >= GGUF_TYPES) return fail(c, "an array of an unknown type");
    if (item == GGUF_ARRAY) return fail(c, "an array of arrays, which is not supported,");
    v->array.item = (enum gguf_type)item;
    v->array.count = count;
    from = c->at;
    if (item == GGUF_STRING) {
        if (!could_follow(c, count, 8)) return fail(c, "an array is longer than the file");
        for (uint64_t i = 0; i < count; i++) {
            str ignored;
            if (!take_str(c, UINT64_MAX, &ignored)) return false;
        }
    } else {
        if (ckd_mul(&total, count, (uint64_t)size_of(v->array.item)) || !could_follow(c, total, 1))
            return fail(c, "an array is longer than the file");
        if (total > SIZE_MAX || !take(c, (size_t)total)) return cut_short(c);
    }
    v->array.data = (bytes){ c->file.p + from, c->at - from };
    return true;
}

static bool value_parse(struct cursor *c, struct gguf_value *v)
{
    uint64_t type = take_u(c, 4), bits;
    unsigned n;

    if (c->is_short) return cut_short(c);
    if (type >= GGUF_TYPES) return fail(c, "a value of an unknown type");
    v->type = (enum gguf_type)type;
    if (type == GGUF_STRING) return take_str(c, UINT64_MAX, &v->s);
    if (type == GGUF_ARRAY) return array_parse(c, v);
    n = size_of(v->type);
    bits = take_u(c, n);
    if (c->is_short) return cut_short(c);
    switch (v->type) {
    case GGUF_I8: v->i = (int8_t)bits; break;
    case GGUF_I16: v->i = (int16_t)bits; break;
    case GGUF_I32: v->i = (int32_t)bits; break;
    case GGUF_I64: v->i = (int64_t)bits; break;
    case GGUF_F32:
    case GGUF_F64: v->r = float_of(bits, n); break;
    case GGUF_BOOL:
        if (bits > 1) return fail(c, "a truth value that is neither 0 nor 1");
        v->u = bits;
        break;
    default: v->u = bits;
    }
    return true;
}

/* ------------------------------------------------------------------ tensors */

static bool tensor_parse(struct cursor *c, const struct gguf_limits *limits, struct gguf_tensor *t)
{
    uint64_t rank, type, blocks;
    unsigned in_block, block_bytes;
    str name;

    if (!take_str(c, limits->name_bytes_max, &t->name)) return false;
    rank = take_u(c, 4);
    if (c->is_short) return cut_short(c);
    if (rank > GGUF_RANK_MAX) return fail(c, "a tensor of more than 4 dimensions");
    t->rank = (unsigned)rank;
    t->elements = 1;
    for (unsigned i = 0; i < t->rank; i++) {
        t->shape[i] = take_u(c, 8);
        if (c->is_short) return cut_short(c);
        if (ckd_mul(&t->elements, t->elements, t->shape[i])) return fail(c, "a tensor's shape overflows");
    }
    type = take_u(c, 4);
    t->offset = take_u(c, 8);
    if (c->is_short) return cut_short(c);
    if (!gguf_tensor_type((uint32_t)type, &name, &in_block, &block_bytes)) return fail(c, "a tensor of an unknown type");
    t->type = (uint32_t)type;
    if ((t->rank ? t->shape[0] : 1) % in_block != 0) return fail(c, "a tensor's row is no whole number of blocks");
    blocks = t->elements / in_block;
    if (ckd_mul(&t->size_bytes, blocks, (uint64_t)block_bytes)) return fail(c, "a tensor's size overflows");
    return true;
}

static int by_offset(const void *a, const void *b)
{
    const struct gguf_tensor *x = *(const struct gguf_tensor *const *)a, *y = *(const struct gguf_tensor *const *)b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return x->size_bytes < y->size_bytes ? -1 : x->size_bytes > y->size_bytes;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp((*(const struct gguf_tensor *const *)a)->name, (*(const struct gguf_tensor *const *)b)->name);
}

static int by_key(const void *a, const void *b)
{
    return str_cmp((*(const struct gguf_pair *const *)a)->key, (*(const struct gguf_pair *const *)b)->key);
}

static bool tensors_check(struct cursor *c, struct gguf_header *h, struct arena *a)
{
    struct gguf_tensor **list = arena_try_array(a, h->tensors_count + 1, sizeof *list);
    uint64_t at = 0, data_bytes = c->file_bytes > h->data_offset ? c->file_bytes - h->data_offset : 0;

    if (!list) return err_set(c->e, ERR_TOO_LARGE, "GGUF: too many tensors");
    for (size_t i = 0; i < h->tensors_count; i++) {
        list[i] = &h->tensor[i];
        if (ckd_add(&h->elements, h->elements, list[i]->elements)) return fail(c, "the tensors' shapes overflow");
    }
    qsort(list, h->tensors_count, sizeof *list, by_name);
    for (size_t i = 1; i < h->tensors_count; i++)
        if (str_eq(list[i - 1]->name, list[i]->name)) return fail(c, "a tensor's name stands twice");
    qsort(list, h->tensors_count, sizeof *list, by_offset);
    for (size_t i = 0; i < h->tensors_count; i++) {
        const struct gguf_tensor *t = list[i];
        if (t->offset % h->alignment != 0) return fail(c, "a tensor is not aligned");
        if (t->offset < at) return fail(c, "tensors overlap");
        if (t->offset > data_bytes || t->size_bytes > data_bytes - t->offset)
            return fail(c, "a tensor lies outside of the file");
        at = t->offset + t->size_bytes;
    }
    return true;
}

/* ------------------------------------------------------------------ the whole */

static bool keys_differ(struct cursor *c, struct gguf_header *h, struct arena *a)
{
    const struct gguf_pair **list = arena_try_array(a, h->pairs_count + 1, sizeof *list);
    if (!list) return err_set(c->e, ERR_TOO_LARGE, "GGUF: too many keys");
    for (size_t i = 0; i < h->pairs_count; i++) list[i] = &h->pair[i];
    qsort(list, h->pairs_count, sizeof *list, by_key);
    for (size_t i = 1; i < h->pairs_count; i++)
        if (str_eq(list[i - 1]->key, list[i]->key)) return fail(c, "a key stands twice");
    return true;
}

static bool pairs_parse(struct cursor *c, uint64_t n, const struct gguf_limits *limits, struct arena *a,
                        struct gguf_header *h)
{
    if (n > limits->pairs_max || !could_follow(c, n, PAIR_BYTES_MIN)) return fail(c, "too many key-value pairs");
    if (!(h->pair = arena_try_array(a, (size_t)n + 1, sizeof *h->pair)))
        return err_set(c->e, ERR_TOO_LARGE, "GGUF: too many keys");
    for (; h->pairs_count < n; h->pairs_count++) {
        struct gguf_pair *p = &h->pair[h->pairs_count];
        if (!take_str(c, limits->key_bytes_max, &p->key) || !value_parse(c, &p->value)) return false;
    }
    return keys_differ(c, h, a);
}

static bool tensors_parse(struct cursor *c, uint64_t n, const struct gguf_limits *limits, struct arena *a,
                          struct gguf_header *h)
{
    if (n > limits->tensors_max) return fail(c, "too many tensors");
    if (!could_follow(c, n, TENSOR_BYTES_MIN)) return fail(c, "it is cut short: fewer tensors follow than it says");
    if (!(h->tensor = arena_try_array(a, (size_t)n + 1, sizeof *h->tensor)))
        return err_set(c->e, ERR_TOO_LARGE, "GGUF: too many tensors");
    for (; h->tensors_count < n; h->tensors_count++)
        if (!tensor_parse(c, limits, &h->tensor[h->tensors_count])) return false;
    h->data_offset = (c->at + h->alignment - 1) / h->alignment * h->alignment;
    return tensors_check(c, h, a);
}

static bool alignment_find(struct cursor *c, struct gguf_header *h)
{
    const struct gguf_value *v = gguf_get(h, STR("general.alignment"));
    h->alignment = ALIGNMENT_DEFAULT;
    if (!v) return true;
    if (v->type != GGUF_U32 || v->u == 0 || v->u > ALIGNMENT_MAX || (v->u & (v->u - 1)) != 0)
        return fail(c, "general.alignment is no power of two up to 65536");
    h->alignment = v->u;
    return true;
}

bool gguf_header_parse(bytes file, uint64_t file_bytes, const struct gguf_limits *limits, struct arena *a,
                       struct gguf_header *out, bool *needs_more, struct err *e)
{
    struct cursor c = { .file = file, .file_bytes = file_bytes, .needs_more = needs_more, .e = e };
    const uint8_t *magic;
    uint64_t tensors, pairs;

    *out = (struct gguf_header){ 0 };
    *needs_more = false;
    if (file.n > file_bytes) c.file.n = (size_t)file_bytes;
    if (!(magic = take(&c, 4))) return cut_short(&c);
    if (memcmp(magic, "GGUF", 4) != 0) return err_set(e, ERR_INVALID, "GGUF: the file does not begin with GGUF");
    out->version = (uint32_t)take_u(&c, 4);
    if (c.is_short) return cut_short(&c);
    if (out->version == 0x02000000 || out->version == 0x03000000)
        return err_set(e, ERR_INVALID, "GGUF: big-endian files are not supported");
    if (out->version != 2 && out->version != 3)
        return err_set(e, ERR_INVALID, "GGUF: version %lu is not supported (2 and 3 are)", (unsigned long)out->version);
    tensors = take_u(&c, 8);
    pairs = take_u(&c, 8);
    if (c.is_short) return cut_short(&c);
    return pairs_parse(&c, pairs, limits, a, out) && alignment_find(&c, out) &&
           tensors_parse(&c, tensors, limits, a, out);
}

/* ------------------------------------------------------------------ looking around */

const struct gguf_value *gguf_get(const struct gguf_header *h, str key)
{
    for (size_t i = 0; i < h->pairs_count; i++)
        if (str_eq(h->pair[i].key, key)) return &h->pair[i].value;
    return NULL;
}

bool gguf_get_str(const struct gguf_header *h, str key, str *out)
{
    const struct gguf_value *v = gguf_get(h, key);
    if (!v || v->type != GGUF_STRING) return false;
    *out = v->s;
    return true;
}

bool gguf_get_u64(const struct gguf_header *h, str key, uint64_t *out)
{
    const struct gguf_value *v = gguf_get(h, key);
    if (!v) return false;
    switch (v->type) {
    case GGUF_U8:
    case GGUF_U16:
    case GGUF_U32:
    case GGUF_U64: *out = v->u; return true;
    case GGUF_I8:
    case GGUF_I16:
    case GGUF_I32:
    case GGUF_I64: *out = (uint64_t)v->i; return v->i >= 0;
    default: return false;
    }
}

bool gguf_array_str(const struct gguf_value *v, uint64_t i, str *out)
{
    size_t at = 0;
    if (!v || v->type != GGUF_ARRAY || v->array.item != GGUF_STRING || i >= v->array.count) return false;
    for (;; i--) { /* the lengths were checked when the array was parsed */
        size_t n = (size_t)le(v->array.data.p + at, 8);
        at += 8;
        if (i == 0) {
            *out = str_n((const char *)v->array.data.p + at, n);
            return true;
        }
        at += n;
    }
}

bool gguf_array_next(const struct gguf_value *v, str *rest, str *out)
{
    if (!v || v->type != GGUF_ARRAY || v->array.item != GGUF_STRING) return false;
    if (!rest->p) *rest = str_of(v->array.data);
    if (rest->n == 0) return false;
    size_t n = (size_t)le((const uint8_t *)rest->p, 8);
    *out = str_n(rest->p + 8, n);
    *rest = str_from(*rest, 8 + n);
    return true;
}
