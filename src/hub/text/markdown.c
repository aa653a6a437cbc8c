/* hub/text/markdown.c - see hub/text/markdown.h.  Formulas are taken out, cmark-gfm makes HTML
 * of the rest and leaves HTML alone; clean_html_with sees to that, and puts the formulas back. */
#include "hub/text/markdown.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <pthread.h>

static const char *const extensions[] = { "table", "strikethrough", "autolink", "tasklist" };

/* GitHub's alerts: a quotation that begins with one of these, alone on its line. */
static const struct { const char *mark, *as, *name; } alerts[] = {
    { "[!NOTE]", "note", "Note" }, { "[!TIP]", "tip", "Tip" }, { "[!IMPORTANT]", "important", "Important" },
    { "[!WARNING]", "warning", "Warning" }, { "[!CAUTION]", "caution", "Caution" },
};

static cmark_node *words(cmark_node_type type, const char *text)
{
    cmark_node *n = cmark_node_new(type);
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
        cmark_node *box = cmark_node_new(CMARK_NODE_CUSTOM_BLOCK), *head = cmark_node_new(CMARK_NODE_PARAGRAPH), *strong = cmark_node_new(CMARK_NODE_STRONG);
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

bool markdown_html(str text, const struct clean_base *base, struct buf *out, struct err *e)
{
    enum { OPTIONS = CMARK_OPT_UNSAFE | CMARK_OPT_VALIDATE_UTF8 | CMARK_OPT_FOOTNOTES };
    if (text.n > CLEAN_BYTES_MAX) return err_set(e, ERR_TOO_LARGE, "a text of more than %d MiB is not shown as a page", CLEAN_BYTES_MAX >> 20);
    pthread_once(&registered, cmark_gfm_core_extensions_ensure_registered);
    cmark_parser *parser = cmark_parser_new(OPTIONS);
    for (size_t i = 0; i < COUNT(extensions); i++) {
        cmark_syntax_extension *x = cmark_find_syntax_extension(extensions[i]);
        must(x && cmark_parser_attach_syntax_extension(parser, x));
    }
    struct math_found *found = mem_one(struct math_found);
    struct buf marked = BUF_INIT(0);
    if (math_find(text, found, &marked)) text = buf_str(&marked);
    cmark_parser_feed(parser, text.p ? text.p : "", text.n);
    cmark_node *tree = cmark_parser_finish(parser);
    make_alerts(tree);
    char *html = cmark_render_html(tree, OPTIONS, cmark_parser_get_syntax_extensions(parser));
    bool ok = clean_html_with(str_c(html), base, found->n ? found : NULL, out, e);
    buf_deinit(&marked);
    mem_free(found);
    cmark_get_default_mem_allocator()->free(html);
    cmark_node_free(tree);
    cmark_parser_free(parser);
    return ok;
}

str markdown_body(str card)
{
    if (!str_starts(card, STR("---\n")) && !str_starts(card, STR("---\r\n"))) return card;
    str rest = card, line;
    str_cut(&rest, '\n', &line);
    while (str_cut(&rest, '\n', &line))
        if (str_eq(str_trim(line), STR("---"))) return rest;
    return card;
}
