/* test_where.c - conditions, orders and words asked of batches, beside the same asked of each row by itself: of its JSON, as it is shown. */
#include "unit.h"

#include <math.h>

#include "dataset/query/scan.h"
#include "dataset/query/where_priv.h"
#include "dataset/query/words.h"

enum { COLUMNS_MAX = 40 };

/* ------------------------------------------------------------------ chance */

static uint64_t seed = 88172645463325252u;
static size_t below(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return n ? (size_t)(seed % n) : 0;
}

/* ------------------------------------------------------------------ a table, and its rows as JSON */

struct file {
    char *p;
    size_t n;
};

static bool read_file(void *ctx, uint64_t at, uint8_t *out, size_t n, struct err *e)
{
    struct file *f = ctx;
    (void)e;
    assert_true(at <= f->n && n <= f->n - at);
    if (n) memcpy(out, f->p + at, n);
    return true;
}

struct rows {
    struct arena *a;
    struct file file;
    struct parquet_source source;
    struct repo_file_row name;
    struct dataset_part part;
    struct dataset_column column[COLUMNS_MAX];
    struct dataset_table t;
    struct json **cell; /* rows times t.columns_count */
};

static void read_cells(struct rows *r)
{
    static const struct parquet_options o = { .text_bytes_max = 1 << 20, .cell_values_max = SIZE_MAX, .bytes_max = 1 << 30, .steps_max = 1 << 30 };
    struct dataset_table *t = &r->t;
    const struct parquet_node *n = r->part.parquet ? r->part.parquet->column : r->part.text->column;
    size_t column[COLUMNS_MAX];
    struct err e;
    t->part = &r->part;
    t->parts_count = 1;
    t->columns_count = t->columns_all = r->part.parquet ? r->part.parquet->columns_count : r->part.text->columns_count;
    t->column = r->column;
    t->rows_count = r->part.rows_count;
    t->is_counted = true;
    r->part.file = &r->name;
    r->name.path = STR("a");
    assert_true(t->columns_count <= COLUMNS_MAX);
    for (size_t k = 0; k < t->columns_count; k++) {
        column[k] = k;
        r->column[k] = (struct dataset_column){ .name = n[k].name, .node = &n[k] };
    }
    r->cell = arena_alloc(r->a, (t->rows_count * t->columns_count + 1) * sizeof *r->cell);
    for (uint64_t at = 0; at < t->rows_count;) {
        struct parquet_cells cells;
        must_ok(dataset_read(&r->part, at, 1000, column, t->columns_count, &o, r->a, &cells, &e));
        for (size_t k = 0; k < t->columns_count; k++)
            if (cells.problem[k]) fail_msg("%.*s: %s", STR_ARG(n[k].name), cells.problem[k]);
        memcpy(&r->cell[at * t->columns_count], cells.cell, cells.rows_count * t->columns_count * sizeof *cells.cell);
        at += cells.rows_count;
    }
}

static struct rows *rows_new(void)
{
    struct arena *a = arena_new(0);
    struct rows *r = arena_one(a, struct rows);
    r->a = a;
    r->source = (struct parquet_source){ &r->file, read_file, 0 };
    return r;
}

static struct rows *parquet_rows(const char *name)
{
    struct rows *r = rows_new();
    char path[700];
    struct err e;
    snprintf(path, sizeof path, "%s/../data/parquet/%s.parquet", getenv("HEARTH_TEST_DATA"), name);
    must_ok(os_read_file(path, 4 << 20, &r->file.p, &r->file.n, &e));
    r->source.size_bytes = r->file.n;
    must_ok(parquet_open(&r->source, r->a, &r->part.parquet, &e));
    r->part.rows_count = r->part.parquet->rows_count;
    read_cells(r);
    return r;
}

static struct rows *text_rows(str content, enum text_kind kind)
{
    struct rows *r = rows_new();
    struct text_way way = { .kind = kind, .separator = ',' };
    struct err e;
    r->file = (struct file){ mem_dup(content), content.n };
    r->source.size_bytes = content.n;
    r->part.text = text_new(&r->source, &way, NULL, r->a);
    must_ok(text_open(r->part.text, &e));
    must_ok(text_extend(r->part.text, UINT64_MAX, UINT64_MAX, &e));
    r->part.rows_count = r->part.text->index.rows;
    read_cells(r);
    return r;
}

static void rows_free(struct rows *r)
{
    mem_free(r->file.p);
    arena_free(r->a);
}

/* ------------------------------------------------------------------ asked of one row */

enum truth { NO, YES, UNKNOWN };
static enum truth truth_of(bool yes) { return yes ? YES : NO; }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static size_t letter_bytes(str s, size_t at)
{
    size_t n = 1;
    while (at + n < s.n && ((unsigned char)s.p[at + n] & 0xc0) == 0x80) n++;
    return n;
}

/* By what it means, with no thought of time. */
static bool is_like(str s, str pattern, bool any_case)
{
    if (!pattern.n) return !s.n;
    char c = pattern.p[0];
    str rest = str_from(pattern, 1);
    if (c == '%') return is_like(s, rest, any_case) || (s.n && is_like(str_from(s, letter_bytes(s, 0)), pattern, any_case));
    if (!s.n) return false;
    if (c == '_') return is_like(str_from(s, letter_bytes(s, 0)), rest, any_case);
    return (any_case ? lower(c) == lower(s.p[0]) : c == s.p[0]) && is_like(str_from(s, 1), rest, any_case);
}

static enum truth compare(const struct condition *c, const struct where_key *x, const struct where_key *y)
{
    if (x->is_null || y->is_null) return UNKNOWN;
    if (c->op == OP_LIKE || c->op == OP_ILIKE) return truth_of(is_like(x->text, y->text, c->op == OP_ILIKE));
    int order = where_key_cmp(x, y);
    switch (c->op) {
    case OP_NE: return truth_of(order != 0);
    case OP_LT: return truth_of(order < 0);
    case OP_LE: return truth_of(order <= 0);
    case OP_GT: return truth_of(order > 0);
    case OP_GE: return truth_of(order >= 0);
    default: return truth_of(order == 0);
    }
}

static void key_of(const struct where_column *c, struct json *const *row, struct where_key *out)
{
    const struct json *v = row[c->column];
    for (size_t i = 0; i < c->members; i++) v = json_get(v, c->member[i]);
    where_key_of(where_class_of(c->node), v, out);
}

static enum truth ask(const struct condition *c, struct json *const *row)
{
    struct where_key v;
    if (c->op == OP_AND || c->op == OP_OR) {
        enum truth decides = c->op == OP_AND ? NO : YES, left = ask(c->left, row), right = ask(c->right, row);
        return left == decides || right == decides ? decides : left == UNKNOWN || right == UNKNOWN ? UNKNOWN : left;
    }
    if (c->op == OP_NOT) {
        enum truth left = ask(c->left, row);
        return left == UNKNOWN ? UNKNOWN : truth_of(left == NO);
    }
    key_of(&c->of, row, &v);
    if (c->op == OP_NULL) return truth_of(v.is_null);
    enum truth best = NO;
    for (size_t i = 0; i < c->values && best != YES; i++) {
        enum truth one = compare(c, &v, &c->value[i]);
        if (one != NO) best = one;
    }
    return best;
}

/* ------------------------------------------------------------------ both */

struct ordered {
    uint64_t row;
    struct where_key key;
};
static bool goes_down;
static int in_order(const void *x, const void *y)
{
    const struct ordered *a = x, *b = y;
    int order = a->key.is_null || b->key.is_null || !goes_down ? where_key_cmp(&a->key, &b->key) : where_key_cmp(&b->key, &a->key);
    return order ? order : (a->row > b->row) - (a->row < b->row);
}

static void check(struct rows *r, str where, str by, struct dataset_window window)
{
    struct arena *a = arena_new(0);
    struct where w;
    struct where_order order;
    struct dataset_found found;
    struct ordered *want = arena_alloc(a, (r->t.rows_count + 1) * sizeof *want);
    size_t n = 0;
    struct err e;
    if (!where_parse(where, &r->t, a, &w, &e)) fail_msg("%.*s: %s", STR_ARG(where), e.msg);
    if (!where_order_parse(by, &r->t, a, &order, &e)) fail_msg("%.*s: %s", STR_ARG(by), e.msg);
    for (uint64_t i = 0; i < r->t.rows_count; i++) {
        struct json *const *row = &r->cell[i * r->t.columns_count];
        if (w.root && ask(w.root, row) != YES) continue;
        want[n] = (struct ordered){ .row = i };
        if (order.is_asked) key_of(&order.by, row, &want[n].key);
        n++;
    }
    goes_down = order.is_descending;
    if (order.is_asked && n) qsort(want, n, sizeof *want, in_order);
    if (!dataset_filter(&r->t, &w, &order, window, (struct scan_asker){ 0 }, a, &found, &e)) fail_msg("%.*s: %s", STR_ARG(where), e.msg);
    size_t page = n <= window.offset ? 0 : n - window.offset < window.length ? n - window.offset : window.length;
    if (found.is_partial || found.total != n || found.n != page) fail_msg("%.*s, order %.*s: %zu rows, of which a page has %zu, instead of %zu and %zu", STR_ARG(where), STR_ARG(by), (size_t)found.total, found.n, n, page);
    for (size_t i = 0; i < page; i++)
        if (found.row[i] != want[window.offset + i].row) fail_msg("%.*s, order %.*s: row %zu instead of %zu", STR_ARG(where), STR_ARG(by), (size_t)found.row[i], (size_t)want[window.offset + i].row);
    arena_free(a);
}

/* ------------------------------------------------------------------ conditions by chance */

static void add_name(struct buf *b, str name)
{
    buf_byte(b, '"');
    buf_add(b, name);
    buf_byte(b, '"');
}

static void add_text(struct buf *b, str s)
{
    buf_byte(b, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'') buf_byte(b, '\'');
        buf_byte(b, s.p[i]);
    }
    buf_byte(b, '\'');
}

/* A value that some row has, or one beside it. */
static void add_value(struct buf *b, const struct where_column *c, const struct rows *r, struct arena *a)
{
    static const char *const odd[] = { "0", "-0.0", "0.1", "1e300", "-1e300", "9223372036854775808", "18446744073709551615", "-9223372036854775809", "4294967296", "2.5", "null" };
    static const char *const moment[] = { "1970", "2000-02-29", "2024-01-01 00:00:00", "1969-12-31T23:59:59.999", "00:00:05", "00:00:05.5", "", "9999-12-31", "-0001", "k00123" };
    enum where_class class = where_class_of(c->node);
    const struct json *v = r->t.rows_count ? r->cell[below(r->t.rows_count) * r->t.columns_count + c->column] : NULL;
    for (size_t i = 0; i < c->members; i++) v = json_get(v, c->member[i]);
    bool is_odd = !below(4) || !v || v->type == JSON_NULL;
    str s = v ? json_is(v, JSON_STRING) ? v->s : json_text(a, v) : STR("");
    if (class == WHERE_BOOLEANS) buf_add(b, below(2) ? STR("true") : STR("false"));
    else if (class == WHERE_NUMBERS) buf_add(b, is_odd || s.p[0] == 'N' || s.p[0] == 'I' || s.p[1] == 'I' ? str_c(odd[below(COUNT(odd))]) : s);
    else if (!is_odd && !below(3)) add_text(b, str_to(s, s.n < 12 ? s.n / 2 : below(s.n)).n && str_is_utf8(str_to(s, s.n / 2)) ? str_to(s, s.n / 2) : s);
    else add_text(b, is_odd ? str_c(moment[below(COUNT(moment))]) : s);
}

static void add_pattern(struct buf *b, const struct where_column *c, const struct rows *r)
{
    const struct json *v = r->cell[below(r->t.rows_count) * r->t.columns_count + c->column];
    struct buf text = BUF_INIT(0);
    for (size_t i = 0; i < c->members; i++) v = json_get(v, c->member[i]);
    str s = json_is(v, JSON_STRING) ? v->s : STR("a b");
    if (below(3)) buf_byte(&text, '%');
    for (size_t i = below(3) ? 0 : letter_bytes(s, 0); i < s.n; i += letter_bytes(s, i)) {
        size_t chance = below(12);
        if (chance == 0) buf_byte(&text, '_');
        else if (chance == 1) buf_byte(&text, '%');
        else buf_add(&text, str_n(s.p + i, letter_bytes(s, i)));
        if (chance == 2) break;
    }
    if (below(3)) buf_byte(&text, '%');
    add_text(b, str_is_utf8(buf_str(&text)) ? buf_str(&text) : STR("%a%"));
    buf_deinit(&text);
}

static void add_leaf(struct buf *b, const struct rows *r, struct arena *a)
{
    static const char *const sign[] = { "=", "<>", "<", "<=", ">", ">=" };
    size_t k = below(r->t.columns_count);
    struct where_column c = { .column = k, .node = r->t.column[k].node };
    add_name(b, r->t.column[k].name);
    while (c.node->shape == PARQUET_STRUCT && c.node->children_count && below(4)) {
        c.node = &c.node->child[below(c.node->children_count)];
        c.member = arena_grow(a, c.member, c.members, sizeof *c.member);
        c.member[c.members++] = c.node->name;
        buf_byte(b, '.');
        add_name(b, c.node->name);
    }
    enum where_class class = where_class_of(c.node);
    size_t what = class == WHERE_OTHERS ? 0 : below(class == WHERE_TEXTS ? 14 : 9);
    if (what == 0) {
        buf_add(b, below(2) ? STR(" is null") : STR(" is not null"));
    } else if (what == 1) {
        buf_lit(b, " between ");
        add_value(b, &c, r, a);
        buf_lit(b, " and ");
        add_value(b, &c, r, a);
    } else if (what == 2) {
        buf_add(b, below(2) ? STR(" in (") : STR(" not in ("));
        for (size_t i = 0, n = 1 + below(5); i < n; i++) {
            if (i) buf_byte(b, ',');
            add_value(b, &c, r, a);
        }
        buf_byte(b, ')');
    } else if (what < 9) {
        buf_addf(b, " %s ", sign[below(COUNT(sign))]);
        add_value(b, &c, r, a);
    } else {
        buf_add(b, below(2) ? STR(" like ") : STR(" ilike "));
        add_pattern(b, &c, r);
    }
}

static void add_condition(struct buf *b, const struct rows *r, size_t depth, struct arena *a)
{
    size_t what = depth ? below(5) : 4;
    if (what > 2) {
        add_leaf(b, r, a);
        return;
    }
    buf_add(b, what == 2 ? STR("not (") : STR("("));
    add_condition(b, r, depth - 1, a);
    if (what < 2) {
        buf_add(b, what ? STR(" and ") : STR(" or "));
        add_condition(b, r, depth - 1, a);
    }
    buf_byte(b, ')');
}

static void check_by_chance(struct rows *r, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        struct arena *a = arena_new(0);
        struct buf b = BUF_INIT(0), by = BUF_INIT(0);
        struct dataset_window window = { below(3) ? 0 : below(300), below(3) ? 1 + below(200) : r->t.rows_count };
        size_t k = below(r->t.columns_count);
        add_condition(&b, r, 3, a);
        if (!below(3) && where_class_of(r->t.column[k].node) != WHERE_OTHERS) {
            add_name(&by, r->t.column[k].name);
            if (below(2)) buf_lit(&by, " desc");
        }
        check(r, buf_str(&b), buf_str(&by), window);
        buf_deinit(&b);
        buf_deinit(&by);
        arena_free(a);
    }
}

/* Each comparison of each column by itself, so that none is left to chance. */
static void check_each_column(struct rows *r)
{
    static const char *const sign[] = { "=", "<>", "<", "<=", ">", ">=" };
    for (size_t k = 0; k < r->t.columns_count; k++)
        for (size_t i = 0; i < COUNT(sign) * 3 + 1; i++) {
            struct arena *a = arena_new(0);
            struct buf b = BUF_INIT(0);
            struct where_column c = { .column = k, .node = r->t.column[k].node };
            bool is_other = where_class_of(c.node) == WHERE_OTHERS || i == COUNT(sign) * 3;
            add_name(&b, r->t.column[k].name);
            if (is_other) buf_lit(&b, " is null");
            else buf_addf(&b, " %s ", sign[i % COUNT(sign)]);
            if (!is_other) add_value(&b, &c, r, a);
            check(r, buf_str(&b), STR(""), (struct dataset_window){ 0, r->t.rows_count });
            buf_deinit(&b);
            arena_free(a);
        }
}

static void conditions_on_parquet_are_those_of_its_rows(void **state)
{
    static const struct { const char *name; size_t times; } file[] = {
        { "query_v1", 150 }, { "query_v2", 150 }, { "flat_v1", 100 }, { "flat_v2", 100 }, { "flat_snappy", 100 }, { "nested_v1", 100 }, { "nested_v2", 100 },
        { "encoded_v1", 100 }, { "encoded_v2", 100 }, { "codec_gzip", 20 }, { "codec_brotli", 20 }, { "codec_lz4", 20 }, { "codec_none", 20 }, { "fallback", 60 },
        { "pages_v1", 60 }, { "pages_v2", 60 }, { "pages_index", 60 }, { "pages_index_v2", 60 }, { "features", 40 }, { "int96", 40 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(file); i++) {
        struct rows *r = parquet_rows(file[i].name);
        check_each_column(r);
        check_by_chance(r, file[i].times);
        rows_free(r);
    }
}

static void add_row(struct buf *csv, struct buf *lines, size_t i)
{
    static const char *const word[] = { "red", "\"green, \"\"or\"\" so\"", "", "NA", "Blue", "na\xc3\xafve" }, *const json[] = { "\"red\"", "\"green, \\\"or\\\" so\"", "null", "\"NA\"", "\"Blue\"", "\"na\\u00efve\"" };
    size_t w = below(COUNT(word)), n = below(100);
    buf_addf(csv, "%zu,%s,%s,%s,%zu.5,%llu\n", i, n % 9 ? "7" : "", word[w], n % 2 ? "True" : "False", n, (unsigned long long)UINT64_MAX - n);
    buf_addf(lines, "{\"id\": %zu, \"gap\": %s, \"word\": %s, \"is\": %s, \"real\": %zu.5, \"when\": \"2024-01-%02zu\", \"m\": {\"x\": %zu, \"l\": [%zu]}, \"any\": %s}\n", i, n % 9 ? "7" : "null", json[w],
             n % 2 ? "true" : "false", n, n % 28 + 1, n, n, n % 5 ? "3" : "\"a\"");
}

static void conditions_on_text_are_those_of_its_rows(void **state)
{
    struct buf csv = BUF_INIT(0), lines = BUF_INIT(0);
    (void)state;
    buf_lit(&csv, "id,gap,word,is,real,big\n");
    for (size_t i = 0; i < 4300; i++) add_row(&csv, &lines, i);
    struct rows *r = text_rows(buf_str(&csv), TEXT_CSV), *j = text_rows(buf_str(&lines), TEXT_JSON);
    check_each_column(r);
    check_by_chance(r, 20);
    check_each_column(j);
    check_by_chance(j, 20);
    rows_free(r);
    rows_free(j);
    buf_deinit(&csv);
    buf_deinit(&lines);
}

/* Short ones are read without strtod. */
static void numbers_of_csv_are_those_of_strtod(void **state)
{
    enum { ROWS = 3000 };
    struct buf csv = BUF_INIT(0);
    char text[ROWS][40];
    (void)state;
    buf_lit(&csv, "r\n");
    for (size_t i = 0; i < ROWS; i++) {
        size_t digits = 1 + below(17), point = below(digits + 1), n = 0;
        if (below(2)) text[i][n++] = '-';
        for (size_t k = 0; k < digits; k++) {
            if (k == point) text[i][n++] = '.';
            text[i][n++] = (char)('0' + below(10));
        }
        if (!below(8)) n += (size_t)snprintf(text[i] + n, sizeof text[i] - n, "e%d", (int)below(40) - 20);
        text[i][n] = '\0';
        buf_addf(&csv, "%s\n", text[i]);
    }
    struct rows *r = text_rows(buf_str(&csv), TEXT_CSV);
    assert_int_equal(r->t.rows_count, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        double want = strtod(text[i], NULL);
        if (r->cell[i]->type != JSON_REAL || memcmp(&r->cell[i]->r, &want, sizeof want) != 0) fail_msg("%s is %a instead of %a", text[i], r->cell[i]->r, want);
    }
    rows_free(r);
    buf_deinit(&csv);
}

/* ------------------------------------------------------------------ text */

static str chance_text(struct arena *a, const char *letters, size_t most)
{
    size_t n = below(most), all = strlen(letters);
    char *p = arena_alloc(a, n + 1);
    for (size_t i = 0; i < n; i++) p[i] = letters[below(all)];
    return str_n(p, n);
}

static void patterns_match_as_sign_by_sign(void **state)
{
    static const char *const letters[] = { "ab", "aAbB", "ab\xc3\xa9 ", "aB_z@[`{" };
    (void)state;
    for (size_t i = 0; i < 30000; i++) {
        struct arena *a = arena_new(0);
        const char *of = letters[i % COUNT(letters)];
        str s = chance_text(a, of, i % 3 ? 12 : 80), part = chance_text(a, of, 5), more = chance_text(a, of, 5);
        static const char *const shape[] = { "%.*s", "%%%.*s", "%.*s%%", "%%%.*s%%", "%%%.*s%%%.*s", "%.*s%%%.*s", "%%%.*s_%.*s%%", "%.*s%%%%%.*s", "%%%.*s%%%.*s%%" };
        size_t k = below(COUNT(shape));
        if (below(2) && s.n > 4) part = str_n(s.p + below(s.n / 2), 1 + below(s.n / 2));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        str pattern = k < 4 ? arena_fmt(a, shape[k], STR_ARG(part)) : arena_fmt(a, shape[k], STR_ARG(part), STR_ARG(more));
#pragma GCC diagnostic pop
        for (int any_case = 0; any_case < 2; any_case++) {
            uint64_t steps = 1 << 20;
            bool want = is_like(s, pattern, any_case), got = like_matches(like_new(pattern, any_case, a), s, &steps);
            if (str_is_utf8(pattern) && want != got) fail_msg("\"%.*s\" %slike \"%.*s\" is %d", STR_ARG(s), any_case ? "i" : "", STR_ARG(pattern), got);
        }
        arena_free(a);
    }
}

static void a_search_that_goes_on_for_long_is_ended(void **state)
{
    struct arena *a = arena_new(0);
    str pattern = arena_fmt(a, "%%%0500d%d%%", 0, 10), s = arena_fmt(a, "%0100000d", 0);
    uint64_t steps = 1 << 20;
    (void)state;
    assert_false(like_matches(like_new(pattern, false, a), s, &steps));
    assert_int_equal(steps, 0);
    arena_free(a);
}

static bool is_word_byte(char c) { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z'); }

static void words_are_counted_as_one_by_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < 30000; i++) {
        struct arena *a = arena_new(0);
        str s = chance_text(a, i % 2 ? "aA. " : "abc9@[`{/: ", i % 5 ? 60 : 400), word = i % 7 ? STR("a") : STR("ab");
        struct word_set set;
        struct word_count got = { 0 }, marked = { 0 };
        uint32_t all = 0, of = 0;
        assert_true(word_set_parse(word, a, &set));
        for (size_t at = 0, n; at < s.n; at += n + 1) {
            for (n = 0; at + n < s.n && is_word_byte(s.p[at + n]);) n++;
            all += n > 0;
            of += n && str_eq_nocase(str_n(s.p + at, n), word);
        }
        words_count(&set, s, &got);
        words_count(&set, arena_fmt(a, "%.*s \xe2\x80\xa6", STR_ARG(s)), &marked); /* the sign is no word, and makes the text none of ASCII */
        if (got.all != all || got.of[0] != of || marked.all != all || marked.of[0] != of) fail_msg("\"%.*s\": %u of %u words, %u of %u with a sign, instead of %u of %u", STR_ARG(s), got.of[0], got.all, marked.of[0], marked.all, of, all);
        arena_free(a);
    }
}

static bool has_left(void *ctx) { return --*(int *)ctx < 0; }

static void who_leaves_is_not_looked_for(void **state)
{
    struct rows *r = parquet_rows("query_v1");
    struct where w;
    struct where_order order = { 0 };
    struct dataset_found found;
    struct err e;
    int stays = 2;
    (void)state;
    must_ok(where_parse(STR("id > 4"), &r->t, r->a, &w, &e));
    assert_false(dataset_filter(&r->t, &w, &order, (struct dataset_window){ 0, 10 }, (struct scan_asker){ has_left, &stays }, r->a, &found, &e));
    assert_int_equal(e.code, ERR_CLOSED);
    rows_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_on_parquet_are_those_of_its_rows),
        cmocka_unit_test(conditions_on_text_are_those_of_its_rows),
        cmocka_unit_test(numbers_of_csv_are_those_of_strtod),
        cmocka_unit_test(patterns_match_as_sign_by_sign),
        cmocka_unit_test(a_search_that_goes_on_for_long_is_ended),
        cmocka_unit_test(words_are_counted_as_one_by_one),
        cmocka_unit_test(who_leaves_is_not_looked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
