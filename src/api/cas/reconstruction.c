/* api/cas/reconstruction.c - what a client must fetch to have bytes [a, b) of a file.
 *
 * Only of files that the token's repository or bucket has: a file's hash is no right to its content.  Both versions say the
 * same; every entry has one range, and its link is signed for just that range, so that no client needs to ask for
 * several at once. */
#include "api/cas/cas_api.h"
#include "hub/bucket/bucket.h"
#include "hub/large_file.h"

enum { ANSWER_BYTES_MAX = 64 << 20, BATCH_MAX = 1000 };

static bool find_file(struct call *c, const struct xet_hash *hash, struct cas_file *out, bool *found, struct err *e)
{
    struct large_file registered;
    *out = (struct cas_file){ .hash = *hash };
    if (xet_hash_is_zero(hash)) return *found = true; /* the empty file, which everybody has */
    if (!cas_file_find(hub_cas(c->hub), hash, c->a, out, found, e) || !*found) return *found;
    if (c->bucket) return bucket_has(call_db(c), c->bucket->id, &out->sha256, found, e);
    return large_file_find(c->hub, call_db(c), c->repo.id, &out->sha256, &registered, found, e);
}

static bool need_file(struct call *c, struct cas_file *out, struct err *e)
{
    struct xet_hash hash;
    bool found;
    if (!cas_param_hash(c, &hash, e)) return false;
    struct err why = { .code = ERR_NONE };
    if (!find_file(c, &hash, out, &found, &why) && why.code != ERR_NONE) return (*e = why, false);
    return found || err_set(e, ERR_NOT_FOUND, "This repository has no such file");
}

/* ------------------------------------------------------------------ writing */

static void write_span(struct json_writer *w, const char *key, uint64_t start, uint64_t end)
{
    jw_kobject(w, key);
    jw_kint(w, "start", (int64_t)start);
    jw_kint(w, "end", (int64_t)end);
    jw_object_end(w);
}

static void write_term(struct json_writer *w, const struct xet_hash *xorb, uint32_t raw_bytes, uint32_t first, uint32_t end)
{
    jw_object(w);
    jw_kxet_hash(w, "hash", xorb);
    jw_kint(w, "unpacked_length", raw_bytes);
    write_span(w, "range", first, end);
    jw_object_end(w);
}

static void write_fetch(struct call *c, struct json_writer *w, const struct xet_fetch *f, bool is_v2, struct buf *link)
{
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(&f->xorb, hex);
    jw_karray(w, hex);
    for (size_t i = 0; i < f->ranges_count; i++) {
        const struct xet_fetch_range *r = &f->range[i];
        jw_object(w);
        cas_fetch_link(c, &f->xorb, r->byte_first, r->byte_last, link);
        jw_kstr(w, "url", buf_str(link));
        if (is_v2) {
            jw_karray(w, "ranges");
            jw_object(w);
        }
        write_span(w, is_v2 ? "chunks" : "range", r->first, r->end);
        write_span(w, is_v2 ? "bytes" : "url_range", r->byte_first, r->byte_last);
        if (is_v2) {
            jw_object_end(w);
            jw_array_end(w);
        }
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_fetches(struct call *c, struct json_writer *w, const struct xet_plan *p, bool is_v2)
{
    struct buf link = BUF_INIT(0);
    jw_kobject(w, is_v2 ? "xorbs" : "fetch_info");
    for (size_t i = 0; i < p->fetches_count; i++) write_fetch(c, w, &p->fetch[i], is_v2, &link);
    jw_object_end(w);
    buf_deinit(&link);
}

static bool reply_plan(struct call *c, const struct xet_plan *p, bool is_v2)
{
    struct buf b = BUF_INIT(ANSWER_BYTES_MAX);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kint(&w, "offset_into_first_range", (int64_t)p->offset_into_first_range);
    jw_karray(&w, "terms");
    for (size_t i = 0; i < p->terms_count; i++)
        write_term(&w, &p->term[i].xorb, p->term[i].raw_bytes, p->term[i].first, p->term[i].end);
    jw_array_end(&w);
    write_fetches(c, &w, p, is_v2);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ asking */

/* Of the Range header; all of it without one.  Clients ask two ranges at once without knowing the size, so 416 is the
 * usual answer to the second of a small file. */
static bool read_range(struct call *c, uint64_t size, uint64_t *begin, uint64_t *end, struct err *e)
{
    struct http_range r[HTTP_RANGES_MAX];
    size_t n = 0;
    str header = http_header(c->http, "Range");
    *begin = 0;
    *end = size;
    if (!header.p || size == 0) return true;
    switch (http_range_parse(header, size, r, &n)) {
    case HTTP_RANGE_NONE: return true;
    case HTTP_RANGE_UNSATISFIABLE:
        http_add_headerf(c->http, "Content-Range", "bytes */%llu", (unsigned long long)size);
        return err_set(e, ERR_BAD_RANGE, "The file has %llu bytes", (unsigned long long)size);
    case HTTP_RANGE_SOME: break;
    }
    if (n > 1) return err_set(e, ERR_INVALID, "One range at a time");
    *begin = r[0].first;
    *end = r[0].last + 1;
    return true;
}

static bool reply_reconstruction(struct call *c, bool is_v2, struct err *e)
{
    struct cas_file f;
    struct xet_plan plan;
    uint64_t begin, end;
    if (!need_file(c, &f, e) || !read_range(c, f.size_bytes, &begin, &end, e)) return false;
    return cas_plan(hub_cas(c->hub), &f, begin, end, c->a, &plan, e) && reply_plan(c, &plan, is_v2);
}

static bool get_v2(struct call *c, struct err *e) { return reply_reconstruction(c, true, e); }
static bool get_v1(struct call *c, struct err *e) { return reply_reconstruction(c, false, e); }

/* Several files, whole: terms of each, and the fetches of all as if they were one file. */
static bool get_batch(struct call *c, struct err *e)
{
    struct cas_file *file = arena_alloc(c->a, BATCH_MAX * sizeof *file), all = { 0 };
    size_t n = 0, terms = 0;
    str text;
    for (size_t i = 0; http_query_nth(c->http, "file_id", i, &text); i++) {
        struct xet_hash hash;
        struct err why = { .code = ERR_NONE };
        bool found;
        if (i == BATCH_MAX) return err_set(e, ERR_TOO_LARGE, "At most %d files can be asked for at once", BATCH_MAX);
        if (!xet_hash_parse(text, &hash)) return err_set(e, ERR_INVALID, "\"file_id\" must be 64 hexadecimal digits");
        if (!find_file(c, &hash, &file[n], &found, &why) && why.code != ERR_NONE) return (*e = why, false);
        if (!found) continue;
        terms += file[n].terms_count;
        all.size_bytes += file[n++].size_bytes;
    }
    struct xet_stored_term *term = arena_try_array(c->a, terms + 1, sizeof *term);
    if (!term) return err_set(e, ERR_TOO_LARGE, "The answer would have %zu terms; ask for fewer files", terms);
    for (size_t i = 0; i < n; i++) {
        if (file[i].terms_count) memcpy(term + all.terms_count, file[i].term, file[i].terms_count * sizeof *term);
        all.terms_count += file[i].terms_count;
    }
    all.term = term;

    struct xet_plan plan;
    if (!cas_plan(hub_cas(c->hub), &all, 0, all.size_bytes, c->a, &plan, e)) return false;
    struct buf b = BUF_INIT(ANSWER_BYTES_MAX);
    struct json_writer w = json_writer(&b);
    char hex[XET_HASH_HEX + 1];
    jw_object(&w);
    jw_kobject(&w, "files");
    for (size_t i = 0; i < n; i++) {
        xet_hash_hex(&file[i].hash, hex);
        jw_karray(&w, hex);
        for (size_t t = 0; t < file[i].terms_count; t++) {
            const struct xet_stored_term *x = &file[i].term[t];
            write_term(&w, &x->xorb, x->raw_bytes, x->first, x->end);
        }
        jw_array_end(&w);
    }
    jw_object_end(&w);
    write_fetches(c, &w, &plan, false);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* HEAD tells the size; GET gives the bytes, which a token for the repository may have anyway. */
static bool get_file(struct call *c, struct err *e)
{
    struct cas_file f;
    if (!need_file(c, &f, e)) return false;
    if (f.size_bytes == 0) return http_reply(c->http, 200, "application/octet-stream", STR(""));
    return call_reply_object(c, "application/octet-stream", &f.sha256, f.size_bytes, e);
}

static bool get_chunk_hashes(struct call *c, struct err *e)
{
    (void)c;
    return err_set(e, ERR_NOT_BUILT, "file-chunk-hashes, for clients that rewrite parts of a file, is not built in this version of "
                                     "Hearth; upload the whole file");
}

#define READ_ROW(path, fn, name) CAS_ROW(HTTP_GET, path, PERM_XET_READ, HTTP_BODY_NONE, 0, 0, fn, name)
static const struct api_route rows[] = {
    READ_ROW("/v2/reconstructions/:hash", get_v2, "xet.reconstruct"),
    READ_ROW("/v1/reconstructions/:hash", get_v1, "xet.reconstruct-v1"),
    READ_ROW("/reconstructions/:hash", get_v1, "xet.reconstruct-v1"),
    READ_ROW("/reconstruction/:hash", get_v1, "xet.reconstruct-v1"),
    READ_ROW("/v1/reconstructions", get_batch, "xet.reconstruct-many"),
    READ_ROW("/reconstructions", get_batch, "xet.reconstruct-many"),
    READ_ROW("/v1/files/:hash", get_file, "xet.file"),
    READ_ROW("/files/:hash", get_file, "xet.file"),
    READ_ROW("/v2/file-chunk-hashes/:hash", get_chunk_hashes, "xet.file-chunk-hashes"),
};
const struct api_table cas_reconstruction_table = API_TABLE(rows);
