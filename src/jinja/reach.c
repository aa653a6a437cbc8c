/* jinja/reach.c - what an expression reaches for, as jinja_reaches tells it.
 *
 * Called by the parser for every node that it has just made of its parts.  Constants are joined only as far as a name goes: what is
 * longer than REACH_TEXT_MAX is no attribute of anything. */
#include "jinja/parse.h"

enum { REACH_TEXT_MAX = 256, REACH_DEPTH_MAX = 64 };

struct joined {
    char p[REACH_TEXT_MAX];
    size_t n;
};

static bool add(struct joined *j, str s)
{
    if (s.n > sizeof j->p - j->n) return false;
    if (s.n) memcpy(j->p + j->n, s.p, s.n);
    j->n += s.n;
    return true;
}

static bool is_text(const struct node *n) { return n && n->kind == N_CONST && n->value.kind == VAL_STR; }

static bool join(const struct node *n, unsigned depth, struct joined *j)
{
    if (!n || depth == REACH_DEPTH_MAX) return false;
    if (is_text(n)) return add(j, n->value.s);
    if (n->kind == N_CONCAT) {
        for (const struct node *i = n->list; i; i = i->next)
            if (!join(i, depth + 1, j)) return false;
        return true;
    }
    if (n->kind != N_BINARY) return false;
    if (n->op == OP_ADD) return join(n->a, depth + 1, j) && join(n->b, depth + 1, j);
    if (n->op != OP_MUL || n->b->kind != N_CONST || n->b->value.kind != VAL_INT || n->b->value.i < 0 || n->b->value.i > REACH_TEXT_MAX) return false;
    size_t from = j->n;
    if (!join(n->a, depth + 1, j)) return false;
    size_t piece = j->n - from;
    j->n = from;
    for (int64_t k = 0; k < n->b->value.i; k++) {
        if (piece > sizeof j->p - j->n) return false;
        memmove(j->p + j->n, j->p + from, piece);
        j->n += piece;
    }
    return true;
}

/* Text that a filter, a slice or % made of constants: 'ssalc'|reverse. */
static bool is_computed(const struct node *n)
{
    bool is = false;
    for (unsigned depth = 0; n && depth < REACH_DEPTH_MAX; depth++) {
        if (is_text(n)) return is;
        if (n->kind == N_FILTER || n->kind == N_SLICE || n->kind == N_CALL || (n->kind == N_BINARY && n->op == OP_MOD)) is = true;
        else if (n->kind != N_BINARY && n->kind != N_ATTR && n->kind != N_CONCAT && n->kind != N_LIST) return false;
        n = n->kind == N_CONCAT || n->kind == N_LIST ? n->list : n->a;
    }
    return false;
}

static void tell(const struct parser *p, enum jinja_reach how, const struct joined *j, uint32_t line)
{
    p->reached(p->reached_ctx, how, str_n(j->p, j->n), line);
}

static void reached_name(const struct parser *p, const struct node *key, bool is_attr, uint32_t line)
{
    struct joined j = { .n = 0 };
    if (join(key, 0, &j)) tell(p, JINJA_ATTRIBUTE, &j, line);
    else if ((is_attr && !is_text(key)) || is_computed(key)) p->reached(p->reached_ctx, JINJA_COMPUTED, (str){ 0 }, line);
}

void parse_reached(const struct parser *p, const struct node *n)
{
    struct joined j = { .n = 0 };
    if (!p->reached) return;
    switch ((enum node_kind)n->kind) {
    case N_CONST:
        if (is_text(n)) p->reached(p->reached_ctx, JINJA_TEXT, n->value.s, n->line);
        break;
    case N_ATTR: p->reached(p->reached_ctx, JINJA_ATTRIBUTE, n->name, n->line); break;
    case N_ITEM: reached_name(p, n->b, false, n->line); break;
    case N_FILTER:
        if (str_eq(n->name, STR("attr")) && n->call && n->call->first) reached_name(p, n->call->first->value, true, n->line);
        break;
    case N_CONCAT:
    case N_BINARY:
        if (join(n, 0, &j)) tell(p, JINJA_TEXT, &j, n->line);
        break;
    default: break;
    }
}
