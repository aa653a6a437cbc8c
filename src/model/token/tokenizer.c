/* tokenizer.c - a tokenizer's life: from JSON or a block of memory, from a folder with a cache of compiled ones; and
 * what may be asked of it.
 *
 * The cache is a folder of files KEY.tok, KEY being the BLAKE3 of the source's text: it can be deleted at any time, is
 * written atomically, and cannot be stale.  A file that block_check refuses is written anew. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/os.h"
#include "model/token/legacy.h"
#include "model/token/token_priv.h"
#include "xet/blake3.h"

bool tokenizer_load(bytes memory, struct tokenizer **out, struct err *e)
{
    struct block b;
    struct json *root;
    if (!block_check(memory, &b, e)) return false;
    struct tokenizer *t = mem_one(struct tokenizer);
    t->arena = arena_new((size_t)1 << 30);
    t->b = b;
    if (!json_parse(b.pipeline, t->arena, &root, e) || !pipeline_read(t, root, e)) {
        tokenizer_free(t);
        return false;
    }
    *out = t;
    return true;
}

bool tokenizer_of(struct buf *block, struct tokenizer **out, struct err *e)
{
    size_t n;
    char *p = buf_take(block, &n);
    if (!tokenizer_load((bytes){ (const uint8_t *)p, n }, out, e)) {
        mem_free(p);
        return false;
    }
    (*out)->memory = p;
    return true;
}

bool tokenizer_parse(str json, struct tokenizer **out, struct err *e)
{
    struct buf block;
    return tokenizer_compile(json, &block, e) && tokenizer_of(&block, out, e);
}

void tokenizer_free(struct tokenizer *t)
{
    if (!t) return;
    arena_free(t->arena);
    mem_free(t->memory);
    if (t->map) munmap(t->map, t->map_size);
    mem_free(t);
}

/* ---- folders and the cache -------------------------------------------------------------------------------------- */

/* A private, read-only view of a file.  *found false: there is none. */
static bool map_file(const char *path, size_t n_max, bytes *out, bool *found, struct err *e)
{
    int fd;
    uint64_t size;
    if (!os_open_read(path, &fd, found, e)) return false;
    if (!*found) return true;
    bool ok = os_file_size(fd, &size, e);
    void *p = MAP_FAILED;
    if (ok && size > n_max) ok = err_set(e, ERR_TOO_LARGE, "%s has %llu bytes; at most %zu", path, (unsigned long long)size, n_max);
    if (ok && size > 0 && (p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
        ok = err_set(e, ERR_IO, "%s cannot be mapped", path);
    close(fd);
    if (ok) *out = (bytes){ size ? p : (const void *)"", (size_t)size };
    return ok;
}
static void unmap(bytes b)
{
    if (b.n) munmap((void *)(uintptr_t)b.p, b.n);
}

static bool load_cached(const char *path, struct tokenizer **out)
{
    struct err e;
    bytes block;
    bool found = false;
    if (!map_file(path, UINT32_MAX, &block, &found, &e) || !found) return false;
    if (!tokenizer_load(block, out, &e)) return unmap(block), false;
    (*out)->map = (void *)(uintptr_t)block.p;
    (*out)->map_size = block.n;
    return true;
}

struct source { /* the files that a tokenizer is made of; the second may be missing */
    const char *name, *second;
    bool (*compile)(str first, str second, struct buf *out, struct err *e);
};
static bool compile_json(str first, str second, struct buf *out, struct err *e)
{
    (void)second;
    return tokenizer_compile(first, out, e);
}
static const struct source sources[] = {
    { "tokenizer.json", NULL, compile_json },
    { "vocab.json", "merges.txt", legacy_compile_bpe },
    { "vocab.txt", "tokenizer_config.json", legacy_compile_wordpiece },
};

static void cache_path(const char *cache_dir, const struct source *s, str first, str second, struct arena *a, const char **out)
{
    static const uint8_t key[BLAKE3_BYTES] = "hearth compiled tokenizer v1";
    uint8_t digest[BLAKE3_BYTES];
    char hex[2 * BLAKE3_BYTES + 1];
    struct blake3 h;
    uint64_t n = first.n;
    blake3_init(&h, key);
    blake3_add(&h, (bytes){ (const uint8_t *)s->name, strlen(s->name) });
    blake3_add(&h, (bytes){ (const uint8_t *)&n, sizeof n });
    blake3_add(&h, bytes_of(first));
    blake3_add(&h, bytes_of(second));
    blake3_end(&h, digest);
    hex_encode((bytes){ digest, sizeof digest }, hex);
    *out = arena_fmt(a, "%s/%s.tok", cache_dir, hex).p;
}

static bool open_source(const struct source *s, str first, str second, const char *cache_dir, struct arena *a,
                        struct tokenizer **out, struct err *e)
{
    const char *path = NULL;
    struct buf block;
    struct err ignored;
    if (cache_dir) {
        cache_path(cache_dir, s, first, second, a, &path);
        if (load_cached(path, out)) return true;
    }
    if (!s->compile(first, second, &block, e)) return false;
    /* A cache that cannot be written costs time at the next start, nothing else. */
    if (path && os_mkdirs(cache_dir, &ignored) &&
        os_write_file(cache_dir, path, (bytes){ (const uint8_t *)block.p, block.n }, &ignored)) {}
    return tokenizer_of(&block, out, e);
}

bool tokenizer_open(const char *dir, const char *cache_dir, struct tokenizer **out, struct err *e)
{
    struct arena *a = arena_new(0);
    bool found = false, ok = true;
    for (size_t i = 0; ok && !found && i < COUNT(sources); i++) {
        const struct source *s = &sources[i];
        bytes first = { 0 }, second = { 0 };
        bool has_second = false;
        ok = map_file(arena_fmt(a, "%s/%s", dir, s->name).p, TOKEN_JSON_MAX, &first, &found, e);
        if (!ok || !found) continue;
        if (s->second) ok = map_file(arena_fmt(a, "%s/%s", dir, s->second).p, TOKEN_JSON_MAX, &second, &has_second, e);
        if (ok) ok = open_source(s, str_of(first), str_of(second), cache_dir, a, out, e);
        if (!ok) err_context(e, "%s/%s", dir, s->name);
        unmap(first);
        if (has_second) unmap(second);
    }
    if (ok && !found)
        ok = err_set(e, ERR_NOT_FOUND, "%s has no tokenizer.json, no vocab.json with merges.txt, and no vocab.txt", dir);
    arena_free(a);
    return ok;
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

size_t tokenizer_size(const struct tokenizer *t) { return t->b.head->ids > t->added_ids ? t->b.head->ids : t->added_ids; }
bool tokenizer_marks_subwords(const struct tokenizer *t)
{
    return t->b.head->model == MODEL_WORDPIECE || (t->b.head->model == MODEL_BPE && t->b.head->prefix_len > 0);
}

static const struct added *added_of(const struct tokenizer *t, uint32_t id)
{
    return id < t->added_ids && t->added_by_id[id] ? &t->added[t->added_by_id[id] - 1] : NULL;
}

bool tokenizer_is_special(const struct tokenizer *t, uint32_t id)
{
    const struct added *a = added_of(t, id);
    return a && a->special;
}

bool tokenizer_token(const struct tokenizer *t, uint32_t id, str *token)
{
    const struct added *a = added_of(t, id);
    if (a) return *token = a->content, true;
    if (id >= t->b.head->ids || !t->b.present[id]) return false;
    *token = block_text(&t->b, id);
    return true;
}

bool tokenizer_id(const struct tokenizer *t, str token, uint32_t *id)
{
    for (size_t i = 0; i < t->added_count; i++)
        if (str_eq(t->added[i].content, token)) return *id = t->added[i].id, true;
    if (!t->b.head->byte_level) return (*id = block_word(&t->b, (const uint8_t *)token.p, token.n)) != NO_ID;
    uint8_t raw[1024];
    size_t n = 0, size;
    for (size_t i = 0; i < token.n; i += size, n++) {
        uint32_t c;
        if (n == sizeof raw || (size = str_utf8_decode(str_from(token, i), &c)) == 0) return false;
        int b = alphabet_to_byte(c);
        if (b < 0) break;
        raw[n] = (uint8_t)b;
    }
    if (n > 0 && (*id = block_word(&t->b, raw, n)) != NO_ID && str_eq(block_text(&t->b, *id), token)) return true;
    for (uint32_t i = 0; i < t->b.head->ids; i++) /* rare: a token outside of the alphabet */
        if (t->b.present[i] && str_eq(block_text(&t->b, i), token)) return *id = i, true;
    return false;
}

void tokenizer_piece(const struct tokenizer *t, uint32_t id, struct buf *out)
{
    str s;
    buf_reset(out);
    if (!tokenizer_token(t, id, &s)) return;
    if (added_of(t, id)) {
        buf_add(out, s);
        return;
    }
    if (t->b.head->byte_level) {
        buf_add(out, block_raw(&t->b, id).n ? block_raw(&t->b, id) : s);
        return;
    }
    if (t->b.head->byte_fallback && s.n == 6 && str_starts(s, STR("<0x")))
        for (unsigned b = 0; b < 256; b++)
            if (t->byte_id[b] == id) {
                buf_byte(out, (char)b);
                return;
            }
    decode_piece(t, s, out);
}
