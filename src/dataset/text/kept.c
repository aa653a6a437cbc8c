/* dataset/text/kept.c - what is known of a file of text, as bytes and text to be kept: where rows lie, what types columns have, and how it was read. */
#include "dataset/text/text.h"

/* ------------------------------------------------------------------ the index */

enum { STEP_BYTES_MIN = 1 << 20 };

static void put_u64(struct buf *out, uint64_t v)
{
    char b[8];
    for (int i = 0; i < 8; i++) b[i] = (char)(v >> 8 * i);
    buf_add(out, str_n(b, 8));
}

static uint64_t get_u64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 8; i-- > 0;) v = v << 8 | p[i];
    return v;
}

/* step, at, rows, is_whole, then at and row of each place; 8 bytes each, the lowest first. */
enum { HEAD_WORDS = 4, PLACE_BYTES = 16 };

void text_index_format(const struct text_index *x, struct buf *out)
{
    put_u64(out, x->step);
    put_u64(out, x->at);
    put_u64(out, x->rows);
    put_u64(out, x->is_whole);
    for (size_t i = 0; i < x->n; i++) {
        put_u64(out, x->place[i].at);
        put_u64(out, x->place[i].row);
    }
}

bool text_index_parse(bytes b, uint64_t file_bytes, struct arena *a, struct text_index *out)
{
    struct text_index x = { 0 };
    if (b.n < HEAD_WORDS * 8 || (b.n - HEAD_WORDS * 8) % PLACE_BYTES) return false;
    x.step = get_u64(b.p);
    x.at = get_u64(b.p + 8);
    x.rows = get_u64(b.p + 16);
    x.is_whole = get_u64(b.p + 24);
    x.n = (b.n - HEAD_WORDS * 8) / PLACE_BYTES;
    if (x.n > TEXT_BLOCKS_MAX || x.step < STEP_BYTES_MIN || x.at > file_bytes || x.rows > x.at + 1 || (x.rows && !x.n)) return false;
    for (size_t i = 0; i < x.n; i++) {
        const uint8_t *p = b.p + HEAD_WORDS * 8 + i * PLACE_BYTES;
        x.place = arena_grow(a, x.place, i, sizeof *x.place);
        x.place[i] = (struct text_place){ get_u64(p), get_u64(p + 8) };
        bool is_first = i == 0;
        if (x.place[i].at > x.at || x.place[i].row >= x.rows || (is_first && x.place[i].row)) return false;
        if (!is_first && (x.place[i].at <= x.place[i - 1].at || x.place[i].row <= x.place[i - 1].row)) return false;
    }
    *out = x;
    return true;
}

/* ------------------------------------------------------------------ types */

static void write_node(struct json_writer *w, const struct parquet_node *n)
{
    jw_object(w);
    jw_kstr(w, "name", n->name);
    jw_kint(w, "shape", n->shape);
    jw_kint(w, "physical", n->physical);
    jw_kint(w, "logical", n->logical);
    jw_kint(w, "width", n->width);
    jw_kbool(w, "is_signed", n->is_signed);
    jw_kbool(w, "is_optional", n->is_optional);
    jw_karray(w, "child");
    for (size_t i = 0; i < n->children_count; i++) write_node(w, &n->child[i]);
    jw_array_end(w);
    jw_object_end(w);
}

void text_types_format(const struct text *t, struct buf *out)
{
    struct json_writer w = json_writer(out);
    jw_object(&w);
    jw_kbool(&w, "is_array", t->is_array);
    jw_kbool(&w, "types_are_whole", t->types_are_whole);
    jw_karray(&w, "column");
    for (size_t i = 0; i < t->columns_count; i++) write_node(&w, &t->column[i]);
    jw_array_end(&w);
    jw_object_end(&w);
}

static bool read_nodes(const struct json *list, struct arena *a, size_t depth, struct parquet_node **out, size_t *n)
{
    if (!json_is(list, JSON_ARRAY) || depth > PARQUET_DEPTH_MAX) return false;
    *out = arena_alloc(a, (list->count + 1) * sizeof **out);
    *n = 0;
    json_each (v, list) {
        struct parquet_node *one = &(*out)[(*n)++];
        int64_t shape = json_int_or(v, STR("shape"), -1), physical = json_int_or(v, STR("physical"), -1), logical = json_int_or(v, STR("logical"), -1);
        if (shape < PARQUET_LEAF || shape > PARQUET_LIST || physical < 0 || physical > PARQUET_FIXED || logical < 0 || logical > PARQUET_ANY) return false;
        *one = (struct parquet_node){ .name = arena_dup(a, json_str_or(v, STR("name"), STR(""))), .shape = (enum parquet_shape)shape,
                                      .physical = (enum parquet_physical)physical, .logical = (enum parquet_logical)logical,
                                      .width = (uint32_t)json_int_or(v, STR("width"), 0), .is_signed = json_bool_or(v, STR("is_signed"), false),
                                      .is_optional = json_bool_or(v, STR("is_optional"), false) };
        if (!read_nodes(json_get(v, STR("child")), a, depth + 1, &one->child, &one->children_count)) return false;
        if (one->shape == PARQUET_LIST && one->children_count != 1) return false;
    }
    return true;
}

bool text_types_parse(str kept, struct text *t)
{
    struct arena *scratch = arena_new(64 << 20);
    struct json *v;
    struct err ignored;
    bool ok = json_parse(kept, scratch, &v, &ignored) && read_nodes(json_get(v, STR("column")), t->a, 0, &t->column, &t->columns_count) && t->columns_count;
    t->is_array = ok && json_bool_or(v, STR("is_array"), false);
    t->types_are_whole = ok && json_bool_or(v, STR("types_are_whole"), false);
    arena_free(scratch);
    return ok;
}

/* ------------------------------------------------------------------ how it was read */

void text_way_format(const struct text *t, struct buf *out)
{
    static const char *const kind[] = { "json", "csv", "lines", "tar" }, *const packing[] = { "no", "gzip", "zstd" };
    struct json_writer w = json_writer(out);
    jw_object(&w);
    jw_kint(&w, "reader", 1); /* a number more, and what was kept before is not taken: when types or rows come out otherwise */
    jw_kstr(&w, "kind", str_c(kind[t->way.kind]));
    jw_kstr(&w, "packing", str_c(packing[t->way.packing]));
    jw_kbool(&w, "has_own_types", !t->like);
    if (t->way.kind == TEXT_CSV) {
        jw_kstr(&w, "separator", str_n(&t->way.separator, 1));
        jw_kbool(&w, "has_no_header", t->way.has_no_header);
        jw_karray(&w, "name");
        for (size_t i = 0; i < t->way.names_count; i++) jw_str(&w, t->way.name[i]);
        jw_array_end(&w);
    }
    jw_object_end(&w);
}
