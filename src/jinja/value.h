/* jinja/value.h - the values of a render, with Python's meaning.
 *
 * A val is copied freely.  What it points to lives in the render's arena (or in the compiled template, or in the
 * caller's context) until the render ends.  Lists, tuples and dicts never change once a template can see them; that is
 * what makes a slice a view.  Namespaces, loops, cyclers, joiners and iterators do change. */
#ifndef JINJA_VALUE_H
#define JINJA_VALUE_H

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"

struct run;
struct args;
struct native;

enum val_kind {
    VAL_ABSENT, /* an argument that was not given; a template never sees it */
    VAL_UNDEFINED,
    VAL_NONE,
    VAL_BOOL,
    VAL_INT,
    VAL_REAL,
    VAL_STR,
    VAL_LIST,
    VAL_TUPLE,
    VAL_VIEW, /* of a dict: dict_keys, dict_values, dict_items */
    VAL_RANGE,
    VAL_ITER, /* what Python makes lazily: consumed by reading */
    VAL_DICT,
    VAL_NAMESPACE,
    VAL_LOOP,
    VAL_MACRO,
    VAL_NATIVE, /* a function of the language */
    VAL_METHOD, /* the same, bound to a value */
    VAL_HOST,   /* a function that the caller lent */
    VAL_CYCLER,
    VAL_JOINER,
    VAL_MODULE, /* what import gives */
    VAL_BLOCKS, /* self */
    VAL_BLOCK,  /* self.name and super */
};

typedef struct val val;
struct val {
    uint8_t kind;
    bool safe;    /* VAL_STR: HTML already, never escaped again */
    uint8_t view; /* VAL_VIEW: which; VAL_TUPLE: TUPLE_GROUP is what groupby makes, .grouper and .list */
    union {
        bool b;
        int64_t i;
        double r;
        str s;
        struct {
            const val *items; /* VAL_LIST, VAL_TUPLE, VAL_VIEW */
            size_t n;
        };
        const struct undefined *undefined; /* NULL: nothing is known of it */
        const struct range *range;
        struct iter *iter;
        struct dict *dict; /* VAL_DICT, VAL_NAMESPACE */
        struct loop *loop;
        const struct macro *macro;
        const struct native *native;
        const struct method *method;
        const struct jinja_function *host;
        struct cycler *cycler;
        struct joiner *joiner;
        const struct module *module;
        const struct block_ref *block;
    };
};

enum { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS, TUPLE_GROUP };

struct undefined {
    str name;          /* of the variable, attribute or item; empty where only a hint is known */
    const char *owner; /* the kind of object that lacks it; NULL: it is a variable */
    const char *hint;  /* takes the place of both */
    bool denied;       /* it exists, and a template may not touch it */
};
struct range {
    int64_t start, stop, step;
    size_t n;
};
struct iter {
    const val *items;
    size_t n, at;
    const char *name;
};
struct method {
    const struct native *fn;
    val self;
};
struct cycler {
    const val *items;
    size_t n, at;
};
struct joiner {
    val separator;
    bool used;
};
struct module {
    str name;
    struct dict *names;
    str text;
};

/* Insertion order; a table of slots from 9 entries on. */
struct dict_entry {
    val key, value;
    uint64_t hash;
};
struct dict {
    struct dict_entry *v;
    size_t n, cap;
    uint32_t *slots; /* entry number + 1; 0 is free */
    size_t slots_n;  /* a power of two */
};

static inline val val_none(void) { return (val){ .kind = VAL_NONE }; }
static inline val val_bool(bool b) { return (val){ .kind = VAL_BOOL, .b = b }; }
static inline val val_int(int64_t i) { return (val){ .kind = VAL_INT, .i = i }; }
static inline val val_real(double r) { return (val){ .kind = VAL_REAL, .r = r }; }
static inline val val_str(str s) { return (val){ .kind = VAL_STR, .s = s }; }
static inline val val_html(str s) { return (val){ .kind = VAL_STR, .safe = true, .s = s }; }
static inline val val_list(const val *items, size_t n) { return (val){ .kind = VAL_LIST, .items = items, .n = n }; }
static inline val val_tuple(const val *items, size_t n) { return (val){ .kind = VAL_TUPLE, .items = items, .n = n }; }
static inline val val_dict(struct dict *d) { return (val){ .kind = VAL_DICT, .dict = d }; }
static inline bool val_given(val v) { return v.kind != VAL_ABSENT; }
static inline bool val_is_num(val v) { return v.kind == VAL_BOOL || v.kind == VAL_INT || v.kind == VAL_REAL; }
static inline bool val_is_whole(val v) { return v.kind == VAL_BOOL || v.kind == VAL_INT; }
static inline int64_t val_whole(val v) { return v.kind == VAL_BOOL ? v.b : v.i; }
static inline double val_as_real(val v) { return v.kind == VAL_REAL ? v.r : (double)val_whole(v); }

/* All that can fail charge the render for their work and need `struct run` for it. */
const char *val_type(val v);  /* Python's name of the type */
const char *val_owner(val v); /* as messages about a missing attribute name the object */
bool val_truth(val v);
bool val_eq(struct run *r, val a, val b, bool *out);
bool val_order(struct run *r, val a, val b, const char *op, int *out); /* <0, 0, >0; 2: not comparable (NaN) */
bool val_contains(struct run *r, val container, val item, bool *out);
bool val_length(struct run *r, val v, int64_t *out);
bool val_items(struct run *r, val v, const val **items, size_t *n); /* iterates all of it; consumes a VAL_ITER */
val val_range_at(const struct range *g, size_t i);

/* A list that grows in the render's arena. */
struct vec {
    val *v;
    size_t n, cap;
};
bool vec_add(struct run *r, struct vec *l, val v);
bool val_iter(struct run *r, const char *name, struct vec *l, val *out); /* a lazy thing that is already made */

struct dict *dict_new(struct run *r); /* NULL: the render failed */
bool dict_put(struct run *r, struct dict *d, val key, val value);
bool dict_find(struct run *r, const struct dict *d, val key, const val **out); /* *out is NULL if it is not there */
const val *dict_str(const struct dict *d, str key);                            /* the same; cannot fail */
bool dict_put_str(struct run *r, struct dict *d, str key, val value);

/* Text.  val_text and val_repr add str(v) and repr(v). */
bool val_text(struct run *r, val v, struct buf *out);
bool val_repr(struct run *r, val v, struct buf *out);
bool val_to_str(struct run *r, val v, val *out); /* str(v), Markup stays Markup */
void real_repr(double d, struct buf *out);
void html_escape(str s, struct buf *out);

/* JSON. */
bool val_from_json(struct run *r, const struct json *j, val *out);
bool val_to_json(struct run *r, val v, struct json **out);

#endif
