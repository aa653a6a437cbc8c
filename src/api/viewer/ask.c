/* api/viewer/ask.c - what is asked for: a data set, of it a configuration, of that a split. */
#include "api/viewer/viewer_api.h"

bool viewer_need(struct call *c, const char *name, str *out, struct err *e)
{
    *out = str_trim(call_query(c, name));
    return out->n || err_kind(e, ERR_UNPROCESSABLE, "MissingRequiredParameter", "Parameter '%s' is required", name);
}

/* `datasets` takes one format for all, or refuses: of files of another it may make something else. */
static bool leaves_out_a_format(const struct viewer *v)
{
    bool is_used[DATASET_FORMATS] = { false };
    enum dataset_format f;
    for (size_t i = 0; i < v->n; i++) is_used[v->split[i].format] = true;
    for (size_t i = 0; i < v->files.n; i++)
        if (dataset_format_of(v->files.file[i].path, &f) && !is_used[f]) return true;
    return false;
}

/* Row and files of one moment: a commit in between must not mix with them. */
bool viewer_load(struct call *c, struct viewer *out, struct err *e)
{
    struct repo_summary row;
    struct json *card = NULL;
    struct err ignored;
    call_give_back(c);
    c->wants_snapshot = true;
    struct db_conn *db = call_db(c);
    *out = (struct viewer){ 0 };
    if (!repo_summary_get(db, c->repo.id, &row, c->a, e) || !dataset_files_find(db, c->repo.id, c->a, &out->files, e)) return false;
    call_give_back(c);
    out->sha = row.head_sha;
    out->files.waiter = (struct mirror_waiter){ call_has_left, c };
    out->files.address = arena_fmt(c->a, "hf://datasets/%.*s@%.*s", STR_ARG(c->repo.full_name), STR_ARG(out->sha));
    http_add_header(c->http, "X-Revision", out->sha);
    if (row.card.n && !json_parse(row.card, c->a, &card, &ignored)) card = NULL;
    bool is_about_others = out->files.is_of_others && !json_get(card, STR("configs"));
    if (out->files.n && !is_about_others) dataset_splits(card, &out->files, c->a, &out->split, &out->n);
    out->files.has_others |= leaves_out_a_format(out);
    return true;
}

bool viewer_load_rows(struct call *c, struct viewer *out, struct err *e)
{
    if (!viewer_load(c, out, e)) return false;
    if (out->n) return true;
    if (!out->files.has_others) return err_kind(e, ERR_NOT_FOUND, "EmptyDatasetError", "The dataset is empty.");
    return err_set(e, ERR_NOT_BUILT, "This data set has no files of Parquet, CSV, JSON, text, images, audio, video or tar archives, and rows of other formats are not served by this version of Hearth");
}

bool viewer_config(const struct viewer *v, str config, const struct dataset_split **first, size_t *n, struct err *e)
{
    size_t from = 0, to = v->n;
    if (config.n) {
        while (from < v->n && !str_eq(v->split[from].config, config)) from++;
        for (to = from; to < v->n && str_eq(v->split[to].config, config);) to++;
        if (from == to) return err_kind(e, ERR_NOT_FOUND, "ConfigNotFoundError", "There is no configuration \"%.*s\" with files of rows", STR_ARG(str_to(config, 200)));
    }
    *first = v->split + from;
    *n = to - from;
    return true;
}

bool viewer_split(struct call *c, const struct viewer *v, const struct dataset_split **out, struct err *e)
{
    str config, split;
    size_t n;
    if (!viewer_need(c, "config", &config, e) || !viewer_need(c, "split", &split, e) || !viewer_config(v, config, out, &n, e)) return false;
    for (; n; n--, (*out)++)
        if (str_eq((*out)->split, split)) return true;
    return err_kind(e, ERR_NOT_FOUND, "SplitNotFoundError", "There is no split \"%.*s\" in \"%.*s\"", STR_ARG(str_to(split, 200)), STR_ARG(str_to(config, 200)));
}

bool viewer_open(struct call *c, const struct dataset_split *s, struct arena *a, struct dataset_table *out, struct err *e)
{
    struct vcs_repo *git;
    bool ok = call_git(c, &git, e) && dataset_open(c->hub, git, s, VIEWER_COLUMNS_MAX, a, out, e);
    call_give_back(c);
    if (!ok && e->code == ERR_INVALID) e->code = ERR_UNPROCESSABLE; /* the file is malformed, not the question */
    if (!ok) return false;
    return out->columns_all == out->columns_count ||
           err_kind(e, ERR_UNPROCESSABLE, "TooManyColumnsError", "There are %zu columns; %d are served", out->columns_all, VIEWER_COLUMNS_MAX);
}

void viewer_file_url(struct call *c, struct buf *out, const struct viewer *v, str path)
{
    buf_add(out, call_repo_url(c, &c->repo));
    buf_addf(out, "/resolve/%.*s/", STR_ARG(v->sha));
    http_encode(out, path, "/");
}
