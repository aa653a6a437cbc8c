/* grammar_walk.c - what our grammars say, for scripts that compare them with others (fuzz_grammars.py).
 *
 * Reads lines {"notation": "json_schema" | "regex" | "gbnf", "source": text, "texts": [text], "walks": n, "seed": n}, and answers
 * each by a line: {"error": text}, or {"whole": [bool], "begins": [bool], "walks": [text]}: of each text whether it matches, and
 * whether it can be completed; and texts made of bytes that are chosen at random from those that the mask allows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "model/constrain/matcher.h"

enum { EOS = 256, WALK_BYTES_MAX = 4000, WALK_HURRIES_AT = 60 };

static uint64_t seed;
static uint32_t chance(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

static bool compile(str notation, str source, struct grammar **g, struct err *e)
{
    if (str_eq(notation, STR("gbnf"))) return grammar_from_gbnf(source, g, e);
    if (str_eq(notation, STR("regex"))) return grammar_from_regex(source, g, e);
    return grammar_from_json_schema(source, g, e);
}

static struct grammar_tokens *all_bytes(void)
{
    static char byte[EOS + 1];
    static str piece[EOS + 1];
    const uint32_t eos = EOS;
    for (size_t i = 0; i < EOS; i++) byte[i] = (char)i, piece[i] = str_n(&byte[i], 1);
    return grammar_tokens_from(piece, EOS + 1, &eos, 1);
}

/* A text, or false where it did not end in time. */
static bool walk(struct grammar_matcher *m, struct buf *text)
{
    struct grammar_state *s = grammar_state_new(m);
    uint32_t pick = 0;
    while (pick != EOS && text->n < WALK_BYTES_MAX) {
        uint64_t mask[(EOS + 64) / 64];
        uint32_t all = 0, closing = 0, found = 0, close = 0;
        must(grammar_mask(s, mask)); /* no dead ends */
        for (uint32_t i = 0; i <= EOS; i++) {
            if (!(mask[i / 64] >> (i % 64) & 1)) continue;
            /* ASCII comes more often than what begins other characters. */
            if (chance(all += i < 128 ? 4 : 1) < (i < 128 ? 4u : 1u)) found = i;
            if ((i == EOS || strchr("]}\"", (int)(i ? i : 1))) && chance(++closing) == 0) close = i;
        }
        bool hurries = closing && chance(WALK_HURRIES_AT) < text->n;
        pick = hurries ? close : found;
        if (mask[EOS / 64] & 1 && chance(4) == 0) pick = EOS;
        must(grammar_accept(s, pick));
        if (pick != EOS) buf_byte(text, (char)pick);
    }
    grammar_state_free(s);
    return pick == EOS;
}

static void answer(const struct json *q, struct grammar_tokens *tokens, struct json_writer *w)
{
    struct grammar *g;
    struct err e;
    jw_object(w);
    if (!compile(json_str_or(q, STR("notation"), STR("")), json_str_or(q, STR("source"), STR("")), &g, &e)) {
        jw_kstr(w, "error", str_c(e.msg));
        jw_object_end(w);
        return;
    }
    struct grammar_matcher *m = grammar_matcher_new(g, tokens, 8 << 20);
    struct buf whole = BUF_INIT(0), begins = BUF_INIT(0);
    struct json_writer ww = json_writer(&whole), wb = json_writer(&begins);
    jw_array(&ww), jw_array(&wb);
    json_each (text, json_get(q, STR("texts"))) {
        struct grammar_state *s = grammar_state_new(m);
        bool ok = grammar_accept_bytes(s, text->s);
        jw_bool(&wb, ok);
        jw_bool(&ww, ok && grammar_may_end(s));
        grammar_state_free(s);
    }
    jw_array_end(&ww), jw_array_end(&wb);
    jw_kraw(w, "whole", buf_str(&whole));
    jw_kraw(w, "begins", buf_str(&begins));
    jw_karray(w, "walks");
    seed = (uint64_t)json_int_or(q, STR("seed"), 1);
    for (int64_t i = json_int_or(q, STR("walks"), 0); i > 0; i--) {
        struct buf text = BUF_INIT(0);
        if (walk(m, &text)) jw_str(w, buf_str(&text));
        buf_deinit(&text);
    }
    jw_array_end(w);
    jw_object_end(w);
    buf_deinit(&whole);
    buf_deinit(&begins);
    grammar_matcher_free(m);
    grammar_free(g);
}

int main(void)
{
    struct grammar_tokens *tokens = all_bytes();
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;) {
        struct arena *a = arena_new(0);
        struct buf out = BUF_INIT(0);
        struct json_writer w = json_writer(&out);
        struct json *q;
        struct err e;
        if (!json_parse(str_n(line, (size_t)n), a, &q, &e)) {
            fprintf(stderr, "grammar_walk: %s\n", e.msg);
            return 1;
        }
        answer(q, tokens, &w);
        buf_byte(&out, '\n');
        fwrite(out.p, 1, out.n, stdout);
        fflush(stdout);
        buf_deinit(&out);
        arena_free(a);
    }
    free(line);
    grammar_tokens_free(tokens);
    return 0;
}
