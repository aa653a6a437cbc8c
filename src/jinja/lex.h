/* jinja/lex.h - a template's source as tokens. */
#ifndef JINJA_LEX_H
#define JINJA_LEX_H

#include "jinja/jinja.h"

enum token_kind {
    T_EOF,
    T_TEXT, /* text */
    T_PRINT_BEGIN,
    T_PRINT_END,
    T_BLOCK_BEGIN,
    T_BLOCK_END,
    T_NAME, /* text */
    T_STR,  /* text, unescaped */
    T_INT,  /* i */
    T_REAL, /* r */
    T_ADD, T_SUB, T_MUL, T_DIV, T_FLOORDIV, T_MOD, T_POW, T_TILDE,
    T_EQ, T_NE, T_LT, T_LE, T_GT, T_GE, T_ASSIGN,
    T_DOT, T_COMMA, T_COLON, T_SEMICOLON, T_PIPE,
    T_LPAREN, T_RPAREN, T_LBRACKET, T_RBRACKET, T_LBRACE, T_RBRACE,
};

struct token {
    enum token_kind kind;
    uint32_t line;
    str text;
    union {
        int64_t i;
        double r;
    };
};

enum lex_mode { LEX_TEXT, LEX_PRINT, LEX_BLOCK };
enum { LEX_NEST_MAX = 256 };

struct lexer {
    str src; /* newlines are '\n' */
    size_t at;
    uint32_t line;
    enum lex_mode mode, after; /* after: the mode that begins once the text before the tag was given out */
    bool line_starts;          /* nothing but what was cut stands between the last newline and `at` */
    const struct jinja_options *o;
    str name;
    struct arena *a;
    struct err *e;
    size_t nest;
    char open[LEX_NEST_MAX]; /* the closing bracket that each open one waits for */
};

bool lex_init(struct lexer *l, str name, str source, const struct jinja_options *o, struct arena *a, struct err *e);
bool lex_next(struct lexer *l, struct token *t);
str token_name(const struct token *t, struct arena *a); /* for messages */

#endif
