/* jinja/filter_list.c - filters over lists and dicts as wholes: ends, order, chunks, pairs. */
#include "jinja/native.h"

static bool list(struct run *r, val v, struct args *a, val *out)
{
    const val *items;
    size_t n;
    (void)a;
    if (!val_items(r, v, &items, &n)) return false;
    *out = val_list(items, n);
    return true;
}

static bool length(struct run *r, val v, struct args *a, val *out)
{
    (void)a;
    *out = val_int(0);
    return val_length(r, v, &out->i);
}

static bool first(struct run *r, val v, struct args *a, val *out)
{
    const val *items;
    size_t n;
    (void)a;
    if (v.kind == VAL_ITER && v.iter->at < v.iter->n) { /* takes one, leaves the others */
        *out = v.iter->items[v.iter->at++];
        return true;
    }
    if (!val_items(r, v, &items, &n)) return false;
    *out = n ? items[0] : undefined_hint(r, "No first item, sequence was empty.");
    return true;
}

static bool last(struct run *r, val v, struct args *a, val *out)
{
    const val *items;
    size_t n;
    (void)a;
    if (v.kind == VAL_ITER) return fail(r, "'generator' object is not reversible");
    if (!val_items(r, v, &items, &n)) return false;
    *out = n ? items[n - 1] : undefined_hint(r, "No last item, sequence was empty.");
    return true;
}

static bool reverse(struct run *r, val v, struct args *a, val *out)
{
    const val *items;
    size_t n;
    struct vec l = { 0 };
    (void)a;
    if (v.kind == VAL_STR) return get_slice(r, v, val_none(), val_none(), val_int(-1), out);
    if (!val_items(r, v, &items, &n)) return false;
    for (size_t i = n; i-- > 0;)
        if (!vec_add(r, &l, items[i])) return false;
    if (v.kind == VAL_ITER) {
        *out = val_list(l.v, l.n);
        return true;
    }
    return val_iter(r, "reversed", &l, out);
}

static bool default_(struct run *r, val v, struct args *a, val *out)
{
    (void)r;
    bool take = v.kind == VAL_UNDEFINED || (arg_true(a->v[1]) && !val_truth(v));
    *out = !take ? v : val_given(a->v[0]) ? a->v[0] : val_str(STR(""));
    return true;
}

static bool attr(struct run *r, val v, struct args *a, val *out)
{
    val name;
    if (!soft_str(r, a->v[0], &name)) return false;
    if (v.kind != VAL_DICT || method_find(v, name.s) || method_denied(v, name.s)) return get_attr(r, v, name.s, out);
    struct dict none = { 0 }; /* only attributes count here, and a dict's keys are none */
    return get_attr(r, val_dict(&none), name.s, out);
}

/* ------------------------------------------------------------------ order */

static bool sort(struct run *r, val v, struct args *a, val *out)
{
    const val *items;
    size_t n;
    bool cased = arg_true(a->v[1]);
    val attribute = a->v[2];
    if (!val_items(r, v, &items, &n)) return false;
    struct sort_item *s = run_array(r, n + 1, sizeof *s);
    val *sorted = run_array(r, n + 1, sizeof *sorted);
    if (!s || !sorted) return false;
    for (size_t i = 0; i < n; i++) {
        s[i] = (struct sort_item){ items[i], items[i] };
        if (!val_given(attribute) || attribute.kind == VAL_NONE) {
            if (!cased && !fold_case(r, s[i].key, &s[i].key)) return false;
            continue;
        }
        str rest, one; /* several, with commas; a tuple is the key, because equal undefined values then have an order */
        struct vec parts = { 0 };
        val key;
        if (val_is_whole(attribute)) {
            if (!pick_attr(r, items[i], attribute, &key) || (!cased && !fold_case(r, key, &key)) ||
                !vec_add(r, &parts, key))
                return false;
        } else {
            if (!arg_text(r, attribute, &rest)) return false;
            while (str_cut(&rest, ',', &one))
                if (!pick_attr(r, items[i], val_str(one), &key) || (!cased && !fold_case(r, key, &key)) ||
                    !vec_add(r, &parts, key))
                    return false;
        }
        s[i].key = val_tuple(parts.v, parts.n);
    }
    if (!sort_items(r, s, n, arg_true(a->v[0]))) return false;
    for (size_t i = 0; i < n; i++) sorted[i] = s[i].value;
    *out = val_list(sorted, n);
    return true;
}

static bool dictsort(struct run *r, val v, struct args *a, val *out)
{
    size_t by = 0;
    str word;
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (v.kind != VAL_DICT) return fail(r, "'%s' object has no attribute 'items'", val_type(v));
    if (val_given(a->v[1])) {
        if (!arg_text(r, a->v[1], &word)) return false;
        if (!str_eq(word, STR("key")) && !str_eq(word, STR("value")))
            return fail(r, "You can only sort by either \"key\" or \"value\"");
        by = str_eq(word, STR("value"));
    }
    size_t n = v.dict->n;
    struct sort_item *s = run_array(r, n + 1, sizeof *s);
    val *pairs = run_array(r, 2 * n + 1, sizeof *pairs), *sorted = run_array(r, n + 1, sizeof *sorted);
    if (!s || !pairs || !sorted) return false;
    for (size_t i = 0; i < n; i++) {
        pairs[2 * i] = v.dict->v[i].key;
        pairs[2 * i + 1] = v.dict->v[i].value;
        s[i] = (struct sort_item){ pairs[2 * i + by], val_tuple(pairs + 2 * i, 2) };
        if (!arg_true(a->v[0]) && !fold_case(r, s[i].key, &s[i].key)) return false;
    }
    if (!sort_items(r, s, n, arg_true(a->v[2]))) return false;
    for (size_t i = 0; i < n; i++) sorted[i] = s[i].value;
    *out = val_list(sorted, n);
    return true;
}

static bool unique(struct run *r, val v, struct args *a, val *out)
{
    const val *items, *seen_at;
    size_t n;
    struct vec l = { 0 };
    struct dict *seen = dict_new(r);
    if (!seen || !val_items(r, v, &items, &n)) return false;
    for (size_t i = 0; i < n; i++) {
        val key = items[i];
        if (val_given(a->v[1]) && a->v[1].kind != VAL_NONE && !pick_attr(r, items[i], a->v[1], &key)) return false;
        if (!arg_true(a->v[0]) && !fold_case(r, key, &key)) return false;
        if (!dict_find(r, seen, key, &seen_at)) return false;
        if (seen_at) continue;
        if (!dict_put(r, seen, key, val_none()) || !vec_add(r, &l, items[i])) return false;
    }
    return val_iter(r, "do_unique", &l, out);
}

/* ------------------------------------------------------------------ chunks and pairs */

static bool add_list(struct run *r, struct vec *lists, const struct vec *one)
{
    return vec_add(r, lists, val_list(one->v, one->n));
}

static bool batch(struct run *r, val v, struct args *a, val *out)
{
    const val *items;
    size_t n;
    int64_t size;
    struct vec lists = { 0 }, one = { 0 };
    if (!arg_whole(r, a->v[0], 0, &size) || !val_items(r, v, &items, &n)) return false;
    for (size_t i = 0; i < n; i++) {
        if (size >= 0 && one.n == (size_t)size) {
            if (!add_list(r, &lists, &one)) return false;
            one = (struct vec){ 0 };
        }
        if (!vec_add(r, &one, items[i])) return false;
    }
    bool fill = val_given(a->v[1]) && a->v[1].kind != VAL_NONE;
    while (fill && one.n && (int64_t)one.n < size)
        if (!vec_add(r, &one, a->v[1]) || !run_spend(r, 1)) return false;
    if (one.n && !add_list(r, &lists, &one)) return false;
    return val_iter(r, "do_batch", &lists, out);
}

static bool slice(struct run *r, val v, struct args *a, val *out)
{
    const val *items;
    size_t n, at = 0;
    int64_t slices;
    struct vec lists = { 0 };
    if (!arg_whole(r, a->v[0], 0, &slices) || !val_items(r, v, &items, &n)) return false;
    if (slices == 0) return fail(r, "integer division or modulo by zero");
    for (int64_t i = 0; i < slices; i++) {
        size_t size = n / (size_t)slices, extra = n % (size_t)slices;
        struct vec one = { 0 };
        bool longer = (size_t)i < extra;
        for (size_t k = 0; k < size + longer; k++)
            if (!vec_add(r, &one, items[at++])) return false;
        if (val_given(a->v[1]) && a->v[1].kind != VAL_NONE && !longer && !vec_add(r, &one, a->v[1])) return false;
        if (!add_list(r, &lists, &one) || !run_spend(r, 1)) return false;
    }
    return val_iter(r, "do_slice", &lists, out);
}

static bool items(struct run *r, val v, struct args *a, val *out)
{
    struct vec l = { 0 };
    struct args none = { 0 };
    val pairs;
    (void)a;
    if (v.kind == VAL_UNDEFINED) return val_iter(r, "do_items", &l, out);
    if (v.kind != VAL_DICT) return fail(r, "Can only get item pairs from a mapping.");
    if (!method_find(v, STR("items"))->fn(r, v, &none, &pairs)) return false;
    for (size_t i = 0; i < pairs.n; i++)
        if (!vec_add(r, &l, pairs.items[i])) return false;
    return val_iter(r, "do_items", &l, out);
}

static const struct native filters[] = {
    { STR_INIT("length"), "", 0, length },
    { STR_INIT("count"), "", 0, length },
    { STR_INIT("list"), "", 0, list },
    { STR_INIT("first"), "", 0, first },
    { STR_INIT("last"), "", 0, last },
    { STR_INIT("reverse"), "", 0, reverse },
    { STR_INIT("default"), "default_value boolean", 0, default_ },
    { STR_INIT("d"), "default_value boolean", 0, default_ },
    { STR_INIT("attr"), "name", 1, attr },
    { STR_INIT("sort"), "reverse case_sensitive attribute", 0, sort },
    { STR_INIT("dictsort"), "case_sensitive by reverse", 0, dictsort },
    { STR_INIT("unique"), "case_sensitive attribute", 0, unique },
    { STR_INIT("batch"), "linecount fill_with", 1, batch },
    { STR_INIT("slice"), "slices fill_with", 1, slice },
    { STR_INIT("items"), "", 0, items },
};
const struct native_table filters_list = { filters, COUNT(filters) };
