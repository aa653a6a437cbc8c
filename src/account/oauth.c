/* account/oauth.c - codes, consents, and the tokens that come of them.
 *
 * A row of oauth_authorization is one act of allowing.  It begins as a code; redeemed, it stays as long as a refresh token may be
 * used, so that the code, should it come a second time, is known: then somebody else has it, too, and the row is deleted, and
 * with it (by the schema) every token that came of it.  Refresh tokens the same; only within some seconds of the first use a
 * second one is refused and no more, since two processes of one program may meet. */
#include "account/account_priv.h"
#include "account/jwt.h"
#include "account/oauth_priv.h"
#include "base/clock.h"
#include "db/credentials.h"

enum { CODE_MS = 60 * 1000, RACE_MS = 10 * 1000, VERIFIER_MIN = 43, VERIFIER_MAX = 128, CHALLENGE = 43 };
static const int64_t refresh_ms = INT64_C(90) * 86400000;

str oauth_secret(struct sha256 *hash, struct arena *a)
{
    char *text = arena_alloc(a, OAUTH_SECRET + 1);
    random_alnum(text, OAUTH_SECRET);
    *hash = sha256_of(bytes_of(str_n(text, OAUTH_SECRET)));
    return str_n(text, OAUTH_SECRET);
}

bool oauth_sweep(struct db_conn *tx, struct err *e)
{
    int64_t now = clock_now_ms();
    return db_run(tx, e, "DELETE FROM oauth_authorization WHERE expires_ms <= ?", db_int(now - 3600000)) && /* an hour: so that "expired" can be said */
           db_run(tx, e, "DELETE FROM oauth_refresh WHERE expires_ms <= ?", db_int(now)) &&
           db_run(tx, e, "DELETE FROM account_token WHERE authorization_id IS NOT NULL AND expires_ms <= ?", db_int(now));
}

bool oauth_end(struct db_conn *tx, int64_t authorization_id, struct err *e)
{
    return db_run(tx, e, "DELETE FROM oauth_authorization WHERE id = ?", db_int(authorization_id));
}

/* ------------------------------------------------------------------ consent */

bool oauth_remember_consent(struct db_conn *tx, const struct oauth_app *app, int64_t user_id, str scopes, struct arena *a, struct err *e)
{
    static const char put[] = "INSERT INTO oauth_consent (user_id, app_id, scopes, created_ms) VALUES (?, ?, ?, ?)"
                              " ON CONFLICT (user_id, app_id) DO UPDATE SET scopes = excluded.scopes";
    struct db_query q;
    str all = scopes;
    if (!db_query(tx, &q, e, "SELECT scopes FROM oauth_consent WHERE user_id = ? AND app_id = ?", db_int(user_id), db_int(app->id))) return false;
    if (db_next(&q, e)) all = arena_fmt(a, "%.*s %.*s", STR_ARG(db_col_text(&q, 0)), STR_ARG(scopes));
    if (!db_end(&q)) return false;
    int64_t now = clock_now_ms();
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "UPDATE oauth_app SET used_ms = ? WHERE id = ?", db_int(now), db_int(app->id)) &&
              db_run(tx, e, put, db_int(user_id), db_int(app->id), db_text(oauth_scopes_within(all, (str){ 0 }, a)), db_int(now));
    db_credentials_end(tx);
    return ok;
}

bool oauth_consented(struct db_conn *c, int64_t app_id, int64_t user_id, str scopes, bool *yes, struct err *e)
{
    struct db_query q;
    *yes = false;
    if (!db_query(c, &q, e, "SELECT scopes FROM oauth_consent WHERE user_id = ? AND app_id = ?", db_int(user_id), db_int(app_id))) return false;
    if (db_next(&q, e)) *yes = oauth_scopes_cover(db_col_text(&q, 0), scopes);
    return db_end(&q);
}

bool oauth_consents(struct db_conn *c, int64_t user_id, struct arena *a, struct oauth_consent **out, size_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT " OAUTH_APP_COLUMNS ", s.scopes, s.created_ms, (SELECT count(*) FROM account_token t JOIN oauth_authorization z"
        " ON z.id = t.authorization_id WHERE z.app_id = p.id AND z.user_id = s.user_id AND t.expires_ms > ?2)"
        " FROM oauth_consent s JOIN oauth_app p ON p.id = s.app_id WHERE s.user_id = ?1 ORDER BY p.name, p.id";
    struct db_query q;
    *out = NULL;
    *n = 0;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, sql, db_int(user_id), db_int(clock_now_ms()));
    if (ok) {
        while (db_next(&q, e)) {
            *out = arena_grow(a, *out, *n, sizeof **out);
            struct oauth_consent *s = &(*out)[(*n)++];
            oauth_app_read(&q, 0, &s->app, a);
            s->scopes = db_col_dup(&q, OAUTH_APP_COLUMNS_COUNT, a);
            s->created_ms = db_col_int(&q, OAUTH_APP_COLUMNS_COUNT + 1);
            s->tokens = db_col_int(&q, OAUTH_APP_COLUMNS_COUNT + 2);
        }
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

bool oauth_withdraw(struct db_conn *tx, int64_t app_id, int64_t user_id, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM oauth_authorization WHERE app_id = ? AND user_id = ?", db_int(app_id), db_int(user_id)) &&
              db_run(tx, e, "DELETE FROM oauth_consent WHERE app_id = ? AND user_id = ?", db_int(app_id), db_int(user_id));
    db_credentials_end(tx);
    return ok;
}

bool oauth_revoke_all(struct db_conn *tx, int64_t user_id, int64_t *n, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM oauth_authorization WHERE user_id = ?", db_int(user_id)) &&
              db_run(tx, e, "DELETE FROM oauth_consent WHERE user_id = ?", db_int(user_id)) &&
              db_run(tx, e, "DELETE FROM account_token WHERE account_id = ?", db_int(user_id));
    *n = ok ? db_changes(tx) : 0;
    db_credentials_end(tx);
    return ok;
}

/* ------------------------------------------------------------------ a code is made */

static bool is_challenge(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_')) return false;
    }
    return s.n == CHALLENGE;
}

bool oauth_allow(struct db_conn *tx, const struct oauth_request *q, str *code, struct arena *a, struct err *e)
{
    static const char sql[] = "INSERT INTO oauth_authorization (app_id, user_id, status, hash, redirect_uri, scopes, challenge, nonce,"
                              " created_ms, expires_ms) VALUES (?, ?, 'allowed', ?, ?, ?, ?, ?, ?, ?)";
    struct sha256 hash;
    int64_t now = clock_now_ms();
    if (q->challenge.n ? !is_challenge(q->challenge) : !q->app->has_secret)
        return err_kind(e, ERR_INVALID, OAUTH_INVALID_REQUEST, "code_challenge must be the SHA-256 of a verifier, as base64url");
    if (!oauth_remember_consent(tx, q->app, q->user_id, q->scopes, a, e)) return false;
    *code = oauth_secret(&hash, a);
    db_credentials_begin(tx);
    bool ok = oauth_sweep(tx, e) &&
              db_run(tx, e, sql, db_int(q->app->id), db_int(q->user_id), db_sha256(&hash), db_text(q->redirect_uri), db_text(q->scopes),
                     db_text(q->challenge.p ? q->challenge : STR("")), db_text(q->nonce.p ? q->nonce : STR("")), db_int(now), db_int(now + CODE_MS));
    db_credentials_end(tx);
    return ok;
}

/* ------------------------------------------------------------------ tokens */

static str scopes_json(const struct oauth_app *app, str scopes, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    str rest = scopes, word;
    jw_object(&w);
    jw_kstr(&w, "app", app->client_id);
    jw_karray(&w, "oauth");
    while (rest.p && str_cut(&rest, ' ', &word))
        if (word.n) jw_str(&w, word);
    jw_array_end(&w);
    jw_object_end(&w);
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

bool oauth_issue(struct db_conn *tx, const struct oauth_app *app, int64_t authorization_id, struct oauth_tokens *out, struct arena *a, struct err *e)
{
    struct token made;
    struct sha256 hash;
    int64_t now = clock_now_ms();
    out->expires_in_s = app->token_seconds;
    out->refresh = oauth_secret(&hash, a);
    return token_create(tx, out->user_id, TOKEN_FINE_GRAINED, app->name, scopes_json(app, out->scopes, a), now + app->token_seconds * 1000,
                        (str){ 0 }, &made, &out->access, a, e) &&
           db_run(tx, e, "UPDATE account_token SET authorization_id = ? WHERE id = ?", db_int(authorization_id), db_int(made.id)) &&
           db_run(tx, e, "UPDATE oauth_authorization SET status = 'redeemed', expires_ms = ? WHERE id = ?", db_int(now + refresh_ms), db_int(authorization_id)) &&
           db_run(tx, e, "INSERT INTO oauth_refresh (hash, authorization_id, expires_ms) VALUES (?, ?, ?)", db_sha256(&hash),
                  db_int(authorization_id), db_int(now + refresh_ms));
}

/* ------------------------------------------------------------------ a code is redeemed */

struct code {
    int64_t id, app_id, user_id, expires_ms;
    str status, redirect_uri, scopes, challenge, nonce;
};

static bool find_code(struct db_conn *tx, str text, struct code *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT id, app_id, user_id, expires_ms, status, redirect_uri, scopes, challenge, nonce"
                              " FROM oauth_authorization WHERE hash = ? AND user_hash IS NULL";
    struct db_query q;
    struct sha256 hash = sha256_of(bytes_of(text));
    if (!db_query(tx, &q, e, sql, db_sha256(&hash))) return false;
    *found = db_next(&q, e);
    if (*found)
        *out = (struct code){ .id = db_col_int(&q, 0), .app_id = db_col_int(&q, 1), .user_id = db_col_int(&q, 2), .expires_ms = db_col_int(&q, 3),
                              .status = db_col_dup(&q, 4, a), .redirect_uri = db_col_dup(&q, 5, a), .scopes = db_col_dup(&q, 6, a),
                              .challenge = db_col_dup(&q, 7, a), .nonce = db_col_dup(&q, 8, a) };
    return db_end(&q);
}

static bool is_verified(str challenge, str verifier)
{
    if (!challenge.n) return !verifier.n; /* a verifier for nothing: somebody took the challenge away */
    if (verifier.n < VERIFIER_MIN || verifier.n > VERIFIER_MAX) return false;
    struct buf b = BUF_INIT(0);
    struct sha256 digest = sha256_of(bytes_of(verifier));
    buf_base64url(&b, (bytes){ digest.b, SHA256_BYTES });
    bool is_it = bytes_eq_secret(bytes_of(buf_str(&b)), bytes_of(challenge));
    buf_deinit(&b);
    return is_it;
}

#define BAD_CODE "The code is unknown, was used, has expired, or was given to another application or for another address"
static bool redeem(struct db_conn *tx, const struct oauth_app *app, str text, str redirect_uri, str verifier, struct oauth_tokens *out,
                   bool *keeps, struct arena *a, struct err *e)
{
    struct code code;
    bool found;
    *keeps = false;
    if (!find_code(tx, text, &code, &found, a, e)) return false;
    if (!found || code.app_id != app->id) return err_kind(e, ERR_INVALID, OAUTH_INVALID_GRANT, BAD_CODE);
    if (str_eq(code.status, STR("redeemed"))) { /* two have it: neither keeps what came of it */
        *keeps = oauth_end(tx, code.id, e);
        return *keeps ? err_kind(e, ERR_INVALID, OAUTH_INVALID_GRANT, BAD_CODE) : false;
    }
    bool ok = str_eq(code.status, STR("allowed")) && code.expires_ms > clock_now_ms() && str_eq(code.redirect_uri, redirect_uri) &&
              is_verified(code.challenge, verifier);
    if (!ok) { /* one attempt only */
        *keeps = oauth_end(tx, code.id, e);
        return *keeps ? err_kind(e, ERR_INVALID, OAUTH_INVALID_GRANT, BAD_CODE) : false;
    }
    *out = (struct oauth_tokens){ .user_id = code.user_id, .scopes = code.scopes, .nonce = code.nonce };
    *keeps = oauth_issue(tx, app, code.id, out, a, e);
    return *keeps;
}

bool oauth_finish(struct db *d, struct db_conn *tx, bool ok, bool keeps, struct err *e)
{
    struct err why;
    if (!keeps) {
        db_rollback(d, tx);
        return false;
    }
    if (db_commit(d, tx, &why)) return ok;
    *e = why;
    return false;
}

bool oauth_redeem(struct db *d, const struct oauth_app *app, str code, str redirect_uri, str verifier, struct oauth_tokens *out,
                  struct arena *a, struct err *e)
{
    struct db_conn *tx;
    bool keeps;
    if (!db_begin(d, &tx, e)) return false;
    db_credentials_begin(tx);
    bool ok = redeem(tx, app, code, redirect_uri, verifier, out, &keeps, a, e);
    db_credentials_end(tx);
    return oauth_finish(d, tx, ok, keeps, e);
}

/* ------------------------------------------------------------------ a token is renewed */

#define BAD_REFRESH "The refresh token is unknown, was used, has expired, or belongs to another application"
static bool renew(struct db_conn *tx, const struct oauth_app *app, str text, str wanted, struct oauth_tokens *out, bool *keeps, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT z.id, z.app_id, z.user_id, z.scopes, r.used_ms, r.expires_ms FROM oauth_refresh r"
                              " JOIN oauth_authorization z ON z.id = r.authorization_id JOIN account u ON u.id = z.user_id"
                              " WHERE r.hash = ? AND z.status = 'redeemed' AND NOT u.is_disabled";
    struct db_query q;
    struct sha256 hash = sha256_of(bytes_of(text));
    int64_t id = 0, app_id = 0, used = 0, expires = 0, now = clock_now_ms();
    str scopes = { 0 };
    *keeps = false;
    if (!db_query(tx, &q, e, sql, db_sha256(&hash))) return false;
    if (db_next(&q, e)) {
        id = db_col_int(&q, 0), app_id = db_col_int(&q, 1), used = db_col_int(&q, 4), expires = db_col_int(&q, 5);
        *out = (struct oauth_tokens){ .user_id = db_col_int(&q, 2) };
        scopes = db_col_dup(&q, 3, a);
    }
    if (!db_end(&q)) return false;
    if (!id || app_id != app->id || expires <= now) return err_kind(e, ERR_INVALID, OAUTH_INVALID_GRANT, BAD_REFRESH);
    if (used) { /* two have it */
        *keeps = now - used > RACE_MS && oauth_end(tx, id, e);
        return err_kind(e, ERR_INVALID, OAUTH_INVALID_GRANT, BAD_REFRESH);
    }
    out->scopes = oauth_scopes_within(wanted, scopes, a);
    if (wanted.n && !oauth_scopes_cover(scopes, wanted)) return err_kind(e, ERR_INVALID, OAUTH_INVALID_SCOPE, "A renewed token can do no more than the first one");
    *keeps = oauth_sweep(tx, e) && db_run(tx, e, "UPDATE oauth_refresh SET used_ms = ? WHERE hash = ?", db_int(now), db_sha256(&hash)) &&
             oauth_issue(tx, app, id, out, a, e);
    return *keeps;
}

bool oauth_refresh(struct db *d, const struct oauth_app *app, str token, str scopes, struct oauth_tokens *out, struct arena *a, struct err *e)
{
    struct db_conn *tx;
    bool keeps;
    if (!db_begin(d, &tx, e)) return false;
    db_credentials_begin(tx);
    bool ok = renew(tx, app, token, scopes, out, &keeps, a, e);
    db_credentials_end(tx);
    return oauth_finish(d, tx, ok, keeps, e);
}
