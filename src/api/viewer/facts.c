/* api/viewer/facts.c - what a data set has: splits, files, sizes, types.  All of it is read from footers; "pending" is always empty,
 * since nothing is prepared ahead, and "failed" names configurations whose files cannot be opened. */
#include "api/viewer/viewer_api.h"
#include "base/clock.h"

/* "partial": is there more than what is told? */
static bool is_partial(const struct viewer *v, const struct dataset_split *s, size_t n)
{
    bool has_more = v->files.has_more || v->files.has_others;
    for (size_t i = 0; i < n; i++) has_more |= s[i].has_more;
    return has_more;
}

/* ------------------------------------------------------------------ configurations, opened */

struct config {
    str name;
    const struct dataset_split *split;
    struct dataset_table *table; /* of each split */
    size_t n;
    const char *problem; /* NULL: they could be opened */
    uint64_t rows, file_bytes, unpacked_bytes, rows_estimated;
    size_t columns;
    bool is_counted, types_are_sure; /* of files of text: they were read to their ends; all of them fit */
};

static uint64_t file_bytes_of(const struct dataset_split *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->files_count; i++) n += s->file[i]->size_bytes;
    return n;
}

static void write_features(struct json_writer *w, const struct dataset_table *t, struct arena *a)
{
    jw_kobject(w, "features");
    for (size_t k = 0; k < t->columns_count; k++) {
        jw_key(w, t->column[k].name);
        dataset_feature_write(w, &t->column[k], a);
    }
    jw_object_end(w);
}

/* Types of text are those of each split by itself. */
static bool same_types(const struct dataset_table *x, const struct dataset_table *y, struct arena *a)
{
    struct buf b = BUF_INIT(0), c = BUF_INIT(0);
    struct json_writer of_x = json_writer(&b), of_y = json_writer(&c);
    if (x->part[0].parquet) return true;
    write_features(&of_x, x, a);
    write_features(&of_y, y, a);
    bool same = str_eq(buf_str(&b), buf_str(&c));
    buf_deinit(&b);
    buf_deinit(&c);
    return same;
}

static bool open_config(struct call *c, struct config *out, int64_t until_ms, struct arena *a, struct err *e)
{
    out->table = arena_alloc(a, out->n * sizeof *out->table);
    for (size_t i = 0; i < out->n; i++) {
        struct dataset_table *t = &out->table[i];
        if (clock_mono_ms() > until_ms)
            return err_kind(e, ERR_BUSY, "ResponseNotReady", "There is more to be read than is read for one answer: ask for one configuration, or again");
        if (!viewer_open(c, &out->split[i], a, t, e) || !dataset_reach(c->hub, t, UINT64_MAX, e)) return false;
        out->is_counted = (i == 0 || out->is_counted) && t->is_counted;
        out->types_are_sure = (i == 0 || out->types_are_sure) && t->types_are_sure && (i == 0 || same_types(&out->table[0], t, a));
        out->rows_estimated += t->is_counted ? t->rows_count : dataset_rows_estimated(t);
        out->rows += t->rows_count;
        out->unpacked_bytes += t->unpacked_bytes;
        out->file_bytes += file_bytes_of(&out->split[i]);
        out->columns = t->columns_count;
    }
    return true;
}

/* The configuration that is asked for, which must open, or all. */
static bool open_configs(struct call *c, const struct viewer *v, struct arena *a, struct config **out, size_t *count, bool *is_one, struct err *e)
{
    const struct dataset_split *split;
    size_t n;
    str asked = str_trim(call_query(c, "config"));
    int64_t until_ms = clock_mono_ms() + VIEWER_OPENING_MS_MAX;
    *is_one = asked.n > 0;
    *count = 0;
    if (!viewer_config(v, asked, &split, &n, e)) return false;
    struct config *list = *out = arena_alloc(a, (n + 1) * sizeof *list);
    for (size_t i = 0; i < n;) {
        struct config *one = &list[(*count)++];
        *one = (struct config){ .name = split[i].config, .split = split + i };
        while (i < n && str_eq(split[i].config, one->name)) one->n++, i++;
        if (open_config(c, one, until_ms, a, e)) continue;
        if (*is_one || e->code == ERR_IO || e->code == ERR_INTERNAL) return false;
        one->problem = arena_cstr(a, str_c(e->msg));
    }
    return true;
}

static void write_failed(struct call *c, struct json_writer *w, const struct config *list, size_t n)
{
    jw_karray(w, "pending");
    jw_array_end(w);
    jw_karray(w, "failed");
    for (size_t i = 0; i < n; i++) {
        if (!list[i].problem) continue;
        jw_object(w);
        jw_kstr(w, "dataset", c->repo.full_name);
        jw_kstr(w, "config", list[i].name);
        jw_kobject(w, "error");
        jw_kstr(w, "error", str_c(list[i].problem));
        jw_object_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* A reply that is written from opened configurations. */
typedef void fact_writer(struct call *c, struct json_writer *w, const struct config *list, size_t n, bool is_one, struct arena *a);

/* Of files of text, rows may not be counted yet, and types are those of the beginning: `datasets` relies on what is not partial. */
static bool all_known(const struct config *list, size_t n, bool wants_types)
{
    for (size_t i = 0; i < n; i++)
        if (!list[i].problem && (!list[i].is_counted || (wants_types && !list[i].types_are_sure))) return false;
    return true;
}

static bool reply_configs(struct call *c, fact_writer *write, bool wants_types, struct err *e)
{
    struct viewer v;
    struct config *list;
    size_t n;
    bool is_one;
    struct arena *a;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (!viewer_load_rows(c, &v, e) || !dataset_reading_begin(&a, e)) return false;
    bool ok = open_configs(c, &v, a, &list, &n, &is_one, e);
    if (ok) {
        jw_object(&w);
        write(c, &w, list, n, is_one, a);
        if (!is_one) write_failed(c, &w, list, n);
        jw_kbool(&w, "partial", !all_known(list, n, wants_types) || is_partial(&v, is_one ? list[0].split : v.split, is_one ? list[0].n : v.n));
        jw_object_end(&w);
    }
    dataset_reading_end(a);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

/* ------------------------------------------------------------------ /info */

static void write_split_infos(struct json_writer *w, const struct config *one)
{
    jw_kobject(w, "splits");
    for (size_t i = 0; i < one->n; i++) {
        jw_key(w, one->split[i].split);
        jw_object(w);
        jw_kstr(w, "name", one->split[i].split);
        jw_kint(w, "num_bytes", (int64_t)one->table[i].unpacked_bytes);
        jw_kint(w, "num_examples", (int64_t)one->table[i].rows_count);
        jw_knull(w, "dataset_name");
        jw_object_end(w);
    }
    jw_object_end(w);
}

static void write_config_info(struct call *c, struct json_writer *w, const struct config *one, struct arena *a)
{
    static const char *const empty[] = { "description", "citation", "homepage", "license" };
    jw_object(w);
    for (size_t i = 0; i < COUNT(empty); i++) jw_kstr(w, empty[i], STR(""));
    write_features(w, &one->table[0], a);
    jw_kstr(w, "builder_name", dataset_builder(one->split[0].format));
    jw_kstr(w, "dataset_name", c->repo.name);
    jw_kstr(w, "config_name", one->name);
    jw_kraw(w, "version", STR("{\"version_str\":\"0.0.0\",\"major\":0,\"minor\":0,\"patch\":0}"));
    write_split_infos(w, one);
    jw_kint(w, "download_size", (int64_t)one->file_bytes);
    jw_kint(w, "dataset_size", (int64_t)one->unpacked_bytes);
    jw_object_end(w);
}

static void write_info(struct call *c, struct json_writer *w, const struct config *list, size_t n, bool is_one, struct arena *a)
{
    jw_key(w, STR("dataset_info"));
    if (is_one) {
        write_config_info(c, w, &list[0], a);
        return;
    }
    jw_object(w);
    for (size_t i = 0; i < n; i++) {
        if (list[i].problem) continue;
        jw_key(w, list[i].name);
        write_config_info(c, w, &list[i], a);
    }
    jw_object_end(w);
}

static bool get_info(struct call *c, struct err *e) { return reply_configs(c, write_info, true, e); }

/* ------------------------------------------------------------------ /size */

struct size {
    uint64_t file_bytes, parquet_bytes, unpacked_bytes, rows, rows_estimated;
    size_t columns;
    bool is_counted;
};

/* Files are served as they were sent: nothing is converted to Parquet. */
static void write_amounts(struct json_writer *w, bool is_split, const struct size *s)
{
    if (!is_split) jw_kint(w, "num_bytes_original_files", (int64_t)s->file_bytes);
    jw_kint(w, "num_bytes_parquet_files", (int64_t)s->parquet_bytes);
    jw_kint(w, "num_bytes_memory", (int64_t)s->unpacked_bytes);
    jw_kint(w, "num_rows", (int64_t)s->rows);
    if (s->columns) jw_kint(w, "num_columns", (int64_t)s->columns);
    if (s->is_counted) jw_knull(w, "estimated_num_rows");
    else jw_kint(w, "estimated_num_rows", (int64_t)s->rows_estimated);
}

static uint64_t parquet_bytes_of(const struct config *one) { return one->split[0].format == DATASET_PARQUET ? one->file_bytes : 0; }

static void write_config_size(struct call *c, struct json_writer *w, const struct config *one)
{
    struct size s = { one->file_bytes, parquet_bytes_of(one), one->unpacked_bytes, one->rows, one->rows_estimated, one->columns, one->is_counted };
    jw_object(w);
    jw_kstr(w, "dataset", c->repo.full_name);
    jw_kstr(w, "config", one->name);
    write_amounts(w, false, &s);
    jw_object_end(w);
}

static void write_split_sizes(struct call *c, struct json_writer *w, const struct config *one)
{
    for (size_t i = 0; i < one->n; i++) {
        const struct dataset_table *t = &one->table[i];
        uint64_t own = file_bytes_of(&one->split[i]);
        struct size s = { own, parquet_bytes_of(one) ? own : 0, t->unpacked_bytes, t->rows_count, dataset_rows_estimated(t), t->columns_count, t->is_counted };
        jw_object(w);
        jw_kstr(w, "dataset", c->repo.full_name);
        jw_kstr(w, "config", one->name);
        jw_kstr(w, "split", one->split[i].split);
        write_amounts(w, true, &s);
        jw_object_end(w);
    }
}

static void write_all_sizes(struct call *c, struct json_writer *w, const struct config *list, size_t n)
{
    struct size all = { .is_counted = true };
    for (size_t i = 0; i < n; i++) {
        if (list[i].problem) continue;
        all.file_bytes += list[i].file_bytes;
        all.unpacked_bytes += list[i].unpacked_bytes;
        all.parquet_bytes += parquet_bytes_of(&list[i]);
        all.rows += list[i].rows;
        all.rows_estimated += list[i].rows_estimated;
        all.is_counted &= list[i].is_counted;
    }
    jw_kobject(w, "dataset");
    jw_kstr(w, "dataset", c->repo.full_name);
    write_amounts(w, false, &all);
    jw_object_end(w);
    jw_karray(w, "configs");
    for (size_t i = 0; i < n; i++)
        if (!list[i].problem) write_config_size(c, w, &list[i]);
    jw_array_end(w);
}

static void write_sizes(struct call *c, struct json_writer *w, const struct config *list, size_t n, bool is_one, struct arena *a)
{
    (void)a;
    jw_kobject(w, "size");
    if (is_one) {
        jw_key(w, STR("config"));
        write_config_size(c, w, &list[0]);
    } else {
        write_all_sizes(c, w, list, n);
    }
    jw_karray(w, "splits");
    for (size_t i = 0; i < n; i++)
        if (!list[i].problem) write_split_sizes(c, w, &list[i]);
    jw_array_end(w);
    jw_object_end(w);
}

static bool get_size(struct call *c, struct err *e) { return reply_configs(c, write_sizes, false, e); }

/* ------------------------------------------------------------------ /splits and /is-valid */

static bool get_splits(struct call *c, struct err *e)
{
    struct viewer v;
    const struct dataset_split *split;
    size_t n;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    str config = str_trim(call_query(c, "config"));
    if (!viewer_load_rows(c, &v, e) || !viewer_config(&v, config, &split, &n, e)) return false;
    jw_object(&w);
    jw_karray(&w, "splits");
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kstr(&w, "dataset", c->repo.full_name);
        jw_kstr(&w, "config", split[i].config);
        jw_kstr(&w, "split", split[i].split);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    if (!config.n) write_failed(c, &w, NULL, 0);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* Does its first row come out? */
static bool try_split(struct call *c, const struct dataset_split *s, bool *is_readable, bool *has_statistics, bool *has_text, struct err *e)
{
    struct dataset_table t;
    const struct json **value;
    struct dataset_place *place;
    size_t n;
    struct err why;
    struct arena *a;
    if (!dataset_reading_begin(&a, e)) return false;
    *is_readable = viewer_open(c, s, a, &t, &why) && dataset_values(&t, 0, 1, a, &value, &place, &n, &why);
    *has_statistics = *is_readable && t.rows_count && dataset_has_statistics(&t);
    *has_text = *is_readable && dataset_is_searchable(&t);
    dataset_reading_end(a);
    return true;
}

enum { TRIED_MAX = 20 }; /* of splits, until one is readable */

/* What is broken is no error: it is not valid. */
static bool get_is_valid(struct call *c, struct err *e)
{
    struct viewer v;
    const struct dataset_split *split;
    size_t n;
    bool is_one_readable = false, has_statistics = false, has_text = false;
    struct err none;
    str asked = str_trim(call_query(c, "split"));
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (!viewer_load(c, &v, e)) return false;
    if (!viewer_config(&v, str_trim(call_query(c, "config")), &split, &n, &none)) n = 0;
    for (size_t i = 0, tried = 0; i < n && tried < TRIED_MAX && !is_one_readable; i++) {
        if (asked.n && !str_eq(split[i].split, asked)) continue;
        if (!try_split(c, &split[i], &is_one_readable, &has_statistics, &has_text, e)) return false;
        tried++;
    }
    jw_object(&w);
    jw_kbool(&w, "preview", is_one_readable);
    jw_kbool(&w, "viewer", is_one_readable);
    jw_kbool(&w, "search", has_text);
    jw_kbool(&w, "filter", is_one_readable);
    jw_kbool(&w, "statistics", has_statistics);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ /parquet */

static void write_file(struct call *c, struct json_writer *w, const struct viewer *v, const struct dataset_split *s, const struct repo_file_row *f)
{
    struct buf url = BUF_INIT(0);
    viewer_file_url(c, &url, v, f->path);
    jw_object(w);
    jw_kstr(w, "dataset", c->repo.full_name);
    jw_kstr(w, "config", s->config);
    jw_kstr(w, "split", s->split);
    jw_kstr(w, "url", buf_str(&url));
    jw_kstr(w, "filename", str_from(f->path, str_rchr(f->path, '/') + 1));
    jw_kint(w, "size", (int64_t)f->size_bytes);
    jw_object_end(w);
    buf_deinit(&url);
}

/* Text is not converted. */
static bool has_parquet(const struct dataset_split *s, size_t n, bool *has_text)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += s[i].format == DATASET_PARQUET;
    *has_text = count < n;
    return count > 0;
}

/* Of one configuration only: its types. */
static bool write_types(struct call *c, struct json_writer *w, const struct dataset_split *s, struct err *e)
{
    struct dataset_table t;
    struct arena *a;
    if (!dataset_reading_begin(&a, e)) return false;
    bool ok = viewer_open(c, s, a, &t, e);
    if (ok) write_features(w, &t, a);
    dataset_reading_end(a);
    return ok;
}

static bool get_parquet(struct call *c, struct err *e)
{
    struct viewer v;
    const struct dataset_split *split;
    size_t n;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    bool has_text;
    str config = str_trim(call_query(c, "config"));
    if (!viewer_load_rows(c, &v, e) || !viewer_config(&v, config, &split, &n, e)) return false;
    if (!has_parquet(split, n, &has_text)) return err_set(e, ERR_NOT_BUILT, "There are no Parquet files, and this version of Hearth converts no others to Parquet");
    jw_object(&w);
    jw_karray(&w, "parquet_files");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < split[i].files_count && split[i].format == DATASET_PARQUET; k++) write_file(c, &w, &v, &split[i], split[i].file[k]);
    jw_array_end(&w);
    if (!config.n) {
        write_failed(c, &w, NULL, 0);
    } else if (!write_types(c, &w, split, e)) {
        buf_deinit(&b);
        return false;
    }
    jw_kbool(&w, "partial", has_text || is_partial(&v, split, n));
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool not_built(struct call *c, struct err *e)
{
    return err_set(e, ERR_NOT_BUILT, "/%.*s of the dataset viewer is not built in this version of Hearth", STR_ARG(call_param(c, "what")));
}

#define ROW(path, handler, name) { HTTP_GET, API_VIEWER_FOLDER path, PERM_DATASET_READ, HTTP_BODY_NONE, 0, 0, handler, name, SHAPE_HUB }
static const struct api_route rows[] = {
    ROW("/is-valid", get_is_valid, "viewer.is-valid"),
    ROW("/splits", get_splits, "viewer.splits"),
    ROW("/parquet", get_parquet, "viewer.parquet"),
    ROW("/size", get_size, "viewer.size"),
    ROW("/info", get_info, "viewer.info"),
    ROW("/:what(croissant-crumbs|opt-in-out-urls|presidio-entities|hub-cache|compatible-libraries)", not_built, "viewer.not-built"),
};
const struct api_table viewer_fact_table = API_TABLE(rows);
