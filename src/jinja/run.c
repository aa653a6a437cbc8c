/* jinja/run.c - one render: limits, errors, scopes, and the text under way; jinja_render stands at the end.
 *
 * Invariants:
 * 1. Every node evaluated costs a step, and work that grows with data costs steps by its size, so the number of
 *    steps bounds the time.
 * 2. All values come from the run's arena through run_alloc, so the arena's limit bounds memory; all text is made at
 *    the end of the output, so the output's limit bounds text.
 * 3. Every recursion of the evaluator passes through run_enter, so RUN_DEPTH_MAX bounds the C stack.
 * 4. A function that returns false has filled the error. */
#include "jinja/run.h"

#include "base/ckd.h"
#include "base/clock.h"

enum { RUN_DEPTH_MAX = 1000, CLOCK_EVERY = 4096 };

static bool vfail(struct run *r, enum err_code code, const char *fmt, va_list ap)
{
    char msg[ERR_MSG_MAX];
    vsnprintf(msg, sizeof msg, fmt, ap);
    return err_set(r->e, code, "%.*s:%u: %s", STR_ARG(r->tmpl->name), r->line, msg);
}
bool fail(struct run *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfail(r, ERR_UNPROCESSABLE, fmt, ap);
    va_end(ap);
    return false;
}
bool fail_code(struct run *r, enum err_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfail(r, code, fmt, ap);
    va_end(ap);
    return false;
}

bool fail_undefined(struct run *r, val v)
{
    const struct undefined *u = v.undefined;
    if (!u) return fail(r, "a value is undefined");
    if (u->denied)
        return fail_code(r, ERR_DENIED, "access to attribute '%.*s' of '%s' object is unsafe.",
                         STR_ARG(str_to(u->name, 100)), u->owner);
    if (u->hint) return fail(r, "%s", u->hint);
    if (u->owner) return fail(r, "'%s' has no attribute '%.*s'", u->owner, STR_ARG(str_to(u->name, 100)));
    return fail(r, "'%.*s' is undefined", STR_ARG(str_to(u->name, 100)));
}

static bool too_many_steps(struct run *r)
{
    return fail_code(r, ERR_TOO_LARGE, "the template took more than %llu steps",
                     (unsigned long long)r->limits.steps_max);
}

bool run_spend(struct run *r, size_t work)
{
    uint64_t before = r->steps;
    r->steps += work;
    if (r->steps > r->limits.steps_max) return too_many_steps(r);
    if (before / CLOCK_EVERY != r->steps / CLOCK_EVERY &&
        clock_mono_us() - r->started_us > (int64_t)r->limits.time_ms_max * 1000)
        return fail_code(r, ERR_TOO_LARGE, "the template ran for more than %u ms", r->limits.time_ms_max);
    return true;
}

void *run_alloc(struct run *r, size_t n)
{
    void *p = arena_try(r->a, n);
    if (!p) fail_code(r, ERR_TOO_LARGE, "the template needs more than %zu bytes of memory", r->limits.memory_bytes_max);
    return p;
}
void *run_array(struct run *r, size_t count, size_t size)
{
    size_t n;
    if (ckd_mul(&n, count, size)) n = SIZE_MAX;
    return run_alloc(r, n);
}

bool run_enter(struct run *r)
{
    if (r->depth >= RUN_DEPTH_MAX) return fail_code(r, ERR_TOO_LARGE, "nested too deep, or without end");
    r->depth++;
    return run_spend(r, 1);
}

/* ------------------------------------------------------------------ text */

bool out_ok(struct run *r)
{
    if (!r->out->failed && r->out->n - r->out_first <= r->limits.output_bytes_max) return true;
    return fail_code(r, ERR_TOO_LARGE, "the template writes more than %zu bytes", r->limits.output_bytes_max);
}
size_t text_begin(struct run *r)
{
    return r->out->n;
}
void text_drop(struct run *r, size_t mark)
{
    r->out->n = mark;
    if (r->out->p) r->out->p[mark] = 0;
}
bool text_end(struct run *r, size_t mark, str *out)
{
    if (!out_ok(r)) return false;
    size_t n = r->out->n - mark;
    char *p = run_alloc(r, n ? n : 1);
    if (!p) return false;
    if (n) memcpy(p, r->out->p + mark, n);
    text_drop(r, mark);
    *out = str_n(p, n);
    return run_spend(r, n / 64);
}
bool text_end_val(struct run *r, size_t mark, bool safe, val *out)
{
    str s;
    if (!text_end(r, mark, &s)) return false;
    *out = safe ? val_html(s) : val_str(s);
    return true;
}

bool emit(struct run *r, val v)
{
    if (!r->autoescape || val_is_num(v)) return val_text(r, v, r->out);
    if (v.kind != VAL_STR && !val_to_str(r, v, &v)) return false;
    if (v.safe) return val_text(r, v, r->out);
    html_escape(v.s, r->out);
    return out_ok(r) && run_spend(r, v.s.n / 64);
}

/* ------------------------------------------------------------------ scopes */

bool scope_push(struct run *r, struct scope *up)
{
    struct scope *s = run_alloc(r, sizeof *s);
    if (!s) return false;
    s->up = up;
    r->scope = s;
    return true;
}

bool scope_set(struct run *r, struct scope *s, str name, val v)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->v[i].name, name)) {
            s->v[i].value = v;
            return true;
        }
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 4;
        struct var *more = run_array(r, cap, sizeof *more);
        if (!more) return false;
        if (s->n) memcpy(more, s->v, s->n * sizeof *more);
        s->v = more;
        s->cap = cap;
    }
    s->v[s->n++] = (struct var){ name, v };
    return run_spend(r, s->n / 8);
}

void scope_keep(struct scope *s)
{
    for (; s && !s->kept; s = s->up) s->kept = true;
}

bool scope_find(struct run *r, str name, val *out)
{
    for (const struct scope *s = r->scope; s; s = s->up)
        for (size_t i = s->n; i-- > 0;)
            if (str_eq(s->v[i].name, name)) {
                *out = s->v[i].value;
                return true;
            }
    const val *v = r->context ? dict_str(r->context, name) : NULL;
    if (v) {
        *out = *v;
        return true;
    }
    for (size_t i = 0; i < r->in->html_count; i++)
        if (str_eq(name, str_c(r->in->html[i].name))) {
            *out = val_html(r->in->html[i].text);
            return true;
        }
    for (size_t i = 0; i < r->in->functions_count; i++)
        if (str_eq(name, str_c(r->in->functions[i].name))) {
            *out = (val){ .kind = VAL_HOST, .host = &r->in->functions[i] };
            return true;
        }
    const struct native *fn = global_find(name);
    if (fn) *out = (val){ .kind = VAL_NATIVE, .native = fn };
    return fn != NULL;
}

const struct native *native_find(const struct native *table, size_t n, str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(table[i].name, name)) return &table[i];
    return NULL;
}

/* ------------------------------------------------------------------ the render */

static bool render(struct run *r, const struct jinja *t)
{
    val context;
    if (r->in->context) {
        if (!json_is(r->in->context, JSON_OBJECT)) return fail(r, "the context is not an object");
        if (!val_from_json(r, r->in->context, &context)) return false;
        r->context = context.dict;
    }
    return scope_push(r, NULL) && run_template(r, t);
}

bool jinja_render(const struct jinja *t, struct jinja_input *in, struct buf *out, struct err *e)
{
    struct jinja_input nothing = { 0 };
    struct run r = {
        .tmpl = t,
        .in = in ? in : &nothing,
        .limits = t->o.limits,
        .a = arena_new(t->o.limits.memory_bytes_max),
        .out = out,
        .out_first = out->n,
        .e = e,
        .started_us = clock_mono_us(),
        .autoescape = t->o.autoescape,
    };
    bool was_failed = out->failed;
    r.in->spans_count = 0;
    bool ok = render(&r, t);
    if (!ok && !was_failed) {
        out->failed = false;
        text_drop(&r, r.out_first);
    }
    arena_free(r.a);
    return ok;
}
