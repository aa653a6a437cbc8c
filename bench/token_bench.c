/* token_bench.c - tokens per second of one thread, and how long a compiled tokenizer takes to load.
 *
 *     token_bench TOKENIZER.json CORPUS [CACHE_DIR]
 *
 * CORPUS holds texts that end in NUL.  Prints key=value, among them the SHA-256 of all ids (u32, little-endian), which
 * bench/token_peer.py compares with Hugging Face tokenizers' before it believes any speed. */
#include <time.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/os.h"
#include "model/token/token.h"

/* The thread's own time, so that a busy machine does not decide. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fail(const struct err *e)
{
    fprintf(stderr, "error: %s\n", e->msg);
    return 1;
}

static bool load_times(const char *json_path, const char *cache, struct err *e)
{
    struct arena *a = arena_new(0);
    struct tokenizer *t = NULL;
    str path = str_c(json_path);
    size_t slash = str_rchr(path, '/');
    const char *dir = slash == STR_NONE ? "." : arena_cstr(a, str_to(path, slash));
    double best = 1e9, first = 0;
    bool ok = true;
    for (int i = 0; ok && i < 20; i++) {
        double from = now();
        if (!(ok = tokenizer_open(dir, cache, &t, e))) break;
        double took = now() - from;
        if (i == 0) first = took;
        else if (took < best) best = took;
        tokenizer_free(t);
    }
    if (ok) printf("load_first_ms=%.2f load_cached_ms=%.2f\n", first * 1e3, best * 1e3);
    arena_free(a);
    return ok;
}

int main(int argc, char **argv)
{
    struct err e;
    char *json = NULL, *corpus = NULL;
    size_t json_n, corpus_n, tokens = 0, chars = 0;
    struct tokenizer *t;
    if (argc < 3) return fprintf(stderr, "usage: token_bench TOKENIZER.json CORPUS [CACHE_DIR]\n"), 2;
    if (argc > 3 && !load_times(argv[1], argv[3], &e)) return fail(&e);
    if (!os_read_file(argv[1], TOKEN_JSON_MAX, &json, &json_n, &e) || !os_read_file(argv[2], (size_t)1 << 32, &corpus, &corpus_n, &e)) return fail(&e);
    if (!tokenizer_parse(str_n(json, json_n), &t, &e)) return fail(&e);
    const struct token_options plain = { .no_special = true };
    uint32_t *ids = mem_alloc((corpus_n + 16) * sizeof *ids);
    for (int pass = 0; pass < 2; pass++) { /* ids alone, then with offsets */
        struct token_encoder *x = token_encoder_new(t);
        struct encoding full = { 0 };
        double from = now();
        str rest = str_n(corpus, corpus_n), text;
        while (rest.n && str_cut(&rest, 0, &text)) {
            bool ok = pass == 0 ? token_encode_ids(x, text, &plain, ids, corpus_n + 16, &tokens, &e) : token_encode(x, text, &plain, &full, &e);
            if (!ok) return fail(&e);
            for (size_t i = 0; pass == 1 && i < full.n; i++) chars += full.to[i] - full.from[i];
        }
        double took = now() - from;
        printf("%s_mb_per_s=%.1f\n", pass == 0 ? "ids" : "offsets", (double)corpus_n / 1e6 / took);
        encoding_deinit(&full);
        token_encoder_free(x);
    }
    struct buf text = BUF_INIT(0);
    double from = now();
    for (size_t i = 0; i < tokens; i += 1000) {
        buf_reset(&text);
        if (!tokenizer_decode(t, ids + i, tokens - i < 1000 ? tokens - i : 1000, false, &text, &e)) return fail(&e);
    }
    printf("decode_mb_per_s=%.1f\n", (double)corpus_n / 1e6 / (now() - from));
    struct sha256 h = sha256_of((bytes){ (const uint8_t *)ids, tokens * sizeof *ids });
    char hex[SHA256_HEX + 1];
    hex_encode((bytes){ h.b, sizeof h.b }, hex);
    printf("bytes=%zu tokens=%zu covered_chars=%zu sha256=%s\n", corpus_n, tokens, chars, hex);
    buf_deinit(&text);
    mem_free(ids);
    mem_free(corpus);
    mem_free(json);
    tokenizer_free(t);
    return 0;
}
