/* jinja/value_text.c - values as text: str(), repr(), HTML escaping; values from and to JSON. */
#include <math.h>

#include "jinja/run.h"
#include "jinja/unicode.h"

/* Most numbers of a page have few decimals and need no search.  If d is w / 10^k for a whole w below 10^15, those are its
 * digits: no other decimal of up to 15 reads back as d, and the first k has the fewest. */
static bool short_repr(double d, struct buf *out)
{
    static const double power[] = { 1, 10, 100, 1000, 10000 };
    for (size_t k = 0; fabs(d) < 1e11 && k < COUNT(power); k++) {
        double whole = nearbyint(d * power[k]);
        if (whole / power[k] != d) continue;
        char text[24];
        size_t at = sizeof text;
        uint64_t rest = (uint64_t)fabs(whole);
        if (k == 0) text[--at] = '0', text[--at] = '.';
        for (size_t i = 0; rest || i <= k; i++) {
            if (i && i == k) text[--at] = '.';
            text[--at] = (char)('0' + rest % 10);
            rest /= 10;
        }
        if (signbit(d)) buf_byte(out, '-');
        buf_add(out, str_n(text + at, sizeof text - at));
        return true;
    }
    return false;
}

void real_repr(double d, struct buf *out)
{
    char text[40], digits[32];
    if (short_repr(d, out)) return;
    if (isnan(d)) {
        buf_lit(out, "nan");
        return;
    }
    if (isinf(d)) {
        buf_add(out, d < 0 ? STR("-inf") : STR("inf"));
        return;
    }
    int precision = 0; /* the fewest digits that read back as the same number */
    do snprintf(text, sizeof text, "%.*e", precision, d);
    while (strtod(text, NULL) != d && ++precision <= 17);

    char *exp = strchr(text, 'e');
    long e = strtol(exp + 1, NULL, 10);
    size_t n = 0;
    for (const char *c = text; c < exp; c++)
        if (*c >= '0' && *c <= '9') digits[n++] = *c;
    if (text[0] == '-') buf_byte(out, '-');
    if (e < -4 || e >= 16) {
        buf_byte(out, digits[0]);
        if (n > 1) {
            buf_byte(out, '.');
            buf_add(out, str_n(digits + 1, n - 1));
        }
        buf_addf(out, "e%c%02ld", e < 0 ? '-' : '+', e < 0 ? -e : e);
        return;
    }
    if (e < 0) {
        buf_lit(out, "0.");
        for (long k = -1; k > e; k--) buf_byte(out, '0');
        buf_add(out, str_n(digits, n));
        return;
    }
    for (size_t i = 0; i <= (size_t)e || i < n; i++) {
        if (i == (size_t)e + 1) buf_byte(out, '.');
        buf_byte(out, i < n ? digits[i] : '0');
    }
    if (n <= (size_t)e + 1) buf_lit(out, ".0");
}

static void str_repr(str s, struct buf *out)
{
    char quote = str_chr(s, '\'') != STR_NONE && str_chr(s, '"') == STR_NONE ? '"' : '\'';
    buf_byte(out, quote);
    for (size_t at = 0; at < s.n;) {
        size_t first = at;
        uint32_t cp = unicode_next(s, &at);
        if (cp == (uint32_t)quote || cp == '\\') {
            buf_byte(out, '\\');
            buf_byte(out, (char)cp);
        } else if (cp == '\n') {
            buf_lit(out, "\\n");
        } else if (cp == '\r') {
            buf_lit(out, "\\r");
        } else if (cp == '\t') {
            buf_lit(out, "\\t");
        } else if (cp < 0x20 || cp == 0x7f || (cp > 0x7f && !(unicode_of(cp) & UF_PRINTABLE))) {
            buf_addf(out, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
        } else {
            buf_add(out, str_n(s.p + first, at - first));
        }
    }
    buf_byte(out, quote);
}

static bool items_repr(struct run *r, const val *items, size_t n, const char *open, const char *close, struct buf *out)
{
    buf_add(out, str_c(open));
    for (size_t i = 0; i < n; i++) {
        if (i) buf_lit(out, ", ");
        if (!val_repr(r, items[i], out)) return false;
    }
    buf_add(out, str_c(close));
    return true;
}

static bool dict_repr(struct run *r, const struct dict *d, struct buf *out)
{
    buf_byte(out, '{');
    for (size_t i = 0; i < d->n; i++) {
        if (i) buf_lit(out, ", ");
        if (!val_repr(r, d->v[i].key, out)) return false;
        buf_lit(out, ": ");
        if (!val_repr(r, d->v[i].value, out)) return false;
    }
    buf_byte(out, '}');
    return true;
}

static bool nested_repr(struct run *r, val v, struct buf *out)
{
    switch ((enum val_kind)v.kind) {
    case VAL_LIST: return items_repr(r, v.items, v.n, "[", "]", out);
    case VAL_TUPLE: return items_repr(r, v.items, v.n, "(", v.n == 1 ? ",)" : ")", out);
    case VAL_VIEW: buf_add(out, str_c(val_type(v))); return items_repr(r, v.items, v.n, "([", "])", out);
    case VAL_DICT: return dict_repr(r, v.dict, out);
    default:
        buf_lit(out, "<Namespace ");
        if (!dict_repr(r, v.dict, out)) return false;
        buf_byte(out, '>');
        return true;
    }
}

bool val_repr(struct run *r, val v, struct buf *out)
{
    switch ((enum val_kind)v.kind) {
    case VAL_ABSENT:
    case VAL_UNDEFINED: buf_lit(out, "Undefined"); break;
    case VAL_STR:
        if (v.safe) buf_lit(out, "Markup(");
        str_repr(v.s, out);
        if (v.safe) buf_byte(out, ')');
        break;
    case VAL_LIST:
    case VAL_TUPLE:
    case VAL_VIEW:
    case VAL_DICT:
    case VAL_NAMESPACE:
        if (!run_enter(r) || !nested_repr(r, v, out)) return false;
        run_leave(r);
        break;
    case VAL_RANGE:
        buf_addf(out, v.range->step == 1 ? "range(%lld, %lld)" : "range(%lld, %lld, %lld)", (long long)v.range->start,
                 (long long)v.range->stop, (long long)v.range->step);
        break;
    case VAL_ITER: buf_addf(out, "<generator object %s>", v.iter->name); break;
    case VAL_MACRO: buf_addf(out, "<Macro '%.*s'>", STR_ARG(v.macro->def->macro->name)); break;
    case VAL_MODULE: buf_addf(out, "<TemplateModule '%.*s'>", STR_ARG(v.module->name)); break;
    case VAL_LOOP: buf_addf(out, "<LoopContext %zu/%zu>", v.loop->at + 1, v.loop->n); break;
    case VAL_NATIVE: buf_addf(out, "<function %.*s>", STR_ARG(v.native->name)); break;
    case VAL_METHOD: buf_addf(out, "<built-in method %.*s>", STR_ARG(v.method->fn->name)); break;
    default:
        if (v.kind == VAL_NONE || val_is_num(v)) return val_text(r, v, out);
        buf_addf(out, "<%s>", val_type(v));
    }
    return out_ok(r);
}

bool val_text(struct run *r, val v, struct buf *out)
{
    switch ((enum val_kind)v.kind) {
    case VAL_ABSENT:
    case VAL_UNDEFINED: return true;
    case VAL_NONE: buf_lit(out, "None"); break;
    case VAL_BOOL: buf_add(out, v.b ? STR("True") : STR("False")); break;
    case VAL_INT: buf_addf(out, "%lld", (long long)v.i); break;
    case VAL_REAL: real_repr(v.r, out); break;
    case VAL_STR:
        buf_add(out, v.s);
        if (!run_spend(r, v.s.n / 64)) return false;
        break;
    case VAL_MODULE: buf_add(out, v.module->text); break;
    default: return val_repr(r, v, out);
    }
    return out_ok(r);
}

bool val_to_str(struct run *r, val v, val *out)
{
    if (v.kind == VAL_STR) {
        *out = v;
        return true;
    }
    size_t mark = text_begin(r);
    return val_text(r, v, r->out) && text_end_val(r, mark, v.kind == VAL_MODULE && r->autoescape, out);
}

void html_escape(str s, struct buf *out)
{
    size_t first = 0;
    for (size_t i = 0; i < s.n; i++) {
        str to;
        switch (s.p[i]) {
        case '&': to = STR("&amp;"); break;
        case '<': to = STR("&lt;"); break;
        case '>': to = STR("&gt;"); break;
        case '"': to = STR("&#34;"); break;
        case '\'': to = STR("&#39;"); break;
        default: continue;
        }
        buf_add(out, str_n(s.p + first, i - first));
        buf_add(out, to);
        first = i + 1;
    }
    buf_add(out, str_from(s, first));
}

/* ------------------------------------------------------------------ JSON */

static bool from_container(struct run *r, const struct json *j, val *out)
{
    if (j->type == JSON_OBJECT) {
        struct dict *d = dict_new(r);
        if (!d) return false;
        json_each (m, j) {
            val v;
            if (!val_from_json(r, m, &v) || !dict_put_str(r, d, m->key, v)) return false;
        }
        *out = val_dict(d);
        return true;
    }
    val *items = run_array(r, j->count ? j->count : 1, sizeof *items);
    size_t n = 0;
    if (!items) return false;
    json_each (item, j)
        if (!val_from_json(r, item, &items[n++])) return false;
    *out = val_list(items, n);
    return true;
}

bool val_from_json(struct run *r, const struct json *j, val *out)
{
    switch (j->type) {
    case JSON_NULL: *out = val_none(); return true;
    case JSON_BOOL: *out = val_bool(j->b); return true;
    case JSON_INT: *out = val_int(j->i); return true;
    case JSON_REAL: *out = val_real(j->r); return true;
    case JSON_STRING: *out = val_str(j->s); return true;
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    if (!run_enter(r) || !from_container(r, j, out)) return false;
    run_leave(r);
    return true;
}

static struct json *json_make(struct run *r, enum json_type type)
{
    struct json *j = run_alloc(r, sizeof *j);
    if (j) j->type = type;
    return j;
}

static bool to_container(struct run *r, val v, struct json **out)
{
    struct json *j = *out = json_make(r, v.kind == VAL_DICT ? JSON_OBJECT : JSON_ARRAY), *one, **tail;
    const val *items;
    size_t n;
    if (!j) return false;
    tail = &j->first;
    if (v.kind != VAL_DICT && !val_items(r, v, &items, &n)) return false;
    j->count = v.kind == VAL_DICT ? v.dict->n : n;
    for (size_t i = 0; i < j->count; i++) {
        val key;
        if (!val_to_json(r, v.kind == VAL_DICT ? v.dict->v[i].value : items[i], &one)) return false;
        if (v.kind == VAL_DICT) {
            if (!val_to_str(r, v.dict->v[i].key, &key)) return false;
            one->key = key.s;
        }
        *tail = one;
        tail = &one->next;
    }
    return true;
}

bool val_to_json(struct run *r, val v, struct json **out)
{
    switch ((enum val_kind)v.kind) {
    case VAL_LIST:
    case VAL_TUPLE:
    case VAL_VIEW:
    case VAL_RANGE:
    case VAL_ITER:
    case VAL_DICT:
        if (!run_enter(r) || !to_container(r, v, out)) return false;
        run_leave(r);
        return true;
    case VAL_BOOL:
        if ((*out = json_make(r, JSON_BOOL))) (*out)->b = v.b;
        break;
    case VAL_INT:
        if ((*out = json_make(r, JSON_INT))) (*out)->i = v.i;
        break;
    case VAL_REAL:
        if ((*out = json_make(r, JSON_REAL))) (*out)->r = v.r;
        break;
    case VAL_STR:
        if ((*out = json_make(r, JSON_STRING))) (*out)->s = v.s;
        break;
    case VAL_UNDEFINED:
    case VAL_NONE: *out = json_make(r, JSON_NULL); break;
    default: return fail(r, "a %s cannot be given to a function", val_type(v));
    }
    return *out != NULL;
}
