/* model/tools/xml.c - the calls that are written as elements: <function=NAME><parameter=KEY>VALUE</parameter>...</function>, or, in
 * pairs, NAME <arg_key>KEY</arg_key> <arg_value>VALUE</arg_value> ... and then the closing marker.
 *
 * A value stands there as it is: whether it is a text or JSON, the function's schema says.  So a parameter is told when it is
 * complete, and the arguments come as an object in pieces of members. */
#include "model/tools/parse_priv.h"

static const struct json *schema_of(const struct tool_parser *p, str key)
{
    json_each (tool, p->tools) {
        const struct json *f = json_get(tool, STR("function"));
        if (str_eq(json_str_or(f, STR("name"), STR("")), buf_str(&p->held)))
            return json_get(json_get(json_get(f, STR("parameters")), STR("properties")), key);
    }
    return NULL;
}

/* A line end after the opening tag and one before the closing tag are not part of the value. */
static str value_of(str text)
{
    if (str_starts(text, STR("\n"))) text = str_from(text, 1);
    if (str_ends(text, STR("\n"))) text.n--;
    return text;
}

static void tell_parameter(struct tool_parser *p, str key, str value)
{
    struct arena *a = arena_new(16 * TOKEN_BYTES_MAX);
    struct json *parsed;
    struct err ignored;
    struct buf out = BUF_INIT(0);
    bool is_text = str_eq(json_str_or(schema_of(p, key), STR("type"), STR("")), STR("string")) || !json_parse(str_trim(value), a, &parsed, &ignored);
    buf_add(&out, p->parameters++ ? STR(", ") : STR("{"));
    buf_json_str(&out, key);
    buf_lit(&out, ": ");
    if (is_text) buf_json_str(&out, value);
    else buf_add(&out, str_trim(value));
    parser_arguments(p, buf_str(&out));
    buf_deinit(&out);
    arena_free(a);
}

static void begin_function(struct tool_parser *p)
{
    /* From now on held says whose parameters come. */
    buf_reset(&p->held);
    buf_add(&p->held, buf_str(&p->token));
}

static void end_function(struct tool_parser *p)
{
    if (p->parameters) parser_arguments(p, STR("}"));
    parser_end_call(p);
    p->is_told = p->has_arguments = false;
    p->parameters = 0;
    buf_reset(&p->held);
}

/* <function=NAME> or <parameter=KEY>: NAME is there when its > is. */
static bool step_opening(struct tool_parser *p, str tag, bool is_function)
{
    str rest = parser_rest(p);
    size_t end = str_chr(rest, '>');
    if (end == STR_NONE) return false;
    str name = str_trim(str_to(str_from(rest, tag.n), end - tag.n));
    bool ok = is_function != p->is_told;
    buf_reset(&p->token);
    buf_add(&p->token, name);
    parser_eat(p, end + 1);
    if (ok && is_function) ok = parser_tell_name(p, buf_str(&p->token));
    if (!ok) {
        parser_break(p);
        return true;
    }
    if (is_function) begin_function(p);
    else p->state = IN_PARAMETER;
    return true;
}

static bool step_tag(struct tool_parser *p)
{
    const char *const tags[] = { "<function=", "<parameter=", "</function>", p->d->close };
    str rest = parser_rest(p);
    size_t n = 0, tag = 0;
    while (n < rest.n && strchr(" \t\r\n", rest.p[n])) n++;
    parser_eat(p, n);
    rest = parser_rest(p);
    if (rest.n == 0) return false;
    while (tag < COUNT(tags) && !str_starts(rest, str_c(tags[tag]))) tag++;
    if (tag == COUNT(tags) && !p->is_end)
        for (size_t i = 0; i < COUNT(tags); i++)
            if (str_starts(str_c(tags[i]), rest)) return false;
    if (tag < 2) return step_opening(p, str_c(tags[tag]), tag == 0);
    if (tag == 2 && p->is_told) {
        parser_eat(p, str_c(tags[tag]).n);
        end_function(p);
        return true;
    }
    if (tag == 3 && !p->is_told && p->calls > p->calls_before) {
        buf_reset(&p->raw);
        p->at += str_c(tags[tag]).n;
        p->state = IN_TEXT;
        return true;
    }
    parser_break(p);
    return true;
}

/* ------------------------------------------------------------------ pairs */

static bool step_name(struct tool_parser *p)
{
    str rest = parser_rest(p);
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '\n' && rest.p[end] != '<') end++;
    if (end == rest.n && end <= TOOL_NAME_BYTES_MAX) return false;
    str name = str_trim(str_to(rest, end));
    bool ok = name.n > 0;
    for (size_t i = 0; i < name.n; i++) ok &= !strchr(" \t\r{[", name.p[i]);
    buf_reset(&p->token);
    buf_add(&p->token, name);
    parser_eat(p, end);
    if (ok && parser_tell_name(p, buf_str(&p->token))) begin_function(p);
    else parser_break(p);
    return true;
}

static bool step_pair(struct tool_parser *p)
{
    static const str tags[] = { STR_INIT("<arg_key>"), STR_INIT("</tool_call>") }, close_key = STR_INIT("</arg_key>"), open_value = STR_INIT("<arg_value>"), close_value = STR_INIT("</arg_value>");
    str rest = parser_rest(p);
    size_t n = 0;
    while (n < rest.n && strchr(" \t\r\n", rest.p[n])) n++;
    parser_eat(p, n);
    rest = parser_rest(p);
    if (rest.n == 0) return false;
    if (!p->is_told) return step_name(p);
    if (str_starts(rest, tags[1])) {
        end_function(p);
        p->at += tags[1].n;
        if (p->state != IS_DONE) p->state = IN_TEXT;
        return true;
    }
    if (!str_starts(rest, tags[0])) {
        if (!p->is_end && (str_starts(tags[0], rest) || str_starts(tags[1], rest))) return false;
        parser_break(p);
        return true;
    }
    size_t key_end = str_find(rest, close_key), value_at = str_find(rest, open_value), value_end = str_find(rest, close_value);
    if (value_end == STR_NONE) return false; /* a pair is told when it is complete */
    if (key_end == STR_NONE || value_at == STR_NONE || key_end > value_at || value_at > value_end) {
        parser_break(p);
        return true;
    }
    str key = str_n(rest.p + tags[0].n, key_end - tags[0].n), value = str_n(rest.p + value_at + open_value.n, value_end - value_at - open_value.n);
    tell_parameter(p, str_trim(key), value);
    parser_eat(p, value_end + close_value.n);
    return true;
}

bool xml_step(struct tool_parser *p)
{
    if (p->d->has_pairs) return step_pair(p);
    if (p->state == IN_TAG) return step_tag(p);
    str rest = parser_rest(p), close = STR("</parameter>");
    size_t end = str_find(rest, close);
    if (end == STR_NONE) return false;
    tell_parameter(p, buf_str(&p->token), value_of(str_to(rest, end)));
    parser_eat(p, end + close.n);
    p->state = IN_TAG;
    return true;
}
