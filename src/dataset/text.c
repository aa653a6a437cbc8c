/* dataset/text.c - reads files of text row by row: from their beginning, to know them, and from any row, by the index. */
#include "dataset/parquet_priv.h"
#include "dataset/text.h"

enum { CHUNK_BYTES = 1 << 20, STEP_BYTES = 1 << 20 };

/* ------------------------------------------------------------------ one row after the other */

/* p[from] to p[n] is what was read and not taken yet; p[0] stands at the byte `at` of the file. */
struct cursor {
    const struct text *t;
    uint8_t *p;
    size_t from, n, cap;
    uint64_t at, bytes_left;
};

static uint64_t cursor_at(const struct cursor *c) { return c->at + c->from; }

static bool cursor_read(struct cursor *c, struct err *e)
{
    uint64_t end = c->at + c->n, there = c->t->source->size_bytes - end;
    if (c->from) memmove(c->p, c->p + c->from, c->n - c->from);
    c->at += c->from;
    c->n -= c->from;
    c->from = 0;
    size_t wants = CHUNK_BYTES < there ? CHUNK_BYTES : (size_t)there;
    if (c->n >= TEXT_ROW_BYTES_MAX)
        return err_set(e, ERR_UNPROCESSABLE, "the row at byte %llu does not end within %d MiB", (unsigned long long)c->at, TEXT_ROW_BYTES_MAX >> 20);
    if (wants > c->bytes_left) return err_set(e, ERR_TOO_LARGE, "reading these rows takes more work than is done for a page; the file can be downloaded");
    if (c->cap - c->n < wants) {
        c->cap = c->n + wants > 2 * c->cap ? c->n + wants : 2 * c->cap;
        c->p = mem_grow(c->p, c->cap);
    }
    c->bytes_left -= wants;
    if (!c->t->source->read(c->t->source->ctx, end, c->p + c->n, wants, e)) return false;
    c->n += wants;
    return true;
}

/* *row is a view until the next call; *found false: the file ends. */
static bool cursor_next(struct cursor *c, str *row, bool *found, struct err *e)
{
    const struct text *t = c->t;
    for (;;) {
        str rest = str_n(c->p ? (const char *)c->p + c->from : "", c->n - c->from);
        bool is_last = c->at + c->n == t->source->size_bytes;
        size_t next = 0;
        enum text_step step = t->separator ? text_csv_next(rest, t->separator, is_last, row, &next)
                                           : text_json_next(rest, t->is_array, is_last, row, &next);
        if (step == TEXT_BAD) return err_set(e, ERR_UNPROCESSABLE, "what stands at byte %llu is no JSON value", (unsigned long long)(cursor_at(c) + next));
        *found = step == TEXT_ROW;
        if (step != TEXT_MORE) {
            if (*found && row->n > TEXT_ROW_BYTES_MAX)
                return err_set(e, ERR_UNPROCESSABLE, "the row at byte %llu has more than %d MiB", (unsigned long long)cursor_at(c), TEXT_ROW_BYTES_MAX >> 20);
            c->from += next;
            return true;
        }
        c->from += next; /* what needs not be looked at again */
        if (!cursor_read(c, e)) return false;
    }
}

/* ------------------------------------------------------------------ the index */

static void add_place(struct text *t, uint64_t at)
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
static bool index_next(struct text *t, struct cursor *c, str *row, bool *found, struct err *e)
{
    uint64_t before = cursor_at(c);
    if (!cursor_next(c, row, found, e)) return false;
    if (*found) {
        add_place(t, before);
        t->index.rows++;
    }
    t->index.at = cursor_at(c);
    t->index.is_whole = !*found;
    return true;
}

bool text_extend(struct text *t, uint64_t row, uint64_t bytes_max, struct err *e)
{
    struct cursor c = { .t = t, .at = t->index.at, .bytes_left = UINT64_MAX };
    uint64_t end = bytes_max > UINT64_MAX - c.at ? UINT64_MAX : c.at + bytes_max;
    bool ok = true, found = !t->index.is_whole;
    str ignored;
    while (ok && found && t->index.rows <= row && cursor_at(&c) < end) ok = index_next(t, &c, &ignored, &found, e);
    mem_free(c.p);
    return ok;
}

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
    if (x.n > TEXT_BLOCKS_MAX || x.step < STEP_BYTES || x.at > file_bytes || x.rows > x.at + 1 || (x.rows && !x.n)) return false;
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

/* ------------------------------------------------------------------ opening */

/* To where the rows begin: behind the mark of UTF-8, and the bracket of an array; of CSV, behind the header. */
static bool begin(struct text *t, struct cursor *c, struct err *e)
{
    str row;
    bool found = false;
    if (!t->source->size_bytes) return err_set(e, ERR_UNPROCESSABLE, "the file is empty");
    if (!cursor_read(c, e)) return false;
    if (c->n >= 3 && memcmp(c->p, "\xef\xbb\xbf", 3) == 0) c->from = 3;
    if (t->separator) {
        if (!cursor_next(c, &row, &found, e)) return false;
        if (!found) return err_set(e, ERR_UNPROCESSABLE, "the file has no header");
        return text_csv_header(t, row, t->a, e);
    }
    while (c->from < c->n && memchr(" \t\r\n", c->p[c->from], 4)) c->from++;
    t->is_array = c->from < c->n && c->p[c->from] == '[';
    c->from += t->is_array;
    return true;
}

static bool learn_types(struct text *t, struct cursor *c, struct arena *scratch, struct err *e)
{
    struct arena *own = arena_new(64 << 20);
    struct text_types ty = { .t = t, .a = own };
    bool is_json = !t->separator, ok = true, found = true;
    if (t->separator) text_csv_begin(&ty);
    while (ok && found && cursor_at(c) < TEXT_TYPES_BYTES && (is_json || t->index.rows < TEXT_TYPES_ROWS)) {
        uint64_t at = cursor_at(c);
        str row;
        ok = index_next(t, c, &row, &found, e);
        if (!ok || !found) break;
        ok = is_json ? text_json_look(&ty, row, scratch, e) : text_csv_look(&ty, row, scratch, e);
        if (!ok) err_context(e, "row %llu, at byte %llu", (unsigned long long)t->index.rows, (unsigned long long)at);
        arena_reset(scratch);
    }
    ok = ok && (is_json ? text_json_types(&ty, t, e) : text_csv_types(&ty, t, e));
    t->types_are_whole = ok && t->index.is_whole;
    arena_free(own);
    return ok;
}

/* Members of JSON may be missing, and have another order; names of CSV are those of the header. */
static void take_types(struct text *t, const struct text *like)
{
    if (!t->separator) {
        t->column = like->column;
        t->columns_count = like->columns_count;
    }
    for (size_t i = 0; t->separator && i < t->columns_count && i < like->columns_count; i++) {
        str name = t->column[i].name;
        t->column[i] = like->column[i];
        t->column[i].name = name;
    }
}

bool text_open(const struct parquet_source *source, char separator, const struct text *like, struct arena *a, struct text **out, struct err *e)
{
    struct text *t = *out = arena_one(a, struct text);
    struct cursor c = { .t = t, .bytes_left = UINT64_MAX };
    struct arena *scratch = arena_new(256 << 20);
    *t = (struct text){ .source = source, .separator = separator, .a = a, .index.step = STEP_BYTES };
    bool ok = begin(t, &c, e);
    t->index.at = cursor_at(&c);
    if (like) take_types(t, like);
    else ok = ok && learn_types(t, &c, scratch, e);
    arena_free(scratch);
    mem_free(c.p);
    return ok;
}

/* ------------------------------------------------------------------ rows */

static const struct text_place *place_before(const struct text_index *x, uint64_t row)
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

static bool take_row(struct taking *k, str row, uint64_t number, size_t i, struct err *e)
{
    struct json **value = &k->out->cell[i * k->columns];
    const char **problem = arena_alloc(k->scratch, (k->columns + 1) * sizeof *problem);
    bool ok = k->t->separator ? text_csv_values(k->t, row, k->column, k->columns, k->o, k->scratch, k->a, value, problem, e)
                              : text_json_values(k->t, row, k->column, k->columns, k->o, k->scratch, k->a, value, problem, e);
    if (!ok) return err_context(e, "row %llu", (unsigned long long)number + 1);
    for (size_t c = 0; c < k->columns; c++)
        if (problem[c] && !k->out->problem[c]) k->out->problem[c] = arena_fmt(k->a, "row %llu: %s", (unsigned long long)number + 1, problem[c]).p;
    return true;
}

bool text_read(struct text *t, uint64_t first, size_t n, const size_t *column, size_t columns_count, const struct parquet_options *o,
               struct arena *a, struct parquet_cells *out, struct err *e)
{
    uint64_t there = first < t->index.rows ? t->index.rows - first : 0;
    if (n > PARQUET_ROWS_MAX) return err_set(e, ERR_INVALID, "at most %d rows are read at a time", PARQUET_ROWS_MAX);
    if (n > there) n = (size_t)there;
    *out = (struct parquet_cells){ .rows_count = n };
    out->cell = arena_try_array(a, n * columns_count + 1, sizeof *out->cell);
    out->problem = arena_try_array(a, columns_count + 1, sizeof *out->problem);
    if (!out->cell || !out->problem) return err_set(e, ERR_TOO_LARGE, "too many cells");
    if (!n || !columns_count) return true;
    const struct text_place *from = place_before(&t->index, first);
    struct cursor c = { .t = t, .at = from->at, .bytes_left = o->bytes_max };
    struct taking k = { t, column, columns_count, o, a, arena_new(256 << 20), out };
    bool ok = true, found = true;
    for (uint64_t row = from->row; ok && row < first + n; row++) {
        str text;
        ok = cursor_next(&c, &text, &found, e);
        if (ok && !found) ok = err_set(e, ERR_IO, "the file ends early");
        if (!ok || row < first) continue;
        ok = take_row(&k, text, row, (size_t)(row - first), e);
        arena_reset(k.scratch);
    }
    out->bytes_spent = o->bytes_max - c.bytes_left;
    out->steps_spent = (uint64_t)n * columns_count;
    if (ok && out->steps_spent > o->steps_max) ok = err_set(e, ERR_TOO_LARGE, "these rows have too many values");
    for (size_t i = 0; i < columns_count; i++)
        for (size_t r = 0; out->problem[i] && r < n; r++) out->cell[r * columns_count + i] = NULL;
    arena_free(k.scratch);
    mem_free(c.p);
    return ok;
}
