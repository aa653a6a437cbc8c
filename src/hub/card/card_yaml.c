/* hub/card/card_yaml.c - YAML to JSON, for front matter.
 *
 * libyaml yields events; this file builds values from them with an explicit stack.  Scalars follow the
 * YAML 1.2 core schema: `yes`, `no` and dates stay text, since language codes and dates are what cards
 * mean by them.  Keys become text.  Values that JSON cannot say (.inf, .nan) become null.
 *
 * Invariants.
 *  1. Every value costs one of `nodes_left`, copies made by aliases and merge keys included, so that a
 *     kilobyte of aliases cannot become a gigabyte of values.
 *  2. `tail` of an open container points at the link where its next child goes.
 *  3. An anchor is entered when its value is complete; an alias inside its own anchor is therefore unknown.
 *  4. A key stands once in a mapping: the set `seen` knows all (mapping, key) pairs.  Merged keys are not
 *     in it, so an explicit key wins over a merged one, and the earlier merged one over the later. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/hash.h"
#include "hub/card/card.h"

enum {
    YAML_DEPTH_MAX = 64,
    YAML_NODES_MAX = 100000,
    YAML_ANCHORS_MAX = 256,
    YAML_NUMBER_BYTES_MAX = 64, /* longer digits stay text */
};

struct frame {
    struct json *value; /* array or object */
    struct json **tail;
    str key;            /* an object's key that waits for its value */
    bool has_key;
    struct json *merges; /* values of "<<", an array; NULL without one */
    str anchor;
};

struct anchor {
    str name;
    const struct json *value;
};

struct seen_key {
    const struct json *map;
    str key;
};

struct loader {
    yaml_parser_t parser;
    struct arena *a;
    struct err *e;
    size_t nodes_left;
    struct frame stack[YAML_DEPTH_MAX];
    size_t depth;
    struct anchor anchor[YAML_ANCHORS_MAX];
    size_t anchors_count;
    struct seen_key *seen; /* open addressing, a power of two, at most half full */
    size_t seen_cap, seen_count;
    uint64_t seed;
    struct json *root;
};

static bool fail_at(struct loader *l, const yaml_mark_t *at, const char *what)
{
    return err_set(l->e, ERR_INVALID, "%s (%zu:%zu)", what, at->line + 1, at->column + 1);
}

/* ------------------------------------------------------------------ values */

static struct json *node(struct loader *l, enum json_type type)
{
    struct json *v;
    if (l->nodes_left == 0 || !(v = arena_try(l->a, sizeof *v))) {
        err_set(l->e, ERR_TOO_LARGE, "the metadata is too large: at most %d values", YAML_NODES_MAX);
        return NULL;
    }
    l->nodes_left--;
    v->type = type;
    return v;
}

static struct json *text_node(struct loader *l, str s)
{
    struct json *v = node(l, JSON_STRING);
    if (v) v->s = arena_dup(l->a, s);
    return v;
}

/* A copy below the depth that is left; recursion is bounded by YAML_DEPTH_MAX. */
static struct json *copy(struct loader *l, const struct json *from, size_t depth)
{
    struct json *v = node(l, from->type), **tail;
    if (!v) return NULL;
    if (from->type != JSON_ARRAY && from->type != JSON_OBJECT) {
        *v = *from;
        v->next = NULL;
        return v;
    }
    if (depth >= YAML_DEPTH_MAX) {
        err_set(l->e, ERR_TOO_LARGE, "the metadata is nested deeper than %d levels", YAML_DEPTH_MAX);
        return NULL;
    }
    v->key = from->key;
    tail = &v->first;
    json_each(item, from)
    {
        struct json *c = copy(l, item, depth + 1);
        if (!c) return NULL;
        c->key = item->key;
        *tail = c;
        tail = &c->next;
        v->count++;
    }
    return v;
}

/* ------------------------------------------------------------------ scalars */

static bool is_one_of(str s, const char *a, const char *b, const char *c)
{
    return str_eq(s, str_c(a)) || str_eq(s, str_c(b)) || str_eq(s, str_c(c));
}

static size_t digits(str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9') n++;
    return n;
}

/* [-+]? (digits | digits . digits? | . digits) ([eE] [-+]? digits)?   *is_int: only the first form. */
static bool looks_like_number(str s, bool *is_int)
{
    size_t at = 0, whole, part = 0;
    if (s.n == 0 || s.n > YAML_NUMBER_BYTES_MAX) return false;
    if (s.p[0] == '-' || s.p[0] == '+') at++;
    whole = digits(s, at);
    at += whole;
    *is_int = at == s.n && whole > 0;
    if (*is_int) return true;
    if (at < s.n && s.p[at] == '.') {
        at++;
        part = digits(s, at);
        at += part;
    }
    if (whole + part == 0) return false;
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        size_t n;
        at++;
        if (at < s.n && (s.p[at] == '-' || s.p[at] == '+')) at++;
        if ((n = digits(s, at)) == 0) return false;
        at += n;
    }
    return at == s.n;
}

/* 0x1F and 0o17; at most 15 digits, so that nothing overflows. */
static bool based_int(str s, int64_t *out)
{
    int base = str_starts(s, STR("0x")) ? 16 : str_starts(s, STR("0o")) ? 8 : 0;
    uint64_t v = 0;
    if (base == 0 || s.n < 3 || s.n > 17) return false;
    for (size_t i = 2; i < s.n; i++) {
        char c = s.p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
        if (d >= base) return false;
        v = v * (uint64_t)base + (uint64_t)d;
    }
    *out = (int64_t)v;
    return true;
}

static void number(str s, bool is_int, struct json *v)
{
    char c[YAML_NUMBER_BYTES_MAX + 1]; /* strtod wants a NUL; the shape and the length were checked */
    str without_plus = s.p[0] == '+' ? str_from(s, 1) : s;

    if (is_int && str_i64(without_plus, &v->i)) {
        v->type = JSON_INT;
        return;
    }
    memcpy(c, s.p, s.n);
    c[s.n] = 0;
    v->r = strtod(c, NULL);
    v->type = isfinite(v->r) ? JSON_REAL : JSON_NULL;
}

/* An unquoted scalar under the core schema. */
static struct json *plain(struct loader *l, str s)
{
    struct json *v;
    str unsigned_part = s.n && (s.p[0] == '-' || s.p[0] == '+') ? str_from(s, 1) : s;
    bool is_int;
    int64_t i;

    if (s.n == 0 || str_eq(s, STR("~")) || is_one_of(s, "null", "Null", "NULL")) return node(l, JSON_NULL);
    if (is_one_of(unsigned_part, ".inf", ".Inf", ".INF") || is_one_of(s, ".nan", ".NaN", ".NAN"))
        return node(l, JSON_NULL);
    if (is_one_of(s, "true", "True", "TRUE") || is_one_of(s, "false", "False", "FALSE")) {
        if ((v = node(l, JSON_BOOL))) v->b = s.p[0] == 't' || s.p[0] == 'T';
        return v;
    }
    if (looks_like_number(s, &is_int)) {
        if ((v = node(l, JSON_NULL))) number(s, is_int, v);
        return v;
    }
    if (based_int(s, &i)) {
        if ((v = node(l, JSON_INT))) v->i = i;
        return v;
    }
    return text_node(l, s);
}

static struct json *scalar(struct loader *l, const yaml_event_t *ev)
{
    str s = str_n((const char *)ev->data.scalar.value, ev->data.scalar.length);
    str tag = str_c((const char *)ev->data.scalar.tag);

    if (tag.n && !str_eq(tag, STR("!"))) {
        if (str_eq(tag, STR(YAML_STR_TAG)) || str_eq(tag, STR("tag:yaml.org,2002:binary")) ||
            str_eq(tag, STR(YAML_TIMESTAMP_TAG)))
            return text_node(l, s);
        if (str_eq(tag, STR(YAML_INT_TAG)) || str_eq(tag, STR(YAML_FLOAT_TAG)) || str_eq(tag, STR(YAML_BOOL_TAG)) ||
            str_eq(tag, STR(YAML_NULL_TAG)))
            return plain(l, s);
        err_set(l->e, ERR_INVALID, "unknown tag !<%.*s> (%zu:%zu)", (int)(tag.n < 60 ? tag.n : 60), tag.p,
                ev->start_mark.line + 1, ev->start_mark.column + 1);
        return NULL;
    }
    return ev->data.scalar.plain_implicit ? plain(l, s) : text_node(l, s);
}

/* ------------------------------------------------------------------ keys */

static uint64_t key_hash(const struct loader *l, const struct json *map, str key)
{
    uint64_t h = l->seed ^ (uint64_t)(uintptr_t)map;
    for (size_t i = 0; i < key.n; i++) h = (h ^ (uint8_t)key.p[i]) * UINT64_C(0x100000001b3);
    return h ^ h >> 29;
}

static bool seen_grow(struct loader *l)
{
    size_t cap = l->seen_cap ? l->seen_cap * 2 : 64;
    struct seen_key *old = l->seen, *fresh = arena_try_array(l->a, cap, sizeof *fresh);

    if (!fresh) return err_set(l->e, ERR_TOO_LARGE, "the metadata is too large");
    for (size_t i = 0; i < l->seen_cap; i++) {
        size_t at;
        if (!old[i].map) continue;
        at = (size_t)key_hash(l, old[i].map, old[i].key) & (cap - 1);
        while (fresh[at].map) at = (at + 1) & (cap - 1);
        fresh[at] = old[i];
    }
    l->seen = fresh;
    l->seen_cap = cap;
    return true;
}

/* *is_new false: the mapping has this key already. */
static bool seen_add(struct loader *l, const struct json *map, str key, bool *is_new)
{
    size_t at;
    if (l->seen_count * 2 >= l->seen_cap && !seen_grow(l)) return false;
    at = (size_t)key_hash(l, map, key) & (l->seen_cap - 1);
    for (; l->seen[at].map; at = (at + 1) & (l->seen_cap - 1)) {
        if (l->seen[at].map == map && str_eq(l->seen[at].key, key)) {
            *is_new = false;
            return true;
        }
    }
    l->seen[at] = (struct seen_key){ map, key };
    l->seen_count++;
    *is_new = true;
    return true;
}

/* Adds the members of `from` that the mapping does not have. */
static bool merge_from(struct loader *l, struct frame *f, const struct json *from)
{
    json_each(m, from)
    {
        struct json *c;
        bool is_new;
        if (!seen_add(l, f->value, m->key, &is_new)) return false;
        if (!is_new) continue;
        if (!(c = copy(l, m, l->depth))) return false;
        c->key = m->key;
        *f->tail = c;
        f->tail = &c->next;
        f->value->count++;
    }
    return true;
}

/* "<<" holds a mapping or a list of mappings; applied when the mapping that has it ends. */
static bool merge(struct loader *l, struct frame *f, const yaml_mark_t *at)
{
    const struct json *m = f->merges;
    if (json_is(m, JSON_OBJECT)) return merge_from(l, f, m);
    if (!json_is(m, JSON_ARRAY)) return fail_at(l, at, "the merge key << needs a mapping");
    json_each(item, m)
    {
        if (!json_is(item, JSON_OBJECT)) return fail_at(l, at, "the merge key << needs mappings");
        if (!merge_from(l, f, item)) return false;
    }
    return true;
}

/* ------------------------------------------------------------------ events */

static bool anchor_set(struct loader *l, str name, const struct json *v, const yaml_mark_t *at)
{
    if (name.n == 0) return true;
    for (size_t i = 0; i < l->anchors_count; i++) {
        if (!str_eq(l->anchor[i].name, name)) continue;
        l->anchor[i].value = v; /* a later anchor of the same name replaces the earlier one */
        return true;
    }
    if (l->anchors_count == YAML_ANCHORS_MAX) return fail_at(l, at, "too many anchors");
    l->anchor[l->anchors_count++] = (struct anchor){ name, v };
    return true;
}

/* Puts a complete value, or a container that is about to be filled, where it belongs. */
static bool place(struct loader *l, struct json *v, const yaml_mark_t *at)
{
    struct frame *f = l->depth ? &l->stack[l->depth - 1] : NULL;
    if (!f) {
        l->root = v;
        return true;
    }
    if (f->value->type == JSON_OBJECT) {
        if (!f->has_key) return fail_at(l, at, "a key must be plain text");
        f->has_key = false;
        if (f->key.p == NULL) { /* the merge key */
            f->merges = v;
            return true;
        }
        v->key = f->key;
    }
    *f->tail = v;
    f->tail = &v->next;
    f->value->count++;
    return true;
}

static bool on_key(struct loader *l, const yaml_event_t *ev)
{
    struct frame *f = &l->stack[l->depth - 1];
    str s = str_n((const char *)ev->data.scalar.value, ev->data.scalar.length);
    bool is_new;

    f->has_key = true;
    if (ev->data.scalar.plain_implicit && str_eq(s, STR("<<"))) {
        if (f->merges) return fail_at(l, &ev->start_mark, "duplicated mapping key");
        f->key = (str){ NULL, 0 };
        return true;
    }
    f->key = arena_dup(l->a, s);
    if (!seen_add(l, f->value, f->key, &is_new)) return false;
    return is_new || fail_at(l, &ev->start_mark, "duplicated mapping key");
}

static bool on_scalar(struct loader *l, const yaml_event_t *ev)
{
    struct frame *f = l->depth ? &l->stack[l->depth - 1] : NULL;
    struct json *v;

    if (f && f->value->type == JSON_OBJECT && !f->has_key) return on_key(l, ev);
    if (!(v = scalar(l, ev))) return false;
    return anchor_set(l, arena_dup(l->a, str_c((const char *)ev->data.scalar.anchor)), v, &ev->start_mark) &&
           place(l, v, &ev->start_mark);
}

static bool on_alias(struct loader *l, const yaml_event_t *ev)
{
    str name = str_c((const char *)ev->data.alias.anchor);
    for (size_t i = 0; i < l->anchors_count; i++) {
        struct json *v;
        if (!str_eq(l->anchor[i].name, name)) continue;
        v = copy(l, l->anchor[i].value, l->depth);
        return v && place(l, v, &ev->start_mark);
    }
    return fail_at(l, &ev->start_mark, "unknown alias");
}

static bool on_start(struct loader *l, enum json_type type, const yaml_char_t *anchor, const yaml_event_t *ev)
{
    struct json *v;
    if (l->depth == YAML_DEPTH_MAX) return fail_at(l, &ev->start_mark, "the metadata is nested too deeply");
    if (!(v = node(l, type)) || !place(l, v, &ev->start_mark)) return false;
    l->stack[l->depth++] =
        (struct frame){ .value = v, .tail = &v->first, .anchor = arena_dup(l->a, str_c((const char *)anchor)) };
    return true;
}

static bool on_end(struct loader *l, const yaml_event_t *ev)
{
    struct frame *f = &l->stack[l->depth - 1];
    if (f->merges && !merge(l, f, &ev->start_mark)) return false;
    l->depth--;
    return anchor_set(l, f->anchor, f->value, &ev->start_mark);
}

static bool on_event(struct loader *l, const yaml_event_t *ev)
{
    switch (ev->type) {
    case YAML_SCALAR_EVENT: return on_scalar(l, ev);
    case YAML_ALIAS_EVENT: return on_alias(l, ev);
    case YAML_SEQUENCE_START_EVENT: return on_start(l, JSON_ARRAY, ev->data.sequence_start.anchor, ev);
    case YAML_MAPPING_START_EVENT: return on_start(l, JSON_OBJECT, ev->data.mapping_start.anchor, ev);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return on_end(l, ev);
    case YAML_DOCUMENT_START_EVENT:
        if (l->root) return fail_at(l, &ev->start_mark, "expected a single document in the stream, but found more");
        return true;
    default: return true;
    }
}

static bool syntax_error(struct loader *l)
{
    const yaml_parser_t *p = &l->parser;
    if (p->error == YAML_READER_ERROR)
        return err_set(l->e, ERR_INVALID, "%s (byte %zu)", p->problem ? p->problem : "unreadable text", p->problem_offset);
    return err_set(l->e, ERR_INVALID, "%s%s%s (%zu:%zu)", p->problem ? p->problem : "malformed YAML",
                   p->context ? ", " : "", p->context ? p->context : "", p->problem_mark.line + 1,
                   p->problem_mark.column + 1);
}

bool card_yaml_parse(str yaml, struct arena *a, struct json **out, struct err *e)
{
    struct loader *l;
    bool ok = false, is_over = false;

    if (yaml.n > CARD_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "the metadata is larger than %d bytes", CARD_BYTES_MAX);
    if (!str_is_utf8(yaml)) return err_set(e, ERR_INVALID, "the metadata is not UTF-8");
    l = arena_one(a, struct loader);
    *l = (struct loader){ .a = a, .e = e, .nodes_left = YAML_NODES_MAX, .seed = random_u64() };
    if (!yaml_parser_initialize(&l->parser)) return err_set(e, ERR_INTERNAL, "no memory for the YAML parser");
    yaml_parser_set_encoding(&l->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l->parser, (const unsigned char *)(yaml.n ? yaml.p : ""), yaml.n);

    while (!is_over) {
        yaml_event_t ev;
        bool went_well;
        if (!yaml_parser_parse(&l->parser, &ev)) {
            syntax_error(l);
            goto done;
        }
        is_over = ev.type == YAML_STREAM_END_EVENT;
        went_well = on_event(l, &ev);
        yaml_event_delete(&ev);
        if (!went_well) goto done;
    }
    *out = l->root ? l->root : json_new(a, JSON_NULL);
    ok = true;
done:
    yaml_parser_delete(&l->parser);
    return ok;
}
