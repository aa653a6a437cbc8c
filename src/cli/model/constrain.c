/* cli/model/constrain.c - see cli/model/constrain.h. */
#include "cli/model/constrain.h"

#include "base/os.h"

enum { MATCHER_BYTES = 64 << 20 };

/* A schema or grammar is given as itself or as the name of a file: a schema begins with a brace, a grammar has "::=". */
static bool read_source(struct cli *c, const char *option, bool is_itself, str *out, struct err *e)
{
    char *text;
    size_t n;
    *out = cli_str(c, option);
    if (is_itself) return true;
    if (!os_read_file(arena_cstr(c->arena, *out), GRAMMAR_SOURCE_MAX, &text, &n, e))
        return err_context(e, "--%s", option);
    *out = arena_dup(c->arena, str_n(text, n));
    mem_free(text);
    return true;
}

static bool read_grammar(struct cli *c, struct grammar **out, struct err *e)
{
    bool schema = cli_given(c, "json-schema"), regex = cli_given(c, "regex"), grammar = cli_given(c, "grammar");
    str text;
    if (schema + regex + grammar > 1) return cli_usage(e, "--json-schema, --regex and --grammar exclude each other");
    if (regex) return grammar_from_regex(cli_str(c, "regex"), out, e);
    if (schema)
        return read_source(c, "json-schema", str_starts(str_trim(cli_str(c, "json-schema")), STR("{")), &text, e) &&
               grammar_from_json_schema(text, out, e);
    if (grammar)
        return read_source(c, "grammar", str_find(cli_str(c, "grammar"), STR("::=")) != STR_NONE, &text, e) &&
               grammar_from_gbnf(text, out, e);
    *out = NULL;
    return true;
}

bool cli_constraint_read(struct cli *c, const struct tokenizer *t, size_t vocab, struct sequence_options *o,
                         struct cli_constraint *x, struct err *e)
{
    *x = (struct cli_constraint){ 0 };
    o->tokenizer = t;
    if (cli_given(c, "stop")) {
        x->stop = cli_str(c, "stop");
        o->stop_text = &x->stop;
        o->stop_text_count = 1;
        o->stop_text_kept = false; /* whatever the repository wants of its own */
    }
    if (!read_grammar(c, &x->grammar, e)) return false;
    if (!x->grammar) return true;
    if (!grammar_tokens_new(t, vocab, o->stop, o->stop_count, NULL, 0, &x->tokens, e)) return false;
    x->matcher = grammar_matcher_new(x->grammar, x->tokens, MATCHER_BYTES);
    o->matcher = x->matcher;
    return true;
}

void cli_constraint_deinit(struct cli_constraint *x)
{
    grammar_matcher_free(x->matcher);
    grammar_tokens_free(x->tokens);
    grammar_free(x->grammar);
}
