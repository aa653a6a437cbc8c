/* api/infer/openai_messages.c - a conversation, from the form of OpenAI's clients to that which chat templates were written for.
 *
 * Templates expect texts where clients may send parts, objects where they send JSON in a text (the arguments of calls), and the
 * role "system" where newer clients say "developer".  A message of a tool gets the name of the function that it answers. */
#include "api/infer/openai.h"

enum { PATH_BYTES = 64, CALLS_MAX = 1024 /* of one message: each answer looks for its own among them */ };

static bool wrong(size_t i, const char *what, const char *must_be, struct err *e)
{
    return err_set(e, ERR_INVALID, "\"messages[%zu]%s\" must be %s", i, what, must_be);
}

/* ------------------------------------------------------------------ content */

static bool add_part(struct buf *out, size_t i, size_t k, const struct json *part, struct err *e)
{
    static const char *const not_built[] = { "image_url", "input_audio", "file", "video_url", "audio_url" };
    str type = json_str_or(part, STR("type"), STR("")), text;
    bool is_text = str_eq(type, STR("text")), is_refusal = str_eq(type, STR("refusal"));
    for (size_t n = 0; n < COUNT(not_built); n++)
        if (str_eq(type, str_c(not_built[n])))
            return err_set(e, ERR_NOT_BUILT, "\"messages[%zu].content[%zu]\" is of type %s, which is not built in this version of Hearth; text is", i, k, not_built[n]);
    if (!is_text && !is_refusal) return err_set(e, ERR_INVALID, "\"messages[%zu].content[%zu].type\" must be text", i, k);
    if (!json_str(json_get(part, is_text ? STR("text") : STR("refusal")), &text)) return err_set(e, ERR_INVALID, "\"messages[%zu].content[%zu].text\" must be a text", i, k);
    buf_add(out, text);
    return true;
}

/* No separator between parts, as TGI has it. */
static bool write_content(struct json_writer *w, size_t i, const struct json *content, struct err *e)
{
    struct buf text = BUF_INIT(0);
    size_t k = 0;
    bool ok = true;
    if (is_given(content) && content->type != JSON_STRING && content->type != JSON_ARRAY) return wrong(i, ".content", "a text or a list of parts", e);
    if (json_is(content, JSON_STRING)) buf_add(&text, content->s);
    json_each (part, json_is(content, JSON_ARRAY) ? content : NULL) ok = ok && add_part(&text, i, k++, part, e);
    if (ok) jw_kstr(w, "content", buf_str(&text));
    buf_deinit(&text);
    return ok;
}

/* ------------------------------------------------------------------ calls of functions, and what they gave */

/* Clients send the arguments as a text of JSON; templates write them themselves. */
static void write_arguments(struct json_writer *w, const struct json *v)
{
    struct arena *a = arena_new(64 << 20);
    struct json *parsed;
    struct err ignored;
    bool is_object = json_is(v, JSON_STRING) && json_parse(v->s, a, &parsed, &ignored) && parsed->type == JSON_OBJECT;
    jw_kvalue(w, "arguments", is_object ? parsed : v);
    arena_free(a);
}

static bool write_calls(struct json_writer *w, size_t i, const struct json *calls, struct err *e)
{
    size_t k = 0;
    if (calls->type != JSON_ARRAY) return wrong(i, ".tool_calls", "a list", e);
    if (calls->count > CALLS_MAX) return err_set(e, ERR_INVALID, "\"messages[%zu].tool_calls\" may have at most %d entries", i, CALLS_MAX);
    if (calls->count == 0) return true;
    jw_karray(w, "tool_calls");
    json_each (call, calls) {
        const struct json *f = json_get(call, STR("function")), *arguments = json_get(f, STR("arguments"));
        str name, id = json_str_or(call, STR("id"), STR(""));
        char path[PATH_BYTES];
        snprintf(path, sizeof path, ".tool_calls[%zu].function", k++);
        if (!json_str(json_get(f, STR("name")), &name)) return wrong(i, path, "an object with a name", e);
        if (!json_is(arguments, JSON_STRING) && !json_is(arguments, JSON_OBJECT)) return wrong(i, path, "an object with \"arguments\", a text of JSON", e);
        jw_object(w);
        if (id.n) jw_kstr(w, "id", id);
        jw_kstr(w, "type", STR("function"));
        jw_kobject(w, "function");
        jw_kstr(w, "name", name);
        write_arguments(w, arguments);
        jw_object_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
    return true;
}

/* The function whose call has this id. */
static str function_called(const struct json *calls, str id)
{
    str name = STR("");
    json_each (call, calls)
        if (str_eq(json_str_or(call, STR("id"), STR("")), id)) name = json_str_or(json_get(call, STR("function")), STR("name"), name);
    return name;
}

static bool write_tool_fields(struct json_writer *w, const struct json *calls, const struct json *m, size_t i, struct err *e)
{
    str id;
    if (!json_str(json_get(m, STR("tool_call_id")), &id)) return wrong(i, ".tool_call_id", "a text: the id of the call that this answers", e);
    str name = json_str_or(m, STR("name"), function_called(calls, id));
    jw_kstr(w, "tool_call_id", id);
    if (name.n) jw_kstr(w, "name", name);
    return true;
}

/* ------------------------------------------------------------------ messages */

/* *asked: the calls that were made last, which tools answer. */
static bool write_message(struct json_writer *w, const struct json *m, size_t i, const struct json **asked, struct err *e)
{
    static const char *const roles[] = { "system", "developer", "user", "assistant", "tool" };
    str role, name, reasoning;
    bool is_known = false, is_tool, is_assistant;
    if (m->type != JSON_OBJECT) return wrong(i, "", "an object with \"role\" and \"content\"", e);
    if (!json_str(json_get(m, STR("role")), &role)) return wrong(i, ".role", "a text", e);
    for (size_t k = 0; k < COUNT(roles); k++) is_known |= str_eq(role, str_c(roles[k]));
    if (!is_known) return wrong(i, ".role", "system, developer, user, assistant or tool", e);
    is_tool = str_eq(role, STR("tool"));
    is_assistant = str_eq(role, STR("assistant"));
    jw_object(w);
    jw_kstr(w, "role", str_eq(role, STR("developer")) ? STR("system") : role);
    if (!write_content(w, i, json_get(m, STR("content")), e)) return false;
    if (!is_tool && json_str(json_get(m, STR("name")), &name)) jw_kstr(w, "name", name);
    if (is_tool && !write_tool_fields(w, *asked, m, i, e)) return false;
    if (is_assistant && (json_str(json_get(m, STR("reasoning_content")), &reasoning) || json_str(json_get(m, STR("reasoning")), &reasoning)))
        jw_kstr(w, "reasoning_content", reasoning);
    const struct json *calls = field_of(m, "tool_calls");
    if (is_assistant && calls && !write_calls(w, i, *asked = calls, e)) return false;
    jw_object_end(w);
    return true;
}

/* An answer that has begun is continued. */
static bool is_open(const struct json *last)
{
    const struct json *content = json_get(last, STR("content"));
    bool has_text = (json_is(content, JSON_STRING) && content->s.n) || (json_is(content, JSON_ARRAY) && content->count);
    return has_text && str_eq(json_str_or(last, STR("role"), STR("")), STR("assistant")) && !field_of(last, "tool_calls");
}

bool openai_write_messages(struct json_writer *w, const struct json *messages, bool *continues, struct err *e)
{
    const struct json *asked = NULL;
    size_t i = 0;
    *continues = false;
    if (!json_is(messages, JSON_ARRAY) || messages->count == 0) return err_set(e, ERR_INVALID, "\"messages\" is required and must be a list of messages");
    if (messages->count > OPENAI_MESSAGES_MAX) return err_set(e, ERR_INVALID, "\"messages\" may have at most %d messages", OPENAI_MESSAGES_MAX);
    jw_karray(w, "messages");
    json_each (m, messages) {
        if (!write_message(w, m, i++, &asked, e)) return false;
        *continues = is_open(m);
    }
    jw_array_end(w);
    return true;
}
