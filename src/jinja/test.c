/* jinja/test.c - what may stand behind `is`. */
#include <math.h>

#include "jinja/native.h"

#define TEST(name, expression)                                                                                         \
    static bool name(struct run *r, val v, struct args *a, val *out)                                                   \
    {                                                                                                                  \
        (void)r;                                                                                                       \
        (void)a;                                                                                                       \
        *out = val_bool(expression);                                                                                   \
        return true;                                                                                                   \
    }

TEST(is_defined, v.kind != VAL_UNDEFINED)
TEST(is_undefined, v.kind == VAL_UNDEFINED)
TEST(is_none, v.kind == VAL_NONE)
TEST(is_boolean, v.kind == VAL_BOOL)
TEST(is_true, v.kind == VAL_BOOL && v.b)
TEST(is_false, v.kind == VAL_BOOL && !v.b)
TEST(is_integer, v.kind == VAL_INT)
TEST(is_float, v.kind == VAL_REAL)
TEST(is_number, val_is_num(v))
TEST(is_string, v.kind == VAL_STR)
TEST(is_mapping, v.kind == VAL_DICT)
TEST(is_sequence, v.kind == VAL_STR || v.kind == VAL_LIST || v.kind == VAL_TUPLE || v.kind == VAL_DICT ||
                      v.kind == VAL_RANGE || v.kind == VAL_UNDEFINED)
TEST(is_iterable, v.kind == VAL_STR || v.kind == VAL_LIST || v.kind == VAL_TUPLE || v.kind == VAL_DICT ||
                      v.kind == VAL_RANGE || v.kind == VAL_UNDEFINED || v.kind == VAL_VIEW || v.kind == VAL_ITER ||
                      v.kind == VAL_LOOP)
TEST(is_callable, v.kind == VAL_UNDEFINED || v.kind == VAL_LOOP || v.kind == VAL_MACRO || v.kind == VAL_NATIVE ||
                      v.kind == VAL_METHOD || v.kind == VAL_HOST || v.kind == VAL_JOINER || v.kind == VAL_BLOCK)
TEST(is_escaped, (v.kind == VAL_STR && v.safe) || v.kind == VAL_MODULE)
TEST(is_filter, v.kind == VAL_STR && filter_find(v.s))
TEST(is_test, v.kind == VAL_STR && test_find(v.s))

/* v % by == rest */
static bool remainder_is(struct run *r, val v, val by, int64_t rest, val *out)
{
    val got;
    bool same;
    if (!binary(r, OP_MOD, v, by, &got) || !val_eq(r, got, val_int(rest), &same)) return false;
    *out = val_bool(same);
    return true;
}
static bool is_odd(struct run *r, val v, struct args *a, val *out)
{
    (void)a;
    return remainder_is(r, v, val_int(2), 1, out);
}
static bool is_even(struct run *r, val v, struct args *a, val *out)
{
    (void)a;
    return remainder_is(r, v, val_int(2), 0, out);
}
static bool is_divisible(struct run *r, val v, struct args *a, val *out)
{
    return remainder_is(r, v, a->v[0], 0, out);
}

static bool is_cased(struct run *r, val v, unsigned want, unsigned other, val *out)
{
    bool seen = false;
    if (!soft_str(r, v, &v)) return false;
    for (size_t at = 0; at < v.s.n;) {
        unsigned c = unicode_of(unicode_next(v.s, &at));
        if (c & (other | UF_TITLE)) {
            *out = val_bool(false);
            return true;
        }
        seen |= (c & want) != 0;
    }
    *out = val_bool(seen);
    return run_spend(r, v.s.n / 16);
}
static bool is_lower(struct run *r, val v, struct args *a, val *out)
{
    (void)a;
    return is_cased(r, v, UF_LOWER, UF_UPPER, out);
}
static bool is_upper(struct run *r, val v, struct args *a, val *out)
{
    (void)a;
    return is_cased(r, v, UF_UPPER, UF_LOWER, out);
}

/* Identity.  Scalars have none here: equal ones of the same type are the same. */
static bool is_same(struct run *r, val v, struct args *a, val *out)
{
    val b = a->v[0];
    bool same = v.kind == b.kind;
    if (same && (v.kind == VAL_LIST || v.kind == VAL_TUPLE || v.kind == VAL_VIEW))
        same = v.items == b.items && v.n == b.n;
    else if (same && v.kind == VAL_DICT)
        same = v.dict == b.dict;
    else if (same && !val_eq(r, v, b, &same))
        return false;
    *out = val_bool(same);
    return true;
}

#define COMPARE(name, op)                                                                                              \
    static bool name(struct run *r, val v, struct args *a, val *out)                                                   \
    {                                                                                                                  \
        bool yes;                                                                                                      \
        if (!compare(r, op, v, a->v[0], &yes)) return false;                                                           \
        *out = val_bool(yes);                                                                                          \
        return true;                                                                                                   \
    }
COMPARE(is_eq, OP_EQ)
COMPARE(is_ne, OP_NE)
COMPARE(is_lt, OP_LT)
COMPARE(is_le, OP_LE)
COMPARE(is_gt, OP_GT)
COMPARE(is_ge, OP_GE)
COMPARE(is_in, OP_IN)

const struct native *test_find(str name)
{
    static const struct native tests[] = {
        { STR_INIT("defined"), "", 0, is_defined },
        { STR_INIT("undefined"), "", 0, is_undefined },
        { STR_INIT("none"), "", 0, is_none },
        { STR_INIT("string"), "", 0, is_string },
        { STR_INIT("mapping"), "", 0, is_mapping },
        { STR_INIT("iterable"), "", 0, is_iterable },
        { STR_INIT("sequence"), "", 0, is_sequence },
        { STR_INIT("boolean"), "", 0, is_boolean },
        { STR_INIT("true"), "", 0, is_true },
        { STR_INIT("false"), "", 0, is_false },
        { STR_INIT("number"), "", 0, is_number },
        { STR_INIT("integer"), "", 0, is_integer },
        { STR_INIT("float"), "", 0, is_float },
        { STR_INIT("callable"), "", 0, is_callable },
        { STR_INIT("escaped"), "", 0, is_escaped },
        { STR_INIT("filter"), "", 0, is_filter },
        { STR_INIT("test"), "", 0, is_test },
        { STR_INIT("odd"), "", 0, is_odd },
        { STR_INIT("even"), "", 0, is_even },
        { STR_INIT("lower"), "", 0, is_lower },
        { STR_INIT("upper"), "", 0, is_upper },
        { STR_INIT("divisibleby"), "num", 1, is_divisible },
        { STR_INIT("sameas"), "other", 1, is_same },
        { STR_INIT("in"), "seq", 1, is_in },
        { STR_INIT("eq"), "b", 1, is_eq },
        { STR_INIT("equalto"), "b", 1, is_eq },
        { STR_INIT("=="), "b", 1, is_eq },
        { STR_INIT("ne"), "b", 1, is_ne },
        { STR_INIT("!="), "b", 1, is_ne },
        { STR_INIT("lt"), "b", 1, is_lt },
        { STR_INIT("lessthan"), "b", 1, is_lt },
        { STR_INIT("<"), "b", 1, is_lt },
        { STR_INIT("le"), "b", 1, is_le },
        { STR_INIT("<="), "b", 1, is_le },
        { STR_INIT("gt"), "b", 1, is_gt },
        { STR_INIT("greaterthan"), "b", 1, is_gt },
        { STR_INIT(">"), "b", 1, is_gt },
        { STR_INIT("ge"), "b", 1, is_ge },
        { STR_INIT(">="), "b", 1, is_ge },
    };
    return native_find(tests, COUNT(tests), name);
}
