/* base/turn.c - see base/turn.h. */
#include "base/turn.h"

#include "base/clock.h"

bool turn_take(struct turns *t, size_t most, size_t waiting_max, unsigned wait_s)
{
    int64_t until_us = clock_mono_us() + (int64_t)wait_s * 1000000;
    pthread_mutex_lock(&t->lock);
    if (t->taken >= most && t->waiting < waiting_max) {
        bool in_time = true;
        t->waiting++;
        while (t->taken >= most && in_time) in_time = clock_wait(&t->left, &t->lock, until_us);
        t->waiting--;
    }
    bool ok = t->taken < most;
    t->taken += ok;
    pthread_mutex_unlock(&t->lock);
    return ok;
}

void turn_end(struct turns *t)
{
    pthread_mutex_lock(&t->lock);
    t->taken--;
    pthread_cond_signal(&t->left);
    pthread_mutex_unlock(&t->lock);
}
