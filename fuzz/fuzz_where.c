/* fuzz_where.c - conditions and orders: whatever the text says, it is refused or asked of rows, and what it cannot tell does not match its opposite. */
#include "dataset/where.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COLUMNS = 5, ROWS = 4 };

static const struct parquet_node year = { .name = STR_INIT("y"), .physical = PARQUET_INT64 };
static const struct parquet_node node[COLUMNS] = {
    { .name = STR_INIT("n"), .physical = PARQUET_DOUBLE }, { .name = STR_INIT("s"), .physical = PARQUET_BYTES, .logical = PARQUET_STRING },
    { .name = STR_INIT("b"), .physical = PARQUET_BOOLEAN }, { .name = STR_INIT("m"), .shape = PARQUET_STRUCT, .child = (struct parquet_node *)&year, .children_count = 1 },
    { .name = STR_INIT("t"), .physical = PARQUET_INT64, .logical = PARQUET_TIMESTAMP },
};
static const char *const rows[ROWS] = {
    "[1.5, \"abc%_\\u00e9\", true, {\"y\": 7}, \"2024-01-31T12:00:00\"]", "[null, null, null, null, null]", "[-3, \"\", false, {\"y\": null}, \"\"]", "[\"NaN\", \"aaaaaaaaaaaaaaaa\", true, {\"y\": 9}, \"2\"]",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dataset_column column[COLUMNS] = { 0 };
    struct dataset_table t = { .column = column, .columns_count = COLUMNS, .columns_all = COLUMNS };
    struct where_order order;
    struct where w, opposite;
    struct err e;
    struct arena *a = arena_new(0);
    str text = str_n((const char *)data, size);
    for (size_t k = 0; k < COLUMNS; k++) column[k] = (struct dataset_column){ .name = node[k].name, .node = &node[k] };
    bool is_order = where_order_parse(text, &t, a, &order, &e), is_where = where_parse(text, &t, a, &w, &e);
    bool has_opposite = is_where && w.root && where_parse(arena_fmt(a, "NOT (%.*s)", STR_ARG(text)), &t, a, &opposite, &e);
    for (size_t r = 0; r < ROWS; r++) {
        const struct json *value[WHERE_COLUMNS_MAX];
        struct where_key key;
        struct json *row;
        must(json_parse(str_c(rows[r]), a, &row, &e));
        for (size_t i = 0; is_where && i < w.columns_count; i++) value[i] = json_at(row, w.column[i]);
        if (is_where && where_matches(&w, value) && has_opposite) must(!where_matches(&opposite, value));
        if (!is_order || !order.is_asked) continue;
        where_key_of(&order.by, json_at(row, order.by.column), &key);
        must(where_key_cmp(&key, &key) == 0);
    }
    arena_free(a);
    return 0;
}
