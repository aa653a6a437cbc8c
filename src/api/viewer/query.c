/* api/viewer/query.c - rows that match a condition, and rows that have words: /filter and /search. */
#include "api/viewer/viewer_api.h"

static bool filter(struct call *c, struct dataset_table *t, struct dataset_window window, struct arena *a, struct dataset_found *out, struct err *e)
{
    struct where where;
    struct where_order order;
    return where_parse(call_query(c, "where"), t, a, &where, e) && where_order_parse(call_query(c, "orderby"), t, a, &order, e) &&
           dataset_filter(t, &where, &order, window, (struct scan_asker){ call_has_left, c }, a, out, e);
}

static bool search(struct call *c, struct dataset_table *t, struct dataset_window window, struct arena *a, struct dataset_found *out, struct err *e)
{
    return dataset_search(t, str_trim(call_query(c, "query")), window, (struct scan_asker){ call_has_left, c }, a, out, e);
}

static bool reply(struct call *c, bool (*find)(struct call *c, struct dataset_table *t, struct dataset_window w, struct arena *a, struct dataset_found *out, struct err *e),
                  struct err *e)
{
    struct viewer v;
    const struct dataset_split *s;
    struct dataset_window window;
    struct dataset_table t;
    struct dataset_found found;
    struct arena *a;
    struct buf b = BUF_INIT(0);
    if (!viewer_window(c, &window, e) || !viewer_load_rows(c, &v, e) || !viewer_split(c, &v, &s, e) || !dataset_reading_begin(&a, e)) return false;
    bool ok = viewer_open(c, s, a, &t, e) && find(c, &t, window, a, &found, e);
    if (ok) found.is_partial |= s->has_more;
    ok = ok && viewer_write_found(c, &v, &t, &found, a, &b, e);
    dataset_reading_end(a);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

static bool get_filter(struct call *c, struct err *e) { return reply(c, filter, e); }

static bool get_search(struct call *c, struct err *e)
{
    str query;
    return viewer_need(c, "query", &query, e) && reply(c, search, e);
}

#define ROW(path, handler, name) { HTTP_GET, API_VIEWER_FOLDER path, PERM_DATASET_READ, HTTP_BODY_NONE, 0, 0, handler, name, SHAPE_HUB }
static const struct api_route rows[] = {
    ROW("/filter", get_filter, "viewer.filter"),
    ROW("/search", get_search, "viewer.search"),
};
const struct api_table viewer_query_table = API_TABLE(rows);
