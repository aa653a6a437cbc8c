/* jinja/filter_html.c - filters for pages: escaping, marking as safe, attributes, addresses. */
#include "jinja/native.h"

static bool escape_text(struct run *r, str s, val *out)
{
    size_t mark = text_begin(r);
    html_escape(s, r->out);
    return text_end_val(r, mark, true, out);
}

static bool escape(struct run *r, val v, struct args *a, val *out)
{
    (void)a;
    if (!soft_str(r, v, out)) return false;
    return out->safe || escape_text(r, out->s, out);
}
static bool forceescape(struct run *r, val v, struct args *a, val *out)
{
    (void)a;
    return soft_str(r, v, out) && escape_text(r, out->s, out);
}
static bool safe(struct run *r, val v, struct args *a, val *out)
{
    (void)a;
    if (!soft_str(r, v, out)) return false;
    out->safe = true;
    return true;
}

static void quote(str s, bool in_query, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                     c == '.' || c == '-' || c == '~' || (c == '/' && !in_query);
        if (plain)
            buf_byte(out, (char)c);
        else if (c == ' ' && in_query)
            buf_byte(out, '+');
        else
            buf_addf(out, "%%%02X", c);
    }
}

static bool urlencode(struct run *r, val v, struct args *a, val *out)
{
    const val *items, *pair;
    size_t n, two;
    val part;
    (void)a;
    struct args none = { 0 };
    if (v.kind == VAL_DICT && !method_find(v, STR("items"))->fn(r, v, &none, &v)) return false;
    if (v.kind != VAL_LIST && v.kind != VAL_TUPLE && v.kind != VAL_VIEW && v.kind != VAL_ITER) {
        if (!soft_str(r, v, &v)) return false;
        size_t mark = text_begin(r);
        quote(v.s, false, r->out);
        return text_end_val(r, mark, false, out);
    }
    if (!val_items(r, v, &items, &n)) return false;
    size_t mark = text_begin(r);
    for (size_t i = 0; i < n; i++) {
        if (!val_items(r, items[i], &pair, &two)) return false;
        if (two != 2) return fail(r, "urlencode: pairs of name and value are expected");
        if (i) buf_byte(r->out, '&');
        for (size_t k = 0; k < 2; k++) {
            if (k) buf_byte(r->out, '=');
            if (!soft_str(r, pair[k], &part)) return false;
            quote(part.s, true, r->out);
        }
        if (!out_ok(r)) return false;
    }
    return text_end_val(r, mark, false, out);
}

static bool xmlattr(struct run *r, val v, struct args *a, val *out)
{
    bool space = !val_given(a->v[0]) || val_truth(a->v[0]), any = false;
    if (v.kind != VAL_DICT) return fail(r, "xmlattr: a dict is expected, not %s", val_type(v));
    size_t mark = text_begin(r);
    for (size_t i = 0; i < v.dict->n; i++) {
        val key = v.dict->v[i].key, value = v.dict->v[i].value;
        if (value.kind == VAL_NONE || value.kind == VAL_UNDEFINED) continue;
        if (!soft_str(r, key, &key) || !soft_str(r, value, &value)) return false;
        for (size_t k = 0; k < key.s.n; k++)
            if (strchr(" \t\n\r\f\v/>=", key.s.p[k])) return fail(r, "Invalid character in attribute name");
        if (any || space) buf_byte(r->out, ' ');
        any = true;
        html_escape(key.s, r->out);
        buf_lit(r->out, "=\"");
        if (value.safe)
            buf_add(r->out, value.s);
        else
            html_escape(value.s, r->out);
        buf_byte(r->out, '"');
    }
    return text_end_val(r, mark, r->autoescape, out);
}

/* Without comments and tags, runs of white space as one blank; the common entities become characters again. */
static bool striptags(struct run *r, val v, struct args *a, val *out)
{
    static const struct {
        str name, to;
    } entity[] = { { STR_INIT("&amp;"), STR_INIT("&") },        { STR_INIT("&lt;"), STR_INIT("<") },
                   { STR_INIT("&gt;"), STR_INIT(">") },         { STR_INIT("&#34;"), STR_INIT("\"") },
                   { STR_INIT("&quot;"), STR_INIT("\"") },      { STR_INIT("&#39;"), STR_INIT("'") },
                   { STR_INIT("&nbsp;"), STR_INIT("\xc2\xa0") } };
    bool blank = false, any = false;
    (void)a;
    if (!soft_str(r, v, &v)) return false;
    size_t mark = text_begin(r);
    for (str s = v.s; s.n;) {
        size_t end = str_starts(s, STR("<!--")) ? str_find(s, STR("-->")) : s.p[0] == '<' ? str_chr(s, '>') : STR_NONE;
        if (end != STR_NONE) {
            s = str_from(s, end + (s.p[1] == '!' && str_starts(s, STR("<!--")) ? 3 : 1));
            continue;
        }
        size_t n = unicode_space_at(s);
        if (n) {
            blank = true;
            s = str_from(s, n);
            continue;
        }
        if (blank && any) buf_byte(r->out, ' ');
        blank = false;
        any = true;
        str one = str_to(s, 1);
        n = 1;
        for (size_t i = 0; s.p[0] == '&' && i < COUNT(entity); i++)
            if (str_starts(s, entity[i].name)) {
                one = entity[i].to;
                n = entity[i].name.n;
            }
        buf_add(r->out, one);
        s = str_from(s, n);
        if (!run_spend(r, s.n % 16 == 0)) return false;
    }
    return text_end_val(r, mark, false, out);
}

static const struct native filters[] = {
    { STR_INIT("safe"), "", 0, safe },
    { STR_INIT("escape"), "", 0, escape },
    { STR_INIT("e"), "", 0, escape },
    { STR_INIT("forceescape"), "", 0, forceescape },
    { STR_INIT("urlencode"), "", 0, urlencode },
    { STR_INIT("xmlattr"), "autospace", 0, xmlattr },
    { STR_INIT("striptags"), "", 0, striptags },
};
const struct native_table filters_html = { filters, COUNT(filters) };
