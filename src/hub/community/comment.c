/* hub/community/comment.c - see comment.h.
 *
 * The links are put into HTML that hub/text has just written, so that its form is known: tags, and between them text in
 * which '<' does not stand.  Names are looked up; nothing that was not found becomes a link, and nothing of the text
 * is written that was not there before. */
#include "hub/community/comment.h"

#include "hub/text/prose.h"

enum { HTML_BYTES_MAX = 4 << 20, LOOKUPS_MAX = 200, NAME_BYTES_MAX = 42, NUMBER_DIGITS_MAX = 9 };

struct linking {
    struct db_conn *c;
    const struct repo *repo;
    str web_path;
    struct buf *out;
    struct comment_mentions *mentions;
    struct arena *a;
    size_t lookups;
    int quiet; /* depth of elements in which nothing becomes a link */
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80;
}

static void note_mention(struct comment_mentions *m, int64_t user_id)
{
    if (!m || m->n == COMMENT_MENTIONS_MAX) return;
    for (size_t i = 0; i < m->n; i++)
        if (m->user_id[i] == user_id) return;
    m->user_id[m->n++] = user_id;
}

/* "@name" at the front of s: how long it is, or 0.  A name does not end in what ends a sentence. */
static size_t link_person(struct linking *x, str s)
{
    struct account who;
    struct err ignored;
    bool found = false;
    size_t n = 1;
    while (n < s.n && n <= NAME_BYTES_MAX && (is_word(s.p[n]) || s.p[n] == '-' || s.p[n] == '.') && (unsigned char)s.p[n] < 0x80) n++;
    while (n > 1 && (s.p[n - 1] == '.' || s.p[n - 1] == '-')) n--;
    if (n < 3 || ++x->lookups > LOOKUPS_MAX) return 0;
    if (!account_find(x->c, str_n(s.p + 1, n - 1), &who, &found, x->a, &ignored) || !found || who.is_disabled) return 0;
    if (who.kind == ACCOUNT_USER) note_mention(x->mentions, who.id);
    buf_addf(x->out, "<a class=\"mention\" href=\"/%.*s\">@%.*s</a>", STR_ARG(who.name), STR_ARG(who.name));
    return n;
}

static size_t link_number(struct linking *x, str s)
{
    int64_t there = 0;
    uint64_t num;
    struct err ignored;
    size_t n = 1;
    while (n < s.n && n <= NUMBER_DIGITS_MAX && s.p[n] >= '0' && s.p[n] <= '9') n++;
    if (n == 1 || (n < s.n && is_word(s.p[n])) || ++x->lookups > LOOKUPS_MAX || !str_u64(str_n(s.p + 1, n - 1), &num)) return 0;
    if (!db_get_int(x->c, &there, 0, &ignored, "SELECT 1 FROM discussion WHERE repo_id = ? AND num = ?", db_int(x->repo->id), db_int((int64_t)num)) || !there) return 0;
    buf_addf(x->out, "<a href=\"%.*s/discussions/%llu\">#%llu</a>", STR_ARG(x->web_path), (unsigned long long)num, (unsigned long long)num);
    return n;
}

static void link_text(struct linking *x, str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool begins = (s.p[i] == '@' || s.p[i] == '#') && (i == 0 || !(is_word(s.p[i - 1]) || s.p[i - 1] == '&' || s.p[i - 1] == '/' || s.p[i - 1] == '.'));
        if (!begins) continue;
        buf_add(x->out, str_n(s.p + from, i - from));
        from = i;
        size_t used = s.p[i] == '@' ? link_person(x, str_from(s, i)) : link_number(x, str_from(s, i));
        if (!used) continue; /* no link: written with what follows */
        from += used;
        i = from - 1;
    }
    buf_add(x->out, str_from(s, from));
}

/* Is it a tag of an element whose text is left alone? */
static bool is_quiet(str tag)
{
    static const char *const names[] = { "a", "code", "pre", "svg", "math" };
    size_t n = 0;
    while (n < tag.n && is_word(tag.p[n])) n++;
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq(str_to(tag, n), str_c(names[i]))) return true;
    return false;
}

static void link_html(struct linking *x, str html)
{
    while (html.n) {
        size_t open = str_chr(html, '<'), close;
        str text = open == STR_NONE ? html : str_to(html, open);
        if (x->quiet) buf_add(x->out, text);
        else link_text(x, text);
        if (open == STR_NONE) return;
        html = str_from(html, open);
        if ((close = str_chr(html, '>')) == STR_NONE) { /* hub/text escapes '>' in attributes; this cannot be */
            buf_add(x->out, html);
            return;
        }
        bool ends = html.n > 1 && html.p[1] == '/';
        if (is_quiet(str_from(str_to(html, close), ends ? 2 : 1))) x->quiet += ends ? (x->quiet ? -1 : 0) : 1;
        buf_add(x->out, str_to(html, close + 1));
        html = str_from(html, close + 1);
    }
}

static void escape(struct buf *b, str raw)
{
    buf_lit(b, "<pre>");
    buf_html(b, raw);
    buf_lit(b, "</pre>");
}

void comment_html(struct db_conn *c, const struct repo *r, str web_path, str raw, struct buf *out, struct comment_mentions *mentions)
{
    struct clean_base base = { .folder = STR("") }; /* a comment lies in no folder: relative addresses are dropped */
    struct buf html = BUF_INIT(HTML_BYTES_MAX);
    struct err why;
    if (mentions) mentions->n = 0;
    if (prose_html(raw, &base, &html, &why) && !html.failed) {
        struct linking x = { .c = c, .repo = r, .web_path = web_path, .out = out, .mentions = mentions, .a = arena_new(0) };
        link_html(&x, buf_str(&html));
        arena_free(x.a);
    } else {
        escape(out, raw);
    }
    buf_deinit(&html);
}
