/* model.c - a word becomes tokens: the cache first, then the tokenizer's model.  WordPiece and WordLevel live here,
 * being a screen each. */
#include "model/token/token_priv.h"

static bool unk_out(struct token_encoder *x, size_t n, struct err *e)
{
    uint32_t unk = x->t->b.head->unk_id;
    if (unk == NO_ID) return err_set(e, ERR_INVALID, "tokenizer: a word is not in the vocabulary, which lacks the unknown token, too");
    tok_push(x, unk, 0, (uint32_t)n);
    return true;
}

/* Greedy: the longest piece that fits, again and again; one failure makes the whole word unknown. */
static bool wordpiece_word(struct token_encoder *x, const uint8_t *p, size_t n, struct err *e)
{
    const struct block *b = &x->t->b;
    const size_t first = x->toks.n;
    if (utf8_count(str_n((const char *)p, n)) > b->head->word_chars_max) return unk_out(x, n, e);
    for (size_t at = 0; at < n;) {
        uint32_t node = at == 0 ? 0 : b->head->prefix_node, best = NO_ID;
        size_t end = at;
        if (node == NO_ID) node = 0;
        for (size_t i = at; i < n && (node = block_edge(b, node, p[i])) != 0; i++)
            if (b->leaves[node] != NO_ID) {
                best = b->leaves[node];
                end = i + 1;
            }
        if (best == NO_ID) {
            x->toks.n = first;
            return unk_out(x, n, e);
        }
        tok_push(x, best, (uint32_t)at, (uint32_t)end);
        at = end;
    }
    return true;
}

static bool wordlevel_word(struct token_encoder *x, const uint8_t *p, size_t n, struct err *e)
{
    uint32_t id = block_word(&x->t->b, p, n);
    if (id == NO_ID) return unk_out(x, n, e);
    tok_push(x, id, 0, (uint32_t)n);
    return true;
}

bool model_word(struct token_encoder *x, const uint8_t *p, size_t n, struct err *e)
{
    const size_t first = x->toks.n;
    bool ok = true;
    need_room(&x->toks, 1);
    if (cache_find(x->cache, p, n, &x->toks)) return true;
    switch ((enum token_model)x->t->b.head->model) {
    case MODEL_BPE: ok = bpe_word(x, p, n, e); break;
    case MODEL_WORDPIECE: ok = wordpiece_word(x, p, n, e); break;
    case MODEL_UNIGRAM: ok = unigram_word(x, p, n, e); break;
    case MODEL_WORDLEVEL: ok = wordlevel_word(x, p, n, e); break;
    }
    if (ok) cache_keep(x->cache, p, n, x->toks.item + first, x->toks.n - first);
    return ok;
}
