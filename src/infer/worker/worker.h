/* infer/worker/worker.h - the process that runs a model: `hearth worker FOLDER CACHE`, started by infer/worker/process.h alone. */
#ifndef INFER_WORKER_H
#define INFER_WORKER_H

#include "base/err.h"

/* Serves the channel at descriptor `fd` until it is closed.  False: the model could not be loaded (the parent has been told), or
 * the channel failed. */
bool worker_run(int fd, const char *folder, const char *cache_dir, struct err *e);

#endif
