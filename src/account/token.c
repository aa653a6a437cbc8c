/* account/token.c - access tokens: made once, shown once, kept as SHA-256.
 *
 * A slow hash would buy nothing: a token made here has about 200 random bits.  Looking up by hash leaks no prefix of
 * a token through timing, because what is compared is the digest. */
#include "account/account_priv.h"

#include "base/clock.h"
#include "db/credentials.h"

enum { SECRET_MIN = 20, SECRET_MAX = 256, LABEL_MAX = 100, SCOPES_MAX = 64 << 10 };

static const str role_name[] = { STR_INIT("read"), STR_INIT("write"), STR_INIT("admin"), STR_INIT("fineGrained") };

str token_role_name(enum token_role r) { return role_name[r]; }

bool token_role_parse(str s, enum token_role *out)
{
    for (size_t i = 0; i < COUNT(role_name); i++) {
        if (!str_eq(s, role_name[i])) continue;
        *out = (enum token_role)i;
        return true;
    }
    return false;
}

bool token_hash(str text, struct sha256 *out)
{
    if (text.n < SECRET_MIN || text.n > SECRET_MAX || !str_starts(text, STR("hf_"))) return false;
    for (size_t i = 3; i < text.n; i++) {
        char c = text.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')) return false;
    }
    *out = sha256_of(bytes_of(text));
    return true;
}

void token_read(struct db_query *q, int from, struct token *out, struct arena *a)
{
    *out = (struct token){
        .id = db_col_int(q, from),
        .account_id = db_col_int(q, from + 1),
        .hex_id = db_col_dup(q, from + 2, a),
        .label = db_col_dup(q, from + 3, a),
        .last4 = db_col_dup(q, from + 4, a),
        .scopes = db_col_dup(q, from + 5, a),
        .created_ms = db_col_int(q, from + 7),
        .expires_ms = db_col_int(q, from + 8),
        .used_ms = db_col_int(q, from + 9),
    };
    must(token_role_parse(db_col_text(q, from + 6), &out->role)); /* the schema lets nothing else in */
}

static bool check_label(str label, struct err *e)
{
    return (label.n && label.n <= LABEL_MAX && str_is_utf8(label)) || err_set(e, ERR_INVALID, "a token's name has 1 to %d bytes of UTF-8", LABEL_MAX);
}

static bool check_scopes(str scopes, struct arena *a, struct err *e)
{
    struct json *v;
    if (scopes.n > SCOPES_MAX) return err_set(e, ERR_TOO_LARGE, "a token's scopes take at most %d bytes", SCOPES_MAX);
    if (!json_parse(scopes, a, &v, e)) return err_context(e, "scopes");
    if (!json_is(v, JSON_OBJECT)) return err_set(e, ERR_INVALID, "a token's scopes are a JSON object");
    return true;
}

static str fresh_secret(struct arena *a)
{
    char *fresh = arena_alloc(a, ACCESS_TOKEN_BYTES + 1);
    memcpy(fresh, "hf_", 3);
    random_alnum(fresh + 3, ACCESS_TOKEN_BYTES - 3);
    return str_n(fresh, ACCESS_TOKEN_BYTES);
}

bool token_create(struct db_conn *tx, int64_t account_id, enum token_role role, str label, str scopes, int64_t expires_ms,
                  str secret, struct token *out, str *text, struct arena *a, struct err *e)
{
    static const char sql[] =
        "INSERT INTO account_token (hex_id, account_id, hash, label, role, scopes, last4, created_ms, expires_ms)"
        " SELECT ?1, id, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM account WHERE id = ?9 AND kind = 'user'"
        " AND (service_of IS NULL OR ?4 = 'fineGrained')";
    struct sha256 hash;
    char hex_id[25];
    int64_t now = clock_now_ms();

    if (!secret.p) secret = fresh_secret(a);
    if (role != TOKEN_FINE_GRAINED || !scopes.n) scopes = STR("{}");
    if (!check_label(label, e) || (role == TOKEN_FINE_GRAINED && !check_scopes(scopes, a, e))) return false;
    if (!token_hash(secret, &hash))
        return err_set(e, ERR_INVALID, "a token is \"hf_\" and %d to %d letters, digits or _", SECRET_MIN - 3, SECRET_MAX - 3);
    random_hex(hex_id, 24);

    db_credentials_begin(tx);
    bool ok = db_run(tx, e, sql, db_text(str_c(hex_id)), db_sha256(&hash), db_text(label),
                     db_text(token_role_name(role)), db_text(scopes), db_text(str_from(secret, secret.n - 4)), db_int(now),
                     expires_ms ? db_int(expires_ms) : db_null(), db_int(account_id));
    db_credentials_end(tx);
    if (!ok) return e->code == ERR_CONFLICT ? err_set(e, ERR_CONFLICT, "this token is registered already") : false;
    if (db_changes(tx) != 1) return err_set(e, ERR_INVALID, "tokens belong to users, and those of service accounts are fine-grained");

    *text = arena_dup(a, secret);
    *out = (struct token){
        .id = db_last_id(tx), .account_id = account_id, .hex_id = arena_dup(a, str_c(hex_id)), .label = arena_dup(a, label),
        .last4 = str_from(*text, text->n - 4), .scopes = arena_dup(a, scopes), .role = role, .created_ms = now,
        .expires_ms = expires_ms,
    };
    return true;
}

bool token_list(struct db_conn *c, int64_t account_id, struct arena *a, struct token **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT " TOKEN_COLUMNS " FROM account_token t WHERE t.account_id = ? AND t.authorization_id IS NULL ORDER BY t.id";
    struct db_query q;
    bool ok = false;
    *out = NULL;
    *n = 0;
    db_credentials_begin(c);
    if (!db_query(c, &q, e, sql, db_int(account_id))) goto done;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        token_read(&q, 0, &(*out)[(*n)++], a);
    }
    ok = db_end(&q);
done:
    db_credentials_end(c);
    return ok;
}

bool token_ending(struct db_conn *c, int64_t from_ms, int64_t until_ms, struct arena *a, struct token_end **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT o.name, " TOKEN_COLUMNS " FROM account_token t JOIN account o ON o.id = t.account_id"
                              " WHERE t.expires_ms > ? AND t.expires_ms <= ? AND t.authorization_id IS NULL AND o.is_disabled = 0 ORDER BY t.expires_ms, t.id";
    struct db_query q;
    *out = NULL;
    *n = 0;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, sql, db_int(from_ms), db_int(until_ms));
    if (ok) {
        while (db_next(&q, e)) {
            *out = arena_grow(a, *out, *n, sizeof **out);
            struct token_end *at = &(*out)[(*n)++];
            at->account = db_col_dup(&q, 0, a);
            token_read(&q, 1, &at->token, a);
        }
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

bool token_change(struct db_conn *tx, int64_t account_id, str hex_id, str label, str scopes, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "UPDATE account_token SET label = ?, scopes = ? WHERE account_id = ? AND hex_id = ? AND role = 'fineGrained'"
                              " AND authorization_id IS NULL";
    if (!check_label(label, e) || !check_scopes(scopes, a, e)) return false;
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, sql, db_text(label), db_text(scopes), db_int(account_id), db_text(hex_id));
    db_credentials_end(tx);
    *found = ok && db_changes(tx) > 0;
    return ok;
}

bool token_rotate(struct db_conn *tx, int64_t account_id, str hex_id, str *text, bool *found, struct arena *a, struct err *e)
{
    /* A row of its own: what was made with the old secret names the old row. */
    static const char copy[] = "INSERT INTO account_token (hex_id, account_id, hash, label, role, scopes, last4, created_ms, expires_ms)"
                               " SELECT ?, account_id, ?, label, role, scopes, ?, ?, expires_ms FROM account_token"
                               " WHERE account_id = ? AND hex_id = ? AND authorization_id IS NULL";
    static const char keep_out[] = "INSERT INTO org_token_revoked (token_id, org_id, revoked_ms) SELECT made.id, r.org_id, r.revoked_ms FROM account_token t"
                                   " JOIN org_token_revoked r ON r.token_id = t.id JOIN account_token made ON made.hex_id = ?2 WHERE t.hex_id = ?1";
    struct sha256 hash;
    char other_hex[25];
    *text = fresh_secret(a);
    must(token_hash(*text, &hash));
    random_hex(other_hex, 24);
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, copy, db_text(str_c(other_hex)), db_sha256(&hash), db_text(str_from(*text, text->n - 4)),
                     db_int(clock_now_ms()), db_int(account_id), db_text(hex_id));
    *found = ok && db_changes(tx) > 0;
    if (*found)
        ok = db_run(tx, e, keep_out, db_text(hex_id), db_text(str_c(other_hex))) && db_run(tx, e, "DELETE FROM account_token WHERE hex_id = ?", db_text(hex_id)) &&
             db_run(tx, e, "UPDATE account_token SET hex_id = ? WHERE hex_id = ?", db_text(hex_id), db_text(str_c(other_hex)));
    db_credentials_end(tx);
    return ok;
}

bool token_revoke(struct db_conn *tx, int64_t account_id, str hex_id, bool *found, struct err *e)
{
    static const char sql[] = "DELETE FROM account_token WHERE account_id = ? AND hex_id = ?";
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, sql, db_int(account_id), db_text(hex_id));
    db_credentials_end(tx);
    *found = ok && db_changes(tx) > 0;
    return ok;
}

bool token_revoke_all(struct db_conn *tx, int64_t account_id, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM oauth_authorization WHERE user_id = ?", db_int(account_id)) &&
              db_run(tx, e, "DELETE FROM account_token WHERE account_id = ?", db_int(account_id));
    db_credentials_end(tx);
    return ok;
}

bool token_revoke_secret(struct db_conn *tx, str secret, bool *found, struct err *e)
{
    static const char sql[] = "DELETE FROM account_token WHERE hash = ?";
    struct sha256 hash;
    *found = false;
    if (!token_hash(secret, &hash)) return true;
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, sql, db_sha256(&hash));
    db_credentials_end(tx);
    *found = ok && db_changes(tx) > 0;
    return ok;
}
