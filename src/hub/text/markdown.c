/* hub/text/markdown.c - see hub/text/markdown.h.  Formulas are taken out, cmark-gfm makes HTML
 * of the rest and leaves HTML alone; clean_html_with sees to that, and puts the formulas back. */
#include "hub/text/markdown.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <pthread.h>

static const char *const extensions[] = { "table", "strikethrough", "autolink", "tasklist" };

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
