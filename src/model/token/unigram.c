/* unigram.c - the best segmentation of a word under a Unigram model, by Viterbi over byte positions.
 *
 * As the reference has it, ties included: starts are visited from left to right and a later path replaces an earlier
 * one only if it scores strictly higher; one unknown character costs 10 less than the worst piece and is considered only
 * where no piece of exactly one character begins.  Runs of unknown characters become one token. */
#include "model/token/token_priv.h"

static void lattice_room(struct token_encoder *x, size_t n)
{
    if (n <= x->lattice.cap) return;
    x->lattice.cap = n + n / 2 + 64;
    x->lattice.score = mem_grow(x->lattice.score, x->lattice.cap * sizeof *x->lattice.score);
    x->lattice.id = mem_grow(x->lattice.id, x->lattice.cap * sizeof *x->lattice.id);
    x->lattice.from = mem_grow(x->lattice.from, x->lattice.cap * sizeof *x->lattice.from);
}

static inline void offer(struct token_encoder *x, size_t end, double score, uint32_t id, size_t from)
{
    if (x->lattice.from[end] != NO_ID && !(score > x->lattice.score[end])) return;
    x->lattice.score[end] = score;
    x->lattice.id[end] = id;
    x->lattice.from[end] = (uint32_t)from;
}

static bool forward(struct token_encoder *x, const uint8_t *p, size_t n, struct err *e)
{
    const struct block *b = &x->t->b;
    for (size_t i = 0; i <= n; i++) x->lattice.from[i] = NO_ID;
    x->lattice.score[0] = 0;
    for (size_t at = 0, size; at < n; at += size) {
        double here = x->lattice.score[at];
        bool single = false;
        uint32_t node = 0;
        size = utf8_size(p[at]);
        for (size_t i = at; i < n && (node = block_edge(b, node, p[i])) != 0; i++) {
            uint32_t id = b->leaves[node];
            if (id == NO_ID) continue;
            offer(x, i + 1, b->scores[id] + here, id, at);
            single |= i + 1 - at == size;
        }
        if (single) continue;
        if (b->head->unk_id == NO_ID) return err_set(e, ERR_INVALID, "tokenizer: a character is not in the vocabulary, and there is no unk_id");
        offer(x, at + size, x->t->unk_score + here, b->head->unk_id, at);
    }
    return true;
}

static void piece_out(struct token_encoder *x, const uint8_t *p, uint32_t from, uint32_t to)
{
    const struct block *b = &x->t->b;
    uint32_t id = block_word(b, p + from, to - from);
    if (id == NO_ID && b->head->byte_fallback) {
        uint32_t i = from;
        while (i < to && x->t->byte_id[p[i]] != NO_ID) i++;
        if (i == to) {
            for (i = from; i < to; i++) tok_push(x, x->t->byte_id[p[i]], from, to);
            return;
        }
    }
    tok_push(x, id == NO_ID ? b->head->unk_id : id, from, to);
}

bool unigram_word(struct token_encoder *x, const uint8_t *p, size_t n, struct err *e)
{
    const uint32_t unk = x->t->b.head->unk_id;
    lattice_room(x, n + 1);
    if (!forward(x, p, n, e)) return false;
    /* Backwards, chaining the starts of tokens into `id` of their place: from[] is not needed behind us any more. */
    uint32_t *next = x->lattice.from;
    uint32_t end = (uint32_t)n, after = NO_ID;
    while (end > 0) {
        uint32_t from = x->lattice.from[end], id = x->lattice.id[end];
        if (id == unk && unk != NO_ID)
            while (from > 0 && x->lattice.id[from] == unk) from = x->lattice.from[from];
        next[end] = after; /* ends of tokens, linked forwards */
        after = end;
        end = from;
    }
    for (uint32_t from = 0, to = after; to != NO_ID; from = to, to = next[to]) piece_out(x, p, from, to);
    return true;
}
