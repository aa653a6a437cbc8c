/* api/object.c - a stored large file as an answer: validators, ranges, sendfile where its bytes lie in one piece. */
#include "api/api.h"
#include "base/hash.h"

struct stored {
    struct cas *cas;
    struct sha256 sha256;
    struct cas_reader *reader; /* of the range that is being pulled */
};

static bool stored_open(void *ctx, uint64_t at, uint64_t n, int *fd, uint64_t *fd_offset, struct err *e)
{
    struct stored *s = ctx;
    cas_reader_close(s->reader);
    s->reader = NULL;
    if (!cas_open_range(s->cas, &s->sha256, at, n, fd, fd_offset, e)) return false;
    return *fd >= 0 || cas_reader_open(s->cas, &s->sha256, at, n, &s->reader, e);
}

static bool stored_lend(void *ctx, size_t max, struct http_piece *out, struct err *e)
{
    struct cas_piece p;
    if (!cas_reader_lend(((struct stored *)ctx)->reader, max, true, &p, e)) return false;
    *out = (struct http_piece){ p.memory, p.fd, p.at, p.n };
    return true;
}

static void stored_close(void *ctx)
{
    struct stored *s = ctx;
    cas_reader_close(s->reader);
    s->reader = NULL;
}

bool call_reply_object(struct call *c, const char *content_type, const struct sha256 *sha256, uint64_t size_bytes,
                       struct err *e)
{
    char hex[SHA256_HEX + 1];
    struct stored *s = arena_one(c->a, struct stored);
    *s = (struct stored){ hub_cas(c->hub), *sha256, NULL };
    arena_on_free(c->a, stored_close, s);
    hex_encode((bytes){ sha256->b, SHA256_BYTES }, hex);
    struct http_content content = { .content_type = content_type,
                                    .etag = arena_fmt(c->a, "\"%s\"", hex),
                                    .size = size_bytes,
                                    .open = stored_open,
                                    .lend = stored_lend,
                                    .rest = stored_close,
                                    .ctx = s };
    return http_reply_content(c->http, &content, e);
}
