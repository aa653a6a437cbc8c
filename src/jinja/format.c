/* jinja/format.c - "%…" % x and "{…}".format(…), as far as numbers, strings and widths go.
 *
 * Both read a specification into struct spec and write through put_spec; widths and precisions have a limit of their
 * own, so that "%999999999d" costs nothing. */
#include <math.h>

#include "jinja/native.h"
#include "jinja/number.h"

enum { WIDTH_MAX = 10000, PRECISION_MAX = 300 };

struct spec {
    uint32_t fill;
    char align; /* < > ^ =, or 0 */
    char sign;  /* + - blank, or 0 */
    bool alt, zero;
    char group;           /* , or _ between thousands, or 0 */
    int width, precision; /* precision -1: none */
    char type;
};

static void repeat_char(uint32_t cp, size_t n, struct buf *out)
{
    char p[4];
    size_t len = str_utf8_encode(cp, p);
    while (n-- > 0) buf_add(out, str_n(p, len));
}

/* `sign` and `prefix` go before any zeros; `body` after them. */
static void put_padded(const struct spec *f, str sign, str body, char align, struct buf *out)
{
    size_t n = unicode_count(sign) + unicode_count(body), gap = (size_t)f->width > n ? (size_t)f->width - n : 0;
    size_t left = align == '>' ? gap : align == '^' ? gap / 2 : 0;
    if (align == '=') {
        buf_add(out, sign);
        repeat_char(f->fill, gap, out);
        buf_add(out, body);
        return;
    }
    repeat_char(f->fill, left, out);
    buf_add(out, sign);
    buf_add(out, body);
    repeat_char(f->fill, gap - left, out);
}

static size_t group_digits(char *p, size_t n, char by)
{
    char copy[64];
    if (!by || n > 40) return n;
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0) copy[k++] = by;
        copy[k++] = p[i];
    }
    memcpy(p, copy, k);
    return k;
}

static bool put_whole(struct run *r, const struct spec *f, int64_t v, struct buf *out)
{
    char digits[96], signs[4];
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    unsigned base = f->type == 'x' || f->type == 'X' ? 16 : f->type == 'o' ? 8 : f->type == 'b' ? 2 : 10;
    const char *alphabet = f->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    size_t at = sizeof digits, sn = 0;
    if (f->type == 'c') {
        char p[4];
        if (v < 0 || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) return fail(r, "%%c arg not in range(0x110000)");
        put_padded(f, STR(""), str_n(p, str_utf8_encode((uint32_t)v, p)), f->align ? f->align : '<', out);
        return true;
    }
    do digits[--at] = alphabet[u % base];
    while ((u /= base) > 0);
    while (f->precision >= 0 && sizeof digits - at < (size_t)f->precision && at > 0) digits[--at] = '0';
    size_t n = sizeof digits - at;
    memmove(digits, digits + at, n);
    n = group_digits(digits, n, f->group);
    if (v < 0)
        signs[sn++] = '-';
    else if (f->sign == '+' || f->sign == ' ')
        signs[sn++] = f->sign;
    if (f->alt && base != 10) {
        signs[sn++] = '0';
        signs[sn++] = f->type;
    }
    put_padded(f, str_n(signs, sn), str_n(digits, n), f->align ? f->align : '>', out);
    return true;
}

static bool put_real(struct run *r, const struct spec *f, double d, struct buf *out)
{
    char text[700], conv[16];
    char type = f->type == 'F' ? 'f' : f->type == '%' ? 'f' : f->type;
    int precision = f->precision < 0 ? 6 : f->precision;
    double v = f->type == '%' ? d * 100 : d;
    struct buf plain = BUF_INIT(700);
    bool minus = signbit(v) && !isnan(v);
    size_t n;
    if (type == 0 && f->precision < 0) {
        real_repr(fabs(v), &plain);
        n = plain.n < sizeof text ? plain.n : 0;
        if (n) memcpy(text, plain.p, n);
        buf_deinit(&plain);
    } else if (isnan(v) || isinf(v)) {
        n = (size_t)snprintf(text, sizeof text, isnan(v) ? "nan" : "inf");
    } else {
        if (type == 0) type = 'g';
        snprintf(conv, sizeof conv, "%%%s.*%c", f->alt ? "#" : "", type);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        int got = snprintf(text, sizeof text - 64, conv, precision, fabs(v));
#pragma GCC diagnostic pop
        if (got < 0 || (size_t)got >= sizeof text - 64) return fail(r, "a number that is too long to format");
        n = (size_t)got;
        if (f->type == 0 && !memchr(text, '.', n) && !memchr(text, 'e', n)) {
            text[n++] = '.';
            text[n++] = '0';
        }
    }
    if (f->type == '%') text[n++] = '%';
    size_t whole = 0;
    while (whole < n && text[whole] >= '0' && text[whole] <= '9') whole++;
    if (f->group && whole > 3 && whole <= 40) {
        char head[64];
        memcpy(head, text, whole);
        size_t grouped = group_digits(head, whole, f->group);
        memmove(text + grouped, text + whole, n - whole);
        memcpy(text, head, grouped);
        n += grouped - whole;
    }
    char sign = minus ? '-' : f->sign == '+' || f->sign == ' ' ? f->sign : 0;
    put_padded(f, str_n(&sign, sign ? 1 : 0), str_n(text, n), f->align ? f->align : '>', out);
    return true;
}

static void put_str(const struct spec *f, str s, char otherwise, struct buf *out)
{
    if (f->precision >= 0) s = str_to(s, unicode_at(s, (size_t)f->precision));
    put_padded(f, STR(""), s, f->align ? f->align : otherwise, out);
}

/* ------------------------------------------------------------------ "%" */

static bool number_at(struct run *r, str *s, int max, int *out)
{
    int v = 0;
    while (s->n && s->p[0] >= '0' && s->p[0] <= '9') {
        v = v * 10 + (s->p[0] - '0');
        *s = str_from(*s, 1);
        if (v > max) return fail(r, "a width or precision over %d in a format", max);
    }
    *out = v;
    return true;
}

struct percent {
    val arg;
    size_t next; /* of a tuple */
    bool used_name;
};

static bool next_arg(struct run *r, struct percent *p, val *out)
{
    size_t n = p->arg.kind == VAL_TUPLE ? p->arg.n : 1;
    if (p->next >= n) return fail(r, "not enough arguments for format string");
    *out = p->arg.kind == VAL_TUPLE ? p->arg.items[p->next] : p->arg;
    p->next++;
    return true;
}

static bool percent_value(struct run *r, struct spec *f, val v, bool escape, struct buf *out)
{
    val text;
    switch (f->type) {
    case 's':
    case 'r':
    case 'a': {
        size_t mark = text_begin(r);
        if (f->type == 's' ? !val_to_str(r, v, &text) : !val_repr(r, v, r->out) || !text_end_val(r, mark, false, &text))
            return false;
        if (escape && !text.safe) {
            mark = text_begin(r);
            html_escape(text.s, r->out);
            if (!text_end_val(r, mark, true, &text)) return false;
        }
        put_str(f, text.s, '>', out);
        return true;
    }
    case 'c':
        if (v.kind == VAL_STR && unicode_count(v.s) == 1) {
            put_str(f, v.s, '>', out);
            return true;
        }
        if (!val_is_whole(v)) return fail(r, "%%c requires int or char");
        return put_whole(r, f, val_whole(v), out);
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
        if (v.kind == VAL_REAL && strchr("diu", f->type)) {
            if (!(fabs(v.r) < 9.2e18)) return fail(r, "a float that does not fit in 64 bits");
            v = val_int((int64_t)v.r);
        }
        if (!val_is_whole(v))
            return fail(r, "%%%c format: %s is required, not %s", f->type,
                        strchr("diu", f->type) ? "a real number" : "an integer", val_type(v));
        if (f->zero && f->align != '<' && f->precision < 0) {
            f->fill = '0';
            f->align = '=';
        }
        if (strchr("iu", f->type)) f->type = 'd';
        return put_whole(r, f, val_whole(v), out);
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
        if (!val_is_num(v)) return fail(r, "must be real number, not %s", val_type(v));
        if (f->zero && f->align != '<') {
            f->fill = '0';
            f->align = '=';
        }
        return put_real(r, f, val_as_real(v), out);
    default: return fail(r, "unsupported format character '%c'", f->type);
    }
}

static bool percent_flags(struct run *r, str *s, struct percent *p, struct spec *f)
{
    val v;
    for (; s->n && strchr("-+ #0", s->p[0]); *s = str_from(*s, 1)) {
        char c = s->p[0];
        if (c == '-') f->align = '<';
        if (c == '+' || (c == ' ' && f->sign != '+')) f->sign = c;
        f->alt |= c == '#';
        f->zero |= c == '0';
    }
    for (int i = 0; i < 2; i++) {
        int *to = i ? &f->precision : &f->width, max = i ? PRECISION_MAX : WIDTH_MAX;
        if (i) {
            if (!s->n || s->p[0] != '.') break;
            *s = str_from(*s, 1);
        }
        if (s->n && s->p[0] == '*') {
            *s = str_from(*s, 1);
            if (!next_arg(r, p, &v)) return false;
            if (!val_is_whole(v) || val_whole(v) > max || val_whole(v) < -max) return fail(r, "* wants int");
            *to = (int)val_whole(v);
            if (*to < 0 && !i) f->align = '<';
            if (*to < 0) *to = i ? 0 : -*to;
        } else if (!number_at(r, s, max, to)) {
            return false;
        }
    }
    while (s->n && strchr("hlL", s->p[0])) *s = str_from(*s, 1);
    return true;
}

static bool percent_one(struct run *r, str *s, struct percent *p, bool escape, struct buf *out)
{
    struct spec f = { .fill = ' ', .precision = -1 };
    val v;
    const val *got = NULL;
    if (s->n && s->p[0] == '(') {
        size_t end = str_chr(*s, ')');
        if (end == STR_NONE) return fail(r, "incomplete format key");
        if (p->arg.kind != VAL_DICT) return fail(r, "format requires a mapping");
        str key = str_n(s->p + 1, end - 1);
        if (!(got = dict_str(p->arg.dict, key))) return fail(r, "there is no key '%.*s'", STR_ARG(str_to(key, 100)));
        *s = str_from(*s, end + 1);
        p->used_name = true;
    }
    if (!percent_flags(r, s, p, &f)) return false;
    if (s->n == 0) return fail(r, "incomplete format");
    f.type = s->p[0];
    *s = str_from(*s, 1);
    if (f.type == '%') {
        buf_byte(out, '%');
        return true;
    }
    if (got)
        v = *got;
    else if (!next_arg(r, p, &v))
        return false;
    return percent_value(r, &f, v, escape, out) && out_ok(r);
}

bool format_percent(struct run *r, val fmt, val arg, val *out)
{
    struct percent p = { .arg = arg };
    str s = fmt.s;
    size_t mark = text_begin(r);
    while (s.n) {
        size_t at = str_chr(s, '%');
        buf_add(r->out, str_to(s, at == STR_NONE ? s.n : at));
        if (at == STR_NONE) break;
        s = str_from(s, at + 1);
        if (!run_spend(r, 1) || !percent_one(r, &s, &p, fmt.safe, r->out)) return false;
    }
    bool has_keys = arg.kind == VAL_DICT || arg.kind == VAL_LIST || arg.kind == VAL_RANGE || arg.kind == VAL_UNDEFINED;
    bool left = arg.kind == VAL_TUPLE ? p.next < arg.n : !has_keys && p.next == 0;
    if (left && !p.used_name) return fail(r, "not all arguments converted during string formatting");
    return text_end_val(r, mark, fmt.safe, out);
}

/* ------------------------------------------------------------------ "{}" */

static bool parse_spec(struct run *r, str s, struct spec *f)
{
    *f = (struct spec){ .fill = ' ', .precision = -1 };
    size_t at = 0;
    if (s.n) {
        uint32_t cp = unicode_next(s, &at);
        if (at < s.n && strchr("<>^=", s.p[at])) {
            f->fill = cp;
            f->align = s.p[at];
            s = str_from(s, at + 1);
        } else if (strchr("<>^=", s.p[0])) {
            f->align = s.p[0];
            s = str_from(s, 1);
        }
    }
    if (s.n && strchr("+- ", s.p[0])) {
        f->sign = s.p[0];
        s = str_from(s, 1);
    }
    if (s.n && s.p[0] == '#') {
        f->alt = true;
        s = str_from(s, 1);
    }
    if (s.n && s.p[0] == '0') {
        f->zero = true;
        s = str_from(s, 1);
    }
    if (!number_at(r, &s, WIDTH_MAX, &f->width)) return false;
    if (s.n && (s.p[0] == ',' || s.p[0] == '_')) {
        f->group = s.p[0];
        s = str_from(s, 1);
    }
    if (s.n && s.p[0] == '.') {
        s = str_from(s, 1);
        if (s.n == 0 || s.p[0] < '0' || s.p[0] > '9') return fail(r, "Format specifier missing precision");
        if (!number_at(r, &s, PRECISION_MAX, &f->precision)) return false;
    }
    if (s.n > 1) return fail(r, "Invalid format specifier");
    f->type = s.n ? s.p[0] : 0;
    return true;
}

static bool put_spec(struct run *r, val v, str text, struct buf *out)
{
    struct spec f;
    if (!parse_spec(r, text, &f)) return false;
    if (val_is_num(v) && (v.kind != VAL_BOOL || text.n)) {
        if (f.zero && !f.align) {
            f.fill = '0';
            f.align = '=';
        }
        bool whole = val_is_whole(v), as_real = f.type && strchr("eEfFgG%", f.type);
        if (whole && !as_real) {
            if (f.type && !strchr("dxXobcn", f.type)) goto unknown;
            if (f.precision >= 0) return fail(r, "Precision not allowed in integer format specifier");
            return put_whole(r, &f, val_whole(v), out);
        }
        if (f.type && !as_real) goto unknown;
        return put_real(r, &f, val_as_real(v), out);
    }
    if (v.kind != VAL_STR && v.kind != VAL_BOOL && text.n)
        return fail(r, "unsupported format string passed to %s.__format__", val_type(v));
    if (f.type && f.type != 's') goto unknown;
    if (f.align == '=') return fail(r, "'=' alignment not allowed in string format specifier");
    if (!val_to_str(r, v, &v)) return false;
    if (f.zero) f.fill = '0';
    put_str(&f, v.s, '<', out);
    return true;
unknown:
    return fail(r, "Unknown format code '%c' for object of type '%s'", f.type, val_type(v));
}

struct braces {
    const struct args *a;
    size_t next;
    bool numbered, counted;
};

/* The argument that "0", "name" or "" means. */
static bool braces_arg(struct run *r, struct braces *b, str name, val *out)
{
    int64_t i;
    if (name.n == 0) {
        if (b->numbered) return fail(r, "cannot switch from manual field specification to automatic field numbering");
        b->counted = true;
        i = (int64_t)b->next++;
    } else if (name.p[0] >= '0' && name.p[0] <= '9' && number_int(name, 10, &i)) {
        if (b->counted) return fail(r, "cannot switch from automatic field numbering to manual field specification");
        b->numbered = true;
    } else {
        for (size_t k = 0; k < b->a->kw_n; k++)
            if (str_eq(b->a->kw[k].name, name)) {
                *out = b->a->kw[k].value;
                return true;
            }
        return fail(r, "there is no key '%.*s'", STR_ARG(str_to(name, 100)));
    }
    if (i < 0 || (size_t)i >= b->a->n)
        return fail(r, "Replacement index %lld out of range for positional args tuple", (long long)i);
    *out = b->a->v[i];
    return true;
}

static size_t name_end(str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != '.' && s.p[n] != '[') n++;
    return n;
}

/* "0.attr[key]" */
static bool braces_field(struct run *r, struct braces *b, str path, val *out)
{
    int64_t i;
    size_t n = name_end(path);
    if (!braces_arg(r, b, str_to(path, n), out)) return false;
    for (path = str_from(path, n); path.n; path = str_from(path, n)) {
        if (path.p[0] == '[') {
            n = str_chr(path, ']');
            if (n == STR_NONE) return fail(r, "Missing ']' in format string");
            str key = str_n(path.p + 1, n - 1);
            bool is_index = number_int(key, 10, &i);
            if (!get_item(r, *out, is_index ? val_int(i) : val_str(key), out)) return false;
            n++;
        } else if (path.p[0] == '.') {
            str rest = str_from(path, 1);
            n = 1 + name_end(rest);
            if (!get_attr(r, *out, str_to(rest, n - 1), out)) return false;
        } else {
            return fail(r, "Only '.' or '[' may follow ']' in format field specifier");
        }
        if (out->kind == VAL_UNDEFINED) return fail_undefined(r, *out);
    }
    return true;
}

/* What stands between { and }, where inner braces of the specification are replaced first. */
static bool braces_one(struct run *r, struct braces *b, str inside, bool escape, int depth, struct buf *out)
{
    size_t colon = str_chr(inside, ':'), bang = str_chr(inside, '!');
    str spec = STR(""), path = inside;
    char conversion = 0;
    val v;
    if (colon != STR_NONE) {
        spec = str_from(inside, colon + 1);
        path = str_to(inside, colon);
    }
    if (bang != STR_NONE && bang < path.n) {
        if (bang + 2 != path.n) return fail(r, "expected ':' after conversion specifier");
        conversion = path.p[bang + 1];
        path = str_to(path, bang);
    }
    if (!braces_field(r, b, path, &v)) return false;
    size_t open = str_chr(spec, '{');
    if (open != STR_NONE) {
        size_t mark = text_begin(r);
        while ((open = str_chr(spec, '{')) != STR_NONE) {
            size_t close = str_chr(spec, '}');
            if (depth > 0 || close == STR_NONE || close < open) return fail(r, "Max string recursion exceeded");
            buf_add(r->out, str_to(spec, open));
            if (!braces_one(r, b, str_n(spec.p + open + 1, close - open - 1), false, depth + 1, r->out)) return false;
            spec = str_from(spec, close + 1);
        }
        buf_add(r->out, spec);
        if (!text_end(r, mark, &spec)) return false;
    }
    if (conversion) {
        size_t mark = text_begin(r);
        if (conversion == 's' ? !val_text(r, v, r->out) : !val_repr(r, v, r->out)) return false;
        if (!strchr("sra", conversion)) return fail(r, "Unknown conversion specifier '%c'", conversion);
        if (!text_end_val(r, mark, false, &v)) return false;
    }
    if (!escape || (v.kind == VAL_STR && v.safe)) return put_spec(r, v, spec, out);
    size_t mark = text_begin(r);
    if (!put_spec(r, v, spec, r->out) || !text_end_val(r, mark, false, &v)) return false;
    html_escape(v.s, out);
    return true;
}

bool format_braces(struct run *r, val fmt, const struct args *a, val *out)
{
    struct braces b = { .a = a };
    str s = fmt.s;
    size_t mark = text_begin(r);
    while (s.n) {
        size_t at = 0, end, depth = 1;
        while (at < s.n && s.p[at] != '{' && s.p[at] != '}') at++;
        buf_add(r->out, str_to(s, at));
        s = str_from(s, at);
        if (s.n == 0) break;
        if (s.n > 1 && s.p[1] == s.p[0]) {
            buf_byte(r->out, s.p[0]);
            s = str_from(s, 2);
            continue;
        }
        if (s.p[0] == '}') return fail(r, "Single '}' encountered in format string");
        for (end = 1; end < s.n; end++) {
            depth += s.p[end] == '{';
            if (s.p[end] == '}' && --depth == 0) break;
        }
        if (end >= s.n)
            return fail(r, s.n == 1 ? "Single '{' encountered in format string" : "expected '}' before end of string");
        if (!run_spend(r, 1) || !braces_one(r, &b, str_n(s.p + 1, end - 1), fmt.safe, 0, r->out) || !out_ok(r))
            return false;
        s = str_from(s, end + 1);
    }
    return text_end_val(r, mark, fmt.safe, out);
}
