/* http/route.c - a tree of path segments; see http/route.h and the patterns in http/http.h.
 *
 * A path is cut at its slashes, before anything is decoded, so that "%2F" never separates.  Each node is
 * the place after some segments.  From there the segment is tried, most literal first, as
 *
 *   1. a literal                 "models"
 *   2. a name with a suffix      ":repo.git"     the longest suffix first
 *   3. one of some words         ":type(models|datasets)"
 *   4. a name                    ":owner"
 *   5. the rest of the path      "*path"
 *
 * and when a way turns out to be a dead end (no row for the method either), the next is tried.  So rows
 * are compared segment by segment from the left, whatever their order in the table.  Ways back are few:
 * the tree is as deep as the longest pattern, and the table is ours. */
#include "http/route.h"

#include "base/err.h"

struct node;

struct edge {
    str text; /* the literal, the suffix, or "models|datasets" */
    struct node *to;
};

struct edges {
    struct edge *edge;
    size_t n, cap;
};

struct node {
    struct edges literals; /* sorted by literal_order */
    struct edges suffixes; /* the longest first */
    struct edges words;
    struct node *any;
    struct route_row *here[HTTP_METHODS]; /* rows that end at this place */
    struct route_row *rest[HTTP_METHODS]; /* rows that take all that follows */
};

struct router {
    struct arena *arena;
    struct node *root;
};

static int literal_order(str a, str b)
{
    if (a.n != b.n) return a.n < b.n ? -1 : 1;
    return a.n ? memcmp(a.p, b.p, a.n) : 0;
}

/* ------------------------------------------------------------------ building */

static int edge_order(const void *a, const void *b)
{
    return literal_order(((const struct edge *)a)->text, ((const struct edge *)b)->text);
}

static int edge_order_longest(const void *a, const void *b) { return edge_order(b, a); }

static struct node *edges_get(struct router *t, struct edges *s, str text)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->edge[i].text, text)) return s->edge[i].to;
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 4;
        struct edge *grown = arena_alloc(t->arena, cap * sizeof *grown);
        if (s->n) memcpy(grown, s->edge, s->n * sizeof *grown);
        s->edge = grown;
        s->cap = cap;
    }
    struct node *to = arena_one(t->arena, struct node);
    s->edge[s->n++] = (struct edge){ text, to };
    return to;
}

static size_t name_length(str s)
{
    size_t n = 0;
    while (n < s.n && (s.p[n] == '_' || (s.p[n] >= 'a' && s.p[n] <= 'z') || (s.p[n] >= 'A' && s.p[n] <= 'Z') ||
                       (s.p[n] >= '0' && s.p[n] <= '9')))
        n++;
    return n;
}

static void add_param(struct route_row *row, str name)
{
    must(name.n > 0 && row->params < ROUTE_PARAMS_MAX);
    for (size_t i = 0; i < row->params; i++) must(!str_eq(row->name[i], name));
    row->name[row->params++] = name;
}

static struct node *add_segment(struct router *t, struct node *at, struct route_row *row, str segment)
{
    if (!str_starts(segment, STR(":"))) return edges_get(t, &at->literals, segment);
    str name = str_to(str_from(segment, 1), name_length(str_from(segment, 1)));
    str tail = str_from(segment, 1 + name.n);
    add_param(row, name);
    if (tail.n == 0) {
        if (!at->any) at->any = arena_one(t->arena, struct node);
        return at->any;
    }
    if (tail.p[0] != '(') return edges_get(t, &at->suffixes, tail);
    must(str_ends(tail, STR(")")) && tail.n > 2);
    return edges_get(t, &at->words, str_n(tail.p + 1, tail.n - 2));
}

static void add_route(struct router *t, const struct http_route *route)
{
    struct route_row *row = arena_one(t->arena, struct route_row);
    row->route = route;
    str rest = str_c(route->pattern), segment;
    must(str_starts(rest, STR("/")) && route->handler && route->method < HTTP_METHODS);
    rest = str_from(rest, 1);

    struct node *at = t->root;
    struct route_row **place = NULL;
    while (str_cut(&rest, '/', &segment)) {
        must(!place); /* nothing may follow "*name" */
        if (str_starts(segment, STR("*"))) {
            add_param(row, str_from(segment, 1));
            place = &at->rest[route->method];
        } else {
            at = add_segment(t, at, row, segment);
        }
    }
    if (!place) place = &at->here[route->method];
    must(*place == NULL); /* two rows for the same requests */
    *place = row;
}

/* Sorts what is searched, and lets GET rows answer HEAD where no row says otherwise. */
static void finish(struct node *n)
{
    struct edges *all[] = { &n->literals, &n->suffixes, &n->words };
    if (n->literals.n) qsort(n->literals.edge, n->literals.n, sizeof(struct edge), edge_order);
    if (n->suffixes.n) qsort(n->suffixes.edge, n->suffixes.n, sizeof(struct edge), edge_order_longest);
    if (!n->here[HTTP_HEAD]) n->here[HTTP_HEAD] = n->here[HTTP_GET];
    if (!n->rest[HTTP_HEAD]) n->rest[HTTP_HEAD] = n->rest[HTTP_GET];
    for (size_t k = 0; k < COUNT(all); k++)
        for (size_t i = 0; i < all[k]->n; i++) finish(all[k]->edge[i].to);
    if (n->any) finish(n->any);
}

struct router *router_new(const struct http_route *routes, size_t count)
{
    struct router *t = mem_one(struct router);
    t->arena = arena_new(0);
    t->root = arena_one(t->arena, struct node);
    for (size_t i = 0; i < count; i++) add_route(t, &routes[i]);
    finish(t->root);
    return t;
}

void router_free(struct router *t)
{
    if (!t) return;
    arena_free(t->arena);
    mem_free(t);
}

/* ------------------------------------------------------------------ matching */

struct walk {
    enum http_method method;
    struct route_match *out;
};

static const struct node *literal_find(const struct edges *s, str text)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = literal_order(text, s->edge[mid].text);
        if (order == 0) return s->edge[mid].to;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

static bool is_one_of(str words, str text)
{
    str word;
    while (str_cut(&words, '|', &word))
        if (str_eq(word, text)) return true;
    return false;
}

static bool settle(struct walk *w, struct route_row *const *rows)
{
    w->out->row = rows[w->method];
    if (w->out->row) return true;
    for (unsigned m = 0; m < HTTP_METHODS; m++)
        if (rows[m]) w->out->methods |= 1u << m;
    return false;
}

/* `rest` is what follows this place's slash; .p NULL when the path has ended. */
static bool walk(struct walk *w, const struct node *n, str rest, size_t params)
{
    str *value = w->out->value;
    if (!rest.p) {
        if (settle(w, n->here)) return true;
        if (params < ROUTE_PARAMS_MAX) value[params] = (str){ "", 0 };
        return settle(w, n->rest);
    }
    size_t slash = str_chr(rest, '/');
    str segment = slash == STR_NONE ? rest : str_to(rest, slash);
    str after = slash == STR_NONE ? (str){ 0 } : str_from(rest, slash + 1);

    const struct node *to = literal_find(&n->literals, segment);
    if (to && walk(w, to, after, params)) return true;
    if (params == ROUTE_PARAMS_MAX) return false;
    for (size_t i = 0; i < n->suffixes.n; i++) {
        str suffix = n->suffixes.edge[i].text;
        if (segment.n <= suffix.n || !str_ends(segment, suffix)) continue;
        value[params] = str_to(segment, segment.n - suffix.n);
        if (walk(w, n->suffixes.edge[i].to, after, params + 1)) return true;
    }
    for (size_t i = 0; i < n->words.n; i++) {
        if (!is_one_of(n->words.edge[i].text, segment)) continue;
        value[params] = segment;
        if (walk(w, n->words.edge[i].to, after, params + 1)) return true;
    }
    if (n->any && segment.n > 0) {
        value[params] = segment;
        if (walk(w, n->any, after, params + 1)) return true;
    }
    value[params] = rest;
    return settle(w, n->rest);
}

bool router_match(const struct router *t, enum http_method m, str path, struct route_match *out)
{
    out->row = NULL;
    out->methods = 0;
    if (!str_starts(path, STR("/"))) return false;
    struct walk w = { m, out };
    return walk(&w, t->root, str_from(path, 1), 0);
}
