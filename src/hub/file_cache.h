/* hub/file_cache.h - contents of small files, in bounded memory.
 *
 * Keyed by repository and blob id, so an entry can never be stale.  Least recently used ones go first.
 * An entry that is held stays valid after it was evicted.  Safe from any thread. */
#ifndef HUB_FILE_CACHE_H
#define HUB_FILE_CACHE_H

#include "base/str.h"
#include "vcs/vcs.h"

struct file_cache;
struct file_blob;

struct file_cache *file_cache_new(size_t bytes_max);
void file_cache_free(struct file_cache *c); /* nothing may be held; NULL is fine */
/* Holds the entry, or returns NULL. */
struct file_blob *file_cache_find(struct file_cache *c, int64_t repo_id, const struct vcs_oid *oid);
/* Takes a copy of content in; returns it held.  What is larger than a sixteenth of the cache is held but
 * not kept. */
struct file_blob *file_cache_add(struct file_cache *c, int64_t repo_id, const struct vcs_oid *oid, bytes content);
void file_cache_drop(struct file_cache *c, int64_t repo_id, const struct vcs_oid *oid);
str file_blob_content(const struct file_blob *b);
size_t file_cache_lent(struct file_cache *c); /* bytes in memory that the cache does not keep: somebody holds them */
void file_blob_release(void *held); /* struct file_blob; the type suits arena_on_free */

#endif
