/* model/constrain/automaton.c - see model/constrain/automaton.h. */
#include "model/constrain/automaton.h"

#include <string.h>

enum { STATES_AT_FIRST = 64 };

void automaton_free(struct automaton *a)
{
    mem_free(a->next);
    mem_free(a->accepts);
    *a = (struct automaton){ 0 };
}

static bool spend(uint64_t *work, uint64_t amount)
{
    bool enough = amount <= *work;
    *work -= enough ? amount : *work;
    return enough;
}

/* ------------------------------------------------------------------ states by their keys */

struct keys {
    size_t bytes; /* of one */
    uint8_t *key; /* [room][bytes] */
    uint32_t n, room;
    uint32_t *slot; /* [4 * room]: 1 + index, 0 for free */
};

static uint64_t hash_of(const uint8_t *key, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++) h = (h ^ key[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 32;
    return h;
}

static size_t slot_of(const struct keys *k, const uint8_t *key)
{
    size_t mask = 4 * (size_t)k->room - 1, at = hash_of(key, k->bytes) & mask;
    while (k->slot[at] && memcmp(k->key + (k->slot[at] - 1) * k->bytes, key, k->bytes) != 0) at = (at + 1) & mask;
    return at;
}

static void keys_make_room(struct keys *k)
{
    k->room = k->room ? 2 * k->room : STATES_AT_FIRST;
    k->key = mem_grow(k->key, k->room * k->bytes);
    mem_free(k->slot);
    k->slot = mem_alloc(4 * (size_t)k->room * sizeof *k->slot);
    for (uint32_t i = 0; i < k->n; i++) k->slot[slot_of(k, k->key + i * k->bytes)] = i + 1;
}

static uint32_t key_index(struct keys *k, const void *key) /* a new one is added */
{
    if (k->n == k->room) keys_make_room(k);
    size_t at = slot_of(k, key);
    if (!k->slot[at]) {
        memcpy(k->key + k->n * k->bytes, key, k->bytes);
        k->slot[at] = ++k->n;
    }
    return k->slot[at] - 1;
}

static void keys_free(struct keys *k)
{
    mem_free(k->key);
    mem_free(k->slot);
}

/* ------------------------------------------------------------------ exploring */

/* Leads what cannot be accepted any more to the dead state.  States are numbered as they are met, so a walk from the
 * last to the first mostly needs no second one. */
static bool leave_out_the_dead(struct automaton *a, uint64_t *work)
{
    bool *live = mem_alloc(a->states * sizeof *live), changed = true, enough = true;
    for (uint32_t i = 0; i < a->states; i++) live[i] = a->accepts[i];
    while (changed && enough) {
        changed = false;
        enough = spend(work, (uint64_t)a->states * a->symbols);
        for (uint32_t i = a->states; i-- > 0;) {
            bool was = live[i];
            for (uint32_t c = 0; c < a->symbols && !live[i]; c++) live[i] = live[a->next[i * a->symbols + c]];
            changed |= live[i] != was;
        }
    }
    for (size_t i = 0; i < (size_t)a->states * a->symbols; i++)
        if (!live[a->next[i]]) a->next[i] = AUTOMATON_DEAD;
    mem_free(live);
    return enough;
}

bool automaton_explore(const struct automaton_source *from, const void *start, uint64_t *work, struct automaton *out)
{
    struct keys keys = { .bytes = from->key_bytes };
    const uint64_t cost = from->symbols * (1 + from->key_bytes / 8); /* of a state */
    uint8_t *here = mem_alloc(from->key_bytes), *to = mem_alloc(from->key_bytes);
    uint32_t room = 0;
    bool ok = true;
    *out = (struct automaton){ .symbols = from->symbols };
    key_index(&keys, start);
    for (uint32_t i = 0; i <= keys.n && ok; i++) { /* state 0 is dead; the key of state i has the number i - 1 */
        if (i == room) {
            room = room ? 2 * room : STATES_AT_FIRST;
            out->next = mem_grow(out->next, room * (size_t)from->symbols * sizeof *out->next);
            out->accepts = mem_grow(out->accepts, room * sizeof *out->accepts);
        }
        uint32_t *next = out->next + i * (size_t)from->symbols;
        memset(next, 0, from->symbols * sizeof *next);
        out->accepts[i] = false;
        out->states = i + 1;
        if (i == AUTOMATON_DEAD) continue;
        memcpy(here, keys.key + (i - 1) * keys.bytes, keys.bytes);
        out->accepts[i] = from->accepts(from->of, here);
        for (uint32_t c = 0; c < from->symbols; c++)
            if (from->step(from->of, here, c, to)) next[c] = key_index(&keys, to) + 1;
        ok = spend(work, cost) && keys.n < AUTOMATON_STATES_MAX;
    }
    keys_free(&keys);
    mem_free(here);
    mem_free(to);
    ok = ok && leave_out_the_dead(out, work);
    if (!ok) automaton_free(out);
    return ok;
}

/* ------------------------------------------------------------------ few states */

/* States are told apart by more and more symbols (Moore); group[i] is at last the state that i becomes. */
static bool find_groups(const struct automaton *a, uint32_t *group, uint32_t *groups, uint64_t *work)
{
    uint32_t *key = mem_alloc((1 + (size_t)a->symbols) * sizeof *key), before = 0;
    bool enough = true;
    for (uint32_t i = 0; i < a->states; i++) group[i] = a->accepts[i];
    for (*groups = 2; enough && *groups != before;) {
        struct keys keys = { .bytes = (1 + (size_t)a->symbols) * sizeof *key };
        uint32_t *next = mem_alloc(a->states * sizeof *next);
        enough = spend(work, 4 * (uint64_t)a->states * a->symbols);
        for (uint32_t i = 0; i < a->states && enough; i++) {
            key[0] = group[i];
            for (uint32_t c = 0; c < a->symbols; c++) key[1 + c] = group[a->next[i * a->symbols + c]];
            next[i] = key_index(&keys, key);
        }
        before = *groups;
        *groups = keys.n;
        if (enough) memcpy(group, next, a->states * sizeof *group);
        mem_free(next);
        keys_free(&keys);
    }
    mem_free(key);
    return enough;
}

void automaton_minimise(struct automaton *a, uint64_t *work)
{
    uint32_t *group = mem_alloc(a->states * sizeof *group), groups;
    /* The start may not be that which is dead: then nothing is accepted, and there is nothing to make smaller. */
    uint64_t some = *work / 4, left = some;
    if (find_groups(a, group, &groups, &left) && group[AUTOMATON_START] == 1) {
        for (uint32_t i = 0; i < a->states; i++) { /* in order: a group is written before or where its first state stands */
            uint32_t to = group[i];
            for (uint32_t c = 0; c < a->symbols; c++) a->next[to * a->symbols + c] = group[a->next[i * a->symbols + c]];
            a->accepts[to] = a->accepts[i];
        }
        a->states = groups;
    }
    *work -= some - left;
    mem_free(group);
}

uint32_t automaton_longest(const struct automaton *a)
{
    uint32_t *most = mem_alloc(a->states * sizeof *most), longest; /* 1 + the most symbols from here; 0: dead */
    bool changed = true;
    for (uint32_t i = 0; i < a->states; i++) most[i] = a->accepts[i];
    while (changed && most[AUTOMATON_START] <= a->states) {
        changed = false;
        for (uint32_t i = a->states; i-- > 1;)
            for (uint32_t c = 0; c < a->symbols; c++) {
                uint32_t after = most[a->next[i * a->symbols + c]];
                if (after && after + 1 > most[i]) most[i] = after + 1, changed = true;
            }
    }
    longest = changed ? UINT32_MAX : most[AUTOMATON_START] ? most[AUTOMATON_START] - 1 : 0;
    mem_free(most);
    return longest;
}

/* ------------------------------------------------------------------ from an expression: sets of its nodes */

struct subsets {
    const struct grammar *g;
    size_t words;
    uint32_t *stack; /* [nodes] */
};

static bool set_has(const uint64_t *set, uint32_t i) { return set[i / 64] >> (i % 64) & 1; }

/* Adds what can be reached from `at` without reading anything. */
static void close_over(const struct subsets *s, uint64_t *set, uint32_t at)
{
    uint32_t n = 0;
    if (set_has(set, at)) return;
    set[at / 64] |= UINT64_C(1) << (at % 64);
    s->stack[n++] = at;
    while (n) {
        const struct node *x = &s->g->node[s->stack[--n]];
        uint32_t way[2] = { x->a, x->b };
        for (unsigned i = 0; i < 2 && x->kind == NODE_SPLIT; i++) {
            if (set_has(set, way[i])) continue;
            set[way[i] / 64] |= UINT64_C(1) << (way[i] % 64);
            s->stack[n++] = way[i];
        }
    }
}

static bool subset_step(const void *of, const void *from, uint32_t symbol, void *to)
{
    const struct subsets *s = of;
    const uint64_t *set = from;
    bool any = false;
    memset(to, 0, s->words * sizeof *set);
    for (size_t w = 0; w < s->words; w++)
        for (uint64_t left = set[w]; left; left &= left - 1) {
            const struct node *x = &s->g->node[w * 64 + (size_t)__builtin_ctzll(left)];
            if (x->kind != NODE_BYTES || !byte_set_has(&s->g->set[x->a], (uint8_t)symbol)) continue;
            close_over(s, to, x->b);
            any = true;
        }
    return any;
}

static bool subset_accepts(const void *of, const void *key)
{
    const struct subsets *s = of;
    for (uint32_t i = 0; i < s->g->nodes; i++)
        if (s->g->node[i].kind == NODE_RETURN && set_has(key, i)) return true;
    return false;
}

bool automaton_of(struct grammar_builder *b, struct expr *body, uint32_t symbols, uint64_t *work, struct automaton *out)
{
    struct grammar *g;
    uint32_t rule = grammar_rule_new(b, (str){ 0 });
    *out = (struct automaton){ 0 };
    if (b->failed) return false;
    b->rule[rule].body = body;
    g = grammar_lower(b);
    struct subsets s = { .g = g, .words = (g->nodes + 63) / 64, .stack = mem_alloc((g->nodes + 1) * sizeof *s.stack) };
    uint64_t *start = mem_alloc(s.words * sizeof *start);
    const struct automaton_source source = { &s, s.words * sizeof *start, symbols, subset_step, subset_accepts };
    bool ok = !b->failed && spend(work, g->nodes);
    if (ok) {
        close_over(&s, start, g->start[rule]);
        ok = automaton_explore(&source, start, work, out);
    }
    if (ok) automaton_minimise(out, work);
    mem_free(start);
    mem_free(s.stack);
    grammar_free(g);
    return ok;
}

/* ------------------------------------------------------------------ to an expression */

struct expr *automaton_expr(struct grammar_builder *b, const struct automaton *a,
                            struct expr *(*label)(void *of, struct grammar_builder *b, const struct byte_set *symbols),
                            void *of)
{
    struct expr_state *state = arena_try_array(b->a, a->states, sizeof *state);
    uint32_t *seen = mem_alloc(a->states * sizeof *seen); /* 1 + the edge that leads there */
    struct byte_set *on = mem_alloc(a->symbols * sizeof *on);
    if (!state) b->failed = "it takes too much memory";
    for (uint32_t i = 1; i < a->states && !b->failed; i++) {
        const uint32_t *next = a->next + i * (size_t)a->symbols;
        uint32_t edges = 0, *to = mem_alloc(a->symbols * sizeof *to);
        for (uint32_t c = 0; c < a->symbols; c++) {
            if (next[c] == AUTOMATON_DEAD) continue;
            if (!seen[next[c]]) {
                on[edges] = (struct byte_set){ { 0 } };
                to[edges] = next[c];
                seen[next[c]] = ++edges;
            }
            byte_set_add(&on[seen[next[c]] - 1], (uint8_t)c);
        }
        state[i] = (struct expr_state){ .accepts = a->accepts[i],
                                        .edges = edges,
                                        .edge = arena_try_array(b->a, edges, sizeof *state[i].edge) };
        if (edges && !state[i].edge) b->failed = "it takes too much memory";
        for (uint32_t k = 0; k < edges; k++) {
            seen[to[k]] = 0;
            if (!b->failed) state[i].edge[k] = (struct expr_edge){ label(of, b, &on[k]), to[k] };
        }
        mem_free(to);
    }
    mem_free(seen);
    mem_free(on);
    return expr_automaton(b, state, b->failed ? 0 : a->states);
}
