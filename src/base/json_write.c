/* base/json_write.c - the writer of base/json.h. */
#include <math.h>

#include "base/clock.h"
#include "base/json.h"

void buf_json_str(struct buf *out, str s)
{
    buf_byte(out, '"');
    size_t plain = 0; /* start of what can be copied as it is */
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        uint32_t cp;
        size_t n = c < 0x80 ? 1 : str_utf8_decode(str_from(s, i), &cp);
        if (n && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            i += n;
            continue;
        }
        buf_add(out, str_n(s.p + plain, i - plain));
        switch (c) {
        case '"': buf_lit(out, "\\\""); break;
        case '\\': buf_lit(out, "\\\\"); break;
        case '\n': buf_lit(out, "\\n"); break;
        case '\r': buf_lit(out, "\\r"); break;
        case '\t': buf_lit(out, "\\t"); break;
        default:
            if (n == 0)
                buf_lit(out, "\\ufffd");
            else
                buf_addf(out, "\\u%04x", c);
        }
        plain = i += n ? n : 1;
    }
    buf_add(out, str_from(s, plain));
    buf_byte(out, '"');
}

static void before_value(struct json_writer *w)
{
    if (w->comma) buf_byte(w->out, ',');
    w->comma = true;
}

static void open_container(struct json_writer *w, char c)
{
    before_value(w);
    buf_byte(w->out, c);
    w->comma = false;
}

static void close_container(struct json_writer *w, char c)
{
    buf_byte(w->out, c);
    w->comma = true;
}

void jw_object(struct json_writer *w) { open_container(w, '{'); }
void jw_array(struct json_writer *w) { open_container(w, '['); }
void jw_object_end(struct json_writer *w) { close_container(w, '}'); }
void jw_array_end(struct json_writer *w) { close_container(w, ']'); }

void jw_key(struct json_writer *w, str key)
{
    before_value(w);
    buf_json_str(w->out, key);
    buf_byte(w->out, ':');
    w->comma = false;
}

void jw_str(struct json_writer *w, str s)
{
    before_value(w);
    buf_json_str(w->out, s);
}

void jw_int(struct json_writer *w, int64_t i)
{
    before_value(w);
    if (i < 0) buf_byte(w->out, '-');
    buf_u64(w->out, i < 0 ? 0 - (uint64_t)i : (uint64_t)i);
}

/* The shortest digits that read back as the same number, so that 0.1 stays 0.1. */
void jw_real(struct json_writer *w, double r)
{
    char text[40];
    before_value(w);
    if (!isfinite(r)) {
        buf_lit(w->out, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, r);
        if (strtod(text, NULL) == r) break;
    }
    /* "-0" would be read back as a whole number, which has no sign to keep. */
    buf_add(w->out, r == 0 && signbit(r) ? STR("-0.0") : str_c(text));
}

/* 10^k, right to the last bit or next to it. */
static double power_of_ten(int k)
{
    static const double small[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    const int most = (int)COUNT(small) - 1;
    if (k < 0) return k < -most ? 1 / small[most] / power_of_ten(-k - most) : 1 / small[-k];
    return k > most ? small[most] * power_of_ten(k - most) : small[k];
}

/* *digits, of which the first stands for that times 10^*exponent: the fewest from six on, without zeros behind them, that lie so
 * near to x > 0 that no other float is nearer, whatever doubles round off here.  Nine always do. */
static uint64_t float_digits(float x, int *exponent)
{
    union { float f; uint32_t u; } below = { .f = x };
    uint64_t digits = 0;
    below.u--;
    int e = (int)floor(log10((double)x));
    double scaled = (double)x * power_of_ten(8 - e);
    if (scaled < 1e8) scaled = (double)x * power_of_ten(8 - --e);
    if (scaled >= 1e9) scaled = (double)x * power_of_ten(8 - ++e);
    const double slack = 0.49 * (((double)x - (double)below.f) * power_of_ten(8 - e));
    for (uint64_t unit = 1000; unit; unit /= 10) {
        digits = (uint64_t)(scaled / (double)unit + 0.5) * unit;
        if (fabs((double)digits - scaled) < slack) break;
    }
    *exponent = digits < 1000000000 ? e : e + 1;
    while (digits % 10 == 0) digits /= 10;
    return digits;
}

/* The first of the digits stands for that times 10^e.  Always with a point or an exponent, so that it is not read back as a whole number. */
static void put_digits(struct buf *out, str digits, int e)
{
    if (e < -4 || e > 8) {
        buf_add(out, str_to(digits, 1));
        if (digits.n > 1) buf_byte(out, '.');
        buf_add(out, str_from(digits, 1));
        buf_addf(out, "e%d", e);
    } else if (e < 0) {
        buf_lit(out, "0.");
        for (int i = -1; i > e; i--) buf_byte(out, '0');
        buf_add(out, digits);
    } else {
        const size_t whole = (size_t)e + 1;
        buf_add(out, str_to(digits, whole));
        for (size_t i = digits.n; i < whole; i++) buf_byte(out, '0');
        buf_byte(out, '.');
        buf_add(out, digits.n > whole ? str_from(digits, whole) : STR("0"));
    }
}

void jw_float(struct json_writer *w, float x)
{
    enum { DIGITS = 9 };
    char text[DIGITS];
    size_t at = sizeof text;
    int e;
    before_value(w);
    if (!isfinite(x)) {
        buf_lit(w->out, "null");
        return;
    }
    if (signbit(x)) buf_byte(w->out, '-');
    if (x == 0) {
        buf_lit(w->out, "0.0");
        return;
    }
    for (uint64_t digits = float_digits(fabsf(x), &e); digits; digits /= 10) text[--at] = (char)('0' + digits % 10);
    put_digits(w->out, str_n(text + at, sizeof text - at), e);
}

void jw_bool(struct json_writer *w, bool b)
{
    before_value(w);
    buf_add(w->out, b ? STR("true") : STR("false"));
}

void jw_null(struct json_writer *w)
{
    before_value(w);
    buf_lit(w->out, "null");
}

void jw_raw(struct json_writer *w, str json)
{
    before_value(w);
    buf_add(w->out, json);
}

void jw_date(struct json_writer *w, int64_t unix_ms)
{
    char text[ISO_DATE_BYTES];
    jw_str(w, clock_iso(unix_ms, text));
}

void jw_value(struct json_writer *w, const struct json *v)
{
    if (!v) {
        jw_null(w);
        return;
    }
    switch (v->type) { /* depth is bounded: such values come from json_parse or are built by hand */
    case JSON_NULL: jw_null(w); break;
    case JSON_BOOL: jw_bool(w, v->b); break;
    case JSON_INT: jw_int(w, v->i); break;
    case JSON_REAL: jw_real(w, v->r); break;
    case JSON_STRING: jw_str(w, v->s); break;
    case JSON_ARRAY:
        jw_array(w);
        json_each (item, v) jw_value(w, item);
        jw_array_end(w);
        break;
    case JSON_OBJECT:
        jw_object(w);
        json_each (member, v) {
            jw_key(w, member->key);
            jw_value(w, member);
        }
        jw_object_end(w);
        break;
    }
}

void jw_kstr(struct json_writer *w, const char *key, str s) { jw_key(w, str_c(key)); jw_str(w, s); }
void jw_kint(struct json_writer *w, const char *key, int64_t i) { jw_key(w, str_c(key)); jw_int(w, i); }
void jw_kbool(struct json_writer *w, const char *key, bool b) { jw_key(w, str_c(key)); jw_bool(w, b); }
void jw_kraw(struct json_writer *w, const char *key, str json) { jw_key(w, str_c(key)); jw_raw(w, json); }
void jw_kdate(struct json_writer *w, const char *key, int64_t ms) { jw_key(w, str_c(key)); jw_date(w, ms); }
void jw_kvalue(struct json_writer *w, const char *key, const struct json *v) { jw_key(w, str_c(key)); jw_value(w, v); }
void jw_kobject(struct json_writer *w, const char *key) { jw_key(w, str_c(key)); jw_object(w); }
void jw_karray(struct json_writer *w, const char *key) { jw_key(w, str_c(key)); jw_array(w); }
void jw_knull(struct json_writer *w, const char *key) { jw_key(w, str_c(key)); jw_null(w); }

str json_text(struct arena *a, const struct json *v)
{
    if (!v) return (str){ NULL, 0 };
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_value(&w, v);
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}
