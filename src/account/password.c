/* account/password.c - passwords as Argon2id hashes.
 *
 * Each computation takes 64 MiB and about a tenth of a second, on purpose; a gate lets two run at once, so
 * that a burst of logins can use up neither memory nor processors, and a few wait, so that it cannot hold
 * all threads of the server either: the others are told to come again.  An unknown user costs the same work,
 * against a hash that no password has, so that time does not tell who exists.  A password that was right is known
 * for some minutes (password_known.c). */
#include "account/account_priv.h"

#include <pthread.h>
#include <sodium.h>

#include "db/credentials.h"

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 1024, OPS = 2, MEMORY_BYTES = 64 << 20, AT_ONCE = 2, WAITING_MAX = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;
static int running, waiting;
static uint64_t computations;

static bool enter(struct err *e)
{
    must(sodium_init() >= 0); /* safe to repeat, from any thread */
    pthread_mutex_lock(&lock);
    bool ok = waiting < WAITING_MAX;
    if (ok) {
        waiting++;
        while (running == AT_ONCE) pthread_cond_wait(&left, &lock);
        waiting--;
        running++;
        computations++;
    }
    pthread_mutex_unlock(&lock);
    return ok || err_set(e, ERR_BUSY, "too many people sign in at once; try again");
}

static void leave(void)
{
    pthread_mutex_lock(&lock);
    running--;
    pthread_cond_signal(&left);
    pthread_mutex_unlock(&lock);
}

uint64_t password_computations(void)
{
    pthread_mutex_lock(&lock);
    uint64_t n = computations;
    pthread_mutex_unlock(&lock);
    return n;
}

bool password_hash(str password, char out[PASSWORD_HASH_BYTES], struct err *e)
{
    _Static_assert(PASSWORD_HASH_BYTES == crypto_pwhash_STRBYTES, "libsodium's size");
    if (password.n < PASSWORD_MIN) return err_set(e, ERR_INVALID, "a password has at least %d characters", PASSWORD_MIN);
    if (password.n > PASSWORD_MAX) return err_set(e, ERR_INVALID, "a password has at most %d bytes", PASSWORD_MAX);
    if (!enter(e)) return false;
    bool ok = crypto_pwhash_str(out, password.p, password.n, OPS, MEMORY_BYTES) == 0;
    leave();
    return ok || err_set(e, ERR_BUSY, "not enough memory to hash a password (64 MiB)");
}

/* `stored` .p NULL: nobody, but the work is the same and the answer is no. */
static bool password_check(str stored, str password, bool *right, struct err *e)
{
    /* Same parameters as real ones; salt and digest are zero, which no password yields in this universe. */
    static const char nobody[] = "$argon2id$v=19$m=65536,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
                                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    char hash[crypto_pwhash_STRBYTES] = { 0 };
    *right = false;
    if (password.n > PASSWORD_MAX) return true; /* depends on the request alone */
    str against = stored.p && stored.n < sizeof hash ? stored : str_c(nobody);
    if (stored.p && password_is_known(stored, password)) return *right = true;
    memcpy(hash, against.p, against.n);
    if (!enter(e)) return false;
    bool same = crypto_pwhash_str_verify(hash, password.p ? password.p : "", password.n) == 0;
    leave();
    *right = same && stored.p;
    if (*right) password_know(stored, password);
    return true;
}

bool account_store_password(struct db_conn *tx, int64_t id, const char *hash, struct err *e)
{
    static const char sql[] = "INSERT INTO account_password (account_id, hash) VALUES (?, ?)"
                              " ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash";
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, sql, db_int(id), db_text(str_c(hash)));
    db_credentials_end(tx);
    return ok && member_weigh_factor(tx, id, e);
}

bool account_has_password(struct db_conn *c, int64_t id, bool *has, struct err *e)
{
    int64_t n;
    db_credentials_begin(c);
    bool ok = db_get_int(c, &n, 0, e, "SELECT count(*) FROM account_password WHERE account_id = ?", db_int(id));
    db_credentials_end(c);
    *has = ok && n;
    return ok;
}

bool account_check_password(struct db_conn *c, str name, str password, struct account *out, bool *right,
                            struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " ACCOUNT_COLUMNS ", p.hash FROM account a JOIN account_password p ON p.account_id = a.id"
                              " WHERE a.name_key = ? AND a.kind = 'user' AND NOT a.is_disabled";
    struct db_query q;
    str stored = { 0 };
    bool ok = false;
    *right = false;
    db_credentials_begin(c);
    if (!db_query(c, &q, e, sql, db_text(account_key(name, a)))) goto done;
    if (db_next(&q, e)) {
        account_read(&q, out, a);
        stored = db_col_dup(&q, ACCOUNT_COLUMNS_COUNT, a);
    }
    ok = db_end(&q);
done:
    db_credentials_end(c);
    return ok && password_check(stored, password, right, e);
}
