/* api/lfs.c - git-lfs: batch, the basic transfer, verify.
 *
 * A batch tells for each object where to send it or fetch it from.  The bytes go through signed links
 * (api/link.c): hf clients send no token there, and git-lfs need not.  "There already" is said only of
 * objects that this repository has: knowing a hash is no right to the content, so an object that only
 * others have must be sent all the same (and its bytes are dropped, cas/ keeps one copy).
 *
 * Statuses on PUT are chosen for git-lfs: 403 makes it ask for a new link, 422 would make it blame the
 * content type, so content that does not match is 400. */
#include "api/cas/cas_api.h"
#include "api/git_api.h"
#include "hub/community/discussion.h"
#include "gateway/gateway.h"
#include "hub/large_file.h"
#include "scan/verdict.h"

enum { BATCH_OBJECTS_MAX = 1000, BATCH_BYTES_MAX = 4 << 20, VERIFY_BYTES_MAX = 64 << 10 };
#define OBJECT_BYTES_MAX (UINT64_C(500) * 1000 * 1000 * 1000)
#define MULTIPART_FROM_BYTES (UINT64_C(512) << 20)

bool lfs_reply(struct call *c, int status, struct buf *b)
{
    if (!b->failed) return http_reply_buf(c->http, status, "application/vnd.git-lfs+json", b);
    struct err e;
    err_set(&e, ERR_TOO_LARGE, "The answer is too large; ask about fewer objects at once");
    buf_deinit(b);
    api_reply_error(c, &e);
    return true;
}

/* Reads the body to its end and drops it: the client must be able to send it all before it reads our answer. */
static bool lfs_drain(struct call *c, struct err *e)
{
    enum { PIECE = 64 << 10 };
    size_t got = 1;
    uint8_t *piece = arena_alloc(c->a, PIECE);
    while (got > 0)
        if (!http_read(c->http, piece, PIECE, &got, e)) return false;
    return true;
}

bool call_allow_push(struct call *c, struct err *e)
{
    struct discussion *list;
    size_t n = 0, count, closed;
    struct err second;
    struct discussion_query own = { .is_pull_request = 1, .status = STR("open"), .author = c->who.name, .limit = 1 };
    if (call_allow(c, &c->repo, REPO_WRITE, e)) return true;
    if (e->code != ERR_DENIED || !call_allow(c, &c->repo, REPO_DISCUSS, &second)) return false;
    return discussion_list(call_db(c), c->repo.id, &own, c->a, &list, &n, &count, &closed, &second) && n > 0;
}

/* ------------------------------------------------------------------ batch */

struct batch {
    struct call *c;
    bool is_upload;
    bool offers_multipart, is_multipart; /* is_multipart: the whole answer, see choose_transfer */
    bool wants_parts;                    /* it offers nothing else: whatever the size, and told which parts are there */
    bool is_git_lfs;
    bool is_xet;                         /* the whole answer, too */
    struct xet_token token;              /* then */
    str session;
    uint64_t bytes_wanted;               /* of the uploads so far: do they fit together? */
};

static bool offers(const struct json *transfers, str name)
{
    json_each (t, transfers)
        if (t->type == JSON_STRING && str_eq(t->s, name)) return true;
    return false;
}

/* Hub clients look at each object for "chunk_size".  git-lfs hands the whole batch to the one transfer that the
 * answer names, whose agent wants parts for every object. */
static void choose_transfer(struct batch *b, const struct json *objects)
{
    b->is_multipart = false;
    if (!b->is_upload || b->is_xet || !b->offers_multipart) return;
    b->is_multipart = b->wants_parts;
    json_each (o, objects)
        if (json_int_or(o, STR("size"), 0) > (int64_t)MULTIPART_FROM_BYTES) b->is_multipart = true;
}

static void write_error(struct json_writer *w, int code, str message)
{
    jw_kobject(w, "error");
    jw_kint(w, "code", code);
    jw_kstr(w, "message", message);
    jw_object_end(w);
}

static void write_link(struct call *c, struct json_writer *w, const char *action, enum http_method m, str path,
                       const struct link *l, int64_t lives_s)
{
    jw_kobject(w, action);
    jw_kstr(w, "href", link_make(c, m, path, l, lives_s));
    jw_kint(w, "expires_in", lives_s);
    jw_object_end(w);
}

/* What huggingface.js and git-xet read: where the token is renewed, and the first one. */
static void write_xet(struct batch *b, struct json_writer *w)
{
    jw_kobject(w, "upload");
    jw_kstr(w, "href", b->token.refresh_url);
    jw_kobject(w, "header");
    jw_kstr(w, "X-Xet-Cas-Url", cas_url(b->c));
    jw_kstr(w, "X-Xet-Access-Token", b->token.text);
    jw_kstr(w, "X-Xet-Token-Expiration", arena_fmt(b->c->a, "%lld", (long long)b->token.expires_s));
    jw_kstr(w, "X-Xet-Session-Id", b->session);
    jw_object_end(w);
    jw_kint(w, "expires_in", XET_TOKEN_LIVES_S);
    jw_object_end(w);
}

static bool write_upload(struct batch *b, struct json_writer *w, const struct sha256 *sha256, uint64_t size, str hex,
                         struct err *e)
{
    struct call *c = b->c;
    struct link l = { c->repo.id, c->who.user_id, c->who.token.id, size };
    bool in_parts = b->is_multipart && size > 0 && (b->is_git_lfs || b->wants_parts || size > MULTIPART_FROM_BYTES);
    struct err why;
    b->bytes_wanted += size;
    if (!cas_room(hub_cas(c->hub), b->bytes_wanted, &why)) {
        if (why.code != ERR_NO_SPACE) return (*e = why), false;
        write_error(w, 507, str_c(why.msg));
        return true;
    }
    jw_kbool(w, "authenticated", true);
    jw_kobject(w, "actions");
    if (b->is_xet) {
        write_xet(b, w);
    } else if (in_parts) {
        jw_kobject(w, "upload");
        if (!lfs_write_multipart(c, w, sha256, &l, b->wants_parts, e)) return false;
        jw_object_end(w);
    } else {
        write_link(c, w, "upload", HTTP_PUT, arena_fmt(c->a, "/api/lfs/objects/%.*s", STR_ARG(hex)), &l, LINK_UPLOAD_S);
    }
    if (!b->is_xet) write_link(c, w, "verify", HTTP_POST, arena_fmt(c->a, "/api/lfs/verify/%.*s", STR_ARG(hex)), &l, LINK_UPLOAD_S);
    jw_object_end(w);
    return true;
}

static bool write_object(struct batch *b, struct json_writer *w, const struct json *object, struct err *e)
{
    struct call *c = b->c;
    struct sha256 sha256;
    struct large_file file;
    bool found;
    str hex = json_str_or(object, STR("oid"), STR(""));
    int64_t size = json_int_or(object, STR("size"), -1);
    jw_kstr(w, "oid", hex);
    jw_kint(w, "size", size);
    if (!sha256_parse(hex, &sha256)) {
        write_error(w, 422, STR("\"oid\" must be a SHA-256 in 64 lower-case digits"));
        return true;
    }
    if (size < 0 || (uint64_t)size > OBJECT_BYTES_MAX) {
        write_error(w, 422, STR("\"size\" must be a number of bytes, at most 500 GB"));
        return true;
    }
    if (!large_file_find(c->hub, call_db(c), c->repo.id, &sha256, &file, &found, e)) return false;
    if (found && file.size_bytes != (uint64_t)size) {
        write_error(w, 422, arena_fmt(c->a, "This object has %llu %s", (unsigned long long)file.size_bytes, plural(file.size_bytes, "byte", "bytes")));
        return true;
    }
    bool doubtful = false; /* what was found damaged is asked for again */
    if (b->is_upload && found && !cas_is_doubtful(hub_cas(c->hub), &sha256, &doubtful, e)) return false;
    if (b->is_upload && (!found || doubtful)) return write_upload(b, w, &sha256, (uint64_t)size, hex, e);
    if (b->is_upload) return cas_touch(hub_cas(c->hub), &sha256, e); /* a commit will name it soon */
    if (!found && !c->repo.upstream.n) { /* a mirror's come when they are asked for */
        write_error(w, 404, STR("This repository has no such object; was it uploaded with `git lfs push`?"));
        return true;
    }
    struct scan_file judged = { .is_large = true, .sha256 = sha256 };
    struct err why;
    if (!call_allow_file(c, &judged, &why)) {
        if (why.code != ERR_DENIED) return (*e = why), false;
        write_error(w, 403, str_c(why.msg));
        return true;
    }
    struct link l = { c->repo.id, c->who.user_id, c->who.token.id, (uint64_t)size };
    jw_kbool(w, "authenticated", true);
    jw_kobject(w, "actions");
    write_link(c, w, "download", HTTP_GET, arena_fmt(c->a, "/api/lfs/objects/%.*s", STR_ARG(hex)), &l, LINK_DOWNLOAD_S);
    jw_object_end(w);
    return true;
}

/* A client that offers Xet is given it, with a token for what it may do: to write, or to bring files for a pull
 * request. */
static void choose_xet(struct batch *b, const struct json *body)
{
    struct call *c = b->c;
    struct err ignored;
    char random[33];
    str rev = json_str_or(json_get(body, STR("ref")), STR("name"), STR("main"));
    if (str_starts(rev, STR("refs/heads/"))) rev = str_from(rev, 11);
    random_hex(random, 32);
    b->is_xet = true;
    b->session = arena_dup(c->a, str_c(random));
    xet_token_make(c, call_allow(c, &c->repo, REPO_WRITE, &ignored) ? XET_WRITE : XET_PROPOSE, rev, &b->token);
}

static bool check_algorithm(const struct json *body, struct err *e)
{
    str algorithm = json_str_or(body, STR("hash_algo"), STR("sha256"));
    if (str_eq(algorithm, STR("sha256")) || str_eq(algorithm, STR("sha_256"))) return true; /* the second: huggingface.js */
    return err_set(e, ERR_CONFLICT, "The hash algorithm \"%.*s\" is not supported; use sha256", STR_ARG(str_to(algorithm, 40)));
}

static bool post_batch(struct call *c, struct err *e)
{
    struct json *body;
    if (!call_json(c, &body, e)) return false;
    str operation = json_str_or(body, STR("operation"), STR(""));
    const struct json *objects = json_get(body, STR("objects")), *transfers = json_get(body, STR("transfers"));
    struct batch b = { .c = c,
                       .is_upload = str_eq(operation, STR("upload")),
                       .offers_multipart = offers(transfers, STR("multipart")),
                       .wants_parts = offers(transfers, STR("multipart")) && json_is(transfers, JSON_ARRAY) && transfers->count == 1,
                       .is_git_lfs = offers(transfers, STR("lfs-standalone-file")) };
    if (!b.is_upload && !str_eq(operation, STR("download")))
        return err_set(e, ERR_UNPROCESSABLE, "\"operation\" must be \"upload\" or \"download\"");
    /* Whoever may open a pull request may bring large files for it: clients upload them before the commit that opens
     * it, and what no commit names is collected. */
    if (!call_allow(c, &c->repo, b.is_upload ? REPO_DISCUSS : REPO_READ, e)) return false;
    if (!check_algorithm(body, e)) return false;
    if (!json_is(objects, JSON_ARRAY)) return err_set(e, ERR_UNPROCESSABLE, "\"objects\" is required and must be an array");
    if (objects->count > BATCH_OBJECTS_MAX)
        return err_set(e, ERR_TOO_LARGE, "A batch has at most %d objects; this one has %zu", BATCH_OBJECTS_MAX, objects->count);
    if (b.is_upload && offers(transfers, STR("xet"))) choose_xet(&b, body);
    choose_transfer(&b, objects);

    struct buf text = BUF_INIT(64 << 20);
    struct json_writer w = json_writer(&text);
    jw_object(&w);
    jw_kstr(&w, "transfer", b.is_xet ? STR("xet") : b.is_multipart ? STR("multipart") : STR("basic"));
    jw_kstr(&w, "hash_algo", STR("sha256"));
    jw_karray(&w, "objects");
    json_each (object, objects) {
        jw_object(&w);
        if (!write_object(&b, &w, object, e)) {
            buf_deinit(&text);
            return false;
        }
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return lfs_reply(c, 200, &text);
}

/* ------------------------------------------------------------------ the bytes */

static bool receive(struct call *c, struct cas_put *p, uint64_t size, struct err *e)
{
    uint64_t received = 0;
    for (;;) {
        uint8_t *room;
        size_t n, got;
        if (!cas_put_space(p, &room, &n, e) || !http_read(c->http, room, n, &got, e)) return false;
        if (got == 0) return true; /* too few bytes: cas_put_commit says so */
        received += got;
        if (received > size)
            return err_set(e, ERR_INVALID, "The body has more than the %llu bytes that were announced", (unsigned long long)size);
        if (!cas_put_filled(p, got, e)) return false;
    }
}

static bool put_object(struct call *c, struct err *e)
{
    struct link l;
    struct sha256 sha256;
    struct cas_put *p;
    struct cas_object o;
    struct large_file file;
    bool found;
    uint64_t length;
    if (!link_check(c, &l, e) || !link_oid(c, &sha256, e)) return false;
    if (http_body_length(c->http, &length) && length != l.size_bytes)
        return err_set(e, ERR_INVALID, "The body has %llu bytes, and %llu were announced", (unsigned long long)length,
                       (unsigned long long)l.size_bytes);
    if (!large_file_find(c->hub, call_db(c), l.repo_id, &sha256, &file, &found, e)) return false;
    bool doubtful = false;
    if (found && !cas_is_doubtful(hub_cas(c->hub), &sha256, &doubtful, e)) return false;
    if (found && !doubtful) return lfs_drain(c, e) && http_reply_empty(c->http, 200);
    if (!cas_put_begin(hub_cas(c->hub), &p, e)) return false;
    if (!receive(c, p, l.size_bytes, e)) {
        cas_put_abort(p);
        return false;
    }
    return cas_put_commit(p, &sha256, &l.size_bytes, &o, e) &&
           large_file_register(c->hub, l.repo_id, l.user_id, &o, e) && http_reply_empty(c->http, 200);
}

/* Not here: of a mirror it comes now. */
static bool get_coming(struct call *c, const struct link *l, const struct sha256 *sha256, struct err *e)
{
    static const char type[] = "application/octet-stream";
    struct download *d = NULL;
    if (!repo_get(call_db(c), l->repo_id, &c->repo, c->a, e)) return false;
    if (!c->repo.upstream.n || !call_gateway(c)) return err_set(e, ERR_NOT_FOUND, "This object has been removed");
    if (http_method_of(c->http) == HTTP_GET && !download_join(call_gateway(c), &c->repo, sha256, l->size_bytes, &d, e)) return false;
    if (http_method_of(c->http) == HTTP_GET && !d) return call_reply_object(c, type, sha256, l->size_bytes, e);
    return call_reply_download(c, type, sha256, l->size_bytes, d, e);
}

static bool get_object(struct call *c, struct err *e)
{
    struct link l;
    struct sha256 sha256;
    struct large_file file;
    bool found;
    if (!link_check(c, &l, e) || !link_oid(c, &sha256, e)) return false;
    if (!large_file_find(c->hub, call_db(c), l.repo_id, &sha256, &file, &found, e)) return false;
    if (!found) return get_coming(c, &l, &sha256, e);
    return call_reply_object(c, "application/octet-stream", &sha256, file.size_bytes, e);
}

static bool post_verify(struct call *c, struct err *e)
{
    struct link l;
    struct sha256 sha256;
    struct large_file file;
    struct json *body;
    bool found;
    if (!link_check(c, &l, e) || !link_oid(c, &sha256, e) || !call_json(c, &body, e)) return false;
    if (json_int_or(body, STR("size"), -1) != (int64_t)l.size_bytes || !str_eq(json_str_or(body, STR("oid"), STR("")), call_param(c, "oid")))
        return err_set(e, ERR_INVALID, "The object to verify is not the one of the batch");
    if (!large_file_find(c->hub, call_db(c), l.repo_id, &sha256, &file, &found, e)) return false;
    if (!found || file.size_bytes != l.size_bytes) return err_set(e, ERR_NOT_FOUND, "The object has not been uploaded");
    struct buf text = BUF_INIT(0);
    buf_lit(&text, "{}");
    return lfs_reply(c, 200, &text);
}

static const struct api_route rows[] = {
    GIT_ROWS(HTTP_POST, "/info/lfs/objects/batch", HTTP_BODY_WHOLE, BATCH_BYTES_MAX, post_batch, "lfs.batch", SHAPE_LFS),
    { HTTP_PUT, "/api/lfs/objects/:oid", PERM_SIGNED, HTTP_BODY_STREAM, OBJECT_BYTES_MAX, HTTP_BULK, put_object, "lfs.upload", SHAPE_LFS },
    { HTTP_GET, "/api/lfs/objects/:oid", PERM_SIGNED, HTTP_BODY_NONE, 0, 0, get_object, "lfs.download", SHAPE_LFS },
    { HTTP_POST, "/api/lfs/verify/:oid", PERM_SIGNED, HTTP_BODY_WHOLE, VERIFY_BYTES_MAX, 0, post_verify, "lfs.verify", SHAPE_LFS },
};
const struct api_table lfs_table = API_TABLE(rows);
