/* jinja/exec.c - statements.
 *
 * Who opens a scope: for (one per turn), macros, call, filter, set and generation blocks, with, autoescape, blocks.
 * `if` does not. What `set` writes in a scope is gone with it; only what a macro captured stays. */
#include "jinja/run.h"

/* ------------------------------------------------------------------ assignment */

static bool assign_attr(struct run *r, const struct node *target, val v)
{
    val ns;
    if (!scope_find(r, target->name, &ns)) ns = undefined_var(r, target->name);
    if (ns.kind != VAL_NAMESPACE) return fail(r, "cannot assign attribute on non-namespace object");
    return dict_put_str(r, ns.dict, target->attr, v);
}

bool assign(struct run *r, const struct node *target, val v)
{
    const val *items;
    size_t n, want = 0, i = 0;
    if (target->kind == N_NAME) return scope_set(r, r->scope, target->name, v);
    if (target->kind == N_NSREF) return assign_attr(r, target, v);
    if (val_is_num(v) || v.kind == VAL_NONE) return fail(r, "cannot unpack non-iterable %s object", val_type(v));
    if (!val_items(r, v, &items, &n)) return false;
    for (const struct node *t = target->list; t; t = t->next) want++;
    if (n > want) return fail(r, "too many values to unpack (expected %zu)", want);
    if (n < want) return fail(r, "not enough values to unpack (expected %zu, got %zu)", want, n);
    for (const struct node *t = target->list; t; t = t->next)
        if (!assign(r, t, items[i++])) return false;
    return true;
}

/* ------------------------------------------------------------------ bodies that open a scope */

static enum flow exec_scoped(struct run *r, const struct node *body)
{
    struct scope *scope = r->scope;
    if (!scope_push(r, scope)) return FLOW_FAILED;
    enum flow f = exec(r, body);
    r->scope = scope;
    return f;
}

/* A body as a value.  On break or continue what it printed is dropped. */
static enum flow capture(struct run *r, const struct node *body, val *out)
{
    size_t mark = text_begin(r);
    r->captures++;
    enum flow f = exec(r, body);
    r->captures--;
    if (f == FLOW_FAILED) return f;
    if (f != FLOW_ON) {
        text_drop(r, mark);
        return f;
    }
    return text_end_val(r, mark, r->autoescape, out) ? FLOW_ON : FLOW_FAILED;
}

bool exec_capture(struct run *r, const struct node *body, val *out)
{
    return capture(r, body, out) != FLOW_FAILED;
}

static enum flow capture_scoped(struct run *r, const struct node *body, val *out)
{
    struct scope *scope = r->scope;
    if (!scope_push(r, scope)) return FLOW_FAILED;
    enum flow f = capture(r, body, out);
    r->scope = scope;
    return f;
}

static bool through_filters(struct run *r, const struct node *chain, val *v)
{
    val outer = r->piped;
    r->piped = *v;
    if (!eval(r, chain, v)) return false;
    r->piped = outer;
    return true;
}

static enum flow exec_set_block(struct run *r, const struct node *n)
{
    val v;
    enum flow f = capture_scoped(r, n->body, &v);
    if (f != FLOW_ON) return f;
    if (n->b && !through_filters(r, n->b, &v)) return FLOW_FAILED;
    if (r->autoescape && v.kind == VAL_STR) v.safe = true;
    return assign(r, n->a, v) ? FLOW_ON : FLOW_FAILED;
}

static enum flow exec_filter_block(struct run *r, const struct node *n)
{
    val v;
    enum flow f = capture_scoped(r, n->body, &v);
    if (f != FLOW_ON) return f;
    return through_filters(r, n->a, &v) && emit(r, v) ? FLOW_ON : FLOW_FAILED;
}

static enum flow exec_with(struct run *r, const struct node *n)
{
    struct scope *outer = r->scope, *inner;
    val v;
    if (!scope_push(r, outer)) return FLOW_FAILED;
    inner = r->scope;
    for (const struct node *t = n->a; t; t = t->next->next) { /* values are those of the scope around */
        r->scope = outer;
        if (!eval(r, t->next, &v)) return FLOW_FAILED;
        r->scope = inner;
        if (!assign(r, t, v)) return FLOW_FAILED;
    }
    enum flow f = exec(r, n->body);
    r->scope = outer;
    return f;
}

static enum flow exec_autoescape(struct run *r, const struct node *n)
{
    bool outer = r->autoescape;
    val v;
    if (!eval(r, n->a, &v)) return FLOW_FAILED;
    r->autoescape = val_truth(v);
    enum flow f = exec_scoped(r, n->body);
    r->autoescape = outer;
    return f;
}

static enum flow exec_generation(struct run *r, const struct node *n)
{
    size_t first = r->out->n - r->out_first;
    if (exec_scoped(r, n->body) == FLOW_FAILED) return FLOW_FAILED;
    if (r->captures) return FLOW_ON; /* it is not output yet: where it will stand is not known */
    if (r->in->spans_count < r->in->spans_cap)
        r->in->spans[r->in->spans_count] = (struct jinja_span){ first, r->out->n - r->out_first };
    r->in->spans_count++;
    return FLOW_ON;
}

/* ------------------------------------------------------------------ for */

static bool filtered(struct run *r, const struct node *n, const val **items, size_t *count)
{
    struct scope *scope = r->scope;
    struct vec kept = { 0 };
    val test;
    for (size_t i = 0; i < *count; i++) {
        if (!scope_push(r, scope) || !assign(r, n->d, (*items)[i]) || !eval(r, n->b, &test)) return false;
        if (val_truth(test) && !vec_add(r, &kept, (*items)[i])) return false;
    }
    r->scope = scope;
    *items = kept.v;
    *count = kept.n;
    return true;
}

/* One turn; the scope of the turn before is used again where nobody kept it. */
static enum flow turn(struct run *r, const struct node *n, struct loop *l, struct scope *outer)
{
    if (r->scope == outer || r->scope->kept) {
        if (!scope_push(r, outer)) return FLOW_FAILED;
    } else {
        r->scope->n = 0;
    }
    if (!assign(r, n->d, l->items[l->at]) || !scope_set(r, r->scope, STR("loop"), (val){ .kind = VAL_LOOP, .loop = l }))
        return FLOW_FAILED;
    return exec(r, n->body);
}

enum flow exec_loop(struct run *r, const struct node *n, val items, struct loop *up, uint32_t depth)
{
    struct scope *outer = r->scope;
    struct loop *l = run_alloc(r, sizeof *l);
    if (!l) return FLOW_FAILED;
    *l = (struct loop){ .up = up, .depth = depth, .node = n, .scope = outer };
    if (!val_items(r, items, &l->items, &l->n)) return FLOW_FAILED;
    if (n->b && !filtered(r, n, &l->items, &l->n)) return FLOW_FAILED;
    bool ended = false; /* a turn, by itself: `else` also runs where break or continue cut every one short */
    for (; l->at < l->n; l->at++) {
        enum flow f = turn(r, n, l, outer);
        if (f == FLOW_FAILED) return f;
        if (f == FLOW_BREAK) break;
        ended |= f == FLOW_ON;
    }
    r->scope = outer;
    return !ended && n->other ? exec_scoped(r, n->other) : FLOW_ON;
}

static enum flow exec_for(struct run *r, const struct node *n)
{
    val items;
    if (!eval(r, n->a, &items)) return FLOW_FAILED;
    r->line = n->line;
    return exec_loop(r, n, items, NULL, 1);
}

/* ------------------------------------------------------------------ macros */

static bool make_macro(struct run *r, const struct node *n, val *out)
{
    struct macro *m = run_alloc(r, sizeof *m);
    if (!m) return false;
    *m = (struct macro){
        .tmpl = r->tmpl, .def = n, .scope = r->scope, .top = r->top, .context = r->context, .autoescape = r->autoescape
    };
    scope_keep(r->scope);
    *out = (val){ .kind = VAL_MACRO, .macro = m };
    return true;
}

static bool exec_macro(struct run *r, const struct node *n)
{
    val m;
    return make_macro(r, n, &m) && scope_set(r, r->scope, n->macro->name, m);
}

static bool exec_call_block(struct run *r, const struct node *n)
{
    val callee, caller, v;
    struct args a;
    if (!eval(r, n->a->a, &callee) || !eval_args(r, n->a->call, &a) || !make_macro(r, n, &caller)) return false;
    struct kwarg *kw = run_array(r, a.kw_n + 1, sizeof *kw);
    if (!kw) return false;
    if (a.kw_n) memcpy(kw, a.kw, a.kw_n * sizeof *kw);
    kw[a.kw_n++] = (struct kwarg){ STR("caller"), caller };
    a.kw = kw;
    r->line = n->line;
    return call(r, callee, &a, &v) && emit(r, v);
}

/* ------------------------------------------------------------------ */

static enum flow exec_if(struct run *r, const struct node *n)
{
    val test;
    for (;;) {
        if (!eval(r, n->a, &test)) return FLOW_FAILED;
        if (val_truth(test)) return exec(r, n->body);
        if (!n->other || n->other->kind != N_IF || !n->other->flag) return exec(r, n->other);
        n = n->other;
    }
}

static bool print(struct run *r, const struct node *n)
{
    val v;
    if (!eval(r, n->a, &v)) return false;
    r->line = n->line;
    return emit(r, v);
}

static bool text(struct run *r, const struct node *n)
{
    buf_add(r->out, n->name);
    return out_ok(r) && run_spend(r, n->name.n / 64);
}

static bool set(struct run *r, const struct node *n)
{
    val v;
    if (!eval(r, n->b, &v)) return false;
    r->line = n->line;
    return assign(r, n->a, v);
}

static bool block(struct run *r, const struct node *n)
{
    if (r->parent) return true; /* the parent decides where it stands */
    const struct block_entry *b = block_find(r->blocks, n->name);
    return exec_block(r, b, n->flag ? r->scope : r->top);
}

static enum flow exec_one(struct run *r, const struct node *n)
{
    bool ok = false;
    switch ((enum node_kind)n->kind) {
    case N_TEXT: ok = text(r, n); break;
    case N_PRINT: ok = print(r, n); break;
    case N_IF: return exec_if(r, n);
    case N_FOR: return exec_for(r, n);
    case N_SET: ok = set(r, n); break;
    case N_SET_BLOCK: return exec_set_block(r, n);
    case N_WITH: return exec_with(r, n);
    case N_MACRO: ok = exec_macro(r, n); break;
    case N_CALL_BLOCK: ok = exec_call_block(r, n); break;
    case N_FILTER_BLOCK: return exec_filter_block(r, n);
    case N_AUTOESCAPE: return exec_autoescape(r, n);
    case N_BLOCK: ok = block(r, n); break;
    case N_EXTENDS: ok = exec_extends(r, n); break;
    case N_INCLUDE: ok = exec_include(r, n); break;
    case N_IMPORT:
    case N_FROM: ok = exec_import(r, n); break;
    case N_BREAK: return FLOW_BREAK;
    case N_CONTINUE: return FLOW_CONTINUE;
    case N_GENERATION: return exec_generation(r, n);
    default: ok = fail(r, "not a statement"); break;
    }
    return ok ? FLOW_ON : FLOW_FAILED;
}

enum flow exec(struct run *r, const struct node *first)
{
    enum flow f = FLOW_ON;
    if (!run_enter(r)) return FLOW_FAILED;
    for (const struct node *n = first; n && f == FLOW_ON; n = n->next) {
        r->line = n->line;
        if (!run_spend(r, 1)) return FLOW_FAILED;
        f = exec_one(r, n);
    }
    run_leave(r);
    return f;
}
