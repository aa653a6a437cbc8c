/* api/viewer/statistics.c - figures of a split's columns: read when they are asked for, so of no more rows than can be read then. */
#include "api/viewer/viewer_api.h"

enum { ROWS_COUNTED_MAX = 1000000, UNPACKED_BYTES_MAX = 256 << 20, STEPS_MAX = 400 << 20 };

/* A page is unpacked again for each stretch of rows in it, and a footer may lie about sizes. */
static const uint64_t work_bytes_max = (uint64_t)4 << 30;

static uint64_t rows_counted(const struct dataset_table *t)
{
    uint64_t n = t->rows_count < ROWS_COUNTED_MAX ? t->rows_count : ROWS_COUNTED_MAX;
    double share = t->unpacked_bytes > UNPACKED_BYTES_MAX ? (double)UNPACKED_BYTES_MAX / (double)t->unpacked_bytes : 1;
    uint64_t affordable = (uint64_t)((double)t->rows_count * share);
    return affordable < n ? affordable : n;
}

static bool write_statistics(struct call *c, const struct dataset_split *s, struct arena *a, struct buf *out, struct err *e)
{
    struct dataset_table t;
    struct dataset_budget left = { work_bytes_max, STEPS_MAX };
    struct json_writer w = json_writer(out);
    size_t n;
    if (!viewer_open(c, s, a, &t, e)) return false;
    uint64_t rows = rows_counted(&t);
    jw_object(&w);
    jw_kint(&w, "num_examples", (int64_t)rows);
    jw_karray(&w, "statistics");
    if (!dataset_statistics_write(&t, rows, &left, &w, &n, e)) return false;
    jw_array_end(&w);
    jw_kbool(&w, "partial", s->has_more || !t.is_counted || rows < t.rows_count);
    jw_object_end(&w);
    return n || err_kind(e, ERR_NOT_BUILT, "NoSupportedFeaturesError", "None of the columns is of a type that has statistics");
}

static bool get_statistics(struct call *c, struct err *e)
{
    struct viewer v;
    const struct dataset_split *s;
    struct buf b = BUF_INIT(0);
    if (!viewer_load_rows(c, &v, e) || !viewer_split(c, &v, &s, e)) return false;
    struct arena *a;
    if (!dataset_reading_begin(&a, e)) return false;
    bool ok = write_statistics(c, s, a, &b, e);
    dataset_reading_end(a);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

static const struct api_route rows[] = {
    { HTTP_GET, API_VIEWER_FOLDER "/statistics", PERM_DATASET_READ, HTTP_BODY_NONE, 0, 0, get_statistics, "viewer.statistics", SHAPE_HUB },
};
const struct api_table viewer_statistics_table = API_TABLE(rows);
