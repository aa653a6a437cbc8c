/* fuzz_text.c - files of rows as text: CSV, TSV, JSON, lines and archives of samples by the first byte, also packed.  Whatever the others say, each row is read or says why not, and rows from the middle are
 * those that come on the way there; an index that was kept is taken only where it can be one. */
#include "base/json.h"
#include "dataset/text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_range(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    const bytes *b = ctx;
    (void)e;
    must(at <= b->n && n <= b->n - at);
    if (n) memcpy(out, b->p + at, n);
    return true;
}

enum { COLUMNS = 20, ROWS = 30 };

static str row_text(struct text *t, uint64_t first, size_t n, size_t row, struct arena *a)
{
    struct parquet_options o = { .text_bytes_max = 50, .cell_values_max = 20, .bytes_max = 8 << 20, .steps_max = 20000 };
    struct parquet_cells cells;
    struct err e;
    size_t column[COLUMNS], columns = 0;
    for (; columns < COLUMNS && columns < t->columns_count; columns++) column[columns] = columns;
    if (!text_read(t, first, n, column, columns, &o, a, &cells, &e)) return STR("");
    must(cells.rows_count <= n && row < cells.rows_count);
    struct json *all = json_new(a, JSON_ARRAY);
    for (size_t k = 0; k < columns; k++) {
        must(cells.problem[k] || cells.cell[row * columns + k]);
        if (!cells.problem[k]) json_add(all, json_copy(a, cells.cell[row * columns + k]));
    }
    return json_text(a, all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const str name[] = { STR_INIT("x"), STR_INIT("y") };
    static const struct text_way way[] = {
        { .kind = TEXT_JSON }, { .kind = TEXT_CSV, .separator = ',' }, { .kind = TEXT_CSV, .separator = '\t' }, { .kind = TEXT_CSV, .separator = ';' },
        { .kind = TEXT_LINES }, { .kind = TEXT_JSON, .packing = PACKED_GZIP }, { .kind = TEXT_LINES, .packing = PACKED_ZSTD },
        { .kind = TEXT_CSV, .separator = ',', .has_no_header = true }, { .kind = TEXT_CSV, .separator = ',', .has_no_header = true, .name = name, .names_count = 2 },
        { .kind = TEXT_TAR },
    };
    struct unpack_points points;
    struct err e;
    if (!size) return 0;
    bytes b = { data + 1, size - 1 };
    struct parquet_source source = { &b, read_range, b.n };
    struct arena *a = arena_new(32 << 20);
    struct buf kept = BUF_INIT(0);
    struct text_index again;
    struct text *t = text_new(&source, &way[data[0] % COUNT(way)], NULL, a);
    if (text_open(t, &e) && text_extend(t, UINT64_MAX, 64 << 20, &e) && t->index.is_whole) {
        must(t->way.packing || t->index.rows <= b.n);
        uint64_t last = t->index.rows ? t->index.rows - 1 : 0;
        if (t->index.rows > 0 && last < ROWS) {
            str whole = row_text(t, 0, ROWS, (size_t)last, a), alone = row_text(t, last, 1, 0, a);
            must(!whole.n || str_starts(alone, STR("["))); /* a row that is wrong spoils a page, never one behind it */
        }
        text_index_format(&t->index, &kept);
        must(text_index_parse(bytes_of(buf_str(&kept)), t->way.packing ? UINT64_MAX : b.n, a, &again) && again.rows == t->index.rows && again.n == t->index.n);
    }
    (void)text_index_parse(b, size, a, &again);
    (void)unpack_points_parse(b, size, a, &points);
    (void)text_types_parse(str_of(b), t);
    buf_deinit(&kept);
    arena_free(a);
    return 0;
}
