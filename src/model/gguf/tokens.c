/* model/gguf/tokens.c - the lists of tokenizer.ggml.* for model/token/gguf.c, which makes a tokenizer of them. */
#include "model/gguf/gguf_priv.h"

static const struct gguf_value *list_of(const struct gguf_header *h, const char *key, enum gguf_type item)
{
    const struct gguf_value *v = gguf_get(h, str_c(key));
    return v && v->type == GGUF_ARRAY && v->array.item == item ? v : NULL;
}

static const str *strings_of(const struct gguf_value *v, struct arena *a, size_t *n)
{
    str rest = { 0 };
    *n = 0;
    str *list = v ? arena_try_array(a, (size_t)v->array.count + 1, sizeof *list) : NULL;
    while (list && gguf_array_next(v, &rest, &list[*n])) ++*n;
    return list;
}

/* Numbers in the file are aligned to nothing. */
static const void *copy_of(const struct gguf_value *v, size_t count, struct arena *a)
{
    if (!v || v->array.count != count) return NULL;
    void *p = arena_try(a, v->array.data.n + 1);
    if (p) memcpy(p, v->array.data.p, v->array.data.n);
    return p;
}

static int64_t id_of(const struct gguf_header *h, const char *name)
{
    uint64_t id;
    char key[80];
    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", name);
    return gguf_get_u64(h, str_c(key), &id) && id < TOKEN_IDS_MAX ? (int64_t)id : -1;
}

static int flag_of(const struct gguf_header *h, const char *key)
{
    const struct gguf_value *v = gguf_get(h, str_c(key));
    return v && v->type == GGUF_BOOL ? (int)v->u : -1;
}

bool gguf_tokenizer(const struct gguf *g, struct tokenizer **out, struct err *e)
{
    const struct gguf_header *h = &g->part[0];
    const struct gguf_value *tokens = list_of(h, "tokenizer.ggml.tokens", GGUF_STRING), *map;
    struct arena *a = arena_new((size_t)1 << 31);
    struct token_gguf t = { .model = STR(""), .pre = STR("") };
    gguf_get_str(h, STR("tokenizer.ggml.model"), &t.model);
    gguf_get_str(h, STR("tokenizer.ggml.pre"), &t.pre);
    gguf_get_str(h, STR("tokenizer.huggingface.json"), &t.huggingface_json);
    t.tokens = strings_of(tokens, a, &t.count);
    t.merges = strings_of(list_of(h, "tokenizer.ggml.merges", GGUF_STRING), a, &t.merges_count);
    t.scores = copy_of(list_of(h, "tokenizer.ggml.scores", GGUF_F32), t.count, a);
    t.types = copy_of(list_of(h, "tokenizer.ggml.token_type", GGUF_I32), t.count, a);
    t.bos_id = id_of(h, "bos");
    t.eos_id = id_of(h, "eos");
    t.unk_id = id_of(h, "unknown");
    t.sep_id = id_of(h, "seperator"); /* as the format spells it */
    if (t.sep_id < 0) t.sep_id = id_of(h, "separator");
    t.cls_id = id_of(h, "cls");
    t.add_bos = flag_of(h, "tokenizer.ggml.add_bos_token");
    t.add_eos = flag_of(h, "tokenizer.ggml.add_eos_token");
    t.add_space_prefix = flag_of(h, "tokenizer.ggml.add_space_prefix");
    if ((map = list_of(h, "tokenizer.ggml.precompiled_charsmap", GGUF_U8)) || (map = list_of(h, "tokenizer.ggml.precompiled_charsmap", GGUF_I8)))
        t.charsmap = map->array.data;
    bool ok = t.model.n ? tokenizer_from_gguf(&t, out, e) : err_set(e, ERR_NOT_FOUND, "the file has no tokenizer (tokenizer.ggml.model)");
    arena_free(a);
    return ok || err_context(e, "%s", g->path);
}
