/* model/generate/beam.c - see model/generate/beam.h.
 *
 * Invariants between steps: every beam that goes on has all its tokens but the newest in its kv; beams and finished
 * ones are sorted, best first.  Scores are floats, and divided and added in the reference's order, so that near ties
 * fall the same way. */
#include "model/generate/beam.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "model/generate/generator_priv.h"

struct beam {
    struct kv *kv; /* NULL of finished ones */
    struct grammar_state *grammar;
    uint32_t *token; /* the prompt and what is new */
    float score;
};

struct candidate {
    float score;
    uint32_t beam, token;
    bool ends;
};

struct beam_search {
    struct generator *g;
    struct sequence_options o;
    struct beam_options b;
    uint32_t stop[SEQUENCE_STOP_MAX];
    struct sampler *sampler;
    float *log_p; /* [vocab] */
    struct beam beam[BEAMS_MAX], finished[BEAMS_MAX];
    size_t finished_count[BEAMS_MAX]; /* tokens of each */
    size_t beams, finisheds;
    size_t prompt, count; /* tokens of the prompt; of each beam */
    size_t pages_promised;
    bool done;
    struct candidate candidate[BEAMS_MAX * (SEQUENCE_STOP_MAX + 1)];
    size_t candidates, candidates_most;
};

bool beam_search_new(struct generator *g, const uint32_t *prompt, size_t n, const struct sequence_options *o,
                     struct beam_search **out, struct err *e)
{
    const struct beam_options *b = &o->beams;
    size_t more;
    if (b->beams < 1 || b->beams > BEAMS_MAX) return err_set(e, ERR_INVALID, "there may be 1 to %d beams", BEAMS_MAX);
    if (o->sampling.do_sample)
        return err_set(e, ERR_NOT_BUILT,
                       "beam search with sampling (do_sample and num_beams together) is not supported");
    if (o->stop_text_count) return err_set(e, ERR_NOT_BUILT, "beam search with stop strings is not supported");
    if (!generator_check(g, n, b->beams, o, &more, e)) return false;
    struct beam_search *s = mem_one(struct beam_search);
    size_t ends = 1 + o->stop_count > 2 ? 1 + o->stop_count : 2;
    must(o->stop_count <= SEQUENCE_STOP_MAX);
    s->g = g;
    s->o = *o;
    s->b = *b;
    s->o.new_tokens_max = more;
    s->o.sampling.length_max = (uint32_t)(n + more);
    s->o.sampling.keep_min = (uint32_t)o->stop_count + 1;
    if (o->stop_count) memcpy(s->stop, o->stop, o->stop_count * sizeof *o->stop);
    s->sampler = sampler_new(&s->o.sampling, decoder_config(g->d)->vocab);
    s->log_p = mem_alloc(decoder_config(g->d)->vocab * sizeof *s->log_p);
    s->candidates_most = ends * b->beams;
    s->prompt = s->count = n;
    s->done = more == 0;
    s->beams = 1;
    s->beam[0] = (struct beam){ .kv = kv_new(g->pool), .token = mem_alloc((n + more + 1) * sizeof *prompt),
                                .grammar = o->matcher ? grammar_state_new(o->matcher) : NULL };
    memcpy(s->beam[0].token, prompt, n * sizeof *prompt);
    s->pages_promised = b->beams * generator_pages_of(n + more);
    g->pages_promised += s->pages_promised;
    *out = s;
    return true;
}

static void beam_free(struct beam *b)
{
    kv_free(b->kv);
    grammar_state_free(b->grammar);
    mem_free(b->token);
    *b = (struct beam){ 0 };
}

void beam_search_free(struct beam_search *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->beams; i++) beam_free(&s->beam[i]);
    for (size_t i = 0; i < s->finisheds; i++) beam_free(&s->finished[i]);
    s->g->pages_promised -= s->pages_promised;
    sampler_free(s->sampler);
    mem_free(s->log_p);
    mem_free(s);
}

/* ------------------------------------------------------------------ candidates */

static bool ends_sequence(const struct beam_search *s, uint32_t token)
{
    for (size_t i = 0; i < s->o.stop_count; i++)
        if (s->stop[i] == token) return true;
    return s->count + 1 == s->prompt + s->o.new_tokens_max;
}

/* The list is sorted, equals in the order in which they come. */
static void consider(struct beam_search *s, float score, uint32_t beam, uint32_t token)
{
    size_t at = s->candidates;
    if (at == s->candidates_most && !(score > s->candidate[at - 1].score)) return;
    if (at == s->candidates_most) at--;
    else s->candidates++;
    for (; at > 0 && score > s->candidate[at - 1].score; at--) s->candidate[at] = s->candidate[at - 1];
    s->candidate[at] = (struct candidate){ score, beam, token, ends_sequence(s, token) };
}

static void log_softmax(const float *logits, float *out, size_t n)
{
    double log_sum = logits_log_sum(logits, n);
    for (size_t i = 0; i < n; i++) out[i] = (float)((double)logits[i] - log_sum);
}

static void consider_beam(struct beam_search *s, uint32_t at, const float *logits)
{
    struct beam *b = &s->beam[at];
    size_t vocab = decoder_config(s->g->d)->vocab;
    uint64_t *mask = b->grammar ? s->g->mask : NULL;
    if (b->grammar && !grammar_mask(b->grammar, mask)) return; /* a dead end of the vocabulary */
    log_softmax(logits, s->log_p, vocab);
    const float *score = sampler_scores(s->sampler, s->log_p, b->token, s->count, s->count - s->prompt, mask);
    for (uint32_t i = 0; i < vocab; i++)
        if (score[i] > -INFINITY) consider(s, score[i] + b->score, at, i);
}

/* ------------------------------------------------------------------ a step */

static void finish(struct beam_search *s, const struct candidate *c)
{
    float length = (float)pow((double)(s->count + 1 - s->prompt), s->b.length_penalty), score = c->score / length;
    size_t at = s->finisheds, most = s->b.beams;
    if (at == most && !(score > s->finished[at - 1].score)) return;
    if (at == most) beam_free(&s->finished[--at]);
    else s->finisheds++;
    for (; at > 0 && score > s->finished[at - 1].score; at--) {
        s->finished[at] = s->finished[at - 1];
        s->finished_count[at] = s->finished_count[at - 1];
    }
    uint32_t *token = mem_alloc((s->count + 1) * sizeof *token);
    memcpy(token, s->beam[c->beam].token, s->count * sizeof *token);
    token[s->count] = c->token;
    s->finished[at] = (struct beam){ .token = token, .score = score };
    s->finished_count[at] = s->count + 1;
}

/* The beam that a candidate continues: its parent's things are taken by the last that needs them, and copied by the
 * others. */
static bool continue_beam(struct beam_search *s, const struct candidate *c, bool is_last, struct beam *out,
                          struct err *e)
{
    struct beam *parent = &s->beam[c->beam];
    *out = (struct beam){ .score = c->score };
    if (is_last) {
        *out = *parent;
        out->score = c->score;
        *parent = (struct beam){ 0 };
    } else {
        size_t room = s->prompt + s->o.new_tokens_max + 1;
        generator_make_room(s->g, 1);
        if (!kv_fork(parent->kv, parent->kv->length, &out->kv, e)) return false;
        out->token = mem_alloc(room * sizeof *out->token);
        memcpy(out->token, parent->token, s->count * sizeof *out->token);
        if (parent->grammar) out->grammar = grammar_state_fork(parent->grammar);
    }
    out->token[s->count] = c->token;
    if (out->grammar) must(grammar_accept(out->grammar, c->token));
    return true;
}

static bool choose_beams(struct beam_search *s, struct err *e)
{
    const struct candidate *chosen[BEAMS_MAX];
    struct beam next[BEAMS_MAX] = { { 0 } };
    size_t n = 0, made = 0, users[BEAMS_MAX] = { 0 };
    for (size_t i = 0; i < s->candidates && n < s->b.beams; i++) {
        if (s->candidate[i].ends) continue;
        chosen[n++] = &s->candidate[i];
        users[s->candidate[i].beam]++;
    }
    for (size_t i = 0; i < s->beams; i++)
        if (!users[i]) beam_free(&s->beam[i]); /* first, so that its pages are free */
    bool ok = true;
    for (; made < n && ok; made++)
        ok = continue_beam(s, chosen[made], --users[chosen[made]->beam] == 0, &next[made], e);
    for (size_t i = 0; i < s->beams; i++) beam_free(&s->beam[i]);
    memcpy(s->beam, next, sizeof next);
    s->beams = made;
    return ok;
}

/* Could one that goes on still be among the best? */
static bool may_improve(const struct beam_search *s)
{
    if (s->beams == 0) return false;
    if (s->finisheds < s->b.beams) return true;
    if (s->b.stopping == BEAM_STOPS_EARLY) return false;
    size_t length =
        s->b.stopping == BEAM_STOPS_NEVER && s->b.length_penalty > 0 ? s->o.new_tokens_max : s->count - s->prompt;
    return s->beam[0].score / (float)pow((double)length, s->b.length_penalty) > s->finished[s->finisheds - 1].score;
}

static bool forward(struct beam_search *s, struct err *e)
{
    struct generator *g = s->g;
    size_t pages = 0;
    for (struct beam *b = &s->beam[0]; s->count - b->kv->length > DECODER_ROWS_MAX;) { /* a long prompt */
        for (size_t i = 0; i < DECODER_ROWS_MAX; i++)
            g->row[i] = (struct decoder_row){ .token = b->token[b->kv->length + i], .kv = b->kv };
        generator_make_room(g, generator_pages_of(DECODER_ROWS_MAX) + 1);
        if (!decoder_forward(g->run, g->row, DECODER_ROWS_MAX, g->logits, e)) return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < s->beams; i++) {
        struct beam *b = &s->beam[i];
        size_t from = b->kv->length;
        for (size_t at = from; at < s->count; at++)
            g->row[n++] =
                (struct decoder_row){ .token = b->token[at], .kv = b->kv, .wants_logits = at + 1 == s->count };
        pages += generator_pages_of(s->count - from) + 1;
    }
    generator_make_room(g, pages);
    g->figures.steps++;
    g->figures.rows += n;
    return decoder_forward(g->run, g->row, n, g->logits, e);
}

bool beam_search_step(struct beam_search *s, bool *done, struct err *e)
{
    *done = s->done;
    if (s->done) return true;
    if (!forward(s, e)) return false;
    s->candidates = 0;
    for (size_t i = 0, row = 0; i < s->beams; i++, row++) {
        while (!s->g->logits[row]) row++;
        consider_beam(s, (uint32_t)i, s->g->logits[row]);
    }
    bool goes_on = false;
    for (size_t i = 0; i < s->candidates; i++) {
        if (s->candidate[i].ends && i < s->b.beams) finish(s, &s->candidate[i]);
        goes_on |= !s->candidate[i].ends;
    }
    if (!choose_beams(s, e)) return false;
    s->count++;
    *done = s->done = !goes_on || !may_improve(s);
    return true;
}

size_t beam_search_results(const struct beam_search *s, struct beam_result out[BEAMS_MAX])
{
    for (size_t i = 0; i < s->finisheds; i++)
        out[i] = (struct beam_result){ s->finished[i].token + s->prompt, s->finished_count[i] - s->prompt,
                                       s->finished[i].score };
    return s->finisheds;
}
