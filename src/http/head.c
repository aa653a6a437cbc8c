/* http/head.c - what the head of a request says.
 *
 * libmicrohttpd's strings live as long as its connection, which may end while a handler still runs, so
 * the headers are copied: one block, one pass.  The same pass finds what decides where the body ends.
 *
 * Any doubt is refused, because a proxy in front may have read the head otherwise (request smuggling).  The
 * library takes a bare CR or LF for the end of a line, joins folded lines wrongly, and keeps a space before a
 * colon, and what it hands out no longer shows it.  Its buffer does: it cuts the head in place (head_check). */
#include <inttypes.h>

#include "base/clock.h"
#include "http/http_priv.h"

/* ------------------------------------------------------------------ as it was sent */

static bool is_token(char c)
{
    static const str marks = STR_INIT("!#$%&'*+-.^_`|~");
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || str_chr(marks, c) != STR_NONE;
}

static bool is_text(char c) { return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f); }

static bool is_word(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f) return false;
    return true;
}

/* From the end of the request line on.  A NUL stands for the colon behind a name, two for the CR and LF of each line; one for a line
 * that ended in a bare CR or LF. */
bool head_lines_check(const char *p, const char *end, struct err *e)
{
    for (unsigned line = 1;; line++) {
        if (p < end && *p) return err_set(e, ERR_INVALID, "line %u of the request's head has a control character", line);
        if (end - p < 2 || p[1])
            return err_set(e, ERR_INVALID, "line %u of the request's head has a NUL, or does not end in CR LF", line);
        p += 2;
        if (end - p == 2 && !p[0] && !p[1]) return true;
        const char *name = p;
        while (p < end && is_token(*p)) p++;
        if (p == name && p < end && (*p == ' ' || *p == '\t'))
            return err_set(e, ERR_INVALID, "line %u of the request's head continues line %u", line + 1, line);
        if (p == name && p < end && !*p) /* as folding leaves the name, too */
            return err_set(e, ERR_INVALID, "before line %u of the request's head is a NUL, or a line that is folded or does not end in CR LF",
                           line + 1);
        if (p == name || p == end || *p)
            return err_set(e, ERR_INVALID, "line %u of the request's head has a character that no header's name has", line + 1);
        p++;
        while (p < end && is_text(*p)) p++;
    }
}

/* The pointers are the library's, into its buffer, where the request begins with its method. */
bool head_check(struct http_req *r, const char *method, const char *url, const char *version, struct err *e)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (version != url + r->target_bytes + 1) return err_set(e, ERR_INVALID, "the request target holds a NUL");
    for (const char *m = method; *m; m++)
        if (!is_token(*m)) return err_set(e, ERR_INVALID, "the request's method has a character that no method has");
    if (url != method + strlen(method) + 1 || !is_word(r->path) || !is_word(r->query))
        return err_set(e, ERR_INVALID, "the request target holds a space or a control character");
    return !r->server->checks_lines || !info || head_lines_check(version + strlen(version), method + info->header_size, e);
}

/* ------------------------------------------------------------------ what it says */

struct sizes {
    size_t headers, bytes;
};

static enum MHD_Result measure(void *ctx, enum MHD_ValueKind kind, const char *key, size_t key_n, const char *value,
                               size_t value_n)
{
    (void)kind;
    (void)key;
    (void)value;
    struct sizes *t = ctx;
    t->headers++;
    t->bytes += key_n + value_n + 2;
    return MHD_YES;
}

struct copier {
    struct http_req *r;
    char *at;
};

static str copy_text(struct copier *c, const char *p, size_t n)
{
    char *to = c->at;
    if (n) memcpy(to, p, n);
    c->at += n + 1; /* the arena's memory is zero: a NUL stands behind */
    return (str){ to, n };
}

static enum MHD_Result copy(void *ctx, enum MHD_ValueKind kind, const char *key, size_t key_n, const char *value,
                            size_t value_n)
{
    (void)kind;
    struct copier *c = ctx;
    struct header *h = &c->r->header[c->r->headers++];
    h->name = copy_text(c, key, key_n);
    h->value = str_trim(copy_text(c, value, value_n));
    return MHD_YES;
}

static bool copy_headers(struct http_req *r, struct err *e)
{
    struct sizes t = { 0 };
    MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, measure, &t);
    if (t.headers == 0) return true;
    struct copier c = { .r = r, .at = arena_try(r->arena, t.bytes) };
    r->header = arena_try_array(r->arena, t.headers, sizeof *r->header);
    if (!c.at || !r->header) {
        r->header = NULL;
        return err_set(e, ERR_TOO_LARGE, "the request's headers are too large");
    }
    MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, copy, &c);
    return true;
}

static bool content_length(str value, uint64_t *n, struct err *e)
{
    return str_u64(value, n) || err_set(e, ERR_INVALID, "Content-Length is not one number");
}

bool head_length_is_sound(struct http_req *r, struct err *e)
{
    const char *value = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Content-Length");
    uint64_t n;
    return !value || content_length(str_c(value), &n, e); /* the library takes no blank behind it either */
}

static bool transfer_encoding(struct http_req *r, str value, struct err *e)
{
    if (r->is_chunked || !str_eq_nocase(value, STR("chunked")))
        return err_set(e, ERR_INVALID, "the only Transfer-Encoding understood is chunked, once");
    r->is_chunked = true;
    return true;
}

static bool framing(struct http_req *r, struct err *e)
{
    unsigned hosts = 0;
    for (size_t i = 0; i < r->headers; i++) {
        const struct header *h = &r->header[i];
        if (h->name.n == 14 && str_eq_nocase(h->name, STR("Content-Length"))) {
            if (r->length_known) return err_set(e, ERR_INVALID, "Content-Length is there twice");
            if (!content_length(h->value, &r->length, e)) return false;
            r->length_known = true;
        } else if (h->name.n == 17 && str_eq_nocase(h->name, STR("Transfer-Encoding"))) {
            if (!transfer_encoding(r, h->value, e)) return false;
        } else if (h->name.n == 6 && str_eq_nocase(h->name, STR("Expect"))) {
            r->expects_continue = str_eq_nocase(h->value, STR("100-continue"));
        } else if (h->name.n == 4 && str_eq_nocase(h->name, STR("Host"))) {
            hosts++;
        }
    }
    if (hosts > 1 || (hosts == 0 && r->is_http11)) return err_set(e, ERR_INVALID, "a request has one Host header; this one has %u", hosts);
    if (r->is_chunked && r->length_known)
        return err_set(e, ERR_INVALID, "Content-Length and Transfer-Encoding exclude each other");
    r->has_body = r->is_chunked || r->length > 0;
    return true;
}

bool head_parse(struct http_req *r, struct err *e)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info) r->head_bytes = info->header_size;
    if (info && info->header_size > r->server->limits.header_bytes_max)
        return err_set(e, ERR_TOO_LARGE, "the request's headers are larger than %zu bytes",
                       r->server->limits.header_bytes_max);
    return copy_headers(r, e) && framing(r, e);
}

str http_header(struct http_req *r, const char *name)
{
    str want = str_c(name);
    for (size_t i = 0; i < r->headers; i++)
        if (r->header[i].name.n == want.n && str_eq_nocase(r->header[i].name, want)) return r->header[i].value;
    return (str){ 0 };
}

bool http_header_nth(struct http_req *r, size_t i, str *name, str *value)
{
    if (i >= r->headers) return false;
    *name = r->header[i].name;
    *value = r->header[i].value;
    return true;
}

str http_header_last(struct http_req *r, const char *name)
{
    for (size_t i = r->headers; i-- > 0;)
        if (str_eq_nocase(r->header[i].name, str_c(name))) return r->header[i].value;
    return (str){ 0 };
}

str http_cookie(struct http_req *r, const char *name)
{
    str rest = http_header(r, "Cookie"), piece, want = str_c(name);
    while (str_cut(&rest, ';', &piece)) {
        piece = str_trim(piece);
        if (str_starts(piece, want) && piece.n > want.n && piece.p[want.n] == '=') return str_from(piece, want.n + 1);
    }
    return (str){ 0 };
}

/* ------------------------------------------------------------------ request id */

enum { TRACE_BYTES_MAX = 128 };

static str client_trace(struct http_req *r)
{
    str id = http_header(r, "X-Amzn-Trace-Id");
    if (id.n == 0) id = http_header(r, "X-Request-Id");
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '_' || c == '.' || c == '=' || c == ';' || c == ':';
        if (!fine) return (str){ 0 };
    }
    return id.n <= TRACE_BYTES_MAX ? id : (str){ 0 };
}

/* A bijective mix (splitmix64's finish), so that ids of one server never repeat. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* The form of the public hub: clients print it, and people search logs for it. */
str http_request_id(struct http_req *r)
{
    if (r->id.p) return r->id;
    struct http_server *s = r->server;
    uint64_t n = atomic_fetch_add_explicit(&s->ids, 1, memory_order_relaxed);
    str trace = client_trace(r);
    uint32_t now = (uint32_t)(clock_now_ms() / 1000), salt = (uint32_t)(s->id_seed >> 32);
    r->id = arena_fmt(r->arena, "Root=1-%08" PRIx32 "-%08" PRIx32 "%016" PRIx64 "%s%.*s", now, salt,
                      mix(s->id_seed + n), trace.n ? ";" : "", STR_ARG(trace));
    return r->id;
}
