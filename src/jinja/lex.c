/* jinja/lex.c - from source to tokens; see lex.h.
 *
 * Two worlds: text between tags, where only the tags' openings matter and white space around them is cut by the
 * rules of trim_blocks, lstrip_blocks and the signs; and the inside of a tag.  A comment and a raw block never reach
 * the parser: the first disappears, the second is text.
 *
 * Inside a tag the closing delimiter counts only where no bracket is open, so `{{ {'a': {}} }}` is one tag. */
#include "jinja/lex.h"

#include "jinja/number.h"
#include "jinja/unicode.h"

static bool lex_fail(struct lexer *l, uint32_t line, const char *what)
{
    return err_set(l->e, ERR_INVALID, "%.*s:%u: %s", STR_ARG(l->name), line, what);
}

/* Newlines become '\n', and one at the end goes. */
static bool normalise(struct lexer *l, str source)
{
    char *p = arena_try(l->a, source.n + 1);
    size_t n = 0;
    if (!p) return err_set(l->e, ERR_TOO_LARGE, "%.*s: not enough memory for the template", STR_ARG(l->name));
    for (size_t i = 0; i < source.n; i++) {
        if (source.p[i] != '\r') {
            p[n++] = source.p[i];
            continue;
        }
        p[n++] = '\n';
        if (i + 1 < source.n && source.p[i + 1] == '\n') i++;
    }
    if (n && p[n - 1] == '\n' && !l->o->keep_trailing_newline) n--;
    l->src = str_n(p, n);
    return true;
}

bool lex_init(struct lexer *l, str name, str source, const struct jinja_options *o, struct arena *a, struct err *e)
{
    memset(l, 0, sizeof *l);
    l->name = name;
    l->line = 1;
    l->line_starts = true;
    l->o = o;
    l->a = a;
    l->e = e;
    if (source.n > o->limits.source_bytes_max)
        return err_set(e, ERR_TOO_LARGE, "%.*s: the template has %zu bytes, at most %zu are read", STR_ARG(name),
                       source.n, o->limits.source_bytes_max);
    if (!str_is_utf8(source)) return err_set(e, ERR_INVALID, "%.*s: the template is not UTF-8", STR_ARG(name));
    return normalise(l, source);
}

static char peek(const struct lexer *l, size_t ahead)
{
    return ahead < l->src.n - l->at ? l->src.p[l->at + ahead] : 0;
}
static bool here(const struct lexer *l, size_t at, const char *what)
{
    return str_starts(str_from(l->src, at), str_c(what));
}

static void advance(struct lexer *l, size_t to)
{
    for (; l->at < to; l->at++) l->line += l->src.p[l->at] == '\n';
}
static size_t skip_space(const struct lexer *l, size_t at)
{
    for (size_t n; (n = unicode_space_at(str_from(l->src, at))) > 0;) at += n;
    return at;
}

/* Text before a tag that opens with `sign`; `is_print` tags do not strip a line's indentation. */
static str cut_before(const struct lexer *l, str text, char sign, bool is_print)
{
    if (sign == '-') return unicode_trim(text, false, true);
    if (sign == '+' || is_print || !l->o->lstrip_blocks) return text;
    size_t nl = str_rchr(text, '\n');
    size_t first = nl == STR_NONE ? 0 : nl + 1;
    if (first == 0 && !l->line_starts) return text;
    str tail = str_from(text, first);
    return unicode_trim(tail, true, false).n == 0 ? str_to(text, first) : text;
}

/* The end of a tag at `at`: "-XX" eats white space, "XX" one newline if `trims`, "+XX" nothing (blocks and comments
 * only). Returns where the text goes on, or 0 if no such end is here. */
static size_t tag_end(const struct lexer *l, size_t at, const char *close, bool plus, bool trims)
{
    if (at < l->src.n && l->src.p[at] == '-' && here(l, at + 1, close)) return skip_space(l, at + 3);
    if (plus && at < l->src.n && l->src.p[at] == '+' && here(l, at + 1, close)) return at + 3;
    if (!here(l, at, close)) return 0;
    at += 2;
    return trims && l->o->trim_blocks && at < l->src.n && l->src.p[at] == '\n' ? at + 1 : at;
}

static void after_tag(struct lexer *l, size_t to)
{
    advance(l, to);
    l->line_starts = to > 0 && l->src.p[to - 1] == '\n';
}

static size_t sign_len(const struct lexer *l, size_t at, char *sign)
{
    char c = at < l->src.n ? l->src.p[at] : 0;
    *sign = c == '-' || c == '+' ? c : 0;
    return *sign ? 1 : 0;
}

static bool skip_comment(struct lexer *l, size_t at)
{
    if (at == l->src.n) return true; /* Jinja ends here, too: it looks for the end of what has something in it */
    for (; at < l->src.n; at++) {
        size_t end = tag_end(l, at, "#}", true, true);
        if (end) {
            after_tag(l, end);
            return true;
        }
    }
    return lex_fail(l, l->line, "Missing end of comment tag");
}

/* `{% word %}` at `at` (which stands at "{%"): *after is behind its sign and word, or 0. */
static size_t word_tag(const struct lexer *l, size_t at, const char *word, char *sign)
{
    if (!here(l, at, "{%")) return 0;
    at += 2;
    at += sign_len(l, at, sign);
    at = skip_space(l, at);
    if (!here(l, at, word)) return 0;
    return skip_space(l, at + strlen(word));
}

/* Behind `{% raw %}`: the text up to `{% endraw %}`. */
static bool raw_text(struct lexer *l, struct token *t)
{
    size_t first = l->at;
    t->kind = T_TEXT;
    t->line = l->line;
    t->text = (str){ 0 };
    if (first == l->src.n) return true; /* as with a comment */
    for (size_t at = first; at < l->src.n; at++) {
        char sign = 0;
        if (l->src.p[at] != '{') continue;
        size_t word = word_tag(l, at, "endraw", &sign);
        size_t end = word ? tag_end(l, word, "%}", true, true) : 0;
        if (!end) continue;
        t->text = cut_before(l, str_n(l->src.p + first, at - first), sign, false);
        after_tag(l, end);
        return true;
    }
    return lex_fail(l, l->line, "Missing end of raw directive");
}

static size_t find_tag(const struct lexer *l)
{
    for (size_t i = l->at; i + 1 < l->src.n; i++) {
        char c = l->src.p[i + 1];
        if (l->src.p[i] == '{' && (c == '{' || c == '%' || c == '#')) return i;
    }
    return l->src.n;
}

/* One piece of text, or the tag's opening where there is none before it. */
static bool lex_text(struct lexer *l, struct token *t)
{
    for (;;) {
        size_t tag = find_tag(l);
        t->kind = T_TEXT;
        t->line = l->line;
        t->text = str_n(l->src.p + l->at, tag - l->at);
        if (tag == l->src.n) {
            advance(l, tag);
            if (t->text.n == 0) t->kind = T_EOF;
            return true;
        }
        char kind = l->src.p[tag + 1], sign;
        size_t inside = tag + 2 + sign_len(l, tag + 2, &sign);
        t->text = cut_before(l, t->text, sign, kind == '{');
        advance(l, tag);

        char raw_sign;
        size_t word = kind == '%' ? word_tag(l, tag, "raw", &raw_sign) : 0;
        size_t raw = word && !here(l, word, "+") ? tag_end(l, word, "%}", false, false) : 0;
        if (raw) {
            struct token text = *t;
            after_tag(l, raw);
            if (!raw_text(l, t)) return false;
            if (text.text.n == 0) {
                if (t->text.n == 0) continue;
                return true;
            }
            if (t->text.n == 0) {
                *t = text;
                return true;
            }
            char *both = arena_try(l->a, text.text.n + t->text.n); /* rare: text right before a raw block */
            if (!both) return lex_fail(l, l->line, "not enough memory for the template");
            memcpy(both, text.text.p, text.text.n);
            memcpy(both + text.text.n, t->text.p, t->text.n);
            t->text = str_n(both, text.text.n + t->text.n);
            return true;
        }
        advance(l, inside);
        if (kind == '#') {
            if (!skip_comment(l, inside)) return false;
            if (t->text.n == 0) continue;
            return true;
        }
        enum lex_mode mode = kind == '{' ? LEX_PRINT : LEX_BLOCK;
        l->line_starts = false;
        if (t->text.n) {
            l->after = mode;
            return true;
        }
        l->mode = mode;
        t->kind = mode == LEX_PRINT ? T_PRINT_BEGIN : T_BLOCK_BEGIN;
        t->line = l->line;
        return true;
    }
}

/* ------------------------------------------------------------------ inside a tag */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_name_byte(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

/* Digits with single underscores between them. */
static size_t digits(const struct lexer *l, size_t at)
{
    size_t first = at;
    while (at < l->src.n) {
        if (is_digit(l->src.p[at]))
            at++;
        else if (l->src.p[at] == '_' && at > first && at + 1 < l->src.n && is_digit(l->src.p[at + 1]))
            at++;
        else
            break;
    }
    return at - first;
}

static bool number(struct lexer *l, struct token *t)
{
    size_t at = l->at, n = digits(l, at);
    bool real = false, after_dot = at > 0 && l->src.p[at - 1] == '.';
    if (peek(l, 0) == '0' && n == 1 && peek(l, 1) && strchr("xXoObB", peek(l, 1))) {
        size_t end = at + 2;
        while (end < l->src.n && is_name_byte(l->src.p[end])) end++;
        t->kind = T_INT;
        if (!number_int(str_n(l->src.p + at, end - at), 0, &t->i))
            return lex_fail(l, l->line, "not a number that fits");
        advance(l, end);
        return true;
    }
    size_t frac = peek(l, n) == '.' && !after_dot ? digits(l, at + n + 1) : 0;
    size_t end = at + n + (frac ? frac + 1 : 0);
    real = frac > 0;
    if (end < l->src.n && (l->src.p[end] | 0x20) == 'e' && !after_dot) {
        size_t exp = end + 1;
        if (exp < l->src.n && (l->src.p[exp] == '+' || l->src.p[exp] == '-')) exp++;
        size_t exp_n = digits(l, exp);
        if (exp_n) {
            end = exp + exp_n;
            real = true;
        }
    }
    str text = str_n(l->src.p + at, end - at);
    t->kind = real ? T_REAL : T_INT;
    if (real ? !number_real(text, &t->r) : !number_int(text, 10, &t->i))
        return lex_fail(l, l->line, "a number that does not fit in 64 bits");
    advance(l, end);
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static bool hex_escape(str body, size_t *i, size_t n, uint32_t *cp)
{
    *cp = 0;
    if (body.n - *i < n) return false;
    for (size_t k = 0; k < n; k++) {
        int d = hex_digit(body.p[*i + k]);
        if (d < 0) return false;
        *cp = *cp << 4 | (uint32_t)d;
    }
    *i += n;
    return *cp <= 0x10ffff;
}

/* What follows a backslash; Python's escapes, an unknown one stays as it is. */
static bool unescape_one(str body, size_t *i, char *out, size_t *n)
{
    static const char from[] = "ntr\\'\"abfv", to[] = "\n\t\r\\'\"\a\b\f\v";
    char c = body.p[(*i)++];
    const char *simple = c ? strchr(from, c) : NULL;
    uint32_t cp = 0;
    if (simple) {
        out[(*n)++] = to[simple - from];
        return true;
    }
    if (c == '\n') return true;
    if (c >= '0' && c <= '7') {
        cp = (uint32_t)(c - '0');
        for (int k = 0; k < 2 && *i < body.n && body.p[*i] >= '0' && body.p[*i] <= '7'; k++)
            cp = cp * 8 + (uint32_t)(body.p[(*i)++] - '0');
    } else if (c == 'x' || c == 'u' || c == 'U') {
        if (!hex_escape(body, i, c == 'x' ? 2 : c == 'u' ? 4 : 8, &cp)) return false;
        if (cp >= 0xd800 && cp <= 0xdbff && body.n - *i >= 6 && body.p[*i] == '\\' && body.p[*i + 1] == 'u') {
            size_t k = *i + 2;
            uint32_t low;
            if (hex_escape(body, &k, 4, &low) && low >= 0xdc00 && low <= 0xdfff) {
                cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
                *i = k;
            }
        }
        if (cp >= 0xd800 && cp <= 0xdfff) cp = 0xfffd;
    } else {
        out[(*n)++] = '\\';
        out[(*n)++] = c; /* the first byte; the rest of a longer character follows as text */
        return true;
    }
    *n += str_utf8_encode(cp, out + *n);
    return true;
}

static bool string(struct lexer *l, struct token *t)
{
    char quote = peek(l, 0);
    size_t first = l->at + 1, at = first;
    bool escaped = false;
    for (; at < l->src.n && l->src.p[at] != quote; at++)
        if (l->src.p[at] == '\\') {
            escaped = true;
            at++;
        }
    if (at >= l->src.n) return lex_fail(l, l->line, "a string that does not end");
    str body = str_n(l->src.p + first, at - first);
    t->kind = T_STR;
    t->text = body;
    if (escaped) {
        char *p = arena_try(l->a, body.n + 1); /* no escape is shorter than what it stands for */
        size_t n = 0;
        if (!p) return lex_fail(l, l->line, "not enough memory for the template");
        for (size_t i = 0; i < body.n;) {
            if (body.p[i] != '\\') {
                p[n++] = body.p[i++];
                continue;
            }
            i++;
            if (!unescape_one(body, &i, p, &n)) return lex_fail(l, l->line, "a damaged escape in a string");
        }
        t->text = str_n(p, n);
    }
    advance(l, at + 1);
    return true;
}

static const struct {
    char text[3];
    enum token_kind kind;
} operators[] = {
    /* longer ones first */
    { "//", T_FLOORDIV }, { "**", T_POW },   { "==", T_EQ },      { "!=", T_NE },      { ">=", T_GE },
    { "<=", T_LE },       { "+", T_ADD },    { "-", T_SUB },      { "/", T_DIV },      { "*", T_MUL },
    { "%", T_MOD },       { "~", T_TILDE },  { "[", T_LBRACKET }, { "]", T_RBRACKET }, { "(", T_LPAREN },
    { ")", T_RPAREN },    { "{", T_LBRACE }, { "}", T_RBRACE },   { ">", T_GT },       { "<", T_LT },
    { "=", T_ASSIGN },    { ".", T_DOT },    { ":", T_COLON },    { "|", T_PIPE },     { ",", T_COMMA },
    { ";", T_SEMICOLON },
};

static bool operator(struct lexer *l, struct token *t)
{
    char msg[64];
    for (size_t i = 0; i < COUNT(operators); i++) {
        if (!here(l, l->at, operators[i].text)) continue;
        char c = operators[i].text[0];
        t->kind = operators[i].kind;
        if (c == '(' || c == '[' || c == '{') {
            if (l->nest == LEX_NEST_MAX) return lex_fail(l, l->line, "brackets are nested too deep");
            l->open[l->nest++] = c == '(' ? ')' : c == '[' ? ']' : '}';
        } else if (c == ')' || c == ']' || c == '}') {
            if (l->nest == 0) {
                snprintf(msg, sizeof msg, "unexpected '%c'", c);
                return lex_fail(l, l->line, msg);
            }
            if (l->open[--l->nest] != c) {
                snprintf(msg, sizeof msg, "unexpected '%c', expected '%c'", c, l->open[l->nest]);
                return lex_fail(l, l->line, msg);
            }
        }
        l->at += strlen(operators[i].text);
        return true;
    }
    uint32_t cp;
    size_t n = str_utf8_decode(str_from(l->src, l->at), &cp);
    snprintf(msg, sizeof msg, "unexpected char '%.*s'", (int)n, l->src.p + l->at);
    return lex_fail(l, l->line, msg);
}

static bool lex_tag(struct lexer *l, struct token *t)
{
    bool print = l->mode == LEX_PRINT;
    size_t end = 0;
    for (;;) {
        if (l->nest == 0) end = tag_end(l, l->at, print ? "}}" : "%}", !print, !print);
        size_t n = end ? 0 : unicode_space_at(str_from(l->src, l->at));
        if (n == 0) break;
        advance(l, l->at + n);
    }
    t->line = l->line;
    t->text = str_n(NULL, 0);
    if (end) {
        after_tag(l, end);
        l->mode = LEX_TEXT;
        t->kind = print ? T_PRINT_END : T_BLOCK_END;
        return true;
    }
    char c = peek(l, 0);
    if (l->at == l->src.n) {
        t->kind = T_EOF;
        return true;
    }
    if (is_digit(c)) return number(l, t);
    if (c == '"' || c == '\'') return string(l, t);
    if (!is_name_byte(c)) return operator(l, t);
    size_t at = l->at;
    while (at < l->src.n && is_name_byte(l->src.p[at])) at++;
    t->kind = T_NAME;
    t->text = str_n(l->src.p + l->at, at - l->at);
    l->at = at;
    return true;
}

bool lex_next(struct lexer *l, struct token *t)
{
    if (l->after) {
        l->mode = l->after;
        l->after = LEX_TEXT;
        t->kind = l->mode == LEX_PRINT ? T_PRINT_BEGIN : T_BLOCK_BEGIN;
        t->line = l->line;
        return true;
    }
    return l->mode == LEX_TEXT ? lex_text(l, t) : lex_tag(l, t);
}

str token_name(const struct token *t, struct arena *a)
{
    switch (t->kind) {
    case T_EOF: return STR("end of template");
    case T_TEXT: return STR("template data / text");
    case T_PRINT_BEGIN: return STR("begin of print statement");
    case T_PRINT_END: return STR("end of print statement");
    case T_BLOCK_BEGIN: return STR("begin of statement block");
    case T_BLOCK_END: return STR("end of statement block");
    case T_NAME: return t->text;
    case T_STR: return str_to(t->text, 60);
    case T_INT: return arena_fmt(a, "%lld", (long long)t->i);
    case T_REAL: return STR("float");
    default: break;
    }
    for (size_t i = 0; i < COUNT(operators); i++)
        if (operators[i].kind == t->kind) return str_c(operators[i].text);
    return STR("token");
}
