/* model/task/answer.c - question-answering: which part of a context answers a question.
 * Source: transformers, pipelines/question_answering.py.
 *
 * The head says of each token how likely an answer begins and ends there; a long context goes through in windows that
 * overlap, and the answers of all windows compete. */
#include <math.h>
#include <stdlib.h>

#include "model/task/task_priv.h"

enum { ANSWERS_MAX = 4096 };

struct asking {
    size_t top_k, answer_max, sequence_max, stride;
    bool may_be_impossible, whole_words;
};
struct question {
    str question, context;
};
struct answer {
    float score;
    size_t from, to; /* characters of the context */
    str text;
};
/* The answers to one question so far. */
struct answers {
    struct task *t;
    const struct asking *ask;
    struct char_index context;
    struct answer *answer;
    size_t n, slots;
    uint32_t *slot; /* [slots], a power of two: 1 + the answer that reads so; 0: free */
    float null_score; /* the least that a window gave "no answer" */
};
struct asked {
    struct asking ask;
    struct answers *of; /* [n], a question each */
    size_t n;
    bool wraps;
};

static bool read_asking(const struct task *t, struct asking *a, struct err *e)
{
    size_t most = t->tokens_max < 384 ? t->tokens_max : 384, unused;
    return param_count(t, "top_k", 1, 1, ANSWERS_MAX, &a->top_k, e) &&
           param_count(t, "max_answer_len", 15, 1, 1u << 30, &a->answer_max, e) &&
           param_count(t, "max_seq_len", most, 1, body_config(t->body)->positions, &a->sequence_max, e) &&
           param_count(t, "doc_stride", a->sequence_max / 2 < 128 ? a->sequence_max / 2 : 128, 0, a->sequence_max,
                       &a->stride, e) &&
           param_count(t, "max_question_len", 64, 1, 1u << 30, &unused,
                       e) && /* tokenizers in Rust take no notice of it, and so do we */
           param_flag(t, "handle_impossible_answer", false, &a->may_be_impossible, e) &&
           param_flag(t, "align_to_words", true, &a->whole_words, e);
}

/* ------------------------------------------------------------------ spans of a window */

/* May an answer begin or end at this token?  The class token stands for "no answer". */
static bool may_answer(const struct task *t, const struct encoding *x, size_t i)
{
    return (x->sequence[i] == 1 && !x->special[i]) || (t->cls_id >= 0 && x->id[i] == t->cls_id);
}

/* Probabilities: what cannot answer has a logit of -10000. */
static void probabilities(const struct task *t, const struct encoding *x, const struct encoder_rows *logits,
                          size_t which, float *out)
{
    for (size_t i = 0; i < x->n; i++) out[i] = may_answer(t, x, i) ? logits->p[i * logits->stride + which] : -10000;
    kernels()->softmax(out, x->n);
}

struct span {
    size_t begin, end;
    float score;
};

/* The most likely spans of at most so many tokens, the likeliest first. */
static size_t best_spans(const struct asking *a, const float *begin, const float *end, size_t n, struct span *out)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n && j - i < a->answer_max; j++) {
            float score = begin[i] * end[j];
            if (found == a->top_k && !(score > out[found - 1].score)) continue;
            size_t at = found < a->top_k ? found++ : found - 1;
            for (; at > 0 && score > out[at - 1].score; at--) out[at] = out[at - 1];
            out[at] = (struct span){ i, j, score };
        }
    return found;
}

/* From the first character of the first token's word to the last of the last token's. */
static void span_chars(const struct encoding *x, const struct span *s, bool whole_words, size_t *from, size_t *to)
{
    *from = x->from[s->begin];
    *to = x->to[s->end];
    if (!whole_words || x->word[s->begin] == TOKEN_NO_WORD || x->word[s->end] == TOKEN_NO_WORD) return;
    for (size_t i = 0; i < x->n; i++) {
        if (x->sequence[i] != 1) continue;
        if (x->word[i] == x->word[s->begin] && x->from[i] < *from) *from = x->from[i];
        if (x->word[i] == x->word[s->end] && x->to[i] > *to) *to = x->to[i];
    }
}

/* Where the answer that reads so stands, in whatever case, or is to stand. */
static uint32_t *slot_of(const struct answers *a, str text)
{
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < text.n; i++) h = (h ^ ((uint8_t)text.p[i] | 32u)) * 0x100000001b3;
    size_t at = (h ^ h >> 29) & (a->slots - 1);
    while (a->slot[at] && !str_eq_nocase(a->answer[a->slot[at] - 1].text, text)) at = (at + 1) & (a->slots - 1);
    return &a->slot[at];
}

/* Answers that read alike are one, whose chances add up. */
static void add_answer(struct answers *a, size_t from, size_t to, float score)
{
    str text = chars_slice(&a->context, from, to);
    uint32_t *slot = slot_of(a, text);
    if (*slot) {
        a->answer[*slot - 1].score += score;
        return;
    }
    a->answer[a->n++] = (struct answer){ score, from, to, text };
    *slot = (uint32_t)a->n;
}

/* A window whose hidden states begin at `first`. */
static bool answer_window(struct answers *a, const struct encoding *x, size_t first, struct err *e)
{
    struct task *t = a->t;
    struct encoder_rows logits;
    size_t from, to, *row = arena_alloc(t->a, x->n * sizeof *row);
    float *begin = arena_alloc(t->a, x->n * sizeof *begin), *end = arena_alloc(t->a, x->n * sizeof *end);
    struct span *span = arena_alloc(t->a, a->ask->top_k * sizeof *span);
    for (size_t i = 0; i < x->n; i++) row[i] = first + i;
    if (!body_head_rows(t->body, row, x->n, &logits, e)) return false;
    probabilities(t, x, &logits, 0, begin);
    probabilities(t, x, &logits, 1, end);
    if (begin[0] * end[0] < a->null_score) a->null_score = begin[0] * end[0];
    begin[0] = end[0] = 0;
    size_t n = best_spans(a->ask, begin, end, x->n, span);
    for (size_t i = 0; i < n; i++) {
        if (!may_answer(t, x, span[i].begin) || !may_answer(t, x, span[i].end)) continue;
        span_chars(x, &span[i], a->ask->whole_words, &from, &to);
        add_answer(a, from, to, span[i].score);
    }
    return true;
}

/* ------------------------------------------------------------------ a question */

static void write_answer(struct task *t, const struct answer *a)
{
    jw_object(&t->w);
    jw_key(&t->w, STR("score"));
    jw_float(&t->w, a->score);
    jw_kint(&t->w, "start", (int64_t)a->from);
    jw_kint(&t->w, "end", (int64_t)a->to);
    jw_kstr(&t->w, "answer", a->text);
    jw_object_end(&t->w);
}

static void write_answers(struct answers *a)
{
    struct task *t = a->t;
    float *score = arena_alloc(t->a, (a->n + 1) * sizeof *score);
    size_t n = a->n < a->ask->top_k ? a->n : a->ask->top_k, *order = arena_alloc(t->a, (n + 1) * sizeof *order);
    for (size_t i = 0; i < a->n; i++) score[i] = a->answer[i].score;
    largest(score, a->n, n, order);
    if (n != 1) jw_array(&t->w);
    for (size_t i = 0; i < n; i++) write_answer(t, &a->answer[order[i]]);
    if (n != 1) jw_array_end(&t->w);
}

static bool read_question(const struct json *v, struct question *out, struct err *e)
{
    if (!json_is(v, JSON_OBJECT))
        return err_set(e, ERR_INVALID,
                       "question-answering takes {\"question\": a text, \"context\": a text}, or a list of these");
    if (!task_text(json_get(v, STR("question")), "\"question\"", &out->question, e) ||
        !task_text(json_get(v, STR("context")), "\"context\"", &out->context, e))
        return false;
    if (out->question.n == 0 || out->context.n == 0)
        return err_set(e, ERR_INVALID, "`%s` cannot be empty", out->question.n ? "context" : "question");
    return true;
}

/* The windows of one question into the batch. */
static bool add_question(struct task *t, struct asked *a, const struct json *v, struct err *e)
{
    const struct asking *ask = &a->ask;
    struct token_truncation cut = { .length_max = ask->sequence_max, .stride = ask->stride, .cut = TOKEN_ONLY_SECOND };
    struct answers *of = &a->of[a->n];
    struct question q;
    size_t before = t->batch.n;
    if (!read_question(v, &q, e) || !task_add(t, (uint32_t)a->n, q.question, &q.context, &cut, true, e)) return false;
    *of = (struct answers){ .t = t, .ask = ask, .context = chars_of(t->a, q.context), .null_score = INFINITY };
    size_t most = (t->batch.n - before) * ask->top_k + 1;
    for (of->slots = 2; of->slots < 2 * most;) of->slots *= 2;
    of->answer = arena_try_array(t->a, most, sizeof *of->answer);
    of->slot = arena_try_array(t->a, of->slots, sizeof *of->slot);
    a->n++;
    return (of->answer && of->slot) || err_set(e, ERR_TOO_LARGE, "too many answers for too many windows");
}

bool task_read_questions(struct task *t, const struct json *inputs, struct err *e)
{
    struct asked *a = arena_one(t->a, struct asked);
    bool list = inputs->type == JSON_ARRAY;
    if (list && inputs->count > TASK_INPUTS_MAX)
        return err_set(e, ERR_TOO_LARGE, "a request may have %d inputs", TASK_INPUTS_MAX);
    if (str_eq(json_str_or(t->token_config, STR("padding_side"), STR("right")), STR("left")))
        return err_set(e, ERR_NOT_BUILT, "question-answering with a tokenizer that pads on the left is not built");
    if (!read_asking(t, &a->ask, e)) return false;
    a->of = arena_alloc(t->a, ((list ? inputs->count : 1) + 1) * sizeof *a->of);
    a->wraps = list && inputs->count != 1; /* a list of one is answered as its only question */
    t->state = a;
    if (!list) return add_question(t, a, inputs, e);
    json_each (item, inputs)
        if (!add_question(t, a, item, e)) return false;
    return true;
}

bool task_take_questions(struct task *t, const struct task_seen *seen, struct err *e)
{
    struct asked *a = t->state;
    for (size_t i = seen->first, row = seen->row; i < seen->end; row += t->batch.encoding[i++].n)
        if (!answer_window(&a->of[t->batch.input[i]], &t->batch.encoding[i], row, e)) return false;
    return true;
}

bool task_tell_questions(struct task *t, struct err *e)
{
    struct asked *a = t->state;
    (void)e;
    if (a->wraps) jw_array(&t->w);
    for (struct answers *of = a->of; of < a->of + a->n; of++) {
        if (a->ask.may_be_impossible) of->answer[of->n++] = (struct answer){ .score = of->null_score, .text = STR("") };
        write_answers(of);
    }
    if (a->wraps) jw_array_end(&t->w);
    return true;
}
