/* gateway/upstream.c - what is asked of the upstream hub, in the words that any hub understands: a repository's info, its refs, and
 * where a large file is to be had (git-lfs). */
#include "base/clock.h"
#include "gateway/gateway_priv.h"
#include "http/client.h"
#include "http/http.h"

enum { ANSWER_BYTES_MAX = 64 << 20, QUIET_S = 10, TOTAL_S = 30, HEADERS_MAX = 16, HEADER_BYTES_MAX = 4096, REFS_MAX = 100000 };

#define LFS_TYPE "application/vnd.git-lfs+json"

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

/* An answer as JSON; *out NULL where it is none: a refusal. */
static bool ask(struct gateway *g, struct http_client_request *q, int *status, struct json **out, struct arena *a, struct err *e)
{
    struct buf body = BUF_INIT(ANSWER_BYTES_MAX);
    struct err why;
    q->token = g->config.token.n ? g->config.token : (str){ 0 };
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
    /* What is parsed has views of the text. */
    if (ok && *status == 200 && !json_parse(arena_dup(a, buf_str(&body)), a, out, &why)) ok = unreachable(g, why.msg, e);
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
    *out = (struct mirror){ .kind = kind, .upstream = g->config.upstream, .is_private = json_bool_or(info, STR("private"), false), .sdk = json_str_or(info, STR("sdk"), STR("")) };
    const struct json *gated = json_get(info, STR("gated"));
    out->is_gated = json_is(gated, JSON_STRING) || json_bool_or(info, STR("gated"), false);
    if (!clock_iso_parse(json_str_or(info, STR("createdAt"), STR("")), &out->created_ms)) out->created_ms = 0;
    str id = json_str_or(info, STR("id"), STR("")); /* as it is called today, in its own case */
    out->name = id;
    *found = repo_name_check(id, e) && str_cut(&out->name, '/', &out->owner) && out->name.n;
    return *found || faulty(g, "what it says of the repository has no \"id\" that is OWNER/NAME", e);
}

/* {"name": "main", "ref": "refs/heads/main", "targetCommit": "..."} */
static bool read_refs(struct gateway *g, const struct json *list, struct vcs_ref **out, size_t *n, struct arena *a, struct err *e)
{
    json_each (item, list) {
        struct vcs_ref r = { .name = json_str_or(item, STR("ref"), STR("")) };
        if (*n >= REFS_MAX || !vcs_ref_name_is_valid(r.name) || !vcs_oid_parse(json_str_or(item, STR("targetCommit"), STR("")), &r.commit))
            return faulty(g, "its list of refs cannot be read", e);
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = r;
    }
    return true;
}

bool upstream_refs(struct gateway *g, const struct mirror *m, struct vcs_ref **out, size_t *n, struct arena *a, struct err *e)
{
    static const str lists[] = { STR_INIT("branches"), STR_INIT("converts"), STR_INIT("tags") };
    struct http_client_request q = { .url = api_url(g, m->kind, m->owner, m->name, "/refs", a) };
    struct json *refs;
    int status;
    *out = NULL;
    *n = 0;
    if (!ask(g, &q, &status, &refs, a, e)) return false;
    if (!refs) return faulty(g, arena_fmt(a, "it answers %d when asked for refs", status).p, e);
    for (size_t i = 0; i < COUNT(lists); i++)
        if (!read_refs(g, json_get(refs, lists[i]), out, n, a, e)) return false;
    return true;
}

/* Headers that go with the link, as {"Authorization": "..."}. */
static bool read_headers(const struct json *headers, const char **out, struct arena *a)
{
    size_t n = 0;
    json_each (h, headers) {
        if (n >= HEADERS_MAX || h->type != JSON_STRING || !h->key.n || h->key.n + h->s.n > HEADER_BYTES_MAX) return false;
        for (size_t i = 0; i < h->key.n; i++)
            if ((unsigned char)h->key.p[i] <= ' ' || h->key.p[i] == ':') return false;
        for (size_t i = 0; i < h->s.n; i++)
            if ((unsigned char)h->s.p[i] < ' ') return false;
        out[n++] = arena_fmt(a, "%.*s: %.*s", STR_ARG(h->key), STR_ARG(h->s)).p;
    }
    out[n] = NULL;
    return true;
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
    const struct json *objects = json_get(answer, STR("objects")), *object = NULL;
    json_each (o, objects)
        if (str_eq(json_str_or(o, STR("oid"), STR("")), str_c(hex))) object = o;
    const struct json *link = json_get(json_get(object, STR("actions")), STR("download"));
    str url = json_str_or(link, STR("href"), STR(""));
    if (!url.n) {
        str why = json_str_or(json_get(object, STR("error")), STR("message"), STR("no link"));
        return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "The upstream hub does not give out the large file %s: %.*s (status %d)", hex, STR_ARG(str_to(why, 200)), status);
    }
    out->url = arena_cstr(a, url);
    out->header = arena_alloc(a, (HEADERS_MAX + 1) * sizeof *out->header);
    return read_headers(json_get(link, STR("header")), out->header, a) || faulty(g, "the headers of its link to a large file cannot be read", e);
}
