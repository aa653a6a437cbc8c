/* account/tries.c - see account/tries.h. */
#include "account/tries.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

enum { SLOTS = 4096, KEYS = 3, KEY_BYTES = 192, NAME_BYTES = 100, PLACE_BYTES = 64, TRIES_MAX = 10, TRIES_WIDE_MAX = 100 };
static const int64_t window_ms = 15 * 60 * 1000;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tries {
    int64_t since_ms; /* by clock_mono_ms */
    uint32_t count;
} tries[SLOTS];

static struct tries *tries_of(str what)
{
    static uint64_t key; /* under the lock */
    if (!key) key = random_u64() | 1;
    uint64_t h = key;
    for (size_t i = 0; i < what.n; i++) {
        char c = what.p[i];
        h = (h ^ (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c)) * UINT64_C(1099511628211);
    }
    struct tries *t = &tries[(h >> 32) % SLOTS];
    int64_t now = clock_mono_ms();
    if (!t->count || now - t->since_ms > window_ms) *t = (struct tries){ now, 0 };
    return t;
}

bool tries_may(str key, unsigned most)
{
    pthread_mutex_lock(&lock);
    bool may = tries_of(key)->count < most;
    pthread_mutex_unlock(&lock);
    return may;
}

void tries_note(str key)
{
    pthread_mutex_lock(&lock);
    tries_of(key)->count++;
    pthread_mutex_unlock(&lock);
}

/* ------------------------------------------------------------------ passwords */

/* Who counts as one there. */
static void place_of(str address, char out[PLACE_BYTES])
{
    struct in6_addr v6;
    snprintf(out, PLACE_BYTES, "%.*s", STR_ARG(str_to(address, PLACE_BYTES - 1)));
    if (inet_pton(AF_INET6, out, &v6) != 1 || IN6_IS_ADDR_V4MAPPED(&v6)) return;
    memset(v6.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &v6, out, PLACE_BYTES);
}

static void keys_of(str name, str address, char key[KEYS][KEY_BYTES])
{
    char place[PLACE_BYTES];
    place_of(address, place);
    name = str_to(name, NAME_BYTES);
    snprintf(key[0], KEY_BYTES, "%.*s %s", STR_ARG(name), place);
    snprintf(key[1], KEY_BYTES, "name %.*s", STR_ARG(name));
    snprintf(key[2], KEY_BYTES, "address %s", place);
}

bool tries_password_may(str name, str address, struct err *e)
{
    static const unsigned most[KEYS] = { TRIES_MAX, TRIES_WIDE_MAX, TRIES_WIDE_MAX };
    char key[KEYS][KEY_BYTES];
    bool may = true;
    keys_of(name, address, key);
    for (size_t i = 0; i < KEYS; i++) may = may && tries_may(str_c(key[i]), most[i]);
    return may || err_kind(e, ERR_BUSY, TRIES_SPENT, "Too many wrong passwords. Wait a quarter of an hour, then try again.");
}

void tries_password_note(str name, str address)
{
    char key[KEYS][KEY_BYTES];
    keys_of(name, address, key);
    for (size_t i = 0; i < KEYS; i++) tries_note(str_c(key[i]));
}
