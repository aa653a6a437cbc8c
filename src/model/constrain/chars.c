/* model/constrain/chars.c - sets of characters, and what bytes they are.
 *
 * A range of code points becomes few sequences of byte ranges: it is cut where the length of the UTF-8 form changes,
 * then where a continuation byte would not run through all of 80..BF.  In the text of a JSON string a quote, a
 * backslash and controls have escapes instead, one form each, so that a pattern counts and compares characters and
 * not their spelling. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/constrain/grammar_priv.h"

void chars_add(struct chars *c, uint32_t first, uint32_t last)
{
    if (first > last) return;
    if (c->n && first == c->range[c->n - 1].last + 1) { /* the usual case of a list in order */
        c->range[c->n - 1].last = last;
        return;
    }
    if (c->n == CHARS_RANGES_MAX) chars_normalise(c);
    if (c->n == CHARS_RANGES_MAX) {
        c->overflow = true;
        return;
    }
    c->range[c->n++] = (struct char_range){ first, last };
}

static int by_first(const void *a, const void *b)
{
    const struct char_range *x = a, *y = b;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : 0;
}

void chars_normalise(struct chars *c)
{
    size_t n = 0;
    qsort(c->range, c->n, sizeof *c->range, by_first);
    for (size_t i = 0; i < c->n; i++) {
        struct char_range r = c->range[i];
        if (n && r.first <= c->range[n - 1].last + 1) {
            if (r.last > c->range[n - 1].last) c->range[n - 1].last = r.last;
        } else {
            c->range[n++] = r;
        }
    }
    c->n = n;
}

void chars_invert(struct chars *c)
{
    struct chars out = { 0 };
    uint32_t from = 0;
    chars_normalise(c);
    for (size_t i = 0; i < c->n; i++) {
        if (c->range[i].first > from) chars_add(&out, from, c->range[i].first - 1);
        from = c->range[i].last + 1;
    }
    if (from <= CODE_POINT_MAX) chars_add(&out, from, CODE_POINT_MAX);
    out.overflow |= c->overflow;
    *c = out;
}

/* ------------------------------------------------------------------ UTF-8 */

static size_t utf8(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) return out[0] = (uint8_t)c, 1;
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6) out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(0xf00 >> n | c);
    return n;
}

/* first and last have the same length in UTF-8. */
static void add_range(struct grammar_builder *b, struct expr *choice, uint32_t first, uint32_t last)
{
    uint8_t from[4], to[4];
    size_t n = utf8(first, from);
    utf8(last, to);
    for (size_t i = 1; i < n; i++) { /* below the last i bytes, are all values there? */
        uint32_t low = (UINT32_C(1) << (6 * i)) - 1;
        if (first >> (6 * i) == last >> (6 * i)) continue;
        if (first & low) {
            add_range(b, choice, first, first | low);
            add_range(b, choice, (first | low) + 1, last);
            return;
        }
        if ((last & low) != low) {
            add_range(b, choice, first, (last & ~low) - 1);
            add_range(b, choice, last & ~low, last);
            return;
        }
    }
    struct expr *sequence = expr_sequence(b);
    for (size_t i = 0; i < n; i++) expr_add(sequence, expr_byte_range(b, from[i], to[i]));
    expr_add(choice, sequence);
}

static void add_utf8(struct grammar_builder *b, struct expr *choice, uint32_t first, uint32_t last)
{
    static const uint32_t last_of[] = { 0x7f, 0x7ff, 0xd7ff, 0xdfff, 0xffff, CODE_POINT_MAX };
    for (size_t i = 0; i < COUNT(last_of) && first <= last; i++) {
        uint32_t to = last < last_of[i] ? last : last_of[i];
        if (first > last_of[i]) continue;
        if (last_of[i] != 0xdfff) add_range(b, choice, first, to); /* surrogates have no UTF-8 */
        first = to + 1;
    }
}

/* ------------------------------------------------------------------ in a JSON string */

static str json_escape(uint32_t c, char out[8])
{
    static const struct { char c, name; } short_form[] = {
        { '"', '"' }, { '\\', '\\' }, { '\b', 'b' }, { '\f', 'f' }, { '\n', 'n' }, { '\r', 'r' }, { '\t', 't' },
    };
    for (size_t i = 0; i < COUNT(short_form); i++)
        if ((uint32_t)short_form[i].c == c) {
            out[0] = '\\', out[1] = short_form[i].name;
            return str_n(out, 2);
        }
    if (c >= 0x20) return (str){ 0 };
    snprintf(out, 8, "\\u%04x", (unsigned)c);
    return str_n(out, 6);
}

/* ------------------------------------------------------------------ symbols instead of bytes */

uint32_t alphabet_symbol(const struct alphabet *a, uint32_t code_point)
{
    uint32_t low = 0, high = a->n; /* the last one that begins there or before is in it */
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (a->first[mid] <= code_point) low = mid;
        else high = mid;
    }
    return low;
}

void alphabet_chars(const struct alphabet *a, const struct byte_set *symbols, struct chars *out)
{
    *out = (struct chars){ 0 };
    for (uint32_t i = 0; i < a->n; i++)
        if (byte_set_has(symbols, (uint8_t)i))
            chars_add(out, a->first[i], i + 1 < a->n ? a->first[i + 1] - 1 : CODE_POINT_MAX);
}

static void cut_at(struct alphabet *a, uint32_t code_point)
{
    if (a->n == 0) a->first[a->n++] = 0;
    uint32_t at = alphabet_symbol(a, code_point);
    if (a->first[at] == code_point || code_point > CODE_POINT_MAX) return;
    if (a->n == ALPHABET_MAX) {
        a->overflow = true;
        return;
    }
    memmove(&a->first[at + 2], &a->first[at + 1], (a->n - at - 1) * sizeof *a->first);
    a->first[at + 1] = code_point;
    a->n++;
}

/* What is normalised, and all of whose ends are cuts, when the alphabet is known. */
static struct expr *expr_symbols(struct grammar_builder *b, const struct chars *c)
{
    struct alphabet *a = b->alphabet;
    struct expr *x = expr_byte_range(b, 1, 0);
    cut_at(a, 0);
    for (size_t i = 0; i < c->n; i++) {
        if (!a->is_known) {
            cut_at(a, c->range[i].first);
            cut_at(a, c->range[i].last + 1);
            continue;
        }
        for (uint32_t k = alphabet_symbol(a, c->range[i].first); k < a->n && a->first[k] <= c->range[i].last; k++)
            byte_set_add(&x->set, (uint8_t)k);
    }
    return x;
}

/* ------------------------------------------------------------------ expressions */

struct expr *expr_chars(struct grammar_builder *b, struct chars *c)
{
    struct expr *choice = expr_choice(b);
    chars_normalise(c);
    if (c->overflow) b->failed = "a character class has too many ranges";
    if (b->alphabet) return expr_symbols(b, c);
    /* Bytes of ASCII are one set, however many ranges there are: it keeps the automaton small. */
    struct expr *ascii = NULL;
    for (size_t i = 0; i < c->n; i++) {
        uint32_t first = c->range[i].first, last = c->range[i].last;
        char text[8];
        for (; first <= last && first < 0x80; first++) {
            str escape = b->json_text ? json_escape(first, text) : (str){ 0 };
            if (escape.n) {
                expr_add(choice, expr_text(b, escape));
                continue;
            }
            if (!ascii) {
                ascii = expr_byte_range(b, (uint8_t)first, (uint8_t)first);
                expr_add(choice, ascii);
            }
            byte_set_add(&ascii->set, (uint8_t)first);
        }
        if (first <= last) add_utf8(b, choice, first, last);
    }
    return choice;
}

struct expr *expr_char(struct grammar_builder *b, uint32_t code_point)
{
    struct chars one = { .n = 1, .range = { { code_point, code_point } } };
    return expr_chars(b, &one);
}

struct expr *expr_any_char(struct grammar_builder *b)
{
    struct chars all = { .n = 1, .range = { { 0, CODE_POINT_MAX } } };
    return expr_chars(b, &all);
}
