/* api/space/static.c - a static Space: its files, as they are at the head of main, on its own host.
 *
 * Here a page may run, unlike at the hub: the host is the Space's alone.  The first page gets the Space's variables; secrets are for
 * programs, and are in no byte that leaves here. */
#include "api/api_priv.h"
#include "api/space/space_api.h"
#include "hub/file.h"
#include "hub/index/list.h"
#include "hub/space_setting.h"

enum { ENTRY_BYTES_MAX = 16 << 20 };

static const struct {
    str suffix;
    const char *type;
} types[] = {
    { STR_INIT(".html"), "text/html; charset=utf-8" },       { STR_INIT(".htm"), "text/html; charset=utf-8" },
    { STR_INIT(".css"), "text/css; charset=utf-8" },         { STR_INIT(".js"), "text/javascript; charset=utf-8" },
    { STR_INIT(".mjs"), "text/javascript; charset=utf-8" },  { STR_INIT(".json"), "application/json; charset=utf-8" },
    { STR_INIT(".map"), "application/json; charset=utf-8" }, { STR_INIT(".wasm"), "application/wasm" },
    { STR_INIT(".svg"), "image/svg+xml; charset=utf-8" },    { STR_INIT(".xml"), "application/xml; charset=utf-8" },
    { STR_INIT(".png"), "image/png" },                       { STR_INIT(".jpg"), "image/jpeg" },
    { STR_INIT(".jpeg"), "image/jpeg" },                     { STR_INIT(".gif"), "image/gif" },
    { STR_INIT(".webp"), "image/webp" },                     { STR_INIT(".avif"), "image/avif" },
    { STR_INIT(".ico"), "image/x-icon" },                    { STR_INIT(".bmp"), "image/bmp" },
    { STR_INIT(".woff"), "font/woff" },                      { STR_INIT(".woff2"), "font/woff2" },
    { STR_INIT(".ttf"), "font/ttf" },                        { STR_INIT(".otf"), "font/otf" },
    { STR_INIT(".wav"), "audio/wav" },                       { STR_INIT(".mp3"), "audio/mpeg" },
    { STR_INIT(".flac"), "audio/flac" },                     { STR_INIT(".ogg"), "audio/ogg" },
    { STR_INIT(".mp4"), "video/mp4" },                       { STR_INIT(".webm"), "video/webm" },
    { STR_INIT(".pdf"), "application/pdf" },                 { STR_INIT(".webmanifest"), "application/manifest+json" },
    { STR_INIT(".csv"), "text/csv; charset=utf-8" },         { STR_INIT(".txt"), "text/plain; charset=utf-8" },
    { STR_INIT(".md"), "text/plain; charset=utf-8" },        { STR_INIT(".py"), "text/plain; charset=utf-8" },
    { STR_INIT(".yml"), "text/plain; charset=utf-8" },       { STR_INIT(".yaml"), "text/plain; charset=utf-8" },
};

static const char *type_of(str path)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_ends_nocase(path, types[i].suffix)) return types[i].type;
    return "application/octet-stream";
}

/* ------------------------------------------------------------------ headers of the card */

/* These three names, and what browsers know as their values. */
void space_add_card_headers(struct call *c, const struct json *card)
{
    static const struct { const char *name; const char *values; } allowed[] = {
        { "cross-origin-embedder-policy", " unsafe-none require-corp credentialless " },
        { "cross-origin-opener-policy", " unsafe-none same-origin same-origin-allow-popups noopener-allow-popups " },
        { "cross-origin-resource-policy", " same-site same-origin cross-origin " },
    };
    const struct json *given = json_get(card, STR("custom_headers"));
    for (size_t i = 0; i < COUNT(allowed); i++) {
        str value = json_str_or(given, str_c(allowed[i].name), STR(""));
        bool known = value.n && str_chr(value, ' ') == STR_NONE && str_find(str_c(allowed[i].values), arena_fmt(c->a, " %.*s ", STR_ARG(value))) != STR_NONE;
        if (known) http_add_header(c->http, allowed[i].name, value);
    }
    if (json_bool_or(card, STR("disable_embedding"), false)) {
        str hub = space_hub_origins(c);
        http_add_headerf(c->http, "Content-Security-Policy", "frame-ancestors 'self' %.*s", STR_ARG(hub));
    }
}

/* ------------------------------------------------------------------ variables, in the first page */

/* JSON that can stand in a script of a page: nothing in it ends one, or a line of one. */
static void add_script_json(struct buf *b, str json)
{
    for (size_t i = 0; i < json.n; i++) {
        unsigned char ch = (unsigned char)json.p[i];
        bool is_line = ch == 0xe2 && i + 2 < json.n && (unsigned char)json.p[i + 1] == 0x80 && ((unsigned char)json.p[i + 2] & 0xfe) == 0xa8;
        if (ch == '<' || ch == '>' || ch == '&') buf_addf(b, "\\u%04x", ch);
        else if (is_line) buf_addf(b, "\\u20%02x", (unsigned char)json.p[i + 2] & 0x2f);
        else buf_byte(b, (char)ch);
        if (is_line) i += 2;
    }
}

static bool add_variables(struct call *c, const struct json *card, struct buf *b, struct err *e)
{
    struct space_setting *v;
    size_t n;
    struct buf json = BUF_INIT(0);
    struct json_writer w = json_writer(&json);
    str host = api_host_name(http_header(c->http, "Host")), hub = call_hub_url(c);
    if (!space_setting_list(call_db(c), c->repo.id, false, c->a, &v, &n, e)) return false;
    jw_object(&w);
    jw_kobject(&w, "variables");
    for (size_t i = 0; i < n; i++) {
        jw_key(&w, v[i].name);
        jw_str(&w, v[i].value);
    }
    jw_kstr(&w, "SPACE_ID", c->repo.full_name);
    jw_kstr(&w, "SPACE_HOST", host);
    jw_kstr(&w, "HF_ENDPOINT", hub);
    bool ok = space_write_sign_in(c, &w, card, e);
    jw_object_end(&w);
    jw_object_end(&w);
    buf_lit(b, "<script>window.huggingface=");
    add_script_json(b, buf_str(&json));
    buf_lit(b, "</script>");
    buf_deinit(&json);
    return ok;
}

static bool is_end_of_name(char ch) { return ch == '>' || ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n' || ch == '/'; }

/* Behind "<head ..>", else behind "<html ..>" or the document type, else at the start. */
static size_t place_of_script(str html)
{
    static const str tags[] = { STR_INIT("<head"), STR_INIT("<html"), STR_INIT("<!doctype") };
    for (size_t t = 0; t < COUNT(tags); t++) {
        size_t at = str_find_nocase(html, tags[t]);
        if (at == STR_NONE || at + tags[t].n >= html.n || !is_end_of_name(html.p[at + tags[t].n])) continue;
        size_t end = str_chr(str_from(html, at), '>');
        if (end != STR_NONE) return at + end + 1;
    }
    return 0;
}

/* ------------------------------------------------------------------ files */

static bool is_html(const char *type) { return str_starts(str_c(type), STR("text/html")); }

static bool reply_bytes(struct call *c, const char *type, str etag, str data, int status, struct err *e)
{
    if (status != 200) return http_reply(c->http, status, type, data);
    struct http_content content = { .content_type = type, .etag = etag, .size = data.n, .data = data };
    return http_reply_content(c->http, &content, e);
}

static bool reply_page(struct call *c, const struct json *card, str path, str etag, str html, int status, struct err *e)
{
    struct buf b = BUF_INIT(2 * ENTRY_BYTES_MAX), script = BUF_INIT(0);
    size_t at = place_of_script(html), n;
    if (!add_variables(c, card, &script, e)) {
        buf_deinit(&script);
        return false;
    }
    struct sha256 hash = sha256_of(bytes_of(buf_str(&script)));
    char hex[SHA256_HEX + 1];
    hex_encode((bytes){ hash.b, SHA256_BYTES }, hex);
    buf_add(&b, str_to(html, at));
    buf_add(&b, buf_str(&script));
    buf_add(&b, str_from(html, at));
    buf_deinit(&script);
    if (b.failed) return err_set(e, ERR_TOO_LARGE, "%.*s is too large for a page", STR_ARG(path));
    char *data = buf_take(&b, &n);
    http_own(c->http, data, n);
    return reply_bytes(c, type_of(path), arena_fmt(c->a, "\"%.*s-%.16s\"", STR_ARG(etag), hex), str_n(data, n), status, e);
}

static bool reply_file(struct call *c, const struct json *card, const struct repo_file_row *f, bool is_entry, int status, struct err *e)
{
    const char *type = type_of(f->path);
    struct vcs_oid oid;
    struct file_blob *held;
    http_add_header(c->http, "Cache-Control", c->repo.is_private ? STR("private, no-cache") : STR("no-cache"));
    if (f->is_lfs) return call_reply_object(c, type, &f->sha256, f->size_bytes, e);
    if (!vcs_oid_parse(f->oid, &oid)) return err_set(e, ERR_INTERNAL, "the index has a malformed id");
    if (!file_hold(c->hub, &c->repo, &oid, &c->git_lent, &held, e)) return false;
    arena_on_free(c->a, file_blob_release, held);
    str data = file_blob_content(held);
    if (is_entry && is_html(type) && data.n <= ENTRY_BYTES_MAX) return reply_page(c, card, f->path, f->oid, data, status, e);
    return reply_bytes(c, type, arena_fmt(c->a, "\"%.*s\"", STR_ARG(f->oid)), data, status, e);
}

static bool find(struct call *c, str path, struct repo_file_row *out, bool *found, struct err *e)
{
    *found = false;
    return !path.n || repo_file_find(call_db(c), c->repo.id, path, out, found, c->a, e);
}

/* A folder was asked for as a file: its page's links mean what they say only behind a '/'. */
static bool redirect_to_folder(struct call *c)
{
    str query = http_query_raw(c->http), path = http_path(c->http);
    http_add_headerf(c->http, "Location", "%.*s/%s%.*s", STR_ARG(path), query.n ? "?" : "", STR_ARG(query));
    return http_reply_empty(c->http, 308);
}

/* The file that `path` means below `root`, a folder with its '/'; *is_folder: a folder is called so, and has a page. */
static bool look_up(struct call *c, str root, str path, struct repo_file_row *out, bool *found, bool *is_folder, struct err *e)
{
    struct repo_file_row ignored;
    bool wants_folder = !path.n || path.p[path.n - 1] == '/';
    str full = arena_fmt(c->a, "%.*s%.*s", STR_ARG(root), STR_ARG(path));
    *is_folder = false;
    if (wants_folder) return find(c, arena_fmt(c->a, "%.*sindex.html", STR_ARG(full)), out, found, e);
    if (!find(c, full, out, found, e)) return false;
    return *found || find(c, arena_fmt(c->a, "%.*s/index.html", STR_ARG(full)), &ignored, is_folder, e);
}

bool space_serve_static(struct call *c, const struct json *card, struct err *e)
{
    enum http_method m = http_method_of(c->http);
    str path = call_param(c, "path"), entry = json_str_or(card, STR("app_file"), STR("index.html"));
    struct repo_file_row f;
    bool found, is_folder = false, is_entry = !path.n;
    if (m != HTTP_GET && m != HTTP_HEAD) {
        http_add_header(c->http, "Allow", STR("GET, HEAD"));
        return err_set(e, ERR_BAD_METHOD, "This Space is files: they can be read");
    }
    if (json_str_or(card, STR("app_build_command"), STR("")).n)
        return err_set(e, ERR_NOT_BUILT, "The card names an app_build_command, and this version of Hearth builds no static Spaces: push what the command makes, and take its line out of the card");
    space_add_card_headers(c, card);
    /* What is built stands in a folder, and its page speaks of "/assets": so the folder of the first page is looked into before the rest. */
    str folder = str_to(entry, str_rchr(entry, '/') == STR_NONE ? 0 : str_rchr(entry, '/') + 1);
    if (is_entry) {
        if (!find(c, entry, &f, &found, e)) return false;
    } else {
        if (!look_up(c, folder, path, &f, &found, &is_folder, e)) return false;
        if (!found && !is_folder && folder.n && !look_up(c, STR(""), path, &f, &found, &is_folder, e)) return false;
    }
    if (is_folder) return redirect_to_folder(c);
    if (found) return reply_file(c, card, &f, is_entry || str_eq(f.path, entry), 200, e);
    if (!find(c, arena_fmt(c->a, "%.*s404.html", STR_ARG(folder)), &f, &found, e)) return false;
    if (found && !f.is_lfs) return reply_file(c, card, &f, true, 404, e);
    return is_entry ? err_set(e, ERR_NOT_FOUND, "This Space has no %.*s yet", STR_ARG(str_to(entry, 200)))
                    : err_set(e, ERR_NOT_FOUND, "This Space has no file %.*s", STR_ARG(str_to(path, 200)));
}
