/* fuzz_cast.c - the types that a card says.  Input: the card as JSON.  Whatever it says, it is refused, or rows of four types are cast to it or have a problem. */
#include "dataset/cast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rows[] = "{\"a\": 1, \"b\": \"x\", \"c\": [1, 2], \"d\": {\"e\": 0.5}}\n{\"a\": null, \"b\": \"1\", \"c\": [], \"d\": {\"e\": null}}\n";
enum { COLUMNS = 4, ROWS = 2, COLUMNS_MAX = 64 };

static bool read_range(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    (void)ctx;
    (void)e;
    must(at <= sizeof rows - 1 && n <= sizeof rows - 1 - at);
    if (n) memcpy(out, rows + at, n);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct parquet_options o = { .text_bytes_max = 1000, .cell_values_max = 100, .bytes_max = 1 << 20, .steps_max = 1 << 20 };
    struct arena *a = arena_new(0);
    struct parquet_source source = { NULL, read_range, sizeof rows - 1 };
    struct text_way way = { .kind = TEXT_JSON };
    struct repo_file_row file = { .path = STR("a.jsonl") };
    struct dataset_part part = { .file = &file, .text = text_new(&source, &way, NULL, a), .rows_count = ROWS };
    struct parquet_node *column;
    struct parquet_cells cells;
    struct json *card;
    const struct json *features;
    size_t n, chosen[COLUMNS_MAX];
    struct err e;
    must(text_open(part.text, &e) && part.text->columns_count == COLUMNS);
    if (json_parse(str_n((const char *)data, size), a, &card, &e) && cast_card_features(card, STR("default"), a, &features) && features &&
        cast_open(features, part.text->column, COLUMNS, a, &part.cast, &column, &n, &e)) {
        for (size_t i = 0; i < n && i < COLUMNS_MAX; i++) chosen[i] = i;
        if (n > COLUMNS_MAX) n = COLUMNS_MAX;
        if (cast_read(&part, 0, ROWS, chosen, n, &o, a, &cells, &e)) must(cells.rows_count == ROWS);
    }
    arena_free(a);
    return 0;
}
