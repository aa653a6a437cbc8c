/* http/content.c - serving a readable thing of known size, with validators and ranges (RFC 9110, 13 and 14).
 *
 * A part is sent the cheapest way that its source allows: memory as it lies, a descriptor by sendfile from an event thread
 * if its bytes are in memory, anything else piece by piece, in steps (http/send.c). */
#include <inttypes.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/os.h"
#include "http/http_priv.h"

enum { COLLECTED_BYTES = 128 << 10, LOOKED_AT_BYTES = 64 << 20, BOUNDARY_CHARS = 24 };

/* ------------------------------------------------------------------ validators */

static bool is_weak(str etag) { return str_starts(etag, STR("W/")); }

static str opaque(str etag) { return is_weak(etag) ? str_from(etag, 2) : etag; }

/* Whether a list such as `"a", W/"b"` or "*" holds the tag.  Opaque tags contain no quotes, but commas. */
static bool list_holds(str list, str etag, bool strongly)
{
    if (str_eq(str_trim(list), STR("*"))) return true;
    for (;;) {
        while (list.n > 0 && (list.p[0] == ',' || list.p[0] == ' ' || list.p[0] == '\t')) list = str_from(list, 1);
        size_t open = is_weak(list) ? 2 : 0;
        if (list.n <= open || list.p[open] != '"') return false;
        size_t close = str_chr(str_from(list, open + 1), '"');
        if (close == STR_NONE) return false;
        str tag = str_to(list, open + close + 2);
        if (str_eq(opaque(tag), opaque(etag)) && !(strongly && (is_weak(tag) || is_weak(etag)))) return true;
        list = str_from(list, tag.n);
    }
}

static bool is_range_wanted(struct http_req *r, const struct http_content *c)
{
    if (r->method != HTTP_GET) return false;
    str only_if = http_header(r, "If-Range");
    return !only_if.p || (c->etag.p && only_if.n > 0 && only_if.p[0] != '*' && list_holds(only_if, c->etag, true));
}

/* ------------------------------------------------------------------ one part */

static bool read_exactly(int fd, uint8_t *out, size_t n, uint64_t at, struct err *e)
{
    size_t got;
    return os_pread(fd, out, n, at, &got, e) && (got == n || err_set(e, ERR_IO, "a file ended %zu bytes early", n - got));
}

/* What is short is an answer from memory: one write, with the head, and no two threads in turn. */
static bool collect_part(struct http_req *r, const struct http_content *c, int status, size_t n, struct err *e)
{
    char *all = arena_alloc(r->arena, n);
    for (size_t at = 0; at < n;) {
        struct http_piece p = { .fd = -1 };
        if (!c->lend(c->ctx, n - at, &p, e)) return false;
        if (p.n == 0) return err_set(e, ERR_IO, "the content ended %zu bytes early", n - at);
        if (p.memory.p)
            memcpy(all + at, p.memory.p, p.n);
        else if (!read_exactly(p.fd, (uint8_t *)all + at, p.n, p.at, e))
            return false;
        at += p.n;
    }
    return http_reply_borrowed(r, status, c->content_type, str_n(all, n), NULL, NULL);
}

/* An event thread that sends a file waits for the disk, and all of its connections with it, unless the bytes are in memory.  Otherwise
 * the file is sent in steps, by threads that may wait (http/send.c); so is what is too long for a few looks to tell. */
static bool would_wait(struct http_req *r, int fd, uint64_t at, uint64_t n)
{
    return !req_is_inline(r) && n > HTTP_SMALL_FILE_BYTES && (n > LOOKED_AT_BYTES || !os_is_in_memory(fd, at, n));
}

static bool send_part(struct http_req *r, const struct http_content *c, int status, struct http_range part,
                      struct err *e)
{
    int fd = -1;
    uint64_t n = c->size ? part.last - part.first + 1 : 0, offset = 0;
    if (r->method == HTTP_HEAD || n == 0) {
        reply_set(r, (struct reply){ .kind = REPLY_BARE, .status = status, .length = n, .fd = -1 }, c->content_type);
        return true;
    }
    if (c->data.p)
        return http_reply_borrowed(r, status, c->content_type, str_to(str_from(c->data, (size_t)part.first), (size_t)n),
                                   NULL, NULL);
    if (!c->open(c->ctx, part.first, n, &fd, &offset, e)) return false;
    if (fd >= 0 && !would_wait(r, fd, offset, n)) return http_reply_file(r, status, c->content_type, fd, offset, n);
    if (fd < 0 && c->lend && n <= COLLECTED_BYTES) return collect_part(r, c, status, (size_t)n, e);
    struct send_segment *segment = arena_one(r->arena, struct send_segment);
    *segment = (struct send_segment){ .at = part.first, .n = n };
    if (fd >= 0) { /* the thread that sends opens it again */
        close(fd);
        if (c->rest) c->rest(c->ctx);
        return send_content(r, c, false, status, c->content_type, n, segment, 1, e);
    }
    return send_content(r, c, true, status, c->content_type, n, segment, 1, e);
}

/* ------------------------------------------------------------------ several parts */

struct parts {
    struct http_range range[HTTP_RANGES_MAX];
    str head[HTTP_RANGES_MAX]; /* the lines before each */
    size_t n;
    str tail, content_type;
    uint64_t length; /* of it all */
};

static void parts_frame(struct http_req *r, const struct http_content *c, struct parts *p)
{
    char boundary[BOUNDARY_CHARS + 1];
    random_hex(boundary, BOUNDARY_CHARS);
    p->content_type = arena_fmt(r->arena, "multipart/byteranges; boundary=%s", boundary);
    p->tail = arena_fmt(r->arena, "\r\n--%s--\r\n", boundary);
    p->length = p->tail.n;
    for (size_t i = 0; i < p->n; i++) {
        struct http_range part = p->range[i];
        p->head[i] = arena_fmt(r->arena,
                               "%s--%s\r\nContent-Type: %s\r\nContent-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64
                               "\r\n\r\n",
                               i ? "\r\n" : "", boundary, c->content_type, part.first, part.last, c->size);
        p->length += p->head[i].n + (part.last - part.first + 1); /* at most size and the heads */
    }
}

static bool parts_of_memory(struct http_req *r, const struct http_content *c, const struct parts *p)
{
    struct buf all = BUF_INIT(0);
    for (size_t i = 0; i < p->n; i++) {
        struct http_range part = p->range[i];
        buf_add(&all, p->head[i]);
        buf_add(&all, str_to(str_from(c->data, (size_t)part.first), (size_t)(part.last - part.first + 1)));
    }
    buf_add(&all, p->tail);
    return http_reply_buf(r, 206, p->content_type.p, &all);
}

static bool send_parts(struct http_req *r, const struct http_content *c, struct parts *p, struct err *e)
{
    struct send_segment *segment = arena_alloc(r->arena, (2 * p->n + 1) * sizeof *segment);
    parts_frame(r, c, p);
    if (c->data.p) return parts_of_memory(r, c, p);
    for (size_t i = 0; i < p->n; i++) {
        struct http_range part = p->range[i];
        segment[2 * i] = (struct send_segment){ .text = p->head[i], .n = p->head[i].n };
        segment[2 * i + 1] = (struct send_segment){ .at = part.first, .n = part.last - part.first + 1 };
    }
    segment[2 * p->n] = (struct send_segment){ .text = p->tail, .n = p->tail.n };
    return send_content(r, c, false, 206, p->content_type.p, p->length, segment, 2 * p->n + 1, e);
}

/* ------------------------------------------------------------------ the whole decision */

bool http_is_known(struct http_req *r, str etag)
{
    str known = http_header(r, "If-None-Match");
    return etag.p && known.p && list_holds(known, etag, false);
}

bool http_reply_content(struct http_req *r, const struct http_content *c, struct err *e)
{
    struct parts p = { .n = 0 };
    struct http_range all = { 0, c->size ? c->size - 1 : 0 };
    str if_match = http_header(r, "If-Match");
    must(!c->data.p || c->data.n == c->size);

    if (if_match.p && !(c->etag.p && list_holds(if_match, c->etag, true)))
        return err_set(e, ERR_PRECONDITION, "the content is no longer the one that If-Match names");
    if (c->etag.p) http_add_header(r, "ETag", c->etag);
    if (http_is_known(r, c->etag)) {
        reply_set(r, (struct reply){ .kind = REPLY_BARE, .status = 304, .length = c->size, .fd = -1 }, NULL);
        return true;
    }
    http_add_header(r, "Accept-Ranges", STR("bytes"));
    str range = is_range_wanted(r, c) ? http_header(r, "Range") : (str){ 0 };
    enum http_range_kind kind = range.p ? http_range_parse(range, c->size, p.range, &p.n) : HTTP_RANGE_NONE;
    /* Several parts of what is not in memory are copied together, which an event thread has no time for. */
    if (p.n > 1 && !c->data.p && req_is_inline(r)) kind = HTTP_RANGE_NONE;

    if (kind == HTTP_RANGE_NONE) return send_part(r, c, 200, all, e);
    if (kind == HTTP_RANGE_UNSATISFIABLE) {
        http_add_headerf(r, "Content-Range", "bytes */%" PRIu64, c->size);
        return err_set(e, ERR_BAD_RANGE, "the range lies outside of the %" PRIu64 " bytes", c->size);
    }
    if (p.n > 1) return send_parts(r, c, &p, e);
    http_add_headerf(r, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, p.range[0].first, p.range[0].last,
                     c->size);
    return send_part(r, c, 206, p.range[0], e);
}
