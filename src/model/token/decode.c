/* decode.c - ids back to text: token texts, then the decoder's steps over the list of them.
 *
 * The usual byte-level tokenizer has one step, and its tokens' bytes are in the block: they are added up and checked
 * once.  Other chains work on a list of views in an arena, each step making the next list. */
#include "base/hash.h"
#include "model/token/token_priv.h"

enum { STEPS_MAX = 32 };

struct list {
    str *item;
    size_t n;
};

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool decoder_fields(struct tokenizer *t, const struct json *v, str type, struct decoder *o, struct err *e)
{
    int64_t start = json_int_or(v, STR("start"), 0), stop = json_int_or(v, STR("stop"), 0);
    if (str_eq(type, STR("ByteLevel"))) return o->kind = DECODE_BYTES, true;
    if (str_eq(type, STR("ByteFallback"))) return o->kind = DECODE_BYTE_FALLBACK, true;
    if (str_eq(type, STR("Fuse"))) return o->kind = DECODE_FUSE, true;
    if (str_eq(type, STR("WordPiece"))) {
        o->kind = DECODE_WORDPIECE;
        o->text = json_str_or(v, STR("prefix"), STR("##"));
        o->flag = json_bool_or(v, STR("cleanup"), true);
    } else if (str_eq(type, STR("BPEDecoder"))) {
        o->kind = DECODE_BPE;
        o->text = json_str_or(v, STR("suffix"), STR("</w>"));
    } else if (str_eq(type, STR("Metaspace"))) {
        str scheme = json_str_or(v, STR("prepend_scheme"), STR("always"));
        o->kind = DECODE_METASPACE;
        o->text = json_str_or(v, STR("replacement"), STR("\xE2\x96\x81"));
        o->flag = !str_eq(scheme, STR("never")) && json_bool_or(v, STR("add_prefix_space"), true);
    } else if (str_eq(type, STR("Strip"))) {
        o->kind = DECODE_STRIP;
        o->text = json_str_or(v, STR("content"), STR(" "));
        if (start < 0 || stop < 0 || start > UINT32_MAX || stop > UINT32_MAX) return err_set(e, ERR_INVALID, "tokenizer: Strip's start or stop is out of range");
        o->start = (uint32_t)start;
        o->stop = (uint32_t)stop;
    } else if (str_eq(type, STR("Replace"))) {
        o->kind = DECODE_REPLACE;
        o->text = json_str_or(v, STR("content"), STR(""));
        if (!pattern_new(json_get(v, STR("pattern")), t->arena, &o->pattern, e)) return false;
    } else if (str_eq(type, STR("CTC"))) {
        o->kind = DECODE_CTC;
        o->text = json_str_or(v, STR("pad_token"), STR("<pad>"));
        o->other = json_str_or(v, STR("word_delimiter_token"), STR("|"));
        o->flag = json_bool_or(v, STR("cleanup"), true);
    } else {
        return err_set(e, ERR_INVALID, "tokenizer: decoder \"%.*s\" is not known", (int)(type.n < 40 ? type.n : 40), type.p);
    }
    if (o->text.n > 4096 || o->other.n > 4096) return err_set(e, ERR_TOO_LARGE, "tokenizer: a decoder's text is too long");
    return true;
}

bool pipeline_decoder(struct tokenizer *t, const struct json *v, struct err *e)
{
    if (!v || v->type == JSON_NULL) return true;
    str type = json_str_or(v, STR("type"), STR(""));
    t->has_decoder = true;
    if (str_eq(type, STR("Sequence"))) {
        json_each (item, json_get(v, STR("decoders")))
            if (!pipeline_decoder(t, item, e)) return false;
        return true;
    }
    if (!t->decoder) t->decoder = arena_alloc(t->arena, STEPS_MAX * sizeof *t->decoder);
    if (t->decoder_count == STEPS_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: more than %d decoders", STEPS_MAX);
    return decoder_fields(t, v, type, &t->decoder[t->decoder_count++], e);
}

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

size_t utf8_lossy(str s, struct buf *out, bool all)
{
    size_t at = 0;
    while (at < s.n) {
        size_t ok = utf8_valid(str_from(s, at));
        buf_add(out, str_n(s.p + at, ok));
        at += ok;
        if (at == s.n) break;
        size_t n = utf8_malformed((const uint8_t *)s.p + at, s.n - at);
        if (!all && at + n == s.n && utf8_size((uint8_t)s.p[at]) > n && (uint8_t)s.p[at] >= 0xC2) break; /* may be going on */
        buf_lit(out, "\xEF\xBF\xBD");
        at += n;
    }
    return at;
}

static str replaced(struct arena *a, str s, str what, str with)
{
    if (what.n == 0 || str_find(s, what) == STR_NONE) return s;
    struct buf b = BUF_INIT(0);
    for (size_t i; (i = str_find(s, what)) != STR_NONE; s = str_from(s, i + what.n)) {
        buf_add(&b, str_to(s, i));
        buf_add(&b, with);
    }
    buf_add(&b, s);
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static str cleaned(struct arena *a, str s)
{
    static const struct {
        str what, with;
    } rule[] = {
        { STR_INIT(" ."), STR_INIT(".") },     { STR_INIT(" ?"), STR_INIT("?") },       { STR_INIT(" !"), STR_INIT("!") },
        { STR_INIT(" ,"), STR_INIT(",") },     { STR_INIT(" ' "), STR_INIT("'") },      { STR_INIT(" n't"), STR_INIT("n't") },
        { STR_INIT(" 'm"), STR_INIT("'m") },   { STR_INIT(" do not"), STR_INIT(" don't") }, { STR_INIT(" 's"), STR_INIT("'s") },
        { STR_INIT(" 've"), STR_INIT("'ve") }, { STR_INIT(" 're"), STR_INIT("'re") },
    };
    for (size_t i = 0; i < COUNT(rule); i++) s = replaced(a, s, rule[i].what, rule[i].with);
    return s;
}

static str joined(struct arena *a, const struct list *l, str between)
{
    struct buf b = BUF_INIT(0);
    for (size_t i = 0; i < l->n; i++) {
        if (i) buf_add(&b, between);
        buf_add(&b, l->item[i]);
    }
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* ---- the steps -------------------------------------------------------------------------------------------------- */

static void bytes_of_alphabet(str token, struct buf *out)
{
    size_t n, n0 = out->n;
    for (size_t i = 0; i < token.n; i += n) {
        int b = alphabet_to_byte(utf8_get((const uint8_t *)token.p + i, &n));
        if (b < 0) { /* then the token means itself */
            out->n = n0;
            buf_add(out, token);
            return;
        }
        buf_byte(out, (char)b);
    }
}

static void step_bytes(struct arena *a, struct list *l)
{
    struct buf raw = BUF_INIT(0), text = BUF_INIT(0);
    for (size_t i = 0; i < l->n; i++) bytes_of_alphabet(l->item[i], &raw);
    utf8_lossy(buf_str(&raw), &text, true);
    l->item[0] = arena_dup(a, buf_str(&text));
    l->n = 1;
    buf_deinit(&raw);
    buf_deinit(&text);
}

static int fallback_byte(str s)
{
    uint8_t b;
    if (s.n != 6 || !str_starts(s, STR("<0x")) || s.p[5] != '>' || !hex_decode(str_n(s.p + 3, 2), &b, 1)) return -1;
    return b;
}
static void step_byte_fallback(struct arena *a, struct list *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n;) {
        size_t run = 0;
        while (i + run < l->n && fallback_byte(l->item[i + run]) >= 0) run++;
        if (run == 0) {
            l->item[n++] = l->item[i++];
            continue;
        }
        char *text = arena_alloc(a, run + 1);
        for (size_t k = 0; k < run; k++) text[k] = (char)fallback_byte(l->item[i + k]);
        if (str_is_utf8(str_n(text, run))) l->item[n++] = str_n(text, run);
        else
            for (size_t k = 0; k < run; k++) l->item[n++] = STR("\xEF\xBF\xBD");
        i += run;
    }
    l->n = n;
}

static str stripped(const struct decoder *o, str s)
{
    for (uint32_t i = 0; i < o->start && o->text.n && str_starts(s, o->text); i++) s = str_from(s, o->text.n);
    for (uint32_t i = 0; i < o->stop && o->text.n && str_ends(s, o->text); i++) s = str_to(s, s.n - o->text.n);
    return s;
}

static bool pattern_replaced(struct arena *a, const struct decoder *o, struct pattern_use *u, str *s, struct err *e)
{
    struct pattern_walk w = { 0 };
    struct split m;
    struct buf b = BUF_INIT(TOKEN_TEXT_MAX);
    size_t at = 0;
    bool found, ok;
    while ((ok = pattern_next(o->pattern, u, *s, &w, &m, &found, e)) && found) {
        buf_add(&b, str_n(s->p + at, m.from - at));
        buf_add(&b, o->text);
        at = m.to;
    }
    if (ok && at > 0) {
        buf_add(&b, str_from(*s, at));
        *s = arena_dup(a, buf_str(&b));
    }
    if (ok && b.failed) ok = err_set(e, ERR_TOO_LARGE, "decoding makes too much text");
    buf_deinit(&b);
    return ok;
}

static str spaced(struct arena *a, str s) /* which may hold NUL */
{
    char *p = arena_alloc(a, s.n + 1);
    p[0] = ' ';
    if (s.n) memcpy(p + 1, s.p, s.n);
    return str_n(p, s.n + 1);
}

static str step_wordpiece(struct arena *a, const struct decoder *o, str s, bool first)
{
    if (!first) s = o->text.n && str_starts(s, o->text) ? str_from(s, o->text.n) : spaced(a, s);
    return o->flag ? cleaned(a, s) : s;
}

static void step_ctc(struct arena *a, const struct decoder *o, struct list *l)
{
    size_t n = 0;
    str last = { NULL, 0 };
    for (size_t i = 0; i < l->n; i++) {
        str s = l->item[i];
        if (i > 0 && str_eq(s, last)) continue;
        last = s;
        s = replaced(a, s, o->text, STR(""));
        if (o->flag) s = replaced(a, cleaned(a, s), o->other, STR(" "));
        if (s.n) l->item[n++] = s;
    }
    l->n = n;
}

static bool run_step(struct arena *a, const struct decoder *o, struct list *l, struct pattern_use *u, struct err *e)
{
    switch (o->kind) {
    case DECODE_BYTES: step_bytes(a, l); return true;
    case DECODE_BYTE_FALLBACK: step_byte_fallback(a, l); return true;
    case DECODE_CTC: step_ctc(a, o, l); return true;
    case DECODE_FUSE:
        l->item[0] = joined(a, l, STR(""));
        l->n = 1;
        return true;
    default: break;
    }
    for (size_t i = 0; i < l->n; i++) {
        str *s = &l->item[i];
        if (o->kind == DECODE_METASPACE) *s = replaced(a, *s, o->text, i == 0 && o->flag ? STR("") : STR(" "));
        else if (o->kind == DECODE_BPE) *s = replaced(a, *s, o->text, i + 1 == l->n ? STR("") : STR(" "));
        else if (o->kind == DECODE_WORDPIECE) *s = step_wordpiece(a, o, *s, i == 0);
        else if (o->kind == DECODE_STRIP) *s = stripped(o, *s);
        else if (!pattern_replaced(a, o, u, s, e)) return false;
    }
    return true;
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

bool decode_is_bytes(const struct tokenizer *t)
{
    return t->decoder_count == 1 && t->decoder[0].kind == DECODE_BYTES && t->b.head->byte_level;
}

void decode_bytes_add(const struct tokenizer *t, uint32_t id, bool skip_special, struct buf *out)
{
    const bool added = id < t->added_ids && t->added_by_id[id];
    str s = { NULL, 0 };
    if (!added && id < t->b.head->ids) s = block_raw(&t->b, id);
    if (s.n) buf_add(out, s);
    else if (tokenizer_token(t, id, &s) && !(skip_special && tokenizer_is_special(t, id))) bytes_of_alphabet(s, out);
}

static bool decode_list(const struct tokenizer *t, struct arena *a, struct list *l, struct buf *out, struct err *e)
{
    struct pattern_use u = { 0 };
    bool ok = true;
    for (size_t i = 0; i < l->n; i++) u.bytes += l->item[i].n;
    for (size_t i = 0; ok && i < t->decoder_count && l->n; i++) ok = run_step(a, &t->decoder[i], l, &u, e);
    for (size_t i = 0; ok && i < l->n; i++) {
        if (i && !t->has_decoder) buf_byte(out, ' ');
        buf_add(out, l->item[i]);
    }
    pattern_use_end(&u);
    return ok;
}

bool tokenizer_decode(const struct tokenizer *t, const uint32_t *ids, size_t n, bool skip_special, struct buf *out, struct err *e)
{
    bool ok = true;
    if (decode_is_bytes(t)) {
        struct buf raw = BUF_INIT(0);
        for (size_t i = 0; i < n; i++) decode_bytes_add(t, ids[i], skip_special, &raw);
        utf8_lossy(buf_str(&raw), out, true);
        buf_deinit(&raw);
    } else {
        struct arena *a = arena_new(0);
        struct list l = { arena_try_array(a, n + 1, sizeof *l.item), 0 };
        if (!l.item) ok = err_set(e, ERR_TOO_LARGE, "%zu ids are too many to decode at once", n);
        for (size_t i = 0; ok && i < n; i++)
            if (tokenizer_token(t, ids[i], &l.item[l.n]) && !(skip_special && tokenizer_is_special(t, ids[i]))) l.n++;
        ok = ok && decode_list(t, a, &l, out, e);
        arena_free(a);
    }
    return ok && out->failed ? err_set(e, ERR_TOO_LARGE, "the decoded text is larger than its buffer may be") : ok;
}

bool tokenizer_join(const struct tokenizer *t, const str *token, size_t n, struct buf *out, struct err *e)
{
    struct arena *a = arena_new(0);
    struct list l = { arena_try_array(a, n + 1, sizeof *l.item), n };
    bool ok = l.item || err_set(e, ERR_TOO_LARGE, "%zu tokens are too many to decode at once", n);
    if (ok && n) memcpy(l.item, token, n * sizeof *token);
    ok = ok && decode_list(t, a, &l, out, e);
    arena_free(a);
    return ok && out->failed ? err_set(e, ERR_TOO_LARGE, "the decoded text is larger than its buffer may be") : ok;
}

/* The steps that look at one token alone, as they act in the middle of a text. */
bool decode_piece(const struct tokenizer *t, str token, struct buf *out)
{
    struct arena *a = arena_new(0);
    struct pattern_use u = { .bytes = token.n };
    struct err e;
    bool ok = true;
    for (size_t i = 0; ok && i < t->decoder_count; i++) {
        const struct decoder *o = &t->decoder[i];
        if (o->kind == DECODE_REPLACE) ok = pattern_replaced(a, o, &u, &token, &e);
        else if (o->kind == DECODE_METASPACE || o->kind == DECODE_BPE) token = replaced(a, token, o->text, STR(" "));
        else if (o->kind == DECODE_WORDPIECE) token = step_wordpiece(a, o, token, false);
        else if (o->kind == DECODE_BYTES) step_bytes(a, &(struct list){ &token, 1 });
    }
    if (ok) buf_add(out, token);
    pattern_use_end(&u);
    arena_free(a);
    return ok;
}
