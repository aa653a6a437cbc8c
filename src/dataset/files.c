/* dataset/files.c - the files of a data set, from the index of its repository. */
#include "dataset/dataset.h"

/* What `datasets` takes for data besides, any suffix of it ("a.csv.gz" is one of these: packed files are not read), and scripts, from
 * which older versions made it. */
static const char *const other[] = {
    "csv", "tsv", "json", "jsonl", "ndjson", "arrow", "txt", "tar", "zip", "xml", "h5", "hdf5", "lance", "eval", "py", "jpg", "jpeg", "png",
    "webp", "gif", "tif", "tiff", "bmp", "wav", "flac", "mp3", "ogg", "opus", "mp4", "webm", "pdf",
};
static const char *const no_data[] = { "config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json" };

static const str text_ending[] = { STR_INIT(".csv"), STR_INIT(".tsv"), STR_INIT(".jsonl"), STR_INIT(".ndjson"), STR_INIT(".json") };

static bool holds_no_data(str path)
{
    str name = str_from(path, str_rchr(path, '/') + 1);
    for (size_t i = 0; i < COUNT(no_data); i++)
        if (str_eq(name, str_c(no_data[i]))) return true;
    return false;
}

struct others {
    uint64_t count[COUNT(other)];
};

static bool look(void *ctx, const struct repo_file_row *f)
{
    struct others *o = ctx;
    enum dataset_format known;
    str name = str_from(f->path, str_rchr(f->path, '/') + 1), suffix;
    if (holds_no_data(f->path) || dataset_format_of(f->path, &known) || !str_cut(&name, '.', &suffix)) return true;
    while (str_cut(&name, '.', &suffix))
        for (size_t i = 0; i < COUNT(other); i++)
            if (str_eq_nocase(suffix, str_c(other[i]))) o->count[i]++;
    return true;
}

static bool add_text(struct db_conn *db, int64_t repo_id, struct arena *a, struct dataset_files *out, struct err *e)
{
    struct repo_file_row *text;
    size_t n, text_count = 0;
    if (!repo_files_ending(db, repo_id, text_ending, COUNT(text_ending), DATASET_FILES_MAX, a, &text, &n, e)) return false;
    struct repo_file_row *all = arena_alloc(a, (out->n + n + 1) * sizeof *all);
    if (out->n) memcpy(all, out->file, out->n * sizeof *all);
    for (size_t i = 0; i < n; i++)
        if (!holds_no_data(text[i].path)) all[out->n + text_count++] = text[i];
    struct others o = { 0 };
    if (!repo_files_each(db, repo_id, look, &o, e)) return false;
    for (size_t i = 0; i < COUNT(other); i++) {
        out->has_others |= o.count[i] > 0;
        out->is_of_others |= !out->n && o.count[i] > text_count;
    }
    out->file = all;
    out->n += text_count;
    out->has_more |= n == DATASET_FILES_MAX;
    return true;
}

bool dataset_files_find(struct db_conn *db, int64_t repo_id, struct arena *a, struct dataset_files *out, struct err *e)
{
    *out = (struct dataset_files){ 0 };
    if (!repo_files_ending(db, repo_id, dataset_parquet_ending, DATASET_PARQUET_ENDINGS, DATASET_FILES_MAX, a, &out->file, &out->n, e)) return false;
    out->has_more = out->n == DATASET_FILES_MAX;
    return add_text(db, repo_id, a, out, e);
}
