/* dataset/text/text.c - reads files of text row by row: from their beginning, to know them, and from any row, by the index.
 *
 * The files of a split share a cursor: rows that follow those of the last call are read on from there, and of packed files one at a time is being unpacked. */
#include "dataset/parquet/parquet_priv.h"
#include "dataset/text/text.h"

enum { CHUNK_BYTES = 1 << 20, STEP_BYTES = 1 << 20 };

/* ------------------------------------------------------------------ one row after the other */

/* p[from] to p[n] is what was read and not taken yet; p[0] stands at the byte `at` of what is unpacked. */
struct text_cursor {
    const struct text *t; /* NULL: nothing was read */
    uint8_t *p;
    size_t from, n, cap;
    uint64_t at, bytes_left;
    uint64_t row;   /* the number of the next row */
    bool is_last;   /* the file ends behind p[n] */
    struct unpack *unpack;
};

static uint64_t cursor_at(const struct text_cursor *c) { return c->at + c->from; }

static void cursor_free(void *ctx)
{
    struct text_cursor *c = ctx;
    mem_free(c->p);
}

static struct text_cursor *cursor_new(struct arena *a)
{
    struct text_cursor *c = arena_one(a, struct text_cursor);
    c->unpack = unpack_new(a);
    arena_on_free(a, cursor_free, c);
    return c;
}

/* What was read already is not read again. */
static struct text_cursor *cursor_go(struct text *t, uint64_t at, uint64_t row, uint64_t bytes_max)
{
    struct text_cursor *c = t->cursor;
    if (c->t == t && at >= c->at && at - c->at <= c->n) {
        c->from = (size_t)(at - c->at);
    } else {
        c->at = at;
        c->from = c->n = 0;
        c->is_last = false;
    }
    if (c->t != t && t->way.packing) unpack_aim(c->unpack, t->source, t->way.packing, &t->points, t->a);
    c->t = t;
    c->row = row;
    c->bytes_left = bytes_max;
    return c;
}

static bool read_bytes(struct text_cursor *c, uint64_t at, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    const struct parquet_source *source = c->t->source;
    if (c->t->way.packing) return unpack_read(c->unpack, at, out, n, got, e);
    uint64_t there = source->size_bytes - at;
    *got = n < there ? n : (size_t)there;
    return source->read(source->ctx, at, out, *got, e);
}

static bool cursor_read(struct text_cursor *c, struct err *e)
{
    size_t got;
    if (c->from) memmove(c->p, c->p + c->from, c->n - c->from);
    c->at += c->from;
    c->n -= c->from;
    c->from = 0;
    if (c->n >= TEXT_ROW_BYTES_MAX)
        return err_set(e, ERR_UNPROCESSABLE, "the row at byte %llu does not end within %d MiB", (unsigned long long)c->at, TEXT_ROW_BYTES_MAX >> 20);
    if (c->cap - c->n < CHUNK_BYTES) {
        c->cap = c->n + CHUNK_BYTES > 2 * c->cap ? c->n + CHUNK_BYTES : 2 * c->cap;
        c->p = mem_grow(c->p, c->cap);
    }
    if (!read_bytes(c, c->at + c->n, c->p + c->n, CHUNK_BYTES, &got, e)) return false;
    c->bytes_left -= got;
    c->n += got;
    c->is_last = got < CHUNK_BYTES;
    return true;
}

static enum text_step step(const struct text *t, str text, bool is_last, str *row, size_t *next)
{
    switch (t->way.kind) {
    case TEXT_CSV: return text_csv_next(text, t->way.separator, is_last, row, next);
    case TEXT_LINES: return text_line_next(text, is_last, row, next);
    case TEXT_JSON: case TEXT_TAR: break; /* archives have no rows of text */
    }
    return text_json_next(text, t->is_array, is_last, row, next);
}

/* *row is a view until the next call.  TEXT_MORE: bytes_left does not do; the cursor stands between rows. */
static bool cursor_next(struct text_cursor *c, str *row, enum text_step *out, struct err *e)
{
    for (;;) {
        str rest = str_n(c->p ? (const char *)c->p + c->from : "", c->n - c->from);
        size_t next = 0;
        *out = step(c->t, rest, c->is_last, row, &next);
        if (*out == TEXT_BAD) return err_set(e, ERR_UNPROCESSABLE, "what stands at byte %llu is no JSON value", (unsigned long long)(cursor_at(c) + next));
        if (*out == TEXT_ROW && row->n > TEXT_ROW_BYTES_MAX)
            return err_set(e, ERR_UNPROCESSABLE, "the row at byte %llu has more than %d MiB", (unsigned long long)cursor_at(c), TEXT_ROW_BYTES_MAX >> 20);
        c->from += next; /* what needs not be looked at again */
        c->row += *out == TEXT_ROW;
        if (*out != TEXT_MORE || c->bytes_left < CHUNK_BYTES) return true;
        if (!cursor_read(c, e)) return false;
    }
}

/* ------------------------------------------------------------------ the index */

void text_add_place(struct text *t, uint64_t at)
{
    struct text_index *x = &t->index;
    if (x->n && at - x->place[x->n - 1].at < x->step) return;
    if (x->n == TEXT_BLOCKS_MAX) {
        for (size_t i = 0; i < x->n / 2; i++) x->place[i] = x->place[2 * i];
        x->n /= 2;
        x->step *= 2;
        if (at - x->place[x->n - 1].at < x->step) return;
    }
    x->place = arena_grow(t->a, x->place, x->n, sizeof *x->place);
    x->place[x->n++] = (struct text_place){ at, x->rows };
}

/* The cursor stands at index.at. */
static bool index_next(struct text *t, struct text_cursor *c, str *row, enum text_step *found, struct err *e)
{
    uint64_t before = cursor_at(c);
    if (!cursor_next(c, row, found, e)) return false;
    if (*found == TEXT_ROW) {
        text_add_place(t, before);
        t->index.rows++;
    }
    t->index.at = cursor_at(c);
    t->index.is_whole = *found == TEXT_END;
    return true;
}

/* A row that begins within them is read to its end; a file without rows, of blanks alone, only so far. */
static uint64_t bytes_for(uint64_t bytes_max) { return bytes_max > UINT64_MAX / 2 ? UINT64_MAX : bytes_max + TEXT_ROW_BYTES_MAX + 2 * CHUNK_BYTES; }

bool text_extend(struct text *t, uint64_t row, uint64_t bytes_max, struct err *e)
{
    if (t->way.kind == TEXT_TAR) return text_tar_extend(t, row, bytes_max, e);
    struct text_cursor *c = cursor_go(t, t->index.at, t->index.rows, bytes_for(bytes_max));
    uint64_t end = bytes_max > UINT64_MAX - t->index.at ? UINT64_MAX : t->index.at + bytes_max;
    enum text_step found = TEXT_ROW;
    str ignored;
    while (!t->index.is_whole && found == TEXT_ROW && t->index.rows <= row && cursor_at(c) < end)
        if (!index_next(t, c, &ignored, &found, e)) return false;
    return true;
}

uint64_t text_bytes(const struct text *t)
{
    if (!t->way.packing) return t->source->size_bytes;
    if (t->index.is_whole || !t->points.packed_reached) return t->index.at;
    double all = (double)t->source->size_bytes * ((double)t->points.reached / (double)t->points.packed_reached);
    return all < 1e18 ? (uint64_t)all : UINT64_MAX / 4;
}

double text_share_read(const struct text *t)
{
    uint64_t all = text_bytes(t);
    return t->index.is_whole ? 1 : all ? (double)t->index.at / (double)all : 0;
}

/* ------------------------------------------------------------------ opening */

/* To where the rows begin: behind the mark of UTF-8, and the bracket of an array; of CSV, behind the header. */
static bool begin(struct text *t, struct text_cursor *c, struct err *e)
{
    str row;
    enum text_step found;
    if (!cursor_read(c, e)) return false;
    if (!c->n && t->way.kind != TEXT_LINES) return err_set(e, ERR_UNPROCESSABLE, "the file is empty");
    if (c->n >= 3 && memcmp(c->p, "\xef\xbb\xbf", 3) == 0 && t->way.kind != TEXT_LINES) c->from = 3;
    if (t->way.kind == TEXT_CSV) {
        uint64_t before = cursor_at(c);
        if (!cursor_next(c, &row, &found, e)) return false;
        if (found != TEXT_ROW) return err_set(e, ERR_UNPROCESSABLE, "the file has no header");
        if (!text_csv_header(t, row, t->a, e)) return false;
        if (t->way.has_no_header) c = cursor_go(t, before, 0, c->bytes_left); /* it is a row */
    }
    if (t->way.kind == TEXT_JSON) {
        while (c->from < c->n && memchr(" \t\r\n", c->p[c->from], 4)) c->from++;
        t->is_array = c->from < c->n && c->p[c->from] == '[';
        c->from += t->is_array;
    }
    c->row = 0;
    return true;
}

static bool learn_types(struct text *t, struct text_cursor *c, struct arena *scratch, struct err *e)
{
    struct arena *own = arena_new(64 << 20);
    struct text_types ty = { .t = t, .a = own };
    bool is_json = t->way.kind == TEXT_JSON, ok = true;
    enum text_step found = TEXT_ROW;
    if (!is_json) text_csv_begin(&ty);
    while (cursor_at(c) < TEXT_TYPES_BYTES && (is_json || t->index.rows < TEXT_TYPES_ROWS)) {
        uint64_t at = cursor_at(c);
        str row;
        ok = index_next(t, c, &row, &found, e);
        if (!ok || found != TEXT_ROW) break;
        ok = is_json ? text_json_look(&ty, row, scratch, e) : text_csv_look(&ty, row, scratch, e);
        if (!ok) err_context(e, "row %llu, at byte %llu", (unsigned long long)t->index.rows, (unsigned long long)at);
        if (!ok) break;
        arena_reset(scratch);
    }
    ok = ok && (is_json ? text_json_types(&ty, t, e) : text_csv_types(&ty, t, e));
    t->types_are_whole = ok && t->index.is_whole;
    arena_free(own);
    return ok;
}

/* Lines of text are one column. */
static void line_types(struct text *t)
{
    t->column = arena_one(t->a, struct parquet_node);
    *t->column = (struct parquet_node){ .name = STR("text"), .physical = PARQUET_BYTES, .logical = PARQUET_STRING };
    t->columns_count = 1;
    t->types_are_whole = true;
}

/* Members of JSON may be missing, and have another order; names of CSV are those of the header. */
static void take_types(struct text *t, const struct text *like)
{
    if (t->way.kind == TEXT_JSON || t->way.kind == TEXT_TAR) {
        t->column = like->column;
        t->columns_count = like->columns_count;
    }
    for (size_t i = 0; t->way.kind == TEXT_CSV && i < t->columns_count && i < like->columns_count; i++) {
        str name = t->column[i].name;
        t->column[i] = like->column[i];
        t->column[i].name = name;
    }
}

struct text *text_new(const struct parquet_source *source, const struct text_way *way, const struct text *like, struct arena *a)
{
    struct text *t = arena_one(a, struct text);
    *t = (struct text){ .source = source, .way = *way, .like = like, .a = a, .index.step = STEP_BYTES, .points.step = UNPACK_STEP_BYTES,
                        .cursor = like ? like->cursor : cursor_new(a) };
    return t;
}

bool text_open(struct text *t, struct err *e)
{
    if (t->way.kind == TEXT_TAR) {
        if (t->like) take_types(t, t->like);
        return t->like || text_tar_open(t, e);
    }
    struct text_cursor *c = cursor_go(t, 0, 0, bytes_for(TEXT_TYPES_BYTES));
    struct arena *scratch = arena_new(256 << 20);
    bool ok = begin(t, c, e);
    t->index.at = cursor_at(c);
    if (t->way.kind == TEXT_LINES) line_types(t);
    else if (t->like) take_types(t, t->like);
    else ok = ok && learn_types(t, c, scratch, e);
    arena_free(scratch);
    return ok;
}

bool text_open_kept(struct text *t, bytes index, bytes points, str types)
{
    uint64_t file_bytes = t->way.packing ? UINT64_MAX : t->source->size_bytes;
    struct text_index x;
    struct unpack_points p = t->points;
    if (!text_index_parse(index, file_bytes, t->a, &x) || (t->way.packing && !unpack_points_parse(points, t->source->size_bytes, t->a, &p))) return false;
    if (!text_types_parse(types, t)) return false;
    t->index = x;
    t->points = p;
    if (t->like) take_types(t, t->like);
    return true;
}

/* ------------------------------------------------------------------ rows */

const struct text_place *text_place_before(const struct text_index *x, uint64_t row)
{
    size_t low = 0, high = x->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (x->place[middle].row <= row) low = middle;
        else high = middle;
    }
    return &x->place[low];
}

struct json *text_value(str s, const struct parquet_options *o, struct arena *a, struct err *e)
{
    struct json *v = pq_json_new(a, JSON_STRING, e);
    bool is_cut = s.n > o->text_bytes_max;
    if (is_cut) s = str_to(s, o->text_bytes_max);
    while (is_cut && s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80) s.n--;
    char *copy = v ? arena_try(a, s.n + 4) : NULL;
    if (v && !copy) err_set(e, ERR_TOO_LARGE, "the values are too large to be shown");
    if (!copy) return NULL;
    if (s.n) memcpy(copy, s.p, s.n);
    if (is_cut) memcpy(copy + s.n, "\xe2\x80\xa6", 3);
    v->s = str_n(copy, s.n + (is_cut ? 3 : 0));
    return v;
}

struct taking {
    struct text *t;
    const size_t *column;
    size_t columns;
    const struct parquet_options *o;
    struct arena *a, *scratch;
    struct parquet_cells *out;
};

/* Line ends are "\n", "\r\n" and "\r", as Python reads text. */
enum text_step text_line_next(str text, bool is_last, str *row, size_t *next)
{
    *next = 0;
    if (!text.n) return is_last ? TEXT_END : TEXT_MORE;
    const char *line = memchr(text.p, '\n', text.n);
    size_t n = line ? (size_t)(line - text.p) : text.n;
    const char *early = memchr(text.p, '\r', n);
    if (early) n = (size_t)(early - text.p);
    if (!is_last && (n == text.n || (early && n + 1 == text.n))) return TEXT_MORE;
    *row = str_to(text, n);
    *next = n == text.n ? n : n + 1 + (early && n + 1 < text.n && text.p[n + 1] == '\n');
    return TEXT_ROW;
}

static bool line_values(str row, size_t columns, const struct parquet_options *o, struct arena *a, struct json **value, struct err *e)
{
    if (!str_is_utf8(row)) return err_set(e, ERR_UNPROCESSABLE, "it is no UTF-8");
    for (size_t k = 0; k < columns; k++)
        if (!(value[k] = text_value(row, o, a, e))) return false;
    return true;
}

static bool take_row(struct taking *k, str row, uint64_t number, size_t i, struct err *e)
{
    struct json **value = &k->out->cell[i * k->columns];
    const char **problem = arena_alloc(k->scratch, (k->columns + 1) * sizeof *problem);
    enum text_kind kind = k->t->way.kind;
    bool ok = kind == TEXT_CSV  ? text_csv_values(k->t, row, k->column, k->columns, k->o, k->scratch, k->a, value, problem, e)
            : kind == TEXT_JSON ? text_json_values(k->t, row, k->column, k->columns, k->o, k->scratch, k->a, value, problem, e)
                                : line_values(row, k->columns, k->o, k->a, value, e);
    if (!ok) return err_context(e, "row %llu", (unsigned long long)number + 1);
    for (size_t c = 0; c < k->columns; c++)
        if (problem[c] && !k->out->problem[c]) k->out->problem[c] = arena_fmt(k->a, "row %llu: %s", (unsigned long long)number + 1, problem[c]).p;
    return true;
}

/* Where the cursor stands, or the place before the row, whichever is nearer. */
static struct text_cursor *go_before(struct text *t, uint64_t first, uint64_t bytes_max)
{
    const struct text_place *from = text_place_before(&t->index, first);
    const struct text_cursor *c = t->cursor;
    bool is_near = c->t == t && c->row <= first && c->row >= from->row;
    return cursor_go(t, is_near ? cursor_at(c) : from->at, is_near ? c->row : from->row, bytes_max);
}

bool text_cells(const struct text *t, uint64_t first, size_t *n, size_t columns, struct arena *a, struct parquet_cells *out, struct err *e)
{
    uint64_t there = first < t->index.rows ? t->index.rows - first : 0;
    if (*n > PARQUET_ROWS_MAX) return err_set(e, ERR_INVALID, "at most %d rows are read at a time", PARQUET_ROWS_MAX);
    if (*n > there) *n = (size_t)there;
    *out = (struct parquet_cells){ .rows_count = *n };
    out->cell = arena_try_array(a, *n * columns + 1, sizeof *out->cell);
    out->problem = arena_try_array(a, columns + 1, sizeof *out->problem);
    return (out->cell && out->problem) || err_set(e, ERR_TOO_LARGE, "too many cells");
}

void text_clear_problems(struct parquet_cells *out, size_t columns)
{
    for (size_t i = 0; i < columns; i++)
        for (size_t r = 0; out->problem[i] && r < out->rows_count; r++) out->cell[r * columns + i] = NULL;
}

bool text_read(struct text *t, uint64_t first, size_t n, const size_t *column, size_t columns_count, const struct parquet_options *o,
               struct arena *a, struct parquet_cells *out, struct err *e)
{
    if (t->way.kind == TEXT_TAR) return text_tar_read(t, first, n, column, columns_count, o, a, out, e);
    if (!text_cells(t, first, &n, columns_count, a, out, e)) return false;
    if (!n || !columns_count) return true;
    struct taking k = { t, column, columns_count, o, a, arena_new(256 << 20), out };
    struct text_cursor *c = go_before(t, first, o->bytes_max);
    bool ok = true;
    while (ok && c->row < first + n) {
        uint64_t row = c->row;
        enum text_step found;
        str text;
        ok = cursor_next(c, &text, &found, e);
        if (ok && found == TEXT_MORE) ok = err_set(e, ERR_TOO_LARGE, "reading these rows takes more work than is done for a page; the file can be downloaded");
        if (ok && found == TEXT_END) ok = err_set(e, ERR_IO, "the file ends early");
        if (!ok || row < first) continue;
        ok = take_row(&k, text, row, (size_t)(row - first), e);
        arena_reset(k.scratch);
    }
    out->bytes_spent = o->bytes_max - c->bytes_left;
    out->steps_spent = (uint64_t)n * columns_count;
    if (ok && out->steps_spent > o->steps_max) ok = err_set(e, ERR_TOO_LARGE, "these rows have too many values");
    text_clear_problems(out, columns_count);
    arena_free(k.scratch);
    return ok;
}
