/* dataset/keep.c - indexes of large files of text, kept in the database (dataset_text_index, derived): who asks for a row of 20 GB
 * waits for them to be read once.  A cache: what cannot be kept, or does not fit, is made again. */
#include "dataset/keep.h"

enum { KEPT_BYTES_MAX = (TEXT_BLOCKS_MAX + 2) * 16 };

void keep_load(struct hub *h, const struct sha256 *sha256, struct text *t)
{
    struct db_conn *c = db_reader(hub_db(h));
    struct db_query q;
    struct err ignored;
    struct text_index x;
    if (db_query(c, &q, &ignored, "SELECT places FROM dataset_text_index WHERE sha256 = ? AND separator = ?",
                 db_blob((bytes){ sha256->b, sizeof sha256->b }), db_int(t->separator))) {
        if (db_next(&q, &ignored)) {
            bytes b = db_col_blob(&q, 0);
            if (b.n <= KEPT_BYTES_MAX && text_index_parse(b, t->source->size_bytes, t->a, &x) && x.at > t->index.at) t->index = x;
        }
        (void)db_end(&q);
    }
    db_give(hub_db(h), c);
}

/* Two may have read on at once: who came further stays. */
void keep_save(struct hub *h, const struct sha256 *sha256, const struct text *t)
{
    struct db_conn *tx;
    struct err ignored;
    struct buf b = BUF_INIT(KEPT_BYTES_MAX);
    text_index_format(&t->index, &b);
    if (!b.failed && db_begin(hub_db(h), &tx, &ignored)) {
        bool ok = db_run(tx, &ignored,
                         "INSERT INTO dataset_text_index (sha256, separator, at, places) VALUES (?, ?, ?, ?) "
                         "ON CONFLICT (sha256, separator) DO UPDATE SET at = excluded.at, places = excluded.places WHERE excluded.at > dataset_text_index.at",
                         db_blob((bytes){ sha256->b, sizeof sha256->b }), db_int(t->separator), db_int((int64_t)t->index.at), db_blob(bytes_of(buf_str(&b))));
        (void)db_finish(hub_db(h), tx, ok, &ignored);
    }
    buf_deinit(&b);
}
