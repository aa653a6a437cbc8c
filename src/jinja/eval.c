/* jinja/eval.c - expressions. */
#include "jinja/run.h"

val undefined_var(struct run *r, str name)
{
    struct undefined *u = arena_try(r->a, sizeof *u);
    if (u) u->name = name;
    return (val){ .kind = VAL_UNDEFINED, .undefined = u };
}
val undefined_hint(struct run *r, const char *hint)
{
    struct undefined *u = arena_try(r->a, sizeof *u);
    if (u) u->hint = hint;
    return (val){ .kind = VAL_UNDEFINED, .undefined = u };
}

static bool eval_name(struct run *r, str name, val *out)
{
    if (!scope_find(r, name, out)) *out = undefined_var(r, name);
    return true;
}

static bool eval_items(struct run *r, const struct node *n, val *out)
{
    struct vec l = { 0 };
    val v;
    for (const struct node *i = n->list; i; i = i->next)
        if (!eval(r, i, &v) || !vec_add(r, &l, v)) return false;
    *out = n->kind == N_LIST ? val_list(l.v, l.n) : val_tuple(l.v, l.n);
    return true;
}

static bool eval_dict(struct run *r, const struct node *n, val *out)
{
    struct dict *d = dict_new(r);
    val key, value;
    if (!d) return false;
    for (const struct node *i = n->list; i; i = i->next->next)
        if (!eval(r, i, &key) || !eval(r, i->next, &value) || !dict_put(r, d, key, value)) return false;
    *out = val_dict(d);
    return true;
}

static bool eval_slice(struct run *r, const struct node *n, val *out)
{
    val v, start = val_none(), stop = val_none(), step = val_none();
    if (!eval(r, n->a, &v)) return false;
    if (n->b && !eval(r, n->b, &start)) return false;
    if (n->c && !eval(r, n->c, &stop)) return false;
    if (n->d && !eval(r, n->d, &step)) return false;
    r->line = n->line;
    return get_slice(r, v, start, stop, step, out);
}

/* With auto-escape text is joined as HTML: what is not safe is escaped on the way. */
static bool eval_concat(struct run *r, const struct node *n, val *out)
{
    size_t count = 0, k = 0;
    for (const struct node *i = n->list; i; i = i->next) count++;
    val *part = run_array(r, count ? count : 1, sizeof *part);
    if (!part) return false;
    for (const struct node *i = n->list; i; i = i->next)
        if (!eval(r, i, &part[k++])) return false;
    r->line = n->line;
    bool html = false;
    for (k = 0; k < count; k++) html |= part[k].kind == VAL_STR && part[k].safe;
    size_t mark = text_begin(r);
    for (k = 0; k < count; k++) {
        bool escape = html && r->autoescape && !(part[k].kind == VAL_STR && part[k].safe);
        if (escape) {
            if (!val_to_str(r, part[k], &part[k])) return false;
            html_escape(part[k].s, r->out);
        } else if (!val_text(r, part[k], r->out)) {
            return false;
        }
    }
    return text_end_val(r, mark, html && r->autoescape, out);
}

static bool eval_compare(struct run *r, const struct node *n, val *out)
{
    val a, b;
    bool yes = true;
    if (!eval(r, n->a, &a)) return false;
    for (const struct node *i = n->list; i && yes; i = i->next) {
        if (!eval(r, i->b, &b)) return false;
        r->line = i->line;
        if (!compare(r, (enum node_op)i->op, a, b, &yes)) return false;
        a = b;
    }
    *out = val_bool(yes);
    return true;
}

static bool eval_cond(struct run *r, const struct node *n, val *out)
{
    val test;
    if (!eval(r, n->a, &test)) return false;
    if (val_truth(test)) return eval(r, n->b, out);
    if (n->c) return eval(r, n->c, out);
    *out = undefined_hint(r, "the inline if-expression evaluated to false and no else section was defined.");
    return true;
}

static bool eval_native(struct run *r, const struct node *n, val *out)
{
    val self;
    struct args a;
    if (!n->a)
        self = r->piped;
    else if (!eval(r, n->a, &self))
        return false;
    r->line = n->line;
    if (!n->native)
        return fail(r, "No %s named '%.*s'.", n->kind == N_FILTER ? "filter" : "test", STR_ARG(str_to(n->name, 100)));
    if (!eval_args(r, n->call, &a)) return false;
    r->line = n->line;
    return call_native(r, n->native, self, &a, out);
}

static bool eval_call(struct run *r, const struct node *n, val *out)
{
    val callee;
    struct args a;
    if (!eval(r, n->a, &callee) || !eval_args(r, n->call, &a)) return false;
    r->line = n->line;
    return call(r, callee, &a, out);
}

static bool eval_node(struct run *r, const struct node *n, val *out)
{
    val a, b;
    switch ((enum node_kind)n->kind) {
    case N_CONST: *out = n->value; return true;
    case N_NAME: return eval_name(r, n->name, out);
    case N_ATTR: return eval(r, n->a, &a) && (r->line = n->line, get_attr(r, a, n->name, out));
    case N_ITEM: return eval(r, n->a, &a) && eval(r, n->b, &b) && (r->line = n->line, get_item(r, a, b, out));
    case N_SLICE: return eval_slice(r, n, out);
    case N_CALL: return eval_call(r, n, out);
    case N_FILTER:
    case N_TEST: return eval_native(r, n, out);
    case N_LIST:
    case N_TUPLE: return eval_items(r, n, out);
    case N_DICT: return eval_dict(r, n, out);
    case N_NOT:
        if (!eval(r, n->a, &a)) return false;
        *out = val_bool(!val_truth(a));
        return true;
    case N_NEG:
    case N_POS: return eval(r, n->a, &a) && (r->line = n->line, negate(r, a, n->kind == N_NEG, out));
    case N_AND: return eval(r, n->a, out) && (!val_truth(*out) || eval(r, n->b, out));
    case N_OR: return eval(r, n->a, out) && (val_truth(*out) || eval(r, n->b, out));
    case N_BINARY:
        if (!eval(r, n->a, &a) || !eval(r, n->b, &b)) return false;
        r->line = n->line;
        return binary(r, (enum node_op)n->op, a, b, out);
    case N_COMPARE: return eval_compare(r, n, out);
    case N_CONCAT: return eval_concat(r, n, out);
    case N_COND: return eval_cond(r, n, out);
    default: return fail(r, "not an expression");
    }
}

bool eval(struct run *r, const struct node *n, val *out)
{
    r->line = n->line;
    if (!run_enter(r) || !eval_node(r, n, out)) return false;
    run_leave(r);
    return true;
}
