/* model/constrain/trie.h - the tokens of a vocabulary by their bytes, in the order of a walk. */
#ifndef MODEL_CONSTRAIN_TRIE_H
#define MODEL_CONSTRAIN_TRIE_H

#include "model/constrain/matcher.h"

enum { TRIE_DEPTH_MAX = 1024, TRIE_NO_TOKEN = UINT32_MAX };

/* Depth first: the children of a node follow it, and `skip` is the first node that is not below it. */
struct trie_node {
    uint32_t skip;
    uint32_t token; /* the first of those that end here, or TRIE_NO_TOKEN */
    uint16_t depth; /* 0: the first byte */
    uint8_t byte;
};

struct grammar_tokens {
    size_t vocab;
    struct trie_node *node;
    size_t nodes;
    uint32_t *also; /* [vocab]: another token with the same bytes, or TRIE_NO_TOKEN */
    char *text;     /* the bytes of all */
    uint32_t *from; /* [vocab + 1]: where those of a token begin */
    uint32_t *eos;
    size_t eos_count;
};

#endif
