/* bpe.c - byte pair encoding of one word: join the neighbours of lowest rank, leftmost first, until none may be joined.
 *
 * Symbols stand in arrays.  Short words look for the lowest rank by reading all ranks, which stay in a few cache lines;
 * long ones (whole texts, for models without a pre-tokeniser) keep a heap of (rank, place) in one array, with entries
 * that have gone stale recognised by the rank of their place.  Nothing is allocated per word once the arrays have grown. */
#include "model/token/token_priv.h"

enum { SHORT_WORD = 48 };

static void symbols_room(struct token_encoder *x, size_t n)
{
    if (n <= x->bpe.cap) return;
    size_t cap = n + n / 2 + 64;
    uint32_t **array[] = { &x->bpe.id, &x->bpe.len, &x->bpe.prev, &x->bpe.next, &x->bpe.rank };
    for (size_t i = 0; i < COUNT(array); i++) *array[i] = mem_grow(*array[i], cap * sizeof(uint32_t));
    x->bpe.cap = cap;
}

/* ---- the first symbols ------------------------------------------------------------------------------------------ */

struct start { /* the reference's way of holding an unknown symbol back until it is clear whether the next joins it */
    size_t n;
    uint32_t unk_len;
    bool unk;
};

static void symbol_add(struct token_encoder *x, struct start *s, uint32_t id, uint32_t len)
{
    x->bpe.id[s->n] = id;
    x->bpe.len[s->n++] = len;
}
static void unk_flush(struct token_encoder *x, struct start *s)
{
    if (s->unk) symbol_add(x, s, x->t->b.head->unk_id, s->unk_len);
    s->unk = false;
}
static void unk_add(struct token_encoder *x, struct start *s, uint32_t len)
{
    const struct block_header *h = x->t->b.head;
    if (h->unk_id == NO_ID) return; /* it vanishes, as in the reference */
    if (s->unk && h->fuse_unk) {
        s->unk_len += len;
        return;
    }
    unk_flush(x, s);
    s->unk = true;
    s->unk_len = len;
}

static size_t symbols_of_bytes(struct token_encoder *x, const uint8_t *p, size_t n)
{
    struct start s = { 0 };
    symbols_room(x, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t id = x->t->byte_id[p[i]];
        if (__builtin_expect(id == NO_ID, 0)) {
            unk_add(x, &s, 1);
            continue;
        }
        unk_flush(x, &s);
        symbol_add(x, &s, id, 1);
    }
    unk_flush(x, &s);
    return s.n;
}

static bool all_bytes_exist(const struct tokenizer *t, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (t->byte_id[p[i]] == NO_ID) return false;
    return true;
}

static size_t symbols_of_chars(struct token_encoder *x, const uint8_t *p, size_t n)
{
    const struct tokenizer *t = x->t;
    const struct block_header *h = t->b.head;
    const str prefix = t->bpe_prefix, suffix = t->bpe_suffix;
    struct start s = { 0 };
    symbols_room(x, n + (prefix.n + suffix.n) * (h->byte_fallback ? n : 1));
    size_t size;
    for (size_t i = 0; i < n; i += size) {
        size = utf8_size(p[i]);
        const uint8_t *text = p + i;
        size_t len = size;
        uint8_t whole[4 + 512];
        if ((i > 0 && prefix.n) || (i + size == n && suffix.n)) {
            len = 0;
            if (i > 0 && prefix.n) memcpy(whole, prefix.p, prefix.n), len = prefix.n;
            memcpy(whole + len, p + i, size), len += size;
            if (i + size == n && suffix.n) memcpy(whole + len, suffix.p, suffix.n), len += suffix.n;
            text = whole;
        }
        uint32_t id = block_word(&t->b, text, len);
        if (id != NO_ID) {
            unk_flush(x, &s);
            symbol_add(x, &s, id, (uint32_t)size);
        } else if (h->byte_fallback && all_bytes_exist(t, text, len)) {
            for (size_t k = 0; k < len; k++) symbol_add(x, &s, t->byte_id[text[k]], 1);
        } else {
            unk_add(x, &s, (uint32_t)size);
        }
    }
    unk_flush(x, &s);
    return s.n;
}

/* ---- joining ---------------------------------------------------------------------------------------------------- */

static inline uint32_t rank_of(const struct block *b, uint32_t left, uint32_t right)
{
    const struct pair_slot *s = block_pair(b, left, right);
    return s ? s->rank : NO_ID;
}

static size_t join_short(struct token_encoder *x, size_t n)
{
    const struct block *b = &x->t->b;
    uint32_t *id = x->bpe.id, *len = x->bpe.len, *rank = x->bpe.rank;
    for (size_t i = 0; i + 1 < n; i++) rank[i] = rank_of(b, id[i], id[i + 1]);
    while (n > 1) {
        uint32_t best = NO_ID;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++)
            if (rank[i] < best) {
                best = rank[i];
                at = i;
            }
        if (best == NO_ID) break;
        id[at] = block_pair(b, id[at], id[at + 1])->id;
        len[at] += len[at + 1];
        size_t moved = n - at - 2;
        memmove(id + at + 1, id + at + 2, moved * sizeof *id);
        memmove(len + at + 1, len + at + 2, moved * sizeof *len);
        memmove(rank + at + 1, rank + at + 2, moved * sizeof *rank);
        n--;
        if (at > 0) rank[at - 1] = rank_of(b, id[at - 1], id[at]);
        if (at + 1 < n) rank[at] = rank_of(b, id[at], id[at + 1]);
    }
    return n;
}

static void heap_push(struct token_encoder *x, size_t *n, uint64_t v)
{
    uint64_t *h = x->bpe.heap;
    size_t i = (*n)++;
    for (size_t up; i > 0 && h[up = (i - 1) / 2] > v; i = up) h[i] = h[up];
    h[i] = v;
}
static uint64_t heap_pop(struct token_encoder *x, size_t *n)
{
    uint64_t *h = x->bpe.heap, top = h[0], v = h[--*n];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < *n; i = k) {
        if (k + 1 < *n && h[k + 1] < h[k]) k++;
        if (h[k] >= v) break;
        h[i] = h[k];
    }
    h[i] = v;
    return top;
}

/* The pair that begins at `at` has changed: its new rank, and a heap entry if it has one. */
static void pair_renew(struct token_encoder *x, uint32_t at, size_t *heap)
{
    uint32_t next = x->bpe.next[at], rank = next == NO_ID ? NO_ID : rank_of(&x->t->b, x->bpe.id[at], x->bpe.id[next]);
    x->bpe.rank[at] = rank;
    if (rank != NO_ID) heap_push(x, heap, (uint64_t)rank << 32 | at);
}

static size_t join_long(struct token_encoder *x, size_t n)
{
    uint32_t *id = x->bpe.id, *len = x->bpe.len, *prev = x->bpe.prev, *next = x->bpe.next, *rank = x->bpe.rank;
    size_t heap = 0;
    if (x->bpe.heap_cap < 3 * n) { /* n first pairs, and two new ones for each of at most n joins */
        x->bpe.heap_cap = 3 * n;
        x->bpe.heap = mem_grow(x->bpe.heap, x->bpe.heap_cap * sizeof *x->bpe.heap);
    }
    for (size_t i = 0; i < n; i++) {
        prev[i] = i ? (uint32_t)i - 1 : NO_ID;
        next[i] = i + 1 < n ? (uint32_t)i + 1 : NO_ID;
    }
    for (size_t i = 0; i < n; i++) pair_renew(x, (uint32_t)i, &heap);
    while (heap) {
        uint64_t top = heap_pop(x, &heap);
        uint32_t at = (uint32_t)top;
        if (rank[at] != top >> 32) continue; /* stale: joined away, or joined to something else since */
        uint32_t gone = next[at];
        id[at] = block_pair(&x->t->b, id[at], id[gone])->id;
        len[at] += len[gone];
        rank[gone] = NO_ID;
        next[at] = next[gone];
        if (next[at] != NO_ID) prev[next[at]] = at;
        pair_renew(x, at, &heap);
        if (prev[at] != NO_ID) pair_renew(x, prev[at], &heap);
    }
    size_t out = 0;
    for (uint32_t i = n ? 0 : NO_ID; i != NO_ID; i = next[i], out++) {
        id[out] = id[i];
        len[out] = len[i];
    }
    return out;
}

bool bpe_word(struct token_encoder *x, const uint8_t *p, size_t n, struct err *e)
{
    const struct tokenizer *t = x->t;
    (void)e;
    if (t->b.head->ignore_merges) {
        uint32_t id = block_word(&t->b, p, n);
        if (id != NO_ID) return tok_push(x, id, 0, (uint32_t)n), true;
    }
    size_t count = t->b.head->byte_level ? symbols_of_bytes(x, p, n) : symbols_of_chars(x, p, n);
    count = count <= SHORT_WORD ? join_short(x, count) : join_long(x, count);
    need_room(&x->toks, count);
    uint32_t at = 0;
    for (size_t i = 0; i < count; i++) {
        x->toks.item[x->toks.n++] = (struct tok){ x->bpe.id[i], at, at + x->bpe.len[i], TOKEN_NO_WORD };
        at += x->bpe.len[i];
    }
    return true;
}
