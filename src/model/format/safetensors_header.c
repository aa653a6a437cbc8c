/* model/format/safetensors_header.c - see the header file for the format.
 *
 * Everything is checked before it is believed: the length against the limit and the file, counts against the
 * limit, products through ckd_*, and at the end that the tensors lie in the data one behind the other. */
#include "model/format/safetensors_header.h"

#include <stdlib.h>

#include "base/ckd.h"
#include "base/json.h"

const struct st_limits st_limits_default = { .header_bytes_max = 100000000, .tensors_max = 1 << 20 };

static const struct {
    const char *name;
    unsigned bits;
} dtype[ST_DTYPES] = {
    [ST_BOOL] = { "BOOL", 8 },       [ST_F4] = { "F4", 4 },
    [ST_F6_E2M3] = { "F6_E2M3", 6 }, [ST_F6_E3M2] = { "F6_E3M2", 6 },
    [ST_U8] = { "U8", 8 },           [ST_I8] = { "I8", 8 },
    [ST_F8_E5M2] = { "F8_E5M2", 8 }, [ST_F8_E4M3] = { "F8_E4M3", 8 },
    [ST_F8_E8M0] = { "F8_E8M0", 8 }, [ST_F8_E4M3FNUZ] = { "F8_E4M3FNUZ", 8 },
    [ST_F8_E5M2FNUZ] = { "F8_E5M2FNUZ", 8 },
    [ST_I16] = { "I16", 16 },        [ST_U16] = { "U16", 16 },
    [ST_F16] = { "F16", 16 },        [ST_BF16] = { "BF16", 16 },
    [ST_I32] = { "I32", 32 },        [ST_U32] = { "U32", 32 },
    [ST_F32] = { "F32", 32 },        [ST_C64] = { "C64", 64 },
    [ST_F64] = { "F64", 64 },        [ST_I64] = { "I64", 64 },
    [ST_U64] = { "U64", 64 },
};

str st_dtype_name(enum st_dtype t)
{
    return str_c(dtype[t].name);
}

unsigned st_dtype_bits(enum st_dtype t)
{
    return dtype[t].bits;
}

static bool dtype_parse(str s, enum st_dtype *out)
{
    for (int i = 0; i < ST_DTYPES; i++) {
        if (!str_eq(s, str_c(dtype[i].name))) continue;
        *out = (enum st_dtype)i;
        return true;
    }
    return false;
}

bool st_header_length(bytes first, const struct st_limits *limits, uint64_t *out, struct err *e)
{
    uint64_t n = 0;
    if (first.n < ST_PREFIX_BYTES) return err_set(e, ERR_INVALID, "safetensors: the file is shorter than 8 bytes");
    for (int i = ST_PREFIX_BYTES - 1; i >= 0; i--) n = n << 8 | first.p[i];
    if (n > limits->header_bytes_max)
        return err_set(e, ERR_TOO_LARGE, "safetensors: the header claims %llu bytes, more than the limit of %llu",
                       (unsigned long long)n, (unsigned long long)limits->header_bytes_max);
    if (n < 2) return err_set(e, ERR_INVALID, "safetensors: the header claims %llu bytes", (unsigned long long)n);
    *out = n;
    return true;
}

/* ------------------------------------------------------------------ one tensor */

static bool fail(struct err *e, str name, const char *what)
{
    return err_set(e, ERR_INVALID, "safetensors: tensor \"%.*s\": %s", (int)(name.n < 100 ? name.n : 100), name.p, what);
}

static bool size_of(const struct json *v, uint64_t *out)
{
    if (!json_is(v, JSON_INT) || v->i < 0) return false; /* a length above 2^63 parses as a real and fails here */
    *out = (uint64_t)v->i;
    return true;
}

static bool shape_parse(const struct json *v, struct st_tensor *t, struct err *e)
{
    if (!json_is(v, JSON_ARRAY)) return fail(e, t->name, "the shape is no list");
    if (v->count > ST_RANK_MAX) return fail(e, t->name, "more than 8 dimensions");
    t->elements = 1;
    json_each(item, v)
    {
        if (!size_of(item, &t->shape[t->rank])) return fail(e, t->name, "a dimension is no whole number");
        if (ckd_mul(&t->elements, t->elements, t->shape[t->rank])) return fail(e, t->name, "the shape overflows");
        t->rank++;
    }
    return true;
}

static bool tensor_parse(const struct json *v, struct st_tensor *t, struct err *e)
{
    const struct json *shape = NULL, *offsets = NULL, *type = NULL;
    uint64_t bits;

    if (v->type != JSON_OBJECT) return fail(e, t->name, "its description is no object");
    json_each(m, v)
    {
        const struct json **slot = str_eq(m->key, STR("dtype"))          ? &type
                                   : str_eq(m->key, STR("shape"))        ? &shape
                                   : str_eq(m->key, STR("data_offsets")) ? &offsets
                                                                         : NULL;
        if (!slot) return fail(e, t->name, "an unknown key in its description");
        if (*slot) return fail(e, t->name, "a key stands twice in its description");
        *slot = m;
    }
    if (!json_is(type, JSON_STRING)) return fail(e, t->name, "no dtype");
    if (!dtype_parse(type->s, &t->dtype)) return fail(e, t->name, "an unknown dtype");
    if (!shape_parse(shape, t, e)) return false;
    if (!json_is(offsets, JSON_ARRAY) || offsets->count != 2 || !size_of(json_at(offsets, 0), &t->begin) ||
        !size_of(json_at(offsets, 1), &t->end))
        return fail(e, t->name, "data_offsets must be two whole numbers");
    if (t->begin > t->end) return fail(e, t->name, "it ends before it begins");
    if (ckd_mul(&bits, t->elements, (uint64_t)dtype[t->dtype].bits)) return fail(e, t->name, "the shape overflows");
    if (bits % 8 != 0) return fail(e, t->name, "its size is no whole number of bytes");
    if (bits / 8 != t->end - t->begin) return fail(e, t->name, "its shape and its offsets disagree on the size");
    return true;
}

/* ------------------------------------------------------------------ the whole */

static bool metadata_parse(const struct json *v, struct arena *a, struct st_header *h, struct err *e)
{
    if (v->type != JSON_OBJECT) return err_set(e, ERR_INVALID, "safetensors: __metadata__ is no object");
    if (h->metadata) return err_set(e, ERR_INVALID, "safetensors: __metadata__ stands twice");
    if (!(h->metadata = arena_try_array(a, v->count + 1, sizeof *h->metadata)))
        return err_set(e, ERR_TOO_LARGE, "safetensors: too much metadata");
    json_each(m, v)
    {
        if (m->type != JSON_STRING)
            return err_set(e, ERR_INVALID, "safetensors: __metadata__ may only hold text");
        h->metadata[h->metadata_count++] = (struct st_metadata){ m->key, m->s };
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp((*(const struct st_tensor *const *)a)->name, (*(const struct st_tensor *const *)b)->name);
}

/* An empty tensor may share its place with its neighbour; it comes first then. */
static int by_place(const void *a, const void *b)
{
    const struct st_tensor *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return str_cmp(x->name, y->name);
}

static bool names_differ(struct st_header *h, struct arena *a, struct err *e)
{
    const struct st_tensor **list = arena_try_array(a, h->tensors_count + 1, sizeof *list);
    if (!list) return err_set(e, ERR_TOO_LARGE, "safetensors: too many tensors");
    for (size_t i = 0; i < h->tensors_count; i++) list[i] = &h->tensor[i];
    qsort(list, h->tensors_count, sizeof *list, by_name);
    for (size_t i = 1; i < h->tensors_count; i++)
        if (str_eq(list[i - 1]->name, list[i]->name)) return fail(e, list[i]->name, "the name stands twice");
    return true;
}

static bool places_meet(struct st_header *h, struct err *e)
{
    uint64_t at = 0;
    qsort(h->tensor, h->tensors_count, sizeof *h->tensor, by_place);
    for (size_t i = 0; i < h->tensors_count; i++) {
        if (h->tensor[i].begin != at)
            return fail(e, h->tensor[i].name, h->tensor[i].begin < at ? "it overlaps another one" : "a hole before it");
        at = h->tensor[i].end;
    }
    if (at != h->data_bytes)
        return err_set(e, ERR_INVALID, "safetensors: the tensors take %llu bytes, the file has %llu",
                       (unsigned long long)at, (unsigned long long)h->data_bytes);
    return true;
}

bool st_header_parse(bytes file, uint64_t file_bytes, const struct st_limits *limits, struct arena *a,
                     struct st_header *out, struct err *e)
{
    struct json *root;

    *out = (struct st_header){ 0 };
    if (!st_header_length(file, limits, &out->header_bytes, e)) return false;
    if (out->header_bytes > file_bytes || file_bytes - out->header_bytes < ST_PREFIX_BYTES)
        return err_set(e, ERR_INVALID, "safetensors: the header reaches beyond the file");
    if (out->header_bytes > file.n - ST_PREFIX_BYTES)
        return err_set(e, ERR_INVALID, "safetensors: the header is cut short");
    out->data_offset = ST_PREFIX_BYTES + out->header_bytes;
    out->data_bytes = file_bytes - out->data_offset;

    if (file.p[ST_PREFIX_BYTES] != '{') return err_set(e, ERR_INVALID, "safetensors: the header is no JSON object");
    if (!json_parse_depth(str_n((const char *)file.p + ST_PREFIX_BYTES, (size_t)out->header_bytes), 4, a, &root, e))
        return err_context(e, "safetensors");
    if (root->type != JSON_OBJECT) return err_set(e, ERR_INVALID, "safetensors: the header is no JSON object");
    if (root->count > limits->tensors_max)
        return err_set(e, ERR_TOO_LARGE, "safetensors: more than %zu tensors", limits->tensors_max);
    if (!(out->tensor = arena_try_array(a, root->count + 1, sizeof *out->tensor)))
        return err_set(e, ERR_TOO_LARGE, "safetensors: too many tensors");
    json_each(m, root)
    {
        struct st_tensor *t = &out->tensor[out->tensors_count];
        if (str_eq(m->key, STR("__metadata__"))) {
            if (!metadata_parse(m, a, out, e)) return false;
            continue;
        }
        t->name = m->key;
        if (!tensor_parse(m, t, e)) return false;
        out->tensors_count++;
    }
    return names_differ(out, a, e) && places_meet(out, e);
}
