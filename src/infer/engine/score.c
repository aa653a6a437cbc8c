/* infer/engine/score.c - see infer/engine/score.h. */
#include "infer/engine/score.h"

#include "base/arena.h"
#include "model/generate/sampler.h"

enum { ROWS = 32 }; /* of a step: their logits are all there at once */

struct score {
    struct decoder_run *run;
    struct kv_pool *pool;
    struct kv *kv;
    const uint32_t *token;
    size_t n, at;
    uint32_t vocab;
    float *out;
};

bool score_new(const struct decoder *d, const struct adapter *adapter, struct team *team, const uint32_t *token, size_t n, size_t kv_bytes, struct score **out, struct err *e)
{
    const struct decoder_config *c = decoder_config(d);
    size_t pages = n / KV_PAGE + 2;
    if (n > c->positions) return err_set(e, ERR_TOO_LARGE, "the prompt has %zu tokens, the model takes %u", n, c->positions);
    if (pages > kv_bytes / kv_page_bytes(c)) return err_set(e, ERR_TOO_LARGE, "a prompt of %zu tokens is too long for log-probabilities of its tokens", n);
    struct score *s = mem_one(struct score);
    *s = (struct score){ .run = decoder_run_new(d, team), .pool = kv_pool_new(c, pages), .token = token, .n = n, .vocab = c->vocab };
    s->kv = kv_new(s->pool);
    s->kv->expected = (uint32_t)n;
    s->kv->adapter = adapter;
    s->out = mem_alloc((n + 1) * sizeof *s->out);
    s->out[0] = 0;
    *out = s;
    return true;
}

void score_free(struct score *s)
{
    if (!s) return;
    kv_free(s->kv);
    kv_pool_free(s->pool);
    decoder_run_free(s->run);
    mem_free(s->out);
    mem_free(s);
}

bool score_step(struct score *s, bool *is_done, struct err *e)
{
    struct decoder_row row[ROWS];
    const float *logits[ROWS];
    size_t rest = s->n ? s->n - 1 - s->at : 0; /* the last token is followed by none */
    size_t n = rest < ROWS ? rest : ROWS;
    for (size_t i = 0; i < n; i++) row[i] = (struct decoder_row){ s->token[s->at + i], s->kv, true };
    if (n && !decoder_forward(s->run, row, n, logits, e)) return false;
    for (size_t i = 0; i < n; i++) s->out[s->at + i + 1] = (float)((double)logits[i][s->token[s->at + i + 1]] - logits_log_sum(logits[i], s->vocab));
    s->at += n;
    *is_done = s->at + 1 >= s->n;
    return true;
}

const float *score_log_probabilities(const struct score *s) { return s->out; }
