/* pattern.c - what a tokenizer.json searches for: a literal, one of the known regexes (scan.c), or any other regex
 * through PCRE2.
 *
 * The reference uses Oniguruma with Ruby's syntax: ^ and $ are at every line, classes are Unicode's.  PCRE2 is told so;
 * what it cannot compile is refused when the tokenizer is read.  A match that takes too many steps is an error, for a
 * regex from outside may be made to explode.  Compiled programs are shared; match data belongs to an encoder. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "model/token/token_priv.h"

enum { PATTERN_MAX = 1 << 16, STEPS_MAX = 5000000, HEAP_KIB_MAX = 65536, JIT_STACK_MAX = 1 << 20 };

struct pattern {
    bool is_literal;
    str literal;
    scan_fn scan;
    pcre2_code *code;
};

struct pattern_scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

static void code_free(void *p) { pcre2_code_free(p); }

static bool compile(struct pattern *p, struct arena *a, str regex, struct err *e)
{
    int code;
    size_t at;
    if (regex.n > PATTERN_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: a regex of %zu bytes", regex.n);
    pcre2_compile_context *c = pcre2_compile_context_create(NULL);
    if (!c) return err_set(e, ERR_INTERNAL, "tokenizer: no memory for a regex");
    pcre2_set_newline(c, PCRE2_NEWLINE_LF);
    p->code = pcre2_compile((PCRE2_SPTR)regex.p, regex.n, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                            &code, &at, c);
    pcre2_compile_context_free(c);
    if (!p->code) {
        char why[120];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        return err_set(e, ERR_INVALID, "tokenizer: the regex \"%.*s\": %s at byte %zu", (int)(regex.n < 100 ? regex.n : 100),
                       regex.p, why, at);
    }
    pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE); /* where it may not be, matching is interpreted */
    arena_on_free(a, code_free, p->code);
    return true;
}

bool pattern_new(const struct json *v, struct arena *a, struct pattern **out, struct err *e)
{
    struct pattern *p = arena_one(a, struct pattern);
    str s;
    *out = p;
    if (json_str(v, &s) || json_str(json_get(v, STR("String")), &s)) {
        p->is_literal = true;
        p->literal = s;
        return true;
    }
    if (!json_str(json_get(v, STR("Regex")), &s)) return err_set(e, ERR_INVALID, "tokenizer: a pattern is neither String nor Regex");
    p->scan = scan_find(s);
    return p->scan ? true : compile(p, a, s, e);
}

struct pattern *pattern_scan(scan_fn scan, struct arena *a)
{
    struct pattern *p = arena_one(a, struct pattern);
    p->scan = scan;
    return p;
}

scan_fn pattern_scanner(const struct pattern *p) { return p->scan; }

void pattern_scratch_free(struct pattern_scratch *s)
{
    if (!s) return;
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->context);
    pcre2_jit_stack_free(s->stack);
    mem_free(s);
}

static struct pattern_scratch *scratch_new(void)
{
    struct pattern_scratch *s = mem_one(struct pattern_scratch);
    s->data = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(32 << 10, JIT_STACK_MAX, NULL);
    if (s->context) {
        pcre2_set_match_limit(s->context, STEPS_MAX);
        pcre2_set_heap_limit(s->context, HEAP_KIB_MAX);
        if (s->stack) pcre2_jit_stack_assign(s->context, NULL, s->stack);
    }
    return s;
}

static bool regex_next(const struct pattern *p, struct pattern_scratch **scratch, str s, struct pattern_walk *w,
                       struct split *out, bool *found, struct err *e)
{
    if (!*scratch) *scratch = scratch_new();
    if (!(*scratch)->data || !(*scratch)->context) return err_set(e, ERR_INTERNAL, "tokenizer: no memory for matching");
    while (w->at <= s.n) {
        int n = pcre2_match(p->code, (PCRE2_SPTR)s.p, s.n, w->at, PCRE2_NO_UTF_CHECK, (*scratch)->data, (*scratch)->context);
        if (n == PCRE2_ERROR_NOMATCH) return true;
        if (n < 0) return err_set(e, ERR_INVALID, "tokenizer: matching its regex takes too much (PCRE2 %d)", n);
        const size_t *v = pcre2_get_ovector_pointer((*scratch)->data);
        if (v[0] > v[1] || v[0] < w->at) return err_set(e, ERR_INVALID, "tokenizer: its regex matches backwards");
        bool again = v[0] == v[1] && w->any && v[0] == w->last_end; /* empty, just behind the match before */
        w->at = v[1];
        if (v[0] == v[1]) w->at += v[1] < s.n ? utf8_size((uint8_t)s.p[v[1]]) : 1;
        if (again) continue;
        w->any = true;
        w->last_end = v[1];
        *out = (struct split){ (uint32_t)v[0], (uint32_t)v[1] };
        *found = true;
        return true;
    }
    return true;
}

bool pattern_next(const struct pattern *p, struct pattern_scratch **scratch, str s, struct pattern_walk *w, struct split *out,
                  bool *found, struct err *e)
{
    *found = false;
    if (p->code) return regex_next(p, scratch, s, w, out, found, e);
    if (w->at >= s.n) return true;
    if (p->scan) {
        const uint8_t *at = (const uint8_t *)s.p + w->at;
        *out = (struct split){ (uint32_t)w->at, (uint32_t)(w->at + p->scan(at, (const uint8_t *)s.p + s.n)) };
    } else {
        size_t i = p->literal.n ? str_find(str_from(s, w->at), p->literal) : STR_NONE;
        if (i == STR_NONE) return true;
        *out = (struct split){ (uint32_t)(w->at + i), (uint32_t)(w->at + i + p->literal.n) };
    }
    w->at = out->to;
    *found = true;
    return true;
}
