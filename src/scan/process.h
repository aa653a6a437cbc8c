/* scan/process.h - strangers' bytes are judged by a process that can do nothing but judge.
 *
 * A child is this program again (`hearth scan-worker`), without files, network, threads or programs of its own, with bounded memory
 * and time.  It asks for the bytes that it wants to see over a pair of sockets, and answers with a report of bounded length, which is
 * checked before it is believed.  It judges many files, one after the other.  A child that crashes, lies or takes too long is ended; the
 * file at hand is then SCAN_ERROR, with a sentence, and the next one gets a new child.
 *
 * What a file that takes a child over can do: spoil the verdicts of the files that this child judges after it.  So a child is
 * replaced after SCAN_CHILD_FILES, and nothing that it says is worse than a wrong verdict.
 *
 * In builds with a sanitizer, which needs more rights, the child gives up none. */
#ifndef SCAN_PROCESS_H
#define SCAN_PROCESS_H

#include "scan/scan.h"

enum { SCAN_CHILD_FILES = 256, SCAN_CHANNEL_FD = 3, SCAN_CHILD_MEMORY_MIB = 512, SCAN_CHILD_SECONDS = 60 };

struct scan_pool;
struct scan_pool_options {
    size_t children_max; /* 0: 1.  Who comes when all are busy waits. */
    const char *program; /* NULL: this one.  Called with the one argument "scan-worker" and its channel as descriptor 3. */
    uint32_t seconds;    /* of a child's own work on one file, beside 1 for each 64 MiB; 0: SCAN_CHILD_SECONDS */
};
struct scan_pool *scan_pool_new(const struct scan_pool_options *o);
/* Ends the children that have nothing to do; the next file gets a new one. */
void scan_pool_rest(struct scan_pool *p);
void scan_pool_free(struct scan_pool *p); /* NULL is fine; nobody may be judging */

/* As scan_source, from any thread.  *out is the arena's. */
bool scan_pool_judge(struct scan_pool *p, const struct scan_source *s, str path, const struct scan_options *o, struct arena *a, struct scan_report *out,
                     struct err *e);

/* The child: judges until the other side hangs up.  False: it could not give up its rights, or the other side speaks nonsense. */
bool scan_worker_run(int fd, struct err *e);

#endif
