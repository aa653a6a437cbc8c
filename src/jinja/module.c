/* jinja/module.c - templates that use each other: blocks, extends, include, import.
 *
 * A template that extends runs first, for its assignments and macros; what it prints after the tag is dropped.  Then
 * its parent runs in the same scope, with the child's blocks in front of its own. */
#include "jinja/run.h"

const struct block_entry *block_find(const struct block_entry *from, str name)
{
    for (; from; from = from->next)
        if (str_eq(from->name, name)) return from;
    return NULL;
}

static bool add_blocks(struct run *r, const struct jinja *t)
{
    struct block_entry **tail = &r->blocks;
    while (*tail) tail = &(*tail)->next;
    for (size_t i = 0; i < t->blocks_n; i++) {
        struct block_entry *b = run_alloc(r, sizeof *b);
        if (!b) return false;
        *b = (struct block_entry){ .name = t->block[i]->name, .tmpl = t, .node = t->block[i] };
        *tail = b;
        tail = &b->next;
    }
    return true;
}

bool exec_block(struct run *r, const struct block_entry *b, struct scope *scope)
{
    struct scope *outer = r->scope;
    const struct jinja *tmpl = r->tmpl, *parent = r->parent;
    uint32_t line = r->line;
    bool autoescape = r->autoescape;
    val super;
    if (b->node->flag2) return fail(r, "Required block '%.*s' not found", STR_ARG(b->name));
    if (!run_enter(r) || !enter_call(r) || !scope_push(r, scope)) return false;
    scope_keep(r->scope);
    const struct block_entry *above = block_find(b->next, b->name);
    super = undefined_hint(r, "there is no parent block of this name");
    if (above) {
        struct block_ref *ref = run_alloc(r, sizeof *ref);
        if (!ref) return false;
        *ref = (struct block_ref){ above, scope };
        super = (val){ .kind = VAL_BLOCK, .block = ref };
    }
    if (!scope_set(r, r->scope, STR("super"), super)) return false;
    r->tmpl = b->tmpl;
    r->autoescape = b->tmpl->o.autoescape;
    r->parent = NULL;
    if (exec(r, b->node->a) == FLOW_FAILED) return false;
    r->autoescape = autoescape;
    r->parent = parent;
    r->tmpl = tmpl;
    r->scope = outer;
    r->line = line;
    r->calls_depth--;
    run_leave(r);
    return true;
}

/* Runs `t` in the scope that is the innermost now; the caller restores that. */
bool run_template(struct run *r, const struct jinja *t)
{
    struct scope *top = r->top;
    struct block_entry *blocks = r->blocks;
    const struct jinja *tmpl = r->tmpl, *parent = r->parent;
    size_t mark = r->parent_mark;
    bool autoescape = r->autoescape;
    uint32_t line = r->line, ancestors = 0;

    if (!run_enter(r)) return false;
    r->top = r->scope;
    r->blocks = NULL;
    if (!add_blocks(r, t)) return false;
    for (;;) {
        r->tmpl = t;
        r->autoescape = t->o.autoescape;
        r->parent = NULL;
        if (jinja_reads(t, STR("self")) && !scope_set(r, r->top, STR("self"), (val){ .kind = VAL_BLOCKS }))
            return false;
        if (exec(r, t->body) == FLOW_FAILED) return false;
        if (!r->parent) break;
        if (++ancestors > r->limits.calls_depth_max)
            return fail_code(r, ERR_TOO_LARGE, "more than %u templates extend each other", r->limits.calls_depth_max);
        text_drop(r, r->parent_mark);
        t = r->parent;
    }
    r->top = top;
    r->blocks = blocks;
    r->tmpl = tmpl;
    r->parent = parent;
    r->parent_mark = mark;
    r->autoescape = autoescape;
    r->line = line;
    run_leave(r);
    return true;
}

/* ------------------------------------------------------------------ by name */

static const struct jinja *load_one(struct run *r, val name)
{
    return name.kind == VAL_STR && r->in->load ? r->in->load(r->in->load_ctx, name.s) : NULL;
}

/* One name, or the first that there is of a list. */
static bool load(struct run *r, const struct node *expr, bool may_miss, const struct jinja **out)
{
    val v;
    const val *items;
    size_t n;
    *out = NULL;
    if (!eval(r, expr, &v)) return false;
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (v.kind == VAL_LIST || v.kind == VAL_TUPLE) {
        if (!val_items(r, v, &items, &n)) return false;
        for (size_t i = 0; i < n && !*out; i++) *out = load_one(r, items[i]);
        return *out || may_miss || fail(r, "none of the templates given were found");
    }
    if (v.kind != VAL_STR) return fail(r, "a template is named by a string, not %s", val_type(v));
    *out = load_one(r, v);
    return *out || may_miss || fail(r, "there is no template named '%.*s'", STR_ARG(str_to(v.s, 200)));
}

/* Another template in a scope of its own, with or without what is known here.  *scope is what it has set. */
static bool run_other(struct run *r, const struct jinja *t, bool with_context, struct scope **scope)
{
    struct scope *outer = r->scope;
    struct dict *context = r->context;
    if (!enter_call(r) || !scope_push(r, with_context ? outer : NULL)) return false;
    if (with_context) scope_keep(outer);
    *scope = r->scope;
    if (!with_context) r->context = NULL;
    if (!run_template(r, t)) return false;
    r->context = context;
    r->scope = outer;
    r->calls_depth--;
    return true;
}

bool exec_extends(struct run *r, const struct node *n)
{
    const struct jinja *t;
    if (r->parent) return fail(r, "extended multiple times");
    if (!load(r, n->a, false, &t) || !add_blocks(r, t)) return false;
    r->parent = t;
    r->parent_mark = r->out->n;
    return true;
}

bool exec_include(struct run *r, const struct node *n)
{
    const struct jinja *t;
    struct scope *scope;
    if (!load(r, n->a, n->flag2, &t)) return false;
    return !t || run_other(r, t, n->flag, &scope);
}

static bool make_module(struct run *r, const struct jinja *t, const struct scope *scope, str text, val *out)
{
    struct module *m = run_alloc(r, sizeof *m);
    if (!m || !(m->names = dict_new(r))) return false;
    m->name = t->name;
    m->text = text;
    for (size_t i = 0; i < scope->n; i++)
        if (!str_starts(scope->v[i].name, STR("_")) && !dict_put_str(r, m->names, scope->v[i].name, scope->v[i].value))
            return false;
    *out = (val){ .kind = VAL_MODULE, .module = m };
    return true;
}

bool exec_import(struct run *r, const struct node *n)
{
    const struct jinja *t;
    struct scope *scope;
    str text;
    val module, v;
    if (!load(r, n->a, false, &t)) return false;
    size_t mark = text_begin(r);
    r->captures++;
    if (!run_other(r, t, n->flag, &scope) || !text_end(r, mark, &text)) return false;
    r->captures--;
    if (!make_module(r, t, scope, text, &module)) return false;
    if (n->kind == N_IMPORT) return scope_set(r, r->scope, n->name, module);
    for (const struct node *i = n->b; i; i = i->next) {
        const val *got = dict_str(module.module->names, i->name);
        v = got ? *got : undefined_hint(r, "the imported template does not export the requested name");
        if (!scope_set(r, r->scope, i->attr, v)) return false;
    }
    return true;
}
