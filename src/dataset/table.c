/* dataset/table.c - rows through the Parquet files of a split, as they are shown: types as `datasets` calls them, names of labels,
 * pictures and other media by name and size.
 *
 * What a column is besides its type stands in the footer under "huggingface": {"info": {"features": {"label": {"names": [...],
 * "_type": "ClassLabel"}, ...}}}. It is believed only where what is stored fits it. */
#include "cas/cas.h"
#include "dataset/dataset.h"
#include "hub/view/view.h"
#include "vcs/vcs.h"

enum { BLOB_BYTES_MAX = 64 << 20, FEATURES_BYTES_MAX = 4 << 20, DTYPE_BYTES_MAX = 60, CELL_VALUES_MAX = 200, BINARY_BYTES_MAX = 16, BYTES_MAX = 512 << 20, STEPS_MAX = 200 << 20 };

/* ------------------------------------------------------------------ bytes of a file of the repository */

struct bytes_of_file {
    struct hub *h;
    const struct repo_file_row *file;
    bytes blob; /* of what is no large file */
};

static bool read_large(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    const struct bytes_of_file *f = ctx;
    struct cas_reader *r;
    size_t done = 0, got = 1;
    bool ok = true;
    if (!cas_reader_open(hub_cas(f->h), &f->file->sha256, at, n, &r, e)) return false;
    while (ok && got && done < n) {
        ok = cas_reader_read(r, out + done, n - done, &got, e);
        if (ok) done += got;
    }
    cas_reader_close(r);
    return ok && (done == n || err_set(e, ERR_IO, "the file ends early"));
}

static bool read_blob(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    const struct bytes_of_file *f = ctx;
    if (at > f->blob.n || n > f->blob.n - at) return err_set(e, ERR_IO, "the file ends early");
    if (n) memcpy(out, f->blob.p + at, n);
    return true;
}

static bool source_open(struct hub *h, struct vcs_repo *git, const struct repo_file_row *file, struct arena *a, struct parquet_source **out, struct err *e)
{
    struct bytes_of_file *f = arena_one(a, struct bytes_of_file);
    struct parquet_source *s = *out = arena_one(a, struct parquet_source);
    struct vcs_oid oid;
    *f = (struct bytes_of_file){ .h = h, .file = file };
    *s = (struct parquet_source){ f, file->is_lfs ? read_large : read_blob, file->size_bytes };
    if (file->is_lfs) return true;
    if (!vcs_oid_parse(file->oid, &oid)) return err_set(e, ERR_INTERNAL, "The file's row in the index is malformed");
    return vcs_blob_read(git, &oid, BLOB_BYTES_MAX, a, &f->blob, e);
}

/* ------------------------------------------------------------------ columns */

static bool is_media(const struct parquet_node *n)
{
    return n->shape == PARQUET_STRUCT && n->children_count == 2 && str_eq(n->child[0].name, STR("bytes")) && str_eq(n->child[1].name, STR("path")) &&
           n->child[0].shape == PARQUET_LEAF && n->child[0].physical == PARQUET_BYTES && n->child[1].shape == PARQUET_LEAF;
}

static bool is_integer(const struct parquet_node *n)
{
    return n->shape == PARQUET_LEAF && (n->logical == PARQUET_PLAIN || n->logical == PARQUET_INTEGER) &&
           (n->physical == PARQUET_INT32 || n->physical == PARQUET_INT64);
}

static bool is_number(const struct parquet_node *n)
{
    bool is_real = n->physical == PARQUET_FLOAT || n->physical == PARQUET_DOUBLE || n->logical == PARQUET_FLOAT16 || n->logical == PARQUET_DECIMAL;
    return is_integer(n) || (n->shape == PARQUET_LEAF && is_real);
}

static const struct { const char *type, *shown; enum dataset_kind kind; } media[] = {
    { "Image", "image", DATASET_IMAGE }, { "Audio", "audio", DATASET_MEDIA }, { "Video", "video", DATASET_MEDIA }, { "Pdf", "pdf", DATASET_MEDIA },
};

/* Is this what is stored?  Of what lies deeper the file is believed: no code here depends on it. */
static bool fits(const struct json *feature, const struct parquet_node *n)
{
    str type;
    if (json_is(feature, JSON_ARRAY)) return n->shape == PARQUET_LIST;
    if (!json_is(feature, JSON_OBJECT)) return false;
    if (!json_str(json_get(feature, STR("_type")), &type)) return n->shape == PARQUET_STRUCT;
    for (size_t i = 0; i < COUNT(media); i++)
        if (str_eq(type, str_c(media[i].type))) return is_media(n);
    if (str_eq(type, STR("ClassLabel"))) return is_integer(n);
    return !str_eq(type, STR("Value")) || n->shape == PARQUET_LEAF;
}

static void describe(const struct parquet_node *n, const struct json *feature, struct arena *a, struct dataset_column *out)
{
    str type = json_str_or(feature, STR("_type"), STR(""));
    *out = (struct dataset_column){ .name = n->name, .is_number = is_number(n), .type = parquet_type_name(n, a), .node = n };
    if (fits(feature, n)) out->feature = feature;
    if (str_eq(type, STR("ClassLabel")) && is_integer(n)) {
        out->kind = DATASET_LABEL;
        out->is_number = false;
        out->names = json_get(feature, STR("names"));
        size_t names = json_is(out->names, JSON_ARRAY) ? out->names->count : 0;
        out->type = out->names ? arena_fmt(a, "class label, %zu %s", names, plural(names, "name", "names")) : STR("class label");
    }
    str dtype = json_str_or(feature, STR("dtype"), STR(""));
    if (str_eq(type, STR("Value")) && n->shape == PARQUET_LEAF && dtype.n && dtype.n <= DTYPE_BYTES_MAX) out->type = dtype; /* Parquet has no timestamp[s] */
    for (size_t i = 0; i < COUNT(media) && is_media(n); i++)
        if (str_eq(type, str_c(media[i].type))) {
            out->kind = media[i].kind;
            out->type = str_c(media[i].shown);
        }
}

static const struct json *features_of(const struct parquet *p, struct arena *a)
{
    struct json *v;
    struct err ignored;
    str text;
    if (!parquet_fact(p, STR("huggingface"), &text) || text.n > FEATURES_BYTES_MAX || !json_parse(text, a, &v, &ignored)) return NULL;
    return json_get(json_get(v, STR("info")), STR("features"));
}

/* Do later files have the columns of the first, at the same place? */
static bool same_columns(const struct parquet *x, const struct parquet *y)
{
    if (x->columns_count != y->columns_count) return false;
    for (size_t i = 0; i < x->columns_count; i++)
        if (!str_eq(x->column[i].name, y->column[i].name)) return false;
    return true;
}

bool dataset_open(struct hub *h, struct vcs_repo *git, const struct repo_file_row *const *file, size_t n, size_t columns_max, struct arena *a,
                  struct dataset_table *out, struct err *e)
{
    *out = (struct dataset_table){ .part = arena_alloc(a, (n + 1) * sizeof *out->part), .parts_count = n };
    for (size_t i = 0; i < n; i++) {
        struct dataset_part *part = &out->part[i];
        struct parquet_source *source;
        if (!source_open(h, git, file[i], a, &source, e) || !parquet_open(source, a, &part->parquet, e))
            return err_context(e, "%.*s", STR_ARG(str_to(file[i]->path, 200)));
        part->file = file[i];
        part->first_row = out->rows_count;
        if (!same_columns(out->part[0].parquet, part->parquet))
            return err_set(e, ERR_INVALID, "%.*s has other columns than %.*s", STR_ARG(str_to(file[i]->path, 200)), STR_ARG(str_to(file[0]->path, 200)));
        if (part->parquet->rows_count > INT64_MAX - out->rows_count) return err_set(e, ERR_INVALID, "the files have too many rows");
        out->rows_count += part->parquet->rows_count;
        if (part->parquet->unpacked_bytes <= INT64_MAX - out->unpacked_bytes) out->unpacked_bytes += part->parquet->unpacked_bytes;
    }
    if (!n) return true;
    const struct parquet *p = out->part[0].parquet;
    const struct json *features = features_of(p, a);
    out->columns_all = p->columns_count;
    out->columns_count = p->columns_count < columns_max ? p->columns_count : columns_max;
    out->column = arena_alloc(a, (out->columns_count + 1) * sizeof *out->column);
    for (size_t i = 0; i < out->columns_count; i++) describe(&p->column[i], json_get(features, p->column[i].name), a, &out->column[i]);
    return true;
}

/* ------------------------------------------------------------------ cells */

static str cut(str s, size_t most, struct arena *a)
{
    if (s.n <= most) return arena_dup(a, s);
    s.n = most;
    while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80) s.n--;
    struct buf b = BUF_INIT(0);
    buf_add(&b, s);
    buf_lit(&b, "\xe2\x80\xa6");
    s = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return s;
}

static str text_of(const struct json *v, size_t most, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    if (v->type == JSON_STRING) return v->s; /* cut already */
    struct json_writer w = json_writer(&b);
    jw_value(&w, v);
    str s = cut(buf_str(&b), most, a);
    buf_deinit(&b);
    return s;
}

/* What pq_json says of binary: "N bytes", or its digits where there are few. */
static uint64_t bytes_said(const struct json *v)
{
    str s;
    uint64_t n = 0;
    if (!json_str(v, &s)) return 0;
    if (str_starts(s, STR("0x"))) return (s.n - 2) / 2;
    size_t blank = str_chr(s, ' ');
    return blank != STR_NONE && str_u64(str_to(s, blank), &n) ? n : 0;
}

static void show(const struct dataset_column *c, const struct json *v, size_t most, struct arena *a, struct dataset_cell *out)
{
    *out = (struct dataset_cell){ .v = v, .is_null = v->type == JSON_NULL };
    if (out->is_null) return;
    out->text = text_of(v, most, a);
    if (c->kind == DATASET_LABEL && v->type == JSON_INT && v->i >= 0) {
        const struct json *name = json_at(c->names, (size_t)v->i);
        if (json_is(name, JSON_STRING)) out->label = cut(name->s, most, a);
    } else if (c->kind == DATASET_IMAGE || c->kind == DATASET_MEDIA) {
        out->media_bytes = bytes_said(json_get(v, STR("bytes")));
        out->media_path = json_str_or(v, STR("path"), STR(""));
    }
}

bool dataset_rows(struct dataset_table *t, uint64_t first, size_t n, size_t text_bytes_max, struct arena *a, struct dataset_rows *out, struct err *e)
{
    struct parquet_options o = { .text_bytes_max = text_bytes_max, .binary_bytes_max = BINARY_BYTES_MAX, .cell_values_max = CELL_VALUES_MAX,
                                 .bytes_max = BYTES_MAX, .steps_max = STEPS_MAX };
    size_t *column = arena_alloc(a, (t->columns_count + 1) * sizeof *column);
    for (size_t i = 0; i < t->columns_count; i++) column[i] = i;
    *out = (struct dataset_rows){ .cell = arena_alloc(a, (n * t->columns_count + 1) * sizeof *out->cell),
                                  .place = arena_alloc(a, (n + 1) * sizeof *out->place),
                                  .problem = arena_alloc(a, (t->columns_count + 1) * sizeof *out->problem) };
    for (size_t i = 0; i < t->parts_count && out->rows_count < n; i++) {
        struct dataset_part *part = &t->part[i];
        struct parquet_cells cells;
        uint64_t from = first + out->rows_count;
        if (from >= part->first_row + part->parquet->rows_count) continue;
        if (!parquet_read(part->parquet, from - part->first_row, n - out->rows_count, column, t->columns_count, &o, a, &cells, e)) return false;
        for (size_t k = 0; k < t->columns_count; k++)
            if (cells.problem[k]) out->problem[k] = cells.problem[k];
        for (size_t r = 0; r < cells.rows_count; r++, out->rows_count++) {
            out->place[out->rows_count] = (struct dataset_place){ i, from - part->first_row + r };
            for (size_t k = 0; k < t->columns_count; k++) {
                const struct json *v = cells.cell[r * t->columns_count + k];
                if (v) show(&t->column[k], v, text_bytes_max, a, &out->cell[out->rows_count * t->columns_count + k]);
            }
        }
    }
    return true;
}

static void write_bytes(struct buf *out, bytes b) { buf_add(out, str_of(b)); }

bool dataset_media(struct dataset_table *t, uint64_t row, str column, size_t bytes_max, struct arena *a, bytes *out, struct err *e)
{
    struct parquet_options o = { .text_bytes_max = bytes_max, .cell_values_max = 1, .bytes_max = BYTES_MAX, .steps_max = STEPS_MAX, .binary = write_bytes };
    struct parquet_cells cells;
    size_t k = 0;
    str s;
    while (k < t->columns_count && !(str_eq(t->column[k].name, column) && (t->column[k].kind == DATASET_IMAGE || t->column[k].kind == DATASET_MEDIA))) k++;
    if (k == t->columns_count || t->parts_count != 1) return err_set(e, ERR_NOT_FOUND, "There is no such column of pictures");
    if (!parquet_read(t->part[0].parquet, row, 1, &k, 1, &o, a, &cells, e)) return false;
    if (cells.problem && cells.problem[0]) return err_set(e, ERR_UNPROCESSABLE, "The picture cannot be read: %s", cells.problem[0]);
    if (!cells.rows_count || !json_str(json_get(cells.cell[0], STR("bytes")), &s)) return err_set(e, ERR_NOT_FOUND, "There is no picture at this place");
    *out = bytes_of(s);
    return true;
}
