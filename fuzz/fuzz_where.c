/* fuzz_where.c - conditions and orders: whatever the text says, it is refused or asked of rows, and what it cannot tell does not match its opposite. */
#include "dataset/query/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rows[] = "{\"n\": 1.5, \"s\": \"abc%_\\u00e9\", \"b\": true, \"m\": {\"y\": 7}, \"t\": \"2024-01-31T12:00:00\"}\n"
                           "{\"n\": null, \"s\": null, \"b\": null, \"m\": null, \"t\": null}\n"
                           "{\"n\": -3, \"s\": \"\", \"b\": false, \"m\": {\"y\": null}, \"t\": \"2024-02-01\"}\n"
                           "{\"n\": 1e300, \"s\": \"aaaaaaaaaaaaaaaa\", \"b\": true, \"m\": {\"y\": 9}, \"t\": \"1970-01-01\"}\n";
enum { COLUMNS = 5, ROWS = 4 };

static bool read_range(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    (void)ctx;
    (void)e;
    must(at <= sizeof rows - 1 && n <= sizeof rows - 1 - at);
    if (n) memcpy(out, rows + at, n);
    return true;
}

static uint64_t count(struct dataset_table *t, str where, const struct where_order *order, struct arena *a, bool *ok)
{
    struct where w;
    struct dataset_found found;
    struct err e;
    *ok = where_parse(where, t, a, &w, &e);
    if (!*ok) return 0;
    must(dataset_filter(t, &w, order, (struct dataset_window){ 0, ROWS }, (struct scan_asker){ 0 }, a, &found, &e));
    must(found.total <= ROWS && (found.is_partial || found.n == found.total));
    *ok = !found.is_partial;
    return found.total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(0);
    struct parquet_source source = { NULL, read_range, sizeof rows - 1 };
    struct text_way way = { .kind = TEXT_JSON };
    struct repo_file_row file = { .path = STR("a.jsonl") };
    struct dataset_part part = { .file = &file, .text = text_new(&source, &way, NULL, a) };
    struct dataset_column column[COLUMNS] = { 0 };
    struct dataset_table t = { .part = &part, .parts_count = 1, .column = column, .columns_count = COLUMNS, .columns_all = COLUMNS, .rows_count = ROWS, .is_counted = true };
    struct where_order none = { 0 }, order;
    struct err e;
    bool is_where, is_opposite;
    str text = str_n((const char *)data, size);
    must(text_open(part.text, &e) && part.text->columns_count == COLUMNS && part.text->index.rows == ROWS);
    part.rows_count = ROWS;
    for (size_t k = 0; k < COLUMNS; k++) column[k] = (struct dataset_column){ .name = part.text->column[k].name, .node = &part.text->column[k] };
    uint64_t yes = count(&t, text, &none, a, &is_where), no = is_where && str_trim(text).n ? count(&t, arena_fmt(a, "NOT (%.*s)", STR_ARG(text)), &none, a, &is_opposite) : 0;
    must(yes + no <= ROWS);
    if (where_order_parse(text, &t, a, &order, &e)) must(count(&t, STR(""), &order, a, &is_where) == ROWS);
    arena_free(a);
    return 0;
}
