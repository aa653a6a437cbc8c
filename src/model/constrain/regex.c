/* model/constrain/regex.c - regular expressions, as ECMA 262 writes them (with the u flag), without what is not
 * regular.
 *
 * There: alternatives, groups (captures mean nothing here), classes, escapes, counted repetitions; lazy ones match
 * the same texts.  ^ and $ only where they say what is known anyhow: at the ends of an alternative that stands at the
 * end of the whole. Refused by name: back references, look-around (but for look-ahead at the very start of a schema's
 * pattern, which is a text of its own), word boundaries, properties (\p), flags. */
#include <string.h>

#include "model/constrain/grammar_priv.h"

enum { REGEX_REPEAT_MAX = 1 << 16 };

struct regex {
    struct grammar_builder *b;
    str text;
    size_t at;
    enum regex_mode mode;
    struct err *e;
};

static bool wrong(struct regex *r, const char *what)
{
    return err_set(r->e, ERR_INVALID, "regular expression, byte %zu: %s", r->at, what);
}

static bool not_built(struct regex *r, const char *what)
{
    return err_set(r->e, ERR_NOT_BUILT, "regular expression, byte %zu: %s are not supported", r->at, what);
}

static bool at_end(const struct regex *r) { return r->at >= r->text.n; }
static char peek(const struct regex *r) { return at_end(r) ? '\0' : r->text.p[r->at]; }
static bool next_is(const struct regex *r, str s) { return str_starts(str_from(r->text, r->at), s); }

/* ------------------------------------------------------------------ characters and classes */

static void add_digits(struct chars *c) { chars_add(c, '0', '9'); }

static void add_word(struct chars *c)
{
    add_digits(c);
    chars_add(c, 'A', 'Z');
    chars_add(c, '_', '_');
    chars_add(c, 'a', 'z');
}

static void add_space(struct chars *c)
{
    static const struct char_range range[] = { { 9, 13 },          { 32, 32 },         { 0xa0, 0xa0 },
                                               { 0x1680, 0x1680 }, { 0x2000, 0x200a }, { 0x2028, 0x2029 },
                                               { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 },
                                               { 0xfeff, 0xfeff } };
    for (size_t i = 0; i < COUNT(range); i++) chars_add(c, range[i].first, range[i].last);
}

static bool read_hex(struct regex *r, size_t digits, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits; i++, r->at++) {
        char c = peek(r);
        uint32_t d = c >= '0' && c <= '9'                 ? (uint32_t)(c - '0')
                     : (c | 32) >= 'a' && (c | 32) <= 'f' ? (uint32_t)((c | 32) - 'a' + 10)
                                                          : 16;
        if (d == 16) return wrong(r, "a hexadecimal digit is missing");
        *out = *out << 4 | d;
    }
    return true;
}

/* After \u: four digits, two of those for a surrogate pair, or {...}. */
static bool read_unicode(struct regex *r, uint32_t *out)
{
    uint32_t low;
    if (peek(r) == '{') {
        r->at++;
        for (*out = 0; peek(r) != '}';) {
            uint32_t digit;
            if (!read_hex(r, 1, &digit)) return false;
            *out = *out << 4 | digit;
            if (*out > CODE_POINT_MAX) return wrong(r, "this is not a character of Unicode");
        }
        r->at++;
    } else {
        if (!read_hex(r, 4, out)) return false;
        if (*out >= 0xd800 && *out <= 0xdbff && next_is(r, STR("\\u"))) {
            r->at += 2;
            if (!read_hex(r, 4, &low)) return false;
            if (low < 0xdc00 || low > 0xdfff) return wrong(r, "half a surrogate pair is not a character");
            *out = 0x10000 + ((*out - 0xd800) << 10 | (low - 0xdc00));
        }
    }
    return (*out < 0xd800 || *out > 0xdfff) || wrong(r, "half a surrogate pair is not a character");
}

/* What stands after a backslash: one character (*single), or a set. */
static bool read_escape(struct regex *r, bool in_class, struct chars *set, bool *single, uint32_t *out)
{
    static const char name[] = "tnrvf", is[] = "\t\n\r\v\f";
    if (at_end(r)) return wrong(r, "the expression ends after a backslash");
    char c = r->text.p[r->at++];
    const char *found = c ? strchr(name, c) : NULL;
    *single = false;
    switch (c) {
    case 'd': case 'D': add_digits(set); break;
    case 'w': case 'W': add_word(set); break;
    case 's': case 'S': add_space(set); break;
    default: *single = true;
    }
    if (!*single) {
        if (c < 'a') chars_invert(set);
        return true;
    }
    if (found) return *out = (uint8_t)is[found - name], true;
    if (c == 'x') return read_hex(r, 2, out);
    if (c == 'u') return read_unicode(r, out);
    if (c == '0' && !(peek(r) >= '0' && peek(r) <= '9')) return *out = 0, true;
    if (c == 'c' && (peek(r) | 32) >= 'a' && (peek(r) | 32) <= 'z')
        return *out = (uint32_t)(r->text.p[r->at++] & 31), true;
    if (in_class && c == 'b') return *out = '\b', true;
    r->at--;
    if (c == 'b' || c == 'B') return not_built(r, "word boundaries");
    if (c == 'p' || c == 'P') return not_built(r, "Unicode properties");
    if (c == 'k' || (c >= '0' && c <= '9')) return not_built(r, "back references");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (uint8_t)c >= 0x80)
        return wrong(r, "this escape is not known");
    r->at++;
    return *out = (uint8_t)c, true;
}

static bool read_char(struct regex *r, uint32_t *out)
{
    size_t n = str_utf8_decode(str_from(r->text, r->at), out);
    r->at += n;
    return n || wrong(r, "this is not UTF-8");
}

/* A member of a class: a character, or a set that is added at once. */
static bool read_member(struct regex *r, struct chars *set, bool *single, uint32_t *out)
{
    *single = true;
    if (at_end(r)) return wrong(r, "a class is not closed");
    if (peek(r) != '\\') return read_char(r, out);
    struct chars escaped = { 0 };
    r->at++;
    if (!read_escape(r, true, &escaped, single, out)) return false;
    for (size_t i = 0; i < escaped.n; i++) chars_add(set, escaped.range[i].first, escaped.range[i].last);
    return true;
}

static bool read_class(struct regex *r, struct expr **out)
{
    struct chars set = { 0 };
    bool inverted = (r->at++, peek(r) == '^'), single, also;
    for (r->at += inverted; at_end(r) || peek(r) != ']';) {
        uint32_t first = 0, last = 0;
        if (!read_member(r, &set, &single, &first)) return false;
        if (!single) continue;
        last = first;
        if (peek(r) == '-' && r->at + 1 < r->text.n && r->text.p[r->at + 1] != ']') {
            r->at++;
            if (!read_member(r, &set, &also, &last)) return false;
            if (!also || last < first) return wrong(r, "this is not a range");
        }
        chars_add(&set, first, last);
    }
    r->at++;
    if (inverted) chars_invert(&set);
    *out = expr_chars(r->b, &set);
    return true;
}

/* ------------------------------------------------------------------ repetitions, groups, alternatives */

static bool read_number(struct regex *r, uint32_t *out, bool *found)
{
    for (*out = 0, *found = false; peek(r) >= '0' && peek(r) <= '9'; r->at++, *found = true) {
        *out = *out * 10 + (uint32_t)(peek(r) - '0');
        if (*out > REGEX_REPEAT_MAX) return wrong(r, "it may not repeat so often");
    }
    return true;
}

static bool read_counts(struct regex *r, uint32_t *min, uint32_t *max)
{
    bool low, high;
    r->at++;
    if (!read_number(r, min, &low)) return false;
    *max = *min;
    if (peek(r) == ',') {
        r->at++;
        if (!read_number(r, max, &high)) return false;
        if (!high) *max = REPEAT_NO_MAX;
    }
    if (!low || peek(r) != '}') return wrong(r, "a repetition is {m}, {m,} or {m,n}; a brace is written \\{");
    if (*max < *min) return wrong(r, "the second number is smaller than the first");
    r->at++;
    return true;
}

static bool read_repeat(struct regex *r, struct expr **x)
{
    uint32_t min = 0, max = REPEAT_NO_MAX;
    switch (peek(r)) {
    case '*': r->at++; break;
    case '+': r->at++, min = 1; break;
    case '?': r->at++, max = 1; break;
    case '{':
        if (!read_counts(r, &min, &max)) return false;
        break;
    default: return true;
    }
    if (peek(r) == '?') r->at++; /* lazy: the same texts */
    if (peek(r) && strchr("*+?{", peek(r))) return wrong(r, "there is nothing to repeat");
    *x = expr_repeat(r->b, *x, min, max);
    return true;
}

static bool read_choice(struct regex *r, size_t depth, struct expr **out);

static bool read_group(struct regex *r, size_t depth, struct expr **out)
{
    if (depth == GRAMMAR_NESTING_MAX) return wrong(r, "parentheses are nested too deeply");
    r->at++;
    if (next_is(r, STR("?:"))) {
        r->at += 2;
    } else if (next_is(r, STR("?=")) || next_is(r, STR("?!")) || next_is(r, STR("?<=")) || next_is(r, STR("?<!"))) {
        return not_built(r, "look-ahead and look-behind");
    } else if (next_is(r, STR("?<")) || next_is(r, STR("?P<"))) {
        size_t close = str_chr(str_from(r->text, r->at), '>');
        if (close == STR_NONE) return wrong(r, "the name of a group is not closed");
        r->at += close + 1;
    } else if (peek(r) == '?') {
        return not_built(r, "flags");
    }
    if (!read_choice(r, depth + 1, out)) return false;
    if (peek(r) != ')') return wrong(r, "a parenthesis is not closed");
    r->at++;
    return true;
}

static bool read_item(struct regex *r, size_t depth, struct expr **out)
{
    struct chars set = { 0 };
    uint32_t c;
    bool single;
    switch (peek(r)) {
    case '(': return read_group(r, depth, out);
    case '[': return read_class(r, out);
    case '*': case '+': case '?': case '{': return wrong(r, "there is nothing to repeat");
    case '^':
    case '$': return wrong(r, "^ and $ stand only at the ends of the whole expression, or of its alternatives");
    case '.':
        r->at++;
        chars_add(&set, '\n', '\n');
        chars_add(&set, '\r', '\r');
        chars_add(&set, 0x2028, 0x2029);
        chars_invert(&set);
        *out = expr_chars(r->b, &set);
        return true;
    case '\\':
        r->at++;
        if (!read_escape(r, false, &set, &single, &c)) return false;
        *out = single ? expr_char(r->b, c) : expr_chars(r->b, &set);
        return true;
    default:
        if (!read_char(r, &c)) return false;
        *out = expr_char(r->b, c);
        return true;
    }
}

/* One alternative; at the top its ends are open when searching, unless they are anchored. */
static bool read_sequence(struct regex *r, size_t depth, struct expr **out)
{
    struct expr *sequence = expr_sequence(r->b), *item;
    bool top = depth == 0, from_start = top && peek(r) == '^', to_end = false;
    r->at += from_start;
    if (top && r->mode == REGEX_SEARCH && !from_start) expr_add(sequence, expr_repeat(r->b, expr_any_char(r->b), 0, REPEAT_NO_MAX));
    while (!at_end(r) && peek(r) != '|' && peek(r) != ')' && !r->b->failed) {
        if (top && peek(r) == '$' && (r->at + 1 == r->text.n || r->text.p[r->at + 1] == '|')) {
            r->at++;
            to_end = true;
            break;
        }
        if (!read_item(r, depth, &item) || !read_repeat(r, &item)) return false;
        expr_add(sequence, item);
    }
    if (top && r->mode != REGEX_WHOLE && !to_end) expr_add(sequence, expr_repeat(r->b, expr_any_char(r->b), 0, REPEAT_NO_MAX));
    *out = sequence;
    return true;
}

static bool read_choice(struct regex *r, size_t depth, struct expr **out)
{
    struct expr *choice = expr_choice(r->b), *sequence;
    for (;;) {
        if (!read_sequence(r, depth, &sequence)) return false;
        expr_add(choice, sequence);
        if (peek(r) != '|' || r->b->failed) break;
        r->at++;
    }
    *out = choice;
    return true;
}

/* Of what begins at the front: where the first group at its top ends, or all of it, and whether alternatives come before that. */
static size_t group_end(str pattern, bool all, bool *has_alternatives)
{
    size_t depth = 0, at;
    bool in_class = false;
    *has_alternatives = false;
    for (at = 0; at < pattern.n; at++) {
        char c = pattern.p[at];
        if (c == '\\') at++;
        else if (in_class) in_class = c != ']';
        else if (c == '[') in_class = true;
        else if (c == '(') depth++;
        else if (c == '|' && depth == 0) *has_alternatives = true;
        else if (c == ')' && (depth == 0 || --depth == 0) && !all) break;
    }
    return at < pattern.n ? at : pattern.n;
}

bool regex_take_ahead(str *pattern, bool anchored, str *ahead, bool *negative)
{
    bool caret = str_starts(*pattern, STR("^")), has_alternatives;
    str group = str_from(*pattern, caret);
    *negative = str_starts(group, STR("(?!"));
    if ((!caret && !anchored) || (!*negative && !str_starts(group, STR("(?=")))) return false;
    size_t end = group_end(group, false, &has_alternatives);
    if (end == group.n) return false;
    str rest = str_from(group, end + 1);
    group_end(rest, true, &has_alternatives);
    if (has_alternatives || (rest.n && strchr("*+?{", rest.p[0]))) return false;
    *ahead = str_to(str_from(group, 3), end - 3);
    *pattern = rest;
    return true;
}

bool regex_read(struct grammar_builder *b, str pattern, enum regex_mode mode, struct expr **out, struct err *e)
{
    struct regex r = { .b = b, .text = pattern, .mode = mode, .e = e };
    bool ok = read_choice(&r, 0, out);
    if (b->failed) *out = expr_choice(b); /* it stopped half-way; grammar_build() says why */
    return b->failed || (ok && (at_end(&r) || wrong(&r, "a parenthesis is closed that is not open")));
}

bool grammar_from_regex(str pattern, struct grammar **out, struct err *e)
{
    struct grammar_builder b;
    struct expr *body;
    if (!grammar_builder_init(&b, pattern.n, e)) return false;
    uint32_t root = grammar_rule_new(&b, STR("root"));
    bool ok = regex_read(&b, pattern, REGEX_WHOLE, &body, e);
    if (ok) {
        b.rule[root].body = body;
        ok = grammar_build(&b, out, e);
    }
    grammar_builder_deinit(&b);
    return ok;
}
