/* model/constrain/schema_number.c - numbers of a JSON schema: bounds and multiples, by an automaton over their digits.
 *
 * All is decimal, as it is written: 0.1 is a tenth, and 0.3 a multiple of it.  Who checks reads the text as a double, so
 * texts are kept to digits with which that makes no difference. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/constrain/automaton.h"
#include "model/constrain/schema_priv.h"

enum {
    DOUBLE_DIGITS = 17, /* tell any double from any other */
    SAFE_DIGITS = 15,   /* two decimals of so many are two doubles */
    WHOLE_DIGITS_MAX = 18,
    FRACTION_DIGITS_MAX = 16,
    BOUNDS_MAX = 16,
    DIVISOR_MAX = 1000000,
};

/* ------------------------------------------------------------------ decimals */

struct decimal { /* 0.ddd times 10^point; the first and the last digit are not 0, and 0 has none */
    bool negative;
    int point, n;
    uint8_t digit[DOUBLE_DIGITS + 3];
};

/* The digit that counts 10^power. */
static int digit_of(const struct decimal *d, int power)
{
    int at = d->point - 1 - power;
    return at >= 0 && at < d->n ? d->digit[at] : 0;
}

static bool read_decimal(const struct json *v, struct decimal *out)
{
    char text[48];
    *out = (struct decimal){ 0 };
    if (json_is(v, JSON_INT)) {
        snprintf(text, sizeof text, "%lld.", (long long)v->i);
    } else if (json_is(v, JSON_REAL) && isfinite(v->r)) {
        for (int digits = 1; digits <= DOUBLE_DIGITS; digits++) {
            snprintf(text, sizeof text, "%.*e", digits - 1, v->r);
            if (strtod(text, NULL) == v->r) break;
        }
    } else {
        return false;
    }
    bool behind = false;
    for (const char *p = text; *p && *p != 'e'; p++) {
        if (*p == '-') out->negative = true;
        else if (*p == '.') behind = true;
        if (*p < '0' || *p > '9') continue;
        if (out->n || *p != '0') out->digit[out->n++] = (uint8_t)(*p - '0');
        if (out->n && !behind) out->point++;
        if (!out->n && behind) out->point--;
    }
    const char *exponent = strchr(text, 'e');
    if (exponent) out->point += (int)strtol(exponent + 1, NULL, 10);
    while (out->n && out->digit[out->n - 1] == 0) out->n--;
    if (!out->n) *out = (struct decimal){ 0 };
    return true;
}

static int compare(const struct decimal *x, const struct decimal *y)
{
    int sign = x->negative ? -1 : 1;
    if (x->negative != y->negative) return sign * (x->n || y->n);
    if (!x->n || !y->n) return sign * (x->n - y->n);
    if (x->point != y->point) return x->point < y->point ? -sign : sign;
    for (int i = 0; i < x->n || i < y->n; i++) {
        int a = i < x->n ? x->digit[i] : 0, b = i < y->n ? y->digit[i] : 0;
        if (a != b) return a < b ? -sign : sign;
    }
    return 0;
}

/* ------------------------------------------------------------------ what is asked for */

enum relation { AT_LEAST, ABOVE, AT_MOST, BELOW, NOT_EQUAL };
static bool holds(enum relation r, int compared)
{
    switch (r) {
    case AT_LEAST: return compared >= 0;
    case ABOVE: return compared > 0;
    case AT_MOST: return compared <= 0;
    case BELOW: return compared < 0;
    case NOT_EQUAL: return compared != 0;
    }
    return false;
}

struct numbers {
    bool integer, no_integer;
    struct bound {
        struct decimal at;
        enum relation is;
    } bound[BOUNDS_MAX];
    size_t bounds;
    uint32_t divisor; /* 0: none; of the number times 10^scale */
    int scale;
    int whole_max, fraction_max, all_max; /* digits */
};

static bool add_bound(struct schema *s, const struct json *v, enum relation is, const char *name, struct numbers *n)
{
    struct bound *b = &n->bound[n->bounds];
    if (n->bounds == BOUNDS_MAX) return schema_refuse(s, "so many bounds and exceptions of one number");
    if (!read_decimal(v, &b->at))
        return err_set(s->e, ERR_INVALID, "\"%s\" must be a number", name);
    bool outwards = is == NOT_EQUAL || b->at.negative == (is == AT_LEAST || is == ABOVE);
    bool open = is == ABOVE || is == BELOW || is == NOT_EQUAL;
    if (!outwards && b->at.point > (open && !n->integer ? SAFE_DIGITS : WHOLE_DIGITS_MAX))
        return err_set(s->e, ERR_NOT_BUILT, "\"%s\" that leaves only numbers of more than %d digits is not supported", name,
                       open && !n->integer ? SAFE_DIGITS : WHOLE_DIGITS_MAX);
    b->is = is;
    n->bounds++;
    if (open && !n->integer) n->all_max = SAFE_DIGITS;
    if (b->at.point > n->whole_max && b->at.point <= WHOLE_DIGITS_MAX) n->whole_max = b->at.point;
    return true;
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

/* A multiple of what was asked for and of this. */
static bool add_divisor(struct schema *s, const struct json *v, struct numbers *n)
{
    struct decimal d;
    uint64_t divisor = 0, before = n->divisor;
    if (!read_decimal(v, &d) || d.negative || !d.n) return err_set(s->e, ERR_INVALID, "\"multipleOf\" must be a number above 0");
    int scale = d.n - d.point > 0 ? d.n - d.point : 0, common = scale > n->scale ? scale : n->scale;
    bool small = d.point <= SAFE_DIGITS && common <= SAFE_DIGITS;
    for (int power = d.point - 1; small && power >= -common; power--) {
        divisor = divisor * 10 + (uint64_t)digit_of(&d, power);
        small = divisor <= DIVISOR_MAX;
    }
    for (int i = n->scale; small && before && i < common; i++) small = (before *= 10) <= DIVISOR_MAX;
    if (small && before) divisor = divisor / greatest_common_divisor(divisor, before) * before;
    if (!small || divisor > DIVISOR_MAX) return schema_refuse(s, "\"multipleOf\" with so many digits");
    n->divisor = (uint32_t)divisor;
    n->scale = common;
    n->all_max = SAFE_DIGITS;
    return true;
}

static bool add_exceptions(struct schema *s, const struct json *j, struct numbers *n)
{
    struct schema_not not;
    if (!schema_exceptions(s, j, &not)) return false;
    for (size_t i = 0; i < not.values; i++)
        if ((schema_type_of_value(not.value[i]) & TYPE_NUMBER) && !add_bound(s, not.value[i], NOT_EQUAL, "not", n)) return false;
    return true;
}

/* types: one of those that are numbers, or both. */
static bool read_asked(struct schema *s, const struct json *j, unsigned types, struct numbers *n)
{
    const bool integer = !(types & TYPE_FRACTION);
    static const struct { const char *name; enum relation is; } kinds[] = {
        { "minimum", AT_LEAST }, { "exclusiveMinimum", ABOVE }, { "maximum", AT_MOST }, { "exclusiveMaximum", BELOW },
    };
    const struct json *multiple[SCHEMA_ALSO_MAX];
    size_t multiples;
    *n = (struct numbers){ .integer = integer,
                           .no_integer = !(types & TYPE_INTEGER),
                           .whole_max = SAFE_DIGITS,
                           .fraction_max = integer ? 0 : FRACTION_DIGITS_MAX,
                           .all_max = WHOLE_DIGITS_MAX + FRACTION_DIGITS_MAX };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const struct json *v = json_get(j, str_c(kinds[i].name)), *open = i % 2 ? NULL : json_get(j, str_c(kinds[i + 1].name));
        if (i % 2 && json_is(v, JSON_BOOL)) continue; /* of draft 4 and OpenAPI 3.0: it says what the bound before is */
        enum relation is = json_is(open, JSON_BOOL) && open->b ? kinds[i + 1].is : kinds[i].is;
        if (v && !add_bound(s, v, is, kinds[i].name, n)) return false;
    }
    if (!schema_all(s, j, STR("multipleOf"), multiple, &multiples)) return false;
    for (size_t i = 0; i < multiples; i++)
        if (!add_divisor(s, multiple[i], n)) return false;
    if (n->divisor && n->scale < n->fraction_max) n->fraction_max = n->scale;
    return add_exceptions(s, j, n);
}

/* ------------------------------------------------------------------ the automaton */

enum { SYMBOL_POINT = 10, SYMBOL_MINUS, SYMBOLS };
enum phase { AT_START, AFTER_MINUS, AFTER_ZERO, IN_WHOLE, AFTER_POINT, IN_FRACTION };
struct digits { /* what was read, as far as it matters */
    uint32_t rest; /* divided by the divisor */
    uint8_t phase, negative, not_zero, not_whole;
    uint8_t whole, fraction, all; /* digits: whole while it is read, then those behind the point; all: when there is a limit */
    int8_t compared[BOUNDS_MAX]; /* with the same digits of a bound, both without signs */
};

static bool has_limit_of_all(const struct numbers *n) { return n->all_max < n->whole_max + n->fraction_max; }

/* The next digit is that of 10^power in bounds whose digits stand like that, or none of whose digits does. */
static void compare_digit(const struct numbers *n, struct digits *d, int digit)
{
    for (size_t i = 0; i < n->bounds; i++) {
        const struct decimal *b = &n->bound[i].at;
        int whole = b->point > 0 ? b->point : 0, theirs;
        if (d->phase == IN_FRACTION) theirs = digit_of(b, -(int)d->fraction);
        else if (d->whole > whole) theirs = -1; /* ours is longer */
        else theirs = digit_of(b, whole - d->whole);
        if (d->compared[i] == 0 || theirs < 0) d->compared[i] = (int8_t)(digit < theirs ? -1 : digit > theirs);
    }
}

/* All digits before the point are there. */
static void end_whole(const struct numbers *n, struct digits *d)
{
    for (size_t i = 0; i < n->bounds; i++)
        if (d->whole < n->bound[i].at.point) d->compared[i] = -1;
    d->whole = 0;
}

static bool read_symbol(const void *of, const void *from, uint32_t symbol, void *to)
{
    const struct numbers *n = of;
    struct digits *d = to;
    memcpy(d, from, sizeof *d);
    switch (symbol) {
    case SYMBOL_MINUS:
        if (d->phase != AT_START) return false;
        d->phase = AFTER_MINUS, d->negative = true;
        return true;
    case SYMBOL_POINT:
        if ((d->phase != AFTER_ZERO && d->phase != IN_WHOLE) || !n->fraction_max || (has_limit_of_all(n) && d->all >= n->all_max)) return false;
        end_whole(n, d);
        d->phase = AFTER_POINT;
        return true;
    default: break;
    }
    d->rest = n->divisor ? (uint32_t)(((uint64_t)d->rest * 10 + symbol) % n->divisor) : 0;
    d->not_zero |= symbol > 0;
    if (has_limit_of_all(n) && d->not_zero && d->all++ == n->all_max) return false;
    switch ((enum phase)d->phase) {
    case AT_START:
    case AFTER_MINUS:
        if (symbol == 0) return d->phase = AFTER_ZERO, true;
        d->phase = IN_WHOLE;
        break;
    case AFTER_ZERO: return false;
    case IN_WHOLE: break;
    case AFTER_POINT:
    case IN_FRACTION:
        d->phase = IN_FRACTION;
        if (d->fraction++ == n->fraction_max) return false;
        d->not_whole |= n->no_integer && symbol > 0;
        compare_digit(n, d, (int)symbol);
        return true;
    }
    if (d->whole++ == n->whole_max) return false;
    compare_digit(n, d, (int)symbol);
    return true;
}

static bool is_number(const void *of, const void *key)
{
    const struct numbers *n = of;
    struct digits d = *(const struct digits *)key;
    if (d.phase == AT_START || d.phase == AFTER_MINUS || d.phase == AFTER_POINT || (d.negative && !d.not_zero)) return false;
    if (d.phase != IN_FRACTION) end_whole(n, &d);
    if (n->no_integer && !d.not_whole) return false;
    uint64_t rest = d.rest;
    for (int i = d.fraction; n->divisor && i < n->scale; i++) rest = rest * 10 % n->divisor;
    if (rest) return false;
    for (size_t i = 0; i < n->bounds; i++) {
        const struct decimal *b = &n->bound[i].at;
        int compared = d.compared[i];
        if (compared == 0 && b->n - b->point > d.fraction) compared = -1; /* it has more digits */
        if (d.negative) compared = -compared;
        if (d.negative != b->negative && (b->n || d.negative)) compared = d.negative ? -1 : 1;
        if (!holds(n->bound[i].is, compared)) return false;
    }
    return true;
}

static struct expr *characters(void *of, struct grammar_builder *b, const struct byte_set *symbols)
{
    static const char character[] = "0123456789.-";
    struct expr *x = expr_byte_range(b, 1, 0);
    (void)of;
    for (uint32_t i = 0; i < SYMBOLS; i++)
        if (byte_set_has(symbols, (uint8_t)i)) byte_set_add(&x->set, (uint8_t)character[i]);
    return x;
}

bool schema_read_number(struct schema *s, const struct json *j, unsigned types, struct expr **out)
{
    struct numbers n;
    struct digits start = { 0 };
    struct automaton a;
    const struct automaton_source source = { &n, sizeof start, SYMBOLS, read_symbol, is_number };
    if (!read_asked(s, j, types, &n)) return false;
    if (!n.bounds && !n.divisor && !n.no_integer) {
        *out = schema_builtin(s, n.integer ? BUILTIN_INTEGER : BUILTIN_NUMBER);
        return true;
    }
    if (!automaton_explore(&source, &start, &s->work_left, &a))
        return err_set(s->e, ERR_TOO_LARGE, "its multiples and bounds take too many states: a smaller \"multipleOf\", or bounds of fewer digits, take fewer");
    automaton_minimise(&a, &s->work_left);
    *out = automaton_expr(&s->b, &a, characters, NULL);
    automaton_free(&a);
    return true;
}

bool schema_allows_number(struct schema *s, const struct json *j, const struct json *value, bool *allows)
{
    struct numbers n;
    struct decimal v;
    if (!read_asked(s, j, TYPE_NUMBER, &n) || !read_decimal(value, &v)) return false;
    *allows = true;
    for (size_t i = 0; i < n.bounds; i++) *allows &= holds(n.bound[i].is, compare(&v, &n.bound[i].at));
    uint64_t rest = 0;
    for (int power = v.point - 1; n.divisor && (power >= -n.scale || power >= v.point - v.n); power--) {
        if (power < -n.scale && digit_of(&v, power)) *allows = false;
        if (power >= -n.scale) rest = (rest * 10 + (uint64_t)digit_of(&v, power)) % n.divisor;
    }
    *allows &= rest == 0;
    return true;
}
