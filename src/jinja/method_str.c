/* jinja/method_str.c - what a string can do: str's methods, by characters and not by bytes.
 *
 * What comes out of a safe string is safe, as Markup's methods have it; arguments are not escaped for it, except by
 * replace and join. */
#include "jinja/native.h"

static val like(val self, str s)
{
    return (val){ .kind = VAL_STR, .safe = self.safe, .s = s };
}

/* ------------------------------------------------------------------ case */

#define MADE(name, make)                                                                                               \
    static bool name(struct run *r, val self, struct args *a, val *out)                                                \
    {                                                                                                                  \
        size_t mark = text_begin(r);                                                                                   \
        (void)a;                                                                                                       \
        make;                                                                                                          \
        return run_spend(r, self.s.n / 8) && text_end_val(r, mark, self.safe, out);                                    \
    }
MADE(upper, text_case(self.s, UC_TO_UPPER, r->out))
MADE(lower, text_case(self.s, UC_TO_LOWER, r->out))
MADE(title, text_title(self.s, r->out))
MADE(capitalize, text_capitalize(self.s, r->out))

MADE(swapcase, text_swapcase(self.s, r->out))

/* ------------------------------------------------------------------ ends */

static bool strip_sides(struct run *r, val self, const struct args *a, bool left, bool right, val *out)
{
    str chars;
    bool given = val_given(a->v[0]) && a->v[0].kind != VAL_NONE;
    if (given && !arg_text(r, a->v[0], &chars)) return false;
    /* Each character may be compared with all of `chars`: paid for before. */
    if (given && !run_spend(r, self.s.n / 1024 + (self.s.n / 64) * (chars.n / 64))) return false;
    *out = like(self, text_strip(self.s, given ? &chars : NULL, left, right));
    return run_spend(r, self.s.n / 1024);
}
static bool strip(struct run *r, val self, struct args *a, val *out)
{
    return strip_sides(r, self, a, true, true, out);
}
static bool lstrip(struct run *r, val self, struct args *a, val *out)
{
    return strip_sides(r, self, a, true, false, out);
}
static bool rstrip(struct run *r, val self, struct args *a, val *out)
{
    return strip_sides(r, self, a, false, true, out);
}

static bool removeprefix(struct run *r, val self, struct args *a, val *out)
{
    str s;
    if (!arg_text(r, a->v[0], &s)) return false;
    *out = like(self, str_starts(self.s, s) ? str_from(self.s, s.n) : self.s);
    return true;
}
static bool removesuffix(struct run *r, val self, struct args *a, val *out)
{
    str s;
    if (!arg_text(r, a->v[0], &s)) return false;
    *out = like(self, str_ends(self.s, s) ? str_to(self.s, self.s.n - s.n) : self.s);
    return true;
}

/* The part that `start` and `end` (arguments i and i + 1) name; *first_char is where it begins.  *empty: past the end,
 * where not even "" is found. */
static bool part(struct run *r, val self, const struct args *a, size_t i, str *out, int64_t *first_char, bool *none)
{
    int64_t n = 0, start, end;
    bool any = val_given(a->v[i]) || val_given(a->v[i + 1]);
    *out = self.s;
    *first_char = 0;
    *none = false;
    if (!any) return true;
    if (!val_length(r, self, &n) || !arg_whole(r, a->v[i], 0, &start) || !arg_whole(r, a->v[i + 1], n, &end))
        return false;
    if (start < 0) start = start < -n ? 0 : start + n;
    if (end < 0) end = end < -n ? 0 : end + n;
    if (end > n) end = n;
    if (start > end) {
        *none = true;
        return true;
    }
    size_t from = unicode_at(self.s, (size_t)start), to = unicode_at(self.s, (size_t)end);
    *out = str_n(self.s.p + from, to - from);
    *first_char = start;
    return run_spend(r, self.s.n / 64);
}

static bool any_affix(struct run *r, val self, const struct args *a, bool (*has)(str, str), const char *name, val *out)
{
    str s, affix;
    int64_t first;
    bool none, yes = false;
    val what = a->v[0];
    if (!part(r, self, a, 1, &s, &first, &none)) return false;
    if (what.kind == VAL_UNDEFINED) return fail_undefined(r, what);
    if (what.kind != VAL_STR && what.kind != VAL_TUPLE)
        return fail(r, "%s first arg must be str or a tuple of str, not %s", name, val_type(what));
    for (size_t i = 0; !none && i < (what.kind == VAL_STR ? 1 : what.n); i++) {
        if (!arg_text(r, what.kind == VAL_STR ? what : what.items[i], &affix) || !run_spend(r, affix.n / 64)) return false;
        yes |= has(s, affix);
    }
    *out = val_bool(yes);
    return true;
}
static bool startswith(struct run *r, val self, struct args *a, val *out)
{
    return any_affix(r, self, a, str_starts, "startswith", out);
}
static bool endswith(struct run *r, val self, struct args *a, val *out)
{
    return any_affix(r, self, a, str_ends, "endswith", out);
}

/* ------------------------------------------------------------------ search */

static size_t rfind_in(str s, str what)
{
    if (what.n > s.n) return STR_NONE;
    for (size_t at = s.n - what.n + 1; at-- > 0;)
        if (what.n == 0 || memcmp(s.p + at, what.p, what.n) == 0) return at;
    return STR_NONE;
}

/* Searching backwards compares at every place. */
static bool spend_rfind(struct run *r, str s, str what)
{
    return run_spend(r, (s.n / 64) * (what.n / 64));
}

static bool find_at(struct run *r, val self, const struct args *a, bool last, int64_t *out)
{
    str s, what;
    int64_t first;
    bool none;
    if (!arg_text(r, a->v[0], &what) || !part(r, self, a, 1, &s, &first, &none)) return false;
    if (last && !spend_rfind(r, s, what)) return false;
    size_t at = none ? STR_NONE : last ? rfind_in(s, what) : str_find(s, what);
    *out = at == STR_NONE ? -1 : first + (int64_t)unicode_count(str_to(s, at));
    return run_spend(r, s.n / 16);
}
static bool find(struct run *r, val self, struct args *a, val *out)
{
    *out = val_int(0);
    return find_at(r, self, a, false, &out->i);
}
static bool rfind(struct run *r, val self, struct args *a, val *out)
{
    *out = val_int(0);
    return find_at(r, self, a, true, &out->i);
}
static bool find_or_fail(struct run *r, val self, struct args *a, bool last, val *out)
{
    *out = val_int(0);
    if (!find_at(r, self, a, last, &out->i)) return false;
    return out->i >= 0 || fail(r, "substring not found");
}
static bool str_index(struct run *r, val self, struct args *a, val *out)
{
    return find_or_fail(r, self, a, false, out);
}
static bool rindex_(struct run *r, val self, struct args *a, val *out)
{
    return find_or_fail(r, self, a, true, out);
}

static bool count(struct run *r, val self, struct args *a, val *out)
{
    str s, what;
    int64_t first, n = 0;
    bool none;
    if (!arg_text(r, a->v[0], &what) || !part(r, self, a, 1, &s, &first, &none)) return false;
    if (!run_spend(r, s.n / 16)) return false;
    if (what.n == 0)
        n = none ? 0 : (int64_t)unicode_count(s) + 1;
    else
        for (size_t at; !none && (at = str_find(s, what)) != STR_NONE; n++) s = str_from(s, at + what.n);
    *out = val_int(n);
    return true;
}

static bool replace(struct run *r, val self, struct args *a, val *out)
{
    val old = a->v[0], new = a->v[1];
    str old_s, new_s;
    int64_t times;
    if (!arg_text(r, old, &old_s) || !arg_text(r, new, &new_s) || !arg_whole(r, a->v[2], -1, &times)) return false;
    if (self.safe && !new.safe) { /* what is put into HTML must be HTML */
        size_t mark = text_begin(r);
        html_escape(new_s, r->out);
        if (!text_end(r, mark, &new_s)) return false;
    }
    size_t mark = text_begin(r);
    return text_replace(r, self.s, old_s, new_s, times, r->out) && text_end_val(r, mark, self.safe, out);
}

/* ------------------------------------------------------------------ pieces */

/* White space separates, any amount of it.  Beyond `times` cuts the rest stays whole. */
static bool split_space(struct run *r, val self, int64_t times, struct vec *l)
{
    str s = unicode_trim(self.s, true, false);
    for (; s.n; times--) {
        size_t end = 0;
        if (times == 0) return vec_add(r, l, like(self, s));
        while (end < s.n && unicode_space_at(str_from(s, end)) == 0) unicode_next(s, &end);
        if (!vec_add(r, l, like(self, str_to(s, end)))) return false;
        s = unicode_trim(str_from(s, end), true, false);
    }
    return true;
}

static void reverse_vec(struct vec *l)
{
    for (size_t i = 0; i < l->n / 2; i++) {
        val v = l->v[i];
        l->v[i] = l->v[l->n - 1 - i];
        l->v[l->n - 1 - i] = v;
    }
}

static bool rsplit_space(struct run *r, val self, int64_t times, struct vec *l)
{
    str s = unicode_trim(self.s, false, true);
    for (; s.n; times--) {
        size_t first = s.n, before;
        if (times == 0) {
            if (!vec_add(r, l, like(self, s))) return false;
            break;
        }
        while (first > 0 && (before = first, !unicode_is_blank(unicode_last(s, &before)))) first = before;
        if (!vec_add(r, l, like(self, str_from(s, first)))) return false;
        s = unicode_trim(str_to(s, first), false, true);
    }
    reverse_vec(l);
    return true;
}

static bool split_any(struct run *r, val self, struct args *a, bool right, val *out)
{
    struct vec l = { 0 };
    int64_t times;
    str sep, s = self.s;
    if (!arg_whole(r, a->v[1], -1, &times) || !run_spend(r, s.n / 16)) return false;
    if (!val_given(a->v[0]) || a->v[0].kind == VAL_NONE) {
        if (!(right ? rsplit_space(r, self, times, &l) : split_space(r, self, times, &l))) return false;
        *out = val_list(l.v, l.n);
        return true;
    }
    if (!arg_text(r, a->v[0], &sep)) return false;
    if (sep.n == 0) return fail(r, "empty separator");
    if (right && !spend_rfind(r, s, sep)) return false;
    for (; times != 0; times--) {
        size_t at = right ? rfind_in(s, sep) : str_find(s, sep);
        if (at == STR_NONE) break;
        if (!vec_add(r, &l, like(self, right ? str_from(s, at + sep.n) : str_to(s, at)))) return false;
        s = right ? str_to(s, at) : str_from(s, at + sep.n);
    }
    if (!vec_add(r, &l, like(self, s))) return false;
    if (right) reverse_vec(&l);
    *out = val_list(l.v, l.n);
    return true;
}
static bool split(struct run *r, val self, struct args *a, val *out)
{
    return split_any(r, self, a, false, out);
}
static bool rsplit(struct run *r, val self, struct args *a, val *out)
{
    return split_any(r, self, a, true, out);
}

static bool splitlines(struct run *r, val self, struct args *a, val *out)
{
    struct vec l = { 0 };
    if (!text_splitlines(r, self.s, arg_true(a->v[0]), &l)) return false;
    for (size_t i = 0; i < l.n; i++) l.v[i].safe = self.safe;
    *out = val_list(l.v, l.n);
    return true;
}

static bool partition_any(struct run *r, val self, struct args *a, bool right, val *out)
{
    str sep;
    val *v = run_array(r, 3, sizeof *v);
    if (!v || !arg_text(r, a->v[0], &sep)) return false;
    if (sep.n == 0) return fail(r, "empty separator");
    if (right && !spend_rfind(r, self.s, sep)) return false;
    size_t at = right ? rfind_in(self.s, sep) : str_find(self.s, sep);
    bool none = at == STR_NONE;
    v[0] = like(self, none ? (right ? STR("") : self.s) : str_to(self.s, at));
    v[1] = like(self, none ? STR("") : sep);
    v[2] = like(self, none ? (right ? self.s : STR("")) : str_from(self.s, at + sep.n));
    *out = val_tuple(v, 3);
    return run_spend(r, self.s.n / 16);
}
static bool partition(struct run *r, val self, struct args *a, val *out)
{
    return partition_any(r, self, a, false, out);
}
static bool rpartition(struct run *r, val self, struct args *a, val *out)
{
    return partition_any(r, self, a, true, out);
}

static bool join(struct run *r, val self, struct args *a, val *out)
{
    const val *items;
    size_t n;
    if (!val_items(r, a->v[0], &items, &n)) return false;
    for (size_t i = 0; i < n; i++)
        if (items[i].kind != VAL_STR)
            return fail(r, "sequence item %zu: expected str instance, %s found", i, val_type(items[i]));
    size_t mark = text_begin(r);
    for (size_t i = 0; i < n; i++) {
        if (i) buf_add(r->out, self.s);
        if (self.safe && !items[i].safe)
            html_escape(items[i].s, r->out);
        else
            buf_add(r->out, items[i].s);
        if (!out_ok(r)) return false;
    }
    return text_end_val(r, mark, self.safe, out);
}

/* ------------------------------------------------------------------ width */

static bool pad(struct run *r, val self, const struct args *a, int where, val *out)
{
    int64_t width, n, left, right;
    str fill = STR(" ");
    if (!arg_whole(r, a->v[0], 0, &width) || !val_length(r, self, &n)) return false;
    if (val_given(a->v[1]) && !arg_text(r, a->v[1], &fill)) return false;
    if (unicode_count(fill) != 1) return fail(r, "The fill character must be exactly one character long");
    if (width <= n) {
        *out = self;
        return true;
    }
    left = where < 0 ? 0 : where > 0 ? width - n : (width - n) / 2 + ((width - n) & width & 1);
    right = width - n - left;
    size_t mark = text_begin(r);
    for (; left > 0 && out_ok(r); left--) buf_add(r->out, fill);
    buf_add(r->out, self.s);
    for (; right > 0 && out_ok(r); right--) buf_add(r->out, fill);
    return text_end_val(r, mark, self.safe, out);
}
static bool center(struct run *r, val self, struct args *a, val *out)
{
    return pad(r, self, a, 0, out);
}
static bool ljust(struct run *r, val self, struct args *a, val *out)
{
    return pad(r, self, a, -1, out);
}
static bool rjust(struct run *r, val self, struct args *a, val *out)
{
    return pad(r, self, a, 1, out);
}

static bool zfill(struct run *r, val self, struct args *a, val *out)
{
    int64_t width, n;
    if (!arg_whole(r, a->v[0], 0, &width) || !val_length(r, self, &n)) return false;
    size_t sign = self.s.n && (self.s.p[0] == '-' || self.s.p[0] == '+') ? 1 : 0, mark = text_begin(r);
    buf_add(r->out, str_to(self.s, sign));
    for (; n < width && out_ok(r); n++) buf_byte(r->out, '0');
    buf_add(r->out, str_from(self.s, sign));
    return text_end_val(r, mark, self.safe, out);
}

static bool format(struct run *r, val self, struct args *a, val *out)
{
    return format_braces(r, self, a, out);
}

static const struct native methods[] = {
    { STR_INIT("strip"), "chars", 0, strip },
    { STR_INIT("lstrip"), "chars", 0, lstrip },
    { STR_INIT("rstrip"), "chars", 0, rstrip },
    { STR_INIT("split"), "sep maxsplit", 0, split },
    { STR_INIT("rsplit"), "sep maxsplit", 0, rsplit },
    { STR_INIT("splitlines"), "keepends", 0, splitlines },
    { STR_INIT("startswith"), "prefix start end", 1, startswith },
    { STR_INIT("endswith"), "suffix start end", 1, endswith },
    { STR_INIT("replace"), "old new count", 2, replace },
    { STR_INIT("upper"), "", 0, upper },
    { STR_INIT("lower"), "", 0, lower },
    { STR_INIT("casefold"), "", 0, lower },
    { STR_INIT("title"), "", 0, title },
    { STR_INIT("capitalize"), "", 0, capitalize },
    { STR_INIT("swapcase"), "", 0, swapcase },
    { STR_INIT("join"), "iterable", 1, join },
    { STR_INIT("format"), NULL, 0, format },
    { STR_INIT("find"), "sub start end", 1, find },
    { STR_INIT("rfind"), "sub start end", 1, rfind },
    { STR_INIT("index"), "sub start end", 1, str_index },
    { STR_INIT("rindex"), "sub start end", 1, rindex_ },
    { STR_INIT("count"), "sub start end", 1, count },
    { STR_INIT("partition"), "sep", 1, partition },
    { STR_INIT("rpartition"), "sep", 1, rpartition },
    { STR_INIT("removeprefix"), "prefix", 1, removeprefix },
    { STR_INIT("removesuffix"), "suffix", 1, removesuffix },
    { STR_INIT("center"), "width fillchar", 1, center },
    { STR_INIT("ljust"), "width fillchar", 1, ljust },
    { STR_INIT("rjust"), "width fillchar", 1, rjust },
    { STR_INIT("zfill"), "width", 1, zfill },
};
const struct native_table methods_str = { methods, COUNT(methods) };
