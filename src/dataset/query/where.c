/* dataset/query/where.c - conditions, parsed by recursive descent; and values in order, as they are compared. */
#include <math.h>
#include <stdlib.h>

#include "dataset/query/where_priv.h"

enum { PARTS_MAX = 500, NUMBER_BYTES_MAX = 200 /* decimals of 76 digits */, LIKE_STEPS_MAX = 1 << 30 };

/* ------------------------------------------------------------------ columns */

enum where_class where_class_of(const struct parquet_node *n)
{
    if (n->shape != PARQUET_LEAF) return WHERE_OTHERS;
    switch (n->logical) {
    case PARQUET_STRING: case PARQUET_JSON: case PARQUET_DATE: case PARQUET_TIME: case PARQUET_TIMESTAMP: case PARQUET_UUID: return WHERE_TEXTS;
    case PARQUET_DECIMAL: case PARQUET_INTEGER: case PARQUET_FLOAT16: return WHERE_NUMBERS;
    case PARQUET_PLAIN: break;
    default: return WHERE_OTHERS;
    }
    if (n->physical == PARQUET_BOOLEAN) return WHERE_BOOLEANS;
    if (n->physical == PARQUET_INT96) return WHERE_TEXTS;
    return n->physical == PARQUET_BYTES || n->physical == PARQUET_FIXED ? WHERE_OTHERS : WHERE_NUMBERS;
}

static bool number_of(str s, long double *out)
{
    char copy[NUMBER_BYTES_MAX + 1], *end;
    if (!s.n || s.n > NUMBER_BYTES_MAX) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!memchr("0123456789.eE+-", s.p[i], 15)) return false;
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    *out = strtold(copy, &end);
    return end == copy + s.n;
}

/* Integers from 2^63 on, decimals and infinities are text in JSON; what is no number is none. */
void where_key_of(enum where_class class, const struct json *v, struct where_key *out)
{
    *out = (struct where_key){ .is_text = class == WHERE_TEXTS };
    if (json_is(v, JSON_INT)) out->number = v->i;
    else if (json_is(v, JSON_REAL)) out->number = (long double)v->r;
    else if (json_is(v, JSON_BOOL)) out->number = v->b;
    else if (json_is(v, JSON_STRING) && out->is_text) out->text = v->s;
    else if (json_is(v, JSON_STRING) && str_eq(v->s, STR("Infinity"))) out->number = INFINITY;
    else if (json_is(v, JSON_STRING) && str_eq(v->s, STR("-Infinity"))) out->number = -INFINITY;
    else if (class == WHERE_OTHERS) out->is_null = !v || v->type == JSON_NULL;
    else out->is_null = !json_is(v, JSON_STRING) || !number_of(v->s, &out->number);
}

void where_key_at(enum where_class class, const struct parquet_node *leaf, const struct parquet_vector *v, size_t i, struct arena *a, struct where_key *out)
{
    struct json text = { .type = JSON_STRING };
    if (v->text) text.s = v->text[i];
    where_key_of(class, v->text ? &text : v->json ? v->json[i] : parquet_ordinal_json(leaf, v->ordinal[i], a), out);
}

int where_key_cmp(const struct where_key *x, const struct where_key *y)
{
    if (x->is_null || y->is_null) return (int)x->is_null - (int)y->is_null;
    if (x->is_text) return str_cmp(x->text, y->text);
    return (x->number > y->number) - (x->number < y->number);
}

/* ------------------------------------------------------------------ words */

enum word { W_END, W_NAME, W_QUOTED, W_TEXT, W_NUMBER, W_SIGN };
struct parser {
    str all;
    size_t at;       /* behind the word */
    size_t word_at;
    enum word word;
    str text;        /* of the word: without its quotes */
    size_t parts, depth;
    const struct dataset_table *t;
    struct arena *a;
    struct where *out;
    const char *parameter;
    struct err *e;
};

/* The first words are those of the public service. */
static bool wrong(struct parser *p, const char *what)
{
    return err_kind(p->e, ERR_UNPROCESSABLE, "InvalidParameter", "Parameter '%s' contains errors or invalid symbols: at byte %zu, %s", p->parameter, p->word_at + 1, what);
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Two quotes in it stand for one. */
static bool next_quoted(struct parser *p, char quote)
{
    char *copy = arena_alloc(p->a, p->all.n + 1); /* both are bounded: WHERE_BYTES_MAX for each of PARTS_MAX */
    size_t n = 0;
    if (++p->parts > PARTS_MAX) return wrong(p, "the condition has too many parts");
    for (p->at++; p->at < p->all.n; p->at++) {
        char c = p->all.p[p->at];
        if (c == quote && !(p->at + 1 < p->all.n && p->all.p[p->at + 1] == quote)) {
            p->at++;
            p->text = str_n(copy, n);
            return true;
        }
        if (c == quote) p->at++;
        copy[n++] = c;
    }
    return wrong(p, "a quote is not closed");
}

static bool next_word(struct parser *p)
{
    static const char *const sign[] = { "<>", "!=", "<=", ">=", "==", "<", ">", "=", "(", ")", ",", "." };
    while (p->at < p->all.n && memchr(" \t\r\n", p->all.p[p->at], 4)) p->at++;
    size_t from = p->word_at = p->at;
    str rest = str_from(p->all, from);
    p->word = W_END;
    p->text = STR("");
    if (!rest.n) return true;
    char c = rest.p[0];
    if (c == '"' || c == '\'') {
        p->word = c == '"' ? W_QUOTED : W_TEXT;
        return next_quoted(p, c);
    }
    if (is_letter(c)) {
        while (p->at < p->all.n && (is_letter(p->all.p[p->at]) || is_digit(p->all.p[p->at]))) p->at++;
        p->word = W_NAME;
    } else if (is_digit(c) || ((c == '-' || c == '+' || c == '.') && rest.n > 1 && (is_digit(rest.p[1]) || rest.p[1] == '.'))) {
        for (p->at++; p->at < p->all.n; p->at++) {
            char d = p->all.p[p->at], before = p->all.p[p->at - 1];
            bool is_sign = (d == '-' || d == '+') && (before == 'e' || before == 'E');
            if (!is_digit(d) && d != '.' && d != 'e' && d != 'E' && !is_sign) break;
        }
        p->word = W_NUMBER;
    } else {
        for (size_t i = 0; i < COUNT(sign) && p->word == W_END; i++)
            if (str_starts(rest, str_c(sign[i]))) {
                p->at += strlen(sign[i]);
                p->word = W_SIGN;
            }
        if (p->word == W_END) return wrong(p, "this sign has no meaning here");
    }
    p->text = str_n(p->all.p + from, p->at - from);
    return true;
}

static bool is_word(const struct parser *p, const char *word) { return p->word == W_NAME && str_eq_nocase(p->text, str_c(word)); }
static bool is_sign(const struct parser *p, const char *sign) { return p->word == W_SIGN && str_eq(p->text, str_c(sign)); }

/* ------------------------------------------------------------------ what is compared */

static bool invalid(struct parser *p, const char *what, str name)
{
    return err_kind(p->e, ERR_UNPROCESSABLE, "InvalidParameter", "A query parameter is invalid: %s \"%.*s\"", what, STR_ARG(str_to(name, 100)));
}

static bool parse_column(struct parser *p, struct where_column *out)
{
    *out = (struct where_column){ 0 };
    if (p->word != W_NAME && p->word != W_QUOTED) return wrong(p, "the name of a column is expected");
    while (out->column < p->t->columns_count && !str_eq(p->t->column[out->column].name, p->text)) out->column++;
    if (out->column == p->t->columns_count) return invalid(p, "there is no column", p->text);
    out->name = p->text;
    out->node = p->t->column[out->column].node;
    if (!next_word(p)) return false;
    while (is_sign(p, ".")) {
        size_t i = 0;
        if (!next_word(p)) return false;
        if (p->word != W_NAME && p->word != W_QUOTED) return wrong(p, "the name of a member is expected");
        while (out->node->shape == PARQUET_STRUCT && i < out->node->children_count && !str_eq(out->node->child[i].name, p->text)) i++;
        if (out->node->shape != PARQUET_STRUCT || i == out->node->children_count) return invalid(p, "there is no member", p->text);
        out->node = &out->node->child[i];
        out->member = arena_grow(p->a, out->member, out->members, sizeof *out->member);
        out->member[out->members++] = p->text;
        if (!next_word(p)) return false;
    }
    return true;
}

/* Dates are text: "2024-01-31 12:00" is written "2024-01-31T12:00" in values. */
static str date_text(const struct parquet_node *n, str s, struct arena *a)
{
    if ((n->logical != PARQUET_TIMESTAMP && n->physical != PARQUET_INT96) || s.n < 11 || s.p[10] != ' ') return s;
    return arena_fmt(a, "%.*sT%.*s", STR_ARG(str_to(s, 10)), STR_ARG(str_from(s, 11)));
}

static bool add_value(struct parser *p, struct condition *c)
{
    struct where_key v = { 0 };
    enum where_class class = where_class_of(c->of.node);
    bool is_true = is_word(p, "true"), fits = true;
    if (++p->parts > PARTS_MAX) return wrong(p, "the condition has too many parts");
    if (p->word != W_TEXT && p->word != W_NUMBER && !is_true && !is_word(p, "false") && !is_word(p, "null")) return wrong(p, "a value is expected: a number, 'text', true, false or null");
    if (is_word(p, "null")) v.is_null = true;
    else if (class == WHERE_TEXTS && (fits = p->word == W_TEXT)) v = (struct where_key){ .is_text = true, .text = date_text(c->of.node, p->text, p->a) };
    else if (class == WHERE_NUMBERS) fits = (p->word == W_NUMBER || p->word == W_TEXT) && number_of(str_trim(p->text), &v.number);
    else if (class == WHERE_BOOLEANS && (fits = is_true || is_word(p, "false") || str_eq_nocase(p->text, STR("true")) || str_eq_nocase(p->text, STR("false"))))
        v.number = is_true || str_eq_nocase(p->text, STR("true"));
    else if (class == WHERE_OTHERS) return invalid(p, "lists, objects and bytes are compared with null alone:", c->of.node->name);
    if (!fits) return invalid(p, "the column is of another type than", p->text);
    c->value = arena_grow(p->a, c->value, c->values, sizeof *c->value);
    c->value[c->values++] = v;
    return next_word(p);
}

static struct condition *new_condition(struct parser *p, enum op op)
{
    struct condition *c = arena_one(p->a, struct condition);
    c->op = op;
    return c;
}

static struct condition *join(struct parser *p, enum op op, struct condition *left, struct condition *right)
{
    struct condition *c = new_condition(p, op);
    c->left = left;
    c->right = right;
    return c;
}

static bool count_column(struct parser *p, const struct condition *c)
{
    struct where *w = p->out;
    for (size_t i = 0; i < w->columns_count; i++)
        if (w->column[i] == c->of.column) return true;
    if (w->columns_count == WHERE_COLUMNS_MAX) return wrong(p, "the condition has too many columns");
    w->column[w->columns_count++] = c->of.column;
    return true;
}

/* (1, 2, 3) */
static bool parse_list(struct parser *p, struct condition *c)
{
    if (!next_word(p)) return false;
    if (!is_sign(p, "(")) return wrong(p, "a list of values in parentheses is expected");
    do {
        if (!next_word(p) || !add_value(p, c)) return false;
    } while (is_sign(p, ","));
    return is_sign(p, ")") ? next_word(p) : wrong(p, "the list of values is not closed");
}

/* Behind the word BETWEEN. */
static bool parse_between(struct parser *p, struct condition *c, struct condition **out)
{
    struct condition *other = new_condition(p, OP_LE);
    other->of = c->of;
    c->op = OP_GE;
    if (!next_word(p) || !add_value(p, c)) return false;
    if (!is_word(p, "and")) return wrong(p, "BETWEEN has AND between its values");
    *out = join(p, OP_AND, c, other);
    return next_word(p) && add_value(p, other);
}

/* Behind a column: what is asked of it. */
static bool parse_predicate(struct parser *p, struct condition **out)
{
    static const struct { const char *sign; enum op op; } sign[] = { { "=", OP_EQ }, { "==", OP_EQ }, { "<>", OP_NE }, { "!=", OP_NE }, { "<", OP_LT },
                                                                     { "<=", OP_LE }, { ">", OP_GT }, { ">=", OP_GE } };
    struct condition *c = *out = new_condition(p, OP_NULL);
    bool is_not = false, ok = true;
    if (!parse_column(p, &c->of) || !count_column(p, c)) return false;
    if (is_word(p, "is")) {
        if (!next_word(p)) return false;
        is_not = is_word(p, "not");
        if (is_not && !next_word(p)) return false;
        if (!is_word(p, "null")) return wrong(p, "NULL or NOT NULL is expected behind IS");
        ok = next_word(p);
    } else if (p->word == W_SIGN) {
        size_t i = 0;
        while (i < COUNT(sign) && !is_sign(p, sign[i].sign)) i++;
        if (i == COUNT(sign)) return wrong(p, "a comparison is expected");
        c->op = sign[i].op;
        ok = next_word(p) && add_value(p, c);
    } else {
        is_not = is_word(p, "not");
        if (is_not && !next_word(p)) return false;
        bool is_like = is_word(p, "like"), is_ilike = is_word(p, "ilike");
        if (is_like || is_ilike) {
            c->op = is_like ? OP_LIKE : OP_ILIKE;
            if (where_class_of(c->of.node) != WHERE_TEXTS) return invalid(p, "LIKE is for columns of text, and not for", c->of.node->name);
            ok = next_word(p) && add_value(p, c);
        } else if (is_word(p, "in")) {
            c->op = OP_IN;
            ok = parse_list(p, c);
        } else if (is_word(p, "between")) {
            ok = parse_between(p, c, out);
        } else {
            return wrong(p, "a comparison is expected: = <> < <= > >=, LIKE, ILIKE, IN, BETWEEN, IS NULL");
        }
    }
    if (ok && is_not) *out = join(p, OP_NOT, *out, NULL);
    return ok;
}

/* ------------------------------------------------------------------ how conditions are joined */

static bool parse_or(struct parser *p, struct condition **out);

static bool parse_one(struct parser *p, struct condition **out)
{
    if (++p->parts > PARTS_MAX) return wrong(p, "the condition has too many parts");
    if (p->depth == WHERE_DEPTH_MAX) return wrong(p, "the condition is nested too deeply");
    if (is_word(p, "not")) {
        p->depth++;
        if (!next_word(p) || !parse_one(p, out)) return false;
        *out = join(p, OP_NOT, *out, NULL);
        p->depth--;
        return true;
    }
    if (!is_sign(p, "(")) return parse_predicate(p, out);
    p->depth++;
    if (!next_word(p) || !parse_or(p, out)) return false;
    p->depth--;
    return is_sign(p, ")") ? next_word(p) : wrong(p, "a parenthesis is not closed");
}

static bool parse_and(struct parser *p, struct condition **out)
{
    struct condition *right;
    if (!parse_one(p, out)) return false;
    while (is_word(p, "and")) {
        if (!next_word(p) || !parse_one(p, &right)) return false;
        *out = join(p, OP_AND, *out, right);
    }
    return true;
}

static bool parse_or(struct parser *p, struct condition **out)
{
    struct condition *right;
    if (!parse_and(p, out)) return false;
    while (is_word(p, "or")) {
        if (!next_word(p) || !parse_and(p, &right)) return false;
        *out = join(p, OP_OR, *out, right);
    }
    return true;
}

static bool begin(struct parser *p, struct err *e)
{
    p->e = e;
    if (p->all.n > WHERE_BYTES_MAX) return err_kind(e, ERR_UNPROCESSABLE, "InvalidParameter", "Parameter '%s' has more than %d bytes", p->parameter, WHERE_BYTES_MAX);
    return str_is_utf8(p->all) ? next_word(p) : wrong(p, "it is no UTF-8");
}

bool where_parse(str text, const struct dataset_table *t, struct arena *a, struct where *out, struct err *e)
{
    struct parser p = { .all = str_trim(text), .t = t, .a = a, .out = out, .parameter = "where" };
    *out = (struct where){ .steps_left = LIKE_STEPS_MAX };
    if (!p.all.n) return true;
    if (!begin(&p, e) || !parse_or(&p, &out->root)) return false;
    return p.word == W_END || wrong(&p, "AND, OR or the end is expected");
}

bool where_order_parse(str text, const struct dataset_table *t, struct arena *a, struct where_order *out, struct err *e)
{
    struct parser p = { .all = str_trim(text), .t = t, .a = a, .parameter = "orderby" };
    *out = (struct where_order){ .is_asked = p.all.n > 0 };
    if (!p.all.n) return true;
    if (!begin(&p, e) || !parse_column(&p, &out->by)) return false;
    if (where_class_of(out->by.node) == WHERE_OTHERS) return invalid(&p, "rows are not ordered by lists, objects and bytes:", out->by.node->name);
    out->is_descending = is_word(&p, "desc");
    if ((out->is_descending || is_word(&p, "asc")) && !next_word(&p)) return false;
    return p.word == W_END || wrong(&p, "ASC, DESC or the end is expected");
}
