/* alone.c - keeps the promise of a program that stands under `alone` in meson.build: it starts no thread. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *ctx);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *ctx)
{
    (void)thread;
    (void)attr;
    (void)start;
    (void)ctx;
    fputs("this program starts a thread: tests/unit/meson.build must have it under `with_threads`\n", stderr);
    abort();
}
