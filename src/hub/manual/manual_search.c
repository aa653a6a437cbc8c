/* hub/manual/manual_search.c - sections that have all words of a question, best first.
 *
 * A quarter of a megabyte is read in a fraction of a millisecond, so there is no index.  A word in a heading counts most, in
 * the title of the page less, in the text a little each time, at most a few times: long sections do not win by length. */
#include "hub/manual/manual_priv.h"

enum { HEADING_SCORE = 40, TITLE_SCORE = 15, TEXT_SCORE = 2, TEXT_TIMES_MAX = 5, SNIPPET_BEFORE = 80, SNIPPET_BYTES = 260 };

static size_t words_of(str q, str *word)
{
    size_t n = 0;
    q = str_to(q, MANUAL_QUERY_BYTES_MAX);
    for (size_t from = 0, at = 0; at <= q.n && n < MANUAL_WORDS_MAX; at++) {
        bool is_end = at == q.n || (unsigned char)q.p[at] <= ' ';
        if (!is_end) continue;
        if (at > from) word[n++] = str_n(q.p + from, at - from);
        from = at + 1;
    }
    return n;
}

static int score_word(const struct manual_section *s, str word)
{
    int score = 0, deepest = 0;
    for (int l = 1; l < 7; l++)
        if (s->heading[l].n) deepest = l;
    for (int l = 1; l < 7; l++)
        if (s->heading[l].n && str_find_nocase(s->heading[l], word) != STR_NONE) score += l == deepest ? HEADING_SCORE : TITLE_SCORE;
    str rest = s->text;
    for (int times = 0; times < TEXT_TIMES_MAX; times++) {
        size_t at = str_find_nocase(rest, word);
        if (at == STR_NONE) break;
        score += TEXT_SCORE;
        rest = str_from(rest, at + word.n);
    }
    return score;
}

/* 0: a word is missing. */
static int score_section(const struct manual_section *s, const str *word, size_t n)
{
    int score = 0;
    for (size_t i = 0; i < n; i++) {
        int of_word = score_word(s, word[i]);
        if (!of_word) return 0;
        score += of_word;
    }
    return score;
}

static bool is_inside_character(str s, size_t at) { return at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80; }

/* Around the first word that the text has, in whole characters. */
static str snippet(str text, const str *word, size_t n, struct arena *a)
{
    size_t first = STR_NONE;
    for (size_t i = 0; i < n; i++) {
        size_t at = str_find_nocase(text, word[i]);
        if (at < first) first = at;
    }
    size_t from = first == STR_NONE || first < SNIPPET_BEFORE ? 0 : first - SNIPPET_BEFORE;
    while (from && text.p[from] != ' ' && from < first) from++;
    while (is_inside_character(text, from)) from++;
    size_t end = from + SNIPPET_BYTES < text.n ? from + SNIPPET_BYTES : text.n;
    while (is_inside_character(text, end)) end--;
    return arena_fmt(a, "%s%.*s%s", from ? "… " : "", STR_ARG(str_trim(str_n(text.p + from, end - from))), end < text.n ? " …" : "");
}

size_t manual_search(str q, size_t most, struct arena *a, struct manual_hit *out)
{
    str word[MANUAL_WORDS_MAX];
    size_t words = words_of(q, word), n = 0, sections;
    const struct manual_section *s = manual_sections(&sections);
    int score[MANUAL_HITS_MAX];
    if (most > MANUAL_HITS_MAX) most = MANUAL_HITS_MAX;
    if (!words || !most) return 0;
    for (size_t i = 0; i < sections; i++) {
        int mine = score_section(&s[i], word, words);
        if (!mine || (n == most && mine <= score[n - 1])) continue;
        size_t at = n < most ? n++ : n - 1; /* the last one goes when it is full; equals stay in the order of the contents */
        for (; at && score[at - 1] < mine; at--) {
            score[at] = score[at - 1];
            out[at] = out[at - 1];
        }
        score[at] = mine;
        out[at] = (struct manual_hit){ .page = s[i].page, .anchor = s[i].anchor, .text = s[i].text };
        memcpy(out[at].heading, s[i].heading, sizeof out[at].heading);
    }
    for (size_t i = 0; i < n; i++) {
        out[i].text = snippet(out[i].text, word, words, a);
        if (!out[i].anchor.p) out[i].anchor = STR("");
    }
    return n;
}
