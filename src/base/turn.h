/* base/turn.h - what is costly is done by few at once: the others wait, and when too many wait, or for too long, they are refused.
 * Each that waits holds its thread. */
#ifndef BASE_TURN_H
#define BASE_TURN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct turns {
    pthread_mutex_t lock;
    pthread_cond_t left;
    size_t taken, waiting;
};
#define TURNS_INIT { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 }

/* False: `most` are taken, and waiting_max wait already, or none became free within wait_s. */
bool turn_take(struct turns *t, size_t most, size_t waiting_max, unsigned wait_s);
void turn_end(struct turns *t);

#endif
