/* encoding.c - the arrays of an encoded text: growing, appending, truncating into windows, padding. */
#include "model/token/token_priv.h"

/* With a stride that is nearly a window, windows have many times the tokens of their text. */
enum { WINDOWS_MAX = 1 << 20, WINDOW_TOKENS_MAX = 1 << 24 };

void encoding_room(struct encoding *x, size_t n)
{
    if (n <= x->cap && x->cap) return; /* arrays exist even when empty */
    size_t cap = n + n / 2 + 8;
    x->id = mem_grow(x->id, cap * sizeof *x->id);
    x->from = mem_grow(x->from, cap * sizeof *x->from);
    x->to = mem_grow(x->to, cap * sizeof *x->to);
    x->word = mem_grow(x->word, cap * sizeof *x->word);
    x->type = mem_grow(x->type, cap);
    x->special = mem_grow(x->special, cap);
    x->attention = mem_grow(x->attention, cap);
    x->sequence = mem_grow(x->sequence, cap);
    x->cap = cap;
}

static void overflow_free(struct encoding *x)
{
    for (size_t i = 0; i < x->overflow_count; i++) encoding_deinit(&x->overflow[i]);
    mem_free(x->overflow);
    x->overflow = NULL;
    x->overflow_count = 0;
}

void encoding_deinit(struct encoding *x)
{
    void *all[] = { x->id, x->from, x->to, x->word, x->type, x->special, x->attention, x->sequence };
    for (size_t i = 0; i < COUNT(all); i++) mem_free(all[i]);
    overflow_free(x);
    *x = (struct encoding){ 0 };
}

static void move_part(struct encoding *to, size_t at, const struct encoding *from, size_t first, size_t n)
{
    if (n == 0) return;
    memmove(to->id + at, from->id + first, n * sizeof *to->id);
    memmove(to->from + at, from->from + first, n * sizeof *to->from);
    memmove(to->to + at, from->to + first, n * sizeof *to->to);
    memmove(to->word + at, from->word + first, n * sizeof *to->word);
    memmove(to->type + at, from->type + first, n);
    memmove(to->special + at, from->special + first, n);
    memmove(to->attention + at, from->attention + first, n);
    memmove(to->sequence + at, from->sequence + first, n);
}

void encoding_append(struct encoding *to, const struct encoding *from, size_t at, size_t n)
{
    encoding_room(to, to->n + n);
    move_part(to, to->n, from, at, n);
    to->n += n;
}

static bool keep_windows(struct encoding *x, size_t max, size_t stride, enum token_side side, struct err *e)
{
    const size_t n = x->n;
    if (max > 0 && stride >= max)
        return err_set(e, ERR_INVALID, "a stride of %zu needs room for more than %zu tokens besides the special ones", stride, max);
    size_t step = max - stride, count = max == 0 ? 2 : (n - max + step - 1) / step + 1;
    if (count > WINDOWS_MAX || count > WINDOW_TOKENS_MAX / (max ? max : n))
        return err_set(e, ERR_TOO_LARGE, "truncation would leave %zu windows of %zu tokens; take a smaller stride", count, max);
    x->overflow = mem_alloc((count - 1) * sizeof *x->overflow);
    x->overflow_count = count - 1;
    for (size_t i = 1; i < count; i++) {
        size_t from = i * step, to = from + max < n ? from + max : n;
        if (side == TOKEN_LEFT) {
            to = n - i * step;
            from = to > max ? to - max : 0;
        }
        if (max == 0) from = 0, to = n;
        encoding_append(&x->overflow[i - 1], x, from, to - from);
    }
    return true;
}

/* Windows of `max` that overlap by a stride, from the side that is kept on; the first replaces x, the others become its
 * overflow. */
bool encoding_truncate(struct encoding *x, size_t max, const struct token_truncation *cut, struct err *e)
{
    if (x->n <= max) return true;
    overflow_free(x);
    if (!cut->drops_rest && !keep_windows(x, max, cut->stride, cut->side, e)) return false;
    if (cut->side == TOKEN_LEFT) move_part(x, 0, x, x->n - max, max);
    x->n = max;
    return true;
}

static void pad(struct encoding *x, const struct token_padding *p, size_t length)
{
    for (size_t i = 0; i < x->overflow_count; i++) pad(&x->overflow[i], p, length);
    if (x->n >= length) return;
    size_t more = length - x->n, at = p->side == TOKEN_LEFT ? 0 : x->n;
    encoding_room(x, length);
    if (p->side == TOKEN_LEFT) move_part(x, more, x, 0, x->n);
    for (size_t i = at; i < at + more; i++) {
        x->id[i] = p->id;
        x->from[i] = x->to[i] = 0;
        x->word[i] = TOKEN_NO_WORD;
    }
    memset(x->type + at, (int)p->type, more);
    memset(x->special + at, 1, more);
    memset(x->attention + at, 0, more);
    memset(x->sequence + at, 2, more);
    x->n = length;
}

void encoding_pad_batch(const struct tokenizer *t, const struct token_padding *padding, struct encoding *x, size_t n)
{
    const struct token_padding *p = padding ? padding : t->has_padding ? &t->padding : NULL;
    if (!p) return;
    size_t length = p->length;
    if (length == 0)
        for (size_t i = 0; i < n; i++) length = x[i].n > length ? x[i].n : length;
    if (p->multiple_of > 1 && length % p->multiple_of) length += p->multiple_of - length % p->multiple_of;
    for (size_t i = 0; i < n; i++) pad(&x[i], p, length);
}
