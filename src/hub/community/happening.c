/* hub/community/happening.c - see happening.h. */
#include "hub/community/happening.h"

#include "base/clock.h"
#include "hub/community/discussion_priv.h"
#include "hub/hub_priv.h"

static const struct {
    str name, action, scope;
} kinds[HAPPENING_KINDS] = {
    [HAPPENED_REPO_CREATE] = { STR_INIT("repo.create"), STR_INIT("create"), STR_INIT("repo") },
    [HAPPENED_REPO_DELETE] = { STR_INIT("repo.delete"), STR_INIT("delete"), STR_INIT("repo") },
    [HAPPENED_REPO_MOVE] = { STR_INIT("repo.move"), STR_INIT("move"), STR_INIT("repo") },
    [HAPPENED_REPO_CONFIG] = { STR_INIT("repo.config"), STR_INIT("update"), STR_INIT("repo.config") },
    [HAPPENED_REPO_CONTENT] = { STR_INIT("repo.content"), STR_INIT("update"), STR_INIT("repo.content") },
    [HAPPENED_DISCUSSION_CREATE] = { STR_INIT("discussion.create"), STR_INIT("create"), STR_INIT("discussion") },
    [HAPPENED_DISCUSSION_UPDATE] = { STR_INIT("discussion.update"), STR_INIT("update"), STR_INIT("discussion") },
    [HAPPENED_DISCUSSION_DELETE] = { STR_INIT("discussion.delete"), STR_INIT("delete"), STR_INIT("discussion") },
    [HAPPENED_COMMENT_CREATE] = { STR_INIT("comment.create"), STR_INIT("create"), STR_INIT("discussion.comment") },
    [HAPPENED_COMMENT_UPDATE] = { STR_INIT("comment.update"), STR_INIT("update"), STR_INIT("discussion.comment") },
};

str happening_name(enum happening_kind k) { return k < HAPPENING_KINDS ? kinds[k].name : STR("like"); }
str happening_action(enum happening_kind k) { return kinds[k].action; }
str happening_scope(enum happening_kind k) { return kinds[k].scope; }

static enum happening_kind kind_of(str name)
{
    enum happening_kind k = 0;
    while (k < HAPPENING_KINDS && !str_eq(kinds[k].name, name)) k++;
    return k;
}

/* ------------------------------------------------------------------ adding */

static bool add(struct db_conn *tx, const struct repo *r, enum happening_kind kind, const struct identity *who, int64_t discussion_id,
                str event_hex, str data, struct err *e)
{
    static const char sql[] = "INSERT INTO happening (at_ms, kind, actor_id, repo_id, owner_id, repo_hex, repo_kind, repo_name, is_private,"
                              " group_id, discussion_id, event_hex, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?, ?, ?)";
    return db_run(tx, e, sql, db_int(clock_now_ms()), db_text(kinds[kind].name), who && who->user_id ? db_int(who->user_id) : db_null(),
                  db_int(r->id), db_int(r->owner_id), db_text(r->hex_id), db_text(repo_kind_name(r->kind)), db_text(r->full_name),
                  db_int(r->is_private), db_int(r->group_id), discussion_id ? db_int(discussion_id) : db_null(), db_text(event_hex.n ? event_hex : STR("")),
                  db_text(data.n ? data : STR("{}")));
}

bool happening_add(struct db_conn *tx, const struct repo *r, enum happening_kind kind, const struct identity *who, str data,
                   struct err *e)
{
    return add(tx, r, kind, who, 0, STR(""), data, e);
}

static bool author_hex(struct db_conn *c, const struct discussion *d, str *out, struct arena *a, struct err *e)
{
    struct account who;
    *out = STR("");
    if (!d->author_id) return true;
    if (!account_get(c, d->author_id, &who, a, e)) return false;
    *out = who.hex_id;
    return true;
}

/* Member "discussion" of a payload, but for its addresses. */
static void write_discussion(struct buf *b, const struct discussion *d, str author)
{
    struct json_writer w = json_writer(b);
    jw_object(&w);
    jw_kobject(&w, "discussion");
    jw_kstr(&w, "id", d->hex_id);
    jw_kstr(&w, "title", d->title);
    jw_kstr(&w, "status", d->status);
    jw_kint(&w, "num", d->num);
    jw_kbool(&w, "isPullRequest", d->is_pull_request);
    jw_kbool(&w, "pinned", d->is_pinned);
    jw_kobject(&w, "author");
    jw_kstr(&w, "id", author);
    jw_object_end(&w);
    if (d->is_pull_request) {
        jw_kobject(&w, "changes");
        jw_kstr(&w, "base", d->base_ref);
        if (d->merge_commit.p) jw_kstr(&w, "mergeCommitId", d->merge_commit);
        jw_object_end(&w);
    }
    jw_object_end(&w);
    jw_object_end(&w);
}

bool happening_add_discussion(struct db_conn *tx, const struct repo *r, enum happening_kind kind, const struct identity *who,
                              int64_t num, str event_hex, struct err *e)
{
    struct arena *a = arena_new(0);
    struct buf b = BUF_INIT(0);
    struct discussion d;
    bool found = false;
    str author;
    bool ok = discussion_find(tx, r->id, num, &d, &found, a, e) && (!found || author_hex(tx, &d, &author, a, e));
    if (ok && found) {
        write_discussion(&b, &d, author);
        ok = add(tx, r, kind, who, d.id, event_hex, buf_str(&b), e);
    }
    buf_deinit(&b);
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ reading */

#define HAPPENING_COLUMNS                                                                                                          \
    "h.id, h.at_ms, h.kind, coalesce(h.actor_id, 0), h.repo_id, h.owner_id, coalesce(h.discussion_id, 0), h.repo_kind, h.repo_hex," \
    " h.repo_name, h.is_private, h.event_hex, h.data, u.name, coalesce(h.group_id, 0)"

static void read_row(struct db_query *q, struct happening *out, struct arena *a)
{
    *out = (struct happening){
        .id = db_col_int(q, 0),
        .at_ms = db_col_int(q, 1),
        .kind = kind_of(db_col_text(q, 2)),
        .actor_id = db_col_int(q, 3),
        .repo_id = db_col_int(q, 4),
        .owner_id = db_col_int(q, 5),
        .discussion_id = db_col_int(q, 6),
        .repo_hex = db_col_dup(q, 8, a),
        .repo_name = db_col_dup(q, 9, a),
        .is_private = db_col_int(q, 10) != 0,
        .event_hex = db_col_dup(q, 11, a),
        .data = db_col_dup(q, 12, a),
        .actor = db_col_is_null(q, 13) ? (str){ 0 } : db_col_dup(q, 13, a),
        .group_id = db_col_int(q, 14),
    };
    must(repo_kind_parse(db_col_text(q, 7), &out->repo_kind));
}

bool happening_next(struct db_conn *c, struct happening *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " HAPPENING_COLUMNS " FROM happening h LEFT JOIN account u ON u.id = h.actor_id"
                              " WHERE h.is_told = 0 ORDER BY h.id LIMIT 1";
    struct db_query q;
    if (!db_query(c, &q, e, sql)) return false;
    *found = db_next(&q, e);
    if (*found) read_row(&q, out, a);
    return db_end(&q);
}

bool happening_claim(struct db_conn *tx, int64_t id, bool *won, struct err *e)
{
    if (!db_run(tx, e, "UPDATE happening SET is_told = 1 WHERE id = ? AND is_told = 0", db_int(id))) return false;
    *won = db_changes(tx) == 1;
    return true;
}

/* ------------------------------------------------------------------ activity */

/* Names follow the repository; what is gone or hidden from the reader is not told. */
#define FEED_COLUMNS                                                                                                              \
    "h.id, h.at_ms, h.kind, coalesce(h.actor_id, 0), r.id, r.owner_id, coalesce(h.discussion_id, 0), r.kind, r.hex_id,"             \
    " o.name || '/' || r.name, r.is_private, h.event_hex, h.data, u.name, coalesce(r.group_id, 0)"
#define FEED_FROM                                                                                                                 \
    " FROM happening h JOIN repo r ON r.id = h.repo_id JOIN account o ON o.id = r.owner_id LEFT JOIN account u ON u.id = h.actor_id"
#define FEED_SHOWN                                                                                                                \
    " AND (h.at_ms, h.id) < (?2, ?3) AND h.kind NOT IN ('repo.delete', 'discussion.delete')"                                        \
    " AND (h.discussion_id IS NOT NULL OR h.kind LIKE 'repo.%') AND " REPO_SEEN_BY("?5", "?6") " ORDER BY h.at_ms DESC, h.id DESC LIMIT ?4"
/* Nobody likes a repository twice: its number tells likes of one moment apart, below those of what happened. */
#define LIKE_COLUMNS                                                                                                              \
    "-r.id, l.created_ms, 'like', l.user_id, r.id, r.owner_id, 0, r.kind, r.hex_id, o.name || '/' || r.name, r.is_private, '', '{}', u.name, coalesce(r.group_id, 0)"
#define LIKE_SHOWN                                                                                                                \
    " AND (l.created_ms, -l.repo_id) < (?2, ?3) AND " REPO_SEEN_BY("?5", "?6") " ORDER BY l.created_ms DESC, -l.repo_id DESC LIMIT ?4"

static const char feed_of_actor[] =
    "SELECT * FROM (SELECT " FEED_COLUMNS FEED_FROM " WHERE h.actor_id = ?1" FEED_SHOWN ") AS happened"
    " UNION ALL SELECT * FROM (SELECT " LIKE_COLUMNS " FROM repo_like l JOIN repo r ON r.id = l.repo_id JOIN account o ON o.id = r.owner_id"
    " JOIN account u ON u.id = l.user_id WHERE l.user_id = ?1" LIKE_SHOWN ") AS liked ORDER BY 2 DESC, 1 DESC LIMIT ?4";
static const char feed_of_owner[] = "SELECT " FEED_COLUMNS FEED_FROM " WHERE h.owner_id = ?1 AND h.actor_id IS NOT NULL" FEED_SHOWN;

bool happening_feed(struct db_conn *c, const struct identity *who, int64_t account_id, bool of_owner, str cursor, size_t limit,
                    struct arena *a, struct happening **out, size_t *n, str *next, struct err *e)
{
    struct feed_place from;
    struct db_query q;
    size_t got = 0;
    struct happening *list = arena_alloc(a, (limit + 1) * sizeof *list); /* one more tells whether a page follows */
    if (!feed_place_parse(cursor, &from, e)) return false;
    if (!db_query(c, &q, e, of_owner ? feed_of_owner : feed_of_actor, db_int(account_id), db_int(from.at_ms), db_int(from.id),
                  db_int((int64_t)limit + 1), db_int(who->is_admin), repo_reader(who)))
        return false;
    while (got <= limit && db_next(&q, e)) read_row(&q, &list[got++], a);
    *out = list;
    *n = got > limit ? limit : got;
    *next = got > limit && limit ? feed_place_format((struct feed_place){ list[limit - 1].at_ms, list[limit - 1].id }, a) : STR("");
    return db_end(&q);
}
