/* hub/care/overview.c - see hub/care/overview.h.  Sizes are read from indexes alone: in the order of sizes, or owner by owner. */
#include "hub/care/overview.h"

#include "base/os.h"
#include "hub/hub_priv.h"

bool care_totals(struct hub *h, struct db_conn *c, struct care_totals *out, struct err *e)
{
    *out = (struct care_totals){ 0 };
    if (!account_count(c, ACCOUNT_USER, &out->users, e) || !account_count(c, ACCOUNT_ORG, &out->orgs, e)) return false;
    for (int k = 0; k < REPO_KINDS; k++)
        if (!db_get_int(c, &out->repos[k], 0, e, "SELECT count FROM repo_total WHERE kind = ?", db_text(repo_kind_name((enum repo_kind)k)))) return false;
    return os_disk_free(h->home, &out->disk_free_bytes, e);
}

static bool read_sizes(struct db_query *q, size_t most, struct arena *a, struct care_size **out, size_t *n, struct err *e)
{
    *n = 0;
    *out = arena_alloc(a, (most + 1) * sizeof **out);
    while (*n < most && db_next(q, e)) {
        struct care_size *s = &(*out)[(*n)++];
        *s = (struct care_size){ .name = db_col_dup(q, 0, a), .bytes = db_col_int(q, 1), .repos = db_col_int(q, 2) };
        if (!db_col_is_null(q, 3)) must(repo_kind_parse(db_col_text(q, 3), &s->kind));
    }
    return db_end(q);
}

bool care_largest_repos(struct db_conn *c, size_t most, struct arena *a, struct care_size **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT full_name, used_bytes, 1, kind FROM repo_index INDEXED BY repo_index_by_used WHERE used_bytes > 0 ORDER BY used_bytes DESC LIMIT ?";
    struct db_query q;
    return db_query(c, &q, e, sql, db_int((int64_t)most)) && read_sizes(&q, most, a, out, n, e);
}

bool care_largest_owners(struct db_conn *c, size_t most, struct arena *a, struct care_size **out, size_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT o.name, t.bytes, t.repos, NULL FROM (SELECT owner_id, sum(used_bytes) AS bytes, count(*) AS repos FROM repo_index INDEXED BY repo_index_by_owner"
        " WHERE used_bytes > 0 GROUP BY owner_id ORDER BY bytes DESC LIMIT ?) t JOIN account o ON o.id = t.owner_id ORDER BY t.bytes DESC";
    struct db_query q;
    return db_query(c, &q, e, sql, db_int((int64_t)most)) && read_sizes(&q, most, a, out, n, e);
}
