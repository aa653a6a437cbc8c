/* http/multipart.c - bodies of multipart/form-data, as browsers send files from a form without scripts (RFC 7578).
 *
 * Parts are views of a body that is in memory; nothing is parsed ahead of time.  The one thing that is undone are the three
 * escapes that browsers put into names (%22, %0D, %0A); "%41" is a name with a percent sign. */
#include "http/http_priv.h"

enum { BOUNDARY_BYTES_MAX = 70, HEADERS_BYTES_MAX = 16 << 10 };

/* The value of a parameter `; key=value` or `; key="value"` of a header. */
static bool parameter(str header, const char *key, str *out)
{
    size_t semicolon;
    while ((semicolon = str_chr(header, ';')) != STR_NONE) {
        header = str_trim(str_from(header, semicolon + 1));
        size_t eq = str_chr(header, '=');
        if (eq == STR_NONE) return false;
        bool is_it = str_eq_nocase(str_trim(str_to(header, eq)), str_c(key));
        str value = str_from(header, eq + 1);
        size_t end;
        if (value.n && value.p[0] == '"') {
            value = str_from(value, 1);
            end = str_chr(value, '"');
            if (end == STR_NONE) return false;
            header = str_from(value, end + 1);
        } else {
            end = str_chr(value, ';');
            if (end == STR_NONE) end = value.n;
            header = str_from(value, end);
        }
        if (is_it) {
            *out = str_to(value, end);
            return true;
        }
    }
    return false;
}

/* Cuts what stands before `mark` off the front of *s. */
static bool cut_before(str *s, str mark, str *before)
{
    size_t at = str_find(*s, mark);
    if (at == STR_NONE) return false;
    *before = str_to(*s, at);
    *s = str_from(*s, at + mark.n);
    return true;
}

bool http_multipart_begin(str content_type, str body, struct http_multipart *out)
{
    *out = (struct http_multipart){ 0 };
    if (!str_starts_nocase(content_type, STR("multipart/form-data"))) return false;
    if (!parameter(content_type, "boundary", &out->boundary) || out->boundary.n == 0 || out->boundary.n > BOUNDARY_BYTES_MAX) return false;
    str dashes = str_to(body, 2);
    if (!str_eq(dashes, STR("--")) || !str_starts(str_from(body, 2), out->boundary)) return false;
    out->rest = str_from(body, 2 + out->boundary.n);
    return true;
}

static str unescape(str name, struct arena *a)
{
    static const struct { str coded; char plain; } escape[] = { { STR_INIT("%22"), '"' }, { STR_INIT("%0D"), '\r' }, { STR_INIT("%0A"), '\n' } };
    if (str_chr(name, '%') == STR_NONE) return name;
    char *p = arena_try(a, name.n + 1);
    size_t n = 0;
    for (size_t i = 0; p && i < name.n; i++) {
        p[n++] = name.p[i];
        for (size_t k = 0; k < COUNT(escape); k++) {
            if (!str_starts(str_from(name, i), escape[k].coded)) continue;
            p[n - 1] = escape[k].plain;
            i += 2;
            break;
        }
    }
    return (str){ p, p ? n : 0 };
}

static bool read_headers(str headers, struct arena *a, struct http_part *out)
{
    str line, value;
    *out = (struct http_part){ 0 };
    while (str_cut(&headers, '\n', &line)) {
        size_t colon = str_chr(line, ':');
        if (colon == STR_NONE || !str_eq_nocase(str_trim(str_to(line, colon)), STR("Content-Disposition"))) continue;
        if (!parameter(line, "name", &value)) return false;
        out->name = unescape(value, a);
        if (parameter(line, "filename", &value)) out->filename = unescape(value, a);
        return true;
    }
    return false;
}

bool http_multipart_next(struct http_multipart *m, struct arena *a, struct http_part *out)
{
    char mark[BOUNDARY_BYTES_MAX + 5];
    str headers;
    if (m->ended || !m->rest.p) return false;
    if (str_starts(m->rest, STR("--"))) {
        m->ended = true;
        return false;
    }
    if (!str_starts(m->rest, STR("\r\n")) || !cut_before(&m->rest, STR("\r\n\r\n"), &headers) || headers.n > HEADERS_BYTES_MAX) return false;
    if (headers.n < 2 || !read_headers(str_from(headers, 2), a, out)) return false;
    int n = snprintf(mark, sizeof mark, "\r\n--%.*s", STR_ARG(m->boundary));
    return cut_before(&m->rest, str_n(mark, (size_t)n), &out->content);
}

bool http_form_field(struct http_req *r, const char *name, str *value)
{
    struct http_multipart m;
    struct http_part part;
    if (!http_multipart_begin(http_header(r, "Content-Type"), http_body(r), &m))
        return http_form_nth(http_body(r), http_arena(r), name, 0, value);
    while (http_multipart_next(&m, http_arena(r), &part)) {
        if (!str_eq(part.name, str_c(name)) || part.filename.p) continue;
        *value = part.content;
        return true;
    }
    return false;
}
