/* web/repo/viewer/viewer_split.c - rows of splits: which there are, a page of rows through the files of one, or of those that somebody looks for, and
 * the pictures in their cells, which the browser asks for one by one as they come into sight. */
#include "web/repo/viewer/viewer.h"

/* As the dataset viewer's API has them (api/viewer/ask.c). */
bool viewer_splits_read(struct call *c, const struct json *card, struct viewer_splits *out, struct err *e)
{
    *out = (struct viewer_splits){ 0 };
    if (!dataset_files_find(call_db(c), c->repo.id, c->a, &out->files, e)) return false;
    out->files.waiter = (struct mirror_waiter){ call_has_left, c };
    bool is_about_others = out->files.is_of_others && !json_get(card, STR("configs"));
    if (out->files.n && !is_about_others) dataset_splits(card, &out->files, c->a, &out->split, &out->n);
    return true;
}

str viewer_split_name(const struct dataset_split *s, struct arena *a) { return arena_fmt(a, "%.*s/%.*s", STR_ARG(s->config), STR_ARG(s->split)); }

const struct dataset_split *viewer_split_asked(const struct viewer_splits *s, str asked, struct arena *a)
{
    for (size_t i = 0; i < s->n; i++)
        if (!asked.n || str_eq(viewer_split_name(&s->split[i], a), asked)) return &s->split[i];
    return NULL;
}

/* ------------------------------------------------------------------ a page of rows */

static void write_columns(struct json_writer *w, const struct dataset_table *t, const struct dataset_rows *rows)
{
    jw_karray(w, "columns");
    for (size_t k = 0; k < t->columns_count; k++) {
        jw_object(w);
        jw_kstr(w, "name", view_cell(t->column[k].name));
        jw_kstr(w, "type", t->column[k].type);
        jw_kbool(w, "is_number", t->column[k].is_number);
        if (rows->problem[k]) jw_kstr(w, "problem", str_c(rows->problem[k]));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_kbool(w, "more_columns", t->columns_all > t->columns_count);
    jw_kint(w, "columns_all", (int64_t)t->columns_all);
}

/* The address of an image, audio or video: where it is no file itself, it names the file and the row in it, so that it stays the same however people page. */
static void write_address(struct page *p, const struct dataset_table *t, const struct dataset_column *column, const struct dataset_place *at, const struct dataset_cell *cell)
{
    struct buf b = BUF_INIT(0);
    const char *key = column->kind == DATASET_IMAGE ? "picture" : str_eq(column->type, STR("audio")) ? "sound" : str_eq(column->type, STR("video")) ? "film" : NULL;
    if (!key) return;
    if (cell->media_file.n) {
        buf_addf(&b, "/datasets/%.*s/resolve/main/", STR_ARG(p->c->repo.full_name));
        http_encode(&b, cell->media_file, "/");
    } else {
        buf_addf(&b, "/datasets/%.*s/viewer/picture?row=%llu&file=", STR_ARG(p->c->repo.full_name), (unsigned long long)at->row + 1);
        http_encode(&b, t->part[at->part].file->path, "/");
        buf_lit(&b, "&column=");
        http_encode(&b, column->name, "");
    }
    jw_kstr(&p->w, key, buf_str(&b));
    buf_deinit(&b);
}

/* Text, null, or an object: label and number; picture, media and bytes. */
static void write_cell(struct page *p, const struct dataset_table *t, size_t k, const struct dataset_place *at, const struct dataset_cell *cell)
{
    const struct dataset_column *column = &t->column[k];
    struct json_writer *w = &p->w;
    if (!cell->v || cell->is_null) {
        jw_null(w);
        return;
    }
    if (column->kind == DATASET_PLAIN || (column->kind == DATASET_LABEL && !cell->label.p)) {
        jw_str(w, cell->text);
        return;
    }
    jw_object(w);
    if (column->kind == DATASET_LABEL) {
        jw_kstr(w, "label", cell->label);
        jw_kstr(w, "number", cell->text);
    } else {
        jw_kstr(w, "media", cell->media_path);
        jw_kint(w, "bytes", (int64_t)cell->media_bytes);
        if (cell->media_file.n || (cell->media_bytes && cell->media_bytes <= VIEWER_PICTURE_BYTES_MAX)) write_address(p, t, column, at, cell);
    }
    jw_object_end(w);
}

static void write_rows(struct page *p, const struct dataset_table *t, const struct dataset_rows *rows, size_t most)
{
    write_columns(&p->w, t, rows);
    jw_karray(&p->w, "rows");
    for (size_t i = 0; i < rows->rows_count && i < most; i++) {
        jw_array(&p->w);
        for (size_t k = 0; k < t->columns_count; k++) write_cell(p, t, k, &rows->place[i], &rows->cell[i * t->columns_count + k]);
        jw_array_end(&p->w);
    }
    jw_array_end(&p->w);
}

/* The rows that somebody looks for, or those of the page. */
static bool find_rows(struct call *c, struct dataset_table *t, const struct viewer_query *q, struct view_window window, struct arena *a, struct dataset_found *found,
                      struct dataset_rows *rows, struct err *e)
{
    struct dataset_window page = { window.skip, window.most };
    struct scan_asker asker = { call_has_left, c };
    struct where where;
    struct where_order order;
    bool ok = q->words.n ? dataset_search(t, q->words, page, asker, a, found, e)
                         : where_parse(q->where, t, a, &where, e) && where_order_parse(q->order, t, a, &order, e) && dataset_filter(t, &where, &order, page, asker, a, found, e);
    return ok && dataset_rows_at(t, found->row, found->n, VIEW_CELL_BYTES_MAX, a, rows, e);
}

static bool page_of_rows(struct call *c, struct dataset_table *t, struct view_window window, struct arena *a, struct dataset_rows *rows, struct err *e)
{
    uint64_t end = window.skip + window.most;
    return (t->rows_count >= end || dataset_reach(c->hub, t, end, e)) && dataset_rows(t, window.skip, window.most, VIEW_CELL_BYTES_MAX, a, rows, e);
}

static void write_found(struct page *p, const struct dataset_found *found)
{
    jw_karray(&p->w, "numbers");
    for (size_t i = 0; i < found->n; i++) jw_int(&p->w, (int64_t)found->row[i] + 1);
    jw_array_end(&p->w);
    jw_kint(&p->w, "found", (int64_t)found->total);
    jw_kbool(&p->w, "found_partly", found->is_partial);
}

bool viewer_write_split(struct page *p, const struct dataset_split *s, const struct viewer_query *q, struct view_window window, struct err *e)
{
    struct call *c = p->c;
    struct vcs_repo *git;
    struct dataset_table t;
    struct dataset_rows rows;
    struct dataset_found found = { 0 };
    struct arena *a;
    uint64_t size_bytes = 0;
    bool is_asked = q && (q->words.n || q->where.n || q->order.n);
    call_give_back(c);
    if (!dataset_reading_begin(&a, e)) return false;
    for (size_t i = 0; i < s->files_count; i++) size_bytes += s->file[i]->size_bytes;
    bool ok = call_git(c, &git, e) && dataset_open(c->hub, git, s, VIEW_COLUMNS_MAX, a, &t, e);
    call_give_back(c); /* looking for rows may take a while */
    ok = ok && (is_asked ? find_rows(c, &t, q, window, a, &found, &rows, e) : page_of_rows(c, &t, window, a, &rows, e));
    if (ok) {
        uint64_t all = is_asked ? found.total : t.rows_count;
        jw_kstr(&p->w, "file", s->file[0]->path);
        jw_kint(&p->w, "parts", (int64_t)s->files_count);
        jw_kint(&p->w, "bytes", (int64_t)size_bytes);
        jw_kint(&p->w, "first", (int64_t)window.skip + 1);
        jw_kint(&p->w, "rows_all", (int64_t)t.rows_count);
        jw_kbool(&p->w, "is_counted", t.is_counted);
        jw_kbool(&p->w, "has_next", all > window.skip && all - window.skip > window.most);
        jw_kbool(&p->w, "ends_early", false);
        jw_kbool(&p->w, "is_text", true);
        jw_kbool(&p->w, "is_split", true);
        jw_kbool(&p->w, "has_words", dataset_is_searchable(&t));
        if (is_asked) write_found(p, &found);
        write_rows(p, &t, &rows, window.most);
    }
    dataset_reading_end(a);
    return ok;
}

/* ------------------------------------------------------------------ images, audio and video */

static bool reply_media(struct call *c, bytes b, struct err *e)
{
    struct media is;
    media_look(b, &is);
    str type = str_c(is.type);
    if (!str_starts(type, STR("image/")) && !str_starts(type, STR("audio/")) && !str_starts(type, STR("video/")))
        return err_set(e, ERR_UNSUPPORTED_TYPE, "What stands there is no picture (PNG, JPEG, WebP, GIF), no sound (WAV, FLAC, Ogg, MP3) and no film (MP4, WebM)");
    http_add_header(c->http, "Cache-Control", c->repo.is_private || c->repo.gated.n ? STR("private, max-age=300") : STR("public, max-age=300"));
    http_add_header(c->http, "Content-Security-Policy", STR("default-src 'none'; sandbox"));
    return http_reply(c->http, 200, is.type, str_of(b));
}

bool viewer_get_picture(struct call *c, struct err *e)
{
    struct repo_file_row file;
    const struct repo_file_row *one = &file;
    struct dataset_table t;
    struct vcs_repo *git;
    enum dataset_format format = DATASET_FORMATS;
    bool found;
    uint64_t row = 0;
    bytes b;
    str path = call_query(c, "file");
    if (!path.n) return err_set(e, ERR_INVALID, "file, row and column say which picture");
    if (!repo_file_find(call_db(c), c->repo.id, path, &file, &found, c->a, e)) return false;
    if (!found || !dataset_format_of(path, &format) || (format != DATASET_PARQUET && format != DATASET_TAR))
        return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "There is no file of Parquet, and no archive, \"%.*s\"", STR_ARG(str_to(path, 200)));
    if (!str_u64(call_query(c, "row"), &row) || !row || row > INT64_MAX) return err_set(e, ERR_INVALID, "row is the number of a row, from 1");
    struct dataset_files of = { .repo_id = c->repo.id, .waiter = { call_has_left, c } };
    struct dataset_split these = { .files = &of, .file = &one, .files_count = 1 };
    struct arena *a;
    call_give_back(c);
    if (!dataset_reading_begin(&a, e)) return false;
    bool ok = call_git(c, &git, e) && dataset_open(c->hub, git, &these, VIEW_COLUMNS_MAX, a, &t, e);
    call_give_back(c); /* a page of pictures may take a while to unpack */
    ok = ok && (t.rows_count >= row || dataset_reach(c->hub, &t, row, e)) && dataset_media(&t, row - 1, call_query(c, "column"), VIEWER_PICTURE_BYTES_MAX, a, &b, e) && reply_media(c, b, e);
    dataset_reading_end(a);
    return ok;
}
