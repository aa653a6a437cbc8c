/* hub/view/rows.c - JSON lines as a table, and what the columns of a table hold: what the page of a dataset shows of its files.
 *
 * Only the rows that are shown are parsed; those before them are counted by their line ends.  Types are said of the rows that are
 * shown, by the narrowest that fits them all. */
#include "base/json.h"
#include "hub/view/view.h"

const str view_table_ending[VIEW_TABLE_ENDINGS] = { STR_INIT(".csv"), STR_INIT(".tsv"), STR_INIT(".jsonl"), STR_INIT(".ndjson") };

bool view_is_table(str path)
{
    for (size_t i = 0; i < VIEW_TABLE_ENDINGS; i++)
        if (str_ends_nocase(path, view_table_ending[i])) return true;
    return false;
}

void view_rows_read(str path, str text, bool is_cut, struct view_window w, struct arena *a, struct view_table *out)
{
    bool is_tabs = str_ends_nocase(path, STR(".tsv"));
    if (str_ends_nocase(path, STR("json")) || str_ends_nocase(path, STR(".jsonl"))) {
        view_lines_window(text, is_cut, w, a, out);
        return;
    }
    view_table_window(text, is_tabs ? '\t' : ',', is_cut, w, a, out);
    view_table_types(out, a);
}

/* ------------------------------------------------------------------ types */

enum kind { EMPTY, BOOL, INTEGER, NUMBER, LIST, OBJECT, TEXT };
static const char *const kind_name[] = { "empty", "true or false", "integer", "number", "list", "object", "text" };

static enum kind both(enum kind a, enum kind b)
{
    if (a == EMPTY || a == b) return b;
    if (b == EMPTY) return a;
    return (a == INTEGER && b == NUMBER) || (a == NUMBER && b == INTEGER) ? NUMBER : TEXT;
}

static bool digits_end(str s, size_t *i)
{
    size_t from = *i;
    while (*i < s.n && s.p[*i] >= '0' && s.p[*i] <= '9') ++*i;
    return *i > from;
}

static enum kind kind_of_text(str s)
{
    size_t i = 0;
    bool is_whole = true;
    s = str_trim(s);
    if (!s.n) return EMPTY;
    if (str_eq_nocase(s, STR("true")) || str_eq_nocase(s, STR("false"))) return BOOL;
    if (s.p[0] == '-' || s.p[0] == '+') i++;
    if (!digits_end(s, &i)) return TEXT;
    if (i < s.n && s.p[i] == '.') {
        is_whole = false;
        i++;
        digits_end(s, &i);
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        is_whole = false;
        i++;
        if (i < s.n && (s.p[i] == '-' || s.p[i] == '+')) i++;
        if (!digits_end(s, &i)) return TEXT;
    }
    return i < s.n ? TEXT : is_whole ? INTEGER : NUMBER;
}

static void name_kinds(struct view_table *t, const enum kind *kind, struct arena *a)
{
    t->type = arena_alloc(a, (t->columns_count + 1) * sizeof *t->type);
    for (size_t k = 0; k < t->columns_count; k++) t->type[k] = kind_name[kind[k]];
}

void view_table_types(struct view_table *t, struct arena *a)
{
    enum kind kind[VIEW_COLUMNS_MAX] = { EMPTY };
    for (size_t i = 1; i < t->rows_count; i++)
        for (size_t k = 0; k < t->row[i].n; k++) kind[k] = both(kind[k], kind_of_text(t->row[i].cell[k]));
    name_kinds(t, kind, a);
}

/* ------------------------------------------------------------------ JSON lines */

static enum kind kind_of_value(const struct json *v)
{
    static const enum kind of[] = { [JSON_NULL] = EMPTY, [JSON_BOOL] = BOOL, [JSON_INT] = INTEGER, [JSON_REAL] = NUMBER,
                                    [JSON_STRING] = TEXT, [JSON_ARRAY] = LIST, [JSON_OBJECT] = OBJECT };
    return of[v->type];
}

static str text_of_value(const struct json *v, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    if (v->type == JSON_STRING) return arena_dup(a, view_cell(v->s));
    if (v->type == JSON_NULL) return STR("");
    struct json_writer w = json_writer(&b);
    jw_value(&w, v);
    str s = arena_dup(a, view_cell(buf_str(&b)));
    buf_deinit(&b);
    return s;
}

/* Cells come as they are met; a row knows as many columns as there were when it was read. */
struct lines {
    struct view_table *t;
    struct arena *a;
    str name[VIEW_COLUMNS_MAX];
    enum kind kind[VIEW_COLUMNS_MAX];
};

static size_t column(struct lines *l, str name)
{
    size_t k = 0;
    while (k < l->t->columns_count && !str_eq(l->name[k], name)) k++;
    if (k == VIEW_COLUMNS_MAX) {
        l->t->more_columns = true;
    } else if (k == l->t->columns_count) {
        l->name[k] = arena_dup(l->a, view_cell(name));
        l->kind[k] = EMPTY;
        l->t->columns_count++;
    }
    return k;
}

static void add_cell(struct lines *l, struct view_row *row, str name, str text, enum kind kind)
{
    size_t k = column(l, name);
    if (k == VIEW_COLUMNS_MAX) return;
    l->kind[k] = both(l->kind[k], kind);
    row->cell[k] = text;
    if (k >= row->n) row->n = k + 1;
}

static void add_line(struct lines *l, str line)
{
    struct view_row *row = &l->t->row[l->t->rows_count++];
    struct arena *scratch = arena_new(0); /* a line of a megabyte leaves a few cells behind */
    struct json *v;
    struct err ignored;
    *row = (struct view_row){ .cell = arena_alloc(l->a, VIEW_COLUMNS_MAX * sizeof *row->cell) };
    for (size_t k = 0; k < VIEW_COLUMNS_MAX; k++) row->cell[k] = STR("");
    if (!json_parse(line, scratch, &v, &ignored)) add_cell(l, row, STR("value"), view_cell(line), TEXT);
    else if (v->type != JSON_OBJECT) add_cell(l, row, STR("value"), text_of_value(v, l->a), kind_of_value(v));
    else json_each (m, v) add_cell(l, row, m->key, text_of_value(m, l->a), kind_of_value(m));
    arena_free(scratch);
}

void view_lines_window(str text, bool is_cut, struct view_window w, struct arena *a, struct view_table *out)
{
    struct lines l = { .t = out, .a = a };
    size_t most = (w.most < VIEW_ROWS_MAX ? w.most : VIEW_ROWS_MAX) + 1;
    uint64_t number = 0;
    *out = (struct view_table){ .row = arena_alloc(a, most * sizeof *out->row), .rows_count = 1, .more_rows = is_cut };
    if (str_starts(text, STR("\xef\xbb\xbf"))) text = str_from(text, 3);
    if (is_cut) {
        size_t last = str_rchr(text, '\n');
        if (last != STR_NONE) text = str_to(text, last + 1);
    }
    while (out->rows_count < most && text.n) {
        str line;
        if (!str_cut(&text, '\n', &line)) break;
        line = str_trim(line);
        if (line.n && number++ >= w.skip) add_line(&l, line);
    }
    out->more_rows |= str_trim(text).n > 0;
    out->row[0] = (struct view_row){ .cell = arena_alloc(a, (out->columns_count + 1) * sizeof(str)), .n = out->columns_count };
    for (size_t k = 0; k < out->columns_count; k++) out->row[0].cell[k] = l.name[k];
    for (size_t i = 1; i < out->rows_count; i++) out->row[i].n = out->columns_count; /* cells of columns that came later are empty */
    name_kinds(out, l.kind, a);
}
