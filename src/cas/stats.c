/* cas/stats.c - how much is stored, and what it would be as whole files. */
#include "cas/xorb_priv.h"

/* A xorb's footer has 96 bytes and 40 for each chunk. */
static bool sum(struct db_query *q, struct cas_stats *out, struct err *e)
{
    if (db_next(q, e))
        *out = (struct cas_stats){ .objects = (uint64_t)db_col_int(q, 0), .logical_bytes = (uint64_t)db_col_int(q, 1),
                                   .objects_to_convert = (uint64_t)db_col_int(q, 2), .files = (uint64_t)db_col_int(q, 4),
                                   .xorbs = (uint64_t)db_col_int(q, 5), .chunks = (uint64_t)db_col_int(q, 6),
                                   .raw_bytes = (uint64_t)(db_col_int(q, 3) + db_col_int(q, 7)),
                                   .stored_bytes = (uint64_t)(db_col_int(q, 3) + db_col_int(q, 8)) };
    return db_end(q);
}

bool cas_stats(struct db_conn *c, struct cas_stats *out, struct err *e)
{
    static const char sql[] = "SELECT objects, object_bytes, whole, whole_bytes, files, xorbs, chunks, raw_bytes,"
                              " stored_bytes + 96 * xorbs + 40 * chunks FROM cas_total"; /* kept by triggers */
    struct db_query q;
    *out = (struct cas_stats){ 0 };
    return db_query(c, &q, e, sql) && sum(&q, out, e);
}

bool cas_stats_of(struct db_conn *c, const char *sql, int64_t parameter, struct cas_stats *out, struct err *e)
{
    static const char before[] = "WITH mine (sha256) AS (", after[] =
        "), need (id) AS (SELECT DISTINCT l.xorb_id FROM mine JOIN cas_object USING (sha256)"
        " JOIN cas_file f ON f.hash = cas_object.xet_hash JOIN cas_file_xorb l ON l.file_id = f.id)"
        " SELECT o.*, x.* FROM"
        " (SELECT count(*), coalesce(sum(size_bytes), 0), coalesce(sum(xet_hash IS NULL), 0),"
        "  coalesce(sum(CASE WHEN xet_hash IS NULL THEN size_bytes END), 0), coalesce(sum(xet_hash IS NOT NULL), 0)"
        "  FROM mine JOIN cas_object USING (sha256)) o,"
        " (SELECT count(*), coalesce(sum(chunks_count), 0), coalesce(sum(raw_bytes), 0), coalesce(sum(stored_bytes + 96 + 40 * chunks_count), 0) FROM need JOIN cas_xorb x ON x.id = need.id) x";
    struct db_query q;
    struct buf text = BUF_INIT(0);
    struct db_value arg = db_int(parameter);
    *out = (struct cas_stats){ 0 };
    buf_add(&text, str_c(before));
    buf_add(&text, str_c(sql));
    buf_add(&text, str_c(after));
    bool ok = db_query_once(c, &q, buf_str(&text), &arg, 1, e) && sum(&q, out, e);
    buf_deinit(&text);
    return ok;
}
