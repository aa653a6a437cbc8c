/* model/tools/dialect.c - the table of dialects, and which of them a template teaches.
 *
 * The forms are those of the families' own templates (Qwen 2.5 and 3, Hermes, GLM 4.5, Llama 3.1 to 3.3, Mistral, Granite 3). */
#include "model/tools/dialect.h"

/* The first row that fits counts: those that are told by more stand before those that are told by less. */
static const struct tool_dialect dialects[] = {
    { .name = "qwen3-coder", .tells = { "<tool_call>", "<function=" }, .open = "<tool_call>", .close = "</tool_call>", .is_xml = true,
      .begin = "<tool_call>\n", .between = "\n</tool_call>\n<tool_call>\n", .end = "\n</tool_call>",
      .before = "<function=", .behind = ">\n", .after = "</function>" },
    { .name = "glm", .tells = { "<tool_call>", "<arg_key>" }, .open = "<tool_call>", .close = "</tool_call>", .is_xml = true, .has_pairs = true,
      .begin = "<tool_call>", .between = "</tool_call>\n<tool_call>", .end = "</tool_call>", .before = "", .behind = "\n", .after = "" },
    { .name = "hermes", .tells = { "<tool_call>" }, .open = "<tool_call>", .close = "</tool_call>",
      .begin = "<tool_call>\n", .between = "\n</tool_call>\n<tool_call>\n", .end = "\n</tool_call>",
      .before = "{\"name\": \"", .behind = "\", \"arguments\": ", .after = "}" },
    { .name = "mistral-named", .tells = { "[TOOL_CALLS]", "[ARGS]" }, .open = "[TOOL_CALLS]", .may_be_named = true, .has_short_ids = true,
      .begin = "[TOOL_CALLS]", .between = "[TOOL_CALLS]", .end = "", .before = "", .behind = "[ARGS]", .after = "" },
    { .name = "mistral", .tells = { "[TOOL_CALLS]" }, .open = "[TOOL_CALLS]", .may_be_named = true, .has_short_ids = true,
      .begin = "[TOOL_CALLS][", .between = ", ", .end = "]",
      .before = "{\"name\": \"", .behind = "\", \"arguments\": ", .after = "}" },
    { .name = "granite", .tells = { "<|tool_call|>" }, .open = "<|tool_call|>",
      .begin = "<|tool_call|>[", .between = ", ", .end = "]",
      .before = "{\"name\": \"", .behind = "\", \"arguments\": ", .after = "}" },
    { .name = "llama3", .tells = { "<|python_tag|>" }, .open = "<|python_tag|>", .may_be_bare = true,
      .begin = "", .between = "; ", .end = "", .before = "{\"name\": \"", .behind = "\", \"parameters\": ", .after = "}" },
    { .name = "llama3", .tells = { "<|eot_id|>", "\"parameters\"" }, .open = "<|python_tag|>", .may_be_bare = true,
      .begin = "", .between = "; ", .end = "", .before = "{\"name\": \"", .behind = "\", \"parameters\": ", .after = "}" },
};

const struct tool_dialect *tool_dialect_of(str chat_template)
{
    for (size_t i = 0; i < COUNT(dialects); i++) {
        bool fits = true;
        for (size_t k = 0; fits && k < DIALECT_TELLS_MAX && dialects[i].tells[k]; k++)
            fits = str_find(chat_template, str_c(dialects[i].tells[k])) != STR_NONE;
        if (fits) return &dialects[i];
    }
    return NULL;
}

const struct tool_dialect *tool_dialect_at(size_t i) { return i < COUNT(dialects) ? &dialects[i] : NULL; }
const char *tool_dialect_name(const struct tool_dialect *d) { return d->name; }
bool tool_dialect_has_short_ids(const struct tool_dialect *d) { return d->has_short_ids; }

const char *tool_dialect_marker(const struct tool_dialect *d, size_t i)
{
    const char *const markers[] = { d->open, d->close, d->may_be_named ? "[ARGS]" : NULL, d->may_be_named ? "[CALL_ID]" : NULL };
    for (size_t k = 0; k < COUNT(markers); k++)
        if (markers[k] && i-- == 0) return markers[k];
    return NULL;
}

bool tool_is_any_strict(const struct json *tools)
{
    json_each (tool, tools)
        if (json_bool_or(json_get(tool, STR("function")), STR("strict"), false)) return true;
    return false;
}
