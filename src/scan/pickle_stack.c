/* scan/pickle_stack.c - the machine's bytes, stack and memo. */
#include "scan/pickle_machine.h"

enum { SPARSE = 4096 };

struct sparse {
    uint64_t key; /* 1 + index; 0: empty */
    value v;
};

bool machine_broke(struct pickle_machine *m, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->out->why, sizeof m->out->why, fmt, ap);
    va_end(ap);
    m->out->how = PICKLE_BROKEN;
    m->is_over = true;
    return false;
}

bool machine_limit(struct pickle_machine *m, const char *what)
{
    machine_broke(m, "%s", what);
    m->out->how = PICKLE_LIMIT;
    return false;
}

bool machine_failed(struct pickle_machine *m)
{
    m->has_failed = m->is_over = true;
    return false;
}

/* ------------------------------------------------------------------ bytes */

const uint8_t *machine_take(struct pickle_machine *m, size_t n)
{
    if (n > m->size - m->at) {
        machine_broke(m, "it ends within an opcode");
        return NULL;
    }
    const uint8_t *p = window_get(m->w, m->at, n, m->e);
    if (!p) machine_failed(m);
    else m->at += n;
    return p;
}

bool machine_take_uint(struct pickle_machine *m, size_t n, uint64_t *out)
{
    const uint8_t *p = machine_take(m, n);
    if (!p) return false;
    for (*out = 0; n-- > 0;) *out = *out << 8 | p[n];
    return true;
}

/* Without its end; valid until the next reading.  Of a line that the file's end ends, loaders drop the last byte all the same. */
bool machine_take_line(struct pickle_machine *m, str *out)
{
    uint64_t left = m->size - m->at;
    size_t n = window_left(m->w, m->at), want = left < PICKLE_LINE_BYTES_MAX + 1 ? (size_t)left : PICKLE_LINE_BYTES_MAX + 1;
    if (n > want) n = want;
    const uint8_t *p = window_get(m->w, m->at, n, m->e), *end = p ? memchr(p, '\n', n) : NULL;
    if (!end && n < want) {
        p = window_get(m->w, m->at, want, m->e);
        end = p ? memchr(p, '\n', want) : NULL;
    }
    if (!p) return machine_failed(m);
    if (!end && want > PICKLE_LINE_BYTES_MAX) return machine_limit(m, "a line is longer than is looked at");
    if (!end && !want) return machine_broke(m, "it ends within a line");
    if (!end) end = p + want - 1;
    *out = str_n((const char *)p, (size_t)(end - p));
    m->at += out->n + 1;
    return true;
}

/* ------------------------------------------------------------------ the stack */

bool machine_push(struct pickle_machine *m, value v)
{
    if (m->n == m->cap) {
        if (m->cap >= PICKLE_STACK_MAX) return machine_limit(m, "its stack is deeper than is followed");
        value *more = mem_try(2 * m->cap * sizeof *more);
        if (!more) return machine_limit(m, "its stack takes more memory than there is");
        memcpy(more, m->stack, m->n * sizeof *more);
        if (m->stack != m->inline_stack) mem_free(m->stack);
        m->stack = more;
        m->cap *= 2;
    }
    m->stack[m->n++] = v;
    return true;
}

bool machine_top(struct pickle_machine *m, value *v)
{
    if (!m->n || kind_of(m->stack[m->n - 1]) == MARK) {
        *v = val(OTHER, 0);
        return m->o->is_lenient || machine_broke(m, "its stack is empty where a value is needed");
    }
    *v = m->stack[m->n - 1];
    return true;
}

bool machine_pop(struct pickle_machine *m, value *v)
{
    if (!machine_top(m, v)) return false;
    if (m->n && kind_of(m->stack[m->n - 1]) != MARK) m->n--;
    return true;
}

/* Items from the last mark on: *first, *count.  They stay where they are; the stack ends before the mark. */
bool machine_pop_mark(struct pickle_machine *m, size_t *first, size_t *count)
{
    size_t i = m->n;
    while (i && kind_of(m->stack[i - 1]) != MARK) i--;
    if (!i && !m->o->is_lenient) return machine_broke(m, "its stack has no mark where one is needed");
    *first = i;
    *count = m->n - i;
    m->n = i ? i - 1 : 0;
    return true;
}

/* ------------------------------------------------------------------ the memo */

static struct sparse *sparse_slot(struct pickle_machine *m, uint64_t key)
{
    if (!m->sparse) m->sparse = mem_alloc(SPARSE * sizeof *m->sparse);
    size_t i = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 52) % SPARSE;
    while (m->sparse[i].key && m->sparse[i].key != key + 1) i = (i + 1) % SPARSE;
    return &m->sparse[i];
}

bool machine_memo_put(struct pickle_machine *m, uint64_t key, value v)
{
    if (key >= PICKLE_MEMO_MAX) {
        struct sparse *s = sparse_slot(m, key);
        if (!s->key) {
            if (m->sparse_count + 1 >= SPARSE) return machine_limit(m, "its memo has more entries than are followed");
            m->sparse_count++;
            m->memo_count++;
        }
        *s = (struct sparse){ key + 1, v };
        return true;
    }
    if (key >= m->memo_cap) {
        size_t cap = m->memo_cap ? m->memo_cap : 64;
        while (cap <= key) cap *= 2;
        value *more = mem_try(cap * sizeof *more);
        if (!more) return machine_limit(m, "its memo takes more memory than there is");
        if (m->memo_cap) memcpy(more, m->memo, m->memo_cap * sizeof *more);
        for (size_t i = m->memo_cap; i < cap; i++) more[i] = val(ABSENT, 0);
        mem_free(m->memo);
        m->memo = more;
        m->memo_cap = cap;
    }
    m->memo_count += kind_of(m->memo[key]) == ABSENT;
    m->memo[key] = v;
    return true;
}

bool machine_memo_get(struct pickle_machine *m, uint64_t key)
{
    value v = val(ABSENT, 0);
    if (key >= PICKLE_MEMO_MAX) {
        struct sparse *s = m->sparse ? sparse_slot(m, key) : NULL;
        if (s && s->key) v = s->v;
    } else if (key < m->memo_cap) v = m->memo[key];
    if (kind_of(v) != ABSENT) return machine_push(m, v);
    return m->o->is_lenient ? machine_push(m, val(OTHER, 0)) : machine_broke(m, "its memo has no entry %llu", (unsigned long long)key);
}

bool machine_line_index(struct pickle_machine *m, uint64_t *out)
{
    str line;
    if (!machine_take_line(m, &line)) return false;
    size_t nul = str_chr(line, '\0'); /* C's functions stop there */
    line = str_trim(nul == STR_NONE ? line : str_to(line, nul));
    if (line.n && line.p[0] == '+') line = str_from(line, 1);
    char digits[24];
    size_t n = 0;
    for (size_t i = 0; i < line.n && n < sizeof digits; i++)
        if (line.p[i] != '_') digits[n++] = line.p[i];
    return (n && n < sizeof digits && str_u64(str_n(digits, n), out) && *out < UINT64_MAX) || machine_broke(m, "an index of its memo is no number");
}
