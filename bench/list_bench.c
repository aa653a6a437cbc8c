/* bench/list_bench.c - how long a page of a listing takes, by kind of question.
 *
 *     list_bench HOME/hearth.db [ROUNDS] [LIMIT]
 *
 * The claim: with a million repositories (bench/list_gen) 99 of 100 pages of 30 take less than 20 ms, whatever
 * is asked.  Each question is asked ROUNDS times (200) with other words each time; the rows of the page are
 * read too, JSON is not written.  One reader, one thread. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "hub/index/list.h"
#include "hub/index/tag_block.h"

static struct err e;
static struct db_conn *conn;
static size_t limit = 30;
static uint64_t seed = 7;

static uint64_t rnd(void)
{
    uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ z >> 31;
}
#define PICK(list) str_c((list)[rnd() % COUNT(list)])

static const char *const common_tag[] = { "transformers", "safetensors", "en", "text-generation", "pytorch", "license:apache-2.0",
    "license:mit", "text-to-image", "diffusers", "gguf" };
static const char *const medium_tag[] = { "fr", "de", "ja", "summarization", "translation", "license:gpl-3.0", "keras", "spacy",
    "depth-estimation", "cy", "tag-3", "tag-20", "tag-100" };
static const char *const word[] = { "llama", "qwen", "bert", "whisper", "lora", "gguf", "instruct", "yolo", "swin", "roleplay",
    "sentiment", "distil", "smol", "german", "7b-chat", "mamba-70b", "vision-a" };
static const char *const miss[] = { "zzqqxx", "nosuchname", "bert-zz", "llamallama", "-q-q-q" };
static const char *const short_word[] = { "b", "gp", "7b", "t5", "v2", "xl", "zq", "qj", "j", "-f" };
static const enum list_sort sorts[] = { SORT_TRENDING, SORT_DOWNLOADS, SORT_LIKES, SORT_MODIFIED, SORT_CREATED };

struct question {
    struct list_query q;
    str tags[4], search[2];
    char text[64];
};
static void ask_tags(struct question *x, size_t n) { x->q.tags = x->tags; x->q.tags_count = n; }
static void ask_words(struct question *x, size_t n) { x->q.search = x->search; x->q.search_count = n; }

static void plain(struct question *x) { (void)x; }
static void by_name(struct question *x) { x->q.sort = SORT_NAME; x->q.ascending = true; }
static void by_size(struct question *x) { x->q.sort = SORT_PARAMETERS; x->q.parameters_max = (uint64_t)1 << (20 + rnd() % 16); }
static void one_common(struct question *x) { x->tags[0] = PICK(common_tag); ask_tags(x, 1); }
static void one_medium(struct question *x) { x->tags[0] = PICK(medium_tag); ask_tags(x, 1); }
static void one_rare(struct question *x)
{
    snprintf(x->text, sizeof x->text, "tag-%u", (unsigned)(rnd() % 20000));
    x->tags[0] = str_c(x->text);
    ask_tags(x, 1);
}
static void two_common(struct question *x) { x->tags[0] = PICK(common_tag); x->tags[1] = PICK(common_tag); ask_tags(x, 2); }
static void common_and_medium(struct question *x) { x->tags[0] = PICK(common_tag); x->tags[1] = PICK(medium_tag); ask_tags(x, 2); }
static void three_tags(struct question *x) { common_and_medium(x); x->tags[2] = PICK(medium_tag); ask_tags(x, 3); }
static void pipeline(struct question *x) { x->q.pipeline_tag = PICK(((const char *const[]){ "text-generation", "fill-mask", "depth-estimation" })); }
static void gated(struct question *x) { x->q.gated = 1; }
static void author(struct question *x)
{
    snprintf(x->text, sizeof x->text, "owner-%u", 1 + (unsigned)(rnd() % 2000));
    x->q.author = str_c(x->text);
}
static void big_author(struct question *x) { x->q.author = STR("owner-1"); }
static void one_word(struct question *x) { x->search[0] = PICK(word); ask_words(x, 1); }
static void two_words(struct question *x) { x->search[0] = PICK(word); x->search[1] = PICK(word); ask_words(x, 2); }
static void rare_word(struct question *x)
{
    snprintf(x->text, sizeof x->text, "-%llx", (unsigned long long)(0x10000 + rnd() % 0xe0000));
    x->search[0] = str_c(x->text);
    ask_words(x, 1);
}
/* list_gen calls every owner owner-N: the search table's worst case, since each piece is in each name. */
static void everywhere(struct question *x) { x->search[0] = STR("owner-1"); x->search[1] = PICK(word); ask_words(x, 2); }
static void no_hit(struct question *x) { x->search[0] = PICK(miss); ask_words(x, 1); }
static void short_words(struct question *x) { x->search[0] = PICK(short_word); ask_words(x, 1); }
static void word_and_tag(struct question *x) { one_word(x); one_medium(x); }
static void word_and_common(struct question *x) { one_word(x); one_common(x); }
static void datasets(struct question *x) { x->q.kind = REPO_DATASET; x->tags[0] = STR("format:parquet"); ask_tags(x, 1); }

static const struct {
    const char *name;
    void (*ask)(struct question *x);
    bool any_order;
} questions[] = {
    { "all, any order", plain, true },         { "all, by name", by_name, false },       { "by size, under a bound", by_size, false },
    { "a common tag", one_common, true },      { "a medium tag", one_medium, true },     { "a rare tag", one_rare, true },
    { "two common tags", two_common, true },   { "common and medium tag", common_and_medium, true },
    { "three tags", three_tags, true },        { "a task", pipeline, true },             { "gated", gated, true },
    { "an author", author, true },             { "the largest author", big_author, true },
    { "a word", one_word, true },              { "two words", two_words, true },         { "a rare word", rare_word, true },
    { "a word that is nowhere", no_hit, true }, { "one or two letters", short_words, true },
    { "a word and a medium tag", word_and_tag, true }, { "a word and a common tag", word_and_common, true },
    { "data sets of a format", datasets, true }, { "pieces that are everywhere", everywhere, true },
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Two pages in a row count as two: the second begins behind a cursor. */
static void ask(size_t k, double *took, double *cpu, double *worst)
{
    struct identity nobody = { 0 };
    struct question x = { .q = { .kind = REPO_MODEL, .who = &nobody, .gated = -1, .limit = limit } };
    struct arena *a = arena_new(0);
    struct list_page page;
    questions[k].ask(&x);
    if (questions[k].any_order) x.q.sort = sorts[rnd() % COUNT(sorts)];
    for (int i = 0; i < 2; i++) {
        int64_t begin = clock_mono_us();
        double cpu_begin = cpu_ms();
        if (!list_repos(conn, &x.q, a, &page, &e)) {
            fprintf(stderr, "list_bench: %s: %s\n", questions[k].name, e.msg);
            exit(1);
        }
        took[i] = (double)(clock_mono_us() - begin) / 1000;
        cpu[i] = cpu_ms() - cpu_begin;
        if (cpu[i] > *worst) {
            *worst = cpu[i];
            if (getenv("LIST_BENCH_VERBOSE"))
                printf("    %s: %.1f ms, page %d, sort %d, tags %.*s %.*s, words %.*s %.*s, %zu rows\n", questions[k].name, cpu[i], i,
                       (int)x.q.sort, STR_ARG(x.tags[0]), STR_ARG(x.tags[1]), STR_ARG(x.search[0]), STR_ARG(x.search[1]), page.n);
        }
        x.q.cursor = page.next;
    }
    arena_free(a);
}

int main(int argc, char **argv)
{
    uint64_t rounds = 200, n = limit;
    struct db *d;
    if (argc < 2 || (argc > 2 && !str_u64(str_c(argv[2]), &rounds)) || (argc > 3 && !str_u64(str_c(argv[3]), &n))) {
        fprintf(stderr, "usage: list_bench HOME/hearth.db [ROUNDS] [LIMIT]\n");
        return 2;
    }
    limit = (size_t)n;
    if (!db_open(argv[1], &d, &e)) {
        fprintf(stderr, "list_bench: %s\n", e.msg);
        return 1;
    }
    if (!tag_block_fill(d, false, &e)) return 1;
    conn = db_reader(d);
    double *took = mem_alloc(rounds * 2 * sizeof *took), *cpu = mem_alloc(rounds * 2 * sizeof *cpu),
           *all_cpu = mem_alloc(rounds * 2 * COUNT(questions) * sizeof *all_cpu), *all = mem_alloc(rounds * 2 * COUNT(questions) * sizeof *all);
    size_t all_n = 0;
    printf("%-28s %9s %9s %9s %9s %9s   pages of %zu, milliseconds\n", "", "p50", "p99", "max", "cpu p50", "cpu p99", limit);
    for (size_t k = 0; k < COUNT(questions); k++) {
        double worst = 0;
        for (size_t i = 0; i < rounds; i++) ask(k, &took[2 * i], &cpu[2 * i], &worst);
        memcpy(all + all_n, took, rounds * 2 * sizeof *took);
        memcpy(all_cpu + all_n, cpu, rounds * 2 * sizeof *cpu);
        all_n += rounds * 2;
        qsort(took, rounds * 2, sizeof *took, by_value);
        qsort(cpu, rounds * 2, sizeof *cpu, by_value);
        printf("%-28s %9.2f %9.2f %9.2f %9.2f %9.2f\n", questions[k].name, took[rounds], took[rounds * 2 * 99 / 100],
               took[rounds * 2 - 1], cpu[rounds], cpu[rounds * 2 * 99 / 100]);
    }
    qsort(all, all_n, sizeof *all, by_value);
    qsort(all_cpu, all_n, sizeof *all_cpu, by_value);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("%-28s %9.2f %9.2f %9.2f %9.2f %9.2f   %ld MB resident at most\n", "together", all[all_n / 2], all[all_n * 99 / 100],
           all[all_n - 1], all_cpu[all_n / 2], all_cpu[all_n * 99 / 100], use.ru_maxrss / 1024);
    db_give(d, conn);
    db_close(d);
    return 0;
}
