/* jinja/node.h - a compiled template: nodes in the arena that it was compiled into, never changed afterwards.
 *
 * Statements of a body are linked by `next`; so are the items of a list or tuple and the operands of a
 * concatenation. */
#ifndef JINJA_NODE_H
#define JINJA_NODE_H

#include "jinja/jinja.h"
#include "jinja/value.h"

enum node_kind {
    /* expressions */
    N_CONST,   /* value */
    N_NAME,    /* name */
    N_ATTR,    /* a.name */
    N_ITEM,    /* a[b] */
    N_SLICE,   /* a[b:c:d] */
    N_CALL,    /* a(call) */
    N_FILTER,  /* a | name(call); a is NULL at the head of a filter block */
    N_TEST,    /* a is name(call) */
    N_LIST,    /* list */
    N_TUPLE,   /* list */
    N_DICT,    /* list: key, value, key, value */
    N_NOT,     /* a */
    N_NEG,     /* a */
    N_POS,     /* a */
    N_AND,     /* a, b */
    N_OR,      /* a, b */
    N_BINARY,  /* a op b */
    N_COMPARE, /* a, then list of N_COMPARE: op b, each with the operand before it */
    N_CONCAT,  /* list */
    N_COND,    /* b if a else c; c may be NULL */
    N_NSREF,   /* name.attr, as a target only */
    /* statements */
    N_TEXT,         /* name */
    N_PRINT,        /* a */
    N_IF,           /* a, body, other (an elif is an N_IF there, with `flag`) */
    N_FOR,          /* for d in a if b, body, other */
    N_SET,          /* a = b */
    N_SET_BLOCK,    /* a = body, through the filters b if not NULL */
    N_WITH,         /* a: target, value, target, value; body */
    N_MACRO,        /* macro, body */
    N_CALL_BLOCK,   /* macro and body are the caller, a the call */
    N_FILTER_BLOCK, /* body through a */
    N_AUTOESCAPE,   /* a, body */
    N_BLOCK,        /* name, a is the body */
    N_EXTENDS,      /* a */
    N_INCLUDE,      /* a */
    N_IMPORT,       /* a as name */
    N_FROM,         /* from a import b: N_NAMEs, attr is the alias */
    N_BREAK,
    N_CONTINUE,
    N_GENERATION, /* body */
};

enum node_op {
    OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_FLOORDIV, OP_MOD, OP_POW,
    OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_IN, OP_NOT_IN,
};

struct call_arg {
    str name; /* empty for a positional one */
    const struct node *value;
    struct call_arg *next;
};
struct call_args {
    struct call_arg *first; /* positional ones before those with names */
    size_t n, kw_n;
    const struct node *star, *star_star;
};

struct macro_param {
    str name;
    const struct node *otherwise; /* NULL: there is no default */
    struct macro_param *next;
};
struct macro_def {
    str name;
    struct macro_param *params;
    size_t params_n;
    bool reads_varargs, reads_kwargs, reads_caller;
};

struct node {
    uint8_t kind; /* enum node_kind */
    uint8_t op;   /* enum node_op */
    bool flag;    /* N_FOR: recursive; N_INCLUDE, N_IMPORT, N_FROM: with context; N_BLOCK: scoped */
    bool flag2;   /* N_INCLUDE: ignore missing; N_BLOCK: required */
    uint32_t line;
    struct node *next;
    union {
        val value;
        struct {
            struct node *a, *b, *c, *d;
        };
    };
    union {
        str name;
        struct node *list;
        struct {
            struct node *body, *other;
        };
    };
    union {
        str attr;
        struct macro_def *macro;
        struct {
            const struct native *native; /* NULL: the name is unknown, which is an error once it runs */
            struct call_args *call;
        };
    };
};

/* Each once, in no order. */
struct name_list {
    str name;
    struct name_list *next;
};

struct jinja {
    str name;
    struct jinja_options o; /* limits filled in */
    const struct node *body;
    const struct node **block; /* every block of the template, however deep */
    size_t blocks_n;
    struct name_list *reads; /* variable names that are read anywhere */
    bool reads_too_many;     /* there are more */
};

#endif
