/* model/generate/generator.c - see model/generate/generator.h.
 *
 * A sequence is a list of tokens, of which the first kv->length have been through the decoder.  Invariant: a sequence that
 * is generating has exactly one token that has not, the newest.  The stop token itself is counted as new, and taken. */
#include "model/generate/generator.h"

#include <string.h>

#include "base/arena.h"

struct sequence {
    struct generator *g;
    struct sequence *next; /* in the order of arrival */
    struct kv *kv;
    struct sampler *sampler;
    struct sequence_options o;
    uint32_t stop[SEQUENCE_STOP_MAX];
    uint32_t *token; /* prompt, then new ones */
    size_t prompt_count, count;
    struct new_token *made; /* [new_tokens_max] */
    size_t taken;
    enum finish finish;
    size_t rows; /* of the step that is running */
};

struct generator {
    const struct decoder *d;
    struct decoder_run *run;
    struct kv_pool *pool;
    struct sequence *first;
    size_t pages_promised, pages;
    struct decoder_row row[DECODER_ROWS_MAX];
    const float *logits[DECODER_ROWS_MAX];
};

struct generator *generator_new(const struct decoder *d, struct team *team, size_t kv_bytes)
{
    struct generator *g = mem_one(struct generator);
    size_t page = kv_page_bytes(decoder_config(d));
    g->d = d;
    g->run = decoder_run_new(d, team);
    g->pages = kv_bytes / page ? kv_bytes / page : 1;
    g->pool = kv_pool_new(decoder_config(d), g->pages);
    return g;
}

void generator_free(struct generator *g)
{
    if (!g) return;
    must(!g->first);
    kv_pool_free(g->pool);
    decoder_run_free(g->run);
    mem_free(g);
}

/* Pages that a sequence may need in the end: promised at its start, so that none starves half-way. */
static size_t pages_of(size_t prompt, size_t more) { return (prompt + more + KV_PAGE - 1) / KV_PAGE; }

bool generator_add(struct generator *g, const uint32_t *prompt, size_t n, const struct sequence_options *o,
                   struct sequence **out, struct err *e)
{
    const struct decoder_config *c = decoder_config(g->d);
    if (n == 0) return err_set(e, ERR_INVALID, "there is nothing to continue: the prompt has no tokens");
    if (n >= c->positions) return err_set(e, ERR_TOO_LARGE, "the prompt has %zu tokens, and the model was made for %u", n, c->positions);
    size_t more = o->new_tokens_max < c->positions - n ? o->new_tokens_max : c->positions - n, pages = pages_of(n, more);
    if (pages > g->pages)
        return err_set(e, ERR_TOO_LARGE, "%zu tokens do not fit the %zu that there is room for", n + more, g->pages * KV_PAGE);
    if (pages > g->pages - g->pages_promised) return err_set(e, ERR_BUSY, "there is no room for another sequence of %zu tokens now", n + more);
    must(o->stop_count <= SEQUENCE_STOP_MAX && o->top_logprobs <= SEQUENCE_TOP_MAX);

    struct sequence *s = mem_one(struct sequence), **last = &g->first;
    s->g = g;
    s->kv = kv_new(g->pool);
    s->o = *o;
    s->o.new_tokens_max = more;
    if (o->stop_count) memcpy(s->stop, o->stop, o->stop_count * sizeof *o->stop);
    s->o.stop = s->stop;
    s->sampler = sampler_new(&s->o.sampling, c->vocab);
    s->token = mem_alloc((n + more) * sizeof *s->token);
    s->made = mem_alloc(more * sizeof *s->made);
    memcpy(s->token, prompt, n * sizeof *prompt);
    s->prompt_count = s->count = n;
    if (more == 0) s->finish = FINISH_LENGTH;
    g->pages_promised += pages;
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
    g->pages_promised -= pages_of(s->prompt_count, s->o.new_tokens_max);
    kv_free(s->kv);
    sampler_free(s->sampler);
    mem_free(s->token);
    mem_free(s->made);
    mem_free(s);
}

/* ------------------------------------------------------------------ a step */

static size_t give_rows(struct generator *g, struct sequence *s, size_t n, size_t most)
{
    size_t waiting = s->count - s->kv->length;
    s->rows = waiting < most - n ? waiting : most - n;
    for (size_t i = 0; i < s->rows; i++)
        g->row[n + i] = (struct decoder_row){ s->token[s->kv->length + i], s->kv, s->kv->length + i + 1 == s->count };
    return n + s->rows;
}

/* Who generates has one row; the prompts share the rest in the order of arrival. */
static size_t plan(struct generator *g)
{
    size_t n = 0;
    for (struct sequence *s = g->first; s; s = s->next) {
        s->rows = 0;
        if (s->finish == FINISH_NOT && s->count > s->prompt_count && n < DECODER_ROWS_MAX) n = give_rows(g, s, n, DECODER_ROWS_MAX);
    }
    for (struct sequence *s = g->first; s && n < DECODER_ROWS_MAX; s = s->next)
        if (s->finish == FINISH_NOT && s->count == s->prompt_count) n = give_rows(g, s, n, DECODER_ROWS_MAX);
    return n;
}

static void add_token(struct sequence *s, const float *logits)
{
    size_t vocab = decoder_config(s->g->d)->vocab, new_count = s->count - s->prompt_count;
    struct new_token *t = &s->made[new_count];
    t->id = sampler_next(s->sampler, logits, s->token, s->count, new_count, NULL);
    if (s->o.wants_logprobs) t->log_probability = logits_log_probability(logits, vocab, t->id);
    t->top_count = s->o.top_logprobs < vocab ? s->o.top_logprobs : vocab;
    logits_top(logits, vocab, t->top_count, t->top);
    for (size_t i = 0; i < t->top_count; i++) t->top_log_probability[i] = logits_log_probability(logits, vocab, t->top[i]);
    s->token[s->count++] = t->id;
    for (size_t i = 0; i < s->o.stop_count; i++)
        if (t->id == s->stop[i]) s->finish = FINISH_EOS;
    if (s->finish == FINISH_NOT && new_count + 1 == s->o.new_tokens_max) s->finish = FINISH_LENGTH;
}

bool generator_step(struct generator *g, bool *idle, struct err *e)
{
    size_t n = plan(g), at = 0;
    *idle = n == 0;
    if (n == 0) return true;
    if (!decoder_forward(g->run, g->row, n, g->logits, e)) return false;
    /* In the order in which plan() dealt out the rows: generating ones first. */
    for (int prompts = 0; prompts < 2; prompts++)
        for (struct sequence *s = g->first; s; s = s->next) {
            if (s->rows == 0 || g->row[at].kv != s->kv) continue;
            at += s->rows;
            s->rows = 0;
            if (g->logits[at - 1]) add_token(s, g->logits[at - 1]);
            if (at == n) return true;
        }
    return true;
}

bool sequence_take(struct sequence *s, struct new_token *out)
{
    if (s->taken == s->count - s->prompt_count) return false;
    *out = s->made[s->taken++];
    return true;
}

enum finish sequence_finish(const struct sequence *s) { return s->finish; }
size_t sequence_prompt_count(const struct sequence *s) { return s->prompt_count; }
size_t sequence_new_count(const struct sequence *s) { return s->count - s->prompt_count; }
