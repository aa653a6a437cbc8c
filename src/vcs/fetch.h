/* vcs/fetch.h - refs and objects of a repository elsewhere, brought into one of ours. */
#ifndef VCS_FETCH_H
#define VCS_FETCH_H

#include "base/err.h"
#include "base/str.h"

struct vcs_fetch {
    const char *path; /* of our repository */
    const char *url;  /* http:// or https:// of theirs; no redirect is followed */
    str token;        /* sent as the password of Basic; empty: none */
    int64_t timeout_ms; /* killed after so long: ERR_TIMEOUT */
    uint64_t bytes_max; /* killed when our repository takes more on the disk, in all: ERR_TOO_LARGE.  0: no bound */
    bool (*stops)(void *ctx); /* asked now and then; true: ERR_CLOSED.  NULL is fine */
    void *ctx;
};
/* All branches, tags, converted branches and pull requests become as theirs are; those that they do not have go, also where what is new cannot be
 * brought.  Objects are checked as those of a push are.  What a fetch that failed left half-made is removed;
 * nobody else writes there meanwhile.  Blocks: worker threads only. */
bool vcs_fetch(const struct vcs_fetch *q, struct err *e);

#endif
