/* hub/text/excerpt.c - see hub/text/excerpt.h.  Reads HTML as clean_html writes it: elements well formed, and of entities the
 * four that it makes.  Formulas and pictures have no place in a line of text. */
#include "hub/text/excerpt.h"

enum { WORDS_BYTES_MIN = 30 }; /* badges, links and greetings are shorter */

/* The entity at the start, if it is one of ours; how long it is. */
static size_t entity(str s, char *c)
{
    static const struct { const char *name; char c; } known[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' } };
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_starts(s, str_c(known[i].name))) {
            *c = known[i].c;
            return strlen(known[i].name);
        }
    return 0;
}

/* What a reader reads, blanks single. */
static void add_words(struct buf *out, str html)
{
    for (size_t i = 0, n; i < html.n; i += n) {
        str rest = str_from(html, i);
        char c = html.p[i];
        n = 1;
        if (c == '<') {
            size_t end = str_find(rest, str_starts(rest, STR("<math")) ? STR("</math>") : STR(">"));
            if (end == STR_NONE) return;
            n = end + (str_starts(rest, STR("<math")) ? 7 : 1);
            if (!str_starts(rest, STR("<br"))) continue;
            c = ' ';
        }
        size_t coded = c == '&' ? entity(rest, &c) : 0;
        if (coded) n = coded;
        if (c == '\n' || c == '\t') c = ' ';
        if (c != ' ' || (out->n && out->p[out->n - 1] != ' ')) buf_byte(out, c);
    }
}

/* As much of it as fits, up to the end of a word. */
static str cut(str s, size_t max)
{
    if (s.n <= max) return s;
    size_t blank = str_rchr(str_to(s, max), ' ');
    if (blank != STR_NONE && blank > max / 2) return str_to(s, blank);
    while (max && ((unsigned char)s.p[max] & 0xc0) == 0x80) max--; /* not inside of a character */
    return str_to(s, max);
}

void excerpt_add(struct buf *out, str html, size_t max)
{
    struct buf words = BUF_INIT(0);
    for (size_t at; (at = str_find(html, STR("<p"))) != STR_NONE;) {
        html = str_from(html, at + 2);
        if (!html.n || (html.p[0] != '>' && html.p[0] != ' ')) continue; /* <pre> */
        size_t end = str_find(html, STR("</p>")), begin = str_chr(html, '>');
        if (end == STR_NONE || begin == STR_NONE || begin > end) break;
        words.n = 0;
        add_words(&words, str_n(html.p + begin + 1, end - begin - 1));
        str said = str_trim(buf_str(&words));
        if (said.n < WORDS_BYTES_MIN) continue;
        str kept = cut(said, max);
        buf_add(out, kept);
        if (kept.n < said.n) buf_lit(out, "\xe2\x80\xa6");
        break;
    }
    buf_deinit(&words);
}
