/* fuzz_parquet.c - Parquet files: whatever the bytes say, each column is read or says why not, within the work that it may take. */
#include "base/json.h"
#include "dataset/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_range(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    const bytes *b = ctx;
    (void)e;
    must(at <= b->n && n <= b->n - at);
    if (n) memcpy(out, b->p + at, n);
    return true;
}

/* As pages show them; as programs get them: whole, and of media what they are. */
static const struct parquet_options shown = { .text_bytes_max = 100, .binary_bytes_max = 8, .cell_values_max = 50, .bytes_max = 8 << 20, .steps_max = 20000 };
static const struct parquet_options whole = { .text_bytes_max = 1 << 20, .cell_values_max = SIZE_MAX, .bytes_max = 8 << 20, .steps_max = 20000, .binary = media_write };

static void read_rows(struct parquet *p, const struct parquet_options *o, uint64_t first, struct arena *a)
{
    enum { COLUMNS = 40, ROWS = 20 };
    struct parquet_cells cells;
    struct err e;
    size_t column[COLUMNS], n = 0;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    for (; n < COLUMNS && n < p->columns_count; n++) column[n] = n;
    if (parquet_read(p, first, ROWS, column, n, o, a, &cells, &e)) {
        must(cells.rows_count <= ROWS);
        for (size_t i = 0; i < cells.rows_count * n; i++) {
            must(cells.cell[i] || cells.problem[i % n]);
            if (cells.cell[i]) jw_value(&w, cells.cell[i]);
        }
    }
    buf_deinit(&b);
}

/* Every value of a leaf of the first row group in batches: what is given can be looked at. */
static void read_batches(struct parquet *p, const struct parquet_node *n, struct arena *a)
{
    struct parquet_budget budget = { 8 << 20, 20000, 8 << 20 };
    struct parquet_cursor *c;
    struct parquet_piece piece;
    struct parquet_bounds bounds;
    struct err e;
    uint64_t first, rows, sum = 0, at = 0;
    parquet_group_rows(p, 0, &first, &rows);
    if (parquet_bounds(p, 0, n, &bounds) && bounds.is_text) sum += bounds.low_text.n + bounds.high_text.n;
    if (!parquet_cursor_open(p, 0, n, true, &budget, &c, &e)) return;
    if (rows > 7 && parquet_cursor_skip(c, 5, &e)) at = 5;
    while (at < rows && budget.steps && parquet_cursor_take(c, rows - at < 3000 ? (size_t)(rows - at) : 3000, &piece, &e)) {
        must(piece.rows && piece.rows <= 3000 && piece.rows <= rows - at && piece.n <= piece.rows);
        budget.steps -= piece.rows < budget.steps ? piece.rows : budget.steps;
        for (size_t i = 0; piece.is_there && i < piece.rows; i++) sum += piece.is_there[i];
        for (size_t i = 0; i < piece.n; i++) {
            size_t k = piece.index ? piece.index[i] : i;
            must(!piece.index || k < piece.dictionary_n);
            if (piece.value.ordinal) must(parquet_ordinal_json(n, piece.value.ordinal[k], a) || arena_used(a) > 32 << 20);
            if (piece.value.text && piece.value.text[k].n) sum += (uint8_t)piece.value.text[k].p[piece.value.text[k].n - 1];
            if (piece.value.json) sum += piece.value.json[k]->type;
        }
        at += piece.rows;
    }
    parquet_cursor_close(c);
    must(sum < UINT64_MAX && budget.held == 8 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes b = { data, size };
    struct parquet_source source = { &b, read_range, size };
    struct arena *a = arena_new(64 << 20);
    struct parquet *p;
    struct err e;
    if (parquet_open(&source, a, &p, &e)) {
        for (size_t i = 0; i < p->columns_count; i++) must(parquet_type_name(&p->column[i], a).n > 0);
        read_rows(p, &shown, 0, a);
        read_rows(p, &shown, p->rows_count / 2, a);
        read_rows(p, &whole, 0, a);
        for (size_t i = 0; p->row_groups_count && i < p->columns_count && i < 20; i++) {
            const struct parquet_node *n = &p->column[i];
            while (n->shape == PARQUET_STRUCT && n->children_count) n = &n->child[0];
            read_batches(p, n, a);
        }
    }
    arena_free(a);
    return 0;
}
