/* account/oauth_device.c - programs without a browser (RFC 8628): the program shows a short code, the person types it into a page.
 *
 * The short code is of 8 consonants (34 bits) and lives for a quarter of an hour; who types wrong ones is counted by the page
 * (account/tries.h), so that guessing one is hopeless.  The program's own code is long, and what it is asked for is the row. */
#include "account/account_priv.h"
#include "account/oauth_priv.h"
#include "base/clock.h"
#include "db/credentials.h"

enum { USER_CODE = 8, WAITING_MAX = 10000, EARLY_MS = 500 };
static const char letters[] = "BCDFGHJKLMNPQRSTVWXZ"; /* no vowels: no words */

static void make_user_code(char out[USER_CODE + 1])
{
    enum { LETTERS = sizeof letters - 1 };
    for (size_t i = 0; i < USER_CODE;) {
        uint8_t b;
        random_bytes(&b, 1);
        if (b < 256 / LETTERS * LETTERS) out[i++] = letters[b % LETTERS];
    }
    out[USER_CODE] = 0;
}

/* As it was shown, whatever the person made of case, blanks and hyphen. */
static bool user_hash(str typed, struct sha256 *out)
{
    char plain[USER_CODE];
    size_t n = 0;
    for (size_t i = 0; i < typed.n; i++) {
        char c = typed.p[i];
        if (c == '-' || c == ' ') continue;
        if (c >= 'a' && c <= 'z') c = (char)(c - 32);
        if (n == USER_CODE || !memchr(letters, c, sizeof letters - 1)) return false;
        plain[n++] = c;
    }
    if (n != USER_CODE) return false;
    *out = sha256_of((bytes){ (const uint8_t *)plain, n });
    return true;
}

static bool begin(struct db_conn *tx, const struct oauth_app *app, str scopes, str *device_code, const char *user_code, struct arena *a, struct err *e)
{
    static const char sql[] = "INSERT INTO oauth_authorization (app_id, status, hash, user_hash, scopes, created_ms, expires_ms) VALUES (?, 'asked', ?, ?, ?, ?, ?)";
    struct sha256 device, user;
    int64_t waiting, now = clock_now_ms();
    must(user_hash(str_c(user_code), &user));
    *device_code = oauth_secret(&device, a);
    if (!oauth_sweep(tx, e) || !db_get_int(tx, &waiting, 0, e, "SELECT count(*) FROM oauth_authorization WHERE status = 'asked' AND expires_ms > ?", db_int(now))) return false;
    if (waiting >= WAITING_MAX) return err_set(e, ERR_BUSY, "Too many devices wait to be let in; try again in a quarter of an hour");
    return db_run(tx, e, sql, db_int(app->id), db_sha256(&device), db_sha256(&user), db_text(scopes), db_int(now),
                  db_int(now + INT64_C(1000) * OAUTH_DEVICE_SECONDS));
}

bool oauth_device_begin(struct db *d, const struct oauth_app *app, str scopes, str *device_code, str *user_code, struct arena *a, struct err *e)
{
    struct db_conn *tx;
    char code[USER_CODE + 1];
    if (!app->allows_device) return err_kind(e, ERR_INVALID, OAUTH_UNAUTHORIZED_CLIENT, "This application was not registered for devices");
    make_user_code(code);
    *user_code = arena_fmt(a, "%.4s-%s", code, code + 4);
    if (!db_begin(d, &tx, e)) return false;
    db_credentials_begin(tx);
    bool ok = begin(tx, app, scopes, device_code, code, a, e);
    db_credentials_end(tx);
    return db_finish(d, tx, ok, e);
}

bool oauth_device_find(struct db_conn *c, str user_code, struct oauth_device *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " OAUTH_APP_COLUMNS ", z.id, z.scopes FROM oauth_authorization z JOIN oauth_app p ON p.id = z.app_id"
                              " WHERE z.user_hash = ? AND z.status = 'asked' AND z.expires_ms > ?";
    struct db_query q;
    struct sha256 hash;
    *found = false;
    if (!user_hash(user_code, &hash)) return true;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, sql, db_sha256(&hash), db_int(clock_now_ms()));
    if (ok) {
        *found = db_next(&q, e);
        if (*found) {
            oauth_app_read(&q, 0, &out->app, a);
            out->id = db_col_int(&q, OAUTH_APP_COLUMNS_COUNT);
            out->scopes = db_col_dup(&q, OAUTH_APP_COLUMNS_COUNT + 1, a);
        }
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

bool oauth_device_decide(struct db_conn *tx, const struct oauth_device *device, int64_t user_id, bool allow, struct err *e)
{
    static const char sql[] = "UPDATE oauth_authorization SET status = ?, user_id = ? WHERE id = ? AND status = 'asked' AND expires_ms > ?";
    struct arena *a = arena_new(0);
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, sql, db_text(allow ? STR("allowed") : STR("denied")), db_int(user_id), db_int(device->id), db_int(clock_now_ms()));
    db_credentials_end(tx);
    ok = ok && (db_changes(tx) == 1 || err_set(e, ERR_CONFLICT, "This code has expired, or was decided about already")) &&
         (!allow || oauth_remember_consent(tx, &device->app, user_id, device->scopes, a, e));
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ the program asks */

static bool poll(struct db_conn *tx, const struct oauth_app *app, str text, struct oauth_tokens *out, bool *keeps, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT z.id, z.app_id, z.user_id, z.scopes, z.status, z.expires_ms, z.polled_ms, coalesce(u.is_disabled, 0)"
                              " FROM oauth_authorization z LEFT JOIN account u ON u.id = z.user_id WHERE z.hash = ? AND z.user_hash IS NOT NULL";
    struct db_query q;
    struct sha256 hash = sha256_of(bytes_of(text));
    int64_t id = 0, app_id = 0, expires = 0, polled = 0, is_disabled = 0, now = clock_now_ms();
    str status = { 0 };
    *keeps = false;
    *out = (struct oauth_tokens){ 0 };
    if (!db_query(tx, &q, e, sql, db_sha256(&hash))) return false;
    if (db_next(&q, e)) {
        id = db_col_int(&q, 0), app_id = db_col_int(&q, 1), out->user_id = db_col_int(&q, 2), expires = db_col_int(&q, 5);
        polled = db_col_int(&q, 6), is_disabled = db_col_int(&q, 7);
        out->scopes = db_col_dup(&q, 3, a);
        status = db_col_dup(&q, 4, a);
    }
    if (!db_end(&q)) return false;
    if (!id || app_id != app->id) return err_kind(e, ERR_INVALID, OAUTH_INVALID_GRANT, "The device code is unknown, or belongs to another application");
    if (str_eq(status, STR("redeemed"))) { /* its tokens went to who asked first; a second one has stolen the code, or is it */
        *keeps = oauth_end(tx, id, e);
        return err_kind(e, ERR_INVALID, OAUTH_INVALID_GRANT, "The device code was used already");
    }
    if (expires <= now) return err_kind(e, ERR_INVALID, OAUTH_EXPIRED, "The code has expired; begin anew");
    if (str_eq(status, STR("denied")) || is_disabled) return err_kind(e, ERR_INVALID, OAUTH_ACCESS_DENIED, "The person said no");
    if (now - polled < INT64_C(1000) * OAUTH_DEVICE_INTERVAL - EARLY_MS)
        return err_kind(e, ERR_INVALID, OAUTH_SLOW_DOWN, "Ask once in %d seconds", OAUTH_DEVICE_INTERVAL);
    *keeps = db_run(tx, e, "UPDATE oauth_authorization SET polled_ms = ? WHERE id = ?", db_int(now), db_int(id));
    if (!*keeps) return false;
    if (str_eq(status, STR("asked"))) return err_kind(e, ERR_INVALID, OAUTH_PENDING, "Nobody has typed the code yet");
    *keeps = oauth_issue(tx, app, id, out, a, e);
    return *keeps;
}

bool oauth_device_poll(struct db *d, const struct oauth_app *app, str device_code, struct oauth_tokens *out, struct arena *a, struct err *e)
{
    struct db_conn *tx;
    bool keeps;
    if (!db_begin(d, &tx, e)) return false;
    db_credentials_begin(tx);
    bool ok = poll(tx, app, device_code, out, &keeps, a, e);
    db_credentials_end(tx);
    return oauth_finish(d, tx, ok, keeps, e);
}
