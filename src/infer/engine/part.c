/* infer/engine/part.c - what a call has brought, as the frames that engine.h says. */
#include "base/clock.h"
#include "infer/engine/engine_priv.h"

/* The members of a token.  log_probability NULL: nothing precedes it. */
static void write_token(struct engine *g, struct json_writer *w, uint32_t id, const float *log_probability)
{
    struct buf piece = BUF_INIT(0);
    tokenizer_piece(g->tokenizer, id, &piece);
    jw_kint(w, "id", id);
    jw_kstr(w, "text", buf_str(&piece));
    if (!str_is_utf8(buf_str(&piece))) {
        jw_karray(w, "bytes");
        for (size_t i = 0; i < piece.n; i++) jw_int(w, (uint8_t)piece.p[i]);
        jw_array_end(w);
    }
    jw_key(w, STR("logprob"));
    if (log_probability) jw_real(w, (double)*log_probability);
    else jw_null(w);
    buf_deinit(&piece);
}

/* A prompt's tokens. */
static void write_prefill(struct engine *g, struct json_writer *j, const struct prompt *p)
{
    jw_array(j);
    for (size_t i = 0; i < p->n; i++) {
        jw_object(j);
        write_token(g, j, p->id[i], i ? &p->log_probability[i] : NULL);
        jw_object_end(j);
    }
    jw_array_end(j);
}

void engine_send_echo(struct engine *g, struct work *w, size_t choice)
{
    struct buf b = BUF_INIT(0);
    struct json_writer j = json_writer(&b);
    jw_object(&j);
    jw_kint(&j, "choice", (int64_t)choice);
    jw_kstr(&j, "text", w->prompt[choice / w->o.choices].text);
    if (engine_scores_first(w) && choice % w->o.choices == 0) { /* once for all that continue it */
        jw_key(&j, STR("prefill"));
        write_prefill(g, &j, &w->prompt[choice / w->o.choices]);
    }
    jw_object_end(&j);
    g->sink.part(g->sink.ctx, w->call, buf_str(&b));
    buf_deinit(&b);
}

static void write_new_token(struct engine *g, struct json_writer *w, const struct new_token *t)
{
    jw_object(w);
    write_token(g, w, t->id, &t->log_probability);
    jw_kbool(w, "special", tokenizer_is_special(g->tokenizer, t->id));
    jw_karray(w, "top");
    for (size_t i = 0; i < t->top_count; i++) {
        jw_object(w);
        write_token(g, w, t->top[i], &t->top_log_probability[i]);
        jw_kbool(w, "special", tokenizer_is_special(g->tokenizer, t->top[i]));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
}

/* What a step brought to a choice: its tokens at once, their text as far as it is settled. */
void engine_send_part(struct engine *g, struct work *w, size_t choice)
{
    struct choice *c = &w->choice[choice];
    struct new_token t;
    struct buf b = BUF_INIT(0), tokens = BUF_INIT(0), told = BUF_INIT(0), calls = BUF_INIT(0), thought = BUF_INIT(0), said = BUF_INIT(0);
    struct json_writer j = json_writer(&b), list = json_writer(&tokens), called = json_writer(&calls);
    jw_array(&list);
    while (sequence_take(c->s, &t)) {
        if (!w->first_us) w->first_us = clock_mono_us();
        w->new_count++;
        c->untold++;
        w->thought_count += w->think && w->think[choice].state == THINK_INSIDE;
        if (w->o.sequence.wants_logprobs) write_new_token(g, &list, &t);
    }
    jw_array_end(&list);
    str text = sequence_take_text(c->s);
    bool is_end = sequence_finish(c->s) != FINISH_NOT;
    if (w->think) {
        think_add(&w->think[choice], text, is_end, &thought, &said);
        text = buf_str(&said);
    }
    jw_array(&called);
    if (w->tools) {
        engine_tools_add(w->tools, choice, text, is_end, &told, &called);
        text = buf_str(&told);
    }
    jw_array_end(&called);
    bool tells_tokens = w->o.sequence.wants_logprobs && tokens.n > 2, tells_calls = calls.n > 2; /* more than [] */
    if (text.n || thought.n || tells_tokens || tells_calls || (c->untold && is_end)) {
        jw_object(&j);
        jw_kint(&j, "choice", (int64_t)choice);
        jw_kstr(&j, "text", text);
        if (thought.n) jw_kstr(&j, "thought", buf_str(&thought));
        jw_kint(&j, "new", (int64_t)c->untold);
        jw_kint(&j, "prompt_tokens", (int64_t)w->prompt_count);
        if (tells_tokens) jw_kraw(&j, "tokens", buf_str(&tokens));
        if (tells_calls) jw_kraw(&j, "calls", buf_str(&calls));
        jw_object_end(&j);
        c->untold = 0;
        g->sink.part(g->sink.ctx, w->call, buf_str(&b));
    }
    buf_deinit(&said);
    buf_deinit(&thought);
    buf_deinit(&calls);
    buf_deinit(&told);
    buf_deinit(&tokens);
    buf_deinit(&b);
}

static str finish_name(const struct work *w, size_t choice)
{
    if (w->choice[choice].finish == FINISH_LENGTH) return STR("length");
    return w->tools && engine_tools_has_calls(w->tools, choice) ? STR("tool_calls") : STR("stop");
}

/* Tokens of prompts that were looked at: who leaves before is not billed for the others. */
static size_t prompt_tokens(const struct work *w)
{
    size_t sum = 0;
    for (size_t i = 0; i < w->prompts; i++)
        if (i * w->o.choices < w->choices_begun || i < w->scored) sum += w->prompt[i].n;
    return sum;
}

/* A prompt is billed once, however many choices. */
static size_t cached_tokens(const struct work *w)
{
    size_t sum = w->reused;
    for (size_t i = 0; i < w->choices; i += w->o.choices)
        if (w->choice[i].s) sum += sequence_reused_count(w->choice[i].s);
    return sum;
}

void engine_send_end(struct engine *g, struct work *w)
{
    int64_t now = clock_mono_us();
    struct buf b = BUF_INIT(0);
    struct json_writer j = json_writer(&b);
    jw_object(&j);
    jw_karray(&j, "choices");
    for (size_t i = 0; i < w->choices; i++) {
        jw_object(&j);
        enum finish f = w->choice[i].finish;
        jw_kstr(&j, "finish", finish_name(w, i));
        jw_kstr(&j, "reason", f == FINISH_EOS ? STR("eos_token") : f == FINISH_LENGTH ? STR("length") : STR("stop_sequence"));
        jw_object_end(&j);
    }
    jw_array_end(&j);
    if (w->scored == w->prompts && !engine_scores_first(w)) {
        jw_karray(&j, "prefills");
        for (size_t i = 0; i < w->prompts; i++) write_prefill(g, &j, &w->prompt[i]);
        jw_array_end(&j);
    }
    jw_kint(&j, "prompt_tokens", (int64_t)prompt_tokens(w));
    jw_kint(&j, "cached_tokens", (int64_t)cached_tokens(w));
    jw_kint(&j, "completion_tokens", (int64_t)w->new_count);
    if (w->think) jw_kint(&j, "thought_tokens", (int64_t)w->thought_count);
    jw_kint(&j, "queue_us", (w->has_begun ? w->began_us : now) - w->came_us);
    jw_kint(&j, "first_us", w->first_us ? w->first_us - w->came_us : 0);
    jw_kint(&j, "compute_us", w->has_begun ? now - w->began_us : 0);
    jw_object_end(&j);
    g->sink.end(g->sink.ctx, w->call, buf_str(&b));
    buf_deinit(&b);
}
