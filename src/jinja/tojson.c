/* jinja/tojson.c - json.dumps as Transformers gives it to chat templates: nothing is escaped for HTML, separators
 * are ", " and ": ", keys keep their order.  In pages (`html`) the five characters that mean something to HTML are
 * written as \u escapes, so that the text may stand in a script or an attribute. */
#include <math.h>

#include "jinja/native.h"

static void quoted(str s, const struct tojson *o, struct buf *out)
{
    buf_byte(out, '"');
    for (size_t at = 0; at < s.n && !out->failed;) {
        size_t first = at;
        uint32_t cp = unicode_next(s, &at);
        static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
        const char *simple = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
        if (simple) {
            buf_byte(out, '\\');
            buf_byte(out, to[simple - from]);
        } else if (cp < 0x20 || (o->html && (cp == '<' || cp == '>' || cp == '&' || cp == '\''))) {
            buf_addf(out, "\\u%04x", cp);
        } else if (o->ascii && cp >= 0x10000) {
            buf_addf(out, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + ((cp - 0x10000) & 0x3ff));
        } else if (o->ascii && cp >= 0x7f) {
            buf_addf(out, "\\u%04x", cp);
        } else {
            buf_add(out, str_n(s.p + first, at - first));
        }
    }
    buf_byte(out, '"');
}

static void put_real(double d, struct buf *out)
{
    if (isnan(d))
        buf_lit(out, "NaN");
    else if (isinf(d))
        buf_add(out, d < 0 ? STR("-Infinity") : STR("Infinity"));
    else
        real_repr(d, out);
}

static bool write(struct run *r, const struct tojson *o, val v, size_t depth, struct buf *out);

static void newline(const struct tojson *o, size_t depth, struct buf *out)
{
    if (!o->indent) return;
    buf_byte(out, '\n');
    for (size_t i = 0; i < depth && !out->failed; i++) buf_add(out, *o->indent);
}

static bool write_key(struct run *r, const struct tojson *o, val key, struct buf *out)
{
    switch ((enum val_kind)key.kind) {
    case VAL_STR: quoted(key.s, o, out); return true;
    case VAL_BOOL: buf_add(out, key.b ? STR("\"true\"") : STR("\"false\"")); return true;
    case VAL_NONE: buf_lit(out, "\"null\""); return true;
    case VAL_INT: buf_addf(out, "\"%lld\"", (long long)key.i); return true;
    case VAL_REAL:
        buf_byte(out, '"');
        put_real(key.r, out);
        buf_byte(out, '"');
        return true;
    default: return fail(r, "keys must be str, int, float, bool or None, not %s", val_type(key));
    }
}

static bool write_dict(struct run *r, const struct tojson *o, const struct dict *d, size_t depth, struct buf *out)
{
    struct sort_item *order = NULL;
    if (o->sort_keys) {
        if (!(order = run_array(r, d->n + 1, sizeof *order))) return false;
        for (size_t i = 0; i < d->n; i++) order[i] = (struct sort_item){ d->v[i].key, d->v[i].value };
        if (!sort_items(r, order, d->n, false)) return false;
    }
    buf_byte(out, '{');
    for (size_t i = 0; i < d->n; i++) {
        if (i) buf_add(out, o->item_separator);
        newline(o, depth + 1, out);
        if (!write_key(r, o, order ? order[i].key : d->v[i].key, out)) return false;
        buf_add(out, o->key_separator);
        if (!write(r, o, order ? order[i].value : d->v[i].value, depth + 1, out)) return false;
    }
    if (d->n) newline(o, depth, out);
    buf_byte(out, '}');
    return true;
}

static bool write_list(struct run *r, const struct tojson *o, val v, size_t depth, struct buf *out)
{
    buf_byte(out, '[');
    for (size_t i = 0; i < v.n; i++) {
        if (i) buf_add(out, o->item_separator);
        newline(o, depth + 1, out);
        if (!write(r, o, v.items[i], depth + 1, out)) return false;
    }
    if (v.n) newline(o, depth, out);
    buf_byte(out, ']');
    return true;
}

static bool write(struct run *r, const struct tojson *o, val v, size_t depth, struct buf *out)
{
    bool ok = true;
    if (!run_enter(r)) return false;
    switch ((enum val_kind)v.kind) {
    case VAL_NONE: buf_lit(out, "null"); break;
    case VAL_BOOL: buf_add(out, v.b ? STR("true") : STR("false")); break;
    case VAL_INT: buf_addf(out, "%lld", (long long)v.i); break;
    case VAL_REAL: put_real(v.r, out); break;
    case VAL_STR:
        quoted(v.s, o, out);
        ok = run_spend(r, v.s.n / 64);
        break;
    case VAL_LIST:
    case VAL_TUPLE: ok = write_list(r, o, v, depth, out); break;
    case VAL_DICT: ok = write_dict(r, o, v.dict, depth, out); break;
    default: return fail(r, "Object of type %s is not JSON serializable", val_type(v));
    }
    run_leave(r);
    return ok && out_ok(r);
}

bool tojson(struct run *r, const struct tojson *o, val v, struct buf *out)
{
    return write(r, o, v, 0, out);
}
