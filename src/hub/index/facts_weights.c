/* hub/index/facts_weights.c - how many numbers the weights hold, from the headers of the files alone.
 * A header that cannot be read yields no fact; the file itself is none of this code's business. */
#include "base/ckd.h"
#include "base/log.h"
#include "hub/index/facts.h"
#include "model/format/gguf_header.h"
#include "model/format/safetensors_header.h"

enum {
    HEADER_BYTES_MAX = 32 << 20,   /* one safetensors header, or the part of a GGUF file before its data */
    INDEX_BYTES_MAX = 32 << 20,    /* model.safetensors.index.json */
    SCRATCH_BYTES_MAX = 256 << 20, /* parsed headers, one at a time */
    GGUF_FIRST_BYTES = 1 << 20,
    TEMPLATE_BYTES_MAX = 256 << 10,
};

/* ------------------------------------------------------------------ safetensors */

struct totals {
    uint64_t by_dtype[ST_DTYPES];
    uint64_t all;
    bool overflowed;
};

static bool count_file(const struct facts_source *from, const struct facts_file *f, struct totals *t)
{
    struct st_limits limits = { .header_bytes_max = HEADER_BYTES_MAX, .tensors_max = 1 << 20 };
    struct arena *scratch = arena_new(SCRATCH_BYTES_MAX);
    struct st_header header;
    struct err e;
    uint64_t n;
    bytes b;
    bool ok = facts_read_prefix(from, f, ST_PREFIX_BYTES, scratch, &b, &e) && st_header_length(b, &limits, &n, &e) &&
              facts_read_prefix(from, f, (size_t)n + ST_PREFIX_BYTES, scratch, &b, &e) &&
              st_header_parse(b, f->size_bytes, &limits, scratch, &header, &e);

    if (!ok) log_info("facts.safetensors", "path=\"%.*s\" problem=\"%s\"", STR_ARG(f->path), e.msg);
    for (size_t i = 0; ok && i < header.tensors_count; i++) {
        t->overflowed |= ckd_add(&t->all, t->all, header.tensor[i].elements);
        t->by_dtype[header.tensor[i].dtype] += header.tensor[i].elements; /* no more than `all` */
    }
    arena_free(scratch);
    return ok;
}

/* Marks the shards that the index names; false if there is no usable index. */
static bool shards_of_index(const struct facts_source *from, const struct facts_scan *s, bool *chosen)
{
    struct arena *scratch = arena_new(SCRATCH_BYTES_MAX);
    struct json *root;
    struct err e;
    bytes b;
    bool any = false;
    size_t last = 0;

    facts_read(from, &s->named[FACTS_SAFETENSORS_INDEX], INDEX_BYTES_MAX, scratch, &b);
    if (b.p && json_parse(str_of(b), scratch, &root, &e)) {
        json_each(w, json_get(root, STR("weight_map")))
        {
            if (w->type != JSON_STRING) continue;
            for (size_t k = 0; k < s->shards_count; k++) {
                size_t i = (last + k) % s->shards_count; /* neighbours mostly stand in the same shard */
                if (!str_eq(s->shard[i].path, w->s)) continue;
                chosen[i] = any = true;
                last = i;
                break;
            }
        }
    }
    arena_free(scratch);
    return any;
}

/* "name-00002-of-00007.safetensors" -> the part before the number; empty if the name is no shard's. */
static str family_of(str path)
{
    enum { TAIL = sizeof "-00001-of-00001.safetensors" - 1 };
    str tail;
    if (path.n < TAIL) return (str){ NULL, 0 };
    tail = str_from(path, path.n - TAIL);
    if (tail.p[0] != '-' || memcmp(tail.p + 6, "-of-", 4) != 0) return (str){ NULL, 0 };
    return str_to(path, path.n - TAIL);
}

/* Which files hold the model: the one with the standard name, those of the index, an adapter, or the first
 * at the root with its family of shards.  Several variants of the same weights are not added up. */
static bool choose(const struct facts_source *from, const struct facts_scan *s, bool *chosen)
{
    str family;
    for (size_t i = 0; i < s->shards_count; i++)
        if (str_eq(s->shard[i].path, s->named[FACTS_SAFETENSORS].path)) return chosen[i] = true;
    if (s->named[FACTS_SAFETENSORS_INDEX].path.p && shards_of_index(from, s, chosen)) return true;
    for (size_t i = 0; i < s->shards_count; i++)
        if (str_eq(s->shard[i].path, s->named[FACTS_SAFETENSORS_ADAPTER].path)) return chosen[i] = true;
    if (s->shards_count == 0) return false;
    chosen[0] = true;
    family = family_of(s->shard[0].path);
    for (size_t i = 1; family.p && i < s->shards_count; i++)
        chosen[i] = family_of(s->shard[i].path).p && str_eq(family_of(s->shard[i].path), family);
    return true;
}

const struct json *facts_safetensors(const struct facts_source *from, const struct facts_scan *s, struct arena *a,
                                     uint64_t *total)
{
    struct totals t = { 0 };
    struct json *out, *by_dtype;
    bool *chosen;
    size_t files = 0;

    *total = 0;
    if (s->shards_count == 0) return NULL;
    chosen = arena_alloc(a, s->shards_count * sizeof *chosen);
    if (!choose(from, s, chosen)) return NULL;
    for (size_t i = 0; i < s->shards_count; i++) {
        if (!chosen[i]) continue;
        if (!count_file(from, &s->shard[i], &t)) return NULL; /* half a sum would be a lie */
        files++;
    }
    if (t.overflowed || t.all > INT64_MAX) return NULL;
    by_dtype = json_new(a, JSON_OBJECT);
    for (int i = 0; i < ST_DTYPES; i++)
        if (t.by_dtype[i]) json_put(by_dtype, st_dtype_name((enum st_dtype)i), json_new_int(a, (int64_t)t.by_dtype[i]));
    out = json_new(a, JSON_OBJECT);
    json_put(out, STR("parameters"), by_dtype);
    json_put(out, STR("total"), json_new_int(a, (int64_t)t.all));
    if (files > 1) json_put(out, STR("sharded"), json_new_bool(a, true));
    *total = t.all;
    return out;
}

/* ------------------------------------------------------------------ GGUF */

/* Reads ever more of the start until the header is whole. */
static bool gguf_read(const struct facts_source *from, const struct facts_file *f, struct arena **scratch,
                      struct gguf_header *h, struct err *e)
{
    for (size_t n = GGUF_FIRST_BYTES;; n *= 4) {
        bool needs_more;
        bytes b;
        *scratch = arena_new(SCRATCH_BYTES_MAX);
        if (!facts_read_prefix(from, f, n, *scratch, &b, e)) return false;
        if (gguf_header_parse(b, f->size_bytes, &gguf_limits_default, *scratch, h, &needs_more, e)) return true;
        if (!needs_more || n >= HEADER_BYTES_MAX) return false;
        arena_free(*scratch);
    }
}

static void put_text(struct json *out, const char *key, str s, struct arena *a)
{
    if (s.n && s.n <= TEMPLATE_BYTES_MAX && str_is_utf8(s)) json_put(out, str_c(key), json_new_str(a, arena_dup(a, s)));
}

static void put_token(struct json *out, const char *key, const struct gguf_header *h, str id_key, struct arena *a)
{
    uint64_t id;
    str s;
    if (gguf_get_u64(h, id_key, &id) && gguf_array_str(gguf_get(h, STR("tokenizer.ggml.tokens")), id, &s))
        put_text(out, key, s, a);
}

const struct json *facts_gguf(const struct facts_source *from, const struct facts_scan *s, struct arena *a,
                              uint64_t *total)
{
    struct arena *scratch = NULL;
    struct gguf_header h;
    struct json *out = NULL;
    struct err e;
    str text, key;
    uint64_t n;

    *total = 0;
    if (!s->gguf.path.p) return NULL;
    if (!gguf_read(from, &s->gguf, &scratch, &h, &e)) {
        log_info("facts.gguf", "path=\"%.*s\" problem=\"%s\"", STR_ARG(s->gguf.path), e.msg);
        goto done;
    }
    if (h.elements > INT64_MAX) goto done;
    out = json_new(a, JSON_OBJECT);
    json_put(out, STR("total"), json_new_int(a, (int64_t)h.elements));
    *total = h.elements;
    if (gguf_get_str(&h, STR("general.architecture"), &text) && text.n <= 64) {
        put_text(out, "architecture", text, a);
        key = arena_fmt(a, "%.*s.context_length", STR_ARG(text));
        if (gguf_get_u64(&h, key, &n) && n <= INT64_MAX)
            json_put(out, STR("context_length"), json_new_int(a, (int64_t)n));
    }
    if (gguf_get_str(&h, STR("quantize.imatrix.file"), &text)) put_text(out, "quantize_imatrix_file", text, a);
    if (gguf_get_str(&h, STR("tokenizer.chat_template"), &text)) put_text(out, "chat_template", text, a);
    put_token(out, "bos_token", &h, STR("tokenizer.ggml.bos_token_id"), a);
    put_token(out, "eos_token", &h, STR("tokenizer.ggml.eos_token_id"), a);
done:
    arena_free(scratch);
    return out;
}
