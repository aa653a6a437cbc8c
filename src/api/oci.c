/* api/oci.c - the registry-like routes that older llama.cpp asks: which GGUF file does a tag mean?
 *
 *     GET /v2/{ns}/{repo}/manifests/{tag}   User-Agent: llama-cpp
 * A tag is a quantisation ("Q4_K_M", any case) or a file name; "latest" prefers Q4_K_M, then Q8_0, then
 * the first GGUF file by name.  Other registry clients (Ollama) need a manifest of layers; that is not
 * built, and is said so. */
#include "api/api.h"
#include "base/hash.h"
#include "hub/index/list.h"

static bool is_gguf(str path) { return str_ends_nocase(path, STR(".gguf")); }
static bool is_projector(str path)
{
    size_t slash = str_rchr(path, '/');
    return str_starts_nocase(slash == STR_NONE ? path : str_from(path, slash + 1), STR("mmproj"));
}

/* The file whose name holds the tag as a word: not followed by a letter, a digit or '_'. */
static bool names_tag(str path, str tag)
{
    for (str rest = path;;) {
        size_t at = str_find_nocase(rest, tag);
        if (at == STR_NONE) return false;
        str behind = str_from(rest, at + tag.n);
        char next = behind.n ? behind.p[0] : '.';
        bool goes_on = next == '_' || (next >= '0' && next <= '9') || (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z');
        if (!goes_on) return true;
        rest = behind;
    }
}

static const struct repo_file_row *choose(const struct repo_file_row *file, size_t n, str tag)
{
    static const str preferred[] = { STR_INIT("Q4_K_M"), STR_INIT("Q8_0") };
    bool latest = str_eq(tag, STR("latest"));
    for (size_t i = 0; i < n && !latest; i++)
        if (is_gguf(file[i].path) && !is_projector(file[i].path) && (str_eq_nocase(file[i].path, tag) || names_tag(file[i].path, tag)))
            return &file[i];
    if (!latest) return NULL;
    for (size_t p = 0; p < COUNT(preferred); p++)
        for (size_t i = 0; i < n; i++)
            if (is_gguf(file[i].path) && !is_projector(file[i].path) && names_tag(file[i].path, preferred[p])) return &file[i];
    for (size_t i = 0; i < n; i++)
        if (is_gguf(file[i].path) && !is_projector(file[i].path)) return &file[i];
    return NULL;
}

static void write_file(struct json_writer *w, const char *key, const struct repo_file_row *f)
{
    char hex[SHA256_HEX + 1];
    jw_kobject(w, key);
    jw_kstr(w, "rfilename", f->path);
    jw_kstr(w, "blobId", f->oid);
    jw_kint(w, "size", (int64_t)f->size_bytes);
    if (f->is_lfs) {
        hex_encode((bytes){ f->sha256.b, SHA256_BYTES }, hex);
        jw_kobject(w, "lfs");
        jw_kstr(w, "sha256", str_c(hex));
        jw_kint(w, "size", (int64_t)f->size_bytes);
        jw_kint(w, "pointerSize", (int64_t)f->pointer_bytes);
        jw_object_end(w);
    }
    jw_object_end(w);
}

static bool get_manifest(struct call *c, struct err *e)
{
    struct repo_file_row *file;
    size_t n;
    str tag = call_param(c, "tag"), agent = http_header(c->http, "User-Agent");
    if (!str_starts(agent, STR("llama-cpp")))
        return err_set(e, ERR_NOT_BUILT, "Manifests for registry clients are not built; this route serves llama.cpp");
    if (!repo_files(call_db(c), c->repo.id, c->a, &file, &n, e)) return false;
    const struct repo_file_row *chosen = choose(file, n, tag);
    if (!chosen)
        return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "No GGUF file of %.*s has the tag %.*s", STR_ARG(c->repo.full_name), STR_ARG(str_to(tag, 100)));
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    write_file(&w, "ggufFile", chosen);
    for (size_t i = 0; i < n; i++) {
        if (!is_gguf(file[i].path) || !is_projector(file[i].path)) continue;
        write_file(&w, "mmprojFile", &file[i]);
        break;
    }
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/v2/:ns/:repo/manifests/:tag", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_manifest, "oci.manifest", SHAPE_HUB },
};
const struct api_table oci_table = API_TABLE(rows);
