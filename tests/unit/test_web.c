/* test_web.c - HTML of strangers made safe, and Markdown.
 *
 * The corpus is of the kinds that published collections of such attacks list.  What comes out is judged by a second
 * reading of it, with rules of its own: only what may be there is there. */
#include "unit.h"

#include <gumbo.h>
#include <pthread.h>

#include "hub/text/clean.h"
#include "hub/text/excerpt.h"
#include "hub/text/prose.h"

static const struct clean_base base = { STR_INIT("/a/b/blob/main/"), STR_INIT("/a/b/resolve/main/"), STR_INIT("") };

static const char *const attacks[] = {
    "<script>alert(1)</script>", "<SCRIPT SRC=//evil/x.js></SCRIPT>", "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>", "<img src='x'onerror='alert(1)'>", "<IMG SRC=javascript:alert(1)>",
    "<IMG SRC=JaVaScRiPt:alert(1)>", "<IMG SRC=`javascript:alert(1)`>", "<IMG \"\"\"><SCRIPT>alert(1)</SCRIPT>\">",
    "<IMG SRC=&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;&#97;&#108;&#101;&#114;&#116;(1)>",
    "<IMG SRC=\"jav&#x09;ascript:alert(1);\">", "<IMG SRC=\"jav\nascript:alert(1);\">", "<IMG SRC=\" &#14; javascript:alert(1);\">",
    "<a href=javascript:alert(1)>x</a>", "<a href='java\0script:alert(1)'>x</a>", "<a href=\"\x01javascript:alert(1)\">x</a>",
    "<a href=\"javas\tcript:alert(1)\">x</a>", "<a href=\"vbscript:msgbox(1)\">x</a>", "<a href=\"data:text/html,<script>alert(1)</script>\">x</a>",
    "<a href=\"//evil.example/\">x</a>", "<a href=\"\\\\evil.example\">x</a>", "<a href=\"/\\evil.example\">x</a>",
    "<a href=\"javascript&colon;alert(1)\">x</a>", "<a href=\"&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1)\">x</a>",
    "<svg onload=alert(1)>", "<svg><script>alert(1)</script></svg>", "<svg><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
    "<math href=\"javascript:alert(1)\">x</math>", "<iframe src=javascript:alert(1)></iframe>", "<iframe srcdoc=\"<script>alert(1)</script>\">",
    "<object data=\"javascript:alert(1)\">", "<embed src=\"javascript:alert(1)\">", "<form action=javascript:alert(1)><button>x</button></form>",
    "<input onfocus=alert(1) autofocus>", "<input type=image src=javascript:alert(1)>", "<body onload=alert(1)>", "<link rel=stylesheet href=//evil/x.css>",
    "<style>@import '//evil/x.css';</style>", "<div style=\"background:url(javascript:alert(1))\">x</div>", "<div style=\"position:fixed;inset:0\">x</div>",
    "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">", "<base href=\"//evil/\">", "<table background=\"javascript:alert(1)\">",
    "<details open ontoggle=alert(1)>x</details>", "<video><source onerror=alert(1)></video>", "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
    "<textarea><img src=x onerror=alert(1)></textarea>", "<title><img src=x onerror=alert(1)></title>", "<template><script>alert(1)</script></template>",
    "<!--><img src=x onerror=alert(1)>-->", "<!-- --!><img src=x onerror=alert(1)> -->", "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml version=\"1.0\"?><img src=x onerror=alert(1)>", "<x onclick=alert(1)>x</x>", "<a onclick=alert(1) href=x>x</a>",
    "<p id=location name=cookie class=top>x</p>", "<img name=getElementById src=x>", "<form id=x><input name=action></form>",
    "\"><script>alert(1)</script>", "'><img src=x onerror=alert(1)>", "<<script>alert(1)//<</script>", "<plaintext><script>alert(1)",
    "<xmp><img src=x onerror=alert(1)></xmp>", "<select><style></select><script>alert(1)</script></style>", "<frameset onload=alert(1)>",
    "<a href=\"feed:javascript:alert(1)\">x</a>", "<a href=\"jar:x\">x</a>", "<a href=\"file:///etc/passwd\">x</a>", "<a href=\"blob:x\">x</a>",
    "<img src=\"https://evil.example/spy.gif\">", "<img src=\"//evil.example/spy.gif\">", "<img srcset=\"https://evil.example/spy.gif 1x\" src=a.png>",
    "<img src=\"data:image/svg+xml;base64,PHN2Zz4=\">", "<img src=\"data:text/html;base64,PHNjcmlwdD4=\">", "<p><a href=a><a href=javascript:1>x</a></p>",
    "<table><tr><td><script>alert(1)</script></td></tr></table>", "<b><i><b><i><u onmouseover=alert(1)>x", "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
    "<h1 onclick=alert(1) id=x>\"><img src=x onerror=alert(1)></h1>", "<code class=\"language-x onclick=alert(1)\">x</code>", "&lt;script&gt;alert(1)&lt;/script&gt;",
    /* formulas and code, which we write ourselves */
    "$<script>alert(1)</script>$", "$\\text{<img src=x onerror=alert(1)>}$", "$$\\href{javascript:alert(1)}{x}$$", "$\\operatorname{</math><script>alert(1)</script>}$",
    "$$\\begin{array}{<script>}x\\end{array}$$", "```math\n</math><img src=x onerror=alert(1)>\n```", "```html\n<script>alert(1)</script><a onclick='x'>\n```",
    "```js\n'</code></pre><script>alert(1)</script>'\n```", "<img src=x alt='$\\text{\" onerror=alert(1)}$'>", "<a href=\"$x$\" title='$\"$'>$y$</a>",
    "<a href=\"javascript:$x$\">x</a>", "\xee\x80\x80" "0\xee\x80\x81 $x$", "<p id='$x$' class='$y$'>$z$</p>", "<math><mtext>$x$</mtext></math>", "<style>$x$</style>$y$",
    "<pre><code class=\"language-html hl\"><b>x</b>&lt;i&gt;</code></pre>", "\\\\(\\frac{<svg/onload=alert(1)>}{2}\\\\)", "$\\left< <b>x</b> \\right>$",
};

/* ------------------------------------------------------------------ the judge */

static const char *const may_stand[] = {
    "a", "abbr", "b", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup", "dd", "del", "details", "div",
    "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "input", "ins", "kbd", "li",
    "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "summary", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var", "html", "body", "head",
    "math", "mrow", "mi", "mo", "mn", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup", "munder", "mover", "munderover", "mtable",
    "mtr", "mtd", NULL,
};
static const char *const may_be_said[] = {
    "alt", "title", "width", "height", "align", "valign", "colspan", "rowspan", "start", "lang", "dir", "open", "scope", "href",
    "src", "rel", "id", "class", "type", "disabled", "checked", "loading", "aria-label", "tabindex",
    "display", "stretchy", "accent", "mathvariant", "linethickness", "columnalign", NULL,
};

static bool is_in(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(s, *list) == 0) return true;
    return false;
}

static void judge_address(const char *html, const GumboAttribute *at)
{
    str s = str_c(at->value);
    bool picture = strcmp(at->name, "src") == 0;
    bool ours = (str_starts(s, STR("/")) && !str_starts(s, STR("//")) && str_chr(s, '\\') == STR_NONE) || str_starts(s, STR("#card-"));
    bool data = picture && (str_starts(s, STR("data:image/png;")) || str_starts(s, STR("data:image/jpeg;")) ||
                            str_starts(s, STR("data:image/gif;")) || str_starts(s, STR("data:image/webp;")));
    bool elsewhere = !picture && (str_starts(s, STR("https://")) || str_starts(s, STR("http://")) || str_starts(s, STR("mailto:")));
    if (!ours && !data && !elsewhere) fail_msg("an address %s=\"%s\" in %s", at->name, at->value, html);
}

static void judge(const char *html, const GumboNode *n)
{
    if (n->type == GUMBO_NODE_COMMENT || n->type == GUMBO_NODE_TEMPLATE) fail_msg("a comment or template in %s", html);
    if (n->type != GUMBO_NODE_ELEMENT) return;
    const GumboElement *el = &n->v.element;
    char own[32] = "";
    GumboStringPiece piece = el->original_tag;
    gumbo_tag_from_original_text(&piece);
    snprintf(own, sizeof own, "%.*s", (int)piece.length, piece.data ? piece.data : "");
    const char *tag = el->tag == GUMBO_TAG_UNKNOWN && el->tag_namespace == GUMBO_NAMESPACE_MATHML ? own : gumbo_normalized_tagname(el->tag); /* gumbo has names of a few only */
    if (!is_in(tag, may_stand)) fail_msg("<%s> in %s", tag[0] ? tag : "unknown", html);
    for (unsigned i = 0; i < el->attributes.length; i++) {
        const GumboAttribute *at = el->attributes.data[i];
        if (!is_in(at->name, may_be_said)) fail_msg("%s=\"%s\" in %s", at->name, at->value, html);
        if (strcmp(at->name, "href") == 0 || strcmp(at->name, "src") == 0) judge_address(html, at);
        if (strcmp(at->name, "id") == 0 && strncmp(at->value, "card-", 5) != 0) fail_msg("an id of their own in %s", html);
    }
    for (unsigned i = 0; i < el->children.length; i++) judge(html, el->children.data[i]);
}

static void must_be_harmless(struct buf *out)
{
    const char *html = buf_cstr(out);
    GumboOutput *tree = gumbo_parse(html);
    judge(html, tree->root);
    gumbo_destroy_output(&kGumboDefaultOptions, tree);
}

/* ------------------------------------------------------------------ tests */

static void attacks_come_to_nothing(void **state)
{
    (void)state;
    struct err e;
    for (size_t i = 0; i < COUNT(attacks); i++) {
        struct buf out = BUF_INIT(0), twice = BUF_INIT(0);
        must_ok(clean_html(str_c(attacks[i]), &base, &out, &e));
        must_be_harmless(&out);
        buf_reset(&out);
        must_ok(markdown_html(str_c(attacks[i]), &base, &out, &e));
        must_be_harmless(&out);
        must_ok(clean_html(buf_str(&out), &base, &twice, &e)); /* what was made safe is safe to read again */
        must_be_harmless(&twice);
        buf_deinit(&out);
        buf_deinit(&twice);
    }
}

/* Any two of them side by side, and one inside an attribute of the other. */
static void attacks_in_company_come_to_nothing(void **state)
{
    (void)state;
    struct err e;
    for (size_t i = 0; i < COUNT(attacks); i++) {
        for (size_t k = 0; k < COUNT(attacks); k += 3) {
            struct buf in = BUF_INIT(0), out = BUF_INIT(0);
            buf_addf(&in, "<p>%s<b title=\"%s\">%s</b>", attacks[i], attacks[k], attacks[k]);
            must_ok(clean_html(buf_str(&in), &base, &out, &e));
            must_be_harmless(&out);
            buf_deinit(&in);
            buf_deinit(&out);
        }
    }
}

static const struct { const char *in, *out; } texts[] = {
    { "plain", "<p>plain</p>\n" },
    { "a **b** ~~c~~", "<p>a <strong>b</strong> <del>c</del></p>\n" },
    { "# How to use\n", "<h1 id=\"card-how-to-use\"><a class=\"anchor\" href=\"#card-how-to-use\" tabindex=\"-1\" aria-label=\"Link to this section\"></a>How to use</h1>\n" },
    { "# A\n# A\n#\n", "<h1 id=\"card-a\"><a class=\"anchor\" href=\"#card-a\" tabindex=\"-1\" aria-label=\"Link to this section\"></a>A</h1>"
                      "<h1 id=\"card-a-1\"><a class=\"anchor\" href=\"#card-a-1\" tabindex=\"-1\" aria-label=\"Link to this section\"></a>A</h1><h1></h1>" },
    { "![cat](https://huggingface.co/a/b/blob/main/cat.png)", "<p><img loading=\"lazy\" src=\"/a/b/resolve/main/cat.png\" alt=\"cat\"></p>" },
    { "![cat](https://huggingface.co/a/c/resolve/main/cat.png)",
      "<p><a class=\"elsewhere\" href=\"https://huggingface.co/a/c/resolve/main/cat.png\" rel=\"nofollow noopener noreferrer ugc\">cat</a></p>" },
    { "[x](config.json)", "<p><a href=\"/a/b/blob/main/config.json\">x</a></p>\n" },
    { "[x](./docs/a.md#b)", "<p><a href=\"/a/b/blob/main/docs/a.md#b\">x</a></p>\n" },
    { "[x](#how-to-use)", "<p><a href=\"#card-how-to-use\">x</a></p>\n" },
    { "![cat](cat.png)", "<p><img loading=\"lazy\" src=\"/a/b/resolve/main/cat.png\" alt=\"cat\"></p>\n" },
    { "![cat](https://e.x/c.png)", "<p><a class=\"elsewhere\" href=\"https://e.x/c.png\" rel=\"nofollow noopener noreferrer ugc\">cat</a></p>\n" },
    { "| a |\n|--:|\n| 1 |", "<table><thead><tr><th align=\"right\">a</th></tr></thead><tbody><tr><td align=\"right\">1</td></tr></tbody></table>" },
    { "```python\nx < 1\n```", "<pre tabindex=\"0\"><code class=\"language-python\">x &lt; <span class=\"hl-n\">1</span>\n</code></pre>\n" },
    { "```brainfuck\nx < 1\n```", "<pre tabindex=\"0\"><code class=\"language-brainfuck\">x &lt; 1\n</code></pre>\n" },
    { "a $x_1$ b", "<p>a <math><mrow><msub><mrow><mi>x</mi></mrow><mrow><mn>1</mn></mrow></msub></mrow></math> b</p>" },
    { "`$x_1$` and $5 and $10, $HOME/$USER", "<p><code>$x_1$</code> and $5 and $10, $HOME/$USER</p>" },
    { "# Why $x^2$ is\n", "<h1 id=\"card-why--is\"><a class=\"anchor\" href=\"#card-why--is\" tabindex=\"-1\" aria-label=\"Link to this section\"></a>Why <math><mrow><msup><mrow><mi>x</mi></mrow><mrow><mn>2</mn></mrow></msup></mrow></math> is</h1>" },
    { "$\\unknown{x}_a_b$", "<p><code>$\\unknown{x}_a_b$</code></p>" },
    { "<img alt=\"$x_1$\" src=\"a.png\">", "<img loading=\"lazy\" src=\"/a/b/resolve/main/a.png\" alt=\"$x_1$\">" },
    { "```math\nx\n```\nb", "<p><math display=\"block\"><mrow><mi>x</mi></mrow></math>b</p>" },
    { "\xee\x80\x80" "0\xee\x80\x81 $x$", "<p>\xee\x80\x80" "0\xee\x80\x81 $x$</p>" },
    { "- [x] done", "<ul><li><input type=\"checkbox\" disabled checked aria-label=\"done\"> done</li></ul>" },
    { "> [!NOTE]\n> It *is*.\n>\n> So", "<blockquote class=\"note\"><p><strong>Note</strong></p><p>It <em>is</em>.</p><p>So</p></blockquote>" },
    { "> [!warning]\n\n> [!NOTES]\n> x", "<blockquote class=\"warning\"><p><strong>Warning</strong></p><p></p></blockquote><blockquote><p>[!NOTES]x</p></blockquote>" },
    { "> [!TIP] on its line\n\n<blockquote class=\"tags\">x</blockquote>", "<blockquote><p>[!TIP] on its line</p></blockquote><blockquote>x</blockquote>" },
    { "<center>hi</center>", "<center>hi</center>\n" },
    { "<custom>kept text</custom>", "<p>kept text</p>\n" },
    { "1 < 2 & \"3\"", "<p>1 &lt; 2 &amp; &quot;3&quot;</p>\n" },
};

/* Blanks between elements do not matter. */
static str squeeze(const struct buf *b, struct buf *out)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->p[i] != '\n') buf_byte(out, b->p[i]);
    return buf_str(out);
}

static void markdown_reads_as_people_expect(void **state)
{
    (void)state;
    struct err e;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct buf out = BUF_INIT(0), want = BUF_INIT(0), a = BUF_INIT(0), b = BUF_INIT(0);
        buf_add(&want, str_c(texts[i].out));
        must_ok(markdown_html(str_c(texts[i].in), &base, &out, &e));
        assert_str(squeeze(&out, &a), squeeze(&want, &b));
        buf_deinit(&out);
        buf_deinit(&want);
        buf_deinit(&a);
        buf_deinit(&b);
    }
}

/* A megabyte that would nest a hundred thousand deep, or grow to gigabytes when elements are opened again. */
static void deep_and_growing_texts_are_refused(void **state)
{
    (void)state;
    struct err e;
    struct buf deep = BUF_INIT(0), growing = BUF_INIT(0), out = BUF_INIT(0);
    for (int i = 0; i < 150000; i++) buf_lit(&deep, "<div>");
    if (!clean_html(buf_str(&deep), &base, &out, &e)) assert_int_equal(e.code, ERR_TOO_LARGE);
    buf_lit(&growing, "<p>");
    for (int i = 0; i < 2000; i++) buf_addf(&growing, "<font size=%d>", i);
    for (int i = 0; i < 100000; i++) buf_lit(&growing, "<p>x");
    assert_false(clean_html(buf_str(&growing), &base, &out, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    buf_reset(&deep);
    while (deep.n <= CLEAN_BYTES_MAX) buf_lit(&deep, "too long ");
    assert_false(clean_html(buf_str(&deep), &base, &out, &e));
    assert_false(markdown_html(buf_str(&deep), &base, &out, &e));
    buf_deinit(&deep);
    buf_deinit(&growing);
    buf_deinit(&out);
}

static size_t cells_of(size_t columns, const char *before)
{
    struct err e;
    struct buf text = BUF_INIT(0), out = BUF_INIT(0);
    static const char *const row[] = { "|a", "|-", "|b" };
    size_t n = 0;
    for (size_t r = 0; r < COUNT(row); r++) {
        buf_add(&text, str_c(before));
        for (size_t i = 0; i < columns; i++) buf_add(&text, str_c(row[r]));
        buf_lit(&text, "|\n");
    }
    must_ok(markdown_html(buf_str(&text), &base, &out, &e));
    for (str rest = buf_str(&out); rest.n; rest = str_from(rest, 1)) n += str_starts(rest, STR("<td"));
    buf_deinit(&text);
    buf_deinit(&out);
    return n;
}

/* Each cell of a table costs as much as the table is wide. */
static void very_wide_tables_are_shown_as_text(void **state)
{
    (void)state;
    assert_int_equal(cells_of(200, ""), 200);
    assert_int_equal(cells_of(200, "> "), 200);
    assert_int_equal(cells_of(3000, ""), 0);
    assert_int_equal(cells_of(3000, "> "), 0);
}

/* Short ones that would take all memory: rows are filled up to the columns of the head; what a name stands for is copied wherever it is used. */
static void texts_that_would_take_all_memory_are_refused(void **state)
{
    (void)state;
    enum { COLUMNS = 250, ROWS = 200000, ADDRESS = 50000, USES = 200000 };
    struct err e;
    struct buf table = BUF_INIT(0), names = BUF_INIT(0), out = BUF_INIT(0);
    for (int i = 0; i < COLUMNS; i++) buf_lit(&table, "|a");
    buf_byte(&table, '\n');
    for (int i = 0; i < COLUMNS; i++) buf_lit(&table, "|-");
    buf_byte(&table, '\n');
    for (int i = 0; i < ROWS; i++) buf_lit(&table, "|b|\n");
    buf_lit(&names, "[a]: ");
    for (int i = 0; i < ADDRESS; i++) buf_byte(&names, 'u');
    buf_lit(&names, "\n\n");
    for (int i = 0; i < USES; i++) buf_lit(&names, "[a] ");
    const struct buf *const both[] = { &table, &names };
    for (size_t i = 0; i < COUNT(both); i++)
        for (int again = 0; again < 2; again++) { /* the second time from what is kept */
            assert_false(prose_html(buf_str(both[i]), &base, &out, &e));
            assert_int_equal(e.code, ERR_TOO_LARGE);
            assert_str(str_c(e.msg), STR("this text nests too deeply or is too large to be shown as a page"));
            assert_int_equal(out.n, 0);
        }
    must_ok(prose_html(STR("*a*"), &base, &out, &e));
    must_ok(prose_html(STR("*a*"), &base, &out, &e));
    assert_str(buf_str(&out), STR("<p><em>a</em></p>\n<p><em>a</em></p>\n"));
    buf_deinit(&table);
    buf_deinit(&names);
    buf_deinit(&out);
}

static void *read_much(void *wrong)
{
    enum { TIMES = 4000 };
    struct buf out = BUF_INIT(0);
    struct err e;
    for (int i = 0; i < TIMES; i++) {
        buf_reset(&out);
        bool ok = markdown_html(STR("~~gone~~ www.example.org"), &base, &out, &e);
        if (!ok || str_find(buf_str(&out), STR("<del>gone</del> <a href")) == STR_NONE) ++*(int *)wrong;
    }
    buf_deinit(&out);
    return NULL;
}

/* The library forgot what its extensions look for when another parser was done. */
static void texts_that_are_read_at_once_read_as_alone(void **state)
{
    (void)state;
    pthread_t thread[4];
    int wrong[COUNT(thread)] = { 0 };
    for (size_t i = 0; i < COUNT(thread); i++) assert_int_equal(pthread_create(&thread[i], NULL, read_much, &wrong[i]), 0);
    for (size_t i = 0; i < COUNT(thread); i++) assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (size_t i = 0; i < COUNT(thread); i++) assert_int_equal(wrong[i], 0);
}

static void a_link_says_the_first_words(void **state)
{
    static const struct { const char *in, *out; } of[] = {
        { "", "" },
        { "<p>Short.</p><pre>a long line of code that is no paragraph</pre>", "" },
        { "<p><a href=\"/x\">badge</a></p>\n<p>This &quot;model&quot; is <b>small</b> &amp; does\nwhat it <br>says &lt;3.</p><p>More that is not needed.</p>",
          "This \"model\" is small & does what it says <3." },
        { "<p align=\"center\">Its loss is <math><mi>x</mi></math>, as everybody expects.</p>", "Its loss is , as everybody expects." },
        { "<p>A text that is longer than what fits in here, by a good deal of words.</p>", "A text that is longer than what fits in here,\xe2\x80\xa6" },
        { "<p>\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4</p>",
          "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xe2\x80\xa6" },
        { "<p>never ends although it is long enough", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(of); i++) {
        struct buf out = BUF_INIT(0);
        excerpt_add(&out, str_c(of[i].in), 46);
        assert_str(buf_str(&out), str_c(of[i].out));
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attacks_come_to_nothing),
        cmocka_unit_test(attacks_in_company_come_to_nothing),
        cmocka_unit_test(markdown_reads_as_people_expect),
        cmocka_unit_test(a_link_says_the_first_words),
        cmocka_unit_test(deep_and_growing_texts_are_refused),
        cmocka_unit_test(very_wide_tables_are_shown_as_text),
        cmocka_unit_test(texts_that_would_take_all_memory_are_refused),
        cmocka_unit_test(texts_that_are_read_at_once_read_as_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
