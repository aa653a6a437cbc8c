/* model/generate/sampler.c - see model/generate/sampler.h.
 *
 * The vocabulary is large, and what is chosen from is small: greedy choice looks at the scores once; sampling sorts the top-k alone,
 * or, where all may be chosen, as many of the likeliest as the draw, top-p or min-p look at, beside the sum of all. */
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
    bool changes;               /* some processor is switched on */
    float *score;               /* [vocab]: where scores are changed */
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

/* Whether any processor of process() is switched on. */
static bool changes(const struct sampling *o)
{
    return o->sequence_bias_count || o->repetition_penalty != 1 || o->no_repeat_ngram || o->bad_words_count || o->length_min || o->new_tokens_min ||
           o->has_forced_bos || o->forced_eos_count || o->remove_invalid || o->decay_factor > 0 || o->suppress_count || o->begin_suppress_count ||
           o->presence != 0 || o->frequency != 0 || o->bias_count;
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
    s->changes = changes(o);
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
    for (size_t from = 0; from < s->vocab; from += 64) {
        const uint64_t word = allowed[from / 64];
        const size_t n = s->vocab - from < 64 ? s->vocab - from : 64;
        for (size_t i = 0; word != UINT64_MAX && i < n; i++)
            if (!(word >> i & 1)) s->score[from + i] = -INFINITY;
        for (size_t i = 0; word && !any && i < n; i++) any = s->score[from + i] > -INFINITY;
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

/* The logits themselves where nothing changes them. */
static const float *scores_of(struct sampler *s, const float *logits, const uint32_t *token, size_t count, size_t new_count,
                              const uint64_t *allowed)
{
    if (!s->changes && !allowed) return logits;
    memcpy(s->score, logits, s->vocab * sizeof *logits);
    process(s, logits, token, count, new_count, allowed);
    return s->score;
}

/* ------------------------------------------------------------------ going over all scores */

/* Four floats that any processor of ours works on at once; a block is four of these. */
typedef float lanes __attribute__((vector_size(16)));
typedef int32_t lanes_bits __attribute__((vector_size(16)));
enum { LANES = 4, BLOCK = 4 * LANES };

static inline lanes load(const float *x)
{
    lanes v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline lanes all_of(float x) { return (lanes){ x, x, x, x }; }

/* b where a is no number. */
static inline lanes larger(lanes a, lanes b)
{
    lanes_bits m = a > b;
    return (lanes)(((lanes_bits)a & m) | ((lanes_bits)b & ~m));
}

static float most_of(lanes v)
{
    float most = v[0];
    for (size_t i = 1; i < LANES; i++) most = v[i] > most ? v[i] : most;
    return most;
}

/* The largest of a block; what is no number does not count. */
static inline float block_most(const float *x)
{
    const lanes least = all_of(-INFINITY);
    return most_of(larger(larger(load(x), larger(load(x + LANES), least)), larger(load(x + 2 * LANES), larger(load(x + 3 * LANES), least))));
}

static uint32_t likeliest(const float *score, size_t n)
{
    lanes most[BLOCK / LANES];
    size_t at = 0;
    for (size_t i = 0; i < BLOCK / LANES; i++) most[i] = all_of(-INFINITY);
    for (; n - at >= BLOCK; at += BLOCK)
        for (size_t i = 0; i < BLOCK / LANES; i++) most[i] = larger(load(score + at + i * LANES), most[i]);
    float best = most_of(larger(larger(most[0], most[1]), larger(most[2], most[3])));
    for (; at < n; at++) best = score[at] > best ? score[at] : best;
    for (size_t i = 0; i < n; i++)
        if (score[i] == best) return (uint32_t)i;
    return 0;
}

/* e^x for x <= 0, within 2e-7 of it: 2^k times a polynomial of what is left.  What is no number counts as very small. */
static inline lanes exp_below(lanes x)
{
    const lanes rounder = all_of(0x1.8p23F); /* what is added to it loses its fraction */
    x = larger(x, all_of(-87));
    lanes k = x * 0x1.715476p0F + rounder;
    lanes_bits scale = ((lanes_bits)k + 127) << 23;
    k -= rounder;
    lanes r = x - k * 0x1.62e400p-1F - k * 0x1.7f7d1cp-20F;
    lanes y = 1 + r * (1 + r * (0.5F + r * (0x1.555556p-3F + r * (0x1.555556p-5F + r * (0x1.111112p-7F + r * 0x1.6c16c2p-10F)))));
    return y * (lanes)scale;
}

static double sum_of(lanes v) { return (double)v[0] + (double)v[1] + (double)v[2] + (double)v[3]; }

/* The sum of e^((score - most) / temperature). */
static double exp_sum(const float *score, size_t n, float most, float temperature)
{
    enum { TOGETHER = 64 * LANES };
    const float scale = 1 / temperature;
    double sum = 0;
    size_t at = 0;
    while (n - at >= LANES) {
        lanes part = all_of(0);
        size_t end = n - at < TOGETHER ? n - LANES + 1 : at + TOGETHER;
        for (; at < end; at += LANES) part += exp_below((load(score + at) - most) * scale);
        sum += sum_of(part);
    }
    for (; at < n; at++) sum += (double)exp_below(all_of((score[at] - most) * scale))[0];
    return sum;
}

/* ------------------------------------------------------------------ the draw */

static int better(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->token < y->token ? -1 : x->token > y->token;
}

static float kth_largest(struct candidate *c, size_t n, size_t k) /* reorders c; 1 <= k <= n */
{
    size_t low = 0, high = n - 1, at = k - 1;
    while (low < high) {
        float pivot = c[low + (high - low) / 2].score;
        size_t i = low, j = high;
        for (;; i++, j--) {
            while (c[i].score > pivot) i++;
            while (c[j].score < pivot) j--;
            if (i >= j) break;
            struct candidate t = c[i];
            c[i] = c[j], c[j] = t;
        }
        if (at <= j) high = j;
        else low = j + 1;
    }
    return c[at].score;
}

/* Of n candidates those that are not below the k-th largest, which is *least. */
static size_t keep_largest(struct candidate *c, size_t n, size_t k, float *least)
{
    size_t kept = 0;
    *least = kth_largest(c, n, k);
    for (size_t i = 0; i < n; i++)
        if (c[i].score >= *least) c[kept++] = c[i];
    return kept;
}

/* The candidates in any order: finite scores, and of those what is not below the k-th (its equals stay); k 0: all. */
static size_t gather_unsorted(struct sampler *s, const float *score, size_t k)
{
    struct candidate *c = s->candidate;
    const float temperature = fmaxf(s->o.temperature, COLDEST);
    float least = -INFINITY;
    size_t n = 0, full = k && k < s->vocab / 4 ? 2 * k + BLOCK : s->vocab; /* then all but the largest go */
    for (size_t at = 0; at < s->vocab; at += BLOCK) {
        const size_t end = s->vocab - at < BLOCK ? s->vocab : at + BLOCK;
        if (end - at == BLOCK && block_most(score + at) < least) continue;
        for (size_t i = at; i < end; i++)
            if (score[i] > -INFINITY && score[i] >= least) c[n++] = (struct candidate){ score[i], (uint32_t)i }; /* NaN is left out, too */
        if (n + BLOCK <= full || full == s->vocab) continue;
        n = keep_largest(c, n, k, &least);
        if (2 * n > full) full = 2 * n + BLOCK < s->vocab ? 2 * n + BLOCK : s->vocab; /* many equals */
    }
    if (k && k < n) n = keep_largest(c, n, k, &least);
    for (size_t i = 0; temperature != 1 && i < n; i++) c[i].score /= temperature;
    return n;
}

static size_t gather(struct sampler *s, const float *score, size_t k) /* best first */
{
    size_t n = gather_unsorted(s, score, k);
    qsort(s->candidate, n, sizeof *s->candidate, better);
    return n;
}

static size_t gather_best_at_first(struct sampler *s, const float *score) /* all, in no other order */
{
    struct candidate *c = s->candidate, best;
    size_t n = gather_unsorted(s, score, 0), at = 0;
    for (size_t i = 1; i < n; i++)
        if (better(&c[i], &c[at]) < 0) at = i;
    best = c[at], c[at] = c[0], c[0] = best;
    return n;
}

/* p[i] of n candidates, the best of which is the first; the sum is 1. */
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

/* The same of candidates of which only the best is at its place: those that stay are sorted, and not all of a vocabulary. */
static size_t cut_unsorted_below(struct sampler *s, size_t n, double least)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) kept += i == 0 || s->p[i] >= least;
    if (kept < s->o.keep_min) {
        kept = at_least(s, kept, n);
        qsort(s->candidate, n, sizeof *s->candidate, better);
        return kept;
    }
    kept = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || s->p[i] >= least) s->candidate[kept++] = s->candidate[i];
    qsort(s->candidate, kept, sizeof *s->candidate, better);
    return kept;
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

/* t[i] goes down to its place in a heap whose top is the most typical. */
static void sink(struct typical *t, size_t n, size_t i)
{
    const struct typical x = t[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && more_typical(&t[child + 1], &t[child]) < 0) child++;
        if (more_typical(&x, &t[child]) < 0) break;
        t[i] = t[child];
    }
    t[i] = x;
}

/* Keeps those whose surprise is nearest to the expected one, until their mass reaches typical_p.  The candidates may come in any order,
 * and leave best first.  A heap gives the few that stay; sorting all of a vocabulary takes many times as long. */
static size_t cut_typical(struct sampler *s, size_t n)
{
    struct typical *t = mem_alloc(n * sizeof *t);
    double h = entropy(s, n), mass = 0;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        t[i] = (struct typical){ s->p[i] > 0 ? fabs(-log(s->p[i]) - h) : INFINITY, s->p[i], s->candidate[i] };
    for (size_t i = n / 2; i-- > 0;) sink(t, n, i);
    for (; n && (kept == 0 || kept < s->o.keep_min || mass < s->o.typical_p); n--) {
        mass += t[0].p;
        s->candidate[kept++] = t[0].c;
        t[0] = t[n - 1];
        sink(t, n - 1, 0);
    }
    qsort(s->candidate, kept, sizeof *s->candidate, better);
    mem_free(t);
    return kept;
}

static bool all_count(const struct sampling *o) /* of what top-p and min-p leave */
{
    return o->typical_p < 1 || o->epsilon > 0 || o->eta > 0;
}

static bool looks_at_the_likeliest(const struct sampling *o, double mass)
{
    return !o->top_k && (o->top_p < 1 || o->min_p > 0 || (mass < 1 && !all_count(o)));
}

/* The likeliest, in order, as far as top-p or min-p look, or else until they have that mass; p is their share of all. */
static size_t gather_likeliest(struct sampler *s, const float *score, double mass)
{
    enum { AT_FIRST = 256, GROWTH = 16 };
    const struct sampling *o = &s->o;
    const float most = score[likeliest(score, s->vocab)];
    const double all = exp_sum(score, s->vocab, most, fmaxf(o->temperature, COLDEST)), wanted = o->top_p < 1 ? o->top_p : mass;
    for (size_t k = AT_FIRST > o->keep_min ? AT_FIRST : o->keep_min;; k *= GROWTH) {
        size_t n = gather(s, score, k < s->vocab ? k : 0);
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += s->p[i] = exp((double)s->candidate[i].score - s->candidate[0].score) / all;
        if (n < k || (o->top_p < 1 || !(o->min_p > 0) ? sum > wanted : s->p[n - 1] < o->min_p * s->p[0])) return n;
    }
}

/* What is left to choose from: candidates, best first, and their probabilities; 0 when nothing is.  mass: of all that may be chosen, the
 * likeliest that have so much are enough. */
static size_t cut(struct sampler *s, const float *score, double mass)
{
    const struct sampling *o = &s->o;
    bool sorted = true;
    size_t n;
    if (looks_at_the_likeliest(o, mass)) {
        n = gather_likeliest(s, score, mass);
    } else if (!o->top_k && all_count(o)) {
        n = gather_best_at_first(s, score);
        to_probabilities(s, n);
        sorted = o->typical_p < 1; /* when that is done */
    } else {
        n = gather(s, score, o->top_k && o->top_k < o->keep_min ? o->keep_min : o->top_k);
        to_probabilities(s, n);
    }
    if (n == 0) return 0;
    if (o->top_p < 1) n = at_least(s, cut_top_p(s, n), n), to_probabilities(s, n);
    if (o->min_p > 0) n = at_least(s, cut_below(s, n, o->min_p * s->p[0]), n), to_probabilities(s, n);
    if (o->typical_p < 1) n = cut_typical(s, n), to_probabilities(s, n);
    for (int eta = 0; eta < 2; eta++) {
        if (!((eta ? o->eta : o->epsilon) > 0)) continue;
        double least = eta ? fmin(o->eta, sqrt(o->eta) * exp(-entropy(s, n))) : o->epsilon;
        n = sorted ? at_least(s, cut_below(s, n, least), n) : cut_unsorted_below(s, n, least);
        sorted = true;
        to_probabilities(s, n);
    }
    return n;
}

static uint32_t draw(struct sampler *s, const float *score)
{
    double u = uniform(s), sum = 0;
    size_t n = cut(s, score, u);
    if (n == 0) return 0; /* nothing is allowed: the caller broke his word, or the logits are not numbers */
    for (size_t i = 0; i < n; i++)
        if (u < (sum += s->p[i])) return s->candidate[i].token;
    return s->candidate[n - 1].token; /* the sum fell short of 1 by rounding */
}

uint32_t sampler_next(struct sampler *s, const float *logits, const uint32_t *tokens, size_t count, size_t new_count,
                      const uint64_t *allowed)
{
    const float *score = scores_of(s, logits, tokens, count, new_count, allowed);
    uint32_t token = s->o.do_sample && s->o.temperature > 0 ? draw(s, score) : likeliest(score, s->vocab);
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
        size_t n = cut(s, s->score, INFINITY);
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
    float most = logits[likeliest(logits, vocab)];
    return (double)most + log(exp_sum(logits, vocab, most, 1));
}

void logits_top(const float *logits, size_t vocab, size_t n, uint32_t *out)
{
    size_t have = 0;
    for (size_t i = 0; n && i < vocab; i++) {
        if (have == n && i % BLOCK == 0 && vocab - i >= BLOCK && !(block_most(logits + i) > logits[out[n - 1]])) {
            i += BLOCK - 1;
            continue;
        }
        if (have == n && !(logits[i] > logits[out[n - 1]])) continue;
        size_t at = have < n ? have++ : n - 1;
        for (; at > 0 && logits[i] > logits[out[at - 1]]; at--) out[at] = out[at - 1];
        out[at] = (uint32_t)i;
    }
}
