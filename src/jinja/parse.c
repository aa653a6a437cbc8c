/* jinja/parse.c - statements, and jinja_compile; see parse.h for the other half.
 *
 * A body runs up to one of its end words, which is then the current token.  Whoever asked for the body says which words
 * those are; a word that nobody waits for is an unknown tag. */
#include "jinja/parse.h"

#include "jinja/run.h"

const struct jinja_options jinja_chat = { .trim_blocks = true, .lstrip_blocks = true };
const struct jinja_options jinja_page = { .trim_blocks = true, .lstrip_blocks = true, .autoescape = true };

bool parse_fail(struct parser *p, uint32_t line, const char *fmt, ...)
{
    char msg[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return err_set(p->e, ERR_INVALID, "%.*s:%u: %s", STR_ARG(p->name), line, msg);
}

void *parse_alloc(struct parser *p, size_t n)
{
    void *m = arena_try(p->a, n);
    if (!m) err_set(p->e, ERR_TOO_LARGE, "%.*s:%u: not enough memory for the template", STR_ARG(p->name), p->cur.line);
    return m;
}

struct node *parse_node(struct parser *p, enum node_kind kind, uint32_t line)
{
    struct node *n = parse_alloc(p, sizeof *n);
    if (!n) return NULL;
    n->kind = (uint8_t)kind;
    n->line = line;
    return n;
}

/* ------------------------------------------------------------------ tokens */

bool parse_next(struct parser *p)
{
    if (!p->has_ahead) return lex_next(&p->lex, &p->cur);
    p->cur = p->ahead;
    p->has_ahead = false;
    return true;
}
bool parse_peek(struct parser *p, struct token *t)
{
    if (!p->has_ahead && !lex_next(&p->lex, &p->ahead)) return false;
    p->has_ahead = true;
    *t = p->ahead;
    return true;
}
bool parse_unexpected(struct parser *p, const char *expected)
{
    str got = token_name(&p->cur, p->a);
    if (p->cur.kind == T_EOF)
        return parse_fail(p, p->cur.line, "unexpected end of template%s%s", expected ? ", expected " : "",
                          expected ? expected : "");
    if (!expected) return parse_fail(p, p->cur.line, "unexpected '%.*s'", STR_ARG(got));
    return parse_fail(p, p->cur.line, "expected token '%s', got '%.*s'", expected, STR_ARG(got));
}
bool parse_expect(struct parser *p, enum token_kind kind, const char *what)
{
    return p->cur.kind == kind ? parse_next(p) : parse_unexpected(p, what);
}
bool parse_expect_name(struct parser *p, str *name)
{
    if (p->cur.kind != T_NAME) return parse_unexpected(p, "name");
    *name = p->cur.text;
    return parse_next(p);
}
bool parse_is_word(const struct parser *p, const char *word)
{
    return p->cur.kind == T_NAME && str_eq(p->cur.text, str_c(word));
}
static bool expect_word(struct parser *p, const char *word)
{
    return parse_is_word(p, word) ? parse_next(p) : parse_unexpected(p, word);
}
bool parse_skip(struct parser *p, enum token_kind kind, bool *was)
{
    *was = p->cur.kind == kind;
    return !*was || parse_next(p);
}
bool parse_skip_word(struct parser *p, const char *word, bool *was)
{
    *was = parse_is_word(p, word);
    return !*was || parse_next(p);
}

/* ------------------------------------------------------------------ bodies */

static bool parse_statement(struct parser *p, const char *const *ends, struct node **out);

static bool is_end(const struct parser *p, const char *const *ends)
{
    for (; ends && *ends; ends++)
        if (parse_is_word(p, *ends)) return true;
    return false;
}

/* Up to an end word, or with NULL up to the end of the template. */
static bool parse_nodes(struct parser *p, const char *const *ends, struct node **out)
{
    struct node **tail = out, *n = NULL;
    *out = NULL;
    if (p->depth >= PARSE_DEPTH_MAX) return parse_fail(p, p->cur.line, "nested too deep");
    p->depth++;
    for (;;) {
        if (p->cur.kind == T_EOF) {
            if (ends) return parse_fail(p, p->cur.line, "Unexpected end of template, looking for '%s'", ends[0]);
            break;
        }
        if (p->cur.kind == T_TEXT) {
            if (!(n = parse_node(p, N_TEXT, p->cur.line))) return false;
            n->name = p->cur.text;
            if (!parse_next(p)) return false;
        } else if (p->cur.kind == T_PRINT_BEGIN) {
            if (!(n = parse_node(p, N_PRINT, p->cur.line)) || !parse_next(p)) return false;
            if (!parse_tuple(p, TUPLE_EXPR, NULL, &n->a) || !parse_expect(p, T_PRINT_END, "end of print statement"))
                return false;
        } else {
            if (!parse_expect(p, T_BLOCK_BEGIN, "begin of statement block")) return false;
            if (is_end(p, ends)) break;
            if (!parse_statement(p, ends, &n) || !parse_expect(p, T_BLOCK_END, "end of statement block")) return false;
        }
        *tail = n;
        tail = &n->next;
    }
    p->depth--;
    return true;
}

/* From behind a tag's words through its body; the end word is current. */
static bool parse_body(struct parser *p, const char *const *ends, struct node **out)
{
    bool colon;
    return parse_skip(p, T_COLON, &colon) && parse_expect(p, T_BLOCK_END, "end of statement block") &&
           parse_nodes(p, ends, out);
}
static bool parse_body_to(struct parser *p, const char *end, struct node **out)
{
    return parse_body(p, (const char *const[]){ end, NULL }, out) && parse_next(p);
}
/* The body of something that runs elsewhere: `break` may not leave it. */
static bool parse_closed_body(struct parser *p, const char *end, struct node **out)
{
    uint32_t loops = p->loops;
    p->loops = 0;
    if (!parse_body_to(p, end, out)) return false;
    p->loops = loops;
    return true;
}

/* ------------------------------------------------------------------ statements: the word is behind us */

static bool parse_if(struct parser *p, struct node *n)
{
    static const char *const ends[] = { "endif", "elif", "else", NULL };
    bool is_elif, is_else;
    p->branches++;
    for (;;) {
        n->kind = N_IF;
        if (!parse_tuple(p, TUPLE_NO_COND, NULL, &n->a) || !parse_body(p, ends, &n->body)) return false;
        uint32_t line = p->cur.line;
        if (!parse_skip_word(p, "elif", &is_elif)) return false;
        if (!is_elif) break;
        if (!(n->other = parse_node(p, N_IF, line))) return false;
        n = n->other;
        n->flag = true;
    }
    if (!parse_skip_word(p, "else", &is_else)) return false;
    if (!(is_else ? parse_body_to(p, "endif", &n->other) : expect_word(p, "endif"))) return false;
    p->branches--;
    return true;
}

static bool parse_for(struct parser *p, struct node *n)
{
    static const char *const ends[] = { "endfor", "else", NULL };
    bool has_if, has_else;
    n->kind = N_FOR;
    if (!parse_target(p, TUPLE_TARGET, "in", &n->d) || !expect_word(p, "in")) return false;
    if (!parse_tuple(p, TUPLE_NO_COND, "recursive", &n->a) || !parse_skip_word(p, "if", &has_if)) return false;
    if (has_if && !parse_expr(p, &n->b)) return false;
    if (!parse_skip_word(p, "recursive", &n->flag)) return false;
    p->loops++;
    if (!parse_body(p, ends, &n->body)) return false;
    p->loops--;
    if (!parse_skip_word(p, "else", &has_else)) return false;
    return has_else ? parse_body_to(p, "endfor", &n->other) : expect_word(p, "endfor");
}

static bool parse_set(struct parser *p, struct node *n)
{
    bool equals;
    if (!parse_target(p, TUPLE_NS_TARGET, NULL, &n->a) || !parse_skip(p, T_ASSIGN, &equals)) return false;
    n->kind = equals ? N_SET : N_SET_BLOCK;
    if (equals) return parse_tuple(p, TUPLE_EXPR, NULL, &n->b);
    return parse_filters(p, NULL, false, &n->b) && parse_body_to(p, "endset", &n->body);
}

static bool parse_with(struct parser *p, struct node *n)
{
    struct node **tail = &n->a, *item;
    n->kind = N_WITH;
    while (p->cur.kind != T_BLOCK_END) {
        if (n->a && !parse_expect(p, T_COMMA, ",")) return false;
        if (!parse_target(p, TUPLE_TARGET, NULL, &item) || !parse_expect(p, T_ASSIGN, "=")) return false;
        *tail = item;
        tail = &item->next;
        if (!parse_expr(p, &item)) return false;
        *tail = item;
        tail = &item->next;
    }
    return parse_body_to(p, "endwith", &n->body);
}

static bool parse_signature(struct parser *p, struct macro_def *m)
{
    struct macro_param **tail = &m->params;
    bool equals, had_default = false;
    struct node *otherwise;
    if (!parse_expect(p, T_LPAREN, "(")) return false;
    while (p->cur.kind != T_RPAREN) {
        if (m->params && !parse_expect(p, T_COMMA, ",")) return false;
        struct macro_param *param = parse_alloc(p, sizeof *param);
        if (m->params_n == PARSE_PARAMS_MAX) return parse_fail(p, p->cur.line, "too many parameters");
        if (!param || !parse_expect_name(p, &param->name) || !parse_skip(p, T_ASSIGN, &equals)) return false;
        for (const struct macro_param *q = m->params; q; q = q->next)
            if (str_eq(q->name, param->name))
                return parse_fail(p, p->cur.line, "duplicate argument '%.*s'", STR_ARG(q->name));
        if (!equals && had_default) return parse_fail(p, p->cur.line, "non-default argument follows default argument");
        if (equals) {
            if (!parse_expr(p, &otherwise)) return false;
            param->otherwise = otherwise;
            had_default = true;
        }
        *tail = param;
        tail = &param->next;
        m->params_n++;
    }
    return parse_next(p);
}

/* What a macro's body reads counts for the macros around it too, as Jinja looks for these names. */
static void leave_macro(struct parser *p, struct macro_def *outer)
{
    if (outer) {
        outer->reads_varargs |= p->macro->reads_varargs;
        outer->reads_kwargs |= p->macro->reads_kwargs;
        outer->reads_caller |= p->macro->reads_caller;
    }
    p->macro = outer;
}

static bool parse_macro(struct parser *p, struct node *n)
{
    struct macro_def *outer = p->macro, *m = parse_alloc(p, sizeof *m);
    n->kind = N_MACRO;
    if (!m || !parse_expect_name(p, &m->name)) return false;
    n->macro = p->macro = m;
    if (!parse_signature(p, m) || !parse_closed_body(p, "endmacro", &n->body)) return false;
    leave_macro(p, outer);
    return true;
}

static bool parse_call_block(struct parser *p, struct node *n)
{
    struct macro_def *outer = p->macro, *m = parse_alloc(p, sizeof *m);
    n->kind = N_CALL_BLOCK;
    if (!m) return false;
    n->macro = m;
    m->name = STR("caller");
    if (p->cur.kind == T_LPAREN && !parse_signature(p, m)) return false;
    if (!parse_expr(p, &n->a)) return false;
    if (n->a->kind != N_CALL) return parse_fail(p, n->line, "expected call");
    p->macro = m;
    if (!parse_closed_body(p, "endcall", &n->body)) return false;
    leave_macro(p, outer);
    return true;
}

static bool parse_block(struct parser *p, struct node *n)
{
    bool again;
    n->kind = N_BLOCK;
    if (!parse_expect_name(p, &n->name) || !parse_skip_word(p, "scoped", &n->flag) ||
        !parse_skip_word(p, "required", &n->flag2))
        return false;
    if (p->cur.kind == T_SUB)
        return parse_fail(p, p->cur.line, "a block's name may not contain '-': use an underscore");
    for (size_t i = 0; i < p->blocks_n; i++)
        if (str_eq(p->blocks[i]->name, n->name))
            return parse_fail(p, n->line, "block '%.*s' defined twice", STR_ARG(n->name));
    if (p->blocks_n == COUNT(p->blocks)) return parse_fail(p, n->line, "more than %zu blocks", COUNT(p->blocks));
    p->blocks[p->blocks_n++] = n;
    if (!parse_closed_body(p, "endblock", &n->a)) return false;
    for (const struct node *b = n->a; n->flag2 && b; b = b->next)
        if (b->kind != N_TEXT || str_trim(b->name).n)
            return parse_fail(p, b->line, "Required blocks can only contain comments or whitespace");
    if (p->cur.kind != T_NAME) return true;
    if (!str_eq(p->cur.text, n->name)) return true; /* the caller then misses the end of the tag */
    return parse_skip_word(p, arena_cstr(p->a, n->name), &again);
}

/* `with context` or `without context`, if it stands here. */
static bool parse_context(struct parser *p, bool *with)
{
    struct token after;
    bool yes = parse_is_word(p, "with");
    if (!yes && !parse_is_word(p, "without")) return true;
    if (!parse_peek(p, &after)) return false;
    if (after.kind != T_NAME || !str_eq(after.text, STR("context"))) return true;
    *with = yes;
    return parse_next(p) && parse_next(p);
}

static bool parse_include(struct parser *p, struct node *n)
{
    struct token after;
    n->kind = N_INCLUDE;
    n->flag = true;
    if (!parse_expr(p, &n->a)) return false;
    if (parse_is_word(p, "ignore")) {
        if (!parse_peek(p, &after)) return false;
        if (after.kind == T_NAME && str_eq(after.text, STR("missing"))) {
            n->flag2 = true;
            if (!parse_next(p) || !parse_next(p)) return false;
        }
    }
    return parse_context(p, &n->flag);
}

static bool parse_import(struct parser *p, struct node *n)
{
    n->kind = N_IMPORT;
    return parse_expr(p, &n->a) && expect_word(p, "as") && parse_expect_name(p, &n->name) &&
           parse_context(p, &n->flag);
}

static bool parse_from(struct parser *p, struct node *n)
{
    struct node **tail = &n->b, *item;
    bool as;
    n->kind = N_FROM;
    if (!parse_expr(p, &n->a) || !expect_word(p, "import")) return false;
    for (;;) {
        if (!(item = parse_node(p, N_NAME, p->cur.line)) || !parse_expect_name(p, &item->name)) return false;
        if (str_starts(item->name, STR("_")))
            return parse_fail(p, item->line, "names starting with an underline can not be imported");
        item->attr = item->name;
        if (!parse_skip_word(p, "as", &as) || (as && !parse_expect_name(p, &item->attr))) return false;
        *tail = item;
        tail = &item->next;
        if (p->cur.kind != T_COMMA) break;
        if (!parse_next(p)) return false;
        if (p->cur.kind != T_NAME) break;
    }
    return parse_context(p, &n->flag);
}

static bool parse_print(struct parser *p, struct node *n)
{
    /* `print a, b` writes its expressions one after the other: a concatenation. */
    n->kind = N_PRINT;
    if (!(n->a = parse_node(p, N_CONCAT, n->line))) return false;
    struct node **tail = &n->a->list, *item;
    while (p->cur.kind != T_BLOCK_END) {
        if (n->a->list && !parse_expect(p, T_COMMA, ",")) return false;
        if (!parse_expr(p, &item)) return false;
        *tail = item;
        tail = &item->next;
    }
    return true;
}

static bool parse_extends(struct parser *p, struct node *n)
{
    n->kind = N_EXTENDS;
    return parse_expr(p, &n->a);
}
static bool parse_filter_block(struct parser *p, struct node *n)
{
    n->kind = N_FILTER_BLOCK;
    return parse_filters(p, NULL, true, &n->a) && parse_body_to(p, "endfilter", &n->body);
}
static bool parse_autoescape(struct parser *p, struct node *n)
{
    n->kind = N_AUTOESCAPE;
    return parse_expr(p, &n->a) && parse_body_to(p, "endautoescape", &n->body);
}
static bool parse_generation(struct parser *p, struct node *n)
{
    n->kind = N_GENERATION;
    return parse_closed_body(p, "endgeneration", &n->body);
}
static bool parse_loop_word(struct parser *p, struct node *n, enum node_kind kind)
{
    n->kind = (uint8_t)kind;
    return p->loops > 0 || parse_fail(p, n->line, "'%s' outside of a loop", kind == N_BREAK ? "break" : "continue");
}
static bool parse_break(struct parser *p, struct node *n)
{
    return parse_loop_word(p, n, N_BREAK);
}
static bool parse_continue(struct parser *p, struct node *n)
{
    return parse_loop_word(p, n, N_CONTINUE);
}

static const struct {
    const char *word;
    bool (*parse)(struct parser *p, struct node *n);
} statements[] = {
    { "if", parse_if },
    { "for", parse_for },
    { "set", parse_set },
    { "macro", parse_macro },
    { "with", parse_with },
    { "call", parse_call_block },
    { "filter", parse_filter_block },
    { "break", parse_break },
    { "continue", parse_continue },
    { "generation", parse_generation },
    { "print", parse_print },
    { "block", parse_block },
    { "extends", parse_extends },
    { "include", parse_include },
    { "import", parse_import },
    { "from", parse_from },
    { "autoescape", parse_autoescape },
};

static bool parse_statement(struct parser *p, const char *const *ends, struct node **out)
{
    if (p->cur.kind != T_NAME) return parse_fail(p, p->cur.line, "tag name expected");
    str word = p->cur.text;
    for (size_t i = 0; i < COUNT(statements); i++) {
        if (!str_eq(word, str_c(statements[i].word))) continue;
        *out = parse_node(p, N_TEXT, p->cur.line);
        return *out && parse_next(p) && statements[i].parse(p, *out);
    }
    if (ends)
        return parse_fail(p, p->cur.line, "Encountered unknown tag '%.*s'; looking for '%s'", STR_ARG(word), ends[0]);
    return parse_fail(p, p->cur.line, "Encountered unknown tag '%.*s'", STR_ARG(word));
}

/* ------------------------------------------------------------------ the whole */

static void default_limits(struct jinja_limits *l)
{
    if (!l->source_bytes_max) l->source_bytes_max = (size_t)1 << 20;
    if (!l->steps_max) l->steps_max = 2000000;
    if (!l->output_bytes_max) l->output_bytes_max = (size_t)16 << 20;
    if (!l->memory_bytes_max) l->memory_bytes_max = (size_t)256 << 20;
    if (!l->calls_depth_max) l->calls_depth_max = 64;
    if (!l->time_ms_max) l->time_ms_max = 10000;
}

bool parse_template(struct parser *p, str source, const struct jinja_options *o, struct node **body)
{
    return lex_init(&p->lex, p->name, source, o, p->a, p->e) && parse_next(p) && parse_nodes(p, NULL, body);
}

bool jinja_compile(str name, str source, const struct jinja_options *o, struct arena *a, const struct jinja **out,
                   struct err *e)
{
    struct parser p = { .name = str_to(name, 200), .a = a, .e = e };
    struct jinja *t = parse_alloc(&p, sizeof *t);
    struct node *body;
    if (!t) return false;
    p.name = t->name = arena_dup(a, p.name);
    t->o = *o;
    default_limits(&t->o.limits);
    if (!parse_template(&p, source, &t->o, &body)) return false;
    if (p.unknown)
        return parse_fail(&p, p.unknown->line, "No %s named '%.*s'.", p.unknown->kind == N_FILTER ? "filter" : "test",
                          STR_ARG(str_to(p.unknown->name, 100)));
    t->body = body;
    t->reads = p.reads;
    t->reads_too_many = p.reads_n == PARSE_READS_MAX;
    t->blocks_n = p.blocks_n;
    t->block = parse_alloc(&p, (p.blocks_n + 1) * sizeof *t->block);
    if (!t->block) return false;
    for (size_t i = 0; i < p.blocks_n; i++) t->block[i] = p.blocks[i];
    *out = t;
    return true;
}

bool jinja_reaches(str name, str source, const struct jinja_options *o, jinja_reach_fn *fn, void *ctx, struct err *e)
{
    struct jinja_options filled = *o;
    struct arena *a = arena_new((size_t)256 << 20); /* a node is some hundred bytes, and a byte of the source can be one */
    struct parser *p = arena_one(a, struct parser);
    struct node *body;
    default_limits(&filled.limits);
    *p = (struct parser){ .name = str_to(name, 200), .a = a, .e = e, .reached = fn, .reached_ctx = ctx };
    bool ok = parse_template(p, source, &filled, &body);
    arena_free(a);
    return ok;
}

bool jinja_reads(const struct jinja *t, str name)
{
    for (const struct name_list *n = t->reads; n; n = n->next)
        if (str_eq(n->name, name)) return true;
    return t->reads_too_many;
}
