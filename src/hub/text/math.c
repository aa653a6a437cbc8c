/* hub/text/math.c - see hub/text/math.h.  A recursive descent over TeX that writes MathML as it goes.
 *
 * An atom is written first and its scripts are seen after it, so the element around both is put before it afterwards (insert).
 * Invariants: every function leaves `out` well formed or sets `bad`; depth and length are bounded; every text is escaped. */
#include "hub/text/math.h"

#include <stdio.h>
#include <string.h>

enum { OUT_BYTES_MAX = 256 << 10, CELLS_MAX = 1000 };

struct math {
    str in; /* what is left */
    struct buf *out;
    int depth;
    size_t cells;
    bool bad, is_display;
    const char *font; /* of \mathbb and its like; NULL: as usual */
};

static bool list(struct math *m, const char *end);

/* ------------------------------------------------------------------ writing */

static void add_element(struct buf *out, const char *tag, const char *attributes, str text)
{
    buf_addf(out, "<%s%s>", tag, attributes);
    buf_html(out, text);
    buf_addf(out, "</%s>", tag);
}

static void insert(struct buf *out, size_t at, const char *text)
{
    size_t n = str_c(text).n, behind = out->n - at;
    buf_add(out, str_c(text));
    if (out->failed) return;
    memmove(out->p + at + n, out->p + at, behind);
    memcpy(out->p + at, text, n);
}

static void add_utf8(struct buf *out, uint32_t c)
{
    char text[4];
    buf_add(out, str_n(text, str_utf8_encode(c, text)));
}

/* ------------------------------------------------------------------ reading */

static void skip_blanks(struct math *m)
{
    while (m->in.n && (m->in.p[0] == ' ' || m->in.p[0] == '\n' || m->in.p[0] == '\t' || m->in.p[0] == '\r')) m->in = str_from(m->in, 1);
}

static bool take(struct math *m, const char *what)
{
    if (!str_starts(m->in, str_c(what))) return false;
    m->in = str_from(m->in, str_c(what).n);
    return true;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* The name of the command that stands here, without its backslash; a sign alone is one, too. */
static str command_name(str in)
{
    size_t n = 1;
    if (in.n < 2) return STR("");
    while (n < in.n && is_letter(in.p[n])) n++;
    if (n == 1) n = 2;
    return str_n(in.p + 1, n - 1);
}

static bool take_command(struct math *m, const char *name)
{
    if (!m->in.n || m->in.p[0] != '\\' || !str_eq(command_name(m->in), str_c(name))) return false;
    m->in = str_from(m->in, str_c(name).n + 1);
    return true;
}

/* What stands in braces, as it is; braces inside must match. */
static bool raw_group(struct math *m, str *out)
{
    int open = 0;
    skip_blanks(m);
    if (!m->in.n || m->in.p[0] != '{') return !(m->bad = true);
    for (size_t i = 0; i < m->in.n; i++) {
        if (m->in.p[i] == '\\') i++;
        else if (m->in.p[i] == '{') open++;
        else if (m->in.p[i] == '}' && --open == 0) {
            *out = str_n(m->in.p + 1, i - 1);
            m->in = str_from(m->in, i + 1);
            return true;
        }
    }
    return !(m->bad = true);
}

/* ------------------------------------------------------------------ letters in other fonts */

static const struct {
    const char *name, *attributes;       /* in an <mi>, where Unicode has no letters of its own */
    uint32_t upper, lower, digit;        /* of 'A', 'a', '0'; 0: none */
} fonts[] = {
    { "mathbb", "", 0x1d538, 0x1d552, 0x1d7d8 }, { "mathcal", "", 0x1d49c, 0x1d4b6, 0 },      { "mathscr", "", 0x1d49c, 0x1d4b6, 0 },
    { "mathfrak", "", 0x1d504, 0x1d51e, 0 },     { "mathbf", "", 0x1d400, 0x1d41a, 0x1d7ce }, { "boldsymbol", "", 0x1d468, 0x1d482, 0x1d7ce },
    { "bm", "", 0x1d468, 0x1d482, 0x1d7ce },     { "mathsf", "", 0x1d5a0, 0x1d5ba, 0x1d7e2 }, { "mathtt", "", 0x1d670, 0x1d68a, 0x1d7f6 },
    { "mathrm", " mathvariant=\"normal\"", 0, 0, 0 }, { "mathit", "", 0, 0, 0 },            { "mathbold", "", 0x1d400, 0x1d41a, 0x1d7ce },
};
/* Letters that Unicode had before it gave the alphabets places of their own. */
static const struct { uint32_t place, letter; } moved[] = {
    { 0x1d53a, 0x2102 }, { 0x1d53f, 0x210d }, { 0x1d545, 0x2115 }, { 0x1d547, 0x2119 }, { 0x1d548, 0x211a }, { 0x1d549, 0x211d }, { 0x1d551, 0x2124 },
    { 0x1d49d, 0x212c }, { 0x1d4a0, 0x2130 }, { 0x1d4a1, 0x2131 }, { 0x1d4a3, 0x210b }, { 0x1d4a4, 0x2110 }, { 0x1d4a7, 0x2112 }, { 0x1d4a8, 0x2133 },
    { 0x1d4ad, 0x211b }, { 0x1d4ba, 0x212f }, { 0x1d4bc, 0x210a }, { 0x1d4c4, 0x2134 }, { 0x1d506, 0x212d }, { 0x1d50b, 0x210c }, { 0x1d50c, 0x2111 },
    { 0x1d515, 0x211c }, { 0x1d51d, 0x2128 },
};

static bool add_in_font(struct math *m, char c)
{
    for (size_t i = 0; m->font && i < COUNT(fonts); i++) {
        if (strcmp(fonts[i].name, m->font) != 0) continue;
        uint32_t from = c >= '0' && c <= '9' ? fonts[i].digit : c >= 'a' ? fonts[i].lower : fonts[i].upper;
        uint32_t place = from + (uint32_t)(c >= '0' && c <= '9' ? c - '0' : c >= 'a' ? c - 'a' : c - 'A');
        if (!from) {
            add_element(m->out, "mi", fonts[i].attributes, str_n(&c, 1));
            return true;
        }
        for (size_t k = 0; k < COUNT(moved); k++)
            if (moved[k].place == place) place = moved[k].letter;
        buf_lit(m->out, "<mi>");
        add_utf8(m->out, place);
        buf_lit(m->out, "</mi>");
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ parts of a formula */

static bool enter(struct math *m)
{
    if (++m->depth > MATH_DEPTH_MAX || m->out->n > OUT_BYTES_MAX) m->bad = true;
    return !m->bad;
}

/* {...} */
static void group(struct math *m)
{
    if (!enter(m)) return;
    m->in = str_from(m->in, 1);
    buf_lit(m->out, "<mrow>");
    if (!list(m, "}") || !take(m, "}")) m->bad = true;
    buf_lit(m->out, "</mrow>");
    m->depth--;
}

static void atom(struct math *m, bool *is_big);

/* What a command takes: a group, or the next atom. */
static void argument(struct math *m)
{
    bool ignored;
    skip_blanks(m);
    if (!m->in.n || m->in.p[0] == '}' || m->in.p[0] == '&' || m->in.p[0] == '^' || m->in.p[0] == '_') {
        m->bad = true;
        return;
    }
    if (m->in.p[0] == '{') {
        group(m);
        return;
    }
    if (m->in.p[0] >= '0' && m->in.p[0] <= '9') { /* x^12 is x^1 2 */
        add_element(m->out, "mn", "", str_to(m->in, 1));
        m->in = str_from(m->in, 1);
        return;
    }
    if (enter(m)) atom(m, &ignored);
    m->depth--;
}

static void fraction(struct math *m, const char *open, const char *close)
{
    buf_addf(m->out, "%s", open);
    argument(m);
    argument(m);
    buf_addf(m->out, "%s", close);
}

static void root(struct math *m)
{
    skip_blanks(m);
    if (!take(m, "[")) {
        buf_lit(m->out, "<msqrt>");
        argument(m);
        buf_lit(m->out, "</msqrt>");
        return;
    }
    struct buf index = BUF_INIT(OUT_BYTES_MAX), *out = m->out;
    m->out = &index;
    if (!enter(m) || !list(m, "]") || !take(m, "]")) m->bad = true;
    m->depth--;
    m->out = out;
    buf_lit(out, "<mroot>");
    argument(m);
    buf_lit(out, "<mrow>");
    buf_add(out, buf_str(&index));
    buf_lit(out, "</mrow></mroot>");
    buf_deinit(&index);
}

static const struct { const char *name, *sign; bool below, wide; } accents[] = {
    { "hat", "^", false, false },       { "widehat", "^", false, true },    { "bar", "\u00af", false, false },       { "overline", "\u203e", false, true },
    { "tilde", "~", false, false },     { "widetilde", "~", false, true },  { "vec", "\u2192", false, false },       { "overrightarrow", "\u2192", false, true },
    { "dot", "\u02d9", false, false },  { "ddot", "\u00a8", false, false }, { "underline", "_", true, true },   { "overbrace", "\u23de", false, true },
    { "underbrace", "\u23df", true, true }, { "check", "\u02c7", false, false }, { "breve", "\u02d8", false, false }, { "acute", "\u00b4", false, false },
    { "mathring", "\u02da", false, false },
};

static bool accent(struct math *m, str name, bool *is_big)
{
    for (size_t i = 0; i < COUNT(accents); i++) {
        if (!str_eq(name, str_c(accents[i].name))) continue;
        buf_addf(m->out, accents[i].below ? "<munder>" : "<mover accent=\"true\">");
        argument(m);
        add_element(m->out, "mo", accents[i].wide ? "" : " stretchy=\"false\"", str_c(accents[i].sign));
        buf_addf(m->out, accents[i].below ? "</munder>" : "</mover>");
        *is_big = accents[i].wide && (accents[i].sign[0] == '\xe2' && accents[i].sign[1] == '\x8f'); /* a brace takes a word beside it */
        return true;
    }
    return false;
}

/* A delimiter behind \left, \right, \big: ".", a sign, or the name of one. */
static void delimiter(struct math *m, const char *attributes)
{
    skip_blanks(m);
    if (take(m, ".")) return;
    if (m->in.n && m->in.p[0] == '\\') {
        str name = command_name(m->in);
        const struct math_sign *s = name.n ? math_sign_find(name) : NULL;
        if (!s || s->kind != MATH_SIGN) m->bad = true;
        else add_element(m->out, "mo", attributes, str_c(s->text));
        m->in = str_from(m->in, name.n + 1);
        return;
    }
    static const char signs[] = "()[]|/<>";
    if (!m->in.n || !memchr(signs, m->in.p[0], sizeof signs - 1)) {
        m->bad = true;
        return;
    }
    str sign = m->in.p[0] == '<' ? STR("\u27e8") : m->in.p[0] == '>' ? STR("\u27e9") : str_to(m->in, 1);
    add_element(m->out, "mo", attributes, sign);
    m->in = str_from(m->in, 1);
}

static void left_right(struct math *m)
{
    static const char grows[] = " stretchy=\"true\"";
    if (!enter(m)) return;
    buf_lit(m->out, "<mrow>");
    delimiter(m, grows);
    for (;;) {
        if (!list(m, "\\\\") || m->bad) break;
        if (take_command(m, "right")) break;
        if (take_command(m, "middle")) delimiter(m, grows);
        else m->bad = true;
        if (m->bad) break;
    }
    delimiter(m, grows);
    buf_lit(m->out, "</mrow>");
    m->depth--;
}

/* ------------------------------------------------------------------ tables */

static const struct { const char *name, *open, *close, *align; } tables[] = {
    { "matrix", "", "", "" },           { "pmatrix", "(", ")", "" },          { "bmatrix", "[", "]", "" },        { "Bmatrix", "{", "}", "" },
    { "vmatrix", "|", "|", "" },        { "Vmatrix", "\u2016", "\u2016", "" }, { "smallmatrix", "", "", "" },      { "cases", "{", "", " columnalign=\"left\"" },
    { "array", "", "", "" },            { "aligned", "", "", " columnalign=\"right left\"" }, { "align", "", "", " columnalign=\"right left\"" },
    { "align*", "", "", " columnalign=\"right left\"" }, { "split", "", "", " columnalign=\"right left\"" }, { "gathered", "", "", "" }, { "gather", "", "", "" },
    { "gather*", "", "", "" },          { "equation", "", "", "" },           { "equation*", "", "", "" },        { "eqnarray", "", "", "" },
};

/* Rows of cells up to \end, or to the end of the formula. */
static void rows(struct math *m, const char *attributes)
{
    buf_addf(m->out, "<mtable%s><mtr><mtd>", attributes);
    for (;;) {
        if (!list(m, "&") || m->bad || ++m->cells > CELLS_MAX) {
            m->bad = true;
            return;
        }
        if (take(m, "&")) buf_lit(m->out, "</mtd><mtd>");
        else if (take(m, "\\\\")) {
            skip_blanks(m);
            size_t gap = m->in.n && m->in.p[0] == '[' ? str_chr(str_to(m->in, 16), ']') : STR_NONE; /* "\\\\[2pt]" */
            if (gap != STR_NONE) m->in = str_from(m->in, gap + 1);
            skip_blanks(m);
            if (!m->in.n || (m->in.p[0] == '\\' && str_eq(command_name(m->in), STR("end")))) break;
            buf_lit(m->out, "</mtd></mtr><mtr><mtd>");
        } else {
            break;
        }
    }
    buf_lit(m->out, "</mtd></mtr></mtable>");
}

static void environment(struct math *m)
{
    str name, columns, end;
    if (!raw_group(m, &name) || !enter(m)) return;
    name = str_trim(name);
    size_t i = 0;
    while (i < COUNT(tables) && !str_eq(name, str_c(tables[i].name))) i++;
    if (i == COUNT(tables)) {
        m->bad = true;
        return;
    }
    if (str_eq(name, STR("array")) && !raw_group(m, &columns)) return;
    buf_lit(m->out, "<mrow>");
    if (tables[i].open[0]) add_element(m->out, "mo", " stretchy=\"true\"", str_c(tables[i].open));
    rows(m, tables[i].align);
    if (m->bad || !take_command(m, "end") || !raw_group(m, &end) || !str_eq(str_trim(end), name)) {
        m->bad = true;
        return;
    }
    if (tables[i].close[0]) add_element(m->out, "mo", " stretchy=\"true\"", str_c(tables[i].close));
    buf_lit(m->out, "</mrow>");
    m->depth--;
}

/* ------------------------------------------------------------------ commands */

static bool is_one_of(str name, const char *names)
{
    str rest = str_c(names), one;
    while (str_cut(&rest, ' ', &one))
        if (str_eq(one, name)) return true;
    return false;
}

static void sign(struct math *m, const struct math_sign *s, bool *is_big)
{
    switch (s->kind) {
    case MATH_LETTER: add_element(m->out, "mi", "", str_c(s->text)); break;
    case MATH_SIGN: add_element(m->out, "mo", " stretchy=\"false\"", str_c(s->text)); break;
    case MATH_BIG:
        add_element(m->out, "mo", "", str_c(s->text));
        *is_big = s->text[0] == '\xe2' && !(s->text[1] == '\x88' && (unsigned char)s->text[2] >= 0xab && (unsigned char)s->text[2] <= 0xae); /* not integrals */
        break;
    case MATH_LIMIT: *is_big = true; /* fall through */
    case MATH_FUNCTION:
        buf_lit(m->out, "<mrow>");
        add_element(m->out, "mi", s->text[1] ? "" : " mathvariant=\"normal\"", str_c(s->text));
        buf_lit(m->out, "<mspace width=\"0.12em\"></mspace></mrow>");
        break;
    case MATH_SPACE: buf_addf(m->out, "<mspace width=\"%s\"></mspace>", s->text); break;
    }
}

static void in_font(struct math *m, const char *font)
{
    const char *before = m->font;
    m->font = font;
    argument(m);
    m->font = before;
}

static void command(struct math *m, bool *is_big)
{
    str name = command_name(m->in), text;
    if (!name.n) {
        m->bad = true;
        return;
    }
    m->in = str_from(m->in, name.n + 1);
    const struct math_sign *s = math_sign_find(name);
    if (s) {
        sign(m, s, is_big);
        return;
    }
    for (size_t i = 0; i < COUNT(fonts); i++) {
        if (!str_eq(name, str_c(fonts[i].name))) continue;
        in_font(m, fonts[i].name);
        return;
    }
    if (accent(m, name, is_big)) return;
    if (is_one_of(name, "frac dfrac tfrac cfrac")) fraction(m, "<mfrac>", "</mfrac>");
    else if (is_one_of(name, "binom dbinom tbinom")) fraction(m, "<mrow><mo stretchy=\"true\">(</mo><mfrac linethickness=\"0\">", "</mfrac><mo stretchy=\"true\">)</mo></mrow>");
    else if (str_eq(name, STR("sqrt"))) root(m);
    else if (str_eq(name, STR("left"))) left_right(m);
    else if (str_eq(name, STR("begin"))) environment(m);
    else if (is_one_of(name, "big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm")) delimiter(m, " stretchy=\"true\"");
    else if (is_one_of(name, "text textrm textbf textit textsf texttt mbox textnormal")) {
        if (raw_group(m, &text)) add_element(m->out, "mtext", "", text);
    } else if (is_one_of(name, "operatorname operatorname* mathop")) {
        take(m, "*");
        if (!raw_group(m, &text)) return;
        add_element(m->out, "mi", text.n == 1 ? " mathvariant=\"normal\"" : "", text);
        if (str_chr(text, '\\') != STR_NONE) m->bad = true;
    } else if (is_one_of(name, "overset underset stackrel")) {
        bool is_under = str_eq(name, STR("underset"));
        struct buf above = BUF_INIT(OUT_BYTES_MAX), *out = m->out;
        m->out = &above;
        argument(m);
        m->out = out;
        buf_addf(out, is_under ? "<munder>" : "<mover>");
        argument(m);
        buf_add(out, buf_str(&above));
        buf_addf(out, is_under ? "</munder>" : "</mover>");
        buf_deinit(&above);
    } else if (is_one_of(name, "displaystyle textstyle scriptstyle limits nolimits nonumber notag left. hline rm bf it")) {
        buf_lit(m->out, "<mrow></mrow>"); /* nothing to be seen, but scripts may follow */
        if (is_one_of(name, "rm bf it")) m->bad = true;
    } else if (str_eq(name, STR("label"))) {
        raw_group(m, &text);
    } else {
        m->bad = true;
    }
}

/* ------------------------------------------------------------------ atoms and lists */

static size_t utf8_length(str s)
{
    size_t n = 1;
    while (n < s.n && n < 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80) n++;
    return n;
}

static void atom(struct math *m, bool *is_big)
{
    char c = m->in.p[0];
    *is_big = false;
    if (c == '\\') {
        command(m, is_big);
        return;
    }
    if (c == '{') {
        group(m);
        return;
    }
    if ((c >= '0' && c <= '9') || (c == '.' && m->in.n > 1 && m->in.p[1] >= '0' && m->in.p[1] <= '9')) {
        size_t n = 0;
        if (m->font && c != '.' && add_in_font(m, c)) {
            m->in = str_from(m->in, 1);
            return;
        }
        while (n < m->in.n && ((m->in.p[n] >= '0' && m->in.p[n] <= '9') || (m->in.p[n] == '.' && n + 1 < m->in.n && m->in.p[n + 1] >= '0' && m->in.p[n + 1] <= '9'))) n++;
        add_element(m->out, "mn", "", str_to(m->in, n));
        m->in = str_from(m->in, n);
        return;
    }
    size_t n = utf8_length(m->in);
    str one = str_to(m->in, n);
    if (is_letter(c)) {
        if (!add_in_font(m, c)) add_element(m->out, "mi", "", one);
    } else if ((unsigned char)c >= 0x80) {
        add_element(m->out, "mi", "", one);
    } else if (c == '~') {
        buf_lit(m->out, "<mspace width=\"0.25em\"></mspace>");
    } else if (c == '-') {
        buf_lit(m->out, "<mo>\u2212</mo>");
    } else if (c == '*') {
        buf_lit(m->out, "<mo>\u2217</mo>");
    } else if (memchr("+=<>!?:;,./|()[]@'\"`", c, 20)) {
        add_element(m->out, "mo", memchr("()[]|/", c, 6) ? " stretchy=\"false\"" : "", one);
    } else {
        m->bad = true; /* "#", "$", "%", a closing brace that nobody opened, a control character */
    }
    m->in = str_from(m->in, n);
}

/* ' and ^ and _ behind an atom that was written from `at` on. */
static void scripts(struct math *m, size_t at, bool is_big)
{
    struct buf above = BUF_INIT(OUT_BYTES_MAX), below = BUF_INIT(OUT_BYTES_MAX), *out = m->out;
    bool has_above = false, has_below = false;
    for (;;) {
        skip_blanks(m);
        if (take_command(m, "limits")) is_big = true;
        else if (take_command(m, "nolimits")) is_big = false;
        else if (!has_above && m->in.n && m->in.p[0] == '\'') {
            while (take(m, "'")) buf_lit(&above, "<mo>\u2032</mo>");
            m->out = &above;
            if (take(m, "^")) argument(m);
            has_above = true;
        } else if (!has_above && take(m, "^")) {
            m->out = &above;
            argument(m);
            has_above = true;
        } else if (!has_below && take(m, "_")) {
            m->out = &below;
            argument(m);
            has_below = true;
        } else {
            if (m->in.n && (m->in.p[0] == '^' || m->in.p[0] == '_')) m->bad = true; /* a second one */
            break;
        }
        m->out = out;
        if (m->bad) break;
    }
    bool moves = is_big && m->is_display;
    static const char *const tags[2][4] = { { "", "msup", "msub", "msubsup" }, { "", "mover", "munder", "munderover" } };
    const char *tag = tags[moves][(has_above ? 1 : 0) + (has_below ? 2 : 0)];
    if (tag[0] && !m->bad) {
        char open[24];
        snprintf(open, sizeof open, "<%s><mrow>", tag);
        insert(out, at, open);
        buf_lit(out, "</mrow>");
        if (has_below) buf_addf(out, "<mrow>%.*s</mrow>", STR_ARG(buf_str(&below)));
        if (has_above) buf_addf(out, "<mrow>%.*s</mrow>", STR_ARG(buf_str(&above)));
        buf_addf(out, "</%s>", tag);
    }
    buf_deinit(&above);
    buf_deinit(&below);
}

/* Atoms up to what ends them: `end`, "&", "\\", \end, \right, \middle, or the end of the formula. */
static bool list(struct math *m, const char *end)
{
    for (;;) {
        skip_blanks(m);
        if (!m->in.n || str_starts(m->in, str_c(end)) || m->in.p[0] == '&' || str_starts(m->in, STR("\\\\"))) return true;
        str name = m->in.p[0] == '\\' ? command_name(m->in) : STR("");
        if (str_eq(name, STR("end")) || str_eq(name, STR("right")) || str_eq(name, STR("middle"))) return true;
        if (m->in.p[0] == '}') return !(m->bad = true);
        size_t at = m->out->n;
        bool is_big = false;
        if (m->in.p[0] == '^' || m->in.p[0] == '_') buf_lit(m->out, "<mrow></mrow>"); /* a script of nothing */
        else atom(m, &is_big);
        if (!m->bad) scripts(m, at, is_big);
        if (m->bad || m->out->failed || m->out->n > OUT_BYTES_MAX) return !(m->bad = true);
    }
}

bool math_add(struct buf *out, str tex, bool is_display)
{
    struct buf b = BUF_INIT(4 * OUT_BYTES_MAX);
    struct math m = { .in = str_trim(tex), .out = &b, .is_display = is_display };
    if (!m.in.n || m.in.n > MATH_BYTES_MAX || !str_is_utf8(tex)) return false;
    list(&m, "\\\\");
    if (!m.bad && m.in.n) { /* several lines without an environment around them */
        buf_reset(&b);
        m = (struct math){ .in = str_trim(tex), .out = &b, .is_display = is_display };
        rows(&m, " columnalign=\"right left\"");
    }
    bool ok = !m.bad && !b.failed && !m.in.n;
    if (ok) {
        buf_addf(out, is_display ? "<math display=\"block\">" : "<math>");
        buf_lit(out, "<mrow>");
        buf_add(out, buf_str(&b));
        buf_lit(out, "</mrow></math>");
    }
    buf_deinit(&b);
    return ok;
}
