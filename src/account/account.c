/* account/account.c - users and organisations as rows.
 *
 * Names compare without case through name_key, the lower-case name; names are ASCII (see name.c), so byte
 * order is all the order there is. */
#include "account/account_priv.h"

#include "base/clock.h"
#include "db/credentials.h"

str account_key(str name, struct arena *a) { return arena_lower(a, name); }

str account_like(str search, struct arena *a)
{
    char *p = arena_alloc(a, search.n * 2 + 3);
    size_t n = 0;
    p[n++] = '%';
    for (size_t i = 0; i < search.n; i++) {
        if (search.p[i] == '%' || search.p[i] == '_' || search.p[i] == '\\') p[n++] = '\\';
        p[n++] = search.p[i];
    }
    p[n++] = '%';
    return str_n(p, n);
}

static str kind_name(enum account_kind k) { return k == ACCOUNT_USER ? STR("user") : STR("org"); }

void account_read(struct db_query *q, struct account *out, struct arena *a)
{
    *out = (struct account){
        .id = db_col_int(q, 0),
        .kind = str_eq(db_col_text(q, 1), STR("org")) ? ACCOUNT_ORG : db_col_int(q, 11) ? ACCOUNT_SERVICE : ACCOUNT_USER,
        .hex_id = db_col_dup(q, 2, a),
        .name = db_col_dup(q, 3, a),
        .fullname = db_col_dup(q, 4, a),
        .email = db_col_dup(q, 5, a),
        .details = db_col_dup(q, 6, a),
        .is_admin = db_col_int(q, 7) != 0,
        .is_disabled = db_col_int(q, 8) != 0,
        .repos_private = db_col_int(q, 9) != 0,
        .created_ms = db_col_int(q, 10),
        .service_of = db_col_int(q, 11),
        .upstream = db_col_dup(q, 12, a),
        .needs_factor = db_col_int(q, 13) != 0,
    };
}

/* Names of repositories that moved away still lead to them.  Whoever took such a namespace could put something else there. */
static bool is_not_led_from(struct db_conn *tx, str name, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT (SELECT count(*) FROM repo_former_name WHERE kind IN ('model', 'dataset', 'space', 'kernel') AND owner_key = ?1) +"
                              " (SELECT count(*) FROM bucket_former_name WHERE owner_key = ?1)";
    int64_t n;
    if (!db_get_int(tx, &n, 0, e, sql, db_text(account_key(name, a)))) return false;
    return n == 0 || err_set(e, ERR_CONFLICT, "the name \"%.*s\" is taken: what moved away from it is still found by it", STR_ARG(name));
}

bool account_create(struct db_conn *tx, enum account_kind kind, str name, bool by_admin, struct account *out,
                    struct arena *a, struct err *e)
{
    static const char sql[] =
        "INSERT INTO account (hex_id, kind, name, name_key, fullname, created_ms) VALUES (?, ?, ?, ?, ?, ?)";
    char hex_id[25];
    if (!account_name_check(name, by_admin, e) || (!by_admin && !is_not_led_from(tx, name, a, e))) return false;
    random_hex(hex_id, 24);
    if (!db_run(tx, e, sql, db_text(str_c(hex_id)), db_text(kind_name(kind)), db_text(name), db_text(account_key(name, a)),
                db_text(name), db_int(clock_now_ms()))) {
        if (e->code == ERR_CONFLICT) err_set(e, ERR_CONFLICT, "the name \"%.*s\" is taken", STR_ARG(name));
        return false;
    }
    return account_get(tx, db_last_id(tx), out, a, e);
}

bool account_create_mirror(struct db_conn *tx, str name, str upstream, struct account *out, struct arena *a, struct err *e)
{
    return account_create(tx, ACCOUNT_ORG, name, true, out, a, e) &&
           db_run(tx, e, "UPDATE account SET upstream = ? WHERE id = ?", db_text(upstream), db_int(out->id)) && account_get(tx, out->id, out, a, e);
}

str account_plain_name(str wished, struct arena *a)
{
    enum { NAME_CHARS = 38 };
    char *out = arena_alloc(a, NAME_CHARS + 1);
    size_t n = 0;
    for (size_t i = 0; i < wished.n && n < NAME_CHARS; i++) {
        char c = wished.p[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (is_alnum) out[n++] = c;
        else if (n && out[n - 1] != '-') out[n++] = '-';
    }
    while (n && out[n - 1] == '-') n--;
    return str_n(out, n);
}

bool account_create_like(struct db_conn *tx, str name, struct account *out, struct arena *a, struct err *e)
{
    enum { TRIES = 99 };
    struct err why;
    bool found;
    for (int i = 1; i <= TRIES; i++) {
        str tried = i == 1 ? name : arena_fmt(a, "%.*s-%d", STR_ARG(name), i);
        if (!account_name_check(tried, false, &why)) continue;
        if (!account_find(tx, tried, out, &found, a, e)) return false;
        if (found) continue;
        if (account_create(tx, ACCOUNT_USER, tried, false, out, a, &why)) return true;
        if (why.code != ERR_CONFLICT) return (*e = why, false); /* else nobody has it, and nobody may */
    }
    return err_set(e, ERR_CONFLICT, "There is no free name like \"%.*s\" here; ask the administrator", STR_ARG(name));
}

static bool read_one(struct db_query *q, struct account *out, bool *found, struct arena *a, struct err *e)
{
    *found = db_next(q, e);
    if (*found) account_read(q, out, a);
    return db_end(q);
}

bool account_find(struct db_conn *c, str name, struct account *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " ACCOUNT_COLUMNS " FROM account a WHERE a.name_key = ?";
    struct db_query q;
    return db_query(c, &q, e, sql, db_text(account_key(name, a))) && read_one(&q, out, found, a, e);
}

bool account_find_hex(struct db_conn *c, str hex_id, struct account *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " ACCOUNT_COLUMNS " FROM account a WHERE a.hex_id = ?";
    struct db_query q;
    return db_query(c, &q, e, sql, db_text(hex_id)) && read_one(&q, out, found, a, e);
}

bool account_get(struct db_conn *c, int64_t id, struct account *out, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " ACCOUNT_COLUMNS " FROM account a WHERE a.id = ?";
    struct db_query q;
    bool found;
    if (!db_query(c, &q, e, sql, db_int(id)) || !read_one(&q, out, &found, a, e)) return false;
    return found || err_set(e, ERR_NOT_FOUND, "account %lld is gone", (long long)id);
}

str account_noreply(str name, struct arena *a) { return arena_fmt(a, "%.*s@users.noreply.hearth", STR_ARG(name)); }

/* Whoever may not invite any more, or is gone, has invited nobody. */
static bool take_back_site_invites(struct db_conn *tx, int64_t id, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM account_invite WHERE made_by = ? AND used_ms IS NULL", db_int(id));
    db_credentials_end(tx);
    return ok;
}

static bool take_back_org_invites(struct db_conn *tx, int64_t id, struct err *e)
{
    return db_run(tx, e, "DELETE FROM org_invite WHERE invited_by = ?", db_int(id));
}

static bool is_there(struct db_conn *tx, int64_t id, struct err *e)
{
    return db_changes(tx) == 1 || err_set(e, ERR_NOT_FOUND, "account %lld is gone", (long long)id);
}

bool account_update(struct db_conn *tx, const struct account *changed, struct err *e)
{
    static const char sql[] = "UPDATE account SET fullname = ?, email = ?, details = ?, repos_private = ? WHERE id = ?";
    return db_run(tx, e, sql, db_text(changed->fullname), db_text_or_null(changed->email), db_text(changed->details),
                  db_int(changed->repos_private), db_int(changed->id)) && is_there(tx, changed->id, e);
}

bool account_set_admin(struct db_conn *tx, int64_t id, bool is_admin, struct err *e)
{
    return db_run(tx, e, "UPDATE account SET is_admin = ? WHERE id = ?", db_int(is_admin), db_int(id)) && is_there(tx, id, e) &&
           (is_admin || take_back_site_invites(tx, id, e));
}

bool account_set_disabled(struct db_conn *tx, int64_t id, bool is_disabled, struct err *e)
{
    return db_run(tx, e, "UPDATE account SET is_disabled = ? WHERE id = ?", db_int(is_disabled), db_int(id)) && is_there(tx, id, e) &&
           db_run(tx, e, "UPDATE scim_user SET is_closed = 0 WHERE user_id = ? AND is_managed", db_int(id)) && /* who says it last, has said it */
           (!is_disabled || (take_back_site_invites(tx, id, e) && take_back_org_invites(tx, id, e) && session_end_others(tx, id, STR(""), e)));
}

bool account_delete(struct db_conn *tx, int64_t id, struct err *e)
{
    static const char owned[] = "SELECT (SELECT count(*) FROM repo WHERE owner_id = ?1) + (SELECT count(*) FROM bucket WHERE owner_id = ?1)";
    static const char orphaned[] = /* organisations that would be left without an administrator */
        "SELECT count(*) FROM account_member m JOIN account p ON p.id = m.user_id AND p.service_of IS NULL"
        " WHERE m.user_id = ?1 AND m.role = 'admin' AND NOT EXISTS (SELECT 1 FROM account_member o JOIN account q ON q.id = o.user_id"
        " AND q.service_of IS NULL AND NOT q.is_disabled WHERE o.org_id = m.org_id AND o.user_id <> ?1 AND o.role = 'admin')";
    static const char delete[] = "DELETE FROM account WHERE id = ?";
    int64_t n;
    if (!db_get_int(tx, &n, 0, e, owned, db_int(id))) return false;
    if (n) return err_set(e, ERR_CONFLICT, "the account still owns %lld repositor%s or bucket%s; delete or move %s first", (long long)n, n == 1 ? "y" : "ies", n == 1 ? "" : "s", n == 1 ? "it" : "them");
    if (!db_get_int(tx, &n, 0, e, orphaned, db_int(id))) return false;
    if (n) return err_set(e, ERR_CONFLICT, "the user is the last administrator of %lld organisation%s; make somebody else one first", (long long)n, n == 1 ? "" : "s");
    if (!take_back_site_invites(tx, id, e) || !take_back_org_invites(tx, id, e)) return false;
    db_credentials_begin(tx); /* tokens and password go with it */
    bool ok = db_run(tx, e, delete, db_int(id));
    db_credentials_end(tx);
    return ok && is_there(tx, id, e);
}

bool account_list(struct db_conn *c, enum account_kind kind, str search, str after, size_t limit, struct arena *a,
                  struct account **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT " ACCOUNT_COLUMNS " FROM account a WHERE a.name_key > ? AND a.kind = ? AND a.service_of IS NULL"
                              " AND a.name_key LIKE ? ESCAPE '\\' ORDER BY a.name_key LIMIT ?";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_text(account_key(after, a)), db_text(kind_name(kind)),
                  db_text(account_like(account_key(search, a), a)), db_int((int64_t)limit))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        account_read(&q, &(*out)[(*n)++], a);
    }
    return db_end(&q);
}

bool account_count(struct db_conn *c, enum account_kind kind, int64_t *n, struct err *e)
{
    return db_get_int(c, n, 0, e, "SELECT count(*) FROM account WHERE kind = ? AND service_of IS NULL", db_text(kind_name(kind)));
}
