/* hub/text/highlight.c - see hub/text/highlight.h.  Linear in the code, no state but the place. */
#include "hub/text/highlight.h"

struct language {
    const char *names, *words;                    /* separated by blanks */
    const char *line_comment, *also_line_comment; /* NULL: none */
    const char *open, *close;                     /* of a block comment */
    const char *quotes;                           /* each begins and ends a string */
    bool has_triple, quotes_span_lines, has_variables /* $NAME, --option */, has_keys /* NAME: or NAME= */, is_nocase;
};

#define C_WORDS "auto bool break case char const continue default do double else enum extern false float for goto if inline int long nullptr NULL register return short signed sizeof static struct switch true typedef union unsigned void volatile while size_t uint8_t uint16_t uint32_t uint64_t int8_t int16_t int32_t int64_t"
static const struct language languages[] = {
    { "python py python3 pycon ipython", "False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case self",
      "#", NULL, NULL, NULL, "\"'", .has_triple = true },
    { "bash sh shell zsh console shell-session", "if then else elif fi for while do done case esac in function return export local set unset cd echo exit source sudo", "#", NULL, NULL, NULL, "\"'",
      .quotes_span_lines = true, .has_variables = true },
    { "javascript js jsx typescript ts tsx mjs", "as async await break case catch class const continue default delete do else export extends false finally for from function get if implements import in instanceof interface let new null of private public readonly return set static super switch this throw true try type typeof undefined var void while yield",
      "//", NULL, "/*", "*/", "\"'`", .quotes_span_lines = false },
    { "json json5 jsonc jsonl", "true false null", "//", NULL, "/*", "*/", "\"", .has_keys = true },
    { "yaml yml", "true false null yes no", "#", NULL, NULL, NULL, "\"'", .has_keys = true },
    { "toml ini cfg conf", "true false", "#", ";", NULL, NULL, "\"'", .has_keys = true },
    { "c h", C_WORDS, "//", NULL, "/*", "*/", "\"'", .has_keys = false },
    { "cpp c++ cc cxx hpp cuda cu", C_WORDS " class catch constexpr decltype delete explicit final friend namespace new noexcept operator override private protected public template this throw try typename using virtual __global__ __device__ __shared__",
      "//", NULL, "/*", "*/", "\"'", .has_keys = false },
    { "rust rs", "as async await bool break char const continue crate dyn else enum extern f32 f64 false fn for i32 i64 if impl in let loop match mod move mut pub ref return self Self static str String struct super trait true type u8 u16 u32 u64 unsafe use usize Vec where while Some None Ok Err",
      "//", NULL, "/*", "*/", "\"", .has_keys = false },
    { "go golang", "bool break byte case chan const continue default defer else error fallthrough false float64 for func go goto if import int int64 interface map nil package range return select string struct switch true type uint64 var", "//", NULL, "/*", "*/", "\"'`",
      .quotes_span_lines = true },
    { "java kotlin kt scala swift csharp cs", "abstract boolean break byte case catch char class const continue default do double else enum extends false final finally float for fun func if implements import in instanceof int interface let long namespace new null object override package private protected public return short static string super switch this throw throws true try using val var void while",
      "//", NULL, "/*", "*/", "\"'", .has_keys = false },
    { "sql", "select from where insert into values update set delete create table index view drop alter join left right inner outer on as and or not null is in like group by order limit having union all distinct primary key foreign references default case when then else end exists between with",
      "--", NULL, "/*", "*/", "'\"", .is_nocase = true },
    { "r lua ruby rb julia jl perl", "and begin break def do else elseif elsif end false for function if in library local module next nil not NULL or repeat require return self then TRUE FALSE true until using while", "#", "--", NULL, NULL, "\"'", .has_keys = false },
    { "dockerfile docker makefile make cmake nginx", "FROM RUN CMD COPY ADD ENV ARG WORKDIR EXPOSE ENTRYPOINT USER VOLUME LABEL AS", "#", NULL, NULL, NULL, "\"'", .has_variables = true },
    { "html xml svg xhtml jinja jinja2 vue", "", NULL, NULL, "<!--", "-->", "\"'", .quotes_span_lines = true },
    { "css scss", "important media import root", NULL, NULL, "/*", "*/", "\"'", .has_keys = true },
    { "diff patch", "", NULL, NULL, NULL, NULL, "", .has_keys = false },
};

static bool is_listed(const char *list, str word, bool nocase)
{
    str rest = str_c(list), one;
    while (str_cut(&rest, ' ', &one))
        if (nocase ? str_eq_nocase(one, word) : str_eq(one, word)) return true;
    return false;
}

static const struct language *find(str name)
{
    for (size_t i = 0; name.n && i < COUNT(languages); i++)
        if (is_listed(languages[i].names, name, true)) return &languages[i];
    return NULL;
}

bool highlight_knows(str language) { return find(language); }

/* ------------------------------------------------------------------ writing */

static void add_span(struct buf *out, char kind, str s)
{
    buf_addf(out, "<span class=\"hl-%c\">", kind);
    buf_html(out, s);
    buf_lit(out, "</span>");
}

/* ------------------------------------------------------------------ pieces: each says how many bytes it takes, 0 for none */

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t line_end(str s)
{
    size_t n = str_chr(s, '\n');
    return n == STR_NONE ? s.n : n;
}

static size_t comment(const struct language *l, str s, char before)
{
    bool free = before == '\0' || before == ' ' || before == '\t' || before == '\n' || before == ';'; /* "a#b" is none in a shell */
    const char *line[] = { l->line_comment, l->also_line_comment };
    for (size_t i = 0; i < COUNT(line); i++)
        if (line[i] && str_starts(s, str_c(line[i])) && (free || line[i][0] == '/')) return line_end(s);
    if (!l->open || !str_starts(s, str_c(l->open))) return 0;
    size_t skip = str_c(l->open).n, end = str_find(str_from(s, skip), str_c(l->close));
    return end == STR_NONE ? s.n : skip + end + str_c(l->close).n;
}

/* none_until: per kind of quote, where a search for its end has stopped without one.  What begins before that is not searched for
 * again: otherwise a line of quotes with backslashes before them would take the square of its length. */
static size_t string(const struct language *l, str s, size_t at, size_t *none_until)
{
    char q = s.p[0];
    const char *kind = l->quotes;
    while (*kind && *kind != q) kind++;
    if (!*kind || at < none_until[kind - l->quotes]) return 0;
    if (l->has_triple && s.n >= 3 && s.p[1] == q && s.p[2] == q) {
        char three[] = { q, q, q, '\0' };
        size_t end = str_find(str_from(s, 3), str_c(three));
        return end == STR_NONE ? s.n : end + 6;
    }
    size_t i = 1;
    for (; i < s.n; i++) {
        if (s.p[i] == '\\') i++;
        else if (s.p[i] == q) return i + 1;
        else if (s.p[i] == '\n' && !l->quotes_span_lines && q != '`') break; /* an apostrophe */
    }
    none_until[kind - l->quotes] = at + i;
    return 0;
}

static size_t word_end(str s)
{
    size_t n = 0;
    while (n < s.n && (is_letter(s.p[n]) || is_digit(s.p[n]))) n++;
    return n;
}

static size_t number(str s)
{
    size_t n = 0;
    while (n < s.n && (is_digit(s.p[n]) || is_letter(s.p[n]) || s.p[n] == '.' || ((s.p[n] == '-' || s.p[n] == '+') && (s.p[n - 1] == 'e' || s.p[n - 1] == 'E')))) n++;
    return n;
}

static char after_blanks(str s)
{
    size_t i = 0;
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t')) i++;
    return i < s.n ? s.p[i] : '\0';
}

static char kind_of_word(const struct language *l, str word, str rest, char before)
{
    char next = after_blanks(rest);
    if (l->has_keys && (next == ':' || next == '=') && !is_listed(l->words, word, false)) return 't';
    if (is_listed(l->words, word, l->is_nocase) && before != '.') return 'k';
    return rest.n && rest.p[0] == '(' ? 'f' : '\0';
}

/* ------------------------------------------------------------------ languages with rules of their own */

static void add_diff(struct buf *out, str code)
{
    while (code.n) {
        size_t n = line_end(code);
        str line = str_to(code, n);
        char c = n ? line.p[0] : ' ';
        if (c == '+' || c == '-') add_span(out, c == '+' ? 'a' : 'd', line);
        else if (c == '@') add_span(out, 'k', line);
        else buf_html(out, line);
        if (n < code.n) buf_byte(out, '\n');
        code = str_from(code, n < code.n ? n + 1 : n);
    }
}

/* "<name" or "</name", where it begins a tag. */
static size_t tag_name(const struct language *l, str s)
{
    if (!l->open || l->open[0] != '<' || s.p[0] != '<' || s.n < 2) return 0;
    size_t i = s.p[1] == '/' ? 2 : 1, n = word_end(str_from(s, i));
    return n ? i + n : 0;
}

/* "$name", "${name}", "--option" */
static size_t variable(const struct language *l, str s, char before)
{
    if (!l->has_variables) return 0;
    if (s.p[0] == '$' && s.n > 1 && s.p[1] == '{') {
        size_t end = str_chr(str_to(s, 80), '}');
        return end == STR_NONE ? 0 : end + 1;
    }
    if (s.p[0] == '$') return s.n > 1 && is_letter(s.p[1]) ? 1 + word_end(str_from(s, 1)) : 0;
    if (s.p[0] != '-' || !(before == ' ' || before == '\t' || before == '\n')) return 0;
    size_t n = 0;
    while (n < s.n && (s.p[n] == '-' || is_letter(s.p[n]) || is_digit(s.p[n]))) n++;
    return n > 1 ? n : 0;
}

void highlight_add(struct buf *out, str language, str code)
{
    const struct language *l = find(language);
    size_t none_until[4] = { 0 };
    if (!l) {
        buf_html(out, code);
        return;
    }
    if (str_starts(str_c(l->names), STR("diff"))) {
        add_diff(out, code);
        return;
    }
    for (size_t i = 0, n; i < code.n; i += n) {
        str s = str_from(code, i);
        char before = i ? code.p[i - 1] : '\0', kind = '\0';
        if ((n = comment(l, s, before))) kind = 'c';
        else if ((n = string(l, s, i, none_until))) kind = l->has_keys && after_blanks(str_from(s, n)) == ':' ? 't' : 's';
        else if ((n = variable(l, s, before)) || (n = tag_name(l, s))) kind = 't';
        else if (is_digit(s.p[0])) n = number(s), kind = 'n';
        else if (is_letter(s.p[0])) n = word_end(s), kind = kind_of_word(l, str_to(s, n), str_from(s, n), before);
        else n = 1;
        if (kind) add_span(out, kind, str_to(s, n));
        else buf_html(out, str_to(s, n));
    }
}

/* ------------------------------------------------------------------ line by line */

bool highlight_cut_line(str *html, str *open, struct buf *line)
{
    str one;
    if (!html->n) return false;
    str_cut(html, '\n', &one);
    buf_add(line, *open);
    buf_add(line, one);
    for (size_t at; (at = str_chr(one, '<')) != STR_NONE;) { /* the text's own are escaped */
        str tag = str_to(str_from(one, at), str_chr(str_from(one, at), '>') + 1);
        *open = str_starts(tag, STR("</")) ? (str){ NULL, 0 } : tag;
        one = str_from(one, at + tag.n);
    }
    if (open->n) buf_lit(line, "</span>");
    return true;
}
