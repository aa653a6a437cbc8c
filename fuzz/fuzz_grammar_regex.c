/* fuzz_grammar_regex.c - regular expressions: what is taken can be walked, and never into a dead end. */
#include "fuzz_grammar.h"

FUZZ_GRAMMAR(grammar_from_regex)
