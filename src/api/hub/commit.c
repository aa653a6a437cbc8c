/* api/hub/commit.c - preupload, and commits as NDJSON streams.
 *
 * A commit body may be far larger than memory should be: lines are read one at a time, each into an arena
 * that is emptied after it, and contents go into the repository's object store at once.  Nothing is visible
 * until the last line has been read and every check has passed. */
#include "api/hub/hub_api.h"
#include "base/hash.h"
#include "hub/card/card.h"
#include "hub/commit/commit.h"

enum {
    PREUPLOAD_FILES_MAX = 1000,
    LINE_BYTES_MAX = 24 << 20, /* a regular file of 10 MiB in base64, and its path */
    READ_BYTES = 64 << 10,
    LEGACY_BODY_MAX = 64 << 20,
};

/* ------------------------------------------------------------------ preupload */

static bool read_preupload_file(struct call *c, const struct json *item, struct preupload_file *f, struct err *e)
{
    int64_t size;
    str sample;
    if (!json_need_str(item, "path", &f->path, e)) return false;
    if (!json_int(json_get(item, STR("size")), &size) || size < 0)
        return err_set(e, ERR_INVALID, "\"size\" of %.*s is required and must not be negative", STR_ARG(str_to(f->path, 200)));
    f->size_bytes = (uint64_t)size;
    sample = json_str_or(item, STR("sample"), STR(""));
    if (sample.n > 4096) return err_set(e, ERR_INVALID, "\"sample\" of %.*s is longer than 512 bytes", STR_ARG(str_to(f->path, 200)));
    uint8_t *bytes_out = arena_alloc(c->a, base64_decoded_max(sample.n));
    size_t n;
    if (!base64_decode(sample, bytes_out, &n))
        return err_set(e, ERR_INVALID, "\"sample\" of %.*s is not base64", STR_ARG(str_to(f->path, 200)));
    f->sample = (bytes){ bytes_out, n };
    return true;
}

static bool post_preupload(struct call *c, struct err *e)
{
    struct json *body;
    if (!call_json(c, &body, e)) return false;
    const struct json *files = json_get(body, STR("files"));
    if (!json_is(files, JSON_ARRAY)) return err_set(e, ERR_INVALID, "\"files\" is required: a list of files");
    if (files->count > PREUPLOAD_FILES_MAX)
        return err_set(e, ERR_TOO_LARGE, "At most %d files can be asked for at once", PREUPLOAD_FILES_MAX);

    struct preupload p = { .rev = call_param(c, "rev"),
                           .creates_pr = http_query_bool(c->http, "create_pr", false),
                           .files = arena_alloc(c->a, (files->count + 1) * sizeof *p.files),
                           .files_count = files->count };
    if (!commit_allow(call_db(c), &c->who, &c->repo, p.rev, p.creates_pr, e)) return false;
    json_str(json_get(body, STR("gitIgnore")), &p.git_ignore);
    json_str(json_get(body, STR("gitAttributes")), &p.git_attributes);
    size_t i = 0;
    json_each (item, files)
        if (!read_preupload_file(c, item, &p.files[i++], e)) return false;
    if (!commit_preupload(c->hub, &c->repo, &p, c->a, e)) return false;

    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_karray(&w, "files");
    for (i = 0; i < p.files_count; i++) {
        jw_object(&w);
        jw_kstr(&w, "path", p.files[i].path);
        jw_kstr(&w, "uploadMode", p.files[i].is_lfs ? STR("lfs") : STR("regular"));
        jw_kbool(&w, "shouldIgnore", p.files[i].should_ignore);
        if (p.files[i].oid.p) jw_kstr(&w, "oid", p.files[i].oid);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    write_oid(&w, "commitOid", &p.commit);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ one operation */

static bool op_header(struct commit *k, const struct json *v, struct err *e)
{
    str summary = json_str_or(v, STR("summary"), STR("")), parent = json_str_or(v, STR("parentCommit"), STR(""));
    if (summary.n == 0) return err_set(e, ERR_INVALID, "\"summary\" is required: the title of the commit");
    return commit_header(k, summary, json_str_or(v, STR("description"), STR("")), parent, e);
}

static bool op_file(struct commit *k, const struct json *v, struct arena *a, struct err *e)
{
    str path, old, content = json_str_or(v, STR("content"), STR("")), encoding = json_str_or(v, STR("encoding"), STR("utf-8"));
    if (!json_need_str(v, "path", &path, e)) return false;
    if (json_str(json_get(v, STR("oldPath")), &old)) return commit_copy(k, old, path, true, e);
    if (!json_is(json_get(v, STR("content")), JSON_STRING)) return err_set(e, ERR_INVALID, "\"content\" of a file is required and must be a string");
    if (str_eq(encoding, STR("utf-8"))) return commit_put_file(k, path, bytes_of(content), e);
    if (!str_eq(encoding, STR("base64"))) return err_set(e, ERR_INVALID, "\"encoding\" must be \"base64\" or \"utf-8\"");
    uint8_t *plain = arena_try(a, base64_decoded_max(content.n));
    size_t n;
    if (!plain) return err_set(e, ERR_TOO_LARGE, "%.*s is too large for a regular file; send it as a large file", STR_ARG(str_to(path, 200)));
    if (!base64_decode(content, plain, &n)) return err_set(e, ERR_INVALID, "The content of %.*s is not base64", STR_ARG(str_to(path, 200)));
    return commit_put_file(k, path, (bytes){ plain, n }, e);
}

static bool op_large_file(struct commit *k, const struct json *v, struct err *e)
{
    str path, old, oid;
    struct sha256 sha256;
    int64_t size = -1;
    if (!json_need_str(v, "path", &path, e)) return false;
    if (!json_str(json_get(v, STR("oid")), &oid) && json_str(json_get(v, STR("oldPath")), &old))
        return commit_copy(k, old, path, true, e);
    if (!json_need_str(v, "oid", &oid, e)) return false;
    if (!sha256_parse(oid, &sha256)) return err_set(e, ERR_INVALID, "\"oid\" must be a sha256 in 64 lower-case digits");
    json_int(json_get(v, STR("size")), &size);
    uint64_t promised = (uint64_t)size;
    return commit_put_large(k, path, &sha256, size < 0 ? NULL : &promised, e);
}

static bool op_delete(struct commit *k, const struct json *v, enum vcs_edit_kind kind, struct err *e)
{
    str path;
    return json_need_str(v, "path", &path, e) && commit_delete(k, path, kind, e);
}

static bool apply_op(struct commit *k, str key, const struct json *v, bool *has_header, struct arena *a, struct err *e)
{
    if (str_eq(key, STR("header"))) {
        if (*has_header) return err_set(e, ERR_INVALID, "A commit has exactly one header line");
        *has_header = true;
        return op_header(k, v, e);
    }
    if (!*has_header) return err_set(e, ERR_INVALID, "The first line of a commit must be its header");
    if (str_eq(key, STR("file"))) return op_file(k, v, a, e);
    if (str_eq(key, STR("lfsFile"))) return op_large_file(k, v, e);
    if (str_eq(key, STR("deletedFile"))) return op_delete(k, v, VCS_REMOVE_ANY, e);
    if (str_eq(key, STR("deletedFolder"))) return op_delete(k, v, VCS_REMOVE_DIR, e);
    if (str_eq(key, STR("deletedEntry"))) return op_delete(k, v, VCS_REMOVE_ANY, e);
    return err_set(e, ERR_INVALID, "\"%.*s\" is no operation of a commit", STR_ARG(str_to(key, 60)));
}

/* ------------------------------------------------------------------ NDJSON */

struct lines {
    struct commit *commit;
    bool has_header;
};

static bool take_line(void *ctx, const struct json *doc, struct arena *scratch, struct err *e)
{
    struct lines *l = ctx;
    const struct json *value = json_get(doc, STR("value"));
    str key;
    if (!json_need_str(doc, "key", &key, e)) return false;
    if (!json_is(value, JSON_OBJECT)) return err_set(e, ERR_INVALID, "\"value\" is required and must be an object");
    return apply_op(l->commit, key, value, &l->has_header, scratch, e);
}

static bool read_ndjson(struct call *c, struct commit *k, struct err *e)
{
    struct lines l = { .commit = k };
    struct ndjson form = { .what = "commit", .advice = ": send files over 10 MiB as large files", .line_bytes_max = LINE_BYTES_MAX,
                           .line = take_line, .ctx = &l };
    if (!ndjson_read(c, &form, e)) return false;
    return l.has_header || err_set(e, ERR_INVALID, "The commit has no header line");
}

/* The older form: one JSON object with lists. */
static bool read_legacy(struct call *c, struct commit *k, struct err *e)
{
    struct buf body = BUF_INIT(LEGACY_BODY_MAX);
    uint8_t *block = arena_alloc(c->a, READ_BYTES);
    struct arena *a = arena_new(4 * (size_t)LEGACY_BODY_MAX);
    struct json *doc;
    bool ok = true, has_header = true;
    size_t got = 1;
    while (ok && got) {
        ok = http_read(c->http, block, READ_BYTES, &got, e);
        if (ok) buf_add(&body, str_n((const char *)block, got));
        if (ok && body.failed) ok = err_set(e, ERR_TOO_LARGE, "A commit in one JSON object may have %d MiB; send application/x-ndjson", LEGACY_BODY_MAX >> 20);
    }
    ok = ok && json_parse(buf_str(&body), a, &doc, e) && op_header(k, doc, e);
    static const struct {
        const char *list;
        str key;
    } lists[] = { { "files", STR_INIT("file") }, { "lfsFiles", STR_INIT("lfsFile") }, { "deletedEntries", STR_INIT("deletedEntry") } };
    for (size_t i = 0; ok && i < COUNT(lists); i++) {
        const struct json *list = json_get(doc, str_c(lists[i].list));
        for (const struct json *item = json_first(list); ok && item; item = item->next)
            ok = apply_op(k, lists[i].key, item, &has_header, a, e);
    }
    arena_free(a);
    buf_deinit(&body);
    return ok;
}

static bool post_commit(struct call *c, struct err *e)
{
    struct commit *k;
    struct commit_result done;
    bool creates_pr = http_query_bool(c->http, "create_pr", false);
    str rev = call_param(c, "rev"), type = http_header(c->http, "Content-Type");
    if (!commit_begin(c->hub, &c->repo, &c->who, rev, creates_pr, &k, e)) return false;
    bool is_legacy = str_starts_nocase(type, STR("application/json"));
    if (!(is_legacy ? read_legacy(c, k, e) : read_ndjson(c, k, e))) {
        commit_abort(k);
        return false;
    }
    if (!commit_finish(k, &done, c->a, e)) return false;

    char hex[VCS_OID_HEX + 1];
    str oid = vcs_oid_hex(&done.commit, hex), url = call_repo_url(c, &c->repo);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kbool(&w, "success", true);
    jw_kstr(&w, "commitOid", oid);
    jw_kstr(&w, "commitUrl", arena_fmt(c->a, "%.*s/commit/%.*s", STR_ARG(url), STR_ARG(oid)));
    jw_kstr(&w, "hookOutput", done.hook_output);
    if (done.pull_request)
        jw_kstr(&w, "pullRequestUrl", arena_fmt(c->a, "%.*s/discussions/%lld", STR_ARG(url), (long long)done.pull_request));
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ card validation */

static void write_messages(struct json_writer *w, const char *key, const str *text, size_t n)
{
    jw_karray(w, key);
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kstr(w, "message", text[i]);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static bool post_validate_yaml(struct call *c, struct err *e)
{
    struct json *body;
    struct card_report report;
    enum repo_kind kind = REPO_MODEL;
    if (!call_json(c, &body, e)) return false;
    str content, type = json_str_or(body, STR("repoType"), STR("model"));
    if (!json_need_str(body, "content", &content, e)) return false;
    if (!repo_kind_parse(type, &kind)) return err_set(e, ERR_INVALID, "\"repoType\" must be one of [model, dataset, space, kernel]");
    if (!card_check(content, kind, c->a, &report, e)) return false;
    int status = report.errors_count ? 400 : 200;

    struct buf b = BUF_INIT(0);
    if (str_starts_nocase(http_header(c->http, "Accept"), STR("text/plain"))) {
        for (size_t i = 0; i < report.errors_count; i++) buf_addf(&b, "- Error: %.*s\n", STR_ARG(report.errors[i]));
        for (size_t i = 0; i < report.warnings_count; i++) buf_addf(&b, "- Warning: %.*s\n", STR_ARG(report.warnings[i]));
        return http_reply_buf(c->http, status, "text/plain; charset=utf-8", &b);
    }
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    write_messages(&w, "errors", report.errors, report.errors_count);
    write_messages(&w, "warnings", report.warnings, report.warnings_count);
    jw_object_end(&w);
    return call_reply_json(c, status, &b);
}

static const struct api_route rows[] = {
    { HTTP_POST, ANY_REPO "/preupload/*rev", PERM_REPO_DISCUSS, HTTP_BODY_WHOLE, 8 << 20, 0, post_preupload, "repo.preupload",
      SHAPE_HUB },
    { HTTP_POST, ANY_REPO "/commit/*rev", PERM_REPO_DISCUSS, HTTP_BODY_STREAM, UINT64_C(64) << 30, 0, post_commit,
      "repo.commit", SHAPE_HUB },
    { HTTP_POST, "/api/validate-yaml", PERM_ANYONE, HTTP_BODY_WHOLE, 2 << 20, 0, post_validate_yaml, "card.validate", SHAPE_HUB },
};
const struct api_table hub_commit_table = API_TABLE(rows);
