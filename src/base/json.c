/* base/json.c - the parser.  The writer is in base/json_write.c.
 *
 * One loop and an explicit stack of open containers.  Invariant: `tail` of every open container points
 * at the link where its next child goes. */
#include "base/json.h"

#include <math.h>

struct open_container {
    struct json *value;
    struct json **tail;
};

struct parser {
    str text;
    size_t at;
    struct arena *a;
    struct err *e;
};

static bool fail(struct parser *p, const char *what)
{
    return err_set(p->e, ERR_INVALID, "JSON: %s at byte %zu", what, p->at);
}

static bool no_memory(struct parser *p)
{
    return err_set(p->e, ERR_TOO_LARGE, "JSON: the document is too large (memory limit reached at byte %zu)", p->at);
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->text.n) {
        char c = p->text.p[p->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') break;
        p->at++;
    }
}

static bool hex4(struct parser *p, uint32_t *out)
{
    uint32_t v = 0;
    if (p->text.n - p->at < 4) return fail(p, "a \\u escape is cut short");
    for (int i = 0; i < 4; i++) {
        char c = p->text.p[p->at++];
        uint32_t d = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 16;
        if (d == 16) return fail(p, "a \\u escape has a digit that is not hexadecimal");
        v = v << 4 | d;
    }
    *out = v;
    return true;
}

static bool unescape_one(struct parser *p, char **to)
{
    static const char from_char[] = "\"\\/bfnrt", to_char[] = "\"\\/\b\f\n\r\t";
    if (p->at >= p->text.n) return fail(p, "a string is cut short");
    char c = p->text.p[p->at++];
    if (c != 'u') {
        const char *known = c ? memchr(from_char, c, sizeof from_char - 1) : NULL;
        if (!known) return fail(p, "an escape is unknown");
        *(*to)++ = to_char[known - from_char];
        return true;
    }
    uint32_t cp, low;
    if (!hex4(p, &cp)) return false;
    if (cp >= 0xDC00 && cp <= 0xDFFF) return fail(p, "a surrogate stands alone");
    if (cp >= 0xD800 && cp <= 0xDBFF) {
        if (p->text.n - p->at < 6 || p->text.p[p->at] != '\\' || p->text.p[p->at + 1] != 'u')
            return fail(p, "a surrogate stands alone");
        p->at += 2;
        if (!hex4(p, &low)) return false;
        if (low < 0xDC00 || low > 0xDFFF) return fail(p, "a surrogate stands alone");
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
    }
    *to += str_utf8_encode(cp, *to);
    return true;
}

/* At the character behind the opening quote. */
static bool parse_string(struct parser *p, str *out)
{
    size_t start = p->at, end = start;
    bool escaped = false;
    for (;; end++) {
        if (end >= p->text.n) return fail(p, "a string has no end");
        unsigned char c = (unsigned char)p->text.p[end];
        if (c == '"') break;
        if (c < 0x20) {
            p->at = end;
            return fail(p, "a control character stands in a string");
        }
        if (c == '\\') {
            escaped = true;
            end++;
        }
    }
    str raw = str_n(p->text.p + start, end - start);
    if (!str_is_utf8(raw)) return fail(p, "a string is not UTF-8");
    if (!escaped) {
        p->at = end + 1;
        *out = raw;
        return true;
    }
    char *copy = arena_try(p->a, raw.n + 1), *to = copy;
    if (!copy) return no_memory(p);
    while (p->at < end) {
        char c = p->text.p[p->at++];
        if (c != '\\')
            *to++ = c;
        else if (!unescape_one(p, &to))
            return false;
    }
    p->at = end + 1;
    *out = str_n(copy, (size_t)(to - copy));
    return true;
}

static bool parse_number(struct parser *p, struct json *v)
{
    size_t start = p->at, at = start;
    str t = p->text;
    bool real = false;
    if (at < t.n && t.p[at] == '-') at++;
    size_t first = at;
    while (at < t.n && t.p[at] >= '0' && t.p[at] <= '9') at++;
    if (at == first || (t.p[first] == '0' && at - first > 1)) return fail(p, "a number is malformed");
    if (at < t.n && t.p[at] == '.') {
        real = true;
        size_t d = ++at;
        while (at < t.n && t.p[at] >= '0' && t.p[at] <= '9') at++;
        if (at == d) return fail(p, "a number is malformed");
    }
    if (at < t.n && (t.p[at] == 'e' || t.p[at] == 'E')) {
        real = true;
        if (++at < t.n && (t.p[at] == '+' || t.p[at] == '-')) at++;
        size_t d = at;
        while (at < t.n && t.p[at] >= '0' && t.p[at] <= '9') at++;
        if (at == d) return fail(p, "a number is malformed");
    }
    str text = str_n(t.p + start, at - start);
    p->at = at;
    if (!real && str_i64(text, &v->i)) {
        v->type = JSON_INT;
        return true;
    }
    char copy[512];
    if (text.n >= sizeof copy) return fail(p, "a number is too long");
    memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    v->type = JSON_REAL;
    v->r = strtod(copy, NULL);
    return true;
}

static bool parse_word(struct parser *p, str word)
{
    if (!str_starts(str_from(p->text, p->at), word)) return fail(p, "a value was expected");
    p->at += word.n;
    return true;
}

/* A value up to its end, or up to the opening bracket of a container. */
static bool parse_value(struct parser *p, struct json *v)
{
    char c = p->text.p[p->at];
    switch (c) {
    case '{':
    case '[':
        v->type = c == '{' ? JSON_OBJECT : JSON_ARRAY;
        p->at++;
        return true;
    case '"':
        v->type = JSON_STRING;
        p->at++;
        return parse_string(p, &v->s);
    case 't':
    case 'f':
        v->type = JSON_BOOL;
        v->b = c == 't';
        return parse_word(p, c == 't' ? STR("true") : STR("false"));
    case 'n': v->type = JSON_NULL; return parse_word(p, STR("null"));
    default:
        if (c == '-' || (c >= '0' && c <= '9')) return parse_number(p, v);
        return fail(p, "a value was expected");
    }
}

static bool parse_key(struct parser *p, str *key)
{
    skip_blanks(p);
    if (p->at >= p->text.n || p->text.p[p->at] != '"') return fail(p, "a key was expected");
    p->at++;
    if (!parse_string(p, key)) return false;
    skip_blanks(p);
    if (p->at >= p->text.n || p->text.p[p->at] != ':') return fail(p, "a ':' was expected");
    p->at++;
    return true;
}

bool json_parse(str text, struct arena *a, struct json **out, struct err *e)
{
    return json_parse_depth(text, JSON_DEPTH_MAX, a, out, e);
}

bool json_parse_depth(str text, size_t depth_max, struct arena *a, struct json **out, struct err *e)
{
    struct parser p = { text, 0, a, e };
    must(depth_max <= 512);
    struct open_container stack[512];
    size_t depth = 0;
    struct json *root = NULL, **link = &root;

    for (;;) {
        str key = { NULL, 0 };
        if (depth && stack[depth - 1].value->type == JSON_OBJECT && !parse_key(&p, &key)) return false;
        skip_blanks(&p);
        if (p.at >= text.n) return fail(&p, "the document ends where a value was expected");
        struct json *v = arena_try(a, sizeof *v);
        if (!v) return no_memory(&p);
        v->key = key;
        if (!parse_value(&p, v)) return false;
        *link = v;
        if (depth) {
            stack[depth - 1].value->count++;
            stack[depth - 1].tail = link = &v->next;
        }
        if (v->type == JSON_OBJECT || v->type == JSON_ARRAY) {
            if (depth == depth_max) return fail(&p, "the document is nested too deeply");
            stack[depth++] = (struct open_container){ v, &v->first };
            link = &v->first;
            skip_blanks(&p);
            char close = v->type == JSON_OBJECT ? '}' : ']';
            if (p.at >= text.n || text.p[p.at] != close) continue; /* its first child is next */
        }
        /* A value is complete: close containers until a comma asks for another one. */
        for (;;) {
            if (depth == 0) {
                skip_blanks(&p);
                if (p.at != text.n) return fail(&p, "something stands behind the value");
                *out = root;
                return true;
            }
            skip_blanks(&p);
            if (p.at >= text.n) return fail(&p, "the document ends inside a container");
            char c = text.p[p.at], close = stack[depth - 1].value->type == JSON_OBJECT ? '}' : ']';
            if (c == ',') {
                p.at++;
                link = stack[depth - 1].tail;
                break;
            }
            if (c != close) return fail(&p, "a ',' or the end of the container was expected");
            p.at++;
            depth--;
            if (depth) link = stack[depth - 1].tail;
        }
    }
}

const struct json *json_first(const struct json *c)
{
    return c && (c->type == JSON_ARRAY || c->type == JSON_OBJECT) ? c->first : NULL;
}

const struct json *json_get(const struct json *object, str key)
{
    const struct json *found = NULL;
    if (!json_is(object, JSON_OBJECT)) return NULL;
    for (const struct json *v = object->first; v; v = v->next)
        if (str_eq(v->key, key)) found = v;
    return found;
}

const struct json *json_at(const struct json *array, size_t i)
{
    const struct json *v = json_is(array, JSON_ARRAY) ? array->first : NULL;
    while (v && i--) v = v->next;
    return v;
}

bool json_str(const struct json *v, str *out)
{
    if (!json_is(v, JSON_STRING)) return false;
    *out = v->s;
    return true;
}

bool json_int(const struct json *v, int64_t *out)
{
    if (json_is(v, JSON_REAL) && v->r == floor(v->r) && fabs(v->r) < 9007199254740992.0) {
        *out = (int64_t)v->r;
        return true;
    }
    if (!json_is(v, JSON_INT)) return false;
    *out = v->i;
    return true;
}

bool json_bool(const struct json *v, bool *out)
{
    if (!json_is(v, JSON_BOOL)) return false;
    *out = v->b;
    return true;
}

str json_str_or(const struct json *object, str key, str otherwise)
{
    str s = otherwise;
    json_str(json_get(object, key), &s);
    return s;
}

int64_t json_int_or(const struct json *object, str key, int64_t otherwise)
{
    int64_t i = otherwise;
    json_int(json_get(object, key), &i);
    return i;
}

bool json_bool_or(const struct json *object, str key, bool otherwise)
{
    bool b = otherwise;
    json_bool(json_get(object, key), &b);
    return b;
}

struct json *json_new(struct arena *a, enum json_type type)
{
    struct json *v = arena_one(a, struct json);
    v->type = type;
    return v;
}

struct json *json_new_str(struct arena *a, str s)
{
    struct json *v = json_new(a, JSON_STRING);
    v->s = s;
    return v;
}

struct json *json_new_int(struct arena *a, int64_t i)
{
    struct json *v = json_new(a, JSON_INT);
    v->i = i;
    return v;
}

struct json *json_new_bool(struct arena *a, bool b)
{
    struct json *v = json_new(a, JSON_BOOL);
    v->b = b;
    return v;
}

struct json *json_share(struct arena *a, const struct json *v)
{
    struct json *head = json_new(a, JSON_NULL);
    if (v) *head = *v;
    head->next = NULL;
    return head;
}

/* As deep as what was parsed, which is bounded. */
struct json *json_copy(struct arena *a, const struct json *v)
{
    struct json *copy = json_share(a, v);
    copy->key = v->key.n ? arena_dup(a, v->key) : v->key;
    if (v->type == JSON_STRING) copy->s = arena_dup(a, v->s);
    if (v->type != JSON_ARRAY && v->type != JSON_OBJECT) return copy;
    struct json **last = &copy->first;
    for (const struct json *item = v->first; item; item = item->next, last = &(*last)->next) *last = json_copy(a, item);
    *last = NULL;
    return copy;
}

void json_add(struct json *array, struct json *item)
{
    struct json **link = &array->first;
    while (*link) link = &(*link)->next;
    *link = item;
    array->count++;
}

void json_put(struct json *object, str key, struct json *value)
{
    value->key = key;
    json_add(object, value);
}

struct json_list json_list_new(struct arena *a, enum json_type type)
{
    struct json *container = json_new(a, type);
    return (struct json_list){ container, &container->first };
}

void json_list_add(struct json_list *l, struct json *item)
{
    *l->end = item;
    l->end = &item->next;
    l->container->count++;
}
