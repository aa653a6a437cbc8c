/* base/sandbox.h - a process that gives up what it does not need, before it reads what strangers wrote.
 *
 * Files: what is below `read_dir` may be read (and what its links lead to among the process's own descriptors), what is below `cache_dir`
 * read and written; of the system, what tells how many processors there are and how much memory.  By Landlock; where the kernel, or the
 * engine of a container, has none, *has_files is false.  Calls: memory, threads, the descriptors that are there, clocks.  No sockets, no
 * programs, no other processes, not even their signals, limits or times of files.  By seccomp: what is not allowed fails with
 * EPERM.  Neither can be undone, and both hold for threads that are started later.
 *
 * What is left to a worker that a model has taken over: its own model and calls, as much memory, time and disk as it likes, and to ask
 * whether a path exists. */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include "base/err.h"

/* cache_dir NULL: none.  Not in builds with a sanitizer, which needs more: then nothing happens, and *has_files is false. */
bool sandbox_enter(const char *read_dir, const char *cache_dir, bool *has_files, struct err *e);
bool sandbox_is_built(void);

/* For who needs no file, no thread and nothing new at all: what stays are memory, the descriptors that are open, clocks and the end. */
bool sandbox_seal(struct err *e);

#endif
