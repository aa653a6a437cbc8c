/* pattern.c - what a tokenizer.json searches for: a literal, one of the known regexes (scan.c), or any other regex
 * through PCRE2.
 *
 * The reference uses Oniguruma with Ruby's syntax: ^ and $ are at every line, classes are Unicode's.  PCRE2 is told so,
 * and oniguruma.c writes the regex for it; what cannot be is refused when the tokenizer is read.  Compiled programs are
 * shared; match data belongs to an encoder.
 *
 * A regex from outside may be made to explode.  PCRE2 counts steps for each place where a match may begin, not for a
 * text, and does not count how far a step looks.  So a call tries few places with few steps, then fewer with more, while
 * the text's share of the processor lasts: what a text costs is bounded by its length. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/clock.h"
#include "model/token/token_priv.h"

enum {
    PATTERN_MAX = 1 << 16, /* bytes of a regex */
    PCRE_MAX = 1 << 20,    /* and of what it becomes */
    HEAP_KIB_MAX = 65536,
    JIT_STACK_MAX = 1 << 20,
    STEPS_FIRST = 128,   /* ample for a word; four times as many when they do not do */
    STEPS_MAX = STEPS_FIRST << 16,
    PLACES_MAX = 1024,   /* where a match may begin, in one call */
    REACH_MAX = 1 << 30, /* places, times bytes that can be looked at from each, times bytes of the regex */
    LOOK_BYTES = 1 << 26, /* seen from all places since the clock was looked at, which costs as much as some calls */
    TEXT_US = 200000,    /* processor time of a text, and of each of its bytes: a hundred times what honest ones take */
    BYTE_US = 5
};

struct pattern {
    bool is_literal;
    str text; /* the literal, or the regex */
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
    struct buf text = BUF_INIT(PCRE_MAX);
    if (regex.n > PATTERN_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: a regex of %zu bytes", regex.n);
    pcre2_compile_context *c = pcre2_compile_context_create(NULL);
    if (!c) return err_set(e, ERR_INTERNAL, "tokenizer: no memory for a regex");
    pcre2_set_newline(c, PCRE2_NEWLINE_LF);
    if (!oniguruma_to_pcre(regex, &text, e)) {
        pcre2_compile_context_free(c);
        buf_deinit(&text);
        return false;
    }
    p->code = pcre2_compile((PCRE2_SPTR)buf_cstr(&text), text.n, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C |
                            PCRE2_USE_OFFSET_LIMIT, &code, &at, c);
    pcre2_compile_context_free(c);
    buf_deinit(&text);
    if (!p->code) {
        char why[120];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        return err_set(e, ERR_INVALID, "tokenizer: the regex \"%.*s\": %s", STR_ARG(str_to(regex, 100)), why);
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
        p->text = s;
        return true;
    }
    if (!json_str(json_get(v, STR("Regex")), &s)) return err_set(e, ERR_INVALID, "tokenizer: a pattern is neither String nor Regex");
    p->text = s;
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

void pattern_use_end(struct pattern_use *u)
{
    struct pattern_scratch *s = u->scratch;
    if (!s) return;
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->context);
    pcre2_jit_stack_free(s->stack);
    mem_free(s);
    u->scratch = NULL;
}

static struct pattern_scratch *scratch_new(void)
{
    struct pattern_scratch *s = mem_one(struct pattern_scratch);
    s->data = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(32 << 10, JIT_STACK_MAX, NULL);
    if (s->context) {
        pcre2_set_heap_limit(s->context, HEAP_KIB_MAX);
        if (s->stack) pcre2_jit_stack_assign(s->context, NULL, s->stack);
    }
    return s;
}

static bool costs_too_much(const struct pattern *p, const struct pattern_use *u, struct err *e)
{
    const int shown = p->text.n < 100 ? (int)p->text.n : 100;
    return err_set(e, ERR_INVALID, "tokenizer: its regex \"%.*s\" takes too much on a text of %zu bytes", shown, p->text.p, u->bytes);
}

static bool time_is_left(struct pattern_use *u)
{
    int64_t now = clock_thread_us();
    u->seen = 0;
    if (u->until_us == 0) u->until_us = now + TEXT_US + (int64_t)u->bytes * BYTE_US;
    return now < u->until_us;
}

/* The first match that begins at `from` or behind it, into the scratch's vector. */
static bool regex_search(const struct pattern *p, struct pattern_use *u, str s, size_t from, bool *found, struct err *e)
{
    struct pattern_scratch *x = u->scratch;
    const size_t reach = REACH_MAX / ((s.n + 1) * (p->text.n + 1));
    size_t places = reach < PLACES_MAX ? reach + 1 : PLACES_MAX;
    uint32_t steps = STEPS_FIRST;
    *found = false;
    while (from <= s.n) {
        size_t last = s.n - from < places ? s.n : from + places - 1;
        while (last + 1 < s.n && !utf8_is_lead((uint8_t)s.p[last + 1])) last++; /* the next call begins at a character */
        pcre2_set_offset_limit(x->context, last);
        pcre2_set_match_limit(x->context, steps);
        int n = pcre2_match(p->code, (PCRE2_SPTR)s.p, s.n, from, PCRE2_NO_UTF_CHECK, x->data, x->context);
        bool more = n == PCRE2_ERROR_MATCHLIMIT && steps < STEPS_MAX;
        if (n < 0 && n != PCRE2_ERROR_NOMATCH && !more) return costs_too_much(p, u, e);
        u->seen += (uint64_t)((n < 0 ? last : pcre2_get_ovector_pointer(x->data)[0]) - from + 1) * (s.n - from);
        if ((steps > STEPS_FIRST || u->seen > LOOK_BYTES) && !time_is_left(u)) return costs_too_much(p, u, e);
        if (n >= 0) return *found = true;
        if (!more) from = last + 1;
        else {
            steps *= 4;
            places = places / 4 + 1;
        }
    }
    return true;
}

static bool regex_next(const struct pattern *p, struct pattern_use *u, str s, struct pattern_walk *w, struct split *out, bool *found,
                       struct err *e)
{
    if (!u->scratch) u->scratch = scratch_new();
    if (!u->scratch->data || !u->scratch->context) return err_set(e, ERR_INTERNAL, "tokenizer: no memory for matching");
    for (;;) {
        if (!regex_search(p, u, s, w->at, found, e)) return false;
        if (!*found) return true;
        const size_t *v = pcre2_get_ovector_pointer(u->scratch->data);
        if (v[0] > v[1] || v[0] < w->at) return err_set(e, ERR_INVALID, "tokenizer: its regex matches backwards");
        bool again = v[0] == v[1] && w->any && v[0] == w->last_end; /* empty, just behind the match before */
        w->at = v[1];
        if (v[0] == v[1]) w->at += v[1] < s.n ? utf8_size((uint8_t)s.p[v[1]]) : 1;
        if (again) continue;
        w->any = true;
        w->last_end = v[1];
        *out = (struct split){ (uint32_t)v[0], (uint32_t)v[1] };
        return true;
    }
}

bool pattern_next(const struct pattern *p, struct pattern_use *u, str s, struct pattern_walk *w, struct split *out, bool *found,
                  struct err *e)
{
    *found = false;
    if (p->code) return regex_next(p, u, s, w, out, found, e);
    if (w->at >= s.n) return true;
    if (p->scan) {
        const uint8_t *at = (const uint8_t *)s.p + w->at;
        *out = (struct split){ (uint32_t)w->at, (uint32_t)(w->at + p->scan(at, (const uint8_t *)s.p + s.n)) };
    } else {
        size_t i = p->text.n ? str_find(str_from(s, w->at), p->text) : STR_NONE;
        if (i == STR_NONE) return true;
        *out = (struct split){ (uint32_t)(w->at + i), (uint32_t)(w->at + i + p->text.n) };
    }
    w->at = out->to;
    *found = true;
    return true;
}
