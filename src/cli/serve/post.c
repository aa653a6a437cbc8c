/* cli/serve/post.c - see cli/serve/post.h.
 *
 * Whoever may make a webhook chooses where this server sends requests, so the open internet by https is all that they
 * reach; an operator may list hosts for which anything goes.  Redirects are not followed, and little of an answer is read. */
#include "cli/serve/post.h"

#include "http/client.h"

enum { POST_S = 10, HEADERS_MAX = 6 };

/* Host and port as they stand in the URL. */
static str authority(str url)
{
    str rest = str_from(url, str_starts(url, STR("https://")) ? 8 : 7);
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] == '/' || rest.p[i] == '?' || rest.p[i] == '#') return str_to(rest, i);
    return rest;
}

static bool is_listed(str list, str at)
{
    size_t colon = str_rchr(at, ':');
    bool has_port = colon != STR_NONE && at.p[at.n - 1] != ']';
    str host = has_port ? str_to(at, colon) : at, item;
    while (str_cut(&list, ',', &item)) {
        item = str_trim(item);
        if (str_eq(item, STR("*")) || (item.n && (str_eq_nocase(item, at) || str_eq_nocase(item, host)))) return true;
    }
    return false;
}

struct taking {
    struct buf *answer;
};

static bool take(void *ctx, int status, str piece)
{
    struct taking *t = ctx;
    size_t room = WEBHOOK_ANSWER_BYTES_MAX - t->answer->n;
    (void)status;
    buf_add(t->answer, str_to(piece, room));
    return piece.n < room; /* more is not read */
}

bool serve_post(void *ctx, const struct webhook_post *q, int *status, struct buf *answer, struct err *e)
{
    const str *list = ctx;
    struct taking t = { answer };
    struct arena *a = arena_new(0);
    const char *header[HEADERS_MAX];
    size_t n = 0;
    bool is_trusted = is_listed(*list, authority(q->url)), ok = false;
    if (!is_trusted && !str_starts(q->url, STR("https://"))) {
        err_set(e, ERR_DENIED, "only https is sent to; the operator may list hosts with webhook-allow");
        goto done;
    }
    header[n++] = arena_fmt(a, "X-Hearth-Delivery: %.*s", STR_ARG(q->delivery)).p;
    if (q->secret.p) header[n++] = arena_fmt(a, "X-Webhook-Secret: %.*s", STR_ARG(q->secret)).p;
    if (q->signature.p) header[n++] = arena_fmt(a, "X-Hearth-Signature: %.*s", STR_ARG(q->signature)).p;
    header[n] = NULL;
    struct http_client_request r = { .url = arena_cstr(a, q->url), .json = q->body, .quiet_s = POST_S, .total_s = POST_S, .header = header,
                                     .is_guarded = !is_trusted, .take = take, .ctx = &t };
    ok = http_client_run(&r, status, e);
    if (!ok && e->code == ERR_CLOSED && answer->n == WEBHOOK_ANSWER_BYTES_MAX) ok = true; /* it was we who had enough */
done:
    arena_free(a);
    return ok;
}
