/* fuzz_grammar_gbnf.c - llama.cpp's notation: what is taken can be walked, and never into a dead end. */
#include "fuzz_grammar.h"

FUZZ_GRAMMAR(grammar_from_gbnf)
