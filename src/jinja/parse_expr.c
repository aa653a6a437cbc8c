/* jinja/parse_expr.c - expressions, by recursive descent.
 *
 * From loose to tight: `if else`, or, and, not, comparisons, + -, ~, * / // %, **, signs, then what follows a
 * primary (. [] ()), then | and is.  Every rule that can nest passes through parse_or, parse_unary or parse_not,
 * which count depth; the deepest C stack is a few hundred frames. */
#include "jinja/parse.h"
#include "jinja/run.h"

static bool deeper(struct parser *p)
{
    if (p->depth >= PARSE_DEPTH_MAX)
        return err_set(p->e, ERR_TOO_LARGE, "%.*s:%u: nested too deep", STR_ARG(p->name), p->cur.line);
    p->depth++;
    return true;
}

static void link_node(struct node ***tail, struct node *n)
{
    **tail = n;
    *tail = &n->next;
}

/* ------------------------------------------------------------------ primaries */

static bool note_read(struct parser *p, str name)
{
    if (p->macro) {
        p->macro->reads_varargs |= str_eq(name, STR("varargs"));
        p->macro->reads_kwargs |= str_eq(name, STR("kwargs"));
        p->macro->reads_caller |= str_eq(name, STR("caller"));
    }
    for (struct name_list *n = p->reads; n; n = n->next)
        if (str_eq(n->name, name)) return true;
    if (p->reads_n == PARSE_READS_MAX) return true;
    struct name_list *n = parse_alloc(p, sizeof *n);
    if (!n) return false;
    p->reads_n++;
    *n = (struct name_list){ name, p->reads };
    p->reads = n;
    return true;
}

static bool parse_name(struct parser *p, bool ns, struct node **out)
{
    str name = p->cur.text;
    uint32_t line = p->cur.line;
    if (!parse_next(p)) return false;
    bool yes = str_eq(name, STR("true")) || str_eq(name, STR("True"));
    if (yes || str_eq(name, STR("false")) || str_eq(name, STR("False"))) {
        if (!(*out = parse_node(p, N_CONST, line))) return false;
        (*out)->value = val_bool(yes);
        return true;
    }
    if (str_eq(name, STR("none")) || str_eq(name, STR("None"))) {
        if (!(*out = parse_node(p, N_CONST, line))) return false;
        (*out)->value = val_none();
        return true;
    }
    if (!note_read(p, name)) return false;
    bool dotted = ns && p->cur.kind == T_DOT;
    if (!(*out = parse_node(p, dotted ? N_NSREF : N_NAME, line))) return false;
    (*out)->name = name;
    return !dotted || (parse_next(p) && parse_expect_name(p, &(*out)->attr));
}

static bool parse_strings(struct parser *p, struct node **out)
{
    if (!(*out = parse_node(p, N_CONST, p->cur.line))) return false;
    str s = p->cur.text;
    char *both = NULL;
    size_t cap = 0;
    if (!parse_next(p)) return false;
    while (p->cur.kind == T_STR) { /* neighbours are one string */
        size_t n = s.n + p->cur.text.n;
        if (n > cap || !both) {
            char *more = parse_alloc(p, cap = 2 * n + 1);
            if (!more) return false;
            if (s.n) memcpy(more, s.p, s.n);
            both = more;
        }
        if (p->cur.text.n) memcpy(both + s.n, p->cur.text.p, p->cur.text.n);
        s = str_n(both, n);
        if (!parse_next(p)) return false;
    }
    (*out)->value = val_str(s);
    parse_reached(p, *out);
    return true;
}

/* Items up to the closing bracket; a comma may stand before it. */
static bool parse_items(struct parser *p, enum node_kind kind, enum token_kind close, struct node **out)
{
    bool first = true;
    if (!(*out = parse_node(p, kind, p->cur.line)) || !parse_next(p)) return false;
    struct node **tail = &(*out)->list, *item;
    while (p->cur.kind != close) {
        if (!first && !parse_expect(p, T_COMMA, ",")) return false;
        first = false;
        if (p->cur.kind == close) break;
        if (!parse_expr(p, &item)) return false;
        link_node(&tail, item);
        if (kind != N_DICT) continue;
        if (!parse_expect(p, T_COLON, ":") || !parse_expr(p, &item)) return false;
        link_node(&tail, item);
    }
    return parse_next(p);
}

static bool parse_primary(struct parser *p, bool ns, struct node **out)
{
    switch (p->cur.kind) {
    case T_NAME: return parse_name(p, ns, out);
    case T_STR: return parse_strings(p, out);
    case T_INT:
    case T_REAL:
        if (!(*out = parse_node(p, N_CONST, p->cur.line))) return false;
        (*out)->value = p->cur.kind == T_INT ? val_int(p->cur.i) : val_real(p->cur.r);
        return parse_next(p);
    case T_LPAREN:
        if (!parse_next(p) || !parse_tuple(p, TUPLE_PARENS, NULL, out)) return false;
        return parse_expect(p, T_RPAREN, ")");
    case T_LBRACKET: return parse_items(p, N_LIST, T_RBRACKET, out);
    case T_LBRACE: return parse_items(p, N_DICT, T_RBRACE, out);
    default: return parse_unexpected(p, NULL);
    }
}

/* ------------------------------------------------------------------ what follows a primary */

static bool parse_call_arg(struct parser *p, struct call_args *c, struct call_arg ***tail, uint32_t line)
{
    struct node *value;
    bool named = false;
    str name = { 0 };
    if (p->cur.kind == T_MUL || p->cur.kind == T_POW) {
        bool one = p->cur.kind == T_MUL;
        if (c->star_star || (one && c->star)) return parse_fail(p, line, "invalid syntax for function call expression");
        if (!parse_next(p) || !parse_expr(p, &value)) return false;
        *(one ? &c->star : &c->star_star) = value;
        return true;
    }
    if (p->cur.kind == T_NAME) {
        struct token after;
        if (!parse_peek(p, &after)) return false;
        named = after.kind == T_ASSIGN;
    }
    if (c->star_star || (!named && (c->star || c->kw_n)))
        return parse_fail(p, line, "invalid syntax for function call expression");
    if (named) {
        name = p->cur.text;
        if (!parse_next(p) || !parse_next(p)) return false;
    }
    struct call_arg *arg = parse_alloc(p, sizeof *arg);
    if (!arg || !parse_expr(p, &value)) return false;
    *arg = (struct call_arg){ .name = name, .value = value };
    **tail = arg;
    *tail = &arg->next;
    *(named ? &c->kw_n : &c->n) += 1;
    return true;
}

static bool parse_call_args(struct parser *p, struct call_args **out)
{
    uint32_t line = p->cur.line;
    struct call_args *c = *out = parse_alloc(p, sizeof *c);
    if (!c || !parse_next(p)) return false;
    struct call_arg **tail = &c->first;
    for (bool first = true; p->cur.kind != T_RPAREN; first = false) {
        if (!first && !parse_expect(p, T_COMMA, ",")) return false;
        if (p->cur.kind == T_RPAREN) break;
        if (!parse_call_arg(p, c, &tail, line)) return false;
    }
    return parse_next(p);
}

static bool no_args(struct parser *p, struct call_args **out)
{
    return (*out = parse_alloc(p, sizeof **out)) != NULL;
}

/* One of what stands between [ and ], up to a comma: an index, or a slice of `a`. */
static bool parse_subscribed(struct parser *p, struct node *a, struct node **out)
{
    uint32_t line = p->cur.line;
    struct node *part[3] = { 0 };
    bool colon;
    if (p->cur.kind != T_COLON) {
        if (!parse_expr(p, &part[0])) return false;
        if (p->cur.kind != T_COLON) {
            *out = part[0];
            return true;
        }
    }
    for (size_t i = 1; i < 3; i++) {
        if (!parse_skip(p, T_COLON, &colon)) return false;
        if (!colon) break;
        if (p->cur.kind != T_COLON && p->cur.kind != T_RBRACKET && p->cur.kind != T_COMMA && !parse_expr(p, &part[i]))
            return false;
    }
    if (!(*out = parse_node(p, N_SLICE, line))) return false;
    (*out)->a = a;
    (*out)->b = part[0];
    (*out)->c = part[1];
    (*out)->d = part[2];
    return true;
}

static bool parse_brackets(struct parser *p, struct node *a, struct node **out)
{
    uint32_t line = p->cur.line;
    struct node *key, *item;
    if (!parse_next(p) || !parse_subscribed(p, a, &key)) return false;
    if (p->cur.kind == T_COMMA) { /* a[1, 2]: a tuple is the key */
        struct node *tuple = parse_node(p, N_TUPLE, line);
        if (!tuple) return false;
        struct node **tail = &tuple->list;
        link_node(&tail, key);
        while (p->cur.kind == T_COMMA) {
            if (!parse_next(p) || !parse_subscribed(p, a, &item)) return false;
            link_node(&tail, item);
        }
        key = tuple;
    }
    if (!parse_expect(p, T_RBRACKET, "]")) return false;
    if (key->kind == N_SLICE && key->a == a) {
        *out = key;
        return true;
    }
    if (!(*out = parse_node(p, N_ITEM, line))) return false;
    (*out)->a = a;
    (*out)->b = key;
    parse_reached(p, *out);
    return true;
}

static bool parse_dot(struct parser *p, struct node *a, struct node **out)
{
    uint32_t line = p->cur.line;
    if (!parse_next(p)) return false;
    if (p->cur.kind == T_NAME) {
        if (!(*out = parse_node(p, N_ATTR, line))) return false;
        (*out)->a = a;
        (*out)->name = p->cur.text;
        parse_reached(p, *out);
        return parse_next(p);
    }
    if (p->cur.kind != T_INT) return parse_fail(p, p->cur.line, "expected name or number");
    struct node *key = parse_node(p, N_CONST, line);
    if (!key || !(*out = parse_node(p, N_ITEM, line))) return false;
    key->value = val_int(p->cur.i);
    (*out)->a = a;
    (*out)->b = key;
    return parse_next(p);
}

static bool parse_call(struct parser *p, struct node *a, struct node **out)
{
    if (!(*out = parse_node(p, N_CALL, p->cur.line))) return false;
    (*out)->a = a;
    return parse_call_args(p, &(*out)->call);
}

static bool parse_postfix(struct parser *p, struct node *a, struct node **out)
{
    for (;; a = *out) {
        *out = a;
        if (p->cur.kind == T_DOT) {
            if (!parse_dot(p, a, out)) return false;
        } else if (p->cur.kind == T_LBRACKET) {
            if (!parse_brackets(p, a, out)) return false;
        } else if (p->cur.kind == T_LPAREN) {
            if (!parse_call(p, a, out)) return false;
        } else {
            return true;
        }
    }
}

static bool dotted_name(struct parser *p, str *name)
{
    if (!parse_expect_name(p, name)) return false;
    while (p->cur.kind == T_DOT) {
        str more;
        if (!parse_next(p) || !parse_expect_name(p, &more)) return false;
        *name = str_n(name->p, (size_t)(more.p + more.n - name->p)); /* they are neighbours in the source */
    }
    return true;
}

static void note_unknown(struct parser *p, struct node *n)
{
    if (!n->native && !p->branches && !p->unknown) p->unknown = n;
}

bool parse_filters(struct parser *p, struct node *a, bool starts_inline, struct node **out)
{
    *out = a;
    while (p->cur.kind == T_PIPE || starts_inline) {
        uint32_t line = p->cur.line;
        struct node *n;
        if (!starts_inline && !parse_next(p)) return false;
        starts_inline = false;
        if (!(n = parse_node(p, N_FILTER, line)) || !dotted_name(p, &n->name)) return false;
        n->a = *out;
        n->native = filter_find(n->name);
        note_unknown(p, n);
        if (!(p->cur.kind == T_LPAREN ? parse_call_args(p, &n->call) : no_args(p, &n->call))) return false;
        parse_reached(p, n);
        *out = n;
    }
    return true;
}

static bool starts_test_arg(const struct parser *p)
{
    switch (p->cur.kind) {
    case T_NAME: return !parse_is_word(p, "else") && !parse_is_word(p, "or") && !parse_is_word(p, "and");
    case T_STR:
    case T_INT:
    case T_REAL:
    case T_LBRACKET:
    case T_LBRACE: return true;
    default: return false;
    }
}

static bool parse_test(struct parser *p, struct node *a, struct node **out)
{
    uint32_t line = p->cur.line;
    bool negated;
    struct node *n = parse_node(p, N_TEST, line), *arg;
    if (!n || !parse_next(p) || !parse_skip_word(p, "not", &negated) || !dotted_name(p, &n->name)) return false;
    n->a = a;
    n->native = test_find(n->name);
    note_unknown(p, n);
    if (p->cur.kind == T_LPAREN) {
        if (!parse_call_args(p, &n->call)) return false;
    } else if (!no_args(p, &n->call)) {
        return false;
    } else if (starts_test_arg(p)) {
        if (parse_is_word(p, "is")) return parse_fail(p, p->cur.line, "You cannot chain multiple tests with is");
        struct call_arg *one = n->call->first = parse_alloc(p, sizeof *one);
        if (!one || !parse_primary(p, false, &arg) || !parse_postfix(p, arg, &arg)) return false;
        one->value = arg;
        n->call->n = 1;
    }
    *out = n;
    if (!negated) return true;
    if (!(*out = parse_node(p, N_NOT, line))) return false;
    (*out)->a = n;
    return true;
}

/* ------------------------------------------------------------------ operators */

static bool parse_unary(struct parser *p, bool with_filters, struct node **out)
{
    uint32_t line = p->cur.line;
    bool ok = true;
    if (!deeper(p)) return false;
    if (p->cur.kind == T_SUB || p->cur.kind == T_ADD) {
        struct node *n = parse_node(p, p->cur.kind == T_SUB ? N_NEG : N_POS, line);
        if (!n || !parse_next(p) || !parse_unary(p, false, &n->a)) return false;
        *out = n;
    } else if (!parse_primary(p, false, out)) {
        return false;
    }
    if (!parse_postfix(p, *out, out)) return false;
    while (ok && with_filters) {
        if (p->cur.kind == T_PIPE)
            ok = parse_filters(p, *out, false, out);
        else if (p->cur.kind == T_NAME && parse_is_word(p, "is"))
            ok = parse_test(p, *out, out);
        else if (p->cur.kind == T_LPAREN)
            ok = parse_call(p, *out, out);
        else
            break;
    }
    p->depth--;
    return ok;
}

static bool parse_concat(struct parser *p, struct node **out);

enum { LEVEL_SUM, LEVEL_PRODUCT, LEVEL_POWER };

static bool binary_op(int level, enum token_kind kind, enum node_op *op)
{
    switch (kind) {
    case T_ADD: *op = OP_ADD; return level == LEVEL_SUM;
    case T_SUB: *op = OP_SUB; return level == LEVEL_SUM;
    case T_MUL: *op = OP_MUL; return level == LEVEL_PRODUCT;
    case T_DIV: *op = OP_DIV; return level == LEVEL_PRODUCT;
    case T_FLOORDIV: *op = OP_FLOORDIV; return level == LEVEL_PRODUCT;
    case T_MOD: *op = OP_MOD; return level == LEVEL_PRODUCT;
    case T_POW: *op = OP_POW; return level == LEVEL_POWER;
    default: return false;
    }
}

/* Operators of one level, from left to right; + and - stand outside of ~, the others inside. */
static bool parse_binary(struct parser *p, int level, struct node **out)
{
    enum node_op op;
    struct node *left, *n;
    bool ok = level == LEVEL_SUM       ? parse_concat(p, &left)
              : level == LEVEL_PRODUCT ? parse_binary(p, LEVEL_POWER, &left)
                                       : parse_unary(p, true, &left);
    while (ok && binary_op(level, p->cur.kind, &op)) {
        if (!(n = parse_node(p, N_BINARY, p->cur.line)) || !parse_next(p)) return false;
        n->op = op;
        n->a = left;
        ok = level == LEVEL_SUM       ? parse_concat(p, &n->b)
             : level == LEVEL_PRODUCT ? parse_binary(p, LEVEL_POWER, &n->b)
                                      : parse_unary(p, true, &n->b);
        if (ok) parse_reached(p, n);
        left = n;
    }
    if (ok) *out = left;
    return ok;
}

static bool parse_concat(struct parser *p, struct node **out)
{
    struct node *item, *n;
    uint32_t line = p->cur.line;
    if (!parse_binary(p, LEVEL_PRODUCT, &item)) return false;
    *out = item;
    if (p->cur.kind != T_TILDE) return true;
    if (!(n = *out = parse_node(p, N_CONCAT, line))) return false;
    struct node **tail = &n->list;
    link_node(&tail, item);
    while (p->cur.kind == T_TILDE) {
        if (!parse_next(p) || !parse_binary(p, LEVEL_PRODUCT, &item)) return false;
        link_node(&tail, item);
    }
    parse_reached(p, n);
    return true;
}

/* Which comparison stands here; two words for `not in`. */
static bool compare_op(struct parser *p, enum node_op *op, bool *found)
{
    struct token after;
    *found = true;
    switch (p->cur.kind) {
    case T_EQ: *op = OP_EQ; return true;
    case T_NE: *op = OP_NE; return true;
    case T_LT: *op = OP_LT; return true;
    case T_LE: *op = OP_LE; return true;
    case T_GT: *op = OP_GT; return true;
    case T_GE: *op = OP_GE; return true;
    default: break;
    }
    *op = OP_IN;
    if (parse_is_word(p, "in")) return true;
    *found = false;
    if (!parse_is_word(p, "not")) return true;
    if (!parse_peek(p, &after)) return false;
    if (after.kind != T_NAME || !str_eq(after.text, STR("in"))) return true;
    *found = true;
    *op = OP_NOT_IN;
    return parse_next(p);
}

static bool parse_compare(struct parser *p, struct node **out)
{
    uint32_t line = p->cur.line;
    enum node_op op;
    bool found;
    struct node **tail = NULL, *n;
    if (!parse_binary(p, LEVEL_SUM, out)) return false;
    for (;;) {
        if (!compare_op(p, &op, &found)) return false;
        if (!found) return true;
        if (!tail) {
            if (!(n = parse_node(p, N_COMPARE, line))) return false;
            n->a = *out;
            *out = n;
            tail = &n->list;
        }
        if (!(n = parse_node(p, N_COMPARE, line)) || !parse_next(p)) return false;
        n->op = op;
        if (!parse_binary(p, LEVEL_SUM, &n->b)) return false;
        link_node(&tail, n);
    }
}

static bool parse_not(struct parser *p, struct node **out)
{
    if (!parse_is_word(p, "not")) return parse_compare(p, out);
    struct node *n = parse_node(p, N_NOT, p->cur.line);
    if (!n || !deeper(p) || !parse_next(p) || !parse_not(p, &n->a)) return false;
    p->depth--;
    *out = n;
    return true;
}

static bool parse_and(struct parser *p, struct node **out)
{
    struct node *n;
    bool more;
    if (!parse_not(p, out)) return false;
    for (;;) {
        uint32_t line = p->cur.line;
        if (!parse_skip_word(p, "and", &more)) return false;
        if (!more) return true;
        if (!(n = parse_node(p, N_AND, line))) return false;
        n->a = *out;
        if (!parse_not(p, &n->b)) return false;
        *out = n;
    }
}

static bool parse_or(struct parser *p, struct node **out)
{
    struct node *n;
    bool more;
    if (!deeper(p) || !parse_and(p, out)) return false;
    for (;;) {
        uint32_t line = p->cur.line;
        if (!parse_skip_word(p, "or", &more)) return false;
        if (!more) break;
        if (!(n = parse_node(p, N_OR, line))) return false;
        n->a = *out;
        if (!parse_and(p, &n->b)) return false;
        *out = n;
    }
    p->depth--;
    return true;
}

bool parse_expr(struct parser *p, struct node **out)
{
    bool more;
    struct node *n, *unknown = p->unknown;
    if (!deeper(p) || !parse_or(p, out)) return false;
    for (;;) {
        uint32_t line = p->cur.line;
        if (!parse_skip_word(p, "if", &more)) return false;
        if (!more) break;
        p->unknown = unknown; /* what stands before it may never run */
        if (!(n = parse_node(p, N_COND, line))) return false;
        n->b = *out;
        *out = n;
        p->branches++;
        if (!parse_or(p, &n->a) || !parse_skip_word(p, "else", &more)) return false;
        if (more && !parse_expr(p, &n->c)) return false;
        p->branches--;
    }
    p->depth--;
    return true;
}

/* ------------------------------------------------------------------ tuples and targets */

static bool tuple_ends(const struct parser *p, const char *end_word)
{
    return p->cur.kind == T_PRINT_END || p->cur.kind == T_BLOCK_END || p->cur.kind == T_RPAREN ||
           (end_word && parse_is_word(p, end_word));
}

bool parse_tuple(struct parser *p, enum tuple_way way, const char *end_word, struct node **out)
{
    uint32_t line = p->cur.line;
    struct node *first = NULL, **tail = &first, *item;
    bool is_tuple = false;
    for (;;) {
        if (tuple_ends(p, end_word)) break;
        bool ok = way == TUPLE_TARGET      ? parse_primary(p, false, &item)
                  : way == TUPLE_NS_TARGET ? parse_primary(p, true, &item)
                  : way == TUPLE_NO_COND   ? parse_or(p, &item)
                                           : parse_expr(p, &item);
        if (!ok) return false;
        link_node(&tail, item);
        if (p->cur.kind != T_COMMA) break;
        is_tuple = true;
        if (!parse_next(p)) return false;
    }
    if (!is_tuple && first) {
        *out = first;
        return true;
    }
    if (!is_tuple && way != TUPLE_PARENS)
        return parse_fail(p, p->cur.line, "Expected an expression, got '%.*s'", STR_ARG(token_name(&p->cur, p->a)));
    if (!(*out = parse_node(p, N_TUPLE, line))) return false;
    (*out)->list = first;
    return true;
}

static bool can_assign(const struct node *n)
{
    if (n->kind == N_NAME || n->kind == N_NSREF) return true;
    if (n->kind != N_TUPLE) return false;
    for (const struct node *i = n->list; i; i = i->next)
        if (!can_assign(i)) return false;
    return true;
}

bool parse_target(struct parser *p, enum tuple_way way, const char *end_word, struct node **out)
{
    if (!parse_tuple(p, way, end_word, out)) return false;
    return can_assign(*out) || parse_fail(p, (*out)->line, "can't assign to this expression");
}
