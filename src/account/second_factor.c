/* account/second_factor.c - see account/second_factor.h. */
#include "account/second_factor.h"

#include "account/account_priv.h"
#include "account/totp.h"
#include "base/clock.h"
#include "base/hash.h"
#include "db/credentials.h"

enum { RECOVERY_BYTES = 10 };

bool second_factor_find(struct db_conn *c, int64_t account_id, struct second_factor *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT sealed, used_step, created_ms, (SELECT count(*) FROM account_recovery_code r WHERE r.account_id = f.account_id)"
                              " FROM account_second_factor f WHERE account_id = ?";
    struct db_query q;
    *found = false;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, sql, db_int(account_id));
    if (ok) {
        *found = db_next(&q, e);
        if (*found)
            *out = (struct second_factor){ bytes_of(arena_dup(a, str_of(db_col_blob(&q, 0)))), db_col_int(&q, 1), db_col_int(&q, 2), db_col_int(&q, 3) };
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

bool second_factor_put(struct db_conn *tx, int64_t account_id, bytes sealed, int64_t used_step, struct err *e)
{
    static const char sql[] = "INSERT INTO account_second_factor (account_id, sealed, used_step, created_ms) VALUES (?, ?, ?, ?)";
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, sql, db_int(account_id), db_blob(sealed), db_int(used_step), db_int(clock_now_ms()));
    db_credentials_end(tx);
    if (!ok && e->code == ERR_CONFLICT) err_set(e, ERR_CONFLICT, "The second factor is on already");
    return ok && member_weigh_factor(tx, account_id, e);
}

bool second_factor_remove(struct db_conn *tx, int64_t account_id, bool *found, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM account_second_factor WHERE account_id = ?", db_int(account_id));
    *found = ok && db_changes(tx) > 0;
    db_credentials_end(tx);
    return ok && member_weigh_factor(tx, account_id, e);
}

bool second_factor_count(struct db_conn *c, int64_t *n, struct err *e)
{
    db_credentials_begin(c);
    bool ok = db_get_int(c, n, 0, e, "SELECT count(*) FROM account_second_factor");
    db_credentials_end(c);
    return ok;
}

bool second_factor_use(struct db_conn *tx, int64_t account_id, int64_t step, bool *fresh, struct err *e)
{
    static const char sql[] = "UPDATE account_second_factor SET used_step = ?2 WHERE account_id = ?1 AND used_step < ?2";
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, sql, db_int(account_id), db_int(step));
    *fresh = ok && db_changes(tx) > 0;
    db_credentials_end(tx);
    return ok;
}

/* ------------------------------------------------------------------ recovery codes */

bool recovery_codes_make(struct db_conn *tx, int64_t account_id, str out[RECOVERY_CODES], struct arena *a, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM account_recovery_code WHERE account_id = ?", db_int(account_id));
    for (size_t i = 0; i < RECOVERY_CODES && ok; i++) {
        uint8_t code[RECOVERY_BYTES];
        struct buf text = BUF_INIT(0);
        random_bytes(code, sizeof code);
        struct sha256 hash = sha256_of((bytes){ code, sizeof code });
        ok = db_run(tx, e, "INSERT INTO account_recovery_code (account_id, hash) VALUES (?, ?)", db_int(account_id), db_sha256(&hash));
        buf_base32(&text, (bytes){ code, sizeof code });
        out[i] = arena_dup(a, buf_str(&text));
        buf_deinit(&text);
    }
    db_credentials_end(tx);
    return ok;
}

bool recovery_code_use(struct db_conn *tx, int64_t account_id, str code, bool *right, struct err *e)
{
    uint8_t b[RECOVERY_BYTES];
    *right = false;
    if (!base32_decode(code, b, sizeof b)) return true;
    struct sha256 hash = sha256_of((bytes){ b, sizeof b });
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM account_recovery_code WHERE account_id = ? AND hash = ?", db_int(account_id), db_sha256(&hash));
    *right = ok && db_changes(tx) > 0;
    db_credentials_end(tx);
    return ok;
}

/* ------------------------------------------------------------------ half a session: "ID-UNTIL-MAC", nothing stored */

static bool seal(struct db *d, struct db_conn *c, int64_t account_id, int64_t until_ms, struct account *who, bool *found, char mac[SHA256_HEX + 1],
                 struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " ACCOUNT_COLUMNS ", p.hash, f.created_ms FROM account a JOIN account_password p ON p.account_id = a.id"
                              " JOIN account_second_factor f ON f.account_id = a.id WHERE a.id = ? AND NOT a.is_disabled";
    uint8_t key[32];
    struct sha256 value;
    struct db_query q;
    str signed_text = { 0 };
    bool ok = false;
    *found = false;
    if (!signing_key(d, "half session", key, e)) return false;
    db_credentials_begin(c);
    if (!db_query(c, &q, e, sql, db_int(account_id))) goto done;
    *found = db_next(&q, e);
    if (*found) {
        account_read(&q, who, a);
        str password = db_col_text(&q, ACCOUNT_COLUMNS_COUNT);
        signed_text = arena_fmt(a, "%lld\n%lld\n%lld\n%.*s", (long long)account_id, (long long)until_ms,
                                (long long)db_col_int(&q, ACCOUNT_COLUMNS_COUNT + 1), STR_ARG(password));
    }
    ok = db_end(&q);
done:
    db_credentials_end(c);
    hmac_sha256((bytes){ key, sizeof key }, bytes_of(signed_text), &value);
    hex_encode((bytes){ value.b, sizeof value.b }, mac);
    return ok;
}

bool half_session_make(struct db *d, struct db_conn *c, int64_t account_id, str *out, struct arena *a, struct err *e)
{
    char mac[SHA256_HEX + 1];
    struct account who;
    bool found;
    int64_t until_ms = clock_now_ms() + HALF_SESSION_S * 1000;
    if (!seal(d, c, account_id, until_ms, &who, &found, mac, a, e)) return false;
    if (!found) return err_set(e, ERR_CONFLICT, "The account has changed meanwhile; sign in again");
    *out = arena_fmt(a, "%lld-%lld-%s", (long long)account_id, (long long)until_ms, mac);
    return true;
}

bool half_session_read(struct db *d, struct db_conn *c, str text, struct account *out, bool *found, struct arena *a, struct err *e)
{
    char mac[SHA256_HEX + 1];
    str id, until, rest = text;
    int64_t account_id, until_ms;
    *found = false;
    if (text.n > 120 || !str_cut(&rest, '-', &id) || !str_cut(&rest, '-', &until) || !str_i64(id, &account_id) || !str_i64(until, &until_ms)) return true;
    if (until_ms <= clock_now_ms()) return true;
    if (!seal(d, c, account_id, until_ms, out, found, mac, a, e)) return false;
    *found = *found && bytes_eq_secret(bytes_of(rest), bytes_of(str_c(mac)));
    return true;
}
