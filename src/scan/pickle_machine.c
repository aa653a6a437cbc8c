/* scan/pickle_machine.c - the symbolic machine of scan/pickle.h.
 *
 * A value is one word: its kind, and what is known of it.  Tuples and dicts are remembered in a ring, small ones alone, because the arrays of
 * joblib need theirs and need them at once; what has left the ring is unknown.  The table of opcodes is that of CPython's Lib/pickle.py. */
#include "scan/pickle.h"

#include "base/ckd.h"

typedef uint64_t value;
enum kind { OTHER, MARK, TEXT, INT, IMPORT, RESULT, TUPLE, DICT, DTYPE, WRAPPER, ABSENT };
enum { KIND_BITS = 4, RING = 2048, ITEMS = 16, TEXTS = 1024, TEXT_KEPT = 112, SPARSE = 4096, DTYPES_MAX = 1 << 14, LINEAR_IMPORTS = 16, INLINE = 64 };

static inline value val(enum kind k, uint64_t payload) { return payload << KIND_BITS | (unsigned)k; }
static inline enum kind kind_of(value v) { return (enum kind)(v & ((1 << KIND_BITS) - 1)); }
static inline uint64_t payload(value v) { return v >> KIND_BITS; }

struct node {
    uint64_t id;
    uint8_t n; /* items; more than ITEMS: not known */
    value item[ITEMS]; /* of a dict: key, value, key, .. */
};
struct text_slot {
    uint64_t at;
    uint8_t n; /* 1 + length; 0: empty */
    char c[TEXT_KEPT];
};
struct sparse {
    uint64_t key; /* 1 + index; 0: empty */
    value v;
};
enum role { PLAIN, ROLE_DTYPE, ROLE_WRAPPER, ROLE_MAKER };

struct machine {
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

__attribute__((format(printf, 2, 3))) static bool broke(struct machine *m, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->out->why, sizeof m->out->why, fmt, ap);
    va_end(ap);
    m->out->how = PICKLE_BROKEN;
    m->is_over = true;
    return false;
}

static bool limit(struct machine *m, const char *what)
{
    broke(m, "%s", what);
    m->out->how = PICKLE_LIMIT;
    return false;
}

static bool failed(struct machine *m)
{
    m->has_failed = m->is_over = true;
    return false;
}

/* ------------------------------------------------------------------ bytes */

static const uint8_t *take(struct machine *m, size_t n)
{
    if (n > m->size - m->at) {
        broke(m, "it ends within an opcode");
        return NULL;
    }
    const uint8_t *p = window_get(m->w, m->at, n, m->e);
    if (!p) failed(m);
    else m->at += n;
    return p;
}

static bool take_uint(struct machine *m, size_t n, uint64_t *out)
{
    const uint8_t *p = take(m, n);
    if (!p) return false;
    for (*out = 0; n-- > 0;) *out = *out << 8 | p[n];
    return true;
}

/* Without its end; valid until the next reading. */
static bool take_line(struct machine *m, str *out)
{
    uint64_t left = m->size - m->at;
    size_t n = window_left(m->w, m->at), want = left < PICKLE_LINE_BYTES_MAX + 1 ? (size_t)left : PICKLE_LINE_BYTES_MAX + 1;
    if (n > want) n = want;
    const uint8_t *p = window_get(m->w, m->at, n, m->e), *end = p ? memchr(p, '\n', n) : NULL;
    if (!end && n < want) {
        p = window_get(m->w, m->at, want, m->e);
        end = p ? memchr(p, '\n', want) : NULL;
    }
    if (!p) return failed(m);
    if (!end) return want > PICKLE_LINE_BYTES_MAX ? limit(m, "a line is longer than is looked at") : broke(m, "it ends within a line");
    *out = str_n((const char *)p, (size_t)(end - p));
    m->at += out->n + 1;
    return true;
}

/* ------------------------------------------------------------------ the stack */

static bool push(struct machine *m, value v)
{
    if (m->n == m->cap) {
        if (m->cap >= PICKLE_STACK_MAX) return limit(m, "its stack is deeper than is followed");
        value *more = mem_try(2 * m->cap * sizeof *more);
        if (!more) return limit(m, "its stack takes more memory than there is");
        memcpy(more, m->stack, m->n * sizeof *more);
        if (m->stack != m->inline_stack) mem_free(m->stack);
        m->stack = more;
        m->cap *= 2;
    }
    m->stack[m->n++] = v;
    return true;
}

static bool top(struct machine *m, value *v)
{
    if (!m->n || kind_of(m->stack[m->n - 1]) == MARK) {
        *v = val(OTHER, 0);
        return m->o->is_lenient || broke(m, "its stack is empty where a value is needed");
    }
    *v = m->stack[m->n - 1];
    return true;
}

static bool pop(struct machine *m, value *v)
{
    if (!top(m, v)) return false;
    if (m->n && kind_of(m->stack[m->n - 1]) != MARK) m->n--;
    return true;
}

/* Items from the last mark on: *first, *count.  They stay where they are; the stack ends before the mark. */
static bool pop_mark(struct machine *m, size_t *first, size_t *count)
{
    size_t i = m->n;
    while (i && kind_of(m->stack[i - 1]) != MARK) i--;
    if (!i && !m->o->is_lenient) return broke(m, "its stack has no mark where one is needed");
    *first = i;
    *count = m->n - i;
    m->n = i ? i - 1 : 0;
    return true;
}

/* ------------------------------------------------------------------ the memo */

static struct sparse *sparse_slot(struct machine *m, uint64_t key)
{
    if (!m->sparse) m->sparse = mem_alloc(SPARSE * sizeof *m->sparse);
    size_t i = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 52) % SPARSE;
    while (m->sparse[i].key && m->sparse[i].key != key + 1) i = (i + 1) % SPARSE;
    return &m->sparse[i];
}

static bool memo_put(struct machine *m, uint64_t key, value v)
{
    if (key >= PICKLE_MEMO_MAX) {
        struct sparse *s = sparse_slot(m, key);
        if (!s->key) {
            if (m->sparse_count + 1 >= SPARSE) return limit(m, "its memo has more entries than are followed");
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
        if (!more) return limit(m, "its memo takes more memory than there is");
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

static bool memo_get(struct machine *m, uint64_t key)
{
    value v = val(ABSENT, 0);
    if (key >= PICKLE_MEMO_MAX) {
        struct sparse *s = m->sparse ? sparse_slot(m, key) : NULL;
        if (s && s->key) v = s->v;
    } else if (key < m->memo_cap) v = m->memo[key];
    if (kind_of(v) != ABSENT) return push(m, v);
    return m->o->is_lenient ? push(m, val(OTHER, 0)) : broke(m, "its memo has no entry %llu", (unsigned long long)key);
}

static bool line_index(struct machine *m, uint64_t *out)
{
    str line;
    if (!take_line(m, &line)) return false;
    line = str_trim(line);
    if (line.n && line.p[0] == '+') line = str_from(line, 1);
    char digits[24];
    size_t n = 0;
    for (size_t i = 0; i < line.n && n < sizeof digits; i++)
        if (line.p[i] != '_') digits[n++] = line.p[i];
    return (n && n < sizeof digits && str_u64(str_n(digits, n), out) && *out < UINT64_MAX) || broke(m, "an index of its memo is no number");
}

/* ------------------------------------------------------------------ texts */

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/* n digits at s, or -1. */
static int64_t hex_at(str s, size_t n)
{
    int64_t v = 0;
    if (s.n < n) return -1;
    for (size_t i = 0; i < n; i++) {
        int d = hex_digit(s.p[i]);
        if (d < 0) return -1;
        v = v << 4 | d;
    }
    return v;
}

/* What a quoted line of STRING means: Python's escapes of bytes.  out has room for s.n bytes. */
static size_t unescape_string(str s, char *out)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '\\' || i + 1 == s.n) {
            out[n++] = s.p[i];
            continue;
        }
        char c = s.p[++i];
        const char *known = c ? strchr(from, c) : NULL;
        int64_t hex = c == 'x' ? hex_at(str_from(s, i + 1), 2) : -1;
        if (known) out[n++] = to[known - from];
        else if (hex >= 0) {
            out[n++] = (char)hex;
            i += 2;
        } else if (c >= '0' && c <= '7') {
            unsigned v = 0;
            size_t k = 0;
            for (; k < 3 && i + k < s.n && s.p[i + k] >= '0' && s.p[i + k] <= '7'; k++) v = v * 8 + (unsigned)(s.p[i + k] - '0');
            out[n++] = (char)v;
            i += k - 1;
        } else {
            out[n++] = '\\';
            out[n++] = c;
        }
    }
    return n;
}

/* What a line of UNICODE means: \u and \U alone; bytes are Latin-1.  out has room for 2 * s.n bytes. */
static size_t unescape_unicode(str s, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        size_t digits = s.p[i] == '\\' && i + 1 < s.n ? (s.p[i + 1] == 'u' ? 4 : s.p[i + 1] == 'U' ? 8 : 0) : 0;
        int64_t cp = digits ? hex_at(str_from(s, i + 2), digits) : -1;
        if (cp >= 0 && cp <= 0x10ffff) {
            n += str_utf8_encode((uint32_t)cp, out + n);
            i += 1 + digits;
        } else n += str_utf8_encode((uint8_t)s.p[i], out + n);
    }
    return n;
}

/* The text of a line of STRING (without its quotes) or UNICODE; out has room for 2 * line.n bytes. */
static bool line_text(uint8_t op, str line, char *out, size_t *n)
{
    if (op == 'V') {
        *n = unescape_unicode(line, out);
        return true;
    }
    line = str_trim(line);
    if (line.n < 2 || (line.p[0] != '\'' && line.p[0] != '"') || line.p[line.n - 1] != line.p[0]) return false;
    *n = unescape_string(str_n(line.p + 1, line.n - 2), out);
    return true;
}

static void keep_text(struct machine *m, uint64_t at, str s)
{
    if (s.n > TEXT_KEPT || m->o->is_trial) return;
    if (!m->texts) m->texts = mem_alloc(TEXTS * sizeof *m->texts);
    struct text_slot *t = &m->texts[(at * UINT64_C(0x9E3779B97F4A7C15)) >> 54];
    t->at = at;
    t->n = (uint8_t)(s.n + 1);
    if (s.n) memcpy(t->c, s.p, s.n);
}

static size_t length_bytes(uint8_t op)
{
    switch (op) {
    case 'U': case 'C': case 0x8c: return 1;
    case 'T': case 'X': case 'B': return 4;
    default: return 8;
    }
}

/* The text whose opcode stands at `at`, again.  *known false: too long for a name. */
static bool text_again(struct machine *m, uint64_t at, char out[2 * PICKLE_NAME_BYTES_MAX], str *text, bool *known)
{
    uint8_t raw[PICKLE_NAME_BYTES_MAX + 16];
    const struct text_slot *t = m->texts ? &m->texts[(at * UINT64_C(0x9E3779B97F4A7C15)) >> 54] : NULL;
    *known = true;
    if (t && t->n && t->at == at) {
        memcpy(out, t->c, t->n - 1u);
        *text = str_n(out, t->n - 1u);
        return true;
    }
    size_t n = m->size - at < sizeof raw ? (size_t)(m->size - at) : sizeof raw;
    if (window_left(m->w, at) >= n) memcpy(raw, window_get(m->w, at, n, m->e), n);
    else if (!m->w->in) memcpy(raw, m->w->p + at, n);
    else if (!scan_read(m->scan, m->in, at, raw, n, m->e)) return failed(m);
    str s = str_n((const char *)raw, n);
    if (raw[0] == 'S' || raw[0] == 'V') {
        size_t end = str_chr(s, '\n'), k = 0;
        *known = end != STR_NONE && end <= PICKLE_NAME_BYTES_MAX && line_text(raw[0], str_n(s.p + 1, end - 1), out, &k);
        *text = str_n(out, k);
        return true;
    }
    size_t width = length_bytes(raw[0]);
    uint64_t length = 0;
    for (size_t i = width; i-- > 0;) length = length << 8 | raw[1 + i];
    *known = length <= PICKLE_NAME_BYTES_MAX;
    *text = str_n(out, *known ? (size_t)length : 0);
    if (text->n) memcpy(out, raw + 1 + width, text->n);
    return true;
}

/* ------------------------------------------------------------------ contents in literals */

static bool memory_read(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    (void)e;
    memcpy(out, (const char *)ctx + at, n);
    return true;
}

static bool look_into(struct machine *m, uint64_t at, uint64_t n)
{
    enum { LOOK_BYTES = 4096 };
    if (m->o->is_trial || n < 4) return true;
    size_t there = window_left(m->w, at), want = n < LOOK_BYTES ? (size_t)n : LOOK_BYTES;
    if (there > want) there = want;
    if (there < 16 && there < want) there = want;
    const uint8_t *p = window_get(m->w, at, there, m->e);
    if (!p) return failed(m);
    if (!pickle_may_hide(m->scan, (bytes){ p, there }, there == n)) return true;
    char name[40];
    snprintf(name, sizeof name, "bytes at %llu", (unsigned long long)at);
    return scan_nested_range(m->scan, m->in, at, n, str_c(name), m->e) || failed(m);
}

static bool look_into_line(struct machine *m, str text)
{
    if (m->o->is_trial || text.n < 4 || !pickle_may_hide(m->scan, bytes_of(text), true)) return true;
    struct scan_source s = { .size_bytes = text.n, .read = memory_read, .ctx = (void *)(uintptr_t)text.p };
    char name[40];
    snprintf(name, sizeof name, "text at %llu", (unsigned long long)m->op_at);
    return scan_nested(m->scan, m->in, &s, str_c(name), m->e) || failed(m);
}

static bool op_line_text(struct machine *m, uint8_t op)
{
    str line;
    size_t n;
    if (!take_line(m, &line)) return false;
    char few[256], *out = 2 * line.n <= sizeof few ? few : mem_alloc(2 * line.n);
    bool ok = line_text(op, line, out, &n) || broke(m, "a text stands in no quotes");
    if (ok) keep_text(m, m->op_at, str_n(out, n));
    ok = ok && push(m, val(TEXT, m->op_at)) && look_into_line(m, str_n(out, n));
    if (out != few) mem_free(out);
    return ok;
}

static bool op_counted(struct machine *m, uint8_t op)
{
    uint64_t n;
    if (!take_uint(m, length_bytes(op), &n)) return false;
    if (op == 'T' && n > INT32_MAX) return broke(m, "a text has a negative length");
    if (n > m->size - m->at) return broke(m, "a literal of %llu bytes is longer than what is left", (unsigned long long)n);
    uint64_t at = m->at;
    if (n && n <= TEXT_KEPT) {
        const uint8_t *p = window_get(m->w, at, (size_t)n, m->e);
        if (!p) return failed(m);
        keep_text(m, m->op_at, str_n((const char *)p, (size_t)n));
    }
    m->at += n;
    return push(m, val(TEXT, m->op_at)) && look_into(m, at, n);
}

/* ------------------------------------------------------------------ imports */

static uint32_t hash_of(str module, str name)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < module.n; i++) h = (h ^ (uint8_t)module.p[i]) * 16777619u;
    h = (h ^ 0xff) * 16777619u;
    for (size_t i = 0; i < name.n; i++) h = (h ^ (uint8_t)name.p[i]) * 16777619u;
    return h;
}

enum { BUCKETS = 2 * PICKLE_IMPORTS_MAX };

static bool import_is(const struct pickle_import *i, str module, str name) { return str_eq(i->module, module) && str_eq(i->name, name); }

static void index_import(struct machine *m, size_t i)
{
    uint32_t b = hash_of(m->out->import[i].module, m->out->import[i].name) % BUCKETS;
    while (m->by_hash[b]) b = (b + 1) % BUCKETS;
    m->by_hash[b] = (uint16_t)(i + 1);
}

static bool find_import(struct machine *m, str module, str name, size_t *out)
{
    size_t n = m->out->imports_count;
    if (n <= LINEAR_IMPORTS) {
        for (*out = 0; *out < n; ++*out)
            if (import_is(&m->out->import[*out], module, name)) return true;
        return false;
    }
    for (uint32_t b = hash_of(module, name) % BUCKETS; m->by_hash[b]; b = (b + 1) % BUCKETS) {
        *out = m->by_hash[b] - 1u;
        if (import_is(&m->out->import[*out], module, name)) return true;
    }
    return false;
}

static enum role role_of(str module, str name)
{
    if (str_eq(name, STR("NumpyArrayWrapper"))) return ROLE_WRAPPER;
    if (str_eq(name, STR("dtype")) && str_eq(module, STR("numpy"))) return ROLE_DTYPE;
    bool makes = str_eq(name, STR("_reconstructor")) || str_eq(name, STR("__newobj__"));
    return makes && (str_eq(module, STR("copyreg")) || str_eq(module, STR("copy_reg"))) ? ROLE_MAKER : PLAIN;
}

static bool add_import(struct machine *m, str module, str name, enum scan_safety safety, size_t *out)
{
    struct pickle_run *r = m->out;
    if (r->imports_count == PICKLE_IMPORTS_MAX) { /* only the worst of those that follow is told */
        *out = PICKLE_IMPORTS_MAX - 1;
        if (safety <= r->import[*out].safety) return true;
    } else {
        if (r->imports_count == m->imports_cap) {
            m->imports_cap = m->imports_cap ? 2 * m->imports_cap : 8;
            m->role = mem_grow(m->role, m->imports_cap);
            struct pickle_import *more = arena_alloc(m->a, m->imports_cap * sizeof *more);
            if (r->imports_count) memcpy(more, r->import, r->imports_count * sizeof *more);
            r->import = more;
        }
        *out = r->imports_count++;
    }
    r->import[*out] = (struct pickle_import){ arena_dup(m->a, str_to(module, PICKLE_NAME_BYTES_MAX)), arena_dup(m->a, str_to(name, PICKLE_NAME_BYTES_MAX)), safety, 0, m->op_at };
    m->role[*out] = (uint8_t)role_of(module, name);
    if (r->imports_count > LINEAR_IMPORTS && !m->by_hash) {
        m->by_hash = mem_alloc(BUCKETS * sizeof *m->by_hash);
        for (size_t i = 0; i < r->imports_count; i++) index_import(m, i);
    } else if (m->by_hash && r->imports_count < PICKLE_IMPORTS_MAX) index_import(m, *out);
    return true;
}

static bool push_import(struct machine *m, str module, str name)
{
    size_t i;
    if (!find_import(m, module, name, &i)) {
        enum scan_safety safety = globals_judge(module, name);
        if (safety > m->out->worst) m->out->worst = safety;
        if (!add_import(m, module, name, safety, &i)) return false;
    }
    return push(m, val(IMPORT, i));
}

static bool op_global(struct machine *m)
{
    str line;
    char module[PICKLE_NAME_BYTES_MAX];
    if (!take_line(m, &line)) return false;
    bool is_plain = m->out->has_proto || globals_is_module(line); /* text that begins with c or i is no pickle */
    if (!is_plain) return broke(m, "what it would import is no module");
    if (line.n > sizeof module) return limit(m, "the name of a module is longer than is looked at");
    size_t n = line.n;
    if (n) memcpy(module, line.p, n);
    if (!take_line(m, &line)) return false;
    if (!m->out->has_proto && (!line.n || str_chr(line, ' ') != STR_NONE)) return broke(m, "what it would import is no name");
    return push_import(m, str_n(module, n), line);
}

static bool op_stack_global(struct machine *m)
{
    value name, module;
    char a[2 * PICKLE_NAME_BYTES_MAX], b[2 * PICKLE_NAME_BYTES_MAX];
    str module_text = STR("unknown"), name_text = STR("unknown");
    bool module_known = false, name_known = false;
    if (!pop(m, &name) || !pop(m, &module)) return false;
    if (kind_of(module) == TEXT && !text_again(m, payload(module), a, &module_text, &module_known)) return false;
    if (kind_of(name) == TEXT && !text_again(m, payload(name), b, &name_text, &name_known)) return false;
    if (!module_known || !name_known) {
        if (!m->out->has_unknown) m->out->unknown_at = m->op_at;
        m->out->has_unknown = true;
    }
    return push_import(m, module_known ? module_text : STR("unknown"), name_known ? name_text : STR("unknown"));
}

static bool op_extension(struct machine *m, size_t width)
{
    uint64_t code;
    char name[32];
    if (!take_uint(m, width, &code)) return false;
    if (!m->out->has_extension) m->out->extension_at = m->op_at;
    m->out->has_extension = true;
    snprintf(name, sizeof name, "unknown.%llu", (unsigned long long)code); /* whatever stands in the registry */
    return push_import(m, STR("copyreg.extension"), str_c(name));
}

/* ------------------------------------------------------------------ tuples, dicts, calls */

static struct node *new_node(struct machine *m, enum kind k, value *v)
{
    if (!m->ring) m->ring = mem_alloc(RING * sizeof *m->ring);
    struct node *n = &m->ring[m->nodes_count % RING];
    n->id = m->nodes_count++;
    n->n = 0;
    *v = val(k, n->id);
    return n;
}

static struct node *node_of(struct machine *m, value v)
{
    struct node *n = m->ring ? &m->ring[payload(v) % RING] : NULL;
    return n && n->id == payload(v) && (kind_of(v) == TUPLE || kind_of(v) == DICT) ? n : NULL;
}

static void add_items(struct machine *m, struct node *n, size_t first, size_t count)
{
    if (count > ITEMS || n->n > ITEMS || n->n + count > ITEMS) {
        n->n = ITEMS + 1;
        return;
    }
    memcpy(n->item + n->n, m->stack + first, count * sizeof(value));
    n->n = (uint8_t)(n->n + count);
}

/* The last `count` of the stack become one value; first is where they begin. */
static bool make_node(struct machine *m, enum kind k, size_t first, size_t count)
{
    value v = val(OTHER, 0);
    if (count <= ITEMS && !m->o->is_trial) add_items(m, new_node(m, k, &v), first, count);
    return push(m, v);
}

static bool make_tuple(struct machine *m, size_t count)
{
    value unused;
    size_t have = m->n;
    for (size_t i = 0; i < count; i++)
        if (!pop(m, &unused)) return false;
    return have - m->n == count ? make_node(m, TUPLE, m->n, count) : push(m, val(OTHER, 0));
}

static bool touch(struct machine *m, value target)
{
    if (kind_of(target) == IMPORT) {
        if (!m->out->sets_import) m->out->sets_import_at = m->op_at;
        m->out->sets_import = true;
        m->out->import[payload(target)].use |= PICKLE_SET;
    }
    return true;
}

static bool op_set(struct machine *m, size_t first, size_t count, bool is_dict)
{
    value target;
    if (!top(m, &target)) return false;
    struct node *n = is_dict && kind_of(target) == DICT ? node_of(m, target) : NULL;
    if (n) add_items(m, n, first, count);
    return touch(m, target);
}

static value dtype_from(struct machine *m, value args)
{
    struct node *t = kind_of(args) == TUPLE ? node_of(m, args) : NULL;
    struct pickle_dtype d = { 0 };
    char buffer[2 * PICKLE_NAME_BYTES_MAX];
    str text;
    bool known;
    if (!t || !t->n || t->n > ITEMS || m->dtypes_count == DTYPES_MAX || m->o->is_trial) return val(RESULT, 0);
    if (kind_of(t->item[0]) == TEXT) {
        if (!text_again(m, payload(t->item[0]), buffer, &text, &known)) return val(RESULT, 0);
        if (!known || !pickle_dtype_parse(text, &d)) d = (struct pickle_dtype){ 0 };
    }
    if (m->dtypes_count == m->dtypes_cap) {
        m->dtypes_cap = m->dtypes_cap ? 2 * m->dtypes_cap : 8;
        m->dtype = mem_grow(m->dtype, m->dtypes_cap * sizeof *m->dtype);
    }
    m->dtype[m->dtypes_count] = d;
    return val(DTYPE, m->dtypes_count++);
}

static bool call(struct machine *m, value callee, value args)
{
    if (kind_of(callee) != IMPORT) {
        bool is_guess = m->o->is_lenient && kind_of(callee) == OTHER;
        if (!m->out->calls_computed) m->out->calls_computed_at = m->op_at;
        if (!is_guess) m->out->calls = m->out->calls_computed = true;
        return push(m, val(RESULT, 0));
    }
    size_t i = (size_t)payload(callee);
    m->out->calls = true;
    m->out->import[i].use |= PICKLE_CALLED;
    struct node *t = kind_of(args) == TUPLE ? node_of(m, args) : NULL;
    if (m->role[i] == ROLE_MAKER && t && t->n && t->n <= ITEMS && kind_of(t->item[0]) == IMPORT) {
        i = (size_t)payload(t->item[0]);
        m->out->import[i].use |= PICKLE_CALLED;
    }
    if (m->role[i] == ROLE_WRAPPER) return push(m, val(WRAPPER, 0));
    return push(m, m->role[i] == ROLE_DTYPE ? dtype_from(m, args) : val(RESULT, 0));
}

static bool op_reduce(struct machine *m, size_t more)
{
    value args, callee, unused;
    for (size_t i = 0; i < more; i++)
        if (!pop(m, &unused)) return false;
    return pop(m, &args) && pop(m, &callee) && call(m, callee, args);
}

static bool op_inst(struct machine *m)
{
    size_t first, count;
    value callee;
    if (!op_global(m) || !pop(m, &callee) || !pop_mark(m, &first, &count)) return false;
    return call(m, callee, val(OTHER, 0));
}

static bool op_obj(struct machine *m)
{
    size_t first, count;
    if (!pop_mark(m, &first, &count)) return false;
    if (!count) return m->o->is_lenient ? push(m, val(OTHER, 0)) : broke(m, "an object has no class");
    return call(m, m->stack[first], val(OTHER, 0));
}

/* ------------------------------------------------------------------ arrays of joblib */

struct array {
    uint64_t count;
    const struct pickle_dtype *dtype;
    bool is_known, is_aligned;
};

static bool array_of(struct machine *m, value state, struct array *out)
{
    struct node *d = kind_of(state) == DICT ? node_of(m, state) : NULL;
    *out = (struct array){ .count = 1 };
    bool has_shape = false;
    if (!d || d->n > ITEMS) return true;
    for (size_t i = 0; i + 1 < d->n; i += 2) {
        char buffer[2 * PICKLE_NAME_BYTES_MAX];
        str key;
        bool known;
        if (kind_of(d->item[i]) != TEXT) continue;
        if (!text_again(m, payload(d->item[i]), buffer, &key, &known)) return false;
        value v = d->item[i + 1];
        struct node *t = kind_of(v) == TUPLE ? node_of(m, v) : NULL;
        if (str_eq(key, STR("dtype"))) out->dtype = kind_of(v) == DTYPE ? &m->dtype[payload(v)] : NULL;
        if (str_eq(key, STR("numpy_array_alignment_bytes"))) out->is_aligned = kind_of(v) == INT;
        if (!str_eq(key, STR("shape"))) continue;
        has_shape = t && t->n <= ITEMS;
        out->count = 1;
        for (size_t k = 0; has_shape && k < t->n; k++) {
            uint64_t by = payload(t->item[k]);
            has_shape = kind_of(t->item[k]) == INT && (by == 0 || out->count <= (UINT64_C(1) << 58) / by);
            if (has_shape) out->count *= by;
        }
    }
    out->is_known = has_shape && out->dtype && out->dtype->is_known;
    return true;
}

/* A fresh loader reads the objects from here. */
static bool inner_pickle(struct machine *m)
{
    struct pickle_options o = *m->o;
    struct pickle_run r = { 0 };
    o.inner++;
    if (o.inner > 2) return limit(m, "arrays of objects lie deeper in each other than is followed");
    if (!pickle_run(m->scan, m->in, m->w, m->size, m->at, &o, m->a, &r, m->e)) return failed(m);
    for (size_t i = 0; i < r.imports_count; i++) {
        size_t own;
        m->op_at = r.import[i].at;
        if (!find_import(m, r.import[i].module, r.import[i].name, &own) && !add_import(m, r.import[i].module, r.import[i].name, r.import[i].safety, &own)) return false;
        m->out->import[own].use |= r.import[i].use;
    }
    struct pickle_run *out = m->out;
    if (r.worst > out->worst) out->worst = r.worst;
    out->calls |= r.calls;
    if (r.calls_computed && !out->calls_computed) out->calls_computed = true, out->calls_computed_at = r.calls_computed_at;
    if (r.sets_import && !out->sets_import) out->sets_import = true, out->sets_import_at = r.sets_import_at;
    if (r.has_unknown && !out->has_unknown) out->has_unknown = true, out->unknown_at = r.unknown_at;
    if (r.has_extension && !out->has_extension) out->has_extension = true, out->extension_at = r.extension_at;
    out->opcodes += r.opcodes;
    m->at = r.end;
    if (r.how == PICKLE_STOPPED) return true;
    memcpy(out->why, r.why, sizeof out->why);
    out->how = r.how;
    m->is_over = true;
    return false;
}

static void pass_over(struct machine *m, uint64_t from, uint64_t to)
{
    struct pickle_run *r = m->out;
    if (r->arrays_count == PICKLE_ARRAYS_MAX) r->array[PICKLE_ARRAYS_MAX - 1].to = to;
    else {
        r->array = arena_grow(m->a, r->array, r->arrays_count, sizeof *r->array);
        r->array[r->arrays_count++] = (struct pickle_range){ from, to };
    }
}

static bool read_array(struct machine *m, value state)
{
    struct array x;
    uint64_t n, from = m->at;
    if (!array_of(m, state, &x)) return false;
    if (!x.is_known) {
        m->out->has_array_unknown = true;
        return broke(m, "an array stands in it whose length cannot be told");
    }
    if (x.dtype->has_objects) return inner_pickle(m);
    if (x.is_aligned) {
        const uint8_t *padding = take(m, 1);
        if (!padding) return false;
        uint8_t n_padding = *padding;
        if (!take(m, n_padding)) return false;
    }
    if (ckd_mul(&n, x.count, x.dtype->item_bytes) || n > m->size - m->at) return broke(m, "an array in it is longer than what is left");
    m->at += n;
    if (m->at > from) pass_over(m, from, m->at);
    return true;
}

static void refine_dtype(struct machine *m, struct pickle_dtype *d, value state)
{
    struct node *t = kind_of(state) == TUPLE ? node_of(m, state) : NULL;
    if (!t || t->n > ITEMS || t->n < 8) return; /* (version, order, subdtype, names, fields, size, alignment, flags) */
    if (kind_of(t->item[2]) != OTHER) d->is_known = false;
    if (kind_of(t->item[7]) == INT && payload(t->item[7]) & 1) d->has_objects = true;
    if (!d->has_state_only_size) return;
    if (kind_of(t->item[5]) == INT) d->item_bytes = payload(t->item[5]);
    d->is_known = kind_of(t->item[5]) == INT && kind_of(t->item[7]) == INT;
}

static bool op_build(struct machine *m)
{
    value state, target;
    if (!pop(m, &state) || !top(m, &target)) return false;
    if (kind_of(target) == DTYPE) refine_dtype(m, &m->dtype[payload(target)], state);
    if (kind_of(target) != WRAPPER || m->o->inner) return touch(m, target);
    return pop(m, &target) && read_array(m, state) && push(m, val(RESULT, 0));
}

/* ------------------------------------------------------------------ numbers */

/* What any of the loaders takes for a number, and more. */
static bool op_number_line(struct machine *m)
{
    str line;
    uint64_t v;
    bool has_digit = false, has_name;
    if (!take_line(m, &line)) return false;
    line = str_trim(line);
    has_name = str_find_nocase(line, STR("inf")) != STR_NONE || str_find_nocase(line, STR("nan")) != STR_NONE;
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        bool is_digit = c >= '0' && c <= '9', is_letter = hex_digit(c) >= 0 || strchr("xXoOlLiInNtTyYfF", c);
        has_digit |= is_digit;
        if (!c || (!is_digit && !is_letter && !strchr("+-._ \t", c))) return broke(m, "a number is none");
    }
    if (!has_digit && !has_name) return broke(m, "a number is none");
    return push(m, str_u64(line, &v) && v < (UINT64_C(1) << 59) ? val(INT, v) : val(OTHER, 0));
}

static bool op_int(struct machine *m, size_t width)
{
    uint64_t v;
    if (!take_uint(m, width, &v)) return false;
    return push(m, width == 4 && v > INT32_MAX ? val(OTHER, 0) : val(INT, v));
}

static bool op_long(struct machine *m, size_t width)
{
    uint64_t n, v = 0;
    if (!take_uint(m, width, &n)) return false;
    if (n > INT32_MAX) return broke(m, "a number has a negative length");
    if (n > m->size - m->at) return broke(m, "a number is longer than what is left");
    if (n && n <= 8 && !take_uint(m, (size_t)n, &v)) return false;
    if (n > 8) m->at += n;
    return push(m, n <= 8 && v < (UINT64_C(1) << 59) ? val(INT, v) : val(OTHER, 0));
}

/* ------------------------------------------------------------------ opcodes */

static bool put(struct machine *m, uint64_t key)
{
    value v;
    return top(m, &v) && memo_put(m, key, v);
}

static bool op_with_argument(struct machine *m, uint8_t op)
{
    uint64_t x;
    size_t first, count;
    value v;
    switch (op) {
    case 0x80:
        m->out->has_proto = true;
        return take(m, 1) != NULL;
    case 0x95: return take(m, 8) != NULL; /* what it says is advice */
    case 'I': case 'L': case 'F': return op_number_line(m);
    case 'J': return op_int(m, 4);
    case 'K': return op_int(m, 1);
    case 'M': return op_int(m, 2);
    case 'G': return take(m, 8) && push(m, val(OTHER, 0));
    case 0x8a: return op_long(m, 1);
    case 0x8b: return op_long(m, 4);
    case 'S': case 'V': return op_line_text(m, op);
    case 'T': case 'U': case 'X': case 'B': case 'C': case 0x8c: case 0x8d: case 0x8e: case 0x96: return op_counted(m, op);
    case 'g': return line_index(m, &x) && memo_get(m, x);
    case 'h': return take_uint(m, 1, &x) && memo_get(m, x);
    case 'j': return take_uint(m, 4, &x) && memo_get(m, x);
    case 'p': return line_index(m, &x) && put(m, x);
    case 'q': return take_uint(m, 1, &x) && put(m, x);
    case 'r': return take_uint(m, 4, &x) && put(m, x);
    case 0x94: return put(m, m->memo_count);
    case 'c': return op_global(m);
    case 'i': return op_inst(m);
    case 'o': return op_obj(m);
    case 'P': { /* its line needs no quotes */
        str line;
        return take_line(m, &line) && push(m, val(OTHER, 0));
    }
    case 'Q': return pop(m, &v) && push(m, val(OTHER, 0));
    case 't': return pop_mark(m, &first, &count) && make_node(m, TUPLE, first, count);
    case 'd': return pop_mark(m, &first, &count) && make_node(m, DICT, first, count);
    case 'l': case 0x91: return pop_mark(m, &first, &count) && push(m, val(OTHER, 0));
    case 'e': case 0x90: return pop_mark(m, &first, &count) && op_set(m, first, count, false);
    case 'u': return pop_mark(m, &first, &count) && op_set(m, first, count, true);
    case 'a': return pop(m, &v) && op_set(m, m->n, 1, false);
    case 's':
        if (!pop(m, &v) || !pop(m, &v)) return false;
        return m->n + 2 <= m->cap ? op_set(m, m->n, 2, true) : op_set(m, m->n, 0, false);
    default: return broke(m, "0x%02x is no opcode", op);
    }
}

static bool step(struct machine *m, uint8_t op)
{
    value v;
    size_t first, count;
    switch (op) {
    case '.':
        m->out->how = PICKLE_STOPPED;
        m->is_over = true;
        return pop(m, &v);
    case '(': return push(m, val(MARK, 0));
    case '0':
        if (m->n && kind_of(m->stack[m->n - 1]) == MARK) m->n--;
        else return pop(m, &v);
        return true;
    case '1': return pop_mark(m, &first, &count);
    case '2': return top(m, &v) && push(m, v);
    case 'N': case 0x88: case 0x89: case ']': case 0x8f: case 0x97: return push(m, val(OTHER, 0));
    case 0x98: return top(m, &v);
    case ')': return make_tuple(m, 0);
    case '}': return make_node(m, DICT, m->n, 0);
    case 0x85: case 0x86: case 0x87: return make_tuple(m, op - 0x84u);
    case 0x93: return op_stack_global(m);
    case 'R': case 0x81: return op_reduce(m, 0);
    case 0x92: return op_reduce(m, 1);
    case 'b': return op_build(m);
    case 0x82: return op_extension(m, 1);
    case 0x83: return op_extension(m, 2);
    case 0x84: return op_extension(m, 4);
    default: return op_with_argument(m, op);
    }
}

static void run(struct machine *m)
{
    while (!m->is_over) {
        m->op_at = m->at;
        const uint8_t *op = take(m, 1);
        if (!op) break;
        if (++m->out->opcodes > m->o->opcodes_max) {
            limit(m, "it has more opcodes than are followed");
            break;
        }
        if (m->out->opcodes % 65536 == 0 && scan_stops(m->scan, 65536, m->e)) {
            failed(m);
            break;
        }
        if (!step(m, *op)) break;
    }
}

bool pickle_run(struct scan *s, const struct probe_input *in, struct window *w, uint64_t size, uint64_t begin, const struct pickle_options *o, struct arena *a,
                struct pickle_run *out, struct err *e)
{
    struct machine m = { .scan = s, .in = in, .w = w, .o = o, .out = out, .a = a, .size = size, .at = begin, .cap = INLINE, .e = e };
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
