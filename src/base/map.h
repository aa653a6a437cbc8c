/* base/map.h - whole files in memory, and memory in large pages.
 *
 * A mapped file must not shrink while it is mapped: reading past its new end would end the process.  So only files
 * that nobody changes in place are mapped: blobs of the store, derived files of our own, what the user names on a command
 * line.  Safe from any thread. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/err.h"
#include "base/str.h"

struct map {
    const uint8_t *p; /* aligned to a page; NULL for an empty file */
    size_t n;
};
/* Read-only, shared with every process that maps the same file. */
bool map_file(const char *path, struct map *out, struct err *e);
void map_end(struct map *m); /* fine if it maps nothing */

/* Zeroed memory in pages as large as the system gives, to be freed with pages_free; ERR_NO_SPACE says how much was
 * wanted. */
bool pages_alloc(size_t n, void **out, struct err *e);
void *pages_new(size_t n); /* for sizes that we choose: aborts when the machine has none */
void pages_free(void *p, size_t n); /* NULL is fine */

#endif
