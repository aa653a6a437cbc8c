/* api/infer/workers_ai_tools.c - functions in Workers AI: told flat, {"name", "description", "parameters"}, or in OpenAI's form; called as
 * {"name", "arguments"} with an object.  What goes to the model is OpenAI's form, which templates take. */
#include "api/infer/workers_ai.h"

/* Flat ones wrapped. */
static struct json *tools_of(const struct json *tools, struct arena *a)
{
    struct json *list = json_new(a, JSON_ARRAY);
    json_each (tool, tools) {
        struct json *wrapped = json_new(a, JSON_OBJECT);
        if (!json_is(tool, JSON_OBJECT) || json_get(tool, STR("function"))) {
            json_add(list, json_share(a, tool));
            continue;
        }
        json_put(wrapped, STR("type"), json_new_str(a, STR("function")));
        json_put(wrapped, STR("function"), json_share(a, tool));
        json_add(list, wrapped);
    }
    return list;
}

bool workers_ai_write_tools(struct run *r, struct json_writer *w, struct err *e)
{
    const struct json *tools = field_of(r->input, "tools"), *choice = field_of(r->input, "tool_choice");
    struct arena *a = r->m.c->a;
    struct json *body = json_new(a, JSON_OBJECT);
    bool ignored;
    if (!tools) return true;
    if (tools->type != JSON_ARRAY || tools->count > OPENAI_TOOLS_MAX) return err_set(e, ERR_INVALID, "\"tools\" must be a list of at most %d functions", OPENAI_TOOLS_MAX);
    json_put(body, STR("tools"), tools_of(tools, a));
    if (choice) json_put(body, STR("tool_choice"), json_share(a, choice));
    return openai_write_tools(w, body, &ignored, e);
}

/* Arguments that are not JSON are the model's own: as a text. */
void workers_ai_write_calls(struct run *r, struct json_writer *w)
{
    struct json *parsed;
    struct err ignored;
    if (!r->calls.n) return;
    jw_karray(w, "tool_calls");
    for (size_t i = 0; i < r->calls.n; i++) {
        const struct called *call = r->calls.call[i];
        str arguments = buf_str(&call->arguments);
        jw_object(w);
        jw_kstr(w, "name", call->name);
        if (json_parse(arguments, r->m.c->a, &parsed, &ignored)) jw_kraw(w, "arguments", arguments);
        else jw_kstr(w, "arguments", arguments);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* ------------------------------------------------------------------ messages */

static bool write_content(struct json_writer *w, const struct json *content, bool may_lack, struct err *e)
{
    struct buf text = BUF_INIT(0);
    bool ok = json_is(content, JSON_STRING) || json_is(content, JSON_ARRAY) || may_lack;
    if (!ok) err_set(e, ERR_INVALID, "\"messages\" must be a list of {\"role\", \"content\"}");
    if (json_is(content, JSON_STRING)) buf_add(&text, content->s);
    json_each (part, content) {
        if (!ok) break;
        ok = str_eq(json_str_or(part, STR("type"), STR("")), STR("text")) && json_is(json_get(part, STR("text")), JSON_STRING);
        if (ok) buf_add(&text, json_get(part, STR("text"))->s);
        else err_set(e, ERR_INVALID, "\"messages\": only parts of text are taken");
    }
    jw_kstr(w, "content", buf_str(&text));
    buf_deinit(&text);
    return ok;
}

/* {"name", "arguments"}, or OpenAI's with a "function" around it and its arguments as text, which templates take as they are. */
static void write_past_call(struct json_writer *w, const struct json *call)
{
    const struct json *function = json_get(call, STR("function"));
    jw_object(w);
    jw_kstr(w, "type", STR("function"));
    jw_kvalue(w, "function", function ? function : call);
    jw_object_end(w);
}

bool workers_ai_write_message(struct json_writer *w, const struct json *message, struct err *e)
{
    const struct json *role = json_get(message, STR("role")), *calls = field_of(message, "tool_calls");
    if (!json_is(role, JSON_STRING)) return err_set(e, ERR_INVALID, "\"messages\" must be a list of {\"role\", \"content\"}");
    if (calls && calls->type != JSON_ARRAY) return err_set(e, ERR_INVALID, "\"messages\": \"tool_calls\" must be a list");
    json_each (call, calls)
        if (!json_is(call, JSON_OBJECT)) return err_set(e, ERR_INVALID, "\"messages\": \"tool_calls\" must be a list of {\"name\", \"arguments\"}");
    jw_object(w);
    jw_kvalue(w, "role", role);
    bool ok = write_content(w, json_get(message, STR("content")), calls != NULL, e);
    field_copy(w, message, "name", "name");
    field_copy(w, message, "tool_call_id", "tool_call_id");
    if (calls) jw_karray(w, "tool_calls");
    json_each (call, calls) write_past_call(w, call);
    if (calls) jw_array_end(w);
    jw_object_end(w);
    return ok;
}
