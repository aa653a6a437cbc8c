/* hub/gate.c - access requests of gated repositories, as a table of states.
 *
 *     none                --ask-->     pending (manual) or accepted (auto)
 *     pending, accepted   --cancel-->  none       (the one who asked)
 *     any but none        --handle-->  another    (an owner; accepted to pending takes an admission back)
 *     any but accepted    --grant-->   accepted   (an owner) */
#include "hub/gate.h"

#include "base/clock.h"
#include "hub/community/feed_place.h"
#include "hub/hub_priv.h"

enum { FIELDS_BYTES_MAX = 64 << 10 };

static const str names[] = { [GATE_NONE] = STR_INIT("none"), [GATE_PENDING] = STR_INIT("pending"),
                             [GATE_ACCEPTED] = STR_INIT("accepted"), [GATE_REJECTED] = STR_INIT("rejected") };

str gate_status_name(enum gate_status s) { return names[s]; }

bool gate_status_parse(str s, enum gate_status *out)
{
    for (enum gate_status i = GATE_PENDING; i <= GATE_REJECTED; i++) {
        if (!str_eq(s, names[i])) continue;
        *out = i;
        return true;
    }
    return false;
}

bool gate_status_of(struct db_conn *c, int64_t repo_id, int64_t user_id, enum gate_status *out, struct err *e)
{
    static const char sql[] = "SELECT status FROM repo_access_request WHERE repo_id = ? AND user_id = ?";
    struct db_query q;
    *out = GATE_NONE;
    if (!db_query(c, &q, e, sql, db_int(repo_id), db_int(user_id))) return false;
    if (db_next(&q, e)) gate_status_parse(db_col_text(&q, 0), out);
    return db_end(&q);
}

bool gate_reason_of(struct db_conn *c, int64_t repo_id, int64_t user_id, str *reason, struct arena *a, struct err *e)
{
    struct db_query q;
    *reason = STR("");
    if (!db_query(c, &q, e, "SELECT coalesce(reason, '') FROM repo_access_request WHERE repo_id = ? AND user_id = ?", db_int(repo_id), db_int(user_id))) return false;
    if (db_next(&q, e)) *reason = db_col_dup(&q, 0, a);
    return db_end(&q);
}

/* The gate as it is now: the repository in the caller's hand may be old. */
static bool check_gated(struct db_conn *c, const struct repo *r, struct arena *a, str *gated, struct err *e)
{
    struct repo now;
    if (!repo_get(c, r->id, &now, a, e)) return false;
    *gated = now.gated;
    return now.gated.n || err_set(e, ERR_INVALID, "The repository %.*s is not gated", STR_ARG(r->full_name));
}

/* ------------------------------------------------------------------ those who ask */

static bool ask(struct db_conn *tx, const struct repo *r, const struct identity *who, str fields, enum gate_status *out,
                struct arena *a, struct err *e)
{
    static const char sql[] = "INSERT INTO repo_access_request (repo_id, user_id, status, fields, created_ms, reviewed_ms)"
                              " VALUES (?, ?, ?, ?, ?, ?)";
    str gated;
    if (!check_gated(tx, r, a, &gated, e) || !gate_status_of(tx, r->id, who->user_id, out, e)) return false;
    if (*out != GATE_NONE) return true; /* asking twice changes nothing */
    bool is_auto = str_eq(gated, STR("auto"));
    *out = is_auto ? GATE_ACCEPTED : GATE_PENDING;
    int64_t now = clock_now_ms();
    return db_run(tx, e, sql, db_int(r->id), db_int(who->user_id), db_text(names[*out]), db_text(fields), db_int(now),
                  is_auto ? db_int(now) : db_null());
}

bool gate_ask(struct hub *h, const struct repo *r, const struct identity *who, str fields, enum gate_status *out, struct err *e)
{
    struct db_conn *tx;
    struct json *parsed;
    if (!who->user_id) return err_set(e, ERR_UNAUTHENTICATED, "Log in to ask for access");
    if (fields.n > FIELDS_BYTES_MAX) return err_set(e, ERR_TOO_LARGE, "the answers may have %d bytes", FIELDS_BYTES_MAX);
    struct arena *a = arena_new(16 << 20);
    bool ok = false;
    if (!fields.n) fields = STR("{}");
    if (!json_parse(fields, a, &parsed, e)) goto done;
    if (!json_is(parsed, JSON_OBJECT)) {
        err_set(e, ERR_INVALID, "the answers must be a JSON object");
        goto done;
    }
    if (!db_begin(h->db, &tx, e)) goto done;
    ok = ask(tx, r, who, fields, out, a, e);
    ok = db_finish(h->db, tx, ok, e);
done:
    arena_free(a);
    return ok;
}

static bool set_status(struct db_conn *tx, int64_t repo_id, int64_t user_id, enum gate_status to, str reason, struct err *e)
{
    static const char update[] = "UPDATE repo_access_request SET status = ?, reason = ?, reviewed_ms = ?"
                                 " WHERE repo_id = ? AND user_id = ?";
    static const char delete[] = "DELETE FROM repo_access_request WHERE repo_id = ? AND user_id = ?";
    if (to == GATE_NONE) return db_run(tx, e, delete, db_int(repo_id), db_int(user_id));
    return db_run(tx, e, update, db_text(names[to]), to == GATE_REJECTED ? db_text_or_null(reason) : db_null(),
                  to == GATE_PENDING ? db_null() : db_int(clock_now_ms()), db_int(repo_id), db_int(user_id));
}

bool gate_cancel(struct hub *h, const struct repo *r, const struct identity *who, struct err *e)
{
    struct db_conn *tx;
    enum gate_status now;
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = gate_status_of(tx, r->id, who->user_id, &now, e);
    if (ok && (now == GATE_NONE || now == GATE_REJECTED))
        ok = err_set(e, ERR_NOT_FOUND, "There is no request of yours that could be cancelled");
    ok = ok && set_status(tx, r->id, who->user_id, GATE_NONE, (str){ 0 }, e);
    return db_finish(h->db, tx, ok, e);
}

/* ------------------------------------------------------------------ those who decide */

static bool handle(struct db_conn *tx, const struct repo *r, int64_t user_id, enum gate_status to, str reason,
                   const struct identity *who, struct arena *a, struct err *e)
{
    enum gate_status now;
    str gated;
    if (!check_gated(tx, r, a, &gated, e) || !gate_status_of(tx, r->id, user_id, &now, e)) return false;
    if (now == GATE_NONE) return err_set(e, ERR_NOT_FOUND, "This user has not asked for access to %.*s", STR_ARG(r->full_name));
    str name = names[to];
    if (now == to) return err_set(e, ERR_NOT_FOUND, "The request is in the list \"%.*s\" already", STR_ARG(name));
    str what = arena_fmt(a, "access request to %.*s: %.*s", STR_ARG(repo_label(r, a)), STR_ARG(name));
    return set_status(tx, r->id, user_id, to, reason, e) &&
           audit_add(tx, who, "repo.access_request", r->owner_id, what, (str){ 0 }, e);
}

bool gate_handle(struct hub *h, const struct repo *r, int64_t user_id, enum gate_status to, str reason,
                 const struct identity *who, struct err *e)
{
    struct db_conn *tx;
    if (to == GATE_NONE) return err_set(e, ERR_INVALID, "\"status\" must be one of [accepted, rejected, pending]");
    if (reason.n > GATE_REASON_BYTES_MAX) return err_set(e, ERR_INVALID, "the reason may have %d bytes", GATE_REASON_BYTES_MAX);
    if (!db_begin(h->db, &tx, e)) return false;
    struct arena *a = arena_new(0);
    bool ok = handle(tx, r, user_id, to, reason, who, a, e);
    arena_free(a);
    return db_finish(h->db, tx, ok, e);
}

static bool grant(struct db_conn *tx, const struct repo *r, int64_t user_id, const struct identity *who, struct arena *a,
                  struct err *e)
{
    static const char sql[] =
        "INSERT INTO repo_access_request (repo_id, user_id, status, granted_by, created_ms, reviewed_ms)"
        " VALUES (?1, ?2, 'accepted', ?3, ?4, ?4) ON CONFLICT (repo_id, user_id) DO UPDATE SET"
        " status = 'accepted', reason = NULL, reviewed_ms = excluded.reviewed_ms";
    enum gate_status now;
    struct account user;
    str gated;
    if (!check_gated(tx, r, a, &gated, e) || !account_get(tx, user_id, &user, a, e) ||
        !gate_status_of(tx, r->id, user_id, &now, e)) return false;
    if (user.kind != ACCOUNT_USER) return err_set(e, ERR_INVALID, "Access is granted to users, and %.*s is none", STR_ARG(user.name));
    if (now == GATE_ACCEPTED)
        return err_set(e, ERR_INVALID, "%.*s already has access to %.*s", STR_ARG(user.name), STR_ARG(r->full_name));
    str what = arena_fmt(a, "granted %.*s access to %.*s", STR_ARG(user.name), STR_ARG(repo_label(r, a)));
    return db_run(tx, e, sql, db_int(r->id), db_int(user_id), who && who->user_id ? db_int(who->user_id) : db_null(),
                  db_int(clock_now_ms())) &&
           audit_add(tx, who, "repo.grant_access", r->owner_id, what, (str){ 0 }, e);
}

bool gate_grant(struct hub *h, const struct repo *r, int64_t user_id, const struct identity *who, struct err *e)
{
    struct db_conn *tx;
    if (!db_begin(h->db, &tx, e)) return false;
    struct arena *a = arena_new(0);
    bool ok = grant(tx, r, user_id, who, a, e);
    arena_free(a);
    return db_finish(h->db, tx, ok, e);
}

/* ------------------------------------------------------------------ lists */

bool gate_list(struct db_conn *c, const struct repo *r, enum gate_status status, struct gate_place after, size_t limit,
               struct arena *a, struct gate_request **out, size_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT q.user_id, q.status, q.fields, q.reason, q.granted_by IS NOT NULL, g.name, q.created_ms, q.reviewed_ms"
        " FROM repo_access_request q LEFT JOIN account g ON g.id = q.granted_by"
        " WHERE q.repo_id = ? AND q.status = ? AND (q.created_ms, q.user_id) > (?, ?) ORDER BY q.created_ms, q.user_id LIMIT ?";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(r->id), db_text(names[status]), db_int(after.created_ms), db_int(after.user_id), db_int((int64_t)limit)))
        return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        struct gate_request *g = &(*out)[(*n)++];
        *g = (struct gate_request){
            .user.id = db_col_int(&q, 0),
            .fields = db_col_dup(&q, 2, a),
            .reason = db_col_dup(&q, 3, a),
            .was_granted = db_col_int(&q, 4) != 0,
            .granted_by = db_col_dup(&q, 5, a),
            .created_ms = db_col_int(&q, 6),
            .reviewed_ms = db_col_int(&q, 7),
        };
        gate_status_parse(db_col_text(&q, 1), &g->status);
    }
    if (!db_end(&q)) return false;
    for (size_t i = 0; i < *n; i++)
        if (!account_get(c, (*out)[i].user.id, &(*out)[i].user, a, e)) return false;
    return true;
}

bool gate_count(struct db_conn *c, const struct repo *r, enum gate_status status, int64_t *n, struct err *e)
{
    return db_get_int(c, n, 0, e, "SELECT count(*) FROM repo_access_request WHERE repo_id = ? AND status = ?", db_int(r->id), db_text(names[status]));
}

bool gate_list_mine(struct db_conn *c, const struct identity *who, str cursor, size_t limit, struct arena *a, struct gate_mine **out, size_t *n,
                    str *next, struct err *e)
{
    static const char sql[] = "SELECT q.repo_id, q.status, q.reason, q.created_ms FROM repo_access_request q JOIN repo r ON r.id = q.repo_id"
                              " WHERE q.user_id = ?1 AND (q.created_ms, q.repo_id) < (?2, ?3) AND " REPO_SEEN_BY("?5", "?6")
                              " ORDER BY q.created_ms DESC, q.repo_id DESC LIMIT ?4";
    struct gate_mine *list = arena_alloc(a, (limit + 1) * sizeof *list); /* one more tells whether a page follows */
    struct feed_place from;
    struct db_query q;
    size_t rows = 0;
    if (!feed_place_parse(cursor, &from, e)) return false;
    if (!db_query(c, &q, e, sql, db_int(who->user_id), db_int(from.at_ms), db_int(from.id), db_int((int64_t)limit + 1), db_int(who->is_admin), repo_reader(who)))
        return false;
    while (rows <= limit && db_next(&q, e)) {
        list[rows] = (struct gate_mine){ .repo.id = db_col_int(&q, 0), .reason = db_col_dup(&q, 2, a), .created_ms = db_col_int(&q, 3) };
        gate_status_parse(db_col_text(&q, 1), &list[rows++].status);
    }
    if (!db_end(&q)) return false;
    *out = list;
    *n = rows > limit ? limit : rows;
    *next = rows > limit && limit ? feed_place_format((struct feed_place){ list[limit - 1].created_ms, list[limit - 1].repo.id }, a) : STR("");
    for (size_t i = 0; i < *n; i++)
        if (!repo_get(c, list[i].repo.id, &list[i].repo, a, e)) return false;
    return true;
}

bool gate_list_waiting(struct db_conn *c, const struct identity *who, size_t limit, struct arena *a, struct gate_waiting **out, size_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT q.repo_id, count(*) FROM repo r JOIN repo_access_request q ON q.repo_id = r.id AND q.status = 'pending'"
        " WHERE r.gated = 'manual' AND r.owner_id IN (SELECT ?1 UNION ALL SELECT org_id FROM account_member WHERE user_id = ?1 AND role = 'admin' AND lacks_factor = 0)"
        " GROUP BY q.repo_id ORDER BY q.repo_id LIMIT ?2";
    struct gate_waiting *list = NULL;
    struct db_query q;
    size_t rows = 0;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(who->user_id), db_int((int64_t)limit))) return false;
    while (db_next(&q, e)) {
        list = arena_grow(a, list, rows, sizeof *list);
        list[rows++] = (struct gate_waiting){ .repo.id = db_col_int(&q, 0), .people = db_col_int(&q, 1) };
    }
    if (!db_end(&q)) return false;
    for (size_t i = 0; i < rows; i++) {
        struct err hidden;
        struct gate_waiting g = list[i];
        if (!repo_get(c, g.repo.id, &g.repo, a, e)) return false;
        if (repo_allow(c, who, &g.repo, REPO_ADMIN, &hidden)) list[(*n)++] = g;
    }
    *out = list;
    return true;
}
