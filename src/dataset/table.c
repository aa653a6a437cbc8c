/* dataset/table.c - rows through the files of a split, as they are shown: types as `datasets` calls them, names of labels,
 * pictures and other media by name and size.
 *
 * What a column is besides its type stands in the footer under "huggingface": {"info": {"features": {"label": {"names": [...],
 * "_type": "ClassLabel"}, ...}}}. It is believed only where what is stored fits it. */
#include "cas/cas.h"
#include "dataset/cast.h"
#include "dataset/dataset.h"
#include "dataset/folder.h"
#include "dataset/keep.h"
#include "hub/mirror.h"
#include "hub/mirror_list.h"
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

static bool source_open(struct hub *h, const struct dataset_files *of, struct vcs_repo *git, const struct repo_file_row *file, struct arena *a, struct parquet_source **out, struct err *e)
{
    struct bytes_of_file *f = arena_one(a, struct bytes_of_file);
    struct parquet_source *s = *out = arena_one(a, struct parquet_source);
    struct vcs_oid oid;
    *f = (struct bytes_of_file){ .h = h, .file = file };
    *s = (struct parquet_source){ f, file->is_lfs ? read_large : read_blob, file->size_bytes };
    if (file->is_lfs) return mirror_need_file(h, of->repo_id, &file->sha256, file->size_bytes, &of->waiter, e);
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

/* Members of an archive are media by their names. */
static const struct json *features_of_members(const struct text *t, struct arena *a)
{
    static const char *const type[] = { [TEXT_IMAGE] = "Image", [TEXT_AUDIO] = "Audio", [TEXT_VIDEO] = "Video" };
    struct json *out = json_new(a, JSON_OBJECT);
    for (size_t i = 0; i < t->columns_count; i++) {
        enum text_media m = text_tar_media(t->column[i].name);
        if (m == TEXT_NO_MEDIA) continue;
        struct json *one = json_new(a, JSON_OBJECT);
        json_put(one, STR("_type"), json_new_str(a, str_c(type[m])));
        json_put(out, t->column[i].name, one);
    }
    return out;
}

/* Do later files have the columns of the first, at the same place? */
static bool same_columns(const struct parquet_node *x, size_t x_count, const struct parquet_node *y, size_t y_count)
{
    if (x_count != y_count) return false;
    for (size_t i = 0; i < x_count; i++)
        if (!str_eq(x[i].name, y[i].name)) return false;
    return true;
}

static struct text_way way_of(const struct dataset_split *s, str path, struct arena *a)
{
    static const enum text_kind kind[] = { [DATASET_JSON] = TEXT_JSON, [DATASET_CSV] = TEXT_CSV, [DATASET_LINES] = TEXT_LINES, [DATASET_TAR] = TEXT_TAR };
    struct text_way way = s->way;
    enum dataset_format f;
    way.kind = dataset_format_of(path, &f) ? kind[f] : TEXT_LINES;
    way.address = s->files && s->files->address.n ? arena_fmt(a, "%.*s/%.*s", STR_ARG(s->files->address), STR_ARG(path)) : path;
    way.packing = packing_of(&path);
    if (!way.separator) way.separator = str_ends_nocase(path, STR(".tsv")) ? '\t' : ',';
    return way;
}

/* Types are those of the first file. */
static bool open_text(struct hub *h, const struct dataset_split *s, const struct parquet_source *source, struct dataset_part *part, const struct dataset_part *first,
                      struct arena *a, struct err *e)
{
    struct text_way way = way_of(s, part->file->path, a);
    struct text *t = part->text = text_new(source, &way, part == first ? NULL : first->text, a);
    if (part->file->is_lfs && keep_load(h, &part->file->sha256, t)) return true;
    if (!text_open(t, e)) return false;
    if (part->file->is_lfs && t->index.at >= KEEP_BYTES_MIN) keep_save(h, &part->file->sha256, t);
    return true;
}

static bool open_part(struct hub *h, struct vcs_repo *git, const struct dataset_split *s, struct dataset_part *part, const struct dataset_part *first,
                      struct arena *a, struct err *e)
{
    struct parquet_source *source;
    if (!source_open(h, s->files, git, part->file, a, &source, e)) return false;
    if (!dataset_is_parquet(part->file->path)) return open_text(h, s, source, part, first, a, e);
    if (!parquet_open(source, a, &part->parquet, e)) return false;
    part->rows_count = part->parquet->rows_count;
    return true;
}

static const struct parquet_node *columns_of(const struct dataset_part *p, size_t *n)
{
    *n = p->parquet ? p->parquet->columns_count : p->text->columns_count;
    return p->parquet ? p->parquet->column : p->text->column;
}

/* Rows of files of text, as far as they are known: what lies behind one that is not read to its end cannot be numbered. */
static bool count_rows(struct dataset_table *t, struct err *e)
{
    t->rows_count = t->unpacked_bytes = 0;
    t->is_counted = true;
    for (size_t i = 0; i < t->parts_count; i++) {
        struct dataset_part *p = &t->part[i];
        uint64_t unpacked = p->parquet ? p->parquet->unpacked_bytes : p->text ? text_bytes(p->text) : 0;
        if (p->text) p->rows_count = t->is_counted ? p->text->index.rows : 0;
        p->first_row = t->rows_count;
        if (p->rows_count > INT64_MAX - t->rows_count) return err_set(e, ERR_INVALID, "the files have too many rows");
        t->rows_count += p->rows_count;
        if (unpacked <= INT64_MAX - t->unpacked_bytes) t->unpacked_bytes += unpacked;
        if (p->text && !p->text->index.is_whole) t->is_counted = false;
    }
    return true;
}

static bool read_on(struct hub *h, struct dataset_table *t, uint64_t row, uint64_t bytes_max, struct err *e)
{
    if (!count_rows(t, e)) return false;
    for (size_t i = 0; i < t->parts_count && bytes_max && !t->is_counted && t->rows_count <= row; i++) {
        struct text *x = t->part[i].text;
        if (!x || x->index.is_whole) continue;
        uint64_t before = x->index.at;
        if (!text_extend(x, row - t->part[i].first_row, bytes_max, e)) return err_context(e, "%.*s", STR_ARG(str_to(t->part[i].file->path, 200)));
        uint64_t read = x->index.at - before;
        bytes_max -= read < bytes_max ? read : bytes_max;
        if (t->part[i].file->is_lfs && read) keep_save(h, &t->part[i].file->sha256, x);
        if (!count_rows(t, e)) return false;
    }
    return true;
}

bool dataset_reach(struct hub *h, struct dataset_table *t, uint64_t row, struct err *e)
{
    return t->is_counted || read_on(h, t, row, DATASET_REACHED_BYTES, e);
}

uint64_t dataset_rows_estimated(const struct dataset_table *t)
{
    double all = 0, read = 0;
    for (size_t i = 0; i < t->parts_count; i++) {
        const struct dataset_part *p = &t->part[i];
        all += (double)p->file->size_bytes;
        if (p->text && p->rows_count) read += (double)p->file->size_bytes * text_share_read(p->text);
    }
    return read > 0 ? (uint64_t)((double)t->rows_count * (all / read)) : 0;
}

bool dataset_read(struct dataset_part *p, uint64_t first, size_t n, const size_t *column, size_t columns_count, const struct parquet_options *o,
                  struct arena *a, struct parquet_cells *out, struct err *e)
{
    if (p->cast) return cast_read(p, first, n, column, columns_count, o, a, out, e);
    if (!p->parquet && !p->text) return folder_read(p, first, n, column, columns_count, o, a, out, e);
    if (p->parquet ? !parquet_read(p->parquet, first, n, column, columns_count, o, a, out, e) : !text_read(p->text, first, n, column, columns_count, o, a, out, e)) return false;
    return !p->folder || folder_join(p, column, columns_count, o, a, out, e);
}

/* Rows are the files of the split. */
static bool open_folder(struct hub *h, const struct dataset_split *s, struct arena *a, struct dataset_table *out)
{
    out->parts_count = 1;
    folder_open(h, s, a, out->part, &out->column, &out->columns_count);
    out->columns_all = out->columns_count;
    out->rows_count = s->files_count;
    for (size_t i = 0; i < s->files_count; i++)
        if (s->file[i]->size_bytes <= INT64_MAX - out->unpacked_bytes) out->unpacked_bytes += s->file[i]->size_bytes;
    out->is_counted = out->types_are_sure = true;
    return true;
}

/* Of a mirror the files come when they are read; but not the whole of a large one for a page of rows. */
static bool check_away(struct hub *h, int64_t repo_id, const struct repo_file_row *const *file, size_t n, struct arena *a, struct err *e)
{
    struct db_conn *c = db_reader(hub_db(h));
    struct repo r;
    uint64_t away = 0;
    bool here, ok = repo_get(c, repo_id, &r, a, e);
    for (size_t i = 0; ok && r.upstream.n && i < n; i++) {
        if (!file[i]->is_lfs) continue;
        ok = mirror_shows_file(h, c, &r, &file[i]->sha256, file[i]->size_bytes, &here, e);
        if (ok && !here) away += file[i]->size_bytes;
    }
    db_give(hub_db(h), c);
    if (!ok || away <= DATASET_BRING_BYTES_MAX) return ok;
    return err_set(e, ERR_UNPROCESSABLE, "%.1f GB of its files are still at %.*s, and only %d GiB are brought for a look: download them, and they are shown",
                   (double)away * 1e-9, STR_ARG(r.upstream), DATASET_BRING_BYTES_MAX >> 30);
}

bool dataset_open(struct hub *h, struct vcs_repo *git, const struct dataset_split *s, size_t columns_max, struct arena *a, struct dataset_table *out,
                  struct err *e)
{
    const struct parquet_node *first, *node;
    size_t first_count = 0, count;
    bool is_folder = dataset_is_folder(s->format), has_tables = is_folder && s->folder.metadata_count;
    const struct repo_file_row *const *file = has_tables ? s->folder.metadata : s->file;
    size_t n = has_tables ? s->folder.metadata_count : s->files_count;
    *out = (struct dataset_table){ .part = arena_alloc(a, (n + 1) * sizeof *out->part), .parts_count = n };
    if (s->unknown.n)
        return err_set(e, ERR_NOT_BUILT, "The card sets \"%.*s\" for files of this configuration, which is not known here: they would be read otherwise than it says",
                       STR_ARG(str_to(s->unknown, 100)));
    if (is_folder && !folder_check_tables(s, e)) return false;
    if (is_folder && !has_tables) return open_folder(h, s, a, out);
    if (!check_away(h, s->files->repo_id, file, n, a, e)) return false;
    for (size_t i = 0; i < n; i++) {
        struct dataset_part *part = &out->part[i];
        part->file = file[i];
        if (!open_part(h, git, s, part, out->part, a, e)) return err_context(e, "%.*s", STR_ARG(str_to(part->file->path, 200)));
        first = columns_of(&out->part[0], &first_count);
        node = columns_of(part, &count);
        if (!same_columns(first, first_count, node, count))
            return err_set(e, ERR_INVALID, "%.*s has other columns than %.*s", STR_ARG(str_to(part->file->path, 200)), STR_ARG(str_to(file[0]->path, 200)));
    }
    if (!count_rows(out, e) || !n) return n == 0;
    first = columns_of(&out->part[0], &first_count);
    const struct json *features = out->part[0].parquet ? features_of(out->part[0].parquet, a)
                                : out->part[0].text->way.kind == TEXT_TAR ? features_of_members(out->part[0].text, a) : NULL;
    if (s->features && !is_folder && !out->part[0].parquet) {
        struct cast *cast;
        struct parquet_node *column;
        if (!cast_open(s->features, first, first_count, a, &cast, &column, &first_count, e)) return false;
        for (size_t i = 0; i < n; i++) out->part[i].cast = cast;
        first = column;
        features = s->features;
    }
    out->types_are_sure = out->part[0].parquet || out->part[0].cast || (n == 1 && out->part[0].text->types_are_whole);
    out->columns_all = first_count;
    out->columns_count = first_count < columns_max ? first_count : columns_max;
    out->column = arena_alloc(a, (out->columns_count + 1) * sizeof *out->column);
    for (size_t i = 0; i < out->columns_count; i++) describe(&first[i], json_get(features, first[i].name), a, &out->column[i]);
    for (size_t i = 0; i < out->columns_count && out->part[0].cast; i++) out->column[i].feature = json_get(features, first[i].name);
    if (has_tables && !folder_name_columns(h, s, a, out, e)) return false;
    return out->is_counted || read_on(h, out, UINT64_MAX, DATASET_COUNTED_BYTES, e);
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
        out->media_file = json_str_or(v, STR("file"), STR(""));
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
        if (from >= part->first_row + part->rows_count) continue;
        if (!dataset_read(part, from - part->first_row, n - out->rows_count, column, t->columns_count, &o, a, &cells, e)) return false;
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

bool dataset_rows_at(struct dataset_table *t, const uint64_t *row, size_t n, size_t text_bytes_max, struct arena *a, struct dataset_rows *out, struct err *e)
{
    const struct dataset_asked *asked = dataset_ask(row, n, a);
    *out = (struct dataset_rows){ .cell = arena_alloc(a, (n * t->columns_count + 1) * sizeof *out->cell), .rows_count = n,
                                  .place = arena_alloc(a, (n + 1) * sizeof *out->place), .problem = arena_alloc(a, (t->columns_count + 1) * sizeof *out->problem) };
    for (size_t i = 0, to; i < n; i = to) {
        struct dataset_rows some;
        to = dataset_stretch(asked, n, i);
        if (!dataset_rows(t, asked[i].row, (size_t)(asked[to - 1].row - asked[i].row) + 1, text_bytes_max, a, &some, e)) return false;
        for (size_t k = i; k < to; k++) {
            size_t from = (size_t)(asked[k].row - asked[i].row);
            if (from >= some.rows_count) return err_set(e, ERR_IO, "the files end early");
            memcpy(&out->cell[asked[k].at * t->columns_count], &some.cell[from * t->columns_count], t->columns_count * sizeof *some.cell);
            out->place[asked[k].at] = some.place[from];
        }
        for (size_t k = 0; k < t->columns_count; k++)
            if (some.problem[k]) out->problem[k] = some.problem[k];
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
    if (!dataset_read(&t->part[0], row, 1, &k, 1, &o, a, &cells, e)) return false;
    if (cells.problem && cells.problem[0]) return err_set(e, ERR_UNPROCESSABLE, "The picture cannot be read: %s", cells.problem[0]);
    if (!cells.rows_count || !json_str(json_get(cells.cell[0], STR("bytes")), &s)) return err_set(e, ERR_NOT_FOUND, "There is no picture at this place");
    *out = bytes_of(s);
    return true;
}
