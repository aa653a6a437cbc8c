/* api/viewer/parquet.c - the hub's own addresses of a data set's Parquet files, by configuration, split and number. */
#include "api/viewer/viewer_api.h"

#define PARQUET "/api/:kind(datasets)/:ns/:repo/parquet"

/* The addresses of one split: short ones, which lead to the files of today. */
static void write_urls(struct call *c, struct json_writer *w, const struct dataset_split *s)
{
    str base = call_base_url(c);
    jw_array(w);
    for (size_t i = 0; i < s->files_count; i++) {
        struct buf url = BUF_INIT(0);
        buf_addf(&url, "%.*s/api/datasets/%.*s/parquet/", STR_ARG(base), STR_ARG(c->repo.full_name));
        http_encode(&url, s->config, "");
        buf_byte(&url, '/');
        http_encode(&url, s->split, "");
        buf_addf(&url, "/%zu.parquet", i);
        jw_str(w, buf_str(&url));
        buf_deinit(&url);
    }
    jw_array_end(w);
}

static void write_config(struct call *c, struct json_writer *w, const struct dataset_split *s, size_t n)
{
    jw_object(w);
    for (size_t i = 0; i < n; i++) {
        jw_key(w, s[i].split);
        write_urls(c, w, &s[i]);
    }
    jw_object_end(w);
}

/* Splits of text have no Parquet files. */
static bool load(struct call *c, struct viewer *v, struct err *e)
{
    size_t n = 0;
    if (!viewer_load(c, v, e)) return false;
    for (size_t i = 0; i < v->n; i++)
        if (v->split[i].format == DATASET_PARQUET) v->split[n++] = v->split[i];
    v->n = n;
    return true;
}

static bool get_all(struct call *c, struct err *e)
{
    struct viewer v;
    const struct dataset_split *s;
    size_t n;
    if (!load(c, &v, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    for (size_t i = 0; i < v.n; i += n) {
        must(viewer_config(&v, v.split[i].config, &s, &n, e));
        jw_key(&w, s->config);
        write_config(c, &w, s, n);
    }
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool find_config(struct call *c, struct viewer *v, const struct dataset_split **s, size_t *n, struct err *e)
{
    return load(c, v, e) && viewer_config(v, call_param(c, "config"), s, n, e);
}

static bool get_config(struct call *c, struct err *e)
{
    struct viewer v;
    const struct dataset_split *s;
    size_t n;
    if (!find_config(c, &v, &s, &n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    write_config(c, &w, s, n);
    return call_reply_json(c, 200, &b);
}

static bool find_split(struct call *c, struct viewer *v, const struct dataset_split **s, struct err *e)
{
    size_t n;
    str split = call_param(c, "split");
    if (!find_config(c, v, s, &n, e)) return false;
    for (; n; n--, (*s)++)
        if (str_eq((*s)->split, split)) return true;
    return err_kind(e, ERR_NOT_FOUND, "SplitNotFoundError", "There is no split \"%.*s\" with Parquet files", STR_ARG(str_to(split, 200)));
}

static bool get_split(struct call *c, struct err *e)
{
    struct viewer v;
    const struct dataset_split *s;
    if (!find_split(c, &v, &s, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    write_urls(c, &w, s);
    return call_reply_json(c, 200, &b);
}

static bool get_file(struct call *c, struct err *e)
{
    struct viewer v;
    const struct dataset_split *s;
    uint64_t i;
    if (!find_split(c, &v, &s, e)) return false;
    if (!str_u64(call_param(c, "number"), &i) || i >= s->files_count)
        return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "The split has files 0 to %zu", s->files_count - 1);
    struct buf url = BUF_INIT(0);
    viewer_file_url(c, &url, &v, s->file[i]->path);
    http_add_header(c->http, "Location", buf_str(&url));
    buf_deinit(&url);
    return http_reply_empty(c->http, 302);
}

#define ROW(path, handler, name) { HTTP_GET, PARQUET path, PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, handler, name, SHAPE_HUB }
static const struct api_route rows[] = {
    ROW("", get_all, "viewer.files"),
    ROW("/:config", get_config, "viewer.files-of-config"),
    ROW("/:config/:split", get_split, "viewer.files-of-split"),
    ROW("/:config/:split/:number.parquet", get_file, "viewer.file"),
};
const struct api_table viewer_parquet_table = API_TABLE(rows);
