/* jinja/run.h - one render: its state, its limits, and what every part of the evaluator may call. */
#ifndef JINJA_RUN_H
#define JINJA_RUN_H

#include "jinja/jinja.h"
#include "jinja/node.h"
#include "jinja/value.h"

struct var {
    str name;
    val value;
};

/* Variables, innermost scope first.  A scope lives until the render ends, because a macro may keep it. */
struct scope {
    struct scope *up;
    struct var *v;
    size_t n, cap;
    bool kept; /* a macro was defined here: it must not be used again */
};

struct loop {
    const val *items;
    size_t n, at;
    struct loop *up;
    uint32_t depth;
    const struct node *node; /* for recursive loops */
    struct scope *scope;     /* in which the loop stands */
    bool changed_seen;
    val changed_last;
};

struct macro {
    const struct jinja *tmpl;
    const struct node *def;
    struct scope *scope;
    struct scope *top;
    struct dict *context; /* an import without context knows none */
    bool autoescape;
};

/* The blocks in effect, from the most derived template to its ancestors. */
struct block_entry {
    str name;
    const struct jinja *tmpl;
    const struct node *node;
    struct block_entry *next;
};
struct block_ref {
    const struct block_entry *entry;
    struct scope *scope;
};

struct kwarg {
    str name;
    val value;
};
struct args {
    val *v; /* at least NATIVE_ARGS_MAX places for a native with declared parameters */
    size_t n;
    struct kwarg *kw;
    size_t kw_n;
};

enum { NATIVE_ARGS_MAX = 8 };

/* A filter, test, method or global.  `self` is what stands before the bar, the `is` or the dot.  With `params` (names
 * with blanks between) arguments arrive by position, VAL_ABSENT where not given, and the first `required`
 * are given; without, they arrive as the call has them. */
struct native {
    str name;
    const char *params;
    size_t required;
    bool (*fn)(struct run *r, val self, struct args *a, val *out);
};
const struct native *native_find(const struct native *table, size_t n, str name);

struct run {
    const struct jinja *tmpl; /* whose lines are being run */
    uint32_t line;
    struct jinja_input *in;
    struct jinja_limits limits;
    struct arena *a;
    struct buf *out;
    size_t out_first; /* where this render began to write */
    struct err *e;
    uint64_t steps;
    int64_t started_us;
    uint32_t calls_depth; /* macros, includes, recursive loops */
    uint32_t depth;       /* of the evaluator itself: bounds the C stack */
    uint32_t captures;    /* what is written now is not output yet */
    bool autoescape;
    struct scope *scope; /* the innermost */
    struct scope *top;   /* of the template that runs: what it sets there is what it exports */
    struct dict *context;
    struct block_entry *blocks;
    const struct jinja *parent; /* set by extends until the template's own body ends */
    size_t parent_mark;         /* what the body writes after this is dropped */
    val piped;                  /* what a filter block's chain begins with */
};

/* Failing: each fills the error with template and line, and returns false. */
__attribute__((format(printf, 2, 3))) bool fail(struct run *r, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) bool fail_code(struct run *r, enum err_code code, const char *fmt, ...);
bool fail_undefined(struct run *r, val v); /* the value is undefined and may not be */

/* Limits.  run_spend is for work that grows with data: `work` in bytes or items. */
bool run_spend(struct run *r, size_t work);
void *run_alloc(struct run *r, size_t n); /* NULL: failed */
void *run_array(struct run *r, size_t count, size_t size);
bool run_enter(struct run *r); /* one level deeper into the evaluator; run_leave after it, if it succeeds */
static inline void run_leave(struct run *r)
{
    r->depth--;
}

/* Text is made at the end of the output, then taken off it again: the limit on output bounds all text under way.
 * No other output may be written between the two except by what is captured. */
size_t text_begin(struct run *r);
bool text_end(struct run *r, size_t mark, str *out); /* checks that all of it fitted */
bool text_end_val(struct run *r, size_t mark, bool safe, val *out);
void text_drop(struct run *r, size_t mark);
bool out_ok(struct run *r);      /* what was written fits */
bool emit(struct run *r, val v); /* prints, escaping if that is on */

/* scope.c */
bool scope_push(struct run *r, struct scope *up); /* makes r->scope */
bool scope_set(struct run *r, struct scope *s, str name, val v);
bool scope_find(struct run *r, str name, val *out); /* false: there is none */
void scope_keep(struct scope *s);                   /* s and those around it */

/* eval.c, call.c, attr.c */
bool eval(struct run *r, const struct node *n, val *out);
bool eval_args(struct run *r, const struct call_args *c, struct args *out);
bool enter_call(struct run *r); /* calls_depth; the caller lowers it again */
bool call(struct run *r, val callee, struct args *a, val *out);
bool call_native(struct run *r, const struct native *fn, val self, struct args *a, val *out);
val undefined_var(struct run *r, str name);
val undefined_hint(struct run *r, const char *hint);
bool get_attr(struct run *r, val v, str name, val *out);
bool get_item(struct run *r, val v, val key, val *out);
bool get_slice(struct run *r, val v, val start, val stop, val step, val *out);

/* arith.c */
bool binary(struct run *r, enum node_op op, val a, val b, val *out);
bool negate(struct run *r, val a, bool minus, val *out);
bool compare(struct run *r, enum node_op op, val a, val b, bool *out);
bool format_percent(struct run *r, val fmt, val arg, val *out);             /* format.c */
bool format_braces(struct run *r, val fmt, const struct args *a, val *out); /* format.c */

/* exec.c, module.c */
enum flow { FLOW_FAILED, FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };
enum flow exec(struct run *r, const struct node *first);
bool exec_capture(struct run *r, const struct node *first, val *out); /* what it would print */
bool exec_block(struct run *r, const struct block_entry *b, struct scope *scope);
bool run_template(struct run *r, const struct jinja *t);
enum flow exec_loop(struct run *r, const struct node *n, val items, struct loop *up, uint32_t depth);
bool exec_include(struct run *r, const struct node *n);
bool exec_import(struct run *r, const struct node *n);
bool exec_extends(struct run *r, const struct node *n);
bool assign(struct run *r, const struct node *target, val v);
const struct block_entry *block_find(const struct block_entry *from, str name);

/* The tables of the language. */
const struct native *filter_find(str name);
const struct native *test_find(str name);
const struct native *global_find(str name);
const struct native *method_find(val v, str name); /* NULL: there is none, or it is not for templates */
bool method_denied(val v, str name);               /* it would change what it is called on */

#endif
