/* fuzz_grammar_schema.c - JSON schemas: what is taken can be walked, never into a dead end, and what comes out is JSON. */
#define FUZZ_ENDS_IN_JSON 1
#include "fuzz_grammar.h"

FUZZ_GRAMMAR(grammar_from_json_schema)
