/* model/generate/speculate.c - see model/generate/speculate.h. */
#include "model/generate/speculate.h"

#include <string.h>

#include "base/arena.h"

size_t guess_by_lookup(const uint32_t *token, size_t count, size_t ngram, uint32_t *guess, size_t most)
{
    for (size_t n = ngram < count ? ngram : count - 1; n > 0; n--) {
        const uint32_t *tail = token + count - n;
        for (size_t at = count - n; at-- > 0;) {
            if (memcmp(token + at, tail, n * sizeof *token)) continue;
            size_t rest = count - at - n;
            if (rest > most) rest = most;
            memcpy(guess, token + at + n, rest * sizeof *guess);
            return rest;
        }
    }
    return 0;
}

struct drafter {
    const struct decoder *d;
    struct decoder_run *run;
    struct kv_pool *pool;
    struct decoder_row row[DECODER_ROWS_MAX];
    const float *logits[DECODER_ROWS_MAX];
    uint64_t *mask;
};

struct drafter *drafter_new(const struct decoder *d, struct team *team, size_t kv_bytes)
{
    struct drafter *x = mem_one(struct drafter);
    size_t page = kv_page_bytes(decoder_config(d));
    x->d = d;
    x->run = decoder_run_new(d, team);
    x->pool = kv_pool_new(decoder_config(d), kv_bytes / page ? kv_bytes / page : 1);
    x->mask = mem_alloc((decoder_config(d)->vocab / 64 + 1) * sizeof *x->mask);
    return x;
}

void drafter_free(struct drafter *d)
{
    if (!d) return;
    kv_pool_free(d->pool);
    decoder_run_free(d->run);
    mem_free(d->mask);
    mem_free(d);
}

void draft_deinit(struct draft *x)
{
    kv_free(x->kv);
    sampler_free(x->sampler);
    *x = (struct draft){ 0 };
}

/* The tokens that this model has not seen go through it; *logits are those of the last. */
static bool catch_up(struct drafter *d, struct draft *x, const uint32_t *token, size_t count, const float **logits,
                     struct err *e)
{
    while (x->kv->length < count) {
        size_t n = count - x->kv->length, from = x->kv->length;
        if (n > DECODER_ROWS_MAX) n = DECODER_ROWS_MAX;
        for (size_t i = 0; i < n; i++)
            d->row[i] =
                (struct decoder_row){ .token = token[from + i], .kv = x->kv, .wants_logits = from + i + 1 == count };
        if (!decoder_forward(d->run, d->row, n, d->logits, e)) return false;
        *logits = d->logits[n - 1];
    }
    return true;
}

bool drafter_guess(struct drafter *d, struct draft *x, const struct sampling *o, const struct sampler *chance,
                   const struct grammar_state *state, uint32_t *token, size_t count, size_t new_count, uint32_t *guess,
                   size_t most, size_t *guesses, struct err *e)
{
    const float *logits = NULL;
    struct grammar_state *there = state ? grammar_state_fork(state) : NULL;
    bool ok = true;
    *guesses = 0;
    if (!x->kv) {
        x->kv = kv_new(d->pool);
        x->sampler = sampler_new(o, decoder_config(d->d)->vocab);
    }
    /* What it guessed wrongly goes; the newest token it cannot have seen in its place. */
    if (x->kv->length > count - 1) kv_truncate(x->kv, (uint32_t)(count - 1));
    sampler_set_chance(x->sampler, chance);
    if (count + most > decoder_config(d->d)->positions) most = 0;
    for (size_t i = 0; i < most && ok; i++) {
        ok = catch_up(d, x, token, count + i, &logits, e);
        if (!ok || (there && !grammar_mask(there, d->mask))) break;
        guess[i] = sampler_next(x->sampler, logits, token, count + i, new_count + i, there ? d->mask : NULL);
        token[count + i] = guess[i];
        *guesses = i + 1;
        if (there && (!grammar_accept(there, guess[i]) || grammar_must_end(there))) break;
    }
    grammar_state_free(there);
    if (!ok && e->code == ERR_BUSY) ok = true;
    return ok;
}
