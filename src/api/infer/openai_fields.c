/* api/infer/openai_fields.c - types and bounds of a request's members: see api/infer/openai.h. */
#include "api/infer/openai.h"

static unsigned kind_of(const struct json *v)
{
    int64_t i;
    switch (v->type) {
    case JSON_BOOL: return FIELD_BOOL;
    case JSON_INT: return FIELD_INT | FIELD_REAL;
    case JSON_REAL: return json_int(v, &i) ? FIELD_INT | FIELD_REAL : FIELD_REAL;
    case JSON_STRING: return FIELD_TEXT;
    case JSON_ARRAY: return FIELD_LIST;
    case JSON_OBJECT: return FIELD_OBJECT;
    case JSON_NULL: return 0;
    }
    return 0;
}

static bool wrong_type(const struct field *f, struct err *e)
{
    static const struct { unsigned kind; const char *name; } names[] = {
        { FIELD_BOOL, "true or false" }, { FIELD_INT, "a whole number" }, { FIELD_REAL, "a number" }, { FIELD_TEXT, "a text" }, { FIELD_LIST, "a list" }, { FIELD_OBJECT, "an object" },
    };
    struct buf b = BUF_INIT(0);
    for (size_t i = 0; i < COUNT(names); i++)
        if (f->kinds & names[i].kind) buf_addf(&b, "%s%s", b.n ? " or " : "", names[i].name);
    err_set(e, ERR_INVALID, "\"%s\" must be %s", f->name, buf_cstr(&b));
    buf_deinit(&b);
    return false;
}

static bool check(const struct json *v, const struct field *f, struct err *e)
{
    unsigned kind = kind_of(v);
    if (!(kind & f->kinds)) return wrong_type(f, e);
    if (f->least == 0 && f->most == 0) return true;
    if (kind & (FIELD_INT | FIELD_REAL)) {
        double d = v->type == JSON_INT ? (double)v->i : v->r;
        if (d >= f->least && d <= f->most) return true;
        return err_set(e, ERR_INVALID, "\"%s\" must be %s from %.10g to %.10g", f->name, f->kinds & FIELD_REAL ? "a number" : "a whole number", f->least, f->most);
    }
    if (kind & (FIELD_LIST | FIELD_TEXT)) {
        double n = kind == FIELD_LIST ? (double)v->count : (double)v->s.n;
        if (n >= f->least && n <= f->most) return true;
        if (n == 0) return err_set(e, ERR_INVALID, "\"%s\" must not be empty", f->name);
        return err_set(e, ERR_INVALID, "\"%s\" may have at most %.10g %s", f->name, f->most, kind == FIELD_LIST ? "entries" : "bytes");
    }
    return true;
}

bool fields_check(const struct json *body, const struct field *f, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        const struct json *v = field_of(body, f[i].name);
        if (v && !check(v, &f[i], e)) return false;
    }
    return true;
}

void field_copy(struct json_writer *w, const struct json *body, const char *theirs, const char *ours)
{
    const struct json *v = field_of(body, theirs);
    if (v) jw_kvalue(w, ours, v);
}
