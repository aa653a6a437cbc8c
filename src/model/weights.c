/* model/weights.c - see model/weights.h.  Tensors of all shards stand in one array, sorted by name. */
#include "model/weights.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "base/os.h"
#include "kernel/kernel.h"
#include "model/gguf/block.h"

enum { SHARDS_MAX = 4096, INDEX_BYTES_MAX = 64 << 20 };

struct weights {
    struct arena *a;
    struct map *shard;
    size_t shards;
    struct tensor *tensor;
    size_t tensors;
    uint64_t bytes;
};

/* ------------------------------------------------------------------ files that come later */

/* Of the process, for files are opened in many places, and zeros taken for weights would be answers that look like others. */
static struct {
    pthread_mutex_t lock;
    atomic_bool are_missing;
    bool (*fetch)(void *ctx, struct err *e);
    void *ctx;
} later = { .lock = PTHREAD_MUTEX_INITIALIZER };

void weights_come_later(bool (*fetch)(void *ctx, struct err *e), void *ctx)
{
    later.fetch = fetch;
    later.ctx = ctx;
    atomic_store(&later.are_missing, true);
}

void weights_are_gone(void)
{
    if (later.fetch) atomic_store(&later.are_missing, true);
}

void weights_are_here(struct weights *w)
{
    for (size_t i = 0; i < w->tensors; i++) w->tensor[i].is_kept = true;
}

static bool fetch(struct err *e)
{
    pthread_mutex_lock(&later.lock);
    bool ok = !atomic_load(&later.are_missing) || later.fetch(later.ctx, e);
    if (ok) atomic_store(&later.are_missing, false);
    pthread_mutex_unlock(&later.lock);
    return ok;
}

/* ------------------------------------------------------------------ files */

static int by_name(const void *a, const void *b) { return str_cmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name); }

static bool add_shard(struct weights *w, const char *dir, str file, struct err *e)
{
    struct st_header h;
    struct map *m = &w->shard[w->shards];
    const char *path = arena_cstr(w->a, arena_fmt(w->a, "%s/%.*s", dir, STR_ARG(file)));
    if (!map_file(path, m, e)) return false;
    w->shards++;
    if (!st_header_parse((bytes){ m->p, m->n }, m->n, &st_limits_default, w->a, &h, e)) return err_context(e, "%s", path);
    if (h.tensors_count == 0) return true;
    w->tensor = mem_grow(w->tensor, (w->tensors + h.tensors_count) * sizeof *w->tensor);
    for (size_t i = 0; i < h.tensors_count; i++) {
        const struct st_tensor *s = &h.tensor[i];
        struct tensor *t = &w->tensor[w->tensors++];
        *t = (struct tensor){ .name = s->name, .dtype = s->dtype, .rank = s->rank, .elements = s->elements,
                              .data = { m->p + h.data_offset + s->begin, (size_t)(s->end - s->begin) } };
        memcpy(t->shape, s->shape, sizeof t->shape);
    }
    w->bytes += h.data_bytes;
    return true;
}

/* A shard is a plain name in the same folder: the index comes with the repository and is not trusted. */
static bool is_plain(str name)
{
    return name.n > 0 && name.n < 256 && name.p[0] != '.' && str_chr(name, '/') == STR_NONE && str_chr(name, '\0') == STR_NONE;
}

static int by_text(const void *a, const void *b) { return str_cmp(*(const str *)a, *(const str *)b); }

bool weights_index_files(str text, struct arena *a, str **out, size_t *n, struct err *e)
{
    struct json *index;
    size_t entries = 0;
    *n = 0;
    if (!json_parse(text, a, &index, e)) return err_context(e, "model.safetensors.index.json");
    const struct json *map = json_get(index, STR("weight_map"));
    if (!json_is(map, JSON_OBJECT)) return err_set(e, ERR_INVALID, "model.safetensors.index.json has no \"weight_map\"");
    if (!(*out = arena_try_array(a, map->count + 1, sizeof **out))) return err_set(e, ERR_TOO_LARGE, "model.safetensors.index.json is too large");
    json_each (entry, map) {
        if (entry->type != JSON_STRING || !is_plain(entry->s))
            return err_set(e, ERR_INVALID, "model.safetensors.index.json: the file of \"%.*s\" must be a plain name", STR_ARG(str_to(entry->key, 100)));
        (*out)[entries++] = entry->s;
    }
    qsort(*out, entries, sizeof **out, by_text);
    for (size_t i = 0; i < entries; i++)
        if (i == 0 || !str_eq((*out)[i], (*out)[i - 1])) (*out)[(*n)++] = (*out)[i];
    return *n <= SHARDS_MAX || err_set(e, ERR_TOO_LARGE, "more than %d weight files", SHARDS_MAX);
}

static bool add_index(struct weights *w, const char *dir, str text, struct err *e)
{
    str *file;
    size_t n;
    if (!weights_index_files(text, w->a, &file, &n, e)) return false;
    for (size_t i = 0; i < n; i++)
        if (!add_shard(w, dir, file[i], e)) return false;
    return true;
}

static bool exists(struct weights *w, const char *dir, const char *name, bool *found, struct err *e)
{
    return os_stat(arena_cstr(w->a, arena_fmt(w->a, "%s/%s", dir, name)), NULL, NULL, found, e);
}

static bool open_files(struct weights *w, const char *dir, struct err *e)
{
    bool found;
    char *text;
    size_t n;
    if (!exists(w, dir, "model.safetensors.index.json", &found, e)) return false;
    if (found) {
        if (!os_read_file(arena_cstr(w->a, arena_fmt(w->a, "%s/model.safetensors.index.json", dir)), INDEX_BYTES_MAX, &text, &n, e)) return false;
        str kept = arena_dup(w->a, str_n(text, n));
        mem_free(text);
        return add_index(w, dir, kept, e);
    }
    if (!exists(w, dir, "model.safetensors", &found, e)) return false;
    if (found) return add_shard(w, dir, STR("model.safetensors"), e);
    bool in_parts;
    if (!exists(w, dir, "pytorch_model.bin", &found, e) || !exists(w, dir, "pytorch_model.bin.index.json", &in_parts, e)) return false;
    if (found || in_parts)
        return err_set(e, ERR_INVALID, "%s has its weights as pytorch_model.bin, a pickle, which can run code and is not read; "
                       "save them as safetensors (model.save_pretrained(..., safe_serialization=True))", dir);
    return err_set(e, ERR_NOT_FOUND, "%s has no model.safetensors, and no model.safetensors.index.json", dir);
}

/* Sorted by name, and no name twice. */
static bool put_in_order(struct weights *w, struct err *e)
{
    if (w->tensors) qsort(w->tensor, w->tensors, sizeof *w->tensor, by_name);
    for (size_t i = 1; i < w->tensors; i++)
        if (str_eq(w->tensor[i - 1].name, w->tensor[i].name))
            return err_set(e, ERR_INVALID, "the tensor \"%.*s\" is there twice", STR_ARG(str_to(w->tensor[i].name, 200)));
    return true;
}

static struct weights *weights_new(void)
{
    struct weights *w = mem_one(struct weights);
    w->a = arena_new(0);
    return w;
}

static bool open_what(struct weights *w, const char *dir, const char *name, struct err *e)
{
    w->shard = arena_alloc(w->a, SHARDS_MAX * sizeof *w->shard);
    if (!(name ? add_shard(w, dir, str_c(name), e) : open_files(w, dir, e))) return false;
    return put_in_order(w, e) || err_context(e, "%s", dir);
}

bool weights_open_file(const char *dir, const char *name, struct weights **out, struct err *e)
{
    struct weights *w = weights_new();
    if (open_what(w, dir, name, e)) {
        *out = w;
        return true;
    }
    weights_close(w);
    return false;
}

bool weights_open(const char *dir, struct weights **out, struct err *e) { return weights_open_file(dir, NULL, out, e); }

bool weights_from(const struct tensor *list, size_t n, struct weights **out, struct err *e)
{
    struct weights *w = weights_new();
    w->tensor = mem_alloc((n + 1) * sizeof *w->tensor);
    if (n) memcpy(w->tensor, list, n * sizeof *list);
    w->tensors = n;
    for (size_t i = 0; i < n; i++) w->bytes += list[i].data.n;
    if (!put_in_order(w, e)) {
        weights_close(w);
        return false;
    }
    *out = w;
    return true;
}

void weights_close(struct weights *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->shards; i++) map_end(&w->shard[i]);
    mem_free(w->tensor);
    arena_free(w->a);
    mem_free(w);
}

const struct tensor *weights_find(const struct weights *w, str name)
{
    struct tensor wanted = { .name = name };
    return w->tensors ? bsearch(&wanted, w->tensor, w->tensors, sizeof wanted, by_name) : NULL;
}

uint64_t weights_bytes(const struct weights *w) { return w->bytes; }
size_t weights_count(const struct weights *w) { return w->tensors; }
const struct tensor *weights_nth(const struct weights *w, size_t i) { return &w->tensor[i]; }

bool weights_need(const struct weights *w, str name, uint64_t rows, uint64_t columns, const struct tensor **out, struct err *e)
{
    const struct tensor *t = *out = weights_find(w, name);
    if (!t) return err_set(e, ERR_NOT_FOUND, "the weights have no tensor \"%.*s\"", STR_ARG(name));
    uint64_t has_rows = t->rank == 2 ? t->shape[0] : 1, has_columns = t->rank ? t->shape[t->rank - 1] : 0;
    if ((t->rank == 1 || t->rank == 2) && has_rows == rows && has_columns == columns) return true;
    return err_set(e, ERR_INVALID, "the tensor \"%.*s\" is %llu x %llu (rank %u), and config.json makes it %llu x %llu", STR_ARG(name),
                   (unsigned long long)has_rows, (unsigned long long)has_columns, t->rank, (unsigned long long)rows, (unsigned long long)columns);
}

static float of_f8(uint8_t v, unsigned exponent_bits, int bias, bool has_infinity)
{
    unsigned mantissa_bits = 7 - exponent_bits, exponent = v >> mantissa_bits & ((1u << exponent_bits) - 1);
    unsigned mantissa = v & ((1u << mantissa_bits) - 1), most = (1u << exponent_bits) - 1;
    float sign = v & 0x80 ? -1.f : 1.f, part = (float)mantissa / (float)(1u << mantissa_bits);
    if (has_infinity && exponent == most) return mantissa ? __builtin_nanf("") : sign * __builtin_inff();
    if (!has_infinity && (v & 0x7f) == 0x7f) return __builtin_nanf("");
    return exponent ? sign * __builtin_ldexpf(1 + part, (int)exponent - bias) : sign * __builtin_ldexpf(part, 1 - bias);
}

/* Elements [first, first + n) as they lie in the file. */
static bool plain_floats(const struct tensor *t, uint64_t first, size_t n, float *out, struct err *e)
{
    const uint8_t *p = t->data.p + first * st_dtype_bits(t->dtype) / 8;
    uint16_t half;
    double wide;
    if (!t->is_kept && atomic_load_explicit(&later.are_missing, memory_order_acquire) && !fetch(e)) return false;
    switch ((int)t->dtype) {
    case ST_F32: memcpy(out, p, n * sizeof *out); return true;
    case ST_F64:
        for (size_t i = 0; i < n; i++) memcpy(&wide, p + 8 * i, 8), out[i] = (float)wide;
        return true;
    case ST_F16:
        for (size_t i = 0; i < n; i++) memcpy(&half, p + 2 * i, 2), out[i] = kernel_of_f16(half);
        return true;
    case ST_BF16:
        for (size_t i = 0; i < n; i++) memcpy(&half, p + 2 * i, 2), out[i] = kernel_of_bf16(half);
        return true;
    case ST_F8_E4M3:
        for (size_t i = 0; i < n; i++) out[i] = of_f8(p[i], 4, 7, false);
        return true;
    case ST_F8_E5M2:
        for (size_t i = 0; i < n; i++) out[i] = of_f8(p[i], 5, 15, true);
        return true;
    }
    str dtype = st_dtype_name(t->dtype);
    return err_set(e, ERR_INVALID, "the tensor \"%.*s\" has the type %.*s, which is not read as weights", STR_ARG(t->name), STR_ARG(dtype));
}

/* The same of blocks: whole ones straight into out, the pieces at both ends by way of a copy. */
static void block_floats(const struct tensor *t, uint64_t first, size_t n, float *out)
{
    const struct gguf_block *b = t->block;
    float whole[GGUF_BLOCK_ELEMENTS_MAX];
    while (n) {
        const uint8_t *p = t->data.p + first / b->elements * b->bytes;
        size_t skip = (size_t)(first % b->elements), take = b->elements - skip < n ? b->elements - skip : n;
        if (take == b->elements) {
            b->restore(p, out);
        } else {
            b->restore(p, whole);
            memcpy(out, whole + skip, take * sizeof *out);
        }
        first += take;
        out += take;
        n -= take;
    }
}

static bool stored_floats(const struct tensor *t, uint64_t first, size_t n, float *out, struct err *e)
{
    if (t->block) block_floats(t, first, n, out);
    else if (!plain_floats(t, first, n, out, e)) return false;
    for (size_t i = 0; t->shift != 0 && i < n; i++) out[i] += t->shift;
    return true;
}

/* Where row `at` of the tensor lies in the file. */
static uint64_t stored_row(const struct tensor *t, uint64_t rows, uint64_t at)
{
    if (t->order == TENSOR_PAIRS) {
        uint64_t d = rows / t->heads, head = at / d, i = at % d;
        return head * d + (i < d / 2 ? 2 * i : 2 * (i - d / 2) + 1);
    }
    uint64_t d = rows / 3 / t->heads, head = at / (3 * d), part = at / d % 3;
    return part * (rows / 3) + head * d + at % d;
}

bool tensor_floats(const struct tensor *t, uint64_t first, size_t n, float *out, struct err *e)
{
    must(first <= t->elements && n <= t->elements - first);
    if (n == 0 || (t->order == TENSOR_PLAIN && !t->is_transposed)) return stored_floats(t, first, n, out, e);
    if (t->is_transposed) {
        for (size_t i = 0; i < n; i++)
            if (!stored_floats(t, (first + i) % t->shape[1] * t->shape[0] + (first + i) / t->shape[1], 1, out + i, e)) return false;
        return true;
    }
    uint64_t rows = t->rank == 2 ? t->shape[0] : t->elements, k = t->elements / rows;
    while (n) {
        size_t skip = (size_t)(first % k), take = k - skip < n ? (size_t)(k - skip) : n;
        if (!stored_floats(t, stored_row(t, rows, first / k) * k + skip, take, out, e)) return false;
        first += take;
        out += take;
        n -= take;
    }
    return true;
}

const uint8_t *tensor_row_blocks(const struct tensor *t, bool column, uint64_t at)
{
    if (!t->block || t->rank != 2 || t->shift != 0 || column != t->is_transposed) return NULL;
    uint64_t rows = t->shape[column], k = t->shape[!column];
    must(at < rows);
    if (t->order != TENSOR_PLAIN) at = stored_row(t, rows, at);
    return k % t->block->elements ? NULL : t->data.p + at * (k / t->block->elements) * t->block->bytes;
}

bool tensor_check_finite(const struct tensor *t, uint64_t first, uint64_t step, const float *x, size_t n, struct err *e)
{
    size_t i = 0;
    if (isfinite(kernels()->dot(x, x, n))) return true;
    while (i < n && isfinite(x[i])) i++; /* all of them: only their squares are too large */
    return i == n || err_set(e, ERR_INVALID, "the tensor \"%.*s\" has a number that is not finite: number %llu is %f", STR_ARG(t->name),
                             (unsigned long long)(first + i * step), (double)x[i]);
}

bool tensor_column(const struct tensor *t, uint64_t column, float *out, struct err *e)
{
    must(t->rank == 2 && column < t->shape[1]);
    if (t->is_transposed) return stored_floats(t, column * t->shape[0], (size_t)t->shape[0], out, e);
    for (uint64_t i = 0; i < t->shape[0]; i++)
        if (!tensor_floats(t, i * t->shape[1] + column, 1, out + i, e)) return false;
    return true;
}
