/* dataset/keep.c - what is known of large files of text, kept in the database (dataset_text_index, derived): who asks for a row of 20 GB waits for them to be
 * read once, and types are taken from a file once.  A row belongs to a file's content, not to its place.  A cache: what cannot be kept, or does not fit, is made
 * again. */
#include "dataset/keep.h"

enum { KEPT_BYTES_MAX = 16 << 20 };

bool keep_load(struct hub *h, const struct sha256 *sha256, struct text *t)
{
    struct db_conn *c = db_reader(hub_db(h));
    struct db_query q;
    struct err ignored;
    struct buf way = BUF_INIT(0);
    bool ok = false;
    text_way_format(t, &way);
    if (db_query(c, &q, &ignored, "SELECT places, points, types FROM dataset_text_index WHERE sha256 = ? AND way = ?",
                 db_sha256(sha256), db_text(buf_str(&way)))) {
        if (db_next(&q, &ignored)) ok = text_open_kept(t, db_col_blob(&q, 0), db_col_blob(&q, 1), db_col_text(&q, 2));
        (void)db_end(&q);
    }
    db_give(hub_db(h), c);
    buf_deinit(&way);
    return ok;
}

/* Two may have read on at once: who came further stays. */
void keep_save(struct hub *h, const struct sha256 *sha256, const struct text *t)
{
    struct db_conn *tx;
    struct err ignored;
    struct buf way = BUF_INIT(0), places = BUF_INIT(KEPT_BYTES_MAX), points = BUF_INIT(KEPT_BYTES_MAX), types = BUF_INIT(KEPT_BYTES_MAX);
    text_way_format(t, &way);
    text_index_format(&t->index, &places);
    if (t->way.packing) unpack_points_format(&t->points, &points);
    text_types_format(t, &types);
    if (!places.failed && !points.failed && !types.failed && db_begin(hub_db(h), &tx, &ignored)) {
        bool ok = db_run(tx, &ignored,
                         "INSERT INTO dataset_text_index (sha256, way, at, places, points, types) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (sha256, way) DO UPDATE "
                         "SET at = excluded.at, places = excluded.places, points = excluded.points, types = excluded.types WHERE excluded.at > dataset_text_index.at",
                         db_sha256(sha256), db_text(buf_str(&way)), db_int((int64_t)t->index.at), db_blob(bytes_of(buf_str(&places))),
                         db_blob(bytes_of(buf_str(&points))), db_text(buf_str(&types)));
        (void)db_finish(hub_db(h), tx, ok, &ignored);
    }
    buf_deinit(&way);
    buf_deinit(&places);
    buf_deinit(&points);
    buf_deinit(&types);
}
