/* model/nn/attention.c - see model/nn/attention.h.
 *
 * A task is a tile of rows (positions of one sequence, times the query heads that share a head of keys and values) over
 * the chunks that they see.  Threads take tasks from a common counter, the longest first.  A tile's products of a chunk
 * stay in the second-level cache: scores [rows][256], weights, and sums [rows][head_dim].  Where sequences have few rows
 * each, as in decoding, memory is waited for, and a tile has all heads of keys and values: a page's keys, and then its
 * values, are read from one end to the other.  Pages lie anywhere, and the processor's own asking ahead begins anew with each:
 * while one is used the kernels ask for the one that is read next.
 *
 * A state is what a softmax knows of some keys: the largest score, the sum of e^(score - largest), and the values added
 * with these weights.  States merge; a chunk always makes one of its own and is then merged into those before it, so that
 * it does not matter whether one thread does all chunks or each has its own. */
#include "model/nn/attention.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/str.h"
#include "model/nn/attention_block.h"

enum {
    TILE_ROWS = 48,                    /* four times the twelve rows of a kernel's tile */
    SCORES_STRIDE = ATTENTION_CHUNK + 16, /* not a power of two, for the caches' sake */
    TASKS_A_THREAD = 4,                /* fewer than these, and the chunks are tasks of their own */
    TOGETHER = 3,                      /* so many times as fast all heads of a page are read together as one by one */
};

static size_t align(size_t n) { return (n + 63) / 64 * 64; }
static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t most_of(size_t a, size_t b) { return a > b ? a : b; }

size_t attention_key_block_bytes(enum kernel_type t, uint32_t head_dim)
{
    return t == KERNEL_Q8 ? block8_bytes(head_dim) : kernel_panel_bytes(t, head_dim);
}
size_t attention_value_block_bytes(enum kernel_type t, uint32_t head_dim)
{
    return t == KERNEL_Q8 ? block8_bytes(head_dim) : kernel_panels(head_dim) * kernel_panel_bytes(t, ATTENTION_BLOCK);
}

static void store_f32(uint32_t d, uint32_t at, const float *key, const float *value, float *keys, float *values)
{
    for (uint32_t i = 0; i < d; i++) keys[i * KERNEL_PANEL + at] = key[i];
    for (uint32_t i = 0; i < d; i += KERNEL_PANEL)
        memcpy(values + (size_t)i * ATTENTION_BLOCK + at * KERNEL_PANEL, value + i, least(KERNEL_PANEL, d - i) * sizeof *value);
}

static void store_bf16(uint32_t d, uint32_t at, const float *key, const float *value, uint16_t *keys, uint16_t *values)
{
    uint16_t h[KERNEL_PANEL + 1];
    for (uint32_t i = 0; i < d; i += KERNEL_PANEL) {
        size_t n = least(KERNEL_PANEL, d - i);
        kernels()->narrow(key + i, n, (uint8_t *)h);
        for (size_t j = 0; j < n; j += 2) memcpy(keys + ((i + j) / 2 * KERNEL_PANEL + at) * 2, h + j, 4);
        kernels()->narrow(value + i, n, (uint8_t *)h);
        uint16_t *panel = values + (size_t)i * ATTENTION_BLOCK + at / 2 * KERNEL_PANEL * 2 + at % 2;
        for (size_t j = 0; j < n; j++) panel[2 * j] = h[j];
    }
}

void attention_store(enum kernel_type t, uint32_t head_dim, uint32_t at, const float *key, const float *value, uint8_t *keys, uint8_t *values)
{
    must(t == KERNEL_F32 || t == KERNEL_BF16 || t == KERNEL_Q8);
    if (t == KERNEL_Q8) block8_store(head_dim, at, key, value, keys, values);
    else if (t == KERNEL_F32) store_f32(head_dim, at, key, value, (float *)(void *)keys, (float *)(void *)values);
    else store_bf16(head_dim, at, key, value, (uint16_t *)(void *)keys, (uint16_t *)(void *)values);
}

/* ------------------------------------------------------------------ a call, and its memory */

struct state {
    float *most, *sum, *values; /* [rows], [rows], [rows][out_stride] */
};

/* What one thread has for its tile. */
struct bench {
    uint8_t *q, *weights;          /* [rows][q_bytes], [rows][w_bytes] */
    float *scores, *scaled, *caps; /* [rows][SCORES_STRIDE], [head_dim], [ATTENTION_CHUNK] */
    struct state chunk, all;
    uint8_t *blocks;               /* attention_plain: of the sequence and head in hand */
    uint8_t *opened;               /* a block that is kept in 8 bits, as bfloat16 */
};

struct call {
    struct attention a;
    bool is_kept_small; /* in 8 bits; a.type is BF16 then */
    const struct attention_sequence *sequence;
    size_t sequences;
    const struct attention_pages *at; /* attention_paged; NULL: attention_plain */
    const struct attention_input *in; /* attention_plain */
    const float *q;
    size_t q_stride;
    float *out;
    size_t out_stride;
    /* How it is cut. */
    uint32_t group;                      /* query heads that share a head of keys and values */
    uint32_t tile_positions, tile_heads; /* of a tile; heads of keys and values: one, or all */
    size_t rows_most, blocks_most, chunks_most;
    size_t *first; /* [sequences + 1]: tasks before those of a sequence */
    size_t tasks;
    bool is_split; /* by chunks, whose states go to `partial` */
    bool is_alone; /* one thread does all tasks, one after the other */
    uint8_t *partial;
    atomic_size_t next;
    /* Bytes. */
    size_t q_bytes, w_bytes, key_bytes, value_bytes, state_stride, state_bytes, bench_bytes;
    uint8_t *benches;
};

/* A piece of memory; where there is none yet, it is only measured. */
struct piece {
    uint8_t *p; /* or NULL */
    size_t used;
};
static void *cut(struct piece *from, size_t n)
{
    void *out = from->p ? from->p + from->used : NULL;
    from->used += align(n);
    return out;
}

static struct state cut_state(const struct call *c, struct piece *p)
{
    struct state s;
    s.most = cut(p, c->rows_most * sizeof(float));
    s.sum = cut(p, c->rows_most * sizeof(float));
    s.values = cut(p, c->rows_most * c->state_stride * sizeof(float));
    return s;
}

static struct state state_at(const struct call *c, size_t task)
{
    struct piece p = { c->partial, task * c->state_bytes };
    return cut_state(c, &p);
}

static struct bench bench_at(const struct call *c, uint8_t *begin, size_t *taken)
{
    struct bench b;
    struct piece p = { begin, 0 };
    b.q = cut(&p, c->rows_most * c->q_bytes);
    b.weights = cut(&p, c->rows_most * c->w_bytes);
    b.scores = cut(&p, c->rows_most * SCORES_STRIDE * sizeof(float));
    b.scaled = cut(&p, c->a.head_dim * sizeof(float));
    b.caps = cut(&p, ATTENTION_CHUNK * sizeof(float));
    b.chunk = cut_state(c, &p);
    b.all = cut_state(c, &p);
    b.blocks = cut(&p, c->at ? 0 : c->blocks_most * (c->key_bytes + c->value_bytes));
    b.opened = cut(&p, c->is_kept_small ? attention_value_block_bytes(KERNEL_BF16, c->a.head_dim) : 0);
    *taken = p.used + 64; /* threads share no line */
    return b;
}

static size_t positions_end(const struct call *c, const struct attention_sequence *s) { return (c->at ? s->position : 0) + (size_t)s->rows; }
static size_t tiles_of(const struct call *c, const struct attention_sequence *s) { return (s->rows + c->tile_positions - 1) / c->tile_positions; }
static size_t chunks_of(const struct call *c, const struct attention_sequence *s)
{
    return (positions_end(c, s) + ATTENTION_CHUNK - 1) / ATTENTION_CHUNK;
}

/* ------------------------------------------------------------------ a tile */

struct tile {
    const struct attention_sequence *s;
    uint32_t head, heads;          /* of keys and values */
    uint32_t first, positions;     /* in the sequence's rows */
    size_t head_rows, rows;        /* of one head, of all */
    size_t from, end;              /* what its rows see together */
    const uint8_t *then;           /* the page with which this thread's next tile begins; NULL: not known */
};

static struct tile tile_of(const struct call *c, const struct attention_sequence *s, size_t i, uint32_t head)
{
    struct tile t = { .s = s, .head = head, .heads = c->tile_heads, .first = (uint32_t)i * c->tile_positions };
    t.positions = (uint32_t)least(c->tile_positions, s->rows - t.first);
    t.head_rows = (size_t)t.positions * c->group;
    t.rows = t.heads * t.head_rows;
    t.end = positions_end(c, s);
    if (c->a.is_causal) {
        size_t position = (c->at ? s->position : 0) + (size_t)t.first;
        t.end = position + t.positions;
        t.from = c->a.window && position + 1 > c->a.window ? position + 1 - c->a.window : 0;
    }
    return t;
}

static size_t head_tiles(const struct call *c) { return c->a.kv_heads / c->tile_heads; }
static struct tile tile_at(const struct call *c, const struct attention_sequence *s, size_t i)
{
    return tile_of(c, s, i / head_tiles(c), (uint32_t)(i % head_tiles(c)) * c->tile_heads);
}

/* The rows of a tile: by heads of keys and values, of each by positions, of each by the query heads that share it. */
static size_t head_of(const struct call *c, const struct tile *t, size_t r) { return (t->head + r / t->head_rows) * c->group + r % c->group; }
static size_t column_of(const struct call *c, const struct tile *t, size_t r) { return head_of(c, t, r) * c->a.head_dim; }
static size_t place_of(const struct call *c, const struct tile *t, size_t r) { return t->first + r % t->head_rows / c->group; }
static size_t row_of(const struct call *c, const struct tile *t, size_t r) { return t->s->row + place_of(c, t, r); }

static void prepare_queries(const struct call *c, const struct tile *t, struct bench *b)
{
    float scale = c->a.cap > 0 ? c->a.scale / c->a.cap : c->a.scale;
    for (size_t r = 0; r < t->rows; r++) {
        const float *q = c->q + row_of(c, t, r) * c->q_stride + column_of(c, t, r);
        kernels()->scale(scale, q, b->scaled, c->a.head_dim);
        kernels()->prepare[c->a.type](b->scaled, c->a.head_dim, b->q + r * c->q_bytes);
    }
}

static const uint8_t *keys_of(const struct call *c, const uint8_t *page, size_t head) { return page + c->at->keys + head * c->key_bytes; }
static const uint8_t *values_of(const struct call *c, const uint8_t *page, size_t head) { return page + c->at->values + head * c->value_bytes; }

static const uint8_t *block_at(const struct call *c, const struct tile *t, const struct bench *b, size_t block, size_t head, bool is_value)
{
    if (!c->at) return b->blocks + block * (c->key_bytes + c->value_bytes) + (is_value ? c->key_bytes : 0);
    const uint8_t *kept = is_value ? values_of(c, t->s->page[block], head) : keys_of(c, t->s->page[block], head);
    if (!c->is_kept_small) return kept;
    if (is_value) block8_open_values(c->a.head_dim, kept, (uint16_t *)(void *)b->opened);
    else block8_open_keys(c->a.head_dim, kept, (uint16_t *)(void *)b->opened);
    return b->opened;
}

/* What row r sees of the n keys from `base`, as numbers of places; and its scores become weights. */
static void weigh_row(const struct call *c, const struct tile *t, struct bench *b, size_t r, size_t base, size_t n)
{
    const struct attention *a = &c->a;
    size_t position = (c->at ? t->s->position : 0) + place_of(c, t, r), from = 0, end = t->end;
    if (a->is_causal) {
        end = position + 1;
        from = a->window && end > a->window ? end - a->window : 0;
    }
    from = least(most_of(from, base) - base, n);
    end = most_of(from, least(most_of(end, base) - base, n));
    float *s = b->scores + r * SCORES_STRIDE;
    if (a->cap > 0) kernels()->activate[KERNEL_TANH](s + from, b->caps, end - from, s + from);
    if (a->bias && end > from) {
        kernels()->axpy(1, a->bias + head_of(c, t, r) * a->bias_stride + a->bias_reach + base + from - position, s + from, end - from);
    }
    b->chunk.most[r] = kernels()->weigh[a->type](s, from, end, n, b->weights + r * c->w_bytes, &b->chunk.sum[r]);
}

/* b->chunk: the state of the tile's rows over one chunk. */
static void attend_chunk(const struct call *c, const struct tile *t, struct bench *b, size_t chunk)
{
    size_t base = chunk * ATTENTION_CHUNK, last = least((t->end + ATTENTION_BLOCK - 1) / ATTENTION_BLOCK, (base + ATTENTION_CHUNK) / ATTENTION_BLOCK);
    size_t begin = most_of(t->from, base) / ATTENTION_BLOCK, element = c->a.type == KERNEL_F32 || kernels()->has_wide_bf16 ? sizeof(float) : sizeof(uint16_t);
    const uint8_t *const *page = c->at && !c->is_kept_small ? t->s->page : NULL; /* what can be asked for */
    const uint8_t *then = !page || c->is_split ? NULL : last * ATTENTION_BLOCK < t->end ? page[last] : t->then;
    struct kernel_linear keys = { .panel_bytes = kernel_panel_bytes(c->a.type, c->a.head_dim), .k = c->a.head_dim, .row_bytes = c->q_bytes,
                                  .rows = t->head_rows, .stride = SCORES_STRIDE, .end = 1 };
    struct kernel_linear values = { .panel_bytes = kernel_panel_bytes(c->a.type, ATTENTION_BLOCK), .k = ATTENTION_BLOCK, .row_bytes = c->w_bytes,
                                    .rows = t->head_rows, .stride = c->state_stride, .end = kernel_panels(c->a.head_dim) };
    for (size_t i = begin; i < last; i++)
        for (size_t h = 0, r = 0; h < t->heads; h++, r += t->head_rows) {
            keys.w = block_at(c, t, b, i, t->head + h, false);
            if (page) keys.next = i + 1 < last ? keys_of(c, page[i + 1], t->head + h) : values_of(c, page[begin], t->head + h);
            keys.x = b->q + r * c->q_bytes;
            keys.y = b->scores + r * SCORES_STRIDE + (i * ATTENTION_BLOCK - base);
            kernels()->linear[c->a.type](&keys);
        }
    for (size_t r = 0; r < t->rows; r++) weigh_row(c, t, b, r, base, last * ATTENTION_BLOCK - base);
    for (size_t i = begin; i < last; i++)
        for (size_t h = 0, r = 0; h < t->heads; h++, r += t->head_rows) {
            values.w = block_at(c, t, b, i, t->head + h, true);
            if (page) values.next = i + 1 < last ? values_of(c, page[i + 1], t->head + h) : then ? keys_of(c, then, t->head + h) : NULL;
            values.x = b->weights + r * c->w_bytes + (i * ATTENTION_BLOCK - base) * element;
            values.y = b->chunk.values + r * c->state_stride;
            values.adds = i > begin;
            kernels()->linear[c->a.type](&values);
        }
}

/* ------------------------------------------------------------------ states */

static void state_clear(const struct call *c, const struct tile *t, struct state *s)
{
    for (size_t r = 0; r < t->rows; r++) s->most[r] = -INFINITY, s->sum[r] = 0;
    memset(s->values, 0, t->rows * c->state_stride * sizeof(float));
}

static void merge(const struct call *c, const struct tile *t, struct state *into, const struct state *s)
{
    for (size_t r = 0; r < t->rows; r++) {
        if (s->most[r] == -INFINITY) continue; /* saw nothing */
        float most = fmaxf(into->most[r], s->most[r]), old = expf(into->most[r] - most), new = expf(s->most[r] - most);
        float *y = into->values + r * c->state_stride;
        const float *x = s->values + r * c->state_stride;
        kernels()->scale(old, y, y, c->a.head_dim);
        kernels()->axpy(new, x, y, c->a.head_dim);
        into->sum[r] = into->sum[r] * old + s->sum[r] * new;
        into->most[r] = most;
    }
}

static void finish(const struct call *c, const struct tile *t, const struct state *s)
{
    for (size_t r = 0; r < t->rows; r++) {
        float *out = c->out + row_of(c, t, r) * c->out_stride + column_of(c, t, r), inverse = s->sum[r] > 0 ? 1 / s->sum[r] : 0;
        if (s->sum[r] != s->sum[r]) inverse = s->sum[r]; /* what is not a number is passed on */
        kernels()->scale(inverse, s->values + r * c->state_stride, out, c->a.head_dim);
    }
}

static void attend_tile(const struct call *c, const struct tile *t, struct bench *b)
{
    prepare_queries(c, t, b);
    state_clear(c, t, &b->all);
    for (size_t chunk = t->from / ATTENTION_CHUNK; chunk * ATTENTION_CHUNK < t->end; chunk++) {
        attend_chunk(c, t, b, chunk);
        merge(c, t, &b->all, &b->chunk);
    }
    finish(c, t, &b->all);
}

/* ------------------------------------------------------------------ tasks */

/* Whose task it is; *of becomes its number there. */
static size_t owner(const struct call *c, size_t task, size_t *of)
{
    size_t low = 0, high = c->sequences;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (c->first[middle] <= task) low = middle;
        else high = middle;
    }
    *of = task - c->first[low];
    return low;
}

static const uint8_t *first_page(const struct call *c, size_t task)
{
    size_t of;
    const struct attention_sequence *s = &c->sequence[owner(c, task, &of)];
    return s->page[tile_at(c, s, of).from / ATTENTION_BLOCK];
}

static void make_blocks(const struct call *c, const struct attention_sequence *s, uint32_t head, struct bench *b)
{
    size_t pair = c->key_bytes + c->value_bytes, blocks = (s->rows + ATTENTION_BLOCK - 1) / ATTENTION_BLOCK;
    memset(b->blocks + (blocks - 1) * pair, 0, pair); /* its last places stay empty */
    for (uint32_t i = 0; i < s->rows; i++) {
        size_t at = (s->row + i) * c->in->kv_stride + (size_t)head * c->a.head_dim;
        uint8_t *keys = b->blocks + i / ATTENTION_BLOCK * pair;
        attention_store(c->a.type, c->a.head_dim, i % ATTENTION_BLOCK, c->in->k + at, c->in->v + at, keys, keys + c->key_bytes);
    }
}

static void run_task(const struct call *c, size_t task, struct bench *b)
{
    size_t of;
    const struct attention_sequence *s = &c->sequence[owner(c, task, &of)];
    if (!c->at) { /* a head of keys and values, all tiles */
        make_blocks(c, s, (uint32_t)of, b);
        for (size_t i = 0; i < tiles_of(c, s); i++) {
            struct tile t = tile_of(c, s, i, (uint32_t)of);
            attend_tile(c, &t, b);
        }
        return;
    }
    size_t chunk = c->is_split ? of % chunks_of(c, s) : 0, rest = c->is_split ? of / chunks_of(c, s) : of;
    struct tile t = tile_at(c, s, rest);
    if (c->is_alone && task) t.then = first_page(c, task - 1);
    if (!c->is_split) {
        attend_tile(c, &t, b);
        return;
    }
    b->chunk = state_at(c, task);
    for (size_t r = 0; r < t.rows; r++) b->chunk.most[r] = -INFINITY;
    if (chunk * ATTENTION_CHUNK >= t.end || (chunk + 1) * ATTENTION_CHUNK <= t.from) return; /* nothing to see */
    prepare_queries(c, &t, b);
    attend_chunk(c, &t, b, chunk);
}

static void attend_share(void *ctx, size_t part, size_t parts)
{
    struct call *c = ctx;
    size_t taken, done;
    struct bench b = bench_at(c, c->benches + part * c->bench_bytes, &taken);
    (void)parts;
    for (size_t i = 0; c->a.cap > 0 && i < ATTENTION_CHUNK; i++) b.caps[i] = c->a.cap;
    while ((done = atomic_fetch_add_explicit(&c->next, 1, memory_order_relaxed)) < c->tasks)
        run_task(c, c->tasks - 1 - done, &b); /* later rows have more to see: the longest first */
}

static void merge_split(const struct call *c)
{
    size_t taken;
    struct bench b = bench_at(c, c->benches, &taken);
    for (size_t i = 0; i < c->sequences; i++) {
        const struct attention_sequence *s = &c->sequence[i];
        size_t chunks = chunks_of(c, s);
        for (size_t rest = 0; rest < tiles_of(c, s) * head_tiles(c); rest++) {
            struct tile t = tile_at(c, s, rest);
            state_clear(c, &t, &b.all);
            for (size_t chunk = 0; chunk < chunks; chunk++) {
                struct state part = state_at(c, c->first[i] + rest * chunks + chunk);
                merge(c, &t, &b.all, &part);
            }
            finish(c, &t, &b.all);
        }
    }
}

/* ------------------------------------------------------------------ the two ways in */

/* Reading heads together, by fewer threads at once, beats reading them apart. */
static bool are_heads_together(const struct call *c, size_t threads)
{
    size_t tasks = c->sequences * c->chunks_most;
    return c->at && c->rows_most * c->a.kv_heads <= TILE_ROWS && TOGETHER * least(threads, tasks) >= least(threads, tasks * c->a.kv_heads);
}

static void measure(struct call *c, size_t threads)
{
    const struct attention *a = &c->a;
    c->key_bytes = attention_key_block_bytes(a->type, a->head_dim);
    c->value_bytes = attention_value_block_bytes(a->type, a->head_dim);
    c->is_kept_small = c->at && a->type == KERNEL_Q8;
    if (c->is_kept_small) c->a.type = KERNEL_BF16;
    must((a->type == KERNEL_F32 || a->type == KERNEL_BF16) && a->kv_heads && a->heads % a->kv_heads == 0);
    c->group = a->heads / a->kv_heads;
    c->tile_positions = (uint32_t)most_of(1, TILE_ROWS / c->group);
    c->tile_heads = 1;
    c->q_bytes = kernel_row_bytes(a->type, a->head_dim);
    c->w_bytes = kernel_row_bytes(a->type, ATTENTION_CHUNK);
    c->state_stride = kernel_panels(a->head_dim) * KERNEL_PANEL;
    for (size_t i = 0; i < c->sequences; i++) {
        const struct attention_sequence *s = &c->sequence[i];
        c->rows_most = most_of(c->rows_most, least(s->rows, c->tile_positions) * c->group);
        c->blocks_most = most_of(c->blocks_most, (s->rows + ATTENTION_BLOCK - 1) / ATTENTION_BLOCK);
        c->chunks_most = most_of(c->chunks_most, chunks_of(c, s));
    }
    if (are_heads_together(c, threads)) {
        c->tile_heads = a->kv_heads;
        c->rows_most *= a->kv_heads;
    }
    c->state_bytes = 2 * align(c->rows_most * sizeof(float)) + align(c->rows_most * c->state_stride * sizeof(float));
}

static size_t number_tasks(const struct call *c, size_t *first)
{
    size_t n = 0;
    for (size_t i = 0; i < c->sequences; i++) {
        const struct attention_sequence *s = &c->sequence[i];
        if (first) first[i] = n;
        n += head_tiles(c) * (c->at ? tiles_of(c, s) : s->rows > 0) * (c->is_split ? chunks_of(c, s) : 1);
    }
    return n;
}

static bool run(struct call *c, struct team *team, struct scratch *s, struct err *e)
{
    size_t threads = team_size(team);
    measure(c, threads);
    if (c->rows_most == 0) return true;
    c->is_alone = threads == 1;
    c->is_split = c->at && threads > 1 && c->chunks_most > 1 && number_tasks(c, NULL) < threads * TASKS_A_THREAD;
    c->tasks = number_tasks(c, NULL);
    (void)bench_at(c, NULL, &c->bench_bytes);
    size_t first_bytes = align(c->sequences * sizeof *c->first), partial_bytes = c->is_split ? c->tasks * c->state_bytes : 0;
    if (!scratch_reserve(s, first_bytes + threads * c->bench_bytes + partial_bytes, e)) return false;
    c->first = (size_t *)(void *)s->p;
    c->benches = s->p + first_bytes;
    c->partial = c->benches + threads * c->bench_bytes;
    number_tasks(c, c->first);
    if (c->tasks == 1 || c->tasks * c->rows_most * c->chunks_most <= 8) attend_share(c, 0, 1); /* less work than a round of the team */
    else team_run(team, attend_share, c);
    if (c->is_split) merge_split(c);
    return true;
}

bool attention_paged(struct team *team, struct scratch *s, const struct attention *a, const struct attention_pages *at,
                     const struct attention_sequence *sequence, size_t sequences, const float *q, size_t q_stride,
                     float *out, size_t out_stride, struct err *e)
{
    struct call c = { .a = *a, .sequence = sequence, .sequences = sequences, .at = at, .q = q, .q_stride = q_stride,
                      .out = out, .out_stride = out_stride };
    must(a->is_causal);
    return run(&c, team, s, e);
}

bool attention_plain(struct team *team, struct scratch *s, const struct attention *a, const struct attention_input *in,
                     const struct attention_sequence *sequence, size_t sequences, float *out, size_t out_stride, struct err *e)
{
    struct call c = { .a = *a, .sequence = sequence, .sequences = sequences, .in = in, .q = in->q, .q_stride = in->q_stride,
                      .out = out, .out_stride = out_stride };
    return run(&c, team, s, e);
}
