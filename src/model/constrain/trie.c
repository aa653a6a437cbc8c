/* model/constrain/trie.c - see model/constrain/trie.h. */
#include "model/constrain/trie.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"

struct entry {
    str text;
    uint32_t token;
};

static int by_text(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = str_cmp(x->text, y->text);
    return c ? c : x->token < y->token ? -1 : x->token > y->token;
}

/* entry[n] is sorted, so that each entry shares its beginning with the one before. */
static void make_nodes(struct grammar_tokens *t, const struct entry *entry, size_t n)
{
    uint32_t open[TRIE_DEPTH_MAX]; /* the nodes on the way to the entry before */
    size_t depth = 0, total = 0;
    for (size_t i = 0; i < n; i++) total += entry[i].text.n;
    t->node = mem_alloc((total + 1) * sizeof *t->node);
    for (size_t i = 0; i < n; i++) {
        str text = entry[i].text;
        size_t common = 0;
        while (i && common < depth && common < text.n && t->node[open[common]].byte == (uint8_t)text.p[common])
            common++;
        if (common == text.n) { /* the same bytes again */
            struct trie_node *same = &t->node[open[common - 1]];
            t->also[entry[i].token] = same->token;
            same->token = entry[i].token;
            continue;
        }
        while (depth > common) t->node[open[--depth]].skip = (uint32_t)t->nodes;
        for (; depth < text.n; depth++) {
            open[depth] = (uint32_t)t->nodes;
            t->node[t->nodes++] = (struct trie_node){ 0, TRIE_NO_TOKEN, (uint16_t)depth, (uint8_t)text.p[depth] };
        }
        t->node[open[depth - 1]].token = entry[i].token;
    }
    while (depth) t->node[open[--depth]].skip = (uint32_t)t->nodes;
    t->node = mem_grow(t->node, (t->nodes + 1) * sizeof *t->node);
}

static bool is_among(uint32_t id, const uint32_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == id) return true;
    return false;
}

struct grammar_tokens *grammar_tokens_from(const str *piece, size_t vocab, const uint32_t *eos, size_t eos_count)
{
    struct grammar_tokens *t = mem_one(struct grammar_tokens);
    struct entry *entry = mem_alloc((vocab + 1) * sizeof *entry);
    size_t n;
    struct buf all = BUF_INIT(0);
    t->vocab = vocab;
    t->from = mem_alloc((vocab + 1) * sizeof *t->from);
    t->also = mem_alloc((vocab + 1) * sizeof *t->also);
    t->eos = mem_alloc((eos_count + 1) * sizeof *t->eos);
    for (size_t i = 0; i < eos_count; i++)
        if (eos[i] < vocab) t->eos[t->eos_count++] = eos[i];
    for (uint32_t i = 0; i < vocab; i++) {
        t->also[i] = TRIE_NO_TOKEN;
        if (!is_among(i, eos, eos_count)) buf_add(&all, piece[i]);
        must(all.n < UINT32_MAX);
        t->from[i + 1] = (uint32_t)all.n;
    }
    buf_lit(&all, "\0"); /* so that there is something to take */
    t->text = buf_take(&all, &n);
    n = 0;
    for (uint32_t i = 0; i < vocab; i++) {
        str text = str_n(t->text + t->from[i], t->from[i + 1] - t->from[i]);
        if (text.n && text.n <= TRIE_DEPTH_MAX) entry[n++] = (struct entry){ text, i };
    }
    qsort(entry, n, sizeof *entry, by_text);
    make_nodes(t, entry, n);
    mem_free(entry);
    return t;
}

/* A decoder may have a regex of anybody's making. */
static bool time_is_left(uint32_t token, int64_t began_us, size_t vocab)
{
    enum { PIECES_US = 2000000, PIECE_US = 50, LOOK_EACH = 16 };
    return token % LOOK_EACH || clock_thread_us() - began_us < PIECES_US + (int64_t)vocab * PIECE_US;
}

bool grammar_tokens_new(const struct tokenizer *t, size_t vocab, const uint32_t *eos, size_t eos_count, const uint32_t *also,
                        size_t also_count, struct grammar_tokens **out, struct err *e)
{
    struct arena *a = arena_new(0);
    struct buf piece = BUF_INIT(0);
    str *list = mem_alloc((vocab + 1) * sizeof *list);
    const int64_t began_us = clock_thread_us();
    bool in_time = true;
    for (uint32_t i = 0; i < vocab && in_time; i++) {
        bool is_special = i < tokenizer_size(t) && tokenizer_is_special(t, i) && !is_among(i, also, also_count);
        if (i < tokenizer_size(t) && !is_special) {
            tokenizer_piece(t, i, &piece);
            list[i] = arena_dup(a, buf_str(&piece));
        }
        in_time = time_is_left(i, began_us, vocab);
    }
    if (in_time) *out = grammar_tokens_from(list, vocab, eos, eos_count);
    buf_deinit(&piece);
    mem_free(list);
    arena_free(a);
    return in_time || err_set(e, ERR_INVALID, "the tokenizer takes too long to say what its tokens are, so grammars cannot be obeyed (is there a slow regex among its decoders?)");
}

void grammar_tokens_free(struct grammar_tokens *t)
{
    if (!t) return;
    mem_free(t->node);
    mem_free(t->also);
    mem_free(t->text);
    mem_free(t->from);
    mem_free(t->eos);
    mem_free(t);
}

