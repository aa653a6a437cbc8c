/* jinja/native.c - what the functions of the language share; see native.h. */
#include "jinja/native.h"

#include "jinja/number.h"

bool arg_text(struct run *r, val v, str *out)
{
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (v.kind != VAL_STR) return fail(r, "expected a str, not %s", val_type(v));
    *out = v.s;
    return true;
}

bool arg_whole(struct run *r, val v, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (!val_given(v) || v.kind == VAL_NONE) return true;
    if (v.kind == VAL_UNDEFINED) return fail_undefined(r, v);
    if (!val_is_whole(v)) return fail(r, "'%s' object cannot be interpreted as an integer", val_type(v));
    *out = val_whole(v);
    return true;
}

bool soft_str(struct run *r, val v, val *out)
{
    return val_to_str(r, v, out);
}

bool pick_attr(struct run *r, val item, val attribute, val *out)
{
    return pick_attr_or(r, item, attribute, val_none(), out);
}

bool pick_attr_or(struct run *r, val item, val attribute, val otherwise, val *out)
{
    str rest, part;
    int64_t index;
    bool replaces = val_given(otherwise) && otherwise.kind != VAL_NONE;
    *out = item;
    if (val_is_whole(attribute)) {
        if (!get_item(r, item, attribute, out)) return false;
        if (replaces && out->kind == VAL_UNDEFINED) *out = otherwise;
        return true;
    }
    if (!arg_text(r, attribute, &rest)) return false;
    while (str_cut(&rest, '.', &part)) {
        bool digits = part.n > 0;
        for (size_t i = 0; i < part.n; i++) digits &= part.p[i] >= '0' && part.p[i] <= '9';
        val key = digits && number_int(part, 10, &index) ? val_int(index) : val_str(part);
        if (!get_item(r, *out, key, out)) return false;
        if (replaces && out->kind == VAL_UNDEFINED) *out = otherwise;
    }
    return true;
}

bool fold_case(struct run *r, val v, val *out)
{
    *out = v;
    if (v.kind != VAL_STR) return true;
    size_t mark = text_begin(r);
    text_case(v.s, UC_TO_LOWER, r->out);
    return text_end_val(r, mark, v.safe, out);
}

/* ------------------------------------------------------------------ sorting */

/* Merges v[0..a) and v[a..n) by way of `scratch`.  Items that compare equal keep their order, in reverse too. */
static bool merge(struct run *r, struct sort_item *v, size_t a, size_t n, bool reverse, struct sort_item *scratch)
{
    size_t i = 0, j = a, k = 0;
    while (i < a && j < n) {
        int order;
        if (!(reverse ? val_order(r, v[i].key, v[j].key, "<", &order) : val_order(r, v[j].key, v[i].key, "<", &order)))
            return false;
        scratch[k++] = order == -1 ? v[j++] : v[i++];
    }
    while (i < a) scratch[k++] = v[i++];
    while (j < n) scratch[k++] = v[j++];
    memcpy(v, scratch, n * sizeof *v);
    return run_spend(r, n);
}

static bool sort_part(struct run *r, struct sort_item *v, size_t n, bool reverse, struct sort_item *scratch)
{
    if (n < 2) return true;
    return sort_part(r, v, n / 2, reverse, scratch) && sort_part(r, v + n / 2, n - n / 2, reverse, scratch) &&
           merge(r, v, n / 2, n, reverse, scratch);
}

bool sort_items(struct run *r, struct sort_item *v, size_t n, bool reverse)
{
    struct sort_item *scratch = run_array(r, n + 1, sizeof *scratch);
    return scratch && sort_part(r, v, n, reverse, scratch);
}

/* ------------------------------------------------------------------ text */

static void put(uint32_t cp, struct buf *out)
{
    char p[4];
    buf_add(out, str_n(p, str_utf8_encode(cp, p)));
}
static void put_case(uint32_t cp, enum unicode_case to, struct buf *out)
{
    uint32_t many[3];
    size_t n = unicode_case(cp, to, many);
    for (size_t i = 0; i < n; i++) put(many[i], out);
}

/* A capital sigma that ends a word is ς in lower case: a cased letter before it, none after, marks between ignored. */
static bool is_final_sigma(str s, size_t before, size_t after)
{
    bool cased = false;
    while (before > 0) {
        unsigned c = unicode_of(unicode_last(s, &before));
        if (c & UF_CASE_IGNORABLE) continue;
        cased = c & UF_CASED;
        break;
    }
    if (!cased) return false;
    while (after < s.n) {
        unsigned c = unicode_of(unicode_next(s, &after));
        if (!(c & UF_CASE_IGNORABLE)) return !(c & UF_CASED);
    }
    return true;
}

static void lower_at(str s, size_t first, size_t end, uint32_t cp, struct buf *out)
{
    if (cp == 0x3a3 && is_final_sigma(s, first, end))
        put(0x3c2, out);
    else
        put_case(cp, UC_TO_LOWER, out);
}

void text_case(str s, enum unicode_case to, struct buf *out)
{
    for (size_t at = 0; at < s.n && !out->failed;) {
        size_t first = at;
        uint32_t cp = unicode_next(s, &at);
        if (to == UC_TO_LOWER)
            lower_at(s, first, at, cp, out);
        else
            put_case(cp, to, out);
    }
}

void text_title(str s, struct buf *out)
{
    bool inside = false;
    for (size_t at = 0; at < s.n && !out->failed;) {
        size_t first = at;
        uint32_t cp = unicode_next(s, &at);
        if (inside)
            lower_at(s, first, at, cp, out);
        else
            put_case(cp, UC_TO_TITLE, out);
        inside = unicode_of(cp) & UF_CASED;
    }
}

void text_capitalize(str s, struct buf *out)
{
    for (size_t at = 0; at < s.n && !out->failed;) {
        size_t first = at;
        uint32_t cp = unicode_next(s, &at);
        if (first == 0)
            put_case(cp, UC_TO_TITLE, out);
        else
            lower_at(s, first, at, cp, out);
    }
}

void text_swapcase(str s, struct buf *out)
{
    for (size_t at = 0; at < s.n && !out->failed;) {
        size_t first = at;
        uint32_t cp = unicode_next(s, &at);
        if (unicode_of(cp) & UF_UPPER)
            lower_at(s, first, at, cp, out);
        else
            put_case(cp, UC_TO_UPPER, out);
    }
}

static bool is_line_break(uint32_t cp)
{
    return (cp >= 0xa && cp <= 0xd) || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 || cp == 0x2028 || cp == 0x2029;
}

bool text_splitlines(struct run *r, str s, bool keep_ends, struct vec *out)
{
    for (size_t at = 0, first = 0; at < s.n; first = at) {
        size_t end = at;
        while (at < s.n) {
            uint32_t cp = unicode_next(s, &at);
            if (is_line_break(cp)) {
                if (cp == '\r' && at < s.n && s.p[at] == '\n') at++;
                break;
            }
            end = at;
        }
        if (!vec_add(r, out, val_str(str_n(s.p + first, (keep_ends ? at : end) - first)))) return false;
    }
    return run_spend(r, s.n / 16);
}

static bool one_of(uint32_t cp, str chars)
{
    for (size_t at = 0; at < chars.n;)
        if (unicode_next(chars, &at) == cp) return true;
    return false;
}

str text_strip(str s, const str *chars, bool left, bool right)
{
    if (!chars) return unicode_trim(s, left, right);
    while (left && s.n) {
        size_t at = 0;
        if (!one_of(unicode_next(s, &at), *chars)) break;
        s = str_from(s, at);
    }
    while (right && s.n) {
        size_t end = s.n;
        if (!one_of(unicode_last(s, &end), *chars)) break;
        s.n = end;
    }
    return s;
}

bool text_replace(struct run *r, str s, str old, str new, int64_t count, struct buf *out)
{
    for (; count != 0 && !out->failed; count--) {
        size_t at = old.n ? str_find(s, old) : 0;
        if (at == STR_NONE) break;
        if (old.n == 0) { /* between all characters, and at both ends */
            buf_add(out, new);
            if (s.n == 0) return run_spend(r, 1);
            size_t next = 0;
            unicode_next(s, &next);
            buf_add(out, str_to(s, next));
            s = str_from(s, next);
            if (!run_spend(r, 1)) return false;
            continue;
        }
        buf_add(out, str_to(s, at));
        buf_add(out, new);
        s = str_from(s, at + old.n);
        if (!run_spend(r, 1 + at / 64) || !out_ok(r)) return false;
    }
    buf_add(out, s);
    return out_ok(r);
}

/* ------------------------------------------------------------------ tables */

static const struct native *find_in(const struct native_table *const *tables, size_t n, str name)
{
    for (size_t i = 0; i < n; i++) {
        const struct native *fn = native_find(tables[i]->v, tables[i]->n, name);
        if (fn) return fn;
    }
    return NULL;
}

const struct native *filter_find(str name)
{
    static const struct native_table *const all[] = { &filters_text, &filters_list, &filters_pick, &filters_number,
                                                      &filters_html };
    return find_in(all, COUNT(all), name);
}

const struct native *method_find(val v, str name)
{
    static const struct native_table *const of_str[] = { &methods_str, &methods_str_is };
    const struct native_table *t = NULL;
    switch ((enum val_kind)v.kind) {
    case VAL_STR: return find_in(of_str, COUNT(of_str), name);
    case VAL_LIST:
    case VAL_TUPLE:
    case VAL_RANGE: t = &methods_list; break;
    case VAL_DICT: t = &methods_dict; break;
    case VAL_REAL: t = &methods_real; break;
    case VAL_LOOP: t = &methods_loop; break;
    case VAL_CYCLER: t = &methods_cycler; break;
    default: return NULL;
    }
    return native_find(t->v, t->n, name);
}

bool method_denied(val v, str name)
{
    static const str of_list[] = { STR_INIT("append"), STR_INIT("clear"), STR_INIT("pop"),    STR_INIT("reverse"),
                                   STR_INIT("insert"), STR_INIT("sort"),  STR_INIT("extend"), STR_INIT("remove") };
    static const str of_dict[] = { STR_INIT("clear"), STR_INIT("pop"), STR_INIT("popitem"), STR_INIT("setdefault"),
                                   STR_INIT("update") };
    const str *all = v.kind == VAL_LIST ? of_list : of_dict;
    size_t n = v.kind == VAL_LIST ? COUNT(of_list) : v.kind == VAL_DICT ? COUNT(of_dict) : 0;
    for (size_t i = 0; i < n; i++)
        if (str_eq(all[i], name)) return true;
    return false;
}
