/* jinja/method.c - methods of dicts, lists, ranges and floats, and the is… methods of strings. */
#include <math.h>

#include "jinja/native.h"

/* ------------------------------------------------------------------ dict */

static bool view(struct run *r, const struct dict *d, int which, val *out)
{
    val *items = run_array(r, d->n + 1, sizeof *items);
    val *pairs = which == VIEW_ITEMS ? run_array(r, 2 * d->n + 1, sizeof *pairs) : NULL;
    if (!items || (which == VIEW_ITEMS && !pairs)) return false;
    for (size_t i = 0; i < d->n; i++) {
        if (pairs) {
            pairs[2 * i] = d->v[i].key;
            pairs[2 * i + 1] = d->v[i].value;
        }
        items[i] = pairs ? val_tuple(pairs + 2 * i, 2) : which == VIEW_KEYS ? d->v[i].key : d->v[i].value;
    }
    *out = (val){ .kind = VAL_VIEW, .view = (uint8_t)which, .items = items, .n = d->n };
    return run_spend(r, d->n / 4);
}
static bool dict_items(struct run *r, val self, struct args *a, val *out)
{
    (void)a;
    return view(r, self.dict, VIEW_ITEMS, out);
}
static bool dict_keys(struct run *r, val self, struct args *a, val *out)
{
    (void)a;
    return view(r, self.dict, VIEW_KEYS, out);
}
static bool dict_values(struct run *r, val self, struct args *a, val *out)
{
    (void)a;
    return view(r, self.dict, VIEW_VALUES, out);
}
static bool dict_get(struct run *r, val self, struct args *a, val *out)
{
    const val *got;
    if (!dict_find(r, self.dict, a->v[0], &got)) return false;
    *out = got ? *got : val_given(a->v[1]) ? a->v[1] : val_none();
    return true;
}
static bool same(struct run *r, val self, struct args *a, val *out)
{
    (void)r, (void)a;
    *out = self; /* nothing can change it: a copy is the thing itself */
    return true;
}

/* ------------------------------------------------------------------ list, tuple, range */

static bool list_index(struct run *r, val self, struct args *a, val *out)
{
    const val *items;
    size_t n;
    int64_t start, end;
    bool is = false;
    if (!val_items(r, self, &items, &n) || !arg_whole(r, a->v[1], 0, &start) ||
        !arg_whole(r, a->v[2], (int64_t)n, &end))
        return false;
    if (start < 0) start = start < -(int64_t)n ? 0 : start + (int64_t)n;
    if (end < 0) end = end < -(int64_t)n ? 0 : end + (int64_t)n;
    for (size_t i = (size_t)start; i < n && i < (size_t)end; i++) {
        if (!val_eq(r, items[i], a->v[0], &is) || !run_spend(r, 1)) return false;
        if (!is) continue;
        *out = val_int((int64_t)i);
        return true;
    }
    size_t mark = text_begin(r);
    str text;
    if (!val_repr(r, a->v[0], r->out) || !text_end(r, mark, &text)) return false;
    return fail(r, "%.*s is not in list", STR_ARG(str_to(text, 100)));
}

static bool list_count(struct run *r, val self, struct args *a, val *out)
{
    const val *items;
    size_t n;
    int64_t found = 0;
    bool is;
    if (!val_items(r, self, &items, &n)) return false;
    for (size_t i = 0; i < n; i++) {
        if (!val_eq(r, items[i], a->v[0], &is) || !run_spend(r, 1)) return false;
        found += is;
    }
    *out = val_int(found);
    return true;
}

static bool is_integer(struct run *r, val self, struct args *a, val *out)
{
    (void)r, (void)a;
    *out = val_bool(isfinite(self.r) && self.r == floor(self.r));
    return true;
}

/* ------------------------------------------------------------------ str.is… */

/* All characters have one of `want`, and there is one. */
static bool all_are(struct run *r, str s, unsigned want, val *out)
{
    bool yes = s.n > 0;
    for (size_t at = 0; yes && at < s.n;) yes = unicode_of(unicode_next(s, &at)) & want;
    *out = val_bool(yes);
    return run_spend(r, s.n / 16);
}
#define ALL(name, want)                                                                                                \
    static bool name(struct run *r, val self, struct args *a, val *out)                                                \
    {                                                                                                                  \
        (void)a;                                                                                                       \
        return all_are(r, self.s, want, out);                                                                          \
    }
ALL(isalpha_, UF_ALPHA)
ALL(isdigit_, UF_DIGIT)
ALL(isdecimal_, UF_DECIMAL)
ALL(isnumeric_, UF_NUMERIC)
ALL(isalnum_, UF_ALPHA | UF_DECIMAL | UF_DIGIT | UF_NUMERIC)

static bool isspace_(struct run *r, val self, struct args *a, val *out)
{
    (void)a;
    *out = val_bool(self.s.n > 0 && unicode_trim(self.s, true, false).n == 0);
    return run_spend(r, self.s.n / 16);
}
static bool isascii_(struct run *r, val self, struct args *a, val *out)
{
    (void)a;
    *out = val_bool(unicode_is_ascii(self.s));
    return run_spend(r, self.s.n / 64);
}
static bool isprintable_(struct run *r, val self, struct args *a, val *out)
{
    (void)a;
    if (self.s.n) return all_are(r, self.s, UF_PRINTABLE, out);
    *out = val_bool(true);
    return true;
}
static bool by_test(struct run *r, val self, const char *test, val *out)
{
    struct args none = { 0 };
    return test_find(str_c(test))->fn(r, self, &none, out);
}
static bool islower_(struct run *r, val self, struct args *a, val *out)
{
    (void)a;
    return by_test(r, self, "lower", out);
}
static bool isupper_(struct run *r, val self, struct args *a, val *out)
{
    (void)a;
    return by_test(r, self, "upper", out);
}

/* Capitals only after what has no case, small letters only after what has. */
static bool istitle_(struct run *r, val self, struct args *a, val *out)
{
    bool after = false, seen = false, yes = true;
    (void)a;
    for (size_t at = 0; yes && at < self.s.n;) {
        unsigned c = unicode_of(unicode_next(self.s, &at));
        bool capital = c & (UF_UPPER | UF_TITLE), small = c & UF_LOWER;
        yes = !(capital && after) && !(small && !after);
        after = capital || small;
        seen |= after;
    }
    *out = val_bool(yes && seen);
    return run_spend(r, self.s.n / 16);
}

static bool isidentifier_(struct run *r, val self, struct args *a, val *out)
{
    bool yes = self.s.n > 0;
    (void)a;
    for (size_t at = 0, first; yes && at < self.s.n;) {
        first = at;
        uint32_t cp = unicode_next(self.s, &at);
        unsigned c = unicode_of(cp);
        yes = cp == '_' || (c & UF_ALPHA) || (first > 0 && (c & UF_DECIMAL));
    }
    *out = val_bool(yes);
    return run_spend(r, self.s.n / 16);
}

static const struct native of_dict[] = {
    { STR_INIT("items"), "", 0, dict_items },   { STR_INIT("keys"), "", 0, dict_keys },
    { STR_INIT("values"), "", 0, dict_values }, { STR_INIT("get"), "key default", 1, dict_get },
    { STR_INIT("copy"), "", 0, same },
};
static const struct native of_list[] = {
    { STR_INIT("index"), "value start stop", 1, list_index },
    { STR_INIT("count"), "value", 1, list_count },
    { STR_INIT("copy"), "", 0, same },
};
static const struct native of_real[] = { { STR_INIT("is_integer"), "", 0, is_integer } };
static const struct native of_str[] = {
    { STR_INIT("isalpha"), "", 0, isalpha_ },     { STR_INIT("isdigit"), "", 0, isdigit_ },
    { STR_INIT("isdecimal"), "", 0, isdecimal_ }, { STR_INIT("isnumeric"), "", 0, isnumeric_ },
    { STR_INIT("isalnum"), "", 0, isalnum_ },     { STR_INIT("isspace"), "", 0, isspace_ },
    { STR_INIT("isascii"), "", 0, isascii_ },     { STR_INIT("isprintable"), "", 0, isprintable_ },
    { STR_INIT("islower"), "", 0, islower_ },     { STR_INIT("isupper"), "", 0, isupper_ },
    { STR_INIT("istitle"), "", 0, istitle_ },     { STR_INIT("isidentifier"), "", 0, isidentifier_ },
};
const struct native_table methods_dict = { of_dict, COUNT(of_dict) };
const struct native_table methods_list = { of_list, COUNT(of_list) };
const struct native_table methods_real = { of_real, COUNT(of_real) };
const struct native_table methods_str_is = { of_str, COUNT(of_str) };
