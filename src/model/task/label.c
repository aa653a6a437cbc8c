/* model/task/label.c - token-classification: which words of a text are names of what.
 * Source: transformers, pipelines/token_classification.py.
 *
 * Tokens become entities in three steps, of which the strategy says how many are done: a label for each token (none);
 * the labels of a word's tokens made one (first, average, max); neighbours with the same label made one (all but none).
 */
#include <math.h>
#include <stdlib.h>

#include "model/task/task_priv.h"

enum strategy { STRATEGY_NONE, STRATEGY_SIMPLE, STRATEGY_FIRST, STRATEGY_AVERAGE, STRATEGY_MAX };

/* A token, a word or a group: tokens [first, end) of a window. */
struct entity {
    const struct encoding *x;
    size_t first, end; /* tokens, special ones left out */
    size_t label;
    str group;         /* the label without B- and I- */
    float score;
    uint32_t from, to; /* characters */
};

struct labelling {
    struct task *t;
    enum strategy strategy;
    const struct json *ignored; /* NULL: "O" */
    struct task_input *input;
    bool list;
    /* of the text whose windows come: from window `begun` on, up to of_text */
    size_t begun, of_text;
    struct char_index chars;
    struct entity *entity;
    size_t n;
};

/* ------------------------------------------------------------------ words */

static bool is_unknown(const struct labelling *l, const struct encoding *x, size_t i)
{
    return l->t->unk_id >= 0 && x->id[i] == l->t->unk_id;
}

/* Does token i continue a word?  Where tokens do not say so, what has no blank before it does. */
static bool continues_word(const struct labelling *l, const struct encoding *x, size_t i)
{
    str token, text = chars_slice(&l->chars, x->from[i], x->to[i]);
    if (is_unknown(l, x, i)) return false;
    if (tokenizer_marks_subwords(l->t->tokenizer)) {
        if (!tokenizer_token(l->t->tokenizer, x->id[i], &token)) token = STR("");
        size_t chars = 0;
        for (size_t j = 0; j < token.n; j++) chars += ((uint8_t)token.p[j] & 0xC0) != 0x80;
        return text.n == 0 ? chars != 0 : chars != x->to[i] - x->from[i];
    }
    return x->from[i] > 0 && str_chr(chars_slice(&l->chars, x->from[i] - 1, x->from[i] + 1), ' ') == STR_NONE;
}

static size_t best_of(const float *score, size_t n)
{
    size_t at;
    largest(score, n, 1, &at);
    return at;
}

/* One label for tokens [first, end) of a word. */
static void label_word(const struct labelling *l, struct entity *w, const float *score, float *space)
{
    size_t labels = body_config(l->t->body)->labels, chosen = w->first;
    const float *of = score;
    if (l->strategy == STRATEGY_MAX)
        for (size_t i = w->first, best = i; i < w->end; i++) {
            const float *a = score + i * labels, *b = score + best * labels;
            if (a[best_of(a, labels)] > b[best_of(b, labels)]) best = i;
            chosen = best;
        }
    of = score + chosen * labels;
    if (l->strategy == STRATEGY_AVERAGE) {
        memset(space, 0, labels * sizeof *space);
        for (size_t i = w->first; i < w->end; i++) kernels()->axpy(1, score + i * labels, space, labels);
        for (size_t j = 0; j < labels; j++) space[j] /= (float)(w->end - w->first);
        of = space;
    }
    w->label = best_of(of, labels);
    w->score = of[w->label];
}

/* ------------------------------------------------------------------ groups */

static str tag_of(str label, bool *begins)
{
    *begins = str_starts(label, STR("B-"));
    return *begins || str_starts(label, STR("I-")) ? str_from(label, 2) : label;
}

/* What follows the first dash of the label, if it has one. */
static str group_of(str label)
{
    size_t dash = str_chr(label, '-');
    return dash == STR_NONE ? label : str_from(label, dash + 1);
}

/* Neighbours [first, n) with one tag become one, in place. */
static void group(struct labelling *l, size_t first)
{
    const str *label = body_config(l->t->body)->label;
    size_t to = first, count = 0, last = 0;
    double sum = 0;
    for (size_t i = first; i < l->n; i++) {
        struct entity x = l->entity[i];
        bool begins, other;
        str tag = tag_of(label[x.label], &begins);
        if (i > first && !begins && str_eq(tag, tag_of(label[last], &other))) {
            struct entity *g = &l->entity[to - 1];
            g->end = x.end;
            g->to = x.to;
            sum += (double)x.score;
            g->score = (float)(sum / (double)++count);
        } else {
            x.group = group_of(label[x.label]);
            sum = (double)x.score;
            count = 1;
            l->entity[to++] = x;
        }
        last = x.label; /* of the last that joined: I-A goes on after B-A */
    }
    l->n = to;
}

static bool is_ignored(const struct labelling *l, const struct entity *x)
{
    str name = l->strategy == STRATEGY_NONE ? body_config(l->t->body)->label[x->label] : x->group;
    if (!l->ignored) return str_eq(name, STR("O"));
    json_each (item, l->ignored)
        if (item->type == JSON_STRING && str_eq(item->s, name)) return true;
    return false;
}

/* ------------------------------------------------------------------ a window */

/* score: [tokens][labels]. */
static void label_window(struct labelling *l, const struct encoding *x, const float *score)
{
    size_t first = l->n, labels = body_config(l->t->body)->labels;
    float *space = arena_alloc(l->t->a, labels * sizeof *space);
    bool by_word = l->strategy > STRATEGY_SIMPLE;
    for (size_t i = 0; i < x->n; i++) {
        if (x->special[i]) continue;
        struct entity *last = l->n > first ? &l->entity[l->n - 1] : NULL;
        if (by_word && last && continues_word(l, x, i)) {
            last->end = i + 1;
            last->to = x->to[i];
            continue;
        }
        l->entity[l->n++] = (struct entity){ .x = x, .first = i, .end = i + 1, .from = x->from[i], .to = x->to[i] };
    }
    for (size_t i = first; i < l->n; i++) {
        struct entity *w = &l->entity[i];
        if (by_word) label_word(l, w, score, space);
        else {
            w->label = best_of(score + w->first * labels, labels);
            w->score = score[w->first * labels + w->label];
        }
    }
    if (l->strategy != STRATEGY_NONE) group(l, first);
    size_t to = first;
    for (size_t i = first; i < l->n; i++)
        if (!is_ignored(l, &l->entity[i])) l->entity[to++] = l->entity[i];
    l->n = to;
}

static int by_start(const void *a, const void *b)
{
    const struct entity *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return x->x < y->x ? -1 : x->x > y->x; /* as they were: windows stand in order */
}

/* Windows overlap: of two entities in one place the longer stays, then the likelier. */
static void merge_windows(struct labelling *l)
{
    size_t to = 0;
    if (l->n == 0) return;
    qsort(l->entity, l->n, sizeof *l->entity, by_start);
    struct entity last = l->entity[0];
    for (size_t i = 0; i < l->n; i++) {
        struct entity x = l->entity[i];
        uint32_t length = x.to - x.from, of_last = last.to - last.from;
        if (last.from <= x.from && x.from < last.to) {
            if (length > of_last || (length == of_last && x.score > last.score)) last = x;
        } else {
            l->entity[to++] = last;
            last = x;
        }
    }
    l->entity[to++] = last;
    l->n = to;
}

/* ------------------------------------------------------------------ what is told */

/* A token as it is written; for the unknown one what the text has in its place. */
static str token_text(const struct labelling *l, const struct encoding *x, size_t i)
{
    str token = STR("");
    if (is_unknown(l, x, i)) return chars_slice(&l->chars, x->from[i], x->to[i]);
    tokenizer_token(l->t->tokenizer, x->id[i], &token);
    return token;
}

static bool join(struct labelling *l, const str *token, size_t n, str *out, struct err *e)
{
    struct buf b = BUF_INIT(0);
    bool ok = tokenizer_join(l->t->tokenizer, token, n, &b, e);
    if (ok) *out = arena_dup(l->t->a, buf_str(&b));
    buf_deinit(&b);
    return ok;
}

/* The tokens of a group as text.  Where words were looked at, each is made text by itself first and these are joined as
 * if they were tokens: what that does to blanks and to characters of several tokens is Transformers' way. */
static bool words_of(struct labelling *l, const struct entity *g, str *out, struct err *e)
{
    str *token = arena_alloc(l->t->a, (g->end - g->first + 1) * sizeof *token);
    size_t n = 0, first = 0;
    for (size_t i = g->first; i < g->end; i++) {
        if (g->x->special[i]) continue;
        bool begins = l->strategy > STRATEGY_SIMPLE && n > first && !continues_word(l, g->x, i);
        if (begins) {
            if (!join(l, token + first, n - first, &token[first], e)) return false;
            n = ++first;
        }
        token[n++] = token_text(l, g->x, i);
    }
    if (l->strategy > STRATEGY_SIMPLE) {
        if (!join(l, token + first, n - first, &token[first], e)) return false;
        n = first + 1;
    }
    return join(l, token, n, out, e);
}

static bool write_entity(struct labelling *l, const struct entity *x, struct err *e)
{
    struct task *t = l->t;
    str word;
    bool plain = l->strategy == STRATEGY_NONE;
    if (!plain && !words_of(l, x, &word, e)) return false;
    if (plain) word = token_text(l, x->x, x->first);
    jw_object(&t->w);
    jw_kstr(&t->w, plain ? "entity" : "entity_group", plain ? body_config(t->body)->label[x->label] : x->group);
    jw_key(&t->w, STR("score"));
    jw_float(&t->w, x->score);
    if (plain) jw_kint(&t->w, "index", (int64_t)x->first);
    jw_kstr(&t->w, "word", word);
    jw_kint(&t->w, "start", x->from);
    jw_kint(&t->w, "end", x->to);
    jw_object_end(&t->w);
    return true;
}

/* Room for the entities of the text that window `first` begins. */
static void begin_text(struct labelling *l, size_t first)
{
    const struct batch *b = &l->t->batch;
    size_t tokens = 0, end = first;
    for (; end < b->n && b->input[end] == b->input[first]; end++) tokens += b->encoding[end].n;
    l->begun = first;
    l->of_text = end;
    l->chars = chars_of(l->t->a, l->input[b->input[first]].text);
    l->entity = arena_alloc(l->t->a, (tokens + 1) * sizeof *l->entity);
    l->n = 0;
}

static bool end_text(struct labelling *l, size_t windows, struct err *e)
{
    if (windows > 1) merge_windows(l);
    jw_array(&l->t->w);
    for (size_t i = 0; i < l->n; i++)
        if (!write_entity(l, &l->entity[i], e)) return false;
    jw_array_end(&l->t->w);
    return true;
}

/* A window whose hidden states begin at `row`. */
static bool run_window(struct labelling *l, const struct encoding *x, size_t row, struct err *e)
{
    struct task *t = l->t;
    struct encoder_rows logits;
    size_t labels = body_config(t->body)->labels, *rows = arena_alloc(t->a, x->n * sizeof *rows);
    float *score = arena_try_array(t->a, x->n * labels, sizeof *score);
    if (!score) return err_set(e, ERR_TOO_LARGE, "the texts are too long for one request");
    for (size_t j = 0; j < x->n; j++) rows[j] = row + j;
    if (!body_head_rows(t->body, rows, x->n, &logits, e)) return false;
    for (size_t j = 0; j < x->n; j++) softmax_of(logits.p + j * logits.stride, labels, score + j * labels);
    label_window(l, x, score);
    return true;
}

bool task_take_labelling(struct task *t, const struct task_seen *seen, struct err *e)
{
    struct labelling *l = t->state;
    for (size_t i = seen->first, row = seen->row; i < seen->end; row += t->batch.encoding[i++].n) {
        if (i == l->of_text) begin_text(l, i);
        if (!run_window(l, &t->batch.encoding[i], row, e)) return false;
        if (i + 1 == l->of_text && !end_text(l, l->of_text - l->begun, e)) return false;
    }
    return true;
}

/* ------------------------------------------------------------------ parameters */

static bool read_strategy(const struct task *t, enum strategy *out, struct err *e)
{
    static const char *const names[] = { "none", "simple", "first", "average", "max" };
    str name;
    *out = STRATEGY_NONE;
    if (!param_str(t, "aggregation_strategy", STR("none"), &name, e)) return false;
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_eq_nocase(name, str_c(names[i]))) {
            *out = (enum strategy)i;
            return true;
        }
    return err_set(e, ERR_INVALID, "\"aggregation_strategy\" must be none, simple, first, average or max");
}

/* Without a stride Transformers cuts a text that is too long, if tokenizer_config.json says what is. */
static bool read_windows(const struct task *t, enum strategy strategy, struct token_truncation *cut, bool *windows,
                         struct err *e)
{
    *cut = (struct token_truncation){ .length_max = t->tokens_max, .cut = TOKEN_LONGEST_FIRST };
    *windows = param(t, "stride") != NULL;
    if (!*windows) return true;
    if (strategy == STRATEGY_NONE)
        return err_set(e, ERR_INVALID, "\"stride\" needs an \"aggregation_strategy\" other than none");
    return param_count(t, "stride", 0, 0, t->tokens_max - 1, &cut->stride, e);
}

bool task_read_labelling(struct task *t, const struct json *inputs, struct err *e)
{
    struct labelling *l = arena_one(t->a, struct labelling);
    struct token_truncation cut;
    size_t n;
    bool windows;
    l->t = t;
    l->ignored = param(t, "ignore_labels");
    if (l->ignored && l->ignored->type != JSON_ARRAY) return err_set(e, ERR_INVALID, "\"ignore_labels\" must be a list");
    if (!read_strategy(t, &l->strategy, e) || !read_windows(t, l->strategy, &cut, &windows, e) ||
        !task_inputs(t, inputs, false, &l->input, &n, &l->list, e))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!task_add(t, (uint32_t)i, l->input[i].text, NULL, windows || t->limit_is_files ? &cut : NULL, windows, e)) return false;
    t->state = l;
    if (l->list) jw_array(&t->w);
    return true;
}

bool task_tell_labelling(struct task *t, struct err *e)
{
    const struct labelling *l = t->state;
    (void)e;
    if (l->list) jw_array_end(&t->w);
    return true;
}
