/* dataset/files.c - the files of a data set, from the index of its repository. */
#include "dataset/dataset.h"

/* What `datasets` takes for data besides, any suffix of it ("a.csv.zip" is one of these), and scripts, from which older versions made it. */
static const char *const other[] = {
    "csv", "tsv", "json", "jsonl", "ndjson", "arrow", "txt", "tar", "zip", "xml", "h5", "hdf5", "lance", "eval", "py", "pdf", "glb", "ply", "stl", "nii",
};
static const char *const no_data[] = { "config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json" };

static bool holds_no_data(str path)
{
    str name = str_from(path, str_rchr(path, '/') + 1);
    for (size_t i = 0; i < COUNT(no_data); i++)
        if (str_eq(name, str_c(no_data[i]))) return true;
    return false;
}

struct finding {
    struct dataset_files *out;
    size_t parquet, text, media;
    uint64_t others[COUNT(other)];
    struct arena *a;
};

static void count_other(struct finding *f, str path)
{
    str name = str_from(path, str_rchr(path, '/') + 1), suffix;
    if (!str_cut(&name, '.', &suffix)) return;
    while (str_cut(&name, '.', &suffix))
        for (size_t i = 0; i < COUNT(other); i++)
            if (str_eq_nocase(suffix, str_c(other[i]))) f->others[i]++;
}

static bool look(void *ctx, const struct repo_file_row *row)
{
    struct finding *f = ctx;
    struct dataset_files *out = f->out;
    enum dataset_format format;
    if (holds_no_data(row->path)) return true;
    if (!dataset_format_of(row->path, &format)) {
        count_other(f, row->path);
        return true;
    }
    bool is_media = dataset_is_folder(format);
    size_t *count = format == DATASET_PARQUET ? &f->parquet : is_media ? &f->media : &f->text;
    if (*count == (is_media ? DATASET_MEDIA_FILES_MAX : DATASET_FILES_MAX)) {
        out->has_more = true;
        return true;
    }
    ++*count;
    out->file = arena_grow(f->a, out->file, out->n, sizeof *out->file);
    out->file[out->n] = *row;
    out->file[out->n].path = arena_dup(f->a, row->path);
    out->file[out->n++].oid = arena_dup(f->a, row->oid);
    return true;
}

bool dataset_files_find(struct db_conn *db, int64_t repo_id, struct arena *a, struct dataset_files *out, struct err *e)
{
    struct finding f = { .out = out, .a = a };
    *out = (struct dataset_files){ .repo_id = repo_id };
    if (!repo_files_each(db, repo_id, look, &f, e)) return false;
    for (size_t i = 0; i < COUNT(other); i++) {
        out->has_others |= f.others[i] > 0;
        out->is_of_others |= !f.parquet && f.others[i] > f.text + f.media;
    }
    return true;
}
