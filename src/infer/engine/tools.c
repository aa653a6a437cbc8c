/* infer/engine/tools.c - see infer/engine/tools.h. */
#include "infer/engine/tools.h"

#include "base/hash.h"

enum { TOOLS_BYTES_MAX = 64 << 20, ID_CHARS = 24, SHORT_ID_CHARS = 9 };

struct engine_tools {
    struct arena *a;
    const struct tool_dialect *dialect;
    struct tool_rules rules;
    struct tool_parser **parser; /* [choices] */
    size_t choices;
};

/* The request goes, the list stays. */
static bool copy_tools(struct engine_tools *t, const struct json *tools, const struct json *choice, struct err *e)
{
    struct json *copy;
    if (!json_parse(json_text(t->a, tools), t->a, &copy, e)) return false;
    t->rules.tools = copy;
    t->rules.is_required = json_bool_or(choice, STR("required"), false);
    t->rules.name = arena_dup(t->a, json_str_or(choice, STR("name"), STR("")));
    return true;
}

static bool find_dialect(struct engine_tools *t, const struct chat *chat, struct err *e)
{
    if (!chat || !(chat_reads(chat, STR("tools")) || chat_reads(chat, STR("xml_tools")))) return err_set(e, ERR_UNPROCESSABLE, "\"tools\": the chat template of this model takes none; the model was not made to call functions");
    t->dialect = tool_dialect_of(chat_template(chat, true));
    return t->dialect || err_set(e, ERR_UNPROCESSABLE, "\"tools\": the way in which this model's chat template teaches it to call functions is not known to this version of Hearth");
}

bool engine_tools_new(const struct chat *chat, const struct json *request, size_t choices, struct engine_tools **out, struct err *e)
{
    const struct json *tools = json_get(request, STR("tools"));
    *out = NULL;
    if (!json_is(tools, JSON_ARRAY) || tools->count == 0) return true;
    struct engine_tools *t = mem_one(struct engine_tools);
    t->a = arena_new(TOOLS_BYTES_MAX);
    if (!find_dialect(t, chat, e) || !copy_tools(t, tools, json_get(request, STR("tool_choice")), e)) {
        engine_tools_free(t);
        return false;
    }
    t->rules.only_one = !json_bool_or(request, STR("parallel_tool_calls"), true);
    t->parser = arena_alloc(t->a, choices * sizeof *t->parser);
    t->choices = choices;
    for (size_t i = 0; i < choices; i++) t->parser[i] = tool_parser_new(t->dialect, t->rules.tools, t->rules.only_one);
    *out = t;
    return true;
}

void engine_tools_free(struct engine_tools *t)
{
    if (!t) return;
    for (size_t i = 0; i < t->choices; i++) tool_parser_free(t->parser[i]);
    arena_free(t->a);
    mem_free(t);
}

static const struct json any_object_type = { .type = JSON_STRING, .key = STR_INIT("type"), .s = STR_INIT("object") };
static const struct json any_object_allows = { .type = JSON_BOOL, .key = STR_INIT("additionalProperties"), .b = true };

/* All that a grammar is made of, bounded as a schema that stands by itself is. */
static bool check_size(const struct engine_tools *t, const struct json *otherwise, struct err *e)
{
    size_t size = otherwise ? json_text(t->a, otherwise).n : 0;
    json_each (tool, t->rules.tools) {
        const struct json *parameters = json_get(json_get(tool, STR("function")), STR("parameters"));
        if (parameters) size += json_text(t->a, parameters).n;
    }
    return size <= GRAMMAR_SOURCE_MAX ||
           err_set(e, ERR_TOO_LARGE, "\"tools\": schemas that an answer must be valid by may have %d bytes together, and these have %zu", GRAMMAR_SOURCE_MAX, size);
}

bool engine_tools_grammar(const struct engine_tools *t, const struct json *asked, struct grammar **out, bool *is_theirs, struct err *e)
{
    struct tool_rules rules = t->rules;
    struct json type = any_object_type, allows = any_object_allows, object = { .type = JSON_OBJECT, .first = &type, .count = 2 }, *parsed;
    const struct json *value = json_get(asked, STR("value"));
    str kind = json_str_or(asked, STR("kind"), STR(""));
    bool is_object = str_eq(kind, STR("json_object")), is_schema = str_eq(kind, STR("json_schema"));
    type.next = &allows;
    *out = NULL;
    *is_theirs = asked && !is_object && !is_schema;
    if (*is_theirs) return true;
    if (is_schema && json_is(value, JSON_STRING)) {
        if (!json_parse(value->s, t->a, &parsed, e)) return err_context(e, "JSON schema");
        value = parsed;
    }
    if (asked) rules.otherwise = is_object ? &object : value;
    if (!rules.is_required && !rules.otherwise && !tool_is_any_strict(rules.tools)) return true;
    if (!check_size(t, rules.otherwise, e)) return false;
    return tool_grammar(t->dialect, &rules, out, e);
}

size_t engine_tools_markers(const struct chat *chat, const struct tokenizer *tokenizer, uint32_t *out, size_t most)
{
    const struct tool_dialect *d = tool_dialect_of(chat_template(chat, true));
    const char *marker;
    size_t n = 0;
    for (size_t i = 0; d && n < most && (marker = tool_dialect_marker(d, i)); i++)
        if (tokenizer_id(tokenizer, str_c(marker), &out[n]) && tokenizer_is_special(tokenizer, out[n])) n++;
    return n;
}

static void write_id(const struct engine_tools *t, struct json_writer *w)
{
    char id[5 + ID_CHARS + 1] = "call_";
    bool is_short = tool_dialect_has_short_ids(t->dialect);
    random_alnum(is_short ? id : id + 5, is_short ? SHORT_ID_CHARS : ID_CHARS);
    jw_kstr(w, "id", str_c(id));
}

void engine_tools_add(struct engine_tools *t, size_t choice, str text, bool is_end, struct buf *told, struct json_writer *calls)
{
    struct tool_parser *p = t->parser[choice];
    struct tool_event v;
    tool_parser_add(p, text);
    if (is_end) tool_parser_end(p);
    while (tool_parser_take(p, &v)) {
        if (v.kind == TOOL_TEXT) {
            buf_add(told, v.text);
            continue;
        }
        jw_object(calls);
        jw_kint(calls, "index", (int64_t)v.index);
        if (v.kind == TOOL_NAME) write_id(t, calls);
        jw_kstr(calls, v.kind == TOOL_NAME ? "name" : "arguments", v.text);
        jw_object_end(calls);
    }
}

bool engine_tools_has_calls(const struct engine_tools *t, size_t choice) { return tool_parser_calls(t->parser[choice]) > 0; }
bool engine_tools_is_done(const struct engine_tools *t, size_t choice) { return tool_parser_is_done(t->parser[choice]); }
