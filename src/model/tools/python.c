/* model/tools/python.c - calls that are written as Python writes them: NAME(KEY=VALUE, ...), one or a list of them; and their cousin,
 * call:NAME{KEY:VALUE,...}, whose texts stand between two <escape>.
 *
 * A call is told when it is complete: values are literals of Python (or of JSON, which differ in three words), and arguments are told as
 * JSON.  What is no literal makes it no call. */
#include "model/tools/parse_priv.h"

enum { NESTED_MAX = 32 };
enum outcome { CALL_IS_WHOLE, CALL_WANTS_MORE, CALL_IS_NONE };

struct cursor {
    str rest;
    struct buf *out; /* JSON */
};

static enum outcome read_value(struct cursor *c, unsigned depth);

static void pass_blanks(struct cursor *c)
{
    while (c->rest.n && c->rest.p[0] && strchr(" \t\r\n", c->rest.p[0])) c->rest = str_from(c->rest, 1);
}

static bool is_of_name(char c, bool is_first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!is_first && ((c >= '0' && c <= '9') || c == '.' || c == '-'));
}

static enum outcome read_name(struct cursor *c, str *out)
{
    size_t n = 0;
    while (n < c->rest.n && is_of_name(c->rest.p[n], n == 0)) n++;
    if (n == c->rest.n) return n > TOOL_NAME_BYTES_MAX ? CALL_IS_NONE : CALL_WANTS_MORE;
    *out = str_to(c->rest, n);
    c->rest = str_from(c->rest, n);
    return n && n <= TOOL_NAME_BYTES_MAX ? CALL_IS_WHOLE : CALL_IS_NONE;
}

/* ------------------------------------------------------------------ literals */

static int hex_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* \xNN, \uNNNN or \UNNNNNNNN: so many digits from p on; a half of a pair becomes U+FFFD, as JSON cannot say it alone. */
static bool add_code(struct buf *text, const char *p, size_t digits)
{
    uint32_t code = 0;
    for (size_t i = 0; i < digits; i++) {
        int h = hex_of(p[i]);
        if (h < 0) return false;
        code = code << 4 | (uint32_t)h;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
    char utf8[4];
    buf_add(text, str_n(utf8, str_utf8_encode(code, utf8)));
    return true;
}

/* Behind a backslash at s[0]: *n bytes with it. */
static enum outcome add_escape(struct buf *text, str s, size_t *n)
{
    static const char from[] = "nrtbf0\\'\"", to[] = "\n\r\t\b\f\0\\'\"";
    if (s.n < 2) return CALL_WANTS_MORE;
    char c = s.p[1];
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    const char *at = c ? strchr(from, c) : NULL;
    *n = 2 + digits;
    if (digits) return s.n < *n ? CALL_WANTS_MORE : add_code(text, s.p + 2, digits) ? CALL_IS_WHOLE : CALL_IS_NONE;
    if (at) buf_byte(text, to[at - from]);
    else if (c != '\n') buf_add(text, str_to(s, 2)); /* as Python has it: the backslash stays */
    return CALL_IS_WHOLE;
}

static enum outcome read_text(struct cursor *c)
{
    struct buf text = BUF_INIT(TOKEN_BYTES_MAX);
    char quote = c->rest.p[0];
    size_t i = 1, n;
    enum outcome is = CALL_WANTS_MORE;
    while (i < c->rest.n && c->rest.p[i] != quote) {
        n = 1;
        if (c->rest.p[i] != '\\') buf_byte(&text, c->rest.p[i]);
        else if ((is = add_escape(&text, str_from(c->rest, i), &n)) != CALL_IS_WHOLE) goto done;
        i += n;
    }
    is = i < c->rest.n ? CALL_IS_WHOLE : CALL_WANTS_MORE;
    if (text.failed) is = CALL_IS_NONE;
    if (is != CALL_IS_WHOLE) goto done;
    buf_json_str(c->out, buf_str(&text));
    c->rest = str_from(c->rest, i + 1);
done:
    buf_deinit(&text);
    return is;
}

static enum outcome read_escaped(struct cursor *c)
{
    str mark = STR("<escape>");
    if (!str_starts(c->rest, mark)) return str_starts(mark, c->rest) ? CALL_WANTS_MORE : CALL_IS_NONE;
    str text = str_from(c->rest, mark.n);
    size_t end = str_find(text, mark);
    if (end == STR_NONE) return CALL_WANTS_MORE;
    buf_json_str(c->out, str_to(text, end));
    c->rest = str_from(text, end + mark.n);
    return CALL_IS_WHOLE;
}

/* A number, or one of the words that Python and JSON have. */
static enum outcome read_word(struct cursor *c)
{
    static const struct { str from, to; } words[] = {
        { STR_INIT("True"), STR_INIT("true") },   { STR_INIT("False"), STR_INIT("false") }, { STR_INIT("None"), STR_INIT("null") },
        { STR_INIT("true"), STR_INIT("true") },   { STR_INIT("false"), STR_INIT("false") }, { STR_INIT("null"), STR_INIT("null") },
    };
    size_t n = 0;
    while (n < c->rest.n && (is_of_name(c->rest.p[n], false) || c->rest.p[n] == '+')) n++;
    if (n == c->rest.n) return CALL_WANTS_MORE;
    str word = str_to(c->rest, n);
    c->rest = str_from(c->rest, n);
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_eq(word, words[i].from)) {
            buf_add(c->out, words[i].to);
            return CALL_IS_WHOLE;
        }
    struct arena *a = arena_new(1 << 16);
    struct json *v;
    struct err ignored;
    bool is_number = n && n < 1000 && json_parse(word, a, &v, &ignored) && (v->type == JSON_INT || v->type == JSON_REAL);
    arena_free(a);
    if (is_number) buf_add(c->out, word);
    return is_number ? CALL_IS_WHOLE : CALL_IS_NONE;
}

/* KEY: of a dictionary, in quotes or not; KEY= or KEY: of a call. */
static enum outcome read_key(struct cursor *c, const char *signs)
{
    str name;
    enum outcome is;
    char first = c->rest.p[0];
    if (first == '"' || first == '\'') is = read_text(c);
    else if (first == '<') is = read_escaped(c);
    else if ((is = read_name(c, &name)) == CALL_IS_WHOLE) buf_json_str(c->out, name);
    if (is != CALL_IS_WHOLE) return is;
    pass_blanks(c);
    if (c->rest.n == 0) return CALL_WANTS_MORE;
    if (!c->rest.p[0] || !strchr(signs, c->rest.p[0])) return CALL_IS_NONE;
    c->rest = str_from(c->rest, 1);
    buf_lit(c->out, ": ");
    return CALL_IS_WHOLE;
}

/* What stands between an opening sign, which has been read, and `close`: values, or values with keys. */
static enum outcome read_members(struct cursor *c, char close, const char *signs, unsigned depth)
{
    buf_byte(c->out, signs ? '{' : '[');
    for (bool is_first = true;; is_first = false) {
        enum outcome is;
        pass_blanks(c);
        if (c->rest.n == 0) return CALL_WANTS_MORE;
        if (c->rest.p[0] == close) break;
        if (!is_first) buf_lit(c->out, ", ");
        if (signs && (is = read_key(c, signs)) != CALL_IS_WHOLE) return is;
        if ((is = read_value(c, depth + 1)) != CALL_IS_WHOLE) return is;
        pass_blanks(c);
        if (c->rest.n == 0) return CALL_WANTS_MORE;
        if (c->rest.p[0] == ',') c->rest = str_from(c->rest, 1);
        else if (c->rest.p[0] != close) return CALL_IS_NONE;
    }
    c->rest = str_from(c->rest, 1);
    buf_byte(c->out, signs ? '}' : ']');
    return CALL_IS_WHOLE;
}

static enum outcome read_value(struct cursor *c, unsigned depth)
{
    pass_blanks(c);
    if (c->rest.n == 0) return CALL_WANTS_MORE;
    if (depth > NESTED_MAX) return CALL_IS_NONE;
    char first = c->rest.p[0];
    if (first == '"' || first == '\'') return read_text(c);
    if (first == '<') return read_escaped(c);
    if (first != '[' && first != '(' && first != '{') return read_word(c);
    c->rest = str_from(c->rest, 1);
    return read_members(c, first == '[' ? ']' : first == '(' ? ')' : '}', first == '{' ? ":" : NULL, depth);
}

/* ------------------------------------------------------------------ a call */

static enum outcome read_call(struct cursor *c, str *name)
{
    enum outcome is = read_name(c, name);
    if (is == CALL_IS_WHOLE && str_eq(*name, STR("call")) && c->rest.p[0] == ':') {
        c->rest = str_from(c->rest, 1);
        is = read_name(c, name);
    }
    if (is != CALL_IS_WHOLE) return is;
    char open = c->rest.p[0];
    if (open != '(' && open != '{') return CALL_IS_NONE;
    c->rest = str_from(c->rest, 1);
    return read_members(c, open == '(' ? ')' : '}', "=:", 0);
}

static bool tell_call(struct tool_parser *p)
{
    struct buf arguments = BUF_INIT(TOKEN_BYTES_MAX);
    struct cursor c = { str_to(parser_rest(p), TOKEN_BYTES_MAX), &arguments };
    str name = STR("");
    enum outcome is = read_call(&c, &name);
    if (is == CALL_WANTS_MORE && (p->is_end || parser_rest(p).n >= TOKEN_BYTES_MAX)) is = CALL_IS_NONE;
    if (arguments.failed) is = CALL_IS_NONE;
    if (is == CALL_IS_WHOLE && parser_tell_name(p, name)) {
        parser_arguments(p, buf_str(&arguments));
        parser_eat(p, (size_t)(c.rest.p - parser_rest(p).p));
        parser_end_call(p);
    } else if (is != CALL_WANTS_MORE) {
        parser_break(p);
    }
    buf_deinit(&arguments);
    return is != CALL_WANTS_MORE;
}

bool python_step(struct tool_parser *p)
{
    str rest = parser_rest(p);
    bool may_be_marker = false;
    if (rest.n == 0) return false;
    if (p->is_told) parser_begin_call(p);
    if (parser_at_close(p, &may_be_marker)) return true;
    if (may_be_marker && !p->is_end) return false;
    if (!rest.p[0] || !strchr(" \t\r\n[],;", rest.p[0])) return tell_call(p);
    parser_eat(p, 1);
    return true;
}
