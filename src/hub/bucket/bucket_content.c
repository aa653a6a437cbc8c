/* hub/bucket/bucket_content.c - which bucket has which content, and who may read it there.
 *
 * Invariant that collection rests on: a content that a file names has a row here; so an object that no row names may go
 * (after its grace time).  The row is written in the transaction that writes the file's, where the object is found and touched. */
#include "hub/bucket/bucket_priv.h"

#include "base/clock.h"

bool bucket_content_add(struct db_conn *tx, int64_t bucket_id, int64_t user_id, const struct sha256 *sha256, int64_t now, bool *is_stored,
                        struct err *e)
{
    static const char insert[] = /* a repeated upload renews the time, which is also the grace of the row */
        "INSERT INTO bucket_content (bucket_id, sha256, user_id, pushed_ms) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (bucket_id, sha256) DO UPDATE SET pushed_ms = excluded.pushed_ms";
    if (!db_run(tx, e, "UPDATE cas_object SET touched_ms = ? WHERE sha256 = ?", db_int(now), db_sha256(sha256))) return false;
    *is_stored = db_changes(tx) != 0;
    return !*is_stored || db_run(tx, e, insert, db_int(bucket_id), db_sha256(sha256), db_int(user_id), db_int(now));
}

static bool register_some(struct hub *h, int64_t bucket_id, int64_t user_id, const struct cas_object *list, size_t n, int64_t now, struct err *e)
{
    struct db_conn *tx;
    int64_t there = 0;
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = db_get_int(tx, &there, 0, e, "SELECT 1 FROM bucket WHERE id = ?", db_int(bucket_id));
    if (ok && !there) ok = err_kind(e, ERR_NOT_FOUND, HUB_NO_REPO, "Repository not found");
    for (size_t i = 0; ok && i < n; i++) {
        bool is_stored;
        ok = bucket_content_add(tx, bucket_id, user_id, &list[i].sha256, now, &is_stored, e);
        if (ok && !is_stored) ok = err_set(e, ERR_NOT_FOUND, "the large file is not in the store any more; upload it again");
    }
    return db_finish(h->db, tx, ok, e);
}

bool bucket_register_many(struct hub *h, int64_t bucket_id, int64_t user_id, const struct cas_object *list, size_t n,
                          struct err *e)
{
    int64_t now = clock_now_ms();
    for (; n > REGISTERED_AT_ONCE; list += REGISTERED_AT_ONCE, n -= REGISTERED_AT_ONCE)
        if (!register_some(h, bucket_id, user_id, list, REGISTERED_AT_ONCE, now, e)) return false;
    return register_some(h, bucket_id, user_id, list, n, now, e);
}

bool bucket_has(struct db_conn *c, int64_t bucket_id, const struct sha256 *sha256, bool *has, struct err *e)
{
    int64_t one = 0;
    bool ok = db_get_int(c, &one, 0, e, "SELECT 1 FROM bucket_content WHERE bucket_id = ? AND sha256 = ?", db_int(bucket_id), db_sha256(sha256));
    *has = ok && one;
    return ok;
}

/* As large_file_may_read: whether anybody may is one look; the others' rights are asked one by one, of buckets with which the user has to do. */
bool bucket_may_read(const struct identity *who, struct db_conn *c, const struct sha256 *sha256, bool *may, struct err *e)
{
    static const char is_public[] = "SELECT 1 FROM bucket_content l JOIN bucket b ON b.id = l.bucket_id WHERE l.sha256 = ? AND NOT b.is_private LIMIT 1";
    static const char candidates[] =
        "SELECT " BUCKET_COLUMNS " FROM bucket_content l JOIN bucket b ON b.id = l.bucket_id JOIN account o ON o.id = b.owner_id"
        " WHERE l.sha256 = ?1 AND (?3 OR " PRIVATE_SEEN_BY("b.owner_id", "b.group_id", "?2") ")"
        " ORDER BY b.owner_id = ?2 DESC LIMIT 100";
    struct db_query q;
    int64_t one = 0;
    *may = false;
    if (!db_get_int(c, &one, 0, e, is_public, db_sha256(sha256))) return false;
    if (one || !who->user_id) return *may = one, true;
    if (!db_query(c, &q, e, candidates, db_sha256(sha256), db_int(who->user_id), db_int(who->is_admin))) return false;
    struct arena *a = arena_new(0);
    bool ok = true;
    while (ok && !*may && db_next(&q, e)) {
        struct bucket b;
        struct err why;
        bucket_read(&q, &b, a);
        *may = bucket_allow(c, who, &b, REPO_READ, &why);
        bool is_refusal = why.code == ERR_UNAUTHENTICATED || why.code == ERR_DENIED || why.code == ERR_NOT_FOUND;
        if (!*may && !is_refusal) ok = (*e = why, false);
    }
    arena_free(a);
    return db_end(&q) && ok;
}
