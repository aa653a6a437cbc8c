/* dataset/files.c - the files of a data set, from the index of its repository. */
#include "dataset/dataset.h"

/* What `datasets` takes for data besides (any suffix counts: "a.csv.gz" does), and scripts, from which older
 * versions made it. */
static const char *const other[] = {
    "csv", "tsv", "json", "jsonl", "ndjson", "arrow", "txt", "tar", "zip", "xml", "h5", "hdf5", "lance", "eval", "py", "jpg", "jpeg", "png",
    "webp", "gif", "tif", "tiff", "bmp", "wav", "flac", "mp3", "ogg", "opus", "mp4", "webm", "pdf",
};
static const char *const no_data[] = { "config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json" };

static bool is_other(str path)
{
    str name = str_from(path, str_rchr(path, '/') + 1), suffix;
    for (size_t i = 0; i < COUNT(no_data); i++)
        if (str_eq(name, str_c(no_data[i]))) return false;
    if (dataset_is_parquet(name) || !str_cut(&name, '.', &suffix)) return false;
    while (str_cut(&name, '.', &suffix))
        for (size_t i = 0; i < COUNT(other); i++)
            if (str_eq_nocase(suffix, str_c(other[i]))) return true;
    return false;
}

static bool look(void *ctx, const struct repo_file_row *f)
{
    bool *has_others = ctx;
    *has_others = is_other(f->path);
    return !*has_others;
}

bool dataset_files_find(struct db_conn *db, int64_t repo_id, struct arena *a, struct dataset_files *out, struct err *e)
{
    *out = (struct dataset_files){ 0 };
    if (!repo_files_ending(db, repo_id, dataset_parquet_ending, DATASET_PARQUET_ENDINGS, DATASET_FILES_MAX, a, &out->file, &out->n, e)) return false;
    out->has_more = out->n == DATASET_FILES_MAX;
    return repo_files_each(db, repo_id, look, &out->has_others, e);
}
