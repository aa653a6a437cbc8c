/* fuzz_grammar.h - what the targets of the three notations share: a walk through the grammar, where each byte is
 * chosen from those that the mask allows, by numbers that the input gives. */
#ifndef FUZZ_GRAMMAR_H
#define FUZZ_GRAMMAR_H

#include "base/arena.h"
#include "base/json.h"
#include "model/constrain/matcher.h"

#ifndef FUZZ_ENDS_IN_JSON
#define FUZZ_ENDS_IN_JSON 0
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct grammar_tokens *fuzz_tokens(void)
{
    static char byte[257];
    static str piece[257];
    static const uint32_t eos = 256;
    for (size_t i = 0; i < 256; i++) byte[i] = (char)i, piece[i] = str_n(&byte[i], 1);
    return grammar_tokens_from(piece, 257, &eos, 1);
}

static inline void fuzz_walk(const struct grammar *g, const uint8_t *data, size_t size, bool json)
{
    struct grammar_tokens *t = fuzz_tokens();
    struct grammar_matcher *m = grammar_matcher_new(g, t, 1 << 18);
    struct grammar_state *s = grammar_state_new(m);
    struct buf text = BUF_INIT(0);
    uint64_t mask[5], hash = size;
    bool ended = false;
    for (size_t i = 0; i < 24 && !ended; i++) {
        uint32_t pick = 0, seen = 0;
        must(grammar_mask(s, mask)); /* no dead ends */
        hash = (hash ^ (size ? data[i % size] : 0)) * 0x9e3779b97f4a7c15u;
        for (uint32_t k = 0; k < 257; k++)
            if (mask[k / 64] >> (k % 64) & 1 && (hash >> 40) % ++seen == 0) pick = k;
        must(grammar_accept(s, pick));
        ended = pick == 256;
        if (!ended) buf_byte(&text, (char)pick);
    }
    if (ended && json) {
        struct arena *a = arena_new(16 << 20);
        struct json *j;
        struct err e;
        must(json_parse(buf_str(&text), a, &j, &e));
        arena_free(a);
    }
    buf_deinit(&text);
    grammar_state_free(s);
    grammar_matcher_free(m);
    grammar_tokens_free(t);
}

#define FUZZ_GRAMMAR(compile)                                                      \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                   \
    {                                                                              \
        struct grammar *g;                                                         \
        struct err e;                                                              \
        if (!compile(str_n((const char *)data, size), &g, &e)) return 0;           \
        fuzz_walk(g, data, size, FUZZ_ENDS_IN_JSON);                               \
        grammar_free(g);                                                           \
        return 0;                                                                  \
    }

#endif
