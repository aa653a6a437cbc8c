/* api/scim/filter.c - see api/scim/filter.h. */
#include "api/scim/filter.h"

enum op { OP_AND, OP_OR, OP_NOT, OP_WITHIN, OP_PR, OP_EQ, OP_NE, OP_CO, OP_SW, OP_EW, OP_GT, OP_GE, OP_LT, OP_LE };

struct scim_filter {
    enum op op;
    struct scim_attr attr;              /* from OP_WITHIN on */
    const struct json *value;           /* from OP_EQ on: a scalar */
    struct scim_filter *left, *right;   /* right: of OP_AND and OP_OR */
};

struct reader {
    str rest;
    size_t depth, terms;
    struct arena *a;
    const char *kind; /* of errors */
};

/* ------------------------------------------------------------------ words */

static bool bad(const struct reader *r, struct err *e, const char *what)
{
    str at = str_to(r->rest, 40);
    return err_kind(e, ERR_INVALID, r->kind, "%s at \"%.*s\"", what, STR_ARG(at));
}

static bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_name(char c) { return is_alnum(c) || c == '_' || c == '-' || c == '$' || c == '.' || c == ':'; }

static void skip_blanks(struct reader *r)
{
    while (r->rest.n && (r->rest.p[0] == ' ' || r->rest.p[0] == '\t')) r->rest = str_from(r->rest, 1);
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (!r->rest.n || r->rest.p[0] != c) return false;
    r->rest = str_from(r->rest, 1);
    return true;
}

/* What a name is made of, as far as it goes. */
static str peek_word(struct reader *r)
{
    size_t n = 0;
    skip_blanks(r);
    while (n < r->rest.n && is_name(r->rest.p[n])) n++;
    return str_to(r->rest, n);
}

static bool take_word(struct reader *r, const char *word)
{
    str w = peek_word(r);
    if (!str_eq_nocase(w, str_c(word))) return false;
    r->rest = str_from(r->rest, w.n);
    return true;
}

static bool read_attr(struct reader *r, struct scim_attr *out, struct err *e)
{
    static const char *const core[] = { "urn:ietf:params:scim:schemas:core:2.0:User:", "urn:ietf:params:scim:schemas:core:2.0:Group:" };
    str text = peek_word(r);
    size_t dot;
    if (!text.n || !(is_alnum(text.p[0]) || text.p[0] == '$')) return bad(r, e, "An attribute is expected");
    r->rest = str_from(r->rest, text.n);
    for (size_t i = 0; i < COUNT(core); i++)
        if (str_starts_nocase(text, str_c(core[i]))) text = str_from(text, strlen(core[i]));
    *out = (struct scim_attr){ .name = text, .is_foreign = str_chr(text, ':') != STR_NONE };
    if (out->is_foreign || (dot = str_chr(text, '.')) == STR_NONE) return true;
    out->name = str_to(text, dot);
    out->sub = str_from(text, dot + 1);
    return (out->name.n && out->sub.n && str_chr(out->sub, '.') == STR_NONE) || bad(r, e, "An attribute has one part at most, before what stands");
}

/* A string in quotes, as JSON has it; in single ones, without escapes; or a word. */
static bool read_value(struct reader *r, const struct json **out, struct err *e)
{
    struct json *v;
    struct err why;
    size_t n = 0;
    skip_blanks(r);
    if (!r->rest.n) return bad(r, e, "A value is missing");
    char quote = r->rest.p[0];
    if (quote == '"' || quote == '\'') {
        for (n = 1; n < r->rest.n && r->rest.p[n] != quote; n++)
            if (quote == '"' && r->rest.p[n] == '\\') n++;
        if (n >= r->rest.n) return bad(r, e, "A quote is not closed");
        n++;
    } else {
        while (n < r->rest.n && r->rest.p[n] != ' ' && r->rest.p[n] != ')' && r->rest.p[n] != ']') n++;
        if (!n) return bad(r, e, "A value is missing");
    }
    str text = str_to(r->rest, n);
    if (quote == '\'') v = json_new_str(r->a, str_n(text.p + 1, n - 2));
    else if (!json_parse(text, r->a, &v, &why)) {
        if (quote == '"') return bad(r, e, "A string is malformed");
        v = json_new_str(r->a, text);
    }
    if (v->type == JSON_ARRAY || v->type == JSON_OBJECT) return bad(r, e, "A value is a string, a number, true, false or null");
    r->rest = str_from(r->rest, n);
    *out = v;
    return true;
}

/* ------------------------------------------------------------------ grammar */

static bool read_or(struct reader *r, struct scim_filter **out, struct err *e);

static struct scim_filter *node(struct reader *r, enum op op, struct scim_filter *left, struct scim_filter *right)
{
    struct scim_filter *f = arena_one(r->a, struct scim_filter);
    *f = (struct scim_filter){ .op = op, .left = left, .right = right };
    return f;
}

static bool read_inner(struct reader *r, char end, struct scim_filter **out, struct err *e)
{
    if (++r->depth > SCIM_FILTER_DEPTH_MAX) return bad(r, e, "The filter is nested too deeply");
    if (!read_or(r, out, e)) return false;
    r->depth--;
    return take(r, end) || bad(r, e, end == ')' ? "\")\" is missing" : "\"]\" is missing");
}

static bool read_compare(struct reader *r, struct scim_filter **out, struct err *e)
{
    static const struct { const char *word; enum op op; } ops[] = { { "pr", OP_PR }, { "eq", OP_EQ }, { "ne", OP_NE }, { "co", OP_CO }, { "sw", OP_SW },
                                                                    { "ew", OP_EW }, { "gt", OP_GT }, { "ge", OP_GE }, { "lt", OP_LT }, { "le", OP_LE } };
    struct scim_filter *f = *out = node(r, OP_PR, NULL, NULL);
    if (++r->terms > SCIM_FILTER_TERMS_MAX) return bad(r, e, "The filter has too many terms");
    if (!read_attr(r, &f->attr, e)) return false;
    if (take(r, '[')) {
        f->op = OP_WITHIN;
        return read_inner(r, ']', &f->left, e);
    }
    for (size_t i = 0; i < COUNT(ops); i++) {
        if (!take_word(r, ops[i].word)) continue;
        f->op = ops[i].op;
        return f->op == OP_PR || read_value(r, &f->value, e);
    }
    return bad(r, e, "An operator is expected: eq, ne, co, sw, ew, gt, ge, lt, le or pr");
}

static bool read_term(struct reader *r, struct scim_filter **out, struct err *e)
{
    struct reader before = *r;
    bool is_not = take_word(r, "not");
    if (take(r, '(')) {
        if (!read_inner(r, ')', out, e)) return false;
        if (is_not) *out = node(r, OP_NOT, *out, NULL);
        return true;
    }
    *r = before; /* perhaps an attribute of that name */
    return read_compare(r, out, e);
}

static bool read_and(struct reader *r, struct scim_filter **out, struct err *e)
{
    struct scim_filter *more;
    if (!read_term(r, out, e)) return false;
    while (take_word(r, "and")) {
        if (!read_term(r, &more, e)) return false;
        *out = node(r, OP_AND, *out, more);
    }
    return true;
}

static bool read_or(struct reader *r, struct scim_filter **out, struct err *e)
{
    struct scim_filter *more;
    if (!read_and(r, out, e)) return false;
    while (take_word(r, "or")) {
        if (!read_and(r, &more, e)) return false;
        *out = node(r, OP_OR, *out, more);
    }
    return true;
}

static bool at_end(struct reader *r, struct err *e)
{
    skip_blanks(r);
    return !r->rest.n || bad(r, e, "Nothing more is expected");
}

static bool begin(struct reader *r, str text, struct arena *a, const char *kind, struct err *e)
{
    *r = (struct reader){ .rest = text, .a = a, .kind = kind };
    return text.n <= SCIM_FILTER_BYTES_MAX || err_kind(e, ERR_INVALID, kind, "A filter or path has at most %d bytes", SCIM_FILTER_BYTES_MAX);
}

bool scim_filter_parse(str text, struct arena *a, struct scim_filter **out, struct err *e)
{
    struct reader r;
    return begin(&r, text, a, SCIM_INVALID_FILTER, e) && read_or(&r, out, e) && at_end(&r, e);
}

bool scim_path_parse(str text, struct arena *a, struct scim_path *out, struct err *e)
{
    struct reader r;
    struct scim_filter *where;
    *out = (struct scim_path){ 0 };
    if (!begin(&r, text, a, SCIM_INVALID_PATH, e) || !read_attr(&r, &out->attr, e)) return false;
    if (take(&r, '[')) {
        if (out->attr.sub.n) return bad(&r, e, "A filter stands behind an attribute, not behind its part");
        if (!read_inner(&r, ']', &where, e)) return false;
        out->where = where;
        if (take(&r, '.')) {
            out->attr.sub = peek_word(&r);
            r.rest = str_from(r.rest, out->attr.sub.n);
            if (!out->attr.sub.n || str_chr(out->attr.sub, '.') != STR_NONE || str_chr(out->attr.sub, ':') != STR_NONE) return bad(&r, e, "A part of an attribute is expected");
        }
    }
    return at_end(&r, e);
}

/* ------------------------------------------------------------------ what it says of a resource */

struct json *scim_get(const struct json *object, str name)
{
    struct json *found = NULL;
    if (!json_is(object, JSON_OBJECT)) return NULL;
    for (struct json *m = object->first; m; m = m->next)
        if (str_eq_nocase(m->key, name)) found = m;
    return found;
}

bool scim_bool(const struct json *v, bool *out)
{
    str s;
    if (json_bool(v, out)) return true;
    *out = json_str(v, &s) && str_eq_nocase(s, STR("true"));
    return *out || (json_str(v, &s) && str_eq_nocase(s, STR("false")));
}

static bool is_exact(const struct scim_attr *attr) { return str_eq_nocase(attr->name, STR("id")) || str_eq_nocase(attr->name, STR("externalId")); }

/* Where `word` stands in `s`: at the begin, at the end, or somewhere. */
static bool has_piece(enum op op, str s, str word, bool exact)
{
    bool (*const eq)(str, str) = exact ? str_eq : str_eq_nocase;
    if (word.n > s.n) return false;
    if (op == OP_SW) return eq(str_to(s, word.n), word);
    if (op == OP_EW) return eq(str_from(s, s.n - word.n), word);
    for (size_t i = 0; i + word.n <= s.n; i++)
        if (eq(str_to(str_from(s, i), word.n), word)) return true;
    return false;
}

static bool in_order(enum op op, int order) { return op == OP_GT ? order > 0 : op == OP_GE ? order >= 0 : op == OP_LT ? order < 0 : order <= 0; }

static bool compare(enum op op, const struct json *v, const struct json *want, bool exact)
{
    str s, w;
    bool b;
    if (v->type == JSON_BOOL) return op == OP_EQ && scim_bool(want, &b) && v->b == b;
    if (!json_str(v, &s) || !json_str(want, &w)) return op == OP_EQ && v->type == JSON_NULL && want->type == JSON_NULL;
    if (op == OP_EQ) return exact ? str_eq(s, w) : str_eq_nocase(s, w);
    return op <= OP_EW ? has_piece(op, s, w, exact) : in_order(op, str_cmp(s, w));
}

/* One value of the attribute, or of its part; a complex one stands for its "value". */
static bool matches_value(const struct scim_filter *f, const struct json *v)
{
    if (json_is(v, JSON_OBJECT)) v = scim_get(v, f->attr.sub.n ? f->attr.sub : STR("value"));
    else if (f->attr.sub.n) v = NULL;
    if (!v) return false;
    if (f->op == OP_PR) return v->type != JSON_NULL && !(v->type == JSON_STRING && !v->s.n);
    return compare(f->op, v, f->value, is_exact(&f->attr));
}

static bool matches_attr(const struct scim_filter *f, const struct json *resource)
{
    const struct json *v = f->attr.is_foreign ? NULL : scim_get(resource, f->attr.name);
    if (f->op == OP_PR && !f->attr.sub.n && json_is(v, JSON_OBJECT)) return v->count > 0;
    if (!json_is(v, JSON_ARRAY)) return v && (f->op == OP_WITHIN ? scim_filter_matches(f->left, v) : matches_value(f, v));
    json_each (item, v)
        if (f->op == OP_WITHIN ? scim_filter_matches(f->left, item) : matches_value(f, item)) return true;
    return false;
}

bool scim_filter_matches(const struct scim_filter *f, const struct json *resource)
{
    struct scim_filter eq = *f;
    switch (f->op) {
    case OP_AND: return scim_filter_matches(f->left, resource) && scim_filter_matches(f->right, resource);
    case OP_OR: return scim_filter_matches(f->left, resource) || scim_filter_matches(f->right, resource);
    case OP_NOT: return !scim_filter_matches(f->left, resource);
    case OP_NE: eq.op = OP_EQ; return !matches_attr(&eq, resource);
    default: return matches_attr(f, resource);
    }
}

static bool is_attr(const struct scim_filter *f, const char *attr) { return !f->attr.is_foreign && str_eq_nocase(f->attr.name, str_c(attr)); }

str scim_filter_needs(const struct scim_filter *f, const char *attr)
{
    str found;
    if (f->op == OP_AND) {
        found = scim_filter_needs(f->left, attr);
        return found.p ? found : scim_filter_needs(f->right, attr);
    }
    return f->op == OP_EQ && is_attr(f, attr) && !f->attr.sub.n && json_str(f->value, &found) ? found : (str){ 0 };
}

bool scim_filter_mentions(const struct scim_filter *f, const char *attr)
{
    if (f->op <= OP_NOT) return scim_filter_mentions(f->left, attr) || (f->right && scim_filter_mentions(f->right, attr));
    return is_attr(f, attr);
}

bool scim_filter_is_eq(const struct scim_filter *f, str *attr, const struct json **value)
{
    if (f->op != OP_EQ || f->attr.sub.n || f->attr.is_foreign) return false;
    *attr = f->attr.name;
    *value = f->value;
    return true;
}
