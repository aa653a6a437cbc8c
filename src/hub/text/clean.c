/* hub/text/clean.c - see hub/text/clean.h.
 *
 * gumbo has no way to run out of memory and frees its tree by recursion, while a small text can make a deep or a huge
 * tree, and each element costs what it is deep: so it parses within a budget (hub/text/budget.h). */
#include "hub/text/clean.h"

#include <gumbo.h>

#include "hub/text/budget.h"
#include "hub/text/highlight.h"
#include "hub/text/math.h"

enum { TREE_BYTES_MAX = 64 << 20, ADDRESS_MAX = 4096, ID_MAX = 100, TEXT_STEPS_MAX = 200,
       HIGHLIGHT_BYTES_MAX = 256 << 10, MATH_BYTES_OUT_MAX = 2 << 20, HEADINGS_MAX = 512 };

/* What is written, and with what. */
struct writer {
    const struct clean_base *base;
    const struct math_found *math; /* NULL: none */
    size_t math_bytes;
    uint64_t heading[HEADINGS_MAX]; /* hashes of their ids: of two that are called alike the second gets a number */
    size_t headings;
};

/* ------------------------------------------------------------------ the lists */

static const char *const kept[] = {
    "a", "abbr", "b", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup", "dd", "del", "details", "div",
    "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "input", "ins", "kbd", "li",
    "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "summary", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var",
};
static const char *const dropped_whole[] = {
    "script", "style", "iframe", "frame", "frameset", "noframes", "object", "embed", "applet", "noscript", "template", "title",
    "textarea", "select", "svg", "math", "xmp", "plaintext", "noembed", "head",
};
static const char *const empty[] = { "br", "col", "hr", "img", "input" };
static const char *const plain_attributes[] = { /* text that means nothing to anybody but a reader */
    "alt", "title", "width", "height", "align", "valign", "colspan", "rowspan", "start", "lang", "dir", "open", "scope",
};

static const char *const alert_classes[] = { "note", "tip", "important", "warning", "caution" };

static bool is_among(str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_c(list[i]))) return true;
    return false;
}

/* ------------------------------------------------------------------ writing */

/* Where a formula was taken out, it stands again as it was written. */
static void add_escaped(struct writer *w, struct buf *out, str s)
{
    const struct math_piece *piece;
    for (size_t i = 0, mark; i < s.n; i++) {
        switch (s.p[i]) {
        case '\xee':
            if ((mark = math_mark(str_from(s, i), w->math, &piece))) {
                add_escaped(w, out, piece->source); /* which has no marks in it */
                i += mark - 1;
            } else {
                buf_byte(out, s.p[i]);
            }
            break;
        case '&': buf_lit(out, "&amp;"); break;
        case '<': buf_lit(out, "&lt;"); break;
        case '>': buf_lit(out, "&gt;"); break;
        case '"': buf_lit(out, "&quot;"); break;
        case '\'': buf_lit(out, "&#39;"); break;
        default: buf_byte(out, s.p[i]);
        }
    }
}

static void add_attribute(struct writer *w, struct buf *out, const char *name, str value)
{
    buf_addf(out, " %s=\"", name);
    add_escaped(w, out, value);
    buf_byte(out, '"');
}

/* As GitHub makes them from headings: lower case, blanks become '-', only letters, digits, '-' and '_' stay. */
static void add_slug(struct buf *out, str s)
{
    size_t began = out->n;
    s = str_trim(s);
    for (size_t i = 0; i < s.n && out->n - began < ID_MAX; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (str_starts(str_from(s, i), STR(MATH_OPEN))) { /* a formula says nothing here */
            while (i + 1 < s.n && !str_ends(str_to(s, i + 1), STR(MATH_CLOSE))) i++;
            continue;
        }
        if (c >= 'A' && c <= 'Z') buf_byte(out, (char)(c + 32));
        else if (c == ' ') buf_byte(out, '-');
        else if (c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') buf_byte(out, (char)c);
    }
}

/* ------------------------------------------------------------------ addresses */

enum address { ADDRESS_BAD, ADDRESS_HERE, ADDRESS_ROOT, ADDRESS_RELATIVE, ADDRESS_ELSEWHERE, ADDRESS_MAIL, ADDRESS_DATA };

static bool is_picture_data(str s)
{
    static const char *const types[] = { "data:image/png;base64,", "data:image/jpeg;base64,", "data:image/gif;base64,",
                                         "data:image/webp;base64," };
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_starts_nocase(s, str_c(types[i]))) return true;
    return false;
}

/* Browsers skip control characters inside addresses, so one that has any is not looked at further. */
static enum address address_kind(str s)
{
    if (is_picture_data(s)) return ADDRESS_DATA;
    if (s.n > ADDRESS_MAX) return ADDRESS_BAD;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == '\\' || s.p[i] == 0x7f) return ADDRESS_BAD;
    if (!s.n || s.p[0] == '?') return ADDRESS_BAD;
    if (s.p[0] == '#') return ADDRESS_HERE;
    if (str_starts_nocase(s, STR("https://")) || str_starts_nocase(s, STR("http://"))) return ADDRESS_ELSEWHERE;
    if (str_starts_nocase(s, STR("mailto:"))) return ADDRESS_MAIL;
    if (s.p[0] == '/') return s.n > 1 && s.p[1] == '/' ? ADDRESS_BAD : ADDRESS_ROOT;
    size_t end = 0;
    while (end < s.n && s.p[end] != '/' && s.p[end] != '?' && s.p[end] != '#') end++;
    return str_chr(str_to(s, end), ':') == STR_NONE ? ADDRESS_RELATIVE : ADDRESS_BAD; /* any other scheme */
}

static void add_relative(struct buf *out, const char *name, str before, struct writer *w, str s)
{
    if (str_starts(s, STR("./"))) s = str_from(s, 2);
    buf_addf(out, " %s=\"", name);
    add_escaped(w, out, before);
    add_escaped(w, out, w->base->folder);
    add_escaped(w, out, s);
    buf_byte(out, '"');
}

static void add_link(struct buf *out, struct writer *w, str s)
{
    switch (address_kind(s)) {
    case ADDRESS_HERE:
        buf_lit(out, " href=\"#card-");
        add_escaped(w, out, str_from(s, 1));
        buf_byte(out, '"');
        break;
    case ADDRESS_ELSEWHERE:
        add_attribute(w, out, "href", s);
        buf_lit(out, " rel=\"nofollow noopener noreferrer ugc\"");
        break;
    case ADDRESS_MAIL:
    case ADDRESS_ROOT: add_attribute(w, out, "href", s); break;
    case ADDRESS_RELATIVE:
        if (w->base->link.p) add_relative(out, "href", w->base->link, w, s);
        break;
    default: break;
    }
}

/* ------------------------------------------------------------------ elements */

static str attribute(const GumboElement *el, const char *name)
{
    GumboAttribute *at = gumbo_get_attribute(&el->attributes, name);
    return at ? str_trim(str_c(at->value)) : (str){ 0 };
}

static const GumboNode *next_sibling(const GumboNode *n)
{
    const GumboVector *siblings = &n->parent->v.element.children;
    return n->index_within_parent + 1 < siblings->length ? siblings->data[n->index_within_parent + 1] : NULL;
}

/* The beginning of it, enough for an id: a bounded walk, since headings may be nested. */
static void add_text_of(const GumboNode *top, struct buf *out)
{
    const GumboNode *n = top;
    for (int steps = 0; steps < TEXT_STEPS_MAX && out->n < ID_MAX; steps++) {
        if (n->type == GUMBO_NODE_TEXT || n->type == GUMBO_NODE_WHITESPACE) buf_add(out, str_to(str_c(n->v.text.text), ID_MAX));
        if (n->type == GUMBO_NODE_ELEMENT && n->v.element.children.length) {
            n = n->v.element.children.data[0];
            continue;
        }
        while (n != top && !next_sibling(n)) n = n->parent;
        if (n == top) return;
        n = next_sibling(n);
    }
}

static size_t times_seen(struct writer *w, str slug)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    size_t n = 0;
    for (size_t i = 0; i < slug.n; i++) h = (h ^ (unsigned char)slug.p[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < w->headings; i++) n += w->heading[i] == h;
    if (w->headings < HEADINGS_MAX) w->heading[w->headings++] = h;
    return n;
}

/* The id of a heading, the end of its tag, and a link to itself, which takes no place among what the keyboard visits. */
static void end_heading(struct writer *w, const GumboNode *n, struct buf *out)
{
    struct buf text = BUF_INIT(0), slug = BUF_INIT(0);
    add_text_of(n, &text);
    add_slug(&slug, buf_str(&text));
    size_t seen = slug.n ? times_seen(w, buf_str(&slug)) : 0;
    if (seen) buf_addf(&slug, "-%zu", seen);
    if (slug.n) {
        buf_lit(out, " id=\"card-");
        add_escaped(w, out, buf_str(&slug));
        buf_lit(out, "\"><a class=\"anchor\" href=\"#card-");
        add_escaped(w, out, buf_str(&slug));
        buf_lit(out, "\" tabindex=\"-1\" aria-label=\"Link to this section\"></a>");
    } else {
        buf_byte(out, '>');
    }
    buf_deinit(&slug);
    buf_deinit(&text);
}

/* Cards name pictures of their own by the address that they have at the public hub.  Of the same repository, they are here as
 * well: "/owner/name/resolve/main/cat.png", or .p NULL. */
static str own_picture(struct writer *w, str src, struct buf *b)
{
    static const str hub = STR_INIT("https://huggingface.co"), ways[] = { STR_INIT("resolve/"), STR_INIT("raw/"), STR_INIT("blob/") };
    size_t at = w->base->picture.p ? str_find(w->base->picture, ways[0]) : STR_NONE;
    if (at == STR_NONE || !str_starts(src, hub)) return (str){ 0 };
    str own = str_to(w->base->picture, at), rest = str_from(src, hub.n);
    if (!str_starts(rest, own) || address_kind(rest) != ADDRESS_ROOT) return (str){ 0 };
    for (size_t i = 0; i < COUNT(ways); i++) {
        if (!str_starts(str_from(rest, own.n), ways[i])) continue;
        buf_add(b, own);
        buf_add(b, ways[0]);
        buf_add(b, str_from(rest, own.n + ways[i].n));
        return buf_str(b);
    }
    return (str){ 0 };
}

/* A picture of ours, or a link to one that is elsewhere. */
static void add_picture(struct buf *out, struct writer *w, const GumboElement *el)
{
    str src = attribute(el, "src"), alt = attribute(el, "alt");
    struct buf own = BUF_INIT(0);
    enum address kind = address_kind(src);
    str here = kind == ADDRESS_ELSEWHERE ? own_picture(w, src, &own) : (str){ 0 };
    if (here.n) {
        kind = ADDRESS_ROOT;
        src = here;
    }
    if (kind == ADDRESS_ELSEWHERE) {
        buf_lit(out, "<a class=\"elsewhere\"");
        add_link(out, w, src);
        buf_byte(out, '>');
        add_escaped(w, out, alt.n ? alt : STR("picture"));
        buf_lit(out, "</a>");
        return;
    }
    if (kind != ADDRESS_DATA && kind != ADDRESS_ROOT && !(kind == ADDRESS_RELATIVE && w->base->picture.p)) {
        add_escaped(w, out, alt);
        return;
    }
    buf_lit(out, "<img loading=\"lazy\"");
    if (kind == ADDRESS_RELATIVE) add_relative(out, "src", w->base->picture, w, src);
    else add_attribute(w, out, "src", src);
    add_attribute(w, out, "alt", alt);
    static const char *const also[] = { "title", "width", "height", "align" };
    for (size_t i = 0; i < COUNT(also); i++)
        if (attribute(el, also[i]).n) add_attribute(w, out, also[i], attribute(el, also[i]));
    buf_byte(out, '>');
    buf_deinit(&own);
}

static void open_element(struct buf *out, struct writer *w, const GumboNode *n, str tag)
{
    const GumboElement *el = &n->v.element;
    buf_byte(out, '<');
    buf_add(out, tag);
    if (str_eq(tag, STR("input"))) { /* of a task list */
        bool checked = gumbo_get_attribute(&el->attributes, "checked");
        buf_add(out, checked ? STR(" type=\"checkbox\" disabled checked aria-label=\"done\"") : STR(" type=\"checkbox\" disabled aria-label=\"to do\""));
        buf_byte(out, '>');
        return;
    }
    if (str_eq(tag, STR("a")) && attribute(el, "href").n) add_link(out, w, attribute(el, "href"));
    if (str_eq(tag, STR("pre"))) buf_lit(out, " tabindex=\"0\""); /* may be wider than the page: the keyboard scrolls it */
    str class_name = attribute(el, "class"), lang = attribute(el, "lang");
    if (str_eq(tag, STR("code")) && str_starts(class_name, STR("language-"))) add_attribute(w, out, "class", class_name);
    if (str_eq(tag, STR("blockquote")) && is_among(class_name, alert_classes, COUNT(alert_classes))) add_attribute(w, out, "class", class_name);
    for (size_t i = 0; i < COUNT(plain_attributes); i++) {
        if (!gumbo_get_attribute(&el->attributes, plain_attributes[i])) continue;
        if (str_eq(tag, STR("pre")) && lang.n && str_eq(str_c(plain_attributes[i]), STR("lang"))) continue;
        add_attribute(w, out, plain_attributes[i], attribute(el, plain_attributes[i]));
    }
    if (tag.n == 2 && tag.p[0] == 'h' && tag.p[1] >= '1' && tag.p[1] <= '6') end_heading(w, n, out);
    else buf_byte(out, '>');
}

/* Formulas come as MathML, or as they were written where they are not understood. */
static void add_words(struct writer *w, struct buf *out, str s)
{
    const struct math_piece *piece;
    for (size_t at, mark; s.n; s = str_from(s, at + mark)) {
        at = str_find(s, STR(MATH_OPEN));
        if (at == STR_NONE || !w->math) at = s.n;
        add_escaped(w, out, str_to(s, at));
        if (at == s.n) return;
        size_t before = out->n;
        if (!(mark = math_mark(str_from(s, at), w->math, &piece))) {
            buf_lit(out, MATH_OPEN);
            mark = sizeof MATH_OPEN - 1;
        } else if (w->math_bytes > MATH_BYTES_OUT_MAX || !math_add(out, piece->tex, piece->is_display)) {
            buf_lit(out, "<code>");
            add_escaped(w, out, piece->source);
            buf_lit(out, "</code>");
        }
        w->math_bytes += out->n - before;
    }
}

static bool is_inside(const GumboNode *n, GumboTag tag) { return n->parent && n->parent->type == GUMBO_NODE_ELEMENT && n->parent->v.element.tag == tag; }

static void add_text(struct writer *w, struct buf *out, const GumboNode *n)
{
    static const str before = STR_INIT("language-");
    str text = str_c(n->v.text.text);
    if (!is_inside(n, GUMBO_TAG_CODE)) {
        if (is_inside(n, GUMBO_TAG_PRE)) add_escaped(w, out, text);
        else add_words(w, out, text);
        return;
    }
    str language = attribute(&n->parent->v.element, "class");
    bool is_known = is_inside(n->parent, GUMBO_TAG_PRE) && str_starts(language, before) && highlight_knows(str_from(language, before.n));
    if (is_known && text.n <= HIGHLIGHT_BYTES_MAX && str_find(text, STR(MATH_OPEN)) == STR_NONE) highlight_add(out, str_from(language, before.n), text);
    else add_escaped(w, out, text);
}

/* True: what is inside comes next. */
static bool enter(struct buf *out, struct writer *w, const GumboNode *n)
{
    if (n->type == GUMBO_NODE_TEXT || n->type == GUMBO_NODE_WHITESPACE || n->type == GUMBO_NODE_CDATA) {
        add_text(w, out, n);
        return false;
    }
    if (n->type != GUMBO_NODE_ELEMENT) return false;
    const GumboElement *el = &n->v.element;
    str tag = str_c(gumbo_normalized_tagname(el->tag));
    if (el->tag_namespace != GUMBO_NAMESPACE_HTML || is_among(tag, dropped_whole, COUNT(dropped_whole))) return false;
    if (str_eq(tag, STR("img"))) {
        add_picture(out, w, el);
        return false;
    }
    if (str_eq(tag, STR("input")) && !str_eq_nocase(attribute(el, "type"), STR("checkbox"))) return false;
    if (is_among(tag, kept, COUNT(kept))) open_element(out, w, n, tag);
    return !is_among(tag, empty, COUNT(empty));
}

static void leave(struct buf *out, const GumboNode *n)
{
    str tag = str_c(gumbo_normalized_tagname(n->v.element.tag));
    if (!is_among(tag, kept, COUNT(kept)) || is_among(tag, empty, COUNT(empty))) return;
    buf_lit(out, "</");
    buf_add(out, tag);
    buf_byte(out, '>');
}

/* Depth first, without recursion. */
static void write_tree(const GumboNode *top, struct writer *w, struct buf *out)
{
    const GumboNode *n = top;
    bool inside = true; /* n is open: its children come next */
    for (;;) {
        if (inside && n->v.element.children.length) {
            n = n->v.element.children.data[0];
            inside = enter(out, w, n);
            continue;
        }
        if (inside && n != top) leave(out, n);
        while (n != top && !next_sibling(n)) {
            n = n->parent;
            if (n != top) leave(out, n);
        }
        if (n == top) return;
        n = next_sibling(n);
        inside = enter(out, w, n);
    }
}

/* ------------------------------------------------------------------ parsing */

static void *take(void *ctx, size_t n) { return budget_take(ctx, n); }

static void give_nothing_back(void *ctx, void *p) { (void)ctx, (void)p; }

bool clean_html_with(str html, const struct clean_base *base, const struct math_found *math, struct buf *out, struct err *e)
{
    struct writer w = { .base = base, .math = math };
    if (html.n > CLEAN_BYTES_MAX) return err_set(e, ERR_TOO_LARGE, "a text of more than %d MiB is not shown as a page", CLEAN_BYTES_MAX >> 20);
    struct budget *b = mem_one(struct budget);
    budget_begin(b, TREE_BYTES_MAX);
    bool fits = setjmp(b->out_of_it) == 0;
    if (fits) {
        GumboOptions options = kGumboDefaultOptions;
        options.allocator = take;
        options.deallocator = give_nothing_back;
        options.userdata = b;
        options.fragment_context = GUMBO_TAG_DIV;
        options.max_errors = 0;
        GumboOutput *tree = gumbo_parse_with_options(&options, html.p ? html.p : "", html.n);
        write_tree(tree->root, &w, out);
    }
    budget_end(b);
    mem_free(b);
    if (!fits) return err_set(e, ERR_TOO_LARGE, "this text nests too deeply or is too large to be shown as a page");
    return !out->failed || err_set(e, ERR_TOO_LARGE, "this text is too large to be shown as a page");
}

bool clean_html(str html, const struct clean_base *base, struct buf *out, struct err *e) { return clean_html_with(html, base, NULL, out, e); }
