/* dataset/query/words.c - words of texts, and how often some of them stand in one.
 *
 * Text of ASCII alone, which most is, is not cut into words: where a word begins is seen of sixteen bytes at once, and each that is looked for
 * is found as a piece of text between two signs that are none of a word's. */
#include <utf8proc.h>

#include "base/unicode.h"
#include "dataset/query/words.h"

enum { WORD_BYTES_MAX = 64 };

/* ------------------------------------------------------------------ one after the other */

struct words {
    str rest;
    char word[WORD_BYTES_MAX + 16];
    size_t n;
};

static bool stands_alone(uint32_t c)
{
    return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

/* In one case, without marks: up to a few code points. */
static void add_letter(struct words *w, uint32_t c)
{
    utf8proc_int32_t folded[8];
    int boundary = 0;
    if (w->n > WORD_BYTES_MAX) return; /* what is longer is told apart by its beginning */
    if (c < 0x80) {
        w->word[w->n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        return;
    }
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, folded, COUNT(folded), UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK, &boundary);
    for (utf8proc_ssize_t i = 0; i < n && i < 3; i++) w->n += str_utf8_encode((uint32_t)folded[i], w->word + w->n);
}

static bool next_word(struct words *w, str *word)
{
    for (w->n = 0; w->rest.n;) {
        uint32_t c = (unsigned char)w->rest.p[0];
        size_t size = c < 0x80 ? 1 : str_utf8_decode(w->rest, &c);
        if (!size) size = 1, c = ' ';
        bool is_letter = c < 0x80 ? (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') : unicode_is(c, UC_LETTERS | UC_MARKS | UC_NUMBERS);
        bool is_alone = is_letter && stands_alone(c);
        if (w->n && (!is_letter || is_alone)) break;
        w->rest = str_from(w->rest, size);
        if (is_letter) add_letter(w, c);
        if (is_alone) break;
    }
    *word = str_n(w->word, w->n);
    return w->n > 0;
}

bool word_set_parse(str query, struct arena *a, struct word_set *out)
{
    struct words w = { .rest = query };
    str word;
    *out = (struct word_set){ 0 };
    while (next_word(&w, &word)) {
        bool is_new = true;
        for (size_t i = 0; i < out->n; i++) is_new &= !str_eq(out->word[i].s, word);
        if (is_new && out->n == WORDS_MAX) return false;
        if (is_new) out->word[out->n++] = (struct needle){ arena_dup(a, word), true };
        out->has_cut |= word.n > WORD_BYTES_MAX;
    }
    return true;
}

/* ------------------------------------------------------------------ counted */

typedef uint8_t lanes __attribute__((vector_size(16)));

static bool is_word_byte(char c) { return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'); }

/* 0xff where a byte belongs to a word. */
static lanes word_bytes(lanes x) { return (lanes)((lanes)((x | 32) - 'a') < 26) | (lanes)((x - '0') < 10); }

/* How many words a text of ASCII has; *is_ascii false: the text is none. */
static uint32_t ascii_words(str s, bool *is_ascii)
{
    uint32_t n = 0;
    size_t at = 0;
    uint8_t high = 0;
    bool before = false;
    while (s.n - at >= sizeof(lanes) + 1) { /* each byte beside the one before it: the first one is counted below */
        lanes begins = { 0 }, all = { 0 }, x, y;
        for (unsigned i = 0; i < 255 && s.n - at >= sizeof(lanes) + 1; i++, at += sizeof(lanes)) {
            memcpy(&x, s.p + at, sizeof x);
            memcpy(&y, s.p + at + 1, sizeof y);
            begins -= word_bytes(y) & ~word_bytes(x);
            all |= x | y;
        }
        for (unsigned i = 0; i < sizeof(lanes); i++) {
            n += begins[i];
            high |= all[i];
        }
    }
    if (at) n += is_word_byte(s.p[0]);
    before = at && is_word_byte(s.p[at]);
    for (size_t i = at ? at + 1 : 0; i < s.n; i++) {
        bool is_word = is_word_byte(s.p[i]);
        n += is_word && !before;
        before = is_word;
        high |= (uint8_t)s.p[i];
    }
    *is_ascii = high < 0x80;
    return n;
}

static uint32_t count_in_ascii(const struct needle *word, str s)
{
    uint32_t n = 0;
    for (size_t at = 0; (at = needle_find(word, s, at, NULL)) != STR_NONE;) {
        size_t end = at + word->s.n;
        n += (!at || !is_word_byte(s.p[at - 1])) && (end == s.n || !is_word_byte(s.p[end]));
        at = end; /* words do not overlap */
    }
    return n;
}

void words_count(const struct word_set *set, str text, struct word_count *to)
{
    bool is_ascii = false;
    uint32_t all = set->has_cut ? 0 : ascii_words(text, &is_ascii);
    if (is_ascii) {
        to->all = all < UINT32_MAX - to->all ? to->all + all : UINT32_MAX;
        for (size_t i = 0; i < set->n; i++) to->of[i] += count_in_ascii(&set->word[i], text);
        return;
    }
    struct words w = { .rest = text };
    str word;
    while (next_word(&w, &word)) {
        to->all += to->all < UINT32_MAX;
        for (size_t i = 0; i < set->n; i++)
            if (str_eq(set->word[i].s, word)) to->of[i]++;
    }
}
