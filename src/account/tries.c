/* account/tries.c - see account/tries.h. */
#include "account/tries.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/hash.h"

enum { SLOTS = 4096 };
static const int64_t window_ms = 15 * 60 * 1000;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tries {
    int64_t since_ms;
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
    int64_t now = clock_now_ms();
    if (now - t->since_ms > window_ms) *t = (struct tries){ now, 0 };
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
