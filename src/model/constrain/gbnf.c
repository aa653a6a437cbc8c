/* model/constrain/gbnf.c - llama.cpp's grammar notation.
 *
 *   root  ::= item+ "\n"            # a comment
 *   item  ::= [a-z] [^"\x00-\x1f]{1,20} | (word "," "é")? .
 *
 * A rule goes to the end of its line, unless a parenthesis is open or the next line begins with "|".  A class and "."
 * match one character, not one byte.  Token references, <[id]> and <name>, are refused: a grammar speaks of text
 * here. */
#include <string.h>

#include "model/constrain/grammar_priv.h"

enum { RULE_SLOTS = 2 * GRAMMAR_RULES_MAX };
enum { GBNF_REPEAT_MAX = 1 << 16, GBNF_REPEATS_MAX = 8 /* of one item, each of what is before it: a+* */ };

struct gbnf {
    struct grammar_builder b;
    str text;
    size_t at;
    struct err *e;
    uint32_t *slot; /* [RULE_SLOTS]: 1 + a rule, by the hash of its name */
};

static bool wrong(struct gbnf *g, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < g->at && i < g->text.n; i++) column = g->text.p[i] == '\n' ? line++, 1 : column + 1;
    return err_set(g->e, ERR_INVALID, "grammar, line %zu, column %zu: %s", line, column, what);
}

static char peek(const struct gbnf *g) { return g->at < g->text.n ? g->text.p[g->at] : '\0'; }
static bool at_end(const struct gbnf *g) { return g->at >= g->text.n; }

static void skip_blanks(struct gbnf *g, bool lines)
{
    for (; !at_end(g); g->at++) {
        char c = peek(g);
        if (c == '#') {
            while (!at_end(g) && peek(g) != '\n' && peek(g) != '\r') g->at++;
            if (at_end(g)) return;
            c = peek(g);
        }
        if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) return;
    }
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static str read_name(struct gbnf *g)
{
    size_t from = g->at;
    while (!at_end(g) && is_name_char(peek(g))) g->at++;
    return str_n(g->text.p + from, g->at - from);
}

static uint32_t rule_named(struct gbnf *g, str name)
{
    uint32_t h = 0, at;
    for (size_t i = 0; i < name.n; i++) h = (h ^ (uint8_t)name.p[i]) * 0x01000193u;
    for (at = h % RULE_SLOTS; g->slot[at]; at = (at + 1) % RULE_SLOTS)
        if (str_eq(g->b.rule[g->slot[at] - 1].name, name)) return g->slot[at] - 1;
    uint32_t rule = grammar_rule_new(&g->b, name);
    if (!g->b.failed) g->slot[at] = rule + 1;
    return rule;
}

static bool read_hex(struct gbnf *g, size_t digits, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits; i++, g->at++) {
        char c = peek(g);
        uint32_t d = c >= '0' && c <= '9'                 ? (uint32_t)(c - '0')
                     : (c | 32) >= 'a' && (c | 32) <= 'f' ? (uint32_t)((c | 32) - 'a' + 10)
                                                          : 16;
        if (d == 16) return wrong(g, "a hexadecimal digit is missing");
        *out = *out << 4 | d;
    }
    if (*out > CODE_POINT_MAX || (*out >= 0xd800 && *out <= 0xdfff))
        return wrong(g, "this is not a character of Unicode");
    return true;
}

/* One character of a literal or a class. */
static bool read_char(struct gbnf *g, uint32_t *out)
{
    static const char name[] = "trn\\\"[]-^/'", is[] = "\t\r\n\\\"[]-^/'";
    if (peek(g) != '\\') {
        size_t n = str_utf8_decode(str_from(g->text, g->at), out);
        g->at += n;
        return n || wrong(g, at_end(g) ? "the text ends here" : "this is not UTF-8");
    }
    char c = (g->at++, peek(g));
    g->at++;
    if (c == 'x') return read_hex(g, 2, out);
    if (c == 'u') return read_hex(g, 4, out);
    if (c == 'U') return read_hex(g, 8, out);
    const char *found = c ? strchr(name, c) : NULL;
    if (!found) return wrong(g, "this escape is not known");
    *out = (uint8_t)is[found - name];
    return true;
}

static bool read_literal(struct gbnf *g, struct expr **out)
{
    *out = expr_sequence(&g->b);
    for (g->at++; peek(g) != '"';) {
        uint32_t c;
        if (at_end(g)) return wrong(g, "a quote is not closed");
        if (!read_char(g, &c)) return false;
        expr_add(*out, expr_char(&g->b, c));
    }
    g->at++;
    return true;
}

static bool read_class(struct gbnf *g, struct expr **out)
{
    struct chars set = { 0 };
    bool inverted = (g->at++, peek(g) == '^');
    for (g->at += inverted; peek(g) != ']';) {
        uint32_t first, last;
        if (at_end(g)) return wrong(g, "a class is not closed");
        if (!read_char(g, &first)) return false;
        last = first;
        if (peek(g) == '-' && g->at + 1 < g->text.n && g->text.p[g->at + 1] != ']') {
            g->at++;
            if (!read_char(g, &last)) return false;
            if (last < first) return wrong(g, "this range runs backwards");
        }
        chars_add(&set, first, last);
    }
    g->at++;
    if (inverted) chars_invert(&set);
    *out = expr_chars(&g->b, &set);
    return true;
}

static bool read_number(struct gbnf *g, uint32_t *out, bool *found)
{
    for (*out = 0, *found = false; peek(g) >= '0' && peek(g) <= '9'; g->at++, *found = true) {
        *out = *out * 10 + (uint32_t)(peek(g) - '0');
        if (*out > GBNF_REPEAT_MAX) return wrong(g, "it may not repeat so often");
    }
    return true;
}

/* {m}, {m,}, {,n}, {m,n} */
static bool read_counts(struct gbnf *g, uint32_t *min, uint32_t *max)
{
    bool low, high = false;
    g->at++;
    skip_blanks(g, false);
    if (!read_number(g, min, &low)) return false;
    skip_blanks(g, false);
    *max = *min;
    if (peek(g) == ',') {
        g->at++;
        skip_blanks(g, false);
        if (!read_number(g, max, &high)) return false;
        skip_blanks(g, false);
        if (!high) *max = REPEAT_NO_MAX;
    }
    if (peek(g) != '}' || (!low && !high)) return wrong(g, "a repetition is {m}, {m,}, {,n} or {m,n}");
    if (*max < *min) return wrong(g, "the second number is smaller than the first");
    g->at++;
    return true;
}

static bool read_repeats(struct gbnf *g, struct expr **x)
{
    for (size_t repeats = 0;; repeats++) {
        uint32_t min = 0, max = REPEAT_NO_MAX;
        size_t here = g->at;
        skip_blanks(g, false);
        switch (peek(g)) {
        case '*': g->at++; break;
        case '+': g->at++, min = 1; break;
        case '?': g->at++, max = 1; break;
        case '{':
            if (!read_counts(g, &min, &max)) return false;
            break;
        default: g->at = here; return true;
        }
        if (repeats == GBNF_REPEATS_MAX) return wrong(g, "too many repetitions of repetitions");
        *x = expr_repeat(&g->b, *x, min, max);
    }
}

static bool read_choice(struct gbnf *g, size_t depth, struct expr **out);

static bool read_item(struct gbnf *g, size_t depth, struct expr **out)
{
    char c = peek(g);
    if (c == '"') return read_literal(g, out);
    if (c == '[') return read_class(g, out);
    if (c == '.') {
        g->at++;
        *out = expr_any_char(&g->b);
        return true;
    }
    if (c == '(') {
        if (depth == GRAMMAR_NESTING_MAX) return wrong(g, "parentheses are nested too deeply");
        g->at++;
        if (!read_choice(g, depth + 1, out)) return false;
        if (peek(g) != ')') return wrong(g, "a parenthesis is not closed");
        g->at++;
        return true;
    }
    if (c == '<' || c == '!') {
        wrong(g, "references to tokens are not built");
        g->e->code = ERR_NOT_BUILT;
        return false;
    }
    if (!is_name_char(c)) return wrong(g, "a literal, a class, a name or a group is expected");
    *out = expr_rule(&g->b, rule_named(g, read_name(g)));
    return true;
}

/* The next line goes on with this rule if it begins with "|"; inside parentheses lines do not count. */
static bool at_bar(struct gbnf *g, size_t depth)
{
    size_t here = g->at;
    skip_blanks(g, true);
    if (peek(g) == '|') return true;
    if (depth == 0) g->at = here;
    return false;
}

static bool read_choice(struct gbnf *g, size_t depth, struct expr **out)
{
    struct expr *choice = expr_choice(&g->b);
    do {
        struct expr *sequence = expr_sequence(&g->b), *item;
        for (;;) {
            skip_blanks(g, depth > 0 || (!sequence->last && choice->last));
            char c = peek(g);
            if (at_end(g) || c == '|' || c == ')' || c == '\n' || c == '\r' || g->b.failed) break;
            if (!read_item(g, depth, &item) || !read_repeats(g, &item)) return false;
            expr_add(sequence, item);
        }
        expr_add(choice, sequence);
    } while (at_bar(g, depth) && g->at++ < g->text.n && !g->b.failed);
    *out = choice;
    return true;
}

static bool read_rule(struct gbnf *g)
{
    str name = read_name(g);
    if (name.n == 0) return wrong(g, "the name of a rule is expected");
    uint32_t rule = rule_named(g, name);
    struct expr *body;
    skip_blanks(g, false);
    if (!str_starts(str_from(g->text, g->at), STR("::="))) return wrong(g, "::= is expected");
    g->at += 3;
    if (g->b.failed) return true;
    if (g->b.rule[rule].body) return wrong(g, "this rule has been defined before");
    skip_blanks(g, true);
    if (!read_choice(g, 0, &body)) return false;
    g->b.rule[rule].body = body;
    skip_blanks(g, false);
    if (!at_end(g) && peek(g) != '\n' && peek(g) != '\r') return wrong(g, "the rule should end here");
    return true;
}

bool grammar_from_gbnf(str source, struct grammar **out, struct err *e)
{
    struct gbnf g = { .text = source, .e = e };
    bool ok = false;
    if (!grammar_builder_init(&g.b, source.n, e)) return false;
    if (memchr(source.p ? source.p : "", '\0', source.n)) {
        err_set(e, ERR_INVALID, "a grammar has no NUL bytes");
        goto done;
    }
    g.slot = mem_alloc(RULE_SLOTS * sizeof *g.slot);
    rule_named(&g, STR("root"));
    for (skip_blanks(&g, true); !at_end(&g) && !g.b.failed; skip_blanks(&g, true))
        if (!read_rule(&g) && !g.b.failed) goto done;
    for (uint32_t i = 0; i < g.b.rules && !g.b.failed; i++)
        if (!g.b.rule[i].body) {
            err_set(e, ERR_INVALID, "grammar: the rule \"%.*s\" is not defined", STR_ARG(g.b.rule[i].name));
            goto done;
        }
    ok = grammar_build(&g.b, out, e);
done:
    mem_free(g.slot);
    grammar_builder_deinit(&g.b);
    return ok;
}
