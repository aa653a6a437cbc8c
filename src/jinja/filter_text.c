/* jinja/filter_text.c - filters over text. */
#include "jinja/native.h"

/* The filter of this name is str's method on str(v). */
static bool by_method(struct run *r, const char *name, val v, struct args *a, val *out)
{
    if (!soft_str(r, v, &v)) return false;
    return method_find(v, str_c(name))->fn(r, v, a, out);
}
#define METHOD(name)                                                                                                   \
    static bool name(struct run *r, val v, struct args *a, val *out)                                                   \
    {                                                                                                                  \
        return by_method(r, #name, v, a, out);                                                                         \
    }
METHOD(upper)
METHOD(lower)
METHOD(capitalize)

static bool trim(struct run *r, val v, struct args *a, val *out)
{
    return by_method(r, "strip", v, a, out);
}

/* Each stretch between blanks, hyphens and opening brackets begins with a capital. */
static bool title(struct run *r, val v, struct args *a, val *out)
{
    bool inside = false;
    (void)a;
    if (!soft_str(r, v, &v)) return false;
    size_t mark = text_begin(r), word = 0;
    for (size_t at = 0; at <= v.s.n;) {
        size_t first = at;
        uint32_t cp = at < v.s.n ? unicode_next(v.s, &at) : ' ';
        bool splits = cp == '-' || cp == '(' || cp == '{' || cp == '[' || cp == '<' || unicode_is_blank(cp);
        if (!splits && !inside) word = first;
        if (splits && inside) {
            size_t head = word;
            unicode_next(v.s, &head);
            text_case(str_n(v.s.p + word, head - word), UC_TO_UPPER, r->out);
            text_case(str_n(v.s.p + head, first - head), UC_TO_LOWER, r->out);
        }
        inside = !splits;
        if (first == v.s.n) break;
        if (splits) buf_add(r->out, str_n(v.s.p + first, at - first));
    }
    return run_spend(r, v.s.n / 8) && text_end_val(r, mark, v.safe, out);
}

static bool string(struct run *r, val v, struct args *a, val *out)
{
    (void)a;
    return soft_str(r, v, out);
}

static bool center(struct run *r, val v, struct args *a, val *out)
{
    if (!val_given(a->v[0])) a->v[0] = val_int(80);
    return by_method(r, "center", v, a, out);
}

static bool replace(struct run *r, val v, struct args *a, val *out)
{
    val s, old, new;
    int64_t count;
    if (!soft_str(r, v, &s) || !soft_str(r, a->v[0], &old) || !soft_str(r, a->v[1], &new) ||
        !arg_whole(r, a->v[2], -1, &count))
        return false;
    if (!r->autoescape) {
        s.safe = old.safe = new.safe = false;
    } else if ((old.safe || new.safe) && !s.safe) {
        size_t mark = text_begin(r);
        html_escape(s.s, r->out);
        if (!text_end_val(r, mark, true, &s)) return false;
    }
    struct args rest = { .v = (val[3]){ old, new, val_int(count) }, .n = 3 };
    return method_find(s, STR("replace"))->fn(r, s, &rest, out);
}

static bool format(struct run *r, val v, struct args *a, val *out)
{
    if (a->n && a->kw_n) return fail(r, "can't handle positional and keyword arguments at the same time");
    if (!soft_str(r, v, &v)) return false;
    val arg = val_tuple(a->v, a->n);
    if (a->kw_n) {
        struct dict *d = dict_new(r);
        if (!d) return false;
        for (size_t i = 0; i < a->kw_n; i++)
            if (!dict_put_str(r, d, a->kw[i].name, a->kw[i].value)) return false;
        arg = val_dict(d);
    }
    return format_percent(r, v, arg, out);
}

static bool indent(struct run *r, val v, struct args *a, val *out)
{
    struct vec lines = { 0 };
    val width = a->v[0];
    int64_t n = 4;
    str by;
    bool first = arg_true(a->v[1]), blank = arg_true(a->v[2]);
    str text;
    if (!arg_text(r, v, &text)) return false;
    size_t mark = text_begin(r);
    if (width.kind == VAL_STR) {
        by = width.s;
    } else {
        if (!arg_whole(r, width, 4, &n)) return false;
        for (int64_t i = 0; i < n && out_ok(r); i++) buf_byte(r->out, ' ');
        if (!text_end(r, mark, &by)) return false;
    }
    /* A newline is added first, so that a last one makes an empty line. */
    size_t joined = text_begin(r);
    buf_add(r->out, v.s);
    buf_byte(r->out, '\n');
    str all;
    if (!text_end(r, joined, &all) || !text_splitlines(r, all, false, &lines)) return false;
    for (size_t i = 0; i < lines.n; i++) {
        if (i) buf_byte(r->out, '\n');
        bool indented = i == 0 ? first : blank || lines.v[i].s.n;
        if (indented) buf_add(r->out, by);
        buf_add(r->out, lines.v[i].s);
        if (!out_ok(r)) return false;
    }
    return text_end_val(r, mark, v.safe, out);
}

static bool truncate(struct run *r, val v, struct args *a, val *out)
{
    int64_t length, leeway, n;
    str end = STR("...");
    if (!arg_whole(r, a->v[0], 255, &length) || !arg_whole(r, a->v[3], 5, &leeway)) return false;
    if (val_given(a->v[2]) && !arg_text(r, a->v[2], &end)) return false;
    int64_t end_n = (int64_t)unicode_count(end);
    if (length < end_n) return fail(r, "expected length >= %lld, got %lld", (long long)end_n, (long long)length);
    if (leeway < 0) return fail(r, "expected leeway >= 0, got %lld", (long long)leeway);
    if (!val_length(r, v, &n)) return false;
    *out = v;
    if (leeway > INT64_MAX - length || n <= length + leeway) return true; /* as it is, whatever it is */
    if (v.kind != VAL_STR) return fail(r, "only text can be truncated, not %s", val_type(v));
    str head = str_to(v.s, unicode_at(v.s, (size_t)(length - end_n)));
    size_t blank = arg_true(a->v[1]) ? STR_NONE : str_rchr(head, ' ');
    if (blank != STR_NONE) head.n = blank;
    size_t mark = text_begin(r);
    buf_add(r->out, head);
    buf_add(r->out, end);
    return text_end_val(r, mark, v.safe, out);
}

static bool wordcount(struct run *r, val v, struct args *a, val *out)
{
    int64_t n = 0;
    bool inside = false;
    (void)a;
    if (!soft_str(r, v, &v)) return false;
    for (size_t at = 0; at < v.s.n;) {
        uint32_t cp = unicode_next(v.s, &at);
        bool word = cp == '_' || (unicode_of(cp) & (UF_ALPHA | UF_DECIMAL | UF_DIGIT | UF_NUMERIC));
        n += word && !inside;
        inside = word;
    }
    *out = val_int(n);
    return run_spend(r, v.s.n / 16);
}

static bool join_any(struct run *r, const val *items, size_t n, val by, val *out)
{
    bool html = false;
    if (!soft_str(r, by, &by)) return false;
    if (r->autoescape) {
        html = by.safe;
        for (size_t i = 0; i < n; i++) html |= items[i].kind == VAL_STR && items[i].safe;
    }
    size_t mark = text_begin(r);
    for (size_t i = 0; i < n; i++) {
        if (i && html && !by.safe)
            html_escape(by.s, r->out);
        else if (i)
            buf_add(r->out, by.s);
        if (!html) {
            if (!val_text(r, items[i], r->out)) return false;
            continue;
        }
        val one;
        if (!soft_str(r, items[i], &one)) return false;
        if (one.safe)
            buf_add(r->out, one.s);
        else
            html_escape(one.s, r->out);
        if (!out_ok(r)) return false;
    }
    return text_end_val(r, mark, html, out);
}

static bool join(struct run *r, val v, struct args *a, val *out)
{
    const val *items;
    size_t n;
    val by = val_given(a->v[0]) ? a->v[0] : val_str(STR(""));
    if (!val_items(r, v, &items, &n)) return false;
    if (!val_given(a->v[1]) || a->v[1].kind == VAL_NONE) return join_any(r, items, n, by, out);
    val *picked = run_array(r, n + 1, sizeof *picked);
    if (!picked) return false;
    for (size_t i = 0; i < n; i++)
        if (!pick_attr(r, items[i], a->v[1], &picked[i])) return false;
    return join_any(r, picked, n, by, out);
}

static bool tojson_filter(struct run *r, val v, struct args *a, val *out)
{
    struct tojson o = { .ascii = arg_true(a->v[0]),
                        .sort_keys = arg_true(a->v[3]),
                        .html = r->autoescape,
                        .item_separator = STR(", "),
                        .key_separator = STR(": ") };
    val indent_by = a->v[1], separators = a->v[2];
    str by;
    int64_t n;
    const val *pair;
    size_t two, mark = text_begin(r);
    if (val_given(indent_by) && indent_by.kind != VAL_NONE) {
        if (indent_by.kind == VAL_STR) {
            by = indent_by.s;
        } else {
            if (!arg_whole(r, indent_by, 0, &n)) return false;
            for (int64_t i = 0; i < n && out_ok(r); i++) buf_byte(r->out, ' ');
            if (!text_end(r, mark, &by)) return false;
        }
        o.indent = &by;
        o.item_separator = STR(",");
    }
    if (val_given(separators) && separators.kind != VAL_NONE) {
        if (!val_items(r, separators, &pair, &two)) return false;
        if (two != 2) return fail(r, "separators are two strings");
        if (!arg_text(r, pair[0], &o.item_separator) || !arg_text(r, pair[1], &o.key_separator)) return false;
    }
    mark = text_begin(r);
    return tojson(r, &o, v, r->out) && text_end_val(r, mark, r->autoescape, out);
}

static const struct native filters[] = {
    { STR_INIT("trim"), "chars", 0, trim },
    { STR_INIT("tojson"), "ensure_ascii indent separators sort_keys", 0, tojson_filter },
    { STR_INIT("string"), "", 0, string },
    { STR_INIT("join"), "d attribute", 0, join },
    { STR_INIT("upper"), "", 0, upper },
    { STR_INIT("lower"), "", 0, lower },
    { STR_INIT("title"), "", 0, title },
    { STR_INIT("capitalize"), "", 0, capitalize },
    { STR_INIT("replace"), "old new count", 2, replace },
    { STR_INIT("indent"), "width first blank", 0, indent },
    { STR_INIT("format"), NULL, 0, format },
    { STR_INIT("center"), "width", 0, center },
    { STR_INIT("truncate"), "length killwords end leeway", 0, truncate },
    { STR_INIT("wordcount"), "", 0, wordcount },
};
const struct native_table filters_text = { filters, COUNT(filters) };
