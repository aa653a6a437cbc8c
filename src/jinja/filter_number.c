/* jinja/filter_number.c - filters over numbers. */
#include <math.h>

#include "jinja/native.h"
#include "jinja/number.h"

/* A float's whole part; false if there is none that fits. */
static bool whole_of(double d, int64_t *out)
{
    if (!(d > -9.2233720368547758e18 && d < 9.2233720368547758e18)) return false;
    *out = (int64_t)d;
    return true;
}

static bool int_(struct run *r, val v, struct args *a, val *out)
{
    int64_t base, i;
    double d;
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (!arg_whole(r, a->v[1], 10, &base)) return false;
    *out = val_given(a->v[0]) ? a->v[0] : val_int(0);
    if (val_is_whole(v)) {
        *out = val_int(val_whole(v));
    } else if (v.kind == VAL_REAL) {
        if (isnan(v.r)) return true;
        if (!whole_of(v.r, &i)) return fail(r, "cannot convert this float to an integer");
        *out = val_int(i);
    } else if (v.kind == VAL_STR) {
        if ((base == 0 || (base >= 2 && base <= 36)) && number_int(v.s, (int)base, &i))
            *out = val_int(i);
        else if (number_real(v.s, &d) && whole_of(d, &i))
            *out = val_int(i); /* "42.23" is 42 */
    }
    return true;
}

static bool float_(struct run *r, val v, struct args *a, val *out)
{
    double d;
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    *out = val_given(a->v[0]) ? a->v[0] : val_real(0);
    if (val_is_num(v))
        *out = val_real(val_as_real(v));
    else if (v.kind == VAL_STR && number_real(v.s, &d))
        *out = val_real(d);
    return true;
}

static bool abs_(struct run *r, val v, struct args *a, val *out)
{
    (void)a;
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (!val_is_num(v)) return fail(r, "bad operand type for abs(): '%s'", val_type(v));
    if (v.kind == VAL_REAL) {
        *out = val_real(fabs(v.r));
        return true;
    }
    return negate(r, v, val_whole(v) < 0, out);
}

/* To `digits` after the point, ties to even, on the number's exact value: what printf does. */
/* As Python rounds: by the exact value, halves to even.  Where the product is surely not near a half, its error does not matter. */
static double round_to(double d, int64_t digits)
{
    static const double power[] = { 1, 10, 100, 1000, 10000 };
    char text[400];
    if (!isfinite(d) || digits > 300) return d;
    if (digits >= 0 && digits < (int64_t)COUNT(power) && fabs(d) < 1e5) {
        double scaled = d * power[digits], whole = nearbyint(scaled);
        if (fabs(fabs(scaled - whole) - 0.5) > 1e-6) return whole / power[digits];
    }
    if (digits >= 0) {
        int n = snprintf(text, sizeof text, "%.*f", (int)digits, d);
        return n < (int)sizeof text ? strtod(text, NULL) : d;
    }
    if (digits < -308) return copysign(0, d);
    double scale = pow(10, (double)-digits);
    return nearbyint(d / scale) * scale;
}

static bool round_whole(struct run *r, int64_t i, int64_t digits, val *out)
{
    int64_t scale = 1;
    for (; digits < 0; digits++) {
        if (scale > INT64_MAX / 10 / 2) {
            *out = val_int(0);
            return true;
        }
        scale *= 10;
    }
    int64_t rest = i % scale, down = i - rest, half = scale / 2;
    if (rest < 0) {
        if (__builtin_sub_overflow(down, scale, &down))
            return fail(r, "an integer result that does not fit in 64 bits");
        rest += scale;
    }
    bool up = rest > half || (scale > 1 && rest == half && (down / scale) % 2 != 0);
    if (up && __builtin_add_overflow(down, scale, &down))
        return fail(r, "an integer result that does not fit in 64 bits");
    *out = val_int(down);
    return true;
}

static bool round_(struct run *r, val v, struct args *a, val *out)
{
    int64_t digits;
    str method = STR("common");
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (!arg_whole(r, a->v[0], 0, &digits) || (val_given(a->v[1]) && !arg_text(r, a->v[1], &method))) return false;
    bool up = str_eq(method, STR("ceil")), down = str_eq(method, STR("floor"));
    if (!up && !down && !str_eq(method, STR("common"))) return fail(r, "method must be common, ceil or floor");
    if (!val_is_num(v)) return fail(r, "type %s doesn't define __round__ method", val_type(v));
    if (!up && !down) {
        if (val_is_whole(v)) return round_whole(r, val_whole(v), digits, out);
        *out = val_real(round_to(v.r, digits));
        return true;
    }
    double scale = pow(10, (double)digits), d = val_as_real(v) * scale;
    if (!isfinite(d) || scale == 0) return fail(r, "cannot round this number so far");
    *out = val_real((up ? ceil(d) : floor(d)) / scale);
    return true;
}

static bool filesizeformat(struct run *r, val v, struct args *a, val *out)
{
    static const char *const units[2][8] = { { "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB" },
                                             { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB" } };
    bool binary_units = arg_true(a->v[0]);
    double base = binary_units ? 1024 : 1000, d, unit = base;
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (val_is_num(v))
        d = val_as_real(v);
    else if (v.kind != VAL_STR || !number_real(v.s, &d))
        return fail(r, "filesizeformat: a number is expected, not %s", val_type(v));
    if (!isfinite(d)) return fail(r, "filesizeformat: not a finite number");
    size_t mark = text_begin(r);
    if (d == 1) {
        buf_lit(r->out, "1 Byte");
    } else if (d < base) {
        buf_addf(r->out, "%.0f Bytes", trunc(d));
    } else {
        size_t i = 0;
        for (; i < 7 && d >= unit * base; i++) unit *= base;
        buf_addf(r->out, "%.1f %s", d / unit, units[binary_units][i]);
    }
    return text_end_val(r, mark, false, out);
}

static const struct native filters[] = {
    { STR_INIT("int"), "default base", 0, int_ },
    { STR_INIT("float"), "default", 0, float_ },
    { STR_INIT("round"), "precision method", 0, round_ },
    { STR_INIT("abs"), "", 0, abs_ },
    { STR_INIT("filesizeformat"), "binary", 0, filesizeformat },
};
const struct native_table filters_number = { filters, COUNT(filters) };
