/* scan/watch.h - judges what pushes bring: which repositories have something to look at, and the work of looking.
 *
 * The database says it by triggers, in the transaction that moves a ref (table scan_due), so nothing is forgotten and no push waits.
 * What is new at the tips of the refs that moved is judged, file by file, and rows are written (scan/verdict.h).  A repository leaves
 * scan_due when all of it was looked at and nothing came meanwhile.  All calls are safe from any thread. */
#ifndef SCAN_WATCH_H
#define SCAN_WATCH_H

#include <stdatomic.h>

#include "scan/verdict.h"

#define SCAN_JOB "scan"

struct scan_pool;
struct scan_watch {
    struct hub *hub;
    struct scan_pool *pool;               /* strangers' bytes are judged by another process */
    str clamd;                            /* address of ClamAV's daemon (scan/clamd.h); empty: it is not asked */
    atomic_uint_least64_t judged[SCAN_UNSAFE + 1]; /* files by level, since the start */
    atomic_bool is_busy;                  /* in this process */
};
void scan_watch_init(struct scan_watch *w, struct hub *h, str clamd);
void scan_watch_deinit(struct scan_watch *w); /* zeroed is fine */
/* What scan_ref.version says: of the lists, and whether ClamAV was asked. */
int64_t scan_watch_version(const struct scan_watch *w);

/* What was judged by older lists is due again; once, at the start. */
bool scan_watch_renew(struct scan_watch *w, struct err *e);
/* Is anything due now? */
bool scan_watch_is_due(struct hub *h, bool *yes, struct err *e);
bool scan_watch_count_due(struct db_conn *c, int64_t *repos, struct err *e);
/* Looks at what is due, newest first, until nothing is.  Returns at once where another thread is at it.  A repository that fails is
 * logged, and tried again later.  False: the database fails, or it was told to stop (ERR_CLOSED). */
bool scan_watch_run(struct scan_watch *w, bool (*stops)(void *ctx), void *ctx, struct err *e);

struct scan_result {
    uint64_t files, bytes;   /* that were read */
    uint64_t known;          /* that were not: their verdict stands */
    uint64_t absent;         /* large files of a mirror that are not here */
};
/* One repository, here and now; again: also what has a verdict. */
bool scan_watch_repo(struct scan_watch *w, const struct repo *r, bool again, bool (*stops)(void *ctx), void *ctx, struct scan_result *out, struct err *e);

/* Drops verdicts of content that is gone from its repository; with hearth gc. */
bool scan_collect(struct hub *h, bool dry_run, bool (*stops)(void *ctx), void *ctx, uint64_t *removed, struct err *e);

#endif
