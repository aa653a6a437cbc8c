/* model/generate/generator.c - see model/generate/generator.h.
 *
 * A sequence is a list of tokens, of which the first kv->length have been through the decoder.  Invariants between
 * steps:
 * 1. A sequence that is generating has exactly one token that has not, the newest.
 * 2. All that live were promised their pages when they came, so none starves half-way; what is kept of those that are
 *   gone has
 *    what is left, and gives way.
 * The stop token itself is counted as new, and taken. */
#include "model/generate/generator.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "model/generate/generator_priv.h"
#include "model/generate/prefix.h"
#include "model/generate/speculate.h"

enum { PREFIXES_KEPT = 16, MASKS_WORK = 4 * GRAMMAR_WORK, MASK_WORK_LEAST = GRAMMAR_WORK / 4, PROMPT_CONTEXT = 16 /* tokens of the prompt that decide how text goes on */ };

struct sequence {
    struct generator *g;
    struct sequence *next; /* in the order of arrival */
    struct kv *kv;
    struct sampler *sampler;
    struct grammar_state *grammar;
    struct token_stream *stream;
    struct stop_text text;
    struct draft draft;
    struct sequence_options o;
    uint32_t stop[SEQUENCE_STOP_MAX], shown[SEQUENCE_SHOWN_MAX];
    uint32_t *token; /* prompt, then new ones, then guesses */
    size_t prompt_count, count, reused;
    struct new_token *made; /* [new_tokens_max] */
    size_t taken;
    enum finish finish;
    bool has_looked; /* for others that begin alike */
    size_t rows;     /* of the step that is running */
    uint32_t guess[GUESSES_MAX];
    size_t guesses;
};

struct generator *generator_new(const struct decoder *d, struct team *team, size_t kv_bytes)
{
    struct generator *g = mem_one(struct generator);
    size_t page = kv_page_bytes(decoder_config(d));
    g->d = d;
    g->team = team;
    g->run = decoder_run_new(d, team);
    g->pages = kv_bytes / page ? kv_bytes / page : 1;
    g->pool = kv_pool_new(decoder_config(d), g->pages);
    g->kept = prefix_store_new(PREFIXES_KEPT);
    g->mask = mem_alloc((decoder_config(d)->vocab / 64 + 1) * sizeof *g->mask);
    return g;
}

void generator_free(struct generator *g)
{
    if (!g) return;
    must(!g->first);
    prefix_store_free(g->kept);
    kv_pool_free(g->pool);
    decoder_run_free(g->run);
    drafter_free(g->drafter);
    mem_free(g->mask);
    mem_free(g);
}

bool generator_set_draft(struct generator *g, const struct decoder *draft, size_t kv_bytes, struct err *e)
{
    must(!g->first && !g->drafter);
    if (decoder_config(draft)->vocab != decoder_config(g->d)->vocab)
        return err_set(e, ERR_INVALID,
                       "the draft model has %u tokens, and the model %u: they must have the same vocabulary",
                       decoder_config(draft)->vocab, decoder_config(g->d)->vocab);
    g->drafter = drafter_new(draft, g->team, kv_bytes);
    return true;
}

struct generator_figures generator_figures(const struct generator *g) { return g->figures; }

/* ------------------------------------------------------------------ sequences come and go */

size_t generator_pages_of(size_t tokens) { return (tokens + KV_PAGE - 1) / KV_PAGE; }

bool generator_make_room(struct generator *g, size_t pages)
{
    while (kv_pages_free(g->pool) < pages)
        if (!prefix_drop_oldest(g->kept)) return false;
    return true;
}

static size_t new_tokens_allowed(const struct generator *g, size_t prompt, const struct sequence_options *o)
{
    size_t more = decoder_config(g->d)->positions - prompt;
    if (o->length_max && o->length_max < prompt + more) more = o->length_max > prompt ? o->length_max - prompt : 0;
    return o->new_tokens_max < more ? o->new_tokens_max : more;
}

bool generator_check(struct generator *g, size_t prompt, size_t sequences, const struct sequence_options *o,
                     size_t *more, struct err *e)
{
    const struct decoder_config *c = decoder_config(g->d);
    if (prompt == 0) return err_set(e, ERR_INVALID, "there is nothing to continue: the prompt has no tokens");
    if (prompt >= c->positions)
        return err_set(e, ERR_TOO_LARGE, "the prompt has %zu tokens, and the model was made for %u", prompt,
                       c->positions);
    *more = new_tokens_allowed(g, prompt, o);
    size_t pages = sequences * generator_pages_of(prompt + *more);
    if (pages > g->pages)
        return err_set(e, ERR_TOO_LARGE, "%zu tokens do not fit the %zu that there is room for",
                       sequences * (prompt + *more), g->pages * KV_PAGE);
    if (pages > g->pages - g->pages_promised)
        return err_set(e, ERR_BUSY, "there is no room for another sequence of %zu tokens now", prompt + *more);
    return true;
}

/* So that the first new token says " was" and not "was" where the tokenizer makes that difference. */
static bool begin_text(struct sequence *s, struct err *e)
{
    str ignored;
    s->stream = token_stream_new(s->o.tokenizer, true);
    for (size_t i = s->prompt_count > PROMPT_CONTEXT ? s->prompt_count - PROMPT_CONTEXT : 0; i < s->prompt_count; i++)
        if (!token_stream_add(s->stream, s->token[i], &ignored, e)) return false;
    s->text.keeps = s->o.stop_text_kept;
    for (size_t i = 0; i < s->o.stop_text_count; i++) {
        str stop = s->o.stop_text[i];
        if (stop.n == 0) continue;
        if (s->text.stops == STOP_TEXTS_MAX || stop.n > STOP_TEXT_BYTES_MAX)
            return err_set(e, ERR_INVALID, "there may be %d stop strings of %d bytes", STOP_TEXTS_MAX,
                           STOP_TEXT_BYTES_MAX);
        s->text.stop[s->text.stops++] = str_n(mem_dup(stop), stop.n);
    }
    return true;
}

static void sequence_free(struct sequence *s)
{
    for (size_t i = 0; i < s->text.stops; i++) mem_free((char *)(uintptr_t)s->text.stop[i].p);
    stop_text_deinit(&s->text);
    token_stream_free(s->stream);
    grammar_state_free(s->grammar);
    draft_deinit(&s->draft);
    kv_free(s->kv);
    sampler_free(s->sampler);
    mem_free(s->token);
    mem_free(s->made);
    mem_free(s);
}

bool generator_add(struct generator *g, const uint32_t *prompt, size_t n, const struct sequence_options *o,
                   struct sequence **out, struct err *e)
{
    size_t more;
    if (o->beams.beams > 1)
        return err_set(e, ERR_NOT_BUILT, "beam search is not supported here, and num_beams is %u", o->beams.beams);
    if (!generator_check(g, n, 1, o, &more, e)) return false;
    must(o->stop_count <= SEQUENCE_STOP_MAX && o->shown_count <= SEQUENCE_SHOWN_MAX && o->top_logprobs <= SEQUENCE_TOP_MAX &&
         (o->tokenizer || !o->stop_text_count));

    struct sequence *s = mem_one(struct sequence), **last = &g->first;
    s->g = g;
    s->kv = kv_new(g->pool);
    s->kv->adapter = o->adapter;
    s->kv->expected = (uint32_t)n;
    s->o = *o;
    s->o.new_tokens_max = more;
    s->o.sampling.length_max = (uint32_t)(n + more);
    if (o->stop_count) memcpy(s->stop, o->stop, o->stop_count * sizeof *o->stop);
    s->o.stop = s->stop;
    if (o->shown_count) memcpy(s->shown, o->shown, o->shown_count * sizeof *o->shown);
    s->o.shown = s->shown;
    s->sampler = sampler_new(&s->o.sampling, decoder_config(g->d)->vocab);
    s->token = mem_alloc((n + more) * sizeof *s->token);
    s->made = mem_alloc(more * sizeof *s->made);
    memcpy(s->token, prompt, n * sizeof *prompt);
    s->prompt_count = s->count = n;
    if (more == 0) s->finish = FINISH_LENGTH;
    if (o->matcher) s->grammar = grammar_state_new(o->matcher);
    if (o->tokenizer && !begin_text(s, e)) {
        sequence_free(s);
        return false;
    }
    g->pages_promised += generator_pages_of(n + more);
    g->figures.prompt_tokens += n;
    while (*last) last = &(*last)->next;
    *last = s;
    *out = s;
    return true;
}

void generator_remove(struct generator *g, struct sequence *s)
{
    struct sequence **at = &g->first;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    g->pages_promised -= generator_pages_of(s->prompt_count + s->o.new_tokens_max);
    kv_truncate(s->kv, s->kv->length); /* without pages that were reserved only */
    if (!s->o.adapter) { /* which may be gone by the time that somebody asks for the same */
        prefix_keep(g->kept, s->o.owner, s->token, s->kv);
        s->kv = NULL;
    }
    sequence_free(s);
}

/* ------------------------------------------------------------------ sharing what begins alike */

/* A sequence that has computed nothing takes what others have.  False: one that came before it is still computing
 * what both begin with, so that it is worth waiting. */
static bool look_for_prefix(struct generator *g, struct sequence *s)
{
    size_t common = 0, wanted = s->prompt_count - 1; /* the last token is computed in any case, for its logits */
    struct kv *shared;
    struct err e;
    const struct kv *best =
        s->o.adapter ? NULL : prefix_find(g->kept, s->o.owner, s->token, wanted, &common); /* what is kept had no adapter */
    for (struct sequence *other = g->first; other; other = other->next) {
        if (other == s || other->o.adapter != s->o.adapter || other->o.owner != s->o.owner) continue;
        size_t all = prefix_common(s->token, wanted, other->token, other->count),
               now = all < other->kv->length ? all : other->kv->length;
        bool is_before = other->has_looked && other->finish == FINISH_NOT && other->count == other->prompt_count;
        if (is_before && all > now && all >= PREFIX_TOKENS_MIN && all > common) return false;
        if (now >= PREFIX_TOKENS_MIN && now > common) common = now, best = other->kv;
    }
    s->has_looked = true;
    if (!best) return true;
    /* A kept one that gives way to the copy's page may be the one that is copied from: then there is nothing to
     * share. */
    if (kv_pages_free(g->pool) == 0 || !kv_fork(best, (uint32_t)common, &shared, &e)) return true;
    kv_free(s->kv);
    s->kv = shared;
    s->kv->expected = (uint32_t)s->prompt_count;
    s->reused = common;
    g->figures.reused_tokens += common;
    return true;
}

/* ------------------------------------------------------------------ a step */

/* Guesses stand behind the newest token.  There is always room for one token more, which the step will choose. */
static bool make_guesses(struct generator *g, struct sequence *s, size_t most, struct err *e)
{
    size_t new_count = s->count - s->prompt_count, left = s->o.new_tokens_max - new_count - 1;
    if (most > GUESSES_MAX) most = GUESSES_MAX;
    if (most > left) most = left;
    s->guesses = s->grammar ? grammar_forced(s->grammar, s->guess, most) : 0;
    if (s->guesses) {
        /* nothing is likelier than what must come */
    } else if (g->drafter && s->o.draft_tokens) {
        size_t n = most < s->o.draft_tokens ? most : s->o.draft_tokens;
        if (!drafter_guess(g->drafter, &s->draft, &s->o.sampling, s->sampler, s->grammar, s->token, s->count, new_count,
                           s->guess, n, &s->guesses, e))
            return false;
    } else if (s->o.lookup_tokens) {
        size_t n = most < s->o.lookup_tokens ? most : s->o.lookup_tokens;
        s->guesses = guess_by_lookup(s->token, s->count, s->o.lookup_ngram ? s->o.lookup_ngram : 3, s->guess, n);
    }
    if (s->guesses) memcpy(s->token + s->count, s->guess, s->guesses * sizeof *s->guess);
    g->figures.guessed += s->guesses;
    return true;
}

static bool is_generating(const struct sequence *s) { return s->finish == FINISH_NOT && s->count > s->prompt_count; }

static size_t give_rows(struct generator *g, struct sequence *s, size_t n, size_t most)
{
    size_t waiting = s->count + s->guesses - s->kv->length;
    s->rows = waiting < most - n ? waiting : most - n;
    for (size_t i = 0; i < s->rows; i++)
        g->row[n + i] = (struct decoder_row){ .token = s->token[s->kv->length + i],
                                              .kv = s->kv,
                                              .wants_logits = s->kv->length + i + 1 >= s->count };
    /* The page that is being filled may be shared, and then is copied first: hence one more. */
    size_t pages = generator_pages_of(s->kv->length + s->rows);
    g->pages_wanted += 1 + (pages > s->kv->pages ? pages - s->kv->pages : 0);
    return n + s->rows;
}

/* So many rows of prompts go beside tokens that a step takes less than twice as long as one without: who reads along sees no pause. */
static size_t prompt_rows(const struct generator *g)
{
    enum { LEAST = 16, AT_FIRST = 64 };
    const double share = 0.8;
    if (!(g->step_us > 0) || !(g->row_us > 0)) return AT_FIRST;
    double rows = share * g->step_us / g->row_us;
    return rows < LEAST ? LEAST : rows < DECODER_ROWS_MAX ? (size_t)rows : DECODER_ROWS_MAX;
}

static void note_time(struct generator *g, int64_t us)
{
    const double weight = 0.2;
    double *at = g->planned_prompt_rows ? &g->row_us : &g->step_us, now = (double)us;
    if (!g->planned_tokens) return;
    if (g->planned_prompt_rows) now = now > g->step_us ? (now - g->step_us) / (double)g->planned_prompt_rows : 0;
    if (g->planned_prompt_rows && !(g->step_us > 0)) return;
    *at = *at > 0 ? *at + weight * (now - *at) : now;
}

/* A sequence takes part in a step when it is known what its grammar allows next.  What finding that out takes is bounded, so that a
 * slow grammar holds up its own text, and no other's. */
static bool is_ready(struct generator *g, struct sequence *s)
{
    if (!s->grammar || grammar_prepare(s->grammar, g->mask_work)) return true;
    g->has_masks_to_make = true;
    return false;
}

/* Who generates has one row, and some for guesses; the prompts share the rest in the order of arrival. */
static bool plan(struct generator *g, size_t *rows, struct err *e)
{
    size_t n = 0, generating = 0, prompts = 0, bound = 0;
    g->pages_wanted = 0;
    g->has_masks_to_make = false;
    for (struct sequence *s = g->first; s; s = s->next) {
        s->rows = s->guesses = 0;
        generating += is_generating(s);
        prompts += s->finish == FINISH_NOT && s->count == s->prompt_count;
        bound += s->finish == FINISH_NOT && s->grammar;
    }
    g->mask_work = bound && MASKS_WORK / bound > MASK_WORK_LEAST ? MASKS_WORK / bound : MASK_WORK_LEAST;
    for (struct sequence *s = g->first; s && n < DECODER_ROWS_MAX; s = s->next) {
        if (!is_generating(s) || !is_ready(g, s)) continue;
        if (!make_guesses(g, s, generating < DECODER_ROWS_MAX ? (DECODER_ROWS_MAX - generating) / generating : 0, e))
            return false;
        n = give_rows(g, s, n, DECODER_ROWS_MAX);
    }
    size_t tokens = n, most = generating > prompts ? n + prompt_rows(g) : DECODER_ROWS_MAX; /* a crowd that arrives is let in first */
    if (most > DECODER_ROWS_MAX) most = DECODER_ROWS_MAX;
    for (struct sequence *s = g->first; s && n < most; s = s->next)
        if (s->finish == FINISH_NOT && s->count == s->prompt_count && is_ready(g, s) && (s->has_looked || look_for_prefix(g, s)))
            n = give_rows(g, s, n, most);
    g->planned_tokens = generating > 0;
    g->planned_prompt_rows = n - tokens;
    *rows = n;
    return true;
}

static str shown_text(const struct sequence *s, uint32_t id)
{
    str text = STR("");
    for (size_t i = 0; i < s->o.shown_count; i++)
        if (s->o.shown[i] == id && tokenizer_token(s->o.tokenizer, id, &text)) break;
    return text;
}

static bool add_text(struct sequence *s, uint32_t id, struct err *e)
{
    str piece;
    if (!s->stream) return true;
    if (!token_stream_add(s->stream, id, &piece, e)) return false;
    s->text.is_early = s->count - s->prompt_count < s->o.sampling.new_tokens_min;
    bool stops_here = stop_text_add(&s->text, piece) || stop_text_add(&s->text, shown_text(s, id));
    if (stops_here && s->finish == FINISH_NOT) s->finish = FINISH_STOP;
    if (s->finish == FINISH_NOT || s->text.stopped) return true;
    if (!token_stream_end(s->stream, &piece, e)) return false;
    stop_text_add(&s->text, piece);
    stop_text_end(&s->text);
    return true;
}

static bool add_token(struct sequence *s, const float *logits, struct err *e)
{
    size_t vocab = decoder_config(s->g->d)->vocab, new_count = s->count - s->prompt_count;
    uint64_t *mask = s->grammar ? s->g->mask : NULL;
    if (s->grammar && !grammar_mask(s->grammar, mask)) {
        s->finish = FINISH_STUCK;
        if (s->stream) stop_text_end(&s->text);
        return true;
    }
    struct new_token *t = &s->made[new_count];
    t->id = sampler_next(s->sampler, logits, s->token, s->count, new_count, mask);
    double log_sum = s->o.wants_logprobs ? logits_log_sum(logits, vocab) : 0;
    if (s->o.wants_logprobs) t->log_probability = (float)((double)logits[t->id] - log_sum);
    t->top_count = s->o.top_logprobs < vocab ? s->o.top_logprobs : vocab;
    logits_top(logits, vocab, t->top_count, t->top);
    for (size_t i = 0; i < t->top_count; i++)
        t->top_log_probability[i] = (float)((double)logits[t->top[i]] - log_sum);
    s->token[s->count++] = t->id;
    for (size_t i = 0; i < s->o.stop_count; i++)
        if (t->id == s->stop[i]) s->finish = FINISH_EOS;
    if (s->finish == FINISH_NOT && s->grammar) {
        must(grammar_accept(s->grammar, t->id));
        if (grammar_must_end(s->grammar)) s->finish = FINISH_STOP;
    }
    if (s->finish == FINISH_NOT && new_count + 1 == s->o.new_tokens_max) s->finish = FINISH_LENGTH;
    return add_text(s, t->id, e);
}

/* Row by row: what the model chooses there, until it is not what was guessed. */
static bool take_logits(struct generator *g, struct sequence *s, const float **logits, struct err *e)
{
    size_t guesses = s->guesses, first = s->rows - 1 - guesses;
    if (!logits[s->rows - 1]) return true; /* a prompt that is not through yet */
    for (size_t i = 0; i <= guesses && s->finish == FINISH_NOT; i++) {
        size_t before = s->count;
        if (i && !is_ready(g, s)) break; /* guessed rightly, but what may come behind is not known yet */
        if (!add_token(s, logits[first + i], e)) return false;
        if (s->count == before || i == guesses || s->token[before] != s->guess[i]) break;
        g->figures.accepted++;
    }
    if (s->kv->length >= s->count) kv_truncate(s->kv, (uint32_t)(s->count - 1));
    return true;
}

bool generator_step(struct generator *g, bool *idle, struct err *e)
{
    size_t n, at = 0;
    if (!plan(g, &n, e)) return false;
    *idle = n == 0 && !g->has_masks_to_make;
    if (n == 0) return true;
    generator_make_room(g, g->pages_wanted);
    int64_t began_us = clock_mono_us();
    if (!decoder_forward(g->run, g->row, n, g->logits, e)) return false;
    note_time(g, clock_mono_us() - began_us);
    g->figures.steps++;
    g->figures.rows += n;
    /* In the order in which plan() dealt out the rows: generating ones first. */
    for (int prompts = 0; prompts < 2; prompts++)
        for (struct sequence *s = g->first; s && at < n; s = s->next) {
            if (s->rows == 0 || g->row[at].kv != s->kv) continue;
            if (!take_logits(g, s, g->logits + at, e)) return false;
            at += s->rows;
            s->rows = 0;
        }
    return true;
}

bool sequence_take(struct sequence *s, struct new_token *out)
{
    if (s->taken == s->count - s->prompt_count) return false;
    *out = s->made[s->taken++];
    return true;
}

str sequence_take_text(struct sequence *s) { return stop_text_take(&s->text); }
enum finish sequence_finish(const struct sequence *s) { return s->finish; }
size_t sequence_reused_count(const struct sequence *s) { return s->reused; }
size_t sequence_new_count(const struct sequence *s) { return s->count - s->prompt_count; }
