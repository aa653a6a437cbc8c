/* hub/text/math_find.c - see hub/text/math_find.h.  One pass; every search for an end is bounded by the length of a formula. */
#include "hub/text/math_find.h"

#include "hub/text/math.h"

enum { CODE_SPAN_MAX = 4000 };

struct finder {
    str text;
    size_t i, copied; /* up to where it was read; written */
    size_t vain[2];   /* up to where neither `\\)` nor `\\]` stands: what opens again and again is looked through once */
    struct math_found *found;
    struct buf *out;
};

static char at(const struct finder *f, size_t i) { return i < f->text.n ? f->text.p[i] : '\0'; }

static bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80; }
static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0'; }

static void put_mark(struct finder *f, size_t first, size_t end, str tex, bool is_display)
{
    buf_add(f->out, str_n(f->text.p + f->copied, first - f->copied));
    buf_addf(f->out, MATH_OPEN "%zu" MATH_CLOSE, f->found->n);
    f->found->piece[f->found->n++] = (struct math_piece){ str_n(f->text.p + first, end - first), tex, is_display };
    f->i = f->copied = end;
}

/* Where `close` stands behind `from`, without a blank line before it; STR_NONE: nowhere near. */
static size_t find_end(struct finder *f, size_t from, const char *close)
{
    str area = str_to(str_from(f->text, from), MATH_BYTES_MAX), end = str_c(close);
    size_t *vain = end.p[0] == '\\' ? &f->vain[end.p[2] == ']'] : NULL; /* the next dollar is never far */
    size_t i = vain && *vain > from ? *vain - from : 0;
    for (; i + end.n <= area.n; i++) {
        if (str_starts(str_from(area, i), end)) return i ? from + i : STR_NONE;
        if (area.p[i] == '\\' && !vain) i++;
        else if (area.p[i] == '\n' && (i + 1 < area.n && (area.p[i + 1] == '\n' || area.p[i + 1] == '\r'))) break;
    }
    if (vain) *vain = from + i;
    return STR_NONE;
}

static bool between(struct finder *f, const char *open, const char *close, bool is_display)
{
    size_t skip = str_c(open).n, first = f->i;
    if (!str_starts(str_from(f->text, first), str_c(open))) return false;
    size_t end = find_end(f, first + skip, close);
    if (end == STR_NONE) return false;
    put_mark(f, first, end + str_c(close).n, str_n(f->text.p + first + skip, end - first - skip), is_display);
    return true;
}

static bool may_open(const struct finder *f)
{
    char before = f->i ? at(f, f->i - 1) : '\0', next = at(f, f->i + 1);
    return !is_blank(next) && next != '$' && (is_blank(before) || strchr("([{\"'*_-,;:>|=", before));
}

static bool in_line(struct finder *f)
{
    size_t first = f->i;
    if (!may_open(f)) return false;
    size_t end = find_end(f, first + 1, "$");
    if (end == STR_NONE || is_blank(at(f, end - 1)) || is_word(at(f, end + 1)) || at(f, end + 1) == '$') return false;
    put_mark(f, first, end + 1, str_n(f->text.p + first + 1, end - first - 1), false);
    return true;
}

/* `code`, with any number of backticks. */
static void skip_code_span(struct finder *f)
{
    size_t n = 0;
    while (at(f, f->i + n) == '`') n++;
    size_t from = f->i + n, most = from + CODE_SPAN_MAX < f->text.n ? from + CODE_SPAN_MAX : f->text.n;
    for (size_t i = from; i < most;) {
        size_t run = 0;
        while (at(f, i + run) == '`') run++;
        if (run == n) {
            f->i = i + run;
            return;
        }
        i += run ? run : 1;
    }
    f->i = from;
}

static size_t line_end(const struct finder *f, size_t from)
{
    size_t n = str_chr(str_from(f->text, from), '\n');
    return n == STR_NONE ? f->text.n : from + n + 1;
}

/* At the beginning of a line.  A fence goes up to a line with as many of its signs, or to the end. */
static bool fence(struct finder *f)
{
    size_t i = f->i, indent = 0, signs = 0;
    while (at(f, i) == ' ' && indent < 3) i++, indent++;
    char sign = at(f, i);
    if (sign != '`' && sign != '~') return false;
    while (at(f, i + signs) == sign) signs++;
    if (signs < 3) return false;
    size_t body = line_end(f, i), close = f->text.n, end = f->text.n;
    str info = str_trim(str_n(f->text.p + i + signs, body - i - signs));
    if (sign == '`' && str_chr(info, '`') != STR_NONE) return false; /* a span of code in a line */
    for (size_t line = body; line < f->text.n; line = line_end(f, line)) {
        size_t k = line, n = 0;
        while (at(f, k) == ' ' && k - line < 3) k++;
        while (at(f, k + n) == sign) n++;
        if (n < signs || str_trim(str_n(f->text.p + k + n, line_end(f, line) - k - n)).n) continue;
        close = line;
        end = line_end(f, line);
        break;
    }
    if (str_eq(info, STR("math")) && close > body && close - body <= MATH_BYTES_MAX && f->found->n < MATH_PIECES_MAX) {
        put_mark(f, f->i, close, str_n(f->text.p + body, close - body), true);
        f->copied = end;
        buf_byte(f->out, '\n');
    }
    f->i = end;
    return true;
}

bool math_find(str text, struct math_found *found, struct buf *out)
{
    struct finder f = { .text = text, .found = found, .out = out };
    found->n = 0;
    if (str_find(text, STR(MATH_OPEN)) != STR_NONE || str_find(text, STR(MATH_CLOSE)) != STR_NONE) return false;
    while (f.i < text.n && found->n < MATH_PIECES_MAX) {
        char c = text.p[f.i];
        if ((f.i == 0 || text.p[f.i - 1] == '\n') && fence(&f)) continue;
        if (c == '`') skip_code_span(&f);
        else if (c == '\\' && (between(&f, "\\\\(", "\\\\)", false) || between(&f, "\\\\[", "\\\\]", true))) continue;
        else if (c == '\\') f.i += 2;
        else if (c == '$' && (between(&f, "$$", "$$", true) || in_line(&f))) continue;
        else if (c == '$') while (at(&f, f.i) == '$') f.i++;
        else f.i++;
    }
    if (!found->n) return false;
    buf_add(out, str_from(text, f.copied));
    return true;
}

size_t math_mark(str s, const struct math_found *found, const struct math_piece **piece)
{
    size_t i = 3, n = 0;
    if (!found || !str_starts(s, STR(MATH_OPEN))) return 0;
    while (i < s.n && i < 8 && s.p[i] >= '0' && s.p[i] <= '9') n = n * 10 + (size_t)(s.p[i++] - '0');
    if (i == 3 || n >= found->n || !str_starts(str_from(s, i), STR(MATH_CLOSE))) return 0;
    *piece = &found->piece[n];
    return i + 3;
}
