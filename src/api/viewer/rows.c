/* api/viewer/rows.c - rows: the first ones, a page of them, and the media of their cells.
 *
 * Cells are written once, each for itself, so that their sizes are known before the answer is put together: what does not fit has
 * its largest cells cut, from the last row backwards, until it does (the public service's rule). A cut cell is a string of the
 * first bytes of its JSON, and its row says so. */
#include "api/viewer/viewer_api.h"

enum {
    FIRST_BYTES_MAX = 200000, FIRST_ROWS_MIN = 10, /* of /first-rows */
    ROWS_BYTES_MAX = 16 << 20,                     /* of /rows */
    CELLS_BYTES_MAX = 128 << 20,                   /* before they are cut */
    CUT_CELL_BYTES = 100,
    ROW_BYTES = 50,                                /* around the cells of a row */
};

struct cell {
    size_t at, n; /* in struct grid.json */
    bool is_cut;
};
struct grid {
    struct call *c;
    const struct viewer *v;
    struct dataset_table t;
    struct buf json;
    struct cell *cell; /* rows times t.columns_count */
    size_t rows;
    bool *is_whole;    /* of each column: its cells are not cut */
    size_t names_bytes, types_bytes;
};

/* ------------------------------------------------------------------ cells */

static void write_media_url(struct grid *g, struct json_writer *w, const struct dataset_column *column, const struct dataset_place *at)
{
    struct buf b = BUF_INIT(0);
    str base = call_base_url(g->c);
    buf_addf(&b, "%.*s" API_VIEWER_FOLDER "/assets?dataset=%.*s&revision=%.*s&row=%llu&file=", STR_ARG(base), STR_ARG(g->c->repo.full_name),
             STR_ARG(g->v->sha), (unsigned long long)at->row);
    http_encode(&b, g->t.part[at->part].file->path, "/");
    buf_lit(&b, "&column=");
    http_encode(&b, column->name, "");
    jw_kstr(w, "src", buf_str(&b));
    buf_deinit(&b);
}

static void write_file_url(struct grid *g, struct json_writer *w, str path)
{
    struct buf b = BUF_INIT(0);
    viewer_file_url(g->c, &b, g->v, path);
    jw_kstr(w, "src", buf_str(&b));
    buf_deinit(&b);
}

/* "hf://datasets/NS/NAME@REVISION/PATH": a file of this hub. */
static bool write_hub_path(struct grid *g, struct json_writer *w, str path)
{
    str base = call_base_url(g->c), name, revision;
    if (!str_starts(path, STR("hf://datasets/"))) return false;
    path = str_from(path, 14);
    if (!str_cut(&path, '@', &name) || !str_cut(&path, '/', &revision) || !path.n) return false;
    struct buf b = BUF_INIT(0);
    buf_addf(&b, "%.*s/datasets/", STR_ARG(base));
    http_encode(&b, name, "/");
    buf_lit(&b, "/resolve/");
    http_encode(&b, revision, "");
    buf_byte(&b, '/');
    http_encode(&b, path, "/");
    jw_kstr(w, "src", buf_str(&b));
    buf_deinit(&b);
    return true;
}

/* {"src", ...}: what is in the file, or what its path names; a path on somebody's machine is nothing. */
static void write_media(struct grid *g, struct json_writer *w, const struct dataset_column *column, const struct dataset_place *at, const struct json *v)
{
    struct media m = { 0 };
    bool is_audio = str_eq(column->type, STR("audio")), is_image = column->kind == DATASET_IMAGE;
    str path = json_str_or(v, STR("path"), STR("")), file = json_str_or(v, STR("file"), STR(""));
    bool has_bytes = media_parse(json_str_or(v, STR("bytes"), STR("")), g->c->a, &m);
    if (!has_bytes && !str_starts(path, STR("hf://datasets/"))) {
        jw_null(w);
        return;
    }
    if (is_audio) jw_array(w);
    jw_object(w);
    if (file.n) write_file_url(g, w, file);
    else if (has_bytes) write_media_url(g, w, column, at);
    else if (!write_hub_path(g, w, path)) jw_knull(w, "src");
    if (is_image && m.height) jw_kint(w, "height", m.height);
    if (is_image && m.width) jw_kint(w, "width", m.width);
    if (!is_image && has_bytes) jw_kstr(w, "type", str_c(m.type));
    jw_object_end(w);
    if (is_audio) jw_array_end(w);
}

static bool write_cells(struct grid *g, const struct json **value, const struct dataset_place *place, struct arena *a, struct err *e)
{
    size_t columns = g->t.columns_count;
    size_t *links = arena_alloc(a, (columns + 1) * sizeof *links);
    g->cell = arena_alloc(a, (g->rows * columns + 1) * sizeof *g->cell);
    g->is_whole = arena_alloc(a, columns + 1);
    for (size_t i = 0; i < g->rows * columns; i++) {
        const struct dataset_column *column = &g->t.column[i % columns];
        struct json_writer w = json_writer(&g->json);
        struct cell *cell = &g->cell[i];
        cell->at = g->json.n;
        if (column->kind == DATASET_IMAGE || column->kind == DATASET_MEDIA) write_media(g, &w, column, &place[i / columns], value[i]);
        else dataset_value_write(&w, column->node, value[i]);
        if (g->json.failed) return err_kind(e, ERR_UNPROCESSABLE, "TooBigContentError", "These rows have more than %d MiB; ask for fewer", CELLS_BYTES_MAX >> 20);
        cell->n = g->json.n - cell->at;
        links[i % columns] += str_starts(str_n(g->json.p + cell->at, cell->n), STR("\"http"));
    }
    for (size_t k = 0; k < columns; k++) { /* addresses and media are of no use in parts */
        enum dataset_kind kind = g->t.column[k].kind;
        g->is_whole[k] = kind == DATASET_IMAGE || kind == DATASET_MEDIA || links[k] * 10 > g->rows * 3;
        g->names_bytes += g->t.column[k].name.n + 4;
    }
    return true;
}

/* ------------------------------------------------------------------ what fits */

static size_t row_bytes(const struct grid *g, size_t row)
{
    size_t n = ROW_BYTES + g->names_bytes;
    for (size_t k = 0; k < g->t.columns_count; k++) n += g->cell[row * g->t.columns_count + k].n;
    return n;
}

/* The first bytes of its JSON, as a string. */
static void cut_cell(struct grid *g, struct cell *cell)
{
    char first[CUT_CELL_BYTES];
    size_t n = CUT_CELL_BYTES;
    while (n && ((unsigned char)g->json.p[cell->at + n] & 0xc0) == 0x80) n--; /* between letters */
    memcpy(first, g->json.p + cell->at, n);
    size_t at = g->json.n;
    buf_json_str(&g->json, str_n(first, n));
    *cell = (struct cell){ at, g->json.n - at, true };
}

/* How many rows the answer has: at least rows_min, which are cut to fit; more as long as they do. */
static size_t fit(struct grid *g, size_t bytes_max, size_t rows_min)
{
    size_t columns = g->t.columns_count, n = g->rows < rows_min ? g->rows : rows_min, all = g->types_bytes;
    g->json.bytes_max = 0; /* what is cut needs little more */
    for (size_t i = 0; i < n; i++) all += row_bytes(g, i);
    for (size_t i = n; i-- > 0 && all > bytes_max;) {
        size_t before = row_bytes(g, i);
        for (size_t k = 0; k < columns; k++) {
            struct cell *cell = &g->cell[i * columns + k];
            if (cell->n > CUT_CELL_BYTES && !g->is_whole[k]) cut_cell(g, cell);
        }
        all = all - before + row_bytes(g, i);
    }
    while (n < g->rows && all + row_bytes(g, n) <= bytes_max) all += row_bytes(g, n++);
    return n;
}

/* ------------------------------------------------------------------ the answer */

static void write_types(struct grid *g, struct json_writer *w, struct arena *a)
{
    size_t before = w->out->n;
    jw_karray(w, "features");
    for (size_t k = 0; k < g->t.columns_count; k++) {
        jw_object(w);
        jw_kint(w, "feature_idx", (int64_t)k);
        jw_kstr(w, "name", g->t.column[k].name);
        jw_key(w, STR("type"));
        dataset_feature_write(w, &g->t.column[k], a);
        jw_object_end(w);
    }
    jw_array_end(w);
    g->types_bytes = w->out->n - before;
}

static void write_row(const struct grid *g, struct json_writer *w, size_t i, uint64_t number)
{
    const struct cell *cell = &g->cell[i * g->t.columns_count];
    jw_object(w);
    jw_kint(w, "row_idx", (int64_t)number);
    jw_kobject(w, "row");
    for (size_t k = 0; k < g->t.columns_count; k++) {
        jw_key(w, g->t.column[k].name);
        jw_raw(w, str_n(g->json.p + cell[k].at, cell[k].n));
    }
    jw_object_end(w);
    jw_karray(w, "truncated_cells");
    for (size_t k = 0; k < g->t.columns_count; k++)
        if (cell[k].is_cut) jw_str(w, g->t.column[k].name);
    jw_array_end(w);
    jw_object_end(w);
}

struct page {
    uint64_t first;
    size_t rows, rows_min, bytes_max;
    bool is_first; /* /first-rows has members of its own */
};

/* A large file of text is read from its beginning once, and not in one request where it is very large. */
static bool reach(struct call *c, struct dataset_table *t, uint64_t end, struct err *e)
{
    if (t->is_counted || t->rows_count >= end) return true;
    if (!dataset_reach(c->hub, t, end, e)) return false;
    return t->is_counted || t->rows_count >= end ||
           err_kind(e, ERR_BUSY, "ResponseNotReady", "The files have been read up to row %llu. Each request reads on: please retry.", (unsigned long long)t->rows_count);
}

static void write_rows(struct grid *g, struct json_writer *w, size_t n, const uint64_t *number, uint64_t first)
{
    jw_karray(w, "rows");
    for (size_t i = 0; i < n; i++) write_row(g, w, i, number ? number[i] : first + i);
    jw_array_end(w);
}

static void write_count(struct json_writer *w, uint64_t total, bool is_partial)
{
    jw_kint(w, "num_rows_total", (int64_t)total);
    jw_kint(w, "num_rows_per_page", VIEWER_ROWS_MAX);
    jw_kbool(w, "partial", is_partial);
}

bool viewer_write_found(struct call *c, const struct viewer *v, struct dataset_table *t, const struct dataset_found *found, struct arena *a, struct buf *out,
                        struct err *e)
{
    struct grid g = { .c = c, .v = v, .t = *t, .json = BUF_INIT(CELLS_BYTES_MAX), .rows = found->n };
    struct json_writer w = json_writer(out);
    const struct json **value;
    struct dataset_place *place;
    bool ok = dataset_values_at(t, found->row, found->n, a, &value, &place, e) && write_cells(&g, value, place, a, e);
    if (ok) {
        jw_object(&w);
        write_types(&g, &w, a);
        write_rows(&g, &w, fit(&g, ROWS_BYTES_MAX, found->n), found->row, 0);
        write_count(&w, found->total, found->is_partial);
        jw_object_end(&w);
    }
    buf_deinit(&g.json);
    return ok;
}

static bool write_page(struct call *c, const struct viewer *v, const struct dataset_split *s, const struct page *page, struct arena *a, struct buf *out, struct err *e)
{
    struct grid g = { .c = c, .v = v, .json = BUF_INIT(CELLS_BYTES_MAX) };
    struct json_writer w = json_writer(out);
    const struct json **value;
    struct dataset_place *place;
    bool ok = viewer_open(c, s, a, &g.t, e) && reach(c, &g.t, page->first + page->rows, e) && dataset_values(&g.t, page->first, page->rows, a, &value, &place, &g.rows, e) &&
              write_cells(&g, value, place, a, e);
    if (ok) {
        jw_object(&w);
        if (page->is_first) {
            jw_kstr(&w, "dataset", c->repo.full_name);
            jw_kstr(&w, "config", s->config);
            jw_kstr(&w, "split", s->split);
        }
        write_types(&g, &w, a);
        size_t n = fit(&g, page->bytes_max, page->rows_min);
        write_rows(&g, &w, n, NULL, page->first);
        if (page->is_first) {
            jw_kbool(&w, "truncated", n < g.t.rows_count || s->has_more || !g.t.is_counted);
        } else {
            write_count(&w, g.t.rows_count, s->has_more || !g.t.is_counted);
        }
        jw_object_end(&w);
    }
    buf_deinit(&g.json);
    return ok;
}

static bool reply_page(struct call *c, const struct page *page, struct err *e)
{
    struct viewer v;
    const struct dataset_split *s;
    struct buf b = BUF_INIT(0);
    if (!viewer_load_rows(c, &v, e) || !viewer_split(c, &v, &s, e)) return false;
    struct arena *a;
    if (!dataset_reading_begin(&a, e)) return false;
    bool ok = write_page(c, &v, s, page, a, &b, e);
    dataset_reading_end(a);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

static bool get_first_rows(struct call *c, struct err *e)
{
    struct page page = { .rows = VIEWER_ROWS_MAX, .rows_min = FIRST_ROWS_MIN, .bytes_max = FIRST_BYTES_MAX, .is_first = true };
    return reply_page(c, &page, e);
}

/* A number that may be missing; the messages are those of the public service. */
static bool read_number(struct call *c, const char *name, uint64_t *out, struct err *e)
{
    int64_t i;
    str text = str_trim(call_query(c, name));
    if (!text.n) return true;
    if (!str_i64(text, &i)) return err_kind(e, ERR_UNPROCESSABLE, "InvalidParameter", "Parameter '%s' must be integer", name);
    if (i < 0) return err_kind(e, ERR_UNPROCESSABLE, "InvalidParameter", "Parameter '%s' must be positive", name);
    *out = (uint64_t)i;
    return true;
}

bool viewer_window(struct call *c, struct dataset_window *out, struct err *e)
{
    uint64_t length = VIEWER_ROWS_MAX;
    out->offset = 0;
    if (!read_number(c, "offset", &out->offset, e) || !read_number(c, "length", &length, e)) return false;
    out->length = (size_t)length;
    return length <= VIEWER_ROWS_MAX || err_kind(e, ERR_UNPROCESSABLE, "InvalidParameter", "Parameter 'length' must not be greater than %d", VIEWER_ROWS_MAX);
}

static bool get_rows(struct call *c, struct err *e)
{
    struct dataset_window window;
    if (!viewer_window(c, &window, e)) return false;
    struct page page = { .first = window.offset, .rows = window.length, .rows_min = window.length, .bytes_max = ROWS_BYTES_MAX };
    return reply_page(c, &page, e);
}

/* ------------------------------------------------------------------ media */

static bool reply_media(struct call *c, bytes b)
{
    struct media m;
    media_look(b, &m);
    http_add_header(c->http, "Cache-Control", c->repo.is_private || c->repo.gated.n ? STR("private, max-age=300") : STR("public, max-age=300"));
    http_add_header(c->http, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
    return http_reply(c->http, 200, m.type, str_of(b));
}

/* The address that a cell has: of this revision alone, so that it never shows what came into its place. */
static bool get_asset(struct call *c, struct err *e)
{
    struct viewer v;
    str path, revision, column;
    uint64_t row = 0;
    bytes b;
    struct dataset_table t;
    const struct repo_file_row *file = NULL;
    enum dataset_format format = DATASET_PARQUET;
    if (!viewer_need(c, "file", &path, e) || !viewer_need(c, "revision", &revision, e) || !viewer_need(c, "column", &column, e)) return false;
    if (!read_number(c, "row", &row, e) || !viewer_load(c, &v, e)) return false;
    for (size_t i = 0; i < v.files.n && !file; i++)
        if (str_eq(v.files.file[i].path, path)) file = &v.files.file[i];
    if (!file || !dataset_format_of(path, &format) || dataset_is_folder(format) || !str_eq(revision, v.sha)) return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "There is no such file at the head of main any more; ask for the rows again");
    struct dataset_split one = { .files = &v.files, .file = &file, .files_count = 1 };
    struct arena *a;
    if (!dataset_reading_begin(&a, e)) return false;
    bool ok = viewer_open(c, &one, a, &t, e) && reach(c, &t, row + 1, e) && dataset_media(&t, row, column, VIEWER_MEDIA_BYTES_MAX, a, &b, e) && reply_media(c, b);
    dataset_reading_end(a);
    return ok;
}

#define ROW(path, handler, name) { HTTP_GET, API_VIEWER_FOLDER path, PERM_DATASET_READ, HTTP_BODY_NONE, 0, 0, handler, name, SHAPE_HUB }
static const struct api_route rows[] = {
    ROW("/first-rows", get_first_rows, "viewer.first-rows"),
    ROW("/rows", get_rows, "viewer.rows"),
    ROW("/assets", get_asset, "viewer.asset"),
};
const struct api_table viewer_row_table = API_TABLE(rows);
