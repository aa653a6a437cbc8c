/* model/source.c - see model/source.h.  Files are read once and kept: a repository is small but for its weights. */
#include "model/source.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/os.h"
#include "model/gguf/gguf.h"
#include "model/nn/packed.h"

enum { FILE_BYTES_MAX = 64 << 20, FILES_BYTES_MAX = 512 << 20 };

struct source {
    struct arena *a;
    const char *path, *cache_dir; /* cache_dir: NULL for none */
    str content;                  /* .n 0: not named */
    const struct json *config;
    struct weights *weights;
    struct gguf *gguf; /* NULL: a folder */
    void (*watch)(void *ctx, uint64_t done, uint64_t total); /* or NULL */
    void *watch_ctx;
};

const char *source_path(const struct source *s) { return s->path; }
const struct json *source_config(const struct source *s) { return s->config; }

/* Relative, and without a step up: names come from files of the repository too. */
static bool stays_inside(str name)
{
    str rest = name, part;
    if (name.n == 0 || name.n > 1000 || name.p[0] == '/' || str_chr(name, '\0') != STR_NONE) return false;
    while (str_cut(&rest, '/', &part))
        if (part.n == 0 || str_eq(part, STR(".."))) return false;
    return true;
}

static bool path_of(struct source *s, str name, const char **out, struct err *e)
{
    if (!stays_inside(name)) return err_set(e, ERR_INVALID, "%s: \"%.*s\" is no path inside of it", s->path, STR_ARG(str_to(name, 200)));
    *out = arena_cstr(s->a, arena_fmt(s->a, "%s/%.*s", s->path, STR_ARG(name)));
    return true;
}

bool source_text(struct source *s, str name, str *out, bool *found, struct err *e)
{
    const char *path = NULL;
    char *text;
    size_t n;
    *found = false;
    if (!path_of(s, name, &path, e)) return false;
    if (s->gguf) return true;
    if (!os_stat(path, NULL, NULL, found, e)) return false;
    if (!*found) return true;
    if (!os_read_file(path, FILE_BYTES_MAX, &text, &n, e)) return false;
    char *kept = arena_try(s->a, n + 1);
    if (kept && n) memcpy(kept, text, n);
    mem_free(text);
    if (!kept) return err_set(e, ERR_TOO_LARGE, "%s: its files are too large to keep", s->path);
    *out = str_n(kept, n);
    return true;
}

bool source_json(struct source *s, str name, const struct json **out, struct err *e)
{
    struct json *j;
    bool found;
    str text;
    *out = s->gguf ? gguf_json(s->gguf, name) : NULL;
    if (!source_text(s, name, &text, &found, e)) return false;
    if (!found) return true;
    if (!json_parse(text, s->a, &j, e)) return err_context(e, "%s/%.*s", s->path, STR_ARG(name));
    *out = j;
    return true;
}

bool source_each(struct source *s, str folder, bool (*fn)(void *ctx, const char *name, bool is_dir), void *ctx, struct err *e)
{
    const char *path = NULL;
    return path_of(s, folder, &path, e) && (s->gguf || os_each_entry(path, fn, ctx, e));
}

bool source_weights(struct source *s, const struct weights **out, struct err *e)
{
    if (!s->weights && !(s->gguf ? gguf_weights(s->gguf, &s->weights, e) : weights_open(s->path, &s->weights, e))) return false;
    *out = s->weights;
    return true;
}

void source_watch(struct source *s, void (*fn)(void *ctx, uint64_t done, uint64_t total), void *ctx)
{
    s->watch = fn;
    s->watch_ctx = ctx;
}

void source_progress(struct source *s, uint64_t part, uint64_t parts)
{
    uint64_t total = s->weights ? weights_bytes(s->weights) : 0;
    if (s->watch && parts) s->watch(s->watch_ctx, part < parts ? (uint64_t)((double)total * (double)part / (double)parts) : total, total);
}

bool source_tokenizer(struct source *s, const char *cache_dir, struct tokenizer **out, struct err *e)
{
    return s->gguf ? gguf_tokenizer(s->gguf, out, e) : tokenizer_open(s->path, cache_dir, out, e);
}

/* ------------------------------------------------------------------ what is kept of it */

void source_keep_in(struct source *s, const char *cache_dir) { s->cache_dir = cache_dir ? arena_cstr(s->a, str_c(cache_dir)) : NULL; }

struct identity {
    const char *dir;
    str first, end;    /* names of the files that count begin and end like this */
    struct sha256 sum; /* of all of them, in any order */
    bool ok;
};

static bool add_identity(void *ctx, const char *name, bool is_dir)
{
    struct identity *i = ctx;
    struct os_identity id;
    struct err e;
    bool found;
    char path[1024];
    if (is_dir || !str_starts(str_c(name), i->first) || !str_ends_nocase(str_c(name), i->end)) return true;
    i->ok = snprintf(path, sizeof path, "%s/%s", i->dir, name) < (int)sizeof path && os_identity_at(path, &id, &found, &e) && found;
    if (!i->ok) return false;
    const uint64_t numbers[] = { id.device, id.inode, id.size_bytes, (uint64_t)id.modified_ns, (uint64_t)id.changed_ns };
    struct hasher *h = hasher_new_sha256();
    struct sha256 one;
    hasher_add(h, (bytes){ (const uint8_t *)name, strlen(name) });
    hasher_add(h, (bytes){ (const uint8_t *)numbers, sizeof numbers });
    hasher_end(h, one.b);
    for (size_t b = 0; b < SHA256_BYTES; b++) i->sum.b[b] ^= one.b[b];
    return true;
}

void source_name_content(struct source *s, str name) { s->content = arena_dup(s->a, name); }

/* The identity is taken before a weight is read: what changes meanwhile is kept under an identity that nothing has any more. */
struct packed *source_packed(struct source *s, const char *type)
{
    char real[PATH_MAX], hex[SHA256_HEX + 1];
    struct err e;
    if (!s->cache_dir) return packed_new();
    if (s->content.n) {
        struct sha256 sum = sha256_of(bytes_of(s->content));
        return packed_open(s->cache_dir, arena_fmt(s->a, "%.*s-%s", STR_ARG(s->content), type), &sum);
    }
    if (!realpath(s->path, real)) return packed_new();
    str all = str_c(real), dir = all, file = STR("");
    struct identity i = { .end = STR(".safetensors"), .ok = true };
    if (s->gguf) {
        size_t slash = all.n;
        while (slash > 0 && all.p[slash - 1] != '/') slash--;
        dir = str_to(all, slash);
        file = str_from(all, slash);
        i.end = STR(".gguf");
        enum { PART_BYTES = 20 }; /* "-00001-of-00003.gguf" */
        if (file.n > PART_BYTES && str_starts(str_from(file, file.n - PART_BYTES), STR("-00001-of-"))) file = str_to(file, file.n - PART_BYTES);
    }
    i.first = file;
    i.dir = arena_cstr(s->a, dir);
    if (!os_each_entry(i.dir, add_identity, &i, &e) || !i.ok) return packed_new();
    struct sha256 name = sha256_of((bytes){ (const uint8_t *)real, strlen(real) });
    hex_encode((bytes){ name.b, SHA256_BYTES }, hex);
    return packed_open(s->cache_dir, arena_fmt(s->a, "%.32s-%s", hex, type), &i.sum);
}

struct gguf_in_folder {
    char name[256];
};

static bool note_gguf(void *ctx, const char *name, bool is_dir)
{
    struct gguf_in_folder *f = ctx;
    if (is_dir || !str_ends_nocase(str_c(name), STR(".gguf"))) return true;
    snprintf(f->name, sizeof f->name, "%s", name);
    return false;
}

static bool no_config(const char *path, struct err *e)
{
    struct gguf_in_folder f = { "" };
    struct err ignored;
    struct os_identity id;
    bool found;
    if (os_identity_at(path, &id, &found, &ignored) && !found) return err_set(e, ERR_NOT_FOUND, "there is no folder or file %s", path);
    if (!os_each_entry(path, note_gguf, &f, &ignored)) return err_set(e, ERR_INVALID, "%s is neither the folder of a model nor a .gguf file", path);
    if (f.name[0]) return err_set(e, ERR_NOT_FOUND, "%s has no config.json; give one of its .gguf files, such as %s/%s", path, path, f.name);
    return err_set(e, ERR_NOT_FOUND, "%s has no config.json: it is not the folder of a model", path);
}

bool source_open(const char *path, struct source **out, struct err *e)
{
    struct source *s = mem_one(struct source);
    s->a = arena_new(FILES_BYTES_MAX);
    s->path = arena_cstr(s->a, str_c(path));
    bool ok = !str_ends_nocase(str_c(path), STR(".gguf")) || gguf_open(path, &s->gguf, e);
    if (ok && source_json(s, STR("config.json"), &s->config, e)) {
        if (s->config) {
            *out = s;
            return true;
        }
        no_config(path, e);
    }
    source_close(s);
    return false;
}

void source_close(struct source *s)
{
    if (!s) return;
    weights_close(s->weights);
    gguf_close(s->gguf);
    arena_free(s->a);
    mem_free(s);
}
