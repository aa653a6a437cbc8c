/* dataset/values.c - rows as whole values, for programs: nothing is cut, and what cannot be read whole is refused by name. */
#include <stdlib.h>

#include "base/hash.h"
#include "dataset/dataset.h"

/* Levels kept of a column and the arena bound what a page takes; no single cell is cut. */
enum { TEXT_BYTES_MAX = PARQUET_PAGE_BYTES_MAX, BYTES_MAX = 512 << 20, STEPS_MAX = 200 << 20 };

static bool is_media(const struct dataset_column *c) { return c->kind == DATASET_IMAGE || c->kind == DATASET_MEDIA; }

/* Rows of one file, of the columns that are media or of those that are not, to value[]. */
static bool read_columns(struct dataset_table *t, struct dataset_part *p, uint64_t first, size_t n, bool wants_media, struct arena *a,
                         const struct json **value, size_t *rows_count, struct err *e)
{
    struct parquet_options o = { .text_bytes_max = TEXT_BYTES_MAX, .cell_values_max = SIZE_MAX, .bytes_max = BYTES_MAX, .steps_max = STEPS_MAX,
                                 .binary = wants_media ? media_write : buf_base64 };
    size_t *column = arena_alloc(a, (t->columns_count + 1) * sizeof *column), columns = 0;
    struct parquet_cells cells;
    for (size_t k = 0; k < t->columns_count; k++)
        if (is_media(&t->column[k]) == wants_media) column[columns++] = k;
    if (!dataset_read(p, first, n, column, columns, &o, a, &cells, e)) return false;
    for (size_t i = 0; i < columns; i++) {
        str name = t->column[column[i]].name;
        if (cells.problem[i]) return err_set(e, ERR_UNPROCESSABLE, "Column \"%.*s\": %s", STR_ARG(str_to(name, 100)), cells.problem[i]);
        for (size_t r = 0; r < cells.rows_count; r++) value[r * t->columns_count + column[i]] = cells.cell[r * columns + i];
    }
    *rows_count = cells.rows_count;
    return true;
}

bool dataset_values(struct dataset_table *t, uint64_t first, size_t n, struct arena *a, const struct json ***value, struct dataset_place **place,
                    size_t *rows_count, struct err *e)
{
    size_t done = 0;
    *value = arena_alloc(a, (n * t->columns_count + 1) * sizeof **value);
    *place = arena_alloc(a, (n + 1) * sizeof **place);
    for (size_t i = 0; i < t->parts_count && done < n; i++) {
        struct dataset_part *part = &t->part[i];
        uint64_t from = first + done;
        if (from >= part->first_row + part->rows_count) continue;
        uint64_t row = from - part->first_row;
        const struct json **to = *value + done * t->columns_count;
        size_t got;
        if (!read_columns(t, part, row, n - done, true, a, to, &got, e) || !read_columns(t, part, row, n - done, false, a, to, &got, e))
            return err_context(e, "%.*s", STR_ARG(str_to(part->file->path, 200)));
        for (size_t r = 0; r < got; r++) (*place)[done + r] = (struct dataset_place){ i, row + r };
        done += got;
    }
    *rows_count = done;
    return true;
}

/* ------------------------------------------------------------------ rows here and there */

enum { GAP_MAX = 32 }; /* rows between two that are asked for, which are read with them: their page is unpacked anyway */

static int by_row(const void *x, const void *y)
{
    const struct dataset_asked *a = x, *b = y;
    return (a->row > b->row) - (a->row < b->row);
}

struct dataset_asked *dataset_ask(const uint64_t *row, size_t n, struct arena *a)
{
    struct dataset_asked *asked = arena_alloc(a, (n + 1) * sizeof *asked);
    for (size_t i = 0; i < n; i++) asked[i] = (struct dataset_asked){ row[i], i };
    qsort(asked, n, sizeof *asked, by_row);
    return asked;
}

size_t dataset_stretch(const struct dataset_asked *asked, size_t n, size_t from)
{
    size_t to = from + 1;
    while (to < n && asked[to].row - asked[to - 1].row <= GAP_MAX) to++;
    return to;
}

bool dataset_values_at(struct dataset_table *t, const uint64_t *row, size_t n, struct arena *a, const struct json ***value, struct dataset_place **place,
                       struct err *e)
{
    struct dataset_asked *asked = dataset_ask(row, n, a);
    *value = arena_alloc(a, (n * t->columns_count + 1) * sizeof **value);
    *place = arena_alloc(a, (n + 1) * sizeof **place);
    for (size_t i = 0, to; i < n; i = to) {
        const struct json **some;
        struct dataset_place *where;
        size_t got;
        to = dataset_stretch(asked, n, i);
        uint64_t first = asked[i].row, last = asked[to - 1].row;
        if (!dataset_values(t, first, (size_t)(last - first) + 1, a, &some, &where, &got, e)) return false;
        for (size_t k = i; k < to; k++) {
            size_t at = (size_t)(asked[k].row - first);
            if (at >= got) return err_set(e, ERR_IO, "the files end early");
            memcpy(&(*value)[asked[k].at * t->columns_count], &some[at * t->columns_count], t->columns_count * sizeof *some);
            (*place)[asked[k].at] = where[at];
        }
    }
    return true;
}
