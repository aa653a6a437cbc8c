/* infer/worker/staging.c - see infer/worker/staging.h. */
#include "infer/worker/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/os.h"
#include "cas/cas.h"
#include "hub/mirror.h"

enum { SMALL_FILE_BYTES_MAX = 64 << 20, FILL_BYTES = 1 << 20, DEPTH_MAX = 3, HEAD_BYTES_MAX = 100 << 20,
       HEADS_BYTES_MAX = 512 << 20 /* of all files: what is brought before there is room for the model */ };

/* What a model can be read from.  Pickles are not: they could run code. */
static bool is_wanted(str path)
{
    static const char *const ends[] = { ".json", ".txt", ".jinja", ".safetensors", ".gguf" };
    size_t depth = 0;
    for (size_t i = 0; i < path.n; i++) depth += path.p[i] == '/';
    if (depth > DEPTH_MAX || str_starts(path, STR(STAGING_ADAPTER "/")) || str_starts(path, STR("onnx/")) || str_starts(path, STR("openvino/"))) return false;
    for (size_t i = 0; i < COUNT(ends); i++)
        if (str_ends(path, str_c(ends[i]))) return true;
    return false;
}

static bool has_weights(str path) { return str_ends(path, STR(".safetensors")) || str_ends(path, STR(".gguf")); }

/* A model's thread waits until its files are here, or do not come any more: who called may have been told so long ago. */
static const struct mirror_waiter stays = { 0 };

static const char *const adapter_files[] = { "adapter_config.json", "adapter_model.safetensors" };

struct collector {
    struct staging *s;
    bool has_config, has_weights, too_many;
    str gguf; /* the best so far */
};

/* Without a word from whoever calls: Q4_K_M, as llama.cpp takes it, else the first; of parts the first, and no projector of images. */
static bool is_better_gguf(str path, str best)
{
    static const char usual[] = "Q4_K_M";
    bool is_one = str_ends(path, STR(".gguf")) && str_find(path, STR("mmproj")) == STR_NONE &&
                  (str_find(path, STR("-of-")) == STR_NONE || str_find(path, STR("-00001-of-")) != STR_NONE);
    return is_one && (!best.p || (str_find_nocase(path, str_c(usual)) != STR_NONE && str_find_nocase(best, str_c(usual)) == STR_NONE));
}

static bool collect(void *ctx, const struct vcs_entry *entry)
{
    struct collector *k = ctx;
    struct staging *s = k->s;
    if (entry->kind != VCS_FILE || !is_wanted(entry->path)) return true;
    if (!has_weights(entry->path) && vcs_entry_size(entry) > SMALL_FILE_BYTES_MAX) return true; /* no tokenizer is so large: it is data */
    if (s->files == STAGING_FILES_MAX) {
        k->too_many = true;
        return false;
    }
    struct staged_file *f = &s->file[s->files++];
    *f = (struct staged_file){ .path = arena_dup(s->a, entry->path), .fd = -1, .size_bytes = vcs_entry_size(entry), .oid = entry->oid,
                               .is_large = entry->lfs.is_lfs };
    if (f->is_large) {
        memcpy(f->sha256.b, entry->lfs.sha256, SHA256_BYTES);
        s->large_bytes += f->size_bytes;
    }
    k->has_config = k->has_config || str_eq(f->path, STR("config.json"));
    k->has_weights = k->has_weights || (str_ends(f->path, STR(".safetensors")) && !str_starts(f->path, STR("adapter_model")));
    if (is_better_gguf(f->path, k->gguf)) k->gguf = f->path;
    return true;
}

/* "model-00001-of-00003.gguf": up to the number. */
static str part_stem(str path)
{
    enum { PART_BYTES = 20 }; /* "-00001-of-00003.gguf" */
    bool is_part = path.n > PART_BYTES && str_starts(str_from(path, path.n - PART_BYTES + 6), STR("-of-"));
    return str_to(path, path.n - (is_part ? PART_BYTES : 0));
}

/* Of a repository with the same model in many packings only one is read. */
static void keep_one_gguf(struct staging *s, str gguf)
{
    size_t n = 0;
    for (size_t i = 0; i < s->files; i++) {
        struct staged_file *f = &s->file[i];
        bool goes = str_ends(f->path, STR(".gguf")) && !(gguf.p && str_eq(part_stem(f->path), part_stem(gguf)));
        if (!goes) s->file[n++] = *f;
        else if (f->is_large) s->large_bytes -= f->size_bytes;
    }
    s->files = n;
}

static bool find_files(struct staging *s, struct vcs_repo *git, const struct vcs_oid *commit, struct err *e)
{
    struct collector k = { .s = s };
    struct vcs_walk w = { .path = STR(""), .after = STR(""), .recursive = true, .fn = collect, .ctx = &k };
    bool found;
    s->file = arena_alloc(s->a, (STAGING_FILES_MAX + COUNT(adapter_files)) * sizeof *s->file);
    if (!vcs_tree_walk(git, commit, &w, &found, e)) return false;
    if (k.too_many) return err_set(e, ERR_UNPROCESSABLE, "the repository has more than %d files that a model could be read from", STAGING_FILES_MAX);
    if (!(k.has_config && k.has_weights)) s->gguf = k.gguf;
    keep_one_gguf(s, s->gguf);
    if (!k.has_config && !s->gguf.p) return err_set(e, ERR_NOT_FOUND, "the repository has no config.json and no .gguf file, so there is no model to run");
    s->own_files = s->files;
    for (size_t i = 0; i < COUNT(adapter_files); i++)
        s->file[s->files++] = (struct staged_file){ .path = arena_fmt(s->a, STAGING_ADAPTER "/%s", adapter_files[i]), .fd = -1 };
    return true;
}

/* Blob ids name contents, pointers included, and the list is in order of paths. */
static void name_content(struct staging *s)
{
    struct buf text = BUF_INIT(0);
    for (size_t i = 0; i < s->own_files; i++) {
        char hex[VCS_OID_HEX + 1];
        buf_addf(&text, "%s %.*s\n", vcs_oid_hex(&s->file[i].oid, hex).p, STR_ARG(s->file[i].path));
    }
    struct sha256 sum = sha256_of(bytes_of(buf_str(&text)));
    hex_encode((bytes){ sum.b, 16 }, s->key);
    buf_deinit(&text);
}

/* ------------------------------------------------------------------ memory, and links to it */

static bool open_memory(struct staged_file *f, struct err *e)
{
    f->fd = memfd_create("hearth-model", MFD_CLOEXEC);
    if (f->fd < 0) return err_os(e, errno, "cannot make memory for a file of a model");
    return os_set_size(f->fd, f->size_bytes, e);
}

static bool copy_small(struct staged_file *f, struct vcs_repo *git, struct err *e)
{
    struct arena *a = arena_new(0);
    bytes content;
    bool ok = vcs_blob_read(git, &f->oid, SMALL_FILE_BYTES_MAX, a, &content, e) && os_pwrite(f->fd, content, 0, e);
    arena_free(a);
    return ok;
}

static bool link_to(struct staging *s, size_t i, int fd, struct err *e)
{
    str path = s->file[i].path;
    size_t slash = str_rchr(path, '/');
    char target[40];
    snprintf(target, sizeof target, "/proc/self/fd/%d", fd);
    if (slash != STR_NONE && !os_mkdirs(arena_fmt(s->a, "%s/%.*s", s->folder, (int)slash, path.p).p, e)) return false;
    const char *at = arena_fmt(s->a, "%s/%.*s", s->folder, STR_ARG(path)).p;
    return symlink(target, at) == 0 || err_os(e, errno, "%s", at);
}

/* ------------------------------------------------------------------ large files */

/* Bytes [from, to) of the stored file, at their place. */
static bool fill(struct hub *h, const struct staged_file *f, uint64_t from, uint64_t to, struct err *e)
{
    struct cas_reader *reader;
    struct cas_piece piece;
    bool ok = true;
    if (from == to) return true;
    if (!cas_reader_open(hub_cas(h), &f->sha256, from, to - from, &reader, e)) return false;
    for (uint64_t at = from; ok && at < to; at += ok ? piece.n : 0) {
        ok = cas_reader_lend(reader, FILL_BYTES, false, &piece, e) && os_pwrite(f->fd, piece.memory, at, e);
        if (ok && piece.n == 0) ok = err_set(e, ERR_IO, "a stored file ends after %llu of %llu bytes", (unsigned long long)at, (unsigned long long)f->size_bytes);
    }
    cas_reader_close(reader);
    return ok || err_context(e, "%.*s", STR_ARG(f->path));
}

/* A safetensors file says at its begin how long its header is; where that cannot be so, the worker refuses it by these bytes alone.  A large
 * .gguf file is whole or not at all; what is no weights (a tokenizer) is small. */
static bool find_head(struct hub *h, struct staged_file *f, struct err *e)
{
    uint8_t length[8] = { 0 };
    size_t got;
    uint64_t n = 0;
    f->head_bytes = f->is_large && str_ends(f->path, STR(".gguf")) ? 0 : f->size_bytes;
    if (!f->is_large || !str_ends(f->path, STR(".safetensors")) || f->size_bytes <= sizeof length) return true;
    if (!fill(h, f, 0, sizeof length, e) || !os_pread(f->fd, length, sizeof length, 0, &got, e)) return false;
    for (size_t i = 0; i < sizeof length; i++) n |= (uint64_t)length[i] << (8 * i);
    f->head_bytes = sizeof length + (n <= HEAD_BYTES_MAX && n <= f->size_bytes - sizeof length ? n : 0);
    return true;
}

static bool bring_head(struct hub *h, int64_t repo_id, struct vcs_repo *git, struct staging *s, struct staged_file *f, struct err *e)
{
    if (f->is_large && !mirror_need_file(h, repo_id, &f->sha256, f->size_bytes, &stays, e)) return err_context(e, "%.*s", STR_ARG(f->path));
    if (!find_head(h, f, e)) return false;
    if (f->head_bytes > HEADS_BYTES_MAX - s->heads_bytes)
        return err_set(e, ERR_UNPROCESSABLE, "the configuration, tokenizers and headers of the repository have more than %d MiB together", HEADS_BYTES_MAX >> 20);
    s->heads_bytes += f->head_bytes;
    return f->is_large ? fill(h, f, 0, f->head_bytes, e) : copy_small(f, git, e);
}

/* ------------------------------------------------------------------ the whole */

bool staging_open(struct hub *h, const struct repo *r, const struct vcs_oid *commit, const char *tmp_dir, struct staging *out, struct err *e)
{
    struct staging *s = out;
    struct vcs_repo *git = NULL;
    char name[33];
    *s = (struct staging){ .a = arena_new(0) };
    random_hex(name, 32);
    s->folder = arena_fmt(s->a, "%s/" STAGING_PREFIX "%s", tmp_dir, name).p;
    bool ok = hub_repo_open(h, r->id, &git, e) && find_files(s, git, commit, e) && os_mkdirs(s->folder, e);
    for (size_t i = 0; ok && i < s->files; i++)
        ok = open_memory(&s->file[i], e) && (i >= s->own_files || bring_head(h, r->id, git, s, &s->file[i], e)) && link_to(s, i, (int)(STAGING_FIRST_FD + i), e);
    vcs_close(git);
    if (ok) name_content(s);
    else staging_close(s);
    return ok;
}

bool staging_fill(struct hub *h, struct staging *s, struct err *e)
{
    for (size_t i = 0; i < s->own_files && !s->is_filled; i++)
        if (s->file[i].is_large && !fill(h, &s->file[i], s->file[i].head_bytes, s->file[i].size_bytes, e)) return false;
    s->is_filled = true;
    return true;
}

void staging_empty(struct staging *s)
{
    for (size_t i = 0; i < s->own_files && s->is_filled; i++) {
        const struct staged_file *f = &s->file[i];
        if (!f->is_large || f->head_bytes == f->size_bytes) continue;
        if (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)f->head_bytes, (off_t)(f->size_bytes - f->head_bytes)) != 0) return;
    }
    s->is_filled = false;
}

/* ------------------------------------------------------------------ an adapter's files */

static bool fill_adapter_file(struct hub *h, int64_t repo_id, struct vcs_repo *git, const struct vcs_oid *commit, const char *name, struct staged_file *f, struct arena *a, struct err *e)
{
    enum { ADAPTER_BYTES_MAX = 1 << 30 };
    struct vcs_entry entry;
    bool found;
    if (!vcs_entry_find(git, commit, str_c(name), &entry, &found, a, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "the adapter has no %s (pickles are not read)", name);
    f->oid = entry.oid;
    f->is_large = entry.lfs.is_lfs;
    f->size_bytes = vcs_entry_size(&entry);
    memcpy(f->sha256.b, entry.lfs.sha256, SHA256_BYTES);
    if (f->size_bytes > ADAPTER_BYTES_MAX) return err_set(e, ERR_UNPROCESSABLE, "%s has %llu bytes, and %d are allowed", name, (unsigned long long)f->size_bytes, ADAPTER_BYTES_MAX);
    if (f->is_large && !mirror_need_file(h, repo_id, &f->sha256, f->size_bytes, &stays, e)) return err_context(e, "%s", name);
    return os_set_size(f->fd, f->size_bytes, e) && (f->is_large ? fill(h, f, 0, f->size_bytes, e) : copy_small(f, git, e));
}

bool staging_fill_adapter(struct hub *h, struct staging *s, int64_t repo_id, const struct vcs_oid *commit, uint64_t *size_bytes, struct err *e)
{
    struct vcs_repo *git;
    if (!hub_repo_open(h, repo_id, &git, e)) return false;
    struct arena *a = arena_new(0);
    bool ok = true;
    *size_bytes = 0;
    for (size_t i = 0; ok && i < COUNT(adapter_files); i++) {
        struct staged_file *f = &s->file[s->own_files + i];
        ok = fill_adapter_file(h, repo_id, git, commit, adapter_files[i], f, a, e);
        *size_bytes += f->size_bytes;
    }
    arena_free(a);
    vcs_close(git);
    return ok;
}

void staging_empty_adapter(struct staging *s)
{
    struct err ignored;
    for (size_t i = s->own_files; i < s->files; i++)
        if (!os_set_size(s->file[i].fd, 0, &ignored)) {} /* it is memory: the next one is written over it */
}

bool staging_use_here(struct staging *s, struct err *e)
{
    if (!os_remove_tree(s->folder, e) || !os_mkdirs(s->folder, e)) return false;
    for (size_t i = 0; i < s->files; i++)
        if (!link_to(s, i, s->file[i].fd, e)) return false;
    return true;
}

static void close_file(struct staged_file *f)
{
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}

void staging_let_go(struct staging *s)
{
    for (size_t i = 0; i < s->own_files; i++)
        if (!s->file[i].is_large || s->file[i].head_bytes == s->file[i].size_bytes) close_file(&s->file[i]);
}

void staging_close(struct staging *s)
{
    struct err ignored;
    if (!s->a) return;
    for (size_t i = 0; i < s->files; i++) close_file(&s->file[i]);
    if (!os_remove_tree(s->folder, &ignored)) {} /* swept with the rest of tmp/ at the next start */
    arena_free(s->a);
    *s = (struct staging){ 0 };
}
