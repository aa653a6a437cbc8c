/* jinja/filter_pick.c - filters that look at each item: map, select and reject, groupby, sum, min, max. */
#include "jinja/native.h"

static struct kwarg *keyword(const struct args *a, const char *name)
{
    for (size_t i = 0; i < a->kw_n; i++)
        if (str_eq(a->kw[i].name, str_c(name))) return &a->kw[i];
    return NULL;
}

/* Another filter or test with the arguments from `skip` on.  The places are fresh each time, because a native may
 * keep its arguments. */
static bool apply(struct run *r, const struct native *fn, val v, const struct args *a, size_t skip, val *out)
{
    size_t n = a->n > skip ? a->n - skip : 0;
    struct args rest = { .n = n, .kw = a->kw, .kw_n = a->kw_n };
    if (!(rest.v = run_array(r, n < NATIVE_ARGS_MAX ? NATIVE_ARGS_MAX : n, sizeof *rest.v))) return false;
    if (n) memcpy(rest.v, a->v + skip, n * sizeof *rest.v);
    if (!run_enter(r) || !call_native(r, fn, v, &rest, out)) return false; /* map('map', 'map', …) */
    run_leave(r);
    return true;
}

static bool map_attribute(struct run *r, const val *items, size_t n, const struct args *a, struct vec *l)
{
    const struct kwarg *attribute = keyword(a, "attribute"), *otherwise = keyword(a, "default");
    for (size_t i = 0; i < a->kw_n; i++)
        if (&a->kw[i] != attribute && &a->kw[i] != otherwise)
            return fail(r, "Unexpected keyword argument '%.*s'", STR_ARG(str_to(a->kw[i].name, 100)));
    for (size_t i = 0; i < n; i++) {
        val got;
        if (!pick_attr_or(r, items[i], attribute->value, otherwise ? otherwise->value : val_none(), &got)) return false;
        if (!vec_add(r, l, got)) return false;
    }
    return true;
}

static bool map(struct run *r, val v, struct args *a, val *out)
{
    const val *items;
    size_t n;
    struct vec l = { 0 };
    str name;
    if (!val_truth(v)) return val_iter(r, "sync_do_map", &l, out); /* also of none, as Jinja has it: it is not looked into */
    if (!val_items(r, v, &items, &n)) return false;
    if (a->n == 0 && keyword(a, "attribute")) {
        if (!map_attribute(r, items, n, a, &l)) return false;
        return val_iter(r, "sync_do_map", &l, out);
    }
    if (a->n == 0) return fail(r, "map requires a filter argument");
    if (!arg_text(r, a->v[0], &name)) return false;
    const struct native *fn = filter_find(name);
    if (!fn) return fail(r, "No filter named '%.*s'.", STR_ARG(str_to(name, 100)));
    for (size_t i = 0; i < n; i++) {
        val got;
        if (!apply(r, fn, items[i], a, 1, &got) || !vec_add(r, &l, got)) return false;
    }
    return val_iter(r, "sync_do_map", &l, out);
}

/* select, reject and their attr kind: `skip` arguments stand before the name of the test. */
static bool choose(struct run *r, val v, const struct args *a, size_t skip, bool want, val *out)
{
    const val *items;
    size_t n;
    struct vec l = { 0 };
    const struct native *fn = NULL;
    str name;
    if (!val_truth(v)) return val_iter(r, "select_or_reject", &l, out); /* as map */
    if (a->n < skip) return fail(r, "Missing parameter for attribute name");
    if (a->n > skip) {
        if (!arg_text(r, a->v[skip], &name)) return false;
        if (!(fn = test_find(name))) return fail(r, "No test named '%.*s'.", STR_ARG(str_to(name, 100)));
    }
    if (!val_items(r, v, &items, &n)) return false;
    for (size_t i = 0; i < n; i++) {
        val subject = items[i], verdict;
        if (skip && !pick_attr(r, items[i], a->v[0], &subject)) return false;
        verdict = subject;
        if (fn && !apply(r, fn, subject, a, skip + 1, &verdict)) return false;
        if (val_truth(verdict) == want && !vec_add(r, &l, items[i])) return false;
    }
    return val_iter(r, "select_or_reject", &l, out);
}
static bool select_(struct run *r, val v, struct args *a, val *out)
{
    return choose(r, v, a, 0, true, out);
}
static bool reject(struct run *r, val v, struct args *a, val *out)
{
    return choose(r, v, a, 0, false, out);
}
static bool selectattr(struct run *r, val v, struct args *a, val *out)
{
    return choose(r, v, a, 1, true, out);
}
static bool rejectattr(struct run *r, val v, struct args *a, val *out)
{
    return choose(r, v, a, 1, false, out);
}

static bool groupby(struct run *r, val v, struct args *a, val *out)
{
    const val *items;
    size_t n;
    struct vec groups = { 0 };
    bool cased = arg_true(a->v[2]), same;
    if (!val_items(r, v, &items, &n)) return false;
    struct sort_item *s = run_array(r, n + 1, sizeof *s);
    if (!s) return false;
    for (size_t i = 0; i < n; i++) {
        s[i].value = items[i];
        if (!pick_attr_or(r, items[i], a->v[0], a->v[1], &s[i].key)) return false;
        if (!cased && !fold_case(r, s[i].key, &s[i].key)) return false;
    }
    if (!sort_items(r, s, n, false)) return false;
    for (size_t i = 0; i < n;) {
        struct vec one = { 0 };
        val first = s[i].key, *pair = run_array(r, 2, sizeof *pair);
        if (!pair) return false;
        if (!pick_attr_or(r, s[i].value, a->v[0], a->v[1], &pair[0])) return false;
        do {
            if (!vec_add(r, &one, s[i++].value)) return false;
            if (i < n && !val_eq(r, first, s[i].key, &same)) return false;
        } while (i < n && same);
        pair[1] = val_list(one.v, one.n);
        val group = val_tuple(pair, 2);
        group.view = TUPLE_GROUP;
        if (!vec_add(r, &groups, group)) return false;
    }
    *out = val_list(groups.v, groups.n);
    return true;
}

static bool sum(struct run *r, val v, struct args *a, val *out)
{
    const val *items;
    size_t n;
    *out = val_given(a->v[1]) ? a->v[1] : val_int(0);
    if (!val_items(r, v, &items, &n)) return false;
    for (size_t i = 0; i < n; i++) {
        val one = items[i];
        if (val_given(a->v[0]) && a->v[0].kind != VAL_NONE && !pick_attr(r, items[i], a->v[0], &one)) return false;
        if (!binary(r, OP_ADD, *out, one, out) || !run_spend(r, 1)) return false;
    }
    return true;
}

static bool extreme(struct run *r, val v, const struct args *a, int want, val *out)
{
    const val *items;
    size_t n;
    val best_key = val_none();
    if (!val_items(r, v, &items, &n)) return false;
    if (n == 0) *out = undefined_hint(r, "No aggregated item, sequence was empty.");
    for (size_t i = 0; i < n; i++) {
        val key = items[i];
        int order = want;
        if (val_given(a->v[1]) && a->v[1].kind != VAL_NONE && !pick_attr(r, items[i], a->v[1], &key)) return false;
        if (!arg_true(a->v[0]) && !fold_case(r, key, &key)) return false;
        if (i && !val_order(r, key, best_key, want < 0 ? "<" : ">", &order)) return false;
        if (order != want) continue;
        best_key = key;
        *out = items[i];
    }
    return true;
}
static bool min(struct run *r, val v, struct args *a, val *out)
{
    return extreme(r, v, a, -1, out);
}
static bool max(struct run *r, val v, struct args *a, val *out)
{
    return extreme(r, v, a, 1, out);
}

static const struct native filters[] = {
    { STR_INIT("selectattr"), NULL, 0, selectattr },
    { STR_INIT("rejectattr"), NULL, 0, rejectattr },
    { STR_INIT("select"), NULL, 0, select_ },
    { STR_INIT("reject"), NULL, 0, reject },
    { STR_INIT("map"), NULL, 0, map },
    { STR_INIT("groupby"), "attribute default case_sensitive", 1, groupby },
    { STR_INIT("sum"), "attribute start", 0, sum },
    { STR_INIT("min"), "case_sensitive attribute", 0, min },
    { STR_INIT("max"), "case_sensitive attribute", 0, max },
};
const struct native_table filters_pick = { filters, COUNT(filters) };
