/* oniguruma.c - a regex of the reference's engine, as PCRE2 reads it.
 *
 * Oniguruma (with Ruby's syntax) and PCRE2 give several forms different meanings: \w and \h, classes inside of classes and
 * &&, {n}+, (?m), scripts, \v.  So a regex is read here and written again in forms that mean one thing; what is not known
 * to mean the same afterwards is refused.  One thing is passed over: with (?i) it takes "ss" for a sharp s, PCRE2 does not.
 *
 * A class becomes one class of PCRE2 if it can.  What it cannot hold (a class inside of it, \W) stands beside it:
 *     [a\W]   (?:[a]|[^word])        [ab&&[^b]]   (?:(?=[ab])[^b])        [^a[bc]]   (?:(?!(?:[a]|[bc]))(?s:.)) */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "model/token/token_priv.h"

enum { DEPTH_MAX = 64, OUT_MAX = 1 << 20, NAME_MAX_BYTES = 60 };

struct reader {
    str regex;
    size_t at;
    struct buf *out;
    struct err *e;
    int depth;
};

/* Sets of characters, as the inside of a class. */
#define SPACES "\\x{9}-\\x{D}\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}"
#define CIRCLED "\\x{24B6}-\\x{24E9}\\x{1F130}-\\x{1F149}\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}" /* Alphabetic, but no letters */
#define WORDS "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}" CIRCLED
#define WORDS_ALONE WORDS "\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}" /* \w and \b outside of classes: a table of Latin-1 has these, too */
#define HEX "0-9A-Fa-f"

static const struct { const char *name, *set; } posix[] = { /* in [: :] and \p{ } */
    { "alnum", "\\p{Alphabetic}\\p{Nd}" }, { "alpha", "\\p{Alphabetic}" }, { "blank", "\\p{Zs}\\x{9}" }, { "digit", "\\p{Nd}" },
    { "lower", "\\p{Lowercase}" }, { "punct", "\\p{P}\\p{S}" }, { "space", SPACES }, { "upper", "\\p{Uppercase}" },
    { "word", WORDS }, { "xdigit", HEX }, { "ascii", "\\x{0}-\\x{7F}" },
};
static const struct { const char *name, *set; } categories[] = {
    { "letter", "\\p{L}" }, { "mark", "\\p{M}" }, { "number", "\\p{N}" }, { "punctuation", "\\p{P}" }, { "punct", "\\p{P}" }, { "symbol", "\\p{S}" },
    { "separator", "\\p{Z}" }, { "other", "\\p{C}" }, { "uppercaseletter", "\\p{Lu}" }, { "lowercaseletter", "\\p{Ll}" },
    { "decimalnumber", "\\p{Nd}" }, { "nonspacingmark", "\\p{Mn}" }, { "whitespace", SPACES },
};

static bool refuse(struct reader *r, const char *what)
{
    return err_set(r->e, ERR_INVALID, "tokenizer: the regex \"%.*s\": %s at byte %zu", STR_ARG(str_to(r->regex, 100)), what, r->at);
}

static bool is_end(const struct reader *r) { return r->at >= r->regex.n; }
static char peek(const struct reader *r) { return is_end(r) ? '\0' : r->regex.p[r->at]; }
static bool looking_at(const struct reader *r, str s) { return str_starts(str_from(r->regex, r->at), s); }
static bool eat(struct reader *r, str s)
{
    if (!looking_at(r, s)) return false;
    r->at += s.n;
    return true;
}

static void insert(struct buf *b, size_t at, str s)
{
    size_t n = b->n;
    buf_add(b, s);
    if (b->failed) return;
    memmove(b->p + at + s.n, b->p + at, n - at);
    memcpy(b->p + at, s.p, s.n);
}

static void put_char(struct buf *b, uint32_t c) { buf_addf(b, "\\x{%X}", c); }

/* ---- escapes ---------------------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool number(struct reader *r, unsigned base, size_t least, size_t most, uint32_t *out)
{
    size_t n = 0;
    *out = 0;
    for (; n < most && hex_digit(peek(r)) >= 0 && (unsigned)hex_digit(peek(r)) < base; n++, r->at++) *out = *out * base + (unsigned)hex_digit(peek(r));
    return (n >= least && *out < 0x110000 && (*out < 0xD800 || *out > 0xDFFF)) || refuse(r, "no character");
}

/* A character by its number or letter; *found false: the escape is something else, and stands where it stood. */
static bool escaped_char(struct reader *r, uint32_t *c, bool *found)
{
    static const char letters[] = "tnrfvae", meant[] = "\t\n\r\f\v\a\x1b";
    const char kind = r->at + 1 < r->regex.n ? r->regex.p[r->at + 1] : '\0';
    const char *letter = kind ? strchr(letters, kind) : NULL;
    size_t size;
    *found = true;
    if (r->at + 1 >= r->regex.n) return refuse(r, "a backslash ends it");
    r->at += 2;
    if (letter) return *c = (uint32_t)meant[letter - letters], true;
    if (kind == 'u') return number(r, 16, 4, 4, c);
    if (kind == 'x' && eat(r, STR("{"))) return number(r, 16, 1, 8, c) && (eat(r, STR("}")) || refuse(r, "} is missing"));
    if (kind == 'x') return number(r, 16, 1, 2, c) && (*c < 0x80 || refuse(r, "a byte that is no character"));
    if (kind == '0') return number(r, 8, 0, 2, c);
    if ((kind >= '1' && kind <= '9') || (kind >= 'A' && kind <= 'Z') || (kind >= 'a' && kind <= 'z')) {
        r->at -= 2;
        *found = false;
        return true;
    }
    *c = utf8_get((const uint8_t *)r->regex.p + --r->at, &size);
    r->at += size;
    return true;
}

static bool pcre_knows(const char *regex)
{
    int code;
    size_t at;
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    pcre2_code_free(c);
    return c != NULL;
}

/* The set that a name in \p{ } or [: :] stands for. */
static bool named_set(struct reader *r, str name, bool is_posix, char set[256])
{
    char plain[NAME_MAX_BYTES + 1];
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c == ' ' || c == '_' || c == '-') continue;
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) || n == NAME_MAX_BYTES) return refuse(r, "an unknown name of a set");
        plain[n++] = (char)(c | 32);
    }
    plain[n] = '\0';
    for (size_t i = 0; !is_posix && i < COUNT(categories); i++)
        if (strcmp(plain, categories[i].name) == 0) return snprintf(set, 256, "%s", categories[i].set), true;
    for (size_t i = 0; i < COUNT(posix); i++)
        if (strcmp(plain, posix[i].name) == 0) return snprintf(set, 256, "%s", posix[i].set), true;
    if (is_posix || n == 0) return refuse(r, "an unknown name of a set");
    if (n <= 2) { /* Lu, for which lu may be said */
        plain[0] = (char)(plain[0] & ~32);
        snprintf(set, 256, "\\p{%s}", plain);
        if (pcre_knows(set)) return true;
    }
    snprintf(set, 256, "\\p{sc:%s}", plain); /* a script alone would mean the other scripts' characters that are used with it, too */
    if (pcre_knows(set)) return true;
    snprintf(set, 256, "\\p{%s}", plain);
    return pcre_knows(set) || refuse(r, "an unknown name of a set");
}

/* \w and its like; *found false: none. */
static bool escaped_set(struct reader *r, char set[256], bool *is_not, bool *found)
{
    static const struct { char letter; const char *set; } sets[] = { { 'w', WORDS }, { 's', SPACES }, { 'd', "\\p{Nd}" }, { 'h', HEX } };
    const char kind = r->at + 1 < r->regex.n ? r->regex.p[r->at + 1] : '\0';
    *is_not = kind >= 'A' && kind <= 'Z';
    *found = true;
    for (size_t i = 0; i < COUNT(sets); i++)
        if ((kind | 32) == sets[i].letter) return r->at += 2, snprintf(set, 256, "%s", sets[i].set), true;
    if ((kind | 32) != 'p' || r->at + 2 >= r->regex.n || r->regex.p[r->at + 2] != '{') return !(*found = false);
    r->at += 3;
    if (eat(r, STR("^"))) *is_not = !*is_not;
    str name = str_from(r->regex, r->at);
    size_t n = str_chr(name, '}');
    if (n == STR_NONE) return refuse(r, "} is missing");
    if (!named_set(r, str_to(name, n), false, set)) return false;
    r->at += n + 1;
    return true;
}

/* ---- classes ---------------------------------------------------------------------------------------------------- */

struct class { /* one side of && */
    struct buf set;    /* the inside of a class */
    struct buf beside; /* forms for one character, with | between them */
};

static void class_deinit(struct class *c)
{
    buf_deinit(&c->set);
    buf_deinit(&c->beside);
}

static void add_beside(struct class *c, str before, str form, str after)
{
    if (c->beside.n) buf_byte(&c->beside, '|');
    buf_add(&c->beside, before);
    buf_add(&c->beside, form);
    buf_add(&c->beside, after);
}

static void add_set(struct class *c, const char *set, bool is_not)
{
    if (is_not) add_beside(c, STR("[^"), str_c(set), STR("]"));
    else buf_add(&c->set, str_c(set));
}

static void write_class(const struct class *c, bool is_not, struct buf *out)
{
    str set = buf_str(&c->set), beside = buf_str(&c->beside);
    if (set.n && !beside.n) buf_addf(out, "[%s%.*s]", is_not ? "^" : "", STR_ARG(set));
    else if (!set.n && !beside.n) buf_add(out, is_not ? STR("(?s:.)") : STR("(?!)"));
    else {
        buf_add(out, is_not ? STR("(?:(?!") : STR("(?:"));
        if (set.n) buf_addf(out, "[%.*s]|", STR_ARG(set));
        buf_add(out, beside);
        buf_add(out, is_not ? STR(")(?s:.))") : STR(")"));
    }
}

static bool read_class(struct reader *r, struct buf *out);

/* A character and what - joins to it. */
static bool class_range(struct reader *r, struct class *c, uint32_t first)
{
    uint32_t last = first;
    size_t size;
    bool found = true;
    if (looking_at(r, STR("-["))) return refuse(r, "a range to a class");
    if (peek(r) == '-' && r->at + 1 < r->regex.n && !looking_at(r, STR("-]"))) {
        size_t before = r->at++;
        if (peek(r) == '\\') {
            if (!escaped_char(r, &last, &found)) return false;
            if (!found) last = first, r->at = before; /* a set: then - is itself */
        } else {
            last = utf8_get((const uint8_t *)r->regex.p + r->at, &size);
            r->at += size;
        }
    }
    if (last < first) return refuse(r, "a range that ends before it begins");
    put_char(&c->set, first);
    if (last > first) {
        buf_byte(&c->set, '-');
        put_char(&c->set, last);
    }
    return true;
}

static bool class_item(struct reader *r, struct class *c)
{
    char set[256];
    bool is_not, found;
    uint32_t one;
    size_t size;
    if (looking_at(r, STR("[:"))) {
        size_t end = str_find(str_from(r->regex, r->at), STR(":]"));
        str name = end == STR_NONE ? STR("") : str_to(str_from(r->regex, r->at + 2), end - 2);
        is_not = str_starts(name, STR("^"));
        if (!named_set(r, str_from(name, is_not), true, set)) return false;
        r->at += end + 2;
        add_set(c, set, is_not);
        return true;
    }
    if (peek(r) == '[') {
        struct buf inner = BUF_INIT(OUT_MAX);
        bool ok = read_class(r, &inner);
        if (ok) add_beside(c, STR(""), buf_str(&inner), STR(""));
        buf_deinit(&inner);
        return ok;
    }
    if (peek(r) == '\\') {
        if (!escaped_set(r, set, &is_not, &found)) return false;
        if (found) return add_set(c, set, is_not), true;
        if (!escaped_char(r, &one, &found)) return false;
        return found ? class_range(r, c, one) : refuse(r, "an escape that is not built");
    }
    one = utf8_get((const uint8_t *)r->regex.p + r->at, &size);
    r->at += size;
    return class_range(r, c, one);
}

static bool class_sides(struct reader *r, struct class *c, struct buf *sides, bool *is_first)
{
    bool at_start = true; /* where ] is a character */
    for (; !is_end(r) && (peek(r) != ']' || at_start); at_start = false) {
        if (eat(r, STR("&&"))) {
            buf_lit(sides, "(?=");
            write_class(c, false, sides);
            buf_lit(sides, ")");
            class_deinit(c);
            *is_first = false;
        } else if (!class_item(r, c)) {
            return false;
        }
    }
    return eat(r, STR("]")) || refuse(r, "] is missing");
}

static bool read_class(struct reader *r, struct buf *out)
{
    struct class c = { BUF_INIT(OUT_MAX), BUF_INIT(OUT_MAX) };
    struct buf sides = BUF_INIT(OUT_MAX);
    bool is_single = true;
    if (++r->depth > DEPTH_MAX) return refuse(r, "too many brackets in each other");
    r->at++;
    bool is_not = eat(r, STR("^")), ok = class_sides(r, &c, &sides, &is_single);
    if (ok && is_single) write_class(&c, is_not, out);
    else if (ok) {
        buf_add(out, is_not ? STR("(?:(?!") : STR("(?:"));
        buf_add(out, buf_str(&sides));
        write_class(&c, false, out);
        buf_add(out, is_not ? STR(")(?s:.))") : STR(")"));
    }
    r->depth--;
    class_deinit(&c);
    buf_deinit(&sides);
    return ok;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static bool read_branches(struct reader *r);

/* Behind "(?": flags for the group, or for what is left of the group around it. */
static bool read_flags(struct reader *r)
{
    bool off = false;
    buf_lit(r->out, "(?");
    for (; !is_end(r) && peek(r) != ')' && peek(r) != ':'; r->at++) {
        char c = peek(r);
        if (c == '-' && !off) off = true;
        else if (c != 'i' && c != 'm') return refuse(r, "a group that is not built");
        buf_byte(r->out, c == 'm' ? 's' : c);
    }
    buf_byte(r->out, ':');
    if (eat(r, STR(":"))) return read_branches(r) && (eat(r, STR(")")) || refuse(r, ") is missing"));
    return eat(r, STR(")")) ? read_branches(r) : refuse(r, ") is missing");
}

static bool read_group(struct reader *r)
{
    static const str openings[] = { STR_INIT("(?:"), STR_INIT("(?="), STR_INIT("(?!"), STR_INIT("(?>"), STR_INIT("(?<="), STR_INIT("(?<!") };
    bool ok = true, known = false;
    if (++r->depth > DEPTH_MAX) return refuse(r, "too many brackets in each other");
    for (size_t i = 0; i < COUNT(openings) && !known; i++)
        if ((known = eat(r, openings[i]))) buf_add(r->out, openings[i]);
    if (!known && eat(r, STR("(?<"))) { /* a name: there is nothing that could ask for it */
        size_t n = str_chr(str_from(r->regex, r->at), '>');
        if (n == STR_NONE) return refuse(r, "> is missing");
        r->at += n + 1;
        buf_lit(r->out, "(?:");
    } else if (!known && eat(r, STR("(?"))) {
        ok = read_flags(r);
        buf_byte(r->out, ')');
        r->depth--;
        return ok;
    } else if (!known) {
        r->at++;
        buf_lit(r->out, "(?:");
    }
    ok = read_branches(r) && (eat(r, STR(")")) || refuse(r, ") is missing"));
    buf_byte(r->out, ')');
    r->depth--;
    return ok;
}

static bool read_escape(struct reader *r)
{
    char set[256];
    bool is_not, found;
    uint32_t c;
    const char kind = r->at + 1 < r->regex.n ? r->regex.p[r->at + 1] : '\0';
    if (kind == 'w') buf_lit(r->out, "[" WORDS_ALONE "]");
    else if (kind == 'W') buf_lit(r->out, "[^" WORDS_ALONE "]");
    else if (kind == 'b') buf_lit(r->out, "(?:(?<=[" WORDS_ALONE "])(?![" WORDS_ALONE "])|(?<![" WORDS_ALONE "])(?=[" WORDS_ALONE "]))");
    else if (kind == 'B') buf_lit(r->out, "(?:(?<=[" WORDS_ALONE "])(?=[" WORDS_ALONE "])|(?<![" WORDS_ALONE "])(?![" WORDS_ALONE "]))");
    else if (kind && strchr("AzZGR", kind)) buf_addf(r->out, "\\%c", kind);
    else {
        if (!escaped_set(r, set, &is_not, &found)) return false;
        if (found) return buf_addf(r->out, "[%s%s]", is_not ? "^" : "", set), true;
        if (!escaped_char(r, &c, &found)) return false;
        return found ? (put_char(r->out, c), true) : refuse(r, "an escape that is not built");
    }
    r->at += 2;
    return true;
}

/* {n}, {n,}, {,m}, {n,m}; else { is a character. */
static bool read_interval(struct reader *r, char text[32], bool *is_exact)
{
    size_t at = r->at + 1, digits[2] = { 0 }, part = 0;
    unsigned long n[2] = { 0 };
    for (; at < r->regex.n && (r->regex.p[at] == ',' || (r->regex.p[at] >= '0' && r->regex.p[at] <= '9')); at++) {
        if (r->regex.p[at] == ',') {
            if (part++) return false;
        } else {
            if (++digits[part] > 5) return false;
            n[part] = n[part] * 10 + (unsigned long)(r->regex.p[at] - '0');
        }
    }
    if (at >= r->regex.n || r->regex.p[at] != '}' || (digits[0] == 0 && digits[1] == 0)) return false;
    *is_exact = part == 0;
    if (part == 0) snprintf(text, 32, "{%lu}", n[0]);
    else if (digits[1] == 0) snprintf(text, 32, "{%lu,}", n[0]);
    else snprintf(text, 32, "{%lu,%lu}", n[0], n[1]);
    r->at = at + 1;
    return true;
}

/* What stands behind the thing that begins at `from` of the output.  {n}+ and a** repeat what is repeated already. */
static bool read_repeats(struct reader *r, size_t from)
{
    for (int times = 0;; times++) {
        char text[32] = { peek(r) };
        bool is_exact = false, is_interval = peek(r) == '{';
        if (is_end(r) || !memchr("*+?{", peek(r), 4)) return true;
        if (!is_interval) r->at++;
        else if (!read_interval(r, text, &is_exact)) return true;
        if (times == DEPTH_MAX) return refuse(r, "too many repetitions of each other");
        if (times) {
            insert(r->out, from, STR("(?:"));
            buf_byte(r->out, ')');
        }
        buf_add(r->out, str_c(text));
        if (!is_exact && eat(r, STR("?"))) buf_byte(r->out, '?');
        else if (!is_interval && eat(r, STR("+"))) buf_byte(r->out, '+');
    }
}

static bool read_branches(struct reader *r)
{
    while (!is_end(r) && peek(r) != ')') {
        size_t from = r->out->n, size;
        char c = peek(r), interval[32];
        bool is_exact;
        if (c == '|' || c == '^' || c == '$') {
            buf_byte(r->out, c);
            r->at++;
            continue;
        }
        if (memchr("*+?", c, 3) || (c == '{' && read_interval(r, interval, &is_exact))) return refuse(r, "nothing stands before what repeats it");
        if (looking_at(r, STR("(?#"))) {
            size_t n = str_chr(str_from(r->regex, r->at), ')');
            if (n == STR_NONE) return refuse(r, ") is missing");
            r->at += n + 1;
            continue;
        }
        if (c == '(') {
            if (!read_group(r)) return false;
        } else if (c == '[') {
            if (!read_class(r, r->out)) return false;
        } else if (c == '\\') {
            if (!read_escape(r)) return false;
        } else if (c == '.') {
            buf_byte(r->out, '.');
            r->at++;
        } else {
            put_char(r->out, utf8_get((const uint8_t *)r->regex.p + r->at, &size));
            r->at += size;
        }
        if (!read_repeats(r, from)) return false;
        if (r->out->failed) return refuse(r, "too long");
    }
    return true;
}

bool oniguruma_to_pcre(str regex, struct buf *out, struct err *e)
{
    struct reader r = { .regex = regex, .out = out, .e = e };
    if (!str_is_utf8(regex)) return refuse(&r, "not UTF-8");
    return read_branches(&r) && (is_end(&r) || refuse(&r, "an unmatched )")) && (!out->failed || refuse(&r, "too long"));
}
