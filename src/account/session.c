/* account/session.c - browsers that have signed in.
 *
 * A session is a secret of 43 random letters and digits (256 bits) in a cookie; stored is its SHA-256, as of a token.
 * It ends two weeks after the browser was last here (to the day: once a day it is renewed), and three months after it
 * began in any case.  What a form must
 * carry beside the cookie is derived from the secret, so that it needs no place of its own: who can read the page can
 * send the form, and who can only make a browser send cookies cannot. */
#include "account/account_priv.h"

#include "base/clock.h"
#include "db/credentials.h"

enum { BROWSER_MAX = 200 };
static const int64_t day_ms = 86400000, idle_days = 14, life_days = 90;

static bool session_hash(str secret, struct sha256 *out)
{
    if (secret.n != SESSION_SECRET) return false;
    *out = sha256_of(bytes_of(secret));
    return true;
}

bool session_begin(struct db_conn *tx, int64_t account_id, str browser, char secret[SESSION_SECRET + 1], struct err *e)
{
    static const char sql[] = "INSERT INTO account_session (account_id, hash, browser, created_ms, expires_ms)"
                              " VALUES (?, ?, ?, ?, ?)";
    struct sha256 hash;
    int64_t now = clock_now_ms();
    browser = str_to(browser, BROWSER_MAX);
    random_alnum(secret, SESSION_SECRET);
    must(session_hash(str_c(secret), &hash));
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM account_session WHERE expires_ms <= ?", db_int(now)) &&
              db_run(tx, e, sql, db_int(account_id), db_sha256(&hash), db_text(str_is_utf8(browser) ? browser : STR("")),
                     db_int(now), db_int(now + idle_days * day_ms));
    db_credentials_end(tx);
    return ok;
}

bool identity_from_session(struct db_conn *c, str secret, struct identity *out, bool *found, bool *is_old, struct arena *a,
                           struct err *e)
{
    static const char sql[] =
        "SELECT a.id, a.name, a.is_admin, s.created_ms, s.expires_ms FROM account_session s JOIN account a ON a.id = s.account_id"
        " WHERE s.hash = ? AND s.expires_ms > ? AND NOT a.is_disabled";
    struct db_query q;
    struct sha256 hash;
    int64_t now = clock_now_ms();
    *out = (struct identity){ 0 };
    *found = *is_old = false;
    if (!session_hash(secret, &hash)) return true;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, sql, db_sha256(&hash), db_int(now));
    if (ok) {
        *found = db_next(&q, e);
        if (*found) {
            *out = (struct identity){ .user_id = db_col_int(&q, 0), .name = db_col_dup(&q, 1, a), .is_admin = db_col_int(&q, 2) != 0 };
            *is_old = db_col_int(&q, 4) - now < (idle_days - 1) * day_ms && now - db_col_int(&q, 3) < (life_days - idle_days) * day_ms;
        }
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

bool session_renew(struct db *d, str secret, struct err *e)
{
    struct sha256 hash;
    struct db_conn *tx;
    if (!session_hash(secret, &hash)) return true;
    if (!db_begin(d, &tx, e)) return false;
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "UPDATE account_session SET expires_ms = ? WHERE hash = ?",
                     db_int(clock_now_ms() + idle_days * day_ms), db_sha256(&hash));
    db_credentials_end(tx);
    return db_finish(d, tx, ok, e);
}

bool session_end(struct db_conn *tx, str secret, struct err *e)
{
    struct sha256 hash;
    if (!session_hash(secret, &hash)) return true;
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM account_session WHERE hash = ?", db_sha256(&hash));
    db_credentials_end(tx);
    return ok;
}

bool session_end_others(struct db_conn *tx, int64_t account_id, str secret, struct err *e)
{
    struct sha256 hash = { 0 };
    (void)session_hash(secret, &hash);
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM account_session WHERE account_id = ? AND hash <> ?", db_int(account_id), db_sha256(&hash));
    db_credentials_end(tx);
    return ok;
}

bool session_list(struct db_conn *c, int64_t account_id, str secret, struct arena *a, struct session **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT id, created_ms, expires_ms, browser, hash = ? FROM account_session WHERE account_id = ? AND expires_ms > ? ORDER BY id DESC";
    struct db_query q;
    struct sha256 hash = { 0 };
    (void)session_hash(secret, &hash);
    *out = NULL;
    *n = 0;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, sql, db_sha256(&hash), db_int(account_id), db_int(clock_now_ms()));
    if (ok) {
        while (db_next(&q, e)) {
            *out = arena_grow(a, *out, *n, sizeof **out);
            (*out)[(*n)++] = (struct session){ .id = db_col_int(&q, 0), .created_ms = db_col_int(&q, 1), .seen_ms = db_col_int(&q, 2) - idle_days * day_ms,
                                               .browser = db_col_dup(&q, 3, a), .is_this = db_col_int(&q, 4) != 0 };
        }
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

bool session_end_one(struct db_conn *tx, int64_t account_id, int64_t id, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM account_session WHERE account_id = ? AND id = ?", db_int(account_id), db_int(id));
    db_credentials_end(tx);
    return ok;
}

void session_form_token(str secret, char out[SESSION_FORM_TOKEN + 1])
{
    struct sha256 mac;
    hmac_sha256(bytes_of(secret), bytes_of(STR("form")), &mac);
    hex_encode((bytes){ mac.b, SESSION_FORM_TOKEN / 2 }, out);
}

bool session_form_token_is(str secret, str given)
{
    char want[SESSION_FORM_TOKEN + 1];
    session_form_token(secret, want);
    return given.n == SESSION_FORM_TOKEN && bytes_eq_secret(bytes_of(given), bytes_of(str_c(want)));
}
