/* account/member.c - who belongs to which organisation, and as what.
 *
 * An organisation that has an administrator keeps one: without, nobody but the operator could manage it.  A service
 * account has a role too, and is no member: it is not listed as one, and is not the administrator that is kept. */
#include "account/account_priv.h"
#include "account/org_token.h"
#include "db/credentials.h"

static const str role_name[] = { STR_INIT(""), STR_INIT("no_access"), STR_INIT("read"), STR_INIT("contributor"),
                                 STR_INIT("write"), STR_INIT("admin") };

str account_role_name(enum account_role r) { return role_name[r]; }

bool account_role_parse(str s, enum account_role *out)
{
    for (size_t i = ROLE_NO_ACCESS; i < COUNT(role_name); i++) {
        if (!str_eq(s, role_name[i])) continue;
        *out = (enum account_role)i;
        return true;
    }
    return false;
}

static enum account_role role_read(struct db_query *q, int i)
{
    enum account_role r;
    must(account_role_parse(db_col_text(q, i), &r)); /* the schema lets nothing else in */
    return r;
}

bool member_keeps_admin(struct db_conn *tx, int64_t org_id, int64_t user_id, struct err *e)
{
#define ADMINS "SELECT count(*) FROM account_member m JOIN account a ON a.id = m.user_id AND a.service_of IS NULL WHERE m.org_id = ? AND m.role = 'admin'"
    static const char is_admin[] = ADMINS " AND m.user_id = ?", others[] = ADMINS " AND m.user_id <> ? AND NOT a.is_disabled";
    int64_t was, n;
    if (!db_get_int(tx, &was, 0, e, is_admin, db_int(org_id), db_int(user_id))) return false;
    if (!was) return true;
    if (!db_get_int(tx, &n, 0, e, others, db_int(org_id), db_int(user_id))) return false;
    return n > 0 || err_set(e, ERR_CONFLICT, "an organisation keeps at least one administrator");
}

/* Service accounts, and people who come through another provider, have no password. */
#define LACKS_FACTOR                                                                                                       \
    "(SELECT o.needs_factor FROM account o WHERE o.id = org_id) AND EXISTS (SELECT 1 FROM account_password p WHERE p.account_id = user_id)" \
    " AND NOT EXISTS (SELECT 1 FROM account_second_factor f WHERE f.account_id = user_id)"

bool member_weigh_factor(struct db_conn *tx, int64_t user_id, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "UPDATE account_member SET lacks_factor = " LACKS_FACTOR " WHERE user_id = ?", db_int(user_id));
    db_credentials_end(tx);
    return ok;
}

bool account_set_needs_factor(struct db_conn *tx, int64_t org_id, bool needs, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "UPDATE account SET needs_factor = ? WHERE id = ?", db_int(needs), db_int(org_id)) &&
              db_run(tx, e, "UPDATE account_member SET lacks_factor = " LACKS_FACTOR " WHERE org_id = ?", db_int(org_id));
    db_credentials_end(tx);
    return ok;
}

bool account_set_member(struct db_conn *tx, int64_t org_id, int64_t user_id, enum account_role role, struct err *e)
{
    static const char put[] = "INSERT INTO account_member (org_id, user_id, role)"
                              " SELECT o.id, u.id, ?3 FROM account o JOIN account u ON u.id = ?2 AND u.kind = 'user'"
                              " AND (u.service_of IS NULL OR u.service_of = o.id)"
                              " WHERE o.id = ?1 AND o.kind = 'org'"
                              " ON CONFLICT (org_id, user_id) DO UPDATE SET role = excluded.role";
    static const char delete[] = "DELETE FROM account_member WHERE org_id = ? AND user_id = ?";
    static const char take_back[] = "DELETE FROM org_invite WHERE org_id = ? AND invited_by = ?"; /* only administrators invite */
    if (role != ROLE_ADMIN && !member_keeps_admin(tx, org_id, user_id, e)) return false;
    if (role != ROLE_ADMIN && !db_run(tx, e, take_back, db_int(org_id), db_int(user_id))) return false;
    if (role == ROLE_NONE) {
        if (!db_run(tx, e, delete, db_int(org_id), db_int(user_id))) return false;
        return db_changes(tx) > 0 || err_set(e, ERR_NOT_FOUND, "the user is no member of the organisation");
    }
    if (!db_run(tx, e, put, db_int(org_id), db_int(user_id), db_text(account_role_name(role)))) return false;
    if (db_changes(tx) == 0) return err_set(e, ERR_INVALID, "members are users, and belong to organisations");
    return member_weigh_factor(tx, user_id, e);
}

bool account_members_count(struct db_conn *c, int64_t org_id, int64_t *n, struct err *e)
{
    return db_get_int(c, n, 0, e, "SELECT count(*) FROM account_member m JOIN account a ON a.id = m.user_id WHERE m.org_id = ? AND a.service_of IS NULL",
                      db_int(org_id));
}

bool account_members(struct db_conn *c, int64_t org_id, str search, str after, size_t limit, struct arena *a,
                     struct account_member **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT " ACCOUNT_COLUMNS ", m.role, m.lacks_factor FROM account_member m JOIN account a ON a.id = m.user_id"
                              " WHERE m.org_id = ? AND a.service_of IS NULL AND a.name_key > ? AND a.name_key LIKE ? ESCAPE '\\'"
                              " ORDER BY a.name_key LIMIT ?";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(org_id), db_text(account_key(after, a)),
                  db_text(account_like(account_key(search, a), a)), db_int((int64_t)limit))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        struct account_member *m = &(*out)[(*n)++];
        account_read(&q, &m->user, a);
        m->role = role_read(&q, ACCOUNT_COLUMNS_COUNT);
        m->lacks_factor = db_col_int(&q, ACCOUNT_COLUMNS_COUNT + 1) != 0;
    }
    return db_end(&q);
}

bool account_orgs(struct db_conn *c, int64_t user_id, struct arena *a, struct account_org **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT " ACCOUNT_COLUMNS ", m.role, m.lacks_factor FROM account_member m JOIN account a ON a.id = m.org_id"
                              " WHERE m.user_id = ? ORDER BY a.name_key";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(user_id))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        struct account_org *o = &(*out)[(*n)++];
        account_read(&q, &o->org, a);
        o->role = role_read(&q, ACCOUNT_COLUMNS_COUNT);
        o->lacks_factor = db_col_int(&q, ACCOUNT_COLUMNS_COUNT + 1) != 0;
    }
    return db_end(&q);
}

static bool find_member(struct db_conn *c, int64_t org_id, int64_t user_id, enum account_role *role, bool *lacks_factor, struct err *e)
{
    static const char sql[] = "SELECT role, lacks_factor FROM account_member WHERE org_id = ? AND user_id = ?";
    struct db_query q;
    *role = ROLE_NONE;
    *lacks_factor = false;
    if (!db_query(c, &q, e, sql, db_int(org_id), db_int(user_id))) return false;
    if (db_next(&q, e)) {
        *role = role_read(&q, 0);
        *lacks_factor = db_col_int(&q, 1) != 0;
    }
    return db_end(&q);
}

bool account_member_role(struct db_conn *c, int64_t org_id, int64_t user_id, enum account_role *out, struct err *e)
{
    bool ignored;
    return find_member(c, org_id, user_id, out, &ignored, e);
}

bool account_role_in(struct db_conn *c, const struct identity *who, int64_t owner_id, enum account_role *out, struct err *e)
{
    *out = ROLE_NONE;
    if (!who->user_id) return true;
    if (who->is_admin || who->user_id == owner_id) {
        *out = ROLE_ADMIN;
        return true;
    }
    bool lacks_factor, is_revoked; /* the organisation does not let him in as he signs in, or not with this token */
    if (!find_member(c, owner_id, who->user_id, out, &lacks_factor, e)) return false;
    if (*out == ROLE_NONE) return true;
    if (!org_token_is_revoked(c, who, owner_id, &is_revoked, e)) return false;
    if (lacks_factor || is_revoked) *out = ROLE_NONE;
    return true;
}
