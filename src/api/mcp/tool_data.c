/* api/mcp/tool_data.c - rows of a data set, as an assistant reads them: long cells are cut, media are told by type and name. */
#include "api/mcp/mcp_api.h"
#include "api/viewer/viewer_api.h"

enum { ROWS_MAX = 100, CELL_BYTES = 1500 };

static void write_splits(struct json_writer *w, const struct viewer *v)
{
    jw_karray(w, "splits");
    for (size_t i = 0; i < v->n; i++) {
        jw_object(w);
        jw_kstr(w, "config", v->split[i].config);
        jw_kstr(w, "split", v->split[i].split);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static bool choose(const struct viewer *v, str config, str split, const struct dataset_split **out, struct err *e)
{
    for (size_t i = 0; i < v->n; i++) {
        *out = &v->split[i];
        if ((!config.n || str_eq(config, (*out)->config)) && (!split.n || str_eq(split, (*out)->split))) return true;
    }
    return err_set(e, ERR_NOT_FOUND, "There is no such configuration or split; without them the first is shown, and all are listed");
}

static void write_media(struct json_writer *w, const struct json *v, struct arena *a)
{
    struct media m = { 0 };
    bool has_bytes = media_parse(json_str_or(v, STR("bytes"), STR("")), a, &m);
    jw_object(w);
    if (has_bytes) jw_kstr(w, "type", str_c(m.type));
    if (has_bytes && m.width) jw_kint(w, "width", m.width);
    if (has_bytes && m.height) jw_kint(w, "height", m.height);
    jw_kstr(w, "path", json_str_or(v, STR("path"), STR("")));
    jw_object_end(w);
}

static bool write_cell(struct json_writer *w, const struct dataset_column *column, const struct json *v, struct arena *a, struct err *e)
{
    struct buf cell = BUF_INIT(64 << 20);
    struct json_writer inside = json_writer(&cell);
    jw_key(w, column->name);
    if (column->kind == DATASET_IMAGE || column->kind == DATASET_MEDIA) write_media(&inside, v, a);
    else dataset_value_write(&inside, column->node, v);
    bool ok = !cell.failed || err_set(e, ERR_TOO_LARGE, "A cell of column %.*s is too large to be read here", STR_ARG(str_to(column->name, 100)));
    str text = buf_str(&cell);
    bool is_short = text.n <= CELL_BYTES;
    if (!is_short && json_is(v, JSON_STRING)) text = v->s; /* without its quotes */
    if (ok && is_short) jw_raw(w, text);
    else if (ok) jw_str(w, arena_fmt(a, "%.*s... (%zu bytes in all)", (int)(text.n < CELL_BYTES ? text.n : CELL_BYTES), text.p, text.n));
    buf_deinit(&cell);
    return ok;
}

static bool write_rows(struct call *c, struct json_writer *w, const struct dataset_split *s, int64_t first, int64_t n, struct arena *a, struct err *e)
{
    struct dataset_table t;
    const struct json **value;
    struct dataset_place *place;
    size_t rows;
    bool ok = viewer_open(c, s, a, &t, e) && (t.is_counted || dataset_reach(c->hub, &t, (uint64_t)(first + n), e));
    ok = ok && dataset_values(&t, (uint64_t)first, (size_t)n, a, &value, &place, &rows, e);
    if (!ok) return false;
    jw_karray(w, "columns");
    for (size_t k = 0; k < t.columns_count; k++) {
        jw_object(w);
        jw_kstr(w, "name", t.column[k].name);
        jw_kstr(w, "type", t.column[k].type);
        jw_object_end(w);
    }
    jw_array_end(w);
    if (t.is_counted && !s->has_more) jw_kint(w, "rows_in_all", (int64_t)t.rows_count);
    jw_karray(w, "rows");
    for (size_t i = 0; ok && i < rows; i++) {
        jw_object(w);
        for (size_t k = 0; ok && k < t.columns_count; k++) ok = write_cell(w, &t.column[k], value[i * t.columns_count + k], a, e);
        jw_object_end(w);
    }
    jw_array_end(w);
    return ok;
}

static bool rows_of(struct call *c, const struct json *args, struct buf *out, struct err *e)
{
    struct viewer v;
    const struct dataset_split *s = NULL;
    struct json_writer w = json_writer(out);
    struct arena *a;
    str config, split, name;
    int64_t first, n;
    bool ok = mcp_str(args, "dataset", (str){ 0 }, &name, e) && mcp_str(args, "config", STR(""), &config, e) && mcp_str(args, "split", STR(""), &split, e) &&
              mcp_int(args, "offset", 0, 0, INT64_MAX >> 8, &first, e) && mcp_int(args, "length", 10, 1, ROWS_MAX, &n, e) &&
              call_find_repo(c, REPO_DATASET, name, REPO_READ, &c->repo, e);
    if (!ok) return false;
    c->has_repo = true;
    if (!viewer_load_rows(c, &v, e) || !choose(&v, config, split, &s, e) || !dataset_reading_begin(&a, e)) return false;
    jw_object(&w);
    jw_kstr(&w, "config", s->config);
    jw_kstr(&w, "split", s->split);
    jw_kint(&w, "offset", first);
    ok = write_rows(c, &w, s, first, n, a, e);
    write_splits(&w, &v);
    jw_object_end(&w);
    dataset_reading_end(a);
    return ok;
}

static const struct mcp_tool tools[] = {
    { "dataset_rows", "Rows of a dataset", "Columns, types and rows of a split of a dataset (Parquet, CSV, JSON, text, folders of media, WebDataset). Without config and split: the first, and which there are.",
      "{\"type\":\"object\",\"properties\":{\"dataset\":{\"type\":\"string\",\"description\":\"owner/name\"},\"config\":{\"type\":\"string\"},\"split\":{\"type\":\"string\"},"
      "\"offset\":{\"type\":\"integer\",\"minimum\":0,\"default\":0},\"length\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"default\":10}},\"required\":[\"dataset\"]}",
      rows_of },
};
const struct mcp_tools mcp_data_tools = { tools, COUNT(tools) };
