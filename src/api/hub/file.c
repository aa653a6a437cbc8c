/* api/hub/file.c - file contents: resolve (the real file) and raw (the git blob: a pointer stays one).
 *
 * Headers are what every client generation reads: X-Repo-Commit also on a missing entry (clients then
 * remember that it is missing), ETag = blob id or sha256, X-Linked-* for large files.  Bodies are never
 * compressed.  Types are harmless: nothing served here may run in a browser. */
#include <stdatomic.h>

#include "api/cas/cas_api.h"
#include "api/hub/hub_api.h"
#include "api/recall.h"
#include "base/clock.h"
#include "gateway/gateway.h"
#include "hub/file.h"
#include "hub/repo.h"
#include "scan/verdict.h"

#define PDF_SUFFIX ".pdf"

static const struct {
    str suffix;
    const char *type;
} content_types[] = {
    { STR_INIT(".json"), "application/json; charset=utf-8" }, { STR_INIT(".png"), "image/png" },
    { STR_INIT(".jpg"), "image/jpeg" },                       { STR_INIT(".jpeg"), "image/jpeg" },
    { STR_INIT(".gif"), "image/gif" },                        { STR_INIT(".webp"), "image/webp" },
    { STR_INIT(".wav"), "audio/wav" },                        { STR_INIT(".mp3"), "audio/mpeg" },
    { STR_INIT(".flac"), "audio/flac" },                      { STR_INIT(".ogg"), "audio/ogg" },
    { STR_INIT(".mp4"), "video/mp4" },                        { STR_INIT(".webm"), "video/webm" },
    { STR_INIT(PDF_SUFFIX), "application/pdf" },
};

/* Text that a browser might run (html, svg, xml, js) is plain text here. */
const char *file_content_type(str path, bool is_lfs)
{
    for (size_t i = 0; i < COUNT(content_types); i++)
        if (str_ends_nocase(path, content_types[i].suffix)) return content_types[i].type;
    return is_lfs ? "application/octet-stream" : "text/plain; charset=utf-8";
}

/* A download is a client fetching any file of a repository, counted once in five minutes: a snapshot of
 * a hundred files is one.  Remembered in a fixed table of hashes; a collision may swallow a count. */
enum { SEEN_SLOTS = 1 << 15, SEEN_WINDOW_MS = 5 * 60 * 1000 };
struct seen {
    _Atomic uint64_t slot[SEEN_SLOTS]; /* hash of who and what, with the window's number mixed in */
};

/* A browser that shows a page with the file in it: that was looked at, not downloaded. */
static bool is_part_of_a_page(struct call *c)
{
    static const str parts[] = { STR_INIT("image"), STR_INIT("video"), STR_INIT("audio"), STR_INIT("iframe") };
    str as = http_header(c->http, "Sec-Fetch-Dest"); /* sent to https and to this machine only */
    for (size_t i = 0; i < COUNT(parts); i++)
        if (str_eq(as, parts[i])) return true;
    return str_starts(http_header(c->http, "Accept"), STR("image/"));
}

static void count_download(struct call *c)
{
    static struct seen seen;
    struct { int64_t repo, user, window; } what = { c->repo.id, c->who.user_id, clock_now_ms() / SEEN_WINDOW_MS };
    uint64_t h = UINT64_C(1469598103934665603);
    str peer = call_peer(c);
    for (size_t i = 0; i < sizeof what; i++) h = (h ^ ((const uint8_t *)&what)[i]) * UINT64_C(1099511628211);
    for (size_t i = 0; i < peer.n; i++) h = (h ^ (uint8_t)peer.p[i]) * UINT64_C(1099511628211);
    _Atomic uint64_t *slot = &seen.slot[h % SEEN_SLOTS];
    if (atomic_exchange_explicit(slot, h, memory_order_relaxed) != h) repo_count_download(c->hub, c->repo.id);
}

void file_add_disposition(struct call *c, str path)
{
    size_t slash = str_rchr(path, '/');
    str name = slash == STR_NONE ? path : str_from(path, slash + 1);
    str download = call_query(c, "download");
    struct buf b = BUF_INIT(0);
    buf_add(&b, download.p && !str_eq(download, STR("false")) ? STR("attachment") : STR("inline"));
    buf_lit(&b, "; filename*=UTF-8''");
    http_encode(&b, name, "");
    buf_lit(&b, "; filename=\"");
    for (size_t i = 0; i < name.n; i++) {
        unsigned char ch = (unsigned char)name.p[i];
        buf_byte(&b, ch < 0x20 || ch > 0x7e || ch == '"' || ch == '\\' ? '_' : (char)ch);
    }
    buf_lit(&b, "\";");
    http_add_header(c->http, "Content-Disposition", buf_str(&b));
    buf_deinit(&b);
}

bool file_wants_xet_info(struct call *c)
{
    return str_find_nocase(http_header(c->http, "Accept"), STR(XET_FILE_INFO)) != STR_NONE;
}

/* The way by Xet: which file, where the token is, where the chunks are told.  huggingface.js needs both links, absolute,
 * with a blank after the semicolon; others read one of the two places for the token's address. */
static void add_xet(struct call *c, const struct file_found *f, const struct xet_hash *hash, char hex[XET_HASH_HEX + 1])
{
    char commit[VCS_OID_HEX + 1];
    str cas = cas_url(c), token = xet_token_url(c, &c->repo, XET_READ, vcs_oid_hex(&f->commit, commit));
    xet_hash_hex(hash, hex);
    http_add_header(c->http, "X-Xet-Hash", str_n(hex, XET_HASH_HEX));
    http_add_header(c->http, "X-Xet-Refresh-Route", token);
    http_add_headerf(c->http, "Link", "<%.*s>; rel=\"xet-auth\", <%.*s/v1/reconstructions/%s>; rel=\"xet-reconstruction-info\"",
                     STR_ARG(token), STR_ARG(cas), hex);
}

/* Of a mirror, and not here yet: it is read while it comes. */
static bool reply_coming(struct call *c, str path, const struct file_found *f, struct err *e)
{
    struct download *d = NULL;
    char hex[SHA256_HEX + 1];
    hex_encode((bytes){ f->sha256.b, SHA256_BYTES }, hex);
    bool is_get = http_method_of(c->http) == HTTP_GET && !http_is_known(c->http, arena_fmt(c->a, "\"%s\"", hex));
    if (is_get && !http_is_deferred(c->http)) return http_defer(c->http);
    if (is_get && !call_gateway(c)) return err_kind(e, ERR_IO, GATEWAY_DOWN, "This file of a mirror is not here, and this Hearth has no upstream now");
    if (is_get && !download_join(call_gateway(c), &c->repo, &f->sha256, f->size_bytes, &d, e)) return false;
    if (is_get && !d) return call_reply_object(c, file_content_type(path, true), &f->sha256, f->size_bytes, e);
    return call_reply_download(c, file_content_type(path, true), &f->sha256, f->size_bytes, d, e);
}

static bool reply_large(struct call *c, str path, const struct file_found *f, struct err *e)
{
    char hex[SHA256_HEX + 1], xet_hex[XET_HASH_HEX + 1];
    struct xet_hash hash;
    bool has_xet = false, is_here;
    if (!mirror_has_file(c->hub, call_db(c), &c->repo, &f->sha256, f->size_bytes, &is_here, e)) return false;
    if (is_here && !cas_file_hash_of(call_db(c), &f->sha256, &hash, &has_xet, e)) return false;
    bool is_info = has_xet && file_wants_xet_info(c);
    /* Bytes out of xorbs are decoded while they are sent, which is no work for the event thread. */
    if (has_xet && !is_info && http_method_of(c->http) == HTTP_GET && !http_is_deferred(c->http)) return http_defer(c->http);
    if (has_xet) add_xet(c, f, &hash, xet_hex);
    hex_encode((bytes){ f->sha256.b, SHA256_BYTES }, hex);
    http_add_headerf(c->http, "X-Linked-Size", "%llu", (unsigned long long)f->size_bytes);
    http_add_headerf(c->http, "X-Linked-ETag", "\"%s\"", hex);
    http_add_header(c->http, "Vary", STR("Accept"));
    if (!is_here) return reply_coming(c, path, f, e);
    if (is_info) {
        http_add_headerf(c->http, "ETag", "\"%s\"", hex);
        return http_reply(c->http, 200, XET_FILE_INFO, arena_fmt(c->a, "{\"hash\":\"%s\",\"size\":%llu}", xet_hex,
                                                                (unsigned long long)f->size_bytes));
    }
    return call_reply_object(c, file_content_type(path, true), &f->sha256, f->size_bytes, e);
}

static bool reply_blob(struct call *c, str path, const struct vcs_oid *oid, struct file_blob *held, struct err *e)
{
    char hex[VCS_OID_HEX + 1];
    if (!held && !file_hold(c->hub, &c->repo, oid, &c->git_lent, &held, e)) return false;
    arena_on_free(c->a, file_blob_release, held);
    str text = file_blob_content(held);
    struct http_content content = {
        .content_type = file_content_type(path, false),
        .etag = arena_fmt(c->a, "\"%.*s\"", STR_ARG(vcs_oid_hex(oid, hex))),
        .size = text.n,
        .data = text,
    };
    return http_reply_content(c->http, &content, e);
}

/* "{rev}/{path}": escaped revisions stand in the first raw segment; what may be the start of "refs/pr/1"
 * has to be split by the repository (*by_git). */
static bool split_rest(struct call *c, str *rev, str *path, bool *by_git, struct err *e)
{
    *by_git = false;
    if (call_param(c, "rev").n) { /* resolve-cache has its own segment for it */
        *rev = call_param(c, "rev");
        *path = call_param(c, "rest");
        return true;
    }
    str raw = http_param_raw(c->http, "rest");
    size_t slash = str_chr(raw, '/');
    if (slash == STR_NONE) slash = raw.n;
    if (!http_decode(str_to(raw, slash), false, c->a, rev) || !http_decode(str_from(raw, slash + 1), false, c->a, path))
        return err_set(e, ERR_INVALID, "The address has a malformed percent escape");
    struct vcs_oid id;
    *by_git = str_chr(*rev, '/') == STR_NONE && !str_eq(*rev, STR("main")) && !vcs_oid_parse(*rev, &id);
    return true;
}

static bool split_by_git(struct call *c, str *rev, str *path, struct err *e)
{
    struct vcs_repo *git;
    str text;
    if (!http_decode(http_param_raw(c->http, "rest"), false, c->a, &text))
        return err_set(e, ERR_INVALID, "The address has a malformed percent escape");
    return call_git(c, &git, e) && vcs_split_rev_path(git, text, rev, path, e);
}

/* The first run, on the event thread, asks the index and the cache; what they do not know is looked up by
 * a second run on the pool.  *later: that is how it goes on. */
static bool find_file(struct call *c, bool wants_blob, str *path, struct file_found *f, struct file_blob **held, bool *later,
                      struct err *e)
{
    str rev;
    bool by_git, known = false, ok, quick = !http_is_deferred(c->http);
    *held = NULL;
    *later = false;
    if (!split_rest(c, &rev, path, &by_git, e)) return false;
    if (quick) {
        ok = by_git || recall_file(c, rev, *path, f, &known, e);
        bool needs_blob = ok && known && (wants_blob || !f->is_lfs);
        if (needs_blob) *held = file_hold_cached(c->hub, &c->repo, &f->oid);
        *later = ok && (!known || (needs_blob && !*held));
        if (*later) return true;
    } else {
        ok = (!by_git || split_by_git(c, &rev, path, e)) &&
             file_find(c->hub, call_db(c), &c->repo, rev, *path, &c->git_lent, f, c->a, e);
    }
    if (f->has_commit) {
        char hex[VCS_OID_HEX + 1];
        http_add_header(c->http, "X-Repo-Commit", vcs_oid_hex(&f->commit, hex));
    }
    struct scan_file judged = { .path = *path, .oid = f->oid, .is_large = f->is_lfs, .sha256 = f->sha256 };
    if (ok && call_allow_file(c, &judged, e)) return true;
    file_blob_release(*held);
    *held = NULL;
    return false;
}

/* Browsers do not show a PDF in a sandbox; its viewer is a sandbox of its own, and the type is not to be guessed. */
void file_add_safety(struct call *c, str path)
{
    bool is_pdf = str_ends_nocase(path, STR(PDF_SUFFIX));
    http_add_header(c->http, "Content-Security-Policy",
                    is_pdf ? STR("default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'")
                           : STR("default-src 'none'; style-src 'unsafe-inline'; sandbox"));
}

static bool get_resolve(struct call *c, struct err *e)
{
    struct file_found f = { 0 };
    struct file_blob *held;
    str path;
    bool later;
    if (!find_file(c, false, &path, &f, &held, &later, e)) return false;
    if (later) return http_defer(c->http);
    file_add_safety(c, path);
    if (!http_query(c->http, "noContentDisposition").p) file_add_disposition(c, path);
    if (http_method_of(c->http) == HTTP_GET && !is_part_of_a_page(c)) count_download(c);
    return f.is_lfs ? reply_large(c, path, &f, e) : reply_blob(c, path, &f.oid, held, e);
}

static bool get_raw(struct call *c, struct err *e)
{
    struct file_found f = { 0 };
    struct file_blob *held;
    str path;
    bool later;
    if (!find_file(c, true, &path, &f, &held, &later, e)) return false;
    if (later) return http_defer(c->http);
    file_add_safety(c, path);
    return reply_blob(c, path, &f.oid, held, e);
}

/* Where a notebook can be looked at: its page here. */
static bool get_notebook(struct call *c, struct err *e)
{
    struct vcs_revision rev;
    struct vcs_entry entry;
    struct vcs_repo *git;
    str rev_text, path;
    bool found;
    if (!call_rev_path(c, "rest", &rev, &rev_text, &path, e) || !call_git(c, &git, e) ||
        !vcs_entry_find(git, &rev.commit, path, &entry, &found, c->a, e))
        return false;
    if (!found || entry.kind != VCS_FILE) return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "There is no file \"%.*s\" in this revision", STR_ARG(str_to(path, 200)));
    struct buf b = BUF_INIT(0), url = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    buf_addf(&url, "%.*s/blob/", STR_ARG(call_repo_url(c, &c->repo)));
    http_encode(&url, rev_text, "");
    buf_byte(&url, '/');
    http_encode(&url, path, "/");
    jw_object(&w);
    if (str_ends_nocase(path, STR(".ipynb"))) jw_kstr(&w, "url", buf_str(&url));
    else jw_kstr(&w, "error", STR("This file is no notebook"));
    jw_object_end(&w);
    buf_deinit(&url);
    return call_reply_json(c, 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, ANY_REPO "/notebook/*rest", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_notebook, "file.notebook", SHAPE_HUB },
    WEB_ROWS(HTTP_GET, "/resolve/*rest", PERM_REPO_READ, HTTP_BODY_NONE, 0, HTTP_INLINE, get_resolve, "file.resolve"),
    WEB_ROWS(HTTP_GET, "/raw/*rest", PERM_REPO_READ, HTTP_BODY_NONE, 0, HTTP_INLINE, get_raw, "file.raw"),
    { HTTP_GET, "/api/resolve-cache/:kind(models|datasets|spaces|kernels)/:ns/:repo/:rev/*rest", PERM_REPO_READ,
      HTTP_BODY_NONE, 0, HTTP_INLINE, get_resolve, "file.resolve-cache", SHAPE_HUB },
};
const struct api_table hub_file_table = API_TABLE(rows);
