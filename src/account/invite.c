/* account/invite.c - see account/invite.h. */
#include "account/invite.h"

#include "account/account_priv.h"
#include "base/clock.h"
#include "db/credentials.h"

enum { LABEL_MAX = 100 };

/* ------------------------------------------------------------------ to this Hearth */

bool invite_create(struct db_conn *tx, int64_t made_by, str label, int64_t org_id, enum account_role role, int64_t expires_ms, str *secret,
                   struct arena *a, struct err *e)
{
    static const char sql[] = "INSERT INTO account_invite (hash, label, made_by, org_id, org_role, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?)";
    int64_t open, now = clock_now_ms();
    char *text = arena_alloc(a, INVITE_SECRET + 1);
    if (!label.n || label.n > LABEL_MAX || !str_is_utf8(label)) return err_set(e, ERR_INVALID, "say for whom, in 1 to %d bytes", LABEL_MAX);
    random_alnum(text, INVITE_SECRET);
    *secret = str_n(text, INVITE_SECRET);
    struct sha256 hash = sha256_of(bytes_of(*secret));
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM account_invite WHERE used_ms IS NULL AND expires_ms <= ?", db_int(now)) &&
              db_get_int(tx, &open, 0, e, "SELECT count(*) FROM account_invite WHERE used_ms IS NULL") &&
              (open < INVITES_MAX || err_set(e, ERR_CONFLICT, "there are %d open invitations; take some back first", INVITES_MAX)) &&
              db_run(tx, e, sql, db_sha256(&hash), db_text(label), db_int(made_by), org_id ? db_int(org_id) : db_null(),
                     org_id ? db_text(account_role_name(role)) : db_null(), db_int(now), db_int(expires_ms));
    db_credentials_end(tx);
    return ok;
}

#define INVITE_COLUMNS                                                                                                     \
    "i.id, i.org_id, i.org_role, i.label, m.name, u.name, o.name, i.created_ms, i.expires_ms, i.used_ms"                   \
    " FROM account_invite i LEFT JOIN account m ON m.id = i.made_by LEFT JOIN account u ON u.id = i.used_by LEFT JOIN account o ON o.id = i.org_id"

static void read_invite(struct db_query *q, struct invite *out, struct arena *a)
{
    *out = (struct invite){ .id = db_col_int(q, 0), .org_id = db_col_int(q, 1), .label = db_col_dup(q, 3, a), .made_by = db_col_dup(q, 4, a),
                            .used_by = db_col_dup(q, 5, a), .org = db_col_dup(q, 6, a), .created_ms = db_col_int(q, 7),
                            .expires_ms = db_col_int(q, 8), .used_ms = db_col_int(q, 9) };
    if (out->org_id && !account_role_parse(db_col_text(q, 2), &out->org_role)) out->org_role = ROLE_READ;
}

bool invite_list(struct db_conn *c, struct arena *a, struct invite **out, size_t *n, struct err *e)
{
    struct db_query q;
    *out = NULL;
    *n = 0;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, "SELECT " INVITE_COLUMNS " ORDER BY i.used_ms IS NOT NULL, i.id DESC LIMIT 200"); /* INVITES_MAX: all that are open */
    if (ok) {
        while (db_next(&q, e)) {
            *out = arena_grow(a, *out, *n, sizeof **out);
            read_invite(&q, &(*out)[(*n)++], a);
        }
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

bool invite_revoke(struct db_conn *tx, int64_t id, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM account_invite WHERE id = ?", db_int(id));
    db_credentials_end(tx);
    return ok;
}

bool invite_find(struct db_conn *c, str secret, struct invite *out, bool *good, struct arena *a, struct err *e)
{
    struct db_query q;
    struct sha256 hash = sha256_of(bytes_of(secret));
    *good = false;
    if (secret.n != INVITE_SECRET) return true;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, "SELECT " INVITE_COLUMNS " WHERE i.hash = ? AND i.used_ms IS NULL AND i.expires_ms > ?", db_sha256(&hash), db_int(clock_now_ms()));
    if (ok) {
        *good = db_next(&q, e);
        if (*good) read_invite(&q, out, a);
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

bool invite_use(struct db_conn *tx, const struct invite *i, int64_t account_id, struct err *e)
{
    int64_t now = clock_now_ms();
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "UPDATE account_invite SET used_by = ?, used_ms = ? WHERE id = ? AND used_ms IS NULL AND expires_ms > ?", db_int(account_id), db_int(now),
                     db_int(i->id), db_int(now));
    db_credentials_end(tx);
    return ok && (db_changes(tx) == 1 || err_set(e, ERR_CONFLICT, "this invitation was used already, or is too old")) &&
           (!i->org_id || account_set_member(tx, i->org_id, account_id, i->org_role, e));
}

/* ------------------------------------------------------------------ to an organisation */

bool org_invite_put(struct db_conn *tx, int64_t org_id, int64_t user_id, enum account_role role, int64_t by, struct err *e)
{
    static const char sql[] = "INSERT INTO org_invite (org_id, user_id, role, invited_by, created_ms) VALUES (?, ?, ?, ?, ?)"
                              " ON CONFLICT (org_id, user_id) DO UPDATE SET role = excluded.role, invited_by = excluded.invited_by";
    int64_t members;
    if (!db_get_int(tx, &members, 0, e, "SELECT count(*) FROM account_member WHERE org_id = ? AND user_id = ?", db_int(org_id), db_int(user_id))) return false;
    if (members) return err_set(e, ERR_CONFLICT, "the user is a member already");
    return db_run(tx, e, sql, db_int(org_id), db_int(user_id), db_text(account_role_name(role)), db_int(by), db_int(clock_now_ms()));
}

#define ORG_INVITES(other) \
    "SELECT " ACCOUNT_COLUMNS ", i.role, b.name, i.created_ms FROM org_invite i JOIN account a ON a.id = i." other \
    " LEFT JOIN account b ON b.id = i.invited_by"

static bool list(struct db_conn *c, const char *sql, int64_t id, struct arena *a, struct org_invite **out, size_t *n, struct err *e)
{
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(id))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        struct org_invite *i = &(*out)[(*n)++];
        account_read(&q, &i->other, a);
        must(account_role_parse(db_col_text(&q, ACCOUNT_COLUMNS_COUNT), &i->role)); /* the schema lets nothing else in */
        i->invited_by = db_col_dup(&q, ACCOUNT_COLUMNS_COUNT + 1, a);
        i->created_ms = db_col_int(&q, ACCOUNT_COLUMNS_COUNT + 2);
    }
    return db_end(&q);
}

bool org_invite_of_user(struct db_conn *c, int64_t user_id, struct arena *a, struct org_invite **out, size_t *n, struct err *e)
{
    return list(c, ORG_INVITES("org_id") " WHERE i.user_id = ? ORDER BY i.created_ms, a.id", user_id, a, out, n, e);
}

bool org_invite_of_org(struct db_conn *c, int64_t org_id, struct arena *a, struct org_invite **out, size_t *n, struct err *e)
{
    return list(c, ORG_INVITES("user_id") " WHERE i.org_id = ? ORDER BY i.created_ms, a.id", org_id, a, out, n, e);
}

bool org_invite_answer(struct db_conn *tx, int64_t org_id, int64_t user_id, bool accept, struct err *e)
{
    struct db_query q;
    enum account_role role = ROLE_NONE;
    if (!db_query(tx, &q, e, "SELECT role FROM org_invite WHERE org_id = ? AND user_id = ?", db_int(org_id), db_int(user_id))) return false;
    if (db_next(&q, e)) must(account_role_parse(db_col_text(&q, 0), &role));
    if (!db_end(&q)) return false;
    if (role == ROLE_NONE) return err_set(e, ERR_NOT_FOUND, "There is no such invitation; it may have been taken back");
    return db_run(tx, e, "DELETE FROM org_invite WHERE org_id = ? AND user_id = ?", db_int(org_id), db_int(user_id)) &&
           (!accept || account_set_member(tx, org_id, user_id, role, e));
}
