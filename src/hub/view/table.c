/* hub/view/table.c - comma- and tab-separated text as rows of cells (RFC 4180, read leniently: people's files are). */
#include "hub/view/view.h"

str view_cell(str s)
{
    if (s.n <= VIEW_CELL_BYTES_MAX) return s;
    s.n = VIEW_CELL_BYTES_MAX;
    while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80) s.n--;
    return s;
}

/* "…" with doubled quotes inside; *rest stands behind the first quote, and then behind the last.  Only what will be shown is copied. */
static str quoted_cell(str *rest, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    for (;;) {
        size_t quote = str_chr(*rest, '"');
        str piece = str_to(*rest, quote == STR_NONE ? rest->n : quote);
        if (b.n <= VIEW_CELL_BYTES_MAX) buf_add(&b, str_to(piece, VIEW_CELL_BYTES_MAX + 4));
        *rest = str_from(*rest, quote == STR_NONE ? rest->n : quote + 1);
        if (quote == STR_NONE || !rest->n || rest->p[0] != '"') break;
        buf_byte(&b, '"');
        *rest = str_from(*rest, 1);
    }
    str cell = arena_dup(a, view_cell(buf_str(&b)));
    buf_deinit(&b);
    return cell;
}

static size_t plain_end(str s, char separator)
{
    size_t i = 0;
    while (i < s.n && s.p[i] != separator && s.p[i] != '\n' && s.p[i] != '\r') i++;
    return i;
}

/* One row; false at the end of the text. */
static bool read_row(str *rest, char separator, struct arena *a, struct view_row *row, bool *more_columns)
{
    str cell[VIEW_COLUMNS_MAX];
    if (!rest->n) return false;
    row->n = 0;
    for (;;) {
        str one;
        if (rest->n && rest->p[0] == '"') {
            *rest = str_from(*rest, 1);
            one = quoted_cell(rest, a);
            *rest = str_from(*rest, plain_end(*rest, separator)); /* what stands behind the quotes is nobody's */
        } else {
            size_t end = plain_end(*rest, separator);
            one = view_cell(str_to(*rest, end));
            *rest = str_from(*rest, end);
        }
        if (row->n < VIEW_COLUMNS_MAX) cell[row->n++] = one;
        else *more_columns = true;
        if (!rest->n || rest->p[0] != separator) break;
        *rest = str_from(*rest, 1);
    }
    if (str_starts(*rest, STR("\r\n"))) *rest = str_from(*rest, 2);
    else if (rest->n) *rest = str_from(*rest, 1);
    row->cell = arena_alloc(a, (row->n + 1) * sizeof *row->cell);
    memcpy(row->cell, cell, row->n * sizeof *cell);
    return true;
}

/* Rows that nobody wants to see are read as well: where one ends depends on its quotes.  What they take is given back on the way. */
static void skip_rows(str *rest, char separator, uint64_t n)
{
    enum { AT_A_TIME = 1000 };
    bool ignored, goes_on = true;
    while (n && goes_on) {
        struct arena *scratch = arena_new(0);
        struct view_row row;
        for (size_t i = 0; i < AT_A_TIME && n && goes_on; i++, n--) goes_on = read_row(rest, separator, scratch, &row, &ignored);
        arena_free(scratch);
    }
}

void view_table_window(str text, char separator, bool is_cut, struct view_window w, struct arena *a, struct view_table *out)
{
    size_t most = (w.most < VIEW_ROWS_MAX ? w.most : VIEW_ROWS_MAX) + 1; /* the head as well */
    *out = (struct view_table){ .row = arena_alloc(a, most * sizeof *out->row), .more_rows = is_cut };
    if (str_starts(text, STR("\xef\xbb\xbf"))) text = str_from(text, 3);
    if (is_cut) {
        size_t last = str_rchr(text, '\n');
        if (last != STR_NONE) text = str_to(text, last + 1);
    }
    while (out->rows_count < most && read_row(&text, separator, a, &out->row[out->rows_count], &out->more_columns)) {
        if (out->row[out->rows_count].n > out->columns_count) out->columns_count = out->row[out->rows_count].n;
        if (out->rows_count++ == 0) skip_rows(&text, separator, w.skip);
    }
    out->more_rows |= text.n > 0;
}
