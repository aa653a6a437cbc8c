/* account/oauth_key.c - the key that signs ID tokens: an RSA key in the table signing_key, read once by each process. */
#include <pthread.h>

#include "account/account_priv.h"
#include "account/oauth.h"
#include "base/clock.h"
#include "db/credentials.h"

#define PURPOSE "oauth-rs256"

static bool read_key(struct db_conn *c, struct sign_key **out, struct err *e)
{
    struct db_query q;
    bool found = false;
    *out = NULL;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, "SELECT secret FROM signing_key WHERE purpose = ?", db_text(STR(PURPOSE)));
    if (ok) {
        found = db_next(&q, e);
        if (found) *out = sign_key_from_der(db_col_blob(&q, 0));
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok && (!found || *out || err_set(e, ERR_INTERNAL, "the key that signs ID tokens is damaged"));
}

static bool make_key(struct db *d, struct sign_key **out, struct err *e)
{
    struct db_conn *tx;
    struct buf der = BUF_INIT(0);
    struct sign_key *fresh = sign_key_make(); /* before the transaction: it takes its time */
    sign_key_der(fresh, &der);
    sign_key_free(fresh);
    bool ok = db_begin(d, &tx, e);
    if (ok) {
        db_credentials_begin(tx);
        ok = db_run(tx, e, "INSERT INTO signing_key (purpose, secret, created_ms) VALUES (?, ?, ?) ON CONFLICT (purpose) DO NOTHING",
                    db_text(STR(PURPOSE)), db_blob(bytes_of(buf_str(&der))), db_int(clock_now_ms()));
        db_credentials_end(tx);
        ok = db_finish(d, tx, ok, e);
    }
    buf_deinit(&der);
    if (!ok) return false;
    struct db_conn *c = db_reader(d);
    ok = read_key(c, out, e); /* another process may have been first */
    db_give(d, c);
    return ok && (*out || err_set(e, ERR_INTERNAL, "the key that signs ID tokens is gone"));
}

bool oauth_key(struct db *d, const struct sign_key **out, struct err *e)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct sign_key *key; /* of the one database that a serving process has */
    static struct db *of;
    bool ok = true;
    pthread_mutex_lock(&lock);
    if (!key || of != d) {
        sign_key_free(key);
        key = NULL;
        of = d;
        struct db_conn *c = db_reader(d);
        ok = read_key(c, &key, e);
        db_give(d, c);
        ok = ok && (key || make_key(d, &key, e));
    }
    *out = key;
    pthread_mutex_unlock(&lock);
    return ok;
}
