/* api/oci.c - the registry-like routes that older llama.cpp asks: which GGUF file does a tag mean?
 *
 *     GET /v2/{ns}/{repo}/manifests/{tag}   User-Agent: llama-cpp
 * A tag is a quantisation ("Q4_K_M", any case) or a file name; "latest" prefers Q4_K_M, then Q8_0, then
 * the first GGUF file by name.  Other registry clients (Ollama) need a manifest of layers; that is not
 * built, and is said so. */
#include "api/hub/repo_json.h"

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

struct choice {
    str tag;
    struct arena *a;
    size_t rank; /* of the model so far: the place among the preferred ones */
    struct repo_file_row model, projector; /* path .p NULL: none yet */
};

static const str preferred[] = { STR_INIT("Q4_K_M"), STR_INIT("Q8_0") };
enum { RANK_NONE = COUNT(preferred) + 1 };

static size_t rank_of(str path, str tag)
{
    size_t p = 0;
    if (!str_eq(tag, STR("latest"))) return str_eq_nocase(path, tag) || names_tag(path, tag) ? 0 : RANK_NONE;
    while (p < COUNT(preferred) && !names_tag(path, preferred[p])) p++;
    return p;
}

/* The first by name of those that are preferred most. */
static bool consider(void *ctx, const struct repo_file_row *f)
{
    struct choice *k = ctx;
    if (!is_gguf(f->path)) return true;
    bool is_model = !is_projector(f->path);
    size_t rank = is_model ? rank_of(f->path, k->tag) : 0;
    struct repo_file_row *to = is_model ? &k->model : &k->projector;
    if (is_model ? rank >= k->rank : to->path.p != NULL) return true;
    if (is_model) k->rank = rank;
    *to = *f;
    to->path = arena_dup(k->a, f->path);
    to->oid = arena_dup(k->a, f->oid);
    return true;
}

static void write_file(struct json_writer *w, const char *key, const struct repo_file_row *f)
{
    jw_kobject(w, key);
    write_repo_file(w, f, true);
    jw_object_end(w);
}

static bool get_manifest(struct call *c, struct err *e)
{
    struct choice k = { .tag = call_param(c, "tag"), .a = c->a, .rank = RANK_NONE };
    if (!str_starts(http_header(c->http, "User-Agent"), STR("llama-cpp")))
        return err_set(e, ERR_NOT_BUILT, "Manifests for registry clients are not built; this route serves llama.cpp");
    if (!repo_files_each(call_db(c), c->repo.id, consider, &k, e)) return false;
    if (!k.model.path.p)
        return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "No GGUF file of %.*s has the tag %.*s", STR_ARG(c->repo.full_name), STR_ARG(str_to(k.tag, 100)));
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    write_file(&w, "ggufFile", &k.model);
    if (k.projector.path.p) write_file(&w, "mmprojFile", &k.projector);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/v2/:ns/:repo/manifests/:tag", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_manifest, "oci.manifest", SHAPE_HUB },
};
const struct api_table oci_table = API_TABLE(rows);
