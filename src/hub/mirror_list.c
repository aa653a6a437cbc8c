/* hub/mirror_list.c - see hub/mirror_list.h.  A large file is here when the mirror's register has it (hub/large_file.h). */
#include "hub/mirror_list.h"

#include "hub/hub_priv.h"
#include "hub/large_file.h"

str mirror_url(const struct repo *mirror, struct arena *a)
{
    str prefix = repo_web_prefix(mirror->kind);
    return arena_fmt(a, "%.*s/%.*s%.*s", STR_ARG(mirror->upstream), STR_ARG(prefix), STR_ARG(mirror->full_name));
}

#define FILES "FROM repo_file f LEFT JOIN repo_large_file l ON l.repo_id = f.repo_id AND l.sha256 = f.sha256 WHERE f.repo_id = ?"
#define IS_MISSING "(f.sha256 IS NOT NULL AND l.sha256 IS NULL)"

bool mirror_kept(struct db_conn *c, int64_t repo_id, struct mirror_kept *out, struct err *e)
{
    static const char sql[] = "SELECT count(*), coalesce(sum(f.size_bytes), 0), coalesce(sum(" IS_MISSING "), 0),"
                              " coalesce(sum(CASE WHEN " IS_MISSING " THEN f.size_bytes END), 0) " FILES;
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(repo_id))) return false;
    *out = (struct mirror_kept){ 0 };
    if (db_next(&q, e))
        *out = (struct mirror_kept){ (uint64_t)db_col_int(&q, 0), (uint64_t)db_col_int(&q, 1), (uint64_t)db_col_int(&q, 2), (uint64_t)db_col_int(&q, 3) };
    return db_end(&q);
}

bool mirror_shows_file(struct hub *h, struct db_conn *c, const struct repo *r, const struct sha256 *sha256, uint64_t size_bytes, bool *yes, struct err *e)
{
    struct large_file file;
    *yes = true;
    if (!r->upstream.n) return true;
    if (!large_file_find(h, c, r->id, sha256, &file, yes, e)) return false;
    *yes = *yes && file.size_bytes == size_bytes;
    return true;
}

bool mirror_list(struct db_conn *c, struct mirror_row **out, size_t *n, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " REPO_COLUMNS ", coalesce((SELECT max(l.pushed_ms) FROM repo_large_file l WHERE l.repo_id = r.id), 0)"
                              " FROM repo r JOIN account o ON o.id = r.owner_id WHERE r.upstream <> '' ORDER BY r.kind, o.name, r.name";
    struct mirror_totals all;
    struct db_query q;
    *n = 0;
    if (!mirror_totals(c, &all, e)) return false;
    *out = arena_alloc(a, (all.mirrors + 1) * sizeof **out);
    if (!db_query(c, &q, e, sql)) return false;
    for (; *n < all.mirrors && db_next(&q, e); ++*n) {
        repo_read(&q, &(*out)[*n].repo, a);
        (*out)[*n].read_ms = db_col_int(&q, REPO_COLUMNS_COUNT);
    }
    bool ok = db_end(&q);
    for (size_t i = 0; ok && i < *n; i++) ok = mirror_kept(c, (*out)[i].repo.id, &(*out)[i].kept, e);
    return ok;
}

bool mirror_totals(struct db_conn *c, struct mirror_totals *out, struct err *e)
{
    static const char sql[] = "SELECT count(DISTINCT r.id), count(l.sha256), coalesce(sum(l.size_bytes), 0)"
                              " FROM repo r LEFT JOIN repo_large_file l ON l.repo_id = r.id WHERE r.upstream <> ''";
    struct db_query q;
    *out = (struct mirror_totals){ 0 };
    if (!db_query(c, &q, e, sql)) return false;
    if (db_next(&q, e)) *out = (struct mirror_totals){ (uint64_t)db_col_int(&q, 0), (uint64_t)db_col_int(&q, 1), (uint64_t)db_col_int(&q, 2) };
    return db_end(&q);
}
