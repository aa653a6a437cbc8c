/* account/key.c - keys that sign what we hand out: rows of signing_key, made at first use.  The first one of a purpose stands,
 * whichever process made it. */
#include <pthread.h>

#include "account/account_priv.h"
#include "account/oauth.h"
#include "base/clock.h"
#include "db/credentials.h"

static bool find(struct db_conn *c, const char *purpose, struct buf *out, bool *found, struct err *e)
{
    struct db_query q;
    *found = false;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, "SELECT secret FROM signing_key WHERE purpose = ?", db_text(str_c(purpose)));
    if (ok) {
        *found = db_next(&q, e);
        if (*found) buf_add(out, str_of(db_col_blob(&q, 0)));
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

static bool make(struct db *d, const char *purpose, void (*fresh)(struct buf *out), struct buf *out, struct err *e)
{
    static const char sql[] = "INSERT INTO signing_key (purpose, secret, created_ms) VALUES (?, ?, ?) ON CONFLICT (purpose) DO NOTHING";
    struct buf key = BUF_INIT(0);
    struct db_conn *tx;
    bool found, ok = false;
    fresh(&key); /* before the transaction: some take their time */
    if (!db_begin(d, &tx, e)) goto done;
    db_credentials_begin(tx);
    ok = db_run(tx, e, sql, db_text(str_c(purpose)), db_blob(bytes_of(buf_str(&key))), db_int(clock_now_ms()));
    db_credentials_end(tx);
    ok = db_finish(d, tx, ok && find(tx, purpose, out, &found, e), e);
done:
    buf_deinit(&key);
    return ok;
}

static bool find_or_make(struct db *d, const char *purpose, void (*fresh)(struct buf *out), struct buf *out, struct err *e)
{
    bool found;
    struct db_conn *c = db_reader(d);
    bool ok = find(c, purpose, out, &found, e);
    db_give(d, c);
    return ok && (found || make(d, purpose, fresh, out, e));
}

/* ------------------------------------------------------------------ of ours alone */

enum { KEY_BYTES = 32 };

static void random_key(struct buf *out)
{
    uint8_t b[KEY_BYTES];
    random_bytes(b, sizeof b);
    buf_add(out, str_n((const char *)b, sizeof b));
}

bool signing_key(struct db *d, const char *purpose, uint8_t out[KEY_BYTES], struct err *e)
{
    struct buf key = BUF_INIT(0);
    bool ok = find_or_make(d, purpose, random_key, &key, e) &&
              (key.n == KEY_BYTES || err_set(e, ERR_INTERNAL, "the signing key \"%s\" is damaged", purpose));
    if (ok) memcpy(out, key.p, KEY_BYTES);
    buf_deinit(&key);
    return ok;
}

/* ------------------------------------------------------------------ of ID tokens, which others check */

static void rsa_key(struct buf *out)
{
    struct sign_key *k = sign_key_make();
    sign_key_der(k, out);
    sign_key_free(k);
}

static bool read_rsa_key(struct db *d, struct sign_key **out, struct err *e)
{
    struct buf der = BUF_INIT(0);
    bool ok = find_or_make(d, "oauth-rs256", rsa_key, &der, e);
    if (ok) *out = sign_key_from_der(bytes_of(buf_str(&der)));
    buf_deinit(&der);
    return ok && (*out || err_set(e, ERR_INTERNAL, "the key that signs ID tokens is damaged"));
}

bool oauth_key(struct db *d, const struct sign_key **out, struct err *e)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct sign_key *key; /* of the one database that a serving process has */
    static struct db *of;
    bool ok = true;
    pthread_mutex_lock(&lock); /* also while the key is made, once in the life of a home: who waits here needs this very key */
    if (!key || of != d) {
        sign_key_free(key);
        key = NULL;
        of = d;
        ok = read_rsa_key(d, &key, e);
    }
    *out = key;
    pthread_mutex_unlock(&lock);
    return ok;
}
