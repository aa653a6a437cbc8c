/* scan/pickle_machine.h - the machine's parts, for the files of it alone.
 *
 * A value is one word: its kind, and what is known of it.  Tuples and dicts are remembered in a ring, small ones alone, because the arrays of
 * joblib need theirs and need them at once; what has left the ring is unknown.  Functions that answer false have ended the run: the pickle is broken
 * (machine_broke), does more than is followed (machine_limit), or a read failed (machine_failed). */
#ifndef SCAN_PICKLE_MACHINE_H
#define SCAN_PICKLE_MACHINE_H

#include "scan/pickle.h"

typedef uint64_t value;
enum kind { OTHER, MARK, TEXT, INT, IMPORT, RESULT, TUPLE, DICT, DTYPE, WRAPPER, ABSENT };
enum { KIND_BITS = 4, RING = 2048, ITEMS = 16, DTYPES_MAX = 1 << 14, INLINE = 64 };

static inline value val(enum kind k, uint64_t payload) { return payload << KIND_BITS | (unsigned)k; }
static inline enum kind kind_of(value v) { return (enum kind)(v & ((1 << KIND_BITS) - 1)); }
static inline uint64_t payload(value v) { return v >> KIND_BITS; }

struct node {
    uint64_t id;
    uint8_t n; /* items; more than ITEMS: not known */
    value item[ITEMS]; /* of a dict: key, value, key, .. */
};
struct text_slot;
struct sparse;
enum role { PLAIN, ROLE_DTYPE, ROLE_WRAPPER, ROLE_MAKER };

struct pickle_machine {
    struct scan *scan;
    const struct probe_input *in;
    struct window *w;
    const struct pickle_options *o;
    struct pickle_run *out;
    struct arena *a;
    uint64_t size, at, op_at;
    bool is_over, has_failed; /* stopped or broken; a read failed or memory ran out */
    value *stack, inline_stack[INLINE];
    size_t n, cap;
    value *memo;
    size_t memo_cap;
    uint64_t memo_count;
    struct sparse *sparse;
    size_t sparse_count;
    struct node *ring;
    uint64_t nodes_count;
    struct text_slot *texts;
    struct pickle_dtype *dtype;
    size_t dtypes_count, dtypes_cap;
    uint8_t *role;
    size_t imports_cap;
    uint16_t *by_hash;
    struct err *e;
};

__attribute__((format(printf, 2, 3))) bool machine_broke(struct pickle_machine *m, const char *fmt, ...);
bool machine_limit(struct pickle_machine *m, const char *what);
bool machine_failed(struct pickle_machine *m);

/* Bytes at the machine's place, which moves behind them; valid until the next reading. */
const uint8_t *machine_take(struct pickle_machine *m, size_t n);
bool machine_take_uint(struct pickle_machine *m, size_t n, uint64_t *out);
bool machine_take_line(struct pickle_machine *m, str *out);
bool machine_line_index(struct pickle_machine *m, uint64_t *out);

/* The stack and the memo.  Of pop_mark the items stay where they are, above the end of the stack. */
bool machine_push(struct pickle_machine *m, value v);
bool machine_top(struct pickle_machine *m, value *v);
bool machine_pop(struct pickle_machine *m, value *v);
bool machine_pop_mark(struct pickle_machine *m, size_t *first, size_t *count);
bool machine_memo_put(struct pickle_machine *m, uint64_t key, value v);
bool machine_memo_get(struct pickle_machine *m, uint64_t key);

/* Texts: pushed as the place of their opcode, looked into, and read again where a name is needed (*known false: too long for one). */
bool machine_line_text(struct pickle_machine *m, uint8_t op);
bool machine_counted_text(struct pickle_machine *m, uint8_t op);
bool machine_text_again(struct pickle_machine *m, uint64_t at, char out[2 * PICKLE_NAME_BYTES_MAX], str *text, bool *known);

/* Imports and calls. */
bool machine_find_import(struct pickle_machine *m, str module, str name, size_t *out);
bool machine_add_import(struct pickle_machine *m, str module, str name, enum scan_safety safety, size_t *out);
bool machine_push_import(struct pickle_machine *m, str module, str name);
bool machine_global(struct pickle_machine *m);
bool machine_stack_global(struct pickle_machine *m);
bool machine_extension(struct pickle_machine *m, size_t width);
bool machine_call(struct pickle_machine *m, value callee, value args);
bool machine_reduce(struct pickle_machine *m, size_t more);
bool machine_inst(struct pickle_machine *m);
bool machine_obj(struct pickle_machine *m);

/* Tuples and dicts: count values from `first` on become one, or are set in what is on top; NULL: not remembered. */
bool machine_make_node(struct pickle_machine *m, enum kind k, size_t first, size_t count);
bool machine_make_tuple(struct pickle_machine *m, size_t count);
bool machine_set_items(struct pickle_machine *m, size_t first, size_t count, bool is_dict);
bool machine_touch(struct pickle_machine *m, value target);
struct node *machine_node_of(struct pickle_machine *m, value v);
bool machine_build(struct pickle_machine *m);

#endif
