/* model/generate/sampler.c - see model/generate/sampler.h.
 *
 * Greedy choice looks at the scores once.  Sampling first keeps the top-k by a partial selection, since k is small and
 * the vocabulary is not, and everything after that works on the few that are left, sorted by score. */
#include "model/generate/sampler.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"

static const float COLDEST = 1e-30f; /* no chance is left there, and quotients of logits are still numbers */

struct candidate {
    float score;
    uint32_t token;
};

struct sampler {
    struct sampling o;
    size_t vocab;
    float *score;               /* [vocab] */
    uint32_t *seen;             /* [vocab]: how often; zeros between calls */
    struct candidate *candidate; /* [vocab] */
    double *p;                  /* [vocab] */
    uint64_t state[4];
};

/* ------------------------------------------------------------------ random numbers: xoshiro256**, seeded by
 * splitmix64 */

static uint64_t split(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t rotated(uint64_t x, int k) { return x << k | x >> (64 - k); }

static double uniform(struct sampler *s) /* [0, 1) */
{
    uint64_t *t = s->state, out = rotated(t[1] * 5, 7) * 9, kept = t[1] << 17;
    t[2] ^= t[0], t[3] ^= t[1], t[1] ^= t[2], t[0] ^= t[3];
    t[2] ^= kept;
    t[3] = rotated(t[3], 45);
    return (double)(out >> 11) * 0x1p-53;
}

struct sampler *sampler_new(const struct sampling *o, size_t vocab)
{
    struct sampler *s = mem_one(struct sampler);
    uint64_t seed = o->seed;
    s->o = *o;
    s->vocab = vocab;
    s->score = mem_alloc(vocab * sizeof *s->score);
    s->seen = mem_alloc(vocab * sizeof *s->seen);
    if (o->do_sample) {
        s->candidate = mem_alloc(vocab * sizeof *s->candidate);
        s->p = mem_alloc(vocab * sizeof *s->p);
    }
    for (size_t i = 0; i < 4; i++) s->state[i] = split(&seed);
    return s;
}

void sampler_free(struct sampler *s)
{
    if (!s) return;
    mem_free(s->score);
    mem_free(s->seen);
    mem_free(s->candidate);
    mem_free(s->p);
    mem_free(s);
}

/* ------------------------------------------------------------------ processors of all scores */

/* Each distinct token of prompt and output, once: towards less likely, whatever its sign. */
static void punish_repetition(struct sampler *s, const uint32_t *token, size_t count)
{
    float r = s->o.repetition_penalty;
    for (size_t i = 0; i < count; i++)
        if (token[i] < s->vocab && !s->seen[token[i]]++)
            s->score[token[i]] = s->score[token[i]] < 0 ? s->score[token[i]] * r : s->score[token[i]] / r;
    for (size_t i = 0; i < count; i++)
        if (token[i] < s->vocab) s->seen[token[i]] = 0;
}

static void punish_presence(struct sampler *s, const uint32_t *token, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (token[i] < s->vocab) s->score[token[i]] -= s->o.frequency + (s->seen[token[i]]++ ? 0 : s->o.presence);
    for (size_t i = 0; i < count; i++)
        if (token[i] < s->vocab) s->seen[token[i]] = 0;
}

/* What would complete an n-gram that stands there already. */
static void ban_repeated(struct sampler *s, const uint32_t *token, size_t count)
{
    size_t n = s->o.no_repeat_ngram;
    if (count + 1 < n) return;
    const uint32_t *tail = token + count - (n - 1);
    for (size_t i = 0; i + n <= count; i++)
        if (memcmp(token + i, tail, (n - 1) * sizeof *token) == 0 && token[i + n - 1] < s->vocab)
            s->score[token[i + n - 1]] = -INFINITY;
}

static bool stands_before(const struct token_words *w, const uint32_t *token, size_t count)
{
    size_t n = w->count - 1;
    return n == 0 || (n < count && memcmp(token + count - n, w->token, n * sizeof *token) == 0);
}

static void bias_words(struct sampler *s, const struct token_words *words, size_t n, bool ban, const uint32_t *token,
                       size_t count)
{
    for (size_t i = 0; i < n; i++) {
        const struct token_words *w = &words[i];
        if (w->count == 0 || w->token[w->count - 1] >= s->vocab || !stands_before(w, token, count)) continue;
        s->score[w->token[w->count - 1]] += ban ? -INFINITY : w->bias;
    }
}

static void set_all(struct sampler *s, const uint32_t *token, size_t n, float score)
{
    for (size_t i = 0; i < n; i++)
        if (token[i] < s->vocab) s->score[token[i]] = score;
}

static void force(struct sampler *s, const uint32_t *token, size_t n)
{
    for (size_t i = 0; i < s->vocab; i++) s->score[i] = -INFINITY;
    set_all(s, token, n, 0);
}

static void remove_invalid(struct sampler *s)
{
    for (size_t i = 0; i < s->vocab; i++) {
        float x = s->score[i];
        s->score[i] = x != x ? 0 : x == INFINITY ? FLT_MAX : x == -INFINITY ? -FLT_MAX : x;
    }
}

/* |score| (factor^k - 1) is added, k being by how much the length is over. */
static void decay(struct sampler *s, size_t new_count)
{
    const struct sampling *o = &s->o;
    float grown = (float)(pow((double)o->decay_factor, (double)new_count - o->decay_start) - 1);
    for (size_t i = 0; i < o->eos_count; i++)
        if (o->eos[i] < s->vocab && s->score[o->eos[i]] > -INFINITY)
            s->score[o->eos[i]] += fabsf(s->score[o->eos[i]]) * grown;
}

/* A grammar may leave only what the processors before have banned: then the grammar wins, since its promise is the
 * stronger. */
static void obey(struct sampler *s, const float *logits, const uint64_t *allowed)
{
    bool any = false;
    for (size_t i = 0; i < s->vocab; i++) {
        if (!(allowed[i / 64] >> (i % 64) & 1)) s->score[i] = -INFINITY;
        any |= s->score[i] > -INFINITY;
    }
    for (size_t i = 0; !any && i < s->vocab; i++)
        if (allowed[i / 64] >> (i % 64) & 1) s->score[i] = logits[i] > -FLT_MAX ? logits[i] : -FLT_MAX;
}

static void process(struct sampler *s, const float *logits, const uint32_t *token, size_t count, size_t new_count,
                    const uint64_t *allowed)
{
    const struct sampling *o = &s->o;
    bool after_bos = o->has_forced_bos && count - new_count <= 1;
    if (o->sequence_bias_count) bias_words(s, o->sequence_bias, o->sequence_bias_count, false, token, count);
    if (o->repetition_penalty != 1) punish_repetition(s, token, count);
    if (o->no_repeat_ngram) ban_repeated(s, token, count);
    if (o->bad_words_count) bias_words(s, o->bad_words, o->bad_words_count, true, token, count);
    if (count < o->length_min || new_count < o->new_tokens_min) set_all(s, o->eos, o->eos_count, -INFINITY);
    if (o->has_forced_bos && count == 1) force(s, &o->forced_bos, 1);
    if (o->forced_eos_count && count + 1 == o->length_max) force(s, o->forced_eos, o->forced_eos_count);
    if (o->remove_invalid) remove_invalid(s);
    if (o->decay_factor > 0 && new_count > o->decay_start) decay(s, new_count);
    set_all(s, o->suppress, o->suppress_count, -INFINITY);
    if (new_count == (after_bos ? 1 : 0)) set_all(s, o->begin_suppress, o->begin_suppress_count, -INFINITY);
    if (o->presence != 0 || o->frequency != 0) punish_presence(s, token + count - new_count, new_count);
    for (size_t i = 0; i < o->bias_count; i++)
        if (o->bias[i].token < s->vocab) s->score[o->bias[i].token] += o->bias[i].bias;
    if (allowed) obey(s, logits, allowed);
}

/* ------------------------------------------------------------------ the draw */

static int better(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->token < y->token ? -1 : x->token > y->token;
}

static float kth_largest(float *v, size_t n, size_t k) /* reorders v; 1 <= k <= n */
{
    size_t low = 0, high = n - 1, at = k - 1;
    while (low < high) {
        float pivot = v[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;; i++, j--) {
            while (v[i] > pivot) i++;
            while (v[j] < pivot) j--;
            if (i >= j) break;
            float t = v[i];
            v[i] = v[j], v[j] = t;
        }
        if (at <= j) high = j;
        else low = j + 1;
    }
    return v[at];
}

/* The candidates, best first: finite scores, and of those what is not below the k-th (its equals stay). */
static size_t gather(struct sampler *s)
{
    size_t n = 0, k = s->o.top_k && s->o.top_k < s->o.keep_min ? s->o.keep_min : s->o.top_k;
    for (size_t i = 0; i < s->vocab; i++)
        if (s->score[i] > -INFINITY)
            s->candidate[n++] = (struct candidate){ s->score[i], (uint32_t)i }; /* NaN is left out too */
    if (k && k < n) {
        float *v = s->score; /* the scores are in the candidates now */
        for (size_t i = 0; i < n; i++) v[i] = s->candidate[i].score;
        float least = kth_largest(v, n, k);
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
            if (s->candidate[i].score >= least) s->candidate[kept++] = s->candidate[i];
        n = kept;
    }
    qsort(s->candidate, n, sizeof *s->candidate, better);
    return n;
}

/* p[i] of n candidates, which are sorted; the sum is 1. */
static void to_probabilities(struct sampler *s, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += s->p[i] = exp((double)s->candidate[i].score - s->candidate[0].score);
    for (size_t i = 0; i < n; i++) s->p[i] /= sum;
}

/* Keeps the likeliest whose mass reaches p: a token goes when those before it have p already. */
static size_t cut_top_p(const struct sampler *s, size_t n)
{
    double before = 0;
    size_t kept = 0;
    while (kept < n && (kept == 0 || before < s->o.top_p)) before += s->p[kept++];
    return kept;
}

static size_t cut_below(const struct sampler *s, size_t n, double least)
{
    size_t kept = 1;
    while (kept < n && s->p[kept] >= least) kept++;
    return kept;
}

static size_t at_least(const struct sampler *s, size_t kept, size_t n)
{
    return kept >= s->o.keep_min ? kept : s->o.keep_min < n ? s->o.keep_min : n;
}

static double entropy(const struct sampler *s, size_t n)
{
    double h = 0;
    for (size_t i = 0; i < n; i++)
        if (s->p[i] > 0) h -= s->p[i] * log(s->p[i]);
    return h;
}

struct typical {
    double off, p;
    struct candidate c;
};
static int more_typical(const void *a, const void *b)
{
    const struct typical *x = a, *y = b;
    if (x->off != y->off) return x->off < y->off ? -1 : 1;
    return better(&x->c, &y->c);
}

/* Keeps those whose surprise is nearest to the expected one, until their mass reaches typical_p. */
static size_t cut_typical(struct sampler *s, size_t n)
{
    struct typical *t = mem_alloc(n * sizeof *t);
    double h = entropy(s, n), mass = 0;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        t[i] = (struct typical){ s->p[i] > 0 ? fabs(-log(s->p[i]) - h) : INFINITY, s->p[i], s->candidate[i] };
    qsort(t, n, sizeof *t, more_typical);
    while (kept < n && (kept == 0 || kept < s->o.keep_min || mass < s->o.typical_p)) mass += t[kept++].p;
    for (size_t i = 0; i < kept; i++) s->candidate[i] = t[i].c;
    qsort(s->candidate, kept, sizeof *s->candidate, better);
    mem_free(t);
    return kept;
}

/* What is left to choose from: n candidates, best first, and their probabilities; 0 when nothing is. */
static size_t cut(struct sampler *s)
{
    const struct sampling *o = &s->o;
    float temperature = fmaxf(o->temperature, COLDEST);
    for (size_t i = 0; temperature != 1 && i < s->vocab; i++) s->score[i] /= temperature;
    size_t n = gather(s);
    if (n == 0) return 0;
    to_probabilities(s, n);
    if (o->top_p < 1) n = at_least(s, cut_top_p(s, n), n), to_probabilities(s, n);
    if (o->min_p > 0) n = at_least(s, cut_below(s, n, o->min_p * s->p[0]), n), to_probabilities(s, n);
    if (o->typical_p < 1) n = cut_typical(s, n), to_probabilities(s, n);
    if (o->epsilon > 0) n = at_least(s, cut_below(s, n, o->epsilon), n), to_probabilities(s, n);
    if (o->eta > 0)
        n = at_least(s, cut_below(s, n, fmin(o->eta, sqrt(o->eta) * exp(-entropy(s, n)))), n), to_probabilities(s, n);
    return n;
}

static uint32_t draw(struct sampler *s)
{
    size_t n = cut(s);
    double u = uniform(s), sum = 0;
    if (n == 0) return 0; /* nothing is allowed: the caller broke his word, or the logits are not numbers */
    for (size_t i = 0; i < n; i++)
        if (u < (sum += s->p[i])) return s->candidate[i].token;
    return s->candidate[n - 1].token; /* the sum fell short of 1 by rounding */
}

static uint32_t likeliest(const float *score, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (score[i] > score[best] || (score[best] != score[best] && score[i] == score[i])) best = i;
    return (uint32_t)best;
}

uint32_t sampler_next(struct sampler *s, const float *logits, const uint32_t *tokens, size_t count, size_t new_count,
                      const uint64_t *allowed)
{
    memcpy(s->score, logits, s->vocab * sizeof *logits);
    process(s, logits, tokens, count, new_count, allowed);
    uint32_t token = s->o.do_sample && s->o.temperature > 0 ? draw(s) : likeliest(s->score, s->vocab);
    while (allowed && !(allowed[token / 64] >> (token % 64) & 1))
        token = (token + 1) % (uint32_t)s->vocab; /* the logits were no numbers */
    return token;
}

/* Log-probabilities, as beams compare them. */
static void normalise(float *score, size_t n)
{
    double log_sum = logits_log_sum(score, n);
    for (size_t i = 0; isfinite(log_sum) && i < n; i++) score[i] = (float)((double)score[i] - log_sum); /* else nothing is left */
}

const float *sampler_scores(struct sampler *s, const float *logits, const uint32_t *tokens, size_t count,
                            size_t new_count, const uint64_t *allowed)
{
    memcpy(s->score, logits, s->vocab * sizeof *logits);
    process(s, logits, tokens, count, new_count, allowed);
    if (s->o.do_sample && s->o.temperature > 0) {
        size_t n = cut(s);
        for (size_t i = 0; i < s->vocab; i++) s->score[i] = -INFINITY;
        for (size_t i = 0; i < n; i++) s->score[s->candidate[i].token] = s->candidate[i].score;
    }
    if (s->o.renormalizes) normalise(s->score, s->vocab);
    return s->score;
}

void sampler_set_chance(struct sampler *to, const struct sampler *from)
{
    memcpy(to->state, from->state, sizeof to->state);
}

/* ------------------------------------------------------------------ what is told of the choice */

double logits_log_sum(const float *logits, size_t vocab)
{
    double sum = 0, most = (double)logits[likeliest(logits, vocab)];
    for (size_t i = 0; i < vocab; i++) sum += exp((double)logits[i] - most);
    return most + log(sum);
}

void logits_top(const float *logits, size_t vocab, size_t n, uint32_t *out)
{
    size_t have = 0;
    for (size_t i = 0; i < vocab; i++) {
        if (have == n && (n == 0 || !(logits[i] > logits[out[have - 1]]))) continue;
        size_t at = have < n ? have++ : have - 1;
        for (; at > 0 && logits[i] > logits[out[at - 1]]; at--) out[at] = out[at - 1];
        out[at] = (uint32_t)i;
    }
}
