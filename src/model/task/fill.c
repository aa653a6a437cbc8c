/* model/task/fill.c - fill-mask.  Source: transformers, pipelines/fill_mask.py. */
#include "model/task/task_priv.h"

enum { TARGETS_MAX = 4096, CHOICES_MAX = 1 << 16 /* of all masks of a request: each is told with its text */ };

struct filling {
    size_t top_k;
    uint32_t *target; /* NULL: any token */
    size_t targets;
    bool wraps;
};

/* A word of the vocabulary, or the first token of a text. */
static bool read_target(struct task *t, str text, struct filling *f, struct err *e)
{
    struct token_options o = { .no_special = true, .no_truncation = true, .no_padding = true };
    struct encoding x = { 0 };
    uint32_t id = 0;
    bool found = tokenizer_id(t->tokenizer, text, &id);
    bool ok = found || token_encode(t->encoder, text, &o, &x, e);
    if (ok && !found && x.n) {
        id = x.id[0];
        found = true;
    }
    encoding_deinit(&x);
    for (size_t i = 0; i < f->targets; i++) found = found && f->target[i] != id;
    if (ok && found && id < body_config(t->body)->vocab) f->target[f->targets++] = id;
    return ok;
}

static bool read_filling(struct task *t, struct filling *f, struct err *e)
{
    const struct json *targets = param(t, "targets");
    size_t count = json_is(targets, JSON_ARRAY) ? targets->count : 1, vocab = body_config(t->body)->vocab;
    str text;
    *f = (struct filling){ 0 };
    if (!param_count(t, "top_k", 5, 1, CHOICES_MAX, &f->top_k, e)) return false;
    if (f->top_k > vocab) f->top_k = vocab;
    if (!targets) return true;
    if (count > TARGETS_MAX) return err_set(e, ERR_TOO_LARGE, "at most %d targets", TARGETS_MAX);
    f->target = arena_alloc(t->a, (count + 1) * sizeof *f->target);
    if (targets->type != JSON_ARRAY && (!task_text(targets, "a target", &text, e) || !read_target(t, text, f, e)))
        return false;
    json_each (item, json_is(targets, JSON_ARRAY) ? targets : NULL)
        if (!task_text(item, "a target", &text, e) || !read_target(t, text, f, e)) return false;
    if (f->targets == 0) return err_set(e, ERR_INVALID, "At least one target must be provided when passed.");
    if (f->top_k > f->targets) f->top_k = f->targets;
    return true;
}

static bool write_choice(struct task *t, const struct encoding *x, size_t mask, uint32_t token, float score,
                         bool is_only, struct err *e)
{
    uint32_t *id = arena_alloc(t->a, x->n * sizeof *id);
    size_t n = 0;
    str text, piece;
    for (size_t i = 0; i < x->n; i++) {
        uint32_t at = i == mask ? token : x->id[i];
        if (at != t->pad_id) id[n++] = at;
    }
    /* Of several masks the others must not be left out as special. */
    if (!task_decode(t, id, n, is_only, true, &text, e) || !task_decode(t, &token, 1, false, true, &piece, e))
        return false;
    jw_object(&t->w);
    jw_key(&t->w, STR("score"));
    jw_float(&t->w, score);
    jw_kint(&t->w, "token", token);
    jw_kstr(&t->w, "token_str", piece);
    jw_kstr(&t->w, "sequence", text);
    jw_object_end(&t->w);
    return true;
}

static bool write_mask(struct task *t, const struct filling *f, const struct encoding *x, size_t mask,
                       const float *logits, bool is_only, struct err *e)
{
    size_t vocab = body_config(t->body)->vocab, *order = arena_alloc(t->a, f->top_k * sizeof *order);
    float *score = mem_alloc(vocab * sizeof *score);
    bool ok = true;
    softmax_of(logits, vocab, score);
    float *of_targets = f->target ? arena_alloc(t->a, f->targets * sizeof *of_targets) : score;
    for (size_t i = 0; i < f->targets; i++) of_targets[i] = score[f->target[i]];
    largest(of_targets, f->target ? f->targets : vocab, f->top_k, order);
    jw_array(&t->w);
    for (size_t i = 0; ok && i < f->top_k && !t->w.out->failed; i++)
        ok = write_choice(t, x, mask, f->target ? f->target[order[i]] : (uint32_t)order[i], of_targets[order[i]],
                          is_only, e);
    jw_array_end(&t->w);
    mem_free(score);
    return ok;
}

/* The masks of one text, whose first row is `row`. */
static bool write_text(struct task *t, const struct filling *f, const struct encoding *x, size_t row, struct err *e)
{
    struct encoder_rows logits;
    size_t masks = 0, *at = arena_alloc(t->a, x->n * sizeof *at), *rows = arena_alloc(t->a, x->n * sizeof *rows);
    for (size_t i = 0; i < x->n; i++)
        if (x->id[i] == t->mask_id) {
            rows[masks] = row + i;
            at[masks++] = i;
        }
    if (masks > 1) jw_array(&t->w);
    for (size_t i = 0; i < masks; i++)
        if (!body_head_rows(t->body, rows + i, 1, &logits, e) || !write_mask(t, f, x, at[i], logits.p, masks == 1, e))
            return false;
    if (masks > 1) jw_array_end(&t->w);
    return true;
}

/* tokenizer_kwargs: {"truncation": true, "max_length": n} */
static bool read_truncation(struct task *t, struct token_truncation *space, const struct token_truncation **cut,
                            struct err *e)
{
    const struct json *whole = t->parameters, *kwargs = param(t, "tokenizer_kwargs");
    if (kwargs && kwargs->type != JSON_OBJECT) return err_set(e, ERR_INVALID, "\"tokenizer_kwargs\" must be an object");
    json_each (p, kwargs)
        if (!str_eq(p->key, STR("truncation")) && !str_eq(p->key, STR("max_length")) && !str_eq(p->key, STR("padding")))
            return err_set(e, ERR_INVALID, "\"tokenizer_kwargs\" may have truncation and max_length, not \"%.*s\"",
                           STR_ARG(str_to(p->key, 60)));
    t->parameters = kwargs;
    bool ok = task_truncation(t, TOKEN_LONGEST_FIRST, false, space, cut, e);
    t->parameters = whole;
    return ok;
}

bool task_read_fill_mask(struct task *t, const struct json *inputs, struct err *e)
{
    struct filling *f = arena_one(t->a, struct filling);
    struct token_truncation space;
    const struct token_truncation *cut;
    struct task_input *input;
    size_t n, choices = 0;
    bool list;
    str mask;
    if (t->mask_id < 0) return err_set(e, ERR_INVALID, "the tokenizer has no mask token");
    tokenizer_token(t->tokenizer, (uint32_t)t->mask_id, &mask);
    if (!read_filling(t, f, e) || !read_truncation(t, &space, &cut, e) || !task_inputs(t, inputs, false, &input, &n, &list, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t masks = 0;
        if (!task_add(t, (uint32_t)i, input[i].text, NULL, cut, false, e)) return false;
        const struct encoding *x = &t->batch.encoding[i];
        for (size_t j = 0; j < x->n; j++) masks += x->id[j] == t->mask_id;
        if (masks == 0)
            return err_set(e, ERR_INVALID, "there is no mask (%.*s) in the text \"%.*s\"", STR_ARG(mask),
                           STR_ARG(str_to(input[i].text, 60)));
        choices += masks * f->top_k;
        if (choices > CHOICES_MAX) return err_set(e, ERR_TOO_LARGE, "so many masks with \"top_k\": %zu have more than %d answers", f->top_k, CHOICES_MAX);
    }
    f->wraps = list && n != 1; /* a list of one is answered as its only text */
    t->state = f;
    if (f->wraps) jw_array(&t->w);
    return true;
}

bool task_take_fill_mask(struct task *t, const struct task_seen *seen, struct err *e)
{
    for (size_t i = seen->first, row = seen->row; i < seen->end; row += t->batch.encoding[i++].n)
        if (!write_text(t, t->state, &t->batch.encoding[i], row, e)) return false;
    return true;
}

bool task_tell_fill_mask(struct task *t, struct err *e)
{
    const struct filling *f = t->state;
    (void)e;
    if (f->wraps) jw_array_end(&t->w);
    return true;
}
