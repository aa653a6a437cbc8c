/* model_bench.c - decoders of Llama's shape with generated weights: prompts and steps of decoding.
 *
 *   model_bench make DIR 0.1b|1b|3b      writes config.json and model.safetensors (bfloat16, seeded)
 *   model_bench run DIR TYPE [THREADS [SECONDS]]   f32, bf16, q8 or q4: a table
 *   model_bench first DIR TYPE [THREADS [CACHE]]   loads, 16 tokens, the first logits: for the clock of a cold process
 *   model_bench serve DIR TYPE THREADS   loads, then answers lines, for bench/model_peer.py:
 *       prefill TOKENS SECONDS | decode SEQUENCES CONTEXT SECONDS | bytes SEQUENCES CONTEXT | share SEQUENCES CONTEXT SECONDS */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/machine.h"
#include "base/os.h"
#include "model/measure.h"

static int failed(const struct err *e)
{
    fprintf(stderr, "model_bench: %s\n", e->msg);
    return 1;
}

/* ------------------------------------------------------------------ weights */

struct shape {
    const char *name;
    uint32_t hidden, intermediate, layers, heads, kv_heads, head_dim, vocab;
};
static const struct shape shapes[] = {
    { "0.1b", 576, 1536, 30, 9, 3, 64, 49152 },      /* as SmolLM2-135M */
    { "1b", 2048, 8192, 16, 32, 8, 64, 128256 },     /* as Llama-3.2-1B */
    { "3b", 3072, 8192, 28, 24, 8, 128, 128256 },    /* as Llama-3.2-3B */
};

struct making {
    FILE *file;
    struct buf header;
    uint64_t at;
    uint16_t noise[1 << 16];
    uint64_t seed;
    bool is_header; /* the first pass writes names, the second numbers */
};

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void tensor(struct making *m, const char *name, uint64_t rows, uint64_t columns, bool is_norm)
{
    uint64_t n = rows * columns;
    if (m->is_header) {
        buf_addf(&m->header, "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[", m->at ? "," : "", name);
        if (is_norm) buf_addf(&m->header, "%llu", (unsigned long long)columns);
        else buf_addf(&m->header, "%llu,%llu", (unsigned long long)rows, (unsigned long long)columns);
        buf_addf(&m->header, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)m->at, (unsigned long long)(m->at + 2 * n));
        m->at += 2 * n;
        return;
    }
    uint16_t some[4096];
    for (uint64_t done = 0; done < n;) {
        size_t count = n - done < 4096 ? (size_t)(n - done) : 4096;
        for (size_t i = 0; i < 4096; i += 4) {
            uint64_t r = next(&m->seed);
            for (size_t j = 0; j < 4; j++) some[i + j] = is_norm ? 0x3f80 : m->noise[r >> 16 * j & 0xffff];
        }
        fwrite(some, 2, count, m->file);
        done += count;
    }
}

static void layer(struct making *m, const struct shape *s, uint32_t i)
{
    static const char *const names[] = { "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj" };
    uint32_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    const uint32_t sizes[][2] = { { q, s->hidden }, { kv, s->hidden }, { kv, s->hidden }, { s->hidden, q },
                                  { s->intermediate, s->hidden }, { s->intermediate, s->hidden }, { s->hidden, s->intermediate } };
    char name[100];
    for (size_t j = 0; j < COUNT(names); j++) {
        snprintf(name, sizeof name, "model.layers.%u.%s.weight", i, names[j]);
        tensor(m, name, sizes[j][0], sizes[j][1], false);
    }
    snprintf(name, sizeof name, "model.layers.%u.input_layernorm.weight", i);
    tensor(m, name, 1, s->hidden, true);
    snprintf(name, sizeof name, "model.layers.%u.post_attention_layernorm.weight", i);
    tensor(m, name, 1, s->hidden, true);
}

static void tensors(struct making *m, const struct shape *s)
{
    tensor(m, "model.embed_tokens.weight", s->vocab, s->hidden, false);
    for (uint32_t i = 0; i < s->layers; i++) layer(m, s, i);
    tensor(m, "model.norm.weight", 1, s->hidden, true);
}

static int make(const char *dir, const char *name)
{
    const struct shape *s = NULL;
    struct err e;
    char path[600], config[1000];
    for (size_t i = 0; i < COUNT(shapes); i++)
        if (strcmp(shapes[i].name, name) == 0) s = &shapes[i];
    if (!s) {
        fprintf(stderr, "model_bench: there is no shape %s; 0.1b, 1b and 3b there are\n", name);
        return 2;
    }
    if (!os_mkdirs(dir, &e)) return failed(&e);
    snprintf(path, sizeof path, "%s/config.json", dir);
    int n = snprintf(config, sizeof config,
                     "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"hidden_size\":%u,\"intermediate_size\":%u,\"num_hidden_layers\":%u,"
                     "\"num_attention_heads\":%u,\"num_key_value_heads\":%u,\"head_dim\":%u,\"vocab_size\":%u,\"max_position_embeddings\":8192,"
                     "\"rms_norm_eps\":1e-05,\"rope_theta\":500000.0,\"hidden_act\":\"silu\",\"tie_word_embeddings\":true,\"torch_dtype\":\"bfloat16\","
                     "\"bos_token_id\":1,\"eos_token_id\":2}\n",
                     s->hidden, s->intermediate, s->layers, s->heads, s->kv_heads, s->head_dim, s->vocab);
    if (!os_write_file(dir, path, (bytes){ (const uint8_t *)config, (size_t)n }, &e)) return failed(&e);

    struct making *m = mem_one(struct making);
    m->header = (struct buf)BUF_INIT(0);
    m->seed = 88172645463325252ull;
    for (size_t i = 0; i < COUNT(m->noise); i++) { /* four uniform numbers make a bell */
        uint64_t r = next(&m->seed);
        int32_t sum = (int32_t)((r & 0xffff) + (r >> 16 & 0xffff) + (r >> 32 & 0xffff) + (r >> 48)) - 2 * 65535;
        m->noise[i] = kernel_to_bf16((float)sum * (0.02f / 37837.f));
    }
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    m->file = fopen(path, "wb");
    if (!m->file) {
        perror(path);
        return 1;
    }
    m->is_header = true;
    buf_addf(&m->header, "{");
    tensors(m, s);
    buf_addf(&m->header, "}");
    while (m->header.n % 64 != 56) buf_addf(&m->header, " ");
    uint64_t length = m->header.n;
    fwrite(&length, 8, 1, m->file);
    fwrite(buf_cstr(&m->header), 1, m->header.n, m->file);
    m->is_header = false;
    tensors(m, s);
    bool ok = !ferror(m->file) && fclose(m->file) == 0;
    if (!ok) perror(path);
    buf_deinit(&m->header);
    mem_free(m);
    return !ok;
}

/* ------------------------------------------------------------------ measuring */

struct model {
    struct source *source;
    struct team *team;
    struct decoder *d;
};

static bool open_model(struct model *m, const char *dir, const char *type, const char *threads, const char *cache, struct err *e)
{
    static const char *const names[KERNEL_TYPES] = { "f32", "bf16", "q8", "q4m", "q4" };
    enum kernel_type t = KERNEL_F32;
    while (t < KERNEL_TYPES && strcmp(names[t], type) != 0) t++;
    if (t == KERNEL_TYPES) return err_set(e, ERR_INVALID, "there is no type %s; f32, bf16, q8 and q4 there are", type);
    m->team = team_new(threads ? strtoul(threads, NULL, 10) : machine_now().processors);
    if (!source_open(dir, &m->source, e)) return false;
    source_keep_in(m->source, cache);
    return decoder_open_source(m->source, t, m->team, &m->d, e);
}

static int run(struct model *m, double budget_s)
{
    static const uint32_t sequences[] = { 1, 4, 16 };
    struct err e;
    struct timing t;
    struct sharing share;
    printf("%.1f million parameters, %.1f MB packed, %zu threads, table %s\n", (double)decoder_parameters(m->d) / 1e6,
           (double)decoder_packed_bytes(m->d) / 1e6, team_size(m->team), kernels()->name);
    if (!measure_prefill(m->d, m->team, 512, budget_s, &t, &e)) return failed(&e);
    printf("prefill 512        %8.1f tokens/s   (by processor time: %.1f a processor)\n", 512 / t.seconds, 512 / t.cpu_seconds);
    for (size_t i = 0; i < COUNT(sequences); i++) {
        double moved = (double)measure_step_bytes(m->d, sequences[i], 128);
        if (!measure_sharing(m->d, m->team, sequences[i], 128, budget_s, &share, &e)) return failed(&e);
        printf("decode %2u          %8.1f tokens/s   %.1f MB a step, %.1f GB/s; a read loop %.1f GB/s, share in turns %.2f\n", sequences[i],
               sequences[i] / share.seconds, moved / 1e6, moved / share.seconds / 1e9, share.bandwidth / 1e9, share.share);
    }
    return 0;
}

static bool answer(struct model *m, const char *line, struct err *e)
{
    unsigned sequences, context;
    double budget_s;
    struct timing t;
    struct sharing share;
    if (sscanf(line, "prefill %u %lf", &context, &budget_s) == 2) {
        if (!measure_prefill(m->d, m->team, context, budget_s, &t, e)) return false;
        printf("%.9f %.9f\n", t.seconds, t.cpu_seconds);
    } else if (sscanf(line, "decode %u %u %lf", &sequences, &context, &budget_s) == 3 && sequences >= 1 && sequences <= DECODER_ROWS_MAX) {
        if (!measure_decode(m->d, m->team, sequences, context, budget_s, &t, e)) return false;
        printf("%.9f %.9f\n", t.seconds, t.cpu_seconds);
    } else if (sscanf(line, "bytes %u %u", &sequences, &context) == 2) {
        printf("%llu\n", (unsigned long long)measure_step_bytes(m->d, sequences, context));
    } else if (sscanf(line, "share %u %u %lf", &sequences, &context, &budget_s) == 3 && sequences >= 1 && sequences <= DECODER_ROWS_MAX) {
        if (!measure_sharing(m->d, m->team, sequences, context, budget_s, &share, e)) return false;
        printf("%.9f %.0f %.4f\n", share.seconds, share.bandwidth, share.share);
    } else {
        return err_set(e, ERR_INVALID, "what is \"%.40s\"?", line);
    }
    fflush(stdout);
    return true;
}

static int serve(struct model *m)
{
    char line[200];
    struct err e;
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin))
        if (!answer(m, line, &e)) return failed(&e);
    return 0;
}

static int first(struct model *m, int64_t begin)
{
    struct timing t;
    struct err e;
    double loaded = (double)(clock_mono_us() - begin) / 1e3;
    if (!measure_prefill(m->d, m->team, 16, -1, &t, &e)) return failed(&e);
    printf("loaded in %.1f ms, 16 tokens in %.1f ms, all in %.1f ms\n", loaded, t.seconds * 1e3, (double)(clock_mono_us() - begin) / 1e3);
    return 0;
}

int main(int argc, char **argv)
{
    int64_t begin = clock_mono_us();
    struct model m = { 0 };
    struct err e;
    bool is_first = argc > 1 && strcmp(argv[1], "first") == 0;
    if (argc == 4 && strcmp(argv[1], "make") == 0) return make(argv[2], argv[3]);
    if (argc < 4 || argc > 6) {
        fprintf(stderr, "usage: model_bench make DIR SHAPE | run DIR TYPE [THREADS [SECONDS]] | first DIR TYPE [THREADS [CACHE]] | serve DIR TYPE THREADS\n");
        return 2;
    }
    if (!open_model(&m, argv[2], argv[3], argc > 4 ? argv[4] : NULL, is_first && argc > 5 ? argv[5] : NULL, &e)) return failed(&e);
    int status = 2;
    if (is_first) status = first(&m, begin);
    if (strcmp(argv[1], "run") == 0) status = run(&m, argc > 5 ? strtod(argv[5], NULL) : 2);
    if (strcmp(argv[1], "serve") == 0) status = serve(&m);
    decoder_close(m.d);
    source_close(m.source);
    team_free(m.team);
    return status;
}
