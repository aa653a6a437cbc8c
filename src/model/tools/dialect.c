/* model/tools/dialect.c - the table of dialects, and which of them a template teaches.
 *
 * The forms are those of the families' own templates (Qwen 2.5 and 3, Hermes, GLM 4.5, Seed-OSS, Llama 3.1 to 3.3, Mistral, Granite 3, Phi, Command R7B and A,
 * DeepSeek V3, R1 (and what was distilled from it) and V3.1, Functionary 3.1, Olmo 3, LFM2, FunctionGemma). */
#include "model/tools/dialect.h"

#define DEEPSEEK(what, which) "<\xEF\xBD\x9Ctool\xE2\x96\x81" what "\xE2\x96\x81" which "\xEF\xBD\x9C>"
#define DEEPSEEK_SEP "<\xEF\xBD\x9Ctool\xE2\x96\x81sep\xEF\xBD\x9C>"

/* The first row that fits counts: those that are told by more stand before those that are told by less. */
const struct tool_dialect tool_dialects[] = {
    { .name = "qwen3-coder", .tells = { "<tool_call>", "<function=" }, .open = "<tool_call>", .close = "</tool_call>", .is_xml = true,
      .begin = "<tool_call>\n", .between = "\n</tool_call>\n<tool_call>\n", .end = "\n</tool_call>",
      .before = "<function=", .behind = ">\n", .after = "</function>", .key_before = "<parameter=", .key_after = ">\n", .value_after = "\n</parameter>\n" },
    { .name = "seed", .tells = { "<seed:tool_call>", "<function=" }, .open = "<seed:tool_call>", .close = "</seed:tool_call>", .is_xml = true,
      .begin = "<seed:tool_call>\n", .between = "\n</seed:tool_call>\n<seed:tool_call>\n", .end = "\n</seed:tool_call>",
      .before = "<function=", .behind = ">\n", .after = "</function>", .key_before = "<parameter=", .key_after = ">", .value_after = "</parameter>\n" },
    { .name = "glm", .tells = { "<tool_call>", "<arg_key>" }, .open = "<tool_call>", .close = "</tool_call>", .is_xml = true, .has_pairs = true,
      .begin = "<tool_call>", .between = "</tool_call>\n<tool_call>", .end = "</tool_call>", .before = "", .behind = "\n", .after = "",
      .key_before = "<arg_key>", .key_after = "</arg_key>\n<arg_value>", .value_after = "</arg_value>\n" },
    { .name = "hermes", .tells = { "<tool_call>" }, .open = "<tool_call>", .close = "</tool_call>",
      .begin = "<tool_call>\n", .between = "\n</tool_call>\n<tool_call>\n", .end = "\n</tool_call>",
      .before = "{\"name\": \"", .behind = "\", \"arguments\": ", .after = "}" },
    { .name = "mistral-named", .tells = { "[TOOL_CALLS]", "[ARGS]" }, .open = "[TOOL_CALLS]", .may_be_named = true, .has_short_ids = true,
      .begin = "[TOOL_CALLS]", .between = "[TOOL_CALLS]", .end = "", .before = "", .behind = "[ARGS]", .after = "" },
    { .name = "mistral", .tells = { "[TOOL_CALLS]" }, .open = "[TOOL_CALLS]", .may_be_named = true, .has_short_ids = true,
      .begin = "[TOOL_CALLS][", .between = ", ", .end = "]",
      .before = "{\"name\": \"", .behind = "\", \"arguments\": ", .after = "}" },
    { .name = "phi", .tells = { "<|tool_call|>", "<|/tool_call|>" }, .open = "<|tool_call|>", .close = "<|/tool_call|>",
      .begin = "<|tool_call|>[", .between = ", ", .end = "]<|/tool_call|>",
      .before = "{\"name\": \"", .behind = "\", \"arguments\": ", .after = "}" },
    { .name = "granite", .tells = { "<|tool_call|>" }, .open = "<|tool_call|>",
      .begin = "<|tool_call|>[", .between = ", ", .end = "]",
      .before = "{\"name\": \"", .behind = "\", \"arguments\": ", .after = "}" },
    { .name = "command", .tells = { "<|START_ACTION|>" }, .open = "<|START_ACTION|>", .close = "<|END_ACTION|>",
      .begin = "<|START_ACTION|>[\n    ", .between = ",\n    ", .end = "\n]<|END_ACTION|>",
      .before = "{\"tool_call_id\": \"0\", \"tool_name\": \"", .behind = "\", \"parameters\": ", .after = "}" },
    { .name = "deepseek-r1", .tells = { DEEPSEEK("calls", "begin"), "```json" }, .open = DEEPSEEK("calls", "begin"), .close = DEEPSEEK("calls", "end"),
      .may_be_named = true, .before_name = "function" DEEPSEEK_SEP, .skips = { DEEPSEEK("call", "begin"), DEEPSEEK("call", "end"), "```" },
      .begin = DEEPSEEK("calls", "begin"), .between = "\n", .end = DEEPSEEK("calls", "end"),
      .before = DEEPSEEK("call", "begin") "function" DEEPSEEK_SEP, .behind = "\n```json\n", .after = "\n```" DEEPSEEK("call", "end") },
    { .name = "deepseek", .tells = { DEEPSEEK("calls", "begin") }, .open = DEEPSEEK("calls", "begin"), .close = DEEPSEEK("calls", "end"),
      .may_be_named = true, .before_name = "function" DEEPSEEK_SEP, .skips = { DEEPSEEK("call", "begin"), DEEPSEEK("call", "end"), "```" },
      .begin = DEEPSEEK("calls", "begin"), .between = "", .end = DEEPSEEK("calls", "end"),
      .before = DEEPSEEK("call", "begin"), .behind = DEEPSEEK_SEP, .after = DEEPSEEK("call", "end") },
    { .name = "function-gemma", .tells = { "<start_function_call>" }, .open = "<start_function_call>", .close = "<end_function_call>", .is_python = true,
      .begin = "<start_function_call>", .between = "<end_function_call><start_function_call>", .end = "<end_function_call>",
      .before = "call:", .behind = "{", .after = "}", .key_before = "", .key_after = ":", .value_after = "", .members_between = ",", .quote = "<escape>" },
    { .name = "lfm2", .tells = { "<|tool_call_start|>" }, .open = "<|tool_call_start|>", .close = "<|tool_call_end|>", .is_python = true,
      .begin = "<|tool_call_start|>[", .between = ", ", .end = "]<|tool_call_end|>",
      .before = "", .behind = "(", .after = ")", .key_before = "", .key_after = "=", .value_after = "", .members_between = ", " },
    { .name = "olmo3", .tells = { "<function_calls>" }, .open = "<function_calls>", .close = "</function_calls>", .is_python = true,
      .begin = "<function_calls>", .between = "\n", .end = "</function_calls>",
      .before = "", .behind = "(", .after = ")", .key_before = "", .key_after = "=", .value_after = "", .members_between = ", " },
    { .name = "functionary", .tells = { "<function=", "</function>" }, .open = "<function=", .close = "</function>", .may_be_named = true,
      .begin = "", .between = "", .end = "", .before = "<function=", .behind = ">", .after = "</function>" },
    { .name = "llama3", .tells = { "<|python_tag|>" }, .open = "<|python_tag|>", .may_be_bare = true,
      .begin = "", .between = "; ", .end = "", .before = "{\"name\": \"", .behind = "\", \"parameters\": ", .after = "}" },
    { .name = "llama3", .tells = { "<|eot_id|>", "\"parameters\"" }, .open = "<|python_tag|>", .may_be_bare = true,
      .begin = "", .between = "; ", .end = "", .before = "{\"name\": \"", .behind = "\", \"parameters\": ", .after = "}" },
    { 0 },
};

const struct tool_dialect *tool_dialect_of(str chat_template)
{
    for (const struct tool_dialect *d = tool_dialects; d->name; d++) {
        bool fits = true;
        for (size_t k = 0; fits && k < DIALECT_TELLS_MAX && d->tells[k]; k++)
            fits = str_find(chat_template, str_c(d->tells[k])) != STR_NONE;
        if (fits) return d;
    }
    return NULL;
}

bool tool_dialect_has_short_ids(const struct tool_dialect *d) { return d->has_short_ids; }

const char *tool_dialect_marker(const struct tool_dialect *d, size_t i)
{
    const char *const markers[] = { d->open, d->close, d->skips[0], d->skips[1], d->before_name ? DEEPSEEK_SEP : NULL, d->quote,
                                    d->may_be_named && !d->close ? "[ARGS]" : NULL, d->may_be_named && !d->close ? "[CALL_ID]" : NULL };
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
