/* model/nn/team.h - threads that do one thing together, many thousand times a second.
 *
 * A team is its creator and so many helpers.  Work is cut in parts, which whoever is free takes one after the other; a run
 * returns when all parts are done.  So a helper that sleeps, or whose processor serves somebody else, holds nobody up: the
 * others do its share.  Between two runs the helpers spin for a while, for the next run of a forward pass comes within
 * microseconds, and then sleep.  One thread at a time may call team_run and team_split. */
#ifndef MODEL_NN_TEAM_H
#define MODEL_NN_TEAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct team;
struct team *team_new(size_t threads); /* the caller's own counted; at least 1 */
void team_free(struct team *t);        /* NULL is fine */
size_t team_size(const struct team *t);
/* fn(ctx, part, parts) once for every part, on whatever threads; parts: 1 to TEAM_PARTS_MAX. */
enum { TEAM_PARTS_MAX = 65535 };
void team_split(struct team *t, size_t parts, void (*fn)(void *ctx, size_t part, size_t parts), void *ctx);
/* The same with as many parts as threads. */
void team_run(struct team *t, void (*fn)(void *ctx, size_t part, size_t parts), void *ctx);

/* Where the parts of a run wait for each other.  Each must have a thread of its own then, so there are no more than team_size, and a
 * thread that is held up holds up all. */
struct meeting {
    size_t parts;
    atomic_size_t arrivals;
    atomic_bool is_broken;
};
/* Until every part has come so many times.  False: one will not come, for it has broken the meeting. */
bool meeting_wait(struct meeting *m, size_t times);
void meeting_break(struct meeting *m);

/* The share [*first, *end) of n that falls to a part: contiguous, and as equal as may be. */
static inline void team_share(size_t n, size_t part, size_t parts, size_t *first, size_t *end)
{
    *first = n * part / parts;
    *end = n * (part + 1) / parts;
}

#endif
