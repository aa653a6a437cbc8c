/* model/constrain/matcher.c - see model/constrain/matcher.h.
 *
 * The grammar's automaton calls rules, so where a text stands is a set of configurations: a node that reads a byte,
 * and a stack of nodes to come back to.  Stacks are shared lists, interned; so are the sets, which makes each set a
 * state with a number, and "state and class of byte give a state" a table that is filled as it is asked for.  A mask
 * is one walk over the vocabulary's trie beside that table, which may be made in pieces, and is kept with its state.
 *
 * Invariants:
 * 1. Every configuration in a state can be completed within GRAMMAR_DEPTH_MAX (heights, grammar_priv.h), so no state
 *   but
 *    STATE_DEAD is a dead end.  Leaving configurations out, which is what happens past CONFIGS_MAX, narrows what is
 *   generated
 *    and never makes it wrong.
 * 2. Equal sets have equal numbers: configurations are sorted, frames interned.
 * 3. Numbers are valid until forget(), which renumbers where the live grammar_states stand; nothing else keeps
 *   numbers. */
#include "model/constrain/matcher.h"

#include <stdlib.h>
#include <string.h>

#include "model/constrain/grammar_priv.h"
#include "model/constrain/trie.h"

enum {
    CONFIGS_MAX = 1 << 14, /* of one state */
    VISITS_MAX = 1 << 16,  /* of one closure */
    SLOTS_AT_FIRST = 1 << 10,
    STATE_DEAD = 0,
    FRAME_NONE = 0,
    /* Work is counted in steps of a walk over the trie. */
    VISIT_WORK = 16,    /* of a configuration: found, sorted, compared */
    WORK_MAX = 1 << 27, /* of one mask; when it is used up, what was not looked at is not allowed */
    FORCED_WORK = 1 << 17,
};

struct frame {
    uint32_t node, below; /* where to go on, and the frame after that */
    uint32_t depth;
};

struct config {
    uint32_t node, frame;
};

struct state {
    size_t from; /* in m->config */
    uint32_t count;
    bool accepts;
    uint64_t *mask; /* [words], or NULL: not known yet */
    bool any;       /* of mask */
};

struct walk { /* over the trie, beside the grammar: a mask that is being made */
    bool is_on;
    uint32_t of;    /* this state's */
    uint64_t *mask; /* NULL between walks */
    bool any;
    size_t node; /* those before it have been looked at */
    uint64_t spent;
    uint32_t on_the_way[TRIE_DEPTH_MAX + 1];
};

struct table { /* open addressing: 1 + index, 0 for free */
    uint32_t *slot;
    size_t slots, used;
};

struct grammar_matcher {
    const struct grammar *g;
    const struct grammar_tokens *tokens;
    size_t bytes_max, words, mask_bytes;
    struct grammar_state *live;
    struct state *state;
    uint32_t *next; /* [states][classes]: 1 + state, 0: not known yet */
    size_t states, states_room;
    struct config *config;
    size_t configs, configs_room;
    struct frame *frame;
    size_t frames, frames_room;
    struct table state_table, frame_table;
    /* of a closure */
    struct config *work, *found; /* [VISITS_MAX], [CONFIGS_MAX] */
    size_t works, founds;
    bool accepts;
    struct config *visited; /* [2 * VISITS_MAX], valid where stamp is that of the closure */
    uint32_t *stamp, closures;
    size_t visits;
    uint64_t spent; /* since the matcher was made */
    uint16_t bytes_of_class[256];
    struct walk walk;
    size_t prepared; /* states that are */
    struct grammar_figures figures;
};

struct grammar_state {
    struct grammar_matcher *m;
    struct grammar_state *before, *after;
    uint32_t at;
    bool is_prepared; /* past CONFIGS_MAX other configurations might be left out if what its mask was made from were found again */
};

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

/* ------------------------------------------------------------------ tables */

static void table_add(struct table *t, uint64_t hash, uint32_t index)
{
    size_t at = hash & (t->slots - 1);
    while (t->slot[at]) at = (at + 1) & (t->slots - 1);
    t->slot[at] = index + 1;
    t->used++;
}

static bool table_is_full(const struct table *t) { return 2 * (t->used + 1) > t->slots; }

static void table_clear(struct table *t, size_t slots)
{
    mem_free(t->slot);
    t->slots = slots;
    t->used = 0;
    t->slot = mem_alloc(slots * sizeof *t->slot);
}

static uint64_t frame_hash(uint32_t node, uint32_t below) { return mix(mix(1, node), below); }

static uint32_t frame_of(struct grammar_matcher *m, uint32_t node, uint32_t below)
{
    struct table *t = &m->frame_table;
    uint64_t hash = frame_hash(node, below);
    for (size_t at = hash & (t->slots - 1); t->slot[at]; at = (at + 1) & (t->slots - 1)) {
        const struct frame *f = &m->frame[t->slot[at] - 1];
        if (f->node == node && f->below == below) return t->slot[at] - 1;
    }
    if (m->frames == m->frames_room) {
        m->frames_room *= 2;
        m->frame = mem_grow(m->frame, m->frames_room * sizeof *m->frame);
    }
    m->frame[m->frames] = (struct frame){ node, below, m->frame[below].depth + 1 };
    if (table_is_full(t)) {
        table_clear(t, 2 * t->slots);
        for (uint32_t i = 1; i < m->frames; i++) table_add(t, frame_hash(m->frame[i].node, m->frame[i].below), i);
    }
    table_add(t, hash, (uint32_t)m->frames);
    return (uint32_t)m->frames++;
}

static uint64_t state_hash(const struct config *c, size_t n, bool accepts)
{
    uint64_t h = accepts;
    for (size_t i = 0; i < n; i++) h = mix(h, (uint64_t)c[i].frame << 32 | c[i].node);
    return h;
}

static uint32_t state_of(struct grammar_matcher *m, const struct config *c, size_t n, bool accepts)
{
    struct table *t = &m->state_table;
    uint64_t hash = state_hash(c, n, accepts);
    if (n == 0 && !accepts && m->states) return STATE_DEAD;
    for (size_t at = hash & (t->slots - 1); t->slot[at]; at = (at + 1) & (t->slots - 1)) {
        const struct state *s = &m->state[t->slot[at] - 1];
        if (s->count == n && s->accepts == accepts && (n == 0 || memcmp(m->config + s->from, c, n * sizeof *c) == 0))
            return t->slot[at] - 1;
    }
    if (m->states == m->states_room) {
        size_t classes = m->g->classes;
        m->states_room *= 2;
        m->state = mem_grow(m->state, m->states_room * sizeof *m->state);
        m->next = mem_grow(m->next, m->states_room * classes * sizeof *m->next);
    }
    while (m->configs + n > m->configs_room) {
        m->configs_room *= 2;
        m->config = mem_grow(m->config, m->configs_room * sizeof *m->config);
    }
    if (n) memcpy(m->config + m->configs, c, n * sizeof *c);
    m->state[m->states] = (struct state){ .from = m->configs, .count = (uint32_t)n, .accepts = accepts };
    memset(m->next + m->states * m->g->classes, 0, m->g->classes * sizeof *m->next);
    m->configs += n;
    if (table_is_full(t)) {
        table_clear(t, 2 * t->slots);
        for (uint32_t i = 0; i < m->states; i++)
            table_add(t, state_hash(m->config + m->state[i].from, m->state[i].count, m->state[i].accepts), i);
    }
    table_add(t, hash, (uint32_t)m->states);
    return (uint32_t)m->states++;
}

/* ------------------------------------------------------------------ closures */

static int by_config(const void *a, const void *b)
{
    const struct config *x = a, *y = b;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

static void closure_begin(struct grammar_matcher *m)
{
    m->works = m->founds = m->visits = 0;
    m->accepts = false;
    if (++m->closures == 0) {
        memset(m->stamp, 0, 2 * (size_t)VISITS_MAX * sizeof *m->stamp);
        m->closures = 1;
    }
}

static void visit(struct grammar_matcher *m, uint32_t node, uint32_t frame)
{
    unsigned height = m->g->height[node];
    if (height == HEIGHT_NEVER || m->frame[frame].depth + height > GRAMMAR_DEPTH_MAX || m->visits == VISITS_MAX) return;
    size_t at = mix(mix(1, node), frame) & (2 * (size_t)VISITS_MAX - 1);
    for (; m->stamp[at] == m->closures; at = (at + 1) & (2 * (size_t)VISITS_MAX - 1))
        if (m->visited[at].node == node && m->visited[at].frame == frame) return;
    m->stamp[at] = m->closures;
    m->visited[at] = (struct config){ node, frame };
    m->work[m->works++] = (struct config){ node, frame };
    m->visits++;
}

/* All that can be reached without reading a byte from what was visited. */
static void close_over(struct grammar_matcher *m)
{
    const struct grammar *g = m->g;
    while (m->works) {
        struct config c = m->work[--m->works];
        const struct node *n = &g->node[c.node];
        m->spent += VISIT_WORK;
        switch (n->kind) {
        case NODE_BYTES:
            if (m->founds < CONFIGS_MAX) m->found[m->founds++] = c;
            break;
        case NODE_CALL: visit(m, g->start[n->a], node_is_tail_call(g, n) ? c.frame : frame_of(m, n->b, c.frame)); break;
        case NODE_SPLIT:
            visit(m, n->b, c.frame);
            visit(m, n->a, c.frame);
            break;
        case NODE_RETURN:
            if (c.frame == FRAME_NONE) m->accepts = true;
            else visit(m, m->frame[c.frame].node, m->frame[c.frame].below);
            break;
        }
    }
}

static uint32_t closure_end(struct grammar_matcher *m)
{
    close_over(m);
    qsort(m->found, m->founds, sizeof *m->found, by_config);
    return state_of(m, m->found, m->founds, m->accepts);
}

static uint32_t step_new(struct grammar_matcher *m, uint32_t at, uint32_t class)
{
    const struct grammar *g = m->g;
    struct state s = m->state[at];
    m->spent += s.count;
    closure_begin(m);
    for (uint32_t i = 0; i < s.count; i++) {
        struct config c = m->config[s.from + i];
        if (byte_set_has(&g->set[g->node[c.node].a], g->example[class])) visit(m, g->node[c.node].b, c.frame);
    }
    uint32_t to = closure_end(m);
    m->next[at * (size_t)g->classes + class] = to + 1;
    return to;
}

static inline uint32_t step(struct grammar_matcher *m, uint32_t at, uint8_t byte)
{
    uint32_t class = m->g->class_of[byte], known = m->next[at * (size_t)m->g->classes + class];
    return known ? known - 1 : step_new(m, at, class);
}

/* ------------------------------------------------------------------ memory */

static void tables_begin(struct grammar_matcher *m)
{
    m->states = m->configs = 0;
    m->states_room = 64, m->configs_room = 256, m->frames_room = 64;
    m->state = mem_alloc(m->states_room * sizeof *m->state);
    m->next = mem_alloc(m->states_room * m->g->classes * sizeof *m->next);
    m->config = mem_alloc(m->configs_room * sizeof *m->config);
    m->frame = mem_alloc(m->frames_room * sizeof *m->frame);
    m->frames = 1; /* FRAME_NONE */
    table_clear(&m->state_table, SLOTS_AT_FIRST);
    table_clear(&m->frame_table, SLOTS_AT_FIRST);
    state_of(m, NULL, 0, false); /* STATE_DEAD */
}

static size_t bytes_used(const struct grammar_matcher *m)
{
    return m->states * (sizeof *m->state + m->g->classes * sizeof *m->next) + m->configs * sizeof *m->config +
           m->frames * sizeof *m->frame + m->mask_bytes;
}

/* The same stack in the new frames, from its bottom. */
static uint32_t frame_again(struct grammar_matcher *m, const struct frame *old, uint32_t at)
{
    uint32_t node[GRAMMAR_DEPTH_MAX + 1], n = 0, frame = FRAME_NONE;
    for (; at != FRAME_NONE; at = old[at].below) node[n++] = old[at].node;
    while (n) frame = frame_of(m, node[--n], frame);
    return frame;
}

/* Keeps where the sequences stand, and nothing else. */
static void forget(struct grammar_matcher *m)
{
    struct state *state = m->state;
    struct config *config = m->config;
    struct frame *frame = m->frame;
    uint32_t *next = m->next;
    size_t states = m->states;
    tables_begin(m);
    for (struct grammar_state *s = m->live; s; s = s->after) {
        const struct state *old = &state[s->at];
        for (uint32_t i = 0; i < old->count; i++) {
            struct config c = config[old->from + i];
            m->found[i] = (struct config){ c.node, frame_again(m, frame, c.frame) };
        }
        qsort(m->found, old->count, sizeof *m->found, by_config);
        s->at = state_of(m, m->found, old->count, old->accepts);
    }
    for (size_t i = 0; i < states; i++) mem_free(state[i].mask);
    mem_free(state);
    mem_free(config);
    mem_free(frame);
    mem_free(next);
    m->mask_bytes = 0;
    m->figures.forgotten++;
}

static void keep_within_limit(struct grammar_matcher *m)
{
    if (!m->walk.is_on && !m->prepared && bytes_used(m) > m->bytes_max) forget(m);
}

struct grammar_matcher *grammar_matcher_new(const struct grammar *g, const struct grammar_tokens *tokens,
                                            size_t bytes_max)
{
    struct grammar_matcher *m = mem_one(struct grammar_matcher);
    m->g = g;
    m->tokens = tokens;
    m->bytes_max = bytes_max;
    m->words = tokens ? (tokens->vocab + 63) / 64 : 0;
    m->work = mem_alloc(VISITS_MAX * sizeof *m->work);
    m->found = mem_alloc(CONFIGS_MAX * sizeof *m->found);
    m->visited = mem_alloc(2 * (size_t)VISITS_MAX * sizeof *m->visited);
    m->stamp = mem_alloc(2 * (size_t)VISITS_MAX * sizeof *m->stamp);
    for (size_t i = 0; i < 256; i++) m->bytes_of_class[g->class_of[i]]++;
    tables_begin(m);
    return m;
}

void grammar_matcher_free(struct grammar_matcher *m)
{
    if (!m) return;
    must(!m->live);
    for (size_t i = 0; i < m->states; i++) mem_free(m->state[i].mask);
    mem_free(m->state);
    mem_free(m->next);
    mem_free(m->config);
    mem_free(m->frame);
    mem_free(m->walk.mask);
    mem_free(m->state_table.slot);
    mem_free(m->frame_table.slot);
    mem_free(m->work);
    mem_free(m->found);
    mem_free(m->visited);
    mem_free(m->stamp);
    mem_free(m);
}

void grammar_matcher_figures(const struct grammar_matcher *m, struct grammar_figures *out)
{
    *out = m->figures;
    out->states = m->states;
    out->bytes = bytes_used(m);
}

/* ------------------------------------------------------------------ states */

static struct grammar_state *state_at(struct grammar_matcher *m, uint32_t at)
{
    struct grammar_state *s = mem_one(struct grammar_state);
    *s = (struct grammar_state){ .m = m, .after = m->live, .at = at };
    if (m->live) m->live->before = s;
    m->live = s;
    return s;
}

struct grammar_state *grammar_state_new(struct grammar_matcher *m)
{
    closure_begin(m);
    visit(m, m->g->start[0], FRAME_NONE);
    return state_at(m, closure_end(m));
}

struct grammar_state *grammar_state_fork(const struct grammar_state *s) { return state_at(s->m, s->at); }

void grammar_state_free(struct grammar_state *s)
{
    if (!s) return;
    s->m->prepared -= s->is_prepared;
    if (s->before) s->before->after = s->after;
    else s->m->live = s->after;
    if (s->after) s->after->before = s->before;
    mem_free(s);
}

bool grammar_may_end(const struct grammar_state *s) { return s->m->state[s->at].accepts; }

bool grammar_must_end(struct grammar_state *s)
{
    return s->m->state[s->at].count == 0;
}

static bool follow(struct grammar_state *s, str text)
{
    uint32_t at = s->at;
    for (size_t i = 0; i < text.n && at != STATE_DEAD; i++) at = step(s->m, at, (uint8_t)text.p[i]);
    if (at == STATE_DEAD) return false;
    s->at = at;
    s->m->prepared -= s->is_prepared;
    s->is_prepared = false;
    return true;
}

bool grammar_accept_bytes(struct grammar_state *s, str text)
{
    keep_within_limit(s->m);
    return follow(s, text);
}

bool grammar_accept(struct grammar_state *s, uint32_t token)
{
    const struct grammar_tokens *t = s->m->tokens;
    for (size_t i = 0; i < t->eos_count; i++)
        if (t->eos[i] == token) return grammar_may_end(s);
    if (token >= t->vocab || t->from[token] == t->from[token + 1]) return false;
    /* Nothing is forgotten here: the token is allowed by a mask, made of what is remembered. */
    return follow(s, str_n(t->text + t->from[token], t->from[token + 1] - t->from[token]));
}

/* ------------------------------------------------------------------ masks */

static void walk_begin(struct grammar_matcher *m, uint32_t of)
{
    struct walk *w = &m->walk;
    w->is_on = true;
    w->of = of;
    w->mask = mem_alloc(m->words * sizeof *w->mask + 1);
    w->any = false;
    w->node = w->spent = 0;
    w->on_the_way[0] = of;
    m->mask_bytes += m->words * sizeof *w->mask;
    m->figures.masks++;
}

static void allow(struct walk *w, uint32_t token)
{
    w->mask[token / 64] |= UINT64_C(1) << (token % 64);
    w->any = true;
}

static void walk_end(struct grammar_matcher *m)
{
    struct walk *w = &m->walk;
    struct state *s = &m->state[w->of];
    for (size_t i = 0; s->accepts && i < m->tokens->eos_count; i++) allow(w, m->tokens->eos[i]);
    s->mask = w->mask;
    s->any = w->any;
    w->mask = NULL;
    w->is_on = false;
}

/* False: `work` is done, and the walk is not. */
static bool walk_on(struct grammar_matcher *m, uint64_t work)
{
    const struct grammar_tokens *t = m->tokens;
    struct walk *w = &m->walk;
    const size_t limit = m->bytes_max > SIZE_MAX / 4 ? SIZE_MAX : 4 * m->bytes_max;
    const uint64_t from = m->spent, before = w->spent;
    while (w->node < t->nodes) {
        const struct trie_node *n = &t->node[w->node];
        uint32_t to = step(m, w->on_the_way[n->depth], n->byte);
        w->spent = before + (++m->spent - from);
        if (to == STATE_DEAD) {
            w->node = n->skip;
        } else {
            w->on_the_way[n->depth + 1] = to;
            for (uint32_t token = n->token; token != TRIE_NO_TOKEN; token = t->also[token]) allow(w, token);
            w->node++;
        }
        if (w->any && (w->spent > WORK_MAX || ((w->node & 1023) == 0 && bytes_used(m) > limit))) break;
        if (w->spent - before > work) return false;
    }
    walk_end(m);
    return true;
}

static bool make_mask(struct grammar_matcher *m, uint32_t at, uint64_t work)
{
    if (m->state[at].mask) return true;
    if (m->walk.is_on && m->walk.of != at && !walk_on(m, work)) return false;
    if (!m->walk.is_on) walk_begin(m, at);
    return walk_on(m, work);
}

bool grammar_prepare(struct grammar_state *s, size_t work)
{
    struct grammar_matcher *m = s->m;
    must(m->tokens);
    keep_within_limit(m);
    if (!make_mask(m, s->at, work)) return false;
    m->prepared += !s->is_prepared;
    s->is_prepared = true;
    return true;
}

bool grammar_mask(struct grammar_state *s, uint64_t *allowed)
{
    struct grammar_matcher *m = s->m;
    must(m->tokens);
    keep_within_limit(m);
    make_mask(m, s->at, UINT64_MAX);
    memcpy(allowed, m->state[s->at].mask, m->words * sizeof *allowed);
    return m->state[s->at].any;
}

/* ------------------------------------------------------------------ what must come */

/* The one byte that can follow; false when there are several, or the text may end here. */
static bool only_byte(struct grammar_matcher *m, uint32_t at, uint8_t *byte, uint32_t *to)
{
    const struct grammar *g = m->g;
    uint8_t found = 0;
    bool any = false;
    if (m->state[at].accepts) return false;
    for (uint32_t class = 0; class < g->classes; class++) {
        uint32_t next = step(m, at, g->example[class]);
        if (next == STATE_DEAD) continue;
        if (any || m->bytes_of_class[class] != 1) return false;
        any = true;
        found = g->example[class];
        *to = next;
    }
    *byte = found;
    return any;
}

/* The longest token that text begins with. */
static uint32_t longest_token(const struct grammar_tokens *t, str text, size_t *length)
{
    uint32_t found = TRIE_NO_TOKEN;
    size_t depth = 0;
    for (size_t i = 0; i < t->nodes && depth < text.n;) {
        const struct trie_node *n = &t->node[i];
        if (n->depth < depth) break; /* past the last child */
        if (n->byte != (uint8_t)text.p[depth]) {
            i = n->skip;
            continue;
        }
        depth++;
        if (n->token != TRIE_NO_TOKEN) found = n->token, *length = depth;
        i++;
    }
    return found;
}

size_t grammar_forced(struct grammar_state *s, uint32_t *token, size_t most)
{
    enum { FORCED_BYTES_MAX = 64 };
    char text[FORCED_BYTES_MAX];
    size_t n = 0, count = 0, at = 0, length;
    uint32_t here = s->at;
    uint8_t byte;
    keep_within_limit(s->m);
    const uint64_t until = s->m->spent + FORCED_WORK;
    for (here = s->at; n < sizeof text && s->m->spent < until && only_byte(s->m, here, &byte, &here); n++) text[n] = (char)byte;
    while (at < n && count < most) {
        uint32_t next = longest_token(s->m->tokens, str_n(text + at, n - at), &length);
        if (next == TRIE_NO_TOKEN) break;
        token[count++] = next;
        at += length;
    }
    return count;
}
