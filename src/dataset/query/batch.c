/* dataset/query/batch.c - rows in batches, column by column: of Parquet as they lie in pages, of all else as values of a chunk of rows. */
#include "dataset/query/batch.h"

enum { BATCH_BYTES = 32 << 20, CHUNK_BYTES_MAX = 256 << 20 };

struct batches {
    struct dataset_part *part;
    const struct batch_column *column;
    size_t columns;
    struct parquet_budget *budget;
    uint64_t at, end, first; /* the batch under way begins at `at` */
    size_t rows, rows_max;
    /* Parquet: */
    size_t group;
    struct parquet_cursor **cursor; /* NULL: nobody asked yet */
    uint64_t *cursor_at;            /* the next row */
    /* All else, and lists of Parquet: */
    struct arena *chunk;
    struct parquet_cells cells;
    size_t *table_column, table_columns, *place;
    struct arena *a;
};

bool batches_are_pages(const struct dataset_part *p) { return p->parquet && !p->folder; }
size_t batches_groups(const struct dataset_part *p) { return batches_are_pages(p) ? p->parquet->row_groups_count : p->rows_count > 0; }

bool batch_column_find(const struct dataset_part *p, struct batch_column *c)
{
    if (!batches_are_pages(p)) return true;
    if (c->column >= p->parquet->columns_count) return false;
    const struct parquet_node *n = &p->parquet->column[c->column];
    for (size_t i = 0, k; i < c->members; i++) {
        for (k = 0; n->shape == PARQUET_STRUCT && k < n->children_count && !str_eq(n->child[k].name, c->member[i]);) k++;
        if (n->shape != PARQUET_STRUCT || k == n->children_count) return false;
        n = &n->child[k];
    }
    c->node = n;
    return true;
}

/* Columns of the first level: each is read once, however many of its members are asked for. */
static void find_places(struct batches *b)
{
    b->place = arena_alloc(b->a, (b->columns + 1) * sizeof *b->place);
    b->table_column = arena_alloc(b->a, (b->columns + 1) * sizeof *b->table_column);
    for (size_t i = 0; i < b->columns; i++) {
        size_t k = 0;
        while (k < b->table_columns && b->table_column[k] != b->column[i].column) k++;
        if (k == b->table_columns) b->table_column[b->table_columns++] = b->column[i].column;
        b->place[i] = k;
    }
}

/* So many that their time and memory are short of the limits, by the mean size of a row. */
static size_t rows_max(const struct dataset_part *p)
{
    enum { FILES = 100 };
    if (!p->parquet && !p->text) return FILES;
    uint64_t all = p->parquet ? p->parquet->unpacked_bytes : text_bytes(p->text), mean = p->rows_count ? all / p->rows_count : 0;
    uint64_t n = mean ? BATCH_BYTES / mean : BATCH_ROWS_MAX;
    return !n ? 1 : n < BATCH_ROWS_MAX ? (size_t)n : BATCH_ROWS_MAX;
}

struct batches *batches_open(struct dataset_part *p, size_t group, const struct batch_column *column, size_t columns, struct parquet_budget *budget)
{
    struct arena *a = arena_new(0);
    struct batches *b = arena_one(a, struct batches);
    *b = (struct batches){ .part = p, .group = group, .column = column, .columns = columns, .budget = budget, .a = a };
    if (batches_are_pages(p)) {
        uint64_t n;
        parquet_group_rows(p->parquet, group, &b->first, &n);
        b->end = b->first + n;
        b->cursor = arena_alloc(a, (columns + 1) * sizeof *b->cursor);
        b->cursor_at = arena_alloc(a, (columns + 1) * sizeof *b->cursor_at);
    } else {
        b->end = p->rows_count;
        find_places(b);
    }
    b->chunk = arena_new(CHUNK_BYTES_MAX);
    b->at = b->first;
    b->rows_max = rows_max(p);
    return b;
}

void batches_close(struct batches *b)
{
    if (!b) return;
    for (size_t i = 0; b->cursor && i < b->columns; i++) parquet_cursor_close(b->cursor[i]);
    arena_free(b->chunk);
    arena_free(b->a);
}

/* ------------------------------------------------------------------ a chunk of text */

static bool problem_of(const struct batches *b, size_t column, const char *problem, struct err *e)
{
    size_t i = 0;
    while (b->column[i].column != column) i++;
    return err_set(e, ERR_UNPROCESSABLE, "Column \"%.*s\": %s", STR_ARG(str_to(b->column[i].name, 100)), problem);
}

/* Up to n rows as JSON, from the row `at` of the file.  What is too much at once is tried again in parts. */
static bool read_chunk(struct batches *b, uint64_t at, size_t n, const size_t *column, size_t columns, struct err *e)
{
    struct parquet_options o = { .text_bytes_max = PARQUET_PAGE_BYTES_MAX, .cell_values_max = SIZE_MAX };
    for (;; n = n > 8 ? n / 8 : 1) {
        arena_reset(b->chunk);
        o.bytes_max = b->budget->bytes;
        o.steps_max = b->budget->steps;
        const char *problem = NULL;
        bool ok = dataset_read(b->part, at, n, column, columns, &o, b->chunk, &b->cells, e);
        for (size_t k = 0; ok && k < columns && !problem; k++)
            if ((problem = b->cells.problem[k])) problem_of(b, column[k], problem, e);
        if (ok && !problem) break;
        if (n == 1) return false;
    }
    b->budget->bytes -= b->cells.bytes_spent < b->budget->bytes ? b->cells.bytes_spent : b->budget->bytes;
    return b->cells.rows_count || err_set(e, ERR_IO, "the file ends early");
}

static const struct json *member_of(const struct batch_column *column, const struct json *v)
{
    for (size_t i = 0; i < column->members; i++) v = json_get(v, column->member[i]);
    return v;
}

/* A column of the chunk as one piece of the batch. */
static void take_chunk(struct batches *b, const struct batch_column *column, size_t place, size_t columns, size_t row, batch_take *take, void *ctx)
{
    struct parquet_piece piece = { .rows = b->cells.rows_count };
    struct json **value = arena_alloc(b->chunk, piece.rows * sizeof *value);
    uint8_t *is_there = arena_alloc(b->chunk, piece.rows);
    for (size_t r = 0; r < piece.rows; r++) {
        const struct json *v = member_of(column, b->cells.cell[r * columns + place]);
        is_there[r] = v && v->type != JSON_NULL;
        if (is_there[r]) value[piece.n++] = (struct json *)(uintptr_t)v;
    }
    piece.is_there = is_there;
    if (column->wants_values) piece.value.json = value;
    take(ctx, row, &piece);
}

/* Lists and structs, of Parquet. */
static bool take_whole(struct batches *b, size_t i, batch_take *take, void *ctx, struct err *e)
{
    for (size_t row = 0; row < b->rows; row += b->cells.rows_count) {
        if (!read_chunk(b, b->at + row, b->rows - row, &b->column[i].column, 1, e)) return false;
        take_chunk(b, &b->column[i], 0, 1, row, take, ctx);
    }
    return true;
}

/* ------------------------------------------------------------------ batches */

bool batches_next(struct batches *b, size_t *rows, struct err *e)
{
    b->at += b->rows;
    b->rows = b->end - b->at < b->rows_max ? (size_t)(b->end - b->at) : b->rows_max;
    if (b->rows && !b->cursor) {
        if (!read_chunk(b, b->at, b->rows, b->table_column, b->table_columns, e)) return false;
        b->rows = b->cells.rows_count;
    }
    *rows = b->rows;
    return true;
}

static bool take_pages(struct batches *b, size_t i, batch_take *take, void *ctx, struct err *e)
{
    const struct batch_column *column = &b->column[i];
    struct parquet_cursor **c = &b->cursor[i];
    uint64_t at = b->at - b->first;
    if (!*c && !parquet_cursor_open(b->part->parquet, b->group, column->node, column->wants_values, b->budget, c, e)) return false;
    if (!parquet_cursor_skip(*c, at - b->cursor_at[i], e)) return false;
    for (size_t row = 0; row < b->rows;) {
        struct parquet_piece piece;
        if (!parquet_cursor_take(*c, b->rows - row, &piece, e)) return false;
        take(ctx, row, &piece);
        row += piece.rows;
    }
    b->cursor_at[i] = at + b->rows;
    return true;
}

bool batches_take(struct batches *b, size_t i, batch_take *take, void *ctx, struct err *e)
{
    if (!b->cursor) {
        take_chunk(b, &b->column[i], b->place[i], b->table_columns, 0, take, ctx);
        return true;
    }
    if (b->column[i].wants_values && b->column[i].node->shape != PARQUET_LEAF) return take_whole(b, i, take, ctx, e);
    if (take_pages(b, i, take, ctx, e)) return true;
    err_context(e, "Column \"%.*s\"", STR_ARG(str_to(b->column[i].name, 100)));
    e->code = ERR_UNPROCESSABLE;
    return false;
}
