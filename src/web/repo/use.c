/* web/repo/use.c - what the snippets of use.html go by: only those are shown that work for this repository's task and files. */
#include "web/repo/repo_page.h"

enum { GGUF_MAX = 64 };

static bool is_projector(str path)
{
    size_t slash = str_rchr(path, '/');
    return str_starts_nocase(slash == STR_NONE ? path : str_from(path, slash + 1), STR("mmproj"));
}

/* The packing that llama.cpp and Hearth take of several: Q4_K_M, else the first by name. */
static bool find_gguf(struct call *c, int64_t repo_id, str *out, struct err *e)
{
    static const char sql[] = "SELECT path FROM repo_file WHERE repo_id = ?1 AND path LIKE '%.gguf' ORDER BY path LIMIT ?2";
    struct db_query q;
    bool is_best = false;
    *out = (str){ 0 };
    if (!db_query(call_db(c), &q, e, sql, db_int(repo_id), db_int(GGUF_MAX))) return false;
    while (!is_best && db_next(&q, e)) {
        str path = db_col_text(&q, 0);
        is_best = str_find_nocase(path, STR("q4_k_m")) != STR_NONE;
        if (!is_projector(path) && (is_best || !out->n)) *out = arena_dup(c->a, path);
    }
    return db_end(&q);
}

/* Only with a modules.json is it known how the vectors of words become one of the text. */
static bool has_modules(struct call *c, int64_t repo_id, bool *out, struct err *e)
{
    struct db_query q;
    if (!db_query(call_db(c), &q, e, "SELECT 1 FROM repo_file WHERE repo_id = ?1 AND path = 'modules.json'", db_int(repo_id))) return false;
    *out = db_next(&q, e);
    return db_end(&q);
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
    bool embeds = false;
    if (p->c->repo.kind == REPO_MODEL && v->task.n && !has_modules(p->c, s->repo.id, &embeds, e)) return false;
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
