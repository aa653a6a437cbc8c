/* jinja/arith.c - operators on values, as Python has them.  Integers are 64 bits wide: what does not fit is an
 * error, never a wrong number. */
#include <math.h>

#include "base/ckd.h"
#include "jinja/run.h"

static const char *const op_text[] = { "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=" };

static bool too_wide(struct run *r)
{
    return fail(r, "an integer result that does not fit in 64 bits");
}

static bool int_pow(struct run *r, int64_t base, int64_t exp, int64_t *out)
{
    int64_t v = 1;
    if (base == 0 || base == 1 || base == -1) { /* any exponent fits */
        *out = exp == 0 ? 1 : base == -1 && exp % 2 == 0 ? 1 : base;
        return true;
    }
    for (int64_t i = 0; i < exp; i++)
        if (ckd_mul(&v, v, base)) return too_wide(r);
    *out = v;
    return true;
}

static bool int_op(struct run *r, enum node_op op, int64_t a, int64_t b, val *out)
{
    int64_t v = 0;
    switch (op) {
    case OP_ADD:
        if (ckd_add(&v, a, b)) return too_wide(r);
        break;
    case OP_SUB:
        if (ckd_sub(&v, a, b)) return too_wide(r);
        break;
    case OP_MUL:
        if (ckd_mul(&v, a, b)) return too_wide(r);
        break;
    case OP_FLOORDIV:
    case OP_MOD:
        if (b == 0) return fail(r, op == OP_MOD ? "integer modulo by zero" : "integer division or modulo by zero");
        if (b == -1) { /* the only quotient that may not fit */
            if (op == OP_FLOORDIV && ckd_sub(&v, (int64_t)0, a)) return too_wide(r);
            break;
        }
        v = op == OP_MOD ? a % b : a / b;
        if (a % b != 0 && (a < 0) != (b < 0)) v += op == OP_MOD ? b : -1;
        break;
    case OP_DIV:
        if (b == 0) return fail(r, "division by zero");
        *out = val_real((double)a / (double)b);
        return true;
    default:
        if (b < 0) {
            if (a == 0) return fail(r, "0.0 cannot be raised to a negative power");
            *out = val_real(pow((double)a, (double)b));
            return true;
        }
        if (!int_pow(r, a, b, &v)) return false;
    }
    *out = val_int(v);
    return true;
}

static bool real_op(struct run *r, enum node_op op, double a, double b, val *out)
{
    double v;
    switch (op) {
    case OP_ADD: v = a + b; break;
    case OP_SUB: v = a - b; break;
    case OP_MUL: v = a * b; break;
    case OP_DIV:
        if (b == 0) return fail(r, "float division by zero");
        v = a / b;
        break;
    case OP_FLOORDIV:
    case OP_MOD: {
        if (b == 0) return fail(r, op == OP_MOD ? "float modulo" : "float floor division by zero");
        double rest = fmod(a, b), times = (a - rest) / b; /* a whole number but for rounding */
        bool is_below = rest != 0 && (rest < 0) != (b < 0);
        if (op == OP_MOD) v = rest == 0 ? copysign(0, b) : is_below ? rest + b : rest;
        else v = is_below ? rint(times) - 1 : rint(times);
        if (op == OP_FLOORDIV && v == 0) v = copysign(0, a / b);
        break;
    }
    default:
        if (a < 0 && b != floor(b)) return fail(r, "a negative number to a fractional power is not real");
        if (a == 0 && b < 0) return fail(r, "0.0 cannot be raised to a negative power");
        v = pow(a, b);
        if (isinf(v) && !isinf(a) && !isinf(b)) return fail(r, "Numerical result out of range");
    }
    *out = val_real(v);
    return true;
}

/* Markup on either side: the other is escaped, and so is the result safe. */
static bool add_text(struct run *r, val a, val b, val *out)
{
    size_t mark = text_begin(r);
    bool html = a.safe || b.safe;
    const val part[2] = { a, b };
    for (size_t i = 0; i < 2; i++) {
        if (html && !part[i].safe)
            html_escape(part[i].s, r->out);
        else
            buf_add(r->out, part[i].s);
    }
    return text_end_val(r, mark, html, out);
}

static bool add_lists(struct run *r, val a, val b, val *out)
{
    val *items = run_array(r, a.n + b.n + 1, sizeof *items);
    if (!items) return false;
    if (a.n) memcpy(items, a.items, a.n * sizeof *items);
    if (b.n) memcpy(items + a.n, b.items, b.n * sizeof *items);
    *out = a;
    out->items = items;
    out->n = a.n + b.n;
    return run_spend(r, out->n / 4);
}

static bool repeat(struct run *r, val v, int64_t times, val *out)
{
    size_t n = v.kind == VAL_STR ? v.s.n : v.n, size = v.kind == VAL_STR ? 1 : sizeof(val), all;
    if (times < 0) times = 0;
    if (ckd_mul(&all, n, (size_t)times) || ckd_mul(&all, all, size)) all = SIZE_MAX;
    char *p = run_alloc(r, all ? all : 1);
    if (!p || !run_spend(r, all / 256)) return false;
    const void *from = v.kind == VAL_STR ? (const void *)v.s.p : (const void *)v.items;
    for (size_t i = 0; n && i < (size_t)times; i++) memcpy(p + i * n * size, from, n * size);
    *out = v;
    if (v.kind == VAL_STR) {
        out->s = str_n(p, all);
    } else {
        out->items = (const val *)(void *)p;
        out->n = n * (size_t)times;
    }
    return true;
}

static bool is_list(val v)
{
    return v.kind == VAL_LIST || v.kind == VAL_TUPLE;
}
static bool repeats(val v)
{
    return v.kind == VAL_STR || is_list(v);
}

bool binary(struct run *r, enum node_op op, val a, val b, val *out)
{
    if (op == OP_MOD && a.kind == VAL_STR) return format_percent(r, a, b, out);
    if (a.kind == VAL_UNDEFINED) return fail_undefined(r, a);
    if (b.kind == VAL_UNDEFINED) return fail_undefined(r, b);
    if (val_is_whole(a) && val_is_whole(b)) return int_op(r, op, val_whole(a), val_whole(b), out);
    if (val_is_num(a) && val_is_num(b)) return real_op(r, op, val_as_real(a), val_as_real(b), out);
    if (op == OP_ADD) {
        if (a.kind == VAL_STR && b.kind == VAL_STR) return add_text(r, a, b, out);
        if (is_list(a) && a.kind == b.kind) return add_lists(r, a, b, out);
        if (a.kind == VAL_STR && !a.safe) return fail(r, "can only concatenate str (not \"%s\") to str", val_type(b));
        if (is_list(a))
            return fail(r, "can only concatenate %s (not \"%s\") to %s", val_type(a), val_type(b), val_type(a));
    }
    if (op == OP_MUL) {
        if (repeats(a) && val_is_whole(b)) return repeat(r, a, val_whole(b), out);
        if (repeats(b) && val_is_whole(a)) return repeat(r, b, val_whole(a), out);
        if (repeats(a) || repeats(b))
            return fail(r, "can't multiply sequence by non-int of type '%s'", val_type(repeats(a) ? b : a));
    }
    return fail(r, "unsupported operand type(s) for %s: '%s' and '%s'", op_text[op], val_type(a), val_type(b));
}

bool negate(struct run *r, val a, bool minus, val *out)
{
    if (a.kind == VAL_UNDEFINED) return fail_undefined(r, a);
    if (!val_is_num(a)) return fail(r, "bad operand type for unary %c: '%s'", minus ? '-' : '+', val_type(a));
    if (a.kind == VAL_REAL) {
        *out = val_real(minus ? -a.r : a.r);
        return true;
    }
    int64_t v = val_whole(a);
    if (minus && ckd_sub(&v, (int64_t)0, v)) return too_wide(r);
    *out = val_int(v);
    return true;
}

bool compare(struct run *r, enum node_op op, val a, val b, bool *out)
{
    int order;
    if (op == OP_EQ || op == OP_NE) {
        if (!val_eq(r, a, b, out)) return false;
        *out = *out == (op == OP_EQ);
        return true;
    }
    if (op == OP_IN || op == OP_NOT_IN) {
        if (!val_contains(r, b, a, out)) return false;
        *out = *out == (op == OP_IN);
        return true;
    }
    if (!val_order(r, a, b, op_text[op], &order)) return false;
    switch (op) {
    case OP_LT: *out = order == -1; break;
    case OP_LE: *out = order == -1 || order == 0; break;
    case OP_GT: *out = order == 1; break;
    default: *out = order == 1 || order == 0;
    }
    return true;
}
