/* normal.c - normalisers, as changes to a text whose every byte remembers what it stands for.
 *
 * Each normaliser writes down what becomes of the text (struct change, the reference's notion), norm_change applies it
 * and carries the ranges over: a replaced character keeps its range, an inserted one takes that of the character before
 * it.  Two norms take turns; the result is in x->norm[0].
 *
 * Output is bounded by a multiple of the input (NORM_FACTOR), for a few bytes of a hostile file may grow each character. */
#include <utf8proc.h>

#include "model/token/token_priv.h"

enum { NORM_FACTOR = 64, NORM_SPARE = 1 << 20 };

void norm_free(struct norm *n)
{
    mem_free(n->p);
    mem_free(n->at);
    *n = (struct norm){ 0 };
}

bool norm_room(struct norm *n, size_t more, struct err *e)
{
    if (n->cap - n->n >= more) return true;
    size_t cap = (n->n + more) * 3 / 2 + 64;
    if (cap > TOKEN_TEXT_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: normalising makes the text larger than %d bytes", TOKEN_TEXT_MAX);
    n->p = mem_grow(n->p, cap);
    n->at = mem_grow(n->at, cap * sizeof *n->at);
    n->cap = cap;
    return true;
}

static bool norm_put(struct norm *n, uint32_t c, struct span at, struct err *e)
{
    if (!norm_room(n, 4, e)) return false;
    size_t size = str_utf8_encode(c, (char *)n->p + n->n);
    for (size_t i = 0; i < size; i++) n->at[n->n + i] = at;
    n->n += size;
    return true;
}

/* A copy of the view, with its ranges spelt out. */
static bool norm_copy(struct norm *n, const struct view *v, struct err *e)
{
    n->n = 0;
    if (!norm_room(n, (size_t)v->n + 4, e)) return false;
    if (v->n) memcpy(n->p, v->p, v->n);
    n->n = v->n;
    if (v->at) {
        memcpy(n->at, v->at, v->n * sizeof *n->at);
        return true;
    }
    for (uint32_t i = 0, size; i < v->n; i += size) {
        size = (uint32_t)utf8_size(v->p[i]);
        for (uint32_t k = 0; k < size; k++) n->at[i + k] = (struct span){ v->base + i, v->base + i + size };
    }
    return true;
}

void change_push(struct changes *c, uint32_t ch, int32_t how)
{
    need_room(c, 1);
    c->item[c->n++] = (struct change){ ch, how };
}

static size_t chars_on(const struct norm *n, size_t at, size_t count)
{
    for (; count > 0 && at < n->n; count--) at += utf8_size(n->p[at]);
    return at;
}

static bool norm_change(struct norm *from, const struct changes *c, struct norm *to, struct err *e)
{
    size_t at = 0;
    to->n = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct change *ch = &c->item[i];
        struct span span = { 0, 0 };
        if (ch->how > 0) {
            if (at > 0) span = from->at[at - 1];
        } else {
            if (at < from->n) span = from->at[at];
            at = chars_on(from, at, 1 + (size_t)-ch->how);
        }
        if (!norm_put(to, ch->c, span, e)) return false;
    }
    return true;
}

/* ---- one character at a time ------------------------------------------------------------------------------------ */

typedef bool (*keep_fn)(uint32_t c);

/* Every character may be dropped (keep), or become up to three. */
static bool filter(struct norm *n, keep_fn keep, struct norm *to, struct err *e)
{
    size_t size;
    to->n = 0;
    if (!norm_room(to, n->n, e)) return false;
    for (size_t i = 0; i < n->n; i += size) {
        uint32_t c = utf8_get(n->p + i, &size);
        if (!keep(c)) continue;
        memcpy(to->p + to->n, n->p + i, size);
        memcpy(to->at + to->n, n->at + i, size * sizeof *n->at);
        to->n += size;
    }
    return true;
}

static bool not_mark(uint32_t c) { return !unicode_is(c, UC_MARKS); }
static bool not_nonspacing(uint32_t c) { return !unicode_is(c, UC_SET(MN)); }
static bool bert_keeps(uint32_t c)
{
    if (c == '\t' || c == '\n' || c == '\r') return true;
    return c != 0 && c != 0xFFFD && !unicode_is(c, UC_OTHERS & ~UC_SET(CN)); /* unassigned ones stay */
}
static bool nmt_keeps(uint32_t c)
{
    return !((c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F);
}
static uint32_t nmt_map(uint32_t c)
{
    bool space = c == 9 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                 c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
    return space ? ' ' : c;
}
static uint32_t space_map(uint32_t c) { return unicode_is_space(c) ? ' ' : c; }

static bool map(struct norm *n, uint32_t (*fn)(uint32_t), struct norm *to, struct err *e)
{
    size_t size;
    to->n = 0;
    for (size_t i = 0; i < n->n; i += size) {
        uint32_t c = utf8_get(n->p + i, &size);
        if (!norm_put(to, fn(c), n->at[i], e)) return false;
    }
    return true;
}

static bool lower(struct norm *n, struct norm *to, struct err *e)
{
    size_t size;
    to->n = 0;
    for (size_t i = 0; i < n->n; i += size) {
        uint32_t c = utf8_get(n->p + i, &size);
        uint32_t small = c < 0x80 ? c + (c - 'A' < 26u ? 32 : 0) : c == 0x130 ? 'i' : (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
        if (!norm_put(to, small, n->at[i], e)) return false;
        if (c == 0x130 && !norm_put(to, 0x307, n->at[i], e)) return false; /* the one letter that becomes two */
    }
    return true;
}

/* The blocks as the reference has them; its 2B920 included. */
static bool is_cjk(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}
static bool spaced_cjk(struct norm *n, struct norm *to, struct err *e)
{
    size_t size;
    to->n = 0;
    for (size_t i = 0; i < n->n; i += size) {
        uint32_t c = utf8_get(n->p + i, &size);
        bool cjk = is_cjk(c);
        if ((cjk && !norm_put(to, ' ', n->at[i], e)) || !norm_put(to, c, n->at[i], e) || (cjk && !norm_put(to, ' ', n->at[i], e)))
            return false;
    }
    return true;
}

static bool alphabet(struct norm *n, struct norm *to, struct err *e)
{
    to->n = 0;
    for (size_t i = 0; i < n->n; i++)
        if (!norm_put(to, byte_to_alphabet(n->p[i]), n->at[i], e)) return false;
    return true;
}

/* ---- those that look further ------------------------------------------------------------------------------------ */

static bool strip(struct norm *n, bool left, bool right, struct norm *to, struct err *e)
{
    size_t from = 0, end = n->n, size;
    if (left)
        while (from < end && unicode_is_space(utf8_get(n->p + from, &size))) from += size;
    while (right && end > from) {
        size_t at = end - 1;
        while (at > from && !utf8_is_lead(n->p[at])) at--;
        if (!unicode_is_space(utf8_get(n->p + at, &size))) break;
        end = at;
    }
    to->n = 0;
    if (!norm_room(to, end - from + 1, e)) return false;
    memcpy(to->p, n->p + from, end - from);
    memcpy(to->at, n->at + from, (end - from) * sizeof *n->at);
    to->n = end - from;
    return true;
}

static bool put_text(struct norm *to, str text, struct span at, struct err *e)
{
    if (!norm_room(to, text.n, e)) return false;
    if (text.n) memcpy(to->p + to->n, text.p, text.n);
    for (size_t i = 0; i < text.n; i++) to->at[to->n + i] = at;
    to->n += text.n;
    return true;
}
static bool put_part(struct norm *to, const struct norm *n, size_t from, size_t end, struct err *e)
{
    if (!norm_room(to, end - from, e)) return false;
    if (end > from) {
        memcpy(to->p + to->n, n->p + from, end - from);
        memcpy(to->at + to->n, n->at + from, (end - from) * sizeof *n->at);
    }
    to->n += end - from;
    return true;
}

static bool replace(struct token_encoder *x, const struct normal *o, struct norm *n, struct norm *to, struct err *e)
{
    const size_t most = n->n * NORM_FACTOR + NORM_SPARE;
    struct pattern_walk w = { 0 };
    struct split m;
    size_t at = 0;
    bool found;
    to->n = 0;
    for (;;) {
        if (!pattern_next(o->pattern, &x->regex, str_n((char *)n->p, n->n), &w, &m, &found, e)) return false;
        if (!found) break;
        struct span span = m.to > 0 ? n->at[m.to - 1] : (struct span){ 0, 0 };
        if (!put_part(to, n, at, m.from, e) || !put_text(to, o->text, span, e)) return false;
        if (to->n > most) return err_set(e, ERR_TOO_LARGE, "tokenizer: its replacements make the text %d times larger", NORM_FACTOR);
        at = m.to;
    }
    return put_part(to, n, at, n->n, e);
}

static bool prepend(str text, struct norm *n, struct norm *to, struct err *e)
{
    to->n = 0;
    if (n->n == 0) return true;
    return put_text(to, text, n->at[0], e) && put_part(to, n, 0, n->n, e);
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static void swap(struct token_encoder *x)
{
    struct norm n = x->norm[0];
    x->norm[0] = x->norm[1];
    x->norm[1] = n;
}

static bool form(struct token_encoder *x, unsigned flag, struct err *e)
{
    x->changes.n = 0;
    form_changes(&x->changes, &x->norm[0], flag);
    if (!norm_change(&x->norm[0], &x->changes, &x->norm[1], e)) return false;
    return swap(x), true;
}

#define STEP(call)                  \
    do {                            \
        if (!(call)) return false;  \
        swap(x);                    \
    } while (0)

static bool bert(struct token_encoder *x, const struct normal *o, struct err *e)
{
    struct norm *n = x->norm;
    if (o->clean) {
        STEP(filter(&n[0], bert_keeps, &n[1], e));
        STEP(map(&n[0], space_map, &n[1], e));
    }
    if (o->cjk) STEP(spaced_cjk(&n[0], &n[1], e));
    if (o->accents) {
        if (!form(x, UF_NFD, e)) return false;
        STEP(filter(&n[0], not_nonspacing, &n[1], e));
    }
    if (o->lower) STEP(lower(&n[0], &n[1], e));
    return true;
}

static bool one(struct token_encoder *x, const struct normal *o, struct err *e)
{
    struct norm *n = x->norm;
    switch (o->kind) {
    case NORMAL_FORM: return form(x, o->form, e);
    case NORMAL_LOWER: STEP(lower(&n[0], &n[1], e)); return true;
    case NORMAL_STRIP: STEP(strip(&n[0], o->left, o->right, &n[1], e)); return true;
    case NORMAL_STRIP_ACCENTS: STEP(filter(&n[0], not_mark, &n[1], e)); return true;
    case NORMAL_REPLACE: STEP(replace(x, o, &n[0], &n[1], e)); return true;
    case NORMAL_PREPEND: STEP(prepend(o->text, &n[0], &n[1], e)); return true;
    case NORMAL_NMT:
        STEP(filter(&n[0], nmt_keeps, &n[1], e));
        STEP(map(&n[0], nmt_map, &n[1], e));
        return true;
    case NORMAL_BYTES: STEP(alphabet(&n[0], &n[1], e)); return true;
    case NORMAL_BERT: return bert(x, o, e);
    case NORMAL_CHARSMAP:
        x->changes.n = 0;
        charsmap_changes(o, &x->changes, &n[0]);
        STEP(norm_change(&n[0], &x->changes, &n[1], e));
        return true;
    }
    return true;
}

/* Normal forms leave a text alone that has no character which they could change. */
static bool is_quiet(const struct tokenizer *t, const struct view *v)
{
    size_t size;
    if (!t->normal_is_form) return false;
    for (size_t i = 0; i < v->n; i += size) {
        if (i + 8 <= v->n) {
            uint64_t eight;
            memcpy(&eight, v->p + i, 8);
            if (!(eight & 0x8080808080808080u)) {
                size = 8;
                continue;
            }
        }
        if (unicode_of(utf8_get(v->p + i, &size)) & t->quiet) return false;
    }
    return true;
}

bool normalise(struct token_encoder *x, struct view *v, struct err *e)
{
    const struct tokenizer *t = x->t;
    if (t->normal_count == 0 || is_quiet(t, v)) return true;
    const size_t most = (size_t)v->n * NORM_FACTOR + NORM_SPARE;
    if (!norm_copy(&x->norm[0], v, e)) return false;
    for (size_t i = 0; i < t->normal_count; i++) {
        if (!one(x, &t->normal[i], e)) return false;
        if (x->norm[0].n > most) return err_set(e, ERR_TOO_LARGE, "tokenizer: normalising makes the text %d times larger", NORM_FACTOR);
    }
    *v = (struct view){ x->norm[0].p, x->norm[0].at, (uint32_t)x->norm[0].n, 0 };
    return true;
}
