/* web/repo/card/use.c - what the snippets of use.html go by: only those are shown that work for this repository's task and files. */
#include "web/repo/card/card.h"

enum { GGUF_MAX = 64 };

static bool is_projector(str path)
{
    size_t slash = str_rchr(path, '/');
    return str_starts_nocase(slash == STR_NONE ? path : str_from(path, slash + 1), STR("mmproj"));
}

/* The packing that llama.cpp and Hearth take of several: Q4_K_M, else the first by name. */
static bool find_gguf(struct call *c, int64_t repo_id, str *out, struct err *e)
{
    static const str ending = STR_INIT(".gguf");
    struct repo_file_row *file;
    size_t n;
    bool is_best = false;
    *out = (str){ 0 };
    if (!repo_files_ending(call_db(c), repo_id, &ending, 1, GGUF_MAX, c->a, &file, &n, e)) return false;
    for (size_t i = 0; i < n && !is_best; i++) {
        if (is_projector(file[i].path)) continue;
        is_best = str_find_nocase(file[i].path, STR("q4_k_m")) != STR_NONE;
        if (is_best || !out->n) *out = file[i].path;
    }
    return true;
}

static bool has_tag(const struct json *tags, const char *tag)
{
    json_each (t, tags)
        if (json_is(t, JSON_STRING) && str_eq(t->s, str_c(tag))) return true;
    return false;
}

bool write_use(struct page *p, const struct repo_view *v, struct err *e)
{
    static const char *const formats[] = { "safetensors", "gguf", "onnx", "conversational", "custom_code" };
    const struct repo_summary *s = &v->row;
    struct json *tags = NULL, *extra = NULL;
    struct err ignored;
    str gguf;
    struct repo_file_row modules;
    bool embeds = false; /* only with a modules.json is it known how the vectors of words become one of the text */
    if (p->c->repo.kind == REPO_MODEL && v->task.n && !repo_file_find(call_db(p->c), s->repo.id, STR("modules.json"), &modules, &embeds, p->c->a, e)) return false;
    if (s->gguf.n && !find_gguf(p->c, s->repo.id, &gguf, e)) return false;
    if (s->tags.n && !json_parse(s->tags, p->c->a, &tags, &ignored)) tags = NULL;
    if (s->extra.n && !json_parse(s->extra, p->c->a, &extra, &ignored)) extra = NULL;
    const struct json *info = json_get(extra, STR("transformersInfo"));
    jw_kobject(&p->w, "use");
    jw_kstr(&p->w, "served", v->task);
    jw_kstr(&p->w, "auto_model", json_str_or(info, STR("auto_model"), STR("")));
    jw_kstr(&p->w, "processor", json_str_or(info, STR("processor"), STR("")));
    jw_kbool(&p->w, "embeds", embeds && (str_eq(v->task, STR("feature-extraction")) || str_eq(v->task, STR("sentence-similarity"))));
    jw_kstr(&p->w, "mask", json_str_or(extra, STR("mask_token"), STR("[MASK]")));
    for (size_t i = 0; i < COUNT(formats); i++) jw_kbool(&p->w, formats[i], has_tag(tags, formats[i]));
    if (s->gguf.n && gguf.n) jw_kstr(&p->w, "gguf_file", gguf);
    jw_object_end(&p->w);
    return true;
}
