/* hub/community/notification.c - see notification.h. */
#include "hub/community/notification.h"

#include "hub/community/comment.h"
#include "hub/community/discussion_priv.h"

enum { PEOPLE_MAX = 2000 };

str notification_reason_name(enum notification_reason r)
{
    static const str names[] = { [REASON_WATCHING] = STR_INIT("watching"), [REASON_PARTICIPATING] = STR_INIT("participating"),
                                 [REASON_MENTION] = STR_INIT("mention") };
    return names[r];
}

/* ------------------------------------------------------------------ settings */

bool notification_setting_get(struct db_conn *c, int64_t user_id, str name, bool *is_on, struct err *e)
{
    int64_t v;
    if (!db_get_int(c, &v, 1, e, "SELECT is_on FROM notification_setting WHERE user_id = ? AND name = ?", db_int(user_id), db_text(name))) return false;
    *is_on = v != 0;
    return true;
}

bool notification_setting_set(struct db_conn *tx, int64_t user_id, str name, bool is_on, struct err *e)
{
    static const char sql[] = "INSERT INTO notification_setting (user_id, name, is_on) VALUES (?, ?, ?)"
                              " ON CONFLICT (user_id, name) DO UPDATE SET is_on = excluded.is_on";
    return db_run(tx, e, sql, db_int(user_id), db_text(name), db_int(is_on));
}

/* ------------------------------------------------------------------ telling */

struct person {
    int64_t id;
    enum notification_reason reason;
};
struct people {
    struct person *item;
    size_t n;
};

static bool find_people(struct db_conn *c, const struct happening *x, struct people *out, struct err *e)
{
    static const char sql[] =
        "SELECT user_id, max(reason) FROM ("
        " SELECT author_id AS user_id, 1 AS reason FROM discussion_event WHERE discussion_id = ?1 AND author_id IS NOT NULL"
        " UNION ALL SELECT user_id, 1 FROM watch WHERE discussion_id = ?1 AND is_on = 1"
        " UNION ALL SELECT user_id, 0 FROM watch WHERE account_id = ?2 AND is_on = 1"
        " UNION ALL SELECT user_id, 0 FROM watch WHERE repo_id = ?3 AND is_on = 1"
        " UNION ALL SELECT id, 0 FROM account WHERE id = ?2 AND kind = 'user'"
        " UNION ALL SELECT user_id, 0 FROM account_member WHERE org_id = ?2 AND (role = 'admin' OR ?6 = 0 AND role <> 'no_access')"
        " UNION ALL SELECT user_id, 0 FROM resource_group_member WHERE group_id = ?6 AND role <> 'no_access'"
        ") WHERE user_id <> ?4 AND user_id NOT IN (SELECT id FROM account WHERE service_of IS NOT NULL) GROUP BY user_id ORDER BY max(reason) DESC, user_id LIMIT ?5"; /* who took part before who watches */
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(x->discussion_id), db_int(x->owner_id), db_int(x->repo_id), db_int(x->actor_id), db_int(PEOPLE_MAX),
                  db_int(x->group_id))) return false;
    while (out->n < PEOPLE_MAX && db_next(&q, e))
        out->item[out->n++] = (struct person){ db_col_int(&q, 0), db_col_int(&q, 1) ? REASON_PARTICIPATING : REASON_WATCHING };
    return db_end(&q);
}

static void add_mentions(struct people *p, const struct comment_mentions *m, int64_t actor_id)
{
    for (size_t i = 0; i < m->n; i++) {
        size_t k = 0;
        while (k < p->n && p->item[k].id != m->user_id[i]) k++;
        if (m->user_id[i] == actor_id) continue;
        p->item[k] = (struct person){ m->user_id[i], REASON_MENTION };
        if (k == p->n) p->n++;
    }
}

static bool find_mentions(struct db_conn *c, const struct happening *x, const struct repo *r, struct comment_mentions *out, struct arena *a,
                          struct err *e)
{
    struct discussion_event ev;
    struct json *data;
    bool found = false;
    struct buf html = BUF_INIT(0);
    out->n = 0;
    if (!x->event_hex.n) return true;
    if (!discussion_event_find(c, x->discussion_id, x->event_hex, &ev, &found, a, e)) return false;
    if (!found) return true;
    if (!json_parse(ev.data, a, &data, e)) return false;
    if (!json_bool_or(data, STR("hidden"), false))
        comment_html(c, r, STR(""), json_str_or(json_get(data, STR("latest")), STR("raw"), STR("")), &html, out);
    buf_deinit(&html);
    return true;
}

/* What somebody has said about hearing of this; see watch.h. */
static bool wants(struct db_conn *c, const struct happening *x, const struct person *p, bool *yes, struct err *e)
{
    static const char sql[] =
        "SELECT coalesce((SELECT is_on FROM watch WHERE user_id = ?1 AND discussion_id = ?2), 1),"
        " coalesce((SELECT is_on FROM watch WHERE user_id = ?1 AND repo_id = ?3), 1),"
        " coalesce((SELECT is_on FROM watch WHERE user_id = ?1 AND account_id = ?4), 1),"
        " (SELECT 1 FROM watch WHERE user_id = ?1 AND repo_id = ?3 AND is_on = 1)";
    struct db_query q;
    bool in_discussion = true, in_repo = true, of_owner = true, asks_repo = false, on;
    if (!db_query(c, &q, e, sql, db_int(p->id), db_int(x->discussion_id), db_int(x->repo_id), db_int(x->owner_id))) return false;
    if (db_next(&q, e)) {
        in_discussion = db_col_int(&q, 0) != 0;
        in_repo = db_col_int(&q, 1) != 0;
        of_owner = db_col_int(&q, 2) != 0;
        asks_repo = db_col_int(&q, 3) != 0;
    }
    if (!db_end(&q)) return false;
    *yes = in_discussion && (p->reason == REASON_MENTION || in_repo) && (p->reason != REASON_WATCHING || of_owner || asks_repo);
    if (!*yes || p->reason == REASON_MENTION) return true;
    if (!notification_setting_get(c, p->id, p->reason == REASON_WATCHING ? NOTIFY_WATCHED : NOTIFY_PARTICIPATING, &on, e)) return false;
    *yes = on;
    return true;
}

static bool may_see(struct db_conn *c, const struct repo *r, int64_t user_id, struct arena *a)
{
    struct identity who;
    struct err ignored;
    return identity_again(c, user_id, 0, &who, a, &ignored) && repo_allow(c, &who, r, REPO_SEE, &ignored);
}

static bool put(struct db_conn *tx, const struct happening *x, const struct person *p, struct err *e)
{
    static const char sql[] = "INSERT INTO notification (user_id, discussion_id, repo_id, reason, event_hex, is_read, updated_ms) VALUES (?, ?, ?, ?, ?, 0, ?)"
                              " ON CONFLICT (user_id, discussion_id) DO UPDATE SET reason = max(reason, excluded.reason),"
                              " event_hex = excluded.event_hex, is_read = 0, updated_ms = max(updated_ms, excluded.updated_ms)";
    return db_run(tx, e, sql, db_int(p->id), db_int(x->discussion_id), db_int(x->repo_id), db_int(p->reason), db_text(x->event_hex), db_int(x->at_ms));
}

bool notification_tell(struct db_conn *tx, const struct happening *x, struct arena *a, struct err *e)
{
    struct people p = { .item = arena_alloc(a, (PEOPLE_MAX + COMMENT_MENTIONS_MAX) * sizeof *p.item) };
    struct comment_mentions mentions;
    struct repo r;
    struct err gone;
    if ((x->kind != HAPPENED_DISCUSSION_CREATE && x->kind != HAPPENED_COMMENT_CREATE) || !x->discussion_id) return true;
    if (!repo_get(tx, x->repo_id, &r, a, &gone)) return true;
    r.is_private = r.is_private || x->is_private; /* what was said in private is not told because it is public now */
    if (x->group_id) r.group_id = x->group_id;    /* nor what was said in a group because it is out of it */
    if (!find_people(tx, x, &p, e) || !find_mentions(tx, x, &r, &mentions, a, e)) return false;
    add_mentions(&p, &mentions, x->actor_id);
    for (size_t i = 0; i < p.n; i++) {
        bool yes;
        if (!wants(tx, x, &p.item[i], &yes, e)) return false;
        if (yes && may_see(tx, &r, p.item[i].id, a) && !put(tx, x, &p.item[i], e)) return false;
    }
    return true;
}

/* ------------------------------------------------------------------ reading */

#define MAY_SEE " AND " REPO_SEEN_BY("0", "?1") /* an administrator, too: others' private discussions are nothing to tell him of */
#define OF_ROW "(?2 = 0 OR n.is_read = 0) AND n.reason >= ?3 AND (?6 = 0 OR n.updated_ms <= ?6)"
#define OF_REPO                                                                                                                      \
    "(?4 IS NULL OR r.kind = ?4) AND (?5 IS NULL OR lower((SELECT o.name FROM account o WHERE o.id = r.owner_id) || '/' || r.name) = ?5)"
#define NOTIFICATION_FROM                                                                                                            \
    " FROM notification n JOIN discussion d ON d.id = n.discussion_id JOIN repo r ON r.id = d.repo_id WHERE n.user_id = ?1" MAY_SEE    \
    " AND " OF_ROW " AND " OF_REPO

enum { VALUES = 6, VALUES_OF_REPO = 5 }; /* of NOTIFICATION_FROM; v[0] is not looked at (db.h) */

static void bind(const struct identity *who, const struct notification_query *q, struct arena *a, struct db_value v[VALUES + 1])
{
    v[1] = db_int(who->user_id);
    v[2] = db_int(q->unread_only);
    v[3] = db_int(q->reason_min);
    v[4] = q->repo_kind < 0 ? db_null() : db_text(repo_kind_name((enum repo_kind)q->repo_kind));
    v[5] = q->repo_name.n ? db_text(name_key(q->repo_name, a)) : db_null();
    v[6] = db_int(q->before_ms);
}

/* What is kept for each repository suffices, unless the query asks for a reason or a time. */
static bool count(struct db_conn *c, const struct notification_query *query, const struct db_value *v, struct notification_page *out, struct err *e)
{
    static const char totals[] = "SELECT sum(t.all_count), sum(t.unread_count), sum(CASE WHEN " OF_REPO " THEN CASE ?2 WHEN 0 THEN t.all_count ELSE t.unread_count END END)"
                                 " FROM notification_total t JOIN repo r ON r.id = t.repo_id WHERE t.user_id = ?1" MAY_SEE;
    static const char asked_for[] = "SELECT sum(x.n) FROM (SELECT n.repo_id, count(*) AS n FROM notification n WHERE n.user_id = ?1 AND " OF_ROW
                                    " GROUP BY n.repo_id) x JOIN repo r ON r.id = x.repo_id WHERE " OF_REPO MAY_SEE;
    struct db_query q;
    if (!db_query_n(c, &q, totals, v, VALUES_OF_REPO, e)) return false;
    if (db_next(&q, e)) {
        out->all = db_col_int(&q, 0);
        out->unread = db_col_int(&q, 1);
        out->view = db_col_int(&q, 2);
    }
    if (!db_end(&q)) return false;
    if (!query->reason_min && !query->before_ms) return true;
    if (!db_query_n(c, &q, asked_for, v, VALUES, e)) return false;
    if (db_next(&q, e)) out->view = db_col_int(&q, 0);
    return db_end(&q);
}

static void read_row(struct db_query *q, struct notification *out, struct arena *a)
{
    *out = (struct notification){
        .discussion_id = db_col_int(q, 0),
        .num = db_col_int(q, 1),
        .updated_ms = db_col_int(q, 2),
        .discussion_hex = db_col_dup(q, 3, a),
        .title = db_col_dup(q, 4, a),
        .status = db_col_dup(q, 5, a),
        .event_hex = db_col_dup(q, 6, a),
        .reason = (enum notification_reason)db_col_int(q, 7),
        .is_read = db_col_int(q, 8) != 0,
        .is_pull_request = db_col_int(q, 9) != 0,
        .repo = { .id = db_col_int(q, 10) },
    };
}

bool notification_list(struct db_conn *c, const struct identity *who, const struct notification_query *query, struct arena *a,
                       struct notification_page *out, struct err *e)
{
    static const char sql[] = "SELECT d.id, d.num, n.updated_ms, d.hex_id, d.title, d.status, n.event_hex, n.reason, n.is_read, d.is_pull_request, r.id"
                              NOTIFICATION_FROM " ORDER BY n.updated_ms DESC, n.discussion_id DESC LIMIT ?7 OFFSET ?8";
    struct db_value v[VALUES + 3];
    struct db_query q;
    size_t got = 0;
    bind(who, query, a, v);
    v[VALUES + 1] = db_int((int64_t)query->limit);
    v[VALUES + 2] = db_int((int64_t)query->skip);
    *out = (struct notification_page){ .row = arena_alloc(a, (query->limit + 1) * sizeof *out->row) };
    if (!count(c, query, v, out, e)) return false;
    if (!db_query_n(c, &q, sql, v, COUNT(v) - 1, e)) return false;
    while (got < query->limit && db_next(&q, e)) read_row(&q, &out->row[got++], a);
    if (!db_end(&q)) return false;
    for (size_t i = 0; i < got; i++) {
        struct err refusal;
        struct notification *n = &out->row[i];
        if (repo_get(c, n->repo.id, &n->repo, a, &refusal) && repo_allow(c, who, &n->repo, REPO_SEE, &refusal)) out->row[out->n++] = *n;
    }
    return true;
}

bool notification_unread(struct db_conn *c, int64_t user_id, int64_t *n, struct err *e)
{
    static const char sql[] = "SELECT count(*) FROM (SELECT 1 FROM notification n JOIN discussion d ON d.id = n.discussion_id"
                              " JOIN repo r ON r.id = d.repo_id WHERE n.user_id = ?1 AND n.is_read = 0" MAY_SEE " LIMIT 100)";
    return db_get_int(c, n, 0, e, sql, db_int(user_id));
}

/* ------------------------------------------------------------------ acting on them */

static const char *const act_on_one[] = {
    [NOTIFICATION_READ] = "UPDATE notification SET is_read = 1 WHERE user_id = ?1 AND discussion_id = (SELECT id FROM discussion WHERE hex_id = ?2)",
    [NOTIFICATION_UNREAD] = "UPDATE notification SET is_read = 0 WHERE user_id = ?1 AND discussion_id = (SELECT id FROM discussion WHERE hex_id = ?2)",
    [NOTIFICATION_REMOVE] = "DELETE FROM notification WHERE user_id = ?1 AND discussion_id = (SELECT id FROM discussion WHERE hex_id = ?2)",
};
#define OF_QUERY " WHERE user_id = ?1 AND discussion_id IN (SELECT n.discussion_id" NOTIFICATION_FROM ")"
static const char *const act_on_all[] = {
    [NOTIFICATION_READ] = "UPDATE notification SET is_read = 1" OF_QUERY,
    [NOTIFICATION_UNREAD] = "UPDATE notification SET is_read = 0" OF_QUERY,
    [NOTIFICATION_REMOVE] = "DELETE FROM notification" OF_QUERY,
};

bool notification_do(struct hub *h, const struct identity *who, enum notification_act act, const str *discussion_hex, size_t n,
                     const struct notification_query *all, struct err *e)
{
    struct db_value v[VALUES + 1];
    struct db_conn *tx;
    if (!db_begin(h->db, &tx, e)) return false;
    struct arena *a = arena_new(0);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) ok = db_run(tx, e, act_on_one[act], db_int(who->user_id), db_text(discussion_hex[i]));
    if (ok && all) {
        bind(who, all, a, v);
        ok = db_run_n(tx, act_on_all[act], v, COUNT(v) - 1, e);
    }
    arena_free(a);
    return db_finish(h->db, tx, ok, e);
}
