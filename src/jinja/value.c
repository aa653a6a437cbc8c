/* jinja/value.c - equality, order, truth, length and iteration of values; dicts.
 *
 * What compares or hashes nested values goes through run_enter, so that a namespace which contains itself ends in
 * an error and not in the end of the stack. */
#include <math.h>

#include "jinja/run.h"
#include "jinja/unicode.h"

const char *val_type(val v)
{
    static const char *const views[] = { "dict_keys", "dict_values", "dict_items" };
    switch ((enum val_kind)v.kind) {
    case VAL_ABSENT:
    case VAL_UNDEFINED: return "Undefined";
    case VAL_NONE: return "NoneType";
    case VAL_BOOL: return "bool";
    case VAL_INT: return "int";
    case VAL_REAL: return "float";
    case VAL_STR: return v.safe ? "Markup" : "str";
    case VAL_LIST: return "list";
    case VAL_TUPLE: return "tuple";
    case VAL_VIEW: return views[v.view];
    case VAL_RANGE: return "range";
    case VAL_ITER: return "generator";
    case VAL_DICT: return "dict";
    case VAL_NAMESPACE: return "Namespace";
    case VAL_LOOP: return "LoopContext";
    case VAL_MACRO: return "Macro";
    case VAL_NATIVE:
    case VAL_HOST: return "function";
    case VAL_METHOD: return "builtin_function_or_method";
    case VAL_CYCLER: return "Cycler";
    case VAL_JOINER: return "Joiner";
    case VAL_MODULE: return "TemplateModule";
    case VAL_BLOCKS: return "TemplateReference";
    case VAL_BLOCK: return "BlockReference";
    }
    return "object";
}

const char *val_owner(val v)
{
    switch ((enum val_kind)v.kind) {
    case VAL_NONE: return "None";
    case VAL_BOOL: return "bool object";
    case VAL_INT: return "int object";
    case VAL_REAL: return "float object";
    case VAL_STR: return v.safe ? "markupsafe.Markup object" : "str object";
    case VAL_LIST: return "list object";
    case VAL_TUPLE: return "tuple object";
    case VAL_VIEW:
        return v.view == VIEW_KEYS     ? "dict_keys object"
               : v.view == VIEW_VALUES ? "dict_values object"
                                       : "dict_items object";
    case VAL_RANGE: return "range object";
    case VAL_ITER: return "generator object";
    case VAL_DICT: return "dict object";
    case VAL_NAMESPACE: return "jinja2.utils.Namespace object";
    case VAL_LOOP: return "jinja2.runtime.LoopContext object";
    case VAL_MACRO: return "jinja2.runtime.Macro object";
    case VAL_CYCLER: return "jinja2.utils.Cycler object";
    case VAL_JOINER: return "jinja2.utils.Joiner object";
    case VAL_MODULE: return "jinja2.environment.TemplateModule object";
    default: return "function object";
    }
}

bool val_truth(val v)
{
    switch ((enum val_kind)v.kind) {
    case VAL_ABSENT:
    case VAL_UNDEFINED:
    case VAL_NONE: return false;
    case VAL_BOOL: return v.b;
    case VAL_INT: return v.i != 0;
    case VAL_REAL: return v.r != 0;
    case VAL_STR: return v.s.n != 0;
    case VAL_LIST:
    case VAL_TUPLE:
    case VAL_VIEW: return v.n != 0;
    case VAL_RANGE: return v.range->n != 0;
    case VAL_DICT: return v.dict->n != 0;
    default: return true;
    }
}

static bool is_seq(val v)
{
    return v.kind == VAL_LIST || v.kind == VAL_TUPLE;
}

static bool dict_eq(struct run *r, const struct dict *a, const struct dict *b, bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; *out && i < a->n; i++) {
        const val *other;
        if (!dict_find(r, b, a->v[i].key, &other)) return false;
        if (!other)
            *out = false;
        else if (!val_eq(r, a->v[i].value, *other, out))
            return false;
    }
    return true;
}

static bool same_number(val a, val b)
{
    if (val_is_whole(a) && val_is_whole(b)) return val_whole(a) == val_whole(b);
    return val_as_real(a) == val_as_real(b);
}

bool val_eq(struct run *r, val a, val b, bool *out)
{
    *out = false;
    if (val_is_num(a) && val_is_num(b)) {
        *out = same_number(a, b);
        return true;
    }
    if (a.kind != b.kind) return true;
    switch ((enum val_kind)a.kind) {
    case VAL_ABSENT:
    case VAL_UNDEFINED:
    case VAL_BLOCKS:
    case VAL_NONE: *out = true; return true;
    case VAL_STR: *out = str_eq(a.s, b.s); return run_spend(r, a.s.n / 64);
    case VAL_LIST:
    case VAL_TUPLE:
        *out = a.n == b.n;
        if (!run_enter(r)) return false;
        for (size_t i = 0; *out && i < a.n; i++)
            if (!val_eq(r, a.items[i], b.items[i], out)) return false;
        run_leave(r);
        return run_spend(r, a.n);
    case VAL_DICT:
        if (!run_enter(r) || !dict_eq(r, a.dict, b.dict, out)) return false;
        run_leave(r);
        return run_spend(r, a.dict->n);
    case VAL_RANGE:
        *out =
            a.range->n == b.range->n &&
            (!a.range->n || (a.range->start == b.range->start && (a.range->n == 1 || a.range->step == b.range->step)));
        return true;
    case VAL_VIEW: *out = a.items == b.items && a.n == b.n && a.view == b.view; return true;
    case VAL_METHOD: *out = a.method == b.method; return true;
    default: *out = a.dict == b.dict; return true; /* the same thing: any of the pointers */
    }
}

static int cmp(double a, double b)
{
    return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
}

bool val_order(struct run *r, val a, val b, const char *op, int *out)
{
    if (a.kind == VAL_UNDEFINED) return fail_undefined(r, a);
    if (b.kind == VAL_UNDEFINED) return fail_undefined(r, b);
    if (val_is_num(a) && val_is_num(b)) {
        if (val_is_whole(a) && val_is_whole(b)) {
            int64_t x = val_whole(a), y = val_whole(b);
            *out = x < y ? -1 : x > y;
        } else {
            *out = cmp(val_as_real(a), val_as_real(b));
        }
        return true;
    }
    if (a.kind == VAL_STR && b.kind == VAL_STR) { /* the order of UTF-8's bytes is that of code points */
        int c = str_cmp(a.s, b.s);
        *out = c < 0 ? -1 : c > 0;
        return run_spend(r, (a.s.n < b.s.n ? a.s.n : b.s.n) / 64);
    }
    if (is_seq(a) && a.kind == b.kind) {
        if (!run_enter(r)) return false;
        for (size_t i = 0; i < a.n && i < b.n; i++) {
            bool same;
            if (!val_eq(r, a.items[i], b.items[i], &same)) return false;
            if (same) continue;
            run_leave(r);
            return val_order(r, a.items[i], b.items[i], op, out);
        }
        run_leave(r);
        *out = a.n < b.n ? -1 : a.n > b.n;
        return true;
    }
    return fail(r, "'%s' not supported between instances of '%s' and '%s'", op, val_type(a), val_type(b));
}

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t hash_str(str s)
{
    uint64_t h = s.n, word;
    for (; s.n >= 8; s = str_from(s, 8)) {
        memcpy(&word, s.p, 8);
        h = mix(h, word);
    }
    word = 0;
    if (s.n) memcpy(&word, s.p, s.n);
    return mix(h, word);
}

static bool val_hash(struct run *r, val v, uint64_t *out)
{
    switch ((enum val_kind)v.kind) {
    case VAL_UNDEFINED:
    case VAL_NONE: *out = v.kind; return true;
    case VAL_BOOL:
    case VAL_INT: *out = mix(1, (uint64_t)val_whole(v)); return true;
    case VAL_REAL: /* 1.0 is the key 1 */
        if (v.r >= -9e18 && v.r <= 9e18 && v.r == (double)(int64_t)v.r)
            *out = mix(1, (uint64_t)(int64_t)v.r);
        else
            memcpy(out, &v.r, sizeof *out);
        return true;
    case VAL_STR: *out = hash_str(v.s); return run_spend(r, v.s.n / 64);
    case VAL_TUPLE: {
        uint64_t h = v.n;
        if (!run_enter(r)) return false;
        for (size_t i = 0; i < v.n; i++) {
            uint64_t one;
            if (!val_hash(r, v.items[i], &one)) return false;
            h = mix(h, one);
        }
        run_leave(r);
        *out = h;
        return run_spend(r, v.n);
    }
    case VAL_LIST:
    case VAL_DICT: return fail(r, "unhashable type: '%s'", val_type(v));
    default: *out = mix(2, (uintptr_t)v.dict); return true;
    }
}

val val_range_at(const struct range *g, size_t i)
{
    return val_int((int64_t)((uint64_t)g->start + i * (uint64_t)g->step)); /* the last fits; what is multiplied need not */
}

bool val_length(struct run *r, val v, int64_t *out)
{
    switch ((enum val_kind)v.kind) {
    case VAL_UNDEFINED: *out = 0; return true;
    case VAL_STR: *out = (int64_t)unicode_count(v.s); return run_spend(r, v.s.n / 64);
    case VAL_LIST:
    case VAL_TUPLE:
    case VAL_VIEW: *out = (int64_t)v.n; return true;
    case VAL_RANGE: *out = (int64_t)v.range->n; return true;
    case VAL_DICT: *out = (int64_t)v.dict->n; return true;
    case VAL_LOOP: *out = (int64_t)v.loop->n; return true;
    default: return fail(r, "object of type '%s' has no len()", val_type(v));
    }
}

static bool chars(struct run *r, str s, const val **items, size_t *n)
{
    size_t count = unicode_count(s), k = 0;
    val *list = run_array(r, count ? count : 1, sizeof *list);
    if (!list) return false;
    for (size_t at = 0; at < s.n && k < count;) {
        size_t first = at;
        unicode_next(s, &at);
        list[k++] = val_str(str_n(s.p + first, at - first));
    }
    *items = list;
    *n = k;
    return true;
}

bool val_items(struct run *r, val v, const val **items, size_t *n)
{
    val *list;
    *items = NULL;
    *n = 0;
    switch ((enum val_kind)v.kind) {
    case VAL_UNDEFINED: return true;
    case VAL_STR: return chars(r, v.s, items, n) && run_spend(r, *n);
    case VAL_LIST:
    case VAL_TUPLE:
    case VAL_VIEW:
        *items = v.items;
        *n = v.n;
        return run_spend(r, v.n / 4);
    case VAL_ITER:
        *items = v.iter->n ? v.iter->items + v.iter->at : NULL;
        *n = v.iter->n - v.iter->at;
        v.iter->at = v.iter->n;
        return run_spend(r, *n / 4);
    case VAL_RANGE:
        *n = v.range->n;
        if (!(list = run_array(r, *n ? *n : 1, sizeof *list))) return false;
        for (size_t i = 0; i < *n; i++) list[i] = val_range_at(v.range, i);
        *items = list;
        return run_spend(r, *n);
    case VAL_DICT:
        *n = v.dict->n;
        if (!(list = run_array(r, *n ? *n : 1, sizeof *list))) return false;
        for (size_t i = 0; i < *n; i++) list[i] = v.dict->v[i].key;
        *items = list;
        return run_spend(r, *n);
    default: return fail(r, "'%s' object is not iterable", val_type(v));
    }
}

bool val_contains(struct run *r, val container, val item, bool *out)
{
    const val *found, *items;
    size_t n;
    *out = false;
    if (container.kind == VAL_STR) {
        if (item.kind == VAL_UNDEFINED) return fail_undefined(r, item);
        if (item.kind != VAL_STR)
            return fail(r, "'in <string>' requires string as left operand, not %s", val_type(item));
        *out = str_find(container.s, item.s) != STR_NONE;
        return run_spend(r, container.s.n / 16);
    }
    if (container.kind == VAL_DICT) {
        if (!dict_find(r, container.dict, item, &found)) return false;
        *out = found != NULL;
        return true;
    }
    if (container.kind == VAL_ITER && !container.iter) return true;
    if (!val_is_num(container) && container.kind != VAL_NONE) {
        if (!val_items(r, container, &items, &n)) return false;
        for (size_t i = 0; !*out && i < n; i++)
            if (!val_eq(r, items[i], item, out)) return false;
        return run_spend(r, n);
    }
    return fail(r, "argument of type '%s' is not iterable", val_type(container));
}

bool vec_add(struct run *r, struct vec *l, val v)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 8;
        val *more = run_array(r, cap, sizeof *more);
        if (!more) return false;
        if (l->n) memcpy(more, l->v, l->n * sizeof *more);
        l->v = more;
        l->cap = cap;
    }
    l->v[l->n++] = v;
    return true;
}

bool val_iter(struct run *r, const char *name, struct vec *l, val *out)
{
    struct iter *it = run_alloc(r, sizeof *it);
    if (!it) return false;
    *it = (struct iter){ .items = l->v, .n = l->n, .name = name };
    *out = (val){ .kind = VAL_ITER, .iter = it };
    return true;
}

/* ------------------------------------------------------------------ dicts */

enum { DICT_LINEAR = 8 };

struct dict *dict_new(struct run *r)
{
    return run_alloc(r, sizeof(struct dict));
}

static void slot_put(struct dict *d, size_t i)
{
    size_t at = d->v[i].hash & (d->slots_n - 1);
    while (d->slots[at]) at = (at + 1) & (d->slots_n - 1);
    d->slots[at] = (uint32_t)i + 1;
}

/* Full strings compare fast; other keys go the long way. */
static bool key_eq(struct run *r, const struct dict_entry *entry, val key, uint64_t hash, bool *out)
{
    *out = false;
    if (entry->hash != hash) return true;
    if (key.kind == VAL_STR && entry->key.kind == VAL_STR) {
        *out = str_eq(key.s, entry->key.s);
        return true;
    }
    return val_eq(r, entry->key, key, out);
}

static bool find(struct run *r, const struct dict *d, val key, uint64_t hash, struct dict_entry **out)
{
    bool same;
    *out = NULL;
    if (!d->slots_n) {
        for (size_t i = 0; i < d->n; i++) {
            if (!key_eq(r, &d->v[i], key, hash, &same)) return false;
            if (!same) continue;
            *out = &d->v[i];
            return true;
        }
        return true;
    }
    size_t tries = 0;
    for (size_t at = hash & (d->slots_n - 1); d->slots[at]; at = (at + 1) & (d->slots_n - 1), tries++) {
        struct dict_entry *entry = &d->v[d->slots[at] - 1];
        if (!key_eq(r, entry, key, hash, &same)) return false;
        if (!same) continue;
        *out = entry;
        break;
    }
    return run_spend(r, tries); /* keys chosen to collide are paid for */
}

static bool grow(struct run *r, struct dict *d)
{
    size_t cap = d->cap ? d->cap * 2 : 4;
    struct dict_entry *v = run_array(r, cap, sizeof *v);
    if (!v || cap > UINT32_MAX / 4) return v ? fail_code(r, ERR_TOO_LARGE, "a dict is too large") : false;
    if (d->n) memcpy(v, d->v, d->n * sizeof *v);
    d->v = v;
    d->cap = cap;
    if (cap <= DICT_LINEAR) return true;
    d->slots_n = cap * 2;
    if (!(d->slots = run_array(r, d->slots_n, sizeof *d->slots))) return false;
    for (size_t i = 0; i < d->n; i++) slot_put(d, i);
    return true;
}

bool dict_put(struct run *r, struct dict *d, val key, val value)
{
    uint64_t hash = 0;
    struct dict_entry *entry;
    if (!val_hash(r, key, &hash) || !find(r, d, key, hash, &entry)) return false;
    if (entry) {
        entry->value = value;
        return true;
    }
    if (d->n == d->cap && !grow(r, d)) return false;
    d->v[d->n++] = (struct dict_entry){ key, value, hash };
    if (d->slots_n) slot_put(d, d->n - 1);
    return true;
}

bool dict_find(struct run *r, const struct dict *d, val key, const val **out)
{
    uint64_t hash = 0;
    struct dict_entry *entry;
    *out = NULL;
    if (!val_hash(r, key, &hash) || !find(r, d, key, hash, &entry)) return false;
    if (entry) *out = &entry->value;
    return true;
}

const val *dict_str(const struct dict *d, str key)
{
    uint64_t hash = hash_str(key);
    if (!d->slots_n) {
        for (size_t i = 0; i < d->n; i++)
            if (d->v[i].hash == hash && d->v[i].key.kind == VAL_STR && str_eq(d->v[i].key.s, key))
                return &d->v[i].value;
        return NULL;
    }
    for (size_t at = hash & (d->slots_n - 1); d->slots[at]; at = (at + 1) & (d->slots_n - 1)) {
        const struct dict_entry *entry = &d->v[d->slots[at] - 1];
        if (entry->hash == hash && entry->key.kind == VAL_STR && str_eq(entry->key.s, key)) return &entry->value;
    }
    return NULL;
}

bool dict_put_str(struct run *r, struct dict *d, str key, val value)
{
    return dict_put(r, d, val_str(key), value);
}
