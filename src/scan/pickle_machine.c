/* scan/pickle_machine.c - the opcodes: the table of CPython's Lib/pickle.py. */
#include "scan/pickle_machine.h"

/* ------------------------------------------------------------------ numbers */

/* What any of the loaders takes for a number, and more. */
static bool op_number_line(struct pickle_machine *m)
{
    str line;
    uint64_t v;
    bool has_digit = false, has_name;
    if (!machine_take_line(m, &line)) return false;
    size_t nul = str_chr(line, '\0'); /* C's functions stop there */
    line = str_trim(nul == STR_NONE ? line : str_to(line, nul));
    has_name = str_find_nocase(line, STR("inf")) != STR_NONE || str_find_nocase(line, STR("nan")) != STR_NONE;
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        bool is_digit = c >= '0' && c <= '9', is_letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || strchr("xXoOlLiInNtTyYfF", c);
        has_digit |= is_digit;
        if (!c || (!is_digit && !is_letter && !strchr("+-._ \t", c))) return machine_broke(m, "a number is none");
    }
    if (!has_digit && !has_name) return machine_broke(m, "a number is none");
    return machine_push(m, str_u64(line, &v) && v < (UINT64_C(1) << 59) ? val(INT, v) : val(OTHER, 0));
}

static bool op_int(struct pickle_machine *m, size_t width)
{
    uint64_t v;
    if (!machine_take_uint(m, width, &v)) return false;
    return machine_push(m, width == 4 && v > INT32_MAX ? val(OTHER, 0) : val(INT, v));
}

static bool op_long(struct pickle_machine *m, size_t width)
{
    uint64_t n, v = 0;
    if (!machine_take_uint(m, width, &n)) return false;
    if (n > INT32_MAX) return machine_broke(m, "a number has a negative length");
    if (n > m->size - m->at) return machine_broke(m, "a number is longer than what is left");
    if (n && n <= 8 && !machine_take_uint(m, (size_t)n, &v)) return false;
    if (n > 8) m->at += n;
    return machine_push(m, n <= 8 && v < (UINT64_C(1) << 59) ? val(INT, v) : val(OTHER, 0));
}

/* ------------------------------------------------------------------ opcodes */

static bool put(struct pickle_machine *m, uint64_t key)
{
    value v;
    return machine_top(m, &v) && machine_memo_put(m, key, v);
}

static bool op_with_argument(struct pickle_machine *m, uint8_t op)
{
    uint64_t x;
    size_t first, count;
    value v;
    switch (op) {
    case 0x80:
        m->out->has_proto = true;
        return machine_take(m, 1) != NULL;
    case 0x95: return machine_take(m, 8) != NULL; /* what it says is advice */
    case 'I': case 'L': case 'F': return op_number_line(m);
    case 'J': return op_int(m, 4);
    case 'K': return op_int(m, 1);
    case 'M': return op_int(m, 2);
    case 'G': return machine_take(m, 8) && machine_push(m, val(OTHER, 0));
    case 0x8a: return op_long(m, 1);
    case 0x8b: return op_long(m, 4);
    case 'S': case 'V': return machine_line_text(m, op);
    case 'T': case 'U': case 'X': case 'B': case 'C': case 0x8c: case 0x8d: case 0x8e: case 0x96: return machine_counted_text(m, op);
    case 'g': return machine_line_index(m, &x) && machine_memo_get(m, x);
    case 'h': return machine_take_uint(m, 1, &x) && machine_memo_get(m, x);
    case 'j': return machine_take_uint(m, 4, &x) && machine_memo_get(m, x);
    case 'p': return machine_line_index(m, &x) && put(m, x);
    case 'q': return machine_take_uint(m, 1, &x) && put(m, x);
    case 'r': return machine_take_uint(m, 4, &x) && put(m, x);
    case 0x94: return put(m, m->memo_count);
    case 'c': return machine_global(m);
    case 'i': return machine_inst(m);
    case 'o': return machine_obj(m);
    case 'P': { /* its line needs no quotes */
        str line;
        return machine_take_line(m, &line) && machine_push(m, val(OTHER, 0));
    }
    case 'Q': return machine_pop(m, &v) && machine_push(m, val(OTHER, 0));
    case 't': return machine_pop_mark(m, &first, &count) && machine_make_node(m, TUPLE, first, count);
    case 'd': return machine_pop_mark(m, &first, &count) && machine_make_node(m, DICT, first, count);
    case 'l': case 0x91: return machine_pop_mark(m, &first, &count) && machine_push(m, val(OTHER, 0));
    case 'e': case 0x90: return machine_pop_mark(m, &first, &count) && machine_set_items(m, first, count, false);
    case 'u': return machine_pop_mark(m, &first, &count) && machine_set_items(m, first, count, true);
    case 'a': return machine_pop(m, &v) && machine_set_items(m, m->n, 1, false);
    case 's':
        if (!machine_pop(m, &v) || !machine_pop(m, &v)) return false;
        return m->n + 2 <= m->cap ? machine_set_items(m, m->n, 2, true) : machine_set_items(m, m->n, 0, false);
    default: return machine_broke(m, "0x%02x is no opcode", op);
    }
}

static bool step(struct pickle_machine *m, uint8_t op)
{
    value v;
    size_t first, count;
    switch (op) {
    case '.':
        m->out->how = PICKLE_STOPPED;
        m->is_over = true;
        return machine_pop(m, &v);
    case '(': return machine_push(m, val(MARK, 0));
    case '0':
        if (m->n && kind_of(m->stack[m->n - 1]) == MARK) m->n--;
        else return machine_pop(m, &v);
        return true;
    case '1': return machine_pop_mark(m, &first, &count);
    case '2': return machine_top(m, &v) && machine_push(m, v);
    case 'N': case 0x88: case 0x89: case ']': case 0x8f: case 0x97: return machine_push(m, val(OTHER, 0));
    case 0x98: return machine_top(m, &v);
    case ')': return machine_make_tuple(m, 0);
    case '}': return machine_make_node(m, DICT, m->n, 0);
    case 0x85: case 0x86: case 0x87: return machine_make_tuple(m, op - 0x84u);
    case 0x93: return machine_stack_global(m);
    case 'R': case 0x81: return machine_reduce(m, 0);
    case 0x92: return machine_reduce(m, 1);
    case 'b': return machine_build(m);
    case 0x82: return machine_extension(m, 1);
    case 0x83: return machine_extension(m, 2);
    case 0x84: return machine_extension(m, 4);
    default: return op_with_argument(m, op);
    }
}

static void run(struct pickle_machine *m)
{
    while (!m->is_over) {
        m->op_at = m->at;
        const uint8_t *op = machine_take(m, 1);
        if (!op) break;
        if (++m->out->opcodes > m->o->opcodes_max) {
            machine_limit(m, "it has more opcodes than are followed");
            break;
        }
        if (m->out->opcodes % 65536 == 0 && scan_stops(m->scan, 65536, m->e)) {
            machine_failed(m);
            break;
        }
        if (!step(m, *op)) break;
    }
}

bool pickle_run(struct scan *s, const struct probe_input *in, struct window *w, uint64_t size, uint64_t begin, const struct pickle_options *o, struct arena *a,
                struct pickle_run *out, struct err *e)
{
    struct pickle_machine m = { .scan = s, .in = in, .w = w, .o = o, .out = out, .a = a, .size = size, .at = begin, .cap = INLINE, .e = e };
    *out = (struct pickle_run){ .begin = begin };
    m.stack = m.inline_stack;
    run(&m);
    if (out->how == PICKLE_STOPPED && !m.is_over) out->how = PICKLE_BROKEN;
    out->end = out->how == PICKLE_STOPPED ? m.at : m.op_at;
    if (m.stack != m.inline_stack) mem_free(m.stack);
    mem_free(m.memo);
    mem_free(m.sparse);
    mem_free(m.ring);
    mem_free(m.texts);
    mem_free(m.dtype);
    mem_free(m.role);
    mem_free(m.by_hash);
    return !m.has_failed;
}
