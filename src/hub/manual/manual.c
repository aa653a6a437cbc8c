/* hub/manual/manual.c - Markdown files into pages: headings with anchors, links that lead to each other, sections as text.
 *
 * The files are our own, so cmark's safe mode does: it leaves out HTML and addresses that could run.  A link to another
 * file of docs/ becomes a link to its page; one to anything else of the source tree becomes its text.  A section is what
 * stands between two headings. */
#include "hub/manual/manual_priv.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/embedded.h"
#include "base/err.h"

extern const struct embedded manual_files[];

static const struct {
    const char *file, *id, *group;
} contents[] = {
    { "README.md", "readme", "Using it" },
    { "MODELS.md", "models", "Using it" },
    { "INFERENCE.md", "inference", "Using it" },
    { "DATASETS.md", "datasets", "Using it" },
    { "SPACES.md", "spaces", "Using it" },
    { "CLIENTS.md", "clients", "Using it" },
    { "MCP.md", "mcp", "Using it" },
    { "API.md", "routes", "Using it" },
    { "OPERATIONS.md", "operations", "Running it" },
    { "GATEWAY.md", "gateway", "Running it" },
    { "SECURITY.md", "security", "Running it" },
    { "SCANNING.md", "scanning", "Running it" },
    { "SCIM.md", "scim", "Running it" },
    { "COMPATIBILITY.md", "compatibility", "Running it" },
    { "ARCHITECTURE.md", "architecture", "Inside" },
    { "WEB.md", "web", "Inside" },
    { "jinja.md", "jinja", "Inside" },
    { "formats/home.md", "formats/home", "Formats" },
    { "formats/database.md", "formats/database", "Formats" },
    { "formats/cas.md", "formats/cas", "Formats" },
    { "formats/xet.md", "formats/xet", "Formats" },
    { "formats/packed.md", "formats/packed", "Formats" },
    { "formats/tokenizer.md", "formats/tokenizer", "Formats" },
    { "BENCHMARKS.md", "benchmarks", "Measured" },
};
enum { PAGES = COUNT(contents) };

static pthread_once_t made_once = PTHREAD_ONCE_INIT;
static struct manual_page made[PAGES];
static struct manual_section *sections;
static size_t sections_count, sections_cap;

/* ------------------------------------------------------------------ names */

static size_t index_of(str name)
{
    if (str_starts(name, STR("../"))) name = str_from(name, 3);
    if (str_starts(name, STR("docs/"))) name = str_from(name, 5);
    for (size_t i = 0; i < PAGES; i++)
        if (str_eq_nocase(name, str_c(contents[i].file)) || str_eq_nocase(name, str_c(contents[i].id))) return i;
    return STR_NONE;
}

static str source_of(size_t i)
{
    for (const struct embedded *f = manual_files; f->name; f++)
        if (str_eq(str_c(f->name), str_c(contents[i].file))) return str_n((const char *)f->data, f->size);
    must(!"a page that meson.build embeds");
    return STR("");
}

str manual_source(const struct manual_page *page) { return source_of((size_t)(page - made)); }

/* As everybody makes anchors: letters and digits in lower case, a hyphen for blanks. */
static str anchor_of(str text, struct arena *a)
{
    char *p = arena_alloc(a, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c >= 'A' && c <= 'Z') p[n++] = (char)(c + 32);
        else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80) p[n++] = c;
        else if ((c == ' ' || c == '-') && n && p[n - 1] != '-') p[n++] = '-';
    }
    while (n && p[n - 1] == '-') n--;
    return n ? str_n(p, n) : STR("section");
}

/* ------------------------------------------------------------------ the tree */

/* The text below a node, with blanks between its blocks and cells. */
static void add_text(cmark_node *node, struct buf *out)
{
    cmark_iter *it = cmark_iter_new(node);
    for (cmark_event_type ev = cmark_iter_next(it); ev != CMARK_EVENT_DONE; ev = cmark_iter_next(it)) {
        cmark_node *at = cmark_iter_get_node(it);
        cmark_node_type t = cmark_node_get_type(at);
        bool is_text = t == CMARK_NODE_TEXT || t == CMARK_NODE_CODE || t == CMARK_NODE_CODE_BLOCK;
        if (ev == CMARK_EVENT_ENTER && is_text) buf_add(out, str_c(cmark_node_get_literal(at)));
        bool is_inline = (t & CMARK_NODE_TYPE_MASK) == CMARK_NODE_TYPE_INLINE && t != CMARK_NODE_SOFTBREAK && t != CMARK_NODE_LINEBREAK;
        if (!is_inline && out->n && out->p[out->n - 1] != ' ') buf_byte(out, ' ');
    }
    cmark_iter_free(it);
}

static str text_of(cmark_node *node, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    add_text(node, &b);
    str out = arena_dup(a, str_trim(buf_str(&b)));
    buf_deinit(&b);
    return out;
}

/* From the file's folder: "cas.md" in formats/ is formats/cas.md. */
static size_t target_of(size_t from, str path, struct arena *a)
{
    str own = str_c(contents[from].file);
    size_t slash = str_rchr(own, '/');
    if (slash != STR_NONE && str_starts(path, STR("../"))) return index_of(str_from(path, 3));
    if (slash != STR_NONE) path = arena_fmt(a, "%.*s%.*s", (int)slash + 1, own.p, STR_ARG(path));
    return index_of(path);
}

static void mend_link(cmark_node *link, size_t from, struct arena *a)
{
    str url = str_c(cmark_node_get_url(link));
    size_t hash = str_chr(url, '#'), at;
    str path = str_to(url, hash), anchor = hash == STR_NONE ? STR("") : str_from(url, hash);
    if (!path.n || str_find(url, STR("://")) != STR_NONE || str_starts(url, STR("mailto:"))) return;
    at = target_of(from, path, a);
    if (at == STR_NONE) {
        while (cmark_node_first_child(link)) cmark_node_insert_before(link, cmark_node_first_child(link));
        cmark_node_unlink(link);
        cmark_node_free(link);
        return;
    }
    cmark_node_set_url(link, arena_fmt(a, "/docs/%s%.*s", contents[at].id, STR_ARG(anchor)).p);
}

/* At the end of a node the iterator is already past it, so it may go. */
static void mend_links(cmark_node *tree, size_t from, struct arena *a)
{
    cmark_iter *it = cmark_iter_new(tree);
    for (cmark_event_type ev = cmark_iter_next(it); ev != CMARK_EVENT_DONE; ev = cmark_iter_next(it)) {
        cmark_node *at = cmark_iter_get_node(it);
        if (ev != CMARK_EVENT_EXIT) continue;
        if (cmark_node_get_type(at) == CMARK_NODE_LINK) {
            mend_link(at, from, a);
        } else if (cmark_node_get_type(at) == CMARK_NODE_IMAGE) {
            cmark_node_unlink(at);
            cmark_node_free(at);
        }
    }
    cmark_iter_free(it);
}

/* ------------------------------------------------------------------ a page */

struct making {
    struct arena *a;
    struct manual_page *page;
    struct manual_heading *heading;
    size_t headings;
    struct manual_section now;
    struct buf text;
};

static void end_section(struct making *m)
{
    m->now.text = arena_dup(m->a, str_trim(buf_str(&m->text)));
    buf_reset(&m->text);
    if (!m->now.text.n && !m->now.heading[1].n) return;
    if (sections_count == sections_cap) {
        struct manual_section *bigger = arena_alloc(m->a, (sections_cap = sections_cap ? sections_cap * 2 : 256) * sizeof *bigger);
        if (sections_count) memcpy(bigger, sections, sections_count * sizeof *bigger);
        sections = bigger;
    }
    sections[sections_count++] = m->now;
}

static void add_heading(struct making *m, cmark_node *node)
{
    int level = cmark_node_get_heading_level(node);
    str text = text_of(node, m->a), id = anchor_of(text, m->a);
    for (size_t i = 0, twins = 1; i < m->headings; i++) {
        if (!str_eq(m->heading[i].id, id)) continue;
        id = arena_fmt(m->a, "%.*s-%zu", STR_ARG(anchor_of(text, m->a)), twins++);
        i = (size_t)-1; /* from the beginning */
    }
    if (m->headings % 16 == 0) {
        struct manual_heading *bigger = arena_alloc(m->a, (m->headings + 16) * sizeof *bigger);
        if (m->headings) memcpy(bigger, m->heading, m->headings * sizeof *bigger);
        m->heading = bigger;
    }
    m->heading[m->headings++] = (struct manual_heading){ level, id, text };
    end_section(m);
    for (int l = level; l < 7; l++) m->now.heading[l] = (str){ 0 };
    m->now.heading[level] = text;
    m->now.anchor = id;
}

static void add_replaced(struct buf *out, str html, str what, str with)
{
    for (size_t at; (at = str_find(html, what)) != STR_NONE; html = str_from(html, at + what.n)) {
        buf_add(out, str_to(html, at));
        buf_add(out, with);
    }
    buf_add(out, html);
}

/* cmark writes headings without attributes, in order; what else looks so is escaped by it. */
static str with_anchors(const struct making *m, str html)
{
    struct buf b = BUF_INIT(0);
    size_t n = 0;
    for (size_t at; (at = str_find(html, STR("<h"))) != STR_NONE;) {
        bool is_heading = html.n > at + 3 && html.p[at + 2] >= '1' && html.p[at + 2] <= '6' && html.p[at + 3] == '>' && n < m->headings;
        buf_add(&b, str_to(html, at + (is_heading ? 3 : 2)));
        if (is_heading) {
            buf_lit(&b, " id=\"");
            for (size_t i = 0; i < m->heading[n].id.n; i++) buf_byte(&b, m->heading[n].id.p[i]); /* letters, digits, - and _ */
            buf_byte(&b, '"');
            n++;
        }
        html = str_from(html, at + (is_heading ? 3 : 2));
    }
    buf_add(&b, html);
    struct buf focusable = BUF_INIT(0), whole = BUF_INIT(0);
    add_replaced(&focusable, buf_str(&b), STR("<pre>"), STR("<pre tabindex=\"0\">")); /* what is wider than the window is scrolled with the keyboard, too */
    add_replaced(&whole, buf_str(&focusable), STR("<th></th>"), STR("<td></td>"));      /* the corner of a table is the head of nothing */
    str out = arena_dup(m->a, buf_str(&whole));
    buf_deinit(&b);
    buf_deinit(&focusable);
    buf_deinit(&whole);
    return out;
}

static void make_page(size_t i, struct arena *a)
{
    static const char *const extensions[] = { "table", "strikethrough", "autolink", "tasklist" };
    str source = source_of(i);
    struct making m = { .a = a, .page = &made[i], .now = { .page = &made[i] }, .text = BUF_INIT(0) };
    cmark_parser *parser = cmark_parser_new(CMARK_OPT_VALIDATE_UTF8);
    for (size_t k = 0; k < COUNT(extensions); k++) must(cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension(extensions[k])));
    cmark_parser_feed(parser, source.p, source.n);
    cmark_node *tree = cmark_parser_finish(parser);
    mend_links(tree, i, a);
    for (cmark_node *at = cmark_node_first_child(tree); at; at = cmark_node_next(at)) {
        if (cmark_node_get_type(at) == CMARK_NODE_HEADING) add_heading(&m, at);
        else add_text(at, &m.text);
    }
    end_section(&m);
    char *html = cmark_render_html(tree, CMARK_OPT_DEFAULT, cmark_parser_get_syntax_extensions(parser));
    made[i].html = with_anchors(&m, str_c(html));
    made[i].id = str_c(contents[i].id);
    made[i].group = str_c(contents[i].group);
    made[i].heading = m.heading;
    made[i].headings = m.headings;
    made[i].title = m.headings ? m.heading[0].text : made[i].id;
    cmark_get_default_mem_allocator()->free(html);
    cmark_node_free(tree);
    cmark_parser_free(parser);
    buf_deinit(&m.text);
}

static struct arena *pages_arena; /* lives as long as the process, and what it holds with it */

static void make_all(void)
{
    pages_arena = arena_new(0);
    cmark_gfm_core_extensions_ensure_registered();
    for (size_t i = 0; i < PAGES; i++) make_page(i, pages_arena);
}

const struct manual_page *manual_pages(size_t *n)
{
    pthread_once(&made_once, make_all);
    *n = PAGES;
    return made;
}

const struct manual_page *manual_find(str name)
{
    size_t n, at = index_of(name);
    const struct manual_page *page = manual_pages(&n);
    return at == STR_NONE ? NULL : &page[at];
}

const struct manual_section *manual_sections(size_t *n)
{
    size_t pages;
    manual_pages(&pages);
    *n = sections_count;
    return sections;
}
