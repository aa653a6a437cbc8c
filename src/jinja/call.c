/* jinja/call.c - arguments, and everything that can be called. */
#include "jinja/run.h"

/* ------------------------------------------------------------------ arguments at the call */

static bool add_star(struct run *r, val v, struct vec *l)
{
    const val *items;
    size_t n;
    if (!val_items(r, v, &items, &n)) return false;
    for (size_t i = 0; i < n; i++)
        if (!vec_add(r, l, items[i])) return false;
    return true;
}

static bool add_star_star(struct run *r, val v, struct args *out)
{
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (v.kind != VAL_DICT) return fail(r, "argument after ** must be a mapping, not %s", val_type(v));
    struct kwarg *kw = run_array(r, out->kw_n + v.dict->n + 1, sizeof *kw);
    if (!kw) return false;
    if (out->kw_n) memcpy(kw, out->kw, out->kw_n * sizeof *kw);
    for (size_t i = 0; i < v.dict->n; i++) {
        val key = v.dict->v[i].key;
        if (key.kind != VAL_STR) return fail(r, "keywords must be strings");
        kw[out->kw_n++] = (struct kwarg){ key.s, v.dict->v[i].value };
    }
    out->kw = kw;
    return true;
}

bool eval_args(struct run *r, const struct call_args *c, struct args *out)
{
    size_t places = c->n > NATIVE_ARGS_MAX ? c->n : NATIVE_ARGS_MAX, kw = 0;
    struct vec l = { .cap = places };
    val v;
    *out = (struct args){ 0 };
    if (!(l.v = run_array(r, places, sizeof *l.v))) return false;
    if (c->kw_n && !(out->kw = run_array(r, c->kw_n, sizeof *out->kw))) return false;
    for (const struct call_arg *a = c->first; a; a = a->next) {
        if (!eval(r, a->value, &v)) return false;
        if (a->name.n)
            out->kw[kw++] = (struct kwarg){ a->name, v };
        else if (!vec_add(r, &l, v))
            return false;
    }
    out->kw_n = kw;
    if (c->star && (!eval(r, c->star, &v) || !add_star(r, v, &l))) return false;
    if (c->star_star && (!eval(r, c->star_star, &v) || !add_star_star(r, v, out))) return false;
    out->v = l.v;
    out->n = l.n;
    return true;
}

/* ------------------------------------------------------------------ functions of the language */

static size_t param_index(const char *params, str name)
{
    str rest = str_c(params), one;
    for (size_t i = 0; rest.p && str_cut(&rest, ' ', &one); i++)
        if (str_eq(one, name)) return i;
    return STR_NONE;
}
static size_t params_count(const char *params)
{
    size_t n = *params ? 1 : 0;
    for (; *params; params++) n += *params == ' ';
    return n;
}

/* Keyword arguments take their places, and what was not given becomes VAL_ABSENT. */
static bool bind(struct run *r, const struct native *fn, const struct args *a, val place[NATIVE_ARGS_MAX])
{
    size_t n = params_count(fn->params);
    if (a->n > n)
        return fail(r, "%.*s() takes at most %zu argument%s (%zu given)", STR_ARG(fn->name), n, n == 1 ? "" : "s",
                    a->n);
    memset(place, 0, NATIVE_ARGS_MAX * sizeof *place);
    for (size_t i = 0; i < a->n; i++) place[i] = a->v[i];
    for (size_t k = 0; k < a->kw_n; k++) {
        size_t i = param_index(fn->params, a->kw[k].name);
        if (i == STR_NONE || i >= n)
            return fail(r, "%.*s() got an unexpected keyword argument '%.*s'", STR_ARG(fn->name),
                        STR_ARG(str_to(a->kw[k].name, 100)));
        if (val_given(place[i]))
            return fail(r, "%.*s() got multiple values for argument '%.*s'", STR_ARG(fn->name), STR_ARG(a->kw[k].name));
        place[i] = a->kw[k].value;
    }
    for (size_t i = 0; i < fn->required; i++)
        if (!val_given(place[i])) return fail(r, "%.*s() misses argument %zu", STR_ARG(fn->name), i + 1);
    return true;
}

bool call_native(struct run *r, const struct native *fn, val self, struct args *a, val *out)
{
    val place[NATIVE_ARGS_MAX];
    if (!fn->params) return fn->fn(r, self, a, out);
    if (!bind(r, fn, a, place)) return false;
    struct args bound = { .v = place, .n = a->n };
    return fn->fn(r, self, &bound, out);
}

/* ------------------------------------------------------------------ macros */

bool enter_call(struct run *r)
{
    if (r->calls_depth >= r->limits.calls_depth_max)
        return fail_code(r, ERR_TOO_LARGE, "more than %u calls inside each other", r->limits.calls_depth_max);
    r->calls_depth++;
    return true;
}

static struct kwarg *take_kwarg(struct args *a, str name)
{
    for (size_t i = 0; i < a->kw_n; i++)
        if (str_eq(a->kw[i].name, name)) return &a->kw[i];
    return NULL;
}

/* The macro's parameters become variables of its scope (r->scope). */
static bool set_params(struct run *r, const struct macro_def *def, struct args *a, size_t *kw_used)
{
    size_t i = 0;
    for (const struct macro_param *p = def->params; p; p = p->next, i++) {
        struct kwarg *kw = take_kwarg(a, p->name);
        val v;
        if (i < a->n) {
            if (kw) return fail(r, "macro '%.*s' got multiple values for '%.*s'", STR_ARG(def->name), STR_ARG(p->name));
            v = a->v[i];
        } else if (kw) {
            v = kw->value;
            ++*kw_used;
        } else if (p->otherwise) {
            if (!eval(r, p->otherwise, &v)) return false;
        } else {
            v = undefined_hint(r, "a parameter of a macro was not provided");
        }
        if (!scope_set(r, r->scope, p->name, v)) return false;
    }
    return true;
}

/* What no parameter took: caller, varargs, kwargs, or an error. */
static bool set_rest(struct run *r, const struct macro_def *def, struct args *a, size_t kw_used)
{
    struct kwarg *caller = take_kwarg(a, STR("caller"));
    bool caller_is_param = false;
    for (const struct macro_param *p = def->params; p; p = p->next) caller_is_param |= str_eq(p->name, STR("caller"));
    if (def->reads_caller && !caller_is_param) {
        val v = caller ? caller->value : undefined_hint(r, "No caller defined");
        if (!scope_set(r, r->scope, STR("caller"), v)) return false;
        kw_used += caller != NULL;
    }
    if (def->reads_kwargs) {
        struct dict *d = dict_new(r);
        if (!d) return false;
        for (size_t i = 0; i < a->kw_n; i++) {
            bool used = def->reads_caller && str_eq(a->kw[i].name, STR("caller"));
            for (const struct macro_param *p = def->params; p; p = p->next) used |= str_eq(p->name, a->kw[i].name);
            if (!used && !dict_put_str(r, d, a->kw[i].name, a->kw[i].value)) return false;
        }
        if (!scope_set(r, r->scope, STR("kwargs"), val_dict(d))) return false;
    } else if (kw_used < a->kw_n) {
        for (size_t i = 0; i < a->kw_n; i++) {
            bool used = def->reads_caller && str_eq(a->kw[i].name, STR("caller"));
            for (const struct macro_param *p = def->params; p; p = p->next) used |= str_eq(p->name, a->kw[i].name);
            if (!used)
                return fail(r, "macro '%.*s' takes no keyword argument '%.*s'", STR_ARG(def->name),
                            STR_ARG(str_to(a->kw[i].name, 100)));
        }
    }
    if (def->reads_varargs) {
        size_t n = a->n > def->params_n ? a->n - def->params_n : 0;
        return scope_set(r, r->scope, STR("varargs"), val_tuple(n ? a->v + def->params_n : NULL, n));
    }
    if (a->n > def->params_n)
        return fail(r, "macro '%.*s' takes not more than %zu argument(s)", STR_ARG(def->name), def->params_n);
    return true;
}

static bool call_macro(struct run *r, const struct macro *m, struct args *a, val *out)
{
    struct scope *scope = r->scope, *top = r->top;
    const struct jinja *tmpl = r->tmpl;
    uint32_t line = r->line;
    struct dict *context = r->context;
    bool autoescape = r->autoescape;
    size_t kw_used = 0;

    if (!run_enter(r) || !enter_call(r) || !scope_push(r, m->scope)) return false;
    r->context = m->context;
    if (!set_params(r, m->def->macro, a, &kw_used) || !set_rest(r, m->def->macro, a, kw_used)) return false;
    r->tmpl = m->tmpl;
    r->top = m->top;
    r->autoescape = m->autoescape;
    if (!exec_capture(r, m->def->body, out)) return false;
    r->autoescape = autoescape;
    r->context = context;
    r->scope = scope;
    r->top = top;
    r->tmpl = tmpl;
    r->line = line;
    r->calls_depth--;
    run_leave(r);
    return true;
}

/* ------------------------------------------------------------------ the others */

static bool call_host(struct run *r, const struct jinja_function *f, struct args *a, val *out)
{
    struct json list = { .type = JSON_ARRAY }, kw = { .type = JSON_OBJECT }, *one, **tail = &list.first;
    struct json *kw_last = NULL;
    struct err inner;
    for (size_t i = 0; i < a->n; i++, tail = &one->next, list.count++) {
        if (!val_to_json(r, a->v[i], &one)) return false;
        *tail = one;
    }
    for (size_t i = 0; i < a->kw_n; i++, kw.count++) {
        if (!val_to_json(r, a->kw[i].value, &one)) return false;
        one->key = a->kw[i].name;
        *(kw_last ? &kw_last->next : &kw.first) = one;
        kw_last = one;
    }
    if (a->kw_n) {
        *tail = &kw;
        list.count++;
    }
    struct json *answer = NULL;
    if (!f->call(f->ctx, &list, r->a, &answer, &inner)) return fail_code(r, inner.code, "%s: %s", f->name, inner.msg);
    if (!answer) return fail(r, "%s gave nothing back", f->name);
    if (!val_from_json(r, answer, out)) return false;
    out->safe = out->kind == VAL_STR && f->returns_html;
    return true;
}

static bool call_loop(struct run *r, struct loop *l, struct args *a, val *out)
{
    if (!l->node->flag) return fail(r, "The loop must have the 'recursive' marker to be called recursively.");
    if (a->n != 1 || a->kw_n) return fail(r, "loop() takes one argument");
    struct scope *scope = r->scope;
    uint32_t line = r->line;
    if (!run_enter(r) || !enter_call(r)) return false;
    r->scope = l->scope;
    size_t mark = text_begin(r);
    r->captures++;
    if (exec_loop(r, l->node, a->v[0], l->up, l->depth + 1) == FLOW_FAILED) return false;
    r->captures--;
    r->scope = scope;
    r->line = line;
    r->calls_depth--;
    run_leave(r);
    return text_end_val(r, mark, r->autoescape, out);
}

static bool call_block(struct run *r, const struct block_ref *b, val *out)
{
    if (!run_enter(r) || !enter_call(r)) return false;
    size_t mark = text_begin(r);
    r->captures++;
    if (!exec_block(r, b->entry, b->scope)) return false;
    r->captures--;
    r->calls_depth--;
    run_leave(r);
    return text_end_val(r, mark, r->autoescape, out);
}

bool call(struct run *r, val callee, struct args *a, val *out)
{
    switch ((enum val_kind)callee.kind) {
    case VAL_UNDEFINED: return fail_undefined(r, callee);
    case VAL_NATIVE: return call_native(r, callee.native, callee, a, out);
    case VAL_METHOD: return call_native(r, callee.method->fn, callee.method->self, a, out);
    case VAL_MACRO: return call_macro(r, callee.macro, a, out);
    case VAL_HOST: return call_host(r, callee.host, a, out);
    case VAL_LOOP: return call_loop(r, callee.loop, a, out);
    case VAL_BLOCK: return call_block(r, callee.block, out);
    case VAL_JOINER:
        *out = callee.joiner->used ? callee.joiner->separator : val_str(STR(""));
        callee.joiner->used = true;
        return true;
    default: return fail(r, "'%s' object is not callable", val_type(callee));
    }
}
