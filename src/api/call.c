/* api/call.c - what handlers share: parameters, revisions, addresses, answers. */
#include <arpa/inet.h>

#include "account/oauth.h"
#include "api/api_priv.h"
#include "api/space/space_api.h"
#include "hub/bucket/bucket.h"
#include "scan/verdict.h"

const struct api_config *call_config(struct call *c) { return &c->api->config; }
int64_t call_started_ms(struct call *c) { return c->api->started_ms; }
struct infer *call_infer(struct call *c) { return c->api->config.infer; }

struct spaces *call_spaces(struct call *c) { return c->api->config.spaces; }

struct gateway *call_gateway(struct call *c) { return c->api->config.gateway; }

struct db_conn *call_db(struct call *c)
{
    struct err e;
    if (c->db_lent) return c->db_lent;
    db_mark_take(hub_db(c->hub), &c->since);
    c->db_lent = db_reader(hub_db(c->hub));
    c->has_snapshot = c->wants_snapshot && db_snapshot_begin(c->db_lent, &e); /* without, each query sees the newest */
    return c->db_lent;
}

bool call_git(struct call *c, struct vcs_repo **out, struct err *e)
{
    if (!c->git_lent && !hub_repo_open(c->hub, c->repo.id, &c->git_lent, e)) return false;
    *out = c->git_lent;
    return true;
}

str call_param(struct call *c, const char *name) { return http_param(c->http, name); }
str call_query(struct call *c, const char *name) { return http_query(c->http, name); }

bool call_allow(struct call *c, const struct repo *r, enum repo_right right, struct err *e)
{
    return repo_allow(call_db(c), &c->who, r, right, e);
}

bool call_allow_file(struct call *c, const struct scan_file *f, struct err *e)
{
    struct err ignored;
    bool unsafe;
    if (!c->api->config.blocks_unsafe) return true;
    if (!scan_is_unsafe(call_db(c), c->repo.id, f, &unsafe, e)) return false;
    if (!unsafe || call_allow(c, &c->repo, REPO_WRITE, &ignored)) return true;
    return err_kind(e, ERR_DENIED, "UnsafeFile", "This file was found unsafe to load, and this Hearth gives such files to those alone who may write to the repository");
}

bool call_need_whole_token(struct call *c, struct err *e)
{
    return !c->who.scopes || err_set(e, ERR_DENIED, "No scope of a token gives a right to this. Use one with the role read or write");
}

bool call_may_see_spending(struct call *c, struct err *e)
{
    struct token_target me = { STR("user"), c->who.name, STR(""), c->who.name };
    bool is_app = json_get(c->who.scopes, STR("oauth")) != NULL;
    return !c->who.scopes || (is_app ? identity_has_scope(&c->who, STR("read-billing")) : identity_token_allows(&c->who, RIGHT_CALL, &me)) ||
           err_set(e, ERR_DENIED, "This token may not see what was spent: an application needs the scope read-billing");
}

bool call_find_repo(struct call *c, enum repo_kind kind, str full_name, enum repo_right right, struct repo *out,
                    struct err *e)
{
    size_t slash = str_chr(full_name, '/');
    str owner = slash == STR_NONE ? c->who.name : str_to(full_name, slash);
    str name = slash == STR_NONE ? full_name : str_from(full_name, slash + 1);
    bool found, moved;
    if (!repo_find(call_db(c), kind, owner, name, out, &found, &moved, c->a, e)) return false;
    return call_allow(c, found ? out : NULL, right, e);
}

bool call_json(struct call *c, struct json **out, struct err *e)
{
    str body = str_trim(http_body(c->http));
    *out = json_new(c->a, JSON_OBJECT);
    if (body.n == 0) return true;
    struct json *doc;
    if (!json_parse(body, c->a, &doc, e)) return false;
    if (json_is(doc, JSON_NULL)) return true; /* some clients say nothing in this way */
    if (!json_is(doc, JSON_OBJECT)) return err_set(e, ERR_INVALID, "The body must be a JSON object");
    *out = doc;
    return true;
}

bool json_need_str(const struct json *o, const char *name, str *out, struct err *e)
{
    if (json_str(json_get(o, str_c(name)), out)) return true;
    return err_set(e, ERR_INVALID, "\"%s\" is required and must be a string", name);
}

bool call_revision(struct call *c, str rev, struct vcs_revision *out, struct err *e)
{
    struct vcs_repo *git;
    return call_git(c, &git, e) && hub_resolve(c->hub, c->repo.id, git, rev, out, c->a, e);
}

bool call_rev_path(struct call *c, const char *param, struct vcs_revision *rev, str *rev_text, str *path, struct err *e)
{
    /* Escaped clients send "refs%2Fpr%2F1/a%2Fb": the first raw segment is the revision.  Others send
     * "refs/pr/1/a/b": then the repository knows where the revision ends. */
    str raw = http_param_raw(c->http, param), first = raw, tail = { "", 0 };
    size_t slash = str_chr(raw, '/');
    if (slash != STR_NONE) {
        first = str_to(raw, slash);
        tail = str_from(raw, slash + 1);
    }
    struct vcs_repo *git;
    str text;
    if (!http_decode(first, false, c->a, rev_text) || !http_decode(tail, false, c->a, path))
        return err_set(e, ERR_INVALID, "The address has a malformed percent escape");
    if (str_chr(*rev_text, '/') == STR_NONE && slash != STR_NONE) {
        if (!http_decode(raw, false, c->a, &text)) return err_set(e, ERR_INVALID, "The address has a malformed percent escape");
        if (!call_git(c, &git, e) || !vcs_split_rev_path(git, text, rev_text, path, e)) return false;
    }
    while (path->n && path->p[path->n - 1] == '/') path->n--;
    return call_revision(c, *rev_text, rev, e);
}

/* ------------------------------------------------------------------ addresses */

static bool is_host(str h)
{
    if (h.n == 0 || h.n > 255) return false;
    for (size_t i = 0; i < h.n; i++) {
        char ch = h.p[i];
        bool fine = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '.' ||
                    ch == '-' || ch == ':' || ch == '[' || ch == ']' || ch == '_';
        if (!fine) return false;
    }
    return true;
}

/* As the client wrote it. */
static str host_of(const struct api_config *cfg, struct http_req *r)
{
    str host = http_header(r, "Host"), forwarded = cfg->trusts_proxy ? http_header(r, "X-Forwarded-Host") : (str){ 0 };
    return is_host(forwarded) ? forwarded : is_host(host) ? host : STR("localhost");
}

str api_route_path(struct http_req *r)
{
    const struct api *a = http_app(r);
    str path = http_path(r), host = host_of(&a->config, r);
    struct call *c = a->config.spaces_domain.n ? call_of(r) : NULL;
    if (c && space_host_label(a->config.spaces_domain, host, c->a, &c->space_label)) return arena_fmt(c->a, API_SPACE_FOLDER "%.*s", STR_ARG(path));
    if (!str_starts_nocase(host, STR(API_VIEWER_HOST))) return a->config.gateway ? api_ownerless_path(r, path) : path;
    return arena_fmt(http_arena(r), API_VIEWER_FOLDER "%.*s", STR_ARG(path));
}

str call_base_url(struct call *c)
{
    if (c->base_url.n) return c->base_url;
    const struct api_config *cfg = &c->api->config;
    if (cfg->public_url.n) return c->base_url = cfg->public_url;
    str host = host_of(cfg, c->http), scheme = http_is_tls(c->http) ? STR("https") : STR("http");
    if (cfg->trusts_proxy) {
        str proto = http_header(c->http, "X-Forwarded-Proto");
        if (str_eq(proto, STR("https")) || str_eq(proto, STR("http"))) scheme = proto;
    }
    if (str_starts_nocase(host, STR(API_VIEWER_HOST))) host = str_from(host, sizeof API_VIEWER_HOST - 1);
    return c->base_url = arena_fmt(c->a, "%.*s://%.*s", STR_ARG(scheme), STR_ARG(host));
}

/* Of several proxies each adds whom it was asked by: the last one is ours, and what stands before may be invented. */
str call_peer(struct call *c)
{
    str all = http_header_last(c->http, "X-Forwarded-For"), last = str_trim(str_from(all, str_rchr(all, ',') + 1));
    char text[INET6_ADDRSTRLEN] = { 0 };
    uint8_t parsed[16];
    if (!call_config(c)->trusts_proxy || !last.n || last.n >= sizeof text) return http_peer(c->http);
    memcpy(text, last.p, last.n);
    bool is_address = inet_pton(AF_INET, text, parsed) == 1 || inet_pton(AF_INET6, text, parsed) == 1;
    return is_address ? last : http_peer(c->http);
}

const char *call_session_cookie(struct call *c)
{
    return str_starts(call_base_url(c), STR("https://")) ? API_COOKIE_SECURE : API_COOKIE;
}

str call_repo_url(struct call *c, const struct repo *r)
{
    str base = call_base_url(c), prefix = repo_web_prefix(r->kind);
    return arena_fmt(c->a, "%.*s/%.*s%.*s", STR_ARG(base), STR_ARG(prefix), STR_ARG(r->full_name));
}

str call_bucket_url(struct call *c, const struct bucket *b)
{
    str base = call_base_url(c);
    return arena_fmt(c->a, "%.*s/buckets/%.*s", STR_ARG(base), STR_ARG(b->full_name));
}

str call_avatar_url(struct call *c, str account)
{
    str base = call_base_url(c);
    return arena_fmt(c->a, "%.*s/avatars/%.*s.svg", STR_ARG(base), STR_ARG(account));
}

uint64_t call_query_limit(struct call *c, uint64_t otherwise, uint64_t most)
{
    uint64_t v;
    str text = call_query(c, "limit");
    if (!text.p || !str_u64(text, &v) || v == 0) return otherwise;
    return v < most ? v : most;
}

void call_link_next(struct call *c, str key, str cursor)
{
    /* All other parameters are kept as they were sent; the value is escaped, commas too. */
    struct buf url = BUF_INIT(0);
    str rest = http_query_raw(c->http), piece;
    buf_byte(&url, '<');
    buf_add(&url, call_base_url(c));
    buf_add(&url, http_path(c->http));
    char sep = '?';
    while (rest.n && str_cut(&rest, '&', &piece)) {
        str name = str_to(piece, str_chr(piece, '=') == STR_NONE ? piece.n : str_chr(piece, '='));
        if (piece.n == 0 || str_eq(name, key)) continue;
        buf_byte(&url, sep);
        for (size_t i = 0; i < piece.n; i++) { /* a raw comma would split the header for some clients */
            if (piece.p[i] == ',')
                buf_lit(&url, "%2C");
            else
                buf_byte(&url, piece.p[i]);
        }
        sep = '&';
    }
    buf_byte(&url, sep);
    buf_add(&url, key);
    buf_byte(&url, '=');
    http_encode(&url, cursor, "");
    buf_lit(&url, ">; rel=\"next\"");
    http_add_header(c->http, "Link", buf_str(&url));
    buf_deinit(&url);
}

/* A repository or bucket under a former name, or a file asked for in another case: 307 to where it is now.  Only
 * reached by those who may see it. */
bool call_redirect_moved(struct call *c)
{
    if ((!c->has_repo && !c->bucket) || !c->repo_moved) return false;
    str ns = call_param(c, "ns"), repo = call_param(c, "repo");
    str owner = c->bucket ? c->bucket->owner : c->repo.owner, name = c->bucket ? c->bucket->name : c->repo.name;
    bool case_only = str_eq_nocase(ns, owner) && str_eq_nocase(repo, name);
    bool is_api = str_starts(http_path(c->http), STR("/api/"));
    enum http_method m = http_method_of(c->http);
    if (case_only && (is_api || (m != HTTP_GET && m != HTTP_HEAD) || c->route->shape != SHAPE_HUB)) return false;

    struct buf to = BUF_INIT(0);
    str path = str_from(http_path(c->http), 1), pattern = str_from(str_c(c->route->pattern), 1), have, part;
    while (str_cut(&path, '/', &have)) {
        bool known = str_cut(&pattern, '/', &part);
        buf_byte(&to, '/');
        if (known && str_eq(part, STR(":ns"))) {
            http_encode(&to, owner, "");
        } else if (known && str_starts(part, STR(":repo"))) {
            http_encode(&to, name, "");
            buf_add(&to, str_from(part, 5)); /* ".git" */
        } else {
            buf_add(&to, have);
        }
    }
    str query = http_query_raw(c->http);
    if (query.n) {
        buf_byte(&to, '?');
        buf_add(&to, query);
    }
    http_add_header(c->http, "Location", buf_str(&to));
    str text = arena_fmt(c->a, "Temporary Redirect. Redirecting to %.*s", STR_ARG(buf_str(&to)));
    buf_deinit(&to);
    return http_reply(c->http, 307, "text/plain; charset=utf-8", text);
}

/* ------------------------------------------------------------------ answers */

bool call_reply_json(struct call *c, int status, struct buf *b)
{
    if (b->failed) {
        struct err e;
        err_set(&e, ERR_TOO_LARGE, "The answer is too large; ask for a smaller page");
        buf_deinit(b);
        api_reply_error(c, &e);
        return true;
    }
    return http_reply_buf(c->http, status, "application/json; charset=utf-8", b);
}

bool call_reply_ok(struct call *c) { return http_reply(c->http, 200, "application/json; charset=utf-8", STR("{}")); }

const struct webhook_sender *call_sender(struct call *c) { return c->api->config.sender; }
