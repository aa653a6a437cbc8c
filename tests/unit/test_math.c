/* test_math.c - TeX as MathML, and source code in colours. */
#include "unit.h"

#include "hub/text/highlight.h"
#include "hub/text/math.h"
#include "hub/text/math_find.h"

static const struct { const char *tex, *out; } formulas[] = {
    { "x", "<mi>x</mi>" },
    { "12.5", "<mn>12.5</mn>" },
    { "a-b", "<mi>a</mi><mo>\u2212</mo><mi>b</mi>" },
    { "x^2", "<msup><mrow><mi>x</mi></mrow><mrow><mn>2</mn></mrow></msup>" },
    { "x_i^2", "<msubsup><mrow><mi>x</mi></mrow><mrow><mi>i</mi></mrow><mrow><mn>2</mn></mrow></msubsup>" },
    { "x^{12}", "<msup><mrow><mi>x</mi></mrow><mrow><mrow><mn>12</mn></mrow></mrow></msup>" },
    { "f'", "<msup><mrow><mi>f</mi></mrow><mrow><mo>\u2032</mo></mrow></msup>" },
    { "\\frac{1}{2}", "<mfrac><mrow><mn>1</mn></mrow><mrow><mn>2</mn></mrow></mfrac>" },
    { "\\frac12", "<mfrac><mn>1</mn><mn>2</mn></mfrac>" },
    { "\\sqrt[3]{x}", "<mroot><mrow><mi>x</mi></mrow><mrow><mn>3</mn></mrow></mroot>" },
    { "\\alpha<\\beta", "<mi>\u03b1</mi><mo>&lt;</mo><mi>\u03b2</mi>" },
    { "\\mathbb{R}", "<mrow><mi>\u211d</mi></mrow>" },
    { "\\mathcal L", "<mi>\u2112</mi>" },
    { "\\mathbf{x}", "<mrow><mi>\U0001d431</mi></mrow>" },
    { "\\text{a < b}", "<mtext>a &lt; b</mtext>" },
    { "\\hat{y}", "<mover accent=\"true\"><mrow><mi>y</mi></mrow><mo stretchy=\"false\">^</mo></mover>" },
    { "\\begin{cases}1&x\\\\0&y\\end{cases}",
      "<mrow><mo stretchy=\"true\">{</mo><mtable columnalign=\"left\"><mtr><mtd><mn>1</mn></mtd><mtd><mi>x</mi></mtd></mtr><mtr><mtd><mn>0</mn></mtd><mtd><mi>y</mi></mtd></mtr></mtable></mrow>" },
};

static void formulas_become_mathml(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(formulas); i++) {
        struct buf got = BUF_INIT(0), want = BUF_INIT(0);
        buf_addf(&want, "<math><mrow>%s</mrow></math>", formulas[i].out);
        if (!math_add(&got, str_c(formulas[i].tex), false)) fail_msg("\"%s\" is not understood", formulas[i].tex);
        assert_str(buf_str(&got), buf_str(&want));
        buf_deinit(&got);
        buf_deinit(&want);
    }
}

/* As cards have them. */
static const char *const real[] = {
    "\\mathcal{L} = -\\sum_{i=1}^{N} \\log p_\\theta(x_i \\mid x_{<i})",
    "\\text{Attention}(Q, K, V) = \\text{softmax}\\left(\\frac{QK^\\top}{\\sqrt{d_k}}\\right)V",
    "\\begin{aligned} a &= b + c \\\\[4pt] &= d \\end{aligned}",
    "\\begin{bmatrix} 1 & 0 \\\\ 0 & 1 \\end{bmatrix}",
    "\\theta_{t+1} = \\theta_t - \\eta \\nabla_\\theta \\mathbb{E}_{x \\sim \\mathcal{D}}\\left[\\ell(f_\\theta(x), y)\\right]",
    "W' = W + \\frac{\\alpha}{r} B A, \\quad B \\in \\mathbb{R}^{d \\times r}",
    "\\operatorname{sim}(u, v) = \\frac{u \\cdot v}{\\lVert u \\rVert \\, \\lVert v \\rVert}",
    "D_{\\mathrm{KL}}(P \\| Q) = \\int_{-\\infty}^{\\infty} p(x) \\ln \\frac{p(x)}{q(x)} \\, dx",
    "\\hat{y} = \\arg\\max_{k} \\; \\sigma(z)_k", "\\underbrace{a+b}_{\\text{sum}}", "a &= b \\\\ c &= d", "\\binom{n}{k} \\leq \\left(\\frac{en}{k}\\right)^k", "10^{-5} \\rightarrow 3\\%",
    "\\overline{x} = \\frac 1 n \\sum x_i", "x \\in \\{0, 1\\}^n", "\\left. \\frac{df}{dx} \\right|_{x=0}", "\\lim_{x \\to 0} \\frac{\\sin x}{x} = 1", "O(n\\log n)", "\\Big( x \\Big)",
};
static const char *const refused[] = {
    "", " ", "}", "{", "x}", "{x", "\\frac{1}", "\\frac", "\\unknown", "x^", "x_", "x^^2", "x_1_2", "\\left(", "\\right)", "\\begin{x}\\end{x}", "\\begin{matrix}", "\\end{matrix}",
    "\\begin{matrix}\\end{cases}", "\\sqrt[3", "\\text{x", "\\", "$", "#", "\\href{javascript:x}{y}", "\\def\\x{\\x\\x}\\x", "\\left x \\right)", "a & b }", "\x01", "\xff", "\\mathbb", "\\hat",
    "\\begin{array}x\\end{array}", "\\left(\\rightarrow", "\\operatorname x", "\\mathop{", "\\text x", "\\label",
};

static void what_cards_have_is_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(real); i++) {
        struct buf b = BUF_INIT(0);
        if (!math_add(&b, str_c(real[i]), true)) fail_msg("\"%s\" is not understood", real[i]);
        assert_true(str_starts(buf_str(&b), STR("<math display=\"block\"><mrow>")) && str_ends(buf_str(&b), STR("</mrow></math>")));
        buf_deinit(&b);
    }
}

static void what_is_not_understood_adds_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct buf b = BUF_INIT(0);
        if (math_add(&b, str_c(refused[i]), true)) fail_msg("\"%s\" became %s", refused[i], buf_cstr(&b));
        assert_int_equal(b.n, 0);
        buf_deinit(&b);
    }
}

static void deep_and_long_formulas_end(void **state)
{
    (void)state;
    static const char *const again[] = { "{", "\\sqrt", "\\sqrt{", "\\sqrt[", "x^{", "\\frac", "\\left(", "\\hat", "\\mathbf", "\\begin{matrix}", "''", "x'", "x_a^b", "&", "\\\\", "\\overset" };
    for (size_t i = 0; i < COUNT(again); i++) {
        struct buf in = BUF_INIT(0), out = BUF_INIT(0);
        while (in.n + str_c(again[i]).n <= MATH_BYTES_MAX) buf_add(&in, str_c(again[i]));
        math_add(&out, buf_str(&in), true);
        assert_true(out.n < (4 << 20));
        buf_deinit(&in);
        buf_deinit(&out);
    }
}

static const struct { const char *language, *code, *out; } codes[] = {
    { "python", "def f(x): # <1>", "<span class=\"hl-k\">def</span> <span class=\"hl-f\">f</span>(x): <span class=\"hl-c\"># &lt;1&gt;</span>" },
    { "py", "'''a\n'b''' \"c\\\"d\"", "<span class=\"hl-s\">&#39;&#39;&#39;a\n&#39;b&#39;&#39;&#39;</span> <span class=\"hl-s\">&quot;c\\&quot;d&quot;</span>" },
    { "json", "{\"a\": 1.5e-3, \"b\": null}", "{<span class=\"hl-t\">&quot;a&quot;</span>: <span class=\"hl-n\">1.5e-3</span>, <span class=\"hl-t\">&quot;b&quot;</span>: <span class=\"hl-k\">null</span>}" },
    { "bash", "cd $HOME # x#y", "<span class=\"hl-k\">cd</span> <span class=\"hl-t\">$HOME</span> <span class=\"hl-c\"># x#y</span>" },
    { "yaml", "a: it's", "<span class=\"hl-t\">a</span>: it&#39;s" },
    { "diff", "+a\n-b\n c", "<span class=\"hl-a\">+a</span>\n<span class=\"hl-d\">-b</span>\n c" },
    { "c", "/* open", "<span class=\"hl-c\">/* open</span>" },
    { "html", "<b class=\"x\">", "<span class=\"hl-t\">&lt;b</span> class=<span class=\"hl-s\">&quot;x&quot;</span>&gt;" },
    { "SQL", "SELECT 1", "<span class=\"hl-k\">SELECT</span> <span class=\"hl-n\">1</span>" },
    { "none", "<def>", "&lt;def&gt;" },
};

static void code_has_its_colours(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct buf b = BUF_INIT(0);
        highlight_add(&b, str_c(codes[i].language), str_c(codes[i].code));
        assert_str(buf_str(&b), str_c(codes[i].out));
        buf_deinit(&b);
    }
    assert_false(highlight_knows(STR("")) || highlight_knows(STR("py sh")));
}

static void colours_that_go_on_begin_again_on_each_line(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0), out = BUF_INIT(0);
    highlight_add(&b, STR("py"), STR("x = '''a\n\nb''' # <c>\ny\n"));
    str html = buf_str(&b), open = { NULL, 0 };
    while (highlight_cut_line(&html, &open, &out)) buf_lit(&out, "|");
    assert_str(buf_str(&out), STR("x = <span class=\"hl-s\">&#39;&#39;&#39;a</span>|<span class=\"hl-s\"></span>|"
                                  "<span class=\"hl-s\">b&#39;&#39;&#39;</span> <span class=\"hl-c\"># &lt;c&gt;</span>|y|"));
    buf_deinit(&b);
    buf_deinit(&out);
}

/* A quarter of a megabyte that begins a string at every other letter and ends none: this would take hours if each were searched for. */
static void code_takes_time_by_its_length(void **state)
{
    (void)state;
    static const char *const again[] = { "\\'", "\\\"", "'\\", "`\\", "$", "--", "'''", "<!-", "/*/", "${" };
    static const char *const languages[] = { "bash", "go", "python", "js", "html", "c" };
    for (size_t i = 0; i < COUNT(again); i++) {
        struct buf in = BUF_INIT(0), out = BUF_INIT(0);
        while (in.n < 256 << 10) buf_add(&in, str_c(again[i]));
        for (size_t k = 0; k < COUNT(languages); k++) highlight_add(&out, str_c(languages[k]), buf_str(&in));
        assert_false(out.failed);
        buf_deinit(&in);
        buf_deinit(&out);
    }
}

/* Eight megabytes that open a formula at every other letter and close none: minutes if each were searched for. */
static void formulas_are_found_in_time_by_the_length(void **state)
{
    (void)state;
    static const char *const again[] = { "\\\\(", "\\\\[", "\\\\(\\\\[", "$\\$", "$$a", "$ ", "\\\\(\n\n" };
    struct math_found *found = mem_one(struct math_found);
    for (size_t i = 0; i < COUNT(again); i++) {
        struct buf in = BUF_INIT(0), out = BUF_INIT(0);
        while (in.n < 8 << 20) buf_add(&in, str_c(again[i]));
        math_find(buf_str(&in), found, &out);
        buf_deinit(&in);
        buf_deinit(&out);
    }
    mem_free(found);
}

static void formulas_are_found_outside_of_code(void **state)
{
    (void)state;
    static const struct { const char *text; size_t n; } cases[] = {
        { "$x$", 1 }, { "$x$ and $y$", 2 }, { "$$\nx\n$$", 1 }, { "`$x$`", 0 }, { "``$x$ ` $y$``", 0 }, { "```\n$x$\n```\n$y$", 1 }, { "~~~\n$x$", 0 }, { "```math\nx\n```", 1 },
        { "\\$x$", 0 }, { "$ x$", 0 }, { "$x $", 0 }, { "$5-$10", 0 }, { "US$1 and A$2", 0 }, { "$x\n\ny$", 0 }, { "\\\\(x\\\\)", 1 }, { "\\\\[x\\\\]", 1 }, { "\\\\(x \\\\(y\n\n\\\\(z\\\\)", 1 }, { "\\\\[x \\\\(y\\\\) \\\\(z\\\\)", 2 }, { "\\(x\\)", 0 }, { "$$$$", 0 },
        { "$$$", 0 }, { "$", 0 }, { "\\", 0 }, { "```", 0 }, { "$x\\$y$", 1 }, { "a `b $x$", 1 },
    };
    struct math_found *found = mem_one(struct math_found);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = BUF_INIT(0);
        bool any = math_find(str_c(cases[i].text), found, &b);
        if (found->n != cases[i].n || any != (cases[i].n > 0)) fail_msg("\"%s\" has %zu", cases[i].text, found->n);
        buf_deinit(&b);
    }
    struct buf many = BUF_INIT(0), out = BUF_INIT(0);
    for (int i = 0; i < 100000; i++) buf_lit(&many, "$x$ ``$` \\\\( ");
    assert_true(math_find(buf_str(&many), found, &out));
    assert_int_equal(found->n, MATH_PIECES_MAX);
    buf_deinit(&many);
    buf_deinit(&out);
    mem_free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas_become_mathml),
        cmocka_unit_test(what_cards_have_is_understood),
        cmocka_unit_test(what_is_not_understood_adds_nothing),
        cmocka_unit_test(deep_and_long_formulas_end),
        cmocka_unit_test(code_has_its_colours),
        cmocka_unit_test(colours_that_go_on_begin_again_on_each_line),
        cmocka_unit_test(code_takes_time_by_its_length),
        cmocka_unit_test(formulas_are_found_in_time_by_the_length),
        cmocka_unit_test(formulas_are_found_outside_of_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
