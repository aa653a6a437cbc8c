/* access.c - who may use which chunks of a xorb.
 *
 * A xorb has no owner and belongs to no repository: clients put what they like into it, and our own packing fills it as
 * things come.  So the question is asked for chunks.  A viewer may use a chunk when he has sent the xorb himself, or when
 * a file that he may read consists of it.  Nothing else counts: not that he knows the chunk's hash, nor the xorb's.
 *
 * How far we look.  A xorb can be in many files, and the viewer's right to each is a question of its own.  Files are
 * taken from the oldest on, which stay where they are however many come behind them, so nobody can push a file out of
 * another's sight by adding his own; and the one that brought the xorb is among the first and has most of it.  After
 * ACCESS_FILES_MAX files, or ACCESS_TERMS_MAX bytes of term lists, what is not allowed yet is refused: then a chunk is
 * sent once more and not deduplicated, and nothing worse. */
#include "cas/xorb_priv.h"

enum { ACCESS_FILES_MAX = 256, ACCESS_TERMS_MAX = 64 << 20 };

static bool is_owner(struct db_conn *reader, int64_t xorb_id, int64_t user_id, bool *is, struct err *e)
{
    int64_t n = 0;
    if (user_id != 0 &&
        !db_get_int(reader, &n, 0, e, "SELECT 1 FROM cas_xorb_owner WHERE xorb_id = ? AND user_id = ?", db_int(xorb_id),
                    db_int(user_id)))
        return false;
    *is = n != 0;
    return true;
}

static bool is_full(const struct chunk_set *s)
{
    for (uint32_t i = 0; i < s->count / 8; i++)
        if (s->bit[i] != 0xff) return false;
    return s->count % 8 == 0 || s->bit[s->count / 8] == (1u << s->count % 8) - 1;
}

void chunk_set_add(struct chunk_set *s, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end && i < s->count; i++) s->bit[i / 8] = (uint8_t)(s->bit[i / 8] | 1u << i % 8);
}

bool access_begin(struct db_conn *reader, int64_t xorb_id, uint32_t chunks_count, int64_t user_id, struct chunk_set *out,
                  struct err *e)
{
    bool is;
    must(chunks_count <= XET_XORB_CHUNKS_MAX);
    if (!is_owner(reader, xorb_id, user_id, &is, e)) return false;
    *out = (struct chunk_set){ .count = chunks_count };
    if (is) chunk_set_add(out, 0, chunks_count);
    return true;
}

/* Calls visit(ctx, file's row, its terms) for the files that have the xorb and that the viewer may read, until it
 * answers false. */
typedef bool visit_fn(void *ctx, int64_t file_id, bytes terms);

static bool visit_terms(struct db_conn *reader, int64_t file_id, visit_fn *visit, void *ctx, bool *more, struct err *e)
{
    struct db_query q;
    if (!db_query(reader, &q, e, "SELECT terms FROM cas_file WHERE id = ?", db_int(file_id))) return false;
    if (db_next(&q, e)) *more = visit(ctx, file_id, db_col_blob(&q, 0));
    return db_end(&q);
}

static bool each_file(struct db_conn *reader, int64_t xorb_id, const struct cas_viewer *v, visit_fn *visit, void *ctx,
                      struct err *e)
{
    struct db_query q;
    bool ok = true, more = true;
    int64_t terms_bytes = 0;
    if (!db_query(reader, &q, e,
                  "SELECT f.id, f.sha256, length(f.terms) FROM cas_file_xorb x JOIN cas_file f ON f.id = x.file_id"
                  " WHERE x.xorb_id = ? ORDER BY x.file_id LIMIT ?",
                  db_int(xorb_id), db_int(ACCESS_FILES_MAX)))
        return false;
    while (ok && more && db_next(&q, e)) {
        struct sha256 sha256;
        int64_t file_id = db_col_int(&q, 0);
        bool may = false;
        if (!db_col_sha256(&q, 1, &sha256)) continue;
        ok = v->may_read(v->ctx, reader, &sha256, &may, e);
        if (!ok || !may) continue;
        terms_bytes += db_col_int(&q, 2);
        if (terms_bytes > ACCESS_TERMS_MAX) break;
        ok = visit_terms(reader, file_id, visit, ctx, &more, e);
    }
    return db_end(&q) && ok;
}

struct gather {
    const struct xet_hash *xorb;
    struct chunk_set *set;
};

static bool gather(void *ctx, int64_t file_id, bytes terms)
{
    struct gather *g = ctx;
    (void)file_id;
    for (size_t at = 0; at + CAS_TERM_BYTES <= terms.n; at += CAS_TERM_BYTES) {
        struct xet_stored_term t = cas_term_load(terms.p + at);
        if (xet_hash_eq(&t.xorb, g->xorb)) chunk_set_add(g->set, t.first, t.end);
    }
    return !is_full(g->set);
}

bool access_of(struct cas *c, struct db_conn *reader, const struct xet_hash *xorb, int64_t xorb_id, uint32_t chunks_count,
               const struct cas_viewer *v, struct chunk_set *out, struct err *e)
{
    struct gather g = { xorb, out };
    (void)c;
    return access_begin(reader, xorb_id, chunks_count, v->user_id, out, e) &&
           (is_full(out) || each_file(reader, xorb_id, v, gather, &g, e));
}

struct wanted {
    const struct xet_hash *xorb;
    uint32_t chunk;
    int64_t file_id;
};

static bool has_wanted(void *ctx, int64_t file_id, bytes terms)
{
    struct wanted *w = ctx;
    for (size_t at = 0; at + CAS_TERM_BYTES <= terms.n; at += CAS_TERM_BYTES) {
        struct xet_stored_term t = cas_term_load(terms.p + at);
        if (t.first > w->chunk || w->chunk >= t.end || !xet_hash_eq(&t.xorb, w->xorb)) continue;
        w->file_id = file_id;
        return false;
    }
    return true;
}

bool access_file(struct db_conn *reader, const struct xet_hash *xorb, int64_t xorb_id, uint32_t chunk,
                 const struct cas_viewer *v, int64_t *file_id, struct err *e)
{
    struct wanted w = { xorb, chunk, 0 };
    if (!each_file(reader, xorb_id, v, has_wanted, &w, e)) return false;
    *file_id = w.file_id;
    return true;
}
