/* api/infer/responses_request.c - a request of OpenAI's responses, said as one of chat completions.
 *
 * Items become messages: those of functions that were called one message of the assistant, what they gave messages of tools.
 * Nothing is stored here, so whatever refers to what was stored is refused by name. */
#include "api/infer/responses.h"

/* ------------------------------------------------------------------ building JSON */

static void put_str(struct arena *a, struct json *o, str key, str value) { json_put(o, key, json_new_str(a, value)); }

static void put_copy(struct arena *a, struct json *o, str key, const struct json *v)
{
    if (is_given(v)) json_put(o, key, json_share(a, v));
}

static struct json *message(struct arena *a, struct json *messages, str role)
{
    struct json *m = json_new(a, JSON_OBJECT);
    put_str(a, m, STR("role"), role);
    json_add(messages, m);
    return m;
}

/* ------------------------------------------------------------------ items */

static bool wrong_item(size_t i, const char *what, struct err *e) { return err_set(e, ERR_INVALID, "\"input[%zu]\" %s", i, what); }

/* Parts are called input_text and output_text here. */
static bool put_content(struct arena *a, struct json *m, const struct json *content, size_t i, struct err *e)
{
    if (json_is(content, JSON_STRING)) {
        put_copy(a, m, STR("content"), content);
        return true;
    }
    if (!json_is(content, JSON_ARRAY)) return wrong_item(i, "must have content: a text or a list of parts", e);
    struct json_list list = json_list_new(a, JSON_ARRAY);
    json_each (part, content) {
        str type = json_str_or(part, STR("type"), STR("")), text;
        bool is_refusal = str_eq(type, STR("refusal"));
        if (str_eq(type, STR("input_image")) || str_eq(type, STR("input_file")) || str_eq(type, STR("input_audio")))
            return err_set(e, ERR_NOT_BUILT, "\"input[%zu].content\" has a part of type %.*s, which is not built in this version of Hearth; input_text is", i, STR_ARG(type));
        if (!is_refusal && !str_eq(type, STR("input_text")) && !str_eq(type, STR("output_text")) && !str_eq(type, STR("text")))
            return wrong_item(i, "has a part of a type that is not known; input_text and output_text are", e);
        if (!json_str(json_get(part, is_refusal ? STR("refusal") : STR("text")), &text)) return wrong_item(i, "has a part without \"text\"", e);
        struct json *p = json_new(a, JSON_OBJECT);
        put_str(a, p, STR("type"), STR("text"));
        put_str(a, p, STR("text"), text);
        json_list_add(&list, p);
    }
    json_put(m, STR("content"), list.container);
    return true;
}

/* Calls that follow each other are of one answer. */
static bool add_call(struct arena *a, struct json *messages, struct json **answer, const struct json *item, size_t i, struct err *e)
{
    str name, arguments, id;
    if (!json_str(json_get(item, STR("name")), &name) || !json_str(json_get(item, STR("arguments")), &arguments) || !json_str(json_get(item, STR("call_id")), &id))
        return wrong_item(i, "must have \"call_id\", \"name\" and \"arguments\", which are texts", e);
    if (!*answer) {
        *answer = message(a, messages, STR("assistant"));
        json_put(*answer, STR("tool_calls"), json_new(a, JSON_ARRAY));
    }
    struct json *call = json_new(a, JSON_OBJECT), *f = json_new(a, JSON_OBJECT);
    put_str(a, call, STR("id"), id);
    put_str(a, call, STR("type"), STR("function"));
    put_str(a, f, STR("name"), name);
    put_str(a, f, STR("arguments"), arguments);
    json_put(call, STR("function"), f);
    json_add((struct json *)(uintptr_t)json_get(*answer, STR("tool_calls")), call); /* we made it */
    return true;
}

static bool add_output(struct arena *a, struct json *messages, const struct json *item, size_t i, struct err *e)
{
    str id;
    if (!json_str(json_get(item, STR("call_id")), &id)) return wrong_item(i, "must have \"call_id\", a text", e);
    struct json *m = message(a, messages, STR("tool"));
    put_str(a, m, STR("tool_call_id"), id);
    return put_content(a, m, json_get(item, STR("output")), i, e);
}

static bool add_item(struct arena *a, struct json *messages, struct json **answer, const struct json *item, size_t i, struct err *e)
{
    str type = json_str_or(item, STR("type"), STR("message")), role;
    if (item->type != JSON_OBJECT) return wrong_item(i, "must be an object", e);
    if (str_eq(type, STR("function_call"))) return add_call(a, messages, answer, item, i, e);
    *answer = NULL;
    if (str_eq(type, STR("reasoning"))) return true; /* what was thought before is not shown to models again */
    if (str_eq(type, STR("function_call_output"))) return add_output(a, messages, item, i, e);
    if (!str_eq(type, STR("message"))) return err_set(e, ERR_NOT_BUILT, "\"input[%zu]\" is of type %.*s, which is not built in this version of Hearth", i, STR_ARG(str_to(type, 60)));
    if (!json_str(json_get(item, STR("role")), &role)) return wrong_item(i, "must have a \"role\"", e);
    return put_content(a, message(a, messages, role), json_get(item, STR("content")), i, e);
}

static bool put_messages(struct arena *a, struct json *out, const struct json *body, struct err *e)
{
    const struct json *input = field_of(body, "input"), *instructions = field_of(body, "instructions");
    struct json *messages = json_new(a, JSON_ARRAY), *answer = NULL;
    size_t i = 0;
    if (!input || (json_is(input, JSON_ARRAY) && input->count == 0)) return err_set(e, ERR_INVALID, "\"input\" is required: a text or a list of items");
    if (json_is(input, JSON_ARRAY) && input->count > OPENAI_MESSAGES_MAX) return err_set(e, ERR_INVALID, "\"input\" may have at most %d items", OPENAI_MESSAGES_MAX);
    if (instructions) put_copy(a, message(a, messages, STR("system")), STR("content"), instructions);
    if (json_is(input, JSON_STRING)) put_copy(a, message(a, messages, STR("user")), STR("content"), input);
    json_each (item, json_is(input, JSON_ARRAY) ? input : NULL)
        if (!add_item(a, messages, &answer, item, i++, e)) return false;
    json_put(out, STR("messages"), messages);
    return true;
}

/* ------------------------------------------------------------------ functions, formats */

/* Functions are flat here: {"type": "function", "name", "description", "parameters", "strict"}. */
static bool put_tools(struct arena *a, struct json *out, const struct json *body, struct err *e)
{
    static const str members[] = { STR_INIT("name"), STR_INIT("description"), STR_INIT("parameters"), STR_INIT("strict") };
    const struct json *tools = field_of(body, "tools"), *choice = field_of(body, "tool_choice"), *name = json_get(choice, STR("name"));
    struct json *list = json_new(a, JSON_ARRAY);
    size_t i = 0;
    json_each (tool, tools) {
        struct json *t = json_new(a, JSON_OBJECT), *f = json_new(a, JSON_OBJECT);
        str type = json_str_or(tool, STR("type"), STR(""));
        if (type.n && !str_eq(type, STR("function")))
            return err_set(e, ERR_NOT_BUILT, "\"tools[%zu].type\" is %.*s, which is not built in this version of Hearth; function is", i, STR_ARG(str_to(type, 40)));
        i++;
        put_copy(a, t, STR("type"), json_get(tool, STR("type")));
        for (size_t k = 0; k < COUNT(members); k++) put_copy(a, f, members[k], json_get(tool, members[k]));
        json_put(t, STR("function"), f);
        json_add(list, t);
    }
    if (tools) json_put(out, STR("tools"), list);
    if (json_is(choice, JSON_OBJECT) && name) {
        struct json *c = json_new(a, JSON_OBJECT), *f = json_new(a, JSON_OBJECT);
        put_copy(a, c, STR("type"), json_get(choice, STR("type")));
        put_copy(a, f, STR("name"), name);
        json_put(c, STR("function"), f);
        json_put(out, STR("tool_choice"), c);
    } else {
        put_copy(a, out, STR("tool_choice"), choice);
    }
    return true;
}

/* {"type": "json_schema", "name", "schema", "strict"}, with the schema one level up from where chats have it. */
static bool put_format(struct arena *a, struct json *out, const struct json *body, struct err *e)
{
    const struct json *format = field_of(field_of(body, "text"), "format");
    if (!format) {
        put_copy(a, out, STR("response_format"), field_of(body, "response_format")); /* tolerated, as Hugging Face's router does */
        return true;
    }
    if (!json_is(format, JSON_OBJECT)) return err_set(e, ERR_INVALID, "\"text.format\" must be an object");
    struct json *f = json_new(a, JSON_OBJECT), *named = json_new(a, JSON_OBJECT);
    bool is_schema = str_eq(json_str_or(format, STR("type"), STR("")), STR("json_schema"));
    if (is_schema && !json_is(field_of(format, "schema"), JSON_OBJECT)) return err_set(e, ERR_INVALID, "\"text.format.schema\" must be an object: a JSON schema");
    put_copy(a, f, STR("type"), json_get(format, STR("type")));
    put_copy(a, named, STR("schema"), json_get(format, STR("schema")));
    if (is_schema) json_put(f, STR("json_schema"), named);
    json_put(out, STR("response_format"), f);
    return true;
}

/* ------------------------------------------------------------------ all of it */

static const struct field fields[] = {
    { "input", FIELD_TEXT | FIELD_LIST, 0, 0 }, { "instructions", FIELD_TEXT, 0, 0 }, { "max_output_tokens", FIELD_INT, 1, 1 << 30 },
    { "temperature", FIELD_REAL, 0, 2 }, { "top_p", FIELD_REAL, 0, 1 }, { "stream", FIELD_BOOL, 0, 0 }, { "store", FIELD_BOOL, 0, 0 },
    { "previous_response_id", FIELD_TEXT, 0, 0 }, { "metadata", FIELD_OBJECT, 0, 0 }, { "truncation", FIELD_TEXT, 0, 0 }, { "include", FIELD_LIST, 0, 0 },
    { "reasoning", FIELD_OBJECT, 0, 0 }, { "text", FIELD_OBJECT, 0, 0 }, { "tools", FIELD_LIST, 0, OPENAI_TOOLS_MAX }, { "tool_choice", FIELD_TEXT | FIELD_OBJECT, 0, 0 },
    { "parallel_tool_calls", FIELD_BOOL, 0, 0 }, { "top_logprobs", FIELD_INT, 0, 20 }, { "user", FIELD_TEXT, 0, 0 }, { "background", FIELD_BOOL, 0, 0 },
};

static bool refuse_not_built(const struct json *body, struct err *e)
{
    static const char *const names[] = { "previous_response_id", "conversation", "prompt" };
    for (size_t i = 0; i < COUNT(names); i++)
        if (field_of(body, names[i])) return err_set(e, ERR_NOT_BUILT, "\"%s\" refers to what is stored, and this version of Hearth stores no responses; send all items as \"input\"", names[i]);
    if (field_of(body, "max_tool_calls")) return err_set(e, ERR_NOT_BUILT, "\"max_tool_calls\" is not built in this version of Hearth; \"parallel_tool_calls\" is");
    if (json_bool_or(body, STR("background"), false)) return err_set(e, ERR_NOT_BUILT, "\"background\" is not built in this version of Hearth");
    return true;
}

static bool includes(const struct json *body, str what)
{
    json_each (item, field_of(body, "include"))
        if (json_is(item, JSON_STRING) && str_eq(item->s, what)) return true;
    return false;
}

bool responses_as_chat(const struct json *body, struct arena *a, struct json **out, struct err *e)
{
    static const struct { str theirs, ours; } same[] = {
        { STR_INIT("max_output_tokens"), STR_INIT("max_completion_tokens") }, { STR_INIT("temperature"), STR_INIT("temperature") }, { STR_INIT("top_p"), STR_INIT("top_p") },
        { STR_INIT("stream"), STR_INIT("stream") }, { STR_INIT("parallel_tool_calls"), STR_INIT("parallel_tool_calls") }, { STR_INIT("user"), STR_INIT("user") },
        { STR_INIT("metadata"), STR_INIT("metadata") }, { STR_INIT("chat_template_kwargs"), STR_INIT("chat_template_kwargs") },
    };
    if (!fields_check(body, fields, COUNT(fields), e) || !refuse_not_built(body, e)) return false;
    struct json *chat = json_new(a, JSON_OBJECT);
    for (size_t i = 0; i < COUNT(same); i++) put_copy(a, chat, same[i].ours, json_get(body, same[i].theirs));
    put_copy(a, chat, STR("reasoning_effort"), field_of(field_of(body, "reasoning"), "effort"));
    if (includes(body, STR("message.output_text.logprobs"))) {
        json_put(chat, STR("logprobs"), json_new_bool(a, true));
        put_copy(a, chat, STR("top_logprobs"), json_get(body, STR("top_logprobs")));
    }
    *out = chat;
    return put_messages(a, chat, body, e) && put_tools(a, chat, body, e) && put_format(a, chat, body, e);
}
