/* hub/text/budget.c - see hub/text/budget.h. */
#include "hub/text/budget.h"

#include "base/clock.h"

enum { TAKES_A_LOOK = 64 }; /* looking at the clock costs as much as some of them */

void budget_begin(struct budget *b, size_t bytes_max)
{
    b->a = arena_new(bytes_max);
    b->until_us = clock_thread_us() + BUDGET_US;
    b->takes = 0;
}

void *budget_take(struct budget *b, size_t n)
{
    bool too_long = ++b->takes % TAKES_A_LOOK == 0 && clock_thread_us() > b->until_us;
    void *p = too_long ? NULL : arena_try(b->a, n);
    if (!p) longjmp(b->out_of_it, 1);
    return p;
}

void budget_end(struct budget *b)
{
    arena_free(b->a);
    b->a = NULL;
}
