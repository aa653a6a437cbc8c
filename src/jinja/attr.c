/* jinja/attr.c - what stands behind a dot or in brackets.
 *
 * `x.name` asks for an attribute first and for an item then, `x['name']` the other way round.  A template reaches only
 * the methods of our tables; those that would change a list or dict exist as undefined values which say so when they
 * are called. */
#include "jinja/run.h"
#include "jinja/unicode.h"

static val missing_attr(struct run *r, val v, str name)
{
    struct undefined *u = arena_try(r->a, sizeof *u);
    if (u) *u = (struct undefined){ .name = name, .owner = val_owner(v) };
    return (val){ .kind = VAL_UNDEFINED, .undefined = u };
}

static val missing_item(struct run *r, val v, val key)
{
    str name;
    if (key.kind == VAL_STR) return missing_attr(r, v, key.s);
    if (key.kind != VAL_INT) return undefined_hint(r, "no such element");
    name = arena_fmt(r->a, "%s has no element %lld", val_owner(v), (long long)key.i);
    return undefined_hint(r, name.p);
}

static bool loop_attr(struct run *r, struct loop *l, str name, val *out, bool *found)
{
    int64_t at = (int64_t)l->at, n = (int64_t)l->n;
    *found = true;
    if (str_eq(name, STR("index")))
        *out = val_int(at + 1);
    else if (str_eq(name, STR("index0")))
        *out = val_int(at);
    else if (str_eq(name, STR("first")))
        *out = val_bool(at == 0);
    else if (str_eq(name, STR("last")))
        *out = val_bool(at + 1 == n);
    else if (str_eq(name, STR("length")))
        *out = val_int(n);
    else if (str_eq(name, STR("revindex")))
        *out = val_int(n - at);
    else if (str_eq(name, STR("revindex0")))
        *out = val_int(n - at - 1);
    else if (str_eq(name, STR("depth")))
        *out = val_int(l->depth);
    else if (str_eq(name, STR("depth0")))
        *out = val_int((int64_t)l->depth - 1);
    else if (str_eq(name, STR("previtem")))
        *out = at > 0 ? l->items[at - 1] : undefined_hint(r, "there is no previous item");
    else if (str_eq(name, STR("nextitem")))
        *out = at + 1 < n ? l->items[at + 1] : undefined_hint(r, "there is no next item");
    else
        *found = false;
    return true;
}

/* What the value itself has under this name, methods aside. */
static bool own_attr(struct run *r, val v, str name, val *out, bool *found)
{
    const val *got = NULL;
    *found = false;
    switch ((enum val_kind)v.kind) {
    case VAL_NAMESPACE: got = dict_str(v.dict, name); break;
    case VAL_MODULE: got = dict_str(v.module->names, name); break;
    case VAL_LOOP: return loop_attr(r, v.loop, name, out, found);
    case VAL_MACRO:
        *found = str_eq(name, STR("name"));
        if (*found) *out = val_str(v.macro->def->macro->name);
        return true;
    case VAL_TUPLE:
        if (v.view != TUPLE_GROUP || v.n != 2) return true;
        *found = str_eq(name, STR("grouper")) || str_eq(name, STR("list"));
        if (*found) *out = v.items[str_eq(name, STR("list"))];
        return true;
    case VAL_CYCLER:
        *found = str_eq(name, STR("current"));
        if (*found) *out = v.cycler->items[v.cycler->at];
        return true;
    case VAL_RANGE:
        *found = true;
        if (str_eq(name, STR("start")))
            *out = val_int(v.range->start);
        else if (str_eq(name, STR("stop")))
            *out = val_int(v.range->stop);
        else if (str_eq(name, STR("step")))
            *out = val_int(v.range->step);
        else
            *found = false;
        return true;
    case VAL_BLOCKS: {
        const struct block_entry *b = block_find(r->blocks, name);
        if (!b) return true;
        struct block_ref *ref = run_alloc(r, sizeof *ref);
        if (!ref) return false;
        *ref = (struct block_ref){ b, r->top };
        *out = (val){ .kind = VAL_BLOCK, .block = ref };
        *found = true;
        return true;
    }
    default: return true;
    }
    *found = got != NULL;
    if (got) *out = *got;
    return true;
}

static bool method(struct run *r, val v, str name, val *out, bool *found)
{
    const struct native *fn = method_find(v, name);
    *found = false;
    if (fn) {
        struct method *m = run_alloc(r, sizeof *m);
        if (!m) return false;
        *m = (struct method){ fn, v };
        *out = (val){ .kind = VAL_METHOD, .method = m };
        *found = true;
    } else if (method_denied(v, name) || (name.n > 4 && str_starts(name, STR("__")) && str_ends(name, STR("__")))) {
        struct undefined *u = run_alloc(r, sizeof *u);
        if (!u) return false;
        *u = (struct undefined){ .name = name, .owner = val_type(v), .denied = true };
        *out = (val){ .kind = VAL_UNDEFINED, .undefined = u };
        *found = true;
    }
    return true;
}

static bool try_attr(struct run *r, val v, str name, val *out, bool *found)
{
    if (!own_attr(r, v, name, out, found)) return false;
    return *found || method(r, v, name, out, found);
}

/* Where Python's obj[key] would give something. */
static bool try_item(struct run *r, val v, val key, val *out, bool *found)
{
    *found = false;
    if (v.kind == VAL_DICT) {
        const val *got;
        if (key.kind == VAL_LIST || key.kind == VAL_DICT) return true;
        if (!dict_find(r, v.dict, key, &got)) return false;
        *found = got != NULL;
        if (got) *out = *got;
        return true;
    }
    if (!val_is_whole(key)) return true;
    int64_t i = val_whole(key), n;
    if (v.kind == VAL_STR) {
        if (!run_spend(r, v.s.n / 64)) return false;
        n = (int64_t)unicode_count(v.s);
        if (i < 0) i += n;
        if (i < 0 || i >= n) return true;
        size_t at = unicode_at(v.s, (size_t)i), end = at;
        unicode_next(v.s, &end);
        *out = (val){ .kind = VAL_STR, .safe = v.safe, .s = str_n(v.s.p + at, end - at) };
    } else if (v.kind == VAL_LIST || v.kind == VAL_TUPLE) {
        n = (int64_t)v.n;
        if (i < 0) i += n;
        if (i < 0 || i >= n) return true;
        *out = v.items[i];
    } else if (v.kind == VAL_RANGE) {
        n = (int64_t)v.range->n;
        if (i < 0) i += n;
        if (i < 0 || i >= n) return true;
        *out = val_range_at(v.range, (size_t)i);
    } else {
        return true;
    }
    *found = true;
    return true;
}

bool get_attr(struct run *r, val v, str name, val *out)
{
    bool found;
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (!try_attr(r, v, name, out, &found)) return false;
    if (!found && v.kind == VAL_DICT && !try_item(r, v, val_str(name), out, &found)) return false;
    if (!found) *out = missing_attr(r, v, name);
    return true;
}

bool get_item(struct run *r, val v, val key, val *out)
{
    bool found;
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (!try_item(r, v, key, out, &found)) return false;
    if (!found && key.kind == VAL_STR && !try_attr(r, v, key.s, out, &found)) return false;
    if (!found) *out = missing_item(r, v, key);
    return true;
}

/* ------------------------------------------------------------------ slices */

static bool slice_part(struct run *r, val v, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (v.kind == VAL_NONE) return true;
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (!val_is_whole(v)) return fail(r, "slice indices must be integers or None or have an __index__ method");
    *out = val_whole(v);
    return true;
}

static int64_t clamp(int64_t i, int64_t n, bool backwards)
{
    if (i < 0) i = i < -n ? -1 : i + n;
    if (i < 0) return backwards ? -1 : 0;
    if (i >= n) return backwards ? n - 1 : n;
    return i;
}

/* Python's rule: which elements, in which direction.  *count of them from *first by *step. */
static bool slice_range(struct run *r, int64_t n, val start, val stop, val step, int64_t *first, int64_t *by,
                        size_t *count)
{
    int64_t from, to;
    if (!slice_part(r, step, 1, by)) return false;
    if (*by == 0) return fail(r, "slice step cannot be zero");
    bool back = *by < 0;
    if (*by < -n - 1) *by = -n - 1; /* larger steps take the same elements */
    if (*by > n + 1) *by = n + 1;
    if (!slice_part(r, start, back ? n - 1 : 0, &from) || !slice_part(r, stop, 0, &to)) return false;
    if (start.kind != VAL_NONE) from = clamp(from, n, back);
    to = stop.kind == VAL_NONE ? (back ? -1 : n) : clamp(to, n, back);
    *first = from;
    int64_t span = back ? from - to : to - from, size = back ? -*by : *by;
    *count = span <= 0 ? 0 : (size_t)((span + size - 1) / size);
    return true;
}

static bool slice_str(struct run *r, val v, int64_t first, int64_t by, size_t count, val *out)
{
    str s = v.s;
    *out = (val){ .kind = VAL_STR, .safe = v.safe };
    if (count == 0) return true;
    bool ascii = unicode_is_ascii(s);
    if (by == 1) {
        size_t at = ascii ? (size_t)first : unicode_at(s, (size_t)first);
        str tail = str_from(s, at);
        out->s = str_to(tail, ascii ? count : unicode_at(tail, count));
        return true;
    }
    uint32_t *cp = run_array(r, ascii ? 1 : s.n, sizeof *cp);
    char *p = run_array(r, count, 4);
    size_t n = 0, k = 0;
    if (!cp || !p) return false;
    if (!ascii)
        for (size_t at = 0; at < s.n;) cp[k++] = unicode_next(s, &at);
    for (size_t i = 0; i < count; i++, first += by) {
        if (ascii)
            p[n++] = s.p[first];
        else
            n += str_utf8_encode(cp[first], p + n);
    }
    out->s = str_n(p, n);
    return true;
}

bool get_slice(struct run *r, val v, val start, val stop, val step, val *out)
{
    int64_t n, first = 0, by = 1;
    size_t count = 0;
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (v.kind == VAL_DICT) return fail(r, "unhashable type: 'slice'");
    if (v.kind != VAL_STR && v.kind != VAL_LIST && v.kind != VAL_TUPLE && v.kind != VAL_RANGE)
        return fail(r, "'%s' object is not subscriptable", val_type(v));
    if (!val_length(r, v, &n) || !slice_range(r, n, start, stop, step, &first, &by, &count)) return false;
    if (!run_spend(r, v.kind == VAL_STR ? v.s.n / 64 : by == 1 ? 0 : count)) return false;
    if (v.kind == VAL_STR) return slice_str(r, v, first, by, count, out);
    if (v.kind == VAL_RANGE) {
        struct range *g = run_alloc(r, sizeof *g);
        if (!g) return false;
        uint64_t from = (uint64_t)v.range->start + (uint64_t)first * (uint64_t)v.range->step; /* the end may wrap */
        uint64_t size = (uint64_t)by * (uint64_t)v.range->step;
        *g = (struct range){ (int64_t)from, (int64_t)(from + count * size), (int64_t)size, count };
        *out = (val){ .kind = VAL_RANGE, .range = g };
        return true;
    }
    *out = v;
    out->n = count;
    if (count == 0) return true;
    if (by == 1) {
        out->items = v.items + first;
        return true;
    }
    val *items = run_array(r, count, sizeof *items);
    if (!items) return false;
    for (size_t i = 0; i < count; i++, first += by) items[i] = v.items[first];
    out->items = items;
    return true;
}
