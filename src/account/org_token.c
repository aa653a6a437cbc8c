/* account/org_token.c - see account/org_token.h. */
#include "account/org_token.h"

#include "account/account_priv.h"
#include "base/clock.h"
#include "db/credentials.h"

/* Does a fine-grained token name the organisation, or something in it? */
static bool names(const struct token *t, str org, struct arena *a)
{
    struct json *scopes;
    struct err ignored;
    if (t->role != TOKEN_FINE_GRAINED) return true;
    if (!json_parse(t->scopes, a, &scopes, &ignored)) return false;
    json_each (s, json_get(scopes, STR("scoped"))) {
        str name = json_str_or(json_get(s, STR("entity")), STR("name"), STR(""));
        size_t slash = str_chr(name, '/');
        if (str_eq_nocase(slash == STR_NONE ? name : str_to(name, slash), org)) return true;
    }
    return false;
}

bool org_token_list(struct db_conn *c, const struct account *org, int64_t before_id, size_t limit, struct arena *a, struct org_token **out,
                    size_t *n, int64_t *next, struct err *e)
{
    static const char sql[] =
        "SELECT " TOKEN_COLUMNS ", u.name, r.revoked_ms FROM account_member m JOIN account u ON u.id = m.user_id"
        " JOIN account_token t ON t.account_id = u.id AND t.authorization_id IS NULL"
        " LEFT JOIN org_token_revoked r ON r.token_id = t.id AND r.org_id = ?1"
        " WHERE m.org_id = ?1 AND (?2 = 0 OR t.id < ?2) AND (t.expires_ms IS NULL OR t.expires_ms > ?3) ORDER BY t.id DESC LIMIT ?4";
    struct db_query q;
    size_t rows = 0;
    int64_t last = 0;
    bool ok = false;
    *out = arena_alloc(a, (limit + 1) * sizeof **out);
    *n = 0;
    *next = 0;
    db_credentials_begin(c);
    if (!db_query(c, &q, e, sql, db_int(org->id), db_int(before_id), db_int(clock_now_ms()), db_int((int64_t)limit + 1))) goto done;
    while (db_next(&q, e)) {
        struct org_token *o = &(*out)[*n];
        if (rows++ == limit) {
            *next = last;
            continue;
        }
        token_read(&q, 0, &o->token, a);
        last = o->token.id;
        o->owner = db_col_dup(&q, TOKEN_COLUMNS_COUNT, a);
        o->revoked_ms = db_col_int(&q, TOKEN_COLUMNS_COUNT + 1);
        if (names(&o->token, org->name, a)) ++*n;
    }
    ok = db_end(&q);
done:
    db_credentials_end(c);
    return ok;
}

/* A member's, or a service account's: whether others exist is nobody's business here. */
#define TOKEN_OF_MEMBER                                                                                              \
    " FROM account_token t JOIN account_member m ON m.user_id = t.account_id AND m.org_id = ?1 WHERE t.hex_id = ?2" \
    " AND t.authorization_id IS NULL"

static bool find(struct db_conn *tx, int64_t org_id, str hex_id, bool *found, struct err *e)
{
    int64_t n;
    bool ok = db_get_int(tx, &n, 0, e, "SELECT count(*)" TOKEN_OF_MEMBER, db_int(org_id), db_text(hex_id));
    *found = ok && n > 0;
    return ok;
}

bool org_token_revoke(struct db_conn *tx, int64_t org_id, str hex_id, bool *found, struct err *e)
{
    static const char sql[] = "INSERT INTO org_token_revoked (token_id, org_id, revoked_ms) SELECT t.id, ?1, ?3" TOKEN_OF_MEMBER
                              " ON CONFLICT (token_id, org_id) DO NOTHING";
    db_credentials_begin(tx);
    bool ok = find(tx, org_id, hex_id, found, e) && (!*found || db_run(tx, e, sql, db_int(org_id), db_text(hex_id), db_int(clock_now_ms())));
    db_credentials_end(tx);
    return ok;
}

bool org_token_let_in(struct db_conn *tx, int64_t org_id, str hex_id, bool *found, struct err *e)
{
    static const char sql[] = "DELETE FROM org_token_revoked WHERE org_id = ?1 AND token_id = (SELECT t.id" TOKEN_OF_MEMBER ")";
    db_credentials_begin(tx);
    bool ok = find(tx, org_id, hex_id, found, e) && (!*found || db_run(tx, e, sql, db_int(org_id), db_text(hex_id)));
    db_credentials_end(tx);
    return ok;
}

bool org_token_is_revoked(struct db_conn *c, const struct identity *who, int64_t org_id, bool *yes, struct err *e)
{
    int64_t n = 0;
    *yes = false;
    if (!who->via_token) return true;
    if (!db_get_int(c, &n, 0, e, "SELECT count(*) FROM org_token_revoked WHERE token_id = ? AND org_id = ?", db_int(who->token.id), db_int(org_id)))
        return false;
    *yes = n > 0;
    return true;
}
