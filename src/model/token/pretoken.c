/* pretoken.c - pre-tokenisers: a text becomes words.
 *
 * Words are ranges of the current view.  A step either cuts the words (most do), or writes the text anew first
 * (Metaspace, ByteLevel), into norm[1] or norm[2] in turns; norm[0] holds the normalised text, of which later pieces
 * are still to come.  How a match and the gaps around it become words is one
 * small machine, struct knife, for all of them. */
#include "model/token/token_priv.h"

/* ---- the behaviours --------------------------------------------------------------------------------------------- */

struct knife {
    struct splits *out;
    enum split_how how;
    bool invert;
    bool last_was_match, has_own; /* since the word that is being cut began */
};

static void knife_push(struct knife *k, uint32_t from, uint32_t to)
{
    need_room(k->out, 1);
    k->out->item[k->out->n++] = (struct split){ from, to };
    k->has_own = true;
}

static void knife_piece(struct knife *k, uint32_t from, uint32_t to, bool match)
{
    bool join = false;
    match ^= k->invert;
    switch (k->how) {
    case SPLIT_REMOVED:
        if (!match) knife_push(k, from, to);
        return;
    case SPLIT_ISOLATED: break;
    case SPLIT_CONTIGUOUS: join = match == k->last_was_match; break;
    case SPLIT_PREVIOUS: join = match && !k->last_was_match; break;
    case SPLIT_NEXT: join = !match && k->last_was_match; break;
    }
    k->last_was_match = match;
    if (join && k->has_own) k->out->item[k->out->n - 1].to = to;
    else knife_push(k, from, to);
}

static void knife_begin(struct knife *k) { k->last_was_match = k->has_own = false; }

/* Empty words are dropped, from `first` on. */
static void drop_empty(struct splits *s, size_t first)
{
    size_t n = first;
    for (size_t i = first; i < s->n; i++)
        if (s->item[i].to > s->item[i].from) s->item[n++] = s->item[i];
    s->n = n;
}

/* ---- cutting by a class of characters --------------------------------------------------------------------------- */

typedef bool (*class_fn)(uint32_t c, const struct cutter *o);

static bool is_space(uint32_t c, const struct cutter *o) { return (void)o, unicode_is_space(c); }
static bool is_number(uint32_t c, const struct cutter *o) { return (void)o, unicode_is(c, UC_NUMBERS); }
static bool is_delimiter(uint32_t c, const struct cutter *o) { return c == o->c; }
static bool is_punctuation(uint32_t c, const struct cutter *o)
{
    (void)o;
    if (c < 0x80) return (c > 32 && c < 48) || (c > 57 && c < 65) || (c > 90 && c < 97) || (c > 122 && c < 127);
    return unicode_is(c, UC_PUNCTUATION);
}

static void cut_class(const struct view *v, struct split w, const struct cutter *o, class_fn is, struct knife *k)
{
    uint32_t gap = w.from;
    size_t size;
    knife_begin(k);
    for (uint32_t i = w.from; i < w.to; i += (uint32_t)size) {
        if (!is(utf8_get(v->p + i, &size), o)) continue;
        if (gap < i) knife_piece(k, gap, i, false);
        gap = i + (uint32_t)size;
        knife_piece(k, i, gap, true);
    }
    if (gap < w.to) knife_piece(k, gap, w.to, false);
}

static bool cut_pattern(struct token_encoder *x, const struct view *v, struct split w, const struct pattern *p, struct knife *k,
                        struct err *e)
{
    struct pattern_walk walk = { 0 };
    str s = str_n((const char *)v->p + w.from, w.to - w.from);
    uint32_t gap = w.from;
    struct split m;
    bool found;
    knife_begin(k);
    for (;;) {
        if (!pattern_next(p, &x->regex, s, &walk, &m, &found, e)) return false;
        if (!found) break;
        if (w.from + m.from > gap) knife_piece(k, gap, w.from + m.from, false);
        gap = w.from + m.to;
        knife_piece(k, w.from + m.from, gap, true);
    }
    if (gap < w.to) knife_piece(k, gap, w.to, false);
    return true;
}

/* \w+|[^\w\s]+ : what has the same class stays together, white space goes. */
static void cut_whitespace(const struct view *v, struct split w, struct knife *k)
{
    uint32_t from = w.from;
    size_t size;
    unsigned last = 0;
    for (uint32_t i = w.from; i < w.to; i += (uint32_t)size) {
        unsigned f = unicode_of(utf8_get(v->p + i, &size)), class = f & UF_WORD ? UF_WORD : f & UF_SPACE;
        if (i > w.from && class == last) continue;
        if (i > w.from && last != UF_SPACE) knife_push(k, from, i);
        from = i;
        last = class;
    }
    if (w.to > from && last != UF_SPACE) knife_push(k, from, w.to);
}

static void cut_length(const struct view *v, struct split w, uint32_t length, struct knife *k)
{
    uint32_t from = w.from, chars = 0;
    for (uint32_t i = w.from; i < w.to; i += (uint32_t)utf8_size(v->p[i])) {
        if (chars++ < length) continue;
        knife_push(k, from, i);
        from = i;
        chars = 1;
    }
    if (from < w.to) knife_push(k, from, w.to);
}

/* ---- writing the text anew -------------------------------------------------------------------------------------- */

static bool copy_char(struct norm *to, const struct view *v, uint32_t i, size_t size, struct err *e)
{
    if (!norm_room(to, 4, e)) return false;
    struct span at = view_span(v, i, i + (uint32_t)size);
    memcpy(to->p + to->n, v->p + i, size);
    for (size_t k = 0; k < size; k++) to->at[to->n + k] = at;
    to->n += size;
    return true;
}
static bool put_char(struct norm *to, uint32_t c, struct span at, struct err *e)
{
    if (!norm_room(to, 4, e)) return false;
    size_t size = str_utf8_encode(c, (char *)to->p + to->n);
    for (size_t k = 0; k < size; k++) to->at[to->n + k] = at;
    to->n += size;
    return true;
}

/* Word by word into the free norm; in: the words, out: the same words in the new text. */
struct rewrite {
    struct norm *to;
    const struct view *v;
};

static struct span first_span(const struct view *v, struct split w)
{
    return view_span(v, w.from, w.from + (uint32_t)utf8_size(v->p[w.from]));
}

static bool metaspace_word(struct rewrite *r, const struct cutter *o, struct split w, struct err *e)
{
    size_t size;
    uint32_t first = utf8_get(r->v->p + w.from, &size);
    bool begins = first == ' ' || first == o->c;
    struct span at = first_span(r->v, w);
    bool wanted = o->prepend == PREPEND_ALWAYS || (o->prepend == PREPEND_FIRST && at.from == 0);
    if (wanted && !begins && !put_char(r->to, o->c, at, e)) return false;
    for (uint32_t i = w.from; i < w.to; i += (uint32_t)size) {
        uint32_t c = utf8_get(r->v->p + i, &size);
        if (c == ' ' ? !put_char(r->to, o->c, view_span(r->v, i, i + 1), e) : !copy_char(r->to, r->v, i, size, e)) return false;
    }
    return true;
}
static bool space_word(struct rewrite *r, const struct cutter *o, struct split w, struct err *e)
{
    (void)o;
    if (r->v->p[w.from] != ' ' && !put_char(r->to, ' ', first_span(r->v, w), e)) return false;
    for (uint32_t i = w.from; i < w.to; i += (uint32_t)utf8_size(r->v->p[i]))
        if (!copy_char(r->to, r->v, i, utf8_size(r->v->p[i]), e)) return false;
    return true;
}
static bool alphabet_word(struct rewrite *r, const struct cutter *o, struct split w, struct err *e)
{
    (void)o;
    for (uint32_t i = w.from, size; i < w.to; i += size) {
        size = (uint32_t)utf8_size(r->v->p[i]);
        for (uint32_t k = 0; k < size; k++)
            if (!put_char(r->to, byte_to_alphabet(r->v->p[i + k]), view_span(r->v, i, i + size), e)) return false;
    }
    return true;
}

static bool rewrite_words(struct token_encoder *x, struct view *v, struct splits *s, const struct cutter *o,
                          bool (*word)(struct rewrite *, const struct cutter *, struct split, struct err *), struct err *e)
{
    struct rewrite r = { v->at && v->p == x->norm[1].p ? &x->norm[2] : &x->norm[1], v };
    r.to->n = 0;
    if (!norm_room(r.to, v->n, e)) return false;
    for (size_t i = 0; i < s->n; i++) {
        uint32_t from = (uint32_t)r.to->n;
        if (!word(&r, o, s->item[i], e)) return false;
        s->item[i] = (struct split){ from, (uint32_t)r.to->n };
    }
    *v = (struct view){ r.to->p, r.to->at, (uint32_t)r.to->n, 0 };
    return true;
}

/* ---- the steps -------------------------------------------------------------------------------------------------- */

static void swap(struct token_encoder *x)
{
    struct splits s = x->splits[0];
    x->splits[0] = x->splits[1];
    x->splits[1] = s;
}

/* Cuts every word of splits[0] with fn-like code; the result is splits[0] again. */
static bool cut_each(struct token_encoder *x, const struct view *v, const struct cutter *o, struct err *e)
{
    struct splits *in = &x->splits[0], *out = &x->splits[1];
    struct knife k = { .out = out, .how = o->how, .invert = o->invert };
    out->n = 0;
    for (size_t i = 0; i < in->n; i++) {
        struct split w = in->item[i];
        switch (o->kind) {
        case CUT_SPLIT:
        case CUT_BYTES:
            if (!cut_pattern(x, v, w, o->pattern, &k, e)) return false;
            break;
        case CUT_METASPACE: cut_class(v, w, o, is_delimiter, &k); break;
        case CUT_WHITESPACE: cut_whitespace(v, w, &k); break;
        case CUT_WHITESPACE_SPLIT: cut_class(v, w, o, is_space, &k); break;
        case CUT_PUNCTUATION: cut_class(v, w, o, is_punctuation, &k); break;
        case CUT_DIGITS: cut_class(v, w, o, is_number, &k); break;
        case CUT_DELIMITER: cut_class(v, w, o, is_delimiter, &k); break;
        case CUT_LENGTH: cut_length(v, w, o->length, &k); break;
        case CUT_SCRIPTS: cut_scripts(v, w, out); break;
        case CUT_BERT: break; /* two steps, below */
        }
    }
    drop_empty(out, 0);
    swap(x);
    return true;
}

static bool step(struct token_encoder *x, struct view *v, const struct cutter *o, bool last, struct err *e)
{
    switch (o->kind) {
    case CUT_BYTES:
        if (o->add_prefix_space && !rewrite_words(x, v, &x->splits[0], o, space_word, e)) return false;
        if (o->use_regex && !cut_each(x, v, o, e)) return false;
        return (last && x->t->bytes_last) || rewrite_words(x, v, &x->splits[0], o, alphabet_word, e);
    case CUT_METASPACE:
        if (!rewrite_words(x, v, &x->splits[0], o, metaspace_word, e)) return false;
        return !o->split || cut_each(x, v, o, e);
    case CUT_BERT:
        return cut_each(x, v, &(struct cutter){ .kind = CUT_WHITESPACE_SPLIT, .how = SPLIT_REMOVED }, e) &&
               cut_each(x, v, &(struct cutter){ .kind = CUT_PUNCTUATION, .how = SPLIT_ISOLATED }, e);
    default: return cut_each(x, v, o, e);
    }
}

bool cut_words(struct token_encoder *x, struct view *v, struct splits **out, struct err *e)
{
    const struct tokenizer *t = x->t;
    struct splits *s = &x->splits[0];
    need_room(s, 1);
    s->n = 0;
    if (v->n) s->item[s->n++] = (struct split){ 0, v->n };
    for (size_t i = 0; i < t->cutter_count; i++)
        if (!step(x, v, &t->cutter[i], i + 1 == t->cutter_count, e)) return false;
    *out = &x->splits[0];
    return true;
}
