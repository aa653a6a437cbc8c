/* model/constrain/build.c - from expressions to the automaton: see grammar_priv.h.
 *
 * Each rule becomes a small non-deterministic automaton of its own, made from its end to its beginning, so that what
 * follows is always known.  Then the grammar as a whole is judged: left recursion is refused, rules that can never
 * end are cut off, and a grammar that matches nothing is refused. */
#include <string.h>

#include "base/ckd.h"
#include "model/constrain/grammar_priv.h"

enum { BUILDER_BYTES_MAX = 96 << 20, RULES_AT_FIRST = 64 };

bool grammar_builder_init(struct grammar_builder *b, size_t source_bytes, struct err *e)
{
    *b = (struct grammar_builder){ 0 };
    if (source_bytes > GRAMMAR_SOURCE_MAX)
        return err_set(e, ERR_TOO_LARGE, "a grammar may have %d bytes", GRAMMAR_SOURCE_MAX);
    b->a = arena_new(BUILDER_BYTES_MAX);
    return true;
}

void grammar_builder_deinit(struct grammar_builder *b)
{
    arena_free(b->a);
    mem_free(b->rule);
    *b = (struct grammar_builder){ 0 };
}

uint32_t grammar_rule_new(struct grammar_builder *b, str name)
{
    if (b->rules == GRAMMAR_RULES_MAX) {
        b->failed = "it has too many rules";
        return 0;
    }
    if (b->rules == b->rules_room) {
        b->rules_room = b->rules_room ? 2 * b->rules_room : RULES_AT_FIRST;
        b->rule = mem_grow(b->rule, b->rules_room * sizeof *b->rule);
    }
    b->rule[b->rules] = (struct grammar_rule){ .name = name };
    return b->rules++;
}

/* ------------------------------------------------------------------ expressions */

static struct expr *expr_new(struct grammar_builder *b, enum expr_kind kind)
{
    struct expr *x = arena_try(b->a, sizeof *x);
    if (!x) { /* the readers stop soon after; the source's own limit bounds what they do until then */
        b->failed = "it takes too much memory";
        x = arena_alloc(b->a, sizeof *x);
    }
    x->kind = kind;
    return x;
}

struct expr *expr_sequence(struct grammar_builder *b) { return expr_new(b, EXPR_SEQUENCE); }
struct expr *expr_choice(struct grammar_builder *b) { return expr_new(b, EXPR_CHOICE); }

void expr_add(struct expr *to, struct expr *child)
{
    must(!child->before && (to->kind == EXPR_SEQUENCE || to->kind == EXPR_CHOICE));
    child->before = to->last;
    to->last = child;
}

struct expr *expr_repeat(struct grammar_builder *b, struct expr *what, uint32_t min, uint32_t max)
{
    struct expr *x = expr_new(b, EXPR_REPEAT);
    x->what = what;
    x->min = min;
    x->max = max;
    return x;
}

struct expr *expr_rule(struct grammar_builder *b, uint32_t rule)
{
    struct expr *x = expr_new(b, EXPR_RULE);
    x->rule = rule;
    return x;
}

struct expr *expr_byte_range(struct grammar_builder *b, uint8_t first, uint8_t last)
{
    struct expr *x = expr_new(b, EXPR_BYTES);
    for (unsigned i = first; i <= last; i++) byte_set_add(&x->set, (uint8_t)i);
    return x;
}

struct expr *expr_text(struct grammar_builder *b, str text)
{
    struct expr *x = expr_sequence(b);
    for (size_t i = 0; i < text.n; i++) expr_add(x, expr_byte_range(b, (uint8_t)text.p[i], (uint8_t)text.p[i]));
    return x;
}

struct expr *expr_automaton(struct grammar_builder *b, const struct expr_state *state, uint32_t states)
{
    struct expr *x = expr_new(b, EXPR_AUTOMATON);
    x->state = state;
    x->states = states;
    return x;
}

/* ------------------------------------------------------------------ lowering */

enum { SET_SLOTS = 1 << 16, SETS_MAX = SET_SLOTS / 2, LOWERED_MAX = 1 << 22 };
struct lowering {
    struct grammar_builder *b;
    struct grammar *g;
    uint32_t lowered; /* expressions, as often as they are repeated: "" takes no node, but time */
    uint32_t nodes_room, sets_room;
    uint32_t *set_slot; /* [SET_SLOTS]: 1 + index */
};

static uint32_t node_new(struct lowering *l, enum node_kind kind, uint32_t a, uint32_t b)
{
    struct grammar *g = l->g;
    if (g->nodes == GRAMMAR_NODES_MAX) {
        l->b->failed = "it needs too many states (are repetitions of repetitions unrolled?)";
        return 0;
    }
    if (g->nodes == l->nodes_room) {
        l->nodes_room = l->nodes_room ? 2 * l->nodes_room : 256;
        g->node = mem_grow(g->node, l->nodes_room * sizeof *g->node);
    }
    g->node[g->nodes] = (struct node){ kind, a, b };
    return g->nodes++;
}

static uint32_t set_index(struct lowering *l, const struct byte_set *s)
{
    struct grammar *g = l->g;
    uint64_t h = 0;
    for (size_t i = 0; i < 4; i++) h = (h ^ s->word[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    size_t at = h % SET_SLOTS;
    for (; l->set_slot[at]; at = (at + 1) % SET_SLOTS)
        if (memcmp(&g->set[l->set_slot[at] - 1], s, sizeof *s) == 0) return l->set_slot[at] - 1;
    if (g->sets == SETS_MAX) {
        l->b->failed = "it has too many different character classes";
        return 0;
    }
    if (g->sets == l->sets_room) {
        l->sets_room = l->sets_room ? 2 * l->sets_room : 64;
        g->set = mem_grow(g->set, l->sets_room * sizeof *g->set);
    }
    g->set[g->sets] = *s;
    l->set_slot[at] = ++g->sets;
    return g->sets - 1;
}

/* The node at which x begins, when `next` is what follows it. */
static uint32_t lower(struct lowering *l, const struct expr *x, uint32_t next);

static uint32_t lower_repeat(struct lowering *l, const struct expr *x, uint32_t next)
{
    uint32_t at = next, copies = x->min;
    if (x->max == REPEAT_NO_MAX) {
        uint32_t loop = node_new(l, NODE_SPLIT, 0, next), body = lower(l, x->what, loop);
        if (l->b->failed) return next;
        l->g->node[loop].a = body;
        at = loop;
        if (copies) at = body, copies--;
    }
    /* (x (x (x)?)?)? and not x? x? x?: so that few states are under way at once. */
    for (uint32_t i = x->min; x->max != REPEAT_NO_MAX && i < x->max && !l->b->failed; i++) {
        uint32_t body = lower(l, x->what, at);
        if (body == at) return at; /* "" again and again is "" */
        at = node_new(l, NODE_SPLIT, body, next);
    }
    for (uint32_t was = UINT32_MAX; copies && at != was && !l->b->failed; copies--) {
        was = at;
        at = lower(l, x->what, at);
    }
    return at;
}

static uint32_t lower_choice(struct lowering *l, const struct expr *x, uint32_t next)
{
    struct byte_set none = { { 0 } };
    if (!x->last) return node_new(l, NODE_BYTES, set_index(l, &none), next); /* no byte leads on */
    uint32_t at = lower(l, x->last, next);
    for (const struct expr *child = x->last->before; child && !l->b->failed; child = child->before) {
        uint32_t other = lower(l, child, next);
        at = node_new(l, NODE_SPLIT, other, at);
    }
    return at;
}

/* Each state has a node to which its edges lead; what follows it is known when all of those are there. */
static uint32_t lower_automaton(struct lowering *l, const struct expr *x, uint32_t next)
{
    const struct expr nothing = { .kind = EXPR_CHOICE };
    uint32_t *head = mem_alloc((x->states + 2) * sizeof *head), start;
    for (uint32_t i = 1; i < x->states; i++) head[i] = node_new(l, NODE_SPLIT, 0, 0);
    for (uint32_t i = 1; i < x->states && !l->b->failed; i++) {
        const struct expr_state *s = &x->state[i];
        bool any = s->accepts;
        uint32_t at = next;
        for (uint32_t k = s->edges; k-- > 0 && !l->b->failed; any = true) {
            uint32_t way = lower(l, s->edge[k].on, head[s->edge[k].to]);
            at = any ? node_new(l, NODE_SPLIT, way, at) : way;
        }
        if (!any) at = lower(l, &nothing, next);
        if (!l->b->failed) l->g->node[head[i]].a = l->g->node[head[i]].b = at;
    }
    start = l->b->failed ? next : head[1];
    mem_free(head);
    return start;
}

static uint32_t lower(struct lowering *l, const struct expr *x, uint32_t next)
{
    if (l->lowered++ == LOWERED_MAX) l->b->failed = "it repeats too much";
    if (l->b->failed) return next;
    switch (x->kind) {
    case EXPR_BYTES: return node_new(l, NODE_BYTES, set_index(l, &x->set), next);
    case EXPR_RULE: return node_new(l, NODE_CALL, x->rule, next);
    case EXPR_CHOICE: return lower_choice(l, x, next);
    case EXPR_REPEAT: return lower_repeat(l, x, next);
    case EXPR_AUTOMATON: return lower_automaton(l, x, next);
    case EXPR_SEQUENCE:
        for (const struct expr *child = x->last; child; child = child->before) next = lower(l, child, next);
        return next;
    }
    return next;
}

/* ------------------------------------------------------------------ judging */

/* What `n` may need: a way from each of these to the end of its rule. */
static unsigned needs(const struct grammar *g, const struct node *n, uint32_t of[2])
{
    static const unsigned count[] = { [NODE_BYTES] = 1, [NODE_CALL] = 2, [NODE_SPLIT] = 2, [NODE_RETURN] = 0 };
    of[0] = n->b;
    of[1] = n->kind == NODE_CALL ? g->start[n->a] : n->a;
    return count[n->kind];
}

/* The height of a node whose need was met last by a node of height h. */
static unsigned height_after(const struct grammar *g, const struct node *n, unsigned h, bool of_nothing)
{
    static const struct byte_set none;
    if (n->kind == NODE_SPLIT) return h;
    if (n->kind == NODE_BYTES) return of_nothing || memcmp(&g->set[n->a], &none, sizeof none) == 0 ? HEIGHT_NEVER : h;
    unsigned inside = g->height[g->start[n->a]], after = g->height[n->b];
    if (inside > h || after > h) return HEIGHT_NEVER; /* the other is still to come */
    if (!of_nothing && !node_is_tail_call(g, n)) inside++;
    unsigned height = inside > after ? inside : after;
    return height > GRAMMAR_DEPTH_MAX ? HEIGHT_NEVER : height;
}

/* Each node once, the lowest first (Knuth's generalization of Dijkstra's algorithm): a height is that of what it needs,
 * or one more, so a list with two ends keeps the order.  of_nothing: ways that read no byte, all of height 0. */
static void find_heights(struct grammar *g, bool of_nothing)
{
    uint32_t *end = mem_alloc((g->nodes + 1) * sizeof *end); /* of each node's users; user[end[i - 1]] is its first */
    uint32_t *user = mem_alloc(2 * (size_t)g->nodes * sizeof *user);
    uint32_t *list = mem_alloc(2 * (size_t)g->nodes * sizeof *list), of[2];
    size_t head = g->nodes, tail = head;
    for (uint32_t i = 0; i < g->nodes; i++)
        for (unsigned k = needs(g, &g->node[i], of); k-- > 0;) end[of[k] + 1]++;
    for (uint32_t i = 0; i < g->nodes; i++) end[i + 1] += end[i];
    for (uint32_t i = 0; i < g->nodes; i++)
        for (unsigned k = needs(g, &g->node[i], of); k-- > 0;) user[end[of[k]]++] = i;
    for (uint32_t i = 0; i < g->nodes; i++) {
        g->height[i] = g->node[i].kind == NODE_RETURN ? 0 : HEIGHT_NEVER;
        if (g->node[i].kind == NODE_RETURN) list[tail++] = i;
    }
    while (head < tail) {
        uint32_t at = list[head++];
        for (uint32_t k = at ? end[at - 1] : 0; k < end[at]; k++) {
            if (g->height[user[k]] != HEIGHT_NEVER) continue;
            unsigned h = height_after(g, &g->node[user[k]], g->height[at], of_nothing);
            if (h == HEIGHT_NEVER) continue;
            g->height[user[k]] = (uint16_t)h;
            if (h == g->height[at]) list[--head] = user[k];
            else list[tail++] = user[k];
        }
    }
    mem_free(end);
    mem_free(user);
    mem_free(list);
}

struct judging {
    struct grammar *g;
    uint8_t *mark;  /* [rules]: 1 under way, 2 done */
    uint32_t *seen; /* [nodes]: 1 + the rule from which a node was met */
    uint32_t *stack; /* [2 * nodes + 1] */
};

/* Calls met before the first byte of `rule`, in calls[]; g->height is that "of nothing". */
static uint32_t calls_without_bytes(struct judging *j, uint32_t rule, uint32_t *calls)
{
    uint32_t n = 0, count = 0;
    j->stack[n++] = j->g->start[rule];
    while (n) {
        uint32_t at = j->stack[--n];
        const struct node *x = &j->g->node[at];
        if (j->seen[at] == rule + 1) continue;
        j->seen[at] = rule + 1;
        if (x->kind == NODE_SPLIT) j->stack[n++] = x->a;
        if (x->kind == NODE_CALL) calls[count++] = x->a;
        if (x->kind == NODE_SPLIT || (x->kind == NODE_CALL && j->g->height[j->g->start[x->a]] != HEIGHT_NEVER)) j->stack[n++] = x->b;
    }
    return count;
}

/* Depth first over "calls before its first byte", with a stack of our own: a rule that is met while it is under way
 * is left recursive. */
static bool find_left_recursion(struct judging *j, uint32_t *culprit)
{
    struct frame { uint32_t rule, *calls, count, next; } *frame = mem_alloc(j->g->rules * sizeof *frame);
    uint32_t *calls = mem_alloc(j->g->nodes * sizeof *calls);
    bool found = false;
    memset(j->mark, 0, j->g->rules);
    for (uint32_t root = 0; root < j->g->rules && !found; root++) {
        uint32_t depth = 0, rule = root;
        bool enter = !j->mark[root];
        while (enter || depth) {
            if (enter) {
                struct frame *f = &frame[depth++];
                f->rule = rule, f->next = 0;
                f->count = calls_without_bytes(j, rule, calls);
                f->calls = mem_alloc((f->count + 1) * sizeof *calls);
                if (f->count) memcpy(f->calls, calls, f->count * sizeof *calls);
                j->mark[rule] = 1;
                enter = false;
            }
            struct frame *f = &frame[depth - 1];
            if (f->next == f->count || found) {
                j->mark[f->rule] = 2;
                mem_free(f->calls);
                depth--;
            } else {
                rule = f->calls[f->next++];
                if (j->mark[rule] == 1) *culprit = rule, found = true;
                enter = j->mark[rule] == 0 && !found;
            }
        }
    }
    mem_free(calls);
    mem_free(frame);
    return found;
}

/* Splits the bytes by one set after the other. */
static void find_classes(struct grammar *g)
{
    g->classes = 1;
    for (uint32_t i = 0; i < g->sets && g->classes < 256; i++) {
        uint16_t moved[256] = { 0 }; /* 1 + the new class of those in the set */
        uint32_t inside[256] = { 0 }, all[256] = { 0 };
        for (unsigned c = 0; c < 256; c++) {
            all[g->class_of[c]]++;
            inside[g->class_of[c]] += byte_set_has(&g->set[i], (uint8_t)c);
        }
        for (unsigned c = 0; c < 256; c++) {
            unsigned k = g->class_of[c];
            if (!byte_set_has(&g->set[i], (uint8_t)c) || (!moved[k] && inside[k] == all[k])) continue;
            if (!moved[k]) moved[k] = (uint16_t)++g->classes;
            g->class_of[c] = (uint8_t)(moved[k] - 1);
        }
    }
    for (unsigned c = 256; c-- > 0;) g->example[g->class_of[c]] = (uint8_t)c;
}

static bool judge(struct grammar_builder *b, struct grammar *g, struct err *e)
{
    struct judging j = { .g = g,
                         .mark = mem_alloc(g->rules),
                         .seen = mem_alloc(g->nodes * sizeof *j.seen),
                         .stack = mem_alloc((2 * (size_t)g->nodes + 1) * sizeof *j.stack) };
    uint32_t culprit = 0;
    bool ok = false;
    find_heights(g, true);
    if (find_left_recursion(&j, &culprit)) {
        str name = b->rule[culprit].name;
        err_set(e, ERR_INVALID, "the rule \"%.*s\" is left recursive: it begins with itself",
                STR_ARG(name.n ? name : STR("?")));
        goto done;
    }
    find_heights(g, false);
    if (g->height[g->start[0]] == HEIGHT_NEVER) {
        err_set(e, ERR_INVALID,
                "no text can match: what is asked for contradicts itself, never ends, or nests deeper than %d",
                GRAMMAR_DEPTH_MAX);
        goto done;
    }
    find_classes(g);
    ok = true;
done:
    mem_free(j.mark);
    mem_free(j.seen);
    mem_free(j.stack);
    return ok;
}

struct grammar *grammar_lower(struct grammar_builder *b)
{
    struct grammar *g = mem_one(struct grammar);
    struct lowering l = { .b = b, .g = g, .set_slot = mem_alloc(SET_SLOTS * sizeof *l.set_slot) };
    must(b->rules > 0);
    g->rules = b->rules;
    g->start = mem_alloc(g->rules * sizeof *g->start);
    for (uint32_t i = 0; i < b->rules && !b->failed; i++) {
        uint32_t end = node_new(&l, NODE_RETURN, 0, 0);
        g->start[i] = lower(&l, b->rule[i].body, end);
    }
    mem_free(l.set_slot);
    return g;
}

bool grammar_build(struct grammar_builder *b, struct grammar **out, struct err *e)
{
    struct grammar *g = grammar_lower(b);
    if (b->failed) {
        err_set(e, ERR_TOO_LARGE, "the grammar is too large: %s", b->failed);
        goto refused;
    }
    g->height = mem_alloc(g->nodes * sizeof *g->height);
    if (!judge(b, g, e)) goto refused;
    *out = g;
    return true;
refused:
    grammar_free(g);
    return false;
}

void grammar_free(struct grammar *g)
{
    if (!g) return;
    mem_free(g->node);
    mem_free(g->height);
    mem_free(g->start);
    mem_free(g->set);
    mem_free(g);
}

bool grammar_from_choices(const str *choice, size_t n, struct grammar **out, struct err *e)
{
    struct grammar_builder b;
    size_t all = 0;
    for (size_t i = 0; i < n; i++)
        if (ckd_add(&all, all, choice[i].n)) all = SIZE_MAX;
    if (!grammar_builder_init(&b, all, e)) return false;
    struct expr *any = expr_choice(&b);
    for (size_t i = 0; i < n; i++) expr_add(any, expr_text(&b, choice[i]));
    uint32_t root = grammar_rule_new(&b, STR("root"));
    b.rule[root].body = any;
    bool ok = grammar_build(&b, out, e);
    grammar_builder_deinit(&b);
    return ok;
}
