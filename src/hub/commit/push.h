/* hub/commit/push.h - what a git push must satisfy, and what happens after it.
 * The same checks as for API commits, for every new commit of the push, not only the tip. */
#ifndef HUB_PUSH_H
#define HUB_PUSH_H

#include "hub/hub.h"

/* May these ref updates happen?  commands: "old SP new SP ref LF" lines.  Looks at all new blobs: size of
 * regular files, LFS pointers whose object is not registered for this repository, folder width, paths,
 * refs that a person may not write (refs/pr/N: author or writers; main may not be deleted; only
 * refs/heads, refs/tags and existing refs/pr).  An invalid card refuses, a missing one warns.  message: what
 * the pusher reads.  The caller holds the repository's lock from before this until after push_accepted. */
bool push_check(struct hub *h, const struct repo *r, const struct identity *who, str commands, const char *quarantine_dir,
                struct buf *message);
/* After the refs moved: events of pull requests, and the index. */
bool push_accepted(struct hub *h, const struct repo *r, const struct identity *who, struct err *e);

#endif
