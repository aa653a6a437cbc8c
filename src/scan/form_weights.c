/* scan/form_weights.c - safetensors and GGUF: formats that hold numbers and descriptions, so that they can be judged to the end.
 *
 * What is called .safetensors or .gguf and is none is no reason for fear, but no loader of ours would take it, and something else
 * may: SCAN_CAUTION.  A pointer of Git LFS has the name and is text. */
#include "base/ckd.h"
#include "model/format/gguf_header.h"
#include "model/format/safetensors_header.h"
#include "scan/form.h"

enum { ST_ARENA_BYTES = 200 << 20, GGUF_HEAD_BYTES = 64 << 20, GGUF_FIRST_BYTES = 256 << 10 };

static bool is_pointer(const struct probe_input *in) { return str_starts(str_of(in->head), STR("version https://git-lfs")); }

/* A length that fits, and an object behind it. */
static bool looks_like_safetensors(const struct probe_input *in)
{
    uint64_t n = 0;
    if (in->head.n < 10 || in->head.p[8] != '{' || (in->head.p[9] != '"' && in->head.p[9] != '}')) return false;
    for (int i = 7; i >= 0; i--) n = n << 8 | in->head.p[i];
    return n >= 2 && n <= st_limits_default.header_bytes_max && n <= in->source->size_bytes - 8;
}

bool probe_safetensors(struct scan *s, const struct probe_input *in, struct err *e)
{
    static const char *const ends[] = { ".safetensors" };
    bool named = scan_path_ends(in->path, ends, COUNT(ends)), looks = looks_like_safetensors(in);
    struct st_header h;
    struct err why;
    uint64_t n;
    if ((!named && !looks) || is_pointer(in)) return true;
    if (!st_header_length(in->head, &st_limits_default, &n, &why) || n > in->source->size_bytes - 8) {
        scan_add(s, in, "safetensors", SCAN_CAUTION, "is no valid safetensors file: its header does not fit into it");
        return true;
    }
    uint8_t *file = mem_try((size_t)n + 8);
    struct arena *a = arena_new(ST_ARENA_BYTES);
    bool ok = file && scan_read(s, in, 0, file, (size_t)n + 8, e);
    if (!file) scan_add(s, in, "safetensors", SCAN_CAUTION, "has a header of %llu bytes, which is too large to be judged", (unsigned long long)n);
    else if (ok && !st_header_parse((bytes){ file, (size_t)n + 8 }, in->source->size_bytes, &st_limits_default, a, &h, &why)) {
        str msg = str_c(why.msg);
        if (str_starts(msg, STR("safetensors: "))) msg = str_from(msg, 13);
        const char *what = why.code == ERR_TOO_LARGE ? "has a header that is too large to be judged" : "is no valid safetensors file";
        if (named) scan_add(s, in, "safetensors", SCAN_CAUTION, "%s: %.*s", what, STR_ARG(msg));
    }
    mem_free(file);
    arena_free(a);
    return ok || !file;
}

/* ------------------------------------------------------------------ GGUF */

static void judge_pairs(struct scan *s, const struct probe_input *in, const struct gguf_header *h)
{
    for (size_t i = 0; i < h->pairs_count; i++) {
        const struct gguf_pair *p = &h->pair[i];
        if (p->value.type == GGUF_STRING && str_starts(p->key, STR("tokenizer.chat_template"))) form_template(s, in, p->key, p->value.s, true);
    }
}

bool probe_gguf(struct scan *s, const struct probe_input *in, struct err *e)
{
    static const char *const ends[] = { ".gguf" };
    if (!str_starts(str_of(in->head), STR("GGUF"))) {
        if (scan_path_ends(in->path, ends, 1) && !is_pointer(in)) scan_add(s, in, "gguf", SCAN_CAUTION, "is called .gguf and is none");
        return true;
    }
    uint64_t size = in->source->size_bytes, most = size < GGUF_HEAD_BYTES ? size : GGUF_HEAD_BYTES;
    struct gguf_header h;
    struct err why;
    bool more = true, ok = true, good = false;
    /* The header says its own length only by being read; so it is read again, four times as much, until it suffices. */
    for (uint64_t n = most < GGUF_FIRST_BYTES ? most : GGUF_FIRST_BYTES; ok && more; n = n > most / 4 ? most : n * 4) {
        uint8_t *head = mem_try((size_t)n + 1);
        struct arena *a = arena_new(ST_ARENA_BYTES);
        more = false;
        err_set(&why, ERR_TOO_LARGE, "its header is too large to be judged");
        ok = !head || scan_read(s, in, 0, head, (size_t)n, e);
        if (ok && head) good = gguf_header_parse((bytes){ head, (size_t)n }, size, &gguf_limits_default, a, &h, &more, &why);
        if (ok && good) judge_pairs(s, in, &h);
        more = more && !good && n < most;
        mem_free(head);
        arena_free(a);
    }
    if (ok && !good) scan_add(s, in, "gguf", SCAN_CAUTION, "is no GGUF file that can be read: %.*s", STR_ARG(str_to(str_c(why.msg), 300)));
    return ok;
}
