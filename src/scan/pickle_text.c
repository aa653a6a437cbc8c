/* scan/pickle_text.c - texts of a pickle: what their opcodes mean, and what may hide in them. */
#include "scan/pickle_machine.h"

enum { TEXTS = 1024, TEXT_KEPT = 112 };

struct text_slot {
    uint64_t at;
    uint8_t n; /* 1 + length; 0: empty */
    char c[TEXT_KEPT];
};

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

static void keep_text(struct pickle_machine *m, uint64_t at, str s)
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
bool machine_text_again(struct pickle_machine *m, uint64_t at, char out[2 * PICKLE_NAME_BYTES_MAX], str *text, bool *known)
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
    else if (!scan_read(m->scan, m->in, at, raw, n, m->e)) return machine_failed(m);
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

static bool look_into(struct pickle_machine *m, uint64_t at, uint64_t n)
{
    enum { LOOK_BYTES = 4096 };
    if (m->o->is_trial || n < 4) return true;
    size_t there = window_left(m->w, at), want = n < LOOK_BYTES ? (size_t)n : LOOK_BYTES;
    if (there > want) there = want;
    if (there < 16 && there < want) there = want;
    const uint8_t *p = window_get(m->w, at, there, m->e);
    if (!p) return machine_failed(m);
    if (!pickle_may_hide(m->scan, (bytes){ p, there }, there == n)) return true;
    char name[40];
    snprintf(name, sizeof name, "bytes at %llu", (unsigned long long)at);
    return scan_nested_range(m->scan, m->in, at, n, str_c(name), m->e) || machine_failed(m);
}

static bool look_into_line(struct pickle_machine *m, str text)
{
    if (m->o->is_trial || text.n < 4 || !pickle_may_hide(m->scan, bytes_of(text), true)) return true;
    struct scan_source s = { .size_bytes = text.n, .read = memory_read, .ctx = (void *)(uintptr_t)text.p };
    char name[40];
    snprintf(name, sizeof name, "text at %llu", (unsigned long long)m->op_at);
    return scan_nested(m->scan, m->in, &s, str_c(name), m->e) || machine_failed(m);
}

bool machine_line_text(struct pickle_machine *m, uint8_t op)
{
    str line;
    size_t n;
    if (!machine_take_line(m, &line)) return false;
    char few[256], *out = 2 * line.n <= sizeof few ? few : mem_alloc(2 * line.n);
    bool ok = line_text(op, line, out, &n) || machine_broke(m, "a text stands in no quotes");
    if (ok) keep_text(m, m->op_at, str_n(out, n));
    ok = ok && machine_push(m, val(TEXT, m->op_at)) && look_into_line(m, str_n(out, n));
    if (out != few) mem_free(out);
    return ok;
}

bool machine_counted_text(struct pickle_machine *m, uint8_t op)
{
    uint64_t n;
    if (!machine_take_uint(m, length_bytes(op), &n)) return false;
    if (op == 'T' && n > INT32_MAX) return machine_broke(m, "a text has a negative length");
    if (n > m->size - m->at) return machine_broke(m, "a literal of %llu bytes is longer than what is left", (unsigned long long)n);
    uint64_t at = m->at;
    if (n && n <= TEXT_KEPT) {
        const uint8_t *p = window_get(m->w, at, (size_t)n, m->e);
        if (!p) return machine_failed(m);
        keep_text(m, m->op_at, str_n((const char *)p, (size_t)n));
    }
    m->at += n;
    return machine_push(m, val(TEXT, m->op_at)) && look_into(m, at, n);
}
