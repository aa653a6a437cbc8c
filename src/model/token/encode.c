/* encode.c - a text through the whole pipeline to tokens with ranges, and from there to arrays.
 *
 * The common case is short: no normaliser that would change the text, one scanner, bytes looked up as they stand in the
 * caller's memory (byte_words).  Everything else goes step by step through views and splits (general_words). */
#include "model/token/token_priv.h"

/* ---- the text that is worked on --------------------------------------------------------------------------------- */

struct literals { /* where special tokens count */
    bool all;
    const struct token_range *range;
    size_t count;
    struct token_range *moved; /* owned, when cleaning shifted the text */
};

static void literals_move(struct literals *l, size_t at_old, size_t at_new, size_t *done)
{
    for (; *done < 2 * l->count; ++*done) { /* from and to of each range in turn, ascending */
        const struct token_range *r = &l->range[*done / 2];
        size_t old = *done % 2 ? r->to : r->from;
        if (old > at_old) return;
        *(*done % 2 ? &l->moved[*done / 2].to : &l->moved[*done / 2].from) = at_new;
    }
}

/* Malformed sequences become U+FFFD; ranges move along. */
static bool clean(struct token_encoder *x, str *text, struct literals *l, struct err *e)
{
    size_t ok = utf8_valid(*text), done = 0;
    if (ok == text->n) return true;
    str rest = *text;
    if (l->count) l->moved = mem_alloc(l->count * sizeof *l->moved);
    buf_reset(&x->clean);
    for (;;) {
        for (size_t i = 0; l->moved && i <= ok; i++) literals_move(l, (size_t)(rest.p - text->p) + i, x->clean.n + i, &done);
        buf_add(&x->clean, str_to(rest, ok));
        rest = str_from(rest, ok);
        if (rest.n == 0) break;
        buf_lit(&x->clean, "\xEF\xBF\xBD");
        rest = str_from(rest, utf8_malformed((const uint8_t *)rest.p, rest.n));
        ok = utf8_valid(rest);
    }
    if (l->moved) {
        literals_move(l, SIZE_MAX, x->clean.n, &done);
        l->range = l->moved;
    }
    if (x->clean.failed) return err_set(e, ERR_TOO_LARGE, "tokenizer: the text is too large");
    *text = buf_str(&x->clean);
    return true;
}

/* ---- added tokens ----------------------------------------------------------------------------------------------- */

struct added_walk {
    const struct tokenizer *t;
    const struct matcher *matcher;
    const struct literals *literals;
    struct view v;
    size_t at;      /* where the next search begins */
    size_t given;   /* what lies before has been handed out */
    struct split blanks; /* white space that a token took on its right */
};

static bool in_literal(const struct added_walk *w, struct split m)
{
    if (w->literals->all) return true;
    struct span s = view_span(&w->v, m.from, m.to);
    for (size_t i = 0; i < w->literals->count; i++)
        if (s.from >= w->literals->range[i].from && s.to <= w->literals->range[i].to) return true;
    return false;
}

static uint32_t char_before(const struct view *v, size_t at)
{
    size_t n;
    do at--;
    while (at > 0 && !utf8_is_lead(v->p[at]));
    return utf8_get(v->p + at, &n);
}
static bool is_word_char(uint32_t c) { return unicode_of(c) & UF_WORD; }

/* The next token, or false; what lies between w->given and gap_end comes before it.  White space that a token took on its
 * right may hold further tokens: as in the reference they count, unless they take white space on their left. */
static bool added_next(struct added_walk *w, struct split *token, uint32_t *index, size_t *gap_end)
{
    const struct view *v = &w->v;
    size_t n;
    while (matcher_next(w->matcher, str_n((const char *)v->p, v->n), w->at, token, index)) {
        const struct added *a = &w->t->added[*index];
        w->at = token->to;
        if (a->special && !in_literal(w, *token)) continue;
        if (a->single_word && ((token->from > 0 && is_word_char(char_before(v, token->from))) ||
                               (token->to < v->n && is_word_char(utf8_get(v->p + token->to, &n)))))
            continue;
        if (a->lstrip) {
            while (token->from > w->given && unicode_is_space(char_before(v, token->from)))
                do token->from--;
                while (!utf8_is_lead(v->p[token->from]));
            if (token->from < w->given) token->from = (uint32_t)w->given;
        }
        if (a->rstrip) {
            if (token->to < w->blanks.from || token->to > w->blanks.to) { /* each run is looked through once */
                w->blanks = (struct split){ token->to, token->to };
                while (w->blanks.to < v->n && unicode_is_space(utf8_get(v->p + w->blanks.to, &n))) w->blanks.to += (uint32_t)n;
            }
            token->to = w->blanks.to;
        }
        if (token->to <= token->from) continue;
        *gap_end = token->from > w->given ? token->from : w->given;
        return true;
    }
    return false;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

/* Tokens from `first` on are ranges of word w: they become ranges of the original. */
static inline void to_original(struct token_encoder *x, size_t first, const struct view *v, struct split w, uint32_t word)
{
    for (size_t i = first; i < x->toks.n; i++) {
        struct tok *t = &x->toks.item[i];
        uint32_t from = w.from + t->from, to = w.from + t->to;
        if (to > w.to) to = w.to;
        if (from > to) from = to;
        struct span s = view_span(v, from, to);
        *t = (struct tok){ t->id, s.from, s.to, word };
    }
}

static bool byte_words(struct token_encoder *x, const struct view *v, uint32_t *word, struct err *e)
{
    const scan_fn scan = x->t->scan;
    const uint8_t *p = v->p, *end = v->p + v->n;
    while (p < end) {
        size_t n = scan(p, end), first = x->toks.n;
        if (!model_word(x, p, n, e)) return false;
        uint32_t from = (uint32_t)(p - v->p);
        to_original(x, first, v, (struct split){ from, from + (uint32_t)n }, (*word)++);
        p += n;
    }
    return true;
}

static bool general_words(struct token_encoder *x, struct view v, uint32_t *word, struct err *e)
{
    struct splits *s;
    if (!cut_words(x, &v, &s, e)) return false;
    for (size_t i = 0; i < s->n; i++) {
        size_t first = x->toks.n;
        if (!model_word(x, v.p + s->item[i].from, s->item[i].to - s->item[i].from, e)) return false;
        to_original(x, first, &v, s->item[i], (*word)++);
    }
    return true;
}

static struct view view_part(const struct view *v, size_t from, size_t to)
{
    return (struct view){ v->p + from, v->at ? v->at + from : NULL, (uint32_t)(to - from), v->at ? 0 : v->base + (uint32_t)from };
}

static bool words(struct token_encoder *x, struct view v, uint32_t *word, struct err *e)
{
    if (v.n == 0) return true;
    return x->t->scan ? byte_words(x, &v, word, e) : general_words(x, v, word, e);
}

static bool normal_piece(struct token_encoder *x, struct view v, const struct literals *l, uint32_t *word, struct err *e)
{
    const struct tokenizer *t = x->t;
    struct split token;
    uint32_t index;
    size_t gap_end;
    if (!normalise(x, &v, e)) return false;
    if (matcher_is_empty(t->normalized)) return words(x, v, word, e);
    struct added_walk w = { .t = t, .matcher = t->normalized, .literals = l, .v = v };
    while (added_next(&w, &token, &index, &gap_end)) {
        if (!words(x, view_part(&v, w.given, gap_end), word, e)) return false;
        struct span s = view_span(&v, token.from, token.to);
        tok_push(x, t->added[index].id, s.from, s.to);
        x->toks.item[x->toks.n - 1].word = (*word)++;
        w.given = token.to;
    }
    return words(x, view_part(&v, w.given, v.n), word, e);
}

/* All tokens of the text into x->toks.  *text becomes what the ranges refer to. */
static bool text_tokens(struct token_encoder *x, str *text, struct literals *l, struct err *e)
{
    const struct tokenizer *t = x->t;
    struct split token;
    uint32_t index, word = 0;
    size_t gap_end;
    x->toks.n = 0;
    if (text->n > TOKEN_TEXT_MAX) return err_set(e, ERR_TOO_LARGE, "a text of %zu bytes; at most %d can be tokenized at once", text->n, TOKEN_TEXT_MAX);
    if (!clean(x, text, l, e)) return false;
    x->regex.bytes = text->n;
    x->regex.until_us = 0;
    struct view v = { (const uint8_t *)text->p, NULL, (uint32_t)text->n, 0 };
    struct added_walk w = { .t = t, .matcher = t->raw, .literals = l, .v = v };
    while (added_next(&w, &token, &index, &gap_end)) {
        if (gap_end > w.given && !normal_piece(x, view_part(&v, w.given, gap_end), l, &word, e)) return false;
        tok_push(x, t->added[index].id, token.from, token.to);
        x->toks.item[x->toks.n - 1].word = word++;
        w.given = token.to;
    }
    return w.given == v.n || normal_piece(x, view_part(&v, w.given, v.n), l, &word, e);
}

/* ---- arrays ----------------------------------------------------------------------------------------------------- */

struct counter { /* characters in text[0, at) */
    str text;
    size_t at, count;
};
static inline uint32_t chars_before(struct counter *c, size_t to)
{
    if (to >= c->at) c->count += utf8_count(str_n(c->text.p + c->at, to - c->at));
    else c->count -= utf8_count(str_n(c->text.p + to, c->at - to));
    c->at = to;
    return (uint32_t)c->count;
}

/* Post-processors that trim offsets count the blanks that an added token took in on its right. */
static uint32_t without_blanks(const struct tokenizer *t, const struct tok *tok, str text)
{
    uint32_t to = tok->to;
    if (tok->id >= t->added_ids || !t->added_by_id[tok->id]) return to;
    const struct added *a = &t->added[t->added_by_id[tok->id] - 1];
    const struct view v = { (const uint8_t *)text.p, NULL, (uint32_t)text.n, 0 };
    while (a->rstrip && to - tok->from > a->content.n && unicode_is_space(char_before(&v, to)))
        do to--;
        while (!utf8_is_lead(v.p[to]));
    return to;
}

static void fill(struct token_encoder *x, str text, enum token_unit unit, uint8_t sequence, struct encoding *out)
{
    struct counter c = { text, 0, 0 };
    size_t n = x->toks.n;
    const bool same = unit == TOKEN_CHARS && utf8_count(text) == text.n;
    encoding_room(out, n);
    out->n = n;
    for (size_t i = 0; i < n; i++) {
        const struct tok *t = &x->toks.item[i];
        uint32_t from = t->from, to = x->t->trims ? without_blanks(x->t, t, text) : t->to;
        if (unit == TOKEN_BYTES) { /* all of the characters that it begins and ends in */
            while (from > 0 && from < text.n && !utf8_is_lead((uint8_t)text.p[from])) from--;
            while (to < text.n && !utf8_is_lead((uint8_t)text.p[to])) to++;
        } else if (!same) {
            from = from < text.n ? chars_before(&c, from + 1) - 1 : chars_before(&c, from);
            to = chars_before(&c, to);
        }
        out->id[i] = t->id;
        out->from[i] = from;
        out->to[i] = to;
        out->word[i] = t->word;
    }
    memset(out->type, sequence, n);
    memset(out->special, 0, n);
    memset(out->attention, 1, n);
    memset(out->sequence, sequence, n);
}

static struct literals literals_of(const struct token_options *o, bool first)
{
    struct literals l = { .all = !o->plain && o->literal_count == 0 };
    if (first) {
        l.range = o->literal;
        l.count = o->literal_count;
    }
    return l;
}

static bool one_text(struct token_encoder *x, str text, const struct token_options *o, uint8_t sequence, struct encoding *out,
                     struct err *e)
{
    struct literals l = literals_of(o, sequence == 0);
    bool ok = text_tokens(x, &text, &l, e);
    if (ok) fill(x, text, o->unit, sequence, out);
    mem_free(l.moved);
    return ok;
}

static bool truncate(const struct tokenizer *t, const struct token_options *o, struct encoding *a, struct encoding *b, struct err *e)
{
    const struct token_truncation *cut = o->truncation ? o->truncation : t->has_truncation ? &t->truncation : NULL;
    if (!cut || o->no_truncation) return true;
    size_t added = o->no_special ? 0 : post_added_count(t, b != NULL);
    size_t max = cut->length_max > added ? cut->length_max - added : 0;
    size_t n1 = a->n, n2 = b ? b->n : 0;
    if (max > 0 && n1 + n2 <= max) return true;
    if (max == 0) n1 = n2 = 0;
    else if (cut->cut != TOKEN_LONGEST_FIRST) {
        size_t *n = cut->cut == TOKEN_ONLY_FIRST ? &n1 : &n2, more = n1 + n2 - max;
        if (cut->cut == TOKEN_ONLY_SECOND && !b) return err_set(e, ERR_INVALID, "truncation of the second text is asked for, but there is one only");
        if (*n <= more) return err_set(e, ERR_INVALID, "the text that may be truncated is too short to reach %zu tokens", cut->length_max);
        *n -= more;
    } else if (!b) n1 = max;
    else {
        bool swap = n1 > n2;
        size_t small = swap ? n2 : n1, large = small;
        if (small <= max) large = small > max - small ? small : max - small;
        if (small + large > max) small = max / 2, large = small + max % 2;
        n1 = swap ? large : small;
        n2 = swap ? small : large;
    }
    return encoding_truncate(a, n1, cut, e) && (!b || encoding_truncate(b, n2, cut, e));
}

static bool encode(struct token_encoder *x, str text, const str *pair, const struct token_options *options, struct encoding *out,
                   struct err *e)
{
    static const struct token_options none;
    const struct token_options *o = options ? options : &none;
    struct encoding first = { 0 }, second = { 0 };
    bool ok = one_text(x, text, o, 0, &first, e) && (!pair || one_text(x, *pair, o, 1, &second, e)) &&
              truncate(x->t, o, &first, pair ? &second : NULL, e) &&
              post_process(x->t, &first, pair ? &second : NULL, !o->no_special, out, e);
    if (ok && !o->no_padding && (o->padding || x->t->has_padding)) encoding_pad_batch(x->t, o->padding, out, 1);
    encoding_deinit(&first);
    encoding_deinit(&second);
    return ok;
}

bool token_encode(struct token_encoder *x, str text, const struct token_options *options, struct encoding *out, struct err *e)
{
    return encode(x, text, NULL, options, out, e);
}
bool token_encode_pair(struct token_encoder *x, str text, str pair, const struct token_options *options, struct encoding *out,
                       struct err *e)
{
    return encode(x, text, &pair, options, out, e);
}

bool token_encode_ids(struct token_encoder *x, str text, const struct token_options *options, uint32_t *ids, size_t room, size_t *n,
                      struct err *e)
{
    static const struct token_options none;
    const struct token_options *o = options ? options : &none;
    struct literals l = literals_of(o, true);
    size_t at = *n;
    bool ok = text_tokens(x, &text, &l, e);
    mem_free(l.moved);
    if (!ok) return false;
    const struct template_part *part;
    size_t parts = post_template(x->t, false, &part), more = 0;
    for (size_t i = 0; i < parts; i++) /* a template may say the text more than once */
        more += part[i].sequence == 0 ? x->toks.n : part[i].sequence == 2 && !o->no_special ? part[i].ids_count : 0;
    if (more > room - at) return err_set(e, ERR_TOO_LARGE, "the text makes %zu tokens, and there is room for %zu", more, room - at);
    for (size_t i = 0; i < parts; i++) {
        if (part[i].sequence == 0)
            for (size_t k = 0; k < x->toks.n; k++) ids[at++] = x->toks.item[k].id;
        for (size_t k = 0; part[i].sequence == 2 && !o->no_special && k < part[i].ids_count; k++) ids[at++] = part[i].id[k];
    }
    *n = at;
    return true;
}

struct token_encoder *token_encoder_new(const struct tokenizer *t)
{
    struct token_encoder *x = mem_one(struct token_encoder);
    x->t = t;
    x->cache = cache_new();
    buf_init(&x->clean, (size_t)3 * TOKEN_TEXT_MAX);
    return x;
}

void token_encoder_free(struct token_encoder *x)
{
    if (!x) return;
    for (size_t i = 0; i < COUNT(x->norm); i++) norm_free(&x->norm[i]);
    for (size_t i = 0; i < COUNT(x->splits); i++) mem_free(x->splits[i].item);
    mem_free(x->changes.item);
    mem_free(x->toks.item);
    buf_deinit(&x->clean);
    pattern_use_end(&x->regex);
    cache_free(x->cache);
    void *rest[] = { x->bpe.id, x->bpe.len, x->bpe.prev, x->bpe.next, x->bpe.rank, x->bpe.heap,
                     x->lattice.score, x->lattice.id, x->lattice.from };
    for (size_t i = 0; i < COUNT(rest); i++) mem_free(rest[i]);
    mem_free(x);
}
