/* api/infer/openai_tools.c - the functions that a request offers, and whether one must be called. */
#include "api/infer/openai.h"

enum { NAME_BYTES_MAX = 64 };

static bool is_name(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
        if (!fine) return false;
    }
    return name.n > 0 && name.n <= NAME_BYTES_MAX;
}

static const struct json *function_named(const struct json *tools, const struct json *before, str name)
{
    json_each (tool, tools) {
        if (tool == before) break;
        if (str_eq(json_str_or(json_get(tool, STR("function")), STR("name"), STR("")), name)) return tool;
    }
    return NULL;
}

static bool check_tool(const struct json *tools, const struct json *tool, size_t i, struct err *e)
{
    str type = json_str_or(tool, STR("type"), STR("")), name = json_str_or(json_get(tool, STR("function")), STR("name"), STR(""));
    const struct json *f = json_get(tool, STR("function")), *parameters = field_of(f, "parameters"), *strict = field_of(f, "strict");
    if (tool->type != JSON_OBJECT || type.n == 0) return err_set(e, ERR_INVALID, "\"tools[%zu].type\" must be function", i);
    if (!str_eq(type, STR("function"))) return err_set(e, ERR_NOT_BUILT, "\"tools[%zu].type\" is %.*s, which is not built in this version of Hearth; function is", i, STR_ARG(str_to(type, 40)));
    if (!json_is(f, JSON_OBJECT)) return err_set(e, ERR_INVALID, "\"tools[%zu].function\" must be an object with a name", i);
    if (!is_name(name)) return err_set(e, ERR_INVALID, "\"tools[%zu].function.name\" must be 1 to %d letters, digits, _, - or .", i, NAME_BYTES_MAX);
    if (function_named(tools, tool, name)) return err_set(e, ERR_INVALID, "\"tools[%zu].function.name\": there are two functions %.*s", i, STR_ARG(name));
    if (parameters && parameters->type != JSON_OBJECT) return err_set(e, ERR_INVALID, "\"tools[%zu].function.parameters\" must be an object: a JSON schema", i);
    if (strict && strict->type != JSON_BOOL) return err_set(e, ERR_INVALID, "\"tools[%zu].function.strict\" must be true or false", i);
    if (field_of(f, "description") && !json_is(field_of(f, "description"), JSON_STRING)) return err_set(e, ERR_INVALID, "\"tools[%zu].function.description\" must be a text", i);
    return true;
}

struct choice {
    bool is_none, is_required;
    str name;
};

/* none, auto, required, {"type": "function", "function": {"name"}}; and TGI's: the name alone. */
static bool read_choice(const struct json *body, const struct json *tools, struct choice *out, struct err *e)
{
    const struct json *v = field_of(body, "tool_choice");
    str word = v && v->type == JSON_STRING ? v->s : STR("auto"), type = json_str_or(v, STR("type"), STR(""));
    *out = (struct choice){ .is_none = str_eq(word, STR("none")), .is_required = str_eq(word, STR("required")) };
    if (json_is(v, JSON_OBJECT)) {
        if (type.n && !str_eq(type, STR("function"))) return err_set(e, ERR_NOT_BUILT, "\"tool_choice\" of type %.*s is not built in this version of Hearth", STR_ARG(str_to(type, 40)));
        if (!json_str(json_get(json_get(v, STR("function")), STR("name")), &out->name)) return err_set(e, ERR_INVALID, "\"tool_choice\" must name a function: {\"type\": \"function\", \"function\": {\"name\"}}");
    } else if (!out->is_none && !out->is_required && !str_eq(word, STR("auto"))) {
        out->name = word;
    }
    if (out->name.n && !function_named(tools, NULL, out->name))
        return err_set(e, ERR_INVALID, "\"tool_choice\" must be none, auto, required or one of the functions in \"tools\", and %.*s is none of these", STR_ARG(str_to(out->name, 60)));
    if (out->is_required && !tools) return err_set(e, ERR_INVALID, "\"tool_choice\" requires a call, and there are no \"tools\"");
    out->is_required |= out->name.n > 0;
    return true;
}

bool openai_write_tools(struct json_writer *w, const struct json *body, bool *has_tools, struct err *e)
{
    const struct json *tools = field_of(body, "tools");
    struct choice choice;
    size_t i = 0;
    if (tools && tools->count == 0) tools = NULL;
    json_each (tool, tools)
        if (!check_tool(tools, tool, i++, e)) return false;
    if (!read_choice(body, tools, &choice, e)) return false;
    *has_tools = tools && !choice.is_none;
    if (!*has_tools) return true; /* a model that is told of none calls none */
    jw_kvalue(w, "tools", tools);
    jw_kobject(w, "tool_choice");
    jw_kbool(w, "required", choice.is_required);
    if (choice.name.n) jw_kstr(w, "name", choice.name);
    jw_object_end(w);
    field_copy(w, body, "parallel_tool_calls", "parallel_tool_calls");
    return true;
}
