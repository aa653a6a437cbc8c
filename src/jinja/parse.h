/* jinja/parse.h - from tokens to nodes: what the two halves of the parser share. */
#ifndef JINJA_PARSE_H
#define JINJA_PARSE_H

#include "jinja/lex.h"
#include "jinja/node.h"

/* Names read are remembered up to a number, because each new one is compared with all. */
enum { PARSE_DEPTH_MAX = 300, PARSE_READS_MAX = 1024, PARSE_PARAMS_MAX = 255 };

struct parser {
    struct lexer lex;
    struct token cur, ahead;
    bool has_ahead;
    str name;
    struct arena *a;
    struct err *e;
    uint32_t depth;
    uint32_t loops;          /* `break` may stand here */
    uint32_t branches;       /* here an unknown filter is no error until it runs */
    struct node *unknown;    /* the first unknown filter or test that is an error, unless `if` turns out to follow */
    struct macro_def *macro; /* the innermost one */
    struct name_list *reads;
    size_t reads_n;
    struct node *blocks[256];
    size_t blocks_n;
    jinja_reach_fn *reached; /* NULL: nobody wants to know; see reach.c */
    void *reached_ctx;
};

bool parse_fail(struct parser *p, uint32_t line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void *parse_alloc(struct parser *p, size_t n); /* NULL: failed */
struct node *parse_node(struct parser *p, enum node_kind kind, uint32_t line);

/* Tokens. */
bool parse_next(struct parser *p);                  /* cur becomes the next one */
bool parse_peek(struct parser *p, struct token *t); /* the one after cur */
bool parse_expect(struct parser *p, enum token_kind kind, const char *what);
bool parse_expect_name(struct parser *p, str *name); /* any name */
bool parse_is_word(const struct parser *p, const char *word);
bool parse_skip(struct parser *p, enum token_kind kind, bool *was);
bool parse_skip_word(struct parser *p, const char *word, bool *was);
bool parse_unexpected(struct parser *p, const char *expected);

/* Expressions: parse_expr.c.  All fill *out. */
bool parse_expr(struct parser *p, struct node **out);
enum tuple_way { TUPLE_EXPR, TUPLE_NO_COND, TUPLE_TARGET, TUPLE_NS_TARGET, TUPLE_PARENS };
bool parse_tuple(struct parser *p, enum tuple_way way, const char *end_word, struct node **out);
bool parse_target(struct parser *p, enum tuple_way way, const char *end_word, struct node **out);
bool parse_filters(struct parser *p, struct node *a, bool starts_inline, struct node **out);

/* All of a template; *body is as long as the arena. */
bool parse_template(struct parser *p, str source, const struct jinja_options *o, struct node **body);

/* reach.c: an expression that was just parsed; its parts have been told already. */
void parse_reached(const struct parser *p, const struct node *n);

#endif
