/* model/token/compile.h - what compile.c and compile_write.c share while a block is being made. */
#ifndef MODEL_TOKEN_COMPILE_H
#define MODEL_TOKEN_COMPILE_H

#include "model/token/token_priv.h"

struct compile {
    struct arena *a;
    struct block_header head; /* scalars; the sections are filled when written */
    uint32_t ids;
    size_t entries;           /* of the vocabulary; fewer than ids where it has holes */
    str *text;                /* [ids] */
    uint8_t *present;         /* [ids] */
    double *scores;           /* [ids], Unigram */
    uint32_t *by_text, by_text_mask;
    struct pair_slot *pairs;
    uint32_t pairs_mask;
    struct edge_slot *edges;
    uint32_t edges_mask;
    uint32_t *leaves;         /* [head.nodes] */
};

uint32_t table_size(size_t count);
uint32_t compile_find(const struct compile *c, str text); /* NO_ID if absent */
/* All texts into edges and leaves; prefix_node is where `prefix` leads (NO_ID: no text begins with it). */
bool compile_trie(struct compile *c, str prefix, struct err *e);
bool compile_write(struct compile *c, str pipeline, struct buf *out, struct err *e);

#endif
