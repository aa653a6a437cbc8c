/* dataset/parquet/values.c - the values of a page, one after the other, in each of Parquet's encodings.
 *
 * Nothing is unpacked ahead: a page of a million equal values in three bytes stays three bytes, and what lies before the rows that
 * are wanted is stepped over as cheaply as the encoding allows. */
#include <endian.h>

#include "dataset/parquet/parquet_priv.h"

enum { E_PLAIN = 0, E_PLAIN_DICTIONARY = 2, E_RLE = 3, E_DELTA = 5, E_DELTA_LENGTH = 6, E_DELTA_BYTES = 7, E_RLE_DICTIONARY = 8, E_SPLIT = 9 };

static size_t size_of(const struct parquet_node *leaf)
{
    static const size_t size[] = { [PARQUET_INT32] = 4, [PARQUET_INT64] = 8, [PARQUET_INT96] = 12, [PARQUET_FLOAT] = 4, [PARQUET_DOUBLE] = 8 };
    return leaf->physical == PARQUET_FIXED ? leaf->width : leaf->physical < PARQUET_BYTES ? size[leaf->physical] : 0;
}

static uint32_t u32_at(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static uint64_t u64_at(const uint8_t *p) { return u32_at(p) | (uint64_t)u32_at(p + 4) << 32; }

/* A value of fixed size from its bytes. */
static void take_fixed(const struct parquet_node *leaf, const uint8_t *p, size_t size, union pq_value *out)
{
    uint64_t wide = leaf->physical == PARQUET_INT64 || leaf->physical == PARQUET_DOUBLE ? u64_at(p) : 0;
    uint32_t half = leaf->physical == PARQUET_INT32 || leaf->physical == PARQUET_FLOAT ? u32_at(p) : 0;
    switch (leaf->physical) {
    case PARQUET_INT32: out->i = (int32_t)half; break;
    case PARQUET_INT64: out->i = (int64_t)wide; break;
    case PARQUET_FLOAT: memcpy(&out->f, &half, sizeof out->f); break;
    case PARQUET_DOUBLE: memcpy(&out->d, &wide, sizeof out->d); break;
    default: out->b = (bytes){ p, size };
    }
}

/* ------------------------------------------------------------------ dictionaries */

bool pq_dictionary_init(struct pq_dictionary *d, const struct parquet_node *leaf, bytes b, size_t count, struct err *e)
{
    size_t size = size_of(leaf), at = 0;
    *d = (struct pq_dictionary){ .b = b, .count = count };
    if (leaf->physical == PARQUET_BOOLEAN) return err_set(e, ERR_INVALID, "a dictionary of booleans");
    if (count > b.n / (size ? size : 4)) return err_set(e, ERR_INVALID, "a dictionary of %zu values in %zu bytes", count, b.n);
    if (size) return true;
    if (b.n > UINT32_MAX || !(d->at = mem_try((count + 1) * sizeof *d->at))) return err_set(e, ERR_TOO_LARGE, "a dictionary is too large");
    for (size_t i = 0; i < count; i++) {
        d->at[i] = (uint32_t)at;
        if (b.n - at < 4 || u32_at(b.p + at) > b.n - at - 4) {
            pq_dictionary_end(d);
            return err_set(e, ERR_INVALID, "entry %zu of a dictionary passes its end", i);
        }
        at += 4 + u32_at(b.p + at);
    }
    return true;
}

void pq_dictionary_end(struct pq_dictionary *d)
{
    mem_free(d->at);
    *d = (struct pq_dictionary){ 0 };
}

static bool dictionary_value(struct pq_values *v, uint32_t i, union pq_value *out)
{
    const struct pq_dictionary *d = v->dictionary;
    if (i >= d->count) return false;
    if (v->size) take_fixed(v->leaf, d->b.p + i * v->size, v->size, out);
    else out->b = (bytes){ d->b.p + d->at[i] + 4, u32_at(d->b.p + d->at[i]) };
    return true;
}

/* ------------------------------------------------------------------ beginning */

static bool unfit(int encoding, struct err *e) { return err_set(e, ERR_INVALID, "encoding %d does not fit the column's type", encoding); }

/* Where a stream of differences ends is only known by going through it. */
static const uint8_t *delta_end(struct pq_delta d, struct parquet_budget *budget, struct err *e)
{
    if (!pq_spend(&budget->steps, d.left, e)) return NULL;
    while (d.left && !d.bad) pq_delta_next(&d);
    if (d.bad) err_set(e, ERR_INVALID, "the lengths of a page's values are malformed");
    return d.bad ? NULL : d.p;
}

static bool init_lengths(struct pq_values *v, struct parquet_budget *budget, struct err *e)
{
    pq_delta_init(&v->delta, (bytes){ v->p, (size_t)(v->end - v->p) });
    v->p = delta_end(v->delta, budget, e);
    return v->p != NULL;
}

static bool init_runs(struct pq_values *v, int encoding, struct err *e)
{
    size_t n = (size_t)(v->end - v->p);
    if (v->leaf->physical != PARQUET_BOOLEAN) return unfit(encoding, e);
    if (n < 4 || u32_at(v->p) > n - 4) return err_set(e, ERR_INVALID, "a page of booleans ends early");
    pq_hybrid_init(&v->runs, (bytes){ v->p + 4, u32_at(v->p) }, 1);
    v->kind = PQ_RUNS;
    return true;
}

static bool init_index(struct pq_values *v, struct err *e)
{
    if (!v->dictionary) return err_set(e, ERR_INVALID, "a page refers to a dictionary that is not there");
    v->kind = PQ_INDEX;
    bool is_empty = v->p == v->end;
    if (!is_empty && *v->p > 32) return err_set(e, ERR_INVALID, "indexes of %u bits", *v->p);
    pq_hybrid_init(&v->runs, (bytes){ is_empty ? v->p : v->p + 1, is_empty ? 0 : (size_t)(v->end - v->p - 1) }, is_empty ? 0 : *v->p);
    return true;
}

bool pq_values_init(struct pq_values *v, const struct parquet_node *leaf, int encoding, bytes b, uint64_t count,
                    const struct pq_dictionary *d, struct parquet_budget *budget, struct err *e)
{
    enum parquet_physical t = leaf->physical;
    bool is_int = t == PARQUET_INT32 || t == PARQUET_INT64, has_bytes = t == PARQUET_BYTES || t == PARQUET_FIXED;
    *v = (struct pq_values){ .leaf = leaf, .p = b.p, .end = b.p + b.n, .size = size_of(leaf), .count = count, .dictionary = d };
    buf_init(&v->last, PARQUET_PAGE_BYTES_MAX);
    switch (encoding) {
    case E_PLAIN:
        v->kind = t == PARQUET_BOOLEAN ? PQ_BITS : t == PARQUET_BYTES ? PQ_LENGTH_FIRST : PQ_FIXED_SIZE;
        return true;
    case E_PLAIN_DICTIONARY:
    case E_RLE_DICTIONARY: return init_index(v, e);
    case E_RLE: return init_runs(v, encoding, e);
    case E_DELTA:
        if (!is_int) return unfit(encoding, e);
        v->kind = PQ_DELTA;
        if (b.n) pq_delta_init(&v->delta, b);
        return true;
    case E_DELTA_LENGTH:
        if (t != PARQUET_BYTES) return unfit(encoding, e);
        v->kind = PQ_DELTA_LENGTH;
        return !b.n || init_lengths(v, budget, e);
    case E_DELTA_BYTES:
        if (!has_bytes) return unfit(encoding, e);
        v->kind = PQ_DELTA_BYTES;
        if (!b.n) return true;
        pq_delta_init(&v->prefix, b);
        v->p = delta_end(v->prefix, budget, e);
        return v->p && init_lengths(v, budget, e);
    case E_SPLIT:
        if (t == PARQUET_BOOLEAN || t == PARQUET_BYTES || t == PARQUET_INT96) return unfit(encoding, e);
        v->kind = PQ_SPLIT;
        if (b.n % v->size) return err_set(e, ERR_INVALID, "a page of values in split bytes has a broken one");
        v->count = b.n / v->size; /* nulls are counted in the header, and have no place here */
        return true;
    default: return err_set(e, ERR_NOT_BUILT, "encoding %d is not known here", encoding);
    }
}

void pq_values_end(struct pq_values *v) { buf_deinit(&v->last); }

/* ------------------------------------------------------------------ one by one */

static bool next_fixed(struct pq_values *v, union pq_value *out)
{
    if ((size_t)(v->end - v->p) < v->size) return false;
    take_fixed(v->leaf, v->p, v->size, out);
    v->p += v->size;
    return true;
}

static bool next_bytes(struct pq_values *v, uint64_t n, bytes *out)
{
    if (n > (uint64_t)(v->end - v->p)) return false;
    *out = (bytes){ v->p, (size_t)n };
    v->p += n;
    return true;
}

static bool next_length_first(struct pq_values *v, union pq_value *out)
{
    if (v->end - v->p < 4) return false;
    uint32_t n = u32_at(v->p);
    v->p += 4;
    return next_bytes(v, n, &out->b);
}

static bool next_delta_bytes(struct pq_values *v, union pq_value *out)
{
    int64_t kept = pq_delta_next(&v->prefix), more = pq_delta_next(&v->delta);
    bytes tail;
    if (v->prefix.bad || v->delta.bad || kept < 0 || (uint64_t)kept > v->last.n || more < 0 || !next_bytes(v, (uint64_t)more, &tail)) return false;
    v->last.n = (size_t)kept;
    buf_add(&v->last, str_of(tail));
    out->b = bytes_of(buf_str(&v->last));
    return !v->last.failed && (!v->size || out->b.n == v->size);
}

static bool next_split(struct pq_values *v, union pq_value *out)
{
    if (v->at >= v->count) return false;
    buf_reset(&v->last);
    for (size_t k = 0; k < v->size; k++) buf_byte(&v->last, (char)v->p[k * v->count + v->at]);
    v->at++;
    take_fixed(v->leaf, (const uint8_t *)v->last.p, v->size, out);
    return true;
}

static bool next(struct pq_values *v, union pq_value *out)
{
    switch (v->kind) {
    case PQ_FIXED_SIZE: return next_fixed(v, out);
    case PQ_LENGTH_FIRST: return next_length_first(v, out);
    case PQ_BITS:
        if (v->at / 8 >= (uint64_t)(v->end - v->p)) return false;
        out->i = v->p[v->at / 8] >> v->at % 8 & 1;
        v->at++;
        return true;
    case PQ_RUNS:
        out->i = pq_hybrid_next(&v->runs) & 1;
        return !v->runs.bad;
    case PQ_INDEX: {
        uint32_t i = pq_hybrid_next(&v->runs);
        return !v->runs.bad && dictionary_value(v, i, out);
    }
    case PQ_DELTA:
        out->i = pq_delta_next(&v->delta);
        if (v->leaf->physical == PARQUET_INT32) out->i = (int32_t)(uint32_t)out->i; /* differences of 32 bits wrap around there */
        return !v->delta.bad;
    case PQ_DELTA_LENGTH: {
        int64_t n = pq_delta_next(&v->delta);
        return !v->delta.bad && n >= 0 && next_bytes(v, (uint64_t)n, &out->b);
    }
    case PQ_DELTA_BYTES: return next_delta_bytes(v, out);
    case PQ_SPLIT: return next_split(v, out);
    }
    return false;
}

bool pq_values_next(struct pq_values *v, union pq_value *out)
{
    if (!v->bad && !next(v, out)) v->bad = true;
    return !v->bad;
}

/* ------------------------------------------------------------------ many at a time */

bool parquet_has_ordinals(const struct parquet_node *leaf)
{
    return leaf->physical != PARQUET_INT96 && leaf->physical != PARQUET_BYTES && leaf->physical != PARQUET_FIXED;
}

/* Integers to their order, and back: each of these is its own inverse, but for uint32, which comes back by being cut. */
static void to_order(const struct parquet_node *leaf, int64_t *v, size_t n)
{
    bool is_unsigned = leaf->logical == PARQUET_INTEGER && !leaf->is_signed;
    if (leaf->physical == PARQUET_DOUBLE)
        for (size_t i = 0; i < n; i++) v[i] ^= v[i] >> 63 & INT64_MAX;
    else if (leaf->physical == PARQUET_FLOAT)
        for (size_t i = 0; i < n; i++) v[i] ^= v[i] >> 63 & INT32_MAX;
    else if (is_unsigned && leaf->physical == PARQUET_INT64)
        for (size_t i = 0; i < n; i++) v[i] ^= INT64_MIN;
    else if (is_unsigned && leaf->physical == PARQUET_INT32)
        for (size_t i = 0; i < n; i++) v[i] = (uint32_t)v[i];
}

int64_t pq_ordinal(const struct parquet_node *leaf, int64_t stored)
{
    to_order(leaf, &stored, 1);
    return stored;
}

union pq_value pq_value_of(const struct parquet_node *leaf, int64_t ordinal)
{
    union pq_value v;
    to_order(leaf, &ordinal, 1);
    int32_t half = (int32_t)(uint32_t)ordinal;
    switch (leaf->physical) {
    case PARQUET_DOUBLE: memcpy(&v.d, &ordinal, sizeof v.d); break;
    case PARQUET_FLOAT: memcpy(&v.f, &half, sizeof v.f); break;
    case PARQUET_INT32: v.i = half; break;
    default: v.i = ordinal;
    }
    return v;
}

/* As they stand one behind the other; floats by their bits. */
static void take_stored(const uint8_t *p, size_t size, size_t n, int64_t *out)
{
    if (size == 8) for (size_t i = 0; i < n; i++) out[i] = (int64_t)u64_at(p + 8 * i);
    else for (size_t i = 0; i < n; i++) out[i] = (int32_t)u32_at(p + 4 * i);
}

static int64_t stored(const struct parquet_node *leaf, const union pq_value *v)
{
    int64_t wide;
    int32_t half;
    memcpy(&wide, &v->d, sizeof wide);
    memcpy(&half, &v->f, sizeof half);
    return leaf->physical == PARQUET_DOUBLE ? wide : leaf->physical == PARQUET_FLOAT ? half : v->i;
}

bool pq_values_take_ordinals(struct pq_values *v, size_t n, int64_t *out)
{
    union pq_value one;
    if (v->kind == PQ_FIXED_SIZE) {
        if (v->bad || n > (size_t)(v->end - v->p) / v->size) return false;
        take_stored(v->p, v->size, n, out);
        v->p += n * v->size;
    } else {
        for (size_t i = 0; i < n; i++) {
            if (!pq_values_next(v, &one)) return false;
            out[i] = stored(v->leaf, &one);
        }
    }
    to_order(v->leaf, out, n);
    return true;
}

bool pq_values_take_bytes(struct pq_values *v, size_t n, str *out, struct arena *a)
{
    bool is_fleeting = v->kind == PQ_DELTA_BYTES || v->kind == PQ_SPLIT; /* the next value takes its place */
    union pq_value one;
    for (size_t i = 0; i < n; i++) {
        if (!pq_values_next(v, &one)) return false;
        out[i] = str_of(one.b);
        if (!is_fleeting) continue;
        char *copy = arena_try(a, one.b.n + 1);
        if (!copy) return false;
        if (one.b.n) memcpy(copy, one.b.p, one.b.n);
        out[i].p = copy;
    }
    return true;
}

bool pq_values_take_indexes(struct pq_values *v, size_t n, uint32_t *out)
{
    uint32_t most = 0;
    pq_hybrid_take(&v->runs, n, out);
    for (size_t i = 0; i < n; i++) most = out[i] > most ? out[i] : most;
    return !v->runs.bad && (!n || most < v->dictionary->count);
}

void pq_dictionary_ordinals(const struct pq_dictionary *d, const struct parquet_node *leaf, int64_t *out)
{
    take_stored(d->b.p, size_of(leaf), d->count, out);
    to_order(leaf, out, d->count);
}

void pq_dictionary_bytes(const struct pq_dictionary *d, const struct parquet_node *leaf, str *out)
{
    size_t size = size_of(leaf);
    for (size_t i = 0; i < d->count; i++) {
        const uint8_t *p = d->b.p + (size ? i * size : d->at[i] + 4);
        out[i] = str_n((const char *)p, size ? size : u32_at(p - 4));
    }
}

bool pq_values_skip(struct pq_values *v, uint64_t n, struct parquet_budget *budget, struct err *e)
{
    union pq_value ignored;
    if (!n) return true; /* there may be no page */
    switch (v->kind) {
    case PQ_FIXED_SIZE:
        if (n > (uint64_t)(v->end - v->p) / v->size) v->bad = true;
        else v->p += n * v->size;
        break;
    case PQ_BITS:
    case PQ_SPLIT: v->at += n; break; /* checked where it is read */
    case PQ_RUNS:
    case PQ_INDEX:
        pq_hybrid_skip(&v->runs, n);
        v->bad |= v->runs.bad;
        break;
    default:
        if (!pq_spend(&budget->steps, n, e)) return false;
        while (n-- && pq_values_next(v, &ignored)) {}
    }
    return !v->bad || err_set(e, ERR_INVALID, "a page has fewer values than it says");
}
