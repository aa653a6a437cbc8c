/* fuzz_table.c - comma-separated text, the same bytes as JSON lines, and both from the middle.  The first byte says the separator, the second whether it was cut.  No row is wider, no cell
 * longer, and no table higher than the limits. */
#include "hub/view/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view_table t;
    if (size < 2) return 0;
    struct arena *a = arena_new(0);
    view_table_window(str_n((const char *)data + 1, size - 1), (char)data[0], data[1] & 1, (struct view_window){ 0, VIEW_ROWS_MAX }, a, &t);
    must(t.rows_count <= VIEW_ROWS_MAX + 1 && t.columns_count <= VIEW_COLUMNS_MAX);
    for (size_t i = 0; i < t.rows_count; i++) {
        must(t.row[i].n > 0 && t.row[i].n <= t.columns_count);
        for (size_t k = 0; k < t.row[i].n; k++) must(t.row[i].cell[k].n <= VIEW_CELL_BYTES_MAX);
    }
    struct view_window w = { data[1] >> 1, 20 };
    view_lines_window(str_n((const char *)data + 1, size - 1), data[1] & 1, w, a, &t);
    must(t.rows_count <= 21 && t.columns_count <= VIEW_COLUMNS_MAX);
    for (size_t i = 0; i < t.rows_count; i++)
        for (size_t k = 0; k < t.row[i].n; k++) must(t.row[i].n == t.columns_count && t.row[i].cell[k].n <= VIEW_CELL_BYTES_MAX);
    view_table_window(str_n((const char *)data + 1, size - 1), (char)data[0], data[1] & 1, w, a, &t);
    view_table_types(&t, a);
    must(t.rows_count <= 21);
    arena_free(a);
    return 0;
}
