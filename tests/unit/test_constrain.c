/* test_constrain.c - what grammars match, and that masks allow exactly what continues a text. */
#include "unit.h"

#include <time.h>

#include "model/constrain/matcher.h"

static bool matches(const struct grammar *g, str text, bool *begins)
{
    struct grammar_matcher *m = grammar_matcher_new(g, NULL, 1 << 20);
    struct grammar_state *s = grammar_state_new(m);
    bool prefix = grammar_accept_bytes(s, text), whole = prefix && grammar_may_end(s);
    if (begins) *begins = prefix;
    grammar_state_free(s);
    grammar_matcher_free(m);
    return whole;
}

enum notation { GBNF, REGEX, SCHEMA };
static bool compile(enum notation n, str source, struct grammar **g, struct err *e)
{
    return n == GBNF    ? grammar_from_gbnf(source, g, e)
           : n == REGEX ? grammar_from_regex(source, g, e)
                        : grammar_from_json_schema(source, g, e);
}

struct match_case {
    const char *source;
    const char *yes[8], *no[8];
};

static void assert_cases(enum notation n, const struct match_case *c, size_t count)
{
    struct err e;
    for (size_t i = 0; i < count; i++) {
        struct grammar *g = NULL;
        if (!compile(n, str_c(c[i].source), &g, &e)) fail_msg("%s: %s", c[i].source, e.msg);
        for (size_t k = 0; k < 8 && c[i].yes[k]; k++)
            if (!matches(g, str_c(c[i].yes[k]), NULL)) fail_msg("%s: does not match %s", c[i].source, c[i].yes[k]);
        for (size_t k = 0; k < 8 && c[i].no[k]; k++)
            if (matches(g, str_c(c[i].no[k]), NULL)) fail_msg("%s: matches %s", c[i].source, c[i].no[k]);
        grammar_free(g);
    }
}

struct refusal_case {
    const char *source, *message;
};
static void assert_refused(enum notation n, const struct refusal_case *c, size_t count)
{
    struct err e;
    for (size_t i = 0; i < count; i++) {
        struct grammar *g = NULL;
        if (compile(n, str_c(c[i].source), &g, &e)) fail_msg("%s: was taken", c[i].source);
        if (str_find(str_c(e.msg), str_c(c[i].message)) == STR_NONE) fail_msg("%s: %s", c[i].source, e.msg);
    }
}

/* ------------------------------------------------------------------ notations */

static void test_gbnf(void **state)
{
    static const struct match_case cases[] = {
        { "root ::= \"a\"", { "a" }, { "", "b", "aa" } },
        { "root ::= \"a\"*", { "", "a", "aaaa" }, { "b", "ab" } },
        { "root ::= (\"a\" | \"bc\")+ \"!\"", { "a!", "abcbca!" }, { "!", "ab!", "a!!" } },
        { "# numbers\nroot ::= num (\",\" num)* # many\nnum ::= [0-9]{1,3}", { "1", "12,345" }, { "", "1,", "1234" } },
        { "root ::= [^x]{2}", { "ab", "\xc3\xa9\xe2\x82\xac", "\xf0\x9f\x98\x80\n" }, { "a", "ax", "\xc3", "\xc3\xa9", "\xed\xa0\x80x" } },
        { "root ::= [\xc3\xa0-\xe2\x82\xac]", { "\xc3\xa9", "\xe2\x82\xac", "\xe0\xa0\x80" }, { "a", "\xe2\x82\xad", "\xc3\x9f" } },
        { "root ::= \"\\u20ac\\x41\\U0001F600\\n\\\"\"", { "\xe2\x82\xac" "A\xf0\x9f\x98\x80\n\"" }, { "" } },
        { "root ::= \"(\" root \")\" | \"x\"", { "x", "((x))" }, { "()", "((x)", "(x))" } },
        { "root ::= \"a\" root | \"\"", { "", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }, { "b" } },
        { "root ::= one |\n  two\n  | three\none ::= \"1\"\ntwo ::= \"2\"\nthree ::= \"3\"\n", { "1", "2", "3" }, { "12" } },
        { "root ::= \"a\"{2,} \"b\"{,2} \"c\"{0}", { "aa", "aaabb" }, { "a", "aabbb", "aac" } },
        { "root ::= (\n \"a\" # first\n \"b\" )?", { "", "ab" }, { "a" } },
        { "root ::= ((\"\" | \"a\")*)* \"b\"", { "b", "aab" }, { "a" } },
        { "root ::= .", { "x", "\xe2\x82\xac" }, { "", "xy", "\x80" } },
        { "root ::= pair{2}\npair ::= \"<\" [^>]* \">\"", { "<><a>" }, { "<>", "<a><b><c>" } },
        { "root ::= [a\\-z\\]]+", { "a-z]" }, { "b" } },
        { "root ::= never | \"a\"\nnever ::= \"(\" never \")\"", { "a" }, { "(", "((" } },
    };
    static const struct refusal_case refused[] = {
        { "", "root" },
        { "a ::= \"x\"", "\"root\" is not defined" },
        { "root ::= b", "\"b\" is not defined" },
        { "root ::= root \"a\" | \"a\"", "left recursive" },
        { "root ::= a\na ::= \"\" b\nb ::= \"x\"? a \"y\" | \"z\"", "left recursive" },
        { "root ::= \"(\" root \")\"", "no text can match" },
        { "root ::= \"a", "not closed" },
        { "root ::= [a", "not closed" },
        { "root ::= (\"a\"", "not closed" },
        { "root ::= \"a\"{3,2}", "smaller" },
        { "root ::= \"a\"{70000}", "so often" },
        { "root ::= ((\"a\"{9999}){9999}){9999}", "too large" },
        { "root ::= \"\\q\"", "escape" },
        { "root ::= <[7]>", "not built" },
        { "root ::= \"a\"\nroot ::= \"b\"", "before" },
        { "root ::= [z-a]", "backwards" },
        { "root = \"a\"", "::=" },
        { "root ::= \"a\" )", "end here" },
    };
    (void)state;
    assert_cases(GBNF, cases, COUNT(cases));
    assert_refused(GBNF, refused, COUNT(refused));
}

static void test_regex(void **state)
{
    static const struct match_case cases[] = {
        { "a|b|", { "a", "b", "" }, { "c", "ab" } },
        { "^(?:yes|no)$", { "yes", "no" }, { "yesno", "" } },
        { "\\d{3}-\\d{4}", { "555-1234" }, { "555-123", "x555-1234" } },
        { "[A-Z][a-z]*?", { "A", "Hello" }, { "", "hello" } },
        { "(?<year>\\d\\d)(x+)?", { "99", "99xx" }, { "9" } },
        { "[^\\d\\s]+", { "abc", "\xc3\xa9" }, { "a1", "a b", "a\xc2\xa0" } },
        { ".*", { "", "abc\xe2\x82\xac" }, { "a\nb", "a\xe2\x80\xa8" } },
        { "\\u20ac\\x41\\u{1F600}\\uD83D\\uDE00", { "\xe2\x82\xac" "A\xf0\x9f\x98\x80\xf0\x9f\x98\x80" }, { "" } },
        { "\\.\\/\\-\\$\\^\\*", { "./-$^*" }, { "x/-$^*" } },
        { "[\\]\\-a]+[-x][y-]", { "]-a--", "axy" }, { "b--" } },
        { "[^]", { "\n", "a" }, { "" } },
        { "a[]|b", { "b" }, { "a" } },
        { "((a{2}){2}){2}", { "aaaaaaaa" }, { "aaaaaaa" } },
        { "(a*)*b", { "b", "aab" }, { "a" } },
        { "x{0}", { "" }, { "x" } },
    };
    static const struct refusal_case refused[] = {
        { "(a", "not closed" },    { "a)", "not open" },        { "[a", "not closed" },       { "*a", "nothing to repeat" },
        { "a**", "nothing" },      { "(?=a)", "look-ahead" },   { "(?<!a)b", "look-behind" }, { "(a)\\1", "back references" },
        { "\\bword", "boundaries" }, { "\\p{L}", "properties" }, { "(?i)a", "flags" },         { "a^b", "ends" },
        { "(^a|b$)c", "ends" },    { "a{1001}{1001}", "nothing" }, { "(a{60000}){60000}", "too large" }, { "\\q", "escape" },
        { "[b-a]", "range" },      { "\\", "backslash" },       { "\\uD83D", "surrogate" },   { "a{2,1}", "smaller" },
        { "[]", "no text can match" },
    };
    (void)state;
    assert_cases(REGEX, cases, COUNT(cases));
    assert_refused(REGEX, refused, COUNT(refused));
}

static void test_json_schema(void **state)
{
    static const struct match_case cases[] = {
        { "true", { "{}", "[1, -2.5e3, \"a\\n\\u00e9\"]", "null", "{\"a\": {\"b\":[]}}" }, { "", "[1,]", "{a:1}", "01", "\"\\ud800\"", " 1" } },
        { "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {\"type\": \"string\"}}, \"required\": [\"a\"]}",
          { "{\"a\": 1}", "{\"a\":-12,\"b\":\"x\"}", "{\n  \"a\": 1\n}" }, { "{}", "{\"b\": \"x\"}", "{\"a\": 1, \"c\": 2}", "{\"a\": 1.5}", "{\"a\": 1,}" } },
        { "{\"properties\": {\"a\": {}, \"ab\": {}, \"\u00e9\": {}}, \"additionalProperties\": {\"type\": \"null\"}}",
          { "{}", "{\"a\": 1}", "{\"b\": null}", "{\"ab\": 1, \"abc\": null, \"\": null}", "{\"\u00ea\": null}" },
          { "{\"b\": 1}", "{\"x\": null, \"a\": null}", "{\"\u00e9x\": 1}" } },
        { "{\"type\": \"array\", \"items\": {\"enum\": [1, \"x\", null]}, \"minItems\": 1, \"maxItems\": 3}",
          { "[1]", "[\"x\", null,1]" }, { "[]", "[1, 1, 1, 1]", "[2]" } },
        { "{\"prefixItems\": [{\"const\": 1}, {\"const\": 2}, {\"const\": 3}], \"minItems\": 1, \"items\": false}",
          { "[1]", "[1, 2]", "[1, 2, 3]" }, { "[]", "[2]", "[1, 2, 3, 4]", "[1, 3]" } },
        { "{\"prefixItems\": [{\"const\": 1}], \"items\": {\"const\": 0}, \"minItems\": 3}", { "[1, 0, 0]", "[1,0,0,0]" }, { "[1, 0]", "[0, 0, 0]" } },
        { "{\"type\": \"string\", \"minLength\": 2, \"maxLength\": 3}", { "\"ab\"", "\"\\n\\u00e9x\"", "\"\xf0\x9f\x98\x80y\"", "\"\\ud83d\\ude00y\"" },
          { "\"a\"", "\"abcd\"", "ab" } },
        { "{\"type\": \"string\", \"pattern\": \"^[\\\"a]+$\"}", { "\"a\\\"\"" }, { "\"\"", "\"a\"\"", "\"b\"", "\"\\u0061\"" } },
        { "{\"type\": \"string\", \"pattern\": \"b.d\"}", { "\"bad\"", "\"xx bed yy\\n\"" }, { "\"bd\"", "\"b\\nd\"" } },
        { "{\"type\": \"string\", \"format\": \"date\"}", { "\"2024-02-28\"" }, { "\"2024-02-30\"", "\"2024-13-01\"" } },
        { "{\"type\": \"string\", \"format\": \"uuid4\"}", { "\"01234567-89ab-4def-8123-456789abcdef\"" }, { "\"01234567-89ab-1def-8123-456789abcdef\"", "\"x\"" } },
        { "{\"type\": \"string\", \"format\": \"base64\"}", { "\"\"", "\"aGk=\"", "\"aA==\"", "\"aGkh\"" }, { "\"a\"", "\"aGl=\"", "\"aB==\"", "\"aG==h\"" } },
        { "{\"type\": \"string\", \"format\": \"password\"}", { "\"\"", "\"a \\\" b\"" }, { "a", "\"\"\"" } },
        { "{\"type\": \"integer\", \"minimum\": -5, \"exclusiveMaximum\": 1234}", { "-5", "0", "999", "1233" }, { "-6", "1234", "2000", "-0", "007" } },
        { "{\"type\": \"number\", \"minimum\": 0, \"maximum\": 1}", { "0", "1", "0.5", "1.0", "0.000" }, { "1.5", "-0.5", "1.01", "2" } },
        { "{\"type\": \"number\", \"exclusiveMinimum\": -2, \"exclusiveMaximum\": 0}", { "-1", "-1.9", "-0.1" }, { "-2", "0", "-0.0", "-0", "1" } },
        { "{\"type\": [\"boolean\", \"null\"]}", { "true", "false", "null" }, { "0" } },
        { "{\"anyOf\": [{\"type\": \"integer\"}, {\"const\": \"none\"}], \"title\": \"x\"}", { "1", "\"none\"" }, { "\"x\"" } },
        { "{\"oneOf\": [{\"properties\": {\"k\": {\"const\": 1}}, \"required\": [\"k\"], \"type\": \"object\"}, "
          "{\"properties\": {\"k\": {\"const\": 2}, \"v\": {\"type\": \"null\"}}, \"required\": [\"k\"], \"type\": \"object\"}]}",
          { "{\"k\": 1}", "{\"k\": 2, \"v\": null}" }, { "{\"k\": 1, \"v\": null}", "{\"k\": 3}" } },
        { "{\"$ref\": \"#/$defs/tree\", \"$defs\": {\"tree\": {\"type\": \"object\", \"properties\": {\"v\": {\"type\": \"integer\"}, "
          "\"kids\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/tree\"}}}, \"required\": [\"v\"]}}}",
          { "{\"v\": 1}", "{\"v\": 1, \"kids\": [{\"v\": 2, \"kids\": []}, {\"v\": 3}]}" }, { "{\"v\": 1, \"kids\": [1]}", "{}" } },
        { "{\"allOf\": [{\"$ref\": \"#/$defs/a~1b\"}, {\"properties\": {\"y\": {\"const\": 2}}, \"required\": [\"y\"]}], "
          "\"$defs\": {\"a/b\": {\"type\": \"object\", \"properties\": {\"x\": {\"const\": 1}, \"y\": {\"type\": \"integer\"}}}}}",
          { "{\"x\": 1, \"y\": 2}", "{\"y\": 2}" }, { "{\"x\": 1}", "{\"y\": 3}" } },
        { "{\"type\": \"object\", \"required\": [\"z\"]}", { "{\"z\": [1]}" }, { "{}", "{\"a\": 1}" } },
        { "{\"enum\": [{\"a\": [1, 2.5]}, \"\\u0001\\\\\"]}", { "{\"a\":[1,2.5]}", "{\"a\": [1, 2.5]}", "\"\\u0001\\\\\"" }, { "{\"a\": [1]}" } },
        /* `items` of one part speaks of what another part has in `prefixItems`, too. */
        { "{\"allOf\": [{\"type\": \"array\", \"prefixItems\": [{\"type\": \"integer\"}]}, {\"items\": {\"enum\": [7, \"x\"]}}]}",
          { "[]", "[7]", "[7, \"x\"]" }, { "[1]", "[\"x\"]", "[7, 8]" } },
        { "{\"allOf\": [{\"prefixItems\": [{\"type\": [\"integer\", \"null\"]}]}, {\"prefixItems\": [{\"const\": 1}, {\"const\": 2}], \"items\": {\"const\": 3}}]}",
          { "[1]", "[1, 2, 3]" }, { "[null]", "[1, 3]" } },
        /* A branch that nothing is valid by leaves the others. */
        { "{\"type\": \"string\", \"anyOf\": [{\"type\": \"integer\"}, {\"enum\": [2]}, {\"maxLength\": 1}]}", { "\"a\"" }, { "1", "2", "\"ab\"" } },
        { "{\"anyOf\": [{\"type\": \"array\", \"minItems\": 2, \"maxItems\": 1}, {\"type\": \"null\"}]}", { "null" }, { "[1]", "[1, 2]" } },
        { "{\"allOf\": [{\"type\": \"integer\", \"minimum\": 9007199254740992}, {\"minimum\": 9007199254740993}]}",
          { "9007199254740993" }, { "9007199254740992" } },
        { "{\"allOf\": [{\"type\": \"object\", \"properties\": {\"next\": {\"allOf\": [{\"$ref\": \"#\"}]}}}]}", { "{}", "{\"next\": {\"next\": {}}}" }, { "{\"next\": 1}" } },
    };
    static const struct refusal_case refused[] = {
        { "{\"not\": {}}", "no text can match" }, { "{\"uniqueItems\": true}", "uniqueItems" }, { "{\"multipleOf\": 0}", "above 0" },
        { "{\"patternProperties\": {\"(\": {}}}", "parenthesis" }, { "{\"propertiez\": {}}", "propertiez" }, { "{\"contains\": {}}", "\"contains\"" },
        { "{\"minProperties\": 2, \"additionalProperties\": true}", "minProperties" }, { "{\"type\": \"text\"}", "must be null, boolean" }, { "{\"type\": \"string\", \"format\": \"regex\"}", "regex" },
        { "{\"$ref\": \"other.json\"}", "other.json" }, { "{\"$ref\": \"#/$defs/x\"}", "nowhere" }, { "{\"$ref\": \"#\"}", "circle" },
        { "{\"allOf\": [{\"$ref\": \"#\"}]}", "circle" }, { "{\"oneOf\": [{\"items\": {\"type\": \"integer\"}}, {\"items\": {\"type\": \"number\"}}]}", "disjoint" },
        { "{\"type\": \"number\", \"minimum\": \"1\"}", "must be a number" }, { "{\"type\": \"integer\", \"minimum\": 2, \"maximum\": 1}", "no text can match" },
        { "{\"type\": \"string\", \"pattern\": \"(?=a)\"}", "look-ahead" }, { "[]", "an object, true or false" }, { "{", "JSON schema" },
        { "{\"properties\": {\"a\": {\"$ref\": \"#\"}}, \"required\": [\"a\"]}", "no text can match" },
        { "{\"allOf\": [{\"patternProperties\": {\"a\": true}, \"additionalProperties\": false}, {\"properties\": {\"b\": true}}]}", "another part" },
        { "{\"enum\": [[1]], \"minItems\": 0}", "together" }, { "{\"items\": [{}], \"prefixItems\": [{}]}", "prefixItems" }, { "false", "no text can match" },
        { "{\"type\": \"string\", \"minLength\": 999999}", "too large" }, { "{\"type\": \"array\", \"minItems\": 3, \"maxItems\": 2}", "no text can match" },
        { "{\"allOf\": [{\"type\": \"null\"}, {\"type\": \"string\"}]}", "no text can match" }, { "{\"type\": \"string\", \"const\": 1}", "no text can match" },
        { "{\"allOf\": [{\"items\": true}, {\"prefixItems\": {}}]}", "must be a list" },
        { "{\"type\": \"array\", \"anyOf\": [{\"$ref\": \"#\"}]}", "schemas are nested more than" },
        { "{\"items\": {\"$ref\": \"#/$defs/a\"}, \"$defs\": {\"a\": {\"properties\": {\"b\": {\"contains\": {}}}}}}", "JSON schema: #/$defs/a: b: the keyword \"contains\"" },
    };
    (void)state;
    assert_cases(SCHEMA, cases, COUNT(cases));
    assert_refused(SCHEMA, refused, COUNT(refused));
}

/* ------------------------------------------------------------------ what holds together */

static void test_strings_that_must_be_several_things(void **state)
{
    static const struct match_case cases[] = {
        { "{\"type\": \"string\", \"pattern\": \"^[a-z\\\"]+$\", \"minLength\": 2, \"maxLength\": 3}", { "\"ab\"", "\"a\\\"c\"" }, { "\"a\"", "\"abcd\"", "\"aB\"" } },
        { "{\"type\": \"string\", \"format\": \"uri\", \"minLength\": 1, \"maxLength\": 2083}", { "\"https://example.org/a?b=%20#c\"" }, { "\"\"", "\"example.org\"" } },
        { "{\"type\": \"string\", \"format\": \"uri\", \"maxLength\": 12}", { "\"ftp://a.b.c/\"" }, { "\"ftp://a.b.c/x\"" } },
        { "{\"type\": \"string\", \"allOf\": [{\"pattern\": \"^a\"}, {\"pattern\": \"z$\"}, {\"pattern\": \"\u00e9\"}]}", { "\"a\u00e9z\"" }, { "\"az\"", "\"a\u00e9\"" } },
        { "{\"type\": \"string\", \"pattern\": \"^(?!^[-+.]*$)[+-]?0*\\\\d*\\\\.?\\\\d*$\"}", { "\"-1.5\"", "\"007\"" }, { "\"-.\"", "\"\"", "\"1.2.3\"" } },
        { "{\"type\": \"string\", \"pattern\": \"^(?=.*\\\\d)(?=.*[a-z]).{3}$\"}", { "\"a-1\"" }, { "\"abc\"", "\"123\"", "\"ab12\"" } },
        { "{\"type\": \"string\", \"not\": {\"enum\": [\"a\", \"\"]}}", { "\"b\"", "\"aa\"" }, { "\"a\"", "\"\"" } },
        { "{\"type\": \"string\", \"not\": {\"pattern\": \"^a\"}, \"maxLength\": 2}", { "\"ba\"", "\"\"" }, { "\"ab\"", "\"bbb\"" } },
        { "{\"enum\": [\"a\", \"bb\", \"ccc\", 4, null], \"minLength\": 2, \"pattern\": \"^.\", \"maximum\": 3}", { "\"bb\"", "\"ccc\"", "null" }, { "\"a\"", "4" } },
        { "{\"type\": \"string\", \"format\": \"nanoid\", \"pattern\": \"^[a-z]{2}$\"}", { "\"ab\"" }, { "\"a\"" } },
    };
    static const struct refusal_case refused[] = {
        { "{\"type\": \"string\", \"pattern\": \"a(?!b)\"}", "look-ahead" }, { "{\"type\": \"string\", \"pattern\": \"^(?!a)b|c\"}", "look-ahead" },
        { "{\"type\": \"string\", \"pattern\": \"^(?:a|b)*a(?:a|b){16}$\", \"maxLength\": 50}", "too many states" },
        { "{\"type\": \"string\", \"pattern\": [\"a\"]}", "must be strings" }, { "{\"also\": [{\"pattern\": \"a\"}]}", "\"also\"" },
    };
    (void)state;
    assert_cases(SCHEMA, cases, COUNT(cases));
    assert_refused(SCHEMA, refused, COUNT(refused));
}

static void test_numbers_by_their_digits(void **state)
{
    static const struct match_case cases[] = {
        { "{\"type\": \"number\", \"minimum\": 0.5, \"maximum\": 99.99}", { "0.5", "0.50", "1", "99.99", "99.990", "7.123" }, { "0.49", "99.991", "100", "-1", "0" } },
        { "{\"type\": \"number\", \"exclusiveMinimum\": -273.15, \"exclusiveMaximum\": 0.1}", { "-273.14", "0", "0.09", "-0.1" }, { "-273.15", "-273.150", "0.1", "0.10", "-300" } },
        { "{\"type\": \"number\", \"multipleOf\": 0.01, \"minimum\": 0}", { "0.14", "532.8", "7", "0" }, { "0.145", "-1" } },
        { "{\"type\": \"number\", \"multipleOf\": 2.5}", { "2.5", "5", "-7.5", "5.0" }, { "2", "2.4", "1" } },
        { "{\"type\": \"integer\", \"multipleOf\": 7, \"minimum\": 0, \"maximum\": 100}", { "0", "7", "98" }, { "8", "105", "-7", "7.0" } },
        { "{\"allOf\": [{\"type\": \"integer\", \"multipleOf\": 4}, {\"multipleOf\": 6}, {\"not\": {\"const\": 24}}]}", { "12", "-36" }, { "4", "6", "24" } },
        { "{\"type\": \"integer\", \"minimum\": -9007199254740991, \"maximum\": 9007199254740991}", { "9007199254740991", "-1" }, { "9007199254740992" } },
        { "{\"type\": \"number\", \"minimum\": -1.7976931348623157e308, \"maximum\": 1.7976931348623157e308}", { "1.5", "-3" }, { "1e5" } },
        { "{\"type\": \"number\", \"minimum\": 0, \"exclusiveMinimum\": true}", { "0.1" }, { "0", "0.0" } },
        { "{\"oneOf\": [{\"type\": \"integer\"}, {\"type\": \"number\", \"minimum\": 0.5}]}", { "0", "-3", "1.5" }, { "1", "2.0", "-0.5" } },
        { "{\"enum\": [1, 2.5, 2.50, 30, \"x\"], \"multipleOf\": 0.5, \"exclusiveMaximum\": 30}", { "1", "2.5", "\"x\"" }, { "30" } },
    };
    static const struct refusal_case refused[] = {
        { "{\"type\": \"integer\", \"multipleOf\": 999983}", "too many states" }, { "{\"type\": \"number\", \"multipleOf\": 1e-16}", "so many digits" },
        { "{\"type\": \"number\", \"exclusiveMinimum\": 1e16}", "15 digits" }, { "{\"type\": \"integer\", \"multipleOf\": 10, \"minimum\": 1, \"maximum\": 9}", "no text can match" },
    };
    (void)state;
    assert_cases(SCHEMA, cases, COUNT(cases));
    assert_refused(SCHEMA, refused, COUNT(refused));
}

static void test_members_and_items_that_are_counted(void **state)
{
    static const struct match_case cases[] = {
        { "{\"properties\": {\"a\": {}, \"b\": {}, \"c\": {}}, \"minProperties\": 1, \"maxProperties\": 2, \"required\": [\"b\"]}", { "{\"b\":1}", "{\"a\":1,\"b\":1}", "{\"b\":1,\"c\":1}" },
          { "{}", "{\"a\":1}", "{\"a\":1,\"b\":1,\"c\":1}" } },
        { "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"null\"}, \"minProperties\": 1, \"maxProperties\": 2}", { "{\"x\":null}", "{\"x\":null,\"y\":null}" },
          { "{}", "{\"x\":null,\"y\":null,\"z\":null}" } },
        { "{\"propertyNames\": {\"enum\": [\"red\", \"blue\"]}, \"additionalProperties\": {\"type\": \"integer\"}}", { "{}", "{\"red\":1,\"blue\":2}", "{\"blue\":2}" }, { "{\"green\":1}" } },
        { "{\"propertyNames\": {\"pattern\": \"^[a-z]+$\", \"maxLength\": 2}, \"properties\": {\"ok\": {}, \"NO\": {}}, \"additionalProperties\": {\"const\": 0}}",
          { "{\"ok\":1,\"ab\":0}" }, { "{\"NO\":1}", "{\"abc\":0}", "{\"ab\":1}" } },
        { "{\"patternProperties\": {\"^s\": {\"type\": \"string\"}, \"n$\": {\"maxLength\": 1}}, \"properties\": {\"son\": {}}, \"additionalProperties\": {\"const\": 0}}",
          { "{\"son\":\"a\",\"x\":0,\"sx\":\"abc\",\"sn\":\"a\"}" }, { "{\"son\":\"ab\"}", "{\"sn\":\"ab\"}", "{\"x\":1}", "{\"sx\":0}" } },
        { "{\"items\": {\"enum\": [\"a\", \"b\", \"c\"]}, \"uniqueItems\": true, \"minItems\": 1}", { "[\"c\", \"a\"]", "[\"b\"]", "[\"b\",\"c\",\"a\"]" }, { "[]", "[\"a\",\"a\"]" } },
        { "{\"items\": {\"type\": \"boolean\"}, \"uniqueItems\": true}", { "[]", "[true,false]" }, { "[true,true]" } },
        { "{\"items\": {\"enum\": [0,1,2,3,4,5,6,7,8,9]}, \"uniqueItems\": true, \"maxItems\": 2}", { "[3,5]", "[]" }, { "[3,3]", "[1,2,3]" } },
        { "{\"type\": \"array\", \"items\": [{\"const\": 1}, {\"const\": 2}], \"additionalItems\": {\"const\": 3}, \"minItems\": 2}", { "[1,2]", "[1,2,3]" }, { "[1]", "[1,3]" } },
    };
    static const struct refusal_case refused[] = {
        { "{\"items\": {\"type\": \"string\"}, \"uniqueItems\": true}", "take out what is there twice" }, { "{\"propertyNames\": {\"anyOf\": [{}]}, \"additionalProperties\": true}", "propertyNames" },
        { "{\"propertyNames\": {\"enum\": [\"a\"]}, \"required\": [\"b\"]}", "no text can match" }, { "{\"properties\": {\"a\": {}}, \"minProperties\": 2}", "no text can match" },
        { "{\"items\": {\"enum\": [1, 2], \"not\": {\"minimum\": 2}}, \"uniqueItems\": true}", "uniqueItems" },
    };
    (void)state;
    assert_cases(SCHEMA, cases, COUNT(cases));
    assert_refused(SCHEMA, refused, COUNT(refused));
}

static void test_conditions(void **state)
{
#define K_AND_V "\"type\": \"object\", \"properties\": {\"k\": {\"enum\": [\"a\", \"b\"]}, \"v\": {\"type\": \"integer\"}}"
    static const struct match_case cases[] = {
        { "{" K_AND_V ", \"required\": [\"k\"], \"if\": {\"properties\": {\"k\": {\"const\": \"a\"}}}, \"then\": {\"required\": [\"v\"]}, \"else\": {\"properties\": {\"v\": false}}}",
          { "{\"k\":\"a\",\"v\":1}", "{\"k\":\"b\"}" }, { "{\"k\":\"a\"}", "{\"k\":\"b\",\"v\":1}" } },
        { "{" K_AND_V ", \"dependentRequired\": {\"k\": [\"v\"]}}", { "{}", "{\"v\":1}", "{\"k\":\"a\",\"v\":1}" }, { "{\"k\":\"a\"}" } },
        { "{" K_AND_V ", \"dependentSchemas\": {\"k\": {\"properties\": {\"v\": {\"minimum\": 5}}}}}", { "{\"v\":1}", "{\"k\":\"a\",\"v\":5}", "{\"k\":\"a\"}" }, { "{\"k\":\"a\",\"v\":4}" } },
        { "{" K_AND_V ", \"not\": {\"required\": [\"k\", \"v\"]}}", { "{}", "{\"k\":\"a\"}", "{\"v\":1}" }, { "{\"k\":\"a\",\"v\":1}" } },
        { "{" K_AND_V ", \"oneOf\": [{\"required\": [\"k\"]}, {\"required\": [\"v\"]}]}", { "{\"k\":\"a\"}", "{\"v\":1}" }, { "{}", "{\"k\":\"a\",\"v\":1}" } },
        { "{" K_AND_V ", \"allOf\": [{\"anyOf\": [{\"required\": [\"k\"]}, {\"required\": [\"v\"]}]}, {\"anyOf\": [{\"properties\": {\"v\": {\"const\": 1}}}, {\"properties\": {\"k\": false}}]}]}",
          { "{\"k\":\"a\"}", "{\"v\":7}", "{\"k\":\"a\",\"v\":1}" }, { "{}", "{\"k\":\"a\",\"v\":7}" } },
        { "{\"not\": {\"type\": [\"object\", \"array\", \"string\", \"number\"]}}", { "null", "true" }, { "1", "\"a\"" } },
        { "{\"type\": [\"integer\", \"null\"], \"not\": {\"anyOf\": [{\"const\": null}, {\"minimum\": 3}]}}", { "2", "-1" }, { "3", "null" } },
        { "{\"type\": [\"array\", \"string\"], \"not\": {\"pattern\": \"^a\"}}", { "\"b\"" }, { "\"a\"", "[]" } },
        { "{\"allOf\": [{\"properties\": {\"a\": true}, \"additionalProperties\": false}, {\"properties\": {\"b\": true}}]}", { "{\"a\":1}", "{}" }, { "{\"b\":1}" } },
        { "{\"oneOf\": [{\"type\": \"integer\", \"maximum\": 5}, {\"type\": \"integer\", \"minimum\": 3}]}", { "2", "6" }, { "3", "5" } },
    };
    static const struct refusal_case refused[] = {
        { "{\"type\": \"array\", \"not\": {\"items\": {\"type\": \"null\"}}}", "\"items\"" }, { "{\"type\": \"object\", \"not\": {\"const\": {}}}", "list or object" },
        { "{\"not\": {\"$ref\": \"#\"}}", "" }, { "{\"type\": \"array\", \"not\": {\"pattern\": \"a\"}}", "no text can match" }, { "{\"type\": \"string\", \"nullable\": true}", "null" },
    };
    (void)state;
    assert_cases(SCHEMA, cases, COUNT(cases));
    assert_refused(SCHEMA, refused, COUNT(refused));
}

static void test_many_definitions(void **state) /* are found by name as few are */
{
    struct buf source = BUF_INIT(0);
    struct grammar *g;
    struct err e;
    (void)state;
    buf_lit(&source, "{\"prefixItems\": [{\"$ref\": \"#/$defs/d499\"}, {\"$ref\": \"#/$defs/d0\"}], \"$defs\": {");
    for (int i = 0; i < 500; i++) buf_addf(&source, "%s\"d%d\": {\"const\": %d}", i ? ", " : "", i, i);
    buf_lit(&source, "}}");
    if (!grammar_from_json_schema(buf_str(&source), &g, &e)) fail_msg("%s", e.msg);
    assert_true(matches(g, STR("[499,0]"), NULL));
    assert_false(matches(g, STR("[498,0]"), NULL));
    grammar_free(g);
    buf_deinit(&source);
}

/* ------------------------------------------------------------------ against jsonschema and re (tests/oracle/make_grammars.py) */

static void test_against_references(void **state)
{
    struct err e;
    struct json *j;
    struct arena *a = arena_new(0);
    struct buf b = BUF_INIT(0);
    char path[512], *text;
    size_t n, accepted = 0, schemas = 0, regexes = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/../data/generation/grammars.json", getenv("HEARTH_TEST_DATA"));
    must_ok(os_read_file(path, 16 << 20, &text, &n, &e));
    must_ok(json_parse(str_n(text, n), a, &j, &e));
    json_each (item, json_get(j, STR("schemas"))) {
        struct grammar *g;
        struct json_writer w = json_writer(&b);
        buf_reset(&b);
        jw_value(&w, json_get(item, STR("schema")));
        if (!grammar_from_json_schema(buf_str(&b), &g, &e)) fail_msg("%s: %s", buf_cstr(&b), e.msg);
        json_each (t, json_get(item, STR("texts"))) {
            str one = json_str_or(t, STR("text"), STR(""));
            bool got = matches(g, one, NULL), valid = json_bool_or(t, STR("valid"), false);
            if (got && !valid) fail_msg("%s matches %.*s", buf_cstr(&b), STR_ARG(one));
            if (!got && json_bool_or(t, STR("canonical"), false))
                fail_msg("%s does not match %.*s", buf_cstr(&b), STR_ARG(one));
            accepted += got;
        }
        grammar_free(g);
        schemas++;
    }
    json_each (item, json_get(j, STR("regexes"))) {
        struct grammar *g;
        str pattern = json_str_or(item, STR("pattern"), STR(""));
        if (!grammar_from_regex(pattern, &g, &e)) fail_msg("%.*s: %s", STR_ARG(pattern), e.msg);
        json_each (t, json_get(item, STR("texts")))
            if (matches(g, json_at(t, 0)->s, NULL) != json_at(t, 1)->b)
                fail_msg("%.*s: %.*s", STR_ARG(pattern), STR_ARG(json_at(t, 0)->s));
        grammar_free(g);
        regexes++;
    }
    assert_true(schemas == 150 && regexes == 200 && accepted > 1000);
    buf_deinit(&b);
    mem_free(text);
    arena_free(a);
}

/* ------------------------------------------------------------------ against llama.cpp (tests/oracle/make_gbnf.py) */

static bool bit_of(str hex, size_t i)
{
    if (i / 4 >= hex.n) return false;
    char c = hex.p[hex.n - 1 - i / 4];
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10) >> (i % 4) & 1;
}

static void test_masks_against_llama_cpp(void **state)
{
    struct err e;
    struct json *j;
    struct tokenizer *t;
    struct arena *a = arena_new(0);
    struct buf piece = BUF_INIT(0);
    char path[512], *text;
    size_t n, steps = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/../data/generation/gbnf.json", getenv("HEARTH_TEST_DATA"));
    must_ok(os_read_file(path, 16 << 20, &text, &n, &e));
    must_ok(json_parse(str_n(text, n), a, &j, &e));
    snprintf(path, sizeof path, "%s/../../demo", getenv("HEARTH_TEST_DATA"));
    must_ok(tokenizer_open(path, NULL, &t, &e));
    size_t vocab = (size_t)json_int_or(j, STR("tokens"), 0);
    uint32_t eos = (uint32_t)json_int_or(j, STR("eos"), 0);
    uint64_t *mask = mem_alloc((vocab / 64 + 1) * sizeof *mask);
    struct grammar_tokens *tokens;
    must_ok(grammar_tokens_new(t, vocab, &eos, 1, NULL, 0, &tokens, &e));
    json_each (item, json_get(j, STR("cases"))) {
        struct grammar *g;
        str source = json_str_or(item, STR("grammar"), STR(""));
        if (!grammar_from_gbnf(source, &g, &e)) fail_msg("%.*s: %s", STR_ARG(source), e.msg);
        struct grammar_matcher *m = grammar_matcher_new(g, tokens, 1 << 20);
        json_each (walk, json_get(item, STR("walks"))) {
            struct grammar_state *s = grammar_state_new(m);
            const struct json *id = json_first(json_get(walk, STR("ids")));
            json_each (allowed, json_get(walk, STR("allowed"))) {
                grammar_mask(s, mask);
                for (uint32_t i = 0; i < vocab; i++) {
                    bool theirs = bit_of(allowed->s, i), ours = mask[i / 64] >> (i % 64) & 1;
                    tokenizer_piece(t, i, &piece);
                    if (i == 0 || i == 1 || i == 3 || theirs == ours) continue;
                    if (theirs && piece.n == 1 && (uint8_t)piece.p[0] >= 0x80)
                        continue; /* it lets bytes pass that UTF-8 never has */
                    fail_msg("%.*s: token %u \"%s\" is %s by llama.cpp, step %zu", STR_ARG(source), i, buf_cstr(&piece),
                             theirs ? "allowed" : "not allowed", steps);
                }
                steps++;
                if (!id) break;
                assert_true(grammar_accept(s, (uint32_t)id->i));
                id = id->next;
            }
            grammar_state_free(s);
        }
        grammar_matcher_free(m);
        grammar_free(g);
    }
    assert_int_equal(steps, 516);
    mem_free(mask);
    mem_free(text);
    buf_deinit(&piece);
    grammar_tokens_free(tokens);
    tokenizer_free(t);
    arena_free(a);
}

/* ------------------------------------------------------------------ masks */

static uint64_t seed = 1;
static uint32_t chance(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

/* Tokens: all single bytes, and pieces of the kind that cross the borders of rules and characters. */
static struct grammar_tokens *small_vocabulary(str *piece, size_t *n)
{
    static char byte[256];
    static const str more[] = { STR_INIT("{\""),    STR_INIT("\":"),      STR_INIT("\", \""), STR_INIT("},"),
                                STR_INIT("}}"),     STR_INIT("]"),        STR_INIT("\"}"),    STR_INIT("true"),
                                STR_INIT(" false"), STR_INIT("null,"),    STR_INIT("12"),     STR_INIT("1."),
                                STR_INIT("e5"),     STR_INIT("\xc3\xa9"), STR_INIT("\xa9\""), STR_INIT("\xe2\x82"),
                                STR_INIT("the"),    STR_INIT(" the"),     STR_INIT("ab"),     STR_INIT("\\u00"),
                                STR_INIT("\\n"),    STR_INIT("\n  "),     STR_INIT(": ["),    STR_INIT("[["),
                                STR_INIT("name"),   STR_INIT("ab"),       STR_INIT(""),       STR_INIT("eos"),
                                STR_INIT("((") };
    size_t at = 0;
    for (size_t i = 0; i < 256; i++) byte[i] = (char)i, piece[at++] = str_n(&byte[i], 1);
    for (size_t i = 0; i < COUNT(more); i++) piece[at++] = more[i];
    uint32_t eos = (uint32_t)at - 2;
    *n = at;
    return grammar_tokens_from(piece, at, &eos, 1);
}

/* Walks at random under the mask.  At each place every token is tried by itself, byte by byte, and must agree with the mask;
 * what comes out must be a whole text of the grammar when it ends.  Every other walk has its masks made in pieces. */
static void assert_masks(const char *source, enum notation notation, size_t bytes_max, size_t walks)
{
    struct err e;
    struct grammar *g;
    str piece[320];
    size_t n, ended = 0, pieces = 0;
    struct grammar_tokens *t = small_vocabulary(piece, &n);
    if (!compile(notation, str_c(source), &g, &e)) fail_msg("%s: %s", source, e.msg);
    struct grammar_matcher *m = grammar_matcher_new(g, t, bytes_max);
    for (size_t walk = 0; walk < walks; walk++) {
        struct grammar_state *s = grammar_state_new(m);
        struct buf text = BUF_INIT(0);
        for (size_t length = 0; length < 100; length++) {
            uint64_t mask[8], allowed = 0;
            uint32_t pick = UINT32_MAX, closing = UINT32_MAX;
            while (walk % 2 && !grammar_prepare(s, 40)) pieces++;
            assert_true(grammar_mask(s, mask)); /* no dead ends, as every byte has a token */
            for (uint32_t i = 0; i < n; i++) {
                struct grammar_state *other = grammar_state_fork(s);
                bool eos = i == n - 2,
                     may = eos ? grammar_may_end(s) : piece[i].n && grammar_accept_bytes(other, piece[i]);
                if (may != (mask[i / 64] >> (i % 64) & 1))
                    fail_msg("%s: after \"%.*s\", token %u", source, STR_ARG(buf_str(&text)), i);
                if (may && chance((uint32_t)++allowed) == 0) pick = i;
                if (may && (eos || (i < 128 && strchr("]})\":1xm.co@", (int)i) && i))) closing = i;
                grammar_state_free(other);
            }
            if (length > 20 && closing != UINT32_MAX) pick = closing; /* so that it ends */
            assert_true(grammar_accept(s, pick));
            if (pick == n - 2) {
                ended++;
                if (!matches(g, buf_str(&text), NULL))
                    fail_msg("%s: ends after \"%.*s\"", source, STR_ARG(buf_str(&text)));
                break;
            }
            buf_add(&text, piece[pick]);
        }
        buf_deinit(&text);
        grammar_state_free(s);
    }
    assert_true(ended > 0 && pieces > 0);
    struct grammar_figures f;
    grammar_matcher_figures(m, &f);
    if (bytes_max < 100000) assert_true(f.forgotten > 0);
    grammar_matcher_free(m);
    grammar_tokens_free(t);
    grammar_free(g);
}

static const char nested[] =
    "root ::= value\nvalue ::= \"[\" (value (\", \"? value)*)? \"]\" | \"{\" [a-e]* \":\" value \"}\" | [0-9]{1,3} | "
    "\"\\\"\" [^\"\\\\\\x00-\\x1f]{0,4} \"\\\"\"";

static void test_masks(void **state)
{
    (void)state;
    assert_masks(nested, GBNF, 8 << 20, 10);
    assert_masks(nested, GBNF, 1, 10); /* everything is forgotten, again and again */
    assert_masks("root ::= \"(\" root \")\" root | \"the\"?", GBNF, 8 << 20, 10);
    assert_masks("(\\w+@\\w{1,5}\\.com ?){1,3}", REGEX, 8 << 20, 20);
    assert_masks("true|false|null, \xc3\xa9", REGEX, 8 << 20, 20);
}

static void test_masks_of_json(void **state)
{
    (void)state;
    assert_masks("{\"type\": \"object\", \"additionalProperties\": true}", SCHEMA, 8 << 20, 10);
    assert_masks("{\"properties\": {\"name\": {\"type\": \"string\", \"maxLength\": 4}, \"a\": {\"type\": \"number\", "
                 "\"maximum\": 20}}, "
                 "\"additionalProperties\": {\"$ref\": \"#\"}}",
                 SCHEMA, 30000, 10);
}

static void test_depth_has_no_dead_ends(void **state)
{
    struct err e;
    struct grammar *g;
    bool begins;
    char text[4 * GRAMMAR_DEPTH_MAX];
    (void)state;
    must_ok(grammar_from_gbnf(STR("root ::= \"(\" root \")\" | \"x\""), &g, &e));
    size_t depth = 0;
    memset(text, '(', sizeof text);
    for (begins = true; begins; depth++) matches(g, str_n(text, depth + 1), &begins);
    depth--; /* so many are allowed */
    assert_true(depth >= GRAMMAR_DEPTH_MAX - 1 && depth <= GRAMMAR_DEPTH_MAX + 1);
    text[depth] = 'x';
    memset(text + depth + 1, ')', depth);
    assert_true(matches(g, str_n(text, 2 * depth + 1), NULL));
    grammar_free(g);
}

static void test_choices(void **state)
{
    struct err e;
    struct grammar *g;
    const str choice[] = { STR_INIT("red"), STR_INIT("green"), STR_INIT("grey") };
    (void)state;
    must_ok(grammar_from_choices(choice, 3, &g, &e));
    assert_true(matches(g, STR("red"), NULL) && matches(g, STR("grey"), NULL));
    assert_false(matches(g, STR("gre"), NULL) || matches(g, STR("redgreen"), NULL));
    grammar_free(g);
    assert_false(grammar_from_choices(choice, 0, &g, &e));
}

/* Repetitions of repetitions: as deep as the source is long, or of nothing, which doubles the work at each. */
static void test_repetitions_of_repetitions(void **state)
{
    struct grammar *g;
    struct err e;
    (void)state;
    static const struct { const char *before, *again; size_t times; bool ok; } c[] = {
        { "root ::= \"a\"", "?", 500000, false },
        { "root ::= \"a\"", "{1,2}", 8, true },
    };
    for (size_t i = 0; i < COUNT(c); i++) {
        struct buf b = BUF_INIT(0);
        buf_add(&b, str_c(c[i].before));
        for (size_t k = 0; k < c[i].times; k++) buf_add(&b, str_c(c[i].again));
        bool ok = grammar_from_gbnf(buf_str(&b), &g, &e);
        assert_int_equal(ok, c[i].ok);
        if (ok) grammar_free(g);
        buf_deinit(&b);
    }
    struct buf gbnf = BUF_INIT(0), regex = BUF_INIT(0);
    buf_lit(&gbnf, "root ::= ");
    for (size_t k = 0; k < 60; k++) buf_lit(&gbnf, "("), buf_lit(&regex, "(?:");
    buf_lit(&gbnf, "\"\"");
    for (size_t k = 0; k < 60; k++) buf_lit(&gbnf, "){1,2}"), buf_lit(&regex, "){1,2}");
    must_ok(grammar_from_gbnf(buf_str(&gbnf), &g, &e));
    assert_true(matches(g, STR(""), NULL) && !matches(g, STR("a"), NULL));
    grammar_free(g);
    must_ok(grammar_from_regex(buf_str(&regex), &g, &e));
    assert_true(matches(g, STR(""), NULL) && !matches(g, STR("a"), NULL));
    grammar_free(g);
    buf_deinit(&gbnf);
    buf_deinit(&regex);
}

/* What takes no state takes time: "" by the hundred thousand, and one letter, again and again. */
static void test_much_of_nothing_again_and_again(void **state)
{
    static const struct { const char *nothing, *begin, *end; enum notation notation; } c[] = {
        { "()", "(", "a){65536}", REGEX },
        { "\"\" ", "root ::= (", "\"a\"){65536}", GBNF },
    };
    struct grammar *g;
    struct err e;
    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        struct buf b = BUF_INIT(0);
        buf_add(&b, str_c(c[i].begin));
        for (size_t k = 0; k < 200000; k++) buf_add(&b, str_c(c[i].nothing));
        buf_add(&b, str_c(c[i].end));
        assert_false(compile(c[i].notation, buf_str(&b), &g, &e));
        assert_int_equal(e.code, ERR_TOO_LARGE);
        buf_deinit(&b);
    }
}

static void add_lists(struct buf *b, const char *before, size_t first, size_t n, const char *after)
{
    buf_add(b, str_c(before));
    for (size_t i = first; i < first + n; i++) buf_addf(b, i > first ? ",%zu" : "%zu", i);
    buf_add(b, str_c(after));
}

/* What has to be compared with each other has a bound. */
static void test_lists_that_hold_together(void **state)
{
    struct grammar *g;
    struct err e;
    struct buf b = BUF_INIT(0);
    clock_t from = clock();
    (void)state;
    add_lists(&b, "{\"allOf\": [{\"enum\": [", 100000, 70000, "]},");
    add_lists(&b, "{\"enum\": [", 200000, 70000, "]}]}");
    assert_false(grammar_from_json_schema(buf_str(&b), &g, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    buf_reset(&b);
    add_lists(&b, "{\"oneOf\": [{\"enum\": [", 100000, 70000, "]},");
    add_lists(&b, "{\"enum\": [", 200000, 70000, "]}]}");
    assert_false(grammar_from_json_schema(buf_str(&b), &g, &e));
    buf_reset(&b);
    buf_lit(&b, "{\"oneOf\": [");
    for (size_t i = 0; i < 250; i++) {
        buf_addf(&b, "%s{\"type\": \"object\", \"required\": [\"t\"], \"properties\": {", i ? "," : "");
        for (size_t k = 0; k < 300; k++) buf_addf(&b, "\"k%zu\": {},", k);
        buf_addf(&b, "\"t\": {\"const\": %zu}}}", i);
    }
    buf_lit(&b, "]}");
    assert_false(grammar_from_json_schema(buf_str(&b), &g, &e));
    assert_true(e.code == ERR_NOT_BUILT && strstr(e.msg, "disjoint"));
    buf_deinit(&b);
    assert_true(processor_s(from) < 5);
}

/* Each round over all of them once settled two of this chain. */
static void test_rules_in_any_order(void **state)
{
    enum { RULES = 16001 /* a prime */, STRIDE = 7919 };
    struct grammar *g;
    struct err e;
    struct buf b = BUF_INIT(0);
    clock_t from = clock();
    (void)state;
    buf_lit(&b, "root ::= r0\n");
    for (size_t i = 0; i < RULES; i++) {
        size_t next = (i + STRIDE) % RULES;
        if (next) buf_addf(&b, "r%zu ::= r%zu\n", i, next);
        else buf_addf(&b, "r%zu ::= \"y\"\n", i);
    }
    buf_lit(&b, "filler ::= \"");
    for (size_t i = 0; i < 120000; i++) buf_byte(&b, 'a');
    buf_lit(&b, "\" ");
    for (size_t i = 0; i < 100000; i++) buf_addf(&b, "r%zu ", i % RULES);
    must_ok(grammar_from_gbnf(buf_str(&b), &g, &e));
    assert_true(matches(g, STR("y"), NULL) && !matches(g, STR("yy"), NULL));
    grammar_free(g);
    buf_deinit(&b);
    assert_true(processor_s(from) < 4);
}

/* Each token costs a fifth of a second, until a text has had enough. */
static void test_a_slow_decoder_is_given_up(void **state)
{
    struct err e;
    struct tokenizer *t;
    struct grammar_tokens *tokens;
    struct buf json = BUF_INIT(0);
    uint32_t eos = 0;
    (void)state;
    buf_lit(&json, "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"</s>\":0");
    for (int i = 1; i < 200; i++) buf_addf(&json, ",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac%d\":%d", i, i);
    buf_lit(&json, "}},\"decoder\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(?:a|a)*[xy]\"},\"content\":\"\"}}");
    must_ok(tokenizer_parse(buf_str(&json), &t, &e));
    assert_false(grammar_tokens_new(t, tokenizer_size(t), &eos, 1, NULL, 0, &tokens, &e));
    assert_non_null(strstr(e.msg, "too long"));
    tokenizer_free(t);
    buf_deinit(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gbnf),
        cmocka_unit_test(test_repetitions_of_repetitions),
        cmocka_unit_test(test_much_of_nothing_again_and_again),
        cmocka_unit_test(test_lists_that_hold_together),
        cmocka_unit_test(test_rules_in_any_order),
        cmocka_unit_test(test_regex),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_depth_has_no_dead_ends),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_against_references),
        cmocka_unit_test(test_masks_against_llama_cpp),
        cmocka_unit_test(test_json_schema),
        cmocka_unit_test(test_strings_that_must_be_several_things),
        cmocka_unit_test(test_numbers_by_their_digits),
        cmocka_unit_test(test_members_and_items_that_are_counted),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_many_definitions),
        cmocka_unit_test(test_masks_of_json),
        cmocka_unit_test(test_a_slow_decoder_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
