/* hub/community/discussion.c - opening, finding and listing discussions and pull requests.
 *
 * Both share one series of numbers per repository.  A pull request is a row and a ref, refs/pr/N: the ref
 * comes first, so that a row never names a pull request without history; a crash in between leaves a ref
 * that the next one to take the number overwrites. */
#include "hub/community/discussion.h"

#include "base/clock.h"
#include "hub/community/discussion_priv.h"
#include "hub/community/happening.h"

str discussion_title_of(str summary, struct arena *a)
{
    str line = str_trim(str_to(summary, str_chr(summary, '\n') == STR_NONE ? summary.n : str_chr(summary, '\n')));
    if (line.n <= TITLE_BYTES_MAX) return arena_dup(a, line);
    size_t n = TITLE_BYTES_MAX;
    while (n && ((unsigned char)line.p[n] & 0xc0) == 0x80) n--; /* not inside a character */
    return arena_dup(a, str_to(line, n));
}

/* ------------------------------------------------------------------ opening */

static bool insert_rows(struct db_conn *tx, const struct repo *r, const struct discussion_new *q, str title, int64_t num,
                        const struct identity *who, int64_t *id, struct arena *a, struct err *e)
{
    static const char take_number[] = "UPDATE repo SET discussions_count = ?2 WHERE id = ?1 AND discussions_count = ?2 - 1";
    static const char insert[] = "INSERT INTO discussion (hex_id, repo_id, num, title, status, is_pull_request, author_id,"
                                 " base_ref, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    char hex_id[25];
    struct discussion_event first;
    random_hex(hex_id, 24);
    if (!db_run(tx, e, take_number, db_int(r->id), db_int(num))) return false;
    if (db_changes(tx) == 0) return err_set(e, ERR_PRECONDITION, "another discussion took the number %lld", (long long)num);
    if (!db_run(tx, e, insert, db_text(str_c(hex_id)), db_int(r->id), db_int(num), db_text(title),
                db_text(q->is_draft ? STR("draft") : STR("open")), db_int(q->is_pull_request),
                who && who->user_id ? db_int(who->user_id) : db_null(), db_text(q->is_pull_request ? q->base_ref : STR("")),
                db_int(clock_now_ms()))) return false;
    *id = db_last_id(tx);
    return discussion_comment_add(tx, *id, q->description, who, &first, a, e) &&
           happening_add_discussion(tx, r, HAPPENED_DISCUSSION_CREATE, who, num, first.hex_id, e);
}

/* The head of a new pull request: what the caller committed, or where the base stands. */
static bool head_of(struct vcs_repo *v, const struct discussion_new *q, struct vcs_oid *out, struct arena *a, struct err *e)
{
    struct vcs_ref base;
    bool found = false;
    if (!str_starts(q->base_ref, STR("refs/heads/"))) return hub_no_revision(q->base_ref, e);
    if (!vcs_ref_find(v, q->base_ref, &base, &found, a, e)) return false;
    if (!found) return hub_no_revision(q->base_ref, e);
    *out = q->head ? *q->head : base.commit;
    return true;
}

static bool point_ref(struct hub *h, const struct repo *r, struct vcs_repo *v, int64_t num, const struct vcs_oid *to,
                      struct arena *a, struct err *e)
{
    str ref = arena_fmt(a, "refs/pr/%lld", (long long)num);
    return hub_set_ref(h, r->id, v, ref, NULL, to, STR("pull request"), e);
}

bool discussion_next(struct db_conn *c, int64_t repo_id, int64_t *num, struct err *e)
{
    return db_get_int(c, num, 0, e, "SELECT discussions_count + 1 FROM repo WHERE id = ?", db_int(repo_id));
}

/* *again: somebody opened a plain discussion meanwhile, which needs no lock. */
static bool try_to_create(struct hub *h, const struct repo *r, struct vcs_repo *v, const struct discussion_new *q, str title,
                          const struct vcs_oid *head, const struct identity *who, struct discussion *out, bool *again,
                          struct arena *a, struct err *e)
{
    struct vcs_oid none = { { 0 } };
    struct db_conn *tx, *c = db_reader(h->db);
    int64_t num, id;
    bool found = false;
    *again = false;
    bool ok = discussion_next(c, r->id, &num, e);
    db_give(h->db, c);
    if (!ok || (v && !point_ref(h, r, v, num, head, a, e)) || !db_begin(h->db, &tx, e)) return false;
    if (quota_allow(h, tx, QUOTA_DISCUSSIONS, who ? who->user_id : 0, e) && insert_rows(tx, r, q, title, num, who, &id, a, e) &&
        discussion_find(tx, r->id, num, out, &found, a, e)) {
        must(found);
        return db_commit(h->db, tx, e);
    }
    db_rollback(h->db, tx);
    *again = e->code == ERR_PRECONDITION;
    struct err ignored;
    if (v) (void)hub_set_ref(h, r->id, v, arena_fmt(a, "refs/pr/%lld", (long long)num), head, &none, STR("undone"), &ignored);
    return false;
}

bool discussion_create(struct hub *h, const struct repo *r, const struct discussion_new *q, const struct identity *who,
                       struct discussion *out, struct arena *a, struct err *e)
{
    struct vcs_repo *v = NULL;
    struct vcs_oid head;
    bool ok = false, again = true;
    str title = str_trim(q->title);
    struct db_conn *c = db_reader(h->db); /* before a ref is made for it; counted again where the row is */
    bool allowed = quota_allow(h, c, QUOTA_DISCUSSIONS, who ? who->user_id : 0, e);
    db_give(h->db, c);
    if (!allowed) return false;
    if (!q->head && (title.n < TITLE_BYTES_MIN || title.n > TITLE_BYTES_MAX))
        return err_set(e, ERR_INVALID, "The title must have %d to %d characters", TITLE_BYTES_MIN, TITLE_BYTES_MAX);
    struct discussion_new cut = *q;
    if (cut.description.n > COMMENT_BYTES_MAX) {
        if (!q->head) return err_set(e, ERR_INVALID, "The text may have %d bytes", COMMENT_BYTES_MAX);
        cut.description.n = COMMENT_BYTES_MAX; /* of a commit, which keeps the whole text */
        while (cut.description.n && !str_is_utf8(cut.description)) cut.description.n--;
    }
    if (q->is_pull_request && (!hub_repo_open(h, r->id, &v, e) || !head_of(v, q, &head, a, e))) goto done;
    for (int i = 0; i < 8 && again && !ok; i++) ok = try_to_create(h, r, v, &cut, title, &head, who, out, &again, a, e);
    if (!ok && again) err_set(e, ERR_CONFLICT, "Discussions are being opened all the time; try again");
    if (ok && q->is_pull_request) ok = discussion_note_pushes(h, r, v, who, e) && hub_index(h, r->id, who, e);
done:
    vcs_close(v);
    return ok;
}

/* ------------------------------------------------------------------ finding */

#define DISCUSSION_COLUMNS                                                                                             \
    "d.id, d.num, coalesce(d.author_id, 0), d.hex_id, d.title, d.status, d.is_pull_request, d.is_pinned, u.name,"       \
    " d.base_ref, d.merge_commit, d.created_ms, d.comments_count, d.is_locked, d.reactors_count"

static void read_row(struct db_query *q, struct discussion *out, struct arena *a)
{
    *out = (struct discussion){
        .id = db_col_int(q, 0),
        .num = db_col_int(q, 1),
        .author_id = db_col_int(q, 2),
        .hex_id = db_col_dup(q, 3, a),
        .title = db_col_dup(q, 4, a),
        .status = db_col_dup(q, 5, a),
        .is_pull_request = db_col_int(q, 6) != 0,
        .is_pinned = db_col_int(q, 7) != 0,
        .author = db_col_dup(q, 8, a),
        .base_ref = db_col_dup(q, 9, a),
        .merge_commit = db_col_dup(q, 10, a),
        .created_ms = db_col_int(q, 11),
        .comments_count = db_col_int(q, 12),
        .is_locked = db_col_int(q, 13) != 0,
        .reactors_count = db_col_int(q, 14),
    };
}

bool discussion_find(struct db_conn *c, int64_t repo_id, int64_t num, struct discussion *out, bool *found, struct arena *a,
                     struct err *e)
{
    static const char sql[] = "SELECT " DISCUSSION_COLUMNS " FROM discussion d LEFT JOIN account u ON u.id = d.author_id"
                              " WHERE d.repo_id = ? AND d.num = ?";
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(repo_id), db_int(num))) return false;
    *found = db_next(&q, e);
    if (*found) read_row(&q, out, a);
    return db_end(&q);
}

bool discussion_find_sent(struct db_conn *c, const struct repo *r, const struct discussion_new *q, int64_t from, const struct identity *who,
                          struct discussion *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " DISCUSSION_COLUMNS " FROM discussion d LEFT JOIN account u ON u.id = d.author_id"
                              " WHERE d.repo_id = ?1 AND d.num >= ?2 AND ?2 > 0 AND d.author_id = ?3 AND d.title = ?4 AND NOT d.is_pull_request AND"
                              " (SELECT json_extract(v.data, '$.latest.raw') FROM discussion_event v WHERE v.discussion_id = d.id ORDER BY v.id LIMIT 1) = ?5";
    struct db_query query;
    if (!db_query(c, &query, e, sql, db_int(r->id), db_int(from), db_int(who->user_id), db_text(str_trim(q->title)), db_text(q->description))) return false;
    *found = db_next(&query, e);
    if (*found) read_row(&query, out, a);
    return db_end(&query);
}

#define DISCUSSION_FILTER                                                                                              \
    " FROM discussion d LEFT JOIN account u ON u.id = d.author_id WHERE d.repo_id = ?1"                                 \
    " AND (?2 = -1 OR d.is_pull_request = ?2) AND (?3 IS NULL OR u.name_key = ?3) AND (?4 IS NULL OR instr(lower(d.title), ?4) > 0)"
#define IS_CLOSED "d.status IN ('closed', 'merged')"
#define STATUS_FILTER " AND (?5 = '' OR (?5 = 'closed') = (" IS_CLOSED "))"

static bool count_closed(struct db_conn *c, const struct db_value *args, size_t *out, struct err *e)
{
    static const char sql[] = "SELECT count(*)" DISCUSSION_FILTER " AND " IS_CLOSED;
    int64_t n;
    if (!db_get_int(c, &n, 0, e, sql, args[0], args[1], args[2], args[3])) return false;
    *out = (size_t)n;
    return true;
}

bool discussion_list(struct db_conn *c, int64_t repo_id, const struct discussion_query *query, struct arena *a,
                     struct discussion **out, size_t *n, size_t *count, size_t *closed_count, struct err *e)
{
    static const char newest[] = "SELECT " DISCUSSION_COLUMNS DISCUSSION_FILTER STATUS_FILTER " ORDER BY d.is_pinned DESC, d.num DESC LIMIT ?6 OFFSET ?7";
    static const char sorted[] = "SELECT " DISCUSSION_COLUMNS DISCUSSION_FILTER STATUS_FILTER
                                 " ORDER BY d.is_pinned DESC, CASE ?8 WHEN 1 THEN d.comments_count ELSE d.reactors_count END DESC, d.num DESC LIMIT ?6 OFFSET ?7";
    static const char total[] = "SELECT count(*)" DISCUSSION_FILTER STATUS_FILTER;
    struct db_query q;
    int64_t all;
    bool any = !query->status.n || str_eq(query->status, STR("all"));
    const struct db_value args[] = {
        db_int(repo_id), db_int(query->is_pull_request),
        query->author.p ? db_text(name_key(query->author, a)) : db_null(),
        query->search.p ? db_text(name_key(query->search, a)) : db_null(),
        db_text(any ? STR("") : query->status),
    };
    *out = NULL;
    *n = 0;
    if (!any && !str_eq(query->status, STR("open")) && !str_eq(query->status, STR("closed")))
        return err_set(e, ERR_INVALID, "\"status\" must be one of [all, open, closed]");
    if (!db_get_int(c, &all, 0, e, total, args[0], args[1], args[2], args[3], args[4])) return false;
    *count = (size_t)all;
    if (!count_closed(c, args, closed_count, e)) return false;
    struct db_value limit = db_int((int64_t)query->limit), skip = db_int((int64_t)query->skip);
    bool ok = query->sort == DISCUSSIONS_NEWEST ? db_query(c, &q, e, newest, args[0], args[1], args[2], args[3], args[4], limit, skip)
                                                : db_query(c, &q, e, sorted, args[0], args[1], args[2], args[3], args[4], limit, skip, db_int(query->sort));
    if (!ok) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        read_row(&q, &(*out)[(*n)++], a);
    }
    return db_end(&q);
}

bool discussion_count_open(struct db_conn *c, int64_t repo_id, int64_t *n, struct err *e)
{
    static const char sql[] = "SELECT count(*) FROM discussion d WHERE d.repo_id = ? AND NOT " IS_CLOSED;
    return db_get_int(c, n, 0, e, sql, db_int(repo_id));
}

/* ------------------------------------------------------------------ rights */

bool discussion_count_public(struct db_conn *c, int64_t author_id, int64_t *n, struct err *e)
{
    static const char sql[] = "SELECT count(*) FROM discussion d JOIN repo r ON r.id = d.repo_id WHERE d.author_id = ? AND r.is_private = 0 AND r.is_disabled = 0";
    return db_get_int(c, n, 0, e, sql, db_int(author_id));
}

bool discussion_allow_manage(struct db_conn *c, const struct identity *who, const struct repo *r, const struct discussion *d,
                             struct err *e)
{
    if (!who) return true;
    bool is_author = who->user_id && d->author_id == who->user_id;
    return repo_allow(c, who, r, is_author ? REPO_DISCUSS : REPO_WRITE, e);
}

bool discussion_allow_speak(struct db_conn *c, const struct identity *who, const struct repo *r, const struct discussion *d,
                            struct err *e)
{
    struct err refusal;
    if (!who) return true;
    if (!repo_allow(c, who, r, REPO_DISCUSS, e)) return false;
    if (!d->is_locked || repo_allow(c, who, r, REPO_WRITE, &refusal)) return true;
    return err_set(e, ERR_DENIED, "This discussion is locked: only who may write to the repository says more");
}
