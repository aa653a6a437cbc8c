/* model/task/call.c - requests on their way through a model, of which many go together.
 *
 * A request is read (texts become encodings), its encodings go through the model in their order, a step at a time and beside those of
 * other requests, and then it is told.  A pipeline (struct task_row) does the three for itself; here is what all have in common.
 *
 * 1. A step of a request takes encodings [done, done + share), which stand side by side among all that go through.
 * 2. What fails for one request fails for it alone: texts that the model does not take are refused before they go with those of others.
 *    A step of the model that fails all the same fails all who took part. */
#include "base/arena.h"
#include "model/task/task_priv.h"

enum { REQUEST_BYTES_MAX = 1 << 30 };

struct task_call {
    struct task t;
    struct buf answer;
    size_t done, share; /* encodings: that have gone through, that go with this step */
    size_t tokens_done;
    bool has_failed;
    struct err why;
};

static bool check_parameters(const struct task *t, struct err *e)
{
    json_each (p, t->parameters) {
        str rest = str_c(t->row->kind.parameters), word;
        bool known = false;
        while (!known && str_cut(&rest, ' ', &word)) known = str_eq(word, p->key);
        if (!known)
            return err_set(e, ERR_INVALID, "%s has no parameter \"%.*s\"; it has: %s", t->row->kind.name,
                           STR_ARG(str_to(p->key, 60)), t->row->kind.parameters);
    }
    return true;
}

static bool read_request(struct task *t, const struct json *request, struct err *e)
{
    const struct json *inputs = json_get(request, STR("inputs"));
    t->parameters = json_get(request, STR("parameters"));
    t->packs = json_bool_or(request, STR("packed"), false);
    if (t->parameters && t->parameters->type == JSON_NULL) t->parameters = NULL;
    if (!inputs)
        return err_set(e, ERR_INVALID,
                       "a request is {\"inputs\": ..., \"parameters\": {...}}; for %s the inputs are %s",
                       t->row->kind.name, t->row->kind.inputs);
    if (t->parameters && t->parameters->type != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "\"parameters\" must be an object");
    return check_parameters(t, e) && t->row->read(t, inputs, e);
}

static struct encoder_text text_of(const struct task *t, const struct encoding *x)
{
    return (struct encoder_text){ x->id, body_config(t->body)->types > 1 ? x->type : NULL, x->n };
}

static bool check_texts(const struct task *t, struct err *e)
{
    for (size_t i = 0; i < t->batch.n; i++) {
        const struct encoder_text text = text_of(t, &t->batch.encoding[i]);
        if (!encoder_takes(body_config(t->body), &text, e)) return false;
    }
    return true;
}

bool task_begin(struct task *t, const struct json *request, size_t answer_bytes_max, struct task_call **out, struct err *e)
{
    struct task_call *c = mem_one(struct task_call);
    c->t = *t;
    buf_init(&c->answer, answer_bytes_max);
    c->t.a = arena_new(REQUEST_BYTES_MAX);
    c->t.w = json_writer(&c->answer);
    if (!read_request(&c->t, request, e) || !check_texts(&c->t, e)) {
        task_end(c);
        return false;
    }
    *out = c;
    return true;
}

void task_end(struct task_call *c)
{
    if (!c) return;
    batch_deinit(&c->t.batch);
    buf_deinit(&c->answer);
    arena_free(c->t.a);
    mem_free(c);
}

size_t task_tokens_done(const struct task_call *c) { return c->tokens_done; }
bool task_is_done(const struct task_call *c) { return c->has_failed || c->done == c->t.batch.n; }

static const struct encoding *next_of(const struct task_call *c)
{
    return task_is_done(c) || c->done + c->share == c->t.batch.n ? NULL : &c->t.batch.encoding[c->done + c->share];
}

/* Shares for all: a text of each in turn.  Returns how many texts these are. */
static size_t share_out(struct task_call *const *call, size_t n, size_t tokens_max)
{
    size_t texts = 0, tokens = 0, before;
    for (size_t i = 0; i < n; i++) call[i]->share = 0;
    do {
        before = texts;
        for (size_t i = 0; i < n; i++) {
            const struct encoding *x = next_of(call[i]);
            if (!x || (texts && tokens + x->n > tokens_max)) continue;
            tokens += x->n;
            call[i]->share++;
            texts++;
        }
    } while (texts > before && tokens < tokens_max);
    return texts;
}

static bool has_room(const struct task_call *c, struct err *e)
{
    return !c->answer.failed || err_set(e, ERR_TOO_LARGE, "the answer has more than %zu bytes; ask for less at once", c->answer.bytes_max);
}

static void hand_out(struct task_call *const *call, size_t n, const struct encoder_rows *hidden, const struct encoder_rows *texts)
{
    struct task_seen seen = { .hidden = hidden, .texts = texts };
    for (size_t i = 0; i < n; i++) {
        struct task_call *c = call[i];
        if (c->share == 0) continue;
        seen.first = c->done;
        seen.end = c->done += c->share;
        c->has_failed = !c->t.row->take(&c->t, &seen, &c->why) || !has_room(c, &c->why);
        for (size_t k = seen.first; k < seen.end; k++) {
            seen.row += c->t.batch.encoding[k].n;
            c->tokens_done += c->t.batch.encoding[k].n;
        }
        seen.text += c->share;
    }
}

void task_step(struct task_call *const *call, size_t n, size_t tokens_max)
{
    struct encoder_rows hidden, texts;
    struct err why;
    size_t count = share_out(call, n, tokens_max), at = 0;
    if (count == 0) return;
    struct task *t = &call[0]->t;
    bool is_of_texts = t->row->head == HEAD_SEQUENCE;
    struct encoder_text *text = mem_alloc(count * sizeof *text);
    for (size_t i = 0; i < n; i++) {
        must(call[i]->t.body == t->body);
        for (size_t k = 0; k < call[i]->share; k++) text[at++] = text_of(t, &call[i]->t.batch.encoding[call[i]->done + k]);
    }
    if (body_forward(t->body, text, count, &hidden, &why) && (!is_of_texts || body_head_texts(t->body, &texts, &why))) {
        hand_out(call, n, &hidden, is_of_texts ? &texts : NULL);
    } else {
        for (size_t i = 0; i < n; i++)
            if (call[i]->share) call[i]->has_failed = true, call[i]->why = why;
    }
    mem_free(text);
}

bool task_answer(struct task_call *c, struct buf *out, struct err *e)
{
    must(task_is_done(c));
    if (c->has_failed) {
        *e = c->why;
        return false;
    }
    if (!c->t.row->tell(&c->t, e) || !has_room(c, e)) return false;
    buf_add(out, buf_str(&c->answer));
    return true;
}

bool task_run(struct task *t, const struct json *request, struct buf *out, struct err *e)
{
    struct task_call *c;
    if (!task_begin(t, request, REQUEST_BYTES_MAX, &c, e)) return false;
    while (!task_is_done(c)) task_step(&c, 1, TASK_BATCH_TOKENS);
    bool ok = task_answer(c, out, e);
    task_end(c);
    return ok;
}
