/* model/constrain/automaton.h - deterministic automata, for what holds together: a pattern and a length, two patterns,
 * bounds and multiples of numbers.
 *
 * An automaton reads symbols: bytes, or characters that no pattern of a schema tells apart (struct alphabet).  It is
 * made by finding out which states there are, from the start on, and becomes an expression. */
#ifndef MODEL_CONSTRAIN_AUTOMATON_H
#define MODEL_CONSTRAIN_AUTOMATON_H

#include "model/constrain/grammar_priv.h"

enum { AUTOMATON_STATES_MAX = 1 << 14, AUTOMATON_DEAD = 0, AUTOMATON_START = 1 };

struct automaton {
    uint32_t states, symbols;
    uint32_t *next; /* [states][symbols] */
    bool *accepts;  /* [states] */
};
void automaton_free(struct automaton *a); /* a zeroed one is fine */

/* Where automata come from: states are keys of a fixed size, and equal exactly if their bytes are. */
struct automaton_source {
    const void *of;
    size_t key_bytes;
    uint32_t symbols;
    bool (*step)(const void *of, const void *from, uint32_t symbol, void *to); /* false: nothing can follow */
    bool (*accepts)(const void *of, const void *key);
};
/* False: it has too many states, or takes too much of *work, which is counted down.  States from which nothing is
 * accepted are left out. */
bool automaton_explore(const struct automaton_source *from, const void *start, uint64_t *work, struct automaton *out);
/* As few states as can be; where that would take too long, as it was. */
void automaton_minimise(struct automaton *a, uint64_t *work);
/* What an expression matches that is written in an alphabet (and calls no rules). */
bool automaton_of(struct grammar_builder *b, struct expr *body, uint32_t symbols, uint64_t *work, struct automaton *out);

/* The most symbols that it accepts at once; UINT32_MAX: there is no such number. */
uint32_t automaton_longest(const struct automaton *a);

/* label: what one of these symbols is. */
struct expr *automaton_expr(struct grammar_builder *b, const struct automaton *a,
                            struct expr *(*label)(void *of, struct grammar_builder *b, const struct byte_set *symbols),
                            void *of);

#endif
