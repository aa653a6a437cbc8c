/* dataset/text/csv.c - records of comma- and tab-separated text, and the types of their cells, as `datasets` reads them (by pandas).
 *
 * A quote opens a quoted part only at the beginning of a cell; inside, two stand for one; what follows behind it belongs to the cell.
 * Lines without anything but blanks are no rows. A column is int64, uint64, bool or float64 if all its cells are, else string; whole
 * numbers with gaps are float64, as is a column without any value. */
#include <stdlib.h>

#include "dataset/parquet/parquet_priv.h"
#include "dataset/text/text.h"

enum { NAME_BYTES_MAX = 500, NUMBER_BYTES_MAX = 400, SAME_NAME_TRIES = 20 };

static bool ends_line(char c) { return c == '\n' || c == '\r'; }

/* ------------------------------------------------------------------ records */

/* Behind the record that begins at `at`, on its line end; STR_NONE: it goes on behind the text. */
static size_t record_end(str s, size_t at, char separator)
{
    bool at_cell = true;
    while (at < s.n) {
        char c = s.p[at];
        if (at_cell && c == '"') {
            for (at++;; at++) {
                const char *quote = memchr(s.p + at, '"', s.n - at);
                if (!quote) return STR_NONE;
                at = (size_t)(quote - s.p) + 1;
                if (at == s.n) return STR_NONE; /* is it doubled? */
                if (s.p[at] != '"') break;
            }
            at_cell = false;
            continue;
        }
        if (ends_line(c)) return at;
        at_cell = c == separator;
        at++;
    }
    return STR_NONE;
}

static bool is_blank(str line, char separator)
{
    for (size_t i = 0; i < line.n; i++)
        if ((line.p[i] != ' ' && line.p[i] != '\t') || line.p[i] == separator) return false;
    return true;
}

/* Most lines have no quotes: these end where the line ends. */
static size_t row_end(str s, char separator)
{
    const char *end = memchr(s.p, '\n', s.n);
    size_t n = end ? (size_t)(end - s.p) : s.n;
    if (memchr(s.p, '"', n)) return record_end(s, 0, separator);
    const char *early = memchr(s.p, '\r', n);
    return early ? (size_t)(early - s.p) : end ? n : STR_NONE;
}

enum text_step text_csv_next(str text, char separator, bool is_last, str *row, size_t *next)
{
    size_t at = 0;
    *next = 0;
    while (at < text.n) {
        str rest = str_from(text, at);
        size_t end = row_end(rest, separator);
        if (end == STR_NONE && !is_last) return TEXT_MORE;
        if (end == STR_NONE) end = rest.n;
        if (end + 1 == rest.n && rest.p[end] == '\r' && !is_last) return TEXT_MORE; /* "\n" may follow */
        *row = str_to(rest, end);
        at += end;
        if (at < text.n) at += at + 1 < text.n && text.p[at] == '\r' && text.p[at + 1] == '\n' ? 2 : 1;
        *next = at;
        if (!is_blank(*row, separator)) return TEXT_ROW;
    }
    return is_last ? TEXT_END : TEXT_MORE;
}

/* From the opening quote to where the cell ends. */
static size_t quoted_end(str row, size_t at, char separator)
{
    bool is_quoted = true;
    for (at++; at < row.n && (is_quoted || row.p[at] != separator); at++) {
        if (!is_quoted || row.p[at] != '"') continue;
        if (at + 1 < row.n && row.p[at + 1] == '"') at++;
        else is_quoted = false;
    }
    return at;
}

/* Without the quotes around it, and one for each two in it; a quote behind the quoted part stands for itself. */
static str unquoted(str s, struct arena *a)
{
    char *copy = arena_alloc(a, s.n + 1); /* all cells of a row together are no longer than it */
    size_t n = 0;
    bool is_quoted = true;
    for (size_t i = 1; i < s.n; i++) {
        if (is_quoted && s.p[i] == '"') {
            is_quoted = i + 1 < s.n && s.p[i + 1] == '"';
            i += is_quoted;
            if (!is_quoted) continue;
        }
        copy[n++] = s.p[i];
    }
    return str_n(copy, n);
}

/* Cells of one record, of which more than max are not kept but counted. */
static size_t text_csv_cells(str row, char separator, str *cell, size_t max, struct arena *a)
{
    size_t count = 0;
    for (size_t at = 0;; at++) {
        bool is_quoted = at < row.n && row.p[at] == '"';
        const char *end = is_quoted ? row.p + quoted_end(row, at, separator) : at < row.n ? memchr(row.p + at, separator, row.n - at) : NULL;
        str one = str_n(row.p + at, (end ? (size_t)(end - row.p) : row.n) - at);
        if (count < max) cell[count] = is_quoted ? unquoted(one, a) : one;
        count++;
        at += one.n;
        if (at >= row.n) return count;
    }
}

/* ------------------------------------------------------------------ the header */

static bool has_name(const struct text *t, size_t n, str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(t->column[i].name, name)) return true;
    return false;
}

/* What the card says, or the header, or its place. "Unnamed: 3" and "name.1" are what pandas says. */
bool text_csv_header(struct text *t, str row, struct arena *a, struct err *e)
{
    str *cell = arena_alloc(a, TEXT_COLUMNS_MAX * sizeof *cell);
    struct arena *scratch = arena_new(0);
    const struct text_way *way = &t->way;
    size_t n = way->names_count ? way->names_count : text_csv_cells(row, way->separator, cell, TEXT_COLUMNS_MAX, scratch);
    bool ok = n <= TEXT_COLUMNS_MAX || err_set(e, ERR_UNPROCESSABLE, "the header has %zu columns; %d are read", n, TEXT_COLUMNS_MAX);
    t->column = arena_alloc(a, (TEXT_COLUMNS_MAX + 1) * sizeof *t->column);
    for (size_t i = 0; ok && i < n; i++) {
        if (way->names_count) cell[i] = way->name[i];
        else if (way->has_no_header) cell[i] = arena_fmt(scratch, "%zu", i);
        str name = cell[i].n ? arena_dup(a, cell[i]) : arena_fmt(a, "Unnamed: %zu", i);
        if (name.n > NAME_BYTES_MAX || !str_is_utf8(name)) ok = err_set(e, ERR_UNPROCESSABLE, "the name of column %zu is no UTF-8 of up to %d bytes", i + 1, NAME_BYTES_MAX);
        str plain = name;
        size_t same = 0, tries = 0;
        for (size_t k = 0; k < i; k++) same += str_eq(cell[k], cell[i]);
        for (; ok && has_name(t, i, name) && tries < SAME_NAME_TRIES; tries++) name = arena_fmt(a, "%.*s.%zu", STR_ARG(plain), same + tries);
        if (ok && tries == SAME_NAME_TRIES) ok = err_set(e, ERR_UNPROCESSABLE, "there are too many columns called \"%.*s\"", STR_ARG(str_to(plain, 60)));
        t->column[i] = (struct parquet_node){ .name = name, .is_optional = true };
    }
    t->columns_count = n;
    arena_free(scratch);
    return ok;
}

/* ------------------------------------------------------------------ cells */

/* Most cells are none of these by their first sign. */
static const str missing[] = { STR_INIT("#N/A"), STR_INIT("#N/A N/A"), STR_INIT("#NA"), STR_INIT("-1.#IND"), STR_INIT("-1.#QNAN"), STR_INIT("-NaN"), STR_INIT("-nan"), STR_INIT("1.#IND"),
                               STR_INIT("1.#QNAN"), STR_INIT("<NA>"), STR_INIT("N/A"), STR_INIT("NA"), STR_INIT("NULL"), STR_INIT("NaN"), STR_INIT("None"), STR_INIT("n/a"), STR_INIT("nan"), STR_INIT("null") };

static bool is_missing(str s)
{
    if (!s.n) return true;
    if (s.n > 9 || !memchr("#-1<Nn", s.p[0], 6)) return false;
    for (size_t i = 0; i < COUNT(missing); i++)
        if (str_eq(s, missing[i])) return true;
    return false;
}

static bool is_bool(str s, bool *out)
{
    *out = str_eq(s, STR("True")) || str_eq(s, STR("TRUE")) || str_eq(s, STR("true"));
    return *out || str_eq(s, STR("False")) || str_eq(s, STR("FALSE")) || str_eq(s, STR("false"));
}

/* A sign and digits.  *is_negative: the magnitude stands in *out. */
static bool whole(str s, bool *is_negative, uint64_t *out)
{
    s = str_trim(s);
    *is_negative = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) s = str_from(s, 1);
    return str_u64(s, out);
}

static bool is_int64(str s, int64_t *out)
{
    bool is_negative;
    uint64_t n;
    if (!whole(s, &is_negative, &n) || n > (uint64_t)INT64_MAX + is_negative) return false;
    *out = is_negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

/* Up to 15 digits, perhaps with a point: an integer and a power of ten that are both exact, so that their quotient is rounded once, as strtod does. */
static bool is_short_real(str s, double *out)
{
    static const double power[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    bool is_negative = s.n && s.p[0] == '-', has_point = false;
    uint64_t digits = 0;
    size_t n = 0, behind = 0;
    for (size_t i = is_negative; i < s.n; i++) {
        unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';
        bool is_point = s.p[i] == '.' && !has_point;
        if (digit > 9 && !is_point) return false;
        has_point |= is_point;
        if (is_point) continue;
        if (++n == COUNT(power)) return false;
        digits = digits * 10 + digit;
        behind += has_point;
    }
    double r = (double)digits / power[behind];
    *out = is_negative ? -r : r;
    return n > 0;
}

/* strtod takes more than pandas does: hexadecimal, "nan(...)". */
static bool is_real(str s, double *out)
{
    char copy[NUMBER_BYTES_MAX + 1], *end;
    s = str_trim(s);
    if (!s.n || s.n > NUMBER_BYTES_MAX) return false;
    if (is_short_real(s, out)) return true;
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    str word = s.p[0] == '-' || s.p[0] == '+' ? str_from(s, 1) : s;
    bool is_word = str_eq_nocase(word, STR("inf")) || str_eq_nocase(word, STR("infinity"));
    for (size_t i = 0; i < word.n && !is_word; i++)
        if (!memchr("0123456789.eE+-", word.p[i], 15)) return false;
    *out = strtod(copy, &end);
    return end == copy + s.n;
}

/* ------------------------------------------------------------------ types */

struct cell_types {
    bool some, gaps, no_whole, no_int, no_uint, no_real, no_bool; /* no_int: not all are */
};
void text_csv_begin(struct text_types *ty) { ty->of = arena_alloc(ty->a, (ty->t->columns_count + 1) * sizeof *ty->of); }

static bool split(const struct text *t, str row, struct arena *scratch, str **cell, size_t *n, struct err *e)
{
    *cell = arena_alloc(scratch, (t->columns_count + 1) * sizeof **cell);
    *n = text_csv_cells(row, t->way.separator, *cell, t->columns_count, scratch);
    if (*n > t->columns_count) return err_set(e, ERR_UNPROCESSABLE, "it has %zu cells, and the header %zu", *n, t->columns_count);
    return str_is_utf8(row) || err_set(e, ERR_UNPROCESSABLE, "it is no UTF-8");
}

bool text_csv_look(struct text_types *ty, str row, struct arena *scratch, struct err *e)
{
    str *cell;
    size_t n;
    if (!split(ty->t, row, scratch, &cell, &n, e)) return false;
    for (size_t i = 0; i < ty->t->columns_count; i++) {
        struct cell_types *k = &ty->of[i];
        bool is_negative, yes;
        int64_t w;
        uint64_t u;
        double r;
        if (i >= n || is_missing(cell[i])) {
            k->gaps = true;
            continue;
        }
        k->some = true;
        if (!k->no_whole && !whole(cell[i], &is_negative, &u)) k->no_whole = true;
        if (!k->no_whole && is_negative && u) k->no_uint = true;
        if (!k->no_int && !is_int64(cell[i], &w)) k->no_int = true;
        if (!k->no_real && !is_real(cell[i], &r)) k->no_real = true;
        if (!k->no_bool && !is_bool(cell[i], &yes)) k->no_bool = true;
    }
    return true;
}

bool text_csv_types(struct text_types *ty, struct text *t, struct err *e)
{
    (void)e;
    for (size_t i = 0; i < t->columns_count; i++) {
        const struct cell_types *k = &ty->of[i];
        struct parquet_node *c = &t->column[i];
        c->shape = PARQUET_LEAF;
        bool is_whole = k->some && !k->gaps && !k->no_whole, is_signed = is_whole && !k->no_int;
        if (is_signed || (is_whole && !k->no_uint)) {
            c->physical = PARQUET_INT64;
            c->logical = PARQUET_INTEGER;
            c->width = 64;
            c->is_signed = is_signed;
        } else if (k->some && !k->no_bool) {
            c->physical = PARQUET_BOOLEAN;
        } else if (!is_whole && (!k->some || !k->no_real)) {
            c->physical = PARQUET_DOUBLE;
        } else { /* also whole numbers that no type holds all */
            c->physical = PARQUET_BYTES;
            c->logical = PARQUET_STRING;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ values */

/* NULL without `fits`: it is not of the type. */
static struct json *value_of(const struct parquet_node *c, str s, const struct parquet_options *o, struct arena *a, bool *fits, struct err *e)
{
    struct json *v;
    int64_t w = 0;
    uint64_t u = 0;
    double r = 0;
    bool yes = false, is_negative;
    *fits = true;
    if (is_missing(s)) return pq_json_new(a, JSON_NULL, e);
    if (c->logical == PARQUET_STRING) return text_value(s, o, a, e);
    if (c->physical == PARQUET_BOOLEAN) *fits = is_bool(s, &yes);
    else if (c->physical == PARQUET_DOUBLE) *fits = is_real(s, &r);
    else if (c->is_signed) *fits = is_int64(s, &w);
    else *fits = whole(s, &is_negative, &u) && !is_negative;
    if (!*fits) return NULL;
    if (c->physical == PARQUET_INT64 && !c->is_signed && u > INT64_MAX) return text_value(str_trim(s), o, a, e); /* as Parquet's */
    if (c->physical == PARQUET_DOUBLE && (r > 1.7976931348623157e308 || r < -1.7976931348623157e308))
        return text_value(r > 0 ? STR("Infinity") : STR("-Infinity"), o, a, e);
    if (!(v = pq_json_new(a, c->physical == PARQUET_BOOLEAN ? JSON_BOOL : c->physical == PARQUET_DOUBLE ? JSON_REAL : JSON_INT, e))) return NULL;
    if (c->physical == PARQUET_BOOLEAN) v->b = yes;
    else if (c->physical == PARQUET_DOUBLE) v->r = r;
    else v->i = c->is_signed ? w : (int64_t)u;
    return v;
}

bool text_csv_values(const struct text *t, str row, const size_t *column, size_t n, const struct parquet_options *o, struct arena *scratch, struct arena *a,
                     struct json **value, const char **problem, struct err *e)
{
    str *cell;
    size_t cells;
    if (!split(t, row, scratch, &cell, &cells, e)) return false;
    for (size_t k = 0; k < n; k++) {
        const struct parquet_node *c = &t->column[column[k]];
        str s = column[k] < cells ? cell[column[k]] : STR("");
        bool fits;
        if ((value[k] = value_of(c, s, o, a, &fits, e))) continue;
        if (fits) return false;
        problem[k] = arena_fmt(scratch, "\"%.*s\" is no %.*s, which the first rows are", STR_ARG(str_to(s, 60)), STR_ARG(parquet_type_name(c, scratch))).p;
    }
    return true;
}
