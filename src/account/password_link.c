/* account/password_link.c - a link that an administrator hands out, with which its receiver chooses a password.
 *
 * It is a signature over the account, the end of its validity, who made it, and the hash of the password that there is now: so
 * it works once, and not any more when the password was changed meanwhile, or when its maker administers no longer.
 * Nothing is stored. */
#include "account/account_priv.h"

#include "base/clock.h"
#include "base/hash.h"
#include "db/credentials.h"

enum { LINK_MS = 24 * 3600 * 1000 };

static bool sign(struct db *d, struct db_conn *c, int64_t account_id, int64_t until_ms, int64_t made_by, char out[65], struct arena *a,
                 struct err *e)
{
    static const char sql[] = "SELECT hash FROM account_password WHERE account_id = ?";
    uint8_t key[32];
    struct sha256 mac;
    struct db_query q;
    str hash = STR("");
    bool ok = false;
    if (!signing_key(d, "passwords", key, e)) return false;
    db_credentials_begin(c);
    if (!db_query(c, &q, e, sql, db_int(account_id))) goto done;
    if (db_next(&q, e)) hash = db_col_dup(&q, 0, a);
    ok = db_end(&q);
done:
    db_credentials_end(c);
    if (!ok) return false;
    str text = arena_fmt(a, "%lld\n%lld\n%lld\n%.*s", (long long)account_id, (long long)until_ms, (long long)made_by, STR_ARG(hash));
    hmac_sha256((bytes){ key, sizeof key }, bytes_of(text), &mac);
    hex_encode((bytes){ mac.b, sizeof mac.b }, out);
    return true;
}

bool password_link_make(struct db *d, struct db_conn *c, int64_t account_id, int64_t made_by, str *out, struct arena *a, struct err *e)
{
    char hex[65];
    int64_t until_ms = clock_now_ms() + LINK_MS;
    if (!sign(d, c, account_id, until_ms, made_by, hex, a, e)) return false;
    *out = arena_fmt(a, "%lld-%lld-%lld-%s", (long long)account_id, (long long)until_ms, (long long)made_by, hex);
    return true;
}

bool password_link_read(struct db *d, struct db_conn *c, str link, struct account *out, struct arena *a, struct err *e)
{
    char hex[65];
    str rest = link, id, until, by;
    int64_t account_id, until_ms, made_by;
    struct account maker;
    bool is_well_formed = link.n <= 140 && str_cut(&rest, '-', &id) && str_cut(&rest, '-', &until) && str_cut(&rest, '-', &by) && rest.n == 64 &&
                          str_i64(id, &account_id) && str_i64(until, &until_ms) && str_i64(by, &made_by);
    if (!is_well_formed || until_ms < clock_now_ms()) return err_set(e, ERR_NOT_FOUND, "This link is not valid any more: ask for another one");
    if (!sign(d, c, account_id, until_ms, made_by, hex, a, e)) return false;
    struct err ignored;
    if (!bytes_eq_secret(bytes_of(rest), bytes_of(str_c(hex))) || !account_get(c, account_id, out, a, &ignored) || out->is_disabled || !account_get(c, made_by, &maker, a, &ignored) ||
        !maker.is_admin || maker.is_disabled)
        return err_set(e, ERR_NOT_FOUND, "This link is not valid any more: ask for another one");
    return true;
}
