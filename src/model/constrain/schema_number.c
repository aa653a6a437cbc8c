/* model/constrain/schema_number.c - numbers of a JSON schema, with bounds by their digits.
 *
 * Bounds of an integer may be any; bounds of a number must be whole, for the point to stand behind all digits that
 * decide. */
#include <math.h>

#include "model/constrain/schema_priv.h"

#define UNBOUNDED INT64_C(999999999999999)  /* where there is no bound: what a double holds exactly */
#define FARTHEST INT64_C(999999999999999999) /* the largest bound */
/* Beside an open bound a number must not round to the bound: six digits and nine are told apart by a double. */
enum { FRACTION_DIGITS = 16, OPEN_FRACTION_DIGITS = 9, OPEN_MAX = 999999 };

struct bounds {
    int64_t low, high;          /* the integers from low to high */
    bool low_open, high_open;   /* for numbers: the bound itself is not in it; the bound is then low, high */
    bool any;                   /* there was one */
};

/* The bound as an integer: rounded up (for a lower one) or down; *exact says whether it was one. */
static bool read_bound(struct schema *s, const struct json *j, const char *name, bool lower, int64_t *out, bool *found,
                       bool *exact)
{
    const struct json *v = json_get(j, str_c(name));
    *found = v != NULL;
    *exact = true;
    if (!v) return true;
    if (v->type == JSON_INT) {
        *out = v->i;
    } else if (v->type == JSON_REAL && fabs(v->r) < 1e18) {
        *out = (int64_t)(lower ? ceil(v->r) : floor(v->r));
        *exact = (double)*out == v->r;
    } else {
        return err_set(s->e, ERR_INVALID, "\"%s\" must be a number of at most 18 digits", name);
    }
    if (*out > FARTHEST || *out < -FARTHEST)
        return err_set(s->e, ERR_INVALID, "\"%s\" must be a number of at most 18 digits", name);
    return true;
}

static bool read_bounds(struct schema *s, const struct json *j, bool integer, struct bounds *b)
{
    static const struct { const char *name; bool lower, open; } kinds[] = {
        { "minimum", true, false }, { "exclusiveMinimum", true, true }, { "maximum", false, false }, { "exclusiveMaximum", false, true },
    };
    bool low_set = false, high_set = false;
    *b = (struct bounds){ .low = -UNBOUNDED, .high = UNBOUNDED };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        int64_t at = 0;
        bool found, exact, open = kinds[i].open, lower = kinds[i].lower;
        if (!read_bound(s, j, kinds[i].name, lower, &at, &found, &exact)) return false;
        if (!found) continue;
        b->any = true;
        if (!integer && !exact) return schema_refuse(s, "a bound of a number that is not whole");
        if (!integer && open && (at > OPEN_MAX || at < -OPEN_MAX))
            return schema_refuse(s, "an exclusive bound of a number beyond 999999");
        if (integer && open && exact) at += lower ? 1 : -1;
        open = open && !integer;
        if (lower && (!low_set || at > b->low || (at == b->low && open)))
            b->low = at, b->low_open = open, low_set = true;
        if (!lower && (!high_set || at < b->high || (at == b->high && open)))
            b->high = at, b->high_open = open, high_set = true;
    }
    if (!high_set && b->low > UNBOUNDED) b->high = FARTHEST;
    if (!low_set && b->high < -UNBOUNDED) b->low = -FARTHEST;
    return true;
}

/* low and high have as many digits. */
static void add_digits(struct grammar_builder *b, struct expr *choice, uint64_t low, uint64_t high, unsigned digits)
{
    uint64_t p = 10;
    for (unsigned i = 1; i < digits; i++, p *= 10) { /* below the last i digits, do all stand? */
        if (low / p == high / p) continue;
        if (low % p) {
            add_digits(b, choice, low, low - low % p + p - 1, digits);
            add_digits(b, choice, low - low % p + p, high, digits);
            return;
        }
        if (high % p != p - 1) {
            add_digits(b, choice, low, high - high % p - 1, digits);
            add_digits(b, choice, high - high % p, high, digits);
            return;
        }
    }
    struct expr *x = expr_sequence(b);
    p = 1;
    for (unsigned i = 1; i < digits; i++) p *= 10;
    for (; p; p /= 10) expr_add(x, expr_byte_range(b, (uint8_t)('0' + low / p % 10), (uint8_t)('0' + high / p % 10)));
    expr_add(choice, x);
}

/* The integers from low to high, neither negative. */
static struct expr *whole(struct grammar_builder *b, uint64_t low, uint64_t high)
{
    struct expr *choice = expr_choice(b);
    uint64_t first = 0, last = 9;
    for (unsigned digits = 1; digits <= 18; digits++, first = last + 1, last = last * 10 + 9)
        if (low <= last && high >= first)
            add_digits(b, choice, low > first ? low : first, high < last ? high : last, digits);
    return choice;
}

static struct expr *integers(struct grammar_builder *b, int64_t low, int64_t high)
{
    struct expr *choice = expr_choice(b);
    if (low < 0) {
        struct expr *x = expr_sequence(b);
        expr_add(x, expr_text(b, STR("-")));
        expr_add(x, whole(b, high < 0 ? (uint64_t)-high : 1, (uint64_t)-low));
        expr_add(choice, x);
    }
    if (high >= 0) expr_add(choice, whole(b, low > 0 ? (uint64_t)low : 0, (uint64_t)high));
    return choice;
}

/* ------------------------------------------------------------------ numbers with a point */

static struct expr *digits(struct grammar_builder *b, uint8_t first, uint32_t min, uint32_t max)
{
    return expr_repeat(b, expr_byte_range(b, first, '9'), min, max);
}

enum fraction { FRACTION_ANY, FRACTION_SHORT, FRACTION_ZERO, FRACTION_NOT_ZERO };
static struct expr *with_fraction(struct grammar_builder *b, struct expr *before, enum fraction kind)
{
    struct expr *x = expr_sequence(b), *f = expr_sequence(b);
    expr_add(f, expr_text(b, STR(".")));
    if (kind == FRACTION_ANY) expr_add(f, digits(b, '0', 1, FRACTION_DIGITS));
    if (kind == FRACTION_SHORT) expr_add(f, digits(b, '0', 1, OPEN_FRACTION_DIGITS));
    if (kind == FRACTION_ZERO) expr_add(f, expr_text(b, STR("0")));
    if (kind == FRACTION_NOT_ZERO) {
        expr_add(f, expr_repeat(b, expr_text(b, STR("0")), 0, OPEN_FRACTION_DIGITS / 2));
        expr_add(f, digits(b, '1', 1, 1));
        expr_add(f, digits(b, '0', 0, OPEN_FRACTION_DIGITS / 2));
    }
    expr_add(x, before);
    expr_add(x, kind == FRACTION_NOT_ZERO ? f : expr_repeat(b, f, 0, 1));
    return x;
}

/* The numbers from low to high, neither negative; bounds that are open are not in it. */
static struct expr *magnitudes(struct grammar_builder *b, uint64_t low, bool low_open, uint64_t high, bool high_open)
{
    struct expr *choice = expr_choice(b);
    if (low > high || (low == high && (low_open || high_open))) return choice;
    if (low < high) {
        if (low_open) expr_add(choice, with_fraction(b, whole(b, low, low), FRACTION_NOT_ZERO));
        if (low + low_open < high)
            expr_add(choice,
                     with_fraction(b, whole(b, low + low_open, high - 1), high_open ? FRACTION_SHORT : FRACTION_ANY));
    }
    if (!high_open) expr_add(choice, with_fraction(b, whole(b, high, high), FRACTION_ZERO));
    return choice;
}

static struct expr *numbers(struct grammar_builder *b, const struct bounds *r)
{
    struct expr *choice = expr_choice(b);
    if (r->low < 0) {
        struct expr *x = expr_sequence(b);
        bool below_zero = r->high < 0; /* otherwise up to 0, which is left to the other half */
        expr_add(x, expr_text(b, STR("-")));
        expr_add(x, magnitudes(b, below_zero ? (uint64_t)-r->high : 0, below_zero ? r->high_open : true,
                               (uint64_t)-r->low, r->low_open));
        expr_add(choice, x);
    }
    if (r->high >= 0)
        expr_add(choice, magnitudes(b, r->low > 0 ? (uint64_t)r->low : 0, r->low >= 0 && r->low_open, (uint64_t)r->high,
                                    r->high_open));
    return choice;
}

bool schema_read_number(struct schema *s, const struct json *j, bool integer, struct expr **out)
{
    struct bounds b;
    int64_t step;
    const struct json *multiple = json_get(j, STR("multipleOf"));
    if (multiple && !(integer && json_int(multiple, &step) && step == 1)) return schema_refuse(s, "\"multipleOf\"");
    if (!read_bounds(s, j, integer, &b)) return false;
    if (integer) *out = b.low > b.high ? expr_choice(&s->b) : integers(&s->b, b.low, b.high);
    else if (!b.any) *out = schema_builtin(s, BUILTIN_NUMBER);
    else *out = b.low > b.high ? expr_choice(&s->b) : numbers(&s->b, &b);
    return true;
}
