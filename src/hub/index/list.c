/* hub/index/list.c - pages of repositories, and the rows that info answers are made from.
 * hub/index/list_terms.c resolves the query, hub/index/list_plan.c finds the ids of the page, this file reads the rows. */
#include "hub/index/list.h"

#include "hub/hub_priv.h"
#include "hub/index/list_priv.h"

/* ------------------------------------------------------------------ one row */

#define SUMMARY                                                                                                        \
    "SELECT " REPO_COLUMNS ", i.head_sha, i.pipeline_tag, i.library_name, i.tags, i.card, i.config, i.safetensors,"       \
    " i.gguf, i.extra, i.modified_ms, i.downloads, i.downloads_all, i.likes, i.parameters, i.used_bytes, i.files_count,"  \
    " i.trending FROM repo_index i JOIN repo r ON r.id = i.repo_id JOIN account o ON o.id = r.owner_id WHERE i.repo_id"

static void read_summary(struct db_query *q, struct repo_summary *out, struct arena *a)
{
    enum { at = REPO_COLUMNS_COUNT };
    *out = (struct repo_summary){
        .head_sha = db_col_dup(q, at, a), .pipeline_tag = db_col_dup(q, at + 1, a), .library_name = db_col_dup(q, at + 2, a),
        .tags = db_col_dup(q, at + 3, a), .card = db_col_dup(q, at + 4, a), .config = db_col_dup(q, at + 5, a),
        .safetensors = db_col_dup(q, at + 6, a), .gguf = db_col_dup(q, at + 7, a), .extra = db_col_dup(q, at + 8, a),
        .modified_ms = db_col_int(q, at + 9), .downloads = db_col_int(q, at + 10), .downloads_all = db_col_int(q, at + 11),
        .likes = db_col_int(q, at + 12), .parameters = db_col_int(q, at + 13), .used_bytes = db_col_int(q, at + 14),
        .files_count = db_col_int(q, at + 15), .trending = db_col_real(q, at + 16),
    };
    repo_read(q, &out->repo, a);
}

static bool summary_find(struct db_conn *c, int64_t repo_id, struct repo_summary *out, bool *found, struct arena *a,
                         struct err *e)
{
    static const char sql[] = SUMMARY " = ?";
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(repo_id))) return false;
    if ((*found = db_next(&q, e))) read_summary(&q, out, a);
    return db_end(&q);
}

bool repo_summary_get(struct db_conn *c, int64_t repo_id, struct repo_summary *out, struct arena *a, struct err *e)
{
    bool found;
    if (!summary_find(c, repo_id, out, &found, a, e)) return false;
    return found || err_kind(e, ERR_NOT_FOUND, HUB_NO_REPO, "Repository not found");
}

bool repo_card(struct db_conn *c, int64_t repo_id, const struct json **out, struct arena *a, struct err *e)
{
    struct repo_summary row;
    struct json *card;
    struct err ignored;
    *out = NULL;
    if (!repo_summary_get(c, repo_id, &row, a, e)) return false;
    if (row.card.n && json_parse(row.card, a, &card, &ignored)) *out = card;
    return true;
}

/* ------------------------------------------------------------------ files at the head of main */

#define FILE_ROWS "SELECT path, oid, size_bytes, sha256, pointer_bytes FROM repo_file WHERE repo_id = ?1"

static struct repo_file_row file_read(struct db_query *q)
{
    struct repo_file_row row = { .path = db_col_text(q, 0), .oid = db_col_text(q, 1), .size_bytes = (uint64_t)db_col_int(q, 2),
                                 .pointer_bytes = (uint64_t)db_col_int(q, 4) };
    row.is_lfs = db_col_sha256(q, 3, &row.sha256);
    return row;
}

static struct repo_file_row file_dup(struct db_query *q, struct arena *a)
{
    struct repo_file_row row = file_read(q);
    row.path = arena_dup(a, row.path);
    row.oid = arena_dup(a, row.oid);
    return row;
}

bool repo_files_each(struct db_conn *c, int64_t repo_id, bool (*fn)(void *ctx, const struct repo_file_row *f), void *ctx, struct err *e)
{
    struct db_query q;
    bool goes_on = true;

    if (!db_query(c, &q, e, FILE_ROWS " ORDER BY path", db_int(repo_id))) return false;
    while (goes_on && db_next(&q, e)) {
        struct repo_file_row row = file_read(&q);
        goes_on = fn(ctx, &row);
    }
    return db_end(&q);
}

bool repo_file_find(struct db_conn *c, int64_t repo_id, str path, struct repo_file_row *out, bool *found, struct arena *a, struct err *e)
{
    struct db_query q;
    *out = (struct repo_file_row){ 0 };
    if (!db_query(c, &q, e, FILE_ROWS " AND path = ?2", db_int(repo_id), db_text(path))) return false;
    *found = db_next(&q, e);
    if (*found) *out = file_dup(&q, a);
    return db_end(&q);
}

bool repo_files_ending(struct db_conn *c, int64_t repo_id, const str *ending, size_t endings, size_t most, struct arena *a,
                       struct repo_file_row **out, size_t *n, struct err *e)
{
    static const char sql[] = FILE_ROWS " AND (path LIKE ?2 OR path LIKE ?3 OR path LIKE ?4 OR path LIKE ?5 OR path LIKE ?6 OR path LIKE ?7) ORDER BY path LIMIT ?8";
    struct db_value like[FILE_ENDINGS_MAX] = { db_null(), db_null(), db_null(), db_null(), db_null(), db_null() }; /* which nothing is like */
    struct db_query q;
    must(endings <= FILE_ENDINGS_MAX);
    for (size_t i = 0; i < endings; i++) like[i] = db_text(arena_fmt(a, "%%%.*s", STR_ARG(ending[i])));
    *out = arena_alloc(a, (most + 1) * sizeof **out);
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(repo_id), like[0], like[1], like[2], like[3], like[4], like[5], db_int((int64_t)most))) return false;
    while (*n < most && db_next(&q, e)) (*out)[(*n)++] = file_dup(&q, a);
    return db_end(&q);
}

/* ------------------------------------------------------------------ pages */

bool list_repos(struct db_conn *c, const struct list_query *q, struct arena *a, struct list_page *out, struct err *e)
{
    size_t limit = q->limit == 0 || q->limit > LIST_LIMIT_MAX ? LIST_LIMIT_MAX : q->limit;
    struct list_ids ids = { .max = limit + 1 }; /* one more tells whether a page follows */
    struct list_place from, last;
    struct list_terms terms;

    *out = (struct list_page){ 0 };
    if (!list_cursor_parse(q, &from, a, e) || !list_terms_read(c, q, a, &terms, e)) return false;
    if (terms.nothing) return true;
    ids.id = arena_alloc(a, ids.max * sizeof *ids.id);
    ids.key = arena_alloc(a, ids.max * sizeof *ids.key);
    if (!list_find(c, q, &terms, &from, a, &ids, e)) return false;
    out->row = arena_alloc(a, (ids.n + 1) * sizeof *out->row);
    for (size_t i = 0; i < ids.n && i < limit; i++) {
        bool found;
        if (!summary_find(c, ids.id[i], &out->row[out->n], &found, a, e)) return false;
        if (found) out->n++; /* it may have gone meanwhile */
    }
    if (ids.n > limit) {
        last = (struct list_place){ .key = ids.key[limit - 1], .repo_id = ids.id[limit - 1] };
        out->next = list_cursor_format(q, &last, a);
    }
    return true;
}

bool list_glance(struct db_conn *c, const struct list_query *q, size_t most, bool (*fn)(void *ctx, const struct repo_summary *s), void *ctx,
                 struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT i.repo_id, i.full_name, i.is_private, i.pipeline_tag, i.parameters, i.gguf, i.config"
                              " FROM json_each(?) j CROSS JOIN repo_index i ON i.repo_id = j.value";
    struct list_ids ids = { .max = most, .id = arena_alloc(a, most * sizeof *ids.id), .key = arena_alloc(a, most * sizeof *ids.key) };
    struct list_place from = { 0 };
    struct buf numbers = BUF_INIT(0);
    struct list_terms terms;
    struct db_query rows;
    bool goes_on = true;

    if (!list_terms_read(c, q, a, &terms, e)) return false;
    if (terms.nothing) return true;
    if (!list_find(c, q, &terms, &from, a, &ids, e)) return false;
    buf_byte(&numbers, '[');
    for (size_t i = 0; i < ids.n; i++) buf_addf(&numbers, "%s%lld", i ? "," : "", (long long)ids.id[i]);
    buf_byte(&numbers, ']');
    bool ok = db_query(c, &rows, e, sql, db_text(buf_str(&numbers)));
    while (ok && goes_on && db_next(&rows, e)) {
        struct repo_summary s = { .repo = { .id = db_col_int(&rows, 0), .kind = q->kind, .full_name = db_col_text(&rows, 1), .is_private = db_col_int(&rows, 2) != 0 },
                                  .pipeline_tag = db_col_text(&rows, 3), .parameters = db_col_int(&rows, 4), .gguf = db_col_text(&rows, 5), .config = db_col_text(&rows, 6) };
        goes_on = fn(ctx, &s);
    }
    if (ok) ok = db_end(&rows);
    buf_deinit(&numbers);
    return ok;
}

/* ------------------------------------------------------------------ tags */

bool list_tags(struct db_conn *c, enum repo_kind kind, size_t most, struct arena *a, struct tag_row **out, size_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT name, public_count FROM tag WHERE kind = ? AND public_count > 0 AND name >= char(2) ORDER BY public_count DESC, name LIMIT ?";
    struct db_query q;

    *n = 0;
    *out = arena_alloc(a, most * sizeof **out);
    if (!db_query(c, &q, e, sql, db_text(repo_kind_name(kind)), db_int((int64_t)most))) return false;
    while (*n < most && db_next(&q, e)) (*out)[(*n)++] = (struct tag_row){ db_col_dup(&q, 0, a), db_col_int(&q, 1) };
    return db_end(&q);
}

bool list_tag_public_count(struct db_conn *c, enum repo_kind kind, str name, int64_t *out, struct err *e)
{
    static const char sql[] = "SELECT public_count FROM tag WHERE kind = ? AND name = ?";
    return db_get_int(c, out, 0, e, sql, db_text(repo_kind_name(kind)), db_text(name));
}

bool list_tag_count(struct db_conn *c, enum repo_kind kind, str name, int64_t *out, struct err *e)
{
    static const char sql[] = "SELECT repos_count FROM tag WHERE kind = ? AND name = ?";
    return db_get_int(c, out, 0, e, sql, db_text(repo_kind_name(kind)), db_text(name));
}

/* ------------------------------------------------------------------ quick search */

/* 3: it is called so; 2: its name begins so; 1: its full name does; 0: somewhere inside. */
static int rank(const struct repo *r, str q)
{
    if (str_eq_nocase(r->name, q) || str_eq_nocase(r->full_name, q)) return 3;
    if (str_starts_nocase(r->name, q)) return 2;
    return str_starts_nocase(r->full_name, q) ? 1 : 0;
}

bool quick_search(struct db_conn *c, const struct identity *who, str q, enum repo_kind kind, size_t limit, struct list_hits **hits,
                  struct arena *a, struct repo_summary **out, size_t *n, struct err *e)
{
    enum { LOOKED_AT = 50 };
    struct list_query query = { .kind = kind, .who = who, .search = &q, .search_count = 1, .hits = hits, .gated = -1,
                                .sort = SORT_TRENDING, .limit = limit > LOOKED_AT ? limit : LOOKED_AT };
    struct list_page page;

    *n = 0;
    if (!list_repos(c, &query, a, &page, e)) return false;
    *out = arena_alloc(a, (page.n + 1) * sizeof **out);
    q = str_trim(q);
    for (int want = 3; want >= 0; want--)
        for (size_t i = 0; i < page.n && *n < limit; i++)
            if (rank(&page.row[i].repo, q) == want) (*out)[(*n)++] = page.row[i];
    return true;
}
