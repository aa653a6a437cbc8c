/* gateway/upstream.c - what is asked of the upstream hub, in the words that any hub understands: a repository's info, its refs, and
 * where a large file is to be had (git-lfs).  What it answers is read by answer.c. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include "gateway/gateway_priv.h"
#include "http/client.h"
#include "http/guard.h"
#include "http/http.h"

enum { ANSWER_BYTES_MAX = 32 << 20, QUIET_S = 10, TOTAL_S = 30 };

#define LFS_TYPE "application/vnd.git-lfs+json"

/* ------------------------------------------------------------------ where its links may lead */

/* Found out once, when its name is first known, so that it cannot change its mind about where it is. */
bool upstream_is_kept_out(struct gateway *g)
{
    char host[256], *end;
    struct addrinfo *list = NULL, hints = { .ai_socktype = SOCK_STREAM };
    pthread_mutex_lock(&g->lock);
    int reach = g->reach;
    pthread_mutex_unlock(&g->lock);
    if (reach != REACH_UNKNOWN) return reach == REACH_PUBLIC;
    if (http_client_has_proxy()) return false; /* which knows the names, as we may not */
    str rest = str_from(g->config.upstream, str_find(g->config.upstream, STR("://")) + 3);
    size_t slash = str_chr(rest, '/'), at = str_rchr(rest, '@');
    if (slash != STR_NONE) rest = str_to(rest, slash);
    if (at != STR_NONE && at < rest.n) rest = str_from(rest, at + 1);
    snprintf(host, sizeof host, "%.*s", STR_ARG(str_starts(rest, STR("[")) ? str_from(rest, 1) : rest));
    if ((end = strchr(host, ']')) || (end = strchr(host, ':'))) *end = 0;
    if (getaddrinfo(host, NULL, &hints, &list) != 0) return true;
    reach = REACH_PUBLIC;
    for (const struct addrinfo *i = list; i; i = i->ai_next)
        if (!http_guard_is_public(i->ai_addr)) reach = REACH_ALL;
    freeaddrinfo(list);
    pthread_mutex_lock(&g->lock);
    g->reach = reach;
    pthread_mutex_unlock(&g->lock);
    return reach == REACH_PUBLIC;
}

/* ------------------------------------------------------------------ questions */

static bool unreachable(struct gateway *g, const char *why, struct err *e)
{
    return err_kind(e, ERR_IO, GATEWAY_DOWN, "The upstream hub %.*s cannot be asked now: %s", STR_ARG(g->config.upstream), why);
}

static bool faulty(struct gateway *g, const char *why, struct err *e)
{
    return err_kind(e, ERR_IO, GATEWAY_FAILED, "The upstream hub %.*s is not understood: %s", STR_ARG(g->config.upstream), why);
}

static bool take(void *ctx, int status, str piece)
{
    struct buf *b = ctx;
    (void)status;
    buf_add(b, piece);
    return !b->failed;
}

/* What is parsed has views of the text. */
static bool parse(str text, struct json **out, struct arena *a, struct err *e)
{
    char *copy = arena_try(a, text.n + 1);
    if (!copy) return err_set(e, ERR_TOO_LARGE, "it says more than there is memory for");
    memcpy(copy, text.p, text.n);
    return json_parse(str_n(copy, text.n), a, out, e);
}

/* An answer as JSON; *out NULL where it is none: a refusal. */
static bool ask(struct gateway *g, struct http_client_request *q, int *status, struct json **out, struct arena *a, struct err *e)
{
    struct buf body = BUF_INIT(ANSWER_BYTES_MAX);
    struct err why;
    if (!q->token.p && g->config.token.n) q->token = g->config.token;
    q->is_kept_out = upstream_is_kept_out(g);
    q->quiet_s = QUIET_S;
    q->total_s = TOTAL_S;
    q->follows = !q->json.p;
    q->stop = &g->stopping;
    q->take = take;
    q->ctx = &body;
    *out = NULL;
    bool ok = http_client_run(q, status, &why) || err_kind(e, ERR_IO, GATEWAY_DOWN, "The upstream hub cannot be asked now: %s", why.msg);
    if (ok && *status >= 500) ok = unreachable(g, arena_fmt(a, "it answers %d", *status).p, e);
    if (ok && *status == 429) ok = err_kind(e, ERR_BUSY, GATEWAY_BUSY, "The upstream hub %.*s wants to be asked less often", STR_ARG(g->config.upstream));
    if (ok && (*status == 200 || *status == 206) && !parse(buf_str(&body), out, a, &why)) ok = unreachable(g, why.msg, e);
    buf_deinit(&body);
    return ok;
}

static str encoded(str name, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    http_encode(&b, name, "");
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static const char *api_url(struct gateway *g, enum repo_kind kind, str owner, str name, const char *tail, struct arena *a)
{
    str plural = repo_kind_plural(kind), o = encoded(owner, a), n = encoded(name, a);
    return arena_fmt(a, "%.*s/api/%.*s/%.*s%s%.*s%s", STR_ARG(g->config.upstream), STR_ARG(plural), STR_ARG(o), o.n ? "/" : "", STR_ARG(n), tail).p;
}

const char *upstream_git_url(struct gateway *g, enum repo_kind kind, str owner, str name, struct arena *a)
{
    str prefix = repo_web_prefix(kind), o = encoded(owner, a), n = encoded(name, a);
    return arena_fmt(a, "%.*s/%.*s%.*s/%.*s", STR_ARG(g->config.upstream), STR_ARG(prefix), STR_ARG(o), STR_ARG(n)).p;
}

bool upstream_repo(struct gateway *g, enum repo_kind kind, str owner, str name, struct mirror *out, bool *found, struct arena *a, struct err *e)
{
    static const char tail[] = "?expand[]=private&expand[]=createdAt", of_space[] = "&expand[]=sdk", of_others[] = "&expand[]=gated"; /* a Space is not gated */
    struct http_client_request q = { 0 };
    struct json *info;
    int status;
    *found = false;
    q.url = api_url(g, kind, owner, name, arena_fmt(a, "%s%s", tail, kind == REPO_SPACE ? of_space : of_others).p, a);
    if (!ask(g, &q, &status, &info, a, e)) return false;
    if (status == 401 && g->config.token.n) return unreachable(g, "it does not know the token that this Hearth has for it", e);
    if (status == 401 || status == 403 || status == 404 || status == 410 || status == 451) return true; /* there is none, or not for us */
    if (!info) return faulty(g, arena_fmt(a, "it answers %d when asked about a repository", status).p, e);
    *out = (struct mirror){ .kind = kind, .upstream = g->config.upstream };
    *found = answer_repo(info, out);
    return *found || faulty(g, "what it says of the repository has no \"id\" that is OWNER/NAME", e);
}

bool upstream_refs(struct gateway *g, const struct mirror *m, struct vcs_ref **out, size_t *n, struct arena *a, struct err *e)
{
    struct http_client_request q = { .url = api_url(g, m->kind, m->owner, m->name, "/refs?include_prs=1", a) };
    struct json *refs;
    int status;
    if (!ask(g, &q, &status, &refs, a, e)) return false;
    if (!refs) return faulty(g, arena_fmt(a, "it answers %d when asked for refs", status).p, e);
    return answer_refs(refs, out, n, a) || faulty(g, "its list of refs cannot be read", e);
}

bool upstream_object(struct gateway *g, const struct repo *mirror, const struct sha256 *sha256, uint64_t size_bytes,
                     struct upstream_object *out, struct arena *a, struct err *e)
{
    static const char *const headers[] = { "Accept: " LFS_TYPE, "Content-Type: " LFS_TYPE, NULL };
    char hex[SHA256_HEX + 1];
    struct json *answer;
    int status;
    hex_encode((bytes){ sha256->b, SHA256_BYTES }, hex);
    struct http_client_request q = {
        .url = arena_fmt(a, "%s.git/info/lfs/objects/batch", upstream_git_url(g, mirror->kind, mirror->owner, mirror->name, a)).p,
        .header = headers,
        .json = arena_fmt(a, "{\"operation\":\"download\",\"transfers\":[\"basic\"],\"hash_algo\":\"sha256\",\"objects\":[{\"oid\":\"%s\",\"size\":%llu}]}", hex,
                          (unsigned long long)size_bytes),
    };
    if (!ask(g, &q, &status, &answer, a, e)) return false;
    str why;
    if (!answer_object(answer, sha256, out, &why, a)) return faulty(g, "the headers of its link to a large file cannot be read", e);
    return out->url || err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "The upstream hub does not give out the large file %s: %.*s (status %d)", hex, STR_ARG(str_to(why, 200)), status);
}

/* ------------------------------------------------------------------ by Xet */

bool upstream_xet(struct gateway *g, const struct repo *mirror, str path, const struct sha256 *sha256, uint64_t size_bytes, struct upstream_xet *out, bool *found,
                  struct arena *a, struct err *e)
{
    struct buf body = BUF_INIT(0);
    struct json *paths, *token;
    int status;
    *found = false;
    buf_lit(&body, "{\"paths\":[");
    buf_json_str(&body, path);
    buf_lit(&body, "]}");
    struct http_client_request q = { .url = api_url(g, mirror->kind, mirror->owner, mirror->name, "/paths-info/main", a), .json = arena_dup(a, buf_str(&body)) };
    buf_deinit(&body);
    if (!ask(g, &q, &status, &paths, a, e)) return false;
    if (!answer_xet_hash(paths, sha256, size_bytes, &out->hash)) return true;
    q = (struct http_client_request){ .url = api_url(g, mirror->kind, mirror->owner, mirror->name, "/xet-read-token/main", a) };
    if (!ask(g, &q, &status, &token, a, e)) return false;
    if (!token) return true;
    *found = answer_xet_token(token, out, a);
    return *found || faulty(g, "its token for reading chunks is none", e);
}

bool upstream_window(struct gateway *g, const struct upstream_xet *x, uint64_t from, uint64_t to, struct upstream_window *out, bool *is_stale, struct arena *a, struct err *e)
{
    char hex[XET_HASH_HEX + 1];
    struct json *answer;
    int status;
    xet_hash_hex(&x->hash, hex);
    const char *const headers[] = { arena_fmt(a, "Range: bytes=%llu-%llu", (unsigned long long)from, (unsigned long long)(to - 1)).p, NULL };
    struct http_client_request q = { .url = arena_fmt(a, "%s/v1/reconstructions/%s", x->cas_url, hex).p, .header = headers, .token = x->token };
    bool ok = ask(g, &q, &status, &answer, a, e);
    *is_stale = ok && (status == 401 || status == 403);
    if (!ok || *is_stale) return ok;
    if (!answer) return faulty(g, arena_fmt(a, "it answers %d when asked for the chunks of a file", status).p, e);
    return answer_window(answer, to - from, out, a) || faulty(g, "what it says of the chunks of a file cannot be read", e);
}
