/* model/nn/team.h - threads that do one thing together, many thousand times a second.
 *
 * A team is its creator and so many helpers.  team_run hands the same function to all and returns when all are done.
 * Between two runs the helpers spin for a while, for the next run of a forward pass comes within microseconds, and then
 * sleep.  One thread at a time may call team_run. */
#ifndef MODEL_NN_TEAM_H
#define MODEL_NN_TEAM_H

#include <stddef.h>

struct team;
struct team *team_new(size_t threads); /* the caller's own counted; at least 1 */
void team_free(struct team *t);        /* NULL is fine */
size_t team_size(const struct team *t);
/* fn(ctx, part, parts) on every thread, with part 0 on this one. */
void team_run(struct team *t, void (*fn)(void *ctx, size_t part, size_t parts), void *ctx);
/* As many processors as this process may use, by its affinity and its control group. */
size_t team_processors(void);

/* The share [*first, *end) of n that falls to a part: contiguous, and as equal as may be. */
static inline void team_share(size_t n, size_t part, size_t parts, size_t *first, size_t *end)
{
    *first = n * part / parts;
    *end = n * (part + 1) / parts;
}

#endif
