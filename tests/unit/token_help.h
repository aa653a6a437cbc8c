/* token_help.h - what the tokenizer tests share: golden files, texts given as text or as hexadecimal, comparisons. */
#ifndef TOKEN_HELP_H
#define TOKEN_HELP_H

#include "unit.h"

#include "base/hash.h"
#include "base/json.h"
#include "model/token/token.h"

struct golden {
    struct arena *a;
    char *text;
    struct json *root;
};

static inline struct golden golden_open(const char *name)
{
    struct golden g = { .a = arena_new(0) };
    struct err e;
    size_t n;
    const char *dir = getenv("HEARTH_TEST_DATA");
    if (!dir) fail_msg("HEARTH_TEST_DATA names no folder");
    must_ok(os_read_file(arena_fmt(g.a, "%s/../oracle/token/%s", dir, name).p, 64 << 20, &g.text, &n, &e));
    must_ok(json_parse(str_n(g.text, n), g.a, &g.root, &e));
    return g;
}
static inline void golden_close(struct golden *g)
{
    mem_free(g->text);
    arena_free(g->a);
}

static inline str golden_text(struct arena *a, const struct json *v)
{
    str s;
    if (json_str(v, &s)) return s;
    s = json_str_or(v, STR("hex"), STR(""));
    uint8_t *raw = arena_alloc(a, s.n / 2 + 1);
    assert_true(hex_decode(s, raw, s.n / 2));
    return str_n((char *)raw, s.n / 2);
}

/* Numbers [n] against a JSON list; -1 stands for TOKEN_NO_WORD. */
static inline bool same_u32(const struct json *want, const uint32_t *got, size_t n)
{
    size_t i = 0;
    if (!json_is(want, JSON_ARRAY) || want->count != n) return false;
    json_each (v, want)
        if ((uint32_t)v->i != got[i++]) return false;
    return true;
}
static inline bool same_u8(const struct json *want, const uint8_t *got, size_t n)
{
    size_t i = 0;
    if (!json_is(want, JSON_ARRAY) || want->count != n) return false;
    json_each (v, want)
        if (v->i != got[i++]) return false;
    return true;
}
static inline bool same_offsets(const struct json *want, const struct encoding *x)
{
    size_t i = 0;
    if (!json_is(want, JSON_ARRAY) || want->count != 2 * x->n) return false;
    json_each (v, want) {
        if (v->i != (i % 2 ? x->to[i / 2] : x->from[i / 2])) return false;
        i++;
    }
    return true;
}

static inline str show(struct arena *a, const struct encoding *x)
{
    struct buf b = BUF_INIT(0);
    for (size_t i = 0; i < x->n; i++)
        buf_addf(&b, "%u(%u-%u w%d) ", (unsigned)x->id[i], (unsigned)x->from[i], (unsigned)x->to[i], (int)x->word[i]);
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

#endif
