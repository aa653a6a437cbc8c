/* added.c - finding added tokens: the longest at the leftmost place, as Aho-Corasick would.
 *
 * Few places in a text can begin a token, so a bitmap of the first two bytes says where it is worth walking the trie;
 * everywhere else costs one load.  The trie's children are kept in a small open-addressing table.
 *
 * Invariants: node 0 is the root; leaf[node] is the index of the token that ends there, or NO_ID. */
#include "model/token/token_priv.h"

struct matcher {
    struct edge_slot *edges;
    uint32_t edges_mask, nodes, nodes_cap;
    uint32_t *leaf;
    struct arena *arena;
    uint8_t pairs[8192]; /* bit (first << 8 | second): a token may begin with these */
    bool any;
};

static void matcher_release(void *ctx)
{
    struct matcher *m = ctx;
    mem_free(m->edges);
    mem_free(m->leaf);
}

struct matcher *matcher_new(struct arena *a)
{
    struct matcher *m = arena_one(a, struct matcher);
    m->arena = a;
    m->edges_mask = 63;
    m->edges = mem_alloc(64 * sizeof *m->edges);
    m->nodes_cap = 32;
    m->leaf = mem_alloc(32 * sizeof *m->leaf);
    m->leaf[0] = NO_ID;
    m->nodes = 1;
    arena_on_free(a, matcher_release, m);
    return m;
}

bool matcher_is_empty(const struct matcher *m) { return !m->any; }

static void edge_put(struct matcher *m, uint32_t from, uint32_t to) /* from has no edge yet */
{
    uint32_t i = hash_pair(from, 0) & m->edges_mask;
    while (m->edges[i].to != 0) i = (i + 1) & m->edges_mask;
    m->edges[i] = (struct edge_slot){ from, to };
}

static uint32_t edge_find(const struct matcher *m, uint32_t from)
{
    uint32_t i = hash_pair(from, 0) & m->edges_mask;
    while (m->edges[i].to != 0 && m->edges[i].from != from) i = (i + 1) & m->edges_mask;
    return m->edges[i].to;
}

static uint32_t node_new(struct matcher *m)
{
    if (m->nodes == m->nodes_cap) {
        m->nodes_cap *= 2;
        m->leaf = mem_grow(m->leaf, m->nodes_cap * sizeof *m->leaf);
    }
    m->leaf[m->nodes] = NO_ID;
    if (2 * (m->nodes + 1) > m->edges_mask) {
        struct edge_slot *old = m->edges;
        uint32_t n = m->edges_mask + 1;
        m->edges = mem_alloc(2 * (size_t)n * sizeof *m->edges);
        m->edges_mask = 2 * n - 1;
        for (uint32_t i = 0; i < n; i++)
            if (old[i].to) edge_put(m, old[i].from, old[i].to);
        mem_free(old);
    }
    return m->nodes++;
}

bool matcher_add(struct matcher *m, str pattern, uint32_t index, struct err *e)
{
    uint32_t node = 0;
    if (pattern.n == 0) return true;
    if (pattern.n > TOKEN_PIECE_MAX)
        return err_set(e, ERR_TOO_LARGE, "tokenizer: an added token of %zu bytes; there may be %d, for it is looked for at each place of a text", pattern.n, TOKEN_PIECE_MAX);
    if (pattern.n > TRIE_NODES_MAX - m->nodes - 1) return err_set(e, ERR_TOO_LARGE, "tokenizer: the added tokens are too long");
    for (size_t i = 0; i < pattern.n; i++) {
        uint32_t from = node << 8 | (uint8_t)pattern.p[i], to = edge_find(m, from);
        if (!to) {
            to = node_new(m);
            edge_put(m, from, to);
        }
        node = to;
    }
    if (m->leaf[node] == NO_ID) m->leaf[node] = index; /* the first of two equal patterns wins */
    unsigned first = (uint8_t)pattern.p[0];
    if (pattern.n == 1) memset(m->pairs + first * 32, 0xFF, 32);
    else m->pairs[first * 32 + ((uint8_t)pattern.p[1] >> 3)] |= (uint8_t)(1u << ((uint8_t)pattern.p[1] & 7));
    m->any = true;
    return true;
}

bool matcher_next(const struct matcher *m, str s, size_t at, struct split *out, uint32_t *index)
{
    const uint8_t *p = (const uint8_t *)s.p;
    if (!m->any) return false;
    for (; at < s.n; at++) {
        unsigned second = at + 1 < s.n ? p[at + 1] : 0;
        if (__builtin_expect(!(m->pairs[p[at] * 32u + (second >> 3)] >> (second & 7) & 1), 1)) continue;
        uint32_t node = 0, best = NO_ID;
        size_t end = at;
        for (size_t i = at; i < s.n && (node = edge_find(m, node << 8 | p[i])) != 0; i++)
            if (m->leaf[node] != NO_ID) {
                best = m->leaf[node];
                end = i + 1;
            }
        if (best == NO_ID) continue;
        *out = (struct split){ (uint32_t)at, (uint32_t)end };
        *index = best;
        return true;
    }
    return false;
}
