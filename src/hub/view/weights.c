/* hub/view/weights.c - the headers of safetensors and GGUF files as what people read: tensors, sums by kind, what the file says of
 * itself.  The parsers are those of the runtime (model/format/). */
#include "hub/index/facts.h"
#include "hub/view/view.h"
#include "model/format/gguf_header.h"
#include "model/format/safetensors_header.h"

/* A GGUF header holds its vocabulary: 450,000 entries take 11 MiB.  What is read of a header takes up to eight times its size. */
enum { HEADER_BYTES_MAX = 16 << 20, GGUF_FIRST_BYTES = 1 << 20, ITEMS_SHOWN = 6 };

bool view_is_weights(str path) { return str_ends_nocase(path, STR(".safetensors")) || str_ends_nocase(path, STR(".gguf")); }

bool view_read(const struct facts_source *from, const struct vcs_entry *entry, size_t n, struct arena *a, bytes *out, struct err *e)
{
    struct facts_file f = { .path = entry->path, .oid = entry->oid, .size_bytes = vcs_entry_size(entry), .is_lfs = entry->lfs.is_lfs };
    memcpy(f.sha256.b, entry->lfs.sha256, SHA256_BYTES);
    return facts_read_prefix(from, &f, n, a, out, e);
}

static void add_up(struct view_weights *w, const struct view_tensor *t)
{
    size_t i = 0;
    while (i < w->kinds_count && !str_eq(w->kind[i].name, t->kind)) i++;
    if (i == w->kinds_count) {
        if (i == VIEW_KINDS_MAX) return; /* there are fewer kinds than that */
        w->kind[w->kinds_count++] = (struct view_kind){ .name = t->kind };
    }
    w->kind[i].tensors++;
    w->kind[i].elements += t->elements;
    w->kind[i].size_bytes += t->size_bytes;
    w->elements += t->elements;
    w->size_bytes += t->size_bytes;
}

static str cut_value(str s)
{
    if (s.n <= VIEW_FACT_BYTES_MAX) return s;
    s.n = VIEW_FACT_BYTES_MAX;
    while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80) s.n--;
    return s;
}

static bool start(struct view_weights *w, size_t tensors, size_t facts, struct arena *a, struct err *e)
{
    w->facts_all = facts;
    w->tensor = arena_try_array(a, tensors + 1, sizeof *w->tensor);
    w->fact = arena_alloc(a, (VIEW_FACTS_MAX + 1) * sizeof *w->fact);
    return w->tensor || err_set(e, ERR_TOO_LARGE, "The header names too many tensors to be shown");
}

/* ------------------------------------------------------------------ safetensors */

static bool read_safetensors(const struct facts_source *from, const struct vcs_entry *entry, struct arena *a, struct view_weights *w,
                             struct err *e)
{
    struct st_limits limits = { .header_bytes_max = HEADER_BYTES_MAX, .tensors_max = 1 << 18 };
    struct st_header header;
    uint64_t n;
    bytes b;
    if (!view_read(from, entry, ST_PREFIX_BYTES, a, &b, e) || !st_header_length(b, &limits, &n, e) ||
        !view_read(from, entry, (size_t)n + ST_PREFIX_BYTES, a, &b, e) ||
        !st_header_parse(b, vcs_entry_size(entry), &limits, a, &header, e) || !start(w, header.tensors_count, header.metadata_count, a, e))
        return false;
    w->format = STR("safetensors");
    w->header_bytes = header.header_bytes;
    for (size_t i = 0; i < header.tensors_count; i++) {
        const struct st_tensor *tensor = &header.tensor[i];
        struct view_tensor *t = &w->tensor[w->tensors_count++];
        *t = (struct view_tensor){ .name = tensor->name, .kind = st_dtype_name(tensor->dtype), .rank = tensor->rank, .elements = tensor->elements,
                                   .size_bytes = tensor->end - tensor->begin };
        for (unsigned k = 0; k < tensor->rank && k < VIEW_RANK_MAX; k++) t->shape[k] = tensor->shape[k];
        add_up(w, t);
    }
    for (size_t i = 0; i < header.metadata_count && i < VIEW_FACTS_MAX; i++)
        w->fact[w->facts_count++] = (struct view_fact){ header.metadata[i].key, cut_value(header.metadata[i].value) };
    return true;
}

/* ------------------------------------------------------------------ GGUF */

static uint64_t little_endian(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void add_number(struct buf *out, enum gguf_type type, const uint8_t *p, unsigned n)
{
    uint64_t raw = little_endian(p, n);
    float single;
    double real;
    switch (type) {
    case GGUF_F32:
        memcpy(&single, &(uint32_t){ (uint32_t)raw }, sizeof single);
        buf_addf(out, "%g", (double)single);
        return;
    case GGUF_F64:
        memcpy(&real, &raw, sizeof real);
        buf_addf(out, "%g", real);
        return;
    case GGUF_BOOL: buf_add(out, raw ? STR("true") : STR("false")); return;
    case GGUF_I8: buf_addf(out, "%d", (int)(int8_t)raw); return;
    case GGUF_I16: buf_addf(out, "%d", (int)(int16_t)raw); return;
    case GGUF_I32: buf_addf(out, "%ld", (long)(int32_t)raw); return;
    case GGUF_I64: buf_addf(out, "%lld", (long long)raw); return;
    default: buf_addf(out, "%llu", (unsigned long long)raw);
    }
}

static void add_array(struct buf *out, const struct gguf_value *v)
{
    static const unsigned size[GGUF_TYPES] = { [GGUF_U8] = 1, [GGUF_I8] = 1, [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
                                               [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8 };
    unsigned n = size[v->array.item];
    str rest = { 0 }, item;
    buf_addf(out, "%llu: ", (unsigned long long)v->array.count);
    for (uint64_t i = 0; i < v->array.count && i < ITEMS_SHOWN; i++) {
        if (v->array.item == GGUF_STRING) {
            if (!gguf_array_next(v, &rest, &item)) return;
            if (i) buf_lit(out, ", ");
            buf_json_str(out, str_to(item, 80));
        } else if (n && v->array.data.n >= (i + 1) * n) {
            if (i) buf_lit(out, ", ");
            add_number(out, v->array.item, v->array.data.p + i * n, n);
        }
    }
    if (v->array.count > ITEMS_SHOWN) buf_lit(out, ", …");
}

static str value_text(const struct gguf_value *v, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    switch (v->type) {
    case GGUF_STRING: return cut_value(v->s);
    case GGUF_ARRAY: add_array(&b, v); break;
    case GGUF_F32:
    case GGUF_F64: buf_addf(&b, "%g", v->r); break;
    case GGUF_BOOL: buf_add(&b, v->u ? STR("true") : STR("false")); break;
    case GGUF_I8:
    case GGUF_I16:
    case GGUF_I32:
    case GGUF_I64: buf_addf(&b, "%lld", (long long)v->i); break;
    default: buf_addf(&b, "%llu", (unsigned long long)v->u);
    }
    str text = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return text;
}

/* Reads ever more of the start until the header is whole. */
static bool gguf_read(const struct facts_source *from, const struct vcs_entry *entry, struct arena *a, struct gguf_header *out, struct err *e)
{
    for (size_t n = GGUF_FIRST_BYTES;; n *= 4) {
        bool needs_more;
        bytes b;
        if (n > HEADER_BYTES_MAX) n = HEADER_BYTES_MAX;
        if (!view_read(from, entry, n, a, &b, e)) return false;
        if (gguf_header_parse(b, vcs_entry_size(entry), &gguf_limits_default, a, out, &needs_more, e)) return true;
        if (!needs_more || n >= HEADER_BYTES_MAX || n >= vcs_entry_size(entry)) return false;
    }
}

static bool read_gguf(const struct facts_source *from, const struct vcs_entry *entry, struct arena *a, struct view_weights *w, struct err *e)
{
    struct gguf_header header;
    if (!gguf_read(from, entry, a, &header, e) || !start(w, header.tensors_count, header.pairs_count, a, e)) return false;
    w->format = arena_fmt(a, "GGUF, version %u", header.version);
    w->header_bytes = header.data_offset;
    for (size_t i = 0; i < header.tensors_count; i++) {
        const struct gguf_tensor *tensor = &header.tensor[i];
        struct view_tensor *t = &w->tensor[w->tensors_count++];
        unsigned block, block_bytes;
        *t = (struct view_tensor){ .name = tensor->name, .rank = tensor->rank, .elements = tensor->elements, .size_bytes = tensor->size_bytes };
        if (!gguf_tensor_type(tensor->type, &t->kind, &block, &block_bytes)) t->kind = STR("unknown");
        for (unsigned k = 0; k < tensor->rank && k < VIEW_RANK_MAX; k++) t->shape[k] = tensor->shape[k];
        add_up(w, t);
    }
    for (size_t i = 0; i < header.pairs_count && i < VIEW_FACTS_MAX; i++)
        w->fact[w->facts_count++] = (struct view_fact){ header.pair[i].key, value_text(&header.pair[i].value, a) };
    return true;
}

bool view_weights_read(const struct facts_source *from, const struct vcs_entry *entry, struct arena *a, struct view_weights *out,
                       struct err *e)
{
    *out = (struct view_weights){ 0 };
    return str_ends_nocase(entry->path, STR(".gguf")) ? read_gguf(from, entry, a, out, e) : read_safetensors(from, entry, a, out, e);
}
