/* dataset/parquet/json.c - values as JSON, and types by the names that `datasets` has for them. */
#include <math.h>

#include "dataset/parquet/parquet_priv.h"

struct json *pq_json_new(struct arena *a, enum json_type type, struct err *e)
{
    struct json *v = arena_try(a, sizeof *v);
    if (!v) err_set(e, ERR_TOO_LARGE, "the values are too large to be shown");
    else v->type = type;
    return v;
}

static struct json *text(struct arena *a, str s, struct err *e)
{
    struct json *v = pq_json_new(a, JSON_STRING, e);
    if (v) v->s = arena_dup(a, s);
    return v;
}

static struct json *integer(struct arena *a, int64_t i, struct err *e)
{
    struct json *v = pq_json_new(a, JSON_INT, e);
    if (v) v->i = i;
    return v;
}

static struct json *real(struct arena *a, double r, struct err *e)
{
    struct json *v;
    if (isnan(r)) return text(a, STR("NaN"), e);
    if (isinf(r)) return text(a, r > 0 ? STR("Infinity") : STR("-Infinity"), e);
    if ((v = pq_json_new(a, JSON_REAL, e))) v->r = r;
    return v;
}

/* 0.1f is 0.100000001490116 as a double: people wrote 0.1. */
static struct json *single(struct arena *a, float f, struct err *e)
{
    char shortest[40];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(shortest, sizeof shortest, "%.*g", digits, (double)f);
        if (strtof(shortest, NULL) == f) break;
    }
    return real(a, isfinite(f) ? strtod(shortest, NULL) : (double)f, e);
}

static float half(const uint8_t *p)
{
    unsigned bits = p[0] | (unsigned)p[1] << 8, exponent = bits >> 10 & 31, fraction = bits & 1023;
    float v = exponent == 31 ? (fraction ? NAN : INFINITY)
            : exponent ? ldexpf((float)(fraction | 1024), (int)exponent - 25) : ldexpf((float)fraction, -24);
    return bits >> 15 ? -v : v;
}

/* ------------------------------------------------------------------ decimals */

enum { DECIMAL_BYTES_MAX = 64 };

/* Digits of a two's complement number, highest byte first, with `scale` of them behind the point. */
static struct json *decimal(struct arena *a, bytes b, unsigned scale, struct err *e)
{
    uint8_t n[DECIMAL_BYTES_MAX];
    char digit[DECIMAL_BYTES_MAX * 3 + 256];
    size_t count = 0;
    if (!b.n || b.n > DECIMAL_BYTES_MAX) return text(a, arena_fmt(a, "decimal of %zu bytes", b.n), e);
    bool is_negative = b.p[0] & 0x80;
    unsigned carry = 1;
    for (size_t i = b.n; i-- > 0;) {
        unsigned v = is_negative ? (b.p[i] ^ 0xffu) + carry : b.p[i];
        n[i] = (uint8_t)v;
        carry = v >> 8;
    }
    for (size_t first = 0; first < b.n;) { /* divide by ten until nothing is left */
        unsigned rest = 0;
        for (size_t i = first; i < b.n; i++) {
            rest = rest << 8 | n[i];
            n[i] = (uint8_t)(rest / 10);
            rest %= 10;
        }
        digit[count++] = (char)('0' + rest);
        while (first < b.n && !n[first]) first++;
    }
    while (count <= scale) digit[count++] = '0';
    while (count > scale + 1 && digit[count - 1] == '0') count--;
    struct buf out = BUF_INIT(0);
    if (is_negative) buf_byte(&out, '-');
    while (count) {
        if (count-- == scale) buf_byte(&out, '.');
        buf_byte(&out, digit[count]);
    }
    struct json *v = text(a, buf_str(&out), e);
    buf_deinit(&out);
    return v;
}

static struct json *decimal_of_int(struct arena *a, int64_t i, unsigned scale, struct err *e)
{
    uint8_t b[8];
    for (unsigned k = 0; k < 8; k++) b[k] = (uint8_t)((uint64_t)i >> (56 - 8 * k));
    return decimal(a, (bytes){ b, sizeof b }, scale, e);
}

/* ------------------------------------------------------------------ dates and times */

/* Days since 1970 as year, month, day (proleptic Gregorian; years of March, in eras of 400). */
static void add_date(struct buf *b, int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * of_year + 2) / 153, day = of_year - (153 * shifted + 2) / 5 + 1, month = shifted < 10 ? shifted + 3 : shifted - 9;
    int64_t year = (int64_t)year_of_era + era * 400 + (month <= 2);
    if (year < 0) buf_byte(b, '-');
    buf_addf(b, "%04lld-%02u-%02u", (long long)(year < 0 ? -year : year), month, day);
}

/* Seconds of the day and a fraction in 10^-unit, whose zeros at the end are left out in threes. */
static void add_time(struct buf *b, uint64_t seconds, uint64_t fraction, unsigned unit)
{
    buf_addf(b, "%02u:%02u:%02u", (unsigned)(seconds / 3600), (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    if (!fraction) return;
    while (unit > 3 && fraction % 1000 == 0) {
        fraction /= 1000;
        unit -= 3;
    }
    buf_addf(b, ".%0*llu", (int)unit, (unsigned long long)fraction);
}

static struct json *finish(struct arena *a, struct buf *b, struct err *e)
{
    struct json *v = text(a, buf_str(b), e);
    buf_deinit(b);
    return v;
}

static int64_t per_second(unsigned unit) { return unit == 3 ? 1000 : unit == 6 ? 1000000 : 1000000000; }

static struct json *timestamp(struct arena *a, int64_t i, unsigned unit, bool is_utc, struct err *e)
{
    struct buf b = BUF_INIT(0);
    int64_t per_day = per_second(unit) * 86400, days = i / per_day, rest = i % per_day;
    if (rest < 0) {
        rest += per_day;
        days--;
    }
    add_date(&b, days);
    buf_byte(&b, 'T');
    add_time(&b, (uint64_t)(rest / per_second(unit)), (uint64_t)(rest % per_second(unit)), unit);
    if (is_utc) buf_byte(&b, 'Z');
    return finish(a, &b, e);
}

static struct json *time_of_day(struct arena *a, int64_t i, unsigned unit, struct err *e)
{
    struct buf b = BUF_INIT(0);
    if (i < 0 || i / per_second(unit) >= 86400 + 1) return integer(a, i, e); /* no time of a day */
    add_time(&b, (uint64_t)(i / per_second(unit)), (uint64_t)(i % per_second(unit)), unit);
    return finish(a, &b, e);
}

/* Nanoseconds of the day in 8 bytes, then the Julian day in 4. */
static struct json *int96(struct arena *a, bytes v, struct err *e)
{
    enum { UNIX_EPOCH = 2440588 };
    const uint64_t second = 1000000000;
    struct buf b = BUF_INIT(0);
    uint64_t nanos = 0;
    uint32_t day = 0;
    for (unsigned i = 0; i < 8; i++) nanos |= (uint64_t)v.p[i] << (8 * i);
    for (unsigned i = 0; i < 4; i++) day |= (uint32_t)v.p[8 + i] << (8 * i);
    add_date(&b, (int64_t)day - UNIX_EPOCH + (int64_t)(nanos / (86400 * second)));
    buf_byte(&b, 'T');
    add_time(&b, nanos / second % 86400, nanos % second, 9);
    return finish(a, &b, e);
}

/* ------------------------------------------------------------------ text and binary */

static struct json *cut_text(struct arena *a, bytes b, size_t most, struct err *e)
{
    str s = str_of(b);
    if (s.n <= most) return text(a, s, e);
    s.n = most;
    while (s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80) s.n--;
    struct buf out = BUF_INIT(0);
    buf_add(&out, s);
    buf_lit(&out, PQ_CUT);
    return finish(a, &out, e);
}

static struct json *binary(struct arena *a, bytes b, const struct parquet_options *o, struct err *e)
{
    struct buf out = BUF_INIT(o->binary ? o->text_bytes_max : 0);
    if (o->binary) {
        o->binary(&out, b);
        if (!out.failed) return finish(a, &out, e);
        buf_deinit(&out);
        err_set(e, ERR_TOO_LARGE, "a value has %zu bytes", b.n);
        return NULL;
    }
    if (b.n > o->binary_bytes_max) return text(a, arena_fmt(a, "%zu bytes", b.n), e);
    buf_lit(&out, "0x");
    for (size_t i = 0; i < b.n; i++) buf_addf(&out, "%02x", b.p[i]);
    return finish(a, &out, e);
}

static struct json *uuid(struct arena *a, const uint8_t *p, struct err *e)
{
    struct buf b = BUF_INIT(0);
    for (unsigned i = 0; i < 16; i++) buf_addf(&b, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", p[i]);
    return finish(a, &b, e);
}

static struct json *interval(struct arena *a, const uint8_t *p, struct err *e)
{
    uint32_t part[3] = { 0 };
    for (unsigned i = 0; i < 12; i++) part[i / 4] |= (uint32_t)p[i] << (8 * (i % 4));
    return text(a, arena_fmt(a, "%u months %u days %u ms", part[0], part[1], part[2]), e);
}

/* ------------------------------------------------------------------ all of them */

static struct json *json_of_int(const struct parquet_node *n, int64_t i, struct arena *a, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json *v;
    switch (n->logical) {
    case PARQUET_DECIMAL: return decimal_of_int(a, i, n->scale, e);
    case PARQUET_DATE:
        add_date(&b, i);
        return finish(a, &b, e);
    case PARQUET_TIME: return time_of_day(a, i, n->unit, e);
    case PARQUET_TIMESTAMP: return timestamp(a, i, n->unit, n->is_utc, e);
    default: break;
    }
    if (n->physical == PARQUET_BOOLEAN) {
        if ((v = pq_json_new(a, JSON_BOOL, e))) v->b = i != 0;
        return v;
    }
    if (n->logical == PARQUET_INTEGER && !n->is_signed) {
        if (n->physical == PARQUET_INT32) i = (uint32_t)i;
        if (i < 0) return text(a, arena_fmt(a, "%llu", (unsigned long long)i), e);
    }
    return integer(a, i, e);
}

struct json *pq_json(const struct parquet_node *n, const union pq_value *v, const struct parquet_options *o, struct arena *a, struct err *e)
{
    switch (n->physical) {
    case PARQUET_FLOAT: return single(a, v->f, e);
    case PARQUET_DOUBLE: return real(a, v->d, e);
    case PARQUET_INT96: return int96(a, v->b, e);
    case PARQUET_BYTES:
    case PARQUET_FIXED: break;
    default: return json_of_int(n, v->i, a, e);
    }
    switch (n->logical) {
    case PARQUET_STRING:
    case PARQUET_JSON: return cut_text(a, v->b, o->text_bytes_max, e);
    case PARQUET_DECIMAL: return decimal(a, v->b, n->scale, e);
    case PARQUET_UUID: return uuid(a, v->b.p, e);
    case PARQUET_FLOAT16: return single(a, half(v->b.p), e);
    case PARQUET_INTERVAL: return interval(a, v->b.p, e);
    default: return binary(a, v->b, o, e);
    }
}

/* ------------------------------------------------------------------ types */

static str leaf_type(const struct parquet_node *n, struct arena *a)
{
    static const char *const physical[] = { "bool", "int32", "int64", "timestamp[ns]", "float32", "float64", "binary", "fixed_size_binary" };
    const char *unit = !n->unit ? "s" : n->unit == 3 ? "ms" : n->unit == 6 ? "us" : "ns";
    switch (n->logical) {
    case PARQUET_STRING: return STR("string");
    case PARQUET_JSON: case PARQUET_ANY: return STR("json");
    case PARQUET_DECIMAL: return arena_fmt(a, "decimal%d(%u, %u)", n->precision > 38 ? 256 : 128, n->precision, n->scale);
    case PARQUET_DATE: return STR("date32");
    case PARQUET_TIME: return arena_fmt(a, "time%d[%s]", n->unit == 3 ? 32 : 64, unit);
    case PARQUET_TIMESTAMP: return arena_fmt(a, "timestamp[%s%s]", unit, n->is_utc ? ", tz=UTC" : "");
    case PARQUET_INTEGER: return arena_fmt(a, "%sint%u", n->is_signed ? "" : "u", n->width);
    case PARQUET_UUID: return STR("uuid");
    case PARQUET_FLOAT16: return STR("float16");
    case PARQUET_INTERVAL: return STR("interval");
    case PARQUET_NULL: return STR("null");
    default: break;
    }
    if (n->physical == PARQUET_FIXED) return arena_fmt(a, "fixed_size_binary[%u]", n->width);
    return str_c(physical[n->physical]);
}

str parquet_type_name(const struct parquet_node *n, struct arena *a)
{
    switch (n->shape) {
    case PARQUET_LIST: return arena_fmt(a, "list<%.*s>", STR_ARG(parquet_type_name(&n->child[0], a)));
    case PARQUET_MAP: return STR("map");
    case PARQUET_STRUCT: return STR("struct");
    default: return leaf_type(n, a);
    }
}
