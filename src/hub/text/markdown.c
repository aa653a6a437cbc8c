/* hub/text/markdown.c - see hub/text/markdown.h.  Formulas are taken out, cmark-gfm makes HTML
 * of the rest and leaves HTML alone; clean_html_with sees to that, and puts the formulas back.
 *
 * cmark-gfm has no limits: a table of a thousand columns is made whole in each of its rows, however short they are; a paragraph is read again
 * for each line that might be the second of a table; a reference of a megabyte is copied wherever it is used, up to an abort.  So
 * it works within a budget (hub/text/budget.h).  Time per cell grows with the columns of its table: a table of more than COLUMNS_MAX is
 * shown as the text that it is. */
#include "hub/text/markdown.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <pthread.h>

#include "base/ckd.h"
#include "hub/text/budget.h"

enum { OPTIONS = CMARK_OPT_UNSAFE | CMARK_OPT_VALIDATE_UTF8 | CMARK_OPT_FOOTNOTES, PARSE_BYTES_MAX = 128 << 20, COLUMNS_MAX = 256 };

static const char *const extensions[] = { "table", "strikethrough", "autolink", "tasklist" };

/* The memory of a parse: a piece is its size, then what cmark asked for.  Its allocators get no context, so the budget is the thread's. */
static _Thread_local struct budget *budget;
enum { SIZE_BYTES = 16 };

static void *take(size_t count, size_t size)
{
    size_t n, total;
    if (ckd_mul(&n, count, size) || ckd_add(&total, n, (size_t)SIZE_BYTES)) longjmp(budget->out_of_it, 1);
    char *p = budget_take(budget, total);
    memcpy(p, &n, sizeof n);
    return p + SIZE_BYTES;
}

static void *take_more(void *p, size_t n)
{
    size_t had = 0;
    if (p) memcpy(&had, (char *)p - SIZE_BYTES, sizeof had);
    if (p && n <= had) return p;
    void *more = take(1, n);
    if (had) memcpy(more, p, had);
    return more;
}

static void give_nothing_back(void *p) { (void)p; }

static cmark_mem memory = { take, take_more, give_nothing_back };

/* GitHub's alerts: a quotation that begins with one of these, alone on its line. */
static const struct { const char *mark, *as, *name; } alerts[] = {
    { "[!NOTE]", "note", "Note" }, { "[!TIP]", "tip", "Tip" }, { "[!IMPORTANT]", "important", "Important" },
    { "[!WARNING]", "warning", "Warning" }, { "[!CAUTION]", "caution", "Caution" },
};

static cmark_node *words(cmark_node_type type, const char *text)
{
    cmark_node *n = cmark_node_new_with_mem(type, &memory);
    cmark_node_set_literal(n, text);
    return n;
}

/* A quotation becomes <blockquote class=note>, headed by the alert's name; clean_html lets these classes through. */
static void make_alert(cmark_node *quote)
{
    cmark_node *paragraph = cmark_node_first_child(quote);
    if (!paragraph || cmark_node_get_type(paragraph) != CMARK_NODE_PARAGRAPH) return;
    cmark_consolidate_text_nodes(paragraph);
    cmark_node *first = cmark_node_first_child(paragraph), *next = first ? cmark_node_next(first) : NULL;
    bool is_alone = first && cmark_node_get_type(first) == CMARK_NODE_TEXT &&
                    (!next || cmark_node_get_type(next) == CMARK_NODE_SOFTBREAK || cmark_node_get_type(next) == CMARK_NODE_LINEBREAK);
    for (size_t i = 0; is_alone && i < COUNT(alerts); i++) {
        if (!str_eq_nocase(str_trim(str_c(cmark_node_get_literal(first))), str_c(alerts[i].mark))) continue;
        char opening[64];
        snprintf(opening, sizeof opening, "<blockquote class=\"%s\">", alerts[i].as);
        cmark_node *box = cmark_node_new_with_mem(CMARK_NODE_CUSTOM_BLOCK, &memory), *head = cmark_node_new_with_mem(CMARK_NODE_PARAGRAPH, &memory), *strong = cmark_node_new_with_mem(CMARK_NODE_STRONG, &memory);
        cmark_node_set_on_enter(box, opening);
        cmark_node_set_on_exit(box, "</blockquote>");
        cmark_node_append_child(strong, words(CMARK_NODE_TEXT, alerts[i].name));
        cmark_node_append_child(head, strong);
        cmark_node_append_child(box, head);
        cmark_node_free(first);
        if (next) cmark_node_free(next);
        for (cmark_node *child; (child = cmark_node_first_child(quote));) cmark_node_append_child(box, child);
        cmark_node_replace(quote, box);
        cmark_node_free(quote);
        return;
    }
}

/* Quotations of the text itself: those inside of others stay what they are, as on GitHub. */
static void make_alerts(cmark_node *document)
{
    for (cmark_node *n = cmark_node_first_child(document), *next; n; n = next) {
        next = cmark_node_next(n);
        if (cmark_node_get_type(n) == CMARK_NODE_BLOCK_QUOTE) make_alert(n);
    }
}

static pthread_once_t registered = PTHREAD_ONCE_INIT;

/* Which characters may begin something, cmark-gfm notes in tables that all parsers share: those of extensions are put in when a parser
 * comes to the words, and taken out at its end, whoever else is reading. */
static pthread_mutex_t words_lock = PTHREAD_MUTEX_INITIALIZER;

static cmark_node *finish(cmark_parser *parser, bool *is_locked)
{
    pthread_mutex_lock(&words_lock);
    *is_locked = true;
    cmark_node *tree = cmark_parser_finish(parser);
    *is_locked = false;
    pthread_mutex_unlock(&words_lock);
    return tree;
}

/* Where the line below a table's head, which says how its columns are aligned, has its last bar; STR_NONE: no such line, or of few columns. */
static size_t last_bar_of_wide(str line)
{
    size_t bars = 0, last = STR_NONE;
    for (size_t i = 0; i < line.n; i++) {
        if (!line.p[i] || !strchr("|-: \t\r\v\f>*+.)0123456789", line.p[i])) return STR_NONE; /* quotations and lists may hold tables */
        if (line.p[i] == '|') bars++, last = i;
    }
    return bars > COLUMNS_MAX ? last : STR_NONE;
}

static void feed(cmark_parser *parser, str text)
{
    size_t fed = 0;
    for (size_t at = 0, n; at < text.n; at += n + 1) {
        str rest = str_from(text, at);
        n = str_chr(rest, '\n') == STR_NONE ? rest.n : str_chr(rest, '\n');
        size_t bar = n > COLUMNS_MAX ? last_bar_of_wide(str_to(rest, n)) : STR_NONE;
        if (bar == STR_NONE) continue;
        cmark_parser_feed(parser, text.p + fed, at + bar - fed);
        cmark_parser_feed(parser, "\\", 1); /* a bar that is none */
        fed = at + bar;
    }
    cmark_parser_feed(parser, text.p ? text.p + fed : "", text.n - fed);
}

static const char *make_html(str text, bool *is_locked)
{
    cmark_parser *parser = cmark_parser_new_with_mem(OPTIONS, &memory);
    for (size_t i = 0; i < COUNT(extensions); i++) {
        cmark_syntax_extension *x = cmark_find_syntax_extension(extensions[i]);
        must(x && cmark_parser_attach_syntax_extension(parser, x));
    }
    feed(parser, text);
    cmark_node *tree = finish(parser, is_locked);
    make_alerts(tree);
    return cmark_render_html_with_mem(tree, OPTIONS, cmark_parser_get_syntax_extensions(parser), &memory);
}

/* In the budget's memory; NULL: it was not enough. */
static const char *html_within(struct budget *b, str text)
{
    bool *is_locked = arena_one(b->a, bool);
    budget = b;
    if (setjmp(b->out_of_it) == 0) return make_html(text, is_locked);
    if (*is_locked) pthread_mutex_unlock(&words_lock);
    return NULL;
}

bool markdown_html(str text, const struct clean_base *base, struct buf *out, struct err *e)
{
    if (text.n > CLEAN_BYTES_MAX) return err_set(e, ERR_TOO_LARGE, "a text of more than %d MiB is not shown as a page", CLEAN_BYTES_MAX >> 20);
    pthread_once(&registered, cmark_gfm_core_extensions_ensure_registered);
    struct math_found *found = mem_one(struct math_found);
    struct budget *b = mem_one(struct budget);
    struct buf marked = BUF_INIT(0);
    if (math_find(text, found, &marked)) text = buf_str(&marked);
    budget_begin(b, PARSE_BYTES_MAX);
    const char *html = html_within(b, text);
    bool ok = html ? clean_html_with(str_c(html), base, found->n ? found : NULL, out, e)
                   : err_set(e, ERR_TOO_LARGE, "this text nests too deeply or is too large to be shown as a page");
    budget_end(b);
    mem_free(b);
    buf_deinit(&marked);
    mem_free(found);
    return ok;
}
