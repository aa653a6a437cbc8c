/* block.c - the compiled tokenizer as one block of memory: checked as a whole, then used without a second look.
 *
 * Invariants after block_check, which every reader relies on:
 *  1. sections lie inside the block, are aligned to 16 bytes and have the sizes that the header's counts ask for;
 *  2. text_at and raw_at ascend and end inside of their sections;
 *  3. hash tables have 2^k slots, at least one of them free (so that probing ends), and hold ids below `ids`;
 *  4. edges lead from and to nodes below `nodes`, leaves hold ids below `ids` or NO_ID. */
#include "model/token/token_priv.h"

_Static_assert(sizeof(struct block_header) % 16 == 0, "sections are aligned to 16 bytes");

static inline uint64_t mix(uint64_t h, uint64_t v) { return (h ^ v) * 0x9FB21C651E98DF25u; }

/* Four lanes, so that the multiplications overlap: damage is found at the speed of memory.  Not a defence against
 * intent; the checks below are. */
uint64_t block_checksum(bytes b)
{
    uint64_t lane[4] = { 1, 2, 3, 4 }, v[4], h = b.n;
    const uint8_t *p = b.p, *end = b.p + b.n;
    for (; end - p >= 32; p += 32) {
        memcpy(v, p, 32);
        for (int i = 0; i < 4; i++) lane[i] = mix(lane[i], v[i]) ^ lane[i] >> 31;
    }
    for (; p < end; p++) h = mix(h, *p);
    for (int i = 0; i < 4; i++) h = mix(h ^ h >> 29, lane[i]);
    return h ^ h >> 32;
}

static bool bad(struct err *e, const char *what)
{
    return err_set(e, ERR_INVALID, "compiled tokenizer: %s", what);
}

static bool ascends(const uint32_t *at, uint32_t count, uint64_t end)
{
    if (at[0] != 0 || at[count] != end) return false;
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < count; i++) wrong |= at[i] > at[i + 1];
    return !wrong;
}

/* Slots of `size` bytes in the section; 0 slots only where `may_lack`. */
static bool table_mask(const struct block_header *h, enum token_section s, size_t size, bool may_lack, uint32_t *mask)
{
    uint64_t n = h->section[s].n / size;
    *mask = 0;
    if (h->section[s].n % size != 0) return false;
    if (n == 0) return may_lack;
    *mask = (uint32_t)n - 1;
    return n <= (1u << 30) && (n & (n - 1)) == 0;
}

static bool words_fit(const struct block *b)
{
    bool free_one = false, wrong = false;
    for (uint32_t i = 0; i <= b->words_mask; i++) {
        uint32_t id = b->words[i].id;
        free_one |= id == NO_ID;
        wrong |= id != NO_ID && id >= b->head->ids;
    }
    return free_one && !wrong;
}
static bool pairs_fit(const struct block *b)
{
    bool free_one = false, wrong = false;
    for (uint32_t i = 0; i <= b->pairs_mask; i++) {
        const struct pair_slot *s = &b->pairs[i];
        bool is_free = s->left == NO_ID;
        free_one |= is_free;
        wrong |= !is_free && (s->id >= b->head->ids || s->rank == NO_ID || s->right == NO_ID);
    }
    return free_one && !wrong;
}
static bool edges_fit(const struct block *b)
{
    bool free_one = false, wrong = false;
    for (uint32_t i = 0; i <= b->edges_mask; i++) {
        const struct edge_slot *s = &b->edges[i];
        free_one |= s->to == 0;
        wrong |= s->to != 0 && (s->to >= b->head->nodes || s->from >> 8 >= b->head->nodes);
    }
    return free_one && !wrong;
}

static bool scalars_fit(const struct block_header *h)
{
    return h->model >= MODEL_BPE && h->model <= MODEL_WORDLEVEL && h->ids <= TOKEN_IDS_MAX &&
           (h->unk_id == NO_ID || h->unk_id < h->ids) && h->nodes <= TRIE_NODES_MAX &&
           (h->prefix_node == NO_ID || h->prefix_node < h->nodes || h->nodes == 0);
}

bool block_check(bytes m, struct block *out, struct err *e)
{
    const struct block_header *h = (const void *)m.p;
    const size_t summed = offsetof(struct block_header, model);
    *out = (struct block){ .head = h };
    if (m.n < sizeof *h || memcmp(h->magic, "HEARTHTK", 8) != 0) return bad(e, "not one");
    if (h->version != BLOCK_VERSION || h->sections != SEC_COUNT) return bad(e, "of another version");
    if (h->size != m.n) return bad(e, "cut short");
    if (h->checksum != block_checksum((bytes){ m.p + summed, m.n - summed })) return bad(e, "damaged (checksum)");
    if (!scalars_fit(h)) return bad(e, "a number is out of range");
    for (int i = 0; i < SEC_COUNT; i++)
        if (h->section[i].at % 16 != 0 || h->section[i].at > m.n || h->section[i].n > m.n - h->section[i].at)
            return bad(e, "a section lies outside");

    const uint8_t *at[SEC_COUNT];
    for (int i = 0; i < SEC_COUNT; i++) at[i] = m.p + h->section[i].at;
    const uint64_t ids_bytes = 4 * ((uint64_t)h->ids + 1);
    if (h->section[SEC_TEXT_AT].n != ids_bytes || h->section[SEC_PRESENT].n != h->ids ||
        (h->byte_level && h->section[SEC_RAW_AT].n != ids_bytes) ||
        (h->model == MODEL_UNIGRAM && h->section[SEC_SCORES].n != 8 * (uint64_t)h->ids) ||
        h->section[SEC_LEAVES].n != 4 * (uint64_t)h->nodes)
        return bad(e, "a section has the wrong size");
    out->pipeline = (str){ (const char *)at[SEC_PIPELINE], h->section[SEC_PIPELINE].n };
    out->text_at = (const void *)at[SEC_TEXT_AT];
    out->text = (const char *)at[SEC_TEXT];
    out->raw_at = (const void *)at[SEC_RAW_AT];
    out->raw = (const char *)at[SEC_RAW];
    out->present = at[SEC_PRESENT];
    out->words = (const void *)at[SEC_WORDS];
    out->pairs = (const void *)at[SEC_PAIRS];
    out->scores = (const void *)at[SEC_SCORES];
    out->edges = (const void *)at[SEC_EDGES];
    out->leaves = (const void *)at[SEC_LEAVES];

    bool has_trie = h->model == MODEL_UNIGRAM || h->model == MODEL_WORDPIECE;
    if (!ascends(out->text_at, h->ids, h->section[SEC_TEXT].n) ||
        (h->byte_level && !ascends(out->raw_at, h->ids, h->section[SEC_RAW].n)))
        return bad(e, "the texts are out of order");
    if (!table_mask(h, SEC_WORDS, sizeof *out->words, false, &out->words_mask) ||
        !table_mask(h, SEC_PAIRS, sizeof *out->pairs, h->model != MODEL_BPE, &out->pairs_mask) ||
        !table_mask(h, SEC_EDGES, sizeof *out->edges, !has_trie, &out->edges_mask))
        return bad(e, "a table has the wrong size");
    if (!words_fit(out) || (h->model == MODEL_BPE && !pairs_fit(out)) || (has_trie && (h->nodes == 0 || !edges_fit(out))))
        return bad(e, "a table names what is not there");
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < h->nodes; i++) wrong |= out->leaves[i] != NO_ID && out->leaves[i] >= h->ids;
    return wrong ? bad(e, "a leaf names what is not there") : true;
}
