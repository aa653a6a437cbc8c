/* model/gguf/gguf.c - see model/gguf/gguf.h: opening files, and the parts of a split one. */
#include "model/gguf/gguf.h"

#include "model/gguf/gguf_priv.h"

enum { PARTS_MAX = 1000, HEADER_MEMORY_MAX = 1 << 30 };

static bool open_part(struct gguf *g, const char *path, struct err *e)
{
    bool needs_more;
    struct map *m = &g->map[g->parts];
    if (!map_file(path, m, e)) return false;
    struct gguf_header *h = &g->part[g->parts++];
    return gguf_header_parse((bytes){ m->p, m->n }, m->n, &gguf_limits_default, g->a, h, &needs_more, e) || err_context(e, "%s", path);
}

/* "model-00001-of-00003.gguf": the others stand beside it, and their numbers are where its own is. */
static bool open_others(struct gguf *g, struct err *e)
{
    uint64_t count = 1, number = 0, tensors = 0, found = 0;
    str path = str_c(g->path);
    gguf_get_u64(&g->part[0], STR("split.count"), &count);
    gguf_get_u64(&g->part[0], STR("split.no"), &number);
    if (count <= 1) return true;
    str end = arena_fmt(g->a, "-00001-of-%05u.gguf", (unsigned)(count <= PARTS_MAX ? count : 0));
    if (count > PARTS_MAX) return err_set(e, ERR_INVALID, "%s says that it is one of %llu files", g->path, (unsigned long long)count);
    if (number != 0 || !str_ends(path, end))
        return err_set(e, ERR_INVALID, "%s is one of %llu files; give the first, whose name ends in %.*s", g->path, (unsigned long long)count, STR_ARG(end));
    for (uint64_t i = 1; i < count; i++) {
        const char *other = arena_cstr(g->a, arena_fmt(g->a, "%.*s-%05u-of-%05u.gguf", STR_ARG(str_to(path, path.n - end.n)), (unsigned)i + 1, (unsigned)count));
        uint64_t its_number = 0;
        if (!open_part(g, other, e)) return false;
        if (!gguf_get_u64(&g->part[i], STR("split.no"), &its_number) || its_number != i)
            return err_set(e, ERR_INVALID, "%s is not part %llu, as its name says", other, (unsigned long long)i);
    }
    for (size_t i = 0; i < g->parts; i++) found += g->part[i].tensors_count;
    if (gguf_get_u64(&g->part[0], STR("split.tensors.count"), &tensors) && tensors != found)
        return err_set(e, ERR_INVALID, "%s: all parts together have %llu tensors instead of %llu", g->path, (unsigned long long)found, (unsigned long long)tensors);
    return true;
}

bool gguf_open(const char *path, struct gguf **out, struct err *e)
{
    struct gguf *g = mem_one(struct gguf);
    g->a = arena_new(HEADER_MEMORY_MAX);
    g->path = arena_cstr(g->a, str_c(path));
    g->map = arena_alloc(g->a, PARTS_MAX * sizeof *g->map);
    g->part = arena_alloc(g->a, PARTS_MAX * sizeof *g->part);
    if (open_part(g, g->path, e) && open_others(g, e)) {
        if (gguf_arch_find(&g->part[0], &g->arch, e) && gguf_describe(g, e)) {
            *out = g;
            return true;
        }
        err_context(e, "%s", path);
    }
    gguf_close(g);
    return false;
}

void gguf_close(struct gguf *g)
{
    if (!g) return;
    for (size_t i = 0; i < g->parts; i++) map_end(&g->map[i]);
    arena_free(g->a);
    mem_free(g);
}

const struct json *gguf_json(const struct gguf *g, str name)
{
    if (str_eq(name, STR("config.json"))) return g->config;
    if (str_eq(name, STR("generation_config.json"))) return g->generation;
    if (str_eq(name, STR("tokenizer_config.json"))) return g->tokenizer;
    if (str_eq(name, STR("modules.json"))) return g->modules;
    if (str_eq(name, STR("1_Pooling/config.json"))) return g->pooling;
    return NULL;
}

const struct gguf_tensor *gguf_find(const struct gguf *g, str name, bytes *data)
{
    for (size_t p = 0; p < g->parts; p++)
        for (size_t i = 0; i < g->part[p].tensors_count; i++) {
            const struct gguf_tensor *t = &g->part[p].tensor[i];
            if (!str_eq(t->name, name)) continue;
            if (data) *data = (bytes){ g->map[p].p + g->part[p].data_offset + t->offset, (size_t)t->size_bytes };
            return t;
        }
    return NULL;
}
