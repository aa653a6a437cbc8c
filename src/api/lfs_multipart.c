/* api/lfs_multipart.c - the Hub's multipart form of an LFS upload.
 *
 * The upload action's "header" holds "chunk_size" and one link per part under keys of five digits, and nothing
 * else: the git-lfs agent takes every further value for a part, and relies on their order after sorting.
 * Parts and completion carry no credentials, so their links are signed.  Repeating a part or the completion
 * is fine. */
#include "api/git_api.h"
#include "hub/large_file.h"

enum { COMPLETION_BYTES_MAX = 2 << 20 };
#define PART_BYTES_MAX (UINT64_C(1) << 32)

/* Member "have": numbers of the parts that came before a connection broke. */
static bool write_have(struct call *c, struct json_writer *w, const struct cas_upload *u, struct err *e)
{
    char (*etags)[33] = arena_alloc(c->a, u->parts_count * sizeof *etags);
    if (!cas_upload_parts(hub_cas(c->hub), u, etags, e)) return false;
    jw_karray(w, "have");
    for (uint64_t i = 0; i < u->parts_count; i++)
        if (etags[i][0]) jw_int(w, (int64_t)i + 1);
    jw_array_end(w);
    return true;
}

bool lfs_write_multipart(struct call *c, struct json_writer *w, const struct sha256 *sha256, const struct link *l,
                         bool tells_parts, struct err *e)
{
    struct cas_upload u;
    char hex[SHA256_HEX + 1], key[32];
    hex_encode((bytes){ sha256->b, SHA256_BYTES }, hex);
    if (!cas_upload_create(hub_cas(c->hub), l->repo_id, l->user_id, sha256, l->size_bytes, &u, e)) return false;
    str completion = arena_fmt(c->a, "/api/lfs/uploads/%s/complete/%s", u.id, hex);
    jw_kstr(w, "href", link_make(c, HTTP_POST, completion, l, LINK_UPLOAD_S));
    jw_kint(w, "expires_in", LINK_UPLOAD_S);
    if (tells_parts && !write_have(c, w, &u, e)) return false;
    jw_kobject(w, "header");
    jw_kstr(w, "chunk_size", arena_fmt(c->a, "%llu", (unsigned long long)u.part_bytes));
    for (uint64_t i = 1; i <= u.parts_count; i++) {
        snprintf(key, sizeof key, "%05llu", (unsigned long long)i);
        str part = arena_fmt(c->a, "/api/lfs/uploads/%s/parts/%llu", u.id, (unsigned long long)i);
        jw_kstr(w, key, link_make(c, HTTP_PUT, part, l, LINK_UPLOAD_S));
    }
    jw_object_end(w);
    return true;
}

static bool receive(struct call *c, struct cas_part *p, struct err *e)
{
    for (;;) {
        uint8_t *room;
        size_t n, got;
        if (!cas_part_space(p, &room, &n, e) || !http_read(c->http, room, n, &got, e)) return false;
        if (got == 0) return true;
        if (!cas_part_filled(p, got, e)) return false;
    }
}

static bool put_part(struct call *c, struct err *e)
{
    struct link l;
    struct cas_upload u;
    struct cas_part *p;
    uint64_t number, length;
    bool found;
    char etag[33];
    if (!link_check(c, &l, e)) return false;
    if (!str_u64(call_param(c, "number"), &number)) return err_set(e, ERR_INVALID, "A part is named by its number");
    if (!cas_upload_find(hub_cas(c->hub), call_param(c, "upload"), &u, &found, e)) return false;
    if (!found || u.repo_id != l.repo_id)
        return err_set(e, ERR_NOT_FOUND, "This upload is over, or has expired; ask for a new one");
    if (!cas_part_begin(hub_cas(c->hub), &u, number, &p, e)) return false;
    if (http_body_length(c->http, &length) && length != cas_part_size(p)) {
        err_set(e, ERR_INVALID, "Part %llu must have %llu bytes; the body has %llu", (unsigned long long)number,
                (unsigned long long)cas_part_size(p), (unsigned long long)length);
        cas_part_abort(p);
        return false;
    }
    if (!receive(c, p, e)) {
        cas_part_abort(p);
        return false;
    }
    if (!cas_part_commit(p, etag, e)) return false;
    http_add_headerf(c->http, "ETag", "\"%s\"", etag);
    return http_reply_empty(c->http, 200);
}

/* A client that names etags wants just these versions of the parts. */
static bool check_etags(struct call *c, const struct cas_upload *u, const struct json *parts, struct err *e)
{
    char (*etags)[33] = arena_alloc(c->a, u->parts_count * sizeof *etags);
    if (!cas_upload_parts(hub_cas(c->hub), u, etags, e)) return false;
    json_each (part, parts) {
        int64_t number = json_int_or(part, STR("partNumber"), 0);
        str etag = json_str_or(part, STR("etag"), STR(""));
        if (number < 1 || (uint64_t)number > u->parts_count)
            return err_set(e, ERR_INVALID, "There is no part %lld of %llu", (long long)number, (unsigned long long)u->parts_count);
        if (etag.n >= 2 && etag.p[0] == '"' && etag.p[etag.n - 1] == '"') etag = str_n(etag.p + 1, etag.n - 2);
        if (!str_eq(etag, str_c(etags[number - 1])))
            return err_set(e, ERR_INVALID, "Part %lld is not there in the version \"%.*s\"; send it again", (long long)number,
                           STR_ARG(str_to(etag, 64)));
    }
    return true;
}

static bool reply_done(struct call *c)
{
    struct buf text = BUF_INIT(0);
    buf_lit(&text, "{}");
    return lfs_reply(c, 200, &text);
}

static bool post_complete(struct call *c, struct err *e)
{
    struct link l;
    struct cas_upload u;
    struct cas_object o;
    struct sha256 sha256;
    struct large_file file;
    struct json *body;
    bool found;
    if (!link_check(c, &l, e) || !link_oid(c, &sha256, e) || !call_json(c, &body, e)) return false;
    const struct json *parts = json_get(body, STR("parts"));
    str oid = json_str_or(body, STR("oid"), call_param(c, "oid"));
    if (!str_eq(oid, call_param(c, "oid"))) return err_set(e, ERR_INVALID, "\"oid\" is not the object of this upload");
    if (!large_file_find(c->hub, call_db(c), l.repo_id, &sha256, &file, &found, e)) return false;
    if (found && file.size_bytes == l.size_bytes) return reply_done(c); /* completed before */
    if (!cas_upload_find(hub_cas(c->hub), call_param(c, "upload"), &u, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "This upload is over, or has expired; ask for a new one");
    if (u.repo_id != l.repo_id || !sha256_eq(&u.sha256, &sha256))
        return err_set(e, ERR_DENIED, "This link belongs to another upload");
    if (!check_etags(c, &u, parts, e)) return false;
    return cas_upload_complete(hub_cas(c->hub), &u, &o, e) && large_file_register(c->hub, l.repo_id, l.user_id, &o, e) &&
           reply_done(c);
}

static const struct api_route rows[] = {
    { HTTP_PUT, "/api/lfs/uploads/:upload/parts/:number", PERM_SIGNED, HTTP_BODY_STREAM, PART_BYTES_MAX, HTTP_BULK, put_part,
      "lfs.upload-part", SHAPE_LFS },
    { HTTP_POST, "/api/lfs/uploads/:upload/complete/:oid", PERM_SIGNED, HTTP_BODY_WHOLE, COMPLETION_BYTES_MAX, 0,
      post_complete, "lfs.complete", SHAPE_LFS },
};
const struct api_table lfs_multipart_table = API_TABLE(rows);
