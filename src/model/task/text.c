/* model/task/text.c - texts of a request: reading them, and making tokens of them.
 *
 * Texts are UTF-8 here, since JSON is; a text of another origin has to be checked before it is put into a request. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "model/task/task_priv.h"

/* ------------------------------------------------------------------ parameters */

const struct json *param(const struct task *t, const char *name)
{
    const struct json *v = json_get(t->parameters, str_c(name));
    return v && v->type == JSON_NULL ? NULL : v;
}

bool param_count(const struct task *t, const char *name, size_t otherwise, size_t least, size_t most, size_t *out,
                 struct err *e)
{
    const struct json *v = param(t, name);
    int64_t n;
    *out = otherwise;
    if (!v) return true;
    if (!json_int(v, &n) || n < 0 || (uint64_t)n < least || (uint64_t)n > most)
        return err_set(e, ERR_INVALID, "\"%s\" must be a whole number from %zu to %zu", name, least, most);
    *out = (size_t)n;
    return true;
}

bool param_flag(const struct task *t, const char *name, bool otherwise, bool *out, struct err *e)
{
    const struct json *v = param(t, name);
    *out = otherwise;
    return !v || json_bool(v, out) || err_set(e, ERR_INVALID, "\"%s\" must be true or false", name);
}

bool param_str(const struct task *t, const char *name, str otherwise, str *out, struct err *e)
{
    const struct json *v = param(t, name);
    *out = otherwise;
    return !v || json_str(v, out) || err_set(e, ERR_INVALID, "\"%s\" must be a text", name);
}

/* ------------------------------------------------------------------ inputs */

bool task_text(const struct json *v, const char *what, str *out, struct err *e)
{
    if (!json_str(v, out)) return err_set(e, ERR_INVALID, "%s must be a text", what);
    if (out->n > TASK_TEXT_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "%s has more than %d bytes", what, TASK_TEXT_BYTES_MAX);
    if (!out->p) *out = STR("");
    return true;
}

static bool read_input(const struct json *v, bool may_pair, struct task_input *out, struct err *e)
{
    const struct json *pair = json_get(v, STR("text_pair"));
    *out = (struct task_input){ .text = STR("") };
    if (!may_pair || !json_is(v, JSON_OBJECT)) return task_text(v, "an input", &out->text, e);
    return task_text(json_get(v, STR("text")), "\"text\"", &out->text, e) &&
           (!pair || pair->type == JSON_NULL || task_text(pair, "\"text_pair\"", &out->pair, e));
}

bool task_inputs(struct task *t, const struct json *inputs, bool may_pair, struct task_input **out, size_t *n,
                 bool *list, struct err *e)
{
    *list = inputs->type == JSON_ARRAY;
    *n = *list ? inputs->count : 1;
    if (*n > TASK_INPUTS_MAX) return err_set(e, ERR_TOO_LARGE, "a request may have %d inputs", TASK_INPUTS_MAX);
    *out = arena_alloc(t->a, (*n + 1) * sizeof **out);
    if (!*list) return read_input(inputs, may_pair, *out, e);
    size_t i = 0;
    json_each (item, inputs)
        if (!read_input(item, may_pair, &(*out)[i++], e)) return false;
    return true;
}

bool task_cut_side(const struct task *t, enum token_side *out, struct err *e)
{
    str side;
    if (!param_str(t, "truncation_side", STR(""), &side, e)) return false;
    if (side.n == 0) return true;
    *out = str_eq(side, STR("left")) ? TOKEN_LEFT : TOKEN_RIGHT;
    return *out == TOKEN_LEFT || str_eq(side, STR("right")) || err_set(e, ERR_INVALID, "\"truncation_side\" is left or right");
}

bool task_truncation(const struct task *t, enum token_cut otherwise, bool by_default, struct token_truncation *space,
                     const struct token_truncation **cut, struct err *e)
{
    static const struct { const char *name; enum token_cut cut; } known[] = {
        { "longest_first", TOKEN_LONGEST_FIRST },
        { "only_first", TOKEN_ONLY_FIRST },
        { "only_second", TOKEN_ONLY_SECOND },
    };
    const struct json *v = param(t, "truncation");
    bool wanted = by_default;
    *cut = NULL;
    *space = (struct token_truncation){ .cut = otherwise, .side = TOKEN_RIGHT };
    if (str_eq(json_str_or(t->token_config, STR("truncation_side"), STR("right")), STR("left")))
        space->side = TOKEN_LEFT;
    if (!task_cut_side(t, &space->side, e)) return false;
    if (!param_count(t, "max_length", t->tokens_max, 1, t->tokens_max, &space->length_max, e)) return false;
    if (json_is(v, JSON_STRING)) {
        wanted = false;
        for (size_t i = 0; i < COUNT(known); i++)
            if (str_eq(v->s, str_c(known[i].name))) {
                space->cut = known[i].cut;
                wanted = true;
            }
        if (!wanted && !str_eq(v->s, STR("do_not_truncate")))
            return err_set(
                e, ERR_INVALID,
                "\"truncation\" must be true, false, longest_first, only_first, only_second or do_not_truncate");
    } else if (v && !json_bool(v, &wanted)) {
        return err_set(e, ERR_INVALID, "\"truncation\" must be true, false or the name of a strategy");
    }
    if (wanted) *cut = space;
    return true;
}

/* ------------------------------------------------------------------ batches */

void batch_deinit(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) encoding_deinit(&b->encoding[i]);
    mem_free(b->encoding);
    mem_free(b->input);
}

static bool add(struct batch *b, uint32_t input, struct encoding x, struct err *e)
{
    b->tokens += x.n;
    if (b->n == TASK_WINDOWS_MAX || b->tokens > TASK_TOKENS_MAX) {
        encoding_deinit(&x);
        return err_set(e, ERR_TOO_LARGE, "the texts have more than %d windows, or %d tokens in them", TASK_WINDOWS_MAX, TASK_TOKENS_MAX);
    }
    if (b->n == b->room) {
        b->room = b->room ? 2 * b->room : 16;
        b->encoding = mem_grow(b->encoding, b->room * sizeof *b->encoding);
        b->input = mem_grow(b->input, b->room * sizeof *b->input);
    }
    b->encoding[b->n] = x;
    b->input[b->n++] = input;
    return true;
}

bool task_add(struct task *t, uint32_t input, str text, const str *pair, const struct token_truncation *cut,
              bool wants_windows, struct err *e)
{
    struct token_truncation own = { 0 };
    struct token_options o = { .truncation = &own, .no_truncation = !cut, .no_padding = true };
    struct encoding x = { 0 };
    if (cut) own = *cut;
    own.drops_rest = !wants_windows;
    bool ok = pair ? token_encode_pair(t->encoder, text, *pair, &o, &x, e) : token_encode(t->encoder, text, &o, &x, e);
    if (ok && x.n == 0) ok = err_set(e, ERR_INVALID, "the text \"%.*s\" has no tokens", STR_ARG(str_to(text, 60)));
    if (!ok) {
        encoding_deinit(&x);
        return false;
    }
    struct encoding *windows = x.overflow;
    size_t count = x.overflow_count;
    x.overflow = NULL;
    x.overflow_count = 0;
    ok = add(&t->batch, input, x, e);
    for (size_t i = 0; i < count; i++) {
        if (ok) ok = add(&t->batch, input, windows[i], e);
        else encoding_deinit(&windows[i]);
    }
    mem_free(windows);
    return ok;
}

/* ------------------------------------------------------------------ text */

struct char_index chars_of(struct arena *a, str text)
{
    struct char_index x = { .text = text, .at = arena_alloc(a, (text.n + 1) * sizeof *x.at) };
    for (size_t i = 0; i < text.n; i++)
        if (((uint8_t)text.p[i] & 0xC0) != 0x80) x.at[x.n++] = (uint32_t)i;
    x.at[x.n] = (uint32_t)text.n;
    return x;
}

str chars_slice(const struct char_index *x, size_t from, size_t to)
{
    if (to > x->n) to = x->n;
    if (from > to) from = to;
    return str_n(x->text.p + x->at[from], x->at[to] - x->at[from]);
}

static bool token_named(const struct task *t, const struct json *v, uint32_t *id)
{
    str text;
    if (json_is(v, JSON_OBJECT)) v = json_get(v, STR("content"));
    return json_str(v, &text) && tokenizer_id(t->tokenizer, text, id);
}

bool task_special_ids(struct task *t, struct err *e)
{
    const struct { const char *name, *usual[2]; int64_t *out; } token[] = {
        { "mask_token", { "[MASK]", "<mask>" }, &t->mask_id }, { "pad_token", { "[PAD]", "<pad>" }, &t->pad_id },
        { "cls_token", { "[CLS]", "<s>" }, &t->cls_id }, { "unk_token", { "[UNK]", "<unk>" }, &t->unk_id },
    };
    const struct json *map;
    if (!source_json(t->source, STR("special_tokens_map.json"), &map, e)) return false;
    for (size_t i = 0; i < COUNT(token); i++) {
        uint32_t id;
        str name = str_c(token[i].name);
        bool found = token_named(t, json_get(t->token_config, name), &id) || token_named(t, json_get(map, name), &id);
        for (size_t j = 0; !found && j < COUNT(token[i].usual); j++)
            found = tokenizer_id(t->tokenizer, str_c(token[i].usual[j]), &id);
        *token[i].out = found ? (int64_t)id : -1;
    }
    return true;
}

/* transformers, PreTrainedTokenizerBase.clean_up_tokenization. */
static str clean_up(struct arena *a, str text)
{
    static const struct { str from, to; } rule[] = {
        { STR_INIT(" ."), STR_INIT(".") },     { STR_INIT(" ?"), STR_INIT("?") },
        { STR_INIT(" !"), STR_INIT("!") },     { STR_INIT(" ,"), STR_INIT(",") },
        { STR_INIT(" ' "), STR_INIT("'") },    { STR_INIT(" n't"), STR_INIT("n't") },
        { STR_INIT(" 'm"), STR_INIT("'m") },   { STR_INIT(" 's"), STR_INIT("'s") },
        { STR_INIT(" 've"), STR_INIT("'ve") }, { STR_INIT(" 're"), STR_INIT("'re") },
    };
    char *p = arena_alloc(a, text.n + 1);
    size_t n = text.n;
    if (n) memcpy(p, text.p, n);
    for (size_t r = 0; r < COUNT(rule); r++) { /* one after the other over the whole text, as there */
        size_t at = 0, to = 0;
        while (at < n) {
            if (str_starts(str_n(p + at, n - at), rule[r].from)) {
                memcpy(p + to, rule[r].to.p, rule[r].to.n); /* never longer than what it replaces */
                to += rule[r].to.n;
                at += rule[r].from.n;
            } else {
                p[to++] = p[at++];
            }
        }
        n = to;
    }
    return str_n(p, n);
}

bool task_decode(struct task *t, const uint32_t *id, size_t n, bool skip_special, bool clean, str *out, struct err *e)
{
    struct buf b = BUF_INIT(0);
    bool ok = tokenizer_decode(t->tokenizer, id, n, skip_special, &b, e);
    if (ok) *out = arena_dup(t->a, buf_str(&b));
    buf_deinit(&b);
    if (ok && clean && json_bool_or(t->token_config, STR("clean_up_tokenization_spaces"), false))
        *out = clean_up(t->a, *out);
    return ok;
}

/* ------------------------------------------------------------------ numbers */

void softmax_of(const float *x, size_t n, float *out)
{
    memcpy(out, x, n * sizeof *out);
    kernels()->softmax(out, n);
}

float sigmoid_of(float x) { return 1 / (1 + expf(-x)); }

void write_vector(struct task *t, const float *x, size_t n)
{
    if (t->packs) {
        struct buf b = BUF_INIT(0);
        buf_base64(&b, (bytes){ (const uint8_t *)x, n * sizeof *x }); /* little-endian, as all machines of ours are */
        jw_str(&t->w, buf_str(&b));
        buf_deinit(&b);
        return;
    }
    jw_array(&t->w);
    for (size_t i = 0; i < n; i++) jw_float(&t->w, x[i]);
    jw_array_end(&t->w);
}

struct placed {
    float x;
    size_t at;
};
static int larger(const void *a, const void *b)
{
    const struct placed *p = a, *q = b;
    if (p->x != q->x) return p->x > q->x ? -1 : 1;
    return p->at < q->at ? -1 : 1;
}
static void largest_of_many(const float *x, size_t n, size_t most, size_t *out)
{
    struct placed *p = mem_alloc(n * sizeof *p);
    for (size_t i = 0; i < n; i++) p[i] = (struct placed){ x[i] == x[i] ? x[i] : -INFINITY, i };
    qsort(p, n, sizeof *p, larger);
    for (size_t i = 0; i < most; i++) out[i] = p[i].at;
    mem_free(p);
}

void largest(const float *x, size_t n, size_t most, size_t *out)
{
    enum { FEW = 64 }; /* each is put in its place among those found so far */
    size_t found = 0;
    if (most > FEW) {
        largest_of_many(x, n, most, out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (found == most && !(x[i] > x[out[found - 1]])) continue;
        size_t at = found < most ? found++ : found - 1;
        for (; at > 0 && x[i] > x[out[at - 1]]; at--) out[at] = out[at - 1];
        out[at] = i;
    }
}
