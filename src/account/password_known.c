/* account/password_known.c - passwords that were right a moment ago.
 *
 * git sends the password with each of its requests, several in a second, and each costs 64 MiB and a tenth of a second.
 * So a password that was found right stays known for some minutes: as HMAC-SHA-256, under a key that lives as long as the
 * process, of the stored hash and the password.  With another stored hash, which every change of a password makes, it is
 * another value, so a password that was changed, here or by another process, is not known any more; whether the account
 * may still sign in is read from the database each time, as before.  Wrong passwords are never known and cost what they
 * should.
 *
 * What it gives up: who reads this process's memory while a value is in it, key included, can try passwords against it
 * fast.  The same memory holds the passwords themselves while requests are served.
 *
 * The time is counted from the computation, not from the last use. */
#include "account/account_priv.h"

#include <pthread.h>
#include <sodium.h>

#include "base/clock.h"

enum { KNOWN_MAX = 256, KNOWN_US = 5 * 60 * 1000000, TEXT_MAX = 2048 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t key[32];
static struct known {
    struct sha256 value;
    int64_t until_us; /* 0: nothing here */
} known[KNOWN_MAX];

static void make_key(void) { random_bytes(key, sizeof key); }

static bool value_of(str stored, str password, struct sha256 *out)
{
    uint8_t text[TEXT_MAX];
    if (stored.n + password.n + 1 > sizeof text) return false;
    pthread_once(&once, make_key);
    memcpy(text, stored.p, stored.n);
    text[stored.n] = 0; /* a stored hash is text */
    if (password.n) memcpy(text + stored.n + 1, password.p, password.n);
    hmac_sha256((bytes){ key, sizeof key }, (bytes){ text, stored.n + 1 + password.n }, out);
    sodium_memzero(text, stored.n + 1 + password.n);
    return true;
}

bool password_is_known(str stored, str password)
{
    struct sha256 value;
    bool found = false;
    if (!value_of(stored, password, &value)) return false;
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < KNOWN_MAX && !found; i++)
        found = known[i].until_us > now &&
                bytes_eq_secret((bytes){ known[i].value.b, SHA256_BYTES }, (bytes){ value.b, SHA256_BYTES });
    pthread_mutex_unlock(&lock);
    return found;
}

void password_know(str stored, str password)
{
    struct sha256 value;
    if (!value_of(stored, password, &value)) return;
    pthread_mutex_lock(&lock);
    struct known *place = known; /* of the one that ends first */
    for (size_t i = 1; i < KNOWN_MAX; i++)
        if (known[i].until_us < place->until_us) place = &known[i];
    *place = (struct known){ value, clock_mono_us() + KNOWN_US };
    pthread_mutex_unlock(&lock);
}
