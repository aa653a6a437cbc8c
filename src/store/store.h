/* store/store.h - immutable blobs by name, in a local directory.
 *
 * A name is [a-z0-9/._-]+ chosen by us ("sha256/ab/cd/abcd..."), never by a client.  A blob is visible
 * only when complete and durable: it is written under tmp/ on the same file system, synced, renamed.
 * Nothing is ever changed in place.  All calls are safe from any thread and any process. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "base/os.h"
#include "base/str.h"

struct store;

/* dir: where blobs lie; tmp_dir: on the same file system (checked).  Creates both. */
bool store_open(const char *dir, const char *tmp_dir, struct store **out, struct err *e);
void store_close(struct store *s);
const char *store_tmp_dir(const struct store *s);

/* Writing: a blob under construction, to be published under a name or discarded.  Random access is
 * allowed until then (several parts may be written by several threads with os_pwrite on t.fd). */
struct store_writer {
    struct os_tmp tmp;
};
bool store_write_begin(struct store *s, struct store_writer *w, struct err *e);
/* Replaces an equal name.  The writer is gone afterwards, whatever the outcome; after a failure the blob may
 * yet be there (when the folder could not be synced), complete.  A publication counts as a modification. */
bool store_write_publish(struct store *s, struct store_writer *w, str name, struct err *e);
/* As store_write_publish, but never replaces: when the name is taken, *was_there is true and the writer stays the
 * caller's.  Two equal names are then one blob, whoever was first. */
bool store_write_publish_new(struct store *s, struct store_writer *w, str name, bool *was_there, struct err *e);
void store_write_discard(struct store_writer *w);
/* Makes certain that a blob that is there stays after a crash of the machine: for one whose publication may
 * have been cut short after the renaming. */
bool store_settle(struct store *s, str name, struct err *e);

bool store_find(struct store *s, str name, uint64_t *size_bytes, int64_t *modified_ms, bool *found, struct err *e);
/* To know whether what was read of a blob earlier still holds. */
bool store_identity(struct store *s, str name, struct os_identity *out, bool *found, struct err *e);
/* A descriptor for reading, owned by the caller; ERR_NOT_FOUND when absent. */
bool store_open_blob(struct store *s, str name, int *fd, uint64_t *size_bytes, struct err *e);
/* Fine if absent.  Not synced: a crash may bring the blob back, and collection will meet it again. */
bool store_remove(struct store *s, str name, struct err *e);
/* Calls fn for every blob in no order, without holding anything; fn returns false to stop.  What comes or
 * goes meanwhile may or may not be seen.  Files whose names could not be ours are passed over. */
bool store_each(struct store *s, bool (*fn)(void *ctx, str name, uint64_t size_bytes, int64_t modified_ms), void *ctx,
                struct err *e);
/* Removes temporary files older than age_ms (left by a crash).  Folders under tmp_dir are their owners'. */
bool store_sweep_tmp(struct store *s, int64_t age_ms, uint64_t *removed, struct err *e);

#endif
