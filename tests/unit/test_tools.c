/* Unit tests of src/model/tools: what models write as calls of functions, and what they may write. */
#include "unit.h"

#include "model/constrain/matcher.h"
#include "model/tools/dialect.h"

static struct err e;
static struct arena *arena;
static struct json *tools;

static const char *const functions =
    "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"},\"days\":{\"type\":\"integer\"}},"
    "\"required\":[\"city\"],\"additionalProperties\":false}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"now\"}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"sum\",\"strict\":true,\"parameters\":{\"type\":\"object\",\"$defs\":{\"n\":{\"type\":\"integer\"}},"
    "\"properties\":{\"a\":{\"$ref\":\"#/$defs/n\"},\"b\":{\"$ref\":\"#/$defs/n\"}},\"required\":[\"a\",\"b\"],\"additionalProperties\":false}}}]";

static int setup(void **state)
{
    (void)state;
    arena = arena_new(0);
    must_ok(json_parse(str_c(functions), arena, &tools, &e));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const struct tool_dialect *dialect(const char *name)
{
    for (const struct tool_dialect *d = tool_dialects; d->name; d++)
        if (!strcmp(d->name, name)) return d;
    fail_msg("no dialect %s", name);
    return NULL;
}

/* "text|name(arguments)|name(arguments)", where text is what was told outside of calls. */
static size_t calls_seen;
static void read_events(struct tool_parser *p, struct buf *text, struct buf *calls)
{
    struct tool_event v;
    while (tool_parser_take(p, &v)) {
        if (v.kind == TOOL_TEXT) buf_add(text, v.text);
        if (v.kind == TOOL_NAME) {
            if (calls->n) buf_byte(calls, ')');
            buf_addf(calls, "|%.*s(", STR_ARG(v.text));
        }
        if (v.kind == TOOL_ARGUMENTS) buf_add(calls, v.text);
        if (v.kind == TOOL_NAME) calls_seen++;
        if (v.kind != TOOL_TEXT) assert_int_equal(v.index, calls_seen - 1);
    }
}

static str parsed(const char *name, str text, size_t piece, bool only_one)
{
    struct buf told = BUF_INIT(0), calls = BUF_INIT(0);
    struct tool_parser *p = tool_parser_new(dialect(name), tools, only_one);
    calls_seen = 0;
    for (; text.n; text = str_from(text, piece)) {
        tool_parser_add(p, str_to(text, piece));
        read_events(p, &told, &calls);
    }
    tool_parser_end(p);
    read_events(p, &told, &calls);
    if (calls.n) buf_byte(&calls, ')');
    buf_add(&told, buf_str(&calls));
    str out = arena_dup(arena, buf_str(&told));
    tool_parser_free(p);
    buf_deinit(&told);
    buf_deinit(&calls);
    return out;
}

static const struct { const char *dialect, *text, *is; bool only_one; } written[] = {
    { "hermes", "Hello.", "Hello." },
    { "hermes", "Hello. \n", "Hello. \n" },
    { "hermes", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>", "|weather({\"city\": \"Rome\"})" },
    { "hermes", "Let me see.\n\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"a}b\\\"</tool_call>\"}}\n</tool_call>\n",
      "Let me see.|now({})|weather({\"city\": \"a}b\\\"</tool_call>\"})" },
    { "hermes", "<tool_call>{\"arguments\": {\"a\": [1, {\"x\": null}]}, \"name\": \"sum\"}</tool_call>", "|sum({\"a\": [1, {\"x\": null}]})" },
    { "hermes", "<tool_call>[{\"name\": \"now\", \"arguments\": {}}, {\"name\": \"now\"}]</tool_call> Done.", " Done.|now({})|now({})" },
    { "hermes", "<tool_call>{\"name\": \"weather\", \"arguments\": \"{\\\"city\\\": \\\"Rome\\\"}\"}</tool_call>", "|weather({\"city\": \"Rome\"})" },
    { "hermes", "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": \"sum\", \"arguments\": {}}\n</tool_call>", "|now({})", true },
    { "hermes", "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Ro", "|weather({\"city\": \"Ro)" },
    { "hermes", "<tool_call>\nI would call it.\n</tool_call> So.", "<tool_call>\nI would call it.\n</tool_call> So." },
    { "hermes", "<tool_call>{\"nom\": \"weather\"}</tool_call>", "<tool_call>{\"nom\": \"weather\"}</tool_call>" },
    { "hermes", "a <tool_cal b", "a <tool_cal b" },
    { "hermes", "<tool_call></tool_call>", "<tool_call></tool_call>" },
    { "hermes", "<tool_call>", "<tool_call>" },
    { "hermes", "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": 1}; oops}</tool_call>ok", "ok|weather({\"city\": 1})" },
    { "hermes", "<tool_call>{\"name\": \"now\", oops}</tool_call><tool_call>{\"name\": \"now\"}</tool_call>", "|now()", true },
    { "hermes", "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>", "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>" },
    { "hermes", "<tool_call>{\"name\": \"unheard-of\", \"arguments\": {}}</tool_call>", "|unheard-of({})" },
    { "llama3", "{\"name\": \"weather\", \"parameters\": {\"city\": \"Rome\"}}", "|weather({\"city\": \"Rome\"})" },
    { "llama3", "\n {\"type\": \"function\", \"name\": \"now\", \"parameters\": null}", "|now({})" },
    { "llama3", "{\"name\": \"now\", \"parameters\": {}}; {\"name\": \"sum\", \"parameters\": {\"a\": \"1\"}}", "|now({})|sum({\"a\": \"1\"})" },
    { "llama3", "<|python_tag|>{\"name\": \"now\", \"parameters\": {}}", "|now({})" },
    { "llama3", "{\"name\": \"Ada\", \"parameters\": {}}", "{\"name\": \"Ada\", \"parameters\": {}}" },
    { "llama3", "{\"answer\": 42}", "{\"answer\": 42}" },
    { "llama3", "The answer is {\"name\": \"now\", \"parameters\": {}}", "The answer is {\"name\": \"now\", \"parameters\": {}}" },
    { "llama3", "<|python_tag|>print(1)", "<|python_tag|>print(1)" },
    { "llama3", "  ", "  " },
    { "mistral", "[TOOL_CALLS][{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}, \"id\": \"abcdefghi\"}, {\"name\": \"now\", \"arguments\": {}}]",
      "|weather({\"city\": \"Rome\"})|now({})" },
    { "mistral", "[TOOL_CALLS] [{\"name\": \"now\", \"arguments\": {}}]", "|now({})" },
    { "mistral", "A list: [1, 2] and [TOOL", "A list: [1, 2] and [TOOL" },
    { "mistral-named", "[TOOL_CALLS]weather[ARGS]{\"city\": \"Rome\"}[TOOL_CALLS]now[CALL_ID]abcdefghi[ARGS]{}", "|weather({\"city\": \"Rome\"})|now({})" },
    { "mistral-named", "Yes.[TOOL_CALLS]weather{\"city\": \"Rome\"}", "Yes.|weather({\"city\": \"Rome\"})" },
    { "mistral-named", "[TOOL_CALLS]never", "[TOOL_CALLS]never" },
    { "granite", "<|tool_call|>[{\"name\": \"now\", \"arguments\": {}}, {\"name\": \"sum\", \"arguments\": {\"a\": 1, \"b\": 2}}]", "|now({})|sum({\"a\": 1, \"b\": 2})" },
    { "qwen3-coder", "Well.\n<tool_call>\n<function=weather>\n<parameter=city>\n12\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
      "Well.|weather({\"city\": \"12\", \"days\": 3})" },
    { "qwen3-coder", "<tool_call>\n<function=now>\n</function>\n</tool_call>\n<tool_call><function=weather><parameter=city>a\n\"b\"</parameter></function></tool_call>",
      "|now({})|weather({\"city\": \"a\\n\\\"b\\\"\"})" },
    { "qwen3-coder", "<tool_call>\n<func", "<tool_call>\n<func" },
    { "glm", "Well.\n<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>12</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>\n<tool_call>now\n</tool_call>",
      "Well.|weather({\"city\": \"12\", \"days\": 3})|now({})" },
    { "glm", "<tool_call>now</tool_call> ok <tool_call>now\n</tool_call>", " ok|now({})|now({})" },
    { "glm", "<tool_call>now\n</tool_call><tool_call>now\n</tool_call>", "|now({})", true },
    { "glm", "<tool_call>{\"name\": 1}</tool_call>", "<tool_call>{\"name\": 1}</tool_call>" },
    { "glm", "<tool_call>no", "<tool_call>no" },
    { "seed", "<seed:tool_call>\n<function=weather>\n<parameter=city>Rome</parameter>\n<parameter=days>3</parameter>\n</function>\n</seed:tool_call>", "|weather({\"city\": \"Rome\", \"days\": 3})" },
    { "phi", "<|tool_call|>[{\"name\": \"now\", \"arguments\": {}}]<|/tool_call|> ok", " ok|now({})" },
    { "command", "<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"weather\", \"parameters\": {\"city\": \"Rome\"}},\n    {\"tool_call_id\": \"1\", \"tool_name\": \"now\", \"parameters\": {}}\n]<|END_ACTION|>", "|weather({\"city\": \"Rome\"})|now({})" },
    { "deepseek-r1", "So.<\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "begin\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "begin\xEF\xBD\x9C>function<\xEF\xBD\x9Ctool\xE2\x96\x81" "sep\xEF\xBD\x9C>weather\n```json\n{\"city\": \"Rome\"}\n```<\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "end\xEF\xBD\x9C>\n<\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "begin\xEF\xBD\x9C>function<\xEF\xBD\x9Ctool\xE2\x96\x81" "sep\xEF\xBD\x9C>now\n```json\n{}\n```<\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "end\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "end\xEF\xBD\x9C>", "So.|weather({\"city\": \"Rome\"})|now({})" },
    { "deepseek", "<\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "begin\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "begin\xEF\xBD\x9C>weather<\xEF\xBD\x9Ctool\xE2\x96\x81" "sep\xEF\xBD\x9C>{\"city\": \"a<\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "end\xEF\xBD\x9C>\"}<\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "end\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "begin\xEF\xBD\x9C>now<\xEF\xBD\x9Ctool\xE2\x96\x81" "sep\xEF\xBD\x9C>{}<\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "end\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "end\xEF\xBD\x9C> ok", " ok|weather({\"city\": \"a<\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "end\xEF\xBD\x9C>\"})|now({})" },
    { "deepseek", "<\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "begin\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "begin\xEF\xBD\x9C>no call", "<\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "begin\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "begin\xEF\xBD\x9C>no call" },
    { "functionary", "So: <function=weather>{\"city\": \"Rome\"}</function><function=now>{}</function>.", "So:.|weather({\"city\": \"Rome\"})|now({})" },
    { "functionary", "a <function= b", "a <function= b" },
    { "olmo3", "<function_calls>weather(city=\"Rome\", days=3)\nnow()</function_calls>", "|weather({\"city\": \"Rome\", \"days\": 3})|now({})" },
    { "olmo3", "<function_calls>print(x)</function_calls>", "<function_calls>print(x)</function_calls>" },
    { "olmo3", "<function_calls>weather(city=\"Ro", "<function_calls>weather(city=\"Ro" },
    { "olmo3", "<function_calls>weather(\"Rome\")</function_calls>", "<function_calls>weather(\"Rome\")</function_calls>" },
    { "lfm2", "Yes.<|tool_call_start|>[weather(city='it\\'s \"here\"', days=-1.5e3,), now()]<|tool_call_end|>So", "Yes.So|weather({\"city\": \"it's \\\"here\\\"\", \"days\": -1.5e3})|now({})" },
    { "lfm2", "<|tool_call_start|>[sum(a=[1, 'x', (True, None)], b={'k': False, \"\\u00e9\\x41\": {}})]<|tool_call_end|>", "|sum({\"a\": [1, \"x\", [true, null]], \"b\": {\"k\": false, \"\xC3\xA9" "A\": {}}})" },
    { "function-gemma", "<start_function_call>call:weather{city:<escape>a } \"b\"<escape>,days:3}<end_function_call><start_function_call>call:now{}<end_function_call>", "|weather({\"city\": \"a } \\\"b\\\"\", \"days\": 3})|now({})" },
    { "function-gemma", "<start_function_call>call:sum{a:{x:[<escape>y<escape>,true]},b:null}<end_function_call>", "|sum({\"a\": {\"x\": [\"y\", true]}, \"b\": null})" },
    { "olmo3", "<function_calls>now()\nnow()</function_calls>", "|now({})", true },
};

static void what_models_write_is_read_in_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(written); i++) {
        str text = str_c(written[i].text);
        for (size_t piece = 1; piece <= text.n; piece = piece < 8 ? piece + 1 : piece < text.n ? text.n : text.n + 1) {
            str got = parsed(written[i].dialect, text, piece, written[i].only_one);
            if (!str_eq(got, str_c(written[i].is))) fail_msg("case %zu in pieces of %zu: %.*s", i, piece, STR_ARG(got));
        }
    }
}

static void a_template_tells_its_dialect(void **state)
{
    (void)state;
    static const struct { const char *text, *is; } cases[] = {
        { "{{ '<tool_call>' }}{\"name\": <function-name>}", "hermes" },
        { "<tool_call>\n<function=example>", "qwen3-coder" },
        { "<tool_call>{{ name }}\n<arg_key>", "glm" },
        { "{{ '[TOOL_CALLS] [' }}", "mistral" },
        { "[TOOL_CALLS]{{ name }}[ARGS]{{ arguments }}", "mistral-named" },
        { "{{- '<|python_tag|>' }}", "llama3" },
        { "\"parameters\": dictionary of argument name and its value}.<|eot_id|>", "llama3" },
        { "<|tool_call|>", "granite" },
        { "<|tool_call|>[]<|/tool_call|>", "phi" },
        { "<seed:tool_call>\n<function=f>\n<parameter=k>", "seed" },
        { "{{ '<|START_ACTION|>[' }}", "command" },
        { "'<\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "begin\xEF\xBD\x9C>' + '<\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "begin\xEF\xBD\x9C>' + tool['type'] + '<\xEF\xBD\x9Ctool\xE2\x96\x81" "sep\xEF\xBD\x9C>' + '\\n```json'", "deepseek-r1" },
        { "'<\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "begin\xEF\xBD\x9C>' + '<\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "begin\xEF\xBD\x9C>' + tool['function']['name'] + '<\xEF\xBD\x9Ctool\xE2\x96\x81" "sep\xEF\xBD\x9C>'", "deepseek" },
        { "'<function=' + name + '>' + arguments + '</function>' <|python_tag|> <|eot_id|>", "functionary" },
        { "<function_calls>", "olmo3" },
        { "<|tool_call_start|>[f()]<|tool_call_end|>", "lfm2" },
        { "<start_function_call>call:f{}<end_function_call>", "function-gemma" },
        { "{% for m in messages %}{{ m.content }}{% endfor %}", NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct tool_dialect *d = tool_dialect_of(str_c(cases[i].text));
        assert_string_equal(d ? d->name : "none", cases[i].is ? cases[i].is : "none");
    }
}

/* Whether the grammar takes the text, whole: 2; as a beginning: 1; not at all: 0. */
static int taken(const char *name, const struct tool_rules *rules, const char *text)
{
    struct grammar *g;
    must_ok(tool_grammar(dialect(name), rules, &g, &e));
    struct grammar_matcher *m = grammar_matcher_new(g, NULL, 1 << 20);
    struct grammar_state *s = grammar_state_new(m);
    int is = !grammar_accept_bytes(s, str_c(text)) ? 0 : grammar_may_end(s) ? 2 : 1;
    grammar_state_free(s);
    grammar_matcher_free(m);
    grammar_free(g);
    return is;
}

static void a_call_that_must_come_is_valid(void **state)
{
    (void)state;
    struct tool_rules any = { .tools = tools, .is_required = true }, named = { .tools = tools, .is_required = true, .only_one = true, .name = STR("weather") };
    static const struct { const char *dialect, *text; int any, named; } cases[] = {
        { "hermes", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\":\"Rome\"}}\n</tool_call>", 2, 2 },
        { "hermes", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"", 1, 1 },
        { "hermes", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"town\"", 0, 0 },
        { "hermes", "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", 2, 0 },
        { "hermes", "<tool_call>\n{\"name\": \"sum\", \"arguments\": {\"a\": 1,\"b\": 2}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", 2, 0 },
        { "hermes", "<tool_call>\n{\"name\": \"sum\", \"arguments\": {\"a\": 1.", 0, 0 },
        { "hermes", "", 1, 1 },
        { "hermes", "Hello", 0, 0 },
        { "llama3", "{\"name\": \"weather\", \"parameters\": {\"city\":\"Rome\"}}", 2, 2 },
        { "llama3", "{\"name\": \"now\", \"parameters\": {}}; {\"name\": \"now\", \"parameters\": {}}", 2, 0 },
        { "mistral", "[TOOL_CALLS][{\"name\": \"weather\", \"arguments\": {\"city\":\"Rome\"}}]", 2, 2 },
        { "mistral-named", "[TOOL_CALLS]weather[ARGS]{\"city\":\"Rome\"}", 2, 2 },
        { "granite", "<|tool_call|>[{\"name\": \"weather\", \"arguments\": {\"city\":\"Rome\"}}]", 2, 2 },
        { "qwen3-coder", "<tool_call>\n<function=weather>\n<parameter=city>\nRome <\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>", 2, 2 },
        { "qwen3-coder", "<tool_call>\n<function=weather>\n<parameter=days>", 0, 0 },
        { "glm", "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n</tool_call>", 2, 2 },
        { "glm", "<tool_call>weather\n<arg_key>town", 0, 0 },
        { "seed", "<seed:tool_call>\n<function=weather>\n<parameter=city>Rome</parameter>\n</function>\n</seed:tool_call>", 2, 2 },
        { "phi", "<|tool_call|>[{\"name\": \"weather\", \"arguments\": {\"city\":\"Rome\"}}]<|/tool_call|>", 2, 2 },
        { "command", "<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"weather\", \"parameters\": {\"city\":\"Rome\"}}\n]<|END_ACTION|>", 2, 2 },
        { "deepseek-r1", "<\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "begin\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "begin\xEF\xBD\x9C>function<\xEF\xBD\x9Ctool\xE2\x96\x81" "sep\xEF\xBD\x9C>weather\n```json\n{\"city\":\"Rome\"}\n```<\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "end\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "end\xEF\xBD\x9C>", 2, 2 },
        { "deepseek", "<\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "begin\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "begin\xEF\xBD\x9C>weather<\xEF\xBD\x9Ctool\xE2\x96\x81" "sep\xEF\xBD\x9C>{\"city\":\"Rome\"}<\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "end\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "end\xEF\xBD\x9C>", 2, 2 },
        { "deepseek", "<\xEF\xBD\x9Ctool\xE2\x96\x81" "calls\xE2\x96\x81" "begin\xEF\xBD\x9C><\xEF\xBD\x9Ctool\xE2\x96\x81" "call\xE2\x96\x81" "begin\xEF\xBD\x9C>town", 0, 0 },
        { "functionary", "<function=weather>{\"city\":\"Rome\"}</function>", 2, 2 },
        { "functionary", "<function=now>{}</function><function=now>{}</function>", 2, 0 },
        { "olmo3", "<function_calls>weather(city=\"Rome\", days=3)</function_calls>", 2, 2 },
        { "olmo3", "<function_calls>weather(city=\"Rome\")\nsum(a=1, b=2)\nnow()</function_calls>", 2, 0 },
        { "olmo3", "<function_calls>weather(days", 0, 0 },
        { "lfm2", "<|tool_call_start|>[weather(city=\"Rome\")]<|tool_call_end|>", 2, 2 },
        { "function-gemma", "<start_function_call>call:weather{city:<escape>Rome<escape>,days:3}<end_function_call>", 2, 2 },
        { "function-gemma", "<start_function_call>call:sum{a:1,b:2}<end_function_call><start_function_call>call:now{}<end_function_call>", 2, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int got = taken(cases[i].dialect, &any, cases[i].text), one = taken(cases[i].dialect, &named, cases[i].text);
        if (got != cases[i].any || one != cases[i].named) fail_msg("case %zu: %d %d", i, got, one);
    }
    struct grammar *g;
    named.name = STR("nothing");
    assert_false(tool_grammar(dialect("hermes"), &named, &g, &e));
}

/* What is no name is none that is required, whatever lies in its memory. */
static void what_is_required_must_be_named(void **state)
{
    struct arena *a = arena_new(0);
    struct json *odd;
    struct buf text = BUF_INIT(0);
    (void)state;
    buf_lit(&text, "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"");
    for (int i = 0; i < 200; i++) buf_byte(&text, 'k');
    buf_lit(&text, "\":{\"type\":\"string\"}},\"required\":[1,null,{},[0");
    for (int i = 1; i < 200; i++) buf_lit(&text, ",0"); /* as many as the key has bytes */
    buf_lit(&text, "]]}}}]");
    must_ok(json_parse(buf_str(&text), a, &odd, &e));
    struct tool_rules rules = { .tools = odd, .is_required = true };
    assert_int_equal(taken("qwen3-coder", &rules, "<tool_call>\n<function=f>\n</function>\n</tool_call>"), 2);
    assert_int_equal(taken("olmo3", &rules, "<function_calls>f()</function_calls>"), 2);
    buf_deinit(&text);
    arena_free(a);
}

static void text_is_free_until_a_call_begins(void **state)
{
    (void)state;
    struct tool_rules rules = { .tools = tools };
    static const struct { const char *dialect, *text; int is; } cases[] = {
        { "hermes", "", 2 },
        { "hermes", "Hello, <tool <b>", 2 },
        { "hermes", "<<<tool_cal", 2 },
        { "hermes", "So: <tool_call>", 1 },
        { "hermes", "<<tool_call>\n{\"name\": \"sum\", \"arguments\": {\"a\": 1,\"b\": 2}}\n</tool_call>", 2 },
        { "hermes", "<tool_call>\n{\"name\": \"sum\", \"arguments\": {\"b\"", 0 },
        { "hermes", "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"anything\": [1]}}\n</tool_call>", 2 },
        { "llama3", "", 2 },
        { "llama3", "Hello {", 2 },
        { "llama3", "{\"name\": \"now\", \"parameters\": {}}", 2 },
        { "llama3", " {", 0 },
        { "mistral", "a[[TOOL_CALLS][{\"name\": \"now\", \"arguments\": {}}]", 2 },
        { "mistral", "a[[TOOL_CALLS] x", 0 },
        { "functionary", "So <b> <function=sum>{\"a\": 1,\"b\": 2}</function>", 2 },
        { "functionary", "<function=sum>{\"b\"", 0 },
        { "olmo3", "So <function_calls>sum(a=1, b=2)</function_calls>", 2 },
        { "deepseek", "So", 2 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int got = taken(cases[i].dialect, &rules, cases[i].text);
        if (got != cases[i].is) fail_msg("case %zu: %d", i, got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_models_write_is_read_in_pieces_of_any_size),
        cmocka_unit_test(a_template_tells_its_dialect),
        cmocka_unit_test(a_call_that_must_come_is_valid),
        cmocka_unit_test(what_is_required_must_be_named),
        cmocka_unit_test(text_is_free_until_a_call_begins),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
