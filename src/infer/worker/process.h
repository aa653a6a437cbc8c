/* infer/worker/process.h - a worker as a process: started with its channel and the files of its model, and ended for certain. */
#ifndef INFER_PROCESS_H
#define INFER_PROCESS_H

#include <sys/types.h>

#include "infer/worker/frame.h"
#include "infer/worker/staging.h"

enum { PROCESS_CHANNEL_FD = 3 };

struct process {
    pid_t pid;
    struct channel *channel;
};
/* This program again, as `hearth worker FOLDER CACHE`, with an empty environment but for HEARTH_ variables of kernels, the
 * channel as descriptor 3 and the model's files from STAGING_FIRST_FD on.  Its standard error is ours, and it has no input or output. */
bool process_start(const struct staging *s, const char *cache_dir, struct process *out, struct err *e);
/* Asks (SIGTERM), waits up to grace_ms, kills; frees the channel.  *status as of waitpid. */
void process_end(struct process *p, int grace_ms, int *status);

#endif
