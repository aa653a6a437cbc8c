/* model/tools/parse.c - what a model writes, told apart into text and calls, as it comes.
 *
 * A state machine over pieces of any size: step() consumes something or says that it needs more.  Invariants:
 * 1. What is in raw[] has been consumed and not been told, so that it can be given back as text.
 * 2. A name is told once, before any of its arguments; arguments are told as they were written.
 * 3. Nothing is told twice, and pieces make no difference: the same text in other pieces gives the same texts. */
#include "model/tools/parse_priv.h"

static const char blanks[] = " \t\r\n";
static bool is_blank(char c) { return c && strchr(blanks, c); }

struct tool_parser *tool_parser_new(const struct tool_dialect *d, const struct json *tools, bool only_one)
{
    struct tool_parser *p = mem_one(struct tool_parser);
    *p = (struct tool_parser){ .d = d, .tools = tools, .only_one = only_one, .state = d->may_be_bare ? AT_START : IN_TEXT };
    buf_init(&p->token, TOKEN_BYTES_MAX);
    buf_init(&p->held, TOKEN_BYTES_MAX);
    return p;
}

void tool_parser_free(struct tool_parser *p)
{
    if (!p) return;
    buf_deinit(&p->in);
    buf_deinit(&p->raw);
    buf_deinit(&p->token);
    buf_deinit(&p->held);
    buf_deinit(&p->out);
    mem_free(p);
}

size_t tool_parser_calls(const struct tool_parser *p) { return p->calls; }
bool tool_parser_is_done(const struct tool_parser *p) { return p->state == IS_DONE; }

/* ------------------------------------------------------------------ telling */

/* There is always room for a piece's events: neighbours of one kind are joined, and step() stops before the list is full. */
static void tell(struct tool_parser *p, enum tool_event_kind kind, str text)
{
    size_t index = kind == TOOL_TEXT ? 0 : p->calls - 1, last = p->events - 1;
    if (text.n == 0) return;
    if (p->events > p->taken && kind != TOOL_NAME && p->event[last].kind == kind && p->event[last].index == index) {
        p->event[last].n += text.n;
    } else {
        must(p->events < EVENTS_MAX);
        p->event[p->events].kind = kind;
        p->event[p->events].index = index;
        p->event[p->events].from = p->out.n;
        p->event[p->events++].n = text.n;
    }
    buf_add(&p->out, text);
}

static bool is_known(const struct json *tools, str name)
{
    json_each (tool, tools)
        if (str_eq(json_str_or(json_get(tool, STR("function")), STR("name"), STR("")), name)) return true;
    return false;
}

bool parser_tell_name(struct tool_parser *p, str name)
{
    if (name.n == 0 || name.n > TOOL_NAME_BYTES_MAX || (p->is_bare && !is_known(p->tools, name))) return false;
    p->calls++;
    p->is_told = true;
    tell(p, TOOL_NAME, name);
    buf_reset(&p->raw);
    if (p->held.n) parser_arguments(p, buf_str(&p->held));
    return true;
}

void parser_arguments(struct tool_parser *p, str text)
{
    if (p->is_told) {
        p->has_arguments |= text.n > 0;
        tell(p, TOOL_ARGUMENTS, text);
    } else {
        buf_add(&p->held, text);
    }
}

static bool was_last(const struct tool_parser *p) { return p->only_one || p->calls == TOOL_CALLS_MAX; }

void parser_end_call(struct tool_parser *p)
{
    if (!p->has_arguments) parser_arguments(p, STR("{}"));
    buf_reset(&p->raw);
    p->state = was_last(p) ? IS_DONE : p->d->is_xml ? IN_TAG : p->d->is_python ? IN_PYTHON : IN_MARKED;
}

void parser_break(struct tool_parser *p)
{
    if (p->is_told) {
        p->state = was_last(p) ? IS_DONE : IN_REST;
        return;
    }
    /* Blanks behind a call belong to it. */
    if (p->calls == 0 || str_trim(buf_str(&p->raw)).n) tell(p, TOOL_TEXT, buf_str(&p->raw));
    buf_reset(&p->raw);
    p->state = IN_TEXT;
}

void parser_eat(struct tool_parser *p, size_t n)
{
    if (!p->is_told) buf_add(&p->raw, str_to(parser_rest(p), n));
    p->at += n;
}

/* ------------------------------------------------------------------ text, and the markers in it */

/* So many bytes at the end may begin the marker. */
static size_t partial(str text, str marker)
{
    size_t n = marker.n - 1 < text.n ? marker.n - 1 : text.n;
    while (n && !str_ends(text, str_to(marker, n))) n--;
    return n;
}

void parser_begin_call(struct tool_parser *p)
{
    p->is_told = p->has_arguments = p->is_named = false;
    p->depth = p->parameters = 0;
    buf_reset(&p->held);
    buf_reset(&p->token);
}

/* Blanks before a marker belong to it, unless it turns out to be none, and so do those behind the last call. */
static bool step_text(struct tool_parser *p)
{
    str rest = parser_rest(p), open = str_c(p->d->open);
    size_t found = str_find(rest, open), n = found;
    if (found == STR_NONE) n = rest.n - (p->is_end ? 0 : partial(rest, open));
    size_t told = n;
    bool keeps_blanks = found == STR_NONE && p->is_end && p->calls == 0;
    while (told && !keeps_blanks && is_blank(rest.p[told - 1])) told--;
    tell(p, TOOL_TEXT, str_to(rest, told));
    if (found == STR_NONE) {
        p->at += p->is_end ? rest.n : told;
        return false;
    }
    p->at += told;
    parser_begin_call(p);
    buf_reset(&p->raw);
    p->is_bare = false;
    p->lists = 0;
    p->calls_before = p->calls;
    parser_eat(p, n - told + open.n);
    p->state = p->d->is_xml ? IN_TAG : p->d->is_python ? IN_PYTHON : IN_MARKED;
    return true;
}

static bool step_start(struct tool_parser *p)
{
    str rest = parser_rest(p);
    size_t n = 0;
    while (n < rest.n && is_blank(rest.p[n])) n++;
    if (n == rest.n && !p->is_end) return false;
    p->state = IN_TEXT;
    if (n == rest.n || rest.p[n] != '{') return true;
    parser_begin_call(p);
    p->is_bare = true;
    parser_eat(p, n + 1);
    p->state = IN_OBJECT;
    return true;
}

/* ------------------------------------------------------------------ between calls */

/* The list is closed, or the marker's payload: was there a call in it? */
static void end_payload(struct tool_parser *p)
{
    if (p->calls_before == p->calls) {
        parser_break(p);
        return;
    }
    buf_reset(&p->raw);
    p->state = IN_TEXT;
}

/* What stands between calls and says nothing. */
static bool skip(struct tool_parser *p, bool *is_more)
{
    str rest = parser_rest(p);
    for (size_t i = 0; i < DIALECT_SKIPS_MAX && p->d->skips[i]; i++) {
        str text = str_c(p->d->skips[i]);
        if (str_starts(rest, text)) {
            parser_eat(p, text.n);
            return true;
        }
        *is_more |= str_starts(text, rest);
    }
    return false;
}

static bool may_be_name(const struct tool_parser *p, char c)
{
    bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    str before = str_trim(buf_str(&p->raw));
    return p->d->may_be_named && is_word && (str_ends(before, str_c(p->d->open)) || (p->d->skips[0] && str_ends(before, str_c(p->d->skips[0]))));
}

bool parser_at_close(struct tool_parser *p, bool *is_more)
{
    str rest = parser_rest(p), close = str_c(p->d->close);
    if (!close.n || !str_starts(rest, close)) {
        *is_more |= close.n && str_starts(close, rest);
        return false;
    }
    parser_eat(p, close.n);
    end_payload(p);
    return true;
}

static bool step_marked(struct tool_parser *p)
{
    str rest = parser_rest(p), open = str_c(p->d->open), close = str_c(p->d->close);
    bool may_be_marker = false;
    if (rest.n == 0) return false;
    char c = rest.p[0];
    if (p->is_told) parser_begin_call(p);
    if (parser_at_close(p, &may_be_marker) || skip(p, &may_be_marker)) return true;
    if (str_starts(rest, open)) { /* again, without a closing one */
        p->lists = 0;
        parser_eat(p, open.n);
        return true;
    }
    may_be_marker |= str_starts(open, rest);
    if (may_be_marker && !p->is_end) return false;
    bool is_list_end = c == ']' && p->lists;
    if (is_blank(c) || c == ',' || c == ';' || c == '[' || is_list_end) {
        if (c == '[') p->lists++;
        if (is_list_end) p->lists--;
        parser_eat(p, 1);
        if (is_list_end && p->lists == 0 && close.n == 0) end_payload(p);
        return true;
    }
    if (c == '{') {
        parser_eat(p, 1);
        p->state = IN_OBJECT;
        return true;
    }
    if (may_be_name(p, c)) p->state = IN_NAMED;
    else parser_break(p); /* what stands here is text */
    return true;
}

/* NAME[CALL_ID]id[ARGS]{...}, NAME{...}, NAME>{...}, function<sep>NAME ```json {...}: whatever stands before the brace, the name is the first
 * of it.  Where no brace comes soon, what stands here is text. */
static bool step_named(struct tool_parser *p)
{
    enum { BEFORE_BRACE_MAX = 2 * TOOL_NAME_BYTES_MAX };
    str rest = parser_rest(p);
    size_t brace = str_chr(str_to(rest, BEFORE_BRACE_MAX), '{');
    if (brace == STR_NONE) {
        if (rest.n < BEFORE_BRACE_MAX && !p->is_end) return false;
        parser_break(p);
        return true;
    }
    str name = str_to(rest, brace);
    if (p->d->before_name && str_starts(name, str_c(p->d->before_name))) name = str_from(name, str_c(p->d->before_name).n);
    size_t n = 0;
    while (n < name.n && !strchr("[<>\n`", name.p[n])) n++;
    name = str_trim(str_to(name, n));
    bool is_name = name.n > 0;
    for (size_t i = 0; i < name.n; i++) is_name &= !is_blank(name.p[i]);
    parser_eat(p, brace);
    if (!is_name || !parser_tell_name(p, name)) {
        parser_break(p);
        return true;
    }
    p->role = ROLE_ARGUMENTS;
    p->is_named = true;
    p->state = AT_VALUE;
    return true;
}

/* ------------------------------------------------------------------ the object of a call */

static bool unescape(struct tool_parser *p, struct arena *a, str *out)
{
    struct json *v;
    struct err ignored;
    return !p->token.failed && json_parse(buf_str(&p->token), a, &v, &ignored) && json_str(v, out);
}

static enum role role_of(str key)
{
    static const struct { const char *key; enum role role; } roles[] = {
        { "name", ROLE_NAME }, { "tool_name", ROLE_NAME }, { "function", ROLE_NAME }, { "arguments", ROLE_ARGUMENTS }, { "parameters", ROLE_ARGUMENTS },
    };
    for (size_t i = 0; i < COUNT(roles); i++)
        if (str_eq(key, str_c(roles[i].key))) return roles[i].role;
    return ROLE_OTHER;
}

static bool step_object(struct tool_parser *p)
{
    str rest = parser_rest(p);
    if (rest.n == 0) return false;
    char c = rest.p[0];
    if (c == '"') {
        buf_reset(&p->token);
        p->in_string = p->is_escaped = false;
        p->state = IN_KEY;
    } else if (is_blank(c) || c == ',') {
        parser_eat(p, 1);
    } else if (c == '}') {
        parser_eat(p, 1);
        if (p->is_told) parser_end_call(p);
        else parser_break(p);
    } else {
        parser_break(p);
    }
    return true;
}

/* So many bytes of a string literal lie here; *is_end: with its last quote. */
static size_t scan_string(struct tool_parser *p, str s, bool *is_end)
{
    *is_end = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!p->in_string) {
            p->in_string = true; /* the first quote */
        } else if (p->is_escaped) {
            p->is_escaped = false;
        } else if (c == '\\') {
            p->is_escaped = true;
        } else if (c == '"') {
            p->in_string = false;
            *is_end = true;
            return i + 1;
        }
    }
    return s.n;
}

static bool step_key(struct tool_parser *p)
{
    bool is_end;
    str rest = parser_rest(p), key;
    size_t n = scan_string(p, rest, &is_end);
    buf_add(&p->token, str_to(rest, n));
    parser_eat(p, n);
    if (!is_end) return false;
    struct arena *a = arena_new(TOKEN_BYTES_MAX);
    if (unescape(p, a, &key)) {
        p->role = role_of(key);
        p->state = AT_COLON;
    } else {
        parser_break(p);
    }
    arena_free(a);
    return true;
}

static bool step_colon(struct tool_parser *p)
{
    str rest = parser_rest(p);
    if (rest.n == 0) return false;
    if (!is_blank(rest.p[0]) && rest.p[0] != ':') {
        parser_break(p);
        return true;
    }
    if (rest.p[0] == ':') p->state = AT_VALUE;
    parser_eat(p, 1);
    return true;
}

static bool step_at_value(struct tool_parser *p)
{
    str rest = parser_rest(p);
    if (rest.n == 0) return false;
    if (is_blank(rest.p[0])) {
        parser_eat(p, 1);
        return true;
    }
    p->is_composite = rest.p[0] == '{' || rest.p[0] == '[';
    p->is_string = rest.p[0] == '"';
    p->in_string = p->is_escaped = false;
    p->depth = 0;
    buf_reset(&p->token);
    p->state = IN_VALUE;
    return true;
}

/* So many bytes of the value lie here. */
static size_t scan_value(struct tool_parser *p, str s, bool *is_end)
{
    *is_end = false;
    if (p->is_string) return scan_string(p, s, is_end);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!p->is_composite) {
            *is_end = is_blank(c) || c == ',' || c == '}' || c == ']';
            if (*is_end) return i;
        } else if (p->in_string) {
            bool was = p->is_escaped;
            p->is_escaped = !was && c == '\\';
            p->in_string = was || c != '"';
        } else if (c == '"') {
            p->in_string = true;
        } else if (c == '{' || c == '[') {
            p->depth++;
        } else if ((c == '}' || c == ']') && --p->depth == 0) {
            *is_end = true;
            return i + 1;
        }
    }
    return s.n;
}

/* A name, and arguments that are a text or nothing, are needed whole. */
static bool take_value(struct tool_parser *p)
{
    struct arena *a = arena_new(4 * TOKEN_BYTES_MAX);
    str text;
    bool ok = true;
    if (p->role == ROLE_NAME) {
        ok = p->is_string && unescape(p, a, &text) && !p->is_told && parser_tell_name(p, text);
    } else if (p->role == ROLE_ARGUMENTS && !p->is_composite) {
        text = buf_str(&p->token);
        ok = !p->is_string || unescape(p, a, &text);
        if (ok && !str_eq(text, STR("null"))) parser_arguments(p, text);
    }
    arena_free(a);
    return ok;
}

static bool step_value(struct tool_parser *p)
{
    bool is_end;
    str rest = parser_rest(p);
    size_t n = scan_value(p, rest, &is_end);
    str text = str_to(rest, n);
    if (p->role == ROLE_ARGUMENTS && p->is_composite) parser_arguments(p, text);
    else if (p->role != ROLE_OTHER) buf_add(&p->token, text);
    parser_eat(p, n);
    if (!is_end) return false;
    p->state = IN_OBJECT;
    if (!take_value(p) || p->held.failed) parser_break(p);
    else if (p->is_named) parser_end_call(p);
    return true;
}

/* ------------------------------------------------------------------ driving it */

static bool step_rest(struct tool_parser *p)
{
    str rest = parser_rest(p), close = str_c(p->d->close);
    size_t found = close.n ? str_find(rest, close) : STR_NONE;
    p->at += found != STR_NONE ? found + close.n : rest.n - (close.n ? partial(rest, close) : 0);
    if (found != STR_NONE) p->state = IN_TEXT;
    return found != STR_NONE;
}

static bool step(struct tool_parser *p)
{
    switch (p->state) {
    case AT_START: return step_start(p);
    case IN_TEXT: return step_text(p);
    case IN_MARKED: return step_marked(p);
    case IN_NAMED: return step_named(p);
    case IN_OBJECT: return step_object(p);
    case IN_KEY: return step_key(p);
    case AT_COLON: return step_colon(p);
    case AT_VALUE: return step_at_value(p);
    case IN_VALUE: return step_value(p);
    case IN_TAG:
    case IN_PARAMETER: return xml_step(p);
    case IN_PYTHON: return python_step(p);
    case IN_REST: return step_rest(p);
    case IS_DONE: p->at = p->in.n; return false;
    }
    return false;
}

/* Forgets what has been consumed, and what has been taken. */
static void tidy(struct tool_parser *p)
{
    size_t left = p->in.n - p->at;
    if (left) memmove(p->in.p, p->in.p + p->at, left);
    if (p->in.p) p->in.p[left] = '\0';
    p->in.n = left;
    p->at = 0;
}

void tool_parser_add(struct tool_parser *p, str text)
{
    tidy(p);
    buf_add(&p->in, text);
}

void tool_parser_end(struct tool_parser *p) { p->is_end = true; }

bool tool_parser_take(struct tool_parser *p, struct tool_event *out)
{
    if (p->taken == p->events) {
        p->taken = p->events = 0;
        buf_reset(&p->out);
        /* A step tells three events at most. */
        while (p->events + 3 < EVENTS_MAX && step(p)) {}
    }
    if (p->taken == p->events && p->is_end && p->raw.n && !p->is_told && p->state != IN_TEXT) parser_break(p);
    if (p->taken == p->events) return false;
    size_t i = p->taken++;
    *out = (struct tool_event){ p->event[i].kind, p->event[i].index, str_n(p->out.p + p->event[i].from, p->event[i].n) };
    return true;
}
