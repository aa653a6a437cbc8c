/* account/scim_user.c - users whom an organisation's identity provider keeps; see account/scim.h.
 *
 * What it may do to an account depends on one thing alone: whether the row here says that the organisation made it.  Names, addresses and
 * external ids give no right to an account that was there before. */
#include "account/scim.h"

#include "account/account_priv.h"
#include "account/invite.h"
#include "account/profile.h"
#include "base/clock.h"
#include "db/credentials.h"

enum { EXTERNAL_ID_MAX = 255, NAME_PART_MAX = 100 };

/* ------------------------------------------------------------------ the organisation */

bool scim_org_get(struct db_conn *c, int64_t org_id, struct scim_org *out, struct err *e)
{
    struct db_query q;
    *out = (struct scim_org){ .role = ROLE_READ };
    if (!db_query(c, &q, e, "SELECT makes_accounts, role FROM scim_org WHERE org_id = ?", db_int(org_id))) return false;
    if (db_next(&q, e)) {
        out->makes_accounts = db_col_int(&q, 0) != 0;
        must(account_role_parse(db_col_text(&q, 1), &out->role)); /* the schema lets nothing else in */
    }
    return db_end(&q);
}

bool scim_org_set(struct db_conn *tx, int64_t org_id, const struct scim_org *to, struct err *e)
{
    static const char sql[] = "INSERT INTO scim_org (org_id, makes_accounts, role) VALUES (?, ?, ?)"
                              " ON CONFLICT (org_id) DO UPDATE SET makes_accounts = excluded.makes_accounts, role = excluded.role";
    return db_run(tx, e, sql, db_int(org_id), db_int(to->makes_accounts), db_text(account_role_name(to->role)));
}

bool scim_org_allow(struct db_conn *tx, int64_t org_id, bool makes_accounts, const struct identity *who, str ip, struct err *e)
{
    struct scim_org s;
    if (!scim_org_get(tx, org_id, &s, e)) return false;
    s.makes_accounts = makes_accounts;
    return scim_org_set(tx, org_id, &s, e) &&
           audit_add(tx, who, "org.update_settings", org_id, makes_accounts ? STR("may make accounts by SCIM") : STR("makes no accounts by SCIM"), ip, e);
}

static bool need_makes_accounts(struct db_conn *c, const struct scim_by *by, struct err *e)
{
    struct scim_org s;
    if (!scim_org_get(c, by->org->id, &s, e)) return false;
    return s.makes_accounts || err_set(e, ERR_DENIED, "%.*s may not make accounts here. The operator of this Hearth allows it: hearth org provision %.*s", STR_ARG(by->org->name), STR_ARG(by->org->name));
}

/* ------------------------------------------------------------------ reading */

#define USERS                                                                                                                          \
    "SELECT a.id, a.hex_id, a.name, s.external_id, s.given_name, s.family_name, s.email, m.user_id IS NOT NULL,"                       \
    " CASE WHEN s.is_managed THEN NOT a.is_disabled AND m.user_id IS NOT NULL ELSE m.user_id IS NOT NULL OR i.user_id IS NOT NULL END" \
    " FROM scim_user s JOIN account a ON a.id = s.user_id"                                                                             \
    " LEFT JOIN account_member m ON m.org_id = s.org_id AND m.user_id = s.user_id"                                                     \
    " LEFT JOIN org_invite i ON i.org_id = s.org_id AND i.user_id = s.user_id"                                                         \
    " WHERE s.org_id = ?1 AND s.is_managed = ?2 AND s.removed_ms IS NULL"
#define IN_ORDER " ORDER BY s.user_id LIMIT ?4 OFFSET ?5"

static struct scim_user read_user(struct db_query *q)
{
    return (struct scim_user){ .id = db_col_int(q, 0), .hex_id = db_col_text(q, 1), .name = db_col_text(q, 2), .external_id = db_col_text(q, 3),
                               .given_name = db_col_text(q, 4), .family_name = db_col_text(q, 5), .email = db_col_text(q, 6),
                               .is_member = db_col_int(q, 7) != 0, .is_active = db_col_int(q, 8) != 0 };
}

bool scim_user_each(struct db_conn *c, int64_t org_id, enum scim_kind kind, const struct scim_range *r, scim_user_fn *fn, void *ctx, struct err *e)
{
    static const char *const by_key[] = {
        [SCIM_ALL] = USERS " AND ?3 IS NULL" IN_ORDER,
        [SCIM_BY_ID] = USERS " AND s.user_id = (SELECT id FROM account WHERE hex_id = ?3)" IN_ORDER,
        [SCIM_BY_NAME] = USERS " AND s.user_id = (SELECT id FROM account WHERE name_key = lower(?3))" IN_ORDER,
        [SCIM_BY_EXTERNAL_ID] = USERS " AND s.external_id = ?3" IN_ORDER,
    };
    struct db_query q;
    bool ok = true;
    if (!db_query(c, &q, e, by_key[r->key], db_int(org_id), db_int(kind), r->key == SCIM_ALL ? db_null() : db_text(r->value), db_int(r->count), db_int(r->from)))
        return false;
    while (ok && db_next(&q, e)) {
        struct scim_user u = read_user(&q);
        ok = fn(ctx, &u, e);
    }
    return db_end(&q) && ok;
}

struct one {
    struct scim_user *out;
    struct arena *a;
    bool found;
};

static bool keep_one(void *ctx, const struct scim_user *u, struct err *e)
{
    struct one *to = ctx;
    str *text[] = { &to->out->hex_id, &to->out->name, &to->out->external_id, &to->out->given_name, &to->out->family_name, &to->out->email };
    (void)e;
    *to->out = *u;
    to->found = true;
    for (size_t i = 0; i < COUNT(text); i++)
        if (text[i]->p) *text[i] = arena_dup(to->a, *text[i]);
    return true;
}

bool scim_user_find(struct db_conn *c, int64_t org_id, enum scim_kind kind, str hex_id, struct scim_user *out, bool *found, struct arena *a, struct err *e)
{
    struct one to = { out, a, false };
    bool ok = scim_user_each(c, org_id, kind, &(struct scim_range){ SCIM_BY_ID, hex_id, 0, 1 }, keep_one, &to, e);
    *found = to.found;
    return ok;
}

bool scim_user_count(struct db_conn *c, int64_t org_id, enum scim_kind kind, int64_t *n, struct err *e)
{
    return db_get_int(c, n, 0, e, "SELECT count(*) FROM scim_user WHERE org_id = ? AND is_managed = ? AND removed_ms IS NULL", db_int(org_id), db_int(kind));
}

bool scim_user_by_external(struct db_conn *c, str external_id, int64_t *account_id, struct err *e)
{
    static const char sql[] = "SELECT max(s.user_id) FROM scim_user s JOIN scim_org o ON o.org_id = s.org_id AND o.makes_accounts"
                              " WHERE s.external_id = ? AND s.is_managed AND s.removed_ms IS NULL HAVING count(*) = 1";
    *account_id = 0;
    return !external_id.n || db_get_int(c, account_id, 0, e, sql, db_text(external_id));
}

bool scim_manager_of(struct db_conn *c, int64_t account_id, str *org, struct arena *a, struct err *e)
{
    struct db_query q;
    *org = (str){ 0 };
    if (!db_query(c, &q, e, "SELECT o.name FROM scim_user s JOIN account o ON o.id = s.org_id WHERE s.user_id = ? AND s.is_managed", db_int(account_id))) return false;
    if (db_next(&q, e)) *org = db_col_dup(&q, 0, a);
    return db_end(&q);
}

/* ------------------------------------------------------------------ what is so now */

struct state {
    bool is_there, is_managed, is_closed, is_removed; /* of the row */
    bool is_disabled, is_admin, is_member, is_invited;
    enum account_role role; /* when he comes (back) */
    str external_id;
};

static bool read_state(struct db_conn *tx, int64_t org_id, int64_t user_id, struct state *out, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT s.is_managed, s.is_closed, s.removed_ms IS NOT NULL, a.is_disabled, a.is_admin, m.user_id IS NOT NULL, i.user_id IS NOT NULL, s.role, s.external_id"
                              " FROM scim_user s JOIN account a ON a.id = s.user_id LEFT JOIN account_member m ON m.org_id = s.org_id AND m.user_id = s.user_id"
                              " LEFT JOIN org_invite i ON i.org_id = s.org_id AND i.user_id = s.user_id WHERE s.org_id = ? AND s.user_id = ?";
    struct db_query q;
    *out = (struct state){ 0 };
    if (!db_query(tx, &q, e, sql, db_int(org_id), db_int(user_id))) return false;
    if (db_next(&q, e)) {
        *out = (struct state){ true, db_col_int(&q, 0) != 0, db_col_int(&q, 1) != 0, db_col_int(&q, 2) != 0, db_col_int(&q, 3) != 0, db_col_int(&q, 4) != 0,
                               db_col_int(&q, 5) != 0, db_col_int(&q, 6) != 0, ROLE_NONE, db_col_dup(&q, 8, a) };
        must(account_role_parse(db_col_text(&q, 7), &out->role)); /* the schema lets nothing else in */
    }
    return db_end(&q);
}

static bool noted(struct db_conn *tx, const struct scim_by *by, const char *type, str what, struct err *e)
{
    return audit_add(tx, by->who, type, by->org->id, what, by->ip, e);
}

/* ------------------------------------------------------------------ in and out */

static bool open_managed(struct db_conn *tx, const struct scim_by *by, const struct scim_user *u, const struct state *is, struct err *e)
{
    if (is->is_disabled) {
        if (!is->is_closed) return err_set(e, ERR_DENIED, "The account of %.*s was disabled by the operator of this Hearth, who alone enables it", STR_ARG(u->name));
        if (!need_makes_accounts(tx, by, e) || !account_set_disabled(tx, u->id, false, e)) return false;
    }
    return is->is_member || account_set_member(tx, by->org->id, u->id, is->role, e);
}

static bool close_managed(struct db_conn *tx, const struct scim_by *by, const struct scim_user *u, const struct state *is, struct err *e)
{
    if (!member_keeps_admin(tx, by->org->id, u->id, e)) return false;
    return is->is_disabled || (account_set_disabled(tx, u->id, true, e) &&
                               db_run(tx, e, "UPDATE scim_user SET is_closed = 1 WHERE org_id = ? AND user_id = ?", db_int(by->org->id), db_int(u->id)));
}

static bool ask_in(struct db_conn *tx, const struct scim_by *by, const struct scim_user *u, const struct state *is, struct err *e)
{
    return org_invite_put(tx, by->org->id, u->id, is->role, by->who->user_id, e);
}

static bool put_out(struct db_conn *tx, const struct scim_by *by, const struct scim_user *u, const struct state *is, struct err *e)
{
    static const char keep_role[] = "UPDATE scim_user SET role = (SELECT m.role FROM account_member m WHERE m.org_id = ?1 AND m.user_id = ?2) WHERE org_id = ?1 AND user_id = ?2";
    if (is->is_invited && !org_invite_answer(tx, by->org->id, u->id, false, e)) return false;
    return !is->is_member || (db_run(tx, e, keep_role, db_int(by->org->id), db_int(u->id)) && account_set_member(tx, by->org->id, u->id, ROLE_NONE, e));
}

static bool set_active(struct db_conn *tx, const struct scim_by *by, const struct scim_user *u, bool active, struct arena *a, struct err *e)
{
    struct state is;
    if (!read_state(tx, by->org->id, u->id, &is, a, e)) return false;
    bool was = is.is_managed ? !is.is_disabled && is.is_member : is.is_member || is.is_invited;
    if (was == active) return true;
    if (is.is_managed ? !(active ? open_managed : close_managed)(tx, by, u, &is, e) : !(active ? ask_in : put_out)(tx, by, u, &is, e)) return false;
    str what = arena_fmt(a, "%.*s, by SCIM", STR_ARG(u->name));
    return noted(tx, by, !active ? "org.remove_user" : is.is_managed ? "org.add_user" : "org.invite_user", what, e);
}

/* ------------------------------------------------------------------ what the identity provider says of him */

static str full_name(const struct scim_user *u, struct arena *a) { return str_trim(arena_fmt(a, "%.*s %.*s", STR_ARG(u->given_name), STR_ARG(u->family_name))); }

static bool is_word(str s, size_t most)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f) return false;
    return s.n <= most && str_is_utf8(s);
}

static bool check(const struct scim_user *u, struct arena *a, struct err *e)
{
    struct account as = { .fullname = full_name(u, a), .email = u->email };
    if (!is_word(u->external_id, EXTERNAL_ID_MAX)) return err_set(e, ERR_INVALID, "\"externalId\" has at most %d bytes, without control characters", EXTERNAL_ID_MAX);
    if (!is_word(u->given_name, NAME_PART_MAX) || !is_word(u->family_name, NAME_PART_MAX))
        return err_set(e, ERR_INVALID, "\"name\": each part has at most %d bytes, without control characters", NAME_PART_MAX);
    return profile_check(&as, e);
}

static bool refuse_taken_id(const struct scim_user *u, struct err *e)
{
    return e->code == ERR_CONFLICT ? err_kind(e, ERR_CONFLICT, SCIM_UNIQUENESS, "The externalId \"%.*s\" is another user's of the organisation", STR_ARG(u->external_id)) : false;
}

static bool store_words(struct db_conn *tx, const struct scim_by *by, int64_t id, const struct scim_user *to, struct err *e)
{
    static const char sql[] = "UPDATE scim_user SET external_id = ?, given_name = ?, family_name = ?, email = ?, removed_ms = NULL WHERE org_id = ? AND user_id = ?";
    return db_run(tx, e, sql, db_text_or_null(to->external_id), db_text(to->given_name), db_text(to->family_name), db_text(to->email), db_int(by->org->id), db_int(id)) ||
           refuse_taken_id(to, e);
}

/* A managed account bears them too. */
static bool store_profile(struct db_conn *tx, int64_t id, const struct scim_user *to, struct arena *a, struct err *e)
{
    struct account who;
    if (!account_get(tx, id, &who, a, e)) return false;
    str name = full_name(to, a);
    who.fullname = name.n ? name : who.name;
    who.email = to->email.n ? to->email : (str){ 0 };
    return account_update(tx, &who, e);
}

/* ------------------------------------------------------------------ made */

static bool insert(struct db_conn *tx, const struct scim_by *by, enum scim_kind kind, int64_t id, const struct scim_user *in, struct err *e)
{
    static const char sql[] = "INSERT INTO scim_user (org_id, user_id, is_managed, external_id, given_name, family_name, email, role, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    struct scim_org s;
    int64_t n;
    if (!scim_org_get(tx, by->org->id, &s, e) || !db_get_int(tx, &n, 0, e, "SELECT count(*) FROM scim_user WHERE org_id = ?", db_int(by->org->id))) return false;
    if (n >= SCIM_USERS_MAX) return err_set(e, ERR_DENIED, "An organisation has at most %d users by SCIM", SCIM_USERS_MAX);
    return db_run(tx, e, sql, db_int(by->org->id), db_int(id), db_int(kind), db_text_or_null(in->external_id), db_text(in->given_name), db_text(in->family_name),
                  db_text(in->email), db_text(account_role_name(s.role)), db_int(clock_now_ms())) || refuse_taken_id(in, e);
}

static bool taken(str name, struct err *e) { return err_kind(e, ERR_CONFLICT, SCIM_UNIQUENESS, "The userName \"%.*s\" is taken", STR_ARG(name)); }

/* An account that was there is left alone, but for one of the organisation's own that was closed, when the same person comes back. */
static bool come_back(struct db_conn *tx, const struct scim_by *by, const struct scim_user *in, const struct account *who, struct arena *a, struct err *e)
{
    struct state is;
    if (!read_state(tx, by->org->id, who->id, &is, a, e)) return false;
    bool is_active = is.is_there && !is.is_removed && !is.is_disabled && is.is_member;
    bool is_same = is.is_there && is.is_managed && !is.is_admin && in->external_id.p && is.external_id.p && str_eq(in->external_id, is.external_id);
    return (is_same && !is_active) || taken(in->name, e);
}

static bool make_managed(struct db_conn *tx, const struct scim_by *by, const struct scim_user *in, struct account *who, struct arena *a, struct err *e)
{
    struct scim_org s;
    if (!account_create(tx, ACCOUNT_USER, in->name, false, who, a, e)) return e->code == ERR_CONFLICT ? taken(in->name, e) : false;
    return scim_org_get(tx, by->org->id, &s, e) && insert(tx, by, SCIM_MANAGED, who->id, in, e) && account_set_member(tx, by->org->id, who->id, s.role, e) &&
           noted(tx, by, "org.add_user", arena_fmt(a, "%.*s, a new account by SCIM", STR_ARG(who->name)), e);
}

static bool create_managed(struct db_conn *tx, const struct scim_by *by, const struct scim_user *in, int64_t *id, struct arena *a, struct err *e)
{
    struct account who;
    bool found;
    if (!need_makes_accounts(tx, by, e) || !account_find(tx, in->name, &who, &found, a, e)) return false;
    if (found ? !come_back(tx, by, in, &who, a, e) : !make_managed(tx, by, in, &who, a, e)) return false;
    *id = who.id;
    return store_words(tx, by, who.id, in, e) && store_profile(tx, who.id, in, a, e);
}

static bool create_invited(struct db_conn *tx, const struct scim_by *by, const struct scim_user *in, int64_t *id, struct arena *a, struct err *e)
{
    struct account who;
    struct state is;
    bool found;
    if (!account_find(tx, in->name, &who, &found, a, e)) return false;
    if (!found || who.kind != ACCOUNT_USER || who.is_disabled) return err_set(e, ERR_NOT_FOUND, "There is no user \"%.*s\"", STR_ARG(str_to(in->name, 100)));
    if (!read_state(tx, by->org->id, who.id, &is, a, e)) return false;
    if (is.is_there && (is.is_managed || is.is_member || is.is_invited)) return taken(in->name, e);
    *id = who.id;
    return is.is_there ? store_words(tx, by, who.id, in, e) : insert(tx, by, SCIM_INVITED, who.id, in, e);
}

static bool get(struct db_conn *tx, const struct scim_by *by, enum scim_kind kind, int64_t id, struct scim_user *out, struct arena *a, struct err *e)
{
    struct account who;
    bool found;
    if (!account_get(tx, id, &who, a, e) || !scim_user_find(tx, by->org->id, kind, who.hex_id, out, &found, a, e)) return false;
    must(found);
    return true;
}

bool scim_user_create(struct db_conn *tx, const struct scim_by *by, enum scim_kind kind, const struct scim_user *in, struct scim_user *out,
                      struct arena *a, struct err *e)
{
    int64_t id;
    if (!check(in, a, e) || !(kind == SCIM_MANAGED ? create_managed : create_invited)(tx, by, in, &id, a, e) || !get(tx, by, kind, id, out, a, e)) return false;
    return set_active(tx, by, out, in->is_active, a, e) && get(tx, by, kind, id, out, a, e);
}

/* ------------------------------------------------------------------ changed, removed */

static bool same(str x, str y) { return (x.p != NULL) == (y.p != NULL) && str_eq(x, y); }

/* Whoever administers this Hearth is no organisation's to change. */
static bool may_manage(struct db_conn *tx, const struct scim_by *by, const struct scim_user *u, struct arena *a, struct err *e)
{
    struct state is;
    return read_state(tx, by->org->id, u->id, &is, a, e) &&
           (!is.is_admin || err_set(e, ERR_DENIED, "%.*s is an administrator of this Hearth, whom SCIM does not change", STR_ARG(u->name)));
}

bool scim_user_update(struct db_conn *tx, const struct scim_by *by, enum scim_kind kind, const struct scim_user *was, const struct scim_user *to,
                      struct arena *a, struct err *e)
{
    struct scim_user next = *to;
    if (kind == SCIM_MANAGED && !str_eq_nocase(was->name, to->name))
        return err_kind(e, ERR_INVALID, SCIM_MUTABILITY, "The userName of %.*s stays as it is: what it has made is found by it", STR_ARG(was->name));
    if (kind == SCIM_MANAGED && !may_manage(tx, by, was, a, e)) return false;
    if (kind == SCIM_INVITED) next.given_name = was->given_name, next.family_name = was->family_name, next.email = was->email;
    bool is_other = !same(was->external_id, next.external_id) || !str_eq(was->given_name, next.given_name) || !str_eq(was->family_name, next.family_name) || !str_eq(was->email, next.email);
    if (is_other && !(check(&next, a, e) && store_words(tx, by, was->id, &next, e) && noted(tx, by, "scim.user.update", was->name, e))) return false;
    if (kind == SCIM_MANAGED && !store_profile(tx, was->id, &next, a, e)) return false; /* the person may have changed it since */
    return set_active(tx, by, was, to->is_active, a, e);
}

/* The account stays, closed: what it has made is its own, and nobody else gets its name. */
static bool remove_managed(struct db_conn *tx, const struct scim_by *by, const struct scim_user *u, struct arena *a, struct err *e)
{
    static const char gone[] = "UPDATE scim_user SET removed_ms = ? WHERE org_id = ? AND user_id = ?";
    struct state is;
    if (!may_manage(tx, by, u, a, e) || !read_state(tx, by->org->id, u->id, &is, a, e) || !close_managed(tx, by, u, &is, e)) return false;
    return token_revoke_all(tx, u->id, e) && (!is.is_member || account_set_member(tx, by->org->id, u->id, ROLE_NONE, e)) &&
           db_run(tx, e, "DELETE FROM scim_group_member WHERE org_id = ? AND user_id = ?", db_int(by->org->id), db_int(u->id)) &&
           db_run(tx, e, gone, db_int(clock_now_ms()), db_int(by->org->id), db_int(u->id));
}

static bool remove_invited(struct db_conn *tx, const struct scim_by *by, const struct scim_user *u, struct arena *a, struct err *e)
{
    struct state is;
    return read_state(tx, by->org->id, u->id, &is, a, e) && put_out(tx, by, u, &is, e) &&
           db_run(tx, e, "DELETE FROM scim_user WHERE org_id = ? AND user_id = ?", db_int(by->org->id), db_int(u->id));
}

bool scim_user_remove(struct db_conn *tx, const struct scim_by *by, enum scim_kind kind, const struct scim_user *u, struct arena *a, struct err *e)
{
    return (kind == SCIM_MANAGED ? remove_managed : remove_invited)(tx, by, u, a, e) &&
           noted(tx, by, "org.remove_user", arena_fmt(a, "%.*s, deleted by SCIM", STR_ARG(u->name)), e);
}
