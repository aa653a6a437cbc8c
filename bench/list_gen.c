/* bench/list_gen.c - a database with many repositories, for bench/list_bench and for a server to serve.
 *
 *     list_gen HOME/hearth.db N [SEED]
 *
 * Rows go straight into the tables, as src/hub/index/index_write.c would leave them; there are no git repositories
 * behind them, so listings, searches and info work and downloads do not.  Shares follow what the public hub
 * looks like: 85 of 100 are models, half of all were never downloaded, a few tags are everywhere and most are
 * rare, three in a hundred repositories are private, a sixth of the owners are organisations. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "db/db.h"
#include "hub/index/tag_block.h"

enum { BATCH = 50000, TAGS_PER_REPO = 40, PEOPLE_PER_100 = 2 };

static uint64_t seed;

static uint64_t rnd(void) /* splitmix64 */
{
    uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
static double uniform(void) { return (double)(rnd() >> 11) / 9007199254740992.0; }
/* 0 is the most frequent of n, with a long tail. */
static size_t zipf(size_t n) { return (size_t)(pow((double)n + 1, uniform()) - 1) % n; }

static const char *const base[] = { "Llama-3", "Qwen2.5", "bert", "mistral", "gpt2", "whisper", "gemma", "phi", "stable-diffusion",
    "flux", "roberta", "t5", "vit", "wav2vec2", "deberta", "falcon", "clip", "yolo", "mixtral", "deepseek", "xlm-roberta",
    "distilbert", "bart", "opus-mt", "electra", "swin", "detr", "sam", "mamba", "rwkv", "bloom", "opt", "pythia", "olmo", "smollm" };
static const char *const size[] = { "7B", "8B", "1.5B", "0.5B", "70B", "base", "large", "small", "tiny", "3B", "13B", "xl", "mini" };
static const char *const what[] = { "Instruct", "finetuned", "lora", "GGUF", "chat", "merged", "dpo", "sft", "quantized", "code",
    "math", "medical", "finance", "german", "french", "japanese", "uncased", "cased", "v1", "v2", "v3", "test", "my-model", "AWQ",
    "GPTQ", "4bit", "reward", "embedding", "ner", "sentiment", "summarization", "translation", "roleplay", "reasoning", "vision" };
static const char *const library[] = { "transformers", "diffusers", "peft", "sentence-transformers", "timm", "keras", "mlx",
    "stable-baselines3", "fastai", "spacy" };
static const char *const task[] = { "text-generation", "text-to-image", "text-classification", "automatic-speech-recognition",
    "image-classification", "feature-extraction", "fill-mask", "sentence-similarity", "token-classification",
    "question-answering", "translation", "summarization", "reinforcement-learning", "image-text-to-text", "object-detection",
    "image-segmentation", "text-to-speech", "audio-classification", "zero-shot-image-classification", "depth-estimation" };
static const char *const license[] = { "apache-2.0", "mit", "other", "llama3", "openrail", "cc-by-nc-4.0", "cc-by-4.0",
    "creativeml-openrail-m", "gemma", "cc-by-sa-4.0", "afl-3.0", "gpl-3.0", "unknown", "bsd-3-clause" };
static const char *const language[] = { "en", "zh", "fr", "de", "es", "ja", "ko", "ru", "pt", "it", "ar", "hi", "nl", "pl", "tr",
    "vi", "id", "th", "sv", "cs", "no", "fi", "da", "el", "he", "uk", "ro", "hu", "bn", "ta", "sw", "yo", "am", "mt", "cy" };
#define PICK(list) (list)[zipf(COUNT(list))]

static struct err e;
static void ok_or_die(bool ok)
{
    if (ok) return;
    fprintf(stderr, "list_gen: %s\n", e.msg);
    exit(1);
}

/* ------------------------------------------------------------------ tags: numbered here, counted, written last */

struct tag {
    char *name;
    size_t kind;
    int64_t id, count;
};
static struct tag *tag_slot;
static size_t tag_cap, tags_count;

static struct tag *tag_find(size_t kind, str name)
{
    uint64_t h = 1469598103934665603ULL + kind;
    for (size_t i = 0; i < name.n; i++) h = (h ^ (uint8_t)name.p[i]) * 1099511628211ULL;
    size_t at = (size_t)(h >> 20) & (tag_cap - 1);
    for (; tag_slot[at].name; at = (at + 1) & (tag_cap - 1))
        if (tag_slot[at].kind == kind && str_eq(str_c(tag_slot[at].name), name)) return &tag_slot[at];
    must(tags_count * 2 < tag_cap);
    tag_slot[at] = (struct tag){ mem_dup(name), kind, (int64_t)++tags_count, 0 };
    return &tag_slot[at];
}

struct repo_tags {
    int64_t id[TAGS_PER_REPO];
    size_t n;
    struct buf json;
};

static void tag_add(struct repo_tags *t, size_t kind, str name)
{
    struct tag *tag = tag_find(kind, name);
    for (size_t i = 0; i < t->n; i++)
        if (t->id[i] == tag->id) return;
    if (t->n == TAGS_PER_REPO) return;
    t->id[t->n++] = tag->id;
    tag->count++;
    if (name.p[0] == 1) return;
    buf_byte(&t->json, t->json.n == 1 ? ' ' : ',');
    buf_byte(&t->json, '"');
    buf_add(&t->json, name);
    buf_byte(&t->json, '"');
}

__attribute__((format(printf, 3, 4))) static void tag_addf(struct repo_tags *t, size_t kind, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    tag_add(t, kind, str_c(text));
}

/* ------------------------------------------------------------------ one repository */

static const char *const kind_name[] = { "model", "dataset", "space" };

struct made {
    size_t kind;
    const char *library, *task, *sdk;
    struct repo_tags tags;
    struct buf name, card;
};

static void make(struct made *m, size_t i)
{
    double kind = uniform();
    m->kind = kind < 0.85 ? 0 : kind < 0.96 ? 1 : 2;
    m->library = m->task = m->sdk = "";
    m->tags.n = 0;
    buf_reset(&m->tags.json);
    buf_byte(&m->tags.json, '[');
    buf_reset(&m->name);
    buf_addf(&m->name, "%s", PICK(base));
    if (uniform() < 0.6) buf_addf(&m->name, "-%s", PICK(size));
    for (int k = 0; k < 3 && uniform() < 0.6; k++) buf_addf(&m->name, "-%s", PICK(what));
    buf_addf(&m->name, "-%llx", (unsigned long long)(i * 2654435761u & 0xffffff)); /* differs for each of 16 million */
    if (m->kind == 0) {
        if (uniform() < 0.75) m->library = PICK(library);
        if (uniform() < 0.6) m->task = PICK(task);
        if (*m->library) tag_add(&m->tags, 0, str_c(m->library));
        if (uniform() < 0.6) tag_add(&m->tags, 0, STR("safetensors"));
        if (uniform() < 0.25) tag_add(&m->tags, 0, STR("pytorch"));
        if (uniform() < 0.1) {
            tag_add(&m->tags, 0, STR("gguf"));
            tag_add(&m->tags, 0, STR("\1gguf"));
        }
        if (*m->task) tag_add(&m->tags, 0, str_c(m->task));
        if (*m->task) tag_addf(&m->tags, 0, "\1pipeline_tag:%s", m->task);
        if (uniform() < 0.35) tag_addf(&m->tags, 0, "base_model:%s/%s-%s", PICK(what), PICK(base), PICK(size));
        if (uniform() < 0.2) tag_addf(&m->tags, 0, "dataset:%s/set-%zu", PICK(what), zipf(30000));
        if (uniform() < 0.1) tag_addf(&m->tags, 0, "arxiv:%02zu%02zu.%05zu", 19 + zipf(7), 1 + zipf(12), zipf(20000));
    } else if (m->kind == 1) {
        if (uniform() < 0.4) tag_addf(&m->tags, 1, "task_categories:%s", PICK(task));
        if (uniform() < 0.4) tag_addf(&m->tags, 1, "size_categories:%s", zipf(3) ? "10K<n<100K" : "1K<n<10K");
        tag_addf(&m->tags, 1, "format:%s", uniform() < 0.6 ? "parquet" : "json");
    } else {
        m->sdk = uniform() < 0.7 ? "gradio" : uniform() < 0.6 ? "docker" : "static";
        tag_add(&m->tags, 2, str_c(m->sdk));
        tag_addf(&m->tags, 2, "\1sdk:%s", m->sdk);
    }
    for (int k = 0; k < 3 && uniform() < 0.4; k++) tag_addf(&m->tags, m->kind, "%s%s", m->kind == 1 ? "language:" : "", PICK(language));
    for (int k = 0; k < 4 && uniform() < 0.4; k++) tag_addf(&m->tags, m->kind, "tag-%zu", zipf(20000));
    if (uniform() < 0.5) tag_addf(&m->tags, m->kind, "license:%s", PICK(license));
    tag_add(&m->tags, m->kind, STR("region:us"));
    buf_byte(&m->tags.json, ']');
    buf_reset(&m->card);
    buf_addf(&m->card, "{\"license\":\"%s\",\"language\":[\"%s\"],\"pipeline_tag\":\"%s\",\"extra_text\":\"%0200d\"}", PICK(license),
             PICK(language), m->task, (int)i);
}

static void write_repo(struct db_conn *tx, const struct made *m, size_t i, int64_t owner, int64_t now)
{
    char hex[25], full[160], lower[120], padded[170], extra[200];
    /* A few are famous and most are unknown; what is downloaded is liked and trends. */
    double fame = pow(uniform(), 6);
    int64_t downloads = uniform() < 0.5 ? 0 : (int64_t)(exp(fame * 18) * uniform());
    int64_t likes = (int64_t)(sqrt((double)downloads) * uniform() / 4);
    int64_t created = now - (int64_t)(uniform() * uniform() * 4 * 365 * 86400000.0), id = (int64_t)i + 1;
    int64_t parameters = m->kind == 0 && uniform() < 0.6 ? (int64_t)exp(14 + uniform() * 11) : 0;
    bool is_private = uniform() < 0.03, is_gated = uniform() < 0.02;

    snprintf(hex, sizeof hex, "%024zx", i + 1);
    snprintf(full, sizeof full, "owner-%lld/%s", (long long)owner, m->name.p);
    snprintf(padded, sizeof padded, "%s  ", full);
    for (size_t k = 0; k <= m->name.n && k < sizeof lower; k++) lower[k] = (char)(m->name.p[k] >= 'A' && m->name.p[k] <= 'Z' ? m->name.p[k] + 32 : m->name.p[k]);
    snprintf(extra, sizeof extra, "{\"transformersInfo\":{\"auto_model\":\"AutoModel\",\"processor\":\"AutoTokenizer\"}}");
    ok_or_die(db_run(tx, &e, "INSERT INTO repo (id, hex_id, kind, owner_id, name, name_key, is_private, gated, sdk, created_ms)"
                             " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     db_int(id), db_text(str_c(hex)), db_text(str_c(kind_name[m->kind])), db_int(owner), db_text(buf_str(&m->name)),
                     db_text(str_c(lower)), db_int(is_private), db_text(is_gated ? STR("auto") : STR("")), db_text(str_c(m->sdk)),
                     db_int(created)));
    ok_or_die(db_run(tx, &e, "INSERT INTO repo_index (repo_id, kind, full_name, head_sha, modified_ms, created_ms, downloads,"
                             " downloads_all, likes, trending, parameters, used_bytes, files_count, pipeline_tag, library_name,"
                             " tags, card, config, extra, owner_id, is_private, is_gated)"
                             " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     db_int(id), db_text(str_c(kind_name[m->kind])), db_text(str_c(full)),
                     db_text(STR("0123456789abcdef0123456789abcdef01234567")), db_int(created + (int64_t)(uniform() * (double)(now - created))),
                     db_int(created), db_int(downloads), db_int(downloads * 9), db_int(likes),
                     db_real(downloads ? ((double)downloads * uniform() / 3 + (double)likes) : 0), db_int(parameters),
                     db_int(parameters * 2), db_int(8), db_text(str_c(m->task)), db_text(str_c(m->library)), db_text(buf_str(&m->tags.json)),
                     db_text(buf_str(&m->card)), m->kind == 0 ? db_text(STR("{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\"}")) : db_null(),
                     db_text(str_c(extra)), db_int(owner), db_int(is_private), db_int(is_gated)));
    ok_or_die(db_run(tx, &e, "INSERT INTO repo_search (rowid, full_name) VALUES (?, ?)", db_int(id), db_text(str_c(padded))));
    for (size_t k = 0; k < m->tags.n; k++)
        ok_or_die(db_run(tx, &e, "INSERT INTO repo_tag (tag_id, repo_id) VALUES (?, ?)", db_int(m->tags.id[k]), db_int(id)));
}

static void write_people(struct db *d, size_t people, int64_t now)
{
    struct db_conn *tx;
    char name[40], hex[25];
    ok_or_die(db_begin(d, &tx, &e));
    for (size_t i = 1; i <= people; i++) {
        snprintf(name, sizeof name, "owner-%zu", i);
        snprintf(hex, sizeof hex, "%024zx", i);
        ok_or_die(db_run(tx, &e, "INSERT INTO account (id, hex_id, kind, name, name_key, created_ms) VALUES (?, ?, ?, ?, ?, ?)",
                         db_int((int64_t)i), db_text(str_c(hex)), db_text(i % 6 ? STR("user") : STR("org")), db_text(str_c(name)),
                         db_text(str_c(name)), db_int(now)));
    }
    ok_or_die(db_commit(d, tx, &e));
}

static void write_tags(struct db *d)
{
    struct db_conn *tx;
    ok_or_die(db_begin(d, &tx, &e));
    for (size_t i = 0; i < tag_cap; i++)
        if (tag_slot[i].name)
            ok_or_die(db_run(tx, &e, "UPDATE tag SET kind = ?, name = ?, repos_count = ? WHERE id = ?", db_text(str_c(kind_name[tag_slot[i].kind])),
                             db_text(str_c(tag_slot[i].name)), db_int(tag_slot[i].count), db_int(tag_slot[i].id)));
    ok_or_die(db_commit(d, tx, &e));
}

/* Rows of repo_tag refer to tags, so those exist first, under a name for the time being. */
static void make_room(struct db_conn *tx, size_t *done)
{
    char name[40];
    for (; *done < tags_count; (*done)++) {
        snprintf(name, sizeof name, "new %zu", *done);
        ok_or_die(db_run(tx, &e, "INSERT INTO tag (id, kind, name) VALUES (?, 'model', ?)", db_int((int64_t)*done + 1), db_text(str_c(name))));
    }
}

int main(int argc, char **argv)
{
    uint64_t n = 0;
    int64_t now = clock_now_ms(), begin = clock_mono_us();
    struct made m = { 0 };
    size_t tags_done = 0;
    struct db_conn *tx;
    struct db *d;

    if (argc < 3 || !str_u64(str_c(argv[2]), &n) || n == 0) {
        fprintf(stderr, "usage: list_gen HOME/hearth.db N [SEED]\n");
        return 2;
    }
    if (argc > 3) (void)str_u64(str_c(argv[3]), &seed);
    size_t people = (size_t)n * PEOPLE_PER_100 / 100 + 6;
    tag_cap = 1 << 20;
    tag_slot = mem_alloc(tag_cap * sizeof *tag_slot);
    ok_or_die(db_open(argv[1], &d, &e));
    write_people(d, people, now);
    for (size_t i = 0; i < n;) {
        ok_or_die(db_begin(d, &tx, &e));
        for (size_t end = i + BATCH; i < n && i < end; i++) {
            make(&m, i);
            make_room(tx, &tags_done);
            write_repo(tx, &m, i, 1 + (int64_t)zipf(people), now);
        }
        ok_or_die(db_commit(d, tx, &e));
        fprintf(stderr, "\r%zu of %zu, %lld s", i, (size_t)n, (long long)((clock_mono_us() - begin) / 1000000));
    }
    write_tags(d);
    ok_or_die(tag_block_fill(d, true, &e));
    fprintf(stderr, "\n");
    db_close(d);
    return 0;
}
