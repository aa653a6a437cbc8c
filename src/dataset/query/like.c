/* dataset/query/like.c - patterns, cut at each %: what stands before the first and behind the last has its place, all between is looked for from left to
 * right.  A pattern with _ in it, whose parts are no plain text, is gone through sign by sign. */
#include "dataset/query/like.h"

/* ------------------------------------------------------------------ a needle */

/* Sixteen places at a time, by the first and the last byte of what is looked for: the vectors of the compiler are those of any processor. */
typedef uint8_t lanes __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

static char small(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }
static bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

static bool is_equal(str a, str b, bool any_case)
{
    if (!any_case) return !a.n || memcmp(a.p, b.p, a.n) == 0;
    for (size_t i = 0; i < a.n; i++)
        if (small(a.p[i]) != b.p[i]) return false;
    return true;
}

static bool is_at(const struct needle *n, str s, size_t at, uint64_t *steps_left)
{
    if (steps_left) {
        if (*steps_left <= n->s.n) {
            *steps_left = 0;
            return false;
        }
        *steps_left -= n->s.n;
    }
    return is_equal(str_n(s.p + at, n->s.n), n->s, n->any_case);
}

/* The lowest place of a half that fits, of 8; 8: none is left. */
static unsigned next_place(uint64_t *half)
{
    if (!*half) return 8;
    unsigned i = (unsigned)__builtin_ctzll(*half) / 8;
    *half &= ~((uint64_t)0xff << 8 * i);
    return i;
}

size_t needle_find(const struct needle *n, str s, size_t from, uint64_t *steps_left)
{
    if (from > s.n || n->s.n > s.n - from) return STR_NONE;
    if (!n->s.n) return from;
    size_t last = n->s.n - 1, end = s.n - last; /* places [from, end) */
    uint8_t a = (uint8_t)n->s.p[0], b = (uint8_t)n->s.p[last], a_case = n->any_case && is_letter(n->s.p[0]) ? 32 : 0, b_case = n->any_case && is_letter(n->s.p[last]) ? 32 : 0;
    for (size_t at = from; at < end;) {
        if (end - at < sizeof(lanes)) {
            if (end - from < sizeof(lanes)) { /* fewer than a vector has in all */
                bool may = ((uint8_t)s.p[at] | a_case) == a && ((uint8_t)s.p[at + last] | b_case) == b;
                if (may && is_at(n, s, at, steps_left)) return at;
                at++;
                continue;
            }
            at = end - sizeof(lanes); /* some places again: none of them fits */
        }
        lanes x, y;
        memcpy(&x, s.p + at, sizeof x);
        memcpy(&y, s.p + at + last, sizeof y);
        halves fit = (halves)((lanes)((x | a_case) == a) & (lanes)((y | b_case) == b));
        for (unsigned h = 0; h < 2; h++) {
            uint64_t half = fit[h];
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            half = __builtin_bswap64(half);
#endif
            for (unsigned i; (i = next_place(&half)) < 8;)
                if (is_at(n, s, at + 8 * h + i, steps_left)) return at + 8 * h + i;
        }
        at += sizeof(lanes);
    }
    return STR_NONE;
}

/* ------------------------------------------------------------------ a pattern */

struct like {
    str pattern; /* in one case */
    bool any_case, has_blanks;
    struct needle *part; /* between %: one more than there are of them */
    size_t parts;
};

struct like *like_new(str pattern, bool any_case, struct arena *a)
{
    struct like *l = arena_one(a, struct like);
    char *copy = arena_alloc(a, pattern.n + 1);
    for (size_t i = 0; i < pattern.n; i++) copy[i] = any_case ? small(pattern.p[i]) : pattern.p[i];
    *l = (struct like){ .pattern = str_n(copy, pattern.n), .any_case = any_case, .has_blanks = str_chr(pattern, '_') != STR_NONE };
    str rest = l->pattern, part;
    while (str_cut(&rest, '%', &part)) {
        l->part = arena_grow(a, l->part, l->parts, sizeof *l->part);
        l->part[l->parts++] = (struct needle){ part, any_case };
    }
    return l;
}

static size_t letter_bytes(str s, size_t at)
{
    size_t n = 1;
    while (at + n < s.n && ((unsigned char)s.p[at + n] & 0xc0) == 0x80) n++;
    return n;
}

/* Greedy, with one way back: to the last %. */
static bool goes_through(const struct like *l, str s, uint64_t *steps_left)
{
    str pattern = l->pattern;
    size_t i = 0, k = 0, back_i = 0, back_k = STR_NONE;
    while (i < s.n) {
        if (!*steps_left) return false;
        --*steps_left;
        char c = k < pattern.n ? pattern.p[k] : '\0';
        if (k < pattern.n && c == '%') {
            back_i = i;
            back_k = ++k;
        } else if (k < pattern.n && c == '_') {
            i += letter_bytes(s, i);
            k++;
        } else if (k < pattern.n && c == (l->any_case ? small(s.p[i]) : s.p[i])) {
            i++;
            k++;
        } else if (back_k != STR_NONE) {
            i = back_i += letter_bytes(s, back_i);
            k = back_k;
        } else {
            return false;
        }
    }
    while (k < pattern.n && pattern.p[k] == '%') k++;
    return k == pattern.n;
}

bool like_matches(const struct like *l, str s, uint64_t *steps_left)
{
    if (l->has_blanks) return goes_through(l, s, steps_left);
    str first = l->part[0].s, last = l->part[l->parts - 1].s;
    if (l->parts == 1) return s.n == first.n && is_equal(s, first, l->any_case);
    if (s.n < first.n + last.n || !is_equal(str_to(s, first.n), first, l->any_case) || !is_equal(str_from(s, s.n - last.n), last, l->any_case)) return false;
    s = str_to(s, s.n - last.n);
    size_t at = first.n;
    for (size_t i = 1; i + 1 < l->parts; i++) {
        at = needle_find(&l->part[i], s, at, steps_left);
        if (at == STR_NONE) return false;
        at += l->part[i].s.n;
    }
    return true;
}
