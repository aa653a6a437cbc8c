/* compile_write.c - the trie of a vocabulary, and the block's sections written one behind the other. */
#include "model/token/compile.h"

static bool no_memory(struct err *e) { return err_set(e, ERR_TOO_LARGE, "tokenizer: too large to compile"); }

static uint32_t edge_find(const struct compile *c, uint32_t from, uint32_t *slot)
{
    uint32_t i = hash_pair(from, 0) & c->edges_mask;
    while (c->edges[i].to != 0 && c->edges[i].from != from) i = (i + 1) & c->edges_mask;
    *slot = i;
    return c->edges[i].to;
}

static bool edges_double(struct compile *c, struct err *e)
{
    struct edge_slot *old = c->edges;
    uint32_t n = c->edges_mask + 1, slot;
    c->edges = arena_try_array(c->a, 2 * (size_t)n, sizeof *c->edges);
    if (!c->edges) return no_memory(e);
    c->edges_mask = 2 * n - 1;
    for (uint32_t i = 0; i < n; i++)
        if (old[i].to != 0) {
            edge_find(c, old[i].from, &slot);
            c->edges[slot] = old[i];
        }
    return true;
}

/* Where the path of s ends; makes what is missing. */
static bool trie_walk(struct compile *c, str s, uint32_t *node, struct err *e)
{
    *node = 0;
    if (s.n > TOKEN_PIECE_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: a piece of %zu bytes; there may be %d", s.n, TOKEN_PIECE_MAX);
    for (size_t i = 0; i < s.n; i++) {
        uint32_t from = *node << 8 | (uint8_t)s.p[i], slot, to = edge_find(c, from, &slot);
        if (to == 0) {
            if (c->head.nodes >= TRIE_NODES_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: the pieces are too long");
            to = c->head.nodes++;
            c->edges[slot] = (struct edge_slot){ from, to };
            if (2 * (uint64_t)c->head.nodes > c->edges_mask && !edges_double(c, e)) return false;
        }
        *node = to;
    }
    return true;
}

bool compile_trie(struct compile *c, str prefix, struct err *e)
{
    size_t texts = 0;
    for (uint32_t id = 0; id < c->ids; id++) texts += c->text[id].n;
    if (texts + prefix.n >= TRIE_NODES_MAX)
        return err_set(e, ERR_TOO_LARGE, "tokenizer: the vocabulary's texts have %zu bytes", texts);
    c->edges_mask = (1u << 10) - 1;
    c->edges = arena_try_array(c->a, (size_t)c->edges_mask + 1, sizeof *c->edges);
    c->leaves = arena_try_array(c->a, texts + prefix.n + 1, sizeof *c->leaves);
    if (!c->edges || !c->leaves) return no_memory(e);
    memset(c->leaves, 0xFF, (texts + prefix.n + 1) * sizeof *c->leaves);
    c->head.nodes = 1;
    for (uint32_t id = 0; id < c->ids; id++) {
        uint32_t node;
        if (!c->present[id] || c->text[id].n == 0) continue;
        if (!trie_walk(c, c->text[id], &node, e)) return false;
        c->leaves[node] = id;
    }
    return trie_walk(c, prefix, &c->head.prefix_node, e);
}

/* The bytes that a text of the alphabet means; empty if a character is not of the alphabet. */
static void raw_of(str text, struct buf *out)
{
    size_t n0 = out->n, n;
    for (size_t i = 0; i < text.n; i += n) {
        int b = alphabet_to_byte(utf8_get((const uint8_t *)text.p + i, &n));
        if (b < 0) {
            out->n = n0;
            return;
        }
        buf_byte(out, (char)b);
    }
}

static void section_begin(struct buf *out, struct block_header *h, enum token_section s)
{
    while (out->n % 16) buf_byte(out, 0);
    h->section[s].at = out->n;
}
static void section_end(struct buf *out, struct block_header *h, enum token_section s)
{
    h->section[s].n = out->n - h->section[s].at;
}
static void section(struct buf *out, struct block_header *h, enum token_section s, const void *p, size_t n)
{
    section_begin(out, h, s);
    if (n) buf_add(out, str_n(p, n));
    section_end(out, h, s);
}

static bool texts_write(struct compile *c, struct buf *out, struct block_header *h, struct err *e)
{
    uint32_t *at = arena_try_array(c->a, (size_t)c->ids + 1, sizeof *at);
    if (!at) return no_memory(e);
    section_begin(out, h, SEC_TEXT);
    for (uint32_t id = 0; id < c->ids; id++) {
        at[id] = (uint32_t)(out->n - h->section[SEC_TEXT].at);
        if (c->present[id]) buf_add(out, c->text[id]);
    }
    at[c->ids] = (uint32_t)(out->n - h->section[SEC_TEXT].at);
    section_end(out, h, SEC_TEXT);
    section(out, h, SEC_TEXT_AT, at, ((size_t)c->ids + 1) * sizeof *at);
    if (!h->byte_level) return true;
    section_begin(out, h, SEC_RAW);
    for (uint32_t id = 0; id < c->ids; id++) {
        at[id] = (uint32_t)(out->n - h->section[SEC_RAW].at);
        if (c->present[id]) raw_of(c->text[id], out);
    }
    at[c->ids] = (uint32_t)(out->n - h->section[SEC_RAW].at);
    section_end(out, h, SEC_RAW);
    section(out, h, SEC_RAW_AT, at, ((size_t)c->ids + 1) * sizeof *at);
    return true;
}

static bool words_write(struct compile *c, struct buf *out, struct block_header *h, struct err *e)
{
    uint32_t size = table_size(c->entries), mask = size - 1;
    struct word_slot *slot = arena_try_array(c->a, size, sizeof *slot);
    struct buf raw = BUF_INIT(0);
    if (!slot) return no_memory(e);
    for (uint32_t i = 0; i < size; i++) slot[i].id = NO_ID;
    for (uint32_t id = 0; id < c->ids; id++) {
        if (!c->present[id] || compile_find(c, c->text[id]) != id) continue; /* the later of two equal pieces wins */
        str key = c->text[id];
        if (h->byte_level) {
            buf_reset(&raw);
            raw_of(key, &raw);
            if (raw.n == 0) continue;
            key = buf_str(&raw);
        }
        uint32_t hash = hash_bytes((const uint8_t *)key.p, key.n), i = hash & mask;
        while (slot[i].id != NO_ID) i = (i + 1) & mask;
        slot[i] = (struct word_slot){ hash, id };
    }
    buf_deinit(&raw);
    section(out, h, SEC_WORDS, slot, (size_t)size * sizeof *slot);
    return true;
}

bool compile_write(struct compile *c, str pipeline, struct buf *out, struct err *e)
{
    struct block_header *h = &c->head;
    const size_t summed = offsetof(struct block_header, model);
    memcpy(h->magic, "HEARTHTK", 8);
    h->version = BLOCK_VERSION;
    h->sections = SEC_COUNT;
    h->ids = c->ids;
    buf_init(out, UINT32_MAX);
    buf_add(out, str_n((const char *)h, sizeof *h));
    section(out, h, SEC_PIPELINE, pipeline.p, pipeline.n);
    for (enum token_section s = SEC_TEXT_AT; s < SEC_COUNT; s++) section(out, h, s, NULL, 0); /* unless given below */
    if (!texts_write(c, out, h, e) || !words_write(c, out, h, e)) goto failed;
    section(out, h, SEC_PRESENT, c->present, c->ids);
    if (c->pairs) section(out, h, SEC_PAIRS, c->pairs, ((size_t)c->pairs_mask + 1) * sizeof *c->pairs);
    if (c->scores) section(out, h, SEC_SCORES, c->scores, c->ids * sizeof *c->scores);
    if (c->edges) section(out, h, SEC_EDGES, c->edges, ((size_t)c->edges_mask + 1) * sizeof *c->edges);
    if (c->leaves) section(out, h, SEC_LEAVES, c->leaves, h->nodes * sizeof *c->leaves);
    if (out->failed) {
        no_memory(e);
        goto failed;
    }
    h->size = out->n;
    memcpy(out->p, h, sizeof *h);
    h->checksum = block_checksum((bytes){ (const uint8_t *)out->p + summed, out->n - summed });
    memcpy(out->p, h, sizeof *h);
    return true;
failed:
    buf_deinit(out);
    return false;
}
