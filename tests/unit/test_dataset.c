/* test_dataset.c - which files of a repository make up which split, by its card and by their names. */
#include "unit.h"

#include <time.h>

#include "dataset/dataset.h"
#include "hub/card/card.h"

/* Splits as "config/split: file file; ...". */
static str splits_of(const char *card, const char *const *path, struct arena *a)
{
    struct repo_file_row file[16] = { 0 };
    struct dataset_split *split;
    struct json *json = NULL;
    struct err e;
    size_t n = 0, count;
    struct buf b = BUF_INIT(0);
    if (card) must_ok(card_yaml_parse(str_c(card), a, &json, &e));
    for (; n < COUNT(file) && path[n]; n++) file[n].path = str_c(path[n]);
    struct dataset_files files = { .file = file, .n = n };
    dataset_splits(json, &files, a, &split, &count);
    for (size_t i = 0; i < count; i++) {
        buf_addf(&b, "%s%.*s/%.*s:", i ? "; " : "", STR_ARG(split[i].config), STR_ARG(split[i].split));
        for (size_t k = 0; k < split[i].files_count; k++) buf_addf(&b, " %.*s", STR_ARG(split[i].file[k]->path));
    }
    str s = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return s;
}

static const struct { const char *card, *path[6], *want; } split_case[] = {
    { NULL, { "data/train-00000-of-00002.parquet", "data/train-00001-of-00002-abc.parquet", "data/odd.name-00000-of-00001.parquet" },
      "default/train: data/train-00000-of-00002.parquet data/train-00001-of-00002-abc.parquet; default/odd.name: data/odd.name-00000-of-00001.parquet" },
    { NULL, { "dev.parquet", "test/a.parquet", "x/train/b.parquet" }, "default/train: x/train/b.parquet; default/test: test/a.parquet" },
    { NULL, { "my_test-1.parquet", "dev2.parquet", "training.parquet", "latest.parquet" },
      "default/train: training.parquet; default/validation: dev2.parquet; default/test: my_test-1.parquet" },
    { NULL, { "a.parquet", "b.PARQUET", "c.csv" }, "default/train: a.parquet b.PARQUET" },
    { NULL, { "a.csv", "b.txt" }, "default/train: a.csv" },
    { NULL, { "a.csv.gz", "train.jsonl.zst", "b.CSV.GZ", "c.gz", "d.csv.bz2" }, "default/train: train.jsonl.zst" },
    { "configs:\n- {config_name: a, data_dir: x}\n- {config_name: b, data_dir: ./y/, data_files: '*.csv', default: true}\n", { "x/test.csv", "x/train.csv", "y/1.csv", "y/z/2.csv", "xx/3.csv" },
      "b/train: y/1.csv; a/train: x/train.csv; a/test: x/test.csv" },
    { NULL, { "train.csv", "x.tsv", "test.json" }, "default/test: test.json" }, /* the names that have keywords are the data; one of each format: JSON comes first */
    { NULL, { "a.csv", "b.tsv", "c.jsonl" }, "default/train: c.jsonl" },
    { NULL, { "data/train-00000-of-00001.csv", "x.parquet" }, "default/train: data/train-00000-of-00001.csv" },
    { "configs:\n- {config_name: a, data_files: 'x/*'}\n- {config_name: b, data_files: {train: y.parquet, test: y.csv}}\n", { "x/1.csv", "x/2.ndjson", "x/3.json", "y.csv", "y.parquet" },
      "a/train: x/2.ndjson x/3.json; b/train: y.parquet" },
    { NULL, { "data/train-0000-of-00002.parquet", "data/-00000-of-00001.parquet" }, "default/train: data/train-0000-of-00002.parquet" },
    { "configs:\n- config_name: b\n  data_files: x/*.parquet\n- config_name: default\n  data_files:\n  - {split: test, path: t.parquet}\n"
      "  - {split: train, path: [x/1.parquet, 'x/*']}\n",
      { "t.parquet", "x/1.parquet", "x/2.parquet", "x/y/3.parquet" },
      "default/train: x/1.parquet x/2.parquet; default/test: t.parquet; b/train: x/1.parquet x/2.parquet" },
    { "configs:\n- config_name: b\n  data_files: gone/*\n", { "train.parquet" }, "default/train: train.parquet" },
    { "configs:\n- config_name: all\n  data_files: {train: '**/*.parquet'}\n", { "a.parquet", "x/y/b.parquet" }, "all/train: a.parquet x/y/b.parquet" },
    { "configs:\n- data_files: [./x/ab**, 'y/[a]*.parquet']\n", { "x/ab.parquet", "x/abc/d.parquet", "y/[a]b.parquet", "y/ab.parquet" },
      "default/train: x/ab.parquet y/ab.parquet" },
    { "configs: 7\n", { "a.parquet" }, "default/train: a.parquet" },
    { "configs: [7, {data_files: 8}, {config_name: [1], data_files: [{split: 1, path: {}}]}]\n", { "a.parquet" }, "default/train: a.parquet" },
};

static void files_make_up_splits_by_the_card_else_by_their_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(split_case); i++) {
        struct arena *a = arena_new(0);
        str got = splits_of(split_case[i].card, split_case[i].path, a);
        if (!str_eq(got, str_c(split_case[i].want))) fail_msg("case %zu: %.*s\ninstead of %s", i, STR_ARG(got), split_case[i].want);
        arena_free(a);
    }
}

/* A card may have a megabyte of patterns, and a repository two thousand files: whoever looks at the page does not wait for minutes. */
static void patterns_cost_little_whatever_the_card_says(void **state)
{
    enum { FILES = 2000, LONG = 500 << 10, MANY = 60000, PROCESSOR_MS_MAX = 20 * 1000 };
    static const char *const piece[] = { "[", "[[:", "*a", "**/" };
    (void)state;
    struct arena *a = arena_new(0);
    struct repo_file_row *file = arena_alloc(a, FILES * sizeof *file);
    for (size_t i = 0; i < FILES; i++) file[i].path = arena_fmt(a, "%0500zu/%zu.parquet", (size_t)0, i);
    struct dataset_files files = { .file = file, .n = FILES };
    clock_t began = clock();
    for (size_t k = 0; k <= 2 * COUNT(piece); k++) { /* one long pattern, or many short ones */
        struct dataset_split *split;
        struct json *card;
        struct err e;
        size_t count;
        bool is_long = k < COUNT(piece);
        struct buf b = BUF_INIT(0);
        buf_lit(&b, "{\"configs\": [{\"data_files\": [\"*/1.parquet\", \"");
        for (size_t n = 0; n < (is_long ? LONG : MANY); n++) {
            buf_add(&b, str_c(k == 2 * COUNT(piece) ? "**/*0*0*0*0*0*.csv" : piece[k % COUNT(piece)]));
            if (!is_long) buf_lit(&b, "\", \"");
        }
        buf_lit(&b, "\"]}]}");
        must_ok(json_parse(buf_str(&b), a, &card, &e));
        dataset_splits(card, &files, a, &split, &count);
        assert_int_equal(count, 1);
        assert_true(split[0].file[0] == &file[1]);
        buf_deinit(&b);
    }
    assert_true(processor_s(began) * 1000 < PROCESSOR_MS_MAX);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_make_up_splits_by_the_card_else_by_their_names),
        cmocka_unit_test(patterns_cost_little_whatever_the_card_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
